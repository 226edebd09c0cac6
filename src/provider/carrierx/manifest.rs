//! A CarrierX endpoint or number as it is → a spec that changes nothing. The inverse of `desired.rs`.
//!
//! Its name and its attributes are not taken over: who adopts an endpoint keeps its name, and attributes are whoever's put them there.

use std::net::IpAddr;

use serde_json::{Map, Value as Json};

use super::addresses::{self, Address, MEMBERS};
use super::fields::{ADDRESSES, ATTRIBUTES, AUTH_REQUIRED, CAPACITY, OUT_SIP_USERNAME, PROPERTIES, TRANSFORMATIONS, TRUNK_GROUP_SID, TYPE};
use super::logins::Logins;
use crate::api::carrierx_endpoint::{self as spec, CallbackMethod, CarrierxEndpoint, EndpointType, Transport, VoicemailProperties};
use crate::api::phone_number_binding::{PhoneNumberBindingSpec, Target};
use crate::api::sip_endpoint::SipEndpointSpec;
use crate::core::fields::{Number, Remote, Value};
use crate::provider::answers::is_id;
use crate::provider::manifest::{Written, is_line, is_word, text};

/// Most addresses, transformations, and members of one.
const MOST: usize = 32;
/// Highest capacity and priority.
const HIGHEST: i32 = 1_000_000;
/// Longest text.
const LONGEST: usize = 256;
/// Longest host name.
const HOST: usize = 253;

/// What of the type can be changed, as far as it is not the default.
///
/// # Errors
/// A type that this version does not know.
pub(super) fn endpoint(remote: &Remote) -> Result<Written<SipEndpointSpec>, String> {
    let of_type = text(&remote.fields, TYPE).ok_or("CarrierX does not show what it is (type)")?;
    let Some(endpoint_type) = EndpointType::ALL.iter().find(|known| known.as_str() == of_type).copied() else {
        let known: Vec<&str> = EndpointType::ALL.iter().map(|known| known.as_str()).collect();
        let named = if is_word(of_type, 64, "._-") { of_type } else { "of that name" };
        return Err(format!("this version does not know the type {named} (but {})", known.join(", ")));
    };
    let mut told = Told::default();
    let mut carrierx = CarrierxEndpoint { endpoint_type, capacity: told.capacity(remote), ..CarrierxEndpoint::default() };
    match endpoint_type {
        EndpointType::ThirdParty => told.peer(remote, &mut carrierx),
        EndpointType::Voicemail => carrierx.properties = told.properties(remote),
        _ => {}
    }
    let Told { notes, left } = told;
    Ok(Written { spec: SipEndpointSpec { carrierx: Some(carrierx), ..SipEndpointSpec::default() }, notes, left })
}

/// The trunk group that it leads to.
pub(super) fn number(number: &Number) -> Result<Written<PhoneNumberBindingSpec>, String> {
    let sid = text(&number.fields, TRUNK_GROUP_SID).ok_or("CarrierX does not show what answers it")?;
    if sid.is_empty() {
        return Err("it leads to no trunk group, and a manifest cannot say that it is to lead nowhere".to_owned());
    }
    if !is_id(sid) {
        return Err("its trunk group has an id of another form than ids have here".to_owned());
    }
    let target = Target { trunk_group_sid: Some(sid.to_owned()), ..Target::default() };
    Ok(Written { spec: PhoneNumberBindingSpec { target, ..PhoneNumberBindingSpec::default() }, ..Written::default() })
}

/// What is said beside the spec.
#[derive(Default)]
struct Told {
    notes: Vec<String>,
    left: Vec<String>,
}

impl Told {
    fn left<T>(&mut self, field: &str, why: &str) -> Option<T> {
        self.left.push(format!("{field}: {why}"));
        None
    }

    fn capacity(&mut self, remote: &Remote) -> Option<i32> {
        let shown = text(&remote.fields, CAPACITY).filter(|capacity| *capacity != "0")?;
        match shown.parse().ok().filter(|capacity| (0..=HIGHEST).contains(capacity)) {
            Some(capacity) => Some(capacity),
            None => self.left(CAPACITY, "a manifest takes 0 to 1000000"),
        }
    }

