//! Recorded bodies, read by the wire types and by the client; none of their secrets can be printed.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;

use serde_json::Value as Json;
use switchboard::core::fields::{Remote, Secret, Value};
use switchboard::core::outcome::Outcome;
use switchboard::provider::Provider;
use switchboard::provider::plivo::{fields, wire};

use crate::script::{Act, JSON, Server, http};
use crate::{PATIENT, client};

pub fn recorded() -> BTreeMap<String, String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/plivo");
    let files = std::fs::read_dir(folder).expect("fixtures").map(|file| file.expect("a file").path());
    files
        .map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), std::fs::read_to_string(path).expect("text")))
        .collect()
}

pub fn body(name: &str) -> Json {
    serde_json::from_str(&recorded()[name]).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The values of every member that must not be printed.
fn secrets(body: &Json) -> Vec<String> {
    const NAMES: [&str; 4] = ["password", "auth_token", "new_auth_token", "sip_contact"];
    match body {
        Json::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match (NAMES.contains(&name.as_str()), value) {
                (true, Json::String(text)) => vec![text.clone()],
                _ => secrets(value),
            })
            .collect(),
        Json::Array(items) => items.iter().flat_map(secrets).collect(),
        _ => Vec::new(),
    }
}

/// Reads every object of a body, checks its key and prints it.
fn printed<'a, T: serde::Deserialize<'a> + Debug>(name: &str, body: &'a Json, key: fn(&T) -> Option<&String>) -> Vec<String> {
    let objects = match wire::List::read(body) {
        Some(list) => list.objects.iter().collect(),
        None => vec![body],
    };
    let read = objects.into_iter().map(|object| {
        let read = wire::read::<T>(object).unwrap_or_else(|| panic!("{name}: {object}"));
        assert!(key(&read).is_some(), "{name}: no key in {object}");
        format!("{read:?}")
    });
    read.collect()
}

#[test]
fn every_recorded_body_is_read_and_prints_no_secret() {
    let mut objects = 0;
    for (name, text) in recorded() {
        let Ok(body) = serde_json::from_str::<Json>(&text) else {
            assert_eq!(name, "error.401.plain.txt", "the only one that is not JSON");
            continue;
        };
        let parts: Vec<&str> = name.split('.').collect();
        let printed = match parts[..3] {
            [_, _, "404"] | ["error", ..] => {
                assert!(wire::error_text(&body).is_some_and(|text| !text.is_empty()), "{name}");
                continue;
            }
            [_, "update" | "add-own", "202"] | ["async", ..] => {
                let message = wire::read::<wire::Message>(&body).and_then(|body| body.message);
                assert!(message.is_some_and(|message| !message.is_empty()), "{name}");
                continue;
            }
            ["endpoint", ..] => printed::<wire::Endpoint>(&name, &body, |endpoint| endpoint.endpoint_id.as_ref()),
            ["number", ..] => printed::<wire::Number>(&name, &body, |number| number.number.as_ref()),
            ["application", ..] => printed::<wire::Application>(&name, &body, |application| application.app_id.as_ref()),
            ["account" | "subaccount", ..] => printed::<wire::Account>(&name, &body, |account| account.auth_id.as_ref()),
            _ => panic!("{name} is read by nobody"),
        };
        objects += printed.len();
        for secret in secrets(&body) {
            assert!(printed.iter().all(|text| !text.contains(&secret)), "{name} prints {secret}");
        }
    }
    assert!(objects > 50, "{objects} objects");
}

#[test]
fn every_recorded_endpoint_is_a_remote_and_prints_no_secret() {
    let mut hashes = 0;
    for name in [
        "endpoint.get.200.2014.json",
        "endpoint.get.200.registered.json",
        "endpoint.get.200.unregistered.json",
        "endpoint.list.200.go.json",
        "endpoint.list.200.python.json",
    ] {
        let body = body(name);
        let objects = wire::List::read(&body).map_or(vec![&body], |list| list.objects.iter().collect());
        for object in objects {
            let remote = wire::read(object).and_then(fields::remote).unwrap_or_else(|| panic!("{name}: {object}"));
            assert_eq!(object["endpoint_id"].as_str(), Some(remote.id.as_str()), "{name}");
            assert_eq!(object["username"].as_str(), Some(remote.username.as_str()), "{name}");
            assert_eq!(object["sip_uri"].as_str(), remote.sip_uri.as_deref(), "{name}");
            assert_eq!(object["alias"].as_str(), remote.fields["alias"].text(), "{name}");
            let application = object["application"].as_str().expect("an application");
            let app_id = remote.fields["app_id"].text().expect("text");
            assert!(!app_id.is_empty() && application.ends_with(&format!("/{app_id}/")), "{name}: {app_id} of {application}");
            let registered = object["sip_registered"] == "true";
            assert_eq!(remote.registration.as_ref().map(|registration| registration.registered), Some(registered), "{name}");
            assert_eq!(remote.password_digest.is_some(), object.get("password").is_some(), "{name}");
            hashes += usize::from(remote.password_digest.is_some());
            let text = format!("{remote:?}");
            for secret in secrets(object) {
                assert!(!text.contains(&secret), "{name} prints {secret}");
            }
        }
    }
    assert!(hashes >= 2, "{hashes} hashes");
}

