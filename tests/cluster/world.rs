//! One test's world: a namespace, a provider of its own, and operators as processes, run with exactly the rights of `deploy/`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use sandbox::admin_client::{AdminClient, LedgerEntry};
use sandbox::control_plane::ControlPlane;
use sandbox::plivo::{self, Simulator};
use serde_json::{Value, json};
use switchboard::api::{ProviderAccount, SipEndpoint};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::support;

#[allow(dead_code, reason = "each test takes what it needs")]
mod carrierx;

/// Longest that anything is waited for: a machine may be slow, a test that would fail must end.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// The settle time in these tests: all parts of the protocol shrink with it, none is switched off.
pub const SETTLE: Duration = Duration::from_secs(6);

/// A namespace that consents, an account named `plivo` with its Secret, and a provider.
pub struct World {
    pub client: Client,
    pub namespace: String,
    pub simulator: Arc<Simulator>,
    pub admin: AdminClient,
    /// A second provider, once somebody has asked for it; worlds made from this one share what is there by then.
    carrierx: OnceCell<Arc<sandbox::carrierx::Simulator>>,
    /// With the rights of a tool that restores backups.
    pub backup_tool: Client,
    /// With the operator's rights.
    kubeconfig: PathBuf,
    /// There may be a lease for each world, beside the one that `deploy/` has.
    leases: bool,
}

/// A running operator. It is killed when it is dropped.
pub struct Operator {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    /// Ends with what it logs.
    reader: JoinHandle<()>,
}

impl Drop for Operator {
    fn drop(&mut self) {
        // Two in one world are the same candidate for its lease: then the first of them ends, and a test of both would be one of the second.
        let alone = !self.log().contains("somebody else uses our identity");
        assert!(alone || std::thread::panicking(), "two operators at a time need --no-leader-election, or an --identity each");
    }
}

impl World {
    /// With the provider's default behaviour.
    pub async fn new(name: &str) -> World {
        World::with(name, plivo::Options::default()).await
    }

    pub async fn with(name: &str, options: plivo::Options) -> World {
        World::on(support::control_plane(), name, options).await
    }

    /// On a control plane other than the shared one.
    pub async fn on(plane: &ControlPlane, name: &str, options: plivo::Options) -> World {
        // The admin client and the tests' own requests need a process-wide TLS provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let simulator = Arc::new(Simulator::start(options).await.expect("a simulator"));
        let namespace = support::namespace(&plane.client().await, name).await;
        World::bare(plane, namespace, simulator).await.furnished().await
    }

    /// Another namespace that consents, with an account object of the same name and Plivo account.
    pub async fn beside(&self, name: &str) -> World {
        let namespace = support::namespace(&self.client, name).await;
        World { namespace, ..self.beside_itself() }.furnished().await
    }

    /// The same world for somebody else.
    pub fn beside_itself(&self) -> World {
        World {
            client: self.client.clone(),
            namespace: self.namespace.clone(),
            simulator: Arc::clone(&self.simulator),
            admin: self.simulator.admin(),
            carrierx: self.carrierx.clone(),
            backup_tool: self.backup_tool.clone(),
            kubeconfig: self.kubeconfig.clone(),
            leases: self.leases,
        }
    }

