//! Who leads: what to do next, given the Lease as it was last read, our monotonic clock and who we are.
//!
//! *Theirs* has expired when its record has not changed for its duration on our own clock; the times in it are compared with no clock at
//! all. *Ours* is good until a margin before its duration has passed since the moment before the last successful renewal was sent: whoever
//! saw that renewal saw it later. Every write names the version that it replaces, so of two that write at once one loses and reads again.
//!
//! This saves work, it does not fence: the create protocol is safe with two leaders.

use std::fmt;
use std::time::Duration;

use crate::core::time::Moment;

/// The duration unless a call takes so long that it needs a longer one.
pub const USUAL: Duration = Duration::from_secs(30);
/// Longest wait between two looks of who stands by.
const RETRY: Duration = Duration::from_secs(2);
/// Longest that any one request about the Lease may take.
const CALL: Duration = Duration::from_secs(5);
/// Shortest duration: a Lease counts in whole seconds.
const SHORTEST: Duration = Duration::from_secs(1);

/// How long what takes. All but the first two follow from the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Others take over when the record has not changed for so long: 30 s.
    pub duration: Duration,
    /// From one renewal to the next: 10 s.
    pub renew: Duration,
    /// From a failed request to the next, and from one look of who waits to the next, each with jitter: at most 2 s.
    pub retry: Duration,
    /// Without a successful renewal for so long, leading ends: 20 s.
    pub give_up: Duration,
    /// Ours ends so much before others may take over: 2 s.
    pub margin: Duration,
    /// Longest that any one request may take: at most 5 s.
    pub call: Duration,
}

impl Terms {
    /// With this duration and renewal, if they are given; else with what is usual. `longest` is the time-out of the longest call that changes
    /// something at a provider: it must fit, after a renewal that was answered as late as may be.
    ///
    /// # Errors
    /// The two do not go together, or the call does not fit; in words for whoever set them.
    pub fn new(duration: Option<Duration>, renew: Option<Duration>, longest: Duration) -> Result<Self, String> {
        let needed = longest * 10 / 7;
        let duration = duration.unwrap_or_else(|| USUAL.max(longest * 3 / 2));
        if duration < needed.max(SHORTEST) {
            return Err(format!(
                "--lease-duration {duration:?} is too short: a call that changes something at a provider may take {longest:?} and must end \
                 while this process still leads, so it must be at least {:?}",
                needed.max(SHORTEST)
            ));
        }
        let renew = renew.unwrap_or(duration / 3);
        if renew > duration / 2 {
            return Err(format!(
                "--lease-renew {renew:?} is too long: with --lease-duration {duration:?} it may be {:?} at most",
                duration / 2
            ));
        }
        let (part, give_up) = (duration / 15, duration * 2 / 3);
        // A longer lease is no reason to look less often for one that was let go, nor to wait longer for an answer.
        Ok(Self { duration, renew, retry: part.min(RETRY), give_up, margin: part, call: (duration / 6).min(CALL) })
    }

    /// From one look of who waits to the next; `jitter` is from 0 to 1. Short enough that a lease that was let go is taken within `retry`.
    fn look(&self, jitter: f64) -> Duration {
        self.retry.mul_f64(0.4 + 0.4 * jitter.clamp(0.0, 1.0))
    }

    fn again(&self, jitter: f64) -> Duration {
        self.retry.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
    }
}

/// What a Lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// `metadata.resourceVersion`.
    pub version: String,
    /// `holderIdentity`; empty if nobody holds it.
    pub holder: String,
    /// `leaseDurationSeconds`, if it says so.
    pub duration: Option<Duration>,
    /// `renewTime`, in microseconds. It tells one renewal from another and is compared with no clock.
    pub stamp: Option<i64>,
    /// `acquireTime`, in microseconds.
    pub acquired: Option<i64>,
    /// `leaseTransitions`.
    pub transitions: i32,
}

/// A Lease to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The version that it replaces; `None`: there must be none yet.
    pub over: Option<String>,
    /// `holderIdentity`; empty to let it go.
    pub holder: String,
    /// `leaseDurationSeconds`.
    pub seconds: i32,
    /// `acquireTime` and `renewTime`, in microseconds.
    pub times: (i64, i64),
    /// `leaseTransitions`.
    pub transitions: i32,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read the Lease.
    Read,
    /// Write what [`Elector::write`] answers.
    Write,
    /// Nothing until then, unless something is learnt or an early renewal is wanted.
    Wait(Moment),
    /// We led, and do no more. There is no way back but a new start.
    Lost,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The Lease as it is; `None`: there is none.
    Read(Option<Record>),
    /// It was written, and is this now.
    Written(Record),
    /// The write lost its race: the Lease is there already, is another version, or has gone.
    Conflict,
    /// No answer, or one that leaves open what happened.
    Failed,
}