    /// A static peer.
    fn peer(&mut self, remote: &Remote, carrierx: &mut CarrierxEndpoint) {
        let fields = &remote.fields;
        let username = text(fields, OUT_SIP_USERNAME).filter(|username| !username.is_empty());
        carrierx.out_sip_username = username.and_then(|username| match is_line(username, LONGEST) {
            true => Some(username.to_owned()),
            false => self.left(OUT_SIP_USERNAME, "a manifest takes 1 to 256 characters, none of them a control character"),
        });
        if username.is_some() {
            self.notes
                .push("Its password is left as it is; carrierx.outSipPasswordSecretRef names the Secret that is to hold it.".to_owned());
        }
        carrierx.auth_required = (text(fields, AUTH_REQUIRED) == Some("false")).then_some(false);
        if let Some(Value::Members(members)) = fields.get(ATTRIBUTES).filter(|members| **members != Value::Members([].into())) {
            let what = if members.len() == 1 { "1 attribute is".to_owned() } else { format!("{} attributes are", members.len()) };
            self.notes.push(format!("Its {what} left as they are; those that carrierx.attributes names are managed."));
        }
        let wanted = self.transformations(remote);
        let addresses = self.addresses(remote, wanted.is_some());
        // The one may clear the other at CarrierX, so no manifest has transformations alone.
        if wanted.is_some() && addresses.is_none() {
            self.left::<()>(TRANSFORMATIONS, "a manifest has them only together with addresses, and those are left as they are");
        }
        carrierx.transformations = wanted.filter(|_| addresses.is_some());
        carrierx.addresses = addresses;
    }

    /// `empty`: none are written as none.
    fn addresses(&mut self, remote: &Remote, empty: bool) -> Option<Vec<spec::Address>> {
        let shown = addresses::parse(text(&remote.fields, ADDRESSES)?)?;
        if shown.is_empty() {
            return empty.then(Vec::new);
        }
        // A list is sent whole: what it does not say would become the default with the first change of it.
        if let Some(Value::Things(things)) = remote.fields.get(ADDRESSES)
            && !things.say(&MEMBERS)
        {
            return self
                .left(ADDRESSES, "CarrierX does not show all of each, and a list in a manifest would reset the rest when it changes");
        }
        let logins = remote.password_digest.as_ref().and_then(Logins::unsealed).unwrap_or_default();
        if !logins.addresses.is_empty() {
            let why = "some have a login of their own, which a list without sipCredentialsSecretRef would take away when it changes";
            return self.left(ADDRESSES, why);
        }
        if shown.len() > MOST {
            return self.left(ADDRESSES, "a manifest takes at most 32");
        }
        let written: Result<Vec<_>, &str> = shown.iter().map(address).collect();
        match written {
            Err(why) => self.left(ADDRESSES, why),
            Ok(written) if has_twins(&shown) => {
                drop(written);
                self.left(ADDRESSES, "two have the same ip, port, transport, direction, dst_port and location_sid")
            }
            Ok(written) => Some(written),
        }
    }

    fn transformations(&mut self, remote: &Remote) -> Option<Vec<Map<String, Json>>> {
        let list: Vec<Map<String, Json>> = serde_json::from_str(text(&remote.fields, TRANSFORMATIONS)?).ok()?;
        if list.is_empty() {
            return None;
        }
        if list.len() > MOST || list.iter().any(|one| one.len() > MOST) {
            return self.left(TRANSFORMATIONS, "a manifest takes at most 32, with at most 32 members each");
        }
        if !list.iter().flat_map(Map::values).all(is_kept) {
            return self.left(
                TRANSFORMATIONS,
                "they hold a null, or a number that is no whole one, which do not come through kubectl and the API server as they are",
            );
        }
        Some(list)
    }

