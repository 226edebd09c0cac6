//! The world as small numbers: one object at the API server, endpoints and requests at the provider, and what each leader knows.
//! No text and no clock: moments are ages in ticks, identities are positions.

use crate::besides::{Besides, Change};

/// Endpoints that can be told apart at one time.
pub const SLOTS: usize = 4;
/// Most leaders.
pub const LEADERS: usize = 2;
/// A nonce that was not handed out yet.
pub const FRESH: u8 = 15;
/// Stands for an endpoint of which no id is known, where somebody gives it up.
pub const UNRESOLVED: u8 = SLOTS as u8;
/// Gaps between moments of one leader larger than this are all the same to every threshold of the protocol (settle is 2).
pub const LONGEST_GAP: u8 = 3;

/// How many ticks ago.
pub type Age = u8;

/// What a request shows of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seen {
    /// Its alias: 0 and 1 are wishes of the user, 2 was set by hand in the console.
    pub alias: u8,
    /// Its username does not carry the object's mark: the id was used again for somebody else's endpoint. Of an object that adopts: it
    /// is not the endpoint that was to be adopted.
    pub foreign: bool,
    /// Its name carries no mark at all (where anybody can take it away).
    pub bare: bool,
    /// A field that cannot be changed together with the alias, where there is one.
    pub more: u8,
}

/// An announced create.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Intent {
    /// Tells it from others.
    pub nonce: u8,
    /// Its outcome is not known.
    pub open: bool,
}

/// `status.ledger`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ledger {
    /// Whose.
    pub uid: u8,
    /// The newest intent.
    pub intent: Option<Intent>,
    /// Condemned endpoints, a bit each.
    pub tombstones: u8,
    /// The password's version is remembered.
    pub password: bool,
    /// Another installation wrote it.
    pub elsewhere: bool,
}

/// What the status says of the deletion of a trunk group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Said {
    /// Nothing.
    #[default]
    Nothing,
    /// It is on its way.
    Goes,
    /// It is on its way, and refused at present.
    Refused,
}

/// What `next` reads of the status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Status {
    /// The operator's memory.
    pub ledger: Option<Ledger>,
    /// `endpoint_id`.
    pub recorded: Option<u8>,
    /// `account` is set (to the one account there is; the other one is never pinned).
    pub pinned: bool,
    /// `sip_uri` is set: the recorded endpoint was read.
    pub read: bool,
    /// `Synced` was last compared for this generation.
    pub synced: bool,
    /// What it says of the deletion of a trunk group.
    pub said: Said,
    /// `username` is somebody else's (told apart only where endpoints are adopted).
    pub stranger: bool,
}

/// The object at one version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Object {
    /// Identity.
    pub uid: u8,
    /// `deletionTimestamp` is set.
    pub deleting: bool,
    /// Our finalizer is on it.
    pub finalizer: bool,
    /// Paused by annotation.
    pub paused: bool,
    /// The wanted alias.
    pub alias: u8,
    /// The spec adopts the first endpoint.
    pub adopts: bool,
    /// Given up by the annotation `force-orphan`: this endpoint, or [`UNRESOLVED`].
    pub given_up: Option<u8>,
    /// The status.
    pub status: Status,
}

/// Where an endpoint is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Life {
    /// There is none.
    #[default]
    None,
    /// It exists, but neither reads nor listings show it yet.
    Hidden(Age),
    /// It exists.
    Live,
    /// It was deleted, but listings still show it.
    Ghost(Age),
    /// It was deleted this long ago; told apart only where ids are used again.
    Dead(Age),
}

/// An endpoint at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Where it is in its life.
    pub life: Life,
    /// What is shown of it.
    pub seen: Seen,
    /// Since something points to it (0, 1 and more).
    pub used: Option<Age>,
    /// Since somebody took its mark away (0, 1 and more).
    pub stripped: Option<Age>,
}

impl Endpoint {
    /// No endpoint.
    pub const NONE: Self =
        Self { life: Life::None, seen: Seen { alias: 0, foreign: false, bare: false, more: 0 }, used: None, stripped: None };

    /// One that exists and is seen.
    pub fn live(seen: Seen) -> Self {
        Self { life: Life::Live, seen, ..Self::NONE }
    }

    /// It exists, seen or not.
    pub fn exists(&self) -> bool {
        matches!(self.life, Life::Hidden(_) | Life::Live)
    }

    /// It exists and was made for the object, whether or not its mark was taken away since.
    pub fn made_for_us(&self) -> bool {
        self.exists() && !self.seen.foreign
    }
}

