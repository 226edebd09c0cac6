//! An object that is being deleted (D1 to D16): nothing of it may be left at the provider when it goes.

use super::references::{self, Deletion};
use super::search::{self, For};
use super::{other_installation, own_open_intent, owned, received};
use crate::api::condition::Reason;
use crate::core::action::{Action, Closed, Finding, Release, Why};
use crate::core::budget::Lane;
use crate::core::outcome::Outcome;
use crate::core::shared::{Viewed, retry, wait_for};
use crate::core::time::Moment;
use crate::core::trunk_group;
use crate::core::view::{AccountView, Problem, Thing, View};

/// Stands for an endpoint of which no id is known in `switchboard.dev/force-orphan`.
const UNRESOLVED: &str = "unresolved";

pub(super) fn next(view: &View) -> Action {
    let forced = view.object.finalizer && forced(view);
    if let Some(id) = received(view).filter(|_| own_open_intent(view).is_some() || !view.object.finalizer)
        && !(forced && view.unusable().is_some())
    {
        return just_received(view, id);
    }
    if !view.object.finalizer {
        return Action::Done(Finding::new(Reason::Deleting, "released"));
    }
    if forced {
        return Action::RemoveFinalizer(Release::Orphaned);
    }
    if view.keeps() && needed(view) {
        return Action::RemoveFinalizer(Release::Retained);
    }
    if let Some(own) = own_open_intent(view) {
        match &own.answer {
            None => return Action::CloseEpoch(Closed::NotSent),
            Some(Outcome::Refused(_)) => return Action::CloseEpoch(Closed::Refused),
            Some(_) => {}
        }
    }
    if view.stopping {
        return Action::Wait { until: None, finding: None };
    }
    if view.adopt.is_some() && view.recorded().is_none() {
        // An id in a spec is no proof that the endpoint was ever this object's.
        return Action::RemoveFinalizer(Release::Unproven);
    }
    // A former object of this name may have left a trunk group, which stands in the way of the endpoint.
    if never_sent(view) && (view.thing == Thing::Endpoint || !possible(view)) {
        return Action::RemoveFinalizer(Release::NeverSent);
    }
    if let Some(problem) = view.unusable() {
        let lost = view.ledger().is_none() && view.recorded().is_none();
        return match &view.account {
            AccountView::Missing(_) if lost => Action::RemoveFinalizer(Release::Unproven),
            _ => wait_for(view, deleting(view, problem)),
        };
    }
    if let Some(problem) = view.held().or_else(|| other_installation(view)) {
        let message = format!(
            "{}. Meanwhile the {} is not deleted and the object waits; {}",
            problem.message,
            view.thing.as_str(),
            references::without(view)
        );
        return wait_for(view, Problem { message, ..problem });
    }
    match remove_endpoints(view).unwrap_or_else(|| prove(view)) {
        // What may not be deleted stays, as it may.
        Action::Wait { finding: Some(Finding { reason: Reason::OwnershipLost | Reason::InstallationMismatch, .. }), .. }
            if view.keeps() =>
        {
            Action::RemoveFinalizer(Release::Retained)
        }
        action => action,
    }
}

/// What is to stay does: an endpoint always, a trunk group as long as something leads to it. One that nobody needs goes all the same, if
/// that can be known and done now.
fn needed(view: &View) -> bool {
    let in_use = |id: &str| {
        let known = view.evidence.references.get(id);
        known.is_some_and(|known| !known.by.is_empty() && view.now < known.began + view.timing.settle)
            || view.memory.undeleted.contains_key(id)
    };
    // Who uses it and is going needs nothing that stays.
    let used = || view.brakes.deletion.is_some() && !view.brakes.passing || view.recorded().is_some_and(|recorded| in_use(recorded.id));
    view.thing == Thing::Endpoint || view.observes() || used() || !possible(view) && view.account != AccountView::Unknown
}

/// Something may be done about it at the provider now.
fn possible(view: &View) -> bool {
    view.unusable().is_none() && view.held().is_none() && other_installation(view).is_none()
}

/// An endpoint that was created for an object that is on its way out: it is deleted whatever else holds.
pub(super) fn just_received(view: &View, id: &str) -> Action {
    match view.unusable() {
        // Nothing points to what was just made; should something all the same, the provider may say so.
        None => match references::refused(view, id, Why::JustReceived) {
            Some(held) => held.wait(),
            None => retry::call(view, delete_when_due(view, id, Why::JustReceived)),
        },
        Some(problem) => wait_for(view, deleting(view, problem)),
    }
}

/// Deletes, one after the other, what is known to be there.
fn remove_endpoints(view: &View) -> Option<Action> {
    if let Some(recorded) = view.recorded().filter(|recorded| !super::gone(view, recorded.id))
        && let Some(action) = remove_recorded(view, recorded.id)
    {
        return Some(action);
    }
    let absent = |id: &str| super::gone(view, id) || super::denied(view, id) || view.evidence.missing(id).is_some();
    let condemned = view.tombstones().iter().find(|id| !absent(id) && !super::foreign(view, id));
    let listed = owned(view).map(|seen| &seen.remote.id).find(|id| !super::foreign(view, id));
    let id = condemned.or(listed)?;
    Some(delete(view, id, || Action::DeleteEndpoint(id.clone(), Why::Requested)))
}

