//! All operations against the Plivo simulator, under every value of every switch that an endpoint can meet.

use std::time::Duration;

use sandbox::plivo::{DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, Options, Simulator};
use switchboard::core::fields::{Fields, Remote, Secret, Value};
use switchboard::core::outcome::{Outcome, Refusal, RefusalKind};
use switchboard::provider::Provider;
use switchboard::provider::plivo::{Credentials, Plivo};
use switchboard::provider::transport::{BaseUrl, TransportOptions};

use crate::{PATIENT, SIP_PASSWORD, USERNAME, desired, install};

const SWITCHES: [(&str, &[&str]); 17] = [
    ("validation_error_shape", &["field_lists", "string", "nested", "array"]),
    ("not_found_body", &["json", "empty_object", "html"]),
    ("delete_body", &["empty", "bytes"]),
    ("username_suffix", &["time12", "digits23"]),
    ("password_in_get", &["unregistered_only", "always", "never"]),
    ("password_in_list", &["never", "unregistered_only", "always"]),
    ("no_application_as", &["null", "empty", "absent"]),
    ("endpoint_omitted_app", &["unchanged", "detach"]),
    ("endpoint_detach", &["detach", "ignore"]),
    ("unknown_app_id", &["400", "404", "accept"]),
    ("unknown_keys", &["reject", "ignore"]),
    ("alias_rule", &["lenient", "strict"]),
    ("username_case", &["keep", "lower"]),
    ("list_order", &["newest_first", "oldest_first", "shuffled"]),
    ("list_over_20", &["clamp", "reject"]),
    ("list_total", &["exact", "stale"]),
    ("missing_slash", &["not_found", "redirect", "accept"]),
];

pub async fn simulator(switches: &[(&str, &str)], rate_limit: Option<(u32, Duration)>) -> Simulator {
    install();
    let switches = switches.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Simulator::start(Options { switches, rate_limit, ..Options::default() }).await.expect("a simulator")
}

pub fn plivo(simulator: &Simulator, token: &str) -> Plivo {
    let credentials = Credentials { auth_id: DEFAULT_AUTH_ID.to_owned(), auth_token: Secret::new(token.to_owned()) };
    let options = TransportOptions { deadlines: PATIENT, extra_roots: None };
    Plivo::new(&BaseUrl::parse(simulator.url()).expect("a base URL"), credentials, &options).expect("a client")
}

pub fn done<T: std::fmt::Debug>(outcome: Outcome<T>, what: &str) -> T {
    match outcome {
        Outcome::Done(value) => value,
        other => panic!("{what}: {other:?}"),
    }
}

fn alias(remote: &Remote) -> Option<&str> {
    remote.fields.get("alias").and_then(Value::text)
}

/// An endpoint from create to delete; the ledger says what was executed.
async fn life(switches: &[(&str, &str)]) {
    let simulator = simulator(switches, None).await;
    let client = plivo(&simulator, DEFAULT_AUTH_TOKEN);
    let at = |step: &str| format!("{step} with {switches:?}");
    assert_eq!(done(client.identify().await, &at("identify")), DEFAULT_AUTH_ID);

    let created = done(client.endpoints().create(USERNAME, &desired()).await, &at("create"));
    let remote = done(client.endpoints().get(&created.id).await, &at("get"));
    assert_eq!((&remote.id, &remote.username), (&created.id, &created.username));
    assert_eq!((alias(&remote), remote.fields["app_id"].text()), (Some("alice-desk"), Some("")), "{}", at("get"));
    assert_ne!(client.password_matches(&remote, &Secret::new(SIP_PASSWORD.to_owned())), Some(false), "{}", at("get"));
    assert_ne!(client.password_matches(&remote, &Secret::new("another1".to_owned())), Some(true), "{}", at("get"));

    let page = done(client.endpoints().list(0, 20).await, &at("list"));
    assert_eq!(page.items.iter().map(|remote| &remote.id).collect::<Vec<_>>(), [&created.id], "{}", at("list"));

    let change = Fields::from([("alias", Value::Text("alice-home".to_owned())), ("app_id", Value::Text(String::new()))]);
    done(client.endpoints().update(&created.id, &change).await, &at("update"));
    assert_eq!(alias(&done(client.endpoints().get(&created.id).await, &at("get again"))), Some("alice-home"));

    done(client.endpoints().delete(&created.id).await, &at("delete"));
    let proven = !switches.contains(&("not_found_body", "html"));
    assert_eq!(client.endpoints().delete(&created.id).await, Outcome::NotFound { proven }, "{}", at("delete again"));
    assert_eq!(client.endpoints().get(&created.id).await, Outcome::NotFound { proven }, "{}", at("get after delete"));
    assert_eq!(client.endpoints().update(&created.id, &change).await, Outcome::NotFound { proven }, "{}", at("update after delete"));
    assert_eq!(done(client.endpoints().list(0, 20).await, &at("list after delete")).items, []);

    let ledger = simulator.admin().ledger().await.expect("a ledger");
    let executed: Vec<&str> = ledger.iter().map(|entry| entry.op.as_str()).collect();
    assert_eq!(executed, ["create_endpoint", "update_endpoint", "delete_endpoint"], "{switches:?}");
    simulator.stop().await;
}

