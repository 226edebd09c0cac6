//! The calls at the provider. Each passes the budget, tells the account's health what was answered, and shows in all listings.

use std::sync::Arc;

use crate::account::budget::Permit;
use crate::account::shelf::not_had;
use crate::account::{Account, Inner, Lane, ObjectKey, PROBE_EVERY, Thing, remotes};
use crate::core::call::{Answer, Call, Subject, Verb};
use crate::core::fields::{Fields, Number, Remote, Role};
use crate::core::mark::Mark;
use crate::core::outcome::{Outcome, Refusal, RefusalKind};
use crate::core::sighting::Amendment;
use crate::core::sighting::numbers::{NumberUpdated, Numbers};
use crate::provider::{Created, Page, Provider};

/// Why a call was not begun. Nothing was sent; the object is woken when it is worth trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotStarted {
    /// No permit of the budget; woken when one is reserved.
    NoPermit,
    /// The account is tripped; woken when it works again (if watched).
    Tripped,
    /// The account is no longer attached, or its credentials are not proven yet; woken when they are (if watched).
    Closed,
    /// This process does not lead, or not for as long as the call may take; woken when the lease is renewed.
    NotLeading,
}

/// Counts a create while it is under way, however that ends.
struct CreateInFlight<'a>(&'a Inner, Thing);

impl<'a> CreateInFlight<'a> {
    fn new(inner: &'a Inner, thing: Thing) -> Self {
        let mut state = inner.state();
        let shelf = state.things(thing);
        shelf.creates += 1;
        if let Some(running) = &mut shelf.running {
            running.assembler.own_create_sent();
        }
        drop(state);
        Self(inner, thing)
    }
}

impl Drop for CreateInFlight<'_> {
    fn drop(&mut self) {
        self.0.state().things(self.1).creates -= 1;
    }
}

/// The same for a delete.
struct DeleteInFlight<'a>(&'a Inner, Thing, &'a str);

impl<'a> DeleteInFlight<'a> {
    fn new(inner: &'a Inner, thing: Thing, id: &'a str) -> Self {
        let mut state = inner.state();
        let shelf = state.things(thing);
        *shelf.deletes.entry(id.to_owned()).or_default() += 1;
        if let Some(running) = &mut shelf.running {
            running.assembler.own_deleted(id);
        }
        drop(state);
        Self(inner, thing, id)
    }
}

impl Drop for DeleteInFlight<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        let deletes = &mut state.things(self.1).deletes;
        if let Some(count) = deletes.get_mut(self.2) {
            *count -= 1;
            if *count == 0 {
                deletes.remove(self.2);
            }
        }
    }
}

impl Inner {
    /// What every answer means for the account, whoever asked. The call is counted.
    pub(super) fn learn<T>(&self, permit: &Permit, asked: &Arc<dyn Provider>, call: Call, outcome: &Outcome<T>) {
        let (lane, waited, took) = permit.times();
        self.observer.waited(self.id.provider, lane, waited);
        self.observer.called(self.id.provider, call, Answer::of(outcome), took);
        if let Outcome::Refused(Refusal { kind, message, retry_after }) = outcome {
            match kind {
                RefusalKind::Throttled => permit.throttled(*retry_after),
                // An answer to credentials that were replaced meanwhile says nothing of the new ones.
                RefusalKind::Credentials if Arc::ptr_eq(asked, &self.provider()) => self.trip(asked, message),
                RefusalKind::Credentials | RefusalKind::Unreachable | RefusalKind::Invalid => {}
            }
        }
    }
}

impl Account {
    /// Asks for the id that these credentials lead to, be they in use or not; goes out even if the account is tripped or unproven. Waits
    /// for the budget, at most a minute.
    pub(super) async fn identify(&self, provider: &Arc<dyn Provider>, lane: Lane) -> Outcome<String> {
        let inner = &self.inner;
        let Ok(permit) = tokio::time::timeout(PROBE_EVERY, inner.budget.take(lane)).await else {
            let message = "no call was free for the probe".to_owned();
            return Outcome::Refused(Refusal { kind: RefusalKind::Unreachable, message, retry_after: None });
        };
        let outcome = provider.identify().await;
        inner.learn(&permit, provider, Call::new(Verb::Identify, Subject::Account), &outcome);
        outcome
    }

