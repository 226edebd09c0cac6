//! What may happen.

use switchboard::core::action::{Cause, Release};

use super::mind::{Content, Kind, Lesson, Question};
use super::state::{CONSOLE, Copy, Desk, FIRST, NONE, NOWHERE, State, ours};
use super::{Ablation, NumberProof, Unbinding};
use crate::invariants::NumberInvariant as I;

/// What becomes of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Executed and answered.
    Done,
    /// Executed, the answer is lost.
    Lost,
    /// Executed later, the answer is lost.
    Late,
    /// Never executed, the answer is lost.
    Never,
}

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// A process takes the next step about a binding.
    Step(u8, u8, Fate),
    /// A process sees the newest copy of a binding.
    See(u8, u8),
    /// A process is killed and started again.
    Crash(u8),
    /// Somebody makes a binding.
    Make(u8),
    /// Somebody deletes it.
    Delete(u8),
    /// The target of the first name's binding changes.
    Edit,
    /// Somebody changes the number in the console.
    Console,
    /// A late update is executed.
    Land(u8),
    /// Somebody wipes a binding's status.
    Wipe(u8),
    /// Somebody forces our finalizer off.
    Force(u8),
    /// The application that answered first is deleted.
    Gone,
    /// The settle time passes.
    Settle,
    /// The number cannot be bound any more, or can be again.
    Obstacle,
    /// The trunk group of the first name's target is gone.
    Vanish,
    /// Another one is made in its place.
    Return,
}

impl NumberProof {
    /// What may happen next.
    pub fn possible(&self, state: &State, acts: &mut Vec<Act>) {
        let budget = &state.budget;
        // From the last look at the bindings to what is sent then no other process gets ahead (the lease covers it).
        let busy = (0..self.processes()).find(|process| state.desks[usize::from(*process)].iter().any(|desk| desk.surveyed));
        for process in (0..self.processes()).filter(|process| busy.is_none_or(|busy| busy == *process)) {
            for name in 0..2_u8 {
                let desk = &state.desks[usize::from(process)][usize::from(name)];
                if !desk.copy.fresh {
                    acts.push(Act::See(process, name));
                }
                let Some(question) = self.question(state, process, name) else { continue };
                acts.push(Act::Step(process, name, Fate::Done));
                if budget.lost > 0 && matches!(self.mind.decide(question).0, Kind::Update(..)) {
                    acts.extend([Fate::Lost, Fate::Never].map(|fate| Act::Step(process, name, fate)));
                    if state.flights.contains(&None) {
                        acts.push(Act::Step(process, name, Fate::Late));
                    }
                }
            }
            if budget.crashes > 0 {
                acts.push(Act::Crash(process));
            }
        }
        for name in 0..2_u8 {
            let at = usize::from(name);
            match state.stored[at] {
                None if budget.applies[at] > 0 => acts.push(Act::Make(name)),
                None => {}
                Some(id) => {
                    let content = self.mind.brief(id);
                    if budget.deletes > 0 && !content.deleting {
                        acts.push(Act::Delete(name));
                    }
                    if budget.edits > 0 && name == 0 && !content.deleting {
                        acts.push(Act::Edit);
                    }
                    if budget.wipes > 0 && !content.blank {
                        acts.push(Act::Wipe(name));
                    }
                    if budget.forced > 0 && content.finalizer {
                        acts.push(Act::Force(name));
                    }
                }
            }
            if state.flights[at].is_some() {
                acts.push(Act::Land(name));
            }
        }
        if budget.console > 0 && state.app != CONSOLE {
            acts.push(Act::Console);
        }
        if budget.gone > 0 && !state.gone {
            acts.push(Act::Gone);
        }
        if budget.obstacles > 0 {
            acts.push(Act::Obstacle);
        }
        if let Some(content) = state.stored[0].map(|id| self.mind.brief(id)) {
            if budget.recreations > 0 && !content.deleting && content.wanted == 1 {
                acts.push(Act::Vanish);
            }
            if !content.deleting && content.wanted == NOWHERE {
                acts.push(Act::Return);
            }
        }
        if budget.settles > 0 && state.flights == [None; 2] {
            acts.push(Act::Settle);
        }
    }

