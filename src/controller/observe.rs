//! What is counted: the account room tells of its calls, and what there is of objects and accounts is looked up whenever somebody asks for
//! the metrics, so that no reconcile pays for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};
use kube_runtime::reflector::Store;

use crate::account::AccountId;
use crate::account::observer::Observer;
use crate::api::condition::{Condition, ConditionType, Reason, Verdict};
use crate::api::phone_number_binding::PhoneNumberBinding;
use crate::api::provider_account::EndpointCounts;
use crate::api::refs::ProviderKind;
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::context::Context;
use crate::controller::managed::Managed;
use crate::core::action::Finding;
use crate::core::budget::Lane;
use crate::core::call::{Answer, Call, Subject};
use crate::core::fields::{FieldName, Fields};
use crate::core::key::Kind;
use crate::core::shared::Viewed as _;
use crate::metrics::{Metrics, Ownership, Registration, Sample, reason};

impl Observer for Metrics {
    fn called(&self, provider: ProviderKind, call: Call, answer: Answer, took: Duration) {
        Metrics::called(self, provider, call, answer, took);
    }

    fn waited(&self, provider: ProviderKind, lane: Lane, time: Duration) {
        Metrics::waited(self, provider, lane, time);
    }

    fn listed(&self, provider: ProviderKind, collection: Subject, complete: bool, took: Duration) {
        Metrics::listed(self, provider, collection, complete, took);
    }
}

/// From now on the metrics tell what this operator sees.
pub fn show(ctx: &Arc<Context>, bindings: Vec<Store<PhoneNumberBinding>>) {
    // The context holds the metrics.
    let watched: Weak<Context> = Arc::downgrade(ctx);
    let rested = Mutex::new(Rested::default());
    ctx.metrics.sampled_by(move || sample(&*watched.upgrade()?, &bindings, &mut rested.lock().unwrap_or_else(PoisonError::into_inner)));
}

/// Fields that were found changed by somebody else and put back. Of a change only those count that differed: others are sent along.
pub fn corrected(ctx: &Context, differences: &[String], change: &Fields) {
    let differs = |field: &&FieldName| {
        differences.iter().any(|difference| difference.strip_prefix(**field).is_some_and(|rest| rest.starts_with(':')))
    };
    change.keys().filter(differs).for_each(|field| ctx.metrics.drifted(field));
}

/// A status was written that says that the object is ready: the first time since it was made, if it had never been compared before.
pub fn reported<K: Managed>(ctx: &Context, object: &K, view: &K::View, finding: &Finding) {
    if finding.reason != Reason::Available || compared(view.conditions()) {
        return;
    }
    let (Some(created), Some(now)) = (object.creation_timestamp(), ctx.clock.server_now()) else { return };
    ctx.metrics.ready(K::KIND, between(created.0, now));
}

/// What was there was compared with a spec before.
fn compared(conditions: &[Condition]) -> bool {
    let synced = conditions.iter().find(|condition| condition.type_ == ConditionType::Synced.as_str());
    synced.and_then(|condition| condition.observed_generation).is_some_and(|generation| generation > 0)
}

fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

