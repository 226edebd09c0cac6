//! Two brakes for each provider account: what looks like an accident stops until somebody acknowledges it.
//!
//! * The **deletion brake** counts objects that are being deleted and whose recorded endpoint is to be deleted with them, by
//!   `deletionTimestamp`: the API server's clock, so that a restart counts the same things again and not twice.
//! * The **absence brake** counts objects whose recorded endpoint is suspected to have vanished, from the first suspicion on. Absence is
//!   proven much later (two listings), so a mass disappearance is known before the first new endpoint is made.
//!
//! More than the cap within one minute, and the brake engages. It is a latch: it holds whatever happens, until its token is
//! acknowledged or nothing is left to hold. What is acknowledged goes on and is not counted again; what comes later is counted anew,
//! and may engage it again with another token. The record of it is durable (`status.brake` of the account objects) and is taken up
//! again by the next process.
//!
//! A process that ends before its brake has engaged takes with it how many deletions it had admitted; the next one counts what is
//! still there. So over a restart in just that moment a second cap may go through, and none once the brake has engaged and that is
//! written: then the next one counts what was let through as the newest of what the record counts. Two processes beside each other count
//! each for itself, until one of them has engaged.

mod latch;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use crate::api::provider_account::{Brake as Spec, BrakeRecord, BrakeStatus};
use crate::core::key::ObjectKey;
use crate::core::sighting::Sightings;
use crate::core::time::Moment;
use latch::{Entry, Latch, Progress, whole};

/// What goes within this time goes at once.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// So long after an acknowledgement a new process believes that the absences it finds are the acknowledged ones.
const CREDIT: SignedDuration = SignedDuration::from_hours(1);
/// Recreations that nobody acknowledged, in one window of [`recreation_window`]: so many, or 5 % of the endpoints.
const RECREATIONS: usize = 3;

/// The window of the recreation limit: ten minutes for a settle time of 150 s.
pub fn recreation_window(settle: Duration) -> Duration {
    settle * 4
}

/// Which brake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Deletions of recorded endpoints.
    Deletions,
    /// New endpoints in place of vanished ones.
    Absences,
}

/// An object that a brake counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Its uid.
    pub uid: String,
    /// Its name, to wake it.
    pub key: ObjectKey,
    /// Its recorded endpoint.
    pub endpoint: String,
    /// What it is counted by: its `deletionTimestamp`; for an absence, when its endpoint was announced, if that is known.
    pub at: Option<Timestamp>,
}

/// What a pure function cannot make itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    now: Timestamp,
    seed: u64,
}

impl Stamp {
    /// Now on the API server's clock, and what distinguishes the next token.
    pub fn new(now: Timestamp, seed: u64) -> Self {
        Self { now: whole(now), seed }
    }
}

/// What a recreation is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// How many endpoints the account has.
    pub listed: usize,
    /// Now, on the monotonic clock.
    pub now: Moment,
    /// Now, on the API server's clock.
    pub time: Timestamp,
    /// The one of [`recreation_window`].
    pub window: Duration,
}

/// Why something does not go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// The brake is engaged.
    Braked {
        /// What acknowledges it.
        token: String,
    },
    /// Too many endpoints were made anew lately.
    Throttled {
        /// The limit.
        most: usize,
        /// When the next one may be made.
        until: Moment,
    },
}

/// What became of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// It was the token of an engaged brake, which is released.
    Released(Kind, Vec<ObjectKey>),
    /// It has done its work already.
    Spent,
    /// No brake has such a token.
    Wrong,
}

/// Both brakes of one account.
#[derive(Clone, Debug, Default)]
pub struct Brake {
    limits: BTreeMap<ObjectKey, Spec>,
    deletions: Latch,
    absences: Latch,
    /// Absences that a former process counted, and that this one has not noted yet.
    credit: usize,
    recreated: VecDeque<Moment>,
    seeded: bool,
    revision: u64,
}

