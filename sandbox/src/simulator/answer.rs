//! An answer before it meets the wire.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::switches::RetryAfter;

const JSON: &str = "application/json";
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// An answer before it meets the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Bytes are sent behind the answer.
    pub(crate) trailing: bool,
}

impl Answer {
    pub(crate) fn of(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), content_type.to_owned())], body: body.into(), trailing: false }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::of(status, JSON, body.to_string())
    }

    /// A member of a JSON body, for the placeholders of fault rules.
    pub(crate) fn member(&self, name: &str) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        body.get(name)?.as_str().map(str::to_owned)
    }

    /// With the header of a 429; `wait_ms` is when the next call would pass.
    pub(crate) fn retry_after(mut self, form: RetryAfter, wait_ms: u64, now: Timestamp) -> Self {
        let seconds = i64::try_from(wait_ms.div_ceil(1000).max(1)).unwrap_or(1);
        let value = match form {
            RetryAfter::None => return self,
            RetryAfter::Seconds => seconds.to_string(),
            // Whole seconds only: one more, or the date would lie before the moment meant.
            RetryAfter::Date => (now + SignedDuration::from_secs(seconds + 1)).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        };
        self.headers.push(("retry-after".to_owned(), value));
        self
    }
}
