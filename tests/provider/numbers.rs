//! Numbers and applications: recorded bodies, and the simulator under every switch that concerns them.

use sandbox::plivo::Simulator;
use serde_json::{Value as Json, json};
use switchboard::core::fields::{Application, Fields, Number, Value};
use switchboard::core::outcome::{Doubt, DoubtKind, Outcome, Refusal, RefusalKind};
use switchboard::provider::plivo::{Plivo, fields, wire};
use switchboard::provider::{Page, Provider};

use crate::fixtures::{body, recorded};
use crate::script::{Act, JSON, Server, http};
use crate::simulator::{done, plivo, simulator};
use crate::{PATIENT, client};

const NUMBER: &str = "14155550100";

fn number(object: &Json) -> Number {
    wire::read(object).and_then(fields::number).unwrap_or_else(|| panic!("no number: {object}"))
}

fn text<'a>(number: &'a Number, field: &str) -> Option<&'a str> {
    number.fields.get(field).and_then(Value::text)
}

#[test]
fn every_recorded_number_and_application_is_read() {
    let (mut numbers, mut applications) = (0, 0);
    for name in recorded().into_keys().filter(|name| name.contains(".get.200.") || name.contains(".list.200.")) {
        let body = body(&name);
        let objects = wire::List::read(&body).map_or(vec![&body], |list| list.objects.iter().collect());
        for object in objects {
            let id = |uri: &Json| uri.as_str().unwrap_or_default().trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
            if name.starts_with("number.") {
                let read = number(object);
                assert_eq!(object["number"].as_str(), Some(read.number.as_str()), "{name}");
                let expected = Fields::from([
                    ("alias", Value::Text(object["alias"].as_str().unwrap_or_default().to_owned())),
                    ("app_id", Value::Text(id(&object["application"]))),
                    ("subaccount", Value::Text(id(&object["sub_account"]))),
                    ("compliance_application_id", Value::Text(id(&object["compliance_application_id"]))),
                ]);
                assert_eq!(read.fields, expected, "{name}");
                numbers += 1;
            } else if name.starts_with("application.") {
                let read = wire::read(object).and_then(fields::application).unwrap_or_else(|| panic!("{name}: {object}"));
                let expected = |member: &str| object[member].as_str().expect("text").to_owned();
                assert_eq!(read, Application { id: expected("app_id"), name: expected("app_name") }, "{name}");
                applications += 1;
            }
        }
    }
    assert!(numbers >= 15 && applications >= 10, "{numbers} numbers, {applications} applications");
}

#[test]
fn nothing_is_the_empty_text_however_it_is_written_and_what_cannot_be_read_is_not_known() {
    let table: [(&str, &str, Option<Json>, Option<&str>); 18] = [
        ("application", "app_id", Some(json!("/v1/Account/MA1/Application/379619814477342321/")), Some("379619814477342321")),
        ("application", "app_id", Some(json!("379619814477342321")), Some("379619814477342321")),
        ("application", "app_id", Some(json!("/v1/Account/MA1/Zentrunk/Trunk/21784177241578")), Some("21784177241578")),
        ("application", "app_id", Some(Json::Null), Some("")),
        ("application", "app_id", Some(json!("")), Some("")),
        ("application", "app_id", None, Some("")),
        ("application", "app_id", Some(json!({"id": 1})), None),
        ("alias", "alias", Some(json!("Main line")), Some("Main line")),
        ("alias", "alias", Some(Json::Null), Some("")),
        ("alias", "alias", None, Some("")),
        ("alias", "alias", Some(json!(7)), None),
        ("sub_account", "subaccount", Some(json!("SAXXXXXXXXXXXXXXXXXX")), Some("SAXXXXXXXXXXXXXXXXXX")),
        ("sub_account", "subaccount", Some(json!("/v1/Account/SAXXXXXXXXXXXXXXXXXX/")), Some("SAXXXXXXXXXXXXXXXXXX")),
        ("sub_account", "subaccount", Some(Json::Null), Some("")),
        ("subaccount", "subaccount", Some(json!("SAXXXXXXXXXXXXXXXXXX")), Some("")),
        ("compliance_application_id", "compliance_application_id", Some(json!("20372631212782797")), Some("20372631212782797")),
        ("compliance_application_id", "compliance_application_id", Some(Json::Null), Some("")),
        ("compliance_application_id", "compliance_application_id", None, Some("")),
    ];
    for (member, field, value, expected) in table {
        let mut object = json!({"number": NUMBER});
        if let Some(value) = &value {
            object[member] = value.clone();
        }
        assert_eq!(text(&number(&object), field), expected, "{member}: {value:?}");
    }
}

#[test]
fn a_number_is_digits_however_it_is_written() {
    let table = [
        (json!("14155550100"), Some("14155550100")),
        (json!("+14155550100"), Some("14155550100")),
        (json!(14_155_550_100_u64), Some("14155550100")),
        (json!("0800123"), Some("0800123")),
        (json!("1415-555"), None),
        (json!("123456789012345678901"), None),
        (json!(""), None),
        (json!("../Account"), None),
        (json!(1.5), None),
        (Json::Null, None),
    ];
    for (value, expected) in table {
        let read = wire::read(&json!({"number": value})).and_then(fields::number);
        assert_eq!(read.as_ref().map(|number| number.number.as_str()), expected, "{value}");
    }
}

