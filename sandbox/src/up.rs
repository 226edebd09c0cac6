//! `sandbox up` and `sandbox control-plane`: start, say so in one line, stay until interrupted.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use clap::ValueEnum;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    carrierx,
    control_plane::ControlPlane,
    plivo,
    simulator::{Plan, Simulator},
};

/// A provider that can be simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Provider {
    /// Plivo's REST API.
    Plivo,
    /// CarrierX's Core API.
    #[value(name = "carrierx")]
    CarrierX,
}

/// The simulators that run; dropped, they stop.
#[derive(Default)]
struct Simulators {
    plivo: Option<plivo::Simulator>,
    carrierx: Option<carrierx::Simulator>,
}

impl Simulators {
    /// Starts one for each provider. If one does not start, none is left.
    async fn start(providers: &[Provider]) -> Result<Simulators> {
        let mut started = Simulators::default();
        if providers.contains(&Provider::Plivo) {
            started.plivo = Some(Simulator::start(plivo::Options::default()).await?);
        }
        if providers.contains(&Provider::CarrierX) {
            started.carrierx = Some(Simulator::start(carrierx::Options::default()).await?);
        }
        Ok(started)
    }

    /// Where each is.
    fn origins(&self) -> Vec<Origin> {
        self.plivo.as_ref().map(Origin::from).into_iter().chain(self.carrierx.as_ref().map(Origin::from)).collect()
    }

    async fn stop(self) {
        if let Some(simulator) = self.plivo {
            simulator.stop().await;
        }
        if let Some(simulator) = self.carrierx {
            simulator.stop().await;
        }
    }
}

/// Where a simulator is, and the variable that leads Switchboard there.
pub(crate) struct Origin {
    name: &'static str,
    variable: &'static str,
    url: String,
}

impl<P: Plan> From<&Simulator<P>> for Origin {
    fn from(simulator: &Simulator<P>) -> Self {
        Origin { name: P::NAME, variable: P::VARIABLE, url: simulator.url().to_owned() }
    }
}

/// Starts a control plane and the simulators in `dir`, prints one line that begins with `ready`, and stays until SIGINT, SIGTERM
/// or SIGHUP. Nothing is left running afterwards.
///
/// # Errors
/// When something does not start, a program ends by itself, or the start is interrupted.
pub async fn run(dir: &Path, providers: &[Provider]) -> Result<()> {
    let mut stop = Stop::listen()?;
    let (mut plane, simulators) = tokio::select! {
        started = start(dir, providers) => started?,
        () = stop.asked() => bail!("interrupted while starting"),
    };
    let end = tokio::select! {
        error = plane.failed() => Err(error),
        () = stop.asked() => Ok(()),
    };
    simulators.stop().await;
    plane.stop().await;
    end
}

/// Starts everything, writes `env` and says that it is ready.
async fn start(dir: &Path, providers: &[Provider]) -> Result<(ControlPlane, Simulators)> {
    let plane = ControlPlane::start(dir).await?;
    let simulators = Simulators::start(providers).await?;
    let mut ready = format!("ready {}", plane.server());
    for Origin { name, url, .. } in simulators.origins() {
        ready.push_str(&format!(" {name}={url}"));
    }
    let env = write_env(&plane, simulators.origins())?;
    // Nobody may be reading any more; that is no reason to stop.
    let _ = writeln!(io::stdout(), "{ready} env={}", env.display());
    Ok((plane, simulators))
}

/// Writes the file `env`, which leads a shell here, and returns its path.
pub(crate) fn write_env(plane: &ControlPlane, simulators: impl IntoIterator<Item = impl Into<Origin>>) -> Result<PathBuf> {
    let mut variables = vec![("KUBECONFIG", plane.kubeconfig().display().to_string())];
    variables.extend(simulators.into_iter().map(Into::into).map(|Origin { variable, url, .. }| (variable, url)));
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
