//! What others do to a bound number.

use sandbox::plivo;
use serde_json::json;
use switchboard::api::PhoneNumberBinding;

use super::line::{Line, NUMBER, case, message, reason, swept};
use crate::cases::all;
use crate::observe::{Told, event, events};
use crate::world::{World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_number_that_others_change_is_put_back_or_reported() {
    all(vec![
        case("pointed elsewhere", corrected),
        case("alias changed", renamed),
        case("driftPolicy: Report", reported),
        case("again and again", contested),
        case("a value that comes back different", normalised),
        case("taken away and given back", taken_away),
        case("paused and suspended", held),
    ])
    .await;
}

async fn corrected(case: &'static str) -> World {
    let (line, _operator) = Line::bound(case, json!({})).await;
    let world = line.world;
    world.repoint(NUMBER, &line.other).await;
    world.answered_by(NUMBER, &line.ivr).await;
    assert!(event(&world, "main", "DriftCorrected").await.contains(&line.other));
    world.bound("main").await;
    swept(&world, 2).await;
    // one update puts it back.
    world.sent(NUMBER, &[&line.ivr, &line.ivr]).await;
    let previous = world.bound("main").await.status.and_then(|status| status.previous).expect("what was there before");
    assert_eq!(previous.target(), line.before, "what others did is not what was there before");
    world
}

async fn renamed(case: &'static str) -> World {
    let (line, _operator) = Line::bound(case, json!({"alias": "reception"})).await;
    let world = line.world;
    world.admin.patch_number(NUMBER, json!({"alias": "hacked"})).await.expect("an edited number");
    eventually("the alias is put back", async || (world.shown(NUMBER).await["alias"] == "reception").then_some(())).await;
    let sent = world.updates(NUMBER).await.pop().expect("an update").request;
    assert_eq!(sent, json!({"app_id": line.ivr, "alias": "reception"}), "an update always names the application");
    world.bound("main").await;
    world
}

async fn reported(case: &'static str) -> World {
    let (line, _operator) = Line::bound(case, json!({"driftPolicy": "Report"})).await;
    let world = line.world;
    world.repoint(NUMBER, &line.other).await;
    let object = world.binding_reason("main", "Drifted").await;
    assert!(message(&object).contains(&line.other), "{}", message(&object));
    swept(&world, 2).await;
    // it is only reported.
    world.sent(NUMBER, &[&line.ivr]).await;
    world.repoint(NUMBER, &line.ivr).await;
    world.bound("main").await;
    // A change of the spec is no drift.
    world.patch_binding("main", json!({"spec": {"target": {"app_id": line.other}}})).await;
    world.bound("main").await;
    world.sent(NUMBER, &[&line.ivr, &line.other]).await;
    world
}

async fn contested(case: &'static str) -> World {
    let (line, operator) = Line::bound(case, json!({})).await;
    let world = line.world;
    for _ in 0..3 {
        world.repoint(NUMBER, &line.other).await;
        world.answered_by(NUMBER, &line.ivr).await;
        world.bound("main").await;
    }
    world.repoint(NUMBER, &line.other).await;
    let object = world.binding_reason("main", "Contested").await;
    assert!(message(&object).contains("once an hour"), "{}", message(&object));
    let corrected = world.apps(NUMBER).await.len();
    assert_eq!(corrected, 4, "bound once, put back three times");
    swept(&world, 3).await;
    assert_eq!(world.apps(NUMBER).await.len(), corrected);
    assert_eq!(world.app_of(NUMBER).await, line.other);

    // A restart does not start the quarrel anew.
    operator.kill().await;
    let _operator = Told::start(case, &world, &[]).await;
    swept(&world, 3).await;
    assert_eq!(
        (reason(&world.bindings().get("main").await.expect("the binding")), world.apps(NUMBER).await.len()),
        ("Contested", corrected)
    );
    // What its owner wants anew is not the quarrel.
    world.patch_binding("main", json!({"spec": {"target": {"app_id": line.before}}})).await;
    world.bound("main").await;
    assert_eq!(world.apps(NUMBER).await.last(), Some(&line.before));
    world
}

async fn normalised(case: &'static str) -> World {
    let switches = vec![("number_detach".to_owned(), "default_app".to_owned())];
    let line = Line::with(plivo::Options { switches, ..plivo::Options::default() }).await;
    let world = line.world;
    world.admin.create_application(json!({"app_name": "default", "default_number_app": true})).await.expect("an application");
    let _operator = Told::start(case, &world, &[]).await;
    world.binding("main", NUMBER, json!({"app_id": ""}), json!({})).await;
    let object = world.binding_reason("main", "ProviderNormalisedValue").await;
    assert!(message(&object).contains("app_id"), "{}", message(&object));
    swept(&world, 3).await;
    // twice is enough.
    world.sent(NUMBER, &["", ""]).await;
    world
}

async fn taken_away(case: &'static str) -> World {
    let (line, _operator) = Line::bound(case, json!({})).await;
    let world = line.world;
    world.admin.delete_number(NUMBER).await.expect("a number less");
    let object = world.binding_reason("main", "NumberNotInAccount").await;
    assert!(message(&object).contains(NUMBER), "{}", message(&object));
    let account = |object: &PhoneNumberBinding| object.status.as_ref().and_then(|status| status.previous.clone());
    assert_eq!(account(&object).and_then(|previous| previous.app_id), Some(line.before.clone()), "what was there before is not forgotten");
    world.number(NUMBER, json!({"app_id": line.other})).await;
    world.bound("main").await;
    world.sent(NUMBER, &[&line.ivr, &line.ivr]).await;

    world.admin.delete_number(NUMBER).await.expect("a number less");
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    assert!(events(&world, "main").await.iter().any(|(reason, _)| reason == "NumberNotInAccount"));
    world
}

async fn held(case: &'static str) -> World {
    let (line, _operator) = Line::bound(case, json!({})).await;
    let world = line.world;
    let paused = |value: Option<&str>| json!({"metadata": {"annotations": {"switchboard.dev/paused": value}}});
    world.patch_binding("main", paused(Some("true"))).await;
    world.binding_reason("main", "Paused").await;
    world.repoint(NUMBER, &line.other).await;
    world.patch_binding("main", json!({"spec": {"alias": "reception"}})).await;
    swept(&world, 2).await;
    // nothing is written while it is paused.
    world.sent(NUMBER, &[&line.ivr]).await;
    world.patch_binding("main", paused(None)).await;
    world.bound("main").await;
    world.sent(NUMBER, &[&line.ivr, &line.ivr]).await;

    world.account("plivo", plivo::DEFAULT_AUTH_ID, plivo::DEFAULT_AUTH_TOKEN, json!({"suspend": true})).await;
    world.binding_reason("main", "Suspended").await;
    world.delete_binding("main").await;
    swept(&world, 2).await;
    assert!(world.bindings().get_opt("main").await.expect("an answer").is_some(), "it waits to give the number back");
    assert_eq!(world.apps(NUMBER).await.len(), 2);
    world.account("plivo", plivo::DEFAULT_AUTH_ID, plivo::DEFAULT_AUTH_TOKEN, json!({"suspend": false})).await;
    world.binding_gone("main").await;
    assert_eq!(world.app_of(NUMBER).await, line.before);
    world
}
