//! What the policies, annotations and unmanaged fields of an endpoint promise, and how the provider's refusals end.

use sandbox::plivo;
use serde_json::{Value, json};
use switchboard::api::SipEndpoint;

use super::cases::{all, case};
use super::observe::{Call, Told, calls_since, count, event, events, listings, now};
use super::world::{World, endpoint_id, eventually, reason};

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_treated_as_their_policies_say() {
    all(vec![
        case("driftPolicy Report", drift()),
        case("externalDeletionPolicy Report", external_deletion()),
        case("deletionPolicy Retain", retain()),
        case("paused", paused()),
        case("unmanaged fields", unmanaged()),
        case("a value that the provider does not keep", normalised()),
        case("refused", refused()),
        case("events", told()),
    ])
    .await;
}

fn message(object: &SipEndpoint, kind: &str) -> String {
    let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    conditions.iter().find(|condition| condition.type_ == kind).map(|condition| condition.message.clone()).unwrap_or_default()
}

async fn application(world: &World, name: &str) -> String {
    let made = world.admin.create_application(json!({"app_name": name})).await.expect("an application");
    made["app_id"].as_str().expect("an id").to_owned()
}

/// The last part of the path in `application`; empty if there is none.
fn attached(endpoint: &Value) -> String {
    let uri = endpoint["application"].as_str().unwrap_or_default();
    uri.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
}

async fn drift() {
    let world = World::new("drift").await;
    let _operator = Told::start("driftPolicy Report", &world, &[]).await;
    world.endpoint("alice", json!({"alias": "desk"}), json!({"driftPolicy": "Report"})).await;
    let id = endpoint_id(&world.ready("alice").await);
    world.admin.patch_endpoint(&id, json!({"alias": "edited"})).await.expect("an edit in the console");
    let object = world.reason("alice", "Drifted").await;
    let drifted = message(&object, "Drifted");
    assert!(drifted.contains("alias") && drifted.contains("edited") && drifted.contains("desk"), "{drifted:?}");
    listings(&world, 2).await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);
    assert_eq!(world.exactly_one("alice").await["alias"], "edited");

    // An edit of the spec is the user's will and is sent all the same.
    world.patch("alice", json!({"spec": {"plivo": {"alias": "reception"}}})).await;
    world.ready("alice").await;
    assert_eq!(world.exactly_one("alice").await["alias"], "reception");
    world.admin.patch_endpoint(&id, json!({"alias": "again"})).await.expect("an edit in the console");
    world.reason("alice", "Drifted").await;
    world.patch("alice", json!({"spec": {"driftPolicy": "Correct"}})).await;
    let object = world.ready("alice").await;
    assert_eq!(message(&object, "Drifted"), "", "the condition goes with the drift");
    assert_eq!(world.exactly_one("alice").await["alias"], "reception");
    assert_eq!(world.ledger().await, ["create_endpoint", "update_endpoint", "update_endpoint"]);
}

async fn external_deletion() {
    let world = World::new("external").await;
    let _operator = Told::start("externalDeletionPolicy Report", &world, &[]).await;
    world.endpoint("alice", json!({}), json!({"externalDeletionPolicy": "Report"})).await;
    let id = endpoint_id(&world.ready("alice").await);
    world.admin.delete_endpoint(&id).await.expect("a deletion in the console");
    world.reason("alice", "ExternallyDeleted").await;
    listings(&world, 2).await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);

    world.patch("alice", json!({"spec": {"externalDeletionPolicy": "Recreate"}})).await;
    assert_ne!(endpoint_id(&world.ready("alice").await), id);
    world.exactly_one("alice").await;
    assert_eq!(world.ledger().await, ["create_endpoint", "create_endpoint"]);
}

async fn retain() {
    let world = World::new("retain").await;
    let _operator = Told::start("deletionPolicy Retain", &world, &[]).await;
    let spec = json!({"deletionPolicy": "Retain"});
    world.endpoint("alice", json!({"alias": "desk"}), spec.clone()).await;
    let before = world.ready("alice").await;
    world.delete("alice").await;
    world.gone("alice").await;
    assert!(world.living().await.contains_key(&endpoint_id(&before)), "the endpoint stays");
    assert!(event(&world, "alice", "Retained").await.contains(&endpoint_id(&before)));

    world.endpoint("alice", json!({"alias": "desk"}), spec).await;
    let after = world.ready("alice").await;
    assert_eq!(endpoint_id(&after), endpoint_id(&before));
    assert_eq!(after.status.expect("a status").sip_uri, before.status.expect("a status").sip_uri);
    world.exactly_one("alice").await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);
}

