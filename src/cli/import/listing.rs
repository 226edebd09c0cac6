//! What the account holds, listed as the operator lists it: within the account's budget, proven complete where that is possible.

use std::io::{IsTerminal, Write, stderr};
use std::pin::pin;
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
/// How long a bar is, in characters: the line has to fit into a terminal.
const BAR: u64 = 20;
/// What stood in the line is gone, and the next text begins it.
const ANEW: &str = "\r\x1b[K";

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
    let listing = Listing { account: &live, tally: &tally, changed: &changed, permissions: from.permissions };
    let work = async {
        let mut unproven = Vec::new();
        if what.endpoints {
            let seen = || live.snapshots().newest.map(|newest| (newest.seq, newest.is_complete()));
            // An account lists its endpoints by itself until it has them all; asking for it would be a second listing.
            if !listing.wait(capabilities.provider, || (), seen).await? {
                unproven.push("endpoints");
            }
        }
        if what.numbers {
            let seen = || live.numbers().newest.map(|newest| (newest.seq, newest.is_complete()));
            if !listing.wait(capabilities.provider, || live.want_numbers(key.clone(), Lane::Repair), seen).await? {
                unproven.push("numbers");
            }
        }
        anyhow::Ok(unproven)
    };
    let wanted = [(what.endpoints, "endpoints", &tally.endpoints), (what.numbers, "numbers", &tally.numbers)];
    let now = || wanted.iter().filter(|(wanted, ..)| *wanted).map(|(_, name, progress)| (*name, progress.now())).collect::<Vec<_>>();
    let unproven = shown(work, stderr().is_terminal(), &mut stderr(), || far(&now())).await?;
    let mut endpoints = Vec::new();
    if let Some(newest) = live.snapshots().newest.filter(|_| what.endpoints) {
        endpoints.extend(newest.items.iter().cloned());
    }
    let mut numbers = Vec::new();
    if let Some(newest) = live.numbers().newest.filter(|_| what.numbers) {
        numbers.extend(newest.items.iter().cloned());
    }
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

/// Does the work, and says meanwhile on a terminal how far it has come: in one line, of which nothing is left at the end.
async fn shown<T>(work: impl Future<Output = T>, terminal: bool, out: &mut impl Write, far: impl Fn() -> String) -> T {
    let mut work = pin!(work);
    if !terminal {
        return work.await;
    }
    // Whoever closed it does without.
    let mut say = |text: &str| drop(write!(out, "{ANEW}{text}").and_then(|()| out.flush()));
    let mut drawn = false;
    loop {
        match tokio::time::timeout(LOOK, &mut work).await {
            Err(_) => say(&far()),
            Ok(done) if !drawn => return done,
            Ok(done) => {
                say("");
                return done;
            }
        }
        drawn = true;
    }
}

/// How far it has come with these, one after the other: each with how many were seen, and of how many, if the provider has said so. What is
/// being listed has a bar, what is behind it only its number, and what is before it nothing.
fn far(parts: &[(&str, (u64, Option<u64>))]) -> String {
    let begun = parts.iter().rposition(|(_, now)| *now != (0, None)).unwrap_or_default();
    let one = |(index, (name, (seen, total))): (usize, &(&str, (u64, Option<u64>)))| match total {
        Some(total) if index == begun => {
            // It may have grown since the provider said so.
            let total = (*total).max(*seen);
            let full = seen.saturating_mul(BAR) / total.max(1);
            let [full, open] = [(full, "#"), (BAR - full, ".")].map(|(length, of)| of.repeat(usize::try_from(length).unwrap_or_default()));
            format!("{name} [{full}{open}] {seen}/{total}")
        }
        Some(_) | None => format!("{name} {seen}"),
    };
    let parts: Vec<String> = parts.iter().enumerate().take(begun + 1).map(one).collect();
    format!("listing {}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn how_far_it_has_come_is_a_bar_as_soon_as_it_is_known_of_how_many() {
        let table = [
            ((0, None), "listing endpoints 0"),
            ((120, None), "listing endpoints 120"),
            ((0, Some(500)), "listing endpoints [....................] 0/500"),
            ((120, Some(500)), "listing endpoints [####................] 120/500"),
            ((499, Some(500)), "listing endpoints [###################.] 499/500"),
            ((500, Some(500)), "listing endpoints [####################] 500/500"),
            // It grew while it was read.
            ((512, Some(500)), "listing endpoints [####################] 512/512"),
            ((1, Some(3)), "listing endpoints [######..............] 1/3"),
        ];
        for (now, expected) in table {
            assert_eq!(far(&[("endpoints", now)]), expected, "{now:?}");
        }
    }

    #[test]
    fn of_several_the_one_that_is_being_listed_has_the_bar_and_the_line_fits_into_a_terminal() {
        let table = [
            ((0, None), (0, None), "listing endpoints 0"),
            ((40, Some(50)), (0, None), "listing endpoints [################....] 40/50"),
            ((50, Some(50)), (20, None), "listing endpoints 50, numbers 20"),
            ((50, Some(50)), (0, Some(120)), "listing endpoints 50, numbers [....................] 0/120"),
            ((99_999, Some(99_999)), (99_999, Some(99_999)), "listing endpoints 99999, numbers [####################] 99999/99999"),
        ];
        for (endpoints, numbers, expected) in table {
            let line = far(&[("endpoints", endpoints), ("numbers", numbers)]);
            assert!(line == expected && line.len() < 80, "{line}\nis not\n{expected}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn on_a_terminal_it_is_drawn_over_itself_and_gone_at_the_end_and_elsewhere_nothing_is_said() {
        let table = [(true, LOOK * 5 / 2, "\r\x1b[K1 of 2\r\x1b[K2 of 2\r\x1b[K"), (true, LOOK / 2, ""), (false, LOOK * 5 / 2, "")];
        for (terminal, takes, expected) in table {
            let (mut out, looks) = (Vec::new(), Cell::new(0));
            let far = || {
                looks.set(looks.get() + 1);
                format!("{} of 2", looks.get())
            };
            let work = async {
                tokio::time::sleep(takes).await;
                "done"
            };
            let done = shown(work, terminal, &mut out, far).await;
            assert_eq!((done, String::from_utf8(out).expect("text").as_str()), ("done", expected), "{terminal}, {takes:?}");
        }
    }
}
