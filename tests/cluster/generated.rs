//! Generated passwords: stored before they are sent, one for each endpoint, and never made anew for one that exists.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use sandbox::plivo;
use serde_json::{Value, json};
use switchboard::api::SipEndpoint;

use super::accounts::grant;
use super::cases::{Case, all, case, first_create};
use super::connection::{PHONE, hash, meddle, message};
use super::observe::{Call, Told, calls_since, count, listings, now};
use super::proxy::{Harm, Proxy};
use super::world::{World, endpoint_id, eventually, reason};

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_password_is_stored_before_it_is_sent_and_made_once() {
    all(vec![
        case("stored before it is sent", before("unregistered_only")),
        case("the same where no hash can be read", before("never")),
        case("edited", edited()),
        case("recreated", recreated()),
        case("without consent", consent()),
        case("in somebody else's Secret", foreign()),
        case("each write is overtaken", harmed(Harm::Overtake)),
        case("each write is executed and answered 504", harmed(Harm::GatewayTimeout)),
        case("each write is executed and its answer cut off", harmed(Harm::Cut)),
        case("two operators", two()),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_password_that_is_lost_is_missed_and_never_made_anew() {
    all(vec![
        case("the Secret is deleted", lost()),
        case("its key is taken away", emptied()),
        case("rebuilt from Git without the Secret", rebuilt()),
        case("another password is given", replaced()),
        case("the object is deleted", deleted()),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_point_leaves_one_endpoint_with_the_stored_password() {
    let mut cases = Vec::new();
    let points = ["store_password", "finalizer", "intent", "create", "record", "get", "connection"];
    for point in points.into_iter().flat_map(|point| [format!("{point}.before"), format!("{point}.after")]) {
        for deleted in [false, true] {
            let name = format!("killed at {point}, meanwhile deleted: {deleted}");
            cases.push(case(name.clone(), killed(name, point.clone(), json!([]), deleted)));
        }
    }
    let lost = [json!({"answer": "cut_after"}), json!({"answer": {"status": 500, "body": {"error": "internal"}}, "execute": false})];
    for (fault, point) in lost.into_iter().zip(["create.after", "create.after"]) {
        let name = format!("killed at {point}, after {fault}");
        cases.push(case(name.clone(), killed(name, point.to_owned(), json!([first_create(fault)]), false)));
    }
    all(cases).await;
}

async fn apply(world: &World) {
    world.apply("alice", json!({"generatePassword": true}), json!({"connectionSecret": {"name": PHONE}})).await;
}

async fn password(world: &World) -> Option<String> {
    world.values(PHONE).await.and_then(|mut values| values.remove("password"))
}

/// The endpoint has the password that is stored, which is what was promised.
async fn agrees(world: &World) -> String {
    let stored = password(world).await.expect("a stored password");
    assert!(stored.len() == 24 && stored.bytes().all(|byte| byte.is_ascii_alphanumeric()), "24 letters and digits");
    assert_eq!(world.exactly_one("alice").await["password"], hash(&stored), "the stored password is the endpoint's");
    let values = world.values(PHONE).await.expect("the Secret");
    assert_eq!(values.keys().map(String::as_str).collect::<Vec<_>>(), ["domain", "password", "sip_uri", "username"]);
    stored
}

async fn settled(case: &'static str) -> (World, Told, String) {
    settled_with(case, plivo::Options::default()).await
}

async fn settled_with(case: &'static str, options: plivo::Options) -> (World, Told, String) {
    let world = World::with("generated", options).await;
    world.may_write().await;
    let operator = Told::start(case, &world, &[]).await;
    apply(&world).await;
    world.ready("alice").await;
    let stored = agrees(&world).await;
    (world, operator, stored)
}

async fn killed(name: String, point: String, faults: Value, deleted: bool) {
    let mut case = Case::new(&name, faults).await;
    case.world.may_write().await;
    case.start_until(&point).await;
    apply(&case.world).await;
    case.says(&format!("failpoint {point} reached")).await;
    let stored = password(&case.world).await;
    assert_eq!(stored.is_some(), point != "store_password.before", "stored before anything else");
    case.kill().await;
    case.world.admin.clear_faults().await.expect("no faults");
    if deleted {
        case.delete().await;
        case.start().await;
        case.world.gone("alice").await;
        assert!(case.world.living().await.is_empty());
        eventually("the Secret goes", async || case.world.values(PHONE).await.is_none().then_some(())).await;
        assert!(case.posts().await.len() <= 1);
        return;
    }
    case.start().await;
    case.one(1).await;
    let now = agrees(&case.world).await;
    assert!(stored.is_none_or(|stored| stored == now), "made twice");
}

async fn before(hash_in_get: &'static str) {
    let switches = vec![("password_in_get".to_owned(), hash_in_get.to_owned())];
    let options = plivo::Options { switches, ..plivo::Options::default() };
    let (world, operator, stored) = settled_with("stored before it is sent", options).await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);
    let object = world.endpoints().get("alice").await.expect("the object");
    assert!(!format!("{object:?} {}", operator.log()).contains(&stored), "the password is in no log and no status");
    // Our own writes of the Secret are no rotations, for this operator and the next.
    let version = |object: &SipEndpoint| {
        let ledger = object.status.as_ref().and_then(|status| status.ledger.clone());
        ledger.and_then(|ledger| ledger.password_secret).map(|secret| secret.resource_version)
    };
    let secret = world.secrets().get(PHONE).await.expect("the Secret");
    assert_eq!(version(&object), secret.metadata.resource_version);
    let since = now(&world).await;
    operator.kill().await;
    let _operator = Told::start("stored before it is sent", &world, &[]).await;
    listings(&world, 3).await;
    let calls = calls_since(&world, since).await;
    assert_eq!(count(&calls, Call::Update) + count(&calls, Call::Create) + count(&calls, Call::Get), 0, "{calls:?}");
    world.delete("alice").await;
    world.gone("alice").await;
    eventually("the Secret goes", async || world.values(PHONE).await.is_none().then_some(())).await;
}

async fn edited() {
    let (world, _operator, _) = settled("edited").await;
    meddle(&world, PHONE, json!({"stringData": {"password": "correct-horse"}})).await;
    eventually("rotated", async || (world.exactly_one("alice").await["password"] == hash("correct-horse")).then_some(())).await;
    world.ready("alice").await;
    assert_eq!(password(&world).await.as_deref(), Some("correct-horse"));
    assert_eq!(world.ledger().await, ["create_endpoint", "update_endpoint"]);
    // One that no phone could use is not sent.
    meddle(&world, PHONE, json!({"stringData": {"password": "abc"}})).await;
    let object = world.reason("alice", "SecretInvalid").await;
    assert!(message(&object).contains("connectionSecret"), "{}", message(&object));
    assert_eq!(world.ledger().await, ["create_endpoint", "update_endpoint"]);
}

async fn recreated() {
    let (world, _operator, stored) = settled("recreated").await;
    let id = endpoint_id(&world.ready("alice").await);
    let uri = world.values(PHONE).await.expect("the Secret")["sip_uri"].clone();
    world.admin.delete_endpoint(&id).await.expect("a deletion in the console");
    eventually("another SIP URI", async || world.values(PHONE).await.filter(|values| values["sip_uri"] != uri).map(|_| ())).await;
    world.ready("alice").await;
    assert_eq!(agrees(&world).await, stored, "what is stored is used");
    assert_eq!(world.ledger().await, ["create_endpoint", "create_endpoint"]);
}

async fn consent() {
    let world = World::new("generated").await;
    let _operator = Told::start("without consent", &world, &[]).await;
    apply(&world).await;
    let object = world.reason("alice", "SecretAccessDenied").await;
    listings(&world, 2).await;
    assert_eq!(world.ledger().await, Vec::<String>::new());
    assert!(object.status.as_ref().is_some_and(|status| status.endpoint_id.is_none()));
    grant(&message(&object)).await;
    world.ready("alice").await;
    agrees(&world).await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);
}

async fn foreign() {
    let world = World::new("generated").await;
    world.may_write().await;
    world.secret(PHONE, &[("password", "theirs-entirely")]).await;
    let before = world.secrets().get(PHONE).await.expect("the Secret");
    let _operator = Told::start("in somebody else's Secret", &world, &[]).await;
    apply(&world).await;
    world.reason("alice", "Conflict").await;
    listings(&world, 2).await;
    assert_eq!(world.ledger().await, Vec::<String>::new(), "neither is their password used");
    assert_eq!(world.secrets().get(PHONE).await.expect("the Secret"), before);
    world.secrets().delete(PHONE, &DeleteParams::default()).await.expect("a deletion");
    world.ready("alice").await;
    agrees(&world).await;
}

async fn harmed(harm: Harm) {
    let world = World::new("generated").await;
    world.may_write().await;
    let proxy = Proxy::start(&world, harm, Duration::ZERO).await;
    let _operator = world.operator_with(&[], &[("KUBECONFIG", proxy.kubeconfig())]).await;
    apply(&world).await;
    world.ready("alice").await;
    agrees(&world).await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);
    let writes = proxy.writes();
    for kind in ["create of secret", "patch of secret"] {
        assert!(writes.iter().any(|write| write.object == PHONE && write.kind == kind && write.harmed), "{kind}: {writes:#?}");
    }
}

async fn two() {
    let world = World::new("generated").await;
    world.may_write().await;
    let _first = Told::start("two operators, one", &world, &[]).await;
    let _second = Told::start("two operators, another", &world, &["--no-leader-election"]).await;
    for _ in 0..3 {
        apply(&world).await;
        world.ready("alice").await;
        agrees(&world).await;
        world.delete("alice").await;
        world.gone("alice").await;
        eventually("the Secret goes", async || world.values(PHONE).await.is_none().then_some(())).await;
    }
    assert_eq!(world.effects("create_endpoint").await.len(), 3);
    assert_eq!(world.effects("update_endpoint").await.len(), 0);
}

/// The object says that its password is missing, and nothing is done at the provider, whatever is edited.
async fn missed(world: &World, expected: &str) -> SipEndpoint {
    let object = world.reason("alice", expected).await;
    let before = world.ledger().await;
    world.patch("alice", json!({"spec": {"plivo": {"alias": "edited"}}})).await;
    let since = now(world).await;
    world.reason("alice", expected).await;
    listings(world, 2).await;
    assert_eq!(world.ledger().await, before);
    let calls = calls_since(world, since).await;
    assert!(calls.iter().all(|call| matches!(call, Call::Page | Call::Get)), "{calls:?}");
    object
}

/// Somebody puts the Secret back, as the message says.
async fn restore(world: &World, password: &str) {
    let annotations = [("switchboard.dev/connection-of".to_owned(), "alice".to_owned())].into();
    let secret = Secret {
        metadata: ObjectMeta { name: Some(PHONE.into()), annotations: Some(annotations), ..ObjectMeta::default() },
        string_data: Some([("password".to_owned(), password.to_owned())].into()),
        ..Secret::default()
    };
    world.secrets().create(&PostParams::default(), &secret).await.expect("a Secret");
}

async fn lost() {
    let (world, _operator, stored) = settled("the Secret is deleted").await;
    world.secrets().delete(PHONE, &DeleteParams::default()).await.expect("a deletion");
    let object = missed(&world, "SecretNotFound").await;
    for word in ["restore the Secret", "passwordSecretRef", "delete this object", "switchboard.dev/connection-of: alice"] {
        assert!(message(&object).contains(word), "{word}: {}", message(&object));
    }
    assert_eq!(world.values(PHONE).await, None, "no other is made");
    restore(&world, &stored).await;
    world.ready("alice").await;
    assert_eq!(agrees(&world).await, stored);
    assert_eq!(world.ledger().await, ["create_endpoint", "update_endpoint"], "of the alias");
    assert_eq!(world.exactly_one("alice").await["alias"], "edited");
}

async fn emptied() {
    let (world, _operator, _) = settled("its key is taken away").await;
    meddle(&world, PHONE, json!({"data": {"password": null}})).await;
    missed(&world, "SecretKeyMissing").await;
    // A new password is somebody's decision: a rotation.
    meddle(&world, PHONE, json!({"stringData": {"password": "correct-horse"}})).await;
    world.ready("alice").await;
    assert_eq!(world.exactly_one("alice").await["password"], hash("correct-horse"));
}

async fn rebuilt() {
    let (world, operator, stored) = settled("rebuilt from Git without the Secret").await;
    let id = endpoint_id(&world.ready("alice").await);
    operator.kill().await;
    world.patch("alice", json!({"metadata": {"finalizers": null, "annotations": {"switchboard.dev/force-orphan": id}}})).await;
    world.delete("alice").await;
    world.gone("alice").await;
    eventually("the Secret goes", async || world.values(PHONE).await.is_none().then_some(())).await;
    apply(&world).await;
    let _operator = Told::start("rebuilt from Git without the Secret", &world, &[]).await;
    let object = missed(&world, "SecretNotFound").await;
    assert_eq!(endpoint_id(&object), id, "found by its mark");
    assert_eq!(world.ledger().await, ["create_endpoint"]);
    assert_eq!(world.values(PHONE).await, None);
    restore(&world, &stored).await;
    world.ready("alice").await;
    agrees(&world).await;
    assert_eq!(world.effects("create_endpoint").await.len(), 1);
}

async fn replaced() {
    let (world, _operator, _) = settled("another password is given").await;
    world.secrets().delete(PHONE, &DeleteParams::default()).await.expect("a deletion");
    world.reason("alice", "SecretNotFound").await;
    world.secret("alice-sip", &[("password", "correct-horse")]).await;
    world.patch("alice", json!({"spec": {"plivo": {"generatePassword": null, "passwordSecretRef": {"name": "alice-sip"}}}})).await;
    world.ready("alice").await;
    assert_eq!(world.exactly_one("alice").await["password"], hash("correct-horse"));
    assert_eq!(password(&world).await.as_deref(), Some("correct-horse"), "the phone has it as well");
    assert_eq!(world.effects("create_endpoint").await.len(), 1);
}

async fn deleted() {
    let (world, _operator, _) = settled("the object is deleted").await;
    world.secrets().delete(PHONE, &DeleteParams::default()).await.expect("a deletion");
    assert_eq!(reason(&world.reason("alice", "SecretNotFound").await), "SecretNotFound");
    world.delete("alice").await;
    world.gone("alice").await;
    assert!(world.living().await.is_empty());
    assert_eq!(world.values(PHONE).await, None);
}
