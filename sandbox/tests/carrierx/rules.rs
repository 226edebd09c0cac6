//! The rules of contracts/carrierx.md 10 that no switch changes.

use http::Method;
use serde_json::{Value, json};

use crate::support::{NOBODY, NUMBER, World, id, made, reply};

/// The documented body of an error.
fn is_error(reply: &crate::support::Reply, status: u16, message: &str) {
    assert_eq!(reply.status, status, "{}", reply.text());
    let body = reply.json();
    let names: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    assert_eq!((names, &body["message"]), (vec!["errors".to_owned(), "message".to_owned()], &json!(message)), "{body}");
    for error in body["errors"].as_array().unwrap() {
        let names: Vec<_> = error.as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["field", "message", "reference_sid"], "{body}");
    }
}

#[tokio::test]
async fn wrong_tokens_scopes_bodies_and_sids_are_refused_with_the_documented_body() {
    let mut world = World::new().await;
    let (path, _) = world.endpoint("a").await;
    let plain = world.request(Method::POST, "endpoints").body("{}").header("content-type", "text/plain");
    is_error(&reply(plain).await.unwrap(), 415, "Unsupported Media Type");
    let untyped = world.request(Method::PATCH, &path).body("{}");
    is_error(&reply(untyped).await.unwrap(), 415, "Unsupported Media Type");
    for text in ["", "{", "[]", "7"] {
        let request = world.request(Method::PATCH, &path).body(text).header("content-type", "application/json; charset=utf-8");
        is_error(&reply(request).await.unwrap(), 400, "No JSON object could be decoded");
    }
    for kind in ["endpoints", "trunk_groups", "phonenumber/dids", &format!("trunk_groups/{NOBODY}/trunks")] {
        for (method, body) in [(Method::GET, None), (Method::PATCH, Some(json!({}))), (Method::DELETE, None)] {
            let refused = world.try_call(method, &format!("{kind}/{NOBODY}"), body).await.unwrap();
            is_error(&refused, 404, "Cannot find item by SID");
        }
    }
    is_error(&world.get("endpoints/").await, 404, "Not Found");
    is_error(&world.post(&path, json!({})).await, 405, "Method Not Allowed");
    let basic = world.http.get(format!("{}/core/v2/endpoints", world.simulator.url())).basic_auth("sandbox-token", None::<&str>);
    is_error(&reply(basic).await.unwrap(), 401, "Unauthorized");
    world.token = "another".to_owned();
    for path in ["endpoints", "oauth/whoami", "nothing"] {
        is_error(&world.get(path).await, 401, "Bad credentials");
    }
    assert_eq!(world.ops().await, ["create_endpoint"], "nothing of it was executed");
}

