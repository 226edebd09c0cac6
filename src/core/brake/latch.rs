//! What both brakes have in common: who is counted, the crowd that engages, and the durable record.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::{Kind, Stamp, WINDOW, Who};
use crate::api::provider_account::BrakeRecord;
use crate::core::key::ObjectKey;

/// No more of a former process's are remembered than the largest cap of the schema.
const MOST_BEFORE: usize = 10_000;

/// How far an object has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Not let through yet.
    Waiting,
    /// Let through.
    Through,
    /// Let through, and its object is gone.
    Gone,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: ObjectKey,
    pub(super) endpoint: String,
    pub(super) at: Timestamp,
    pub(super) progress: Progress,
    /// When it was let through.
    pub(super) through: Timestamp,
    /// As it was let through before it was noted anew.
    pub(super) earlier: Option<Box<Entry>>,
}

impl Entry {
    pub(super) fn new(who: &Who, at: Timestamp) -> Self {
        let Who { key, endpoint, .. } = who.clone();
        Self { key, endpoint, at, progress: Progress::Waiting, through: Timestamp::MIN, earlier: None }
    }
}

/// What both brakes have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Latch {
    pub(super) entries: BTreeMap<String, Entry>,
    pub(super) record: Option<BrakeRecord>,
    /// Let through by a former process, before its brake engaged, and not to be found any more: how many. Each of them counts as one of
    /// the newest that the record counts.
    pub(super) before: usize,
    pub(super) before_at: Timestamp,
    /// Tokens that do nothing any more.
    pub(super) spent: BTreeSet<String>,
}

impl Latch {
    pub(super) fn engaged(&self) -> Option<&BrakeRecord> {
        self.record.as_ref().filter(|record| record.released_time.is_none())
    }

    pub(super) fn released_until(&self) -> Timestamp {
        self.record.as_ref().and_then(|record| record.released_until.as_ref()).map_or(Timestamp::MIN, |time| time.0)
    }

    pub(super) fn counted(&self) -> impl Iterator<Item = &Entry> {
        let released = self.released_until();
        self.entries.values().filter(move |entry| entry.at > released)
    }

    pub(super) fn waiting(&self) -> Vec<ObjectKey> {
        self.entries.values().filter(|entry| entry.progress == Progress::Waiting).map(|entry| entry.key.clone()).collect()
    }

    /// So many of them nobody has acknowledged.
    fn former(&self) -> usize {
        if self.before_at > self.released_until() { self.before } else { 0 }
    }

    /// By what all are counted, in order.
    fn times(&self) -> Vec<Timestamp> {
        let former = std::iter::repeat_n(self.before_at, self.former());
        let mut times: Vec<Timestamp> = self.counted().map(|entry| entry.at).chain(former).collect();
        times.sort_unstable();
        times
    }

    /// The first minute with more than `cap` of them.
    pub(super) fn crowd(&self, cap: usize) -> Option<(Timestamp, Timestamp)> {
        let times = self.times();
        let window = times.windows(cap + 1).find(|window| window[cap].duration_since(window[0]) <= WINDOW)?;
        Some((window[0], window[cap]))
    }

    /// Engages if there is a crowd, and keeps the record of an engaged brake up to date: what follows within a minute belongs to it.
    /// Whether anything changed.
    pub(super) fn judge(&mut self, kind: Kind, cap: usize, stamp: &Stamp) -> bool {
        let (record, admitted) = match (self.engaged(), self.crowd(cap)) {
            (Some(record), _) => (record.clone(), None),
            (None, None) => return false,
            (None, Some((since, until))) => {
                let name = match kind {
                    Kind::Deletions => "deletions",
                    Kind::Absences => "absences",
                };
                let record = BrakeRecord {
                    token: format!("{name}-{:08x}", stamp.seed & 0xffff_ffff),
                    since: Time(since),
                    until: Time(until),
                    count: 0,
                    admitted: 0,
                    released_time: None,
                    released_until: self.record.as_ref().and_then(|record| record.released_until.clone()),
                };
                (record, Some(self.former() + self.counted().filter(|entry| entry.progress != Progress::Waiting).count()))
            }
        };
        let times = self.times();
        let (mut since, mut until) = (record.since.0, record.until.0);
        times.iter().filter(|at| **at >= since).for_each(|at| {
            if at.duration_since(until) <= WINDOW {
                until = until.max(*at);
            }
        });
        times.iter().rev().filter(|at| **at <= until).for_each(|at| {
            if since.duration_since(*at) <= WINDOW {
                since = since.min(*at);
            }
        });
        let covered = times.iter().filter(|at| (since..=until).contains(*at)).count();
        let new = BrakeRecord {
            since: Time(since),
            until: Time(until),
            count: record.count.max(number(covered)),
            admitted: admitted.map_or(record.admitted, number),
            ..record
        };
        let changed = self.record.as_ref() != Some(&new);
        self.record = Some(new);
        changed
    }

    /// It holds no more; with `until` everything up to then goes on.
    pub(super) fn release(&mut self, now: Timestamp, until: Option<Timestamp>) {
        if let Some(record) = &mut self.record {
            record.released_time = Some(Time(whole(now)));
            record.released_until = until.map(|until| Time(whole(until))).max(record.released_until.take());
            self.spent.insert(record.token.clone());
        }
    }

    /// Nothing is left to hold.
    pub(super) fn release_if_idle(&mut self, now: Timestamp) -> bool {
        let idle = self.engaged().is_some() && self.counted().all(|entry| entry.progress != Progress::Waiting);
        if idle {
            self.release(now, None);
        }
        idle
    }

    /// Takes up what is durable. Of two that engaged apart, both take the older one, so that two processes end with the same token.
    pub(super) fn adopt(&mut self, theirs: &BrakeRecord) -> bool {
        let released_until = theirs.released_until.clone().max(self.record.as_ref().and_then(|ours| ours.released_until.clone()));
        let take = match &self.record {
            None => true,
            Some(ours) if ours.token == theirs.token => {
                let released = ours.released_time.is_none() && theirs.released_time.is_some();
                released || (ours.released_time.is_some() == theirs.released_time.is_some() && theirs.count > ours.count)
            }
            Some(_) if self.spent.contains(&theirs.token) => false,
            Some(ours) => match (ours.released_time.is_none(), theirs.released_time.is_none()) {
                (true, true) => (theirs.since.0, &theirs.token) < (ours.since.0, &ours.token),
                (false, true) => true,
                (true, false) => false,
                (false, false) => theirs.released_time > ours.released_time,
            },
        };
        if !take {
            return false;
        }
        if let Some(ours) = self.record.take() {
            if ours.token != theirs.token {
                self.spent.insert(ours.token);
            }
        } else {
            self.before = usize::try_from(theirs.admitted).unwrap_or_default().min(MOST_BEFORE);
            self.before_at = theirs.until.0;
        }
        if theirs.released_time.is_some() {
            self.spent.insert(theirs.token.clone());
        }
        self.record = Some(BrakeRecord { released_until, ..theirs.clone() });
        true
    }

    pub(super) fn prune(&mut self, now: Timestamp) {
        let old = |entry: &Entry| now.duration_since(entry.at) > WINDOW * 2;
        self.entries.retain(|_, entry| entry.progress != Progress::Gone || !old(entry));
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Without fractions of a second: a status keeps none.
pub(super) fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