/// The next second.
fn after(time: Timestamp) -> Timestamp {
    time.saturating_add(SignedDuration::from_secs(1)).unwrap_or(time)
}

impl Brake {
    /// What an account object says of the brake; `None`: it leads to this account no more. The lowest cap of all counts.
    pub fn limit(&mut self, owner: &ObjectKey, limit: Option<Spec>) {
        match limit {
            Some(limit) => self.limits.insert(owner.clone(), limit),
            None => self.limits.remove(owner),
        };
    }

    /// How many may go within a minute, of an account of this size; `None`: any number.
    pub fn cap(&self, size: usize) -> Option<usize> {
        let cap = |limit: &Spec| {
            let percent = usize::try_from(limit.percent).unwrap_or_default();
            let count = usize::try_from(limit.count).unwrap_or_default();
            (percent < 100).then(|| count.max(size.saturating_mul(percent) / 100))
        };
        if self.limits.is_empty() { cap(&Spec::default()) } else { self.limits.values().filter_map(cap).min() }
    }

    /// Changes whenever [`Brake::status`] does, or what is held.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What is to be durable.
    pub fn status(&self) -> Option<BrakeStatus> {
        let status = BrakeStatus { deletions: self.deletions.record.clone(), absences: self.absences.record.clone() };
        (status != BrakeStatus::default()).then_some(status)
    }

    /// The brakes that hold.
    pub fn engaged(&self) -> Vec<(Kind, BrakeRecord)> {
        let of = |kind, latch: &Latch| latch.engaged().map(|record| (kind, record.clone()));
        of(Kind::Deletions, &self.deletions).into_iter().chain(of(Kind::Absences, &self.absences)).collect()
    }

    /// Takes up what a former process, or another one, has written. Answers who is to be looked at again because of it.
    pub fn adopt(&mut self, status: &BrakeStatus) -> Vec<ObjectKey> {
        let mut woken = Vec::new();
        if let Some(theirs) = &status.deletions
            && self.deletions.adopt(theirs)
        {
            self.revision += 1;
            woken.extend(self.deletions.waiting());
        }
        let first = self.absences.record.is_none();
        if let Some(theirs) = &status.absences
            && self.absences.adopt(theirs)
        {
            self.revision += 1;
            if first {
                self.credit = usize::try_from(theirs.count).unwrap_or_default().saturating_sub(self.absences.entries.len());
            }
            woken.extend(self.absences.waiting());
        }
        woken
    }

    /// May the recorded endpoint of this object, which is being deleted, be deleted? Counts it at most once. `all` are all objects of
    /// the account that are known to be being deleted, itself included; `listed` is how many endpoints the account has.
    pub fn deletion(&mut self, who: &Who, all: impl FnOnce() -> Vec<Who>, listed: usize, stamp: &Stamp) -> Result<(), Held> {
        self.deletions.prune(stamp.now);
        let gone = self.deletions.entries.values().filter(|entry| entry.progress == Progress::Gone).count();
        let Some(cap) = self.cap(listed + gone) else { return Ok(()) };
        let at = who.at.unwrap_or(stamp.now);
        let released = at <= self.deletions.released_until();
        match (self.deletions.entries.get_mut(&who.uid), &self.deletions.record) {
            (None, _) if released => return Ok(()),
            (Some(entry), _) if released || entry.progress != Progress::Waiting => {
                entry.progress = Progress::Through;
                return Ok(());
            }
            (Some(_), Some(record)) if record.released_time.is_none() => return Err(Held::Braked { token: record.token.clone() }),
            _ => {}
        }
        let new = |entries: &mut BTreeMap<String, Entry>, who: &Who| {
            entries.entry(who.uid.clone()).or_insert_with(|| Entry::new(who, who.at.unwrap_or(stamp.now)));
        };
        all().iter().for_each(|other| new(&mut self.deletions.entries, other));
        new(&mut self.deletions.entries, who);
        if self.deletions.judge(Kind::Deletions, cap, stamp) {
            self.revision += 1;
        }
        if let Some(record) = self.deletions.engaged() {
            return Err(Held::Braked { token: record.token.clone() });
        }
        if let Some(entry) = self.deletions.entries.get_mut(&who.uid) {
            entry.progress = Progress::Through;
        }
        Ok(())
    }

