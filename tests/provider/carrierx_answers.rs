//! What CarrierX's answers mean.

use serde_json::{Value as Json, json};
use switchboard::core::fields::{Address, Fields, Role, Value};
use switchboard::core::outcome::{Outcome, Refusal, RefusalKind};
use switchboard::provider::{Page, Provider};

use crate::carrierx::{
    NUMBER, OPS, OTHER, Op, PARTNER, SID, asked, client, client_of, did, endpoint, group, list, mark, provider, run, text, trunk, wanted,
};
use crate::script::{Act, HTML, JSON, Server, http};
use crate::{HASTY, PATIENT};

/// What answers mean the same for.
fn kind(op: Op) -> Op {
    match op {
        Op::CreateGroup => Op::Create,
        Op::GetGroup | Op::Rename | Op::Lead | Op::GetNumber | Op::UpdateNumber | Op::Update | Op::Replace => Op::Get,
        Op::DeleteGroup => Op::Delete,
        Op::ListGroups | Op::ListNumbers | Op::GroupReferences => Op::List,
        Op::FindGroups => Op::Find,
        Op::FindNumber => Op::References,
        other => other,
    }
}

#[tokio::test]
async fn every_answer_has_its_class() {
    let error = r#"{"message": "no", "errors": []}"#;
    let html = "<html>no</html>";
    let (json, page, none) = (JSON, HTML, "");
    let (invalid, doubt) = ("refused Invalid", "unknown Unreadable");
    // Status, headers, body; of a create, of one object, of a delete, of a list, of a search, of one that falls back to a list.
    type Row = (u16, &'static str, &'static str, [&'static str; 6]);
    let table: Vec<Row> = vec![
        (400, json, error, [invalid, invalid, invalid, invalid, invalid, invalid]),
        (400, page, html, [doubt, doubt, doubt, doubt, invalid, doubt]),
        (422, json, error, [invalid, invalid, invalid, invalid, invalid, invalid]),
        (422, none, "", [doubt, doubt, doubt, doubt, invalid, doubt]),
        (415, json, error, [invalid; 6]),
        (415, none, "", [doubt; 6]),
        (401, json, error, ["refused Credentials"; 6]),
        (401, none, "", ["refused Credentials"; 6]),
        (403, page, html, ["refused Credentials"; 6]),
        (404, json, error, [invalid, "not found", "not found", "unknown Status(404)", "unknown Status(404)", "unknown Status(404)"]),
        (
            404,
            page,
            html,
            [
                "unknown Status(404)",
                "not found, unproven",
                "not found, unproven",
                "unknown Status(404)",
                "unknown Status(404)",
                "unknown Status(404)",
            ],
        ),
        (409, json, error, ["unknown Status(409)"; 6]),
        (409, none, "", ["unknown Status(409)"; 6]),
        (429, "Retry-After: 7\r\n", "", ["refused Throttled 7s"; 6]),
        (429, none, "", ["refused Throttled"; 6]),
        (301, "Location: https://evil.example/\r\n", "", ["unknown Status(301)"; 6]),
        (500, json, error, ["unknown Status(500)"; 6]),
        (503, page, html, ["unknown Status(503)"; 6]),
        (200, json, "{}", [doubt; 6]),
        (200, json, "[]", [doubt; 6]),
        (200, page, html, [doubt; 6]),
        (204, none, "", [doubt, doubt, "done", doubt, doubt, doubt]),
    ];
    for (status, headers, body, expected) in table {
        let bytes = http(status, headers, body);
        let server = Server::start(move |_| Act::Say(bytes.clone())).await;
        let client = client(&server.url(), PATIENT);
        for op in OPS {
            if op == Op::Identify || (op == Op::GetNumber && status == 404) {
                continue;
            }
            let column = [Op::Create, Op::Get, Op::Delete, Op::List, Op::Find, Op::References]
                .iter()
                .position(|one| *one == kind(op))
                .expect("a column");
            assert_eq!(run(&client, op).await.class, expected[column], "{status} {body} to {op:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_or_breaks_off_proves_nothing() {
    for (act, expected) in [(Act::Stall, "unknown TimeOut"), (Act::Reset, "unknown Reset")] {
        let told = act.clone();
        let server = Server::start(move |_| told.clone()).await;
        for op in [Op::Create, Op::Replace, Op::Delete, Op::Lead, Op::UpdateNumber] {
            assert_eq!(run(&client(&server.url(), HASTY), op).await.class, expected, "{act:?} to {op:?}");
        }
    }
}

#[tokio::test]
async fn what_the_two_documented_errors_say_counts_more_than_their_status() {
    let body = |message: &str, field: Json, said: &str| json!({"message": message, "errors": [{"field": field, "message": said, "reference_sid": null}]});
    let scope = body("object validation error", json!("auth_required"), "partner does not have permissions to set this value");
    let duplicate = body("conflict error", json!(null), "duplicate ip for auth_required=false");
    let validation = body("object validation error", json!("name"), "too long");
    let taken = body("conflict error", json!(null), "name is already used");
    let table: [(&Json, Result<&str, ()>); 4] = [
        (
            &scope,
            Ok(
                "auth_required: partner does not have permissions to set this value. Setting auth_required needs the scope endpoints.manage_auth_required, which only CarrierX support grants",
            ),
        ),
        (
            &duplicate,
            Ok(
                "duplicate ip for auth_required=false. Another endpoint in CarrierX with auth_required: false has the same ip and port; give this one another ip or port",
            ),
        ),
        (&validation, Ok("name: too long")),
        (&taken, Err(())),
    ];
    for status in [400, 409, 422] {
        for (body, expected) in &table {
            let (_server, client) = provider(vec![("POST", status, (*body).clone()), ("PATCH", status, (*body).clone())]).await;
            for op in [Op::Create, Op::Update, Op::Replace] {
                let told = run(&client, op).await;
                match expected {
                    Ok(words) => {
                        assert_eq!(told.class, "refused Invalid", "{status} {body}");
                        assert!(told.text.contains(words), "{status}: {}", told.text);
                    }
                    Err(()) => assert_eq!(told.class, format!("unknown Status({status})"), "{status} {body} to {op:?}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_still_needed_is_deleted_later_and_not_refused_for_good() {
    for status in [400, 409, 422] {
        let body = json!({"message": "conflict error", "errors": [{"field": null, "message": "endpoint is used by a trunk", "reference_sid": OTHER}]});
        let (_server, client) = provider(vec![("DELETE", status, body)]).await;
        for op in [Op::Delete, Op::DeleteGroup] {
            let told = run(&client, op).await;
            assert_eq!(told.class, format!("unknown Status({status})"));
            assert!(told.text.contains(&format!("endpoint is used by a trunk ({OTHER})")), "{}", told.text);
        }
    }
}

#[tokio::test]
async fn a_missing_scope_is_named_for_each_call() {
    let (_server, client) = provider(vec![("", 403, json!({"message": "Forbidden", "errors": []}))]).await;
    let table = [
        (Op::Create, "endpoints.manage or endpoints.create"),
        (Op::List, "endpoints.manage or endpoints.read"),
        (Op::Replace, "endpoints.manage or endpoints.update"),
        (Op::Delete, "endpoints.manage or endpoints.delete"),
        (Op::References, "trunk_groups.manage or trunk_groups.read, and trunk_groups.trunks.manage or trunk_groups.trunks.read"),
        (Op::CreateGroup, "trunk_groups.trunks.manage or trunk_groups.trunks.create"),
        (Op::DeleteGroup, "trunk_groups.manage or trunk_groups.delete"),
        (Op::ListNumbers, "phonenumber.manage or phonenumber.read, and partners.manage or partners.read"),
        (Op::UpdateNumber, "phonenumber.manage or phonenumber.update, and partners.manage or partners.update"),
    ];
    for (op, scope) in table {
        let told = run(&client, op).await;
        assert!(told.class == "refused Credentials" && told.text.contains(scope), "{op:?}: {}", told.text);
    }
}

#[tokio::test]
async fn a_token_is_proven_by_whoami_or_by_the_gateway_and_from_then_on_says_whose_things_are() {
    let mut gateway = endpoint("System Gateway");
    gateway["type"] = json!("system_gateway");
    gateway["addresses"] = json!([{"ip": "10.1.10.69", "port": 5060, "transport": "udp", "direction": "any"}]);
    let whoami = json!({"partner_sid": PARTNER, "name": "x"});
    let gone = json!({"message": "Not Found"});
    let everything = list(&[endpoint("a"), gateway.clone()], false);
    let filtered = "GET /core/v2/endpoints?limit=1000&offset=0&order=endpoint_sid&filter";
    let plain = "GET /core/v2/endpoints?";
    type Answers = Vec<(&'static str, u16, Json)>;
    let table: [(&str, Answers, usize); 6] = [
        (
            "of another shape",
            vec![("GET /core/v2/oauth", 200, json!({"user": "x"})), (filtered, 200, list(std::slice::from_ref(&gateway), false))],
            2,
        ),
        ("whoami", vec![("GET /core/v2/oauth", 200, whoami.clone())], 1),
        ("in another place", vec![("GET /core/v2/oauth", 200, json!({"partner": whoami}))], 1),
        ("no whoami", vec![("GET /core/v2/oauth", 404, gone.clone()), (filtered, 200, list(std::slice::from_ref(&gateway), false))], 2),
        ("and no filter", vec![("GET /core/v2/oauth", 404, gone.clone()), (filtered, 400, json!({})), (plain, 200, everything.clone())], 3),
        (
            "and no gateway",
            vec![("GET /core/v2/oauth", 404, gone.clone()), (filtered, 200, list(&[], false)), (plain, 200, list(&[endpoint("a")], false))],
            3,
        ),
    ];
    for (sentence, mut answers, calls) in table {
        answers.push(("GET", 200, gateway.clone()));
        let (server, _) = provider(answers).await;
        let client = client_of(&server.url(), PATIENT, None);
        assert_eq!(role(client.endpoints().get(SID).await), Some(Role::Elsewhere), "{sentence}: nobody knows yet whose it is");
        assert_eq!(client.identify().await, Outcome::Done(PARTNER.to_owned()), "{sentence}");
        assert_eq!(asked(&server).len(), 1 + calls, "{sentence}");
        let address = Address { ip: "10.1.10.69".into(), port: Some(5060), transport: Some("udp".into()) };
        assert_eq!(role(client.endpoints().get(SID).await), Some(Role::Gateway(vec![address])), "{sentence}");
    }
    let (_server, client) = provider(vec![("GET /core/v2/oauth", 404, gone), ("GET", 200, list(&[], false))]).await;
    assert!(matches!(client.identify().await, Outcome::Unknown(_)));
    let (_server, client) = provider(vec![("GET", 401, json!({}))]).await;
    assert!(matches!(client.identify().await, Outcome::Refused(Refusal { kind: RefusalKind::Credentials, .. })));
}

fn role(outcome: Outcome<switchboard::core::fields::Remote>) -> Option<Role> {
    match outcome {
        Outcome::Done(remote) => Some(remote.role),
        _ => None,
    }
}

#[tokio::test]
async fn whose_something_is_is_told_by_its_partner() {
    let of = |partner: Json| {
        let mut shown = endpoint("x");
        shown["partner_sid"] = partner;
        shown
    };
    for (partner, expected) in [(json!(PARTNER), Role::Own), (json!(OTHER), Role::Elsewhere), (json!(null), Role::Own)] {
        let (_server, client) = provider(vec![("GET", 200, of(partner.clone()))]).await;
        assert_eq!(role(client.endpoints().get(SID).await), Some(expected), "{partner}");
    }
}

#[tokio::test]
async fn an_answer_about_something_else_is_no_answer() {
    let mark = mark();
    let (_server, client) =
        provider(vec![("GET", 200, endpoint("x")), ("POST", 200, endpoint("somebody else")), ("PATCH", 200, endpoint("x"))]).await;
    let foreign = |class: &str| assert_eq!(class, "unknown Foreign");
    foreign(&run(&client, Op::Create).await.class);
    foreign(&crate::told(client.endpoints().get(OTHER).await).class);
    foreign(&crate::told(client.endpoints().update(OTHER, &Fields::from([("name", text("x"))])).await).class);
    let (_server, client) = provider(vec![("POST", 200, endpoint(&mark.to_string().to_uppercase()))]).await;
    let outcome = client.endpoints().create(mark.as_str(), &wanted()).await;
    let Outcome::Done(created) = outcome else { panic!("{outcome:?}") };
    assert_eq!((created.id.as_str(), created.remote.map(|remote| remote.role)), (SID, Some(Role::Own)), "the whole of it is answered");
}

#[tokio::test]
async fn hits_of_a_search_are_looked_at_again_and_what_is_behind_an_ignored_filter_is_not_forgotten() {
    let own = mark().to_string();
    let elsewhere = |name: &str| {
        let mut shown = endpoint(name);
        shown["partner_sid"] = json!(OTHER);
        shown
    };
    let renamed = format!("renamed{}", mark().key());
    let table: [(Vec<Json>, bool, &[&str]); 5] = [
        (vec![endpoint(&own)], false, &[&own]),
        (vec![], false, &[]),
        (vec![endpoint("x"), endpoint(&renamed), endpoint(&format!("{own}1"))], false, &[&renamed]),
        (vec![elsewhere(&own), endpoint("x")], true, &[]),
        (vec![endpoint(&own), endpoint("x")], true, &[&own]),
    ];
    for (items, more, expected) in table {
        let (_server, client) = provider(vec![("GET", 200, list(&items, more))]).await;
        let outcome = client.endpoints().find(&mark()).await;
        let Outcome::Done(Page { items, total: None, more: shown }) = outcome else { panic!("{outcome:?}") };
        assert_eq!((items.iter().map(|remote| remote.username.as_str()).collect::<Vec<_>>(), shown), (expected.to_vec(), Some(more)));
    }
}

#[tokio::test]
async fn a_page_proves_something_only_if_all_of_it_can_be_read() {
    let (nameless, long) = (json!({"endpoint_sid": SID, "name": null}), endpoint(&"x".repeat(513)));
    for odd in [nameless, long] {
        let (_server, client) = provider(vec![("GET", 200, list(std::slice::from_ref(&odd), false))]).await;
        let outcome = client.endpoints().list(0, 1000).await;
        assert!(matches!(&outcome, Outcome::Done(page) if page.items[0].username.is_empty()), "{outcome:?}: only its SID has to be there");
        assert_eq!(
            crate::told(client.trunk_groups().expect("trunk groups").list(0, 1000).await).class,
            "unknown Unreadable",
            "no SID of a group"
        );
    }
    let numbers = [did(NUMBER, None), json!({"did_sid": OTHER, "phonenumber": null}), json!({"did_sid": "d3", "phonenumber": "n/a"})];
    let (_server, client) = provider(vec![("GET", 200, list(&numbers, false))]).await;
    let Outcome::Done(page) = client.list_numbers(0, 1000).await else { panic!("no page") };
    let shown: Vec<_> = page.items.iter().map(|number| number.number.bytes().all(|byte| byte.is_ascii_digit())).collect();
    assert_eq!(shown, [true, false, false], "counted, and no number of anybody");
    let nameless = json!({"name": "x"});
    let table = [
        (json!({"items": [endpoint("x")]}), Some(None)),
        (json!({"items": [endpoint("x")], "has_more": true, "total": 7}), Some(Some(true))),
        (json!({"items": [endpoint("x"), nameless]}), None),
        (json!({"items": [endpoint("x"), "x"]}), None),
        (json!({"items": {}}), None),
    ];
    for (body, expected) in table {
        let (_server, client) = provider(vec![("GET", 200, body.clone())]).await;
        let found = match client.endpoints().list(0, 1000).await {
            Outcome::Done(page) => {
                assert_eq!((page.items.len(), page.total), (1, None), "a total is never relied on");
                Some(page.more)
            }
            other => {
                assert!(matches!(other, Outcome::Unknown(_)), "{other:?}");
                None
            }
        };
        assert_eq!(found, expected, "{body}");
    }
}

#[tokio::test]
async fn a_long_page_is_read_and_one_without_end_is_not() {
    let long: Vec<Json> = (0..1000).map(|_| json!({"endpoint_sid": SID, "name": "x", "callback": "y".repeat(2000)})).collect();
    let (_server, client) = provider(vec![("GET", 200, list(&long, false))]).await;
    assert!(matches!(client.endpoints().list(0, 1000).await, Outcome::Done(page) if page.items.len() == 1000));
    let server = Server::start(|_| Act::Flood { announced: false }).await;
    let told = run(&crate::carrierx::client(&server.url(), PATIENT), Op::List).await;
    assert!(told.class == "unknown Unreadable" && told.text.contains("body over 8 MiB"), "{}", told.text);
}

#[tokio::test]
async fn what_points_to_a_thing_is_found_whether_the_provider_selects_it_or_not() {
    let named = || group("theirs", &[trunk("t1", None), trunk("t2", Some(SID))]);
    let other = || group("other", &[trunk("t3", Some(OTHER))]);
    let bare = json!({"trunk_group_sid": SID, "name": "x"});
    let filtered = "GET /core/v2/trunk_groups?with_trunks=true&limit=250&offset=0&order=trunk_group_sid&filter";
    let first = "GET /core/v2/trunk_groups?with_trunks=true&limit=250&offset=0&order=trunk_group_sid";
    let second = "GET /core/v2/trunk_groups?with_trunks=true&limit=250&offset=2";
    let words = || Some(vec![format!("trunk group theirs ({SID})")]);
    type Answers = Vec<(&'static str, u16, Json)>;
    let table: [(&str, Answers, Option<Vec<String>>, usize); 8] = [
        ("selected", vec![(filtered, 200, list(&[named()], false))], words(), 1),
        ("nothing", vec![(filtered, 200, list(&[], false))], Some(vec![]), 1),
        ("ignored", vec![(filtered, 200, list(&[other(), named()], false))], words(), 1),
        ("ignored, and nothing", vec![(filtered, 200, list(&[other()], false))], Some(vec![]), 1),
        ("ignored, and behind", vec![(filtered, 200, list(&[other(), other()], true)), (second, 200, list(&[named()], false))], words(), 2),
        ("refused", vec![(filtered, 400, json!({})), (first, 200, list(&[other(), named()], false))], words(), 2),
        ("without its trunks", vec![(filtered, 200, list(&[bare], false))], None, 1),
        ("without end", vec![("GET", 200, list(&[other()], true))], None, 11),
    ];
    for (sentence, answers, expected, calls) in table {
        let (server, client) = provider(answers).await;
        let found = match client.endpoints().references(SID).await {
            Outcome::Done(found) => Some(found),
            other => {
                assert!(matches!(other, Outcome::Unknown(_)), "{sentence}: {other:?}");
                None
            }
        };
        assert_eq!((found, asked(&server).len()), (expected, calls), "{sentence}");
    }
    let number = |group: &str| did(NUMBER, Some(group));
    let table = [
        (list(&[number(SID), number(OTHER)], true), Some(vec![format!("number +{NUMBER}")])),
        (list(&[number(OTHER)], false), Some(vec![])),
        (list(&[number(OTHER)], true), None),
    ];
    for (page, expected) in table {
        let (_server, client) = provider(vec![("GET", 200, page)]).await;
        let found = match client.trunk_groups().expect("trunk groups").references(SID).await {
            Outcome::Done(found) => Some(found),
            _ => None,
        };
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn where_a_trunk_group_leads_is_one_sid_or_a_text_that_is_none() {
    let table = [
        (json!([trunk("t1", Some(OTHER))]), Some(OTHER.to_owned())),
        (json!([]), Some("none".into())),
        (json!([trunk("t1", None)]), Some("none".into())),
        (json!([trunk("t1", Some(""))]), Some("none".into())),
        (json!([trunk("t1", Some("b")), trunk("t2", Some("a"))]), Some("a, b".into())),
        (json!([trunk("t1", Some("a")), trunk("t2", Some("a"))]), Some("a, a".into())),
        (json!(null), None),
    ];
    for (trunks, expected) in table {
        let mut shown = group("g", &[]);
        if trunks.is_null() {
            drop(shown.as_object_mut().expect("an object").remove("trunks"))
        } else {
            shown["trunks"] = trunks.clone()
        }
        let (_server, client) = provider(vec![("GET", 200, shown)]).await;
        let outcome = client.trunk_groups().expect("trunk groups").get(SID).await;
        let Outcome::Done(remote) = outcome else { panic!("{outcome:?}") };
        assert_eq!(remote.fields.get("endpoint_sid").and_then(Value::text), expected.as_deref(), "{trunks}");
    }
}

#[tokio::test]
async fn a_renamed_trunk_group_is_shown_only_as_a_whole() {
    let whole = group("g", &[trunk("t1", Some(OTHER))]);
    let mut partly = whole.clone();
    drop(partly.as_object_mut().expect("an object").remove("trunks"));
    for (shown, expected) in [(whole, true), (partly, false)] {
        let (_server, client) = provider(vec![("PATCH", 200, shown)]).await;
        let outcome = client.trunk_groups().expect("trunk groups").update(SID, &Fields::from([("name", text("g"))])).await;
        let Outcome::Done(remote) = outcome else { panic!("{outcome:?}") };
        assert_eq!(remote.is_some(), expected);
    }
}

#[tokio::test]
async fn a_number_is_found_by_its_sid_or_its_digits_whether_the_provider_selects_it_or_not() {
    let other = || did("15160000000", None);
    let own = || did(NUMBER, None);
    let by_sid = "GET /core/v2/phonenumber/dids/";
    let few = "GET /core/v2/phonenumber/dids?limit=2";
    let all = "GET /core/v2/phonenumber/dids?limit=1000";
    type Answers = Vec<(&'static str, u16, Json)>;
    let table: [(&str, bool, Answers, &str, usize); 9] = [
        ("by its SID", true, vec![(by_sid, 200, own())], "done", 1),
        ("rented again", true, vec![(by_sid, 404, json!({})), (few, 200, list(&[own()], false))], "done", 2),
        ("another one's SID", true, vec![(by_sid, 200, other()), (few, 200, list(&[own()], false))], "done", 2),
        ("by its digits", false, vec![(few, 200, list(&[own()], false))], "done", 1),
        ("not held", false, vec![(few, 200, list(&[], false))], "not found", 1),
        ("ignored, all of them", false, vec![(few, 200, list(&[other()], false))], "not found", 1),
        (
            "ignored, and behind",
            false,
            vec![(few, 200, list(&[other(), other()], true)), (all, 200, list(&[other(), own()], false))],
            "done",
            2,
        ),
        ("refused, and not held", false, vec![(few, 400, json!({})), (all, 200, list(&[other()], false))], "not found", 2),
        ("refused, and too many", false, vec![(few, 400, json!({})), (all, 200, list(&[other()], true))], "unknown Unreadable", 2),
    ];
    for (sentence, sid, answers, expected, calls) in table {
        let (server, client) = provider(answers).await;
        let outcome = client.get_number(NUMBER, sid.then_some(SID)).await;
        assert!(!matches!(&outcome, Outcome::Done(number) if number.number != NUMBER || number.id != SID), "{sentence}: {outcome:?}");
        assert_eq!((crate::told(outcome).class.as_str(), asked(&server).len()), (expected, calls), "{sentence}");
    }
}

#[tokio::test]
async fn a_number_that_cannot_be_bound_says_why() {
    let table: [(&str, Json, Option<&str>); 8] = [
        ("status", json!("assigned"), None),
        ("status", json!("aging"), Some("its status at CarrierX is aging")),
        ("active_capabilities", json!(3), Some("voice is not active for it (active_capabilities 3")),
        ("active_capabilities", json!(4), None),
        ("active_capabilities", json!(null), None),
        ("capabilities", json!(27), Some("it cannot carry voice (capabilities 27")),
        ("partner_sid", json!(OTHER), Some("another partner")),
        ("phonenumber", json!(15_162_065_574_u64), None),
    ];
    for (member, value, expected) in table {
        let mut shown = did(NUMBER, Some(OTHER));
        shown[member] = value.clone();
        let (_server, client) = provider(vec![("GET", 200, shown)]).await;
        let outcome = client.get_number(NUMBER, Some(SID)).await;
        let Outcome::Done(number) = outcome else { panic!("{member}: {outcome:?}") };
        match (&number.obstacle, expected) {
            (None, None) => {}
            (Some(obstacle), Some(words)) => assert!(obstacle.contains(words), "{obstacle}"),
            (found, _) => panic!("{member} {value}: {found:?}"),
        }
        assert_eq!(number.fields, Fields::from([("alias", text("")), ("trunk_group_sid", text(OTHER))]));
    }
}

#[tokio::test]
async fn a_full_page_that_does_not_say_whether_it_is_the_last_is_not_all_there_is() {
    let full = |length: usize, one: &dyn Fn(usize) -> Json| json!({"items": (0..length).map(one).collect::<Vec<_>>()});
    let other = |n: usize| json!({"endpoint_sid": format!("e{n}"), "name": "x"});
    for (length, more) in [(1000, true), (999, false), (0, false)] {
        let (_server, client) = provider(vec![("GET", 200, full(length, &other))]).await;
        let outcome = client.endpoints().find(&mark()).await;
        assert!(matches!(&outcome, Outcome::Done(page) if page.items.is_empty() && page.more == Some(more)), "{length}: {outcome:?}");
    }
    let number = |n: usize| json!({"did_sid": format!("d{n}"), "phonenumber": (n + 1).to_string()});
    let (_server, client) = provider(vec![("GET", 200, full(1000, &number))]).await;
    assert!(matches!(client.get_number(NUMBER, None).await, Outcome::Unknown(_)), "it may be behind");
    let (_server, client) = provider(vec![("GET", 200, full(1, &number))]).await;
    assert_eq!(client.get_number(NUMBER, None).await, Outcome::NotFound { proven: true });
    // The query is ignored: the pages are looked through.
    let (server, client) = provider(vec![
        ("GET /core/v2/phonenumber/dids?trunk_group_sid={}&limit=1000&offset=1000&", 200, json!({"items": [did(NUMBER, Some(SID))]})),
        ("GET", 200, full(1000, &number)),
    ])
    .await;
    let outcome = client.trunk_groups().expect("trunk groups").references(SID).await;
    assert_eq!((outcome, asked(&server).len()), (Outcome::Done(vec![format!("number +{NUMBER}")]), 2));
}
