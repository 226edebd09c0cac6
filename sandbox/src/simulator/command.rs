//! A simulator as a program of its own.

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::{Plan, Simulator};

/// A duration of the command line: `250ms`, `5s`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text} is no duration such as 250ms or 5s");
    let (digits, unit_ms) =
        text.strip_suffix("ms").map(|digits| (digits, 1)).or_else(|| Some((text.strip_suffix('s')?, 1000))).ok_or_else(wrong)?;
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    count.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(wrong)
}

/// A switch of the command line: `name=value`.
pub(crate) fn parse_switch(text: &str) -> Result<(String, String), String> {
    text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "name=value is needed".to_owned())
}

/// Runs a simulator until SIGINT or SIGTERM; prints `ready http://127.0.0.1:PORT` (`https` with TLS) once it listens.
///
/// # Errors
/// A switch is wrong, the folder of the authority cannot be written, or the address cannot be bound.
pub(crate) async fn run<P: Plan>(options: P) -> anyhow::Result<()> {
    // Before "ready", so that whoever waits for that line can already stop us cleanly.
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be watched")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be watched")?;
    let simulator = Simulator::start(options).await?;
    println!("ready {}", simulator.url());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    simulator.stop().await;
    Ok(())
}
