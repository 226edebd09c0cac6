//! A CarrierX endpoint's spec and its Secrets → what is wanted. Parse, don't validate: everything in what comes out is true.

use serde_json::Value as Json;

use super::addresses::{self, Address};
use super::fields::{ADDRESSES, ATTRIBUTES, AUTH_REQUIRED, CAPACITY, NAME, OUT_SIP_USERNAME, PROPERTIES, TRANSFORMATIONS, TYPE};
use super::logins::{Login, Logins};
use super::wire;
use crate::api::carrierx_endpoint::{CarrierxEndpoint, EndpointType, VoicemailProperties};
use crate::api::condition::Reason;
use crate::api::refs::SecretKeyRef;
use crate::core::fields::{Fields, PASSWORD, Secret, Value};
use crate::core::mark::Mark;
use crate::core::view::{Desired, Password, Problem, Wanted, WantedPassword};
use crate::provider::Given;
use crate::provider::credentials::without_newline;

/// Longest username or password, in characters.
const LONGEST: usize = 256;
/// The keys of a Secret with the login of an address.
const USERNAME_KEY: &str = "username";
const PASSWORD_KEY: &str = "password";

/// The Secrets that the spec refers to.
pub(super) fn secrets(endpoint: &CarrierxEndpoint) -> Vec<SecretKeyRef> {
    let addresses = endpoint.addresses.iter().flatten().filter_map(|address| address.sip_credentials_secret_ref.as_ref());
    let addresses =
        addresses.flat_map(|at| [USERNAME_KEY, PASSWORD_KEY].map(|key| SecretKeyRef { name: at.name.clone(), key: key.to_owned() }));
    endpoint.out_sip_password_secret_ref.iter().cloned().chain(addresses).collect()
}

/// All logins of the endpoint, as one opaque value.
///
/// # Errors
/// What is wrong with one of them, naming Secret and key and no value.
pub(super) fn password(endpoint: &CarrierxEndpoint, given: &Given) -> Password {
    let value = |name: &str, key: &str| {
        let at = SecretKeyRef { name: name.to_owned(), key: key.to_owned() };
        let missing = || Problem {
            reason: Reason::Progressing,
            message: format!("Secret {name} key {key} has not been read yet; this goes on by itself"),
        };
        parse(&at, given.get(&at).ok_or_else(missing)?)
    };
    let out = endpoint.out_sip_password_secret_ref.as_ref().map(|at| value(&at.name, &at.key)).transpose()?;
    let mut logins = Logins { out, addresses: Vec::new() };
    for address in endpoint.addresses.iter().flatten() {
        let Some(at) = &address.sip_credentials_secret_ref else { continue };
        logins.addresses.push(Login {
            address: Address::of(address),
            username: Some(value(&at.name, USERNAME_KEY)?),
            password: Some(value(&at.name, PASSWORD_KEY)?),
        });
    }
    Ok((!logins.is_empty()).then(|| (logins.sealed(), given.version())))
}

/// 1 to 256 characters of one line; one trailing newline is cut, since that is what `kubectl create secret --from-file` leaves.
fn parse(at: &SecretKeyRef, value: &Secret) -> Result<Secret, Problem> {
    let text = without_newline(value.expose());
    let wrong = |what: String| Problem {
        reason: Reason::SecretInvalid,
        message: format!(
            "Secret {} key {}: the value {what}; a SIP username or password at CarrierX has 1 to {LONGEST} printable characters. Nothing is sent until the Secret is mended, then this goes on by itself",
            at.name, at.key
        ),
    };
    let illegal = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
    if let Some(position) = text.chars().position(illegal) {
        return Err(wrong(format!("has an illegal character at position {}", position + 1)));
    }
    match text.chars().count() {
        0 => Err(wrong("is empty".to_owned())),
        1..=LONGEST => Ok(Secret::new(text.to_owned())),
        _ => Err(wrong(format!("is longer than {LONGEST} characters"))),
    }
}

