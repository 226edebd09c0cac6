//! Several account objects lead to one account.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_account_that_is_opened_again_remembers_the_window_that_it_left() {
    let (world, fake) = (World::new(), Fake::with(1));
    world.attach("a", &fake, AccountSettings::default());
    pass(10).await;
    world.accounts.detach(&world.owner("a"));
    let before = fake.calls();
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(4).await;
    assert_eq!(fake.calls(), before, "what was called until a moment ago still counts at the provider");
    pass(2).await;
    assert!(account.snapshots().term_complete);
}

#[tokio::test(start_paused = true)]
async fn account_objects_that_lead_to_one_account_share_it_with_the_lowest_budget_and_shortest_period() {
    let (world, fake) = (World::new(), Fake::with(3));
    let settings = |budget, period: Option<u64>| AccountSettings { budget, sweep_period: period.map(Duration::from_secs) };
    let first = world.attach("a", &fake, settings(Some(50), Some(30)));
    let second = world.attach("b", &fake, settings(Some(20), None));
    assert!(Arc::ptr_eq(&first, &second) && world.accounts.all().len() == 1);
    assert_eq!((first.call_limit(), first.inner.state().sweep_period), (20, Duration::from_secs(30)));
    assert_eq!(world.accounts.owners(first.id()), [key("a"), key("b")]);
    // An object of the same name, made anew, is not detached by the old one's end.
    world.accounts.detach(&Owner { uid: "older".into(), key: key("b") });
    assert_eq!(first.call_limit(), 20);
    world.accounts.detach(&world.owner("b"));
    assert_eq!((first.call_limit(), world.accounts.get(&key("b")).is_none()), (50, true));
    let other: Arc<dyn Provider> = Arc::clone(&fake) as Arc<dyn Provider>;
    let moved =
        world.accounts.attach(world.owner("a"), other, AccountId { provider: ProviderKind::Plivo, id: "MA2".into() }, settings(None, None));
    assert!(!Arc::ptr_eq(&first, &moved));
    assert_eq!(first.get(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001").await, Err(NotStarted::Closed));
    let calls = fake.calls();
    world.accounts.detach(&world.owner("a"));
    pass(100).await;
    assert_eq!((fake.calls(), world.accounts.all().len()), (calls, 0), "a closed account makes no calls");
}
