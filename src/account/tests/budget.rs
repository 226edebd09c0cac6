//! Who waits for a call, and who is woken for it.

use super::*;

#[tokio::test(start_paused = true)]
async fn objects_without_a_permit_are_woken_when_one_is_reserved_for_them() {
    let (world, fake) = (World::new(), Fake::with(3));
    let account = world.attach("a", &fake, AccountSettings { budget: Some(4), ..AccountSettings::default() });
    // The window of the process before: nobody gets a permit, nobody waits in place.
    for name in ["a", "b"] {
        assert_eq!(account.get(Thing::Endpoint, Lane::Repair, &key(name), "e0001").await, Err(NotStarted::NoPermit));
    }
    assert!(!account.reserve_create(&key("c")));
    assert_eq!(account.update(Thing::Endpoint, Lane::Urgent, &key("d"), "e0001", &alias_of("x")).await, Err(NotStarted::NoPermit));
    pass(4).await;
    assert_eq!((world.woken(), fake.calls()), (vec![], 0));
    tokio::time::sleep(Duration::from_millis(1050)).await;
    assert_eq!(world.woken(), ["d", "c", "a"]);
    assert!(account.get(Thing::Endpoint, Lane::Urgent, &key("e"), "e0001").await.is_ok(), "the last one is for urgent calls");
    assert_eq!(account.get(Thing::Endpoint, Lane::Repair, &key("b"), "e0001").await, Err(NotStarted::NoPermit));
    assert!(account.reserve_create(&key("c")));
    assert!(account.get(Thing::Endpoint, Lane::Repair, &key("a"), "e0001").await.is_ok());
    assert!(account.create(Thing::Endpoint, &key("c"), "x", &Fields::new()).await.is_ok());
    assert!(account.update(Thing::Endpoint, Lane::Urgent, &key("d"), "e0001", &alias_of("x")).await.is_ok());
    assert_eq!(fake.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_reserved_permit_that_is_not_needed_any_more_goes_to_the_next_at_once() {
    let (world, fake) = (World::new(), Fake::with(3));
    let account = world.attach("a", &fake, AccountSettings { budget: Some(4), ..AccountSettings::default() });
    for name in ["a", "b", "c", "d"] {
        assert_eq!(account.get(Thing::Endpoint, Lane::Repair, &key(name), "e0001").await, Err(NotStarted::NoPermit));
    }
    tokio::time::sleep(Duration::from_millis(5050)).await;
    assert_eq!(world.woken(), ["a", "b", "c"], "the last one is for urgent calls");
    account.give_back(&key("a"));
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(world.woken(), ["d"]);
}

#[tokio::test(start_paused = true)]
async fn a_429_slows_the_account_and_no_object_loses_its_turn() {
    let (world, fake) = (World::new(), Fake::with(3));
    let account = world.attach("a", &fake, AccountSettings { budget: Some(40), ..AccountSettings::default() });
    pass(10).await;
    fake.throttle.store(1, Ordering::Relaxed);
    assert!(matches!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Refused(_))));
    assert!(matches!(account.health(), Health::Slowed { .. }));
    assert_eq!(account.call_limit(), 20);
    assert_eq!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001").await, Err(NotStarted::NoPermit));
    pass(3).await;
    assert_eq!(world.woken(), ["o"]);
    assert!(matches!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Done(_))));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_of_the_account_that_is_given_up_leaves_no_trace() {
    let clock = Clock::start();
    let wake: Waker = Arc::new(|_| {});
    let budget = Budget::new(1, 0, clock.now(), clock, wake);
    tokio::spawn(budget.clone().drive());
    assert!(tokio::time::timeout(Duration::from_secs(1), budget.take(Lane::Sweep)).await.is_err());
    let permit = tokio::time::timeout(Duration::from_secs(10), budget.take(Lane::Sweep)).await;
    assert!(permit.is_ok());
    // One that was granted but not picked up is not lost either.
    drop(permit);
    let mut given_up = Box::pin(budget.take(Lane::Sweep));
    assert!(futures::poll!(&mut given_up).is_pending());
    tokio::time::sleep(Duration::from_secs(6)).await;
    drop(given_up);
    assert!(tokio::time::timeout(Duration::from_millis(1), budget.take(Lane::Sweep)).await.is_ok());
}
