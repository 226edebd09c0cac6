//! Credentials in escrow: what is kept, what is done with it, and that it goes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use sandbox::plivo::{DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN};
use serde_json::json;
use switchboard::api::{ProviderAccount, SipEndpoint};

use super::cases::{all, case};
use super::observe::{Call, Told, account_message, account_reason, calls_since, event, now};
use super::world::{World, endpoint_id, eventually};

const NEW: &str = "newnewnewnewnewnewnewnewnewnewnewnewtoke";
const OTHER: (&str, &str) = ("MAOTHER0000000000000", "otherotherotherotherotherotherothertoken");
const HOME: &str = "switchboard-system";

#[tokio::test(flavor = "multi_thread")]
async fn credentials_in_escrow_serve_deletions_that_are_due_and_nothing_else() {
    all(vec![
        case("rotated, then restarted without the Secret", rotated()),
        case("without escrow", off()),
        case("deletions and nothing else", deletions_only()),
        case("credentials of another account in escrow", tampered()),
        case("an account that nobody uses", unused()),
        case("left behind", left_behind()),
        case("the operator's namespace may not be written", forbidden()),
    ])
    .await;
}

fn home(world: &World) -> Api<Secret> {
    Api::namespaced(world.client.clone(), HOME)
}

/// What is in escrow for the account of this uid.
pub async fn escrow_of(world: &World, uid: &str) -> Option<Secret> {
    home(world).get_opt(&format!("switchboard-escrow-{uid}")).await.expect("an answer")
}

async fn account_uid(world: &World) -> String {
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    accounts.get("plivo").await.expect("the account").uid().expect("a uid")
}

/// Waits until there is, or is not, something in escrow.
async fn kept(world: &World, uid: &str, wanted: bool) {
    eventually("the escrow is as it should be", async || (escrow_of(world, uid).await.is_some() == wanted).then_some(())).await;
}

async fn lose_the_secret(world: &World) {
    let secrets: Api<Secret> = Api::namespaced(world.client.clone(), &world.namespace);
    secrets.delete("plivo-credentials", &DeleteParams::default()).await.expect("a Secret to delete");
}

fn message(object: &SipEndpoint) -> String {
    let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    conditions.iter().find(|condition| condition.type_ == "Ready").map(|condition| condition.message.clone()).unwrap_or_default()
}

fn texts(secret: &Secret) -> BTreeMap<String, String> {
    let data = secret.data.clone().unwrap_or_default();
    data.into_iter().map(|(key, bytes)| (key, String::from_utf8(bytes.0).expect("text"))).collect()
}

/// Deletes the account object, and takes every finalizer off.
async fn force_the_account_away(world: &World) {
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    accounts.delete("plivo", &DeleteParams::default()).await.expect("a deletion");
    let forced = json!({"metadata": {"finalizers": null, "annotations": {"switchboard.dev/force-orphan": "unresolved"}}});
    let _ = accounts.patch("plivo", &PatchParams::default(), &Patch::Merge(forced)).await;
    eventually("the account object is gone", async || accounts.get_opt("plivo").await.expect("an answer").is_none().then_some(())).await;
}

async fn rotated() {
    const CASE: &str = "rotated";
    let world = World::new("escrow").await;
    let operator = Told::start(CASE, &world, &[]).await;
    world.endpoint("alice", json!({}), json!({})).await;
    world.ready("alice").await;
    let uid = account_uid(&world).await;
    let secret = escrow_of(&world, &uid).await.expect("an escrow");
    let pair = |token: &str| {
        BTreeMap::from([("auth_id", DEFAULT_AUTH_ID), ("auth_token", token)].map(|(key, text)| (key.to_owned(), text.to_owned())))
    };
    assert_eq!(texts(&secret), pair(DEFAULT_AUTH_TOKEN), "the credentials and nothing else");
    assert_eq!(secret.labels()["app.kubernetes.io/managed-by"], "switchboard");
    assert_eq!(secret.labels()["switchboard.dev/escrow"], "credentials");
    assert!(!secret.labels()["switchboard.dev/installation"].is_empty());
    let annotations = secret.annotations();
    let named = (annotations["switchboard.dev/account-namespace"].as_str(), annotations["switchboard.dev/account-name"].as_str());
    assert_eq!(named, (world.namespace.as_str(), "plivo"));

    world.admin.put_account(DEFAULT_AUTH_ID, json!({"auth_token": NEW})).await.expect("another token");
    // Rejected credentials do not take the place of those that were accepted.
    world.account("plivo", DEFAULT_AUTH_ID, "wrongwrongwrongwrongwrongwrongwrongtoken", json!({})).await;
    account_reason(&world, "plivo", "CredentialsRejected").await;
    assert_eq!(texts(&escrow_of(&world, &uid).await.expect("an escrow")), pair(DEFAULT_AUTH_TOKEN));
    world.account("plivo", DEFAULT_AUTH_ID, NEW, json!({})).await;
    account_reason(&world, "plivo", "Available").await;
    eventually("the escrow follows", async || (texts(&escrow_of(&world, &uid).await.expect("an escrow")) == pair(NEW)).then_some(())).await;

    operator.kill().await;
    lose_the_secret(&world).await;
    let operator = Told::start(CASE, &world, &[]).await;
    world.delete("alice").await;
    world.gone("alice").await;
    assert!(world.living().await.is_empty());
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    accounts.delete("plivo", &DeleteParams::default()).await.expect("a deletion");
    eventually("the account is gone", async || accounts.get_opt("plivo").await.expect("an answer").is_none().then_some(())).await;
    assert!(escrow_of(&world, &uid).await.is_none(), "it goes before the account does");
    assert!(!operator.log().contains(NEW) && !operator.log().contains(DEFAULT_AUTH_TOKEN));
}

