//! Fault rules are the same as everywhere: what the client gets, and what really happened, for each call that changes something.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::support::{NUMBER, World, id, until};

/// A call that changes something, on a world that has what it needs.
async fn prepared(world: &World, op: &str) -> (Method, String, Option<Value>) {
    let (endpoint, sid) = world.endpoint("a").await;
    let (group, trunk) = world.group(Some(&sid)).await;
    let trunk = format!("trunk_groups/{group}/trunks/{trunk}");
    match op {
        "create_endpoint" => (Method::POST, "endpoints".to_owned(), Some(json!({"name": "b", "type": "flexml"}))),
        "update_endpoint" => (Method::PATCH, endpoint, Some(json!({"name": "b"}))),
        "delete_endpoint" => (Method::DELETE, world.endpoint("b").await.0, None),
        "create_trunk_group" => (Method::POST, "trunk_groups".to_owned(), Some(json!({"name": "b"}))),
        "update_trunk_group" => (Method::PATCH, format!("trunk_groups/{group}"), Some(json!({"name": "b"}))),
        "create_trunk" => (Method::POST, format!("trunk_groups/{group}/trunks"), Some(json!({}))),
        "update_trunk" => (Method::PATCH, trunk, Some(json!({"name": "b"}))),
        "delete_trunk" => (Method::DELETE, trunk, None),
        "delete_trunk_group" => {
            assert_eq!(world.delete(&trunk).await.status, 204);
            (Method::DELETE, format!("trunk_groups/{group}"), None)
        }
        _ => (Method::PATCH, world.did().await, Some(json!({"trunk_group_sid": group}))),
    }
}

/// What came back: a status, or how the connection broke.
async fn outcome(world: &World, call: &(Method, String, Option<Value>)) -> String {
    match world.try_call(call.0.clone(), &call.1, call.2.clone()).await {
        Ok(reply) => reply.status.to_string(),
        Err(error) if error.is_timeout() => "timeout".to_owned(),
        Err(error) if error.is_body() || error.is_decode() => "cut body".to_owned(),
        Err(_) => "no answer".to_owned(),
    }
}

const OPS: [&str; 10] = [
    "create_endpoint",
    "update_endpoint",
    "delete_endpoint",
    "create_trunk_group",
    "update_trunk_group",
    "delete_trunk_group",
    "create_trunk",
    "update_trunk",
    "delete_trunk",
    "update_did",
];

#[tokio::test]
async fn an_answer_is_lost_before_or_after_every_effect() {
    for op in OPS {
        let world = World::new().await;
        let call = prepared(&world, op).await;
        let before = world.ops().await.len() as u64;
        for (answer, executed) in [(json!({"answer": "cut_before"}), false), (json!({"answer": "cut_after"}), true)] {
            world.admin.set_faults(json!([answer])).await.unwrap();
            assert_eq!(outcome(&world, &call).await, "no answer", "{op}");
            world.admin.clear_faults().await.unwrap();
            let effects: Vec<_> = world.admin.ledger_since(before).await.unwrap().into_iter().map(|entry| entry.op).collect();
            assert_eq!(effects, if executed { vec![op.to_owned()] } else { Vec::new() }, "{op}: {answer}");
            let logged = world.admin.requests().await.unwrap().pop().unwrap();
            assert_eq!((logged.answered, logged.executed, logged.status), (false, executed, None), "{op}: {answer}");
        }
    }
}

