//! Thousands of small histories with crashes, lost answers and stale views. When faults stop, exactly one endpoint is left and it
//! is the recorded one, or none for a deleted object. A failure prints its seed and its history.

use std::time::Duration;

use super::make::{NAMED, Start, applied, at, describe, password, prefix, record, text, under, wanted};
use super::phone::Phone;
use super::provider::Rng;
use super::world::{Process, Stored, World};
use crate::core::action::{Action, Release};
use crate::core::endpoint::tests::laws;
use crate::core::fields::{PASSWORD, Remote, Secret, Value};
use crate::core::mark::Place;
use crate::core::view::{Desired, View};

/// What may happen in a history.
#[derive(Clone, Copy, PartialEq)]
enum Weather {
    /// All that the promise "at most one at every instant" allows.
    Faulty,
    /// Besides: requests delivered twice, wiped statuses. Then the promise is only that it ends well.
    Wild,
}

fn blank() -> Start {
    applied().not_listed_this_term().now(0)
}

fn stored(uid: u64) -> Stored {
    let view = blank().view;
    let mut object = view.object;
    object.uid = format!("uid-{uid}");
    Stored { version: 1, object, status: view.status, desired: view.desired }
}

struct History {
    world: World,
    weather: Weather,
    alias: u64,
    secret: u32,
    uids: u64,
    edits: u32,
}

impl History {
    fn new(seed: u64, weather: Weather) -> Self {
        let mut rng = Rng(seed);
        let count = 1 + rng.below(2);
        let processes = (0..count).map(|_| Process::new(blank())).collect();
        let mut world = World::new(seed, stored(1), processes, at(0));
        world.provider.readable = rng.percent(50);
        world.faults = true;
        world.phone = match rng.below(4) {
            _ if named() => None,
            0 => Some(Phone { generates: true, ..Phone::default() }),
            1 => Some(Phone::default()),
            _ => None,
        };
        Self { world, weather, alias: 0, secret: 1, uids: 1, edits: 0 }
    }

    fn live(&self) -> Vec<&Remote> {
        // Nobody else makes any here, be they renamed or not.
        self.world.provider.endpoints.values().map(|(remote, _)| remote).collect()
    }

    fn wish(&mut self) {
        let desired = wanted(&format!("alias{}", self.alias), self.secret);
        if let Some(stored) = &mut self.world.stored {
            stored.desired = desired;
            stored.object.generation += 1;
            stored.version += 1;
        }
    }

    /// Something happens that nobody asked the operator about.
    fn happen(&mut self) {
        let world = &mut self.world;
        let index = world.rng.below(world.processes.len() as u64) as usize;
        match world.rng.below(100) {
            0..6 => world.crash(index, &blank()),
            6..20 => world.watch(index),
            20..24 => {
                self.alias += 1;
                self.wish();
            }
            24..26 => {
                self.secret += 1;
                self.wish();
            }
            26..28 => {
                if let Some(stored) = &mut world.stored {
                    world.log.push(format!("{} the object is deleted", world.now));
                    stored.object.deleting = true;
                    stored.object.generation += 1;
                    stored.version += 1;
                    if !stored.object.finalizer {
                        world.stored = None;
                    }
                }
            }
            28..32 if world.stored.is_none() => {
                self.uids += 1;
                world.log.push(format!("{} the object is applied again", world.now));
                world.stored = Some(stored(self.uids));
                self.wish();
            }
            32..34 => {
                // Somebody deletes it in the console.
                let id = world.provider.endpoints.keys().next().cloned();
                if let Some(id) = id {
                    world.log.push(format!("{} {id} is deleted in the console", world.now));
                    world.provider.endpoints.remove(&id);
                }
            }
            34..37 => {
                if let Some((remote, _)) = world.provider.endpoints.values_mut().next() {
                    remote.fields.insert("alias", text("edited in the console"));
                }
            }
            37..40 => {
                if let Some(stored) = &mut world.stored {
                    stored.object.paused = !stored.object.paused;
                    stored.version += 1;
                }
            }
            40..43 => world.sweep(index),
            47..50 if named() => self.rename(),
            50..53 if named() => {
                let until = world.now + Duration::from_secs(world.rng.below(400));
                if let Some(id) = world.provider.endpoints.keys().next_back().cloned() {
                    world.log.push(format!("{} something points to {id}", world.now));
                    world.provider.in_use.insert(id, until);
                }
            }
            45..47 => self.meddle(),
            43 if self.weather == Weather::Wild => {
                world.log.push(format!("{} a create is delivered twice", world.now));
                let Desired::Wanted(wanted) = wanted("twice", 1) else { return };
                let visible = world.now + Duration::from_secs(30);
                world.provider.execute(prefix().as_str(), &wanted.create, visible);
            }
            44 if self.weather == Weather::Wild => {
                if let Some(stored) = world.stored.as_mut().filter(|stored| !stored.object.deleting) {
                    world.log.push(format!("{} the status is wiped", world.now));
                    stored.status = Default::default();
                    stored.version += 1;
                }
            }
            _ => {}
        }
    }

