//! What every reconcile has at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use kube::Client;
use kube_runtime::events::Recorder;
use kube_runtime::reflector::{ObjectRef, Store};
use tokio::sync::watch;

use crate::account::{Account, Accounts};
use crate::api::ledger::SecretVersion;
use crate::api::policy::DeletionPolicy;
use crate::api::provider_account::ProviderAccount;
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::binding;
use crate::controller::binding::bindings::Bindings;
use crate::controller::brakes::Brakes;
use crate::controller::census::Censuses;
use crate::controller::claims::Claims;
use crate::controller::clock::Clocks;
use crate::controller::endpoint::Remembered;
use crate::controller::memories::Memories;
use crate::controller::secrets::Secrets;
use crate::controller::wake::Wakers;
use crate::core::key::ObjectKey;
use crate::core::mark::Installation;
use crate::core::view::{Problem, Timing};
use crate::metrics::Metrics;
use crate::provider::{Connection, Places};

/// Settings of the process.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The waits of the protocol.
    pub timing: Timing,
    /// How often an account is listed, unless it says otherwise.
    pub sweep_period: Duration,
    /// Where the providers are.
    pub places: Places,
    /// Reconciles at the same time, for each kind.
    pub concurrency: u16,
}

/// The state of an account object as its objects see it.
#[derive(Clone)]
pub enum AccountState {
    /// It cannot be used; what to say.
    NotReady(Problem),
    /// It can.
    Ready(Arc<Account>),
}

/// The credentials of an account object as last used.
#[derive(Clone)]
pub struct Credentials {
    /// Of the Secret.
    pub version: SecretVersion,
    /// The way to the provider with them.
    pub connection: Connection,
    /// The provider has confirmed them.
    pub proven: bool,
}

/// What an account object says for its objects, besides where its credentials lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// `spec.suspend`.
    pub suspended: bool,
    /// `spec.defaults.deletionPolicy`.
    pub deletion_policy: Option<DeletionPolicy>,
    /// It serves deletions that run and nothing else; why.
    pub deletions_only: Option<Problem>,
    /// Our finalizer is on it: it cannot go away from under what is made with it.
    pub guarded: bool,
}

/// Shared by all reconciles.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// Live provider accounts.
    pub accounts: Arc<Accounts>,
    /// Account objects by namespace and name. One that is not in it does not exist, or was not looked at yet.
    pub states: Mutex<BTreeMap<ObjectKey, AccountState>>,
    /// What each account object says for its objects.
    pub terms: Mutex<BTreeMap<ObjectKey, Terms>>,
    /// Uids of account objects that are gone: a reconcile that was under way must not bring one back.
    pub gone_accounts: Mutex<BTreeSet<String>>,
    /// The brakes of all accounts.
    pub brakes: Brakes,
    /// What was counted in each account.
    pub censuses: Censuses,
    /// All account objects that are watched; set once each of their caches is filled.
    pub account_objects: OnceLock<Vec<Store<ProviderAccount>>>,
    /// What the credentials of each account object were made of, so that the same are not tried again.
    pub credentials: Mutex<BTreeMap<ObjectKey, Credentials>>,
    /// All endpoints that are watched.
    pub endpoints: Vec<Store<SipEndpoint>>,
    /// Which endpoints at the provider are claimed by which of them.
    pub claims: Arc<Claims>,
    /// Which numbers are wanted by which bindings.
    pub bindings: Arc<Bindings>,
    /// Which endpoints and bindings refer to which account object.
    pub referrers: Mutex<BTreeMap<ObjectKey, BTreeSet<ObjectKey>>>,
    /// Secrets by consent.
    pub secrets: Secrets,
    /// Memory of SipEndpoints.
    pub memories: Memories<Remembered>,
    /// Memory of PhoneNumberBindings.
    pub binding_memories: Memories<binding::Remembered>,
    /// Both clocks.
    pub clock: Clocks,
    /// Settings.
    pub settings: Settings,
    /// Whose marks we make.
    pub installation: Installation,
    /// Names this process in intents.
    pub writer: String,
    /// Events.
    pub events: Recorder,
    /// What is watched: these namespaces, or all (`None`).
    pub scopes: Vec<Option<String>>,
    /// Wakes objects of every kind.
    pub wakers: Wakers,
    /// The process is shutting down.
    pub stopping: AtomicBool,
    /// How many passes are running.
    pub passes: watch::Sender<usize>,
    /// What is counted.
    pub metrics: Metrics,
}

