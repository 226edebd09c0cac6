//! What a process remembers of one object, and what each answer teaches it. The executor, the simulated world of the tests and the
//! model checker learn through the same methods: what they decide on cannot drift apart.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::api::ledger::SecretVersion;
use crate::core::action::Action;
use crate::core::endpoint::connection::{ConnectionSecret, Entries, Held, Unwritten};
use crate::core::endpoint::rewrites::Rewrites;
use crate::core::evidence::{Evidence, Got, Listing, Referenced, Search};
use crate::core::fields::{FieldName, Fields, Remote, Secret, Value};
use crate::core::outcome::{Doubt, DoubtKind, Outcome, RefusalKind};
use crate::core::shared::read_back::Normalised;
use crate::core::time::Moment;
pub use crate::core::trouble::{Trouble, TroubleKind};
use crate::core::view::{Desired, Problem, View};

/// An intent older than the settle time by this much, on the API server's clock, has settled whoever looks.
const SERVER_MARGIN: Duration = Duration::from_secs(600);

/// What this process remembers of one object. Losing it (a restart) costs time, never safety.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Since when the newest intent's nonce is known to this process.
    pub intent_known: Option<(String, Moment)>,
    /// When the API server's clock proved the newest intent older than the settle time and ten minutes.
    pub settled_by_server: Option<Moment>,
    /// Since when the object is known without any ledger (its status was wiped).
    pub blank_since: Option<Moment>,
    /// The intent that this process wrote, and what became of it.
    pub own: Option<OwnIntent>,
    /// Endpoints whose deletion by us was answered.
    pub deleted: BTreeMap<String, Deleted>,
    /// The last update, until it was read back.
    pub update: Option<Updated>,
    /// The updates before it of fields that do not go together with its own, until all agrees.
    pub earlier: Vec<Updated>,
    /// What the answers to our own updates showed of the fields that they changed. For a while it counts more than what other looks show.
    pub shown: BTreeMap<FieldName, Shown>,
    /// What our own answered create and updates sent last, for fields that nothing shows: they are taken as kept.
    pub accepted: Fields,
    /// What the provider accepted twice and shows in another form.
    pub normalised: Normalised,
    /// Deletions that failed, where the provider may refuse one because something points to the thing.
    pub undeleted: BTreeMap<String, Undeleted>,
    /// Of a trunk group that nobody needs: when the last one that led numbers by it was seen to have let go.
    pub free_since: Option<Moment>,
    /// When our own last create or update of the recorded endpoint was answered: older listings show our amendment, not the endpoint.
    pub effect: Moment,
    /// The last failure of a call, until one succeeds or the spec changes.
    pub trouble: Option<Trouble>,
    /// When a listing was last asked for.
    pub listing_wanted: Option<Moment>,
    /// A create permit of the budget is reserved.
    pub permit: bool,
    /// When this pass over the object began.
    pub pass_began: Moment,
    /// The SIP URI of an endpoint that was found deleted, until its successor is recorded.
    pub lost_uri: Option<String>,
    /// The last write of the connection Secret was refused.
    pub unwritten: Option<Unwritten>,
    /// We wrote the Secret with the generated password, and the password in it stayed: its version before and since.
    pub rewritten: Option<(SecretVersion, SecretVersion)>,
    /// What we wrote into the connection Secret, and how often again.
    pub rewrites: Rewrites,
}

/// An intent of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnIntent {
    /// Ties it to the ledger.
    pub nonce: String,
    /// Taken before the intent's write was first sent.
    pub began: Moment,
    /// The version of the password that was or would be sent.
    pub password_version: Option<SecretVersion>,
    /// The create's outcome; absent while nothing was sent.
    pub answer: Option<Outcome<(String, String)>>,
}

/// A deletion that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// When.
    pub at: Moment,
    /// The provider said that it deleted it; otherwise that there was none.
    pub confirmed: bool,
}

/// An update that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updated {
    /// What was sent.
    pub change: Fields,
    /// When the answer came.
    pub at: Moment,
    /// How often in a row the same values were sent.
    pub times: u32,
}

/// What the answer to an update showed of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What was sent.
    pub value: Value,
    /// When the answer came.
    pub at: Moment,
}

/// A deletion that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undeleted {
    /// How, how often in a row, and when.
    pub trouble: Trouble,
    /// The provider understood it and did not want to: something stands in the way.
    pub conflict: bool,
}

