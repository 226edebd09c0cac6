//! Writes to the API server that lose their race or their answer, and caches that are older than what was written.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::proxy::{Harm, Proxy};
use super::side_by_side::{self, Told, all_ready, apply_all, case, creates_sent, delete_all, exactly_one_each, names};
use super::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_overtaken_or_whose_answer_is_lost_makes_nothing_twice() {
    side_by_side::run(vec![
        case("each write is overtaken", |case| harmed(case, Harm::Overtake)),
        case("each write is executed and answered 504", |case| harmed(case, Harm::GatewayTimeout)),
        case("each write is executed and its answer cut off", |case| harmed(case, Harm::Cut)),
        case("somebody writes all the time", restless),
        case("a cache that lags behind", lagging),
        case("two operators, one with a cache that lags behind", two),
    ])
    .await;
}

async fn behind(case: &str, world: &World, harm: Harm, lag: Duration, arguments: &[&str]) -> (Proxy, Told) {
    let proxy = Proxy::start(world, harm, lag).await;
    let operator = world.operator_with(arguments, &[("KUBECONFIG", proxy.kubeconfig())]).await;
    (proxy, Told::new(case, operator))
}

/// The life of these objects: made, edited, deleted; one endpoint each, one create each, none left.
async fn live(world: &World, names: &[String]) {
    apply_all(world, names).await;
    all_ready(world, names).await;
    let ids = exactly_one_each(world, names).await;
    for name in names {
        world.patch(name, json!({"spec": {"plivo": {"alias": format!("{name}-edited")}}})).await;
    }
    all_ready(world, names).await;
    assert_eq!(exactly_one_each(world, names).await, ids, "an edit leaves the endpoint where it is");
    delete_all(world, names).await;
    let count = names.len();
    assert_eq!((world.effects("create_endpoint").await.len(), creates_sent(world).await), (count, count), "executed, sent");
    assert_eq!(world.effects("delete_endpoint").await.len(), count);
}

async fn harmed(case: &str, harm: Harm) {
    let world = World::new("races").await;
    let (proxy, _operator) = behind(case, &world, harm, Duration::ZERO, &[]).await;
    let names = names("race", 3);
    live(&world, &names).await;
    let writes = proxy.writes();
    for name in &names {
        for kind in ["finalizer", "intent", "record", "report", "release"] {
            let harmed = writes.iter().find(|write| write.object == *name && write.kind == kind && write.harmed);
            let expected = if harm == Harm::Overtake { 409 } else { 200 };
            assert_eq!(harmed.map(|write| write.status), Some(expected), "{kind} of {name}: {writes:#?}");
        }
    }
}

async fn restless(case: &str) {
    let world = World::new("races").await;
    let (proxy, _operator) = behind(case, &world, Harm::None, Duration::ZERO, &[]).await;
    let names = names("race", 3);
    let done = AtomicBool::new(false);
    let writer = async {
        let mut turn = 0;
        while !done.load(Ordering::Relaxed) {
            for name in &names {
                turn += 1;
                let patch = Patch::Merge(json!({"metadata": {"annotations": {"somebody.example/turn": turn.to_string()}}}));
                // Before it is there, and after it is gone, there is nothing to write to.
                let _ = world.endpoints().patch(name, &PatchParams::default(), &patch).await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let life = async {
        live(&world, &names).await;
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(writer, life);
    let lost = proxy.writes().iter().filter(|write| write.status == 409).count();
    assert!(lost > 0, "no write was overtaken: {:#?}", proxy.writes());
}

async fn lagging(case: &str) {
    let world = World::new("races").await;
    let (_proxy, _operator) = behind(case, &world, Harm::None, Duration::from_secs(2), &[]).await;
    live(&world, &names("late", 5)).await;
}

async fn two(case: &str) {
    let world = World::new("races").await;
    let (proxy, _second) =
        behind(&format!("{case}, that one"), &world, Harm::None, Duration::from_secs(3), &["--no-leader-election"]).await;
    let _first = Told::new(&format!("{case}, the other"), world.operator_with(&["--no-leader-election"], &[]).await);
    live(&world, &names("late", 8)).await;
    assert!(!proxy.writes().is_empty(), "the one behind did not take part");
}
