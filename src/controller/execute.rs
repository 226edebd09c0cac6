//! Performs one action under a deadline and puts what it taught into the object's memory. It may refuse to start an action (no
//! call permit, no account); it never chooses another one.

use std::sync::Arc;
use std::time::Duration;

use kube::{Api, ResourceExt};
use tracing::{info, warn};

use crate::account::{Account, NotStarted};
use crate::api::ledger::Intent;
use crate::api::provider_account::ProviderAccount;
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::context::{AccountState, Context, wake};
use crate::controller::gather::{key, same_account};
use crate::controller::memories::Slot;
use crate::controller::report::NotWritten;
use crate::controller::{announce, brakes, deadline, monitors, report};
use crate::core::action::{Action, Finding, Release, Why};
use crate::core::budget::Lane;
use crate::core::fields::Fields;
use crate::core::key::ObjectKey;
use crate::core::outcome::{Outcome, RefusalKind};
use crate::core::status;
use crate::core::time::Moment;
use crate::core::view::View;
use crate::failpoint;

/// Between two attempts to reach the API server within one pass.
const API_RETRY: Duration = Duration::from_millis(500);

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
pub struct Pass<'a> {
    /// Everything shared.
    pub ctx: &'a Context,
    /// As last read or written.
    pub object: SipEndpoint,
    /// What is remembered.
    pub slot: &'a mut Slot,
}

