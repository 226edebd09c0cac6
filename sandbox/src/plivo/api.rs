//! One request, from its head to its effect: authentication, rate limit, route, effect. No I/O: the caller owns connection and time.

use base64::Engine as _;
use http::request::Parts;
use http::{Method, header};
use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::listing::Listed;
use super::switches::{MissingSlash, RateScope, Switches};
use super::world::{Act, Actor, World, is_secret};
use crate::faults::ListFault;
use crate::simulator::act::{Call, Done, redacted};
use crate::simulator::rate::{Limit, Limiter};
use crate::simulator::{Provider, act};

/// Plivo, as the machinery of all simulators sees it.
pub(super) struct Plivo;

impl Provider for Plivo {
    type World = World;
    type Switches = Switches;

    fn account(_: &World, head: &Parts) -> Option<String> {
        split(head.uri.path()).map(|(account, _)| account.to_owned())
    }

    fn is_list(method: &Method, path: &str) -> bool {
        method == Method::GET && split(path).is_some_and(|(_, rest)| matches!(rest, "Endpoint/" | "Number/" | "Application/"))
    }

    fn is_secret_argument(name: &str, _: &str) -> bool {
        is_secret(name)
    }

    fn redacted(body: &Value) -> Value {
        redacted(body, &|name, _| is_secret(name))
    }

    fn admit(world: &World, limiter: &mut Limiter, switches: &Switches, call: &Call, now_ms: u64) -> Result<(), Answer> {
        admit(call, world, limiter, switches, now_ms)
    }

    fn carry_out(world: &mut World, switches: &Switches, call: &Call, now_ms: u64, fault: Option<ListFault>) -> Done {
        carry_out(call, world, switches, now_ms, fault)
    }

    fn state(world: &World, switches: &Switches) -> Value {
        world.state(switches, Timestamp::now())
    }

    fn emptied(world: &World) -> World {
        World { accounts: world.accounts.clone(), ..World::default() }
    }
}

/// The account and the rest of `/v1/Account/{auth_id}/…`.
pub(super) fn split(path: &str) -> Option<(&str, &str)> {
    let tail = path.strip_prefix("/v1/Account/")?;
    Some(tail.split_once('/').unwrap_or((tail, "")))
}

/// The id of a request, and what is random about the rest of it.
fn api_id(call: &Call) -> (String, StdRng) {
    let mut rng = StdRng::seed_from_u64(call.seed);
    (answer::api_id(call.now, &mut rng), rng)
}

fn credentials(call: &Call) -> Option<(String, String)> {
    let value = call.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, token) = text.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (user.to_owned(), token.to_owned()))
}

/// Authentication and rate limit.
///
/// # Errors
/// The 401 or 429 that is the whole answer.
fn admit(call: &Call, world: &World, limiter: &mut Limiter, switches: &Switches, now_ms: u64) -> Result<(), Answer> {
    let account = split(call.uri.path()).map(|(account, _)| account).unwrap_or_default();
    let user = credentials(call).filter(|(user, token)| world.accounts.get(user).is_some_and(|known| known.auth_token == *token));
    // The path names the user, or one of its subaccounts.
    let allowed = user
        .is_some_and(|(user, _)| user == account || world.accounts.get(account).is_some_and(|one| one.parent.as_deref() == Some(&user)));
    if !allowed {
        return Err(Answer::unauthorized(switches));
    }
    let key = match switches.rate_scope {
        RateScope::MainAccount => world.main_account(account),
        RateScope::AuthId => account,
    };
    let limit = Limit { calls: switches.rate_limit, window_s: switches.rate_window_s, model: switches.rate_model };
    limiter.call(key, now_ms, limit).map_err(|wait_ms| Answer::too_many(switches, &api_id(call).0, wait_ms, call.now))?;
    Ok(())
}

/// Carries out an admitted call.
fn carry_out(call: &Call, world: &mut World, switches: &Switches, now_ms: u64, fault: Option<ListFault>) -> Done {
    let (api_id, rng) = api_id(call);
    let (account, rest) = split(call.uri.path()).unwrap_or_default();
    let request = call.json().map_or(Value::Null, |body| Plivo::redacted(&body));
    let mut act = act::Act {
        account: account.to_owned(),
        actor: Actor::Api,
        now_ms,
        now: call.now,
        switches,
        rng,
        api_id,
        request,
        effects: Vec::new(),
    };
    let (answer, list_fault_applied) = route(call, world, &mut act, rest, fault);
    Done { answer, effects: act.effects, list_fault_applied }
}

/// Arguments of a DELETE, from query and body.
fn arguments(call: &Call, query: &[(String, String)]) -> Vec<(String, Value)> {
    let body = call.json().and_then(|body| if let Value::Object(members) = body { Some(members) } else { None }).unwrap_or_default();
    query.iter().map(|(name, value)| (name.clone(), json!(value))).chain(body).collect()
}

