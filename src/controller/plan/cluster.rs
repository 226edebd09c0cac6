//! The cluster of a plan: what was listed once, with manifests laid over it, in the very indexes and caches that a reconcile looks into.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube_runtime::events::{Recorder, Reporter};
use kube_runtime::reflector::store::Writer;
use kube_runtime::reflector::{Store, store};
use kube_runtime::watcher::Event;
use tokio::sync::watch;

use super::Begin;
use crate::account::{Accounts, Clock, Contacts, Longest, Mandate, Settings as AccountSettings, Waker};
use crate::api::cluster_provider_account::ClusterProviderAccount;
use crate::api::phone_number_binding::PhoneNumberBinding;
use crate::api::provider_account::ProviderAccount;
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::account::object::{AccountKind, AccountStores, key_of};
use crate::controller::binding::bindings::{Bindings, Entry as BindingEntry};
use crate::controller::brakes::Brakes;
use crate::controller::census::Censuses;
use crate::controller::claims::{Claims, Entry};
use crate::controller::context::Context;
use crate::controller::escrow::Escrows;
use crate::controller::managed::key;
use crate::controller::memories::Memories;
use crate::controller::secrets::Secrets;
use crate::controller::wake::Wakers;
use crate::core::key::ObjectKey;
use crate::core::mark::Installation;
use crate::metrics::Metrics;

/// Names a plan where a process names itself. Nothing that it is written into leaves the plan.
const WRITER: &str = "plan";

/// The objects of the cluster, as they are or will be.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// All SipEndpoints that may be seen: they may have a better right to what another one wants.
    pub endpoints: Vec<SipEndpoint>,
    /// All PhoneNumberBindings that may be seen.
    pub bindings: Vec<PhoneNumberBinding>,
    /// All ProviderAccounts that may be seen.
    pub accounts: Vec<ProviderAccount>,
    /// All ClusterProviderAccounts that may be seen.
    pub shared: Vec<ClusterProviderAccount>,
    /// Secrets that are not, or not yet, in the cluster like this. All others are read there when they are needed.
    pub secrets: Vec<Secret>,
    /// What was looked at: these namespaces, or all (`None`).
    pub scopes: Vec<Option<String>>,
}

/// Where the plan is played.
pub struct Stage {
    /// What gather looks into.
    pub ctx: Arc<Context>,
    /// As they are at this point of the plan.
    pub endpoints: BTreeMap<ObjectKey, SipEndpoint>,
    /// As they are at this point of the plan.
    pub bindings: BTreeMap<ObjectKey, PhoneNumberBinding>,
    cache: Writer<SipEndpoint>,
    installation: Installation,
}

impl Stage {
    /// Must be called inside a tokio runtime.
    pub fn new(begin: Begin, wake: Waker) -> Self {
        let Begin { client, clock, clocks, settings, installation, cluster, .. } = begin;
        let (endpoints, cache) = store();
        let accounts = AccountSettings {
            settle: settings.timing.settle,
            // Listed once.
            sweep_period: settings.sweep_period,
            retry_base: settings.timing.retry_base,
        };
        let ctx = Arc::new(Context {
            client: client.clone(),
            accounts: Arc::new(only_read(accounts, clock, wake)),
            states: Mutex::default(),
            terms: Mutex::default(),
            gone_accounts: Mutex::default(),
            brakes: Brakes::default(),
            censuses: Censuses::default(),
            account_objects: OnceLock::new(),
            escrows: Escrows::default(),
            credentials: Mutex::default(),
            contacts: Contacts::new(clock, Arc::new(())),
            proven: Mutex::default(),
            endpoints: vec![endpoints],
            claims: Arc::new(Claims::new(0)),
            bindings: Arc::new(Bindings::new(0)),
            referrers: Mutex::default(),
            secrets: Secrets::read_once(client.clone()),
            memories: Memories::default(),
            group_memories: Memories::default(),
            groups_let_go: Mutex::default(),
            binding_memories: Memories::default(),
            clock: clocks,
            settings,
            installation: installation.clone(),
            writer: WRITER.to_owned(),
            events: Recorder::new(client, Reporter { controller: WRITER.to_owned(), instance: None }),
            scopes: cluster.scopes,
            // Nobody is listening.
            wakers: Wakers::new(&[]).0,
            stopping: AtomicBool::new(false),
            passes: watch::Sender::new(0),
            metrics: Metrics::default(),
        });
        for account in &cluster.shared {
            if let Some(allowed) = account.allowed() {
                ctx.set_allowed(&key_of(account), allowed);
            }
        }
        ctx.accounts_listed(AccountStores { own: vec![filled(cluster.accounts)], shared: vec![filled(cluster.shared)] });
        for secret in cluster.secrets {
            let (namespace, name) = (secret.namespace().unwrap_or_default(), secret.name_any());
            ctx.secrets.suppose(&namespace, &name, secret);
        }
        let mut stage = Self { ctx, endpoints: BTreeMap::new(), bindings: BTreeMap::new(), cache, installation };
        cluster.endpoints.into_iter().for_each(|object| stage.put_endpoint(object));
        cluster.bindings.into_iter().for_each(|object| stage.put_binding(object));
        stage
    }