    fn properties(&mut self, remote: &Remote) -> Option<VoicemailProperties> {
        let Some(Value::Members(members)) = remote.fields.get(PROPERTIES) else { return None };
        let mut told = Vec::new();
        let mut keep = |name: &str, fits: fn(&str) -> bool, rule: &str| {
            let value = members.get(name).filter(|value| !value.is_empty())?;
            if !fits(value) {
                told.push(format!("{PROPERTIES}.{name}: a manifest takes {rule}"));
            }
            fits(value).then(|| value.clone())
        };
        let callback_url =
            keep("callback_url", is_http_url, "an http or https address of at most 256 characters, without user and password");
        let method = keep("callback_method", |word| method(word).is_some(), "GET or POST");
        let container_sid = keep("container_sid", is_id, "ids of at most 64 letters, digits, dots, dashes and underscores");
        let greeting = keep("greeting", |text| is_line(text, LONGEST), "at most 256 characters, none of them a control character");
        self.left.append(&mut told);
        let written =
            VoicemailProperties { callback_url, callback_method: method.as_deref().and_then(self::method), container_sid, greeting };
        (written != VoicemailProperties::default()).then_some(written)
    }
}

fn method(word: &str) -> Option<CallbackMethod> {
    CallbackMethod::ALL.iter().find(|method| method.as_str() == word).copied()
}

/// An address with what is not the default. `Err`: why a manifest cannot hold it.
fn address(address: &Address) -> Result<spec::Address, &'static str> {
    let short = address.short();
    let text = |name: &str| short.get(name).and_then(Json::as_str);
    let integer = |name: &str, range: std::ops::RangeInclusive<i64>, why| match short.get(name).and_then(Json::as_i64) {
        Some(value) if range.contains(&value) => Ok(i32::try_from(value).ok()),
        Some(_) => Err(why),
        None => Ok(None),
    };
    let transport = text("transport").map(|word| {
        Transport::ALL.iter().find(|known| known.as_str() == word).copied().ok_or("one has a transport other than udp, tcp and tls")
    });
    let ip = text("ip").filter(|ip| is_host(ip)).ok_or("one has no ip that is an IP address or a host name")?;
    let word = |name: &str, fits: fn(&str) -> bool, why| {
        text(name).map(|word| if fits(word) { Ok(word.to_owned()) } else { Err(why) }).transpose()
    };
    Ok(spec::Address {
        ip: ip.to_owned(),
        port: integer("port", 1..=65_535, "one has a port that is not 1 to 65535")?,
        transport: transport.transpose()?,
        direction: word("direction", |word| is_word(word, 64, "._-"), "one has a direction that is no single word")?,
        dst_port: integer("dst_port", 1..=65_535, "one has a dst_port that is not 1 to 65535")?,
        priority: integer("priority", 0..=i64::from(HIGHEST), "one has a priority that is not 0 to 1000000")?,
        srtp: short.get("srtp").and_then(Json::as_bool),
        location_sid: word("location_sid", is_id, "one has a location_sid of another form than ids have here")?,
        sip_credentials_secret_ref: None,
    })
}

/// Two that a manifest may not have together: they differ in nothing but priority and srtp.
fn has_twins(all: &[Address]) -> bool {
    let key = |address: &Address| {
        let mut whole = address.whole();
        whole.retain(|name, _| !["priority", "srtp"].contains(&name.as_str()));
        whole
    };
    all.iter().enumerate().any(|(at, one)| all[..at].iter().any(|other| key(other) == key(one)))
}

/// An IP address, or a host name; what has only digits and dots is meant as an address.
fn is_host(text: &str) -> bool {
    let label = |label: &str| !label.is_empty() && is_word(label, HOST, "-") && !label.starts_with('-') && !label.ends_with('-');
    let named = text.len() <= HOST && text.split('.').all(label) && text.bytes().any(|byte| !byte.is_ascii_digit() && byte != b'.');
    named || text.parse::<IpAddr>().is_ok()
}

/// A host, perhaps a port, a path and a query; no user and no password.
fn is_http_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else { return false };
    let (at, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
    let (host, port) = at.split_once(':').map_or((at, None), |(host, port)| (host, Some(port)));
    let is_port = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= LONGEST
        && is_word(host, LONGEST, ".-")
        && port.is_none_or(is_port)
        && path.bytes().all(|byte| (b'!'..=b'~').contains(&byte))
}

