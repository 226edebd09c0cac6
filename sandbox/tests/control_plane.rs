//! The control plane is a real one, the operator gets the rights of `deploy/` and no more, and nothing survives its process.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use k8s_openapi::api::{
    authorization::v1::{
        ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview, SubjectAccessReviewSpec,
    },
    core::v1::{ConfigMap, Namespace, Secret},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use rustix::process::{Pid, Signal, kill_process};
use sandbox::{
    admin_client::AdminClient,
    control_plane::{Assets, ControlPlane, Options},
};

const PROGRAMS: [&str; 3] = ["etcd", "kube-apiserver", "kube-controller-manager"];

/// A folder for one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder for the test");
        Folder(path)
    }

    fn read(&self, name: &str) -> String {
        let path = self.0.join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).trim().to_owned()
    }

    /// The pids of the three programs, by their pid files.
    fn pids(&self) -> Vec<i32> {
        PROGRAMS.map(|name| self.read(&format!("{name}.pid")).parse().expect("a pid")).to_vec()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the folder");
        let mut names: Vec<String> = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether a process runs. One that has ended and was not waited for by its adopter does not.
fn runs(pid: i32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    !matches!(state, Some('Z' | 'X') | None)
}

/// Asks until it is so; the deadline only keeps a broken test from hanging.
async fn eventually<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let poll = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), poll).await.unwrap_or_else(|_| panic!("never: {what}"));
}

async fn all_gone(pids: &[i32]) {
    eventually("the programs are gone", || std::future::ready(!pids.iter().any(|pid| runs(*pid)))).await;
}

/// `sandbox` as people run it.
struct Running {
    child: Child,
    ready: String,
}

impl Running {
    fn start(subcommand: &str, dir: &Path) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sandbox"));
        let mut child = command.arg(subcommand).arg("--dir").arg(dir).stdout(Stdio::piped()).spawn().expect("sandbox");
        let mut ready = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut ready).expect("a line");
        Running { child, ready }
    }

    fn signal(&mut self, signal: Signal) -> Option<i32> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a pid");
        kill_process(pid, signal).expect("a running process");
        self.child.wait().expect("its end").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn second_start(dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sandbox")).arg("up").arg("--dir").arg(dir).output().expect("sandbox")
}

