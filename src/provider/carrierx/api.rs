//! One call: what is sent, how it is logged, and what makes its outcome fit to be shown.

use std::sync::{Mutex, PoisonError};

use reqwest::Method;
use serde_json::Value;
use tokio::time::Instant;

use super::classify::{Target, success, unreadable};
use super::{CAPABILITIES, Credentials, wire};
use crate::core::fields::Secret;
use crate::core::outcome::{Outcome, Refusal, RefusalKind};
use crate::provider::Page;
use crate::provider::answers::{Read, is_id, kind, outcome, refused, tidy, unknown};
use crate::provider::transport::{Answer, BODY_LIMIT, BaseUrl, Call, Failure, Request, Scrubber, Transport, TransportOptions, Unusable};
use crate::telemetry::audit;

/// Largest answer to a listing, in bytes: a page has up to 1000 objects of 0.5 to several KiB.
const LIST_LIMIT: usize = 8 << 20;

/// The way to one partner's objects.
pub(super) struct Api {
    transport: Transport,
    scrubber: Scrubber,
    /// Whose the token is.
    partner: Mutex<Option<String>>,
}

/// One request. Holds a body that may contain a secret, so it cannot be printed.
pub(super) struct Operation<'a> {
    /// For the log.
    name: &'static str,
    call: Call,
    method: Method,
    /// Below `/core/v2`.
    path: Vec<&'a str>,
    query: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    /// What in the body the answer must not repeat.
    secrets: Vec<Secret>,
    /// The scopes that it needs: what a 403 is about.
    scopes: &'static str,
    /// The member of the answer that is the SID of what was made.
    makes: Option<&'static str>,
}

impl<'a> Operation<'a> {
    pub(super) fn new<const N: usize>(name: &'static str, call: Call, method: Method, path: [&'a str; N], scopes: &'static str) -> Self {
        Self { name, call, method, path: path.to_vec(), query: Vec::new(), body: None, secrets: Vec::new(), scopes, makes: None }
    }

    /// With one more query argument.
    pub(super) fn with(mut self, argument: &'static str, value: impl Into<String>) -> Self {
        self.query.push((argument, value.into()));
        self
    }

    /// How many elements are asked for.
    fn limit(&self) -> u64 {
        let limit = self.query.iter().find(|(argument, _)| *argument == "limit");
        limit.and_then(|(_, limit)| limit.parse().ok()).unwrap_or(CAPABILITIES.page_size)
    }

    /// With this body.
    pub(super) fn sending(mut self, body: impl Into<Value>) -> Self {
        self.body = Some(body.into().to_string().into_bytes());
        self
    }

    /// What it makes has its SID in this member of the answer.
    pub(super) fn making(mut self, key: &'static str) -> Self {
        self.makes = Some(key);
        self
    }

    /// With what in the body the answer must not repeat.
    pub(super) fn hiding(mut self, secrets: Vec<Secret>) -> Self {
        self.secrets = secrets;
        self
    }
}

impl Api {
    pub(super) fn new(base: &BaseUrl, credentials: Credentials, options: &TransportOptions) -> Result<Self, Unusable> {
        let Credentials { token, partner_sid } = credentials;
        if partner_sid.as_deref().is_some_and(|sid| !is_id(sid)) {
            return Err(Unusable::AccountId);
        }
        let transport = Transport::bearer(base, &token, options)?;
        Ok(Self { transport, scrubber: Scrubber::default().with(&token), partner: Mutex::new(partner_sid) })
    }

