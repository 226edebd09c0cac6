//! `next` for SipEndpoint: the only place where anything is decided about one.
//!
//! Rows are tried from the top; the first that applies answers. *Usable* means: the account exists, its credentials work, and it
//! is the pinned one. A row that would call the provider after a failure waits for its turn first (`retry`). *Ours* is what carries the
//! object's mark; where anybody can change what carries it, also what our ledger recorded, unless it shows somebody else's mark. Where the
//! provider selects by the mark, `Find` stands for `List` in L7, L21, D10 and D12, and a complete search proves as much as a complete listing
//! that nothing else carries the mark: of the recorded one only listings do.
//!
//! | # | live object | answer |
//! |---|---|---|
//! | L1 | own intent open, create answered with an endpoint | `Record` (or `CloseEpoch` if another one is recorded meanwhile) |
//! | L2 | own intent open, create refused | `CloseEpoch` |
//! | L3 | own intent open, nothing sent: in time, usable, not paused, still none recorded or listed | `Create` |
//! | L4 | own intent open, nothing sent: otherwise | `CloseEpoch` |
//! | L24 | intent open or an endpoint recorded, not paused, our finalizer is gone (a replace, forced off) | `AddFinalizer` |
//! | L8 | a condemned endpoint | `DeleteEndpoint` after the check of its mark (`Get` if not seen lately), then `ClearTombstone` |
//! | L37 | as L8, at a provider that tells what points to a thing | `ReadReferences` before the deletion; what is in use stays condemned, the rows below go on, and it is said when they are done (`Wait`, `DuplicateFound`); `ClearTombstone` if the recorded one is missing |
//! | L5 | intent open, an endpoint with our mark is listed | `Get`, then `Record` (`CloseEpoch` if another one is recorded) |
//! | L6 | intent open, settled, two complete listings since then show none | `CloseEpoch` |
//! | L7 | intent open, otherwise | `List` on a schedule; never a create |
//! | L25 | the ledger is of another installation, and an intent is open or an endpoint recorded | `Done` (`InstallationMismatch`) |
//! | L9 | the spec or something it needs is wrong or missing | `Wait` with the reason; silently if it only is not looked up yet (after L10 and L11), and the spec was compared before |
//! | L10 | paused, or the account is suspended | `Done` (`Paused`, `Suspended`) |
//! | L11 | account not usable | `Wait` with the reason |
//! | L12 | recorded, not seen yet | `Get`; after a restart `List`, unless the spec changed |
//! | L13 | recorded id answers with a label that is not ours, or is not this account's own | `Done` (`OwnershipLost`; `InstallationMismatch` if the mark is another installation's) |
//! | L14 | recorded and seen, a second one with our mark is listed | `Get`, then `WriteTombstone` |
//! | L15 | recorded, last update not read back | `Get`; a value that twice comes back different: `Done` (`ProviderNormalisedValue`), if nothing else differs (L16) |
//! | L16 | recorded and seen, fields or password differ (for a while, what our own update answered counts more than what is seen) | `Update` of what goes together, or `Done` (`Drifted`) under `driftPolicy: Report` |
//! | L17 | recorded and seen, all agree | `Done` (`Available`) |
//! | L18 | recorded, read says not found, absence not proven by two listings | `List` (`Get` again while it is young) |
//! | L19 | recorded, absence proven, another one with our mark lives | `Get`, then `Record` of the survivor |
//! | L20 | recorded, absence proven | `Forget`, or `Done` (`ExternallyDeleted`) under `externalDeletionPolicy: Report` |
//! | L26 | as L20, but the account's absence brake holds it (engaged: as soon as neither a read nor a listing shows it) | `Wait` (`Braked`, `Throttled`) |
//! | L21 | not recorded, no complete listing in this term | `List`, with a pause after a torn one |
//! | L22 | not recorded, an endpoint with our mark is listed | `Get`, `AddFinalizer`, `Record` |
//! | L23 | not recorded, none listed | `Reserve`, `AddFinalizer`, `WriteIntent` |
//! | L38 | as L5, L19 and L22, with several listed, at a provider that tells what points to a thing | `ReadReferences` of each: one that is in use is recorded |
//! | L27 | recorded or to be adopted, usable, but another live object has a better right to it | `Wait` (`AlreadyOwned`) |
//! | L28 | adopts, not read by id lately | `Get` |
//! | L29 | adopts, no such endpoint, or none that its namespace may adopt | `Wait` (`AdoptNotFound`); `Get` again, if it may |
//! | L39 | adopts, but it is the provider's own, or another account's | `Done`, `Wait` (`AdoptNotFound`) |
//! | L30 | adopts, but it carries the mark of an installation that the spec does not name | `Done` (`AlreadyOwned`) |
//! | L31 | adopts, read by id | `AddFinalizer` if it is to be deleted with the object, `Record` |
//! | L32 | adopted, absence proven | `Done` (`ExternallyDeleted`), whatever the policies say |
//! | L33 | adopted under `managementPolicy: Observe`, fields or password differ | `Done` (`Drifted`), never an `Update` |
//! | L34 | not recorded, none listed, its generated password is not stored, or in a Secret that does not go with the object yet | `StorePassword`, `WriteConnection`; before L23; `Wait` as in L35 |
//! | L35 | recorded and seen, nothing to do at the provider (or nothing may be done), the connection Secret is not right | `WriteConnection`; `Wait` (`Conflict`, `SecretAccessDenied` …) if it is not ours, or a write was refused lately; `Wait` (`Contested`) if others undid it three times within an hour, and after each try an hour |
//! | L36 | the application that the spec names is not looked up yet | as L10 and L11; else `Wait` (`Progressing`), silently if the spec was compared before |
//!
//! An object that adopts passes through L24, L25, L36, L9 to L11, L27, then L28 to L31 and L39 until it has recorded, then L12 to L18, L32, L33:
//! never through what creates, searches by mark, or deletes.
//!
//! | # | object being deleted | answer |
//! |---|---|---|
//! | D1 | gone, or no finalizer of ours | `Done`, after the deletion of what was just received |
//! | D13 | given up by the annotation `force-orphan` | `RemoveFinalizer` with a Warning |
//! | D2 | own create answered with an endpoint | `DeleteEndpoint` |
//! | D3 | Retain, or `managementPolicy: Observe`; a trunk group only if something leads to it, or nothing can be done now | `RemoveFinalizer` |
//! | D4 | own intent open, nothing sent or refused | `CloseEpoch` |
//! | D5 | nothing was ever sent | `RemoveFinalizer`; a trunk group that somebody else left is looked for once (D9 to D12) |
//! | D15 | adopts, nothing recorded (never verified, or the status is lost) | `RemoveFinalizer` with a Warning |
//! | D6 | no such account: nothing recorded, status lost | `RemoveFinalizer` with a Warning |
//! | D7 | account not usable, paused, suspended, of another installation | `Wait` |
//! | D8 | recorded, not known to be gone | `DeleteEndpoint` after the username check (`Get` if not seen lately) |
//! | D14 | recorded and seen, but the account's deletion brake holds it | `Wait` (`Braked`) |
//! | D16 | recorded, but another live object has a better right to it | it is left; goes on with D9 |
//! | D17 | as D8 and D9, at a provider that tells what points to a thing | `ReadReferences` before the deletion; `Wait` (`DeletionRefused`) while something does, and again after a while |
//! | D18 | as D8 and D9, but its deletion failed there | `Wait` (`DeletionRefused` after a conflict), with growing pauses |
//! | D19 | as D8 and D9, a trunk group | `Wait` (`Deleting`) until the status says so, and until what points to it is seen as it was left |
//! | D9 | condemned, or with our mark and listed | `DeleteEndpoint` after the username check (`Get` if not seen lately) |
//! | D10 | last create not settled | `Wait`; if it is open, `List` on the schedule of L7 |
//! | D11 | complete listing since then shows none (two if the intent is open) | `RemoveFinalizer` |
//! | D12 | otherwise | `List` |