async fn off() {
    const CASE: &str = "without escrow";
    let world = World::new("escrow").await;
    // There is one from before: who switches it off wants none.
    let operator = Told::start(CASE, &world, &[]).await;
    world.endpoint("alice", json!({}), json!({})).await;
    let id = endpoint_id(&world.ready("alice").await);
    let uid = account_uid(&world).await;
    kept(&world, &uid, true).await;
    operator.kill().await;
    let operator = Told::start(CASE, &world, &["--no-escrow"]).await;
    kept(&world, &uid, false).await;
    world.ready("alice").await;
    operator.kill().await;
    lose_the_secret(&world).await;
    let since = now(&world).await;
    let _operator = Told::start(CASE, &world, &["--no-escrow"]).await;
    world.delete("alice").await;
    let told = |object: &SipEndpoint| message(object).contains("--no-escrow") && message(object).contains("switchboard.dev/force-orphan");
    world.until("alice", "told what to do", told).await;
    let account = account_reason(&world, "plivo", "SecretNotFound").await;
    assert!(account_message(&account).contains("--no-escrow"), "{}", account_message(&account));
    assert_eq!(calls_since(&world, since).await, []);
    world.patch("alice", json!({"metadata": {"annotations": {"switchboard.dev/force-orphan": id}}})).await;
    world.gone("alice").await;
    assert!(world.living().await.contains_key(&id), "given up, and told so");
    assert_eq!(calls_since(&world, since).await, []);
    assert!(escrow_of(&world, &uid).await.is_none());
}

async fn deletions_only() {
    const CASE: &str = "deletions and nothing else";
    let world = World::new("escrow").await;
    let operator = Told::start(CASE, &world, &[]).await;
    for name in ["alice", "bob"] {
        world.endpoint(name, json!({"alias": name}), json!({})).await;
    }
    for name in ["alice", "bob"] {
        world.ready(name).await;
    }
    operator.kill().await;
    lose_the_secret(&world).await;
    let since = now(&world).await;
    let _operator = Told::start(CASE, &world, &[]).await;
    account_reason(&world, "plivo", "SecretNotFound").await;
    world.until("bob", "told", |object| super::world::reason(object) == "AccountNotReady").await;
    world.patch("bob", json!({"spec": {"plivo": {"alias": "reception"}}})).await;
    world.endpoint("carol", json!({}), json!({})).await;
    world.reason("bob", "AccountNotReady").await;
    world.reason("carol", "AccountNotReady").await;
    assert_eq!(calls_since(&world, since).await, [], "nothing is due");

    world.delete("alice").await;
    world.gone("alice").await;
    event(&world, "plivo", "EscrowUsed").await;
    world.reason("bob", "AccountNotReady").await;
    world.reason("carol", "AccountNotReady").await;
    assert_eq!(world.exactly_one("bob").await["alias"], "bob");
    assert_eq!(calls_since(&world, since).await.first(), Some(&Call::Probe), "whose they are is asked first");
    assert_eq!(world.ledger().await, ["create_endpoint", "create_endpoint", "delete_endpoint"]);
    world.account("plivo", DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, json!({})).await;
    world.ready("bob").await;
    world.ready("carol").await;
    assert_eq!(world.exactly_one("bob").await["alias"], "reception");
}

