//! Names of applications are resolved by listings, which are taken only while somebody names one.

use super::*;

fn application(id: &str, name: &str) -> Application {
    Application { id: id.into(), name: name.into() }
}

fn with_applications(all: &[(&str, &str)]) -> Arc<Fake> {
    let fake = Fake::with(3);
    fake.state.lock().unwrap().applications = all.iter().map(|(id, name)| application(id, name)).collect();
    fake
}

fn one(id: &str) -> Resolution {
    Resolution::One(id.into())
}

#[tokio::test(start_paused = true)]
async fn a_name_is_looked_up_at_once_when_it_is_first_named_and_with_the_sweep_from_then_on() {
    let (world, fake) = (World::new(), with_applications(&[("1", "ivr"), ("2", "other")]));
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(200).await;
    assert_eq!((fake.count("list applications"), account.application("ivr")), (0, Resolution::NotListed));
    assert_eq!(account.watch_application(key("o"), "ivr"), Resolution::NotListed);
    pass(1).await;
    assert_eq!((world.woken(), fake.count("list applications")), (vec!["o".to_owned()], 1));
    assert_eq!(account.application("ivr"), one("1"));
    assert_eq!(account.watch_application(key("o"), "ivr"), one("1"));
    // What is known costs nothing, however many ask.
    for name in ["p", "q"] {
        assert_eq!(account.watch_application(key(name), "other"), one("2"));
    }
    pass(30).await;
    assert_eq!(fake.count("list applications"), 1);
    pass(40).await;
    assert_eq!((fake.count("list applications"), world.woken()), (2, vec![]), "nothing has changed");
    for name in ["o", "p", "q"] {
        account.unwatch_application(&key(name));
    }
    pass(200).await;
    assert_eq!(fake.count("list applications"), 2, "nobody names one any more");
}

#[tokio::test(start_paused = true)]
async fn who_names_an_application_is_woken_whenever_the_name_stands_for_something_else() {
    let (world, fake) = (World::new(), with_applications(&[]));
    let account = world.attach("a", &fake, AccountSettings::default());
    account.watch_application(key("o"), "ivr");
    pass(10).await;
    let several = Resolution::Several(vec!["1".into(), "2".into()]);
    type Change = fn(&mut Vec<Application>);
    let steps: [(Change, Resolution); 5] = [
        (|_| (), Resolution::Missing),
        (|all| all.push(application("1", "ivr")), one("1")),
        (|all| all.push(application("2", "ivr")), several),
        (|all| all[0].name = "former".into(), one("2")),
        (|all| all.clear(), Resolution::Missing),
    ];
    for (change, expected) in steps {
        change(&mut fake.state.lock().unwrap().applications);
        pass(65).await;
        assert!(world.woken().contains(&"o".to_owned()), "{expected:?}");
        assert_eq!(account.watch_application(key("o"), "ivr"), expected);
        pass(65).await;
        assert_eq!(world.woken(), Vec::<String>::new(), "{expected:?}, and still so");
    }
}

#[tokio::test(start_paused = true)]
async fn many_who_name_what_is_not_there_cost_few_listings() {
    let (world, fake) = (World::new(), with_applications(&[("1", "ivr")]));
    let account = world.attach("a", &fake, AccountSettings::default());
    account.watch_application(key("first"), "ivr");
    pass(30).await;
    assert_eq!((world.woken(), account.watch_application(key("first"), "ivr")), (vec!["first".to_owned()], one("1")));
    let listed = fake.count("list applications");
    for index in 0..50 {
        assert_eq!(account.watch_application(key(&format!("o{index}")), "new"), Resolution::Missing);
    }
    fake.state.lock().unwrap().applications.push(application("2", "new"));
    pass(1).await;
    assert_eq!((world.woken().len(), fake.count("list applications")), (50, listed + 1));
    for index in 0..50 {
        let who = key(&format!("o{index}"));
        assert_eq!(account.watch_application(who.clone(), "new"), one("2"));
        // Another name that is not there, a moment after a listing: it waits for the sweep.
        assert_eq!(account.watch_application(who, "newer"), Resolution::Missing);
    }
    pass(1).await;
    assert_eq!(fake.count("list applications"), listed + 1);
}

#[tokio::test(start_paused = true)]
async fn a_name_stays_unknown_until_a_complete_listing_which_is_tried_again_soon() {
    let (world, fake) = (World::new(), with_applications(&[("1", "ivr")]));
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(10).await;
    fake.fail_pages.store(3, Ordering::Relaxed);
    account.watch_application(key("o"), "ivr");
    pass(2).await;
    assert_eq!((account.application("ivr"), account.application("none")), (Resolution::NotListed, Resolution::NotListed));
    pass(10).await;
    assert_eq!((account.application("ivr"), account.application("none")), (one("1"), Resolution::Missing));
    assert!(world.woken().contains(&"o".to_owned()));
}
