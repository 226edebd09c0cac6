//! What would happen: `next` unfolded under the assumption that every action succeeds. There is no second planner: what is printed here is
//! decided by the function that runs, on the same views, and learns from each supposed answer through the same methods.
//!
//! Everything happens on paper. What is known of the provider (a complete listing, reads by id) stands in [`Things`] and [`Numbers`], which
//! follow what the plan does; time passes when a decision waits for nothing else. Where a decision asks for something that nobody has read
//! yet, the plan is broken off with an [`Ask`]: the shell reads it and begins again. Same start, same plan.

mod made;
mod number;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::api::condition::Reason;
use crate::core::action::{Finding, Release};
use crate::core::fields::{Fields, Number, Remote};
use crate::core::sighting::numbers::{NumberUpdated, Numbers as Listed};
use crate::core::sighting::{Amendment, Collection, Sightings};
use crate::core::time::Moment;

pub use made::{Course as MadeCourse, Start as MadeStart, fresh_version, unfold as unfold_made};
pub use number::{Course as NumberCourse, Start as NumberStart, unfold as unfold_number};
pub use words::{AFTER_APPLY, plain};

/// So many actions are unfolded for one object: far more than any needs. What does not come to rest by then is said to wait.
pub const MOST: usize = 200;
/// So much time may pass in a plan, in settle times: enough for any proof of absence.
const HORIZON: u32 = 10;
/// What an action takes.
const TICK: Duration = Duration::from_millis(1);

/// What has to be read at the provider before the plan can go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The thing with this id.
    Get(String),
    /// What points to the thing with this id.
    References(String),
    /// This number, written as the provider does; and its id there, if it is asked for by that.
    Number(String, Option<String>),
    /// All numbers of the account.
    Numbers,
}

/// What a step is, for the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Something is made at the provider.
    Create,
    /// Something is changed at the provider.
    Update,
    /// Something is deleted at the provider.
    Delete,
    /// Something that exists there becomes the object's.
    Adopt,
    /// A connection Secret is written.
    Secret,
    /// The object is let go.
    Release,
    /// Nothing is done: why the next step is.
    Note,
}

impl Change {
    /// It changes something at the provider.
    pub fn at_provider(self) -> bool {
        matches!(self, Change::Create | Change::Update | Change::Delete)
    }
}

/// One step of a plan, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is.
    pub change: Change,
    /// A clause without its full stop: `create endpoint …`.
    pub what: String,
    /// Field by field, secrets masked.
    pub details: Vec<String>,
}

/// How a plan ends for one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing remains to be done.
    Rest(Finding),
    /// It waits for something that no step of the plan brings about; `None`: nothing is said of it.
    Waits(Option<Finding>),
    /// The object may go.
    Gone(Release),
}

/// Whether a wait with this finding ends by itself, so that the plan goes on after it. Every other one is for something that others do, or
/// that nobody can foresee.
fn passes(finding: Option<&Finding>) -> bool {
    finding.is_none_or(|finding| matches!(finding.reason, Reason::AwaitingEvidence | Reason::Progressing | Reason::Deleting))
}

/// Until when the plan may go on after a wait.
fn wakes(until: Option<Moment>, finding: Option<&Finding>, horizon: Moment) -> Option<Moment> {
    until.filter(|until| passes(finding) && *until <= horizon)
}

/// What an account holds of one kind of things, as far as is known, and as it will be when the steps so far are done.
#[derive(Clone, Debug, Default)]
pub struct Things {
    listed: Sightings,
    read: BTreeMap<String, Option<Remote>>,
    references: BTreeMap<String, Vec<String>>,
    /// What the plan itself has made, changed or deleted: nothing more will be known of it than that.
    touched: BTreeSet<String>,
    free: BTreeSet<String>,
}

impl Things {
    /// Of a complete listing.
    pub fn new(listed: Sightings) -> Self {
        Self { listed, ..Self::default() }
    }

    /// A read by id was answered so; `None`: not found.
    pub fn answer(&mut self, id: &str, found: Option<Remote>) {
        match &found {
            Some(remote) => self.listed.insert(remote.clone()),
            // It has gone since it was listed.
            None => self.listed.remove(id),
        }
        self.read.insert(id.to_owned(), found);
    }

    /// This points to it.
    pub fn answer_references(&mut self, id: &str, by: Vec<String>) {
        self.references.insert(id.to_owned(), by);
    }

    /// What pointed to it does not any more: the plan has led it elsewhere, or deleted it.
    pub fn release(&mut self, id: &str) {
        self.free.insert(id.to_owned());
    }

    /// What a read by id answers, if that is known.
    fn look(&self, id: &str) -> Option<Option<Remote>> {
        if self.touched.contains(id) {
            return Some(self.listed.get(id).cloned());
        }
        self.read.get(id).cloned()
    }

    /// What points to it, if that is known.
    fn references(&self, id: &str) -> Option<Vec<String>> {
        let free = self.free.contains(id) || self.touched.contains(id) && !self.references.contains_key(id);
        if free { Some(Vec::new()) } else { self.references.get(id).cloned() }
    }

    fn amend(&mut self, id: &str, amendment: &Amendment) {
        self.listed.amend(amendment);
        self.touched.insert(id.to_owned());
    }
}

/// The numbers of an account, as [`Things`].
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    listed: Option<Listed>,
    read: BTreeMap<String, Option<Number>>,
}

impl Numbers {
    /// This is a complete listing of them.
    pub fn answer_all(&mut self, listed: Listed) {
        self.listed = Some(listed);
    }

    /// A read of the number was answered so; `None`: the account does not hold it.
    pub fn answer(&mut self, number: &str, found: Option<Number>) {
        self.read.insert(number.to_owned(), found);
    }

    /// What a listing shows of the number: what was read of it counts more.
    fn in_listing(&self, number: &str) -> Option<Option<Number>> {
        let listed = self.listed.as_ref()?;
        Some(self.read.get(number).cloned().unwrap_or_else(|| listed.get(number).cloned()))
    }

    fn update(&mut self, number: &str, change: &Fields) {
        if let Some(listed) = &mut self.listed {
            listed.amend(&NumberUpdated { number: number.to_owned(), change: change.clone() });
        }
        if let Some(Some(known)) = self.read.get_mut(number) {
            let plain = change.iter().filter(|(_, value)| value.is_plain());
            known.fields.extend(plain.map(|(field, value)| (*field, value.clone())));
        }
    }
}
