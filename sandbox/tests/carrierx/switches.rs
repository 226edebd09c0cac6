//! Every value of every switch shows what contracts/carrierx.md 10 says of it.

use http::Method;
use sandbox::carrierx::Switches;
use serde_json::{Value, json};

use crate::support::{NOBODY, NUMBER, Reply, World, column, id, made};

fn third_party(name: &str, ips: &[&str]) -> Value {
    let addresses: Vec<Value> = ips.iter().map(|ip| json!({"ip": ip})).collect();
    json!({"name": name, "type": "third_party", "addresses": addresses})
}

/// Addresses as host:port/priority.
fn addresses(endpoint: &Value) -> Vec<String> {
    let row = |address: &Value| format!("{}:{}/{}", address["ip"].as_str().unwrap(), address["port"], address["priority"]);
    endpoint["addresses"].as_array().unwrap().iter().map(row).collect()
}

/// What one value of a switch must show.
async fn shows(world: &World, switch: &str, value: &str) {
    let what = format!("{switch}={value}");
    match switch {
        "error_body" => error_body(world, value).await,
        "bad_token_status" => {
            let request = world.http.get(format!("{}/core/v2/endpoints", world.simulator.url())).bearer_auth("expired");
            assert_eq!(crate::support::reply(request).await.unwrap().status.to_string(), value);
        }
        "validation_status" => {
            for refused in [
                world.post("endpoints", json!({"name": "a"})).await,
                world.post("endpoints", json!({"name": "a", "type": "third_party", "auth_required": true})).await,
                world.patch(&world.did().await, json!({"trunk_group_sid": NOBODY})).await,
            ] {
                assert_eq!(refused.status.to_string(), value, "{}", refused.text());
                assert_eq!(refused.json()["message"], "object validation error");
            }
        }
        "conflict_status" => {
            let (path, sid) = world.endpoint("a").await;
            world.group(Some(&sid)).await;
            let refused = world.delete(&path).await;
            assert_eq!((refused.status.to_string(), &refused.json()["message"]), (value.to_owned(), &json!("conflict error")));
        }
        "duplicate_scope" => {
            world.may_set_auth_required().await;
            let mut body = third_party("a", &["198.51.100.10"]);
            body["auth_required"] = json!(false);
            assert_eq!(world.post("endpoints", body.clone()).await.status, if value == "platform" { 409 } else { 200 }, "{what}");
            body["addresses"][0]["ip"] = json!("192.0.2.77");
            made(&world.post("endpoints", body.clone()).await);
            assert_eq!(world.post("endpoints", body).await.status, 409, "{what}: our own always count");
        }
        "duplicate_on_update" => {
            world.may_set_auth_required().await;
            let (one, _) = world.endpoint_of(third_party("a", &["192.0.2.1"])).await;
            let (other, _) = world.endpoint_of(third_party("b", &["192.0.2.1"])).await;
            made(&world.patch(&one, json!({"auth_required": false})).await);
            let status = world.patch(&other, json!({"auth_required": false})).await.status;
            assert_eq!(status, if value == "check" { 409 } else { 200 }, "{what}");
        }
        "gateway_write" => {
            let gateway = format!("endpoints/{}", id(&world.held("endpoints").await[0], "endpoint_sid"));
            for (method, body) in [(Method::PATCH, Some(json!({"name": "b"}))), (Method::PUT, Some(json!({}))), (Method::DELETE, None)] {
                assert_eq!(world.try_call(method, &gateway, body).await.unwrap().status.to_string(), value, "{what}");
            }
            assert!(world.ops().await.is_empty(), "{what}");
        }
        "read_only_field" => {
            let (path, _) = world.endpoint("a").await;
            let before = made(&world.get(&path).await);
            for name in ["endpoint_sid", "type", "partner_sid", "voip_token", "cps_limit", "partner"] {
                let reply = world.patch(&path, json!({name: "x"})).await;
                assert_eq!(reply.status, if value == "ignore" { 200 } else { 422 }, "{what}: {name}");
            }
            assert_eq!(made(&world.get(&path).await), before, "{what}");
        }
        "nested_default" => nested_default(world, value).await,
        "replace_reach" => replace_reach(world, value).await,
        "attributes_shape" => attributes_shape(world, value).await,
        "object_age" => {
            let (path, _) = world.endpoint("a").await;
            let shown = made(&world.get(&path).await);
            let current = value == "current";
            for name in ["auth_required", "cps_limit", "out_sip_username", "out_sip_password"] {
                assert_eq!(shown.get(name).is_some(), current, "{what}: {name}");
            }
            assert_eq!(shown["addresses"][0].as_object().unwrap().len(), if current { 10 } else { 4 }, "{what}");
            assert_eq!(made(&world.get("endpoints?filter=name eq a").await)["items"][0], shown, "{what}");
            assert_eq!(made(&world.patch(&path, json!({})).await), shown, "{what}");
        }
        "password_echo" => password_echo(world, value).await,
        "fqdn" => {
            let (path, _) = world.endpoint_of(third_party("a", &["Sip.example.test", "192.0.2.1"])).await;
            let shown = made(&world.get(&path).await);
            assert_eq!(shown["addresses"][1]["ip"], "192.0.2.1", "{what}");
            let host = id(&shown["addresses"][0], "ip");
            assert_eq!(host.parse::<std::net::IpAddr>().is_ok(), value == "resolve", "{what}: {host}");
            assert!(value == "resolve" || host == "Sip.example.test", "{what}: {host}");
        }
        "name_rule" => name_rule(world, value).await,
        "list_default_limit" => {
            world.admin.create_did(json!({"phonenumber": "15160000000", "count": 30})).await.unwrap();
            let page = made(&world.get("phonenumber/dids").await);
            let (limit, count) = if value == "10" { (10, 10) } else { (1000, 31) };
            assert_eq!((&page["limit"], &page["count"]), (&json!(limit), &json!(count)), "{what}");
        }
        "list_total" => {
            let expected = if value == "exact" { json!(1) } else { Value::Null };
            assert_eq!(made(&world.get("endpoints").await)["total"], expected, "{what}");
        }
        "filter_support" => {
            world.endpoint("a").await;
            for (filter, all, top_level) in [("name eq a", 1, 1), ("addresses.ip eq 192.0.2.5", 1, 400)] {
                let reply = world.get(&format!("endpoints?filter={filter}")).await;
                let got = if reply.status == 200 { reply.json()["count"].as_u64().unwrap() } else { u64::from(reply.status) };
                let expected = match value {
                    "full" => all,
                    "top_level" => top_level,
                    // The gateway is there as well.
                    "ignored" => 2,
                    _ => 400,
                };
                assert_eq!(got, expected, "{what}: {filter}");
            }
        }
        "list_partners" => {
            let listed = made(&world.get("endpoints").await);
            let stranger =
                id(&world.admin.state().await.unwrap()["accounts"][sandbox::carrierx::OTHER_PARTNER_SID]["endpoints"][0], "endpoint_sid");
            let all = value == "all";
            assert_eq!(column(&listed, "endpoint_sid").contains(&json!(stranger)), all, "{what}");
            assert_eq!(world.get(&format!("endpoints/{stranger}")).await.status, if all { 200 } else { 404 }, "{what}");
        }
        "referenced_delete" => referenced_delete(world, value).await,
        "unbind_null" => {
            let (did, (group, _)) = (world.did().await, world.group(None).await);
            made(&world.patch(&did, json!({"trunk_group_sid": group})).await);
            let status = world.patch(&did, json!({"trunk_group_sid": null, "name": "n"})).await.status;
            assert_eq!(status, if value == "reject" { 422 } else { 200 }, "{what}");
            let shown = made(&world.get(&did).await)["trunk_group_sid"].clone();
            assert_eq!(shown, if value == "accept" { Value::Null } else { json!(group) }, "{what}");
        }
        "string_keys" => {
            let did = world.did().await;
            let status = world.patch(&did, json!({"string_key_1": "one", "string_key_2": "two", "name": "n"})).await.status;
            assert_eq!(status, if value == "reject" { 422 } else { 200 }, "{what}");
            let shown = made(&world.get(&did).await);
            let keys = if value == "write" { (json!("one"), json!("two")) } else { (Value::Null, Value::Null) };
            assert_eq!((shown["string_key_1"].clone(), shown["string_key_2"].clone()), keys, "{what}");
            assert_eq!(shown["name"], if value == "reject" { "N/A" } else { "n" }, "{what}");
        }
        "whoami" => {
            let reply = world.get("oauth/whoami").await;
            assert_eq!(reply.status, if value == "on" { 200 } else { 404 }, "{what}");
            if value == "on" {
                assert_eq!(reply.json()["partner_sid"], sandbox::carrierx::PARTNER_SID);
            }
        }
        "rate_limit" | "retry_after" => rate(world, switch, value).await,
        "stale_read_s" => stale(world, json!({"stale_read_s": 600})).await,
        "visibility_ms" => stale(world, json!({"visibility_ms": {"get": 600_000, "list": 600_000}})).await,
        "latency_ms" => {
            world.switch("latency_ms", "150").await;
            world.get("endpoints").await;
            let logged = world.admin.requests().await.unwrap().pop().unwrap();
            assert!(logged.duration_ms.unwrap() >= 150, "{what}: {logged:?}");
        }
        _ => panic!("no test for the switch {switch}"),
    }
}