    fn processes(&self) -> u8 {
        u8::try_from(self.world.processes).unwrap_or(2)
    }

    /// What a process sees of a binding and knows about it.
    pub fn question(&self, state: &State, process: u8, name: u8) -> Option<Question> {
        let desks = &state.desks[usize::from(process)];
        let desk = &desks[usize::from(name)];
        Some(Question { own: desk.copy.content?, rival: desks[1 - usize::from(name)].copy.content, learnt: desk.learnt })
    }

    /// It happens.
    pub fn apply(&self, state: &mut State, act: Act) {
        match act {
            Act::Step(process, name, fate) => self.step(state, process, name, fate),
            Act::See(process, name) => self.see(state, process, name),
            Act::Crash(process) => {
                state.budget.crashes -= 1;
                for name in 0..2 {
                    state.desks[usize::from(process)][usize::from(name)] = Desk::default();
                    self.see(state, process, name);
                }
            }
            Act::Make(name) => {
                state.budget.applies[usize::from(name)] -= 1;
                state.made += 1;
                let wanted = if name == 0 { 1 } else { 3 };
                self.store(state, name, Some(self.mind.make(state.made, wanted)));
            }
            Act::Delete(name) => {
                state.budget.deletes -= 1;
                self.delete(state, name);
            }
            Act::Edit => {
                state.budget.edits -= 1;
                self.edit(state, 0, |content| {
                    content.wanted = if content.wanted == 1 { 2 } else { 1 };
                    content.generation += 1;
                });
            }
            Act::Console => {
                state.budget.console -= 1;
                state.app = CONSOLE;
                state.disturbed = true;
            }
            Act::Land(at) => {
                if let Some(app) = state.flights[usize::from(at)].take() {
                    self.execute(state, app);
                }
            }
            Act::Wipe(name) => {
                state.budget.wipes -= 1;
                state.disturbed = true;
                self.edit(state, name, |content| content.status = Default::default());
            }
            Act::Force(name) => {
                state.budget.forced -= 1;
                state.disturbed = true;
                self.edit(state, name, |content| content.finalizer = false);
                state.left |= 1 << state.app;
                self.let_go(state, name);
            }
            Act::Gone => {
                state.budget.gone -= 1;
                (state.gone, state.disturbed) = (true, true);
            }
            Act::Obstacle => {
                state.budget.obstacles -= 1;
                state.obstacle = !state.obstacle;
            }
            Act::Vanish => {
                state.budget.recreations -= 1;
                state.left_behind = true;
                self.edit(state, 0, |content| content.wanted = NOWHERE);
            }
            Act::Return => self.edit(state, 0, |content| content.wanted = 2),
            Act::Settle => {
                state.budget.settles -= 1;
                self.settle(state);
            }
        }
        // What a process knows of the bindings may be older than this, but not older than its last look at them.
        for process in 0..usize::from(self.processes()) {
            for name in 0..2_u8 {
                if state.desks[process][usize::from(name)].surveyed && self.may_write(state, name) {
                    state.desks[process][usize::from(name)].owned = true;
                }
            }
        }
    }

    /// A user deletes a binding.
    pub fn delete(&self, state: &mut State, name: u8) {
        self.edit(state, name, |content| {
            if !content.deleting {
                (content.deleting, content.generation) = (true, content.generation + 1);
            }
        });
        self.let_go(state, name);
    }

    /// What was not taken is asked again.
    pub fn hours(&self, state: &mut State) {
        for process in 0..self.processes() {
            for name in 0..2 {
                self.teach(state, process, name, Lesson::Hours);
            }
        }
    }

    /// Nothing is in doubt any more.
    pub fn settle(&self, state: &mut State) {
        for process in 0..self.processes() {
            for name in 0..2 {
                self.teach(state, process, name, Lesson::Settled);
            }
        }
    }

    fn let_go(&self, state: &mut State, name: u8) {
        let gone = state.stored[usize::from(name)].map(|id| self.mind.brief(id)).is_some_and(|now| now.deleting && !now.finalizer);
        if gone {
            self.store(state, name, None);
        }
    }

    fn edit(&self, state: &mut State, name: u8, change: impl FnOnce(&mut Content)) {
        if let Some(id) = state.stored[usize::from(name)] {
            let id = self.mind.change(id, change);
            self.store(state, name, Some(id));
        }
    }