/// A create that was sent and not executed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flight {
    /// Who waits for its answer.
    pub author: Option<u8>,
    /// Since it was sent.
    pub age: Age,
    /// The alias it asks for.
    pub alias: u8,
    /// It will be executed a second time.
    pub again: bool,
}

/// A listing as a leader keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listing {
    /// Since it began.
    pub age: Age,
    /// Absence counts.
    pub complete: bool,
    /// What it shows, amended.
    pub seen: [Option<Seen>; SLOTS],
}

/// A listing that is being taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Running {
    /// Since it began.
    pub age: Age,
    /// Existed all the while: a bit each.
    pub certain: u8,
    /// Existed for a part of it.
    pub possible: u8,
    /// Our own creates answered meanwhile.
    pub added: u8,
    /// Our own deletions answered meanwhile.
    pub removed: u8,
}

/// An answer to our create.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// An endpoint.
    Done(u8),
    /// Certainly not executed.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// An intent of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Own {
    /// Ties it to the ledger.
    pub nonce: u8,
    /// Since its write began (0, 1 and more).
    pub age: Age,
    /// What became of it.
    pub answer: Option<Answer>,
}

/// Our last update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Update {
    /// Since it was answered.
    pub age: Age,
    /// What was sent.
    pub change: Change,
    /// In a row; 0 if the answer was lost.
    pub times: u8,
}

/// The connection Secret, with the generated password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Phone {
    /// The endpoint that the rest of it describes.
    pub of: Option<u8>,
}

/// A process: what it knows of the object, what it remembers, and the listings of the account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Leader {
    /// The object as last read or written.
    pub copy: Option<Object>,
    /// The connection Secret as last read.
    pub phone: Option<Phone>,
    /// A live read found none of this uid any more.
    pub gone: bool,
    /// One complete listing in this term.
    pub term: bool,
    /// The credentials lead to another account.
    pub astray: bool,
    /// The account is suspended.
    pub suspended: bool,
    /// Endpoints that another live object has a better right to, a bit each.
    pub claims: u8,
    /// The account's brakes hold this object's deletion.
    pub no_deletion: bool,
    /// The account's brakes hold the replacement of what is gone.
    pub no_recreation: bool,
    /// The two newest complete listings, oldest first, and the newest if it is not complete.
    pub listings: [Option<Listing>; 3],
    /// A listing under way.
    pub running: Option<Running>,
    /// The newest intent's nonce, and since when it is known.
    pub known: Option<(u8, Age)>,
    /// Since when the status is known to be blank.
    pub blank: Option<Age>,
    /// Our own intent.
    pub own: Option<Own>,
    /// Our answered deletions: since when, and whether confirmed.
    pub deleted: [Option<(Age, bool)>; SLOTS],
    /// Our last update.
    pub update: Option<Update>,
    /// Since our last create or update was answered.
    pub effect: Option<Age>,
    /// A call failed in this tick: refused (true) or unknown.
    pub trouble: Option<bool>,
    /// A create permit is reserved.
    pub permit: bool,
    /// Reads by id.
    pub gets: [Option<(Age, Option<Seen>)>; SLOTS],
    /// Which of them belong to this pass, a bit each.
    pub just_read: u8,
    /// Which deletions belong to this pass.
    pub just_deleted: u8,
    /// What else it knows, at some providers.
    pub besides: Besides,
}

/// Everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The object at the API server.
    pub object: Option<Object>,
    /// Its connection Secret, where the world has one; it goes with the object.
    pub phone: Option<Phone>,
    /// The uid of the next object.
    pub next_uid: u8,
    /// What a backup of etcd holds.
    pub saved: Option<Option<Object>>,
    /// The provider's endpoints.
    pub endpoints: [Endpoint; SLOTS],
    /// Creates under way.
    pub flights: [Option<Flight>; 2],
    /// The processes.
    pub leaders: [Leader; LEADERS],
    /// Whose copy is the newest version, a bit each.
    pub current: u8,
    /// What may still go wrong.
    pub left: crate::world::Budget,
    /// Invariants that a step broke, a bit each.
    pub broken: u16,
    /// An assumption of the promises "at every instant" was broken: only those about the end hold from here on.
    pub excused: bool,
    /// Creates that are not accounted for (I5).
    pub unaccounted: u8,
}

impl State {
    /// Whether this leader waits for the answer to its create.
    pub fn waiting(&self, leader: usize) -> bool {
        self.flights.iter().flatten().any(|flight| flight.author == Some(leader as u8))
    }

