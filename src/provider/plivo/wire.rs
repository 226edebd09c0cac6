//! Plivo's bodies as they are really sent (`contracts/plivo.md` 2, 6–9): ids as text or number, flags as boolean or text, `""`
//! for nothing. Only the key member of an object is needed; unknown members are ignored and wrong-typed optional ones are absent.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::core::fields::Secret;
pub(super) use crate::provider::answers::{is_id, is_number};

/// Longest text that is taken from an answer, in characters. A longer one is treated as wrong-typed.
const LONGEST: usize = 512;

/// A SIP endpoint, from a single GET, a list or the answer to a create.
#[derive(Clone, Debug, Deserialize)]
pub struct Endpoint {
    /// Key of all operations.
    #[serde(default, deserialize_with = "id")]
    pub endpoint_id: Option<String>,
    /// The full name with suffix.
    #[serde(default, deserialize_with = "text")]
    pub username: Option<String>,
    /// Outer `None`: the member is missing or no text.
    #[serde(default, deserialize_with = "member")]
    pub alias: Option<String>,
    /// URI of the attached application.
    #[serde(default, deserialize_with = "text")]
    pub application: Option<String>,
    /// MD5 of the password, often missing.
    #[serde(default, deserialize_with = "secret")]
    pub password: Option<Secret>,
    /// For people and phones.
    #[serde(default, deserialize_with = "text")]
    pub sip_uri: Option<String>,
    /// Whether a phone is logged in.
    #[serde(default, deserialize_with = "flag")]
    pub sip_registered: Option<bool>,
    /// Only while registered; shows the phone's address.
    #[serde(default, deserialize_with = "private")]
    pub sip_contact: Option<Private>,
    /// Only while registered; UTC.
    #[serde(default, deserialize_with = "text")]
    pub sip_expires: Option<String>,
    /// Only while registered.
    #[serde(default, deserialize_with = "text")]
    pub sip_user_agent: Option<String>,
}

/// A number that the account holds, rented or its own.
#[derive(Clone, Debug, Deserialize)]
pub struct Number {
    /// Digits with country code, no plus.
    #[serde(default, deserialize_with = "digits")]
    pub number: Option<String>,
    /// Free text. Of this and the others, `None`: it cannot be read; a missing member is the empty text.
    #[serde(default = "empty", deserialize_with = "member")]
    pub alias: Option<String>,
    /// URI of the assigned application.
    #[serde(default = "empty", deserialize_with = "member")]
    pub application: Option<String>,
    /// `SA…`, as an id or as a path.
    #[serde(default = "empty", deserialize_with = "member")]
    pub sub_account: Option<String>,
    /// An id.
    #[serde(default = "empty", deserialize_with = "member")]
    pub compliance_application_id: Option<String>,
}

/// An application, also the answer to its create.
#[derive(Clone, Debug, Deserialize)]
pub struct Application {
    /// Key; too long for a double.
    #[serde(default, deserialize_with = "id")]
    pub app_id: Option<String>,
    /// Its name.
    #[serde(default, deserialize_with = "text")]
    pub app_name: Option<String>,
}

/// The account that the credentials lead to.
#[derive(Clone, Debug, Deserialize)]
pub struct Account {
    /// `MA…` or `SA…`.
    #[serde(default, deserialize_with = "id")]
    pub auth_id: Option<String>,
    /// For people.
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
}

/// The answer to a change: `{"message", "api_id"}`.
#[derive(Clone, Debug, Deserialize)]
pub struct Message {
    /// `created`, `changed`, or `async api spawned`, which says that nothing is known yet.
    #[serde(default, deserialize_with = "text")]
    pub message: Option<String>,
}

/// A list, its elements not read yet.
#[derive(Clone, Copy)]
pub struct List<'a> {
    /// The elements.
    pub objects: &'a [Value],
    /// How many there are in all.
    pub total_count: Option<u64>,
}

