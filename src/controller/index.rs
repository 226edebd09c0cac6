//! Live objects of one kind by what others may look for in them, kept up to date by the watches: a look costs the same with ten objects
//! and with ten thousand. Objects of namespaces that are not watched are not in it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};

use crate::api::refs::AccountIdentity;
use crate::controller::context::Context;
use crate::controller::managed::{Managed, account_of, key};
use crate::controller::pass;
use crate::controller::wake::Wakers;
use crate::controller::watch::Track;
use crate::core::key::ObjectKey;

/// What every live object says of itself. Also while it is being deleted, until it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The object.
    pub key: ObjectKey,
    /// Its uid.
    pub uid: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// The account object that it refers to.
    pub account: ObjectKey,
    /// The provider's account that it is pinned to.
    pub pinned: Option<AccountIdentity>,
    /// The resourceVersion that all this is of.
    version: u64,
    /// The one that the watch told of last.
    watched: u64,
}

impl Base {
    /// Of an object as the watch told of it.
    pub fn of<K: Managed>(object: &K) -> Self {
        Self {
            key: key(object),
            uid: object.uid().unwrap_or_default(),
            created: object.creation_timestamp().map(|time| time.0),
            account: account_of(object),
            pinned: None,
            version: version(object),
            watched: version(object),
        }
    }

    /// For comparing what two versions of an object say.
    pub fn forget_versions(&mut self) {
        (self.version, self.watched) = (0, 0);
    }
}

/// What the index keeps of one object.
pub trait Indexed: Clone + Debug + Send + Sync + 'static {
    /// The kind.
    type Object: Managed;
    /// What it is found by.
    type Name: Clone + Debug + Ord + Send + Sync;

    /// What every object says of itself.
    fn base(&self) -> &Base;
    /// The same, to be changed.
    fn base_mut(&mut self) -> &mut Base;
    /// What changes during the object's life, `base().pinned` among it.
    fn read(&mut self, object: &Self::Object);
    /// What it is found by.
    fn names(&self) -> Vec<Self::Name>;
    /// By which names those are found who have to look again because of this change.
    fn concerns(before: Option<&Self>, after: Option<&Self>) -> Vec<Self::Name>;
    /// Tells objects of other kinds of a change.
    fn changed(_ctx: &Context, _before: Option<&Self>, _after: Option<&Self>) {}
    /// All objects of this kind are known now.
    fn complete(_ctx: &Context) {}
}

/// A change of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<E> {
    /// What it was; absent if it was not known.
    pub before: Option<E>,
    /// What it is; absent if it is gone.
    pub after: Option<E>,
    /// Which others of its kind have to look again.
    pub concerned: Vec<ObjectKey>,
}

impl<E> Change<E> {
    fn none() -> Self {
        Self { before: None, after: None, concerned: Vec::new() }
    }
}

impl<E: Indexed> Change<E> {
    /// Wakes those whom it concerns, of this kind and of others.
    pub fn tell(&self, wakers: &Wakers, ctx: Option<&Context>) {
        self.concerned.iter().for_each(|key| wakers.wake(key));
        if let Some(ctx) = ctx {
            E::changed(ctx, self.before.as_ref(), self.after.as_ref());
        }
    }
}

#[derive(Debug)]
struct State<E: Indexed> {
    objects: HashMap<ObjectKey, E>,
    by_name: BTreeMap<E::Name, BTreeSet<ObjectKey>>,
    /// Uids of objects that were removed last: a list that was read before that must not bring one back.
    gone: VecDeque<String>,
}

/// So many objects that went last are remembered: far more than go while one list is read.
const GONE: usize = 1000;

impl<E: Indexed> State<E> {
    /// Replaces what is known of an object.
    fn set(&mut self, key: &ObjectKey, after: Option<E>) -> Change<E> {
        let before = self.objects.remove(key);
        for name in before.iter().flat_map(E::names) {
            if let Some(all) = self.by_name.get_mut(&name) {
                all.remove(key);
                if all.is_empty() {
                    self.by_name.remove(&name);
                }
            }
        }
        for name in after.iter().flat_map(E::names) {
            self.by_name.entry(name).or_default().insert(key.clone());
        }
        let concerned: BTreeSet<ObjectKey> =
            E::concerns(before.as_ref(), after.as_ref()).iter().filter_map(|name| self.by_name.get(name)).flatten().cloned().collect();
        if let Some(after) = &after {
            self.objects.insert(key.clone(), after.clone());
        }
        Change { before, after, concerned: concerned.into_iter().filter(|other| other != key).collect() }
    }

