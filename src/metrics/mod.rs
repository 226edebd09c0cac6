//! What is counted, in the OpenMetrics text format. Labels come from closed sets, each value of which is there from the start, so that the
//! first time counts as an increase; no object, account, number, user or Secret has a name here. Only the namespace of objects stands in
//! labels where alerts are routed by it: such a series comes with the first object there and goes with the last one.

mod labels;
mod plain;
mod sample;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

pub use self::labels::{Acted, Ownership, Reconciled, Registration};
use self::labels::{
    ByAction, ByAssumption, ByCall, ByCollection, ByField, ByKind, ByLane, ByOperation, ByReconciled, BySweep, ByVersion, possible,
};
pub use self::plain::plain;
pub use self::sample::{NO_STATUS, OTHER, Sample, reason};
use crate::api::refs::ProviderKind;
use crate::core::action::NAMES;
use crate::core::budget::Lane;
use crate::core::call::{Answer, Call, Subject};
use crate::core::fields::FieldName;
use crate::core::key::Kind;
use crate::core::monitor::Assumption;

/// What the text is, as HTTP names it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The same of the older format.
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of [`Metrics::visibility_lag`], in seconds. With the default settle time 60 s are allowed for.
const LAGS: [f64; 11] = [0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0];
/// Of calls and reconciles: from an answer of the same data centre to the longest deadline.
const DURATIONS: [f64; 10] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0];
/// Of listings: ten thousand endpoints take minutes, and are cut off after a quarter of an hour.
const SWEEPS: [f64; 9] = [0.1, 0.5, 2.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1200.0];
/// Of waits for the budget, whose window is five seconds.
const WAITS: [f64; 9] = [0.0, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0];
/// From the creation of an object until it was ready for the first time.
const READY: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 7200.0];

/// Histograms with bounds of their own.
type Histograms<S> = Family<S, Histogram, fn() -> Histogram>;

/// All counts of this process. Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    broken: Family<ByAssumption, Counter>,
    lags: Histogram,
    leader: Gauge,
    reconciles: Family<ByReconciled, Counter>,
    reconcile_durations: Histograms<ByKind>,
    actions: Family<ByAction, Counter>,
    calls: Family<ByCall, Counter>,
    call_durations: Histograms<ByOperation>,
    waits: Histograms<ByLane>,
    sweeps: Family<BySweep, Counter>,
    sweep_durations: Histograms<ByCollection>,
    drift: Family<ByField, Counter>,
    ready: Histograms<ByKind>,
    samples: sample::Samples,
}

