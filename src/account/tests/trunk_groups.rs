//! Trunk groups are a collection of their own, made and listed like endpoints, but listed only while somebody has one.

use super::*;

fn mark(name: &str) -> Mark {
    Mark::new(Place::Name, &Installation::new("cluster-a"), "ns", name, name)
}

/// A provider with so many trunk groups of others, and the same number of endpoints.
fn with_groups(count: u32) -> (Arc<Fake>, Arc<Fake>) {
    let (mut fake, groups) = (Fake::with(count), Fake::with(count));
    Arc::get_mut(&mut fake).unwrap().groups = Some(Arc::clone(&groups));
    (fake, groups)
}

fn group(name: &str) -> ObjectKey {
    ObjectKey::trunk_group("ns", name)
}

fn leading_to(endpoint: &str) -> Fields {
    Fields::from([("endpoint_sid", Value::Text(endpoint.into()))])
}

fn listed(account: &Account, thing: Thing) -> Vec<String> {
    ids(&account.things(thing).complete)
}

#[tokio::test(start_paused = true)]
async fn trunk_groups_are_listed_while_somebody_has_one_and_never_where_there_are_none() {
    let (world, (fake, groups)) = (World::new(), with_groups(3));
    let account = world.attach("a", &fake, AccountSettings::default());
    pass(200).await;
    assert_eq!((groups.calls(), account.has(Thing::TrunkGroup)), (0, true));
    account.watch(Thing::TrunkGroup, group("o"), Expectation { open: true, ..Expectation::default() });
    pass(1).await;
    assert_eq!((world.woken(), groups.count("list"), account.watched()), (vec!["o".to_owned()], 1, vec![group("o")]));
    assert!(account.things(Thing::TrunkGroup).term_complete);
    pass(60).await;
    assert_eq!((groups.count("list"), world.woken()), (2, vec!["o".to_owned()]), "once a period");
    world.accounts.begin_term();
    assert!(!account.things(Thing::TrunkGroup).term_complete);
    pass(2).await;
    assert!(account.things(Thing::TrunkGroup).term_complete);
    account.unwatch(&group("o"));
    let before = groups.count("list");
    pass(200).await;
    assert_eq!((groups.count("list"), account.watched()), (before, vec![]));

    let (world, fake) = (World::new(), Fake::with(3));
    let account = world.attach("a", &fake, AccountSettings::default());
    account.watch(Thing::TrunkGroup, group("o"), Expectation::default());
    account.want_listing(Thing::TrunkGroup, group("o"), Lane::Urgent);
    pass(200).await;
    assert!(!account.has(Thing::TrunkGroup) && account.things(Thing::TrunkGroup).newest.is_none());
    assert!(account.snapshots().term_complete, "the endpoints are listed all the same");
    for outcome in [
        account.get(Thing::TrunkGroup, Lane::Urgent, &group("o"), "1").await.map(|outcome| outcome.class()),
        account.delete(Thing::TrunkGroup, Lane::Urgent, &group("o"), "1").await.map(|outcome| outcome.class()),
        account.find(Thing::TrunkGroup, Lane::Urgent, &group("o"), &mark("o")).await.map(|outcome| outcome.class()),
    ] {
        assert_eq!(outcome, Ok("refused"));
    }
}

