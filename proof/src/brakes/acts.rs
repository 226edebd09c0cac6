//! What may happen, and what the operator does, which asks the brakes as `controller::brakes` does.

use super::mind::{Answer, Question, Seen};
use super::state::{Life, MINUTE, MOST, Made, State, WINDOW, most};
use super::{Ablation, BrakeProof};
use crate::invariants::BrakeInvariant;

/// New endpoints in a window, that nobody acknowledged. (5 % are fewer in so small an account.)
const RECREATIONS: usize = 3;

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Half a minute passes.
    Pass,
    /// A user deletes an object.
    Delete(u8),
    /// An endpoint vanishes at the provider.
    Vanish(u8),
    /// It is there again.
    Return(u8),
    /// Somebody lets an object go without its endpoint.
    GiveUp(u8),
    /// The operator lists the account.
    List,
    /// The operator looks at an object and asks the brakes.
    Ask(u8),
    /// The endpoint of an object that may go is deleted, and the object goes.
    Execute(u8),
    /// A vanished endpoint is forgotten.
    Forget(u8),
    /// A new endpoint is announced and made in its place.
    Create(u8),
    /// What is to be durable is written.
    Write,
    /// The operator restarts.
    Restart,
    /// Somebody acknowledges a token.
    Acknowledge(u8, u8),
}

fn small(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(u8::MAX)
}

impl BrakeProof {
    /// What may happen next.
    pub fn possible(&self, state: &State, acts: &mut Vec<Act>) {
        let budget = &state.budget;
        // Untouched objects are all alike: the first of them stands for all.
        let mut fresh = true;
        for (index, object) in state.present() {
            let who = small(index);
            let chosen = object.touched || std::mem::take(&mut fresh);
            if object.life == Life::Live && chosen && budget.deletes > 0 && !object.limbo {
                acts.push(Act::Delete(who));
            }
            if object.there && chosen && budget.vanish > 0 && !object.limbo {
                acts.push(Act::Vanish(who));
            }
            if !object.there && !object.limbo && budget.returns > 0 {
                acts.push(Act::Return(who));
            }
            if object.life == Life::Deleting && budget.give_ups > 0 && !object.admitted {
                acts.push(Act::GiveUp(who));
            }
            self.work(state, index, acts);
        }
        if state.present().any(|(_, object)| !object.there || object.missed > 0) {
            acts.push(Act::List);
        }
        let shown = self.mind.shown(state.brake);
        if shown.status != state.written {
            acts.push(Act::Write);
        }
        if budget.restarts > 0 && (!self.world.strict || self.safe(state)) {
            acts.push(Act::Restart);
        }
        if budget.ticks > 0 {
            acts.push(Act::Pass);
        }
        if self.world.acknowledgements > 0 {
            for kind in 0..2 {
                // All that there were, and one that there was not.
                for token in 0..=state.tokens {
                    let right = shown.engaged[usize::from(kind)] == Some(token) && state.annotation != Some((kind, token));
                    // Nobody knows a token that is written nowhere.
                    let known = self.mind.written(state.written).last[usize::from(kind)] == Some(token);
                    if !right || (known && budget.acknowledgements > 0) {
                        acts.push(Act::Acknowledge(kind, token));
                    }
                }
            }
        }
    }

    /// What the operator has to do with an object.
    pub(super) fn work(&self, state: &State, index: usize, acts: &mut Vec<Act>) {
        let (object, who) = (&state.objects[index], small(index));
        if object.limbo {
            acts.push(Act::Create(who));
            return;
        }
        match object.life {
            Life::Deleting if object.admitted => acts.push(Act::Execute(who)),
            Life::Deleting => acts.push(Act::Ask(who)),
            Life::Live if object.missed > 0 => {
                acts.push(Act::Ask(who));
                if object.missed > 1 {
                    acts.push(Act::Forget(who));
                }
            }
            _ => {}
        }
    }

