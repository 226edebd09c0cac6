//! The admin calls that every simulator has, and what all admin calls are made of.

use std::sync::Arc;

use axum::extract::{FromRequest, Query, Request, State as AxumState};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::Provider;
use super::shared::Shared;
use super::switches::SwitchSet;
use crate::faults::Faults;

/// So many numbers are made by one call at most.
pub(crate) const MOST_SEEDED: u64 = 100_000;
/// Fault scripts may carry bodies of megabytes.
const LARGEST_INPUT: usize = 128 << 20;

/// An error of the admin interface: `{"error": "…"}`.
pub(crate) struct Refused(pub(crate) StatusCode, pub(crate) String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

pub(crate) type Answered = Result<Json<Value>, Refused>;
pub(crate) type Created = Result<(StatusCode, Json<Value>), Refused>;

/// A JSON body, whatever its Content-Type says: `curl -d` is enough. No body at all is an empty object.
pub(crate) struct Input<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let bytes = axum::body::to_bytes(request.into_body(), LARGEST_INPUT).await.map_err(|error| bad(format!("the body: {error}")))?;
        let bytes = if bytes.is_empty() { &b"{}"[..] } else { &bytes };
        serde_json::from_slice(bytes).map(Self).map_err(|error| bad(format!("the body: {error}")))
    }
}

pub(crate) fn bad(why: impl Into<String>) -> Refused {
    Refused(StatusCode::BAD_REQUEST, why.into())
}

pub(crate) fn missing(what: &str, id: &str) -> Refused {
    Refused(StatusCode::NOT_FOUND, format!("there is no {what} {id}"))
}

/// A member that is a text, or is missing.
pub(crate) fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>, Refused> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(bad(format!("{name} is a text"))),
    }
}

/// Refuses members that are none of `names`.
pub(crate) fn known(body: &Map<String, Value>, names: &[&str]) -> Result<(), Refused> {
    body.keys()
        .find(|name| !names.contains(&name.as_str()))
        .map_or(Ok(()), |name| Err(bad(format!("{name} is none of {}", names.join(", ")))))
}

/// Takes `count` from the body of a seeding call: so many numbers that follow one another.
pub(crate) fn count(body: &mut Map<String, Value>) -> Result<u64, Refused> {
    let count = body.remove("count").map_or(Some(1), |count| count.as_u64().filter(|count| (1..=MOST_SEEDED).contains(count)));
    count.ok_or_else(|| bad(format!("count is 1 to {MOST_SEEDED}")))
}

/// A phone number of 7 to 15 digits without a plus.
pub(crate) fn is_number(id: &str) -> bool {
    (7..=15).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// `count` numbers from `first` on.
pub(crate) fn following(first: &str, count: u64) -> Result<Vec<String>, Refused> {
    let start: Option<u64> = Some(first).filter(|first| is_number(first)).and_then(|first| first.parse().ok());
    let Some(start) = start else { return Err(bad("a number is 7 to 15 digits without a plus")) };
    Ok((0..count).map(|index| format!("{:0width$}", start + index, width = first.len())).collect())
}

/// The calls of this module and of the provider below `/_sandbox`, and its API everywhere else.
pub(crate) fn router<P: Provider>(shared: Arc<Shared<P>>, own: Router<Arc<Shared<P>>>) -> Router {
    let calls = own
        .route("/ledger", get(ledger::<P>))
        .route("/requests", get(requests::<P>))
        .route("/state", get(state::<P>))
        .route("/faults", get(faults::<P>).put(set_faults::<P>).delete(clear_faults::<P>))
        .route("/switches", get(switches::<P>).put(set_switches::<P>))
        .route("/reset", post(reset::<P>))
        .fallback(|| async { Refused(StatusCode::NOT_FOUND, "no such admin call".to_owned()) });
    Router::new().nest("/_sandbox", calls).fallback(super::wire::provider::<P>).with_state(shared)
}

pub(crate) type Handle<P> = AxumState<Arc<Shared<P>>>;

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    since: usize,
}

async fn ledger<P: Provider>(AxumState(shared): Handle<P>, Query(Since { since }): Query<Since>) -> Json<Value> {
    let state = shared.lock();
    Json(state.ledger.iter().skip(since).cloned().collect())
}

async fn requests<P: Provider>(AxumState(shared): Handle<P>, Query(Since { since }): Query<Since>) -> Json<Value> {
    let state = shared.lock();
    Json(state.requests.iter().enumerate().skip(since).map(|(index, row)| row.to_json(index + 1)).collect())
}

async fn state<P: Provider>(AxumState(shared): Handle<P>) -> Json<Value> {
    let state = shared.lock();
    Json(P::state(&state.world, &state.switches))
}

async fn faults<P: Provider>(AxumState(shared): Handle<P>) -> Json<Value> {
    Json(shared.lock().faults.to_json())
}

async fn set_faults<P: Provider>(AxumState(shared): Handle<P>, Input(script): Input<Value>) -> Answered {
    let parsed = Faults::parse(&script).map_err(bad)?;
    let shown = parsed.to_json();
    shared.lock().faults = parsed;
    Ok(Json(shown))
}

async fn clear_faults<P: Provider>(AxumState(shared): Handle<P>) -> StatusCode {
    shared.lock().faults = Faults::default();
    StatusCode::NO_CONTENT
}

async fn switches<P: Provider>(AxumState(shared): Handle<P>) -> Json<Value> {
    Json(shared.lock().switches.to_json())
}

/// All or nothing: one bad value leaves every switch as it was.
async fn set_switches<P: Provider>(AxumState(shared): Handle<P>, Input(values): Input<Map<String, Value>>) -> Answered {
    let mut state = shared.lock();
    let mut changed = state.switches.clone();
    for (name, value) in &values {
        changed.set(name, value).map_err(bad)?;
    }
    state.switches = changed;
    Ok(Json(state.switches.to_json()))
}

async fn reset<P: Provider>(AxumState(shared): Handle<P>) -> StatusCode {
    shared.lock().reset();
    StatusCode::NO_CONTENT
}