async fn error_body(world: &World, value: &str) {
    let bad_token = world.http.get(format!("{}/core/v2/endpoints", world.simulator.url())).bearer_auth("x");
    let errors = [
        world.get(&format!("endpoints/{NOBODY}")).await,
        world.post("endpoints", json!({})).await,
        world.get("endpoints?limit=x").await,
        crate::support::reply(bad_token).await.unwrap(),
    ];
    for reply in errors {
        assert!(reply.status >= 400);
        match value {
            "json" => assert!(reply.json()["message"].is_string() && reply.json()["errors"].is_array(), "{}", reply.text()),
            "empty" => assert!(reply.body.is_empty()),
            "text" => assert!(reply.header("content-type").starts_with("text/plain") && !reply.text().starts_with(['{', '<'])),
            _ => assert!(reply.header("content-type").starts_with("text/html") && reply.text().starts_with("<html>")),
        }
    }
}

async fn nested_default(world: &World, value: &str) {
    let mut body = third_party("a", &["192.0.2.1", "192.0.2.2"]);
    body["attributes"] = json!({"k": 1, "l": 2});
    let (path, _) = world.endpoint_of(body).await;
    let new = json!([{"ip": "192.0.2.2", "priority": 3}, {"ip": "192.0.2.9"}]);
    let changed = made(&world.patch(&path, json!({"addresses": new, "attributes": {"l": 3}})).await);
    let (expected, attributes): (&[&str], _) = match value {
        "append" => (&["192.0.2.1:5060/0", "192.0.2.2:5060/0", "192.0.2.2:5060/3", "192.0.2.9:5060/0"], json!({"k": 1, "l": 3})),
        "by_key" => (&["192.0.2.1:5060/0", "192.0.2.2:5060/3", "192.0.2.9:5060/0"], json!({"k": 1, "l": 3})),
        _ => (&["192.0.2.2:5060/3", "192.0.2.9:5060/0"], json!({"l": 3})),
    };
    assert_eq!((addresses(&changed), &changed["attributes"]), (expected.iter().map(|row| (*row).to_owned()).collect(), &attributes));
    let replaced = made(&world.patch(&format!("{path}?nested_objects=replace"), json!({"addresses": [{"ip": "192.0.2.1"}]})).await);
    assert_eq!(addresses(&replaced), ["192.0.2.1:5060/0"], "{value}: with replace it is always the list that was sent");
}

