//! What the tests of the CarrierX client share.

use serde_json::{Value as Json, json};
use switchboard::core::fields::{Fields, PASSWORD, Secret, Value};
use switchboard::core::mark::{Installation, Mark, Place};
use switchboard::provider::Provider;
use switchboard::provider::carrierx::{CarrierX, Credentials};
use switchboard::provider::transport::{BaseUrl, Deadlines, TransportOptions};

use crate::script::{Act, Seen, Server, json as answer};
use crate::{PATIENT, Told, install, told};

pub const TOKEN: &str = "canaryBearer.0123456789-abcdefgh";
pub const OUT_PASSWORD: &str = "canaryOutword42";
pub const SIP_PASSWORD: &str = "canarySipword43";
pub const SIP_USERNAME: &str = "canarySipuser44";
pub const PARTNER: &str = "ed437757-002d-4ecc-aa5a-efdf5e50dba0";
/// Of whatever is asked about.
pub const SID: &str = "473d1623-c615-4b43-ab4f-01cd5491c56b";
/// Of something else.
pub const OTHER: &str = "358d56f9-1482-4b3d-85a9-efd29afc6ff2";
pub const NUMBER: &str = "15162065574";

pub fn client(base: &str, deadlines: Deadlines) -> CarrierX {
    client_of(base, deadlines, Some(PARTNER))
}

pub fn client_of(base: &str, deadlines: Deadlines, partner: Option<&str>) -> CarrierX {
    install();
    let credentials = Credentials { token: Secret::new(TOKEN.to_owned()), partner_sid: partner.map(str::to_owned) };
    let options = TransportOptions { deadlines, extra_roots: None };
    CarrierX::new(&BaseUrl::parse(base).expect("a base URL"), credentials, &options).expect("a client")
}

pub fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

pub fn mark() -> Mark {
    Mark::new(Place::Name, &Installation::new("cluster-a"), "voice", "pbx", "pbx")
}

/// The opaque password that the dialect makes: one for the endpoint, one for an address.
pub fn logins() -> Value {
    let sealed = json!({
        "out_sip_password": OUT_PASSWORD,
        "addresses": [{"address": {"ip": "192.0.2.1"}, "sip_username": SIP_USERNAME, "sip_password": SIP_PASSWORD}],
    });
    Value::Secret(Secret::new(sealed.to_string()))
}

