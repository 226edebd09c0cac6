//! Which ProviderAccounts lead to which account. Several may lead to one: it is shared, with the lowest budget and the shortest sweep
//! period of all. Each proves its own credentials, and the account uses the newest that were accepted: a wrong token in one of them
//! stops that one and no other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::account::{Account, AccountId, Clock, ObjectKey, Settings, Waker};
use crate::core::outcome::{Outcome, Refusal, RefusalKind};
use crate::core::time::Moment;
use crate::provider::Provider;

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
}

impl Attachment {
    fn works(&self) -> bool {
        self.proven && self.rejected.is_none()
    }
}

/// How the credentials of an account object stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has confirmed them: [`Accounts::identify`] is due.
    Unproven,
    /// They were accepted, and the account works.
    Proven,
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
    versions: u64,
    /// When the last owner left: calls made until then still count at the provider.
    closed: BTreeMap<AccountId, Moment>,
}

/// All live accounts.
pub struct Accounts {
    settings: Settings,
    clock: Clock,
    began: Moment,
    wake: Waker,
    attached: Mutex<Attached>,
}

impl Accounts {
    /// None yet. To be made when the process begins: the five seconds before count as used up by another one.
    pub fn new(settings: Settings, clock: Clock, wake: Waker) -> Self {
        Self { settings, clock, began: clock.now(), wake, attached: Mutex::default() }
    }

    /// The clock of all evidence.
    pub fn clock(&self) -> Clock {
        self.clock
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
            Account::open(id, Arc::clone(&provider), !proven, limits, began, self.clock, self.settings, Arc::clone(&self.wake))
        });
        Self::note_refused(&mut attached, &account);
        let same = attached.by_owner.get(&owner.key).filter(|before| Arc::ptr_eq(&before.provider, &provider));
        let (known, rejected) = same.map_or((false, None), |before| (before.proven, before.rejected.clone()));
        let version = same.map(|before| before.version).unwrap_or_else(|| {
            attached.versions += 1;
            attached.versions
        });
        let proven = proven || known;
        let attachment = Attachment { uid: owner.uid, account: Arc::clone(&account), provider, settings, version, proven, rejected };
        let before = attached.by_owner.insert(owner.key, attachment);
        self.settle(&mut attached, &account);
        if let Some(before) = before.filter(|before| !Arc::ptr_eq(&before.account, &account)) {
            self.settle(&mut attached, &before.account);
        }
        account
    }

    /// The account object is gone, or leads to no account any more. An account without any is closed.
    pub fn detach(&self, owner: &Owner) {
        let mut attached = self.attached();
        if attached.by_owner.get(&owner.key).is_some_and(|attachment| attachment.uid == owner.uid)
            && let Some(before) = attached.by_owner.remove(&owner.key)
        {
            self.settle(&mut attached, &before.account);
        }
    }

    /// How the credentials of this account object stand; `None` if it leads to no account.
    pub fn standing(&self, owner: &ObjectKey) -> Option<Standing> {
        let attached = self.attached();
        let attachment = attached.by_owner.get(owner)?;
        let account = &attachment.account;
        Some(match attachment.rejected.clone().or_else(|| account.tripped().map(|(message, _)| message)) {
            _ if !attachment.proven && attachment.rejected.is_none() => Standing::Unproven,
            Some(message) => Standing::Rejected { message, due: account.probe_due() },
            None => Standing::Proven,
        })
    }

    /// Asks the provider which account the credentials of this account object lead to. If it is the right one, they are proven, and a
    /// tripped or unproven account works again with them; if they are refused, that stops the account only if it uses them.
    pub async fn identify(&self, owner: &ObjectKey) -> Outcome<String> {
        let (account, provider) = {
            let attached = self.attached();
            let Some(attachment) = attached.by_owner.get(owner) else { return replaced() };
            (Arc::clone(&attachment.account), Arc::clone(&attachment.provider))
        };
        let outcome = account.identify(&provider).await;
        let mut attached = self.attached();
        Self::note_refused(&mut attached, &account);
        // What was replaced meanwhile is nobody's any more.
        let Some(attachment) = attached.by_owner.get_mut(owner).filter(|now| Arc::ptr_eq(&now.provider, &provider)) else {
            return replaced();
        };
        let mut heals = None;
        match &outcome {
            Outcome::Done(id) if *id == account.id().id => {
                let anew = !attachment.works();
                (attachment.proven, attachment.rejected) = (true, None);
                self.settle(&mut attached, &account);
                heals = account.uses(&provider).then_some(anew);
            }
            Outcome::Refused(refusal) if refusal.kind == RefusalKind::Credentials => {
                attachment.rejected = Some(refusal.message.clone());
                self.settle(&mut attached, &account);
            }
            _ => {}
        }
        drop(attached);
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
        let Some((message, by)) = account.tripped() else { return };
        for attachment in attached.by_owner.values_mut().filter(|attachment| Arc::ptr_eq(&attachment.provider, &by)) {
            attachment.rejected.get_or_insert_with(|| message.clone());
        }
    }

    /// Brings an account to what its owners say together.
    fn settle(&self, attached: &mut Attached, account: &Arc<Account>) {
        let Attached { by_owner, closed, .. } = attached;
        let owners = || by_owner.values().filter(|attachment| Arc::ptr_eq(&attachment.account, account));
        let Some(newest) = owners().max_by_key(|attachment| (attachment.works(), attachment.version)) else {
            closed.insert(account.id().clone(), self.clock.now());
            return account.close();
        };
        account.use_provider(&newest.provider, newest.proven);
        let default = newest.provider.capabilities().default_budget;
        let limit = owners().map(|attachment| attachment.settings.budget.unwrap_or(default)).min().unwrap_or(default);
        let period = owners().map(|attachment| attachment.settings.sweep_period.unwrap_or(self.settings.sweep_period)).min();
        account.configure(limit, period.unwrap_or(self.settings.sweep_period));
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
