//! What becomes of a state when nothing more happens but what the operator does, and people acknowledge what the account shows.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::BrakeProof;
use super::acts::Act;
use super::state::{Life, State};

/// Half minutes until all is done that nobody holds.
const ROUNDS: usize = 10;

/// States from which all ends well.
#[derive(Default)]
pub struct Quiet(Mutex<HashSet<State>>);

impl Quiet {
    /// Whether all that is not held is done, and after an acknowledgement everything is.
    pub fn ends_well(&self, proof: &BrakeProof, state: &State) -> bool {
        let mut state = *state;
        state.broken = 0;
        let mut way = Vec::new();
        let mut rounds = 0;
        while !proof.rests(&state) {
            if self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&state) {
                break;
            }
            if rounds == ROUNDS {
                return false;
            }
            rounds += 1;
            way.push(state);
            proof.round(&mut state);
        }
        if rounds < ROUNDS && proof.mind.shown(state.brake).engaged != [None; 2] {
            // It waits for people, who see what is written.
            let mut released = state;
            for _ in 0..ROUNDS {
                for (kind, token) in (0..).zip(proof.mind.written(released.written).engaged) {
                    if let Some(token) = token {
                        proof.apply(&mut released, Act::Acknowledge(kind, token));
                    }
                }
                proof.round(&mut released);
            }
            if !proof.done(&released) || proof.mind.shown(released.brake).engaged != [None; 2] {
                return false;
            }
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(way);
        true
    }
}

impl BrakeProof {
    /// Everything that the operator has to do is done.
    fn done(&self, state: &State) -> bool {
        state.present().all(|(_, object)| object.life == Life::Live && object.there && !object.limbo)
    }

    /// It is done, or waits for an acknowledgement whose token the account shows.
    fn rests(&self, state: &State) -> bool {
        let (shown, written) = (self.mind.shown(state.brake), self.mind.written(state.written));
        if shown.status != state.written || shown.engaged != written.engaged {
            return false;
        }
        state.present().all(|(_, object)| match object.life {
            Life::Deleting => object.missed < 2 && !object.admitted && shown.engaged[0].is_some(),
            _ => (object.there && !object.limbo && object.missed == 0) || (object.missed == 2 && shown.engaged[1].is_some()),
        })
    }

    /// The operator lists, looks at every object and does what it may; half a minute passes.
    pub fn round(&self, state: &mut State) {
        for _ in 0..2 {
            self.apply(state, Act::List);
        }
        let mut acts = Vec::new();
        for index in 0..self.world.objects {
            // Asks, forgets and creates: three steps at most.
            for _ in 0..3 {
                acts.clear();
                if state.present().any(|(present, _)| present == index) {
                    self.work(state, index, &mut acts);
                }
                if let Some(act) = acts.pop() {
                    self.apply(state, act);
                }
            }
        }
        self.apply(state, Act::Write);
        self.apply(state, Act::Pass);
        state.broken = 0;
        state.normalise();
    }
}
