//! Every value of every switch shows what contracts/plivo.md 12 says of it.

use sandbox::plivo::Switches;
use serde_json::{Value, json};

use crate::support::{AUTH_ID, Reply, World, column, held, id};

/// What one value of a switch must show.
async fn shows(world: &World, switch: &str, value: &str) {
    let what = format!("{switch}={value}");
    match switch {
        "auth_error_body" => {
            let reply = crate::support::reply(world.http.get(format!("{}/v1/Account/{AUTH_ID}/", world.simulator.url()))).await.unwrap();
            assert_eq!(reply.status, 401, "{what}");
            match value {
                "text" => assert_eq!(reply.text(), sandbox::plivo::UNAUTHORIZED_TEXT, "{what}"),
                "html" => assert!(reply.text().starts_with("<html>"), "{what}"),
                "json" => assert!(reply.json().get("api_id").is_none() && reply.json()["error"].is_string(), "{what}"),
                _ => assert!(reply.body.is_empty(), "{what}"),
            }
        }
        "validation_error_shape" => {
            let reply = world.post("Endpoint/", json!({"username": "1x", "alias": "a"})).await;
            assert_eq!(reply.status, 400, "{what}");
            let error = &reply.json()["error"];
            match value {
                "field_lists" => assert!(error["password"][0].is_string() && error["username"][0].is_string(), "{what}: {error}"),
                "string" => assert!(error.as_str().is_some_and(|text| text.contains("password")), "{what}: {error}"),
                "nested" => assert!(error["error"]["password"].is_string(), "{what}: {error}"),
                _ => assert_eq!(error.as_array().map(Vec::len), Some(2), "{what}: {error}"),
            }
        }
        "not_found_body" => {
            for path in ["Endpoint/1/", "Number/1/", "Application/1/", "Nothing/"] {
                let reply = world.get(path).await;
                assert_eq!(reply.status, 404, "{what} {path}");
                match value {
                    "json" => assert!(reply.json()["error"].as_str().is_some_and(|text| text.contains("not found")), "{what} {path}"),
                    "empty_object" => assert_eq!(reply.json(), json!({}), "{what} {path}"),
                    _ => assert!(reply.text().starts_with("<html>"), "{what} {path}"),
                }
            }
        }
        "delete_body" => delete_body(world, value).await,
        "username_suffix" => {
            let reply = world.post("Endpoint/", json!({"username": "abc", "password": "secret1", "alias": "a"})).await;
            let username = id(&reply.json(), "username");
            let digits = username.strip_prefix("abc").unwrap();
            assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{what}: {username}");
            assert_eq!(digits.len(), if value == "time12" { 12 } else { 23 }, "{what}: {username}");
        }
        "password_in_get" | "password_in_list" => passwords(world, switch, value).await,
        "no_application_as" => {
            let endpoint = world.endpoint("abc").await;
            world.admin.create_number(json!({"number": "15550000001"})).await.unwrap();
            for path in [format!("Endpoint/{endpoint}/"), "Number/15550000001/".to_owned()] {
                let shown = world.get(&path).await.json();
                let expected = match value {
                    "null" => Some(Value::Null),
                    "empty" => Some(json!("")),
                    _ => None,
                };
                assert_eq!(shown.get("application"), expected.as_ref(), "{what} {path}");
            }
        }
        "endpoint_omitted_app" | "endpoint_detach" => endpoint_applications(world, switch, value).await,
        "number_omitted_app" | "number_detach" => number_applications(world, switch, value).await,
        "number_alias" => {
            world.admin.create_number(json!({"number": "15550000001", "alias": "Seeded"})).await.unwrap();
            assert_eq!(world.get("Number/15550000001/").await.json()["alias"], "Seeded", "{what}");
            assert_eq!(world.post("Number/15550000001/", json!({"alias": "Main Line", "app_id": ""})).await.status, 202);
            let expected = if value == "lower" { "main line" } else { "Main Line" };
            assert_eq!(world.get("Number/15550000001/").await.json()["alias"], expected, "{what}");
        }
        "app_delete_numbers" => {
            let app = world.application(json!({"app_name": "app"})).await;
            world.admin.create_number(json!({"number": "15550000001", "app_id": app})).await.unwrap();
            assert_eq!(world.delete(&format!("Application/{app}/")).await.status, 204);
            let shown = &world.get("Number/15550000001/").await.json()["application"];
            assert_eq!(shown.is_null(), value == "null", "{what}: {shown}");
        }
        "unknown_app_id" => {
            let endpoint = world.endpoint("abc").await;
            world.admin.create_number(json!({"number": "15550000001"})).await.unwrap();
            let create = json!({"username": "def", "password": "secret1", "alias": "a", "app_id": "4711"});
            let (success, refused) = if value == "accept" { (202, 201) } else { (value.parse().unwrap(), value.parse().unwrap()) };
            assert_eq!(world.post("Endpoint/", create).await.status, refused, "{what}");
            for path in [format!("Endpoint/{endpoint}/"), "Number/15550000001/".to_owned()] {
                assert_eq!(world.post(&path, json!({"app_id": "4711"})).await.status, success, "{what} {path}");
            }
        }
        "unknown_keys" => {
            let (endpoint, app) = (world.endpoint("abc").await, world.application(json!({"app_name": "app"})).await);
            world.admin.create_number(json!({"number": "15550000001"})).await.unwrap();
            let updated = if value == "reject" { 400 } else { 202 };
            let statuses = [
                (world.post(&format!("Endpoint/{endpoint}/"), json!({"endpoint_id": endpoint})).await, updated),
                (world.post(&format!("Application/{app}/"), json!({"app_id": app, "app_name": "b"})).await, updated),
                // Numbers tolerate them always, and so does every DELETE.
                (world.post("Number/15550000001/", json!({"number": "15550000001", "foo": 1})).await, 202),
                (
                    world
                        .try_call(http::Method::DELETE, &format!("Endpoint/{endpoint}/"), Some(json!({"endpoint_id": endpoint})))
                        .await
                        .unwrap(),
                    204,
                ),
            ];
            for (place, (reply, status)) in statuses.iter().enumerate() {
                assert_eq!(reply.status, *status, "{what}, request {place}: {}", reply.text());
            }
        }
        "alias_rule" => {
            let endpoint = world.endpoint("abc").await;
            let strict = [("two words", 400), ("dot.", 400), ("ok-_1", 202), ("", 400)];
            for (alias, status) in strict.into_iter().map(|(alias, status)| (alias, if value == "strict" { status } else { 202 })) {
                assert_eq!(world.post(&format!("Endpoint/{endpoint}/"), json!({"alias": alias})).await.status, status, "{what} {alias:?}");
            }
            assert_eq!(
                world.post(&format!("Endpoint/{endpoint}/"), json!({"alias": "a".repeat(51)})).await.status,
                if value == "strict" { 400 } else { 202 }
            );
        }
        "username_case" => {
            let reply = world.post("Endpoint/", json!({"username": "AbC", "password": "secret1", "alias": "a"})).await;
            let expected = if value == "keep" { "AbC" } else { "abc" };
            assert!(id(&reply.json(), "username").starts_with(expected), "{what}");
        }
        "list_order" => {
            let mut made = Vec::new();
            for n in 0..8 {
                made.push(world.endpoint(&format!("user{n}")).await);
            }
            let mut orders = Vec::new();
            for _ in 0..6 {
                orders.push(column(&world.get("Endpoint/").await.json(), "endpoint_id"));
            }
            let newest: Vec<String> = made.iter().rev().cloned().collect();
            match value {
                "newest_first" => assert!(orders.iter().all(|order| *order == newest), "{what}"),
                "oldest_first" => assert!(orders.iter().all(|order| *order == made), "{what}"),
                // 8! orders: six equal ones in a row do not happen with any seed worth having.
                _ => assert!(orders.iter().any(|order| *order != orders[0]) && orders.iter().all(|order| order.len() == 8), "{what}"),
            }
        }
        "list_over_20" => {
            for n in 0..22 {
                world.admin.create_endpoint(json!({"username": format!("user{n}")})).await.unwrap();
            }
            let reply = world.get("Endpoint/?limit=21").await;
            if value == "clamp" {
                assert_eq!((reply.status, reply.json()["objects"].as_array().unwrap().len()), (200, 20), "{what}");
            } else {
                assert_eq!(reply.status, 400, "{what}");
            }
        }
        "list_total" => {
            world.endpoint("abc").await;
            let second = world.endpoint("def").await;
            let total = async || world.get("Endpoint/").await.json()["meta"]["total_count"].as_u64().unwrap();
            assert_eq!(total().await, if value == "exact" { 2 } else { 1 }, "{what}");
            world.delete(&format!("Endpoint/{second}/")).await;
            assert_eq!(total().await, if value == "exact" { 1 } else { 2 }, "{what}");
        }
        "missing_slash" => {
            let reply = world.get("Endpoint?limit=3").await;
            match value {
                "not_found" => assert_eq!(reply.status, 404, "{what}"),
                "redirect" => {
                    assert_eq!(
                        (reply.status, reply.header("location")),
                        (301, format!("/v1/Account/{AUTH_ID}/Endpoint/?limit=3").as_str()),
                        "{what}"
                    );
                }
                _ => assert_eq!(reply.json()["meta"]["limit"], 3, "{what}"),
            }
        }
        "rate_model" => {
            // The models differ in time only (unit tests have a clock); here each of them lets exactly the limit through at once.
            world.admin.set_switches(json!({"rate_limit": 5, "rate_window_s": 3600})).await.unwrap();
            assert_eq!(statuses(world, 7).await, [200, 200, 200, 200, 200, 429, 429], "{what}");
        }
        "rate_scope" => rate_scope(world, value).await,
        "rate_body" | "retry_after" => {
            world.admin.set_switches(json!({"rate_limit": 1, "rate_window_s": 3600})).await.unwrap();
            world.get("").await;
            refusal(&world.get("").await, switch, value);
        }
        "rate_limit" | "rate_window_s" => {
            world.admin.set_switches(json!({"rate_limit": 2, "rate_window_s": 3600})).await.unwrap();
            assert_eq!(statuses(world, 3).await, [200, 200, 429]);
            world.admin.set_switches(json!({"rate_limit": 0})).await.unwrap();
            assert_eq!(statuses(world, 3).await, [200; 3]);
            // What was counted leaves the window when the window becomes short.
            world.admin.set_switches(json!({"rate_limit": 2, "rate_window_s": 0.001})).await.unwrap();
            assert_eq!(world.get("").await.status, 200);
        }
        "visibility_delay_s" => visibility_delay(world).await,
        "visibility_ms" => visibility_of(world).await,
        "latency_ms" => {
            world.admin.set_switches(json!({"latency_ms": 40})).await.unwrap();
            world.get("").await;
            let request = world.admin.requests().await.unwrap().pop().unwrap();
            assert!(request.duration_ms.is_some_and(|ms| ms >= 40), "{request:?}");
        }
        "sip_domain" => {
            let endpoint = world.endpoint("abc").await;
            world.switch("sip_domain", "sip.example.test:5070").await;
            let shown = world.get(&format!("Endpoint/{endpoint}/")).await.json();
            assert_eq!(shown["sip_uri"], json!(format!("sip:{}@sip.example.test:5070", id(&shown, "username"))));
        }
        _ => panic!("no test for the switch {switch}"),
    }
}

