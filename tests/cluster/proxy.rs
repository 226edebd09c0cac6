//! Between an operator and the API server: makes writes lose their race, loses their answers, lets the watch lag behind, and cuts everything off.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::{Method, StatusCode, header};
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use switchboard::api::{FINALIZER_ENDPOINT, SipEndpoint};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::support;
use super::world::World;

/// What happens to each write of a SipEndpoint or a Secret, at its first attempt. The second attempt passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// Nothing.
    None,
    /// Somebody else writes the object just before.
    Overtake,
    /// It is executed, and the answer is 504, which kube's client retries by itself.
    GatewayTimeout,
    /// It is executed, and the connection breaks in the answer.
    Cut,
}

/// A write that passed through: what it was, the object, and the status of the API server's own answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub kind: &'static str,
    pub object: String,
    pub status: u16,
    pub harmed: bool,
}

struct Shared {
    upstream: Client,
    admin: Client,
    harm: Harm,
    lag: Duration,
    harmed: Mutex<BTreeSet<(String, &'static str)>>,
    writes: Mutex<Vec<Write>>,
    /// SipEndpoints of this namespace are not shown for now.
    held: watch::Sender<Option<String>>,
    /// Nothing passes for now, in neither direction.
    cut: watch::Sender<bool>,
    /// A write of a Lease is passed on so much later.
    slow_lease: Mutex<Duration>,
    /// The answers to replaced Leases.
    leases: Mutex<Vec<u16>>,
}

/// A running proxy; it stops when it is dropped.
pub struct Proxy {
    shared: Arc<Shared>,
    kubeconfig: PathBuf,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Proxy {
    /// With the operator's own rights towards the API server. What the watch of SipEndpoints tells comes `lag` later.
    pub async fn start(world: &World, harm: Harm, lag: Duration) -> Proxy {
        let own = Kubeconfig::read_from(support::control_plane().operator_kubeconfig()).expect("the operator's kubeconfig");
        let config = kube::Config::from_custom_kubeconfig(own, &KubeConfigOptions::default()).await.expect("a configuration");
        let shared = Arc::new(Shared {
            upstream: Client::try_from(config).expect("a client"),
            admin: world.client.clone(),
            harm,
            lag,
            harmed: Mutex::default(),
            writes: Mutex::default(),
            held: watch::Sender::new(None),
            cut: watch::Sender::new(false),
            slow_lease: Mutex::default(),
            leases: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(forward).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });
        let kubeconfig = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("proxy-{}.kubeconfig", world.namespace));
        let content = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{address}")}}],
            "users": [{"name": "proxy", "user": {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
        });
        std::fs::write(&kubeconfig, content.to_string()).expect("a kubeconfig");
        Proxy { shared, kubeconfig, server }
    }

    /// The kubeconfig that leads through it.
    pub fn kubeconfig(&self) -> &str {
        self.kubeconfig.to_str().expect("a path in UTF-8")
    }

    /// Requests for the SipEndpoints of this namespace get no answer until [`Proxy::release`].
    pub fn hold(&self, namespace: &str) {
        self.shared.held.send_replace(Some(namespace.to_owned()));
    }

    /// What was held is answered.
    pub fn release(&self) {
        self.shared.held.send_replace(None);
    }

    /// Nothing passes any more: who asks waits, who watches hears nothing.
    pub fn cut(&self) {
        self.shared.cut.send_replace(true);
    }

    /// Writes of Leases reach the API server so much later, whether somebody still waits for the answer or not.
    pub fn slow_lease(&self, delay: Duration) {
        *self.shared.slow_lease.lock().expect("no panic while locked") = delay;
    }

    /// What the API server answered to each Lease that was replaced.
    pub fn lease_writes(&self) -> Vec<u16> {
        self.shared.leases.lock().expect("no panic while locked").clone()
    }

    /// All writes of SipEndpoints and Secrets so far.
    pub fn writes(&self) -> Vec<Write> {
        self.shared.writes.lock().expect("no panic while locked").clone()
    }
}

async fn forward(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let delay = *shared.slow_lease.lock().expect("no panic while locked");
    if request.method() != Method::PUT || !request.uri().path().contains("/leases/") || delay.is_zero() {
        return pass(shared, request).await;
    }
    // A task of its own: it is passed on also if the one who sent it has gone.
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 4 << 20).await else { return plain(StatusCode::BAD_REQUEST, "no body") };
    let late = tokio::spawn(async move {
        sleep(delay).await;
        pass(shared, Request::from_parts(parts, Body::from(body))).await
    });
    late.await.expect("a task that does not panic")
}

/// Until something may pass. An error means that the proxy is ending.
async fn open(shared: &Shared) {
    let _ = shared.cut.subscribe().wait_for(|cut| !*cut).await;
}

async fn pass(shared: Arc<Shared>, request: Request) -> Response {
    open(&shared).await;
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 4 << 20).await else { return plain(StatusCode::BAD_REQUEST, "no body") };
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    if parts.method == Method::GET {
        let mut held = shared.held.subscribe();
        let place = |namespace: &String| target.contains(&format!("/namespaces/{namespace}/sipendpoints?"));
        // An error means that the proxy is ending.
        let _ = held.wait_for(|held| !held.as_ref().is_some_and(place)).await;
    }
    let write = [Method::PATCH, Method::POST].contains(&parts.method).then(|| written(parts.uri.path(), &body)).flatten();
    let mut harm = Harm::None;
    if let Some((namespace, object, kind)) = &write
        && shared.harm != Harm::None
        && shared.harmed.lock().expect("no panic while locked").insert((object.clone(), kind))
    {
        harm = shared.harm;
        if harm == Harm::Overtake && kind.ends_with("secret") {
            let secrets: Api<Secret> = Api::namespaced(shared.admin.clone(), namespace);
            let patch = Patch::Merge(json!({"metadata": {"annotations": {"somebody.example/else": kind}}}));
            // There may be none yet.
            let _ = secrets.patch(object, &PatchParams::default(), &patch).await;
        } else if harm == Harm::Overtake {
            let objects: Api<SipEndpoint> = Api::namespaced(shared.admin.clone(), namespace);
            let patch = Patch::Merge(json!({"metadata": {"annotations": {"somebody.example/else": kind}}}));
            // The object may be gone: then there is nothing to overtake.
            let _ = objects.patch(object, &PatchParams::default(), &patch).await;
        }
    }
    let lease = parts.method == Method::PUT && target.contains("/leases/");
    let mut request = http::Request::builder().method(parts.method).uri(&target);
    for name in [header::CONTENT_TYPE, header::ACCEPT] {
        if let Some(value) = parts.headers.get(&name) {
            request = request.header(name, value);
        }
    }
    let request = request.body(kube::client::Body::from(body.to_vec())).expect("a request like the one that came");
    let Ok(answer) = shared.upstream.send(request).await else { return plain(StatusCode::BAD_GATEWAY, "no answer") };
    if lease {
        shared.leases.lock().expect("no panic while locked").push(answer.status().as_u16());
    }
    if let Some((_, object, kind)) = write {
        let status = answer.status().as_u16();
        shared.writes.lock().expect("no panic while locked").push(Write { kind, object, status, harmed: harm != Harm::None });
    }
    open(&shared).await;
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove(header::TRANSFER_ENCODING);
    let gate = Arc::clone(&shared);
    let data = http_body_util::BodyExt::into_data_stream(body).then(move |chunk| {
        let gate = Arc::clone(&gate);
        async move {
            open(&gate).await;
            chunk
        }
    });
    let data = data.boxed();
    match harm {
        Harm::GatewayTimeout => {
            let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Timeout", "code": 504});
            plain(StatusCode::GATEWAY_TIMEOUT, &status.to_string())
        }
        Harm::Cut => {
            parts.headers.remove(header::CONTENT_LENGTH);
            let half = stream::iter([Ok(Bytes::from_static(b"{\"kind\":")), Err(std::io::Error::other("cut"))]);
            Response::from_parts(parts, Body::from_stream(half))
        }
        Harm::None | Harm::Overtake if target.contains("/sipendpoints?") && target.contains("watch=true") && !shared.lag.is_zero() => {
            Response::from_parts(parts, Body::from_stream(late(data, shared.lag)))
        }
        Harm::None | Harm::Overtake => Response::from_parts(parts, Body::from_stream(data.map_err(std::io::Error::other))),
    }
}

