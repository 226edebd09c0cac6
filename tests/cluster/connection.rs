//! The connection Secret: what a phone needs to log in, kept right beside its SipEndpoint, and nobody else's Secret touched.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use k8s_openapi::api::rbac::v1::RoleBinding;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use md5::{Digest, Md5};
use sandbox::plivo;
use serde_json::{Value, json};
use switchboard::api::SipEndpoint;
use switchboard::api::condition::Reason;
use switchboard::controller::secrets::{Granter, NotWritten, Roles, Secrets};
use switchboard::core::endpoint::connection::{ConnectionSecret, Entries, Held};

use super::accounts::grant;
use super::cases::{all, case};
use super::observe::{Call, Told, calls_since, count, events, listings, now};
use super::proxy::{Harm, Proxy};
use super::support;
use super::world::{World, endpoint_id, eventually, reason};

/// The Secret of `alice`'s phone.
pub const PHONE: &str = "alice-phone";

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_gets_what_it_needs_and_what_it_has_is_kept_right() {
    all(vec![
        case("given and kept", kept()),
        case("rotated", rotated()),
        case("recreated", recreated()),
        case("adopted without a password", adopted()),
        case("paused", paused()),
        case("another Secret is named", renamed()),
        case("gone with its object", collected()),
        case("somebody undoes each write", undone()),
        case("each write is overtaken", harmed(Harm::Overtake)),
        case("each write is executed and answered 504", harmed(Harm::GatewayTimeout)),
        case("each write is executed and its answer cut off", harmed(Harm::Cut)),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_without_consent_or_into_a_secret_of_others() {
    all(vec![
        case("consent to write", consent()),
        case("somebody else's", foreign()),
        case("another object's", contested()),
        case("immutable", immutable()),
        case("a dying namespace", dying()),
    ])
    .await;
}

/// What the phone of this endpoint of the simulator needs.
fn needs(remote: &Value, password: Option<&str>) -> BTreeMap<String, String> {
    let text = |name: &str| remote[name].as_str().expect("a text").to_owned();
    let (_, domain) = remote["sip_uri"].as_str().and_then(|uri| uri.split_once('@')).expect("a SIP URI");
    let mut needs = BTreeMap::from([
        ("username".to_owned(), text("username")),
        ("domain".to_owned(), domain.to_owned()),
        ("sip_uri".to_owned(), text("sip_uri")),
    ]);
    needs.extend(password.map(|password| ("password".to_owned(), password.to_owned())));
    needs
}

/// As Plivo hashes it.
pub fn hash(password: &str) -> String {
    Md5::digest(password.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Waits until the Secret holds this.
async fn holds(world: &World, name: &str, expected: &BTreeMap<String, String>) {
    eventually("the connection Secret is right", async || (world.values(name).await.as_ref() == Some(expected)).then_some(())).await;
}

/// Somebody merges into a Secret.
pub async fn meddle(world: &World, name: &str, patch: Value) -> Secret {
    world.secrets().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.expect("a patch")
}

async fn settled(world: &World) -> SipEndpoint {
    world.may_write().await;
    world.endpoint("alice", json!({"alias": "desk"}), json!({"connectionSecret": {"name": PHONE}})).await;
    let object = world.ready("alice").await;
    holds(world, PHONE, &needs(&world.exactly_one("alice").await, Some("hunter22"))).await;
    object
}

async fn kept() {
    let world = World::new("phone").await;
    let operator = Told::start("given and kept", &world, &[]).await;
    let object = settled(&world).await;
    let secret = world.secrets().get(PHONE).await.expect("the Secret");
    assert_eq!(secret.type_.as_deref(), Some("Opaque"));
    assert_eq!(secret.labels().get("app.kubernetes.io/managed-by").map(String::as_str), Some("switchboard"));
    let owner = &secret.owner_references()[0];
    assert_eq!((&owner.uid, owner.kind.as_str(), owner.controller), (&object.uid().expect("a uid"), "SipEndpoint", Some(true)));
    let right = world.values(PHONE).await.expect("the Secret");

    let since = now(&world).await;
    for key in ["username", "password", "domain", "sip_uri"] {
        meddle(&world, PHONE, json!({"stringData": {key: "wrong"}})).await;
        holds(&world, PHONE, &right).await;
        meddle(&world, PHONE, json!({"data": {key: null}})).await;
        holds(&world, PHONE, &right).await;
    }
    meddle(&world, PHONE, json!({"metadata": {"ownerReferences": null}})).await;
    eventually("it goes with the object again", async || {
        let secret = world.secrets().get(PHONE).await.expect("the Secret");
        (!secret.owner_references().is_empty()).then_some(())
    })
    .await;

    // What else is in it is other people's.
    meddle(&world, PHONE, json!({"stringData": {"pin": "1234"}})).await;
    meddle(&world, PHONE, json!({"stringData": {"username": "wrong"}})).await;
    let with_pin = right.clone().into_iter().chain([("pin".to_owned(), "1234".to_owned())]).collect();
    holds(&world, PHONE, &with_pin).await;
    world.secrets().delete(PHONE, &DeleteParams::default()).await.expect("a deletion");
    holds(&world, PHONE, &right).await;
    assert_eq!(reason(&world.ready("alice").await), "Available");
    let calls = calls_since(&world, since).await;
    assert!(calls.iter().all(|call| *call == Call::Page), "the provider has nothing to do with it: {calls:?}");

    // Once right, it is not written again, also not by the next operator.
    let version = world.secrets().get(PHONE).await.expect("the Secret").resource_version();
    operator.kill().await;
    let _operator = Told::start("given and kept", &world, &[]).await;
    listings(&world, 3).await;
    assert_eq!(world.secrets().get(PHONE).await.expect("the Secret").resource_version(), version);
    let told = format!("{:?} {:?}", world.endpoints().get("alice").await.expect("the object").status, events(&world, "alice").await);
    assert!(!told.contains("hunter22"), "{told}");
}

async fn rotated() {
    let world = World::new("phone").await;
    let _operator = Told::start("rotated", &world, &[]).await;
    settled(&world).await;
    // The provider does not take it: the phone keeps what works.
    let refuse =
        json!([{"match": {"method": "POST", "path": "/Endpoint/[0-9]+/$"}, "execute": false, "answer": {"status": 503, "body": "<html>"}}]);
    world.admin.set_faults(refuse).await.expect("a fault script");
    world.secret("alice-sip", &[("password", "correct-horse")]).await;
    world.reason("alice", "ProviderUnreachable").await;
    assert_eq!(world.values(PHONE).await.expect("the Secret")["password"], "hunter22");
    world.admin.clear_faults().await.expect("no faults");
    let remote = world.exactly_one("alice").await;
    holds(&world, PHONE, &needs(&remote, Some("correct-horse"))).await;
    assert_eq!(world.exactly_one("alice").await["password"], hash("correct-horse"), "accepted before it was written");
}

async fn recreated() {
    let world = World::new("phone").await;
    let _operator = Told::start("recreated", &world, &[]).await;
    let before = world.values(PHONE).await;
    let id = endpoint_id(&settled(&world).await);
    world.admin.delete_endpoint(&id).await.expect("a deletion in the console");
    world
        .until("alice", "recreated", |object| {
            reason(object) == "Available" && object.status.as_ref().is_some_and(|status| status.endpoint_id.as_ref() != Some(&id))
        })
        .await;
    let remote = world.exactly_one("alice").await;
    holds(&world, PHONE, &needs(&remote, Some("hunter22"))).await;
    assert_ne!(world.values(PHONE).await, before);
}

async fn adopted() {
    let world = World::new("phone").await;
    world.may_write().await;
    let made = world.admin.create_endpoint(json!({"full_username": "reception131031145958"})).await.expect("an endpoint");
    let id = made["endpoint_id"].as_str().expect("an id").to_owned();
    let _operator = Told::start("adopted without a password", &world, &[]).await;
    world.apply("alice", json!({}), json!({"adopt": {"endpoint_id": id}, "connectionSecret": {"name": PHONE}})).await;
    world.ready("alice").await;
    holds(&world, PHONE, &needs(&world.living().await[&id], None)).await;
    // One that only observes has a phone as well.
    world.patch("alice", json!({"spec": {"managementPolicy": "Observe"}})).await;
    world.ready("alice").await;
    world.secrets().delete(PHONE, &DeleteParams::default()).await.expect("a deletion");
    holds(&world, PHONE, &needs(&world.living().await[&id], None)).await;
    assert_eq!(world.ledger().await, Vec::<String>::new());
}

async fn paused() {
    let world = World::new("phone").await;
    let _operator = Told::start("paused", &world, &[]).await;
    settled(&world).await;
    let right = world.values(PHONE).await.expect("the Secret");
    world.patch("alice", json!({"metadata": {"annotations": {"switchboard.dev/paused": "true"}}})).await;
    world.reason("alice", "Paused").await;
    world.secrets().delete(PHONE, &DeleteParams::default()).await.expect("a deletion");
    holds(&world, PHONE, &right).await;
    // A password that the provider does not have is not told to the phone.
    world.secret("alice-sip", &[("password", "correct-horse")]).await;
    meddle(&world, PHONE, json!({"stringData": {"username": "wrong"}})).await;
    holds(&world, PHONE, &right).await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);
    assert_eq!(reason(&world.endpoints().get("alice").await.expect("the object")), "Paused");
}

async fn renamed() {
    let world = World::new("phone").await;
    let _operator = Told::start("another Secret is named", &world, &[]).await;
    settled(&world).await;
    let right = world.values(PHONE).await.expect("the Secret");
    world.patch("alice", json!({"spec": {"connectionSecret": {"name": "desk-phone"}}})).await;
    holds(&world, "desk-phone", &right).await;
    assert_eq!(world.values(PHONE).await.as_ref(), Some(&right), "the operator deletes no Secret");
    world.delete("alice").await;
    for name in [PHONE, "desk-phone"] {
        eventually("both go with the object", async || world.values(name).await.is_none().then_some(())).await;
    }
}

async fn collected() {
    let world = World::new("phone").await;
    let _operator = Told::start("gone with its object", &world, &[]).await;
    settled(&world).await;
    let since = now(&world).await;
    world.delete("alice").await;
    world.gone("alice").await;
    eventually("the Secret goes", async || world.values(PHONE).await.is_none().then_some(())).await;
    assert_eq!(count(&calls_since(&world, since).await, Call::Delete), 1);
    assert!(world.living().await.is_empty());
}

/// Somebody whom each write wakes, as it wakes us.
async fn undone() {
    let world = World::new("phone").await;
    let _operator = Told::start("somebody undoes each write", &world, &[]).await;
    settled(&world).await;
    let rival = async {
        loop {
            if world.values(PHONE).await.is_some_and(|values| values["password"] != "theirs") {
                meddle(&world, PHONE, json!({"stringData": {"password": "theirs"}})).await;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let contested = async {
        let object = world.reason("alice", "Contested").await;
        let version = world.secrets().get(PHONE).await.expect("the Secret").resource_version();
        // Events go on, and no write answers them.
        meddle(&world, PHONE, json!({"stringData": {"pin": "1"}})).await;
        listings(&world, 2).await;
        let secret = world.secrets().get(PHONE).await.expect("the Secret");
        assert_ne!(secret.resource_version(), version);
        (object, world.values(PHONE).await.expect("the Secret"))
    };
    let (object, values) = tokio::select! { never = rival => never, held = contested => held };
    assert_eq!(values["password"], "theirs");
    assert!(message(&object).contains("alice-phone") && message(&object).contains("(password)"), "{}", message(&object));
    assert_eq!(condition(&object, "Synced"), ("True".into(), "Available".into()), "the provider agrees all the same");

    // A password of ours is no answer to anybody: the phone gets it at once.
    world.secret("alice-sip", &[("password", "correct-horse")]).await;
    holds(
        &world,
        PHONE,
        &needs(&world.exactly_one("alice").await, Some("correct-horse")).into_iter().chain([("pin".into(), "1".into())]).collect(),
    )
    .await;
    world.ready("alice").await;
}

async fn harmed(harm: Harm) {
    let world = World::new("phone").await;
    let proxy = Proxy::start(&world, harm, std::time::Duration::ZERO).await;
    let _operator = world.operator_with(&[], &[("KUBECONFIG", proxy.kubeconfig())]).await;
    settled(&world).await;
    world.secret("alice-sip", &[("password", "correct-horse")]).await;
    holds(&world, PHONE, &needs(&world.exactly_one("alice").await, Some("correct-horse"))).await;
    world.ready("alice").await;
    for kind in ["create of secret", "patch of secret"] {
        let writes = proxy.writes();
        assert!(writes.iter().any(|write| write.object == PHONE && write.kind == kind && write.harmed), "{kind}: {writes:#?}");
    }
    assert_eq!(world.ledger().await, ["create_endpoint", "update_endpoint"]);
}

/// The message of the Ready condition.
pub fn message(object: &SipEndpoint) -> String {
    let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    conditions.iter().find(|condition| condition.type_ == "Ready").map_or_else(String::new, |ready| ready.message.clone())
}

/// Status and reason of a condition.
fn condition(object: &SipEndpoint, kind: &str) -> (String, String) {
    let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let condition = conditions.iter().find(|condition| condition.type_ == kind).expect("a condition");
    (condition.status.clone(), condition.reason.clone())
}

async fn consent() {
    let world = World::new("phone").await;
    let _operator = Told::start("consent to write", &world, &[]).await;
    world.endpoint("alice", json!({"alias": "desk"}), json!({"connectionSecret": {"name": PHONE}})).await;
    let object = world.reason("alice", "SecretAccessDenied").await;
    let id = endpoint_id(&object);
    let said = message(&object);
    let namespace = &world.namespace;
    for part in [
        "ServiceAccount switchboard in switchboard-system may not write Secrets",
        &format!(
            "kubectl -n {namespace} create rolebinding switchboard-secret-writer --clusterrole=switchboard-secret-writer --serviceaccount=switchboard-system:switchboard"
        ),
        &format!("kind: RoleBinding, metadata: {{name: switchboard-secret-writer, namespace: {namespace}}}"),
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert_eq!(condition(&object, "Synced"), ("True".into(), "Available".into()), "the provider agrees all the same");
    // Nothing else waits for it.
    world.patch("alice", json!({"spec": {"plivo": {"alias": "reception"}}})).await;
    eventually("the edit is made", async || (world.exactly_one("alice").await["alias"] == "reception").then_some(())).await;
    world.reason("alice", "SecretAccessDenied").await;

    grant(&said).await;
    assert_eq!(endpoint_id(&world.ready("alice").await), id);
    holds(&world, PHONE, &needs(&world.exactly_one("alice").await, Some("hunter22"))).await;

    // Withdrawn: what is there stays, what goes is missed.
    let bindings: Api<RoleBinding> = Api::namespaced(world.client.clone(), &world.namespace);
    bindings.delete("switchboard-secret-writer", &DeleteParams::default()).await.expect("consent to withdraw");
    let before = world.ledger().await;
    // Authorisation follows the binding a little later.
    let asked: Api<Secret> = Api::namespaced(support::control_plane().operator_client().await, &world.namespace);
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    eventually("the right is gone", async || {
        let answer = asked.patch_metadata(PHONE, &params, &Patch::Merge(json!({}))).await;
        matches!(answer, Err(kube::Error::Api(status)) if status.code == 403).then_some(())
    })
    .await;
    world.secrets().delete(PHONE, &DeleteParams::default()).await.expect("a deletion");
    let object = world.reason("alice", "SecretAccessDenied").await;
    assert_eq!(world.ledger().await, before);
    grant(&message(&object)).await;
    world.ready("alice").await;
    holds(&world, PHONE, &needs(&world.exactly_one("alice").await, Some("hunter22"))).await;
}

async fn foreign() {
    let world = World::new("phone").await;
    world.may_write().await;
    world.secret(PHONE, &[("username", "theirs"), ("password", "theirs")]).await;
    let before = world.secrets().get(PHONE).await.expect("the Secret");
    let _operator = Told::start("somebody else's", &world, &[]).await;
    world.endpoint("alice", json!({}), json!({"connectionSecret": {"name": PHONE}})).await;
    let object = world.reason("alice", "Conflict").await;
    assert_eq!(condition(&object, "Synced"), ("True".into(), "Available".into()));
    listings(&world, 2).await;
    assert_eq!(world.secrets().get(PHONE).await.expect("the Secret"), before, "never touched");
    // The command of the message gives it to the object.
    let said = message(&object);
    let command = said.split_once("run: ").and_then(|(_, rest)| rest.split_once(". ")).expect("a command").0;
    grant(command).await;
    world.ready("alice").await;
    holds(&world, PHONE, &needs(&world.exactly_one("alice").await, Some("hunter22"))).await;
    let secret = world.secrets().get(PHONE).await.expect("the Secret");
    assert_eq!(secret.owner_references().len(), 1, "it goes with the object from now on");
}

async fn contested() {
    let world = World::new("phone").await;
    let _operator = Told::start("another object's", &world, &[]).await;
    settled(&world).await;
    let right = world.values(PHONE).await.expect("the Secret");
    world.endpoint("bob", json!({}), json!({"connectionSecret": {"name": PHONE}})).await;
    world.reason("bob", "Conflict").await;
    // Neither does saying so make it bob's while it is alice's.
    meddle(&world, PHONE, json!({"metadata": {"annotations": {"switchboard.dev/connection-of": "bob"}}})).await;
    listings(&world, 2).await;
    assert_eq!(world.values(PHONE).await.as_ref(), Some(&right));
    world.reason("bob", "Conflict").await;
    world.delete("alice").await;
    let remote = eventually("bob's phone", async || {
        let taken = world.values(PHONE).await.is_some_and(|values| values["username"].starts_with("bob"));
        if taken { Some(world.exactly_one("bob").await) } else { None }
    })
    .await;
    holds(&world, PHONE, &needs(&remote, Some("hunter22"))).await;
    world.ready("bob").await;
}

/// Nothing is made in a namespace that is going, and that is not told as missing consent.
async fn dying() {
    let world = World::new("phone").await;
    world.may_write().await;
    let kept = json!({"metadata": {"name": "kept", "finalizers": ["somebody.example/waits"]}});
    let maps: Api<ConfigMap> = Api::namespaced(world.client.clone(), &world.namespace);
    maps.create(&PostParams::default(), &serde_json::from_value(kept).expect("a map")).await.expect("a map");
    Api::<Namespace>::all(world.client.clone()).delete(&world.namespace, &DeleteParams::default()).await.expect("a deletion");
    eventually("it is going", async || {
        let probe = json!({"metadata": {"name": "probe"}});
        let probe = maps.create(&PostParams::default(), &serde_json::from_value(probe).expect("a map")).await;
        probe.is_err().then_some(())
    })
    .await;
    let client = support::control_plane().operator_client().await;
    // The administrator, since the namespace's RoleBindings are the first to go.
    for (client, expected) in [(world.client.clone(), vec![Reason::Deleting]), (client, vec![Reason::Deleting, Reason::SecretAccessDenied])]
    {
        let granter = Granter { account: "switchboard-system:switchboard".into(), roles: Roles::Cluster };
        let secrets = Secrets::new(client, granter, Arc::new(|_| ()));
        let secret = ConnectionSecret { name: PHONE.into(), generates: true, held: Held::Absent };
        let entries = Entries::from([("password", None)]);
        let answer =
            secrets.write(OwnerReference { name: "alice".into(), ..OwnerReference::default() }, &world.namespace, &secret, &entries).await;
        let Err(NotWritten::Refused(problem)) = answer else { panic!("{answer:?}") };
        assert!(expected.contains(&problem.reason), "{problem:?}");
    }
    let freed = json!({"metadata": {"finalizers": null}});
    maps.patch("kept", &PatchParams::default(), &Patch::Merge(&freed)).await.expect("a patch");
}

async fn immutable() {
    let world = World::with("phone", plivo::Options::default()).await;
    let _operator = Told::start("immutable", &world, &[]).await;
    settled(&world).await;
    meddle(&world, PHONE, json!({"immutable": true})).await;
    world.secret("alice-sip", &[("password", "correct-horse")]).await;
    let object = world.reason("alice", "Conflict").await;
    assert!(message(&object).contains("immutable"), "{}", message(&object));
    world.secrets().delete(PHONE, &DeleteParams::default()).await.expect("a deletion");
    holds(&world, PHONE, &needs(&world.exactly_one("alice").await, Some("correct-horse"))).await;
    world.ready("alice").await;
}
