//! Everything that the operator does, in short: together the scenarios use each right that it has.

use std::panic::AssertUnwindSafe;
use std::process::Command;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{LocalBoxFuture, join_all};
use http::{Request, StatusCode};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::client::Body;
use sandbox::control_plane::ControlPlane;
use serde_json::{Value, json};
use switchboard::api::{FINALIZER_ENDPOINT, ProviderAccount};
use tokio::time::{sleep, timeout};

use super::super::connection::message;
use super::super::observe::{account_message, account_reason, event, events};
use super::super::support;
use super::super::world::{Operator, World, eventually, reason};
use super::{BY_CONSENT, DYING, UNWILLING, credentials, numbers, restarts};

/// A scenario has a consenting namespace of its own, with an account `plivo`, and the operator at work.
type Scenario = for<'a> fn(&'a ControlPlane, &'a World) -> LocalBoxFuture<'a, ()>;

/// All scenarios, by the namespace that each gets. **A feature that uses a right which nothing here uses adds its scenario to this list**,
/// if not one of those that begin or end with a start of the operator ([`restarts`]) can have it.
pub const SCENARIOS: &[(&str, Scenario)] = &[
    ("life", |_, world| Box::pin(life(world))),
    ("unproven", |_, world| Box::pin(unproven(world, "ProviderAccount"))),
    ("unproven-cluster", |_, world| Box::pin(unproven(world, "ClusterProviderAccount"))),
    ("consent", |plane, world| Box::pin(consent(plane, world))),
    ("account", |_, world| Box::pin(account_goes(world))),
    ("brake", |_, world| Box::pin(brake(world))),
    ("numbers", |_, world| Box::pin(numbers::bound_and_given_back(world))),
    ("cluster-account", |_, world| Box::pin(credentials::cluster_account(world))),
    ("escrow", |_, world| Box::pin(credentials::escrow(world))),
    ("connection", |_, world| {
        Box::pin(async {
            world.may_write().await;
            credentials::connection(world).await;
        })
    }),
    (DYING, |_, world| Box::pin(dying_namespace(world))),
];

/// What an operator is told by its environment.
pub type Environment = &'static [(&'static str, &'static str)];

/// Runs all scenarios under an operator that watches all namespaces, and starts it again for what needs that.
pub async fn run_all(plane: &ControlPlane, world: &World) {
    let start = async |environment: Environment| world.operator_everywhere_with(&[], environment).await;
    let operator = lost_race(world, &start).await;
    let mut worlds = Vec::new();
    for (name, scenario) in SCENARIOS {
        worlds.push((*name, world.beside(name).await, scenario));
    }
    let failed: Vec<&str> = join_all(worlds.iter().map(|(name, world, scenario)| async move {
        let ended = AssertUnwindSafe(scenario(plane, world)).catch_unwind().await;
        ended.is_err().then_some(*name)
    }))
    .await
    .into_iter()
    .flatten()
    .collect();
    assert!(failed.is_empty(), "scenarios {failed:?} failed (see above); the operator said:\n{}", operator.log());
    end(operator).await;
    restarts::run(world, &start).await;
}

/// The operator is told to end, and does.
pub async fn end(operator: Operator) {
    let (ended, log) = operator.terminate().await;
    assert!(ended, "the operator did not end well:\n{log}");
}

/// An operator that somebody gets ahead of between its decision and its write: it reads the object again.
pub async fn lost_race(world: &World, start: &impl AsyncFn(Environment) -> Operator) -> Operator {
    let mut operator = start(&[("SWITCHBOARD_FAILPOINT", "intent.before,freeze")]).await;
    world.endpoint("raced", json!({}), json!({})).await;
    overtaken(&mut operator, "intent.before", world.patch("raced", ahead())).await;
    world.ready("raced").await;
    world.exactly_one("raced").await;
    operator
}

/// What somebody else writes meanwhile.
pub fn ahead() -> Value {
    json!({"metadata": {"labels": {"ahead": "yes"}}})
}

