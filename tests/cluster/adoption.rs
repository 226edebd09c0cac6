//! Endpoints that exist already: taken over, only observed, moved from one object to another, and never taken from anybody.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use switchboard::api::{FINALIZER_ENDPOINT, SipEndpoint};
use switchboard::core::mark::Installation;

use super::observe::{event, events};
use super::proxy::{Harm, Proxy};
use super::side_by_side::{self, Told, case};
use super::world::{World, endpoint_id, eventually, merged, reason};

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_exists_is_taken_over_or_only_observed() {
    side_by_side::run(vec![
        case("made in the console", unmarked),
        case("taken over with its own password and what is there now", differing),
        case("observed", observed),
        case("observed, then managed", observed_then_managed),
        case("it does not exist yet", appears),
        case("its id is another endpoint's", reused),
        case("deleted elsewhere", deleted_elsewhere),
        case("deletionPolicy", deletion),
        case("status wiped, then deleted", wiped_and_deleted),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_changes_its_object_without_a_create_and_belongs_to_one_at_a_time() {
    side_by_side::run(vec![
        case("renamed", renamed),
        case("renamed, then an object of the old name again", old_name_again),
        case("moved to another namespace", moved),
        case("moved, and after a restart the other namespace is not known yet", unknown_yet),
        case("made by another installation", foreign),
        case("adopted by an object whose account does not exist", claimed_from_nowhere),
        case("adopted by two objects at once", |case| rivals(case, false)),
        case("adopted by two objects while no operator runs", |case| rivals(case, true)),
        case("two objects in one namespace have recorded it", both_recorded),
    ])
    .await;
}

async fn start(case: &str, world: &World) -> Told {
    Told::new(case, world.operator().await)
}

/// Somebody makes an endpoint in the console; its id.
async fn made(world: &World, base: &str, alias: &str) -> String {
    let made = world.admin.create_endpoint(json!({"username": base, "alias": alias, "password": "console-pass"})).await;
    made.expect("an endpoint made in the console")["endpoint_id"].as_str().expect("an id").to_owned()
}

/// Applies an object that adopts this endpoint, without a password.
async fn adopt(world: &World, name: &str, id: &str, plivo: Value, spec: Value) {
    world.apply(name, plivo, merged(json!({"adopt": {"endpoint_id": id}}), spec)).await;
}

fn uri(object: &SipEndpoint) -> String {
    object.status.as_ref().and_then(|status| status.sip_uri.clone()).expect("a SIP URI")
}

fn message(object: &SipEndpoint) -> String {
    let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    conditions.iter().find(|condition| condition.type_ == "Ready").map(|condition| condition.message.clone()).unwrap_or_default()
}

fn guarded(object: &SipEndpoint) -> bool {
    object.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER_ENDPOINT)
}

/// Deletes the object, leaving its endpoint.
async fn retire(world: &World, name: &str) {
    world.patch(name, json!({"spec": {"deletionPolicy": "Retain"}})).await;
    world.delete(name).await;
    world.gone(name).await;
}

/// Somebody else writes the status.
async fn restore(world: &World, name: &str, status: Value) {
    world.restore_status(name, status).await;
}

async fn wipe(world: &World, name: &str) {
    restore(world, name, Value::Null).await;
}

/// Whoever may make objects somewhere cannot shut others out: an account that does not exist is not the same one.
async fn claimed_from_nowhere(case: &str) {
    let world = World::new("adopt").await;
    let _operator = start(case, &world).await;
    world.endpoint("alice", json!({}), json!({})).await;
    let before = world.ready("alice").await;
    adopt(&world, "mallory", &endpoint_id(&before), json!({}), json!({"accountRef": {"name": "nowhere"}})).await;
    world.reason("mallory", "AccountNotFound").await;
    wipe(&world, "alice").await;
    assert_eq!(uri(&world.ready("alice").await), uri(&before));
    assert_eq!(world.ledger().await, ["create_endpoint"]);
}

async fn unmarked(case: &str) {
    let world = World::new("adopt").await;
    let id = made(&world, "reception", "front").await;
    let operator = start(case, &world).await;
    adopt(&world, "front", &id, json!({"alias": "front"}), json!({})).await;
    let object = world.ready("front").await;
    let shown = &world.living().await[&id];
    let status = object.status.clone().expect("a status");
    assert_eq!((status.endpoint_id.as_deref(), status.username.as_deref()), (Some(&*id), shown["username"].as_str()));
    assert!(uri(&object).contains(status.username.as_deref().expect("a username")), "{status:?}");
    assert!(status.account.is_some_and(|account| !account.id.is_empty()), "the account is pinned");
    assert!(!guarded(&object), "nothing is to be deleted with it");
    assert!(event(&world, "front", "Adopted").await.contains(&id));
    operator.lists(2).await;
    assert_eq!(world.ledger().await, Vec::<String>::new(), "it agreed with the spec");

    world.patch("front", json!({"spec": {"plivo": {"alias": "lobby"}}})).await;
    world.ready("front").await;
    world.admin.patch_endpoint(&id, json!({"alias": "edited"})).await.expect("an edit in the console");
    event(&world, "front", "DriftCorrected").await;
    assert_eq!(world.living().await[&id]["alias"], "lobby");
    assert_eq!(world.living().await[&id]["password"], shown["password"], "unmanaged");

    operator.kill().await;
    let operator = start(case, &world).await;
    operator.lists(2).await;
    world.ready("front").await;
    world.delete("front").await;
    world.gone("front").await;
    assert!(world.living().await.contains_key(&id), "what was there before stays");
    assert_eq!(world.ledger().await, ["update_endpoint", "update_endpoint"]);
}

async fn differing(case: &str) {
    let world = World::new("adopt").await;
    let id = made(&world, "reception", "front").await;
    let before = world.living().await[&id].clone();
    let operator = start(case, &world).await;
    let spec = json!({"adopt": {"endpoint_id": id}, "driftPolicy": "Report"});
    world.endpoint("front", json!({"alias": "lobby"}), spec).await;
    world.ready("front").await;
    operator.lists(2).await;
    let after = &world.living().await[&id];
    assert_eq!((&after["alias"], &after["username"]), (&json!("lobby"), &before["username"]));
    assert_ne!(after["password"], before["password"], "the Secret's");
    assert_eq!(world.ledger().await, ["update_endpoint"], "in one update");
}

async fn observed(case: &str) {
    let world = World::new("observe").await;
    let id = made(&world, "reception", "front").await;
    let operator = start(case, &world).await;
    let spec = json!({"adopt": {"endpoint_id": id}, "managementPolicy": "Observe", "deletionPolicy": "Delete"});
    world.apply("front", json!({"alias": "lobby"}), spec).await;
    let object = world.reason("front", "Drifted").await;
    assert!(
        message(&object).contains("front") && message(&object).contains("lobby") && message(&object).contains("Observe"),
        "{object:#?}"
    );
    assert!(!guarded(&object), "nothing is to be deleted with it");
    assert!(event(&world, "front", "Adopted").await.contains("observed"));

    world.patch("front", json!({"spec": {"plivo": {"alias": "front"}}})).await;
    world.ready("front").await;
    world.admin.patch_endpoint(&id, json!({"alias": "edited"})).await.expect("an edit in the console");
    world.reason("front", "Drifted").await;
    world.admin.patch_endpoint(&id, json!({"alias": "front"})).await.expect("an edit in the console");
    world.ready("front").await;

    world.secret("front-sip", &[("password", "another-pass")]).await;
    let secret = json!({"passwordSecretRef": {"name": "front-sip", "key": "password"}});
    world.patch("front", json!({"spec": {"plivo": secret}})).await;
    let object = world.reason("front", "Drifted").await;
    assert!(message(&object).contains("password") && !message(&object).contains("another-pass"), "{object:#?}");
    world.secret("front-sip", &[("password", "console-pass")]).await;
    world.ready("front").await;

    operator.lists(2).await;
    world.delete("front").await;
    world.gone("front").await;
    assert!(world.living().await.contains_key(&id), "whatever deletionPolicy says");
    assert_eq!(world.ledger().await, Vec::<String>::new());
}

async fn observed_then_managed(case: &str) {
    let world = World::new("observe").await;
    let id = made(&world, "reception", "front").await;
    let _operator = start(case, &world).await;
    adopt(&world, "front", &id, json!({"alias": "lobby"}), json!({"managementPolicy": "Observe"})).await;
    world.reason("front", "Drifted").await;
    world.patch("front", json!({"spec": {"managementPolicy": "Manage"}})).await;
    world.ready("front").await;
    assert_eq!(world.living().await[&id]["alias"], "lobby");
    world.patch("front", json!({"spec": {"managementPolicy": "Observe", "plivo": {"alias": "desk"}}})).await;
    world.reason("front", "Drifted").await;
    assert_eq!(world.ledger().await, ["update_endpoint"]);
}

async fn appears(case: &str) {
    let world = World::new("adopt").await;
    world.admin.set_switches(json!({"visibility_delay_s": 600})).await.expect("a switch");
    let id = made(&world, "reception", "front").await;
    let operator = start(case, &world).await;
    adopt(&world, "front", &id, json!({"alias": "front"}), json!({})).await;
    let object = world.reason("front", "AdoptNotFound").await;
    assert!(message(&object).contains(&id), "{object:#?}");
    operator.lists(2).await;
    assert_eq!(reason(&world.endpoints().get("front").await.expect("the object")), "AdoptNotFound");
    world.admin.set_switches(json!({"visibility_delay_s": 0})).await.expect("a switch");
    assert_eq!(endpoint_id(&world.ready("front").await), id);
    assert_eq!(world.ledger().await, Vec::<String>::new());
}

async fn reused(case: &str) {
    let world = World::new("adopt").await;
    let id = made(&world, "reception", "front").await;
    let operator = start(case, &world).await;
    adopt(&world, "front", &id, json!({"alias": "front"}), json!({"deletionPolicy": "Delete"})).await;
    let before = world.ready("front").await;
    world.admin.patch_endpoint(&id, json!({"username": "stranger1", "alias": "theirs"})).await.expect("another endpoint of that id");
    let lost = world.reason("front", "OwnershipLost").await;
    assert_eq!(lost.status.and_then(|status| status.username), before.status.and_then(|status| status.username), "what was adopted");
    operator.lists(2).await;
    assert_eq!(reason(&world.endpoints().get("front").await.expect("the object")), "OwnershipLost");
    world.delete("front").await;
    operator.lists(2).await;
    world.patch("front", json!({"spec": {"deletionPolicy": "Retain"}})).await;
    world.gone("front").await;
    assert!(world.living().await.contains_key(&id));
    assert_eq!(world.ledger().await, Vec::<String>::new());
}

async fn deleted_elsewhere(case: &str) {
    let world = World::new("adopt").await;
    let id = made(&world, "reception", "front").await;
    let operator = start(case, &world).await;
    adopt(&world, "front", &id, json!({"alias": "front"}), json!({"externalDeletionPolicy": "Recreate"})).await;
    world.ready("front").await;
    world.admin.delete_endpoint(&id).await.expect("a deletion in the console");
    world.reason("front", "ExternallyDeleted").await;
    operator.lists(3).await;
    let object = world.reason("front", "ExternallyDeleted").await;
    assert_eq!(endpoint_id(&object), id, "the record stays");
    operator.kill().await;
    let operator = start(case, &world).await;
    operator.lists(3).await;
    world.reason("front", "ExternallyDeleted").await;
    assert_eq!(world.ledger().await, Vec::<String>::new(), "never made anew");
    world.delete("front").await;
    world.gone("front").await;
}

async fn deletion(case: &str) {
    let world = World::new("adopt").await;
    let (deleted, kept) = (made(&world, "reception", "front").await, made(&world, "lobby", "lobby").await);
    let _operator = start(case, &world).await;
    adopt(&world, "front", &deleted, json!({}), json!({"deletionPolicy": "Delete"})).await;
    assert!(guarded(&world.ready("front").await), "it waits for its deletion");
    world.delete("front").await;
    world.gone("front").await;
    assert!(world.living().await.into_keys().eq([kept.clone()]));

    adopt(&world, "lobby", &kept, json!({}), json!({})).await;
    assert!(!guarded(&world.ready("lobby").await));
    world.patch("lobby", json!({"spec": {"deletionPolicy": "Delete"}})).await;
    world.until("lobby", "guarded by our finalizer", guarded).await;
    world.patch("lobby", json!({"spec": {"deletionPolicy": "Retain"}})).await;
    world.ready("lobby").await;
    world.delete("lobby").await;
    world.gone("lobby").await;
    assert!(world.living().await.contains_key(&kept));
    assert_eq!(world.ledger().await, ["delete_endpoint"]);
}

/// Whether it ever was this object's nobody knows any more: an id in a spec is no proof.
async fn wiped_and_deleted(case: &str) {
    let world = World::new("adopt").await;
    let id = made(&world, "reception", "front").await;
    let operator = start(case, &world).await;
    adopt(&world, "front", &id, json!({}), json!({"deletionPolicy": "Delete"})).await;
    world.ready("front").await;
    operator.kill().await;
    wipe(&world, "front").await;
    world.delete("front").await;
    let _operator = start(case, &world).await;
    world.gone("front").await;
    assert!(event(&world, "front", "ReleasedUnproven").await.contains(&id));
    assert!(world.living().await.contains_key(&id));
    assert_eq!(world.ledger().await, Vec::<String>::new());
}

async fn renamed(case: &str) {
    let world = World::new("rename").await;
    let _operator = start(case, &world).await;
    world.endpoint("old", json!({"alias": "desk"}), json!({})).await;
    let before = world.ready("old").await;
    let id = endpoint_id(&before);
    adopt(&world, "new", &id, json!({"alias": "desk"}), json!({})).await;
    let refused = world.reason("new", "AlreadyOwned").await;
    assert!(message(&refused).contains("SipEndpoint old"), "{refused:#?}");
    assert!(!guarded(&refused) && refused.status.is_some_and(|status| status.endpoint_id.is_none()));
    retire(&world, "old").await;
    let after = world.ready("new").await;
    assert_eq!((endpoint_id(&after), uri(&after)), (id, uri(&before)));
    assert_eq!(world.ledger().await, ["create_endpoint"], "no write but the one that made it");
}

async fn old_name_again(case: &str) {
    let world = World::new("rename").await;
    let operator = start(case, &world).await;
    world.endpoint("old", json!({"alias": "desk"}), json!({})).await;
    let id = endpoint_id(&world.ready("old").await);
    retire(&world, "old").await;
    adopt(&world, "new", &id, json!({"alias": "desk"}), json!({})).await;
    let uri_of_new = uri(&world.ready("new").await);

    world.endpoint("old", json!({"alias": "desk"}), json!({})).await;
    let second = endpoint_id(&world.ready("old").await);
    assert_ne!(second, id, "the adopted one is not its own any more, whatever its mark");
    operator.lists(2).await;
    let both = BTreeSet::from([id.clone(), second.clone()]);
    assert_eq!(world.living().await.into_keys().collect::<BTreeSet<_>>(), both);

    // Nothing of it is remembered but the objects, as after a cluster was built anew.
    operator.kill().await;
    wipe(&world, "old").await;
    wipe(&world, "new").await;
    let operator = start(case, &world).await;
    let (old, new) = (world.ready("old").await, world.ready("new").await);
    assert_eq!((endpoint_id(&old), endpoint_id(&new), uri(&new)), (second.clone(), id.clone(), uri_of_new));
    operator.lists(2).await;
    assert_eq!(world.living().await.into_keys().collect::<BTreeSet<_>>(), both);
    assert_eq!(world.ledger().await, ["create_endpoint", "create_endpoint"]);

    // Renamed once more: as the next object is there before the last one goes, it never looks like a double of the old name's.
    adopt(&world, "third", &id, json!({"alias": "desk"}), json!({})).await;
    world.reason("third", "AlreadyOwned").await;
    retire(&world, "new").await;
    assert_eq!(endpoint_id(&world.ready("third").await), id);
    operator.lists(2).await;
    assert_eq!(world.ledger().await, ["create_endpoint", "create_endpoint"]);

    world.delete("old").await;
    world.gone("old").await;
    assert_eq!(world.living().await.into_keys().collect::<Vec<_>>(), [id]);
    world.ready("third").await;
}

async fn moved(case: &str) {
    let world = World::new("move").await;
    let second = world.beside("moved").await;
    let operator = Told::new(case, world.operator_with(&["--namespace", &second.namespace], &[]).await);
    world.endpoint("desk", json!({"alias": "desk"}), json!({})).await;
    let before = world.ready("desk").await;
    adopt(&second, "counter", &endpoint_id(&before), json!({"alias": "desk"}), json!({})).await;
    let refused = second.reason("counter", "AlreadyOwned").await;
    assert!(!message(&refused).contains("desk") && !message(&refused).contains(&world.namespace), "{refused:#?}");
    retire(&world, "desk").await;
    let after = second.ready("counter").await;
    assert_eq!((endpoint_id(&after), uri(&after)), (endpoint_id(&before), uri(&before)));
    operator.lists(2).await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);
    operator.kill().await;
    let operator = Told::new(case, world.operator_with(&["--namespace", &second.namespace], &[]).await);
    // The old name is used again while the new place is known only by its object.
    world.endpoint("desk", json!({"alias": "desk"}), json!({})).await;
    assert_ne!(endpoint_id(&world.ready("desk").await), endpoint_id(&before));
    operator.lists(2).await;
    assert_eq!(endpoint_id(&second.ready("counter").await), endpoint_id(&before));
    assert_eq!(world.ledger().await, ["create_endpoint", "create_endpoint"]);
}

/// Until all objects were seen, an endpoint with an object's mark may be another object's.
async fn unknown_yet(case: &str) {
    let world = World::new("move").await;
    let second = world.beside("moved").await;
    let operator = Told::new(case, world.operator_with(&["--namespace", &second.namespace], &[]).await);
    world.endpoint("desk", json!({"alias": "desk"}), json!({})).await;
    let first = endpoint_id(&world.ready("desk").await);
    adopt(&second, "counter", &first, json!({"alias": "desk"}), json!({})).await;
    retire(&world, "desk").await;
    second.ready("counter").await;
    world.endpoint("desk", json!({"alias": "desk"}), json!({})).await;
    let again = endpoint_id(&world.ready("desk").await);
    operator.kill().await;

    let proxy = Proxy::start(&world, Harm::None, Duration::ZERO).await;
    proxy.hold(&second.namespace);
    let through = [("KUBECONFIG", proxy.kubeconfig())];
    let operator = Told::new(case, world.operator_with(&["--namespace", &second.namespace], &through).await);
    operator.lists(3).await;
    assert_eq!(world.ledger().await, ["create_endpoint", "create_endpoint"]);
    proxy.release();
    world.patch("desk", json!({"spec": {"plivo": {"alias": "lobby"}}})).await;
    world.ready("desk").await;
    operator.lists(2).await;
    assert_eq!(world.living().await.into_keys().collect::<BTreeSet<_>>(), BTreeSet::from([first, again]));
    assert_eq!(world.ledger().await, ["create_endpoint", "create_endpoint", "update_endpoint"]);
}

async fn foreign(case: &str) {
    let world = World::new("foreign").await;
    let operator = Told::new(case, world.operator_with(&["--installation-id", "east"], &[]).await);
    world.endpoint("desk", json!({"alias": "desk"}), json!({})).await;
    let before = world.ready("desk").await;
    let id = endpoint_id(&before);
    retire(&world, "desk").await;
    operator.kill().await;

    let operator = Told::new(case, world.operator_with(&["--installation-id", "west"], &[]).await);
    adopt(&world, "desk", &id, json!({"alias": "lobby"}), json!({"deletionPolicy": "Delete"})).await;
    let refused = world.reason("desk", "AlreadyOwned").await;
    let east = Installation::new("east");
    assert!(message(&refused).contains(&format!("fromInstallation: {}", east.part())), "{refused:#?}");
    operator.lists(2).await;
    world.delete("desk").await;
    world.gone("desk").await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);

    let named = json!({"adopt": {"endpoint_id": id, "fromInstallation": east.part()}});
    world.apply("desk", json!({"alias": "lobby"}), named).await;
    let after = world.ready("desk").await;
    assert_eq!((endpoint_id(&after), uri(&after)), (id, uri(&before)));
    assert_eq!(world.ledger().await, ["create_endpoint", "update_endpoint"]);
}

