//! The happy life of endpoints; the ledger holds exactly what it should, in order.

use serde_json::json;

use super::world::{World, endpoint_id};

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_lives_exactly_as_its_object_says() {
    let world = World::new("life").await;
    let app = world.admin.create_application(json!({"app_name": "main"})).await.expect("an application");
    let app_id = app["app_id"].as_str().expect("an id").to_owned();
    let _operator = world.operator().await;

    world.endpoint("alice", json!({"alias": "desk", "app_id": ""}), json!({})).await;
    let object = world.ready("alice").await;
    let status = object.status.as_ref().expect("a status");
    let remote = world.exactly_one("alice").await;
    assert_eq!(status.sip_uri.as_deref(), remote["sip_uri"].as_str());
    assert_eq!(status.username.as_deref(), remote["username"].as_str());
    assert_eq!(status.sip_registered, Some(false));
    assert_eq!(world.ledger().await, ["create_endpoint"]);

    world.patch("alice", json!({"spec": {"plivo": {"alias": "reception"}}})).await;
    world.ready("alice").await;
    assert_eq!(world.exactly_one("alice").await["alias"], "reception");

    world.patch("alice", json!({"spec": {"plivo": {"app_id": app_id}}})).await;
    world.ready("alice").await;
    assert!(world.exactly_one("alice").await["application"].as_str().is_some_and(|uri| uri.contains(&app_id)));

    let before = world.exactly_one("alice").await["password"].clone();
    world.secret("alice-sip", &[("password", "correct-horse")]).await;
    let rotated = super::world::eventually("the password is rotated", async || {
        let now = world.exactly_one("alice").await["password"].clone();
        (now != before).then_some(now)
    })
    .await;
    assert_eq!(rotated, "2eb62d171ba8491db496081a8b24738a", "md5 of the new password");

    let id = endpoint_id(&world.ready("alice").await);
    world.admin.patch_endpoint(&id, json!({"alias": "edited"})).await.expect("an edit in the console");
    super::world::eventually("the console's edit is put back", async || {
        (world.exactly_one("alice").await["alias"] == "reception").then_some(())
    })
    .await;

    world.admin.delete_endpoint(&id).await.expect("a deletion in the console");
    let again = world.until("alice", "recreated", |object| {
        super::world::reason(object) == "Available"
            && object.status.as_ref().and_then(|status| status.endpoint_id.clone()) != Some(id.clone())
    });
    again.await;
    world.exactly_one("alice").await;

    world.delete("alice").await;
    world.gone("alice").await;
    assert!(world.living().await.is_empty());
    assert_eq!(
        world.ledger().await,
        [
            "create_endpoint",
            "update_endpoint",
            "update_endpoint",
            "update_endpoint",
            "update_endpoint",
            "create_endpoint",
            "delete_endpoint"
        ]
    );
}
