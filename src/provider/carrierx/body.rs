//! Fields → the body of a request. What CarrierX must not get is told instead: then nothing is sent.

use serde_json::{Value as Json, json};

use super::addresses::{self, Address};
use super::fields::{
    ADDRESSES, ATTRIBUTES, AUTH_REQUIRED, CAPACITY, NAME, OBSERVED_ATTRIBUTES, OUT_SIP_USERNAME, PROPERTIES, TRANSFORMATIONS, TYPE,
};
use super::logins::{Login, Logins};
use super::wire::Object;
use crate::core::fields::{FieldName, Fields, PASSWORD, Secret, Value};

/// The body of a request about an endpoint.
#[derive(Default)]
pub(super) struct Body {
    /// What is sent.
    pub members: Object,
    /// Nested lists are replaced as a whole.
    pub replace: bool,
    /// What of it no message may show.
    pub secrets: Vec<Secret>,
    logins: Option<Logins>,
}

/// Fields that are changed together, and with none of another kind (`contracts/carrierx.md` 9, updates).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Lists,
    Attributes,
    Properties,
    /// Goes with plain fields and with lists.
    Any,
}

/// A new endpoint of this name.
///
/// # Errors
/// Why it must not be sent.
pub(super) fn create(name: &str, fields: &Fields) -> Result<Body, String> {
    let mut body = Body::default();
    for (field, value) in fields {
        match (*field, value) {
            (TYPE, Value::Text(text)) => body.set("type", json!(text)),
            // The label is the name.
            (NAME, Value::Text(_)) => {}
            (OBSERVED_ATTRIBUTES, _) => return Err(no_such_field(field)),
            _ => drop(body.add(field, value)?),
        }
    }
    body.set("name", json!(name));
    body.join()
}

/// A change of an endpoint.
///
/// # Errors
/// Why it must not be sent.
pub(super) fn update(change: &Fields) -> Result<Body, String> {
    let mut body = Body::default();
    let mut kinds: Vec<Kind> = Vec::new();
    for (field, value) in change {
        if *field == TYPE {
            return Err(
                "the type of an endpoint is fixed when it is made. Write the type that it has into a new object, or adopt another endpoint"
                    .to_owned(),
            );
        }
        kinds.push(body.add(field, value)?);
    }
    kinds.retain(|kind| *kind != Kind::Any);
    kinds.dedup();
    if kinds.iter().any(|kind| *kind != kinds[0]) {
        return Err("plain fields, lists, attributes and properties are changed one kind at a time".to_owned());
    }
    body.replace = kinds.contains(&Kind::Lists);
    if !body.replace && body.members.contains_key("attributes") && change.contains_key(OBSERVED_ATTRIBUTES) {
        return Err("attributes are sent back as they are only where lists are replaced".to_owned());
    }
    if body.logins.as_ref().is_some_and(|logins| !logins.addresses.is_empty()) && !change.contains_key(ADDRESSES) {
        return Err("the logins of addresses go with all addresses".to_owned());
    }
    body.join()
}

impl Body {
    fn set(&mut self, name: &str, value: Json) {
        self.members.insert(name.to_owned(), value);
    }

    fn add(&mut self, field: FieldName, value: &Value) -> Result<Kind, String> {
        let wrong = || no_such_field(field);
        match (field, value) {
            (NAME, Value::Text(text)) => self.set(field, json!(text)),
            (OUT_SIP_USERNAME, Value::Text(text)) => self.set(field, json!((!text.is_empty()).then_some(text))),
            (CAPACITY, Value::Text(text)) => self.set(field, json!(text.parse::<u32>().map_err(|_| wrong())?)),
            (AUTH_REQUIRED, Value::Text(text)) => self.set(field, json!(text.parse::<bool>().map_err(|_| wrong())?)),
            // Carried, and never observed.
            (ADDRESSES | TRANSFORMATIONS | OBSERVED_ATTRIBUTES, Value::Text(text)) if text.is_empty() => return Ok(Kind::Any),
            (ADDRESSES, Value::Text(_) | Value::Things(_)) => {
                let addresses = value.text().and_then(addresses::parse).ok_or_else(wrong)?;
                self.set(field, addresses.iter().map(|address| Json::Object(address.whole())).collect());
                return Ok(Kind::Lists);
            }
            (TRANSFORMATIONS, Value::Text(text)) => {
                let list: Vec<Object> = serde_json::from_str(text).map_err(|_| wrong())?;
                self.set(field, json!(list));
                return Ok(Kind::Lists);
            }
            (OBSERVED_ATTRIBUTES, Value::Text(text)) => {
                self.set("attributes", serde_json::from_str(text).map_err(|_| wrong())?);
                return Ok(Kind::Any);
            }
            (ATTRIBUTES, Value::Members(members)) => {
                self.set(field, json!(members));
                return Ok(Kind::Attributes);
            }
            (PROPERTIES, Value::Members(members)) => {
                self.set(field, json!(members));
                return Ok(Kind::Properties);
            }
            (PASSWORD, Value::Secret(sealed)) => {
                self.logins = Some(Logins::unsealed(sealed).ok_or_else(wrong)?);
                return Ok(Kind::Any);
            }
            _ => return Err(wrong()),
        }
        Ok(Kind::Plain)
    }

    /// With the logins in their places.
    fn join(mut self) -> Result<Self, String> {
        let Some(logins) = self.logins.take() else { return Ok(self) };
        if let Some(out) = &logins.out {
            self.set("out_sip_password", json!(out.expose()));
        }
        let sent = self.members.get_mut("addresses").and_then(Json::as_array_mut).into_iter().flatten().filter_map(Json::as_object_mut);
        let mut left: Vec<&Login> = logins.addresses.iter().collect();
        for address in sent {
            let Some(at) = left.iter().position(|login| Address::read(address).as_ref() == Some(&login.address)) else { continue };
            let login = left.swap_remove(at);
            address.insert("sip_username".to_owned(), json!(login.username.as_ref().map(Secret::expose)));
            address.insert("sip_password".to_owned(), json!(login.password.as_ref().map(Secret::expose)));
        }
        self.secrets = logins.secrets().cloned().collect();
        Ok(self)
    }
}