async fn replace_reach(world: &World, value: &str) {
    let mut body = third_party("a", &["192.0.2.1"]);
    body["attributes"] = json!({"k": 1});
    body["transformations"] = json!([{"t": 1}]);
    let (path, _) = world.endpoint_of(body).await;
    let changed = made(&world.patch(&format!("{path}?nested_objects=replace"), json!({"addresses": [{"ip": "192.0.2.2"}]})).await);
    let left = if value == "named" { (json!({"k": 1}), json!([{"t": 1}])) } else { (json!({}), json!([])) };
    assert_eq!(addresses(&changed), ["192.0.2.2:5060/0"], "{value}");
    assert_eq!((changed["attributes"].clone(), changed["transformations"].clone()), left, "{value}");
    assert_eq!(made(&world.patch(&path, json!({"name": "b"})).await)["addresses"], changed["addresses"], "{value}: not without replace");
    let (conference, _) = world.endpoint_of(json!({"name": "c", "type": "conference"})).await;
    let kept = made(&world.patch(&format!("{conference}?nested_objects=replace"), json!({"name": "d"})).await);
    assert!(kept["properties"]["login"].is_string(), "{value}: what the server wrote stays");
}

async fn attributes_shape(world: &World, value: &str) {
    let mut body = third_party("a", &[]);
    body["attributes"] = json!({"k": "v"});
    let reply = world.post("endpoints", body).await;
    let expected = match value {
        "map" => Some(json!({"k": "v"})),
        "list" => Some(json!([{"key": "k", "value": "v"}])),
        _ => None,
    };
    assert_eq!(reply.status, if expected.is_some() { 200 } else { 422 }, "{value}");
    if let Some(expected) = &expected {
        assert_eq!(&reply.json()["attributes"], expected, "{value}");
        let path = format!("endpoints/{}", id(&reply.json(), "endpoint_sid"));
        let pairs = world.patch(&path, json!({"attributes": [{"key": "k", "value": "w"}]})).await;
        assert_eq!(pairs.status, if value == "list" { 200 } else { 422 }, "{value}");
    }
    let (path, _) = world.endpoint("b").await;
    assert_eq!(world.patch(&path, json!({"attributes": {"k": "v"}})).await.status, if expected.is_some() { 200 } else { 422 }, "{value}");
    assert_eq!(world.patch(&path, json!({"attributes": {}})).await.status, 200, "{value}");
    made(&world.patch(&world.did().await, json!({"attributes": {"k": "v"}})).await);
}

