//! What GitOps tools do to objects, and what the operator leaves alone (`docs/gitops.md`): manifests that are applied again and again, waited
//! for, changed in Git, and pruned by accident.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DynamicObject, ListParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use sandbox::plivo;
use serde_json::{Value, json};
use switchboard::api::FIELD_MANAGER;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::cases::{all, case};
use super::observe::{Call, Told, calls_since, count, listings, now};
use super::support;
use super::world::{PATIENCE, World, endpoint_id, eventually, reason};

const NUMBER: &str = "14155550100";
/// The objects of the documented command that waits.
const OBJECTS: [(&str, &str, &str); 3] = [
    ("ProviderAccount", "provideraccounts", "plivo"),
    ("SipEndpoint", "sipendpoints", "alice"),
    ("PhoneNumberBinding", "phonenumberbindings", "reception"),
];
/// How tools apply. Each is used twice: the first time its name becomes an owner of the fields.
const TOOLS: [(&str, &str); 4] = [
    ("Argo CD", "apply --server-side --force-conflicts --field-manager=argocd-controller"),
    ("Flux", "apply --server-side --force-conflicts --field-manager=kustomize-controller"),
    ("people", "apply"),
    ("people, server-side", "apply --server-side --force-conflicts"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_in_git_is_applied_again_waited_for_changed_and_pruned_without_surprises() {
    all(vec![
        case("applied again", applied_again()),
        case("pruned by accident", pruned()),
        case("the script in the ConfigMap of Argo CD", config_map()),
    ])
    .await;
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The documented command that begins so, in this namespace.
fn documented(begins: &str, stands_for: &str, namespace: &str) -> String {
    let text = std::fs::read_to_string(root().join("docs/gitops.md")).expect("the documentation");
    let found = text.lines().find_map(|line| line.strip_prefix("kubectl ").filter(|line| line.contains(begins)));
    let command = found.unwrap_or_else(|| panic!("docs/gitops.md has no command {begins:?}"));
    assert!(command.starts_with(&format!("-n {stands_for} ")), "{command}");
    command.replacen(stands_for, namespace, 1)
}

/// Runs kubectl with the administrator's rights.
async fn tried(arguments: &str) -> Output {
    let plane = support::control_plane();
    let mut command = Command::new(plane.kubectl());
    command.args(arguments.split_whitespace()).current_dir(root()).env("KUBECONFIG", plane.kubeconfig()).kill_on_drop(true);
    tokio::time::timeout(Duration::from_secs(120), command.output()).await.expect("in time").expect("kubectl")
}

/// Runs kubectl until it succeeds: it gives a busy machine ten seconds for a TLS handshake, and nothing here is harmed by doing it again.
async fn kubectl(arguments: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let output = tried(arguments).await;
        if output.status.success() {
            return;
        }
        assert!(Instant::now() < deadline, "kubectl {arguments}: {output:?}");
        eprintln!("kubectl {arguments}, tried again: {output:?}");
        sleep(Duration::from_millis(500)).await;
    }
}

/// What of the manifests is not in the cluster as it would be after Argo CD has applied them; none if nothing.
async fn difference(namespace: &str, file: &str) -> String {
    let arguments = format!("-n {namespace} diff --server-side --force-conflicts --field-manager=argocd-controller -f {file}");
    // 0 and 1 are answers, anything else is none.
    let answered = async || Some(tried(&arguments).await).filter(|output| matches!(output.status.code(), Some(0 | 1)));
    let output = eventually("kubectl can tell what differs", answered).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.success(), text.is_empty(), "{output:?}");
    text
}

/// The manifests as they are in Git.
fn manifests(world: &World, app_id: &str, alias: &str) -> PathBuf {
    let text = format!(
        r#"apiVersion: switchboard.dev/v1alpha1
kind: ProviderAccount
metadata: {{name: plivo, labels: {{team: voice}}}}
spec: {{plivo: {{credentialsSecretRef: {{name: plivo-credentials}}}}}}
---
apiVersion: switchboard.dev/v1alpha1
kind: SipEndpoint
metadata: {{name: alice, labels: {{team: voice}}}}
spec: {{accountRef: {{name: plivo}}, plivo: {{alias: {alias}, app_id: "{app_id}", passwordSecretRef: {{name: alice-sip}}}}}}
---
apiVersion: switchboard.dev/v1alpha1
kind: PhoneNumberBinding
metadata: {{name: reception, labels: {{team: voice}}}}
spec: {{accountRef: {{name: plivo}}, number: "+{NUMBER}", target: {{applicationOf: {{name: alice}}}}}}
"#
    );
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.yaml", world.namespace));
    std::fs::write(&path, text).expect("a file");
    path
}

async fn stored(world: &World) -> Vec<Value> {
    let mut found = Vec::new();
    for (kind, plural, name) in OBJECTS {
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("switchboard.dev", "v1alpha1", kind), plural);
        let api: Api<DynamicObject> = Api::namespaced_with(world.client.clone(), &world.namespace, &resource);
        found.push(serde_json::to_value(api.get(name).await.expect("the object")).expect("an object is JSON"));
    }
    found
}

/// What the operator has written: the status, our finalizer, and when it wrote last.
fn ours(objects: &[Value]) -> Vec<[Value; 3]> {
    let one = |object: &Value| {
        let writes = object["metadata"]["managedFields"].as_array().expect("managed fields").iter();
        let writes: Vec<&Value> = writes.filter(|entry| entry["manager"] == FIELD_MANAGER).collect();
        [object["status"].clone(), object["metadata"]["finalizers"].clone(), json!(writes)]
    };
    objects.iter().map(one).collect()
}

