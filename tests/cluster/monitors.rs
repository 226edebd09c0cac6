//! The assumptions of the create protocol, broken on purpose: each is told in a metric, in the log and in an event on the object, once,
//! and the object ends with one endpoint all the same. Where none is broken, none is told.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::time::sleep;

use super::cases::first_create;
use super::observe::{Call, calls_since, count, event, events};
use super::side_by_side::{self, Told, case};
use super::world::{Operator, SETTLE, World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn an_assumption_that_was_seen_broken_is_told_once_and_only_then() {
    side_by_side::run(vec![
        case("none is broken in a life at ease", life),
        case("a create takes effect when it was given up long since", late),
        case("such a create meets the next object of the name", late_for_the_next),
        case("an endpoint stays invisible for too long", invisible),
        case("an endpoint stays invisible, but not for too long", invisible_for_a_moment),
        case("frozen between the last check and the send", frozen_after_the_check),
        case("frozen before the last check", frozen_before_the_check),
    ])
    .await;
}

/// Every series of ours with its value.
async fn series(operator: &Operator) -> BTreeMap<String, f64> {
    let text = operator.metrics().await;
    let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').expect("a series and its value"));
    samples.map(|(series, value)| (series.to_owned(), value.parse().expect("a number"))).collect()
}

/// How often A1, A2 and A3 were seen broken.
async fn broken(operator: &Operator) -> [f64; 3] {
    let series = series(operator).await;
    ["A1", "A2", "A3"].map(|assumption| series[&format!("switchboard_assumption_broken_total{{assumption=\"{assumption}\"}}")])
}

/// Only this assumption was seen broken, only once, and the event on `alice` says these words.
async fn told(world: &World, operator: &Operator, assumption: &str, words: &[&str]) {
    let note = event(world, "alice", "AssumptionBroken").await;
    for word in words {
        assert!(note.contains(word), "{word} is not in {note:?}");
    }
    assert_eq!(broken(operator).await, ["A1", "A2", "A3"].map(|one| f64::from(u8::from(one == assumption))));
    assert_eq!(events(world, "alice").await.iter().filter(|(reason, _)| reason == "AssumptionBroken").count(), 1);
    let log = operator.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("an assumption was seen broken")).collect();
    assert!(matches!(lines.as_slice(), [line] if line.contains("WARN") && line.contains(assumption)), "{lines:#?}");
}

async fn none_told(world: &World, operator: &Operator) {
    assert_eq!(broken(operator).await, [0.0; 3]);
    assert!(!operator.log().contains("an assumption was seen broken"));
    assert!(!events(world, "alice").await.iter().any(|(reason, _)| reason == "AssumptionBroken"));
}

/// Exactly one endpoint is left, the recorded one.
async fn one_left(world: &World) {
    eventually("one endpoint is left", async || (world.living().await.len() == 1).then_some(())).await;
    world.ready("alice").await;
    world.exactly_one("alice").await;
}

async fn life(case: &str) {
    let world = World::new("broken").await;
    let operator = Told::new(case, world.operator().await);
    world.endpoint("alice", json!({"alias": "desk"}), json!({})).await;
    world.ready("alice").await;
    world.patch("alice", json!({"spec": {"plivo": {"alias": "desk-edited"}}})).await;
    world.ready("alice").await;
    // Somebody else's edit, and a deletion that is no lag: it had been seen.
    let id = super::world::endpoint_id(&world.endpoints().get("alice").await.expect("the object"));
    world.admin.patch_endpoint(&id, json!({"alias": "elsewhere"})).await.expect("an edit");
    eventually("the drift is corrected", async || (world.exactly_one("alice").await["alias"] == "desk-edited").then_some(())).await;
    world.admin.delete_endpoint(&id).await.expect("a deletion");
    world
        .until("alice", "recreated", |object| {
            object.status.as_ref().and_then(|status| status.endpoint_id.as_ref()).is_some_and(|now| *now != id)
        })
        .await;
    world.ready("alice").await;
    none_told(&world, &operator).await;
    world.delete("alice").await;
    world.gone("alice").await;
    none_told(&world, &operator).await;

    let series = series(&operator).await;
    let made = world.effects("create_endpoint").await.len();
    let created = "switchboard_provider_calls_total{provider=\"Plivo\",operation=\"create\",thing=\"endpoint\",outcome=\"done\"}";
    assert_eq!((made, series[created]), (2, 2.0));
    assert_eq!(series["switchboard_visibility_lag_seconds_bucket{le=\"0.0\"}"], 2.0, "both were seen at the first look");
}

/// The first create is cut off, and executed when its intent was given up a settle time ago.
fn far_too_late() -> serde_json::Value {
    let delay = u64::try_from(SETTLE.as_millis() * 2).expect("a few seconds");
    json!([first_create(json!({"answer": "cut_after", "execute_delay_ms": delay}))])
}

