//! How long to wait after a failure. Nothing here is a decision about *what* to do, only about when.

use std::time::Duration;

use crate::api::condition::{Reason, Verdict};
use crate::core::action::{Action, Finding};
use crate::core::outcome::RefusalKind;
use crate::core::time::Moment;
use crate::core::view::{Trouble, TroubleKind, View};

/// Longest delay between two attempts.
const LONGEST: Duration = Duration::from_secs(300);
/// What the provider refused for good is tried again this often, in case its rules changed.
const REFUSED: Duration = Duration::from_secs(6 * 3600);

/// The action, unless a recent failure says that it is not its turn yet.
pub(super) fn call(view: &View, action: Action) -> Action {
    match pending(view) {
        Some((until, finding)) => Action::Wait { until: Some(until), finding: Some(finding) },
        None => action,
    }
}

/// Until when to wait because of the last failure, and what to say.
pub(super) fn pending(view: &View) -> Option<(Moment, Finding)> {
    let trouble = view.memory.trouble.as_ref()?;
    let until = trouble.at + delay(view, trouble)?;
    (view.now < until).then(|| (until, finding(view, trouble)))
}

fn delay(view: &View, trouble: &Trouble) -> Option<Duration> {
    let backoff = backoff(view.timing.retry_base, trouble.attempts, view.fresh.seed);
    Some(match trouble.kind {
        // A changed spec or password is a new question; the old answer says nothing about it.
        TroubleKind::Refused(RefusalKind::Invalid) if asked_anew(view, trouble) => return None,
        TroubleKind::Refused(RefusalKind::Invalid) => REFUSED,
        // The account pauses as a whole; the object only follows.
        TroubleKind::Refused(RefusalKind::Throttled) => trouble.retry_after.unwrap_or(backoff),
        TroubleKind::Refused(RefusalKind::Credentials | RefusalKind::Unreachable) | TroubleKind::Unknown | TroubleKind::Foreign => backoff,
    })
}

fn asked_anew(view: &View, trouble: &Trouble) -> bool {
    let version = view.wanted_version();
    trouble.generation != view.object.generation || (version.is_some() && version != trouble.password_version.as_ref())
}

/// Exponential with full jitter: between a tenth and the whole of base × 2^(attempts − 1), at most 5 minutes.
pub fn backoff(base: Duration, attempts: u32, seed: u64) -> Duration {
    let full = base.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(LONGEST);
    // A cheap mixing of the seed with the attempt: the same view gives the same delay, different objects different ones.
    let mixed = seed.wrapping_add(u64::from(attempts)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    full.mul_f64(0.1 + 0.9 * (mixed % 1000) as f64 / 1000.0)
}

fn finding(view: &View, trouble: &Trouble) -> Finding {
    let (reason, then) = match trouble.kind {
        TroubleKind::Refused(RefusalKind::Invalid) => {
            (Reason::Rejected, "Change the spec (or the password's Secret); it is tried again then, else every 6 hours")
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
        TroubleKind::Foreign => (Reason::UnexpectedAnswer, "It is not recorded; the endpoint is looked for by its mark"),
    };
    let finding = Finding::new(reason, format!("{} (attempt {}). {then}", trouble.message, trouble.attempts));
    if view.object.deleting && reason.verdict() == Verdict::Progressing { Finding { reason: Reason::Deleting, ..finding } } else { finding }
}
