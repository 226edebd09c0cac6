//! Paging, filters, and every list fault.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{AUTH_ID, World, column};

/// A world with so many endpoints of somebody else, oldest first; their ids.
async fn world_of(count: usize) -> (World, Vec<String>) {
    let world = World::new().await;
    let mut ids = Vec::new();
    for n in 0..count {
        let made = world.admin.create_endpoint(json!({"username": format!("user{n}")})).await.unwrap();
        ids.push(crate::support::id(&made, "endpoint_id"));
    }
    (world, ids)
}

/// Reads pages of `limit` until one is short; what each showed.
async fn pages(world: &World, limit: usize) -> Vec<Value> {
    let mut pages = Vec::new();
    loop {
        let page = world.get(&format!("Endpoint/?limit={limit}&offset={}", pages.len() * limit)).await.json();
        let last = page["objects"].as_array().unwrap().len() < limit;
        pages.push(page);
        if last || pages.len() == 9 {
            return pages;
        }
    }
}

fn ids_of(pages: &[Value]) -> Vec<String> {
    pages.iter().flat_map(|page| column(page, "endpoint_id")).collect()
}

#[tokio::test]
async fn pages_follow_each_other_through_meta() {
    let (world, mut ids) = world_of(45).await;
    ids.reverse();
    let base = format!("/v1/Account/{AUTH_ID}/Endpoint/");
    let mut path = "Endpoint/".to_owned();
    let mut seen = Vec::new();
    let mut metas = Vec::new();
    loop {
        let page = world.get(&path).await.json();
        seen.extend(column(&page, "endpoint_id"));
        metas.push((page["meta"]["offset"].clone(), page["meta"]["previous"].clone(), page["meta"]["total_count"].clone()));
        let Some(next) = page["meta"]["next"].as_str() else { break };
        path = next.strip_prefix(&format!("/v1/Account/{AUTH_ID}/")).unwrap().to_owned();
    }
    assert_eq!(seen, ids);
    let expected = [(0, Value::Null), (20, json!(format!("{base}?limit=20&offset=0"))), (40, json!(format!("{base}?limit=20&offset=20")))];
    assert_eq!(metas, expected.map(|(offset, previous)| (json!(offset), previous, json!(45))));
    let raw = world.get("Endpoint/?limit=5").await.text();
    assert!(raw.contains("limit=5\\u0026offset=5"), "newer answers escape the ampersand: {raw}");
}

#[tokio::test]
async fn a_list_takes_any_offset_and_refuses_what_is_no_number() {
    let (world, _) = world_of(3).await;
    let cases = [
        ("limit=2&offset=2", 200, 1),
        ("offset=3", 200, 0),
        ("offset=9999", 200, 0),
        ("limit=0", 400, 0),
        ("limit=x", 400, 0),
        ("offset=-1", 400, 0),
        ("limit=", 200, 3),
        ("foo=bar", 200, 3),
    ];
    for (query, status, count) in cases {
        let reply = world.get(&format!("Endpoint/?{query}")).await;
        assert_eq!(reply.status, status, "{query}");
        if status == 200 {
            assert_eq!(reply.json()["objects"].as_array().unwrap().len(), count, "{query}");
        }
    }
}

#[tokio::test]
async fn numbers_are_filtered_as_documented_and_filters_are_repeated_in_next() {
    let world = World::new().await;
    let numbers = [
        json!({"number": "14155550001", "alias": "front desk", "number_type": "local", "renewal_date": "2026-01-01"}),
        json!({"number": "14155550002", "number_type": "tollfree", "sms_enabled": false, "cnam_lookup": "enabled", "renewal_date": "2026-02-01"}),
        json!({"number": "4930555500", "number_type": "national", "sub_account": "SASUBACCOUNT00000000", "renewal_date": "2026-03-01"}),
    ];
    for number in numbers {
        world.admin.create_number(number).await.unwrap();
    }
    let cases = [
        ("type=tollfree", 1),
        ("number_type=local", 1),
        ("number_startswith=1415", 2),
        ("alias=front%20desk", 1),
        ("alias=front", 0),
        ("services=voice,sms", 2),
        ("subaccount=SASUBACCOUNT00000000", 1),
        ("cnam_lookup=enabled", 1),
        ("renewal_date=2026-02-01", 1),
        ("renewal_date__gt=2026-01-01", 2),
        ("renewal_date__gte=2026-01-01&renewal_date__lt=2026-03-01", 2),
        ("renewal_date__lte=2026-01-01", 1),
        ("app_id=1", 3),
    ];
    for (query, count) in cases {
        assert_eq!(world.get(&format!("Number/?{query}")).await.json()["meta"]["total_count"], count, "{query}");
    }
    let next = world.get("Number/?number_startswith=1415&limit=1").await.json()["meta"]["next"].clone();
    assert_eq!(next, json!(format!("/v1/Account/{AUTH_ID}/Number/?limit=1&offset=1&number_startswith=1415")));
}

