//! What a provider's answer means to us: four classes and nothing else. Everything HTTP ends here; the rest of the operator
//! never sees a status code. "Unknown" is not a failure: it says that the request may have been executed.

use std::time::Duration;

/// The class of one provider call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// Executed, and the answer proves it.
    Done(T),
    /// Certainly not executed: no byte left us, or the provider said no in a way that excludes execution.
    Refused(Refusal),
    /// The provider has no such object. `proven` is false for a 404 whose body is not JSON (a proxy's page, say): such an
    /// answer counts only together with complete listings.
    NotFound {
        /// The body was the provider's own JSON.
        proven: bool,
    },
    /// Anything else: nothing was learnt, and a create may have been executed.
    Unknown(Doubt),
}

impl<T> Outcome<T> {
    /// The same class with another value inside `Done`.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Outcome::Done(value) => Outcome::Done(f(value)),
            Outcome::Refused(refusal) => Outcome::Refused(refusal),
            Outcome::NotFound { proven } => Outcome::NotFound { proven },
            Outcome::Unknown(doubt) => Outcome::Unknown(doubt),
        }
    }

    /// The class as one word, for logs.
    pub fn class(&self) -> &'static str {
        match self {
            Outcome::Done(_) => "done",
            Outcome::Refused(_) => "refused",
            Outcome::NotFound { .. } => "not_found",
            Outcome::Unknown(_) => "unknown",
        }
    }
}

/// Why a call was certainly not executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The kind decides what happens next.
    pub kind: RefusalKind,
    /// For people; at most 300 characters, control characters replaced, never a request body or a secret.
    pub message: String,
    /// The provider's `Retry-After`, already cut at 5 minutes.
    pub retry_after: Option<Duration>,
}

/// The kinds of refusal and whom they slow down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// No byte of the request was written (name resolution, connect, TLS): the account waits and tries again.
    Unreachable,
    /// 401 or 403: the account is tripped, its objects make no calls.
    Credentials,
    /// 429: the account slows down, no object loses its turn.
    Throttled,
    /// 400, 404 on create, 405, 406, 415, 422: final for this spec.
    Invalid,
}

/// Why nothing was learnt from a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// What kind of answer it was.
    pub kind: DoubtKind,
    /// For people; same bounds as [`Refusal::message`].
    pub message: String,
}

/// Kinds of answers that prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoubtKind {
    /// No answer in time.
    TimeOut,
    /// The connection broke after bytes were sent.
    Reset,
    /// A status that allows both: 3xx, 408, 409, 5xx.
    Status(u16),
    /// The body could not be read as the answer: not JSON, cut, too large, without an id.
    Unreadable,
    /// A readable answer about something else: a username that is not ours.
    Foreign,
}
