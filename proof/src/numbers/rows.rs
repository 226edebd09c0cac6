//! Which row of the table in `core/binding/mod.rs` answered, and what shows that each is needed.

use switchboard::api::condition::Reason;
use switchboard::core::action::{Action, Finding, Release, Source};
use switchboard::core::binding::view::View;

use super::Ablation as A;

/// What shows that a row of the table is needed.
#[derive(Clone, Copy, Debug)]
pub enum Needed {
    /// Without these it breaks.
    By(&'static [A]),
    /// Why there is no ablation.
    Not(&'static str),
}

use Needed::{By, Not};

/// Every row of the table in `core/binding/mod.rs`.
pub const ROWS: [(&str, Needed); 39] = [
    ("B1", By(&[A::Inherit])),
    ("B2", By(&[A::Lost])),
    ("B3", Not("it only waits; what is not known yet is not judged")),
    ("B4", By(&[A::FinalizerFirst, A::HandOver])),
    ("B5", Not("nothing is called; the account and its holds are the same code as for endpoints, and proven there")),
    ("B6", By(&[A::Owner])),
    ("B7", By(&[A::Blocked])),
    ("B8", Not("nothing is written; no world takes the number away")),
    ("B9", Not("it only reads; what a write needs to have seen is asked for by the rows that write")),
    ("B10", Not("an update can be repeated without harm: this row saves calls, and the fields are compared in any case")),
    ("B11", Not("rest: any write in it would keep every world from coming to rest")),
    ("B12", Not("it leaves what it finds; no world only reports")),
    ("B13", Not("it saves calls in a quarrel that nobody wins")),
    ("B14", Not("it saves calls that would be refused again")),
    ("B15", By(&[A::Survey])),
    ("B16", By(&[A::ReadAgain])),
    ("B17", By(&[A::PreviousFirst, A::PlacedFirst, A::Version])),
    ("B18", By(&[A::Correct])),
    ("B20", By(&[A::Obstacle])),
    ("R1", Not("there is nothing to do any more")),
    ("R2", Not("it gives up, aloud, on somebody's word")),
    ("R3", Not("it only waits; the other bindings are not known yet")),
    ("R4", By(&[A::HandOver, A::Survey])),
    ("R5", By(&[A::HandOver])),
    ("R6", By(&[A::Inherit])),
    ("R7", Not("Retain promises nothing about what is left")),
    ("R8", By(&[A::Lost])),
    ("R19", Not("nothing was ever written; no world takes the account away")),
    ("R9", Not("nothing is called; the account and its holds are the same code as for endpoints, and proven there")),
    ("R10", Not("nothing is written; no world takes the number away")),
    ("R11", By(&[A::ReadBack])),
    ("R12", By(&[A::StillOurs])),
    ("R13", By(&[A::ReadBack])),
    ("R14", By(&[A::Survey])),
    ("R15", By(&[A::NotTaken])),
    ("R16", Not("it gives up, aloud, where the provider takes nothing; in the worlds it always takes none")),
    ("R20", By(&[A::MustAnswer])),
    ("R17", By(&[A::Doubt])),
    ("R18", By(&[A::ReadBack])),
];

/// Rows that no world reaches, and why.
pub const UNREACHED: [(&str, &str); 13] = [
    ("B3", "the account is always known"),
    ("B5", "the account is always ready"),
    ("B8", "the number is never taken away"),
    ("B12", "drift is always corrected"),
    ("B13", "corrections are not counted here"),
    ("R1", "what has no finalizer of ours goes with its deletion"),
    ("R2", "nobody gives a number up"),
    ("R3", "the account is always known"),
    ("R7", "the policy is Restore"),
    ("R9", "the account is always ready"),
    ("R10", "the number is never taken away"),
    ("R19", "the account is always there"),
    ("R16", "the provider always takes none"),
];

/// The rows that the shipped table names.
pub fn shipped() -> Vec<&'static str> {
    let table = include_str!("../../../src/core/binding/mod.rs");
    let cells = table.lines().filter_map(|line| line.strip_prefix("//! | ")?.split(" | ").next());
    cells.filter(|cell| cell.starts_with(['B', 'R']) && cell[1..].bytes().all(|byte| byte.is_ascii_digit())).collect()
}

fn said(action: &Action) -> Option<Reason> {
    match action {
        Action::Wait { finding: Some(Finding { reason, .. }), .. } | Action::Done(Finding { reason, .. }) => Some(*reason),
        _ => None,
    }
}

/// The row, as far as its answer tells it from others.
pub fn of(view: &View, action: &Action) -> &'static str {
    if view.object.deleting || view.object.gone { leaving(view, action) } else { live(view, action) }
}

fn live(view: &View, action: &Action) -> &'static str {
    match action {
        Action::WritePlaced(ahead) if ahead.source == Source::Inherited => "B1",
        Action::WritePlaced(_) => "B17",
        Action::AddFinalizer if view.status.previous.is_none() => "B2",
        Action::AddFinalizer => "B4",
        Action::ReadRivals if view.surveyed().is_some() => "B16",
        Action::ReadRivals => "B15",
        Action::Update { .. } => "B18",
        Action::Get(..) if view.surveyed().is_some() => "B16",
        Action::Get(..) if view.memory.update.is_some() => "B10",
        Action::Get(..) | Action::List(..) => "B9",
        _ => match said(action) {
            Some(Reason::Conflict) => "B6",
            Some(Reason::Available) => "B11",
            Some(Reason::Progressing | Reason::ProviderNormalisedValue) => "B10",
            Some(Reason::NumberNotInAccount) => "B8",
            Some(Reason::Drifted) => "B12",
            Some(Reason::Contested) => "B13",
            Some(Reason::Rejected) if view.evidence.observed().is_some_and(|seen| seen.number.obstacle.is_some()) => "B20",
            Some(Reason::Rejected) => "B14",
            Some(Reason::Paused | Reason::Suspended) => "B5",
            None => "B3",
            _ => "B7",
        },
    }
}

fn leaving(view: &View, action: &Action) -> &'static str {
    match action {
        Action::RemoveFinalizer(release) => match release {
            Release::Orphaned => "R2",
            Release::HandedOver => "R4",
            Release::Retained => "R7",
            Release::PreviousLost => "R8",
            Release::Unproven => "R19",
            Release::NumberGone => "R10",
            Release::NotOurs => "R12",
            Release::NotGivenBack => "R16",
            _ => "R18",
        },
        Action::Wait { .. } if said(action) == Some(Reason::DeletionRefused) => "R20",
        Action::ReadRivals if view.owner().is_some() => "R4",
        Action::Wait { .. } if view.owner().is_some_and(|owner| view.handed_over(owner)) => "R4",
        Action::Wait { .. } if view.owner().is_some() => "R5",
        Action::WritePlaced(_) => "R6",
        Action::Get(..) if view.surveyed().is_some() => "R14",
        Action::Get(..) if view.memory.update.is_some() => "R13",
        Action::Get(..) if view.evidence.observed().is_some() => "R17",
        Action::Get(..) => "R11",
        Action::ReadRivals => "R14",
        Action::Update { .. } if view.memory.not_taken.is_empty() => "R14",
        Action::Update { .. } => "R15",
        Action::Wait { .. } if view.memory.settles(view.timing.settle) > view.now => "R17",
        Action::Wait { .. } => "R13",
        _ => "R1",
    }
}
