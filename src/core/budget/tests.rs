use super::*;
use proptest::prelude::*;

fn at(millis: u64) -> Moment {
    Moment(Duration::from_millis(millis))
}

fn object(namespace: &str, name: &str) -> Who {
    Who::Object(ObjectKey::endpoint(namespace, name))
}

/// A budget whose first window is over at 0 ms of `at`.
fn budget(limit: u32) -> (CallBudget, u64) {
    (CallBudget::new(limit, 0, at(0), 7), 5_000)
}

/// The most calls in any window of five seconds, both ends of the window outside.
fn most_in_a_window(calls: &[Moment]) -> usize {
    calls.iter().map(|from| calls.iter().filter(|call| **call >= *from && **call < *from + WINDOW).count()).max().unwrap_or(0)
}

/// Uses a budget from `now` on, by steps of (pause, lane, name, how long the call lasts, in which part of that it counts); answers when
/// the provider counted the calls.
fn use_it(budget: &mut CallBudget, mut now: u64, steps: &[(u64, usize, u8, u64, u64)]) -> Vec<Moment> {
    let mut counted = Vec::new();
    let mut open: Vec<(u64, Ticket)> = Vec::new();
    for (pause, lane, name, lasts, share) in steps {
        now += pause;
        open.retain(|(ends, ticket)| {
            if *ends <= now {
                budget.ended(at(*ends), *ticket);
            }
            *ends > now
        });
        let mut who = vec![object("ns", &name.to_string())];
        who.extend(budget.grant(at(now)));
        for who in who {
            if let Some(ticket) = budget.try_take(at(now), Lane::ALL[*lane], &who) {
                open.push((now + lasts, ticket));
                counted.push(at(now + lasts * share / 1000));
            }
        }
    }
    for (ends, ticket) in open {
        budget.ended(at(ends), ticket);
    }
    counted
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_window_ever_holds_more_calls_than_the_limit_wherever_the_provider_counts_them(
        limit in 1_u32..40,
        steps in prop::collection::vec((0_u64..700, 0_usize..4, 0_u8..40, 0_u64..1500, 0_u64..1000), 1..300),
    ) {
        let mut budget = CallBudget::new(limit, 0, at(0), 1);
        let counted = use_it(&mut budget, 0, &steps);
        prop_assert!(most_in_a_window(&counted) <= limit as usize);
        // Fixed windows, wherever they begin, are windows too; the first one belongs to the process before.
        prop_assert!(counted.iter().all(|call| *call >= at(5_000)));
    }

    #[test]
    fn a_new_process_and_the_one_before_it_never_exceed_the_providers_limit_together_nor_each_its_own(
        limit in 1_u32..40,
        provider_limit in 0_u32..80,
        before in prop::collection::vec(0_u64..10_000, 0..80),
        more in (0_usize..200, 1_u32..40),
        steps in prop::collection::vec((0_u64..700, 0_usize..4, 0_u8..40, 0_u64..1500, 0_u64..1000), 1..300),
    ) {
        // The process before: any calls up to its end that keep its own limit, as late and as dense as can be.
        let began = 10_000;
        let mut predecessors: Vec<Moment> = vec![at(began); limit as usize];
        for call in before {
            predecessors.push(at(call));
            if most_in_a_window(&predecessors) > limit as usize {
                predecessors.pop();
            }
        }
        let mut budget = CallBudget::new(limit, provider_limit, at(began), 1);
        // Somebody lowers or raises the limit on the way; each counts from when it was set.
        let (when, to) = more;
        let split = when.min(steps.len());
        let mut counted = use_it(&mut budget, began, &steps[..split]);
        prop_assert!(most_in_a_window(&counted) <= limit as usize);
        let now = began + steps[..split].iter().map(|(pause, ..)| pause).sum::<u64>();
        budget.set_limit(to.min(limit));
        // What was under way then has ended by now.
        counted.extend(use_it(&mut budget, now + 1500, &steps[split..]));
        prop_assert!(most_in_a_window(&counted) <= limit as usize);
        let together: Vec<Moment> = predecessors.into_iter().chain(counted).collect();
        prop_assert!(most_in_a_window(&together) <= limit.max(provider_limit) as usize);
    }

    #[test]
    fn everybody_who_waits_is_served_and_namespaces_take_turns(
        limit in 2_u32..30,
        waiting in prop::collection::vec(0_u8..4, 1..60),
    ) {
        let (mut budget, mut now) = budget(limit);
        for (name, namespace) in waiting.iter().enumerate() {
            budget.enqueue(Lane::Create, &object(&namespace.to_string(), &name.to_string()));
        }
        let mut served: Vec<Who> = Vec::new();
        for _ in 0..1000 {
            for who in budget.grant(at(now)) {
                let ticket = budget.try_take(at(now), Lane::Create, &who);
                prop_assert!(ticket.is_some(), "a reserved permit can be used");
                budget.ended(at(now), ticket.unwrap_or(Ticket { number: 0, issued: at(0) }));
                served.push(who);
            }
            match budget.next_grant(at(now)) {
                Some(next) => {
                    prop_assert!(next > at(now));
                    now = u64::try_from(next.0.as_millis()).unwrap_or(u64::MAX);
                }
                None => break,
            }
        }
        prop_assert_eq!(served.len(), waiting.len());
        // While a namespace still waits, no other one is served twice before it.
        for first in 0..served.len() {
            for second in first + 1..served.len() {
                if served[first].turn() == served[second].turn() {
                    let between: std::collections::BTreeSet<&str> = served[first + 1..second].iter().map(Who::turn).collect();
                    let later: std::collections::BTreeSet<&str> = served[second..].iter().map(Who::turn).collect();
                    for turn in later {
                        prop_assert!(turn == served[first].turn() || between.contains(turn));
                    }
                    break;
                }
            }
        }
    }
}