    /// The object of this uid is gone for good.
    fn ended(&mut self, uid: String) {
        self.gone.push_back(uid);
        let surplus = self.gone.len().saturating_sub(GONE);
        self.gone.drain(..surplus);
    }

    fn named<'a>(&'a self, name: &E::Name) -> impl Iterator<Item = &'a E> {
        self.by_name.get(name).into_iter().flatten().filter_map(|key| self.objects.get(key))
    }
}

/// All watched objects of one kind.
#[derive(Debug)]
pub struct Index<E: Indexed> {
    state: Mutex<State<E>>,
    /// How many watches have not listed their objects yet.
    unlisted: AtomicUsize,
}

impl<E: Indexed> Index<E> {
    /// To be filled by this many watches.
    pub fn new(watches: usize) -> Self {
        Self {
            state: Mutex::new(State { objects: HashMap::new(), by_name: BTreeMap::new(), gone: VecDeque::new() }),
            unlisted: AtomicUsize::new(watches),
        }
    }

    /// Whether all watched objects are in it. Before, nobody can be told to have something alone.
    pub fn is_complete(&self) -> bool {
        self.unlisted.load(Ordering::SeqCst) == 0
    }

    /// What this object says of itself.
    pub fn get(&self, key: &ObjectKey) -> Option<E> {
        self.state().objects.get(key).cloned()
    }

    /// All objects of this name.
    pub fn named(&self, name: &E::Name) -> Vec<E> {
        self.state().named(name).cloned().collect()
    }

    /// All names under which anything is found.
    #[cfg(test)]
    pub fn names(&self) -> Vec<E::Name> {
        self.state().by_name.keys().cloned().collect()
    }

    /// All objects.
    pub fn keys(&self) -> Vec<ObjectKey> {
        self.state().objects.keys().cloned().collect()
    }

    /// Those who look at this object when they decide.
    pub fn beside(&self, key: &ObjectKey) -> Vec<ObjectKey> {
        let state = self.state();
        let names = state.objects.get(key).map(|entry| E::concerns(None, Some(entry))).unwrap_or_default();
        let others: BTreeSet<&ObjectKey> = names.iter().filter_map(|name| state.by_name.get(name)).flatten().collect();
        others.into_iter().filter(|other| *other != key).cloned().collect()
    }

    /// After a write of our own, whose event is still on its way.
    pub fn note(&self, object: &E::Object) -> Change<E> {
        let key = key(object);
        let mut state = self.state();
        // Never one that is not in it: it may be gone already.
        let known = state.objects.get(&key).filter(|entry| Some(&entry.base().uid) == object.meta().uid.as_ref());
        let Some(mut entry) = known.filter(|entry| entry.base().version <= version(object)).cloned() else { return Change::none() };
        entry.read(object);
        entry.base_mut().version = version(object);
        state.set(&key, Some(entry))
    }

    /// In one moment, so that of several who want the same only one gets it: `change` sees the object and all others of that name.
    /// `None` from it leaves everything as it is. Answers whether it was changed; an object that is not watched any more is none of ours
    /// to judge, and counts as changed.
    pub fn take(&self, key: &ObjectKey, name: &E::Name, change: impl FnOnce(&E, &[&E]) -> Option<E>) -> bool {
        let mut state = self.state();
        let Some(own) = state.objects.get(key) else { return true };
        let others: Vec<&E> = state.named(name).filter(|other| other.base().key != *key).collect();
        match change(own, &others) {
            Some(entry) => {
                state.set(key, Some(entry));
                true
            }
            None => false,
        }
    }

    /// What the watch tells of an object.
    pub fn put(&self, entry: E) -> Change<E> {
        let key = entry.base().key.clone();
        let mut state = self.state();
        // Our own write may be known already, and its event is on its way. Unless the watch itself went backwards: the API server was
        // restored to an older state.
        let (version, known) = (entry.base().version, state.objects.get_mut(&key).map(E::base_mut));
        match known.filter(|known| known.uid == entry.base().uid && known.version > version && version >= known.watched) {
            Some(known) => {
                known.watched = version;
                Change::none()
            }
            None => state.set(&key, Some(entry)),
        }
    }

