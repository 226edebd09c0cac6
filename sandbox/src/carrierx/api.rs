//! One request, from its head to its effect: token, rate limit, route, scope, effect. No I/O: the caller owns connection and time.

use std::collections::BTreeSet;

use http::request::Parts;
use http::{HeaderMap, Method, header};
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::admin;
use super::errors;
use super::fields::Object;
use super::listing::With;
use super::scopes::{self, AUTH_REQUIRED_SCOPE};
use super::switches::{Switches, Whoami};
use super::update::Update;
use super::world::{Act, Kind, Token, World, is_secret, without_secrets};
use crate::faults::ListFault;
use crate::simulator::act::{self, Actor, Call, Done};
use crate::simulator::answer::Answer;
use crate::simulator::rate::{Limit, Limiter};
use crate::simulator::switches::RateModel;
use crate::simulator::{Look, Provider};

/// CarrierX, as the machinery of all simulators sees it.
pub(super) struct CarrierX;

impl Provider for CarrierX {
    type World = World;
    type Switches = Switches;

    fn account(world: &World, head: &Parts) -> Option<String> {
        known(world, &head.headers).map(|token| token.partner.clone())
    }

    fn is_list(method: &Method, path: &str) -> bool {
        method == Method::GET && Target::of(path).is_some_and(|target| target.sid.is_none())
    }

    fn is_secret_argument(name: &str, value: &str) -> bool {
        // A filter can ask for an object by its password.
        is_secret(name) || (name == "filter" && (is_secret(value) || value.contains("login")))
    }

    fn redacted(body: &Value) -> Value {
        without_secrets(body)
    }

    fn admit(world: &World, limiter: &mut Limiter, switches: &Switches, call: &Call, now_ms: u64) -> Result<(), Answer> {
        if token(&call.headers).is_none() {
            return Err(errors::bad_token(switches, "Unauthorized"));
        }
        let Some(token) = known(world, &call.headers) else { return Err(errors::bad_token(switches, "Bad credentials")) };
        let limit = Limit { calls: switches.rate_limit, window_s: 1.0, model: RateModel::Sliding };
        limiter.call(&token.partner, now_ms, limit).map_err(|wait_ms| {
            errors::error(switches, 429, "Too Many Requests", &json!([])).retry_after(switches.retry_after, wait_ms, call.now)
        })
    }

    fn carry_out(world: &mut World, switches: &Switches, call: &Call, now_ms: u64, fault: Option<ListFault>) -> Done {
        let mut act = act::Act {
            // A token that is void by now was good when the request was let in.
            account: known(world, &call.headers).map_or(world.partner(), |token| &token.partner).to_owned(),
            actor: Actor::Api,
            now_ms,
            now: call.now,
            switches,
            rng: StdRng::seed_from_u64(call.seed),
            api_id: String::new(),
            request: call.json().map_or(Value::Null, |body| Self::redacted(&body)),
            effects: Vec::new(),
        };
        let (answer, list_fault_applied) = match route(world, &mut act, call, fault) {
            Ok(done) => done,
            Err(refused) => (refused, false),
        };
        Done { answer, effects: act.effects, list_fault_applied }
    }

    fn state(world: &World, switches: &Switches) -> Value {
        admin::state(world, switches)
    }

    fn emptied(world: &World) -> World {
        world.emptied()
    }
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn known<'a>(world: &'a World, headers: &HeaderMap) -> Option<&'a Token> {
    world.tokens.get(token(headers)?)
}

/// What a path names. Paths have no trailing slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Target<'a> {
    kind: Kind,
    /// The group of a trunk.
    group: Option<&'a str>,
    /// One object, else the collection.
    sid: Option<&'a str>,
}

impl<'a> Target<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let parts: Vec<&str> = path.strip_prefix("/core/v2/")?.split('/').collect();
        let (kind, group, sid) = match parts.as_slice() {
            ["endpoints"] => (Kind::Endpoint, None, None),
            ["endpoints", sid] => (Kind::Endpoint, None, Some(*sid)),
            ["trunk_groups"] => (Kind::TrunkGroup, None, None),
            ["trunk_groups", sid] => (Kind::TrunkGroup, None, Some(*sid)),
            ["trunk_groups", group, "trunks"] => (Kind::Trunk, Some(*group), None),
            ["trunk_groups", group, "trunks", sid] => (Kind::Trunk, Some(*group), Some(*sid)),
            ["phonenumber", "dids"] => (Kind::Did, None, None),
            ["phonenumber", "dids", sid] => (Kind::Did, None, Some(*sid)),
            _ => return None,
        };
        if sid.is_some_and(str::is_empty) { None } else { Some(Self { kind, group, sid }) }
    }
}

