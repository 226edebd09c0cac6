//! What is sent to CarrierX: only what the contract knows, to where it says.

use serde_json::{Value as Json, json};
use switchboard::core::fields::{Fields, PASSWORD, Secret, Value};
use switchboard::core::outcome::{Outcome, RefusalKind};
use switchboard::provider::Provider;
use switchboard::provider::carrierx::{CarrierX, Credentials};
use switchboard::provider::transport::{BaseUrl, TransportOptions, Unusable};

use crate::carrierx::{
    NUMBER, OPS, OTHER, OUT_PASSWORD, Op, SID, SIP_PASSWORD, SIP_USERNAME, TOKEN, asked, client, group, list, mark, provider, run, text,
    trunk, wanted,
};
use crate::script::{Act, Server, http};
use crate::{PATIENT, install};

#[tokio::test]
async fn each_operation_sends_the_request_of_the_contract() {
    let address = json!({
        "ip": "192.0.2.1", "port": 5060, "transport": "udp", "direction": "any", "dst_port": 5060, "priority": 0, "srtp": false,
        "location_sid": null, "sip_username": SIP_USERNAME, "sip_password": SIP_PASSWORD,
    });
    let name = mark().to_string();
    let create = json!({"name": name, "type": "third_party", "addresses": [address], "capacity": 10, "out_sip_password": OUT_PASSWORD});
    let replace = json!({"addresses": [address], "transformations": [], "attributes": {"theirs": "x"}, "out_sip_password": OUT_PASSWORD});
    let filter = format!("filter=name+like+%22%25{}%22", mark().key());
    let page = |key: &str| format!("limit=1000&offset=0&order={key}");
    let endpoints = page("endpoint_sid");
    let groups = page("trunk_group_sid").replace("1000", "250");
    let expected = [
        (Op::Identify, "GET oauth/whoami".to_owned(), None),
        (Op::Create, "POST endpoints".to_owned(), Some(create)),
        (Op::Get, format!("GET endpoints/{SID}"), None),
        (Op::List, format!("GET endpoints?{endpoints}"), None),
        (Op::Find, format!("GET endpoints?{endpoints}&{filter}"), None),
        (Op::Update, format!("PATCH endpoints/{SID}"), Some(json!({"capacity": 7}))),
        (Op::Replace, format!("PATCH endpoints/{SID}?nested_objects=replace"), Some(replace)),
        (Op::Delete, format!("DELETE endpoints/{SID}"), None),
        (Op::References, format!("GET trunk_groups?with_trunks=true&{groups}&filter=trunks.endpoint_sid+eq+%22{SID}%22"), None),
        (
            Op::CreateGroup,
            "POST trunk_groups?with_trunks=true".to_owned(),
            Some(json!({"name": name, "trunks": [{"endpoint_sid": OTHER}]})),
        ),
        (Op::GetGroup, format!("GET trunk_groups/{SID}?with_trunks=true"), None),
        (Op::ListGroups, format!("GET trunk_groups?with_trunks=true&{groups}"), None),
        (Op::FindGroups, format!("GET trunk_groups?with_trunks=true&{groups}&{filter}"), None),
        (Op::Rename, format!("PATCH trunk_groups/{SID}"), Some(json!({"name": name}))),
        (Op::Lead, format!("GET trunk_groups/{SID}?with_trunks=true"), None),
        (Op::DeleteGroup, format!("DELETE trunk_groups/{SID}"), None),
        (Op::GroupReferences, format!("GET phonenumber/dids?trunk_group_sid={SID}&{}", page("did_sid")), None),
        (Op::GetNumber, format!("GET phonenumber/dids/{SID}"), None),
        (Op::FindNumber, format!("GET phonenumber/dids?limit=2&offset=0&order=did_sid&filter=phonenumber+eq+%22{NUMBER}%22"), None),
        (Op::ListNumbers, format!("GET phonenumber/dids?{}", page("did_sid")), None),
        (Op::UpdateNumber, format!("PATCH phonenumber/dids/{SID}"), Some(json!({"trunk_group_sid": OTHER}))),
    ];
    assert_eq!(expected.iter().map(|(op, ..)| *op).collect::<Vec<_>>(), OPS);
    for (op, line, body) in expected {
        let server = Server::start(|_| Act::Say(http(500, "", ""))).await;
        run(&client(&server.url(), PATIENT), op).await;
        let requests = server.requests();
        assert_eq!(requests.len(), 1, "{op:?}");
        let seen = &requests[0];
        assert_eq!(seen.line(), line.replacen(' ', " /core/v2/", 1), "{op:?}");
        let sent = (!seen.body.is_empty()).then(|| serde_json::from_str::<Json>(&seen.body).expect("JSON"));
        assert_eq!(sent, body, "{op:?}");
        assert_eq!(seen.header("content-type"), body.map(|_| "application/json"), "{op:?}");
        assert_eq!(seen.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()), "{op:?}");
    }
}