    fn store(&self, state: &mut State, name: u8, id: Option<u16>) {
        if state.stored[usize::from(name)] == id {
            return;
        }
        state.stored[usize::from(name)] = id;
        for process in 0..usize::from(self.processes()) {
            state.desks[process][usize::from(name)].copy.fresh = false;
        }
        self.judge_previous(state, name);
    }

    /// I15: what is stored as having been there before was never put there by a binding that has not left it there for good.
    fn judge_previous(&self, state: &mut State, name: u8) {
        let Some(content) = state.stored[usize::from(name)].map(|id| self.mind.brief(id)) else { return };
        if self.world.forced > 0 {
            // A7: who forces the finalizer off takes what was there before away with it.
            return;
        }
        if content.previous.is_some_and(|app| ours(app) && state.left & (1 << app) == 0) {
            self.breaks(state, I::I15);
        }
    }

    fn see(&self, state: &mut State, process: u8, name: u8) {
        let content = state.stored[usize::from(name)];
        let desk = &mut state.desks[usize::from(process)][usize::from(name)];
        let made = |id: Option<u16>| id.map(|id| self.mind.brief(id).made);
        if made(desk.copy.content) != made(content) {
            *desk = Desk::default();
        }
        desk.copy = Copy { content, fresh: true };
    }

    fn teach(&self, state: &mut State, process: u8, name: u8, lesson: Lesson) {
        if let Some(question) = self.question(state, process, name) {
            let learnt = self.mind.learn(question, lesson);
            let desk = &mut state.desks[usize::from(process)][usize::from(name)];
            desk.learnt = learnt;
            match lesson {
                Lesson::Got(app, obstacle) => (desk.shown, desk.obstacle) = (Some(app), obstacle),
                Lesson::Rested | Lesson::Settled | Lesson::Hours => {
                    (desk.shown, desk.obstacle, desk.owned, desk.surveyed) = (None, false, false, false);
                }
                _ => {}
            }
        }
    }

    /// A number can be led to it.
    fn exists(&self, state: &State, app: u8) -> bool {
        !(app == FIRST && state.gone || app == 1 && state.left_behind)
    }

    fn execute(&self, state: &mut State, app: u8) {
        if self.exists(state, app) && (app != NONE || state.unbinding == Unbinding::Taken) {
            state.app = app;
        }
    }

    /// Version-checked: what was read must be the newest.
    fn write(&self, state: &mut State, process: u8, name: u8, to: u16, checked: bool) -> bool {
        let copy = state.desks[usize::from(process)][usize::from(name)].copy;
        let mut to = to;
        let mut applies = copy.fresh && state.stored[usize::from(name)].is_some();
        if !checked && let Some(now) = state.stored[usize::from(name)] {
            // The status of what was read, over whatever is there.
            to = self.mind.graft(to, now);
            applies = true;
        }
        if applies {
            self.store(state, name, Some(to));
        }
        self.see(state, process, name);
        applies
    }

