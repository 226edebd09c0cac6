//! What the operator wrote down is lost, or somebody else writes over it: the same endpoint is found again by its mark.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use switchboard::api::{FINALIZER_ENDPOINT, SipEndpoint};

use super::side_by_side::{self, Told, case, creates_sent};
use super::world::{PATIENCE, World, endpoint_id, eventually, reason};

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_found_again_whatever_is_lost() {
    side_by_side::run(vec![
        case("status wiped while the operator runs", |case| status_wiped(case, true)),
        case("status wiped while no operator runs", |case| status_wiped(case, false)),
        case("status wiped, then deleted", wiped_and_deleted),
        case("nothing is lost: a restart writes nothing", restarted),
        case("retained, then applied again", retained),
        case("finalizer forced off while no operator runs", forced_while_down),
        case("finalizer forced off while the operator is paused for it", forced_while_paused),
        case("finalizer forced off while the operator deletes", forced_while_deleting),
        case("applied again with the status of the former object", restored_status),
        case("replaced without finalizer and annotations", replaced),
        case("replaced while a create is unresolved", replaced_while_open),
        case("a create unresolved since long before the operator started", settled_by_the_server),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_endpoints_with_the_mark_one_stays_the_recorded_one_if_it_lives() {
    side_by_side::run(vec![
        case("duplicates appear", duplicates),
        case("the recorded one is deleted in the console while duplicates exist", |case| survivor(case, false)),
        case("the same while the object is paused", |case| survivor(case, true)),
        case("a duplicate, and the status is wiped", duplicate_of_a_blank),
    ])
    .await;
}

/// A world with one settled object, `desk`, and the id of its endpoint.
async fn settled(case: &str) -> (World, Told, String) {
    let world = World::new("lost").await;
    let operator = Told::new(case, world.operator().await);
    world.endpoint("desk", json!({"alias": "desk"}), json!({})).await;
    let id = endpoint_id(&world.ready("desk").await);
    world.exactly_one("desk").await;
    (world, operator, id)
}

async fn start(case: &str, world: &World) -> Told {
    Told::new(case, world.operator().await)
}

/// The endpoint `id` is recorded again, and nothing was done at the provider for it.
async fn found_again(world: &World, id: &str) {
    let object = world.ready("desk").await;
    assert_eq!(endpoint_id(&object), id, "another endpoint was recorded");
    assert!(finalizers(&object).contains(&FINALIZER_ENDPOINT), "{:?}", object.metadata.finalizers);
    world.exactly_one("desk").await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);
    assert_eq!(creates_sent(world).await, 1);
}

/// And at the end nothing is left.
async fn to_the_end(world: &World) {
    world.delete("desk").await;
    world.gone("desk").await;
    assert!(world.living().await.is_empty(), "{:#?}", world.living().await);
}

fn finalizers(object: &SipEndpoint) -> Vec<&str> {
    object.metadata.finalizers.iter().flatten().map(String::as_str).collect()
}

async fn wipe(world: &World) {
    let wiped = world.restore_status("desk", Value::Null).await;
    assert!(wiped.status.is_none_or(|status| status.ledger.is_none() && status.endpoint_id.is_none()));
}

/// Deletes the object and takes every finalizer off, with the annotation that lets it. Whether the object was there until then.
async fn force_away(world: &World) -> bool {
    world.endpoints().delete("desk", &DeleteParams::default()).await.expect("a deletion");
    let annotations = json!({"switchboard.dev/force-orphan": "unresolved"});
    let patch = Patch::Merge(json!({"metadata": {"annotations": annotations, "finalizers": null}}));
    let forced = world.endpoints().patch("desk", &PatchParams::default(), &patch).await;
    world.gone("desk").await;
    forced.is_ok()
}

async fn again(world: &World) {
    world.endpoint("desk", json!({"alias": "desk"}), json!({})).await;
}

async fn status_wiped(case: &str, running: bool) {
    let (world, operator, id) = settled(case).await;
    let _operator = if running {
        wipe(&world).await;
        operator
    } else {
        operator.kill().await;
        wipe(&world).await;
        start(case, &world).await
    };
    found_again(&world, &id).await;
    to_the_end(&world).await;
}

async fn restarted(case: &str) {
    let (world, operator, id) = settled(case).await;
    operator.lists(1).await;
    let before = world.endpoints().get("desk").await.expect("the object");
    operator.kill().await;
    let operator = start(case, &world).await;
    operator.lists(2).await;
    let after = world.endpoints().get("desk").await.expect("the object");
    assert_eq!(after.metadata.resource_version, before.metadata.resource_version, "{:#?}\n{:#?}", before.status, after.status);
    found_again(&world, &id).await;
    to_the_end(&world).await;
}

async fn wiped_and_deleted(case: &str) {
    let (world, operator, _) = settled(case).await;
    operator.kill().await;
    wipe(&world).await;
    world.delete("desk").await;
    let _operator = start(case, &world).await;
    world.gone("desk").await;
    assert!(world.living().await.is_empty(), "leaked");
    assert_eq!(world.ledger().await, ["create_endpoint", "delete_endpoint"]);
}

async fn retained(case: &str) {
    let (world, _operator, id) = settled(case).await;
    world.patch("desk", json!({"spec": {"deletionPolicy": "Retain"}})).await;
    world.ready("desk").await;
    world.delete("desk").await;
    world.gone("desk").await;
    assert_eq!(world.living().await.len(), 1, "retained");
    again(&world).await;
    found_again(&world, &id).await;
    to_the_end(&world).await;
}

async fn forced_while_down(case: &str) {
    let (world, operator, id) = settled(case).await;
    operator.kill().await;
    assert!(force_away(&world).await);
    again(&world).await;
    let _operator = start(case, &world).await;
    found_again(&world, &id).await;
    to_the_end(&world).await;
}

async fn forced_while_paused(case: &str) {
    let (world, _operator, id) = settled(case).await;
    world.patch("desk", json!({"metadata": {"annotations": {"switchboard.dev/paused": "true"}}})).await;
    world.reason("desk", "Paused").await;
    assert!(force_away(&world).await, "a paused object waits");
    assert_eq!(world.living().await.len(), 1, "left behind");
    again(&world).await;
    found_again(&world, &id).await;
    to_the_end(&world).await;
}

/// Who is faster is open: the endpoint is either deleted and made anew, or found again. It is never two.
async fn forced_while_deleting(case: &str) {
    let (world, operator, _) = settled(case).await;
    for _ in 0..5 {
        force_away(&world).await;
        again(&world).await;
        world.ready("desk").await;
    }
    operator.lists(2).await;
    eventually("one endpoint, the recorded one", async || {
        let recorded = endpoint_id(&world.ready("desk").await);
        let living = world.living().await;
        (living.len() == 1 && living.contains_key(&recorded)).then_some(())
    })
    .await;
    let deleted = world.effects("delete_endpoint").await.len();
    assert_eq!(world.effects("create_endpoint").await.len(), 1 + deleted, "one create, and one more for each that was deleted");
    to_the_end(&world).await;
}

/// A backup tool brings back the old status with the object: its ledger speaks of another uid.
async fn restored_status(case: &str) {
    let (world, operator, id) = settled(case).await;
    operator.kill().await;
    let mut old = serde_json::to_value(world.endpoints().get("desk").await.expect("the object").status).expect("JSON");
    // As it was while the create was unresolved: this intent is not the new object's.
    let intent = json!({"epoch": 7, "nonce": "0000", "issuedTime": "2026-01-01T00:00:00Z", "writer": "former"});
    old["ledger"]["intent"] = intent;
    assert!(force_away(&world).await);
    again(&world).await;
    world.restore_status("desk", old).await;
    let operator = start(case, &world).await;
    operator.lists(2).await;
    world.until("desk", "guarded by our finalizer", |object| finalizers(object).contains(&FINALIZER_ENDPOINT)).await;
    found_again(&world, &id).await;
    to_the_end(&world).await;
}

/// As tools do that know only their own manifest: a PUT of it.
async fn replace(world: &World) {
    let mut object = world.endpoints().get("desk").await.expect("the object");
    object.metadata.finalizers = None;
    object.metadata.annotations = None;
    object.metadata.labels = Some([("tool".to_owned(), "other".to_owned())].into());
    object.status = None;
    loop {
        match world.endpoints().replace("desk", &PostParams::default(), &object).await {
            Ok(replaced) => return assert!(finalizers(&replaced).is_empty() && replaced.status.is_some()),
            Err(kube::Error::Api(status)) if status.code == 409 => {
                object.metadata.resource_version = world.endpoints().get("desk").await.expect("the object").metadata.resource_version;
            }
            Err(error) => panic!("not replaced: {error}"),
        }
    }
}

async fn replaced(case: &str) {
    let (world, operator, id) = settled(case).await;
    replace(&world).await;
    let back = |object: &SipEndpoint| finalizers(object).contains(&FINALIZER_ENDPOINT);
    world.until("desk", "guarded by our finalizer again", back).await;
    found_again(&world, &id).await;

    operator.kill().await;
    replace(&world).await;
    let _operator = start(case, &world).await;
    world.until("desk", "guarded by our finalizer again", back).await;
    found_again(&world, &id).await;
    to_the_end(&world).await;
}

async fn replaced_while_open(case: &str) {
    let world = World::new("lost").await;
    let _operator = start(case, &world).await;
    let create = json!({"method": "POST", "path": "/Endpoint/$"});
    world
        .admin
        .set_faults(json!([{"match": create, "answer": "cut_after", "execute": true, "execute_delay_ms": 2000}]))
        .await
        .expect("a fault");
    world.endpoint("desk", json!({"alias": "desk"}), json!({})).await;
    world.reason("desk", "AwaitingEvidence").await;
    eventually("the create is on its way", async || (creates_sent(&world).await == 1).then_some(())).await;
    replace(&world).await;
    let id = endpoint_id(&world.ready("desk").await);
    found_again(&world, &id).await;
    to_the_end(&world).await;
}

/// The new process would have to wait for its settle time, much longer than this test; the API server's clock says that it is over.
async fn settled_by_the_server(case: &str) {
    let world = World::new("lost").await;
    let operator = start(case, &world).await;
    let create = json!({"method": "POST", "path": "/Endpoint/$", "count": 1});
    world.admin.set_faults(json!([{"match": create, "answer": "cut_after", "execute": false}])).await.expect("a fault");
    world.endpoint("desk", json!({"alias": "desk"}), json!({})).await;
    world.reason("desk", "AwaitingEvidence").await;
    operator.kill().await;
    let long_ago = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(2)).to_string();
    let old = json!({"status": {"ledger": {"intent": {"issuedTime": long_ago}}}});
    world.restore_status("desk", old["status"].clone()).await;
    let _operator = Told::new(case, world.operator_with(&["--settle", "30m"], &[]).await);
    world.ready("desk").await;
    world.exactly_one("desk").await;
    assert_eq!(world.ledger().await, ["create_endpoint"], "the first one was never executed");
}

/// Somebody makes endpoints with the object's own mark: its full username with these digits behind it.
async fn make_duplicates(world: &World, digits: &[&str]) -> Vec<String> {
    let living = world.living().await;
    let username = living.values().find_map(|one| one["username"].as_str().filter(|name| name.starts_with("desk"))).expect("a username");
    let prefix = username.trim_end_matches(|c: char| c.is_ascii_digit());
    let mut ids = Vec::new();
    for digits in digits {
        let made = world.admin.create_endpoint(json!({"full_username": format!("{prefix}{digits}")})).await.expect("an endpoint");
        ids.push(made["endpoint_id"].as_str().expect("an id").to_owned());
    }
    ids
}

async fn duplicates(case: &str) {
    let (world, operator, id) = settled(case).await;
    // Its mark with a letter behind it is nobody's mark; digits only make it ours.
    let ids = make_duplicates(&world, &["1", "999999999999", "5x"]).await;
    eventually("the duplicates are deleted", async || {
        let living = world.living().await;
        (!living.contains_key(&ids[0]) && !living.contains_key(&ids[1])).then_some(())
    })
    .await;
    operator.lists(2).await;
    let object = world.ready("desk").await;
    assert_eq!(endpoint_id(&object), id, "the recorded one stays");
    let ledger = object.status.and_then(|status| status.ledger).expect("a ledger");
    assert!(ledger.tombstones.is_empty(), "{ledger:?}");
    let mut left: Vec<String> = world.living().await.into_keys().collect();
    left.sort();
    let mut expected = vec![id.clone(), ids[2].clone()];
    expected.sort();
    assert_eq!(left, expected);
    assert_eq!(world.ledger().await, ["create_endpoint", "delete_endpoint", "delete_endpoint"]);
    let log = operator.log();
    for duplicate in &ids[..2] {
        let (condemned, deleted) = (log.find(&format!("WriteTombstone {duplicate}")), log.find(&format!("DeleteEndpoint {duplicate}")));
        assert!(condemned.is_some() && condemned < deleted, "announced at {condemned:?}, deleted at {deleted:?}");
    }
}

async fn survivor(case: &str, paused: bool) {
    let (world, operator, id) = settled(case).await;
    let mut operator = Some(operator);
    if paused {
        world.patch("desk", json!({"metadata": {"annotations": {"switchboard.dev/paused": "true"}}})).await;
        world.reason("desk", "Paused").await;
    } else if let Some(operator) = operator.take() {
        operator.kill().await;
    }
    let ids = make_duplicates(&world, &["30", "4", "200"]).await;
    world.admin.delete_endpoint(&id).await.expect("a deletion in the console");
    let operator = match operator {
        Some(operator) => {
            operator.lists(2).await;
            assert_eq!(world.living().await.len(), 3, "nothing is written for a paused object");
            world.patch("desk", json!({"metadata": {"annotations": {"switchboard.dev/paused": null}}})).await;
            operator
        }
        None => start(case, &world).await,
    };
    world
        .until("desk", "stood for by the one with the smallest number", |object| {
            reason(object) == "Available" && object.status.as_ref().and_then(|status| status.endpoint_id.as_ref()) == Some(&ids[1])
        })
        .await;
    eventually("the others are deleted", async || (world.living().await.len() == 1).then_some(())).await;
    operator.lists(1).await;
    world.ready("desk").await;
    world.exactly_one("desk").await;
    assert_eq!(creates_sent(&world).await, 1, "nothing is made anew while one of its own lives");
    to_the_end(&world).await;
}

/// Which of them was recorded nobody knows any more: one is chosen, the other goes.
async fn duplicate_of_a_blank(case: &str) {
    let (world, operator, _) = settled(case).await;
    operator.kill().await;
    make_duplicates(&world, &["999999999999999"]).await;
    wipe(&world).await;
    let _operator = start(case, &world).await;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while world.living().await.len() > 1 {
        assert!(tokio::time::Instant::now() < deadline, "{:#?}", world.living().await);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    world.ready("desk").await;
    world.exactly_one("desk").await;
    assert_eq!(world.ledger().await, ["create_endpoint", "delete_endpoint"]);
    to_the_end(&world).await;
}