async fn password_echo(world: &World, value: &str) {
    let body = json!({"name": "a", "type": "third_party", "out_sip_username": "u", "out_sip_password": "p1",
        "addresses": [{"ip": "192.0.2.1", "sip_username": "v", "sip_password": "p2"}, {"ip": "192.0.2.2"}]});
    let created = made(&world.post("endpoints", body).await);
    let got = made(&world.get(&format!("endpoints/{}", id(&created, "endpoint_sid"))).await);
    assert_eq!(got, created, "{value}");
    let read = |password: &str| match value {
        "clear" => json!(password),
        "null" => Value::Null,
        _ => json!("********"),
    };
    assert_eq!((&got["out_sip_username"], &got["out_sip_password"]), (&json!("u"), &read("p1")), "{value}");
    assert_eq!((&got["addresses"][0]["sip_password"], &got["addresses"][1]["sip_password"]), (&read("p2"), &Value::Null), "{value}");
    let hosted = made(&world.post("endpoints", json!({"name": "h", "type": "conference"})).await)["properties"]["password"].clone();
    assert_eq!((hosted.is_null(), hosted == "********"), (value == "null", value == "masked"), "{value}: {hosted}");
}

async fn name_rule(world: &World, value: &str) {
    let long = "n".repeat(64);
    for (kind, body) in [("endpoints", json!({"type": "third_party"})), ("trunk_groups", json!({}))] {
        let named = |name: &str| {
            let mut body = body.clone();
            body["name"] = json!(name);
            body
        };
        let first = made(&world.post(kind, named("a")).await);
        let sid = id(&first, if kind == "endpoints" { "endpoint_sid" } else { "trunk_group_sid" });
        let second = world.post(kind, named("a")).await;
        assert_eq!(second.status, if value == "unique" { 409 } else { 200 }, "{value}: {kind}");
        if value == "unique" {
            assert_eq!(second.json()["errors"][0]["reference_sid"], json!(sid));
        }
        let expected = if value == "short" { 422 } else { 200 };
        assert_eq!(world.patch(&format!("{kind}/{sid}"), named(&long)).await.status, expected, "{value}: {kind}");
        assert_eq!(world.post(kind, named(&format!("{long}m"))).await.status, expected, "{value}: {kind}");
        assert_eq!(world.patch(&format!("{kind}/{sid}"), named("a")).await.status, 200, "{value}: {kind}: its own name");
        made(&world.post(kind, named(&long[..63])).await);
    }
}

async fn referenced_delete(world: &World, value: &str) {
    let (endpoint, sid) = world.endpoint("a").await;
    let (group, trunk) = world.group(Some(&sid)).await;
    let did = world.did().await;
    made(&world.patch(&did, json!({"trunk_group_sid": group})).await);
    let (group_path, trunk_path) = (format!("trunk_groups/{group}"), format!("trunk_groups/{group}/trunks/{trunk}"));
    let before = world.ops().await.len();
    let (deleted, kept) = (world.delete(&endpoint).await, made(&world.get(&trunk_path).await)["endpoint_sid"].clone());
    match value {
        "conflict" => {
            assert_eq!((deleted.status, &deleted.json()["errors"][0]["reference_sid"]), (409, &json!(trunk)));
            let refused = world.delete(&group_path).await;
            assert_eq!((refused.status, refused.json()["errors"][0]["reference_sid"].is_string()), (409, true));
            assert_eq!(world.ops().await.len(), before);
            made(&world.patch(&did, json!({"trunk_group_sid": null})).await);
            assert_eq!((world.delete(&group_path).await.status, world.delete(&endpoint).await.status), (204, 204));
        }
        "cascade" => {
            assert_eq!((deleted.status, kept), (204, Value::Null));
            assert_eq!(world.delete(&group_path).await.status, 204);
            assert_eq!(made(&world.get(&did).await)["trunk_group_sid"], Value::Null);
            let expected = ["delete_endpoint", "update_trunk", "delete_trunk_group", "delete_trunk", "update_did"];
            assert_eq!(world.ops().await[before..], expected);
        }
        _ => {
            assert_eq!((deleted.status, kept), (204, json!(sid)));
            assert_eq!(world.delete(&group_path).await.status, 204);
            assert_eq!(made(&world.get(&did).await)["trunk_group_sid"], json!(group));
            made(&world.patch(&did, json!({"name": "still writable"})).await);
            assert_eq!(world.ops().await[before..], ["delete_endpoint", "delete_trunk_group", "delete_trunk", "update_did"]);
        }
    }
}

