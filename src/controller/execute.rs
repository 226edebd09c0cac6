//! Performs one action under a deadline. What is the same for all kinds stands here: writes to the API server, listings, reports. It may
//! refuse to start an action (no call permit, no account); it never chooses another one.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use crate::account::{Account, NotStarted};
use crate::controller::context::{AccountState, Context};
use crate::controller::gather;
use crate::controller::managed::{Managed, account_of, key};
use crate::controller::memories::Slot;
use crate::controller::observe;
use crate::controller::report;
use crate::controller::report::NotWritten;
use crate::core::action::{Action, Finding};
use crate::core::budget::Lane;
use crate::core::key::ObjectKey;
use crate::core::outcome::{Outcome, RefusalKind};
use crate::core::time::Moment;
use crate::failpoint;
use crate::metrics::Acted;

/// Until somebody whom no renewal wakes asks again whether its call fits into the lease.
const RENEWAL: Duration = Duration::from_secs(1);
/// Between two attempts to reach the API server within one pass.
const API_RETRY: Duration = Duration::from_millis(500);

/// How long until a call that was not begun is tried again, at the latest. `over`: the object is no more, and its pass waits on its own.
fn pause(refused: NotStarted, over: bool, settle: Duration) -> Duration {
    match refused {
        NotStarted::NotLeading if over => settle.min(RENEWAL),
        NotStarted::NotLeading | NotStarted::NoPermit | NotStarted::Tripped | NotStarted::Closed => settle,
    }
}

/// What to do after an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Look again: something is known that was not.
    Again,
    /// The object is gone from the cluster; look again, to end what was begun.
    Gone,
    /// Enough for this pass; come back at that moment at the latest.
    Stop(Option<Moment>),
}

/// One pass over one object: what it is now, and what is remembered of it.
pub struct Pass<'a, K: Managed> {
    /// Everything shared.
    pub ctx: &'a Context,
    /// As last read or written.
    pub object: K,
    /// What is remembered.
    pub slot: &'a mut Slot<K::Memory>,
    /// What became of the present action, as far as anybody has said.
    pub acted: Acted,
}

