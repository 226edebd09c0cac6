//! Plivo (`contracts/plivo.md`): endpoints and numbers on its REST API, without its SDKs, which resend creates on every 5xx.

use futures::future::BoxFuture;
use reqwest::Method;
use serde::Deserialize;
use tokio::time::Instant;

use super::answers::{Read, encode, kind, outcome, refused, tidy, unknown};
use super::transport::{Answer, BODY_LIMIT, BaseUrl, Call, Failure, Request, Scrubber, Transport, TransportOptions, Unusable};
use super::{Created, Page, Provider, Remotes};
use crate::api::refs::ProviderKind;
use crate::core::capabilities::{Capabilities, Together};
use crate::core::fields::{Application, Fields, Number, Remote, Secret};
use crate::core::mark::Place;
use crate::core::outcome::{DoubtKind, Outcome, RefusalKind};
use crate::telemetry::audit;

pub mod binding;
mod classify;
mod credentials;
pub mod desired;
mod dialect;
pub mod fields;
mod manifest;
mod numbers;
pub mod wire;

pub use dialect::Dialect;

use classify::{Target, failure, success, unreadable};

/// Plivo's address, unless a flag says otherwise.
pub const DEFAULT_URL: &str = "https://api.plivo.com";

/// What decisions must know of Plivo.
pub const CAPABILITIES: Capabilities = Capabilities {
    provider: ProviderKind::Plivo,
    mark: Place::Username,
    list_filter: false,
    registers: true,
    referenced: false,
    page_size: 20,
    updates: &[Together { fields: &[], carried: &[fields::APP_ID] }],
    number_target: fields::APP_ID,
    number_must_answer: false,
    default_budget: 150,
    provider_limit: 300,
};

/// What an account's Secret holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// `MA…` or `SA…`; an identifier, not a secret.
    pub auth_id: String,
    /// 40 characters.
    pub auth_token: Secret,
}

/// One Plivo account.
pub struct Plivo {
    transport: Transport,
    auth_id: String,
    scrubber: Scrubber,
}

/// One call. Holds a body that may contain a secret, so it cannot be printed.
struct Operation<'a> {
    /// For the log.
    name: &'static str,
    call: Call,
    method: Method,
    /// Below the account.
    path: Vec<&'a str>,
    query: &'a [(&'a str, String)],
    body: Option<Vec<u8>>,
    /// The password in the body: the answer may repeat it.
    password: Option<&'a Secret>,
    /// The member of the answer that is the id of what was made.
    makes: Option<&'static str>,
}

impl<'a> Operation<'a> {
    fn new<const N: usize>(name: &'static str, call: Call, method: Method, path: [&'a str; N]) -> Self {
        Self { name, call, method, path: path.to_vec(), query: &[], body: None, password: None, makes: None }
    }
}

impl Plivo {
    /// A client for these credentials; contacts nobody. Needs the process-wide TLS provider.
    pub fn new(base: &BaseUrl, credentials: Credentials, options: &TransportOptions) -> Result<Self, Unusable> {
        let Credentials { auth_id, auth_token } = credentials;
        if !wire::is_id(&auth_id) {
            return Err(Unusable::AccountId);
        }
        let transport = Transport::basic(base, &auth_id, &auth_token, options)?;
        let mut scrubber = Scrubber::default().with(&auth_token);
        if let Some(basic) = transport.basic_credentials() {
            scrubber = scrubber.with(&basic);
        }
        Ok(Self { transport, auth_id, scrubber })
    }

    async fn call<T>(&self, operation: Operation<'_>, read: impl FnOnce(&Answer) -> Read<T>) -> Outcome<T> {
        let started = Instant::now();
        let mut path = vec!["v1", "Account", &self.auth_id];
        path.extend(&operation.path);
        let request = Request {
            call: operation.call,
            method: operation.method,
            path: &path,
            trailing_slash: true,
            query: operation.query,
            body: operation.body,
            answer_limit: BODY_LIMIT,
        };
        let below: String = operation.path.iter().map(|segment| format!("{segment}/")).collect();
        let shown = format!("/v1/Account/{}…/{below}", self.auth_id.get(..4).unwrap_or_default());
        let audited = (operation.call != Call::Read).then(|| audit::Request::begins(operation.name, shown.clone()));
        let answer = self.transport.send(request).await;
        let outcome = match &answer {
            Ok(answer) => outcome(read(answer)),
            Err(Failure::NotSent(reason)) => refused(RefusalKind::Unreachable, format!("Plivo cannot be reached: {reason}")),
            Err(Failure::NoAnswer(doubt)) => unknown(doubt.kind, format!("no answer from Plivo: {}", doubt.message)),
        };
        let outcome = tidy(outcome, &self.scrubber_for(operation.password));
        let answered = answer.as_ref().ok();
        let body = answered.and_then(|answer| answer.json().ok());
        let (api_id, status, kind) = (body.and_then(wire::api_id), answered.map(|answer| answer.status), kind(&outcome));
        // One line for each mutation that left us, reads only for those who look for them. Never a body, in either direction.
        match audited {
            None => {
                let duration_ms = started.elapsed().as_millis();
                tracing::debug!(
                    op = operation.name,
                    path = shown,
                    api_id,
                    status,
                    outcome = outcome.class(),
                    kind,
                    duration_ms,
                    "provider read"
                );
            }
            Some(request) if matches!(answer, Err(Failure::NotSent(_))) => request.not_sent(),
            Some(request) => {
                let made = operation.makes.filter(|_| matches!(outcome, Outcome::Done(_))).and_then(|key| body?.get(key)?.as_str());
                let made = made.filter(|id| wire::is_id(id));
                request.ended(&audit::End { status, request_id: api_id, made, outcome: outcome.class(), reason: kind.as_deref() });
            }
        }
        outcome
    }

