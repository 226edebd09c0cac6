//! Tells of assumptions that were seen broken: at once in a metric and in the log, and in an event on the object when the pass is
//! through (a create's record does not wait for an event).

use kube_runtime::events::EventType;
use tracing::warn;

use crate::account::SnapshotView;
use crate::controller::execute::Pass;
use crate::controller::made::Made;
use crate::controller::report::event;
use crate::core::action::Action;
use crate::core::monitor::{Assumption, Broken, sent};
use crate::core::outcome::Outcome;
use crate::core::time::Moment;
use crate::core::view::View;

/// The reason of all these events.
const REASON: &str = "AssumptionBroken";

/// Before each action.
pub fn look<K: Made>(pass: &mut Pass<'_, K>, view: &View, action: &Action) {
    let look = pass.slot.memory.watch.look(view, action);
    if let Some(lag) = look.lag {
        pass.ctx.metrics.visibility_lag(lag);
    }
    note(pass, look.broken);
}

/// After a create that was announced at `began` and handed over at `handed`.
pub fn created<K: Made>(pass: &mut Pass<'_, K>, view: &View, (began, handed): (Moment, Moment), outcome: &Outcome<(String, String)>) {
    let ended = pass.ctx.clock.now();
    if let Outcome::Done((id, _)) = outcome {
        pass.slot.memory.watch.answered(id, ended);
    }
    if !matches!(outcome, Outcome::Refused(_)) {
        note(pass, sent(view, began, handed, ended));
    }
}

/// After a thing was recorded, condemned or deleted.
pub fn wrote<K: Made>(pass: &mut Pass<'_, K>, view: &View, action: &Action) {
    let id = match action {
        Action::Record(found) => &found.id,
        Action::WriteTombstone(id) | Action::DeleteEndpoint(id, _) => id,
        _ => return,
    };
    let unlisted = pass.account().and_then(|account| unlisted(&account.things(K::THING), id));
    let broken = pass.slot.memory.watch.wrote(view, action, unlisted);
    note(pass, broken);
}

/// When the newest complete listing began that does not show it.
fn unlisted(snapshots: &SnapshotView, id: &str) -> Option<Moment> {
    let complete = [&snapshots.complete, &snapshots.complete_before];
    complete.into_iter().flatten().find(|listing| listing.items.get(id).is_none()).map(|listing| listing.began)
}

fn note<K: Made>(pass: &mut Pass<'_, K>, broken: Option<Broken>) {
    let Some(broken) = broken else { return };
    pass.ctx.metrics.broken(broken.assumption);
    warn!(object = %pass.key(), assumption = %broken.assumption, seen = broken.message, "an assumption was seen broken");
    pass.slot.memory.untold.push(broken);
}

/// At the end of a pass.
pub async fn tell<K: Made>(pass: &mut Pass<'_, K>) {
    for broken in std::mem::take(&mut pass.slot.memory.untold) {
        // Events of the same reason and action are counted together, with the note of the first.
        let action = match broken.assumption {
            Assumption::LateExecution => "Search",
            Assumption::Freeze => "Create",
            Assumption::Visibility => "Observe",
        };
        event(pass.ctx, pass.object.endpoint(), EventType::Warning, REASON, action, broken.message).await;
    }
}
