//! A binding that is to exist (B1 to B20).

use super::view::{Desired, View};
use super::{Observed, answer, confirm_absence, get, inherit, not_looked, ownership, read_now, visible};
use crate::api::condition::Reason;
use crate::api::phone_number_binding::Placed;
use crate::api::policy::DriftPolicy;
use crate::core::action::{Action, Ahead, Cause, Finding, Source};
use crate::core::budget::Lane;
use crate::core::fields::{Difference, Fields, Value, diff};
use crate::core::shared::{Viewed, blocked, first_listing, read_back, retry, wait_for};
use crate::core::tenancy::number_not_found;
use crate::core::view::{AccountView, Problem};

pub(super) fn next(view: &View) -> Action {
    if view.stopping {
        return Action::Wait { until: None, finding: None };
    }
    // Before anything that may be in the way: a binding that leaves waits until this one holds what it had.
    if let Some(action) = inherit(view) {
        return action;
    }
    if !view.object.finalizer && view.lost_elsewhere() {
        return Action::AddFinalizer;
    }
    if matches!(view.account, AccountView::Unknown) {
        // Nor are the other bindings known.
        return wait_for(view, Problem { reason: Reason::AccountNotReady, message: String::new() });
    }
    // Also while it is paused: what was there before is nowhere else once the one that wrote has gone. Not while the account is away or another
    // one: the other bindings are not known then, nor the number.
    let known = matches!(view.account, AccountView::Ready { .. }) && view.account_mismatch().is_none();
    if known && !view.object.finalizer && view.status.previous.is_some() && view.owner().is_none() && view.outdated() == Some(false) {
        return Action::AddFinalizer;
    }
    if let Some(held) = view.held() {
        return Action::Done(Finding { reason: held.reason, message: held.message });
    }
    if let Some(problem) = view.unusable() {
        return wait_for(view, problem);
    }
    if let Some(owner) = view.owner() {
        let message = format!(
            "number {} is bound by {}, which is older: nothing is written at the provider for this object. It takes the number over by itself when that one is deleted; if it is not needed, delete this one",
            view.e164(),
            owner.who
        );
        // The time-out is for a wake that got lost.
        return Action::Wait { until: Some(view.now + view.timing.settle), finding: Some(Finding::new(Reason::Conflict, message)) };
    }
    let wanted = match &view.desired {
        Desired::Wanted(wanted) => wanted,
        Desired::Blocked(problem) => return blocked(view, problem),
    };
    steady(view, wanted)
}

/// B8 to B11, B20: what is there, as far as is known.
fn steady(view: &View, wanted: &Fields) -> Action {
    match view.evidence.missing() {
        Some(true) => return Action::Done(not_in_account(view)),
        Some(false) => return confirm_absence(view, Reason::AwaitingEvidence),
        None => {}
    }
    let Some(seen) = view.evidence.observed() else { return first_sight(view) };
    if let Some(obstacle) = &seen.number.obstacle {
        return Action::Done(refused(view, obstacle));
    }
    let mut normalised = view.memory.normalised.still(wanted, &seen.number.fields);
    if let Some(update) = &view.memory.update {
        let unseen = read_back::unseen(&update.change, &seen.number.fields).filter(|field| !normalised.contains(field));
        // What is not wanted any more need not be waited for.
        let still = update.change.iter().all(|(field, value)| wanted.get(field).is_none_or(|now| now == value));
        let unseen = if still { unseen.collect() } else { Vec::new() };
        // What came back different the second time is told by a read that began when it had to be visible.
        let enough = update.times >= read_back::ENOUGH;
        let told = if enough { update.at + view.timing.visible() } else { update.at };
        let by_id = seen.by_id || view.evidence.got.as_ref().is_some_and(|got| got.began >= told);
        match read_back::judge(view, view.asked(), update, read_back::Seen { began: seen.began, by_id, unseen }) {
            Some(read_back::Verdict::Look(action)) => return action,
            Some(read_back::Verdict::Normalised(fields)) => normalised.extend(fields),
            None => {}
        }
    }
    compare(view, wanted, seen, &normalised)
}

