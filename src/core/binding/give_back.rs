//! A binding that is being deleted (R1 to R20): its number goes to the next binding, or back to what it was, or is left as it is. It is
//! never released.

use super::view::View;
use super::{Observed, answer, confirm_absence, get, inherit, not_looked, read_now, visible};
use crate::api::condition::Reason;
use crate::api::policy::BindingDeletionPolicy;
use crate::core::action::{Action, Cause, Finding, Release};
use crate::core::budget::Lane;
use crate::core::fields::{Difference, Fields, Value, diff};
use crate::core::shared::retry::REFUSED as AGAIN;
use crate::core::shared::{Viewed, read_back, retry, wait_for};
use crate::core::time::Moment;
use crate::core::view::{AccountView, Problem};

/// Stands for whatever it is in `switchboard.dev/force-orphan`.
const UNRESOLVED: &str = "unresolved";

pub(super) fn next(view: &View) -> Action {
    if !view.object.finalizer {
        return Action::Done(Finding::new(Reason::Deleting, "released"));
    }
    if forced(view) {
        return Action::RemoveFinalizer(Release::Orphaned);
    }
    if matches!(view.account, AccountView::Unknown) {
        return wait_for(view, Problem { reason: Reason::Deleting, message: String::new() });
    }
    if let Some(owner) = view.owner() {
        if view.handed_over(owner) {
            // As long as this one is there, what it has sent counts as put there by one of ours, for the heir as well.
            let settles = view.memory.settles(view.timing.settle);
            if view.now < settles {
                return on_its_way(view, settles);
            }
            // A cache may be behind, and the heir gone.
            return match view.surveyed() {
                Some(_) => Action::RemoveFinalizer(Release::HandedOver),
                None => Action::ReadRivals,
            };
        }
        // One whose account cannot be used takes nothing over, perhaps for ever.
        if owner.ready {
            let what = format!("handing the number over to {}, which does not hold yet what was there before", owner.who);
            // The time-out is for a wake that got lost.
            return Action::Wait { until: Some(view.now + view.timing.settle), finding: Some(progress(view, &what)) };
        }
    }
    if !view.stopping
        && let Some(action) = inherit(view)
    {
        return action;
    }
    if view.policy.deletion == BindingDeletionPolicy::Retain {
        return Action::RemoveFinalizer(Release::Retained);
    }
    // Where it may show what leads to an endpoint of this cluster, it has to be looked at.
    if view.forgotten() && view.own.is_empty() {
        return Action::RemoveFinalizer(Release::PreviousLost);
    }
    if view.status.account.is_none() && matches!(view.account, AccountView::Missing(_)) {
        // What it holds, it has from others: before a write of its own the account is stored.
        return Action::RemoveFinalizer(Release::Unproven);
    }
    if view.stopping {
        return Action::Wait { until: None, finding: None };
    }
    if let Some(problem) = view.unusable() {
        return wait_for(view, Problem { message: format!("waiting to give the number back: {}", problem.message), ..problem });
    }
    if let Some(problem) = view.held() {
        let message = format!(
            "{}. Meanwhile the number is not given back and the object waits; deletionPolicy: Retain lets it go without",
            problem.message
        );
        return wait_for(view, Problem { message, ..problem });
    }
    look(view)
}

/// R10, R11, R20: what the number shows now.
fn look(view: &View) -> Action {
    let since = |moment| view.evidence.got.as_ref().is_some_and(|got| got.began >= moment);
    let read = since(view.memory.pass_began);
    match view.evidence.missing() {
        // It may have been read in an earlier pass of this deletion; the listing that this deletion asked for confirms it.
        Some(true) if view.memory.leaving.is_some_and(since) && view.evidence.confirmed_missing() => {
            return Action::RemoveFinalizer(Release::NumberGone);
        }
        // That nothing was selected is not said of the number.
        Some(true) if read && !view.selects() => return Action::RemoveFinalizer(Release::NumberGone),
        Some(_) if read => return confirm_absence(view, Reason::Deleting),
        _ => {}
    }
    let seen = view.evidence.observed();
    // A listing is enough to tell that it still is so.
    if let Some(action) = seen.and_then(|seen| keep(view, seen)) {
        return action;
    }
    match seen.filter(|seen| read_now(view, *seen)) {
        Some(seen) => give_back(view, seen),
        None => get(view, Lane::Urgent),
    }
}

