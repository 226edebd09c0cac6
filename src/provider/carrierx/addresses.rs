//! The addresses of an endpoint as one canonical text: a multiset, with defaults filled, hosts without case (`contracts/carrierx.md` 4, 9).

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::wire::{self, Object};
use crate::api::carrierx_endpoint as spec;
use crate::core::fields::{Things, Value as Field};

/// The port of SIP.
const PORT: i64 = 5060;
const TRANSPORT: &str = "udp";
const DIRECTION: &str = "any";
/// What an address has.
pub(super) const MEMBERS: [&str; 8] = ["ip", "port", "transport", "direction", "dst_port", "priority", "srtp", "location_sid"];

/// One address, without what it logs in with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    ip: String,
    port: i64,
    transport: String,
    direction: String,
    dst_port: i64,
    priority: i64,
    srtp: bool,
    /// `""`: none.
    location_sid: String,
}

impl Address {
    /// The defaults, which no answer and no spec need name.
    fn plain() -> Self {
        Self {
            ip: String::new(),
            port: PORT,
            transport: TRANSPORT.to_owned(),
            direction: DIRECTION.to_owned(),
            dst_port: PORT,
            priority: 0,
            srtp: false,
            location_sid: String::new(),
        }
    }

    /// As a spec gives it.
    pub(super) fn of(address: &spec::Address) -> Self {
        let plain = Self::plain();
        Self {
            ip: host(&address.ip),
            port: address.port.map_or(plain.port, i64::from),
            transport: address.transport.map_or(plain.transport, |transport| transport.as_str().to_owned()),
            direction: address.direction.clone().unwrap_or(plain.direction),
            dst_port: address.dst_port.map_or(plain.dst_port, i64::from),
            priority: address.priority.map_or(plain.priority, i64::from),
            srtp: address.srtp.unwrap_or(plain.srtp),
            location_sid: address.location_sid.clone().unwrap_or_default(),
        }
    }

    /// As an answer (or [`Address::short`]) gives it; older answers lack most of it. `None` without an ip.
    pub(super) fn read(object: &Object) -> Option<Self> {
        let plain = Self::plain();
        let text = |name: &str, default: String| wire::text(object, name).filter(|text| !text.is_empty()).map_or(default, str::to_owned);
        let integer = |name: &str, default: i64| wire::integer(object, name).unwrap_or(default);
        Some(Self {
            ip: host(wire::text(object, "ip")?),
            port: integer("port", plain.port),
            transport: text("transport", plain.transport),
            direction: text("direction", plain.direction),
            dst_port: integer("dst_port", plain.dst_port),
            priority: integer("priority", plain.priority),
            srtp: wire::flag(object, "srtp").unwrap_or(plain.srtp),
            location_sid: text("location_sid", plain.location_sid),
        })
    }

    /// The host, for those who let calls through.
    pub(super) fn at(&self) -> (&str, i64, &str) {
        (&self.ip, self.port, &self.transport)
    }

    /// What an answer shows of it, by name: what it lacks, or has in another shape, it does not say.
    pub(super) fn shown(object: &Object) -> Option<(Self, BTreeMap<&'static str, String>)> {
        let address = Self::read(object)?;
        let says = |name: &str| match name {
            "port" | "dst_port" | "priority" => wire::integer(object, name).is_some(),
            "srtp" => wire::flag(object, name).is_some(),
            "location_sid" => matches!(object.get(name), Some(Value::Null | Value::String(_))),
            name => wire::text(object, name).is_some_and(|text| !text.is_empty()),
        };
        let members = address.members().into_iter().filter(|(name, _)| says(name)).collect();
        Some((address, members))
    }

    /// All of it, by name.
    fn members(&self) -> BTreeMap<&'static str, String> {
        let whole = self.whole();
        MEMBERS.into_iter().filter_map(|name| Some((name, wire::canonical(whole.get(name)?)))).collect()
    }

    /// All of it, as it is sent.
    pub(super) fn whole(&self) -> Object {
        let Self { ip, port, transport, direction, dst_port, priority, srtp, location_sid } = self;
        let location = (!location_sid.is_empty()).then_some(location_sid);
        let members =
            [json!(ip), json!(port), json!(transport), json!(direction), json!(dst_port), json!(priority), json!(srtp), json!(location)];
        MEMBERS.into_iter().zip(members).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// What differs from the defaults: as people see it.
    pub(super) fn short(&self) -> Value {
        let plain = Self::plain().whole();
        self.whole().into_iter().filter(|(name, value)| plain.get(name) != Some(value)).collect()
    }
}

/// IP addresses have one spelling here, host names no case.
fn host(text: &str) -> String {
    text.parse::<IpAddr>().map_or_else(|_| text.to_ascii_lowercase(), |address| address.to_string())
}

/// These addresses as a field, all of each.
pub(super) fn wanted(addresses: Vec<Address>) -> Field {
    let members = addresses.iter().map(Address::members).collect();
    Field::Things(Things::new(canonical(addresses), members))
}