impl<'a> List<'a> {
    /// The list, if `objects` is one.
    pub fn read(body: &'a Value) -> Option<Self> {
        let objects = body.as_object()?.get("objects")?.as_array()?;
        Some(Self { objects, total_count: body.pointer("/meta/total_count").and_then(Value::as_u64) })
    }
}

/// Body of `POST /Endpoint/`: the keys of the contract and no others. What is absent is not sent; null never is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CreateEndpoint<'a> {
    /// Prefix and mark; the server appends digits.
    pub username: &'a str,
    /// The rest.
    #[serde(flatten)]
    pub change: UpdateEndpoint<'a>,
}

/// Body of `POST /Endpoint/{endpoint_id}/`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct UpdateEndpoint<'a> {
    /// Shown in the console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<&'a str>,
    /// `""` for none: null answers "changed" and changes nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_id: Option<&'a str>,
    /// SIP password.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose")]
    pub password: Option<&'a Secret>,
}

/// Body of `POST /Number/{number}/`. `app_id` is in each: without it Plivo chooses one. Null is never sent: it answers "changed" and
/// changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UpdateNumber<'a> {
    /// `""` for none.
    pub app_id: &'a str,
    /// Shown in the console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<&'a str>,
    /// `SA…`; the key is never `sub_account`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subaccount: Option<&'a str>,
    /// Changeable only while the compliance status is pending or rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compliance_application_id: Option<&'a str>,
}

/// Personal data: kept, not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Private(pub String);

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Reads an object; anything else is nothing (a derived reader would take an array for one).
pub fn read<'de, T: Deserialize<'de>>(value: &'de Value) -> Option<T> {
    if !value.is_object() {
        return None;
    }
    T::deserialize(value).ok()
}

/// `api_id`, worth logging and never needed (`contracts/plivo.md` 2). Only in the form of a UUID: a log line is no place for whatever
/// a stranger puts there.
pub fn api_id(body: &Value) -> Option<&str> {
    let is_uuid = |text: &&str| text.len() == 36 && uuid::Uuid::try_parse(text).is_ok();
    body.as_object()?.get("api_id")?.as_str().filter(is_uuid)
}

/// The text of `error`, whatever its shape: text, list, object of either, or nested once more (`contracts/plivo.md` 4).
pub fn error_text(body: &Value) -> Option<String> {
    let members = body.as_object()?;
    let text = members.get("error").map(flatten).filter(|text| !text.is_empty());
    text.or_else(|| Some(members.get("message")?.as_str()?.to_owned()))
}

fn flatten(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(flatten).collect::<Vec<_>>().join("; "),
        Value::Object(members) => {
            let parts = members.iter().map(|(name, value)| match name.as_str() {
                "error" => flatten(value),
                _ => format!("{name}: {}", flatten(value)),
            });
            parts.collect::<Vec<_>>().join("; ")
        }
        Value::Number(number) => number.to_string(),
        Value::Bool(_) | Value::Null => String::new(),
    }
}

fn as_text(value: Value) -> Option<String> {
    match value {
        Value::String(text) if text.chars().count() <= LONGEST => Some(text),
        _ => None,
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(as_text(Value::deserialize(deserializer)?).filter(|text| !text.is_empty()))
}

/// Null and `""` are the empty text; a missing member is nothing (the default).
fn member<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => Some(String::new()),
        value => as_text(value),
    })
}

/// Text or a number that is exact.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_u64().map(|number| number.to_string()),
        value => as_text(value),
    };
    Ok(text.filter(|text| is_id(text)))
}

/// A phone number, as text or as a number; a plus in front is left out.
fn digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_u64().map(|number| number.to_string()),
        value => as_text(value),
    };
    Ok(text.map(|text| text.strip_prefix('+').unwrap_or(&text).to_owned()).filter(|text| is_number(text)))
}

fn empty() -> Option<String> {
    Some(String::new())
}

fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(flag) => Some(flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    })
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(text(deserializer)?.map(Secret::new))
}

fn private<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Private>, D::Error> {
    Ok(text(deserializer)?.map(Private))
}

fn expose<S: Serializer>(secret: &Option<&Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.map(Secret::expose).serialize(serializer)
}