/// Why leading ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It could not be renewed in time.
    NotRenewed,
    /// Somebody else holds it.
    Taken(String),
    /// Nobody holds it, and it was not us who let it go.
    Cleared,
    /// It is an older one of ours: the API server's history went back.
    WentBack,
    /// Somebody else has written it in our name.
    Namesake,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::NotRenewed => f.write_str("it could not be renewed in time"),
            Loss::Taken(by) => write!(f, "{by:?} holds it"),
            Loss::Cleared => f.write_str("somebody has taken our name off it"),
            Loss::WentBack => f.write_str("it is older than what we wrote last, as after the restore of a backup of the cluster"),
            Loss::Namesake => f.write_str("somebody else uses our identity"),
        }
    }
}

/// How long, and for the how manieth time, we lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// `leaseTransitions` of our record: higher than that of any leader before.
    pub epoch: i32,
    /// Nothing that this process does at a provider may last longer.
    pub valid_until: Moment,
}

#[derive(Clone, Debug)]
struct Seen {
    record: Option<Record>,
    /// From then on it may be taken.
    free: Moment,
}

#[derive(Clone, Debug)]
struct Own {
    renewed: Moment,
    stamp: i64,
    acquired: i64,
    transitions: i32,
}

/// One candidate.
#[derive(Clone, Debug)]
pub struct Elector {
    me: String,
    terms: Terms,
    seen: Option<Seen>,
    /// It may have changed since it was seen.
    stale: bool,
    /// Until when the last one that somebody else held is theirs, be it seen now or not.
    theirs: Moment,
    /// Writes since the last answered one, any of which may have been executed: when they were sent, and their stamps.
    sent: Vec<(Moment, i64)>,
    own: Option<Own>,
    loss: Option<Loss>,
    not_before: Moment,
}

impl Elector {
    /// A candidate of this identity, which nobody else has and which outlives a restart of the same container.
    pub fn new(me: impl Into<String>, terms: Terms) -> Self {
        let (theirs, not_before) = (Moment::ZERO, Moment::ZERO);
        Self { me: me.into(), terms, seen: None, stale: true, theirs, sent: Vec::new(), own: None, loss: None, not_before }
    }

    /// The waits.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Since when and until when we lead, if we do.
    pub fn leadership(&self) -> Option<Leadership> {
        let own = self.own.as_ref().filter(|_| self.loss.is_none())?;
        let valid_until = own.renewed + (self.terms.duration - self.terms.margin);
        Some(Leadership { epoch: own.transitions, valid_until })
    }

    /// Why leading ended, once [`Elector::next`] answers [`Step::Lost`].
    pub fn loss(&self) -> Loss {
        self.loss.clone().unwrap_or(Loss::NotRenewed)
    }

    /// Whoever holds the Lease as far as is known, if it is somebody else.
    pub fn holder(&self) -> Option<&str> {
        let record = self.seen.as_ref()?.record.as_ref()?;
        Some(record.holder.as_str()).filter(|holder| !holder.is_empty() && *holder != self.me)
    }

    /// The same, if theirs has not expired as far as is known.
    pub fn leader(&self, now: Moment) -> Option<&str> {
        self.holder().filter(|_| self.seen.as_ref().is_some_and(|seen| now < seen.free))
    }

    /// What to do now. `early`: a renewal is wanted before its time.
    pub fn next(&self, now: Moment, early: bool) -> Step {
        if let Some(own) = &self.own {
            let give_up = own.renewed + self.terms.give_up;
            let due = own.renewed + self.terms.renew;
            return match &self.seen {
                _ if self.loss.is_some() || now >= give_up => Step::Lost,
                _ if now < self.not_before => Step::Wait(self.not_before.min(give_up)),
                _ if self.stale => Step::Read,
                Some(Seen { record: None, .. }) => Step::Write,
                Some(_) if early || now >= due => Step::Write,
                _ => Step::Wait(due),
            };
        }
        match &self.seen {
            Some(seen) if !self.stale && now >= seen.free => Step::Write,
            Some(seen) if !self.stale && now < self.not_before => Step::Wait(self.not_before.min(seen.free)),
            _ if now < self.not_before => Step::Wait(self.not_before),
            _ => Step::Read,
        }
    }

