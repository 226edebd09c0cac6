//! What updates leave alone, and what the ledger keeps to itself.

use serde_json::{Value, json};

use crate::support::{World, id, made};

#[tokio::test]
async fn a_patch_changes_only_what_it_names() {
    let world = World::new().await;
    let body = json!({"name": "a", "type": "third_party", "capacity": 5, "attributes": {"k": "v"}, "out_sip_username": "u",
        "addresses": [{"ip": "192.0.2.1", "transport": "tls"}], "transformations": [{"x": 1}]});
    let before = made(&world.post("endpoints", body).await);
    let path = format!("endpoints/{}", id(&before, "endpoint_sid"));
    let mut after = before.clone();
    after["name"] = json!("b");
    assert_eq!(made(&world.patch(&path, json!({"name": "b", "no_such_field": 7})).await), after);
    assert_eq!(made(&world.patch(&path, json!({})).await), after, "also when nothing changes");
    assert_eq!(made(&world.get(&path).await), after);
    assert_eq!(world.ops().await, ["create_endpoint", "update_endpoint", "update_endpoint"]);
    assert_eq!(world.patch(&path, json!({"name": 7})).await.status, 422);
    assert_eq!(world.patch(&format!("{path}?nested_objects=merge"), json!({})).await.status, 400);
    assert_eq!(made(&world.get(&path).await), after, "a refused update changes nothing");
}

#[tokio::test]
async fn numbers_and_groups_take_updates_of_their_own_fields() {
    let world = World::new().await;
    let did = world.did().await;
    let body =
        json!({"name": "main", "attributes": {"k": "v"}, "string_key_1": "s", "callback_url": "https://x.test/", "did_group_sid": "g"});
    let changed = made(&world.patch(&did, body.clone()).await);
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(&changed[name], value);
    }
    let merged = made(&world.patch(&did, json!({"attributes": {"l": "w"}})).await);
    assert_eq!(merged["attributes"], json!({"k": "v", "l": "w"}));
    let replaced = made(&world.patch(&format!("{did}?nested_objects=replace"), json!({"attributes": {"l": "w"}})).await);
    assert_eq!(replaced["attributes"], json!({"l": "w"}));
    for name in ["phonenumber", "status", "active_capabilities", "price"] {
        let same = made(&world.patch(&did, json!({name: "7"})).await);
        assert_eq!(same[name], changed[name], "only the server writes {name}");
    }
    let (group, _) = world.group(None).await;
    let changed = made(&world.patch(&format!("trunk_groups/{group}"), json!({"hard_failure_interval": 30, "partner_sid": "x"})).await);
    assert_eq!((&changed["hard_failure_interval"], &changed["partner_sid"]), (&json!(30), &json!(sandbox::carrierx::PARTNER_SID)));
}

#[tokio::test]
async fn no_secret_is_in_ledger_or_log() {
    let world = World::new().await;
    let made = made(
        &world
            .post(
                "endpoints",
                json!({"name": "a", "type": "third_party", "out_sip_username": "visible-user", "out_sip_password": "canary-one",
                    "addresses": [{"ip": "192.0.2.1", "sip_password": "canary-two"}]}),
            )
            .await,
    );
    let path = format!("endpoints/{}", id(&made, "endpoint_sid"));
    world.patch(&path, json!({"out_sip_password": "canary-three"})).await;
    let hosted = world.post("endpoints", json!({"name": "h", "type": "conference"})).await.json();
    world.admin.patch_endpoint(&id(&made, "endpoint_sid"), json!({"voip_token": "canary-four"})).await.unwrap();
    world.get("endpoints?filter=out_sip_password eq canary-five&password=canary-six&filter=properties.login eq canary-seven").await;
    world.admin.rotate_token("canary-eight").await.unwrap();
    world.delete(&path).await;
    let (ledger, log) = (world.admin.ledger().await.unwrap(), world.admin.requests().await.unwrap());
    let everything = format!("{ledger:?} {log:?}");
    let mut secrets: Vec<String> = ["one", "two", "three", "four", "five", "six", "seven", "eight"].map(|n| format!("canary-{n}")).to_vec();
    secrets.push(sandbox::carrierx::DEFAULT_TOKEN.to_owned());
    secrets.push(id(&made, "voip_token"));
    secrets.extend(["login", "password"].map(|name| id(&hosted["properties"], name)));
    for secret in secrets {
        assert!(!everything.contains(&secret), "{secret} is shown");
    }
    assert!(everything.contains("visible-user"));
    assert_eq!((&ledger[0].after["out_sip_password"], &ledger[2].after["out_sip_password"]), (&json!("***"), &Value::Null));
    assert_eq!(ledger[1].request, json!({"out_sip_password": "***"}));
}

#[tokio::test]
async fn the_ledger_tells_who_did_what_and_how_it_was_before() {
    let world = World::new().await;
    let (path, sid) = world.endpoint("a").await;
    world.patch(&path, json!({"name": "b"})).await;
    world.admin.patch_endpoint(&sid, json!({"name": "c"})).await.unwrap();
    world.delete(&path).await;
    let ledger = world.admin.ledger().await.unwrap();
    let rows: Vec<_> = ledger
        .iter()
        .map(|entry| (entry.seq, entry.op.as_str(), entry.actor.as_str(), entry.before["name"].clone(), entry.after["name"].clone()))
        .collect();
    let (a, b, c, none) = (json!("a"), json!("b"), json!("c"), Value::Null);
    assert_eq!(
        rows,
        [
            (1, "create_endpoint", "api", none.clone(), a.clone()),
            (2, "update_endpoint", "api", a, b.clone()),
            (3, "update_endpoint", "console", b, c.clone()),
            (4, "delete_endpoint", "api", c, none),
        ]
    );
    assert!(ledger.iter().all(|entry| entry.id == sid && entry.account == sandbox::carrierx::PARTNER_SID));
    assert_eq!(world.admin.ledger_since(2).await.unwrap(), ledger[2..]);
    let trunks = world.group(None).await;
    let trunk = world.admin.ledger().await.unwrap().pop().unwrap();
    assert_eq!((trunk.id, &trunk.after["trunk_group_sid"]), (trunks.1, &json!(trunks.0)), "the ledger says which group a trunk is in");
}

#[tokio::test]
async fn the_request_log_tells_connections_and_effects_apart() {
    let mut world = World::new().await;
    world.endpoint("alice").await;
    world.get("endpoints?limit=3").await;
    world.token = "wrong".to_owned();
    world.get("endpoints").await;
    let log = world.admin.requests().await.unwrap();
    let rows: Vec<_> =
        log.iter().map(|row| (row.method.as_str(), row.path.as_str(), row.query.as_str(), row.status, row.executed)).collect();
    let path = "/core/v2/endpoints";
    assert_eq!(
        rows,
        [("POST", path, "", Some(200), true), ("GET", path, "limit=3", Some(200), false), ("GET", path, "", Some(401), false)]
    );
    let partner = Some(sandbox::carrierx::PARTNER_SID.to_owned());
    assert_eq!(log.iter().map(|row| row.account.clone()).collect::<Vec<_>>(), [partner.clone(), partner, None]);
    assert!(log.iter().all(|row| row.answered && row.duration_ms.is_some() && row.connection == log[0].connection));
}
