//! The connection Secret of the simulated world, with versions like everything at the API server.

use std::collections::BTreeMap;

use super::make::{PHONE, version, written};
use crate::core::endpoint::connection::{ConnectionSecret, Entries, Held, PASSWORD};
use crate::core::fields::{self, Secret, Value};
use crate::core::view::{Desired, View, WantedPassword};

/// What the spec names, and what there is under that name.
#[derive(Clone, Default)]
pub struct Phone {
    /// The password is generated, and lives in it.
    pub generates: bool,
    /// Its version, whether it goes with the object, and what it holds.
    pub secret: Option<(u32, bool, BTreeMap<String, Secret>)>,
    /// Every password that it ever held.
    pub held: Vec<Secret>,
    /// How many passwords were made.
    pub made: u32,
    pub versions: u32,
}

impl Phone {
    /// As gathered.
    pub fn show(&self, view: &mut View) {
        let held = match &self.secret {
            None => Held::Absent,
            Some((number, owned, entries)) => Held::Own { version: version(1000 + number), owned: *owned, entries: entries.clone() },
        };
        let stored = self.password().cloned();
        view.connection =
            (!view.object.deleting && !view.object.gone).then(|| ConnectionSecret { name: PHONE.into(), generates: self.generates, held });
        if !self.generates {
            return;
        }
        match (&mut view.desired, stored, &self.secret) {
            (Desired::Wanted(wanted), Some(value), Some((number, ..))) => {
                wanted.create.insert(fields::PASSWORD, Value::Secret(value.clone()));
                wanted.password = Some(WantedPassword { value, version: version(1000 + number), along: None });
            }
            (Desired::Wanted(_), ..) => {
                view.desired = Desired::Unmade(super::make::problem(crate::api::condition::Reason::SecretNotFound));
            }
            _ => {}
        }
    }

    pub fn password(&self) -> Option<&Secret> {
        self.secret.as_ref().and_then(|(_, _, entries)| entries.get(PASSWORD))
    }

    /// A password that nobody had.
    pub fn new_password(&mut self) -> Entries {
        self.made += 1;
        Entries::from([(PASSWORD, Some(Secret::new(format!("made-{}", self.made))))])
    }

    /// A write at the version that was read; whether it was applied.
    pub fn write(&mut self, read: Option<&ConnectionSecret>, entries: &Entries) -> bool {
        let before = match (read.map(|read| &read.held), &self.secret) {
            (Some(Held::Absent), None) => BTreeMap::new(),
            (Some(Held::Own { version: read, .. }), Some((number, _, entries))) if *read == version(1000 + number) => entries.clone(),
            _ => return false,
        };
        self.put(written(before, entries), true);
        true
    }

    /// Somebody writes it.
    pub fn put(&mut self, entries: BTreeMap<String, Secret>, owned: bool) {
        self.versions += 1;
        self.held.extend(entries.get(PASSWORD).cloned());
        self.secret = Some((self.versions, owned, entries));
    }

    /// The version of what is there.
    pub fn version(&self) -> Option<crate::api::ledger::SecretVersion> {
        self.secret.as_ref().map(|(number, ..)| version(1000 + number))
    }
}
