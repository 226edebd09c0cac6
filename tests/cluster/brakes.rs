//! Masses: what looks like an accident stops at the account's brake, stays stopped over a restart, and goes on when somebody acknowledges
//! it with the token that the account shows.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::iter;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use sandbox::plivo;
use serde_json::{Value, json};
use switchboard::api::{FINALIZER_ACCOUNT, ProviderAccount, SipEndpoint};
use tokio::time::{Instant, sleep};

use super::cases::{all, case, room};
use super::observe::{Call, Told, account_message, account_reason, calls_since, count, event, events, listings, now};
use super::world::{PATIENCE, World, endpoint_id, eventually, observed, reason};

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_stops_at_the_brake_until_somebody_acknowledges_it() {
    all(vec![
        case("300 endpoints vanish", vanished()),
        case("100 objects are deleted", hundred()),
        case("a namespace of 30", namespace()),
        case("below the cap", below()),
        case("a wrong token", wrong_token()),
        case("held and given up", given_up()),
        case("retained ones and those without an endpoint do not count", uncounted()),
        case("a few vanish", few()),
        case("a bad listing", bad_listing()),
    ])
    .await;
}

/// A provider without rate limit, and an account that may use all of its budget.
async fn large(name: &str, spec: Value) -> World {
    let world = World::with(name, plivo::Options { rate_limit: None, ..plivo::Options::default() }).await;
    let spec = super::world::merged(json!({"budget": {"requestsPer5Seconds": 300}}), spec);
    world.account("plivo", plivo::DEFAULT_AUTH_ID, plivo::DEFAULT_AUTH_TOKEN, spec).await;
    world.secret("sip", &[("password", "hunter22")]).await;
    world
}

fn accounts(world: &World) -> Api<ProviderAccount> {
    Api::namespaced(world.client.clone(), &world.namespace)
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("line{number:03}")).collect()
}

/// Makes endpoints of these names, and waits until all are ready.
async fn make(world: &World, names: &[String], plivo: Value) {
    let password = json!({"passwordSecretRef": {"name": "sip", "key": "password"}});
    let plivo = super::world::merged(password, plivo);
    iter(names).for_each_concurrent(16, |name| async { drop(world.apply(name, plivo.clone(), json!({})).await) }).await;
    let ready =
        |objects: &[SipEndpoint]| objects.len() == names.len() && objects.iter().all(|one| reason(one) == "Available" && observed(one));
    objects(world, "all are ready", ready).await;
}

/// The objects as soon as `done` holds for all of them together.
async fn objects(world: &World, what: &str, done: impl Fn(&[SipEndpoint]) -> bool) -> Vec<SipEndpoint> {
    // Hundreds of objects on a machine that runs other tests as well.
    let deadline = Instant::now() + PATIENCE * 3;
    loop {
        let objects = world.endpoints().list(&ListParams::default()).await.expect("the objects").items;
        if done(&objects) {
            return objects;
        }
        let some: Vec<_> = objects.iter().map(|one| (one.name_any(), reason(one).to_owned())).take(8).collect();
        assert!(Instant::now() < deadline, "never: {what}; {} objects, among them {some:?}", objects.len());
        sleep(Duration::from_millis(200)).await;
    }
}

async fn delete_all(world: &World, names: &[String]) {
    iter(names).for_each_concurrent(32, |name| world.delete(name)).await;
}

/// The token that the account shows, once its brake holds.
async fn token(world: &World) -> String {
    eventually("the brake holds", async || {
        let account = accounts(world).get("plivo").await.expect("the account");
        let brake = account.status.as_ref()?.brake.clone()?;
        let held = [brake.deletions, brake.absences].into_iter().flatten().find(|record| record.released_time.is_none())?;
        let shown = account.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == "Braked")?.message.clone();
        assert!(shown.contains(&held.token), "{shown}");
        Some(held.token)
    })
    .await
}

