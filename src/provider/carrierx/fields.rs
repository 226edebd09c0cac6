//! Canonical fields ⇄ CarrierX's own terms, as far as an answer shows them: older ones lack what newer ones have (`contracts/carrierx.md` 4, 6, 7).

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::addresses::{self, Address};
use super::logins::Logins;
use super::wire::{self, Object};
use crate::core::fields::{self as core, FieldName, Fields, Number, Remote, Role, Value};
use crate::provider::answers::is_number;

/// What an endpoint is: `third_party` or one of those that CarrierX hosts. Fixed when it is made.
pub const TYPE: FieldName = "type";
/// The name of an endpoint or of a trunk group, with the mark at its end.
pub const NAME: FieldName = "name";
/// Where a static peer is: a JSON list of objects, sorted, without what is the default, without logins.
pub const ADDRESSES: FieldName = "addresses";
/// The most simultaneous calls.
pub const CAPACITY: FieldName = "capacity";
/// `true` or `false`.
pub const AUTH_REQUIRED: FieldName = "auth_required";
/// What CarrierX presents when it is challenged; `""` is nothing.
pub const OUT_SIP_USERNAME: FieldName = "out_sip_username";
/// Marks of people's own, by key.
pub const ATTRIBUTES: FieldName = "attributes";
/// All attributes as the answer had them, whatever their shape; `""` where there are none. Never wanted, only sent back by a change of
/// lists, which may clear them else.
pub const OBSERVED_ATTRIBUTES: FieldName = "observed_attributes";
/// How CarrierX changes what passes: a JSON list of objects.
pub const TRANSFORMATIONS: FieldName = "transformations";
/// What a voicemail is told, by name.
pub const PROPERTIES: FieldName = "properties";
/// Those of [`PROPERTIES`] that people set. All others are CarrierX's, secrets among them, and are not even read.
pub const VOICEMAIL: [&str; 4] = ["callback_method", "callback_url", "container_sid", "greeting"];
/// Of a trunk group: the endpoint that its only trunk names. Where it has none, more than one, or one that leads nowhere, a text that is no
/// SID: `none`, or what all of them name.
pub const ENDPOINT_SID: FieldName = "endpoint_sid";
/// Of a number: the trunk group that it leads to; `""` is none.
pub const TRUNK_GROUP_SID: FieldName = "trunk_group_sid";
/// Of a number: what it is called; `""` is nothing. CarrierX says `name`, and `N/A` for none.
pub const ALIAS: FieldName = "alias";
/// What a spec can manage, but for the password.
pub const ALL: &[FieldName] = &[
    TYPE,
    NAME,
    ADDRESSES,
    CAPACITY,
    AUTH_REQUIRED,
    OUT_SIP_USERNAME,
    ATTRIBUTES,
    TRANSFORMATIONS,
    PROPERTIES,
    ENDPOINT_SID,
    TRUNK_GROUP_SID,
    ALIAS,
];
/// What CarrierX writes for the name of something without one.
pub(super) const UNNAMED: &str = "N/A";
/// A trunk that names no endpoint, or no trunk.
const NONE: &str = "none";
/// The bit of voice among a number's capabilities.
const VOICE: i64 = 4;

/// An endpoint as the core sees it; `None` without SID. A field that the answer lacks, or has in another shape, is absent: nobody knows
/// then what it is. `own`: the partner whose token it was read with.
pub(super) fn endpoint(object: &Object, own: Option<&str>) -> Option<Remote> {
    let kind = wire::text(object, "type");
    let name = name(object);
    let nested = |field: FieldName| object.contains_key(field).then(|| wire::objects(object, field)).flatten();
    let (addresses, shown) = nested(ADDRESSES).and_then(|list| addresses::observed(&list)).unzip();
    let mut fields = Fields::from([(NAME, Value::Text(name.to_owned()))]);
    let mut put = |field: FieldName, value: Option<Value>| drop(value.map(|value| fields.insert(field, value)));
    let text = |text: &str| Value::Text(text.to_owned());
    put(TYPE, kind.map(text));
    put(ADDRESSES, shown);
    let transformations = |list: Vec<&Object>| wire::canonical(&list.into_iter().cloned().map(Json::Object).collect());
    put(TRANSFORMATIONS, nested(TRANSFORMATIONS).map(|list| Value::Text(transformations(list))));
    put(CAPACITY, wire::integer(object, CAPACITY).map(|capacity| Value::Text(capacity.to_string())));
    put(AUTH_REQUIRED, wire::flag(object, AUTH_REQUIRED).map(|required| Value::Text(required.to_string())));
    let nobody = || object.get(OUT_SIP_USERNAME).filter(|value| value.is_null()).map(|_| "");
    put(OUT_SIP_USERNAME, wire::text(object, OUT_SIP_USERNAME).or_else(nobody).map(text));
    if let Some(attributes) = object.get(ATTRIBUTES) {
        put(OBSERVED_ATTRIBUTES, Some(Value::Text(if is_empty(attributes) { String::new() } else { wire::canonical(attributes) })));
        put(ATTRIBUTES, Some(Value::Members(members(attributes))));
    }
    let ours = |all: BTreeMap<String, String>| all.into_iter().filter(|(name, _)| VOICEMAIL.contains(&name.as_str())).collect();
    put(PROPERTIES, object.get(PROPERTIES).map(|properties| Value::Members(ours(members(properties)))));
    let role = match kind {
        _ if is_elsewhere(object, own) => Role::Elsewhere,
        Some("system_gateway") => Role::Gateway(addresses.unwrap_or_default().iter().map(gateway).collect()),
        _ => Role::Own,
    };
    let logins = Logins::observed(object);
    Some(Remote {
        id: wire::sid(object, "endpoint_sid")?,
        username: name.to_owned(),
        sip_uri: None,
        registration: None,
        fields,
        password_digest: (!logins.is_empty()).then(|| logins.sealed()),
        role,
    })
}

