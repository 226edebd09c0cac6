//! A world without clocks, sockets and threads: an API server with versions, a provider with delays and lost answers, and
//! processes that drive `next` and forget everything when they crash.

use std::collections::BTreeMap;
use std::time::Duration;

use super::make::{Listed, Start, describe, problem, record, refused, unknown};
use super::phone::Phone;
use super::provider::{Flight, Provider, Rng};
use crate::api::condition::Reason;
use crate::api::sip_endpoint::SipEndpointStatus;
use crate::core::action::Action;
use crate::core::endpoint::connection::Entries;
use crate::core::endpoint::next;
use crate::core::fields::{Fields, Remote};
use crate::core::mark::Place;
use crate::core::memory::Learnt;
use crate::core::outcome::{Doubt, DoubtKind, Outcome, RefusalKind};
use crate::core::sighting::Sightings;
use crate::core::status;
use crate::core::time::Moment;
use crate::core::view::{AccountView, Desired, Memory, Object, View};

/// Creates and updates answer the whole of what they made.
fn answers_whole() -> bool {
    record().mark == Place::Name
}

/// The object as the API server has it.
#[derive(Clone)]
pub struct Stored {
    pub version: u64,
    pub object: Object,
    pub status: SipEndpointStatus,
    pub desired: Desired,
}

/// One process of the operator.
pub struct Process {
    pub start: Start,
    version: u64,
    /// What the object's spec amounts to, but for the connection Secret, and that one as last seen.
    wished: Desired,
    phone: Option<Phone>,
    /// The outcome of the create that is on its way, when it comes, and what was known when it was sent: what is refused says
    /// nothing about an edit that came meanwhile.
    answer: Option<(Moment, Outcome<Remote>, Box<View>)>,
    /// A listing that is being taken.
    listing: Option<(Moment, Moment)>,
}

impl Process {
    pub fn new(start: Start) -> Self {
        let wished = start.view.desired.clone();
        Self { start, version: 0, wished, phone: None, answer: None, listing: None }
    }

    fn read(&mut self, stored: Option<&Stored>) {
        let view = &mut self.start.view;
        let Some(stored) = stored else {
            view.object.gone = true;
            return;
        };
        if view.object.uid != stored.object.uid {
            view.memory = Memory { deleted: std::mem::take(&mut view.memory.deleted), ..Memory::default() };
            self.start.searches.clear();
        }
        self.version = stored.version;
        view.object = stored.object.clone();
        view.status = stored.status.clone();
        view.desired = stored.desired.clone();
        self.wished = stored.desired.clone();
    }

    /// What the executor sees to before each decision.
    fn prepare(&mut self, now: Moment, issued: &BTreeMap<String, Moment>) {
        let start = &mut self.start;
        start.view.now = now;
        let age = start.view.intent().and_then(|intent| issued.get(&intent.nonce)).map(|at| now.since(*at));
        start.teach(|learnt, view| learnt.object_seen(view, age));
        start.refresh();
    }

    fn learn(&mut self, listing: Listed) {
        let listings = &mut self.start.listings;
        let complete = listing.complete;
        listings.push(listing);
        let keep: Vec<Moment> = listings.iter().rev().filter(|listing| listing.complete).take(2).map(|listing| listing.began).collect();
        let newest = listings.last().map(|listing| listing.began);
        listings.retain(|listing| Some(listing.began) == newest || listing.complete && keep.contains(&listing.began));
        if let AccountView::Ready { listed_this_term, .. } = &mut self.start.view.account {
            *listed_this_term |= complete;
        }
    }
}

/// Everything there is.
pub struct World {
    pub now: Moment,
    pub provider: Provider,
    pub stored: Option<Stored>,
    /// The connection Secret, where the spec names one.
    pub phone: Option<Phone>,
    /// A password was made although an endpoint existed, or could still come to be.
    pub made_beside: bool,
    pub processes: Vec<Process>,
    pub rng: Rng,
    /// Answers are lost, versions conflict, listings are torn.
    pub faults: bool,
    /// Writes that changed something: at the provider and at the API server.
    pub writes: (u64, u64),
    pub log: Vec<String>,
    issued: BTreeMap<String, Moment>,
    nonces: u64,
}

