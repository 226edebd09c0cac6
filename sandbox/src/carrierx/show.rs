//! How objects read: the switches decide about passwords, host names, attributes and fields that older samples lack.

use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::fields::Object;
use super::switches::{AttributesShape, Fqdn, ObjectAge, PasswordEcho, Switches};

/// Fields that older samples of endpoints lack (contracts/carrierx.md 4).
const NEWER: [&str; 4] = ["auth_required", "cps_limit", "out_sip_password", "out_sip_username"];

/// The only fields that addresses have in older samples.
const OLDER_ADDRESS: [&str; 4] = ["direction", "ip", "port", "transport"];

/// An endpoint as the API shows it.
pub(super) fn endpoint(fields: &Object, switches: &Switches) -> Object {
    let mut shown = fields.clone();
    echo(&mut shown, "out_sip_password", switches);
    for address in shown.get_mut("addresses").and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
        echo(address, "sip_password", switches);
        if let Some(host) = address.get("ip").and_then(Value::as_str).filter(|_| switches.fqdn == Fqdn::Resolve) {
            let resolved = resolved(host);
            address.insert("ip".to_owned(), json!(resolved));
        }
        if switches.object_age == ObjectAge::Older {
            address.retain(|name, _| OLDER_ADDRESS.contains(&name.as_str()));
        }
    }
    if let Some(properties) = shown.get_mut("properties").and_then(Value::as_object_mut) {
        echo(properties, "password", switches);
    }
    if let Some(map) = shown.get("attributes").and_then(Value::as_object).filter(|_| switches.attributes_shape == AttributesShape::List) {
        let pairs: Vec<Value> = map.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        shown.insert("attributes".to_owned(), json!(pairs));
    }
    if switches.object_age == ObjectAge::Older {
        shown.retain(|name, _| !NEWER.contains(&name.as_str()));
    }
    shown
}

/// A password as the switch says; that none is set is always shown.
fn echo(members: &mut Object, name: &str, switches: &Switches) {
    if let Some(value) = members.get_mut(name).filter(|value| !value.is_null()) {
        match switches.password_echo {
            PasswordEcho::Clear => {}
            PasswordEcho::Null => *value = Value::Null,
            PasswordEcho::Masked => *value = json!("********"),
        }
    }
}

/// What a host name resolves to: always the same address, and one that is nobody's.
fn resolved(host: &str) -> String {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return host.to_owned();
    }
    format!("192.0.2.{}", Md5::digest(host.to_ascii_lowercase().as_bytes())[0])
}
