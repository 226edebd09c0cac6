//! Where the story plays: the control plane, the provider, the operator, and what is printed.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rand::RngExt;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use crate::admin_client::AdminClient;
use crate::control_plane::ControlPlane;
use crate::plivo::{self, Simulator};
use crate::process::Process;

/// The operator's settle time in the demo: all waits of the protocol shrink with it.
pub const SETTLE: Duration = Duration::from_secs(6);
/// Longest that a step may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The operator's settings, printed as they are.
const ARGUMENTS: [&str; 9] = ["run", "--settle", "6s", "--sweep-period", "2s", "--retry-base", "200ms", "--health-listen", "127.0.0.1:0"];

/// Everything that runs, and the voice that tells.
pub struct Stage {
    pub admin: AdminClient,
    plane: ControlPlane,
    simulator: Simulator,
    operator: Option<Process>,
    dir: PathBuf,
    steps: usize,
    began: Instant,
    colours: bool,
}

impl Stage {
    /// Starts the control plane and the provider, in a new folder below the system's temporary one.
    pub async fn set(samples: &[(&str, &str)]) -> Result<Stage> {
        let began = Instant::now();
        let dir = std::env::temp_dir().join(format!("switchboard-demo-{}", std::process::id()));
        let folder = dir.join("deploy/samples");
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for (name, text) in samples {
            std::fs::write(folder.join(name), text).with_context(|| format!("cannot write {name}"))?;
        }
        let plane = ControlPlane::start(&dir.join("sandbox")).await?;
        let simulator = Simulator::start(plivo::Options::default()).await?;
        let admin = simulator.admin();
        let colours = std::io::stdout().is_terminal();
        let mut stage = Stage { admin, plane, simulator, operator: None, dir, steps: 0, began, colours };
        stage.step("A real kube-apiserver, etcd and kube-controller-manager on this machine, and a provider that speaks Plivo's API");
        stage.say(&format!(
            "kube-apiserver at {}, provider at {}; custom resources and rights of deploy/ are applied",
            stage.plane.server(),
            stage.simulator.url()
        ));
        Ok(stage)
    }

    /// Starts the operator that was built beside this program.
    pub fn start_operator(&mut self) -> Result<()> {
        let binary = std::env::current_exe().context("where is this program?")?.with_file_name("switchboard");
        ensure!(binary.is_file(), "the operator is not built: {} is missing (cargo build --workspace)", binary.display());
        self.print_command("switchboard", &ARGUMENTS);
        let env = Path::new("/usr/bin/env");
        let kubeconfig = format!("KUBECONFIG={}", self.plane.operator_kubeconfig().display());
        let url = format!("SWITCHBOARD_PLIVO_URL={}", self.simulator.url());
        let program = binary.display().to_string();
        let mut words: Vec<&str> = vec![&kubeconfig, &url, &program];
        words.extend(ARGUMENTS);
        self.operator = Some(Process::start(&self.dir, "operator", env, words)?);
        Ok(())
    }