/// What the spec wants of a CarrierX endpoint. `adopted`: it exists already, and its name is its own.
pub(super) fn desired(endpoint: &CarrierxEndpoint, adopted: bool, mark: &Mark, password: Password) -> Desired {
    if let Some(problem) = misplaced(endpoint) {
        return Desired::Blocked(problem);
    }
    let logs_in = endpoint.addresses.iter().flatten().any(|address| address.sip_credentials_secret_ref.is_some());
    let password = match password {
        // A replace of the addresses would take their logins away, and logins are sent in no other way.
        Ok(given) => given.map(|(value, version)| WantedPassword { value, version, along: logs_in.then_some(ADDRESSES) }),
        Err(problem) => return Desired::Blocked(problem),
    };
    let mut fields = Fields::from([(TYPE, Value::Text(endpoint.endpoint_type.as_str().to_owned()))]);
    let mut text = |field, value: Option<String>| drop(value.map(|value| fields.insert(field, Value::Text(value))));
    text(NAME, if adopted { endpoint.name.clone() } else { Some(mark.to_string()) });
    text(CAPACITY, endpoint.capacity.map(|capacity| capacity.to_string()));
    text(AUTH_REQUIRED, endpoint.auth_required.map(|required| required.to_string()));
    text(OUT_SIP_USERNAME, endpoint.out_sip_username.clone());
    text(TRANSFORMATIONS, endpoint.transformations.as_ref().map(|list| wire::canonical(&list.iter().cloned().map(Json::Object).collect())));
    if let Some(all) = &endpoint.addresses {
        fields.insert(ADDRESSES, addresses::wanted(all.iter().map(Address::of).collect()));
    }
    let properties = endpoint.properties.as_ref().map(properties);
    for (field, members) in [(ATTRIBUTES, endpoint.attributes.clone()), (PROPERTIES, properties)] {
        if let Some(members) = members.filter(|members| !members.is_empty()) {
            fields.insert(field, Value::Members(members));
        }
    }
    let mut create = fields.clone();
    // What it is anyway. Whoever names it in a request needs a scope for it that only support grants, whatever the value is.
    create.retain(|field, value| *field != AUTH_REQUIRED || value.text() != Some("true"));
    if let Some(password) = &password {
        create.insert(PASSWORD, Value::Secret(password.value.clone()));
    }
    Desired::Wanted(Box::new(Wanted { fields, create, password }))
}

