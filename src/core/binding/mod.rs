//! `next` for PhoneNumberBinding: the only place where anything is decided about one.
//!
//! Rows are tried from the top; the first that applies answers. *Usable* means: the account exists, its credentials work, and it is the
//! pinned one. *Owner*: the oldest of the live bindings of one number in one account. *Target*: what answers the number, an application or a
//! trunk group as the provider has it (`Capabilities::number_target`). *Ours*: the target is among `status.placed`. *Read now*: by a read of
//! the number in this very pass. *Own*: leads to an endpoint of this cluster, and so never counts as what was there before. *Obstacle*: what the provider says of the number keeps it from being bound. A row that would call the
//! provider after a failure waits for its turn first (`retry`).
//!
//! | # | live object | answer |
//! |---|---|---|
//! | B1 | another binding holds what was there before, or (if it owns the number or is leaving it to this one) what it put there | `WritePlaced` (inherited) |
//! | B2 | another binding has changed the number, and nobody knows any more what was there before | `AddFinalizer`: so this one does not know it either |
//! | B3 | the account was not looked at yet, so the other bindings are not known | `Wait` |
//! | B4 | owner, the account is there, holds what was there before (and it is not outdated: B16), and our finalizer is not on it (just stored or inherited, a replace, forced off) | `AddFinalizer` |
//! | B5 | paused, or the account is suspended; account not usable | `Done` (`Paused`, `Suspended`); `Wait` with the reason |
//! | B6 | another binding owns the number | `Wait` (`Conflict`) |
//! | B7 | the spec or its target is wrong or missing | `Wait` with the reason; silently if it only is not looked up yet, and was compared before |
//! | B8 | a read says that the account does not hold the number | `Done` (`NumberNotInAccount`); `List` first if the answer was not the provider's own, was said of an id that the number had, or if the provider cannot select the number |
//! | B20 | it is seen, and has an obstacle | `Done` (`Rejected`): nothing is stored and nothing is changed |
//! | B9 | not seen yet | `Get`; after a restart `List`, unless the spec changed |
//! | B10 | last update not read back | `Get`; a value that twice comes back different: `Done` (`ProviderNormalisedValue`), if nothing else differs |
//! | B11 | all agrees | `Done` (`Available`), after a `Get` if the spec changed, and after B15 to B17 and B4 if what was there before is not stored; `Wait` while an update may still be on its way, then `Get` |
//! | B12 | drift under `driftPolicy: Report` | `Done` (`Drifted`) |
//! | B13 | drift that was corrected three times within an hour, or once while it is contested | `Wait` (`Contested`) |
//! | B14 | differs, but the provider refused these values | `Wait` (`Rejected`) |
//! | B15 | differs, the bindings of this number were not read live in this pass | `ReadRivals` |
//! | B16 | differs, the number was not read since; or nothing was ever written to it (or what was copied from another binding is outdated: nobody holds it any more, and the number shows something else), and it showed something else before | `Get`; `ReadRivals` |
//! | B17 | differs, what is about to be written (or what was there before) is not in status; or status says `Available` | `WritePlaced` |
//! | B18 | differs | `Update`, with the target always |
//!
//! | # | object being deleted | answer |
//! |---|---|---|
//! | R1 | gone, or no finalizer of ours | `Done` |
//! | R2 | given up by the annotation `force-orphan` | `RemoveFinalizer` with a Warning |
//! | R3 | the account was not looked at yet, so the other bindings are not known | `Wait` |
//! | R4 | a live binding holds all that this one holds for it, and our finalizer is on it | `Wait` while an update may still be on its way; `RemoveFinalizer` (handed over), after `ReadRivals` |
//! | R5 | there is a live binding, and it can use the account, but it does not hold that yet | `Wait` |
//! | R6 | as B1 | `WritePlaced` (inherited) |
//! | R7 | Retain | `RemoveFinalizer` |
//! | R8 | what was there before, or what this one put there, is not known any more | `RemoveFinalizer` with a Warning: the number is left. If there is anything of our own that it could show, as R9 to R18: that counts as ours, and nothing else does |
//! | R19 | no such account, and none is stored: it never wrote anything | `RemoveFinalizer` with a Warning |
//! | R9 | account not usable, paused, suspended | `Wait` |
//! | R10 | a read says that the account does not hold the number | `RemoveFinalizer`; `List` first as in B8, and where the provider selected the number; then that listing counts |
//! | R20 | ours, and the provider, which may want every number to have a target, takes nothing of what there is to give back | `Wait` for 6 hours (`DeletionRefused`), then all of it is tried again: the finalizer stays |
//! | R11 | not read now | `Get` |
//! | R12 | it does not show what is to come back, and is not ours | `RemoveFinalizer`, after R17: the number is left |
//! | R13 | ours, the last update not read back | `Get`, or `Wait` |
//! | R14 | ours | `Update` to what was there before, or to none (also if our own was there), after `ReadRivals` and `Get` |
//! | R15 | ours, the provider does not take what was there before | `Update` to none |
//! | R16 | ours, the provider does not take even that, and never did want a target | `RemoveFinalizer` with a Warning |
//! | R17 | it shows what was to come back: an update may still be on its way | `Wait`, then `Get` |
//! | R18 | it shows what was to come back | `RemoveFinalizer` |

