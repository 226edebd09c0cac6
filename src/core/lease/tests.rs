use super::*;

mod simulation;

const ME: &str = "me";
const JITTER: f64 = 1.0;

fn terms() -> Terms {
    Terms::new(None, None, Duration::from_secs(20)).expect("terms")
}

fn at(seconds: u64) -> Moment {
    Moment(Duration::from_secs(seconds))
}

fn ms(millis: u64) -> Moment {
    Moment(Duration::from_millis(millis))
}

fn record(version: &str, holder: &str, stamp: i64) -> Record {
    let duration = Some(Duration::from_secs(30));
    Record { version: version.into(), holder: holder.into(), duration, stamp: Some(stamp), acquired: Some(1), transitions: 4 }
}

/// What a write makes of the Lease.
fn stored(write: &Write, version: &str) -> Record {
    Record {
        version: version.into(),
        holder: write.holder.clone(),
        duration: Some(Duration::from_secs(u64::try_from(write.seconds).expect("seconds"))),
        stamp: Some(write.times.1),
        acquired: Some(write.times.0),
        transitions: write.transitions,
    }
}

/// One that has led since second 100, under stamp 100 and version 7.
fn leader() -> Elector {
    let mut one = Elector::new(ME, terms());
    one.learn(at(99), JITTER, Event::Read(Some(record("6", "", 1))));
    let write = one.write(at(100), 100);
    one.learn(at(101), JITTER, Event::Written(stored(&write, "7")));
    one
}

#[test]
fn the_usual_terms_are_thirty_ten_and_two_seconds_and_longer_where_a_call_takes_longer() {
    let usual = terms();
    let seconds = |terms: &Terms| [terms.duration, terms.renew, terms.give_up, terms.margin, terms.call].map(|one| one.as_secs());
    assert_eq!((seconds(&usual), usual.retry), ([30, 10, 20, 2, 5], Duration::from_secs(2)));
    let slow = Terms::new(None, None, Duration::from_secs(40)).expect("terms");
    assert_eq!((seconds(&slow), slow.retry), ([60, 20, 40, 4, 5], Duration::from_secs(2)));
}

#[test]
fn terms_that_do_not_go_together_are_refused_with_what_would_do() {
    let s = Duration::from_secs;
    let table = [
        (Some(s(28)), None, s(20), "must be at least 28.57"),
        (Some(s(20)), None, s(20), "a call that changes something at a provider may take 20s"),
        (Some(Duration::from_millis(900)), None, Duration::from_millis(100), "must be at least 1s"),
        (Some(s(30)), Some(s(16)), s(20), "--lease-renew 16s is too long: with --lease-duration 30s it may be 15s at most"),
    ];
    for (duration, renew, longest, expected) in table {
        let error = Terms::new(duration, renew, longest).expect_err("refused");
        assert!(error.contains(expected), "{duration:?} {renew:?} {longest:?}: {error}");
    }
    assert!(Terms::new(Some(s(29)), Some(s(14)), s(20)).is_ok());
}

#[test]
fn after_any_renewal_that_is_answered_in_time_the_longest_call_and_its_preparation_fit() {
    for duration in [1000, 1430, 3000, 30_000, 600_000].map(Duration::from_millis) {
        let longest = duration * 7 / 10;
        let terms = Terms::new(Some(duration), None, longest).expect("terms");
        assert!(terms.duration - terms.margin - terms.call >= longest + terms.margin, "{terms:?}");
        assert!(terms.renew + terms.call <= terms.give_up && terms.give_up + terms.call <= terms.duration - terms.margin, "{terms:?}");
    }
}

#[test]
fn who_waits_takes_what_nobody_holds_and_what_is_its_own_and_waits_for_everything_else() {
    let table = [
        ("none yet", None, Step::Write),
        ("let go", Some(record("5", "", 1)), Step::Write),
        ("its own, from before a restart", Some(record("5", ME, 1)), Step::Write),
        ("somebody else's", Some(record("5", "other", 1)), Step::Wait(ms(11_600))),
    ];
    for (what, seen, expected) in table {
        let mut one = Elector::new(ME, terms());
        assert_eq!(one.next(at(10), false), Step::Read, "{what}");
        one.learn(at(10), JITTER, Event::Read(seen));
        assert_eq!(one.next(at(10), false), expected, "{what}");
        assert_eq!(one.leadership(), None, "{what}: nothing is ours before the answer");
    }
}

