//! Numbers and targets that cannot be bound, and what is said of them.

use sandbox::plivo;
use serde_json::{Value, json};

use super::stage::{NUMBER, Stage, case};
use crate::cases::all;
use crate::numbers::line::{message, reason};

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_bound_is_refused_with_the_reason() {
    all(vec![
        case("no voice", |case| unfit(case, json!({"capabilities": 3, "active_capabilities": 3}), "voice")),
        case("voice is not active", |case| unfit(case, json!({"active_capabilities": 3}), "voice")),
        case("aging", |case| unfit(case, json!({"status": "aging"}), "aging")),
        case("not held", not_held),
        case("at Plivo", at_plivo),
        case("an application at CarrierX", application),
        case("a trunk group that does not exist", unknown_group),
    ])
    .await;
}

async fn unfit(case: &'static str, number: Value, word: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    stage.number(NUMBER, number).await;
    let theirs = stage.foreign_group("foreign").await;
    stage.bind("main", NUMBER, json!({"trunk_group_sid": theirs})).await;
    let object = world.binding_until("main", "refused", |object| message(object).contains(word)).await;
    assert_ne!(reason(&object), "Available");
    stage.swept_of("phonenumber/dids", 1).await;
    assert_eq!(stage.ledger().await, Vec::<String>::new());
    // It is mended, and this goes on by itself.
    stage.admin.patch_did(NUMBER, json!({"capabilities": 31, "active_capabilities": 31, "status": "assigned"})).await.expect("an edit");
    world.bound("main").await;
    assert_eq!(stage.group_of(NUMBER).await, theirs);
    stage
}

async fn not_held(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    stage.peer("pbx", "203.0.113.7").await;
    stage.lead("main", NUMBER, "pbx").await;
    let object = world.binding_reason("main", "NumberNotInAccount").await;
    assert!(message(&object).contains(NUMBER), "{}", message(&object));
    stage.number(NUMBER, json!({})).await;
    world.bound("main").await;
    assert_eq!(stage.group_of(NUMBER).await, stage.led("pbx").await);
    stage
}

async fn at_plivo(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    world.account("plivo", plivo::DEFAULT_AUTH_ID, plivo::DEFAULT_AUTH_TOKEN, json!({})).await;
    world.endpoint("phone", json!({}), json!({})).await;
    world.ready("phone").await;
    world.binding("main", NUMBER, json!({"endpointRef": {"name": "phone"}}), json!({})).await;
    let object = world.binding_reason("main", "InvalidSpec").await;
    assert!(message(&object).contains("application") && message(&object).contains("applicationOf"), "{}", message(&object));
    let object = world.ready("phone").await;
    assert!(object.status.is_some_and(|status| status.trunk_group.is_none()));
    stage
}

async fn application(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    stage.number(NUMBER, json!({})).await;
    stage.peer("pbx", "203.0.113.7").await;
    for (name, target) in [("by-id", json!({"app_id": "12345"})), ("of-endpoint", json!({"applicationOf": {"name": "pbx"}}))] {
        stage.bind(name, NUMBER, target).await;
        let object = world.binding_reason(name, "InvalidSpec").await;
        assert!(message(&object).contains("CarrierX"), "{}", message(&object));
        world.delete_binding(name).await;
        world.binding_gone(name).await;
    }
    world.ready("pbx").await;
    assert_eq!(stage.ledger().await, ["create_endpoint"]);
    stage
}

async fn unknown_group(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    stage.number(NUMBER, json!({})).await;
    stage.bind("main", NUMBER, json!({"trunk_group_sid": "5a4db0c5-0000-4000-8000-00000000dead"})).await;
    world.binding_reason("main", "Rejected").await;
    stage.swept_of("phonenumber/dids", 2).await;
    assert_eq!(stage.writes_since(0).await, ["PATCH phonenumber/dids/*"], "what is refused is not sent again and again");
    stage
}
