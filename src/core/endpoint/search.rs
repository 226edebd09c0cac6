//! The search for what an unresolved create may have made (L5 to L7). Any process may do it at any time; no create is sent
//! while it lasts.

use super::{record_listed, survivor};
use crate::api::condition::Reason;
use crate::core::action::{Action, Closed, Finding};
use crate::core::budget::Lane;
use crate::core::shared::{list, retry};
use crate::core::time::Moment;
use crate::core::view::View;

/// What to do about an open intent whose outcome nobody knows.
pub(super) fn next(view: &View) -> Action {
    if let Some(seen) = survivor(view) {
        return record_listed(view, seen, Lane::Create);
    }
    match view.settled() {
        Some(settled) if view.evidence.listings.absent_twice.is_some_and(|since| since > settled) => {
            Action::CloseEpoch(Closed::NotExecuted)
        }
        _ => look(view, For::Marked, Lane::Create, finding(view)),
    }
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// What carries the object's mark: the provider is asked for just that, where it can select.
    Marked,
    /// The recorded one, which may not carry it any more: only a listing of everything says that it is not there.
    Recorded,
}

/// Searches or lists on the schedule of the search, saying meanwhile what it is for.
pub(super) fn look(view: &View, what: For, lane: Lane, finding: Finding) -> Action {
    let find = what == For::Marked && view.selects();
    let due = due(view, find);
    match view.now >= due {
        true if find => retry::call(view, Action::Find(lane, finding)),
        true => list(view, due, lane, finding),
        false => Action::Wait { until: Some(due), finding: Some(finding) },
    }
}

/// When the next listing is due: at 1, 2, 4, 8, 16 … steps after the intent became known, at once when the settle time is over,
/// then twice in a row, then at growing distances.
fn due(view: &View, find: bool) -> Moment {
    let settles = view.settles_at();
    let step = view.timing.search();
    let listings = &view.evidence.listings;
    let newest = if find { listings.newest.max(listings.newest_search) } else { listings.newest };
    if let Some(settled) = view.settled() {
        // The two that prove absence follow each other at once. After one that proves nothing there is a pause, and where nothing
        // can be proven at all (an order that changes all the time) an unresolved create costs fewer and fewer listings.
        let proves = listings.absent_once;
        let pause = |newest: Moment| match view.open_intent() {
            Some(_) => newest.since(settled).clamp(step * 4, view.timing.settle * 2),
            None => step * 4,
        };
        return match newest {
            Some(newest) if newest > settled && proves != Some(newest) => newest + pause(newest),
            // A search is answered at once: one that began in that very instant is not repeated in it.
            Some(newest) if find && newest == settled => newest + step,
            _ => settled,
        };
    }
    let since = settles.saturating_sub(view.timing.settle);
    let Some(newest) = newest else { return since + step };
    (0..6).map(|power| since + step * (1 << power)).find(|moment| *moment > newest).filter(|moment| *moment < settles).unwrap_or(settles)
}

fn looks(view: &View) -> &'static str {
    if view.selects() { "searches" } else { "listings" }
}

fn finding(view: &View) -> Finding {
    let what = if view.settled().is_some() {
        format!("Two complete {} must show that nothing was made", looks(view))
    } else {
        format!(
            "The {} is looked for by its mark; if it does not appear within {:?} of its announcement, two complete {} must show that nothing was made",
            view.thing.as_str(),
            view.timing.settle,
            looks(view)
        )
    };
    Finding::new(
        Reason::AwaitingEvidence,
        format!(
            "the answer to a create ({}…) was lost: it may or may not have been executed. {what}. Nothing is created until then; no action is needed",
            view.mark
        ),
    )
}