    /// The recorded endpoint of this object seems to be missing. `all` are all objects of the account that look so.
    pub fn absent(&mut self, who: &Who, all: impl FnOnce() -> Vec<Who>, listed: usize, stamp: &Stamp) {
        let released = self.absences.released_until();
        match self.absences.entries.get_mut(&who.uid) {
            Some(entry) if entry.progress == Progress::Waiting => return,
            // It was let go just now, and that could not be written: what was acknowledged stays so.
            Some(entry) if entry.at <= released && entry.endpoint == who.endpoint => {
                entry.progress = Progress::Waiting;
                return;
            }
            _ => {}
        }
        let old = |entry: &Entry| entry.progress == Progress::Through && stamp.now.duration_since(entry.through) > WINDOW;
        self.absences.entries.retain(|_, entry| !old(entry));
        self.note(who, stamp);
        for other in all() {
            if !self.absences.entries.contains_key(&other.uid) {
                self.note(&other, stamp);
            }
        }
        let size = listed + self.absences.entries.len();
        if let Some(cap) = self.cap(size)
            && self.absences.judge(Kind::Absences, cap, stamp)
        {
            self.revision += 1;
        }
    }

    fn note(&mut self, who: &Who, stamp: &Stamp) {
        let released = self.absences.released_until();
        let fresh = self.absences.record.as_ref().and_then(|record| record.released_time.as_ref());
        let fresh = fresh.is_some_and(|time| stamp.now.duration_since(time.0) <= CREDIT);
        // Counted by a former process, and acknowledged since: an endpoint that was made after that is none of those.
        let acknowledged = self.credit > 0 && fresh && who.at.is_none_or(|born| born <= released);
        if acknowledged || self.absences.engaged().is_some() {
            self.credit = self.credit.saturating_sub(1);
        }
        let at = if acknowledged { released } else { stamp.now.max(after(released)) };
        let earlier = self.absences.entries.remove(&who.uid).map(|entry| Box::new(Entry { earlier: None, ..entry }));
        self.absences.entries.insert(who.uid.clone(), Entry { earlier, ..Entry::new(who, at) });
    }

    /// The endpoint of this object is there, or the object needs none any more.
    pub fn seen(&mut self, uid: &str, now: Timestamp) {
        if self.absences.entries.get(uid).is_none_or(|entry| entry.progress != Progress::Waiting) {
            return;
        }
        if let Some(earlier) = self.absences.entries.remove(uid).and_then(|entry| entry.earlier) {
            self.absences.entries.insert(uid.to_owned(), *earlier);
        }
        if self.absences.release_if_idle(now) {
            self.revision += 1;
        }
    }

    /// A complete listing that began then: what it shows is not absent, unless that was suspected later.
    pub fn listed(&mut self, endpoints: &Sightings, began: Timestamp, now: Timestamp) {
        let shown = |entry: &Entry| entry.progress == Progress::Waiting && entry.at <= began && endpoints.get(&entry.endpoint).is_some();
        let seen: Vec<String> = self.absences.entries.iter().filter(|(_, entry)| shown(entry)).map(|(uid, _)| uid.clone()).collect();
        seen.iter().for_each(|uid| self.seen(uid, now));
    }

