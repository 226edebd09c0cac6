//! What the account holds, listed as the operator lists it: within the account's budget, proven complete where that is possible.

use std::io::{IsTerminal, Write as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use tokio::sync::Notify;

use crate::account::{Account, AccountId, AccountSettings, Accounts, Clock, Health, Lane, Owner, Settings};
use crate::api::refs::ProviderKind;
use crate::core::capabilities::Capabilities;
use crate::core::fields::{Number, Remote};
use crate::core::outcome::{Outcome, RefusalKind};
use crate::provider::read_only::{ReadOnly, Tally};
use crate::provider::{Connection, Provider};

/// For each collection: ten thousand things are 527 calls, most of the time is waiting for the budget.
const LONGEST: Duration = Duration::from_secs(20 * 60);
/// For the one call that tells whose the credentials are.
const IDENTIFY: Duration = Duration::from_secs(60);
/// How often that is tried.
const ATTEMPTS: u32 = 4;
/// Listings that prove nothing, before what was seen has to do.
const LISTINGS: u32 = 3;
/// Calls that fail one after another, before it is given up.
const FAILURES: u32 = 5;
/// A call that was not answered is repeated after this time, which doubles.
const RETRY_BASE: Duration = Duration::from_millis(500);
/// How often it is looked how far it has come.
const LOOK: Duration = Duration::from_millis(100);

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct What {
    pub(super) endpoints: bool,
    pub(super) numbers: bool,
}

/// What the account holds.
pub(super) struct Listed {
    pub(super) account: AccountId,
    pub(super) capabilities: Capabilities,
    /// In the order of their ids.
    pub(super) endpoints: Vec<Remote>,
    /// In the order of their digits.
    pub(super) numbers: Vec<Number>,
    /// What could not be proven to be all: `endpoints`, `numbers`.
    pub(super) unproven: Vec<&'static str>,
    /// Calls to the provider that it took.
    pub(super) calls: u64,
}

/// Whose listing it is, and at which pace it is read.
pub(super) struct From {
    pub(super) owner: Owner,
    /// The account that the object led to before.
    pub(super) pinned: Option<AccountId>,
    pub(super) budget: Option<u32>,
    /// What the provider must let the credentials do, where it grants that piece by piece.
    pub(super) permissions: Option<&'static str>,
}

/// Lists the account. Nothing that changes anything can be called on the way.
///
/// # Errors
/// The credentials are refused or lead elsewhere, or the provider does not answer.
pub(super) async fn list(connection: Connection, from: From, what: What) -> anyhow::Result<Listed> {
    let tally = Arc::new(Tally::default());
    let provider: Arc<dyn Provider> = Arc::new(ReadOnly::new(connection.provider, Arc::clone(&tally)));
    let capabilities = provider.capabilities();
    let id = identify(&*provider).await?;
    let account = AccountId { provider: capabilities.provider, id };
    if let Some(pinned) = from.pinned.filter(|pinned| *pinned != account) {
        bail!("the credentials lead to account {account}, but {} has belonged to {pinned} so far; nothing was listed", from.owner.key);
    }
    let changed = Arc::new(Notify::new());
    let woken = Arc::clone(&changed);
    let settings = Settings { settle: LONGEST, sweep_period: LONGEST, retry_base: RETRY_BASE };
    let accounts = Accounts::new(settings, Clock::start(), Arc::new(move |_| woken.notify_one()));
    let key = from.owner.key.clone();
    let settings = AccountSettings { budget: from.budget, sweep_period: None };
    let live = accounts.attach(from.owner, provider, account.clone(), settings);
    let progress = Progress::start(&tally, what);
    let listing = Listing { account: &live, tally: &tally, changed: &changed, permissions: from.permissions };
    let (mut endpoints, mut numbers, mut unproven) = (Vec::new(), Vec::new(), Vec::new());
    if what.endpoints {
        let seen = || live.snapshots().newest.map(|newest| (newest.seq, newest.is_complete()));
        // An account lists its endpoints by itself until it has them all; asking for it would be a second listing.
        if !listing.wait(capabilities.provider, || (), seen).await? {
            unproven.push("endpoints");
        }
        endpoints = live.snapshots().newest.map(|newest| newest.items.iter().cloned().collect()).unwrap_or_default();
    }
    if what.numbers {
        let seen = || live.numbers().newest.map(|newest| (newest.seq, newest.is_complete()));
        if !listing.wait(capabilities.provider, || live.want_numbers(key.clone(), Lane::Repair), seen).await? {
            unproven.push("numbers");
        }
        numbers = live.numbers().newest.map(|newest| newest.items.iter().cloned().collect()).unwrap_or_default();
    }
    drop(progress);
    live.close();
    endpoints.sort_by(|one: &Remote, other| one.id.cmp(&other.id));
    Ok(Listed { account, capabilities, endpoints, numbers, unproven, calls: tally.calls() })
}

/// Whose the credentials are; the call that proves them.
async fn identify(provider: &dyn Provider) -> anyhow::Result<String> {
    let kind = provider.capabilities().provider;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let outcome = tokio::time::timeout(IDENTIFY, provider.identify()).await;
        let (message, wait) = match outcome {
            Ok(Outcome::Done(id)) => return Ok(id),
            Ok(Outcome::Refused(refusal)) if refusal.kind == RefusalKind::Credentials => bail!(
                "{kind} refuses the credentials: {}. Mend the Secret; the operator says the same in the account's condition Ready",
                refusal.message.trim_end_matches('.')
            ),
            Ok(Outcome::Refused(refusal)) => (refusal.message, refusal.retry_after.unwrap_or_default()),
            Ok(Outcome::Unknown(doubt)) => (doubt.message, Duration::ZERO),
            Ok(Outcome::NotFound { .. }) => bail!("{kind} does not know the account of these credentials"),
            Err(_) => (format!("no answer within {IDENTIFY:?}"), Duration::ZERO),
        };
        if attempt == ATTEMPTS {
            bail!("{kind} did not say whose the credentials are, asked {ATTEMPTS} times: {message}");
        }
        tokio::time::sleep(wait.max(RETRY_BASE * 2_u32.pow(attempt))).await;
    }
}