#[tokio::test(start_paused = true)]
async fn our_own_calls_about_trunk_groups_show_in_their_listings_and_in_no_others() {
    let (world, (fake, groups)) = (World::new(), with_groups(60));
    let account = world.attach("a", &fake, AccountSettings::default());
    account.watch(Thing::TrunkGroup, group("o"), Expectation::default());
    pass(10).await;
    let endpoints = listed(&account, Thing::Endpoint);
    account.want_listing(Thing::TrunkGroup, group("o"), Lane::Repair);
    tokio::time::sleep(Duration::from_millis(150)).await;
    // The first page is behind: neither will be seen by the running listing.
    assert!(account.reserve_create(&group("o")));
    let created = account.create(Thing::TrunkGroup, &group("o"), "alice.mark", &leading_to("e1")).await;
    assert_eq!(created, Ok(Outcome::Done(Created { id: "n1".into(), username: "alice.mark1".into(), remote: None })));
    assert_eq!(account.delete(Thing::TrunkGroup, Lane::Urgent, &group("o"), "e0000").await, Ok(Outcome::Done(())));
    assert_eq!(account.update(Thing::TrunkGroup, Lane::Urgent, &group("o"), "e0001", &leading_to("e2")).await, Ok(Outcome::Done(None)));
    pass(2).await;
    let view = account.things(Thing::TrunkGroup);
    assert!(view.newest.as_ref().is_some_and(|newest| newest.is_complete()), "our own calls do not keep it from being complete");
    let seen = |id: &str| view.complete.as_ref().and_then(|complete| complete.items.get(id).cloned());
    assert_eq!((seen("n1").map(|made| made.username), seen("e0000")), (Some("alice.mark1".into()), None));
    assert_eq!(seen("e0001").and_then(|led| led.fields.get("endpoint_sid").cloned()), Some(Value::Text("e2".into())));
    assert_eq!(listed(&account, Thing::Endpoint), endpoints);
    let read = account.get(Thing::TrunkGroup, Lane::Urgent, &group("o"), "n1").await;
    assert!(matches!(read, Ok(Outcome::Done(read)) if read.username == "alice.mark1"));
    let pointing = account.references(Thing::TrunkGroup, Lane::Urgent, &group("o"), "n1").await;
    assert_eq!(pointing, Ok(Outcome::Done(vec!["what points to n1".into()])));
    let about_groups = ["create", "get", "update", "delete", "references"];
    assert!(about_groups.iter().all(|call| (fake.count(call), groups.count(call)) == (0, 1)));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_back_wakes_who_has_a_trunk_group_there() {
    let (world, (fake, _groups)) = (World::new(), with_groups(1));
    let account = world.attach("a", &fake, AccountSettings::default());
    account.watch(Thing::TrunkGroup, group("o"), Expectation::default());
    pass(10).await;
    fake.credentials_bad.store(true, Ordering::Relaxed);
    assert!(matches!(account.get(Thing::Endpoint, Lane::Urgent, &key("p"), "e0000").await, Ok(Outcome::Refused(_))));
    assert_eq!(account.get(Thing::TrunkGroup, Lane::Urgent, &group("o"), "e0000").await, Err(NotStarted::Tripped));
    fake.credentials_bad.store(false, Ordering::Relaxed);
    world.woken();
    pass(70).await;
    assert!(matches!(world.accounts.identify(&world.owner("a").key).await, Outcome::Done(_)));
    assert_eq!(world.woken(), ["o"]);
}

#[tokio::test(start_paused = true)]
async fn a_search_by_the_mark_is_given_up_where_it_selects_nothing() {
    // How many others there are, how it is answered, what that is, and whether it is asked again.
    let table = [
        ("it selects", 45, Finds::Selecting, "done", true),
        ("it selects nothing, but all is on one page", 5, Finds::Everything, "done", true),
        ("it selects nothing", 45, Finds::Everything, "done", false),
        ("it is refused", 5, Finds::Refusing, "refused", false),
        ("there is no such call", 5, Finds::Nowhere, "not_found", false),
        ("no answer says nothing", 5, Finds::Silent, "unknown", true),
    ];
    for (sentence, count, finds, class, again) in table {
        let (world, (fake, groups)) = (World::new(), with_groups(count));
        *groups.finds.lock().unwrap() = finds;
        let account = world.attach("a", &fake, AccountSettings::default());
        pass(10).await;
        groups.edit(|all| all.insert(0, Remote { username: mark("o").to_string(), ..remote("g1", "") }));
        assert!(account.capabilities(Thing::TrunkGroup).list_filter, "{sentence}");
        let found = account.find(Thing::TrunkGroup, Lane::Create, &group("o"), &mark("o")).await.expect("a call");
        assert_eq!(found.class(), class, "{sentence}");
        if let Outcome::Done(page) = found {
            assert_eq!(page.items.iter().map(|remote| remote.id.as_str()).collect::<Vec<_>>(), ["g1"], "{sentence}");
        }
        assert_eq!(account.capabilities(Thing::TrunkGroup).list_filter, again, "{sentence}");
        assert!(account.capabilities(Thing::Endpoint).list_filter, "{sentence}: endpoints may be another matter");
    }
}