/// Finds out what is asked and does it, if the token may.
fn route(world: &mut World, act: &mut Act<'_>, call: &Call, fault: Option<ListFault>) -> Result<(Answer, bool), Answer> {
    let scopes = known(world, &call.headers).map(|token| token.scopes.clone());
    let path = call.uri.path();
    match (call.method.as_str(), path) {
        ("GET", "/core/v2/oauth/whoami") if act.switches.whoami == Whoami::On => return Ok((whoami(act, scopes.as_ref()), false)),
        ("GET", "/core/v2/phonenumber/available_dids") => {
            allow(act, scopes.as_ref(), Kind::Did, "read")?;
            return Ok((nothing(), false));
        }
        _ => {}
    }
    let Some(target) = Target::of(path) else { return Err(errors::error(act.switches, 404, "Not Found", &json!([]))) };
    let query = call.query();
    let (kind, with_trunks) = (target.kind, With::of(&query).trunks && target.kind == Kind::TrunkGroup);
    let verb = match (call.method.as_str(), target.sid) {
        ("GET", _) => "read",
        ("POST", None) => "create",
        ("PATCH" | "PUT", Some(_)) => "update",
        ("DELETE", Some(_)) => "delete",
        _ => return Err(errors::error(act.switches, 405, "Method Not Allowed", &json!([]))),
    };
    allow(act, scopes.as_ref(), kind, verb)?;
    if with_trunks && matches!(verb, "read" | "create") {
        allow(act, scopes.as_ref(), Kind::Trunk, verb)?;
    }
    let may_set_auth = scopes.is_none_or(|scopes| scopes.contains(AUTH_REQUIRED_SCOPE));
    let group = target.group.unwrap_or_default();
    let answer = match (verb, target.sid) {
        ("read", None) => return Ok(world.list(act, kind, target.group, call, fault)),
        ("read", Some(sid)) => world.get(act, kind, target.group, sid, &query),
        ("create", _) => {
            let body = body(act, call)?;
            match kind {
                Kind::Endpoint => world.create_endpoint(act, &body, may_set_auth),
                Kind::TrunkGroup => world.create_group(act, &body, with_trunks),
                Kind::Trunk => world.create_trunk(act, group, &body),
                Kind::Did => world.rent_did(act, &body),
            }
        }
        ("update", Some(sid)) => {
            let body = body(act, call)?;
            let update = Update { body: &body, put: call.method == Method::PUT, replace: replaces(act, &query)? };
            match kind {
                Kind::Endpoint => world.update_endpoint(act, sid, update, may_set_auth),
                Kind::TrunkGroup => world.update_group(act, sid, update),
                Kind::Trunk => world.update_trunk(act, group, sid, update),
                Kind::Did => world.update_did(act, sid, update),
            }
        }
        (_, sid) => {
            let sid = sid.unwrap_or_default();
            let seen = world.store(kind).seen(sid, act.now_ms, act.switches.delays(Look::Delete));
            if seen.is_none() {
                return Err(errors::not_found(act.switches));
            }
            match kind {
                Kind::Endpoint => world.delete_endpoint(act, sid),
                Kind::TrunkGroup => world.delete_group(act, sid),
                Kind::Trunk => world.delete_trunk(act, group, sid),
                Kind::Did => world.release_did(act, sid),
            }
        }
    };
    Ok((answer, false))
}

fn allow(act: &Act<'_>, scopes: Option<&BTreeSet<String>>, kind: Kind, verb: &str) -> Result<(), Answer> {
    if scopes.is_none_or(|scopes| scopes::allow(scopes, kind, verb)) { Ok(()) } else { Err(errors::forbidden(act.switches)) }
}

/// The body of a write: a JSON object that says that it is JSON.
fn body(act: &Act<'_>, call: &Call) -> Result<Object, Answer> {
    let kind = call.header(header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    if !kind.starts_with("application/json") {
        return Err(errors::error(act.switches, 415, "Unsupported Media Type", &json!([])));
    }
    match call.json() {
        Some(Value::Object(members)) if !call.body.is_empty() => Ok(members),
        _ => Err(errors::error(act.switches, 400, "No JSON object could be decoded", &json!([]))),
    }
}

/// The argument `nested_objects`, which has one value only.
fn replaces(act: &Act<'_>, query: &[(String, String)]) -> Result<bool, Answer> {
    match query.iter().find(|(name, _)| name == "nested_objects").map(|(_, value)| value.as_str()) {
        None => Ok(false),
        Some("replace") => Ok(true),
        Some(_) => Err(errors::bad_request(act.switches, "nested_objects", "only replace is possible")),
    }
}

/// The cheapest check of credentials.
fn whoami(act: &Act<'_>, scopes: Option<&BTreeSet<String>>) -> Answer {
    Answer::json(200, &json!({"name": "Sandbox", "partner_sid": act.account, "scopes": scopes, "token_type": "bearer"}))
}

/// A list without anything: no number can be had.
fn nothing() -> Answer {
    Answer::json(200, &json!({"count": 0, "has_more": false, "items": [], "limit": 10, "offset": 0, "pagination": {}, "total": 0}))
}
