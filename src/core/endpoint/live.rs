//! An object that is to exist (L1 to L26).

use super::compare::{compare, read_back};
use super::references::{self, Deletion, Held};
use super::search::{self, For};
use super::{
    actionable, actionable_now, adopt, connection, look, other_installation, own_open_intent, owned, received, record_listed, survivor,
};
use crate::api::condition::Reason;
use crate::api::ledger::Intent;
use crate::api::policy::ExternalDeletionPolicy;
use crate::core::action::{Action, Closed, Finding, Found, Why};
use crate::core::budget::Lane;
use crate::core::outcome::Outcome;
use crate::core::shared::{Viewed, first_listing, list, read_back, retry, wait_for};
use crate::core::time::Moment;
use crate::core::view::{AccountView, Desired, OwnIntent, View, Wanted};

pub(super) fn next(view: &View) -> Action {
    if let Some(adoption) = &view.adopt {
        return adopt::next(view, adoption);
    }
    if let Some(own) = own_open_intent(view)
        && let Some(action) = own_create(view, own)
    {
        return action;
    }
    if view.stopping {
        return Action::Wait { until: None, finding: None };
    }
    if !view.object.finalizer && !view.object.paused && (view.open_intent().is_some() || view.recorded().is_some()) {
        return Action::AddFinalizer;
    }
    if let Some(problem) = other_installation(view) {
        return Action::Done(Finding { reason: problem.reason, message: problem.message });
    }
    if view.open_intent().is_some() && view.recorded().is_some() {
        // Whatever that create made is a duplicate; nothing is created while one is recorded.
        return Action::CloseEpoch(Closed::Superseded);
    }
    // Before the search: a condemned endpoint that is still listed would keep absence from ever being proven.
    match condemned(view) {
        Condemned::Act(action) => action,
        Condemned::Held(held) => held.beside(beyond_the_condemned(view)),
        Condemned::None => beyond_the_condemned(view),
    }
}

fn beyond_the_condemned(view: &View) -> Action {
    if view.open_intent().is_some() {
        return match view.unusable() {
            Some(problem) => wait_for(view, problem),
            None => search::next(view),
        };
    }
    if matches!(view.desired, Desired::Unmade(_)) && view.recorded().is_none() {
        // What is found by its mark is recorded all the same: then it is an endpoint that exists, and its password is missed (L9).
        return actionable_now(view).unwrap_or_else(|| absent(view));
    }
    let wanted = match actionable(view) {
        Ok(wanted) => wanted,
        Err(action) => return *action,
    };
    match view.recorded() {
        Some(recorded) => adopt::belongs_to_another(view, recorded.id).unwrap_or_else(|| steady(view, wanted, recorded.id)),
        None => absent(view),
    }
}

/// L1 to L4: what this process began itself.
fn own_create(view: &View, own: &OwnIntent) -> Option<Action> {
    match &own.answer {
        Some(Outcome::Done((id, username))) => {
            let superseded = view.recorded().is_some() || view.tombstones().contains(id) || received(view).is_none();
            Some(if superseded {
                Action::CloseEpoch(Closed::Superseded)
            } else {
                Action::Record(Found { id: id.clone(), username: username.clone(), remote: None })
            })
        }
        Some(Outcome::Refused(_)) => Some(Action::CloseEpoch(Closed::Refused)),
        Some(Outcome::NotFound { .. } | Outcome::Unknown(_)) => None,
        None => Some(match &view.desired {
            Desired::Wanted(wanted)
                if view.unusable().is_none()
                    && view.held().is_none()
                    && other_installation(view).is_none()
                    && !view.stopping
                    && view.object.finalizer
                    && view.memory.permit
                    && view.looked_this_term()
                    && view.recorded().is_none()
                    && owned(view).next().is_none()
                    && own.password_version.as_ref() == wanted.password.as_ref().map(|password| &password.version)
                    && view.now.since(own.began) <= view.timing.issue() =>
            {
                Action::Create { username: view.mark.as_str().to_owned(), fields: wanted.create.clone() }
            }
            _ => Action::CloseEpoch(Closed::NotSent),
        }),
    }
}

/// What there is to do about duplicates whose deletion was announced.
enum Condemned {
    None,
    Act(Action),
    /// They cannot be deleted now.
    Held(Held),
}

/// L8, L37: the first of them that anything can be done about.
fn condemned(view: &View) -> Condemned {
    let mut first: Option<Held> = None;
    for id in view.tombstones() {
        match one_condemned(view, id) {
            Condemned::Held(held) => {
                let until = first.as_ref().map_or(held.until, |first| first.until.min(held.until));
                first = Some(Held { until, ..first.unwrap_or(held) });
            }
            Condemned::Act(action) => return Condemned::Act(action),
            Condemned::None => break,
        }
    }
    first.map_or(Condemned::None, Condemned::Held)
}