/// B9: nothing is known of the number.
fn first_sight(view: &View) -> Action {
    let edited = view.edited();
    let unread = view.status.number.is_none();
    let in_doubt = view.evidence.listed.is_some() || view.memory.update.is_some();
    match edited || unread || in_doubt {
        // What the user waits for goes first.
        true => get(view, if edited || view.memory.update.is_some() { Lane::Urgent } else { Lane::Repair }),
        false => first_listing(view),
    }
}

/// B11 to B14: the number is seen; does it agree, but for what the provider shows in its own way?
fn compare(view: &View, wanted: &Fields, seen: Observed<'_>, normalised: &[&'static str]) -> Action {
    let mut differences = diff(wanted, &seen.number.fields);
    // Listings may show less than a read does.
    differences.retain(|difference| seen.by_id || difference.observed.is_some());
    let differs = !differences.is_empty();
    differences.retain(|difference| !normalised.contains(&difference.field));
    let edited = view.edited();
    if differences.is_empty() {
        return if differs { Action::Done(read_back::normalised(normalised)) } else { agrees(view, wanted, seen) };
    }
    let Some(wish) = view.wish() else { return Action::Wait { until: None, finding: None } };
    // What one on its way out has put there stays written as long as that one is there, and says nothing unless it is shown.
    let shown = view.answering(seen);
    let pending =
        |placed: &Placed| placed.target() != wish.target() && (placed.target() == shown || !view.left_by_another(placed.target()));
    let cause = match () {
        () if edited => Cause::Edited,
        // What is written ahead and was never seen to agree is no drift of others.
        () if !view.written_ahead() || view.status.placed.iter().any(pending) => Cause::Followed,
        () => Cause::Drifted,
    };
    let texts: Vec<String> = differences.iter().map(Difference::to_string).collect();
    if cause == Cause::Drifted && view.policy.drift == DriftPolicy::Report {
        return Action::Done(Finding::new(
            Reason::Drifted,
            format!(
                "number {} was changed outside Switchboard and is left so (driftPolicy: Report): {}. Put it back by hand, change the spec, or set driftPolicy: Correct",
                view.e164(),
                texts.join("; ")
            ),
        ));
    }
    if cause == Cause::Drifted
        && let Some(again) = view.memory.quarrel.until(view.now)
    {
        return Action::Wait { until: Some(again), finding: Some(contested(view, &differences)) };
    }
    if let Some((until, finding)) = view.memory.refusal.as_ref().and_then(|refusal| retry::pending_after(view, refusal)) {
        return Action::Wait { until: Some(until), finding: Some(finding) };
    }
    if let Some(action) = not_looked(view, seen).or_else(|| first_look(view, seen)).or_else(|| ahead(view, seen, wish)) {
        return action;
    }
    let mut change: Fields = differences.into_iter().map(|difference| (difference.field, difference.desired)).collect();
    // Without what answers it the provider may take the account's default for that; the alias goes with it where it is managed.
    for field in [view.target(), "alias"] {
        if let Some(value) = wanted.get(field) {
            change.insert(field, value.clone());
        }
    }
    retry::call(view, Action::Update { id: seen.number.id.clone(), change, cause, differences: texts })
}

