//! PhoneNumberBinding: what answers a phone number. It never rents and never releases one.

#![allow(clippy::duplicated_attributes, reason = "each printcolumn is a column of its own, however alike they look")]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::policy::{BindingDeletionPolicy, DriftPolicy};
use super::refs::{AccountIdentity, AccountRef, EndpointRef};
use super::schema;

/// spec is the number as you want it. A field that you leave out is left as the provider has it.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "switchboard.dev",
    version = "v1alpha1",
    kind = "PhoneNumberBinding",
    plural = "phonenumberbindings",
    shortname = "pnb",
    category = "switchboard",
    namespaced,
    status = "PhoneNumberBindingStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "PhoneNumberBinding says what answers a phone number that the account holds already.",
    selectable = ".spec.accountRef.name",
    selectable = ".spec.number",
    printcolumn(name = "Number", type_ = "string", json_path = ".spec.number"),
    printcolumn(name = "Target", type_ = "string", json_path = ".status['app_id','trunk_group_sid']"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Account", type_ = "string", json_path = ".spec.accountRef.name", priority = "1"),
    printcolumn(name = "Message", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].message"#, priority = "1")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = schema::carrierx::no_subaccount_on_carrierx(), validation = schema::carrierx::no_compliance_application_on_carrierx())]
pub struct PhoneNumberBindingSpec {
    /// accountRef names the account that holds the number. It cannot change.
    #[x_kube(validation = schema::immutable(schema::BINDING_ACCOUNT_IS_FIXED))]
    pub account_ref: AccountRef,
    /// number is the phone number in E.164, with its plus. Quote it. It cannot change.
    #[schemars(length(max = 16), regex(pattern = schema::NUMBER))]
    #[x_kube(validation = schema::number(), validation = schema::immutable(schema::NUMBER_IS_FIXED))]
    pub number: String,
    /// target is what answers the number: exactly one of its members.
    pub target: Target,
    /// alias is what the number is called in the console: 1 to 100 characters. Absent: left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), regex(pattern = schema::NUMBER_ALIAS))]
    #[x_kube(validation = schema::number_alias())]
    pub alias: Option<String>,
    /// subaccount is the Auth ID of the Plivo subaccount to which the number is moved. That is never undone. Absent: left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20), regex(pattern = schema::SUBACCOUNT))]
    #[x_kube(validation = schema::subaccount())]
    pub subaccount: Option<String>,
    /// compliance_application_id is the id of a Plivo compliance application. Plivo takes a change only while the number's compliance is
    /// pending or rejected. Absent: left as it is.
    #[serde(rename = "compliance_application_id", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = schema::ID))]
    #[x_kube(validation = schema::compliance_application_id())]
    pub compliance_application_id: Option<String>,
    /// deletionPolicy says what becomes of the number when this object is deleted: Restore (what was there before, if the number still is
    /// where this object put it), Unassign or Retain. Absent: Retain if the account's defaults say so, else Restore. It is never released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<BindingDeletionPolicy>,
    /// driftPolicy says what happens when a managed field is changed at the provider: Correct puts it back, Report only lists it.
    #[serde(default)]
    pub drift_policy: DriftPolicy,
}

/// target is what answers the number: exactly one of its members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = schema::exactly_one_target())]
pub struct Target {
    /// app_id is the id of a Plivo application (or of a trunk). Quote it, ids are digits. "": explicitly no application.
    #[serde(rename = "app_id", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = schema::OPTIONAL_ID))]
    #[x_kube(validation = schema::app_id())]
    pub app_id: Option<String>,
    /// app_name is the name of a Plivo application. It must be the only one of that name in the account.
    #[serde(rename = "app_name", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), regex(pattern = schema::APP_NAME))]
    #[x_kube(validation = schema::app_name())]
    pub app_name: Option<String>,
    /// applicationOf names a SipEndpoint of this namespace whose Plivo application answers the number, also after it has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_of: Option<EndpointRef>,
    /// endpointRef names a SipEndpoint of this namespace, at CarrierX, that answers the number itself, over a trunk group that the
    /// operator makes. Plivo cannot do that; see applicationOf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_ref: Option<EndpointRef>,
    /// trunk_group_sid is the id of a CarrierX trunk group. The operator never changes it.
    #[serde(rename = "trunk_group_sid", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = schema::ID))]
    #[x_kube(validation = schema::carrierx::trunk_group_sid())]
    pub trunk_group_sid: Option<String>,
}

/// status is the number as it is. `observedGeneration: -1` means that the operator has not seen the object yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhoneNumberBindingStatus {
    /// observedGeneration is the metadata.generation that this status describes; -1: none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1))]
    pub observed_generation: Option<i64>,
    /// conditions say how the binding is: Ready, Synced, and Reconciling, Stalled, Drifted while they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// number is the number as the provider writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub number: Option<String>,
    /// app_id is the id of the application that answers the number, as the provider shows it; "" is none.
    #[serde(rename = "app_id", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub app_id: Option<String>,
    /// trunk_group_sid is the id of the trunk group that the number leads to, as the provider shows it; "" is none.
    #[serde(rename = "trunk_group_sid", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub trunk_group_sid: Option<String>,
    /// alias is the alias as the provider shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub alias: Option<String>,
    /// subaccount is the subaccount that holds the number, as the provider shows it; "" is the account itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub subaccount: Option<String>,
    /// account is the provider's account that holds the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountIdentity>,
    /// previous is what was there before any binding of this cluster changed the number. It comes back when this object is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// placed is what this binding has written to the number, the newest last, or was about to write when it was last interrupted. The
    /// number is given back only while it shows one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub placed: Vec<Placed>,
    /// lastHandledReconcileAt echoes the annotation switchboard.dev/reconcile-requested-at once the request was served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,
}

/// previous is what a number showed before it was bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = schema::one_answerer())]
pub struct Previous {
    /// app_id is the id of the Plivo application that answered; "" is none.
    #[serde(rename = "app_id", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub app_id: Option<String>,
    /// trunk_group_sid is the id of the CarrierX trunk group that the number led to; "" is none.
    #[serde(rename = "trunk_group_sid", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub trunk_group_sid: Option<String>,
    /// alias is what the number was called.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub alias: String,
    /// subaccount is the subaccount that held the number; "" is the account itself. It is for people to see: a move is not undone.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub subaccount: String,
}

/// What a binding writes to its number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = schema::one_answerer())]
pub struct Placed {
    /// app_id is the id of the Plivo application; "" is none.
    #[serde(rename = "app_id", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub app_id: Option<String>,
    /// trunk_group_sid is the id of the CarrierX trunk group; "" is none.
    #[serde(rename = "trunk_group_sid", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub trunk_group_sid: Option<String>,
    /// alias is the alias, if it is managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub alias: Option<String>,
}

impl Previous {
    /// The id of what answered, whatever it is called at the provider; "" is none.
    #[must_use]
    pub fn target(&self) -> &str {
        self.app_id.as_deref().or(self.trunk_group_sid.as_deref()).unwrap_or_default()
    }
}

impl Placed {
    /// The id of what answers, whatever it is called at the provider; "" is none.
    #[must_use]
    pub fn target(&self) -> &str {
        self.app_id.as_deref().or(self.trunk_group_sid.as_deref()).unwrap_or_default()
    }
}
