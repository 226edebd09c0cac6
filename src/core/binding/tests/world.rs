//! A world without clocks, sockets and threads: one number, two names for bindings, processes that forget everything when they crash.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::make::{applied, describe, refused, second, shown, target, unknown};
use crate::api::phone_number_binding::PhoneNumberBindingStatus;
use crate::core::action::{Action, Release};
use crate::core::binding::memory::Learnt;
use crate::core::binding::view::{Desired, Policy, Rival, View};
use crate::core::binding::{Listed, next, status};
use crate::core::endpoint::tests::provider::Rng;
use crate::core::fields::{Fields, Value};
use crate::core::outcome::{Outcome, RefusalKind};
use crate::core::time::Moment;
use crate::core::view::Object;

/// Names of bindings.
pub const NAMES: usize = 2;

/// A binding as the API server has it.
#[derive(Clone, Debug)]
pub struct Stored {
    pub version: u64,
    pub created: Timestamp,
    pub object: Object,
    pub status: PhoneNumberBindingStatus,
    pub desired: Desired,
    pub policy: Policy,
}

/// One process of the operator.
#[derive(Default)]
pub struct Process {
    pub cache: [Option<Stored>; NAMES],
    pub learnt: [Learnt; NAMES],
    listed: Option<Listed>,
}

/// What becomes of an update that leaves nothing to answer the number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unbinding {
    Taken,
    Refused,
    Ignored,
}

/// What is true at the provider.
pub struct Provider {
    /// Nothing while the account does not hold it.
    pub fields: Option<Fields>,
    /// What reads show until then.
    pub stale: Option<(Fields, Moment)>,
    /// Updates that are executed late.
    pub flights: Vec<(Moment, Fields)>,
    /// Applications that do not exist.
    pub missing: Vec<&'static str>,
    /// What becomes of an update that leaves nothing to answer the number.
    pub unbinding: Unbinding,
    /// It does not select numbers by their digits.
    pub unselected: bool,
    /// A proxy answers "not found" in its own words.
    pub proxy: bool,
}

pub struct World {
    pub now: Moment,
    pub provider: Provider,
    pub stored: [Option<Stored>; NAMES],
    pub processes: Vec<Process>,
    pub rng: Rng,
    pub faults: bool,
    /// Writes at the provider and at the API server.
    pub writes: (u64, u64),
    pub releases: Vec<Release>,
    pub log: Vec<String>,
    uids: i64,
}

impl World {
    pub fn new(seed: u64, processes: usize, shown: Fields) -> Self {
        Self {
            now: Moment(Duration::from_secs(1)),
            provider: Provider {
                fields: Some(shown),
                stale: None,
                flights: Vec::new(),
                missing: Vec::new(),
                unbinding: Unbinding::Taken,
                unselected: false,
                proxy: false,
            },
            stored: [None, None],
            processes: (0..processes).map(|_| Process::default()).collect(),
            rng: Rng(seed),
            faults: false,
            writes: (0, 0),
            releases: Vec::new(),
            log: Vec::new(),
            uids: 0,
        }
    }

    pub fn apply(&mut self, name: usize, wanted: Fields, policy: Policy) {
        self.uids += 1;
        let object = Object { uid: format!("uid-{}", self.uids), ..applied().view.object };
        self.log.push(format!("{} {name} is applied: {wanted:?}", self.now));
        self.stored[name] = Some(Stored {
            version: 1,
            created: second(self.uids),
            object,
            status: PhoneNumberBindingStatus::default(),
            desired: Desired::Wanted(wanted),
            policy,
        });
    }

    pub fn change(&mut self, name: usize, what: &str, change: impl FnOnce(&mut Stored)) {
        let Some(stored) = &mut self.stored[name] else { return };
        self.log.push(format!("{} {name} {what}", self.now));
        change(stored);
        stored.version += 1;
        if stored.object.deleting && !stored.object.finalizer {
            self.stored[name] = None;
        }
    }

    pub fn delete(&mut self, name: usize) {
        self.change(name, "is deleted", |stored| {
            if !stored.object.deleting {
                stored.object.deleting = true;
                stored.object.generation += 1;
            }
        });
    }

    pub fn crash(&mut self, process: usize) {
        self.log.push(format!("{} process {process} crashes", self.now));
        self.processes[process] = Process::default();
        self.watch(process);
    }

    /// A process sees the newest objects.
    pub fn watch(&mut self, process: usize) {
        for name in 0..NAMES {
            self.see(process, name);
        }
    }

