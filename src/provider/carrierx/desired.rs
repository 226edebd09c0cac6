//! A CarrierX endpoint's spec and its Secrets → what is wanted. Parse, don't validate: everything in what comes out is true.

use serde_json::Value as Json;

use super::addresses::{self, Address};
use super::fields::{
    ADDRESSES, ATTRIBUTES, AUTH_REQUIRED, CAPACITY, ENDPOINT_SID, NAME, OUT_SIP_USERNAME, PROPERTIES, TRANSFORMATIONS, TYPE,
};
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
    text(ADDRESSES, endpoint.addresses.as_ref().map(|addresses| addresses::canonical(addresses.iter().map(Address::of).collect())));
    text(CAPACITY, endpoint.capacity.map(|capacity| capacity.to_string()));
    text(AUTH_REQUIRED, endpoint.auth_required.map(|required| required.to_string()));
    text(OUT_SIP_USERNAME, endpoint.out_sip_username.clone());
    text(TRANSFORMATIONS, endpoint.transformations.as_ref().map(|list| wire::canonical(&list.iter().cloned().map(Json::Object).collect())));
    let properties = endpoint.properties.as_ref().map(properties);
    for (field, members) in [(ATTRIBUTES, endpoint.attributes.clone()), (PROPERTIES, properties)] {
        if let Some(members) = members.filter(|members| !members.is_empty()) {
            fields.insert(field, Value::Members(members));
        }
    }
    let mut create = fields.clone();
    if let Some(password) = &password {
        create.insert(PASSWORD, Value::Secret(password.value.clone()));
    }
    Desired::Wanted(Box::new(Wanted { fields, create, password }))
}

/// A trunk group of this mark that leads to the endpoint.
pub(super) fn trunk_group(mark: &Mark, endpoint: &str) -> Wanted {
    let fields = Fields::from([(NAME, Value::Text(mark.to_string())), (ENDPOINT_SID, Value::Text(endpoint.to_owned()))]);
    Wanted { create: fields.clone(), fields, password: None }
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
