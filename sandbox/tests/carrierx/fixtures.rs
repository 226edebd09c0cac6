//! The simulator's answers against sample bodies of the provider's documentation: every member with its JSON type, at every depth, and
//! no member that no sample has. `fixtures/carrierx/inferred` are requests that no page prints.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{NUMBER, Reply, World, id, made};

/// Members that are there in newer samples only (contracts/carrierx.md 4), so that the answer may have more.
const NEWER: [&str; 10] = [
    "auth_required",
    "cps_limit",
    "dst_port",
    "location_sid",
    "out_sip_password",
    "out_sip_username",
    "priority",
    "sip_password",
    "sip_username",
    "srtp",
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/carrierx")
}

fn fixture(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What is different in shape. A value that may be null in one and a text in the other (a SID) is the same.
fn compare(place: &str, ours: &Value, sample: &Value) -> Vec<String> {
    match (ours, sample) {
        (Value::Object(ours), Value::Object(members)) => {
            let mut wrong: Vec<String> = members
                .iter()
                .flat_map(|(name, value)| match ours.get(name) {
                    None => vec![format!("{place}.{name} is missing")],
                    Some(our) => compare(&format!("{place}.{name}"), our, value),
                })
                .collect();
            let alone = ours.keys().filter(|name| !members.contains_key(*name) && !NEWER.contains(&name.as_str()));
            wrong.extend(alone.map(|name| format!("{place}.{name} is not in the sample")));
            wrong
        }
        (Value::Array(ours), Value::Array(elements)) => match elements.first() {
            Some(sample) if ours.is_empty() => vec![format!("{place} is empty, there is {sample}")],
            Some(sample) => ours.iter().flat_map(|our| compare(&format!("{place}[]"), our, sample)).collect(),
            None => Vec::new(),
        },
        (Value::Null, Value::String(_)) | (Value::String(_), Value::Null) if place.ends_with("_sid") => Vec::new(),
        _ if kind(ours) == kind(sample) => Vec::new(),
        _ => vec![format!("{place} is {ours}, there {sample}")],
    }
}

/// The requests of the samples, and what the answer to each must look like.
#[tokio::test]
async fn answers_read_as_in_every_sample() {
    let world = World::new().await;
    let did = world.did().await;
    world.admin.create_did(json!({"phonenumber": "15162065575"})).await.unwrap();
    let created = world.post("endpoints", fixture("endpoint.create.third_party.request.json")).await;
    let endpoint = format!("endpoints/{}", id(&created.json(), "endpoint_sid"));
    let conference = world.post("endpoints", fixture("endpoint.create.conference.request.json")).await;
    let group = world.post("trunk_groups?with_trunks=true", fixture("trunk_group.create_with_trunks.request.json")).await;
    let group_sid = id(&group.json(), "trunk_group_sid");
    made(&world.post("trunk_groups", json!({"name": "second"})).await);
    let (group_path, trunks) = (format!("trunk_groups/{group_sid}"), format!("trunk_groups/{group_sid}/trunks"));
    let trunk = world.post(&trunks, fixture("trunk.create.request.json")).await;
    let cases: Vec<(&str, Reply)> = vec![
        ("endpoint.create.third_party.200.json", created),
        ("endpoint.create.conference.200.json", conference),
        ("endpoint.get.200.json", world.get(&endpoint).await),
        ("endpoint.list.200.json", world.get("endpoints?filter=addresses.ip+eq+%221.1.2.13%22").await),
        ("endpoint.update.200.json", world.patch(&endpoint, fixture("endpoint.update.request.json")).await),
        ("did.get.200.json", world.get(&did).await),
        ("did.list.200.json", world.get("phonenumber/dids?limit=1").await),
        ("did.update.200.json", world.patch(&did, fixture("did.update.request.json")).await),
        ("trunk_group.list_with_trunks.200.json", world.get("trunk_groups?with_trunks=true&limit=1").await),
        ("trunk_group.update.200.json", world.patch(&group_path, fixture("trunk_group.update.request.json")).await),
        ("trunk.create.200.json", trunk),
        ("trunk.list.200.json", world.get(&trunks).await),
    ];
    let mut wrong = Vec::new();
    for (name, reply) in &cases {
        assert!(reply.header("content-type").starts_with("application/json"), "{name}");
        wrong.extend(compare(name, &made(reply), &fixture(name)));
    }
    let item = fixture("trunk_group.list_with_trunks.200.json")["items"][0].clone();
    wrong.extend(compare("create_with_trunks", &made(&group), &item));
    let gateway = &world.held("endpoints").await[0];
    wrong.extend(compare("gateway", gateway, &fixture("endpoint.system_gateway.legacy-item.json")));
    world.switch("object_age", "older").await;
    let older = &world.held("endpoints").await[0];
    assert_eq!(older["addresses"][0].as_object().unwrap().len(), 4);
    wrong.extend(compare("older gateway", older, &fixture("endpoint.system_gateway.legacy-item.json")));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    // What a number's sample says of this number is what it says here.
    let (ours, sample) = (made(&cases[5].1), fixture("did.get.200.json"));
    assert_eq!(sample["phonenumber"], NUMBER);
    for (name, value) in sample.as_object().unwrap().iter().filter(|(name, _)| !name.ends_with("_sid")) {
        assert_eq!(&ours[name], value, "{name}");
    }
}

#[tokio::test]
async fn both_documented_errors_read_word_for_word() {
    let world = World::new().await;
    let body = json!({"name": "a", "type": "third_party", "auth_required": false, "addresses": [{"ip": "192.0.2.1"}]});
    let refused = world.post("endpoints", body.clone()).await;
    assert_eq!(refused.json(), fixture("error.auth_required_missing_scope.json"));
    world.may_set_auth_required().await;
    made(&world.post("endpoints", body.clone()).await);
    assert_eq!(world.post("endpoints", body).await.json(), fixture("error.duplicate_ip_auth_required_false.json"));
}

#[tokio::test]
async fn inferred_requests_do_what_they_are_meant_to_do() {
    let world = World::new().await;
    let (did, (path, _)) = (world.did().await, world.endpoint("a").await);
    let bind = fixture("inferred/did.bind.request.json");
    world.admin.create_trunk_group(json!({"trunk_group_sid": bind["trunk_group_sid"]})).await.unwrap();
    assert_eq!(made(&world.patch(&did, bind.clone()).await)["trunk_group_sid"], bind["trunk_group_sid"]);
    assert_eq!(made(&world.patch(&did, fixture("inferred/did.unbind.request.json")).await)["trunk_group_sid"], Value::Null);
    let addresses = fixture("inferred/endpoint.replace_addresses.request.json");
    let changed = made(&world.patch(&format!("{path}?nested_objects=replace"), addresses).await);
    assert_eq!((changed["addresses"].as_array().unwrap().len(), &changed["addresses"][0]["ip"]), (1, &json!("1.1.2.14")));
}

#[test]
fn every_fixture_is_used_by_some_test() {
    let source = include_str!("fixtures.rs");
    let files = |below: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder().join(below)).unwrap().map(|entry| entry.unwrap());
        entries.filter(|entry| entry.path().is_file()).map(|entry| format!("{below}{}", entry.file_name().to_str().unwrap())).collect()
    };
    for name in files("").into_iter().chain(files("inferred/")) {
        assert!(source.contains(&format!("\"{name}\"")), "{name} is used by no test");
    }
}
