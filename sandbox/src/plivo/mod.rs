//! The Plivo simulator: contracts/plivo.md on a loopback port, with a ledger of what was really done.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let simulator = sandbox::plivo::Simulator::start(sandbox::plivo::Options::default()).await?;
//! println!("{} has executed {} effects", simulator.url(), simulator.admin().ledger().await?.len());
//! # Ok(())
//! # }
//! ```

mod admin;
mod answer;
mod api;
mod application;
mod endpoint;
mod listing;
mod number;
mod switches;
mod world;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde_json::json;

pub use answer::UNAUTHORIZED_TEXT;
pub(crate) use endpoint::md5_hex;
pub use switches::Switches;

use crate::simulator::{self, Plan, shared};
use crate::tls::Tls;
use api::Plivo;
use world::{Account, World};

type Shared = shared::Shared<Plivo>;
type State = shared::State<Plivo>;

/// Auth ID of the account that exists from the start.
pub const DEFAULT_AUTH_ID: &str = "MASANDBOX00000000000";
/// Its Auth Token: 40 characters, as at Plivo. Not a secret.
pub const DEFAULT_AUTH_TOKEN: &str = "sandboxsandboxsandboxsandboxsandboxtoken";

/// How to start a simulator.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 means a free one.
    pub listen: SocketAddr,
    /// Auth ID of the default account.
    pub auth_id: String,
    /// Auth Token of the default account.
    pub auth_token: String,
    /// Calls per window and length of the window (1 ms to 1 h); `None` switches the limit off.
    pub rate_limit: Option<(u32, Duration)>,
    /// Switches by name (contracts/plivo.md 12).
    pub switches: Vec<(String, String)>,
    /// Delay of every answer, up to 10 minutes.
    pub latency: Duration,
    /// Seed of everything random.
    pub seed: u64,
    /// HTTPS; `None` is plain HTTP.
    pub tls: Option<Tls>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            auth_id: DEFAULT_AUTH_ID.to_owned(),
            auth_token: DEFAULT_AUTH_TOKEN.to_owned(),
            rate_limit: Some((300, Duration::from_secs(5))),
            switches: Vec::new(),
            latency: Duration::ZERO,
            seed: 1,
            tls: None,
        }
    }
}

impl Options {
    fn switches(&self) -> anyhow::Result<Switches> {
        let mut switches = Switches::default();
        let (limit, window) = self.rate_limit.unwrap_or((0, Duration::from_secs(5)));
        let latency = u64::try_from(self.latency.as_millis()).unwrap_or(u64::MAX);
        let given = [("rate_limit", json!(limit)), ("rate_window_s", json!(window.as_secs_f64())), ("latency_ms", json!(latency))];
        for (name, value) in given {
            switches.set(name, &value).map_err(anyhow::Error::msg)?;
        }
        for (name, value) in &self.switches {
            switches.set_text(name, value).map_err(anyhow::Error::msg)?;
        }
        Ok(switches)
    }
}

impl Plan for Options {
    const NAME: &'static str = "plivo";
    const VARIABLE: &'static str = "SWITCHBOARD_PLIVO_URL";

    fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    fn prepare(self) -> anyhow::Result<(SocketAddr, Router)> {
        let switches = self.switches()?;
        let mut world = World::default();
        world.accounts.insert(self.auth_id.clone(), Account { auth_token: self.auth_token, parent: None });
        let shared = Shared::new(&self.auth_id, world, switches, self.seed);
        Ok((self.listen, simulator::admin::router(Arc::new(shared), admin::router())))
    }
}

/// A running simulator; it stops when dropped.
pub type Simulator = simulator::Simulator<Options>;