impl Pass<'_> {
    /// Performs the action that `next` answered for this view.
    pub async fn execute(&mut self, view: &View, action: &Action) -> Step {
        match action {
            Action::AddFinalizer => self.finalizer(view, true, "finalizer").await,
            // The cache says that there is no such account; that it cannot be read, or is new, must not leak an endpoint.
            Action::RemoveFinalizer(Release::Unproven) if view.adopt.is_none() && self.account_exists().await => {
                Step::Stop(Some(view.now + Duration::from_secs(5)))
            }
            Action::RemoveFinalizer(release) => {
                announce::release(self.ctx, &self.object, *release).await;
                self.finalizer(view, false, "release").await
            }
            Action::Reserve => self.reserve(view),
            Action::WriteIntent(intent) => self.write_intent(view, action, intent).await,
            Action::Create { username, fields } => self.create(view, username, fields).await,
            // Another object was faster, in this very moment.
            Action::Record(found) if view.adopt.is_some() && !self.take(&found.id) => Step::Again,
            Action::Record(_) => self.write_ledger(view, action, "record").await,
            Action::CloseEpoch(_) => self.write_ledger(view, action, "close_epoch").await,
            Action::WriteTombstone(_) | Action::ClearTombstone(_) => self.write_ledger(view, action, "tombstone").await,
            // Who asked first gets through; the others see with the next look that they have to wait.
            Action::Forget if !brakes::recreate(self.ctx, view, &self.object) => Step::Again,
            Action::Forget => {
                self.slot.learnt.memory.lost_uri = view.status.sip_uri.clone();
                self.write_ledger(view, action, "close_epoch").await
            }
            Action::List(lane, finding) => {
                if let Some(account) = self.account() {
                    self.slot.learnt.memory.listing_wanted = Some(self.ctx.clock.now());
                    account.want_listing(self.key(), *lane);
                }
                let finding = Some(finding).filter(|finding| !finding.message.is_empty());
                self.report(view, finding, Some(view.now + view.timing.settle)).await
            }
            Action::Get(id, lane) => self.get(view, id, *lane).await,
            Action::Update { id, change, .. } => self.update(view, action, id, change).await,
            Action::DeleteEndpoint(id, why) => self.delete(view, action, id, *why).await,
            // Numbers only.
            Action::ReadRivals | Action::WritePlaced(_) => Step::Stop(None),
            Action::Wait { until, finding } => self.report(view, finding.as_ref(), *until).await,
            Action::Done(finding) => {
                if let Some(account) = self.account() {
                    account.give_back(&self.key());
                    self.slot.learnt.memory.permit = false;
                }
                let step = self.report(view, Some(finding), None).await;
                if step == Step::Stop(None) && finding.reason.verdict() == crate::api::condition::Verdict::Healthy {
                    self.slot.learnt.agreed();
                }
                step
            }
        }
    }

    fn key(&self) -> ObjectKey {
        key(&self.object)
    }

    fn account(&self) -> Option<Arc<Account>> {
        let account = ObjectKey::new(self.object.namespace().unwrap_or_default(), &self.object.spec.account_ref.name);
        match self.ctx.account(&account) {
            Some(AccountState::Ready(account)) => Some(account),
            _ => None,
        }
    }

    /// Whether this object may record what it adopts: nobody with a better right is about to.
    fn take(&self, id: &str) -> bool {
        let Some(account) = self.account() else { return false };
        self.ctx.claims.take(&self.key(), id, |other| same_account(self.ctx, other, &account))
    }

    /// What this object claims, known before the watch tells of it.
    fn note_claims(&self) {
        self.ctx.claims.note(&self.object).iter().for_each(|other| wake(&self.ctx.wake_endpoints, other));
    }

    /// Whether the account object exists, asked live; it counts as existing if there is no answer.
    async fn account_exists(&self) -> bool {
        let accounts: Api<ProviderAccount> = Api::namespaced(self.ctx.client.clone(), &self.object.namespace().unwrap_or_default());
        !matches!(deadline(accounts.get_metadata_opt(&self.object.spec.account_ref.name)).await, Ok(None))
    }

    async fn finalizer(&mut self, view: &View, present: bool, point: &'static str) -> Step {
        failpoint::at(point, "before").await;
        let answer = report::write_finalizer(self.ctx, &self.object, present).await;
        failpoint::at(point, "after").await;
        self.written(view, answer).await
    }

    fn reserve(&mut self, view: &View) -> Step {
        let Some(account) = self.account() else { return Step::Stop(None) };
        self.slot.learnt.memory.permit = account.reserve_create(&self.key());
        // Without a permit the account wakes the object when it has one; nothing is written until then.
        if self.slot.learnt.memory.permit { Step::Again } else { Step::Stop(Some(view.now + view.timing.settle)) }
    }

    async fn write_intent(&mut self, view: &View, action: &Action, intent: &Intent) -> Step {
        let Some(status) = status::after(view, action) else { return Step::Stop(None) };
        self.slot.learnt.intent_begun(view, &intent.nonce, self.ctx.clock.now());
        failpoint::at("intent", "before").await;
        let answer = report::write_status(self.ctx, &self.object, &status).await;
        failpoint::at("intent", "after").await;
        // Whatever the answer: if our nonce is in the object, the intent is ours; else a new one is decided on.
        self.written(view, answer).await
    }

    async fn create(&mut self, view: &View, username: &str, fields: &Fields) -> Step {
        let Some(account) = self.account() else { return Step::Stop(None) };
        self.slot.learnt.memory.permit = false;
        failpoint::at("create", "before").await;
        // The process may have stood still since the decision: too late is not sent, and `next` closes the epoch.
        let began = self.slot.learnt.memory.own.as_ref().map_or(view.now, |own| own.began);
        if self.ctx.clock.now().since(began) > view.timing.issue() {
            return Step::Again;
        }
        failpoint::at("send", "before").await;
        let handed = self.ctx.clock.now();
        let outcome = match account.create(&self.key(), username, fields).await {
            Ok(outcome) => outcome.map(|created| (created.id, created.username)),
            // Nothing was sent: without a permit `next` closes the epoch.
            Err(NotStarted::NoPermit | NotStarted::Tripped | NotStarted::Closed) => return Step::Again,
        };
        failpoint::at("create", "after").await;
        info!(object = %self.key(), username, outcome = outcome.class(), nonce = view.fresh.nonce, "create answered");
        self.warn(&outcome);
        self.slot.learnt.create_answered(view, outcome.clone(), self.ctx.clock.now());
        monitors::created(self, view, (began, handed), &outcome);
        Step::Again
    }

    async fn write_ledger(&mut self, view: &View, action: &Action, point: &'static str) -> Step {
        let Some(status) = status::after(view, action) else { return Step::Stop(None) };
        failpoint::at(point, "before").await;
        let answer = report::write_status(self.ctx, &self.object, &status).await;
        failpoint::at(point, "after").await;
        let done = answer.is_ok();
        let step = self.written(view, answer).await;
        if done {
            announce::ledger(self.ctx, &self.object, view, action).await;
            monitors::wrote(self, view, action);
            self.slot.learnt.written(view, action);
            self.tell_recreated().await;
        }
        step
    }

    /// A new SIP URI is what people with phones want to know, so it is told once it is known: a create does not answer it.
    async fn tell_recreated(&mut self) {
        let shown = self.object.status.as_ref().filter(|status| status.endpoint_id.is_some()).and_then(|status| status.sip_uri.clone());
        if let Some(uri) = shown
            && let Some(lost) = self.slot.learnt.memory.lost_uri.take_if(|lost| *lost != uri)
        {
            announce::recreated(self.ctx, &self.object, &lost, &uri).await;
        }
    }

    async fn get(&mut self, view: &View, id: &str, lane: Lane) -> Step {
        let Some(account) = self.account() else { return Step::Stop(None) };
        let began = self.ctx.clock.now();
        failpoint::at("get", "before").await;
        let outcome = match account.get(lane, &self.key(), id).await {
            Ok(outcome) => outcome,
            Err(refused) => return self.not_started(view, refused, &account, lane).await,
        };
        failpoint::at("get", "after").await;
        self.warn(&outcome);
        self.slot.learnt.got(view, id, began, outcome, self.ctx.clock.now());
        Step::Again
    }

    async fn update(&mut self, view: &View, action: &Action, id: &str, change: &Fields) -> Step {
        let Some(account) = self.account() else { return Step::Stop(None) };
        let began = self.ctx.clock.now();
        failpoint::at("update", "before").await;
        let outcome = match account.update(Lane::Urgent, &self.key(), id, change).await {
            Ok(outcome) => outcome,
            Err(refused) => return self.not_started(view, refused, &account, Lane::Urgent).await,
        };
        failpoint::at("update", "after").await;
        self.warn(&outcome);
        self.slot.learnt.updated(view, id, change, &outcome, began, self.ctx.clock.now());
        match outcome {
            Outcome::Done(()) => announce::updated(self.ctx, &self.object, action).await,
            Outcome::Refused(_) => announce::refused(self.ctx, &self.object, &self.slot.learnt.memory).await,
            Outcome::NotFound { .. } | Outcome::Unknown(_) => {}
        }
        Step::Again
    }

    async fn delete(&mut self, view: &View, action: &Action, id: &str, why: Why) -> Step {
        let Some(account) = self.account() else { return Step::Stop(None) };
        let began = self.ctx.clock.now();
        failpoint::at("delete", "before").await;
        let outcome = match account.delete(Lane::Urgent, &self.key(), id).await {
            Ok(outcome) => outcome,
            Err(refused) => return self.not_started(view, refused, &account, Lane::Urgent).await,
        };
        failpoint::at("delete", "after").await;
        info!(object = %self.key(), endpoint_id = id, ?why, outcome = outcome.class(), "delete answered");
        self.warn(&outcome);
        self.slot.learnt.deleted(view, id, &outcome, began, self.ctx.clock.now());
        if outcome == Outcome::Done(()) {
            announce::deleted(self.ctx, &self.object, id, why).await;
            monitors::wrote(self, view, action);
        }
        Step::Again
    }

    /// Tells the log that a call failed, and the account that its credentials did.
    fn warn<T>(&self, outcome: &Outcome<T>) {
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
    async fn not_started(&mut self, view: &View, refused: NotStarted, account: &Account, lane: Lane) -> Step {
        if refused == NotStarted::Tripped {
            self.wake_account();
        }
        if refused == NotStarted::NoPermit && lane == Lane::Repair {
            account.want_listing(self.key(), lane);
        }
        Step::Stop(Some(view.now + view.timing.settle))
    }

    /// The account object says what is wrong with the account; its objects only follow.
    fn wake_account(&self) {
        wake(&self.ctx.wake_accounts, &ObjectKey::new(self.object.namespace().unwrap_or_default(), &self.object.spec.account_ref.name));
    }

    async fn report(&mut self, view: &View, finding: Option<&Finding>, until: Option<Moment>) -> Step {
        let Some(finding) = finding else { return Step::Stop(until) };
        let status = status::report(view, finding);
        if view.object.gone || !status::worth_writing(&view.status, &status) {
            return Step::Stop(until);
        }
        match report::write_status(self.ctx, &self.object, &status).await {
            Ok(object) => {
                announce::finding(self.ctx, &object, view, finding).await;
                self.object = object;
                self.note_claims();
                self.tell_recreated().await;
                Step::Stop(until)
            }
            answer => self.written(view, answer).await,
        }
    }

    /// What a write means for the pass: its answer is the object from now on; a lost race or a lost answer is read again, live.
    async fn written(&mut self, view: &View, answer: Result<SipEndpoint, NotWritten>) -> Step {
        let error = match answer {
            Ok(object) => {
                self.object = object;
                self.note_claims();
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
        match report::read(self.ctx, &self.object).await {
            Ok(Some(object)) => {
                let unchanged = object.resource_version() == self.object.resource_version();
                self.object = object;
                self.note_claims();
                // Refused for a reason that will not go away by itself: slowly, not in a circle.
                if error.is_some() && unchanged { Step::Stop(Some(view.now + Duration::from_secs(5))) } else { Step::Again }
            }
            Ok(None) => Step::Gone,
            Err(error) => {
                warn!(object = %self.key(), %error, "the API server cannot be read; trying again later");
                Step::Stop(Some(view.now + Duration::from_secs(2)))
            }
        }
    }
}
