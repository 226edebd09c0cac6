//! The endpoints of one listing, findable by id and by the beginning of the username, and the question whether an object has
//! anything to do because of them. The numbers and the applications of an account stand beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use crate::core::fields::{Difference, Fields, PASSWORD, Remote, Role, Secret, Value, diff};
use crate::core::listing::Entry;
use crate::core::mark::{Mark, recognise};

pub mod applications;
pub mod numbers;

/// What a listing of one collection of an account showed, kept in step with our own answered calls.
pub trait Collection: Clone + Debug + Default + Send + Sync + 'static {
    /// One thing of it.
    type Entry: Entry;
    /// An answered call of ours that changed it.
    type Amendment: Clone + Debug + Send;

    /// Of a listing; what is unchanged may be shared with `before`.
    fn of(entries: BTreeMap<String, Self::Entry>, before: Option<&Self>) -> Self;

    /// Brings what was listed before an answered call of ours to what it is after it.
    fn amend(&mut self, amendment: &Self::Amendment);
}

/// An answered call of ours that changed an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amendment {
    /// It was created.
    Created(Remote),
    /// These fields of it were changed.
    Updated(String, Fields),
    /// It was changed, and this is what it was then.
    Shown(Remote),
    /// It was deleted.
    Deleted(String),
}

impl Collection for Sightings {
    type Entry = Remote;
    type Amendment = Amendment;

    fn of(entries: BTreeMap<String, Remote>, before: Option<&Self>) -> Self {
        Self::new(entries, before)
    }

    fn amend(&mut self, amendment: &Amendment) {
        match amendment {
            // What a listing saw of it is more than what the create answered.
            Amendment::Created(remote) if self.get(&remote.id).is_some() => {}
            Amendment::Created(remote) => self.insert(remote.clone()),
            Amendment::Updated(id, change) => self.patch(id, change),
            Amendment::Shown(remote) if self.get(&remote.id).is_none() => {}
            Amendment::Shown(remote) => self.insert(remote.clone()),
            Amendment::Deleted(id) => self.remove(id),
        }
    }
}

/// The fields of a change that may be shown.
fn shown(change: &Fields) -> impl Iterator<Item = (&'static str, Value)> {
    change.iter().filter(|(_, value)| value.is_plain()).map(|(field, value)| (*field, value.clone()))
}

/// Under which keys of marks a label is found: a username by its beginning, a name by the mark at its end.
fn keys(label: &str) -> impl Iterator<Item = String> {
    let lower = label.to_ascii_lowercase();
    let mark = recognise(label).map(|marked| marked.key).filter(|key| !lower.starts_with(key.as_str()));
    std::iter::once(lower).chain(mark)
}

/// Endpoints by id, indexed by their marks. Cloning shares the endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sightings {
    by_id: BTreeMap<String, Arc<Remote>>,
    by_label: BTreeSet<(String, String)>,
}

impl Sightings {
    /// Of a listing; what is unchanged is shared with `before`.
    pub fn new(endpoints: BTreeMap<String, Remote>, before: Option<&Sightings>) -> Self {
        let mut all = Self::default();
        for (id, remote) in endpoints {
            let known = before.and_then(|before| before.by_id.get(&id)).filter(|known| ***known == remote);
            all.insert_shared(known.cloned().unwrap_or_else(|| Arc::new(remote)));
        }
        all
    }

    /// Adds or replaces an endpoint.
    pub fn insert(&mut self, remote: Remote) {
        self.insert_shared(Arc::new(remote));
    }

    fn insert_shared(&mut self, remote: Arc<Remote>) {
        self.remove(&remote.id);
        self.by_label.extend(keys(&remote.username).map(|key| (key, remote.id.clone())));
        self.by_id.insert(remote.id.clone(), remote);
    }

    /// Removes an endpoint.
    pub fn remove(&mut self, id: &str) {
        if let Some(remote) = self.by_id.remove(id) {
            for key in keys(&remote.username) {
                self.by_label.remove(&(key, remote.id.clone()));
            }
        }
    }