/// What a process knows of one object between two decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learnt {
    /// What decisions look at.
    pub memory: Memory,
    /// Conclusive reads by id.
    pub gets: BTreeMap<String, Got>,
    /// Answered searches by the mark, oldest first: the newest of any proof, and the two newest complete ones.
    pub searches: Vec<Search>,
    /// What was answered to the question what points to a thing, by its id.
    pub references: BTreeMap<String, Referenced>,
}

impl Learnt {
    /// The object is looked at: since when is its newest intent known, and has it settled? `age` is the intent's age on the API
    /// server's clock, both ends read there.
    pub fn object_seen(&mut self, view: &View, age: Option<Duration>) {
        let memory = &mut self.memory;
        match view.intent() {
            Some(intent) => {
                memory.blank_since = None;
                if memory.intent_known.as_ref().is_none_or(|(nonce, _)| *nonce != intent.nonce) {
                    memory.intent_known = Some((intent.nonce.clone(), view.now));
                    memory.settled_by_server = None;
                }
                if age.is_some_and(|age| age > view.timing.settle.saturating_add(SERVER_MARGIN)) {
                    memory.settled_by_server.get_or_insert(view.now);
                }
            }
            None => {
                memory.intent_known = None;
                memory.settled_by_server = None;
                if view.ledger().is_some() {
                    memory.blank_since = None;
                } else if view.object.finalizer {
                    memory.blank_since.get_or_insert(view.now);
                }
            }
        }
    }

    /// An intent with this nonce is about to be written.
    pub fn intent_begun(&mut self, view: &View, nonce: &str, now: Moment) {
        self.memory.own =
            Some(OwnIntent { nonce: nonce.to_owned(), began: now, password_version: view.wanted_version().cloned(), answer: None });
    }

    /// Our create was answered; with the whole thing, where the provider shows it: that is as good as a read of this moment.
    pub fn create_answered(&mut self, view: &View, outcome: Outcome<(String, String)>, shown: Option<Remote>, now: Moment) {
        // What is unknown is looked for on the search's own schedule: a back-off on top of it would only delay the finding.
        if !matches!(&outcome, Outcome::Unknown(doubt) if doubt.kind != DoubtKind::Foreign) {
            self.noted(view, &outcome, now);
        }
        self.memory.effect = now;
        self.memory.permit = false;
        if let (Outcome::Done(_), Desired::Wanted(wanted)) = (&outcome, &view.desired) {
            // Also what the create did not have to name, being so anyway.
            self.memory.accepted = wanted.fields.clone();
        }
        if let (Outcome::Done((id, _)), Some(shown)) = (&outcome, shown) {
            self.read(view, id, now, Some(shown));
        }
        if let Some(own) = &mut self.memory.own {
            own.answer = Some(outcome);
        }
    }

    /// A read by id that began then was answered.
    pub fn got(&mut self, view: &View, id: &str, began: Moment, outcome: Outcome<Remote>, now: Moment) {
        self.noted(view, &outcome, now);
        match outcome {
            Outcome::Done(remote) => {
                self.settle(view, began, &remote);
                self.read(view, id, began, Some(remote));
            }
            Outcome::NotFound { .. } => self.read(view, id, began, None),
            Outcome::Refused(_) | Outcome::Unknown(_) => {}
        }
    }

    /// A look by id at the recorded one tells what became of our updates of it.
    fn settle(&mut self, view: &View, began: Moment, remote: &Remote) {
        if view.recorded().is_some_and(|recorded| recorded.id == remote.id) {
            let Memory { update, earlier, normalised, .. } = &mut self.memory;
            for update in update.iter().chain(earlier.iter()) {
                normalised.settled(update, view.timing.visible(), began, &remote.fields);
            }
        }
    }

    fn read(&mut self, view: &View, id: &str, began: Moment, found: Option<Remote>) {
        // Only what is recorded, or was just looked at, matters: the rest is not kept for ever.
        let recorded = view.recorded().map(|recorded| recorded.id);
        self.gets.retain(|known, got| Some(known.as_str()) == recorded || got.began >= self.memory.pass_began);
        self.gets.insert(id.to_owned(), Got { id: id.to_owned(), began, found });
    }

    /// A search by the mark that began then was answered.
    pub fn found(&mut self, view: &View, began: Moment, outcome: Outcome<(Vec<Remote>, bool)>, now: Moment) {
        self.noted(view, &outcome, now);
        if let Outcome::Done((found, complete)) = outcome {
            self.searches.push(Search { began, complete, found });
            let mut complete = 0;
            let mut newest = true;
            let kept = |search: &Search| {
                complete += usize::from(search.complete);
                std::mem::take(&mut newest) || search.complete && complete <= 2
            };
            let kept: Vec<bool> = self.searches.iter().rev().map(kept).collect();
            let mut kept = kept.into_iter().rev();
            self.searches.retain(|_| kept.next().unwrap_or(false));
        }
    }