    /// Whether a create permit is kept for `who` from now on, until used or for 12 s. If not, `who` is woken when it is.
    pub fn reserve_create(&self, who: &ObjectKey) -> bool {
        let inner = &self.inner;
        // No intent is written for a create that could not be sent.
        inner.started().is_ok() && inner.mandate.may_prepare(who, &inner.wake) && inner.budget.reserve_create(who)
    }

    /// Creates a thing with the reserved permit. Sent at most once; the answer, if there is one, is in all listings from then on.
    /// The future is to be driven to its end: what is dropped half-way counts as unknown.
    pub async fn create(&self, thing: Thing, who: &ObjectKey, label: &str, fields: &Fields) -> Result<Outcome<Created>, NotStarted> {
        let inner = &self.inner;
        inner.started()?;
        inner.mandate.may_create(who, &inner.wake)?;
        let permit = inner.budget.try_take_create(who).map_err(|_| NotStarted::NoPermit)?;
        let provider = inner.provider();
        let Some(remotes) = remotes(&*provider, thing) else { return Ok(not_had(thing)) };
        let _in_flight = CreateInFlight::new(inner, thing);
        let outcome = inner.mandate.within(remotes.create(label, fields)).await;
        inner.learn(&permit, &provider, Call::new(Verb::Create, thing), &outcome);
        if let Outcome::Done(created) = &outcome {
            let answered = || Remote {
                id: created.id.clone(),
                username: created.username.clone(),
                sip_uri: None,
                registration: None,
                fields: fields.iter().filter(|(_, value)| value.is_plain()).map(|(field, value)| (*field, value.clone())).collect(),
                password_digest: None,
                role: Role::Own,
            };
            let made = Amendment::Created(created.remote.as_deref().cloned().unwrap_or_else(answered));
            inner.state().things(thing).amend(made);
        }
        Ok(outcome)
    }

    /// Reads one thing.
    pub async fn get(&self, thing: Thing, lane: Lane, who: &ObjectKey, id: &str) -> Result<Outcome<Remote>, NotStarted> {
        let (permit, provider) = self.permit(lane, who)?;
        let outcome = match remotes(&*provider, thing) {
            Some(remotes) => remotes.get(id).await,
            None => not_had(thing),
        };
        self.inner.learn(&permit, &provider, Call::new(Verb::Get, thing), &outcome);
        Ok(outcome)
    }

    /// All things that carry the mark. Where it turns out that the provider does not select by it, [`Account::capabilities`] says so from
    /// then on, for as long as this account lives: what is wanted is then to be looked for in listings. An answer that selects nothing
    /// fills a page, as no object's own things do.
    pub async fn find(&self, thing: Thing, lane: Lane, who: &ObjectKey, mark: &Mark) -> Result<Outcome<Page<Remote>>, NotStarted> {
        let (permit, provider) = self.permit(lane, who)?;
        let outcome = match remotes(&*provider, thing) {
            Some(remotes) => remotes.find(mark).await,
            None => not_had(thing),
        };
        self.inner.learn(&permit, &provider, Call::new(Verb::Find, thing), &outcome);
        let unselective = match &outcome {
            Outcome::Done(page) => page.more == Some(true),
            Outcome::Refused(refusal) => refusal.kind == RefusalKind::Invalid,
            Outcome::NotFound { .. } => true,
            Outcome::Unknown(_) => false,
        };
        if unselective && !std::mem::replace(&mut self.inner.state().things(thing).unselective, true) {
            let (account, class) = (&self.inner.id, outcome.class());
            tracing::warn!(%account, class, "the provider does not select {}s by their mark; listings are searched instead", thing.as_str());
        }
        Ok(outcome)
    }

    /// What else at the provider points to a thing, in words for people.
    pub async fn references(&self, thing: Thing, lane: Lane, who: &ObjectKey, id: &str) -> Result<Outcome<Vec<String>>, NotStarted> {
        let (permit, provider) = self.permit(lane, who)?;
        let outcome = match remotes(&*provider, thing) {
            Some(remotes) => remotes.references(id).await,
            None => not_had(thing),
        };
        self.inner.learn(&permit, &provider, Call::new(Verb::References, thing), &outcome);
        Ok(outcome)
    }

