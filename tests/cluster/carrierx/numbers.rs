//! Numbers that are led to endpoints: one trunk group with one trunk for each endpoint, made with its first binding, gone with its last.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, Preconditions};
use sandbox::plivo;
use serde_json::{Value, json};
use switchboard::api::PhoneNumberBinding;

use super::stage::{NUMBER, SECOND, Stage, case};
use crate::cases::all;
use crate::numbers::line::message;
use crate::observe::event;
use crate::world::{eventually, reason as ready_reason};

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_led_to_an_endpoint_over_one_trunk_group() {
    all(vec![
        case("bound, and given back", bound),
        case("two numbers of one endpoint", shared),
        case("led to another endpoint", moved),
        case("bound before its endpoint exists", early),
        case("given back to where it led before", restored),
        case("a trunk group by its SID", by_sid),
        case("already there", already),
        case("retained", retained),
        case("an endpoint of another account", elsewhere),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_waits_for_its_numbers_and_a_namespace_goes_whole() {
    all(vec![
        case("an endpoint deleted while a number is bound to it", endpoint_first),
        case("both deleted at once", both),
        case("a whole namespace", namespace),
        case("bound and let go at once", at_once),
    ])
    .await;
}

fn sid(of: &PhoneNumberBinding) -> Option<String> {
    of.status.as_ref().and_then(|status| status.trunk_group_sid.clone())
}

async fn bound(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    stage.number(NUMBER, json!({})).await;
    stage.peer("pbx", "203.0.113.7").await;
    world.ready("pbx").await;
    assert!(stage.groups().await.is_empty(), "no trunk group before there is a binding");
    stage.lead("main", NUMBER, "pbx").await;
    let object = world.bound("main").await;
    let group = stage.led("pbx").await;
    assert_eq!((sid(&object), stage.group_of(NUMBER).await), (Some(group.clone()), group.clone()));
    assert_eq!(stage.ledger().await, ["create_endpoint", "create_trunk_group", "create_trunk", "update_did"]);
    assert_eq!(
        stage.writes_since(0).await,
        ["POST endpoints", "POST trunk_groups?with_trunks=true", "PATCH phonenumber/dids/*"],
        "one request for a group with its trunk"
    );
    let name = stage.groups().await[&group]["name"].as_str().expect("a name").to_owned();
    assert_eq!(Some(name.as_str()), stage.only("pbx").await["name"].as_str(), "the mark of the endpoint");
    let endpoint = world.ready("pbx").await;
    assert_eq!(endpoint.status.expect("a status").trunk_group.and_then(|group| group.name), Some(name));
    stage.rests(&["endpoints", "phonenumber/dids"]).await;

    world.delete_binding("main").await;
    world.binding_gone("main").await;
    assert_eq!(stage.group_of(NUMBER).await, "");
    eventually("the trunk group is gone", async || stage.groups().await.is_empty().then_some(())).await;
    world.until("pbx", "without a trunk group", |object| object.status.as_ref().is_some_and(|status| status.trunk_group.is_none())).await;
    world.ready("pbx").await;
    stage.rests(&["endpoints"]).await;
    world.delete("pbx").await;
    world.gone("pbx").await;
    stage.nothing_left().await;
    assert_eq!(stage.asked(NUMBER).await, [json!(group), Value::Null]);
    assert_eq!(stage.tally().await["create_trunk_group"], 1);
    stage
}

async fn shared(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    for number in [NUMBER, SECOND] {
        stage.number(number, json!({})).await;
    }
    stage.peer("pbx", "203.0.113.7").await;
    stage.lead("main", NUMBER, "pbx").await;
    stage.lead("second", SECOND, "pbx").await;
    world.bound("main").await;
    world.bound("second").await;
    let group = stage.led("pbx").await;
    assert_eq!([stage.group_of(NUMBER).await, stage.group_of(SECOND).await], [group.clone(), group.clone()]);
    assert_eq!((stage.tally().await["create_trunk_group"], stage.tally().await["create_trunk"]), (1, 1));
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    stage.swept(2).await;
    assert_eq!((stage.led("pbx").await, stage.group_of(SECOND).await), (group.clone(), group), "the other one needs it still");
    world.delete_binding("second").await;
    world.binding_gone("second").await;
    eventually("the trunk group is gone", async || stage.groups().await.is_empty().then_some(())).await;
    assert_eq!((stage.group_of(NUMBER).await, stage.group_of(SECOND).await), (String::new(), String::new()));
    stage
}

async fn moved(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    stage.number(NUMBER, json!({})).await;
    stage.number(SECOND, json!({})).await;
    stage.peer("pbx", "203.0.113.7").await;
    stage.peer("desk", "203.0.113.8").await;
    stage.lead("main", NUMBER, "pbx").await;
    stage.lead("second", SECOND, "desk").await;
    world.bound("main").await;
    world.bound("second").await;
    let (first, second) = (stage.led("pbx").await, stage.led("desk").await);
    let since = stage.now().await;
    stage.lead_to("main", "desk").await;
    eventually("it is led to the other", async || (stage.group_of(NUMBER).await == second).then_some(())).await;
    world.bound("main").await;
    eventually("the first trunk group is gone", async || (!stage.groups().await.contains_key(&first)).then_some(())).await;
    assert_eq!(stage.writes_since(since).await, ["PATCH phonenumber/dids/*", "DELETE trunk_groups/*"]);
    // To one that has no trunk group now.
    stage.lead_to("main", "pbx").await;
    let third = eventually("it is led back", async || Some(stage.group_of(NUMBER).await).filter(|group| *group != second)).await;
    world.bound("main").await;
    assert_eq!(third, stage.led("pbx").await);
    stage.rests(&["endpoints", "phonenumber/dids"]).await;
    assert_eq!(stage.asked(NUMBER).await, [&first, &second, &third].map(|group| json!(group)));
    for name in ["main", "second"] {
        world.delete_binding(name).await;
        world.binding_gone(name).await;
    }
    for name in ["pbx", "desk"] {
        world.delete(name).await;
        world.gone(name).await;
    }
    stage.nothing_left().await;
    assert_eq!(stage.group_of(NUMBER).await, "");
    stage
}

async fn early(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    stage.number(NUMBER, json!({})).await;
    stage.lead("main", NUMBER, "pbx").await;
    world.binding_reason("main", "TargetNotFound").await;
    assert_eq!(stage.ledger().await, Vec::<String>::new());
    stage.peer("pbx", "203.0.113.7").await;
    world.bound("main").await;
    stage.led("pbx").await;
    assert_eq!(stage.ledger().await, ["create_endpoint", "create_trunk_group", "create_trunk", "update_did"]);
    stage
}

async fn restored(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    let before = stage.foreign_group("foreign").await;
    stage.number(NUMBER, json!({"trunk_group_sid": before, "name": "reception"})).await;
    stage.peer("pbx", "203.0.113.7").await;
    stage.lead("main", NUMBER, "pbx").await;
    let object = world.bound("main").await;
    let previous = object.status.and_then(|status| status.previous).expect("what was there before");
    assert_eq!((previous.trunk_group_sid.as_deref(), previous.app_id), (Some(before.as_str()), None));
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    assert_eq!(stage.group_of(NUMBER).await, before);
    eventually("the trunk group is gone", async || stage.own_groups().await.is_empty().then_some(())).await;
    assert!(event(world, "main", "Restored").await.contains(&before));
    // In the console it is led elsewhere: then it is left where it is.
    stage.lead("main", NUMBER, "pbx").await;
    world.bound("main").await;
    let other = stage.foreign_group("foreign too").await;
    world.patch_binding("main", json!({"spec": {"driftPolicy": "Report"}})).await;
    world.bound("main").await;
    stage.admin.patch_did(NUMBER, json!({"trunk_group_sid": other})).await.expect("an edit");
    world.binding_reason("main", "Drifted").await;
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    assert_eq!(stage.group_of(NUMBER).await, other);
    eventually("the trunk group is gone", async || stage.own_groups().await.is_empty().then_some(())).await;
    // Nobody's trunk groups but our own were touched.
    let touched = stage.admin.ledger().await.expect("the ledger");
    let foreign = |id: &str| id == before || id == other;
    assert!(touched.iter().all(|entry| entry.actor == "console" || !foreign(&entry.id)));
    stage
}

async fn by_sid(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    let theirs = stage.foreign_group("foreign").await;
    stage.number(NUMBER, json!({})).await;
    stage.bind("main", NUMBER, json!({"trunk_group_sid": theirs})).await;
    let object = world.bound("main").await;
    assert_eq!(sid(&object), Some(theirs.clone()));
    assert_eq!(stage.ledger().await, ["update_did"]);
    // From there to an endpoint.
    stage.peer("pbx", "203.0.113.7").await;
    world.ready("pbx").await;
    world.patch_binding("main", json!({"spec": {"target": {"trunk_group_sid": null, "endpointRef": {"name": "pbx"}}}})).await;
    eventually("it leads to the endpoint", async || (stage.group_of(NUMBER).await != theirs).then_some(())).await;
    world.bound("main").await;
    let own = stage.led("pbx").await;
    assert_eq!(stage.asked(NUMBER).await, [json!(theirs), json!(own)]);
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    assert_eq!(stage.group_of(NUMBER).await, "");
    stage
}

async fn already(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    let theirs = stage.foreign_group("foreign").await;
    stage.number(NUMBER, json!({"trunk_group_sid": theirs})).await;
    stage.bind("main", NUMBER, json!({"trunk_group_sid": theirs})).await;
    world.bound("main").await;
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    assert_eq!(stage.ledger().await, Vec::<String>::new());
    stage
}

async fn retained(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    stage.number(NUMBER, json!({})).await;
    stage.peer("pbx", "203.0.113.7").await;
    let spec = json!({"accountRef": {"name": "carrierx"}, "deletionPolicy": "Retain"});
    world.binding("main", NUMBER, json!({"endpointRef": {"name": "pbx"}}), spec).await;
    world.bound("main").await;
    let group = stage.led("pbx").await;
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    stage.swept(3).await;
    // The number stays where it is, so its trunk group stays too.
    assert_eq!((stage.group_of(NUMBER).await, stage.groups().await.contains_key(&group)), (group.clone(), true));
    let object = world.endpoints().get("pbx").await.expect("the object");
    let told = object.status.and_then(|status| status.trunk_group).and_then(|group| group.message).unwrap_or_default();
    assert!(told.contains(NUMBER), "{told}");
    // Somebody leads it elsewhere: then it goes.
    stage.admin.patch_did(NUMBER, json!({"trunk_group_sid": null})).await.expect("an edit");
    eventually("the trunk group is gone", async || stage.groups().await.is_empty().then_some(())).await;
    stage
}

async fn elsewhere(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    stage.number(NUMBER, json!({})).await;
    world.account("plivo", plivo::DEFAULT_AUTH_ID, plivo::DEFAULT_AUTH_TOKEN, json!({})).await;
    world.endpoint("phone", json!({}), json!({})).await;
    world.ready("phone").await;
    stage.lead("main", NUMBER, "phone").await;
    let object = world.binding_reason("main", "TargetNotFound").await;
    assert!(message(&object).contains("another account"), "{}", message(&object));
    stage.swept(1).await;
    assert_eq!(stage.ledger().await, Vec::<String>::new());
    stage
}

/// An endpoint with a number.
async fn led(case: &'static str) -> (Stage, crate::observe::Told) {
    let (stage, operator) = Stage::run(case).await;
    stage.number(NUMBER, json!({})).await;
    stage.peer("pbx", "203.0.113.7").await;
    stage.lead("main", NUMBER, "pbx").await;
    stage.world.bound("main").await;
    (stage, operator)
}

async fn endpoint_first(case: &'static str) -> Stage {
    let (stage, _operator) = led(case).await;
    let world = &stage.world;
    let group = stage.led("pbx").await;
    world.delete("pbx").await;
    let object = world
        .until("pbx", "waiting for its number", |object| {
            let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
            conditions.iter().any(|condition| condition.type_ == "Ready" && condition.message.contains("main"))
        })
        .await;
    assert_eq!(ready_reason(&object), "Deleting");
    stage.swept(2).await;
    assert_eq!((stage.group_of(NUMBER).await, stage.led("pbx").await), (group.clone(), group), "nothing goes while a number leads there");
    assert_eq!(stage.tally().await.get("delete_endpoint"), None);
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    world.gone("pbx").await;
    stage.nothing_left().await;
    assert_eq!(stage.group_of(NUMBER).await, "");
    let last: Vec<String> = stage.ledger().await.split_off(4);
    assert_eq!(last, ["update_did", "delete_trunk_group", "delete_trunk", "delete_endpoint"], "in this order");
    stage
}

async fn both(case: &'static str) -> Stage {
    let (stage, _operator) = led(case).await;
    let world = &stage.world;
    world.delete("pbx").await;
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    world.gone("pbx").await;
    stage.nothing_left().await;
    assert_eq!(stage.group_of(NUMBER).await, "");
    stage
}

async fn namespace(case: &'static str) -> Stage {
    let (stage, _operator) = led(case).await;
    let world = &stage.world;
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    namespaces.delete(&world.namespace, &DeleteParams::default()).await.expect("a deletion");
    eventually("everything is gone", async || {
        let objects = world.endpoints().get_opt("pbx").await.expect("an answer").is_none();
        (objects && world.bindings().get_opt("main").await.expect("an answer").is_none()).then_some(())
    })
    .await;
    stage.nothing_left().await;
    assert_eq!(stage.group_of(NUMBER).await, "");
    stage
}

async fn at_once(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    stage.number(NUMBER, json!({})).await;
    stage.peer("pbx", "203.0.113.7").await;
    world.ready("pbx").await;
    stage.lead("main", NUMBER, "pbx").await;
    eventually("a trunk group is on its way", async || (!stage.effects("create_trunk_group").await.is_empty()).then_some(())).await;
    // As it was read: else the API server may remove it although it has a finalizer by then (docs/guarantees.md, What remains outside).
    eventually("the deletion of what was read", async || {
        let read = world.bindings().get("main").await.expect("the binding").metadata;
        let preconditions = Some(Preconditions { uid: read.uid, resource_version: read.resource_version });
        match world.bindings().delete("main", &DeleteParams { preconditions, ..DeleteParams::default() }).await {
            Ok(_) => Some(()),
            Err(kube::Error::Api(status)) if status.code == 409 => None,
            Err(error) => panic!("{error}"),
        }
    })
    .await;
    world.binding_gone("main").await;
    eventually("the trunk group is gone", async || stage.groups().await.is_empty().then_some(())).await;
    assert_eq!(stage.group_of(NUMBER).await, "");
    world.delete("pbx").await;
    world.gone("pbx").await;
    stage.nothing_left().await;
    stage
}