async fn tampered() {
    const CASE: &str = "credentials of another account in escrow";
    let world = World::new("escrow").await;
    world.admin.put_account(OTHER.0, json!({"auth_token": OTHER.1})).await.expect("another account");
    let operator = Told::start(CASE, &world, &[]).await;
    world.endpoint("alice", json!({}), json!({})).await;
    world.ready("alice").await;
    let uid = account_uid(&world).await;
    operator.kill().await;
    lose_the_secret(&world).await;
    let patch = json!({"stringData": {"auth_id": OTHER.0, "auth_token": OTHER.1}});
    let name = format!("switchboard-escrow-{uid}");
    home(&world).patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await.expect("other credentials");
    let _operator = Told::start(CASE, &world, &[]).await;
    world.delete("alice").await;
    let account = account_reason(&world, "plivo", "AccountMismatch").await;
    assert!(account_message(&account).contains(OTHER.0), "{}", account_message(&account));
    let requests = world.admin.requests().await.expect("the request log");
    assert!(requests.iter().all(|request| !request.path.contains(OTHER.0)), "the other account was called");
    world.account("plivo", DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, json!({})).await;
    world.gone("alice").await;
    assert!(world.living().await.is_empty());
}

async fn unused() {
    let world = World::new("escrow").await;
    let _operator = Told::start("an account that nobody uses", &world, &[]).await;
    account_reason(&world, "plivo", "Available").await;
    let uid = account_uid(&world).await;
    assert!(escrow_of(&world, &uid).await.is_none(), "nothing will have to be deleted with it");
    world.endpoint("alice", json!({}), json!({})).await;
    world.ready("alice").await;
    assert!(escrow_of(&world, &uid).await.is_some());
}

async fn left_behind() {
    const CASE: &str = "left behind";
    let world = World::new("escrow").await;
    let operator = Told::start(CASE, &world, &[]).await;
    world.endpoint("alice", json!({}), json!({})).await;
    world.ready("alice").await;
    let first = account_uid(&world).await;
    kept(&world, &first, true).await;
    force_the_account_away(&world).await;
    kept(&world, &first, false).await;

    world.account("plivo", DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, json!({})).await;
    world.ready("alice").await;
    let second = account_uid(&world).await;
    kept(&world, &second, true).await;
    operator.kill().await;
    // One more of this installation, and one of another.
    let mut own = escrow_of(&world, &second).await.expect("an escrow");
    own.metadata = kube::api::ObjectMeta {
        name: Some(format!("switchboard-escrow-{}", world.namespace)),
        labels: own.metadata.labels,
        annotations: own.metadata.annotations,
        ..Default::default()
    };
    let mut foreign = own.clone();
    foreign.metadata.name = Some(format!("switchboard-escrow-foreign-{}", world.namespace));
    foreign.metadata.labels.get_or_insert_default().insert("switchboard.dev/installation".into(), "zzz".into());
    for secret in [&own, &foreign] {
        home(&world).create(&kube::api::PostParams::default(), secret).await.expect("an escrow");
    }
    force_the_account_away(&world).await;
    world.account("plivo", DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, json!({})).await;
    let _operator = Told::start(CASE, &world, &[]).await;
    kept(&world, &second, false).await;
    let third = account_uid(&world).await;
    world.ready("alice").await;
    kept(&world, &third, true).await;
    kept(&world, &world.namespace, false).await;
    assert!(escrow_of(&world, &format!("foreign-{}", world.namespace)).await.is_some(), "another installation's is none of ours");
}

async fn forbidden() {
    const CASE: &str = "the operator's namespace may not be written";
    let world = World::new("escrow").await;
    let elsewhere = super::support::namespace(&world.client, "no-rights").await;
    let operator = Told::start(CASE, &world, &["--operator-namespace", &elsewhere]).await;
    for name in ["alice", "bob"] {
        world.endpoint(name, json!({}), json!({})).await;
    }
    for name in ["alice", "bob"] {
        world.ready(name).await;
    }
    let told = event(&world, "plivo", "NoEscrow").await;
    assert!(told.contains(&elsewhere), "{told}");
    super::observe::listings(&world, 3).await;
    assert_eq!(operator.log().matches("no escrow: Secrets may not be written").count(), 1, "said once");
    operator.kill().await;
    lose_the_secret(&world).await;
    let _operator = Told::start(CASE, &world, &["--operator-namespace", &elsewhere]).await;
    world.delete("alice").await;
    world.until("alice", "told", |object| message(object).contains("in escrow cannot be read")).await;
    world.account("plivo", DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, json!({})).await;
    world.gone("alice").await;
    world.delete("bob").await;
    world.gone("bob").await;
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    accounts.delete("plivo", &DeleteParams::default()).await.expect("a deletion");
    eventually("the account is gone", async || accounts.get_opt("plivo").await.expect("an answer").is_none().then_some(())).await;
}