    /// Another cluster with the same provider: a namespace of the same name that consents, and nothing else in it.
    pub async fn elsewhere(&self, plane: &ControlPlane) -> World {
        let metadata = ObjectMeta { name: Some(self.namespace.clone()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        Api::all(plane.client().await).create(&PostParams::default(), &namespace).await.expect("a namespace");
        let mut world = World::bare(plane, self.namespace.clone(), Arc::clone(&self.simulator)).await;
        world.carrierx = self.carrierx.clone();
        world.consent(&world.namespace).await;
        world
    }

    /// Without consent, and with nothing in it.
    pub async fn bare(plane: &ControlPlane, namespace: String, simulator: Arc<Simulator>) -> World {
        let (client, backup_tool) = (plane.client().await, support::backup_tool_of(plane).await);
        let (admin, kubeconfig) = (simulator.admin(), plane.operator_kubeconfig().to_owned());
        let leases = support::has_leases_for_tests(&client).await;
        World { client, namespace, simulator, admin, carrierx: OnceCell::new(), backup_tool, kubeconfig, leases }
    }

    async fn furnished(self) -> World {
        self.consent(&self.namespace).await;
        self.account("plivo", plivo::DEFAULT_AUTH_ID, plivo::DEFAULT_AUTH_TOKEN, json!({})).await;
        self
    }

    /// Lets the operator read the Secrets of a namespace, as the documented command does.
    pub async fn consent(&self, namespace: &str) {
        self.bind(namespace, "switchboard-secret-reader").await;
    }

    /// Lets the operator write connection Secrets in this world's namespace.
    pub async fn may_write(&self) {
        self.bind(&self.namespace, "switchboard-secret-writer").await;
    }

    async fn bind(&self, namespace: &str, role: &str) {
        let binding: RoleBinding = serde_json::from_value(json!({
            "metadata": {"name": role},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": "switchboard", "namespace": "switchboard-system"}],
        }))
        .expect("a role binding");
        Api::namespaced(self.client.clone(), namespace).create(&PostParams::default(), &binding).await.expect("consent");
    }

    /// A Secret with credentials and a ProviderAccount that uses it.
    pub async fn account(&self, name: &str, auth_id: &str, auth_token: &str, spec: Value) {
        self.account_at("plivo", name, &[("auth_id", auth_id), ("auth_token", auth_token)], spec).await;
    }

    /// The same, at this provider.
    async fn account_at(&self, provider: &str, name: &str, credentials: &[(&str, &str)], spec: Value) {
        self.secret(&format!("{name}-credentials"), credentials).await;
        let mut spec = spec;
        spec[provider] = json!({"credentialsSecretRef": {"name": format!("{name}-credentials")}});
        let account =
            json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": "ProviderAccount", "metadata": {"name": name}, "spec": spec});
        let accounts: Api<ProviderAccount> = Api::namespaced(self.client.clone(), &self.namespace);
        accounts.patch(name, &PatchParams::apply("tests").force(), &Patch::Apply(&account)).await.expect("an account");
    }

    /// Makes or replaces a Secret.
    pub async fn secret(&self, name: &str, values: &[(&str, &str)]) {
        let values: BTreeMap<&str, &str> = values.iter().copied().collect();
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values});
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        secrets.patch(name, &PatchParams::apply("tests").force(), &Patch::Apply(&secret)).await.expect("a Secret");
    }

    pub fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// What a Secret holds, if there is one.
    pub async fn values(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let secret = self.secrets().get_opt(name).await.expect("an answer")?;
        let data = secret.data.unwrap_or_default().into_iter();
        Some(data.map(|(key, value)| (key, String::from_utf8(value.0).expect("text"))).collect())
    }

    pub fn endpoints(&self) -> Api<SipEndpoint> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Applies a SipEndpoint with a password Secret of its own (`hunter22` unless there is one already). `plivo` and `spec` are
    /// merged into what every endpoint needs.
    pub async fn endpoint(&self, name: &str, plivo: Value, spec: Value) -> SipEndpoint {
        let secret = format!("{name}-sip");
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        if secrets.get_opt(&secret).await.expect("an answer").is_none() {
            self.secret(&secret, &[("password", "hunter22")]).await;
        }
        self.apply(name, merged(json!({"passwordSecretRef": {"name": secret, "key": "password"}}), plivo), spec).await
    }

    /// Applies a SipEndpoint and nothing else.
    pub async fn apply(&self, name: &str, plivo: Value, spec: Value) -> SipEndpoint {
        self.apply_spec(name, merged(json!({"accountRef": {"name": "plivo"}, "plivo": plivo}), spec)).await
    }