/// Somebody gets ahead of an operator that stands still at this point, and then it goes on.
pub async fn overtaken<T>(operator: &mut Operator, point: &str, faster: impl Future<Output = T>) {
    operator.says(&format!("failpoint {point} reached")).await;
    eventually("it stands still", async || operator.is_frozen().then_some(())).await;
    faster.await;
    operator.signal("CONT").await;
}

/// An endpoint is made, edited, drifts, is deleted behind the operator's back, gets another password, and goes.
pub async fn life(world: &World) {
    world.endpoint("alice", json!({"alias": "desk"}), json!({})).await;
    world.ready("alice").await;
    // Two events of the same kind: the second one is written into the first.
    for alias in ["hall", "door"] {
        world.patch("alice", json!({"spec": {"plivo": {"alias": alias}}})).await;
        world.ready("alice").await;
        eventually("the alias is sent", async || (world.exactly_one("alice").await["alias"] == alias).then_some(())).await;
    }
    let before = world.exactly_one("alice").await["password"].clone();
    world.secret("alice-sip", &[("password", "correct-horse")]).await;
    eventually("the password is rotated", async || (world.exactly_one("alice").await["password"] != before).then_some(())).await;
    event(world, "alice", "PasswordRotated").await;
    let id = super::super::world::endpoint_id(&world.ready("alice").await);
    world.admin.patch_endpoint(&id, json!({"alias": "elsewhere"})).await.expect("an edit in the console");
    event(world, "alice", "DriftCorrected").await;
    world.admin.delete_endpoint(&id).await.expect("a deletion in the console");
    event(world, "alice", "Recreated").await;
    world.ready("alice").await;
    world.delete("alice").await;
    world.gone("alice").await;
    let told: Vec<String> = events(world, "alice").await.into_iter().map(|(reason, _)| reason).collect();
    assert_eq!(told.iter().filter(|reason| *reason == "Updated").count(), 1, "{told:?}");
}

/// An object whose status was lost and whose account does not exist: before it is let go, the account is asked for.
pub async fn unproven(world: &World, kind: &str) {
    lost(world, kind).await;
    world.delete("lost").await;
    event(world, "lost", "ReleasedUnproven").await;
    world.gone("lost").await;
}

/// An object with our finalizer and without a status, of an account of this kind that does not exist.
pub async fn lost(world: &World, kind: &str) {
    let object = json!({
        "apiVersion": "switchboard.dev/v1alpha1", "kind": "SipEndpoint", "metadata": {"name": "lost", "finalizers": [FINALIZER_ENDPOINT]},
        "spec": {
            "accountRef": {"kind": kind, "name": "nowhere"},
            "plivo": {"username": "lost", "passwordSecretRef": {"name": "lost-sip", "key": "password"}},
        },
    });
    world.endpoints().patch("lost", &PatchParams::apply("tests").force(), &Patch::Apply(&object)).await.expect("a SipEndpoint");
}

/// A namespace that does not consent, until somebody runs the commands that the conditions show: first to reading, then to writing.
async fn consent(plane: &ControlPlane, world: &World) {
    let closed = World::bare(plane, support::namespace(&world.client, UNWILLING).await, world.simulator.clone()).await;
    closed.account("plivo", sandbox::plivo::DEFAULT_AUTH_ID, sandbox::plivo::DEFAULT_AUTH_TOKEN, json!({})).await;
    let account = account_reason(&closed, "plivo", "SecretAccessDenied").await;
    let message = account_message(&account);
    closed.endpoint("bob", json!({}), json!({})).await;
    closed.until("bob", "waiting for its account", |object| ["AccountNotReady", "SecretAccessDenied"].contains(&reason(object))).await;
    command(plane, shown(&message));
    closed.ready("bob").await;
    closed.delete("bob").await;
    closed.gone("bob").await;
    consent_to_write(plane, &closed).await;
}

/// A namespace that consents to reading only, until somebody runs the command that the condition shows.
pub async fn consent_to_write(plane: &ControlPlane, world: &World) {
    world.apply("carla", json!({"generatePassword": true}), json!({"connectionSecret": {"name": "carla-phone"}})).await;
    let object = world.reason("carla", "SecretAccessDenied").await;
    command(plane, shown(&message(&object)));
    world.ready("carla").await;
    assert!(world.values("carla-phone").await.is_some_and(|values| values.contains_key("password")), "it is written now");
    world.delete("carla").await;
    world.gone("carla").await;
}

