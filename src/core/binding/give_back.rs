//! A binding that is being deleted (R1 to R18): its number goes to the next binding, or back to what it was, or is left as it is. It is
//! never released.

use super::view::View;
use super::{Observed, confirm_absence, get, inherit, not_looked, read_now, visible};
use crate::api::condition::Reason;
use crate::api::policy::BindingDeletionPolicy;
use crate::core::action::{Action, Cause, Finding, Release};
use crate::core::budget::Lane;
use crate::core::fields::{Difference, Fields, Value, diff};
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
    let forgotten = view.policy.deletion == BindingDeletionPolicy::Restore && view.status.previous.is_none();
    if forgotten || view.status.placed.is_empty() {
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

/// R10, R11: what the number shows now.
fn look(view: &View) -> Action {
    let since = |moment| view.evidence.got.as_ref().is_some_and(|got| got.began >= moment);
    let read = since(view.memory.pass_began);
    match view.evidence.missing() {
        Some(true) if read => return Action::RemoveFinalizer(Release::NumberGone),
        Some(false) if read => return confirm_absence(view, Reason::Deleting),
        // It was read in an earlier pass of this deletion, and the listing that this deletion asked for confirms it.
        Some(true) if view.memory.leaving.is_some_and(since) && view.evidence.confirmed_missing() => {
            return Action::RemoveFinalizer(Release::NumberGone);
        }
        _ => {}
    }
    match view.evidence.observed().filter(|seen| read_now(view, *seen)) {
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

/// R12 to R18.
fn give_back(view: &View, seen: Observed<'_>) -> Action {
    let shown = seen.text("app_id");
    let ours = view.placed(shown);
    for goal in goals(view, seen).into_iter().filter(|goal| !view.memory.not_taken.contains(&goal.fields)) {
        let differences = diff(&goal.fields, &seen.number.fields);
        if differences.is_empty() {
            return finish(view, seen, goal.release);
        }
        if !ours && goal.fields.get("app_id").and_then(Value::text) != Some(shown) {
            return finish(view, seen, Release::NotOurs);
        }
        if let Some(update) = view.memory.update.as_ref().filter(|update| update.change == goal.fields) {
            let unseen = differences.iter().map(|difference| difference.field).collect();
            match read_back::judge(view, &view.number, update, read_back::Seen { began: seen.began, by_id: true, unseen }) {
                Some(read_back::Verdict::Look(action)) => return action,
                // Accepted twice and never shown: it cannot be had.
                Some(read_back::Verdict::Normalised(_)) => continue,
                None => {}
            }
        }
        if let Some(action) = not_looked(view, seen) {
            return action;
        }
        let texts = differences.iter().map(Difference::to_string).collect();
        return retry::call(view, Action::Update { id: view.number.clone(), change: goal.fields, cause: goal.cause, differences: texts });
    }
    finish(view, seen, Release::NotGivenBack)
}

/// What to try, one after the other, until the provider takes it.
fn goals(view: &View, seen: Observed<'_>) -> Vec<Goal> {
    let text = |value: &str| Value::Text(value.to_owned());
    let none = |cause, release| Goal { fields: Fields::from([("app_id", text(""))]), cause, release };
    let previous = match &view.status.previous {
        Some(previous) if view.policy.deletion == BindingDeletionPolicy::Restore => previous,
        _ => return vec![none(Cause::Unassigned, Release::Unassigned)],
    };
    let restored = |fields| Goal { fields, cause: Cause::Restored, release: Release::Restored };
    let application = Fields::from([("app_id", text(previous.target()))]);
    let mut goals = Vec::new();
    // The alias comes back if it was managed and still is what was put there.
    let alias = seen.text("alias");
    if view.status.placed.iter().any(|placed| placed.alias.as_deref() == Some(alias)) && alias != previous.alias {
        let mut both = application.clone();
        both.insert("alias", text(&previous.alias));
        goals.push(restored(both));
    }
    goals.push(restored(application));
    if !previous.target().is_empty() {
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