fn route(call: &Call, world: &mut World, act: &mut Act<'_>, rest: &str, fault: Option<ListFault>) -> (Answer, bool) {
    let path = call.uri.path();
    match act.switches.missing_slash {
        _ if path.ends_with('/') => {}
        MissingSlash::Accept => {}
        MissingSlash::NotFound => return (act.not_found("not found"), false),
        MissingSlash::Redirect => return (redirect_to_slash(call), false),
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let query = call.query();
    let raw_query = call.uri.query().unwrap_or_default();
    let parts: Vec<&str> = rest.split('/').collect();
    let body = if call.method == Method::POST {
        match post_body(call, act) {
            Ok(body) => body,
            Err(refused) => return (refused, false),
        }
    } else {
        Map::new()
    };
    let mut applied = false;
    let list_path = if path.ends_with('/') { path.to_owned() } else { format!("{path}/") };
    let mut list = |world: &mut World, act: &mut Act<'_>, what| {
        let answer;
        (answer, applied) = world.list(act, what, &list_path, raw_query, &query, fault);
        answer
    };
    let answer = match (call.method.as_str(), parts.as_slice()) {
        ("GET", [""]) => account(act),
        ("GET", ["Endpoint"]) => list(world, act, Listed::Endpoints),
        ("POST", ["Endpoint"]) => world.create_endpoint(act, &body),
        ("GET", ["Endpoint", id]) => world.get_endpoint(act, id),
        ("POST", ["Endpoint", id]) => world.update_endpoint(act, id, &body),
        ("DELETE", ["Endpoint", id]) => world.delete_endpoint(act, id),
        ("GET", ["Number"]) => list(world, act, Listed::Numbers),
        ("POST", ["Number"]) => world.add_numbers(act, &body),
        ("GET", ["Number", id]) => world.get_number(act, id),
        ("POST", ["Number", id]) => world.update_number(act, id, &body),
        ("DELETE", ["Number", id]) => world.release_number(act, id),
        ("GET", ["PhoneNumber"]) => world.search_numbers(act, &query),
        ("POST", ["PhoneNumber", id]) => world.rent_number(act, id, &body),
        ("GET", ["Application"]) => list(world, act, Listed::Applications),
        ("POST", ["Application"]) => world.create_application(act, &body),
        ("GET", ["Application", id]) => world.get_application(act, id),
        ("POST", ["Application", id]) => world.update_application(act, id, &body),
        ("DELETE", ["Application", id]) => world.delete_application(act, id, &arguments(call, &query)),
        (
            _,
            [""] | ["Endpoint" | "Number" | "PhoneNumber" | "Application"] | ["Endpoint" | "Number" | "PhoneNumber" | "Application", _],
        ) => Answer::error(405, &act.api_id, &json!("Method not allowed")),
        _ => act.not_found("not found"),
    };
    (asynchronous(call, act, answer), applied)
}

/// With `callback_url` the answer says nothing of the result (contracts/plivo.md 5). No callback is made.
fn asynchronous(call: &Call, act: &Act<'_>, answer: Answer) -> Answer {
    let is_success = (200..300).contains(&answer.status);
    let asked = is_success
        && arguments(call, &call.query())
            .iter()
            .any(|(name, value)| name == "callback_url" && value.as_str().is_some_and(|url| !url.is_empty()));
    if asked { Answer::json(202, &json!({"message": "async api spawned", "api_id": act.api_id})) } else { answer }
}

fn redirect_to_slash(call: &Call) -> Answer {
    let query = call.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let headers = vec![("location".to_owned(), format!("{}/{query}", call.uri.path()))];
    Answer { status: 301, headers, ..Answer::default() }
}

fn post_body(call: &Call, act: &Act<'_>) -> Result<Map<String, Value>, Answer> {
    let content_type = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !call.body.is_empty() && !content_type.to_ascii_lowercase().starts_with("application/json") {
        return Err(Answer::error(406, &act.api_id, &json!("Content-Type must be application/json")));
    }
    match call.json() {
        Some(Value::Object(members)) => Ok(members),
        Some(_) => Err(Answer::error(422, &act.api_id, &json!("a JSON object is needed"))),
        None => Err(Answer::error(400, &act.api_id, &json!("the body is not JSON"))),
    }
}

/// `GET /Account/{auth_id}/`: the cheapest check of credentials.
fn account(act: &Act<'_>) -> Answer {
    let id = &act.account;
    Answer::json(
        200,
        &json!({
            "account_type": "standard", "address": "", "api_id": act.api_id, "auth_id": id, "auto_recharge": false, "billing_mode": "prepaid",
            "cash_credits": "4.88860", "city": "", "name": "Sandbox", "resource_uri": format!("/v1/Account/{id}/"), "state": "", "timezone": "UTC",
        }),
    )
}