#[test]
fn what_is_somebody_elses_is_taken_when_it_has_not_changed_for_its_own_duration_on_our_clock() {
    let mut one = Elector::new(ME, terms());
    let theirs = |version: &str, seconds| Record { duration: Some(Duration::from_secs(seconds)), ..record(version, "other", 1) };
    one.learn(at(10), JITTER, Event::Read(Some(theirs("5", 12))));
    one.learn(at(20), JITTER, Event::Read(Some(theirs("5", 12))));
    assert_eq!(one.next(ms(21_900), false), Step::Read);
    assert_eq!(one.next(at(22), false), Step::Write);
    // It changed, whatever changed it: it begins anew.
    one.learn(at(22), JITTER, Event::Conflict);
    assert_eq!(one.next(at(22), false), Step::Read);
    one.learn(at(22), JITTER, Event::Read(Some(theirs("6", 12))));
    assert_eq!(one.next(at(33), false), Step::Read);
    assert_eq!(one.next(at(34), false), Step::Write);
    // Requests that fail meanwhile do not prolong it.
    one.learn(at(34), JITTER, Event::Failed);
    assert_eq!(one.next(at(34), false), Step::Wait(at(36)));
    one.learn(at(36), JITTER, Event::Read(Some(theirs("6", 12))));
    assert_eq!(one.next(at(36), false), Step::Write);
}

#[test]
fn a_lease_that_somebody_deletes_is_its_holders_as_long_as_it_would_have_been() {
    let mut one = Elector::new(ME, terms());
    one.learn(at(10), JITTER, Event::Read(Some(record("5", "other", 1))));
    one.learn(at(12), JITTER, Event::Read(None));
    assert_eq!(one.next(at(20), false), Step::Read);
    one.learn(at(20), JITTER, Event::Read(None));
    assert_eq!(one.next(at(40), false), Step::Write);
}

#[test]
fn a_look_is_soon_enough_to_take_what_was_let_go_within_two_seconds() {
    let durations = [30, 60, 1800].map(|seconds| Terms::new(Some(Duration::from_secs(seconds)), None, Duration::from_secs(20)));
    for (terms, jitter) in durations.iter().flat_map(|terms| [0.0, 0.5, 1.0, 7.0].map(|jitter| (terms, jitter))) {
        let mut one = Elector::new(ME, terms.clone().expect("terms"));
        one.learn(at(10), jitter, Event::Read(Some(record("5", "other", 1))));
        let Step::Wait(until) = one.next(at(10), false) else { panic!("it waits") };
        assert!(until > ms(10_700) && until < at(12), "{until}");
    }
}

#[test]
fn transitions_count_changes_of_the_holder_and_the_time_of_acquisition_stays_while_it_is_ours() {
    let table = [
        ("the first", None, None, (9, 9), 0),
        ("let go", Some(record("5", "", 1)), Some("5"), (9, 9), 5),
        ("expired", Some(Record { duration: Some(Duration::ZERO), ..record("5", "other", 1) }), Some("5"), (9, 9), 5),
        ("our own", Some(record("5", ME, 1)), Some("5"), (1, 9), 4),
    ];
    for (what, seen, over, times, transitions) in table {
        let mut one = Elector::new(ME, terms());
        one.learn(at(10), JITTER, Event::Read(seen));
        let write = one.write(at(11), 9);
        let expected = Write { over: over.map(str::to_owned), holder: ME.into(), seconds: 30, times, transitions };
        assert_eq!(write, expected, "{what}");
        // And so with each renewal.
        one.learn(at(11), JITTER, Event::Written(stored(&write, "6")));
        let renewal = one.write(at(21), 19);
        assert_eq!(renewal, Write { over: Some("6".into()), times: (times.0, 19), ..write }, "{what}");
    }
}

#[test]
fn ours_ends_a_margin_before_its_duration_has_passed_since_the_renewal_was_sent() {
    let one = leader();
    assert_eq!(one.leadership(), Some(Leadership { epoch: 5, valid_until: at(128) }));
}

#[test]
fn who_leads_renews_after_ten_seconds_or_when_it_is_wanted_and_gives_up_after_twenty() {
    let one = leader();
    let table = [
        (101, false, Step::Wait(at(110))),
        (109, false, Step::Wait(at(110))),
        (105, true, Step::Write),
        (110, false, Step::Write),
        (119, false, Step::Write),
        (120, false, Step::Lost),
        (120, true, Step::Lost),
        (500, false, Step::Lost),
    ];
    for (now, early, expected) in table {
        assert_eq!(one.next(at(now), early), expected, "at {now}, early: {early}");
    }
    assert_eq!(one.loss(), Loss::NotRenewed);
}

#[test]
fn a_renewal_that_fails_is_tried_again_and_one_that_was_executed_all_the_same_counts_from_when_it_was_sent() {
    let mut one = leader();
    let first = one.write(at(110), 110);
    one.learn(at(115), JITTER, Event::Failed);
    assert_eq!(one.next(at(115), true), Step::Wait(at(117)), "also what is wanted early waits");
    assert_eq!(one.next(at(117), false), Step::Read);
    one.learn(at(117), JITTER, Event::Read(Some(record("7", ME, 100))));
    assert_eq!(one.next(at(117), false), Step::Write, "it was not executed, until now");
    let second = one.write(at(117), 117);
    assert_eq!((second.over.as_deref(), first.over.as_deref()), (Some("7"), Some("7")));
    one.learn(at(117), JITTER, Event::Conflict);
    assert_eq!(one.next(at(117), false), Step::Read);
    one.learn(at(118), JITTER, Event::Read(Some(stored(&first, "8"))));
    assert_eq!(one.leadership(), Some(Leadership { epoch: 5, valid_until: at(138) }));
    assert_eq!(one.next(at(118), false), Step::Wait(at(120)));
    assert_eq!(one.write(at(120), 120).over.as_deref(), Some("8"));
}

