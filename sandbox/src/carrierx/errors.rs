//! Errors of the API (contracts/carrierx.md 2): one body for all, in the form of the switch.

use serde_json::{Value, json};

use super::switches::{ErrorBody, Switches};
use crate::simulator::answer::{Answer, HTML};

/// What the provider says about a field whose scope the token lacks.
const NO_PERMISSION: &str = "partner does not have permissions to set this value";

/// What the provider says about a second endpoint that is known by address and port alone.
const DUPLICATE: &str = "duplicate ip for auth_required=false";

/// An error with its `errors`.
pub(super) fn error(switches: &Switches, status: u16, message: &str, errors: &Value) -> Answer {
    match switches.error_body {
        ErrorBody::Json => Answer::json(status, &json!({"message": message, "errors": errors})),
        ErrorBody::Empty => Answer { status, ..Answer::default() },
        ErrorBody::Text => Answer::of(status, "text/plain; charset=utf-8", message),
        ErrorBody::Html => Answer::of(status, HTML, format!("<html><body><h1>{status} {message}</h1></body></html>")),
    }
}

fn one(field: Option<&str>, message: &str, reference: Option<&str>) -> Value {
    json!([{"field": field, "message": message, "reference_sid": reference}])
}

pub(super) fn bad_token(switches: &Switches, said: &str) -> Answer {
    let status = if switches.bad_token_status == super::switches::BadTokenStatus::Unauthorized { 401 } else { 403 };
    error(switches, status, said, &json!([]))
}

/// A scope is missing; the provider does not say which.
pub(super) fn forbidden(switches: &Switches) -> Answer {
    error(switches, 403, "Forbidden", &json!([]))
}

pub(super) fn not_found(switches: &Switches) -> Answer {
    error(switches, 404, "Cannot find item by SID", &json!([]))
}

pub(super) fn bad_request(switches: &Switches, field: &str, why: &str) -> Answer {
    error(switches, 400, "Bad Request", &one(Some(field), why, None))
}

pub(super) fn conflict(switches: &Switches, why: &str, reference: Option<&str>) -> Answer {
    error(switches, switches.conflict_code(), "conflict error", &one(None, why, reference))
}

/// `auth_required=false` on an address and port that another such endpoint has.
pub(super) fn duplicate(switches: &Switches) -> Answer {
    conflict(switches, DUPLICATE, None)
}

/// `auth_required` in a body without its scope.
pub(super) fn no_permission(switches: &Switches, field: &str) -> Answer {
    Complaints::one(field, NO_PERMISSION).answer(switches)
}

/// The complaints about a request, by field.
#[derive(Debug, Default)]
pub(super) struct Complaints(Vec<(String, String)>);

impl Complaints {
    pub(super) fn one(field: &str, why: &str) -> Self {
        let mut complaints = Self::default();
        complaints.add(field, why);
        complaints
    }

    pub(super) fn add(&mut self, field: &str, why: &str) {
        self.0.push((field.to_owned(), why.to_owned()));
    }

    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// `value` if there are none.
    pub(super) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    pub(super) fn answer(&self, switches: &Switches) -> Answer {
        let errors: Vec<Value> = self.0.iter().map(|(field, why)| json!({"field": field, "message": why, "reference_sid": null})).collect();
        error(switches, switches.validation_code(), "object validation error", &json!(errors))
    }
}