fn remote(object: &Json) -> Remote {
    wire::read(object).and_then(fields::remote).expect("a remote")
}

#[test]
fn a_password_is_compared_by_its_hash_or_not_at_all() {
    let client = client("http://127.0.0.1:9", PATIENT);
    let matches = |name: &str, password: &str| client.password_matches(&remote(&body(name)), &Secret::new(password.to_owned()));
    assert_eq!(matches("endpoint.get.200.2014.json", "test123"), Some(true));
    assert_eq!(matches("endpoint.get.200.2014.json", "test124"), Some(false));
    assert_eq!(matches("endpoint.get.200.registered.json", "test123"), None);
    for (password, expected) in [
        (serde_json::json!("CC03E747A6AFBBCBF8BE7668ACFEBEE5"), Some(true)),
        (serde_json::json!("********************************"), None),
        (serde_json::json!("cc03e747"), None),
        (serde_json::json!(""), None),
        (serde_json::json!(null), None),
        (serde_json::json!(17), None),
    ] {
        let mut object = body("endpoint.get.200.2014.json");
        object["password"] = password.clone();
        let found = client.password_matches(&remote(&object), &Secret::new("test123".to_owned()));
        assert_eq!(found, expected, "{password}");
    }
}

#[test]
fn app_id_is_the_last_segment_and_nothing_is_the_empty_text() {
    let table = [
        (Some(serde_json::json!("/v1/Account/MA1/Application/379619814477342321/")), "379619814477342321"),
        (Some(serde_json::json!("/v1/Account/MA1/Application/379619814477342321")), "379619814477342321"),
        (Some(serde_json::json!("/v1/Account/MA1/Phlo/2c1e2c30-12a3-4d4e-8f0a-2d3e4f5a6b7c/")), "2c1e2c30-12a3-4d4e-8f0a-2d3e4f5a6b7c"),
        (Some(serde_json::json!("16632742496743552")), "16632742496743552"),
        (Some(serde_json::json!("//")), ""),
        (Some(serde_json::json!("")), ""),
        (Some(Json::Null), ""),
        (None, ""),
    ];
    for (application, expected) in table {
        let mut object = serde_json::json!({"endpoint_id": 1, "username": "alice1", "alias": null});
        if let Some(application) = &application {
            object["application"] = application.clone();
        }
        let remote = remote(&object);
        assert_eq!(remote.fields["app_id"], Value::Text(expected.to_owned()), "{application:?}");
        assert_eq!(remote.fields["alias"], Value::Text(String::new()));
        assert_eq!(remote.registration, None);
    }
    let bare = remote(&serde_json::json!({"endpoint_id": "1", "username": "alice1"}));
    assert!(!bare.fields.contains_key("alias"), "a missing alias is not an empty one");
}

#[tokio::test]
async fn recorded_bodies_come_through_the_client() {
    let recorded = recorded();
    let server = Server::start(move |seen| {
        let name = match seen.line() {
            line if line.contains("/Endpoint/32866729519064/") => "endpoint.get.200.registered.json",
            line if line.contains("?limit=") => "endpoint.list.200.go.json",
            line if line.ends_with("/Endpoint/") => "endpoint.create.201.json",
            line if line.starts_with("POST") => "endpoint.update.202.python.json",
            _ => "account.get.200.go.json",
        };
        let status = name.split('.').nth(2).and_then(|status| status.parse().ok()).expect("a status");
        Act::Say(http(status, JSON, &recorded[name]))
    })
    .await;
    let client = client(&server.url(), PATIENT);
    assert_eq!(client.identify().await, Outcome::Done("MAXXXXXXXXXXXXXXXXXX".to_owned()));
    let Outcome::Done(created) = client.endpoints().create("zumba", &crate::desired()).await else { panic!("not created") };
    assert_eq!((created.id.as_str(), created.username.as_str()), ("37371860103666", "zumba131031145958"));
    let Outcome::Done(remote) = client.endpoints().get("32866729519064").await else { panic!("not read") };
    let registration = remote.registration.expect("a registration");
    assert!(registration.registered);
    assert_eq!(registration.contact.as_deref(), Some("sip:callme140703093224@122.172.71.207:57563;ob"));
    assert_eq!(registration.expires.as_deref(), Some("2014-07-21 19:26:08"));
    assert_eq!(registration.user_agent.as_deref(), Some("Telephone 1.1.4"));
    let Outcome::Done(page) = client.endpoints().list(0, 20).await else { panic!("not listed") };
    assert_eq!((page.items.len(), page.total), (2, Some(11)));
    assert_eq!(client.endpoints().update("1", &crate::desired()).await, Outcome::Done(None));
}
