//! The commands of the documentation, typed from top to bottom as they stand, against a real API server, the operator and a simulator. What
//! cannot be typed here is in `tests/docs/commands.rs`, with the reason.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use sandbox::plivo::{self, Simulator};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::chart::{Shell, helm};
use super::support;
use super::world::{Operator, World, eventually};

#[path = "../docs/commands.rs"]
#[allow(dead_code, reason = "the other half is for what is compared")]
mod commands;
#[path = "../docs/page.rs"]
#[allow(dead_code, reason = "what stands in sentences is compared, not typed")]
pub(super) mod page;

/// Stands before the output of each command.
const MARK: char = '\u{1}';
/// Longest that the sandbox may take to start.
const START: Duration = Duration::from_secs(120);
/// Commands that print something must, but for these: nothing is wrong, so there is nothing to show.
const SILENT: [&str; 4] =
    ["@.type==\"Braked\"", "--field-selector reason=", "switchboard.dev/installation=old", "switchboard.dev/force-orphan="];
/// What prints what it is asked for.
const PRINTS: [&str; 6] = ["kubectl get ", " get ", " describe ", " events ", "can-i --list", "create "];

/// A part of a page: what is typed, and the files that stand in it.
struct Part {
    typed: Vec<String>,
    files: Vec<(String, String)>,
}

/// The part of a page below the headings for which `below` holds.
fn part(path: &str, below: impl Fn(&str) -> bool) -> Part {
    let (mut typed, mut files) = (Vec::new(), Vec::new());
    for block in page::blocks(&helm::read(path)).into_iter().filter(|block| below(&block.heading)) {
        match block.info.split_once(' ') {
            Some(("yaml", file)) => files.push((file.to_owned(), block.text)),
            None if block.info == "sh" => typed.extend(page::commands(&block).into_iter().map(|command| instead(path, command))),
            _ => {}
        }
    }
    Part { typed, files }
}

/// What is typed for this command; nothing if it is empty.
pub(super) fn instead(path: &str, command: String) -> String {
    commands::instead(path, &command).map_or(command, |one| one.typed.to_owned())
}

