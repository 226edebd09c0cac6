//! The call budget as something to wait for. Objects never wait inside a reconcile: they are queued and woken when a permit is
//! reserved for them. Only the account's own calls wait in place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::account::{Clock, Waker};
use crate::core::budget::{CallBudget, Lane, Ticket, Who};
use crate::core::key::ObjectKey;
use crate::core::time::Moment;

/// No permit now; the object is woken when one is reserved for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued;

/// The budget of one account, shared.
#[derive(Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    wake: Waker,
    changed: Notify,
    state: Mutex<State>,
}

struct State {
    calls: CallBudget,
    /// Since when those who were turned away have waited to be let through.
    since: BTreeMap<Who, Moment>,
    internal: BTreeMap<u64, oneshot::Sender<()>>,
    next_internal: u64,
}

impl State {
    /// Who gives up its place, and what is reserved for it.
    fn forget(&mut self, who: &Who) {
        self.calls.forget_waiter(who);
        self.since.remove(who);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is only counters and queues, sound after each statement: a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call that may be under way. It was counted when issued; dropping it ends the call.
pub struct Permit {
    shared: Arc<Shared>,
    ticket: Ticket,
    lane: Lane,
    waited: Duration,
}

/// How much of a budget is used, and who waits for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Calls that count in the window that ends now, and reserved ones.
    pub used: usize,
    /// So many are allowed in a window at present.
    pub allowed: u32,
    /// Who waits, by lane, the most urgent first.
    pub waiting: [usize; 4],
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = self.shared.clock.now();
        self.shared.state().calls.ended(now, self.ticket);
        self.shared.changed.notify_one();
    }
}

impl Permit {
    /// In which lane it was taken, how long that was waited for, and for how long it has been held.
    pub(super) fn times(&self) -> (Lane, Duration, Duration) {
        (self.lane, self.waited, self.shared.clock.now().since(self.ticket.issued))
    }

    /// The call was answered with a 429.
    pub fn throttled(&self, retry_after: Option<Duration>) {
        let now = self.shared.clock.now();
        self.shared.state().calls.throttled(now, self.ticket, retry_after);
    }
}

/// Takes an internal waiter out of the queue when its future is dropped.
struct InternalWaiter<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for InternalWaiter<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.internal.remove(&self.number);
        state.forget(&Who::Internal(self.number));
        drop(state);
        self.shared.changed.notify_one();
    }
}

impl Budget {
    /// At most `limit` calls in any five seconds. The window before `began` counts as used up, so until five seconds after it only
    /// what `provider_limit` leaves beyond that is used.
    pub fn new(limit: u32, provider_limit: u32, began: Moment, clock: Clock, wake: Waker) -> Self {
        let calls = CallBudget::new(limit, provider_limit, began, rand::random());
        let state = State { calls, since: BTreeMap::new(), internal: BTreeMap::new(), next_internal: 0 };
        Self { shared: Arc::new(Shared { clock, wake, changed: Notify::new(), state: Mutex::new(state) }) }
    }

    /// Sets the configured limit.
    pub fn set_limit(&self, limit: u32) {
        self.shared.state().calls.set_limit(limit);
        self.shared.changed.notify_one();
    }

    /// Calls per five seconds at present.
    pub fn limit(&self) -> u32 {
        self.shared.state().calls.limit()
    }

    /// How much of it is used at present.
    pub fn load(&self) -> Load {
        let now = self.shared.clock.now();
        let state = self.shared.state();
        let (used, allowed) = state.calls.load(now);
        Load { used, allowed, waiting: state.calls.waiting() }
    }

    /// Until when nothing is sent because of a 429.
    pub fn paused(&self) -> Option<Moment> {
        let now = self.shared.clock.now();
        self.shared.state().calls.paused(now)
    }

    /// A permit for an object, the reserved one if there is one. Otherwise the object is queued and woken later.
    pub fn try_take(&self, lane: Lane, who: &ObjectKey) -> Result<Permit, Queued> {
        self.try_take_as(lane, &Who::Object(who.clone()))
    }

    /// As [`Budget::try_take`], for a create.
    pub fn try_take_create(&self, who: &ObjectKey) -> Result<Permit, Queued> {
        self.try_take_as(Lane::Create, &Who::Create(who.clone()))
    }

    /// Whether a create permit is reserved for the object from now on; if not, it is queued and woken later.
    pub fn reserve_create(&self, who: &ObjectKey) -> bool {
        let now = self.shared.clock.now();
        let (who, mut state) = (Who::Create(who.clone()), self.shared.state());
        let reserved = state.calls.reserve(now, Lane::Create, &who);
        if !reserved {
            state.since.entry(who).or_insert(now);
        }
        drop(state);
        self.shared.changed.notify_one();
        reserved
    }

    /// Gives back what is reserved for the object and its places in queues.
    pub fn forget(&self, who: &ObjectKey) {
        let mut state = self.shared.state();
        state.forget(&Who::Object(who.clone()));
        state.forget(&Who::Create(who.clone()));
        drop(state);
        self.shared.changed.notify_one();
    }

    /// A permit for a call of the account itself; waits as long as it takes. Dropping the future leaves the queue.
    pub async fn take(&self, lane: Lane) -> Permit {
        let number = {
            let mut state = self.shared.state();
            state.next_internal += 1;
            state.next_internal
        };
        let waiter = InternalWaiter { shared: &self.shared, number };
        loop {
            let (sender, woken) = oneshot::channel();
            self.shared.state().internal.insert(number, sender);
            if let Ok(permit) = self.try_take_as(lane, &Who::Internal(number)) {
                drop(waiter);
                return permit;
            }
            // An error means that the sender was dropped: ask again, too.
            let _ = woken.await;
        }
    }

    fn try_take_as(&self, lane: Lane, who: &Who) -> Result<Permit, Queued> {
        let now = self.shared.clock.now();
        let mut state = self.shared.state();
        match state.calls.try_take(now, lane, who) {
            Some(ticket) => {
                let waited = state.since.remove(who).map_or(Duration::ZERO, |since| now.since(since));
                Ok(Permit { shared: Arc::clone(&self.shared), ticket, lane, waited })
            }
            None => {
                if !state.since.contains_key(who) {
                    state.since.insert(who.clone(), now);
                }
                drop(state);
                self.shared.changed.notify_one();
                Err(Queued)
            }
        }
    }

    /// Hands out permits as they become free. Runs as long as the account lives.
    pub(super) async fn drive(self) {
        loop {
            let now = self.shared.clock.now();
            let (objects, next) = {
                let mut state = self.shared.state();
                let mut objects = Vec::new();
                for who in state.calls.grant(now) {
                    match who {
                        Who::Object(key) | Who::Create(key) => objects.push(key),
                        Who::Internal(number) => {
                            if let Some(waiter) = state.internal.remove(&number) {
                                // A waiter that is gone gives its reservation back itself.
                                let _ = waiter.send(());
                            }
                        }
                    }
                }
                (objects, state.calls.next_grant(now))
            };
            for key in &objects {
                (self.shared.wake)(key);
            }
            match next {
                Some(at) => tokio::select! {
                    () = tokio::time::sleep_until(self.shared.clock.instant(at)) => {}
                    () = self.shared.changed.notified() => {}
                },
                None => self.shared.changed.notified().await,
            }
        }
    }
}