async fn statuses(world: &World, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(world.get("").await.status);
    }
    statuses
}

fn refusal(reply: &Reply, switch: &str, value: &str) {
    assert_eq!(reply.status, 429);
    match (switch, value) {
        ("rate_body", "json") => assert!(reply.json()["error"].is_string()),
        ("rate_body", "text") => assert_eq!(reply.text(), "Too Many Requests"),
        ("rate_body", "html") => assert!(reply.text().starts_with("<html>")),
        ("rate_body", _) => assert!(reply.body.is_empty()),
        (_, "none") => assert!(!reply.headers.contains_key("retry-after")),
        (_, "seconds") => assert!((1..=3600).contains(&reply.header("retry-after").parse::<u64>().unwrap())),
        _ => {
            let date = jiff::fmt::rfc2822::parse(reply.header("retry-after")).unwrap();
            assert!(date.timestamp() > jiff::Timestamp::now(), "{}", reply.header("retry-after"));
        }
    }
}

async fn rate_scope(world: &World, value: &str) {
    let token = crate::support::SUB_TOKEN;
    world.admin.put_account(crate::support::SUB, json!({"auth_token": token, "parent": AUTH_ID})).await.unwrap();
    world.admin.set_switches(json!({"rate_limit": 1, "rate_window_s": 3600})).await.unwrap();
    let sub = world
        .http
        .get(format!("{}/v1/Account/{}/", world.simulator.url(), crate::support::SUB))
        .basic_auth(crate::support::SUB, Some(token));
    assert_eq!(world.get("").await.status, 200);
    let shared = crate::support::reply(sub).await.unwrap().status;
    assert_eq!(shared, if value == "main_account" { 429 } else { 200 }, "{value}");
}