mod adopt;
mod compare;
pub mod connection;
mod delete;
mod live;
mod references;
pub mod rewrites;
mod search;
#[cfg(test)]
pub(in crate::core) mod tests;

use crate::api::condition::Reason;
use crate::core::action::{Action, Finding, Found};
use crate::core::budget::Lane;
use crate::core::evidence::Sighting;
use crate::core::fields::{Remote, Role};
use crate::core::mark::recognise;
use crate::core::outcome::{Outcome, RefusalKind};
use crate::core::shared::{Viewed, blocked, retry, wait_for};
use crate::core::view::{Desired, OwnIntent, Problem, Trouble, TroubleKind, View, Wanted};

/// The next step for this object. Pure: same view, same action.
pub fn next(view: &View) -> Action {
    if view.object.gone {
        return match received(view) {
            Some(id) => delete::just_received(view, id),
            None => Action::Done(Finding::new(Reason::Deleting, "gone")),
        };
    }
    if view.object.deleting { delete::next(view) } else { live::next(view) }
}

/// The intent is open and this process wrote it.
fn own_open_intent(view: &View) -> Option<&OwnIntent> {
    let intent = view.open_intent()?;
    view.memory.own.as_ref().filter(|own| own.nonce == intent.nonce)
}

/// An endpoint that our own create answered with, that is not recorded and not known to be deleted.
fn received(view: &View) -> Option<&str> {
    match &view.memory.own.as_ref()?.answer {
        Some(Outcome::Done((id, _))) => {
            let recorded = view.recorded().is_some_and(|recorded| recorded.id == id);
            (!recorded && !gone(view, id) && view.claimant(id).is_none()).then_some(id)
        }
        _ => None,
    }
}