    /// May a new endpoint be made in place of one that is proven gone? With `commit` it is being made, and counts. `former` is asked once:
    /// when new endpoints were announced in the places of old ones, as far as objects still tell; a restart does not begin a new window.
    pub fn recreation(&mut self, uid: &str, look: &Look, former: impl FnOnce() -> Vec<Timestamp>, commit: bool) -> Result<(), Held> {
        if !std::mem::replace(&mut self.seeded, true) {
            self.seed(look, former());
        }
        let waiting = self.absences.entries.values().filter(|entry| entry.progress == Progress::Waiting).count();
        let size = look.listed + waiting;
        let released = self.absences.released_until();
        let free = self.cap(size).is_none() || self.absences.entries.get(uid).is_some_and(|entry| entry.at <= released);
        if !free {
            if let Some(record) = self.absences.engaged() {
                return Err(Held::Braked { token: record.token.clone() });
            }
            while self.recreated.front().is_some_and(|made| look.now.since(*made) >= look.window) {
                self.recreated.pop_front();
            }
            let most = RECREATIONS.max(size / 20);
            if let Some(oldest) = self.recreated.front().filter(|_| self.recreated.len() >= most) {
                return Err(Held::Throttled { most, until: *oldest + look.window });
            }
        }
        if commit {
            if let Some(entry) = self.absences.entries.get_mut(uid) {
                entry.progress = Progress::Through;
                entry.through = look.time;
            }
            if !free {
                self.recreated.push_back(look.now);
            }
        }
        Ok(())
    }

    /// What former processes made anew, but for what was acknowledged. It counts from the start of this process at the earliest.
    fn seed(&mut self, look: &Look, mut former: Vec<Timestamp>) {
        let acknowledged = self.absences.record.as_ref().and_then(|record| record.released_time.as_ref()).map(|time| time.0);
        former.retain(|made| acknowledged.is_none_or(|time| *made < time));
        former.sort_unstable();
        let age = |made: Timestamp| Duration::try_from(look.time.duration_since(made)).unwrap_or_default();
        let recent = former.into_iter().map(age).filter(|age| *age < look.window);
        self.recreated.extend(recent.map(|age| look.now.saturating_sub(age)));
    }

    /// The object is gone from the cluster.
    pub fn gone(&mut self, uid: &str, now: Timestamp) {
        self.seen(uid, now);
        match self.deletions.entries.get_mut(uid) {
            Some(entry) if entry.progress == Progress::Waiting => {
                self.deletions.entries.remove(uid);
                if self.deletions.release_if_idle(now) {
                    self.revision += 1;
                }
            }
            Some(entry) => entry.progress = Progress::Gone,
            None => {}
        }
    }

    /// A brake that was switched off holds nothing. Answers who goes on.
    pub fn relax(&mut self, now: Timestamp) -> Vec<ObjectKey> {
        if self.cap(0).is_some() {
            return Vec::new();
        }
        let mut woken = Vec::new();
        for latch in [&mut self.deletions, &mut self.absences] {
            if latch.engaged().is_some() {
                latch.release(now, None);
                woken.extend(latch.waiting());
                self.revision += 1;
            }
        }
        woken
    }

    /// Somebody acknowledges: what was counted up to now goes on, once, and only by the exact token.
    pub fn acknowledge(&mut self, token: &str, now: Timestamp) -> Acknowledged {
        for (kind, latch) in [(Kind::Deletions, &mut self.deletions), (Kind::Absences, &mut self.absences)] {
            let Some(until) = latch.engaged().filter(|record| record.token == token).map(|record| record.until.0) else { continue };
            let until = match kind {
                Kind::Deletions => until,
                Kind::Absences => latch.entries.values().map(|entry| entry.at).fold(until.max(now), Timestamp::max),
            };
            latch.release(now, Some(until));
            self.revision += 1;
            return Acknowledged::Released(kind, latch.waiting());
        }
        let spent = |latch: &Latch| latch.spent.contains(token);
        if spent(&self.deletions) || spent(&self.absences) { Acknowledged::Spent } else { Acknowledged::Wrong }
    }
}

#[cfg(test)]
mod tests;
