//! What is known about remote endpoints and *how* it is known. An observation is evidence with a proof value, never truth:
//! when the request began decides what it can prove.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::fields::{Remote, Role};
use crate::core::mark::Mark;
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

/// An answer to a search by the object's mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Before the request was sent.
    pub began: Moment,
    /// All that carried the mark then is in it.
    pub complete: bool,
    /// What carries the mark.
    pub found: Vec<Remote>,
}

/// An answer to the question what points to something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referenced {
    /// Before the request was sent.
    pub began: Moment,
    /// What does, in words for people.
    pub by: Vec<String>,
    /// The object's generation then, and the time in its annotation that asks for another look.
    pub asked: (i64, Option<String>),
}

/// An endpoint in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// As listed.
    pub remote: Remote,
    /// When that listing began.
    pub began: Moment,
}

/// What the account's listings, and the searches by its mark, say about one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sightings {
    /// When the newest listing of any proof began.
    pub newest: Option<Moment>,
    /// When the newest search of any proof began.
    pub newest_search: Option<Moment>,
    /// When the newest complete search began.
    pub searched: Option<Moment>,
    /// The recorded endpoint in the newest listing or search that shows it and is not older than a complete one that does not.
    pub recorded: Option<Sighting>,
    /// Endpoints with the object's mark other than the recorded one, known deletions left out, by id.
    pub others: Vec<Sighting>,
    /// When the newest complete listing began, if it does not show the recorded endpoint, whatever else it shows.
    pub recorded_unlisted: Option<Moment>,
    /// When the older of the two newest complete listings began, if neither shows the recorded endpoint, whatever else they show.
    pub recorded_absent: Option<Moment>,
    /// When the newest complete listing or search began, if it shows none of the others, and the recorded one is unlisted (see above) or
    /// out of the question: the older of the two moments.
    pub absent_once: Option<Moment>,
    /// When the older of the two newest complete ones began, if neither shows any; likewise.
    pub absent_twice: Option<Moment>,
}

/// All that is known from the provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The last conclusive reads by id, one for each id asked for.
    pub gets: BTreeMap<String, Got>,
    /// From listings.
    pub listings: Sightings,
    /// What was answered to the question what points to a thing, by its id.
    pub references: BTreeMap<String, Referenced>,
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

/// What in a listing concerns one object.
#[derive(Clone, Debug, Default)]
pub struct Subject<'a> {
    /// What its own endpoints are recognised by; `None`: none is its own by its mark (it adopts one).
    pub mark: Option<&'a Mark>,
    /// Answered searches by the mark, oldest first, like the listings.
    pub searches: &'a [Search],
    /// The endpoint that is recorded or to be adopted.
    pub recorded: Option<&'a str>,
    /// Ids whose deletion the provider confirmed: a listing that still shows them is stale.
    pub deleted: BTreeSet<&'a str>,
    /// Ids that another live object has a better right to: they are not this object's, whatever mark they carry.
    pub claimed: BTreeSet<&'a str>,
    /// Our own last create or update. What a listing that began before shows of the recorded endpoint is our own amendment, not a
    /// sight of it: it keeps it from being absent, no more.
    pub effect: Moment,
}

/// A listing, or a search, as far as it shows what carries the object's mark.
struct Look<'s> {
    began: Moment,
    complete: bool,
    others: Vec<&'s Remote>,
    recorded: Option<&'s Remote>,
    everything: bool,
}

