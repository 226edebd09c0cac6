//! A world: who takes part, what may go wrong and how often, and how a state leads to the next ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use stateright::{Model, Property};
use switchboard::api::policy::{DeletionPolicy, ManagementPolicy};
use switchboard::core::capabilities::Capabilities;
use switchboard::core::view::Thing;

use crate::ablation::Ablation;
use crate::invariants::{self, Invariant};
use crate::mind::{Mind, Step};
use crate::quiet::Quiet;
use crate::server::{is_elsewhere, objects_from_elsewhere};
use crate::state::{Endpoint, Flight, LEADERS, Leader, Life, Object, SLOTS, Seen, State, Status};

/// What may go wrong, or be done by people, a number of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A create is sent. (Not a fault; it bounds the world.)
    Create,
    /// A leader crashes and starts again.
    Crash,
    /// The provider's answer is lost, executed or not, now or later.
    Lost,
    /// The API server's answer to a write is lost.
    LostWrite,
    /// A create is refused.
    Refused,
    /// A new endpoint is not visible at once.
    Hidden,
    /// A deleted endpoint is still listed for a while.
    Ghost,
    /// A listing is torn, and seen to be.
    Torn,
    /// A listing that lacks something passes for complete.
    Lying,
    /// A sweep that nobody asked for.
    Sweep,
    /// The user wants another alias.
    Edit,
    /// The user deletes the object.
    Delete,
    /// The user applies it again.
    Apply,
    /// The user pauses it, or ends the pause.
    Pause,
    /// Another tool replaces the object: annotations and finalizers go, the status stays.
    Replace,
    /// Somebody deletes the endpoint in the console.
    Remove,
    /// Somebody edits it there.
    Retouch,
    /// The credentials are exchanged for another account's, and back.
    Swap,
    /// A create is delivered twice.
    Twice,
    /// The status is wiped.
    Wipe,
    /// Somebody takes our finalizer off.
    Force,
    /// etcd is restored to an earlier state.
    Rollback,
    /// The id of a deleted endpoint is given to somebody else's.
    Reuse,
    /// Another live object gets a better right to an endpoint, or goes.
    Claim,
    /// The account is suspended, or the suspension ends.
    Suspend,
    /// Somebody gives the endpoint of a deleted object up.
    Orphan,
    /// The account's brake on deletions is engaged, or released.
    HoldDeletion,
    /// The account's brake on replacing what is gone is engaged, or released.
    HoldRecreation,
    /// The Secret with the generated password is deleted, or restored.
    Lose,
    /// Somebody takes the mark out of a name.
    Rename,
    /// Something at the provider points to an endpoint, or does not any more.
    Point,
    /// The provider stops selecting by the mark, or begins again.
    Blind,
    /// Somebody needs the trunk group, or nobody does any more.
    Toggle,
}

/// How many kinds of faults there are.
pub const FAULTS: usize = Fault::Toggle as usize + 1;

/// What may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Budget([u8; FAULTS]);

impl Budget {
    /// Nothing.
    pub const NONE: Self = Self([0; FAULTS]);

    /// Whether one is left.
    pub fn has(&self, fault: Fault) -> bool {
        self.0[fault as usize] > 0
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, fault: Fault) -> bool {
        let left = &mut self.0[fault as usize];
        let had = *left > 0;
        *left = left.saturating_sub(1);
        had
    }
}

/// How a world begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The object was just applied.
    Applied,
    /// Its endpoint exists, is recorded, and all agrees.
    Healthy,
    /// As [`Start::Healthy`], but a second endpoint with its mark exists.
    Doubled,
    /// The object was applied into an empty cluster; its endpoint exists already.
    Rebuilt,
    /// The object is being deleted, and its endpoint is gone.
    Leaving,
    /// The object was just applied and adopts an endpoint that exists; another one with the object's mark exists as well.
    Adopting,
    /// As [`Start::Applied`], but its status names somebody else's endpoint: it comes from a backup, or from another object.
    Forged,
    /// The ledger is another installation's: with an endpoint recorded, with a create on its way, or with nothing at the provider.
    Elsewhere,
}

