//! The control plane that all tests of this program share, and requests to it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config, ResourceExt};
use sandbox::control_plane::{ControlPlane, Options};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

/// No single request takes longer.
const REQUEST: Duration = Duration::from_secs(30);
/// How long a freshly applied definition may take to be served, and a changed policy to be enforced.
const SERVED: Duration = Duration::from_secs(60);
/// The documented example of a tool that restores backups, with the rights that it is usually given.
pub const BACKUP_TOOL: &str = "system:serviceaccount:velero:velero";

/// The control plane with our definitions. It ends with this process: a static is never dropped, but its programs are bound to the
/// life of the process that started them.
pub fn control_plane() -> &'static ControlPlane {
    static SHARED: LazyLock<ControlPlane> = LazyLock::new(|| shared("cluster"));
    &SHARED
}

/// A second one, for what is done with two clusters.
pub fn second_control_plane() -> &'static ControlPlane {
    static SECOND: LazyLock<ControlPlane> = LazyLock::new(|| shared("second"));
    &SECOND
}

/// One in which no operator works in all namespaces: what others say of their objects is seen there by nobody.
pub fn quiet_control_plane() -> &'static ControlPlane {
    static QUIET: LazyLock<ControlPlane> = LazyLock::new(|| shared("quiet"));
    &QUIET
}

/// One for the caller alone.
pub async fn own_control_plane(name: &str) -> ControlPlane {
    own_control_plane_with(name, Options::new).await
}

/// The same, with options for its folder.
pub async fn own_control_plane_with(name: &str, options: impl FnOnce(PathBuf) -> Options) -> ControlPlane {
    build_sandbox_if_missing();
    let options = options(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
    let audited = options.audit_log;
    let plane = ControlPlane::start_with(options).await.unwrap_or_else(|error| panic!("no control plane: {error:#}"));
    let client = plane.client().await;
    install(&client).await;
    // Where it is looked at what the operator may do and does, it has the rights of `deploy/` and no other.
    if !audited {
        allow_leases_for_tests(&client).await;
    }
    plane
}

fn shared(name: &'static str) -> ControlPlane {
    // A thread of its own, because the caller may be inside a runtime, which cannot be entered twice.
    let start = move || {
        tokio::runtime::Runtime::new().expect("a runtime for the start").block_on(async {
            let plane = own_control_plane(name).await;
            list_the_backup_tool(&plane).await;
            plane
        })
    };
    std::thread::spawn(start).join().expect("the thread that starts the control plane says why it could not")
}

/// `cargo test --test cluster` alone does not build the program that guards the control plane's processes.
pub fn build_sandbox_if_missing() {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().expect("nobody panics with it");
    let own = std::env::current_exe().expect("the path of this program");
    let beside = own.ancestors().skip(1).take(2).any(|folder| folder.join("sandbox").is_file());
    if !beside {
        let built = Command::new(env!("CARGO")).args(["build", "--quiet", "--locked", "--package", "sandbox"]).status();
        assert!(built.is_ok_and(|status| status.success()), "cargo build --package sandbox failed");
    }
}

/// Installs the definitions that the types make now, whatever the sandbox itself brings along.
async fn install(client: &Client) {
    for crd in switchboard::api::crd::all() {
        define(client, &crd).await;
    }
}

/// The name of what lets the operator have other leases in its namespace than the one that `deploy/` names.
const LEASES: &str = "leases-of-tests";

/// Each test has operators of its own, so each has a lease.
pub async fn allow_leases_for_tests(client: &Client) {
    let metadata = json!({"name": LEASES, "namespace": "switchboard-system"});
    let rules = json!([{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]}]);
    let role: Role = serde_json::from_value(json!({"metadata": metadata, "rules": rules})).expect("a role");
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": LEASES},
        "subjects": [{"kind": "ServiceAccount", "name": "switchboard", "namespace": "switchboard-system"}],
    }))
    .expect("a binding");
    let params = PostParams::default();
    Api::namespaced(client.clone(), "switchboard-system").create(&params, &role).await.expect("a role");
    Api::namespaced(client.clone(), "switchboard-system").create(&params, &binding).await.expect("a binding");
}

/// Whether operators in tests may have leases of their own.
pub async fn has_leases_for_tests(client: &Client) -> bool {
    let bindings: Api<RoleBinding> = Api::namespaced(client.clone(), "switchboard-system");
    bindings.get_opt(LEASES).await.expect("an answer").is_some()
}

/// Applies a definition and waits until its objects are served.
pub async fn define(client: &Client, crd: &CustomResourceDefinition) {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let params = PatchParams::apply("tests").force();
    crds.patch(&crd.name_any(), &params, &Patch::Apply(crd)).await.unwrap_or_else(|error| panic!("{} is refused: {error}", crd.name_any()));
    let version = &crd.spec.versions[0].name;
    let kind = GroupVersionKind::gvk(&crd.spec.group, version, &crd.spec.names.kind);
    let objects: Api<DynamicObject> = Api::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&kind, &crd.spec.names.plural));
    let deadline = Instant::now() + SERVED;
    while objects.list(&ListParams::default().limit(1)).await.is_err() {
        assert!(Instant::now() < deadline, "{} is not served after {SERVED:?}", crd.name_any());
        sleep(Duration::from_millis(25)).await;
    }
}

