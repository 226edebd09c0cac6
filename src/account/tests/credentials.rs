//! Credentials are proven, refused and replaced.

use super::*;

fn standing(world: &World, owner: &str) -> Standing {
    world.accounts.standing(&key(owner)).expect("an attachment")
}

fn unproven() -> Standing {
    Standing::Unproven { due: Duration::ZERO }
}

fn rejected(due: Duration) -> Standing {
    Standing::Rejected { message: "no".into(), due }
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_stop_every_call_until_a_probe_succeeds() {
    let (world, fake) = (World::new(), Fake::with(3));
    let account = world.attach("a", &fake, AccountSettings::default());
    account.watch(Thing::Endpoint, key("o1"), Expectation { id: Some("e0001".into()), ..Expectation::default() });
    pass(10).await;
    fake.credentials_bad.store(true, Ordering::Relaxed);
    assert!(matches!(account.get(Thing::Endpoint, Lane::Urgent, &key("o1"), "e0001").await, Ok(Outcome::Refused(_))));
    assert!(matches!(account.health(), Health::Tripped { .. }));
    assert_eq!(standing(&world, "a"), rejected(PROBE_EVERY));
    let before = fake.calls();
    for _ in 0..10 {
        assert_eq!(account.get(Thing::Endpoint, Lane::Urgent, &key("o1"), "e0001").await, Err(NotStarted::Tripped));
        assert_eq!(account.create(Thing::Endpoint, &key("o1"), "x", &Fields::new()).await, Err(NotStarted::Tripped));
        assert!(!account.reserve_create(&key("o1")));
        account.want_listing(Thing::Endpoint, key("o2"), Lane::Urgent);
    }
    pass(130).await;
    assert_eq!(fake.calls(), before, "not even the sweep");
    assert!(matches!(world.accounts.identify(&key("a")).await, Outcome::Refused(_)));
    assert!(matches!(standing(&world, "a"), Standing::Rejected { due, .. } if due > Duration::from_secs(50)));
    fake.credentials_bad.store(false, Ordering::Relaxed);
    assert!(matches!(account.health(), Health::Tripped { .. }));
    assert_eq!(world.woken(), Vec::<String>::new());
    assert_eq!(world.accounts.identify(&key("a")).await, Outcome::Done("MA1".into()));
    assert_eq!((account.health(), standing(&world, "a")), (Health::Healthy, Standing::Proven));
    assert_eq!(world.woken(), ["o1", "o2"]);
    pass(1).await;
    assert_eq!(world.woken(), ["o2"], "the listing that was wanted meanwhile");
}

#[tokio::test(start_paused = true)]
async fn nothing_but_the_check_goes_out_with_credentials_that_nobody_has_confirmed() {
    let (world, old, new) = (World::new(), Fake::with(1), Fake::with(1));
    let id = AccountId { provider: ProviderKind::Plivo, id: "MA1".into() };
    let attach = |fake: &Arc<Fake>| {
        let provider: Arc<dyn Provider> = Arc::clone(fake) as Arc<dyn Provider>;
        world.accounts.attach_unproven(world.owner("a"), provider, id.clone(), AccountSettings::default())
    };
    for fake in [&old, &new] {
        let account = attach(fake);
        account.watch(Thing::Endpoint, key("o"), Expectation::default());
        account.want_listing(Thing::Endpoint, key("o"), Lane::Urgent);
        pass(70).await;
        assert!(matches!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "1").await, Err(NotStarted::Closed)));
        assert!(!account.reserve_create(&key("o")));
        assert_eq!((fake.calls(), world.woken()), (0, Vec::<String>::new()));

        assert_eq!(world.accounts.identify(&key("a")).await, Outcome::Done("MA1".into()));
        pass(1).await;
        assert!(world.woken().contains(&"o".to_owned()), "who waits is woken");
        assert_eq!((fake.count("identify"), fake.count("list")), (1, 1));
        // Attached again with the same credentials it goes on.
        assert!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "1").await.is_ok());
        assert!(attach(fake).get(Thing::Endpoint, Lane::Urgent, &key("o"), "1").await.is_ok());
    }
    assert_eq!(old.count("list"), 1, "none with the old ones either, once they are replaced");
}

