//! Histories, and what is told of them. Settle time 150 s: 10 s to issue, 20 s for the create, 60 s to become visible.

use super::*;
use crate::core::action::{Finding, Found};
use crate::core::endpoint::tests::make::{Start, applied, at, prefix, recorded, refused, remote, unknown};
use crate::core::outcome::RefusalKind;

fn idle() -> Action {
    Action::Done(Finding::new(crate::api::condition::Reason::Available, ""))
}

fn tombstone(id: &str) -> Action {
    Action::WriteTombstone(id.into())
}

fn found(id: &str) -> Action {
    let remote = remote(id);
    Action::Record(Found { id: id.into(), username: remote.username.clone(), remote: Some(Box::new(remote)) })
}

/// What a watch is told that has seen `history`, when `action` was written at `view`.
fn late(history: &[(Start, Action)], last: Start, action: &Action, unlisted: Option<u64>) -> Option<Assumption> {
    let mut watch = Watch::default();
    for (start, action) in history {
        assert_eq!(watch.look(&start.clone().build(), action), Look::default());
    }
    let view = last.build();
    watch.look(&view, action);
    let told = watch.wrote(&view, action, unlisted.map(at));
    assert_eq!(watch.wrote(&view, action, unlisted.map(at)), None, "told once");
    told.map(|broken| broken.assumption)
}

/// An intent known since 100 that nobody answered, given up at 260 on two complete listings.
fn given_up() -> (Start, Action) {
    let start = applied().finalizer().intent("n1", 100).now(260).listed(251, &[]).listed(255, &[]);
    (start, Action::CloseEpoch(Closed::NotExecuted))
}

/// The same for an object that went.
fn gone() -> (Start, Action) {
    let (start, _) = given_up();
    (start.deleting(), Action::RemoveFinalizer(Release::Clean))
}

/// Seen at `now`, when the intent after the one given up made e2.
fn doubled(now: u64) -> Start {
    applied().finalizer().intent("n1", 100).closed().intent("n2", 261).closed().record("e2").now(now).listed(now - 5, &["e1", "e2"])
}