    /// It happens.
    pub fn apply(&self, state: &mut State, act: Act) {
        match act {
            Act::Pass => {
                state.now += 1;
                state.budget.ticks = state.budget.ticks.saturating_sub(1);
            }
            Act::Delete(who) => {
                state.budget.deletes -= 1;
                let object = &mut state.objects[usize::from(who)];
                (object.life, object.at, object.touched) = (Life::Deleting, state.now, true);
                state.newest = state.now;
            }
            Act::Vanish(who) => {
                state.budget.vanish -= 1;
                let object = &mut state.objects[usize::from(who)];
                (object.there, object.touched) = (false, true);
            }
            Act::Return(who) => {
                state.budget.returns -= 1;
                state.objects[usize::from(who)].there = true;
            }
            Act::GiveUp(who) => {
                state.budget.give_ups -= 1;
                self.seen(state, who);
                self.leaves(state, who, Life::Left);
            }
            Act::List => self.list(state),
            Act::Ask(who) if state.objects[usize::from(who)].life == Life::Deleting => self.ask_deletion(state, who),
            Act::Ask(who) => {
                self.ask_absence(state, who);
            }
            Act::Execute(who) => self.execute(state, who),
            Act::Forget(who) => self.forget(state, who),
            Act::Create(who) => {
                let object = &mut state.objects[usize::from(who)];
                (object.limbo, object.there, object.missed, object.born) = (false, true, 0, state.now);
                object.epoch += 1;
                let now = state.now;
                if let Some(made) = state.made.iter_mut().flatten().filter(|made| made.who == who).max_by_key(|made| made.at) {
                    made.announced = now;
                }
            }
            Act::Write => state.written = self.mind.shown(state.brake).status,
            Act::Restart => self.restart(state),
            Act::Acknowledge(kind, token) => self.acknowledge(state, kind, token),
        }
    }

    /// Asks, and counts the token that is used up.
    fn put(&self, state: &mut State, question: Question) -> Answer {
        let (brake, answer) = self.mind.ask(state.brake, question);
        state.brake = brake;
        if self.mind.shown(brake).last.contains(&Some(state.tokens)) {
            state.tokens += 1;
        }
        answer
    }

    fn seen(&self, state: &mut State, who: u8) {
        state.objects[usize::from(who)].suspected = None;
        self.put(state, Question::Seen { who, now: state.now });
    }

    fn leaves(&self, state: &mut State, who: u8, how: Life) {
        state.objects[usize::from(who)].life = how;
        self.put(state, Question::Gone { who, now: state.now });
    }

    fn list(&self, state: &mut State) {
        let mut shown = [None; MOST];
        for (index, object) in state.objects.iter_mut().enumerate() {
            if object.there {
                (object.missed, object.suspected, object.excused) = (0, None, false);
                shown[index] = Some((object.born, object.epoch));
            } else if !object.limbo {
                object.missed = (object.missed + 1).min(2);
            }
        }
        self.put(state, Question::Listed { shown, now: state.now });
    }

    fn held_durably(&self, state: &State, kind: usize) -> bool {
        let (memory, written) = (self.mind.shown(state.brake), self.mind.written(state.written));
        memory.engaged[kind].is_some() && memory.engaged[kind] == written.engaged[kind]
    }

    fn ask_deletion(&self, state: &mut State, who: u8) {
        let object = state.objects[usize::from(who)];
        self.seen(state, who);
        if object.missed > 1 {
            return self.leaves(state, who, Life::Left);
        }
        if self.without(Ablation::AskedAfter) {
            // Done already, whatever the answer will be.
            self.deletion(state, who);
            return self.execute(state, who);
        }
        let held = self.held_durably(state, 0) && state.unacknowledged(object.at);
        let before = self.mind.shown(state.brake).engaged[0];
        match self.deletion(state, who) {
            Answer::Go => {
                state.objects[usize::from(who)].admitted = true;
                if held {
                    self.breaks(state, BrakeInvariant::I14h);
                }
            }
            _ => {
                let going = state.present().filter(|(_, object)| object.life == Life::Deleting).map(|(_, object)| object.at);
                let deleted = state.objects.iter().filter(|object| object.life == Life::Deleted).map(|object| object.at);
                let former = state.former.into_iter().flat_map(|(at, many)| std::iter::repeat_n(at, usize::from(many)));
                let times = going.chain(deleted).chain(former).filter(|at| state.surely.is_none_or(|until| *at > until));
                if before.is_none() && most(times, MINUTE) <= self.world.cap {
                    self.breaks(state, BrakeInvariant::I14n);
                }
            }
        }
    }

