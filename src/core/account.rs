//! `verdict` for ProviderAccounts: what an account object says about itself, whom it serves, and when it is looked at again.
//!
//! | # | the account object | Ready, reason | serves |
//! |---|---|---|---|
//! | A1 | its credentials lead nowhere, and none that were proven are kept | False, as found | nobody |
//! | A2 | a brake holds | False, `Braked` | all (what is held, it tells itself) |
//! | A3 | it is being deleted, and objects use it | False, `DeletionRefused` | deletions |
//! | A4 | its Secret is gone or may not be read any more, proven credentials are kept | False, as found | deletions |
//! | A5 | `spec.suspend` | False, `Suspended` | all (who may write is asked of `suspended`) |
//! | A6 | otherwise | True, `Available` | all |
//!
//! A1 to A4 answer with the first that applies; who is served follows from A1, A3 and A4, whatever A2 says.

use std::time::Duration;

use crate::api::ANNOTATION_ACKNOWLEDGE_BRAKE;
use crate::api::condition::{ConditionStatus, ConditionType, Reason, Verdict as Kstatus};
use crate::api::provider_account::BrakeRecord;
use crate::core::action::Finding;
use crate::core::brake::{Held, Kind};
use crate::core::key::ObjectKey;
use crate::core::view::Problem;

/// How many of those who use an account are named.
const NAMED: usize = 3;

/// Everything that is decided on.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts<'a> {
    /// The account object.
    pub key: &'a ObjectKey,
    /// Where its credentials lead.
    pub access: Access,
    /// `deletionTimestamp` is set.
    pub deleting: bool,
    /// The SipEndpoints that refer to it, by name; read live if it is being deleted.
    pub users: Vec<String>,
    /// `spec.suspend`.
    pub suspended: bool,
    /// Brakes of its account that hold.
    pub brakes: Vec<(Kind, BrakeRecord)>,
    /// The waits.
    pub waits: Waits,
}

/// When an account is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// While nothing is wrong, and while something only a change can mend: that wakes it.
    pub rest: Duration,
    /// After a failure of the provider.
    pub retry: Duration,
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
    /// The provider could not be asked.
    Unreachable(String),
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
        Access::Pinned { found, pinned } => {
            let message = format!(
                "the Secret's credentials are of account {found}, but this ProviderAccount is pinned to {pinned}: nothing is called in either. Put the credentials of {pinned} back, or make a new ProviderAccount for {found}"
            );
            (problem(Reason::AccountMismatch, message), rest)
        }
        Access::Elsewhere { claimed, found } => {
            let message = format!("the credentials of {claimed} lead to account {found}; nothing is called. Mend the Secret");
            (problem(Reason::AccountMismatch, message), retry)
        }
        Access::Rejected { message, due } => {
            let message = format!(
                "the provider rejects the credentials ({message}). Nothing is called for the objects of this account but one probe a minute; mend the Secret and this goes on within a second"
            );
            (problem(Reason::CredentialsRejected, message), due.unwrap_or(retry))
        }
        Access::Unreachable(message) => {
            let message = format!("{message}. Nothing is called for its objects meanwhile; it is tried again by itself");
            (problem(Reason::ProviderUnreachable, message), retry)
        }
    };
    // Whether it is still needed is looked at often while it waits to go.
    let again = if facts.deleting { again.min(retry) } else { again };
    (Serves::Nobody(missing), again)
}

fn kept(problem: &Problem) -> String {
    format!("{}. Deletions that run go on with the credentials that were last accepted; nothing else is done with them", problem.message)
}

fn in_use(facts: &Facts<'_>) -> String {
    if let [one] = facts.users.as_slice() {
        return format!("SipEndpoint {one} uses it: it goes when that is gone");
    }
    let named = facts.users.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if facts.users.len() > NAMED { ", …" } else { "" };
    format!("{} SipEndpoints use it ({named}{more}): it goes when the last of them is gone", facts.users.len())
}

