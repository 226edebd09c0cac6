//! What the simulators of all providers have in common: log, ledger, fault rules, switches, lists, the admin interface, and the program
//! around them. A provider says what its requests mean ([`Provider`]) and how it is started ([`Plan`]); nothing here knows one.

pub(crate) mod act;
pub(crate) mod admin;
pub(crate) mod answer;
pub(crate) mod command;
pub(crate) mod listing;
pub(crate) mod rate;
pub(crate) mod shared;
pub(crate) mod store;
pub(crate) mod switches;
pub(crate) mod wire;

use std::marker::PhantomData;
use std::net::SocketAddr;

use axum::Router;
use http::Method;
use http::request::Parts;
use serde_json::Value;

pub use switches::{Delays, LONGEST_DELAY_MS, Look};

use crate::admin_client::AdminClient;
use crate::faults::ListFault;
use crate::http::{IDLE, Server};
use crate::tls::Tls;
use act::{Call, Done};
use answer::Answer;
use rate::Limiter;
use switches::SwitchSet;

/// A provider: its world, its switches, and what a request does.
pub(crate) trait Provider: Sized + Send + Sync + 'static {
    /// Everything that exists. Cloned for a dry run, when an answer is wanted without its effect.
    type World: Clone + Send + Sync;
    /// What is not known about the provider.
    type Switches: SwitchSet;

    /// The account that a request is about, for the log.
    fn account(world: &Self::World, head: &Parts) -> Option<String>;

    /// Whether this is a GET of a collection.
    fn is_list(method: &Method, path: &str) -> bool;

    /// Whether a query argument carries a secret.
    fn is_secret_argument(name: &str, value: &str) -> bool;

    /// A body as the ledger shows it: no password, no token.
    fn redacted(body: &Value) -> Value;

    /// Authentication and rate limit.
    ///
    /// # Errors
    /// The refusal that is the whole answer.
    fn admit(world: &Self::World, limiter: &mut Limiter, switches: &Self::Switches, call: &Call, now_ms: u64) -> Result<(), Answer>;

    /// Carries out an admitted call. No I/O, and nothing random but from the call's seed.
    fn carry_out(world: &mut Self::World, switches: &Self::Switches, call: &Call, now_ms: u64, fault: Option<ListFault>) -> Done;

    /// Everything, for people and tests.
    fn state(world: &Self::World, switches: &Self::Switches) -> Value;

    /// The world as at the start, with the credentials of now.
    fn emptied(world: &Self::World) -> Self::World;
}

/// How a simulator is started.
pub trait Plan: Send {
    /// Name on the command line.
    const NAME: &'static str;
    /// The variable that leads Switchboard to it.
    const VARIABLE: &'static str;

    /// HTTPS, if it is wanted.
    fn tls(&self) -> Option<&Tls>;

    /// Where to listen, and what answers there.
    ///
    /// # Errors
    /// A switch is unknown or has an impossible value, or another option has.
    fn prepare(self) -> anyhow::Result<(SocketAddr, Router)>;
}

/// A running simulator; it stops when dropped.
pub struct Simulator<P: Plan> {
    url: String,
    server: Server,
    plan: PhantomData<fn(P)>,
}

impl<P: Plan> Simulator<P> {
    /// Starts a simulator.
    ///
    /// # Errors
    /// A switch is unknown or has an impossible value, the folder of the authority cannot be written, or the address cannot be bound.
    pub async fn start(options: P) -> anyhow::Result<Simulator<P>> {
        let tls = options.tls().cloned();
        let (listen, router) = options.prepare()?;
        let (scheme, server) = match tls {
            None => ("http", Server::start(listen, router, IDLE).await?),
            Some(tls) => ("https", Server::start_tls(listen, router, IDLE, tls.server(listen.ip())?).await?),
        };
        Ok(Simulator { url: format!("{scheme}://{}", server.address()), server, plan: PhantomData })
    }

    /// The origin, `http://127.0.0.1:PORT`, or with `https`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops; returns when nothing listens any more.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// A client of the admin interface.
    pub fn admin(&self) -> AdminClient {
        AdminClient::new(&self.url)
    }
}
