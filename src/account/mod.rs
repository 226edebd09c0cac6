//! One live provider account, shared by everything that leads to it: the unit of all that costs calls. Its budget, its health, its
//! listings and the sweep live here; it knows nothing of what an object wants beyond [`Expectation`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::account::budget::Budget;
use crate::account::snapshot::{Amendment, History};
use crate::core::fields::{Remote, Secret};
use crate::core::listing::{Assembler, SurplusHabit};
use crate::core::time::Moment;
use crate::provider::{Capabilities, Provider};

pub mod budget;
mod calls;
mod registry;
pub mod snapshot;
mod sweep;

use crate::api::refs::ProviderKind;
pub use crate::core::budget::Lane;
pub use crate::core::key::ObjectKey;
pub use crate::core::sighting::Expectation;
pub use calls::NotStarted;
pub use registry::{AccountSettings, Accounts, Owner};
pub use snapshot::{Snapshot, SnapshotView};

/// Wakes an object: its reconcile is to run soon. Must not block and must not call back into the account.
pub type Waker = Arc<dyn Fn(&ObjectKey) + Send + Sync>;

/// A tripped account is probed this often. Never more: each probe is a failed login at the provider.
const PROBE_EVERY: Duration = Duration::from_secs(60);

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
    budget: Budget,
    provider: RwLock<Arc<dyn Provider>>,
    /// Something that the sweep waits for has changed.
    changed: Notify,
    state: Mutex<State>,
}

struct State {
    closed: bool,
    /// The credentials are new: nothing goes out but [`Account::identify`].
    unproven: bool,
    tripped: Option<(Moment, String)>,
    probe_at: Moment,
    sweep_period: Duration,
    history: History,
    running: Option<Running>,
    /// Who waits for a listing that has not begun.
    waiting: BTreeMap<ObjectKey, Lane>,
    /// Who waits for the one that runs.
    serving: BTreeMap<ObjectKey, Lane>,
    watched: BTreeMap<ObjectKey, Expectation>,
    creates_in_flight: u64,
    deletes_in_flight: BTreeMap<String, u32>,
    habit: SurplusHabit,
}

/// A listing under way, and our calls that were answered since it began.
struct Running {
    assembler: Assembler,
    since: Vec<Amendment>,
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

    fn trip(&self, message: &str) {
        let now = self.clock.now();
        let mut state = self.state();
        if state.tripped.is_none() {
            tracing::warn!(account = %self.id, message, "credentials rejected: no calls until a probe succeeds");
            state.tripped = Some((now, message.to_owned()));
            state.probe_at = now + PROBE_EVERY;
        }
    }

    fn untrip(&self) {
        let objects: BTreeSet<ObjectKey> = {
            let mut state = self.state();
            let unproven = std::mem::take(&mut state.unproven);
            if state.tripped.take().is_some() {
                tracing::info!(account = %self.id, "credentials accepted again");
            } else if !unproven {
                return;
            }
            state.watched.keys().chain(state.waiting.keys()).cloned().collect()
        };
        self.changed.notify_one();
        for key in &objects {
            (self.wake)(key);
        }
    }

    fn amend(&self, amendment: Amendment) {
        let mut state = self.state();
        state.history.amend(&amendment);
        if let Some(running) = &mut state.running {
            if let Amendment::Created(remote) = &amendment {
                running.assembler.own_created(&remote.id);
            }
            running.since.push(amendment);
        }
    }
}

impl Account {
    /// Starts the account's tasks: its budget and its sweep. Must be called inside a tokio runtime.
    #[expect(clippy::too_many_arguments, reason = "called in one place, with what only that place has")]
    fn open(
        id: AccountId,
        provider: Arc<dyn Provider>,
        unproven: bool,
        (limit, provider_limit): (u32, u32),
        began: Moment,
        clock: Clock,
        settings: Settings,
        wake: Waker,
    ) -> Arc<Self> {
        let inner = Arc::new(Inner {
            id,
            clock,
            settings,
            budget: Budget::new(limit, provider_limit, began, clock, Arc::clone(&wake)),
            wake,
            provider: RwLock::new(provider),
            changed: Notify::new(),
            state: Mutex::new(State {
                closed: false,
                unproven,
                tripped: None,
                probe_at: Moment::default(),
                sweep_period: settings.sweep_period,
                history: History::default(),
                running: None,
                waiting: BTreeMap::new(),
                serving: BTreeMap::new(),
                watched: BTreeMap::new(),
                creates_in_flight: 0,
                deletes_in_flight: BTreeMap::new(),
                habit: SurplusHabit::default(),
            }),
        });
        let tasks = vec![tokio::spawn(inner.budget.clone().drive()), tokio::spawn(sweep::run(Arc::clone(&inner)))];
        Arc::new(Self { inner, tasks: Mutex::new(tasks) })
    }

