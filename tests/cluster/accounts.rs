//! What goes wrong with accounts, their Secrets and the consent to read them, and how it heals.

use std::time::Duration;

use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, DeleteParams};
use sandbox::plivo::{self, DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN};
use serde_json::json;
use switchboard::api::{ProviderAccount, SipEndpoint};

use super::cases::{all, case};
use super::observe::{Call, Told, account_message, account_reason, calls_since, now};
use super::support;
use super::world::{World, endpoint_id, eventually};

const WRONG: &str = "wrongwrongwrongwrongwrongwrongwrongtoken";
const NEW: &str = "newnewnewnewnewnewnewnewnewnewnewnewtoke";
const OTHER: (&str, &str) = ("MAOTHER0000000000000", "otherotherotherotherotherotherothertoken");

#[tokio::test(flavor = "multi_thread")]
async fn accounts_that_cannot_be_used_stop_every_call_and_heal_by_themselves() {
    // The longest first.
    all(vec![
        case("consent withdrawn while nothing else happens", withdrawn()),
        case("consent", consent()),
        case("credentials rejected, then revoked", rejected()),
        case("credentials of another account", another_account()),
        case("an account object that leads elsewhere", leads_elsewhere()),
        case("objects before accounts before Secrets", backwards()),
        case("an account object is deleted", deleted()),
    ])
    .await;
}

fn message(object: &SipEndpoint) -> String {
    let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    conditions.iter().find(|condition| condition.type_ == "Ready").map(|condition| condition.message.clone()).unwrap_or_default()
}

async fn rejected() {
    let switches = vec![("auth_error_body".to_owned(), "html".to_owned())];
    let world = World::with("rejected", plivo::Options { switches, ..plivo::Options::default() }).await;
    world.account("plivo", DEFAULT_AUTH_ID, WRONG, json!({})).await;
    world.endpoint("alice", json!({}), json!({})).await;
    let _operator = Told::start("credentials rejected, then revoked", &world, &[]).await;
    let account = account_reason(&world, "plivo", "CredentialsRejected").await;
    assert!(account_message(&account).contains("mend the Secret"), "{account:#?}");
    world.reason("alice", "AccountNotReady").await;
    world.endpoint("bob", json!({}), json!({})).await;
    world.reason("bob", "AccountNotReady").await;
    assert_eq!(calls_since(&world, 0).await, [Call::Probe], "nothing but one probe a minute");

    world.account("plivo", DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, json!({})).await;
    world.ready("alice").await;
    world.ready("bob").await;
    account_reason(&world, "plivo", "Available").await;
    assert_eq!(world.ledger().await, ["create_endpoint"; 2]);

    world.admin.put_account(DEFAULT_AUTH_ID, json!({"auth_token": NEW})).await.expect("another token");
    account_reason(&world, "plivo", "CredentialsRejected").await;
    world.until("alice", "AccountNotReady", |object| super::world::reason(object) == "AccountNotReady").await;
    let since = now(&world).await;
    world.patch("alice", json!({"spec": {"plivo": {"alias": "waiting"}}})).await;
    world.reason("alice", "AccountNotReady").await;
    world.delete("bob").await;
    world.until("bob", "waiting", |object| super::world::reason(object) == "AccountNotReady" && message(object).contains("delete")).await;
    assert!(calls_since(&world, since).await.iter().all(|call| *call == Call::Probe));

    world.account("plivo", DEFAULT_AUTH_ID, NEW, json!({})).await;
    world.ready("alice").await;
    world.gone("bob").await;
    assert_eq!(world.exactly_one("alice").await["alias"], "waiting");
    assert_eq!(world.ledger().await[2..].iter().filter(|op| *op == "create_endpoint").count(), 0);
}

