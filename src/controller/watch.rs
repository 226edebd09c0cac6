//! Streams: guarded against undecodable objects, pruned before the store, filtered of our own status writes.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use futures::{FutureExt, Stream, StreamExt, TryFutureExt};
use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::{Api, Resource, ResourceExt};
use kube_runtime::reflector::{self, Store};
use kube_runtime::watcher::{self, Event};
use kube_runtime::{PredicateConfig, WatchStreamExt};
use serde::de::DeserializeOwned;
use tokio::sync::watch::{Receiver, Sender};
use tracing::warn;

use crate::api::phone_number_binding::PhoneNumberBinding;
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::account::object::AccountKind;
use crate::controller::deadline;
use crate::controller::rollback::{noticed, number};

/// Called when a list of objects is older than something seen before.
pub type WentBack = Arc<dyn Fn() + Send + Sync>;

/// `kubectl apply` keeps the whole manifest here: as large as the object, and read by nobody else.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What a stream of objects to reconcile fills while it is polled.
pub struct Cache<K: Resource<DynamicType = ()> + 'static> {
    /// The objects.
    pub store: Store<K>,
    listed: Receiver<bool>,
}

impl<K: Resource<DynamicType = ()> + 'static> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), listed: self.listed.clone() }
    }
}

impl<K: Resource<DynamicType = ()> + 'static> Cache<K> {
    /// Waits until all objects are in the store. Not by the store's own `wait_until_ready`: it wakes only one of those who wait, and
    /// the Controller waits as well.
    pub async fn listed(&mut self) {
        // An error means that the stream was dropped: the process is ending.
        let _ = self.listed.wait_for(|listed| *listed).await;
    }
}

/// Follows the objects of one watch.
pub trait Track<K>: Send + 'static {
    /// What is kept of an object until it is gone.
    type Kept: Send;
    /// It is new, or has changed, or was listed again.
    fn seen(&self, object: &K) -> Self::Kept;
    /// It is gone; a list that lacks it tells of it as well.
    fn removed(&self, kept: &Self::Kept);
    /// All objects were listed, and told of.
    fn listed(&self) {}
}

fn cached<K>(
    events: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static,
    relevant: fn(&K) -> Option<u64>,
) -> (impl Stream<Item = Result<K, watcher::Error>> + Send + 'static, Cache<K>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (store, writer) = reflector::store();
    let done = Sender::new(false);
    let listed = done.subscribe();
    let events = events.reflect(writer).inspect(move |event| {
        if matches!(event, Ok(Event::InitDone)) {
            done.send_replace(true);
        }
    });
    (events.applied_objects().predicate_filter(relevant, PredicateConfig::default()), Cache { store, listed })
}

/// A stream of objects to reconcile, and the cache that it fills. The tracker knows of an object before the stream gives it out, and
/// `went_back` is called before anything of an older history is told.
pub fn objects<K, T>(
    api: Api<DeserializeGuard<K>>,
    relevant: fn(&K) -> Option<u64>,
    went_back: WentBack,
    tracker: T,
) -> (impl Stream<Item = Result<K, watcher::Error>> + Send + 'static, Cache<K>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    T: Track<K>,
{
    let mut known: BTreeMap<String, T::Kept> = BTreeMap::new();
    let mut listed: BTreeMap<String, T::Kept> = BTreeMap::new();
    let events = decoded(api, went_back).modify(prune).inspect(move |event| {
        let Ok(event) = event else { return };
        match event {
            Event::Apply(object) => drop(known.insert(place(object), tracker.seen(object))),
            Event::Delete(object) => known.remove(&place(object)).iter().for_each(|kept| tracker.removed(kept)),
            Event::Init => listed.clear(),
            Event::InitApply(object) => drop(listed.insert(place(object), tracker.seen(object))),
            Event::InitDone => {
                let before = std::mem::replace(&mut known, std::mem::take(&mut listed));
                before.iter().filter(|(place, _)| !known.contains_key(*place)).for_each(|(_, kept)| tracker.removed(kept));
                tracker.listed();
            }
        }
    });
    cached(events, relevant)
}

/// Events of decodable objects; one that cannot be decoded (written by hand past a newer schema) is named in the log and harms
/// no other (trap T10).
fn decoded<K>(api: Api<DeserializeGuard<K>>, went_back: WentBack) -> impl Stream<Item = Result<Event<K>, watcher::Error>> + Send
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let watched = api.clone();
    let watch = move || watcher::watcher(watched.clone(), watcher::Config::default().page_size(100)).boxed();
    let newest = move || {
        let api = api.clone();
        // Without a version asked for, a list is never older than what any watch has told.
        let list = async move { deadline(api.list_metadata(&ListParams::default().limit(1))).await };
        list.map_ok(|list| number(list.metadata.resource_version.as_deref())).boxed()
    };
    let events = noticed(watch, newest, move || went_back()).default_backoff();
    events.filter_map(|event| async move {
        Some(Ok(match event {
            Err(error) => return Some(Err(error)),
            Ok(Event::Init) => Event::Init,
            Ok(Event::InitDone) => Event::InitDone,
            Ok(Event::Apply(object)) => Event::Apply(decode(object)?),
            Ok(Event::InitApply(object)) => Event::InitApply(decode(object)?),
            Ok(Event::Delete(object)) => Event::Delete(decode(object)?),
        }))
    })
}

