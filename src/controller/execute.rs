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
use crate::controller::gather::key;
use crate::controller::memories::Slot;
use crate::controller::report::NotWritten;
use crate::controller::{announce, brakes, deadline, report};
use crate::core::action::{Action, Finding, Release, Why};
use crate::core::budget::Lane;
use crate::core::evidence::Got;
use crate::core::fields::Fields;
use crate::core::key::ObjectKey;
use crate::core::outcome::{DoubtKind, Outcome, RefusalKind};
use crate::core::status;
use crate::core::time::Moment;
use crate::core::view::{Deleted, OwnIntent, Trouble, TroubleKind, Updated, View};
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
            Action::RemoveFinalizer(Release::Unproven) if self.account_exists().await => {
                Step::Stop(Some(view.now + Duration::from_secs(5)))
            }
            Action::RemoveFinalizer(release) => {
                announce::release(self.ctx, &self.object, *release).await;
                self.finalizer(view, false, "release").await
            }
            Action::Reserve => self.reserve(view),
            Action::WriteIntent(intent) => self.write_intent(view, action, intent).await,
            Action::Create { username, fields } => self.create(view, username, fields).await,
            Action::Record(_) => self.write_ledger(view, action, "record").await,
            Action::CloseEpoch(_) => self.write_ledger(view, action, "close_epoch").await,
            Action::WriteTombstone(_) | Action::ClearTombstone(_) => self.write_ledger(view, action, "tombstone").await,
            // Who asked first gets through; the others see with the next look that they have to wait.
            Action::Forget if !brakes::recreate(self.ctx, view, &self.object) => Step::Again,
            Action::Forget => {
                self.slot.memory.lost_uri = view.status.sip_uri.clone();
                self.write_ledger(view, action, "close_epoch").await
            }
            Action::List(lane, finding) => {
                if let Some(account) = self.account() {
                    self.slot.memory.listing_wanted = Some(self.ctx.clock.now());
                    account.want_listing(self.key(), *lane);
                }
                let finding = Some(finding).filter(|finding| !finding.message.is_empty());
                self.report(view, finding, Some(view.now + view.timing.settle)).await
            }
            Action::Get(id, lane) => self.get(view, id, *lane).await,
            Action::Update { id, change, .. } => self.update(view, action, id, change).await,
            Action::DeleteEndpoint(id, why) => self.delete(view, id, *why).await,
            Action::Wait { until, finding } => self.report(view, finding.as_ref(), *until).await,
            Action::Done(finding) => {
                if let Some(account) = self.account() {
                    account.give_back(&self.key());
                    self.slot.memory.permit = false;
                }
                let step = self.report(view, Some(finding), None).await;
                if step == Step::Stop(None) && finding.reason.verdict() == crate::api::condition::Verdict::Healthy {
                    self.slot.memory.update = None;
                    self.slot.memory.trouble = None;
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
        self.slot.memory.permit = account.reserve_create(&self.key());
        // Without a permit the account wakes the object when it has one; nothing is written until then.
        if self.slot.memory.permit { Step::Again } else { Step::Stop(Some(view.now + view.timing.settle)) }
    }

    async fn write_intent(&mut self, view: &View, action: &Action, intent: &Intent) -> Step {
        let Some(status) = status::after(view, action) else { return Step::Stop(None) };
        let password_version = view.wanted_version().cloned();
        let began = self.ctx.clock.now();
        self.slot.memory.own = Some(OwnIntent { nonce: intent.nonce.clone(), began, password_version, answer: None });
        failpoint::at("intent", "before").await;
        let answer = report::write_status(self.ctx, &self.object, &status).await;
        failpoint::at("intent", "after").await;
        // Whatever the answer: if our nonce is in the object, the intent is ours; else a new one is decided on.
        self.written(view, answer).await
    }

    async fn create(&mut self, view: &View, username: &str, fields: &Fields) -> Step {
        let Some(account) = self.account() else { return Step::Stop(None) };
        self.slot.memory.permit = false;
        failpoint::at("create", "before").await;
        let outcome = match account.create(&self.key(), username, fields).await {
            Ok(outcome) => outcome.map(|created| (created.id, created.username)),
            // Nothing was sent: without a permit `next` closes the epoch.
            Err(NotStarted::NoPermit | NotStarted::Tripped | NotStarted::Closed) => return Step::Again,
        };
        failpoint::at("create", "after").await;
        info!(object = %self.key(), username, outcome = outcome.class(), nonce = view.fresh.nonce, "create answered");
        // What is unknown is looked for on the search's own schedule: a back-off on top of it would only delay the finding.
        if !matches!(&outcome, Outcome::Unknown(doubt) if doubt.kind != DoubtKind::Foreign) {
            self.note(view, &outcome);
        }
        self.slot.memory.effect = self.ctx.clock.now();
        if let Some(own) = &mut self.slot.memory.own {
            own.answer = Some(outcome);
        }
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
            self.forget_after(view, action);
            self.tell_recreated().await;
        }
        step
    }

    /// What a durable write makes superfluous in memory.
    fn forget_after(&mut self, view: &View, action: &Action) {
        let memory = &mut self.slot.memory;
        match action {
            Action::Record(found) => {
                memory.own = None;
                memory.trouble = None;
                memory.update = None;
                memory.deleted.remove(&found.id);
            }
            Action::CloseEpoch(_) => memory.own = None,
            Action::Forget => {
                if let Some(recorded) = view.recorded() {
                    self.slot.gets.remove(recorded.id);
                }
            }
            _ => {}
        }
    }

    /// A new SIP URI is what people with phones want to know, so it is told once it is known: a create does not answer it.
    async fn tell_recreated(&mut self) {
        let shown = self.object.status.as_ref().filter(|status| status.endpoint_id.is_some()).and_then(|status| status.sip_uri.clone());
        if let Some(uri) = shown
            && let Some(lost) = self.slot.memory.lost_uri.take_if(|lost| *lost != uri)
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
        self.note(view, &outcome);
        match outcome {
            Outcome::Done(remote) => self.learn(id, began, Some(remote)),
            Outcome::NotFound { .. } => self.learn(id, began, None),
            Outcome::Refused(_) | Outcome::Unknown(_) => {}
        }
        Step::Again
    }

    fn learn(&mut self, id: &str, began: Moment, found: Option<crate::core::fields::Remote>) {
        // Only what is recorded, or was just looked at, matters: the rest is not kept for ever.
        let recorded = self.object.status.as_ref().and_then(|status| status.endpoint_id.clone());
        self.slot.gets.retain(|known, got| Some(known) == recorded.as_ref() || got.began >= self.slot.memory.pass_began);
        self.slot.gets.insert(id.to_owned(), Got { id: id.to_owned(), began, found });
    }

    async fn update(&mut self, view: &View, action: &Action, id: &str, change: &Fields) -> Step {
        let Some(account) = self.account() else { return Step::Stop(None) };
        failpoint::at("update", "before").await;
        let outcome = match account.update(Lane::Urgent, &self.key(), id, change).await {
            Ok(outcome) => outcome,
            Err(refused) => return self.not_started(view, refused, &account, Lane::Urgent).await,
        };
        failpoint::at("update", "after").await;
        self.note(view, &outcome);
        self.slot.memory.effect = self.ctx.clock.now();
        match &outcome {
            Outcome::Done(()) => {
                let before = self.slot.memory.update.take().filter(|before| before.change == *change);
                let times = before.map_or(0, |before| before.times) + 1;
                self.slot.memory.update = Some(Updated { change: change.clone(), at: self.ctx.clock.now(), times });
                announce::updated(self.ctx, &self.object, action).await;
            }
            Outcome::NotFound { .. } => {
                self.slot.gets.remove(id);
                let began = self.ctx.clock.now();
                self.learn(id, began, None);
            }
            // Perhaps it was executed: read before anything is sent again.
            Outcome::Unknown(_) => {
                self.slot.gets.remove(id);
                self.slot.memory.update = Some(Updated { change: change.clone(), at: self.ctx.clock.now(), times: 0 });
            }
            Outcome::Refused(_) => announce::refused(self.ctx, &self.object, &self.slot.memory).await,
        }
        Step::Again
    }

    async fn delete(&mut self, view: &View, id: &str, why: Why) -> Step {
        let Some(account) = self.account() else { return Step::Stop(None) };
        failpoint::at("delete", "before").await;
        let outcome = match account.delete(Lane::Urgent, &self.key(), id).await {
            Ok(outcome) => outcome,
            Err(refused) => return self.not_started(view, refused, &account, Lane::Urgent).await,
        };
        failpoint::at("delete", "after").await;
        info!(object = %self.key(), endpoint_id = id, ?why, outcome = outcome.class(), "delete answered");
        self.note(view, &outcome);
        let at = self.ctx.clock.now();
        match outcome {
            Outcome::Done(()) => {
                self.slot.memory.deleted.insert(id.to_owned(), Deleted { at, confirmed: true });
                announce::deleted(self.ctx, &self.object, id, why).await;
            }
            Outcome::NotFound { proven: true } => {
                self.slot.memory.deleted.entry(id.to_owned()).or_insert(Deleted { at, confirmed: false }).at = at;
            }
            // A not-found page that is not the provider's proves nothing by itself: read it, let listings decide.
            Outcome::NotFound { proven: false } => self.learn(id, at, None),
            Outcome::Refused(_) | Outcome::Unknown(_) => {}
        }
        Step::Again
    }

    /// Keeps the last failure, or forgets it.
    fn note<T>(&mut self, view: &View, outcome: &Outcome<T>) {
        let (kind, message, retry_after) = match outcome {
            Outcome::Done(_) | Outcome::NotFound { .. } => {
                self.slot.memory.trouble = None;
                return;
            }
            Outcome::Refused(refusal) => (TroubleKind::Refused(refusal.kind), refusal.message.clone(), refusal.retry_after),
            Outcome::Unknown(doubt) if doubt.kind == DoubtKind::Foreign => (TroubleKind::Foreign, doubt.message.clone(), None),
            Outcome::Unknown(doubt) => (TroubleKind::Unknown, doubt.message.clone(), None),
        };
        if kind == TroubleKind::Refused(RefusalKind::Credentials) {
            self.wake_account();
        }
        let attempts = self.slot.memory.trouble.as_ref().map_or(0, |trouble| trouble.attempts) + 1;
        warn!(object = %self.key(), ?kind, attempts, message, "the provider did not do it");
        let password_version = view.wanted_version().cloned();
        self.slot.memory.trouble = Some(Trouble {
            kind,
            message,
            at: self.ctx.clock.now(),
            attempts,
            retry_after,
            generation: view.object.generation,
            password_version,
        });
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
