//! Nested objects: addresses, attributes, properties, transformations, and how an update treats them (contracts/carrierx.md 5, 10).

use serde_json::{Value, json};

use super::errors::Complaints;
use super::fields::{ADDRESS, Object, Type, defaults, normal};
use super::switches::{AttributesShape, NestedDefault, Switches};

/// The properties of a voicemail endpoint that its owner sets.
pub(super) const VOICEMAIL: [&str; 4] = ["callback_method", "callback_url", "container_sid", "greeting"];

/// What a body says of a nested field, in the form in which it is stored.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn read(name: &str, of: Type, value: &Value, shape: AttributesShape) -> Result<Value, Complaints> {
    match of {
        Type::Addresses => {
            let Some(entries) = value.as_array() else { return Err(Complaints::one(name, "a list is needed")) };
            entries.iter().map(address).collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        Type::Attributes => attributes(name, value, shape),
        Type::Properties => match value {
            Value::Object(members) => match members.iter().find(|(_, value)| !value.is_string() && !value.is_null()) {
                Some((member, _)) => Err(Complaints::one(&format!("{name}.{member}"), "a text is needed")),
                None => Ok(value.clone()),
            },
            _ => Err(Complaints::one(name, "an object is needed")),
        },
        _ => normal(of, value).map_err(|why| Complaints::one(name, why)),
    }
}

/// The members that a body gives of an address.
fn address(entry: &Value) -> Result<Value, Complaints> {
    let Some(given) = entry.as_object() else { return Err(Complaints::one("addresses", "an object is needed")) };
    let (mut address, mut complaints) = (Object::new(), Complaints::default());
    for (name, of, ..) in ADDRESS {
        let Some(value) = given.get(*name) else { continue };
        match normal(*of, value) {
            Ok(value) => {
                address.insert((*name).to_owned(), value);
            }
            Err(why) => complaints.add(&format!("addresses.{name}"), why),
        }
    }
    if given.get("ip").and_then(Value::as_str).is_none_or(str::is_empty) {
        complaints.add("addresses.ip", "an address or a host name is needed");
    }
    if given.get("transport").is_some_and(|transport| !["udp", "tcp", "tls"].iter().any(|known| transport == known)) {
        complaints.add("addresses.transport", "udp, tcp or tls is needed");
    }
    complaints.or(Value::Object(address))
}

fn attributes(name: &str, value: &Value, shape: AttributesShape) -> Result<Value, Complaints> {
    let pair = |entry: &Value| Some((entry.get("key")?.as_str()?.to_owned(), entry.get("value")?.clone()));
    let map = match value {
        Value::Object(map) => map.clone(),
        Value::Array(entries) if shape == AttributesShape::List => {
            let pairs: Option<Object> = entries.iter().map(pair).collect();
            pairs.ok_or_else(|| Complaints::one(name, "entries of key and value are needed"))?
        }
        _ => return Err(Complaints::one(name, "an object is needed")),
    };
    match map.keys().next().filter(|_| shape == AttributesShape::Refuse) {
        Some(key) => Err(Complaints::one(name, &format!("unknown attribute {key}"))),
        None => Ok(Value::Object(map)),
    }
}

/// What is stored after an update: `new` (from [`read`]) put into `old`.
pub(super) fn merged(of: Type, old: &Value, new: Value, rule: NestedDefault) -> Value {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) if rule != NestedDefault::Replace => {
            Value::Object(old.clone().into_iter().chain(new).collect())
        }
        (Value::Array(old), Value::Array(new)) => {
            let mut all = if rule == NestedDefault::Replace { Vec::new() } else { old.clone() };
            for entry in new {
                let known = all.iter_mut().find(|known| rule == NestedDefault::ByKey && of == Type::Addresses && key(known) == key(&entry));
                match (known, entry) {
                    (Some(Value::Object(known)), Value::Object(given)) => known.extend(given),
                    (_, Value::Object(given)) if of == Type::Addresses => all.push(whole(given)),
                    (_, entry) => all.push(entry),
                }
            }
            Value::Array(all)
        }
        (_, new) => new,
    }
}

/// An address with the defaults of what was not given.
fn whole(given: Object) -> Value {
    Value::Object(defaults(ADDRESS).into_iter().chain(given).collect())
}

/// What tells an address from others: host without case, and port.
pub(super) fn key(address: &Value) -> (String, u64) {
    let ip = address.get("ip").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    (ip, address.get("port").and_then(Value::as_u64).unwrap_or(5060))
}

/// The rule for an update, by its argument `nested_objects`.
pub(super) fn rule(switches: &Switches, replace: bool) -> NestedDefault {
    if replace { NestedDefault::Replace } else { switches.nested_default }
}

/// A nested field with nothing in it.
pub(super) fn empty(of: Type) -> Value {
    if matches!(of, Type::Addresses | Type::Transformations) { json!([]) } else { json!({}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_merges_addresses_in_its_own_way() {
        let stored = |entries: Value| merged(Type::Addresses, &json!([]), entries, NestedDefault::Replace);
        let old = stored(json!([{"ip": "192.0.2.1", "transport": "tcp"}, {"ip": "192.0.2.2"}]));
        let new = json!([{"ip": "192.0.2.1", "priority": 5}, {"ip": "192.0.2.2", "port": 5061}]);
        let columns = |rule| {
            let all = merged(Type::Addresses, &old, new.clone(), rule);
            let row = |address: &Value| json!([address["ip"], address["port"], address["transport"], address["priority"]]);
            all.as_array().unwrap().iter().map(row).collect::<Value>()
        };
        let (first, second) = (json!(["192.0.2.1", 5060, "tcp", 0]), json!(["192.0.2.2", 5060, "udp", 0]));
        let (again, other) = (json!(["192.0.2.1", 5060, "udp", 5]), json!(["192.0.2.2", 5061, "udp", 0]));
        assert_eq!(columns(NestedDefault::Append), json!([first, second, again, other]));
        assert_eq!(columns(NestedDefault::ByKey), json!([["192.0.2.1", 5060, "tcp", 5], second, other]));
        assert_eq!(columns(NestedDefault::Replace), json!([again, other]));
    }
}
