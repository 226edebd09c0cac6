//! The contract with users: the kinds that they write, the status that they read, and the schemas that the API server enforces.
//!
//! Nothing in here decides anything. Two rules hold everywhere and are tested over the generated schemas: a field whose value
//! *is* the provider's carries the provider's name letter for letter (`sip_uri`, `app_id`) while everything else is camelCase, and
//! every string, list and map is bounded.

pub mod carrierx_endpoint;
pub mod cluster_provider_account;
pub mod condition;
pub mod crd;
pub mod ledger;
pub mod phone_number_binding;
pub mod policy;
pub mod provider_account;
pub mod refs;
mod schema;
pub mod sip_endpoint;

#[cfg(test)]
mod conventions;
#[cfg(test)]
mod json;

pub use carrierx_endpoint::{Address, CallbackMethod, CarrierxEndpoint, EndpointType, Transport, VoicemailProperties};
pub use cluster_provider_account::{AllowedNamespace, ClusterProviderAccount, ClusterProviderAccountSpec};
pub use condition::{Condition, ConditionStatus, ConditionType, Reason, Verdict};
pub use ledger::{Intent, Ledger, MAX_TOMBSTONES, SecretVersion};
pub use phone_number_binding::{PhoneNumberBinding, PhoneNumberBindingSpec, PhoneNumberBindingStatus, Placed, Previous, Target};
pub use policy::{BindingDeletionPolicy, DeletionPolicy, DriftPolicy, ExternalDeletionPolicy, ManagementPolicy};
pub use provider_account::{
    Brake, BrakeRecord, BrakeStatus, Budget, CarrierxAccount, Defaults, EndpointCounts, Gateway, NumberCounts, PlivoAccount,
    ProviderAccount, ProviderAccountSpec, ProviderAccountStatus,
};
pub use refs::{AccountIdentity, AccountKind, AccountRef, EndpointRef, ProviderKind, SecretKeyRef, SecretRef};
pub use sip_endpoint::{Adopt, PlivoEndpoint, SipEndpoint, SipEndpointSpec, SipEndpointStatus, TrunkGroupStatus};

/// API group of every kind.
pub const GROUP: &str = "switchboard.dev";
/// The only served and stored version.
pub const VERSION: &str = "v1alpha1";

/// Keeps a SipEndpoint until its endpoint at the provider is gone, given up or retained.
pub const FINALIZER_ENDPOINT: &str = "switchboard.dev/endpoint";

/// Keeps a PhoneNumberBinding until its number is given back, handed over or retained.
pub const FINALIZER_BINDING: &str = "switchboard.dev/binding";

/// Keeps a ProviderAccount or ClusterProviderAccount while objects use it.
pub const FINALIZER_ACCOUNT: &str = "switchboard.dev/account";

/// Field manager of every write that Switchboard makes to the API server.
pub const FIELD_MANAGER: &str = "switchboard";

/// `"true"`: no new provider write for this object. What was already sent is still recorded, and a deletion with Retain still goes through.
pub const ANNOTATION_PAUSED: &str = "switchboard.dev/paused";
/// Any text: reconcile now. Echoed in `status.lastHandledReconcileAt`, cut at [`MAX_TEXT`] characters.
pub const ANNOTATION_RECONCILE: &str = "switchboard.dev/reconcile-requested-at";

/// On an object that is being deleted, what it has at the provider is given up and the object let go. The value is on a SipEndpoint the
/// id of its endpoint (or `unresolved`, while none is recorded), on a PhoneNumberBinding its `spec.number` with the plus (or
/// `unresolved`), on an account `unresolved`.
pub const ANNOTATION_FORCE_ORPHAN: &str = "switchboard.dev/force-orphan";
/// On a Secret: the SipEndpoint whose connection Secret it is. Who puts it on a Secret that has no owner (one that was restored, say)
/// gives the Secret to that object.
pub const ANNOTATION_CONNECTION: &str = "switchboard.dev/connection-of";
/// On an account, the token that its condition `Braked` shows: what the brake has stopped so far may go on.
pub const ANNOTATION_ACKNOWLEDGE_BRAKE: &str = "switchboard.dev/acknowledge-brake";

/// Why a number of Plivo cannot lead to an endpoint.
pub const ENDPOINT_REF_ON_PLIVO: &str = "in Plivo a number is answered by an application, never by an endpoint: pointing a number at the application of an endpoint does not by itself ring that phone; use applicationOf to follow the endpoint's application";

/// Most characters of any text in a status that has no narrower bound of its own. Longer provider values must be cut before they
/// are written, or the API server refuses the whole status.
pub const MAX_TEXT: usize = 256;
/// Most characters of a condition's message; the bound that Kubernetes itself uses.
pub const MAX_MESSAGE: usize = 32_768;