#[test]
fn what_others_do_to_the_lease_of_a_leader() {
    let own = record("9", ME, 100);
    let table = [
        ("deleted: it is made again", None, Ok(Step::Write)),
        ("a label", Some(own.clone()), Ok(Step::Wait(at(110)))),
        ("another duration: the next renewal mends it", Some(Record { duration: None, ..own.clone() }), Ok(Step::Wait(at(110)))),
        ("another holder", Some(record("9", "other", 105)), Err(Loss::Taken("other".into()))),
        ("another holder, under our stamp", Some(record("9", "other", 100)), Err(Loss::Taken("other".into()))),
        ("no holder", Some(record("9", "", 100)), Err(Loss::Cleared)),
        ("our own from earlier, as after a restore", Some(record("9", ME, 99)), Err(Loss::WentBack)),
        ("our name under another stamp", Some(record("9", ME, 105)), Err(Loss::Namesake)),
        ("no stamp", Some(Record { stamp: None, ..own }), Err(Loss::Namesake)),
    ];
    for (what, found, expected) in table {
        let mut one = leader();
        one.learn(at(105), JITTER, Event::Conflict);
        one.learn(at(105), JITTER, Event::Read(found));
        match expected {
            Ok(step) => {
                assert_eq!(one.next(at(105), false), step, "{what}");
                assert!(one.leadership().is_some(), "{what}");
            }
            Err(loss) => {
                assert_eq!((one.next(at(105), false), one.loss()), (Step::Lost, loss), "{what}");
                assert_eq!(one.leadership(), None, "{what}");
            }
        }
    }
    let mut one = leader();
    one.learn(at(105), JITTER, Event::Conflict);
    one.learn(at(105), JITTER, Event::Read(None));
    let again = one.write(at(105), 105);
    assert_eq!((again.over, again.transitions, again.times), (None, 5, (100, 105)));
}

#[test]
fn who_stood_still_while_it_took_the_lease_does_not_lead_on_the_strength_of_that() {
    let mut one = Elector::new(ME, terms());
    one.learn(at(10), JITTER, Event::Read(None));
    let write = one.write(at(10), 10);
    one.learn(at(40), JITTER, Event::Written(stored(&write, "1")));
    assert_eq!((one.leadership(), one.next(at(40), false)), (None, Step::Read));
    one.learn(at(40), JITTER, Event::Read(Some(stored(&write, "1"))));
    assert_eq!(one.next(at(40), false), Step::Write, "its own is taken at once");
}

#[test]
fn who_cannot_write_remembers_no_more_of_its_attempts_than_could_still_be_executed() {
    let expired = Record { duration: Some(Duration::ZERO), ..record("5", "other", 1) };
    for (what, seen, kept) in [("none is there", None, true), ("one that has expired", Some(expired), false)] {
        let mut one = Elector::new(ME, terms());
        for second in (10..100).step_by(3) {
            one.learn(at(second), JITTER, Event::Read(seen.clone()));
            assert!(one.sent.len() <= 1, "{what}: {:?}", one.sent);
            assert_eq!(one.may_hold(), kept && second > 10, "{what}, at {second}");
            one.write(at(second), i64::try_from(second).expect("small"));
            one.learn(at(second), JITTER, Event::Failed);
        }
        // The last one was executed all the same.
        one.learn(at(103), JITTER, Event::Read(Some(record("6", ME, 97))));
        assert!(one.release(&record("6", ME, 97), 104).is_some(), "{what}");
    }
}

#[test]
fn only_what_is_still_ours_is_let_go() {
    let mut one = leader();
    let unanswered = one.write(at(110), 110);
    let own = stored(&unanswered, "8");
    let table = [
        ("as last written", Some(record("7", ME, 100)), true),
        ("as written last, without an answer", Some(own), true),
        ("somebody else's", Some(record("9", "other", 111)), false),
        ("a namesake's", Some(record("9", ME, 111)), false),
        ("let go already", Some(record("9", "", 100)), false),
    ];
    for (what, found, expected) in table {
        let found = found.expect("a record");
        let write = one.release(&found, 112);
        assert_eq!(write.is_some(), expected, "{what}");
        if let Some(write) = write {
            assert_eq!((write.holder.as_str(), write.seconds, write.over), ("", 1, Some(found.version)), "{what}");
            assert_eq!(write.transitions, found.transitions, "{what}");
        }
    }
    assert_eq!(Elector::new(ME, terms()).release(&record("7", ME, 100), 112), None, "who never led lets nothing go");
}
