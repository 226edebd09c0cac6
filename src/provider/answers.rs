//! What the clients of all providers need to turn answers into outcomes.

use std::convert::Infallible;

use serde::Serialize;

use super::transport::Scrubber;
use crate::core::outcome::{Doubt, DoubtKind, Outcome, Refusal, RefusalKind};

/// What an answer was read as: the value of a success, or any outcome but that.
pub(super) type Read<T> = Result<T, Outcome<Infallible>>;

/// The outcome of a read answer.
pub(super) fn outcome<T>(read: Read<T>) -> Outcome<T> {
    read.map_or_else(|other| other.map(|done| match done {}), Outcome::Done)
}

/// Nothing was learnt.
pub(super) fn unknown<T>(kind: DoubtKind, message: String) -> Outcome<T> {
    Outcome::Unknown(Doubt { kind, message })
}

/// Certainly not executed.
pub(super) fn refused<T>(kind: RefusalKind, message: String) -> Outcome<T> {
    Outcome::Refused(Refusal { kind, message, retry_after: None })
}

/// Makes every message fit to be shown: the last step of each call, so that none is forgotten.
pub(super) fn tidy<T>(outcome: Outcome<T>, scrubber: &Scrubber) -> Outcome<T> {
    match outcome {
        Outcome::Refused(refusal) => Outcome::Refused(Refusal { message: scrubber.scrub(&refusal.message), ..refusal }),
        Outcome::Unknown(doubt) => Outcome::Unknown(Doubt { message: scrubber.scrub(&doubt.message), ..doubt }),
        Outcome::Done(_) | Outcome::NotFound { .. } => outcome,
    }
}

/// The kind of a refusal or a doubt, for the log.
pub(super) fn kind<T>(outcome: &Outcome<T>) -> Option<String> {
    match outcome {
        Outcome::Refused(refusal) => Some(format!("{:?}", refusal.kind)),
        Outcome::Unknown(doubt) => Some(format!("{:?}", doubt.kind)),
        Outcome::Done(_) | Outcome::NotFound { .. } => None,
    }
}

/// A request body.
pub(super) fn encode<T>(body: &impl Serialize) -> Result<Vec<u8>, Outcome<T>> {
    serde_json::to_vec(body).map_err(|_| refused(RefusalKind::Invalid, "the request cannot be encoded; nothing was sent".to_owned()))
}

/// Whether a text can be an id: it becomes a path segment and is written into status.
pub(super) fn is_id(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.len() <= 64
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Whether a text can be a number: it becomes a path segment.
pub(super) fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