    /// What a list that was just read from the API server itself says of an object: what the watch told later counts more.
    pub fn learn(&self, mut entry: E) -> Change<E> {
        let key = entry.base().key.clone();
        let mut state = self.state();
        let known = state.objects.get(&key).map(E::base);
        let newer = known.is_some_and(|known| known.version >= entry.base().version);
        if newer || state.gone.contains(&entry.base().uid) {
            return Change::none();
        }
        entry.base_mut().watched = known.map_or(0, |known| known.watched);
        state.set(&key, Some(entry))
    }

    fn forget_unwatched(&self) -> Vec<Change<E>> {
        let mut state = self.state();
        let keys: Vec<ObjectKey> =
            state.objects.values().map(E::base).filter(|base| base.watched == 0).map(|base| base.key.clone()).collect();
        keys.iter().map(|key| state.set(key, None)).collect()
    }

    /// What a list of that name, just read from the API server itself, does not show any more is gone, unless the watch has told something
    /// newer of it. `scope`: the namespace that was listed, `None` for all. `listed`: the uids of all objects in the list. `at`: the list's
    /// resourceVersion.
    pub fn forget_absent(&self, name: &E::Name, scope: Option<&str>, listed: &BTreeSet<String>, at: u64) -> Vec<Change<E>> {
        let mut state = self.state();
        let here = |base: &&Base| scope.is_none_or(|scope| base.key.namespace == scope) && base.version <= at;
        let absent = state.named(name).map(E::base).filter(here).filter(|base| !listed.contains(&base.uid));
        let absent: Vec<(ObjectKey, String)> = absent.map(|base| (base.key.clone(), base.uid.clone())).collect();
        absent
            .into_iter()
            .map(|(key, uid)| {
                state.ended(uid);
                state.set(&key, None)
            })
            .collect()
    }

    /// The object of this uid is gone. Another one of its name, which a list of our own has shown already, stays.
    pub fn remove(&self, key: &ObjectKey, uid: &str) -> Change<E> {
        let mut state = self.state();
        state.ended(uid.to_owned());
        match state.objects.get(key).is_some_and(|entry| entry.base().uid == uid) {
            true => state.set(key, None),
            false => Change::none(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn version(object: &impl Resource) -> u64 {
    object.meta().resource_version.as_ref().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Makes of an object what the index keeps of it.
type Read<E> = Box<dyn Fn(&<E as Indexed>::Object) -> E + Send>;

/// Keeps an [`Index`] up to date from one watch, and wakes who has to look again.
pub struct Tracker<E: Indexed> {
    index: Arc<Index<E>>,
    read: Read<E>,
    wakers: Wakers,
    listed: AtomicBool,
    shell: Shell,
}

/// The rest of the operator, which is told of objects that are gone; set once it is there.
pub type Shell = Arc<OnceLock<Arc<Context>>>;

impl<E: Indexed> Tracker<E> {
    /// For one watch.
    pub fn new(index: &Arc<Index<E>>, read: impl Fn(&E::Object) -> E + Send + 'static, wakers: &Wakers, shell: &Shell) -> Self {
        Self {
            index: Arc::clone(index),
            read: Box::new(read),
            wakers: wakers.clone(),
            listed: AtomicBool::new(false),
            shell: Arc::clone(shell),
        }
    }

    fn tell(&self, change: &Change<E>) {
        change.tell(&self.wakers, self.shell.get().map(AsRef::as_ref));
    }
}

impl<E: Indexed> Track<E::Object> for Tracker<E> {
    type Kept = (ObjectKey, String);

    fn seen(&self, object: &E::Object) -> (ObjectKey, String) {
        self.tell(&self.index.put((self.read)(object)));
        (key(object), object.uid().unwrap_or_default())
    }

    fn removed(&self, (key, uid): &(ObjectKey, String)) {
        self.tell(&self.index.remove(key, uid));
        if let Some(ctx) = self.shell.get() {
            pass::removed::<E::Object>(ctx, key, uid);
            E::Object::vanished(ctx, key, uid);
        }
    }

    fn listed(&self) {
        // What only a list of our own has shown, and this one does not, is gone.
        self.index.forget_unwatched().iter().for_each(|change| self.tell(change));
        if !self.listed.swap(true, Ordering::SeqCst) && self.index.unlisted.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Who was looked at before has waited for this.
            self.index.keys().iter().for_each(|key| self.wakers.wake(key));
            if let Some(ctx) = self.shell.get() {
                E::complete(ctx);
            }
        }
    }
}
