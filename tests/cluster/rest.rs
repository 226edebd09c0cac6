//! What settled objects cost (nothing), and what interrupts the operator.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use kube::{Resource, ResourceExt};
use sandbox::plivo;
use serde::de::DeserializeOwned;
use serde_json::json;
use switchboard::api::{ProviderAccount, SipEndpoint};

use super::cases::{all, case};
use super::observe::{Call, Told, account_reason, call, calls_since, count, listings, now};
use super::world::{World, endpoint_id, eventually, reason};

#[tokio::test(flavor = "multi_thread")]
async fn settled_objects_cost_nothing_and_an_operator_ends_in_order() {
    all(vec![
        case("sweeps and restarts", settled()),
        case("a Secret rewritten with an equal value", rewritten("unregistered_only", 0)),
        case("the same where no hash can be read", rewritten("never", 1)),
        case("registration", registration()),
        case("SIGTERM during a create", terminated()),
        case("deleting a healthy endpoint", healthy_deletion()),
    ])
    .await;
}

/// The resourceVersions of everything of ours in the namespace.
async fn versions(world: &World) -> BTreeMap<String, String> {
    async fn of<K>(world: &World) -> impl Iterator<Item = (String, String)>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
    {
        let api: Api<K> = Api::namespaced(world.client.clone(), &world.namespace);
        let all = api.list(&ListParams::default()).await.expect("the objects");
        all.items
            .into_iter()
            .map(|object| (format!("{} {}", K::kind(&()), object.name_any()), object.resource_version().unwrap_or_default()))
    }
    of::<SipEndpoint>(world).await.chain(of::<ProviderAccount>(world).await).chain(of::<Event>(world).await).collect()
}

/// What the account says of its contents follows the next listing.
async fn counted(world: &World, endpoints: i64) {
    eventually("all endpoints are counted", async || {
        let account = account_reason(world, "plivo", "Available").await;
        let managed = account.status.and_then(|status| status.endpoints).map(|counts| counts.managed);
        (managed.map(i64::from) == Some(endpoints)).then_some(())
    })
    .await;
}

async fn settled() {
    const CASE: &str = "sweeps and restarts";
    let world = World::new("settled").await;
    let operator = Told::start(CASE, &world, &[]).await;
    for n in 0..5 {
        world.endpoint(&format!("line{n}"), json!({"alias": format!("alias{n}")}), json!({})).await;
    }
    for n in 0..5 {
        world.ready(&format!("line{n}")).await;
    }
    counted(&world, 5).await;
    let before = versions(&world).await;
    let since = now(&world).await;
    listings(&world, 3).await;
    let calls = calls_since(&world, since).await;
    assert!(calls.iter().all(|call| matches!(call, Call::Page)), "only the sweep: {calls:?}");
    assert_eq!(versions(&world).await, before, "nothing is written");

    operator.kill().await;
    let since = now(&world).await;
    let mut operator = Told::start(CASE, &world, &[]).await;
    operator.says("watching; the caches are filled").await;
    listings(&world, 3).await;
    let calls = calls_since(&world, since).await;
    assert!(calls.iter().all(|call| matches!(call, Call::Page | Call::Probe)), "only the check of credentials and the sweep: {calls:?}");
    assert_eq!(count(&calls, Call::Probe), 1);
    assert_eq!(versions(&world).await, before, "nothing is written after a restart");

    // And it is awake all the same.
    world.patch("line0", json!({"spec": {"plivo": {"alias": "edited"}}})).await;
    world.ready("line0").await;
    assert_eq!(world.exactly_one("line0").await["alias"], "edited");
}

async fn rewritten(hash_in_get: &'static str, updates: usize) {
    let case = if updates == 0 { "a Secret rewritten with an equal value" } else { "the same where no hash can be read" };
    let switches = vec![("password_in_get".to_owned(), hash_in_get.to_owned())];
    let world = World::with("rewritten", plivo::Options { switches, ..plivo::Options::default() }).await;
    let _operator = Told::start(case, &world, &[]).await;
    world.endpoint("alice", json!({}), json!({})).await;
    let before = world.ready("alice").await;
    listings(&world, 1).await;
    let since = now(&world).await;
    // A value in another spelling: the object changes, what it says does not.
    world.secret("alice-sip", &[("password", "hunter22"), ("note", "rewritten")]).await;
    let version = |object: &SipEndpoint| {
        let ledger = object.status.as_ref().and_then(|status| status.ledger.clone());
        ledger.and_then(|ledger| ledger.password_secret).map(|secret| secret.resource_version)
    };
    let noted = |object: &SipEndpoint| version(object).is_some() && version(object) != version(&before) && reason(object) == "Available";
    world.until("alice", "aware of the new version", noted).await;
    listings(&world, 2).await;
    let calls = calls_since(&world, since).await;
    assert_eq!(count(&calls, Call::Update), updates, "{calls:?}");
    // An update needs a look before (what it must send along) and one after.
    assert!(count(&calls, Call::Get) <= 1 + updates, "{calls:?}");
    assert_eq!(count(&calls, Call::Create) + count(&calls, Call::Delete), 0, "{calls:?}");
}

