//! Plivo's member in the manifests.

use std::sync::Arc;

use super::credentials::auth_id;
use super::{Credentials, DEFAULT_URL, Plivo, binding, desired, manifest};
use crate::api::ENDPOINT_REF_ON_PLIVO;
use crate::api::condition::Reason;
use crate::api::phone_number_binding::PhoneNumberBindingSpec;
use crate::api::provider_account::ProviderAccountSpec;
use crate::api::refs::{ProviderKind, SecretKeyRef};
use crate::api::sip_endpoint::SipEndpointSpec;
use crate::core::fields::{Fields, Number, Remote};
use crate::core::mark::{Mark, Place, base_from_name};
use crate::core::view::{Desired, Password, Problem};
use crate::provider::credentials::one_line;
use crate::provider::manifest::Written;
use crate::provider::transport::{BaseUrl, TransportOptions};
use crate::provider::{self, Connection, Given, NamedApplication, Target, Value, invalid_target, unknown_provider};

/// `spec.plivo`.
pub struct Dialect;

impl provider::Dialect for Dialect {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Plivo
    }

    fn default_url(&self) -> &'static str {
        DEFAULT_URL
    }

    fn credentials_secret<'s>(&self, spec: &'s ProviderAccountSpec) -> Option<&'s str> {
        spec.plivo.as_ref().map(|plivo| plivo.credentials_secret_ref.name.as_str())
    }

    /// Keys `auth_id` and `auth_token`.
    fn connect(&self, secret: &str, base: &BaseUrl, options: &TransportOptions, value: Value<'_, '_>) -> Result<Connection, Problem> {
        let auth_id = auth_id(secret, value("auth_id")?)?;
        let auth_token = one_line(secret, "auth_token", value("auth_token")?)?;
        let given = Credentials { auth_id: auth_id.clone(), auth_token };
        let provider = Plivo::new(base, given, options)
            .map_err(|error| Problem { reason: Reason::SecretInvalid, message: format!("Secret {secret}: {error}") })?;
        Ok(Connection { id: Some(auth_id), provider: Arc::new(provider) })
    }

    fn member(&self) -> &'static str {
        "plivo"
    }

    fn speaks(&self, spec: &SipEndpointSpec) -> bool {
        spec.plivo.is_some()
    }

    fn label(&self, spec: &SipEndpointSpec, name: &str) -> (Place, String) {
        let username = spec.plivo.as_ref().and_then(|plivo| plivo.username.clone());
        (Place::Username, username.unwrap_or_else(|| base_from_name(name)))
    }

    fn secrets(&self, spec: &SipEndpointSpec) -> Vec<SecretKeyRef> {
        spec.plivo.iter().filter_map(|plivo| plivo.password_secret_ref.clone()).collect()
    }

    fn password(&self, spec: &SipEndpointSpec, given: &Given) -> Password {
        let at = spec.plivo.as_ref().and_then(|plivo| plivo.password_secret_ref.as_ref());
        Ok(at.and_then(|at| given.get(at)).map(|value| (value.clone(), given.version())))
    }

    fn generates_password(&self, spec: &SipEndpointSpec) -> bool {
        spec.plivo.as_ref().is_some_and(|plivo| plivo.generate_password && plivo.password_secret_ref.is_none())
    }

    fn needs_password(&self) -> bool {
        true
    }

    fn app_name<'s>(&self, spec: &'s SipEndpointSpec) -> Option<&'s str> {
        spec.plivo.as_ref().and_then(|plivo| plivo.app_name.as_deref())
    }

    fn desired(&self, spec: &SipEndpointSpec, name: &str, _mark: &Mark, password: Password, application: NamedApplication) -> Desired {
        match &spec.plivo {
            Some(endpoint) => desired::desired(endpoint, name, password, application),
            None => Desired::Blocked(unknown_provider()),
        }
    }

    fn target<'s>(&self, spec: &'s PhoneNumberBindingSpec) -> Result<Target<'s>, Problem> {
        let target = &spec.target;
        if target.endpoint_ref.is_some() {
            return Err(invalid_target(ENDPOINT_REF_ON_PLIVO));
        }
        let id = target.app_id.as_deref().map(Target::Id);
        let name = target.app_name.as_deref().map(Target::Name);
        let of = target.application_of.as_ref().map(|endpoint| Target::Of(&endpoint.name));
        match (id, name, of) {
            (Some(target), None, None) | (None, Some(target), None) | (None, None, Some(target)) => Ok(target),
            _ => Err(invalid_target("exactly one of app_id, app_name and applicationOf says what answers the number")),
        }
    }

    fn number(&self, spec: &PhoneNumberBindingSpec, answered_by: String) -> Fields {
        binding::desired(spec, answered_by)
    }

    fn describe(&self, remote: &Remote) -> Result<Written<SipEndpointSpec>, String> {
        Ok(manifest::endpoint(remote))
    }

    fn describe_number(&self, number: &Number) -> Result<Written<PhoneNumberBindingSpec>, String> {
        manifest::number(number)
    }
}
