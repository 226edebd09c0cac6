//! What every reconcile has at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use kube::Client;
use kube_runtime::events::Recorder;
use kube_runtime::reflector::Store;
use tokio::sync::watch;

use crate::account::{Account, AccountId, Accounts, Contacts};
use crate::api::cluster_provider_account::AllowedNamespace;
use crate::api::ledger::SecretVersion;
use crate::api::policy::DeletionPolicy;
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::account::object::{AccountObject, AccountStores};
use crate::controller::binding;
use crate::controller::binding::bindings::Bindings;
use crate::controller::brakes::Brakes;
use crate::controller::census::Censuses;
use crate::controller::claims::Claims;
use crate::controller::clock::Clocks;
use crate::controller::escrow::Escrows;
use crate::controller::made::Remembered;
use crate::controller::memories::Memories;
use crate::controller::secrets::Secrets;
use crate::controller::wake::Wakers;
use crate::core::account::{Access, Waits};
use crate::core::fields::Secret;
use crate::core::key::{Kind, ObjectKey};
use crate::core::mark::Installation;
use crate::core::tenancy::{self, Refused, Tenants, Use};
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
    /// Where the operator itself runs: Secrets of ClusterProviderAccounts and what is in escrow live there.
    pub operator_namespace: String,
    /// Whether credentials are kept in escrow.
    pub escrow: bool,
}

impl Settings {
    /// When an account is looked at again.
    pub fn waits(&self) -> Waits {
        Waits { rest: self.sweep_period, retry: self.timing.retry_base * 4 }
    }
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
    /// The values that they were made of, by their keys in the Secret.
    pub values: Arc<BTreeMap<String, Secret>>,
    /// The provider has confirmed them.
    pub proven: bool,
    /// How often in a row it could not be asked.
    pub unanswered: u32,
    /// What came of it when they were checked last, if they were neither accepted nor refused.
    pub said: Option<Access>,
    /// The id of the account that the provider said they lead to.
    pub whose: Option<String>,
}

impl Credentials {
    /// They are the same.
    pub fn connects_as(&self, other: &Credentials) -> bool {
        Arc::ptr_eq(&self.connection.provider, &other.connection.provider)
    }
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
    /// `spec.allowedNamespaces` of a ClusterProviderAccount.
    pub allowed: Arc<[AllowedNamespace]>,
}

/// An object that refers to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Referrer {
    /// The account serves it, or it has something there: the account must not go away from under it.
    pub served: bool,
    /// It is being deleted.
    pub deleting: bool,
}

/// The objects that refer to one account.
#[derive(Debug, Default)]
pub struct Referrers {
    all: BTreeMap<ObjectKey, Referrer>,
    served: usize,
    deleting: usize,
}

