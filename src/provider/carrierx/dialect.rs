//! CarrierX's member in the manifests.

use std::sync::Arc;

use super::fields::{ALIAS, TRUNK_GROUP_SID};
use super::{CarrierX, Credentials, DEFAULT_URL, desired};
use crate::api::condition::Reason;
use crate::api::phone_number_binding::PhoneNumberBindingSpec;
use crate::api::provider_account::ProviderAccountSpec;
use crate::api::refs::{ProviderKind, SecretKeyRef};
use crate::api::sip_endpoint::SipEndpointSpec;
use crate::core::fields::{Fields, Value as Field};
use crate::core::mark::{Mark, Place, name_from_name};
use crate::core::view::{Desired, Password, Problem};
use crate::provider::credentials::one_line;
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
}