    /// Changes fields of a thing; listings follow the answer.
    pub async fn update(
        &self,
        thing: Thing,
        lane: Lane,
        who: &ObjectKey,
        id: &str,
        change: &Fields,
    ) -> Result<Outcome<Option<Remote>>, NotStarted> {
        let (permit, provider) = self.permit_to_write(lane, who)?;
        let outcome = match remotes(&*provider, thing) {
            Some(remotes) => self.inner.mandate.within(remotes.update(id, change)).await,
            None => not_had(thing),
        };
        self.inner.learn(&permit, &provider, Call::new(Verb::Update, thing), &outcome);
        let amendment = match &outcome {
            Outcome::Done(Some(remote)) => Amendment::Shown(remote.clone()),
            Outcome::Done(None) => Amendment::Updated(id.to_owned(), change.clone()),
            Outcome::Refused(_) | Outcome::NotFound { .. } | Outcome::Unknown(_) => return Ok(outcome),
        };
        self.inner.state().things(thing).amend(amendment);
        Ok(outcome)
    }

    /// Deletes a thing; listings follow the answer. (Not found changes no listing: it may be too new to be seen.)
    pub async fn delete(&self, thing: Thing, lane: Lane, who: &ObjectKey, id: &str) -> Result<Outcome<()>, NotStarted> {
        let (permit, provider) = self.permit_to_write(lane, who)?;
        let Some(remotes) = remotes(&*provider, thing) else { return Ok(not_had(thing)) };
        let _in_flight = DeleteInFlight::new(&self.inner, thing, id);
        let outcome = self.inner.mandate.within(remotes.delete(id)).await;
        self.inner.learn(&permit, &provider, Call::new(Verb::Delete, thing), &outcome);
        if outcome == Outcome::Done(()) {
            self.inner.state().things(thing).amend(Amendment::Deleted(id.to_owned()));
        }
        Ok(outcome)
    }

    /// Reads one number, written as the provider does; by the provider's id of it, if it is known ([`Number::id`]).
    pub async fn get_number(&self, lane: Lane, who: &ObjectKey, number: &str, id: Option<&str>) -> Result<Outcome<Number>, NotStarted> {
        let (permit, provider) = self.permit(lane, who)?;
        let outcome = provider.get_number(number, id).await;
        self.inner.learn(&permit, &provider, Call::new(Verb::Get, Subject::Number), &outcome);
        Ok(outcome)
    }

    /// Changes fields of a number, written as the provider does; by the provider's id of it, if it is known ([`Number::id`]). Listings follow
    /// the answer. Done says that the provider
    /// took the call, not that it kept the values: that is what [`Account::get_number`] is for.
    pub async fn update_number(
        &self,
        lane: Lane,
        who: &ObjectKey,
        (number, id): (&str, Option<&str>),
        change: &Fields,
    ) -> Result<Outcome<()>, NotStarted> {
        let (permit, provider) = self.permit_to_write(lane, who)?;
        let outcome = self.inner.mandate.within(provider.update_number(number, id, change)).await;
        self.inner.learn(&permit, &provider, Call::new(Verb::Update, Subject::Number), &outcome);
        if outcome == Outcome::Done(()) {
            self.inner.amend::<Numbers>(NumberUpdated { number: number.to_owned(), change: change.clone() });
        }
        Ok(outcome)
    }

    fn permit_to_write(&self, lane: Lane, who: &ObjectKey) -> Result<(Permit, Arc<dyn Provider>), NotStarted> {
        self.inner.started()?;
        self.inner.mandate.may_write(who, &self.inner.wake)?;
        self.permit(lane, who)
    }

    fn permit(&self, lane: Lane, who: &ObjectKey) -> Result<(Permit, Arc<dyn Provider>), NotStarted> {
        self.inner.started()?;
        let permit = self.inner.budget.try_take(lane, who).map_err(|_| NotStarted::NoPermit)?;
        Ok((permit, self.inner.provider()))
    }
}
