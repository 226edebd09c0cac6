//! Which live objects claim which endpoints, kept up to date by the watches: a look at one endpoint costs the same with ten objects and
//! with ten thousand. Objects of namespaces that are not watched are not in it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::api::refs::AccountIdentity;
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::context::Context;
use crate::controller::endpoint::gather::prefix_of;
use crate::controller::managed::{account_of, key};
use crate::controller::pass;
use crate::controller::wake::Wakers;
use crate::controller::watch::Track;
use crate::core::key::ObjectKey;
use crate::core::mark::Installation;
use crate::core::ownership::{Claim, Right};

/// What one live object says of itself. Also while it is being deleted, until it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The object.
    pub key: ObjectKey,
    /// Its uid.
    pub uid: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// The endpoint that it has recorded.
    pub recorded: Option<String>,
    /// The endpoint that it adopts.
    pub adopts: Option<String>,
    /// The beginning of its usernames up to the end of the mark, lower-case; `None` if it adopts, and so owns nothing by its mark.
    pub prefix: Option<String>,
    /// The account object that it refers to.
    pub account: ObjectKey,
    /// The provider's account that it is pinned to.
    pub pinned: Option<AccountIdentity>,
    /// The resourceVersion that all this is of.
    version: u64,
    /// The one that the watch told of last.
    watched: u64,
}

impl Entry {
    fn of(object: &SipEndpoint, installation: &Installation) -> Self {
        let adopts = object.spec.adopt.as_ref().map(|adopt| adopt.endpoint_id.clone());
        let key = key(object);
        let prefix = adopts.is_none().then(|| prefix_of(installation, object).as_str().to_ascii_lowercase());
        let account = account_of(object);
        let (uid, created) = (object.uid().unwrap_or_default(), object.creation_timestamp().map(|time| time.0));
        let mut entry =
            Self { key, uid, created, recorded: None, adopts, prefix, account, pinned: None, version: 0, watched: version(object) };
        entry.read(object);
        entry
    }

    /// What changes during the object's life.
    fn read(&mut self, object: &SipEndpoint) {
        let status = object.status.as_ref();
        self.recorded = status.and_then(|status| status.endpoint_id.clone()).filter(|id| !id.is_empty());
        self.pinned = status.and_then(|status| status.account.clone());
        self.version = version(object);
    }

    /// Its claim on this endpoint, which may carry its mark.
    pub fn claim(&self, id: &str) -> Claim {
        let right = match () {
            () if self.recorded.as_deref() == Some(id) => Right::Recorded,
            () if self.adopts.as_deref() == Some(id) => Right::Adopts,
            () => Right::Mark,
        };
        Claim { right, created: self.created, uid: self.uid.clone() }
    }

    fn ids(&self) -> impl Iterator<Item = &String> {
        self.recorded.iter().chain(&self.adopts)
    }
}

#[derive(Debug, Default)]
struct State {
    objects: HashMap<ObjectKey, Entry>,
    by_id: HashMap<String, BTreeSet<ObjectKey>>,
    by_prefix: HashMap<String, BTreeSet<ObjectKey>>,
}

impl State {
    /// Replaces what is known of an object. Answers who else claims what it claimed or claims now, if that changed.
    fn set(&mut self, key: &ObjectKey, entry: Option<Entry>) -> Vec<ObjectKey> {
        let before = self.objects.remove(key);
        for (index, names) in [(&mut self.by_id, names(before.as_ref())), (&mut self.by_prefix, prefixes(before.as_ref()))] {
            for name in names {
                if let Some(all) = index.get_mut(&name) {
                    all.remove(key);
                    if all.is_empty() {
                        index.remove(&name);
                    }
                }
            }
        }
        for (index, names) in [(&mut self.by_id, names(entry.as_ref())), (&mut self.by_prefix, prefixes(entry.as_ref()))] {
            for name in names {
                index.entry(name).or_default().insert(key.clone());
            }
        }
        let changed = before.as_ref().map(|entry| (&entry.uid, &entry.recorded, &entry.adopts))
            != entry.as_ref().map(|entry| (&entry.uid, &entry.recorded, &entry.adopts));
        let concerned: BTreeSet<ObjectKey> = match changed {
            true => before.iter().chain(&entry).flat_map(Entry::ids).filter_map(|id| self.by_id.get(id)).flatten().cloned().collect(),
            false => BTreeSet::new(),
        };
        if let Some(entry) = entry {
            self.objects.insert(key.clone(), entry);
        }
        concerned.into_iter().filter(|other| other != key).collect()
    }
}

