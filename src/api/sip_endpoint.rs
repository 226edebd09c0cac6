//! SipEndpoint: a SIP user that a phone registers with, or a static peer.

#![allow(clippy::duplicated_attributes, reason = "each printcolumn is a column of its own, however alike they look")]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::carrierx_endpoint::CarrierxEndpoint;
use super::ledger::Ledger;
use super::policy::{DeletionPolicy, DriftPolicy, ExternalDeletionPolicy, ManagementPolicy};
use super::refs::{AccountIdentity, AccountRef, SecretKeyRef, SecretRef};
use super::schema;

/// spec is the endpoint as you want it. A field that you leave out is left as the provider has it.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "switchboard.dev",
    version = "v1alpha1",
    kind = "SipEndpoint",
    plural = "sipendpoints",
    shortname = "sipep",
    category = "switchboard",
    namespaced,
    status = "SipEndpointStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "SipEndpoint is an endpoint at a telephony provider: a SIP user with which phones register (Plivo), or a static peer or hosted application (CarrierX).",
    selectable = ".spec.accountRef.name",
    validation = schema::derivable_username(),
    printcolumn(name = "SIP URI", type_ = "string", json_path = ".status.sip_uri"),
    printcolumn(name = "Registered", type_ = "boolean", json_path = ".status.sip_registered"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Username", type_ = "string", json_path = ".status.username", priority = "1"),
    printcolumn(name = "Endpoint ID", type_ = "string", json_path = ".status.endpoint_id", priority = "1"),
    printcolumn(name = "Account", type_ = "string", json_path = ".spec.accountRef.name", priority = "1"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = "1"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = schema::exactly_one_provider(&["plivo", "carrierx"]),
    validation = schema::fixed_presence("plivo", schema::PROVIDER_IS_FIXED),
    validation = schema::fixed_presence("carrierx", schema::PROVIDER_IS_FIXED),
    validation = schema::fixed_presence("adopt", schema::ADOPTION_IS_FIXED),
    validation = schema::password_unless_adopted(),
    validation = schema::generated_password_is_shown(),
    validation = schema::no_generated_password_if_adopted(),
    validation = schema::connection_secret_is_another(),
    validation = schema::carrierx::no_connection_secret_of_a_peer(),
    validation = schema::carrierx::out_sip_password_needs_username(),
    validation = schema::no_username_if_adopted(),
    validation = schema::observe_needs_adopt()
)]
pub struct SipEndpointSpec {
    /// accountRef names the account in which the endpoint lives. It cannot change.
    #[x_kube(validation = schema::immutable(schema::ACCOUNT_IS_FIXED))]
    pub account_ref: AccountRef,
    /// plivo makes this an endpoint at Plivo. Exactly one provider is given, and the choice cannot change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plivo: Option<PlivoEndpoint>,
    /// carrierx makes this an endpoint at CarrierX. Exactly one provider is given, and the choice cannot change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrierx: Option<CarrierxEndpoint>,
    /// adopt takes over an endpoint that exists already, instead of creating one. It can be neither added, changed nor removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = schema::immutable(schema::ADOPTION_IS_FIXED))]
    pub adopt: Option<Adopt>,
    /// connectionSecret names a Secret that the operator writes for whoever provisions the phone: username, password, domain and sip_uri.
    /// It belongs to this object and goes with it; not for carrierx, where nothing logs in. The namespace must have bound the ClusterRole switchboard-secret-writer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_secret: Option<SecretRef>,
    /// managementPolicy says whether the operator may write to the endpoint: Manage, or Observe (never; needs adopt).
    #[serde(default)]
    pub management_policy: ManagementPolicy,
    /// deletionPolicy says what becomes of the endpoint at the provider when this object is deleted: Delete or Retain. Absent: Retain
    /// for an adopted endpoint, else what the account's defaults say, else Delete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// driftPolicy says what happens when a managed field is changed at the provider: Correct puts it back, Report only lists it.
    #[serde(default)]
    pub drift_policy: DriftPolicy,
    /// externalDeletionPolicy says what happens when the endpoint is deleted at the provider: Recreate (where endpoints
    /// register it gets a new SIP URI) or Report.
    #[serde(default)]
    pub external_deletion_policy: ExternalDeletionPolicy,
}

/// adopt names an endpoint that exists already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Adopt {
    /// endpoint_id is the provider's id of the endpoint, for CarrierX its endpoint_sid. Quote it, ids may be all digits.
    #[serde(rename = "endpoint_id")]
    #[schemars(length(min = 1, max = 64), regex(pattern = schema::ID))]
    #[x_kube(validation = schema::endpoint_id())]
    pub endpoint_id: String,
    /// fromInstallation permits to take over an endpoint that another installation of Switchboard made: the three characters of its
    /// mark that the condition AlreadyOwned shows. Make sure that the other one has let it go (deletionPolicy: Retain).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 3), regex(pattern = schema::INSTALLATION))]
    #[x_kube(validation = schema::installation())]
    pub from_installation: Option<String>,
}

