//! CarrierX's bodies as they are really sent (`contracts/carrierx.md` 3, 4, 6, 7). Only SIDs are needed; unknown members are not looked at
//! and wrong-typed ones are absent. Tokens, passwords and logins that nothing compares (`voip_token`, `properties.password`,
//! `properties.login`) are never read, so that nothing can print them.

use serde_json::{Map, Value};

use crate::provider::answers::is_id;

/// An object of theirs.
pub(super) type Object = Map<String, Value>;

/// Longest text that is taken from an answer, in characters. A longer one is treated as wrong-typed.
const LONGEST: usize = 512;

/// A text member; absent if null.
pub(super) fn text<'o>(object: &'o Object, name: &str) -> Option<&'o str> {
    object.get(name)?.as_str().filter(|text| text.chars().count() <= LONGEST)
}

/// A SID.
pub(super) fn sid(object: &Object, name: &str) -> Option<String> {
    text(object, name).filter(|sid| is_id(sid)).map(str::to_owned)
}

/// A whole number, which a sample has as a text.
pub(super) fn integer(object: &Object, name: &str) -> Option<i64> {
    let value = object.get(name)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// A truth value.
pub(super) fn flag(object: &Object, name: &str) -> Option<bool> {
    object.get(name)?.as_bool()
}

/// A list of objects; absent members and null are an empty one, anything else that is no such list is `None`.
pub(super) fn objects<'o>(object: &'o Object, name: &str) -> Option<Vec<&'o Object>> {
    match object.get(name) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(Value::as_object).collect(),
        Some(_) => None,
    }
}

/// A list, its elements not read yet.
pub(super) struct List<'a> {
    /// The elements.
    pub items: &'a [Value],
    /// Whether there are others behind.
    pub has_more: Option<bool>,
}

impl<'a> List<'a> {
    /// The list, if `items` is one.
    pub(super) fn read(body: &'a Object) -> Option<Self> {
        Some(Self { items: body.get("items")?.as_array()?, has_more: flag(body, "has_more") })
    }
}

/// The field and the message of each of the errors of a body.
pub(super) fn errors(body: &Value) -> impl Iterator<Item = (Option<&str>, &str)> {
    let errors = body.get("errors").and_then(Value::as_array).into_iter().flatten();
    errors.filter_map(|error| Some((error.get("field").and_then(Value::as_str), error.get("message")?.as_str()?)))
}

/// The text of an error body: its message, and each of its errors with field and reference.
pub(super) fn error_text(body: &Value) -> Option<String> {
    let message = body.as_object()?.get("message").and_then(Value::as_str).filter(|text| !text.is_empty());
    let errors = body.get("errors").and_then(Value::as_array).into_iter().flatten().filter_map(|error| {
        let said = error.get("message")?.as_str()?;
        let field = error.get("field").and_then(Value::as_str).map(|field| format!("{field}: ")).unwrap_or_default();
        let about = error.get("reference_sid").and_then(Value::as_str).map(|sid| format!(" ({sid})")).unwrap_or_default();
        Some(format!("{field}{said}{about}"))
    });
    let parts: Vec<String> = message.map(str::to_owned).into_iter().chain(errors).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// The value as text, members sorted: equal if and only if the values are.
pub(super) fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            let members = names.into_iter().map(|name| format!("{}:{}", Value::from(name.as_str()), canonical(&members[name])));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}