    fn scrubber_for(&self, password: Option<&Secret>) -> Scrubber {
        let scrubber = self.scrubber.clone();
        match password {
            Some(password) => scrubber.with(password),
            None => scrubber,
        }
    }

    async fn account(&self) -> Outcome<String> {
        let operation = Operation::new("identify", Call::Read, Method::GET, []);
        self.call(operation, |answer| {
            let body = success(answer, &[200], Target::Always)?;
            match wire::read::<wire::Account>(body).and_then(|account| account.auth_id) {
                Some(auth_id) if auth_id == self.auth_id => Ok(auth_id),
                Some(_) => Err(unknown(DoubtKind::Foreign, "Plivo answered with another account's auth_id".to_owned())),
                None => Err(unreadable(answer, "without auth_id")),
            }
        })
        .await
    }

    async fn create_endpoint(&self, username: &str, fields: &Fields) -> Outcome<Created> {
        let change = match fields::change(fields) {
            Ok(change) => change,
            Err(field) => return no_such_field(field),
        };
        let password = change.password;
        let body = match encode(&wire::CreateEndpoint { username, change }) {
            Ok(body) => body,
            Err(outcome) => return outcome,
        };
        let operation = Operation::new("create_endpoint", Call::Create, Method::POST, ["Endpoint"]);
        // 200 for 201 is as good: the body is the proof.
        let read = |answer: &Answer| {
            let body = success(answer, &[200, 201, 202], Target::Create)?;
            let Some(endpoint) = wire::read::<wire::Endpoint>(body) else { return Err(unreadable(answer, "without an endpoint")) };
            match (endpoint.endpoint_id, endpoint.username) {
                (None, _) => Err(unreadable(answer, "without a usable endpoint_id")),
                (_, None) => Err(unreadable(answer, "without username")),
                (Some(id), Some(name)) if is_ours(&name, username) => Ok(Created { id, username: name, remote: None }),
                (_, Some(name)) => {
                    let message = format!("Plivo answered with the username {name}, which is not {username} and digits");
                    Err(unknown(DoubtKind::Foreign, message))
                }
            }
        };
        self.call(Operation { body: Some(body), password, makes: Some("endpoint_id"), ..operation }, read).await
    }

    async fn get_endpoint(&self, id: &str) -> Outcome<Remote> {
        if !wire::is_id(id) {
            return no_such_id();
        }
        let operation = Operation::new("get_endpoint", Call::Read, Method::GET, ["Endpoint", id]);
        let read = |answer: &Answer| {
            let body = success(answer, &[200], Target::Item)?;
            match wire::read(body).and_then(fields::remote) {
                Some(remote) if remote.id == id => Ok(remote),
                Some(_) => Err(unknown(DoubtKind::Foreign, "Plivo answered with another endpoint".to_owned())),
                None => Err(unreadable(answer, "without endpoint_id or username")),
            }
        };
        self.call(operation, read).await
    }

    async fn list_endpoints(&self, offset: u64, limit: u64) -> Outcome<Page<Remote>> {
        let query = match page_query(offset, limit) {
            Ok(query) => query,
            Err(outcome) => return outcome,
        };
        let operation = Operation { query: &query, ..Operation::new("list_endpoints", Call::Read, Method::GET, ["Endpoint"]) };
        self.call(operation, |answer| page(answer, fields::remote, "endpoint_id or username")).await
    }

    async fn update_endpoint(&self, id: &str, fields: &Fields) -> Outcome<()> {
        if !wire::is_id(id) {
            return no_such_id();
        }
        let change = match fields::change(fields) {
            Ok(change) if change.app_id.is_some() => change,
            // Without it Plivo may detach the application, or not: its documentation and its SDKs disagree.
            Ok(_) => return refused(RefusalKind::Invalid, "app_id must be in every update; nothing was sent".to_owned()),
            Err(field) => return no_such_field(field),
        };
        let password = change.password;
        let body = match encode(&change) {
            Ok(body) => body,
            Err(outcome) => return outcome,
        };
        let operation = Operation::new("update_endpoint", Call::Update, Method::POST, ["Endpoint", id]);
        self.call(Operation { body: Some(body), password, ..operation }, changed).await
    }