    fn deletion(&self, state: &mut State, who: u8) -> Answer {
        let mut all: [Seen; MOST] = [None; MOST];
        for (index, object) in state.present() {
            if object.life == Life::Deleting && (object.missed == 0 || index == usize::from(who)) {
                let mut at = object.at;
                if self.without(Ablation::ByAsking) {
                    at = state.now;
                }
                if self.without(Ablation::AcknowledgedForEver) {
                    at = at.min(state.acknowledged.unwrap_or(at));
                }
                all[index] = Some((at, object.epoch));
            }
        }
        self.put(state, Question::Deletion { who, all, listed: small(state.listed()), now: state.now, token: state.tokens })
    }

    fn execute(&self, state: &mut State, who: u8) {
        state.objects[usize::from(who)].there = false;
        self.leaves(state, who, Life::Deleted);
        if most(state.deleted(), MINUTE) > self.world.cap * (1 + usize::from(state.forgotten)) {
            self.breaks(state, BrakeInvariant::I14);
        }
    }

    fn ask_absence(&self, state: &mut State, who: u8) -> bool {
        let mut all: [Seen; MOST] = [None; MOST];
        let now = state.now;
        let news = state.objects[usize::from(who)].suspected.is_none();
        for (index, object) in state.objects.iter_mut().enumerate() {
            if object.life == Life::Live && object.missed > 0 && !object.limbo {
                if news || index == usize::from(who) {
                    object.suspected.get_or_insert(now);
                }
                if object.missed > 1 || !self.without(Ablation::OnlyProven) {
                    all[index] = Some((object.born, object.epoch));
                }
            }
        }
        let before = self.mind.shown(state.brake).engaged[1];
        self.put(state, Question::Absent { who, all, listed: small(state.listed()), now, token: state.tokens });
        let suspected = state.objects.iter().filter(|object| !object.excused).filter_map(|object| object.suspected);
        let times = suspected.chain(state.made.iter().flatten().filter_map(|made| made.suspected));
        if before.is_none() && self.mind.shown(state.brake).engaged[1].is_some() && most(times, MINUTE) <= self.world.cap {
            self.breaks(state, BrakeInvariant::I14n);
        }
        self.may_recreate(state, who, false)
    }

    /// Asks whether a new endpoint may be made, and judges a no.
    fn may_recreate(&self, state: &mut State, who: u8, commit: bool) -> bool {
        let mut former = state.objects.map(|object| (object.life == Life::Live && object.epoch > 1).then_some(object.born));
        if self.without(Ablation::FormerUnknown) {
            former = [None; MOST];
        }
        let commit = commit && !self.without(Ablation::NotCommitted);
        let (listed, now, started) = (small(state.listed()), state.now, state.started);
        let answer = self.put(state, Question::Recreation { who, listed, now, started, former, commit });
        let lately = state.made.iter().flatten().filter(|made| now - made.announced.max(started) < WINDOW).count();
        if answer == Answer::Throttled && lately < RECREATIONS {
            self.breaks(state, BrakeInvariant::I14n);
        }
        answer == Answer::Go
    }

    fn forget(&self, state: &mut State, who: u8) {
        let index = usize::from(who);
        let held = self.held_durably(state, 1) && !state.objects[index].excused;
        // One pass: it is asked what may be done, and again when it is about to be done.
        if !self.ask_absence(state, who) || !self.may_recreate(state, who, true) {
            return;
        }
        let object = state.objects[index];
        if !object.excused {
            if held {
                self.breaks(state, BrakeInvariant::I14h);
            }
            // An object counts once, however often its endpoint vanishes; the limit on new endpoints counts each.
            state.made.iter_mut().flatten().filter(|made| made.who == who).for_each(|made| made.suspected = None);
            if let Some(free) = state.made.iter_mut().find(|made| made.is_none()) {
                *free = Some(Made { who, suspected: object.suspected, at: state.now, announced: state.now });
            }
            let made = || state.made.iter().flatten();
            let times = 1 + usize::from(state.forgotten);
            let within_a_minute = most(made().filter_map(|made| made.suspected), MINUTE);
            let in_a_window = most(made().map(|made| made.at), WINDOW - 1);
            let credit = usize::from(state.credit);
            if within_a_minute > self.world.cap * times + credit || in_a_window > RECREATIONS * times + credit {
                self.breaks(state, BrakeInvariant::I14);
            }
        }
        let object = &mut state.objects[index];
        (object.limbo, object.missed, object.suspected, object.excused) = (true, 0, None, false);
    }

