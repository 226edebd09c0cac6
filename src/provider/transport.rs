//! One HTTP exchange with a provider, bounded in time and size: deadlines, a body limit, no redirect, no resend. What comes out
//! is either an [`Answer`] or a [`Failure`] that says whether the request left us at all.
//!
//! Two clients. The *pooled* one serves reads and updates. The *single-use* one serves creates and deletes: each gets a
//! connection of its own, because a reused one may be dead already (nobody can tell whether the request was executed) or may
//! still hold bytes of an earlier answer (Plivo has sent bytes after a 204, `contracts/plivo.md` 1).
//!
//! The HTTP stack resends in one case only: a request on a *reused* connection of which certainly no byte was written. That can
//! not happen on the single-use client, and is harmless for reads and updates.

use std::fmt;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, ClientBuilder, Method, RequestBuilder, Response, Url, redirect, retry, tls};
use serde_json::Value;

use crate::core::fields::Secret;
use crate::core::outcome::{Doubt, DoubtKind};

mod base_url;
mod failure;
mod json;
mod text;

pub use base_url::{BaseUrl, Rejected};
pub use failure::Failure;
pub(in crate::provider) use text::md5_hex;
pub use text::{MAX_TEXT, Scrubber};

/// Largest body that is read, in bytes, unless the request says otherwise.
pub const BODY_LIMIT: usize = 1 << 20;

/// Longest `Retry-After` that is honoured; a longer one is cut to this.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// How long the parts of an exchange may take. Defaults are those of `contracts/plivo.md` 11.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Name resolution, TCP, proxy and TLS together.
    pub connect: Duration,
    /// A read in all, connecting included.
    pub read: Duration,
    /// An update or a delete in all.
    pub write: Duration,
    /// A create in all. The protocol's T_create: it is a part of the settle time and shrinks with it.
    pub create: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let (read, write) = (Duration::from_secs(15), Duration::from_secs(20));
        Self { connect: Duration::from_secs(5), read, write, create: write }
    }
}

impl Deadlines {
    /// The defaults with another time for a create.
    pub fn with_create(create: Duration) -> Self {
        Self { create, ..Self::default() }
    }

    /// Connecting on the single-use client. Less than the create's whole time, so that a connect time-out is still told apart
    /// from one after the request was written.
    fn connect_single(&self) -> Duration {
        self.connect.min(self.create / 2)
    }
}

/// What the operator's flags say about provider connections.
#[derive(Clone, Debug, Default)]
pub struct TransportOptions {
    /// Time limits.
    pub deadlines: Deadlines,
    /// Certificates in PEM, trusted in addition to the platform's roots (`--provider-ca-file`).
    pub extra_roots: Option<Vec<u8>>,
}

/// A client that cannot be built. Says so at start, before anything is contacted.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The extra roots hold no certificate, or not PEM.
    #[error("the provider CA file holds no certificate in PEM form")]
    ExtraRoots,
    /// A credential that cannot stand in a path or header.
    #[error("the account id may hold letters, digits, dot, dash and underscore only")]
    AccountId,
    /// TLS or platform roots.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// What a call does at the provider; decides client and deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Changes nothing.
    Read,
    /// Idempotent change.
    Update,
    /// Makes something new each time it is executed.
    Create,
    /// Removes.
    Delete,
}

/// One request. Holds a body that may contain a secret, so it cannot be printed.
pub struct Request<'a> {
    /// Client and deadline.
    pub call: Call,
    /// HTTP method.
    pub method: Method,
    /// Path segments, not encoded.
    pub path: &'a [&'a str],
    /// The path ends with a slash.
    pub trailing_slash: bool,
    /// Query arguments, not encoded.
    pub query: &'a [(&'a str, String)],
    /// JSON.
    pub body: Option<Vec<u8>>,
    /// Largest answer that is read, in bytes; [`BODY_LIMIT`] for all but long listings.
    pub answer_limit: usize,
}

/// What the provider answered. The body prints as a word only: it may hold secrets and personal data.
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// When to come back, at most [`MAX_RETRY_AFTER`].
    pub retry_after: Option<Duration>,
    body: Result<Value, Doubt>,
}

impl Answer {
    /// The body as JSON, or why there is none.
    pub fn json(&self) -> Result<&Value, &Doubt> {
        self.body.as_ref()
    }

    /// The body, if it is a JSON object.
    pub fn object(&self) -> Option<&serde_json::Map<String, Value>> {
        self.body.as_ref().ok().and_then(Value::as_object)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = if self.body.is_ok() { "json" } else { "unreadable" };
        write!(f, "Answer({} {body})", self.status)
    }
}

/// The connections to one provider account.
pub struct Transport {
    base: BaseUrl,
    authorization: HeaderValue,
    deadlines: Deadlines,
    pooled: Client,
    single: Client,
}

impl Transport {
    /// With a user and a password (HTTP Basic). Builds both clients; contacts nobody. Needs the process-wide TLS provider.
    ///
    /// # Errors
    /// No client can be built.
    pub fn basic(base: &BaseUrl, user: &str, password: &Secret, options: &TransportOptions) -> Result<Self, Unusable> {
        Self::new(base, options, |request| request.basic_auth(user, Some(password.expose())))
    }

    /// As [`Transport::basic`], with a bearer token.
    ///
    /// # Errors
    /// No client can be built.
    pub fn bearer(base: &BaseUrl, token: &Secret, options: &TransportOptions) -> Result<Self, Unusable> {
        Self::new(base, options, |request| request.bearer_auth(token.expose()))
    }

