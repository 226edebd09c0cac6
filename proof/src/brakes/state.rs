//! What there is: the objects, their endpoints, what the operator knows and has written, and what was done.

use super::World;

/// Most objects of a world.
pub const MOST: usize = 6;
/// When a world begins.
pub const BEGIN: u8 = 10;
/// Two deletions so many half minutes apart are within one minute.
pub const MINUTE: u8 = 2;
/// So many half minutes the limit on new endpoints holds.
pub const WINDOW: u8 = 3;

/// The life of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Life {
    /// It lives.
    Live,
    /// A user deleted it.
    Deleting,
    /// It is gone, its endpoint deleted by us.
    Deleted,
    /// It is gone without that.
    Left,
}

/// An object and its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Object {
    /// Whether it lives.
    pub life: Life,
    /// Its `deletionTimestamp`.
    pub at: u8,
    /// Its endpoint is at the provider.
    pub there: bool,
    /// Listings in a row that this process took and that lack it: one is a suspicion, two are proof.
    pub missed: u8,
    /// This process was told that it may delete the endpoint.
    pub admitted: bool,
    /// The vanished endpoint is forgotten, the next one not announced yet.
    pub limbo: bool,
    /// How often its endpoint was made anew.
    pub epoch: u8,
    /// When its endpoint was announced.
    pub born: u8,
    /// Something happened to it. (Of those to which nothing did, one is like the other.)
    pub touched: bool,
    /// When this process first noted it as suspected absent, on its own behalf or with the first of others.
    pub suspected: Option<u8>,
    /// Its absence was acknowledged.
    pub excused: bool,
}

/// An endpoint that was made anew without an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Made {
    /// Whose.
    pub who: u8,
    /// When the absence was suspected; `None` if it was acknowledged since.
    pub suspected: Option<u8>,
    /// When it was decided.
    pub at: u8,
    /// When it was announced: of this the next process is told.
    pub announced: u8,
}

/// What may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// See [`World`].
    pub deletes: u8,
    /// See [`World`].
    pub vanish: u8,
    /// See [`World`].
    pub returns: u8,
    /// See [`World`].
    pub give_ups: u8,
    /// See [`World`].
    pub restarts: u8,
    /// See [`World`].
    pub acknowledgements: u8,
    /// See [`World`].
    pub ticks: u8,
}

/// A brake's kind as an index: 0 deletions, 1 absences.
pub type Kind = u8;

/// Everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Now, by the API server's clock.
    pub now: u8,
    /// When this process began.
    pub started: u8,
    /// The brakes in memory, as the mind knows them.
    pub brake: u32,
    /// What is written in the account's status, as the mind knows it.
    pub written: u32,
    /// How many tokens there were.
    pub tokens: u8,
    /// The annotation on the account.
    pub annotation: Option<(Kind, u8)>,
    /// The objects.
    pub objects: [Object; MOST],
    /// What was made anew unacknowledged, in the last window or minute.
    pub made: [Option<Made>; MOST],
    /// The newest `deletionTimestamp`.
    pub newest: u8,
    /// Deletions up to then were acknowledged.
    pub acknowledged: Option<u8>,
    /// Deletions up to then were shown as counted when they were acknowledged: nobody may stop them any more.
    pub surely: Option<u8>,
    /// What a former process has let through before its brake engaged, and by what it counts: so the record says. (The new process takes
    /// all of it for done.)
    pub former: Option<(u8, u8)>,
    /// Restarts that took knowledge with them.
    pub forgotten: u8,
    /// Absences that were acknowledged to a former process: the next takes the first so many that it finds for those.
    pub credit: u8,
    /// What may still happen.
    pub budget: Budget,
    /// Invariants that a step broke.
    pub broken: u16,
}

impl State {
    /// All is well.
    pub fn begin(world: &World) -> Self {
        let object = |index| Object {
            life: if index < world.objects { Life::Live } else { Life::Left },
            at: 0,
            there: index < world.objects,
            missed: 0,
            admitted: false,
            limbo: false,
            epoch: 1,
            born: 0,
            touched: false,
            suspected: None,
            excused: false,
        };
        Self {
            now: BEGIN,
            started: BEGIN,
            brake: 0,
            written: 0,
            tokens: 0,
            annotation: None,
            objects: std::array::from_fn(object),
            made: [None; MOST],
            newest: 0,
            acknowledged: None,
            surely: None,
            former: None,
            forgotten: 0,
            credit: 0,
            budget: Budget {
                deletes: world.deletes,
                vanish: world.vanish,
                returns: world.returns,
                give_ups: world.give_ups,
                restarts: world.restarts,
                acknowledgements: world.acknowledgements,
                ticks: world.ticks,
            },
            broken: 0,
        }
    }

    /// Those that there are, by index.
    pub fn present(&self) -> impl Iterator<Item = (usize, &Object)> {
        self.objects.iter().enumerate().filter(|(_, object)| matches!(object.life, Life::Live | Life::Deleting))
    }

    /// The `deletionTimestamp`s of endpoints that we deleted and nobody acknowledged.
    pub fn deleted(&self) -> impl Iterator<Item = u8> {
        self.objects.iter().filter(|object| object.life == Life::Deleted).map(|object| object.at).filter(|at| self.unacknowledged(*at))
    }

    /// Whether nobody acknowledged a deletion with this `deletionTimestamp`.
    pub fn unacknowledged(&self, at: u8) -> bool {
        self.acknowledged.is_none_or(|until| at > until)
    }

    /// How many endpoints the newest listing of this process shows.
    pub fn listed(&self) -> usize {
        self.objects.iter().filter(|object| object.there && object.missed == 0).count()
    }

    /// What tells nothing any more is forgotten, so that states that differ in it are one.
    pub fn normalise(&mut self) {
        let (now, started) = (self.now, self.started);
        for made in &mut self.made {
            // The next process begins its window with its start at the earliest.
            let counts = |made: &Made| now - made.announced.max(started) < WINDOW || made.suspected.is_some_and(|at| now - at <= MINUTE);
            *made = made.filter(counts);
        }
        self.made.sort_unstable();
        for object in &mut self.objects {
            if matches!(object.life, Life::Deleted | Life::Left) {
                let at = if object.life == Life::Deleted { object.at } else { 0 };
                *object = Object {
                    life: object.life,
                    at,
                    there: false,
                    missed: 0,
                    admitted: false,
                    limbo: false,
                    epoch: 1,
                    born: 0,
                    touched: true,
                    suspected: None,
                    excused: false,
                };
            }
        }
    }
}

/// The most of these times within `within` of each other.
pub fn most(times: impl Iterator<Item = u8>, within: u8) -> usize {
    let mut times: Vec<u8> = times.collect();
    times.sort_unstable();
    (0..times.len()).map(|first| times[first..].iter().take_while(|at| **at - times[first] <= within).count()).max().unwrap_or_default()
}
