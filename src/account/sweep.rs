//! Lists everything: at a cadence, and whenever somebody needs to know. Each collection of an account (endpoints, trunk groups, numbers,
//! applications) has one listing at a time; who comes while it runs waits for the next one, because only a listing that began after a
//! question answers it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::SemaphorePermit;

use crate::account::budget::Permit;
use crate::account::shelf::{Listable, Shelved};
use crate::account::{Inner, Lane, ObjectKey, State};
use crate::core::call::{Call, Verb};
use crate::core::listing::{Assembler, Step};
use crate::core::outcome::{Outcome, RefusalKind};
use crate::core::time::Moment;
use crate::provider::Page;

/// A listing that takes longer is cut off. Most of this is waiting for budget: ten thousand endpoints are 527 calls.
const LISTING_DEADLINE: Duration = Duration::from_secs(15 * 60);
/// The provider has its own, shorter limits; this one holds if it does not keep them.
const PAGE_DEADLINE: Duration = Duration::from_secs(60);
/// Doublings of the wait between listings that proved nothing.
const MOST_DOUBLINGS: u32 = 6;

/// The sweep of one collection of one account, for as long as it lives.
pub(super) async fn run<C: Listable>(inner: Arc<Inner>) {
    let mut last: Option<Moment> = None;
    let mut vain: u32 = 0;
    let mut not_before = Moment::default();
    loop {
        wait_until_due::<C>(&inner, last, not_before).await;
        let turn = turn::<C>(&inner).await;
        // The listing begins when it may: who comes while the budget is waited for is still served by it.
        let first = permit::<C>(&inner).await;
        if inner.started().is_err() {
            continue;
        }
        let began = begin::<C>(&inner);
        last = Some(began);
        let deadline = inner.clock.instant(began + LISTING_DEADLINE);
        if tokio::time::timeout_at(deadline, pages::<C>(&inner, first)).await.is_err() {
            tracing::warn!(account = %inner.id, collection = C::NAME, "listing cut off: it took too long");
        }
        let complete = publish::<C>(&inner, began);
        drop(turn);
        vain = if complete { 0 } else { (vain + 1).min(MOST_DOUBLINGS + 1) };
        let pause = if complete { Duration::ZERO } else { inner.settings.retry_base * (1 << (vain - 1)) };
        not_before = inner.clock.now() + pause;
    }
}

/// Somebody waits for the next listing, or it is needed before anything else can go on.
fn wanted<C: Listable>(state: &mut State) -> bool {
    C::due_at_once(state) || !C::shelf(state).waiting.is_empty()
}

/// Waits until somebody wants a listing (or the term's first is still to be taken), or the period is over; never while tripped or
/// with credentials that are not proven, and not while nobody has to do with the collection.
async fn wait_until_due<C: Listable>(inner: &Inner, last: Option<Moment>, not_before: Moment) {
    loop {
        let offered = C::offered(&*inner.provider());
        let at = {
            let mut state = inner.state();
            let wanted = wanted::<C>(&mut state);
            let due = last.filter(|_| !wanted).map_or(not_before, |last| not_before.max(last + state.sweep_period));
            (offered && state.tripped.is_none() && !state.unproven && (wanted || C::swept(&state))).then_some(due)
        };
        match at {
            Some(at) if at <= inner.clock.now() => return,
            Some(at) => tokio::select! {
                () = tokio::time::sleep_until(inner.clock.instant(at)) => {}
                () = C::changed(inner).notified() => {}
            },
            None => C::changed(inner).notified().await,
        }
    }
}

/// Listings come one after another, whatever they list. Only one that somebody waits for does not wait for one that nobody does: ten
/// thousand numbers are no reason to hold up a deletion, nor to be read in its lane.
async fn turn<C: Listable>(inner: &Inner) -> Option<SemaphorePermit<'_>> {
    let turn = inner.turn.acquire();
    tokio::pin!(turn);
    loop {
        if wanted::<C>(&mut inner.state()) {
            return inner.turn.try_acquire().ok();
        }
        tokio::select! {
            turn = &mut turn => return turn.ok(),
            () = C::changed(inner).notified() => {}
        }
    }
}

