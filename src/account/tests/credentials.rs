//! Credentials are proven, refused and replaced.

use super::*;

fn standing(world: &World, owner: &str) -> Standing {
    world.accounts.standing(&key(owner)).expect("an attachment")
}

fn rejected(due: Duration) -> Standing {
    Standing::Rejected { message: "no".into(), due }
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_stop_every_call_until_a_probe_succeeds() {
    let (world, fake) = (World::new(), Fake::with(3));
    let account = world.attach("a", &fake, AccountSettings::default());
    account.watch(key("o1"), Expectation { id: Some("e0001".into()), ..Expectation::default() });
    pass(10).await;
    fake.credentials_bad.store(true, Ordering::Relaxed);
    assert!(matches!(account.get(Lane::Urgent, &key("o1"), "e0001").await, Ok(Outcome::Refused(_))));
    assert!(matches!(account.health(), Health::Tripped { .. }));
    assert_eq!(standing(&world, "a"), rejected(PROBE_EVERY));
    let before = fake.calls();
    for _ in 0..10 {
        assert_eq!(account.get(Lane::Urgent, &key("o1"), "e0001").await, Err(NotStarted::Tripped));
        assert_eq!(account.create(&key("o1"), "x", &Fields::new()).await, Err(NotStarted::Tripped));
        assert!(!account.reserve_create(&key("o1")));
        account.want_listing(key("o2"), Lane::Urgent);
    }
    pass(130).await;
    assert_eq!(fake.calls(), before, "not even the sweep");
    assert!(matches!(world.accounts.identify(&key("a")).await, Outcome::Refused(_)));
    assert!(account.probe_due() > Duration::from_secs(50));
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
        account.watch(key("o"), Expectation::default());
        account.want_listing(key("o"), Lane::Urgent);
        pass(70).await;
        assert!(matches!(account.get(Lane::Urgent, &key("o"), "1").await, Err(NotStarted::Closed)));
        assert!(!account.reserve_create(&key("o")));
        assert_eq!((fake.calls(), world.woken()), (0, Vec::<String>::new()));

        assert_eq!(world.accounts.identify(&key("a")).await, Outcome::Done("MA1".into()));
        pass(1).await;
        assert!(world.woken().contains(&"o".to_owned()), "who waits is woken");
        assert_eq!((fake.count("identify"), fake.count("list")), (1, 1));
        // Attached again with the same credentials it goes on.
        assert!(account.get(Lane::Urgent, &key("o"), "1").await.is_ok());
        assert!(attach(fake).get(Lane::Urgent, &key("o"), "1").await.is_ok());
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
    let late = account.get(Lane::Urgent, &who, "e0001");
    tokio::pin!(late);
    assert!(futures::poll!(&mut late).is_pending());
    let new = Fake::with(3);
    world.attach("a", &new, AccountSettings::default());
    assert!(matches!(late.await, Ok(Outcome::Refused(_))));
    assert_eq!(account.health(), Health::Healthy);
    world.attach("a", &old, AccountSettings::default());
    assert!(matches!(account.get(Lane::Urgent, &who, "e0001").await, Ok(Outcome::Refused(_))));
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
    account.watch(key("o"), Expectation { id: Some("e0001".into()), ..Expectation::default() });
    pass(10).await;
    assert!(Arc::ptr_eq(&account, &attach_unproven(&world, "b", &bad)));
    assert_eq!((standing(&world, "a"), standing(&world, "b")), (Standing::Proven, Standing::Unproven));
    assert!(matches!(account.get(Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Done(_))));
    assert!(matches!(world.accounts.identify(&key("b")).await, Outcome::Refused(_)));
    assert_eq!((standing(&world, "a"), account.health()), (Standing::Proven, Health::Healthy));
    assert!(matches!(standing(&world, "b"), Standing::Rejected { due, .. } if due > Duration::from_secs(50)));
    pass(70).await;
    assert!(matches!(account.get(Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Done(_))));
    // Its object attaches it again and again; that it is bad stays known, and its minute counts.
    attach_unproven(&world, "b", &bad);
    assert_eq!(standing(&world, "b"), rejected(Duration::ZERO));
    assert_eq!((bad.calls(), world.woken()), (1, vec![]), "one failed login, and nobody has noticed");
    bad.credentials_bad.store(false, Ordering::Relaxed);
    assert_eq!(world.accounts.identify(&key("b")).await, Outcome::Done("MA1".into()));
    assert_eq!(standing(&world, "b"), Standing::Proven);
    let before = good.calls();
    assert!(account.get(Lane::Urgent, &key("o"), "e0001").await.is_ok());
    assert_eq!((good.calls(), bad.count("get")), (before, 1), "the newest that were accepted are used");
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_credentials_are_refused_goes_on_with_those_of_another_object() {
    let (world, first, second) = (World::new(), Fake::with(3), Fake::with(3));
    let account = world.attach("a", &first, AccountSettings::default());
    world.attach("b", &second, AccountSettings::default());
    account.watch(key("o"), Expectation { id: Some("e0001".into()), ..Expectation::default() });
    pass(10).await;
    second.credentials_bad.store(true, Ordering::Relaxed);
    assert!(matches!(account.get(Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Refused(_))));
    assert_eq!(account.get(Lane::Urgent, &key("o"), "e0001").await, Err(NotStarted::Tripped));
    assert!(matches!(standing(&world, "a"), Standing::Rejected { .. }), "nobody calls before somebody has asked");
    world.attach("a", &first, AccountSettings::default());
    assert_eq!(standing(&world, "a"), rejected(Duration::ZERO), "these were not refused: they may be tried at once");
    assert_eq!(world.accounts.identify(&key("a")).await, Outcome::Done("MA1".into()));
    assert_eq!((account.health(), world.woken()), (Health::Healthy, vec!["o".to_owned()]));
    assert_eq!(standing(&world, "a"), Standing::Proven);
    assert!(matches!(standing(&world, "b"), Standing::Rejected { .. }));
    let before = second.calls();
    pass(70).await;
    assert!(matches!(account.get(Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Done(_))));
    assert_eq!(second.calls(), before);
    // Whose credentials are in use may go: the others are asked first.
    second.credentials_bad.store(false, Ordering::Relaxed);
    world.accounts.detach(&world.owner("a"));
    assert_eq!(world.accounts.identify(&key("b")).await, Outcome::Done("MA1".into()));
    assert_eq!(standing(&world, "b"), Standing::Proven);
    assert!(matches!(account.get(Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Done(_))));
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
    assert_eq!(standing(&world, "a"), Standing::Unproven);
    assert!(matches!(account.get(Lane::Urgent, &key("o"), "e0001").await, Err(NotStarted::Closed)));
    assert_eq!((world.accounts.standing(&key("b")), new.calls()), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn where_nobodys_credentials_are_accepted_each_costs_one_failed_login_and_then_there_is_one_a_minute() {
    let (world, first, second) = (World::new(), Fake::with(3), Fake::with(3));
    let account = world.attach("a", &first, AccountSettings::default());
    world.attach("b", &second, AccountSettings::default());
    pass(10).await;
    for fake in [&first, &second] {
        fake.credentials_bad.store(true, Ordering::Relaxed);
    }
    let before = first.calls() + second.calls();
    assert!(matches!(account.get(Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Refused(_))));
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
    assert!((logins[2] + 3..=logins[2] + 4).contains(&logins[199]), "{logins:?}");
}