async fn late(case: &str) {
    let world = World::new("broken").await;
    world.admin.set_faults(far_too_late()).await.expect("a fault script");
    let operator = Told::new(case, world.operator().await);
    world.endpoint("alice", json!({}), json!({})).await;
    // The second create is the one that is answered: there are two for a moment.
    let first = super::world::endpoint_id(&world.ready("alice").await);
    eventually("the late one is executed and removed", async || (world.effects("delete_endpoint").await.len() == 1).then_some(())).await;
    one_left(&world).await;
    let (creates, deletes) = (world.effects("create_endpoint").await, world.effects("delete_endpoint").await);
    let (creates, deletes): (Vec<_>, Vec<_>) =
        (creates.iter().map(|entry| entry.id.as_str()).collect(), deletes.iter().map(|entry| entry.id.as_str()).collect());
    assert_eq!((creates.len(), creates[0], deletes.as_slice()), (2, first.as_str(), &creates[1..]), "the ledger: creates, deletes");
    told(&world, &operator, "A1", &[creates[1], "turned up", "It is deleted", "raise --settle"]).await;
}

async fn late_for_the_next(case: &str) {
    let world = World::new("broken").await;
    world.admin.set_faults(far_too_late()).await.expect("a fault script");
    let operator = Told::new(case, world.operator().await);
    world.endpoint("alice", json!({}), json!({})).await;
    eventually("a create is sent", async || (count(&calls_since(&world, 0).await, Call::Create) == 1).then_some(())).await;
    world.delete("alice").await;
    world.gone("alice").await;
    assert!(world.living().await.is_empty() && world.effects("create_endpoint").await.is_empty(), "not executed yet");
    world.endpoint("alice", json!({}), json!({})).await;
    world.ready("alice").await;
    eventually("the late one is executed and removed", async || (world.effects("delete_endpoint").await.len() == 1).then_some(())).await;
    one_left(&world).await;
    assert_eq!(world.effects("create_endpoint").await.len(), 2);
    told(&world, &operator, "A1", &["turned up", "raise --settle"]).await;
}

async fn hidden(world: &World, milliseconds: u128) {
    let hidden = json!({"visibility_ms": {"get": milliseconds, "list": milliseconds, "after": "create"}});
    world.admin.set_switches(hidden).await.expect("a switch");
}

async fn invisible(case: &str) {
    let world = World::new("broken").await;
    // Two fifths of the settle time are allowed for; before the whole of it nothing is created again.
    hidden(&world, SETTLE.as_millis() * 9 / 10).await;
    let operator = Told::new(case, world.operator().await);
    world.endpoint("alice", json!({}), json!({})).await;
    one_left(&world).await;
    assert_eq!(world.ledger().await, ["create_endpoint"], "no duplicate");
    let object = world.endpoints().get("alice").await.expect("the object");
    told(&world, &operator, "A3", &[&super::world::endpoint_id(&object), "did not show it", "nothing is created", "raise --settle"]).await;
    let series = series(&operator).await;
    let lag = series["switchboard_visibility_lag_seconds_sum"];
    assert_eq!(series["switchboard_visibility_lag_seconds_count"], 1.0);
    assert!((2.4..5.4).contains(&lag), "between what is allowed for and what the switch says: {lag}");
}

async fn invisible_for_a_moment(case: &str) {
    let world = World::new("broken").await;
    hidden(&world, 400).await;
    let operator = Told::new(case, world.operator().await);
    world.endpoint("alice", json!({}), json!({})).await;
    one_left(&world).await;
    none_told(&world, &operator).await;
    let series = series(&operator).await;
    assert_eq!(series["switchboard_visibility_lag_seconds_count"], 1.0);
    assert!(series["switchboard_visibility_lag_seconds_sum"] < 0.4, "a lower bound: {series:#?}");
}

/// An operator that freezes at this fail point and stands still for longer than may pass before a create is sent.
async fn freeze(case: &str, world: &World, point: &str) -> Told {
    let mut operator = Told::new(case, world.operator_with(&[], &[("SWITCHBOARD_FAILPOINT", &format!("{point},freeze"))]).await);
    world.endpoint("alice", json!({}), json!({})).await;
    operator.says(&format!("failpoint {point} reached")).await;
    eventually("it stands still", async || operator.is_frozen().then_some(())).await;
    assert_eq!(count(&calls_since(world, 0).await, Call::Create), 0);
    sleep(SETTLE / 15 * 2).await;
    operator.signal("CONT").await;
    world.ready("alice").await;
    operator
}

async fn frozen_after_the_check(case: &str) {
    let world = World::new("broken").await;
    let operator = freeze(case, &world, "send.before").await;
    one_left(&world).await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);
    told(&world, &operator, "A2", &["400ms are allowed for", "stood still", "raise --settle"]).await;
}

async fn frozen_before_the_check(case: &str) {
    let world = World::new("broken").await;
    let operator = freeze(case, &world, "create.before").await;
    one_left(&world).await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);
    let object = world.endpoints().get("alice").await.expect("the object");
    let epoch = object.status.and_then(|status| status.ledger).map(|ledger| ledger.epoch);
    assert_eq!(epoch, Some(2), "the first intent was given up, nothing was sent under it");
    none_told(&world, &operator).await;
}