    fn see(&mut self, process: usize, name: usize) {
        let Process { cache, learnt, .. } = &mut self.processes[process];
        let uid = |stored: &Option<Stored>| stored.as_ref().map(|stored| stored.object.uid.clone());
        if uid(&cache[name]) != uid(&self.stored[name]) {
            learnt[name] = Learnt::default();
        }
        cache[name] = self.stored[name].clone();
    }

    /// The account's listing of numbers, for this process.
    pub fn sweep(&mut self, process: usize) {
        let found = self.shown().map(shown);
        let complete = !self.fails(30);
        let found = found.filter(|_| complete || self.rng.percent(50));
        self.processes[process].listed = Some(Listed { began: self.now, complete, found });
    }

    pub fn fails(&mut self, percent: u64) -> bool {
        self.faults && self.rng.percent(percent)
    }

    pub fn app_id(&self) -> Option<&str> {
        self.provider.fields.as_ref()?.get(target()).and_then(Value::text)
    }

    fn shown(&self) -> Option<Fields> {
        let stale = self.provider.stale.as_ref().filter(|(_, until)| self.now < *until).map(|(fields, _)| fields.clone());
        self.provider.fields.as_ref().map(|fields| stale.unwrap_or_else(|| fields.clone()))
    }

    pub fn execute(&mut self, change: &Fields, lag: Duration) {
        let ignored =
            |field: &str, value: &Value| self.provider.unbinding == Unbinding::Ignored && field == target() && value.text() == Some("");
        let change: Fields =
            change.iter().filter(|(field, value)| !ignored(field, value)).map(|(field, value)| (*field, value.clone())).collect();
        let Some(fields) = &mut self.provider.fields else { return };
        if lag > Duration::ZERO {
            self.provider.stale = Some((fields.clone(), self.now + lag));
        }
        fields.extend(change);
    }

