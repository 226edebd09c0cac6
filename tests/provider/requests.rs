//! What is sent: only what the contract knows, to where it says.

use serde_json::{Value as Json, json};
use switchboard::core::fields::{Fields, PASSWORD, Secret, Value};
use switchboard::core::outcome::{Outcome, RefusalKind};
use switchboard::provider::Provider;
use switchboard::provider::plivo::{Credentials, Plivo};
use switchboard::provider::transport::{BaseUrl, TransportOptions, Unusable};

use crate::script::{Act, Server, http};
use crate::secrets::base64;
use crate::{AUTH_ID, ID, Op, PATIENT, SIP_PASSWORD, TOKEN, USERNAME, client, desired, install, pointed, run};

#[tokio::test]
async fn each_operation_sends_the_request_of_the_contract() {
    let body = json!({"username": USERNAME, "alias": "alice-desk", "app_id": "", "password": SIP_PASSWORD});
    let update = json!({"alias": "alice-desk", "app_id": "", "password": SIP_PASSWORD});
    let number = json!({"alias": "Main line", "app_id": "379619814477342321"});
    let account = format!("/v1/Account/{AUTH_ID}/");
    let expected = [
        (Op::Identify, format!("GET {account}"), None),
        (Op::Create, format!("POST {account}Endpoint/"), Some(body)),
        (Op::Get, format!("GET {account}Endpoint/{ID}/"), None),
        (Op::List, format!("GET {account}Endpoint/?limit=20&offset=0"), None),
        (Op::Update, format!("POST {account}Endpoint/{ID}/"), Some(update)),
        (Op::Delete, format!("DELETE {account}Endpoint/{ID}/"), None),
        (Op::GetNumber, format!("GET {account}Number/{ID}/"), None),
        (Op::ListNumbers, format!("GET {account}Number/?limit=20&offset=0"), None),
        (Op::ListApplications, format!("GET {account}Application/?limit=20&offset=0"), None),
        (Op::UpdateNumber, format!("POST {account}Number/{ID}/"), Some(number)),
    ];
    assert_eq!(expected.iter().map(|(op, ..)| *op).collect::<Vec<_>>(), crate::OPS);
    for (op, line, body) in expected {
        let server = Server::start(|_| Act::Say(http(500, "", ""))).await;
        run(&client(&server.url(), PATIENT), op).await;
        let requests = server.requests();
        assert_eq!(requests.len(), 1, "{op:?}");
        let seen = &requests[0];
        assert_eq!(seen.line(), line);
        let sent = (!seen.body.is_empty()).then(|| serde_json::from_str::<Json>(&seen.body).expect("JSON"));
        assert_eq!(sent, body, "{op:?}");
        assert_eq!(seen.header("content-type"), body.map(|_| "application/json"), "{op:?}");
        let basic = format!("Basic {}", base64(format!("{AUTH_ID}:{TOKEN}").as_bytes()));
        assert_eq!(seen.header("authorization"), Some(basic.as_str()), "{op:?}");
        assert_eq!(seen.header("accept-encoding"), None, "an answer is never unpacked, so it is not asked for packed");
    }
}