/// The command of a condition that says that consent is missing.
pub fn shown(message: &str) -> &str {
    let (_, shown) = message.split_once("Grant it with: ").expect("a command");
    shown.split_once("; or as YAML").expect("its end").0
}

/// An account that is deleted waits for those who use it.
async fn account_goes(world: &World) {
    world.endpoint("carol", json!({}), json!({})).await;
    world.ready("carol").await;
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    accounts.delete("plivo", &DeleteParams::default()).await.expect("a deletion");
    account_reason(world, "plivo", "DeletionRefused").await;
    world.delete("carol").await;
    world.gone("carol").await;
    eventually("the account goes", async || accounts.get_opt("plivo").await.expect("an answer").is_none().then_some(())).await;
}

/// A mass of deletions stops, and goes on when somebody acknowledges it.
async fn brake(world: &World) {
    let (id, token) = ("MABRAKE0000000000000", "brakebrakebrakebrakebrakebrakebrakebrake");
    world.admin.put_account(id, json!({"auth_token": token})).await.expect("another account");
    world.account("braked", id, token, json!({"brake": {"count": 1, "percent": 0}})).await;
    let names = ["d", "e", "f", "g"];
    for name in names {
        world.endpoint(name, json!({}), json!({"accountRef": {"name": "braked"}})).await;
    }
    for name in names {
        world.ready(name).await;
    }
    for name in names {
        world.delete(name).await;
    }
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    let token = eventually("the brake holds", async || {
        accounts.get("braked").await.expect("the account").status?.brake?.deletions.map(|record| record.token)
    })
    .await;
    let patch = json!({"metadata": {"annotations": {"switchboard.dev/acknowledge-brake": token}}});
    accounts.patch("braked", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("a patch");
    for name in names {
        world.gone(name).await;
    }
}

/// A namespace is deleted with everything in it, and its consent is what goes first.
async fn dying_namespace(world: &World) {
    world.endpoint("hank", json!({}), json!({})).await;
    world.ready("hank").await;
    let bindings: Api<RoleBinding> = Api::namespaced(world.client.clone(), &world.namespace);
    bindings.delete(BY_CONSENT[0], &DeleteParams::default()).await.expect("a deletion");
    let (secrets, accounts): (Api<Secret>, Api<ProviderAccount>) =
        (Api::namespaced(world.client.clone(), &world.namespace), Api::namespaced(world.client.clone(), &world.namespace));
    let mut touched = 0;
    loop {
        let account = accounts.get("plivo").await.expect("the account");
        if account_message(&account).contains(BY_CONSENT[0]) {
            break;
        }
        // A watch goes on when the right is gone, and tells of the change; the withdrawal counts a moment later than it was made.
        touched += 1;
        assert!(touched < 400, "the withdrawal is never noticed: {account:#?}");
        let patch = Patch::Merge(json!({"metadata": {"labels": {"touched": touched.to_string()}}}));
        secrets.patch("plivo-credentials", &PatchParams::default(), &patch).await.expect("a patch");
        sleep(Duration::from_millis(250)).await;
    }
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    namespaces.delete(&world.namespace, &DeleteParams::default()).await.expect("a deletion");
    let gone = async || namespaces.get_opt(&world.namespace).await.expect("an answer").is_none().then_some(());
    eventually("the namespace is gone", gone).await;
}

/// Runs a `kubectl` command of the documentation as an administrator.
pub fn command(plane: &ControlPlane, command: &str) {
    let arguments = command.strip_prefix("kubectl ").unwrap_or_else(|| panic!("{command:?} is no kubectl command"));
    let mut kubectl = Command::new(plane.kubectl());
    kubectl.args(arguments.split_whitespace()).env("KUBECONFIG", plane.kubeconfig()).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = kubectl.output().expect("kubectl");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The status that a watch is answered with; the stream is not read.
pub async fn watch(client: &Client, path: &str) -> StatusCode {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    timeout(Duration::from_secs(30), client.send(request)).await.expect("in time").expect("an answer").status()
}
