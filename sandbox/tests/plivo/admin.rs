//! The admin interface: console acts, ledger, log, state, reset.

use serde_json::{Value, json};

use crate::support::{AUTH_ID, SUB, World, held, id};

#[tokio::test]
async fn the_ledger_says_what_happened_by_whom_and_never_a_secret() {
    let world = World::new().await;
    let endpoint = world.endpoint("alice").await;
    world.post(&format!("Endpoint/{endpoint}/"), json!({"alias": "b", "password": "canary-password"})).await;
    world.admin.patch_endpoint(&endpoint, json!({"alias": "c", "password": "canary-password"})).await.unwrap();
    world.get(&format!("Endpoint/{endpoint}/?password=canary-password")).await;
    world.admin.put_account(SUB, json!({"auth_token": "canary-token", "parent": AUTH_ID})).await.unwrap();
    world.admin.delete_endpoint(&endpoint).await.unwrap();
    let ledger = world.admin.ledger().await.unwrap();
    let rows: Vec<_> = ledger
        .iter()
        .map(|entry| (entry.seq, entry.op.as_str(), entry.actor.as_str(), entry.id == endpoint, entry.account == AUTH_ID))
        .collect();
    assert_eq!(
        rows,
        [
            (1, "create_endpoint", "api", true, true),
            (2, "update_endpoint", "api", true, true),
            (3, "update_endpoint", "console", true, true),
            (4, "delete_endpoint", "console", true, true),
        ]
    );
    assert_eq!((&ledger[1].request["password"], &ledger[1].request["alias"]), (&json!("***"), &json!("b")));
    assert_eq!((&ledger[2].before["alias"], &ledger[2].after["alias"]), (&json!("b"), &json!("c")));
    assert_eq!((&ledger[0].before, &ledger[3].after), (&Value::Null, &Value::Null));
    let log = world.admin.requests().await.unwrap();
    let everything = format!("{ledger:?} {log:?} {}", world.admin.state().await.unwrap());
    for secret in ["canary-password", "canary-token", "secret1", sandbox::plivo::DEFAULT_AUTH_TOKEN] {
        assert!(!everything.contains(secret), "{secret} is shown");
    }
    assert_eq!(world.admin.ledger_since(2).await.unwrap(), ledger[2..]);
    assert_eq!(world.admin.requests_since(1).await.unwrap(), log[1..]);
}

#[tokio::test]
async fn the_request_log_tells_connections_and_effects_apart() {
    let world = World::new().await;
    world.endpoint("alice").await;
    world.get("Endpoint/?limit=3").await;
    let fresh = crate::support::client(std::time::Duration::from_secs(20));
    crate::support::reply(fresh.get(format!("{}/v1/Account/{AUTH_ID}/", world.simulator.url()))).await.unwrap();
    let log = world.admin.requests().await.unwrap();
    let rows: Vec<_> =
        log.iter().map(|row| (row.n, row.method.as_str(), row.query.as_str(), row.status, row.executed, row.answered)).collect();
    assert_eq!(
        rows,
        [(1, "POST", "", Some(201), true, true), (2, "GET", "limit=3", Some(200), false, true), (3, "GET", "", Some(401), false, true),]
    );
    assert!(log.iter().all(|row| row.account.as_deref() == Some(AUTH_ID) && row.duration_ms.is_some()));
    assert_eq!(log[0].connection, log[1].connection, "a kept connection");
    assert_ne!(log[1].connection, log[2].connection, "another client's");
}

#[tokio::test]
async fn the_console_edits_everything() {
    let world = World::new().await;
    let app = world.admin.create_application(json!({"app_name": "seeded", "app_id": "4711", "default_endpoint_app": true})).await.unwrap();
    assert_eq!((&app["app_id"], &app["default_endpoint_app"]), (&json!("4711"), &json!(true)));
    let made =
        world.admin.create_endpoint(json!({"username": "front", "alias": "a", "password": "secret1", "app_id": "4711"})).await.unwrap();
    let endpoint = id(&made, "endpoint_id");
    assert!(id(&made, "username").len() == "front".len() + 12, "digits are appended: {made}");
    let exact = world.admin.create_endpoint(json!({"full_username": "exact7"})).await.unwrap();
    assert_eq!(exact["username"], "exact7");
    let patched = world.admin.patch_endpoint(&endpoint, json!({"username": "other1", "app_id": null, "alias": ""})).await.unwrap();
    assert_eq!((&patched["username"], &patched["application"], &patched["alias"]), (&json!("other1"), &Value::Null, &json!("")));
    world.admin.create_number(json!({"number": "15550000001", "city": "Reno"})).await.unwrap();
    let number = world.admin.patch_number("15550000001", json!({"app_id": "4711", "alias": "x"})).await.unwrap();
    assert_eq!((&number["alias"], &number["city"]), (&json!("x"), &json!("Reno")));
    assert!(number["application"].is_string());
    world.admin.delete_number("15550000001").await.unwrap();
    world.admin.delete_endpoint(&endpoint).await.unwrap();
    let state = world.admin.state().await.unwrap();
    assert_eq!((&state["numbers_rented"], &state["numbers_released"]), (&json!(0), &json!(0)), "the console's acts are no rentals");
    assert!(world.admin.ledger().await.unwrap().iter().all(|entry| entry.actor == "console"));
}