#[tokio::test]
async fn the_client_gets_what_the_rule_says_and_the_effect_happens_as_often_as_it_says() {
    let html = json!({"status": 502, "headers": {"content-type": "text/html"}, "body": "<html>"});
    let cases = [
        (json!({"answer": "normal", "execute": false}), "200", 0),
        (json!({"answer": "normal", "execute": 2}), "200", 2),
        (json!({"answer": html, "execute": true}), "502", 1),
        (json!({"answer": html, "execute": false}), "502", 0),
        (json!({"answer": "cut_after", "execute": 2}), "no answer", 2),
        (json!({"answer": "truncate"}), "cut body", 1),
        (json!({"answer": "redirect"}), "307", 0),
    ];
    for (rule, expected, effects) in cases {
        let world = World::new().await;
        world.admin.set_faults(json!([rule])).await.unwrap();
        let call = (Method::POST, "endpoints".to_owned(), Some(json!({"name": "b", "type": "flexml"})));
        assert_eq!(outcome(&world, &call).await, expected, "{rule}");
        let ledger = world.admin.ledger().await.unwrap();
        assert_eq!(ledger.len(), effects, "{rule}");
        if let [one, other] = ledger.as_slice() {
            assert_ne!(one.id, other.id, "delivered twice: two endpoints");
        }
    }
}

#[tokio::test]
async fn an_effect_can_come_later_than_the_answer_and_outlives_client_and_token() {
    for answer in [json!("cut_after"), json!("hang"), json!({"status": 504, "body": "<html>"}), json!("normal")] {
        let mut world = World::new().await;
        world.impatient(Duration::from_millis(300));
        world.admin.set_faults(json!([{"answer": answer, "execute": true, "execute_delay_ms": 400}])).await.unwrap();
        let got = world.try_call(Method::POST, "trunk_groups?with_trunks=true", Some(json!({"name": "late", "trunks": [{}]}))).await;
        world.admin.rotate_token("another").await.unwrap();
        until(async || world.ops().await == ["create_trunk_group", "create_trunk"]).await;
        let (ledger, requests) = (world.admin.ledger().await.unwrap(), world.admin.requests().await.unwrap());
        assert!(ledger[0].at_ms >= requests[0].at_ms + 400 && requests[0].executed, "{answer}: {ledger:?}");
        if answer == "normal" {
            // The answer came first, and named what exists now.
            let said = got.unwrap().json();
            assert_eq!((id(&said, "trunk_group_sid"), id(&said["trunks"][0], "trunk_sid")), (ledger[0].id.clone(), ledger[1].id.clone()));
        }
    }
}

#[tokio::test]
async fn wrong_success_can_be_scripted_with_the_sids_of_what_really_happened() {
    let world = World::new().await;
    let body = "{\"endpoint_sid\": \"{{endpoint_sid}}\", \"name\": \"not {{name}}\"}";
    world.admin.set_faults(json!([{"answer": {"status": 200, "body": body}, "execute": true}])).await.unwrap();
    let said = world.post("endpoints", json!({"name": "b", "type": "flexml"})).await.json();
    assert_eq!(said, json!({"endpoint_sid": world.admin.ledger().await.unwrap()[0].id, "name": "not b"}));
}

#[tokio::test]
async fn credentials_and_scopes_hold_under_faults_too() {
    let mut world = World::new().await;
    world.admin.set_faults(json!([{"answer": "cut_after", "execute": 2}])).await.unwrap();
    world.admin.set_scopes(json!({"drop": ["endpoints.create"]})).await.unwrap();
    let call = (Method::POST, "endpoints".to_owned(), Some(json!({"name": "b", "type": "flexml"})));
    assert_eq!(outcome(&world, &call).await, "no answer");
    world.token = "wrong".to_owned();
    let patch = (Method::PATCH, format!("phonenumber/dids/{NUMBER}"), Some(json!({"name": "b"})));
    assert_eq!(outcome(&world, &patch).await, "no answer");
    assert!(world.ops().await.is_empty(), "nothing is executed for wrong credentials");
}

