//! Searches by the mark, where the provider selects.

use crate::ablation::Ablation;
use crate::lesson::Lesson;
use crate::provider::bits;
use crate::state::{Endpoint, Life, SLOTS, Seen, State};
use crate::world::{Fault, Look, Proof};

impl Proof {
    /// The ways in which a search by the mark may come out. It is answered from one moment.
    pub fn finds(&self, state: &State, leader: usize, mut with: impl FnMut(Look)) {
        let known = &state.leaders[leader];
        let marked = |slot: usize| !state.endpoints[slot].seen.foreign && !state.endpoints[slot].seen.bare;
        let marked = (0..SLOTS).filter(|slot| marked(*slot)).fold(0, |mask, slot| mask | 1 << slot);
        let sure = if known.astray { 0 } else { bits(state, |life| life == Life::Live) & marked };
        let maybe = bits(state, |life| matches!(life, Life::Ghost(_))) & marked;
        with(Look { besides: maybe, ..Look::PLAIN });
        if maybe != 0 {
            with(Look::PLAIN);
        }
        for (fault, complete) in [(Fault::Torn, false), (Fault::Lying, true)] {
            if state.left.has(fault) && sure != 0 {
                with(Look { lacks: sure, complete, besides: 0 });
            }
        }
    }

    /// What carries the mark is asked for (`None`: there is no answer).
    pub fn find(&self, state: &mut State, leader: usize, look: Option<Look>) {
        let Some(look) = look else {
            state.left.take(Fault::Lost);
            return self.learn_found(state, leader, None);
        };
        if look.lacks != 0 {
            state.left.take(if look.complete { Fault::Lying } else { Fault::Torn });
        }
        let shows = |slot: usize| {
            let Endpoint { life, seen, .. } = state.endpoints[slot];
            let shown = life == Life::Live && !state.leaders[leader].astray && look.lacks & (1 << slot) == 0;
            (!seen.foreign && !seen.bare && (shown || look.besides & (1 << slot) != 0)).then_some(seen)
        };
        let seen = std::array::from_fn(shows);
        self.learn_found(state, leader, Some((seen, look.complete || self.lacks(Ablation::SearchCompleteness))));
    }

    fn learn_found(&self, state: &mut State, leader: usize, found: Option<([Option<Seen>; SLOTS], bool)>) {
        let mut known = self.mind.learn(&state.leaders[leader], Lesson::Found(found));
        known.besides.looked |= found.is_some_and(|(_, complete)| complete);
        state.leaders[leader] = known;
        self.look(state, leader);
    }
}
