//! An object that takes over an endpoint which exists already (L27 to L31). The id in its spec is all that it goes by: it creates
//! nothing, looks for no mark of its own, and deletes nothing but that one endpoint.

use super::{actionable, live, other_installation};
use crate::api::condition::Reason;
use crate::core::action::{Action, Finding, Found};
use crate::core::budget::Lane;
use crate::core::evidence::Observed;
use crate::core::fields::{Remote, Role};
use crate::core::mark::recognise;
use crate::core::shared::retry;
use crate::core::tenancy::{Adoptable, endpoint_not_found};
use crate::core::view::{Adoption, View};

pub(super) fn next(view: &View, adopt: &Adoption) -> Action {
    if view.stopping {
        return Action::Wait { until: None, finding: None };
    }
    let recorded = view.recorded();
    if recorded.is_some() && view.guarded() && !view.object.finalizer && !view.object.paused {
        return Action::AddFinalizer;
    }
    if let Some(problem) = other_installation(view) {
        return Action::Done(Finding { reason: problem.reason, message: problem.message });
    }
    let wanted = match actionable(view) {
        Ok(wanted) => wanted,
        Err(action) => return *action,
    };
    // Before anything that could tell what the account holds.
    if !allowed(view, adopt) {
        return Action::Wait { until: Some(view.now + view.timing.settle * 2), finding: Some(not_found(view, adopt)) };
    }
    // Where only what carries no mark may be adopted, that is looked at before it is said whose it is.
    let unseen = adopt.allowed == Adoptable::Unmarked && recorded.is_none() && view.evidence.observed(&adopt.id).is_none();
    if !unseen && let Some(action) = belongs_to_another(view, &adopt.id) {
        return action;
    }
    match recorded {
        Some(recorded) => live::steady(view, wanted, recorded.id),
        None => take(view, adopt),
    }
}

/// L27: another live object has a better right to the endpoint. Nothing is written for it here; when the other object goes, this one
/// is woken.
pub(super) fn belongs_to_another(view: &View, id: &str) -> Option<Action> {
    let who = view.claimant(id)?;
    let message = format!(
        "{} {id} belongs to {who}: nothing is written at the provider for this object. To have it here, delete that object with deletionPolicy: Retain, and this goes on by itself; else delete this one",
        view.thing.as_str()
    );
    // The time-out is for a wake that got lost.
    Some(Action::Wait { until: Some(view.now + view.timing.settle), finding: Some(Finding::new(Reason::AlreadyOwned, message)) })
}

/// Whether the account lets this namespace adopt it, by all that is known of it.
fn allowed(view: &View, adopt: &Adoption) -> bool {
    let seen = view.evidence.observed(&adopt.id).map(|seen| seen.remote.username.as_str());
    let recorded = view.recorded().and(view.label());
    adopt.allowed.admits(seen) && adopt.allowed.admits(recorded)
}

/// L29, in the same words whether there is none or it may not be adopted from here.
fn not_found(view: &View, adopt: &Adoption) -> Finding {
    let problem = endpoint_not_found(&adopt.id, view.timing.settle * 2);
    Finding { reason: problem.reason, message: problem.message }
}

/// L28 to L31: looked at by id, judged by its mark, then recorded.
fn take(view: &View, adopt: &Adoption) -> Action {
    let id = &adopt.id;
    if let Some(read) = view.evidence.missing(id) {
        // Nothing is done about it, so nothing has to be proven; a listing that shows it wakes the object.
        let again = read + view.timing.settle * 2;
        let finding = not_found(view, adopt);
        return match view.now < again {
            true => Action::Wait { until: Some(again), finding: Some(finding) },
            false => retry::call(view, Action::Get(id.clone(), Lane::Urgent)),
        };
    }
    let read = view.evidence.observed(id).filter(|seen| seen.by_id && view.now.since(seen.began) <= view.timing.settle);
    let Some(seen) = read else { return retry::call(view, Action::Get(id.clone(), Lane::Urgent)) };
    if let Some(action) = of_nobody(view, adopt, seen) {
        return action;
    }
    if let Some(finding) = of_another_installation(view, adopt, seen.remote) {
        return Action::Done(finding);
    }
    if view.guarded() && !view.object.finalizer {
        return Action::AddFinalizer;
    }
    let remote = seen.remote;
    Action::Record(Found { id: remote.id.clone(), username: remote.username.clone(), remote: Some(Box::new(remote.clone())) })
}

/// L39: it is no endpoint of this account.
fn of_nobody(view: &View, adopt: &Adoption, seen: Observed<'_>) -> Option<Action> {
    match seen.remote.role {
        Role::Own => None,
        // To this account it is as if there were none.
        Role::Elsewhere => Some(Action::Wait { until: Some(seen.began + view.timing.settle * 2), finding: Some(not_found(view, adopt)) }),
        Role::Gateway(_) => Some(Action::Done(Finding::new(
            Reason::AdoptNotFound,
            format!(
                "endpoint {} is the provider's own side, from which its calls come: it can be neither adopted nor changed. Name one of the account's own endpoints in a new object",
                adopt.id
            ),
        ))),
    }
}

fn of_another_installation(view: &View, adopt: &Adoption, remote: &Remote) -> Option<Finding> {
    let marked = recognise(&remote.username).filter(|marked| marked.installation != view.installation.part())?;
    if adopt.from_installation.as_deref() == Some(&marked.installation) {
        return None;
    }
    Some(Finding::new(
        Reason::AlreadyOwned,
        format!(
            "endpoint {} ({}) carries the mark of installation {other}, this is installation {}: it is left alone. Make sure that the other installation has let it go (deletionPolicy: Retain), then make this object anew with adopt.fromInstallation: {other}",
            remote.id,
            remote.username,
            view.installation.part(),
            other = marked.installation
        ),
    ))
}
