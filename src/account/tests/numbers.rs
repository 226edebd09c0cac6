//! Numbers are listed while somebody watches one, once in a period, and read one by one for those who wait.

use super::*;

const PERIOD: u64 = 60;

fn number(index: usize, app_id: &str) -> Number {
    Number::new(digits(index), pointed(app_id))
}

fn digits(index: usize) -> String {
    format!("1415{index:07}")
}

fn pointed(app_id: &str) -> Fields {
    Fields::from([("app_id", Value::Text(app_id.into()))])
}

fn with_numbers(count: usize) -> Arc<Fake> {
    let fake = Fake::with(3);
    fake.state.lock().unwrap().numbers = (0..count).map(|index| number(index, "7")).collect();
    fake
}

fn expected(index: usize, app_id: &str) -> NumberExpectation {
    NumberExpectation { number: digits(index), fields: pointed(app_id), open: false }
}

fn binding(index: usize) -> ObjectKey {
    ObjectKey::binding("ns", format!("b{index}"))
}

#[tokio::test(start_paused = true)]
async fn numbers_are_listed_only_while_somebody_watches_one() {
    let (world, fake) = (World::new(), with_numbers(30));
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(3 * PERIOD).await;
    assert_eq!((fake.count("list numbers"), account.numbers().newest.is_none()), (0, true));
    account.watch_number(binding(1), expected(1, "7"));
    pass(1).await;
    assert_eq!(fake.count("list numbers"), 3);
    let complete = account.numbers().complete.expect("a complete listing");
    assert_eq!((complete.items.len(), complete.items.get(&digits(3))), (30, Some(&number(3, "7"))));
    assert_eq!(account.watched(), [binding(1)]);
    account.unwatch(&binding(1));
    pass(3 * PERIOD).await;
    assert_eq!(fake.count("list numbers"), 3);
    assert_eq!(account.watched(), []);
}

