//! Which ProviderAccounts lead to which account. Several may lead to one: it is shared, with the lowest budget and the shortest sweep
//! period of all whose credentials work. Each proves its own credentials, and the account uses the newest that were accepted: a wrong
//! token in one of them stops that one and no other. Whoever knows an account's id and nothing more can do no more than have it asked once
//! a minute, after all that matters.
//!
//! A provider may end one token with another. So whenever the account turns to other credentials, and now and then besides, those that it
//! does not use are asked again: who has a token of yesterday must not work with somebody else's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::account::observer::Observer;
use crate::account::{Account, AccountId, Clock, Lane, Mandate, ObjectKey, PROBE_EVERY, Settings, Surroundings, Tripped, Waker};
use crate::core::outcome::{Outcome, Refusal, RefusalKind};
use crate::core::time::Moment;
use crate::provider::Provider;

/// Credentials that were accepted, and that the account does not use, are asked again after this time.
const RECHECK: Duration = Duration::from_secs(3600);

/// An account object of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its uid: an object made anew under the same name replaces the old one.
    pub uid: String,
    /// Its namespace and name.
    pub key: ObjectKey,
}

/// What an account object says about its account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountSettings {
    /// Calls per five seconds; the provider's default if absent.
    pub budget: Option<u32>,
    /// The general sweep period if absent.
    pub sweep_period: Option<Duration>,
}

struct Attachment {
    uid: String,
    account: Arc<Account>,
    provider: Arc<dyn Provider>,
    settings: AccountSettings,
    /// Of its credentials: the highest is the newest.
    version: u64,
    /// They were accepted once.
    proven: bool,
    /// They were refused since, with these words.
    rejected: Option<String>,
    /// Once refused, they are not tried again before.
    probe_at: Moment,
    /// When they were accepted last.
    checked: Moment,
    /// They were accepted, may have ended since, and are asked again from then on: not more than once a minute, however many others come.
    stale: Option<Moment>,
}

impl Attachment {
    fn works(&self) -> bool {
        self.proven && self.rejected.is_none()
    }

    fn refused(&mut self, message: &str, probe_at: Moment) {
        if self.rejected.is_none() {
            (self.rejected, self.probe_at) = (Some(message.to_owned()), probe_at);
        }
    }
}

/// How the credentials of an account object stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has confirmed them.
    Unproven {
        /// Time until [`Accounts::identify`] may be tried; zero: now. Others of this object were refused a moment ago.
        due: Duration,
    },
    /// They were accepted, and the account works.
    Proven,
    /// As [`Standing::Proven`], but they may have ended since: [`Accounts::identify`] is due.
    Stale,
    /// The provider refused them, or what the account uses instead of them.
    Rejected {
        /// What it said.
        message: String,
        /// Time until [`Accounts::identify`] may be tried again; zero: now.
        due: Duration,
    },
}

#[derive(Default)]
struct Attached {
    by_owner: BTreeMap<ObjectKey, Attachment>,
    /// Until when the checks that each object had, at one a minute, would have taken. One may go ahead of its time, so that a wrong token
    /// is mended at once; an object that comes back, with whatever credentials, is still the same.
    checks: BTreeMap<ObjectKey, Moment>,
    versions: u64,
    /// When the last owner left: calls made until then still count at the provider.
    closed: BTreeMap<AccountId, Moment>,
}

/// All live accounts.
pub struct Accounts {
    around: Surroundings,
    began: Moment,
    attached: Mutex<Attached>,
}

impl Accounts {
    /// None yet. To be made when this process begins to lead, and not while it stands by: the five seconds before count as used up by another one.
    pub fn new(settings: Settings, clock: Clock, wake: Waker) -> Self {
        let around = Surroundings { settings, clock, wake, mandate: Mandate::undisputed(), observer: Arc::new(()) };
        Self { around, began: clock.now(), attached: Mutex::default() }
    }

    /// What changes something at a provider is begun within this mandate only.
    #[must_use]
    pub fn within(self, mandate: Mandate) -> Self {
        Self { around: Surroundings { mandate, ..self.around }, ..self }
    }