/// One script of all of them, so that what one sets the next ones see. Each says where its output begins.
fn script(typed: &[String]) -> String {
    let mut script = String::from("trap 'echo \"it was: $BASH_COMMAND\" >&2' ERR\n");
    for command in typed.iter().filter(|command| !command.is_empty()) {
        script.push_str(&format!("printf '{MARK}%s\\n' {}\n", quoted(command)));
        script.push_str(&match command.strip_prefix("! ") {
            // Of itself a shell does not mind.
            Some(fails) => format!("if {fails}; then echo 'it succeeds' >&2; exit 1; fi\n"),
            None => format!("{command}\n"),
        });
    }
    script
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// All went well, and whatever is to show something did.
fn check(page: &str, output: &Output) {
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{page}:\n{}\n{error}", out.replace(MARK, "$ "));
    for one in out.split(MARK).skip(1) {
        let (command, printed) = one.split_once('\n').expect("a command stands on a line");
        let prints = PRINTS.iter().any(|part| command.contains(part)) && !command.starts_with("! ") && !command.contains('>');
        let silent = SILENT.iter().any(|part| command.contains(part)) || command.starts_with("id=$(");
        assert!(silent || !prints || !printed.trim().is_empty(), "{page}: {command} shows nothing");
    }
}

/// A cluster with a release of the chart that nobody has consented to, and an operator as it describes it.
struct Cluster {
    shell: Shell,
    world: World,
    operator: Operator,
}

impl Cluster {
    async fn new(name: &str, install: impl FnOnce(&Shell)) -> Cluster {
        let shell = Shell::new(name).await;
        install(&shell);
        let simulator = Arc::new(Simulator::start(plivo::Options::default()).await.expect("a simulator"));
        let world = World::bare(&shell.plane, "voice".to_owned(), simulator).await;
        let operator = shell.operator(&world).await;
        Cluster { shell, world, operator }
    }

    /// With the chart's defaults.
    async fn with_defaults(name: &str) -> Cluster {
        let install = "helm install switchboard deploy/chart --namespace switchboard-system --create-namespace --set installationId=site-a";
        Cluster::new(name, |shell| drop(shell.run(install))).await
    }

    /// What the pages take for granted: an account, and two endpoints that are well. Consent has other names here than in the pages,
    /// which give it.
    async fn furnished(name: &str) -> Cluster {
        let cluster = Cluster::with_defaults(name).await;
        for command in [
            "kubectl create namespace voice",
            "kubectl -n voice create rolebinding reader --clusterrole=switchboard-secret-reader --serviceaccount=switchboard-system:switchboard",
            "kubectl -n voice create rolebinding writer --clusterrole=switchboard-secret-writer --serviceaccount=switchboard-system:switchboard",
            "kubectl -n voice create secret generic plivo-credentials --from-literal=auth_id=$PLIVO_AUTH_ID --from-literal=auth_token=$PLIVO_AUTH_TOKEN",
            "kubectl -n voice create secret generic alice-sip --from-literal=password=first24characters1234567",
            "kubectl -n voice apply -f deploy/samples/account.yaml",
            "kubectl -n voice apply -f deploy/samples/endpoint-minimal.yaml -f deploy/samples/endpoint-generated-password.yaml",
            "kubectl -n voice wait --for=condition=Ready provideraccount/plivo sipendpoint/alice sipendpoint/erin --timeout=90s",
            "kubectl -n voice wait --for=jsonpath='{.status.lastSweepTime}' provideraccount/plivo --timeout=90s",
        ] {
            cluster.shell.run(command);
        }
        cluster
    }

    /// Types a page, or a part of one.
    fn types(&self, page: &str, part: &Part) {
        for (name, text) in &part.files {
            self.shell.write(name, text);
        }
        let script = format!("export SIMULATOR={}\n{}", self.world.simulator.url(), script(&part.typed));
        check(page, &self.shell.output(&script));
    }

    async fn end(self) {
        let (ended, log) = self.operator.terminate().await;
        assert!(ended, "{log}");
        self.shell.plane.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_on_credentials_work_from_top_to_bottom() {
    let page = "docs/credentials.md";
    let cluster = Cluster::with_defaults("docs-credentials").await;
    cluster.types(page, &part(page, |_| true));
    // Three endpoints were made, each once; those of the namespace's own account are gone with their objects, the other one is retained.
    assert_eq!(cluster.world.effects("create_endpoint").await.len(), 3);
    let living = cluster.world.living().await;
    assert_eq!(living.values().map(|one| one["alias"].clone()).collect::<Vec<_>>(), [Value::from("studio")]);
    // Both were rotated; a Secret that was restored changes nothing.
    eventually("both passwords were rotated", async || {
        let updates = cluster.world.effects("update_endpoint").await;
        (updates.len() == 2).then_some(())
    })
    .await;
    cluster.end().await;
}

/// The pages that this test types.
fn pages(test: &str) -> Vec<String> {
    let rows = commands::WHOLE.iter().filter(|whole| whole.test == test);
    let expanded = rows.flat_map(|whole| match whole.page.strip_suffix('/') {
        None => vec![whole.page.to_owned()],
        Some(folder) => {
            let files = std::fs::read_dir(helm::checkout(folder)).into_iter().flatten();
            let name = |file: std::fs::DirEntry| file.file_name().into_string().expect("a name in UTF-8");
            let mut pages: Vec<String> = files.map(|file| format!("{folder}/{}", name(file.expect("a file")))).collect();
            pages.sort();
            pages
        }
    });
    expanded.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_for_a_cluster_that_is_well_work_and_do_no_harm() {
    let cluster = Cluster::furnished("docs").await;
    let before = cluster.world.living().await.into_keys().collect::<Vec<_>>();
    let pages = pages("the_commands_for_a_cluster_that_is_well_work_and_do_no_harm");
    assert!(pages.len() > 1, "{pages:?}");
    for page in pages {
        cluster.types(&page, &part(&page, |_| true));
    }
    for endpoint in ["alice", "erin"] {
        cluster.world.ready(endpoint).await;
    }
    assert_eq!(cluster.world.living().await.into_keys().collect::<Vec<_>>(), before);
    assert_eq!(cluster.world.effects("create_endpoint").await.len(), 2);
    cluster.end().await;
}

/// The sandbox and the operator as the quick start has them started: in a folder that `deploy` can be seen from, and `.sandbox` is in.
struct Desk {
    folder: PathBuf,
    _running: [Child; 2],
}

impl Desk {
    async fn new(name: &str) -> Desk {
        support::build_sandbox_if_missing();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::os::unix::fs::symlink(helm::checkout("deploy"), folder.join("deploy")).expect("a link");
        let switchboard = Path::new(env!("CARGO_BIN_EXE_switchboard"));
        let mut up = Command::new(switchboard.with_file_name("sandbox"));
        let mut up = up.arg("up").current_dir(&folder).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("the sandbox");
        let mut lines = BufReader::new(up.stdout.take().expect("piped")).lines();
        let ready = timeout(START, lines.next_line()).await.expect("the sandbox starts").expect("a line");
        assert!(ready.is_some_and(|line| line.starts_with("ready ")), "the sandbox did not start");
        let run = format!(
            ". .sandbox/env && KUBECONFIG=.sandbox/operator.kubeconfig exec {} run --settle 6s --sweep-period 2s --health-listen 127.0.0.1:0",
            quoted(switchboard.to_str().expect("a path in UTF-8"))
        );
        let log = std::fs::File::create(folder.join("operator.log")).expect("a file");
        let mut operator = Command::new("bash");
        operator.args(["-euc", &run]).current_dir(&folder).stderr(log).kill_on_drop(true);
        let operator = operator.spawn().expect("the operator");
        Desk { folder, _running: [up, operator] }
    }

    async fn types(&self, page: &str, part: &Part) {
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &script(&part.typed)]).current_dir(&self.folder).kill_on_drop(true);
        shell.env("SANDBOX", Path::new(env!("CARGO_BIN_EXE_switchboard")).with_file_name("sandbox"));
        check(page, &shell.output().await.expect("bash"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quick_start_leads_from_nothing_to_a_registered_phone() {
    let page = "docs/quick-start.md";
    let first = "In the sandbox";
    let desk = Desk::new("docs-quick-start-sandbox").await;
    desk.types(page, &part(page, |heading| heading == first)).await;
    drop(desk);

    let Part { typed, files } = part(page, |heading| heading != first);
    let (install, rest) = typed.split_first().expect("commands");
    assert!(install.starts_with("helm install "), "{install}");
    let cluster = Cluster::new("docs-quick-start", |shell| {
        files.iter().for_each(|(name, text)| shell.write(name, text));
        shell.run(install);
    })
    .await;
    cluster.types(page, &Part { typed: rest.to_vec(), files: Vec::new() });
    let made = cluster.world.effects("create_endpoint").await;
    assert_eq!(made.iter().map(|one| one.request["alias"].clone()).collect::<Vec<_>>(), [Value::from("erin")]);
    assert!(cluster.world.living().await.is_empty());
    cluster.end().await;
}