#[tokio::test]
async fn recorded_numbers_and_applications_come_through_the_client() {
    let recorded = recorded();
    let server = Server::start(move |seen| {
        let name = match seen.line() {
            line if line.contains("/Number/17609915566/") && line.starts_with("GET") => "number.get.200.php.json",
            line if line.contains("/Number/?") => "number.list.200.go.json",
            line if line.contains("/Application/?") => "application.list.200.2020.json",
            _ => "number.update.202.json",
        };
        let status = name.split('.').nth(2).and_then(|status| status.parse().ok()).expect("a status");
        Act::Say(http(status, JSON, &recorded[name]))
    })
    .await;
    let client = client(&server.url(), PATIENT);
    let read = done(client.get_number("17609915566", None).await, "get");
    assert_eq!((text(&read, "app_id"), text(&read, "subaccount")), (Some("29986316244302815"), Some("SAXXXXXXXXXXXXXXXXXX")));
    let page = done(client.list_numbers(0, 20).await, "list numbers");
    assert_eq!((page.items.len(), page.total), (3, Some(20)));
    let page: Page<Application> = done(client.list_applications(0, 20).await, "list applications");
    assert_eq!(page.items.iter().filter(|application| application.name == "app1").count(), 4, "names are not unique");
    done(client.update_number("17609915566", None, &crate::pointed()).await, "update");
}

#[tokio::test]
async fn an_update_that_is_not_plainly_done_is_unknown() {
    let async_answer = r#"{"message": "async api spawned", "api_id": "63f0761a"}"#;
    let partial = r#"{"message": "partially changed", "api_id": "63f0761a"}"#;
    for (status, answer) in [(202, async_answer), (200, async_answer), (206, partial), (206, "{}")] {
        let server = Server::start(move |_| Act::Say(http(status, JSON, answer))).await;
        let outcome = client(&server.url(), PATIENT).update_number(NUMBER, None, &crate::pointed()).await;
        assert!(matches!(outcome, Outcome::Unknown(Doubt { kind: DoubtKind::Unreadable, .. })), "{status} {answer}: {outcome:?}");
    }
}

fn change(app_id: &str, alias: Option<&str>) -> Fields {
    let alias = alias.map(|alias| ("alias", Value::Text(alias.to_owned())));
    [("app_id", Value::Text(app_id.to_owned()))].into_iter().chain(alias).collect()
}

/// An account with a default application, another one, and a number that points to the default one.
async fn account(switches: &[(&str, &str)]) -> (Simulator, Plivo) {
    let simulator = simulator(switches, None).await;
    let admin = simulator.admin();
    for (app_id, name) in [("4711", "fallback"), ("4712", "ivr")] {
        let application = json!({"app_id": app_id, "app_name": name, "default_number_app": name == "fallback"});
        admin.create_application(application).await.expect("an application");
    }
    admin.create_number(json!({"number": NUMBER, "app_id": "4711"})).await.expect("a number");
    let client = plivo(&simulator, sandbox::plivo::DEFAULT_AUTH_TOKEN);
    (simulator, client)
}

const SWITCHES: [(&str, &[&str]); 10] = [
    ("no_application_as", &["null", "empty", "absent"]),
    ("number_omitted_app", &["default_app", "unchanged"]),
    ("number_detach", &["none", "default_app"]),
    ("number_alias", &["keep", "lower"]),
    ("app_delete_numbers", &["null", "dangling"]),
    ("unknown_app_id", &["400", "404", "accept"]),
    ("not_found_body", &["json", "empty_object", "html"]),
    ("validation_error_shape", &["field_lists", "string", "nested", "array"]),
    ("list_order", &["newest_first", "oldest_first", "shuffled"]),
    ("list_total", &["exact", "stale"]),
];