impl Context {
    /// The state of an account object.
    pub fn account(&self, key: &ObjectKey) -> Option<AccountState> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Whether nothing is known of an account object yet: after a start, and until it was looked at. It is not missing.
    pub fn account_pending(&self, key: &ObjectKey) -> bool {
        let exists = |stores: &Vec<Store<ProviderAccount>>| {
            let place = ObjectRef::new(&key.name).within(&key.namespace);
            stores.iter().any(|store| store.get(&place).is_some())
        };
        self.account(key).is_none() && self.account_objects.get().is_none_or(exists)
    }

    /// The caches of account objects are filled. Who refers to one that does not exist is told.
    pub fn accounts_listed(&self, stores: Vec<Store<ProviderAccount>>) {
        if self.account_objects.set(stores).is_ok() {
            let accounts: Vec<ObjectKey> = self.referrers.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
            accounts.iter().filter(|account| !self.account_pending(account)).for_each(|account| self.wake_referrers(account));
        }
    }

    /// Sets or removes the state of an account object, and wakes who refers to it if that changed anything for them.
    pub fn set_account(&self, key: &ObjectKey, state: Option<AccountState>) {
        let changed = {
            let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = match (states.get(key), &state) {
                (None, None) => false,
                (Some(AccountState::Ready(old)), Some(AccountState::Ready(new))) => !Arc::ptr_eq(old, new),
                (Some(AccountState::NotReady(old)), Some(AccountState::NotReady(new))) => old != new,
                _ => true,
            };
            match state {
                Some(state) => states.insert(key.clone(), state),
                None => states.remove(key),
            };
            changed
        };
        if changed {
            self.wake_referrers(key);
        }
    }

    /// What an account object says for its objects; the defaults if it was not looked at yet.
    pub fn terms(&self, key: &ObjectKey) -> Terms {
        self.terms.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned().unwrap_or_default()
    }

    /// Changes what an account object says for its objects, and wakes them if that is news.
    pub fn set_terms(&self, key: &ObjectKey, change: impl FnOnce(&mut Terms)) {
        let changed = {
            let mut all = self.terms.lock().unwrap_or_else(PoisonError::into_inner);
            let terms = all.entry(key.clone()).or_default();
            let before = terms.clone();
            change(terms);
            *terms != before
        };
        if changed {
            self.wake_referrers(key);
        }
    }

    /// The account object as last seen, if it exists.
    pub fn account_object(&self, key: &ObjectKey) -> Option<Arc<ProviderAccount>> {
        let place = ObjectRef::new(&key.name).within(&key.namespace);
        self.account_objects.get()?.iter().find_map(|store| store.get(&place))
    }

    /// The account object is looked at; if it counts as gone and is there, it does not any more.
    pub fn account_is_back(&self, key: &ObjectKey, uid: &str) {
        if self.account_object(key).is_some_and(|object| object.metadata.uid.as_deref() == Some(uid)) {
            self.gone_accounts.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        }
    }

    /// See [`Context::gone_accounts`].
    pub fn account_is_gone(&self, uid: &str) -> bool {
        self.gone_accounts.lock().unwrap_or_else(PoisonError::into_inner).contains(uid)
    }

    /// All account objects in the caches; none before all of them are filled.
    pub fn account_objects(&self) -> impl Iterator<Item = Arc<ProviderAccount>> {
        self.account_objects.get().into_iter().flatten().flat_map(|store| store.state())
    }

    /// All endpoints in the caches.
    pub fn all_endpoints(&self) -> impl Iterator<Item = Arc<SipEndpoint>> {
        self.endpoints.iter().flat_map(|store| store.state())
    }

    /// Wakes all objects that refer to the account object.
    pub fn wake_referrers(&self, key: &ObjectKey) {
        let referrers = self.referrers.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned().unwrap_or_default();
        for referrer in &referrers {
            self.wakers.wake(referrer);
        }
    }

    /// Notes that `who` refers to `account`, or no longer does.
    pub fn refers(&self, who: &ObjectKey, account: Option<&ObjectKey>) {
        let mut woken: Vec<ObjectKey> = Vec::new();
        {
            let mut referrers = self.referrers.lock().unwrap_or_else(PoisonError::into_inner);
            match account {
                Some(account) => {
                    let all = referrers.entry(account.clone()).or_default();
                    woken.extend(all.is_empty().then(|| account.clone()));
                    all.insert(who.clone());
                }
                None => referrers.retain(|account, all| {
                    let left = all.remove(who) && all.is_empty();
                    woken.extend(left.then(|| account.clone()));
                    !all.is_empty()
                }),
            }
        }
        // The first one puts the finalizer on the account, the last one takes it off.
        woken.iter().for_each(|account| self.wakers.wake(account));
    }

    /// The process is shutting down: nothing new is begun.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}