    /// Overwrites fields of an endpoint, if it is there. What was observed of a password that is changed is no longer true.
    pub fn patch(&mut self, id: &str, change: &Fields) {
        if let Some(remote) = self.by_id.get_mut(id) {
            let remote = Arc::make_mut(remote);
            for (field, value) in shown(change) {
                let after = value.applied_to(remote.fields.get(field));
                remote.fields.insert(field, after);
            }
            if change.contains_key(PASSWORD) {
                remote.password_digest = None;
            }
        }
    }

    /// The endpoint with this id.
    pub fn get(&self, id: &str) -> Option<&Remote> {
        self.by_id.get(id).map(Arc::as_ref)
    }

    /// All, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Remote> {
        self.by_id.values().map(Arc::as_ref)
    }

    /// Those that carry the mark, in the order of their labels.
    pub fn with_mark(&self, mark: &Mark) -> impl Iterator<Item = &Remote> {
        let from = (mark.key().to_owned(), String::new());
        let labels = self.by_label.range(from..).take_while(move |(label, _)| label.starts_with(mark.key()));
        labels.filter_map(|(_, id)| self.get(id)).filter(move |remote| mark.owns(&remote.username))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

/// What an object expects a listing to show. Where it does, the object has nothing to do and is not woken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The recorded endpoint.
    pub id: Option<String>,
    /// What its own endpoints are recognised by; `None`: none is its own by its mark (an adopted endpoint).
    pub mark: Option<Mark>,
    /// The desired managed fields.
    pub fields: Fields,
    /// What was last seen of the password, if it is managed. Something else is for the object to compare; a listing that hides it says nothing.
    pub password: Option<Option<Secret>>,
    /// What the status says of registration.
    pub registered: Option<bool>,
    /// It waits for evidence (a deletion, an open intent, a suspected absence): every listing matters.
    pub open: bool,
}