    /// Whether this leader's copy is the newest version.
    pub fn is_current(&self, leader: usize) -> bool {
        self.current & (1 << leader) != 0
    }

    /// This endpoint exists and is the object's own: it carries its mark, or is recorded. Whose mark was taken away before it was
    /// recorded is nobody's any more.
    pub fn ours(&self, slot: usize) -> bool {
        let endpoint = &self.endpoints[slot];
        let recorded = || self.object.is_some_and(|object| object.status.recorded == Some(slot as u8));
        endpoint.made_for_us() && (!endpoint.seen.bare || recorded())
    }

    /// The object's endpoints that exist.
    pub fn live(&self) -> usize {
        (0..SLOTS).filter(|slot| self.ours(*slot)).count()
    }

    /// Creates that may still be executed.
    pub fn flying(&self) -> usize {
        self.flights.iter().flatten().map(|flight| 1 + usize::from(flight.again)).sum()
    }

    /// The first place for a new endpoint: nothing exists there and nobody remembers it.
    pub fn free_slot(&self) -> Option<usize> {
        (0..SLOTS).find(|slot| {
            let bit = 1 << slot;
            let known = |object: &Object| object.mentions() & bit != 0;
            let remembered = |leader: &Leader| {
                leader.copy.as_ref().is_some_and(known)
                    || leader.phone.is_some_and(|phone| phone.of == Some(*slot as u8))
                    || leader.deleted[*slot].is_some()
                    || leader.gets[*slot].is_some()
                    || leader.besides.mentions() & bit != 0
                    || leader.besides.references[*slot].is_some()
                    || leader.listings.iter().flatten().any(|listing| listing.seen[*slot].is_some())
                    || matches!(leader.own, Some(Own { answer: Some(Answer::Done(own)), .. }) if usize::from(own) == *slot)
                    || leader
                        .running
                        .is_some_and(|running| (running.certain | running.possible | running.added | running.removed) & bit != 0)
            };
            self.endpoints[*slot] == Endpoint::NONE
                && self.phone.is_none_or(|phone| phone.of != Some(*slot as u8))
                && !self.object.iter().chain(self.saved.iter().flatten()).any(known)
                && !self.leaders.iter().any(remembered)
        })
    }
}

impl Status {
    /// The newest intent's nonce.
    pub fn nonce(&mut self) -> Option<&mut u8> {
        self.ledger.as_mut()?.intent.as_mut().map(|intent| &mut intent.nonce)
    }

    /// The endpoints it names, a bit each.
    pub fn mentions(&self) -> u8 {
        self.recorded.map_or(0, |slot| 1 << slot) | self.ledger.map_or(0, |ledger| ledger.tombstones)
    }
}

impl Object {
    /// The endpoints it names, a bit each.
    pub fn mentions(&self) -> u8 {
        let given_up = self.given_up.filter(|slot| *slot != UNRESOLVED).map_or(0, |slot| 1 << slot);
        self.status.mentions() | given_up | u8::from(self.adopts)
    }
}

impl Leader {
    /// A process that knows nothing yet, in the same surroundings.
    pub fn reborn(&self) -> Self {
        let Self { astray, suspended, claims, no_deletion, no_recreation, besides, .. } = *self;
        Self { astray, suspended, claims, no_deletion, no_recreation, besides: besides.reborn(), ..Self::default() }
    }

    /// Every moment that it remembers.
    pub fn moments(&mut self, mut each: impl FnMut(&mut Age)) {
        self.listings.iter_mut().flatten().for_each(|listing| each(&mut listing.age));
        self.running.iter_mut().for_each(|running| each(&mut running.age));
        self.known.iter_mut().for_each(|(_, age)| each(age));
        self.blank.iter_mut().for_each(&mut each);
        self.deleted.iter_mut().flatten().for_each(|(age, _)| each(age));
        self.update.iter_mut().for_each(|update| each(&mut update.age));
        self.effect.iter_mut().for_each(&mut each);
        self.gets.iter_mut().flatten().for_each(|(age, _)| each(age));
        self.besides.moments(&mut each);
    }

    /// A tick passes.
    pub fn grow_older(&mut self) {
        self.moments(|age| *age += 1);
        if let Some(own) = &mut self.own {
            own.age = 1;
        }
        // Every back-off is shorter than a tick.
        self.trouble = None;
        self.just_read = 0;
        self.just_deleted = 0;
        self.besides.grow_older();
    }
}