/// A world.
#[derive(Clone, Debug)]
pub struct World {
    /// One word.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Processes that take themselves for the leader.
    pub leaders: usize,
    /// How it begins.
    pub start: Start,
    /// How often what may happen.
    pub faults: &'static [(Fault, u8)],
    /// The assumptions A1 to A7 hold: what is promised for every instant is demanded.
    pub strict: bool,
    /// Creates may be executed at any time after they were sent (A1 broken).
    pub late: bool,
    /// Something may happen while a listing is taken.
    pub slow: bool,
    /// What happens to the endpoint when the object goes.
    pub deletion: DeletionPolicy,
    /// Whether anything may be written at the provider.
    pub management: ManagementPolicy,
    /// Suspensions, brakes and claims of other objects last for ever; else they end when faults stop.
    pub lasting: bool,
    /// The password is generated, and lives in the connection Secret.
    pub generates: bool,
    /// What the provider is like.
    pub capabilities: Capabilities,
    /// What is made at it.
    pub thing: Thing,
    /// It refuses to delete what something points to; else that leads nowhere afterwards.
    pub refuses: bool,
    /// All orders of so many events are tried; `None`: of any number.
    pub depth: Option<usize>,
    /// How many states it has: a world that shrinks by accident proves less.
    pub states: usize,
}

/// A world without one safeguard, or with all, and what was found out about it.
pub struct Proof {
    /// The world.
    pub world: World,
    /// The safeguard that is missing.
    pub ablation: Option<Ablation>,
    /// The shipping decisions.
    pub mind: Mind,
    /// States from which all ends well.
    pub quiet: Quiet,
    /// The invariants that are looked at, a bit each.
    pub wanted: u16,
    /// Invariants that were found broken: only the first, shortest way there is kept.
    pub found: Arc<AtomicU16>,
}

/// How a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// As it should.
    Good,
    /// Executed; the answer is lost.
    Lost,
    /// Not executed; the answer is lost.
    LostBefore,
    /// Not executed yet; the answer is lost.
    LostLater,
    /// Refused.
    Refused,
    /// Executed, but not visible at once; answered.
    Hidden,
    /// Executed, not visible at once, and the answer is lost.
    HiddenLost,
    /// Executed, but still listed for a while.
    Ghost,
    /// Answered with "not found", since it is not visible yet.
    Unseen,
}

/// What a listing shows: endpoints that exist and are left out, and whether that is noticed; endpoints that do not exist (all the
/// while) and are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Left out, a bit each.
    pub lacks: u8,
    /// It counts as complete.
    pub complete: bool,
    /// Shown although they were not there all the while, a bit each.
    pub besides: u8,
}

impl Look {
    /// All that is there, nothing else.
    pub const PLAIN: Self = Self { lacks: 0, complete: true, besides: 0 };
}

/// One transition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Act {
    /// A leader takes its next step.
    Step(u8, Step, Fate),
    /// A leader asks for a listing (or the sweep does) and gets it at once.
    List(u8, Option<Step>, Look),
    /// A leader asks for all that carries the mark, and gets it at once.
    Find(u8, Look),
    /// A listing begins.
    BeginList(u8, Option<Step>),
    /// A listing ends.
    EndList(u8, Look),
    /// A create in flight is answered.
    Answer(u8, Fate),
    /// A create in flight is executed late.
    Execute(u8, bool),
    /// A create in flight is never executed.
    Drop(u8),
    /// A create in flight will be executed twice.
    Twice(u8),
    /// A hidden endpoint becomes visible.
    Reveal(u8),
    /// A deleted endpoint is no longer listed.
    Vanish(u8),
    /// Time passes.
    Tick,
    /// A leader crashes and starts again.
    Crash(u8),
    /// A leader sees the newest version.
    Watch(u8),
    /// Something that people do, or other tools, or disasters.
    Event(Fault),
    /// Something that happens to one endpoint.
    Happen(Fault, u8),
}

impl Proof {
    /// Of a world with all safeguards, or without one; only these invariants are looked at.
    pub fn new(world: World, ablation: Option<Ablation>, wanted: &[Invariant]) -> Self {
        let mind = Mind::new(&world, ablation);
        let wanted = wanted.iter().fold(0, |mask, invariant| mask | 1 << *invariant as u16);
        Self { world, ablation, mind, quiet: Quiet::default(), wanted, found: Arc::default() }
    }

    /// Whether this safeguard is missing.
    pub fn lacks(&self, ablation: Ablation) -> bool {
        self.ablation == Some(ablation)
    }