/// B11: it agrees. But what was sent before may still be on its way, or only be slow to show; until then all that was written ahead is kept.
fn agrees(view: &View, wanted: &Fields, seen: Observed<'_>) -> Action {
    let visible = visible(view, seen);
    if view.now < visible {
        let message = format!("an earlier update of number {} is not shown yet; it is read again before anything is said", view.e164());
        return Action::Wait { until: Some(visible), finding: Some(Finding::new(Reason::Progressing, message)) };
    }
    if seen.began < visible || view.edited() && !read_now(view, seen) {
        return get(view, Lane::Urgent);
    }
    if unstored(view)
        && let Some(wish) = view.wish()
        && let Some(action) = not_looked(view, seen).or_else(|| first_look(view, seen)).or_else(|| ahead(view, seen, wish))
    {
        // Else what somebody puts there one day would pass for what was there before.
        return action;
    }
    if let Some(until) =
        view.memory.doubt.filter(|(_, count)| *count > 0).map(|(at, _)| at + view.timing.settle).filter(|until| view.now < *until)
    {
        // Said, and not only remembered: the next process has to know it as well.
        let message = format!(
            "number {} shows what is wanted, but an update whose answer was lost may still be executed; it is looked at again {:?} after that was sent",
            view.e164(),
            view.timing.settle
        );
        return Action::Wait { until: Some(until), finding: Some(Finding::new(Reason::Progressing, message)) };
    }
    let settles = view.memory.settles(view.timing.settle);
    match view.now < settles {
        true => Action::Wait { until: Some(settles), finding: Some(available(view, wanted)) },
        // Whatever was on its way has arrived by now, perhaps after this was seen.
        false if seen.began < settles => get(view, Lane::Urgent),
        false => Action::Done(available(view, wanted)),
    }
}

/// What was there before the first change is not stored yet; or what was taken over from another one is not true any more.
fn unstored(view: &View) -> bool {
    view.status.previous.is_none() && !view.lost() || view.outdated() == Some(true)
}

/// B17: what has to be durable before the number is changed.
fn ahead(view: &View, seen: Observed<'_>, wish: Placed) -> Option<Action> {
    let status = &view.status;
    let unknown = unstored(view);
    // A status that says that all agrees says to the next process that nothing is on its way.
    if !unknown && view.written_ahead() && status.account.is_some() && !view.says_available() {
        return None;
    }
    let observed = || answer::previous(view.target(), view.before(view.answering(seen)), seen.text("alias"), seen.text("subaccount"));
    let previous = if unknown { Some(observed()) } else { status.previous.clone() };
    let outdated = view.outdated() == Some(true);
    let mut placed = if outdated { Vec::new() } else { status.placed.clone() };
    ownership::append(&mut placed, wish);
    Some(Action::WritePlaced(Ahead { previous, placed, source: if unknown { Source::Observed } else { Source::Spec } }))
}

/// B16: before the first change. A value that another binding wrote must never pass for what was there before. Whoever wrote it had stored
/// what was there before it; so the other bindings are read after the number was seen to show this, and the number once more after them, in
/// case the one that wrote it gave it back and went in between.
fn first_look(view: &View, seen: Observed<'_>) -> Option<Action> {
    let same = || view.surveyed().is_some_and(|survey| survey.shown.as_deref() == Some(view.answering(seen)));
    (unstored(view) && !same()).then_some(Action::ReadRivals)
}

fn not_in_account(view: &View) -> Finding {
    let Problem { reason, message } = number_not_found(&view.e164());
    Finding::new(reason, message)
}

fn contested(view: &View, differences: &[Difference]) -> Finding {
    // The values of others may change with each look; the message must not.
    let fields: Vec<&str> = differences.iter().map(|difference| difference.field).collect();
    Finding::new(
        Reason::Contested,
        format!(
            "others keep changing number {} ({}), and it was put back again and again. Find out who does: another cluster, a script, the console; then remove one of the two, or set driftPolicy: Report. Meanwhile it is put back once an hour",
            view.e164(),
            fields.join(", ")
        ),
    )
}

fn available(view: &View, wanted: &Fields) -> Finding {
    let answered = wanted.get(view.target()).and_then(Value::text).unwrap_or_default();
    let note = if answered.is_empty() { ", as the spec wants it: calls to it go nowhere" } else { "" };
    Finding::new(Reason::Available, format!("number {} is answered by {}{note}", view.e164(), answer::named(view.target(), answered)))
}

/// B20: what the provider says of the number keeps it from being bound.
fn refused(view: &View, obstacle: &str) -> Finding {
    Finding::new(
        Reason::Rejected,
        format!(
            "number {} cannot be bound: {}. Nothing is changed at the provider; this goes on by itself when that is mended there, or bind another number",
            view.e164(),
            obstacle.trim_end_matches('.')
        ),
    )
}
