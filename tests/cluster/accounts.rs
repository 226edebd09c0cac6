//! What goes wrong with accounts, their Secrets and the consent to read them, and how it heals.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use sandbox::plivo::{self, DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN};
use serde_json::json;
use switchboard::api::{ProviderAccount, SipEndpoint};

use super::cases::{all, case};
use super::observe::{Call, Told, account_message, account_reason, calls_since, event, now};
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
        case("an account object is deleted while it is used", deleted()),
        case("an account object is forced away", forced()),
        case("consent and Secret go while deletions run", dying()),
        case("suspended", suspended()),
        case("forced orphans are told on the account", orphaned()),
        case("two objects for one account", shared()),
        case("the time of the last sweep", swept()),
        case("a Secret that is touched, and one that is spoiled", spoiled()),
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

/// Without escrow, so that only what is in memory can serve.
async fn spoiled() {
    let world = World::new("spoiled").await;
    let _operator = Told::start("a Secret that is touched, and one that is spoiled", &world, &["--no-escrow"]).await;
    for name in ["alice", "bob", "carol"] {
        world.endpoint(name, json!({}), json!({})).await;
    }
    for name in ["alice", "bob", "carol"] {
        world.ready(name).await;
    }
    let secrets: Api<Secret> = Api::namespaced(world.client.clone(), &world.namespace);
    let since = now(&world).await;
    let touched = json!({"metadata": {"annotations": {"touched": "yes"}}});
    secrets.patch("plivo-credentials", &PatchParams::default(), &Patch::Merge(touched)).await.expect("a patch");
    // Whatever the Secret's event starts has begun when the next listings have.
    let pages = async || {
        let calls = calls_since(&world, since).await;
        (calls.iter().filter(|call| **call == Call::Page).count() >= 2).then_some(calls)
    };
    let calls = eventually("the next listings", pages).await;
    assert!(!calls.contains(&Call::Probe), "the same credentials are not asked about again: {calls:?}");

    // No key any more, then a value that is none, then new credentials that are refused, and then nothing at all.
    let merge = async |data: serde_json::Value| {
        let patch = json!({"data": {"auth_token": null}, "stringData": data});
        secrets.patch("plivo-credentials", &PatchParams::default(), &Patch::Merge(patch)).await.expect("a patch")
    };
    merge(json!({})).await;
    let account = account_reason(&world, "plivo", "SecretKeyMissing").await;
    assert!(account_message(&account).contains("last accepted"), "{}", account_message(&account));
    world.delete("alice").await;
    world.gone("alice").await;
    merge(json!({"auth_token": "no token\n"})).await;
    account_reason(&world, "plivo", "SecretInvalid").await;
    world.delete("bob").await;
    world.gone("bob").await;
    world.account("plivo", DEFAULT_AUTH_ID, WRONG, json!({})).await;
    account_reason(&world, "plivo", "CredentialsRejected").await;
    world.delete("carol").await;
    world.until("carol", "waiting", |object| super::world::reason(object) == "AccountNotReady" && message(object).contains("delete")).await;
    secrets.delete("plivo-credentials", &DeleteParams::default()).await.expect("a deletion");
    world.gone("carol").await;
    assert!(world.living().await.is_empty());
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

/// An account in use cannot go away: it serves the deletions of those who use it, and goes with the last of them.
async fn deleted() {
    let world = World::new("deleted").await;
    let _operator = Told::start("an account object is deleted while it is used", &world, &[]).await;
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    world.endpoint("alice", json!({"alias": "desk"}), json!({})).await;
    world.endpoint("bob", json!({}), json!({})).await;
    world.ready("alice").await;
    world.ready("bob").await;

    accounts.delete("plivo", &DeleteParams::default()).await.expect("a deletion");
    let account = account_reason(&world, "plivo", "DeletionRefused").await;
    let said = account_message(&account);
    assert!(said.contains("2 SipEndpoints") && said.contains("alice") && said.contains("bob"), "{said}");
    world.until("alice", "told", |object| super::world::reason(object) == "AccountNotReady").await;
    world.patch("alice", json!({"spec": {"plivo": {"alias": "reception"}}})).await;
    world.endpoint("carol", json!({}), json!({})).await;
    world.reason("alice", "AccountNotReady").await;
    world.reason("carol", "AccountNotReady").await;
    world.delete("bob").await;
    world.gone("bob").await;
    assert_eq!(world.ledger().await, ["create_endpoint", "create_endpoint", "delete_endpoint"], "deletions and nothing else");

    world.delete("carol").await;
    world.gone("carol").await;
    assert!(accounts.get_opt("plivo").await.expect("an answer").is_some(), "alice uses it still");
    world.delete("alice").await;
    world.gone("alice").await;
    eventually("the account object is gone", async || accounts.get_opt("plivo").await.expect("an answer").is_none().then_some(())).await;
    assert!(world.living().await.is_empty());
}

async fn forced() {
    let world = World::new("forced").await;
    let _operator = Told::start("an account object is forced away", &world, &[]).await;
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

/// A dying namespace loses what a deletion needs in any order; what was proven serves the deletions that run, and nothing else.
async fn dying() {
    let world = World::new("dying").await;
    let operator = Told::start("consent and Secret go while deletions run", &world, &[]).await;
    for name in ["alice", "bob", "carol", "dave"] {
        world.endpoint(name, json!({"alias": name}), json!({})).await;
    }
    for name in ["alice", "bob", "carol", "dave"] {
        world.ready(name).await;
    }
    let secrets: Api<Secret> = Api::namespaced(world.client.clone(), &world.namespace);
    secrets.delete("plivo-credentials", &DeleteParams::default()).await.expect("a Secret to delete");
    let account = account_reason(&world, "plivo", "SecretNotFound").await;
    assert!(account_message(&account).contains("last accepted"), "{}", account_message(&account));
    world.until("alice", "told", |object| super::world::reason(object) == "AccountNotReady").await;
    world.patch("alice", json!({"spec": {"plivo": {"alias": "reception"}}})).await;
    world.reason("alice", "AccountNotReady").await;
    world.delete("bob").await;
    world.gone("bob").await;

    withdraw(&world).await;
    account_reason(&world, "plivo", "SecretAccessDenied").await;
    world.endpoint("erin", json!({}), json!({})).await;
    world.until("erin", "told", |object| ["AccountNotReady", "SecretAccessDenied"].contains(&super::world::reason(object))).await;
    world.delete("carol").await;
    world.gone("carol").await;
    let ops = world.ledger().await;
    assert_eq!(ops.iter().filter(|op| *op == "delete_endpoint").count(), 2);
    assert_eq!(ops.len(), 6, "four creates, two deletions, nothing else: {ops:?}");

    // A new process has nothing in memory; what is in escrow serves the deletion all the same, and nothing else.
    operator.kill().await;
    let operator = Told::start("consent and Secret are gone after a restart", &world, &[]).await;
    world.delete("dave").await;
    world.gone("dave").await;
    assert_eq!(world.exactly_one("alice").await["alias"], "alice");
    assert_eq!(world.ledger().await.len(), 7, "one deletion more: {:?}", world.ledger().await);

    // Without escrow it waits, says so, and lets nothing go in silence.
    operator.kill().await;
    let since = now(&world).await;
    let _operator = Told::start("the same without escrow", &world, &["--no-escrow"]).await;
    world.delete("erin").await;
    world.gone("erin").await;
    world.patch("alice", json!({"spec": {"plivo": {"alias": "front"}}})).await;
    let told = |object: &SipEndpoint| super::world::reason(object) == "SecretAccessDenied" && super::world::observed(object);
    world.until("alice", "told", told).await;
    assert_eq!(calls_since(&world, since).await, []);
    world.consent(&world.namespace).await;
    world.account("plivo", DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, json!({})).await;
    world.ready("alice").await;
    assert_eq!(world.exactly_one("alice").await["alias"], "front");
}

async fn suspended() {
    let world = World::new("suspended").await;
    let _operator = Told::start("suspended", &world, &[]).await;
    world.endpoint("alice", json!({"alias": "desk"}), json!({})).await;
    world.endpoint("bob", json!({}), json!({})).await;
    let id = endpoint_id(&world.ready("alice").await);
    world.ready("bob").await;
    world.account("plivo", DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, json!({"suspend": true})).await;
    let account = account_reason(&world, "plivo", "Suspended").await;
    let stalled = account.status.as_ref().is_some_and(|status| status.conditions.iter().any(|condition| condition.type_ == "Stalled"));
    assert!(!stalled && account_message(&account).contains("suspend"), "{account:#?}");
    world.until("alice", "told", |object| super::world::reason(object) == "Suspended").await;
    world.patch("alice", json!({"spec": {"plivo": {"alias": "reception"}}})).await;
    world.reason("alice", "Suspended").await;
    world.endpoint("carol", json!({}), json!({})).await;
    world.reason("carol", "Suspended").await;
    world.delete("bob").await;
    world.until("bob", "waiting", |object| super::world::reason(object) == "Suspended" && message(object).contains("not deleted")).await;
    assert_eq!(world.ledger().await, ["create_endpoint"; 2]);

    // Reads go on: what happens at the provider is shown.
    world.admin.register(&id, json!({"sip_contact": "sip:10.0.0.1"})).await.expect("a phone");
    let registered = |object: &SipEndpoint| object.status.as_ref().and_then(|status| status.sip_registered) == Some(true);
    world.until("alice", "shown as registered", registered).await;
    assert_eq!(world.ledger().await, ["create_endpoint"; 2]);

    world.account("plivo", DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, json!({"suspend": false})).await;
    account_reason(&world, "plivo", "Available").await;
    world.gone("bob").await;
    world.ready("carol").await;
    assert_eq!(endpoint_id(&world.ready("alice").await), id);
    assert_eq!(world.exactly_one("alice").await["alias"], "reception");
}

async fn orphaned() {
    let world = World::new("orphaned").await;
    let _operator = Told::start("forced orphans are told on the account", &world, &[]).await;
    world.endpoint("alice", json!({}), json!({"deletionPolicy": "Delete"})).await;
    world.endpoint("bob", json!({}), json!({})).await;
    let id = endpoint_id(&world.ready("alice").await);
    world.ready("bob").await;
    world.account("plivo", DEFAULT_AUTH_ID, WRONG, json!({"defaults": {"deletionPolicy": "Retain"}})).await;
    account_reason(&world, "plivo", "CredentialsRejected").await;
    world.delete("bob").await;
    world.gone("bob").await;
    assert_eq!(world.living().await.len(), 2, "what the account says of deletion holds whether it works or not");
    world.delete("alice").await;
    world.until("alice", "waiting", |object| message(object).contains("waiting to delete")).await;
    let give_up = |id: &str| json!({"metadata": {"annotations": {"switchboard.dev/force-orphan": id}}});
    world.patch("alice", give_up("unresolved")).await;
    world.until("alice", "waiting still", |object| message(object).contains("waiting to delete")).await;
    world.patch("alice", give_up(&id)).await;
    world.gone("alice").await;
    assert!(event(&world, "alice", "Orphaned").await.contains(&id));
    let told = event(&world, "plivo", "EndpointOrphaned").await;
    assert!(told.contains(&id) && told.contains("alice"), "{told}");
    assert!(world.living().await.contains_key(&id));
}

/// One brake, the lowest cap; any of the objects acknowledges it.
async fn shared() {
    let world = World::new("shared").await;
    world.account("strict", DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, json!({"brake": {"count": 2, "percent": 0}})).await;
    let _operator = Told::start("two objects for one account", &world, &[]).await;
    account_reason(&world, "strict", "Available").await;
    for name in ["alice", "bob", "carol", "dave"] {
        world.endpoint(name, json!({}), json!({})).await;
    }
    for name in ["alice", "bob", "carol", "dave"] {
        world.ready(name).await;
    }
    for name in ["alice", "bob", "carol", "dave"] {
        world.delete(name).await;
    }
    let account = account_reason(&world, "strict", "Braked").await;
    account_reason(&world, "plivo", "Braked").await;
    assert!(world.effects("delete_endpoint").await.len() <= 2);
    let token = account.status.and_then(|status| status.brake?.deletions).expect("a record").token;
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    let patch = json!({"metadata": {"annotations": {"switchboard.dev/acknowledge-brake": token}}});
    accounts.patch("plivo", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("an annotation");
    for name in ["alice", "bob", "carol", "dave"] {
        world.gone(name).await;
    }
    account_reason(&world, "strict", "Available").await;
    account_reason(&world, "plivo", "Available").await;
}

/// When everything was listed, whenever that is written.
async fn swept() {
    let world = World::new("swept").await;
    let _operator = Told::start("the time of the last sweep", &world, &[]).await;
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    let time = async || accounts.get("plivo").await.expect("the account").status.and_then(|status| status.last_sweep_time);
    eventually("a first time", time).await;
    world
        .admin
        .set_faults(
            json!([{"match": {"method": "GET", "path": "/Endpoint/"}, "execute": false, "answer": {"status": 503, "body": "down"}}]),
        )
        .await
        .expect("a fault");
    let since = now(&world).await;
    eventually("no page is answered any more", async || calls_since(&world, since).await.contains(&Call::Page).then_some(())).await;
    // The API server tells times in whole seconds, and what is derived from them may lie one behind.
    let seconds = async || tokio::time::sleep(Duration::from_millis(2100)).await;
    seconds().await;
    let marker = ConfigMap { metadata: ObjectMeta { name: Some("later".into()), ..ObjectMeta::default() }, ..ConfigMap::default() };
    let markers: Api<ConfigMap> = Api::namespaced(world.client.clone(), &world.namespace);
    let later = markers.create(&PostParams::default(), &marker).await.expect("a marker").metadata.creation_timestamp.expect("a time").0;
    seconds().await;
    let long_ago = json!({"status": {"lastSweepTime": "2020-01-02T03:04:05Z"}});
    let restored: Api<ProviderAccount> = Api::namespaced(world.backup_tool.clone(), &world.namespace);
    restored.patch_status("plivo", &PatchParams::default(), &Patch::Merge(&long_ago)).await.expect("a status");
    let touched = json!({"metadata": {"annotations": {"example.com/touched": "yes"}}});
    accounts.patch("plivo", &PatchParams::default(), &Patch::Merge(&touched)).await.expect("an annotation");
    let written = eventually("written again", async || time().await.filter(|time| time.0.as_second() > 1_600_000_000)).await;
    assert!(written.0 < later, "{written:?} is no time of a listing: none was complete since before {later}");
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
pub async fn grant(message: &str) {
    let from = message.find("kubectl ").expect("a command");
    let to = message[from..].find(';').map_or(message.len(), |length| from + length);
    let plane = support::control_plane();
    let mut command = tokio::process::Command::new(plane.kubectl());
    command.args(message[from..to].split_whitespace().skip(1)).env("KUBECONFIG", plane.kubeconfig()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(30), command.output()).await.expect("in time").expect("kubectl");
    assert!(output.status.success(), "{}: {output:?}", &message[from..to]);
}

/// Deletes the account object, and takes every finalizer off, as impatient people do.
async fn delete_account(world: &World, name: &str) {
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    accounts.delete(name, &DeleteParams::default()).await.expect("a deletion");
    // It may be gone already: where nobody uses it, the operator lets it go.
    let forced = json!({"metadata": {"finalizers": null, "annotations": {"switchboard.dev/force-orphan": "unresolved"}}});
    let _ = accounts.patch(name, &PatchParams::default(), &Patch::Merge(forced)).await;
    eventually("the account object is gone", async || accounts.get_opt(name).await.expect("an answer").is_none().then_some(())).await;
}
