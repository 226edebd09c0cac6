//! What is known about remote endpoints and *how* it is known. An observation is evidence with a proof value, never truth:
//! when the request began decides what it can prove.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::fields::Remote;
use crate::core::mark::Prefix;
use crate::core::sighting::Sightings as Endpoints;
use crate::core::time::Moment;

/// A listing, as the account keeps it.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    /// Before its first request was sent.
    pub began: Moment,
    /// Every endpoint that existed all the while is in it.
    pub complete: bool,
    /// What it shows.
    pub endpoints: &'a Endpoints,
}

/// An answer to a read by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// Which id was asked for.
    pub id: String,
    /// Before the request was sent.
    pub began: Moment,
    /// What came back. Answers that prove nothing are not evidence.
    pub found: Option<Remote>,
}

/// An endpoint in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// As listed.
    pub remote: Remote,
    /// When that listing began.
    pub began: Moment,
}

/// What the account's listings say about one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sightings {
    /// When the newest listing of any proof began.
    pub newest: Option<Moment>,
    /// The recorded endpoint in the newest listing that shows it and is not older than a complete one that does not.
    pub recorded: Option<Sighting>,
    /// Endpoints with the object's mark other than the recorded one, known deletions left out, by id.
    pub others: Vec<Sighting>,
    /// When the newest complete listing began, if it does not show the recorded endpoint, whatever else it shows.
    pub recorded_unlisted: Option<Moment>,
    /// When the older of the two newest complete listings began, if neither shows the recorded endpoint, whatever else they show.
    pub recorded_absent: Option<Moment>,
    /// When the newest complete listing began, if it shows none of the above.
    pub absent_once: Option<Moment>,
    /// When the older of the two newest complete listings began, if neither shows any.
    pub absent_twice: Option<Moment>,
}

/// All that is known from the provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The last conclusive reads by id, one for each id asked for.
    pub gets: BTreeMap<String, Got>,
    /// From listings.
    pub listings: Sightings,
    /// Whether the endpoint that [`Evidence::observed`] answers has the wanted password; `None`: the answer does not tell.
    pub password_matches: Option<bool>,
}

/// How an endpoint was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed<'a> {
    /// As seen.
    pub remote: &'a Remote,
    /// When that request or listing began.
    pub began: Moment,
    /// By id, not in a listing.
    pub by_id: bool,
}

impl Evidence {
    /// The newest sight of the endpoint `id`, unless something newer says that it is not there.
    pub fn observed(&self, id: &str) -> Option<Observed<'_>> {
        let got = self.gets.get(id);
        let listed = self.listed(id);
        match (got, listed) {
            (Some(got), Some(seen)) if seen.began > got.began => Some(Observed { remote: &seen.remote, began: seen.began, by_id: false }),
            (None, Some(seen)) => Some(Observed { remote: &seen.remote, began: seen.began, by_id: false }),
            // A complete listing that began later and does not show it casts doubt on the older read.
            (Some(got), _) => got
                .found
                .as_ref()
                .filter(|_| {
                    let doubts = [self.listings.absent_once, self.listings.recorded_unlisted];
                    doubts.into_iter().flatten().all(|absent| absent <= got.began)
                })
                .map(|remote| Observed { remote, began: got.began, by_id: true }),
            (None, None) => None,
        }
    }

    /// A read by id answered "not found", and nothing newer shows it. When that read began.
    pub fn missing(&self, id: &str) -> Option<Moment> {
        let got = self.gets.get(id).filter(|got| got.found.is_none())?;
        self.listed(id).is_none_or(|seen| seen.began <= got.began).then_some(got.began)
    }

    fn listed(&self, id: &str) -> Option<&Sighting> {
        self.listings.recorded.iter().chain(&self.listings.others).find(|seen| seen.remote.id == id)
    }
}

/// What the listings (oldest first; the newest of any proof and the two newest complete ones) say about the object with this
/// prefix and recorded id. What a listing that began before `effect` (our own last create or update) shows of the recorded
/// endpoint is our own amendment, not a sight of it: it keeps it from being absent, no more. `deleted` are ids whose deletion the
/// provider confirmed: a listing that still shows them is stale.
pub fn sightings<'a>(
    listings: &[Listing<'a>],
    prefix: &Prefix,
    recorded: Option<&str>,
    deleted: &BTreeSet<&str>,
    effect: Moment,
) -> Sightings {
    let mut result = Sightings { newest: listings.iter().map(|listing| listing.began).max(), ..Sightings::default() };
    let concerned = |listing: &Listing<'a>| {
        let own = listing.endpoints.with_prefix(prefix.as_str()).filter(|remote| prefix.owns(&remote.username));
        let recorded = recorded.and_then(|id| listing.endpoints.get(id)).filter(|remote| !prefix.owns(&remote.username));
        own.chain(recorded).filter(|remote| !deleted.contains(remote.id.as_str())).collect::<Vec<&Remote>>()
    };
    let complete: Vec<&Listing<'a>> = listings.iter().filter(|listing| listing.complete).collect();
    let empty = |listing: &&Listing<'a>| concerned(listing).is_empty();
    result.absent_once = complete.last().filter(|listing| empty(listing)).map(|listing| listing.began);
    if let [.., before, last] = complete.as_slice()
        && empty(before)
        && empty(last)
    {
        result.absent_twice = Some(before.began);
    }
    let lacks = |listing: &Listing<'_>| recorded.is_some_and(|id| listing.endpoints.get(id).is_none() || deleted.contains(id));
    result.recorded_unlisted = complete.last().filter(|listing| lacks(listing)).map(|listing| listing.began);
    if let [.., before, last] = complete.as_slice()
        && lacks(before)
        && lacks(last)
    {
        result.recorded_absent = Some(before.began);
    }
    // Presence: the newest listing, and newer incomplete ones on top of the newest complete one.
    let floor = complete.last().map_or(Moment::ZERO, |listing| listing.began);
    let mut shown = false;
    let mut others: BTreeMap<&'a str, Sighting> = BTreeMap::new();
    for listing in listings.iter().filter(|listing| listing.began >= floor) {
        for remote in concerned(listing) {
            let sighting = Sighting { remote: remote.clone(), began: listing.began };
            if Some(remote.id.as_str()) == recorded {
                shown = true;
                result.recorded = Some(sighting).filter(|sighting| sighting.began >= effect);
            } else {
                others.insert(&remote.id, sighting);
            }
        }
    }
    result.others = others.into_values().collect();
    if result.recorded.is_some() {
        result.recorded_absent = None;
    }
    if shown {
        result.recorded_unlisted = None;
    }
    // Something seen in a newer, incomplete listing is not absent.
    if shown || !result.others.is_empty() {
        result.absent_once = None;
        result.absent_twice = None;
    }
    result
}