#[tokio::test]
async fn an_endpoint_lives_under_every_switch() {
    life(&[]).await;
    for (name, values) in SWITCHES {
        for value in values {
            life(&[(name, value)]).await;
        }
    }
}

#[tokio::test]
async fn a_refusal_is_told_by_the_simulator_in_every_shape() {
    for shape in SWITCHES[0].1 {
        let simulator = simulator(&[("validation_error_shape", shape)], None).await;
        let client = plivo(&simulator, DEFAULT_AUTH_TOKEN);
        let outcome = client.endpoints().create("1starts-with-a-digit", &desired()).await;
        let Outcome::Refused(Refusal { kind: RefusalKind::Invalid, message, .. }) = outcome else { panic!("{shape}: {outcome:?}") };
        assert!(message.starts_with("Plivo answered 400: ") && message.contains("username"), "{shape}: {message}");
        assert_eq!(simulator.admin().ledger().await.expect("a ledger"), []);
    }
}

#[tokio::test]
async fn wrong_credentials_are_refused_whatever_the_body() {
    for body in ["text", "html", "json", "empty"] {
        let simulator = simulator(&[("auth_error_body", body)], None).await;
        let client = plivo(&simulator, "sandboxsandboxsandboxsandboxsandboxwrong");
        let outcome = client.endpoints().create(USERNAME, &desired()).await;
        assert!(matches!(outcome, Outcome::Refused(Refusal { kind: RefusalKind::Credentials, .. })), "{body}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_rate_limit_is_throttled_whatever_the_body() {
    for body in ["json", "text", "html", "empty"] {
        for (header, expected) in [("none", false), ("seconds", true), ("date", true)] {
            // One call in an hour, so that the second is above it on any machine.
            let limit = Some((1, Duration::from_secs(3600)));
            let simulator = simulator(&[("rate_body", body), ("retry_after", header)], limit).await;
            let client = plivo(&simulator, DEFAULT_AUTH_TOKEN);
            done(client.identify().await, "the first call");
            let outcome = client.endpoints().create(USERNAME, &desired()).await;
            let Outcome::Refused(Refusal { kind: RefusalKind::Throttled, retry_after, .. }) = outcome else {
                panic!("{body}: {outcome:?}")
            };
            assert_eq!(retry_after.is_some(), expected, "{body}, {header}");
            assert!(retry_after.is_none_or(|wait| wait <= Duration::from_secs(300)), "{retry_after:?}");
        }
    }
}

#[tokio::test]
async fn a_provider_that_cannot_detach_says_so() {
    let simulator = simulator(&[("endpoint_detach", "reject")], None).await;
    let client = plivo(&simulator, DEFAULT_AUTH_TOKEN);
    let mut fields = desired();
    fields.remove("app_id");
    let created = done(client.endpoints().create(USERNAME, &fields).await, "create");
    let outcome = client.endpoints().update(&created.id, &desired()).await;
    assert!(matches!(outcome, Outcome::Refused(Refusal { kind: RefusalKind::Invalid, .. })), "{outcome:?}");
}