    /// The partner whose token this is, as far as is known.
    pub(super) fn partner(&self) -> Option<String> {
        self.partner.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The token is this partner's.
    pub(super) fn is_of(&self, partner: &str) {
        *self.partner.lock().unwrap_or_else(PoisonError::into_inner) = Some(partner.to_owned());
    }

    /// Sends once, and reads the answer.
    pub(super) async fn call<T>(&self, operation: Operation<'_>, read: impl FnOnce(&Answer) -> Read<T>) -> Outcome<T> {
        let started = Instant::now();
        let Operation { name, call, method, path: below, query, body, secrets, scopes, makes } = operation;
        let mut path = vec!["core", "v2"];
        path.extend(&below);
        // Only pages have a limit on what they hold.
        let answer_limit = if query.iter().any(|(argument, _)| *argument == "limit") { LIST_LIMIT } else { BODY_LIMIT };
        let request = Request { call, method, path: &path, trailing_slash: false, query: &query, body, answer_limit };
        let shown = format!("/{}", path.join("/"));
        let audited = (call != Call::Read).then(|| audit::Request::begins(name, shown.clone()));
        let answer = self.transport.send(request).await;
        let outcome = match &answer {
            Ok(answer) => scoped(outcome(read(answer)), answer.status, scopes),
            Err(Failure::NotSent(reason)) => refused(RefusalKind::Unreachable, format!("CarrierX cannot be reached: {reason}")),
            Err(Failure::NoAnswer(doubt)) => unknown(doubt.kind, format!("no answer from CarrierX: {}", doubt.message)),
        };
        let outcome = tidy(outcome, &secrets.iter().fold(self.scrubber.clone(), Scrubber::with));
        let (status, kind) = (answer.as_ref().ok().map(|answer| answer.status), kind(&outcome));
        // One line for each mutation that left us, reads only for those who look for them. Never a body, in either direction, and never a
        // query. Answers have no id of the request.
        match audited {
            None => {
                let duration_ms = started.elapsed().as_millis();
                tracing::debug!(op = name, path = shown, status, outcome = outcome.class(), kind, duration_ms, "provider read");
            }
            Some(request) if matches!(answer, Err(Failure::NotSent(_))) => request.not_sent(),
            Some(request) => {
                let made = makes.filter(|_| matches!(outcome, Outcome::Done(_)));
                let made = made.and_then(|key| wire::sid(answer.as_ref().ok()?.object()?, key));
                request.ended(&audit::End {
                    status,
                    request_id: None,
                    made: made.as_deref(),
                    outcome: outcome.class(),
                    reason: kind.as_deref(),
                });
            }
        }
        outcome
    }

    /// One page of a list. `element` reads one object; `key` is what it must have.
    pub(super) async fn page<T>(
        &self,
        operation: Operation<'_>,
        element: impl Fn(&wire::Object) -> Option<T>,
        key: &str,
    ) -> Outcome<Page<T>> {
        self.call(operation, |answer| page(answer, element, key)).await
    }

    /// As [`Api::page`], where the page is selected by a filter. `Ok(None)`: the filter was refused, so something else has to be asked.
    pub(super) async fn selected<T>(
        &self,
        operation: Operation<'_>,
        element: impl Fn(&wire::Object) -> Option<T>,
        key: &str,
    ) -> Outcome<Option<Page<T>>> {
        let limit = operation.limit();
        // Nothing is changed by a list, so whatever the body says the status is enough.
        let read = |answer: &Answer| match answer.status {
            400 | 422 => Ok(None),
            _ => page(answer, element, key).map(|page| Some(ended(page, limit))),
        };
        self.call(operation, read).await
    }

    /// As [`Api::page`], where one page is to say whether there are others. Without a word of that in the answer a full one may have them.
    pub(super) async fn ended<T>(
        &self,
        operation: Operation<'_>,
        element: impl Fn(&wire::Object) -> Option<T>,
        key: &str,
    ) -> Outcome<Page<T>> {
        let limit = operation.limit();
        self.call(operation, |answer| page(answer, element, key).map(|page| ended(page, limit))).await
    }
}

fn page<T>(answer: &Answer, element: impl Fn(&wire::Object) -> Option<T>, key: &str) -> Read<Page<T>> {
    let body = success(answer, Target::Always)?;
    let Some(list) = wire::List::read(body) else { return Err(unreadable(answer, "without a list")) };
    // One unreadable element hides something, so the whole page proves nothing.
    match list.items.iter().map(|item| item.as_object().and_then(&element)).collect() {
        // The total can be null, and nobody says what it counts (contracts/carrierx.md 9, lists).
        Some(items) => Ok(Page { items, total: None, more: list.has_more }),
        None => Err(unreadable(answer, &format!("with an element without {key}"))),
    }
}

fn ended<T>(page: Page<T>, limit: u64) -> Page<T> {
    let more = page.more.unwrap_or(page.items.len() as u64 >= limit);
    Page { more: Some(more), ..page }
}

/// Which scope a 403 is about, in words: the provider does not say it.
fn scoped<T>(outcome: Outcome<T>, status: u16, scopes: &str) -> Outcome<T> {
    match outcome {
        Outcome::Refused(Refusal { kind: RefusalKind::Credentials, message, retry_after }) if status == 403 => {
            let message = format!("{message}. Either the token has expired, or it lacks a scope: this call needs {scopes}");
            Outcome::Refused(Refusal { kind: RefusalKind::Credentials, message, retry_after })
        }
        other => other,
    }
}

/// The arguments of one page of any list, in the order of its key.
pub(super) fn paged<'a, T>(operation: Operation<'a>, key: &str, offset: u64, limit: u64) -> Result<Operation<'a>, Outcome<T>> {
    if !(1..=CAPABILITIES.page_size).contains(&limit) {
        return Err(refused(RefusalKind::Invalid, format!("a page has 1 to {} elements; nothing was sent", CAPABILITIES.page_size)));
    }
    Ok(operation.with("limit", limit.to_string()).with("offset", offset.to_string()).with("order", key))
}

/// A text that is no SID and must not become a path.
pub(super) fn no_such_sid<T>() -> Outcome<T> {
    refused(RefusalKind::Invalid, "not a SID: letters, digits, dot, dash, underscore, at most 64; nothing was sent".to_owned())
}
