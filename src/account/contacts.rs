//! Credentials that do not say whose they are. The provider is asked before anything else, by no account's budget, since nobody knows
//! which one it is; and whoever has the same credentials hears the same refusal: it is not tried again within a minute by anybody, and
//! where no answer came everybody waits alike. Who is not refused asks for itself: a connection may only know by that whose it is. No
//! credentials are kept here, only what tells them apart in this process.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::Mutex as Gate;

use crate::account::observer::Observer;
use crate::account::{Clock, ObjectKey, PROBE_EVERY};
use crate::api::refs::ProviderKind;
use crate::core::account::{Waits, pause};
use crate::core::call::{self, Call, Subject, Verb};
use crate::core::fields::Secret;
use crate::core::outcome::{Doubt, DoubtKind, Outcome, Refusal, RefusalKind};
use crate::core::time::Moment;
use crate::provider::Provider;

/// Longer than this means that the provider does not answer; waiting for a turn is part of it.
const DEADLINE: Duration = Duration::from_secs(60);
/// What was answered so long ago is forgotten.
const FORGET: Duration = Duration::from_secs(3600);
/// The time that a provider's default budget is for.
const WINDOW: Duration = Duration::from_secs(5);

/// Tells credentials apart, in this process alone: what it is made with dies with it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

/// What came of asking whose credentials are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// They lead to the account of this id.
    Account(String),
    /// The provider refuses them.
    Refused {
        /// What it said.
        message: String,
        /// Time until it may be asked again.
        due: Duration,
    },
    /// Not asked: others of this object were refused a moment ago. Time until it may be.
    Wait(Duration),
    /// Nothing that says whose they are.
    Nothing {
        /// Why.
        message: String,
        /// How often in a row, whoever asked.
        attempts: u32,
    },
}

/// The last answer about one set of credentials.
#[derive(Default)]
struct Said {
    at: Moment,
    answer: Option<Answer>,
    unanswered: u32,
}

enum Answer {
    Refused(String),
    Nothing { message: String, until: Moment },
}

impl Said {
    /// What need not be asked again now.
    fn told(&self, now: Moment) -> Option<Told> {
        let left = (self.at + PROBE_EVERY).since(now);
        match self.answer.as_ref()? {
            Answer::Refused(message) if !left.is_zero() => Some(Told::Refused { message: message.clone(), due: left }),
            Answer::Nothing { message, until } if *until > now => {
                Some(Told::Nothing { message: message.clone(), attempts: self.unanswered })
            }
            Answer::Refused(_) | Answer::Nothing { .. } => None,
        }
    }

    fn learn(&mut self, now: Moment, outcome: Outcome<String>, waits: Waits) -> Told {
        self.at = now;
        let (message, at_least) = match outcome {
            Outcome::Done(id) => {
                (self.answer, self.unanswered) = (None, 0);
                return Told::Account(id);
            }
            Outcome::Refused(Refusal { kind: RefusalKind::Credentials, message, .. }) => {
                (self.answer, self.unanswered) = (Some(Answer::Refused(message.clone())), 0);
                return Told::Refused { message, due: PROBE_EVERY };
            }
            Outcome::Refused(refusal) => (refusal.message, refusal.retry_after.unwrap_or_default()),
            Outcome::Unknown(doubt) => (doubt.message, Duration::ZERO),
            Outcome::NotFound { .. } => ("the provider does not know the account of these credentials".to_owned(), Duration::ZERO),
        };
        self.unanswered = self.unanswered.saturating_add(1);
        // A little less, since who comes back may come a little early.
        let until = now + (pause(waits, self.unanswered) * 4 / 5).max(at_least);
        self.answer = Some(Answer::Nothing { message: message.clone(), until });
        Told::Nothing { message, attempts: self.unanswered }
    }
}

#[derive(Default)]
struct State {
    said: BTreeMap<Fingerprint, Arc<Gate<Said>>>,
    /// Until when the contacts that each object had, at one a minute, would have taken. One may go ahead of its time, so that a wrong
    /// token is mended at once.
    turns: BTreeMap<ObjectKey, Moment>,
    /// When the next one may be asked, whoever wants to: all together keep to what one account is allowed.
    next: BTreeMap<ProviderKind, Moment>,
}

/// What the provider said of credentials that do not say whose they are.
pub struct Contacts {
    clock: Clock,
    observer: Arc<dyn Observer>,
    salt: [u8; 32],
    state: Mutex<State>,
}

impl Contacts {
    /// Nobody was asked yet. `observer`: whoever counts calls is told of these as well.
    pub fn new(clock: Clock, observer: Arc<dyn Observer>) -> Self {
        Self { clock, observer, salt: rand::random(), state: Mutex::default() }
    }

