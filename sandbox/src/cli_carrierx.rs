//! `sandbox carrierx`: the CarrierX simulator as a program of its own.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use crate::carrierx::{DEFAULT_SCOPES, DEFAULT_TOKEN, Options, PARTNER_SID};
use crate::simulator::command::{self, parse_duration, parse_switch};
use crate::tls::TlsArgs;

/// Arguments of `sandbox carrierx`.
#[derive(Args, Clone)]
pub struct CarrierxArgs {
    /// Where to listen; port 0 means a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Bearer token of the partner that exists from the start
    #[arg(long, default_value = DEFAULT_TOKEN, hide_default_value = true)]
    pub token: String,
    /// SID of that partner
    #[arg(long, default_value = PARTNER_SID)]
    pub partner_sid: String,
    /// A scope that the token has besides the usual ones, such as endpoints.manage_auth_required; may be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    pub scopes: Vec<String>,
    /// A rented number that exists from the start, such as +15162065574; may be repeated
    #[arg(long = "did", value_name = "NUMBER")]
    pub dids: Vec<String>,
    /// A switch of the contract, name=value; may be repeated
    #[arg(long = "switch", value_name = "NAME=VALUE", value_parser = parse_switch)]
    pub switches: Vec<(String, String)>,
    /// Delay of every answer, such as 250ms
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub latency: Duration,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// HTTPS.
    #[command(flatten)]
    pub tls: TlsArgs,
}

impl From<CarrierxArgs> for Options {
    fn from(args: CarrierxArgs) -> Self {
        let CarrierxArgs { listen, token, partner_sid, scopes, dids, switches, latency, seed, tls } = args;
        let scopes = DEFAULT_SCOPES.iter().map(|scope| (*scope).to_owned()).chain(scopes).collect();
        Self { listen, token, partner_sid, scopes, dids, switches, latency, seed, tls: tls.into() }
    }
}

/// Runs the simulator until SIGINT or SIGTERM; prints `ready http://127.0.0.1:PORT` (`https` with TLS) once it listens.
///
/// # Errors
/// A switch or a number is wrong, or the address cannot be bound.
pub async fn run(args: CarrierxArgs) -> anyhow::Result<()> {
    command::run(Options::from(args)).await
}