fn sample(ctx: &Context, bindings: &[Store<PhoneNumberBinding>], rested: &mut Rested) -> Option<Sample> {
    if !ctx.claims.is_complete() || !ctx.bindings.is_complete() || ctx.account_objects.get().is_none() {
        return None;
    }
    let mut sample = Sample::default();
    let now = ctx.clock.server_now();
    let mut tally = Tally { before: std::mem::take(rested), ..Tally::default() };
    let endpoints: Vec<Arc<SipEndpoint>> = ctx.all_endpoints().collect();
    let mut registrations: BTreeMap<(ProviderKind, &str, Registration), u64> = BTreeMap::new();
    for object in &endpoints {
        let status = object.status.as_ref();
        let conditions = status.map_or(&[][..], |status| &status.conditions);
        tally.object(Kind::SipEndpoint, object.meta(), conditions, now);
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        if let Some(group) = status.and_then(|status| status.trunk_group.as_ref()) {
            tally.count((Kind::TrunkGroup, namespace, reason(group.reason.as_deref())), None);
        }
        if let Some(account) = status.and_then(|status| status.account.as_ref()) {
            *registrations.entry((account.provider, namespace, registration(conditions))).or_default() += 1;
        }
    }
    let bindings: Vec<Arc<PhoneNumberBinding>> = bindings.iter().flat_map(Store::state).collect();
    for object in &bindings {
        let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
        tally.object(Kind::PhoneNumberBinding, object.meta(), conditions, now);
    }
    let accounts = ctx.account_objects();
    // Several objects of a namespace may lead to one account: what it holds is there once.
    let mut held: BTreeMap<(&str, AccountId, Subject), EndpointCounts> = BTreeMap::new();
    for object in &accounts {
        let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
        tally.object(object.key.kind, &object.meta, conditions, now);
        let Some((id, status)) = object.pinned().zip(object.status.as_ref()) else { continue };
        for (thing, counts) in [(Subject::Endpoint, status.endpoints), (Subject::TrunkGroup, status.trunk_groups)] {
            held.extend(counts.map(|counts| ((object.key.namespace.as_str(), id.clone(), thing), counts)));
        }
    }
    *rested = tally.rested;
    for ((kind, namespace, reason), (count, longest)) in tally.counts {
        sample.objects(kind, namespace, reason, count, longest);
    }
    for ((provider, namespace, state), count) in registrations {
        sample.registrations(provider, namespace, state, count);
    }
    for ((namespace, id, thing), counts) in held {
        let EndpointCounts { managed, unmanaged, orphaned, foreign } = counts;
        let all = [(Ownership::Managed, Some(managed)), (Ownership::Unmanaged, Some(unmanaged)), (Ownership::Foreign, Some(foreign))];
        for (state, count) in all.into_iter().chain([(Ownership::Orphaned, orphaned)]) {
            let Some(count) = count.and_then(|count| u64::try_from(count).ok()) else { continue };
            sample.resources(id.provider, namespace, (thing, state), count);
        }
    }
    for account in ctx.accounts.all() {
        let provider = account.id().provider;
        for known in account.freshness() {
            sample.listed(provider, known.collection, known.age, known.period);
        }
        let load = account.load();
        sample.budget(provider, load.used as u64, u64::from(load.allowed), load.waiting);
    }
    Some(sample)
}

/// What the condition `Registered` says.
fn registration(conditions: &[Condition]) -> Registration {
    let said = conditions.iter().find(|condition| condition.type_ == ConditionType::Registered.as_str());
    match said.and_then(|condition| condition.reason.parse().ok()) {
        Some(Reason::Registered) => Registration::Registered,
        Some(Reason::NotRegistered) => Registration::NotRegistered,
        Some(Reason::StaticPeer) => Registration::StaticPeer,
        _ => Registration::Unknown,
    }
}

/// When objects, by uid, were last seen paused or suspended, as long as they are that or not ready since: their condition `Ready` is False
/// all the while, but until then it was meant.
type Rested = BTreeMap<String, Timestamp>;

/// Objects by kind, namespace and reason: how many, and for how long the one that is not ready for the longest time is not.
#[derive(Default)]
struct Tally<'a> {
    counts: BTreeMap<(Kind, &'a str, &'static str), (u64, Option<Duration>)>,
    before: Rested,
    rested: Rested,
}

