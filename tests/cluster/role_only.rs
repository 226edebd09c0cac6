//! An operator that works in single namespaces, with Roles there and nothing in the whole cluster (`deploy/namespaced`).

use std::process::Stdio;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, DeleteParams};
use sandbox::control_plane::{self, ControlPlane, Rights};
use sandbox::plivo::{self, Simulator};
use serde_json::json;
use switchboard::api::{ProviderAccount, SipEndpoint};
use tokio::process::Command;
use tokio::time::timeout;

use super::connection::message;
use super::observe::{account_message, account_reason};
use super::rbac::grants::{ACCOUNT, BY_CONSENT, Denial, Use, assert_minimal, granted, objects, secrets_of};
use super::rbac::scenarios::Environment;
use super::rbac::{NAMESPACED, audited_control_plane, credentials, numbers, restarts, scenarios};
use super::support;
use super::world::{PATIENCE, World, eventually, merged};

/// Namespaces whose names begin so have the operator's rights but for Secrets: neither read nor written, or not written.
const UNWILLING: &str = "unwilling";
const UNWRITTEN: &str = "unwritten";

/// What the operator asks for although it may be refused, and why.
const EXPECTED_DENIALS: &[Denial] = &[
    // Either may be answered first, and then the other is not asked for again at once.
    ("a Secret is read, and the watch that notices consent lists", |event| secrets_of(event, UNWILLING, &["get", "list"])),
    ("a Secret is to be made where only reading is consented to", |event| secrets_of(event, UNWRITTEN, &["create"])),
];

/// The command that gives an operator its rights in a namespace.
fn grant(namespace: &str) -> String {
    format!("kubectl -n {namespace} apply -f deploy/namespaced/namespace.yaml")
}

