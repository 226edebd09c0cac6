//! `verdict` for ProviderAccounts and ClusterProviderAccounts: what an account object says about itself, whom it serves, and when it is looked at again.
//!
//! | # | the account object | Ready, reason | serves |
//! |---|---|---|---|
//! | A1 | its credentials lead nowhere, and none that were proven are kept | False, as found | nobody |
//! | A2 | a brake holds | False, `Braked` | all (what is held, it tells itself) |
//! | A3 | it is being deleted, and objects use it | False, `DeletionRefused` | deletions |
//! | A4 | its Secret is gone or may not be read any more, proven credentials are kept (in memory, or in escrow) | False, as found | deletions |
//! | A5 | `spec.suspend` | False, `Suspended` | all (who may write is asked of `suspended`) |
//! | A6 | otherwise | True, `Available` | all |
//!
//! A1 to A4 answer with the first that applies; who is served follows from A1, A3 and A4, whatever A2 says.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::api::condition::{ConditionStatus, ConditionType, Reason, Verdict as Kstatus};
use crate::api::provider_account::{BrakeRecord, Gateway};
use crate::api::{ANNOTATION_ACKNOWLEDGE_BRAKE, ANNOTATION_FORCE_ORPHAN};
use crate::core::action::Finding;
use crate::core::brake::{Held, Kind};
use crate::core::fields::{Address, Remote, Role};
use crate::core::key::{Kind as AccountKind, ObjectKey};
use crate::core::view::Problem;

/// How many of those who use an account are named.
const NAMED: usize = 3;
/// How often the pause between two tries to reach the provider doubles.
const MOST_DOUBLED: u32 = 6;
/// How many gateways a status shows.
const MOST_GATEWAYS: usize = 64;

/// Everything that is decided on.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts<'a> {
    /// The account object.
    pub key: &'a ObjectKey,
    /// Where its credentials lead.
    pub access: Access,
    /// What the provider must let them do, in words for people, where it grants that piece by piece.
    pub permissions: Option<&'static str>,
    /// `deletionTimestamp` is set.
    pub deleting: bool,
    /// Who uses it; read live if it is being deleted.
    pub users: Users,
    /// `spec.suspend`.
    pub suspended: bool,
    /// Brakes of its account that hold.
    pub brakes: Vec<(Kind, BrakeRecord)>,
    /// The waits.
    pub waits: Waits,
}

/// The objects that refer to an account and may use it, or have something in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Users {
    /// These.
    Known(Vec<ObjectKey>),
    /// The API server did not say which.
    Unread,
}

impl Users {
    /// Certainly nobody.
    pub fn none(&self) -> bool {
        matches!(self, Users::Known(known) if known.is_empty())
    }
}

/// When an account is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// While nothing is wrong, and while something only a change can mend: that wakes it.
    pub rest: Duration,
    /// After a failure of the provider.
    pub retry: Duration,
}

/// How long it is until a provider that could not be asked, `attempts` times in a row, is asked again. Each try is a call.
pub fn pause(waits: Waits, attempts: u32) -> Duration {
    let Waits { rest, retry } = waits;
    retry.saturating_mul(2_u32.pow(attempts.saturating_sub(1).min(MOST_DOUBLED))).min(rest.max(retry))
}

/// Where the credentials of an account object lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// The provider accepts them for this account (as printed).
    Proven(String),
    /// There are none that can be used, for this reason.
    Missing(Problem),
    /// As [`Access::Missing`], because they are gone or may not be read any more; the last ones that were proven are still in memory, and
    /// objects need them.
    Kept(Problem),
    /// As [`Access::Missing`], because they are gone or may not be read any more, while deletions are due; and there are none in escrow.
    Lost {
        /// What was found of the account's own Secret.
        found: Problem,
        /// Why there is nothing else.
        escrow: NoEscrow,
    },
    /// They are of another account than the one that this object is pinned to.
    Pinned {
        /// Whose they are.
        found: String,
        /// Whose they should be.
        pinned: String,
    },
    /// The provider says that they lead to another account than they claim to.
    Elsewhere {
        /// The account that they name.
        claimed: String,
        /// The account that the provider names.
        found: String,
    },
    /// The provider rejects them.
    Rejected {
        /// In its words.
        message: String,
        /// When it may be asked again.
        due: Option<Duration>,
    },
    /// They are new, but others of this object were refused a moment ago: the provider is asked in so long.
    Waiting(Duration),
    /// The provider could not be asked.
    Unreachable {
        /// Why.
        message: String,
        /// How often in a row, this one included.
        attempts: u32,
    },
}

