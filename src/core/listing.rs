//! One listing out of pages, with what it proves. Offset paging over a collection that changes meanwhile shows things twice
//! (something was inserted before the reading position) or skips them (something was deleted there), so pages overlap.
//!
//! Why the answer `Complete` is right, as long as the provider keeps the relative order of what stays: a page shows a contiguous
//! piece of the collection at one instant. The page at offset 0 holds everything up to its last element. A later page that holds
//! an element y already covered (it need not be the last one of the page before: that may have been deleted) holds everything
//! from y to its own last element. So by induction every endpoint that exists all the time and stands before the last element of
//! an accepted page has been seen, and a short page ends at the end. Nothing in this depends on where others insert or delete.
//!
//! Nor does it depend on how much time lies between two pages, or on how often one was asked for: only pages that were answered are
//! accepted, each by its own content, and nothing is taken from one that was not. So a page that failed may be asked for again: what
//! moved meanwhile is found at its boundary like any other movement, and our own calls of that time are counted like any others. The
//! listing is then no older and no newer than one whose page took longer to come. How often that is tried is bounded, in a row and in
//! all: it is a matter of cost, not of proof. A first page is not repeated: nothing was learnt yet, and a listing that begins later is
//! worth more.
//!
//! A provider may also say whether there is more behind a page. Then a short page is not the end, unless it says so, and a count is not
//! needed: what it would have shown is missing among the checks below, so that the first page of any longer listing is looked at once more.
//!
//! What remains is a provider that does not keep its order, or shows pieces of the collection only. Against that stand checks
//! that are no proof each: elements seen before must come in the order seen before; the shift of a page against the one before must
//! agree with how the total changed (a repeated page looks like 19 insertions that nobody counted); the end that was found, the
//! number of distinct ids and the last total must agree, up to what we sent ourselves meanwhile; and where anything moved, or there
//! are only two or three pages, the first page is looked at once more (20 elements of a shuffled collection keep their order once in 20! times).

use std::collections::{BTreeMap, BTreeSet};

mod proof;

pub use proof::{Entry, Listed, Proof, Spoiled, SurplusHabit};

/// More than any account is believed to have: a listing that goes on beyond is cut off.
const MOST_ITEMS: usize = 500_000;
/// So few pages may fit together by luck.
const FEW_PAGES: u64 = 3;
/// Pages that may be spent in vain in any listing, however short.
const SPARE_PAGES: u64 = 16;
/// So often in a row a page that was not answered is asked for again.
const RETRIES_IN_A_ROW: u64 = 3;
/// In all a listing may ask again as often, and once more for each so many pages that were answered.
const PAGES_WORTH_A_RETRY: u64 = 20;

/// What to do next for a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask for this page and pass it to [`Assembler::page`], or call [`Assembler::unanswered`] or [`Assembler::failed`].
    Page {
        /// First element.
        offset: u64,
        /// Elements asked for.
        limit: u64,
    },
    /// Call [`Assembler::finish`].
    Finished,
}

/// Where a covered element was seen last.
#[derive(Clone, Copy, Debug)]
struct Place {
    rank: u64,
    index: u64,
    total: Option<u64>,
}

/// What the next page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// To see more.
    Reading,
    /// The count claims elements behind the end: there must be none.
    ConfirmingEnd,
    /// Something moved while pages were read: the first page must still be in the order seen before.
    ConfirmingOrder,
    /// There is none.
    Finished,
}

/// Builds one listing: ask [`Assembler::next`], answer with [`Assembler::page`], [`Assembler::unanswered`] or [`Assembler::failed`],
/// until it is finished.
/// Tell it what we send ourselves meanwhile, before it is sent.
#[derive(Clone, Debug)]
pub struct Assembler<T> {
    page_size: u64,
    offset: u64,
    overlap: u64,
    back: u64,
    pages: u64,
    /// Length of the longest page.
    longest: u64,
    /// Pages that were not answered: since the last that was, and in all.
    unanswered: (u64, u64),
    barren: u32,
    seen: BTreeMap<String, T>,
    covered: BTreeMap<String, Place>,
    next_rank: u64,
    /// Behind the last page that was fitted to what is covered.
    reached: Option<u64>,
    /// Sequences that did not continue anything: their order is compared in the end.
    set_aside: Vec<Vec<String>>,
    last_total: Option<u64>,
    /// A page came without a count.
    uncounted: bool,
    rises: u64,
    falls: u64,
    shifted_in: u64,
    shifted_away: u64,
    uncounted_shift: u64,
    end: Option<(u64, Option<u64>)>,
    stage: Stage,
    spoiled: Option<Spoiled>,
    creates_sent: u64,
    created: BTreeSet<String>,
    deleted: BTreeSet<String>,
}