#[tokio::test]
async fn ten_thousand_numbers_are_seeded_by_one_call() {
    let world = World::new().await;
    world.admin.create_numbers(json!({"number": "14150000000", "alias": "seeded"}), 10_000).await.unwrap();
    let page = world.get("Number/?limit=20&offset=9990").await.json();
    assert_eq!((page["objects"].as_array().map(Vec::len), &page["meta"]["total_count"]), (Some(10), &json!(10_000)));
    let shown = world.get("Number/14150009999/").await.json();
    assert_eq!((&shown["alias"], world.get("Number/14150010000/").await.status), (&json!("seeded"), 404));
    let state = world.admin.state().await.unwrap();
    assert_eq!((&state["numbers_rented"], &state["numbers_released"]), (&json!(0), &json!(0)));
    // All or none.
    for (number, count) in [("14149999999", 2), ("14150009999", 1), ("999999999999999", 2), ("15550000000", 0), ("15550000000", 100_001)] {
        assert!(world.admin.create_numbers(json!({"number": number}), count).await.is_err(), "{number} and {count}");
    }
    assert_eq!(world.get("Number/?limit=1").await.json()["meta"]["total_count"], 10_000);
}

#[tokio::test]
async fn the_console_renames_and_deletes_applications_and_keeps_their_endpoints() {
    let world = World::new().await;
    let app = world.application(json!({"app_name": "a"})).await;
    let endpoint = world.endpoint("alice").await;
    world.post(&format!("Endpoint/{endpoint}/"), json!({"app_id": app})).await;
    assert_eq!(world.admin.patch_application(&app, json!({"app_name": "b"})).await.unwrap()["app_name"], "b");
    assert_eq!(world.get(&format!("Application/{app}/")).await.json()["app_name"], "b");
    assert!(world.admin.patch_application(&app, json!({"answer_url": "x"})).await.is_err());
    world.admin.delete_application(&app).await.unwrap();
    assert_eq!(world.get(&format!("Application/{app}/")).await.status, 404);
    assert_eq!(world.get(&format!("Endpoint/{endpoint}/")).await.json()["application"], Value::Null);
    assert!(world.admin.delete_application(&app).await.is_err());
    let acts: Vec<_> = world.admin.ledger().await.unwrap().into_iter().skip(3).map(|entry| (entry.op, entry.actor)).collect();
    let console = |op: &str| (op.to_owned(), "console".to_owned());
    assert_eq!(acts, [console("update_application"), console("delete_application"), console("update_endpoint")]);
}

#[tokio::test]
async fn an_application_deleted_elsewhere_takes_its_endpoints_along() {
    let world = World::new().await;
    let app = world.application(json!({"app_name": "a"})).await;
    let endpoint = world.endpoint("alice").await;
    let stays = world.endpoint("bob").await;
    world.post(&format!("Endpoint/{endpoint}/"), json!({"app_id": app})).await;
    world.admin.cascade(&app).await.unwrap();
    assert_eq!(
        (world.get(&format!("Endpoint/{endpoint}/")).await.status, world.get(&format!("Endpoint/{stays}/")).await.status),
        (404, 200)
    );
    let acts: Vec<_> = world.admin.ledger().await.unwrap().into_iter().rev().take(2).map(|entry| (entry.op, entry.actor)).collect();
    assert_eq!(acts, [("delete_endpoint".to_owned(), "console".to_owned()), ("delete_application".to_owned(), "console".to_owned())]);
}

