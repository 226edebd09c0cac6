//! References and identities. No reference has a namespace: an object reaches only what lives beside it.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::schema::{self, closed_enum};

closed_enum! {
    /// The kinds of account that an object may refer to.
    #[derive(Default)]
    pub enum AccountKind {
        /// A ProviderAccount of the object's own namespace.
        #[default]
        ProviderAccount,
        /// A ClusterProviderAccount, which serves the namespaces that it lists.
        ClusterProviderAccount,
    }
}

closed_enum! {
    /// The telephony providers.
    pub enum ProviderKind {
        /// Plivo, `https://api.plivo.com`.
        Plivo,
        /// CarrierX, `https://api.carrierx.com`.
        CarrierX,
    }
}

/// accountRef names the account in which an object lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
pub struct AccountRef {
    /// kind is the kind of the account: ProviderAccount (of this namespace) or ClusterProviderAccount (one that serves this namespace).
    #[serde(default)]
    pub kind: AccountKind,
    /// name is the name of the account.
    #[schemars(length(max = 253), regex(pattern = schema::DNS_SUBDOMAIN))]
    #[x_kube(validation = schema::account_name())]
    pub name: String,
}

/// credentialsSecretRef names a Secret in the namespace of the referring object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
pub struct SecretRef {
    /// name is the name of the Secret, in the namespace of this object.
    #[schemars(length(max = 253), regex(pattern = schema::DNS_SUBDOMAIN))]
    #[x_kube(validation = schema::object_name("a Secret"))]
    pub name: String,
}

/// The name of a SipEndpoint in the namespace of the referring object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
pub struct EndpointRef {
    /// name is the name of the SipEndpoint, in the namespace of this object.
    #[schemars(length(max = 253), regex(pattern = schema::DNS_SUBDOMAIN))]
    #[x_kube(validation = schema::object_name("a SipEndpoint"))]
    pub name: String,
}

/// passwordSecretRef names one key of a Secret in the namespace of the referring object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
pub struct SecretKeyRef {
    /// name is the name of the Secret, in the namespace of this object.
    #[schemars(length(max = 253), regex(pattern = schema::DNS_SUBDOMAIN))]
    #[x_kube(validation = schema::object_name("a Secret"))]
    pub name: String,
    /// key is the key in the Secret that holds the value.
    #[serde(default = "password_key")]
    #[schemars(length(max = 253), regex(pattern = schema::SECRET_KEY))]
    #[x_kube(validation = schema::secret_key())]
    pub key: String,
}

fn password_key() -> String {
    "password".to_owned()
}

impl Default for SecretKeyRef {
    fn default() -> Self {
        Self { name: String::new(), key: password_key() }
    }
}

/// account is the provider's account, pinned at first contact: an object never acts in another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
pub struct AccountIdentity {
    /// provider is the telephony provider.
    pub provider: ProviderKind,
    /// id is the provider's id of the account; for Plivo its Auth ID (`MA…` or `SA…`), for CarrierX its partner_sid.
    #[schemars(length(max = 64))]
    pub id: String,
}