#[tokio::test]
async fn every_call_needs_its_scope_or_the_manage_scope_of_its_family() {
    let world = World::new().await;
    let (endpoint, endpoint_sid) = world.endpoint("a").await;
    let (group, trunk) = world.group(Some(&endpoint_sid)).await;
    let (did, trunks) = (world.did().await, format!("trunk_groups/{group}/trunks"));
    let trunk = format!("{trunks}/{trunk}");
    let (group, some) = (format!("trunk_groups/{group}"), Some(json!({"name": "b"})));
    // (method, path, body, sets of scopes any of which suffices)
    let cases = [
        (Method::GET, "endpoints", None, vec![vec!["endpoints.read"], vec!["endpoints.manage"]]),
        (Method::GET, endpoint.as_str(), None, vec![vec!["endpoints.read"]]),
        (Method::POST, "endpoints", some.clone(), vec![vec!["endpoints.create"], vec!["endpoints.manage"]]),
        (Method::PATCH, &endpoint, some.clone(), vec![vec!["endpoints.update"], vec!["endpoints.manage"]]),
        (Method::DELETE, &endpoint, None, vec![vec!["endpoints.delete"], vec!["endpoints.manage"]]),
        (Method::GET, "trunk_groups", None, vec![vec!["trunk_groups.read"], vec!["trunk_groups.manage"]]),
        (Method::GET, "trunk_groups?with_trunks=true", None, vec![vec!["trunk_groups.read", "trunk_groups.trunks.read"]]),
        (Method::POST, "trunk_groups", some.clone(), vec![vec!["trunk_groups.create"]]),
        (
            Method::POST,
            "trunk_groups?with_trunks=true",
            some.clone(),
            vec![vec!["trunk_groups.create", "trunk_groups.trunks.create"], vec!["trunk_groups.manage", "trunk_groups.trunks.manage"]],
        ),
        (Method::PATCH, &group, some.clone(), vec![vec!["trunk_groups.update"]]),
        (Method::GET, &trunks, None, vec![vec!["trunk_groups.trunks.read"], vec!["trunk_groups.trunks.manage"]]),
        (Method::POST, &trunks, some.clone(), vec![vec!["trunk_groups.trunks.create"]]),
        (Method::PATCH, &trunk, some.clone(), vec![vec!["trunk_groups.trunks.update"]]),
        (Method::DELETE, &trunk, None, vec![vec!["trunk_groups.trunks.delete"]]),
        (Method::DELETE, &group, None, vec![vec!["trunk_groups.delete"]]),
        (
            Method::GET,
            "phonenumber/dids",
            None,
            vec![vec!["partners.read"], vec!["partners.manage"], vec!["phonenumber.read"], vec!["phonenumber.manage"]],
        ),
        (Method::GET, "phonenumber/available_dids", None, vec![vec!["partners.read"]]),
        (Method::PATCH, &did, some.clone(), vec![vec!["phonenumber.update"], vec!["phonenumber.manage"]]),
        (Method::POST, "phonenumber/dids", some, vec![vec!["phonenumber.create"]]),
        (Method::DELETE, &did, None, vec![vec!["phonenumber.delete"]]),
    ];
    for (method, path, body, sufficient) in cases {
        let all: Vec<&str> = [
            "endpoints.read endpoints.create endpoints.update endpoints.delete trunk_groups.read trunk_groups.create trunk_groups.update",
            "trunk_groups.delete trunk_groups.trunks.read trunk_groups.trunks.create trunk_groups.trunks.update trunk_groups.trunks.delete",
            "partners.read phonenumber.read phonenumber.create phonenumber.update phonenumber.delete",
        ]
        .iter()
        .flat_map(|line| line.split(' '))
        .collect();
        for needed in &sufficient[0] {
            // Everything but one of them, and for numbers but its twin: refused.
            let without: Vec<_> =
                all.iter().filter(|scope| *scope != needed && !(path.contains("dids") && scope.ends_with(".read"))).collect();
            world.admin.set_scopes(json!({"scopes": without})).await.unwrap();
            is_error(&world.try_call(method.clone(), path, body.clone()).await.unwrap(), 403, "Forbidden");
        }
        let (last, others) = sufficient.split_last().unwrap();
        for (scopes, executed) in others.iter().map(|scopes| (scopes, false)).chain([(last, true)]) {
            world.admin.set_scopes(json!({"scopes": scopes})).await.unwrap();
            // What is deleted is deleted once only: the other sets are tried on what is not there.
            let path = if executed || method != Method::DELETE { path.to_owned() } else { format!("{path}x") };
            let status = world.try_call(method.clone(), &path, body.clone()).await.unwrap().status;
            assert_ne!(status, 403, "{method} {path} with {scopes:?}");
        }
    }
    world.admin.set_scopes(json!({"scopes": []})).await.unwrap();
    assert_eq!(made(&world.get("oauth/whoami").await)["scopes"], json!([]), "who one is can always be asked");
}

#[tokio::test]
async fn a_dropped_verb_leaves_the_others_of_its_family() {
    let world = World::new().await;
    let scopes = world.admin.set_scopes(json!({"drop": ["endpoints.create", "partners.read"], "grant": ["x.y"]})).await.unwrap();
    let left = ["endpoints.delete", "endpoints.read", "endpoints.update", "phonenumber.manage"];
    assert_eq!(scopes["scopes"].as_array().unwrap()[..4], left.map(Value::from));
    assert_eq!((world.post("endpoints", json!({})).await.status, world.get("endpoints").await.status), (403, 200));
}

