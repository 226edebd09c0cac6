//! The provider of the simulated world, and the dice.

use std::collections::BTreeMap;

use super::make::{labelled, named, record, text};
use crate::core::fields::{Fields, PASSWORD, Remote, Value};
use crate::core::mark::Place;
use crate::core::time::Moment;

/// Reproducible choices.
pub struct Rng(pub u64);

impl Rng {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

/// A create that was sent.
pub struct Flight {
    pub executes: Moment,
    pub username: String,
    pub fields: Fields,
}

/// What is true at the provider.
#[derive(Default)]
pub struct Provider {
    /// With the moment from which it is visible.
    pub endpoints: BTreeMap<String, (Remote, Moment)>,
    /// Deleted, but listed until then.
    pub ghosts: Vec<(Remote, Moment)>,
    pub flights: Vec<Flight>,
    count: u64,
    /// Reads by id show something of the password.
    pub readable: bool,
    /// Something points to these, until then.
    pub in_use: BTreeMap<String, Moment>,
    /// What was changed lately, as it was before, until then: reads may still show that.
    pub stale: BTreeMap<String, (Remote, Moment)>,
}

impl Provider {
    pub fn execute(&mut self, username: &str, fields: &Fields, visible: Moment) -> Remote {
        self.count += 1;
        let mut fields = fields.clone();
        let password = fields.remove(PASSWORD);
        let mut remote = named(&format!("new{}", self.count), &labelled(username, &(100 + self.count).to_string()));
        remote.fields.extend(fields);
        if let Some(Value::Secret(secret)) = password {
            remote.password_digest = Some(secret);
        }
        self.endpoints.insert(remote.id.clone(), (remote.clone(), visible));
        remote
    }

    pub fn shown(&self, remote: &Remote) -> Remote {
        Remote { password_digest: remote.password_digest.clone().filter(|_| self.readable), ..remote.clone() }
    }

    /// Fields are changed.
    pub fn change(&mut self, id: &str, change: &Fields) -> Option<Remote> {
        let ranks: Vec<_> = change.keys().filter(|field| **field != PASSWORD).map(|field| record().rank(field)).collect();
        assert!(ranks.windows(2).all(|pair| pair[0] == pair[1]), "fields that do not go together: {change:?}");
        let (remote, _) = self.endpoints.get_mut(id)?;
        for (field, value) in change {
            match value {
                Value::Secret(secret) => remote.password_digest = Some(secret.clone()),
                value => {
                    let value = value.applied_to(remote.fields.get(field));
                    remote.fields.insert(field, value);
                }
            }
        }
        if let (Place::Name, Some(name)) = (record().mark, change.get("name").and_then(Value::text)) {
            name.clone_into(&mut remote.username);
        }
        Some(remote.clone())
    }

    /// Somebody gives it another name, in the console.
    pub fn rename(&mut self, id: &str, name: &str) {
        self.change(id, &Fields::from([("name", text(name))]));
    }

    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }
}
