//! What becomes of a state when nothing more happens but what the operator does; and then everything is deleted.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use switchboard::api::condition::Reason;

use super::acts::{Act, Fate};
use super::mind::Kind;
use super::state::{FIRST, NOWHERE, State, ours};
use super::{NumberProof, Unbinding};

/// Passes over everything until it rests.
const ROUNDS: usize = 12;
/// Steps of a pass.
const STEPS: usize = 24;

/// What was wrong in the end, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All ends well.
    Good,
    /// It does not come to rest, or rests elsewhere than where the owner wants it, or a binding hangs.
    NotThere,
    /// After all bindings have gone it does not show what it showed first, though nobody interfered.
    NotBack,
}

/// Verdicts that are known.
#[derive(Default)]
pub struct Quiet(Mutex<HashMap<State, Verdict>>);

impl Quiet {
    /// What becomes of it.
    pub fn verdict(&self, proof: &NumberProof, state: &State) -> Verdict {
        let mut calm = proof.stilled(state);
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&calm) {
            return *known;
        }
        let begin = calm;
        let verdict = proof.becomes(&mut calm);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(begin, verdict);
        verdict
    }
}

impl NumberProof {
    /// What was on its way has arrived, everybody sees the newest, and nobody does anything any more.
    fn stilled(&self, state: &State) -> State {
        let mut calm = *state;
        calm.budget = Default::default();
        calm.broken = 0;
        for at in 0..2 {
            self.apply(&mut calm, Act::Land(at));
        }
        self.seen(&mut calm);
        calm
    }

    fn seen(&self, state: &mut State) {
        for process in 0..self.world.processes {
            for name in 0..2 {
                self.apply(state, Act::See(u8::try_from(process).unwrap_or_default(), name));
            }
        }
    }

    fn becomes(&self, calm: &mut State) -> Verdict {
        if !self.rests(calm) || !self.there(calm) {
            return Verdict::NotThere;
        }
        for name in 0..2 {
            self.delete(calm, name);
        }
        if !self.rests(calm) {
            return Verdict::NotThere;
        }
        if self.keeps(calm) {
            // The provider thinks better of it, and hours pass.
            calm.unbinding = Unbinding::Taken;
            self.hours(calm);
            if !self.rests(calm) {
                return Verdict::NotThere;
            }
        }
        if calm.stored != [None; 2] {
            return Verdict::NotThere;
        }
        if !calm.disturbed && calm.app != FIRST { Verdict::NotBack } else { Verdict::Good }
    }

    /// The number cannot be given back, and its binding stays and says so.
    fn keeps(&self, state: &State) -> bool {
        let stays = |id: &u16| self.mind.brief(*id).reason == Some(Reason::DeletionRefused);
        state.unbinding != Unbinding::Taken && ours(state.app) && state.stored.iter().flatten().any(stays)
    }

    /// Passes until nothing changes any more, and the settle time has passed.
    fn rests(&self, state: &mut State) -> bool {
        for _ in 0..ROUNDS {
            let before = *state;
            for process in 0..u8::try_from(self.world.processes).unwrap_or_default() {
                for name in 0..2 {
                    self.seen(state);
                    if !self.pass(state, process, name) {
                        return false;
                    }
                }
            }
            self.seen(state);
            self.settle(state);
            if *state == before {
                return true;
            }
        }
        false
    }

    /// The first name's binding is made and has bound the number. A second process has not seen it yet.
    pub fn bind(&self, state: &mut State) {
        let budget = state.budget;
        state.budget.applies[0] = 1;
        self.apply(state, Act::Make(0));
        self.rests(state);
        state.desks[1] = Default::default();
        state.budget = budget;
    }

    /// One pass; false if it does not end.
    fn pass(&self, state: &mut State, process: u8, name: u8) -> bool {
        for _ in 0..STEPS {
            let Some(question) = self.question(state, process, name) else { return true };
            let rests = matches!(self.mind.decide(question).0, Kind::Rest(..));
            self.step(state, process, name, Fate::Done);
            if rests {
                return true;
            }
        }
        false
    }

    /// The number is where its owner wants it, the other one says that it is not its own, and nobody hangs.
    fn there(&self, state: &State) -> bool {
        let mut live: Vec<(u8, u8, Option<Reason>)> = Vec::new();
        for id in state.stored.iter().flatten() {
            let content = self.mind.brief(*id);
            if content.deleting && self.keeps(state) {
                continue;
            }
            if content.deleting {
                return false;
            }
            live.push((content.made, content.wanted, content.reason));
        }
        live.sort_by_key(|(made, ..)| *made);
        live.iter().enumerate().all(|(place, (_, wanted, reason))| match place {
            0 if *wanted == NOWHERE => *reason == Some(Reason::TargetNotReady),
            0 if state.obstacle => *reason == Some(Reason::Rejected),
            0 => *wanted == state.app && *reason == Some(Reason::Available),
            _ => *reason == Some(Reason::Conflict),
        })
    }
}