#[tokio::test]
async fn a_create_answers_200_with_all_defaults_and_a_delete_204_with_nothing() {
    let world = World::new().await;
    let body = json!({"name": "a", "type": "third_party", "addresses": [{"ip": "Sip.Example.test", "port": "5080"}], "unknown": 1});
    let shown = made(&world.post("endpoints", body).await);
    let address = json!({
        "direction": "any", "dst_port": 5060, "ip": "Sip.Example.test", "location_sid": null, "port": 5080, "priority": 0, "sip_password": null,
        "sip_username": null, "srtp": false, "transport": "udp",
    });
    assert_eq!((&shown["addresses"], &shown["auth_required"]), (&json!([address]), &json!(true)));
    assert_eq!((&shown["capacity"], &shown["cps_limit"], shown.get("unknown")), (&json!(0), &Value::Null, None));
    assert!(shown["voip_token"].is_string(), "{shown}");
    for hosted in ["conference", "conference_v2", "conference_playback", "flexml", "mediator"] {
        let made = made(&world.post("endpoints", json!({"name": hosted, "type": hosted})).await);
        assert_eq!((&made["voip_token"], &made["properties"]["container_sid"]), (&Value::Null, &json!("null")), "{hosted}");
        for name in ["account_sid", "api_url", "login", "password"] {
            assert!(made["properties"][name].is_string(), "{hosted}: {made}");
        }
    }
    let voicemail = made(&world.post("endpoints", json!({"name": "v", "type": "voicemail", "properties": {"greeting": "hello"}})).await);
    assert_eq!((&voicemail["properties"], &voicemail["voip_token"]), (&json!({}), &Value::Null), "must be set by an update");
    let path = format!("endpoints/{}", id(&shown, "endpoint_sid"));
    let deleted = world.delete(&path).await;
    assert_eq!((deleted.status, deleted.body.len(), world.get(&path).await.status, world.delete(&path).await.status), (204, 0, 404, 404));
    let second = made(&world.post("endpoints", json!({"name": "v", "type": "voicemail"})).await);
    assert_ne!(second["endpoint_sid"], voicemail["endpoint_sid"], "names need not be unique, and a create is not idempotent");
}

#[tokio::test]
async fn a_create_is_refused_for_what_the_contract_forbids() {
    let world = World::new().await;
    let with = |name: &str, value: Value| json!({"ip": "192.0.2.1", name: value});
    let cases = [
        ("name", Value::Null, "name"),
        ("name", json!(""), "name"),
        ("type", Value::Null, "type"),
        ("type", json!("system_gateway"), "type"),
        ("type", json!("sip"), "type"),
        ("capacity", json!(-1), "capacity"),
        ("capacity", json!("7"), "capacity"),
        ("addresses", json!({}), "addresses"),
        ("addresses", json!([7]), "addresses"),
        ("addresses", json!([{"port": 5060}]), "addresses.ip"),
        ("addresses", json!([with("ip", json!(""))]), "addresses.ip"),
        ("addresses", json!([with("port", json!(0))]), "addresses.port"),
        ("addresses", json!([with("port", json!(65536))]), "addresses.port"),
        ("addresses", json!([with("port", json!("sip"))]), "addresses.port"),
        ("addresses", json!([with("transport", json!("sctp"))]), "addresses.transport"),
        ("addresses", json!([with("srtp", json!("yes"))]), "addresses.srtp"),
        ("attributes", json!([]), "attributes"),
        ("transformations", json!({}), "transformations"),
        ("out_sip_username", json!(7), "out_sip_username"),
        ("partner_sid", json!(NOBODY), "partner_sid"),
    ];
    for (name, value, field) in cases {
        let mut body = json!({"name": "a", "type": "third_party", "addresses": [{"ip": "192.0.2.1"}]});
        body[name] = value.clone();
        let refused = world.post("endpoints", body).await;
        is_error(&refused, 422, "object validation error");
        assert_eq!(refused.json()["errors"][0]["field"], field, "{name}={value}");
    }
    let hosted = world.post("endpoints", json!({"name": "a", "type": "flexml", "addresses": [{"ip": "192.0.2.1"}]})).await;
    assert_eq!((hosted.status, &hosted.json()["errors"][0]["field"]), (422, &json!("addresses")));
    assert!(world.ops().await.is_empty());
}

#[tokio::test]
async fn setting_auth_required_needs_its_own_scope_even_for_the_present_value() {
    let world = World::new().await;
    let (path, _) = world.endpoint("a").await;
    let create = |value: Value| json!({"name": "b", "type": "third_party", "auth_required": value});
    for value in [json!(true), json!(false), Value::Null] {
        for refused in
            [world.post("endpoints", create(value.clone())).await, world.patch(&path, json!({"name": "c", "auth_required": value})).await]
        {
            let expected = json!({"message": "object validation error", "errors": [
                {"field": "auth_required", "message": "partner does not have permissions to set this value", "reference_sid": null}]});
            assert_eq!((refused.status, refused.json()), (422, expected));
        }
    }
    world.may_set_auth_required().await;
    assert_eq!(made(&world.post("endpoints", create(json!(false))).await)["auth_required"], json!(false));
    assert_eq!(made(&world.patch(&path, json!({"auth_required": false})).await)["auth_required"], json!(false));
}