/// The operator owns no field that a manifest could have.
fn leaves_alone(object: &Value) {
    let entries = object["metadata"]["managedFields"].as_array().expect("managed fields").iter();
    let entries: Vec<&Value> = entries.filter(|entry| entry["manager"] == FIELD_MANAGER).collect();
    assert!(!entries.is_empty(), "{object:#}");
    for entry in entries {
        let fields = entry["fieldsV1"].as_object().expect("fields");
        assert!(fields.keys().all(|field| ["f:metadata", "f:status"].contains(&field.as_str())), "{entry:#}");
        let metadata = fields.get("f:metadata").and_then(Value::as_object).into_iter().flatten();
        assert!(metadata.into_iter().all(|(field, _)| field == "f:finalizers"), "{entry:#}");
    }
}

async fn applied_again() {
    let world = World::new("gitops").await;
    let app = world.application("ivr").await;
    world.number(NUMBER, json!({"app_id": ""})).await;
    world.secret("alice-sip", &[("password", "hunter22")]).await;
    let _operator = Told::start("applied again", &world, &[]).await;
    let git = manifests(&world, &app, "desk");
    let (namespace, file) = (world.namespace.clone(), git.display().to_string());
    let wait = documented("wait ", "voice", &namespace);

    kubectl(&format!("-n {namespace} {} -f {file}", TOOLS[0].1)).await;
    kubectl(&wait).await;
    assert_eq!(world.app_of(NUMBER).await, app);
    // What the account counts follows with the next listings.
    listings(&world, 2).await;
    let before = stored(&world).await;

    let since = now(&world).await;
    for (tool, apply) in TOOLS.into_iter().chain(TOOLS) {
        kubectl(&format!("-n {namespace} {apply} -f {file}")).await;
        assert_eq!(difference(&namespace, &file).await, "", "after {tool} had applied it");
    }
    listings(&world, 3).await;
    let calls = calls_since(&world, since).await;
    assert!(calls.iter().all(|call| matches!(call, Call::Page | Call::NumberPage)), "only the sweep: {calls:?}");
    let after = stored(&world).await;
    assert_eq!(ours(&after), ours(&before), "nothing is written");
    for object in &after {
        // The API server counts changes of the spec, whoever makes them.
        assert_eq!(object["metadata"]["generation"], 1, "{object:#}");
        leaves_alone(object);
    }

    // And it is awake all the same. The wait is not content with what was so before the change.
    let since = now(&world).await;
    manifests(&world, &app, "front-desk");
    assert!(difference(&namespace, &file).await.contains("front-desk"));
    kubectl(&format!("-n {namespace} {} -f {file}", TOOLS[1].1)).await;
    kubectl(&wait).await;
    assert_eq!(world.exactly_one("alice").await["alias"], "front-desk");
    assert_eq!(count(&calls_since(&world, since).await, Call::Update), 1);
    let generations = stored(&world).await;
    let generations: Vec<_> =
        generations.iter().map(|object| (&object["metadata"]["generation"], &object["status"]["observedGeneration"])).collect();
    assert_eq!(generations, [(&json!(1), &json!(1)), (&json!(2), &json!(2)), (&json!(1), &json!(1))]);
}

/// The documented way back: what the brake holds is given up, and the manifest that comes back finds it.
async fn pruned() {
    let world = World::new("pruned").await;
    let brake = json!({"brake": {"count": 1, "percent": 0}});
    world.account("plivo", plivo::DEFAULT_AUTH_ID, plivo::DEFAULT_AUTH_TOKEN, brake).await;
    let _operator = Told::start("pruned by accident", &world, &[]).await;
    let names = ["line0", "line1", "line2"];
    for name in names {
        world.endpoint(name, json!({}), json!({})).await;
    }
    for name in names {
        world.ready(name).await;
    }
    for name in names {
        world.delete(name).await;
    }
    let held = eventually("the brake holds what is left", async || {
        let left = world.endpoints().list(&ListParams::default()).await.expect("the objects").items;
        (left.len() == 2 && left.iter().all(|object| reason(object) == "Braked")).then_some(left)
    })
    .await;
    let account = super::observe::account_reason(&world, "plivo", "Braked").await;
    assert!(account.status.is_some_and(|status| status.conditions.iter().any(|condition| condition.type_ == "Stalled")));
    for object in held {
        let (name, id) = (object.metadata.name.clone().expect("a name"), endpoint_id(&object));
        kubectl(&format!("-n {} annotate sipendpoint {name} switchboard.dev/force-orphan={id}", world.namespace)).await;
        world.gone(&name).await;
        world.endpoint(&name, json!({}), json!({})).await;
        assert_eq!(endpoint_id(&world.ready(&name).await), id, "the same endpoint");
    }
    assert_eq!((world.effects("create_endpoint").await.len(), world.effects("delete_endpoint").await.len()), (3, 1));
}

async fn config_map() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "argocd").await;
    let maps: Api<ConfigMap> = Api::namespaced(client, &namespace);
    let own = json!({"metadata": {"name": "argocd-cm"}, "data": {"url": "https://argocd.example.com"}});
    maps.create(&PostParams::default(), &serde_json::from_value(own).expect("a ConfigMap")).await.expect("a ConfigMap");
    kubectl(&documented("patch configmap", "argocd", &namespace)).await;
    let data = maps.get("argocd-cm").await.expect("the ConfigMap").data.unwrap_or_default();
    assert_eq!(data.get("url").map(String::as_str), Some("https://argocd.example.com"));
    let script = std::fs::read_to_string(root().join("deploy/argocd/health.lua")).expect("the script");
    let scripts = data.iter().filter(|(key, text)| key.starts_with("resource.customizations.health.switchboard.dev_") && **text == script);
    assert_eq!((scripts.count(), data.len()), (4, 5));
}
