//! The call budget of one account: a sliding log, lanes, turns, and what a 429 does to it. Pure: the moment is handed in.
//!
//! A call counts from when it is issued until five seconds after it ended: the provider counts it somewhere in between, so that
//! no delay on the way can push more calls into one of the provider's windows, whatever its model (sliding, fixed, bucket).
//!
//! What a process before this one has called is unknown: at most its whole budget, all of it at the last moment. So in the first five
//! seconds only what the provider allows beyond a budget is used. With a budget of at most half of the provider's limit that is a
//! whole budget: nothing has to wait.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::core::key::ObjectKey;
use crate::core::time::Moment;

/// The window that providers count in.
pub const WINDOW: Duration = Duration::from_secs(5);
/// Calls of one account that may be under way at the same time.
pub const MOST_IN_FLIGHT: usize = 32;
/// A call that takes longer is taken to have been counted by then.
const COUNTED_WITHIN: Duration = Duration::from_secs(2);
/// An unused reservation goes back after this time.
const LAPSE: Duration = Duration::from_secs(5);
/// Between reserving a create and sending it lie two writes to the API server, at most 10 s.
const LAPSE_CREATE: Duration = Duration::from_secs(12);
/// Reservations at a time. More would only lapse.
const MOST_RESERVED: usize = 64;
/// Who has made a call so short a time ago is in the middle of something.
const BEGUN: Duration = Duration::from_secs(10);
/// So many calls it may make before others that have not begun; who needs more goes to the end of the queue.
const MOST_BEFORE_OTHERS: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// No provider is slowed down below this by its answers.
const FEWEST: u32 = 4;

/// How urgent a call is. The order is the order of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Deletions, and changes that somebody just made.
    Urgent,
    /// Creates and what they need.
    Create,
    /// Drift, duplicates, searches.
    Repair,
    /// The periodic listing.
    Sweep,
}

impl Lane {
    /// All, most urgent first.
    pub const ALL: [Lane; 4] = [Lane::Urgent, Lane::Create, Lane::Repair, Lane::Sweep];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Lane::Urgent => "urgent",
            Lane::Create => "create",
            Lane::Repair => "repair",
            Lane::Sweep => "sweep",
        }
    }
}

/// Who waits for a permit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// An object, for any call but a create.
    Object(ObjectKey),
    /// An object, for a create: two writes lie between reserving and using, and nothing else may take the permit.
    Create(ObjectKey),
    /// The account itself.
    Internal(u64),
}

impl Who {
    fn turn(&self) -> &str {
        match self {
            Who::Object(key) | Who::Create(key) => &key.namespace,
            Who::Internal(_) => "",
        }
    }

    fn lapse(&self) -> Duration {
        match self {
            Who::Create(_) => LAPSE_CREATE,
            Who::Object(_) | Who::Internal(_) => LAPSE,
        }
    }
}

/// A call that was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    number: u64,
    /// When.
    pub issued: Moment,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    number: u64,
    issued: Moment,
    ended: Option<Moment>,
}

impl Call {
    fn counts_until(&self, now: Moment) -> Moment {
        self.ended.unwrap_or(now).min(self.issued + COUNTED_WITHIN) + WINDOW
    }
}

/// Waiters of one lane: namespaces take turns.
#[derive(Clone, Debug, Default)]
struct Queue {
    turns: VecDeque<String>,
    waiting: BTreeMap<String, VecDeque<Who>>,
}

impl Queue {
    /// `first`: before all others of its namespace.
    fn push(&mut self, who: Who, first: bool) {
        let turn = who.turn().to_owned();
        let line = self.waiting.entry(turn.clone()).or_default();
        if line.is_empty() {
            self.turns.push_back(turn);
        }
        match first {
            true => line.push_front(who),
            false => line.push_back(who),
        }
    }

    fn pop(&mut self) -> Option<Who> {
        let turn = self.turns.pop_front()?;
        let line = self.waiting.get_mut(&turn)?;
        let who = line.pop_front();
        if line.is_empty() {
            self.waiting.remove(&turn);
        } else {
            self.turns.push_back(turn);
        }
        who
    }

    fn remove(&mut self, who: &Who) {
        if let Some(line) = self.waiting.get_mut(who.turn()) {
            line.retain(|other| other != who);
            if line.is_empty() {
                self.waiting.remove(who.turn());
                self.turns.retain(|turn| turn != who.turn());
            }
        }
    }
}

/// The budget of one account.
#[derive(Clone, Debug)]
pub struct CallBudget {
    configured: u32,
    current: u32,
    calls: Vec<Call>,
    /// Calls that another process may have made before this one began count until here.
    predecessor_until: Moment,
    /// So many it may have made: the highest limit that was configured since.
    predecessor: u32,
    /// Calls in a window that the provider allows.
    provider_limit: u32,
    next_number: u64,
    reserved: BTreeMap<Who, Moment>,
    queues: [Queue; 4],
    queued: BTreeMap<Who, Lane>,
    /// Who is in the middle of something: how many calls it has made, and when the last.
    begun: BTreeMap<Who, (u32, Moment)>,
    paused_until: Moment,
    throttled_at: Option<Moment>,
    grown_at: Moment,
    in_a_row: u32,
    seed: u64,
}

