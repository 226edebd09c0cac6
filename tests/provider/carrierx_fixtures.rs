//! Recorded bodies of CarrierX, read by the client; none of their secrets can be printed.

use std::path::PathBuf;

use serde_json::{Value as Json, json};
use switchboard::core::fields::{Address, Fields, Remote, Role, Value};
use switchboard::core::outcome::Outcome;
use switchboard::provider::Provider;

use crate::PATIENT;
use crate::carrierx::{NUMBER, client_of};
use crate::script::{Act, Server, json as answer};

const PARTNER: &str = "ed437757-002d-4ecc-aa5a-efdf5e50dba0";

fn recorded(name: &str) -> Json {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/carrierx").join(name);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The values of every member that must not be printed.
fn secrets(body: &Json) -> Vec<String> {
    const NAMES: [&str; 6] = ["voip_token", "password", "login", "sip_password", "out_sip_password", "sip_username"];
    match body {
        Json::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match (NAMES.contains(&name.as_str()), value) {
                (true, Json::String(text)) => vec![text.clone()],
                _ => secrets(value),
            })
            .collect(),
        Json::Array(items) => items.iter().flat_map(secrets).collect(),
        _ => Vec::new(),
    }
}

async fn answering(body: &Json) -> (Server, switchboard::provider::carrierx::CarrierX) {
    let bytes = answer(200, body);
    let server = Server::start(move |_| Act::Say(bytes.clone())).await;
    let client = client_of(&server.url(), PATIENT, Some(PARTNER));
    (server, client)
}

fn done<T: std::fmt::Debug>(outcome: Outcome<T>, what: &str, body: &Json) -> T {
    let text = format!("{outcome:?}");
    for secret in secrets(body) {
        assert!(!text.contains(&secret), "{what} prints {secret}");
    }
    match outcome {
        Outcome::Done(value) => value,
        other => panic!("{what}: {other:?}"),
    }
}

/// The recorded endpoints, as the client reads them.
pub async fn remotes() -> Vec<Remote> {
    let mut remotes = Vec::new();
    for name in [
        "endpoint.create.third_party.200.json",
        "endpoint.update.200.json",
        "endpoint.get.200.json",
        "endpoint.create.conference.200.json",
        "endpoint.system_gateway.legacy-item.json",
    ] {
        let body = recorded(name);
        let mut own = body.clone();
        // Whoever it was recorded for, here it is read as their own.
        own["partner_sid"] = json!(PARTNER);
        let (_server, client) = answering(&own).await;
        remotes.push(done(client.endpoints().get(body["endpoint_sid"].as_str().expect("a SID")).await, name, &body));
    }
    remotes
}