async fn paused() {
    let world = World::new("paused").await;
    let _operator = Told::start("paused", &world, &[]).await;
    let pause = |value: Value| json!({"metadata": {"annotations": {"switchboard.dev/paused": value}}});
    world.endpoint("alice", json!({"alias": "desk"}), json!({})).await;
    let id = endpoint_id(&world.ready("alice").await);
    world.patch("alice", pause(json!("true"))).await;
    world.reason("alice", "Paused").await;
    world.patch("alice", json!({"spec": {"plivo": {"alias": "reception"}}})).await;
    world.reason("alice", "Paused").await;
    world.secret("alice-sip", &[("password", "correct-horse")]).await;
    world.admin.patch_endpoint(&id, json!({"alias": "edited"})).await.expect("an edit in the console");
    listings(&world, 2).await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);

    world.patch("alice", pause(Value::Null)).await;
    world.ready("alice").await;
    let endpoint = world.exactly_one("alice").await;
    assert_eq!((&endpoint["alias"], &endpoint["password"]), (&json!("reception"), &json!("2eb62d171ba8491db496081a8b24738a")));
    assert_eq!(world.ledger().await, ["create_endpoint", "update_endpoint"]);

    world.patch("alice", pause(json!("true"))).await;
    world.reason("alice", "Paused").await;
    world.delete("alice").await;
    world.until("alice", "waiting", |object| reason(object) == "Paused" && message(object, "Ready").contains("not deleted")).await;
    listings(&world, 2).await;
    assert!(world.living().await.contains_key(&id));
    world.patch("alice", pause(Value::Null)).await;
    world.gone("alice").await;
    assert_eq!(world.ledger().await, ["create_endpoint", "update_endpoint", "delete_endpoint"]);
}

async fn unmanaged() {
    // The harshest provider: an update without app_id detaches.
    let switches = vec![("endpoint_omitted_app".to_owned(), "detach".to_owned())];
    let world = World::with("unmanaged", plivo::Options { switches, ..plivo::Options::default() }).await;
    let app = application(&world, "console").await;
    let _operator = Told::start("unmanaged fields", &world, &[]).await;
    world.endpoint("alice", json!({}), json!({})).await;
    let id = endpoint_id(&world.ready("alice").await);
    assert_eq!(world.exactly_one("alice").await["alias"], "alice", "the object's name at create");
    world.admin.patch_endpoint(&id, json!({"alias": "edited", "app_id": app})).await.expect("an edit in the console");
    listings(&world, 2).await;
    assert_eq!(world.ledger().await, ["create_endpoint"]);

    world.secret("alice-sip", &[("password", "correct-horse")]).await;
    let rotation = eventually("the rotation", async || world.effects("update_endpoint").await.pop()).await;
    assert_eq!(rotation.request, json!({"password": "***", "app_id": app}));
    world.patch("alice", json!({"spec": {"plivo": {"alias": "reception"}}})).await;
    world.ready("alice").await;
    let update = world.effects("update_endpoint").await.pop().expect("an update");
    assert_eq!(update.request, json!({"alias": "reception", "app_id": app}));
    assert_eq!(attached(&world.exactly_one("alice").await), app);

    world.patch("alice", json!({"spec": {"plivo": {"app_id": ""}}})).await;
    world.ready("alice").await;
    assert_eq!(attached(&world.exactly_one("alice").await), "", "explicitly none");
    assert_eq!(world.effects("update_endpoint").await.pop().expect("an update").request, json!({"app_id": ""}));
    assert_eq!(world.effects("update_endpoint").await.len(), 3);
}

async fn normalised() {
    let switches = vec![("endpoint_detach".to_owned(), "ignore".to_owned())];
    let world = World::with("normalised", plivo::Options { switches, ..plivo::Options::default() }).await;
    let app = application(&world, "main").await;
    let _operator = Told::start("a value that the provider does not keep", &world, &[]).await;
    world.endpoint("alice", json!({"app_id": app}), json!({})).await;
    world.ready("alice").await;
    world.patch("alice", json!({"spec": {"plivo": {"app_id": ""}}})).await;
    let object = world.reason("alice", "ProviderNormalisedValue").await;
    assert!(message(&object, "Ready").contains("app_id"), "{object:#?}");
    let since = now(&world).await;
    listings(&world, 3).await;
    let calls = calls_since(&world, since).await;
    assert!(calls.iter().all(|call| *call == Call::Page), "it is left at that: {calls:?}");
    assert_eq!(world.ledger().await, ["create_endpoint", "update_endpoint", "update_endpoint"]);

    world.patch("alice", json!({"spec": {"plivo": {"app_id": app}}})).await;
    world.ready("alice").await;
    assert_eq!(world.effects("update_endpoint").await.len(), 2, "the provider shows what is wanted now");
}