    pub async fn apply_spec(&self, name: &str, spec: Value) -> SipEndpoint {
        let object = json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": "SipEndpoint", "metadata": {"name": name}, "spec": spec});
        self.endpoints().patch(name, &PatchParams::apply("tests").force(), &Patch::Apply(&object)).await.expect("a SipEndpoint")
    }

    /// Merges into the object, as `kubectl patch --type merge` does.
    pub async fn patch(&self, name: &str, patch: Value) -> SipEndpoint {
        self.endpoints().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.expect("a patch")
    }

    /// Merges into the status, as a tool that restores backups may; nobody else but the operator is let.
    pub async fn restore_status(&self, name: &str, status: Value) -> SipEndpoint {
        let endpoints: Api<SipEndpoint> = Api::namespaced(self.backup_tool.clone(), &self.namespace);
        let patch = Patch::Merge(json!({"status": status}));
        endpoints.patch_status(name, &PatchParams::default(), &patch).await.expect("a restored status")
    }

    pub async fn delete(&self, name: &str) {
        self.endpoints().delete(name, &DeleteParams::default()).await.expect("a deletion");
    }

    /// The object as soon as `done` holds for it.
    pub async fn until(&self, name: &str, what: &str, done: impl Fn(&SipEndpoint) -> bool) -> SipEndpoint {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let object = self.endpoints().get_opt(name).await.expect("an answer");
            match object {
                Some(object) if done(&object) => return object,
                seen => assert!(Instant::now() < deadline, "{name} never became {what}; it is {seen:#?}"),
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The object as soon as it is Ready for its present generation.
    pub async fn ready(&self, name: &str) -> SipEndpoint {
        self.until(name, "ready", |object| reason(object) == "Available" && observed(object)).await
    }

    /// The object as soon as its Ready condition has this reason, for its present generation.
    pub async fn reason(&self, name: &str, expected: &str) -> SipEndpoint {
        self.until(name, expected, |object| reason(object) == expected && observed(object)).await
    }

    /// Waits until the object is gone.
    pub async fn gone(&self, name: &str) {
        let deadline = Instant::now() + PATIENCE;
        while let Some(object) = self.endpoints().get_opt(name).await.expect("an answer") {
            assert!(Instant::now() < deadline, "{name} does not go: {object:#?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The name of the lease of operators that work in this world's namespace.
    pub fn lease(&self) -> &str {
        if self.leases { &self.namespace } else { "switchboard" }
    }

    /// Starts an operator for this world's namespace. One that was killed is followed at once: the next one is the same candidate for the
    /// lease, so two at a time have to be told to do without.
    pub async fn operator(&self) -> Operator {
        self.operator_with(&[], &[]).await
    }

    /// Starts an operator with more arguments, which replace the usual ones (but for more namespaces), and environment.
    pub async fn operator_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Operator {
        self.operator_in(&["--namespace", &self.namespace], arguments, environment)
    }

    /// Starts an operator that watches all namespaces: for a control plane of the test's own.
    pub async fn operator_everywhere(&self, arguments: &[&str]) -> Operator {
        self.operator_everywhere_with(arguments, &[]).await
    }

    /// The same, with environment.
    pub async fn operator_everywhere_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Operator {
        self.operator_in(&[], arguments, environment)
    }

    fn operator_in(&self, namespaces: &[&str], arguments: &[&str], environment: &[(&str, &str)]) -> Operator {
        let settle = format!("{}ms", SETTLE.as_millis());
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        command.arg("run").args(arguments).args(namespaces);
        let defaults = [
            ("--settle", settle.as_str()),
            ("--sweep-period", "2s"),
            ("--retry-base", "100ms"),
            ("--health-listen", "127.0.0.1:0"),
            ("--plivo-url", self.simulator.url()),
            ("--log", "info,switchboard=debug,kube_runtime=error"),
            ("--lease-name", if namespaces.is_empty() { "switchboard" } else { self.lease() }),
            ("--identity", "tests"),
        ];
        // A namespace is one more, anything else instead.
        for (name, value) in defaults.into_iter().filter(|(name, _)| !arguments.contains(name)) {
            command.args([name, value]);
        }
        // The lease of a world is beside that of `deploy/`, whatever the operator is told of its own namespace.
        if self.leases && !namespaces.is_empty() && !arguments.contains(&"--lease-namespace") {
            command.args(["--lease-namespace", "switchboard-system"]);
        }
        if let Some(carrierx) = self.carrierx.get().filter(|_| !arguments.contains(&"--carrierx-url")) {
            command.args(["--carrierx-url", carrierx.url()]);
        }
        command.env("KUBECONFIG", &self.kubeconfig).envs(environment.iter().copied());
        Operator::start(command)
    }

    /// All executed effects of one kind, in order, made by the API (not by somebody in the console).
    pub async fn effects(&self, op: &str) -> Vec<LedgerEntry> {
        let ledger = self.admin.ledger().await.expect("the ledger");
        ledger.into_iter().filter(|entry| entry.op == op && entry.actor == "api").collect()
    }

    /// The names of all executed effects of the API, in order.
    pub async fn ledger(&self) -> Vec<String> {
        let ledger = self.admin.ledger().await.expect("the ledger");
        ledger.into_iter().filter(|entry| entry.actor == "api").map(|entry| entry.op).collect()
    }

    /// The endpoints that live in the default account, by id.
    pub async fn living(&self) -> BTreeMap<String, Value> {
        let state = self.admin.state().await.expect("the state");
        let endpoints = &state["accounts"][plivo::DEFAULT_AUTH_ID]["endpoints"];
        match endpoints {
            Value::Array(all) => all.iter().map(|one| (one["endpoint_id"].as_str().expect("an id").to_owned(), one.clone())).collect(),
            Value::Object(all) => all.iter().map(|(id, one)| (id.clone(), one.clone())).collect(),
            other => panic!("no endpoints in the state: {other}"),
        }
    }

    /// Exactly one endpoint lives whose username begins with this base name, and it is the recorded one of this object.
    pub async fn exactly_one(&self, name: &str) -> Value {
        let object = self.endpoints().get(name).await.expect("the object");
        let recorded = object.status.as_ref().and_then(|status| status.endpoint_id.clone()).expect("a recorded id");
        let living = self.living().await;
        let own: Vec<&String> = living
            .iter()
            .filter(|(_, one)| one["username"].as_str().is_some_and(|username| username.starts_with(name)))
            .map(|(id, _)| id)
            .collect();
        assert_eq!(own, [&recorded], "of {name}; all: {living:#?}");
        living[&recorded].clone()
    }
}

impl Operator {
    fn start(mut command: Command) -> Operator {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("the operator");
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let (stderr, kept) = (child.stderr.take().expect("piped"), Arc::clone(&lines));
        let reader = tokio::spawn(async move {
            let mut reader = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = reader.next_line().await {
                kept.lock().expect("no panic while locked").push(line);
            }
        });
        Operator { child, lines, reader }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.lines.lock().expect("no panic while locked").join("\n")
    }

    /// Waits until it has logged a line with this text.
    pub async fn says(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            assert!(self.child.try_wait().expect("a child").is_none(), "the operator ended:\n{}", self.log());
            assert!(Instant::now() < deadline, "the operator never said {text:?}:\n{}", self.log());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// It was stopped by a signal, all of it.
    pub fn is_frozen(&self) -> bool {
        let pid = self.child.id().expect("a running operator");
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running operator");
        // The name, in brackets, may hold anything.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    }

    /// Its environment and its arguments, as everybody on its machine who may can read them.
    pub fn given(&self) -> String {
        let pid = self.child.id().expect("a running operator");
        let read = |file: &str| {
            let bytes = std::fs::read(format!("/proc/{pid}/{file}")).expect("a running operator");
            String::from_utf8_lossy(&bytes).replace('\0', "\n")
        };
        // For a moment after it was started a program has neither.
        let given = || {
            let (arguments, environment) = (read("cmdline"), read("environ"));
            (!arguments.is_empty() && !environment.is_empty()).then(|| format!("{arguments}\n{environment}"))
        };
        let all = std::iter::repeat_with(given).take(1000).inspect(|given| {
            if given.is_none() {
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        all.flatten().next().expect("arguments of a running operator")
    }

    /// Where it serves, as it logged it.
    fn address(&self) -> String {
        let log = self.log();
        let line = log.lines().find(|line| line.contains("readyz and /metrics")).expect("it serves metrics");
        let (_, rest) = line.split_once("address").expect("an address");
        // As text or as JSON.
        rest.chars().skip_while(|one| "=\":".contains(*one)).take_while(|one| !"\" ,}".contains(*one)).collect()
    }

    /// What `/metrics` answers, at the address that it logged.
    pub async fn metrics(&self) -> String {
        self.metrics_as("*/*", "application/openmetrics-text; version=1.0.0; charset=utf-8").await
    }

    /// What it answers to who accepts this, which is to be of this type.
    pub async fn metrics_as(&self, accepted: &str, expected: &str) -> String {
        let request = reqwest::Client::new().get(format!("http://{}/metrics", self.address())).header("accept", accepted);
        let answer = request.send().await.expect("an answer").error_for_status().expect("a page");
        assert_eq!(answer.headers()["content-type"], expected);
        answer.text().await.expect("a text")
    }

    /// Sends it a signal, such as `STOP`.
    pub async fn signal(&self, name: &str) {
        let pid = self.child.id().expect("a running operator").to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().await.expect("kill");
        assert!(sent.success(), "kill -{name} {pid}");
    }

    /// Waits until it has ended by itself; answers whether it ended well, and what it said.
    pub async fn ended(mut self) -> (bool, String) {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("the operator does not end:\n{}", self.log()));
        (status.expect("a child").success(), self.last_words().await)
    }

    /// What `/readyz` answers: whether it is ready, and what it waits for.
    pub async fn readyz(&self) -> (bool, String) {
        let answer = reqwest::get(format!("http://{}/readyz", self.address())).await.expect("an answer");
        (answer.status().is_success(), answer.text().await.expect("a text"))
    }

    /// SIGKILL, from outside: no destructor runs.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a killed child");
    }

    /// SIGTERM; answers whether it ended well, within Kubernetes' grace period.
    pub async fn terminate(mut self) -> (bool, String) {
        let pid = self.child.id().expect("a running operator").to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill");
        assert!(sent.success());
        let status = tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await;
        let ended = status.is_ok_and(|status| status.is_ok_and(|status| status.success()));
        (ended, self.last_words().await)
    }

    /// All that it has logged, now that it has ended.
    async fn last_words(&mut self) -> String {
        // Who was not ended logs on.
        let _ = tokio::time::timeout(Duration::from_secs(5), &mut self.reader).await;
        self.log()
    }
}

/// The reason of the Ready condition; empty if there is none.
pub fn reason(object: &SipEndpoint) -> &str {
    let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    conditions.iter().find(|condition| condition.type_ == "Ready").map_or("", |condition| &condition.reason)
}

/// The status describes the present generation.
pub fn observed(object: &SipEndpoint) -> bool {
    object.status.as_ref().and_then(|status| status.observed_generation) == object.metadata.generation
}

/// The recorded id.
pub fn endpoint_id(object: &SipEndpoint) -> String {
    object
        .status
        .as_ref()
        .and_then(|status| status.endpoint_id.clone())
        .unwrap_or_else(|| panic!("{} has no endpoint_id", object.name_any()))
}

/// `over` merged into `base`, members of objects one by one.
pub fn merged(mut base: Value, over: Value) -> Value {
    if let (Value::Object(base), Value::Object(over)) = (&mut base, over) {
        for (key, value) in over {
            let before = base.remove(&key).unwrap_or(Value::Null);
            base.insert(key, if before.is_object() && value.is_object() { merged(before, value) } else { value });
        }
    }
    base
}

/// Asks again and again until there is an answer.
pub async fn eventually<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}
