//! What may happen next in a state.

use crate::mind::Kind;
use crate::state::{Life, State};
use crate::world::{Act, Fate, Fault, Proof};

impl Proof {
    /// What a leader may do now, and how it may come out.
    pub fn steps(&self, state: &State, leader: usize, acts: &mut Vec<Act>) {
        let index = leader as u8;
        let known = &state.leaders[leader];
        if known.copy.is_some() && !state.waiting(leader) {
            let (_, step) = self.mind.decide(known);
            let mut with = |fate| acts.push(Act::Step(index, step, fate));
            let lost = state.left.has(Fault::Lost);
            match step.kind {
                Kind::Rest => {
                    if self.rest_matters(state, leader, &step) {
                        with(Fate::Good);
                    }
                }
                Kind::List if known.running.is_some() => {}
                Kind::List if self.world.slow => acts.push(Act::BeginList(index, Some(step))),
                Kind::List => self.looks(state, leader, |look| acts.push(Act::List(index, Some(step), look))),
                Kind::Create => {
                    if state.left.has(Fault::Create) && state.flights.iter().any(Option::is_none) {
                        with(Fate::Good);
                    }
                }
                Kind::Find => {
                    self.finds(state, leader, |look| acts.push(Act::Find(index, look)));
                    if lost {
                        acts.push(Act::Step(index, step, Fate::LostBefore));
                    }
                }
                Kind::Get(_) | Kind::ReadReferences(_) => {
                    with(Fate::Good);
                    if lost {
                        with(Fate::LostBefore);
                    }
                }
                Kind::Update { .. } => {
                    with(Fate::Good);
                    if lost {
                        with(Fate::Lost);
                        with(Fate::LostBefore);
                    }
                }
                Kind::Delete(slot, _) => {
                    with(Fate::Good);
                    let life = state.endpoints[usize::from(slot)].life;
                    if matches!(life, Life::Hidden(_)) {
                        with(Fate::Unseen);
                    }
                    if life == Life::Live && state.left.has(Fault::Ghost) {
                        with(Fate::Ghost);
                    }
                    if lost {
                        with(Fate::Lost);
                        with(Fate::LostBefore);
                    }
                }
                _ => {
                    with(Fate::Good);
                    if state.left.has(Fault::LostWrite) {
                        with(Fate::Lost);
                    }
                }
            }
        }
        match &known.running {
            Some(_) => self.looks(state, leader, |look| acts.push(Act::EndList(index, look))),
            None if state.left.has(Fault::Sweep) && self.world.slow => acts.push(Act::BeginList(index, None)),
            None if state.left.has(Fault::Sweep) => self.looks(state, leader, |look| acts.push(Act::List(index, None, look))),
            None => {}
        }
        if state.left.has(Fault::Crash) {
            acts.push(Act::Crash(index));
        }
        if self.is_behind(state, leader) && !state.waiting(leader) {
            acts.push(Act::Watch(index));
        }
    }

    /// What may happen at the provider now.
    pub fn provider(&self, state: &State, acts: &mut Vec<Act>) {
        for (index, flight) in state.flights.iter().enumerate() {
            let Some(flight) = flight else { continue };
            let (index, hidden) = (index as u8, state.left.has(Fault::Hidden));
            if flight.author.is_some() {
                acts.push(Act::Answer(index, Fate::Good));
                if hidden {
                    acts.push(Act::Answer(index, Fate::Hidden));
                }
                if state.left.has(Fault::Refused) {
                    acts.push(Act::Answer(index, Fate::Refused));
                }
                if state.left.has(Fault::Lost) {
                    acts.extend([Fate::Lost, Fate::LostLater, Fate::LostBefore].map(|fate| Act::Answer(index, fate)));
                    if hidden {
                        acts.push(Act::Answer(index, Fate::HiddenLost));
                    }
                }
            } else {
                acts.extend([Act::Execute(index, false), Act::Drop(index)]);
                if hidden {
                    acts.push(Act::Execute(index, true));
                }
            }
            if !flight.again && state.left.has(Fault::Twice) {
                acts.push(Act::Twice(index));
            }
        }
        for (slot, endpoint) in state.endpoints.iter().enumerate() {
            let slot = slot as u8;
            let claimed = state.leaders[0].claims & (1 << slot) != 0;
            let ours = endpoint.life == Life::Live && state.ours(usize::from(slot));
            if state.left.has(Fault::Claim) && (claimed || ours) {
                acts.push(Act::Happen(Fault::Claim, slot));
            }
            if state.left.has(Fault::Point) && (endpoint.used.is_some() || ours) {
                acts.push(Act::Happen(Fault::Point, slot));
            }
            if state.left.has(Fault::Rename) && ours && !endpoint.seen.bare {
                acts.push(Act::Happen(Fault::Rename, slot));
            }
            match endpoint.life {
                Life::Hidden(_) => acts.push(Act::Reveal(slot)),
                Life::Ghost(_) => acts.push(Act::Vanish(slot)),
                Life::Live if ours => {
                    for fault in [Fault::Remove, Fault::Retouch] {
                        if state.left.has(fault) {
                            acts.push(Act::Happen(fault, slot));
                        }
                    }
                }
                Life::Dead(3) if state.left.has(Fault::Reuse) => acts.push(Act::Happen(Fault::Reuse, slot)),
                _ => {}
            }
        }
    }
}