pub mod answer;
pub mod evidence;
pub mod expectation;
pub mod memory;
pub mod ownership;
pub mod status;
pub mod view;

mod give_back;
mod live;
#[cfg(test)]
pub(in crate::core) mod tests;

pub use evidence::{Evidence, Got, Listed, Observed};
pub use memory::{Learnt, Memory};
pub use ownership::{Standing, prevails};
pub use view::{Desired, Policy, Rival, View};

use crate::api::condition::Reason;
use crate::core::action::{Action, Ahead, Finding, Source};
use crate::core::budget::Lane;
use crate::core::fields::diff;
use crate::core::shared::{list, retry};
use crate::core::time::Moment;

/// The next step for this binding. Pure: same view, same action.
pub fn next(view: &View) -> Action {
    if view.object.gone {
        return Action::Done(Finding::new(Reason::Deleting, "gone"));
    }
    if view.object.deleting { give_back::next(view) } else { live::next(view) }
}

/// B1, R6: what this binding has to hold because others have it.
fn inherit(view: &View) -> Option<Action> {
    let (previous, placed) = view.to_inherit();
    let differs = previous != view.status.previous || placed != view.status.placed;
    differs.then_some(Action::WritePlaced(Ahead { previous, placed, source: Source::Inherited }))
}

/// A read of the number by itself.
fn get(view: &View, lane: Lane) -> Action {
    retry::call(view, Action::Get(view.asked().to_owned(), lane))
}

/// The number was read by itself in this very pass.
fn read_now(view: &View, seen: Observed<'_>) -> bool {
    seen.by_id && seen.began >= view.memory.pass_began
}

/// B15, B16, R14: before anything is changed the API server itself says which bindings there are, this one included, and then the number is
/// read: a copy may be behind, and then a binding that has gone or does not own the number any more would write, or one whose update another
/// process has sent already.
fn not_looked(view: &View, seen: Observed<'_>) -> Option<Action> {
    match view.surveyed() {
        None => Some(Action::ReadRivals),
        Some(survey) if survey.reads == view.memory.reads || !read_now(view, seen) => Some(get(view, Lane::Urgent)),
        Some(_) => None,
    }
}

/// Until when an update that was accepted, and is not shown, may only be slow to show; zero if there is none.
fn visible(view: &View, seen: Observed<'_>) -> Moment {
    let unseen = view.memory.update.as_ref().filter(|update| !diff(&update.change, &seen.number.fields).is_empty());
    unseen.map_or(Moment::ZERO, |update| update.at + view.timing.visible())
}

/// A "not found" that is not the provider's own, or was not said of the number, counts only together with a listing that began later.
fn confirm_absence(view: &View, reason: Reason) -> Action {
    let after = view.evidence.got.as_ref().map(|got| got.began).unwrap_or_default();
    let message = format!(
        "the answer to a read of number {} does not tell whether the account holds it; a complete listing of the account's numbers must. Nothing is written until then; this goes on by itself",
        view.e164()
    );
    list(view, after, Lane::Repair, Finding::new(reason, message))
}
