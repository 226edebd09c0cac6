//! Whose endpoints an account holds. Nothing here ever leads to a deletion: what nobody stands for is counted, and people decide.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::api::provider_account::{EndpointCounts, NumberCounts};
use crate::core::fields::Role;
use crate::core::mark::{Mark, recognise};
use crate::core::sighting::Sightings;
use crate::core::sighting::numbers::Numbers;

/// The objects of this cluster that can be read.
#[derive(Clone, Debug, Default)]
pub struct Known {
    keys: HashMap<String, String>,
    ids: HashSet<String>,
}

impl Known {
    /// An object: the name part of its mark, its mark (none, if it adopts: then no endpoint is its own by its mark), and the ids that it has recorded or adopts.
    pub fn add<'a>(&mut self, name_part: String, mark: Option<&Mark>, ids: impl IntoIterator<Item = &'a str>) {
        self.keys.insert(name_part, mark.map(|mark| mark.key().to_owned()).unwrap_or_default());
        self.ids.extend(ids.into_iter().map(str::to_owned));
    }
}

/// A listing, by what its endpoints are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    managed: usize,
    unmanaged: usize,
    foreign: usize,
    /// Ids that carry a mark of ours which no readable object stands for, with the name part of that mark; `None`: an object of that name
    /// exists, and its username is another one (this endpoint is from before).
    unclaimed: BTreeMap<String, Option<String>>,
}

impl Census {
    /// Counts a listing. `installation` are the three characters of ours.
    pub fn take(installation: &str, endpoints: &Sightings, known: &Known) -> Self {
        let mut census = Self::default();
        // What is the provider's own, or another account's, is nobody's here.
        for remote in endpoints.iter().filter(|remote| remote.role == Role::Own) {
            if known.ids.contains(&remote.id) {
                census.managed += 1;
                continue;
            }
            match recognise(&remote.username) {
                None => census.unmanaged += 1,
                Some(marked) if marked.installation != installation => census.foreign += 1,
                Some(marked) => match known.keys.get(&marked.name) {
                    Some(key) if *key == marked.key => census.managed += 1,
                    Some(_) => drop(census.unclaimed.insert(remote.id.clone(), None)),
                    None => drop(census.unclaimed.insert(remote.id.clone(), Some(marked.name))),
                },
            }
        }
        census
    }

    /// Whether an object that cannot be read, or is not in the cache yet, may stand for some of them: the names of all objects are needed,
    /// read after the listing.
    pub fn needs_names(&self) -> bool {
        self.unclaimed.values().any(Option::is_some)
    }

    /// Leaves out those whose name lives. `names` are the name parts of all objects there are.
    pub fn claim(mut self, names: &HashSet<String>) -> Self {
        let before = self.unclaimed.len();
        self.unclaimed.retain(|_, name| name.as_ref().is_none_or(|name| !names.contains(name)));
        self.managed += before - self.unclaimed.len();
        self
    }

    /// What is reported. `orphans`: of the account's former listings; absent, if objects may live where nobody looks.
    pub fn counts(self, seq: u64, orphans: Option<&mut Orphans>) -> EndpointCounts {
        EndpointCounts {
            managed: number(self.managed),
            unmanaged: number(self.unmanaged),
            foreign: number(self.foreign),
            orphaned: orphans.map(|orphans| number(orphans.confirm(seq, self.unclaimed.into_keys().collect()))),
        }
    }
}

