//! What the story plays on: the control plane, the provider, and the operator. The opening scenes bring them up.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::time::sleep;

use super::{DemoArgs, scene::Scene, teller::Teller};
use crate::{
    carrierx,
    control_plane::ControlPlane,
    plivo,
    process::{Process, Program},
    up,
};

/// The application that `deploy/samples/endpoint-all-fields.yaml` attaches its endpoint to.
const APPLICATION: &str = "16638156474000802";

/// Shorter than in real use (150 s, 60 s, 1 s): every wait of the operator scales with these, and none is left out.
const TIMES: [&str; 6] = ["--settle", "3s", "--sweep-period", "2s", "--retry-base", "100ms"];

/// Any free port for its health endpoints: another operator may run on this machine.
const PORT: [&str; 2] = ["--health-listen", "127.0.0.1:0"];

/// How often the programs are looked at.
const POLL: Duration = Duration::from_millis(250);

/// Everything that the story needs.
pub(super) struct Stage<'a> {
    pub(super) running: Running,
    pub(super) scene: Scene<'a>,
}

/// What runs. Dropped, it is stopped, the operator first.
pub(super) struct Running {
    operator: Process,
    plivo: plivo::Simulator,
    carrierx: carrierx::Simulator,
    plane: ControlPlane,
}

impl<'a> Stage<'a> {
    /// The opening scenes: everything is up when they are over.
    pub(super) async fn build(args: &DemoArgs, teller: &'a Teller) -> Result<Stage<'a>> {
        let root = checkout()?;
        let program = match &args.operator {
            Some(program) => program.clone(),
            None => beside()?,
        };
        teller.scene(
            "A Kubernetes control plane starts",
            "A real kube-apiserver with etcd and kube-controller-manager, on loopback, with RBAC. There are no nodes: the operator and the\n\
             provider run as programs beside it.",
        );
        let plane = ControlPlane::start(&args.dir).await?;
        let plivo = plivo::Simulator::start(plivo::Options::default()).await?;
        let carrierx = carrierx::Simulator::start(carrierx::Options::default()).await?;
        let scene = Scene {
            root,
            dir: plane.dir().to_owned(),
            kubectl: plane.kubectl().to_owned(),
            kubeconfig: plane.kubeconfig().to_owned(),
            teller,
            plivo: plivo.admin(),
            carrierx: carrierx.admin(),
        };
        scene.kubectl(&["version"]).await?;

        teller.scene(
            "The custom resources and the operator's rights are installed",
            "The same files as for any cluster. Among the rights there is none to read Secrets; the admission policies keep others from\n\
             writing what the operator remembers in `status`.",
        );
        scene.kubectl(&["apply", "--server-side", "-f", "crds/", "-f", "deploy/rbac.yaml", "-f", "deploy/admission.yaml"]).await?;

        teller.scene(
            "The providers and the operator start",
            "Simulators stand in for Plivo, where an application is there already, and for CarrierX. The operator runs as the ServiceAccount\n\
             switchboard-system/switchboard and with shortened times (defaults: settle 150s, sweep 60s, retry 1s).",
        );
        teller.command(&format!("PLIVO={} CARRIERX={}", plivo.url(), carrierx.url()));
        let application = json!({"app_name": "reception", "app_id": APPLICATION});
        let created = scene.plivo.create_application(application.clone());
        scene.console(("POST", "/applications"), Some(&application), created, &["app_id", "app_name"]).await?;
        let operator = start_operator(&program, &plane, (plivo.url(), carrierx.url()), teller)?;
        let mut running = Running { operator, plivo, carrierx, plane };
        running.operator_works().await?;
        Ok(Stage { running, scene })
    }

    /// The end of the operator's log belongs to what went wrong.
    pub(super) fn with_log(&self, error: anyhow::Error) -> anyhow::Error {
        let log = self.running.operator.error("ran meanwhile");
        anyhow::anyhow!("{error:#}\n\n{log}")
    }
}

impl Running {
    /// Waits until something ends by itself, and says how.
    pub(super) async fn failed(&mut self) -> anyhow::Error {
        loop {
            if let Some(error) = self.operator.ended() {
                return error;
            }
            tokio::select! {
                error = self.plane.failed() => return error,
                () = sleep(POLL) => {}
            }
        }
    }

    /// Stops everything; the operator is asked to end in order.
    pub(super) async fn stop(self, grace: Duration) -> Result<()> {
        let Running { operator, plivo, carrierx, plane } = self;
        let ended = operator.terminate(grace).await;
        plivo.stop().await;
        carrierx.stop().await;
        plane.stop().await;
        ended
    }

    /// The file that leads a shell here.
    pub(super) fn write_env(&self) -> Result<PathBuf> {
        up::write_env(&self.plane, [up::Origin::from(&self.plivo), up::Origin::from(&self.carrierx)])
    }

    pub(super) fn log_folder(&self) -> PathBuf {
        self.plane.dir().join("log")
    }

    /// Waits until the operator says that it starts: it has found its configuration and the API server then.
    async fn operator_works(&mut self) -> Result<()> {
        let patience = tokio::time::Instant::now() + super::scene::PATIENCE;
        loop {
            if let Some(error) = self.operator.ended() {
                return Err(error);
            }
            if self.operator.printed()?.contains("switchboard starts") {
                return Ok(());
            }
            ensure!(tokio::time::Instant::now() < patience, self.operator.error("does not start"));
            sleep(POLL).await;
        }
    }
}

fn start_operator(program: &Path, plane: &ControlPlane, (plivo, carrierx): (&str, &str), teller: &Teller) -> Result<Process> {
    let args = [&["run", "--plivo-url", plivo, "--carrierx-url", carrierx], &TIMES[..], &PORT[..]].concat();
    let kubeconfig = plane.operator_kubeconfig().display();
    teller.command(&format!(
        "KUBECONFIG={kubeconfig} switchboard run --plivo-url $PLIVO --carrierx-url $CARRIERX {} {} &",
        TIMES.join(" "),
        PORT.join(" ")
    ));
    let mut operator = clean(Program::new(program)).args(args).env("KUBECONFIG", plane.operator_kubeconfig());
    // A backtrace would push the reason out of the end of the log that an error shows.
    operator = operator.env_remove("RUST_BACKTRACE").env_remove("RUST_LIB_BACKTRACE");
    // Whatever was set for another operator.
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SWITCHBOARD_")) {
        operator = operator.env_remove(name);
    }
    Process::start_program(plane.dir(), "switchboard", &operator)
}

/// Without proxies: they do not lead to loopback.
pub(super) fn clean(program: Program) -> Program {
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"].into_iter().fold(program, Program::env_remove)
}

/// The checkout, whose manifests are applied.
fn checkout() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let root = root.canonicalize().with_context(|| format!("the demo applies the manifests of its checkout, {}", root.display()))?;
    ensure!(root.join("deploy/samples").is_dir(), "{} has no deploy/samples", root.display());
    Ok(root)
}

/// The operator, built together with this program.
fn beside() -> Result<PathBuf> {
    let own = env::current_exe().context("cannot find out which program this is")?;
    let program = own.with_file_name("switchboard");
    ensure!(program.is_file(), "there is no {}: build both with `cargo build --workspace`, or name one with --operator", program.display());
    Ok(program)
}