fn properties(properties: &VoicemailProperties) -> std::collections::BTreeMap<String, String> {
    let VoicemailProperties { callback_url, callback_method, container_sid, greeting } = properties;
    let members = [
        ("callback_url", callback_url.clone()),
        ("callback_method", callback_method.map(|method| method.as_str().to_owned())),
        ("container_sid", container_sid.clone()),
        ("greeting", greeting.clone()),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// What CarrierX would refuse or ignore for this type (`contracts/carrierx.md` 4). The schema refuses it too; what is sent must not rest on
/// the schema alone.
fn misplaced(endpoint: &CarrierxEndpoint) -> Option<Problem> {
    let of_type = endpoint.endpoint_type;
    let peer = of_type == EndpointType::ThirdParty;
    let only = |field: &str, owner: EndpointType| {
        format!(
            "{field} can be given for type {owner} only, and this is a {of_type}. Remove {field}, or create a new SipEndpoint of that type"
        )
    };
    let given = [
        (endpoint.addresses.is_some(), "addresses"),
        (endpoint.out_sip_username.is_some(), "out_sip_username"),
        (endpoint.out_sip_password_secret_ref.is_some(), "outSipPasswordSecretRef"),
        (endpoint.auth_required.is_some(), "auth_required"),
        (endpoint.attributes.is_some(), "attributes"),
        (endpoint.transformations.is_some(), "transformations"),
    ];
    let peers = given.into_iter().find(|(given, _)| *given && !peer).map(|(_, field)| only(field, EndpointType::ThirdParty));
    let voicemails =
        (endpoint.properties.is_some() && of_type != EndpointType::Voicemail).then(|| only("properties", EndpointType::Voicemail));
    let alone = (endpoint.transformations.is_some() && endpoint.addresses.is_none()).then(|| {
        "transformations can be given only together with addresses, because CarrierX may clear the ones when the others are replaced. Add addresses".to_owned()
    });
    let message = peers.or(voicemails).or(alone)?;
    Some(Problem { reason: Reason::InvalidSpec, message: format!("spec.carrierx: {message}; nothing is done") })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::api::ledger::SecretVersion;
    use crate::core::fields::diff;
    use crate::core::mark::{Installation, Place};

    fn spec(value: Json) -> CarrierxEndpoint {
        serde_json::from_value(value).expect("a spec")
    }

    fn mark() -> Mark {
        Mark::new(Place::Name, &Installation::new("cluster-a"), "voice", "pbx", "pbx")
    }

    fn wanted(value: Json, adopted: bool) -> Wanted {
        match desired(&spec(value), adopted, &mark(), Ok(None)) {
            Desired::Wanted(wanted) => *wanted,
            other => panic!("{other:?}"),
        }
    }

    fn texts(fields: &Fields) -> Vec<String> {
        fields.iter().map(|(field, value)| format!("{field}={value}")).collect()
    }

    #[test]
    fn absent_means_unmanaged_but_for_the_name_that_carries_the_mark() {
        let peer = || json!({"type": "third_party"});
        let name = format!("name={:?}", mark().to_string());
        let table: [(&str, Json, bool, &[&str]); 5] = [
            ("nothing", peer(), false, &[&name, r#"type="third_party""#]),
            ("an adopted one keeps its name", peer(), true, &[r#"type="third_party""#]),
            ("unless it is given", json!({"type": "third_party", "name": "desk"}), true, &[r#"name="desk""#, r#"type="third_party""#]),
            (
                "explicitly nothing",
                json!({"type": "third_party", "addresses": [], "transformations": [], "capacity": 0, "attributes": {}, "auth_required": false}),
                true,
                &[r#"addresses="[]""#, r#"auth_required="false""#, r#"capacity="0""#, r#"transformations="[]""#, r#"type="third_party""#],
            ),
            (
                "a voicemail",
                json!({"type": "voicemail", "properties": {"greeting": "hello", "callback_method": "POST"}}),
                true,
                &[r#"properties={"callback_method": "POST", "greeting": "hello"}"#, r#"type="voicemail""#],
            ),
        ];
        for (sentence, given, adopted, expected) in table {
            let wanted = wanted(given, adopted);
            assert_eq!(texts(&wanted.fields), expected, "{sentence}");
            assert_eq!(wanted.create, wanted.fields, "{sentence}: nothing but a password is sent at create alone");
        }
    }

    #[test]
    fn an_endpoint_is_created_without_naming_what_needs_a_scope_of_its_own_unless_it_is_to_differ() {
        for (given, sent) in [(Some(true), None), (Some(false), Some("false")), (None, None)] {
            let wanted = wanted(json!({"type": "third_party", "auth_required": given}), false);
            let text = |fields: &Fields| fields.get(AUTH_REQUIRED).and_then(Value::text).map(str::to_owned);
            assert_eq!(text(&wanted.create).as_deref(), sent, "{given:?}");
            assert_eq!(text(&wanted.fields), given.map(|given| given.to_string()), "{given:?}: compared all the same");
        }
    }

    #[test]
    fn what_an_answer_shows_agrees_with_the_spec_that_made_it_however_it_is_written() {
        let full = json!({
            "type": "third_party",
            "addresses": [{"ip": "PBX.example", "port": 5060}, {"ip": "192.0.2.1", "transport": "tls", "priority": 2}],
            "capacity": 10, "out_sip_username": "trunk", "auth_required": true,
            "attributes": {"team": "voice"}, "transformations": [{"b": 1, "a": {"d": [], "c": null}}],
        });
        let shown = json!({
            "endpoint_sid": "e1", "name": mark().to_string(), "type": "third_party", "partner_sid": "p1", "capacity": 10, "auth_required": true,
            "addresses": [
                {"ip": "192.0.2.1", "port": 5060, "transport": "tls", "direction": "any", "dst_port": 5060, "priority": 2, "srtp": false, "location_sid": null},
                {"ip": "pbx.EXAMPLE", "port": "5060", "transport": "udp", "sip_username": null},
            ],
            "out_sip_username": "trunk", "transformations": [{"a": {"c": null, "d": []}, "b": 1}], "cps_limit": null,
            "attributes": [{"key": "theirs", "value": "x"}, {"key": "team", "value": "voice"}],
        });
        let observe =
            |shown: &Json| super::super::fields::endpoint(shown.as_object().expect("an object"), Some("p1")).expect("an endpoint").fields;
        let wanted = wanted(full, false);
        assert_eq!(diff(&wanted.fields, &observe(&shown)), []);
        let table = [
            ("an address more", "/addresses/1/ip", json!("192.0.2.2"), "addresses"),
            ("another port", "/addresses/0/port", json!(5061), "addresses"),
            ("another order of what is applied in order", "/transformations/0/b", json!(2), "transformations"),
            ("a key of ours", "/attributes/1/value", json!("sales"), "attributes"),
            ("a name", "/name", json!("renamed"), "name"),
            ("a type", "/type", json!("conference"), "type"),
            ("a limit", "/capacity", json!(0), "capacity"),
        ];
        for (sentence, at, value, field) in table {
            let mut other = shown.clone();
            *other.pointer_mut(at).expect(at) = value;
            let differing: Vec<&str> = diff(&wanted.fields, &observe(&other)).iter().map(|difference| difference.field).collect();
            assert_eq!(differing, [field], "{sentence}");
        }
        let older = json!({"endpoint_sid": "e1", "name": "x", "type": "third_party", "addresses": [{"ip": "a", "direction": "any", "port": 5060, "transport": "udp"}]});
        let spec = json!({
            "type": "third_party", "name": "x", "capacity": 7, "auth_required": false, "out_sip_username": "trunk", "transformations": [{"a": 1}],
            "addresses": [{"ip": "a", "priority": 3, "dst_port": 5070, "srtp": true, "location_sid": "l1"}], "attributes": {"a": "b"},
        });
        let wanted = self::wanted(spec, true);
        let lacking = diff(&wanted.fields, &observe(&older));
        assert!(lacking.iter().all(|difference| !difference.is_shown()), "what an older answer lacks is not known to differ: {lacking:?}");
        let names: Vec<&str> = lacking.iter().map(|difference| difference.field).collect();
        assert_eq!(names, ["attributes", "auth_required", "capacity", "out_sip_username", "transformations"]);
        let nothing = json!({"endpoint_sid": "e1", "name": "x", "type": "third_party", "out_sip_username": null, "transformations": null, "attributes": null});
        let fields = observe(&nothing);
        assert_eq!((fields[OUT_SIP_USERNAME].text(), fields[TRANSFORMATIONS].text()), (Some(""), Some("[]")), "null is nothing, and shown");
    }

    #[test]
    fn what_the_type_does_not_have_is_refused_before_anything_is_sent() {
        let table = [
            (json!({"type": "conference", "addresses": []}), Some("addresses can be given for type third_party only")),
            (json!({"type": "voicemail", "attributes": {}}), Some("attributes can be given for type third_party only")),
            (json!({"type": "flexml", "auth_required": true}), Some("auth_required")),
            (json!({"type": "mediator", "out_sip_username": "x"}), Some("out_sip_username")),
            (json!({"type": "mediator", "outSipPasswordSecretRef": {"name": "x"}}), Some("outSipPasswordSecretRef")),
            (json!({"type": "third_party", "properties": {}}), Some("properties can be given for type voicemail only")),
            (json!({"type": "third_party", "transformations": []}), Some("together with addresses")),
            (json!({"type": "conference", "capacity": 5}), None),
            (json!({"type": "voicemail", "properties": {}}), None),
            (json!({"type": "third_party", "transformations": [], "addresses": []}), None),
        ];
        for (given, expected) in table {
            match (desired(&spec(given.clone()), false, &mark(), Ok(None)), expected) {
                (Desired::Wanted(_), None) => {}
                (Desired::Blocked(problem), Some(words)) => {
                    assert_eq!(problem.reason, Reason::InvalidSpec, "{given}");
                    assert!(problem.message.contains(words) && problem.message.ends_with("nothing is done"), "{}", problem.message);
                }
                (other, _) => panic!("{given}: {other:?}"),
            }
        }
    }

    fn given(values: &[(&str, &str, &str)]) -> Given {
        let mut given = Given::default();
        for (name, key, value) in values {
            let at = SecretKeyRef { name: (*name).to_owned(), key: (*key).to_owned() };
            given.add(at, Secret::from_bytes(value.as_bytes().to_vec()), SecretVersion::default());
        }
        given
    }

    #[test]
    fn logins_are_gathered_into_one_value_and_go_along_with_the_addresses_that_have_them() {
        let out = json!({"type": "third_party", "outSipPasswordSecretRef": {"name": "out", "key": "word"}});
        let both = json!({
            "type": "third_party", "outSipPasswordSecretRef": {"name": "out", "key": "word"},
            "addresses": [{"ip": "a"}, {"ip": "B", "sipCredentialsSecretRef": {"name": "sip"}}],
        });
        let values = given(&[("out", "word", "first\n"), ("sip", "username", "bob"), ("sip", "password", "second")]);
        let names =
            |endpoint: &Json| secrets(&spec(endpoint.clone())).into_iter().map(|at| format!("{}/{}", at.name, at.key)).collect::<Vec<_>>();
        assert_eq!(names(&both), ["out/word", "sip/username", "sip/password"]);
        assert_eq!(names(&json!({"type": "third_party", "addresses": [{"ip": "a"}]})), [""; 0]);
        for (endpoint, along) in [(&out, None), (&both, Some(ADDRESSES))] {
            let password = password(&spec(endpoint.clone()), &values);
            let Desired::Wanted(wanted) = desired(&spec(endpoint.clone()), false, &mark(), password) else { panic!("{endpoint}") };
            let password = wanted.password.expect("a password");
            assert_eq!(password.along, along, "{endpoint}");
            let logins = Logins::unsealed(&password.value).expect("ours");
            assert_eq!(logins.out.as_ref().map(Secret::expose), Some("first"), "a newline at the end is cut");
            let shown: Vec<_> =
                logins.addresses.iter().map(|login| login.username.as_ref().zip(login.password.as_ref()).expect("both")).collect();
            let shown: Vec<_> =
                shown.into_iter().map(|(username, password)| format!("{}:{}", username.expose(), password.expose())).collect();
            assert_eq!(shown, if along.is_some() { vec!["bob:second"] } else { vec![] });
            assert!(!wanted.fields.contains_key(PASSWORD) && wanted.create.contains_key(PASSWORD));
            let printed = format!("{:?} {:?}", wanted.create, password);
            assert!(!printed.contains("first") && !printed.contains("second"), "{printed}");
        }
        assert_eq!(password(&spec(json!({"type": "conference"})), &Given::default()), Ok(None));
    }

    #[test]
    fn passwords_are_judged_without_being_shown() {
        let long = "x".repeat(257);
        let table = [
            ("secret word", None),
            ("pässwörd", None),
            (&long[1..], None),
            (&long, Some("longer than 256")),
            ("", Some("is empty")),
            ("\n", Some("is empty")),
            ("two\nlines", Some("position 4")),
            ("two\n\n", Some("position 4")),
            ("a\u{7f}b", Some("position 2")),
            ("not \u{fffd} text", Some("position 5")),
        ];
        let endpoint = spec(json!({"type": "third_party", "outSipPasswordSecretRef": {"name": "out", "key": "word"}}));
        for (value, expected) in table {
            match (password(&endpoint, &given(&[("out", "word", value)])), expected) {
                (Ok(Some(_)), None) => {}
                (Err(problem), Some(words)) => {
                    assert_eq!(problem.reason, Reason::SecretInvalid);
                    assert!(problem.message.starts_with("Secret out key word: ") && problem.message.contains(words), "{}", problem.message);
                    assert!(value.trim().is_empty() || !problem.message.contains(value), "{}", problem.message);
                }
                (other, _) => panic!("{value:?}: {other:?}"),
            }
        }
        assert_eq!(password(&endpoint, &Given::default()).map_err(|problem| problem.reason), Err(Reason::Progressing), "not read yet");
    }

    #[test]
    fn only_what_people_set_of_a_voicemail_is_a_property() {
        let all = properties(&VoicemailProperties {
            callback_url: Some("https://x".into()),
            callback_method: Some(crate::api::carrierx_endpoint::CallbackMethod::Get),
            container_sid: Some("c".into()),
            greeting: Some(String::new()),
        });
        let names: BTreeMap<&str, &str> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(names.keys().copied().collect::<Vec<_>>(), super::super::fields::VOICEMAIL);
        assert_eq!(names["greeting"], "", "explicitly nothing");
    }
}
