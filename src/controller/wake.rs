//! Wakes: an object that is to be looked at although nothing of itself has changed.

use std::collections::HashMap;
use std::sync::Arc;

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use kube::Resource;
use kube_runtime::reflector::ObjectRef;

use crate::api::cluster_provider_account::ClusterProviderAccount;
use crate::api::phone_number_binding::PhoneNumberBinding;
use crate::api::provider_account::ProviderAccount;
use crate::api::sip_endpoint::SipEndpoint;
use crate::core::key::{Kind, ObjectKey};

/// What one controller is woken by: one stream for each watched namespace, or one for all (`None`).
pub type Woken<K> = Vec<(Option<String>, UnboundedReceiver<ObjectRef<K>>)>;

type Senders<K> = HashMap<Option<String>, UnboundedSender<ObjectRef<K>>>;

/// Wakes objects of every kind, wherever they are watched. Cheap to clone.
#[derive(Clone)]
pub struct Wakers {
    endpoints: Arc<Senders<SipEndpoint>>,
    trunk_groups: Arc<Senders<SipEndpoint>>,
    bindings: Arc<Senders<PhoneNumberBinding>>,
    accounts: Arc<Senders<ProviderAccount>>,
    cluster_accounts: Arc<Senders<ClusterProviderAccount>>,
    everywhere: bool,
}

/// The other ends of [`Wakers`].
pub struct Receivers {
    /// For the SipEndpoint controllers.
    pub endpoints: Woken<SipEndpoint>,
    /// For the controllers of their trunk groups.
    pub trunk_groups: Woken<SipEndpoint>,
    /// For the PhoneNumberBinding controllers.
    pub bindings: Woken<PhoneNumberBinding>,
    /// For the ProviderAccount controllers.
    pub accounts: Woken<ProviderAccount>,
    /// For the ClusterProviderAccount controller; none where only some namespaces are watched.
    pub cluster_accounts: Woken<ClusterProviderAccount>,
}

impl Wakers {
    /// For these watched namespaces; `None` is all of them.
    pub fn new(scopes: &[Option<String>]) -> (Self, Receivers) {
        let everywhere = scopes.contains(&None);
        let (endpoints, woken_endpoints) = channels(scopes);
        let (trunk_groups, woken_trunk_groups) = channels(scopes);
        let (bindings, woken_bindings) = channels(scopes);
        let (accounts, woken_accounts) = channels(scopes);
        let (cluster_accounts, woken_cluster_accounts) = channels(if everywhere { scopes } else { &[] });
        let receivers = Receivers {
            endpoints: woken_endpoints,
            trunk_groups: woken_trunk_groups,
            bindings: woken_bindings,
            accounts: woken_accounts,
            cluster_accounts: woken_cluster_accounts,
        };
        (Self { endpoints, trunk_groups, bindings, accounts, cluster_accounts, everywhere }, receivers)
    }

    /// Whether all namespaces are watched.
    pub fn everywhere(&self) -> bool {
        self.everywhere
    }

    /// Whether objects of this namespace are watched.
    pub fn watches(&self, namespace: &str) -> bool {
        self.everywhere || self.accounts.contains_key(&Some(namespace.to_owned()))
    }

    /// Has the object looked at soon; a SipEndpoint with the trunk group that is a part of it.
    pub fn wake(&self, key: &ObjectKey) {
        match key.kind {
            Kind::SipEndpoint => {
                send(&self.endpoints, key);
                send(&self.trunk_groups, key);
            }
            Kind::TrunkGroup => send(&self.trunk_groups, key),
            Kind::PhoneNumberBinding => send(&self.bindings, key),
            Kind::ProviderAccount => send(&self.accounts, key),
            Kind::ClusterProviderAccount => send(&self.cluster_accounts, key),
        }
    }
}

fn channels<K: Resource<DynamicType = ()> + 'static>(scopes: &[Option<String>]) -> (Arc<Senders<K>>, Woken<K>) {
    let mut senders = HashMap::new();
    let mut receivers = Vec::new();
    for scope in scopes {
        let (sender, receiver) = unbounded();
        senders.insert(scope.clone(), sender);
        receivers.push((scope.clone(), receiver));
    }
    (Arc::new(senders), receivers)
}

fn send<K: Resource<DynamicType = ()> + 'static>(senders: &Senders<K>, key: &ObjectKey) {
    let sender = senders.get(&Some(key.namespace.clone())).or_else(|| senders.get(&None));
    if let Some(sender) = sender {
        let object = match key.namespace.as_str() {
            "" => ObjectRef::new(&key.name),
            namespace => ObjectRef::new(&key.name).within(namespace),
        };
        // A closed channel means that the controller has ended, and so does the process.
        let _ = sender.unbounded_send(object);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sip_endpoint_is_woken_with_its_trunk_group_and_a_trunk_group_by_itself() {
        let (wakers, mut woken) = Wakers::new(&[Some("voice".into()), Some("sales".into())]);
        let at = |all: &mut Woken<SipEndpoint>| {
            let all = all.iter_mut().map(|(_, stream)| std::iter::from_fn(|| stream.try_recv().ok()).map(|object| object.name).collect());
            all.collect::<Vec<Vec<String>>>()
        };
        wakers.wake(&ObjectKey::endpoint("voice", "alice"));
        wakers.wake(&ObjectKey::trunk_group("sales", "bob"));
        wakers.wake(&ObjectKey::binding("voice", "main"));
        assert_eq!(at(&mut woken.endpoints), [vec!["alice".to_owned()], vec![]]);
        assert_eq!(at(&mut woken.trunk_groups), [vec!["alice".to_owned()], vec!["bob".to_owned()]]);
    }
}