    /// The next step of a process about a binding.
    pub fn step(&self, state: &mut State, process: u8, name: u8, fate: Fate) {
        let Some(question) = self.question(state, process, name) else { return };
        let (kind, looked) = self.mind.decide(question);
        let teach = |state: &mut State, lesson| {
            let learnt = self.mind.learn(question, lesson);
            let desk = &mut state.desks[usize::from(process)][usize::from(name)];
            if desk.copy.content.is_some() {
                desk.learnt = learnt;
            }
        };
        let desk = state.desks[usize::from(process)][usize::from(name)];
        match kind {
            Kind::Rest(report, healthy) => {
                let checked = self.ablation != Some(Ablation::Version);
                let written = report.is_none_or(|to| self.write(state, process, name, to, checked));
                state.desks[usize::from(process)][usize::from(name)].learnt = looked;
                if written && healthy {
                    teach(state, Lesson::Agreed);
                }
                if written {
                    self.teach(state, process, name, Lesson::Rested);
                }
            }
            Kind::AddFinalizer => {
                state.desks[usize::from(process)][usize::from(name)].learnt = looked;
                let to = self.mind.change(question.own, |content| content.finalizer = true);
                self.write(state, process, name, to, true);
            }
            Kind::Release(release) => {
                state.desks[usize::from(process)][usize::from(name)].learnt = looked;
                let to = self.mind.change(question.own, |content| content.finalizer = false);
                if self.write(state, process, name, to, true) {
                    self.judge_release(state, release);
                    if release != Release::HandedOver {
                        state.left |= 1 << state.app;
                    }
                    self.let_go(state, name);
                    self.see(state, process, name);
                }
            }
            Kind::Survey => {
                for name in 0..2 {
                    self.see(state, process, name);
                }
                // What was seen before counts, and what the bindings are now.
                teach(state, Lesson::Surveyed);
                let owned = self.may_write(state, name);
                let desk = &mut state.desks[usize::from(process)][usize::from(name)];
                (desk.owned, desk.surveyed) = (owned, desk.copy.content.is_some());
            }
            Kind::Write(to) => {
                state.desks[usize::from(process)][usize::from(name)].learnt = looked;
                if self.write(state, process, name, to, self.ablation != Some(Ablation::Version)) {
                    teach(state, Lesson::Written);
                }
            }
            Kind::Get => {
                let (app, obstacle) = (state.app, state.obstacle);
                teach(state, Lesson::Got(app, obstacle));
                let desk = &mut state.desks[usize::from(process)][usize::from(name)];
                (desk.shown, desk.obstacle) = (Some(app), obstacle);
            }
            Kind::Update(app, cause) => {
                self.judge_update(state, (name, app), desk, cause);
                let refused = !self.exists(state, app) || app == NONE && state.unbinding == Unbinding::Refused;
                let lesson = match fate {
                    Fate::Done if refused => Lesson::Refused,
                    Fate::Done => Lesson::Done,
                    _ => Lesson::Unknown,
                };
                match fate {
                    Fate::Done | Fate::Lost => self.execute(state, app),
                    Fate::Late => {
                        if let Some(free) = state.flights.iter_mut().find(|flight| flight.is_none()) {
                            *free = Some(app);
                        }
                    }
                    Fate::Never => {}
                }
                if fate != Fate::Done {
                    state.budget.lost -= 1;
                }
                teach(state, lesson);
                let desk = &mut state.desks[usize::from(process)][usize::from(name)];
                (desk.owned, desk.surveyed) = (false, false);
                if lesson != Lesson::Refused {
                    (desk.shown, desk.obstacle) = (None, false);
                }
            }
        }
    }

    /// I19: a number that something has to answer is not left where it was put.
    fn judge_release(&self, state: &mut State, release: Release) {
        if self.world.groups.is_some() && ours(state.app) && release != Release::HandedOver {
            self.breaks(state, I::I19);
        }
    }

    fn judge_update(&self, state: &mut State, (name, app): (u8, u8), desk: Desk, cause: Cause) {
        let giving_back = matches!(cause, Cause::Restored | Cause::Unassigned);
        // What has changed since the last look is nobody's fault; nor is what goes without our knowing (A7).
        if !desk.owned && !self.may_write(state, name) && self.world.forced == 0 {
            self.breaks(state, I::I2n);
        }
        let wanted = desk.copy.content.map(|id| self.mind.brief(id).wanted);
        if !giving_back && (desk.obstacle || wanted != Some(app)) {
            self.breaks(state, I::I20);
        }
        if giving_back && desk.shown.is_none_or(|app| app == CONSOLE || app == NONE) {
            self.breaks(state, I::I18);
        }
    }

    /// Which name's binding owns the number: the older live one; if none is live, each may give back what it put there.
    fn owner(&self, state: &State) -> Option<u8> {
        let all = || (0..2_u8).filter_map(|name| Some((name, self.mind.brief(state.stored[usize::from(name)]?))));
        all().filter(|(_, content)| !content.deleting).min_by_key(|(_, content)| content.made).map(|(name, _)| name)
    }

    /// Whether a binding may write: it owns the number, or nobody does and it is on its way out.
    pub fn may_write(&self, state: &State, name: u8) -> bool {
        state.stored[usize::from(name)].is_some() && self.owner(state).is_none_or(|owner| owner == name)
    }
}