    /// What to write now, in answer to [`Step::Write`]; `stamp` is the present time in microseconds, and another each time.
    pub fn write(&mut self, now: Moment, stamp: i64) -> Write {
        self.sent.push((now, stamp));
        let record = self.seen.as_ref().and_then(|seen| seen.record.as_ref());
        let (acquired, transitions) = match (&self.own, record) {
            (Some(own), _) => (own.acquired, own.transitions),
            // Our own from before a restart.
            (None, Some(record)) if record.holder == self.me => (record.acquired.unwrap_or(stamp), record.transitions),
            (None, Some(record)) => (stamp, record.transitions.saturating_add(1)),
            (None, None) => (stamp, 0),
        };
        let seconds = self.terms.duration.as_millis().div_ceil(1000);
        Write {
            over: record.map(|record| record.version.clone()),
            holder: self.me.clone(),
            seconds: i32::try_from(seconds).unwrap_or(i32::MAX),
            times: (acquired, stamp),
            transitions,
        }
    }

    /// What came of the last step; `jitter` is from 0 to 1.
    pub fn learn(&mut self, now: Moment, jitter: f64, event: Event) {
        match event {
            Event::Read(record) if self.own.is_some() => self.read_own(record),
            Event::Read(record) => {
                self.look(now, record);
                self.not_before = now + self.terms.look(jitter);
            }
            Event::Written(record) => self.written(now, record),
            Event::Conflict => self.stale = true,
            Event::Failed => {
                self.not_before = now + self.terms.again(jitter);
                // It may have been executed all the same, and then that counts.
                self.stale = true;
            }
        }
    }

    fn written(&mut self, now: Moment, record: Record) {
        let Some((sent, stamp)) = self.sent.pop() else { return };
        // Those before named a version that is no more.
        self.sent.clear();
        self.not_before = now;
        // It stood still meanwhile: others may have it by now, and nothing was begun.
        if self.own.is_none() && now >= sent + self.terms.give_up {
            self.stale = true;
            return;
        }
        let (acquired, transitions) = (record.acquired.unwrap_or(stamp), record.transitions);
        self.own = Some(Own { renewed: sent, stamp, acquired, transitions });
        self.see(Some(record), now);
    }

    /// As somebody who waits.
    fn look(&mut self, now: Moment, record: Option<Record>) {
        match &record {
            // Whatever else was sent named an older version, and comes too late for ever.
            Some(record) => self.sent.retain(|(_, stamp)| record.stamp == Some(*stamp)),
            // A create may still come; of several only one can, and only this is let go then.
            None => drop(self.sent.drain(..self.sent.len().saturating_sub(1))),
        }
        let before = self.seen.as_ref().and_then(|seen| seen.record.as_ref());
        let same = record.is_some() && before.map(|before| &before.version) == record.as_ref().map(|record| &record.version);
        let free = match (&record, &self.seen) {
            (Some(_), Some(seen)) if same => seen.free,
            (Some(record), _) if record.holder == self.me || record.holder.is_empty() => now,
            (Some(record), _) => {
                self.theirs = now + record.duration.unwrap_or(self.terms.duration);
                self.theirs
            }
            // Somebody has deleted it: who held it may not know yet.
            (None, _) => self.theirs.max(now),
        };
        self.see(record, free);
    }

    /// As the one who leads: only what we have written ourselves is ours.
    fn read_own(&mut self, record: Option<Record>) {
        let Some(own) = &mut self.own else { return };
        if let Some(record) = &record {
            let tried = self.sent.iter().find(|(_, stamp)| record.stamp == Some(*stamp));
            self.loss = match tried {
                _ if record.holder.is_empty() => Some(Loss::Cleared),
                _ if record.holder != self.me => Some(Loss::Taken(record.holder.clone())),
                Some((sent, stamp)) => {
                    (own.renewed, own.stamp) = (*sent, *stamp);
                    None
                }
                None if record.stamp == Some(own.stamp) => None,
                None if record.stamp.is_some_and(|stamp| stamp < own.stamp) => Some(Loss::WentBack),
                None => Some(Loss::Namesake),
            };
        }
        self.see(record, Moment::ZERO);
    }

    fn see(&mut self, record: Option<Record>, free: Moment) {
        (self.seen, self.stale) = (Some(Seen { record, free }), false);
    }

    /// Whether the Lease could be ours: we hold it, or a write that may make it ours was not answered.
    pub fn may_hold(&self) -> bool {
        self.own.is_some() || !self.sent.is_empty()
    }

    /// What lets the Lease go, if this is how it is now and it is still ours. Nobody leads then, and whoever waits need not wait.
    pub fn release(&self, record: &Record, stamp: i64) -> Option<Write> {
        let held = self.own.iter().map(|own| own.stamp);
        let ours = held.chain(self.sent.iter().map(|(_, stamp)| *stamp)).any(|stamp| record.stamp == Some(stamp));
        (ours && record.holder == self.me).then(|| Write {
            over: Some(record.version.clone()),
            holder: String::new(),
            seconds: 1,
            times: (record.acquired.unwrap_or(stamp), stamp),
            transitions: record.transitions,
        })
    }
}

#[cfg(test)]
mod tests;