#[tokio::test]
async fn every_recorded_endpoint_is_read_new_or_old() {
    let plain = || {
        Fields::from([
            ("attributes", Value::Members([].into())),
            ("auth_required", Value::Text("true".into())),
            ("capacity", Value::Text("0".into())),
            ("observed_attributes", Value::Text(String::new())),
            ("out_sip_username", Value::Text(String::new())),
            ("properties", Value::Members([].into())),
            ("transformations", Value::Text("[]".into())),
        ])
    };
    let table = [
        ("endpoint.create.third_party.200.json", "my_third_party", "third_party", r#"[{"ip":"1.1.2.13"}]"#),
        ("endpoint.update.200.json", "my_third_party_ep", "third_party", r#"[{"ip":"1.1.2.13"}]"#),
        ("endpoint.get.200.json", "my_third_party", "third_party", r#"[{"ip":"1.1.2.13"}]"#),
        ("endpoint.create.conference.200.json", "my_conf", "conference", "[]"),
        ("endpoint.system_gateway.legacy-item.json", "System Gateway", "system_gateway", r#"[{"ip":"10.1.10.69"}]"#),
    ];
    for (name, label, kind, addresses) in table {
        let body = recorded(name);
        let (_server, client) = answering(&body).await;
        let remote = done(client.endpoints().get(body["endpoint_sid"].as_str().expect("a SID")).await, name, &body);
        let mut fields = plain();
        fields
            .extend([("name", label), ("type", kind), ("addresses", addresses)].map(|(field, text)| (field, Value::Text(text.to_owned()))));
        if kind == "conference" {
            // The text "null" stands in the sample.
            fields.insert("properties", Value::Members([("container_sid".to_owned(), "null".to_owned())].into()));
        }
        let mut shown = remote.fields.clone();
        let addresses = shown["addresses"].text().expect("a text").to_owned();
        shown.insert("addresses", Value::Text(addresses));
        // Older samples lack some, of which nothing is known then.
        fields.retain(|field, _| body.get(*field).is_some() || *field == "observed_attributes");
        assert_eq!((remote.username.as_str(), &shown), (label, &fields), "{name}");
        let role = match kind {
            "system_gateway" => Role::Gateway(vec![Address { ip: "10.1.10.69".into(), port: Some(5060), transport: Some("udp".into()) }]),
            _ => Role::Own,
        };
        assert_eq!((remote.role, remote.password_digest, remote.sip_uri, remote.registration), (role, None, None, None), "{name}");
    }
    let body = recorded("endpoint.list.200.json");
    let (_server, client) = answering(&body).await;
    let page = done(client.endpoints().list(0, 1000).await, "a list", &body);
    assert_eq!((page.items.len(), page.total, page.more), (1, None, Some(false)));
}

#[tokio::test]
async fn every_recorded_trunk_group_and_number_is_read() {
    let body = recorded("trunk_group.list_with_trunks.200.json");
    let (_server, client) = answering(&body).await;
    let groups = client.trunk_groups().expect("trunk groups");
    let page = done(groups.list(0, 1000).await, "groups", &body);
    let text = |value: &str| Value::Text(value.to_owned());
    assert_eq!(page.more, Some(true));
    assert_eq!(page.items[0].fields, Fields::from([("name", text("New Trunk Group")), ("endpoint_sid", text("none"))]));
    let body = recorded("trunk_group.update.200.json");
    let (_server, client) = answering(&body).await;
    let groups = client.trunk_groups().expect("trunk groups");
    let sid = body["trunk_group_sid"].as_str().expect("a SID");
    assert_eq!(done(groups.update(sid, &Fields::from([("name", text("TrunkGroup4"))])).await, "a group", &body), None, "it has no trunks");

    let body = recorded("did.list.200.json");
    let (_server, client) = answering(&body).await;
    let page = done(client.list_numbers(0, 1000).await, "numbers", &body);
    assert_eq!((page.items[0].number.as_str(), page.more), ("15162065574", Some(true)));
    for name in ["did.get.200.json", "did.update.200.json"] {
        let body = recorded(name);
        let bytes = answer(200, &body);
        let server = Server::start(move |_| Act::Say(bytes.clone())).await;
        let client = client_of(&server.url(), PATIENT, body["partner_sid"].as_str());
        let sid = body["did_sid"].as_str().expect("a SID");
        let number = done(client.get_number("15162065574", Some(sid)).await, name, &body);
        assert_eq!((number.id.as_str(), number.obstacle), (sid, None), "{name}");
        assert_eq!(number.fields, Fields::from([("alias", text("")), ("trunk_group_sid", text(""))]), "{name}: N/A is no name");
        assert_eq!(
            client.update_number(NUMBER, Some(sid), &Fields::from([("trunk_group_sid", text(""))])).await,
            Outcome::Done(()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_recorded_trunk_is_what_a_trunk_group_was_brought_to() {
    let trunk = recorded("trunk.create.200.json");
    let group = recorded("trunk_group.list_with_trunks.200.json")["items"][0].clone();
    let sid = group["trunk_group_sid"].as_str().expect("a SID").to_owned();
    let mut changed = trunk;
    changed["endpoint_sid"] = json!("e1");
    let (shown, changed) = (answer(200, &group), answer(200, &changed));
    let server = Server::start(move |seen| Act::Say(if seen.body.is_empty() { shown.clone() } else { changed.clone() })).await;
    let client = client_of(&server.url(), PATIENT, Some(PARTNER));
    let leads = Fields::from([("endpoint_sid", Value::Text("e1".into()))]);
    let remote = done(client.trunk_groups().expect("trunk groups").update(&sid, &leads).await, "a group", &group).expect("a group");
    assert_eq!(remote.fields["endpoint_sid"], leads["endpoint_sid"]);
    assert_eq!(server.requests()[1].line(), format!("PATCH /core/v2/trunk_groups/{sid}/trunks/fd97153a-e466-4de6-9484-c3d4dde72b85"));
}

#[tokio::test]
async fn both_recorded_errors_are_explained() {
    for (name, words) in [
        ("error.duplicate_ip_auth_required_false.json", "give this one another ip or port, or set auth_required: true"),
        ("error.auth_required_missing_scope.json", "the scope endpoints.manage_auth_required, which only CarrierX support grants"),
    ] {
        let bytes = answer(422, &recorded(name));
        let server = Server::start(move |_| Act::Say(bytes.clone())).await;
        let client = client_of(&server.url(), PATIENT, Some(PARTNER));
        let outcome = client.endpoints().update("e1", &Fields::from([("auth_required", Value::Text("false".into()))])).await;
        let Outcome::Refused(refusal) = outcome else { panic!("{name}: {outcome:?}") };
        assert!(refusal.message.contains(words), "{}", refusal.message);
    }
}
