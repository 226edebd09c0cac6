//! A request of the provider's API on its way: log, fault rule, effect, answer. The only place where the API waits.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State as AxumState;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use jiff::Timestamp;
use rand::Rng;

use super::Provider;
use super::act::{Actor, Call};
use super::answer::Answer;
use super::shared::{Row, Shared, State};
use super::switches::SwitchSet;
use crate::faults::{Fault, FaultAnswer};
use crate::http::{ConnectionNumber, Wire};

/// No request of this API is larger.
const LARGEST_REQUEST: usize = 1 << 20;
/// Nobody waits longer for an answer that never comes.
const LONGEST_HANG: Duration = Duration::from_secs(600);

/// The place of a request in the log; whatever ends the request, also its client, closes the entry.
struct Logged<P: Provider> {
    shared: Arc<Shared<P>>,
    index: usize,
    /// Tells the entry from one that took its place after a reset.
    at_ms: u64,
}

impl<P: Provider> Logged<P> {
    fn with(&self, change: impl FnOnce(&mut Row)) {
        let mut state = self.shared.lock();
        if let Some(row) = state.requests.get_mut(self.index).filter(|row| row.at_ms == self.at_ms) {
            change(row);
        }
    }

    fn ended(&self, status: Option<u16>, answered: bool) {
        let now = self.shared.now_ms();
        self.with(|row| {
            row.status = status;
            row.answered = answered;
            row.duration_ms = Some(now.saturating_sub(row.at_ms));
        });
    }
}

impl<P: Provider> Drop for Logged<P> {
    fn drop(&mut self) {
        let now = self.shared.now_ms();
        self.with(|row| {
            row.duration_ms.get_or_insert(now.saturating_sub(row.at_ms));
        });
    }
}

/// Answers one request of the provider's API.
pub(crate) async fn provider<P: Provider>(AxumState(shared): AxumState<Arc<Shared<P>>>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let connection = head.extensions.get::<ConnectionNumber>().map_or(0, |number| number.0);
    let path = head.uri.path().to_owned();
    let (logged, fault, seed) = {
        let mut state = shared.lock();
        let at_ms = shared.now_ms();
        let account = P::account(&state.world, &head);
        let query = shown_query::<P>(head.uri.query().unwrap_or_default());
        let row = Row {
            at_ms,
            method: head.method.to_string(),
            path: path.clone(),
            query,
            account,
            status: None,
            executed: false,
            answered: false,
            connection,
            duration_ms: None,
            api_id: None,
        };
        state.requests.push(row);
        let logged = Logged { shared: Arc::clone(&shared), index: state.requests.len() - 1, at_ms };
        let State { faults, rng, .. } = &mut *state;
        let fault = faults.choose(head.method.as_str(), &path, P::is_list(&head.method, &path), rng);
        (logged, fault, rng.next_u64())
    };
    if let Some(fault) = fault.as_ref().filter(|fault| fault.answer == FaultAnswer::CutBefore) {
        tokio::time::sleep(fault.delay).await;
        return end(&logged, None, on_wire(Response::new(Body::empty()), Wire::Reset));
    }
    let body = match axum::body::to_bytes(body, LARGEST_REQUEST).await {
        Ok(body) => body.to_vec(),
        // Too large, or the client went away half-way: nothing of it is executed.
        Err(_) => return end(&logged, Some(413), plain(StatusCode::PAYLOAD_TOO_LARGE)),
    };
    let call = Call { method: head.method, uri: head.uri, headers: head.headers, body, seed, now: Timestamp::now() };
    let (answer, latency) = execute(&shared, &logged, call, fault.as_ref());
    let delay = latency + fault.as_ref().map_or(Duration::ZERO, |fault| fault.delay);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let kind = fault.map_or(FaultAnswer::Normal, |fault| fault.answer);
    match kind {
        FaultAnswer::Normal => sent(&logged, answer),
        FaultAnswer::Fixed(fixed) => {
            let headers = fixed.headers.clone().into_iter().collect();
            let body = fixed.body_with(|name| answer.member(name));
            sent(&logged, Answer { status: fixed.status, headers, body, trailing: false })
        }
        FaultAnswer::Redirect => {
            let answer = Answer { status: 307, headers: vec![("location".to_owned(), path)], ..Answer::default() };
            end(&logged, Some(307), response(answer))
        }
        FaultAnswer::Truncate => {
            logged.ended(Some(answer.status), false);
            on_wire(response(answer), Wire::Truncate)
        }
        FaultAnswer::Hang => {
            // Ends earlier with the connection, which drops this future.
            tokio::time::sleep(LONGEST_HANG).await;
            end(&logged, None, on_wire(Response::new(Body::empty()), Wire::Reset))
        }
        FaultAnswer::CutBefore | FaultAnswer::CutAfter => end(&logged, None, on_wire(Response::new(Body::empty()), Wire::Reset)),
    }
}