/// Everything, so much later than it came.
fn late<E>(
    data: impl futures::Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
    lag: Duration,
) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> + Send
where
    E: std::error::Error + Send + Sync + 'static,
{
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut data = data;
        while let Some(chunk) = data.next().await {
            if sender.send((Instant::now() + lag, chunk.map_err(std::io::Error::other))).is_err() {
                return;
            }
        }
    });
    stream::unfold(receiver, |mut receiver| async move {
        let (due, chunk) = receiver.recv().await?;
        sleep_until(due).await;
        Some((chunk, receiver))
    })
}

fn plain(status: StatusCode, text: &str) -> Response {
    let body = Body::from(text.to_owned());
    Response::builder().status(status).header(header::CONTENT_TYPE, "application/json").body(body).expect("a plain answer")
}

/// Namespace, name and kind of a write of a SipEndpoint or a Secret.
fn written(path: &str, body: &[u8]) -> Option<(String, String, &'static str)> {
    let mut parts = path.split('/').skip_while(|part| *part != "namespaces").skip(1);
    let (namespace, resource) = (parts.next()?, parts.next()?);
    if resource == "secrets" {
        let body: Value = serde_json::from_slice(body).ok()?;
        return Some(match parts.next() {
            Some(name) => (namespace.to_owned(), name.to_owned(), "patch of secret"),
            None => (namespace.to_owned(), body["metadata"]["name"].as_str()?.to_owned(), "create of secret"),
        });
    }
    let (name, sub) = (parts.next()?, parts.next());
    if resource != "sipendpoints" {
        return None;
    }
    let patch: Value = serde_json::from_slice(body).ok()?;
    let kind = if sub == Some("status") {
        let (ledger, status) = (&patch["status"]["ledger"], &patch["status"]);
        let open = ledger["intent"]["epoch"].as_i64() > Some(ledger["epoch"].as_i64().unwrap_or(0));
        let ready = status["conditions"].as_array().into_iter().flatten().find(|condition| condition["type"] == "Ready");
        match ready.map(|condition| condition["reason"].as_str().unwrap_or_default()) {
            _ if open => "intent",
            Some("Progressing") if status["endpoint_id"].is_string() => "record",
            _ => "report",
        }
    } else if patch["metadata"]["finalizers"].as_array().is_some_and(|all| all.iter().any(|one| one == FINALIZER_ENDPOINT)) {
        "finalizer"
    } else {
        "release"
    };
    Some((namespace.to_owned(), name.to_owned(), kind))
}
