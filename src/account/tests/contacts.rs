//! Credentials that do not say whose they are, and such as may not do everything.

use std::collections::BTreeMap;

use super::*;
use crate::account::observer::Observer;
use crate::core::account::Waits;
use crate::core::call::{Answer, Call, Subject};

const WAITS: Waits = Waits { rest: Duration::from_secs(60), retry: Duration::from_secs(4) };

fn token(contacts: &Contacts, text: &str) -> Fingerprint {
    contacts.fingerprint(ProviderKind::CarrierX, &BTreeMap::from([("token".to_owned(), Secret::new(text.to_owned()))]))
}

/// Whoever counts: the calls that it was told of.
#[derive(Default)]
struct Counted(Mutex<Vec<String>>);

impl Observer for Counted {
    fn called(&self, provider: ProviderKind, call: Call, answer: Answer, took: Duration) {
        self.0.lock().unwrap().push(format!("{provider} {call} {} {took:?}", answer.as_str()));
    }

    fn waited(&self, _: ProviderKind, lane: Lane, _: Duration) {
        self.0.lock().unwrap().push(format!("waited {}", lane.as_str()));
    }

    fn listed(&self, _: ProviderKind, collection: Subject, _: bool, _: Duration) {
        self.0.lock().unwrap().push(format!("listed {}", collection.as_str()));
    }
}

fn dynamic(fake: &Arc<Fake>) -> Arc<dyn Provider> {
    Arc::clone(fake) as Arc<dyn Provider>
}

/// Of `total`: how many seconds of the clock had passed at each call of this name.
fn seconds(fakes: &[Arc<Fake>], began: Instant, name: &str) -> Vec<u64> {
    let mut all: Vec<u64> = Vec::new();
    for fake in fakes {
        let calls = fake.calls.lock().unwrap();
        all.extend(calls.iter().filter(|(_, call)| *call == name).map(|(at, _)| at.duration_since(began).as_secs()));
    }
    all.sort_unstable();
    all
}

