//! Fault rules: what the client gets, and what really happened.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::shared::until;
use crate::support::{World, id};

/// What came back: a status with a whole body, or how the connection broke.
async fn create(world: &World) -> Result<(u16, String), String> {
    let body = json!({"username": "abc", "password": "secret1", "alias": "alias"});
    match world.try_call(Method::POST, "Endpoint/", Some(body)).await {
        Ok(reply) => Ok((reply.status, reply.text())),
        Err(error) if error.is_timeout() => Err("timeout".to_owned()),
        Err(error) if error.is_body() || error.is_decode() => Err("cut body".to_owned()),
        Err(_) => Err("no answer".to_owned()),
    }
}

fn rule(members: Value) -> Value {
    let mut rule = json!({"match": {"method": "POST", "path": "/Endpoint/$", "nth": 1, "count": 1}});
    rule.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!([rule])
}

#[tokio::test]
async fn the_client_gets_what_the_rule_says_and_the_effect_happens_as_often_as_it_says() {
    let html = json!({"status": 502, "headers": {"content-type": "text/html", "x-edge": "7"}, "body": "<html>bad gateway</html>"});
    // (rule, what the client gets, effects, status in the log, answered)
    let cases = [
        (json!({"answer": "normal"}), "201", 1, Some(201), true),
        (json!({"answer": "normal", "execute": false}), "201", 0, Some(201), true),
        (json!({"answer": "normal", "execute": 2}), "201", 2, Some(201), true),
        (json!({"answer": html, "execute": true}), "502", 1, Some(502), true),
        (json!({"answer": html, "execute": false}), "502", 0, Some(502), true),
        (json!({"answer": "cut_before"}), "no answer", 0, None, false),
        (json!({"answer": "cut_after"}), "no answer", 1, None, false),
        (json!({"answer": "cut_after", "execute": false}), "no answer", 0, None, false),
        (json!({"answer": "cut_after", "execute": 2}), "no answer", 2, None, false),
        (json!({"answer": "truncate"}), "cut body", 1, Some(201), false),
        (json!({"answer": "truncate", "execute": false}), "cut body", 0, Some(201), false),
        (json!({"answer": "redirect"}), "307", 0, Some(307), true),
        (json!({"answer": {"status": 301, "headers": {"location": "http://192.0.2.1/"}}, "execute": true}), "301", 1, Some(301), true),
        (json!({"answer": {"status": 201, "body": ""}}), "201", 1, Some(201), true),
    ];
    let worlds = [false, true].into_iter().flat_map(|tls| cases.iter().map(move |case| (tls, case.clone())));
    for (tls, (members, expected, effects, status, answered)) in worlds {
        let world = if tls { World::over_tls("faults-tls").await } else { World::new().await };
        world.admin.set_faults(rule(members.clone())).await.unwrap();
        let got = create(&world).await;
        let shown = got.map_or_else(|broken| broken, |(status, _)| status.to_string());
        assert_eq!(shown, expected, "{members}");
        assert_eq!(world.ops().await.len(), effects, "{members}");
        let logged = world.admin.requests().await.unwrap().pop().unwrap();
        assert_eq!((logged.status, logged.answered, logged.executed), (status, answered, effects > 0), "{members}");
        let rules = world.admin.faults().await.unwrap();
        assert_eq!((&rules[0]["hits"], &rules[0]["seen"]), (&json!(1), &json!(1)), "{members}");
        // The rule has no hits left: the next request is answered as ever.
        assert_eq!(create(&world).await.map(|(status, _)| status), Ok(201), "{members}");
    }
}

#[tokio::test]
async fn a_hanging_answer_ends_when_the_client_gives_up_and_the_effect_stays() {
    for (execute, effects) in [(true, 1), (false, 0)] {
        let mut world = World::new().await;
        world.impatient(Duration::from_millis(300));
        world.admin.set_faults(rule(json!({"answer": "hang", "execute": execute}))).await.unwrap();
        assert_eq!(create(&world).await, Err("timeout".to_owned()));
        // The log entry is closed by the client's leaving.
        let ended = async || world.admin.requests().await.unwrap().first().is_some_and(|request| request.duration_ms.is_some());
        until(ended).await;
        let logged = world.admin.requests().await.unwrap().remove(0);
        assert_eq!((logged.status, logged.answered, logged.executed), (None, false, effects > 0));
        assert_eq!(world.ops().await.len(), effects);
    }
}

