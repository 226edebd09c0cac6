//! The pieces that only CarrierX needs, for its endpoints, its addresses and its numbers.

use kube::core::{Reason, Rule};
use schemars::{Schema, SchemaGenerator, json_schema};

use super::{ID, matches};

/// The part of a CarrierX name that people choose. The client allows 63 characters; 14 of them are a dot and the ownership mark.
pub(in crate::api) const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,48}$";
/// A text without control characters.
pub(in crate::api) const TEXT_256: &str = r"^[^\x00-\x1f\x7f-\x9f]{1,256}$";
/// A text without control characters, or nothing.
pub(in crate::api) const OPTIONAL_TEXT_256: &str = r"^[^\x00-\x1f\x7f-\x9f]{0,256}$";
/// One word of a provider's.
pub(in crate::api) const WORD: &str = "^[A-Za-z0-9._-]{1,64}$";
/// An IPv6 address or a host name (an IPv4 address has the form of one).
pub(in crate::api) const IP_OR_HOST: &str =
    r"^(([0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f.]{0,15}|[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*)$";
/// An http or https address: a host, perhaps a port, a path and a query; no user and no password.
pub(in crate::api) const HTTP_URL: &str = r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?([/?][!-~]*)?$";

pub(in crate::api) const TYPE_IS_FIXED: &str = "type cannot change: CarrierX fixes it when the endpoint is made; create a new SipEndpoint";
pub(in crate::api) fn name() -> Rule {
    matches(
        NAME,
        "name must be 1 to 49 letters, digits, dots, dashes and underscores, a letter or digit first; the ownership mark is added to it",
    )
}

pub(in crate::api) fn ip_or_host() -> Rule {
    matches(
        IP_OR_HOST,
        "ip must be an IP address or a host name: no scheme, no brackets, no blanks, and no port, which has a field of its own",
    )
}

/// What has only digits and dots, or a colon, is meant as an address, and `203.0.113.300` is none. (No pattern says that of IPv6.)
pub(in crate::api) fn whole_ip() -> Rule {
    Rule::new("!(self.contains(':') || self.matches('^[0-9.]+$')) || isIP(self)")
        .message("ip looks like an IP address but is none: write four numbers from 0 to 255 (IPv4), a whole IPv6 address, or a host name")
        .reason(Reason::FieldValueInvalid)
}

pub(in crate::api) fn direction() -> Rule {
    matches(WORD, "direction must be a word of CarrierX such as any: 1 to 64 letters, digits, dots, dashes and underscores")
}

pub(in crate::api) fn location_sid() -> Rule {
    carrierx_id("location_sid must be the id of a switch location")
}

pub(in crate::api) fn container_sid() -> Rule {
    carrierx_id("container_sid must be the id of a storage container")
}

pub(in crate::api) fn trunk_group_sid() -> Rule {
    carrierx_id("trunk_group_sid must be the id of a trunk group")
}

fn carrierx_id(what: &str) -> Rule {
    let message = format!("{what} as CarrierX shows it: letters, digits, dots, dashes and underscores, a letter or digit first, in quotes");
    matches(ID, &message)
}

pub(in crate::api) fn out_sip_username() -> Rule {
    matches(TEXT_256, "out_sip_username must be 1 to 256 characters, none of them a control character; leave it out to leave it as it is")
}

pub(in crate::api) fn callback_url() -> Rule {
    matches(
        HTTP_URL,
        "callback_url must be an http or https address such as https://example.com/voicemail: a host, no user and no password, no blanks",
    )
}

pub(in crate::api) fn greeting() -> Rule {
    matches(OPTIONAL_TEXT_256, "greeting must be at most 256 characters, none of them a control character")
}

/// A map of texts to texts. By hand, because the rule of the keys stands at the map and that of the values at each.
pub(in crate::api) fn attributes(_: &mut SchemaGenerator) -> Schema {
    let value = matches(OPTIONAL_TEXT_256, "the value of an attribute must be at most 256 characters, none of them a control character");
    let keys = Rule::new("self.all(key, key.size() <= 64 && key.matches('^[\\\\w.-]+$'))")
        .message("the keys of attributes must be 1 to 64 letters, digits, dots, dashes and underscores");
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {"type": "string", "maxLength": 256, "pattern": OPTIONAL_TEXT_256, "x-kubernetes-validations": [value]},
        "x-kubernetes-validations": [keys],
    })
}

/// Objects whose members only CarrierX knows. A bound on their number is all that a schema can say of them.
pub(in crate::api) fn transformations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 32,
        "x-kubernetes-list-type": "atomic",
        "items": {"type": "object", "maxProperties": 32, "x-kubernetes-preserve-unknown-fields": true},
    })
}

