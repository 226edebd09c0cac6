//! The CarrierX simulator: contracts/carrierx.md on a loopback port, with a ledger of what was really done.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let options = sandbox::carrierx::Options { dids: vec!["+15162065574".to_owned()], ..Default::default() };
//! let simulator = sandbox::carrierx::Simulator::start(options).await?;
//! println!("{} has executed {} effects", simulator.url(), simulator.admin().ledger().await?.len());
//! # Ok(())
//! # }
//! ```

mod admin;
mod api;
mod did;
mod endpoint;
mod errors;
mod fields;
mod filter;
mod listing;
mod nested;
mod scopes;
mod show;
mod switches;
mod trunk;
mod update;
mod world;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use axum::Router;
use serde_json::json;

pub use scopes::{AUTH_REQUIRED_SCOPE, DEFAULT_SCOPES};
pub use switches::Switches;

use crate::simulator::{self, Plan, shared};
use crate::tls::Tls;
use api::CarrierX;
use world::{Seeds, Token, World};

type Shared = shared::Shared<CarrierX>;
type State = shared::State<CarrierX>;

/// The bearer token from the start. Not a secret.
pub const DEFAULT_TOKEN: &str = "sandbox-token";
/// The partner that the token belongs to, unless said otherwise.
pub const PARTNER_SID: &str = "5a4db0c5-0000-4000-8000-000000000001";
/// A sub-partner with endpoints of its own.
pub const OTHER_PARTNER_SID: &str = "5a4db0c5-0000-4000-8000-000000000002";

/// How to start a simulator.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 means a free one.
    pub listen: SocketAddr,
    /// The bearer token.
    pub token: String,
    /// The partner that the token belongs to.
    pub partner_sid: String,
    /// The scopes of the token (contracts/carrierx.md 2).
    pub scopes: Vec<String>,
    /// Rented numbers that exist from the start: 7 to 15 digits, with or without a plus. They have voice and point nowhere.
    pub dids: Vec<String>,
    /// Switches by name (contracts/carrierx.md 10).
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
            token: DEFAULT_TOKEN.to_owned(),
            partner_sid: PARTNER_SID.to_owned(),
            scopes: DEFAULT_SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
            dids: Vec::new(),
            switches: Vec::new(),
            latency: Duration::ZERO,
            seed: 1,
            tls: None,
        }
    }
}

impl Plan for Options {
    const NAME: &'static str = "carrierx";
    const VARIABLE: &'static str = "SWITCHBOARD_CARRIERX_URL";

    fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    fn prepare(self) -> anyhow::Result<(SocketAddr, Router)> {
        let Self { listen, token, partner_sid, scopes, dids, switches: named, latency, seed, tls: _ } = self;
        let mut switches = Switches::default();
        let latency = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        switches.set("latency_ms", &json!(latency)).map_err(anyhow::Error::msg)?;
        for (name, value) in &named {
            switches.set_text(name, value).map_err(anyhow::Error::msg)?;
        }
        let dids: Vec<String> = dids.iter().map(|number| number.strip_prefix('+').unwrap_or(number).to_owned()).collect();
        for number in &dids {
            ensure!(simulator::admin::is_number(number), "{number} is no number of 7 to 15 digits");
        }
        let scopes = scopes.into_iter().collect();
        let tokens = BTreeMap::from([(token, Token { partner: partner_sid.clone(), scopes })]);
        let world = World::new(tokens, Arc::new(Seeds { partner: partner_sid.clone(), dids, seed }));
        let shared = Shared::new(&partner_sid, world, switches, seed);
        Ok((listen, simulator::admin::router(Arc::new(shared), admin::router())))
    }
}

/// A running simulator; it stops when dropped.
pub type Simulator = simulator::Simulator<Options>;