/// A new endpoint.
pub fn wanted() -> Fields {
    Fields::from([
        ("type", text("third_party")),
        ("addresses", text(r#"[{"ip":"192.0.2.1"}]"#)),
        ("capacity", text("10")),
        (PASSWORD, logins()),
    ])
}

/// Addresses, with what goes along and what is carried.
pub fn readdressed() -> Fields {
    Fields::from([
        ("addresses", text(r#"[{"ip":"192.0.2.1"}]"#)),
        ("transformations", text("[]")),
        ("observed_attributes", text(r#"{"theirs":"x"}"#)),
        (PASSWORD, logins()),
    ])
}

/// An endpoint as the provider shows it.
pub fn endpoint(name: &str) -> Json {
    json!({
        "endpoint_sid": SID, "name": name, "type": "third_party", "partner_sid": PARTNER, "addresses": [{"ip": "192.0.2.1"}],
        "voip_token": "canaryVoiptoken45",
        "properties": {"login": "canaryLogin46", "password": "canaryProperty47"},
    })
}

pub fn trunk(sid: &str, endpoint: Option<&str>) -> Json {
    json!({"trunk_sid": sid, "name": "N/A", "endpoint_sid": endpoint, "priority": 0})
}

pub fn group(name: &str, trunks: &[Json]) -> Json {
    json!({"trunk_group_sid": SID, "name": name, "partner_sid": PARTNER, "trunks": trunks})
}

pub fn did(number: &str, group: Option<&str>) -> Json {
    json!({
        "did_sid": SID, "phonenumber": number, "partner_sid": PARTNER, "name": "N/A", "status": "assigned", "capabilities": 7,
        "active_capabilities": 4, "trunk_group_sid": group,
    })
}

pub fn list(items: &[Json], has_more: bool) -> Json {
    json!({"count": items.len(), "has_more": has_more, "items": items, "limit": 1000, "offset": 0, "pagination": {}, "total": null})
}

/// What a client can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Identify,
    Create,
    Get,
    List,
    Find,
    Update,
    Replace,
    Delete,
    References,
    CreateGroup,
    GetGroup,
    ListGroups,
    FindGroups,
    Rename,
    Lead,
    DeleteGroup,
    GroupReferences,
    GetNumber,
    FindNumber,
    ListNumbers,
    UpdateNumber,
}

pub const OPS: [Op; 21] = [
    Op::Identify,
    Op::Create,
    Op::Get,
    Op::List,
    Op::Find,
    Op::Update,
    Op::Replace,
    Op::Delete,
    Op::References,
    Op::CreateGroup,
    Op::GetGroup,
    Op::ListGroups,
    Op::FindGroups,
    Op::Rename,
    Op::Lead,
    Op::DeleteGroup,
    Op::GroupReferences,
    Op::GetNumber,
    Op::FindNumber,
    Op::ListNumbers,
    Op::UpdateNumber,
];

pub async fn run(client: &CarrierX, op: Op) -> Told {
    let (endpoints, groups) = (client.endpoints(), client.trunk_groups().expect("trunk groups"));
    let mark = mark();
    let leads = Fields::from([("endpoint_sid", text(OTHER))]);
    match op {
        Op::Identify => told(client.identify().await),
        Op::Create => told(endpoints.create(mark.as_str(), &wanted()).await),
        Op::Get => told(endpoints.get(SID).await),
        Op::List => told(endpoints.list(0, 1000).await),
        Op::Find => told(endpoints.find(&mark).await),
        Op::Update => told(endpoints.update(SID, &Fields::from([("capacity", text("7"))])).await),
        Op::Replace => told(endpoints.update(SID, &readdressed()).await),
        Op::Delete => told(endpoints.delete(SID).await),
        Op::References => told(endpoints.references(SID).await),
        Op::CreateGroup => told(groups.create(mark.as_str(), &leads).await),
        Op::GetGroup => told(groups.get(SID).await),
        Op::ListGroups => told(groups.list(0, 1000).await),
        Op::FindGroups => told(groups.find(&mark).await),
        Op::Rename => told(groups.update(SID, &Fields::from([("name", text(mark.as_str()))])).await),
        Op::Lead => told(groups.update(SID, &leads).await),
        Op::DeleteGroup => told(groups.delete(SID).await),
        Op::GroupReferences => told(groups.references(SID).await),
        Op::GetNumber => told(client.get_number(NUMBER, Some(SID)).await),
        Op::FindNumber => told(client.get_number(NUMBER, None).await),
        Op::ListNumbers => told(client.list_numbers(0, 1000).await),
        Op::UpdateNumber => told(client.update_number(NUMBER, Some(SID), &Fields::from([("trunk_group_sid", text(OTHER))])).await),
    }
}

/// A provider that answers by the beginning of the request, the first that fits; 500 where none does.
pub async fn provider(answers: Vec<(&'static str, u16, Json)>) -> (Server, CarrierX) {
    let server = Server::start(move |seen: &Seen| {
        let line = seen.line().to_owned();
        let found = answers.iter().find(|(beginning, ..)| line.starts_with(&beginning.replace("{}", SID)));
        Act::Say(found.map_or_else(|| answer(500, &json!({})), |(_, status, body)| answer(*status, body)))
    })
    .await;
    let client = client(&server.url(), PATIENT);
    (server, client)
}

/// Method, target and body of all requests so far.
pub fn asked(server: &Server) -> Vec<String> {
    let requests = server.requests();
    requests
        .iter()
        .map(|seen| format!("{} {}", seen.line().replace("/core/v2", "").replace(SID, "{}"), seen.body).trim_end().to_owned())
        .collect()
}