#[tokio::test(start_paused = true)]
async fn newer_credentials_may_be_probed_at_once_and_late_answers_to_the_old_ones_do_not_trip() {
    let (world, old) = (World::new(), Fake::with(3));
    let account = world.attach("a", &old, AccountSettings::default());
    pass(10).await;
    old.credentials_bad.store(true, Ordering::Relaxed);
    let who = key("o");
    let late = account.get(Thing::Endpoint, Lane::Urgent, &who, "e0001");
    tokio::pin!(late);
    assert!(futures::poll!(&mut late).is_pending());
    let new = Fake::with(3);
    world.attach("a", &new, AccountSettings::default());
    assert!(matches!(late.await, Ok(Outcome::Refused(_))));
    assert_eq!(account.health(), Health::Healthy);
    world.attach("a", &old, AccountSettings::default());
    assert!(matches!(account.get(Thing::Endpoint, Lane::Urgent, &who, "e0001").await, Ok(Outcome::Refused(_))));
    assert_eq!(standing(&world, "a"), rejected(PROBE_EVERY));
    world.attach("a", &new, AccountSettings::default());
    assert_eq!(standing(&world, "a"), rejected(Duration::ZERO));
    assert_eq!(world.accounts.identify(&key("a")).await, Outcome::Done("MA1".into()));
    assert_eq!(account.health(), Health::Healthy);
}

fn attach_unproven(world: &World, owner: &str, fake: &Arc<Fake>) -> Arc<Account> {
    let id = AccountId { provider: ProviderKind::Plivo, id: "MA1".into() };
    let provider: Arc<dyn Provider> = Arc::clone(fake) as Arc<dyn Provider>;
    world.accounts.attach_unproven(world.owner(owner), provider, id, AccountSettings::default())
}

#[tokio::test(start_paused = true)]
async fn credentials_that_are_not_proven_do_not_replace_those_that_are_and_a_wrong_token_stops_its_own_object_alone() {
    let (world, good, bad) = (World::new(), Fake::with(3), Fake::with(3));
    bad.credentials_bad.store(true, Ordering::Relaxed);
    let account = world.attach("a", &good, AccountSettings::default());
    account.watch(Thing::Endpoint, key("o"), Expectation { id: Some("e0001".into()), ..Expectation::default() });
    pass(10).await;
    assert!(Arc::ptr_eq(&account, &attach_unproven(&world, "b", &bad)));
    assert_eq!((standing(&world, "a"), standing(&world, "b")), (Standing::Proven, unproven()));
    assert!(matches!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Done(_))));
    assert!(matches!(world.accounts.identify(&key("b")).await, Outcome::Refused(_)));
    assert_eq!((standing(&world, "a"), account.health()), (Standing::Proven, Health::Healthy));
    assert!(matches!(standing(&world, "b"), Standing::Rejected { due, .. } if due > Duration::from_secs(50)));
    pass(70).await;
    assert!(matches!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Done(_))));
    // Its object attaches it again and again; that it is bad stays known, and its minute counts.
    attach_unproven(&world, "b", &bad);
    assert_eq!(standing(&world, "b"), rejected(Duration::ZERO));
    assert_eq!((bad.calls(), world.woken()), (1, vec![]), "one failed login, and nobody has noticed");
    bad.credentials_bad.store(false, Ordering::Relaxed);
    assert_eq!(world.accounts.identify(&key("b")).await, Outcome::Done("MA1".into()));
    assert_eq!(standing(&world, "b"), Standing::Proven);
    let before = good.calls();
    assert!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001").await.is_ok());
    assert_eq!((good.calls(), bad.count("get")), (before, 1), "the newest that were accepted are used");
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_credentials_are_refused_goes_on_with_those_of_another_object() {
    let (world, first, second) = (World::new(), Fake::with(3), Fake::with(3));
    let account = world.attach("a", &first, AccountSettings::default());
    world.attach("b", &second, AccountSettings::default());
    account.watch(Thing::Endpoint, key("o"), Expectation { id: Some("e0001".into()), ..Expectation::default() });
    pass(10).await;
    second.credentials_bad.store(true, Ordering::Relaxed);
    assert!(matches!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Refused(_))));
    assert_eq!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001").await, Err(NotStarted::Tripped));
    assert!(matches!(standing(&world, "a"), Standing::Rejected { .. }), "nobody calls before somebody has asked");
    world.attach("a", &first, AccountSettings::default());
    assert_eq!(standing(&world, "a"), rejected(Duration::ZERO), "these were not refused: they may be tried at once");
    assert_eq!(world.accounts.identify(&key("a")).await, Outcome::Done("MA1".into()));
    assert_eq!((account.health(), world.woken()), (Health::Healthy, vec!["o".to_owned()]));
    assert_eq!(standing(&world, "a"), Standing::Proven);
    assert!(matches!(standing(&world, "b"), Standing::Rejected { .. }));
    let before = second.calls();
    pass(70).await;
    assert!(matches!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Done(_))));
    assert_eq!(second.calls(), before);
    // Whose credentials are in use may go: the others are asked first.
    second.credentials_bad.store(false, Ordering::Relaxed);
    world.accounts.detach(&world.owner("a"));
    assert_eq!(world.accounts.identify(&key("b")).await, Outcome::Done("MA1".into()));
    assert_eq!(standing(&world, "b"), Standing::Proven);
    assert!(matches!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Done(_))));
}

