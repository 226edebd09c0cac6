//! ClusterProviderAccount: credentials that the namespaces it lists may use.

#![allow(clippy::duplicated_attributes, reason = "each printcolumn is a column of its own, however alike they look")]

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::provider_account::{Brake, Budget, CarrierxAccount, Defaults, PlivoAccount, ProviderAccountSpec, ProviderAccountStatus};
use super::schema;

/// spec says whose account this is, how much of its call rate may be used, and who may use it.
// All but the last field is ProviderAccountSpec, field by field (a test compares the schemas). Not `flatten`: the rules would come
// along, and what they say names the kind; and serde reads a flattened struct from a copy, with errors that name no place.
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
    validation = schema::exactly_one_provider(&["plivo", "carrierx"]),
    validation = schema::fixed_presence("plivo", schema::CLUSTER_ACCOUNT_PROVIDER_IS_FIXED),
    validation = schema::fixed_presence("carrierx", schema::CLUSTER_ACCOUNT_PROVIDER_IS_FIXED)
)]
pub struct ClusterProviderAccountSpec {
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
    /// allowedNamespaces lists who may use this account, at most 256 namespaces; absent or empty: nobody. A namespace that is not in
    /// it is told what it would be told of an account that does not exist; one that is taken off can still delete what it has.
    #[serde(default)]
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
    #[schemars(schema_with = "schema::number_prefixes")]
    pub numbers: Vec<String>,
    /// adopt lists the ids of the endpoints that the namespace may adopt; "*" is any that carries no mark. Absent: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::ids_or_any")]
    pub adopt: Vec<String>,
}

impl ClusterProviderAccountSpec {
    /// What it has in common with an account of one namespace.
    #[must_use]
    pub fn common(&self) -> ProviderAccountSpec {
        // Both written out: a field that is added to one of them does not compile until it is here.
        let Self { plivo, carrierx, suspend, defaults, brake, budget, sweep_period_seconds, allowed_namespaces: _ } = self.clone();
        ProviderAccountSpec { plivo, carrierx, suspend, defaults, brake, budget, sweep_period_seconds }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::api::crd;

    /// A part of the definition of an account, worded as for a ProviderAccount.
    fn part(definition: &impl Serialize, name: &str) -> Value {
        let definition = serde_json::to_value(definition).unwrap();
        let part = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][name];
        let text = part.to_string().replace(schema::BY_THE_OPERATOR, schema::BESIDE).replace("ClusterProviderAccount", "ProviderAccount");
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn both_kinds_of_account_have_the_same_fields_with_the_same_bounds_and_the_same_status() {
        let (namespaced, cluster) = (crd::provider_account(), crd::cluster_provider_account());
        assert_eq!(part(&namespaced, "status"), part(&cluster, "status"));
        let (namespaced, mut cluster) = (part(&namespaced, "spec"), part(&cluster, "spec"));
        let added = cluster["properties"].as_object_mut().unwrap().remove("allowedNamespaces");
        assert!(added.is_some());
        for same in ["properties", "x-kubernetes-validations"] {
            assert_eq!(namespaced[same], cluster[same], "{same}");
        }
        let keys = |schema: &Value| schema.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(&cluster), keys(&namespaced));
    }

    #[test]
    fn each_kind_of_account_is_named_as_itself_and_the_place_of_its_secret_is_right() {
        let cluster = serde_json::to_string(&crd::cluster_provider_account()).unwrap();
        assert!(!cluster.contains(schema::BESIDE) && cluster.contains(schema::BY_THE_OPERATOR));
        assert!(!cluster.contains("new ProviderAccount") && cluster.contains("create a new ClusterProviderAccount"));
        for other in [crd::provider_account(), crd::sip_endpoint(), crd::phone_number_binding()] {
            let other = serde_json::to_string(&other).unwrap();
            assert!(!other.contains(schema::BY_THE_OPERATOR) && !other.contains("create a new ClusterProviderAccount"));
        }
    }

    #[test]
    fn what_is_common_is_read_alike_from_both_kinds() {
        let common = json!({
            "plivo": {"credentialsSecretRef": {"name": "plivo-credentials"}},
            "carrierx": {"credentialsSecretRef": {"name": "carrierx-credentials"}},
            "suspend": true,
            "defaults": {"deletionPolicy": "Retain"},
            "brake": {"count": 10, "percent": 50},
            "budget": {"requestsPer5Seconds": 60},
            "sweepPeriodSeconds": 300,
        });
        let mut whole = common.clone();
        whole["allowedNamespaces"] = json!([{"name": "voice", "numbers": ["+1415"], "adopt": ["*"]}, {"name": "desk"}]);
        let read: ClusterProviderAccountSpec = serde_json::from_value(whole.clone()).unwrap();
        assert_eq!(serde_json::to_value(read.common()).unwrap(), common);
        assert_eq!(serde_json::to_value(&read).unwrap(), whole);
    }
}