/// A listing that is waited for.
struct Listing<'a> {
    account: &'a Account,
    tally: &'a Tally,
    changed: &'a Notify,
    permissions: Option<&'static str>,
}

impl Listing<'_> {
    /// Until one is complete, or several were not. Whether it is. `seen`: the number of the newest, and whether it is complete.
    async fn wait(&self, kind: ProviderKind, want: impl Fn(), seen: impl Fn() -> Option<(u64, bool)>) -> anyhow::Result<bool> {
        let look = async {
            let (mut last, mut incomplete) = (0, 0);
            want();
            loop {
                match seen() {
                    Some((_, true)) => return Ok(true),
                    Some((number, false)) if number != last => {
                        (last, incomplete) = (number, incomplete + 1);
                        if incomplete == LISTINGS {
                            return Ok(false);
                        }
                        want();
                    }
                    _ => {}
                }
                if let Health::Tripped { message, .. } = self.account.health() {
                    let needed = self.permissions.map(|needed| format!(". {needed}; with --only endpoints it needs nothing of numbers"));
                    bail!("{kind} refuses to list that: {}{}", message.trim_end_matches('.'), needed.unwrap_or_default());
                }
                let (failures, message) = self.tally.failures();
                if failures >= FAILURES {
                    bail!("{kind} failed to answer {failures} times in a row: {message}");
                }
                // Not everything that matters wakes.
                let _ = tokio::time::timeout(LOOK, self.changed.notified()).await;
            }
        };
        match tokio::time::timeout(LONGEST, look).await {
            Ok(found) => found,
            Err(_) => bail!("listing took longer than {LONGEST:?}; nothing was written. {}", self.tally.failures().1),
        }
    }
}

/// Says on a terminal how far it has come, until it is dropped.
struct Progress(Option<tokio::task::JoinHandle<()>>);

impl Progress {
    fn start(tally: &Arc<Tally>, what: What) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let tally = Arc::clone(tally);
        Self(Some(tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                // Whoever closed it does without.
                let _ = write!(std::io::stderr(), "\r\x1b[K{}", far(&tally, what));
                let _ = std::io::stderr().flush();
            }
        })))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// How far it has come, in a few words.
fn far(tally: &Tally, What { endpoints, numbers }: What) -> String {
    let one = |name: &str, (seen, total): (u64, Option<u64>)| match total {
        Some(total) => format!("{name} {}/{total}", seen.min(total)),
        None => format!("{name} {seen}"),
    };
    let parts = [(endpoints, "endpoints", tally.endpoints.now()), (numbers, "numbers", tally.numbers.now())];
    let parts: Vec<String> = parts.into_iter().filter(|(wanted, ..)| *wanted).map(|(_, name, now)| one(name, now)).collect();
    format!("listing {}", parts.join(", "))
}
