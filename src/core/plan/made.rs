//! The plan of what is made at a provider: a SipEndpoint's endpoint, or its trunk group.

use std::time::Duration;

use super::{Ask, End, HORIZON, MOST, Step, TICK, Things, wakes, words};
use crate::api::condition::Verdict;
use crate::api::ledger::SecretVersion;
use crate::core::action::{Action, Finding, Found, Release};
use crate::core::endpoint::connection::{Entries, Held};
use crate::core::endpoint::next;
use crate::core::evidence::Listing;
use crate::core::fields::{Fields, PASSWORD, Registration, Remote, Role, Secret};
use crate::core::memory::Learnt;
use crate::core::outcome::Outcome;
use crate::core::sighting::{Amendment, Collection, Sightings};
use crate::core::status;
use crate::core::time::Moment;
use crate::core::view::{Desired, View};

/// Stands for the answer of a provider module to the question whether a thing has this password.
pub type Matches<'a> = &'a dyn Fn(&Remote, &Secret) -> Option<bool>;

/// Where a plan begins.
pub struct Start<'a> {
    /// As gathered; its evidence is made anew from `things`.
    pub view: View,
    /// What is remembered: nothing, or what an earlier part of the plan has left.
    pub learnt: Learnt,
    /// What the account holds.
    pub things: Things,
    /// How old the newest intent is, by the API server's clock.
    pub intent_age: Option<Duration>,
    /// What is wanted once a password is generated; its version is [`fresh_version`].
    pub generated: Option<Desired>,
    /// See [`Matches`].
    pub matches: Matches<'a>,
}

/// What comes of it.
#[derive(Clone, Debug)]
pub struct Course {
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Every action, for who wants to see all of them.
    pub actions: Vec<String>,
    /// How it ends.
    pub end: End,
    /// The object, its status and its connection Secret as they are then, and when that is.
    pub view: View,
    /// What is remembered.
    pub learnt: Learnt,
    /// What the account holds then.
    pub things: Things,
}

/// The version of a Secret that the plan has written.
pub fn fresh_version() -> SecretVersion {
    version(1)
}

fn version(count: u32) -> SecretVersion {
    SecretVersion { uid: words::AFTER_APPLY.to_owned(), resource_version: count.to_string() }
}

/// Unfolds `next` until nothing is left to do, or something is in the way that the plan does not remove.
///
/// # Errors
/// What has to be read first; the plan is then begun again with the answer in `things`.
pub fn unfold(start: Start<'_>) -> Result<Course, Ask> {
    let mut unfolding = Unfolding::new(start);
    for _ in 0..MOST {
        let action = unfolding.decide();
        if let Some(end) = unfolding.perform(&action)? {
            return Ok(unfolding.ended(end));
        }
        unfolding.view.now = unfolding.view.now + TICK;
    }
    Ok(unfolding.ended(End::Waits(None)))
}

struct Unfolding<'a> {
    view: View,
    learnt: Learnt,
    things: Things,
    /// Oldest first, the two newest: all of them are complete.
    listings: Vec<(Moment, Sightings)>,
    /// Of the intent with this nonce.
    age: Option<(String, Duration)>,
    generated: Option<Desired>,
    matches: Matches<'a>,
    horizon: Moment,
    written: u32,
    steps: Vec<Step>,
    actions: Vec<String>,
}

impl<'a> Unfolding<'a> {
    fn new(start: Start<'a>) -> Self {
        let Start { mut view, mut learnt, things, intent_age, generated, matches } = start;
        learnt.memory.pass_began = view.now;
        view.term = Moment::ZERO;
        let age = view.intent().map(|intent| intent.nonce.clone()).zip(intent_age);
        let listings = vec![(view.now, things.listed.clone())];
        let horizon = view.now + view.timing.settle * HORIZON;
        Self { view, learnt, things, listings, age, generated, matches, horizon, written: 0, steps: Vec::new(), actions: Vec::new() }
    }

