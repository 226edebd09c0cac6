//! Lists whose pages shift, repeat, lie or change their order: nothing is recreated, nothing forgotten.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::side_by_side::{self, Told, all_ready, apply_all, case, creates_sent, crowd, delete_all, exactly_one_each, names, of_names};
use super::world::{PATIENCE, SETTLE, World, endpoint_id, eventually, reason};

/// Listings follow each other fast, also those that prove nothing and are repeated at growing distances.
const BRISK: [&str; 4] = ["--sweep-period", "500ms", "--retry-base", "20ms"];

/// A fault of lists, and how often it happens.
#[derive(Clone, Copy)]
struct Row {
    fault: &'static str,
    probability: f64,
    /// Listings are complete all the same.
    complete: bool,
    /// A create's answer is lost meanwhile. Not where the list hides the newest endpoint and its count agrees: by such a list
    /// the create was not executed, which the protocol's assumptions exclude.
    lost: bool,
}

const ROWS: [Row; 12] = [
    Row { fault: "insert_shift", probability: 1.0, complete: true, lost: true },
    Row { fault: "delete_shift", probability: 1.0, complete: true, lost: true },
    Row { fault: "swap", probability: 0.5, complete: false, lost: true },
    Row { fault: "wrong_count", probability: 0.5, complete: false, lost: true },
    Row { fault: "early_next_null", probability: 1.0, complete: true, lost: true },
    Row { fault: "empty_middle_page", probability: 0.5, complete: false, lost: true },
    Row { fault: "repeated_page", probability: 1.0, complete: false, lost: true },
    Row { fault: "changed_order", probability: 0.5, complete: false, lost: true },
    Row { fault: "limit_ignored", probability: 0.5, complete: false, lost: true },
    Row { fault: "offset_ignored", probability: 1.0, complete: false, lost: true },
    Row { fault: "newest_missing", probability: 0.5, complete: false, lost: false },
    Row { fault: "deleted_still_shown", probability: 1.0, complete: false, lost: true },
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_recreated_and_nothing_forgotten_whatever_pages_do() {
    side_by_side::run(ROWS.iter().map(|row| case(row.fault, |name| faulty(name, *row))).collect()).await;
}

async fn faulty(case: &str, row: Row) {
    let world = World::new("pages").await;
    crowd(&world, 25).await;
    let operator = Told::new(case, world.operator_with(&BRISK, &[]).await);
    let recorded = names("desk", 5);
    apply_all(&world, &recorded).await;
    all_ready(&world, &recorded).await;
    // Older and newer ones of somebody else around ours; one of them is gone, so that there is something to haunt a list.
    crowd(&world, 25).await;
    let ghost = world.admin.create_endpoint(json!({"username": "somebody"})).await.expect("an endpoint");
    world.admin.delete_endpoint(ghost["endpoint_id"].as_str().expect("an id")).await.expect("a deletion");
    let ids = exactly_one_each(&world, &recorded).await;

    let mut faults = vec![json!({"match": {"method": "GET", "path": "/Endpoint/$", "probability": row.probability}, "list": row.fault})];
    if row.lost {
        let create = json!({"method": "POST", "path": "/Endpoint/$", "count": 1});
        faults.push(json!({"match": create, "answer": "cut_after", "execute": true}));
    }
    world.admin.set_faults(Value::Array(faults)).await.expect("faults");
    let late = names("late", 1);
    apply_all(&world, &late).await;
    eventually("the create is sent", async || (creates_sent(&world).await == 6).then_some(())).await;
    let (complete, _) = operator.listings();
    happens(&world, 6).await;
    operator.lists(3).await;
    if row.complete {
        assert!(operator.listings().0 > complete, "no listing is complete: {:?}", operator.listings());
    }
    // A new process knows nothing but what such lists show.
    operator.kill().await;
    let operator = Told::new(&format!("{case}, restarted"), world.operator_with(&BRISK, &[]).await);
    happens(&world, 6).await;
    operator.lists(2).await;
    assert_eq!(exactly_one_each(&world, &recorded).await, ids, "under the fault");

    world.admin.clear_faults().await.expect("no faults");
    all_ready(&world, &late).await;
    all_ready(&world, &recorded).await;
    operator.lists(1).await;
    assert_eq!(exactly_one_each(&world, &recorded).await, ids, "after the fault");
    exactly_one_each(&world, &late).await;
    let executed = world.ledger().await;
    assert!(executed.len() == 6 && executed.iter().all(|op| op == "create_endpoint"), "{executed:?}");
    assert_eq!(creates_sent(&world).await, 6, "sent");
    delete_all(&world, &recorded).await;
}

/// The list fault, the first rule, has done its work so many more times.
async fn happens(world: &World, more: u64) {
    let hits = async || world.admin.faults().await.expect("the faults")[0]["hits"].as_u64().expect("a count");
    let wanted = hits().await + more;
    eventually("the fault happens", async || (hits().await >= wanted).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_become_complete_and_deletions_come_to_their_end_while_sixty_endpoints_are_created() {
    side_by_side::run(vec![case("sixty", sixty)]).await;
}

async fn sixty(case: &str) {
    let world = World::new("sixty").await;
    // Pages take their time, so that each listing meets several creates.
    world.admin.set_switches(json!({"latency_ms": 40})).await.expect("a switch");
    let operator = Told::new(case, world.operator_with(&["--sweep-period", "200ms"], &[]).await);
    let old = names("old", 25);
    apply_all(&world, &old).await;
    all_ready(&world, &old).await;
    world.delete(&old[0]).await;

    let before = operator.listings();
    let mut made = Vec::new();
    let mut met = 0;
    // As long as it takes, but not for ever: if the stream itself kept listings from being complete, the deletion would starve.
    while made.len() < 60 || world.endpoints().get_opt(&old[0]).await.expect("an answer").is_some() {
        assert!(made.len() < 95, "the deletion waits for the end of the creates; listings {before:?}, now {:?}", operator.listings());
        let name = format!("new{:02}", made.len());
        let complete = operator.listings().0;
        apply_all(&world, std::slice::from_ref(&name)).await;
        made.push(name);
        sleep(Duration::from_millis(60)).await;
        met += usize::from(operator.listings().0 > complete);
    }
    assert!(met > 0, "no listing was complete while endpoints were being created: {before:?}, then {:?}", operator.listings());
    all_ready(&world, &made).await;
    exactly_one_each(&world, &made).await;
    assert_eq!(world.effects("create_endpoint").await.len(), 25 + made.len());
    assert_eq!(creates_sent(&world).await, 25 + made.len());
    assert_eq!(world.effects("delete_endpoint").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_in_random_order_never_proves_that_something_is_absent() {
    side_by_side::run(vec![
        case("a create that was not executed", |case| shuffled(case, false)),
        case("a create that was executed", |case| shuffled(case, true)),
        case("an endpoint deleted in the console", shuffled_deletion),
    ])
    .await;
}

/// More endpoints than a page holds, and an operator that has listed them while their order still held.
async fn crowded(case: &str) -> (World, Told) {
    let world = World::new("shuffled").await;
    crowd(&world, 30).await;
    let operator = Told::new(case, world.operator_with(&BRISK, &[]).await);
    world.endpoint("first", json!({}), json!({})).await;
    world.ready("first").await;
    (world, operator)
}

async fn shuffle(world: &World, order: &str) {
    world.admin.set_switches(json!({"list_order": order})).await.expect("a switch");
}

/// Every proof there could be has had its time: all that was open has settled, and several listings began after that.
async fn long_enough(operator: &Told) {
    let settled = Instant::now() + SETTLE + SETTLE / 2;
    while Instant::now() < settled {
        sleep(Duration::from_millis(100)).await;
    }
    let (complete, _) = operator.listings();
    operator.lists(4).await;
    assert_eq!(operator.listings().0, complete, "a listing in random order was taken for a complete one");
}

async fn shuffled(case: &str, executed: bool) {
    let (world, operator) = crowded(case).await;
    shuffle(&world, "shuffled").await;
    let create = json!({"method": "POST", "path": "/Endpoint/$", "count": 1});
    world.admin.set_faults(json!([{"match": create, "answer": "cut_after", "execute": executed}])).await.expect("a fault");
    world.endpoint("lost", json!({}), json!({})).await;
    eventually("the create is sent", async || (creates_sent(&world).await == 2).then_some(())).await;
    if executed {
        // What is seen is there, in whatever order.
        world.ready("lost").await;
    } else {
        long_enough(&operator).await;
        let object = world.endpoints().get("lost").await.expect("the object");
        assert_eq!(reason(&object), "AwaitingEvidence");
        assert_eq!(creates_sent(&world).await, 2, "nothing is created while the open one may still exist");
        shuffle(&world, "newest_first").await;
        world.ready("lost").await;
    }
    world.exactly_one("lost").await;
    world.exactly_one("first").await;
    assert_eq!(world.ledger().await, ["create_endpoint", "create_endpoint"]);
    assert_eq!(creates_sent(&world).await, if executed { 2 } else { 3 });
}

async fn shuffled_deletion(case: &str) {
    let (world, operator) = crowded(case).await;
    let id = endpoint_id(&world.endpoints().get("first").await.expect("the object"));
    shuffle(&world, "shuffled").await;
    world.admin.delete_endpoint(&id).await.expect("a deletion in the console");
    // The sweep cannot tell that it is gone. Whoever looks by id can, and that alone proves nothing.
    world.patch("first", json!({"spec": {"plivo": {"alias": "look"}}})).await;
    world.until("first", "missed", |object| reason(object) == "AwaitingEvidence").await;
    long_enough(&operator).await;
    let object = world.endpoints().get("first").await.expect("the object");
    assert_eq!((reason(&object), endpoint_id(&object)), ("AwaitingEvidence", id));
    assert_eq!(world.ledger().await, ["create_endpoint"]);
    shuffle(&world, "oldest_first").await;
    world.ready("first").await;
    world.exactly_one("first").await;
    assert_eq!(world.ledger().await, ["create_endpoint", "create_endpoint"]);
    let deadline = Instant::now() + PATIENCE;
    world.delete("first").await;
    while !of_names(&world, &["first".to_owned()]).await.is_empty() {
        assert!(Instant::now() < deadline, "it is not deleted");
        sleep(Duration::from_millis(50)).await;
    }
    world.gone("first").await;
}
