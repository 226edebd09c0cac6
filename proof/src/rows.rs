//! Which row of the table in `core/endpoint/mod.rs` answered: for counting that the worlds reach all of them.

use switchboard::api::condition::Reason;
use switchboard::core::action::{Action, Closed, Finding, Release, Why};
use switchboard::core::outcome::Outcome;
use switchboard::core::view::{Thing, View};

use crate::ablation::Ablation;

/// What shows that a row of the table is needed.
#[derive(Clone, Copy, Debug)]
pub enum Needed {
    /// Without these it breaks.
    By(&'static [Ablation]),
    /// Why there is no ablation.
    Not(&'static str),
}

use Ablation as A;
use Needed::{By, Not};

/// Every row of the table in `core/endpoint/mod.rs`.
pub const ROWS: [(&str, Needed); 58] = [
    ("L1", By(&[A::RecordVersion, A::RecordOnlyIfFree])),
    ("L2", Not("a refused create that stays open is looked for like a lost one: slower, never wrong")),
    ("L3", By(&[A::IssueTime, A::Nonce, A::IntentFirst])),
    ("L4", By(&[A::IssueTime, A::LookBeforeCreate])),
    ("L5", By(&[A::ReadNow, A::HitRead])),
    ("L6", By(&[A::Settle, A::SecondListing, A::ListingAfterSettle, A::SearchSettle, A::SearchAfterSettle])),
    ("L7", By(&[A::OneAtATime, A::ThirdOutcome])),
    ("L8", By(&[A::Tombstone])),
    ("L9", By(&[A::PasswordOnce])),
    ("L10", By(&[A::Pause, A::Suspension])),
    ("L11", By(&[A::Pin])),
    ("L12", Not("it only reads; what a write needs to have seen is asked for by the rows that write")),
    ("L13", By(&[A::Username, A::AdoptedUsername, A::OwnLedger, A::OthersMark])),
    ("L14", By(&[A::DuplicateDeleted, A::Tombstone, A::ReadNow])),
    ("L15", Not("an update can be repeated without harm: this row saves calls, and the fields are compared in any case")),
    ("L16", By(&[A::Correct, A::RenamedIsOurs, A::OneGroup])),
    ("L17", Not("rest: any write in it breaks I10 in every world")),
    ("L18", By(&[A::SettleForAbsence, A::ProofOfAbsence])),
    ("L19", Not("without it the record would be forgotten first and L22 would record the survivor")),
    ("L20", By(&[A::SettleForAbsence, A::ProofOfAbsence])),
    ("L21", By(&[A::Amnesia, A::SearchFirst, A::SearchCompleteness])),
    ("L22", By(&[A::LookBeforeCreate, A::HitRead])),
    ("L23", By(&[A::IntentVersion, A::FinalizerFirst, A::IntentInStatus])),
    ("L24", By(&[A::FinalizerBack])),
    ("L25", By(&[A::Installation])),
    ("L26", By(&[A::RecreationBrake])),
    ("L27", By(&[A::Claims])),
    ("L28", Not("it only reads; what is recorded is judged by the rows below")),
    ("L29", By(&[A::NeverAnew])),
    ("L30", By(&[A::MarkOfAnother])),
    ("L31", By(&[A::AdoptedFinalizer])),
    ("L32", By(&[A::NeverAnew])),
    ("L33", By(&[A::Observe])),
    ("L34", By(&[A::PasswordFirst, A::PasswordVersion])),
    ("L35", Not("it writes beside the provider, at the version that was read; what is wrong in it is put right at the next look")),
    ("L36", Not("it waits for a look at the account's applications and says so; it changes nothing")),
    ("L37", By(&[A::AskBeforeDelete, A::MarkSeenNow])),
    ("L38", Not("it only reads; which of several is recorded is a matter of taste, and L5, L19 and L22 record it")),
    ("L39", Not("it says why nothing is recorded; what is not the account's own is refused by the check of L13 all the same")),
    (
        "D1",
        Not(
            "what is received for an object that is gone was made against A1 or A7; without this row it would belong to the next object of that name",
        ),
    ),
    ("D2", By(&[A::YoungNotFound])),
    ("D3", Not("Retain promises nothing about what is left")),
    ("D4", By(&[A::NoCreateWhileDeleting])),
    ("D5", Not("it saves the listing of D12 where no create was ever announced")),
    ("D6", Not("it gives up, aloud; no world lacks its account")),
    ("D7", By(&[A::Pin])),
    ("D8", By(&[A::DeleteUntilAnswered])),
    ("D9", By(&[A::Leftovers])),
    ("D10", By(&[A::SettleOnDelete, A::Settle])),
    ("D11", By(&[A::SweepAfterSettle, A::ReleaseVersion])),
    ("D12", By(&[A::ListingOnDelete, A::SearchOnDelete])),
    ("D13", Not("it gives up, aloud, on somebody's word; without it the object waits as if nothing had been said")),
    ("D14", By(&[A::DeletionBrake])),
    ("D15", Not("it gives up, aloud; without it the object would wait for the absence of what it never had")),
    ("D16", By(&[A::Claims])),
    ("D17", By(&[A::AskBeforeDelete])),
    ("D19", By(&[A::SaidToGo])),
    ("D18", Not("it spares calls: without it a deletion that is refused would be tried again at once")),
];

/// Rows that no world reaches, and why.
pub const UNREACHED: [(&str, &str); 4] = [
    ("D5", "every status that the model writes before an intent leaves the ledger away"),
    ("D6", "the account always exists"),
    ("L36", "no spec names its application"),
    ("L39", "all that is listed is the account's own"),
];

/// The rows that the shipped table names.
pub fn shipped() -> Vec<&'static str> {
    let table = include_str!("../../src/core/endpoint/mod.rs");
    let cells = table.lines().filter_map(|line| line.strip_prefix("//! | ")?.split(" | ").next());
    cells.filter(|cell| cell.starts_with(['L', 'D']) && cell[1..].bytes().all(|byte| byte.is_ascii_digit())).collect()
}

/// The row, as far as its answer tells it from others.
pub fn of(view: &View, action: &Action) -> &'static str {
    if view.object.deleting || view.object.gone { deleted(view, action) } else { live(view, action) }
}

