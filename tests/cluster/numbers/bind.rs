//! What answers a number: every kind of target, and what is waited for.

use serde_json::{Value, json};
use switchboard::api::PhoneNumberBinding;

use super::line::{Line, NUMBER, case, message, swept};
use crate::cases::all;
use crate::observe::event;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_answered_by_what_its_binding_names() {
    all(vec![
        case("an application by id", by_id),
        case("explicitly none", none),
        case("a number that is so already", already),
        case("alias and subaccount", managed),
        case("an application by name", by_name),
        case("a SipEndpoint's application by name", endpoint_by_name),
        case("the application of a SipEndpoint", followed),
        case("a SipEndpoint of another account", elsewhere),
        case("a number that the account does not hold", not_held),
        case("an unknown application", |case| refused(case, "400", "application does not exist")),
        case("an unknown application, answered as if the number were", |case| refused(case, "404", "not found")),
    ])
    .await;
}

fn status(object: &PhoneNumberBinding) -> Value {
    let mut status = json!(object.status);
    for name in ["conditions", "observedGeneration", "account"] {
        status.as_object_mut().expect("a status").remove(name);
    }
    status
}

async fn by_id(case: &'static str) -> World {
    let (line, _operator) = Line::run(case).await;
    let world = line.world;
    world.binding("main", NUMBER, json!({"app_id": line.ivr}), json!({})).await;
    let object = world.bound("main").await;
    assert_eq!(
        status(&object),
        json!({
            "number": NUMBER, "app_id": line.ivr, "alias": "old alias", "subaccount": "",
            "previous": {"app_id": line.before, "alias": "old alias", "subaccount": ""},
            "placed": [{"app_id": line.ivr}],
        })
    );
    assert!(object.status.as_ref().is_some_and(|status| status.account.is_some()));
    assert!(event(&world, "main", "Bound").await.contains(&line.ivr));
    let sent: Vec<Value> = world.updates(NUMBER).await.into_iter().map(|update| update.request).collect();
    assert_eq!(sent, [json!({"app_id": line.ivr})], "what is not managed is not sent");

    world.patch_binding("main", json!({"spec": {"target": {"app_id": line.other}}})).await;
    world.bound("main").await;
    assert_eq!(world.app_of(NUMBER).await, line.other);
    swept(&world, 2).await;
    // each was sent once.
    world.sent(NUMBER, &[&line.ivr, &line.other]).await;
    world
}

async fn none(case: &'static str) -> World {
    let (line, _operator) = Line::run(case).await;
    let world = line.world;
    world.binding("main", NUMBER, json!({"app_id": ""}), json!({})).await;
    let object = world.bound("main").await;
    assert!(message(&object).contains("no application"), "{}", message(&object));
    assert_eq!((world.app_of(NUMBER).await.as_str(), world.apps(NUMBER).await), ("", vec![String::new()]));
    world
}

async fn already(case: &'static str) -> World {
    let (line, _operator) = Line::run(case).await;
    let world = line.world;
    world.binding("main", NUMBER, json!({"app_id": line.before}), json!({})).await;
    world.bound("main").await;
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    world.sent(NUMBER, &[]).await;
    world
}

async fn managed(case: &'static str) -> World {
    const SUBACCOUNT: &str = "SAABCDEFGHIJKLMNOPQR";
    let (line, _operator) = Line::run(case).await;
    let world = line.world;
    let parent = sandbox::plivo::DEFAULT_AUTH_ID;
    world.admin.put_account(SUBACCOUNT, json!({"auth_token": "unused", "parent": parent})).await.expect("a subaccount");
    let spec = json!({"alias": "reception", "subaccount": SUBACCOUNT});
    world.binding("main", NUMBER, json!({"app_id": line.ivr}), spec).await;
    let object = world.bound("main").await;
    let status = object.status.as_ref().expect("a status");
    assert_eq!((status.alias.as_deref(), status.subaccount.as_deref()), (Some("reception"), Some(SUBACCOUNT)));
    let sent: Vec<Value> = world.updates(NUMBER).await.into_iter().map(|update| update.request).collect();
    assert_eq!(sent, [json!({"app_id": line.ivr, "alias": "reception", "subaccount": SUBACCOUNT})]);

    world.patch_binding("main", json!({"spec": {"alias": "front desk"}})).await;
    world.bound("main").await;
    let update = world.updates(NUMBER).await.pop().expect("an update").request;
    assert_eq!(update, json!({"app_id": line.ivr, "alias": "front desk"}), "the application goes with it, the subaccount agrees");
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    let shown = world.shown(NUMBER).await;
    assert_eq!((&shown["alias"], &shown["sub_account"]), (&json!("old alias"), &json!(SUBACCOUNT)), "a move is not undone");
    assert_eq!(world.app_of(NUMBER).await, line.before);
    world
}

