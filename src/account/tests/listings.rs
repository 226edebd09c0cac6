//! Endpoints are listed at a cadence and for those who wait.

use super::*;

#[tokio::test(start_paused = true)]
async fn the_first_listing_is_taken_unasked_after_the_window_of_the_process_before() {
    let (world, fake) = (World::new(), Fake::with(45));
    let start = Instant::now();
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(4).await;
    assert_eq!((fake.calls(), account.snapshots().term_complete), (0, false));
    account.want_listing(Thing::Endpoint, key("o"), Lane::Repair);
    pass(3).await;
    assert_eq!(world.woken(), ["o"], "who asks before the first call is served by it");
    let view = account.snapshots();
    assert!(view.term_complete && view.complete_before.is_none());
    assert_eq!(ids(&view.newest).len(), 45);
    assert!(fake.calls.lock().unwrap().iter().all(|(at, _)| *at - start >= Duration::from_secs(5)));
    assert_eq!(fake.count("list"), 4);
    pass(50).await;
    assert_eq!(fake.count("list"), 4);
    pass(10).await;
    assert_eq!(fake.count("list"), 8, "the period is counted from beginning to beginning");
    world.accounts.begin_term();
    assert!(!account.snapshots().term_complete);
    pass(2).await;
    assert!(account.snapshots().term_complete);
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_for_the_window_of_the_process_before_where_the_provider_has_room_for_both() {
    let (world, fake) = (World::new(), Fake::with(45));
    fake.provider_limit.store(200, Ordering::Relaxed);
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(1).await;
    assert_eq!((fake.count("list"), account.snapshots().term_complete), (4, true));
    // An account that this process itself has just left is another matter: the budget is its own.
    world.accounts.detach(&world.owner("a"));
    world.attach("a", &fake, AccountSettings::default());
    pass(4).await;
    assert_eq!(fake.count("list"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_wakes_only_what_differs() {
    let (world, fake) = (World::new(), Fake::with(30));
    let account = world.attach("a", &fake, AccountSettings::default());
    for number in 0..30 {
        let expected = Expectation { id: Some(format!("e{number:04}")), fields: alias_of("desk"), ..Expectation::default() };
        account.watch(Thing::Endpoint, key(&format!("o{number}")), expected);
    }
    pass(10).await;
    assert_eq!(world.woken(), Vec::<String>::new());
    fake.edit(|all| {
        all[3] = remote("e0003", "edited");
        all.remove(7);
    });
    pass(60).await;
    assert_eq!(world.woken(), ["o3", "o7"]);
    account.unwatch(&key("o3"));
    pass(60).await;
    assert_eq!(world.woken(), ["o7"]);
}

#[tokio::test(start_paused = true)]
async fn who_asks_while_a_listing_runs_is_served_by_the_next_one() {
    let (world, fake) = (World::new(), Fake::with(100));
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(10).await;
    account.want_listing(Thing::Endpoint, key("first"), Lane::Repair);
    tokio::time::sleep(Duration::from_millis(150)).await;
    let asked = account.now();
    account.want_listing(Thing::Endpoint, key("second"), Lane::Repair);
    account.want_listing(Thing::Endpoint, key("third"), Lane::Repair);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(world.woken(), ["first"]);
    assert!(account.snapshots().newest.is_some_and(|newest| newest.began < asked));
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(world.woken(), ["second", "third"]);
    assert!(account.snapshots().newest.is_some_and(|newest| newest.began >= asked && newest.is_complete()));
    assert_eq!(fake.count("list"), 3 * 6, "one listing at a time, shared");
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_fails_at_once_is_repeated_for_those_who_wait_with_growing_pauses() {
    let (world, fake) = (World::new(), Fake::with(5));
    fake.fail_pages.store(3, Ordering::Relaxed);
    let account = world.attach("a", &fake, AccountSettings::default());
    account.want_listing(Thing::Endpoint, key("waiting"), Lane::Repair);
    pass(30).await;
    assert_eq!(world.woken(), ["waiting"]);
    let at: Vec<Instant> = fake.calls.lock().unwrap().iter().map(|(at, _)| *at).collect();
    let pauses: Vec<u64> = at.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
    assert_eq!(pauses, [1, 2, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_fails_half_way_is_presence_only_and_wakes_those_who_wait() {
    let (world, fake) = (World::new(), Fake::with(30));
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(10).await;
    account.want_listing(Thing::Endpoint, key("waiting"), Lane::Repair);
    tokio::time::sleep(Duration::from_millis(50)).await;
    fake.fail_pages.store(4, Ordering::Relaxed);
    pass(8).await;
    let view = account.snapshots();
    assert_eq!(view.newest.map(|newest| newest.proof), Some(Proof::PresenceOnly(Spoiled::Failed)));
    assert_eq!((ids(&view.complete).len(), world.woken()), (30, vec!["waiting".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_page_that_fails_is_asked_for_again_after_a_pause_and_the_listing_is_complete_all_the_same() {
    let (world, fake) = (World::new(), Fake::with(30));
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(10).await;
    let before = fake.calls();
    account.want_listing(Thing::Endpoint, key("waiting"), Lane::Repair);
    tokio::time::sleep(Duration::from_millis(50)).await;
    fake.fail_pages.store(3, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.woken(), Vec::<String>::new(), "not given up");
    // What is made meanwhile moves the page that is asked for again.
    assert!(account.reserve_create(&key("o")));
    assert!(matches!(account.create(Thing::Endpoint, &key("o"), "alicemark", &alias_of("desk")).await, Ok(Outcome::Done(_))));
    pass(10).await;
    let view = account.snapshots();
    assert!(view.newest.as_ref().is_some_and(|newest| newest.is_complete()), "{:?}", view.newest.map(|newest| newest.proof));
    assert_eq!(world.woken(), ["waiting"]);
    let at: Vec<Instant> = fake.calls.lock().unwrap()[before..].iter().filter(|(_, name)| *name == "list").map(|(at, _)| *at).collect();
    let pauses: Vec<u64> = at.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
    assert_eq!(pauses[..5], [0, 1, 2, 4, 0], "page, three failures, pages");
}

#[tokio::test(start_paused = true)]
async fn a_listing_whose_credentials_are_refused_half_way_asks_no_more() {
    let (world, fake) = (World::new(), Fake::with(30));
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(10).await;
    let before = fake.calls();
    account.want_listing(Thing::Endpoint, key("waiting"), Lane::Repair);
    tokio::time::sleep(Duration::from_millis(120)).await;
    fake.credentials_bad.store(true, Ordering::Relaxed);
    pass(30).await;
    assert_eq!(fake.calls() - before, 2);
    assert_eq!(account.snapshots().newest.map(|newest| newest.proof), Some(Proof::PresenceOnly(Spoiled::Failed)));
}

#[tokio::test(start_paused = true)]
async fn our_own_calls_are_in_the_listings_at_once_and_in_one_that_runs() {
    let (world, fake) = (World::new(), Fake::with(60));
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(10).await;
    account.want_listing(Thing::Endpoint, key("o"), Lane::Repair);
    tokio::time::sleep(Duration::from_millis(150)).await;
    // The first page is behind: neither will be seen by the running listing.
    assert!(account.reserve_create(&key("o")));
    let created = account.create(Thing::Endpoint, &key("o"), "alicemark", &alias_of("desk")).await;
    assert_eq!(created, Ok(Outcome::Done(Created { id: "n1".into(), username: "alicemark1".into(), remote: None })));
    assert!(ids(&account.snapshots().newest).contains(&"n1".to_owned()));
    assert_eq!(account.delete(Thing::Endpoint, Lane::Urgent, &key("o"), "e0000").await, Ok(Outcome::Done(())));
    assert_eq!(account.update(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001", &alias_of("new")).await, Ok(Outcome::Done(None)));
    assert_eq!(world.woken(), Vec::<String>::new());
    pass(1).await;
    assert_eq!(world.woken(), ["o"]);
    let view = account.snapshots();
    for snapshot in [&view.complete, &view.complete_before] {
        assert!(ids(snapshot).contains(&"n1".to_owned()));
        assert!(!ids(snapshot).contains(&"e0000".to_owned()));
        let updated = snapshot.as_ref().and_then(|snapshot| snapshot.items.get("e0001").cloned());
        assert_eq!(updated.map(|remote| remote.fields), Some(alias_of("new")));
        assert_eq!(snapshot.as_ref().and_then(|snapshot| snapshot.items.get("n1")).map(|made| made.username.as_str()), Some("alicemark1"));
    }
    assert!(view.newest.is_some_and(|newest| newest.is_complete()), "our own calls do not keep it from being complete");
}
