//! The admin interface: acts behind the operator's back, tokens and scopes, state, reset.

use sandbox::carrierx::{OTHER_PARTNER_SID, PARTNER_SID};
use serde_json::{Value, json};

use crate::support::{NOBODY, NUMBER, World, id, made};

#[tokio::test]
async fn the_portal_edits_and_deletes_everything() {
    let world = World::new().await;
    let endpoint = world.admin.create_endpoint(json!({"name": "e", "addresses": [{"ip": "192.0.2.1"}]})).await.unwrap();
    let sid = id(&endpoint, "endpoint_sid");
    assert_eq!((&endpoint["type"], &endpoint["addresses"][0]["port"]), (&json!("third_party"), &json!(5060)));
    let edited = world.admin.patch_endpoint(&sid, json!({"addresses": [], "cps_limit": 7, "type": "flexml"})).await.unwrap();
    assert_eq!((&edited["addresses"], &edited["cps_limit"], &edited["type"]), (&json!([]), &json!(7), &json!("flexml")));
    let rotated = world.admin.rotate_voip_token(&sid).await.unwrap();
    assert!(rotated["voip_token"].is_string() && rotated["voip_token"] != endpoint["voip_token"]);
    let group = world.admin.create_trunk_group(json!({"name": "g", "trunks": [{"endpoint_sid": sid}]})).await.unwrap();
    let group_sid = id(&group, "trunk_group_sid");
    let second = world.admin.create_trunk(&group_sid, json!({"name": "second"})).await.unwrap();
    world.admin.patch_trunk(&group_sid, &id(&second, "trunk_sid"), json!({"priority": 9})).await.unwrap();
    world.admin.patch_trunk_group(&group_sid, json!({"name": "h"})).await.unwrap();
    let shown = made(&world.get(&format!("trunk_groups/{group_sid}?with_trunks=true")).await);
    assert_eq!(
        (&shown["name"], &shown["trunks"][0]["endpoint_sid"], &shown["trunks"][1]["priority"]),
        (&json!("h"), &json!(sid), &json!(9))
    );
    world.admin.patch_did(NUMBER, json!({"trunk_group_sid": group_sid, "active_capabilities": 3, "status": "aging"})).await.unwrap();
    let did = made(&world.get(&world.did().await).await);
    assert_eq!((&did["trunk_group_sid"], &did["active_capabilities"], &did["status"]), (&json!(group_sid), &json!(3), &json!("aging")));
    world.admin.delete_endpoint(&sid).await.unwrap();
    let left = made(&world.get(&format!("trunk_groups/{group_sid}/trunks")).await);
    assert_eq!(left["items"][0]["endpoint_sid"], Value::Null, "who deletes in the portal clears the trunk first");
    world.admin.delete_trunk(&group_sid, &id(&second, "trunk_sid")).await.unwrap();
    world.admin.delete_trunk_group(&group_sid).await.unwrap();
    assert_eq!(made(&world.get(&world.did().await).await)["trunk_group_sid"], Value::Null);
    world.admin.delete_did(&format!("+{NUMBER}")).await.unwrap();
    assert_eq!(made(&world.get("phonenumber/dids").await)["total"], 0);
    let ledger = world.admin.ledger().await.unwrap();
    assert!(ledger.iter().all(|entry| entry.actor == "console"));
    let expected = "create_endpoint update_endpoint update_endpoint create_trunk_group create_trunk create_trunk update_trunk \
                    update_trunk_group update_did delete_endpoint update_trunk delete_trunk delete_trunk_group delete_trunk update_did delete_did";
    assert_eq!(ledger.iter().map(|entry| entry.op.as_str()).collect::<Vec<_>>().join(" "), expected);
    let state = world.admin.state().await.unwrap();
    assert_eq!((&state["numbers_rented"], &state["numbers_released"]), (&json!(0), &json!(0)), "the portal's acts here are no rentals");
}

#[tokio::test]
async fn numbers_are_seeded_with_or_without_voice_and_many_at_once() {
    let world = World::new().await;
    let mute = world.admin.create_did(json!({"phonenumber": "+4930123456", "active_capabilities": 3})).await.unwrap();
    assert_eq!((&mute["phonenumber"], &mute["active_capabilities"]), (&json!("4930123456"), &json!(3)));
    assert_eq!((&mute["status"], &mute["partner_sid"]), (&json!("assigned"), &json!(PARTNER_SID)));
    world.admin.create_did(json!({"phonenumber": "15160000001", "status": "aging"})).await.unwrap();
    world.admin.create_did(json!({"phonenumber": "15170000000", "count": 500})).await.unwrap();
    assert_eq!(made(&world.get("phonenumber/dids").await)["total"], 503);
    assert_eq!(made(&world.get("phonenumber/dids?filter=status eq aging").await)["total"], 1);
    // All or none.
    for (number, count) in [("15169999999", 2), ("15170000001", 1), ("999999999999999", 2), ("15550000000", 0), ("+1555", 1)] {
        assert!(world.admin.create_did(json!({"phonenumber": number, "count": count})).await.is_err(), "{number} and {count}");
    }
    assert_eq!(made(&world.get("phonenumber/dids").await)["total"], 503);
}