    /// The endpoint goes with the object.
    pub fn deletes(&self) -> bool {
        self.world.deletion == DeletionPolicy::Delete && !self.observes()
    }

    /// Nothing may be written at the provider.
    pub fn observes(&self) -> bool {
        self.world.management == ManagementPolicy::Observe
    }

    /// An object as it is applied.
    pub fn applied(&self, uid: u8) -> Object {
        // The finalizer of a trunk group is its endpoint's, which is there already, and so is the account's name.
        let finalizer = self.world.thing == Thing::TrunkGroup;
        let status = Status { pinned: finalizer, ..Status::default() };
        Object { uid, adopts: self.world.start == Start::Adopting, finalizer, status, ..Object::default() }
    }

    fn begin(&self) -> Vec<State> {
        if self.world.start == Start::Elsewhere {
            return objects_from_elsewhere().into_iter().map(|object| self.begin_with(object)).collect();
        }
        vec![self.begin_with(self.applied(1))]
    }

    fn begin_with(&self, object: Object) -> State {
        let mut left = Budget::NONE;
        for (fault, times) in self.world.faults {
            left.0[*fault as usize] = *times;
        }
        let mut state = State {
            object: Some(object),
            phone: None,
            next_uid: 2,
            saved: None,
            endpoints: [Endpoint::NONE; SLOTS],
            flights: [None; 2],
            leaders: [Leader::default(); LEADERS],
            current: 0,
            left,
            broken: 0,
            excused: false,
            unaccounted: 0,
        };
        let live = Endpoint::live(Seen::default());
        let foreign = Endpoint::live(Seen { foreign: true, ..Seen::default() });
        match self.world.start {
            Start::Applied | Start::Leaving => {}
            Start::Healthy | Start::Doubled | Start::Rebuilt => state.endpoints[0] = live,
            Start::Elsewhere => {
                state.endpoints[0] = foreign;
                state.unaccounted = u8::from(is_elsewhere(&object));
            }
            Start::Forged => {
                state.endpoints[0] = Endpoint::live(Seen { foreign: true, bare: true, ..Seen::default() });
                state.object = Some(Object { status: Status { recorded: Some(0), ..object.status }, ..object });
            }
            // It is not as the spec wants it.
            Start::Adopting => {
                state.endpoints[0] = Endpoint::live(Seen { alias: 2, ..Seen::default() });
                state.endpoints[1] = foreign;
            }
        }
        if matches!(self.world.start, Start::Healthy | Start::Doubled | Start::Leaving) {
            state.object = Some(Object { deleting: self.world.start == Start::Leaving, ..self.healthy() });
            state.unaccounted = 1;
        }
        if self.world.start == Start::Doubled {
            state.endpoints[1] = live;
        }
        for leader in 0..self.world.leaders {
            self.watch(&mut state, leader);
        }
        state.normalise();
        state
    }

    /// Whether time may pass: nothing is overdue.
    pub fn may_tick(&self, state: &State) -> bool {
        let overdue = |flight: &Flight| flight.author.is_some() || flight.age > 0 && !self.world.late;
        let waits = |endpoint: &Endpoint| matches!(endpoint.life, Life::Hidden(1..) | Life::Ghost(1..));
        !state.flights.iter().flatten().any(overdue)
            && !state.endpoints.iter().any(waits)
            && state.leaders.iter().flat_map(|leader| leader.running).all(|running| running.age < 2)
    }
}

impl Model for Proof {
    type State = State;
    type Action = Act;

    fn init_states(&self) -> Vec<State> {
        self.begin()
    }

    fn actions(&self, state: &State, acts: &mut Vec<Act>) {
        if state.broken != 0 {
            return;
        }
        for leader in 0..self.world.leaders {
            self.steps(state, leader, acts);
        }
        self.provider(state, acts);
        self.events(state, acts);
        if self.may_tick(state) {
            acts.push(Act::Tick);
        }
    }

    fn next_state(&self, before: &State, act: Act) -> Option<State> {
        let mut state = *before;
        self.apply(&mut state, act);
        state.normalise();
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        invariants::properties()
    }
}

impl Proof {
    /// Whether the property that this bit stands for still is to be looked for.
    pub fn first(&self, bit: u16) -> bool {
        self.found.fetch_or(1 << bit, Ordering::Relaxed) & (1 << bit) == 0
    }
}