/// What holds for one type of endpoint at CarrierX alone. All others are hosted, and CarrierX takes nothing but `name` and `capacity` for
/// them.
fn of_a_peer(field: &str, why: &str) -> Rule {
    Rule::new(format!("self.type == 'third_party' || !has(self.{field})"))
        .message(format!("{field} can be given for type third_party only: {why}; remove {field}").as_str())
        .field_path(format!(".{field}"))
        .reason(Reason::FieldValueForbidden)
}

pub(in crate::api) fn addresses_of_a_peer() -> Rule {
    of_a_peer("addresses", "CarrierX hosts endpoints of the other types and knows where they are")
}

pub(in crate::api) fn out_sip_username_of_a_peer() -> Rule {
    of_a_peer("out_sip_username", "CarrierX presents it to a SIP device or PBX, and hosts endpoints of the other types itself")
}

pub(in crate::api) fn out_sip_password_of_a_peer() -> Rule {
    of_a_peer("outSipPasswordSecretRef", "CarrierX presents it to a SIP device or PBX, and hosts endpoints of the other types itself")
}

pub(in crate::api) fn auth_required_of_a_peer() -> Rule {
    of_a_peer("auth_required", "it says how a SIP device or PBX is recognised")
}

pub(in crate::api) fn attributes_of_a_peer() -> Rule {
    of_a_peer("attributes", HOSTED)
}

pub(in crate::api) fn transformations_of_a_peer() -> Rule {
    of_a_peer("transformations", HOSTED)
}

const HOSTED: &str = "of an endpoint that CarrierX hosts nothing can be changed but name and capacity, and the properties of a voicemail";

pub(in crate::api) fn properties_of_a_voicemail() -> Rule {
    Rule::new("self.type == 'voicemail' || !has(self.properties)")
        .message("properties can be given for type voicemail only: CarrierX sets those of the other types itself; remove properties")
        .field_path(".properties")
        .reason(Reason::FieldValueForbidden)
}

/// CarrierX replaces nested lists, and may clear those that a request does not name.
pub(in crate::api) fn transformations_with_addresses() -> Rule {
    Rule::new("!has(self.transformations) || has(self.addresses)")
        .message("transformations need addresses: writing the one may clear the other at CarrierX, so both must be known; add addresses, all of them")
        .field_path(".addresses")
        .reason(Reason::FieldValueRequired)
}

/// Addresses have no ids: two that are alike cannot be told from each other. Absent is what CarrierX makes of it.
pub(in crate::api) fn no_address_twice() -> Rule {
    let alike = [("port", "5060"), ("transport", "'udp'"), ("direction", "'any'"), ("dst_port", "5060"), ("location_sid", "''")]
        .map(|(field, absent)| format!("(has(a.{field}) ? a.{field} : {absent}) == (has(b.{field}) ? b.{field} : {absent})"))
        .join(" && ");
    Rule::new(format!("self.all(a, self.exists_one(b, a.ip.lowerAscii() == b.ip.lowerAscii() && {alike}))"))
        .message("addresses cannot have the same ip, port, transport, direction, dst_port and location_sid twice (port and dst_port are 5060 where absent, transport is udp, direction is any); remove one of them")
        .reason(Reason::FieldValueForbidden)
}

/// A static peer does not log in.
pub(in crate::api) fn no_connection_secret_of_a_peer() -> Rule {
    Rule::new("!has(self.carrierx) || !has(self.connectionSecret)")
        .message("connectionSecret cannot be given together with carrierx: an endpoint at CarrierX never registers, so there is no login that a phone could be set up with; remove connectionSecret")
        .field_path(".connectionSecret")
        .reason(Reason::FieldValueForbidden)
}

/// An adopted endpoint may have its username already.
pub(in crate::api) fn out_sip_password_needs_username() -> Rule {
    Rule::new("!has(self.carrierx) || has(self.adopt) || !has(self.carrierx.outSipPasswordSecretRef) || has(self.carrierx.out_sip_username)")
        .message("outSipPasswordSecretRef needs out_sip_username: CarrierX presents both when it is challenged; add out_sip_username (only an adopted endpoint may have it already)")
        .field_path(".carrierx.out_sip_username")
        .reason(Reason::FieldValueRequired)
}

/// Subaccounts are Plivo's.
pub(in crate::api) fn no_subaccount_on_carrierx() -> Rule {
    of_plivo("subaccount", "subaccounts")
}

/// Compliance applications are Plivo's.
pub(in crate::api) fn no_compliance_application_on_carrierx() -> Rule {
    of_plivo("compliance_application_id", "compliance applications")
}

fn of_plivo(field: &str, what: &str) -> Rule {
    Rule::new(format!("!has(self.{field}) || !(has(self.target.endpointRef) || has(self.target.trunk_group_sid))"))
        .message(format!("{field} cannot be given together with a target at CarrierX (endpointRef, trunk_group_sid): only Plivo has {what}; remove {field}").as_str())
        .field_path(format!(".{field}"))
        .reason(Reason::FieldValueForbidden)
}