fn answered(view: &View) -> bool {
    view.memory.own.as_ref().is_some_and(|own| matches!(own.answer, Some(Outcome::Done(_))))
}

fn said(action: &Action) -> Option<Reason> {
    match action {
        Action::Wait { finding: Some(Finding { reason, .. }), .. }
        | Action::Done(Finding { reason, .. })
        | Action::List(_, Finding { reason, .. })
        | Action::Find(_, Finding { reason, .. }) => Some(*reason),
        _ => None,
    }
}

fn live(view: &View, action: &Action) -> &'static str {
    let open = view.open_intent().is_some();
    let recorded = view.recorded();
    let missing = recorded.is_some_and(|recorded| view.evidence.missing(recorded.id).is_some());
    let observed = recorded.is_some_and(|recorded| view.evidence.observed(recorded.id).is_some());
    if view.adopt.is_some()
        && let Some(row) = adopting(view, action)
    {
        return row;
    }
    match action {
        Action::StorePassword => "L34",
        Action::WriteConnection(_) => "L35",
        _ if said(action) == Some(Reason::SecretNotFound) => "L9",
        _ if said(action) == Some(Reason::AlreadyOwned) => "L27",
        _ if said(action) == Some(Reason::InstallationMismatch) && elsewhere(view) => "L25",
        _ if said(action) == Some(Reason::Braked) => "L26",
        Action::ReadReferences(id, _) if view.tombstones().contains(id) => "L37",
        Action::Wait { .. } if said(action) == Some(Reason::DuplicateFound) => "L37",
        Action::ReadReferences(..) => "L38",
        Action::Record(found) if found.remote.is_none() => "L1",
        Action::CloseEpoch(Closed::Refused) => "L2",
        Action::Create { .. } => "L3",
        Action::CloseEpoch(Closed::NotSent) => "L4",
        Action::CloseEpoch(Closed::NotExecuted) => "L6",
        Action::CloseEpoch(Closed::Superseded) if answered(view) => "L1",
        Action::CloseEpoch(Closed::Superseded) => "L5",
        Action::AddFinalizer if open || recorded.is_some() => "L24",
        Action::ClearTombstone(_) => "L8",
        Action::DeleteEndpoint(_, Why::Duplicate) => "L8",
        Action::Get(id, _) if view.tombstones().contains(id) => "L8",
        Action::Record(_) | Action::Get(..) if open => "L5",
        Action::Wait { .. } | Action::List(..) | Action::Find(..) if open => "L7",
        Action::Done(_) if matches!(said(action), Some(Reason::Paused | Reason::Suspended)) => "L10",
        _ if said(action) == Some(Reason::AccountMismatch) => "L11",
        Action::Wait { finding: None, .. } => "L12",
        Action::Done(_) if said(action) == Some(Reason::OwnershipLost) => "L13",
        Action::WriteTombstone(_) => "L14",
        Action::Update { .. } => "L16",
        Action::Done(_) if said(action) == Some(Reason::Available) => "L17",
        Action::Forget => "L20",
        Action::Record(_) if recorded.is_some() => "L19",
        Action::Get(id, _) if missing && recorded.is_some_and(|recorded| recorded.id != id) => "L19",
        Action::List(..) | Action::Get(..) | Action::Wait { .. } if missing => "L18",
        Action::Get(..) | Action::List(..) if recorded.is_some() && !observed => "L12",
        Action::Get(..) | Action::Wait { .. } if recorded.is_some() && view.memory.update.is_some() => "L15",
        Action::Get(..) | Action::Wait { .. } if recorded.is_some() => "L16",
        Action::List(..) | Action::Find(..) => "L21",
        Action::Record(_) | Action::Get(..) => "L22",
        Action::Reserve | Action::AddFinalizer | Action::WriteIntent(_) => "L23",
        Action::Wait { .. } => "L23",
        _ => "L9",
    }
}