fn names(entry: Option<&Entry>) -> Vec<String> {
    entry.iter().flat_map(|entry| entry.ids()).cloned().collect()
}

fn prefixes(entry: Option<&Entry>) -> Vec<String> {
    entry.and_then(|entry| entry.prefix.clone()).into_iter().collect()
}

/// The claims of all watched objects.
#[derive(Debug, Default)]
pub struct Claims {
    state: Mutex<State>,
    /// How many watches have not listed their objects yet.
    unlisted: AtomicUsize,
}

impl Claims {
    /// To be filled by this many watches.
    pub fn new(watches: usize) -> Self {
        Self { state: Mutex::default(), unlisted: AtomicUsize::new(watches) }
    }

    /// Whether all watched objects are in it. Before, nobody can be told to have something alone.
    pub fn is_complete(&self) -> bool {
        self.unlisted.load(Ordering::SeqCst) == 0
    }

    /// What this object says of itself.
    pub fn get(&self, key: &ObjectKey) -> Option<Entry> {
        self.state().objects.get(key).cloned()
    }

    /// The objects that have recorded or adopt this endpoint.
    pub fn of(&self, id: &str) -> Vec<Entry> {
        let state = self.state();
        state.by_id.get(id).into_iter().flatten().filter_map(|key| state.objects.get(key)).cloned().collect()
    }

    /// The live objects, none of them adopting, whose mark this is.
    pub fn marked(&self, prefix: &str) -> Vec<Entry> {
        let state = self.state();
        state.by_prefix.get(prefix).into_iter().flatten().filter_map(|key| state.objects.get(key)).cloned().collect()
    }

    /// All endpoints that a live object has recorded or adopts.
    pub fn recorded_or_adopted(&self) -> HashSet<String> {
        self.state().by_id.keys().cloned().collect()
    }

    /// What the usernames of live objects begin with, lower-case; objects that adopt have none.
    pub fn live_prefixes(&self) -> HashSet<String> {
        self.state().by_prefix.keys().cloned().collect()
    }

    /// After a write of our own, whose event is still on its way. Answers who else is concerned.
    pub fn note(&self, object: &SipEndpoint) -> Vec<ObjectKey> {
        let key = key(object);
        let mut state = self.state();
        // Never one that is not in it: it may be gone already.
        let known = state.objects.get(&key).filter(|entry| Some(&entry.uid) == object.metadata.uid.as_ref());
        let Some(mut entry) = known.filter(|entry| entry.version <= version(object)).cloned() else { return Vec::new() };
        entry.read(object);
        state.set(&key, Some(entry))
    }

    /// This object is about to record the endpoint: of several that adopt it in one moment only one goes on. A rival is another object of
    /// the same account.
    pub fn take(&self, key: &ObjectKey, id: &str, rival: impl Fn(&Entry) -> bool) -> bool {
        let mut state = self.state();
        // Not watched any more: the version check of the write decides.
        let Some(own) = state.objects.get(key).cloned() else { return true };
        let others = state.by_id.get(id).into_iter().flatten().filter(|other| *other != key);
        let rivals = others.filter_map(|other| state.objects.get(other)).filter(|other| rival(other));
        let claim = own.claim(id);
        if rivals.into_iter().any(|other| other.claim(id).prevails_over(&claim)) {
            return false;
        }
        state.set(key, Some(Entry { recorded: Some(id.to_owned()), ..own }));
        true
    }

