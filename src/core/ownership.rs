//! Whose an endpoint is: by its mark, by adoption, and who has it if several live objects claim the same one.

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;

use crate::api::policy::{DeletionPolicy, ManagementPolicy};
use crate::core::evidence::{Listing, Search, Sightings, Subject, sightings};
use crate::core::fields::{Remote, Role};
use crate::core::time::Moment;
use crate::core::view::View;

/// What a live object's claim on an endpoint rests on, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// The endpoint carries its mark.
    Mark,
    /// Its spec adopts the endpoint.
    Adopts,
    /// It has recorded the endpoint.
    Recorded,
}

/// A live object's claim on an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What it rests on.
    pub right: Right,
    /// When the object was made.
    pub created: Option<Timestamp>,
    /// The object's uid: of two that were made in the same second, one has to be the older.
    pub uid: String,
}

impl Claim {
    /// Whether this claim excludes the other one: the stronger right does, else the older object. Of two claims exactly one does, so
    /// that all who decide decide alike.
    pub fn prevails_over(&self, other: &Claim) -> bool {
        match self.right.cmp(&other.right) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => (self.created, &self.uid) < (other.created, &other.uid),
        }
    }
}

impl View {
    /// The endpoint that this object is about, if its id is known: the recorded one, else the one that is to be adopted.
    pub fn target(&self) -> Option<&str> {
        self.recorded().map(|recorded| recorded.id).or_else(|| self.adopt.as_ref().map(|adopt| adopt.id.as_str()))
    }

    /// Who has a better right to this endpoint than this object, in words.
    pub fn claimant(&self, id: &str) -> Option<&str> {
        self.claims.get(id).map(String::as_str)
    }

    /// What was seen is this object's endpoint: it carries the mark, or it is the adopted one and still the same (ids may be used again,
    /// usernames never change). Where anybody can change what carries the mark, an id that our own ledger recorded is ours without it too,
    /// unless it carries the mark of somebody else. And no other live object has a better right to it.
    pub fn owns(&self, remote: &Remote) -> bool {
        if remote.role != Role::Own || self.claimant(&remote.id).is_some() {
            return false;
        }
        let mutable = !self.mark.place().is_immutable();
        let recorded = self.recorded().is_some_and(|recorded| recorded.id == remote.id);
        match &self.adopt {
            None => {
                let by_ledger = mutable && recorded && self.own_ledger().is_some();
                self.mark.owns(&remote.username) || by_ledger && !self.mark.contradicted_by(&remote.username)
            }
            Some(_) if mutable => recorded,
            Some(_) => recorded && self.label().is_some_and(|known| known.eq_ignore_ascii_case(&remote.username)),
        }
    }

    /// Nothing is ever written at the provider for this object.
    pub fn observes(&self) -> bool {
        self.policy.management == ManagementPolicy::Observe
    }

    /// The endpoint stays when the object goes.
    pub fn keeps(&self) -> bool {
        self.policy.deletion == DeletionPolicy::Retain || self.observes()
    }

    /// Our finalizer belongs on the object once there is something at the provider. An adopted endpoint that stays anyway needs none.
    pub fn guarded(&self) -> bool {
        self.adopt.is_none() || !self.keeps()
    }

    /// What the account's listings (oldest first; the newest of any proof and the two newest complete ones) and the searches by the mark
    /// (likewise) say about this object. `deleted` and `effect`: see [`Subject`].
    pub fn sightings(&self, listings: &[Listing<'_>], searches: &[Search], deleted: BTreeSet<&str>, effect: Moment) -> Sightings {
        let subject = Subject {
            mark: self.adopt.is_none().then_some(&self.mark),
            // What a provider selected that does not select any more is not believed.
            searches: if self.selects() { searches } else { &[] },
            recorded: self.target(),
            deleted,
            claimed: self.claims.keys().map(String::as_str).collect(),
            effect,
        };
        sightings(listings, &subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(right: Right, created: Option<i64>, uid: &str) -> Claim {
        Claim { right, created: created.map(|second| Timestamp::from_second(second).expect("a valid second")), uid: uid.into() }
    }

    #[test]
    fn the_stronger_right_prevails_then_the_older_object_and_never_both_or_none() {
        let table = [
            ("recorded against adopted", claim(Right::Recorded, Some(9), "z"), claim(Right::Adopts, Some(1), "a")),
            ("recorded against marked", claim(Right::Recorded, Some(9), "z"), claim(Right::Mark, Some(1), "a")),
            ("adopted against marked", claim(Right::Adopts, Some(9), "z"), claim(Right::Mark, Some(1), "a")),
            ("both recorded: the older", claim(Right::Recorded, Some(1), "z"), claim(Right::Recorded, Some(2), "a")),
            ("both adopt: the older", claim(Right::Adopts, Some(1), "z"), claim(Right::Adopts, Some(2), "a")),
            ("in the same second: by uid", claim(Right::Adopts, Some(1), "a"), claim(Right::Adopts, Some(1), "b")),
            ("an unknown age counts as old", claim(Right::Adopts, None, "z"), claim(Right::Adopts, Some(1), "a")),
        ];
        for (sentence, winner, loser) in table {
            assert!(winner.prevails_over(&loser) && !loser.prevails_over(&winner), "{sentence}");
        }
    }
}