impl CallBudget {
    /// At most `limit` calls (at least 1) in any five seconds. A process that began at `began` assumes that its predecessor
    /// used up the window before, and that the provider allows `provider_limit` calls in a window: the rest of them may be used at
    /// once, and with 0 nothing before the window is over. `seed` spreads pauses.
    pub fn new(limit: u32, provider_limit: u32, began: Moment, seed: u64) -> Self {
        let limit = limit.max(1);
        Self {
            configured: limit,
            current: limit,
            calls: Vec::new(),
            predecessor_until: began + WINDOW,
            predecessor: limit,
            provider_limit,
            next_number: 0,
            reserved: BTreeMap::new(),
            queues: Default::default(),
            queued: BTreeMap::new(),
            begun: BTreeMap::new(),
            paused_until: Moment::default(),
            throttled_at: None,
            grown_at: began,
            in_a_row: 0,
            seed,
        }
    }

    /// Sets the configured limit (at least 1).
    pub fn set_limit(&mut self, limit: u32) {
        let limit = limit.max(1);
        if self.current == self.configured || self.current > limit {
            self.current = limit;
        }
        self.configured = limit;
        self.predecessor = self.predecessor.max(limit);
    }

    /// Calls per window at present.
    pub fn limit(&self) -> u32 {
        self.current
    }

    /// How many calls count in the window that ends now, and how many are allowed.
    pub fn load(&self, now: Moment) -> (usize, u32) {
        (self.used(now), self.allowed(now))
    }

    /// How many wait, by lane, the most urgent first.
    pub fn waiting(&self) -> [usize; 4] {
        Lane::ALL.map(|lane| self.queued.values().filter(|queued| **queued == lane).count())
    }

    /// Until when nothing is sent because of a 429.
    pub fn paused(&self, now: Moment) -> Option<Moment> {
        (self.paused_until > now).then_some(self.paused_until)
    }

    /// A permit now, or a place in the queue of the lane; asked again in a more urgent lane, the place moves there. A permit that
    /// was reserved for `who` is used whatever the lane.
    pub fn try_take(&mut self, now: Moment, lane: Lane, who: &Who) -> Option<Ticket> {
        self.refresh(now);
        // After the limit fell there may be more reservations than it allows.
        let reserved = self.reserved.contains_key(who) && self.used(now) <= self.allowed(now) as usize;
        if self.paused(now).is_none() && self.in_flight() < MOST_IN_FLIGHT && (reserved || self.may_pass(now, lane)) {
            self.reserved.remove(who);
            self.forget(who);
            let made = self.begun.get(who).map_or(0, |(made, _)| *made);
            self.begun.insert(who.clone(), (made + 1, now));
            self.next_number += 1;
            let ticket = Ticket { number: self.next_number, issued: now };
            self.calls.push(Call { number: ticket.number, issued: now, ended: None });
            return Some(ticket);
        }
        // A reservation that cannot be used now (a pause, too many under way) is given back: the waiter is woken again.
        self.reserved.remove(who);
        self.enqueue(lane, who);
        None
    }

    /// Reserves a permit for `who` without using it, or queues. True while one is reserved.
    pub fn reserve(&mut self, now: Moment, lane: Lane, who: &Who) -> bool {
        self.refresh(now);
        if self.reserved.contains_key(who) {
            return true;
        }
        if self.paused(now).is_none() && self.may_reserve() && self.may_pass(now, lane) {
            self.forget(who);
            self.reserved.insert(who.clone(), now + who.lapse());
            return true;
        }
        self.enqueue(lane, who);
        false
    }

    /// Gives back a reservation and a place in a queue.
    pub fn forget_waiter(&mut self, who: &Who) {
        self.reserved.remove(who);
        self.forget(who);
    }

    /// The call has ended, or its caller gave up waiting for the answer.
    pub fn ended(&mut self, now: Moment, ticket: Ticket) {
        if let Some(call) = self.calls.iter_mut().find(|call| call.number == ticket.number) {
            call.ended = Some(now);
        }
        // A call after the last 429 was let through: the next 429 is not one more in a row.
        if self.throttled_at.is_some_and(|at| ticket.issued > at) {
            self.in_a_row = 0;
        }
    }

    /// Reserves permits for those who wait, most urgent lane first, as many as there are. They are to be woken.
    pub fn grant(&mut self, now: Moment) -> Vec<Who> {
        self.refresh(now);
        let mut granted = Vec::new();
        while self.paused(now).is_none() && self.may_reserve() && self.in_flight() + self.about_to_call() < MOST_IN_FLIGHT {
            let Some(lane) = self.first_waiting() else { break };
            if !self.has_room(now, lane) {
                break;
            }
            let Some(who) = self.queues[lane as usize].pop() else { break };
            self.queued.remove(&who);
            self.reserved.insert(who.clone(), now + who.lapse());
            granted.push(who);
        }
        granted
    }

