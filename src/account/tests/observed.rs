//! What whoever counts is told of.

use super::*;
use crate::account::observer::{Freshness, Observer};
use crate::core::call::{Answer, Call, Subject};

/// Remembers what it is told, in words.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Told {
    fn say(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    /// What was said since it was asked last, of this kind.
    fn said(&self, kind: &str) -> Vec<String> {
        let all = std::mem::take(&mut *self.0.lock().unwrap());
        all.into_iter().filter_map(|one| one.strip_prefix(kind).map(|rest| rest.trim().to_owned())).collect()
    }
}

impl Observer for Told {
    fn called(&self, provider: ProviderKind, call: Call, answer: Answer, took: Duration) {
        self.say(format!("called {provider} {call} {} {took:?}", answer.as_str()));
    }

    fn waited(&self, _: ProviderKind, lane: Lane, time: Duration) {
        self.say(format!("waited {} {}", lane.as_str(), time.as_secs()));
    }

    fn listed(&self, _: ProviderKind, collection: Subject, complete: bool, took: Duration) {
        self.say(format!("listed {} {complete} {took:?}", collection.as_str()));
    }
}

fn observed() -> (World, Arc<Told>) {
    let (World { accounts, woken }, told) = (World::new(), Arc::new(Told::default()));
    let accounts = accounts.observed_by(Arc::clone(&told) as Arc<dyn Observer>);
    (World { accounts, woken }, told)
}

#[tokio::test(start_paused = true)]
async fn each_call_is_told_once_with_what_the_answer_means_and_how_long_it_took() {
    let (world, told) = observed();
    let fake = Fake::with(3);
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(7).await;
    assert_eq!(told.said("called"), ["Plivo list endpoint done 100ms"]);
    assert!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001").await.is_ok());
    assert!(account.get(Thing::Endpoint, Lane::Urgent, &key("o"), "nowhere").await.is_ok());
    fake.throttle.store(1, Ordering::Relaxed);
    assert!(account.update(Thing::Endpoint, Lane::Urgent, &key("o"), "e0001", &alias_of("x")).await.is_ok());
    let said = told.said("called");
    let expected = ["Plivo get endpoint done 100ms", "Plivo get endpoint not_found 100ms", "Plivo update endpoint throttled 100ms"];
    assert_eq!(said, expected);
    assert_eq!(fake.calls(), 4, "as many as the provider has seen");
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_the_budget_is_told_when_let_through_and_who_gave_up_is_not() {
    let (world, told) = observed();
    let account = world.attach("a", &Fake::with(3), AccountSettings { budget: Some(4), ..AccountSettings::default() });
    // The window of the process before: nobody gets a permit.
    for name in ["a", "b"] {
        assert_eq!(account.get(Thing::Endpoint, Lane::Repair, &key(name), "e0001").await, Err(NotStarted::NoPermit));
    }
    assert!(!account.reserve_create(&key("c")));
    pass(1).await;
    let load = account.load();
    assert_eq!((load.allowed, load.waiting), (0, [0, 1, 2, 1]), "the listing waits as well");
    account.unwatch(&key("b"));
    pass(5).await;
    told.said("");
    assert!(account.reserve_create(&key("c")));
    assert!(account.create(Thing::Endpoint, &key("c"), "x", &Fields::new()).await.is_ok());
    assert!(account.get(Thing::Endpoint, Lane::Repair, &key("a"), "e0001").await.is_ok());
    assert_eq!(told.said("waited"), ["create 6", "repair 6"], "also what went by since a permit was reserved");
    pass(10).await;
    told.said("");
    for name in ["a", "b"] {
        assert!(account.get(Thing::Endpoint, Lane::Repair, &key(name), "e0001").await.is_ok());
    }
    assert_eq!(told.said("waited"), ["repair 0", "repair 0"], "what was waited for once does not count again");
}

#[tokio::test(start_paused = true)]
async fn a_listing_is_told_with_what_it_proves_and_what_is_known_grows_old_without() {
    let (world, told) = observed();
    let fake = Fake::with(3);
    let account = world.attach("a", &fake, AccountSettings::default());
    let age = || account.freshness();
    pass(3).await;
    let never = Freshness { collection: Subject::Endpoint, age: Duration::from_secs(3), period: SETTINGS.sweep_period };
    assert_eq!(age(), [never], "it was never listed: since the account is there");
    pass(4).await;
    assert_eq!(told.said("listed"), ["endpoint true 100ms"]);
    assert!(age()[0].age < Duration::from_secs(3), "{:?}", age());
    fake.broken.store(true, Ordering::Relaxed);
    pass(150).await;
    let incomplete = told.said("listed");
    assert!(!incomplete.is_empty() && incomplete.iter().all(|one| one.starts_with("endpoint false")), "{incomplete:?}");
    assert!(age()[0].age > Duration::from_secs(140), "{:?}", age());
    assert_eq!(age().len(), 1, "nobody has to do with a number");

    // Nor is it forgotten what was never listed whole, as after a start.
    let torn = || age().into_iter().find(|one| one.collection == Subject::Number).map(|one| one.age.as_secs());
    account.watch_number(key("n"), NumberExpectation::default());
    pass(70).await;
    assert_eq!(torn(), Some(70), "since somebody watches");
    account.unwatch(&key("n"));
    assert_eq!(torn(), None);
    account.watch_number(key("n"), NumberExpectation::default());
    pass(5).await;
    assert_eq!(torn(), Some(5), "and that anew");
}
