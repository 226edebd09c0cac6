//! ClusterProviderAccount: credentials that the namespaces it lists may use.

#![allow(clippy::duplicated_attributes, reason = "each printcolumn is a column of its own, however alike they look")]

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::provider_account::{Brake, Budget, Defaults, PlivoAccount, ProviderAccountSpec, ProviderAccountStatus};
use super::schema;

/// spec says whose account this is, how much of its call rate may be used, and who may use it.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "switchboard.dev",
    version = "v1alpha1",
    kind = "ClusterProviderAccount",
    plural = "clusterprovideraccounts",
    shortname = "cpacct",
    category = "switchboard",
    status = "ProviderAccountStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "ClusterProviderAccount holds the way into an account at a telephony provider, for the objects of the namespaces that it lists. Its Secret lives in the operator's namespace.",
    printcolumn(name = "Provider", type_ = "string", json_path = ".status.account.provider"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Endpoints", type_ = "integer", json_path = ".status.endpoints.managed"),
    printcolumn(name = "Orphaned", type_ = "integer", json_path = ".status.endpoints.orphaned"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Account ID", type_ = "string", json_path = ".status.account.id", priority = "1"),
    printcolumn(name = "Message", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].message"#, priority = "1")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = schema::exactly_one_provider(&["plivo"]),
    validation = schema::fixed_presence("plivo", schema::ACCOUNT_PROVIDER_IS_FIXED)
)]
pub struct ClusterProviderAccountSpec {
    /// plivo makes this an account at Plivo. Exactly one provider is given, and the choice cannot change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plivo: Option<PlivoAccount>,
    /// suspend stops every write at the provider for the objects of this account (a standby cluster, an incident). Reads go on.
    #[serde(default)]
    pub suspend: bool,
    /// defaults hold for the objects of this account that do not say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<Defaults>,
    /// brake stops mass deletion and mass recreation until somebody acknowledges them. Absent: 25 objects or 20 percent in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake: Option<Brake>,
    /// budget limits the calls to the provider. Absent: by provider (Plivo 150 of the 300 that the whole account has in 5 seconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// sweepPeriodSeconds is how often everything in the account is listed, 10 to 86400 seconds. Absent: the operator's flag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 86_400))]
    pub sweep_period_seconds: Option<i32>,
    /// allowedNamespaces lists who may use this account. A namespace that is not in it is told what it would be told of an account that
    /// does not exist; one that is taken off can still delete what it has.
    #[schemars(length(max = 256))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_string()]))]
    pub allowed_namespaces: Vec<AllowedNamespace>,
}

/// One namespace that may use the account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllowedNamespace {
    /// name is the name of the namespace.
    #[schemars(length(max = 63), regex(pattern = schema::DNS_LABEL))]
    #[x_kube(validation = schema::namespace())]
    pub name: String,
    /// numbers lists the beginnings of the phone numbers that the namespace may bind, such as "+1415"; "*" is all. Absent: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 16), regex(pattern = schema::NUMBER_PREFIX)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub numbers: Vec<String>,
    /// adopt lists the ids of the endpoints that the namespace may adopt; "*" is any that carries no mark. Absent: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 64), regex(pattern = schema::ID_OR_ANY)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub adopt: Vec<String>,
}

impl ClusterProviderAccountSpec {
    /// What it has in common with an account of one namespace.
    pub fn common(&self) -> ProviderAccountSpec {
        ProviderAccountSpec {
            plivo: self.plivo.clone(),
            suspend: self.suspend,
            defaults: self.defaults.clone(),
            brake: self.brake,
            budget: self.budget.clone(),
            sweep_period_seconds: self.sweep_period_seconds,
        }
    }
}