fn status_code<T: std::fmt::Debug>(result: kube::Result<T>) -> u16 {
    match result.expect_err("a refusal") {
        kube::Error::Api(status) => status.code,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn namespaces_end_and_the_operator_has_the_rights_of_deploy_and_no_more() {
    let folder = Folder::new("rights");
    let plane = ControlPlane::start(&folder.0).await.expect("a control plane");
    let (admin, operator) = (plane.client().await, plane.operator_client().await);

    let namespaces: Api<Namespace> = Api::all(admin.clone());
    for name in ["gone", "voice"] {
        let namespace = Namespace { metadata: ObjectMeta { name: Some(name.into()), ..Default::default() }, ..Default::default() };
        namespaces.create(&PostParams::default(), &namespace).await.expect("a namespace");
    }
    namespaces.delete("gone", &DeleteParams::default()).await.expect("a deletion");

    let secrets = |namespace: &str| Api::<Secret>::namespaced(operator.clone(), namespace);
    let everywhere: Api<Secret> = Api::all(operator.clone());
    assert_eq!(status_code(everywhere.list(&ListParams::default()).await), 403, "Secrets of the cluster");
    assert_eq!(status_code(secrets("voice").list(&ListParams::default()).await), 403, "Secrets without consent");
    assert_eq!(status_code(secrets("voice").get("any").await), 403, "a Secret without consent");
    secrets("switchboard-system").list(&ListParams::default()).await.expect("Secrets of its own namespace");
    assert_eq!(status_code(secrets("switchboard-system").delete("any", &DeleteParams::default()).await), 404, "escrow goes");
    assert_eq!(status_code(secrets("voice").delete("any", &DeleteParams::default()).await), 403, "a tenant's Secret");

    // The command of the documentation, as an administrator.
    let reader = "--clusterrole=switchboard-secret-reader";
    let operator_account = "--serviceaccount=switchboard-system:switchboard";
    bind(&plane, &["switchboard-secret-reader", reader, operator_account]);
    eventually("consent counts", async || secrets("voice").list(&ListParams::default()).await.is_ok()).await;

    for role in ["view", "edit", "admin"] {
        bind(&plane, &[role, &format!("--clusterrole={role}"), &format!("--user={role}")]);
    }
    let aggregated = async || people_may(&admin, "admin", "create", "provideraccounts").await;
    eventually("the roles for people are part of Kubernetes' own", aggregated).await;
    for (role, verb, resource, allowed) in PEOPLE {
        assert_eq!(people_may(&admin, role, verb, resource).await, *allowed, "{role}: {verb} {resource}");
    }

    let maps: Api<ConfigMap> = Api::namespaced(admin.clone(), "voice");
    let owner = maps.create(&PostParams::default(), &map("owner", None)).await.expect("an owner");
    maps.create(&PostParams::default(), &map("owned", owner.owner_ref(&()))).await.expect("an owned object");
    maps.delete("owner", &DeleteParams::default()).await.expect("a deletion");
    eventually("what a deleted object owned is collected", async || matches!(maps.get_opt("owned").await, Ok(None))).await;

    for (verb, group, resource, name, allowed) in RIGHTS {
        let answer = may(&operator, verb, group, resource, *name).await;
        assert_eq!(answer, *allowed, "{verb} {resource}.{group} {name:?}");
    }
    eventually(
        "the deleted namespace is gone",
        async || matches!(namespaces.get("gone").await, Err(kube::Error::Api(status)) if status.code == 404),
    )
    .await;

    let (pids, data) = (folder.pids(), PathBuf::from(folder.read("data")));
    assert!(pids.iter().all(|pid| runs(*pid)) && data.is_dir());
    plane.stop().await;
    assert!(!pids.iter().any(|pid| runs(*pid)), "stop waits for the end of the programs");
    assert!(!data.exists(), "the data are thrown away");
}

fn map(name: &str, owner: Option<OwnerReference>) -> ConfigMap {
    let metadata = ObjectMeta { name: Some(name.to_owned()), owner_references: owner.map(|owner| vec![owner]), ..ObjectMeta::default() };
    ConfigMap { metadata, ..ConfigMap::default() }
}

/// Verb, group, resource, name, allowed in the whole cluster.
const RIGHTS: &[(&str, &str, &str, Option<&str>, bool)] = &[
    ("list", "switchboard.dev", "sipendpoints", None, true),
    ("watch", "switchboard.dev", "provideraccounts", None, true),
    ("patch", "switchboard.dev", "sipendpoints", None, true),
    ("patch", "switchboard.dev", "sipendpoints/status", None, true),
    ("patch", "switchboard.dev", "provideraccounts/status", None, true),
    ("watch", "switchboard.dev", "phonenumberbindings", None, true),
    ("patch", "switchboard.dev", "phonenumberbindings", None, true),
    ("patch", "switchboard.dev", "phonenumberbindings/status", None, true),
    ("watch", "switchboard.dev", "clusterprovideraccounts", None, true),
    ("patch", "switchboard.dev", "clusterprovideraccounts", None, true),
    ("patch", "switchboard.dev", "clusterprovideraccounts/status", None, true),
    ("create", "events.k8s.io", "events", None, true),
    ("patch", "events.k8s.io", "events", None, true),
    ("get", "", "namespaces", Some("kube-system"), true),
    ("get", "", "namespaces", Some("voice"), false),
    ("list", "", "namespaces", None, false),
    ("create", "switchboard.dev", "sipendpoints", None, false),
    ("update", "switchboard.dev", "sipendpoints", None, false),
    ("delete", "switchboard.dev", "sipendpoints", None, false),
    ("create", "switchboard.dev", "phonenumberbindings", None, false),
    ("delete", "switchboard.dev", "clusterprovideraccounts", None, false),
    ("update", "switchboard.dev", "sipendpoints/status", None, false),
    ("get", "", "secrets", None, false),
    ("list", "", "secrets", None, false),
    ("watch", "", "secrets", None, false),
    ("create", "", "secrets", None, false),
    ("patch", "", "secrets", None, false),
    ("delete", "", "secrets", None, false),
    ("create", "", "pods", None, false),
    ("create", "", "serviceaccounts/token", None, false),
    ("create", "rbac.authorization.k8s.io", "rolebindings", None, false),
    ("bind", "rbac.authorization.k8s.io", "clusterroles", None, false),
    ("escalate", "rbac.authorization.k8s.io", "clusterroles", None, false),
    ("impersonate", "", "users", None, false),
];

/// Role in a namespace, verb, resource, allowed there.
const PEOPLE: &[(&str, &str, &str, bool)] = &[
    ("view", "list", "sipendpoints", true),
    ("view", "get", "provideraccounts", true),
    ("view", "watch", "phonenumberbindings", true),
    ("view", "get", "clusterprovideraccounts", true),
    ("view", "create", "sipendpoints", false),
    ("edit", "list", "provideraccounts", true),
    ("edit", "create", "sipendpoints", true),
    ("edit", "delete", "sipendpoints", true),
    ("edit", "patch", "sipendpoints/status", false),
    ("edit", "create", "phonenumberbindings", true),
    ("edit", "patch", "phonenumberbindings/status", false),
    ("edit", "create", "provideraccounts", false),
    ("edit", "patch", "provideraccounts", false),
    ("admin", "patch", "sipendpoints", true),
    ("admin", "patch", "provideraccounts", true),
    ("admin", "patch", "provideraccounts/status", false),
    ("admin", "create", "clusterprovideraccounts", false),
    ("admin", "patch", "clusterprovideraccounts", false),
];

/// `kubectl create rolebinding` in the namespace `voice`, as an administrator.
fn bind(plane: &ControlPlane, args: &[&str]) {
    let mut command = Command::new(plane.kubectl());
    command.args(["-n", "voice", "create", "rolebinding"]).args(args).env("KUBECONFIG", plane.kubeconfig());
    let output = command.output().expect("kubectl");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn attributes(verb: &str, group: &str, resource: &str) -> ResourceAttributes {
    let (resource, subresource) = match resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (resource, None),
    };
    ResourceAttributes {
        verb: Some(verb.to_owned()),
        group: Some(group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource,
        ..ResourceAttributes::default()
    }
}

/// Whether the client itself may do it.
async fn may(client: &Client, verb: &str, group: &str, resource: &str, name: Option<&str>) -> bool {
    let attributes = ResourceAttributes { name: name.map(str::to_owned), ..attributes(verb, group, resource) };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..Default::default() };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    reviews.create(&PostParams::default(), &review).await.expect("a review").status.expect("an answer").allowed
}

/// Whether a user may do it in the namespace `voice`.
async fn people_may(admin: &Client, user: &str, verb: &str, resource: &str) -> bool {
    let attributes = ResourceAttributes { namespace: Some("voice".to_owned()), ..attributes(verb, "switchboard.dev", resource) };
    let user = Some(user.to_owned());
    let spec = SubjectAccessReviewSpec { resource_attributes: Some(attributes), user, ..Default::default() };
    let review = SubjectAccessReview { spec, ..Default::default() };
    let reviews: Api<SubjectAccessReview> = Api::all(admin.clone());
    reviews.create(&PostParams::default(), &review).await.expect("a review").status.expect("an answer").allowed
}

#[tokio::test]
async fn a_restored_backup_takes_everything_back_that_came_after_it_and_the_same_clients_go_on() {
    let folder = Folder::new("restored");
    let mut plane = ControlPlane::start(&folder.0).await.expect("a control plane");
    let (client, pids) = (plane.client().await, folder.pids());
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    let names = async || {
        let list = maps.list(&ListParams::default()).await.expect("the maps");
        let version: u64 = list.metadata.resource_version.expect("a version").parse().expect("a number");
        (list.items.into_iter().filter_map(|map| map.metadata.name).filter(|name| name.len() == 1).collect::<Vec<_>>(), version)
    };
    maps.create(&PostParams::default(), &map("a", None)).await.expect("a map");
    let backup = plane.back_up().await.expect("a backup");
    assert!(pids.iter().all(|pid| runs(*pid)) && folder.pids() == pids, "nothing is stopped for it");
    maps.create(&PostParams::default(), &map("b", None)).await.expect("a map");
    maps.delete("a", &DeleteParams::default()).await.expect("a deletion");
    // The start of an API server counts versions up by itself, about two hundred.
    for count in 0..500 {
        let patch = Patch::Merge(serde_json::json!({"data": {"count": count.to_string()}}));
        maps.patch("b", &PatchParams::default(), &patch).await.expect("a patch");
    }
    let (before, version) = names().await;
    assert_eq!(before, ["b"]);

    for again in ["once", "twice"] {
        let pids = folder.pids();
        plane.restore(&backup).await.expect("a restored control plane");
        assert!(!pids.iter().any(|pid| runs(*pid)) && folder.pids().iter().all(|pid| runs(*pid)), "{again}");
        let (after, older) = names().await;
        assert!(after == ["a"] && older < version, "{again}: {after:?} at {older}, after {version}");
        plane.operator_client().await.list_core_api_versions().await.expect("the operator's token is good still");
        maps.create(&PostParams::default(), &map("c", None)).await.expect("it can be written");
        assert_eq!(names().await.0, ["a", "c"], "{again}");
    }
    let data = PathBuf::from(folder.read("data"));
    drop(backup);
    let left: Vec<_> = fs::read_dir(&data).expect("the data").map(|entry| entry.expect("an entry").file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("backup")), "{left:?}");
    plane.stop().await;
    assert!(!data.exists());
}

#[tokio::test]
async fn a_folder_serves_one_run_and_killing_that_leaves_nothing_behind() {
    let folder = Folder::new("life");
    let mut first = Running::start("control-plane", &folder.0);
    assert!(first.ready.starts_with("ready https://127.0.0.1:"), "{}", first.ready);
    let (pids, data) = (folder.pids(), PathBuf::from(folder.read("data")));
    assert!(pids.iter().all(|pid| runs(*pid)));

    let second = second_start(&folder.0);
    let message = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && second.stdout.is_empty());
    assert!(message.contains("already up") && message.contains(&first.child.id().to_string()), "{message}");
    assert!(pids.iter().all(|pid| runs(*pid)) && folder.pids() == pids, "the first one is not disturbed");

    first.signal(Signal::KILL);
    all_gone(&pids).await;

    let mut third = Running::start("up", &folder.0);
    assert!(third.ready.starts_with("ready "), "the folder of a killed run can be used again: {}", third.ready);
    assert!(!data.exists(), "the next run removes what a killed one left in memory");
    let name = "jsonpath={.status.userInfo.username}";
    let whoami = format!("kubectl auth whoami -o {name}; echo; kubectl --kubeconfig operator.kubeconfig auth whoami -o {name}");
    let script = format!(". ./env && {whoami}; echo; echo $SWITCHBOARD_PLIVO_URL; echo $SWITCHBOARD_CARRIERX_URL");
    let shell = Command::new("sh").args(["-c", &script]).current_dir(&folder.0).output().expect("a shell");
    let said = String::from_utf8_lossy(&shell.stdout);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..2], ["admin", "system:serviceaccount:switchboard-system:switchboard"], "{shell:?}");
    for (name, url) in [("plivo", lines[2]), ("carrierx", lines[3])] {
        assert!(third.ready.contains(&format!(" {name}={url} ")), "{}: {url}", third.ready);
        AdminClient::new(url).ledger().await.expect("the simulator answers");
    }

    let (pids, data) = (folder.pids(), PathBuf::from(folder.read("data")));
    assert_eq!(third.signal(Signal::TERM), Some(0));
    for url in &lines[2..] {
        AdminClient::new(url).ledger().await.expect_err("the simulator is gone");
    }
    assert!(!pids.iter().any(|pid| runs(*pid)) && !data.exists());
    assert_eq!(folder.names(), ["log", "sandbox.lock"]);
}

