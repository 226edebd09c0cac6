//! One request, from its head to its effect: authentication, rate limit, route, effect. No I/O: the caller owns connection and time.

use axum::extract::Query;
use base64::Engine as _;
use http::{HeaderMap, Method, Uri, header};
use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::listing::Listed;
use super::rate::Limiter;
use super::switches::{MissingSlash, RateScope, Switches};
use super::world::{Act, Actor, Effect, World, redacted};
use crate::faults::ListFault;

/// A request as far as the API looks at it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// All that is random about its effect comes from here, so that it can be carried out twice with the same result.
    pub(super) seed: u64,
    pub(super) now: Timestamp,
}

/// What carrying out a call came to.
pub(super) struct Done {
    pub(super) answer: Answer,
    pub(super) effects: Vec<Effect>,
    /// Whether the list fault did anything.
    pub(super) list_fault_applied: bool,
}

/// The account and the rest of `/v1/Account/{auth_id}/…`.
pub(super) fn split(path: &str) -> Option<(&str, &str)> {
    let tail = path.strip_prefix("/v1/Account/")?;
    Some(tail.split_once('/').unwrap_or((tail, "")))
}

/// Whether this is a GET of a collection.
pub(super) fn is_list(method: &Method, path: &str) -> bool {
    method == Method::GET && split(path).is_some_and(|(_, rest)| matches!(rest, "Endpoint/" | "Number/" | "Application/"))
}

impl Call {
    fn api_id(&self) -> (String, StdRng) {
        let mut rng = StdRng::seed_from_u64(self.seed);
        (answer::api_id(self.now, &mut rng), rng)
    }

    fn credentials(&self) -> Option<(String, String)> {
        let value = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
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
    pub(super) fn admit(&self, world: &World, limiter: &mut Limiter, switches: &Switches, now_ms: u64) -> Result<String, Answer> {
        let account = split(self.uri.path()).map(|(account, _)| account).unwrap_or_default();
        let user = self.credentials().filter(|(user, token)| world.accounts.get(user).is_some_and(|known| known.auth_token == *token));
        // The path names the user, or one of its subaccounts.
        let allowed = user.is_some_and(|(user, _)| {
            user == account || world.accounts.get(account).is_some_and(|one| one.parent.as_deref() == Some(&user))
        });
        if !allowed {
            return Err(Answer::unauthorized(switches));
        }
        let key = match switches.rate_scope {
            RateScope::MainAccount => world.main_account(account),
            RateScope::AuthId => account,
        };
        limiter.call(key, now_ms, switches).map_err(|wait_ms| Answer::too_many(switches, &self.api_id().0, wait_ms, self.now))?;
        Ok(account.to_owned())
    }

    /// Carries out an admitted call.
    pub(super) fn carry_out(&self, world: &mut World, switches: &Switches, now_ms: u64, fault: Option<ListFault>) -> Done {
        let (api_id, rng) = self.api_id();
        let (account, rest) = split(self.uri.path()).unwrap_or_default();
        let request = self.json().map_or(Value::Null, |body| redacted(&body));
        let mut act = Act {
            account: account.to_owned(),
            actor: Actor::Api,
            now_ms,
            now: self.now,
            switches,
            rng,
            api_id,
            request,
            effects: Vec::new(),
        };
        let (answer, list_fault_applied) = self.route(world, &mut act, rest, fault);
        Done { answer, effects: act.effects, list_fault_applied }
    }

    fn json(&self) -> Option<Value> {
        if self.body.is_empty() {
            return Some(json!({}));
        }
        serde_json::from_slice(&self.body).ok()
    }

    fn query(&self) -> Vec<(String, String)> {
        Query::<Vec<(String, String)>>::try_from_uri(&self.uri).map(|Query(pairs)| pairs).unwrap_or_default()
    }

    /// Arguments of a DELETE, from query and body.
    fn arguments(&self, query: &[(String, String)]) -> Vec<(String, Value)> {
        let body = self.json().and_then(|body| if let Value::Object(members) = body { Some(members) } else { None }).unwrap_or_default();
        query.iter().map(|(name, value)| (name.clone(), json!(value))).chain(body).collect()
    }

    fn route(&self, world: &mut World, act: &mut Act<'_>, rest: &str, fault: Option<ListFault>) -> (Answer, bool) {
        let path = self.uri.path();
        match act.switches.missing_slash {
            _ if path.ends_with('/') => {}
            MissingSlash::Accept => {}
            MissingSlash::NotFound => return (act.not_found("not found"), false),
            MissingSlash::Redirect => return (self.redirect_to_slash(), false),
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let query = self.query();
        let raw_query = self.uri.query().unwrap_or_default();
        let parts: Vec<&str> = rest.split('/').collect();
        let body = if self.method == Method::POST {
            match self.post_body(act) {
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
        let answer = match (self.method.as_str(), parts.as_slice()) {
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
            ("DELETE", ["Application", id]) => world.delete_application(act, id, &self.arguments(&query)),
            (
                _,
                [""] | ["Endpoint" | "Number" | "PhoneNumber" | "Application"] | ["Endpoint" | "Number" | "PhoneNumber" | "Application", _],
            ) => Answer::error(405, &act.api_id, &json!("Method not allowed")),
            _ => act.not_found("not found"),
        };
        (self.asynchronous(act, answer), applied)
    }

    /// With `callback_url` the answer says nothing of the result (contracts/plivo.md 5). No callback is made.
    fn asynchronous(&self, act: &Act<'_>, answer: Answer) -> Answer {
        let is_success = (200..300).contains(&answer.status);
        let asked = is_success
            && self
                .arguments(&self.query())
                .iter()
                .any(|(name, value)| name == "callback_url" && value.as_str().is_some_and(|url| !url.is_empty()));
        if asked { Answer::json(202, &json!({"message": "async api spawned", "api_id": act.api_id})) } else { answer }
    }

    fn redirect_to_slash(&self) -> Answer {
        let query = self.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let headers = vec![("location".to_owned(), format!("{}/{query}", self.uri.path()))];
        Answer { status: 301, headers, ..Answer::default() }
    }

    fn post_body(&self, act: &Act<'_>) -> Result<Map<String, Value>, Answer> {
        let content_type = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !self.body.is_empty() && !content_type.to_ascii_lowercase().starts_with("application/json") {
            return Err(Answer::error(406, &act.api_id, &json!("Content-Type must be application/json")));
        }
        match self.json() {
            Some(Value::Object(members)) => Ok(members),
            Some(_) => Err(Answer::error(422, &act.api_id, &json!("a JSON object is needed"))),
            None => Err(Answer::error(400, &act.api_id, &json!("the body is not JSON"))),
        }
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
