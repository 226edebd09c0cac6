//! `sandbox demo`: the story of Switchboard on one machine, from `kubectl apply` to an empty provider. Every scene shows what was
//! run and what came back, and a scene that does not hold ends the demo with an error.
//!
//! It uses the operator as anybody would: as a program beside this one, with the rights of `deploy/` and no others.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::up::Stop;
use stage::Stage;
use teller::Teller;

mod numbers;
mod peer;
mod scene;
mod stage;
mod story;
mod teller;

/// Kubernetes gives a Pod 30 s to end, and the operator needs at most 25 of them.
const GRACE: Duration = Duration::from_secs(25);

/// Arguments of `sandbox demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Leave everything running before the objects would be deleted, until Ctrl-C, and say how to go on by hand.
    #[arg(long)]
    pub keep: bool,
    /// Folder for kubeconfig, operator.kubeconfig, env, logs and pid files.
    #[arg(long, default_value = ".sandbox/demo")]
    pub dir: PathBuf,
    /// The operator; by default the `switchboard` beside this program.
    #[arg(long, value_name = "PROGRAM")]
    pub operator: Option<PathBuf>,
}

/// Tells the story. Nothing is left running afterwards, however it ends.
///
/// # Errors
/// When a scene does not hold, something does not start or ends by itself, or the demo is interrupted.
pub async fn run(args: DemoArgs) -> Result<()> {
    let mut stop = Stop::listen()?;
    let teller = Teller::to_stdout();
    let mut stage = tokio::select! {
        built = Stage::build(&args, &teller) => built.with_context(|| teller.place())?,
        () = stop.asked() => bail!("interrupted while starting"),
    };
    let told = tokio::select! {
        told = story::tell(&stage.scene, !args.keep) => told,
        error = stage.running.failed() => Err(error),
        () = stop.asked() => Err(anyhow::anyhow!("interrupted")),
    };
    let told = match told.with_context(|| teller.place()) {
        Ok(()) if args.keep => {
            teller.kept(&stage.running)?;
            tokio::select! {
                error = stage.running.failed() => Err(error),
                () = stop.asked() => Ok(()),
            }
        }
        told => told.map_err(|error| stage.with_log(error)),
    };
    let stopped = stage.running.stop(GRACE).await;
    told.and(stopped)?;
    teller.end(args.keep);
    Ok(())
}