/// The command that acknowledges a brake.
fn command(account: &ObjectKey, token: &str) -> String {
    format!("kubectl -n {} annotate provideraccount {} {ANNOTATION_ACKNOWLEDGE_BRAKE}={token} --overwrite", account.namespace, account.name)
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
        format!("{what} until somebody acknowledges it with the token {}: {}", record.token, command(facts.key, &record.token))
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
            let command = command(account, token);
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
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    const REST: Duration = Duration::from_secs(60);
    const RETRY: Duration = Duration::from_secs(4);

    fn key() -> ObjectKey {
        ObjectKey::account("voice", "plivo")
    }

    fn facts(key: &ObjectKey, access: Access) -> Facts<'_> {
        let waits = Waits { rest: REST, retry: RETRY };
        Facts { key, access, deleting: false, users: vec!["alice".into()], suspended: false, brakes: Vec::new(), waits }
    }

    #[test]
    fn an_account_that_could_go_serves_nobody_and_says_why() {
        let key = ObjectKey::account("voice", "plivo");
        let verdict = unguarded(&facts(&key, proven()), "403: a webhook");
        assert!(matches!(&verdict.serves, Serves::Nobody(problem) if problem.message.contains("403: a webhook")));
        assert_eq!((verdict.finding.reason, verdict.again), (Reason::Progressing, RETRY));
    }

    fn proven() -> Access {
        Access::Proven("Plivo/MA1".into())
    }

    fn gone() -> Problem {
        Problem { reason: Reason::SecretNotFound, message: "Secret voice/c does not exist".into() }
    }

    fn engaged(kind: Kind) -> (Kind, BrakeRecord) {
        let time = Time(Timestamp::UNIX_EPOCH);
        let record = BrakeRecord {
            token: "deletions-1a".into(),
            since: time.clone(),
            until: time,
            count: 30,
            admitted: 25,
            released_time: None,
            released_until: None,
        };
        (kind, record)
    }

    #[test]
    fn an_account_says_what_is_wrong_serves_whom_it_can_and_looks_again_in_time() {
        type Case = (&'static str, Access, fn(&mut Facts<'_>), Reason, &'static str, Duration, &'static [&'static str]);
        let elsewhere = Access::Elsewhere { claimed: "Plivo/MA1".into(), found: "MA2".into() };
        let pinned = Access::Pinned { found: "MA2".into(), pinned: "MA1".into() };
        let rejected = |due| Access::Rejected { message: "401".into(), due };
        let minute = Duration::from_secs(50);
        let table: Vec<Case> = vec![
            ("all is well", proven(), |_| {}, Reason::Available, "all", REST, &["accepts", "Plivo/MA1"]),
            ("suspended", proven(), |facts| facts.suspended = true, Reason::Suspended, "all", REST, &["Set spec.suspend to false"]),
            ("no Secret", Access::Missing(gone()), |_| {}, Reason::SecretNotFound, "nobody", REST, &["does not exist"]),
            (
                "no Secret, kept",
                Access::Kept(gone()),
                |_| {},
                Reason::SecretNotFound,
                "deletions",
                REST,
                &["does not exist", "last accepted"],
            ),
            ("of another account", pinned.clone(), |_| {}, Reason::AccountMismatch, "nobody", REST, &["MA1", "MA2", "nothing is called"]),
            ("leads elsewhere", elsewhere, |_| {}, Reason::AccountMismatch, "nobody", RETRY, &["MA2", "Mend the Secret"]),
            ("rejected", rejected(Some(minute)), |_| {}, Reason::CredentialsRejected, "nobody", minute, &["401", "mend the Secret"]),
            ("rejected, due", rejected(None), |_| {}, Reason::CredentialsRejected, "nobody", RETRY, &["401"]),
            ("unreachable", Access::Unreachable("no route".into()), |_| {}, Reason::ProviderUnreachable, "nobody", RETRY, &["no route"]),
            (
                "deleted in use",
                proven(),
                |facts| facts.deleting = true,
                Reason::DeletionRefused,
                "deletions",
                RETRY,
                &["SipEndpoint alice uses it"],
            ),
            (
                "deleted in use by many",
                proven(),
                |facts| (facts.deleting, facts.users) = (true, ["a", "b", "c", "d"].map(str::to_owned).to_vec()),
                Reason::DeletionRefused,
                "deletions",
                RETRY,
                &["4 SipEndpoints", "(a, b, c, …)"],
            ),
            (
                "deleted with its Secret",
                Access::Kept(gone()),
                |facts| facts.deleting = true,
                Reason::DeletionRefused,
                "deletions",
                RETRY,
                &["SipEndpoint alice", "does not exist", "last accepted"],
            ),
            (
                "deleted with its Secret, nothing kept",
                Access::Missing(gone()),
                |facts| facts.deleting = true,
                Reason::SecretNotFound,
                "nobody",
                RETRY,
                &["does not exist", "SipEndpoint alice uses it"],
            ),
            (
                "braked",
                proven(),
                |facts| facts.brakes = vec![engaged(Kind::Deletions)],
                Reason::Braked,
                "all",
                REST,
                &[
                    "30 endpoints",
                    "25 went through",
                    "kubectl -n voice annotate provideraccount plivo switchboard.dev/acknowledge-brake=deletions-1a --overwrite",
                ],
            ),
            (
                "braked while being deleted",
                Access::Kept(gone()),
                |facts| (facts.deleting, facts.brakes) = (true, vec![engaged(Kind::Absences)]),
                Reason::Braked,
                "deletions",
                RETRY,
                &["vanished", "none is created anew"],
            ),
            (
                "braked, and of another account",
                pinned,
                |facts| facts.brakes = vec![engaged(Kind::Deletions)],
                Reason::AccountMismatch,
                "nobody",
                REST,
                &["MA2"],
            ),
        ];
        let key = key();
        for (sentence, access, change, reason, served, again, words) in table {
            let mut facts = facts(&key, access);
            change(&mut facts);
            let verdict = verdict(&facts);
            assert_eq!(verdict.finding.reason, reason, "{sentence}");
            let whom = match &verdict.serves {
                Serves::Nobody(_) => "nobody",
                Serves::Deletions(_) => "deletions",
                Serves::All => "all",
            };
            assert_eq!((whom, verdict.again), (served, again), "{sentence}");
            for word in words {
                assert!(verdict.finding.message.contains(word), "{sentence}: {word:?} in {}", verdict.finding.message);
            }
            let conditions = conditions(&verdict, &facts);
            let has = |kind| conditions.iter().any(|(found, truth, ..)| *found == kind && *truth == ConditionStatus::True);
            assert_eq!(has(ConditionType::Ready), reason == Reason::Available, "{sentence}");
            assert_eq!(has(ConditionType::Stalled), reason.verdict() == Kstatus::Failed, "{sentence}");
            assert_eq!(has(ConditionType::Reconciling), reason.verdict() == Kstatus::Progressing, "{sentence}");
            assert_eq!(has(ConditionType::Braked), !facts.brakes.is_empty(), "{sentence}");
        }
    }

    #[test]
    fn what_a_held_object_says_names_the_token_and_the_command_and_does_not_change() {
        for kind in [Kind::Deletions, Kind::Absences] {
            let problem = held(kind, &Held::Braked { token: "t-1".into() }, &key());
            assert_eq!(problem.reason, Reason::Braked);
            let command = "kubectl -n voice annotate provideraccount plivo switchboard.dev/acknowledge-brake=t-1 --overwrite";
            assert!(problem.message.contains("(t-1)") && problem.message.contains(command), "{}", problem.message);
        }
    }
}
