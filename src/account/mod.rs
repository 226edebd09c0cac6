//! One live provider account, shared by everything that leads to it: the unit of all that costs calls. Its budget, its health, its
//! listings and the sweep live here; it knows nothing of what an object wants beyond [`Expectation`].

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::account::budget::Budget;
use crate::account::observer::Observer;
use crate::account::shelf::{Endpoints, Listable, Shelf, TrunkGroups};
use crate::core::capabilities::Capabilities;
use crate::core::fields::{Remote, Secret};
use crate::core::sighting::applications::Applications;
use crate::core::sighting::numbers::Numbers;
use crate::core::sighting::{Collection, Sightings};
use crate::core::time::Moment;
use crate::provider::{Provider, Remotes};

pub mod budget;
mod calls;
mod collections;
mod contacts;
mod leadership;
pub mod observer;
mod registry;
mod shelf;
pub mod snapshot;
mod sweep;

use crate::api::refs::ProviderKind;
pub use crate::core::budget::Lane;
pub use crate::core::key::ObjectKey;
pub use crate::core::sighting::Expectation;
pub use crate::core::sighting::applications::Resolution;
pub use crate::core::sighting::numbers::NumberExpectation;
pub use crate::core::view::Thing;
pub use calls::NotStarted;
pub use contacts::{Contacts, Fingerprint, Told};
pub use leadership::{Longest, Mandate};
pub use registry::{AccountSettings, Accounts, Owner, Standing};
pub use snapshot::{Snapshot, SnapshotView};

/// Wakes an object: its reconcile is to run soon. Must not block and must not call back into the account.
pub type Waker = Arc<dyn Fn(&ObjectKey) + Send + Sync>;

/// A tripped account is probed this often. Never more: each probe is a failed login at the provider.
const PROBE_EVERY: Duration = Duration::from_secs(60);
/// Credentials that are accepted when they are asked about, and refused again so soon after when something is done with them, may not do all
/// that is to be done: they are asked about half as often each time.
const RELAPSE: Duration = Duration::from_secs(16 * 60);
/// How often that is, at most: then they are probed every 16 minutes.
const MOST_RELAPSES: u32 = 4;

/// The monotonic clock that every [`Moment`] of this process is read from.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        Moment(self.start.elapsed())
    }

    /// The moment as an instant to sleep until.
    pub fn instant(&self, moment: Moment) -> Instant {
        self.start + moment.0
    }
}

/// Which account: the provider and the provider's own id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId {
    /// [`Capabilities::provider`].
    pub provider: ProviderKind,
    /// The provider's account id.
    pub id: String,
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.id)
    }
}

/// Waits that tests shorten.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The settle time: how long a provider must show the same wrong count before it is a habit.
    pub settle: Duration,
    /// From the beginning of one listing to the next, when nobody asks for one.
    pub sweep_period: Duration,
    /// First wait before a listing that proved nothing is repeated; doubles up to 64 times this.
    pub retry_base: Duration,
}

/// Whether calls go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Yes.
    Healthy,
    /// The provider refused the credentials: nothing goes out but a probe a minute.
    Tripped {
        /// When it did.
        since: Moment,
        /// What it said.
        message: String,
    },
    /// The provider answered 429: nothing goes out for a while.
    Slowed {
        /// Until then.
        until: Moment,
    },
}

