use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).expect("a valid second")
}

fn stamp(second: i64) -> Stamp {
    Stamp::new(time(second), u64::try_from(second).unwrap_or_default())
}

fn who(number: usize, at: i64) -> Who {
    Who {
        uid: format!("uid{number}"),
        key: ObjectKey::endpoint("voice", format!("line{number}")),
        endpoint: format!("e{number}"),
        at: Some(time(at)),
    }
}

/// With the window of ten minutes.
fn look(listed: usize, second: i64) -> Look {
    let now = Moment(Duration::from_secs(u64::try_from(second).expect("not negative")));
    Look { listed, now, time: time(second), window: recreation_window(Duration::from_secs(150)) }
}

fn brake(count: i32, percent: i32) -> Brake {
    let mut brake = Brake::default();
    brake.limit(&ObjectKey::endpoint("voice", "plivo"), Some(Spec { count, percent }));
    brake
}

fn delete(brake: &mut Brake, number: usize, at: i64) -> bool {
    brake.deletion(&who(number, at), Vec::new, 10, &stamp(at)).is_ok()
}

fn deletions(brake: &Brake) -> BrakeRecord {
    brake.status().and_then(|status| status.deletions).expect("a record")
}

fn absences(brake: &Brake) -> BrakeRecord {
    brake.status().and_then(|status| status.absences).expect("a record")
}