/// Takes as many permits as there are, each call ending at once.
fn drain(budget: &mut CallBudget, now: u64, lane: Lane) -> usize {
    let who = object("drain", "drain");
    let taken = (0..1000)
        .map_while(|_| budget.try_take(at(now), lane, &who))
        .collect::<Vec<_>>()
        .into_iter()
        .map(|ticket| budget.ended(at(now), ticket))
        .count();
    budget.forget_waiter(&who);
    taken
}

/// As [`drain`], but one call at a time, so that the cap of calls in flight does not matter.
fn spend(budget: &mut CallBudget, now: u64, lane: Lane) -> u32 {
    let mut spent = 0;
    let who = object("spend", "spend");
    while let Some(ticket) = budget.try_take(at(now), lane, &who) {
        budget.ended(at(now), ticket);
        spent += 1;
    }
    budget.forget_waiter(&who);
    spent
}

#[test]
fn the_last_twentieth_belongs_to_deletions_and_user_changes() {
    for (limit, others) in [(1, 1), (2, 1), (18, 17), (20, 19), (21, 19), (150, 142), (300, 285)] {
        for lane in [Lane::Create, Lane::Repair, Lane::Sweep] {
            let (mut budget, now) = budget(limit);
            assert_eq!(spend(&mut budget, now, lane), others, "{limit} {lane:?}");
            assert_eq!(spend(&mut budget, now, Lane::Urgent), limit - others, "{limit} {lane:?}");
        }
    }
}

#[test]
fn a_new_process_assumes_that_the_window_before_was_used_up() {
    let mut budget = CallBudget::new(10, 0, at(2_000), 7);
    assert_eq!(spend(&mut budget, 6_999, Lane::Urgent), 0);
    assert_eq!(spend(&mut budget, 7_000, Lane::Urgent), 10);
}

#[test]
fn in_its_first_window_a_process_uses_what_the_provider_allows_beyond_the_budget_of_the_one_before() {
    for (limit, provider_limit, at_once) in [(150, 300, 150), (100, 300, 100), (200, 300, 100), (300, 300, 0), (300, 200, 0), (10, 0, 0)] {
        let mut budget = CallBudget::new(limit, provider_limit, at(2_000), 7);
        assert_eq!(spend(&mut budget, 2_000, Lane::Urgent), at_once, "{limit} of {provider_limit}");
        assert_eq!(spend(&mut budget, 6_999, Lane::Urgent), 0, "{limit} of {provider_limit}");
        assert_eq!(spend(&mut budget, 7_000, Lane::Urgent), limit, "{limit} of {provider_limit}");
    }
    // Other lanes leave a twentieth of that to the urgent one as well.
    let mut budget = CallBudget::new(200, 300, at(0), 7);
    assert_eq!(spend(&mut budget, 0, Lane::Sweep), 95);
    // Who waits is served when the window is over.
    assert_eq!(budget.try_take(at(0), Lane::Sweep, &object("ns", "waits")), None);
    assert_eq!(budget.next_grant(at(0)), Some(at(5_000)));
    assert_eq!(budget.grant(at(5_000)), [object("ns", "waits")]);
}