#[tokio::test]
async fn a_token_is_rotated_and_keeps_its_scopes() {
    let mut world = World::new().await;
    world.admin.set_scopes(json!({"drop": ["endpoints.create"]})).await.unwrap();
    world.admin.rotate_token("second").await.unwrap();
    assert_eq!(world.get("endpoints").await.status, 401, "the old token is void");
    world.token = "second".to_owned();
    assert_eq!((world.get("endpoints").await.status, world.post("endpoints", json!({})).await.status), (200, 403));
    world.admin.reset().await.unwrap();
    assert_eq!((world.get("endpoints").await.status, world.post("endpoints", json!({})).await.status), (200, 403), "a reset keeps both");
    assert!(world.admin.rotate_token("").await.is_err() && world.admin.rotate_token("a b").await.is_err());
}

#[tokio::test]
async fn a_token_of_another_partner_sees_that_partners_objects_and_no_others() {
    let mut world = World::with(&[("list_partners", "all")]).await;
    let (path, _) = world.endpoint("ours").await;
    let change = json!({"token": "theirs", "partner_sid": OTHER_PARTNER_SID, "keep": true});
    world.admin.set_token(change).await.unwrap();
    world.token = "theirs".to_owned();
    assert_eq!(made(&world.get("oauth/whoami").await)["partner_sid"], OTHER_PARTNER_SID);
    let listed = made(&world.get("endpoints").await);
    assert!(listed["items"].as_array().unwrap().iter().all(|item| item["partner_sid"] == OTHER_PARTNER_SID), "{listed}");
    assert_eq!((&listed["total"], world.get(&path).await.status, world.delete(&path).await.status), (&json!(3), 404, 404));
    let (theirs, _) = world.endpoint("theirs").await;
    let entry = world.admin.ledger().await.unwrap().pop().unwrap();
    assert_eq!((entry.account.as_str(), entry.op.as_str()), (OTHER_PARTNER_SID, "create_endpoint"));
    world.token = sandbox::carrierx::DEFAULT_TOKEN.to_owned();
    assert_eq!((world.get(&path).await.status, world.get(&theirs).await.status), (200, 200), "a parent sees its sub-partner's");
    world.switch("list_partners", "own").await;
    assert_eq!((world.get(&path).await.status, world.get(&theirs).await.status), (200, 404));
}

#[tokio::test]
async fn the_carriers_gateway_and_somebody_elses_endpoints_are_there_from_the_start() {
    let world = World::new().await;
    let state = world.admin.state().await.unwrap();
    let gateway = &state["accounts"][PARTNER_SID]["endpoints"][0];
    assert_eq!((&gateway["type"], gateway["addresses"].as_array().unwrap().len()), (&json!("system_gateway"), 2));
    assert_eq!((&gateway["voip_token"], &gateway["partner_sid"]), (&Value::Null, &json!(PARTNER_SID)));
    let strangers = state["accounts"][OTHER_PARTNER_SID]["endpoints"].as_array().unwrap();
    let kinds: Vec<_> = strangers.iter().map(|endpoint| (&endpoint["type"], &endpoint["auth_required"])).collect();
    let (peer, no, yes) = (json!("third_party"), json!(false), json!(true));
    assert_eq!(kinds, [(&peer, &no), (&peer, &no), (&json!("system_gateway"), &yes)]);
    let listed = made(&world.get("endpoints").await);
    assert_eq!((&listed["total"], &listed["items"][0]["endpoint_sid"]), (&json!(1), &gateway["endpoint_sid"]));
    assert_eq!(world.get(&format!("endpoints/{}", id(&strangers[0], "endpoint_sid"))).await.status, 404);
}

#[tokio::test]
async fn a_reset_leaves_the_credentials_and_what_was_there_from_the_start() {
    let world = World::new().await;
    let start = world.admin.state().await.unwrap();
    let (_, sid) = world.endpoint("a").await;
    world.group(Some(&sid)).await;
    made(&world.post("phonenumber/dids", json!({})).await);
    world.admin.set_faults(json!([{"answer": "hang"}])).await.unwrap();
    world.switch("list_total", "null").await;
    world.admin.reset().await.unwrap();
    assert!(world.admin.ledger().await.unwrap().is_empty() && world.admin.requests().await.unwrap().is_empty());
    assert_eq!(world.admin.state().await.unwrap(), start);
    assert_eq!((world.get("endpoints").await.status, &world.admin.switches().await.unwrap()["list_total"]), (200, &json!("exact")));
}

#[tokio::test]
async fn wrong_admin_calls_are_refused_with_a_reason() {
    let world = World::new().await;
    let error = async |result: anyhow::Result<Value>| result.unwrap_err().to_string();
    assert!(error(world.admin.create_endpoint(json!({"alias": "a"})).await).await.contains("alias is none of addresses"));
    assert!(error(world.admin.create_endpoint(json!({"addresses": [{}]})).await).await.contains("addresses are objects with ip"));
    assert!(error(world.admin.patch_endpoint(NOBODY, json!({})).await).await.contains("404"));
    assert!(error(world.admin.create_trunk(NOBODY, json!({})).await).await.contains("there is no trunk_group_sid"));
    assert!(error(world.admin.create_trunk_group(json!({"trunks": 7})).await).await.contains("a list of objects"));
    assert!(error(world.admin.create_did(json!({"phonenumber": NUMBER})).await).await.contains("exists"));
    assert!(error(world.admin.create_did(json!({})).await).await.contains("phonenumber is needed"));
    assert!(error(world.admin.set_scopes(json!({"take": []})).await).await.contains("unknown field"));
    assert!(world.admin.delete_did(NOBODY).await.is_err() && world.admin.delete_trunk_group(NOBODY).await.is_err());
    assert!(world.ops().await.is_empty());
}
