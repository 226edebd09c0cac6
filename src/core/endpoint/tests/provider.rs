//! The provider of the simulated world, and the dice.

use std::collections::BTreeMap;

use super::make::named;
use crate::core::fields::{Fields, PASSWORD, Remote, Value};
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
}

impl Provider {
    pub fn execute(&mut self, username: &str, fields: &Fields, visible: Moment) -> Remote {
        self.count += 1;
        let mut fields = fields.clone();
        let password = fields.remove(PASSWORD);
        let mut remote = named(&format!("new{}", self.count), &format!("{username}{}", 100 + self.count));
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

    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }
}