/// From here on who asks waits for the next listing.
fn begin<C: Listable>(inner: &Inner) -> Moment {
    let page_size = inner.provider().capabilities().page_size;
    let mut state = inner.state();
    C::shelf(&mut state).begin(Assembler::new(page_size));
    inner.clock.now()
}

/// Asks for pages until the listing is finished. Every page passes the budget.
async fn pages<C: Listable>(inner: &Inner, first: Permit) {
    let mut first = Some(first);
    loop {
        let step = C::shelf(&mut inner.state()).running.as_ref().map(|running| running.assembler.next());
        let Some(Step::Page { offset, limit }) = step else { return };
        let permit = match first.take() {
            Some(first) => first,
            None => permit::<C>(inner).await,
        };
        // An account that was tripped while the permit was waited for sends nothing.
        let page = if inner.started().is_ok() {
            let provider = inner.provider();
            let outcome = tokio::time::timeout(PAGE_DEADLINE, C::page(&*provider, offset, limit)).await.ok();
            if let Some(outcome) = &outcome {
                inner.learn(&permit, &provider, Call::new(Verb::List, C::SUBJECT), outcome);
            }
            outcome
        } else {
            None
        };
        drop(permit);
        let usable = inner.started().is_ok();
        let again = {
            let mut state = inner.state();
            let Some(running) = &mut C::shelf(&mut state).running else { return };
            match page {
                Some(Outcome::Done(page)) => {
                    running.assembler.page(page.items, page.total, page.more);
                    None
                }
                other if usable && other.as_ref().is_none_or(passing) => running.assembler.unanswered(),
                _ => {
                    running.assembler.failed();
                    None
                }
            }
        };
        if let Some(tries) = again {
            // Behind the pause stands the budget again: a provider that answers 429 is asked when it may be asked.
            tokio::time::sleep(inner.settings.retry_base * (1 << (tries - 1))).await;
        }
    }
}

/// Whether the same question may be answered next time.
fn passing<T>(outcome: &Outcome<Page<T>>) -> bool {
    match outcome {
        Outcome::Unknown(_) => true,
        Outcome::Refused(refusal) => matches!(refusal.kind, RefusalKind::Throttled | RefusalKind::Unreachable),
        Outcome::Done(_) | Outcome::NotFound { .. } => false,
    }
}

/// In the lane of the most urgent of all who wait, also of those who wait for the next listing: it cannot begin before.
async fn permit<C: Listable>(inner: &Inner) -> Permit {
    let lane = || {
        let mut state = inner.state();
        let shelf = C::shelf(&mut state);
        shelf.serving.values().chain(shelf.waiting.values()).min().copied().unwrap_or(Lane::Sweep)
    };
    loop {
        let now = lane();
        let take = inner.budget.take(now);
        tokio::pin!(take);
        loop {
            tokio::select! {
                permit = &mut take => return permit,
                () = C::changed(inner).notified() => if lane() < now { break },
            }
        }
    }
}

/// Publishes what was listed and wakes those it concerns. Whether it was complete.
fn publish<C: Listable>(inner: &Inner, began: Moment) -> bool {
    let ended = inner.clock.now();
    let mut guard = inner.state();
    let shelf = C::shelf(&mut guard);
    // One lock from here to the publication: an answer of ours in between would be in neither.
    let Some(running) = shelf.running.take() else { return false };
    let mut listed = running.assembler.finish();
    let serving = std::mem::take(&mut shelf.serving);
    if listed.pages == 0 {
        inner.observer.listed(inner.id.provider, C::SUBJECT, false, ended.since(began));
        // Nothing was learnt: the next one serves them.
        for (key, lane) in serving {
            shelf.want(key, lane);
        }
        return false;
    }
    listed.judge_habit(&mut shelf.habit, ended, inner.settings.settle);
    let complete = listed.proof.is_complete();
    let (count, pages) = (listed.items.len(), listed.pages);
    tracing::debug!(account = %inner.id, collection = C::NAME, count, pages, proof = ?listed.proof, "listed");
    inner.observer.listed(inner.id.provider, C::SUBJECT, complete, ended.since(began));
    shelf.history.publish((began, ended), listed.proof, listed.items, &running.since);
    let mut woken: BTreeSet<ObjectKey> = serving.into_keys().collect();
    woken.extend(C::Of::contradicted(shelf));
    drop(guard);
    for key in &woken {
        (inner.wake)(key);
    }
    complete
}