/// Runs the command that `deploy/admission.yaml` documents for a tool that restores backups, and waits until it counts.
async fn list_the_backup_tool(plane: &ControlPlane) {
    let admin = plane.client().await;
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": "velero"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "velero", "namespace": "velero"}],
    }))
    .expect("a binding");
    Api::all(admin.clone()).create(&PostParams::default(), &binding).await.expect("the backup tool's usual rights");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/admission.yaml");
    let manifest = std::fs::read_to_string(manifest).expect("the policies");
    let documented = manifest.lines().find_map(|line| line.strip_prefix("#   kubectl ")).expect("a documented command");
    let command = format!("{} {documented}", plane.kubectl().display());
    let output = Command::new("sh").args(["-c", &command]).env("KUBECONFIG", plane.kubeconfig()).output().expect("a shell");
    assert!(output.status.success(), "{documented}: {}", String::from_utf8_lossy(&output.stderr));

    let namespace = namespace(&admin, "status-writers").await;
    let account = json!({
        "apiVersion": "switchboard.dev/v1alpha1",
        "kind": "ProviderAccount",
        "metadata": {"name": "plivo"},
        "spec": {"plivo": {"credentialsSecretRef": {"name": "plivo-credentials"}}},
    });
    let path = format!("/apis/switchboard.dev/v1alpha1/namespaces/{namespace}/provideraccounts");
    let (status, stored) = send(&admin, Method::POST, &path, &account).await;
    assert!(status.is_success(), "{stored}");
    let tool = impersonating(plane, BACKUP_TOOL).await;
    let deadline = Instant::now() + SERVED;
    loop {
        // Both: the policy is enforced, and in its present version.
        let path = format!("{path}/plivo/status?dryRun=All");
        let (others, _) = send(&admin, Method::PUT, &path, &stored).await;
        let (tools, answer) = send(&tool, Method::PUT, &path, &stored).await;
        if others == StatusCode::FORBIDDEN && tools.is_success() {
            break;
        }
        assert!(Instant::now() < deadline, "after {SERVED:?} others are answered {others}, the backup tool {tools}: {answer}");
        sleep(Duration::from_millis(25)).await;
    }
}

/// A client with the administrator's rights, for the runtime of the calling test.
pub async fn client() -> Client {
    control_plane().client().await
}

/// A client that acts as the tool that may write a status besides the operator.
pub async fn backup_tool() -> Client {
    backup_tool_of(control_plane()).await
}

/// The same on another shared control plane.
pub async fn backup_tool_of(plane: &ControlPlane) -> Client {
    impersonating(plane, BACKUP_TOOL).await
}

async fn impersonating(plane: &ControlPlane, user: &str) -> Client {
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig()).expect("the administrator's kubeconfig");
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("a configuration");
    // Loopback: a proxy named by the environment cannot lead there.
    config.proxy_url = None;
    config.auth_info.impersonate = Some(user.to_owned());
    Client::try_from(config).expect("a client")
}

/// A new namespace for one test. Nobody deletes it: it goes with the control plane.
pub async fn namespace(client: &Client, prefix: &str) -> String {
    let metadata = ObjectMeta { generate_name: Some(format!("{prefix}-")), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    let created = timeout(REQUEST, Api::all(client.clone()).create(&PostParams::default(), &namespace)).await;
    created.expect("an answer").expect("a namespace").name_any()
}

/// What the API server says to a request.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// The texts of its `Warning` headers, which kube's own calls do not show.
    pub warnings: Vec<String>,
    pub body: Value,
}

/// Sends a request as it is and returns what the API server says, whatever it says.
pub async fn send(client: &Client, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
    let answer = exchange(client, method, path, "application/json", body).await;
    (answer.status, answer.body)
}

/// As [`send`], with the type of the body, and with the warnings of the answer.
pub async fn exchange(client: &Client, method: Method, path: &str, content_type: &str, body: &Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::CONTENT_TYPE, content_type)
        .body(Body::from(serde_json::to_vec(body).expect("a value is JSON")))
        .expect("a request");
    let exchange = async {
        let answer = client.send(request).await.expect("an answer");
        let status = answer.status();
        let warnings = answer.headers().get_all(http::header::WARNING).iter();
        let warnings = warnings.map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned()).collect();
        let body = answer.into_body().collect().await.expect("a whole answer").to_bytes();
        Answer { status, warnings, body: serde_json::from_slice(&body).expect("the API server answers in JSON") }
    };
    timeout(REQUEST, exchange).await.expect("an answer in time")
}
