//! The create protocol at work: writes of the ledger, calls at the provider, and what each answer teaches.

use crate::account::NotStarted;
use crate::api::ledger::Intent;
use crate::controller::audit;
use crate::controller::execute::{Pass, Step};
use crate::controller::made::{Made, announce, monitors};
use crate::controller::report;
use crate::core::action::{Action, Cause, Finding, Why};
use crate::core::budget::Lane;
use crate::core::fields::Fields;
use crate::core::outcome::{Outcome, RefusalKind};
use crate::core::view::View;
use crate::failpoint;
use crate::telemetry::audit::{Subject, about};

impl<K: Made> Pass<'_, K> {
    /// Performs an action that is the same for all things that are made.
    pub async fn make(&mut self, view: &View, action: &Action) -> Step {
        match action {
            Action::Reserve => self.reserve(view),
            Action::WriteIntent(intent) => self.write_intent(view, action, intent).await,
            Action::Create { username, fields } => self.create(view, username, fields).await,
            Action::Record(_) => self.write_ledger(view, action, "record").await,
            Action::CloseEpoch(_) | Action::Forget => self.write_ledger(view, action, "close_epoch").await,
            Action::WriteTombstone(_) | Action::ClearTombstone(_) => self.write_ledger(view, action, "tombstone").await,
            Action::List(lane, finding) => {
                if let Some(account) = self.account() {
                    self.slot.memory.learnt.memory.listing_wanted = Some(self.ctx.clock.now());
                    account.want_listing(K::THING, self.key(), *lane);
                }
                let finding = Some(finding).filter(|finding| !finding.message.is_empty());
                self.report(view, finding, Some(view.now + view.timing.settle)).await
            }
            Action::Find(lane, finding) => self.find(view, *lane, finding).await,
            Action::Get(id, lane) => self.get(view, id, *lane).await,
            Action::ReadReferences(id, lane) => self.references(view, id, *lane).await,
            Action::Update { id, change, .. } => self.update(view, action, id, change).await,
            Action::DeleteEndpoint(id, why) => self.delete(view, action, id, *why).await,
            Action::Done(_) => {
                if self.account().is_some() {
                    self.slot.memory.learnt.memory.permit = false;
                }
                self.perform(view, action).await
            }
            _ => self.perform(view, action).await,
        }
    }

    fn reserve(&mut self, view: &View) -> Step {
        let Some(account) = self.account() else { return Step::Stop(None) };
        self.slot.memory.learnt.memory.permit = account.reserve_create(&self.key());
        // Without a permit the account wakes the object when it has one; nothing is written until then.
        if self.slot.memory.learnt.memory.permit { Step::Again } else { Step::Stop(Some(view.now + view.timing.settle)) }
    }

    async fn write_intent(&mut self, view: &View, action: &Action, intent: &Intent) -> Step {
        let Some(status) = K::after(view, action) else { return Step::Stop(None) };
        self.slot.memory.learnt.intent_begun(view, &intent.nonce, self.ctx.clock.now());
        failpoint::of(K::POINTS, "intent", "before").await;
        let answer = report::write_status(self.ctx, &self.object, &status).await;
        failpoint::of(K::POINTS, "intent", "after").await;
        // Whatever the answer: if our nonce is in the object, the intent is ours; else a new one is decided on.
        self.written(view, answer).await
    }

    async fn create(&mut self, view: &View, username: &str, fields: &Fields) -> Step {
        self.slot.memory.learnt.memory.permit = false;
        failpoint::of(K::POINTS, "create", "before").await;
        // The process may have stood still since the decision: too late is not sent, and `next` closes the epoch.
        let began = self.slot.memory.learnt.memory.own.as_ref().map_or(view.now, |own| own.began);
        if self.ctx.clock.now().since(began) > view.timing.issue() {
            return Step::Again;
        }
        failpoint::of(K::POINTS, "send", "before").await;
        // Without an account nothing is sent either, and `next` closes the epoch.
        let Some(account) = self.account() else { return Step::Again };
        let handed = self.ctx.clock.now();
        let subject = self.created_by(view, fields);
        let outcome = match about(subject, account.create(K::THING, &self.key(), username, fields)).await {
            Ok(outcome) => outcome,
            // Nothing was sent: without a permit `next` closes the epoch.
            Err(NotStarted::NoPermit | NotStarted::Tripped | NotStarted::Closed | NotStarted::NotLeading) => return Step::Again,
        };
        failpoint::of(K::POINTS, "create", "after").await;
        self.warn(&outcome);
        let mut shown = None;
        let outcome = outcome.map(|created| {
            shown = created.remote.map(|remote| *remote);
            (created.id, created.username)
        });
        self.slot.memory.learnt.create_answered(view, outcome.clone(), shown, self.ctx.clock.now());
        monitors::created(self, view, (began, handed), &outcome);
        Step::Again
    }

    async fn get(&mut self, view: &View, id: &str, lane: Lane) -> Step {
        let began = self.ctx.clock.now();
        failpoint::of(K::POINTS, "get", "before").await;
        let Some(account) = self.account() else { return Step::Stop(None) };
        let outcome = match account.get(K::THING, lane, &self.key(), id).await {
            Ok(outcome) => outcome,
            Err(refused) => {
                let who = self.key();
                return self.not_started(view, refused, lane, || account.want_listing(K::THING, who, lane)).await;
            }
        };
        failpoint::of(K::POINTS, "get", "after").await;
        self.warn(&outcome);
        self.slot.memory.learnt.got(view, id, began, outcome, self.ctx.clock.now());
        Step::Again
    }

    async fn find(&mut self, view: &View, lane: Lane, finding: &Finding) -> Step {
        let began = self.ctx.clock.now();
        failpoint::of(K::POINTS, "get", "before").await;
        let Some(account) = self.account() else { return Step::Stop(None) };
        let outcome = match account.find(K::THING, lane, &self.key(), &view.mark).await {
            Ok(outcome) => outcome,
            Err(refused) => {
                let who = self.key();
                // What it waits for is said meanwhile.
                let said = Some(finding).filter(|finding| !finding.message.is_empty());
                return match self.not_started(view, refused, lane, || account.want_listing(K::THING, who, lane)).await {
                    Step::Stop(until) => self.report(view, said, until).await,
                    step => step,
                };
            }
        };
        failpoint::of(K::POINTS, "get", "after").await;
        self.warn(&outcome);
        let outcome = match outcome {
            Outcome::Done(page) => Outcome::Done((page.items, page.more != Some(true))),
            // That it cannot be asked so is no failure: the account says from now on that listings are searched instead.
            Outcome::Refused(refusal) if refusal.kind == RefusalKind::Invalid => return Step::Again,
            Outcome::Refused(refusal) => Outcome::Refused(refusal),
            Outcome::NotFound { .. } => return Step::Again,
            Outcome::Unknown(doubt) => Outcome::Unknown(doubt),
        };
        self.slot.memory.learnt.found(view, began, outcome, self.ctx.clock.now());
        Step::Again
    }

    async fn references(&mut self, view: &View, id: &str, lane: Lane) -> Step {
        let began = self.ctx.clock.now();
        failpoint::of(K::POINTS, "get", "before").await;
        let Some(account) = self.account() else { return Step::Stop(None) };
        let outcome = match account.references(K::THING, lane, &self.key(), id).await {
            Ok(outcome) => outcome,
            Err(refused) => return self.not_started(view, refused, lane, || ()).await,
        };
        failpoint::of(K::POINTS, "get", "after").await;
        self.warn(&outcome);
        self.slot.memory.learnt.referenced(view, id, began, outcome, self.ctx.clock.now());
        Step::Again
    }

    async fn update(&mut self, view: &View, action: &Action, id: &str, change: &Fields) -> Step {
        let began = self.ctx.clock.now();
        failpoint::of(K::POINTS, "update", "before").await;
        let Some(account) = self.account() else { return Step::Stop(None) };
        let subject = self.updated_by(action, id, change);
        let outcome = match about(subject, account.update(K::THING, Lane::Urgent, &self.key(), id, change)).await {
            Ok(outcome) => outcome,
            Err(refused) => return self.not_started(view, refused, Lane::Urgent, || ()).await,
        };
        failpoint::of(K::POINTS, "update", "after").await;
        self.warn(&outcome);
        self.slot.memory.learnt.updated(view, id, change, &outcome, began, self.ctx.clock.now());
        match outcome {
            Outcome::Done(_) => announce::updated(self.ctx, &self.object, &self.slot.memory, action).await,
            Outcome::Refused(_) => announce::refused(self.ctx, &self.object, &self.slot.memory.learnt.memory).await,
            Outcome::NotFound { .. } | Outcome::Unknown(_) => {}
        }
        Step::Again
    }

    async fn delete(&mut self, view: &View, action: &Action, id: &str, why: Why) -> Step {
        let began = self.ctx.clock.now();
        failpoint::of(K::POINTS, "delete", "before").await;
        let Some(account) = self.account() else { return Step::Stop(None) };
        let subject = Subject { id: Some(id.to_owned()), why: Some(audit::why(why)), ..self.subject("delete") };
        let outcome = match about(subject, account.delete(K::THING, Lane::Urgent, &self.key(), id)).await {
            Ok(outcome) => outcome,
            Err(refused) => return self.not_started(view, refused, Lane::Urgent, || ()).await,
        };
        failpoint::of(K::POINTS, "delete", "after").await;
        self.warn(&outcome);
        self.slot.memory.learnt.deleted(view, id, &outcome, began, self.ctx.clock.now());
        if outcome == Outcome::Done(()) {
            announce::deleted(self.ctx, &self.object, id, why).await;
            monitors::wrote(self, view, action);
        }
        Step::Again
    }

    fn subject(&self, action: &'static str) -> Subject {
        audit::subject(self.ctx, &self.object, K::THING.as_str(), action)
    }

    /// Who creates something with these fields: the announcement in the ledger stands for it.
    fn created_by(&self, view: &View, fields: &Fields) -> Subject {
        let intent = view.status.ledger.as_ref().and_then(|ledger| ledger.intent.as_ref());
        // Later ones follow a refusal, a create that never took effect or was not sent in time, or an endpoint that is gone.
        let why = intent.map(|intent| if intent.epoch > 1 { "again" } else { "first" });
        let (epoch, nonce) = (intent.map(|intent| intent.epoch), intent.map(|intent| intent.nonce.clone()));
        Subject { fields: audit::names(fields), why, epoch, nonce, ..self.subject("create") }
    }

    fn updated_by(&self, action: &Action, id: &str, change: &Fields) -> Subject {
        let cause = match action {
            Action::Update { cause: Cause::Drifted, .. } if self.slot.memory.follows(change) => Some(Cause::Followed),
            Action::Update { cause, .. } => Some(*cause),
            _ => None,
        };
        Subject { id: Some(id.to_owned()), fields: audit::names(change), why: cause.map(audit::cause), ..self.subject("update") }
    }
}