/// A second is long for this machine, but not for ever: the burst is as large as no second can take.
async fn rate(world: &World, switch: &str, value: &str) {
    world.switch("rate_limit", "1").await;
    let mut refused: Option<Reply> = None;
    for _ in 0..500 {
        let reply = world.get("oauth/whoami").await;
        if reply.status != 200 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("no request was refused");
    assert_eq!((refused.status, refused.json()["message"].is_string()), (429, true));
    match (switch, value) {
        ("rate_limit", _) | (_, "none") => assert!(!refused.headers.contains_key("retry-after")),
        (_, "seconds") => assert_eq!(refused.header("retry-after"), "1"),
        _ => {
            let date = jiff::fmt::rfc2822::parse(refused.header("retry-after")).unwrap();
            assert!(date.timestamp() > jiff::Timestamp::now(), "{}", refused.header("retry-after"));
        }
    }
}

/// No time passes here: reads are ten minutes behind, and then not at all.
async fn stale(world: &World, switches: Value) {
    let (old, _) = world.endpoint("old").await;
    let did = world.did().await;
    let gone = world.admin.create_endpoint(json!({"name": "gone"})).await.unwrap();
    let gone = format!("endpoints/{}", id(&gone, "endpoint_sid"));
    assert_eq!(world.delete(&gone).await.status, 204);
    world.admin.set_switches(switches).await.unwrap();
    let (group, _) = world.group(None).await;
    assert_eq!(world.get(&old).await.status, 404, "made less than ten minutes ago");
    assert_eq!(made(&world.get("trunk_groups?with_trunks=true").await)["total"], 0);
    let changed = made(&world.patch(&did, json!({"trunk_group_sid": group})).await);
    assert_eq!(changed["trunk_group_sid"], json!(group), "a write acts on the true state and answers with it");
    let list = format!("phonenumber/dids?filter=phonenumber eq {NUMBER}");
    assert_eq!(made(&world.get(&list).await)["items"][0]["trunk_group_sid"], Value::Null, "reads show the old state");
    assert_eq!(made(&world.get(&did).await)["trunk_group_sid"], Value::Null);
    assert_eq!(world.patch(&old, json!({"name": "new"})).await.status, 200);
    world.admin.set_switches(json!({"stale_read_s": 0, "visibility_ms": {"get": 600_000, "after": "update"}})).await.unwrap();
    assert_eq!(made(&world.get(&old).await)["name"], "old", "an update shows the old value");
    world.admin.set_switches(json!({"visibility_ms": {"list": 600_000, "after": "delete"}})).await.unwrap();
    assert!(column(&made(&world.get("endpoints").await), "name").contains(&json!("gone")), "what is deleted is still listed");
    world.admin.set_switches(json!({"visibility_ms": {"delete": 600_000, "after": "create"}})).await.unwrap();
    let unseen = world.post("endpoints", json!({"name": "unseen", "type": "flexml"})).await.json();
    let unseen = format!("endpoints/{}", id(&unseen, "endpoint_sid"));
    assert_eq!((world.get(&unseen).await.status, world.delete(&unseen).await.status), (200, 404), "a DELETE that does not see it yet");
    world.admin.set_switches(json!({"visibility_ms": null})).await.unwrap();
    assert_eq!(made(&world.get(&old).await)["name"], "new");
    assert_eq!(world.get(&gone).await.status, 404);
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
        (json!({"list_total": "null", "fqdn": "none"}), "fqdn: none is none of keep, resolve"),
        (json!({"no_such": 1}), "there is no switch no_such"),
        (json!({"rate_limit": -1}), "rate_limit"),
        (json!({"stale_read_s": 601}), "stale_read_s"),
    ];
    for (values, words) in cases {
        let error = world.admin.set_switches(values.clone()).await.unwrap_err().to_string();
        assert!(error.contains("400") && error.contains(words), "{values}: {error}");
        assert_eq!(world.admin.switches().await.unwrap(), defaults, "{values}: a refused call changes nothing");
    }
}
