//! What a process remembers of one binding, and what each answer teaches it. The executor, the simulated world of the tests and the model
//! checker learn through the same methods.

use std::time::Duration;

use super::answer;
use super::evidence::{Evidence, Got, Listed};
use super::view::View;
use crate::api::condition::{ConditionType, Reason};
use crate::api::phone_number_binding::{Placed, Previous};
use crate::core::action::{Action, Cause, Source};
use crate::core::fields::{Fields, Number, Value};
use crate::core::outcome::{Doubt, DoubtKind, Outcome, Refusal, RefusalKind};
use crate::core::shared::quarrel::Quarrel;
use crate::core::shared::read_back::Normalised;
use crate::core::shared::retry::REFUSED as AGAIN;
use crate::core::time::Moment;
use crate::core::view::{Trouble, Updated};

/// What this process remembers of one binding. Losing it (a restart) costs time, never safety.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The last update, until it was read back.
    pub update: Option<Updated>,
    /// When our own last update was answered: older listings show our amendment, not the number.
    pub effect: Moment,
    /// The last failure of a call, until one succeeds or the question changes.
    pub trouble: Option<Trouble>,
    /// What the provider said to an update that it refused as invalid. It stands until something else is wanted, or 6 hours.
    pub refusal: Option<Trouble>,
    /// What was wanted at the last failure.
    pub wish: Option<Fields>,
    /// When a listing was last asked for.
    pub listing_wanted: Option<Moment>,
    /// When this pass over the object began.
    pub pass_began: Moment,
    /// Others keep changing the number: drift that was corrected.
    pub quarrel: Quarrel,
    /// What was known when the other bindings were last read from the API server itself.
    pub survey: Option<Survey>,
    /// Reads of the number that were answered.
    pub reads: u64,
    /// What the provider accepted twice and shows in another form.
    pub normalised: Normalised,
    /// What the provider did not take when the number was given back: refused as invalid, or accepted twice and not shown.
    pub not_taken: Vec<Fields>,
    /// When that turned out last.
    pub turned_down: Option<Moment>,
    /// The provider's id of the number, as it was read last.
    pub id: Option<String>,
    /// When an update was last sent whose outcome is unknown, and how many such there were that do not seem to be executed since: each may
    /// be executed late.
    pub doubt: Option<(Moment, u32)>,
    /// Since when this process knows what others have written ahead: their updates may be executed late too.
    pub foreign: Option<Moment>,
    /// What this process knows to be the newest in `status.placed`, since it looked first.
    pub newest: Option<Option<Placed>>,
    /// Since when this process knows that the binding is on its way out.
    pub leaving: Option<Moment>,
}

/// The number as it was known when the other bindings were read from the API server itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// When that read began.
    pub began: Moment,
    /// What the number showed to answer it before, if it had been seen.
    pub shown: Option<String>,
    /// How many reads of the number had been answered by then.
    pub reads: u64,
}

/// What a process knows of one binding between two decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learnt {
    /// What decisions look at.
    pub memory: Memory,
    /// The last conclusive read of the number.
    pub got: Option<Got>,
}

impl Memory {
    /// When the last update that anybody may have sent, and that nobody has seen to be executed, can no longer surprise anybody: `settle`
    /// after it.
    pub fn settles(&self, settle: Duration) -> Moment {
        let known = [self.doubt.map(|(at, _)| at), self.foreign];
        known.into_iter().flatten().max().map_or(Moment::ZERO, |at| at + settle)
    }

    /// The provider did not take this when the number was given back.
    fn not_taken(&mut self, change: Fields, now: Moment) {
        if self.turned_down.is_some_and(|at| now >= at + AGAIN) {
            // All of it is asked again.
            self.not_taken.clear();
        }
        self.not_taken.push(change);
        self.turned_down = Some(now);
    }
}