async fn another_account() {
    let world = World::new("another").await;
    world.admin.put_account(OTHER.0, json!({"auth_token": OTHER.1})).await.expect("another account");
    let _operator = Told::start("credentials of another account", &world, &["--sweep-period", "500ms"]).await;
    world.endpoint("alice", json!({"alias": "desk"}), json!({})).await;
    let id = endpoint_id(&world.ready("alice").await);

    world.account("plivo", OTHER.0, OTHER.1, json!({})).await;
    let account = account_reason(&world, "plivo", "AccountMismatch").await;
    assert!(account_message(&account).contains(OTHER.0) && account_message(&account).contains(DEFAULT_AUTH_ID), "{account:#?}");
    world.until("alice", "AccountNotReady", |object| super::world::reason(object) == "AccountNotReady").await;
    let since = now(&world).await;
    world.patch("alice", json!({"spec": {"plivo": {"alias": "reception"}}})).await;
    world.reason("alice", "AccountNotReady").await;
    world.endpoint("bob", json!({}), json!({})).await;
    world.reason("bob", "AccountNotReady").await;
    assert_eq!(calls_since(&world, since).await, [], "nothing is called in either account");

    world.account("plivo", DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, json!({})).await;
    assert_eq!(endpoint_id(&world.ready("alice").await), id);
    world.ready("bob").await;
    assert_eq!(world.exactly_one("alice").await["alias"], "reception");
    assert_eq!(world.ledger().await.iter().filter(|op| *op == "create_endpoint").count(), 2);
    let requests = world.admin.requests().await.expect("the request log");
    assert!(requests.iter().all(|request| !request.path.contains(OTHER.0)), "the other account was called");
}

async fn leads_elsewhere() {
    let world = World::new("elsewhere").await;
    world.admin.put_account(OTHER.0, json!({"auth_token": OTHER.1})).await.expect("another account");
    let _operator = Told::start("an account object that leads elsewhere", &world, &[]).await;
    world.endpoint("alice", json!({"alias": "desk"}), json!({})).await;
    let id = endpoint_id(&world.ready("alice").await);

    delete_account(&world, "plivo").await;
    world.reason("alice", "AccountNotFound").await;
    world.account("plivo", OTHER.0, OTHER.1, json!({})).await;
    let object = world.reason("alice", "AccountMismatch").await;
    assert!(message(&object).contains(OTHER.0) && message(&object).contains(DEFAULT_AUTH_ID), "{}", message(&object));
    world.patch("alice", json!({"spec": {"plivo": {"alias": "reception"}}})).await;
    world.reason("alice", "AccountMismatch").await;
    world.delete("alice").await;
    world.until("alice", "waiting", |object| message(object).contains("waiting to delete")).await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);
    assert!(world.living().await.contains_key(&id));

    delete_account(&world, "plivo").await;
    world.account("plivo", DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, json!({})).await;
    world.gone("alice").await;
    assert!(world.living().await.is_empty());
    assert_eq!(world.ledger().await, ["create_endpoint", "delete_endpoint"]);
}

async fn backwards() {
    let world = World::new("backwards").await;
    let _operator = Told::start("objects before accounts before Secrets", &world, &[]).await;
    let spec = json!({"accountRef": {"name": "late"}});
    world.apply("alice", json!({"passwordSecretRef": {"name": "alice-sip", "key": "password"}}), spec).await;
    world.reason("alice", "SecretNotFound").await;
    world.secret("alice-sip", &[("wrong-key", "hunter22")]).await;
    world.reason("alice", "SecretKeyMissing").await;
    world.secret("alice-sip", &[("password", "four")]).await;
    world.reason("alice", "SecretInvalid").await;
    world.secret("alice-sip", &[("password", "hunter22")]).await;
    world.reason("alice", "AccountNotFound").await;

    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    let late = json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": "ProviderAccount", "metadata": {"name": "late"},
        "spec": {"plivo": {"credentialsSecretRef": {"name": "late-credentials"}}}});
    let late: ProviderAccount = serde_json::from_value(late).expect("an account");
    accounts.create(&kube::api::PostParams::default(), &late).await.expect("an account");
    account_reason(&world, "late", "SecretNotFound").await;
    world.reason("alice", "AccountNotReady").await;
    assert_eq!(world.ledger().await, [] as [&str; 0]);

    world.secret("late-credentials", &[("auth_id", DEFAULT_AUTH_ID), ("auth_token", DEFAULT_AUTH_TOKEN)]).await;
    world.ready("alice").await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);
}