    /// The question what points to this, asked then, was answered.
    pub fn referenced(&mut self, view: &View, id: &str, began: Moment, outcome: Outcome<Vec<String>>, now: Moment) {
        // An answer is no sign that what failed before would not fail again.
        match outcome {
            Outcome::Done(by) => {
                let asked = (view.object.generation, view.object.reconcile_requested.clone());
                let keep = |known: &Referenced| known.began >= self.memory.pass_began || !known.by.is_empty();
                self.references.retain(|_, known| keep(known));
                self.references.insert(id.to_owned(), Referenced { began, by, asked });
            }
            // That is no answer to this question.
            Outcome::NotFound { .. } => {
                let message = "the provider does not say what points to it".to_owned();
                self.noted(view, &Outcome::<()>::Unknown(Doubt { kind: DoubtKind::Unreadable, message }), now);
            }
            Outcome::Refused(_) | Outcome::Unknown(_) => self.noted(view, &outcome, now),
        }
    }

    /// An update that began then was answered.
    pub fn updated(&mut self, view: &View, id: &str, change: &Fields, outcome: &Outcome<Option<Remote>>, began: Moment, now: Moment) {
        self.noted(view, outcome, now);
        self.memory.effect = now;
        self.memory.normalised.sending(change);
        match outcome {
            Outcome::Done(shown) => {
                let plain = change.iter().filter(|(_, value)| value.is_plain());
                self.memory.accepted.extend(plain.map(|(field, value)| (*field, value.clone())));
                let mut before = self.memory.update.iter().chain(&self.memory.earlier).filter(|before| before.change == *change);
                let times = before.next().map_or(0, |before| before.times) + 1;
                self.sent(view, Updated { change: change.clone(), at: now, times });
                // What a change answers is as good as a read that began when it was answered.
                if let Some(remote) = shown {
                    // It also says what became of what was sent before: a field may be part of another one.
                    for (field, before) in &mut self.memory.shown {
                        if let Some(value) =
                            remote.fields.get(field).filter(|value| before.value.is_plain() && !before.value.agrees(Some(value)))
                        {
                            *before = Shown { value: value.clone(), at: now };
                        }
                    }
                    let taken = change.iter().filter(|(field, value)| !value.is_plain() || value.agrees(remote.fields.get(*field)));
                    let taken = taken.map(|(field, value)| (*field, Shown { value: value.clone(), at: now }));
                    self.memory.shown.extend(taken);
                    self.read(view, id, now, Some(remote.clone()));
                }
            }
            Outcome::NotFound { .. } => self.read(view, id, began, None),
            // Perhaps it was executed: read before anything is sent again.
            Outcome::Unknown(_) => {
                self.gets.remove(id);
                self.memory.shown.retain(|field, _| !change.contains_key(field));
                self.memory.accepted.retain(|field, _| !change.contains_key(field));
                self.sent(view, Updated { change: change.clone(), at: now, times: 0 });
            }
            Outcome::Refused(_) => {}
        }
    }

    /// The last update is this one. What became of one of other fields, which could not go with it, is still of interest.
    fn sent(&mut self, view: &View, update: Updated) {
        let rank = |update: &Updated| view.capabilities().and_then(|capabilities| capabilities.rank_of(&update.change));
        self.memory.earlier.extend(self.memory.update.take());
        self.memory.earlier.retain(|earlier| rank(earlier) != rank(&update));
        self.memory.update = Some(update);
    }

    /// A deletion that began then was answered. "Not found" tells what was true when it was asked, "done" what is true since it was
    /// answered.
    pub fn deleted(&mut self, view: &View, id: &str, outcome: &Outcome<()>, began: Moment, now: Moment) {
        match view.referenced() {
            true => self.not_deleted(view, id, outcome, now),
            false => self.noted(view, outcome, now),
        }
        if matches!(outcome, Outcome::Done(()) | Outcome::NotFound { proven: true } | Outcome::Unknown(_)) {
            // What was read before says nothing any more.
            self.gets.remove(id);
        }
        match outcome {
            Outcome::Done(()) => {
                self.memory.deleted.insert(id.to_owned(), Deleted { at: now, confirmed: true });
            }
            Outcome::NotFound { proven: true } => {
                self.memory.deleted.entry(id.to_owned()).or_insert(Deleted { at: began, confirmed: false }).at = began;
            }
            // A not-found page that is not the provider's proves nothing by itself: read it, let listings decide.
            Outcome::NotFound { proven: false } => self.read(view, id, began, None),
            Outcome::Refused(_) | Outcome::Unknown(_) => {}
        }
    }

