//! `sandbox plivo`: the Plivo simulator as a program of its own.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use crate::plivo::{DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, Options};
use crate::simulator::command::{self, parse_duration, parse_switch};
use crate::tls::TlsArgs;

/// Arguments of `sandbox plivo`.
#[derive(Args, Clone)]
pub struct PlivoArgs {
    /// Where to listen; port 0 means a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Auth ID of the account that exists from the start
    #[arg(long, default_value = DEFAULT_AUTH_ID)]
    pub auth_id: String,
    /// Its Auth Token
    #[arg(long, default_value = DEFAULT_AUTH_TOKEN, hide_default_value = true)]
    pub auth_token: String,
    /// Calls per window, such as 300/5s or 20/500ms, or off
    #[arg(long, default_value = "300/5s", value_parser = parse_rate)]
    pub rate_limit: RateLimit,
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

/// A rate limit of the command line; `None` is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit(pub Option<(u32, Duration)>);

fn parse_rate(text: &str) -> Result<RateLimit, String> {
    if text == "off" {
        return Ok(RateLimit(None));
    }
    let (calls, window) = text.split_once('/').ok_or("calls/window such as 300/5s, or off")?;
    let calls: u32 = calls.parse().map_err(|_| format!("{calls} is no number of calls"))?;
    if calls == 0 {
        return Err("no calls at all would pass; say off for no limit".to_owned());
    }
    Ok(RateLimit(Some((calls, parse_duration(window)?))))
}

impl From<PlivoArgs> for Options {
    fn from(args: PlivoArgs) -> Self {
        let PlivoArgs { listen, auth_id, auth_token, rate_limit, switches, latency, seed, tls } = args;
        Self { listen, auth_id, auth_token, rate_limit: rate_limit.0, switches, latency, seed, tls: tls.into() }
    }
}

/// Runs the simulator until SIGINT or SIGTERM; prints `ready http://127.0.0.1:PORT` (`https` with TLS) once it listens.
///
/// # Errors
/// A switch is wrong, or the address cannot be bound.
pub async fn run(args: PlivoArgs) -> anyhow::Result<()> {
    command::run(Options::from(args)).await
}