/// What the number is to show when the object goes, and what it means that it does.
struct Goal {
    fields: Fields,
    cause: Cause,
    release: Release,
}

impl Goal {
    /// The provider shows it.
    fn shown(&self, seen: Observed<'_>) -> bool {
        diff(&self.fields, &seen.number.fields).is_empty()
    }

    /// The provider refused it; until when that stands. Where a number may need something that answers it, not for ever.
    fn refused(&self, view: &View) -> Option<Moment> {
        let memory = &view.memory;
        let until = memory.turned_down.filter(|_| memory.not_taken.contains(&self.fields)).map(|at| at + AGAIN);
        until.filter(|until| !view.must_answer() || view.now < *until)
    }

    /// The provider accepted it often enough and does not show it; until when that stands.
    fn ignored(&self, view: &View, seen: Observed<'_>) -> Option<Moment> {
        let sent = view.memory.update.as_ref().filter(|update| update.change == self.fields && update.times >= read_back::ENOUGH);
        let sent = sent.filter(|update| seen.began >= update.at + view.timing.visible() && !self.shown(seen));
        sent.map(|update| update.at + AGAIN)
    }
}

/// R20: nothing of what there is to give back is taken, and the provider may have to have something that answers the number. To let go of it
/// would leave it where it was put, with nobody to look after it.
fn keep(view: &View, seen: Observed<'_>) -> Option<Action> {
    let goals = goals(view, seen);
    if !view.must_answer() || !ours(view, view.answering(seen)) || goals.iter().any(|goal| goal.shown(seen)) {
        return None;
    }
    let turns = goals.iter().map(|goal| goal.refused(view).or_else(|| goal.ignored(view, seen)).filter(|until| view.now < *until));
    // None of them has its turn now.
    let until = turns.collect::<Option<Vec<Moment>>>()?.into_iter().min()?;
    Some(Action::Wait { until: Some(until), finding: Some(kept(view, seen, &goals)) })
}

fn kept(view: &View, seen: Observed<'_>, goals: &[Goal]) -> Finding {
    let target = view.target();
    let mut wanted: Vec<&str> = goals.iter().filter_map(|goal| goal.fields.get(target)?.text()).collect();
    wanted.dedup();
    let wanted: Vec<String> = wanted.into_iter().map(|id| format!("\"{}\"", answer::named(target, id))).collect();
    Finding::new(
        Reason::DeletionRefused,
        format!(
            "number {} cannot be given back: it still leads to {}, where this binding put it, and the provider does not take {} for it. It is never released. Make another binding for the number, point it elsewhere in the provider's console, or set deletionPolicy: Retain to leave it as it is; until then this object stays, and so does what the number leads to. It is tried again every 6 hours",
            view.e164(),
            answer::named(target, view.answering(seen)),
            wanted.join(" or ")
        ),
    )
}

/// It was put there by this binding; if that is not known, by nobody but this cluster.
fn ours(view: &View, shown: &str) -> bool {
    if view.forgotten() { view.own(shown) } else { view.placed(shown) }
}

/// R8, R12: the number shows what is not ours.
fn left(view: &View) -> Release {
    if view.forgotten() { Release::PreviousLost } else { Release::NotOurs }
}