    /// Somebody gives the recorded one another name. (One that nobody has recorded yet would be nobody's from then on.)
    fn rename(&mut self) {
        let recorded = self.world.stored.as_ref().and_then(|stored| stored.status.endpoint_id.clone());
        if let Some(id) = recorded.filter(|_| self.weather == Weather::Faulty) {
            self.world.log.push(format!("{} {id} is renamed in the console", self.world.now));
            self.world.provider.rename(&id, "renamed");
        }
    }

    /// Somebody edits the connection Secret, or deletes it.
    fn meddle(&mut self) {
        let Some(phone) = &mut self.world.phone else { return };
        let Some((_, owned, mut entries)) = phone.secret.clone() else { return };
        self.world.log.push(format!("{} somebody meddles with the connection Secret", self.world.now));
        self.edits += 1;
        match self.world.rng.below(4) {
            0 => phone.secret = None,
            1 => {
                entries.remove("password");
                phone.put(entries, owned);
            }
            2 => {
                entries.insert("username".into(), Secret::new("mallory".into()));
                phone.put(entries, owned);
            }
            _ => {
                entries.insert("password".into(), Secret::new(format!("edited-{}", self.edits)));
                phone.put(entries, owned);
            }
        }
    }

    fn fault_phase(&mut self) {
        for _ in 0..120 {
            self.happen();
            let index = self.world.rng.below(self.world.processes.len() as u64) as usize;
            let Some((view, action)) = self.world.decide(index) else {
                self.let_time_pass(10);
                continue;
            };
            self.check(&view, &action);
            let more = self.world.perform(index, &view, &action);
            self.check_truth();
            self.let_time_pass(if more { 2 } else { 30 });
        }
    }

    fn let_time_pass(&mut self, most: u64) {
        let seconds = self.world.rng.below(most + 1);
        self.world.advance(Duration::from_secs(seconds));
        self.check_truth();
    }

    fn check(&self, view: &View, action: &Action) {
        laws::check(view, action);
        if let Action::Create { fields, .. } = action
            && let Some(phone) = self.world.phone.as_ref().filter(|phone| phone.generates)
        {
            let stored = phone.held.iter().any(|held| fields.get(PASSWORD) == Some(&Value::Secret(held.clone())));
            assert!(stored, "a password is sent that was never stored");
        }
        if let Action::DeleteEndpoint(id, _) = action
            && self.weather == Weather::Faulty
            && let Some(stored) = &self.world.stored
        {
            let recorded = stored.status.endpoint_id.as_ref() == Some(id) && !stored.object.deleting;
            assert!(!recorded, "{} the recorded endpoint of a live object is deleted", describe(action));
        }
        if *action == Action::RemoveFinalizer(Release::Clean) && self.weather == Weather::Faulty {
            let current = self.world.stored.as_ref().is_some_and(|stored| stored.object.uid == view.object.uid);
            assert!(!current || self.live().is_empty() && self.world.provider.in_flight() == 0, "let go, and something is left");
        }
    }

    fn check_truth(&self) {
        assert!(self.weather != Weather::Faulty || !self.world.made_beside, "a password is made anew for an endpoint that exists");
        if self.weather == Weather::Faulty {
            let live: Vec<&str> = self.live().iter().map(|remote| remote.id.as_str()).collect();
            assert!(
                live.len() + self.world.provider.in_flight() <= 1,
                "more than one: {live:?} and {} in flight",
                self.world.provider.in_flight()
            );
        }
    }

