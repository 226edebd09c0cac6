//! What is imported changes nothing: what a manifest wants has no difference to what it was written from, whatever the provider shows.

use sandbox::carrierx::{DEFAULT_TOKEN, Options, PARTNER_SID};
use sandbox::plivo::DEFAULT_AUTH_TOKEN;
use serde_json::{Value as Json, json};
use switchboard::api::refs::{AccountRef, ProviderKind};
use switchboard::core::binding::view as binding;
use switchboard::core::fields::{Fields, Number, Remote, Role, Secret, diff};
use switchboard::core::view::Desired;
use switchboard::provider::carrierx::{CarrierX, Credentials};
use switchboard::provider::manifest::{self, Written};
use switchboard::provider::read_only::{ReadOnly, Tally};
use switchboard::provider::transport::{BaseUrl, TransportOptions};
use switchboard::provider::{self, Provider, Target};

use crate::carrierx::mark;
use crate::simulator::{done, plivo, simulator};
use crate::{PATIENT, carrierx_fixtures, fixtures, install};

fn account() -> AccountRef {
    AccountRef { name: "main".to_owned(), ..AccountRef::default() }
}

/// How many of these have a manifest that changes nothing, and how many values are left out.
fn lawful(kind: ProviderKind, remotes: &[Remote]) -> (usize, usize) {
    let (mut written, mut left) = (0, 0);
    for remote in remotes {
        let Ok(Written { spec, left: values, .. }) = manifest::endpoint(kind, remote, account(), None) else { continue };
        match provider::desired(&spec, None, "imported", &mark(), Ok(None), None) {
            Desired::Wanted(wanted) => {
                assert_eq!(diff(&wanted.fields, &remote.fields), [], "{remote:?}");
                assert!(wanted.password.is_none() && provider::secrets(&spec).is_empty(), "no secret is named");
            }
            other => panic!("{remote:?}: {other:?}"),
        }
        written += 1;
        left += values.len();
    }
    (written, left)
}

fn lawful_numbers(kind: ProviderKind, numbers: &[Number]) -> usize {
    let mut written = 0;
    for number in numbers {
        let Ok(Written { spec, .. }) = manifest::number(kind, number, account()) else { continue };
        let Ok(Target::Id(id)) = provider::target(kind, &spec) else { panic!("{spec:?}") };
        match provider::binding_desired(kind, &spec, Ok(id.to_owned())) {
            binding::Desired::Wanted(wanted) => assert_eq!(diff(&wanted, &number.fields), [], "{number:?}"),
            other => panic!("{number:?}: {other:?}"),
        }
        assert_eq!(provider::number(&spec), number.number);
        written += 1;
    }
    written
}

#[tokio::test]
async fn manifests_of_what_plivo_shows_change_nothing_whatever_its_switches() {
    for switches in [&[][..], &[("no_application_as", "absent")], &[("no_application_as", "empty"), ("password_in_list", "always")]] {
        let simulator = simulator(switches, None).await;
        let admin = simulator.admin();
        let app = admin.create_application(json!({"app_name": "ivr", "answer_url": "https://example.com"})).await.expect("an application");
        let app = app["app_id"].as_str().expect("an id").to_owned();
        let long = "x".repeat(80);
        for alias in ["desk", "on", "1_000", "Empfang Süd", "受付", " ", "a\nb", "null", &long] {
            admin.create_endpoint(json!({"username": "alice", "alias": alias, "app_id": app})).await.expect("an endpoint");
            admin.create_endpoint(json!({"username": "alice", "alias": alias})).await.expect("an endpoint");
        }
        for (n, alias) in ["Main line", "", "x\u{85}y", "\"quoted\": #", &"é".repeat(101)].into_iter().enumerate() {
            let number = |n: usize| format!("1415555{n:04}");
            admin.create_number(json!({"number": number(n), "alias": alias, "app_id": app})).await.expect("a number");
            admin.create_number(json!({"number": number(100 + n), "alias": alias})).await.expect("a number");
        }
        let client = plivo(&simulator, DEFAULT_AUTH_TOKEN);
        let remotes = done(client.endpoints().list(0, 20).await, "list").items;
        assert_eq!(lawful(ProviderKind::Plivo, &remotes), (18, 10), "{switches:?}");
        let numbers = done(client.list_numbers(0, 20).await, "list").items;
        assert_eq!(lawful_numbers(ProviderKind::Plivo, &numbers), 10, "{switches:?}");
    }
}