async fn delete_body(world: &World, value: &str) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let endpoint = world.endpoint("abc").await;
    let authorization = world.request(http::Method::DELETE, "").build().unwrap().headers()["authorization"].to_str().unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(world.simulator.url().trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "DELETE /v1/Account/{AUTH_ID}/Endpoint/{endpoint}/ HTTP/1.1\r\nhost: x\r\nauthorization: {authorization}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).await.unwrap();
    let raw = String::from_utf8(raw).unwrap();
    let (head, body) = raw.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 204"), "{head}");
    assert_eq!(body.is_empty(), value == "empty", "{value}: {body:?}");
}

async fn passwords(world: &World, switch: &str, value: &str) {
    let (free, busy) = (world.endpoint("abc").await, world.endpoint("def").await);
    world.admin.register(&busy, json!({})).await.unwrap();
    for (endpoint, expected) in [(free, value != "never"), (busy, value == "always")] {
        let shown = if switch == "password_in_get" {
            world.get(&format!("Endpoint/{endpoint}/")).await.json()
        } else {
            let list = world.get("Endpoint/").await.json();
            list["objects"].as_array().unwrap().iter().find(|object| object["endpoint_id"] == json!(endpoint)).unwrap().clone()
        };
        // md5("secret1")
        let expected = expected.then(|| json!("e52d98c459819a11775936d8dfbb7929"));
        assert_eq!(shown.get("password"), expected.as_ref(), "{switch}={value}: {shown}");
    }
}

