//! Several bindings of one number, and several operators.

use futures::future::join_all;
use serde_json::json;

use super::line::{Line, NUMBER, case, message, swept};
use crate::cases::all;
use crate::observe::{Told, event, listings};
use crate::world::{World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn of_several_bindings_of_one_number_the_oldest_owns_it() {
    all(vec![
        case("two in one namespace", beside),
        case("two in two namespaces", apart),
        case("the younger one goes", younger_goes),
        case("three, and the number is handed on", chain),
        case("both are deleted", both_go),
        case("the owner is retained", owner_retained),
        case("handed over while no operator runs", unattended),
        case("two operators", two_operators),
        case("one of two is frozen before it binds", |case| frozen(case, false)),
        case("one of two is frozen before it binds what is deleted meanwhile", |case| frozen(case, true)),
        case("one of two is frozen before it puts back what is deleted meanwhile", frozen_at_a_drift),
    ])
    .await;
}

/// `main` owns the number and `next` waits for it.
async fn two(case: &'static str) -> (Line, Told) {
    let (line, told) = Line::bound(case, json!({})).await;
    line.world.aged("main").await;
    line.world.binding("next", NUMBER, json!({"app_id": line.other}), json!({})).await;
    let object = line.world.binding_reason("next", "Conflict").await;
    assert!(message(&object).contains("PhoneNumberBinding main"), "{}", message(&object));
    (line, told)
}

async fn beside(case: &'static str) -> World {
    let (line, _operator) = two(case).await;
    let world = line.world;
    swept(&world, 2).await;
    // who waits writes nothing.
    world.sent(NUMBER, &[&line.ivr]).await;
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    let object = world.bound("next").await;
    let previous = object.status.and_then(|status| status.previous).expect("what was there before");
    assert_eq!((previous.target(), previous.alias.as_str()), (line.before.as_str(), "old alias"), "inherited");
    swept(&world, 1).await;
    // taken over in one update, without a restore in between.
    world.sent(NUMBER, &[&line.ivr, &line.other]).await;
    event(&world, "main", "HandedOver").await;
    world.delete_binding("next").await;
    world.binding_gone("next").await;
    world.sent(NUMBER, &[&line.ivr, &line.other, &line.before]).await;
    world
}

async fn apart(case: &'static str) -> World {
    let line = Line::new().await;
    let (world, neighbour) = (line.world.beside("neighbour").await, line.world);
    let _operator = Told::start(case, &world, &["--namespace", &neighbour.namespace]).await;
    neighbour.binding("secret-project", NUMBER, json!({"app_id": line.ivr}), json!({})).await;
    neighbour.bound("secret-project").await;
    neighbour.aged("secret-project").await;
    world.binding("next", NUMBER, json!({"app_id": line.other}), json!({})).await;
    let object = world.binding_reason("next", "Conflict").await;
    assert!(message(&object).contains("an object of another namespace of this cluster"), "{}", message(&object));
    let told = json!(object).to_string();
    assert!(!told.contains("secret-project") && !told.contains(&neighbour.namespace), "{told}");
    neighbour.delete_binding("secret-project").await;
    neighbour.binding_gone("secret-project").await;
    world.bound("next").await;
    // taken over in one update.
    world.sent(NUMBER, &[&line.ivr, &line.other]).await;
    world.delete_binding("next").await;
    world.binding_gone("next").await;
    assert_eq!(world.app_of(NUMBER).await, line.before);
    world
}

async fn younger_goes(case: &'static str) -> World {
    let (line, _operator) = two(case).await;
    let world = line.world;
    world.delete_binding("next").await;
    world.binding_gone("next").await;
    world.bound("main").await;
    swept(&world, 1).await;
    // nobody else's number changes.
    world.sent(NUMBER, &[&line.ivr]).await;
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    world.sent(NUMBER, &[&line.ivr, &line.before]).await;
    world
}

async fn chain(case: &'static str) -> World {
    let (line, _operator) = two(case).await;
    let world = line.world;
    let third = world.application("third").await;
    world.aged("next").await;
    world.binding("third", NUMBER, json!({"app_id": third}), json!({})).await;
    world.binding_reason("third", "Conflict").await;
    for (leaving, heir) in [("main", "next"), ("next", "third")] {
        world.delete_binding(leaving).await;
        world.binding_gone(leaving).await;
        world.bound(heir).await;
    }
    world.delete_binding("third").await;
    world.binding_gone("third").await;
    world.sent(NUMBER, &[&line.ivr, &line.other, &third, &line.before]).await;
    world
}

async fn both_go(case: &'static str) -> World {
    let (line, _operator) = two(case).await;
    let world = line.world;
    join_all(["main", "next"].map(|name| world.delete_binding(name))).await;
    join_all(["main", "next"].map(|name| world.binding_gone(name))).await;
    assert_eq!(world.app_of(NUMBER).await, line.before, "whoever goes last gives it back");
    // Neither relies on the other, so both may give it back.
    let mut apps = world.apps(NUMBER).await;
    apps.dedup();
    assert!(apps == [line.ivr.clone(), line.before.clone()] || apps == [line.ivr, line.other, line.before], "{apps:?}");
    world
}

async fn owner_retained(case: &'static str) -> World {
    let (line, _operator) = Line::bound(case, json!({"deletionPolicy": "Retain"})).await;
    let world = line.world;
    world.aged("main").await;
    world.binding("next", NUMBER, json!({"app_id": line.other}), json!({})).await;
    world.binding_reason("next", "Conflict").await;
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    world.bound("next").await;
    world.delete_binding("next").await;
    world.binding_gone("next").await;
    // what was there before outlives who found it.
    world.sent(NUMBER, &[&line.ivr, &line.other, &line.before]).await;
    world
}

async fn unattended(case: &'static str) -> World {
    let (line, operator) = two(case).await;
    let world = line.world;
    operator.kill().await;
    world.delete_binding("main").await;
    let _operator = Told::start(case, &world, &[]).await;
    world.binding_gone("main").await;
    world.bound("next").await;
    world.sent(NUMBER, &[&line.ivr, &line.other]).await;
    world
}

async fn two_operators(case: &'static str) -> World {
    let (line, _first) = Line::run(case).await;
    let world = line.world;
    let _second = Told::start(case, &world, &["--no-leader-election"]).await;
    let numbers: Vec<String> = (0..10).map(|n| format!("1415555020{n}")).collect();
    for number in &numbers {
        world.number(number, json!({"app_id": line.before})).await;
    }
    join_all(numbers.iter().map(async |number| world.binding(&format!("n{number}"), number, json!({"app_id": line.ivr}), json!({})).await))
        .await;
    for number in &numbers {
        let object = world.bound(&format!("n{number}")).await;
        let previous = object.status.and_then(|status| status.previous).expect("what was there before");
        assert_eq!(previous.target(), line.before, "never what the other operator wrote");
    }
    world.repoint(&numbers[0], &line.other).await;
    world.answered_by(&numbers[0], &line.ivr).await;
    join_all(numbers.iter().map(async |number| world.delete_binding(&format!("n{number}")).await)).await;
    for number in &numbers {
        world.binding_gone(&format!("n{number}")).await;
        assert_eq!(world.app_of(number).await, line.before);
        // Both may send the same value; neither another one.
        let mut apps = world.apps(number).await;
        apps.dedup();
        assert_eq!(apps, [line.ivr.as_str(), line.before.as_str()], "{number}");
    }
    world
}

/// The first operator stands still when it has decided, and wakes up when the second one has gone on.
async fn frozen(case: &'static str, deleted: bool) -> World {
    let line = Line::new().await;
    let world = line.world;
    let first = world.operator_with(&["--no-leader-election"], &[("SWITCHBOARD_FAILPOINT", "update.before,freeze")]).await;
    world.binding("main", NUMBER, json!({"app_id": line.ivr}), json!({})).await;
    eventually("the first operator stands still", async || first.is_frozen().then_some(())).await;
    let _second = Told::start(case, &world, &[]).await;
    world.bound("main").await;
    let last = if deleted {
        world.delete_binding("main").await;
        world.binding_gone("main").await;
        &line.before
    } else {
        world.patch_binding("main", json!({"spec": {"target": {"app_id": line.other}}})).await;
        world.bound("main").await;
        &line.other
    };
    // Longer than an update may wait between its decision and its way out.
    listings(&world, 2).await;
    first.signal("CONT").await;
    listings(&world, 3).await;
    world.sent(NUMBER, &[&line.ivr, last]).await;
    assert_eq!(world.app_of(NUMBER).await, *last, "what was decided before it stood still is not sent any more");
    world
}

/// The first operator stands still before it looks whose the number is, to put it back; the second one puts it back, and the binding goes.
async fn frozen_at_a_drift(case: &'static str) -> World {
    let (line, operator) = Line::bound(case, json!({})).await;
    let world = line.world;
    operator.kill().await;
    let first = world.operator_with(&["--no-leader-election"], &[("SWITCHBOARD_FAILPOINT", "rivals.before,freeze")]).await;
    world.repoint(NUMBER, &line.other).await;
    eventually("the first operator stands still", async || first.is_frozen().then_some(())).await;
    let _second = Told::start(case, &world, &[]).await;
    world.answered_by(NUMBER, &line.ivr).await;
    world.bound("main").await;
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    first.signal("CONT").await;
    listings(&world, 3).await;
    world.sent(NUMBER, &[&line.ivr, &line.ivr, &line.before]).await;
    assert_eq!(world.app_of(NUMBER).await, line.before, "what is gone is not put back");
    world
}
