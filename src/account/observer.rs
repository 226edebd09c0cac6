//! What an account tells of itself to whoever counts: kinds of calls, waits and listings, and never which thing or which account.

use std::time::Duration;

use crate::account::budget::Load;
use crate::account::shelf::{Endpoints, Listable, TrunkGroups};
use crate::account::{Account, Inner, Lane};
use crate::api::refs::ProviderKind;
use crate::core::call::{Answer, Call, Subject};
use crate::core::sighting::applications::Applications;
use crate::core::sighting::numbers::Numbers;
use crate::core::time::Moment;

/// Counts what accounts do. Must not block and must not call back into the account.
pub trait Observer: Send + Sync {
    /// A call was answered, or it is certain that it will not be.
    fn called(&self, provider: ProviderKind, call: Call, answer: Answer, took: Duration);
    /// A call was let through by the budget after this time; zero if it did not wait.
    fn waited(&self, provider: ProviderKind, lane: Lane, time: Duration);
    /// A listing ended; whether it was complete.
    fn listed(&self, provider: ProviderKind, collection: Subject, complete: bool, took: Duration);
}

/// Nobody counts.
impl Observer for () {
    fn called(&self, _: ProviderKind, _: Call, _: Answer, _: Duration) {}
    fn waited(&self, _: ProviderKind, _: Lane, _: Duration) {}
    fn listed(&self, _: ProviderKind, _: Subject, _: bool, _: Duration) {}
}

/// How old what is known of a collection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// What is listed.
    pub collection: Subject,
    /// Since the last complete listing began; if there was none, since it is listed: endpoints as long as the account is there, all else as
    /// long as somebody watches.
    pub age: Duration,
    /// From the beginning of one listing to the next.
    pub period: Duration,
}

impl Account {
    /// How much of its call budget is used at present.
    pub fn load(&self) -> Load {
        self.inner.budget.load()
    }

    /// How old what is known of each collection is that is listed at a cadence.
    pub fn freshness(&self) -> Vec<Freshness> {
        let inner = &self.inner;
        let all = [of::<Endpoints>(inner), of::<TrunkGroups>(inner), of::<Numbers>(inner), of::<Applications>(inner)];
        all.into_iter().flatten().collect()
    }
}

fn of<C: Listable>(inner: &Inner) -> Option<Freshness> {
    let offered = C::offered(&*inner.provider());
    let now = inner.clock.now();
    let mut state = inner.state();
    let swept = offered && C::swept(&state);
    let period = state.sweep_period;
    let shelf = C::shelf(&mut state);
    let began = if C::SUBJECT == Subject::Endpoint { Some(inner.opened) } else { shelf.since };
    let listed = shelf.history.complete().map(|complete| complete.began);
    // What is from before somebody watched again is no older than that.
    let since: Moment = listed.max(began).filter(|_| swept)?;
    Some(Freshness { collection: C::SUBJECT, age: now.since(since), period })
}