#[tokio::test]
async fn an_interrupted_start_leaves_nothing() {
    let folder = Folder::new("interrupted");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbox"));
    command.arg("control-plane").arg("--dir").arg(&folder.0).stdout(Stdio::piped());
    let mut starting = Running { child: command.spawn().expect("sandbox"), ready: String::new() };
    // By then etcd runs and the API server has been started, but is not ready.
    let pid_file = folder.0.join("kube-apiserver.pid");
    let written = || fs::read_to_string(&pid_file).is_ok_and(|pid| pid.ends_with('\n'));
    eventually("the API server is started", || std::future::ready(written())).await;
    let pids: Vec<i32> = ["etcd", "kube-apiserver"].map(|name| folder.read(&format!("{name}.pid")).parse().expect("a pid")).to_vec();
    let data = PathBuf::from(folder.read("data"));
    assert_eq!(starting.signal(Signal::INT), Some(1));
    assert!(!pids.iter().any(|pid| runs(*pid)) && !data.exists());
    assert_eq!(folder.names(), ["log", "sandbox.lock"]);
}

#[tokio::test]
async fn a_start_that_fails_half_way_leaves_nothing_and_shows_the_log() {
    let folder = Folder::new("half-way");
    let real = Assets::find().await.expect("programs");
    let notes = folder.0.join("etcd-was");
    let etcd = script(&folder.0, "etcd", &format!("echo $$ \"$@\" >{}; exec {} \"$@\"", notes.display(), real.etcd.display()));
    let kube_apiserver = script(&folder.0, "kube-apiserver", "echo 'boom: no such flag' >&2; exit 3");
    let assets = Assets { etcd, kube_apiserver, ..real };
    let dir = folder.0.join("run");
    let options = Options { assets: Some(assets), ..Options::new(&dir) };
    let error = ControlPlane::start_with(options).await.expect_err("the API server has ended").to_string();
    for part in ["kube-apiserver ended", "exit status: 3", "boom: no such flag", "kube-apiserver.log"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let notes = folder.read("etcd-was");
    let (pid, args) = notes.split_once(' ').expect("a pid and arguments");
    let data = args.split(' ').find_map(|arg| arg.strip_prefix("--data-dir=")).expect("the data folder");
    assert!(!runs(pid.parse().expect("a pid")), "etcd was started, and is gone");
    assert!(data.ends_with("/db") && !Path::new(data.trim_end_matches("/db")).exists(), "{data}");
    let mut left = Folder(dir).names();
    left.retain(|name| name != "log");
    assert_eq!(left, ["sandbox.lock"]);
}

fn script(folder: &Path, name: &str, body: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
    path
}