/// What the listings (oldest first; the newest of any proof and the two newest complete ones) and the searches say about an object.
pub fn sightings(listings: &[Listing<'_>], subject: &Subject<'_>) -> Sightings {
    let Subject { mark, searches, recorded, deleted, claimed, effect } = subject;
    let (recorded, effect) = (*recorded, *effect);
    let concerns = |remote: &Remote| !deleted.contains(remote.id.as_str()) && !claimed.contains(remote.id.as_str());
    let other = |remote: &&Remote| {
        let own = remote.role == Role::Own && mark.is_some_and(|mark| mark.owns(&remote.username));
        own && Some(remote.id.as_str()) != recorded && concerns(remote)
    };
    let listed = listings.iter().map(|listing| Look {
        began: listing.began,
        complete: listing.complete,
        others: mark.iter().flat_map(|mark| listing.endpoints.with_mark(mark)).filter(other).collect(),
        recorded: recorded.and_then(|id| listing.endpoints.get(id)).filter(|remote| concerns(remote)),
        everything: true,
    });
    let searched = searches.iter().map(|search| Look {
        began: search.began,
        complete: search.complete,
        others: search.found.iter().filter(other).collect(),
        recorded: search.found.iter().find(|remote| Some(remote.id.as_str()) == recorded).filter(|remote| concerns(remote)),
        everything: false,
    });
    let mut looks: Vec<Look<'_>> = listed.chain(searched).collect();
    looks.sort_by_key(|look| look.began);
    let mut result = Sightings {
        newest: listings.iter().map(|listing| listing.began).max(),
        newest_search: searches.iter().map(|search| search.began).max(),
        searched: searches.iter().filter(|search| search.complete).map(|search| search.began).max(),
        ..Sightings::default()
    };
    // The recorded one: presence in any, absence from listings of everything only.
    let complete: Vec<&Listing<'_>> = listings.iter().filter(|listing| listing.complete).collect();
    let lacks = |listing: &Listing<'_>| recorded.is_some_and(|id| listing.endpoints.get(id).is_none() || deleted.contains(id));
    result.recorded_unlisted = complete.last().filter(|listing| lacks(listing)).map(|listing| listing.began);
    if let [.., before, last] = complete.as_slice()
        && lacks(before)
        && lacks(last)
    {
        result.recorded_absent = Some(before.began);
    }
    // The newest listing, and newer incomplete ones on top of the newest complete one.
    let floor = complete.last().map_or(Moment::ZERO, |listing| listing.began);
    let shown = looks.iter().filter(|look| look.began >= floor && (look.everything || look.began > floor));
    if let Some((remote, began)) = shown.rev().find_map(|look| Some((look.recorded?, look.began))) {
        result.recorded = Some(Sighting { remote: remote.clone(), began }).filter(|sighting| sighting.began >= effect);
        result.recorded_absent = None;
        result.recorded_unlisted = None;
    }
    // The others: a complete search says as much of them as a complete listing.
    let complete: Vec<&Look<'_>> = looks.iter().filter(|look| look.complete).collect();
    let floor = complete.last().map_or(Moment::ZERO, |look| look.began);
    let mut others: BTreeMap<&str, Sighting> = BTreeMap::new();
    for look in looks.iter().filter(|look| look.began >= floor) {
        others.extend(look.others.iter().map(|remote| (remote.id.as_str(), Sighting { remote: (*remote).clone(), began: look.began })));
    }
    result.others = others.into_values().collect();
    if result.others.is_empty() {
        let in_question = recorded.is_some_and(|id| !deleted.contains(id) && !claimed.contains(id));
        let with = |others: Option<Moment>, recorded: Option<Moment>| if in_question { others.min(recorded) } else { others };
        result.absent_once = with(complete.last().map(|look| look.began), result.recorded_unlisted);
        if let [.., before, _] = complete.as_slice()
            && before.others.is_empty()
        {
            result.absent_twice = with(Some(before.began), result.recorded_absent);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::endpoint::tests::make::{at, prefix, remote};

    /// Listings as (began, complete, ids).
    type Listings = &'static [(u64, bool, &'static [&'static str])];

    fn look(listings: Listings, recorded: Option<&str>, deleted: &[&str]) -> Sightings {
        look_and_search(listings, &[], recorded, deleted)
    }

    fn look_and_search(listings: Listings, searches: &[Search], recorded: Option<&str>, deleted: &[&str]) -> Sightings {
        let kept: Vec<(Moment, bool, Endpoints)> = listings
            .iter()
            .map(|(began, complete, ids)| {
                (at(*began), *complete, Endpoints::new(ids.iter().map(|id| (id.to_string(), shown(id))).collect(), None))
            })
            .collect();
        let listings: Vec<Listing<'_>> =
            kept.iter().map(|(began, complete, endpoints)| Listing { began: *began, complete: *complete, endpoints }).collect();
        let prefix = prefix();
        let deleted = deleted.iter().copied().collect();
        sightings(&listings, &Subject { mark: Some(&prefix), searches, recorded, deleted, ..Subject::default() })
    }

    /// `x…` are somebody else's.
    fn shown(id: &str) -> Remote {
        let username = id.strip_prefix('x').map_or_else(|| remote(id).username, |digits| format!("mallory{digits}"));
        Remote { username, ..remote(id) }
    }

    #[test]
    fn listings_prove_presence_and_absence_as_far_as_they_go() {
        // listings, recorded, deleted → recorded seen at, others, recorded absent since, absent once, absent twice
        type Expected = (Option<u64>, &'static [(&'static str, u64)], Option<u64>, Option<u64>, Option<u64>);
        type Case = (&'static str, Listings, Option<&'static str>, &'static [&'static str], Expected);
        let table: [Case; 15] = [
            ("nothing was listed", &[], Some("e1"), &[], (None, &[], None, None, None)),
            ("it is there", &[(10, true, &["e1"])], Some("e1"), &[], (Some(10), &[], None, None, None)),
            ("a second one is there", &[(10, true, &["e1", "e2"])], Some("e1"), &[], (Some(10), &[("e2", 10)], None, None, None)),
            ("somebody else's is not", &[(10, true, &["x1"])], None, &[], (None, &[], None, Some(10), None)),
            ("but it is if recorded", &[(10, true, &["x1"])], Some("x1"), &[], (Some(10), &[], None, None, None)),
            ("absent once", &[(10, true, &["e1"]), (20, true, &[])], Some("e1"), &[], (None, &[], None, Some(20), None)),
            ("absent twice", &[(10, true, &[]), (20, true, &[])], Some("e1"), &[], (None, &[], Some(10), Some(20), Some(10))),
            ("a torn one proves no absence", &[(10, true, &["e1"]), (20, false, &[])], Some("e1"), &[], (Some(10), &[], None, None, None)),
            (
                "nor counts between two",
                &[(10, true, &[]), (15, false, &[]), (20, true, &[])],
                None,
                &[],
                (None, &[], None, Some(20), Some(10)),
            ),
            (
                "a torn one proves presence",
                &[(10, true, &[]), (20, true, &[]), (30, false, &["e1"])],
                Some("e1"),
                &[],
                (Some(30), &[], None, None, None),
            ),
            (
                "but an older one does not",
                &[(5, false, &["e1"]), (10, true, &[]), (20, true, &[])],
                Some("e1"),
                &[],
                (None, &[], Some(10), Some(20), Some(10)),
            ),
            ("the newest sight counts", &[(10, true, &["e2"]), (20, false, &["e2"])], None, &[], (None, &[("e2", 20)], None, None, None)),
            (
                "what was deleted is stale",
                &[(10, true, &["e1"]), (20, true, &["e1"])],
                Some("e1"),
                &["e1"],
                (None, &[], Some(10), Some(20), Some(10)),
            ),
            (
                "a survivor spoils general absence only",
                &[(10, true, &["e2"]), (20, true, &["e2"])],
                Some("e1"),
                &[],
                (None, &[("e2", 20)], Some(10), None, None),
            ),
            ("absence since it was shown", &[(10, true, &["e2"]), (20, true, &[])], None, &[], (None, &[], None, Some(20), None)),
        ];
        for (sentence, listings, recorded, deleted, expected) in table {
            let found = look(listings, recorded, deleted);
            let (seen, others, recorded_absent, once, twice) = expected;
            let others: Vec<(String, Moment)> = others.iter().map(|(id, began)| (id.to_string(), at(*began))).collect();
            let found_others: Vec<(String, Moment)> = found.others.iter().map(|seen| (seen.remote.id.clone(), seen.began)).collect();
            assert_eq!(found.recorded.map(|seen| seen.began), seen.map(at), "{sentence}");
            assert_eq!(found_others, others, "{sentence}");
            assert_eq!(
                (found.recorded_absent, found.absent_once, found.absent_twice),
                (recorded_absent.map(at), once.map(at), twice.map(at)),
                "{sentence}"
            );
            assert_eq!(found.newest, listings.iter().map(|(began, ..)| at(*began)).max(), "{sentence}");
        }
    }

    #[test]
    fn the_newer_of_a_read_and_a_listing_counts() {
        // read (began, found), listings → observed at (by id), missing since
        type Expected = (Option<(u64, bool)>, Option<u64>);
        type Case = (&'static str, Option<(u64, bool)>, Listings, Expected);
        let table: [Case; 12] = [
            ("nothing is known", None, &[], (None, None)),
            ("read", Some((10, true)), &[], (Some((10, true)), None)),
            ("read as not found", Some((10, false)), &[], (None, Some(10))),
            ("listed", None, &[(10, true, &["e1"])], (Some((10, false)), None)),
            ("listed, then read", Some((20, true)), &[(10, true, &["e1"])], (Some((20, true)), None)),
            ("read, then listed", Some((10, true)), &[(20, true, &["e1"])], (Some((20, false)), None)),
            ("at the same moment the read counts", Some((10, true)), &[(10, true, &["e1"])], (Some((10, true)), None)),
            ("also against absence", Some((10, true)), &[(10, true, &[])], (Some((10, true)), None)),
            ("a later complete listing casts doubt", Some((10, true)), &[(20, true, &[])], (None, None)),
            ("a later torn one does not", Some((10, true)), &[(20, false, &[])], (Some((10, true)), None)),
            ("listed, then not found", Some((20, false)), &[(10, true, &["e1"])], (None, Some(20))),
            ("not found, then listed", Some((10, false)), &[(20, true, &["e1"])], (Some((20, false)), None)),
        ];
        for recorded in [Some("e1"), None] {
            for (sentence, read, listings, (observed, missing)) in &table {
                let gets = read.iter().map(|(began, found)| {
                    let found = found.then(|| remote("e1"));
                    ("e1".to_owned(), Got { id: "e1".into(), began: at(*began), found })
                });
                let evidence = Evidence { gets: gets.collect(), listings: look(listings, recorded, &[]), ..Evidence::default() };
                let found = evidence.observed("e1").map(|seen| (seen.began, seen.by_id));
                assert_eq!(found, observed.map(|(began, by_id)| (at(began), by_id)), "{sentence}");
                assert_eq!(evidence.missing("e1"), missing.map(at), "{sentence}");
                assert_eq!((evidence.observed("e9"), evidence.missing("e9")), (None, None));
            }
        }
    }

    #[test]
    fn what_we_put_into_an_older_listing_ourselves_is_no_sight_of_it_but_no_absence_either() {
        let endpoints = Endpoints::new([("e1".to_owned(), shown("e1"))].into(), None);
        let listing = |seconds| Listing { began: at(seconds), complete: true, endpoints: &endpoints };
        let prefix = prefix();
        let subject = Subject { mark: Some(&prefix), recorded: Some("e1"), effect: at(7), ..Subject::default() };
        let seen = |listings: &[Listing<'_>]| sightings(listings, &subject);
        let amended = seen(&[listing(3), listing(5)]);
        assert_eq!((amended.recorded, amended.absent_once, amended.absent_twice, amended.recorded_absent), (None, None, None, None));
        assert_eq!(seen(&[listing(5), listing(8)]).recorded.map(|sighting| sighting.began), Some(at(8)));
    }

    #[test]
    fn a_search_by_the_mark_proves_as_much_as_a_listing_of_all_but_the_recorded_one() {
        // listings, searches, recorded → recorded seen at, others, recorded absent since, absent once, absent twice
        type Searches = &'static [(u64, bool, &'static [&'static str])];
        type Expected = (Option<u64>, &'static [(&'static str, u64)], Option<u64>, Option<u64>, Option<u64>);
        type Case = (&'static str, Listings, Searches, Option<&'static str>, Expected);
        let table: [Case; 11] = [
            ("one search", &[], &[(10, true, &[])], None, (None, &[], None, Some(10), None)),
            ("two", &[], &[(10, true, &[]), (20, true, &[])], None, (None, &[], None, Some(20), Some(10))),
            ("one of each", &[(10, true, &[])], &[(20, true, &[])], None, (None, &[], None, Some(20), Some(10))),
            ("the other way round", &[(20, true, &[])], &[(10, true, &[])], None, (None, &[], None, Some(20), Some(10))),
            ("a torn one proves nothing", &[], &[(10, true, &[]), (20, false, &[])], None, (None, &[], None, Some(10), None)),
            ("but shows what it found", &[(10, true, &[])], &[(20, false, &["e2"])], None, (None, &[("e2", 20)], None, None, None)),
            ("unless a later one lacks it", &[(20, true, &[])], &[(10, true, &["e2"])], None, (None, &[], None, Some(20), None)),
            ("what it found besides is not ours", &[], &[(10, true, &["x1"])], None, (None, &[], None, Some(10), None)),
            ("the recorded one may have been renamed", &[], &[(10, true, &[]), (20, true, &[])], Some("e1"), (None, &[], None, None, None)),
            (
                "listings say whether it is there",
                &[(5, true, &[]), (8, true, &[])],
                &[(10, true, &[]), (20, true, &[])],
                Some("e1"),
                (None, &[], Some(5), Some(8), Some(5)),
            ),
            (
                "and a later search may show it",
                &[(5, true, &[]), (8, true, &[])],
                &[(10, true, &["e1"])],
                Some("e1"),
                (Some(10), &[], None, None, None),
            ),
        ];
        for (sentence, listings, searches, recorded, (seen, others, recorded_absent, once, twice)) in table {
            let found = |ids: &[&str]| ids.iter().map(|id| shown(id)).collect();
            let searches: Vec<Search> = searches
                .iter()
                .map(|(began, complete, ids)| Search { began: at(*began), complete: *complete, found: found(ids) })
                .collect();
            let found = look_and_search(listings, &searches, recorded, &[]);
            let shown: Vec<(String, Moment)> = found.others.iter().map(|seen| (seen.remote.id.clone(), seen.began)).collect();
            let others: Vec<(String, Moment)> = others.iter().map(|(id, began)| (id.to_string(), at(*began))).collect();
            assert_eq!((found.recorded.map(|seen| seen.began), shown), (seen.map(at), others), "{sentence}");
            assert_eq!(
                (found.recorded_absent, found.absent_once, found.absent_twice),
                (recorded_absent.map(at), once.map(at), twice.map(at)),
                "{sentence}"
            );
            assert_eq!(found.newest_search, searches.iter().map(|search| search.began).max(), "{sentence}");
        }
    }

    #[test]
    fn an_endpoint_that_belongs_to_another_object_is_not_this_objects_whatever_its_mark() {
        let endpoints = Endpoints::new(["e1", "e2"].into_iter().map(|id| (id.to_owned(), shown(id))).collect(), None);
        let listings = [at(5), at(8)].map(|began| Listing { began, complete: true, endpoints: &endpoints });
        let prefix = prefix();
        let subject = |recorded, claimed: &[&'static str]| Subject {
            mark: Some(&prefix),
            recorded,
            claimed: claimed.iter().copied().collect(),
            ..Subject::default()
        };
        let others = |seen: &Sightings| seen.others.iter().map(|seen| seen.remote.id.clone()).collect::<Vec<_>>();
        let one = sightings(&listings, &subject(None, &["e1"]));
        assert_eq!((others(&one), one.absent_once), (vec!["e2".to_owned()], None));
        let both = sightings(&listings, &subject(None, &["e1", "e2"]));
        assert_eq!((others(&both), both.absent_once, both.absent_twice), (vec![], Some(at(8)), Some(at(5))));
        let recorded = sightings(&listings, &subject(Some("e1"), &["e1", "e2"]));
        // It is there, only not this object's: so it is not proven gone either.
        assert_eq!((recorded.recorded, recorded.recorded_absent, recorded.absent_once), (None, None, Some(at(8))));
    }

    #[test]
    fn an_object_that_adopts_sees_that_endpoint_and_no_other_of_its_own_mark() {
        let endpoints = Endpoints::new(["e1", "x2"].into_iter().map(|id| (id.to_owned(), shown(id))).collect(), None);
        let listings = [Listing { began: at(5), complete: true, endpoints: &endpoints }];
        let seen = sightings(&listings, &Subject { recorded: Some("x2"), ..Subject::default() });
        assert_eq!((seen.recorded.map(|seen| seen.remote.id), seen.others, seen.absent_once), (Some("x2".into()), vec![], None));
        let gone = sightings(&listings, &Subject { recorded: Some("x3"), ..Subject::default() });
        assert_eq!((gone.recorded, gone.others, gone.absent_once), (None, vec![], Some(at(5))));
    }
}
