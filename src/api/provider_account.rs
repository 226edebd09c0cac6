//! ProviderAccount: credentials for a telephony provider, used by the objects of its namespace.

#![allow(clippy::duplicated_attributes, reason = "each printcolumn is a column of its own, however alike they look")]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::policy::DeletionPolicy;
use super::refs::{AccountIdentity, SecretRef};
use super::schema;

/// spec says whose account this is and how much of its call rate may be used.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "switchboard.dev",
    version = "v1alpha1",
    kind = "ProviderAccount",
    plural = "provideraccounts",
    shortname = "pacct",
    category = "switchboard",
    namespaced,
    status = "ProviderAccountStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "ProviderAccount holds the way into an account at a telephony provider, for the objects of its namespace.",
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
    validation = schema::exactly_one_provider(&["plivo", "carrierx"]),
    validation = schema::fixed_presence("plivo", schema::ACCOUNT_PROVIDER_IS_FIXED),
    validation = schema::fixed_presence("carrierx", schema::ACCOUNT_PROVIDER_IS_FIXED)
)]
pub struct ProviderAccountSpec {
    /// plivo makes this an account at Plivo. Exactly one provider is given, and the choice cannot change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plivo: Option<PlivoAccount>,
    /// carrierx makes this an account at CarrierX. Exactly one provider is given, and the choice cannot change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrierx: Option<CarrierxAccount>,
    /// suspend stops every write at the provider for the objects of this account (a standby cluster, an incident). Reads go on.
    #[serde(default)]
    pub suspend: bool,
    /// defaults hold for the objects of this account that do not say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<Defaults>,
    /// brake stops mass deletion and mass recreation until somebody acknowledges them. Absent: 25 objects or 20 percent in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake: Option<Brake>,
    /// budget limits the calls to the provider. Absent: by provider (Plivo 150 of the 300 that the whole account has in 5 seconds, CarrierX 25).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// sweepPeriodSeconds is how often everything in the account is listed, 10 to 86400 seconds. Absent: the operator's flag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 86_400))]
    pub sweep_period_seconds: Option<i32>,
}

/// plivo is an account at Plivo.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlivoAccount {
    /// credentialsSecretRef names the Secret with the keys auth_id and auth_token.
    pub credentials_secret_ref: SecretRef,
}

/// carrierx is an account at CarrierX.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CarrierxAccount {
    /// credentialsSecretRef names the Secret with the key token.
    pub credentials_secret_ref: SecretRef,
}

/// defaults hold for the objects of this account that do not say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Defaults {
    /// deletionPolicy of objects that have none: Delete or Retain. Adopted endpoints are retained whatever stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
}

/// brake stops when more than the larger of `count` and `percent` of the account's endpoints go within a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Brake {
    /// count is a number of endpoints, 1 to 10000.
    #[serde(default = "brake_count")]
    #[schemars(range(min = 1, max = 10_000))]
    pub count: i32,
    /// percent is a share of the account's endpoints, 0 to 100. 100 switches the brake off.
    #[serde(default = "brake_percent")]
    #[schemars(range(min = 0, max = 100))]
    pub percent: i32,
}

fn brake_count() -> i32 {
    25
}

fn brake_percent() -> i32 {
    20
}

impl Default for Brake {
    fn default() -> Self {
        Self { count: brake_count(), percent: brake_percent() }
    }
}

/// budget limits the calls to the provider, all objects of the account taken together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// requestsPer5Seconds is the number of calls in any 5 seconds, 1 to 300. Of several objects for one account the lowest counts.
    #[schemars(range(min = 1, max = 300))]
    pub requests_per_5_seconds: i32,
}

/// status is the account as it is. `observedGeneration: -1` means that the operator has not seen the object yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderAccountStatus {
    /// observedGeneration is the metadata.generation that this status describes; -1: none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1))]
    pub observed_generation: Option<i64>,
    /// conditions say how the account is: Ready, and Reconciling, Stalled, Braked while they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// account is the provider's account that the credentials lead to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountIdentity>,
    /// installation is the id of this installation of Switchboard, part of every ownership mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub installation: Option<String>,
    /// endpoints counts the endpoints in the account, by what they are to this installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<EndpointCounts>,
    /// trunkGroups counts the trunk groups in the account in the same way. Absent for Plivo, and while nothing needs one: they are not
    /// listed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk_groups: Option<EndpointCounts>,
    /// numbers counts the phone numbers of the account. Absent while nothing binds one: they are not listed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<NumberCounts>,
    /// gateways are the addresses that calls from CarrierX come from, at most 64: let them through your firewalls. Absent for Plivo.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub gateways: Vec<Gateway>,
    /// lastSweepTime is when everything was last listed, written at most every 5 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub last_sweep_time: Option<Time>,
    /// brake is what the account's brakes have stopped, and what was acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake: Option<BrakeStatus>,
}

/// One address that calls from the provider come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gateway {
    /// ip is an IP address or a host name, as the provider shows it.
    #[schemars(length(max = 256))]
    pub ip: String,
    /// port is the port, where the provider shows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 65_535))]
    pub port: Option<i32>,
    /// transport is how SIP travels, where the provider shows it: udp, tcp or tls, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub transport: Option<String>,
}

/// brake is the account's brakes: each as it was last engaged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BrakeStatus {
    /// deletions is the brake on deletions of endpoints whose objects are being deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletions: Option<BrakeRecord>,
    /// absences is the brake on new endpoints in place of ones that vanished at the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absences: Option<BrakeRecord>,
}

/// A brake as it was last engaged. While it has no releasedTime it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BrakeRecord {
    /// token acknowledges it, once: as the annotation switchboard.dev/acknowledge-brake on an account object of this account.
    #[schemars(length(max = 64), regex(pattern = schema::TOKEN))]
    #[x_kube(validation = schema::token())]
    pub token: String,
    /// since is when it engaged; for deletions the oldest deletionTimestamp that it counts.
    #[schemars(schema_with = "schema::time")]
    pub since: Time,
    /// until is the end of what it counts: the newest deletionTimestamp, or when an absence was last noted.
    #[schemars(schema_with = "schema::time")]
    pub until: Time,
    /// count is how many endpoints it counts.
    #[schemars(range(min = 0))]
    pub count: i32,
    /// admitted is how many of them had gone through when it engaged.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub admitted: i32,
    /// releasedTime is when it was acknowledged, or nothing was left to hold. Absent: it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub released_time: Option<Time>,
    /// releasedUntil is up to which deletionTimestamp (or moment, for absences) an acknowledgement lets everything go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::time")]
    pub released_until: Option<Time>,
}

/// numbers counts the phone numbers of the account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NumberCounts {
    /// bound counts those that a PhoneNumberBinding of this cluster stands for.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub bound: i32,
    /// unbound counts the others.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub unbound: i32,
}

/// endpoints and trunkGroups count what is in the account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointCounts {
    /// managed counts those that an object of this cluster stands for.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub managed: i32,
    /// unmanaged counts those without any ownership mark.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub unmanaged: i32,
    /// orphaned counts those with the mark of this installation that no object stands for, in two listings. They are never deleted.
    /// Absent where the operator watches only some namespaces: the object may live in another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub orphaned: Option<i32>,
    /// foreign counts those with the mark of another installation.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub foreign: i32,
}