    /// With somebody who counts what all of them do.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        Self { around: Surroundings { observer, ..self.around }, ..self }
    }

    /// The clock of all evidence.
    pub fn clock(&self) -> Clock {
        self.around.clock
    }

    /// The account object leads to this account, with these credentials, which were accepted before, and settings; an earlier attachment
    /// of the same object is replaced. Must be called inside a tokio runtime.
    pub fn attach(&self, owner: Owner, provider: Arc<dyn Provider>, id: AccountId, settings: AccountSettings) -> Arc<Account> {
        self.attach_as(owner, provider, id, settings, true)
    }

    /// As [`Accounts::attach`], with credentials that nobody has confirmed yet: no call but [`Accounts::identify`] goes out with them
    /// before that was answered as it should. A wrong token then costs one failed login, not one for each call. The account works on with
    /// the credentials of another object, if there is one whose were accepted.
    pub fn attach_unproven(&self, owner: Owner, provider: Arc<dyn Provider>, id: AccountId, settings: AccountSettings) -> Arc<Account> {
        self.attach_as(owner, provider, id, settings, false)
    }

    fn attach_as(&self, owner: Owner, provider: Arc<dyn Provider>, id: AccountId, settings: AccountSettings, proven: bool) -> Arc<Account> {
        let mut attached = self.attached();
        let existing = attached.by_owner.values().find(|attachment| *attachment.account.id() == id).map(|found| Arc::clone(&found.account));
        let account = existing.unwrap_or_else(|| {
            let capabilities = provider.capabilities();
            // What this process called itself until a moment ago counts against its own budget, not only against the provider's limit.
            let (began, provider_limit) = match attached.closed.remove(&id) {
                Some(closed) => (closed.max(self.began), 0),
                None => (self.began, capabilities.provider_limit),
            };
            let limits = (settings.budget.unwrap_or(capabilities.default_budget), provider_limit);
            Account::open(id, Arc::clone(&provider), !proven, limits, began, self.around.clone())
        });
        Self::note_refused(&mut attached, &account);
        let same = attached.by_owner.get(&owner.key).filter(|before| Arc::ptr_eq(&before.provider, &provider));
        let same =
            same.map(|before| (before.proven, before.rejected.clone(), before.probe_at, before.checked, before.stale, before.version));
        let (known, rejected, probe_at, checked, stale, version) = same.unwrap_or_else(|| {
            attached.versions += 1;
            (false, None, Moment::default(), self.around.clock.now(), None, attached.versions)
        });
        let (uid, proven) = (owner.uid, proven || known);
        let account = Arc::clone(&account);
        let attachment =
            Attachment { uid, account: Arc::clone(&account), provider, settings, version, proven, rejected, probe_at, checked, stale };
        let before = attached.by_owner.insert(owner.key, attachment);
        let mut woken = self.settle(&mut attached, &account);
        if let Some(before) = before.filter(|before| !Arc::ptr_eq(&before.account, &account)) {
            woken.extend(self.settle(&mut attached, &before.account));
        }
        drop(attached);
        self.wake(&woken);
        account
    }

    /// The account object is gone, or leads to no account any more. An account without any is closed.
    pub fn detach(&self, owner: &Owner) {
        let mut attached = self.attached();
        if attached.by_owner.get(&owner.key).is_some_and(|attachment| attachment.uid == owner.uid)
            && let Some(before) = attached.by_owner.remove(&owner.key)
        {
            let woken = self.settle(&mut attached, &before.account);
            drop(attached);
            self.wake(&woken);
        }
    }

    /// How the credentials of this account object stand; `None` if it leads to no account.
    pub fn standing(&self, owner: &ObjectKey) -> Option<Standing> {
        let attached = self.attached();
        let attachment = attached.by_owner.get(owner)?;
        let (account, now) = (&attachment.account, self.around.clock.now());
        let turn = attached.checks.get(owner).map_or(Duration::ZERO, |until| until.since(now + PROBE_EVERY));
        let rejected = |message, from: Moment| Standing::Rejected { message, due: from.since(now).max(turn) };
        Some(match (&attachment.rejected, account.tripped()) {
            (Some(message), _) => rejected(message.clone(), attachment.probe_at),
            (None, _) if !attachment.proven => Standing::Unproven { due: turn },
            (None, Some(tripped)) if Arc::ptr_eq(&tripped.by, &attachment.provider) => {
                let probe_at = tripped.probe_at();
                rejected(tripped.message, probe_at)
            }
            (None, Some(Tripped { message, .. })) => rejected(message, attachment.probe_at),
            (None, None) if account.uses(&attachment.provider) => Standing::Proven,
            (None, None) if attachment.stale.is_some_and(|from| from <= now) || now.since(attachment.checked) >= RECHECK => Standing::Stale,
            (None, None) => Standing::Proven,
        })
    }

    /// Asks the provider which account the credentials of this account object lead to. If it is the right one, they are proven, and a
    /// tripped or unproven account works again with them; if they are refused, that stops the account only if it uses them.
    pub async fn identify(&self, owner: &ObjectKey) -> Outcome<String> {
        let (account, provider, lane, before) = {
            let mut attached = self.attached();
            let Some(attachment) = attached.by_owner.get(owner) else { return replaced() };
            let (account, provider) = (Arc::clone(&attachment.account), Arc::clone(&attachment.provider));
            // What has nobody's confirmation comes after the work of those who have it.
            let served = attached.by_owner.values().any(|other| Arc::ptr_eq(&other.account, &account) && other.works());
            let lane = if served && !account.uses(&provider) { Lane::Repair } else { Lane::Urgent };
            let doubtful = !attachment.works();
            let now = self.around.clock.now();
            attached.checks.retain(|_, until| *until > now);
            let before = attached.checks.get(owner).copied();
            if doubtful {
                attached.checks.insert(owner.clone(), before.unwrap_or(now) + PROBE_EVERY);
            }
            // An answer that says nothing does not count, where nobody else's calls are in question.
            (account, provider, lane, (doubtful && !served).then_some(before))
        };
        let outcome = account.identify(&provider, lane).await;
        let was_tripped = account.tripped().is_some();
        let mut attached = self.attached();
        Self::note_refused(&mut attached, &account);
        match (&outcome, before) {
            // Who has the account may use it as it likes.
            (Outcome::Done(id), _) if *id == account.id().id => drop(attached.checks.remove(owner)),
            (Outcome::Done(_), _) => {}
            (Outcome::Refused(refusal), _) if refusal.kind == RefusalKind::Credentials => {}
            (_, Some(Some(before))) => drop(attached.checks.insert(owner.clone(), before)),
            (_, Some(None)) => drop(attached.checks.remove(owner)),
            (_, None) => {}
        }
        // What was replaced meanwhile is nobody's any more.
        let Some(attachment) = attached.by_owner.get_mut(owner).filter(|now| Arc::ptr_eq(&now.provider, &provider)) else {
            return replaced();
        };
        let mut heals = None;
        let mut woken = Vec::new();
        match &outcome {
            Outcome::Done(id) if *id == account.id().id => {
                let anew = !attachment.works();
                (attachment.proven, attachment.rejected) = (true, None);
                (attachment.checked, attachment.stale) = (self.around.clock.now(), None);
                woken.extend(self.settle(&mut attached, &account));
                heals = account.uses(&provider).then_some(anew);
                if heals.is_some() && was_tripped {
                    woken.extend(self.doubt_others(&mut attached, &account));
                }
            }
            Outcome::Refused(refusal) if refusal.kind == RefusalKind::Credentials => {
                attachment.rejected = None;
                attachment.refused(&refusal.message, self.around.clock.now() + PROBE_EVERY);
                woken.extend(self.settle(&mut attached, &account));
            }
            // They are of another account, whatever they were before.
            Outcome::Done(_) if attachment.proven => {
                (attachment.proven, attachment.stale) = (false, None);
                woken.extend(self.settle(&mut attached, &account));
            }
            _ => {}
        }
        drop(attached);
        self.wake(&woken);
        if let Some(anew) = heals {
            account.inner.untrip(anew);
        }
        outcome
    }

    /// The account that this account object leads to.
    pub fn get(&self, owner: &ObjectKey) -> Option<Arc<Account>> {
        self.attached().by_owner.get(owner).map(|attachment| Arc::clone(&attachment.account))
    }

    /// All, each once.
    pub fn all(&self) -> Vec<Arc<Account>> {
        let attached = self.attached();
        let by_id: BTreeMap<&AccountId, &Arc<Account>> =
            attached.by_owner.values().map(|attachment| (attachment.account.id(), &attachment.account)).collect();
        by_id.into_values().cloned().collect()
    }

    /// The account objects that lead to this account.
    pub fn owners(&self, id: &AccountId) -> Vec<ObjectKey> {
        let attached = self.attached();
        attached.by_owner.iter().filter(|(_, attachment)| attachment.account.id() == id).map(|(key, _)| key.clone()).collect()
    }

    /// A new term at all accounts: see [`Account::begin_term`].
    pub fn begin_term(&self) {
        for account in self.all() {
            account.begin_term();
        }
    }

    /// Whoever brought the credentials that tripped the account hears of it.
    fn note_refused(attached: &mut Attached, account: &Account) {
        let Some(tripped) = account.tripped() else { return };
        for attachment in attached.by_owner.values_mut().filter(|attachment| Arc::ptr_eq(&attachment.provider, &tripped.by)) {
            attachment.refused(&tripped.message, tripped.probe_at());
        }
    }

    /// Brings an account to what its owners say together: those whose credentials work, or, if nobody's do, the one whose are in use. Who
    /// has to be asked again is to be woken.
    fn settle(&self, attached: &mut Attached, account: &Arc<Account>) -> Vec<ObjectKey> {
        let Attached { by_owner, closed, .. } = attached;
        let owners = || by_owner.values().filter(|attachment| Arc::ptr_eq(&attachment.account, account));
        // What nobody has ever confirmed comes last.
        let Some(newest) = owners().max_by_key(|attachment| (attachment.works(), attachment.proven, attachment.version)) else {
            closed.insert(account.id().clone(), self.around.clock.now());
            account.close();
            return Vec::new();
        };
        let default = newest.provider.capabilities().default_budget;
        let speaks = |one: &&Attachment| one.works() || Arc::ptr_eq(&one.provider, &newest.provider);
        let limit = owners().filter(speaks).map(|one| one.settings.budget.unwrap_or(default)).min().unwrap_or(default);
        let period = owners().filter(speaks).map(|one| one.settings.sweep_period.unwrap_or(self.around.settings.sweep_period)).min();
        let (changed, works) = (account.use_provider(&newest.provider, newest.proven), newest.works());
        account.configure(limit, period.unwrap_or(self.around.settings.sweep_period));
        if changed && works { self.doubt_others(attached, account) } else { Vec::new() }
    }

    /// The account works with what it uses now; that of the others may have ended with what it used before.
    fn doubt_others(&self, attached: &mut Attached, account: &Account) -> Vec<ObjectKey> {
        let now = self.around.clock.now();
        let all = attached.by_owner.iter_mut().filter(|(_, one)| one.account.id() == account.id());
        let mut due = Vec::new();
        for (key, one) in all.filter(|(_, one)| one.works() && !account.uses(&one.provider)) {
            // Who is not woken is looked at again before long.
            let from = *one.stale.get_or_insert(now.max(one.checked + PROBE_EVERY));
            due.extend((from <= now).then(|| key.clone()));
        }
        due
    }

    fn wake(&self, who: &[ObjectKey]) {
        who.iter().for_each(|key| (self.around.wake)(key));
    }

    fn attached(&self) -> MutexGuard<'_, Attached> {
        // Only maps are changed under this lock, one statement each.
        self.attached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn replaced<T>() -> Outcome<T> {
    let message = "these credentials are not in use any more".to_owned();
    Outcome::Refused(Refusal { kind: RefusalKind::Unreachable, message, retry_after: None })
}