    async fn delete_endpoint(&self, id: &str) -> Outcome<()> {
        if !wire::is_id(id) {
            return no_such_id();
        }
        let operation = Operation::new("delete_endpoint", Call::Delete, Method::DELETE, ["Endpoint", id]);
        let read = |answer: &Answer| match answer.status {
            204 => Ok(()),
            _ => Err(failure(answer, Target::Item)),
        };
        self.call(operation, read).await
    }
}

impl Remotes for Plivo {
    fn create<'a>(&'a self, label: &'a str, fields: &'a Fields) -> BoxFuture<'a, Outcome<Created>> {
        Box::pin(self.create_endpoint(label, fields))
    }

    fn get<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<Remote>> {
        Box::pin(self.get_endpoint(id))
    }

    fn list(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Remote>>> {
        Box::pin(self.list_endpoints(offset, limit))
    }

    fn update<'a>(&'a self, id: &'a str, change: &'a Fields) -> BoxFuture<'a, Outcome<Option<Remote>>> {
        Box::pin(async move { self.update_endpoint(id, change).await.map(|()| None) })
    }

    fn delete<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<()>> {
        Box::pin(self.delete_endpoint(id))
    }
}

impl Provider for Plivo {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn identify(&self) -> BoxFuture<'_, Outcome<String>> {
        Box::pin(self.account())
    }

    fn endpoints(&self) -> &dyn Remotes {
        self
    }

    /// The number is its own id.
    fn get_number<'a>(&'a self, number: &'a str, _id: Option<&'a str>) -> BoxFuture<'a, Outcome<Number>> {
        Box::pin(self.number(number))
    }

    fn list_numbers(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Number>>> {
        Box::pin(self.numbers(offset, limit))
    }

    fn update_number<'a>(&'a self, number: &'a str, _id: Option<&'a str>, change: &'a Fields) -> BoxFuture<'a, Outcome<()>> {
        Box::pin(self.change_number(number, change))
    }

    fn list_applications(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Application>>> {
        Box::pin(self.applications(offset, limit))
    }

    fn password_matches(&self, remote: &Remote, password: &Secret) -> Option<bool> {
        fields::password_matches(remote, password)
    }
}

/// The arguments of one page of any list.
fn page_query<T>(offset: u64, limit: u64) -> Result<[(&'static str, String); 2], Outcome<T>> {
    if !(1..=CAPABILITIES.page_size).contains(&limit) {
        // What Plivo does with a larger one is unknown; a page that is silently shorter would look like the last one.
        return Err(refused(RefusalKind::Invalid, format!("a page has 1 to {} elements; nothing was sent", CAPABILITIES.page_size)));
    }
    Ok([("limit", limit.to_string()), ("offset", offset.to_string())])
}

/// One page of any list, from its answer. `key` is what each element must have.
fn page<'a, W: Deserialize<'a>, T>(answer: &'a Answer, element: impl Fn(W) -> Option<T>, key: &str) -> Read<Page<T>> {
    let body = success(answer, &[200], Target::Always)?;
    let Some(list) = wire::List::read(body) else { return Err(unreadable(answer, "without a list")) };
    // One unreadable element hides something, so the whole page proves nothing.
    match list.objects.iter().map(|object| wire::read(object).and_then(&element)).collect() {
        Some(items) => Ok(Page { items, total: list.total_count, more: None }),
        None => Err(unreadable(answer, &format!("with an element without {key}"))),
    }
}

/// The answer to any update. 206, "partial success", is not one: what of it was done is for a read to tell.
fn changed(answer: &Answer) -> Read<()> {
    let body = success(answer, &[200, 201, 202], Target::Item)?;
    // An asynchronous answer has the same shape; only its text says that nothing was done yet.
    match wire::read::<wire::Message>(body).and_then(|message| message.message) {
        Some(message) if message.to_ascii_lowercase().starts_with("async") => Err(unreadable(answer, "asynchronously")),
        Some(_) => Ok(()),
        None => Err(unreadable(answer, "without message")),
    }
}

/// Plivo appends digits and may fold the case (`contracts/plivo.md` 13, number 4).
fn is_ours(username: &str, sent: &str) -> bool {
    match username.split_at_checked(sent.len()) {
        Some((head, tail)) => head.eq_ignore_ascii_case(sent) && tail.bytes().all(|byte| byte.is_ascii_digit()),
        None => false,
    }
}

fn no_such_field<T>(field: &str) -> Outcome<T> {
    refused(RefusalKind::Invalid, format!("Plivo's endpoints have no field {field} of that kind; nothing was sent"))
}

fn no_such_id<T>() -> Outcome<T> {
    refused(RefusalKind::Invalid, "not an endpoint id: letters, digits, dot, dash, underscore, at most 64; nothing was sent".to_owned())
}