/// One live account.
pub struct Account {
    inner: Arc<Inner>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Account {
    fn drop(&mut self) {
        self.close();
    }
}

/// What the account and its tasks share.
struct Inner {
    id: AccountId,
    clock: Clock,
    settings: Settings,
    wake: Waker,
    mandate: Mandate,
    budget: Budget,
    observer: Arc<dyn Observer>,
    opened: Moment,
    provider: RwLock<Arc<dyn Provider>>,
    changed: Changed,
    /// Whose listing runs.
    turn: Semaphore,
    state: Mutex<State>,
}

/// Something that the sweep of a collection waits for has changed.
#[derive(Default)]
struct Changed {
    endpoints: Notify,
    trunk_groups: Notify,
    numbers: Notify,
    applications: Notify,
}

/// The provider refused credentials that were in use.
#[derive(Clone)]
struct Tripped {
    since: Moment,
    message: String,
    by: Arc<dyn Provider>,
    /// How often in a row it was, before this time.
    relapses: u32,
}

impl Tripped {
    /// When the credentials may be asked about.
    fn probe_at(&self) -> Moment {
        self.since + PROBE_EVERY * 2_u32.pow(self.relapses.min(MOST_RELAPSES))
    }
}

struct State {
    closed: bool,
    /// Nobody has confirmed the credentials in use: nothing goes out but [`Accounts::identify`].
    unproven: bool,
    tripped: Option<Tripped>,
    /// How it was tripped last, and until when.
    healed: Option<(Moment, Tripped)>,
    sweep_period: Duration,
    endpoints: Shelf<Sightings>,
    trunk_groups: Shelf<Sightings>,
    numbers: Shelf<Numbers>,
    applications: Shelf<Applications>,
}

impl State {
    /// What is kept of all things of this kind.
    fn things(&mut self, thing: Thing) -> &mut Shelf<Sightings> {
        match thing {
            Thing::Endpoint => &mut self.endpoints,
            Thing::TrunkGroup => &mut self.trunk_groups,
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every statement under this lock leaves the state whole, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn provider(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.provider.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn started(&self) -> Result<(), NotStarted> {
        let state = self.state();
        match (state.closed || state.unproven, &state.tripped) {
            (true, _) => Err(NotStarted::Closed),
            (false, Some(_)) => Err(NotStarted::Tripped),
            (false, None) => Ok(()),
        }
    }

    fn trip(&self, by: &Arc<dyn Provider>, message: &str) {
        let now = self.clock.now();
        let mut state = self.state();
        if state.tripped.is_none() {
            tracing::warn!(account = %self.id, message, "credentials rejected: no calls until a probe succeeds");
            let before = state.healed.take().filter(|(healed, last)| Arc::ptr_eq(&last.by, by) && now.since(*healed) < RELAPSE);
            let relapses = before.map_or(0, |(_, last)| last.relapses.saturating_add(1));
            state.tripped = Some(Tripped { since: now, message: message.to_owned(), by: Arc::clone(by), relapses });
        }
    }

    /// The credentials in use were accepted. `anew`: for the first time, or after they were refused.
    fn untrip(&self, anew: bool) {
        let objects: BTreeSet<ObjectKey> = {
            let mut state = self.state();
            let unproven = std::mem::take(&mut state.unproven);
            if let Some(tripped) = state.tripped.take() {
                tracing::info!(account = %self.id, "credentials accepted again");
                state.healed = Some((self.clock.now(), tripped));
            } else if !unproven && !anew {
                return;
            }
            let things = state.endpoints.concerned().chain(state.trunk_groups.concerned());
            things.chain(state.numbers.concerned()).chain(state.applications.concerned()).cloned().collect()
        };
        self.all_changed();
        for key in &objects {
            (self.wake)(key);
        }
    }

    fn amend<C: Listable>(&self, amendment: <C::Of as Collection>::Amendment) {
        C::shelf(&mut self.state()).amend(amendment);
    }

    /// The next listing of this collection that begins after now also serves `who`.
    fn want<C: Listable>(&self, who: ObjectKey, lane: Lane) {
        C::shelf(&mut self.state()).want(who, lane);
        C::changed(self).notify_one();
    }

    fn all_changed(&self) {
        let Changed { endpoints, trunk_groups, numbers, applications } = &self.changed;
        for collection in [endpoints, trunk_groups, numbers, applications] {
            collection.notify_one();
        }
    }
}

/// What all accounts of a process share.
#[derive(Clone)]
struct Surroundings {
    settings: Settings,
    clock: Clock,
    wake: Waker,
    mandate: Mandate,
    observer: Arc<dyn Observer>,
}

/// The provider's things of this kind, if it has any.
fn remotes(provider: &dyn Provider, thing: Thing) -> Option<&dyn Remotes> {
    match thing {
        Thing::Endpoint => Some(provider.endpoints()),
        Thing::TrunkGroup => provider.trunk_groups(),
    }
}

impl Account {
    /// Starts the account's tasks: its budget and its sweeps. Must be called inside a tokio runtime.
    fn open(
        id: AccountId,
        provider: Arc<dyn Provider>,
        unproven: bool,
        (limit, provider_limit): (u32, u32),
        began: Moment,
        around: Surroundings,
    ) -> Arc<Self> {
        let Surroundings { settings, clock, wake, mandate, observer } = around;
        let inner = Arc::new(Inner {
            id,
            clock,
            settings,
            budget: Budget::new(limit, provider_limit, began, clock, Arc::clone(&wake)),
            wake,
            mandate,
            observer,
            opened: clock.now(),
            provider: RwLock::new(provider),
            changed: Changed::default(),
            turn: Semaphore::new(1),
            state: Mutex::new(State {
                closed: false,
                unproven,
                tripped: None,
                healed: None,
                sweep_period: settings.sweep_period,
                endpoints: Shelf::default(),
                trunk_groups: Shelf::default(),
                numbers: Shelf::default(),
                applications: Shelf::default(),
            }),
        });
        let tasks = vec![
            tokio::spawn(inner.budget.clone().drive()),
            tokio::spawn(sweep::run::<Endpoints>(Arc::clone(&inner))),
            tokio::spawn(sweep::run::<TrunkGroups>(Arc::clone(&inner))),
            tokio::spawn(sweep::run::<Numbers>(Arc::clone(&inner))),
            tokio::spawn(sweep::run::<Applications>(Arc::clone(&inner))),
        ];
        Arc::new(Self { inner, tasks: Mutex::new(tasks) })
    }

    /// Which account this is.
    pub fn id(&self) -> &AccountId {
        &self.inner.id
    }

    /// What the protocol must know of the provider, as it was found to be with things of this kind.
    pub fn capabilities(&self, thing: Thing) -> Capabilities {
        let capabilities = self.inner.provider().capabilities();
        let unselective = self.inner.state().things(thing).unselective;
        Capabilities { list_filter: capabilities.list_filter && !unselective, ..capabilities }
    }

    /// Whether the provider has things of this kind.
    pub fn has(&self, thing: Thing) -> bool {
        remotes(&*self.inner.provider(), thing).is_some()
    }

    /// The present moment on the clock of all evidence of this account.
    pub fn now(&self) -> Moment {
        self.inner.clock.now()
    }

    /// Whether calls go out.
    pub fn health(&self) -> Health {
        if let Some(Tripped { since, message, .. }) = &self.inner.state().tripped {
            return Health::Tripped { since: *since, message: message.clone() };
        }
        self.inner.budget.paused().map_or(Health::Healthy, |until| Health::Slowed { until })
    }

    /// Calls per five seconds at present.
    pub fn call_limit(&self) -> u32 {
        self.inner.budget.limit()
    }

    /// Whether the endpoint has this password; `None` where what was read says nothing about it. No call.
    pub fn password_matches(&self, remote: &Remote, password: &Secret) -> Option<bool> {
        self.inner.provider().password_matches(remote, password)
    }

    /// The object needs no call now: permits reserved for it and its places in queues go to others. (A listing that served it may
    /// have come before its turn to read; a permit kept until it lapses would hold up everybody behind it.)
    pub fn give_back(&self, who: &ObjectKey) {
        self.inner.budget.forget(who);
    }

    /// Ends the tasks. Calls under way are answered, new ones are not begun.
    pub fn close(&self) {
        self.inner.state().closed = true;
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }

    /// The credentials in use from now on; whether they are others than before.
    fn use_provider(&self, provider: &Arc<dyn Provider>, proven: bool) -> bool {
        let mut current = self.inner.provider.write().unwrap_or_else(PoisonError::into_inner);
        let changed = !Arc::ptr_eq(&current, provider);
        let mut state = self.inner.state();
        if changed {
            *current = Arc::clone(provider);
            state.unproven = !proven;
        } else {
            state.unproven |= !proven;
        }
        changed
    }

    /// Whether these are the credentials in use.
    fn uses(&self, provider: &Arc<dyn Provider>) -> bool {
        Arc::ptr_eq(&self.inner.provider(), provider)
    }

    /// Why the account is tripped, if it is, since when, and by which credentials.
    fn tripped(&self) -> Option<Tripped> {
        self.inner.state().tripped.clone()
    }

    fn configure(&self, limit: u32, sweep_period: Duration) {
        self.inner.budget.set_limit(limit);
        self.inner.state().sweep_period = sweep_period;
        self.inner.all_changed();
    }
}

#[cfg(test)]
mod tests;
