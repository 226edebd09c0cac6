//! What the executor does for PhoneNumberBindings only: calls about one number, and what each answer teaches.

use std::collections::BTreeSet;

use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::{Api, ResourceExt};
use tracing::warn;

use crate::api::phone_number_binding::PhoneNumberBinding;
use crate::controller::audit;
use crate::controller::binding::announce;
use crate::controller::binding::bindings::{Entry, Name};
use crate::controller::deadline;
use crate::controller::execute::{Pass, Step};
use crate::controller::managed::Managed;
use crate::core::action::{Action, Cause, Source};
use crate::core::binding::view::View;
use crate::core::budget::Lane;
use crate::core::fields::Fields;
use crate::core::outcome::Outcome;
use crate::failpoint;
use crate::telemetry::audit::{Subject, about};

/// Bindings on a page.
const PAGE: u32 = 500;

impl Pass<'_, PhoneNumberBinding> {
    /// Performs the action that `next` answered for this view.
    pub async fn execute(&mut self, view: &View, action: &Action) -> Step {
        match action {
            Action::ReadRivals => self.read_rivals(view).await,
            Action::WritePlaced(ahead) => {
                let point = match ahead.source {
                    Source::Observed | Source::Inherited => "previous",
                    Source::Spec => "placed",
                };
                self.write_ledger(view, action, point).await
            }
            Action::List(lane, finding) => {
                if let Some(account) = self.account() {
                    self.slot.memory.learnt.memory.listing_wanted = Some(self.ctx.clock.now());
                    match lane {
                        // The first look at anything: a listing that runs already tells it as well.
                        Lane::Sweep => account.await_numbers(self.key(), *lane),
                        _ => account.want_numbers(self.key(), *lane),
                    }
                }
                let finding = Some(finding).filter(|finding| !finding.message.is_empty());
                self.report(view, finding, Some(view.now + view.timing.settle)).await
            }
            Action::Get(asked, lane) => self.get_number(view, asked, *lane).await,
            Action::Update { id, change, cause, .. } => self.update_number(view, action, (id, change), *cause).await,
            _ => self.perform(view, action).await,
        }
    }

    /// Which bindings of this number there are, this one included, from the API server itself: the watch may be behind.
    async fn read_rivals(&mut self, view: &View) -> Step {
        failpoint::at("rivals", "before").await;
        let began = self.ctx.clock.now();
        let name = Name::Number(self.object.spec.number.clone());
        let mut own = None;
        for scope in &self.ctx.scopes {
            let api: Api<DeserializeGuard<PhoneNumberBinding>> = match scope {
                Some(namespace) => Api::namespaced(self.ctx.client.clone(), namespace),
                None => Api::all(self.ctx.client.clone()),
            };
            let mut params = ListParams::default().fields(&format!("spec.number={}", self.object.spec.number)).limit(PAGE);
            let mut listed = BTreeSet::new();
            let at = loop {
                let page = match deadline(api.list(&params)).await {
                    Ok(page) => page,
                    Err(error) => {
                        warn!(object = %self.key(), %error, "the bindings of this number cannot be read; trying again");
                        return Step::Stop(Some(view.now + self.ctx.settings.timing.retry_base * 10));
                    }
                };
                for binding in page.items {
                    listed.extend(binding.uid());
                    // One that cannot be decoded is left alone, and leaves numbers alone.
                    let Ok(binding) = binding.0 else { continue };
                    self.ctx.bindings.learn(Entry::of(&binding)).tell(&self.ctx.wakers, Some(self.ctx));
                    if binding.uid() == self.object.uid() {
                        own = Some(binding);
                    }
                }
                match page.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) => params = params.continue_token(&token),
                    // All pages are of one moment.
                    None => break page.metadata.resource_version.and_then(|text| text.parse().ok()).unwrap_or_default(),
                }
            };
            let gone = self.ctx.bindings.forget_absent(&name, scope.as_deref(), &listed, at);
            gone.iter().for_each(|change| change.tell(&self.ctx.wakers, Some(self.ctx)));
        }
        // What is decided next is decided on this one too as it is now: it may be deleted, or gone.
        let Some(own) = own else { return self.read_again(view).await.0 };
        self.object = own;
        self.slot.memory.learnt.surveyed(view, began);
        Step::Again
    }

    /// By its id, if that is what is asked.
    async fn get_number(&mut self, view: &View, asked: &str, lane: Lane) -> Step {
        let Some(account) = self.account() else { return Step::Stop(None) };
        let id = by_id(view, asked);
        let began = self.ctx.clock.now();
        failpoint::at("get", "before").await;
        let outcome = match account.get_number(lane, &self.key(), &view.number, id).await {
            Ok(outcome) => outcome,
            // Its permit is announced; a listing in its place would cost a call for every twenty numbers of the account.
            Err(refused) => return self.not_started(view, refused, lane, || ()).await,
        };
        failpoint::at("get", "after").await;
        self.warn(&outcome);
        self.slot.memory.learnt.got(view, began, outcome, self.ctx.clock.now());
        Step::Again
    }

    async fn update_number(&mut self, view: &View, action: &Action, (id, change): (&str, &Fields), cause: Cause) -> Step {
        let Some(account) = self.account() else { return Step::Stop(None) };
        failpoint::at("update", "before").await;
        // The process may have stood still since the decision, and others may have gone on: what is old is not sent, nor is what was read
        // before still the present.
        let now = self.ctx.clock.now();
        if now.since(view.now) > view.timing.issue() {
            PhoneNumberBinding::begin(&mut self.slot.memory, now);
            return self.read_again(view).await.0;
        }
        let subject = Subject {
            id: Some(id.to_owned()),
            fields: audit::names(change),
            why: Some(audit::cause(cause)),
            ..audit::subject(self.ctx, &self.object, "number", "update")
        };
        let (who, known) = (self.key(), by_id(view, id));
        let outcome = match about(subject, account.update_number(Lane::Urgent, &who, (&view.number, known), change)).await {
            Ok(outcome) => outcome,
            Err(refused) => return self.not_started(view, refused, Lane::Urgent, || ()).await,
        };
        failpoint::at("update", "after").await;
        self.warn(&outcome);
        self.slot.memory.learnt.updated(view, change, cause, &outcome, self.ctx.clock.now());
        match outcome {
            Outcome::Done(()) => announce::updated(self.ctx, &self.object, view, action).await,
            Outcome::Refused(refusal) => {
                let trouble = self.slot.memory.learnt.memory.trouble.as_ref();
                announce::refused(self.ctx, &self.object, view, trouble, &refusal).await;
            }
            Outcome::NotFound { .. } | Outcome::Unknown(_) => {}
        }
        Step::Again
    }
}

/// The provider's id of a number, if it has one besides the number itself.
fn by_id<'a>(view: &View, id: &'a str) -> Option<&'a str> {
    (id != view.number).then_some(id)
}