/// Those of an answer as a field, of each what the answer shows. `None` without an ip.
pub(super) fn observed(objects: &[&Object]) -> Option<(Vec<Address>, Field)> {
    let shown: Vec<_> = objects.iter().map(|object| Address::shown(object)).collect::<Option<_>>()?;
    let (addresses, members): (Vec<_>, Vec<_>) = shown.into_iter().unzip();
    let text = canonical(addresses.clone());
    Some((addresses, Field::Things(Things::new(text, members))))
}

/// The canonical text of so many addresses.
fn canonical(mut addresses: Vec<Address>) -> String {
    addresses.sort();
    wire::canonical(&addresses.iter().map(Address::short).collect())
}

/// The addresses of a canonical text.
pub(super) fn parse(text: &str) -> Option<Vec<Address>> {
    let value: Value = serde_json::from_str(text).ok()?;
    value.as_array()?.iter().map(|address| Address::read(address.as_object()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(addresses: &Value) -> String {
        let read = addresses.as_array().expect("a list").iter().map(|address| Address::read(address.as_object().expect("an object")));
        canonical(read.collect::<Option<Vec<_>>>().expect("addresses"))
    }

    #[test]
    fn addresses_are_the_same_whatever_their_order_case_and_defaults() {
        let full = json!({
            "direction": "any", "dst_port": 5060, "ip": "PBX.example", "location_sid": null, "port": 5060, "priority": 0,
            "sip_password": "secret", "sip_username": "user", "srtp": false, "transport": "udp",
        });
        let table = [
            (json!([full]), json!([{"ip": "pbx.example"}]), true),
            (json!([{"ip": "pbx.example", "port": "5060"}]), json!([{"ip": "pbx.EXAMPLE", "location_sid": ""}]), true),
            (json!([{"ip": "2001:DB8:0::1"}]), json!([{"ip": "2001:db8::1"}]), true),
            (json!([{"ip": "a"}, {"ip": "b", "port": 5061}]), json!([{"ip": "b", "port": 5061}, {"ip": "a"}]), true),
            (json!([{"ip": "a"}, {"ip": "a"}]), json!([{"ip": "a"}]), false),
            (json!([{"ip": "a", "transport": "tls"}]), json!([{"ip": "a"}]), false),
            (json!([{"ip": "a", "srtp": true}]), json!([{"ip": "a"}]), false),
            (json!([]), json!([{"ip": "a"}]), false),
        ];
        for (one, other, same) in table {
            assert_eq!(text(&one) == text(&other), same, "{one} and {other}");
            assert_eq!(parse(&text(&one)).map(canonical), Some(text(&one)), "{one} is read back");
        }
        assert_eq!(text(&json!([full])), r#"[{"ip":"pbx.example"}]"#, "what people see is short, and no login");
    }

    #[test]
    fn what_an_answer_does_not_show_of_an_address_is_not_compared() {
        let spec = spec::Address {
            ip: "203.0.113.7".into(),
            port: Some(5061),
            priority: Some(2),
            dst_port: Some(5070),
            srtp: Some(true),
            location_sid: Some("here".into()),
            ..spec::Address::default()
        };
        let wanted = wanted(vec![Address::of(&spec)]);
        let table = [
            (json!({"ip": "203.0.113.7", "port": 5061, "transport": "udp", "direction": "any"}), true),
            (json!({"ip": "203.0.113.7", "port": "5061", "transport": null, "srtp": "yes", "priority": {}}), true),
            (json!({"ip": "203.0.113.7"}), true),
            (Value::Object(Address::of(&spec).whole()), true),
            (json!({"ip": "203.0.113.7", "port": 5060}), false),
            (json!({"ip": "203.0.113.7", "priority": 0}), false),
            (json!({"ip": "203.0.113.7", "location_sid": null}), false),
            (json!({"ip": "203.0.113.7", "srtp": false}), false),
            (json!({"ip": "203.0.113.8"}), false),
        ];
        for (shown, agrees) in table {
            let (_, observed) = observed(&[shown.as_object().expect("an object")]).expect("an address");
            assert_eq!(wanted.agrees(Some(&observed)), agrees, "{shown}");
        }
    }

    #[test]
    fn a_spec_and_an_answer_have_one_text_and_what_is_sent_names_everything() {
        let spec = spec::Address {
            ip: "203.0.113.7".into(),
            port: Some(5061),
            transport: Some(spec::Transport::Tls),
            priority: Some(2),
            srtp: Some(true),
            ..spec::Address::default()
        };
        let address = Address::of(&spec);
        assert_eq!(canonical(vec![address.clone()]), r#"[{"ip":"203.0.113.7","port":5061,"priority":2,"srtp":true,"transport":"tls"}]"#);
        assert_eq!(Address::read(&address.whole()).as_ref(), Some(&address));
        let whole = json!({
            "ip": "203.0.113.7", "port": 5061, "transport": "tls", "direction": "any", "dst_port": 5060, "priority": 2, "srtp": true,
            "location_sid": null,
        });
        assert_eq!(Value::Object(address.whole()), whole);
        assert_eq!(Address::read(whole["nothing"].as_object().unwrap_or(&Object::new())), None, "an address without ip is none");
    }
}
