//! What we wrote into a connection Secret, and how often it had to be written again: whoever undoes it (an operator for Secrets, a GitOps
//! tool, an admission webhook) is answered as in any [`Quarrel`]: each answer is an event for the other side.
//!
//! A value of ours that changes (a rotation, a new SIP URI) is no answer to anybody. All this is in memory: a restart costs a few writes.

use std::collections::BTreeMap;

use super::connection::{ConnectionSecret, Entries, Held, PASSWORD};
use crate::core::fields::Secret;
use crate::core::shared::quarrel::Quarrel;
use crate::core::time::Moment;

/// Stands for the owner reference among the keys.
pub const OWNER: &str = "metadata.ownerReferences";

/// The writes of one connection Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrites {
    secret: String,
    keys: BTreeMap<&'static str, Rewrite>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rewrite {
    /// What was written last; nothing if it was taken away, or may be another one each time.
    value: Option<Secret>,
    /// It was written again.
    quarrel: Quarrel,
}

impl Rewrites {
    /// These entries were written, into what was there before.
    pub(in crate::core) fn written(&mut self, before: &ConnectionSecret, entries: &Entries, now: Moment) {
        if self.secret != before.name {
            *self = Self { secret: before.name.clone(), ..Self::default() };
        }
        for key in keys(before, entries.keys().copied()) {
            // A generated password that is not stored is another one each time, and nobody wanted another one.
            let made = before.generates && key == PASSWORD;
            let value = entries.get(key).cloned().flatten().filter(|_| !made);
            match self.keys.get_mut(key) {
                Some(known) if known.value == value => known.quarrel.answered(now),
                _ => drop(self.keys.insert(key, Rewrite { value, ..Rewrite::default() })),
            }
        }
    }

    /// A write of these keys would only answer others once more; when it is written again, and which keys they are.
    pub(super) fn contested(&self, secret: &ConnectionSecret, entries: &Entries, now: Moment) -> Option<(Moment, Vec<&'static str>)> {
        let known = Some(&self.keys).filter(|_| self.secret == secret.name)?;
        let keys: Vec<&'static str> = keys(secret, entries.keys().copied()).collect();
        let until = |key: &&'static str| {
            let made = secret.generates && *key == PASSWORD;
            let value = entries.get(key).cloned().flatten().filter(|_| !made);
            known.get(key).filter(|rewrite| rewrite.value == value)?.quarrel.until(now)
        };
        // With anything else in it the write is due in any case, and then all of it is put right.
        let until: Option<Vec<Moment>> = keys.iter().map(until).collect();
        Some((until?.into_iter().min()?, keys))
    }
}

/// What a write of these entries changes.
fn keys(secret: &ConnectionSecret, entries: impl Iterator<Item = &'static str>) -> impl Iterator<Item = &'static str> {
    let given = matches!(secret.held, Held::Own { owned: false, .. });
    entries.chain(given.then_some(OWNER))
}