    /// Whether a restart now takes no knowledge with it that counts: the brake is known to be engaged, or nothing was let through that
    /// could be part of a mass.
    fn safe(&self, state: &State) -> bool {
        let going = state.present().filter(|(_, object)| object.life == Life::Deleting).map(|(_, object)| object.at);
        let earliest = going.min().unwrap_or(state.now);
        let deletions = self.held_durably(state, 0) || state.deleted().all(|at| at + MINUTE < earliest);
        let limbo = state.objects.iter().any(|object| object.limbo);
        let too_few = self.world.objects <= self.world.cap;
        let absences = too_few || self.held_durably(state, 1) || state.made.iter().flatten().all(|made| made.suspected.is_none());
        deletions && absences && !limbo
    }

    fn restart(&self, state: &mut State) {
        state.budget.restarts -= 1;
        if !self.safe(state) {
            state.forgotten += 1;
        }
        let held: Vec<Option<u8>> =
            (0..2).map(|kind| self.mind.shown(state.brake).engaged[kind].filter(|_| self.held_durably(state, kind))).collect();
        (state.brake, state.started) = (0, state.now);
        for object in &mut state.objects {
            (object.missed, object.admitted, object.suspected) = (0, false, None);
        }
        let now = state.now;
        state.made = state.made.map(|made| made.filter(|made| now - made.announced < WINDOW || made.suspected.is_some()));
        // An object tells only when its newest endpoint was announced: over a restart it counts once.
        let made = state.made;
        let later = |one: &Made| made.iter().flatten().filter(|made| made.who == one.who).any(|made| made.announced > one.announced);
        state.made = made.map(|one| one.filter(|one| !later(one)));
        state.made.sort_unstable();
        for index in 1..MOST {
            let same = |one: Option<Made>, other: Option<Made>| one.zip(other).is_some_and(|(one, other)| one.who == other.who);
            if same(state.made[index - 1], state.made[index]) {
                state.made[index - 1] = None;
            }
        }
        if !self.without(Ablation::PerProcess) {
            self.put(state, Question::Adopt { written: state.written });
        }
        let shown = self.mind.shown(state.brake);
        if (0..2).any(|kind| held[kind].is_some() && shown.engaged[kind] != held[kind]) {
            self.breaks(state, BrakeInvariant::I14h);
        }
        let written = self.mind.written(state.written);
        state.former = (written.admitted[0] > 0).then_some((written.until[0], written.admitted[0]));
        // The annotation is still there.
        if let Some((kind, token)) = state.annotation {
            self.put(state, Question::Acknowledge { kind, token, now });
        }
        let shown = self.mind.shown(state.brake);
        if shown.last[1].is_some() && shown.engaged[1].is_none() {
            state.credit = state.credit.max(shown.count[1]);
        }
    }

    fn acknowledge(&self, state: &mut State, kind: u8, token: u8) {
        let before = self.mind.shown(state.brake);
        let index = usize::from(kind);
        let right = before.engaged[index] == Some(token);
        if right && state.annotation != Some((kind, token)) {
            state.budget.acknowledgements = state.budget.acknowledgements.saturating_sub(1);
        }
        let used = if self.without(Ablation::AnyToken) { before.engaged[index].unwrap_or(token) } else { token };
        self.put(state, Question::Acknowledge { kind, token: used, now: state.now });
        let after = self.mind.shown(state.brake);
        if !right {
            if before != after {
                self.breaks(state, BrakeInvariant::I14t);
            }
            return;
        }
        state.annotation = Some((kind, token));
        if kind == 0 {
            // Whatever the record says, what was not deleted yet cannot have been counted.
            let until = before.until[0].min(state.newest);
            state.acknowledged = state.acknowledged.max(Some(until));
            state.surely = state.surely.max(Some(until.min(self.mind.written(state.written).until[0])));
        } else {
            state.objects.iter_mut().filter(|object| object.suspected.is_some()).for_each(|object| object.excused = true);
            state.made.iter_mut().flatten().for_each(|made| made.suspected = None);
            if state.budget.restarts < self.world.restarts {
                state.credit = state.credit.max(before.count[1]);
            }
        }
    }
}
