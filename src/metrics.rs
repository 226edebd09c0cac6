//! What is counted, in the OpenMetrics text format. Labels come from closed enums, each value of which is there from the start: no
//! object, account, number, user or Secret has a name here, and no series comes into being in the middle of a life.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// What the text is, as HTTP names it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of [`Metrics::visibility_lag`], in seconds. With the default settle time 60 s are allowed for.
const LAGS: [f64; 11] = [0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0];

/// An assumption of the create protocol; `docs/design.md` says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Assumption {
    /// Creates take effect within the settle time.
    A1,
    /// The process does not stand still between check and send.
    A2,
    /// What was created becomes visible in time.
    A3,
}

/// The class of an answer to a create.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "a label's value is the name of its variant")]
pub enum Answer {
    /// It was made.
    done,
    /// It was not, certainly.
    refused,
    /// Nobody knows.
    unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByAssumption {
    assumption: Assumption,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByAnswer {
    outcome: Answer,
}

/// All counts of this process. Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    broken: Family<ByAssumption, Counter>,
    creates: Family<ByAnswer, Counter>,
    lags: Histogram,
    leader: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let broken = Family::<ByAssumption, Counter>::default();
        for assumption in [Assumption::A1, Assumption::A2, Assumption::A3] {
            drop(broken.get_or_create(&ByAssumption { assumption }));
        }
        let creates = Family::<ByAnswer, Counter>::default();
        for outcome in [Answer::done, Answer::refused, Answer::unknown] {
            drop(creates.get_or_create(&ByAnswer { outcome }));
        }
        let lags = Histogram::new(LAGS);
        let mut registry = Registry::with_prefix("switchboard");
        // The format ends each help with a full stop and each counter with _total by itself.
        registry.register("assumption_broken", "Times an assumption of the create protocol was seen broken", broken.clone());
        registry.register(
            "creates",
            "Creates of endpoints and trunk groups sent to providers, by the class of the answer",
            creates.clone(),
        );
        let help = "How long after the answer to a create looks did not show the endpoint; 0 if the first look did";
        registry.register_with_unit("visibility_lag", help, Unit::Seconds, lags.clone());
        let leader = Gauge::default();
        registry.register("leader", "1 while this process leads, 0 while another one does or none", leader.clone());
        Self { registry: Arc::new(registry), broken, creates, lags, leader }
    }
}

impl Metrics {
    /// An assumption was seen broken.
    pub fn broken(&self, assumption: Assumption) {
        self.broken.get_or_create(&ByAssumption { assumption }).inc();
    }

    /// A create was answered, or it is certain that it will not be.
    pub fn create(&self, outcome: Answer) {
        self.creates.get_or_create(&ByAnswer { outcome }).inc();
    }

    /// An endpoint of ours was seen for the first time.
    pub fn visibility_lag(&self, lag: Duration) {
        self.lags.observe(lag.as_secs_f64());
    }

    /// Whether this process leads.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
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
        let page = move || async move {
            match self.text() {
                Ok(text) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        };
        Router::new().route("/metrics", get(page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_there_from_the_start_and_counts() {
        let metrics = Metrics::default();
        let text = metrics.text().expect("text");
        for line in [
            "switchboard_assumption_broken_total{assumption=\"A1\"} 0",
            "switchboard_assumption_broken_total{assumption=\"A2\"} 0",
            "switchboard_assumption_broken_total{assumption=\"A3\"} 0",
            "switchboard_creates_total{outcome=\"done\"} 0",
            "switchboard_creates_total{outcome=\"refused\"} 0",
            "switchboard_creates_total{outcome=\"unknown\"} 0",
            "switchboard_visibility_lag_seconds_count 0",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is missing:\n{text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
        metrics.broken(Assumption::A2);
        metrics.create(Answer::unknown);
        metrics.visibility_lag(Duration::ZERO);
        metrics.visibility_lag(Duration::from_secs(50));
        let text = metrics.text().expect("text");
        for line in [
            "switchboard_assumption_broken_total{assumption=\"A2\"} 1",
            "switchboard_creates_total{outcome=\"unknown\"} 1",
            "switchboard_visibility_lag_seconds_bucket{le=\"0.0\"} 1",
            "switchboard_visibility_lag_seconds_bucket{le=\"60.0\"} 2",
            "switchboard_visibility_lag_seconds_count 2",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is missing:\n{text}");
        }
    }
}