#[tokio::test(start_paused = true)]
async fn credentials_that_were_replaced_while_they_were_checked_prove_nothing() {
    let (world, old, new) = (World::new(), Fake::with(3), Fake::with(3));
    let account = attach_unproven(&world, "a", &old);
    pass(10).await;
    let owner = key("a");
    let check = world.accounts.identify(&owner);
    tokio::pin!(check);
    assert!(futures::poll!(&mut check).is_pending());
    attach_unproven(&world, "a", &new);
    assert!(matches!(check.await, Outcome::Refused(Refusal { kind: RefusalKind::Unreachable, .. })));
    assert_eq!(standing(&world, "a"), unproven());
    assert!(matches!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001").await, Err(NotStarted::Closed)));
    assert_eq!((world.accounts.standing(&key("b")), new.calls()), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn where_nobodys_credentials_are_accepted_each_costs_one_failed_login_and_then_one_a_minute() {
    let (world, first, second) = (World::new(), Fake::with(3), Fake::with(3));
    let account = world.attach("a", &first, AccountSettings::default());
    world.attach("b", &second, AccountSettings::default());
    pass(10).await;
    for fake in [&first, &second] {
        fake.credentials_bad.store(true, Ordering::Relaxed);
    }
    let before = first.calls() + second.calls();
    assert!(matches!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Refused(_))));
    // As their objects do: whenever they are looked at, and whenever it is due.
    let mut logins = Vec::new();
    for _ in 0..200 {
        for (owner, fake) in [("a", &first), ("b", &second)] {
            world.attach(owner, fake, AccountSettings::default());
            if standing(&world, owner) == rejected(Duration::ZERO) {
                assert!(matches!(world.accounts.identify(&key(owner)).await, Outcome::Refused(_)));
            }
        }
        pass(1).await;
        logins.push(first.calls() + second.calls() - before);
    }
    assert!(logins[2] <= 3 && logins[50] == logins[2], "{logins:?}");
    assert!((logins[2] + 6..=logins[2] + 7).contains(&logins[199]), "{logins:?}");
}

/// Credentials of nobody for an account that exists.
fn junk() -> Arc<Fake> {
    let fake = Fake::with(3);
    fake.credentials_bad.store(true, Ordering::Relaxed);
    fake
}

#[tokio::test(start_paused = true)]
async fn who_has_no_token_of_the_account_changes_nothing_in_it() {
    let (world, good, bad) = (World::new(), Fake::with(3), junk());
    let settings = |budget, period| AccountSettings { budget: Some(budget), sweep_period: Some(Duration::from_secs(period)) };
    let account = world.attach("a", &good, settings(50, 30));
    let terms = || (account.call_limit(), account.inner.state().sweep_period.as_secs());
    let attach_junk = || {
        let provider: Arc<dyn Provider> = Arc::clone(&bad) as Arc<dyn Provider>;
        world.accounts.attach_unproven(world.owner("b"), provider, account.id().clone(), settings(1, 5));
    };
    pass(10).await;
    attach_junk();
    assert_eq!(terms(), (50, 30), "nobody has confirmed it");
    assert!(matches!(world.accounts.identify(&key("b")).await, Outcome::Refused(_)));
    assert_eq!(terms(), (50, 30), "nor when it was refused");

    // The account has its probe each minute, however often the other one has its own.
    good.credentials_bad.store(true, Ordering::Relaxed);
    assert!(matches!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Refused(_))));
    for _ in 0..3 {
        attach_junk();
        assert_eq!(terms(), (50, 30), "what was accepted once comes before what never was");
        pass(59).await;
        assert!(matches!(world.accounts.identify(&key("b")).await, Outcome::Refused(_)));
        pass(2).await;
        assert_eq!(standing(&world, "a"), rejected(Duration::ZERO));
        assert!(matches!(world.accounts.identify(&key("a")).await, Outcome::Refused(_)));
    }
    good.credentials_bad.store(false, Ordering::Relaxed);
    assert_eq!(world.accounts.identify(&key("a")).await, Outcome::Done("MA1".into()));
    assert_eq!(account.health(), Health::Healthy);
}