/// What is reported of a listing of numbers. `bound` are those that an object of this cluster stands for, written as the provider does;
/// one that the account does not hold is none of them.
pub fn numbers(listing: &Numbers, bound: &HashSet<String>) -> NumberCounts {
    let held = bound.iter().filter(|bound| listing.get(bound).is_some()).count();
    NumberCounts { bound: number(held), unbound: number(listing.len() - held) }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// What was orphaned in the last two listings: one alone may have met an object that was just being made or deleted.
#[derive(Clone, Debug, Default)]
pub struct Orphans {
    seq: u64,
    now: BTreeSet<String>,
    before: BTreeSet<String>,
}

impl Orphans {
    /// How many both listings agree on.
    fn confirm(&mut self, seq: u64, ids: BTreeSet<String>) -> usize {
        let former = std::mem::replace(&mut self.now, ids);
        if self.seq != seq {
            self.before = former;
            self.seq = seq;
        }
        self.now.intersection(&self.before).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::endpoint::tests::make::named;
    use crate::core::fields::{Fields, Number, Remote};
    use crate::core::mark::{Installation, Place, name_part};
    use crate::core::sighting::Collection;

    fn ours() -> Installation {
        Installation::new("cluster-a")
    }

    fn listing(usernames: &[String]) -> Sightings {
        let endpoints = usernames.iter().enumerate().map(|(at, username)| (format!("e{at}"), named(&format!("e{at}"), username)));
        Sightings::new(endpoints.collect(), None)
    }

    fn mark(installation: &str, name: &str, base: &str) -> String {
        format!("{}131031145958", Mark::new(Place::Username, &Installation::new(installation), "voice", name, base))
    }

    fn known(objects: &[(&str, &str, Option<&str>)]) -> Known {
        let mut known = Known::default();
        for (name, base, id) in objects {
            // An object without a base username adopts.
            let own = (!base.is_empty()).then(|| Mark::new(Place::Username, &ours(), "voice", name, base));
            known.add(name_part(&ours(), "voice", name), own.as_ref(), *id);
        }
        known
    }

    #[test]
    fn an_endpoint_counts_by_its_mark_and_by_who_stands_for_it() {
        // username, the objects that can be read, the names that exist → managed, unmanaged, orphaned, foreign
        type Case =
            (&'static str, String, &'static [(&'static str, &'static str, Option<&'static str>)], &'static [&'static str], [i32; 4]);
        let table: [Case; 10] = [
            ("its object adopts another one", mark("cluster-a", "alice", "alice"), &[("alice", "", Some("e9"))], &["alice"], [0, 0, 1, 0]),
            ("no mark", "alice131031145958".into(), &[], &[], [0, 1, 0, 0]),
            ("no mark, but recorded (adopted)", "alice131031145958".into(), &[("alice", "alice", Some("e0"))], &["alice"], [1, 0, 0, 0]),
            ("of another installation", mark("cluster-b", "alice", "alice"), &[("alice", "alice", None)], &["alice"], [0, 0, 0, 1]),
            ("the same, taken over", mark("cluster-b", "alice", "alice"), &[("alice", "alice", Some("e0"))], &["alice"], [1, 0, 0, 0]),
            ("ours", mark("cluster-a", "alice", "alice"), &[("alice", "alice", None)], &["alice"], [1, 0, 0, 0]),
            ("ours, the object is gone", mark("cluster-a", "alice", "alice"), &[("bob", "bob", None)], &["bob"], [0, 0, 1, 0]),
            ("ours, the object cannot be read", mark("cluster-a", "alice", "desk"), &[], &["alice"], [1, 0, 0, 0]),
            (
                "its username was another one",
                mark("cluster-a", "alice", "desk"),
                &[("alice", "alice", Some("e9"))],
                &["alice"],
                [0, 0, 1, 0],
            ),
            ("the same, recorded", mark("cluster-a", "alice", "desk"), &[("alice", "alice", Some("e0"))], &["alice"], [1, 0, 0, 0]),
        ];
        for (sentence, username, objects, names, [managed, unmanaged, orphaned, foreign]) in table {
            let mut orphans = Orphans::default();
            let names: HashSet<String> = names.iter().map(|name| name_part(&ours(), "voice", name)).collect();
            let count = |seq, orphans: Option<&mut Orphans>| {
                let census = Census::take(ours().part(), &listing(std::slice::from_ref(&username)), &known(objects));
                census.claim(&names).counts(seq, orphans)
            };
            assert_eq!(count(1, Some(&mut orphans)).orphaned, Some(0), "{sentence}: one listing alone says nothing");
            let expected = EndpointCounts { managed, unmanaged, orphaned: Some(orphaned), foreign };
            assert_eq!(count(2, Some(&mut orphans)), expected, "{sentence}");
            assert_eq!(count(2, Some(&mut orphans)), expected, "{sentence}, looked at again");
            assert_eq!(count(3, None).orphaned, None, "{sentence}, where not all namespaces are watched");
        }
    }

    #[test]
    fn a_number_is_bound_if_the_account_holds_it_and_an_object_stands_for_it() {
        let held = |digits: &str| (digits.to_owned(), Number::new(digits, Fields::new()));
        let listing = Numbers::of(["1", "2", "3"].map(held).into(), None);
        let counts = |bound: &[&str]| numbers(&listing, &bound.iter().map(|digits| (*digits).to_owned()).collect());
        assert_eq!(counts(&[]), NumberCounts { bound: 0, unbound: 3 });
        assert_eq!(counts(&["2", "9"]), NumberCounts { bound: 1, unbound: 2 });
        assert_eq!(counts(&["1", "2", "3"]), NumberCounts { bound: 3, unbound: 0 });
    }

    #[test]
    fn names_are_asked_for_only_where_a_mark_of_ours_has_no_object() {
        let take = |username: String, known: &Known| Census::take(ours().part(), &listing(&[username]), known).needs_names();
        let alice = known(&[("alice", "alice", None)]);
        assert!(!take(mark("cluster-a", "alice", "alice"), &alice));
        assert!(!take(mark("cluster-b", "bob", "bob"), &alice));
        assert!(!take("bob131031145958".into(), &alice));
        assert!(!take(mark("cluster-a", "alice", "former"), &alice));
        assert!(take(mark("cluster-a", "bob", "bob"), &alice));
    }

    #[test]
    fn only_what_two_listings_agree_on_is_an_orphan() {
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<String>>();
        let mut orphans = Orphans::default();
        let steps: [(u64, &[&str], usize); 6] =
            [(1, &["a", "b"], 0), (1, &["a", "b"], 0), (2, &["b", "c"], 1), (2, &["b"], 1), (3, &["c"], 0), (4, &["c"], 1)];
        for (seq, ids, expected) in steps {
            assert_eq!(orphans.confirm(seq, set(ids)), expected, "{seq} {ids:?}");
        }
    }

    #[test]
    fn what_is_not_the_accounts_own_is_not_counted() {
        let roles = [Role::Own, Role::Gateway(Vec::new()), Role::Elsewhere];
        let all = roles.into_iter().zip(["e0", "e1", "e2"]).map(|(role, id)| (id.to_owned(), Remote { role, ..named(id, "reception") }));
        let census = Census::take(ours().part(), &Sightings::new(all.collect(), None), &Known::default());
        assert_eq!(census.counts(1, None).unmanaged, 1);
        let marked = |role| {
            let remote = Remote { role, ..named("e0", &mark("cluster-a", "alice", "alice")) };
            Census::take(ours().part(), &Sightings::new([("e0".to_owned(), remote)].into(), None), &Known::default()).needs_names()
        };
        assert!(marked(Role::Own) && !marked(Role::Elsewhere), "another account's is no orphan of ours");
    }
}