/// L9 to L11: what is wanted, if something may be done about it now; else what to answer.
fn actionable(view: &View) -> Result<&Wanted, Box<Action>> {
    let wanted = match &view.desired {
        Desired::Wanted(wanted) => wanted,
        // L36: with the account it will be; what is wrong with that, or holds the object, is said first.
        Desired::Blocked(problem) if problem.reason == Reason::Progressing => {
            return Err(Box::new(actionable_now(view).unwrap_or_else(|| blocked(view, problem))));
        }
        Desired::Blocked(problem) | Desired::Unmade(problem) => return Err(Box::new(wait_for(view, problem.clone()))),
    };
    match actionable_now(view) {
        Some(Action::Done(held)) => Err(Box::new(connection::while_held(view, wanted).unwrap_or(Action::Done(held)))),
        Some(action) => Err(Box::new(action)),
        None => Ok(wanted),
    }
}

/// L10, L11: whatever is wanted, nothing may be done at the provider now; what to answer.
fn actionable_now(view: &View) -> Option<Action> {
    if let Some(held) = view.held() {
        return Some(Action::Done(Finding { reason: held.reason, message: held.message }));
    }
    view.unusable().map(|problem| wait_for(view, problem))
}

/// Endpoints with our mark that are listed and may be recorded or deleted: not condemned, not deleted by us since, not read as
/// missing.
fn owned(view: &View) -> impl Iterator<Item = &Sighting> {
    view.evidence.listings.others.iter().filter(|seen| {
        let id = seen.remote.id.as_str();
        !view.tombstones().iter().any(|tombstone| tombstone == id)
            && !gone(view, id)
            && !denied(view, id)
            && view.evidence.missing(id).is_none()
    })
}

/// The survivor of several: one that something points to, where that is known; then the smallest suffix as a number, then the smallest id.
/// Deterministic, so that two leaders agree; what makes it safe is the version check on the record.
fn survivor(view: &View) -> Option<&Sighting> {
    owned(view).min_by_key(|seen| {
        let suffix = view.mark.suffix(&seen.remote.username).trim_start_matches('0');
        let unused = !references::points_to(view, &seen.remote.id);
        (unused, suffix.len(), suffix.to_owned(), seen.remote.id.len(), seen.remote.id.clone())
    })
}

/// The endpoint's deletion by us is certain: the provider confirmed it, or it had none, no create can still bring it, and nothing
/// newer shows it.
fn gone(view: &View, id: &str) -> bool {
    view.memory
        .deleted
        .get(id)
        .is_some_and(|deleted| deleted.confirmed || view.settled().is_some_and(|settled| settled <= deleted.at) && denied(view, id))
}

/// Our deletion was answered (be it with "not found"), and nothing newer shows the endpoint.
fn denied(view: &View, id: &str) -> bool {
    let seen = view.evidence.observed(id).map(|seen| seen.began);
    view.memory.deleted.get(id).is_some_and(|deleted| seen.is_none_or(|seen| seen <= deleted.at))
}

