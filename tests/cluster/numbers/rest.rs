//! What bound numbers cost while nothing happens (one listing in a sweep period), and how an operator ends.

use kube::ResourceExt;
use serde_json::json;

use super::line::{Line, NUMBER, case, swept};
use crate::cases::all;
use crate::observe::{Call, Told, calls_since, count, events, listings, listings_of, now};
use crate::world::{World, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn settled_bindings_cost_a_listing_in_a_sweep_period_and_nothing_else() {
    all(vec![
        case("sweeps and restarts", settled),
        case("a restart with an endpoint that names its application", named),
        case("nobody binds a number any more", unwatched),
        case("SIGTERM during an update", terminated),
        case("the account comes later", account_later),
    ])
    .await;
}

/// The resourceVersion and the events of the binding.
async fn written(world: &World) -> (Option<String>, usize) {
    let object = world.bindings().get("main").await.expect("the binding");
    (object.resource_version(), events(world, "main").await.len())
}

async fn settled(case: &'static str) -> World {
    let (line, operator) = Line::bound(case, json!({"alias": "reception"})).await;
    let world = line.world;
    swept(&world, 1).await;
    let (before, since) = (written(&world).await, now(&world).await);
    swept(&world, 3).await;
    operator.kill().await;
    let _operator = Told::start(case, &world, &[]).await;
    swept(&world, 3).await;
    let calls = calls_since(&world, since).await;
    let quiet = |call: &Call| matches!(call, Call::Probe | Call::Page | Call::NumberPage);
    assert!(calls.iter().all(quiet), "{calls:?}");
    assert_eq!(written(&world).await, before, "nothing is written, neither by a sweep nor by a restart");
    // And it is awake all the same.
    world.repoint(NUMBER, &line.other).await;
    world.answered_by(NUMBER, &line.ivr).await;
    world.bound("main").await;
    world
}

async fn named(case: &'static str) -> World {
    let (line, operator) = Line::run(case).await;
    let world = line.world;
    world.endpoint("alice", json!({"app_name": "ivr"}), json!({})).await;
    world.ready("alice").await;
    listings_of(&world, Call::ApplicationPage, 1).await;
    let version = world.ready("alice").await.resource_version();
    operator.kill().await;
    // What the name stands for is not known until the applications are listed, and that takes a while.
    let slow = json!([{"match": {"method": "GET", "path": "/Application/$", "count": 1}, "delay_ms": 1500}]);
    world.admin.set_faults(slow).await.expect("a fault");
    let _operator = Told::start(case, &world, &[]).await;
    listings_of(&world, Call::ApplicationPage, 2).await;
    assert_eq!(world.ready("alice").await.resource_version(), version, "what the status says stays");
    world
}

async fn unwatched(case: &'static str) -> World {
    let (line, _operator) = Line::run(case).await;
    let world = line.world;
    world.binding("main", NUMBER, json!({"app_name": "ivr"}), json!({})).await;
    world.bound("main").await;
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    // One that was under way may end.
    listings(&world, 1).await;
    let since = now(&world).await;
    listings(&world, 3).await;
    let calls = calls_since(&world, since).await;
    assert_eq!(count(&calls, Call::NumberPage) + count(&calls, Call::ApplicationPage), 0, "{calls:?}");
    world
}

async fn terminated(case: &'static str) -> World {
    let (line, operator) = Line::run(case).await;
    let world = line.world;
    let slow = json!([{"match": {"method": "POST", "path": "/Number/[0-9]+/$", "count": 1}, "delay_ms": 1500}]);
    world.admin.set_faults(slow).await.expect("a fault");
    world.binding("main", NUMBER, json!({"app_id": line.ivr}), json!({})).await;
    eventually("an update is under way", async || {
        let requests = world.admin.requests().await.expect("the requests");
        requests.iter().any(|request| request.method == "POST").then_some(())
    })
    .await;
    let (well, log) = operator.terminate().await;
    assert!(well, "{log}");
    world.sent(NUMBER, &[&line.ivr]).await;
    let _operator = Told::start(case, &world, &[]).await;
    let object = world.bound("main").await;
    assert_eq!(object.status.and_then(|status| status.previous).and_then(|previous| previous.app_id), Some(line.before));
    world.sent(NUMBER, &[&line.ivr]).await;
    world
}

async fn account_later(case: &'static str) -> World {
    let (line, _operator) = Line::run(case).await;
    let world = line.world;
    world.binding("main", NUMBER, json!({"app_id": line.ivr}), json!({"accountRef": {"name": "later"}})).await;
    world.binding_reason("main", "AccountNotFound").await;
    world.account("later", sandbox::plivo::DEFAULT_AUTH_ID, "not the token at all, but one that long", json!({})).await;
    world.binding_reason("main", "AccountNotReady").await;
    world.sent(NUMBER, &[]).await;
    world.account("later", sandbox::plivo::DEFAULT_AUTH_ID, sandbox::plivo::DEFAULT_AUTH_TOKEN, json!({})).await;
    world.bound("main").await;
    world.sent(NUMBER, &[&line.ivr]).await;
    world
}
