use super::*;
use crate::core::fields::Fields;
use crate::core::listing::{Proof, Spoiled};
use crate::core::outcome::{Doubt, DoubtKind, Outcome, Refusal, RefusalKind};
use crate::provider::{Created, Page};
use futures::future::BoxFuture;
use std::sync::atomic::{AtomicU32, Ordering};

/// A provider in memory: newest first, pages of 20, every call takes 100 ms of the paused clock.
#[derive(Default)]
struct Fake {
    state: Mutex<FakeState>,
    credentials_bad: std::sync::atomic::AtomicBool,
    calls: Mutex<Vec<(Instant, &'static str)>>,
    throttle: AtomicU32,
    fail_pages: AtomicU32,
    /// Not known, unless a test says so: then the window of a process before is waited for.
    provider_limit: AtomicU32,
}

#[derive(Default)]
struct FakeState {
    endpoints: Vec<Remote>,
    made: u32,
}

fn remote(id: &str, alias: &str) -> Remote {
    Remote {
        id: id.into(),
        username: format!("user{id}"),
        sip_uri: Some("sip:x".into()),
        registration: None,
        fields: alias_of(alias),
        password_digest: None,
    }
}

fn alias_of(alias: &str) -> Fields {
    Fields::from([("alias", crate::core::fields::Value::Text(alias.into()))])
}

fn refused<T>(kind: RefusalKind) -> Outcome<T> {
    Outcome::Refused(Refusal { kind, message: "no".into(), retry_after: None })
}

impl Fake {
    fn with(count: u32) -> Arc<Self> {
        let fake = Self::default();
        fake.state.lock().unwrap().endpoints = (0..count).map(|number| remote(&format!("e{number:04}"), "desk")).collect();
        Arc::new(fake)
    }

    fn answer<'a, T: Send + 'a>(
        &'a self,
        name: &'static str,
        done: impl FnOnce(&mut FakeState) -> Outcome<T> + Send + 'a,
    ) -> BoxFuture<'a, Outcome<T>> {
        Box::pin(async move {
            self.calls.lock().unwrap().push((Instant::now(), name));
            tokio::time::sleep(Duration::from_millis(50)).await;
            let outcome = if self.credentials_bad.load(Ordering::Relaxed) {
                refused(RefusalKind::Credentials)
            } else if self.throttle.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                refused(RefusalKind::Throttled)
            } else {
                done(&mut self.state.lock().unwrap())
            };
            tokio::time::sleep(Duration::from_millis(50)).await;
            outcome
        })
    }

    fn count(&self, name: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|(_, call)| *call == name).count()
    }

    fn calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    fn edit(&self, change: impl FnOnce(&mut Vec<Remote>)) {
        change(&mut self.state.lock().unwrap().endpoints);
    }
}

impl Provider for Fake {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            provider: ProviderKind::Plivo,
            page_size: 20,
            always_sent: &[],
            default_budget: 100,
            provider_limit: self.provider_limit.load(Ordering::Relaxed),
        }
    }

    fn identify(&self) -> BoxFuture<'_, Outcome<String>> {
        self.answer("identify", |_| Outcome::Done("MA1".into()))
    }

    fn create_endpoint<'a>(&'a self, username: &'a str, fields: &'a Fields) -> BoxFuture<'a, Outcome<Created>> {
        self.answer("create", move |state| {
            state.made += 1;
            let id = format!("n{}", state.made);
            let made = Remote { username: format!("{username}{}", state.made), fields: fields.clone(), ..remote(&id, "") };
            let created = Created { id, username: made.username.clone() };
            state.endpoints.insert(0, made);
            Outcome::Done(created)
        })
    }

    fn get_endpoint<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<Remote>> {
        self.answer("get", move |state| match state.endpoints.iter().find(|remote| remote.id == id) {
            Some(found) => Outcome::Done(found.clone()),
            None => Outcome::NotFound { proven: true },
        })
    }

    fn list_endpoints(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page>> {
        let failing = self.fail_pages.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        self.answer("list", move |state| {
            if failing {
                return Outcome::Unknown(Doubt { kind: DoubtKind::Status(500), message: String::new() });
            }
            let items = state.endpoints.iter().skip(offset as usize).take(limit as usize).cloned().collect();
            Outcome::Done(Page { items, total: Some(state.endpoints.len() as u64) })
        })
    }

    fn update_endpoint<'a>(&'a self, id: &'a str, change: &'a Fields) -> BoxFuture<'a, Outcome<()>> {
        self.answer("update", move |state| {
            for remote in state.endpoints.iter_mut().filter(|remote| remote.id == id) {
                remote.fields.extend(change.clone());
            }
            Outcome::Done(())
        })
    }

    fn delete_endpoint<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<()>> {
        self.answer("delete", move |state| {
            state.endpoints.retain(|remote| remote.id != id);
            Outcome::Done(())
        })
    }

    fn password_matches(&self, _: &Remote, _: &Secret) -> Option<bool> {
        None
    }
}