/// R12 to R18.
fn give_back(view: &View, seen: Observed<'_>) -> Action {
    let shown = view.answering(seen);
    let ours = ours(view, shown);
    let goals = goals(view, seen);
    for goal in goals.iter().filter(|goal| goal.refused(view).is_none()) {
        let differences = diff(&goal.fields, &seen.number.fields);
        if differences.is_empty() {
            return finish(view, seen, goal.release);
        }
        if !ours && goal.fields.get(view.target()).and_then(Value::text) != Some(shown) {
            return finish(view, seen, left(view));
        }
        if let Some(update) = view.memory.update.as_ref().filter(|update| update.change == goal.fields) {
            let unseen = differences.iter().map(|difference| difference.field).collect();
            match read_back::judge(view, view.asked(), update, read_back::Seen { began: seen.began, by_id: true, unseen }) {
                Some(read_back::Verdict::Look(action)) => return action,
                // It has its turn again.
                Some(read_back::Verdict::Normalised(_)) if view.must_answer() && view.now >= update.at + AGAIN => {}
                // Accepted twice and never shown: it cannot be had.
                Some(read_back::Verdict::Normalised(_)) => continue,
                None => {}
            }
        }
        if let Some(action) = not_looked(view, seen) {
            return action;
        }
        let texts = differences.iter().map(Difference::to_string).collect();
        let (change, cause) = (goal.fields.clone(), goal.cause);
        return retry::call(view, Action::Update { id: seen.number.id.clone(), change, cause, differences: texts });
    }
    if !view.must_answer() {
        return finish(view, seen, Release::NotGivenBack);
    }
    // What was not taken may have come about otherwise.
    match goals.iter().find(|goal| goal.shown(seen)) {
        Some(goal) => finish(view, seen, goal.release),
        None if !ours => finish(view, seen, left(view)),
        None => Action::Wait { until: Some(view.now + AGAIN), finding: Some(kept(view, seen, &goals)) },
    }
}

/// What to try, one after the other, until the provider takes it.
fn goals(view: &View, seen: Observed<'_>) -> Vec<Goal> {
    let text = |value: &str| Value::Text(value.to_owned());
    let none = |cause, release| Goal { fields: Fields::from([(view.target(), text(""))]), cause, release };
    let previous = match &view.status.previous {
        Some(previous) if view.policy.deletion == BindingDeletionPolicy::Restore => previous,
        _ => return vec![none(Cause::Unassigned, Release::Unassigned)],
    };
    let before = view.before(previous.target());
    let (cause, release) = match before == previous.target() {
        true => (Cause::Restored, Release::Restored),
        false => (Cause::Unassigned, Release::Unassigned),
    };
    let restored = |fields| Goal { fields, cause, release };
    let answered = Fields::from([(view.target(), text(before))]);
    let mut goals = Vec::new();
    // The alias comes back if it was managed and still is what was put there.
    let alias = seen.text("alias");
    if view.status.placed.iter().any(|placed| placed.alias.as_deref() == Some(alias)) && alias != previous.alias {
        let mut both = answered.clone();
        both.insert("alias", text(&previous.alias));
        goals.push(restored(both));
    }
    goals.push(restored(answered));
    if !before.is_empty() {
        goals.push(none(Cause::Unassigned, Release::PreviousGone));
    }
    goals
}

/// R17, R18: nothing has to be written any more. An update whose answer was lost may be executed after the object has gone, so it is
/// waited for, and the number is read once more.
fn finish(view: &View, seen: Observed<'_>, release: Release) -> Action {
    let settles = view.memory.settles(view.timing.settle).max(visible(view, seen));
    if view.now < settles {
        return on_its_way(view, settles);
    }
    if seen.began < settles {
        return get(view, Lane::Urgent);
    }
    Action::RemoveFinalizer(release)
}

fn on_its_way(view: &View, until: Moment) -> Action {
    let what = format!("an earlier update may still be on its way, for at most {:?}", view.timing.settle);
    Action::Wait { until: Some(until), finding: Some(progress(view, &what)) }
}

/// Somebody gave the number up: by itself, or as `unresolved`.
fn forced(view: &View) -> bool {
    let given_up = view.object.force_orphan.as_deref().map(|text| text.trim_start_matches('+'));
    given_up.is_some_and(|text| text == view.number || text == UNRESOLVED)
}

fn progress(view: &View, what: &str) -> Finding {
    Finding::new(Reason::Deleting, format!("giving number {} back: {what}; the object goes by itself then", view.e164()))
}
