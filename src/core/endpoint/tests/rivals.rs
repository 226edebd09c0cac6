//! Somebody who undoes whatever is written into the connection Secret, at once, as an admission webhook does, or another operator that the
//! same event wakes. Two who answer at once would never stop: ours has to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::laws;
use super::make::{applied, at, describe, password, wanted};
use super::phone::Phone;
use super::world::{Process, Stored, World};
use crate::core::action::Action;
use crate::core::fields::Secret;
use crate::core::time::Moment;

/// What somebody makes of the Secret after each of our writes.
type Rival = fn(&mut Phone);

/// Changes what is there.
fn changes(phone: &mut Phone, change: impl FnOnce(&mut BTreeMap<String, Secret>)) {
    if let Some((_, owned, mut entries)) = phone.secret.clone() {
        change(&mut entries);
        phone.put(entries, owned);
    }
}

const RIVALS: [(&str, bool, Rival); 6] = [
    ("puts another password there", false, |phone| {
        changes(phone, |entries| drop(entries.insert("password".into(), Secret::new("theirs".into()))))
    }),
    ("drops a key", false, |phone| changes(phone, |entries| drop(entries.remove("username")))),
    ("drops another key each time", false, |phone| {
        let key = ["username", "domain", "sip_uri", "password"][phone.versions as usize % 4];
        changes(phone, |entries| drop(entries.remove(key)));
    }),
    ("deletes the Secret", false, |phone| phone.secret = None),
    ("takes the owner away", false, |phone| {
        let kept = phone.secret.clone();
        kept.into_iter().for_each(|(_, _, entries)| phone.put(entries, false));
    }),
    ("drops the generated password", true, |phone| changes(phone, |entries| drop(entries.remove("password")))),
];

struct Quarrel {
    world: World,
    rival: Option<Rival>,
    /// When we wrote the Secret.
    writes: Vec<Moment>,
    last: Option<Action>,
}

impl Quarrel {
    fn begin(generates: bool, rival: Rival) -> Self {
        let start = applied().now(0);
        let view = start.view.clone();
        let stored = Stored { version: 1, object: view.object, status: view.status, desired: view.desired };
        let mut world = World::new(1, stored, vec![Process::new(start)], at(0));
        world.provider.readable = true;
        world.phone = Some(Phone { generates, ..Phone::default() });
        Self { world, rival: Some(rival), writes: Vec::new(), last: None }
    }

    /// Each minute somebody's event wakes the object.
    fn until(&mut self, end: u64) {
        while self.world.now < at(end) {
            self.pass();
            self.world.advance(Duration::from_secs(60));
        }
    }

    fn pass(&mut self) {
        let world = &mut self.world;
        world.sweep(0);
        world.advance(Duration::from_secs(2));
        world.processes[0].start.view.memory.pass_began = world.now;
        while let Some((view, action)) = world.decide(0) {
            laws::check(&view, &action);
            let more = world.perform(0, &view, &action);
            if matches!(action, Action::StorePassword | Action::WriteConnection(_)) {
                self.writes.push(world.now);
                assert!(self.writes.len() < 60, "it never stops:\n{}", world.log.join("\n"));
                if let (Some(rival), Some(phone)) = (self.rival, &mut world.phone) {
                    rival(phone);
                }
            }
            self.last = Some(action);
            if !more {
                return;
            }
        }
    }

    fn said(&self) -> String {
        self.last.as_ref().map(describe).unwrap_or_default()
    }

    fn wish(&mut self, secret: u32) {
        let stored = self.world.stored.as_mut().expect("the object");
        stored.desired = wanted("desk", secret);
        stored.object.generation += 1;
        stored.version += 1;
        self.world.watch(0);
    }
}

#[test]
fn whoever_undoes_our_writes_is_answered_three_times_and_then_once_an_hour() {
    for (who, generates, rival) in RIVALS {
        let mut quarrel = Quarrel::begin(generates, rival);
        quarrel.until(1800);
        // Who drops another key each time has more to undo.
        let most = if who.starts_with("drops another") { 4 * 4 } else { 1 + 4 };
        let burst = quarrel.writes.len();
        assert!((4..=most).contains(&burst), "{who}: {burst}\n{}", quarrel.world.log.join("\n"));
        assert!(quarrel.said().ends_with("Contested"), "{who}: {}", quarrel.said());
        assert_eq!(quarrel.world.provider.endpoints.len(), usize::from(!generates), "{who}: no endpoint without its password");

        quarrel.until(1800 + 6 * 3600);
        let later = quarrel.writes.len() - burst;
        assert!((5..=if most > 5 { 4 * 6 } else { 6 }).contains(&later), "{who}: {later} in six hours\n{}", quarrel.world.log.join("\n"));

        // He gives up: nothing is left of it an hour later.
        quarrel.rival = None;
        quarrel.until(1800 + 7 * 3600 + 300);
        assert_eq!(quarrel.said(), "Done: Available", "{who}");
        let phone = quarrel.world.phone.as_ref().expect("a Secret");
        let (_, owned, entries) = phone.secret.as_ref().expect("a Secret");
        assert!(*owned && entries.len() == 4, "{who}: {entries:?}");
        assert_eq!(quarrel.world.provider.endpoints.len(), 1, "{who}");
    }
}

#[test]
fn a_password_that_is_rotated_meanwhile_is_written_at_once() {
    let (_, generates, rival) = RIVALS[0];
    let mut quarrel = Quarrel::begin(generates, rival);
    quarrel.until(600);
    assert!(quarrel.said().ends_with("Contested"), "{}", quarrel.said());
    let before = quarrel.writes.len();
    quarrel.wish(2);
    quarrel.until(1200);
    let held = quarrel.world.phone.as_ref().map(|phone| phone.held.clone()).unwrap_or_default();
    assert!(held.iter().any(|held| *held == password(2)), "the phone gets it");
    assert!((1..=4).contains(&(quarrel.writes.len() - before)), "and no more than any other: {:?}", quarrel.writes);
}