impl Referrers {
    /// Replaces what is known of one; whether that is news for the account: the first one that it serves, the first one that is being
    /// deleted, or the last one that it served.
    fn set(&mut self, who: &ObjectKey, now: Option<Referrer>) -> bool {
        let before = match now {
            Some(now) => self.all.insert(who.clone(), now),
            None => self.all.remove(who),
        };
        let change = |count: &mut usize, of: fn(Referrer) -> bool| {
            let old = *count;
            *count = old + usize::from(now.is_some_and(of)) - usize::from(before.is_some_and(of));
            (old == 0) != (*count == 0)
        };
        let served = change(&mut self.served, |who| who.served);
        let deleting = change(&mut self.deleting, |who| who.served && who.deleting);
        served || deleting && self.deleting > 0
    }
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
    pub account_objects: OnceLock<AccountStores>,
    /// What is kept in escrow.
    pub escrows: Escrows,
    /// What the credentials of each account object were made of, so that the same are not tried again.
    pub credentials: Mutex<BTreeMap<ObjectKey, Credentials>>,
    /// Whose those are that do not say so themselves.
    pub contacts: Contacts,
    /// Those that each account object had when the provider accepted them last, for deletions that are due when they are gone.
    pub proven: Mutex<BTreeMap<ObjectKey, Credentials>>,
    /// All endpoints that are watched.
    pub endpoints: Vec<Store<SipEndpoint>>,
    /// Which endpoints at the provider are claimed by which of them.
    pub claims: Arc<Claims>,
    /// Which numbers are wanted by which bindings.
    pub bindings: Arc<Bindings>,
    /// Which objects refer to which account object.
    pub referrers: Mutex<BTreeMap<ObjectKey, Referrers>>,
    /// Secrets by consent.
    pub secrets: Secrets,
    /// Memory of SipEndpoints.
    pub memories: Memories<Remembered>,
    /// Memory of their trunk groups.
    pub group_memories: Memories<Remembered>,
    /// Uids of SipEndpoints whose trunk groups were let go: nothing of them is left to look for.
    pub groups_let_go: Mutex<BTreeSet<String>>,
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
        self.account(key).is_none() && self.account_objects.get().is_none_or(|stores| stores.get(key).is_some())
    }

    /// The caches of account objects are filled. Who refers to one that does not exist is told.
    pub fn accounts_listed(&self, stores: AccountStores) {
        if self.account_objects.set(stores).is_ok() {
            let accounts: Vec<ObjectKey> = self.referrers.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
            // Whom an account of several namespaces does not list is told at once, be it there or not.
            let known = |account: &ObjectKey| account.kind == Kind::ClusterProviderAccount || !self.account_pending(account);
            accounts.iter().filter(|account| known(account)).for_each(|account| self.wake_referrers(account));
        }
    }

    /// Sets or removes the state of an account object, and wakes who refers to it if that changed anything for them, and those in whose way
    /// these stand if they may stand there no more.
    pub fn set_account(&self, key: &ObjectKey, state: Option<AccountState>) {
        let mut leads = true;
        let changed = {
            let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = match (states.get(key), &state) {
                (None, None) => false,
                (Some(AccountState::Ready(old)), Some(AccountState::Ready(new))) => !Arc::ptr_eq(old, new),
                (Some(AccountState::NotReady(old)), Some(AccountState::NotReady(new))) => {
                    leads = false;
                    old != new
                }
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
        if changed && leads {
            let beside = |who: &ObjectKey| [self.claims.beside(who), self.bindings.beside(who)].concat();
            let rivals: BTreeSet<ObjectKey> = self.referrers_of(key).iter().flat_map(beside).collect();
            rivals.iter().for_each(|rival| self.wakers.wake(rival));
        }
    }

    fn referrers_of(&self, key: &ObjectKey) -> Vec<ObjectKey> {
        let all = self.referrers.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(key).into_iter().flat_map(|referrers| referrers.all.keys()).cloned().collect()
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

    /// The account object is gone.
    pub fn forget_terms(&self, key: &ObjectKey) {
        self.terms.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Whom a ClusterProviderAccount lists, as its watch has just told. Whom that concerns is woken: also those who use the same account by
    /// way of another object, and have stood back for one that may not any more.
    pub fn set_allowed(&self, key: &ObjectKey, allowed: &[AllowedNamespace]) {
        if *self.terms(key).allowed == *allowed {
            return;
        }
        self.set_terms(key, |terms| terms.allowed = allowed.into());
        let owners = self.accounts.get(key).map(|account| self.accounts.owners(account.id())).unwrap_or_default();
        owners.iter().filter(|owner| *owner != key).for_each(|owner| self.wake_referrers(owner));
    }

    /// Whether an object of this namespace may use the account so; see [`tenancy::may`].
    ///
    /// # Errors
    /// What is refused.
    pub fn may(&self, account: &ObjectKey, namespace: &str, what: Use<'_>) -> Result<(), Refused> {
        self.with_tenants(account, |tenants| tenancy::may(tenants, namespace, what))
    }

    /// Asks something about whom an account object serves.
    pub fn with_tenants<T>(&self, account: &ObjectKey, question: impl FnOnce(Tenants<'_>) -> T) -> T {
        match account.kind {
            Kind::ClusterProviderAccount => question(Tenants::Listed(&self.terms(account).allowed)),
            _ => question(Tenants::Namespace(&account.namespace)),
        }
    }

    /// The provider's account that an account object leads to, or led to when its status was written.
    pub fn leads_to(&self, account: &ObjectKey) -> Option<AccountId> {
        match self.account(account) {
            Some(AccountState::Ready(live)) => Some(live.id().clone()),
            _ => self.account_object(account)?.pinned(),
        }
    }

    /// The account object as last seen, if it exists.
    pub fn account_object(&self, key: &ObjectKey) -> Option<AccountObject> {
        self.account_objects.get()?.get(key)
    }

    /// The account object is looked at; if it counts as gone and is there, it does not any more.
    pub fn account_is_back(&self, key: &ObjectKey, uid: &str) {
        if self.account_object(key).is_some_and(|object| object.uid() == uid) {
            self.gone_accounts.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        }
    }

    /// See [`Context::gone_accounts`].
    pub fn account_is_gone(&self, uid: &str) -> bool {
        self.gone_accounts.lock().unwrap_or_else(PoisonError::into_inner).contains(uid)
    }

    /// All account objects in the caches; none before all of them are filled.
    pub fn account_objects(&self) -> Vec<AccountObject> {
        self.account_objects.get().map(AccountStores::all).unwrap_or_default()
    }

    /// All endpoints in the caches.
    pub fn all_endpoints(&self) -> impl Iterator<Item = Arc<SipEndpoint>> {
        self.endpoints.iter().flat_map(|store| store.state())
    }

    /// Wakes all objects that refer to the account object.
    pub fn wake_referrers(&self, key: &ObjectKey) {
        for referrer in &self.referrers_of(key) {
            self.wakers.wake(referrer);
        }
    }

    /// The objects that the account serves, as far as they were looked at.
    pub fn users_of(&self, account: &ObjectKey) -> Vec<ObjectKey> {
        let all = self.referrers.lock().unwrap_or_else(PoisonError::into_inner);
        let served = all.get(account).into_iter().flat_map(|referrers| &referrers.all).filter(|(_, who)| who.served);
        // A trunk group is a part of its SipEndpoint.
        served.map(|(key, _)| key).filter(|key| key.kind != Kind::TrunkGroup).cloned().collect()
    }

    /// Whether an object that the account serves is being deleted.
    pub fn deletions_due(&self, account: &ObjectKey) -> bool {
        let all = self.referrers.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(account).is_some_and(|referrers| referrers.deleting > 0)
    }

    /// Notes that `who` refers to `account`, and how, or no longer does.
    pub fn refers(&self, who: &ObjectKey, account: Option<(&ObjectKey, Referrer)>) {
        let mut woken: Vec<ObjectKey> = Vec::new();
        {
            let mut referrers = self.referrers.lock().unwrap_or_else(PoisonError::into_inner);
            match account {
                Some((account, how)) => {
                    let news = referrers.entry(account.clone()).or_default().set(who, Some(how));
                    woken.extend(news.then(|| account.clone()));
                }
                None => referrers.retain(|account, all| {
                    let news = all.set(who, None);
                    woken.extend(news.then(|| account.clone()));
                    !all.all.is_empty()
                }),
            }
        }
        // The first one puts the finalizer on the account, the last one takes it off; the first deletion may need what is in escrow.
        woken.iter().for_each(|account| self.wakers.wake(account));
    }

    /// The process is shutting down: nothing new is begun.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_hears_of_the_first_and_the_last_that_it_serves_and_of_the_first_deletion() {
        let at = |name: &str| ObjectKey::endpoint("voice", name);
        let how = |served, deleting| Some(Referrer { served, deleting });
        let mut all = Referrers::default();
        let steps = [
            ("one that is not served", at("mallory"), how(false, false), false),
            ("nor when it goes", at("mallory"), how(false, true), false),
            ("the first that is served", at("alice"), how(true, false), true),
            ("the same again", at("alice"), how(true, false), false),
            ("another", at("bob"), how(true, false), false),
            ("the first deletion", at("bob"), how(true, true), true),
            ("another deletion", at("alice"), how(true, true), false),
            ("one is gone", at("alice"), None, false),
            ("it was gone already", at("alice"), None, false),
            ("the last is gone", at("bob"), None, true),
            ("one is served now", at("mallory"), how(true, true), true),
            ("and no more", at("mallory"), how(false, true), true),
        ];
        for (sentence, who, how, news) in steps {
            assert_eq!(all.set(&who, how), news, "{sentence}");
        }
        assert_eq!((all.served, all.deleting, all.all.len()), (0, 0, 1));
    }
}