/// plivo is an endpoint at Plivo.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = schema::fixed_presence("username", schema::USERNAME_IS_FIXED),
    validation = schema::app_id_or_app_name(),
    validation = schema::one_password()
)]
pub struct PlivoEndpoint {
    /// username is what the login name begins with: 1 to 12 letters and digits, a letter first. The ownership mark and Plivo's own
    /// digits follow it; the whole is in status.username. It cannot change. Absent: made from the name of this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 12), regex(pattern = schema::USERNAME))]
    #[x_kube(validation = schema::username(), validation = schema::immutable(schema::USERNAME_IS_FIXED))]
    pub username: Option<String>,
    /// alias is the name that Plivo's console shows: 1 to 50 letters, digits, dashes and underscores. Absent: the name of this
    /// object when the endpoint is created (dots become dashes), unmanaged afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50), regex(pattern = schema::ALIAS))]
    #[x_kube(validation = schema::alias())]
    pub alias: Option<String>,
    /// passwordSecretRef names the Secret that holds the SIP password: 5 to 32 printable ASCII characters. Required unless the
    /// endpoint is adopted or generatePassword is set; absent, the password is left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_secret_ref: Option<SecretKeyRef>,
    /// generatePassword has the operator make a password of 24 letters and digits and keep it in the connectionSecret. It is made once,
    /// for a new endpoint, and never for one that exists.
    #[serde(default)]
    pub generate_password: bool,
    /// app_id is the id of the Plivo application that answers calls made by this endpoint. Quote it, ids are digits. Absent: left as
    /// it is; "": explicitly no application.
    #[serde(rename = "app_id", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = schema::OPTIONAL_ID))]
    #[x_kube(validation = schema::app_id())]
    pub app_id: Option<String>,
    /// app_name is the name of that application instead of its id. It must be the only one of that name in the account.
    #[serde(rename = "app_name", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), regex(pattern = schema::APP_NAME))]
    #[x_kube(validation = schema::app_name())]
    pub app_name: Option<String>,
}

/// status is the endpoint as it is. `observedGeneration: -1` means that the operator has not seen the object yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SipEndpointStatus {
    /// observedGeneration is the metadata.generation that this status describes; -1: none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1))]
    pub observed_generation: Option<i64>,
    /// conditions say how the endpoint is: Ready, Synced, Registered, and Reconciling, Stalled, Drifted while they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// endpoint_id is the provider's id of the endpoint, for CarrierX its endpoint_sid.
    #[serde(rename = "endpoint_id", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub endpoint_id: Option<String>,
    /// name is the whole name of the endpoint as the provider shows it, where it is the name that carries the ownership mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub name: Option<String>,
    /// username is the whole name that a phone logs in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub username: Option<String>,
    /// sip_uri is the address of the endpoint.
    #[serde(rename = "sip_uri", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub sip_uri: Option<String>,
    /// sip_registered says whether a phone is registered. Absent: not known, or nothing registers (CarrierX).
    #[serde(rename = "sip_registered", default, skip_serializing_if = "Option::is_none")]
    pub sip_registered: Option<bool>,
    /// sip_contact is the address of the registered phone.
    #[serde(rename = "sip_contact", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub sip_contact: Option<String>,
    /// sip_expires is when the registration ends, in UTC, as the provider writes it.
    #[serde(rename = "sip_expires", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub sip_expires: Option<String>,
    /// sip_user_agent is what the registered phone calls itself.
    #[serde(rename = "sip_user_agent", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub sip_user_agent: Option<String>,
    /// alias is the alias as the provider shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub alias: Option<String>,
    /// app_id is the id of the attached application as the provider shows it.
    #[serde(rename = "app_id", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub app_id: Option<String>,
    /// account is the provider's account in which the endpoint lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountIdentity>,
    /// ledger is the operator's own memory of what it asked the provider for. Do not edit it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Ledger>,
    /// trunkGroup is the trunk group that the operator made at CarrierX so that phone numbers reach this endpoint. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk_group: Option<TrunkGroupStatus>,
    /// lastHandledReconcileAt echoes the annotation switchboard.dev/reconcile-requested-at once the request was served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,
}

/// trunkGroup is a trunk group of the operator's own, with the one trunk that leads to the endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrunkGroupStatus {
    /// observedGeneration is the metadata.generation of the endpoint that this describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1))]
    pub observed_generation: Option<i64>,
    /// trunk_group_sid is the provider's id of the trunk group. Absent: not made yet, or not known yet.
    #[serde(rename = "trunk_group_sid", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub trunk_group_sid: Option<String>,
    /// name is the name of the trunk group as the provider shows it. It ends in the ownership mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub name: Option<String>,
    /// ledger is the operator's own memory of what it asked the provider for to make the trunk group. Do not edit it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Ledger>,
    /// reason is one word for programs: how it is with the trunk group, from the reasons of the conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub reason: Option<String>,
    /// message says what is wrong with the trunk group, what to do, and what the operator does meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = super::MAX_MESSAGE))]
    pub message: Option<String>,
}