/// Endpoints of every type, plain and odd.
fn odd() -> Vec<Json> {
    let hosted = ["conference", "conference_v2", "conference_playback", "flexml", "mediator"];
    let hosted =
        hosted.map(|of| json!({"name": format!("My {of}"), "type": of, "capacity": 7, "properties": {"login": "x", "password": "y"}}));
    let mut all = hosted.to_vec();
    all.extend([
        json!({"name": "box", "type": "voicemail", "properties": {"greeting": "Grüß Gott", "callback_method": "POST", "callback_url": "https://example.com/v"}}),
        json!({"name": "odd box", "type": "voicemail", "properties": {"greeting": "a\nb", "callback_method": "PUT", "callback_url": "ftp://x", "container_sid": "null"}}),
        json!({"name": "plain", "type": "third_party"}),
        json!({"name": "PBX Süd", "type": "third_party", "addresses": [{"ip": "PBX.example", "port": 5061, "transport": "tls", "srtp": true}, {"ip": "192.0.2.1", "priority": 3}],
            "capacity": 10, "out_sip_username": "trunk", "out_sip_password": "canary", "attributes": {"theirs": "x"}, "auth_required": true}),
        json!({"name": "logs in", "type": "third_party", "addresses": [{"ip": "192.0.2.2", "sip_username": "canary", "sip_password": "canary"}]}),
        json!({"name": "changes", "type": "third_party", "addresses": [{"ip": "192.0.2.3", "direction": "inbound", "dst_port": 5070, "location_sid": "l-1"}],
            "transformations": [{"b": 1, "a": {"d": []}}, {}]}),
        json!({"name": "changes alone", "type": "third_party", "transformations": [{"a": true}]}),
        json!({"name": "fractions", "type": "third_party", "transformations": [{"a": 1.5}]}),
        json!({"name": "nulls", "type": "third_party", "transformations": [{"a": null}]}),
        json!({"name": "twins", "type": "third_party", "addresses": [{"ip": "a.example"}, {"ip": "A.example", "srtp": true}]}),
        json!({"name": "open", "type": "third_party", "auth_required": false, "addresses": [{"ip": "2001:db8::1"}]}),
        json!({"name": "robot", "type": "robot"}),
        json!({"name": "odd address", "type": "third_party", "addresses": [{"ip": "under_score"}]}),
    ]);
    all
}

#[tokio::test]
async fn manifests_of_what_carrierx_shows_change_nothing_whatever_its_switches() {
    install();
    let rows: [&[(&str, &str)]; 6] = [
        &[],
        &[("object_age", "older")],
        &[("fqdn", "resolve")],
        &[("attributes_shape", "list"), ("password_echo", "masked")],
        &[("password_echo", "null")],
        &[("list_total", "null")],
    ];
    for switches in rows {
        let given = switches.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let simulator = sandbox::carrierx::Simulator::start(Options { switches: given, ..Options::default() }).await.expect("a simulator");
        let admin = simulator.admin();
        for endpoint in odd() {
            admin.create_endpoint(endpoint.clone()).await.unwrap_or_else(|error| panic!("{endpoint}: {error:#}"));
        }
        let group = admin.create_trunk_group(json!({"name": "theirs"})).await.expect("a group")["trunk_group_sid"].clone();
        admin.create_did(json!({"phonenumber": "15162065574", "trunk_group_sid": group, "name": "Empfang"})).await.expect("a number");
        admin.create_did(json!({"phonenumber": "15162065575", "trunk_group_sid": group})).await.expect("a number");
        admin.create_did(json!({"phonenumber": "15162065576"})).await.expect("a number");
        let credentials = Credentials { token: Secret::new(DEFAULT_TOKEN.to_owned()), partner_sid: Some(PARTNER_SID.to_owned()) };
        let options = TransportOptions { deadlines: PATIENT, extra_roots: None };
        let client = CarrierX::new(&BaseUrl::parse(simulator.url()).expect("a base URL"), credentials, &options).expect("a client");
        let remotes = done(client.endpoints().list(0, 1000).await, "list").items;
        let (written, left) = lawful(ProviderKind::CarrierX, &remotes);
        assert_eq!(written, odd().len() - 1, "{switches:?}: all but the robot and the gateway");
        assert!(left >= 5, "{switches:?}: {left}");
        let numbers = done(client.list_numbers(0, 1000).await, "list").items;
        assert_eq!(lawful_numbers(ProviderKind::CarrierX, &numbers), 2, "{switches:?}");
    }
}