/// The brake that holds counts so many.
async fn counted(world: &World, expected: i32) {
    eventually(&format!("{expected} are counted"), async || {
        let brake = accounts(world).get("plivo").await.expect("the account").status?.brake?;
        let held = [brake.deletions, brake.absences].into_iter().flatten().find(|record| record.released_time.is_none())?;
        (held.count == expected).then_some(())
    })
    .await;
}

async fn acknowledge(world: &World, token: &str) {
    let patch = json!({"metadata": {"annotations": {"switchboard.dev/acknowledge-brake": token}}});
    accounts(world).patch("plivo", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("an annotation");
}

fn braked(objects: &[SipEndpoint]) -> usize {
    objects.iter().filter(|object| reason(object) == "Braked").count()
}

fn message(object: &SipEndpoint) -> String {
    let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    conditions.iter().find(|condition| condition.type_ == "Ready").map(|condition| condition.message.clone()).unwrap_or_default()
}

async fn hundred() {
    const CASE: &str = "100 objects are deleted";
    let _room = room().await;
    let world = large("hundred", json!({})).await;
    let operator = Told::start(CASE, &world, &[]).await;
    let names = names(100);
    make(&world, &names, json!({})).await;
    delete_all(&world, &names).await;
    let token = token(&world).await;
    let left = objects(&world, "what is left is held", |objects| objects.len() >= 75 && braked(objects) == objects.len()).await;
    assert!(world.effects("delete_endpoint").await.len() <= 25);
    assert!(message(&left[0]).contains(&token) && message(&left[0]).contains("kubectl -n "), "{}", message(&left[0]));
    let account = account_reason(&world, "plivo", "Braked").await;
    assert!(account_message(&account).contains(&format!("annotate provideraccount plivo switchboard.dev/acknowledge-brake={token}")));
    counted(&world, 100).await;
    assert!(event(&world, "plivo", "BrakeEngaged").await.contains(&token));

    let deleted = world.effects("delete_endpoint").await.len();
    operator.kill().await;
    let _operator = Told::start(CASE, &world, &[]).await;
    listings(&world, 3).await;
    assert_eq!(world.effects("delete_endpoint").await.len(), deleted, "a restart lets none through");
    assert_eq!(self::token(&world).await, token, "and asks for the same token");

    acknowledge(&world, &token).await;
    objects(&world, "all are gone", |objects| objects.is_empty()).await;
    assert!(world.living().await.is_empty());
    assert_eq!(world.effects("delete_endpoint").await.len(), 100);
    account_reason(&world, "plivo", "Available").await;
    event(&world, "plivo", "BrakeAcknowledged").await;
    event(&world, "plivo", "BrakeReleased").await;
    let engaged = events(&world, "plivo").await.into_iter().filter(|(reason, _)| reason == "BrakeEngaged").count();
    assert_eq!(engaged, 1, "it is told once");
}

async fn vanished() {
    const CASE: &str = "300 endpoints vanish";
    let _room = room().await;
    let world = large("vanished", json!({})).await;
    let made = world.admin.create_application(json!({"app_name": "main"})).await.expect("an application");
    let app = made["app_id"].as_str().expect("an id").to_owned();
    let operator = Told::start(CASE, &world, &[]).await;
    let names = names(300);
    make(&world, &names, json!({"app_id": app})).await;
    assert_eq!(world.effects("create_endpoint").await.len(), 300);

    // Deleting an application deletes its endpoints.
    world.admin.cascade(&app).await.expect("a cascade");
    world.admin.create_application(json!({"app_name": "main", "app_id": app})).await.expect("the application made anew");
    let token = token(&world).await;
    objects(&world, "all are held", |objects| braked(objects) == 300).await;
    let since = now(&world).await;
    operator.kill().await;
    let _operator = Told::start(CASE, &world, &[]).await;
    listings(&world, 3).await;
    assert_eq!(count(&calls_since(&world, since).await, Call::Create), 0);
    assert_eq!(world.effects("create_endpoint").await.len(), 300, "none is made anew");
    counted(&world, 300).await;

    acknowledge(&world, &token).await;
    let living = |objects: &[SipEndpoint]| objects.iter().all(|one| reason(one) == "Available" && observed(one));
    objects(&world, "all are ready again", living).await;
    assert_eq!(world.effects("create_endpoint").await.len(), 600);
    assert_eq!(world.living().await.len(), 300);
    account_reason(&world, "plivo", "Available").await;
}

async fn namespace() {
    let world = large("dying", json!({})).await;
    let _operator = Told::start("a namespace of 30", &world, &[]).await;
    let names = names(30);
    make(&world, &names, json!({})).await;
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    namespaces.delete(&world.namespace, &DeleteParams::default()).await.expect("a deletion");
    let token = token(&world).await;
    objects(&world, "what is left is held", |objects| objects.len() >= 5 && braked(objects) == objects.len()).await;
    assert!(world.effects("delete_endpoint").await.len() <= 25);
    acknowledge(&world, &token).await;
    objects(&world, "all are gone", |objects| objects.is_empty()).await;
    eventually("the namespace is gone", async || namespaces.get_opt(&world.namespace).await.expect("an answer").is_none().then_some(()))
        .await;
    assert!(world.living().await.is_empty());
    assert_eq!(world.effects("delete_endpoint").await.len(), 30);
}

async fn below() {
    let world = large("below", json!({"brake": {"count": 5, "percent": 0}})).await;
    let _operator = Told::start("below the cap", &world, &[]).await;
    let names = names(12);
    make(&world, &names, json!({})).await;
    delete_all(&world, &names[..5]).await;
    objects(&world, "five are gone", |objects| objects.len() == 7).await;
    account_reason(&world, "plivo", "Available").await;
    assert_eq!(events(&world, "plivo").await.iter().filter(|(reason, _)| reason.starts_with("Brake")).count(), 0);

    // Within the same minute one more is one too many.
    world.delete(&names[5]).await;
    world.reason(&names[5], "Braked").await;
    let brake = json!({"spec": {"brake": {"percent": 100}}});
    accounts(&world).patch("plivo", &PatchParams::default(), &Patch::Merge(&brake)).await.expect("a patch");
    world.gone(&names[5]).await;
    delete_all(&world, &names[6..]).await;
    objects(&world, "without a brake nothing stops", |objects| objects.is_empty()).await;
    account_reason(&world, "plivo", "Available").await;
}

async fn wrong_token() {
    let world = large("wrong", json!({"brake": {"count": 2, "percent": 0}})).await;
    let _operator = Told::start("a wrong token", &world, &[]).await;
    let names = names(8);
    make(&world, &names, json!({})).await;
    delete_all(&world, &names[..5]).await;
    let first = token(&world).await;
    let deleted = world.effects("delete_endpoint").await.len();
    acknowledge(&world, "deletions-00000000").await;
    assert!(event(&world, "plivo", "WrongToken").await.contains("nothing is released"));
    listings(&world, 2).await;
    assert_eq!(world.effects("delete_endpoint").await.len(), deleted);
    acknowledge(&world, &first).await;
    objects(&world, "the others are left", |objects| objects.len() == 3).await;

    // Spent is spent: a mass after it has a token of its own.
    delete_all(&world, &names[5..]).await;
    let second = token(&world).await;
    assert_ne!(first, second);
    let deleted = world.effects("delete_endpoint").await.len();
    listings(&world, 2).await;
    assert!(world.effects("delete_endpoint").await.len() == deleted && deleted <= 7);
    acknowledge(&world, &second).await;
    objects(&world, "all are gone", |objects| objects.is_empty()).await;
}

/// Each in one write with its finalizer, so that no pass sees it go.
async fn given_up() {
    let world = large("givenup", json!({"brake": {"count": 1, "percent": 0}})).await;
    let _operator = Told::start("held and given up", &world, &[]).await;
    let names = names(4);
    make(&world, &names, json!({})).await;
    delete_all(&world, &names).await;
    let token = token(&world).await;
    for object in world.endpoints().list(&ListParams::default()).await.expect("the objects").items {
        let given_up = json!({"switchboard.dev/force-orphan": endpoint_id(&object)});
        let patch = Patch::Merge(json!({"metadata": {"finalizers": null, "annotations": given_up}}));
        // One that was let through may be gone by now.
        let _ = world.endpoints().patch(&object.name_any(), &PatchParams::default(), &patch).await;
    }
    objects(&world, "all are gone", |objects| objects.is_empty()).await;
    eventually("nothing is left to hold", async || {
        let brake = accounts(&world).get("plivo").await.expect("the account").status?.brake?.deletions?;
        (brake.token == token && brake.released_time.is_some()).then_some(())
    })
    .await;
}

async fn uncounted() {
    let world = large("uncounted", json!({"brake": {"count": 2, "percent": 0}, "defaults": {"deletionPolicy": "Retain"}})).await;
    let _operator = Told::start("retained ones do not count", &world, &[]).await;
    let names = names(10);
    make(&world, &names[..8], json!({})).await;
    for name in &names[8..] {
        world.apply(name, json!({"passwordSecretRef": {"name": "none", "key": "password"}}), json!({"deletionPolicy": "Delete"})).await;
        world.reason(name, "SecretNotFound").await;
    }
    for name in &names[..2] {
        world.patch(name, json!({"spec": {"deletionPolicy": "Delete"}})).await;
        world.ready(name).await;
    }
    delete_all(&world, &names).await;
    objects(&world, "all are gone", |objects| objects.is_empty()).await;
    assert_eq!(world.effects("delete_endpoint").await.len(), 2);
    assert_eq!(world.living().await.len(), 6, "the default of the account keeps the others");
    assert!(event(&world, &names[7], "Retained").await.contains("Retain"));
}

async fn few() {
    let world = large("few", json!({})).await;
    let _operator = Told::start("a few vanish", &world, &[]).await;
    let names = names(6);
    make(&world, &names, json!({})).await;
    for object in &world.endpoints().list(&ListParams::default()).await.expect("the objects").items[..5] {
        world.admin.delete_endpoint(&endpoint_id(object)).await.expect("a deletion in the console");
    }
    let count = |objects: &[SipEndpoint], what: &str| objects.iter().filter(|object| reason(object) == what).count();
    let waiting = |objects: &[SipEndpoint]| count(objects, "Throttled") == 2 && count(objects, "Available") == 4;
    objects(&world, "three are made anew, two wait their turn", waiting).await;
    assert_eq!(world.effects("create_endpoint").await.len(), 9);
    objects(&world, "and follow by themselves", |objects| objects.iter().all(|object| reason(object) == "Available")).await;
    assert_eq!(world.effects("create_endpoint").await.len(), 11);
    assert_eq!(world.living().await.len(), 6);
}

/// Listings and reads say that nothing is there, for a while.
async fn bad_listing() {
    let world = large("bad-listing", json!({"brake": {"count": 2, "percent": 0}})).await;
    let _operator = Told::start("a bad listing", &world, &[]).await;
    let names = names(5);
    make(&world, &names, json!({})).await;
    let nothing =
        json!({"api_id": "x", "meta": {"limit": 20, "next": null, "offset": 0, "previous": null, "total_count": 0}, "objects": []});
    let faults = json!([{"match": {"method": "GET", "path": "/Endpoint/"}, "execute": false, "answer": {"status": 200, "body": nothing.to_string()}}]);
    world.admin.set_faults(faults).await.expect("a fault");
    token(&world).await;
    world.admin.clear_faults().await.expect("no faults");
    account_reason(&world, "plivo", "Available").await;
    objects(&world, "all are as they were", |objects| objects.iter().all(|object| reason(object) == "Available")).await;
    assert_eq!(world.effects("create_endpoint").await.len(), 5);
    event(&world, "plivo", "BrakeReleased").await;
    let account = accounts(&world).get("plivo").await.expect("the account");
    assert!(account.finalizers().iter().any(|finalizer| finalizer == FINALIZER_ACCOUNT));
}