impl Access {
    /// Who has them may speak for the account: they are not refused, and not somebody else's. Not answered is not refused.
    pub fn speaks(&self) -> bool {
        matches!(self, Access::Proven(_) | Access::Kept(_) | Access::Unreachable { .. })
    }
}

/// Why deletions cannot be served from escrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoEscrow {
    /// The operator keeps none.
    Off,
    /// There is none of this account.
    Absent,
    /// It could not be read, for this reason.
    Unreadable(String),
}

/// Whom an account serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serves {
    /// Nobody, for this reason.
    Nobody(Problem),
    /// Deletions that run, and nothing else, for this reason.
    Deletions(Problem),
    /// Everybody.
    All,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The condition `Ready` and its reason.
    pub finding: Finding,
    /// Whom it serves.
    pub serves: Serves,
    /// When it is looked at again, unless something wakes it.
    pub again: Duration,
}

/// Our finalizer could not be put on, for this reason: nobody is served, or the account could go while endpoints need it.
pub fn unguarded(facts: &Facts<'_>, error: &str) -> Verdict {
    let message = format!(
        "the finalizer that keeps this account while objects use it could not be put on ({error}); nothing is called for its objects until it is, which is tried again by itself"
    );
    let finding = Finding::new(Reason::Progressing, message.clone());
    Verdict { finding, serves: Serves::Nobody(Problem { reason: Reason::AccountNotReady, message }), again: facts.waits.retry }
}

/// Decides. Pure: same facts, same verdict.
pub fn verdict(facts: &Facts<'_>) -> Verdict {
    let (serves, again) = serves(facts);
    let also = |problem: &Problem| match facts.deleting {
        true => Finding::new(problem.reason, format!("{}. {}", problem.message, in_use(facts))),
        false => Finding::new(problem.reason, problem.message.clone()),
    };
    let finding = match &serves {
        Serves::Nobody(problem) => also(problem),
        Serves::Deletions(_) | Serves::All if !facts.brakes.is_empty() => Finding::new(Reason::Braked, braked(facts)),
        Serves::Deletions(problem) => also(problem),
        Serves::All if facts.suspended => Finding::new(
            Reason::Suspended,
            "suspended: nothing is written at the provider for the objects of this account, and deletions wait. Reads go on. Set spec.suspend to false to go on",
        ),
        Serves::All => match &facts.access {
            Access::Proven(account) => Finding::new(Reason::Available, format!("the provider accepts the credentials of {account}")),
            _ => Finding::new(Reason::Progressing, "the credentials are being checked"),
        },
    };
    Verdict { finding, serves, again }
}