/// What was last seen under this id is not ours, or another live object's.
fn foreign(view: &View, id: &str) -> bool {
    view.claimant(id).is_some() || view.evidence.observed(id).is_some_and(|seen| !view.owns(seen.remote))
}

/// What answers under the recorded id does not carry this object's mark, or is not what was adopted; what to say.
fn not_ours(view: &View, remote: &Remote, then: &str) -> Finding {
    let Remote { id, username, role, .. } = remote;
    let (thing, label) = (view.thing.as_str(), view.mark.place().as_str());
    let lost = |what: String| Finding::new(Reason::OwnershipLost, format!("{thing} {id} {what}: {then}"));
    match role {
        Role::Gateway(_) => return lost("is the provider's own side, which nobody may change".to_owned()),
        Role::Elsewhere => return lost("is another account's".to_owned()),
        Role::Own => {}
    }
    if view.adopt.is_some() {
        let known = view.label().unwrap_or_default();
        return lost(format!("answers as {username:?}, but what was adopted is {known:?}, and a {label} never changes"));
    }
    let other = recognise(username).filter(|marked| marked.installation != view.installation.part());
    match other {
        Some(marked) => Finding::new(
            Reason::InstallationMismatch,
            format!(
                "{thing} {id} ({username}) carries the mark of installation {}, this is installation {}: {then} Give the operator the installation id that made it (--installation-id), or make a new object that adopts it with fromInstallation: {}",
                marked.installation,
                view.installation.part(),
                marked.installation
            ),
        ),
        None if view.mark.contradicted_by(username) => {
            lost(format!("answers as {username:?}, which carries the mark of another object, not this one's, {}", view.mark))
        }
        None => lost(format!("answers as {username:?}, which does not carry this object's mark {}", view.mark)),
    }
}

/// The ledger was written by another installation, and something of that one may be at the provider.
fn other_installation(view: &View) -> Option<Problem> {
    let ledger = view.ledger().filter(|ledger| ledger.installation != view.installation.part())?;
    let concerned = view.open_intent().is_some() || view.recorded().is_some() || !ledger.tombstones.is_empty();
    concerned.then(|| Problem {
        reason: Reason::InstallationMismatch,
        message: format!(
            "this object's {} was made by installation {}, this is installation {}: nothing is written at the provider. Give the operator the installation id that made it (--installation-id)",
            view.thing.as_str(),
            ledger.installation,
            view.installation.part()
        ),
    })
}

/// What a read by id in this very pass shows of a listed endpoint. Listings may be old, and older reads too: another leader may have
/// deleted it since, and two leaders would undo each other's writes in turns.
fn read_now<'a>(view: &'a View, seen: &Sighting) -> Option<&'a Remote> {
    let got = view.evidence.gets.get(&seen.remote.id)?;
    (got.began >= seen.began && got.began >= view.memory.pass_began).then_some(got.found.as_ref()).flatten()
}

/// Records a listed endpoint, after a read by id has confirmed it.
fn record_listed(view: &View, seen: &Sighting, lane: Lane) -> Action {
    let id = &seen.remote.id;
    if let Some(action) = references::before_choice(view, lane) {
        return action;
    }
    match read_now(view, seen) {
        Some(remote) if view.owns(remote) => {
            Action::Record(Found { id: remote.id.clone(), username: remote.username.clone(), remote: Some(Box::new(remote.clone())) })
        }
        // An id whose username is not ours after all is nobody's business of this object.
        Some(remote) => Action::Done(Finding::new(
            Reason::OwnershipLost,
            format!(
                "{} {id} was listed with this object's mark but answers as {:?}; it is left alone and nothing is created. Look at it in the provider's console",
                view.thing.as_str(),
                remote.username
            ),
        )),
        None => look(view, Action::Get(id.clone(), lane)),
    }
}

/// A read about what was seen at the provider. What was refused for good was a write, or a read that a pass before this one sent: neither keeps
/// anybody from looking, and what is seen may be what the write was about.
fn look(view: &View, read: Action) -> Action {
    let before = |trouble: &&Trouble| trouble.at < view.memory.pass_began;
    match view.memory.trouble.as_ref().filter(before).map(|trouble| trouble.kind) {
        Some(TroubleKind::Refused(RefusalKind::Invalid)) => read,
        _ => retry::call(view, read),
    }
}
