//! What becomes of a number when its binding goes. It is never released.

use sandbox::plivo;
use serde_json::json;

use super::line::{Line, NUMBER, case, message, reason, swept};
use crate::cases::all;
use crate::observe::{Told, event};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_given_back_if_it_still_is_where_its_binding_put_it() {
    all(vec![
        case("Restore", restored),
        case("Restore of no application", restored_to_none),
        case("Unassign", unassigned),
        case("Retain", retained),
        case("Retain by the account", retained_by_account),
        case("moved elsewhere meanwhile", moved),
        case("what answered before is gone", |case| previous_gone(case, "400")),
        case("what answered before is gone, answered as if the number were", |case| previous_gone(case, "404")),
        case("the status was wiped", wiped),
        case("the target is gone", target_gone),
        case("paused while it is deleted", paused),
        case("the account is gone", no_account),
    ])
    .await;
}

async fn leave(world: &World) {
    world.delete_binding("main").await;
    world.binding_gone("main").await;
}

async fn restored(case: &'static str) -> World {
    let (line, _operator) = Line::bound(case, json!({"alias": "reception"})).await;
    leave(&line.world).await;
    line.world.sent(NUMBER, &[&line.ivr, &line.before]).await;
    let shown = line.world.shown(NUMBER).await;
    assert_eq!((line.world.app_of(NUMBER).await, &shown["alias"]), (line.before.clone(), &json!("old alias")));
    assert!(event(&line.world, "main", "Restored").await.contains(&line.before));
    line.world
}

async fn restored_to_none(case: &'static str) -> World {
    let line = Line::new().await;
    line.world.repoint(NUMBER, "").await;
    let _operator = Told::start(case, &line.world, &[]).await;
    line.world.binding("main", NUMBER, json!({"app_id": line.ivr}), json!({})).await;
    line.world.bound("main").await;
    leave(&line.world).await;
    line.world.sent(NUMBER, &[&line.ivr, ""]).await;
    assert_eq!(line.world.app_of(NUMBER).await, "");
    line.world
}

async fn unassigned(case: &'static str) -> World {
    let (line, _operator) = Line::bound(case, json!({"deletionPolicy": "Unassign"})).await;
    leave(&line.world).await;
    line.world.sent(NUMBER, &[&line.ivr, ""]).await;
    event(&line.world, "main", "Unassigned").await;
    line.world
}

async fn retained(case: &'static str) -> World {
    let (line, _operator) = Line::bound(case, json!({"deletionPolicy": "Retain"})).await;
    leave(&line.world).await;
    line.world.sent(NUMBER, &[&line.ivr]).await;
    event(&line.world, "main", "Retained").await;
    line.world
}

async fn retained_by_account(case: &'static str) -> World {
    let (line, _operator) = Line::bound(case, json!({})).await;
    let spec = json!({"defaults": {"deletionPolicy": "Retain"}});
    line.world.account("plivo", plivo::DEFAULT_AUTH_ID, plivo::DEFAULT_AUTH_TOKEN, spec).await;
    crate::observe::account_reason(&line.world, "plivo", "Available").await;
    leave(&line.world).await;
    line.world.sent(NUMBER, &[&line.ivr]).await;
    line.world
}

async fn moved(case: &'static str) -> World {
    let (line, operator) = Line::bound(case, json!({})).await;
    // While nobody looks, so that it is not put back first.
    operator.kill().await;
    line.world.repoint(NUMBER, &line.other).await;
    line.world.delete_binding("main").await;
    let _operator = Told::start(case, &line.world, &[]).await;
    line.world.binding_gone("main").await;
    // it is not where we put it, so it is left.
    line.world.sent(NUMBER, &[&line.ivr]).await;
    assert_eq!(line.world.app_of(NUMBER).await, line.other);
    assert!(event(&line.world, "main", "LeftAsItIs").await.contains(NUMBER));
    line.world
}

async fn previous_gone(case: &'static str, answer: &'static str) -> World {
    let (line, _operator) = Line::bound(case, json!({})).await;
    line.world.admin.set_switches(json!({"unknown_app_id": answer})).await.expect("a switch");
    line.world.admin.cascade(&line.before).await.expect("an application less");
    leave(&line.world).await;
    assert_eq!(line.world.app_of(NUMBER).await, "", "nothing else is known to be right");
    line.world.sent(NUMBER, &[&line.ivr, ""]).await;
    assert!(event(&line.world, "main", "PreviousApplicationGone").await.contains(&line.before));
    line.world
}

async fn wiped(case: &'static str) -> World {
    let (line, _operator) = Line::bound(case, json!({})).await;
    let world = line.world;
    let nothing = json!({"previous": null, "placed": null, "number": null, "app_id": null, "account": null, "conditions": null, "observedGeneration": null});
    world.restore_binding("main", nothing).await;
    let object = world.bound("main").await;
    assert_eq!(object.status.and_then(|status| status.previous), None, "what is there now was never there before");
    // It is bound as before, and looked after.
    world.repoint(NUMBER, &line.other).await;
    world.answered_by(NUMBER, &line.ivr).await;
    world.bound("main").await;
    leave(&world).await;
    assert_eq!(world.app_of(NUMBER).await, line.ivr, "what was there before is lost: the number is left");
    event(&world, "main", "PreviousLost").await;
    world
}

async fn target_gone(case: &'static str) -> World {
    let (line, _operator) = Line::run(case).await;
    let world = line.world;
    world.endpoint("alice", json!({"app_id": line.ivr}), json!({})).await;
    world.binding("main", NUMBER, json!({"applicationOf": {"name": "alice"}}), json!({})).await;
    world.bound("main").await;
    world.delete("alice").await;
    leave(&world).await;
    world.gone("alice").await;
    world.sent(NUMBER, &[&line.ivr, &line.before]).await;
    world
}

async fn paused(case: &'static str) -> World {
    let (line, _operator) = Line::bound(case, json!({})).await;
    let world = line.world;
    let annotation = |value: Option<&str>| json!({"metadata": {"annotations": {"switchboard.dev/paused": value}}});
    world.patch_binding("main", annotation(Some("true"))).await;
    world.delete_binding("main").await;
    let object = world.binding_until("main", "waiting", |object| message(object).contains("not given back")).await;
    assert_eq!(reason(&object), "Paused");
    swept(&world, 1).await;
    world.sent(NUMBER, &[&line.ivr]).await;
    world.patch_binding("main", annotation(None)).await;
    world.binding_gone("main").await;
    world.sent(NUMBER, &[&line.ivr, &line.before]).await;
    world
}

async fn no_account(case: &'static str) -> World {
    let (line, _operator) = Line::run(case).await;
    let world = line.world;
    world.binding("main", NUMBER, json!({"app_id": line.ivr}), json!({"accountRef": {"name": "nobody"}})).await;
    world.binding_reason("main", "AccountNotFound").await;
    leave(&world).await;
    world.sent(NUMBER, &[]).await;
    world
}