async fn endpoint_applications(world: &World, switch: &str, value: &str) {
    let app = world.application(json!({"app_name": "app"})).await;
    let endpoint = world.endpoint("abc").await;
    let path = format!("Endpoint/{endpoint}/");
    assert_eq!(world.post(&path, json!({"app_id": app})).await.status, 202);
    let body = if switch == "endpoint_detach" { json!({"app_id": ""}) } else { json!({"alias": "b"}) };
    let status = world.post(&path, body).await.status;
    let attached = world.get(&path).await.json()["application"].is_string();
    let expected = match value {
        "detach" => (202, false),
        "unchanged" | "ignore" => (202, true),
        _ => (400, true),
    };
    assert_eq!((status, attached), expected, "{switch}={value}");
    // null is not the same as a missing key: it changes nothing under any value.
    let before = world.get(&path).await.json()["application"].clone();
    assert_eq!(world.post(&path, json!({"app_id": null})).await.status, 202);
    assert_eq!(world.get(&path).await.json()["application"], before, "{switch}={value}");
}

async fn number_applications(world: &World, switch: &str, value: &str) {
    let (default, other) =
        (world.application(json!({"app_name": "d", "default_number_app": true})).await, world.application(json!({"app_name": "o"})).await);
    world.admin.create_number(json!({"number": "15550000001", "app_id": other})).await.unwrap();
    let body = if switch == "number_detach" { json!({"app_id": ""}) } else { json!({"alias": "b"}) };
    assert_eq!(world.post("Number/15550000001/", json!({"app_id": null, "alias": "null"})).await.status, 202);
    let shown = async || held(world, "numbers", "number", "15550000001").await["application"].clone();
    let uri = |app: &str| json!(format!("/v1/Account/{AUTH_ID}/Application/{app}/"));
    assert_eq!(shown().await, uri(&other), "null changes nothing");
    assert_eq!(world.post("Number/15550000001/", body).await.status, 202);
    let expected = match value {
        "default_app" => uri(&default),
        "unchanged" => uri(&other),
        _ => Value::Null,
    };
    assert_eq!(shown().await, expected, "{switch}={value}");
}

