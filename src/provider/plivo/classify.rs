//! An answer's class, decided on status and shape, never on text (`contracts/plivo.md` 11). Whatever proves nothing is Unknown.

use serde_json::Value;

use super::wire;
use crate::core::outcome::{Doubt, DoubtKind, Outcome, Refusal, RefusalKind};
use crate::provider::answers::{Read, unknown};
use crate::provider::transport::Answer;

/// What a path leads to: decides what 404 means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `POST` to a collection: a 404 means that nothing was made.
    Create,
    /// One object by id: it can be missing.
    Item,
    /// A collection or the account: always there, so its absence is an answer from somebody else.
    Always,
}

/// The body of a success: one of `statuses`, a JSON object, no `error` in it. Everything else is classified at once.
pub(super) fn success<'a>(answer: &'a Answer, statuses: &[u16], target: Target) -> Read<&'a Value> {
    if !statuses.contains(&answer.status) {
        return Err(failure(answer, target));
    }
    let body = answer.json().map_err(|doubt| Outcome::Unknown(said(answer, doubt.clone())))?;
    match body.as_object() {
        Some(members) if members.get("error").is_none_or(Value::is_null) => Ok(body),
        Some(_) => Err(unreadable(answer, "and an error in one")),
        None => Err(unreadable(answer, "without a JSON object")),
    }
}

/// A success that does not hold what it must.
pub(super) fn unreadable<T>(answer: &Answer, what: &str) -> Outcome<T> {
    unknown(DoubtKind::Unreadable, format!("Plivo answered {} {what}", answer.status))
}

/// Everything that is not the operation's own success.
pub(super) fn failure<T>(answer: &Answer, target: Target) -> Outcome<T> {
    let json = answer.object().is_some();
    let kind = match (answer.status, json) {
        // By the status alone: Plivo's own 401 is plain text.
        (401, _) => RefusalKind::Credentials,
        (429, _) => RefusalKind::Throttled,
        (403, true) => RefusalKind::Credentials,
        (400 | 405 | 406 | 415 | 422, true) => RefusalKind::Invalid,
        (404, true) if target == Target::Create => RefusalKind::Invalid,
        (404, proven) if target == Target::Item => return Outcome::NotFound { proven },
        // With Plivo's own body these would be a refusal; without it nobody knows who answered.
        (400 | 403 | 405 | 406 | 415 | 422, false) => {
            let missing = || Doubt { kind: DoubtKind::Unreadable, message: "no JSON object".to_owned() };
            return Outcome::Unknown(said(answer, answer.json().err().cloned().unwrap_or_else(missing)));
        }
        (200..=299, _) => return unreadable(answer, "where another status was due"),
        (status, _) => {
            return unknown(DoubtKind::Status(status), format!("Plivo answered {status}: it may or may not have been executed"));
        }
    };
    let text = answer.json().ok().and_then(wire::error_text);
    let message = match text {
        Some(text) => format!("Plivo answered {}: {text}", answer.status),
        None => format!("Plivo answered {}", answer.status),
    };
    Outcome::Refused(Refusal { kind, message, retry_after: answer.retry_after })
}

fn said(answer: &Answer, doubt: Doubt) -> Doubt {
    Doubt { message: format!("Plivo answered {}: {}", answer.status, doubt.message), ..doubt }
}