    /// When to call [`CallBudget::grant`] again, if nothing else happens; `None` if nobody waits. Never in the past.
    pub fn next_grant(&self, now: Moment) -> Option<Moment> {
        self.first_waiting()?;
        let freed =
            self.calls.iter().filter(|call| call.ended.is_some() || call.issued + COUNTED_WITHIN <= now).map(|call| call.counts_until(now));
        let opened = self.calls.iter().filter(|call| call.ended.is_none()).map(|call| call.issued + COUNTED_WITHIN + WINDOW);
        let grown = (self.current < self.configured).then_some(self.grown_at + WINDOW);
        let next = freed
            .chain(opened)
            .chain(self.reserved.values().copied())
            .chain(grown)
            .chain([self.predecessor_until, self.paused_until])
            .filter(|at| *at > now)
            .min();
        let next = next.unwrap_or(now + WINDOW);
        Some(next.max(self.paused_until))
    }

    /// The provider answered 429 to the call, which is said before it is said to have ended. Halves the limit, once for all calls that
    /// were under way, and pauses for `retry_after` or, without it, for 1 s to 30 s, doubling while nothing is let through.
    pub fn throttled(&mut self, now: Moment, ticket: Ticket, retry_after: Option<Duration>) {
        let news = self.throttled_at.is_none_or(|at| ticket.issued > at);
        if news {
            self.in_a_row = self.in_a_row.saturating_add(1);
            self.current = (self.current / 2).max(FEWEST.min(self.configured));
            self.throttled_at = Some(now);
            self.grown_at = now;
        }
        let pause = match retry_after {
            Some(time) => time,
            None if news => self.next_pause(),
            None => return,
        };
        self.paused_until = self.paused_until.max(now + pause);
    }

    fn next_pause(&mut self) -> Duration {
        let longest = (FIRST_PAUSE * 2_u32.saturating_pow(self.in_a_row.min(6))).min(LONGEST_PAUSE);
        // A step of splitmix64: spreading pauses needs no better randomness.
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let share = (mixed >> 48) as u32;
        FIRST_PAUSE + (longest - FIRST_PAUSE) * share / (1 << 16)
    }

    fn refresh(&mut self, now: Moment) {
        self.calls.retain(|call| call.ended.is_none() || call.counts_until(now) > now);
        self.reserved.retain(|_, lapses| *lapses > now);
        self.begun.retain(|_, (_, last)| now.since(*last) < BEGUN);
        while self.current < self.configured && self.grown_at.max(self.paused_until) + WINDOW <= now {
            self.grown_at = self.grown_at.max(self.paused_until) + WINDOW;
            self.current = (self.current + (self.configured / 20).max(1)).min(self.configured);
        }
    }

    fn in_flight(&self) -> usize {
        self.calls.iter().filter(|call| call.ended.is_none()).count()
    }

    /// Reservations whose holders have nothing to do first. A create still has its writes before it.
    fn about_to_call(&self) -> usize {
        self.reserved.keys().filter(|who| !matches!(who, Who::Create(_))).count()
    }

    fn may_reserve(&self) -> bool {
        self.reserved.len() < MOST_RESERVED
    }

    fn first_waiting(&self) -> Option<Lane> {
        Lane::ALL.into_iter().find(|lane| !self.queues[*lane as usize].turns.is_empty())
    }

    /// Nobody at least as urgent waits, and there is room.
    fn may_pass(&self, now: Moment, lane: Lane) -> bool {
        self.first_waiting().is_none_or(|first| first > lane) && self.has_room(now, lane)
    }

    fn has_room(&self, now: Moment, lane: Lane) -> bool {
        let allowed = self.allowed(now);
        let kept = if lane == Lane::Urgent || allowed < 2 { 0 } else { allowed.div_ceil(20) };
        self.used(now) < (allowed - kept) as usize
    }

    /// The present limit, less what a process before this one may have used of the provider's.
    fn allowed(&self, now: Moment) -> u32 {
        if now >= self.predecessor_until { self.current } else { self.current.min(self.provider_limit.saturating_sub(self.predecessor)) }
    }

    fn used(&self, now: Moment) -> usize {
        self.calls.iter().filter(|call| call.counts_until(now) > now).count() + self.reserved.len()
    }

    fn enqueue(&mut self, lane: Lane, who: &Who) {
        match self.queued.get(who) {
            Some(there) if *there <= lane => return,
            Some(there) => self.queues[*there as usize].remove(who),
            None => {}
        }
        self.queued.insert(who.clone(), lane);
        // What was read for a decision grows old while the call that follows from it waits: who has begun comes to an end first. Otherwise
        // many that wait would all begin again and again, and none of them would end.
        let first = self.begun.get(who).is_some_and(|(made, _)| *made < MOST_BEFORE_OTHERS);
        self.queues[lane as usize].push(who.clone(), first);
    }

    fn forget(&mut self, who: &Who) {
        if let Some(lane) = self.queued.remove(who) {
            self.queues[lane as usize].remove(who);
        }
    }
}

#[cfg(test)]
mod tests;
