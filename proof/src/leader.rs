//! One transition of the whole world.

use crate::lesson::Lesson;
use crate::mind::{Kind, Step};
use crate::state::{FRESH, LEADERS, State};
use crate::world::{Act, Fate, Fault, Look, Proof};

impl Proof {
    /// The state after an act.
    pub fn apply(&self, state: &mut State, act: Act) {
        match act {
            Act::Step(leader, step, fate) => self.step(state, usize::from(leader), &step, fate),
            Act::List(leader, step, look) => {
                self.ask_for_listing(state, usize::from(leader), step);
                self.end_list(state, usize::from(leader), look);
            }
            Act::Find(leader, look) => self.find(state, usize::from(leader), Some(look)),
            Act::BeginList(leader, step) => {
                self.ask_for_listing(state, usize::from(leader), step);
                self.look(state, usize::from(leader));
            }
            Act::EndList(leader, look) => self.end_list(state, usize::from(leader), look),
            Act::Answer(flight, fate) => self.answer(state, usize::from(flight), fate),
            Act::Execute(..) | Act::Drop(_) | Act::Twice(_) => self.flight(state, act),
            Act::Reveal(slot) | Act::Vanish(slot) => self.reveal(state, usize::from(slot)),
            Act::Tick => self.tick(state),
            Act::Crash(leader) => {
                state.left.take(Fault::Crash);
                self.crash(state, usize::from(leader));
            }
            Act::Watch(leader) => self.watch(state, usize::from(leader)),
            Act::Event(fault) => self.event(state, fault),
            Act::Happen(fault, slot) => self.happen(state, fault, usize::from(slot)),
        }
    }

    fn tick(&self, state: &mut State) {
        self.grow_older(state);
        for leader in 0..LEADERS {
            state.leaders[leader].grow_older();
        }
    }

    fn ask_for_listing(&self, state: &mut State, leader: usize, step: Option<Step>) {
        match step {
            None => {
                state.left.take(Fault::Sweep);
            }
            Some(step) => {
                if let Some(status) = step.status {
                    self.write(state, leader, step.kind, |object| object.status = status);
                }
            }
        }
        self.begin_list(state, leader);
    }

    /// A leader carries out what `next` answered.
    pub fn step(&self, state: &mut State, leader: usize, step: &Step, fate: Fate) {
        // With what it reserved to be allowed to.
        state.leaders[leader] = self.mind.decide(&state.leaders[leader]).0;
        match step.kind {
            Kind::Create => self.send(state, leader),
            Kind::Get(_) | Kind::ReadReferences(_) | Kind::Update { .. } | Kind::Delete(..) => self.call(state, leader, step.kind, fate),
            Kind::Find => self.find(state, leader, (fate == Fate::Good).then_some(Look::PLAIN)),
            Kind::List => {
                self.ask_for_listing(state, leader, Some(*step));
                self.end_list(state, leader, Look::PLAIN);
            }
            _ => {
                if fate == Fate::Lost {
                    state.left.take(Fault::LostWrite);
                }
                let step = if step.kind == Kind::WriteIntent { self.announce(state, leader, step) } else { *step };
                self.write_step(state, leader, &step, fate == Fate::Good);
            }
        }
    }

    /// The intent gets a nonce that nobody had, in memory before the write is sent.
    fn announce(&self, state: &mut State, leader: usize, step: &Step) -> Step {
        let nonce = state.new_nonce();
        let mut known = self.mind.learn(&state.leaders[leader], Lesson::Announced);
        if let Some(own) = &mut known.own {
            own.nonce = nonce;
        }
        state.leaders[leader] = known;
        let mut step = *step;
        let intent = step.status.as_mut().and_then(|status| status.ledger.as_mut()).and_then(|ledger| ledger.intent.as_mut());
        if let Some(intent) = intent.filter(|intent| intent.nonce == FRESH) {
            intent.nonce = nonce;
        }
        step
    }
}