#[tokio::test]
async fn each_list_fault_does_to_a_page_what_it_says() {
    // (fault, page, effect on {names, total, has_more})
    let all = ["e0", "e1", "e2", "e3", "e4"];
    let cases: [(&str, usize, &[&str], u64, bool); 9] = [
        ("wrong_count", 0, &["e0", "e1"], 6, true),
        ("early_next_null", 0, &["e0", "e1"], 5, false),
        ("empty_middle_page", 2, &[], 5, true),
        ("repeated_page", 2, &["e0", "e1"], 5, true),
        ("limit_ignored", 2, &["e2", "e3", "e4"], 5, true),
        ("offset_ignored", 4, &["e0", "e1"], 5, false),
        ("newest_missing", 4, &[], 4, false),
        ("insert_shift", 2, &["e1", "e2"], 6, true),
        ("delete_shift", 2, &["e3", "e4"], 4, false),
    ];
    for (fault, offset, names, total, has_more) in cases {
        for order in ["", "&order=name"] {
            let world = World::new().await;
            for name in all {
                world.admin.create_endpoint(json!({"name": name})).await.unwrap();
            }
            world.admin.set_faults(json!([{"list": fault}])).await.unwrap();
            let path = format!("endpoints?limit=2&offset={offset}&filter=type eq third_party{order}");
            let page = world.get(&path).await.json();
            if fault == "insert_shift" && !order.is_empty() {
                // The stranger's name comes last in this order: nothing moves.
                assert_eq!((&page["total"], &page["items"][0]["name"]), (&json!(6), &json!("e2")));
                continue;
            }
            let shown: Vec<_> = page["items"].as_array().unwrap().iter().map(|item| id(item, "name")).collect();
            assert_eq!((shown, &page["total"], &page["has_more"]), (names.map(), &json!(total), &json!(has_more)), "{fault}{order}");
            assert_eq!(page["pagination"].get("next").is_some(), has_more, "{fault}");
            assert_eq!(world.admin.faults().await.unwrap()[0]["hits"], 1, "{fault}");
        }
    }
}

/// Names as the answers have them.
trait Names {
    fn map(&self) -> Vec<String>;
}

impl Names for &[&str] {
    fn map(&self) -> Vec<String> {
        self.iter().map(|name| (*name).to_owned()).collect()
    }
}

#[tokio::test]
async fn lists_shift_by_strangers_that_nobody_needs() {
    for order in ["endpoint_sid", "endpoint_sid desc"] {
        let world = World::new().await;
        world.endpoint("ours").await;
        let needed = world.admin.create_endpoint(json!({"name": "needed"})).await.unwrap();
        world.group(Some(&id(&needed, "endpoint_sid"))).await;
        world.admin.set_faults(json!([{"list": "swap"}, {"list": "deleted_still_shown"}])).await.unwrap();
        let path = format!("endpoints?limit=2&offset=2&order={order}");
        world.get(&path).await;
        assert_eq!(world.admin.faults().await.unwrap()[0]["skipped"], 1, "neither ours nor what a trunk names vanishes");
        world.admin.set_faults(json!([{"list": "insert_shift"}])).await.unwrap();
        let first = world.get(&format!("endpoints?limit=2&order={order}")).await.json();
        let second = world.get(&path).await.json();
        assert_eq!(second["items"][0], first["items"][1], "{order}: everything moved by one");
    }
    let world = World::new().await;
    world.admin.create_did(json!({"phonenumber": "15160000000", "count": 4})).await.unwrap();
    world.admin.set_faults(json!([{"list": "delete_shift", "match": {"count": 1}}])).await.unwrap();
    assert_eq!(world.get("phonenumber/dids?limit=2&offset=2").await.json()["total"], 4);
    assert_eq!(world.ops().await.last().map(String::as_str), Some("delete_did"));
    world.admin.set_faults(json!([{"list": "deleted_still_shown"}])).await.unwrap();
    assert_eq!(world.get("phonenumber/dids?limit=2&offset=2").await.json()["total"], 5);
    world.admin.set_faults(json!([{"list": "insert_shift"}])).await.unwrap();
    assert_eq!(world.get("phonenumber/dids?limit=2&offset=2").await.json()["total"], 5);
    assert_eq!(world.ops().await.last().map(String::as_str), Some("create_did"));
}