async fn deleted() {
    let world = World::new("deleted").await;
    let _operator = Told::start("an account object is deleted", &world, &[]).await;
    world.endpoint("alice", json!({"alias": "desk"}), json!({})).await;
    world.endpoint("bob", json!({}), json!({})).await;
    let id = endpoint_id(&world.ready("alice").await);
    world.ready("bob").await;

    delete_account(&world, "plivo").await;
    world.reason("alice", "AccountNotFound").await;
    world.reason("bob", "AccountNotFound").await;
    let since = now(&world).await;
    world.patch("alice", json!({"spec": {"plivo": {"alias": "reception"}}})).await;
    world.reason("alice", "AccountNotFound").await;
    world.delete("bob").await;
    world.until("bob", "waiting", |object| message(object).contains("waiting to delete")).await;
    assert_eq!(calls_since(&world, since).await, [], "no account, no calls");
    assert_eq!(world.living().await.len(), 2);

    world.account("plivo", DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, json!({})).await;
    world.gone("bob").await;
    assert_eq!(endpoint_id(&world.ready("alice").await), id);
    assert_eq!(world.exactly_one("alice").await["alias"], "reception");
    assert_eq!(world.living().await.len(), 1);
}

async fn consent() {
    let world = World::new("consent").await;
    withdraw(&world).await;
    world.endpoint("alice", json!({}), json!({})).await;
    let _operator = Told::start("consent", &world, &[]).await;
    account_reason(&world, "plivo", "SecretAccessDenied").await;
    let object = world.reason("alice", "SecretAccessDenied").await;
    assert_eq!(calls_since(&world, 0).await, []);
    grant(&message(&object)).await;
    let id = endpoint_id(&world.ready("alice").await);

    withdraw(&world).await;
    let before = world.ledger().await;
    // Whether it is noticed at the next read or at the next watch: the rotation is not carried out.
    world.secret("alice-sip", &[("password", "correct-horse")]).await;
    let object = world.reason("alice", "SecretAccessDenied").await;
    assert_eq!(world.ledger().await, before);
    assert!(world.living().await.contains_key(&id), "what exists stays");
    grant(&message(&object)).await;
    world.ready("alice").await;
    assert_eq!(world.exactly_one("alice").await["password"], "2eb62d171ba8491db496081a8b24738a", "md5 of the new password");
    account_reason(&world, "plivo", "Available").await;
}

async fn withdrawn() {
    let world = World::new("withdrawn").await;
    world.endpoint("alice", json!({}), json!({})).await;
    let _operator = Told::start("consent withdrawn while nothing else happens", &world, &[]).await;
    let id = endpoint_id(&world.ready("alice").await);
    withdraw(&world).await;
    account_reason(&world, "plivo", "SecretAccessDenied").await;
    world.reason("alice", "SecretAccessDenied").await;
    assert!(world.living().await.contains_key(&id), "what exists stays");
}

async fn withdraw(world: &World) {
    let bindings: Api<RoleBinding> = Api::namespaced(world.client.clone(), &world.namespace);
    bindings.delete("switchboard-secret-reader", &DeleteParams::default()).await.expect("consent to withdraw");
}

/// Runs the command that the message shows, as it is.
async fn grant(message: &str) {
    let from = message.find("kubectl ").expect("a command");
    let to = message[from..].find(';').map_or(message.len(), |length| from + length);
    let plane = support::control_plane();
    let mut command = tokio::process::Command::new(plane.kubectl());
    command.args(message[from..to].split_whitespace().skip(1)).env("KUBECONFIG", plane.kubeconfig()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(30), command.output()).await.expect("in time").expect("kubectl");
    assert!(output.status.success(), "{}: {output:?}", &message[from..to]);
}

async fn delete_account(world: &World, name: &str) {
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    accounts.delete(name, &DeleteParams::default()).await.expect("a deletion");
    eventually("the account object is gone", async || accounts.get_opt(name).await.expect("an answer").is_none().then_some(())).await;
}