impl<'a> Tally<'a> {
    fn object(
        &mut self,
        kind: Kind,
        meta: &'a k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
        conditions: &[Condition],
        now: Option<Timestamp>,
    ) {
        let ready = conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str());
        let word = reason(ready.map(|condition| condition.reason.as_str()));
        let uid = meta.uid.as_deref().unwrap_or_default();
        let since = match ready {
            Some(ready) if ready.status == "True" => None,
            // Somebody asked for it.
            Some(_) if word.parse().is_ok_and(|reason: Reason| reason.verdict() == Verdict::Suspended) => {
                self.rested.extend(now.map(|now| (uid.to_owned(), now)));
                None
            }
            Some(ready) => {
                let rested = self.before.get(uid).copied();
                self.rested.extend(rested.map(|until| (uid.to_owned(), until)));
                Some(ready.last_transition_time.0).max(rested)
            }
            None => meta.creation_timestamp.as_ref().map(|time| time.0),
        };
        let longest = since.zip(now).map(|(since, now)| between(since, now));
        self.count((kind, meta.namespace.as_deref().unwrap_or_default(), word), longest);
    }

    fn count(&mut self, key: (Kind, &'a str, &'static str), not_ready: Option<Duration>) {
        let (count, longest) = self.counts.entry(key).or_default();
        *count += 1;
        *longest = (*longest).max(not_ready);
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
    use serde_json::json;

    use super::*;

    fn condition(kind: &str, status: &str, reason: &str, since: i64) -> Condition {
        let since = Timestamp::from_second(since).expect("a second");
        let condition = json!({"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": since.to_string()});
        serde_json::from_value(condition).expect("a condition")
    }

    #[test]
    fn an_object_is_not_ready_since_its_condition_says_so_or_since_it_was_made() {
        let ready = |status, reason| vec![condition("Ready", status, reason, 1_000)];
        let table = [
            ("ready", ready("True", "Available"), ("Available", None)),
            ("not", ready("False", "Conflict"), ("Conflict", Some(500))),
            ("a word of another version", ready("False", "Bewitched"), ("Other", Some(500))),
            ("paused, as somebody asked for", ready("False", "Paused"), ("Paused", None)),
            ("suspended, as somebody asked for", ready("False", "Suspended"), ("Suspended", None)),
            ("nothing said yet", vec![], ("NoStatus", Some(600))),
        ];
        let time = |second| Timestamp::from_second(second).expect("a second");
        for (sentence, conditions, (word, seconds)) in table {
            let meta = ObjectMeta { namespace: Some("voice".into()), creation_timestamp: Some(Time(time(900))), ..ObjectMeta::default() };
            let mut tally = Tally::default();
            tally.object(Kind::SipEndpoint, &meta, &conditions, Some(time(1_500)));
            let expected = (1, seconds.map(Duration::from_secs));
            assert_eq!(tally.counts, BTreeMap::from([((Kind::SipEndpoint, "voice", word), expected)]), "{sentence}");
        }
    }

    #[test]
    fn what_was_paused_for_days_is_not_ready_since_it_goes_on() {
        let meta = ObjectMeta { uid: Some("u-1".into()), ..ObjectMeta::default() };
        let mut rested = Rested::default();
        // When it is looked at, what it says (since second 1000), for how long it is not ready.
        let steps = [
            (1_500, Some(("False", "Conflict")), Some(500)),
            (2_000, Some(("False", "Paused")), None),
            (9_000, Some(("False", "Suspended")), None),
            (9_060, Some(("False", "Progressing")), Some(60)),
            (9_120, Some(("False", "Conflict")), Some(120)),
            (9_180, Some(("True", "Available")), None),
            (9_240, Some(("False", "Conflict")), Some(8_240)),
            (9_300, None, None),
        ];
        for (second, said, expected) in steps {
            let now = Timestamp::from_second(second).expect("a second");
            let mut tally = Tally { before: std::mem::take(&mut rested), ..Tally::default() };
            if let Some((status, reason)) = said {
                tally.object(Kind::SipEndpoint, &meta, &[condition("Ready", status, reason, 1_000)], Some(now));
            }
            let longest = tally.counts.values().find_map(|(_, longest)| *longest);
            assert_eq!(longest, expected.map(Duration::from_secs), "{second}: {said:?}");
            rested = tally.rested;
        }
        assert!(rested.is_empty(), "nothing is kept of what has gone");
    }

    #[test]
    fn whether_a_phone_is_registered_is_what_the_condition_says() {
        let said = |reason| registration(&[condition("Registered", "Unknown", reason, 0)]);
        let words = ["Registered", "NotRegistered", "StaticPeer", "Whatever"].map(said);
        let expected = [Registration::Registered, Registration::NotRegistered, Registration::StaticPeer, Registration::Unknown];
        assert_eq!((words, registration(&[])), (expected, Registration::Unknown));
    }
}
