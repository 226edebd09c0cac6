//! The fields of each kind of object (contracts/carrierx.md 4, 6, 7): types, defaults, who writes them.

use serde_json::{Map, Value};

/// An object as the provider holds it, in the form of newer samples and with passwords in clear.
pub(super) type Object = Map<String, Value>;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    TextOrNull,
    /// An integer that is not negative.
    Count,
    /// 1 to 65535; a text of digits is understood, as a documented request has one.
    Port,
    Bool,
    List,
    Any,
    /// Nested: see `nested.rs`.
    Addresses,
    Attributes,
    Properties,
    Transformations,
}

/// Who writes a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// The server alone.
    Server,
    /// A create; fixed afterwards.
    Create,
    /// Every write.
    Write,
}

/// Name, type, default as JSON, writer.
pub(super) type Field = (&'static str, Type, &'static str, Access);

use Access::{Create, Server, Write};
use Type::{Addresses, Any, Attributes, Bool, Count, List, Port, Properties, Text, TextOrNull, Transformations};

pub(super) const ENDPOINT: &[Field] = &[
    ("addresses", Addresses, "[]", Write),
    ("attributes", Attributes, "{}", Write),
    ("auth_required", Bool, "true", Write),
    ("capacity", Count, "0", Write),
    ("cps_limit", Any, "null", Server),
    ("endpoint_sid", Text, "null", Server),
    ("name", Text, "null", Write),
    ("out_sip_password", TextOrNull, "null", Write),
    ("out_sip_username", TextOrNull, "null", Write),
    ("partner_sid", Text, "null", Create),
    ("properties", Properties, "{}", Write),
    ("transformations", Transformations, "[]", Write),
    ("type", Text, "null", Create),
    ("voip_token", TextOrNull, "null", Server),
];

pub(super) const ADDRESS: &[Field] = &[
    ("direction", Text, "\"any\"", Write),
    ("dst_port", Port, "5060", Write),
    ("ip", Text, "null", Write),
    ("location_sid", TextOrNull, "null", Write),
    ("port", Port, "5060", Write),
    ("priority", Count, "0", Write),
    ("sip_password", TextOrNull, "null", Write),
    ("sip_username", TextOrNull, "null", Write),
    ("srtp", Bool, "false", Write),
    ("transport", Text, "\"udp\"", Write),
];

pub(super) const TRUNK_GROUP: &[Field] = &[
    ("acls", List, "[]", Write),
    ("hard_failure_codes", Text, "\"408;\"", Write),
    ("hard_failure_cooldown", Count, "120", Write),
    ("hard_failure_interval", Count, "60", Write),
    ("hard_failure_last_resort", Text, "\"first\"", Write),
    ("hard_failure_threshold", Count, "3", Write),
    ("name", Text, "\"N/A\"", Write),
    ("partner_sid", Text, "null", Create),
    ("routing_data", Any, "null", Write),
    ("routing_type", Text, "\"failover\"", Write),
    ("sip_options_locations", List, "[]", Write),
    ("sip_options_threshold", Count, "3", Write),
    ("soft_failure_codes", Text, "\"408;\"", Write),
    ("transformations", Transformations, "[]", Write),
    ("trunk_group_sid", Text, "null", Server),
];

pub(super) const TRUNK: &[Field] = &[
    ("acls", List, "[]", Write),
    ("allow_forward", Text, "\"disabled\"", Write),
    ("allow_transfer", Any, "false", Write),
    ("asn_mode", Text, "\"disable\"", Write),
    ("call_type", Text, "\"regular\"", Write),
    ("codec", TextOrNull, "null", Write),
    ("endpoint_sid", TextOrNull, "null", Write),
    ("in_capacity", Count, "0", Write),
    ("in_identity_format", Text, "\"passthrough\"", Write),
    ("in_identity_mode", Text, "\"passthrough\"", Write),
    ("in_rfc_4694_mode", Text, "\"cut_all\"", Write),
    ("location_sid", TextOrNull, "null", Write),
    ("name", Text, "\"N/A\"", Write),
    ("out_capacity", Count, "0", Write),
    ("out_identity_mode", Text, "\"passthrough\"", Write),
    ("out_rfc_4694_mode", Text, "\"cut_all\"", Write),
    ("priority", Count, "0", Write),
    ("relay_sip_headers", List, "[]", Write),
    ("transformations", Transformations, "[]", Write),
    ("trunk_sid", Text, "null", Server),
    ("weight", Count, "0", Write),
];

pub(super) const DID: &[Field] = &[
    ("active_capabilities", Count, "4", Server),
    ("attributes", Attributes, "{}", Write),
    ("callback_url", TextOrNull, "null", Write),
    ("campaign_sid", TextOrNull, "null", Server),
    ("capabilities", Count, "7", Server),
    ("classification_sid", TextOrNull, "null", Server),
    ("country_code", Text, "\"USA\"", Server),
    ("did_group_sid", TextOrNull, "null", Write),
    ("did_sid", Text, "null", Server),
    ("in_country_format", Text, "null", Server),
    ("international_format", Text, "null", Server),
    ("lata", TextOrNull, "null", Server),
    ("locality", Text, "\"NEW YORK\"", Server),
    ("lrn_sid", TextOrNull, "null", Server),
    ("name", Text, "\"N/A\"", Write),
    ("ocn", Text, "\"251F\"", Server),
    ("partner_sid", Text, "null", Server),
    ("phonenumber", Text, "null", Server),
    ("porting_pin", TextOrNull, "null", Server),
    ("price", Text, "\"0.6\"", Server),
    ("state", Text, "\"NY\"", Server),
    ("status", Text, "\"assigned\"", Server),
    ("string_key_1", TextOrNull, "null", Write),
    ("string_key_2", TextOrNull, "null", Write),
    ("transformations", Transformations, "[]", Write),
    ("trunk_group_sid", TextOrNull, "null", Write),
];

/// An object with every field at its default.
pub(super) fn defaults(fields: &[Field]) -> Object {
    // The defaults of the tables above are JSON, which a test reads.
    fields.iter().map(|(name, _, default, _)| ((*name).to_owned(), serde_json::from_str(default).unwrap_or(Value::Null))).collect()
}

/// A value as it is stored, for all types but the nested ones.
///
/// # Errors
/// What would have been right.
pub(super) fn normal(of: Type, value: &Value) -> Result<Value, &'static str> {
    let fits = match of {
        Type::Text => value.is_string(),
        Type::TextOrNull => value.is_string() || value.is_null(),
        Type::Count => value.is_u64(),
        Type::Bool => value.is_boolean(),
        Type::List | Type::Transformations => value.is_array(),
        Type::Any => true,
        Type::Port => {
            let port = value.as_u64().or_else(|| value.as_str()?.parse().ok()).filter(|port| (1..=65535).contains(port));
            return port.map(Value::from).ok_or("a port of 1 to 65535 is needed");
        }
        Type::Addresses | Type::Attributes | Type::Properties => value.is_array() || value.is_object(),
    };
    if fits { Ok(value.clone()) } else { Err("value has a wrong type") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_json_of_its_type_or_made_by_the_server() {
        for (name, of, default, _) in [ENDPOINT, ADDRESS, TRUNK_GROUP, TRUNK, DID].concat() {
            let value: Value = serde_json::from_str(default).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(value.is_null() || normal(of, &value) == Ok(value.clone()), "{name}: {default}");
        }
    }
}