/// The rows of what is adopted, where they are not those of all objects.
fn adopting(view: &View, action: &Action) -> Option<&'static str> {
    let missing = view.target().is_some_and(|id| view.evidence.missing(id).is_some());
    Some(match (action, said(action)) {
        (Action::Done(_), Some(Reason::AlreadyOwned)) => "L30",
        (_, Some(Reason::AdoptNotFound)) => "L29",
        (_, Some(Reason::ExternallyDeleted)) => "L32",
        (_, Some(Reason::Drifted)) if view.observes() => "L33",
        (Action::Get(..), _) if view.recorded().is_none() && missing => "L29",
        (Action::Get(..), _) if view.recorded().is_none() => "L28",
        (Action::AddFinalizer | Action::Record(_), _) if view.recorded().is_none() => "L31",
        (Action::Wait { .. }, _) if view.recorded().is_none() && view.memory.trouble.is_some() => "L28",
        _ => return None,
    })
}

/// Nothing is known to be in the way of its deletion, and yet it waits.
fn is_due(view: &View, id: &str) -> bool {
    view.thing == Thing::TrunkGroup && view.evidence.observed(id).is_some() && !view.memory.deleted.contains_key(id)
}

/// What stands in the way of a deletion was asked for, or the provider said so.
fn refused(view: &View) -> &'static str {
    if view.memory.undeleted.values().any(|undeleted| undeleted.conflict) { "D18" } else { "D17" }
}

fn elsewhere(view: &View) -> bool {
    view.ledger().is_some_and(|ledger| ledger.installation != view.installation.part())
}

fn deleted(view: &View, action: &Action) -> &'static str {
    let recorded = view.recorded().map(|recorded| recorded.id);
    let claimed = recorded.is_some_and(|id| view.claimant(id).is_some());
    match action {
        Action::Done(_) => "D1",
        Action::DeleteEndpoint(_, Why::JustReceived) if view.object.gone || !view.object.finalizer => "D1",
        Action::DeleteEndpoint(_, Why::JustReceived) => "D2",
        Action::RemoveFinalizer(Release::Retained) => "D3",
        Action::CloseEpoch(_) => "D4",
        Action::RemoveFinalizer(Release::NeverSent) => "D5",
        Action::RemoveFinalizer(Release::Orphaned) => "D13",
        Action::RemoveFinalizer(Release::Unproven) if view.adopt.is_some() => "D15",
        Action::RemoveFinalizer(Release::Unproven) => "D6",
        Action::Wait { .. }
            if matches!(
                said(action),
                Some(Reason::AccountMismatch | Reason::Paused | Reason::Suspended | Reason::InstallationMismatch)
            ) =>
        {
            "D7"
        }
        Action::Wait { .. } if said(action) == Some(Reason::Braked) => "D14",
        Action::ReadReferences(..) => "D17",
        Action::Wait { .. } if said(action) == Some(Reason::DeletionRefused) => refused(view),
        _ if claimed => "D16",
        Action::DeleteEndpoint(id, _) | Action::Get(id, _) if Some(id.as_str()) == recorded => "D8",
        Action::DeleteEndpoint(..) | Action::Get(..) => "D9",
        Action::RemoveFinalizer(Release::Clean) => "D11",
        Action::Wait { .. } if said(action) == Some(Reason::Deleting) && recorded.is_some_and(|id| is_due(view, id)) => "D19",
        Action::List(..) | Action::Find(..) if view.settled().is_some() => "D12",
        _ => "D10",
    }
}