#[tokio::test]
async fn a_number_is_pointed_somewhere_or_nowhere_and_named_or_not() {
    let table = [
        (Fields::from([("trunk_group_sid", text(""))]), json!({"trunk_group_sid": null})),
        (Fields::from([("trunk_group_sid", text(OTHER)), ("alias", text("desk"))]), json!({"trunk_group_sid": OTHER, "name": "desk"})),
        (Fields::from([("trunk_group_sid", text(OTHER)), ("alias", text(""))]), json!({"trunk_group_sid": OTHER, "name": "N/A"})),
    ];
    for (change, expected) in table {
        let (server, client) = provider(vec![("PATCH", 200, json!({"did_sid": SID}))]).await;
        assert_eq!(client.update_number(NUMBER, Some(SID), &change).await, Outcome::Done(()));
        assert_eq!(serde_json::from_str::<Json>(&server.requests()[0].body).expect("JSON"), expected);
    }
}

#[tokio::test]
async fn a_number_whose_sid_nobody_knows_is_looked_up_before_it_is_changed() {
    let found = list(&[crate::carrierx::did(NUMBER, None)], false);
    let (server, client) = provider(vec![("GET", 200, found), ("PATCH", 200, json!({"did_sid": SID}))]).await;
    assert_eq!(client.update_number(NUMBER, None, &Fields::from([("trunk_group_sid", text(""))])).await, Outcome::Done(()));
    assert_eq!(asked(&server)[1], r#"PATCH /phonenumber/dids/{} {"trunk_group_sid":null}"#);
    let (server, client) = provider(vec![("GET", 200, list(&[], false))]).await;
    let outcome = client.update_number(NUMBER, None, &Fields::from([("trunk_group_sid", text(""))])).await;
    assert_eq!((outcome, asked(&server).len()), (Outcome::NotFound { proven: true }, 1));
}

#[tokio::test]
async fn a_sid_of_digits_is_a_sid_and_no_number() {
    // Also one that is another number of the account.
    for sid in ["15162065575", "7", "00000000000000000000"] {
        let (server, client) = provider(vec![("PATCH", 200, json!({"did_sid": sid}))]).await;
        let outcome = client.update_number(NUMBER, Some(sid), &Fields::from([("trunk_group_sid", text(""))])).await;
        assert_eq!(outcome, Outcome::Done(()), "{sid}");
        let lines: Vec<String> = server.requests().iter().map(|seen| seen.line().to_owned()).collect();
        assert_eq!(lines, [format!("PATCH /core/v2/phonenumber/dids/{sid}")]);
    }
}

#[tokio::test]
async fn a_trunk_group_of_ours_is_brought_to_one_trunk_that_leads_to_the_endpoint() {
    let (right, wrong) = (Some(OTHER), Some(SID));
    let read = "GET /trunk_groups/{}?with_trunks=true";
    let made = format!(r#"POST /trunk_groups/{{}}/trunks {{"endpoint_sid":"{OTHER}"}}"#);
    let led = |trunk: &str| format!(r#"PATCH /trunk_groups/{{}}/trunks/{trunk} {{"endpoint_sid":"{OTHER}"}}"#);
    let removed = |trunk: &str| format!("DELETE /trunk_groups/{{}}/trunks/{trunk}");
    let table: [(&str, Vec<Json>, Vec<String>); 7] = [
        ("no trunk", vec![], vec![made]),
        ("the right one", vec![trunk("t1", right)], vec![]),
        ("one that leads elsewhere", vec![trunk("t1", wrong)], vec![led("t1")]),
        ("one that leads nowhere", vec![trunk("t1", None)], vec![led("t1")]),
        ("a second one", vec![trunk("t1", wrong), trunk("t2", right)], vec![removed("t1")]),
        ("twice the right one", vec![trunk("t2", right), trunk("t1", right)], vec![removed("t2")]),
        (
            "several wrong ones",
            vec![trunk("t3", None), trunk("t2", wrong), trunk("t1", wrong)],
            vec![led("t1"), removed("t2"), removed("t3")],
        ),
    ];
    for (sentence, trunks, expected) in table {
        let answers = vec![
            ("GET", 200, group("g", &trunks)),
            ("POST", 200, trunk("t9", right)),
            ("PATCH", 200, trunk("t1", right)),
            ("DELETE", 204, json!({})),
        ];
        let (server, client) = provider(answers).await;
        let outcome = client.trunk_groups().expect("trunk groups").update(SID, &Fields::from([("endpoint_sid", text(OTHER))])).await;
        let Outcome::Done(Some(shown)) = outcome else { panic!("{sentence}: {outcome:?}") };
        assert_eq!(shown.fields.get("endpoint_sid"), Some(&text(OTHER)), "{sentence}");
        let requests = asked(&server);
        assert_eq!((requests[0].as_str(), &requests[1..]), (read, &expected[..]), "{sentence}");
    }
}

#[tokio::test]
async fn the_trunks_of_somebody_elses_group_are_left_alone_and_of_many_only_some_go_at_once() {
    let groups = |client: &CarrierX| client.trunk_groups().is_some();
    let leads = Fields::from([("endpoint_sid", text(OTHER))]);
    let mut foreign = group("g", &[]);
    foreign["partner_sid"] = json!(OTHER);
    let (server, client) = provider(vec![("GET", 200, foreign)]).await;
    assert!(groups(&client));
    let outcome = client.trunk_groups().expect("trunk groups").update(SID, &leads).await;
    assert!(matches!(&outcome, Outcome::Refused(refusal) if refusal.message.contains("another partner")), "{outcome:?}");
    assert_eq!(asked(&server).len(), 1);
    let many: Vec<Json> = (0..9).map(|nth| trunk(&format!("t{nth}"), Some(OTHER))).collect();
    let (server, client) = provider(vec![("GET", 200, group("g", &many)), ("DELETE", 204, json!({}))]).await;
    let outcome = client.trunk_groups().expect("trunk groups").update(SID, &leads).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    assert_eq!(asked(&server).len(), 5, "one read, four deletes");
}

#[tokio::test]
async fn what_must_not_be_sent_is_refused_before_anything_is_sent() {
    let server = Server::start(|_| Act::Say(http(500, "", ""))).await;
    let client = client(&server.url(), PATIENT);
    let (endpoints, groups) = (client.endpoints(), client.trunk_groups().expect("trunk groups"));
    let mut kinds = Vec::new();
    fn kind<T>(outcome: Outcome<T>) -> Option<RefusalKind> {
        match outcome {
            Outcome::Refused(refusal) => Some(refusal.kind),
            _ => None,
        }
    }
    let long = "1".repeat(65);
    let point = Fields::from([("trunk_group_sid", text(""))]);
    let (named, leads) = (Fields::from([("name", text("x"))]), Fields::from([("endpoint_sid", text(SID))]));
    for sid in ["", ".", "..", "../partners", "a/b", "1?nested_objects=replace", "1%2f2", "1\n", "ü", "a\" or \"", &long] {
        kinds.push((sid, kind(endpoints.get(sid).await)));
        kinds.push((sid, kind(endpoints.update(sid, &named).await)));
        kinds.push((sid, kind(endpoints.delete(sid).await)));
        kinds.push((sid, kind(endpoints.references(sid).await)));
        kinds.push((sid, kind(groups.get(sid).await)));
        kinds.push((sid, kind(groups.update(sid, &named).await)));
        kinds.push((sid, kind(groups.update(sid, &leads).await)));
        kinds.push((sid, kind(groups.delete(sid).await)));
        kinds.push((sid, kind(groups.references(sid).await)));
        kinds.push((sid, kind(client.update_number(NUMBER, Some(sid), &point).await)));
        kinds.push((sid, kind(groups.create("x", &Fields::from([("endpoint_sid", text(sid))])).await)));
    }
    for number in ["", "+15162065574", "1516-206", "1\" or \"", "１", &long] {
        kinds.push((number, kind(client.get_number(number, None).await)));
        kinds.push((number, kind(client.update_number(number, None, &point).await)));
        kinds.push((number, kind(client.update_number(number, Some(SID), &point).await)));
    }
    for change in [
        Fields::new(),
        Fields::from([("trunk_group_sid", text("a/b"))]),
        Fields::from([("status", text("aging"))]),
        Fields::from([("string_key_1", text("x"))]),
        Fields::from([("trunk_group_sid", Value::Secret(Secret::new("1".into())))]),
    ] {
        kinds.push(("update number", kind(client.update_number(NUMBER, Some(SID), &change).await)));
    }
    let both = Fields::from([("name", text("x")), ("endpoint_sid", text(SID))]);
    let other = Fields::from([("acls", text("[]"))]);
    for change in [&both, &other, &Fields::new()] {
        kinds.push(("update group", kind(groups.update(SID, change).await)));
    }
    kinds.push(("create group without an endpoint", kind(groups.create("x", &named).await)));
    for change in [
        Fields::from([("type", text("conference"))]),
        Fields::from([("voip_token", text("x"))]),
        Fields::from([("addresses", text("[]")), ("capacity", text("1"))]),
        Fields::from([(PASSWORD, text("hunter22"))]),
    ] {
        kinds.push(("update", kind(endpoints.update(SID, &change).await)));
    }
    let mut odd = wanted();
    odd.insert("voip_token", text("x"));
    kinds.push(("create", kind(endpoints.create("x", &odd).await)));
    for limit in [0, 1001, u64::MAX] {
        kinds.push(("list", kind(endpoints.list(0, limit).await)));
        kinds.push(("list groups", kind(groups.list(0, limit).await)));
        kinds.push(("list numbers", kind(client.list_numbers(0, limit).await)));
    }
    for (what, kind) in kinds {
        assert_eq!(kind, Some(RefusalKind::Invalid), "{what:?}");
    }
    assert!(matches!(client.list_applications(0, 20).await, Outcome::Done(page) if page.items.is_empty() && page.more == Some(false)));
    assert_eq!(server.connections(), 0);
}

#[test]
fn what_is_no_partner_makes_no_client_and_the_capabilities_are_those_of_the_contract() {
    install();
    let base = BaseUrl::parse("http://127.0.0.1:9").expect("a base URL");
    let credentials = Credentials { token: Secret::new(TOKEN.to_owned()), partner_sid: Some("../x".to_owned()) };
    assert!(matches!(CarrierX::new(&base, credentials, &TransportOptions::default()).err(), Some(Unusable::AccountId)));
    let capabilities = client("http://127.0.0.1:9", PATIENT).capabilities();
    assert_eq!((capabilities.provider, capabilities.page_size), (switchboard::api::ProviderKind::CarrierX, 1000));
    assert!(capabilities.list_filter && capabilities.referenced && capabilities.number_must_answer && !capabilities.registers);
    assert_eq!(capabilities.number_target, "trunk_group_sid");
    for (field, others) in [
        ("addresses", Some("transformations")),
        ("attributes", None),
        ("properties", None),
        ("endpoint_sid", None),
        ("auth_required", None),
    ] {
        let group = capabilities.group(field).expect("a group");
        let expected: Vec<&str> = [field].into_iter().chain(others).collect();
        assert_eq!(group.fields, expected, "{field}");
    }
    assert_eq!(
        capabilities.group("addresses").map(|group| group.carried),
        Some(&["addresses", "transformations", "observed_attributes"][..])
    );
    assert_eq!(
        capabilities.updates.iter().filter_map(|group| group.fields.last()).next_back(),
        Some(&"auth_required"),
        "what may be refused goes last"
    );
    for plain in ["name", "type", "capacity", "out_sip_username", PASSWORD] {
        assert_eq!(capabilities.group(plain).map(|group| (group.fields.len(), group.carried.len())), Some((0, 0)), "{plain}");
    }
}