    /// Announces a step.
    pub fn step(&mut self, title: &str) {
        self.steps += 1;
        let (bold, plain) = if self.colours { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        let seconds = self.began.elapsed().as_secs_f32();
        print(&format!("\n{bold}{}. {title}{plain}  [{seconds:.1} s]", self.steps));
    }

    /// Says something.
    pub fn say(&self, text: &str) {
        print(&format!("   {text}"));
    }

    fn print_command(&self, program: &str, args: &[&str]) {
        let (dim, plain) = if self.colours { ("\x1b[36m", "\x1b[0m") } else { ("", "") };
        let quote = |arg: &&str| if arg.contains([' ', '{', '"', '*', '$', '?']) { format!("'{arg}'") } else { (*arg).to_owned() };
        print(&format!("   {dim}$ {program} {}{plain}", args.iter().map(quote).collect::<Vec<_>>().join(" ")));
    }

    /// Runs kubectl as a person would, showing the command and what it prints.
    pub async fn kubectl(&self, args: &[&str]) -> Result<String> {
        self.print_command("kubectl", args);
        let output = self.quiet(args).await?;
        for line in output.lines() {
            self.say(line);
        }
        Ok(output)
    }

    async fn quiet(&self, args: &[&str]) -> Result<String> {
        let mut command = Command::new(self.plane.kubectl());
        command.args(args).env("KUBECONFIG", self.plane.kubeconfig()).current_dir(&self.dir);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output =
            timeout(PATIENCE * 2, command.output()).await.with_context(|| format!("kubectl {} does not end", args.join(" ")))??;
        if !output.status.success() {
            bail!("kubectl {} failed: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Makes or replaces a Secret; the values are not printed.
    pub async fn secret(&self, name: &str, values: &[(&str, &str)]) -> Result<()> {
        let shown: Vec<String> = values.iter().map(|(key, _)| format!("--from-literal={key}=…")).collect();
        let words: Vec<&str> =
            ["-n", "voice", "create", "secret", "generic", name].into_iter().chain(shown.iter().map(String::as_str)).collect();
        self.print_command("kubectl", &words);
        let literals: Vec<String> = values.iter().map(|(key, value)| format!("--from-literal={key}={value}")).collect();
        let mut words = vec!["-n", "voice", "create", "secret", "generic", name, "--dry-run=client", "-o", "json"];
        words.extend(literals.iter().map(String::as_str));
        let manifest = self.dir.join("secret.json");
        std::fs::write(&manifest, self.quiet(&words).await?)?;
        let applied = self.quiet(&["-n", "voice", "apply", "--server-side", "-f", &manifest.display().to_string()]).await;
        std::fs::remove_file(&manifest)?;
        self.say(applied?.trim());
        Ok(())
    }

    /// A member of an endpoint's status; empty if it is absent.
    pub async fn field(&self, name: &str, field: &str) -> Result<String> {
        self.quiet(&["-n", "voice", "get", "sipendpoint", name, &format!("-o=jsonpath={{.status.{field}}}")]).await
    }

    /// The reason of an endpoint's Ready condition.
    pub async fn reason(&self, name: &str) -> Result<String> {
        self.field(name, r#"conditions[?(@.type=="Ready")].reason"#).await
    }

    /// The object is Ready for its present generation.
    pub async fn is_ready(&self, name: &str) -> Result<bool> {
        let generation = self.quiet(&["-n", "voice", "get", "sipendpoint", name, "-o=jsonpath={.metadata.generation}"]).await?;
        Ok(self.reason(name).await? == "Available" && self.field(name, "observedGeneration").await? == generation)
    }

    /// Waits until an event of the object with this reason is there, and shows it.
    pub async fn event(&self, name: &str, reason: &str) -> Result<()> {
        let args = ["-n", "voice", "events", "--for", &format!("sipendpoint/{name}")];
        self.until(&format!("an event {reason}"), async |stage: &Stage| Ok(stage.quiet(&args).await?.contains(reason))).await?;
        self.print_command("kubectl", &args);
        for line in self.quiet(&args).await?.lines().filter(|line| line.contains(reason) || line.starts_with("LAST SEEN")) {
            self.say(line);
        }
        Ok(())
    }

    /// The endpoints at the provider.
    pub async fn living(&self) -> Result<Vec<Value>> {
        let state = self.admin.state().await?;
        let endpoints =
            state["accounts"][plivo::DEFAULT_AUTH_ID]["endpoints"].as_array().context("the provider's state has no endpoints")?;
        Ok(endpoints.clone())
    }

    /// One endpoint at the provider.
    pub async fn endpoint(&self, id: &str) -> Result<Value> {
        let found = self.living().await?.into_iter().find(|endpoint| endpoint["endpoint_id"] == id);
        found.with_context(|| format!("the provider has no endpoint {id}"))
    }

    /// The ledger holds exactly these effects.
    pub async fn ledger_is(&self, expected: &[&str], meaning: &str) -> Result<()> {
        let ledger: Vec<String> = self.admin.ledger().await?.into_iter().map(|entry| entry.op).collect();
        ensure!(ledger == expected, "the provider's ledger holds {ledger:?} instead of {expected:?}");
        self.say(&format!("the provider's ledger: {} ({meaning})", ledger.join(", ")));
        Ok(())
    }

    /// Asks until it holds.
    pub async fn until(&self, what: &str, holds: impl AsyncFn(&Stage) -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self).await? {
            ensure!(Instant::now() < deadline, "this never came: {what}");
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Stays until it is interrupted, telling how to go on by hand.
    pub async fn stay(&mut self) -> Result<()> {
        self.step("Everything stays up until Ctrl-C; in another shell:");
        self.say(&format!("export KUBECONFIG={}", self.plane.kubeconfig().display()));
        self.say(&format!("export PATH={}:$PATH", self.plane.kubectl().parent().unwrap_or(Path::new(".")).display()));
        self.say("kubectl -n voice get sipendpoints --watch");
        self.say(&format!("curl -s {}/_sandbox/ledger      # what the provider was really asked to do", self.simulator.url()));
        self.say(&format!("tail -f {}", self.dir.join("log/operator.log").display()));
        std::future::pending().await
    }

    /// The end of the operator's log, for a story that went wrong.
    pub fn show_operator_log(&self) {
        if let Some(operator) = &self.operator {
            eprintln!("{:#}", operator.error("the story broke off; the operator"));
        }
    }

    /// Stops everything and removes the folder.
    pub async fn clear(mut self) {
        drop(self.operator.take());
        self.simulator.stop().await;
        self.plane.stop().await;
        // What cannot be removed is in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// 24 letters and digits: what the documentation tells people to make.
pub fn password() -> String {
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(24).map(char::from).collect()
}

fn print(line: &str) {
    // A reader that went away is no reason to stop half-way.
    let _ = writeln!(std::io::stdout(), "{line}");
}