/// It comes back from an API server as it was given: nulls are dropped on the way, and numbers are whole or become so.
fn is_kept(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Number(number) => number.is_i64(),
        Json::Array(items) => items.iter().all(is_kept),
        Json::Object(members) => members.values().all(is_kept),
        Json::Bool(_) | Json::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::fields::diff;
    use crate::core::mark::{Installation, Mark, Place};
    use crate::core::view::Desired;

    /// The member that an endpoint becomes, what is told, and that it wants nothing else than what is there.
    fn written(shown: Json) -> Result<(Json, Vec<String>, Vec<String>), String> {
        let remote = super::super::fields::endpoint(shown.as_object().expect("an object"), Some("p1")).expect("an endpoint");
        let Written { spec, notes, left } = endpoint(&remote)?;
        let carrierx = spec.carrierx.expect("a member");
        let mark = Mark::new(Place::Name, &Installation::new("cluster-a"), "voice", "pbx", "pbx");
        match super::super::desired::desired(&carrierx, true, &mark, Ok(None)) {
            Desired::Wanted(wanted) => assert_eq!(diff(&wanted.fields, &remote.fields), [], "{shown}"),
            other => panic!("{shown}: {other:?}"),
        }
        Ok((serde_json::to_value(carrierx).expect("JSON"), notes, left))
    }

    fn peer(more: Json) -> Json {
        let mut all =
            json!({"endpoint_sid": "e1", "name": "PBX Berlin", "type": "third_party", "partner_sid": "p1", "capacity": 0, "addresses": []});
        all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        for address in all["addresses"].as_array_mut().expect("a list") {
            let mut whole = json!({"port": 5060, "transport": "udp", "direction": "any", "dst_port": 5060, "priority": 0, "srtp": false, "location_sid": null});
            whole.as_object_mut().expect("an object").extend(address.as_object().expect("an object").clone());
            *address = whole;
        }
        all
    }

    #[test]
    fn what_is_not_the_default_is_written_and_nothing_else() {
        let table = [
            (peer(json!({})), json!({"type": "third_party"})),
            (
                peer(
                    json!({"capacity": 10, "auth_required": false, "out_sip_username": "trunk", "attributes": {"theirs": "x"}, "voip_token": "t"}),
                ),
                json!({"type": "third_party", "capacity": 10, "auth_required": false, "out_sip_username": "trunk"}),
            ),
            (
                peer(
                    json!({"addresses": [{"ip": "PBX.example", "port": "5061", "transport": "tls", "direction": "any", "srtp": true, "location_sid": null}, {"ip": "2001:DB8::1"}]}),
                ),
                json!({"type": "third_party", "addresses": [{"ip": "2001:db8::1"}, {"ip": "pbx.example", "port": 5061, "transport": "tls", "srtp": true}]}),
            ),
            (
                peer(json!({"transformations": [{"b": 1, "a": {"d": []}}]})),
                json!({"type": "third_party", "addresses": [], "transformations": [{"a": {"d": []}, "b": 1}]}),
            ),
            (
                json!({"endpoint_sid": "e1", "name": "box", "type": "voicemail", "properties": {"greeting": "Grüß Gott", "callback_url": "https://example.com:8443/v?x=1", "callback_method": "POST", "container_sid": "", "password": "hunter22", "login": "x"}}),
                json!({"type": "voicemail", "properties": {"greeting": "Grüß Gott", "callback_url": "https://example.com:8443/v?x=1", "callback_method": "POST"}}),
            ),
            (
                json!({"endpoint_sid": "e1", "name": "conf", "type": "conference_v2", "capacity": 5, "properties": {"login": "x", "password": "y"}}),
                json!({"type": "conference_v2", "capacity": 5}),
            ),
        ];
        for (shown, expected) in table {
            let (found, _, left) = written(shown.clone()).expect("a spec");
            assert_eq!((found, left), (expected, Vec::<String>::new()), "{shown}");
        }
    }

    #[test]
    fn a_value_that_no_manifest_holds_is_left_as_it_is_and_told_without_it() {
        let many = |count: usize| (0..count).map(|n| json!({"ip": format!("192.0.2.{n}")})).collect::<Vec<_>>();
        let table = [
            (json!({"addresses": [{"ip": "203.0.113.300"}]}), "addresses: one has no ip"),
            (json!({"addresses": [{"ip": "a_b"}]}), "addresses: one has no ip"),
            (json!({"addresses": [{"ip": "a", "port": 0}]}), "addresses: one has a port"),
            (json!({"addresses": [{"ip": "a", "transport": "sctp"}]}), "addresses: one has a transport"),
            (json!({"addresses": [{"ip": "a", "direction": "in out"}]}), "addresses: one has a direction"),
            (json!({"addresses": [{"ip": "a", "priority": 1_000_001}]}), "addresses: one has a priority"),
            (json!({"addresses": [{"ip": "a", "location_sid": "-"}]}), "addresses: one has a location_sid"),
            (json!({"addresses": [{"ip": "a"}, {"ip": "A", "priority": 3}]}), "addresses: two have the same"),
            (json!({"addresses": many(33)}), "addresses: a manifest takes at most 32"),
            (json!({"addresses": [{"ip": "a", "sip_username": "canary", "sip_password": "canary"}]}), "addresses: some have a login"),
            (json!({"transformations": many(33)}), "transformations: a manifest takes at most 32"),
            (json!({"transformations": [{"a": [0.5]}]}), "transformations: they hold a null"),
            (json!({"transformations": [{"a": {"b": null}}]}), "transformations: they hold a null"),
            (json!({"transformations": [{"a": u64::MAX}]}), "transformations: they hold a null"),
            (json!({"capacity": 1_000_001}), "capacity: a manifest takes"),
            (json!({"capacity": -1}), "capacity: a manifest takes"),
            (json!({"out_sip_username": "canary\u{85}"}), "out_sip_username: a manifest takes"),
        ];
        for (more, expected) in table {
            let (found, notes, left) = written(peer(more.clone())).expect("a spec");
            assert_eq!(found, json!({"type": "third_party"}), "{more}");
            assert!(left.len() == 1 && left[0].starts_with(expected), "{more}: {left:?}");
            assert!(!format!("{notes:?}{left:?}").contains("canary"), "{notes:?}{left:?}");
        }
        let older = json!({"endpoint_sid": "e1", "name": "old", "type": "third_party", "addresses": [{"ip": "a", "port": 5060, "transport": "udp", "direction": "any"}]});
        let (found, _, left) = written(older).expect("a spec");
        assert_eq!(found, json!({"type": "third_party"}));
        assert!(left.len() == 1 && left[0].starts_with("addresses: CarrierX does not show all of each"), "{left:?}");
        let (found, _, left) = written(peer(json!({"addresses": [{"ip": "-"}], "transformations": [{"a": 1}]}))).expect("a spec");
        assert_eq!((found, left.len()), (json!({"type": "third_party"}), 2), "{left:?}");
        let voicemail = json!({"endpoint_sid": "e1", "name": "box", "type": "voicemail", "properties": {
            "greeting": "a\nb", "callback_url": "https://user:canary@example.com/", "callback_method": "PUT", "container_sid": "a b"}});
        let (found, _, left) = written(voicemail).expect("a spec");
        assert_eq!((found, left.len()), (json!({"type": "voicemail"}), 4));
        assert!(!format!("{left:?}").contains("canary"), "{left:?}");
    }

    #[test]
    fn a_type_that_is_not_known_is_no_spec() {
        for of_type in [json!("siprec"), json!(null), json!("a b\nc")] {
            let refused = written(json!({"endpoint_sid": "e1", "name": "x", "type": of_type})).expect_err("no spec");
            assert!(refused.contains("type") && !refused.contains('\n'), "{refused}");
        }
    }

    #[test]
    fn a_number_is_bound_to_its_trunk_group_or_not_at_all() {
        let shown = |group: Json| {
            let object = json!({"did_sid": "d1", "phonenumber": "15162065574", "trunk_group_sid": group, "name": "N/A"});
            number(&super::super::fields::number(object.as_object().expect("an object"), None).expect("a number"))
        };
        let found = shown(json!("g1")).expect("a spec").spec.target;
        assert_eq!(found, Target { trunk_group_sid: Some("g1".into()), ..Target::default() });
        for nothing in [json!(null), json!("-")] {
            assert!(shown(nothing).is_err());
        }
    }
}