impl<K: Managed> Pass<'_, K> {
    /// Performs an action that is the same for all kinds.
    pub async fn perform(&mut self, view: &K::View, action: &Action) -> Step {
        match action {
            Action::AddFinalizer => self.finalizer(view, true, "finalizer").await,
            Action::RemoveFinalizer(release) => {
                K::releasing(self.ctx, &self.object, *release).await;
                self.finalizer(view, false, "release").await
            }
            Action::Wait { until, finding } => self.report(view, finding.as_ref(), *until).await,
            Action::Done(finding) => {
                if let Some(account) = self.account() {
                    account.give_back(&self.key());
                }
                let step = self.report(view, Some(finding), None).await;
                if step == Step::Stop(None) && finding.reason.verdict() == crate::api::condition::Verdict::Healthy {
                    K::agreed(&mut self.slot.memory, view, self.ctx.clock.now());
                }
                step
            }
            // Every other action belongs to a kind.
            other => {
                warn!(object = %self.key(), action = %other, "not an action of this kind");
                Step::Stop(Some(self.ctx.clock.now() + API_RETRY))
            }
        }
    }

    /// The object's name in the cluster.
    pub fn key(&self) -> ObjectKey {
        key(&self.object)
    }

    /// The account, if it may be called for this object. Asked right before each call: who may use it can have changed since the object was
    /// looked at.
    pub fn account(&self) -> Option<Arc<Account>> {
        gather::entitled(self.ctx, &self.object).ok()?;
        match self.ctx.account(&account_of(&self.object)) {
            Some(AccountState::Ready(account)) => Some(account),
            _ => None,
        }
    }

    /// Puts our finalizer on the object, or takes it off; the point is the name of its fail point.
    pub async fn finalizer(&mut self, view: &K::View, present: bool, point: &'static str) -> Step {
        failpoint::of(K::POINTS, point, "before").await;
        let answer = report::write_finalizer(self.ctx, &self.object, present).await;
        failpoint::of(K::POINTS, point, "after").await;
        self.written(view, answer).await
    }

    /// Writes the status that goes with an action; the point is the name of its fail point.
    pub async fn write_ledger(&mut self, view: &K::View, action: &Action, point: &'static str) -> Step {
        let Some(status) = K::after(view, action) else { return Step::Stop(None) };
        failpoint::of(K::POINTS, point, "before").await;
        let answer = report::write_status(self.ctx, &self.object, &status).await;
        failpoint::of(K::POINTS, point, "after").await;
        let done = answer.is_ok();
        let step = self.written(view, answer).await;
        if done {
            K::wrote(self, view, action).await;
        }
        step
    }

    /// Tells the log that a call failed, and the account that its credentials did.
    pub fn warn<T>(&mut self, outcome: &Outcome<T>) {
        self.acted = match outcome {
            Outcome::Done(_) => Acted::Done,
            Outcome::NotFound { .. } => Acted::NotFound,
            Outcome::Refused(_) => Acted::Refused,
            Outcome::Unknown(_) => Acted::Unknown,
        };
        let message = match outcome {
            Outcome::Done(_) | Outcome::NotFound { .. } => return,
            Outcome::Refused(refusal) => &refusal.message,
            Outcome::Unknown(doubt) => &doubt.message,
        };
        warn!(object = %self.key(), class = outcome.class(), message, "the provider did not do it");
        if matches!(outcome, Outcome::Refused(refusal) if refusal.kind == RefusalKind::Credentials) {
            self.wake_account();
        }
    }

    /// The call was not begun. The account wakes the object when it has a permit; a read of low urgency is served by any listing too.
    pub async fn not_started(&mut self, view: &K::View, refused: NotStarted, lane: Lane, want: impl FnOnce()) -> Step {
        if refused == NotStarted::Tripped {
            self.wake_account();
        }
        if refused == NotStarted::NoPermit && lane == Lane::Repair {
            want();
        }
        let settle = self.ctx.settings.timing.settle;
        let (object, now) = K::seen(view);
        let over = object.over();
        // Who is over waits within this pass.
        if refused == NotStarted::NoPermit || refused == NotStarted::NotLeading && !over {
            let until = K::pass_began(&self.slot.memory) + settle;
            K::queued(&mut self.slot.memory, until);
        }
        Step::Stop(Some(now + pause(refused, over, settle)))
    }

    /// The account object says what is wrong with the account; its objects only follow.
    fn wake_account(&self) {
        self.ctx.wakers.wake(&account_of(&self.object));
    }

    /// Says this in status, if it is news, and comes back then.
    pub async fn report(&mut self, view: &K::View, finding: Option<&Finding>, until: Option<Moment>) -> Step {
        let Some(finding) = finding else { return Step::Stop(until) };
        let status = K::report(view, finding);
        let (object, _) = K::seen(view);
        if object.gone || !K::worth_writing(view, &status) {
            return Step::Stop(until);
        }
        match report::write_status(self.ctx, &self.object, &status).await {
            Ok(object) => {
                self.object = object;
                K::note(self.ctx, &self.object);
                observe::reported(self.ctx, &self.object, view, finding);
                K::reported(self, view, finding).await;
                Step::Stop(until)
            }
            answer => self.written(view, answer).await,
        }
    }

    /// What a write means for the pass: its answer is the object from now on; a lost race or a lost answer is read again, live.
    pub async fn written(&mut self, view: &K::View, answer: Result<K, NotWritten>) -> Step {
        self.acted = match &answer {
            Ok(_) => self.acted,
            Err(NotWritten::Gone) => Acted::Gone,
            Err(NotWritten::Conflict) => Acted::Conflict,
            Err(NotWritten::Failed(_)) => Acted::Failed,
        };
        let error = match answer {
            Ok(object) => {
                self.object = object;
                K::note(self.ctx, &self.object);
                return Step::Again;
            }
            Err(NotWritten::Gone) => return Step::Gone,
            Err(NotWritten::Conflict) => None,
            Err(NotWritten::Failed(error)) => Some(error),
        };
        if let Some(error) = &error {
            warn!(object = %self.key(), %error, "a write to the API server failed or its answer was lost; reading again");
            tokio::time::sleep(API_RETRY).await;
        }
        match self.read_again(view).await {
            // Refused for a reason that will not go away by itself: slowly, not in a circle.
            (Step::Again, true) if error.is_some() => {
                let (_, now) = K::seen(view);
                Step::Stop(Some(now + Duration::from_secs(5)))
            }
            (step, _) => step,
        }
    }

    /// What is known of the object may be old: it is read, live. Whether it is unchanged stands beside.
    pub async fn read_again(&mut self, view: &K::View) -> (Step, bool) {
        match report::read(self.ctx, &self.object).await {
            Ok(Some(object)) => {
                let unchanged = object.meta().resource_version == self.object.meta().resource_version;
                self.object = object;
                K::note(self.ctx, &self.object);
                (Step::Again, unchanged)
            }
            Ok(None) => (Step::Gone, false),
            Err(error) => {
                warn!(object = %self.key(), %error, "the API server cannot be read; trying again later");
                let (_, now) = K::seen(view);
                (Step::Stop(Some(now + Duration::from_secs(2))), false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_renewal_wakes_asks_soon_whether_its_call_fits_and_all_others_are_woken() {
        let (settle, short) = (Duration::from_secs(150), Duration::from_millis(600));
        let table = [
            (NotStarted::NotLeading, true, settle, RENEWAL),
            (NotStarted::NotLeading, true, short, short),
            (NotStarted::NotLeading, false, settle, settle),
            (NotStarted::NoPermit, true, settle, settle),
            (NotStarted::Tripped, true, settle, settle),
            (NotStarted::Closed, false, settle, settle),
        ];
        for (refused, over, settle, expected) in table {
            assert_eq!(pause(refused, over, settle), expected, "{refused:?}, over: {over}");
        }
    }
}