fn serves(facts: &Facts<'_>) -> (Serves, Duration) {
    let Waits { rest, retry } = facts.waits;
    let problem = |reason, message: String| Problem { reason, message };
    // What objects are told holds no counts: they would all be written again whenever one of them goes.
    let going = "it is being deleted, and until nothing uses it any more it serves running deletions and nothing else";
    let (missing, again) = match &facts.access {
        Access::Proven(_) if facts.deleting => return (Serves::Deletions(problem(Reason::DeletionRefused, going.into())), retry),
        Access::Proven(_) => return (Serves::All, rest),
        Access::Kept(found) if facts.deleting => {
            let message = format!("{going}. {}", kept(found));
            return (Serves::Deletions(problem(Reason::DeletionRefused, message)), retry);
        }
        Access::Kept(found) => return (Serves::Deletions(problem(found.reason, kept(found))), rest),
        Access::Missing(found) => (found.clone(), rest),
        Access::Lost { found, escrow } => {
            let again = if matches!(escrow, NoEscrow::Unreadable(_)) { retry } else { rest };
            (Problem { message: lost(found, escrow), ..found.clone() }, again)
        }
        Access::Pinned { found, pinned } => {
            let kind = facts.key.kind;
            let message = format!(
                "the Secret's credentials are of account {found}, but this {kind} is pinned to {pinned}: nothing is called in either. Put the credentials of {pinned} back, or make a new {kind} for {found}"
            );
            (problem(Reason::AccountMismatch, message), rest)
        }
        Access::Elsewhere { claimed, found } => {
            let message = format!("the credentials of {claimed} lead to account {found}; nothing is called. Mend the Secret");
            // Each look is a call.
            (problem(Reason::AccountMismatch, message), rest.max(retry))
        }
        Access::Rejected { message, due } => {
            let permissions = facts.permissions.map(|permissions| format!(" {permissions}.")).unwrap_or_default();
            let message = format!(
                "the provider rejects the credentials ({message}).{permissions} Nothing is called for the objects of this account but a probe now and then, one a minute at most; mend the Secret and this goes on within a second"
            );
            (problem(Reason::CredentialsRejected, message), due.unwrap_or(retry))
        }
        Access::Waiting(due) => {
            let message = "the credentials were changed again right after others were refused; the provider is asked about them within a minute, and nothing is called for the objects of this account before";
            (problem(Reason::CredentialsRejected, message.into()), *due)
        }
        Access::Unreachable { message, attempts } => {
            let message = format!("{message}. Nothing is called for its objects meanwhile; it is tried again by itself");
            return (Serves::Nobody(problem(Reason::ProviderUnreachable, message)), pause(facts.waits, *attempts));
        }
    };
    // Whether it is still needed is looked at often while it waits to go, where that costs no call.
    let called = matches!(facts.access, Access::Elsewhere { .. });
    let again = if facts.deleting && !called { again.min(retry) } else { again };
    (Serves::Nobody(missing), again)
}

fn kept(problem: &Problem) -> String {
    format!("{}. Deletions that run go on with the credentials that were last accepted; nothing else is done with them", problem.message)
}

/// Nothing but people can end this, so it says what they can do.
fn lost(found: &Problem, escrow: &NoEscrow) -> String {
    let why = match escrow {
        NoEscrow::Off => "the operator runs with --no-escrow, so it kept no copy of the credentials".to_owned(),
        NoEscrow::Absent => "there is no copy of the credentials in escrow".to_owned(),
        NoEscrow::Unreadable(error) => {
            format!("the copy of the credentials in escrow cannot be read ({error}), which is tried again by itself")
        }
    };
    format!(
        "{}. Deletions wait for it: {why}. Put the Secret back, or give up what an object has at the provider with the annotation {ANNOTATION_FORCE_ORPHAN}",
        found.message
    )
}

fn in_use(facts: &Facts<'_>) -> String {
    let Users::Known(users) = &facts.users else {
        return "whether anything uses it could not be read: it stays until that is known".into();
    };
    // Those of its own namespace by name.
    let name = |user: &ObjectKey| if user.namespace == facts.key.namespace { user.name.clone() } else { user.to_string() };
    if let [one] = users.as_slice() {
        return format!("{} {} uses it: it goes when that is gone", one.kind, name(one));
    }
    let alike = users.first().map(|first| first.kind).filter(|kind| users.iter().all(|user| user.kind == *kind));
    let full = |user: &ObjectKey| if alike.is_some() { name(user) } else { format!("{} {}", user.kind, name(user)) };
    let named = users.iter().take(NAMED).map(full).collect::<Vec<_>>().join(", ");
    let more = if users.len() > NAMED { ", …" } else { "" };
    let what = alike.map_or("objects".to_owned(), |kind| format!("{kind}s"));
    format!("{} {what} use it ({named}{more}): it goes when the last of them is gone", users.len())
}

