//! What one binding leaves to the next: a trunk group of our own is never what was there before, and only who has led a number somewhere, or
//! can, keeps an endpoint there.

use sandbox::plivo;
use serde_json::{Value, json};

use super::stage::{NUMBER, Stage, case};
use crate::cases::all;
use crate::numbers::line::message;
use crate::observe::event;
use crate::world::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_never_given_back_to_an_endpoint_of_our_own() {
    all(vec![
        case("retained, and bound anew", retained_and_bound_anew),
        case("bound before, the status is lost", forgotten),
        case("all statuses are lost", rebuilt),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_waits_only_for_those_who_lead_numbers_to_it() {
    all(vec![case("one in conflict holds nothing", in_conflict), case("one of another provider's account", of_another_account)]).await;
}

/// A binding whose status was never written.
fn nothing() -> Value {
    json!({"previous": null, "placed": null, "number": null, "trunk_group_sid": null, "account": null, "conditions": null, "observedGeneration": null})
}

/// An endpoint with a number, bound so.
async fn led(case: &'static str, spec: Value) -> (Stage, crate::observe::Told, String) {
    let (stage, operator) = Stage::run(case).await;
    stage.number(NUMBER, json!({})).await;
    stage.peer("pbx", "203.0.113.7").await;
    let spec = crate::world::merged(json!({"accountRef": {"name": "carrierx"}}), spec);
    stage.world.binding("main", NUMBER, json!({"endpointRef": {"name": "pbx"}}), spec).await;
    stage.world.bound("main").await;
    let group = stage.led("pbx").await;
    (stage, operator, group)
}

/// The binding and the endpoint go, and the number leads nowhere.
async fn ends(stage: &Stage, binding: &str) {
    stage.world.delete("pbx").await;
    stage.world.delete_binding(binding).await;
    stage.world.binding_gone(binding).await;
    assert_eq!(stage.group_of(NUMBER).await, "");
    stage.world.gone("pbx").await;
    stage.nothing_left().await;
}

async fn retained_and_bound_anew(case: &'static str) -> Stage {
    let (stage, _operator, group) = led(case, json!({"deletionPolicy": "Retain"})).await;
    let world = &stage.world;
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    assert_eq!(stage.group_of(NUMBER).await, group);
    stage.lead("again", NUMBER, "pbx").await;
    let object = world.bound("again").await;
    let previous = object.status.and_then(|status| status.previous).expect("what was there before");
    assert_eq!(previous.trunk_group_sid.as_deref(), Some(""), "our own counts as none");
    ends(&stage, "again").await;
    stage
}

async fn forgotten(case: &'static str) -> Stage {
    let (stage, _operator, group) = led(case, json!({})).await;
    let world = &stage.world;
    world.restore_binding("main", nothing()).await;
    let object = world.bound("main").await;
    assert_eq!(object.status.and_then(|status| status.previous), None);
    assert_eq!(stage.group_of(NUMBER).await, group);
    ends(&stage, "main").await;
    event(world, "main", "Unassigned").await;
    stage
}

async fn rebuilt(case: &'static str) -> Stage {
    let (stage, operator, group) = led(case, json!({})).await;
    let world = &stage.world;
    operator.terminate().await;
    world.restore_binding("main", nothing()).await;
    world.restore_status("pbx", Value::Null).await;
    let _operator = stage.operator(case).await;
    world.bound("main").await;
    assert_eq!((stage.led("pbx").await, stage.group_of(NUMBER).await), (group.clone(), group), "found by its mark");
    ends(&stage, "main").await;
    stage
}

async fn in_conflict(case: &'static str) -> Stage {
    let (stage, _operator, first) = led(case, json!({})).await;
    let world = &stage.world;
    stage.peer("desk", "203.0.113.8").await;
    world.ready("desk").await;
    world.aged("main").await;
    stage.lead("second", NUMBER, "desk").await;
    let object = world
        .binding_until("second", "a copy of what the owner holds", |object| {
            let status = object.status.as_ref();
            let copied = status.is_some_and(|status| status.placed.iter().any(|placed| placed.trunk_group_sid.as_deref() == Some(&first)));
            copied && message(object).contains("main")
        })
        .await;
    assert_eq!(crate::numbers::line::reason(&object), "Conflict");
    stage.lead_to("main", "desk").await;
    eventually("the first trunk group is gone", async || (!stage.groups().await.contains_key(&first)).then_some(())).await;
    world.delete("pbx").await;
    world.gone("pbx").await;
    world.bound("main").await;
    assert_eq!(stage.group_of(NUMBER).await, stage.led("desk").await);
    stage
}

async fn of_another_account(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    world.account("plivo", plivo::DEFAULT_AUTH_ID, plivo::DEFAULT_AUTH_TOKEN, json!({})).await;
    stage.peer("pbx", "203.0.113.7").await;
    world.ready("pbx").await;
    world.binding("main", NUMBER, json!({"endpointRef": {"name": "pbx"}}), json!({})).await;
    world.binding_reason("main", "InvalidSpec").await;
    stage.swept(2).await;
    assert_eq!(stage.ledger().await, ["create_endpoint"], "no trunk group for a number that cannot lead there");
    world.delete("pbx").await;
    world.gone("pbx").await;
    stage.nothing_left().await;
    stage
}
