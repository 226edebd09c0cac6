//! What account objects say, case by case.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::*;

const REST: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_secs(4);

fn using(names: &[&str]) -> Users {
    Users::Known(names.iter().map(|name| ObjectKey::endpoint("voice", *name)).collect())
}

fn key() -> ObjectKey {
    ObjectKey::account("voice", "plivo")
}

fn facts(key: &ObjectKey, access: Access) -> Facts<'_> {
    let waits = Waits { rest: REST, retry: RETRY };
    Facts { key, access, permissions: None, deleting: false, users: using(&["alice"]), suspended: false, brakes: Vec::new(), waits }
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

fn unreachable(attempts: u32) -> Access {
    Access::Unreachable { message: "no route".into(), attempts }
}

fn lost(escrow: NoEscrow) -> Access {
    Access::Lost { found: gone(), escrow }
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
        ("no Secret, kept", Access::Kept(gone()), |_| {}, Reason::SecretNotFound, "deletions", REST, &["does not exist", "last accepted"]),
        ("of another account", pinned.clone(), |_| {}, Reason::AccountMismatch, "nobody", REST, &["MA1", "MA2", "nothing is called"]),
        (
            "leads elsewhere: each look is a call",
            elsewhere.clone(),
            |_| {},
            Reason::AccountMismatch,
            "nobody",
            REST,
            &["MA2", "Mend the Secret"],
        ),
        (
            "leads elsewhere, and waits to go",
            elsewhere,
            |facts| facts.deleting = true,
            Reason::AccountMismatch,
            "nobody",
            REST,
            &["MA2", "SipEndpoint alice uses it"],
        ),
        ("rejected", rejected(Some(minute)), |_| {}, Reason::CredentialsRejected, "nobody", minute, &["401", "mend the Secret"]),
        (
            "rejected, where the provider grants piece by piece",
            Access::Rejected { message: "403: scope numbers.read missing".into(), due: Some(minute) },
            |facts| facts.permissions = Some("Its token needs the scope numbers.read for numbers"),
            Reason::CredentialsRejected,
            "nobody",
            minute,
            &[
                "(403: scope numbers.read missing). Its token needs the scope numbers.read for numbers. Nothing is called",
                "mend the Secret",
            ],
        ),
        ("rejected, due", rejected(None), |_| {}, Reason::CredentialsRejected, "nobody", RETRY, &["401"]),
        ("changed again", Access::Waiting(minute), |_| {}, Reason::CredentialsRejected, "nobody", minute, &["within a minute"]),
        ("unreachable", unreachable(1), |_| {}, Reason::ProviderUnreachable, "nobody", RETRY, &["no route"]),
        ("unreachable again", unreachable(3), |_| {}, Reason::ProviderUnreachable, "nobody", RETRY * 4, &["no route"]),
        ("unreachable for a day", unreachable(u32::MAX), |_| {}, Reason::ProviderUnreachable, "nobody", REST, &["no route"]),
        (
            "unreachable while it waits to go",
            unreachable(9),
            |facts| facts.deleting = true,
            Reason::ProviderUnreachable,
            "nobody",
            REST,
            &["no route", "SipEndpoint alice uses it"],
        ),
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
            |facts| (facts.deleting, facts.users) = (true, using(&["a", "b", "c", "d"])),
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
            "deleted in use by several kinds",
            proven(),
            |facts| {
                let users = vec![ObjectKey::endpoint("voice", "alice"), ObjectKey::binding("voice", "main")];
                (facts.deleting, facts.users) = (true, Users::Known(users));
            },
            Reason::DeletionRefused,
            "deletions",
            RETRY,
            &["2 objects use it (SipEndpoint alice, PhoneNumberBinding main)"],
        ),
        (
            "deleted in use by another namespace",
            proven(),
            |facts| (facts.deleting, facts.users) = (true, Users::Known(vec![ObjectKey::binding("desk", "main")])),
            Reason::DeletionRefused,
            "deletions",
            RETRY,
            &["PhoneNumberBinding desk/main uses it"],
        ),
        (
            "deleted, and who uses it is not known",
            proven(),
            |facts| (facts.deleting, facts.users) = (true, Users::Unread),
            Reason::DeletionRefused,
            "deletions",
            RETRY,
            &["could not be read"],
        ),
        (
            "deletions due, no escrow wanted",
            lost(NoEscrow::Off),
            |_| {},
            Reason::SecretNotFound,
            "nobody",
            REST,
            &["does not exist", "--no-escrow", "switchboard.dev/force-orphan"],
        ),
        (
            "deletions due, none in escrow",
            lost(NoEscrow::Absent),
            |_| {},
            Reason::SecretNotFound,
            "nobody",
            REST,
            &["no copy", "switchboard.dev/force-orphan"],
        ),
        (
            "deletions due, escrow unreadable",
            lost(NoEscrow::Unreadable("403".into())),
            |_| {},
            Reason::SecretNotFound,
            "nobody",
            RETRY,
            &["(403)", "tried again"],
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
fn an_account_of_several_namespaces_is_named_as_what_it_is() {
    let key = ObjectKey::cluster_account("shared");
    let problem = held(Kind::Deletions, &Held::Braked { token: "t-1".into() }, &key);
    let command = "kubectl annotate clusterprovideraccount shared switchboard.dev/acknowledge-brake=t-1 --overwrite";
    assert!(problem.message.contains(command), "{}", problem.message);
    let pinned = Access::Pinned { found: "MA2".into(), pinned: "MA1".into() };
    let said = verdict(&facts(&key, pinned)).finding.message;
    assert!(said.contains("this ClusterProviderAccount is pinned") && said.contains("a new ClusterProviderAccount"), "{said}");
    let mut deleted = facts(&key, proven());
    deleted.deleting = true;
    let said = verdict(&deleted).finding.message;
    assert!(said.contains("SipEndpoint voice/alice uses it"), "{said}");
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

#[test]
fn who_could_not_be_asked_is_asked_again_ever_later_but_as_often_as_anything_is_looked_at() {
    let table = [(0, RETRY), (1, RETRY), (2, RETRY * 2), (3, RETRY * 4), (5, REST), (u32::MAX, REST)];
    for (attempts, expected) in table {
        assert_eq!(pause(Waits { rest: REST, retry: RETRY }, attempts), expected, "{attempts}");
    }
    assert_eq!(pause(Waits { rest: Duration::from_secs(1), retry: RETRY }, 9), RETRY, "never sooner than after the first failure");
}

#[test]
fn the_gateways_are_those_of_the_providers_own_side_sorted_and_each_once() {
    let address = |ip: &str, port, transport: Option<&str>| Address { ip: ip.into(), port, transport: transport.map(str::to_owned) };
    let remote = |id: &str, role| Remote {
        id: id.into(),
        username: id.into(),
        sip_uri: None,
        registration: None,
        fields: crate::core::fields::Fields::new(),
        password_digest: None,
        role,
    };
    let (first, second) = (address("192.0.2.1", Some(5060), Some("udp")), address("192.0.2.9", None, None));
    let long = address(&"x".repeat(257), None, None);
    let odd = address("192.0.2.3", None, Some(&"x".repeat(65)));
    let listing = [
        remote("a", Role::Own),
        remote("b", Role::Gateway(vec![second.clone(), first.clone(), long, odd])),
        remote("c", Role::Elsewhere),
        remote("d", Role::Gateway(vec![first])),
    ];
    let gateway = |ip: &str, port, transport: Option<&str>| Gateway { ip: ip.into(), port, transport: transport.map(str::to_owned) };
    let expected = [gateway("192.0.2.1", Some(5060), Some("udp")), gateway("192.0.2.9", None, None)];
    assert_eq!(gateways(&listing), expected);
    let many = (0..70).map(|index| address(&format!("192.0.2.{index}"), None, None)).collect();
    assert_eq!(gateways([&remote("b", Role::Gateway(many))]).len(), 64, "more than the status may hold would be refused whole");
    assert_eq!(gateways([&remote("a", Role::Own)]), []);
}