async fn by_name(case: &'static str) -> World {
    let (line, _operator) = Line::run(case).await;
    let world = line.world;
    world.binding("main", NUMBER, json!({"app_name": "ivr"}), json!({})).await;
    world.bound("main").await;
    assert_eq!(world.app_of(NUMBER).await, line.ivr);

    world.number("14155550101", json!({})).await;
    world.binding("second", "14155550101", json!({"app_name": "later"}), json!({})).await;
    let object = world.binding_reason("second", "ApplicationMissing").await;
    assert!(message(&object).contains("later"), "{}", message(&object));
    let later = world.application("later").await;
    world.bound("second").await;
    assert_eq!(world.app_of("14155550101").await, later);

    world.application("later").await;
    let object = world.binding_reason("second", "ApplicationMissing").await;
    assert!(message(&object).contains(&later) && message(&object).contains("app_id"), "{}", message(&object));
    // the number is left as it is.
    world.sent("14155550101", &[&later]).await;
    world
}

async fn endpoint_by_name(case: &'static str) -> World {
    let (line, _operator) = Line::run(case).await;
    let world = line.world;
    world.endpoint("alice", json!({"app_name": "later"}), json!({})).await;
    world.reason("alice", "ApplicationMissing").await;
    assert_eq!(world.ledger().await, Vec::<String>::new(), "no endpoint without its application");
    let later = world.application("later").await;
    let object = world.ready("alice").await;
    assert_eq!(object.status.and_then(|status| status.app_id), Some(later.clone()));
    assert_eq!(world.effects("create_endpoint").await[0].request["app_id"], later);
    world
}

async fn followed(case: &'static str) -> World {
    let (line, _operator) = Line::run(case).await;
    let world = line.world;
    world.binding("main", NUMBER, json!({"applicationOf": {"name": "alice"}}), json!({})).await;
    world.binding_reason("main", "TargetNotFound").await;
    // It has no password, so it is not at the provider.
    world.apply("alice", json!({"app_id": "", "passwordSecretRef": {"name": "alice-sip", "key": "password"}}), json!({})).await;
    world.binding_reason("main", "TargetNotReady").await;
    world.secret("alice-sip", &[("password", "hunter22")]).await;
    let object = world.binding_reason("main", "TargetHasNoApplication").await;
    assert!(message(&object).contains("alice") && message(&object).contains("app_id"), "{}", message(&object));
    world.sent(NUMBER, &[]).await;

    world.patch("alice", json!({"spec": {"plivo": {"app_id": line.ivr}}})).await;
    world.bound("main").await;
    assert_eq!(world.app_of(NUMBER).await, line.ivr);
    world.patch("alice", json!({"spec": {"plivo": {"app_id": line.other}}})).await;
    world.answered_by(NUMBER, &line.other).await;
    world.bound("main").await;

    world.delete("alice").await;
    world.gone("alice").await;
    world.binding_reason("main", "TargetNotFound").await;
    // a number whose target has gone is left as it is.
    world.sent(NUMBER, &[&line.ivr, &line.other]).await;
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    assert_eq!(world.app_of(NUMBER).await, line.before, "and comes back when its binding goes");
    world
}

async fn elsewhere(case: &'static str) -> World {
    let (line, _operator) = Line::run(case).await;
    let world = line.world;
    const OTHER: &str = "MAOTHEROTHEROTHEROTH";
    world.admin.put_account(OTHER, json!({"auth_token": "another-token"})).await.expect("an account");
    world.account("second", OTHER, "another-token", json!({})).await;
    world.endpoint("alice", json!({"app_id": ""}), json!({"accountRef": {"name": "second"}})).await;
    world.ready("alice").await;
    world.binding("main", NUMBER, json!({"applicationOf": {"name": "alice"}}), json!({})).await;
    let object = world.binding_reason("main", "TargetNotFound").await;
    assert!(message(&object).contains("another account"), "{}", message(&object));
    world.sent(NUMBER, &[]).await;
    world
}

async fn not_held(case: &'static str) -> World {
    const LATER: &str = "14155550199";
    let (line, _operator) = Line::run(case).await;
    let world = line.world;
    world.binding("main", LATER, json!({"app_id": line.ivr}), json!({})).await;
    let object = world.binding_reason("main", "NumberNotInAccount").await;
    assert!(message(&object).contains(LATER) && message(&object).contains("console"), "{}", message(&object));
    world.number(LATER, json!({})).await;
    world.bound("main").await;
    assert_eq!(world.app_of(LATER).await, line.ivr);
    world
}

async fn refused(case: &'static str, answer: &'static str, words: &'static str) -> World {
    let (line, _operator) = Line::run(case).await;
    let world = line.world;
    world.admin.set_switches(json!({"unknown_app_id": answer})).await.expect("a switch");
    world.binding("main", NUMBER, json!({"app_id": "404"}), json!({})).await;
    let object = world.binding_reason("main", "Rejected").await;
    assert!(message(&object).contains(words), "{}", message(&object));
    swept(&world, 2).await;
    let sent = world.admin.requests().await.expect("the requests");
    assert_eq!(sent.iter().filter(|request| request.method == "POST").count(), 1, "a refused value is not sent again and again");
    world.patch_binding("main", json!({"spec": {"target": {"app_id": line.ivr}}})).await;
    world.bound("main").await;
    world.sent(NUMBER, &[&line.ivr]).await;
    world
}
