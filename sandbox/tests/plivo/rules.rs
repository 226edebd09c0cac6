//! What the provider accepts and refuses, and what its writes do.

use http::Method;
use serde_json::{Value, json};

use crate::support::{AUTH_ID, World, client, held, id, reply};

#[tokio::test]
async fn an_endpoint_lives_as_documented() {
    let world = World::new().await;
    let created = world.post("Endpoint/", json!({"username": "alice", "password": "test123", "alias": "Double time."})).await;
    let body = created.json();
    let endpoint = id(&body, "endpoint_id");
    assert_eq!((created.status, &body["message"], &body["alias"]), (201, &json!("created"), &json!("Double time.")));
    assert!((13..=15).contains(&endpoint.len()) && endpoint.bytes().all(|byte| byte.is_ascii_digit()), "{endpoint}");
    let shown = world.get(&format!("Endpoint/{endpoint}/")).await.json();
    assert_eq!(shown["password"], "cc03e747a6afbbcbf8be7668acfebee5", "plain MD5 of test123");
    assert_eq!(shown["sip_registered"], "false");
    assert_eq!(shown["sip_uri"], json!(format!("sip:{}@phone.plivo.com", id(&shown, "username"))));
    let changed = world.post(&format!("Endpoint/{endpoint}/"), json!({"alias": "b", "password": "other123", "app_id": null})).await;
    assert_eq!((changed.status, &changed.json()["message"]), (202, &json!("changed")));
    let again = world.post(&format!("Endpoint/{endpoint}/"), json!({"alias": "b"})).await;
    assert_eq!(again.status, 202, "also when nothing changes");
    let deleted = world.delete(&format!("Endpoint/{endpoint}/")).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert_eq!(
        (world.delete(&format!("Endpoint/{endpoint}/")).await.status, world.get(&format!("Endpoint/{endpoint}/")).await.status),
        (404, 404)
    );
    assert_eq!(world.ops().await, ["create_endpoint", "update_endpoint", "update_endpoint", "delete_endpoint"]);
}