#[tokio::test]
async fn applications_are_filtered_by_name() {
    let world = World::new().await;
    for name in ["one", "two"] {
        world.application(json!({"app_name": name})).await;
    }
    assert_eq!(column(&world.get("Application/?app_name=two").await.json(), "app_name"), ["two"]);
}

/// One fault on the second of four pages (of five, 18 endpoints in all), then what a reader sees.
async fn with_fault(fault: &str) -> (World, Vec<String>, Vec<Value>) {
    let (world, mut ids) = world_of(18).await;
    ids.reverse();
    let rule = json!([{"match": {"method": "GET", "path": "/Endpoint/$", "nth": 2, "count": 1}, "list": fault}]);
    world.admin.set_faults(rule).await.unwrap();
    let pages = pages(&world, 5).await;
    let rules = world.admin.faults().await.unwrap();
    assert_eq!((&rules[0]["hits"], &rules[0]["skipped"]), (&json!(1), &json!(0)), "{fault}");
    (world, ids, pages)
}

#[tokio::test]
async fn an_insert_shift_shows_one_endpoint_twice_and_really_makes_one() {
    let (world, ids, pages) = with_fault("insert_shift").await;
    let seen = ids_of(&pages);
    assert_eq!((seen.len(), seen[4].clone()), (19, seen[5].clone()), "the last of page one is the first of page two");
    assert_eq!(seen.iter().collect::<BTreeSet<_>>(), ids.iter().collect());
    let entry = world.admin.ledger().await.unwrap().pop().unwrap();
    assert_eq!((entry.op.as_str(), entry.actor.as_str()), ("create_endpoint", "console"));
    assert_eq!(pages[1]["meta"]["total_count"], 19);
}

#[tokio::test]
async fn a_delete_shift_hides_an_endpoint_that_still_exists() {
    let (world, ids, pages) = with_fault("delete_shift").await;
    let entry = world.admin.ledger().await.unwrap().pop().unwrap();
    assert_eq!((entry.op.as_str(), entry.actor.as_str(), &entry.id), ("delete_endpoint", "console", &ids[0]));
    let seen = ids_of(&pages);
    assert_eq!((seen.len(), seen.contains(&ids[5])), (17, false), "what moved to page one after it was read");
    assert!(world.get(&format!("Endpoint/{}/", ids[5])).await.status == 200);
    assert_eq!(pages[1]["meta"]["total_count"], 17);
}

#[tokio::test]
async fn a_swap_hides_an_endpoint_and_the_count_does_not_tell() {
    let (world, ids, pages) = with_fault("swap").await;
    let ledger = world.admin.ledger().await.unwrap();
    let ops: Vec<_> = ledger[18..].iter().map(|entry| (entry.op.as_str(), entry.actor.as_str())).collect();
    assert_eq!(ops, [("delete_endpoint", "console"), ("create_endpoint", "console")]);
    let seen = ids_of(&pages);
    assert!(!seen.contains(&ids[5]) && seen.last() == Some(&ledger[19].id));
    assert!(pages.iter().all(|page| page["meta"]["total_count"] == 18));
}

#[tokio::test]
async fn shifts_touch_only_what_was_made_behind_the_api() {
    let world = World::new().await;
    for n in 0..4 {
        world.endpoint(&format!("ours{n}")).await;
    }
    for fault in ["delete_shift", "swap"] {
        world.admin.set_faults(json!([{"list": fault}])).await.unwrap();
        pages(&world, 2).await;
        let rules = world.admin.faults().await.unwrap();
        assert_eq!((&rules[0]["hits"], &rules[0]["skipped"]), (&json!(0), &json!(3)), "{fault}");
    }
    assert_eq!(world.ops().await, ["create_endpoint"; 4]);
}

#[tokio::test]
async fn numbers_shift_too_but_none_that_points_somewhere() {
    // What there is in the end, in the order of the digits, and what the ledger says was done.
    let table: [(&str, &[&str], usize); 3] = [
        ("insert_shift", &["create_number"], 7),
        ("delete_shift", &["delete_number"], 5),
        ("swap", &["delete_number", "create_number"], 6),
    ];
    for (fault, ops, left) in table {
        let world = World::new().await;
        world.admin.create_numbers(json!({"number": "15550000000"}), 6).await.unwrap();
        world.admin.patch_number("15550000005", json!({"app_id": "4711"})).await.unwrap();
        let seeded = world.ops().await.len();
        world.admin.set_faults(json!([{"match": {"path": "/Number/$", "count": 1}, "list": fault}])).await.unwrap();
        let numbers = async |offset: usize| column(&world.get(&format!("Number/?limit=3&offset={offset}")).await.json(), "number");
        assert_eq!(numbers(0).await, ["15550000005", "15550000004", "15550000003"]);
        let second = numbers(3).await;
        let expected = if fault == "insert_shift" { "15550000003" } else { "15550000001" };
        assert_eq!(second[0], expected, "{fault}: {second:?}");
        assert_eq!(world.ops().await[seeded..], *ops, "{fault}");
        assert_eq!(world.get("Number/").await.json()["meta"]["total_count"], left, "{fault}");
        assert_eq!(world.get("Number/15550000005/").await.status, 200, "{fault}: it points somewhere");
    }
}