#[tokio::test]
async fn an_effect_can_come_later_than_the_answer_and_outlives_its_client() {
    let answers = [json!("cut_after"), json!("hang"), json!({"status": 504, "body": "<html>"}), json!("truncate"), json!("normal")];
    for answer in answers {
        let mut world = World::new().await;
        world.impatient(Duration::from_millis(300));
        world.admin.set_faults(rule(json!({"answer": answer, "execute": true, "execute_delay_ms": 400}))).await.unwrap();
        let got = create(&world).await;
        until(async || !world.ops().await.is_empty()).await;
        let (ledger, requests) = (world.admin.ledger().await.unwrap(), world.admin.requests().await.unwrap());
        assert!(ledger[0].at_ms >= requests[0].at_ms + 400, "{answer}: {ledger:?}");
        assert!(requests[0].executed, "{answer}");
        if answer == "normal" {
            // The answer came first, and named the endpoint that exists now.
            let said: Value = serde_json::from_str(&got.unwrap().1).unwrap();
            assert_eq!((&said["endpoint_id"], &said["username"]), (&json!(ledger[0].id), &ledger[0].after["username"]));
        }
    }
}

#[tokio::test]
async fn delays_hold_the_answer_and_not_the_effect() {
    let world = World::new().await;
    world.admin.set_faults(rule(json!({"delay_ms": 150}))).await.unwrap();
    assert_eq!(create(&world).await.map(|(status, _)| status), Ok(201));
    let (ledger, requests) = (world.admin.ledger().await.unwrap(), world.admin.requests().await.unwrap());
    let ended = requests[0].at_ms + requests[0].duration_ms.unwrap();
    assert!(ledger[0].at_ms + 150 <= ended, "{ledger:?} {requests:?}");
}

#[tokio::test]
async fn wrong_success_can_be_scripted_with_the_ids_of_what_really_happened() {
    let cases = [
        json!({"status": 201, "body": {"message": "created", "username": "{{username}}", "alias": "alias", "api_id": "{{api_id}}"}}),
        json!({"status": 201, "body": "{\"endpoint_id\": {{endpoint_id}}, \"username\": \"{{username}}\"}"}),
        json!({"status": 201, "body": {"endpoint_id": "{{endpoint_id}}", "username": "somebodyelse1"}}),
        json!({"status": 202, "body": {"message": "async api spawned", "api_id": "{{api_id}}"}}),
    ];
    let mut bodies = Vec::new();
    for answer in cases {
        let world = World::new().await;
        world.admin.set_faults(rule(json!({"answer": answer, "execute": true}))).await.unwrap();
        let (_, text) = create(&world).await.unwrap();
        let entry = world.admin.ledger().await.unwrap().remove(0);
        let body: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        bodies.push((body, entry));
    }
    let [(no_id, made), (numeric, numbered), (foreign, hidden), (asynchronous, _)] = bodies.as_slice() else { unreachable!() };
    assert_eq!((no_id.get("endpoint_id"), &no_id["username"]), (None, &made.after["username"]));
    assert_eq!(numeric["endpoint_id"].as_u64().map(|id| id.to_string()), Some(numbered.id.clone()), "the id as a number");
    assert_eq!((id(foreign, "endpoint_id"), id(foreign, "username")), (hidden.id.clone(), "somebodyelse1".to_owned()));
    assert_eq!(asynchronous["api_id"].as_str().map(str::len), Some(36));
}

#[tokio::test]
async fn odd_bodies_can_be_sent_large_binary_and_of_any_type() {
    let world = World::new().await;
    let cases = [
        (json!({"status": 200, "body": "0123456789", "repeat": 5_000_000}), 50_000_000, "text/html"),
        (json!({"status": 200, "body_base64": "//79"}), 3, "text/html"),
        (json!({"status": 200, "body": [[]]}), 4, "application/json"),
        (json!({"status": 200, "headers": {"Content-Type": "text/csv"}, "body": "x"}), 1, "text/csv"),
    ];
    for (answer, length, kind) in cases {
        world.admin.set_faults(json!([{"match": {"method": "GET"}, "answer": answer}])).await.unwrap();
        let reply = world.get("Endpoint/").await;
        assert_eq!((reply.body.len(), reply.header("content-type")), (length, kind), "{answer}");
    }
}