    fn put(&self, entry: Entry) -> Vec<ObjectKey> {
        let key = entry.key.clone();
        let mut state = self.state();
        // Our own write may be known already, and its event is on its way. Unless the watch itself went backwards: the API server was
        // restored to an older state.
        let known = state.objects.get_mut(&key).filter(|known| known.uid == entry.uid);
        match known.filter(|known| known.version > entry.version && entry.version >= known.watched) {
            Some(known) => {
                known.watched = entry.version;
                Vec::new()
            }
            None => state.set(&key, Some(entry)),
        }
    }

    fn remove(&self, key: &ObjectKey) -> Vec<ObjectKey> {
        self.state().set(key, None)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn version(object: &SipEndpoint) -> u64 {
    object.resource_version().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Keeps [`Claims`] up to date from one watch, and wakes who has to look again.
pub struct Tracker {
    claims: Arc<Claims>,
    installation: Installation,
    wakers: Wakers,
    listed: AtomicBool,
    shell: Shell,
}

/// The rest of the operator, which is told of objects that are gone; set once it is there.
pub type Shell = Arc<OnceLock<Arc<Context>>>;

impl Tracker {
    /// For one watch.
    pub fn new(claims: &Arc<Claims>, installation: &Installation, wakers: &Wakers, shell: &Shell) -> Self {
        Self {
            claims: Arc::clone(claims),
            installation: installation.clone(),
            wakers: wakers.clone(),
            listed: AtomicBool::new(false),
            shell: Arc::clone(shell),
        }
    }

    fn wake(&self, concerned: Vec<ObjectKey>) {
        concerned.iter().for_each(|key| self.wakers.wake(key));
    }
}

impl Track<SipEndpoint> for Tracker {
    type Kept = (ObjectKey, String);

    fn seen(&self, object: &SipEndpoint) -> (ObjectKey, String) {
        let concerned = self.claims.put(Entry::of(object, &self.installation));
        self.wake(concerned);
        (key(object), object.uid().unwrap_or_default())
    }

    fn removed(&self, (key, uid): &(ObjectKey, String)) {
        self.wake(self.claims.remove(key));
        if let Some(ctx) = self.shell.get() {
            pass::removed::<SipEndpoint>(ctx, key, uid);
        }
    }

    fn listed(&self) {
        if !self.listed.swap(true, Ordering::SeqCst) && self.claims.unlisted.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Who was looked at before has waited for this.
            let all: Vec<ObjectKey> = self.claims.state().objects.keys().cloned().collect();
            self.wake(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(name: &str, version: u64, adopts: Option<&str>, recorded: Option<&str>) -> SipEndpoint {
        serde_json::from_value(json!({
            "apiVersion": "switchboard.dev/v1alpha1",
            "kind": "SipEndpoint",
            "metadata": {"name": name, "namespace": "voice", "uid": format!("uid-{name}"), "resourceVersion": version.to_string()},
            "spec": {
                "accountRef": {"name": "plivo"},
                "plivo": {},
                "adopt": adopts.map(|id| json!({"endpoint_id": id})),
            },
            "status": {"endpoint_id": recorded},
        }))
        .expect("an object")
    }

    fn tracker() -> (Arc<Claims>, Tracker) {
        let claims = Arc::new(Claims::new(1));
        let tracker = Tracker::new(&claims, &Installation::new("cluster-a"), &Wakers::new(&[]).0, &Shell::default());
        (claims, tracker)
    }

    fn claimants(claims: &Claims, id: &str) -> Vec<String> {
        claims.of(id).into_iter().map(|entry| entry.key.name).collect()
    }

    #[test]
    fn claims_follow_the_objects_through_their_lives() {
        let (claims, tracker) = tracker();
        tracker.seen(&object("alice", 1, None, Some("e1")));
        tracker.seen(&object("bob", 2, Some("e1"), None));
        assert_eq!(claimants(&claims, "e1"), ["alice", "bob"]);
        assert_eq!((claims.live_prefixes().len(), claims.recorded_or_adopted().len()), (1, 1));

        tracker.seen(&object("alice", 3, None, Some("e2")));
        assert_eq!((claimants(&claims, "e1"), claimants(&claims, "e2")), (vec!["bob".into()], vec!["alice".into()]));
        let prefix = claims.live_prefixes().into_iter().next().expect("one that does not adopt");
        assert_eq!(claims.marked(&prefix).first().map(|entry| entry.key.name.clone()), Some("alice".into()));

        tracker.removed(&(ObjectKey::endpoint("voice", "alice"), String::new()));
        tracker.removed(&(ObjectKey::endpoint("voice", "bob"), String::new()));
        assert!(claims.recorded_or_adopted().is_empty() && claims.live_prefixes().is_empty());
    }

    #[test]
    fn our_own_write_counts_before_its_event_and_is_not_undone_by_an_older_one() {
        let (claims, tracker) = tracker();
        claims.note(&object("alice", 5, None, Some("e1")));
        assert!(claims.get(&ObjectKey::endpoint("voice", "alice")).is_none(), "one that is not watched, or gone");
        tracker.seen(&object("alice", 1, None, None));
        claims.note(&object("alice", 5, None, Some("e1")));
        tracker.seen(&object("alice", 3, None, None));
        assert_eq!(claimants(&claims, "e1"), ["alice"]);
        tracker.seen(&object("alice", 6, None, None));
        assert_eq!(claimants(&claims, "e1"), Vec::<String>::new());
        // The API server was restored to an older state.
        claims.note(&object("alice", 9, None, Some("e2")));
        tracker.seen(&object("alice", 4, None, Some("e1")));
        assert_eq!((claimants(&claims, "e1"), claimants(&claims, "e2")), (vec!["alice".into()], vec![]));
    }

    #[test]
    fn who_else_claims_an_endpoint_is_told_when_a_claim_changes_and_only_then() {
        let (claims, tracker) = tracker();
        let told = |all: Vec<ObjectKey>| all.into_iter().map(|key| key.name).collect::<Vec<_>>();
        tracker.seen(&object("bob", 1, Some("e1"), None));
        assert_eq!(told(claims.put(Entry::of(&object("alice", 2, None, Some("e1")), &tracker.installation))), ["bob"]);
        assert_eq!(told(claims.note(&object("alice", 3, None, Some("e1")))), Vec::<String>::new());
        assert_eq!(told(claims.note(&object("alice", 4, None, Some("e2")))), ["bob"]);
        assert_eq!(told(claims.remove(&ObjectKey::endpoint("voice", "alice"))), Vec::<String>::new());
    }

    #[test]
    fn of_two_that_adopt_in_one_moment_one_goes_on() {
        let (claims, tracker) = tracker();
        let at = |name: &str| ObjectKey::endpoint("voice", name);
        for name in ["alice", "bob"] {
            tracker.seen(&object(name, 1, Some("e1"), None));
        }
        // Made in the same second, so the uid decides.
        assert!(!claims.take(&at("bob"), "e1", |_| true));
        assert!(claims.take(&at("bob"), "e1", |_| false), "in another account there is no rival");
        assert!(!claims.take(&at("alice"), "e1", |_| true), "bob is about to record it");
        claims.note(&object("bob", 1, Some("e1"), None));
        assert!(claims.take(&at("alice"), "e1", |_| true), "bob's write has failed");
    }

    #[test]
    fn nothing_is_complete_before_every_watch_has_listed() {
        let claims = Arc::new(Claims::new(2));
        let trackers = [(); 2].map(|()| Tracker::new(&claims, &Installation::new("cluster-a"), &Wakers::new(&[]).0, &Shell::default()));
        for _ in 0..2 {
            trackers[0].listed();
            assert!(!claims.is_complete(), "a watch that lists again does not stand for another one");
        }
        trackers[1].listed();
        assert!(claims.is_complete());
    }
}