fn one_condemned(view: &View, id: &str) -> Condemned {
    let recorded = view.recorded().is_some_and(|recorded| recorded.id == id);
    // Should it show up again, it is condemned again. Only what was answered in this very pass says that it is not there: another
    // leader, which sees it, would condemn it again at once, and the two would go on like that until the next sweep.
    let pass = view.memory.pass_began;
    let denied = || super::denied(view, id) && view.memory.deleted.get(id).is_some_and(|deleted| deleted.at >= pass);
    let absent = super::gone(view, id) || denied() || view.evidence.missing(id).is_some_and(|read| read >= pass);
    if recorded || absent || super::foreign(view, id) {
        return Condemned::Act(Action::ClearTombstone(id.to_owned()));
    }
    if view.held().is_some() || view.unusable().is_some() {
        return Condemned::None;
    }
    let last = || Action::DeleteEndpoint(id.to_owned(), Why::Duplicate);
    match references::deletion(view, id, Why::Duplicate, Lane::Repair, last) {
        Deletion::Now(action) => Condemned::Act(action),
        // The recorded one is not there any more: rather this one, which is in use, than none.
        Deletion::Held(held) if held.in_use && view.recorded().is_none_or(|recorded| view.evidence.missing(recorded.id).is_some()) => {
            Condemned::Act(Action::ClearTombstone(id.to_owned()))
        }
        Deletion::Held(held) => Condemned::Held(held),
    }
}

/// L12 to L20: an endpoint is recorded.
pub(super) fn steady(view: &View, wanted: &Wanted, id: &str) -> Action {
    if view.evidence.missing(id).is_some() {
        return absence(view, id);
    }
    let Some(observed) = view.evidence.observed(id) else { return first_sight(view, id) };
    if !view.owns(observed.remote) {
        let then = match &view.adopt {
            None => "it is neither changed nor deleted. Remove endpoint_id from status if it was put there by hand.",
            Some(_) => "it is neither changed nor deleted. Delete this object; a new one may adopt what is there now.",
        };
        return Action::Done(super::not_ours(view, observed.remote, then));
    }
    if let Some(extra) = owned(view).find(|seen| seen.remote.id != id && !super::foreign(view, &seen.remote.id)) {
        let id = extra.remote.id.clone();
        return match super::read_now(view, extra) {
            Some(_) => Action::WriteTombstone(id),
            None => look(view, Action::Get(id, Lane::Repair)),
        };
    }
    let action = match if view.observes() { None } else { read_back(view, observed, id) } {
        Some(read_back::Verdict::Look(action)) => action,
        // The other fields are compared all the same.
        Some(read_back::Verdict::Normalised(fields)) => compare(view, wanted, observed, id, &fields),
        None => compare(view, wanted, observed, id, &[]),
    };
    match action {
        Action::Done(finding) => connection::then(view, wanted, observed.remote, finding),
        action => action,
    }
}

/// L12: recorded, but nothing newer than the record is known.
fn first_sight(view: &View, id: &str) -> Action {
    let AccountView::Ready { listed_this_term, .. } = &view.account else { return Action::Wait { until: None, finding: None } };
    let in_doubt = view.evidence.listings.newest.is_some();
    let edited = view.edited();
    let unread = view.registers() && view.status.sip_uri.is_none();
    if *listed_this_term || in_doubt || edited || unread {
        // What the user waits for goes first; reading back what was just created can be served by any listing, so it goes last.
        let lane = if edited && !unread { Lane::Urgent } else { Lane::Repair };
        return retry::call(view, Action::Get(id.to_owned(), lane));
    }
    first_listing(view)
}

