//! Who owns a number, what passes on, and what is remembered of it.

use super::make::{Start, applied, at, bound, number, placed, previous, refused, rival, second, target, teach, text, unknown};
use crate::core::action::Cause;
use crate::core::binding::ownership::{MAX_PLACED, Standing, append, prevails};
use crate::core::binding::view::Rival;
use crate::core::fields::Fields;
use crate::core::outcome::{Outcome, RefusalKind};
use crate::core::shared::quarrel::HOUR;

#[test]
fn live_ones_come_first_then_the_older_and_of_any_two_exactly_one_prevails() {
    let standing = |deleting, made: Option<i64>, uid| Standing { deleting, created: made.map(second), uid };
    for (sentence, winner, loser) in [
        ("the older", standing(false, Some(1), "z"), standing(false, Some(2), "a")),
        ("in the same second, by uid", standing(false, Some(1), "a"), standing(false, Some(1), "b")),
        ("a live one, however young", standing(false, Some(9), "z"), standing(true, Some(1), "a")),
        ("of two that go the older", standing(true, Some(1), "z"), standing(true, Some(2), "a")),
        ("an unknown age counts as old", standing(false, None, "z"), standing(false, Some(1), "a")),
    ] {
        assert!(prevails(winner, loser) && !prevails(loser, winner), "{sentence}");
    }
}

#[test]
fn one_on_its_way_out_owns_nothing_and_passes_on_what_it_has_while_our_finalizer_is_on_it() {
    let going = Rival { deleting: true, placed: vec![placed("app9")], ..rival(1) };
    let guarded = Rival { finalizer: true, ..going.clone() };
    for start in [applied(), applied().deleting()] {
        assert_eq!(start.clone().rival(guarded.clone()).build().owner(), None);
        assert_eq!(start.clone().rival(going.clone()).build().to_inherit().1, []);
        assert_eq!(start.rival(guarded.clone()).build().to_inherit().1, [placed("app9")]);
    }
    assert!(applied().deleting().rival(rival(9)).build().owner().is_some(), "a live one does, however young");
}

