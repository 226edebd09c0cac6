//! One collection of an account and all that has to do with listing it: what was listed, what runs, who waits and who watches.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;
use tokio::sync::Notify;

use crate::account::snapshot::History;
use crate::account::{Inner, Lane, ObjectKey, State, Thing};
use crate::core::call::Subject;
use crate::core::fields::{Application, Number, Remote};
use crate::core::listing::{Assembler, SurplusHabit};
use crate::core::outcome::{Outcome, Refusal, RefusalKind};
use crate::core::sighting::applications::{Applications, Resolution, resolve};
use crate::core::sighting::numbers::{self, NumberExpectation, Numbers};
use crate::core::sighting::{self, Amendment, Collection, Expectation, Sightings};
use crate::core::time::Moment;
use crate::provider::{Page, Provider};

/// What the account keeps of one collection.
pub(super) struct Shelf<C: Shelved> {
    pub(super) history: History<C>,
    pub(super) running: Option<Running<C>>,
    /// Who waits for a listing that has not begun.
    pub(super) waiting: BTreeMap<ObjectKey, Lane>,
    /// Who waits for the one that runs.
    pub(super) serving: BTreeMap<ObjectKey, Lane>,
    pub(super) watched: BTreeMap<ObjectKey, C::Expected>,
    /// Since when there has always been somebody who watches.
    pub(super) since: Option<Moment>,
    pub(super) habit: SurplusHabit,
    /// Our creates that are under way.
    pub(super) creates: u64,
    /// Our deletes that are under way, by id.
    pub(super) deletes: BTreeMap<String, u32>,
    /// The provider does not select by the mark here, whatever it says: what is looked for is looked for in listings.
    pub(super) unselective: bool,
}

/// A listing under way, and our calls that were answered since it began.
pub(super) struct Running<C: Collection> {
    pub(super) assembler: Assembler<C::Entry>,
    pub(super) since: Vec<C::Amendment>,
}

impl<C: Shelved> Default for Shelf<C> {
    fn default() -> Self {
        Self {
            history: History::default(),
            running: None,
            waiting: BTreeMap::new(),
            serving: BTreeMap::new(),
            watched: BTreeMap::new(),
            since: None,
            habit: SurplusHabit::default(),
            creates: 0,
            deletes: BTreeMap::new(),
            unselective: false,
        }
    }
}

impl<C: Shelved> Shelf<C> {
    /// Whose expectation the newest listing does not meet.
    fn differing(&self, differs: fn(&C::Expected, &C, bool) -> bool) -> BTreeSet<ObjectKey> {
        let Some(newest) = self.history.newest() else { return BTreeSet::new() };
        let differing = self.watched.iter().filter(|(_, expected)| differs(expected, &newest.items, newest.is_complete()));
        differing.map(|(key, _)| key.clone()).collect()
    }

    /// The next listing that begins serves `who`, in this lane or a more urgent one that was asked for before.
    pub(super) fn want(&mut self, who: ObjectKey, lane: Lane) {
        let wanted = self.waiting.entry(who).or_insert(lane);
        *wanted = lane.min(*wanted);
    }

    /// As [`Shelf::want`], of the listing that runs.
    pub(super) fn join(&mut self, who: ObjectKey, lane: Lane) {
        let wanted = self.serving.entry(who).or_insert(lane);
        *wanted = lane.min(*wanted);
    }

    /// What `who` expected before, if it watches already.
    pub(super) fn watch(&mut self, who: ObjectKey, expected: C::Expected, now: Moment) -> Option<C::Expected> {
        self.since.get_or_insert(now);
        self.watched.insert(who, expected)
    }

    pub(super) fn forget(&mut self, who: &ObjectKey) {
        self.watched.remove(who);
        self.since = self.since.filter(|_| !self.watched.is_empty());
        self.waiting.remove(who);
        self.serving.remove(who);
    }

    /// Everybody that has to do with it.
    pub(super) fn concerned(&self) -> impl Iterator<Item = &ObjectKey> {
        self.watched.keys().chain(self.waiting.keys())
    }

    /// A listing begins now. What is in flight may or may not be seen by it.
    pub(super) fn begin(&mut self, mut assembler: Assembler<C::Entry>) {
        for _ in 0..self.creates {
            assembler.own_create_sent();
        }
        for id in self.deletes.keys() {
            assembler.own_deleted(id);
        }
        self.serving = std::mem::take(&mut self.waiting);
        self.running = Some(Running { assembler, since: Vec::new() });
    }

    /// An answered call of ours shows in all listings, and in the one that runs.
    pub(super) fn amend(&mut self, amendment: C::Amendment) {
        self.history.amend(&amendment);
        if let Some(running) = &mut self.running {
            C::note(&mut running.assembler, &amendment);
            running.since.push(amendment);
        }
    }
}

/// What can be kept on a shelf.
pub(super) trait Shelved: Collection {
    /// What an object expects of it.
    type Expected: Send;

    /// Tells a listing under way of an answered call of ours.
    fn note(_: &mut Assembler<Self::Entry>, _: &Self::Amendment) {}

    /// Who is contradicted by what was listed last.
    fn contradicted(shelf: &Shelf<Self>) -> BTreeSet<ObjectKey>;
}

impl Shelved for Sightings {
    type Expected = Expectation;

    fn note(assembler: &mut Assembler<Remote>, amendment: &Amendment) {
        if let Amendment::Created(remote) = amendment {
            assembler.own_created(&remote.id);
        }
    }

    fn contradicted(shelf: &Shelf<Self>) -> BTreeSet<ObjectKey> {
        shelf.differing(sighting::differs)
    }
}

impl Shelved for Numbers {
    type Expected = NumberExpectation;