/// A namespace with an account, and with the operator's rights there, but for these roles, if it is to work in it.
async fn place(plane: &ControlPlane, simulator: &Arc<Simulator>, name: &str, without: Option<&[&str]>) -> World {
    let namespace = support::namespace(&plane.client().await, name).await;
    if let Some(roles) = without {
        scenarios::command(plane, &grant(&namespace));
        for role in roles {
            scenarios::command(plane, &format!("kubectl -n {namespace} delete rolebinding/{role} role/{role}"));
        }
    }
    let world = World::bare(plane, namespace, Arc::clone(simulator)).await;
    world.account("plivo", plivo::DEFAULT_AUTH_ID, plivo::DEFAULT_AUTH_TOKEN, json!({})).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_with_roles_in_its_namespaces_works_there_and_asks_for_nothing_else() {
    let plane = audited_control_plane("role-only", Rights::Namespaces).await;
    let simulator = Arc::new(Simulator::start(plivo::Options::default()).await.expect("a simulator"));
    let (first, second) = (place(&plane, &simulator, "first", Some(&[])).await, place(&plane, &simulator, "second", Some(&[])).await);
    let unwilling = place(&plane, &simulator, UNWILLING, Some(&BY_CONSENT)).await;
    let unwritten = place(&plane, &simulator, UNWRITTEN, Some(&BY_CONSENT[1..])).await;
    let outside = place(&plane, &simulator, "outside", None).await;
    outside.endpoint("olga", json!({}), json!({})).await;

    refused_without_installation_id(&plane, &first).await;
    let refused = plane.audit_events(control_plane::OPERATOR).await.expect("the audit log");
    assert_eq!(refused.iter().map(|event| event.uri.as_str()).collect::<Vec<_>>(), ["/api/v1/namespaces/kube-system"]);

    // The first one twice, as templates do: `operator_with` names it as well.
    let named = [&first, &second, &unwilling, &unwritten].map(|world| world.namespace.as_str());
    let arguments: Vec<&str> =
        named.iter().flat_map(|namespace| ["--namespace", *namespace]).chain(["--installation-id", "site-a"]).collect();
    let start = async |environment: Environment| first.operator_with(&arguments, environment).await;
    let operator = scenarios::lost_race(&first, &start).await;
    tokio::join!(
        scenarios::life(&first),
        numbers::bound_and_given_back(&first),
        credentials::escrow(&first),
        credentials::connection(&first),
        async {
            scenarios::unproven(&second, "ProviderAccount").await;
            not_served(&second).await;
        },
        account(&second),
        consent(&plane, &unwilling),
        scenarios::consent_to_write(&plane, &unwritten),
    );
    assert!(outside.endpoints().get("olga").await.expect("the object").status.is_none_or(|status| status.conditions.is_empty()));
    scenarios::end(operator).await;
    restarts::run(&first, &start).await;

    let granted = granted(&objects(NAMESPACED));
    let events = plane.audit_events(control_plane::OPERATOR).await.expect("the audit log");
    let found = Use::of(&events[refused.len()..], &granted);
    assert_minimal(&found, &granted, EXPECTED_DENIALS);
    let namespaces: Vec<&String> = found.rights.values().flatten().collect();
    assert!(namespaces.iter().all(|namespace| named.contains(&namespace.as_str()) || *namespace == ACCOUNT.0), "{namespaces:?}");
    plane.stop().await;
}

/// The commands for people in the head of `namespace.yaml` that begin so, for this namespace.
fn documented(namespace: &str, beginning: &str) -> Vec<String> {
    let head = include_str!("../../deploy/namespaced/namespace.yaml").lines().map_while(|line| line.strip_prefix('#'));
    let commands: Vec<String> =
        head.map(str::trim).filter(|line| line.starts_with(beginning)).map(|line| line.replace("voice", namespace)).collect();
    assert!(!commands.is_empty(), "nothing begins with {beginning:?}");
    commands
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_goes_after_its_objects_and_rights_that_went_first_can_be_lent() {
    let plane = support::own_control_plane_with("role-only-gone", |dir| control_plane::Options {
        rights: Rights::Namespaces,
        ..control_plane::Options::new(dir)
    })
    .await;
    let simulator = Arc::new(Simulator::start(plivo::Options::default()).await.expect("a simulator"));
    let (tidy, hasty) = (place(&plane, &simulator, "tidy", Some(&[])).await, place(&plane, &simulator, "hasty", Some(&[])).await);
    let arguments = ["--namespace", &tidy.namespace, "--namespace", &hasty.namespace, "--installation-id", "site-a"];
    let operator = tidy.operator_with(&arguments, &[]).await;
    let namespaces: Api<Namespace> = Api::all(tidy.client.clone());
    let gone = async |world: &World| {
        eventually("the namespace is gone", async || {
            namespaces.get_opt(&world.namespace).await.expect("an answer").is_none().then_some(())
        })
        .await;
    };
    let (before, after) = (tidy.application("before").await, tidy.application("after").await);
    for (world, number) in [(&tidy, "14155550160"), (&hasty, "14155550161")] {
        world.number(number, json!({"app_id": before})).await;
        world.endpoint("alice", json!({}), json!({})).await;
        world.ready("alice").await;
        world.binding("main", number, json!({"app_id": after}), json!({})).await;
        world.bound("main").await;
    }

    // As it is documented: the objects, then the namespace.
    for command in
        documented(&tidy.namespace, "kubectl -n voice delete").into_iter().chain(documented(&tidy.namespace, "kubectl delete namespace"))
    {
        scenarios::command(&plane, &format!("{command} --timeout=120s"));
    }
    gone(&tidy).await;
    assert_eq!(tidy.living().await.len(), 1, "that of the other namespace");
    assert_eq!(tidy.app_of("14155550160").await, before, "given back");

    // The other way round it hangs, and goes when the rights are lent.
    let bindings: Api<RoleBinding> = Api::namespaced(hasty.client.clone(), &hasty.namespace);
    bindings.delete("switchboard", &DeleteParams::default()).await.expect("a deletion");
    let asked: Api<SipEndpoint> = Api::namespaced(plane.operator_client().await, &hasty.namespace);
    eventually("the right is gone", async || asked.get("alice").await.is_err().then_some(())).await;
    namespaces.delete(&hasty.namespace, &DeleteParams::default()).await.expect("a deletion");
    let hangs = async || {
        let object = hasty.endpoints().get("alice").await.expect("the object");
        let rest = bindings.list_metadata(&kube::api::ListParams::default()).await.expect("a list").items;
        (object.metadata.deletion_timestamp.is_some() && rest.is_empty()).then_some(())
    };
    eventually("only what waits for the operator is left", hangs).await;
    for command in documented(&hasty.namespace, "kubectl create clusterrole") {
        scenarios::command(&plane, &command);
    }
    gone(&hasty).await;
    assert!(hasty.living().await.is_empty());
    assert_eq!(hasty.app_of("14155550161").await, before, "given back");
    documented(&hasty.namespace, "kubectl delete clusterrolebinding").iter().for_each(|command| scenarios::command(&plane, command));
    scenarios::end(operator).await;
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

/// Its Secrets are closed, until somebody runs what the condition shows.
async fn consent(plane: &ControlPlane, world: &World) {
    let account = account_reason(world, "plivo", "SecretAccessDenied").await;
    let message = account_message(&account);
    assert!(!message.to_lowercase().contains("clusterrole"), "there is none that could be bound: {message}");
    assert_eq!(scenarios::shown(&message), grant(&world.namespace));
    world.endpoint("fred", json!({}), json!({})).await;
    scenarios::command(plane, scenarios::shown(&message));
    world.ready("fred").await;
    world.delete("fred").await;
    world.gone("fred").await;
}

/// Accounts of the whole cluster are none here, and are not asked for: who refers to one is told, and is not let go unproven.
async fn not_served(world: &World) {
    world.endpoint("gus", json!({}), json!({"accountRef": {"kind": "ClusterProviderAccount", "name": "nowhere"}})).await;
    world.reason("gus", "AccountNotFound").await;
    scenarios::lost(world, "ClusterProviderAccount").await;
    world.delete("lost").await;
    let told = |object: &SipEndpoint| message(object).contains("switchboard.dev/force-orphan=unresolved");
    world.until("lost", "told what to do", told).await;
    world.patch("lost", json!({"metadata": {"annotations": {"switchboard.dev/force-orphan": "unresolved"}}})).await;
    world.gone("lost").await;
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