impl<T: Entry> Assembler<T> {
    /// An empty listing. `page_size` is the provider's largest page, at least 2 (an overlap needs two).
    pub fn new(page_size: u64) -> Self {
        Self {
            page_size: page_size.max(2),
            offset: 0,
            overlap: 1,
            back: 0,
            pages: 0,
            longest: 0,
            unanswered: (0, 0),
            barren: 0,
            seen: BTreeMap::new(),
            covered: BTreeMap::new(),
            next_rank: 0,
            reached: None,
            set_aside: Vec::new(),
            last_total: None,
            uncounted: false,
            rises: 0,
            falls: 0,
            shifted_in: 0,
            shifted_away: 0,
            uncounted_shift: 0,
            end: None,
            stage: Stage::Reading,
            spoiled: None,
            creates_sent: 0,
            created: BTreeSet::new(),
            deleted: BTreeSet::new(),
        }
    }

    /// A create of ours was in flight when the listing began, or is about to be sent.
    pub fn own_create_sent(&mut self) {
        self.creates_sent += 1;
    }

    /// A create that was told by [`Assembler::own_create_sent`] was answered with this id.
    pub fn own_created(&mut self, id: &str) {
        self.created.insert(id.to_owned());
    }

    /// A delete of ours was in flight when the listing began, or is about to be sent.
    pub fn own_deleted(&mut self, id: &str) {
        self.deleted.insert(id.to_owned());
    }

    /// What to do next. Asking twice changes nothing.
    pub fn next(&self) -> Step {
        match self.stage {
            Stage::Finished => Step::Finished,
            Stage::ConfirmingOrder => Step::Page { offset: 0, limit: self.page_size },
            Stage::Reading | Stage::ConfirmingEnd => Step::Page { offset: self.offset, limit: self.page_size },
        }
    }

    /// The page asked for was not answered, and another try may help: [`Assembler::next`] asks for it again, after a pause. Answers the
    /// number of tries in a row that failed, from 1; `None` if that was one too many, and what was seen so far is all.
    pub fn unanswered(&mut self) -> Option<u32> {
        let (row, all) = (self.unanswered.0 + 1, self.unanswered.1 + 1);
        if self.pages == 0 || row > RETRIES_IN_A_ROW || all > RETRIES_IN_A_ROW + self.pages / PAGES_WORTH_A_RETRY {
            self.failed();
            return None;
        }
        self.unanswered = (row, all);
        u32::try_from(row).ok()
    }

    /// The page asked for was not answered and will not be: what was seen so far is all.
    pub fn failed(&mut self) {
        self.spoil(Spoiled::Failed);
        self.stage = Stage::Finished;
    }

    /// Ends a listing that takes too long.
    pub fn cut_off(&mut self) {
        if self.stage != Stage::Finished {
            self.spoil(Spoiled::Endless);
            self.stage = Stage::Finished;
        }
    }