    fn contradicted(shelf: &Shelf<Self>) -> BTreeSet<ObjectKey> {
        shelf.differing(numbers::differs)
    }
}

/// A name of an application, and what the object was told that it stands for.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) told: Resolution,
}

impl Shelf<Applications> {
    /// What the name stands for at present.
    pub(super) fn resolve(&self, name: &str) -> Resolution {
        let newer = self.history.newest().filter(|newest| !newest.is_complete());
        resolve(name, self.history.complete().map(|complete| &complete.items), newer.map(|newer| &newer.items))
    }
}

impl Shelved for Applications {
    type Expected = Named;

    fn contradicted(shelf: &Shelf<Self>) -> BTreeSet<ObjectKey> {
        // The same name is asked about by many.
        let mut known: BTreeMap<&str, Resolution> = BTreeMap::new();
        let mut contradicted = BTreeSet::new();
        for (key, named) in &shelf.watched {
            if *known.entry(&named.name).or_insert_with(|| shelf.resolve(&named.name)) != named.told {
                contradicted.insert(key.clone());
            }
        }
        contradicted
    }
}

/// A collection of an account that the sweep can list.
pub(super) trait Listable: 'static {
    /// For the log.
    const NAME: &'static str;
    /// What it is a collection of.
    const SUBJECT: Subject;
    /// What its listings are.
    type Of: Shelved;

    fn shelf(state: &mut State) -> &mut Shelf<Self::Of>;

    /// Wakes the task that lists it.
    fn changed(inner: &Inner) -> &Notify;

    fn page<'a>(provider: &'a dyn Provider, offset: u64, limit: u64) -> BoxFuture<'a, Outcome<Page<<Self::Of as Collection>::Entry>>>;

    /// Whether the provider has such a collection.
    fn offered(_: &dyn Provider) -> bool {
        true
    }

    /// Whether it is listed although nobody waits for it.
    fn swept(state: &State) -> bool;

    /// Whether a listing is due at once although nobody waits for it.
    fn due_at_once(_: &State) -> bool {
        false
    }
}

/// The endpoints of an account.
pub(super) struct Endpoints;

impl Listable for Endpoints {
    const NAME: &'static str = "endpoints";
    const SUBJECT: Subject = Subject::Endpoint;
    type Of = Sightings;

    fn shelf(state: &mut State) -> &mut Shelf<Sightings> {
        &mut state.endpoints
    }

    fn changed(inner: &Inner) -> &Notify {
        &inner.changed.endpoints
    }

    fn page<'a>(provider: &'a dyn Provider, offset: u64, limit: u64) -> BoxFuture<'a, Outcome<Page<Remote>>> {
        provider.endpoints().list(offset, limit)
    }

    fn swept(_: &State) -> bool {
        true
    }

    fn due_at_once(state: &State) -> bool {
        !state.endpoints.history.term_complete()
    }
}

/// The trunk groups of an account.
pub(super) struct TrunkGroups;

impl Listable for TrunkGroups {
    const NAME: &'static str = "trunk groups";
    const SUBJECT: Subject = Subject::TrunkGroup;
    type Of = Sightings;

    fn shelf(state: &mut State) -> &mut Shelf<Sightings> {
        &mut state.trunk_groups
    }

    fn changed(inner: &Inner) -> &Notify {
        &inner.changed.trunk_groups
    }

    fn page<'a>(provider: &'a dyn Provider, offset: u64, limit: u64) -> BoxFuture<'a, Outcome<Page<Remote>>> {
        match provider.trunk_groups() {
            Some(groups) => groups.list(offset, limit),
            // Its credentials were replaced in this very moment.
            None => Box::pin(async { not_had(Thing::TrunkGroup) }),
        }
    }

    fn offered(provider: &dyn Provider) -> bool {
        provider.trunk_groups().is_some()
    }

    fn swept(state: &State) -> bool {
        !state.trunk_groups.watched.is_empty()
    }

    /// None is made before the term's first complete one.
    fn due_at_once(state: &State) -> bool {
        Self::swept(state) && !state.trunk_groups.history.term_complete()
    }
}

impl Listable for Numbers {
    const NAME: &'static str = "numbers";
    const SUBJECT: Subject = Subject::Number;
    type Of = Self;

    fn shelf(state: &mut State) -> &mut Shelf<Self> {
        &mut state.numbers
    }

    fn changed(inner: &Inner) -> &Notify {
        &inner.changed.numbers
    }

    fn page<'a>(provider: &'a dyn Provider, offset: u64, limit: u64) -> BoxFuture<'a, Outcome<Page<Number>>> {
        provider.list_numbers(offset, limit)
    }

    fn swept(state: &State) -> bool {
        !state.numbers.watched.is_empty()
    }
}

impl Listable for Applications {
    const NAME: &'static str = "applications";
    const SUBJECT: Subject = Subject::Application;
    type Of = Self;

    fn shelf(state: &mut State) -> &mut Shelf<Self> {
        &mut state.applications
    }

    fn changed(inner: &Inner) -> &Notify {
        &inner.changed.applications
    }

    fn page<'a>(provider: &'a dyn Provider, offset: u64, limit: u64) -> BoxFuture<'a, Outcome<Page<Application>>> {
        provider.list_applications(offset, limit)
    }

    fn swept(state: &State) -> bool {
        !state.applications.watched.is_empty()
    }

    /// A name means nothing before the first complete one.
    fn due_at_once(state: &State) -> bool {
        Self::swept(state) && state.applications.history.complete().is_none()
    }
}

/// What is answered for things that the provider does not have. Nothing was sent.
pub(super) fn not_had<T>(thing: Thing) -> Outcome<T> {
    let message = format!("the provider has no {}s; nothing was sent", thing.as_str());
    Outcome::Refused(Refusal { kind: RefusalKind::Invalid, message, retry_after: None })
}