    /// Faults stop, everybody sees the newest object. It has to come to rest, and then nothing is written any more.
    fn quiet_phase(&mut self) {
        self.world.faults = false;
        self.world.log.push(format!("{} faults stop", self.world.now));
        if let Some(stored) = &mut self.world.stored {
            stored.object.paused = false;
        }
        self.alias += 1;
        self.wish();
        if let Some(phone) = self.world.phone.as_mut().filter(|phone| phone.generates && phone.password().is_none()) {
            // What was lost is restored by somebody.
            phone.put([("password".to_owned(), Secret::new("restored".into()))].into(), false);
        }
        let mut at_rest = 0;
        for _ in 0..200 {
            let before = (self.world.writes, self.world.stored.as_ref().map(|stored| stored.version));
            let mut until = self.world.now + Duration::from_secs(60);
            let mut all_done = true;
            for index in 0..self.world.processes.len() {
                self.world.watch(index);
                self.world.sweep(index);
                let last = self.world.pass(index, |_, view, action| laws::check(view, action));
                match last {
                    Some(Action::Done(_)) => {}
                    Some(Action::Wait { until: Some(next), .. }) => {
                        assert!(next > self.world.now, "a wait that is over already");
                        until = until.min(next);
                        all_done = false;
                    }
                    _ => {
                        until = until.min(self.world.now + Duration::from_secs(5));
                        all_done = false;
                    }
                }
            }
            let after = (self.world.writes, self.world.stored.as_ref().map(|stored| stored.version));
            at_rest = if all_done && before == after { at_rest + 1 } else { 0 };
            if at_rest == 4 {
                return;
            }
            let step = until.since(self.world.now);
            self.world.advance(step.max(Duration::from_secs(1)));
        }
        panic!("it does not come to rest");
    }

    fn check_goal(&self) {
        let live = self.live();
        assert_eq!(self.world.provider.in_flight(), 0);
        let Some(stored) = &self.world.stored else {
            assert!(live.is_empty(), "deleted, and {live:?} is left");
            return;
        };
        let ids: Vec<&str> = live.iter().map(|remote| remote.id.as_str()).collect();
        assert_eq!(ids, [stored.status.endpoint_id.as_deref().unwrap_or("none recorded")]);
        assert_eq!(live[0].fields.get("alias"), Some(&text(&format!("alias{}", self.alias))));
        if named() {
            assert_eq!(live[0].fields.get("addresses"), Some(&text(&format!("alias{}", self.alias))));
            assert_eq!(live[0].username, prefix().as_str());
            let status = &stored.status;
            assert_eq!((status.name.as_deref(), &status.username, &status.sip_uri), (Some(prefix().as_str()), &None, &None));
            let registered = status.conditions.iter().find(|condition| condition.type_ == "Registered");
            assert_eq!(registered.map(|condition| condition.reason.as_str()), Some("StaticPeer"));
            assert_eq!(status.sip_registered, None);
        }
        // Two processes of which one sees an old Secret can cross each other; where the password can be read, that is mended.
        if self.world.provider.readable || self.world.processes.len() == 1 {
            let wanted = match self.world.phone.as_ref().filter(|phone| phone.generates) {
                Some(phone) => phone.password().expect("a stored password").clone(),
                None => password(self.secret),
            };
            assert_eq!(live[0].password_digest.as_ref().map(Secret::expose), Some(wanted.expose()));
        }
        if let Some(phone) = &self.world.phone {
            let (_, owned, entries) = phone.secret.as_ref().expect("a connection Secret");
            let text = |key: &str| entries.get(key).map(Secret::expose);
            assert!(owned);
            assert_eq!(text("username"), Some(live[0].username.as_str()));
            assert_eq!(text("sip_uri"), live[0].sip_uri.as_deref());
            assert_eq!(text("domain"), Some("phone.example"));
            if !phone.generates {
                assert_eq!(text("password"), Some(password(self.secret).expose()));
            }
        }
        assert_eq!(stored.status.conditions[0].reason, "Available");
    }

    fn run(&mut self) {
        self.fault_phase();
        self.quiet_phase();
        if self.weather == Weather::Wild && self.world.stored.is_none() {
            // What appeared after the object went belongs to the next one of its name.
            self.uids += 1;
            self.world.stored = Some(stored(self.uids));
            self.quiet_phase();
        }
        self.check_goal();
    }
}

fn histories(seeds: std::ops::Range<u64>, weather: Weather) {
    for seed in seeds {
        let mut history = History::new(seed, weather);
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| history.run()));
        assert!(run.is_ok(), "seed {seed}:\n{}", history.world.log.join("\n"));
    }
}

/// The mark stands in a name.
fn named() -> bool {
    record().mark == Place::Name
}

#[test]
fn the_same_holds_where_names_carry_the_mark_and_anybody_can_change_them() {
    under(NAMED, || histories(0..2000, Weather::Faulty));
    under(NAMED, || histories(0..1000, Weather::Wild));
}

#[test]
fn there_is_never_more_than_one_endpoint_and_in_the_end_exactly_the_recorded_one() {
    histories(0..2000, Weather::Faulty);
}

#[test]
fn duplicates_and_wiped_statuses_end_with_exactly_the_recorded_one_as_well() {
    histories(0..1000, Weather::Wild);
}