    pub fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
        let now = self.now;
        let due: Vec<(Moment, Fields)> = self.provider.flights.extract_if(.., |(at, _)| *at <= now).collect();
        for (_, change) in due {
            self.log.push(format!("{now} a lost update is executed: {change:?}"));
            self.execute(&change, Duration::ZERO);
        }
    }

    /// What a process sees of a binding now; nothing if there is none.
    pub fn view(&mut self, process: usize, name: usize) -> Option<View> {
        let now = self.now;
        let Process { cache, learnt, listed } = &mut self.processes[process];
        let stored = cache[name].clone()?;
        let rivals = (0..NAMES).filter(|other| *other != name).filter_map(|other| Some((other, cache[other].as_ref()?)));
        let rivals = rivals.map(|(other, stored)| Rival {
            who: format!("PhoneNumberBinding {other}"),
            uid: stored.object.uid.clone(),
            created: Some(stored.created),
            deleting: stored.object.deleting,
            ready: true,
            finalizer: stored.object.finalizer,
            previous: stored.status.previous.clone(),
            placed: stored.status.placed.clone(),
        });
        let mut view = View {
            object: stored.object,
            created: Some(stored.created),
            status: stored.status,
            desired: stored.desired,
            policy: stored.policy,
            rivals: rivals.collect(),
            own: BTreeSet::new(),
            now,
            ..applied().build()
        };
        learnt[name].object_seen(&view);
        view.memory = learnt[name].memory.clone();
        view.evidence = learnt[name].evidence(listed.clone());
        Some(view)
    }

    pub fn decide(&mut self, process: usize, name: usize) -> Option<(View, Action)> {
        let view = self.view(process, name)?;
        let action = next(&view);
        Some((view, action))
    }

    /// Carries an action out; true if the pass goes on.
    pub fn perform(&mut self, process: usize, name: usize, view: &View, action: &Action) -> bool {
        if !matches!(action, Action::Wait { .. } | Action::Done(_)) {
            self.log.push(format!("{} process {process}, {name}: {}", self.now, describe(action)));
        }
        match action {
            Action::Wait { finding: None, .. } => return false,
            Action::Wait { finding: Some(finding), .. } | Action::Done(finding) => {
                let healthy = finding.reason == crate::api::condition::Reason::Available;
                self.report(process, name, view, status::report(view, finding), healthy);
                return false;
            }
            Action::List(_, finding) => {
                if !finding.message.is_empty() {
                    self.report(process, name, view, status::report(view, finding), false);
                }
                self.processes[process].learnt[name].memory.listing_wanted = Some(self.now);
                self.sweep(process);
                return false;
            }
            Action::AddFinalizer => {
                self.write(process, name, |stored| stored.object.finalizer = true);
            }
            Action::RemoveFinalizer(release) => {
                let gone = self.write(process, name, |stored| stored.object.finalizer = false);
                if gone {
                    self.releases.push(*release);
                    if self.stored[name].as_ref().is_some_and(|stored| stored.object.deleting) {
                        self.stored[name] = None;
                        self.see(process, name);
                    }
                }
            }
            Action::ReadRivals => {
                let began = self.now;
                if !self.fails(10) {
                    self.watch(process);
                    if let Some(learnt) = self.processes[process].learnt.get_mut(name) {
                        learnt.surveyed(view, began);
                    }
                }
            }
            Action::WritePlaced(_) => {
                let status = status::after(view, action).expect("an action that writes status");
                let now = self.now;
                if self.write(process, name, |stored| stored.status = status) {
                    self.processes[process].learnt[name].written(action, now);
                }
            }
            Action::Get(..) => {
                let outcome = match self.shown() {
                    _ if self.fails(10) => unknown(),
                    _ if view.selects() && self.provider.unselected => {
                        if self.rng.percent(50) {
                            refused(RefusalKind::Invalid)
                        } else {
                            unknown()
                        }
                    }
                    Some(_) if self.fails(5) => Outcome::NotFound { proven: false },
                    Some(fields) => Outcome::Done(shown(fields)),
                    None => Outcome::NotFound { proven: !self.provider.proxy && !self.fails(30) },
                };
                let now = self.now;
                self.processes[process].learnt[name].got(view, now, outcome, now);
            }
            Action::Update { change, cause, .. } => {
                let outcome = self.update(change);
                self.log.push(format!("{} it is {}", self.now, outcome.class()));
                let now = self.now;
                self.processes[process].learnt[name].updated(view, change, *cause, &outcome, now);
            }
            other => panic!("not for numbers: {other}"),
        }
        true
    }

    fn update(&mut self, change: &Fields) -> Outcome<()> {
        self.writes.0 += 1;
        let wanted = change.get(target()).and_then(Value::text).unwrap_or("absent");
        if self.provider.unbinding == Unbinding::Refused && wanted.is_empty() {
            return refused(RefusalKind::Invalid);
        }
        if self.provider.missing.contains(&wanted) {
            return if self.rng.percent(50) { refused(RefusalKind::Invalid) } else { Outcome::NotFound { proven: true } };
        }
        if self.provider.fields.is_none() {
            return Outcome::NotFound { proven: true };
        }
        let lag = Duration::from_secs(if self.faults { self.rng.below(50) } else { 0 });
        match if self.faults { self.rng.below(13) } else { 0 } {
            0..8 => {
                self.execute(change, lag);
                Outcome::Done(())
            }
            8 => {
                self.execute(change, lag);
                unknown()
            }
            9 => {
                let late = self.now + Duration::from_secs(1 + self.rng.below(80));
                self.provider.flights.push((late, change.clone()));
                unknown()
            }
            10 => unknown(),
            11 => {
                if self.rng.percent(50) {
                    self.execute(change, lag);
                }
                Outcome::NotFound { proven: false }
            }
            _ => refused(RefusalKind::Throttled),
        }
    }

    fn report(&mut self, process: usize, name: usize, view: &View, new: PhoneNumberBindingStatus, healthy: bool) {
        let durable = !status::worth_writing(&view.status, &new) || self.write(process, name, |stored| stored.status = new);
        if durable && healthy {
            let now = self.now;
            self.processes[process].learnt[name].agreed(view, now);
        }
    }

    /// Version-checked; a conflict or a lost answer is followed by a live read.
    fn write(&mut self, process: usize, name: usize, change: impl FnOnce(&mut Stored)) -> bool {
        let known = self.processes[process].cache[name].as_ref().map(|stored| (stored.object.uid.clone(), stored.version));
        let lost = self.fails(5);
        let applies = !lost && self.stored[name].as_ref().map(|stored| (stored.object.uid.clone(), stored.version)) == known;
        if let Some(stored) = self.stored[name].as_mut().filter(|_| applies) {
            change(stored);
            stored.version += 1;
            self.writes.1 += 1;
        }
        self.see(process, name);
        applies
    }

    /// Drives one binding in one process until there is nothing to do now. The clock stands still meanwhile.
    pub fn pass(&mut self, process: usize, name: usize, mut check: impl FnMut(&World, &View, &Action)) -> Option<Action> {
        self.processes[process].learnt[name].memory.pass_began = self.now;
        for _ in 0..40 {
            let (view, action) = self.decide(process, name)?;
            check(self, &view, &action);
            if !self.perform(process, name, &view, &action) {
                return Some(action);
            }
        }
        panic!("a pass does not end:\n{}", self.log.join("\n"));
    }
}