/// Exactly one of two in two namespaces has it, the other writes nothing, and follows when the first one goes.
async fn rivals(case: &str, down: bool) {
    let world = World::new("rival").await;
    let second = world.beside("rival").await;
    let id = made(&world, "reception", "front").await;
    let start = async || Told::new(case, world.operator_with(&["--namespace", &second.namespace], &[]).await);
    let running = if down { None } else { Some(start().await) };
    let places = [(&world, "left"), (&second, "right")];
    futures::future::join_all(places.map(|(place, name)| adopt(place, name, &id, json!({"alias": name}), json!({})))).await;
    let operator = match running {
        Some(operator) => operator,
        None => start().await,
    };
    let (winner, loser) = eventually("one has it and the other does not", async || {
        let mut reasons = Vec::new();
        for (place, name) in places {
            reasons.push(reason(&place.endpoints().get(name).await.expect("an object")).to_owned());
        }
        match [reasons[0].as_str(), reasons[1].as_str()] {
            ["Available", "AlreadyOwned"] => Some((places[0], places[1])),
            ["AlreadyOwned", "Available"] => Some((places[1], places[0])),
            _ => None,
        }
    })
    .await;
    operator.lists(2).await;
    let updates = world.effects("update_endpoint").await;
    assert_eq!(updates.iter().map(|update| update.request["alias"].clone()).collect::<Vec<_>>(), [json!(winner.1)], "{updates:#?}");
    let kept = loser.0.endpoints().get(loser.1).await.expect("the loser");
    assert_eq!((reason(&kept), kept.status.as_ref().and_then(|status| status.endpoint_id.as_ref())), ("AlreadyOwned", None));
    assert!(!events(loser.0, loser.1).await.iter().any(|(reason, _)| reason == "Adopted"));

    winner.0.delete(winner.1).await;
    winner.0.gone(winner.1).await;
    assert_eq!(endpoint_id(&loser.0.ready(loser.1).await), id);
    assert_eq!(world.living().await[&id]["alias"], loser.1);
    assert_eq!(world.ledger().await, ["update_endpoint", "update_endpoint"]);
}