#[test]
fn what_is_inherited_comes_before_what_is_our_own_and_is_bounded_and_stable() {
    let many: Vec<String> = (0..MAX_PLACED).map(|index| format!("old{index}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let leaver = |apps: &[&str]| Rival {
        deleting: true,
        finalizer: true,
        previous: Some(previous("app0")),
        placed: apps.iter().map(|app| placed(app)).collect(),
        ..rival(1)
    };
    for (own, theirs) in [(&["app1"][..], &["app9"][..]), (&many[..], &["app9"]), (&["app1"], &many), (&many, &many), (&[], &many)] {
        let mut view = bound().placed(own).rival(leaver(theirs)).build();
        let (_, inherited) = view.to_inherit();
        assert!(inherited.len() <= MAX_PLACED, "{inherited:?}");
        assert!(own.is_empty() || inherited.last() == view.status.placed.last(), "the newest stays the newest: {inherited:?}");
        view.status.placed = inherited.clone();
        assert_eq!(view.to_inherit().1, inherited, "{own:?} and {theirs:?}");
        // What the leaving one put there stays until it has gone.
        if let Some(wish) = view.wish() {
            view.status.placed = view.settled_placed(wish);
            assert_eq!(view.to_inherit().1, view.status.placed);
        }
    }
}

#[test]
fn what_is_written_ahead_stands_once_and_the_oldest_goes() {
    let mut all = Vec::new();
    for index in 0..12 {
        append(&mut all, placed(&format!("app{index}")));
        append(&mut all, placed("same"));
    }
    assert_eq!(all.len(), MAX_PLACED);
    assert_eq!(all.iter().filter(|one| one.target() == "same").count(), 1);
    assert_eq!(all.last(), Some(&placed("same")));
}

/// An update of a bound number to this application, answered so, at this second.
fn answer(start: Start, app_id: &str, cause: Cause, outcome: Outcome<()>, seconds: u64) -> Start {
    start.answered(app_id, cause, outcome, seconds)
}

#[test]
fn three_corrections_within_an_hour_are_a_quarrel_and_two_quiet_hours_end_it() {
    let hour = HOUR.as_secs();
    let corrected = |start: Start, seconds| answer(start, "app1", Cause::Drifted, Outcome::Done(()), seconds);
    let contested = |start: &Start, seconds| start.view.memory.quarrel.until(at(seconds)).map(|until| until.0.as_secs());
    let three = corrected(corrected(corrected(bound(), 10), 20), 30);
    assert_eq!(contested(&corrected(corrected(bound(), 10), 20), 25), None, "two");
    assert_eq!(contested(&three, 31), Some(30 + hour));
    assert_eq!(contested(&three, 30 + hour), None, "one try an hour");
    let fourth = corrected(three.clone(), 30 + hour);
    assert_eq!(contested(&fourth, 31 + hour), Some(30 + 2 * hour), "and no more");
    let later = corrected(fourth, 40 + 3 * hour);
    assert_eq!(contested(&later, 41 + 3 * hour), None, "another day, another drift");
    let edited = (0..9).fold(bound(), |start, seconds| answer(start, "app1", Cause::Edited, Outcome::Done(()), seconds));
    assert_eq!(contested(&edited, 10), None, "edits are nobody's quarrel");
    let refused = (0..9).fold(bound(), |start, seconds| answer(start, "app1", Cause::Drifted, refused(RefusalKind::Throttled), seconds));
    assert_eq!(contested(&refused, 10), None, "nothing was put back");
}

#[test]
fn a_lost_update_is_in_doubt_until_it_has_settled_and_that_is_said_unless_it_seems_to_be_executed() {
    let settle = applied().view.timing.settle;
    let settles = |start: &Start| start.view.memory.settles(settle).0.as_secs();
    let open = |start: &Start| start.view.memory.doubt.map(|(_, count)| count);
    let read = |start: Start, shown: &str, seconds: u64| {
        start.with(|view| {
            let asked = view.clone();
            teach(view, |learnt| learnt.got(&asked, at(seconds), Outcome::Done(number(shown, "old")), at(seconds)));
        })
    };
    let lost = || answer(bound().placed(&["app1", "app2"]), "app2", Cause::Edited, unknown(), 100);
    assert_eq!((settles(&bound()), open(&bound())), (0, None));
    assert_eq!((settles(&lost()), open(&lost())), (250, Some(1)));
    let twice = || answer(lost(), "app2", Cause::Edited, unknown(), 110);
    assert_eq!((settles(&twice()), open(&twice())), (260, Some(2)));
    let again = answer(lost(), "app2", Cause::Edited, Outcome::Done(()), 110);
    let same = answer(bound(), "app1", Cause::Drifted, unknown(), 100).placed(&["app1"]).previous("app1");
    for (sentence, start, left) in [
        ("seen", read(lost(), "app2", 101), Some(0)),
        ("not seen", read(lost(), "app1", 101), Some(1)),
        ("seen once, sent twice", read(twice(), "app2", 111), Some(2)),
        ("seen, but the other one may still come", read(again, "app2", 111), Some(1)),
        ("it may have shown that before", read(same, "app1", 101), Some(1)),
    ] {
        assert_eq!(open(&start), left, "{sentence}");
        assert!(settles(&start) >= 250, "{sentence}");
    }
}

#[test]
fn what_others_have_written_ahead_is_in_doubt_from_when_it_is_first_seen() {
    let settle = applied().view.timing.settle;
    let seen = |start: Start| {
        start.with(|view| {
            let asked = view.clone();
            teach(view, |learnt| learnt.object_seen(&asked));
        })
    };
    let settles = |start: &Start| start.view.memory.settles(settle).0.as_secs();
    let restarted = |start: Start| start.with(|view| view.memory.newest = None);
    let available = crate::api::condition::Reason::Available;
    let ready = crate::api::condition::ConditionType::Ready;
    assert_eq!(settles(&seen(restarted(bound()))), 1150, "it was not at rest");
    assert_eq!(settles(&seen(restarted(bound().condition(ready, available, 1)))), 0, "it was");
    assert_eq!(settles(&seen(applied())), 0, "nothing was ever written ahead");
    assert_eq!(settles(&seen(seen(bound()).placed(&["app1", "app2"]))), 1150, "somebody else writes");
    let own = bound().with(|view| {
        let ahead = crate::core::action::Ahead {
            previous: view.status.previous.clone(),
            placed: vec![placed("app1"), placed("app2")],
            source: crate::core::action::Source::Spec,
        };
        view.status.placed = ahead.placed.clone();
        teach(view, |learnt| learnt.written(&crate::core::action::Action::WritePlaced(ahead), at(1000)));
    });
    assert_eq!(settles(&seen(own)), 0, "this process does");
}

#[test]
fn an_update_that_is_refused_changes_nothing_that_was_read_and_any_other_does() {
    let change = Fields::from([(target(), text("app2"))]);
    for (outcome, kept) in [
        (Outcome::Done(()), false),
        (unknown(), false),
        (Outcome::NotFound { proven: true }, false),
        (Outcome::NotFound { proven: false }, false),
        (refused(RefusalKind::Throttled), true),
        (refused(RefusalKind::Invalid), true),
    ] {
        let mut view = bound().read(995, "app1").surveyed(996, "app1").build();
        let asked = view.clone();
        teach(&mut view, |learnt| learnt.updated(&asked, &change, Cause::Edited, &outcome, at(1000)));
        assert_eq!(view.evidence.got.is_some(), kept, "{outcome:?}");
        assert_eq!(view.surveyed(), None, "each update has its own look at the bindings");
    }
}