/// D17, D18, D19: unless something is in the way.
fn delete(view: &View, id: &str, last: impl FnOnce() -> Action) -> Action {
    // While it cannot go, that it goes is not said again and again.
    let said_to_stay = view.memory.undeleted.contains_key(id) || references::points_to(view, id);
    match references::deletion(view, id, Why::Requested, Lane::Urgent, last) {
        Deletion::Held(held) => held.wait(),
        Deletion::Now(action) => before_group(view, said_to_stay).unwrap_or(action),
    }
}

/// D19: a trunk group goes when all can know that it goes, and what is answered of what points to it is not older than what was done last.
/// `said`: what is said of it instead is news to somebody who has to do something.
fn before_group(view: &View, said: bool) -> Option<Action> {
    let shown = view.memory.free_since.map_or(Moment::ZERO, |free| free + view.timing.visible());
    let due = view.now >= shown && (said || trunk_group::is_said_to_go(view));
    (view.thing == Thing::TrunkGroup && !due).then(|| Action::Wait {
        until: Some(shown.max(view.now + view.timing.search())),
        finding: Some(Finding::new(Reason::Deleting, "no number is led by it any more: it is deleted when nothing is seen to point to it")),
    })
}

/// A "not found" for something younger than the settle time does not prove that it is gone: try again when it can.
fn delete_when_due(view: &View, id: &str, why: Why) -> Action {
    match view.memory.deleted.get(id) {
        Some(deleted) if !deleted.confirmed && view.settled().is_none() => {
            let what = format!("the provider does not show the {} yet", view.thing.as_str());
            Action::Wait { until: Some(view.settles_at()), finding: Some(progress(view, &what)) }
        }
        _ => Action::DeleteEndpoint(id.to_owned(), why),
    }
}

/// The recorded endpoint, after the username check on evidence that is not older than the settle time.
fn remove_recorded(view: &View, id: &str) -> Option<Action> {
    if view.evidence.missing(id).is_some() || view.claimant(id).is_some() {
        // The listings must still show that nothing of this object is left.
        return None;
    }
    let fresh = view.evidence.observed(id).filter(|seen| view.now.since(seen.began) <= view.timing.settle);
    Some(match fresh {
        Some(seen) if view.owns(seen.remote) => match &view.brakes.deletion {
            Some(problem) => wait_for(view, problem.clone()),
            None => delete(view, id, || delete_when_due(view, id, Why::Requested)),
        },
        Some(seen) => {
            let then = format!("it is not deleted; {}.", references::without(view));
            Action::Wait { until: None, finding: Some(super::not_ours(view, seen.remote, &then)) }
        }
        None => retry::call(view, Action::Get(id.to_owned(), Lane::Urgent)),
    })
}

/// Proves that nothing is left, then lets the object go.
fn prove(view: &View) -> Action {
    let open = view.open_intent().is_some() || view.ledger().is_none();
    let Some(settled) = view.settled() else {
        return match open {
            true => search::look(view, For::Marked, Lane::Urgent, progress(view, "a create is unresolved")),
            false => Action::Wait { until: Some(view.settles_at()), finding: Some(progress(view, "the last create is too young")) },
        };
    };
    let listings = &view.evidence.listings;
    let proof = if open { listings.absent_twice } else { listings.absent_once };
    // What a former object of this name has left is asked for in this very pass, where that is one call.
    let since = if never_sent(view) && view.selects() { view.memory.pass_began } else { Moment::ZERO };
    if proof.is_some_and(|began| began > settled && began >= since) {
        return Action::RemoveFinalizer(Release::Clean);
    }
    // One that is recorded and not known to be deleted by us: a search by its mark would not show it, had the mark been taken away.
    let in_question = |id: &str| view.claimant(id).is_none() && !view.memory.deleted.get(id).is_some_and(|deleted| deleted.confirmed);
    let (what, how) = match view.recorded() {
        Some(recorded) if in_question(recorded.id) => (For::Recorded, "listing"),
        _ if view.selects() => (For::Marked, "search by its mark"),
        _ => (For::Marked, "listing"),
    };
    search::look(view, what, Lane::Urgent, progress(view, &format!("a complete {how} must show that nothing is left")))
}

/// Somebody gave the endpoint up: by its id, or as `unresolved` while none is recorded.
fn forced(view: &View) -> bool {
    let given_up = view.object.force_orphan.as_deref();
    given_up.is_some() && given_up == Some(view.recorded().map_or(UNRESOLVED, |recorded| recorded.id))
}

/// The ledger is whole and says that no intent was ever written.
fn never_sent(view: &View) -> bool {
    let blank_ledger = view.ledger().is_some_and(|ledger| ledger.intent.is_none() && ledger.tombstones.is_empty());
    blank_ledger && view.recorded().is_none()
}

fn deleting(view: &View, problem: Problem) -> Problem {
    Problem { message: format!("waiting to delete the {}: {}", view.thing.as_str(), problem.message), ..problem }
}

fn progress(view: &View, what: &str) -> Finding {
    // No countdown: a message that changes by itself would be written again and again.
    let when =
        if view.settled().is_none() { format!(" (for at most {:?} after it was announced)", view.timing.settle) } else { String::new() };
    Finding::new(Reason::Deleting, format!("deleting: {what}{when}; the object goes when nothing of it is left at the provider"))
}