async fn registration() {
    let world = World::new("phone").await;
    let _operator = Told::start("registration", &world, &[]).await;
    world.endpoint("alice", json!({}), json!({})).await;
    let object = world.ready("alice").await;
    assert_eq!(condition(&object, "Registered"), Some(("False".into(), "NotRegistered".into())));
    let id = endpoint_id(&object);
    let since = now(&world).await;
    let phone = json!({"sip_contact": "sip:alice@203.0.113.9:5060", "sip_user_agent": "Desk 1.0"});
    world.admin.register(&id, phone.clone()).await.expect("a phone");
    let object =
        world.until("alice", "registered", |object| object.status.as_ref().and_then(|status| status.sip_registered) == Some(true)).await;
    let status = object.status.clone().expect("a status");
    assert_eq!(status.sip_contact.as_deref(), Some("sip:alice@203.0.113.9:5060"));
    assert_eq!(status.sip_user_agent.as_deref(), Some("Desk 1.0"));
    assert!(status.sip_expires.is_some());
    assert_eq!(condition(&object, "Registered"), Some(("True".into(), "Registered".into())));
    assert_eq!(reason(&object), "Available");

    counted(&world, 1).await;
    // The phone comes back again and again with a new time of expiry: no reason to write.
    let before = versions(&world).await;
    world.admin.register(&id, super::world::merged(phone, json!({"expires_seconds": 7200}))).await.expect("a phone");
    listings(&world, 2).await;
    assert_eq!(versions(&world).await, before);

    world.admin.unregister(&id).await.expect("the phone goes");
    let object =
        world.until("alice", "unregistered", |object| object.status.as_ref().and_then(|status| status.sip_registered) == Some(false)).await;
    let status = object.status.expect("a status");
    assert_eq!((status.sip_contact, status.sip_expires, status.sip_user_agent), (None, None, None));
    let calls = calls_since(&world, since).await;
    assert!(calls.iter().all(|call| *call == Call::Page), "the sweep shows it: {calls:?}");
}

fn condition(object: &SipEndpoint, kind: &str) -> Option<(String, String)> {
    let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    conditions.iter().find(|condition| condition.type_ == kind).map(|condition| (condition.status.clone(), condition.reason.clone()))
}

async fn terminated() {
    let world = World::new("sigterm").await;
    let rule = json!([{"match": {"method": "POST", "path": "/Endpoint/$"}, "delay_ms": 3000}]);
    world.admin.set_faults(rule).await.expect("a slow provider");
    // With this settle time a create may take eight seconds.
    let operator = Told::start("SIGTERM during a create", &world, &["--settle", "60s"]).await;
    world.endpoint("alice", json!({}), json!({})).await;
    eventually("the create is under way", async || {
        let requests = world.admin.requests().await.expect("the request log");
        requests.iter().any(|request| call(request) == Call::Create && request.duration_ms.is_none()).then_some(())
    })
    .await;
    let ended = tokio::time::timeout(Duration::from_secs(25), operator.terminate()).await;
    let (ended, log) = ended.expect("ended within 25 s");
    assert!(ended, "{log}");
    world.exactly_one("alice").await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);
    let calls = calls_since(&world, 0).await;
    assert_eq!(
        calls.iter().filter(|call| !matches!(call, Call::Page)).collect::<Vec<_>>(),
        [&Call::Probe, &Call::Create],
        "nothing new is begun"
    );
    let object = world.endpoints().get("alice").await.expect("the object");
    let ledger = object.status.and_then(|status| status.ledger).expect("a ledger");
    assert_eq!(ledger.intent.map(|intent| intent.epoch), Some(ledger.epoch), "the intent is closed");

    let _operator = Told::start("SIGTERM during a create", &world, &[]).await;
    world.ready("alice").await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);
}

async fn healthy_deletion() {
    let world = World::new("leaving").await;
    let _operator = Told::start("deleting a healthy endpoint", &world, &["--sweep-period", "4s"]).await;
    world.endpoint("alice", json!({}), json!({})).await;
    world.ready("alice").await;
    // Older than the settle time, and listed since then: by now three listings, four seconds apart, have begun.
    listings(&world, 4).await;
    let since = now(&world).await;
    world.delete("alice").await;
    world.gone("alice").await;
    let requests = world.admin.requests_since(since - 1).await.expect("the request log");
    let calls: Vec<Call> = requests.iter().map(call).collect();
    assert_eq!(count(&calls, Call::Delete), 1, "{calls:?}");
    assert_eq!(count(&calls, Call::Get), 0, "{calls:?}");
    // Listings are only the periodic ones: one that was asked for would come sooner.
    let pages: Vec<u64> = requests.iter().filter(|request| call(request) == Call::Page).map(|request| request.at_ms).collect();
    assert!(pages.windows(2).all(|pair| pair[1] - pair[0] > 2000), "listings at {pages:?} ms");
    assert!(world.living().await.is_empty());
}
