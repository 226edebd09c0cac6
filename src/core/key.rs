//! The name of an object in the cluster.

use std::fmt;

use crate::api::refs::{AccountKind, AccountRef};

/// The kinds of what is reconciled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An endpoint.
    SipEndpoint,
    /// What leads phone numbers to an endpoint, where they cannot point to it themselves: a part of the SipEndpoint of the same name.
    TrunkGroup,
    /// What answers a phone number.
    PhoneNumberBinding,
    /// An account of one namespace.
    ProviderAccount,
    /// An account of several.
    ClusterProviderAccount,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 5] =
        [Kind::SipEndpoint, Kind::TrunkGroup, Kind::PhoneNumberBinding, Kind::ProviderAccount, Kind::ClusterProviderAccount];

    /// As it stands in a manifest, or, of what is no object of its own, in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::SipEndpoint => "SipEndpoint",
            Kind::TrunkGroup => "TrunkGroup",
            Kind::PhoneNumberBinding => "PhoneNumberBinding",
            Kind::ProviderAccount => "ProviderAccount",
            Kind::ClusterProviderAccount => "ClusterProviderAccount",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Kind, namespace and name: which object of the cluster. Prints without its kind, as `namespace/name`, or as `name` where the kind
/// has no namespaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Kind.
    pub kind: Kind,
    /// Namespace; empty for a kind without.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectKey {
    /// A SipEndpoint.
    pub fn endpoint(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: Kind::SipEndpoint, namespace: namespace.into(), name: name.into() }
    }

    /// The trunk group of the SipEndpoint of this name.
    pub fn trunk_group(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: Kind::TrunkGroup, namespace: namespace.into(), name: name.into() }
    }

    /// A PhoneNumberBinding.
    pub fn binding(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: Kind::PhoneNumberBinding, namespace: namespace.into(), name: name.into() }
    }

    /// A ProviderAccount.
    pub fn account(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: Kind::ProviderAccount, namespace: namespace.into(), name: name.into() }
    }

    /// A ClusterProviderAccount.
    pub fn cluster_account(name: impl Into<String>) -> Self {
        Self { kind: Kind::ClusterProviderAccount, namespace: String::new(), name: name.into() }
    }

    /// The account that an object of this namespace refers to.
    pub fn referred(namespace: &str, account: &AccountRef) -> Self {
        match account.kind {
            AccountKind::ProviderAccount => Self::account(namespace, &account.name),
            AccountKind::ClusterProviderAccount => Self::cluster_account(&account.name),
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.as_str() {
            "" => f.write_str(&self.name),
            namespace => write!(f, "{namespace}/{}", self.name),
        }
    }
}