impl Learnt {
    /// The object is looked at: has anybody else written ahead, and was it contested when the process began?
    pub fn object_seen(&mut self, view: &View) {
        let memory = &mut self.memory;
        let newest = view.status.placed.last().cloned();
        let ready = view.status.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str());
        let reason = ready.map(|condition| condition.reason.as_str());
        match &memory.newest {
            // Nothing is on its way for an object at rest; as long as something may be, what was written ahead is kept.
            None if newest.is_none() || reason == Some(Reason::Available.as_str()) && collapsed(&view.status.placed) => {}
            Some(known) if *known == newest => {}
            _ => memory.foreign = Some(view.now),
        }
        if memory.newest.is_none() && reason == Some(Reason::Contested.as_str()) {
            memory.quarrel = Quarrel::going_on(view.now);
        }
        memory.newest = Some(newest);
        if view.object.deleting {
            memory.leaving.get_or_insert(view.now);
        }
    }

    /// A read of the number that began then was answered. It asked as [`View::asked`] says.
    pub fn got(&mut self, view: &View, began: Moment, outcome: Outcome<Number>, now: Moment) {
        let outcome = match outcome {
            // The number may have another id by now: only the listing tells that it is gone.
            Outcome::NotFound { proven: true } if view.asked() != view.number => {
                self.memory.id = None;
                Outcome::NotFound { proven: false }
            }
            // It cannot be told by its digits whether it is there; the listing, which has its id, tells that.
            Outcome::Refused(refusal) if view.selects() && refusal.kind == RefusalKind::Invalid => {
                return self.unselected(view, began, Doubt { kind: DoubtKind::Unreadable, message: refusal.message }, now);
            }
            Outcome::Unknown(doubt) if view.selects() => return self.unselected(view, began, doubt, now),
            outcome => outcome,
        };
        if !matches!(outcome, Outcome::NotFound { proven: false }) {
            self.noted(view, &outcome, now);
        }
        match outcome {
            Outcome::Done(number) => {
                if self.memory.id.as_ref().is_some_and(|before| *before != number.id) {
                    // What was said of the one before says nothing of this one.
                    self.memory.not_taken.clear();
                }
                self.memory.id = Some(number.id.clone());
                // The only update whose answer was lost seems to be executed. Another process may have sent the same, so it is no proof.
                self.memory.reads += 1;
                let sent = self.memory.update.as_ref().filter(|update| update.times == 0).map(|update| &update.change);
                if sent.is_some_and(|sent| sent.iter().all(|(field, value)| number.fields.get(field) == Some(value)))
                    && let Some((at, 1)) = self.memory.doubt.filter(|(at, _)| began >= *at && changes(view, sent))
                {
                    self.memory.doubt = Some((at, 0));
                }
                let memory = &mut self.memory;
                let visible = view.timing.visible();
                if !view.object.deleting
                    && let Some(update) = &memory.update
                    && memory.normalised.settled(update, visible, began, &number.fields)
                {
                    memory.update = None;
                }
                self.got = Some(Got { began, found: Some(number), proven: true });
            }
            Outcome::NotFound { proven } => {
                self.memory.reads += 1;
                if !proven {
                    // A page that is not the provider's: the next read waits, or it would ask for a listing each time as fast as it can.
                    self.noted(view, &Outcome::<()>::Unknown(foreign_page(view)), now);
                }
                self.got = Some(Got { began, found: None, proven });
            }
            Outcome::Refused(_) | Outcome::Unknown(_) => {}
        }
    }

    /// The provider cannot select the number, or did not answer.
    fn unselected(&mut self, view: &View, began: Moment, doubt: Doubt, now: Moment) {
        self.noted(view, &Outcome::<()>::Unknown(doubt), now);
        self.got = Some(Got { began, found: None, proven: false });
    }

    /// An update for this cause was answered. Unless it was refused, what was read before is not known any more.
    pub fn updated(&mut self, view: &View, change: &Fields, cause: Cause, outcome: &Outcome<()>, now: Moment) {
        let giving_back = matches!(cause, Cause::Restored | Cause::Unassigned);
        let doubt;
        let outcome = match outcome {
            // Nobody knows whether the provider ever saw it.
            Outcome::NotFound { proven: false } => {
                doubt = Outcome::Unknown(foreign_page(view));
                &doubt
            }
            known => known,
        };
        let refusal = match outcome {
            Outcome::Refused(refusal) if refusal.kind == RefusalKind::Invalid => Some(refusal.clone()),
            // The number, or what is to answer it? A read of the number tells.
            Outcome::NotFound { .. } => {
                let target = change.get(view.target()).and_then(Value::text).unwrap_or_default();
                let message =
                    format!("the provider answers \"not found\" to {} for number {}", answer::named(view.target(), target), view.e164());
                Some(Refusal { kind: RefusalKind::Invalid, message, retry_after: None })
            }
            _ => None,
        };
        self.memory.survey = None;
        if !matches!(outcome, Outcome::Refused(_)) {
            self.got = None;
        }
        match refusal {
            Some(_) if giving_back => {
                self.memory.trouble = None;
                self.memory.not_taken(change.clone(), now);
            }
            Some(refusal) => {
                self.noted(view, &Outcome::<()>::Refused(refusal), now);
                self.memory.refusal = self.memory.trouble.take();
            }
            None => self.noted(view, outcome, now),
        }
        let memory = &mut self.memory;
        memory.normalised.sending(change);
        match outcome {
            Outcome::Done(()) => {
                memory.refusal = None;
                memory.effect = now;
                let before = memory.update.take();
                if let Some(before) = before.as_ref().filter(|before| giving_back && before.change != *change && before.times >= 2) {
                    memory.not_taken(before.change.clone(), now);
                }
                let times = before.filter(|before| before.change == *change).map_or(0, |before| before.times) + 1;
                memory.update = Some(Updated { change: change.clone(), at: now, times });
            }
            // Perhaps it was executed: read before anything is sent again.
            Outcome::Unknown(_) => {
                memory.effect = now;
                let count = memory.doubt.filter(|(at, _)| now.since(*at) < view.timing.settle).map_or(0, |(_, count)| count);
                memory.doubt = Some((now, count + 1));
                let times = memory.update.take().filter(|before| before.change == *change).map_or(0, |before| before.times);
                memory.update = Some(Updated { change: change.clone(), at: now, times });
            }
            Outcome::Refused(_) | Outcome::NotFound { .. } => {}
        }
        if cause == Cause::Drifted && matches!(outcome, Outcome::Done(()) | Outcome::Unknown(_)) {
            self.memory.quarrel.answered(now);
        }
    }

    /// The other bindings of the number were read from the API server itself; the read began then.
    pub fn surveyed(&mut self, view: &View, began: Moment) {
        let shown = view.evidence.observed().map(|seen| view.answering(seen).to_owned());
        self.memory.survey = Some(Survey { began, shown, reads: self.memory.reads });
    }

    /// A write of the status is durable.
    pub fn written(&mut self, action: &Action, now: Moment) {
        if let Action::WritePlaced(ahead) = action {
            self.memory.newest = Some(ahead.placed.last().cloned());
            if ahead.source == Source::Inherited {
                self.memory.foreign = Some(now);
            }
        }
    }

    /// The status says that all agrees, durably.
    pub fn agreed(&mut self, view: &View, now: Moment) {
        let memory = &mut self.memory;
        memory.update = None;
        memory.normalised = Normalised::default();
        memory.trouble = None;
        memory.refusal = None;
        memory.survey = None;
        memory.newest = Some(view.wish().or_else(|| view.status.placed.last().cloned()));
        memory.quarrel.calm(now);
    }

    /// Keeps the last failure, or forgets it.
    fn noted<T>(&mut self, view: &View, outcome: &Outcome<T>, now: Moment) {
        let question = Trouble { at: now, generation: view.object.generation, ..Trouble::default() };
        self.memory.trouble = question.after(self.memory.trouble.take(), outcome);
        if self.memory.trouble.is_some() {
            self.memory.wish = view.wanted().cloned();
        }
    }

    /// What is known of the number, from the newest listing and the last read. A listing that began before our own last update shows our
    /// amendment of it, not the number: it proves nothing but that the number is there.
    pub fn evidence(&self, listed: Option<Listed>) -> Evidence {
        Evidence { got: self.got.clone(), listed: listed.filter(|listed| listed.began >= self.memory.effect) }
    }
}

/// "Not found", but not in the provider's own words.
fn foreign_page(view: &View) -> Doubt {
    let message = format!("a page that is not the provider's says \"not found\" about number {}", view.e164());
    Doubt { kind: DoubtKind::Unreadable, message }
}

/// All that is written ahead leads to the same.
fn collapsed(placed: &[Placed]) -> bool {
    placed.windows(2).all(|two| two[0].target() == two[1].target())
}

/// The update changes something that the number showed before: to see it is to see that it was executed.
fn changes(view: &View, sent: Option<&Fields>) -> bool {
    let before = view.status.placed.iter().rev().nth(1).map(Placed::target);
    let before = before.or(view.status.previous.as_ref().map(Previous::target));
    let target = sent.and_then(|sent| sent.get(view.target())).and_then(Value::text);
    target.is_some() && target != before
}
