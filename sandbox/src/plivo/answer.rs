//! Answers of the API: bodies of success, and every shape of error that the contract knows (contracts/plivo.md 4).

use std::collections::BTreeMap;

use rand::{Rng, RngExt, rngs::StdRng};
use serde_json::{Map, Value, json};

use super::switches::{AuthErrorBody, NotFoundBody, RateBody, Switches, ValidationErrorShape};
pub(super) use crate::simulator::answer::Answer;
use crate::simulator::answer::HTML;

/// What Plivo sends with a 401 (found by two independent test suites).
pub const UNAUTHORIZED_TEXT: &str = "Could not verify your access level for that URL.\nYou have to login with proper credentials";

const JSON: &str = "application/json";

impl Answer {
    /// A list; newer answers escape the ampersand of `meta.next` (contracts/plivo.md 2).
    pub(super) fn list(body: &Value) -> Self {
        Self::of(200, JSON, body.to_string().replace('&', "\\u0026"))
    }

    pub(super) fn deleted(switches: &Switches) -> Self {
        Self { status: 204, trailing: switches.delete_body == super::switches::DeleteBody::Bytes, ..Self::default() }
    }

    /// 202 `{"message": "changed", "api_id"}`.
    pub(super) fn changed(api_id: &str) -> Self {
        Self::json(202, &json!({"message": "changed", "api_id": api_id}))
    }

    pub(super) fn error(status: u16, api_id: &str, error: &Value) -> Self {
        Self::json(status, &json!({"api_id": api_id, "error": error}))
    }

    /// 404 in the shape of the switch; `what` is the text of the JSON form.
    pub(super) fn not_found(switches: &Switches, api_id: &str, what: &str) -> Self {
        match switches.not_found_body {
            NotFoundBody::Json => Self::error(404, api_id, &json!(what)),
            NotFoundBody::EmptyObject => Self::of(404, JSON, "{}"),
            NotFoundBody::Html => {
                Self::of(404, HTML, "<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>")
            }
        }
    }

    /// 401 in the shape of the switch.
    pub(super) fn unauthorized(switches: &Switches) -> Self {
        let mut answer = match switches.auth_error_body {
            AuthErrorBody::Text => Self::of(401, HTML, UNAUTHORIZED_TEXT),
            AuthErrorBody::Html => Self::of(401, HTML, "<html><body><h1>401 Unauthorized</h1></body></html>"),
            AuthErrorBody::Json => Self::json(401, &json!({"error": "authentication failed"})),
            AuthErrorBody::Empty => Self::of(401, HTML, ""),
        };
        answer.headers.push(("www-authenticate".to_owned(), "Basic realm=\"Login Required\"".to_owned()));
        answer
    }

    /// 429 in the shape of the switches; `wait_ms` is when the next call would pass.
    pub(super) fn too_many(switches: &Switches, api_id: &str, wait_ms: u64, now: jiff::Timestamp) -> Self {
        let answer = match switches.rate_body {
            RateBody::Json => Self::error(429, api_id, &json!("too many requests, throttle and retry")),
            RateBody::Text => Self::of(429, "text/plain", "Too Many Requests"),
            RateBody::Html => Self::of(429, HTML, "<html><body><h1>429 Too Many Requests</h1></body></html>"),
            RateBody::Empty => Self::of(429, HTML, ""),
        };
        answer.retry_after(switches.retry_after, wait_ms, now)
    }
}

/// The complaints about a request, by field.
#[derive(Debug, Default)]
pub(super) struct Complaints(BTreeMap<String, Vec<String>>);

/// The text for a required field that is missing.
pub(super) const REQUIRED: &str = "This field is required.";

impl Complaints {
    pub(super) fn one(field: &str, text: &str) -> Self {
        let mut complaints = Self::default();
        complaints.add(field, text);
        complaints
    }

    pub(super) fn add(&mut self, field: &str, text: &str) {
        self.0.entry(field.to_owned()).or_default().push(text.to_owned());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The 400 in the shape of the switch.
    pub(super) fn answer(&self, switches: &Switches, api_id: &str) -> Answer {
        let lines: Vec<String> =
            self.0.iter().flat_map(|(field, texts)| texts.iter().map(move |text| format!("{field}: {text}"))).collect();
        let error = match switches.validation_error_shape {
            ValidationErrorShape::FieldLists => json!(self.0),
            ValidationErrorShape::String => json!(lines.join("; ")),
            ValidationErrorShape::Nested => {
                let first: Map<String, Value> = self.0.iter().map(|(field, texts)| (field.clone(), json!(texts.join(" ")))).collect();
                json!({"error": first})
            }
            ValidationErrorShape::Array => json!(lines),
        };
        Answer::error(400, api_id, &error)
    }
}

/// A version-1 UUID, as `api_id` is one: time of the request, the rest from the seeded generator.
pub(super) fn api_id(now: jiff::Timestamp, rng: &mut StdRng) -> String {
    // 100 ns intervals since 15 October 1582, the epoch of version-1 UUIDs.
    let ticks = u64::try_from(now.as_nanosecond() / 100).unwrap_or(0).wrapping_add(0x01b2_1dd2_1381_4000);
    let (clock, node) = (rng.random_range(0..0x4000_u16), rng.next_u64() & 0xffff_ffff_ffff);
    format!("{:08x}-{:04x}-1{:03x}-{:04x}-{node:012x}", ticks as u32, (ticks >> 32) as u16, (ticks >> 48) as u16 & 0x0fff, 0x8000 | clock)
}

/// So many random digits, the first not zero.
pub(super) fn digits(rng: &mut StdRng, length: usize) -> String {
    (0..length).map(|place| char::from(b'0' + rng.random_range(u8::from(place == 0)..10))).collect()
}