#[tokio::test]
async fn a_phone_registers_and_goes_away() {
    let world = World::new().await;
    let endpoint = world.endpoint("alice").await;
    let path = format!("Endpoint/{endpoint}/");
    world
        .admin
        .register(&endpoint, json!({"sip_contact": "sip:x@192.0.2.1", "sip_user_agent": "Test 1", "expires_seconds": 60}))
        .await
        .unwrap();
    let shown = world.get(&path).await.json();
    assert_eq!(
        (&shown["sip_registered"], &shown["sip_contact"], &shown["sip_user_agent"]),
        (&json!("true"), &json!("sip:x@192.0.2.1"), &json!("Test 1"))
    );
    let expires = id(&shown, "sip_expires");
    assert!(jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", &expires).is_ok(), "{expires}");
    assert!(shown.get("api_id").is_none() && shown.get("password").is_none(), "the registered sample has neither");
    world.admin.register(&endpoint, json!({"expires_seconds": 0})).await.unwrap();
    assert_eq!(world.get(&path).await.json()["sip_registered"], "false", "an expired registration is none");
    world.admin.register(&endpoint, json!({})).await.unwrap();
    world.admin.unregister(&endpoint).await.unwrap();
    let shown = world.get(&path).await.json();
    assert_eq!((&shown["sip_registered"], shown.get("sip_contact")), (&json!("false"), None));
}

#[tokio::test]
async fn accounts_are_made_retokened_and_removed_at_run_time() {
    let mut world = World::new().await;
    let first = (SUB.to_owned(), "first".to_owned());
    world.admin.put_account(SUB, json!({"auth_token": "first", "parent": AUTH_ID})).await.unwrap();
    world.user = first;
    let endpoint = world.endpoint("alice").await;
    world.admin.create_endpoint(json!({"username": "console", "account": SUB})).await.unwrap();
    assert_eq!(world.get("Endpoint/").await.json()["meta"]["total_count"], 2);
    world.admin.put_account(SUB, json!({"auth_token": "second"})).await.unwrap();
    assert_eq!(world.get("").await.status, 401, "the old token is void");
    world.user.1 = "second".to_owned();
    assert_eq!(world.get(&format!("Endpoint/{endpoint}/")).await.status, 200, "the objects stay");
    world.admin.delete_account(SUB).await.unwrap();
    assert_eq!(world.get("").await.status, 401);
    assert!(world.admin.state().await.unwrap()["accounts"].get(SUB).is_none());
    let cases =
        [("MA1", json!({"auth_token": "x"})), (SUB, json!({})), (SUB, json!({"auth_token": "x", "parent": "MANOBODY000000000000"}))];
    for (account, body) in cases {
        assert!(world.admin.put_account(account, body.clone()).await.is_err(), "{account} {body}");
    }
}

#[tokio::test]
async fn a_reset_leaves_the_credentials_and_nothing_else() {
    let world = World::new().await;
    world.endpoint("alice").await;
    world.post("PhoneNumber/14154009186/", json!({})).await;
    world.admin.set_faults(json!([{"answer": "hang"}])).await.unwrap();
    world.admin.reset().await.unwrap();
    assert!(world.admin.ledger().await.unwrap().is_empty() && world.admin.requests().await.unwrap().is_empty());
    let empty = json!({"accounts": {AUTH_ID: {"parent": null, "endpoints": [], "numbers": [], "applications": []}}, "numbers_rented": 0, "numbers_released": 0});
    assert_eq!(world.admin.state().await.unwrap(), empty);
    assert_eq!(world.get("").await.status, 200);
}

#[tokio::test]
async fn wrong_admin_calls_are_refused_with_a_reason() {
    let world = World::new().await;
    world.admin.create_number(json!({"number": "15550000001"})).await.unwrap();
    let error = async |result: anyhow::Result<Value>| result.unwrap_err().to_string();
    assert!(error(world.admin.create_endpoint(json!({"alias": "a"})).await).await.contains("username or full_username is needed"));
    assert!(error(world.admin.create_endpoint(json!({"username": "a", "app": "1"})).await).await.contains("app is none of"));
    assert!(error(world.admin.create_endpoint(json!({"username": "a", "account": "MAX"})).await).await.contains("there is no account MAX"));
    assert!(error(world.admin.patch_endpoint("1", json!({})).await).await.contains("404"));
    assert!(error(world.admin.create_number(json!({"number": "+1555"})).await).await.contains("digits"));
    assert!(error(world.admin.create_number(json!({"number": "15550000001"})).await).await.contains("exists"));
    assert!(error(world.admin.register("1", json!({})).await).await.contains("there is no endpoint 1"));
    assert!(world.admin.cascade("1").await.is_err() && world.admin.unregister("1").await.is_err());
    assert!(held(&world, "numbers", "number", "15550000001").await.is_object());
}
