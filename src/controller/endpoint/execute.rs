//! What the executor does for SipEndpoints only: the create protocol, calls at the provider, and what each answer teaches.

use std::time::Duration;

use kube::Api;
use tracing::info;

use crate::account::NotStarted;
use crate::api::ANNOTATION_FORCE_ORPHAN;
use crate::api::cluster_provider_account::{AllowedNamespace, ClusterProviderAccount};
use crate::api::condition::Reason;
use crate::api::ledger::Intent;
use crate::api::provider_account::ProviderAccount;
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::endpoint::gather::rivals;
use crate::controller::endpoint::{announce, monitors};
use crate::controller::execute::{Pass, Step};
use crate::controller::managed::{Managed, account_of};
use crate::controller::{brakes, deadline, report};
use crate::core::action::{Action, Finding, Found, Release, Why};
use crate::core::budget::Lane;
use crate::core::fields::Fields;
use crate::core::key::{Kind, ObjectKey};
use crate::core::outcome::Outcome;
use crate::core::status;
use crate::core::tenancy::{Tenants, Use, may};
use crate::core::view::View;
use crate::failpoint;

impl Pass<'_, SipEndpoint> {
    /// Performs the action that `next` answered for this view.
    pub async fn execute(&mut self, view: &View, action: &Action) -> Step {
        match action {
            Action::RemoveFinalizer(Release::Unproven) if view.adopt.is_none() && self.account_unseen() => {
                let finding = Finding::new(Reason::AccountNotFound, unseen(&account_of(&self.object)));
                self.report(view, Some(&finding), None).await
            }
            // The cache says that there is no such account; that it cannot be read, or is new, must not leak an endpoint.
            Action::RemoveFinalizer(Release::Unproven) if view.adopt.is_none() && self.account_exists().await => {
                Step::Stop(Some(view.now + Duration::from_secs(5)))
            }
            Action::StorePassword => self.store_password(view).await,
            Action::WriteConnection(entries) => self.write_connection(view, entries, "connection").await,
            Action::Reserve => self.reserve(view),
            Action::WriteIntent(intent) => self.write_intent(view, action, intent).await,
            Action::Create { username, fields } => self.create(view, username, fields).await,
            // Another object was faster, in this very moment.
            Action::Record(found) if view.adopt.is_some() && !self.take(found) => Step::Again,
            Action::Record(_) => self.write_ledger(view, action, "record").await,
            Action::CloseEpoch(_) => self.write_ledger(view, action, "close_epoch").await,
            Action::WriteTombstone(_) | Action::ClearTombstone(_) => self.write_ledger(view, action, "tombstone").await,
            // Who asked first gets through; the others see with the next look that they have to wait.
            Action::Forget if !brakes::recreate(self.ctx, view, &self.object) => Step::Again,
            Action::Forget => {
                self.slot.memory.learnt.memory.lost_uri = view.status.sip_uri.clone();
                self.write_ledger(view, action, "close_epoch").await
            }
            Action::List(lane, finding) => {
                if let Some(account) = self.account() {
                    self.slot.memory.learnt.memory.listing_wanted = Some(self.ctx.clock.now());
                    account.want_listing(self.key(), *lane);
                }
                let finding = Some(finding).filter(|finding| !finding.message.is_empty());
                self.report(view, finding, Some(view.now + view.timing.settle)).await
            }
            Action::Get(id, lane) => self.get(view, id, *lane).await,
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

    /// Whether this object may record what it adopts: nobody with a better right is about to.
    fn take(&self, found: &Found) -> bool {
        let Some(account) = self.account() else { return false };
        let (id, username) = (&found.id, Some(found.username.as_str()));
        self.ctx.claims.record(&self.key(), id, |other| rivals(self.ctx, other, &account, id, username))
    }

    /// Accounts of its kind are not watched, and may not even be read: another operator may serve it.
    fn account_unseen(&self) -> bool {
        account_of(&self.object).kind == Kind::ClusterProviderAccount && !self.ctx.scopes.contains(&None)
    }

    /// Whether the account object exists and serves this object's namespace, asked live; without an answer it counts as if it did.
    async fn account_exists(&self) -> bool {
        let (account, client) = (account_of(&self.object), self.ctx.client.clone());
        match account.kind {
            Kind::ClusterProviderAccount => {
                let accounts: Api<ClusterProviderAccount> = Api::all(client);
                let Ok(found) = deadline(accounts.get_opt(&account.name)).await else { return true };
                let serves = |all: &[AllowedNamespace]| may(Tenants::Listed(all), &self.key().namespace, Use::Endpoint).is_ok();
                found.is_some_and(|found| serves(&found.spec.allowed_namespaces) || self.object.pinned().is_some())
            }
            _ => {
                let accounts: Api<ProviderAccount> = Api::namespaced(client, &account.namespace);
                !matches!(deadline(accounts.get_metadata_opt(&account.name)).await, Ok(None))
            }
        }
    }

    fn reserve(&mut self, view: &View) -> Step {
        let Some(account) = self.account() else { return Step::Stop(None) };
        self.slot.memory.learnt.memory.permit = account.reserve_create(&self.key());
        // Without a permit the account wakes the object when it has one; nothing is written until then.
        if self.slot.memory.learnt.memory.permit { Step::Again } else { Step::Stop(Some(view.now + view.timing.settle)) }
    }

    async fn write_intent(&mut self, view: &View, action: &Action, intent: &Intent) -> Step {
        let Some(status) = status::after(view, action) else { return Step::Stop(None) };
        self.slot.memory.learnt.intent_begun(view, &intent.nonce, self.ctx.clock.now());
        failpoint::at("intent", "before").await;
        let answer = report::write_status(self.ctx, &self.object, &status).await;
        failpoint::at("intent", "after").await;
        // Whatever the answer: if our nonce is in the object, the intent is ours; else a new one is decided on.
        self.written(view, answer).await
    }

    async fn create(&mut self, view: &View, username: &str, fields: &Fields) -> Step {
        self.slot.memory.learnt.memory.permit = false;
        failpoint::at("create", "before").await;
        // The process may have stood still since the decision: too late is not sent, and `next` closes the epoch.
        let began = self.slot.memory.learnt.memory.own.as_ref().map_or(view.now, |own| own.began);
        if self.ctx.clock.now().since(began) > view.timing.issue() {
            return Step::Again;
        }
        failpoint::at("send", "before").await;
        // Without an account nothing is sent either, and `next` closes the epoch.
        let Some(account) = self.account() else { return Step::Again };
        let handed = self.ctx.clock.now();
        let mut shown = None;
        let outcome = match account.create(&self.key(), username, fields).await {
            Ok(outcome) => outcome.map(|created| {
                shown = created.remote.map(|remote| *remote);
                (created.id, created.username)
            }),
            // Nothing was sent: without a permit `next` closes the epoch.
            Err(NotStarted::NoPermit | NotStarted::Tripped | NotStarted::Closed) => return Step::Again,
        };
        failpoint::at("create", "after").await;
        info!(object = %self.key(), username, outcome = outcome.class(), nonce = view.fresh.nonce, "create answered");
        self.warn(&outcome);
        self.slot.memory.learnt.create_answered(view, outcome.clone(), shown, self.ctx.clock.now());
        monitors::created(self, view, (began, handed), &outcome);
        Step::Again
    }

    /// A new SIP URI is what people with phones want to know, so it is told once it is known: a create does not answer it.
    pub(super) async fn tell_recreated(&mut self) {
        let shown = self.object.status.as_ref().filter(|status| status.endpoint_id.is_some()).and_then(|status| status.sip_uri.clone());
        if let Some(uri) = shown
            && let Some(lost) = self.slot.memory.learnt.memory.lost_uri.take_if(|lost| *lost != uri)
        {
            announce::recreated(self.ctx, &self.object, &lost, &uri).await;
        }
    }

    async fn get(&mut self, view: &View, id: &str, lane: Lane) -> Step {
        let began = self.ctx.clock.now();
        failpoint::at("get", "before").await;
        let Some(account) = self.account() else { return Step::Stop(None) };
        let outcome = match account.get(lane, &self.key(), id).await {
            Ok(outcome) => outcome,
            Err(refused) => {
                let who = self.key();
                return self.not_started(view, refused, lane, || account.want_listing(who, lane)).await;
            }
        };
        failpoint::at("get", "after").await;
        self.warn(&outcome);
        self.slot.memory.learnt.got(view, id, began, outcome, self.ctx.clock.now());
        Step::Again
    }

    async fn update(&mut self, view: &View, action: &Action, id: &str, change: &Fields) -> Step {
        let began = self.ctx.clock.now();
        failpoint::at("update", "before").await;
        let Some(account) = self.account() else { return Step::Stop(None) };
        let outcome = match account.update(Lane::Urgent, &self.key(), id, change).await {
            Ok(outcome) => outcome,
            Err(refused) => return self.not_started(view, refused, Lane::Urgent, || ()).await,
        };
        failpoint::at("update", "after").await;
        self.warn(&outcome);
        self.slot.memory.learnt.updated(view, id, change, &outcome, began, self.ctx.clock.now());
        match outcome {
            Outcome::Done(_) => announce::updated(self.ctx, &self.object, action).await,
            Outcome::Refused(_) => announce::refused(self.ctx, &self.object, &self.slot.memory.learnt.memory).await,
            Outcome::NotFound { .. } | Outcome::Unknown(_) => {}
        }
        Step::Again
    }

    async fn delete(&mut self, view: &View, action: &Action, id: &str, why: Why) -> Step {
        let began = self.ctx.clock.now();
        failpoint::at("delete", "before").await;
        let Some(account) = self.account() else { return Step::Stop(None) };
        let outcome = match account.delete(Lane::Urgent, &self.key(), id).await {
            Ok(outcome) => outcome,
            Err(refused) => return self.not_started(view, refused, Lane::Urgent, || ()).await,
        };
        failpoint::at("delete", "after").await;
        info!(object = %self.key(), endpoint_id = id, ?why, outcome = outcome.class(), "delete answered");
        self.warn(&outcome);
        self.slot.memory.learnt.deleted(view, id, &outcome, began, self.ctx.clock.now());
        if outcome == Outcome::Done(()) {
            announce::deleted(self.ctx, &self.object, id, why).await;
            monitors::wrote(self, view, action);
        }
        Step::Again
    }
}

/// What an object says that has lost its status, and whose account this operator does not watch.
fn unseen(account: &ObjectKey) -> String {
    format!(
        "nothing is recorded of this object's endpoint, and this operator works in single namespaces: it cannot tell whether {} {account} exists. An operator that watches all namespaces can delete it; to let it go with whatever is at the provider, annotate it with {ANNOTATION_FORCE_ORPHAN}=unresolved",
        account.kind
    )
}