    /// The object is like this from now on.
    pub fn put_endpoint(&mut self, object: SipEndpoint) {
        self.ctx.claims.put(Entry::of(&object, &self.installation));
        self.cache.apply_watcher_event(&Event::Apply(object.clone()));
        self.endpoints.insert(key(&object), object);
    }

    /// The object is gone from now on.
    pub fn remove_endpoint(&mut self, key: &ObjectKey) {
        if let Some(object) = self.endpoints.remove(key) {
            self.ctx.claims.remove(key, &object.uid().unwrap_or_default());
            self.cache.apply_watcher_event(&Event::Delete(object));
        }
    }

    /// The object is like this from now on.
    pub fn put_binding(&mut self, object: PhoneNumberBinding) {
        self.ctx.bindings.put(BindingEntry::of(&object));
        self.bindings.insert(key(&object), object);
    }

    /// The object is gone from now on.
    pub fn remove_binding(&mut self, key: &ObjectKey) {
        if let Some(object) = self.bindings.remove(key) {
            self.ctx.bindings.remove(key, &object.uid().unwrap_or_default());
        }
    }
}

/// Accounts at which nothing can be changed, whatever is called: their process is one that never comes to lead.
fn only_read(settings: AccountSettings, clock: Clock, wake: Waker) -> Accounts {
    let longest = Longest { create: Duration::ZERO, write: Duration::ZERO, slack: Duration::ZERO };
    Accounts::new(settings, clock, wake).within(Mandate::elected(clock, longest))
}

/// A cache that holds these, and will not change.
fn filled<K: AccountKind>(objects: Vec<K>) -> Store<K> {
    let (reader, mut writer) = store();
    objects.into_iter().for_each(|object| writer.apply_watcher_event(&Event::Apply(object)));
    reader
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::account::{AccountId, AccountSettings as Each, Lane, NotStarted, Owner, Thing};
    use crate::api::refs::ProviderKind;
    use crate::core::fields::Fields;
    use crate::provider::transport::{BaseUrl, TransportOptions};
    use crate::provider::{Places, connect};

    #[tokio::test]
    async fn whatever_a_plan_calls_at_a_provider_nothing_that_changes_something_is_sent() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let spec = serde_json::from_value(json!({"plivo": {"credentialsSecretRef": {"name": "c"}}})).expect("a spec");
        // Nobody is there: what is sent is not answered.
        let plivo = BaseUrl::parse("http://127.0.0.1:9").expect("an address");
        let places = Places { urls: BTreeMap::from([(ProviderKind::Plivo, plivo)]), transport: TransportOptions::default() };
        let value = |key: &str| if key == "auth_id" { "MA000000000000000001" } else { "tokentokentokentokentokentokentokentoken" };
        let connection = connect(&spec, &places, &|key| Ok(value(key).as_bytes())).expect("a connection");
        let settings =
            AccountSettings { settle: Duration::ZERO, sweep_period: Duration::from_secs(60), retry_base: Duration::from_secs(60) };
        let accounts = only_read(settings, Clock::start(), Arc::new(|_| ()));
        let owner = Owner { uid: "1".to_owned(), key: ObjectKey::account("voice", "plivo") };
        let id = AccountId { provider: ProviderKind::Plivo, id: "MA000000000000000001".to_owned() };
        let account = accounts.attach(owner, connection.provider, id, Each::default());
        let (who, none) = (ObjectKey::endpoint("voice", "alice"), Fields::new());
        assert!(!account.reserve_create(&who));
        let refused = Some(NotStarted::NotLeading);
        assert_eq!(account.create(Thing::Endpoint, &who, "alice", &none).await.err(), refused);
        assert_eq!(account.update(Thing::Endpoint, Lane::Urgent, &who, "1", &none).await.err(), refused);
        assert_eq!(account.delete(Thing::Endpoint, Lane::Urgent, &who, "1").await.err(), refused);
        assert_eq!(account.update_number(Lane::Urgent, &who, ("1", None), &none).await.err(), refused);
        account.close();
    }
}
