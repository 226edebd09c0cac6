//! The endpoints of one listing, findable by id and by the beginning of the username, and the question whether an object has
//! anything to do because of them. The numbers and the applications of an account stand beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use crate::core::fields::{Fields, PASSWORD, Remote, Value, diff};
use crate::core::listing::Entry;

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
            Amendment::Deleted(id) => self.remove(id),
        }
    }
}

/// The fields of a change that may be shown.
fn shown(change: &Fields) -> impl Iterator<Item = (&'static str, Value)> {
    change.iter().filter(|(_, value)| value.text().is_some()).map(|(field, value)| (*field, value.clone()))
}

/// Endpoints by id, indexed by username. Cloning shares the endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sightings {
    by_id: BTreeMap<String, Arc<Remote>>,
    by_username: BTreeSet<(String, String)>,
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
        self.by_username.insert((remote.username.to_ascii_lowercase(), remote.id.clone()));
        self.by_id.insert(remote.id.clone(), remote);
    }

    /// Removes an endpoint.
    pub fn remove(&mut self, id: &str) {
        if let Some(remote) = self.by_id.remove(id) {
            self.by_username.remove(&(remote.username.to_ascii_lowercase(), remote.id.clone()));
        }
    }

    /// Overwrites fields of an endpoint, if it is there. What was observed of a password that is changed is no longer true.
    pub fn patch(&mut self, id: &str, change: &Fields) {
        if let Some(remote) = self.by_id.get_mut(id) {
            let remote = Arc::make_mut(remote);
            remote.fields.extend(shown(change));
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

    /// Those whose username begins with `prefix`, ignoring ASCII case, in the order of their usernames.
    pub fn with_prefix(&self, prefix: &str) -> impl Iterator<Item = &Remote> {
        let prefix = prefix.to_ascii_lowercase();
        self.by_username
            .range((prefix.clone(), String::new())..)
            .take_while(move |(username, _)| username.starts_with(&prefix))
            .filter_map(|(_, id)| self.get(id))
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
    /// The beginning of its own usernames up to the end of the mark. Empty: none is its own by name (an adopted endpoint).
    pub username_prefix: String,
    /// The desired managed fields.
    pub fields: Fields,
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
            !diff(&expected.fields, &remote.fields).is_empty() || (registered.is_some() && registered != expected.registered)
        }
        Some(None) => complete,
        None => false,
    };
    let extra = !expected.username_prefix.is_empty()
        && seen
            .with_prefix(&expected.username_prefix)
            .filter(|remote| remote.username[expected.username_prefix.len()..].bytes().all(|byte| byte.is_ascii_digit()))
            .any(|remote| Some(remote.id.as_str()) != recorded);
    own_differs || extra
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fields::{Registration, Secret, Value};

    fn remote(id: &str, username: &str, alias: &str, registered: bool) -> Remote {
        Remote {
            id: id.into(),
            username: username.into(),
            sip_uri: None,
            registration: Some(Registration { registered, ..Registration::default() }),
            fields: Fields::from([("alias", Value::Text(alias.into()))]),
            password_digest: None,
        }
    }

    fn seen(remotes: &[Remote]) -> Sightings {
        Sightings::new(remotes.iter().map(|remote| (remote.id.clone(), remote.clone())).collect(), None)
    }

    #[test]
    fn an_object_is_woken_exactly_when_the_listing_contradicts_it() {
        let expected = Expectation {
            id: Some("1".into()),
            username_prefix: "deskmark".into(),
            fields: Fields::from([("alias", Value::Text("desk".into()))]),
            registered: Some(false),
            open: false,
        };
        let same = remote("1", "deskmark42", "desk", false);
        let foreign = remote("2", "deskmar42", "x", true);
        let cases: [(&str, &[Remote], bool, bool); 9] = [
            ("as expected", std::slice::from_ref(&same), true, false),
            ("others do not matter", &[same.clone(), foreign.clone()], true, false),
            ("a name that only begins like ours", &[same.clone(), remote("3", "deskmark4x", "desk", false)], true, false),
            ("alias edited", &[remote("1", "deskmark42", "edited", false)], true, true),
            ("phone logged in", &[remote("1", "deskmark42", "desk", true)], true, true),
            ("gone", std::slice::from_ref(&foreign), true, true),
            ("not seen in an incomplete listing", std::slice::from_ref(&foreign), false, false),
            ("an extra one, in other case", &[same.clone(), remote("3", "DeskMark43", "desk", false)], true, true),
            ("an extra one, even if incomplete", &[same.clone(), remote("3", "deskmark43", "desk", false)], false, true),
        ];
        for (name, remotes, complete, woken) in cases {
            assert_eq!(differs(&expected, &seen(remotes), complete), woken, "{name}");
        }
        assert!(differs(&Expectation { open: true, ..expected.clone() }, &seen(&[same]), false));
        assert!(differs(&Expectation { id: None, ..expected }, &seen(&[remote("1", "deskmark42", "desk", false)]), false));
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
    fn endpoints_are_found_by_prefix_without_regard_to_case_and_only_while_they_are_there() {
        let mut all =
            seen(&[remote("1", "Alicemark1", "a", false), remote("2", "alicemark2", "a", false), remote("3", "alicf", "a", false)]);
        let found = |all: &Sightings| all.with_prefix("aliceMARK").map(|remote| remote.id.clone()).collect::<Vec<_>>();
        assert_eq!(found(&all), ["1", "2"]);
        all.remove("1");
        all.insert(remote("2", "renamed", "a", false));
        assert_eq!(found(&all), Vec::<String>::new());
        assert_eq!(all.len(), 2);
    }
}