    /// The page asked for by [`Assembler::next`]: its elements, the total, and whether there is more behind it, if the answer says so.
    pub fn page(&mut self, items: Vec<T>, total: Option<u64>, more: Option<bool>) {
        let ids: Vec<String> = items.iter().map(|item| item.key().to_owned()).collect();
        self.pages += 1;
        self.unanswered.0 = 0;
        match self.stage {
            Stage::Finished => return,
            Stage::ConfirmingOrder => {
                if !self.rising(&ids) {
                    self.spoil(Spoiled::Order);
                }
                self.stage = Stage::Finished;
                return;
            }
            Stage::ConfirmingEnd if ids.is_empty() => return self.confirm_order(),
            Stage::ConfirmingEnd => self.spoil(Spoiled::Count),
            Stage::Reading => {}
        }
        if ids.iter().collect::<BTreeSet<_>>().len() != ids.len() {
            self.spoil(Spoiled::Repeated);
        }
        if ids.len() as u64 > self.page_size {
            self.spoil(Spoiled::Oversized);
        }
        let before = self.seen.len();
        self.seen.extend(items.into_iter().map(|item| (item.key().to_owned(), item)));
        self.barren = if self.seen.len() > before { 0 } else { self.barren + 1 };

        let total = total.map(|total| total.min(2 * MOST_ITEMS as u64));
        if let Some(total) = total {
            let last = self.last_total.replace(total).unwrap_or(total);
            self.rises += total.saturating_sub(last);
            self.falls += last.saturating_sub(total);
        }
        self.uncounted |= total.is_none();
        if total.is_none() && more.is_none() {
            self.spoil(Spoiled::Uncounted);
        }
        if self.spoiled.is_none() {
            self.fit(&ids, total, more);
        }
        if self.spoiled.is_some() {
            self.walk(ids.len() as u64, more);
        }
        // Every page of a well-meant listing brings about a page of new elements, every repaired boundary costs a few more. Pages may be
        // shorter than asked for where the answer says that there is more.
        self.longest = self.longest.max(ids.len() as u64);
        let size = if more.is_some() { self.longest.clamp(2, self.page_size) } else { self.page_size };
        let worth = 4 * (self.seen.len() as u64) + SPARE_PAGES * size;
        if self.stage != Stage::Finished && (self.pages * (size - 1) > worth || self.seen.len() > MOST_ITEMS) {
            self.spoil(if self.back > 0 { Spoiled::NotContiguous } else { Spoiled::Endless });
            self.stage = Stage::Finished;
        }
    }

    /// Fits a page to what is covered, or goes back to look for the place where it continues.
    fn fit(&mut self, ids: &[String], total: Option<u64>, more: Option<bool>) {
        let offset = self.offset;
        let length = ids.len() as u64;
        let known: Vec<(u64, Place)> =
            (0..).zip(ids).filter_map(|(position, id)| self.covered.get(id).map(|place| (position, *place))).collect();
        if known.windows(2).any(|pair| pair[0].1.rank >= pair[1].1.rank) {
            return self.spoil(Spoiled::Order);
        }
        match known.last() {
            Some((position, place)) => self.account_shift(offset + position, *place, total),
            // The beginning needs no continuation. Nothing of what was covered is left of it: start anew.
            None if offset == 0 => {
                let mut before: Vec<_> = std::mem::take(&mut self.covered).into_iter().map(|(id, place)| (place.rank, id)).collect();
                before.sort_unstable();
                self.set_aside.extend((!before.is_empty()).then(|| before.into_iter().map(|(_, id)| id).collect()));
            }
            None if length == 0 && total.is_some_and(|total| total > offset) => return self.spoil(Spoiled::Count),
            // There was said to be more, and there is nothing, though nothing has moved.
            None if length == 0 && self.reached == Some(offset) && self.shifted_away == 0 && self.deleted.is_empty() => {
                return self.end_at(offset, total);
            }
            None => {
                self.set_aside.push(ids.to_vec());
                self.back = if self.back == 0 { self.page_size - 1 } else { self.back * 2 };
                self.offset = offset.saturating_sub(self.back);
                return;
            }
        }
        self.back = 0;
        let anchor = known.last().map(|(position, _)| *position);
        for (position, id) in (0..).zip(ids) {
            let rank = match self.covered.get(id) {
                Some(place) => place.rank,
                // Inserted before what was seen already: seen, but no place to continue from.
                None if anchor.is_some_and(|anchor| position < anchor) => continue,
                None => {
                    self.next_rank += 1;
                    self.next_rank
                }
            };
            self.covered.insert(id.clone(), Place { rank, index: offset + position, total });
        }
        self.reached = Some(offset + length);
        if self.is_last(length, more) {
            self.end_at(offset + length, total);
        } else {
            // One that shows a single element leaves nothing to overlap with.
            self.offset = offset + length - self.overlap.min(length.saturating_sub(1));
        }
    }

    /// Nothing is behind a page of this length.
    fn is_last(&self, length: u64, more: Option<bool>) -> bool {
        length == 0 || more.map_or(length < self.page_size, |more| !more)
    }