async fn refused() {
    let world = World::new("refused").await;
    let app = application(&world, "main").await;
    let _operator = Told::start("refused", &world, &[]).await;
    world.endpoint("alice", json!({"app_id": "11111111111111111"}), json!({})).await;
    let object = world.reason("alice", "Rejected").await;
    assert!(message(&object, "Ready").contains("app_id"), "{object:#?}");
    listings(&world, 3).await;
    assert_eq!(count(&calls_since(&world, 0).await, Call::Create), 1, "final for this spec");
    world.patch("alice", json!({"spec": {"plivo": {"app_id": app}}})).await;
    world.ready("alice").await;
    assert_eq!(attached(&world.exactly_one("alice").await), app);

    let since = now(&world).await;
    world.patch("alice", json!({"spec": {"plivo": {"app_id": "22222222222222222"}}})).await;
    world.reason("alice", "Rejected").await;
    listings(&world, 3).await;
    assert_eq!(count(&calls_since(&world, since).await, Call::Update), 1, "final for this spec");
    assert_eq!(attached(&world.exactly_one("alice").await), app);
    world.patch("alice", json!({"spec": {"plivo": {"app_id": ""}}})).await;
    world.ready("alice").await;
    assert_eq!(world.ledger().await, ["create_endpoint", "update_endpoint"]);
    assert_eq!(count(&calls_since(&world, 0).await, Call::Create), 2);
    let told = events(&world, "alice").await;
    assert_eq!(told.iter().filter(|(reason, _)| reason == "Refused").count(), 2, "one for each refusal: {told:?}");
}

async fn told() {
    let world = World::new("told").await;
    let _operator = Told::start("events", &world, &[]).await;
    world.endpoint("alice", json!({"alias": "desk"}), json!({})).await;
    let first = world.ready("alice").await;
    let old = first.status.as_ref().and_then(|status| status.sip_uri.clone()).expect("a URI");
    assert!(event(&world, "alice", "Created").await.contains(&endpoint_id(&first)));

    world.patch("alice", json!({"spec": {"plivo": {"alias": "reception"}}})).await;
    let updated = event(&world, "alice", "Updated").await;
    assert!(updated.contains("alias") && updated.contains("desk") && updated.contains("reception"), "{updated}");
    world.ready("alice").await;

    world.secret("alice-sip", &[("password", "correct-horse")]).await;
    let rotated = event(&world, "alice", "PasswordRotated").await;
    assert!(rotated.contains("password") && !rotated.contains("correct-horse"), "{rotated}");

    world.admin.patch_endpoint(&endpoint_id(&first), json!({"alias": "edited"})).await.expect("an edit in the console");
    let corrected = event(&world, "alice", "DriftCorrected").await;
    assert!(corrected.contains("edited") && corrected.contains("reception"), "{corrected}");

    world.patch("alice", json!({"metadata": {"annotations": {"switchboard.dev/reconcile-requested-at": "just now"}}})).await;
    let echoed =
        |object: &SipEndpoint| object.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_deref()) == Some("just now");
    world.until("alice", "reconciled as requested", echoed).await;

    world.admin.delete_endpoint(&endpoint_id(&first)).await.expect("a deletion in the console");
    let recreated = event(&world, "alice", "Recreated").await;
    let new = world.ready("alice").await.status.and_then(|status| status.sip_uri).expect("a URI");
    assert_ne!(old, new);
    assert!(recreated.contains(&old) && recreated.contains(&new), "old and new URI: {recreated}");
    assert!(event(&world, "alice", "ExternallyDeleted").await.contains(&old));

    let seen: Vec<String> = events(&world, "alice").await.into_iter().map(|(reason, _)| reason).collect();
    let once = ["Created", "Updated", "PasswordRotated", "DriftCorrected", "ExternallyDeleted", "Recreated"];
    for reason in &seen {
        assert!(once.contains(&reason.as_str()), "nobody asked to be told {reason}: {seen:?}");
    }
    assert_eq!(seen.len(), once.len(), "each once: {seen:?}");
}