/// Each object looks again each second, as no object does: who asks, and when.
async fn all_look(contacts: &Contacts, names: &[String], fakes: &[Arc<Fake>], of: impl Fn(usize) -> Fingerprint, total: u64) -> Vec<Told> {
    let mut told = Vec::new();
    for _ in 0..total {
        let asking = names.iter().zip(fakes).enumerate().map(|(index, (name, fake))| {
            let what = of(index);
            async move { contacts.whose(&key(name), &dynamic(fake), what, WAITS).await }
        });
        told = futures::future::join_all(asking).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    told
}

fn objects(count: usize) -> (Vec<String>, Vec<Arc<Fake>>) {
    ((0..count).map(|index| format!("a{index}")).collect(), (0..count).map(|_| Fake::with(1)).collect())
}

#[tokio::test(start_paused = true)]
async fn objects_with_one_token_each_ask_whose_it_is_one_after_another() {
    let (contacts, began) = (Contacts::new(Clock::start(), Arc::new(())), Instant::now());
    let (names, fakes) = objects(20);
    let what = token(&contacts, "t");
    let told = all_look(&contacts, &names, &fakes, |_| what, 1).await;
    assert!(told.iter().all(|told| *told == Told::Account("MA1".into())), "{told:?}");
    assert!(fakes.iter().all(|fake| fake.count("identify") == 1), "by that alone a connection may know whose it is");
    assert_eq!(seconds(&fakes, began, "identify"), [[0; 10], [1; 10]].concat(), "no two at once");
    // From then on they are one: it was revoked, and one of them has noticed.
    fakes.iter().for_each(|fake| fake.credentials_bad.store(true, Ordering::Relaxed));
    let told = all_look(&contacts, &names, &fakes, |_| what, 1).await;
    assert!(told.iter().all(|told| matches!(told, Told::Refused { .. })), "{told:?}");
    assert_eq!(seconds(&fakes, began, "identify").len(), 21);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_costs_one_failed_login_a_minute_however_many_objects_have_it() {
    let (contacts, began) = (Contacts::new(Clock::start(), Arc::new(())), Instant::now());
    let (names, fakes) = objects(20);
    fakes.iter().for_each(|fake| fake.credentials_bad.store(true, Ordering::Relaxed));
    let what = token(&contacts, "t");
    let told = all_look(&contacts, &names, &fakes, |_| what, 150).await;
    assert!(told.iter().all(|told| matches!(told, Told::Refused { due, .. } if !due.is_zero())), "{told:?}");
    let logins = seconds(&fakes, began, "identify");
    assert!(logins.windows(2).all(|pair| pair[1] - pair[0] >= 60) && logins.len() == 3, "{logins:?}");
    // Another token of the same object is asked about at once: it may be the right one.
    fakes[0].credentials_bad.store(false, Ordering::Relaxed);
    let told = contacts.whose(&key("a0"), &dynamic(&fakes[0]), token(&contacts, "u"), WAITS).await;
    assert_eq!(told, Told::Account("MA1".into()));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_given_one_wrong_token_after_another_costs_one_failed_login_a_minute() {
    let (contacts, began, fake) = (Contacts::new(Clock::start(), Arc::new(())), Instant::now(), Fake::with(1));
    fake.credentials_bad.store(true, Ordering::Relaxed);
    let mut waited = 0;
    for second in 0..300 {
        let what = token(&contacts, &second.to_string());
        let told = contacts.whose(&key("a"), &dynamic(&fake), what, WAITS).await;
        waited += usize::from(matches!(told, Told::Wait(due) if !due.is_zero()));
        tokio::time::sleep(Duration::from_millis(900)).await;
    }
    let logins = seconds(&[Arc::clone(&fake)], began, "identify");
    assert_eq!(logins.iter().filter(|second| **second < 50).count(), 2, "a wrong token and its correction: {logins:?}");
    assert!((5..=7).contains(&logins.len()) && waited > 250, "{logins:?}");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_does_not_answer_is_asked_ever_less_often_by_all_together_and_then_again() {
    let (contacts, began) = (Contacts::new(Clock::start(), Arc::new(())), Instant::now());
    let (names, fakes) = objects(10);
    fakes.iter().for_each(|fake| fake.broken.store(true, Ordering::Relaxed));
    let what = token(&contacts, "t");
    let told = all_look(&contacts, &names, &fakes, |_| what, 200).await;
    assert!(told.iter().all(|told| matches!(told, Told::Nothing { message, attempts: 8 } if message == "502")), "{told:?}");
    let calls = seconds(&fakes, began, "identify");
    assert_eq!(calls.len(), 8, "{calls:?}");
    assert!(calls.windows(3).all(|three| three[2] - three[1] + 1 >= three[1] - three[0]), "{calls:?}");
    fakes.iter().for_each(|fake| fake.broken.store(false, Ordering::Relaxed));
    let told = all_look(&contacts, &names, &fakes, |_| what, 60).await;
    assert!(told.iter().all(|told| *told == Told::Account("MA1".into())), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_first_contact_counts_as_a_call_with_what_was_answered_and_what_was_not_asked_does_not() {
    let counted = Arc::new(Counted::default());
    let contacts = Contacts::new(Clock::start(), Arc::clone(&counted) as Arc<dyn Observer>);
    let said = || std::mem::take(&mut *counted.0.lock().unwrap());
    let (bad, slow, silent, good) = (Fake::with(1), Fake::with(1), Fake::with(1), Fake::with(1));
    bad.credentials_bad.store(true, Ordering::Relaxed);
    slow.throttle.store(1, Ordering::Relaxed);
    silent.broken.store(true, Ordering::Relaxed);
    let whose = async |name: &str, fake: &Arc<Fake>| contacts.whose(&key(name), &dynamic(fake), token(&contacts, name), WAITS).await;
    for (name, fake, answer) in
        [("bad", &bad, "credentials"), ("slow", &slow, "throttled"), ("silent", &silent, "unknown"), ("good", &good, "done")]
    {
        whose(name, fake).await;
        assert_eq!(said(), [format!("Plivo identify account {answer} 100ms")], "{name}");
    }
    // What was answered a moment ago is not asked again.
    for (name, fake) in [("bad", &bad), ("slow", &slow), ("silent", &silent)] {
        whose(name, fake).await;
        assert_eq!((said(), fake.count("identify")), (vec![], 1), "{name}");
    }
    // Nor does the wait for a turn belong to the call.
    futures::future::join(whose("one", &good), whose("two", &good)).await;
    assert_eq!(said(), ["Plivo identify account done 100ms"; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_says_when_to_come_back_is_asked_then() {
    let (contacts, fake) = (Contacts::new(Clock::start(), Arc::new(())), Fake::with(1));
    let what = token(&contacts, "t");
    let later = || async {
        Outcome::Refused(Refusal { kind: RefusalKind::Throttled, message: "429".into(), retry_after: Some(Duration::from_secs(200)) })
    };
    assert!(matches!(contacts.check(what, WAITS, later()).await, Told::Nothing { .. }));
    tokio::time::sleep(Duration::from_secs(199)).await;
    assert!(matches!(contacts.whose(&key("a"), &dynamic(&fake), what, WAITS).await, Told::Nothing { .. }));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(contacts.whose(&key("a"), &dynamic(&fake), what, WAITS).await, Told::Account("MA1".into()));
    assert_eq!(fake.count("identify"), 1);
}

#[tokio::test(start_paused = true)]
async fn all_first_contacts_together_keep_to_what_one_account_is_allowed() {
    let (contacts, began) = (Contacts::new(Clock::start(), Arc::new(())), Instant::now());
    let (names, fakes) = objects(300);
    let told = all_look(&contacts, &names, &fakes, |index| token(&contacts, &index.to_string()), 1).await;
    assert!(told.iter().all(|told| *told == Told::Account("MA1".into())));
    let calls = seconds(&fakes, began, "identify");
    let budget = usize::try_from(fakes[0].capabilities().default_budget).expect("small");
    for second in 0..20 {
        let within = calls.iter().filter(|at| (second..second + 4).contains(*at)).count();
        assert!(within <= budget, "{within} calls from second {second} on");
    }
}

#[tokio::test(start_paused = true)]
async fn objects_that_led_to_an_account_before_prove_one_token_together_and_share_the_account() {
    let (world, began) = (World::new(), Instant::now());
    let contacts = Contacts::new(world.accounts.clock(), Arc::new(()));
    let (names, fakes) = objects(5);
    fakes.iter().for_each(|fake| fake.credentials_bad.store(true, Ordering::Relaxed));
    let what = token(&contacts, "t");
    let id = AccountId { provider: ProviderKind::Plivo, id: "MA1".into() };
    let attach =
        |name: &str, fake| world.accounts.attach_unproven(world.owner(name), dynamic(fake), id.clone(), AccountSettings::default());
    let look = async || {
        let mut told = Vec::new();
        for (name, fake) in names.iter().zip(&fakes) {
            attach(name, fake);
            if matches!(world.accounts.standing(&key(name)), Some(Standing::Unproven { due } | Standing::Rejected { due, .. }) if due.is_zero())
            {
                told.push(contacts.check(what, WAITS, world.accounts.identify(&key(name))).await);
            }
        }
        told
    };
    for _ in 0..150 {
        assert!(look().await.iter().all(|told| matches!(told, Told::Refused { .. })));
        pass(1).await;
    }
    let logins = seconds(&fakes, began, "identify");
    assert!(logins.windows(2).all(|pair| pair[1] - pair[0] >= 59) && logins.len() <= 3, "{logins:?}");
    fakes.iter().for_each(|fake| fake.credentials_bad.store(false, Ordering::Relaxed));
    pass(61).await;
    // The first one is asked about, and each proves its own: as those that say whose they are.
    let mut proven = 0;
    for _ in 0..130 {
        proven += look().await.iter().filter(|told| **told == Told::Account("MA1".into())).count();
        pass(1).await;
    }
    assert!(proven >= 5, "{proven}");
    let accounts: Vec<Arc<Account>> = names.iter().zip(&fakes).map(|(name, fake)| attach(name, fake)).collect();
    assert!(accounts.iter().all(|account| Arc::ptr_eq(account, &accounts[0])));
    assert!(names.iter().all(|name| matches!(world.accounts.standing(&key(name)), Some(Standing::Proven | Standing::Stale))));
}

#[tokio::test(start_paused = true)]
async fn credentials_that_may_not_list_numbers_do_while_nobody_binds_one() {
    let (world, fake) = (World::new(), Fake::with(3));
    *fake.forbidden.lock().unwrap() = Some("list numbers");
    let account = world.attach("a", &fake, AccountSettings::default());
    account.watch(Thing::Endpoint, key("o"), Expectation { id: Some("e0001".into()), ..Expectation::default() });
    pass(600).await;
    assert_eq!((account.health(), fake.count("list numbers")), (Health::Healthy, 0));
    assert!(fake.count("list") >= 9);
}

#[tokio::test(start_paused = true)]
async fn credentials_that_are_accepted_and_may_not_do_their_work_are_probed_half_as_often_each_time() {
    let (world, fake, began) = (World::new(), Fake::with(3), Instant::now());
    *fake.forbidden.lock().unwrap() = Some("list numbers");
    let account = world.attach("a", &fake, AccountSettings::default());
    account.watch_number(key("n"), NumberExpectation { number: "14155550100".into(), ..NumberExpectation::default() });
    let look = async |minutes: u64| {
        for _ in 0..minutes * 60 {
            if matches!(world.accounts.standing(&key("a")), Some(Standing::Rejected { due, .. }) if due.is_zero()) {
                assert_eq!(world.accounts.identify(&key("a")).await, Outcome::Done("MA1".into()));
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    look(100).await;
    let probes = seconds(&[Arc::clone(&fake)], began, "identify");
    let minutes: Vec<u64> = probes.windows(2).map(|pair| (pair[1] - pair[0]) / 60).collect();
    assert!(minutes.starts_with(&[2, 4, 8, 16, 16, 16]), "{minutes:?}");
    // A token that may do more is another one, and tried at once; the same one, once it may do more, when its time has come.
    *fake.forbidden.lock().unwrap() = None;
    look(17).await;
    assert_eq!(account.health(), Health::Healthy);
    // What is refused long after is no relapse.
    look(17).await;
    fake.credentials_bad.store(true, Ordering::Relaxed);
    pass(70).await;
    assert!(matches!(world.accounts.standing(&key("a")), Some(Standing::Rejected { due, .. }) if due <= PROBE_EVERY));
    fake.credentials_bad.store(false, Ordering::Relaxed);
    *fake.forbidden.lock().unwrap() = Some("list numbers");
    let better = Fake::with(3);
    world.attach("a", &better, AccountSettings::default());
    assert_eq!(world.accounts.identify(&key("a")).await, Outcome::Done("MA1".into()));
    pass(70).await;
    assert_eq!(account.health(), Health::Healthy);
}