    /// Which account this is.
    pub fn id(&self) -> &AccountId {
        &self.inner.id
    }

    /// What the protocol must know of the provider.
    pub fn capabilities(&self) -> Capabilities {
        self.inner.provider().capabilities()
    }

    /// The present moment on the clock of all evidence of this account.
    pub fn now(&self) -> Moment {
        self.inner.clock.now()
    }

    /// Whether calls go out.
    pub fn health(&self) -> Health {
        if let Some((since, message)) = &self.inner.state().tripped {
            return Health::Tripped { since: *since, message: message.clone() };
        }
        self.inner.budget.paused().map_or(Health::Healthy, |until| Health::Slowed { until })
    }

    /// Calls per five seconds at present.
    pub fn call_limit(&self) -> u32 {
        self.inner.budget.limit()
    }

    /// For a tripped account the time until [`Account::identify`] may be tried: zero if it is due. `None`: not tripped.
    pub fn probe_due(&self) -> Option<Duration> {
        let state = self.inner.state();
        state.tripped.is_some().then(|| state.probe_at.since(self.inner.clock.now()))
    }

    /// Whether the endpoint has this password; `None` where what was read says nothing about it. No call.
    pub fn password_matches(&self, remote: &Remote, password: &Secret) -> Option<bool> {
        self.inner.provider().password_matches(remote, password)
    }

    /// The listings of now.
    pub fn snapshots(&self) -> SnapshotView {
        self.inner.state().history.view()
    }

    /// The next listing that begins after now also serves `who`, who is woken when it is there. Asked again in a more urgent lane,
    /// the lane rises. A listing that already runs does not count, but is finished in the most urgent lane anybody waits in.
    pub fn want_listing(&self, who: ObjectKey, lane: Lane) {
        let mut state = self.inner.state();
        let wanted = state.waiting.entry(who).or_insert(lane);
        *wanted = lane.min(*wanted);
        drop(state);
        self.inner.changed.notify_one();
    }

    /// The object belongs to this account and is woken by listings that contradict `expected`, and when the account works again.
    pub fn watch(&self, who: ObjectKey, expected: Expectation) {
        self.inner.state().watched.insert(who, expected);
    }

    /// The object has nothing to do with this account any more. Its places in queues are given up.
    pub fn unwatch(&self, who: &ObjectKey) {
        let mut state = self.inner.state();
        state.watched.remove(who);
        state.waiting.remove(who);
        state.serving.remove(who);
        drop(state);
        self.inner.budget.forget(who);
    }

    /// The object needs no call now: permits reserved for it and its places in queues go to others. (A listing that served it may
    /// have come before its turn to read; a permit kept until it lapses would hold up everybody behind it.)
    pub fn give_back(&self, who: &ObjectKey) {
        self.inner.budget.forget(who);
    }

    /// Which objects belong to the account.
    pub fn watched(&self) -> Vec<ObjectKey> {
        self.inner.state().watched.keys().cloned().collect()
    }

    /// A new term (leadership, or a list of objects that went backwards): nothing is created before one more complete listing.
    pub fn begin_term(&self) {
        let now = self.inner.clock.now();
        self.inner.state().history.begin_term(now);
        self.inner.changed.notify_one();
    }

    /// Ends the tasks. Calls under way are answered, new ones are not begun.
    pub fn close(&self) {
        self.inner.state().closed = true;
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }

    /// Newer credentials: a tripped account may be probed at once.
    fn replace_provider(&self, provider: Arc<dyn Provider>, unproven: bool) {
        let mut current = self.inner.provider.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&current, &provider) {
            *current = provider;
            let mut state = self.inner.state();
            state.probe_at = Moment::default();
            state.unproven = unproven;
        }
    }

    fn configure(&self, limit: u32, sweep_period: Duration) {
        self.inner.budget.set_limit(limit);
        self.inner.state().sweep_period = sweep_period;
        self.inner.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