#[tokio::test]
async fn two_endpoints_without_authentication_cannot_share_address_and_port() {
    let world = World::new().await;
    world.may_set_auth_required().await;
    let body = |ip: &str, port: u16, auth: bool| json!({"name": "a", "type": "third_party", "auth_required": auth, "addresses": [{"ip": ip, "port": port}]});
    made(&world.post("endpoints", body("Peer.example.test", 5060, false)).await);
    let refused = world.post("endpoints", body("peer.example.test", 5060, false)).await;
    let expected = json!({"message": "conflict error", "errors": [
        {"field": null, "message": "duplicate ip for auth_required=false", "reference_sid": null}]});
    assert_eq!((refused.status, refused.json()), (409, expected));
    for other in [body("peer.example.test", 5061, false), body("peer.example.test", 5060, true), body("192.0.2.9", 5060, false)] {
        made(&world.post("endpoints", other).await);
    }
}

#[tokio::test]
async fn a_put_needs_every_field() {
    let world = World::new().await;
    let (path, _) = world.endpoint("a").await;
    world.may_set_auth_required().await;
    let whole = made(&world.get(&path).await);
    for name in whole.as_object().unwrap().keys() {
        let mut body = whole.clone();
        body.as_object_mut().unwrap().remove(name);
        let refused = world.put(&path, body).await;
        is_error(&refused, 422, "object validation error");
        assert_eq!(refused.json()["errors"][0]["field"], json!(name));
    }
    let mut body = whole.clone();
    body["name"] = json!("b");
    body["addresses"] = json!([{"ip": "192.0.2.7"}]);
    let changed = made(&world.put(&path, body).await);
    assert_eq!((&changed["name"], changed["addresses"].as_array().unwrap().len()), (&json!("b"), 1));
    world.admin.set_scopes(json!({"drop": ["endpoints.manage_auth_required"]})).await.unwrap();
    assert_eq!(world.put(&path, whole).await.json()["errors"][0]["field"], "auth_required", "unusable with an ordinary token");
}

#[tokio::test]
async fn hosted_endpoints_take_updates_of_few_fields() {
    let world = World::new().await;
    for hosted in ["conference", "conference_v2", "conference_playback", "flexml", "mediator", "voicemail"] {
        let (path, _) = world.endpoint_of(json!({"name": "a", "type": hosted})).await;
        let changed = made(&world.patch(&path, json!({"name": "b", "capacity": 7, "unknown": 1})).await);
        assert_eq!((&changed["name"], &changed["capacity"]), (&json!("b"), &json!(7)), "{hosted}");
        let forbidden = [
            json!({"addresses": []}),
            json!({"attributes": {}}),
            json!({"transformations": []}),
            json!({"out_sip_username": "u"}),
            json!({"properties": {"login": "u"}}),
        ];
        for body in forbidden {
            assert_eq!(world.patch(&path, body.clone()).await.status, 422, "{hosted}: {body}");
        }
        let mail = json!({"callback_method": "POST", "callback_url": "https://x.test/", "container_sid": "c", "greeting": "hello"});
        let reply = world.patch(&path, json!({"properties": mail})).await;
        if hosted == "voicemail" {
            assert_eq!(made(&reply)["properties"], mail);
        } else {
            assert_eq!(reply.status, 422, "{hosted}");
        }
    }
}

#[tokio::test]
async fn renting_and_releasing_a_number_is_done_and_counted() {
    let world = World::new().await;
    let counters = async || {
        let state = world.admin.state().await.unwrap();
        (state["numbers_rented"].clone(), state["numbers_released"].clone(), state["money_spent"].clone())
    };
    assert_eq!(counters().await, (json!(0), json!(0), json!(0)));
    let rented = made(&world.post("phonenumber/dids", json!({})).await);
    assert!(id(&rented, "phonenumber").bytes().all(|byte| byte.is_ascii_digit()), "{rented}");
    assert_eq!(made(&world.post("phonenumber/dids", json!({"phonenumber": "4930123456"})).await)["phonenumber"], "4930123456");
    assert_eq!(world.post("phonenumber/dids", json!({"phonenumber": NUMBER})).await.status, 409);
    assert_eq!(world.post("phonenumber/dids", json!({"trunk_group_sid": NOBODY})).await.status, 422);
    let path = format!("phonenumber/dids/{}", id(&rented, "did_sid"));
    let deleted = world.delete(&path).await;
    assert_eq!((deleted.status, deleted.body.len(), world.get(&path).await.status, world.delete(&path).await.status), (204, 0, 404, 404));
    assert_eq!(counters().await, (json!(2), json!(1), json!(1.2)));
    let kept = world.held("dids").await;
    let aging = kept.iter().find(|did| did["did_sid"] == rented["did_sid"]).unwrap();
    assert_eq!((&aging["status"], made(&world.get("phonenumber/dids").await)["total"].clone()), (&json!("aging"), json!(2)));
    assert_eq!(world.ops().await, ["rent_did", "rent_did", "release_did"]);
    assert_eq!(made(&world.get("phonenumber/available_dids").await)["items"], json!([]));
}