/// One unknown member may make CarrierX refuse the whole update.
fn no_such_field(field: &str) -> String {
    format!("CarrierX's endpoints have no field {field} of that kind")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    fn members(pairs: &[(&str, &str)]) -> Value {
        Value::Members(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn sealed(out: Option<&str>, address: Option<&str>) -> Value {
        let login = |ip: &str| Login {
            address: Address::read(json!({"ip": ip}).as_object().expect("an object")).expect("an address"),
            username: Some(Secret::new("bob".into())),
            password: Some(Secret::new("second".into())),
        };
        let logins = Logins { out: out.map(|out| Secret::new(out.into())), addresses: address.map(login).into_iter().collect() };
        Value::Secret(logins.sealed())
    }

    fn whole(ip: &str) -> Json {
        json!({"ip": ip, "port": 5060, "transport": "udp", "direction": "any", "dst_port": 5060, "priority": 0, "srtp": false, "location_sid": null})
    }

    #[test]
    fn one_kind_of_fields_goes_in_one_request_and_lists_are_replaced_as_a_whole() {
        let mut with_login = whole("a");
        with_login["sip_username"] = json!("bob");
        with_login["sip_password"] = json!("second");
        let addresses = || (ADDRESSES, text(r#"[{"ip":"a"},{"ip":"b"}]"#));
        let table = [
            (
                Fields::from([(NAME, text("x")), (CAPACITY, text("0")), (AUTH_REQUIRED, text("false")), (OUT_SIP_USERNAME, text(""))]),
                json!({"name": "x", "capacity": 0, "auth_required": false, "out_sip_username": null}),
                false,
            ),
            (
                Fields::from([(CAPACITY, text("7")), (PASSWORD, sealed(Some("first"), None))]),
                json!({"capacity": 7, "out_sip_password": "first"}),
                false,
            ),
            (
                Fields::from([addresses(), (TRANSFORMATIONS, text("[]")), (OBSERVED_ATTRIBUTES, text(r#"[{"key":"k","value":1}]"#))]),
                json!({"addresses": [whole("a"), whole("b")], "transformations": [], "attributes": [{"key": "k", "value": 1}]}),
                true,
            ),
            (
                Fields::from([
                    addresses(),
                    (TRANSFORMATIONS, text("")),
                    (OBSERVED_ATTRIBUTES, text("")),
                    (PASSWORD, sealed(Some("first"), Some("A"))),
                ]),
                json!({"addresses": [with_login, whole("b")], "out_sip_password": "first"}),
                true,
            ),
            (Fields::from([(ADDRESSES, text("[]"))]), json!({"addresses": []}), true),
            (Fields::from([(ATTRIBUTES, members(&[("team", "voice")]))]), json!({"attributes": {"team": "voice"}}), false),
            (Fields::from([(PROPERTIES, members(&[("greeting", "")]))]), json!({"properties": {"greeting": ""}}), false),
        ];
        for (change, members, replace) in table {
            let body = update(&change).unwrap_or_else(|why| panic!("{change:?}: {why}"));
            assert_eq!((Json::Object(body.members), body.replace), (members, replace), "{change:?}");
        }
    }

    #[test]
    fn what_must_not_be_sent_is_told_instead() {
        let addresses = || (ADDRESSES, text(r#"[{"ip":"a"}]"#));
        let attributes = || (ATTRIBUTES, members(&[("team", "voice")]));
        let table = [
            (Fields::from([(TYPE, text("conference")), (NAME, text("x"))]), "fixed when it is made"),
            (Fields::from([addresses(), (NAME, text("x"))]), "one kind at a time"),
            (Fields::from([addresses(), attributes()]), "one kind at a time"),
            (Fields::from([attributes(), (PROPERTIES, members(&[("greeting", "x")]))]), "one kind at a time"),
            (Fields::from([attributes(), (OBSERVED_ATTRIBUTES, text("{}"))]), "only where lists are replaced"),
            (Fields::from([(PASSWORD, sealed(None, Some("a")))]), "go with all addresses"),
            (Fields::from([(PASSWORD, text("first"))]), "no field password"),
            (Fields::from([(PASSWORD, Value::Secret(Secret::new("first".into())))]), "no field password"),
            (Fields::from([(CAPACITY, text("many"))]), "no field capacity"),
            (Fields::from([(AUTH_REQUIRED, text("yes"))]), "no field auth_required"),
            (Fields::from([(ADDRESSES, text("[{}]"))]), "no field addresses"),
            (Fields::from([("voip_token", text("x"))]), "no field voip_token"),
            (Fields::from([("partner_sid", text("x"))]), "no field partner_sid"),
        ];
        for (change, words) in table {
            let why = update(&change).err().unwrap_or_else(|| panic!("{change:?} is sent"));
            assert!(why.contains(words) && !why.contains("first"), "{change:?}: {why}");
        }
    }

    #[test]
    fn a_create_names_only_what_is_wanted_and_a_type() {
        let fields = Fields::from([(NAME, text("other")), (TYPE, text("third_party")), (PASSWORD, sealed(Some("first"), None))]);
        let body = create("pbx.mark", &fields).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(Json::Object(body.members), json!({"name": "pbx.mark", "type": "third_party", "out_sip_password": "first"}));
        assert_eq!(body.secrets, [Secret::new("first".into())]);
    }
}
