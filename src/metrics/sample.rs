//! What is looked up when somebody asks instead of being kept up to date: how many objects there are, and how old what is known of accounts
//! is. A series of a namespace is there as long as the namespace has such an object.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::labels::{ByCollection, ByLane, ByNamespace, ByProvider, ByReason, ByState, ByThing, Ownership, Registration};
use crate::api::condition::Reason;
use crate::api::refs::ProviderKind;
use crate::core::budget::Lane;
use crate::core::call::Subject;
use crate::core::key::Kind;

/// Stands for the reason of an object that has no condition Ready yet.
pub const NO_STATUS: &str = "NoStatus";
/// Stands for a reason that is none of ours: of another version, or written by somebody else.
pub const OTHER: &str = "Other";

/// The word for what stands as the reason of a condition.
pub fn reason(text: Option<&str>) -> &'static str {
    text.map_or(NO_STATUS, |text| text.parse::<Reason>().map_or(OTHER, Reason::as_str))
}

/// What there is at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    objects: BTreeMap<ByReason, u64>,
    not_ready: BTreeMap<ByReason, f64>,
    registrations: BTreeMap<ByState, u64>,
    resources: BTreeMap<ByThing, u64>,
    namespaces: BTreeSet<String>,
    ages: BTreeMap<ByCollection, f64>,
    overdue: BTreeMap<ByCollection, f64>,
    used: BTreeMap<ByProvider, u64>,
    allowed: BTreeMap<ByProvider, u64>,
    waiting: BTreeMap<ByLane, u64>,
}

impl Sample {
    /// Objects of this kind and namespace whose condition Ready has this reason (see [`reason`]), and for how long the one of them that is
    /// not ready for the longest time is not.
    pub fn objects(&mut self, kind: Kind, namespace: &str, reason: &'static str, count: u64, not_ready: Option<Duration>) {
        let labels = ByReason { kind: kind.as_str(), namespace: namespace.to_owned(), reason };
        if let Some(longest) = not_ready {
            let before = self.not_ready.entry(labels.clone()).or_default();
            *before = before.max(longest.as_secs_f64());
        }
        if kind == Kind::SipEndpoint {
            self.namespaces.insert(namespace.to_owned());
        }
        *self.objects.entry(labels).or_default() += count;
    }

    /// Endpoints of this namespace. Where there is one, all states have a series.
    pub fn registrations(&mut self, provider: ProviderKind, namespace: &str, state: Registration, count: u64) {
        for one in Registration::ALL {
            let labels = ByState { provider: provider.as_str(), namespace: namespace.to_owned(), state: one.as_str() };
            *self.registrations.entry(labels).or_default() += if *one == state { count } else { 0 };
        }
    }

    /// Endpoints or trunk groups in an account that account objects of this namespace lead to.
    pub fn resources(&mut self, provider: ProviderKind, namespace: &str, (thing, state): (Subject, Ownership), count: u64) {
        let (provider, thing, state) = (provider.as_str(), thing.as_str(), state.as_str());
        *self.resources.entry(ByThing { provider, namespace: namespace.to_owned(), thing, state }).or_default() += count;
    }

    /// What is known of a collection of an account is this old; it is listed anew in this period. The oldest counts, and the longest overdue.
    pub fn listed(&mut self, provider: ProviderKind, collection: Subject, age: Duration, period: Duration) {
        let labels = ByCollection { provider: provider.as_str(), collection: collection.as_str() };
        let oldest = self.ages.entry(labels.clone()).or_default();
        *oldest = oldest.max(age.as_secs_f64());
        let latest = self.overdue.entry(labels).or_default();
        *latest = latest.max(age.saturating_sub(period).as_secs_f64());
    }

    /// An account's call budget: used, allowed, and who waits by lane.
    pub fn budget(&mut self, provider: ProviderKind, used: u64, allowed: u64, waiting: [usize; 4]) {
        let labels = ByProvider { provider: provider.as_str() };
        *self.used.entry(labels.clone()).or_default() += used;
        *self.allowed.entry(labels).or_default() += allowed;
        for (lane, waiting) in Lane::ALL.into_iter().zip(waiting) {
            *self.waiting.entry(ByLane { provider: provider.as_str(), lane: lane.as_str() }).or_default() += waiting as u64;
        }
    }
}

/// Who looks; `None` as long as not everything is known.
type Look = dyn Fn() -> Option<Sample> + Send + Sync;

/// Encodes a sample whenever somebody asks.
#[derive(Clone, Default)]
pub(super) struct Samples {
    look: Arc<OnceLock<Box<Look>>>,
    /// By namespace. Those of namespaces that have no endpoint are not shown.
    uri_changes: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Samples")
    }
}

impl Samples {
    /// Asks this one from now on; the first one stays.
    pub(super) fn from(&self, look: Box<Look>) {
        let _ = self.look.set(look);
    }