    /// Compares how far the collection moved under the reader with how its count changed in the same time.
    fn account_shift(&mut self, index: u64, place: Place, total: Option<u64>) {
        let shift = signed(index) - signed(place.index);
        self.shifted_in += unsigned(shift);
        self.shifted_away += unsigned(-shift);
        // What stood behind the place where the pages meet, up to the end of what is covered, may have gone too.
        let behind = signed(self.next_rank - place.rank);
        if let (Some(total), Some(before)) = (total, place.total) {
            self.uncounted_shift += unsigned(shift - (signed(total) - signed(before)) - behind);
        }
        // While things are being deleted, a wider overlap spares the way back at each boundary.
        self.overlap = (1 + 2 * unsigned(-shift)).min(self.page_size / 2).max(1);
    }

    fn end_at(&mut self, length: u64, total: Option<u64>) {
        self.end = Some((length, total));
        let surplus = total.map_or(0, |total| total.saturating_sub(length));
        if surplus <= self.deleted.len() as u64 {
            self.confirm_order();
        } else if surplus <= self.page_size {
            self.offset = length;
            self.stage = Stage::ConfirmingEnd;
        } else {
            self.spoil(Spoiled::Count);
        }
    }

    /// Without a change the counts say it all. With one they can be deceived by an order that changes, so look once more. Two or three
    /// shuffled pages fit together by luck alone once in a few hundred times; each further page makes that as many times rarer.
    fn confirm_order(&mut self) {
        let few = (2..=FEW_PAGES).contains(&self.pages) && self.seen.len() as u64 > self.page_size;
        let moved = self.rises + self.falls + self.shifted_in + self.shifted_away + self.creates_sent > 0;
        let moved = moved || !self.deleted.is_empty() || !self.set_aside.is_empty();
        self.stage = if few || ((moved || self.uncounted) && self.pages > 1) { Stage::ConfirmingOrder } else { Stage::Finished };
    }

    /// Whether what is known among these ids comes in the order known.
    fn rising(&self, ids: &[String]) -> bool {
        ids.iter().filter_map(|id| self.covered.get(id)).is_sorted_by(|one, next| one.rank < next.rank)
    }

    /// Goes on for the sake of presence once completeness is lost.
    fn walk(&mut self, length: u64, more: Option<bool>) {
        if self.is_last(length, more) || self.barren >= 2 {
            self.stage = Stage::Finished;
        } else {
            self.offset += (length - 1).max(1);
        }
    }

    fn spoil(&mut self, why: Spoiled) {
        self.spoiled.get_or_insert(why);
    }

    /// The result.
    pub fn finish(mut self) -> Listed<T> {
        self.cut_off();
        if !self.set_aside.iter().all(|ids| self.rising(ids)) {
            self.spoil(Spoiled::Order);
        }
        let (gap, slack) = match self.end {
            Some(end) if self.spoiled.is_none() => self.judge(end),
            _ => (None, (0, 0)),
        };
        let proof = match (self.spoiled, gap) {
            (Some(why), _) => Proof::PresenceOnly(why),
            (None, Some(0)) => Proof::Complete,
            (None, _) => Proof::PresenceOnly(Spoiled::Count),
        };
        Listed { items: self.seen, proof, pages: self.pages, gap, slack }
    }

    /// The counts of a listing with nothing else against it. `None`: they cannot be explained.
    fn judge(&self, (length, total): (u64, Option<u64>)) -> (Option<i64>, (i64, i64)) {
        let distinct = self.seen.len() as u64;
        let held = |ids: &BTreeSet<String>| ids.iter().filter(|id| self.seen.contains_key(*id)).count() as u64;
        let deletes = self.deleted.len() as u64;
        // Created meanwhile and not seen: ours, and those of others that both the shift and the count have shown.
        let ours = self.creates_sent.saturating_sub(held(&self.created));
        let theirs = match self.uncounted {
            true => self.shifted_in,
            false => self.shifted_in.min((self.rises + deletes).saturating_sub(self.creates_sent)),
        };
        // Seen and deleted meanwhile.
        let gone = held(&self.deleted) + self.falls.max(self.shifted_away);
        let explained =
            length <= distinct + ours + theirs && distinct <= length + gone && self.uncounted_shift <= self.creates_sent + deletes;
        // The count and the end come from one answer; a count that lags behind our own calls is still right.
        let slack = (signed(self.creates_sent), signed(deletes));
        let gap = total.map_or(0, |total| signed(total) - signed(length));
        let gap = if (-slack.0..=slack.1).contains(&gap) { 0 } else { gap };
        (explained.then_some(gap), slack)
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX / 4)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests;