#[tokio::test]
async fn every_answer_has_an_api_id_of_its_own_version_1() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for path in ["", "Endpoint/", "Endpoint/1/", "Nothing/"] {
        ids.push(id(&world.get(path).await.json(), "api_id"));
    }
    for id in &ids {
        let parsed = uuid::Uuid::parse_str(id).unwrap();
        assert_eq!((parsed.get_version_num(), parsed.get_variant()), (1, uuid::Variant::RFC4122), "{id}");
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn a_create_is_refused_for_what_the_contract_forbids() {
    let good = json!({"username": "alice", "password": "secret1", "alias": "a"});
    let cases = [
        ("username", Value::Null),
        ("username", json!("")),
        ("username", json!("1abc")),
        ("username", json!("a b")),
        ("username", json!("a-b")),
        ("username", json!("ä")),
        ("username", json!("a".repeat(26))),
        ("username", json!(7)),
        ("password", Value::Null),
        ("password", json!("1234")),
        ("password", json!("1".repeat(33))),
        ("password", json!(12345)),
        ("alias", Value::Null),
        ("alias", json!("")),
        ("alias", json!(true)),
        ("app_id", json!({"id": 1})),
        ("app_id", json!("4711")),
        ("endpoint_id", json!("1")),
    ];
    let world = World::new().await;
    for (name, value) in cases {
        let mut body = good.clone();
        body[name] = value.clone();
        let reply = world.post("Endpoint/", body).await;
        assert_eq!(reply.status, 400, "{name}={value}");
        assert!(reply.json()["error"][name][0].is_string(), "{name}={value}: {}", reply.text());
    }
    assert!(world.ops().await.is_empty());
    for (name, value) in [
        ("username", json!("a".repeat(25))),
        ("password", json!("12345")),
        ("password", json!("ö".repeat(32))),
        ("app_id", Value::Null),
        ("app_id", json!("")),
    ] {
        let mut body = good.clone();
        body[name] = value.clone();
        assert_eq!(world.post("Endpoint/", body).await.status, 201, "{name}={value}");
    }
}

#[tokio::test]
async fn bodies_that_are_no_json_object_are_refused() {
    let world = World::new().await;
    let cases = [
        ("application/json", "{", 400),
        ("application/json", "[]", 422),
        ("application/json", "\"\"", 422),
        ("application/json", "", 400),
        ("application/x-www-form-urlencoded", "username=a", 406),
        ("application/json; charset=UTF-8", "{\"username\": \"a\", \"password\": \"secret1\", \"alias\": \"a\"}", 201),
    ];
    for (kind, body, status) in cases {
        let reply = reply(world.request(Method::POST, "Endpoint/").header("content-type", kind).body(body)).await.unwrap();
        assert_eq!(reply.status, status, "{kind} {body}: {}", reply.text());
    }
    for method in [Method::PUT, Method::PATCH] {
        assert_eq!(world.try_call(method, "Endpoint/1/", Some(json!({}))).await.unwrap().status, 405);
    }
    assert_eq!(world.delete("Endpoint/").await.status, 405);
}

#[tokio::test]
async fn two_equal_creates_make_two_endpoints_with_different_names() {
    let world = World::new().await;
    let body = json!({"username": "alice", "password": "secret1", "alias": "a"});
    let (one, two) = (world.post("Endpoint/", body.clone()).await, world.post("Endpoint/", body).await);
    assert_eq!((one.status, two.status), (201, 201));
    assert_ne!(one.json()["username"], two.json()["username"]);
    assert_ne!(one.json()["endpoint_id"], two.json()["endpoint_id"]);
}

#[tokio::test]
async fn the_default_application_is_attached_only_where_none_is_named() {
    let world = World::new().await;
    let first = world.application(json!({"app_name": "first", "default_endpoint_app": true})).await;
    let default = world.application(json!({"app_name": "second", "default_endpoint_app": "true"})).await;
    let other = world.application(json!({"app_name": "other"})).await;
    assert_eq!(world.get(&format!("Application/{first}/")).await.json()["default_endpoint_app"], false, "at most one holds the flag");
    for (app_id, expected) in [(None, Some(&default)), (Some(""), None), (Some(other.as_str()), Some(&other))] {
        let mut body = json!({"username": "alice", "password": "secret1", "alias": "a"});
        if let Some(app_id) = app_id {
            body["app_id"] = json!(app_id);
        }
        let endpoint = id(&world.post("Endpoint/", body).await.json(), "endpoint_id");
        let uri = expected.map(|app| format!("/v1/Account/{AUTH_ID}/Application/{app}/"));
        assert_eq!(world.get(&format!("Endpoint/{endpoint}/")).await.json()["application"], json!(uri), "{app_id:?}");
    }
}

#[tokio::test]
async fn deleting_an_application_deletes_its_endpoints_unless_told_otherwise() {
    // (query, body, endpoint survives)
    let cases = [
        ("", None, false),
        ("?cascade=true", None, false),
        ("?cascade=false", None, true),
        ("", Some(json!({"cascade": false})), true),
        ("", Some(json!({"cascade": "false"})), true),
        ("", Some(json!({"cascade": "False", "app_id": "1"})), true),
        ("", Some(json!({"cascade": true})), false),
        ("", Some(json!({"cascade": null, "id": "1", "secondary_id": null})), false),
        ("?cascade=false", Some(json!({"cascade": "false"})), true),
    ];
    for (query, body, survives) in cases {
        let world = World::new().await;
        let (app, other) = (world.application(json!({"app_name": "a"})).await, world.application(json!({"app_name": "b"})).await);
        let endpoint = world.endpoint("alice").await;
        world.post(&format!("Endpoint/{endpoint}/"), json!({"app_id": app})).await;
        let reply = world.try_call(Method::DELETE, &format!("Application/{app}/{query}"), body.clone()).await.unwrap();
        assert_eq!(reply.status, 204, "{query} {body:?}");
        let shown = world.get(&format!("Endpoint/{endpoint}/")).await;
        assert_eq!(shown.status, if survives { 200 } else { 404 }, "{query} {body:?}");
        if survives {
            assert!(shown.json()["application"].is_null(), "attached to nothing");
        }
        let last = world.ops().await.pop().unwrap();
        assert_eq!(last, if survives { "update_endpoint" } else { "delete_endpoint" });
        assert_eq!(world.get(&format!("Application/{other}/")).await.status, 200);
    }
    let world = World::new().await;
    let (app, other) = (world.application(json!({"app_name": "a"})).await, world.application(json!({"app_name": "b"})).await);
    let endpoint = world.endpoint("alice").await;
    world.post(&format!("Endpoint/{endpoint}/"), json!({"app_id": app})).await;
    let body = json!({"cascade": false, "new_endpoint_application": other});
    world.try_call(Method::DELETE, &format!("Application/{app}/"), Some(body)).await.unwrap();
    let moved = world.get(&format!("Endpoint/{endpoint}/")).await.json()["application"].clone();
    assert_eq!(moved, json!(format!("/v1/Account/{AUTH_ID}/Application/{other}/")));
}

#[tokio::test]
async fn applications_have_documented_defaults_and_checks() {
    let world = World::new().await;
    let app = world.application(json!({"app_name": "a", "answer_url": "https://a.example/x", "public_uri": "true"})).await;
    let shown = world.get(&format!("Application/{app}/")).await.json();
    let expected = [
        ("hangup_url", json!("https://a.example/x")),
        ("answer_method", json!("POST")),
        ("public_uri", json!(true)),
        ("enabled", json!(true)),
        ("message_url", json!("")),
    ];
    for (name, value) in expected {
        assert_eq!(shown[name], value, "{name}");
    }
    let cases = [
        json!({"app_name": "a b"}),
        json!({}),
        json!({"app_name": "a", "answer_url": "ftp://x"}),
        json!({"app_name": "a", "answer_method": "PUT"}),
        json!({"app_name": "a", "public_uri": "maybe"}),
        json!({"app_name": "a", "subaccount": "SA1"}),
    ];
    for body in cases {
        assert_eq!(world.post("Application/", body.clone()).await.status, 400, "{body}");
    }
    assert_eq!(world.delete("Application/1/").await.json()["error"], "Application 1 not found.");
}

#[tokio::test]
async fn credentials_decide_on_the_account_in_the_path() {
    let mut world = World::new().await;
    let (sub, token) = world.subaccount().await;
    let other = "MAOTHER0000000000000";
    world.admin.put_account(other, json!({"auth_token": "othertoken"})).await.unwrap();
    let main = (AUTH_ID, world.user.1.clone());
    let cases = [
        (Some((main.0, main.1.as_str())), AUTH_ID, 200),
        (Some((main.0, main.1.as_str())), sub.as_str(), 200),
        (Some((main.0, main.1.as_str())), other, 401),
        (Some((sub.as_str(), token.as_str())), sub.as_str(), 200),
        (Some((sub.as_str(), token.as_str())), AUTH_ID, 401),
        (Some((other, "othertoken")), other, 200),
        (Some((main.0, "othertoken")), AUTH_ID, 401),
        (Some(("MANOBODY000000000000", "x")), AUTH_ID, 401),
        (None, AUTH_ID, 401),
    ];
    for (credentials, account, status) in cases {
        let mut request = world.http.get(format!("{}/v1/Account/{account}/", world.simulator.url()));
        if let Some((user, token)) = credentials {
            request = request.basic_auth(user, Some(token));
        }
        let reply = reply(request).await.unwrap();
        assert_eq!(reply.status, status, "{credentials:?} on {account}");
        if status == 200 {
            assert_eq!(reply.json()["auth_id"], account);
        }
    }
}

#[tokio::test]
async fn accounts_do_not_see_each_others_objects() {
    let mut world = World::new().await;
    let endpoint = world.endpoint("alice").await;
    let app = world.application(json!({"app_name": "a"})).await;
    world.admin.create_number(json!({"number": "15550000001"})).await.unwrap();
    let sub = world.subaccount().await;
    let main = std::mem::replace(&mut world.user, sub.clone());
    for path in [format!("Endpoint/{endpoint}/"), format!("Application/{app}/"), "Number/15550000001/".to_owned()] {
        assert_eq!(world.get(&path).await.status, 404, "{path}");
        assert_eq!(world.post(&path, json!({"alias": "stolen"})).await.status, 404, "{path}");
        assert_eq!(world.delete(&path).await.status, 404, "{path}");
    }
    let own = world.endpoint("alice").await;
    assert_eq!(world.get("Endpoint/").await.json()["meta"]["total_count"], 1);
    // A number that is moved to the subaccount is seen by both.
    world.user = main;
    assert_eq!(world.post("Number/15550000001/", json!({"subaccount": sub.0, "app_id": ""})).await.status, 202);
    assert_eq!(world.get("Number/15550000001/").await.json()["sub_account"], json!(sub.0));
    world.user = sub;
    assert_eq!(world.get("Number/15550000001/").await.status, 200);
    assert_eq!(world.delete("Number/15550000001/").await.status, 404, "only the main account releases it");
    assert_eq!(held(&world, "endpoints", "endpoint_id", &own).await, Value::Null, "the subaccount's endpoint is not the main account's");
}

#[tokio::test]
async fn renting_and_releasing_are_counted() {
    let world = World::new().await;
    assert_eq!(world.post("PhoneNumber/14154009186/", json!({})).await.status, 201);
    assert_eq!(world.post("PhoneNumber/14154009186/", json!({})).await.status, 400, "rented already");
    assert_eq!(world.delete("Number/14154009186/").await.status, 204);
    let state = world.admin.state().await.unwrap();
    assert_eq!((&state["numbers_rented"], &state["numbers_released"]), (&json!(1), &json!(1)));
    assert_eq!(world.ops().await, ["rent_number", "release_number"]);
}

#[tokio::test]
async fn the_same_seed_makes_the_same_ids() {
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let options = sandbox::plivo::Options { seed, ..Default::default() };
        let simulator = sandbox::plivo::Simulator::start(options).await.unwrap();
        let world = World {
            admin: simulator.admin(),
            simulator,
            http: client(std::time::Duration::from_secs(20)),
            user: (AUTH_ID.to_owned(), sandbox::plivo::DEFAULT_AUTH_TOKEN.to_owned()),
        };
        runs.push([world.endpoint("a").await, world.endpoint("b").await]);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}
