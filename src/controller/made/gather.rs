//! What is gathered in the same way for all things that are made.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::account::{Account, SnapshotView};
use crate::controller::context::Context;
use crate::controller::made::Remembered;
use crate::controller::memories::Slot;
use crate::core::evidence::{Evidence, Listing};
use crate::core::outcome::Outcome;
use crate::core::view::View;

/// What this process remembers of the object, in the view of now.
pub fn remember(ctx: &Context, view: &mut View, slot: &mut Slot<Remembered>) {
    slot.memory.learnt.object_seen(view, intent_age(ctx, view));
    view.memory = slot.memory.learnt.memory.clone();
}

/// The newest intent's age on the API server's clock.
pub fn intent_age(ctx: &Context, view: &View) -> Option<Duration> {
    let issued = view.intent()?.issued_time.0;
    Duration::try_from(ctx.clock.server_now()?.duration_since(issued)).ok()
}

/// The two newest complete listings, and the newest if it is not: oldest first.
pub fn listings(snapshots: &SnapshotView) -> Vec<Listing<'_>> {
    let newest = snapshots.newest.as_ref().filter(|newest| !newest.is_complete());
    [snapshots.complete_before.as_ref(), snapshots.complete.as_ref(), newest]
        .into_iter()
        .flatten()
        .map(|listing| Listing { began: listing.began, complete: listing.is_complete(), endpoints: &listing.items })
        .collect()
}

/// What the provider was seen to hold, as far as it concerns this object.
pub fn evidence(view: &View, account: &Account, listings: &[Listing<'_>], slot: &Slot<Remembered>) -> Evidence {
    slot.memory.learnt.evidence(view, listings, |remote, password| account.password_matches(remote, password))
}

/// The ids of all that the object has, may have or is about to take.
pub fn concerned<'a>(view: &'a View, listings: &[Listing<'a>], slot: &'a Slot<Remembered>) -> BTreeSet<&'a str> {
    let mark = view.adopt.is_none().then_some(&view.mark);
    let listed = listings.iter().flat_map(|listing| mark.into_iter().flat_map(|mark| listing.endpoints.with_mark(mark)));
    let found = slot.memory.learnt.searches.iter().flat_map(|search| &search.found);
    let received = view.memory.own.as_ref().and_then(|own| match &own.answer {
        Some(Outcome::Done((id, _))) => Some(id.as_str()),
        _ => None,
    });
    listed
        .chain(found)
        .map(|remote| remote.id.as_str())
        .chain(view.target())
        .chain(received)
        .chain(view.tombstones().iter().map(String::as_str))
        .collect()
}