/// The command that acknowledges a brake.
pub fn acknowledge(account: &ObjectKey, token: &str) -> String {
    let place = match account.kind {
        AccountKind::ClusterProviderAccount => format!("annotate clusterprovideraccount {}", account.name),
        _ => format!("-n {} annotate provideraccount {}", account.namespace, account.name),
    };
    format!("kubectl {place} {ANNOTATION_ACKNOWLEDGE_BRAKE}={token} --overwrite")
}

/// What the brakes hold, for the account's conditions.
pub fn braked(facts: &Facts<'_>) -> String {
    let one = |(kind, record): &(Kind, BrakeRecord)| {
        let what = match kind {
            Kind::Deletions => format!(
                "{} endpoints were to be deleted within a minute; {} went through, the others are held",
                record.count, record.admitted
            ),
            Kind::Absences => format!("{} endpoints vanished at the provider within a minute; none is created anew", record.count),
        };
        format!("{what} until somebody acknowledges it with the token {}: {}", record.token, acknowledge(facts.key, &record.token))
    };
    facts.brakes.iter().map(one).collect::<Vec<_>>().join(". ")
}

/// What an object that is held says. It does not change while it waits.
pub fn held(kind: Kind, held: &Held, account: &ObjectKey) -> Problem {
    match held {
        Held::Braked { token } => {
            let what = match kind {
                Kind::Deletions => {
                    "more endpoints of this account than its brake allows are being deleted within a minute: this one is not deleted"
                }
                Kind::Absences => {
                    "more endpoints of this account than its brake allows vanished at the provider within a minute: no new one is created for this object"
                }
            };
            let command = acknowledge(account, token);
            Problem { reason: Reason::Braked, message: format!("{what} until somebody acknowledges it ({token}): {command}") }
        }
        Held::Throttled { most, .. } => Problem {
            reason: Reason::Throttled,
            message: format!(
                "endpoint was deleted outside Switchboard; {most} of this account have been created anew lately, the next ones follow by themselves. No action is needed"
            ),
        },
    }
}

/// The addresses that the provider's calls come from, of everything that a listing shows: sorted, each once, as many as a status holds.
pub fn gateways<'a>(listing: impl IntoIterator<Item = &'a Remote>) -> Vec<Gateway> {
    let addresses = listing.into_iter().filter_map(|remote| match &remote.role {
        Role::Gateway(addresses) => Some(addresses),
        Role::Own | Role::Elsewhere => None,
    });
    // What the schema would refuse would keep everything else from being written as well.
    let fits = |address: &&Address| address.ip.len() <= 256 && address.transport.as_ref().is_none_or(|transport| transport.len() <= 64);
    let all: BTreeSet<&Address> = addresses.flatten().filter(fits).collect();
    let shown =
        |Address { ip, port, transport }: &Address| Gateway { ip: ip.clone(), port: port.map(i32::from), transport: transport.clone() };
    all.into_iter().take(MOST_GATEWAYS).map(shown).collect()
}

/// The conditions of the account object.
pub fn conditions(verdict: &Verdict, facts: &Facts<'_>) -> Vec<(ConditionType, ConditionStatus, Reason, String)> {
    let Finding { reason, message } = &verdict.finding;
    let truth = if *reason == Reason::Available { ConditionStatus::True } else { ConditionStatus::False };
    let mut conditions = vec![(ConditionType::Ready, truth, *reason, message.clone())];
    match reason.verdict() {
        Kstatus::Progressing => conditions.push((ConditionType::Reconciling, ConditionStatus::True, *reason, message.clone())),
        Kstatus::Failed => conditions.push((ConditionType::Stalled, ConditionStatus::True, *reason, message.clone())),
        Kstatus::Healthy | Kstatus::Suspended => {}
    }
    if !facts.brakes.is_empty() {
        conditions.push((ConditionType::Braked, ConditionStatus::True, Reason::Braked, braked(facts)));
    }
    conditions
}

#[cfg(test)]
mod tests;