#[tokio::test]
async fn manifests_of_recorded_answers_change_nothing() {
    let mut written = 0;
    for (name, body) in fixtures::recorded().into_iter().filter(|(name, _)| name.contains(".get.200") || name.contains(".list.200")) {
        let Ok(body) = serde_json::from_str::<Json>(&body) else { continue };
        let objects = body["objects"].as_array().cloned().unwrap_or_else(|| vec![body]);
        for object in objects {
            use switchboard::provider::plivo::{fields, wire};
            if name.starts_with("endpoint.") {
                let remote = wire::read(&object).and_then(fields::remote).unwrap_or_else(|| panic!("{name}"));
                written += lawful(ProviderKind::Plivo, &[remote]).0;
            } else if name.starts_with("number.") {
                let number = wire::read(&object).and_then(fields::number).unwrap_or_else(|| panic!("{name}"));
                lawful_numbers(ProviderKind::Plivo, &[number]);
            }
        }
    }
    assert!(written > 3, "{written}");
    let shown = carrierx_fixtures::remotes().await;
    let own = shown.iter().filter(|remote| remote.role == Role::Own).count();
    assert!(own > 3, "{own}");
    assert_eq!(lawful(ProviderKind::CarrierX, &shown).0, own);
}

/// Whatever is asked of it, nothing but reads is sent.
#[tokio::test]
async fn a_provider_that_only_reads_changes_nothing_and_counts_what_it_reads() {
    let simulator = simulator(&[], None).await;
    let admin = simulator.admin();
    let endpoint = admin.create_endpoint(json!({"username": "alice", "alias": "desk"})).await.expect("an endpoint");
    let id = endpoint["endpoint_id"].as_str().expect("an id");
    admin.create_number(json!({"number": "14155550100"})).await.expect("a number");
    let tally = std::sync::Arc::new(Tally::default());
    let only = ReadOnly::new(std::sync::Arc::new(plivo(&simulator, DEFAULT_AUTH_TOKEN)), std::sync::Arc::clone(&tally));
    let fields = Fields::from([("alias", switchboard::core::fields::Value::Text("other".to_owned()))]);
    let sent = || async { admin.requests().await.expect("the requests").len() };
    for outcome in [
        format!("{:?}", only.endpoints().create("bob", &fields).await),
        format!("{:?}", only.endpoints().update(id, &fields).await),
        format!("{:?}", only.endpoints().delete(id).await),
        format!("{:?}", only.update_number("14155550100", None, &fields).await),
    ] {
        assert!(outcome.contains("nothing was sent"), "{outcome}");
    }
    assert_eq!((sent().await, tally.calls()), (0, 0));
    done(only.identify().await, "identify");
    done(only.endpoints().get(id).await, "get");
    done(only.endpoints().list(0, 20).await, "list");
    done(only.list_numbers(0, 20).await, "numbers");
    done(only.list_applications(0, 20).await, "applications");
    assert_eq!((sent().await, tally.calls(), tally.endpoints.now(), tally.numbers.now()), (5, 5, (1, Some(1)), (1, Some(1))));
    assert_eq!(tally.failures().0, 0);
    only.endpoints().get("1").await;
    assert_eq!(tally.failures().0, 1);
    assert!(admin.ledger().await.expect("the ledger").iter().all(|entry| entry.actor == "console"));
}
