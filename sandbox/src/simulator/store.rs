//! Objects with their recent past. Visibility delays and "deleted still shown" need to know what was true a while ago.

use std::collections::BTreeMap;

use super::switches::{Delays, LONGEST_DELAY_MS};

/// What a version came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// There from the start: no delay hides it.
    Seed,
    Create,
    Update,
    Delete,
}

#[derive(Clone, Debug)]
struct Version<T> {
    at_ms: u64,
    number: u64,
    change: Change,
    value: Option<T>,
}

/// An object, its place in lists and its past.
#[derive(Clone, Debug)]
pub(crate) struct Item<T> {
    /// The account it was made in.
    pub(crate) account: String,
    /// Whether it was made behind the API's back: list faults may take away only such objects.
    pub(crate) foreign: bool,
    /// Place in lists: higher is newer.
    pub(crate) order: i64,
    versions: Vec<Version<T>>,
}

impl<T> Item<T> {
    /// The object as seen by someone to whom changes show up after `delays`.
    fn seen(&self, now_ms: u64, delays: Delays) -> Option<&T> {
        let visible = |version: &&Version<T>| {
            let delay = match version.change {
                Change::Seed => 0,
                Change::Create => delays.create,
                Change::Update => delays.update,
                Change::Delete => delays.delete,
            };
            version.at_ms.saturating_add(delay) <= now_ms
        };
        self.versions.iter().rev().find(visible)?.value.as_ref()
    }

    fn before(&self, number: u64) -> Option<&T> {
        self.versions.iter().rev().find(|version| version.number < number)?.value.as_ref()
    }

    /// The value before the deletion, if this object is deleted.
    fn last_words(&self) -> Option<(u64, &T)> {
        let [.., last, deleted] = self.versions.as_slice() else { return None };
        (deleted.change == Change::Delete).then_some((deleted.number, last.value.as_ref()?))
    }
}

/// The end of a list at which an object is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Among the newest.
    Newest,
    /// Among the oldest.
    Oldest,
}

/// All objects of one kind by their id.
#[derive(Clone, Debug)]
pub(crate) struct Store<T> {
    items: BTreeMap<String, Item<T>>,
    changes: u64,
    /// The highest and the lowest place that was given so far.
    places: (i64, i64),
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self { items: BTreeMap::new(), changes: 0, places: (0, 0) }
    }
}

/// One row of a list: id, item, value as it is shown.
pub(crate) type Row<'a, T> = (&'a str, &'a Item<T>, &'a T);

impl<T: Clone> Store<T> {
    /// Puts in an object that is there from the start.
    pub(crate) fn seed(&mut self, id: &str, account: &str, value: T) {
        self.put_in(id, account, false, End::Newest, Version { at_ms: 0, number: 0, change: Change::Seed, value: Some(value) });
    }

    pub(crate) fn insert(&mut self, id: &str, account: &str, foreign: bool, end: End, value: T, now_ms: u64) {
        self.put_in(id, account, foreign, end, Version { at_ms: now_ms, number: 0, change: Change::Create, value: Some(value) });
    }

    fn put_in(&mut self, id: &str, account: &str, foreign: bool, end: End, version: Version<T>) {
        let order = match end {
            End::Newest => {
                self.places.0 += 1;
                self.places.0
            }
            End::Oldest => {
                self.places.1 -= 1;
                self.places.1
            }
        };
        self.changes += 1;
        let item = self.items.entry(id.to_owned()).or_insert_with(|| Item { account: String::new(), foreign, order, versions: Vec::new() });
        account.clone_into(&mut item.account);
        item.foreign = foreign;
        item.order = order;
        item.versions.push(Version { number: self.changes, ..version });
    }

    /// The true present state.
    pub(crate) fn get(&self, id: &str) -> Option<(&Item<T>, &T)> {
        let item = self.items.get(id)?;
        Some((item, item.versions.last()?.value.as_ref()?))
    }

    /// What a GET of `id` shows under `delays`.
    pub(crate) fn seen(&self, id: &str, now_ms: u64, delays: Delays) -> Option<(&Item<T>, &T)> {
        let item = self.items.get(id)?;
        Some((item, item.seen(now_ms, delays)?))
    }

    /// Whether the id was ever used.
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.items.contains_key(id)
    }

    pub(crate) fn update(&mut self, id: &str, value: T, now_ms: u64) {
        self.push(id, Change::Update, Some(value), now_ms);
    }

    pub(crate) fn remove(&mut self, id: &str, now_ms: u64) {
        self.push(id, Change::Delete, None, now_ms);
        // What is deleted for longer than the longest delay can no longer be shown by any switch.
        self.items.retain(|_, item| item.versions.last().is_none_or(|last| last.value.is_some() || last.at_ms + LONGEST_DELAY_MS > now_ms));
    }

    fn push(&mut self, id: &str, change: Change, value: Option<T>, now_ms: u64) {
        self.changes += 1;
        let number = self.changes;
        if let Some(item) = self.items.get_mut(id) {
            let old = item.versions.partition_point(|version| version.at_ms + LONGEST_DELAY_MS < now_ms);
            item.versions.drain(..old.saturating_sub(1));
            item.versions.push(Version { at_ms: now_ms, number, change, value });
        }
    }

    /// All that exists, in no order.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.items.values().filter_map(|item| item.versions.last()?.value.as_ref())
    }

    /// All that exists, in order of creation.
    pub(crate) fn all(&self) -> Vec<Row<'_, T>> {
        self.list(u64::MAX, Delays::default(), |_, _, _| true)
    }

    /// What a list shows, in order of creation.
    pub(crate) fn list(&self, now_ms: u64, delays: Delays, keep: impl Fn(&str, &Item<T>, &T) -> bool) -> Vec<Row<'_, T>> {
        let mut rows: Vec<Row<'_, T>> = self
            .items
            .iter()
            .filter_map(|(id, item)| Some((id.as_str(), item, item.seen(now_ms, delays)?)))
            .filter(|(id, item, value)| keep(id, item, value))
            .collect();
        rows.sort_by_key(|(_, item, _)| item.order);
        rows
    }

    /// The same list with the object that was deleted last still in its place; `None` if nothing was deleted.
    pub(crate) fn with_ghost<'a>(
        &'a self,
        mut rows: Vec<Row<'a, T>>,
        keep: impl Fn(&str, &Item<T>, &T) -> bool,
    ) -> Option<Vec<Row<'a, T>>> {
        let (id, item, _, value) = self
            .items
            .iter()
            .filter_map(|(id, item)| item.last_words().map(|(number, value)| (id, item, number, value)))
            .filter(|(id, item, _, value)| keep(id, item, value))
            .max_by_key(|(_, _, number, _)| *number)?;
        rows.push((id, item, value));
        rows.sort_by_key(|(_, item, _)| item.order);
        Some(rows)
    }

    /// How many there were before the last creation or deletion.
    pub(crate) fn stale_total(&self, keep: impl Fn(&str, &Item<T>, &T) -> bool) -> usize {
        let last = self
            .items
            .iter()
            .filter(|(id, item)| item.versions.iter().filter_map(|version| version.value.as_ref()).any(|value| keep(id, item, value)))
            .flat_map(|(_, item)| &item.versions)
            .filter(|version| version.change != Change::Update)
            .map(|version| version.number)
            .max()
            .unwrap_or(0);
        self.items.iter().filter(|(id, item)| item.before(last).is_some_and(|value| keep(id, item, value))).count()
    }

    /// Forgets everything that belongs to `account`, without a trace.
    pub(crate) fn forget_account(&mut self, account: &str) {
        self.items.retain(|_, item| item.account != account);
    }
}