#[tokio::test]
async fn a_fault_on_one_page_lies_on_that_page_alone() {
    for fault in [
        "wrong_count",
        "early_next_null",
        "empty_middle_page",
        "repeated_page",
        "changed_order",
        "limit_ignored",
        "offset_ignored",
        "newest_missing",
    ] {
        let (world, ids, pages) = with_fault(fault).await;
        let page = |n: usize| column(&pages[n], "endpoint_id");
        let total = &pages[1]["meta"]["total_count"];
        let next = &pages[1]["meta"]["next"];
        match fault {
            "wrong_count" => assert_eq!((total, page(1)), (&json!(19), ids[5..10].to_vec())),
            "early_next_null" => assert_eq!((next, page(1)), (&Value::Null, ids[5..10].to_vec())),
            "empty_middle_page" => {
                assert_eq!((page(1).len(), total, next.is_string()), (0, &json!(18), true));
                continue;
            }
            "repeated_page" | "offset_ignored" => {
                assert_eq!((page(1), &pages[1]["meta"]["offset"]), (ids[..5].to_vec(), &json!(5)), "{fault}")
            }
            "changed_order" => {
                assert!(page(1) != ids[5..10] && page(1).iter().all(|id| ids.contains(id)), "{:?}", page(1));
            }
            "limit_ignored" => assert_eq!((page(1), &pages[1]["meta"]["limit"]), (ids[5..].to_vec(), &json!(5))),
            _ => assert_eq!((page(1), total), (ids[6..11].to_vec(), &json!(17)), "the newest is missing in the count too"),
        }
        assert_eq!(page(2), ids[10..15], "{fault}");
        assert_eq!(world.ops().await, ["create_endpoint"; 18], "{fault} changes nothing");
    }
}

#[tokio::test]
async fn the_newest_can_be_missing_and_the_deleted_still_be_shown() {
    let (world, ids) = world_of(3).await;
    world.admin.set_faults(json!([{"match": {"path": "/Endpoint/$"}, "list": "newest_missing"}])).await.unwrap();
    let list = world.get("Endpoint/").await.json();
    assert_eq!((column(&list, "endpoint_id"), &list["meta"]["total_count"]), (vec![ids[1].clone(), ids[0].clone()], &json!(2)));
    world.admin.delete_endpoint(&ids[1]).await.unwrap();
    world.admin.patch_endpoint(&ids[0], json!({"alias": "changed later than the deletion"})).await.unwrap();
    world.admin.set_faults(json!([{"list": "deleted_still_shown"}])).await.unwrap();
    let list = world.get("Endpoint/").await.json();
    let all: Vec<String> = ids.iter().rev().cloned().collect();
    assert_eq!((column(&list, "endpoint_id"), &list["meta"]["total_count"]), (all, &json!(3)));
    assert_eq!(world.get(&format!("Endpoint/{}/", ids[1])).await.status, 404, "only the list lies");
    world.admin.clear_faults().await.unwrap();
    assert_eq!(world.get("Endpoint/").await.json()["meta"]["total_count"], 2);
}

#[tokio::test]
async fn a_list_fault_waits_for_a_list_on_which_it_can_do_something() {
    let (world, ids) = world_of(3).await;
    world.admin.set_faults(json!([{"match": {"count": 1}, "list": "early_next_null"}])).await.unwrap();
    world.get(&format!("Endpoint/{}/", ids[0])).await;
    assert!(world.get("Endpoint/").await.json()["meta"]["next"].is_null(), "there was no next page anyhow");
    let rules = world.admin.faults().await.unwrap();
    assert_eq!((&rules[0]["hits"], &rules[0]["skipped"], &rules[0]["seen"]), (&json!(0), &json!(1), &json!(1)));
    assert!(world.get("Endpoint/?limit=2").await.json()["meta"]["next"].is_null());
    assert!(world.get("Endpoint/?limit=2").await.json()["meta"]["next"].is_string());
    // Nothing can shift before the first page.
    for fault in ["insert_shift", "delete_shift", "swap"] {
        world.admin.set_faults(json!([{"match": {"count": 1}, "list": fault}])).await.unwrap();
        world.get("Endpoint/?limit=1").await;
        assert_eq!(world.admin.faults().await.unwrap()[0]["hits"], 0, "{fault}");
        world.get("Endpoint/?limit=1&offset=1").await;
        assert_eq!(world.admin.faults().await.unwrap()[0]["hits"], 1, "{fault}");
    }
}
