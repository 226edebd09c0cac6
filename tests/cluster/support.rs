//! The control plane that all tests of this program share, and requests to it.

use std::path::Path;
use std::process::Command;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::client::Body;
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use sandbox::control_plane::ControlPlane;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

/// No single request takes longer.
const REQUEST: Duration = Duration::from_secs(30);
/// How long a freshly applied definition may take to be served.
const SERVED: Duration = Duration::from_secs(60);

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

/// One for the caller alone.
pub async fn own_control_plane(name: &str) -> ControlPlane {
    build_sandbox_if_missing();
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let plane = ControlPlane::start(&dir).await.unwrap_or_else(|error| panic!("no control plane: {error:#}"));
    install(&plane.client().await).await;
    plane
}

fn shared(name: &'static str) -> ControlPlane {
    // A thread of its own, because the caller may be inside a runtime, which cannot be entered twice.
    let start = move || tokio::runtime::Runtime::new().expect("a runtime for the start").block_on(own_control_plane(name));
    std::thread::spawn(start).join().expect("the thread that starts the control plane says why it could not")
}

/// `cargo test --test cluster` alone does not build the program that guards the control plane's processes.
fn build_sandbox_if_missing() {
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
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    for crd in switchboard::api::crd::all() {
        let params = PatchParams::apply("tests").force();
        crds.patch(&crd.name_any(), &params, &Patch::Apply(&crd))
            .await
            .unwrap_or_else(|error| panic!("{} is refused: {error}", crd.name_any()));
        let version = &crd.spec.versions[0].name;
        let kind = GroupVersionKind::gvk(&crd.spec.group, version, &crd.spec.names.kind);
        let objects: Api<DynamicObject> = Api::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&kind, &crd.spec.names.plural));
        let deadline = Instant::now() + SERVED;
        while objects.list(&ListParams::default().limit(1)).await.is_err() {
            assert!(Instant::now() < deadline, "{} is not served after {SERVED:?}", crd.name_any());
            sleep(Duration::from_millis(25)).await;
        }
    }
}

/// A client with the administrator's rights, for the runtime of the calling test.
pub async fn client() -> Client {
    control_plane().client().await
}

/// A new namespace for one test. Nobody deletes it: it goes with the control plane.
pub async fn namespace(client: &Client, prefix: &str) -> String {
    let metadata = ObjectMeta { generate_name: Some(format!("{prefix}-")), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    let created = timeout(REQUEST, Api::all(client.clone()).create(&PostParams::default(), &namespace)).await;
    created.expect("an answer").expect("a namespace").name_any()
}

/// Sends a request as it is and returns what the API server says, whatever it says.
pub async fn send(client: &Client, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Body::from(serde_json::to_vec(body).expect("a value is JSON")))
        .expect("a request");
    let exchange = async {
        let answer = client.send(request).await.expect("an answer");
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("a whole answer").to_bytes();
        (status, serde_json::from_slice(&body).expect("the API server answers in JSON"))
    };
    timeout(REQUEST, exchange).await.expect("an answer in time")
}