/// A number is pointed, called something, unassigned, and looked at in every way; nothing else ever happens to it.
async fn life(switch: &str, value: &str) {
    let (simulator, client) = account(&[(switch, value)]).await;
    let at = |step: &str| format!("{step} with {switch}={value}");
    let get = async |step: &str| done(client.get_number(NUMBER, None).await, &at(step));
    assert_eq!(text(&get("get").await, "app_id"), Some("4711"), "{}", at("get"));

    done(client.update_number(NUMBER, None, &change("4712", Some("Main line"))).await, &at("update"));
    let read = get("get pointed").await;
    let alias = if (switch, value) == ("number_alias", "lower") { "main line" } else { "Main line" };
    assert_eq!((text(&read, "app_id"), text(&read, "alias")), (Some("4712"), Some(alias)), "{}", at("get pointed"));
    // An alias alone does not move the number.
    done(client.update_number(NUMBER, None, &change("4712", Some(""))).await, &at("update alias"));
    assert_eq!((text(&get("get").await, "app_id"), text(&get("get").await, "alias")), (Some("4712"), Some("")), "{}", at("update alias"));

    done(client.update_number(NUMBER, None, &change("", None)).await, &at("unassign"));
    let none = if (switch, value) == ("number_detach", "default_app") { "4711" } else { "" };
    assert_eq!(text(&get("get unassigned").await, "app_id"), Some(none), "{}", at("get unassigned"));

    // Who is answered "not found" cannot tell which of the two is meant, but can read the number.
    let proven = value != "html";
    let unknown = client.update_number(NUMBER, None, &change("4799", None)).await;
    match (switch, value) {
        ("unknown_app_id", "accept") => assert_eq!(unknown, Outcome::Done(())),
        ("unknown_app_id", "404") => assert_eq!(unknown, Outcome::NotFound { proven }),
        _ => assert!(matches!(unknown, Outcome::Refused(Refusal { kind: RefusalKind::Invalid, .. })), "{}: {unknown:?}", at("unknown")),
    }

    let page = done(client.list_numbers(0, 20).await, &at("list"));
    assert_eq!(page.items, [get("get to compare").await], "{}", at("list"));
    let mut names: Vec<String> =
        done(client.list_applications(0, 20).await, &at("applications")).items.into_iter().map(|application| application.name).collect();
    names.sort();
    assert_eq!(names, ["fallback", "ivr"], "{}", at("applications"));

    done(client.update_number(NUMBER, None, &change("4712", None)).await, &at("update"));
    simulator.admin().cascade("4712").await.expect("a deletion");
    let left = if (switch, value) == ("app_delete_numbers", "dangling") { "4712" } else { "" };
    assert_eq!(text(&get("get after the application").await, "app_id"), Some(left), "{}", at("get after the application"));
    let page = done(client.list_applications(0, 20).await, &at("list without it"));
    assert_eq!(page.items, [Application { id: "4711".into(), name: "fallback".into() }], "{}", at("list without it"));

    simulator.admin().delete_number(NUMBER).await.expect("a deletion");
    assert_eq!(client.get_number(NUMBER, None).await, Outcome::NotFound { proven }, "{}", at("get what is gone"));
    assert_eq!(
        client.update_number(NUMBER, None, &change("4711", None)).await,
        Outcome::NotFound { proven },
        "{}",
        at("update what is gone")
    );
    assert_eq!(done(client.list_numbers(0, 20).await, &at("list nothing")).items, []);

    let state = simulator.admin().state().await.expect("a state");
    assert_eq!((&state["numbers_rented"], &state["numbers_released"]), (&json!(0), &json!(0)), "{}", at("never"));
    let ledger = simulator.admin().ledger().await.expect("a ledger");
    assert!(ledger.iter().filter(|entry| entry.actor == "api").all(|entry| entry.op == "update_number"), "{}", at("never"));
    simulator.stop().await;
}

#[tokio::test]
async fn a_number_lives_under_every_switch() {
    for (switch, values) in SWITCHES {
        for value in values {
            life(switch, value).await;
        }
    }
}

#[tokio::test]
async fn a_move_to_a_subaccount_shows_and_one_back_is_not_sent() {
    let (simulator, client) = account(&[]).await;
    let sub = "SASUBACCOUNT00000000";
    let parent = json!({"auth_token": "subaccountsubaccountsubaccountsubaccount", "parent": sandbox::plivo::DEFAULT_AUTH_ID});
    simulator.admin().put_account(sub, parent).await.expect("a subaccount");
    let to = |sub: &str| change("4711", None).into_iter().chain([("subaccount", Value::Text(sub.to_owned()))]).collect::<Fields>();
    done(client.update_number(NUMBER, None, &to(sub)).await, "move");
    assert_eq!(text(&done(client.get_number(NUMBER, None).await, "get"), "subaccount"), Some(sub));
    let sent = simulator.admin().requests().await.expect("requests").len();
    assert!(matches!(client.update_number(NUMBER, None, &to("")).await, Outcome::Refused(Refusal { kind: RefusalKind::Invalid, .. })));
    assert_eq!(simulator.admin().requests().await.expect("requests").len(), sent);
    simulator.stop().await;
}

#[tokio::test]
async fn a_compliance_application_that_may_not_be_changed_is_refused_in_words() {
    let (simulator, client) = account(&[]).await;
    let with = change("4711", None).into_iter().chain([("compliance_application_id", Value::Text("20372631212782797".to_owned()))]);
    let with: Fields = with.collect();
    let outcome = client.update_number(NUMBER, None, &with).await;
    let Outcome::Refused(Refusal { kind: RefusalKind::Invalid, message, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("compliance"), "{message}");
    simulator.admin().patch_number(NUMBER, json!({"compliance_status": "pending"})).await.expect("a status");
    done(client.update_number(NUMBER, None, &with).await, "update");
    assert_eq!(text(&done(client.get_number(NUMBER, None).await, "get"), "compliance_application_id"), Some("20372631212782797"));
    simulator.stop().await;
}