fn decode<K>(object: DeserializeGuard<K>) -> Option<K> {
    object
        .0
        .inspect_err(|invalid| {
            warn!(
                object = invalid.metadata.name,
                namespace = invalid.metadata.namespace,
                error = invalid.error,
                "this object cannot be read and is left alone"
            )
        })
        .ok()
}

fn prune<K: Resource>(object: &mut K) {
    object.meta_mut().managed_fields = None;
    object.annotations_mut().remove(LAST_APPLIED);
}

fn place(object: &impl Resource) -> String {
    format!("{}/{}", object.meta().namespace.as_deref().unwrap_or_default(), object.meta().name.as_deref().unwrap_or_default())
}

/// What a SipEndpoint's reconcile, or its trunk group's, depends on. Our own reports change none of it; somebody who wipes a ledger does.
pub fn relevant_endpoint(object: &SipEndpoint) -> Option<u64> {
    let status = object.status.as_ref();
    let group = status.and_then(|status| status.trunk_group.as_ref());
    hash(object, |hasher| {
        status.and_then(|status| status.endpoint_id.as_ref()).hash(hasher);
        status.and_then(|status| status.account.as_ref()).map(|account| &account.id).hash(hasher);
        group.map(|group| &group.trunk_group_sid).hash(hasher);
        for ledger in [status.and_then(|status| status.ledger.as_ref()), group.and_then(|group| group.ledger.as_ref())] {
            ledger
                .map(|ledger| (&ledger.uid, ledger.epoch, ledger.intent.as_ref().map(|intent| &intent.nonce), &ledger.tombstones))
                .hash(hasher);
        }
        // An endpoint that waits for its group to go says why that takes long.
        let waiting = group.filter(|_| object.metadata.deletion_timestamp.is_some());
        waiting.map(|group| &group.message).hash(hasher);
    })
}

/// What a PhoneNumberBinding's reconcile depends on. Our own reports change none of it; somebody who wipes what must not be forgotten does.
pub fn relevant_binding(object: &PhoneNumberBinding) -> Option<u64> {
    let status = object.status.as_ref();
    hash(object, |hasher| {
        status.and_then(|status| status.account.as_ref()).map(|account| &account.id).hash(hasher);
        let previous = status.and_then(|status| status.previous.as_ref());
        previous.map(|previous| (previous.target(), &previous.alias, &previous.subaccount)).hash(hasher);
        let placed = status.map_or(&[][..], |status| &status.placed);
        placed.iter().for_each(|placed| (placed.target(), &placed.alias).hash(hasher));
    })
}

/// What an account object's reconcile depends on. Another operator may engage or release a brake.
pub fn relevant_account<K: AccountKind>(object: &K) -> Option<u64> {
    hash(object, |hasher| {
        let status = object.current();
        status.is_none().hash(hasher);
        let brake = status.and_then(|status| status.brake.as_ref());
        let records = brake.into_iter().flat_map(|brake| [&brake.deletions, &brake.absences]).flatten();
        records.for_each(|record| (&record.token, record.released_time.is_some()).hash(hasher));
    })
}

fn hash(object: &impl Resource, more: impl FnOnce(&mut DefaultHasher)) -> Option<u64> {
    let meta = object.meta();
    let mut hasher = DefaultHasher::new();
    (&meta.uid, meta.generation, &meta.annotations, &meta.finalizers, meta.deletion_timestamp.is_some()).hash(&mut hasher);
    more(&mut hasher);
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(deleting: bool, status: Value) -> SipEndpoint {
        let time = deleting.then_some("2026-01-01T00:00:00Z");
        serde_json::from_value(json!({
            "apiVersion": "switchboard.dev/v1alpha1",
            "kind": "SipEndpoint",
            "metadata": {"name": "alice", "namespace": "voice", "uid": "uid-1", "generation": 1, "deletionTimestamp": time},
            "spec": {"accountRef": {"name": "main"}},
            "status": status,
        }))
        .expect("an object")
    }

    #[test]
    fn what_is_told_of_a_trunk_group_is_news_only_where_somebody_decides_on_it() {
        let ledger = |epoch: i64| json!({"uid": "uid-1", "installation": "abc", "epoch": epoch});
        let group = |sid: &str, epoch: i64, message: &str| json!({"trunk_group_sid": sid, "ledger": ledger(epoch), "message": message});
        let with = |group: Value| json!({"endpoint_id": "e1", "trunkGroup": group});
        let table = [
            ("it appears", false, json!({"endpoint_id": "e1"}), with(json!({"reason": "Progressing"})), true),
            ("it is recorded", false, with(json!({"reason": "Progressing"})), with(group("g1", 1, "well")), true),
            ("another one is", false, with(group("g1", 1, "well")), with(group("g2", 1, "well")), true),
            ("its ledger moves", false, with(group("g1", 1, "well")), with(group("g1", 2, "well")), true),
            ("it reports", false, with(group("g1", 1, "well")), with(group("g1", 1, "better")), false),
            ("it says what its endpoint waits for", true, with(group("g1", 1, "well")), with(group("g1", 1, "waits")), true),
            ("it is wiped", false, with(group("g1", 1, "well")), json!({"endpoint_id": "e1"}), true),
            ("its endpoint goes", false, with(group("g1", 1, "well")), json!({"trunkGroup": group("g1", 1, "well")}), true),
        ];
        for (sentence, deleting, before, after, news) in table {
            let told = relevant_endpoint(&object(deleting, before)) != relevant_endpoint(&object(deleting, after));
            assert_eq!(told, news, "{sentence}");
        }
    }
}