    fn new(base: &BaseUrl, options: &TransportOptions, authorize: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Result<Self, Unusable> {
        let deadlines = options.deadlines;
        let pooled = builder(base, options)?
            .connect_timeout(deadlines.connect)
            // Shorter than the 75 s for which the provider keeps idle connections.
            .pool_idle_timeout(Duration::from_secs(60));
        let single = builder(base, options)?.connect_timeout(deadlines.connect_single()).pool_max_idle_per_host(0);
        let (pooled, single) = (build(pooled)?, build(single)?);
        let authorization = authorization(authorize(single.get(base.url().clone())))?;
        Ok(Self { base: base.clone(), authorization, deadlines, pooled, single })
    }

    /// The value that follows `Basic` in the authorization header: one more form of the secret that no text may show.
    pub fn basic_credentials(&self) -> Option<Secret> {
        let value = self.authorization.to_str().ok()?.strip_prefix("Basic ")?;
        Some(Secret::new(value.to_owned()))
    }

    /// Sends once and reads the answer within the limits.
    pub async fn send(&self, request: Request<'_>) -> Result<Answer, Failure> {
        let (client, deadline) = match request.call {
            Call::Read => (&self.pooled, self.deadlines.read),
            Call::Update => (&self.pooled, self.deadlines.write),
            Call::Delete => (&self.single, self.deadlines.write),
            Call::Create => (&self.single, self.deadlines.create),
        };
        let mut builder = client
            .request(request.method, self.url(request.path, request.trailing_slash, request.query))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/json")
            .timeout(deadline);
        if let Some(body) = request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body);
        }
        let built = builder.build().map_err(failure::not_built)?;
        let response = client.execute(built).await.map_err(failure::classify)?;
        let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers()));
        Ok(Answer { status, retry_after, body: read(response, request.answer_limit).await })
    }

    fn url(&self, path: &[&str], trailing_slash: bool, query: &[(&str, String)]) -> Url {
        let mut url = self.base.url().clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(path);
            if trailing_slash {
                segments.push("");
            }
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

fn builder(base: &BaseUrl, options: &TransportOptions) -> Result<ClientBuilder, Unusable> {
    let mut builder = Client::builder()
        .user_agent(concat!("switchboard/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(retry::never())
        .http1_only()
        .tls_version_min(tls::Version::TLS_1_2);
    if base.is_loopback() {
        builder = builder.no_proxy();
    }
    if let Some(pem) = &options.extra_roots {
        let roots = Certificate::from_pem_bundle(pem).map_err(|_| Unusable::ExtraRoots)?;
        if roots.is_empty() {
            return Err(Unusable::ExtraRoots);
        }
        builder = builder.tls_certs_merge(roots);
    }
    Ok(builder)
}

fn build(builder: ClientBuilder) -> Result<Client, Unusable> {
    builder.build().map_err(|error| Unusable::Client(failure::deepest(&error.without_url())))
}

/// Lets the HTTP library encode the header once, marked sensitive.
fn authorization(request: RequestBuilder) -> Result<HeaderValue, Unusable> {
    let request = request.build().map_err(|error| Unusable::Client(failure::deepest(&error.without_url())))?;
    request.headers().get(AUTHORIZATION).cloned().ok_or_else(|| Unusable::Client("no authorization header".to_owned()))
}

/// Reads at most so many bytes. After a 204 nothing is read: whatever follows is not part of the answer.
async fn read(mut response: Response, limit: usize) -> Result<Value, Doubt> {
    let unreadable = |message: &str| Doubt { kind: DoubtKind::Unreadable, message: message.to_owned() };
    let too_large = || unreadable(&format!("body over {} MiB", limit >> 20));
    if response.status().as_u16() == 204 {
        return Err(unreadable("no body"));
    }
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure::in_body)? {
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    json::parse(&body).map_err(unreadable)
}

/// Seconds, or a date read against the answer's own `Date` (5 s where there is none), so that no clock of ours is involved.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long time.
        return Some(value.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs).min(MAX_RETRY_AFTER));
    }
    let date = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp());
    let then = date(value)?;
    let wait = match headers.get(DATE).and_then(|value| value.to_str().ok()).and_then(date) {
        Some(now) => Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO),
        None => Duration::from_secs(5),
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_and_at_most_five_minutes() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        let table = [
            ("0", None, Some(0)),
            ("7", None, Some(7)),
            (" 7 ", None, Some(7)),
            ("86400", None, Some(300)),
            ("99999999999999999999999", None, Some(300)),
            ("Sun, 06 Nov 1994 08:49:49 GMT", date, Some(12)),
            ("Mon, 07 Nov 1994 08:49:37 GMT", date, Some(300)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", date, Some(0)),
            ("Sun, 06 Nov 1994 08:49:49 GMT", None, Some(5)),
            ("Sun, 06 Nov 1994 08:49:49 GMT", Some("yesterday"), Some(5)),
            ("-3", None, None),
            ("soon", date, None),
            ("", None, None),
        ];
        for (value, date, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            if let Some(date) = date {
                headers.insert(DATE, HeaderValue::from_static(date));
            }
            assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{value:?} at {date:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn connecting_never_takes_all_the_time_of_a_create() {
        for millis in [1, 40, 3_000, 20_000, 60_000] {
            let deadlines = Deadlines::with_create(Duration::from_millis(millis));
            assert!(deadlines.connect_single() < deadlines.create, "{millis} ms");
            assert!(deadlines.connect_single() <= deadlines.connect, "{millis} ms");
        }
    }
}