impl World {
    pub fn new(seed: u64, stored: Stored, processes: Vec<Process>, now: Moment) -> Self {
        let mut world = Self {
            now,
            provider: Provider::default(),
            stored: Some(stored),
            phone: None,
            made_beside: false,
            processes,
            rng: Rng(seed),
            faults: false,
            writes: (0, 0),
            log: Vec::new(),
            issued: BTreeMap::new(),
            nonces: 0,
        };
        for index in 0..world.processes.len() {
            world.watch(index);
        }
        world
    }

    fn fails(&mut self, percent: u64) -> bool {
        self.faults && self.rng.percent(percent)
    }

    fn some_seconds(&mut self, most: u64) -> Duration {
        let seconds = if self.faults { self.rng.below(most + 1) } else { most.min(1) };
        Duration::from_secs(seconds)
    }

    /// A process sees the newest object.
    pub fn watch(&mut self, index: usize) {
        self.processes[index].read(self.stored.as_ref());
    }

    /// A process is killed and started again.
    pub fn crash(&mut self, index: usize, blank: &Start) {
        self.log.push(format!("{} {index} crashes", self.now));
        self.processes[index] = Process::new(blank.clone());
        self.watch(index);
    }

    /// Time passes; what was on its way arrives.
    pub fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
        let now = self.now;
        let due: Vec<Flight> = self.provider.flights.extract_if(.., |flight| flight.executes <= now).collect();
        for flight in due {
            let visible = flight.executes + self.some_seconds(55);
            self.log.push(format!("{now} a lost create is executed"));
            self.provider.execute(&flight.username, &flight.fields, visible);
        }
        self.provider.ghosts.retain(|(_, until)| *until > now);
        self.provider.in_use.retain(|_, until| *until > now);
        self.provider.stale.retain(|_, (_, until)| *until > now);
        for index in 0..self.processes.len() {
            self.answer(index);
            self.take_listing(index);
        }
    }

    fn answer(&mut self, index: usize) {
        let process = &mut self.processes[index];
        let Some((_, outcome, asked)) = process.answer.take_if(|(at, ..)| *at <= self.now) else { return };
        if let Outcome::Done(remote) = &outcome {
            // Listings are amended by what is answered; an amendment is no sight.
            for listing in &mut process.start.listings {
                listing.endpoints.insert(remote.clone());
            }
        }
        let mut shown = None;
        let outcome = outcome.map(|remote| {
            shown = answers_whole().then(|| remote.clone());
            (remote.id, remote.username)
        });
        let now = self.now;
        process.start.teach(|learnt, _| learnt.create_answered(&asked, outcome, shown, now));
    }

    /// Begins a listing for this process, as the sweep does.
    pub fn sweep(&mut self, index: usize) {
        let took = self.some_seconds(5) + Duration::from_secs(1);
        self.processes[index].listing.get_or_insert((self.now, self.now + took));
    }

    fn take_listing(&mut self, index: usize) {
        let Some((began, _)) = self.processes[index].listing.take_if(|(_, ends)| *ends <= self.now) else { return };
        let torn = self.fails(45);
        let mut endpoints = BTreeMap::new();
        let visible: Vec<Remote> =
            self.provider.endpoints.values().filter(|(_, visible)| *visible <= began).map(|(remote, _)| remote.clone()).collect();
        let ghosts: Vec<Remote> = self.provider.ghosts.iter().map(|(remote, _)| remote.clone()).collect();
        for remote in visible.into_iter().chain(ghosts) {
            if !(torn && self.rng.percent(75)) {
                endpoints.insert(remote.id.clone(), Remote { password_digest: None, ..remote });
            }
        }
        self.processes[index].learn(Listed { began, complete: !torn, endpoints: Sightings::new(endpoints, None) });
        let wanted = self.processes[index].start.view.memory.listing_wanted;
        if wanted.is_some_and(|wanted| wanted > began) {
            self.sweep(index);
        }
    }

    /// The decision of a process about what it sees now; `None` while it waits for the answer to a create.
    pub fn decide(&mut self, index: usize) -> Option<(View, Action)> {
        if self.processes[index].answer.is_some() {
            return None;
        }
        // What the watch has told may be a little old.
        let stale = self.fails(15);
        let process = &mut self.processes[index];
        if !stale || process.phone.is_none() {
            process.phone = self.phone.clone();
        }
        if let Some(phone) = &process.phone {
            process.start.view.desired = process.wished.clone();
            phone.show(&mut process.start.view);
        }
        process.prepare(self.now, &self.issued);
        self.nonces += 1;
        process.start.view.fresh.nonce = format!("nonce{}", self.nonces);
        let view = process.start.view.clone();
        let action = next(&view);
        Some((view, action))
    }

    /// Carries an action out; true if the pass goes on.
    pub fn perform(&mut self, index: usize, view: &View, action: &Action) -> bool {
        if !matches!(action, Action::Wait { .. } | Action::Done(_)) {
            self.log.push(format!("{} {index} {}", self.now, describe(action)));
        }
        match action {
            Action::Wait { finding: None, .. } => return false,
            Action::Wait { finding: Some(finding), .. } | Action::Done(finding) => {
                self.report(index, status::report(view, finding));
                return false;
            }
            Action::List(_, finding) => {
                if !finding.message.is_empty() {
                    self.report(index, status::report(view, finding));
                }
                self.processes[index].start.view.memory.listing_wanted = Some(self.now);
                self.sweep(index);
                return false;
            }
            Action::Find(_, finding) => {
                self.report(index, status::report(view, finding));
                self.find(index, view);
            }
            Action::ReadReferences(id, _) => {
                let outcome = match self.provider.in_use.contains_key(id) {
                    _ if self.fails(10) => unknown(),
                    in_use => Outcome::Done(if in_use { vec!["trunk t1".to_owned()] } else { Vec::new() }),
                };
                self.teach(index, |learnt, now| learnt.referenced(view, id, now, outcome, now));
            }
            Action::ReadRivals | Action::WritePlaced(_) => unreachable!("an endpoint is no number"),
            Action::StorePassword => {
                let entries = self.phone.as_mut().expect("a Secret").new_password();
                self.write_secret(index, view, &entries, true);
            }
            Action::WriteConnection(entries) => self.write_secret(index, view, entries, false),
            Action::Reserve => self.processes[index].start.view.memory.permit = true,
            Action::AddFinalizer => {
                self.write(index, |stored| stored.object.finalizer = true);
            }
            Action::RemoveFinalizer(_) => {
                if self.write(index, |stored| stored.object.finalizer = false)
                    && self.stored.as_ref().is_some_and(|stored| stored.object.deleting)
                {
                    self.stored = None;
                    self.watch(index);
                }
            }
            Action::Create { username, fields } => self.create(index, username, fields),
            Action::Get(id, _) => self.get(index, view, id),
            Action::Update { id, change, .. } => self.update(index, view, id, change),
            Action::DeleteEndpoint(id, _) => self.delete(index, view, id),
            Action::WriteIntent(intent) => {
                self.issued.insert(intent.nonce.clone(), self.now);
                self.teach(index, |learnt, now| learnt.intent_begun(view, &intent.nonce, now));
                self.write_status(index, view, action);
            }
            Action::Record(_) | Action::CloseEpoch(_) | Action::WriteTombstone(_) | Action::ClearTombstone(_) | Action::Forget => {
                self.write_status(index, view, action);
            }
        }
        true
    }

    fn write_status(&mut self, index: usize, view: &View, action: &Action) {
        let status = status::after(view, action).expect("an action that writes status");
        if self.write(index, |stored| stored.status = status) {
            self.teach(index, |learnt, _| learnt.written(view, action));
        }
    }

    /// Version-checked; a password is made by whoever sees the newest object only.
    fn write_secret(&mut self, index: usize, view: &View, entries: &Entries, makes: bool) {
        let stale = makes && self.stored.as_ref().is_none_or(|stored| stored.version != self.processes[index].version);
        let (fails, lost) = (self.fails(5), self.fails(5));
        let exists = !self.provider.endpoints.is_empty() || self.provider.in_flight() > 0;
        let phone = self.phone.as_mut().expect("a Secret");
        let applied = !fails && !stale && phone.write(view.connection.as_ref(), entries);
        let version = phone.version();
        self.made_beside |= applied && makes && exists;
        self.writes.1 += u64::from(applied);
        let secret = view.connection.clone().expect("a Secret");
        match version.filter(|_| applied && !lost) {
            Some(version) => self.teach(index, |learnt, now| learnt.connection_written(&secret, entries, version, now)),
            None if fails || lost => {
                self.teach(index, |learnt, now| learnt.connection_refused(&secret.name, problem(Reason::Progressing), now));
            }
            None => self.watch(index),
        }
    }

    fn teach(&mut self, index: usize, lesson: impl FnOnce(&mut Learnt, Moment)) {
        let now = self.now;
        self.processes[index].start.teach(|learnt, _| lesson(learnt, now));
    }

    /// Version-checked; a conflict or a lost answer is followed by a live read.
    fn write(&mut self, index: usize, change: impl FnOnce(&mut Stored)) -> bool {
        let (uid, version) = (self.processes[index].start.view.object.uid.clone(), self.processes[index].version);
        let lost = self.fails(5);
        let applies = self.stored.as_ref().is_some_and(|stored| stored.object.uid == uid && stored.version == version) && !lost;
        if let Some(stored) = self.stored.as_mut().filter(|_| applies) {
            change(stored);
            stored.version += 1;
            self.writes.1 += 1;
        }
        self.watch(index);
        applies
    }

    fn report(&mut self, index: usize, new: SipEndpointStatus) {
        let view = &self.processes[index].start.view;
        let available = new.conditions.first().is_some_and(|ready| ready.reason == "Available");
        let written = !status::worth_writing(&view.status, &new) || !view.object.gone && self.write(index, |stored| stored.status = new);
        if written && available {
            self.teach(index, |learnt, _| learnt.agreed());
        }
    }

    fn create(&mut self, index: usize, username: &str, fields: &Fields) {
        self.writes.0 += 1;
        let answered = self.now + self.some_seconds(19);
        let late = answered + Duration::from_secs(20) + self.some_seconds(38);
        let visible = self.now + self.some_seconds(55);
        let fate = if self.faults { self.rng.below(10) } else { 0 };
        let outcome = match fate {
            0..4 => Outcome::Done(self.provider.execute(username, fields, visible)),
            4 | 5 => {
                self.provider.execute(username, fields, visible);
                unknown()
            }
            6 | 7 => {
                self.provider.flights.push(Flight { executes: late, username: username.into(), fields: fields.clone() });
                unknown()
            }
            8 => unknown(),
            _ => {
                let kinds = [RefusalKind::Unreachable, RefusalKind::Throttled, RefusalKind::Invalid];
                let kind = kinds[self.rng.below(3) as usize];
                refused(kind)
            }
        };
        let outcome = outcome.map(|remote| self.provider.shown(&remote));
        self.log.push(format!("{} {index} the create is {}", self.now, outcome.class()));
        let asked = self.processes[index].start.view.clone();
        self.processes[index].answer = Some((answered, outcome, Box::new(asked)));
        self.answer(index);
    }

    fn find(&mut self, index: usize, view: &View) {
        let torn = self.fails(20);
        let seen = self.provider.endpoints.values().filter(|(_, visible)| *visible <= self.now).map(|(remote, _)| remote);
        let seen = seen.chain(self.provider.ghosts.iter().map(|(remote, _)| remote));
        let seen = seen.filter(|remote| view.mark.owns(&remote.username)).map(|remote| self.provider.shown(remote));
        let found: Vec<Remote> = seen.collect();
        let found = found.into_iter().filter(|_| !(torn && self.rng.percent(75))).collect();
        let outcome = if self.fails(10) { unknown() } else { Outcome::Done((found, !torn)) };
        self.teach(index, |learnt, now| learnt.found(view, now, outcome, now));
    }

    fn get(&mut self, index: usize, view: &View, id: &str) {
        let found = self.provider.endpoints.get(id).filter(|(_, visible)| *visible <= self.now).map(|(remote, _)| remote.clone());
        let stale = self.provider.stale.get(id).map(|(remote, _)| remote.clone()).filter(|_| found.is_some() && self.fails(50));
        let outcome = match stale.or(found).map(|remote| self.provider.shown(&remote)) {
            _ if self.fails(10) => unknown(),
            Some(remote) => Outcome::Done(remote),
            None => Outcome::NotFound { proven: true },
        };
        self.teach(index, |learnt, now| learnt.got(view, id, now, outcome, now));
    }

    fn update(&mut self, index: usize, view: &View, id: &str, change: &Fields) {
        self.writes.0 += 1;
        let lost = self.fails(10);
        let mut shown = None;
        if !(lost && self.rng.percent(50)) {
            let before = self.provider.endpoints.get(id).map(|(remote, _)| remote.clone());
            shown = self.provider.change(id, change).filter(|_| answers_whole()).map(|remote| self.provider.shown(&remote));
            // Only where the answer says what is true now can a look that is behind do no harm.
            if let Some(before) = before.filter(|_| answers_whole()) {
                let until = self.now + self.some_seconds(29);
                self.provider.stale.insert(id.to_owned(), (before, until));
            }
        }
        let outcome = if lost { unknown() } else { Outcome::Done(shown) };
        self.teach(index, |learnt, now| learnt.updated(view, id, change, &outcome, now, now));
    }

    fn delete(&mut self, index: usize, view: &View, id: &str) {
        self.writes.0 += 1;
        if self.provider.in_use.contains_key(id) {
            let doubt = Doubt { kind: DoubtKind::Status(409), message: "conflict".into() };
            self.teach(index, |learnt, now| learnt.deleted(view, id, &Outcome::Unknown(doubt), now, now));
            return;
        }
        let lost = self.fails(15);
        let executed = !(lost && self.rng.percent(50));
        let invisible = self.provider.endpoints.get(id).is_some_and(|(_, visible)| *visible > self.now) && self.fails(60);
        let removed = if executed && !invisible { self.provider.endpoints.remove(id) } else { None };
        if let Some((remote, _)) = &removed
            && self.fails(40)
        {
            let until = self.now + self.some_seconds(55);
            self.provider.ghosts.push((remote.clone(), until));
        }
        let outcome = match removed {
            _ if lost => unknown(),
            Some(_) => Outcome::Done(()),
            None => Outcome::NotFound { proven: true },
        };
        self.teach(index, |learnt, now| learnt.deleted(view, id, &outcome, now, now));
    }

    /// Drives one process until it has nothing to do now. The clock stands still meanwhile.
    pub fn pass(&mut self, index: usize, mut check: impl FnMut(&World, &View, &Action)) -> Option<Action> {
        self.processes[index].start.view.memory.pass_began = self.now;
        for _ in 0..40 {
            let (view, action) = self.decide(index)?;
            check(self, &view, &action);
            if !self.perform(index, &view, &action) {
                return Some(action);
            }
        }
        panic!("a pass does not end:\n{}", self.log.join("\n"));
    }
}
