//! What a listing is worth.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::core::fields::{Application, Number, Remote};
use crate::core::time::Moment;

/// Listings that must show the same difference between count and end before it counts as the provider's habit.
const HABIT_LISTINGS: u32 = 3;

/// One thing of a collection that is listed as a whole.
pub trait Entry: Clone + PartialEq {
    /// What tells it from all others of the collection.
    fn key(&self) -> &str;
}

impl Entry for Remote {
    fn key(&self) -> &str {
        &self.id
    }
}

impl Entry for Number {
    fn key(&self) -> &str {
        &self.number
    }
}

impl Entry for Application {
    fn key(&self) -> &str {
        &self.id
    }
}

/// What a listing proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Everything that existed during the whole listing is in it.
    Complete,
    /// What is in it existed; what is not in it may exist.
    PresenceOnly(Spoiled),
}

impl Proof {
    /// Whether absence from the listing says anything.
    pub fn is_complete(self) -> bool {
        self == Proof::Complete
    }
}

/// Why a listing proves presence only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoiled {
    /// A page was not answered.
    Failed,
    /// Cut off before its end (time, or pages that lead nowhere).
    Endless,
    /// No page could be found that continues the pages before.
    NotContiguous,
    /// The order changed between two requests.
    Order,
    /// An id stands twice in one page.
    Repeated,
    /// A page longer than asked for.
    Oversized,
    /// The provider did not say how many there are.
    Uncounted,
    /// Its count disagrees with what it showed.
    Count,
}

impl Spoiled {
    /// For people and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Spoiled::Failed => "a page was not answered",
            Spoiled::Endless => "cut off before its end",
            Spoiled::NotContiguous => "pages do not fit together",
            Spoiled::Order => "the order changed between pages",
            Spoiled::Repeated => "an id stands twice in a page",
            Spoiled::Oversized => "a page is longer than asked for",
            Spoiled::Uncounted => "the answer has no count",
            Spoiled::Count => "the count disagrees with the pages",
        }
    }
}

/// A finished listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// Everything seen, by id, each as it was seen last.
    pub items: BTreeMap<String, T>,
    /// What that proves.
    pub proof: Proof,
    /// Pages asked for.
    pub pages: u64,
    /// The last total minus the end that was found, where nothing else is wrong with this listing: input of [`SurplusHabit`].
    pub gap: Option<i64>,
    /// How far our own calls may have moved the gap: down by creates not yet counted, up by deletes still counted.
    pub(super) slack: (i64, i64),
}

impl<T> Listed<T> {
    /// Lets the provider's habit of a wrong count pass.
    pub fn judge_habit(&mut self, habit: &mut SurplusHabit, now: Moment, settle: Duration) {
        if let Some(gap) = self.gap
            && habit.observe(gap, self.slack, now, settle)
        {
            self.proof = Proof::Complete;
        }
    }
}

/// Remembers across listings that a provider counts differently from what it lists (real samples show a `total_count` above the
/// number of objects). The same difference in three otherwise faultless listings over at least the settle time is a habit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SurplusHabit {
    gap: i64,
    times: u32,
    first: Moment,
    known: bool,
}

impl SurplusHabit {
    /// The difference that counts as habit, if there is one.
    pub fn gap(&self) -> Option<i64> {
        self.known.then_some(self.gap)
    }

    fn observe(&mut self, gap: i64, (down, up): (i64, i64), now: Moment, settle: Duration) -> bool {
        if self.known && (self.gap - down..=self.gap + up).contains(&gap) {
            return true;
        }
        if gap == 0 || self.times == 0 || gap != self.gap {
            *self = Self { gap, times: u32::from(gap != 0), first: now, known: false };
            return false;
        }
        self.times = self.times.saturating_add(1);
        self.known = self.times >= HABIT_LISTINGS && now.since(self.first) >= settle;
        self.known
    }
}
