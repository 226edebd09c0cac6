//! Paging, order and filters (contracts/carrierx.md 3).

use serde_json::{Value, json};

use crate::support::{NUMBER, World, column, id, made};

#[tokio::test]
async fn pages_follow_one_another_until_there_is_no_more() {
    let world = World::new().await;
    for index in 0..5 {
        world.admin.create_endpoint(json!({"name": format!("e{index}")})).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut url = format!("{}/core/v2/endpoints?limit=2&order=endpoint_sid&filter=name like \"e%\"", world.simulator.url());
    for offset in [0, 2, 4] {
        let page = crate::support::reply(world.http.get(&url).bearer_auth(&world.token)).await.unwrap().json();
        assert_eq!((&page["limit"], &page["offset"], &page["total"]), (&json!(2), &json!(offset), &json!(5)));
        assert_eq!(page["count"], json!(page["items"].as_array().unwrap().len()));
        assert_eq!(page["has_more"], json!(offset < 4));
        seen.extend(column(&page, "endpoint_sid"));
        match page["pagination"].get("next") {
            Some(next) => url = next.as_str().unwrap().to_owned(),
            None => assert_eq!((&page["pagination"], offset), (&json!({}), 4)),
        }
    }
    let mut sorted = seen.clone();
    sorted.sort_by_key(ToString::to_string);
    sorted.dedup();
    assert_eq!((sorted.len(), &sorted), (5, &seen));
    let beyond = made(&world.get("endpoints?offset=100").await);
    assert_eq!((&beyond["count"], &beyond["has_more"]), (&json!(0), &json!(false)));
}

#[tokio::test]
async fn a_page_has_a_thousand_objects_at_most() {
    let world = World::new().await;
    world.admin.create_did(json!({"phonenumber": "15160000000", "count": 1100})).await.unwrap();
    let page = made(&world.get("phonenumber/dids?limit=5000&order=did_sid").await);
    assert_eq!((&page["limit"], &page["count"], &page["has_more"]), (&json!(1000), &json!(1000), &json!(true)));
    let rest = made(&world.get("phonenumber/dids?limit=1000&offset=1000&order=did_sid").await);
    assert_eq!((&rest["count"], &rest["has_more"], &rest["total"]), (&json!(101), &json!(false), &json!(1101)));
    for wrong in ["limit=0", "limit=-1", "limit=many", "offset=x", "order=no_such_field", "order=name up"] {
        assert_eq!(world.get(&format!("phonenumber/dids?{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn lists_come_in_the_order_asked_for() {
    let world = World::new().await;
    for (name, capacity) in [("b", 10), ("a", 9), ("c", 100)] {
        world.admin.create_endpoint(json!({"name": name, "capacity": capacity})).await.unwrap();
    }
    let cases = [
        ("name", ["a", "b", "c"]),
        ("name+asc", ["a", "b", "c"]),
        ("name+desc", ["c", "b", "a"]),
        ("capacity", ["a", "b", "c"]),
        ("", ["b", "a", "c"]),
    ];
    for (order, names) in cases {
        let list = made(&world.get(&format!("endpoints?filter=type eq third_party&order={order}")).await);
        assert_eq!(column(&list, "name"), names.map(Value::from), "{order}");
    }
    let mut shuffled = column(&made(&world.get("endpoints?filter=type eq third_party&order=shuffle").await), "name");
    shuffled.sort_by_key(ToString::to_string);
    assert_eq!(shuffled, ["a", "b", "c"].map(Value::from));
}

#[tokio::test]
async fn filters_find_what_they_describe_and_nothing_else() {
    let world = World::new().await;
    let addresses = json!([{"ip": "192.0.2.1"}, {"ip": "sip.example.test", "port": 5080}]);
    let (_, a) = world.endpoint_of(json!({"name": "a.ns.k8s-1", "type": "third_party", "capacity": 5, "addresses": addresses})).await;
    let (_, b) = world.endpoint_of(json!({"name": "b b", "type": "third_party", "capacity": 7})).await;
    let (_, c) = world.endpoint_of(json!({"name": "c", "type": "flexml", "capacity": 50})).await;
    let (group, _) = world.group(Some(&a)).await;
    let (other, _) = world.group(Some(&b)).await;
    let did = world.did().await;
    made(&world.patch(&did, json!({"trunk_group_sid": group})).await);
    let cases = [
        ("endpoints", "name eq \"a.ns.k8s-1\"".to_owned(), vec![&a]),
        ("endpoints", "name eq a.ns.k8s-1".to_owned(), vec![&a]),
        ("endpoints", "name eq 'b b'".to_owned(), vec![&b]),
        ("endpoints", "name like %k8s%".to_owned(), vec![&a]),
        ("endpoints", "addresses.ip eq \"sip.example.test\"".to_owned(), vec![&a]),
        ("endpoints", "addresses.port gt 5060 and name like a%".to_owned(), vec![&a]),
        ("endpoints", "capacity ge 7".to_owned(), vec![&b, &c]),
        ("endpoints", "capacity gt 7".to_owned(), vec![&c]),
        ("endpoints", "capacity le 5 and type eq third_party".to_owned(), vec![&a]),
        ("endpoints", "capacity lt 5 and type ne system_gateway".to_owned(), vec![]),
        ("endpoints", "properties.container_sid eq \"null\"".to_owned(), vec![&c]),
        ("endpoints", format!("endpoint_sid eq {c}"), vec![&c]),
        ("trunk_groups", format!("trunks.endpoint_sid eq \"{a}\""), vec![&group]),
        ("trunk_groups", "trunks.endpoint_sid ne null".to_owned(), vec![&group, &other]),
        ("trunk_groups", format!("trunk_group_sid eq {other} and name eq group"), vec![&other]),
    ];
    for (kind, filter, expected) in cases {
        let list = made(&world.get(&format!("{kind}?filter={filter}")).await);
        let sid = if kind == "endpoints" { "endpoint_sid" } else { "trunk_group_sid" };
        assert_eq!(column(&list, sid), expected.into_iter().map(|sid| json!(sid)).collect::<Vec<_>>(), "{kind}: {filter}");
        assert!(list["items"].as_array().unwrap().iter().all(|item| item.get("trunks").is_none()), "asked for, not shown");
    }
    for filter in ["name", "nothing eq a", "name is a", "name eq a or name eq b", "name eq 'a", "trunks.name eq a", "name nearby x"] {
        let refused = world.get(&format!("endpoints?filter={filter}")).await;
        assert_eq!((refused.status, &refused.json()["errors"][0]["field"]), (400, &json!("filter")), "{filter}");
    }
    for (query, count) in [(format!("trunk_group_sid={group}"), 1), (format!("trunk_group_sid={other}"), 0), (String::new(), 1)] {
        assert_eq!(made(&world.get(&format!("phonenumber/dids?{query}")).await)["count"], json!(count), "{query}");
    }
    let found = made(&world.get(&format!("phonenumber/dids?filter=phonenumber eq \"{NUMBER}\"&limit=2")).await);
    assert_eq!((&found["total"], &found["items"][0]["trunk_group_sid"]), (&json!(1), &json!(group)));
}

#[tokio::test]
async fn lists_show_more_or_less_of_objects_when_asked() {
    let world = World::new().await;
    let (path, sid) = world.endpoint("a").await;
    let few = made(&world.get("endpoints?includeFields=name,endpoint_sid&filter=name eq a").await);
    assert_eq!(few["items"], json!([{"name": "a", "endpoint_sid": sid}]));
    let related = made(&world.get(&format!("{path}?with_related=true")).await);
    assert_eq!(related["partner"]["partner_sid"], related["partner_sid"]);
    let (group, trunk) = world.group(Some(&sid)).await;
    for query in ["with_trunks=true", "with_trunks=true&limit=1000&order=trunk_group_sid"] {
        let item = made(&world.get(&format!("trunk_groups?{query}")).await)["items"][0].clone();
        assert_eq!((&item["trunk_group_sid"], id(&item["trunks"][0], "trunk_sid")), (&json!(group), trunk.clone()));
    }
    assert_eq!(made(&world.get("trunk_groups").await)["items"][0].get("trunks"), None);
}
