//! Which row of the table in `core/endpoint/mod.rs` answered: for counting that the worlds reach all of them.

use switchboard::api::condition::Reason;
use switchboard::core::action::{Action, Closed, Finding, Release, Why};
use switchboard::core::outcome::Outcome;
use switchboard::core::view::View;

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
        | Action::List(_, Finding { reason, .. }) => Some(*reason),
        _ => None,
    }
}

fn live(view: &View, action: &Action) -> &'static str {
    let open = view.open_intent().is_some();
    let recorded = view.recorded();
    let missing = recorded.is_some_and(|recorded| view.evidence.missing(recorded.id).is_some());
    let observed = recorded.is_some_and(|recorded| view.evidence.observed(recorded.id).is_some());
    match action {
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
        Action::Wait { .. } | Action::List(..) if open => "L7",
        Action::Done(_) if said(action) == Some(Reason::Paused) => "L10",
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
        Action::List(..) => "L21",
        Action::Record(_) | Action::Get(..) => "L22",
        Action::Reserve | Action::AddFinalizer | Action::WriteIntent(_) => "L23",
        Action::Wait { .. } => "L23",
        _ => "L9",
    }
}

fn deleted(view: &View, action: &Action) -> &'static str {
    let recorded = view.recorded().map(|recorded| recorded.id);
    match action {
        Action::Done(_) => "D1",
        Action::DeleteEndpoint(_, Why::JustReceived) if view.object.gone || !view.object.finalizer => "D1",
        Action::DeleteEndpoint(_, Why::JustReceived) => "D2",
        Action::RemoveFinalizer(Release::Retained) => "D3",
        Action::CloseEpoch(_) => "D4",
        Action::RemoveFinalizer(Release::NeverSent) => "D5",
        Action::RemoveFinalizer(Release::Unproven) => "D6",
        Action::Wait { .. } if matches!(said(action), Some(Reason::AccountMismatch | Reason::Paused)) => "D7",
        Action::DeleteEndpoint(id, _) | Action::Get(id, _) if Some(id.as_str()) == recorded => "D8",
        Action::DeleteEndpoint(..) | Action::Get(..) => "D9",
        Action::RemoveFinalizer(Release::Clean) => "D11",
        Action::List(..) if view.settled().is_some() => "D12",
        _ => "D10",
    }
}