/// Whether the object should look at this listing. `complete`: absence from it says something.
pub fn differs(expected: &Expectation, seen: &Sightings, complete: bool) -> bool {
    if expected.open {
        return true;
    }
    let recorded = expected.id.as_deref();
    let own_differs = match recorded.map(|id| seen.get(id)) {
        Some(Some(remote)) => {
            let registered = remote.registration.as_ref().map(|registration| registration.registered);
            let password =
                remote.password_digest.is_some() && expected.password.as_ref().is_some_and(|seen| *seen != remote.password_digest);
            password
                || diff(&expected.fields, &remote.fields).iter().any(Difference::is_shown)
                || (registered.is_some() && registered != expected.registered)
        }
        Some(None) => complete,
        None => false,
    };
    let mut own = expected.mark.iter().flat_map(|mark| seen.with_mark(mark)).filter(|remote| remote.role == Role::Own);
    let extra = own.any(|remote| Some(remote.id.as_str()) != recorded);
    own_differs || extra
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fields::{Registration, Value};
    use crate::core::mark::{Installation, Place};

    fn remote(id: &str, username: &str, alias: &str, registered: bool) -> Remote {
        Remote {
            id: id.into(),
            username: username.into(),
            sip_uri: None,
            registration: Some(Registration { registered, ..Registration::default() }),
            fields: Fields::from([("alias", Value::Text(alias.into()))]),
            password_digest: None,
            role: Role::Own,
        }
    }

    fn desk() -> Mark {
        Mark::new(Place::Username, &Installation::new("cluster-a"), "voice", "desk", "desk")
    }

    fn seen(remotes: &[Remote]) -> Sightings {
        Sightings::new(remotes.iter().map(|remote| (remote.id.clone(), remote.clone())).collect(), None)
    }

    #[test]
    fn an_object_is_woken_exactly_when_the_listing_contradicts_it() {
        let expected = Expectation {
            id: Some("1".into()),
            mark: Some(desk()),
            fields: Fields::from([("alias", Value::Text("desk".into()))]),
            password: Some(Some(Secret::new("digest".into()))),
            registered: Some(false),
            open: false,
        };
        let shows = |digest: &str| Remote {
            password_digest: Some(Secret::new(digest.into())),
            ..remote("1", &format!("{}42", desk()), "desk", false)
        };
        let same = remote("1", &format!("{}42", desk()), "desk", false);
        let foreign = remote("2", "deskmar42", "x", true);
        let cases: [(&str, &[Remote], bool, bool); 11] = [
            ("as expected", std::slice::from_ref(&same), true, false),
            ("others do not matter", &[same.clone(), foreign.clone()], true, false),
            ("a name that only begins like ours", &[same.clone(), remote("3", &format!("{}4x", desk()), "desk", false)], true, false),
            ("alias edited", &[remote("1", &format!("{}42", desk()), "edited", false)], true, true),
            ("the password as it was", &[shows("digest")], true, false),
            ("another password", &[shows("another")], true, true),
            ("phone logged in", &[remote("1", &format!("{}42", desk()), "desk", true)], true, true),
            ("gone", std::slice::from_ref(&foreign), true, true),
            ("not seen in an incomplete listing", std::slice::from_ref(&foreign), false, false),
            (
                "an extra one, in other case",
                &[same.clone(), remote("3", &format!("{}43", desk()).to_uppercase(), "desk", false)],
                true,
                true,
            ),
            ("an extra one, even if incomplete", &[same.clone(), remote("3", &format!("{}43", desk()), "desk", false)], false, true),
        ];
        for (name, remotes, complete, woken) in cases {
            assert_eq!(differs(&expected, &seen(remotes), complete), woken, "{name}");
        }
        assert!(differs(&Expectation { open: true, ..expected.clone() }, &seen(&[same]), false));
        let unmanaged = Expectation { password: None, ..expected.clone() };
        assert!(!differs(&unmanaged, &seen(&[shows("another")]), true), "a password that is nobody's business");
        let never_seen = Expectation { password: Some(None), ..expected.clone() };
        assert!(differs(&never_seen, &seen(&[shows("digest")]), true), "a password that was hidden before");
        assert!(differs(&Expectation { id: None, ..expected }, &seen(&[remote("1", &format!("{}42", desk()), "desk", false)]), false));
    }

    #[test]
    fn a_password_that_was_changed_is_unknown_until_it_is_seen_again() {
        let mut before = remote("1", "alicemark1", "a", false);
        before.password_digest = Some(Secret::new("digest".into()));
        let mut all = seen(&[before.clone()]);
        all.patch("1", &Fields::from([("alias", Value::Text("b".into()))]));
        assert_eq!(all.get("1").map(|remote| remote.password_digest.is_some()), Some(true));
        all.patch("1", &Fields::from([(PASSWORD, Value::Secret(Secret::new("hunter22".into())))]));
        let expected = Remote { password_digest: None, ..remote("1", "alicemark1", "b", false) };
        assert_eq!(all.get("1"), Some(&expected));
    }

    #[test]
    fn endpoints_are_found_by_their_mark_without_regard_to_case_and_only_while_they_are_there() {
        let mark = |place, name| Mark::new(place, &Installation::new("cluster-a"), "voice", name, "desk");
        for (place, digits) in [(Place::Username, "42"), (Place::Name, "")] {
            let (own, other) = (mark(place, "desk"), mark(place, "other"));
            let labels = [format!("{own}{digits}"), format!("{own}{digits}").to_uppercase(), other.to_string(), "desk".into()];
            let listed = labels.iter().zip(["1", "2", "3", "4"]).map(|(label, id)| remote(id, label, "a", false)).collect::<Vec<_>>();
            let mut all = seen(&listed);
            let found = |all: &Sightings| all.with_mark(&own).map(|remote| remote.id.clone()).collect::<Vec<_>>();
            assert_eq!(found(&all), ["1", "2"]);
            all.remove("1");
            all.insert(remote("2", "renamed", "a", false));
            assert_eq!(found(&all), Vec::<String>::new());
            assert_eq!(all.len(), 3);
        }
    }
}
