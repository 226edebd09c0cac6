//! What the account knows of its collections, and who is to hear of it.
//!
//! Endpoints are listed as long as the account lives. Trunk groups and numbers are listed only while somebody watches one, applications
//! only while somebody watches a name: they cost calls. After our own answered calls nothing is listed anew, what was listed is amended.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::account::shelf::{Endpoints, Listable, Named, TrunkGroups};
use crate::account::snapshot::SnapshotView;
use crate::account::{Account, Expectation, Lane, NumberExpectation, ObjectKey, Resolution, Thing};
use crate::core::sighting::Sightings;
use crate::core::sighting::applications::Applications;
use crate::core::sighting::numbers::Numbers;

/// A name that the last listing of applications does not show is looked for anew if that listing is older. Many objects that name one
/// application are made in one moment, and so is the application itself.
const APPLICATIONS_FRESH: Duration = Duration::from_secs(5);

impl Account {
    /// The listings of endpoints of now.
    pub fn snapshots(&self) -> SnapshotView<Sightings> {
        self.things(Thing::Endpoint)
    }

    /// The listings of things of this kind of now. Of trunk groups: see [`Account::numbers`].
    pub fn things(&self, thing: Thing) -> SnapshotView<Sightings> {
        self.inner.state().things(thing).history.view()
    }

    /// Whether things of this kind are listed, once in a sweep period: trunk groups only while somebody watches one.
    pub fn lists(&self, thing: Thing) -> bool {
        let state = self.inner.state();
        match thing {
            Thing::Endpoint => Endpoints::swept(&state),
            Thing::TrunkGroup => TrunkGroups::swept(&state),
        }
    }

    /// The listings of numbers of now. Nothing, until somebody has watched one; outdated, when nobody does any more.
    pub fn numbers(&self) -> SnapshotView<Numbers> {
        self.inner.state().numbers.history.view()
    }

    /// The listings of applications of now; see [`Account::numbers`].
    pub fn applications(&self) -> SnapshotView<Applications> {
        self.inner.state().applications.history.view()
    }

    /// What the name of an application stands for, as far as that was listed.
    pub fn application(&self, name: &str) -> Resolution {
        self.inner.state().applications.resolve(name)
    }

    /// The next listing of things of this kind that begins after now also serves `who`, who is woken when it is there. Asked again in a
    /// more urgent lane, the lane rises. A listing that already runs does not count, but is finished in the most urgent lane anybody waits
    /// in.
    pub fn want_listing(&self, thing: Thing, who: ObjectKey, lane: Lane) {
        match thing {
            Thing::Endpoint => self.inner.want::<Endpoints>(who, lane),
            Thing::TrunkGroup => self.inner.want::<TrunkGroups>(who, lane),
        }
    }

    /// As [`Account::want_listing`], of numbers. One number is read with a single call by [`Account::get_number`].
    pub fn want_numbers(&self, who: ObjectKey, lane: Lane) {
        self.inner.want::<Numbers>(who, lane);
    }

    /// As [`Account::want_numbers`], for who knows nothing yet: a listing that already runs will do.
    pub fn await_numbers(&self, who: ObjectKey, lane: Lane) {
        let mut state = self.inner.state();
        match state.numbers.running {
            Some(_) => state.numbers.join(who, lane),
            None => state.numbers.want(who, lane),
        }
        drop(state);
        Numbers::changed(&self.inner).notify_one();
    }

    /// The object belongs to this account with a thing of this kind, and is woken by listings that contradict `expected`, and when the
    /// account works again. While anybody watches a trunk group they are all listed, once in a sweep period; endpoints always are.
    pub fn watch(&self, thing: Thing, who: ObjectKey, expected: Expectation) {
        let now = self.inner.clock.now();
        self.inner.state().things(thing).watch(who, expected, now);
        if thing == Thing::TrunkGroup {
            TrunkGroups::changed(&self.inner).notify_one();
        }
    }

    /// The object has to do with a number of this account: it is woken by listings of numbers that contradict `expected`, and when the
    /// account works again. While anybody watches a number they are all listed, once in a sweep period.
    pub fn watch_number(&self, who: ObjectKey, expected: NumberExpectation) {
        let now = self.inner.clock.now();
        self.inner.state().numbers.watch(who, expected, now);
        Numbers::changed(&self.inner).notify_one();
    }

    /// The object names this application, and no other: it is woken when what the name stands for is not what is answered here any more,
    /// and when the account works again. While anybody watches a name the applications are listed, once in a sweep period; at once if an
    /// object names one anew that is not known from a fresh listing.
    pub fn watch_application(&self, who: ObjectKey, name: &str) -> Resolution {
        let now = self.inner.clock.now();
        let mut state = self.inner.state();
        let shelf = &mut state.applications;
        let told = shelf.resolve(name);
        let before = shelf.watch(who.clone(), Named { name: name.to_owned(), told: told.clone() }, now);
        let anew = before.is_none_or(|before| before.name != name);
        let unknown = matches!(told, Resolution::NotListed | Resolution::Missing);
        let fresh = shelf.history.newest().is_some_and(|newest| now.since(newest.began) < APPLICATIONS_FRESH);
        if anew && unknown && !fresh {
            shelf.want(who, Lane::Repair);
        }
        drop(state);
        Applications::changed(&self.inner).notify_one();
        told
    }

    /// The object names no application any more.
    pub fn unwatch_application(&self, who: &ObjectKey) {
        self.inner.state().applications.forget(who);
    }

    /// The object has nothing to do with this account any more. Its places in queues are given up.
    pub fn unwatch(&self, who: &ObjectKey) {
        let mut state = self.inner.state();
        state.endpoints.forget(who);
        state.trunk_groups.forget(who);
        state.numbers.forget(who);
        state.applications.forget(who);
        drop(state);
        self.inner.budget.forget(who);
    }

    /// Which objects belong to the account.
    pub fn watched(&self) -> Vec<ObjectKey> {
        let state = self.inner.state();
        let things = state.endpoints.watched.keys().chain(state.trunk_groups.watched.keys());
        let all: BTreeSet<&ObjectKey> = things.chain(state.numbers.watched.keys()).chain(state.applications.watched.keys()).collect();
        all.into_iter().cloned().collect()
    }

    /// A new term (leadership, or a list of objects that went backwards): nothing is created before one more complete listing of all that
    /// is of its kind.
    pub fn begin_term(&self) {
        let now = self.inner.clock.now();
        let mut state = self.inner.state();
        state.endpoints.history.begin_term(now);
        state.trunk_groups.history.begin_term(now);
        drop(state);
        Endpoints::changed(&self.inner).notify_one();
        TrunkGroups::changed(&self.inner).notify_one();
    }
}