    /// Keeps the last failure, or forgets it.
    fn noted<T>(&mut self, view: &View, outcome: &Outcome<T>, now: Moment) {
        self.memory.trouble = question(view, now).after(self.memory.trouble.take(), outcome);
    }

    /// Keeps the last failure to delete this. The reads that go before each try succeed, and say nothing about it.
    fn not_deleted(&mut self, view: &View, id: &str, outcome: &Outcome<()>, now: Moment) {
        let before = self.memory.undeleted.remove(id).map(|undeleted| undeleted.trouble);
        let conflict = match outcome {
            Outcome::Refused(refusal) => refusal.kind == RefusalKind::Invalid,
            Outcome::Unknown(doubt) => doubt.kind == DoubtKind::Status(409),
            Outcome::Done(()) | Outcome::NotFound { .. } => false,
        };
        if let Some(mut trouble) = question(view, now).after(before, outcome) {
            if conflict {
                // Not for ever, and not only when the spec changes: who is in the way may go by himself.
                trouble.kind = TroubleKind::Unknown;
            }
            self.memory.undeleted.insert(id.to_owned(), Undeleted { trouble, conflict });
        }
    }

    /// A write of the ledger is durable: what it makes superfluous is forgotten.
    pub fn written(&mut self, view: &View, action: &Action) {
        match action {
            Action::Record(found) => {
                let answer = self.memory.own.take().and_then(|own| own.answer);
                if !matches!(answer, Some(Outcome::Done((id, _))) if id == found.id) {
                    self.memory.accepted.clear();
                }
                self.memory.normalised = Normalised::default();
                self.memory.trouble = None;
                self.memory.update = None;
                self.memory.earlier.clear();
                self.memory.shown.clear();
                self.memory.deleted.remove(&found.id);
            }
            Action::CloseEpoch(_) => self.memory.own = None,
            Action::ClearTombstone(id) => {
                self.memory.undeleted.remove(id);
                self.references.remove(id);
            }
            Action::Forget => {
                if let Some(recorded) = view.recorded() {
                    self.gets.remove(recorded.id);
                }
            }
            _ => {}
        }
    }

    /// These entries were written into the connection Secret, which has this version now; `before` is what it was when that was decided.
    pub fn connection_written(&mut self, before: &ConnectionSecret, entries: &Entries, version: SecretVersion, now: Moment) {
        self.memory.unwritten = None;
        self.memory.rewrites.written(before, entries, now);
        if let Held::Own { version: old, .. } = &before.held
            && before.generates
        {
            // Our own write is no rotation.
            let first = match self.memory.rewritten.take() {
                Some((first, last)) if last == *old => first,
                _ => old.clone(),
            };
            self.memory.rewritten = Some((first, version));
        }
    }

    /// The connection Secret could not be written.
    pub fn connection_refused(&mut self, name: &str, problem: Problem, now: Moment) {
        self.memory.unwritten = Some(Unwritten { name: name.to_owned(), problem, at: now });
    }

    /// The status says that all agrees, durably: the password's version is remembered there, and no failure matters any more.
    pub fn agreed(&mut self) {
        self.memory.update = None;
        self.memory.earlier.clear();
        self.memory.trouble = None;
    }

    /// What is known of the provider, from these listings (oldest first: the two newest complete ones, and the newest if it is
    /// not) and the reads by id.
    pub fn evidence(
        &self,
        view: &View,
        listings: &[Listing<'_>],
        password_matches: impl FnOnce(&Remote, &Secret) -> Option<bool>,
    ) -> Evidence {
        let deleted: BTreeSet<&str> =
            self.memory.deleted.iter().filter(|(_, deleted)| deleted.confirmed).map(|(id, _)| id.as_str()).collect();
        let recorded = view.recorded().map(|recorded| recorded.id);
        let mut evidence = Evidence {
            gets: self.gets.clone(),
            listings: view.sightings(listings, &self.searches, deleted, self.memory.effect),
            references: self.references.clone(),
            password_matches: None,
        };
        if let (Some(id), Desired::Wanted(wanted)) = (recorded, &view.desired)
            && let Some(password) = &wanted.password
        {
            evidence.password_matches = evidence.observed(id).and_then(|seen| password_matches(seen.remote, &password.value));
        }
        evidence
    }
}

/// What a failure would be an answer to.
fn question(view: &View, now: Moment) -> Trouble {
    Trouble { at: now, generation: view.object.generation, password_version: view.wanted_version().cloned(), ..Trouble::default() }
}
