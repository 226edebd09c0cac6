//! CarrierX's member in the manifests.

use std::sync::Arc;

use super::fields::{ALIAS, TRUNK_GROUP_SID};
use super::{CarrierX, Credentials, DEFAULT_URL, desired, manifest};
use crate::api::condition::Reason;
use crate::api::phone_number_binding::PhoneNumberBindingSpec;
use crate::api::provider_account::ProviderAccountSpec;
use crate::api::refs::{ProviderKind, SecretKeyRef};
use crate::api::sip_endpoint::SipEndpointSpec;
use crate::core::fields::{Fields, Number, Remote, Value as Field};
use crate::core::mark::{Mark, Place, name_from_name};
use crate::core::view::{Desired, Password, Problem};
use crate::provider::credentials::one_line;
use crate::provider::manifest::Written;
use crate::provider::transport::{BaseUrl, TransportOptions};
use crate::provider::{self, Connection, Given, NamedApplication, Target, Value, invalid_target, unknown_provider};

/// The key of the bearer token.
const TOKEN: &str = "token";

/// `spec.carrierx`.
pub struct Dialect;

impl provider::Dialect for Dialect {
    fn kind(&self) -> ProviderKind {
        ProviderKind::CarrierX
    }

    fn default_url(&self) -> &'static str {
        DEFAULT_URL
    }

    fn credentials_secret<'s>(&self, spec: &'s ProviderAccountSpec) -> Option<&'s str> {
        spec.carrierx.as_ref().map(|carrierx| carrierx.credentials_secret_ref.name.as_str())
    }

    /// Key `token`. It does not say whose it is.
    fn connect(&self, secret: &str, base: &BaseUrl, options: &TransportOptions, value: Value<'_, '_>) -> Result<Connection, Problem> {
        let token = one_line(secret, TOKEN, value(TOKEN)?)?;
        let provider = CarrierX::new(base, Credentials { token, partner_sid: None }, options)
            .map_err(|error| Problem { reason: Reason::SecretInvalid, message: format!("Secret {secret}: {error}") })?;
        Ok(Connection { id: None, provider: Arc::new(provider) })
    }

    /// `contracts/carrierx.md` 2. The single verbs suffice, but who is to make, change and delete needs them all.
    fn permissions(&self) -> Option<&'static str> {
        Some(
            "Its token needs the scope endpoints.manage; where numbers are bound also phonenumber.read, phonenumber.update and partners.read; \
             for the trunk groups that lead numbers to endpoints, and to see what points to an endpoint before it is deleted, \
             trunk_groups.manage and trunk_groups.trunks.manage; and endpoints.manage_auth_required only to set auth_required",
        )
    }

    fn member(&self) -> &'static str {
        "carrierx"
    }

    fn speaks(&self, spec: &SipEndpointSpec) -> bool {
        spec.carrierx.is_some()
    }

    fn label(&self, spec: &SipEndpointSpec, name: &str) -> (Place, String) {
        let base = spec.carrierx.as_ref().and_then(|carrierx| carrierx.name.clone());
        (Place::Name, base.unwrap_or_else(|| name_from_name(name)))
    }

    fn secrets(&self, spec: &SipEndpointSpec) -> Vec<SecretKeyRef> {
        spec.carrierx.as_ref().map(desired::secrets).unwrap_or_default()
    }

    fn password(&self, spec: &SipEndpointSpec, given: &Given) -> Password {
        spec.carrierx.as_ref().map_or(Ok(None), |carrierx| desired::password(carrierx, given))
    }

    fn needs_password(&self) -> bool {
        false
    }

    fn desired(&self, spec: &SipEndpointSpec, _name: &str, mark: &Mark, password: Password, _application: NamedApplication) -> Desired {
        match &spec.carrierx {
            Some(endpoint) => desired::desired(endpoint, spec.adopt.is_some(), mark, password),
            None => Desired::Blocked(unknown_provider()),
        }
    }

    fn target<'s>(&self, spec: &'s PhoneNumberBindingSpec) -> Result<Target<'s>, Problem> {
        let target = &spec.target;
        let applications = [
            (target.app_id.is_some(), "app_id"),
            (target.app_name.is_some(), "app_name"),
            (target.application_of.is_some(), "applicationOf"),
        ];
        if let Some((_, field)) = applications.into_iter().find(|(given, _)| *given) {
            return Err(invalid_target(&format!(
                "{field} is for Plivo, CarrierX has no applications; name the SipEndpoint that is to answer in endpointRef, or a trunk group of your own in trunk_group_sid"
            )));
        }
        for (given, field) in
            [(spec.subaccount.is_some(), "subaccount"), (spec.compliance_application_id.is_some(), "compliance_application_id")]
        {
            if given {
                let message =
                    format!("spec.{field}: only Plivo has it, and this number is at CarrierX; the number is left as it is. Remove {field}");
                return Err(Problem { reason: Reason::InvalidSpec, message });
            }
        }
        match (&target.endpoint_ref, target.trunk_group_sid.as_deref()) {
            (Some(endpoint), None) => Ok(Target::Endpoint(&endpoint.name)),
            (None, Some(sid)) => Ok(Target::Id(sid)),
            _ => Err(invalid_target("exactly one of endpointRef and trunk_group_sid says what answers the number")),
        }
    }

    fn number(&self, spec: &PhoneNumberBindingSpec, answered_by: String) -> Fields {
        let alias = spec.alias.clone().map(|alias| (ALIAS, alias));
        alias.into_iter().chain([(TRUNK_GROUP_SID, answered_by)]).map(|(field, value)| (field, Field::Text(value))).collect()
    }

    fn describe(&self, remote: &Remote) -> Result<Written<SipEndpointSpec>, String> {
        manifest::endpoint(remote)
    }

    fn describe_number(&self, number: &Number) -> Result<Written<PhoneNumberBindingSpec>, String> {
        manifest::number(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::phone_number_binding as api;
    use crate::api::refs::EndpointRef;
    use crate::provider::Dialect as _;

    #[test]
    fn a_number_is_answered_by_an_endpoint_or_a_trunk_group_and_what_is_of_plivo_is_refused_with_the_way_out() {
        let reference = || Some(EndpointRef { name: "pbx".into() });
        let nothing = api::Target::default;
        let spec = |target: api::Target| PhoneNumberBindingSpec { target, ..PhoneNumberBindingSpec::default() };
        let group = || api::Target { trunk_group_sid: Some("g1".into()), ..nothing() };
        let table: [(&str, PhoneNumberBindingSpec, Result<Target<'_>, &str>); 9] = [
            ("an endpoint", spec(api::Target { endpoint_ref: reference(), ..nothing() }), Ok(Target::Endpoint("pbx"))),
            ("a trunk group", spec(group()), Ok(Target::Id("g1"))),
            ("both", spec(api::Target { endpoint_ref: reference(), ..group() }), Err("exactly one of endpointRef and trunk_group_sid")),
            ("nothing", spec(nothing()), Err("exactly one of endpointRef and trunk_group_sid")),
            ("an application", spec(api::Target { app_id: Some(String::new()), ..nothing() }), Err("app_id is for Plivo")),
            ("one by name", spec(api::Target { app_name: Some("ivr".into()), ..nothing() }), Err("in endpointRef, or a trunk group")),
            ("that of an endpoint", spec(api::Target { application_of: reference(), ..nothing() }), Err("applicationOf is for Plivo")),
            (
                "a subaccount",
                PhoneNumberBindingSpec { subaccount: Some("SA1".into()), ..spec(group()) },
                Err("spec.subaccount: only Plivo has it"),
            ),
            (
                "a compliance application",
                PhoneNumberBindingSpec { compliance_application_id: Some("c1".into()), ..spec(group()) },
                Err("Remove compliance_application_id"),
            ),
        ];
        for (sentence, spec, expected) in table {
            match (Dialect.target(&spec), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{sentence}"),
                (Err(problem), Err(words)) => {
                    assert_eq!(problem.reason, Reason::InvalidSpec);
                    assert!(problem.message.contains(words), "{sentence}: {}", problem.message);
                }
                (found, _) => panic!("{sentence}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_binding_wants_a_trunk_group_and_a_name_only_if_it_gives_one() {
        let texts = |spec: &PhoneNumberBindingSpec, sid: &str| -> Vec<String> {
            Dialect.number(spec, sid.into()).iter().map(|(field, value)| format!("{field}={value}")).collect()
        };
        let plain = PhoneNumberBindingSpec::default();
        assert_eq!(texts(&plain, "g1"), [r#"trunk_group_sid="g1""#]);
        let named = PhoneNumberBindingSpec { alias: Some("desk".into()), ..plain };
        assert_eq!(texts(&named, ""), [r#"alias="desk""#, r#"trunk_group_sid="""#]);
    }
}