#[tokio::test]
async fn a_number_points_at_a_trunk_group_that_exists_or_nowhere() {
    let world = World::new().await;
    let (group, _) = world.group(None).await;
    let did = world.did().await;
    assert_eq!(made(&world.patch(&did, json!({"trunk_group_sid": group})).await)["trunk_group_sid"], json!(group));
    for wrong in [json!(NOBODY), json!(7)] {
        let refused = world.patch(&did, json!({"trunk_group_sid": wrong})).await;
        assert_eq!((refused.status, &refused.json()["errors"][0]["field"]), (422, &json!("trunk_group_sid")), "{wrong}");
    }
    assert_eq!(made(&world.get(&did).await)["trunk_group_sid"], json!(group), "a refused update changes nothing");
    assert_eq!(made(&world.patch(&did, json!({"trunk_group_sid": null})).await)["trunk_group_sid"], Value::Null);
}

#[tokio::test]
async fn nested_trunks_are_made_only_when_asked_for() {
    let world = World::new().await;
    let body = json!({"name": "g", "trunks": [{"name": "one", "endpoint_sid": ""}, {}]});
    let silent = made(&world.post("trunk_groups", body.clone()).await);
    assert!(silent.get("trunks").is_none(), "{silent}");
    let path = format!("trunk_groups/{}", id(&silent, "trunk_group_sid"));
    assert_eq!(made(&world.get(&format!("{path}/trunks")).await)["items"], json!([]), "dropped without a word");
    let nested = made(&world.post("trunk_groups?with_trunks=true", body).await);
    let names: Vec<_> = nested["trunks"].as_array().unwrap().iter().map(|trunk| (&trunk["name"], &trunk["endpoint_sid"])).collect();
    assert_eq!(names, [(&json!("one"), &Value::Null), (&json!("N/A"), &Value::Null)]);
    let path = format!("trunk_groups/{}", id(&nested, "trunk_group_sid"));
    assert_eq!(made(&world.get(&format!("{path}?with_trunks=true")).await), nested);
    assert!(made(&world.get(&path).await).get("trunks").is_none());
    let patched = made(&world.patch(&format!("{path}?with_trunks=true"), json!({"name": "h", "trunks": []})).await);
    assert_eq!((&patched["name"], patched.get("trunks")), (&json!("h"), None), "trunks are changed as trunks");
    assert_eq!(world.delete(&path).await.status, 204);
    let expected =
        "create_trunk_group create_trunk_group create_trunk create_trunk update_trunk_group delete_trunk_group delete_trunk delete_trunk";
    assert_eq!(world.ops().await.join(" "), expected, "a group takes its trunks along");
}

#[tokio::test]
async fn trunks_lead_to_endpoints_that_exist_and_are_found_in_their_group_only() {
    let world = World::new().await;
    let (_, endpoint) = world.endpoint("a").await;
    let ((group, trunk), (other, _)) = (world.group(Some(&endpoint)).await, world.group(None).await);
    let path = format!("trunk_groups/{group}/trunks/{trunk}");
    assert_eq!(made(&world.get(&path).await)["endpoint_sid"], json!(endpoint));
    assert_eq!(world.get(&format!("trunk_groups/{other}/trunks/{trunk}")).await.status, 404);
    assert_eq!(world.delete(&format!("trunk_groups/{other}/trunks/{trunk}")).await.status, 404);
    assert_eq!(world.patch(&path, json!({"endpoint_sid": NOBODY})).await.json()["errors"][0]["field"], "endpoint_sid");
    let changed = made(&world.patch(&path, json!({"endpoint_sid": "", "priority": 3})).await);
    assert_eq!((&changed["endpoint_sid"], &changed["priority"], &changed["name"]), (&Value::Null, &json!(3), &json!("trunk")));
    made(&world.post(&format!("trunk_groups/{group}/trunks"), json!({})).await);
    assert_eq!(made(&world.get(&format!("trunk_groups/{group}/trunks")).await)["total"], 2);
    assert_eq!(world.delete(&path).await.status, 204);
    assert_eq!(made(&world.get(&format!("trunk_groups/{group}/trunks")).await)["total"], 1);
}