    fn decide(&mut self) -> Action {
        let nonce = self.view.intent().map(|intent| &intent.nonce);
        let age = self.age.as_ref().filter(|(of, _)| Some(of) == nonce).map(|(_, age)| *age);
        self.learnt.object_seen(&self.view, age);
        self.view.memory = self.learnt.memory.clone();
        let listings: Vec<Listing<'_>> =
            self.listings.iter().map(|(began, endpoints)| Listing { began: *began, complete: true, endpoints }).collect();
        self.view.evidence = self.learnt.evidence(&self.view, &listings, self.matches);
        next(&self.view)
    }

    /// Supposes that the action succeeds; how the plan ends, if that was the last one.
    fn perform(&mut self, action: &Action) -> Result<Option<End>, Ask> {
        self.actions.push(words::plain(&action.to_string()));
        match action {
            Action::Wait { until, finding } => return Ok(self.wait(*until, finding.as_ref())),
            Action::Done(finding) => return Ok(Some(self.done(finding))),
            Action::RemoveFinalizer(release) => return Ok(Some(self.let_go(*release))),
            Action::AddFinalizer => self.view.object.finalizer = true,
            Action::Reserve => self.learnt.memory.permit = true,
            Action::StorePassword => self.store_password(),
            Action::WriteConnection(entries) => {
                self.steps.push(words::write_connection(&self.view, entries));
                self.write(entries);
            }
            Action::WriteIntent(intent) => {
                self.learnt.intent_begun(&self.view, &intent.nonce, self.view.now);
                self.write_ledger(action);
            }
            Action::Create { fields, .. } => self.create(fields),
            Action::Record(found) => self.record(action, found),
            Action::Forget => {
                self.steps.push(words::forget(&self.view));
                self.learnt.memory.lost_uri = self.view.status.sip_uri.clone();
                self.write_ledger(action);
            }
            Action::CloseEpoch(_) | Action::WriteTombstone(_) | Action::ClearTombstone(_) => self.write_ledger(action),
            Action::List(_, finding) => {
                self.say(finding);
                self.learnt.memory.listing_wanted = Some(self.view.now);
                self.listings.push((self.view.now, self.things.listed.clone()));
                self.listings.drain(..self.listings.len().saturating_sub(2));
            }
            Action::Find(_, finding) => {
                self.say(finding);
                let found: Vec<Remote> = self.things.listed.with_mark(&self.view.mark).cloned().collect();
                self.learnt.found(&self.view, self.view.now, Outcome::Done((found, true)), self.view.now);
            }
            Action::Get(id, _) => {
                let found = self.things.look(id).ok_or_else(|| Ask::Get(id.clone()))?;
                let outcome = found.map_or(Outcome::NotFound { proven: true }, Outcome::Done);
                self.learnt.got(&self.view, id, self.view.now, outcome, self.view.now);
            }
            Action::ReadReferences(id, _) => {
                let by = self.things.references(id).ok_or_else(|| Ask::References(id.clone()))?;
                self.learnt.referenced(&self.view, id, self.view.now, Outcome::Done(by), self.view.now);
            }
            Action::Update { id, change, cause, differences } => {
                self.steps.push(words::update(&self.view, id, change, *cause, differences));
                self.update(id, change);
            }
            Action::DeleteEndpoint(id, why) => {
                self.steps.push(words::delete(&self.view, id, *why));
                self.amend(id, &Amendment::Deleted(id.clone()));
                self.learnt.deleted(&self.view, id, &Outcome::Done(()), self.view.now, self.view.now);
            }
            // What is made has no rivals of that kind; `next` never answers these for it.
            Action::ReadRivals | Action::WritePlaced(_) => return Ok(Some(End::Waits(None))),
        }
        Ok(None)
    }

    fn wait(&mut self, until: Option<Moment>, finding: Option<&Finding>) -> Option<End> {
        if let Some(finding) = finding {
            self.view.status = status::report(&self.view, finding);
        }
        match wakes(until, finding, self.horizon) {
            Some(until) => {
                self.view.now = self.view.now.max(until);
                None
            }
            None => Some(End::Waits(finding.cloned())),
        }
    }

    fn done(&mut self, finding: &Finding) -> End {
        self.say(finding);
        if finding.reason.verdict() == Verdict::Healthy {
            self.learnt.agreed();
        }
        End::Rest(finding.clone())
    }

