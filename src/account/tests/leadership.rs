//! What changes something at a provider is begun only if it ends while this process leads.

use super::*;
use crate::core::lease::Leadership;

const LONGEST: Longest = Longest { create: Duration::from_secs(20), write: Duration::from_secs(10), slack: Duration::from_secs(2) };

/// A world whose account works, a mandate of this length from now on, and a change of each kind.
async fn world() -> (World, Arc<Fake>, Arc<Account>, Mandate) {
    let mut world = World::new();
    let mandate = Mandate::elected(world.accounts.clock(), LONGEST);
    world.accounts = world.accounts.within(mandate.clone());
    let fake = Fake::with(3);
    fake.state.lock().unwrap().numbers = vec![Number::new("1", Fields::new())];
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(6).await;
    world.woken();
    (world, fake, account, mandate)
}

fn lead(account: &Account, mandate: &Mandate, time: Duration) {
    mandate.extend(Leadership { epoch: 1, valid_until: account.now() + time });
}

/// Each call that changes something: what came of it, in a word.
async fn attempt(account: &Account, call: &str) -> &'static str {
    fn word<T>(outcome: Result<Outcome<T>, NotStarted>) -> &'static str {
        match outcome {
            Ok(outcome) => outcome.class(),
            Err(NotStarted::NotLeading) => "not leading",
            Err(_) => "not started",
        }
    }
    let who = key(call);
    match call {
        "create" => word(account.create(Thing::Endpoint, &who, "x", &Fields::new()).await),
        "update" => word(account.update(Thing::Endpoint, Lane::Urgent, &who, "e0001", &alias_of("x")).await),
        "delete" => word(account.delete(Thing::Endpoint, Lane::Urgent, &who, "e0001").await),
        "update number" => word(account.update_number(Lane::Urgent, &who, ("1", Some("1")), &Fields::new()).await),
        other => panic!("{other}"),
    }
}

const CALLS: [(&str, Duration); 4] =
    [("create", LONGEST.create), ("update", LONGEST.write), ("delete", LONGEST.write), ("update number", LONGEST.write)];

#[tokio::test(start_paused = true)]
async fn a_call_that_could_outlast_the_leadership_is_not_sent_and_its_object_is_woken_after_the_renewal() {
    for (call, longest) in CALLS {
        let (world, fake, account, mandate) = world().await;
        assert_eq!(attempt(&account, call).await, "not leading", "{call} before this process leads");
        lead(&account, &mandate, longest);
        world.woken();
        assert_eq!(attempt(&account, call).await, "not leading", "{call} that may end just then");
        assert_eq!((fake.count(call), world.woken()), (0, vec![]), "{call}");
        let wanted = tokio::time::timeout(Duration::from_millis(1), mandate.wanted()).await;
        assert!(wanted.is_ok(), "{call}: a renewal is asked for");
        lead(&account, &mandate, longest + Duration::from_millis(1));
        assert_eq!(world.woken(), [call]);
        assert_eq!((attempt(&account, call).await, fake.count(call)), ("done", 1), "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_create_is_prepared_that_could_not_be_sent_and_reads_go_on() {
    let (world, _, account, mandate) = world().await;
    lead(&account, &mandate, LONGEST.create + LONGEST.slack);
    assert!(!account.reserve_create(&key("a")));
    lead(&account, &mandate, LONGEST.create + LONGEST.slack + Duration::from_millis(1));
    assert_eq!(world.woken(), ["a"]);
    assert!(account.reserve_create(&key("a")));
    mandate.end();
    assert!(!account.reserve_create(&key("a")));
    assert!(account.get(Thing::Endpoint, Lane::Urgent, &key("a"), "e0001").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_after_the_end_and_nobody_is_kept_waiting_for_a_renewal() {
    for (call, _) in CALLS {
        let (world, fake, account, mandate) = world().await;
        lead(&account, &mandate, Duration::from_secs(28));
        mandate.end();
        assert_eq!(mandate.rest(), Some(Duration::from_secs(28)));
        assert_eq!((attempt(&account, call).await, fake.count(call)), ("not leading", 0), "{call}");
        assert!(tokio::time::timeout(Duration::from_secs(1), mandate.wanted()).await.is_err(), "{call}");
        pass(40).await;
        assert_eq!((mandate.rest(), world.woken()), (Some(Duration::ZERO), vec![]), "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_under_way_is_given_up_where_leading_ends_and_not_where_it_goes_on() {
    // Longer than it may: as several requests can be, or one in a process that stood still.
    let slow = |mandate: &Mandate| {
        let mandate = mandate.clone();
        async move {
            mandate
                .within(async {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    Outcome::Done(())
                })
                .await
        }
    };
    let (_, _, account, mandate) = world().await;
    lead(&account, &mandate, Duration::from_secs(28));
    let began = Instant::now();
    assert_eq!(slow(&mandate).await.class(), "unknown");
    assert_eq!(began.elapsed(), Duration::from_secs(28));
    lead(&account, &mandate, Duration::from_secs(28));
    let (outcome, ()) = tokio::join!(slow(&mandate), async {
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_secs(10)).await;
            lead(&account, &mandate, Duration::from_secs(28));
        }
    });
    assert_eq!(outcome, Outcome::Done(()));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_begun_when_the_process_woke_up_too_late_is_not_sent() {
    let (_, _, account, mandate) = world().await;
    lead(&account, &mandate, Duration::from_secs(28));
    let asked = AtomicU32::new(0);
    let call = mandate.within(async {
        tokio::task::yield_now().await;
        asked.fetch_add(1, Ordering::Relaxed);
        Outcome::Done(())
    });
    let mut call = std::pin::pin!(call);
    assert!(futures::poll!(&mut call).is_pending());
    // The timers of a process that stands still do not run either.
    tokio::time::advance(Duration::from_secs(28)).await;
    assert_eq!(call.await.class(), "unknown");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}
