//! `sandbox up` and `sandbox control-plane`: start, say so in one line, stay until interrupted.

use std::{
    env,
    io::{self, Write},
    path::Path,
};

use anyhow::{Result, bail};
use clap::ValueEnum;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::control_plane::ControlPlane;

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
pub async fn run(dir: &Path, _providers: &[Provider]) -> Result<()> {
    let mut stop = Stop::listen()?;
    let mut plane = tokio::select! {
        plane = ControlPlane::start(dir) => plane?,
        () = stop.asked() => bail!("interrupted while starting"),
    };
    let mut variables = vec![("KUBECONFIG", plane.kubeconfig().display().to_string())];
    let mut ready = vec![format!("ready {}", plane.server())];
    if let Some(programs) = plane.kubectl().parent() {
        variables.push(("PATH", format!("{}:{}", programs.display(), env::var("PATH").unwrap_or_default())));
    }
    let path = plane.write("env", &exports(&variables))?;
    ready.push(format!("env={}", path.display()));
    // Nobody may be reading any more; that is no reason to stop.
    let _ = writeln!(io::stdout(), "{}", ready.join(" "));
    let end = tokio::select! {
        error = plane.failed() => Err(error),
        () = stop.asked() => Ok(()),
    };
    plane.stop().await;
    end
}

/// Lines for a shell; single quotes keep everything but themselves.
fn exports(variables: &[(&str, String)]) -> String {
    variables.iter().map(|(name, value)| format!("export {name}='{}'\n", value.replace('\'', r"'\''"))).collect()
}

/// The signals that ask for an end.
struct Stop([Signal; 3]);

impl Stop {
    fn listen() -> Result<Stop> {
        Ok(Stop([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?]))
    }

    async fn asked(&mut self) {
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
