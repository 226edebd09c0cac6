//! One request or console act while it is carried out, and what it leaves behind.

use axum::extract::Query;
use http::{HeaderMap, Method, Uri, header};
use jiff::Timestamp;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::answer::Answer;

/// A request as far as an API looks at it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// All that is random about its effect comes from here, so that it can be carried out twice with the same result.
    pub(crate) seed: u64,
    pub(crate) now: Timestamp,
}

impl Call {
    /// The body, `{}` if there is none; `None` if it is no JSON.
    pub(crate) fn json(&self) -> Option<Value> {
        if self.body.is_empty() {
            return Some(json!({}));
        }
        serde_json::from_slice(&self.body).ok()
    }

    /// The arguments of the query, decoded.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        Query::<Vec<(String, String)>>::try_from_uri(&self.uri).map(|Query(pairs)| pairs).unwrap_or_default()
    }

    /// A header as text.
    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What carrying out a call came to.
pub(crate) struct Done {
    pub(crate) answer: Answer,
    pub(crate) effects: Vec<Effect>,
    /// Whether the list fault did anything.
    pub(crate) list_fault_applied: bool,
}

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    Api,
    Console,
}

impl Actor {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Actor::Api => "api",
            Actor::Console => "console",
        }
    }
}

/// An executed effect, before it gets its place in the ledger.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    pub(crate) account: String,
    pub(crate) op: &'static str,
    pub(crate) id: String,
    pub(crate) request: Value,
    pub(crate) before: Value,
    pub(crate) after: Value,
    pub(crate) actor: Actor,
}

/// One request or console act while it is carried out.
pub(crate) struct Act<'a, S> {
    pub(crate) account: String,
    pub(crate) actor: Actor,
    pub(crate) now_ms: u64,
    pub(crate) now: Timestamp,
    pub(crate) switches: &'a S,
    /// Seeded for this request alone, so that a dry run and the late execution draw the same ids.
    pub(crate) rng: StdRng,
    /// The id of the request in its answer; empty where the provider has none.
    pub(crate) api_id: String,
    pub(crate) request: Value,
    pub(crate) effects: Vec<Effect>,
}

impl<S> Act<'_, S> {
    /// Notes an effect; `before` and `after` never hold a password or a token.
    pub(crate) fn note(&mut self, op: &'static str, id: &str, before: Value, after: Value) {
        self.note_in(&self.account.clone(), op, id, before, after);
    }

    /// Notes an effect in another account than the one of the request.
    pub(crate) fn note_in(&mut self, account: &str, op: &'static str, id: &str, before: Value, after: Value) {
        let (account, request, actor) = (account.to_owned(), self.request.clone(), self.actor);
        self.effects.push(Effect { account, op, id: id.to_owned(), request, before, after, actor });
    }
}

/// A body without what `is_secret` names.
pub(crate) fn redacted(body: &Value, is_secret: &impl Fn(&str, &Value) -> bool) -> Value {
    match body {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), if is_secret(name, value) { json!("***") } else { redacted(value, is_secret) }))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(|item| redacted(item, is_secret)).collect()),
        other => other.clone(),
    }
}