    /// Counts a changed SIP URI of an object of this namespace.
    pub(super) fn uri_changed(&self, namespace: &str) {
        let mut changes = self.uri_changes.lock().unwrap_or_else(PoisonError::into_inner);
        *changes.entry(namespace.to_owned()).or_default() += 1;
    }
}

/// Writes all series of one metric; none, where there are none.
fn series<S: EncodeLabelSet, M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, unit): (&str, &str, Option<&Unit>),
    kind: MetricType,
    all: impl IntoIterator<Item = (S, M)>,
) -> fmt::Result {
    // Each help ends with a full stop, as the registry's own do.
    let mut metric = encoder.encode_descriptor(name, &format!("{help}."), unit, kind)?;
    for (labels, value) in all {
        value.encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

fn gauges<S: EncodeLabelSet + Clone>(all: &BTreeMap<S, u64>) -> impl Iterator<Item = (S, ConstGauge<u64>)> {
    all.iter().map(|(labels, value)| (labels.clone(), ConstGauge::new(*value)))
}

fn seconds<S: EncodeLabelSet + Clone>(all: &BTreeMap<S, f64>) -> impl Iterator<Item = (S, ConstGauge<f64>)> {
    all.iter().map(|(labels, value)| (labels.clone(), ConstGauge::new(*value)))
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // Before everything is known nothing is said: a part would look like a loss.
        let sample = self.look.get().and_then(|look| look()).unwrap_or_default();
        let to = &mut encoder;
        let gauge = MetricType::Gauge;
        let help = "Objects by the reason of their condition Ready; a trunk group is part of its SipEndpoint and has one reason";
        series(to, ("objects", help, None), gauge, gauges(&sample.objects))?;
        let help = "For how long the object of this kind, namespace and reason is not ready that is not for the longest time";
        series(to, ("not_ready", help, Some(&Unit::Seconds)), gauge, seconds(&sample.not_ready))?;
        let help = "SipEndpoints that have an account, by whether a phone is registered";
        series(to, ("registrations", help, None), gauge, gauges(&sample.registrations))?;
        let help = "Endpoints and trunk groups in the accounts of this namespace's account objects, by whose they are";
        series(to, ("provider_resources", help, None), gauge, gauges(&sample.resources))?;
        let help = "Time since the last complete listing began, of the account where it is longest";
        series(to, ("sweep_age", help, Some(&Unit::Seconds)), gauge, seconds(&sample.ages))?;
        let help = "By how much that exceeds the account's sweep period, where it does most";
        series(to, ("sweep_overdue", help, Some(&Unit::Seconds)), gauge, seconds(&sample.overdue))?;
        let help = "Calls that count against the budgets in the present window, of all accounts together";
        series(to, ("budget_used_calls", help, None), gauge, gauges(&sample.used))?;
        let help = "Calls that the budgets allow in a window of five seconds at present, of all accounts together";
        series(to, ("budget_allowed_calls", help, None), gauge, gauges(&sample.allowed))?;
        series(to, ("budget_waiting", "Objects and listings that wait for a call", None), gauge, gauges(&sample.waiting))?;
        let changes = self.uri_changes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let of = |namespace: &String| ConstCounter::new(changes.get(namespace).copied().unwrap_or_default());
        let all = sample.namespaces.iter().map(|namespace| (ByNamespace { namespace: namespace.clone() }, of(namespace)));
        let help = "Endpoints that were made anew with another SIP URI, after somebody had deleted them at the provider";
        series(to, ("sip_uri_changes", help, None), MetricType::Counter, all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_is_none_of_ours_is_not_repeated() {
        assert_eq!(["Braked", "+14155550100", ""].map(|text| reason(Some(text))), ["Braked", OTHER, OTHER]);
        assert_eq!(reason(None), NO_STATUS);
        assert!([NO_STATUS, OTHER].iter().all(|word| word.parse::<Reason>().is_err()), "no reason is called so");
    }

    #[test]
    fn of_several_accounts_the_oldest_listing_counts_and_their_budgets_add_up() {
        let mut sample = Sample::default();
        let seconds = Duration::from_secs;
        // One is old, and is listed once an hour; the other should have been listed long since.
        sample.listed(ProviderKind::Plivo, Subject::Endpoint, seconds(3000), seconds(3600));
        sample.listed(ProviderKind::Plivo, Subject::Endpoint, seconds(500), seconds(60));
        let endpoints = ByCollection { provider: "Plivo", collection: "endpoint" };
        assert_eq!((sample.ages[&endpoints], sample.overdue[&endpoints]), (3000.0, 440.0));
        sample.budget(ProviderKind::Plivo, 10, 150, [1, 0, 0, 2]);
        sample.budget(ProviderKind::Plivo, 5, 100, [0, 0, 3, 0]);
        let plivo = ByProvider { provider: "Plivo" };
        assert_eq!((sample.used[&plivo], sample.allowed[&plivo]), (15, 250));
        assert_eq!(sample.waiting.values().sum::<u64>(), 6);
        assert_eq!(sample.waiting.len(), 4, "every lane has a series");
    }
}