#[test]
fn a_limit_that_is_lowered_in_the_first_window_does_not_belittle_what_the_process_before_may_have_used() {
    let mut budget = CallBudget::new(300, 300, at(0), 7);
    budget.set_limit(50);
    assert_eq!(spend(&mut budget, 4_999, Lane::Urgent), 0);
    assert_eq!(spend(&mut budget, 5_000, Lane::Urgent), 50);
}

#[test]
fn at_most_32_calls_are_under_way() {
    let (mut budget, now) = budget(300);
    assert_eq!(drain(&mut budget, now, Lane::Urgent), MOST_IN_FLIGHT);
    assert_eq!(drain(&mut budget, now, Lane::Urgent), MOST_IN_FLIGHT, "ended calls make room");
}

#[test]
fn the_most_urgent_waiter_is_served_first() {
    let (mut budget, now) = budget(4);
    spend(&mut budget, now, Lane::Urgent);
    for (lane, name) in [(Lane::Sweep, "sweep"), (Lane::Repair, "repair"), (Lane::Create, "create"), (Lane::Urgent, "urgent")] {
        assert_eq!(budget.try_take(at(now), lane, &object("ns", name)), None);
    }
    assert_eq!(budget.next_grant(at(now)), Some(at(now + 5_000)));
    let names: Vec<Who> = budget.grant(at(now + 5_000));
    // Three of four are for all; the last one is for the urgent lane only.
    assert_eq!(names, [object("ns", "urgent"), object("ns", "create"), object("ns", "repair")]);
}

#[test]
fn who_asks_again_more_urgently_moves_up() {
    let (mut budget, now) = budget(4);
    spend(&mut budget, now, Lane::Urgent);
    for (lane, name) in [(Lane::Sweep, "a"), (Lane::Repair, "b"), (Lane::Urgent, "a"), (Lane::Sweep, "a")] {
        assert_eq!(budget.try_take(at(now), lane, &object("ns", name)), None);
    }
    assert_eq!(budget.grant(at(now + 5_000)), [object("ns", "a"), object("ns", "b")]);
}

#[test]
fn a_newcomer_does_not_pass_those_who_wait() {
    let (mut budget, now) = budget(4);
    spend(&mut budget, now, Lane::Urgent);
    assert_eq!(budget.try_take(at(now), Lane::Repair, &object("ns", "first")), None);
    let later = at(now + 5_000);
    assert_eq!(budget.try_take(later, Lane::Repair, &object("ns", "second")), None);
    assert_eq!(budget.try_take(later, Lane::Sweep, &object("ns", "third")), None);
    assert!(budget.try_take(later, Lane::Urgent, &object("ns", "fourth")).is_some());
    assert_eq!(budget.grant(later), [object("ns", "first"), object("ns", "second")]);
}

#[test]
fn a_reservation_is_kept_for_its_holder_and_lapses() {
    let (mut budget, now) = budget(2);
    let create = Who::Create(ObjectKey::endpoint("ns", "a"));
    assert!(budget.reserve(at(now), Lane::Create, &create));
    assert!(budget.reserve(at(now), Lane::Create, &create), "asking again keeps it");
    assert_eq!(budget.try_take(at(now), Lane::Create, &object("ns", "b")), None, "it is not for others");
    assert!(budget.try_take(at(now + 11_000), Lane::Create, &create).is_some());
    // The next one is not used: after twelve seconds it goes to the one who waits.
    let (mut budget, now) = (CallBudget::new(2, 0, at(0), 7), 5_000);
    assert!(budget.reserve(at(now), Lane::Create, &create));
    assert_eq!(budget.try_take(at(now), Lane::Create, &object("ns", "b")), None);
    assert_eq!(budget.next_grant(at(now)), Some(at(now + 12_000)));
    assert_eq!(budget.grant(at(now + 12_000)), [object("ns", "b")]);
    assert_eq!(budget.try_take(at(now + 12_000), Lane::Create, &create), None);
}

