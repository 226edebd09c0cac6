//! How long to wait after a failure. Nothing here is a decision about *what* to do, only about when.

use std::time::Duration;

use crate::api::condition::{Reason, Verdict};
use crate::core::action::{Action, Finding};
use crate::core::outcome::RefusalKind;
use crate::core::shared::Viewed;
use crate::core::time::Moment;
use crate::core::view::{Trouble, TroubleKind};

/// Longest delay between two attempts.
const LONGEST: Duration = Duration::from_secs(300);
/// What the provider refused for good is tried again this often, in case its rules changed.
pub const REFUSED: Duration = Duration::from_secs(6 * 3600);

/// The action, unless a recent failure says that it is not its turn yet.
pub fn call(view: &impl Viewed, action: Action) -> Action {
    match pending(view) {
        Some((until, finding)) => Action::Wait { until: Some(until), finding: Some(finding) },
        None => action,
    }
}

/// Until when to wait because of the last failure, and what to say.
pub fn pending(view: &impl Viewed) -> Option<(Moment, Finding)> {
    pending_after(view, view.trouble()?)
}

/// As [`pending`], because of this failure.
pub fn pending_after(view: &impl Viewed, trouble: &Trouble) -> Option<(Moment, Finding)> {
    let until = trouble.at + delay(view, trouble)?;
    (view.now() < until).then(|| (until, finding(view, trouble)))
}

fn delay(view: &impl Viewed, trouble: &Trouble) -> Option<Duration> {
    let backoff = backoff(view.timing().retry_base, trouble.attempts, view.seed());
    Some(match trouble.kind {
        // A changed spec or password is a new question; the old answer says nothing about it.
        TroubleKind::Refused(RefusalKind::Invalid) if view.asked_anew(trouble) => return None,
        TroubleKind::Refused(RefusalKind::Invalid) => REFUSED,
        // The account pauses as a whole; the object only follows.
        TroubleKind::Refused(RefusalKind::Throttled) => trouble.retry_after.unwrap_or(backoff),
        TroubleKind::Refused(RefusalKind::Credentials | RefusalKind::Unreachable) | TroubleKind::Unknown | TroubleKind::Foreign => backoff,
    })
}

/// Exponential with full jitter: between a tenth and the whole of base × 2^(attempts − 1), at most 5 minutes.
pub fn backoff(base: Duration, attempts: u32, seed: u64) -> Duration {
    let full = base.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(LONGEST);
    // A cheap mixing of the seed with the attempt: the same view gives the same delay, different objects different ones.
    let mixed = seed.wrapping_add(u64::from(attempts)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    full.mul_f64(0.1 + 0.9 * (mixed % 1000) as f64 / 1000.0)
}

fn finding(view: &impl Viewed, trouble: &Trouble) -> Finding {
    let refused;
    let (reason, then) = match trouble.kind {
        TroubleKind::Refused(RefusalKind::Invalid) => {
            refused = format!("Change the spec{}; it is tried again then, else every 6 hours", view.words().refused);
            (Reason::Rejected, refused.as_str())
        }
        TroubleKind::Refused(RefusalKind::Throttled) => (Reason::Throttled, "The account slows down; this goes on by itself"),
        TroubleKind::Refused(RefusalKind::Credentials) => {
            (Reason::AccountNotReady, "See the account's conditions; this goes on when it is ready")
        }
        TroubleKind::Refused(RefusalKind::Unreachable) => {
            (Reason::ProviderUnreachable, "It is tried again with growing pauses of at most 5 minutes")
        }
        TroubleKind::Unknown => {
            (Reason::ProviderUnreachable, "What was known stays as it is; it is tried again with growing pauses of at most 5 minutes")
        }
        TroubleKind::Foreign => (Reason::UnexpectedAnswer, view.words().foreign),
    };
    let finding = Finding::new(reason, format!("{} (attempt {}). {then}", trouble.message, trouble.attempts));
    if view.object().deleting && reason.verdict() == Verdict::Progressing {
        Finding { reason: Reason::Deleting, ..finding }
    } else {
        finding
    }
}