#[test]
fn a_match_found_later_than_settle_is_told_once() {
    let before = || recorded().now(100);
    let other = |start: Start| {
        let mut start = start;
        start.view.object.uid = "uid-2".into();
        if let Some(ledger) = &mut start.view.status.ledger {
            ledger.uid = "uid-2".into();
        }
        start
    };
    let closed = Some(Assumption::LateExecution);
    type Row = (&'static str, Vec<(Start, Action)>, Start, Action, Option<u64>, Option<Assumption>);
    let table: Vec<Row> = vec![
        ("a second one after an intent was given up", vec![given_up()], doubled(270), tombstone("e1"), None, closed),
        ("the same after the next create had settled", vec![given_up()], doubled(900), tombstone("e1"), None, closed),
        (
            "found before the next create",
            vec![given_up()],
            applied().finalizer().intent("n1", 100).closed().now(270).listed(265, &["e1"]),
            found("e1"),
            None,
            closed,
        ),
        (
            "found while the next one is open: its own",
            vec![given_up()],
            applied().finalizer().intent("n1", 100).closed().intent("n2", 261).now(270).listed(265, &["e1"]),
            found("e1"),
            None,
            None,
        ),
        (
            "the recorded one is found again after its status was wiped",
            vec![given_up(), (doubled(270), idle())],
            applied().finalizer().empty_ledger().now(500).listed(490, &["e2"]),
            found("e2"),
            None,
            None,
        ),
        (
            "the object of that name is another one by now",
            vec![gone()],
            other(applied().finalizer()).intent("m1", 270).closed().record("e2").now(280).listed(275, &["e1", "e2"]),
            tombstone("e1"),
            None,
            closed,
        ),
        (
            "found within the settle time",
            vec![],
            applied().finalizer().intent("n1", 100).now(200).listed(190, &["e1"]),
            found("e1"),
            Some(150),
            None,
        ),
        (
            "found late, but no complete listing after the settle time lacks it",
            vec![],
            applied().finalizer().intent("n1", 100).now(900).listed(890, &["e1"]),
            found("e1"),
            Some(240),
            None,
        ),
        (
            "found between the two listings that would have given it up",
            vec![(applied().finalizer().intent("n1", 100).now(100), idle())],
            applied().finalizer().intent("n1", 100).now(260).listed(251, &[]).listed(255, &["e1"]),
            found("e1"),
            Some(251),
            closed,
        ),
        ("a second one that was there all the time", vec![], recorded().now(900).listed(890, &["e1", "e2"]), tombstone("e2"), None, None),
        (
            "a second one that was not there long after the last create",
            vec![(before(), idle())],
            recorded().now(900).listed(830, &["e1"]).listed(890, &["e1", "e2"]),
            tombstone("e2"),
            Some(830),
            closed,
        ),
        (
            "a second one of a provider that shows it now and then",
            vec![(before(), idle())],
            recorded().now(900).listed(830, &["e1", "e2"]),
            tombstone("e2"),
            Some(890),
            None,
        ),
        (
            "a new object gets what a former one had begun shortly before",
            vec![(applied().now(100), idle())],
            applied().finalizer().empty_ledger().now(200).listed(190, &["e1"]),
            found("e1"),
            Some(150),
            None,
        ),
        (
            "a new object gets what nobody can have begun",
            vec![(applied().now(100), idle())],
            applied().finalizer().empty_ledger().now(400).listed(390, &["e1"]),
            found("e1"),
            Some(300),
            closed,
        ),
        (
            "our own create that was answered",
            vec![given_up()],
            applied().finalizer().intent("n2", 261).own(Some(Outcome::Done("e1"))).now(270).listed(265, &["e1"]),
            tombstone("e1"),
            None,
            None,
        ),
        (
            "an intent that was refused is not given up",
            vec![(
                applied().finalizer().intent("n1", 100).own(Some(refused(RefusalKind::Invalid))).now(110),
                Action::CloseEpoch(Closed::Refused),
            )],
            applied().finalizer().intent("n1", 100).closed().now(120).listed(115, &["e1"]),
            found("e1"),
            Some(105),
            None,
        ),
        (
            "deleted with its object, after an intent was given up",
            vec![given_up()],
            applied().finalizer().intent("n1", 100).closed().deleting().now(270).listed(265, &["e1"]),
            Action::DeleteEndpoint("e1".into(), Why::Requested),
            None,
            closed,
        ),
        (
            "the recorded one is deleted as it should be",
            vec![given_up()],
            doubled(270).deleting(),
            Action::DeleteEndpoint("e2".into(), Why::Requested),
            None,
            None,
        ),
        ("other writes", vec![given_up()], doubled(270), Action::ClearTombstone("e1".into()), None, None),
    ];
    for (sentence, history, last, action, unlisted, expected) in table {
        assert_eq!(late(&history, last, &action, unlisted), expected, "{sentence}");
    }
}

#[test]
fn only_what_was_given_up_is_kept_for_the_next_object_of_that_name() {
    for ((start, action), kept) in
        [(given_up(), true), (gone(), true), ((recorded().deleting(), Action::RemoveFinalizer(Release::Clean)), false)]
    {
        let mut watch = Watch::default();
        watch.look(&start.build(), &action);
        assert_eq!(watch.outlives(), kept, "{action}");
    }
}

#[test]
fn an_endpoint_that_stays_invisible_too_long_is_told_once_and_its_lag_is_what_was_seen() {
    // Answered at 100. Looks, in their order; after each: told, lag in seconds.
    let young = |now: u64| {
        let mut start = recorded().now(now);
        start.view.memory.effect = at(100);
        start
    };
    let nothing = (false, None);
    type Row = (&'static str, Vec<(Start, (bool, Option<u64>))>);
    let mut replaced = young(120);
    replaced.view.status.endpoint_id = Some("e9".into());
    let table: Vec<Row> = vec![
        (
            "seen at once by id",
            vec![(young(101), nothing), (young(102).got("e1", 101), (false, Some(0))), (young(103).got("e1", 101), nothing)],
        ),
        ("seen at once in a listing", vec![(young(102).listed(101, &["e1"]), (false, Some(0)))]),
        ("a listing that began before the answer shows what we put into it", vec![(young(102).listed(99, &["e1"]), nothing)]),
        (
            "seen within the time allowed",
            vec![
                (young(116).missing("e1", 115), nothing),
                (young(161).missing("e1", 160), nothing),
                (young(176).got("e1", 175), (false, Some(60))),
            ],
        ),
        (
            "not found later than that, then found",
            vec![
                (young(162).missing("e1", 161), (true, None)),
                (young(177).missing("e1", 176), nothing),
                (young(192).got("e1", 191), (false, Some(76))),
            ],
        ),
        (
            "not in a complete listing later than that",
            vec![(young(170).listed(162, &[]), (true, None)), (young(180).listed(175, &["e1"]), (false, Some(62)))],
        ),
        ("not in a torn one", vec![(young(170).torn(162, &[]), nothing), (young(180).got("e1", 175), (false, Some(0)))]),
        ("not looked at for long", vec![(young(400).got("e1", 399), (false, Some(0)))]),
        (
            "deleted by us before it was seen",
            vec![(young(120).deleted("e1", 119, true), nothing), (young(400).missing("e1", 399), nothing)],
        ),
        ("another one is recorded", vec![(replaced, nothing), (young(400).missing("e1", 399), nothing)]),
    ];
    for (sentence, looks) in table {
        let mut watch = Watch::default();
        watch.look(&young(100).build(), &idle());
        watch.answered("e1", at(100));
        for (number, (start, (told, lag))) in looks.into_iter().enumerate() {
            let look = watch.look(&start.build(), &idle());
            let assumption = look.broken.map(|broken| broken.assumption);
            assert_eq!(assumption, told.then_some(Assumption::Visibility), "{sentence}, look {number}");
            assert_eq!(look.lag, lag.map(Duration::from_secs), "{sentence}, look {number}");
        }
    }
}

#[test]
fn a_create_that_left_too_late_or_may_have_is_told() {
    let view = applied().finalizer().intent("n1", 100).own(Some(unknown())).build();
    // Announced at 100: handed over at, ended at.
    let table = [
        ("in time", 101, 102, false),
        ("at the last moment", 110, 130, false),
        ("sent too late", 111, 112, true),
        ("sent in time, ended when no call can last so long", 101, 131, true),
    ];
    for (sentence, handed, ended, told) in table {
        let broken = sent(&view, at(100), at(handed), at(ended));
        assert_eq!(broken.map(|broken| broken.assumption), told.then_some(Assumption::Freeze), "{sentence}");
    }
}

#[test]
fn a_message_says_what_was_seen_what_it_means_and_what_to_do_and_fits_an_event() {
    let mut watch = Watch::default();
    let (start, action) = given_up();
    watch.look(&start.build(), &action);
    let late = watch.wrote(&doubled(270).build(), &tombstone("e1"), None);
    watch.look(&recorded().now(100).build(), &idle());
    watch.answered("e1", at(100));
    let unseen = watch.look(&recorded().now(171).missing("e1", 170).build(), &idle()).broken;
    let frozen = sent(&applied().build(), at(100), at(111), at(112));
    let stalled = sent(&applied().build(), at(100), at(101), at(140));
    for (broken, words) in [
        (late, vec!["e1", prefix().as_str(), "150s", "It is deleted", "raise --settle"]),
        (unseen, vec!["e1", "70s", "60s", "nothing is created", "raise --settle"]),
        (frozen, vec!["11s", "10s", "stood still", "raise --settle"]),
        (stalled, vec!["40s", "30s", "may have left too late"]),
    ] {
        let message = broken.expect("told").message;
        // The longest names of a real world add less than a hundred.
        assert!(message.len() < 900, "{} bytes: {message}", message.len());
        for word in words {
            assert!(message.contains(word), "{word} is missing: {message}");
        }
    }
}
