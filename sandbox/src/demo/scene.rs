//! What a scene acts and looks with: kubectl, as anybody would use it, and the provider's console and books.

use std::{fmt::Display, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::{stage::clean, teller::Teller};
use crate::{
    admin_client::AdminClient,
    plivo::DEFAULT_AUTH_ID,
    process::{self, Process, Program},
    up,
};

/// The namespace in which the story happens.
pub(super) const NAMESPACE: &str = "voice";

/// Longest that anything is waited for: a machine may be slow, but a demo that does not hold has to end.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How often something is looked at.
pub(super) const POLL: Duration = Duration::from_millis(100);

/// The means of a scene.
pub(super) struct Scene<'a> {
    /// The checkout: manifests are named as seen from there.
    pub(super) root: PathBuf,
    pub(super) dir: PathBuf,
    pub(super) kubectl: PathBuf,
    pub(super) kubeconfig: PathBuf,
    pub(super) teller: &'a Teller,
    pub(super) plivo: AdminClient,
    pub(super) carrierx: AdminClient,
}

impl Scene<'_> {
    /// Shows a kubectl command, runs it and shows what it printed.
    pub(super) async fn kubectl(&self, args: &[&str]) -> Result<String> {
        self.teller.command(&shown(args));
        let printed = self.quietly(args).await?;
        self.teller.answer(&printed);
        Ok(printed)
    }

    /// As [`Scene::kubectl`], in the namespace of the story.
    pub(super) async fn voice(&self, args: &[&str]) -> Result<String> {
        self.kubectl(&in_voice(args)).await
    }

    /// Runs kubectl to its end and returns what it printed.
    async fn quietly(&self, args: &[&str]) -> Result<String> {
        let ended = timeout(PATIENCE * 2, process::capture(&self.program(args))).await;
        let captured = ended.with_context(|| format!("{} does not end", shown(args)))??;
        // Warnings, and the answer "no" of `auth can-i`, are for people too; what failed says why on standard error.
        let asks = args.contains(&"can-i");
        ensure!(captured.status.success() || asks, "{}: {}{}", shown(args), captured.stderr, captured.stdout);
        Ok(captured.stdout)
    }

    /// Makes a Secret, whose values are not shown.
    pub(super) async fn secret(&self, name: &str, values: &[(&str, &str)]) -> Result<()> {
        let literal = |(key, value): &(&str, &str)| format!("--from-literal={key}={value}");
        let hidden: Vec<String> = values.iter().map(|(key, _)| literal(&(key, "…"))).collect();
        let values: Vec<String> = values.iter().map(literal).collect();
        let args = |literals: &[String]| -> Vec<String> {
            ["create", "secret", "generic", name].into_iter().map(str::to_owned).chain(literals.iter().cloned()).collect()
        };
        self.masked(&texts(&args(&values)), &texts(&args(&hidden))).await
    }

    /// Runs kubectl with a last argument that is not shown.
    pub(super) async fn secretly(&self, args: &[&str], last: &str, hidden: &str) -> Result<()> {
        self.masked(&[args, &[last]].concat(), &[args, &[hidden]].concat()).await
    }

    async fn masked(&self, args: &[&str], instead: &[&str]) -> Result<()> {
        let instead = shown(&in_voice(instead));
        self.teller.command(&instead);
        let ended = timeout(PATIENCE, process::capture(&self.program(&in_voice(args)))).await;
        let captured = ended.with_context(|| format!("{instead} does not end"))??;
        ensure!(captured.status.success(), "{instead}: {}", captured.stderr);
        self.teller.answer(&captured.stdout);
        Ok(())
    }

    fn program(&self, args: &[&str]) -> Program {
        clean(Program::new(&self.kubectl)).args(args).env("KUBECONFIG", &self.kubeconfig).current_dir(&self.root)
    }

    /// Shows a kubectl command and lets it watch while the scene goes on.
    pub(super) fn watch(&self, args: &[&str]) -> Result<Process> {
        let args = in_voice(args);
        self.teller.command(&format!("{} &", shown(&args)));
        Process::start_program(&self.dir, "kubectl-watch", &self.program(&args))
    }

    /// What a watch printed, once it has printed this.
    pub(super) async fn printed(&self, watch: &Process, what: &str) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let printed = watch.printed()?;
            if printed.contains(what) {
                return Ok(printed);
            }
            ensure!(Instant::now() < deadline, "the watch never showed {what}:\n{printed}");
            sleep(POLL).await;
        }
    }

    /// One value of an object; empty if it is not there.
    pub(super) async fn value(&self, object: &str, path: &str) -> Result<String> {
        self.quietly(&in_voice(&["get", object, "-o", &format!("jsonpath={{{path}}}")])).await
    }

    /// Somebody does something in the provider's console: shown as the call of the simulator's admin interface that it is, and these
    /// members of its answer.
    pub(super) async fn console(
        &self,
        (method, path): (&str, &str),
        body: Option<&Value>,
        act: impl Future<Output = Result<Value>>,
        members: &[&str],
    ) -> Result<Value> {
        self.console_of("PLIVO", (method, path), body, act, members).await
    }

    /// As [`Scene::console`], at the provider whose origin this variable holds.
    pub(super) async fn console_of(
        &self,
        provider: &str,
        (method, path): (&str, &str),
        body: Option<&Value>,
        act: impl Future<Output = Result<Value>>,
        members: &[&str],
    ) -> Result<Value> {
        let data = body.map(|body| format!(" -H content-type:application/json -d {}", up::quoted(&body.to_string())));
        self.teller.command(&format!("curl -X {method} ${provider}/_sandbox{path}{}", data.unwrap_or_default()));
        let answer = act.await?;
        if !members.is_empty() {
            let shown: Vec<String> = members.iter().map(|member| format!("{}: {}", json!(member), answer[member])).collect();
            self.teller.answer(&format!("{{{}, …}}", shown.join(", ")));
        }
        Ok(answer)
    }

    /// What the provider holds, each endpoint as its API shows it.
    pub(super) async fn endpoints(&self) -> Result<Vec<Value>> {
        let state = self.plivo.state().await?;
        let endpoints = state["accounts"][DEFAULT_AUTH_ID]["endpoints"].as_array();
        endpoints.cloned().context("the simulator's state has no endpoints")
    }

    /// The one endpoint that the provider holds for an object of this name.
    pub(super) async fn only(&self, name: &str) -> Result<Value> {
        let mut found = self.endpoints().await?;
        found.retain(|endpoint| text(endpoint, "username").starts_with(name));
        ensure!(found.len() == 1, "the provider holds {} endpoints for {name}, and not one: {found:?}", found.len());
        found.pop().context("there is one")
    }

    /// Looks at the provider until this holds.
    pub(super) async fn until(&self, what: impl Display, holds: impl Fn(&[Value]) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let endpoints = self.endpoints().await?;
            if holds(&endpoints) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("within {PATIENCE:?} it did not happen that {what}; the provider holds {endpoints:?}");
            }
            sleep(POLL).await;
        }
    }

    /// Shows the events of one object once there is one with this reason.
    pub(super) async fn event(&self, object: &str, reason: &str) -> Result<String> {
        let args = in_voice(&["events", "--for", object]);
        let deadline = Instant::now() + PATIENCE;
        // Events are written after the fact.
        let printed = loop {
            let printed = self.quietly(&args).await?;
            if printed.lines().any(|line| line.split_whitespace().any(|word| word == reason)) {
                break printed;
            }
            ensure!(Instant::now() < deadline, "{object} has no event {reason}:\n{printed}");
            sleep(POLL).await;
        };
        self.teller.command(&shown(&args));
        self.teller.answer(&printed);
        Ok(printed)
    }
}

/// A text member of an endpoint.
pub(super) fn text<'a>(endpoint: &'a Value, member: &str) -> &'a str {
    endpoint[member].as_str().unwrap_or_default()
}

fn texts(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

fn in_voice<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["-n", NAMESPACE], args].concat()
}

/// As one would type it.
fn shown(args: &[&str]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@+…".contains(c);
    let words = args.iter().map(|arg| if arg.chars().all(plain) { (*arg).to_owned() } else { up::quoted(arg) });
    ["kubectl".to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// The rows of a watch, with its columns under each other: it prints each row before it knows the next.
pub(super) fn aligned(printed: &str) -> String {
    let rows: Vec<Vec<&str>> = printed.lines().map(|line| line.split_whitespace().collect()).collect();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.len()).max().unwrap_or(0);
    let line = |row: &Vec<&str>| row.iter().enumerate().map(|(column, cell)| format!("{cell:<0$}", width(column) + 3)).collect::<String>();
    rows.iter().map(|row| line(row) + "\n").collect()
}