#[test]
fn a_429_halves_once_for_all_calls_under_way_pauses_and_recovers_linearly() {
    let (mut budget, now) = budget(100);
    let tickets: Vec<Ticket> = (0..3).filter_map(|name| budget.try_take(at(now), Lane::Urgent, &object("ns", &name.to_string()))).collect();
    for ticket in &tickets {
        budget.ended(at(now), *ticket);
        budget.throttled(at(now + 100), *ticket, Some(Duration::from_secs(20)));
    }
    assert_eq!((tickets.len(), budget.limit()), (3, 50));
    assert_eq!(budget.paused(at(now)), Some(at(now + 20_100)));
    assert_eq!(spend(&mut budget, now + 20_000, Lane::Urgent), 0);
    // Five more per window, counted from the end of the pause.
    for (later, limit) in [(20_100, 50), (25_099, 50), (25_100, 55), (30_100, 60), (70_100, 100), (1_000_000, 100)] {
        budget.grant(at(now + later));
        assert_eq!(budget.limit(), limit, "{later} ms later");
    }
}

#[test]
fn repeated_429s_pause_longer_within_bounds_and_never_stop_the_account() {
    let (mut budget, mut now) = budget(100);
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let ticket = budget.try_take(at(now), Lane::Urgent, &object("ns", "a"));
        let Some(ticket) = ticket else { panic!("after a pause there is a permit") };
        budget.throttled(at(now), ticket, None);
        budget.ended(at(now), ticket);
        let Some(until) = budget.paused(at(now)) else { panic!("a 429 pauses") };
        pauses.push(until.since(at(now)));
        now = u64::try_from(until.0.as_millis()).unwrap_or(u64::MAX) + 1;
    }
    assert!(pauses.iter().all(|pause| (FIRST_PAUSE..=LONGEST_PAUSE).contains(pause)), "{pauses:?}");
    assert!(pauses[0] <= Duration::from_secs(2) && pauses.iter().max() > Some(&Duration::from_secs(10)), "{pauses:?}");
    // One call is let through: the next 429 begins with a short pause again.
    now += 31_000;
    let passed = budget.try_take(at(now), Lane::Urgent, &object("ns", "a")).expect("a permit after the pause");
    budget.ended(at(now + 100), passed);
    let refused = budget.try_take(at(now + 200), Lane::Urgent, &object("ns", "a")).expect("a second permit");
    budget.throttled(at(now + 300), refused, None);
    assert!(budget.paused(at(now + 300)).is_some_and(|until| until.since(at(now + 300)) <= Duration::from_secs(2)));
    assert!(budget.limit() >= FEWEST);
}

#[test]
fn the_limit_can_be_changed_at_run_time() {
    let (mut budget, now) = budget(100);
    budget.set_limit(10);
    assert_eq!(spend(&mut budget, now, Lane::Urgent), 10);
    budget.set_limit(15);
    assert_eq!(spend(&mut budget, now, Lane::Urgent), 5);
}

#[test]
fn who_has_begun_comes_to_an_end_before_others_begin_but_not_for_ever() {
    let (mut budget, mut now) = budget(1);
    let names = ["first", "second", "third"].map(|name| object("ns", name));
    let before = budget.try_take(at(now), Lane::Urgent, &object("ns", "somebody")).expect("there is room");
    budget.ended(at(now), before);
    for who in &names {
        assert!(budget.try_take(at(now), Lane::Urgent, who).is_none());
    }
    // Each wants call after call; one call is let through in a window.
    let mut served = Vec::new();
    while served.len() < 24 {
        for who in budget.grant(at(now)) {
            let ticket = budget.try_take(at(now), Lane::Urgent, &who).expect("it was reserved");
            budget.ended(at(now), ticket);
            assert!(budget.try_take(at(now), Lane::Urgent, &who).is_none());
            served.push(who);
        }
        now += 1_000;
    }
    let runs: Vec<usize> = served.chunk_by(|one, other| one == other).map(<[Who]>::len).collect();
    assert!(runs.iter().take(3).all(|run| (4..=MOST_BEFORE_OTHERS as usize).contains(run)), "{runs:?}");
    for who in &names {
        assert!(served.contains(who), "{who:?} never has its turn: {served:?}");
    }
}
