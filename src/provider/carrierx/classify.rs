//! An answer's class (`contracts/carrierx.md` 9): the documented messages first, then status and shape. Whatever proves nothing is
//! Unknown.

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
    /// One object by SID: it can be missing.
    Item,
    /// A collection or the account: always there, so its absence is an answer from somebody else.
    Always,
}

/// What the provider's error is about, where its text says so. The text decides, because nobody knows with which status it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// `auth_required` was set without its scope.
    NoScope,
    /// `auth_required: false` on an ip and port that another such endpoint has.
    DuplicateIp,
    /// The values are not valid.
    Invalid,
    /// Something at the provider is in the way, and may be gone later.
    Conflict,
}

const NO_SCOPE: &str = "does not have permissions to set this value";
const DUPLICATE_IP: &str = "duplicate ip for auth_required=false";

impl Said {
    fn of(body: &Value) -> Option<Self> {
        let holds = |text: &str| wire::errors(body).any(|(_, message)| message.to_ascii_lowercase().contains(text));
        let message = body.get("message").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        let scope =
            || wire::errors(body).any(|(field, message)| field == Some("auth_required") && message.to_ascii_lowercase().contains(NO_SCOPE));
        match () {
            () if scope() => Some(Said::NoScope),
            () if holds(DUPLICATE_IP) => Some(Said::DuplicateIp),
            () if message.starts_with("object validation error") => Some(Said::Invalid),
            () if message.starts_with("conflict error") => Some(Said::Conflict),
            () => None,
        }
    }

    /// What to do about it.
    fn advice(self) -> &'static str {
        match self {
            Said::NoScope => {
                ". Setting auth_required needs the scope endpoints.manage_auth_required, which only CarrierX support grants \
                 (support@carrierx.com); have it granted, or remove auth_required"
            }
            Said::DuplicateIp => {
                ". Another endpoint in CarrierX with auth_required: false has the same ip and port; give this one another ip or port, or \
                 set auth_required: true"
            }
            Said::Invalid | Said::Conflict => "",
        }
    }
}

/// The body of a success: a JSON object. Everything else is classified at once.
pub(super) fn success(answer: &Answer, target: Target) -> Read<&wire::Object> {
    if !matches!(answer.status, 200..=202) {
        return Err(failure(answer, target));
    }
    match answer.json() {
        Ok(body) => body.as_object().ok_or_else(|| unreadable(answer, "without a JSON object")),
        Err(doubt) => Err(Outcome::Unknown(said(answer, doubt.clone()))),
    }
}

/// A success that does not hold what it must.
pub(super) fn unreadable<T>(answer: &Answer, what: &str) -> Outcome<T> {
    unknown(DoubtKind::Unreadable, format!("CarrierX answered {} {what}", answer.status))
}

/// Everything that is not the operation's own success.
///
/// A duplicate ip is a refusal, also of a create, though after a create whose answer was lost it is most likely our own first attempt that
/// stands in the way. It is certain that *this request* made nothing, and that is all that an outcome says. The first attempt is not
/// forgotten over it: no create is sent while the one before is unresolved, that is until its mark was looked for and not found for as
/// long as it could still take effect; so a create that meets its own twin is one whose twin was hidden from every search before, and the
/// next listing that shows it has it recorded. Taken for Unknown instead, a create that can never succeed would be searched for and sent
/// again without end, and nobody would read why.
///
/// Other conflicts say nothing for certain: of a create they are for the search to resolve, of a delete and an update they may be gone
/// later ("can try to resolve by resubmitting later").
pub(super) fn failure<T>(answer: &Answer, target: Target) -> Outcome<T> {
    let body = answer.json().ok().filter(|body| body.is_object());
    let known = body.filter(|_| matches!(answer.status, 400 | 409 | 422)).and_then(Said::of);
    let kind = match (answer.status, known) {
        // By the status alone: bodies of errors may be empty or not JSON.
        (401 | 403, _) => RefusalKind::Credentials,
        (429, _) => RefusalKind::Throttled,
        (_, Some(Said::NoScope | Said::DuplicateIp | Said::Invalid)) => RefusalKind::Invalid,
        (status, Some(Said::Conflict)) => return unknown(DoubtKind::Status(status), told(answer, "")),
        (400 | 405 | 406 | 415 | 422, None) if body.is_some() => RefusalKind::Invalid,
        (404, _) if target == Target::Item => return Outcome::NotFound { proven: body.is_some() },
        (404, _) if target == Target::Create && body.is_some() => RefusalKind::Invalid,
        // With CarrierX's own body these would be a refusal; without it nobody knows who answered.
        (400 | 405 | 406 | 415 | 422, None) => {
            let missing = || Doubt { kind: DoubtKind::Unreadable, message: "no JSON object".to_owned() };
            return Outcome::Unknown(said(answer, answer.json().err().cloned().unwrap_or_else(missing)));
        }
        (200..=299, _) => return unreadable(answer, "where another status was due"),
        (status, _) => return unknown(DoubtKind::Status(status), told(answer, ": it may or may not have been executed")),
    };
    let message = told(answer, known.map_or("", Said::advice));
    Outcome::Refused(Refusal { kind, message, retry_after: answer.retry_after })
}

/// What was answered, in the provider's words and ours.
fn told(answer: &Answer, ours: &str) -> String {
    match answer.json().ok().and_then(wire::error_text) {
        Some(text) => format!("CarrierX answered {}: {text}{ours}", answer.status),
        None => format!("CarrierX answered {}{ours}", answer.status),
    }
}

fn said(answer: &Answer, doubt: Doubt) -> Doubt {
    Doubt { message: format!("CarrierX answered {}: {}", answer.status, doubt.message), ..doubt }
}
