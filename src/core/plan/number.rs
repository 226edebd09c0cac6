//! The plan of what answers a phone number.

use super::{Ask, End, HORIZON, MOST, Numbers, Step, TICK, wakes, words};
use crate::api::condition::{Reason, Verdict};
use crate::core::action::{Action, Cause, Finding, Release};
use crate::core::binding::evidence::Listed;
use crate::core::binding::memory::Learnt;
use crate::core::binding::view::View;
use crate::core::binding::{next, status};
use crate::core::fields::{Fields, Value};
use crate::core::outcome::Outcome;
use crate::core::time::Moment;

/// Where a plan begins.
pub struct Start {
    /// As gathered; its evidence is made anew from `numbers`.
    pub view: View,
    /// What is remembered: nothing, or what an earlier part of the plan has left.
    pub learnt: Learnt,
    /// What the account holds.
    pub numbers: Numbers,
}

/// What comes of it.
#[derive(Clone, Debug)]
pub struct Course {
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Every action, for who wants to see all of them.
    pub actions: Vec<String>,
    /// How it ends.
    pub end: End,
    /// The object and its status as they are then, and when that is.
    pub view: View,
    /// What is remembered.
    pub learnt: Learnt,
    /// What the account holds then.
    pub numbers: Numbers,
    /// What the number was led away from.
    pub left: Vec<String>,
}

/// As [`super::unfold_made`].
///
/// # Errors
/// What has to be read first.
pub fn unfold(start: Start) -> Result<Course, Ask> {
    let Start { mut view, mut learnt, numbers } = start;
    learnt.memory.pass_began = view.now;
    let horizon = view.now + view.timing.settle * HORIZON;
    let listed = Some(view.now).filter(|_| numbers.listed.is_some());
    view.stopping = false;
    let mut unfolding = Unfolding { view, learnt, numbers, listed, horizon, steps: Vec::new(), actions: Vec::new(), left: Vec::new() };
    for _ in 0..MOST {
        let action = unfolding.decide();
        if let Some(end) = unfolding.perform(&action)? {
            return Ok(unfolding.ended(end));
        }
        unfolding.view.now = unfolding.view.now + TICK;
    }
    Ok(unfolding.ended(End::Waits(None)))
}

struct Unfolding {
    view: View,
    learnt: Learnt,
    numbers: Numbers,
    /// When the newest listing began.
    listed: Option<Moment>,
    horizon: Moment,
    steps: Vec<Step>,
    actions: Vec<String>,
    left: Vec<String>,
}

impl Unfolding {
    fn decide(&mut self) -> Action {
        self.learnt.object_seen(&self.view);
        self.view.memory = self.learnt.memory.clone();
        let listed = self.listed.zip(self.numbers.in_listing(&self.view.number));
        self.view.evidence = self.learnt.evidence(listed.map(|(began, found)| Listed { began, complete: true, found }));
        next(&self.view)
    }

    /// Supposes that the action succeeds; how the plan ends, if that was the last one.
    fn perform(&mut self, action: &Action) -> Result<Option<End>, Ask> {
        self.actions.push(words::plain(&action.to_string()));
        let now = self.view.now;
        match action {
            Action::Wait { until, finding } => return Ok(self.wait(*until, finding.as_ref())),
            Action::Done(finding) => return Ok(Some(self.done(finding))),
            Action::RemoveFinalizer(release) => return Ok(Some(self.let_go(*release))),
            Action::AddFinalizer => self.view.object.finalizer = true,
            Action::ReadRivals => self.learnt.surveyed(&self.view, now),
            Action::WritePlaced(_) => {
                if let Some(status) = status::after(&self.view, action) {
                    self.view.status = status;
                    self.learnt.written(action, now);
                }
            }
            Action::List(_, finding) => {
                if self.numbers.listed.is_none() {
                    return Err(Ask::Numbers);
                }
                self.say(finding);
                self.learnt.memory.listing_wanted = Some(now);
                self.listed = Some(now);
            }
            Action::Get(asked, _) => {
                let number = self.view.number.clone();
                let id = Some(asked).filter(|asked| **asked != number).cloned();
                let found = self.numbers.read.get(&number).cloned().ok_or(Ask::Number(number, id))?;
                let outcome = found.map_or(Outcome::NotFound { proven: true }, Outcome::Done);
                self.learnt.got(&self.view, now, outcome, now);
            }
            Action::Update { change, cause, .. } => self.update(change, *cause),
            // Nothing of the kind is done to numbers; `next` never answers these for one.
            _ => return Ok(Some(End::Waits(None))),
        }
        Ok(None)
    }

    fn wait(&mut self, until: Option<Moment>, finding: Option<&Finding>) -> Option<End> {
        if let Some(finding) = finding {
            self.view.status = status::report(&self.view, finding);
            // It agrees, and only what others may have sent before is waited for.
            if finding.reason == Reason::Available {
                return Some(self.done(finding));
            }
        }
        match wakes(until, finding, self.horizon) {
            Some(until) => {
                self.view.now = self.view.now.max(until);
                None
            }
            None => Some(End::Waits(finding.cloned())),
        }
    }

    fn done(&mut self, finding: &Finding) -> End {
        self.say(finding);
        if finding.reason.verdict() == Verdict::Healthy {
            self.learnt.agreed(&self.view, self.view.now);
        }
        End::Rest(finding.clone())
    }

    fn say(&mut self, finding: &Finding) {
        if !finding.message.is_empty() {
            self.view.status = status::report(&self.view, finding);
        }
    }

    fn let_go(&mut self, release: Release) -> End {
        self.steps.push(words::release(release));
        self.view.object.finalizer = false;
        End::Gone(release)
    }

    fn update(&mut self, change: &Fields, cause: Cause) {
        let target = self.view.target();
        let before = self.view.evidence.observed().map(|seen| seen.number.fields.clone()).unwrap_or_default();
        let text = |fields: &Fields| fields.get(target).and_then(Value::text).unwrap_or_default().to_owned();
        if text(&before) != text(change) {
            self.left.push(text(&before));
        }
        self.steps.push(words::number(&self.view.e164(), target, change, &before, cause));
        self.numbers.update(&self.view.number, change);
        self.learnt.updated(&self.view, change, cause, &Outcome::Done(()), self.view.now);
    }

    fn ended(self, end: End) -> Course {
        let Self { view, learnt, numbers, steps, actions, left, .. } = self;
        Course { steps, actions, end, view, learnt, numbers, left }
    }
}