/// L18 to L20: a read by id found nothing. One sighting is a suspicion; two complete listings are the proof.
fn absence(view: &View, id: &str) -> Action {
    let thing = view.thing.as_str();
    let finding = |what: &str| {
        Finding::new(
            Reason::AwaitingEvidence,
            match view.adopt {
                None => {
                    format!("{thing} {id} was not found by id; {what}. Nothing is created until its absence is proven; no action is needed")
                }
                Some(_) => format!("{thing} {id} was not found by id; {what}. Nothing is created in its place"),
            },
        )
    };
    // While the brake holds nothing is looked for either: after a mass disappearance that would be a call for each of them, again and again.
    if let (Some((problem, None)), ExternalDeletionPolicy::Recreate) = (&view.brakes.recreation, view.policy.external_deletion)
        && view.evidence.listings.recorded_unlisted.is_some()
        && survivor(view).is_none()
    {
        let finding = Finding { reason: problem.reason, message: problem.message.clone() };
        return Action::Wait { until: None, finding: Some(finding) };
    }
    let Some(settled) = view.settled() else {
        // Perhaps it only is not visible yet: read it again now and then.
        let again = view.evidence.missing(id).unwrap_or(view.now) + view.timing.visible() / 4;
        return match view.now < again {
            true => {
                Action::Wait { until: Some(again), finding: Some(finding("it is younger than the settle time and may not be visible yet")) }
            }
            false => look(view, Action::Get(id.to_owned(), Lane::Repair)),
        };
    };
    if view.evidence.missing(id).is_some_and(|read| read < settled || view.now.since(read) > view.timing.settle) {
        return look(view, Action::Get(id.to_owned(), Lane::Repair));
    }
    let listings = &view.evidence.listings;
    let unconfirmed = || search::look(view, For::Recorded, Lane::Repair, finding("two complete listings must confirm that it is gone"));
    if listings.recorded_absent.is_none_or(|since| since <= settled) {
        return unconfirmed();
    }
    if view.adopt.is_some() {
        return Action::Done(Finding::new(
            Reason::ExternallyDeleted,
            format!(
                "{thing} {id} was deleted outside Switchboard; an adopted {thing} is never made anew. Delete this object; one without adopt gets a new {thing}{}",
                new_uri(view)
            ),
        ));
    }
    if let Some(seen) = survivor(view) {
        return record_listed(view, seen, Lane::Repair);
    }
    if listings.absent_twice.is_none_or(|since| since <= settled) {
        return unconfirmed();
    }
    match view.policy.external_deletion {
        ExternalDeletionPolicy::Recreate => match &view.brakes.recreation {
            Some((problem, until)) => {
                Action::Wait { until: *until, finding: Some(Finding { reason: problem.reason, message: problem.message.clone() }) }
            }
            None => Action::Forget,
        },
        ExternalDeletionPolicy::Report => Action::Done(Finding::new(
            Reason::ExternallyDeleted,
            format!(
                "{thing} {id} was deleted outside Switchboard and is left so (externalDeletionPolicy: Report). Set it to Recreate for a new one{}, or delete this object",
                new_uri(view)
            ),
        )),
    }
}

/// What becomes of who registers with an endpoint that is made anew.
fn new_uri(view: &View) -> &'static str {
    if view.registers() { " (with a new SIP URI)" } else { "" }
}

/// L21 to L23: nothing is recorded and no create is unresolved.
fn absent(view: &View) -> Action {
    let AccountView::Ready { provider, id, .. } = &view.account else {
        return Action::Wait { until: None, finding: None };
    };
    if !view.looked_this_term() {
        let how = if view.selects() { "asked once for what carries the object's mark" } else { "listed once" };
        let finding = Finding::new(
            Reason::AwaitingEvidence,
            format!(
                "{provider} account {id} is {how} before anything is created, in case the {} exists already; this goes on by itself",
                view.thing.as_str()
            ),
        );
        let listings = &view.evidence.listings;
        let newest = if view.selects() { listings.newest_search } else { listings.newest };
        // Where they keep being torn, they are not taken one after the other without end.
        let pause = newest.map(|newest| newest + view.timing.search() * 4).filter(|pause| view.now < *pause);
        return match pause {
            Some(until) => Action::Wait { until: Some(until), finding: Some(finding) },
            None if view.selects() => retry::call(view, Action::Find(Lane::Create, finding)),
            None => list(view, Moment::ZERO, Lane::Create, finding),
        };
    }
    if let Some(seen) = survivor(view) {
        return match view.object.finalizer {
            true => record_listed(view, seen, Lane::Create),
            false => Action::AddFinalizer,
        };
    }
    if let Some((until, finding)) = retry::pending(view) {
        return Action::Wait { until: Some(until), finding: Some(finding) };
    }
    if let Some(action) = connection::before_create(view) {
        return action;
    }
    if !view.memory.permit {
        return Action::Reserve;
    }
    if !view.object.finalizer {
        return Action::AddFinalizer;
    }
    let epoch = view.ledger().map_or(0, |ledger| ledger.epoch.max(ledger.intent.as_ref().map_or(0, |intent| intent.epoch)));
    Action::WriteIntent(Intent {
        epoch: epoch + 1,
        nonce: view.fresh.nonce.clone(),
        issued_time: view.fresh.time.clone(),
        writer: view.fresh.writer.clone(),
    })
}
