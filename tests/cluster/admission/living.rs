//! The policies and a running operator: people with kubectl, GitOps tools, the namespace controller, the garbage collector.

use std::path::{Path, PathBuf};

use http::Method;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::{Value, json};
use switchboard::api::{FINALIZER_ENDPOINT, SipEndpoint};
use tokio::process::Command;

use super::{APPLY, Bench, ENDPOINTS, Expect, check};
use crate::side_by_side::{self, Told, case, creates_sent};
use crate::support;
use crate::world::{World, endpoint_id, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn the_policies_get_on_with_people_tools_and_kubernetes() {
    side_by_side::run(vec![
        case("kubectl replace", replaced),
        case("kubectl apply and server-side apply", applied),
        case("kubectl patch while it is being deleted", forced),
        case("its namespace is deleted", namespace_deleted),
        case("garbage collection", collected),
    ])
    .await;
}

/// A world with one settled object, `desk`.
async fn settled(case: &str) -> (World, Told) {
    let world = World::new("admitted").await;
    let operator = Told::new(case, world.operator().await);
    world.endpoint("desk", json!({"alias": "desk"}), json!({})).await;
    world.ready("desk").await;
    (world, operator)
}

fn guarded(object: &SipEndpoint) -> bool {
    object.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER_ENDPOINT)
}

/// Whether it went well, and all that it said.
async fn kubectl(world: &World, args: &[&str]) -> (bool, String) {
    let plane = support::control_plane();
    let mut command = Command::new(plane.kubectl());
    command.args(["--namespace", &world.namespace]).args(args).env("KUBECONFIG", plane.kubeconfig()).kill_on_drop(true);
    let output = command.output().await.expect("kubectl");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

/// A file with what people keep in Git of `desk`.
async fn written(world: &World, alias: &str) -> PathBuf {
    let spec = world.endpoints().get("desk").await.expect("the object").spec;
    let mut object = json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": "SipEndpoint", "metadata": {"name": "desk"}, "spec": spec});
    object["spec"]["plivo"]["alias"] = json!(alias);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.json", world.namespace));
    std::fs::write(&file, object.to_string()).expect("a file");
    file
}

async fn aliased(world: &World, alias: &str) {
    eventually("the provider has the alias", async || {
        world.living().await.values().any(|endpoint| endpoint["alias"] == alias).then_some(())
    })
    .await;
}

async fn replaced(case: &str) {
    let (world, _operator) = settled(case).await;
    let id = endpoint_id(&world.ready("desk").await);
    // Twice, as GitOps tools do at every sync.
    for alias in ["one", "two"] {
        let file = written(&world, alias).await;
        let (well, said) = kubectl(&world, &["replace", "-f", file.to_str().expect("UTF-8")]).await;
        assert!(well && said.contains("Warning: ") && said.contains("drops the finalizer switchboard.dev/endpoint,"), "{said}");
        world.until("desk", "guarded by our finalizer again", guarded).await;
        aliased(&world, alias).await;
    }
    assert_eq!(endpoint_id(&world.ready("desk").await), id);
    assert_eq!(creates_sent(&world).await, 1);
}

async fn applied(case: &str) {
    let (world, _operator) = settled(case).await;
    let file = written(&world, "by-kubectl").await;
    let (well, said) = kubectl(&world, &["apply", "-f", file.to_str().expect("UTF-8")]).await;
    assert!(well && !said.contains("ValidatingAdmissionPolicy"), "{said}");
    assert!(guarded(&world.endpoints().get("desk").await.expect("the object")));
    aliased(&world, "by-kubectl").await;

    let file = std::fs::read(written(&world, "by-gitops").await).expect("the file");
    let manifest: Value = serde_json::from_slice(&file).expect("JSON");
    let bench = Bench { admin: world.client.clone(), namespace: world.namespace.clone() };
    let write = (Method::PATCH, APPLY, manifest);
    check("a GitOps tool", &bench.send(&world.client, ENDPOINTS, "/desk?fieldManager=argocd&force=true", write).await, Expect::Quiet);
    assert!(guarded(&world.endpoints().get("desk").await.expect("the object")));
    aliased(&world, "by-gitops").await;
    world.ready("desk").await;
    assert_eq!(creates_sent(&world).await, 1);
}

async fn forced(case: &str) {
    let (world, operator) = settled(case).await;
    operator.kill().await;
    let (well, said) = kubectl(&world, &["delete", "sipendpoint", "desk", "--wait=false"]).await;
    assert!(well, "{said}");
    let patch = r#"{"metadata":{"finalizers":null}}"#;
    let (well, said) = kubectl(&world, &["patch", "sipendpoint", "desk", "--type=merge", "--patch", patch]).await;
    assert!(!well && said.contains("switchboard.dev/endpoint keeps it until nothing of it is left at the provider"), "{said}");
    assert!(guarded(&world.endpoints().get("desk").await.expect("the object")));
    assert_eq!(world.living().await.len(), 1);
    let _operator = Told::new(case, world.operator().await);
    world.gone("desk").await;
    assert!(world.living().await.is_empty(), "left: {:#?}", world.living().await);
}

async fn namespace_deleted(case: &str) {
    let (world, _operator) = settled(case).await;
    let namespace = &world.namespace;
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    namespaces.delete(namespace, &DeleteParams::default()).await.expect("a deletion");
    world.gone("desk").await;
    assert!(world.living().await.is_empty(), "left: {:#?}", world.living().await);
    eventually("the namespace is gone", async || namespaces.get_opt(namespace).await.expect("an answer").is_none().then_some(())).await;
}

async fn collected(case: &str) {
    let (world, _operator) = settled(case).await;
    for name in ["behind", "before", "holder", "leaver"] {
        world.endpoint(name, json!({}), json!({})).await;
    }
    for name in ["behind", "before", "holder", "leaver"] {
        world.ready(name).await;
    }
    let maps: Api<ConfigMap> = Api::namespaced(world.client.clone(), &world.namespace);
    let map = async |name: &str, owners: Value| {
        let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": name, "ownerReferences": owners}})).expect("a map");
        maps.create(&PostParams::default(), &map).await.expect("a map")
    };
    let gone = async |name: &str| {
        eventually(&format!("the map {name} is gone"), async || maps.get_opt(name).await.expect("an answer").is_none().then_some(())).await;
    };

    // Endpoints that belong to something.
    for (name, how) in [("behind", DeleteParams::background()), ("before", DeleteParams::foreground())] {
        let uid = map(name, json!([])).await.metadata.uid;
        let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid, "blockOwnerDeletion": true});
        world.patch(name, json!({"metadata": {"ownerReferences": [owner]}})).await;
        maps.delete(name, &how).await.expect("a deletion");
        world.gone(name).await;
        gone(name).await;
    }
    // Endpoints to which something belongs: the collector writes to them while they are being deleted.
    for (name, how) in [("holder", DeleteParams::foreground()), ("leaver", DeleteParams::orphan())] {
        let uid = world.endpoints().get(name).await.expect("the object").metadata.uid;
        let owner =
            json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": "SipEndpoint", "name": name, "uid": uid, "blockOwnerDeletion": true});
        map(&format!("of-{name}"), json!([owner])).await;
        world.endpoints().delete(name, &how).await.expect("a deletion");
        world.gone(name).await;
    }
    gone("of-holder").await;
    let left = maps.get("of-leaver").await.expect("what was left an orphan");
    assert_eq!(left.metadata.owner_references.unwrap_or_default().len(), 0);
    world.exactly_one("desk").await;
    assert_eq!(world.living().await.len(), 1, "only that of desk: {:#?}", world.living().await);
}
