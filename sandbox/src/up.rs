//! `sandbox up` and `sandbox control-plane`: start, say so in one line, stay until interrupted.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use clap::ValueEnum;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    control_plane::ControlPlane,
    plivo::{self, Simulator},
};

/// A provider that can be simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Provider {
    /// Plivo's REST API.
    Plivo,
}

/// Starts a control plane and the simulators in `dir`, prints one line that begins with `ready`, and stays until SIGINT, SIGTERM
/// or SIGHUP. Nothing is left running afterwards.
///
/// # Errors
/// When something does not start, a program ends by itself, or the start is interrupted.
pub async fn run(dir: &Path, providers: &[Provider]) -> Result<()> {
    let mut stop = Stop::listen()?;
    let (mut plane, simulator) = tokio::select! {
        started = start(dir, providers) => started?,
        () = stop.asked() => bail!("interrupted while starting"),
    };
    let end = tokio::select! {
        error = plane.failed() => Err(error),
        () = stop.asked() => Ok(()),
    };
    if let Some(simulator) = simulator {
        simulator.stop().await;
    }
    plane.stop().await;
    end
}

/// Starts everything, writes `env` and says that it is ready.
async fn start(dir: &Path, providers: &[Provider]) -> Result<(ControlPlane, Option<Simulator>)> {
    let plane = ControlPlane::start(dir).await?;
    let mut ready = format!("ready {}", plane.server());
    let simulator = match providers.contains(&Provider::Plivo) {
        true => Some(Simulator::start(plivo::Options::default()).await?),
        false => None,
    };
    if let Some(simulator) = &simulator {
        ready.push_str(&format!(" plivo={}", simulator.url()));
    }
    let env = write_env(&plane, simulator.as_ref())?;
    // Nobody may be reading any more; that is no reason to stop.
    let _ = writeln!(io::stdout(), "{ready} env={}", env.display());
    Ok((plane, simulator))
}

/// Writes the file `env`, which leads a shell here, and returns its path.
pub(crate) fn write_env(plane: &ControlPlane, simulator: Option<&Simulator>) -> Result<PathBuf> {
    let mut variables = vec![("KUBECONFIG", plane.kubeconfig().display().to_string())];
    variables.extend(simulator.map(|simulator| ("SWITCHBOARD_PLIVO_URL", simulator.url().to_owned())));
    let mut env = exports(&variables);
    if let Some(programs) = plane.kubectl().parent() {
        // The rest of PATH is that of the shell that reads this.
        env.push_str(&format!("export PATH={}:\"$PATH\"\n", quoted(&programs.display().to_string())));
    }
    plane.write("env", &env)
}

/// Lines for a shell.
fn exports(variables: &[(&str, String)]) -> String {
    variables.iter().map(|(name, value)| format!("export {name}={}\n", quoted(value))).collect()
}

/// A word of a shell; single quotes keep everything but themselves.
pub(crate) fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// The signals that ask for an end.
pub(crate) struct Stop([Signal; 3]);

impl Stop {
    pub(crate) fn listen() -> Result<Stop> {
        Ok(Stop([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?]))
    }

    pub(crate) async fn asked(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::exports;

    #[test]
    fn exported_values_survive_a_shell() {
        let value = "it's $HOME \"quoted\"\\";
        let script = format!("{}printf %s \"$NAME\"", exports(&[("NAME", value.to_owned())]));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().expect("a shell");
        assert_eq!(String::from_utf8_lossy(&output.stdout), value);
    }
}