const SETTINGS: Settings =
    Settings { settle: Duration::from_secs(150), sweep_period: Duration::from_secs(60), retry_base: Duration::from_secs(1) };

/// A registry, and all that it woke.
struct World {
    accounts: Accounts,
    woken: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn new() -> Self {
        let woken = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&woken);
        let wake: Waker = Arc::new(move |key| list.lock().unwrap().push(key.name.clone()));
        Self { accounts: Accounts::new(SETTINGS, Clock::start(), wake), woken }
    }

    fn attach(&self, owner: &str, provider: &Arc<Fake>, settings: AccountSettings) -> Arc<Account> {
        let provider: Arc<dyn Provider> = Arc::clone(provider) as Arc<dyn Provider>;
        self.accounts.attach(self.owner(owner), provider, AccountId { provider: ProviderKind::Plivo, id: "MA1".into() }, settings)
    }

    fn owner(&self, name: &str) -> Owner {
        Owner { uid: format!("uid-{name}"), key: key(name) }
    }

    fn woken(&self) -> Vec<String> {
        std::mem::take(&mut *self.woken.lock().unwrap())
    }
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::endpoint("ns", name)
}

async fn pass(seconds: u64) {
    // In small steps, so that what one timer sets off runs before the next one.
    for _ in 0..seconds * 20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn ids(snapshot: &Option<Arc<Snapshot>>) -> Vec<String> {
    snapshot.iter().flat_map(|snapshot| snapshot.endpoints.iter().map(|remote| remote.id.clone())).collect()
}

#[tokio::test(start_paused = true)]
async fn the_first_listing_is_taken_unasked_after_the_window_of_the_process_before() {
    let (world, fake) = (World::new(), Fake::with(45));
    let start = Instant::now();
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(4).await;
    assert_eq!((fake.calls(), account.snapshots().term_complete), (0, false));
    account.want_listing(key("o"), Lane::Repair);
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
        account.watch(key(&format!("o{number}")), expected);
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
    account.want_listing(key("first"), Lane::Repair);
    tokio::time::sleep(Duration::from_millis(150)).await;
    let asked = account.now();
    account.want_listing(key("second"), Lane::Repair);
    account.want_listing(key("third"), Lane::Repair);
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
    account.want_listing(key("waiting"), Lane::Repair);
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
    account.want_listing(key("waiting"), Lane::Repair);
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
    account.want_listing(key("waiting"), Lane::Repair);
    tokio::time::sleep(Duration::from_millis(50)).await;
    fake.fail_pages.store(3, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.woken(), Vec::<String>::new(), "not given up");
    // What is made meanwhile moves the page that is asked for again.
    assert!(account.reserve_create(&key("o")));
    assert!(matches!(account.create(&key("o"), "alicemark", &alias_of("desk")).await, Ok(Outcome::Done(_))));
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
    account.want_listing(key("waiting"), Lane::Repair);
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
    account.want_listing(key("o"), Lane::Repair);
    tokio::time::sleep(Duration::from_millis(150)).await;
    // The first page is behind: neither will be seen by the running listing.
    assert!(account.reserve_create(&key("o")));
    let created = account.create(&key("o"), "alicemark", &alias_of("desk")).await;
    assert_eq!(created, Ok(Outcome::Done(Created { id: "n1".into(), username: "alicemark1".into() })));
    assert!(ids(&account.snapshots().newest).contains(&"n1".to_owned()));
    assert_eq!(account.delete(Lane::Urgent, &key("o"), "e0000").await, Ok(Outcome::Done(())));
    assert_eq!(account.update(Lane::Urgent, &key("o"), "e0001", &alias_of("new")).await, Ok(Outcome::Done(())));
    assert_eq!(world.woken(), Vec::<String>::new());
    pass(1).await;
    assert_eq!(world.woken(), ["o"]);
    let view = account.snapshots();
    for snapshot in [&view.complete, &view.complete_before] {
        assert!(ids(snapshot).contains(&"n1".to_owned()));
        assert!(!ids(snapshot).contains(&"e0000".to_owned()));
        let updated = snapshot.as_ref().and_then(|snapshot| snapshot.endpoints.get("e0001").cloned());
        assert_eq!(updated.map(|remote| remote.fields), Some(alias_of("new")));
        let found: Vec<String> =
            snapshot.iter().flat_map(|snapshot| snapshot.endpoints.with_prefix("ALICEmark").map(|remote| remote.id.clone())).collect();
        assert_eq!(found, ["n1"]);
    }
    assert!(view.newest.is_some_and(|newest| newest.is_complete()), "our own calls do not keep it from being complete");
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
    assert_eq!(account.probe_due(), Some(PROBE_EVERY));
    let before = fake.calls();
    for _ in 0..10 {
        assert_eq!(account.get(Lane::Urgent, &key("o1"), "e0001").await, Err(NotStarted::Tripped));
        assert_eq!(account.create(&key("o1"), "x", &Fields::new()).await, Err(NotStarted::Tripped));
        assert!(!account.reserve_create(&key("o1")));
        account.want_listing(key("o2"), Lane::Urgent);
    }
    pass(130).await;
    assert_eq!(fake.calls(), before, "not even the sweep");
    assert!(matches!(account.identify().await, Outcome::Refused(_)));
    assert_eq!(account.probe_due().map(|due| due > Duration::from_secs(50)), Some(true));
    fake.credentials_bad.store(false, Ordering::Relaxed);
    assert!(matches!(account.health(), Health::Tripped { .. }));
    assert_eq!(world.woken(), Vec::<String>::new());
    assert_eq!(account.identify().await, Outcome::Done("MA1".into()));
    assert_eq!((account.health(), account.probe_due()), (Health::Healthy, None));
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

        assert_eq!(account.identify().await, Outcome::Done("MA1".into()));
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
    assert_eq!(account.probe_due(), Some(PROBE_EVERY));
    world.attach("a", &new, AccountSettings::default());
    assert_eq!(account.probe_due(), Some(Duration::ZERO));
    assert_eq!(account.identify().await, Outcome::Done("MA1".into()));
    assert_eq!(account.health(), Health::Healthy);
}

#[tokio::test(start_paused = true)]
async fn objects_without_a_permit_are_woken_when_one_is_reserved_for_them() {
    let (world, fake) = (World::new(), Fake::with(3));
    let account = world.attach("a", &fake, AccountSettings { budget: Some(4), ..AccountSettings::default() });
    // The window of the process before: nobody gets a permit, nobody waits in place.
    for name in ["a", "b"] {
        assert_eq!(account.get(Lane::Repair, &key(name), "e0001").await, Err(NotStarted::NoPermit));
    }
    assert!(!account.reserve_create(&key("c")));
    assert_eq!(account.update(Lane::Urgent, &key("d"), "e0001", &alias_of("x")).await, Err(NotStarted::NoPermit));
    pass(4).await;
    assert_eq!((world.woken(), fake.calls()), (vec![], 0));
    tokio::time::sleep(Duration::from_millis(1050)).await;
    assert_eq!(world.woken(), ["d", "c", "a"]);
    assert!(account.get(Lane::Urgent, &key("e"), "e0001").await.is_ok(), "the last one is for urgent calls");
    assert_eq!(account.get(Lane::Repair, &key("b"), "e0001").await, Err(NotStarted::NoPermit));
    assert!(account.reserve_create(&key("c")));
    assert!(account.get(Lane::Repair, &key("a"), "e0001").await.is_ok());
    assert!(account.create(&key("c"), "x", &Fields::new()).await.is_ok());
    assert!(account.update(Lane::Urgent, &key("d"), "e0001", &alias_of("x")).await.is_ok());
    assert_eq!(fake.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_reserved_permit_that_is_not_needed_any_more_goes_to_the_next_at_once() {
    let (world, fake) = (World::new(), Fake::with(3));
    let account = world.attach("a", &fake, AccountSettings { budget: Some(4), ..AccountSettings::default() });
    for name in ["a", "b", "c", "d"] {
        assert_eq!(account.get(Lane::Repair, &key(name), "e0001").await, Err(NotStarted::NoPermit));
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
    assert!(matches!(account.get(Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Refused(_))));
    assert!(matches!(account.health(), Health::Slowed { .. }));
    assert_eq!(account.call_limit(), 20);
    assert_eq!(account.get(Lane::Urgent, &key("o"), "e0001").await, Err(NotStarted::NoPermit));
    pass(3).await;
    assert_eq!(world.woken(), ["o"]);
    assert!(matches!(account.get(Lane::Urgent, &key("o"), "e0001").await, Ok(Outcome::Done(_))));
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
    assert_eq!(first.get(Lane::Urgent, &key("o"), "e0001").await, Err(NotStarted::Closed));
    let calls = fake.calls();
    world.accounts.detach(&world.owner("a"));
    pass(100).await;
    assert_eq!((fake.calls(), world.accounts.all().len()), (calls, 0), "a closed account makes no calls");
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