#[test]
fn more_deletions_than_the_cap_within_a_minute_engage_the_brake() {
    // cap, the deletionTimestamps in the order in which they are asked for, which go through
    type Case = (&'static str, (i32, i32), &'static [i64], &'static [bool]);
    let table: [Case; 8] = [
        ("as many as the cap", (3, 0), &[0, 1, 2], &[true, true, true]),
        ("one more", (3, 0), &[0, 1, 2, 3], &[true, true, true, false]),
        ("and what follows", (3, 0), &[0, 1, 2, 3, 4, 900], &[true, true, true, false, false, false]),
        ("all in one second", (2, 0), &[5, 5, 5], &[true, true, false]),
        ("slowly", (2, 0), &[0, 40, 80, 120, 160], &[true, true, true, true, true]),
        ("in any order", (2, 0), &[100, 10, 60, 70], &[true, true, true, false]),
        ("the percentage counts if it is more", (1, 50), &[0, 0, 0, 0, 0, 0], &[true, true, true, true, true, false]),
        ("100 percent switches it off", (1, 100), &[0, 0, 0, 0], &[true, true, true, true]),
    ];
    for (sentence, (count, percent), times, expected) in table {
        let mut brake = brake(count, percent);
        let through: Vec<bool> = times.iter().enumerate().map(|(number, at)| delete(&mut brake, number, *at)).collect();
        assert_eq!(through, expected, "{sentence}");
        let again: Vec<bool> = times.iter().enumerate().map(|(number, at)| delete(&mut brake, number, *at)).collect();
        assert_eq!(again, expected, "{sentence}, asked again: nothing is counted twice");
    }
}

#[test]
fn the_lowest_cap_of_all_account_objects_counts() {
    let mut brake = brake(5, 20);
    assert_eq!((brake.cap(10), brake.cap(100)), (Some(5), Some(20)));
    let other = ObjectKey::endpoint("other", "plivo");
    brake.limit(&other, Some(Spec { count: 2, percent: 10 }));
    assert_eq!((brake.cap(10), brake.cap(100)), (Some(2), Some(10)));
    brake.limit(&other, Some(Spec { count: 1, percent: 100 }));
    assert_eq!(brake.cap(10), Some(5), "who switches it off speaks for himself only");
    brake.limit(&other, None);
    assert_eq!(Brake::default().cap(1000), Some(200), "as the schema says");
}

#[test]
fn a_mass_that_is_known_when_the_first_one_asks_does_not_get_through_at_all() {
    let mut brake = brake(3, 0);
    let all = || (0..10).map(|number| who(number, 0)).collect();
    assert!(brake.deletion(&who(0, 0), all, 10, &stamp(0)).is_err());
    let record = deletions(&brake);
    assert_eq!((record.count, record.admitted), (10, 0));
}

#[test]
fn a_token_releases_what_was_counted_once_and_a_later_mass_needs_another_one() {
    let mut brake = brake(2, 0);
    let through: Vec<bool> = (0..6).map(|number| delete(&mut brake, number, 0)).collect();
    assert_eq!(through, [true, true, false, false, false, false]);
    let record = deletions(&brake);
    assert_eq!((record.count, record.admitted, record.released_time), (6, 2, None));
    for wrong in ["", "deletions", "absences-00000000", &record.token.to_uppercase(), &format!(" {}", record.token)] {
        assert_eq!(brake.acknowledge(wrong, time(5)), Acknowledged::Wrong, "{wrong:?}");
        assert!(!delete(&mut brake, 3, 0));
    }
    let Acknowledged::Released(Kind::Deletions, held) = brake.acknowledge(&record.token, time(9)) else { panic!("the token is right") };
    assert_eq!(held.len(), 4);
    assert!((0..6).all(|number| delete(&mut brake, number, 0)));
    assert_eq!(brake.acknowledge(&record.token, time(10)), Acknowledged::Spent);

    // What comes later is counted anew, without what was acknowledged.
    let through: Vec<bool> = (6..10).map(|number| delete(&mut brake, number, 20)).collect();
    assert_eq!(through, [true, true, false, false]);
    let second = deletions(&brake);
    assert_ne!(second.token, record.token);
    assert_eq!(brake.acknowledge(&record.token, time(21)), Acknowledged::Spent);
    assert!(!delete(&mut brake, 9, 20));
    assert!(delete(&mut brake, 5, 0), "what was acknowledged before stays so");
}

#[test]
fn a_token_does_not_cover_what_comes_more_than_a_minute_after_all_that_it_counts() {
    let mut brake = brake(1, 0);
    for (number, at) in [0, 1, 50, 100, 300, 301].into_iter().enumerate() {
        delete(&mut brake, number, at);
    }
    let record = deletions(&brake);
    assert_eq!((record.since.0, record.until.0, record.count), (time(0), time(100), 4));
    brake.acknowledge(&record.token, time(302));
    assert!((0..4).all(|number| delete(&mut brake, number, [0, 1, 50, 100][number])));
    assert!(!delete(&mut brake, 4, 300), "two more in one minute are a mass of their own");
    assert_ne!(deletions(&brake).token, record.token);
}

#[test]
fn a_new_process_takes_up_the_brake_where_it_was() {
    let mut before = brake(2, 0);
    (0..6).for_each(|number| {
        let _ = delete(&mut before, number, 0);
    });
    let written = before.status().expect("a record");

    let mut after = brake(2, 0);
    after.adopt(&written);
    let all = || (2..6).map(|number| who(number, 0)).collect();
    assert!(after.deletion(&who(2, 0), all, 10, &stamp(30)).is_err(), "the two that went through are gone, and none follows");
    assert_eq!(deletions(&after), deletions(&before), "and nothing is written");
    let token = deletions(&after).token;
    assert!(matches!(after.acknowledge(&token, time(31)), Acknowledged::Released(Kind::Deletions, held) if held.len() == 4));

    let mut last = brake(2, 0);
    last.adopt(&after.status().expect("a record"));
    assert!((2..6).all(|number| delete(&mut last, number, 0)), "acknowledged is acknowledged");
    assert!(!last.adopt(&written).iter().any(|_| true) && last.engaged().is_empty(), "an older status does not engage it again");
}

#[test]
fn what_a_former_process_let_through_still_counts_when_the_brake_lets_go() {
    let mut before = brake(2, 0);
    let through: Vec<bool> = (0..3).map(|number| delete(&mut before, number, 0)).collect();
    assert_eq!(through, [true, true, false]);
    let written = before.status().expect("a record");
    // When the next object is deleted after the only one that is held was given up, and whether it goes through.
    for (at, through) in [(30, false), (60, false), (61, true)] {
        let mut after = brake(2, 0);
        after.adopt(&written);
        assert!(!delete(&mut after, 2, 0));
        after.gone("uid2", time(20));
        assert!(after.engaged().is_empty(), "nothing is left to hold");
        assert_eq!(delete(&mut after, 3, at), through, "{at}");
    }
}

#[test]
fn an_endpoint_that_was_made_anew_still_counts_when_its_next_absence_was_none() {
    // How it comes to sight again: to the object's own pass, or in a listing.
    for listed in [false, true] {
        let mut brake = brake(1, 0);
        brake.absent(&who(0, -500), Vec::new, 10, &stamp(0));
        assert!(brake.recreation("uid0", &look(9, 1), Vec::new, true).is_ok());
        let anew = Who { endpoint: "e0-anew".to_owned(), ..who(0, 1) };
        brake.absent(&anew, Vec::new, 10, &stamp(10));
        if listed {
            let found = BTreeMap::from([("e0-anew".to_owned(), crate::core::endpoint::tests::make::remote("e0-anew"))]);
            brake.listed(&Sightings::new(found, None), time(20), time(20));
        } else {
            brake.seen("uid0", time(20));
        }
        brake.absent(&who(1, -500), Vec::new, 10, &stamp(30));
        assert!(matches!(brake.recreation("uid1", &look(9, 31), Vec::new, true), Err(Held::Braked { .. })), "listed: {listed}");
        assert_eq!(absences(&brake).admitted, 1);
    }
}

#[test]
fn two_processes_that_engage_apart_end_with_one_token() {
    let (mut one, mut two) = (brake(1, 0), brake(1, 0));
    for number in 0..3 {
        let _ = one.deletion(&who(number, 0), Vec::new, 10, &Stamp::new(time(0), 7));
        let _ = two.deletion(&who(number, 0), Vec::new, 10, &Stamp::new(time(0), 8));
    }
    let (of_one, of_two) = (one.status().expect("a record"), two.status().expect("a record"));
    one.adopt(&of_two);
    two.adopt(&of_one);
    assert_eq!(one.status(), two.status());
    let token = deletions(&one).token;
    one.acknowledge(&token, time(1));
    two.adopt(&one.status().expect("a record"));
    assert!(two.engaged().is_empty() && delete(&mut two, 2, 0));
}

#[test]
fn a_brake_with_nothing_left_to_hold_lets_go() {
    let mut brake = brake(1, 0);
    (0..3).for_each(|number| {
        let _ = delete(&mut brake, number, 0);
    });
    brake.gone("uid0", time(1));
    brake.gone("uid1", time(1));
    assert_eq!(brake.engaged().len(), 1, "one is held still");
    brake.gone("uid2", time(1));
    assert!(brake.engaged().is_empty());
    assert!(!delete(&mut brake, 4, 30) || !delete(&mut brake, 5, 30), "but what went through still counts");

    assert_eq!(deletions(&brake).released_until, None);

    let mut off = self::brake(1, 0);
    (0..3).for_each(|number| {
        let _ = delete(&mut off, number, 0);
    });
    off.limit(&ObjectKey::endpoint("voice", "plivo"), Some(Spec { count: 1, percent: 100 }));
    assert_eq!(off.relax(time(2)).len(), 2, "switched off");
    assert!(off.engaged().is_empty() && delete(&mut off, 2, 0));
}

#[test]
fn a_mass_disappearance_is_known_before_the_first_new_endpoint_is_made() {
    let mut brake = brake(5, 20);
    let all = || (0..30).map(|number| who(number, -500)).collect();
    brake.absent(&who(0, -500), all, 0, &stamp(0));
    let record = absences(&brake);
    assert_eq!((record.count, record.admitted), (30, 0));
    let ask = |brake: &mut Brake, number: usize, commit| brake.recreation(&format!("uid{number}"), &look(0, 9), Vec::new, commit);
    assert!((0..30).all(|number| matches!(ask(&mut brake, number, true), Err(Held::Braked { .. }))));

    for number in 0..10 {
        brake.seen(&format!("uid{number}"), time(10));
    }
    assert_eq!(brake.engaged().len(), 1, "most are still missing");
    let Acknowledged::Released(Kind::Absences, held) = brake.acknowledge(&record.token, time(20)) else { panic!("the token is right") };
    assert_eq!(held.len(), 20);
    assert!((10..30).all(|number| ask(&mut brake, number, true).is_ok()), "acknowledged ones are free of the limit");

    // One whose last write was lost asks again; one that vanishes anew is another matter.
    brake.absent(&who(12, -500), Vec::new, 10, &stamp(21));
    assert!(ask(&mut brake, 12, true).is_ok());
    assert_eq!(brake.recreated.len(), 0);
}

#[test]
fn an_absence_brake_lets_go_when_everything_is_seen_again() {
    let mut brake = brake(2, 0);
    (0..5).for_each(|number| brake.absent(&who(number, 0), Vec::new, 10, &stamp(1)));
    assert_eq!(brake.engaged().len(), 1);
    let found: BTreeMap<String, crate::core::fields::Remote> =
        (0..5).map(|number| (format!("e{number}"), crate::core::endpoint::tests::make::remote(&format!("e{number}")))).collect();
    brake.listed(&Sightings::new(found, None), time(2), time(2));
    assert!(brake.engaged().is_empty(), "it was a bad listing");
    let record = absences(&brake);
    assert_eq!((record.released_time.map(|time| time.0), record.released_until), (Some(time(2)), None), "nobody acknowledged anything");
}

#[test]
fn what_is_written_has_no_fractions_of_a_second_which_a_status_would_not_keep() {
    let late = |second| time(second).saturating_add(SignedDuration::from_millis(700)).expect("a time");
    let mut brake = brake(1, 0);
    (0..3).for_each(|number| brake.absent(&who(number, 0), Vec::new, 10, &Stamp::new(late(1), 7)));
    let token = absences(&brake).token;
    brake.acknowledge(&token, late(5));
    let written = brake.status();
    let read = serde_json::from_str(&serde_json::to_string(&written).expect("JSON")).expect("a status");
    assert_eq!(written, read);
}

#[test]
fn a_few_absences_are_made_good_at_a_limited_rate() {
    let mut brake = brake(25, 20);
    for number in 0..5 {
        brake.absent(&who(number, 0), Vec::new, 20, &stamp(1));
    }
    let mut ask = |number: usize, second: i64| brake.recreation(&format!("uid{number}"), &look(20, second), Vec::new, true);
    assert!((0..3).all(|number| ask(number, 10).is_ok()));
    let until = Moment(Duration::from_secs(610));
    assert_eq!(ask(3, 20), Err(Held::Throttled { most: 3, until }));
    assert_eq!(ask(3, 609), Err(Held::Throttled { most: 3, until }));
    assert!(ask(3, 610).is_ok() && ask(4, 611).is_ok());
}

#[test]
fn a_restart_does_not_begin_a_new_window() {
    let made = |times: &[i64]| times.iter().map(|at| time(*at)).collect::<Vec<_>>();
    // When former endpoints were made anew, when it is asked (the process begins at 0), whether it goes through at once.
    let table: [(&'static str, Vec<Timestamp>, i64, bool); 4] = [
        ("nothing is known", made(&[]), 5, true),
        ("two lately", made(&[-30, -20]), 5, true),
        ("three lately", made(&[-30, -20, -10]), 5, false),
        ("three, but one long ago", made(&[-700, -20, -10]), 5, true),
    ];
    for (sentence, former, second, through) in table {
        let mut brake = brake(25, 20);
        brake.absent(&who(1, 0), Vec::new, 20, &stamp(second));
        assert_eq!(brake.recreation("uid1", &look(20, second), || former.clone(), false).is_ok(), through, "{sentence}");
        assert_eq!(brake.recreation("uid1", &look(20, second), || panic!("asked once"), true).is_ok(), through, "{sentence}");
        assert!(brake.recreation("uid1", &look(20, 700), Vec::new, true).is_ok(), "{sentence}");
    }
}

#[test]
fn a_new_process_knows_which_absences_were_acknowledged() {
    let mut before = brake(2, 0);
    (0..6).for_each(|number| before.absent(&who(number, 0), Vec::new, 10, &stamp(100)));
    let token = absences(&before).token;
    before.acknowledge(&token, time(110));
    let written = before.status().expect("a record");

    let mut after = brake(2, 0);
    after.adopt(&written);
    let all = || (2..6).map(|number| who(number, 0)).collect();
    after.absent(&who(2, 0), all, 10, &stamp(200));
    assert!(after.engaged().is_empty());
    assert!((2..6).all(|number| after.recreation(&format!("uid{number}"), &look(10, 200), Vec::new, true).is_ok()));

    // The same if it is acknowledged before the new process has noted anything.
    let mut written = written;
    if let Some(record) = &mut written.absences {
        (record.released_time, record.released_until) = (None, None);
    }
    let mut early = brake(2, 0);
    early.adopt(&written);
    assert!(matches!(early.acknowledge(&token, time(210)), Acknowledged::Released(Kind::Absences, held) if held.is_empty()));
    (0..6).for_each(|number| early.absent(&who(number, 0), Vec::new, 10, &stamp(220)));
    assert!(early.engaged().is_empty());
    let written = before.status().expect("a record");

    // Endpoints that were made since are none of those, nor are more than were counted, nor is it endless.
    let mut since = brake(2, 0);
    since.adopt(&written);
    (0..6).for_each(|number| since.absent(&who(number, 150), Vec::new, 10, &stamp(200)));
    assert_eq!(since.engaged().len(), 1);
    let mut more = brake(2, 0);
    more.adopt(&written);
    (0..9).for_each(|number| more.absent(&who(number, 0), Vec::new, 10, &stamp(200)));
    assert_eq!(more.engaged().len(), 1);
    let mut late = brake(2, 0);
    late.adopt(&written);
    (0..6).for_each(|number| late.absent(&who(number, 0), Vec::new, 10, &stamp(100 + 3700)));
    assert_eq!(late.engaged().len(), 1);
}

/// What may happen to an account, in any order.
#[derive(Clone, Debug)]
enum Step {
    Delete(usize),
    Ask(usize),
    Gone(usize),
    Acknowledge,
    Restart,
    Pass(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..60_usize).prop_map(Step::Delete),
        8 => (0..60_usize).prop_map(Step::Ask),
        2 => (0..60_usize).prop_map(Step::Gone),
        1 => Just(Step::Acknowledge),
        1 => Just(Step::Restart),
        3 => (0..50_i64).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 0..120)
}

proptest! {
    /// I14: of deletions that nobody acknowledged, never more than the cap with deletionTimestamps in one minute get through.
    #[test]
    fn deletions_never_exceed_the_cap_unacknowledged(cap in 1..6_usize, steps in steps()) {
        let count = i32::try_from(cap).expect("a small number");
        let mut brake = brake(count, 0);
        let (mut now, mut deleting) = (0_i64, BTreeMap::<usize, i64>::new());
        let mut through: BTreeMap<usize, (i64, bool)> = BTreeMap::new();
        let mut acknowledged = -1_i64;
        for step in steps {
            match step {
                Step::Delete(number) => drop(deleting.entry(number).or_insert(now)),
                Step::Ask(number) => {
                    let Some(at) = deleting.get(&number).copied() else { continue };
                    let all = || deleting.iter().filter(|(number, _)| !through.contains_key(number)).map(|(number, at)| who(*number, *at)).collect();
                    if brake.deletion(&who(number, at), all, 10, &stamp(now)).is_ok() {
                        through.entry(number).or_insert((at, at <= acknowledged));
                    }
                }
                Step::Gone(number) => if through.contains_key(&number) {
                    brake.gone(&format!("uid{number}"), time(now));
                },
                Step::Acknowledge => {
                    let engaged = brake.engaged();
                    if let Some((_, record)) = engaged.first() {
                        brake.acknowledge(&record.token, time(now));
                        acknowledged = acknowledged.max(record.until.0.as_second() - 1_000_000);
                    }
                }
                // A process that has admitted something and was not braked takes that knowledge with it (see the head of the module).
                Step::Restart => if !brake.engaged().is_empty() || through.is_empty() {
                    let written = brake.status();
                    brake = self::brake(count, 0);
                    if let Some(written) = written {
                        brake.adopt(&written);
                    }
                },
                Step::Pass(seconds) => now += seconds,
            }
            let mut counted: Vec<i64> = through.values().filter(|(_, acknowledged)| !acknowledged).map(|(at, _)| *at).collect();
            counted.sort_unstable();
            prop_assert!(counted.windows(cap + 1).all(|window| window[cap] - window[0] > 60), "{counted:?}");
        }
    }

    /// I14: of recreations that nobody acknowledged, never more than the limit in one window, and none while the brake holds.
    #[test]
    fn recreations_never_exceed_the_limit_unacknowledged(cap in 1..8_usize, steps in steps()) {
        let count = i32::try_from(cap).expect("a small number");
        let mut brake = brake(count, 0);
        let mut now = 0_i64;
        let mut made: Vec<i64> = Vec::new();
        let mut acknowledged = 0;
        let mut free: BTreeSet<usize> = BTreeSet::new();
        let mut missing: BTreeSet<usize> = BTreeSet::new();
        for step in steps {
            match step {
                Step::Delete(number) => if missing.insert(number) {
                    // One that was made anew has another id than the one that vanished before.
                    let who = Who { endpoint: format!("e{number}-{}", made.len() + acknowledged), ..who(number, -1000) };
                    brake.absent(&who, Vec::new, 0, &stamp(now));
                },
                Step::Ask(number) => {
                    if !missing.contains(&number) { continue }
                    let held = !brake.engaged().is_empty();
                    if brake.recreation(&format!("uid{number}"), &look(0, now), Vec::new, true).is_ok() {
                        missing.remove(&number);
                        if free.remove(&number) {
                            acknowledged += 1;
                        } else {
                            prop_assert!(!held, "{number} was made anew under the brake");
                            made.push(now);
                        }
                    }
                }
                Step::Gone(number) => {
                    missing.remove(&number);
                    free.remove(&number);
                    brake.gone(&format!("uid{number}"), time(now));
                }
                Step::Acknowledge => {
                    let engaged = brake.engaged();
                    if let Some((_, record)) = engaged.first() {
                        brake.acknowledge(&record.token, time(now));
                        free.extend(missing.iter());
                    }
                }
                Step::Restart => {}
                Step::Pass(seconds) => now += seconds,
            }
            prop_assert!(made.windows(4).all(|window| window[3] - window[0] >= 600), "{made:?}");
        }
    }
}

#[test]
fn a_listing_that_began_before_the_suspicion_refutes_nothing() {
    let mut brake = brake(1, 0);
    for number in 0..2 {
        brake.absent(&who(number, -500), Vec::new, 10, &stamp(10));
    }
    let shown = |id: &str| (id.to_owned(), crate::core::endpoint::tests::make::remote(id));
    let everything = || Sightings::new(BTreeMap::from([shown("e0"), shown("e1")]), None);
    brake.listed(&everything(), time(9), time(20));
    assert!(!brake.engaged().is_empty(), "what was read after the listing began is newer than it");
    brake.listed(&everything(), time(11), time(20));
    assert!(brake.engaged().is_empty(), "a newer listing shows them");
}