/// No time passes here: the delay is 10 minutes, and then none.
async fn visibility_delay(world: &World) {
    let old = world.endpoint("old").await;
    world.switch("visibility_delay_s", "600").await;
    let new = world.endpoint("new").await;
    let shown = async |path: &str| world.get(path).await.json();
    assert_eq!(world.get(&format!("Endpoint/{new}/")).await.status, 404, "a new endpoint is hidden");
    assert!(column(&shown("Endpoint/").await, "endpoint_id").is_empty(), "also the older one, made less than ten minutes ago");
    world.post(&format!("Endpoint/{old}/"), json!({"alias": "changed"})).await;
    world
        .admin
        .set_switches(json!({"visibility_delay_s": 0, "visibility_ms": {"get": 600_000, "list": 0, "after": "update"}}))
        .await
        .unwrap();
    assert_eq!(shown(&format!("Endpoint/{old}/")).await["alias"], "alias", "an update shows the old value");
    world.admin.set_switches(json!({"visibility_ms": null})).await.unwrap();
    assert_eq!(shown(&format!("Endpoint/{old}/")).await["alias"], "changed");
    assert_eq!(shown("Endpoint/").await["objects"].as_array().unwrap().len(), 2);
}

async fn visibility_of(world: &World) {
    // (members, then: endpoint created / updated / deleted → seen by GET with new value?, listed?, deletable?)
    let cases = [
        (json!({"get": 600_000, "after": "create"}), "create", (404, 1)),
        (json!({"list": 600_000, "after": "create"}), "create", (200, 0)),
        (json!({"list": 600_000, "get": 600_000}), "create", (404, 0)),
        (json!({"get": 600_000, "after": "delete"}), "create", (200, 1)),
        (json!({"get": 600_000, "after": "delete"}), "delete", (200, 0)),
        (json!({"list": 600_000, "after": "create|delete"}), "delete", (404, 0)),
        (json!({"list": 600_000, "after": "delete"}), "delete", (404, 1)),
    ];
    for (delays, act, expected) in cases {
        world.admin.reset().await.unwrap();
        world.admin.set_switches(json!({"visibility_ms": delays})).await.unwrap();
        let endpoint = world.endpoint("abc").await;
        if act == "delete" {
            assert_eq!(world.delete(&format!("Endpoint/{endpoint}/")).await.status, 204, "{delays}");
        }
        let seen = world.get(&format!("Endpoint/{endpoint}/")).await.status;
        let listed = world.get("Endpoint/").await.json()["objects"].as_array().unwrap().len();
        assert_eq!((seen, listed), expected, "{delays} after {act}");
    }
    world.admin.reset().await.unwrap();
    world.admin.set_switches(json!({"visibility_ms": {"delete": 600_000, "after": "create"}})).await.unwrap();
    let endpoint = world.endpoint("abc").await;
    assert_eq!(world.delete(&format!("Endpoint/{endpoint}/")).await.status, 404, "a DELETE that does not see the endpoint yet");
    assert_eq!(world.ops().await, ["create_endpoint"]);
}

#[tokio::test]
async fn every_value_of_every_switch_shows_its_effect() {
    for (name, values) in Switches::NAMES {
        let values = if values.is_empty() { &[""][..] } else { values };
        for value in values {
            // Set at start and set at run time must be the same.
            let at_start = if value.is_empty() { Vec::new() } else { vec![(*name, *value)] };
            shows(&World::with(&at_start).await, name, value).await;
        }
    }
}

#[tokio::test]
async fn switches_change_at_run_time_all_or_none() {
    let world = World::new().await;
    let defaults = world.admin.switches().await.unwrap();
    for (name, values) in Switches::NAMES {
        if let Some(first) = values.first() {
            assert_eq!(defaults[name], json!(first), "the first value of {name} is its default");
        }
        for value in *values {
            assert_eq!(world.admin.set_switches(json!({*name: value})).await.unwrap()[name], json!(value));
        }
    }
    world.admin.reset().await.unwrap();
    assert_eq!(world.admin.switches().await.unwrap(), defaults, "a reset puts the switches back to those of the start");
    let cases = [
        (json!({"list_order": "oldest_first", "delete_body": "none"}), "delete_body: none is none of empty, bytes"),
        (json!({"no_such": 1}), "there is no switch no_such"),
        (json!({"rate_limit": -1}), "rate_limit"),
        (json!({"visibility_ms": {"get": "soon"}}), "get is milliseconds"),
        (json!({"visibility_ms": {"after": "tomorrow"}}), "after is create, update, delete"),
        (json!({"latency_ms": 1.5}), "latency_ms"),
    ];
    for (values, words) in cases {
        let error = world.admin.set_switches(values.clone()).await.unwrap_err().to_string();
        assert!(error.contains("400") && error.contains(words), "{values}: {error}");
        assert_eq!(world.admin.switches().await.unwrap(), defaults, "{values}: a refused call changes nothing");
    }
}