    fn say(&mut self, finding: &Finding) {
        if !finding.message.is_empty() {
            self.view.status = status::report(&self.view, finding);
        }
    }

    fn let_go(&mut self, release: Release) -> End {
        self.steps.push(words::release(release));
        self.view.object.finalizer = false;
        End::Gone(release)
    }

    fn write_ledger(&mut self, action: &Action) {
        if let Some(status) = status::after(&self.view, action) {
            self.view.status = status;
            self.learnt.written(&self.view, action);
        }
    }

    fn record(&mut self, action: &Action, found: &Found) {
        // What was just made is said already.
        let answered =
            matches!(self.learnt.memory.own.as_ref().and_then(|own| own.answer.as_ref()), Some(Outcome::Done((id, _))) if *id == found.id);
        if !answered {
            self.steps.push(words::record(&self.view, &found.id, &found.username));
        }
        self.write_ledger(action);
    }

    fn store_password(&mut self) {
        self.steps.push(words::store_password(&self.view));
        let made = match &self.generated {
            Some(Desired::Wanted(wanted)) => wanted.password.as_ref().map(|password| password.value.clone()),
            _ => None,
        };
        self.write(&Entries::from([(PASSWORD, made)]));
        if let Some(desired) = self.generated.clone() {
            self.view.desired = desired;
        }
    }

    /// The connection Secret holds this besides what it held.
    fn write(&mut self, entries: &Entries) {
        let Some(before) = self.view.connection.clone() else { return };
        let mut held = match &before.held {
            Held::Own { entries, .. } => entries.clone(),
            Held::Absent | Held::Barred(_) => std::collections::BTreeMap::new(),
        };
        for (key, value) in entries {
            match value {
                Some(value) => drop(held.insert((*key).to_owned(), value.clone())),
                None => drop(held.remove(*key)),
            }
        }
        self.written += 1;
        let version = version(self.written);
        self.learnt.connection_written(&before, entries, version.clone(), self.view.now);
        if let (true, Desired::Wanted(wanted)) = (before.generates, &mut self.view.desired)
            && let Some(password) = &mut wanted.password
        {
            password.version = version.clone();
        }
        if let Some(connection) = &mut self.view.connection {
            connection.held = Held::Own { version, owned: true, entries: held };
        }
    }

    fn create(&mut self, fields: &Fields) {
        self.steps.push(words::create(&self.view, fields));
        let (mark, registers) = (&self.view.mark, self.view.registers());
        let id = words::id_of(mark);
        // Where the provider appends something, it appends digits.
        let username = if mark.place().is_immutable() { format!("{mark}0") } else { mark.to_string() };
        let plain = fields.iter().filter(|(_, value)| value.is_plain());
        let mut all: Fields = plain.map(|(field, value)| (*field, value.clone())).collect();
        if let Desired::Wanted(wanted) = &self.view.desired {
            // What the create did not have to name, being so anyway.
            for (field, value) in &wanted.fields {
                all.entry(field).or_insert_with(|| value.clone());
            }
        }
        let remote = Remote {
            id: id.clone(),
            username: username.clone(),
            sip_uri: registers.then(|| format!("sip:{username}@{}", words::AFTER_APPLY)),
            registration: registers.then(Registration::default),
            fields: all,
            password_digest: None,
            role: Role::Own,
        };
        self.amend(&id, &Amendment::Created(remote));
        self.learnt.create_answered(&self.view, Outcome::Done((id, username)), None, self.view.now);
    }

    fn update(&mut self, id: &str, change: &Fields) {
        if let Some(known) = self.things.look(id).flatten() {
            self.things.listed.insert(known);
        }
        self.amend(id, &Amendment::Updated(id.to_owned(), change.clone()));
        self.learnt.updated(&self.view, id, change, &Outcome::Done(None), self.view.now, self.view.now);
    }

    fn amend(&mut self, id: &str, amendment: &Amendment) {
        self.things.amend(id, amendment);
        self.listings.iter_mut().for_each(|(_, listing)| listing.amend(amendment));
    }

    fn ended(self, end: End) -> Course {
        let Self { view, learnt, things, steps, actions, .. } = self;
        Course { steps, actions, end, view, learnt, things }
    }
}