#[tokio::test]
async fn rules_are_tried_in_order_and_count_every_request_that_they_match() {
    let world = World::new().await;
    let status = |status: u16| json!({"status": status, "body": "{}"});
    let rules = json!([
        {"match": {"method": "GET", "path": "/Endpoint/$", "nth": 1, "count": 1}, "answer": status(500)},
        {"match": {"method": "get", "path": "/Endpoint/\\d+/$"}, "answer": status(503)},
        {"match": {"method": "GET", "path": "/Endpoint/$", "nth": 3, "count": 2}, "answer": status(502)},
        {"match": {"method": "GET", "path": "/Application/", "probability": 0.0}, "answer": status(504)},
    ]);
    world.admin.set_faults(rules).await.unwrap();
    let mut statuses = Vec::new();
    for path in ["Endpoint/", "Endpoint/", "Endpoint/", "Endpoint/", "Endpoint/", "Endpoint/77/", "Application/", "Number/"] {
        statuses.push(world.get(path).await.status);
    }
    assert_eq!(statuses, [500, 200, 502, 502, 200, 503, 200, 200]);
    let counters = world.admin.faults().await.unwrap();
    let counters: Vec<_> = counters.as_array().unwrap().iter().map(|rule| (rule["seen"].clone(), rule["hits"].clone())).collect();
    assert_eq!(counters, [(json!(5), json!(1)), (json!(1), json!(1)), (json!(5), json!(2)), (json!(1), json!(0))]);
    world.admin.clear_faults().await.unwrap();
    assert_eq!((world.admin.faults().await.unwrap(), world.get("Endpoint/77/").await.status), (json!([]), 404));
}

#[tokio::test]
async fn probability_draws_the_same_requests_for_the_same_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let world = World::new().await;
        world.admin.set_faults(json!([{"match": {"method": "GET", "probability": 0.5}, "answer": {"status": 503}}])).await.unwrap();
        let mut run = Vec::new();
        for _ in 0..24 {
            run.push(world.get("").await.status);
        }
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&200) && runs[0].contains(&503), "{:?}", runs[0]);
}

#[tokio::test]
async fn credentials_and_limits_hold_under_faults_too() {
    let mut world = World::new().await;
    world.user.1 = "wrong".to_owned();
    world.admin.set_faults(rule(json!({"answer": "cut_after"}))).await.unwrap();
    assert_eq!(create(&world).await, Err("no answer".to_owned()));
    assert!(world.ops().await.is_empty(), "nothing is executed for wrong credentials");
}

#[tokio::test]
async fn a_wrong_rule_is_refused_with_its_place_and_the_reason() {
    let cases = [
        (json!([{"answer": "normal"}, {"answer": "stale"}]), "rule 2: answer \"stale\" comes later"),
        (json!([{"answer": "trickle"}]), "comes later"),
        (json!([{"answer": "explode"}]), "none of normal, cut_before"),
        (json!([{"answer": {"status": 42}}]), "status is 200 to 599"),
        (json!([{"answer": {"status": 503}}]), "say execute true or false"),
        (json!([{"answer": "cut_before", "execute": true}]), "cannot be executed"),
        (json!([{"execute": 3}]), "execute is true, false or 2"),
        (json!([{"execute": false, "execute_delay_ms": 5}]), "needs execute: true"),
        (json!([{"match": {"path": "("}}]), "match.path"),
        (json!([{"match": {"nth": 0}}]), "counts from 1"),
        (json!([{"match": {"probability": 2}}]), "0 to 1"),
        (json!([{"match": {"verb": "GET"}}]), "unknown field `verb`"),
        (json!([{"list": "explode"}]), "unknown variant `explode`"),
        (json!([{"list": "swap", "answer": "hang"}]), "a list fault has no answer"),
        (json!([{"answer": {"status": 200, "headers": {"a b": "c"}}}]), "cannot be sent"),
        (json!([{"delay_ms": 600_001}]), "at most 600000"),
        (json!({"answer": "hang"}), "a list of rules is needed"),
    ];
    let world = World::new().await;
    world.admin.set_faults(json!([{"answer": "normal"}])).await.unwrap();
    for (script, words) in cases {
        let error = world.admin.set_faults(script.clone()).await.unwrap_err().to_string();
        assert!(error.contains("400") && error.contains(&words.replace('"', "\\\"")), "{script}: {error}");
        assert_eq!(world.admin.faults().await.unwrap().as_array().unwrap().len(), 1, "a refused script replaces nothing");
    }
}
