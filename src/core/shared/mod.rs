//! What the rules of all kinds have in common: when an object may be acted on at all, when a call's turn comes again after a failure,
//! how an update is read back. Each kind's view says where to look ([`Viewed`]); the rules stand here once.

pub mod quarrel;
pub mod read_back;
pub mod retry;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::condition::{Condition, ConditionType, Reason};
use crate::api::refs::AccountIdentity;
use crate::core::action::{Action, Finding};
use crate::core::budget::Lane;
use crate::core::time::Moment;
use crate::core::view::{AccountView, Object, Problem, Timing, Trouble};

/// What a kind calls its things, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// What an object of this kind has at the provider.
    pub thing: &'static str,
    /// What to change after a refusal, besides "the spec".
    pub refused: &'static str,
    /// What becomes of an answer about something else.
    pub foreign: &'static str,
}

/// What the views of all kinds offer.
pub trait Viewed {
    /// The Kubernetes object.
    fn object(&self) -> &Object;
    /// The provider account.
    fn account(&self) -> &AccountView;
    /// The account that the status names.
    fn pinned(&self) -> Option<&AccountIdentity>;
    /// The conditions in the status.
    fn conditions(&self) -> &[Condition];
    /// The last failure of a call.
    fn trouble(&self) -> Option<&Trouble>;
    /// What is asked of the provider now is another question than the one that failed.
    fn asked_anew(&self, trouble: &Trouble) -> bool;
    /// When a listing was last asked for.
    fn listing_wanted(&self) -> Option<Moment>;
    /// When the newest listing of any proof began.
    fn newest_listing(&self) -> Option<Moment>;
    /// The process's monotonic clock.
    fn now(&self) -> Moment;
    /// The waits of the protocol.
    fn timing(&self) -> &Timing;
    /// Spreads retries.
    fn seed(&self) -> u64;
    /// The time on the API server's clock.
    fn time(&self) -> &Time;
    /// What the kind calls its things.
    fn words(&self) -> Words;

    /// The spec changed since it was last compared with the provider. Not `status.observedGeneration`: that moves with every
    /// write, and an edit that had to wait for something must not look like a drift afterwards.
    fn edited(&self) -> bool {
        let synced = self.conditions().iter().find(|condition| condition.type_ == ConditionType::Synced.as_str());
        synced.and_then(|condition| condition.observed_generation) != Some(self.object().generation)
    }

    /// Somebody asked that nothing be written at the provider for this object; what to say.
    fn held(&self) -> Option<Problem> {
        if self.object().paused {
            return Some(Problem {
                reason: Reason::Paused,
                message: "paused by annotation: nothing is written at the provider for this object. Remove switchboard.dev/paused to go on"
                    .into(),
            });
        }
        matches!(self.account(), AccountView::Ready { suspended: true, .. }).then(|| Problem {
            reason: Reason::Suspended,
            message: "the account is suspended: nothing is written at the provider for its objects. Set spec.suspend of the account to false to go on".into(),
        })
    }

    /// The pinned account is not the one that the credentials lead to.
    fn account_mismatch(&self) -> Option<Problem> {
        let AccountView::Ready { provider, id, .. } = self.account() else { return None };
        let pinned = self.pinned()?;
        (pinned.id != *id || pinned.provider != *provider).then(|| Problem {
            reason: Reason::AccountMismatch,
            message: format!(
                "this {} belongs to {} account {}, but the credentials lead to {} account {}; nothing is written in either. \
                 Put the credentials of {} back, or delete this object and make it anew in the other account",
                self.words().thing,
                pinned.provider,
                pinned.id,
                provider,
                id,
                pinned.id
            ),
        })
    }

    /// The account cannot be used by this object now; what to say.
    fn unusable(&self) -> Option<Problem> {
        match self.account() {
            AccountView::Unknown => {
                Some(Problem { reason: Reason::AccountNotReady, message: "the account has not been looked at yet".into() })
            }
            AccountView::Missing(problem) | AccountView::NotReady(problem) => Some(problem.clone()),
            AccountView::Ready { deletions_only: Some(problem), .. } if !self.object().deleting && !self.object().gone => {
                Some(problem.clone())
            }
            AccountView::Ready { .. } => self.account_mismatch(),
        }
    }

    /// Whether a listing asked for by this object is still to come.
    fn listing_pending(&self) -> bool {
        self.listing_wanted().is_some_and(|wanted| self.newest_listing().is_none_or(|newest| newest < wanted))
    }
}

/// Waits until the problem is solved by somebody.
pub fn wait_for(view: &impl Viewed, problem: Problem) -> Action {
    if matches!(view.account(), AccountView::Unknown) {
        // It will be known in a moment: what the status says stays, or each restart would rewrite it twice. The account wakes the
        // object; the time-out is for a wake that got lost.
        return Action::Wait { until: Some(view.now() + view.timing().issue()), finding: None };
    }
    Action::Wait { until: None, finding: Some(Finding { reason: problem.reason, message: problem.message }) }
}

/// What it points at is missing, wrong, or only not looked up yet (after a restart, say). That last says nothing about an object that was
/// compared as it is now: what its status says stays, or each restart would rewrite it twice. It is woken by the look-up.
pub fn blocked(view: &impl Viewed, problem: &Problem) -> Action {
    if problem.reason == Reason::Progressing && !view.edited() {
        return Action::Wait { until: None, finding: None };
    }
    wait_for(view, problem.clone())
}

/// Asks for a listing that begins after `after`, once.
pub fn list(view: &impl Viewed, after: Moment, lane: Lane, finding: Finding) -> Action {
    // The account wakes the object; the time-out is for a wake that got lost.
    let asked = view.listing_wanted().filter(|wanted| *wanted >= after && view.listing_pending());
    match asked.map(|wanted| wanted + view.timing().settle) {
        Some(until) if view.now() < until => Action::Wait { until: Some(until), finding: Some(finding) },
        _ => Action::List(lane, finding),
    }
}

/// After a restart one listing answers for all objects, and status stays as it is until then.
pub fn first_listing(view: &impl Viewed) -> Action {
    match list(view, Moment::ZERO, Lane::Sweep, Finding::new(Reason::AwaitingEvidence, "")) {
        Action::List(lane, _) => Action::List(lane, Finding::new(Reason::Progressing, "")),
        Action::Wait { until, .. } => Action::Wait { until, finding: None },
        other => other,
    }
}
