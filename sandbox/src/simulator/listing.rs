//! Pages of lists, and what list faults do to them.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::store::{Item, Row, Store};
use super::switches::Delays;
use crate::faults::ListFault;

/// Which page, seen when and how late.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) now_ms: u64,
    pub(crate) delays: Delays,
    pub(crate) limit: usize,
    pub(crate) offset: usize,
    /// The total is that before the last creation or deletion.
    pub(crate) stale_total: bool,
}

/// What a page shows.
pub(crate) struct Page<'a, T> {
    pub(crate) rows: Vec<Row<'a, T>>,
    pub(crate) total: usize,
    /// Offset of the next page, if there is one.
    pub(crate) next: Option<usize>,
    /// Whether the list fault did anything.
    pub(crate) applied: bool,
}

/// Cuts a page from what `keep` leaves, in the order that `arrange` makes of the order of creation.
pub(crate) fn page<'a, T: Clone>(
    store: &'a Store<T>,
    view: View,
    fault: Option<ListFault>,
    rng: &mut StdRng,
    keep: impl Fn(&str, &Item<T>, &T) -> bool,
    arrange: impl FnOnce(&mut Vec<Row<'a, T>>, &mut StdRng),
) -> Page<'a, T> {
    let View { now_ms, delays, limit, offset, stale_total } = view;
    let mut rows = store.list(now_ms, delays, &keep);
    let mut applied = false;
    match fault {
        Some(ListFault::NewestMissing) => applied = rows.pop().is_some(),
        Some(ListFault::DeletedStillShown) => {
            if let Some(haunted) = store.with_ghost(rows.clone(), &keep) {
                rows = haunted;
                applied = true;
            }
        }
        _ => {}
    }
    arrange(&mut rows, rng);
    if fault == Some(ListFault::ChangedOrder) && rows.len() > 1 {
        rows.shuffle(rng);
        applied = true;
    }
    let (mut from, mut to) = (offset, offset.saturating_add(limit));
    let mut hide = false;
    match fault {
        Some(ListFault::RepeatedPage) if offset > 0 => {
            (from, to, applied) = (offset.saturating_sub(limit), offset.saturating_sub(limit) + limit, true)
        }
        Some(ListFault::OffsetIgnored) if offset > 0 => (from, to, applied) = (0, limit, true),
        Some(ListFault::LimitIgnored) if to < rows.len() => (to, applied) = (rows.len(), true),
        Some(ListFault::EmptyMiddlePage) if offset < rows.len() => (hide, applied) = (true, true),
        _ => {}
    }
    let mut total = if stale_total { store.stale_total(&keep) } else { rows.len() };
    if fault == Some(ListFault::WrongCount) {
        total += 1;
        applied = true;
    }
    let mut next = Some(offset.saturating_add(limit)).filter(|next| *next < rows.len());
    if fault == Some(ListFault::EarlyNextNull) && next.is_some() {
        next = None;
        applied = true;
    }
    let (from, to) = (from.min(rows.len()), to.min(rows.len()));
    let rows = if hide { Vec::new() } else { rows[from..to].to_vec() };
    Page { rows, total, next, applied }
}

/// The end of a list, as the client sees it, at which somebody else puts an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Front,
    Back,
}

/// What somebody else does between two pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shift {
    pub(crate) insert: Option<Side>,
    pub(crate) remove: Option<String>,
}

impl Shift {
    /// `None` if the fault shifts nothing here; `victim` finds an object of somebody else on the pages before this one.
    pub(crate) fn of(fault: Option<ListFault>, offset: usize, victim: impl FnOnce() -> Option<String>) -> Option<Self> {
        // Without a page before this one nothing is shifted.
        let fault = fault.filter(|_| offset > 0)?;
        match fault {
            ListFault::InsertShift => Some(Self { insert: Some(Side::Front), remove: None }),
            ListFault::DeleteShift => Some(Self { insert: None, remove: Some(victim()?) }),
            ListFault::Swap => Some(Self { insert: Some(Side::Back), remove: Some(victim()?) }),
            _ => None,
        }
    }
}
