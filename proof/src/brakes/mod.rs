//! The brakes under the model checker: the shipping `core::brake` is asked as the shell asks it, while people delete objects, endpoints
//! vanish and come back, the operator restarts with what it had written down, and people acknowledge with right and wrong tokens.
//!
//! Time goes by half minutes. A deletion brake counts within two of them, the limit on new endpoints holds for three.

pub mod acts;
pub mod mind;
pub mod quiet;
pub mod run;
pub mod safeguards;
pub mod state;
pub mod trace;
pub mod worlds;

use std::sync::atomic::{AtomicU16, Ordering};

use stateright::{Model, Property};

use crate::invariants::{self, BrakeInvariant};
use acts::Act;
use mind::Mind;
use quiet::Quiet;
use state::State;

/// A world of brakes.
#[derive(Clone, Debug)]
pub struct World {
    /// One word.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Objects, each with an endpoint.
    pub objects: usize,
    /// `spec.brake.count`; the percentage is zero.
    pub cap: usize,
    /// Objects that users delete.
    pub deletes: u8,
    /// Endpoints that vanish at the provider.
    pub vanish: u8,
    /// Endpoints that come back to sight.
    pub returns: u8,
    /// Objects that people let go without their endpoint (`force-orphan`).
    pub give_ups: u8,
    /// Restarts of the operator.
    pub restarts: u8,
    /// Right tokens acknowledged. (Wrong ones are tried in every state.)
    pub acknowledgements: u8,
    /// Half minutes that pass while things happen.
    pub ticks: u8,
    /// Restarts only while no knowledge is lost with the process: none that is not durable counts.
    pub strict: bool,
    /// How many states it has: a world that shrinks by accident proves less.
    pub states: usize,
}

/// What is falsified in the questions to the brakes, or in what is done with their answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ablation {
    /// The endpoint is deleted first, then the brake is asked.
    AskedAfter,
    /// The durable record is not taken up by the next process.
    PerProcess,
    /// Deletions are counted by when the brake is asked.
    ByAsking,
    /// An acknowledgement holds for all that comes later.
    AcknowledgedForEver,
    /// Any token releases.
    AnyToken,
    /// Absences are noted when they are proven.
    OnlyProven,
    /// What former processes made anew is not told to the next one.
    FormerUnknown,
    /// What is made anew is asked for, but not said to be made.
    NotCommitted,
}

/// A world without one safeguard, or with all, and what was found out about it.
pub struct BrakeProof {
    /// The world.
    pub world: World,
    /// The safeguard that is missing.
    pub ablation: Option<Ablation>,
    /// The shipping brakes.
    pub mind: Mind,
    /// States from which all ends well.
    pub quiet: Quiet,
    /// The invariants that are looked at, a bit each.
    pub wanted: u16,
    /// Invariants that were found broken: only the first, shortest way there is kept.
    pub found: AtomicU16,
}

impl BrakeProof {
    /// Of a world.
    pub fn new(world: World, ablation: Option<Ablation>, wanted: &[BrakeInvariant]) -> Self {
        let wanted = wanted.iter().fold(0, |bits, invariant| bits | 1 << *invariant as u16);
        let mind = Mind::new(world.cap);
        Self { world, ablation, mind, quiet: Quiet::default(), wanted, found: AtomicU16::new(0) }
    }

    /// Whether this invariant is looked at.
    pub fn wants(&self, invariant: BrakeInvariant) -> bool {
        self.wanted & (1 << invariant as u16) != 0
    }

    /// Whether the invariant still is to be looked for.
    pub fn first(&self, invariant: BrakeInvariant) -> bool {
        let bit = 1 << invariant as u16;
        self.found.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    /// Whether this safeguard is missing.
    pub fn without(&self, ablation: Ablation) -> bool {
        self.ablation == Some(ablation)
    }

    /// A step breaks an invariant.
    pub fn breaks(&self, state: &mut State, invariant: BrakeInvariant) {
        if self.wants(invariant) {
            state.broken |= 1 << invariant as u16;
        }
    }
}

impl Model for BrakeProof {
    type State = State;
    type Action = Act;

    fn init_states(&self) -> Vec<State> {
        vec![State::begin(&self.world)]
    }

    fn actions(&self, state: &State, acts: &mut Vec<Act>) {
        if state.broken == 0 {
            self.possible(state, acts);
        }
    }

    fn next_state(&self, before: &State, act: Act) -> Option<State> {
        let mut state = *before;
        self.apply(&mut state, act);
        state.normalise();
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        invariants::brake_properties()
    }
}
