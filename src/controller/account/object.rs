//! Account objects of both kinds as one: what differs between them is where they are stored, whose Secrets they use, and whom they serve.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::DynamicObject;
use kube::discovery::ApiResource;
use kube::{Api, Resource, ResourceExt};
use kube_runtime::reflector::{ObjectRef, Store};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::account::{AccountId, Owner};
use crate::api::FINALIZER_ACCOUNT;
use crate::api::cluster_provider_account::{AllowedNamespace, ClusterProviderAccount};
use crate::api::provider_account::{ProviderAccount, ProviderAccountSpec, ProviderAccountStatus};
use crate::controller::context::Context;
use crate::core::key::{Kind, ObjectKey};

/// A kind of account objects.
pub trait AccountKind: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its kind.
    const KIND: Kind;
    /// What both kinds have in common.
    fn common(&self) -> ProviderAccountSpec;
    /// Whom it serves, if it says so.
    fn allowed(&self) -> Option<&[AllowedNamespace]>;
    /// Its status.
    fn current(&self) -> Option<&ProviderAccountStatus>;
}

impl AccountKind for ProviderAccount {
    const KIND: Kind = Kind::ProviderAccount;

    fn common(&self) -> ProviderAccountSpec {
        self.spec.clone()
    }

    fn allowed(&self) -> Option<&[AllowedNamespace]> {
        None
    }

    fn current(&self) -> Option<&ProviderAccountStatus> {
        self.status.as_ref()
    }
}

impl AccountKind for ClusterProviderAccount {
    const KIND: Kind = Kind::ClusterProviderAccount;

    fn common(&self) -> ProviderAccountSpec {
        self.spec.common()
    }

    fn allowed(&self) -> Option<&[AllowedNamespace]> {
        Some(&self.spec.allowed_namespaces)
    }

    fn current(&self) -> Option<&ProviderAccountStatus> {
        self.status.as_ref()
    }
}

/// The object's name in the cluster.
pub fn key_of<K: AccountKind>(object: &K) -> ObjectKey {
    ObjectKey { kind: K::KIND, namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
}

/// An account object of either kind, as last seen.
#[derive(Clone, Debug)]
pub struct AccountObject {
    /// Its name in the cluster.
    pub key: ObjectKey,
    /// Its metadata.
    pub meta: ObjectMeta,
    /// What it says of the account.
    pub spec: ProviderAccountSpec,
    /// Its status.
    pub status: Option<ProviderAccountStatus>,
    /// What events about it refer to.
    pub reference: ObjectReference,
}

impl AccountObject {
    /// The object, of whichever kind.
    pub fn of<K: AccountKind>(object: &K) -> Self {
        Self {
            key: key_of(object),
            meta: object.meta().clone(),
            spec: object.common(),
            status: object.current().cloned(),
            reference: object.object_ref(&()),
        }
    }

    /// Its uid.
    pub fn uid(&self) -> &str {
        self.meta.uid.as_deref().unwrap_or_default()
    }

    /// It is being deleted.
    pub fn deleting(&self) -> bool {
        self.meta.deletion_timestamp.is_some()
    }

    /// Our finalizer is on it.
    pub fn has_finalizer(&self) -> bool {
        self.meta.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER_ACCOUNT)
    }

    /// An annotation.
    pub fn annotation(&self, name: &str) -> Option<&String> {
        self.meta.annotations.as_ref()?.get(name)
    }

    /// The provider's account that it is pinned to.
    pub fn pinned(&self) -> Option<AccountId> {
        let account = self.status.as_ref()?.account.as_ref()?;
        Some(AccountId { provider: account.provider, id: account.id.clone() })
    }

    /// How it is known to the accounts.
    pub fn owner(&self) -> Owner {
        Owner { uid: self.uid().to_owned(), key: self.key.clone() }
    }

    /// The namespace of the Secret with its credentials: its own, or the operator's.
    pub fn home<'a>(&'a self, ctx: &'a Context) -> &'a str {
        home(ctx, &self.key)
    }

    /// Where it is written.
    pub fn api(&self, ctx: &Context) -> Api<DynamicObject> {
        match self.key.kind {
            Kind::ClusterProviderAccount => Api::all_with(ctx.client.clone(), &ApiResource::erase::<ClusterProviderAccount>(&())),
            _ => Api::namespaced_with(ctx.client.clone(), &self.key.namespace, &ApiResource::erase::<ProviderAccount>(&())),
        }
    }
}

/// The namespace of the Secret of an account object.
pub fn home<'a>(ctx: &'a Context, key: &'a ObjectKey) -> &'a str {
    match key.kind {
        Kind::ClusterProviderAccount => &ctx.settings.operator_namespace,
        _ => &key.namespace,
    }
}

/// The caches of account objects of both kinds.
#[derive(Clone, Default)]
pub struct AccountStores {
    /// Of single namespaces.
    pub own: Vec<Store<ProviderAccount>>,
    /// Of several; none where not all namespaces are watched.
    pub shared: Vec<Store<ClusterProviderAccount>>,
}

impl AccountStores {
    /// The object of this name.
    pub fn get(&self, key: &ObjectKey) -> Option<AccountObject> {
        match key.kind {
            Kind::ClusterProviderAccount => find(&self.shared, &ObjectRef::new(&key.name)),
            _ => find(&self.own, &ObjectRef::new(&key.name).within(&key.namespace)),
        }
    }

    /// All of them.
    pub fn all(&self) -> Vec<AccountObject> {
        let own = self.own.iter().flat_map(Store::state).map(|object| AccountObject::of(&*object));
        own.chain(self.shared.iter().flat_map(Store::state).map(|object| AccountObject::of(&*object))).collect()
    }
}

fn find<K: AccountKind>(stores: &[Store<K>], place: &ObjectRef<K>) -> Option<AccountObject> {
    let found: Option<Arc<K>> = stores.iter().find_map(|store| store.get(place));
    found.map(|object| AccountObject::of(&*object))
}
