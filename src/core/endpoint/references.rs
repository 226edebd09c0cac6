//! What stands in the way of a deletion (L37, L38, D17, D18): where a provider tells what points to a thing, it is asked right before each
//! deletion, because it may refuse it, tear the others apart, or leave them pointing at nothing. Of several with our mark the one that is
//! in use is kept.

use super::owned;
use crate::api::condition::Reason;
use crate::core::action::{Action, Finding, Why};
use crate::core::budget::Lane;
use crate::core::evidence::Referenced;
use crate::core::shared::retry;
use crate::core::time::Moment;
use crate::core::view::{Thing, View};

/// Whether something may be deleted now.
pub(super) enum Deletion {
    /// This is what to do about it.
    Now(Action),
    /// Not before then, or a change.
    Held(Held),
}

/// Why something is not deleted now.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// When it is tried again.
    pub until: Moment,
    /// What to say.
    pub finding: Finding,
    /// Something points to it.
    pub in_use: bool,
}

impl Held {
    /// Nothing else is to be done.
    pub(super) fn wait(self) -> Action {
        Action::Wait { until: Some(self.until), finding: Some(self.finding) }
    }

    /// What else is to be done goes on. When nothing is left, this is said.
    pub(super) fn beside(self, action: Action) -> Action {
        match action {
            Action::Done(finding) if finding.reason == Reason::Available => self.wait(),
            Action::Done(finding) => Action::Wait { until: Some(self.until), finding: Some(finding) },
            Action::Wait { until, finding } => {
                Action::Wait { until: Some(until.map_or(self.until, |until| until.min(self.until))), finding }
            }
            action => action,
        }
    }
}

/// Deletes what was seen lately, else looks at it first: ids may be used again, labels tell. `delete` is the last step.
pub(super) fn deletion(view: &View, id: &str, why: Why, lane: Lane, delete: impl FnOnce() -> Action) -> Deletion {
    if let Some(held) = refused(view, id, why) {
        return Deletion::Held(held);
    }
    let known = view.evidence.references.get(id).filter(|_| view.referenced());
    if let Some(held) = known.and_then(|known| in_use(view, id, why, known)) {
        return Deletion::Held(held);
    }
    let free = known.is_some_and(|known| known.began >= view.memory.pass_began && known.by.is_empty());
    let step = match delete() {
        _ if !seen_lately(view, id) => Action::Get(id.to_owned(), lane),
        Action::DeleteEndpoint(..) if view.referenced() && !free => Action::ReadReferences(id.to_owned(), lane),
        last => last,
    };
    Deletion::Now(retry::call(view, step))
}

/// Where the mark may be taken away by anybody, what our ledger does not record must show it in this very pass.
fn seen_lately(view: &View, id: &str) -> bool {
    let by_ledger = view.recorded().is_some_and(|recorded| recorded.id == id);
    let surely = view.mark.place().is_immutable() || by_ledger;
    view.evidence
        .observed(id)
        .is_some_and(|seen| view.now.since(seen.began) <= view.timing.settle && (surely || seen.began >= view.memory.pass_began))
}

/// Something points to it, as far as is known; asked again after a while, or when somebody asks for another look.
fn in_use(view: &View, id: &str, why: Why, known: &Referenced) -> Option<Held> {
    let until = known.began + view.timing.settle;
    let this_pass = known.began >= view.memory.pass_began;
    let same = this_pass || known.asked == (view.object.generation, view.object.reconcile_requested.clone());
    if known.by.is_empty() || view.now >= until || !same {
        return None;
    }
    let (thing, by) = (view.thing.as_str(), known.by.join(", "));
    let finding = match why {
        Why::Duplicate => Finding::new(
            Reason::DuplicateFound,
            format!(
                "{thing} {id} is a second one of this object, and is not deleted because something points to it: {by}. Have that point to {thing} {} at the provider, or remove it there; the second one is deleted then. It is looked at again every {:?}",
                view.recorded().map_or("that is recorded", |recorded| recorded.id),
                view.timing.settle
            ),
        ),
        Why::Requested | Why::JustReceived => Finding::new(
            Reason::DeletionRefused,
            format!(
                "{thing} {id} is not deleted because something at the provider points to it: {by}. Have that point elsewhere, or remove it there; the deletion goes on by itself then. It is looked at again every {:?}; {}",
                view.timing.settle,
                without(view)
            ),
        ),
    };
    Some(Held { until, finding, in_use: true })
}

/// What to do if it need not go. A trunk group also goes while its object lives, and then that is no way out.
pub(super) fn without(view: &View) -> &'static str {
    match view.thing {
        Thing::Endpoint => "deletionPolicy: Retain lets the object go without",
        Thing::TrunkGroup => "once its SipEndpoint is being deleted, deletionPolicy: Retain lets that go without",
    }
}

/// Its deletion failed lately.
pub(super) fn refused(view: &View, id: &str, why: Why) -> Option<Held> {
    let undeleted = view.memory.undeleted.get(id).filter(|_| view.referenced())?;
    let (until, finding) = retry::pending_after(view, &undeleted.trouble)?;
    let reason = match why {
        Why::Duplicate => Reason::DuplicateFound,
        Why::Requested | Why::JustReceived => Reason::DeletionRefused,
    };
    let finding = match undeleted.conflict {
        true => Finding::new(
            reason,
            format!(
                "the provider refuses to delete {} {id}: {} (attempt {}). Look there for what still points to it; the deletion is tried again with growing pauses of at most 5 minutes",
                view.thing.as_str(),
                undeleted.trouble.message,
                undeleted.trouble.attempts
            ),
        ),
        false => finding,
    };
    Some(Held { until, finding, in_use: undeleted.conflict })
}

/// Something points to it, as was last answered.
pub(super) fn points_to(view: &View, id: &str) -> bool {
    view.evidence.references.get(id).is_some_and(|known| !known.by.is_empty())
}

/// L38: one of several is to be recorded; which of them is in use has to be known of all.
pub(super) fn before_choice(view: &View, lane: Lane) -> Option<Action> {
    let several = view.referenced() && owned(view).nth(1).is_some();
    let known = |id: &str| view.evidence.references.get(id).is_some_and(|known| known.began >= view.memory.pass_began);
    let unknown = owned(view).find(|seen| several && !known(&seen.remote.id))?;
    Some(super::look(view, Action::ReadReferences(unknown.remote.id.clone(), lane)))
}
