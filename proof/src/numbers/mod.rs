//! Numbers under the model checker: the shipping `core::binding::next` decides, learns through the shipping `core::binding::memory` and
//! writes what the shipping `core::binding::status` computes, while bindings of one number come and go, a console user interferes, updates
//! are lost or executed late, and processes crash and act on stale copies.
//!
//! Time stands still, but for a step in which the settle time passes. Nothing is on its way any more when it does (A1).

pub mod acts;
pub mod mind;
pub mod quiet;
pub mod rows;
pub mod run;
pub mod safeguards;
pub mod state;
pub mod trace;
pub mod worlds;

use std::sync::atomic::{AtomicU16, Ordering};

use stateright::{Model, Property};

use crate::invariants::{self, NumberInvariant};
use acts::Act;
use mind::Mind;
use quiet::Quiet;
use state::State;

/// A world of one number and two names for bindings.
#[derive(Clone, Debug)]
pub struct World {
    /// One word.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Processes of the operator.
    pub processes: usize,
    /// The first name's binding has bound the number already.
    pub bound: bool,
    /// How often a binding is made under each name.
    pub applies: [u8; 2],
    /// How often people delete one.
    pub deletes: u8,
    /// How often the target of the first name's binding changes.
    pub edits: u8,
    /// How often somebody changes the number in the console.
    pub console: u8,
    /// Updates whose answers are lost; they are executed at once, late, or never.
    pub lost: u8,
    /// Crashes.
    pub crashes: u8,
    /// Statuses that are wiped.
    pub wipes: u8,
    /// Finalizers that are forced off.
    pub forced: u8,
    /// Whether the application that answered first may be deleted.
    pub gone: u8,
    /// How often the settle time passes while things happen.
    pub settles: u8,
    /// What the number points to is a trunk group, which something has to be; what becomes of an update to none there.
    pub groups: Option<Unbinding>,
    /// How often it begins or ends that the number cannot be bound.
    pub obstacles: u8,
    /// Whether the trunk group of the first name's target may be gone, and another one be made in its place.
    pub recreations: u8,
    /// Up to this many steps; all of them if there is none.
    pub depth: Option<usize>,
    /// How many states it has: a world that shrinks by accident proves less.
    pub states: usize,
}

/// What becomes of an update that leaves nothing to answer the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unbinding {
    /// It is executed.
    Taken,
    /// It is refused.
    Refused,
    /// It is accepted, and nothing changes.
    Ignored,
}

/// What is falsified in what `next` sees, or in what is done with its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ablation {
    /// What was there before is not stored before it is changed.
    PreviousFirst,
    /// What is about to be written is not stored before.
    PlacedFirst,
    /// The finalizer is not put on before the first change.
    FinalizerFirst,
    /// What another binding holds is not taken over.
    Inherit,
    /// The older binding is not respected.
    Owner,
    /// A binding lets go without the heir holding what it holds.
    HandOver,
    /// The bindings are not read live.
    Survey,
    /// The number is not read again after the bindings.
    ReadAgain,
    /// What is given back is not compared with what was put there.
    StillOurs,
    /// A restore is not read back.
    ReadBack,
    /// An update whose answer was lost counts as not executed.
    Doubt,
    /// The status is written whatever its version.
    Version,
    /// What the provider does not take is tried for ever.
    NotTaken,
    /// A lost status is taken for that of a new binding.
    Lost,
    /// Drift is not corrected.
    Correct,
    /// That the number cannot be bound is overlooked.
    Obstacle,
    /// A number that cannot be given back is let go.
    MustAnswer,
    /// A target that is not there is taken for none.
    Blocked,
}

/// A world without one safeguard, or with all, and what was found out about it.
pub struct NumberProof {
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
    pub found: AtomicU16,
}

impl NumberProof {
    /// Of a world.
    pub fn new(world: World, ablation: Option<Ablation>, wanted: &[NumberInvariant]) -> Self {
        let groups = world.groups.is_some();
        let wanted = wanted.iter().fold(0, |bits, invariant| bits | 1 << *invariant as u16);
        Self { world, ablation, mind: Mind::new(ablation, groups), quiet: Quiet::default(), wanted, found: AtomicU16::new(0) }
    }

    /// Whether this invariant is looked at.
    pub fn wants(&self, invariant: NumberInvariant) -> bool {
        self.wanted & (1 << invariant as u16) != 0
    }

    /// Whether the invariant still is to be looked for.
    pub fn first(&self, invariant: NumberInvariant) -> bool {
        let bit = 1 << invariant as u16;
        self.found.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    /// A step breaks an invariant.
    pub fn breaks(&self, state: &mut State, invariant: NumberInvariant) {
        if self.wants(invariant) {
            state.broken |= 1 << invariant as u16;
        }
    }
}

impl Model for NumberProof {
    type State = State;
    type Action = Act;

    fn init_states(&self) -> Vec<State> {
        let mut state = State::begin(&self.world);
        if self.world.bound {
            self.bind(&mut state);
        }
        vec![state]
    }

    fn actions(&self, state: &State, acts: &mut Vec<Act>) {
        if state.broken == 0 {
            self.possible(state, acts);
        }
    }

    fn next_state(&self, before: &State, act: Act) -> Option<State> {
        let mut state = *before;
        self.apply(&mut state, act);
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        invariants::number_properties()
    }
}
