//! What decisions must know of a provider. The protocol is the same for all; where they differ, this record says how.

use crate::api::refs::ProviderKind;
use crate::core::fields::{FieldName, Fields, PASSWORD};
use crate::core::mark::Place;

/// How a provider differs from others in what the protocol cares about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Shown to people and stored in `status.account.provider`.
    pub provider: ProviderKind,
    /// Where the mark of an endpoint stands; where it can be changed, an id that our ledger recorded is ours all the same.
    pub mark: Place,
    /// The provider selects by the mark: a lost create is looked for by its mark, not in the listing of everything.
    pub list_filter: bool,
    /// Endpoints register. Where they do not, they are static peers without a SIP URI of their own.
    pub registers: bool,
    /// The provider can be asked what points to a thing, and is, before anything is deleted.
    pub referenced: bool,
    /// Largest page of a listing.
    pub page_size: u64,
    /// Which fields of an endpoint may be sent together, and what must go with them.
    pub updates: &'static [Together],
    /// Which field of a number says what answers it. Always sent: where an update leaves it out, the provider may reset it.
    pub number_target: FieldName,
    /// An update that leaves a number without anything to answer it may be refused or ignored: then its binding stays.
    pub number_must_answer: bool,
    /// Calls per 5 seconds used by default.
    pub default_budget: u32,
    /// Calls per 5 seconds that the provider allows the whole account; 0 where that is not known.
    pub provider_limit: u32,
}

/// Fields of an endpoint that are changed in one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Together {
    /// Which; empty: all that no other group names.
    pub fields: &'static [FieldName],
    /// What an update of them must always carry, managed or not, because the provider resets what is left out.
    pub carried: &'static [FieldName],
}

impl Capabilities {
    /// The group that a field of an endpoint belongs to.
    pub fn group(&self, field: &str) -> Option<&'static Together> {
        let named = self.updates.iter().find(|group| group.fields.contains(&field));
        named.or_else(|| self.updates.iter().find(|group| group.fields.is_empty()))
    }

    /// When its turn comes: `None`, the first, for all fields that no group names; else the place of the group that does. Fields of the same
    /// rank are changed in one request, fields of different ranks never are.
    pub fn rank(&self, field: &str) -> Option<usize> {
        self.updates.iter().position(|group| group.fields.contains(&field))
    }

    /// The rank of a change. A password may go along with another field, and then counts as that one.
    pub fn rank_of(&self, change: &Fields) -> Option<usize> {
        let others = change.keys().filter(|field| **field != PASSWORD).map(|field| self.rank(field));
        others.max().unwrap_or_else(|| self.rank(PASSWORD))
    }
}