#[tokio::test]
async fn only_the_given_fields_are_sent_and_none_is_the_empty_text() {
    let text = |text: &str| Value::Text(text.to_owned());
    let table = [
        (Fields::from([("app_id", text(""))]), json!({"app_id": ""})),
        (
            Fields::from([("app_id", text("379619814477342321")), ("alias", text("a"))]),
            json!({"app_id": "379619814477342321", "alias": "a"}),
        ),
        (
            Fields::from([("app_id", text("1")), (PASSWORD, Value::Secret(Secret::new("with \"quotes\"".into())))]),
            json!({"app_id": "1", "password": "with \"quotes\""}),
        ),
    ];
    for (change, expected) in table {
        let server = Server::start(|_| Act::Say(http(202, "", r#"{"message": "changed"}"#))).await;
        assert_eq!(client(&server.url(), PATIENT).endpoints().update(ID, &change).await, Outcome::Done(None));
        let body: Json = serde_json::from_str(&server.requests()[0].body).expect("JSON");
        assert_eq!(body, expected);
    }
}

#[tokio::test]
async fn an_update_of_a_number_names_its_application_always_and_nothing_that_is_not_given() {
    let text = |text: &str| Value::Text(text.to_owned());
    let table = [
        (Fields::from([("app_id", text(""))]), json!({"app_id": ""})),
        (Fields::from([("app_id", text("1")), ("alias", text(""))]), json!({"app_id": "1", "alias": ""})),
        (
            Fields::from([
                ("app_id", text("379619814477342321")),
                ("alias", text("Main \"line\"")),
                ("subaccount", text("SAXXXXXXXXXXXXXXXXXX")),
                ("compliance_application_id", text("20372631212782797")),
            ]),
            json!({
                "app_id": "379619814477342321", "alias": "Main \"line\"", "subaccount": "SAXXXXXXXXXXXXXXXXXX",
                "compliance_application_id": "20372631212782797",
            }),
        ),
    ];
    for (change, expected) in table {
        let server = Server::start(|_| Act::Say(http(202, "", r#"{"message": "changed"}"#))).await;
        assert_eq!(client(&server.url(), PATIENT).update_number(ID, None, &change).await, Outcome::Done(()));
        let body: Json = serde_json::from_str(&server.requests()[0].body).expect("JSON");
        assert_eq!(body, expected);
    }
}

#[tokio::test]
async fn what_must_not_be_sent_is_refused_before_anything_is_sent() {
    let server = Server::start(|_| Act::Say(http(500, "", ""))).await;
    let client = client(&server.url(), PATIENT);
    let text = |text: &str| Value::Text(text.to_owned());
    let mut kinds = Vec::new();
    fn kind<T>(outcome: Outcome<T>) -> Option<RefusalKind> {
        match outcome {
            Outcome::Refused(refusal) => Some(refusal.kind),
            _ => None,
        }
    }
    let long = "1".repeat(65);
    for id in ["", ".", "..", "../Account", "a/b", "1?cascade=true", "1%2f2", "1\n", "ü", &long] {
        kinds.push((id, kind(client.endpoints().get(id).await)));
        kinds.push((id, kind(client.endpoints().update(id, &desired()).await)));
        kinds.push((id, kind(client.endpoints().delete(id).await)));
    }
    for number in ["", "+14155550100", "1415-555", "1/2", "..", "1?x=1", "14155550100\n", "１", &long] {
        kinds.push((number, kind(client.get_number(number, None).await)));
        kinds.push((number, kind(client.update_number(number, None, &pointed()).await)));
    }
    let app_id = || ("app_id", text(""));
    for change in [
        Fields::new(),
        Fields::from([("alias", text("a")), ("subaccount", text("SAXXXXXXXXXXXXXXXXXX"))]),
        Fields::from([app_id(), ("subaccount", text(""))]),
        Fields::from([app_id(), ("compliance_application_id", text(""))]),
        Fields::from([app_id(), ("sub_account", text("SAXXXXXXXXXXXXXXXXXX"))]),
        Fields::from([app_id(), ("callback_url", text("http://evil.example"))]),
        Fields::from([("app_id", Value::Secret(Secret::new("1".into())))]),
    ] {
        kinds.push(("update number", kind(client.update_number(ID, None, &change).await)));
    }
    let without_app_id = Fields::from([("alias", text("a"))]);
    let unknown = Fields::from([("app_id", text("")), ("callback_url", text("http://evil.example"))]);
    let plain_password = Fields::from([("app_id", text("")), (PASSWORD, text("hunter22"))]);
    for change in [&without_app_id, &unknown, &plain_password] {
        kinds.push(("update", kind(client.endpoints().update(ID, change).await)));
    }
    for change in [&unknown, &plain_password] {
        kinds.push(("create", kind(client.endpoints().create(USERNAME, change).await)));
    }
    for limit in [0, 21, u64::MAX] {
        kinds.push(("list", kind(client.endpoints().list(0, limit).await)));
        kinds.push(("list numbers", kind(client.list_numbers(0, limit).await)));
        kinds.push(("list applications", kind(client.list_applications(0, limit).await)));
    }
    for (what, kind) in kinds {
        assert_eq!(kind, Some(RefusalKind::Invalid), "{what:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn an_account_id_that_would_change_the_path_makes_no_client() {
    install();
    let base = BaseUrl::parse("http://127.0.0.1:9").expect("a base URL");
    for auth_id in ["", "..", "MA/..", "MA?x"] {
        let credentials = Credentials { auth_id: auth_id.to_owned(), auth_token: Secret::new(TOKEN.to_owned()) };
        let client = Plivo::new(&base, credentials, &TransportOptions::default());
        assert!(matches!(client.err(), Some(Unusable::AccountId)), "{auth_id:?}");
    }
}

#[test]
fn a_ca_file_without_a_certificate_is_an_error() {
    install();
    let base = BaseUrl::parse("http://127.0.0.1:9").expect("a base URL");
    for pem in [&b""[..], b"not PEM", b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        let credentials = Credentials { auth_id: AUTH_ID.to_owned(), auth_token: Secret::new(TOKEN.to_owned()) };
        let options = TransportOptions { extra_roots: Some(pem.to_vec()), ..TransportOptions::default() };
        assert!(matches!(Plivo::new(&base, credentials, &options).err(), Some(Unusable::ExtraRoots)));
    }
}

#[test]
fn capabilities_are_those_of_the_contract() {
    let capabilities = client("http://127.0.0.1:9", PATIENT).capabilities();
    assert_eq!(
        (capabilities.provider, capabilities.page_size, capabilities.default_budget),
        (switchboard::api::ProviderKind::Plivo, 20, 150)
    );
    assert_eq!(capabilities.group("alias").map(|group| group.carried), Some(&["app_id"][..]));
}
