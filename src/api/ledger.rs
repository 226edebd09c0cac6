//! What the create protocol must remember between two lives of the operator. It is kept in `status`, written with version checks.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// Most ids that [`Ledger::tombstones`] holds; a ninth duplicate waits until one of the eight is gone.
pub const MAX_TOMBSTONES: usize = 8;

/// ledger is the operator's own memory of what it asked the provider for. Do not edit it. A ledger with the uid of another object
/// (a restored status) is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// uid is the uid of the object that this ledger was written for.
    #[schemars(length(max = 128))]
    pub uid: String,
    /// installation is the installation part of the ownership mark at the time of writing.
    #[schemars(length(max = 16))]
    pub installation: String,
    /// epoch counts the creates whose outcome is known.
    #[schemars(range(min = 0))]
    pub epoch: i64,
    /// intent is the create announced last. It is open while its epoch is above the ledger's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// tombstones are the ids of duplicates that are to be deleted at the provider.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub tombstones: Vec<String>,
    /// passwordSecret is the version of the Secret whose password was sent last. The password itself is nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_secret: Option<SecretVersion>,
}

impl Ledger {
    /// The announced create whose outcome is not known yet.
    #[must_use]
    pub fn open_intent(&self) -> Option<&Intent> {
        self.intent.as_ref().filter(|intent| intent.epoch > self.epoch)
    }
}

/// intent announces a create before the provider is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// epoch is one above the ledger's while the create is open.
    #[schemars(range(min = 0))]
    pub epoch: i64,
    /// nonce tells this announcement from every other one.
    #[schemars(length(max = 64))]
    pub nonce: String,
    /// issuedTime is when the create was announced.
    #[schemars(schema_with = "schema::time")]
    pub issued_time: Time,
    /// writer names the process that announced it.
    #[schemars(length(max = 253))]
    pub writer: String,
}

/// passwordSecret is one version of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretVersion {
    /// uid is the uid of the Secret.
    #[schemars(length(max = 128))]
    pub uid: String,
    /// resourceVersion is the resourceVersion of the Secret.
    #[schemars(length(max = 128))]
    pub resource_version: String,
}
