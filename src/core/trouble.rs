//! The last failure of a call, until one succeeds or the question is another.

use std::time::Duration;

use crate::api::ledger::SecretVersion;
use crate::core::outcome::{DoubtKind, Outcome, RefusalKind};
use crate::core::time::Moment;

/// A call that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Decides how long to wait and what to say.
    pub kind: TroubleKind,
    /// The provider's or the transport's words.
    pub message: String,
    /// When.
    pub at: Moment,
    /// In a row.
    pub attempts: u32,
    /// Asked for by the provider.
    pub retry_after: Option<Duration>,
    /// The generation it happened to: another one is another question.
    pub generation: i64,
    /// Likewise the password's version.
    pub password_version: Option<SecretVersion>,
}

/// Kinds of trouble.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TroubleKind {
    /// Certainly not executed.
    Refused(RefusalKind),
    /// Nothing was learnt.
    #[default]
    Unknown,
    /// A readable answer about something else.
    Foreign,
}

impl Trouble {
    /// The last failure after one more answer to this question: none after a success.
    pub fn after<T>(self, before: Option<Trouble>, outcome: &Outcome<T>) -> Option<Trouble> {
        let (kind, message, retry_after) = match outcome {
            Outcome::Done(_) | Outcome::NotFound { .. } => return None,
            Outcome::Refused(refusal) => (TroubleKind::Refused(refusal.kind), refusal.message.clone(), refusal.retry_after),
            Outcome::Unknown(doubt) if doubt.kind == DoubtKind::Foreign => (TroubleKind::Foreign, doubt.message.clone(), None),
            Outcome::Unknown(doubt) => (TroubleKind::Unknown, doubt.message.clone(), None),
        };
        let attempts = before.map_or(0, |trouble| trouble.attempts) + 1;
        Some(Trouble { kind, message, retry_after, attempts, ..self })
    }
}