    /// What tells these credentials from others. `values`: by their keys in the Secret.
    pub fn fingerprint(&self, provider: ProviderKind, values: &BTreeMap<String, Secret>) -> Fingerprint {
        let mut hash = Sha256::new_with_prefix(self.salt);
        let texts = values.iter().flat_map(|(key, value)| [key.as_str(), value.expose()]);
        for text in std::iter::once(provider.as_str()).chain(texts) {
            hash.update(text.len().to_be_bytes());
            hash.update(text);
        }
        Fingerprint(hash.finalize().into())
    }

    /// Asks whose they are, unless somebody was refused with them, or not answered, a moment ago. One call takes a minute at most; who has
    /// the same asks after another.
    pub async fn whose(&self, who: &ObjectKey, provider: &Arc<dyn Provider>, what: Fingerprint, waits: Waits) -> Told {
        let ask = async {
            let before = self.take_turn(who).map_err(Told::Wait)?;
            let capabilities = provider.capabilities();
            let outcome = match self.slot(capabilities.provider, WINDOW / capabilities.default_budget.max(1)) {
                Some(slot) => {
                    let call = async {
                        tokio::time::sleep_until(self.clock.instant(slot)).await;
                        provider.identify().await
                    };
                    let outcome = bounded(call).await;
                    // By no account's budget, so nothing was waited for there.
                    let (call, took) = (Call::new(Verb::Identify, Subject::Account), self.clock.now().since(slot));
                    self.observer.called(capabilities.provider, call, call::Answer::of(&outcome), took);
                    outcome
                }
                None => unanswered("too many credentials are being checked at once".to_owned()),
            };
            match &outcome {
                Outcome::Done(_) => drop(self.state().turns.remove(who)),
                Outcome::Refused(refusal) if refusal.kind == RefusalKind::Credentials => {}
                // An answer that says nothing does not count.
                _ => self.give_back(who, before),
            }
            Ok(outcome)
        };
        self.ask(what, waits, ask).await
    }

    /// Credentials that are expected to lead to an account: `call` asks on its behalf, unless what it would be told is known already.
    pub async fn check(&self, what: Fingerprint, waits: Waits, call: impl Future<Output = Outcome<String>>) -> Told {
        self.ask(what, waits, async { Ok(bounded(call).await) }).await
    }

    async fn ask(&self, what: Fingerprint, waits: Waits, call: impl Future<Output = Result<Outcome<String>, Told>>) -> Told {
        let gate = self.gate(what);
        // Who has the same waits here, and need not ask if they are refused.
        let mut said = gate.lock().await;
        if let Some(told) = said.told(self.clock.now()) {
            return told;
        }
        match call.await {
            Ok(outcome) => said.learn(self.clock.now(), outcome, waits),
            Err(told) => told,
        }
    }

    fn gate(&self, what: Fingerprint) -> Arc<Gate<Said>> {
        let now = self.clock.now();
        let mut state = self.state();
        // Who is being asked about is held by who asks.
        state.said.retain(|_, gate| gate.try_lock().map_or(true, |said| Arc::strong_count(gate) > 1 || now.since(said.at) < FORGET));
        Arc::clone(state.said.entry(what).or_default())
    }

    /// Whether the object may ask now; what it had of its turns before, or how long it is to wait.
    fn take_turn(&self, who: &ObjectKey) -> Result<Option<Moment>, Duration> {
        let now = self.clock.now();
        let mut state = self.state();
        state.turns.retain(|_, until| *until > now);
        let before = state.turns.get(who).copied();
        let wait = before.map_or(Duration::ZERO, |until| until.since(now + PROBE_EVERY));
        if !wait.is_zero() {
            return Err(wait);
        }
        state.turns.insert(who.clone(), before.unwrap_or(now) + PROBE_EVERY);
        Ok(before)
    }

    fn give_back(&self, who: &ObjectKey, before: Option<Moment>) {
        let mut state = self.state();
        match before {
            Some(before) => state.turns.insert(who.clone(), before),
            None => state.turns.remove(who),
        };
    }

    /// When the next call to the provider may go out; `None`: too late to wait for.
    fn slot(&self, provider: ProviderKind, apart: Duration) -> Option<Moment> {
        let now = self.clock.now();
        let mut state = self.state();
        let next = state.next.entry(provider).or_default();
        let slot = (*next).max(now);
        (slot.since(now) < DEADLINE / 2).then(|| {
            *next = slot + apart;
            slot
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Only maps are changed under this lock, one statement each.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn bounded(call: impl Future<Output = Outcome<String>>) -> Outcome<String> {
    let late = |_| unanswered(format!("the provider did not answer within {DEADLINE:?}"));
    tokio::time::timeout(DEADLINE, call).await.unwrap_or_else(late)
}

fn unanswered(message: String) -> Outcome<String> {
    Outcome::Unknown(Doubt { kind: DoubtKind::TimeOut, message })
}
