//! Two operators that both believe to be the only one, on the same objects. Leader election makes this rare, never impossible; here there
//! is none.

use serde_json::{Value, json};

use super::side_by_side::{self, Told, all, all_gone, all_ready, apply_all, case, creates_sent, delete_all, exactly_one_each, names};
use super::world::{World, eventually};

struct Pair {
    world: World,
    first: Told,
    second: Told,
}

async fn pair(case: &str) -> Pair {
    let world = World::new("pair").await;
    let first = Told::new(&format!("{case}, first"), world.operator_with(&["--no-leader-election"], &[]).await);
    let second = Told::new(&format!("{case}, second"), world.operator_with(&["--no-leader-election"], &[]).await);
    Pair { world, first, second }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_operators_make_one_endpoint_for_each_object_and_leave_none() {
    side_by_side::run(vec![
        case("a life at ease", life),
        case("every answer to a create is lost", lost_answers),
        case("deleted while being created", deleted_early),
        case("the first is frozen in the middle and wakes up late", frozen),
        case("the first is told to end in the middle", ended),
        case("a second endpoint that both see", duplicate),
    ])
    .await;
}

async fn life(case: &str) {
    let Pair { world, first: _first, second: _second } = pair(case).await;
    let names = names("desk", 15);
    apply_all(&world, &names).await;
    all_ready(&world, &names).await;
    let ids = exactly_one_each(&world, &names).await;
    assert_eq!((world.effects("create_endpoint").await.len(), creates_sent(&world).await), (15, 15), "executed, sent");

    for name in &names {
        world.patch(name, json!({"spec": {"plivo": {"alias": format!("{name}-edited")}}})).await;
    }
    all_ready(&world, &names).await;
    for name in &names {
        assert_eq!(world.exactly_one(name).await["alias"], format!("{name}-edited"));
    }
    assert_eq!(exactly_one_each(&world, &names).await, ids, "an edit leaves the endpoint where it is");

    delete_all(&world, &names).await;
    assert!(world.living().await.is_empty());
    assert_eq!(creates_sent(&world).await, 15);
    assert_eq!(world.effects("delete_endpoint").await.len(), 15, "each was deleted once");
}

async fn lost_answers(case: &str) {
    let Pair { world, first: _first, second: _second } = pair(case).await;
    lose_creates(&world).await;
    let names = names("lost", 8);
    apply_all(&world, &names).await;
    all_ready(&world, &names).await;
    exactly_one_each(&world, &names).await;
    assert_eq!((world.effects("create_endpoint").await.len(), creates_sent(&world).await), (8, 8), "executed, sent");
    delete_all(&world, &names).await;
    assert_eq!(creates_sent(&world).await, 8);
}

async fn deleted_early(case: &str) {
    let Pair { world, first: _first, second: _second } = pair(case).await;
    lose_creates(&world).await;
    let names = names("early", 8);
    apply_all(&world, &names).await;
    eventually("a create", async || (creates_sent(&world).await > 0).then_some(())).await;
    delete_all(&world, &names).await;
    assert!(creates_sent(&world).await <= 8, "one create for each object at most");
}

/// Every create is executed, and its answer does not come.
async fn lose_creates(world: &World) {
    let create = json!({"method": "POST", "path": "/Endpoint/$"});
    world.admin.set_faults(json!([{"match": create, "answer": "cut_after", "execute": true}])).await.expect("a fault");
}

async fn frozen(case: &str) {
    let Pair { world, first, second } = pair(case).await;
    let names = names("ice", 8);
    // Slow answers, so that the freeze meets creates under way.
    world.admin.set_switches(json!({"latency_ms": 200})).await.expect("a switch");
    apply_all(&world, &names).await;
    eventually("a create", async || (creates_sent(&world).await > 0).then_some(())).await;
    first.signal("STOP").await;
    all_ready(&world, &names).await;
    first.signal("CONT").await;
    // What it had begun before, it ends now: that may bring a second endpoint for a moment, which the sweeps of both find.
    first.lists(2).await;
    second.lists(1).await;
    all(&world, &names, "ready without a condemned one", |object| {
        super::world::reason(object) == "Available"
            && object.status.as_ref().and_then(|status| status.ledger.as_ref()).is_none_or(|ledger| ledger.tombstones.is_empty())
    })
    .await;
    exactly_one_each(&world, &names).await;
    delete_all(&world, &names).await;
}

async fn ended(case: &str) {
    let Pair { world, first, second: _second } = pair(case).await;
    let names = names("last", 8);
    world.admin.set_switches(json!({"latency_ms": 200})).await.expect("a switch");
    apply_all(&world, &names).await;
    eventually("a create", async || (creates_sent(&world).await > 0).then_some(())).await;
    first.terminate().await;
    all_ready(&world, &names).await;
    exactly_one_each(&world, &names).await;
    assert_eq!((world.effects("create_endpoint").await.len(), creates_sent(&world).await), (8, 8), "executed, sent");
    delete_all(&world, &names).await;
}

async fn duplicate(case: &str) {
    let Pair { world, first, second } = pair(case).await;
    let names = names("twin", 3);
    apply_all(&world, &names).await;
    all_ready(&world, &names).await;
    let ids = exactly_one_each(&world, &names).await;
    for id in ids.values() {
        let username = world.living().await[id]["username"].as_str().expect("a username").to_owned();
        world.admin.create_endpoint(json!({"full_username": format!("{username}7")})).await.expect("a second one");
    }
    eventually("no second one is left", async || (world.living().await.len() == 3).then_some(())).await;
    first.lists(2).await;
    second.lists(2).await;
    assert_eq!(exactly_one_each(&world, &names).await, ids, "the recorded ones stay");
    assert_eq!(creates_sent(&world).await, 3);
    let deleted: Vec<Value> = world.effects("delete_endpoint").await.into_iter().map(|entry| json!(entry.id)).collect();
    assert!(deleted.len() == 3 && ids.values().all(|id| !deleted.contains(&json!(id))), "{deleted:?}");
    for name in &names {
        world.delete(name).await;
    }
    all_gone(&world, &names).await;
}