/// Its name; only SIDs have to be there, so that nothing unreadable in one thing hides all others.
fn name(object: &Object) -> &str {
    wire::text(object, NAME).unwrap_or_default()
}

/// A trunk group as the core sees it, with where its trunks lead if the answer shows them; `None` without SID.
pub(super) fn trunk_group(object: &Object, own: Option<&str>) -> Option<Remote> {
    let name = name(object);
    let mut fields = Fields::from([(NAME, Value::Text(name.to_owned()))]);
    if let Some(trunks) = object.contains_key("trunks").then(|| wire::objects(object, "trunks")).flatten() {
        fields.insert(ENDPOINT_SID, Value::Text(leads_to(&trunks)));
    }
    Some(Remote {
        id: wire::sid(object, TRUNK_GROUP_SID)?,
        username: name.to_owned(),
        sip_uri: None,
        registration: None,
        fields,
        password_digest: None,
        role: if is_elsewhere(object, own) { Role::Elsewhere } else { Role::Own },
    })
}

/// Where a group's trunks lead: the SID of the one endpoint that its one trunk names, else a text that is no SID.
fn leads_to(trunks: &[&Object]) -> String {
    let mut named: Vec<&str> =
        trunks.iter().map(|trunk| wire::text(trunk, ENDPOINT_SID).filter(|sid| !sid.is_empty()).unwrap_or(NONE)).collect();
    named.sort_unstable();
    match named.as_slice() {
        [] => NONE.to_owned(),
        several => several.join(", "),
    }
}

/// A number as the core sees it; `None` without SID. One without digits is counted, and is nobody's: what stands for them is no number.
pub(super) fn number(object: &Object, own: Option<&str>) -> Option<Number> {
    let id = wire::sid(object, "did_sid")?;
    let digits = match object.get("phonenumber") {
        Some(Json::Number(number)) => number.to_string(),
        Some(Json::String(number)) => number.trim_start_matches('+').to_owned(),
        _ => String::new(),
    };
    let number = if is_number(&digits) { digits } else { format!("without digits ({id})") };
    let name = wire::text(object, NAME).filter(|name| *name != UNNAMED).unwrap_or_default();
    let group = wire::text(object, TRUNK_GROUP_SID).unwrap_or_default();
    let obstacle = obstacle(object, own);
    let fields = [(ALIAS, name), (TRUNK_GROUP_SID, group)].map(|(field, text)| (field, Value::Text(text.to_owned())));
    Some(Number { id, number, obstacle, fields: fields.into() })
}

/// A number in words.
pub(super) fn named(number: &Number) -> String {
    if is_number(&number.number) { format!("number +{}", number.number) } else { format!("a number {}", number.number) }
}

/// Why a number cannot be bound.
fn obstacle(object: &Object, own: Option<&str>) -> Option<String> {
    if is_elsewhere(object, own) {
        return Some("it belongs to another partner of CarrierX".to_owned());
    }
    if let Some(status) = wire::text(object, "status").filter(|status| !status.eq_ignore_ascii_case("assigned")) {
        return Some(format!("its status at CarrierX is {status}, not assigned"));
    }
    let lacks = |name: &str| wire::integer(object, name).filter(|bits| bits & VOICE == 0);
    lacks("capabilities")
        .map(|bits| format!("it cannot carry voice (capabilities {bits} at CarrierX)"))
        .or_else(|| lacks("active_capabilities").map(|bits| format!("voice is not active for it (active_capabilities {bits} at CarrierX)")))
}

/// Of another partner, or of one that may be another: then nothing is changed. What names no partner is shown by our own token.
fn is_elsewhere(object: &Object, own: Option<&str>) -> bool {
    wire::text(object, "partner_sid").is_some_and(|partner| own != Some(partner))
}

fn gateway(address: &Address) -> core::Address {
    let (ip, port, transport) = address.at();
    core::Address { ip: ip.to_owned(), port: u16::try_from(port).ok(), transport: Some(transport.to_owned()) }
}

/// Texts by name, out of an object or of a list of `{key, value}`; what is no text is left out.
fn members(value: &Json) -> BTreeMap<String, String> {
    let text = |value: &Json| value.as_str().map(str::to_owned);
    match value {
        Json::Object(members) => members.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect(),
        Json::Array(pairs) => pairs.iter().filter_map(|pair| Some((text(pair.get("key")?)?, text(pair.get("value")?)?))).collect(),
        _ => BTreeMap::new(),
    }
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Object(members) => members.is_empty(),
        Json::Array(items) => items.is_empty(),
        _ => true,
    }
}
