//! The mandate of this process: nothing that changes something at a provider is begun that could outlast it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::account::{Clock, NotStarted, ObjectKey, Waker};
use crate::core::lease::Leadership;
use crate::core::outcome::{Doubt, DoubtKind, Outcome};
use crate::core::time::Moment;

/// How long a call that changes something may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Longest {
    /// A create.
    pub create: Duration,
    /// An update or a delete.
    pub write: Duration,
    /// From the reservation of a create to the create itself, the write of the intent between them included; usually.
    pub slack: Duration,
}

/// Whether, and until when, this process leads. Clones are one.
#[derive(Clone)]
pub struct Mandate(Option<Arc<Shared>>);

struct Shared {
    clock: Clock,
    longest: Longest,
    state: Mutex<State>,
    early: Notify,
}

#[derive(Default)]
struct State {
    leadership: Option<Leadership>,
    /// Nothing begins any more, whatever is left.
    over: bool,
    waiting: BTreeMap<ObjectKey, Waker>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every statement under this lock leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mandate {
    /// Without election: it never ends.
    pub fn undisputed() -> Self {
        Self(None)
    }

    /// With election: nothing is begun before [`Mandate::extend`].
    pub fn elected(clock: Clock, longest: Longest) -> Self {
        Self(Some(Arc::new(Shared { clock, longest, state: Mutex::default(), early: Notify::new() })))
    }

    /// We lead until then; whoever waited for that is woken.
    pub fn extend(&self, leadership: Leadership) {
        let Some(shared) = &self.0 else { return };
        let waiting = {
            let mut state = shared.state();
            state.leadership = Some(leadership);
            std::mem::take(&mut state.waiting)
        };
        for (key, wake) in &waiting {
            wake(key);
        }
    }

    /// We do not lead any more: nothing is begun. What is under way may go on until the moment that was known before.
    pub fn end(&self) {
        if let Some(shared) = &self.0 {
            shared.state().over = true;
        }
    }

    /// After [`Mandate::end`]: how long what is under way may go on.
    pub fn rest(&self) -> Option<Duration> {
        let shared = self.0.as_ref()?;
        let state = shared.state();
        let until = state.leadership.map_or(Moment::ZERO, |leadership| leadership.valid_until);
        state.over.then(|| until.since(shared.clock.now()))
    }

    /// Waits until somebody needs more time than is left.
    pub async fn wanted(&self) {
        match &self.0 {
            Some(shared) => shared.early.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Whether a create that is prepared now can be sent. If not, a renewal is asked for, and `who` is woken after it.
    pub(super) fn may_prepare(&self, who: &ObjectKey, wake: &Waker) -> bool {
        self.covers(|longest| longest.create + longest.slack, who, wake)
    }

    /// Whether a create may be sent.
    pub(super) fn may_create(&self, who: &ObjectKey, wake: &Waker) -> Result<(), NotStarted> {
        if self.covers(|longest| longest.create, who, wake) { Ok(()) } else { Err(NotStarted::NotLeading) }
    }

    /// Whether an update or a delete may be sent.
    pub(super) fn may_write(&self, who: &ObjectKey, wake: &Waker) -> Result<(), NotStarted> {
        if self.covers(|longest| longest.write, who, wake) { Ok(()) } else { Err(NotStarted::NotLeading) }
    }

    fn covers(&self, time: impl Fn(&Longest) -> Duration, who: &ObjectKey, wake: &Waker) -> bool {
        let Some(shared) = &self.0 else { return true };
        let mut state = shared.state();
        let until = state.leadership.filter(|_| !state.over).map_or(Moment::ZERO, |leadership| leadership.valid_until);
        // Exactly until then is too long.
        if shared.clock.now() + time(&shared.longest) < until {
            return true;
        }
        if !state.over {
            state.waiting.insert(who.clone(), Arc::clone(wake));
            shared.early.notify_one();
        }
        false
    }

    /// The call, given up where leading ends: that a process stood still does not make its calls younger, and some calls are several
    /// requests. What was given up may have been executed.
    pub(super) async fn within<T>(&self, call: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let Some(shared) = &self.0 else { return call.await };
        let until = || shared.state().leadership.map_or(Moment::ZERO, |leadership| leadership.valid_until);
        let (mut call, mut timer) = (pin!(call), pin!(sleep_until(Instant::now())));
        std::future::poll_fn(|context| {
            // Asked before the call goes on, and not only when the timer says so: after a stop both are due at once.
            loop {
                let end = until();
                if shared.clock.now() >= end {
                    let message = "leading ended before the provider answered".to_owned();
                    return Poll::Ready(Outcome::Unknown(Doubt { kind: DoubtKind::TimeOut, message }));
                }
                if timer.deadline() == shared.clock.instant(end) {
                    break;
                }
                timer.as_mut().reset(shared.clock.instant(end));
            }
            if let Poll::Ready(outcome) = call.as_mut().poll(context) {
                return Poll::Ready(outcome);
            }
            if timer.as_mut().poll(context).is_ready() {
                // Renewed in this instant, or over: it is looked at once more.
                context.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await
    }
}