#[tokio::test(start_paused = true)]
async fn a_listing_wakes_whose_number_is_not_as_expected_and_nobody_else() {
    let (world, fake) = (World::new(), with_numbers(30));
    let account = world.attach("a", &fake, AccountSettings::default());
    for index in 0..30 {
        account.watch_number(binding(index), expected(index, "7"));
    }
    pass(10).await;
    assert_eq!(world.woken(), Vec::<String>::new());
    fake.state.lock().unwrap().numbers[4] = number(4, "9");
    fake.state.lock().unwrap().numbers.remove(9);
    pass(PERIOD).await;
    assert_eq!(world.woken(), ["b4", "b9"]);
    // One of them asks for the next one, and is told of it although it agrees again.
    fake.state.lock().unwrap().numbers[4] = number(4, "7");
    account.want_numbers(binding(4), Lane::Repair);
    account.unwatch(&binding(9));
    pass(2).await;
    assert_eq!(world.woken(), ["b4"]);
    pass(PERIOD).await;
    assert_eq!(world.woken(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_numbers_cost_one_listing_a_period_however_often_fifty_of_them_are_changed() {
    let (world, fake) = (World::new(), with_numbers(10_000));
    let settings = AccountSettings { budget: Some(300), sweep_period: Some(Duration::from_secs(600)) };
    let account = world.attach("a", &fake, settings);
    for index in 0..50 {
        account.watch_number(binding(index), expected(index, "7"));
    }
    pass(300).await;
    let pages = 10_000_usize.div_ceil(19);
    assert!((pages..=pages + 2).contains(&fake.count("list numbers")), "{} pages", fake.count("list numbers"));
    let listed = fake.count("list numbers");
    let began = account.numbers().complete.map(|listing| listing.began);
    for round in 0..3 {
        for index in 0..50 {
            let (who, app_id) = (binding(index), format!("{round}"));
            assert_eq!(account.update_number(Lane::Urgent, &who, (&digits(index), None), &pointed(&app_id)).await, Ok(Outcome::Done(())));
            assert_eq!(account.get_number(Lane::Urgent, &who, &digits(index), None).await, Ok(Outcome::Done(number(index, &app_id))));
            account.watch_number(who, expected(index, &app_id));
        }
    }
    assert_eq!(fake.count("list numbers"), listed, "what we changed ourselves is known");
    let view = account.numbers();
    let seen = view.complete.as_ref().expect("a listing");
    assert_eq!(
        (Some(seen.began), seen.items.get(&digits(49)), seen.items.get(&digits(50))),
        (began, Some(&number(49, "2")), Some(&number(50, "7")))
    );
    assert_eq!(world.woken(), Vec::<String>::new());
    pass(500).await;
    assert!(fake.count("list numbers") > listed && fake.count("list numbers") <= 2 * (pages + 2));
    assert_eq!(world.woken(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_update_while_numbers_are_listed_is_in_that_listing() {
    let (world, fake) = (World::new(), with_numbers(60));
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(10).await;
    account.watch_number(binding(1), expected(1, "9"));
    tokio::time::sleep(Duration::from_millis(150)).await;
    // The first page is behind: the listing has seen the old value.
    assert_eq!(account.update_number(Lane::Urgent, &binding(1), (&digits(1), None), &pointed("9")).await, Ok(Outcome::Done(())));
    pass(2).await;
    assert_eq!(account.numbers().complete.and_then(|listing| listing.items.get(&digits(1)).cloned()), Some(number(1, "9")));
    assert_eq!(world.woken(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_listing_of_endpoints_that_somebody_waits_for_does_not_wait_for_ten_thousand_numbers() {
    let (world, fake) = (World::new(), with_numbers(10_000));
    let settings = AccountSettings { budget: Some(300), sweep_period: Some(Duration::from_secs(600)) };
    let account = world.attach("a", &fake, settings);
    pass(10).await;
    account.watch_number(binding(1), expected(1, "7"));
    pass(2).await;
    let listed = fake.count("list");
    account.want_listing(Thing::Endpoint, key("o"), Lane::Urgent);
    pass(1).await;
    assert_eq!((world.woken(), fake.count("list")), (vec!["o".to_owned()], listed + 1));
    assert!(account.numbers().newest.is_none(), "that of the numbers runs still");
}

#[tokio::test(start_paused = true)]
async fn listings_that_nobody_waits_for_come_one_after_another() {
    // The numbers take longer than the period: the endpoints are due while they are listed.
    let (world, fake) = (World::new(), with_numbers(2000));
    let settings = AccountSettings { budget: Some(300), sweep_period: Some(Duration::from_secs(10)) };
    fake.state.lock().unwrap().endpoints = (0..200).map(|index| remote(&format!("e{index:04}"), "desk")).collect();
    let account = world.attach("a", &fake, settings);
    account.watch_number(binding(1), expected(1, "7"));
    pass(200).await;
    let kinds: Vec<&str> = fake.calls.lock().unwrap().iter().map(|(_, kind)| *kind).collect();
    let turns = kinds.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let pages = |kind: &str| kinds.iter().filter(|one| **one == kind).count();
    let (endpoints, numbers) = (pages("list") / 11, pages("list numbers") / 106);
    assert!(endpoints >= 10 && numbers >= 10, "{endpoints} and {numbers} listings");
    assert!(turns <= 2 * endpoints.max(numbers) + 2, "{turns} turns in {endpoints} and {numbers} listings");
}

#[tokio::test(start_paused = true)]
async fn a_tripped_account_lists_no_numbers_and_wakes_who_watches_one_when_it_works_again() {
    let (world, fake) = (World::new(), with_numbers(5));
    let account = world.attach("a", &fake, AccountSettings::default());
    account.watch_number(binding(1), expected(1, "7"));
    pass(10).await;
    fake.credentials_bad.store(true, Ordering::Relaxed);
    assert!(matches!(account.get_number(Lane::Urgent, &binding(1), &digits(1), None).await, Ok(Outcome::Refused(_))));
    let before = fake.calls();
    assert_eq!(account.update_number(Lane::Urgent, &binding(1), (&digits(1), None), &pointed("9")).await, Err(NotStarted::Tripped));
    pass(3 * PERIOD).await;
    assert_eq!(fake.calls(), before);
    fake.credentials_bad.store(false, Ordering::Relaxed);
    assert_eq!(world.accounts.identify(&key("a")).await, Outcome::Done("MA1".into()));
    assert_eq!(world.woken(), ["b1"]);
    pass(1).await;
    assert!(fake.count("list numbers") > 1);
}

#[tokio::test(start_paused = true)]
async fn who_knows_nothing_of_a_number_yet_is_served_by_the_listing_that_runs() {
    let (world, fake) = (World::new(), with_numbers(600));
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(10).await;
    account.await_numbers(binding(1), Lane::Sweep);
    pass(1).await;
    let running = fake.count("list numbers");
    assert!(running > 1 && account.numbers().newest.is_none(), "it runs");
    account.await_numbers(binding(2), Lane::Sweep);
    pass(20).await;
    let pages = fake.count("list numbers");
    assert!(account.numbers().complete.is_some());
    assert_eq!((world.woken(), pages), (vec!["b1".to_owned(), "b2".to_owned()], 600_usize.div_ceil(19)), "one listing for both");
    account.await_numbers(binding(3), Lane::Sweep);
    pass(1).await;
    account.want_numbers(binding(4), Lane::Sweep);
    pass(40).await;
    assert_eq!(fake.count("list numbers"), 3 * pages, "a listing that began before a question does not answer it");
    assert_eq!(world.woken(), ["b3", "b4"]);
}