/// As a restored status may say: the older object keeps it, the younger one says so and neither changes nor deletes it.
async fn both_recorded(case: &str) {
    let world = World::new("rival").await;
    let id = made(&world, "reception", "front").await;
    let operator = start(case, &world).await;
    adopt(&world, "first", &id, json!({"alias": "front"}), json!({})).await;
    let first = world.ready("first").await;
    operator.kill().await;
    // Made in another second, so that it is the younger one.
    eventually("another second", async || (jiff::Timestamp::now().as_second() > created(&first) + 1).then_some(())).await;
    adopt(&world, "second", &id, json!({"alias": "mine"}), json!({"deletionPolicy": "Delete"})).await;
    let mut status = serde_json::to_value(&first.status).expect("JSON");
    let second = world.endpoints().get("second").await.expect("the object");
    status["ledger"]["uid"] = json!(second.metadata.uid);
    restore(&world, "second", status).await;

    let operator = start(case, &world).await;
    world.reason("second", "AlreadyOwned").await;
    operator.lists(2).await;
    world.delete("second").await;
    world.gone("second").await;
    world.ready("first").await;
    assert_eq!(world.living().await[&id]["alias"], "front");
    assert_eq!(world.ledger().await, Vec::<String>::new());
}

fn created(object: &SipEndpoint) -> i64 {
    object.metadata.creation_timestamp.as_ref().expect("a creation time").0.as_second()
}
