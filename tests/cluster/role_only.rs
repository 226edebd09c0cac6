//! An operator that works in single namespaces, with Roles there and nothing in the whole cluster (`deploy/namespaced`).

use std::process::Stdio;
use std::sync::Arc;

use kube::api::{Api, DeleteParams};
use sandbox::control_plane::{self, ControlPlane, Rights};
use sandbox::plivo::{self, Simulator};
use serde_json::json;
use switchboard::api::ProviderAccount;
use tokio::process::Command;
use tokio::time::timeout;

use super::rbac::grants::{Use, assert_minimal, granted, objects};
use super::rbac::{NAMESPACED, audited_control_plane, scenarios};
use super::support;
use super::world::{PATIENCE, World, eventually, merged};

/// Rights of features that are being built: each line goes with its first use, and in the end the list is empty.
const UNUSED_YET: &[&str] = &[
    "own namespace, Role switchboard: create secrets",
    "own namespace, Role switchboard: delete secrets",
    "own namespace, Role switchboard: get secrets",
    "own namespace, Role switchboard: list secrets",
    "own namespace, Role switchboard: patch secrets",
    "tenant namespace, Role switchboard-secret-writer: create secrets",
    "tenant namespace, Role switchboard-secret-writer: patch secrets",
    "tenant namespace, Role switchboard: get phonenumberbindings.switchboard.dev",
    "tenant namespace, Role switchboard: list phonenumberbindings.switchboard.dev",
    "tenant namespace, Role switchboard: patch phonenumberbindings.switchboard.dev",
    "tenant namespace, Role switchboard: patch phonenumberbindings/status.switchboard.dev",
    "tenant namespace, Role switchboard: watch phonenumberbindings.switchboard.dev",
];

/// A namespace with an account, and with the operator's rights there if it is to work in it.
async fn place(plane: &ControlPlane, simulator: &Arc<Simulator>, name: &str, rights: bool) -> World {
    let namespace = support::namespace(&plane.client().await, name).await;
    if rights {
        scenarios::command(plane, &format!("kubectl -n {namespace} apply -f deploy/namespaced/namespace.yaml"));
    }
    let world = World::bare(plane, namespace, Arc::clone(simulator)).await;
    world.account("plivo", plivo::DEFAULT_AUTH_ID, plivo::DEFAULT_AUTH_TOKEN, json!({})).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_with_roles_in_its_namespaces_works_there_and_asks_for_nothing_else() {
    let plane = audited_control_plane("role-only", Rights::Namespaces).await;
    let simulator = Arc::new(Simulator::start(plivo::Options::default()).await.expect("a simulator"));
    let (first, second) = (place(&plane, &simulator, "first", true).await, place(&plane, &simulator, "second", true).await);
    let outside = place(&plane, &simulator, "outside", false).await;
    outside.endpoint("olga", json!({}), json!({})).await;

    refused_without_installation_id(&plane, &first).await;
    let refused = plane.audit_events(control_plane::OPERATOR).await.expect("the audit log");
    assert_eq!(refused.iter().map(|event| event.uri.as_str()).collect::<Vec<_>>(), ["/api/v1/namespaces/kube-system"]);

    // Named twice, as templates do; `operator_with` names the first one.
    let arguments = ["--namespace", &second.namespace, "--namespace", &first.namespace, "--installation-id", "site-a"];
    let operator = scenarios::lost_race(&first, |environment| first.operator_with(&arguments, environment)).await;
    tokio::join!(scenarios::life(&first), scenarios::unproven(&second), account(&second));
    assert!(outside.endpoints().get("olga").await.expect("the object").status.is_none_or(|status| status.conditions.is_empty()));
    let (ended, log) = operator.terminate().await;
    assert!(ended, "{log}");

    let granted = granted(&objects(NAMESPACED));
    let events = plane.audit_events(control_plane::OPERATOR).await.expect("the audit log");
    let found = Use::of(&events[refused.len()..], &granted);
    assert_minimal(&found, &granted, UNUSED_YET, |_| false);
    let namespaces: Vec<&String> = found.rights.values().flatten().collect();
    let known = [first.namespace.as_str(), second.namespace.as_str(), "switchboard-system"];
    assert!(namespaces.iter().all(|namespace| known.contains(&namespace.as_str())), "{namespaces:?}");
    plane.stop().await;
}

/// An endpoint in the second namespace, and its account: both go when they are deleted.
async fn account(world: &World) {
    world.endpoint("erin", merged(json!({"alias": "desk"}), json!({})), json!({})).await;
    world.ready("erin").await;
    world.delete("erin").await;
    world.gone("erin").await;
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    accounts.delete("plivo", &DeleteParams::default()).await.expect("a deletion");
    eventually("the account goes", async || accounts.get_opt("plivo").await.expect("an answer").is_none().then_some(())).await;
}

/// Nothing of the cluster can be read that would tell it from others.
async fn refused_without_installation_id(plane: &ControlPlane, world: &World) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    command.args(["run", "--namespace", &world.namespace, "--health-listen", "127.0.0.1:0", "--plivo-url", world.simulator.url()]);
    command.env("KUBECONFIG", plane.operator_kubeconfig()).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.expect("it ends by itself").expect("the operator");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("--installation-id is missing") && said.contains("kube-system"), "{said}");
    assert!(world.admin.requests().await.expect("the request log").is_empty(), "nothing was called");
}