/// Carries a call out as often, and when, the fault says. Never waits: a client that goes away cannot stop an effect that was decided.
fn execute<P: Provider>(shared: &Arc<Shared<P>>, logged: &Logged<P>, call: Call, fault: Option<&Fault>) -> (Answer, Duration) {
    let mut state = shared.lock();
    let now_ms = shared.now_ms();
    let latency = state.switches.latency();
    let State { world, limiter, switches, .. } = &mut *state;
    if let Err(refused) = P::admit(world, limiter, switches, &call, now_ms) {
        return (refused, latency);
    }
    let times = fault.map_or(1, |fault| fault.execute);
    let late = fault.map_or(Duration::ZERO, |fault| fault.execute_delay);
    if times > 0 && late.is_zero() {
        let mut first = None;
        for time in 0..times {
            // The second delivery is a request of its own: it draws other ids.
            let call = Call { seed: call.seed.wrapping_add(u64::from(time)), ..call.clone() };
            let answer = effect(&mut state, &call, now_ms, fault, logged.index, logged.at_ms);
            first.get_or_insert(answer);
        }
        return (first.unwrap_or_default(), latency);
    }
    // The answer without its effect: tried on a copy of the world.
    let answer = P::carry_out(&mut world.clone(), switches, &call, now_ms, None).answer;
    if times > 0 {
        let (shared, index, at_ms) = (Arc::downgrade(shared), logged.index, logged.at_ms);
        tokio::spawn(async move {
            tokio::time::sleep(late).await;
            // The simulator may be gone by now.
            let Some(shared) = shared.upgrade() else { return };
            let mut state = shared.lock();
            let now_ms = shared.now_ms();
            for time in 0..times {
                let call = Call { seed: call.seed.wrapping_add(u64::from(time)), ..call.clone() };
                effect(&mut state, &call, now_ms, None, index, at_ms);
            }
        });
    }
    (answer, latency)
}

fn effect<P: Provider>(state: &mut State<P>, call: &Call, now_ms: u64, fault: Option<&Fault>, index: usize, at_ms: u64) -> Answer {
    let State { world, switches, .. } = state;
    let done = P::carry_out(world, switches, call, now_ms, fault.and_then(|fault| fault.list));
    if let Some(fault) = fault.filter(|fault| fault.list.is_some() && !done.list_fault_applied) {
        state.faults.skipped(fault);
    }
    let executed = done.effects.iter().any(|effect| effect.actor == Actor::Api);
    if let Some(row) = state.requests.get_mut(index).filter(|row| row.at_ms == at_ms) {
        row.executed |= executed;
    }
    state.note(done.effects, now_ms);
    done.answer
}

/// A whole answer.
fn sent<P: Provider>(logged: &Logged<P>, answer: Answer) -> Response<Body> {
    let api_id = answer.member("api_id");
    logged.with(|row| row.api_id = api_id);
    end(logged, Some(answer.status), response(answer))
}

fn end<P: Provider>(logged: &Logged<P>, status: Option<u16>, response: Response<Body>) -> Response<Body> {
    logged.ended(status, status.is_some());
    response
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn on_wire(mut response: Response<Body>, wire: Wire) -> Response<Body> {
    response.extensions_mut().insert(wire);
    response
}

fn response(answer: Answer) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    if answer.trailing {
        response = on_wire(response, Wire::Trailing(Bytes::from_static(b"{\"message\": \"deleted\"}")));
    }
    response
}

/// A query without secrets, should a client ever put one there.
fn shown_query<P: Provider>(query: &str) -> String {
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) if P::is_secret_argument(name, value) => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    shown.collect::<Vec<_>>().join("&")
}