fn histograms<S: Clone + std::hash::Hash + Eq + EncodeLabelSet>(constructor: fn() -> Histogram) -> Histograms<S> {
    Family::new_with_constructor(constructor)
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Arc::default(),
            broken: Family::default(),
            lags: Histogram::new(LAGS),
            leader: Gauge::default(),
            reconciles: Family::default(),
            reconcile_durations: histograms(|| Histogram::new(DURATIONS)),
            actions: Family::default(),
            calls: Family::default(),
            call_durations: histograms(|| Histogram::new(DURATIONS)),
            waits: histograms(|| Histogram::new(WAITS)),
            sweeps: Family::default(),
            sweep_durations: histograms(|| Histogram::new(SWEEPS)),
            drift: Family::default(),
            ready: histograms(|| Histogram::new(READY)),
            samples: sample::Samples::default(),
        };
        metrics.begin();
        let registry = Arc::new(metrics.registered());
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// Every series whose labels are of closed sets begins here.
    fn begin(&self) {
        for assumption in Assumption::ALL {
            drop(self.broken.get_or_create(&ByAssumption { assumption: assumption.as_str() }));
        }
        for kind in Kind::ALL.map(Kind::as_str) {
            for outcome in Reconciled::ALL {
                drop(self.reconciles.get_or_create(&ByReconciled { kind, outcome: outcome.as_str() }));
            }
            drop(self.reconcile_durations.get_or_create(&ByKind { kind }));
        }
        for kind in [Kind::SipEndpoint, Kind::PhoneNumberBinding].map(Kind::as_str) {
            drop(self.ready.get_or_create(&ByKind { kind }));
        }
        for action in NAMES {
            for outcome in possible(action) {
                drop(self.actions.get_or_create(&ByAction { action, outcome: outcome.as_str() }));
            }
        }
        for provider in ProviderKind::ALL.iter().map(|provider| provider.as_str()) {
            for call in Call::all() {
                let (operation, thing) = (call.verb.as_str(), call.subject.as_str());
                for outcome in Answer::ALL.iter().map(|answer| answer.as_str()) {
                    drop(self.calls.get_or_create(&ByCall { provider, operation, thing, outcome }));
                }
                drop(self.call_durations.get_or_create(&ByOperation { provider, operation }));
            }
            for lane in Lane::ALL.map(Lane::as_str) {
                drop(self.waits.get_or_create(&ByLane { provider, lane }));
            }
            for collection in [Subject::Endpoint, Subject::TrunkGroup, Subject::Number, Subject::Application].map(Subject::as_str) {
                for outcome in [COMPLETE, INCOMPLETE] {
                    drop(self.sweeps.get_or_create(&BySweep { provider, collection, outcome }));
                }
                drop(self.sweep_durations.get_or_create(&ByCollection { provider, collection }));
            }
        }
    }

    /// All of them, with what they mean.
    fn registered(&self) -> Registry {
        let mut all = Registry::with_prefix("switchboard");
        // The format ends each help with a full stop and each counter with _total by itself.
        all.register("build", "The version that runs", Info::new(ByVersion { version: env!("CARGO_PKG_VERSION") }));
        let began = jiff::Timestamp::now().as_second();
        all.register_with_unit("start_time", "When the process began, since 1970", Unit::Seconds, ConstGauge::new(began));
        all.register("leader", "1 while this process leads, 0 while another one does or none", self.leader.clone());
        let help = "Times an assumption of the create protocol was seen broken";
        all.register("assumption_broken", help, self.broken.clone());
        let help = "How long after the answer to a create looks did not show the endpoint; 0 if the first look did";
        all.register_with_unit("visibility_lag", help, Unit::Seconds, self.lags.clone());
        all.register("reconciles", "Reconciles of objects, by how they ended", self.reconciles.clone());
        let help = "How long reconciles took, waits for providers included";
        all.register_with_unit("reconcile_duration", help, Unit::Seconds, self.reconcile_durations.clone());
        all.register("actions", "Steps of the protocol by what became of them", self.actions.clone());
        all.register("provider_calls", "Calls at providers by what the answer means; throttled is a 429", self.calls.clone());
        let help = "How long providers took to answer";
        all.register_with_unit("provider_call_duration", help, Unit::Seconds, self.call_durations.clone());
        let help = "How long calls waited for the budget before they were sent; 0 if they did not";
        all.register_with_unit("budget_wait", help, Unit::Seconds, self.waits.clone());
        let help = "Listings of everything in a collection, by whether they prove what is absent";
        all.register("sweeps", help, self.sweeps.clone());
        let help = "How long listings took, waits for the budget included";
        all.register_with_unit("sweep_duration", help, Unit::Seconds, self.sweep_durations.clone());
        let help = "Fields found changed at a provider by somebody else, whether they were put back or only reported";
        all.register("drift", help, self.drift.clone());
        let help = "How long after its creation an object was ready for the first time";
        all.register_with_unit("time_to_ready", help, Unit::Seconds, self.ready.clone());
        all.register_collector(Box::new(self.samples.clone()));
        all
    }

    /// An assumption was seen broken.
    pub fn broken(&self, assumption: Assumption) {
        self.broken.get_or_create(&ByAssumption { assumption: assumption.as_str() }).inc();
    }

    /// An endpoint of ours was seen for the first time.
    pub fn visibility_lag(&self, lag: Duration) {
        self.lags.observe(lag.as_secs_f64());
    }

    /// Whether this process leads. Before anybody says so, it does not.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// A reconcile ended.
    pub fn reconciled(&self, kind: Kind, outcome: Reconciled, took: Duration) {
        let (kind, outcome) = (kind.as_str(), outcome.as_str());
        self.reconciles.get_or_create(&ByReconciled { kind, outcome }).inc();
        self.reconcile_durations.get_or_create(&ByKind { kind }).observe(took.as_secs_f64());
    }

    /// An action of this name was performed.
    pub fn acted(&self, action: &'static str, outcome: Acted) {
        self.actions.get_or_create(&ByAction { action, outcome: outcome.as_str() }).inc();
    }

    /// A call was answered.
    pub fn called(&self, provider: ProviderKind, call: Call, answer: Answer, took: Duration) {
        let (provider, operation) = (provider.as_str(), call.verb.as_str());
        let labels = ByCall { provider, operation, thing: call.subject.as_str(), outcome: answer.as_str() };
        self.calls.get_or_create(&labels).inc();
        self.call_durations.get_or_create(&ByOperation { provider, operation }).observe(took.as_secs_f64());
    }

    /// A call was let through.
    pub fn waited(&self, provider: ProviderKind, lane: Lane, time: Duration) {
        let labels = ByLane { provider: provider.as_str(), lane: lane.as_str() };
        self.waits.get_or_create(&labels).observe(time.as_secs_f64());
    }

    /// A listing ended.
    pub fn listed(&self, provider: ProviderKind, collection: Subject, complete: bool, took: Duration) {
        let (provider, collection) = (provider.as_str(), collection.as_str());
        let outcome = if complete { COMPLETE } else { INCOMPLETE };
        self.sweeps.get_or_create(&BySweep { provider, collection, outcome }).inc();
        self.sweep_durations.get_or_create(&ByCollection { provider, collection }).observe(took.as_secs_f64());
    }

    /// These are the fields that may drift.
    pub fn may_drift(&self, fields: impl IntoIterator<Item = FieldName>) {
        for field in fields {
            drop(self.drift.get_or_create(&ByField { field }));
        }
    }

    /// A field was found changed by somebody else.
    pub fn drifted(&self, field: FieldName) {
        self.drift.get_or_create(&ByField { field }).inc();
    }

    /// An endpoint of this namespace was made anew and has another SIP URI.
    pub fn sip_uri_changed(&self, namespace: &str) {
        self.samples.uri_changed(namespace);
    }

    /// An object is ready for the first time, so long after it was created.
    pub fn ready(&self, kind: Kind, after: Duration) {
        self.ready.get_or_create(&ByKind { kind: kind.as_str() }).observe(after.as_secs_f64());
    }

    /// Who is asked for what there is whenever somebody asks for the text; `None` as long as not everything is known.
    pub fn sampled_by(&self, look: impl Fn() -> Option<Sample> + Send + Sync + 'static) {
        self.samples.from(Box::new(look));
    }

    /// Everything, as text.
    ///
    /// # Errors
    /// Never, as far as writing into a string cannot fail.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// `/metrics`.
    pub fn page(self) -> Router {
        let page = move |headers: HeaderMap| async move {
            match self.text() {
                Ok(text) if wants_plain(&headers) => ([(CONTENT_TYPE, PLAIN)], plain(&text)).into_response(),
                Ok(text) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        };
        Router::new().route("/metrics", get(page))
    }
}

/// A listing that proves what is absent.
const COMPLETE: &str = "complete";
/// A listing that does not.
const INCOMPLETE: &str = "incomplete";

/// It names the older format and not the newer one.
fn wants_plain(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.contains("text/plain") && !accepted.contains("application/openmetrics-text")
}

#[cfg(test)]
mod tests;