#[tokio::test(start_paused = true)]
async fn credentials_that_are_wrong_again_and_again_are_asked_about_once_a_minute_and_one_mistake_is_mended_at_once() {
    let (world, good) = (World::new(), Fake::with(3));
    world.attach("a", &good, AccountSettings::default());
    let mut asked = Vec::new();
    for second in 0..300 {
        // Another Secret each second, and sometimes none.
        if second % 7 == 0 {
            world.accounts.detach(&world.owner("b"));
        }
        attach_unproven(&world, "b", &junk());
        if standing(&world, "b") == unproven() {
            assert!(matches!(world.accounts.identify(&key("b")).await, Outcome::Refused(_)));
            asked.push(second);
        }
        pass(1).await;
    }
    assert_eq!(asked.iter().filter(|second| **second < 50).count(), 2, "a wrong token and its correction: {asked:?}");
    assert!((6..=7).contains(&asked.len()), "{asked:?}");
    pass(60).await;
    for _ in 0..9 {
        attach_unproven(&world, "b", &Fake::with(3));
        assert_eq!(standing(&world, "b"), unproven(), "who has the token is not kept waiting");
        assert_eq!(world.accounts.identify(&key("b")).await, Outcome::Done("MA1".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn calls_of_those_whose_credentials_work_come_before_the_check_of_others() {
    let (world, good, bad) = (World::new(), Fake::with(3), junk());
    let account = world.attach("a", &good, AccountSettings { budget: Some(4), sweep_period: None });
    pass(20).await;
    let who = |index: usize| key(&format!("o{index}"));
    // All is used up, and then somebody asks for a check before somebody else has work.
    while account.get(Thing::Endpoint, Lane::Urgent, &who(0), "e0001").await.is_ok() {}
    account.give_back(&who(0));
    attach_unproven(&world, "b", &bad);
    let owner = key("b");
    let check = world.accounts.identify(&owner);
    tokio::pin!(check);
    assert!(futures::poll!(&mut check).is_pending());
    for index in 1..=4 {
        assert_eq!(account.get(Thing::Endpoint, Lane::Urgent, &who(index), "e0001").await, Err(NotStarted::NoPermit));
    }
    world.woken();
    while world.woken().is_empty() {
        assert!(futures::poll!(&mut check).is_pending());
        assert_eq!(bad.calls(), 0, "the others have their turn first");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(matches!(check.await, Outcome::Refused(_)));
}

#[tokio::test(start_paused = true)]
async fn credentials_that_the_account_does_not_use_are_asked_again_when_it_turns_to_others_and_now_and_then() {
    let (world, old, new) = (World::new(), Fake::with(3), Fake::with(3));
    let account = world.attach("a", &old, AccountSettings::default());
    pass(60).await;
    attach_unproven(&world, "b", &new);
    assert_eq!(standing(&world, "a"), Standing::Proven);
    // The provider has given out a new token, and with that the old one has ended.
    old.credentials_bad.store(true, Ordering::Relaxed);
    assert_eq!(world.accounts.identify(&key("b")).await, Outcome::Done("MA1".into()));
    assert!(world.woken().contains(&"a".to_owned()));
    assert_eq!((standing(&world, "a"), standing(&world, "b")), (Standing::Stale, Standing::Proven));
    assert!(matches!(world.accounts.identify(&key("a")).await, Outcome::Refused(_)));
    assert!(matches!(standing(&world, "a"), Standing::Rejected { .. }), "it does not work with somebody else's");
    assert_eq!(account.health(), Health::Healthy);

    old.credentials_bad.store(false, Ordering::Relaxed);
    assert_eq!(world.accounts.identify(&key("a")).await, Outcome::Done("MA1".into()));
    assert_eq!((standing(&world, "a"), standing(&world, "b")), (Standing::Proven, Standing::Proven), "each was asked");
    tokio::time::sleep(Duration::from_secs(3700)).await;
    assert_eq!((standing(&world, "a"), standing(&world, "b")), (Standing::Stale, Standing::Proven), "what is in use shows each minute");
    assert_eq!(world.accounts.identify(&key("a")).await, Outcome::Done("MA1".into()));
    assert_eq!(standing(&world, "a"), Standing::Proven);

    // Refused for a while: what came back of one may have ended for the others.
    pass(60).await;
    new.credentials_bad.store(true, Ordering::Relaxed);
    assert!(matches!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Refused(_))));
    new.credentials_bad.store(false, Ordering::Relaxed);
    world.woken();
    assert_eq!(world.accounts.identify(&key("b")).await, Outcome::Done("MA1".into()));
    assert_eq!(standing(&world, "a"), Standing::Stale);
    assert!(world.woken().contains(&"a".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn many_that_come_at_once_are_each_asked_twice_at_most() {
    let world = World::new();
    let names: Vec<String> = (0..20).map(|index| format!("a{index}")).collect();
    let fakes: Vec<Arc<Fake>> = names.iter().map(|_| Fake::with(1)).collect();
    for _ in 0..90 {
        for (name, fake) in names.iter().zip(&fakes) {
            attach_unproven(&world, name, fake);
            if standing(&world, name) != Standing::Proven {
                assert_eq!(world.accounts.identify(&key(name)).await, Outcome::Done("MA1".into()));
            }
        }
        pass(1).await;
    }
    let asked: Vec<usize> = fakes.iter().map(|fake| fake.count("identify")).collect();
    let (newest, others) = asked.split_last().expect("some");
    assert!(*newest == 1 && others.iter().all(|count| *count == 2), "{asked:?}");
}
