//! CarrierX (`contracts/carrierx.md`): static SIP peers and hosted applications, numbers, and the trunk groups between them, on its Core API.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::transport::{BaseUrl, TransportOptions, Unusable};
use super::{Page, Provider, Remotes};
use crate::api::refs::ProviderKind;
use crate::core::capabilities::{Capabilities, Together};
use crate::core::fields::{Application, Fields, Number, Remote, Secret};
use crate::core::mark::Place;
use crate::core::outcome::Outcome;

mod addresses;
mod api;
mod body;
mod classify;
pub mod desired;
mod dialect;
mod endpoints;
pub mod fields;
mod identify;
mod logins;
mod manifest;
mod numbers;
mod trunk_groups;
mod wire;

pub use dialect::Dialect;

use api::Api;
use endpoints::Endpoints;
use trunk_groups::TrunkGroups;

/// CarrierX's address, unless a flag says otherwise.
pub const DEFAULT_URL: &str = "https://api.carrierx.com";

/// What decisions must know of CarrierX.
pub const CAPABILITIES: Capabilities = Capabilities {
    provider: ProviderKind::CarrierX,
    mark: Place::Name,
    list_filter: true,
    registers: false,
    referenced: true,
    page_size: 1000,
    updates: &[
        // Lists without ids are replaced as a whole, and a replace of one may clear all that the request does not name.
        Together {
            fields: &[fields::ADDRESSES, fields::TRANSFORMATIONS],
            carried: &[fields::ADDRESSES, fields::TRANSFORMATIONS, fields::OBSERVED_ATTRIBUTES],
        },
        // Merged key by key, without a replace: what others have there stays.
        Together { fields: &[fields::ATTRIBUTES], carried: &[] },
        Together { fields: &[fields::PROPERTIES], carried: &[] },
        // Of a trunk group: its trunks are things of their own.
        Together { fields: &[fields::ENDPOINT_SID], carried: &[] },
        // Last and alone: without its scope it is refused, with all that goes with it, and what comes behind it waits.
        Together { fields: &[fields::AUTH_REQUIRED], carried: &[] },
        // The type among them: it can never be changed, only be told, and nothing else of these is changed where it is not what was meant.
        Together { fields: &[], carried: &[] },
    ],
    number_target: fields::TRUNK_GROUP_SID,
    number_must_answer: true,
    default_budget: 25,
    provider_limit: 0,
};

/// What an account's Secret holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The bearer token.
    pub token: Secret,
    /// Whose it is, if that is known from before; else [`Provider::identify`] learns it. Until then all that names a partner is somebody
    /// else's.
    pub partner_sid: Option<String>,
}

/// One CarrierX account (partner).
pub struct CarrierX {
    api: Arc<Api>,
    endpoints: Endpoints,
    trunk_groups: TrunkGroups,
}

impl CarrierX {
    /// A client for these credentials; contacts nobody. Needs the process-wide TLS provider.
    ///
    /// # Errors
    /// No client can be built.
    pub fn new(base: &BaseUrl, credentials: Credentials, options: &TransportOptions) -> Result<Self, Unusable> {
        let api = Arc::new(Api::new(base, credentials, options)?);
        Ok(Self { endpoints: Endpoints(api.clone()), trunk_groups: TrunkGroups(api.clone()), api })
    }
}

impl Provider for CarrierX {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn identify(&self) -> BoxFuture<'_, Outcome<String>> {
        Box::pin(self.api.identify())
    }

    fn endpoints(&self) -> &dyn Remotes {
        &self.endpoints
    }

    fn trunk_groups(&self) -> Option<&dyn Remotes> {
        Some(&self.trunk_groups)
    }

    fn get_number<'a>(&'a self, number: &'a str, id: Option<&'a str>) -> BoxFuture<'a, Outcome<Number>> {
        Box::pin(self.api.number(number, id))
    }

    fn list_numbers(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Number>>> {
        Box::pin(self.api.numbers(offset, limit))
    }

    fn update_number<'a>(&'a self, number: &'a str, id: Option<&'a str>, change: &'a Fields) -> BoxFuture<'a, Outcome<()>> {
        Box::pin(self.api.change_number(number, id, change))
    }

    /// There are none at CarrierX: nothing is asked.
    fn list_applications(&self, _offset: u64, _limit: u64) -> BoxFuture<'_, Outcome<Page<Application>>> {
        Box::pin(async { Outcome::Done(Page { items: Vec::new(), total: Some(0), more: Some(false) }) })
    }

    fn password_matches(&self, remote: &Remote, password: &Secret) -> Option<bool> {
        logins::matches(remote.password_digest.as_ref()?, password)
    }
}
