//! No token, no password and no login of CarrierX, in no form, in anything that can be printed.

use md5::{Digest, Md5};
use serde_json::{Value as Json, json};
use switchboard::provider::Provider;

use crate::PATIENT;
use crate::carrierx::{
    OPS, OUT_PASSWORD, Op, SID, SIP_PASSWORD, SIP_USERNAME, TOKEN, client, did, endpoint, group, list, mark, run, trunk,
};
use crate::script::{Act, Seen, Server, json as answer};
use crate::secrets::{base64, log};

/// What only the provider knows, and shows with every endpoint.
const THEIRS: [&str; 3] = ["canaryVoiptoken45", "canaryLogin46", "canaryProperty47"];

fn forms() -> Vec<String> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let of = |secret: &&str| {
        let bytes = secret.as_bytes();
        [
            (*secret).to_owned(),
            base64(bytes).trim_end_matches('=').to_owned(),
            hex(bytes),
            secret.chars().rev().collect(),
            hex(&Md5::digest(bytes)),
        ]
    };
    [TOKEN, OUT_PASSWORD, SIP_PASSWORD, SIP_USERNAME].iter().chain(&THEIRS).flat_map(of).collect()
}

fn assert_no_canary(place: &str, text: &str) {
    for form in forms() {
        assert!(!text.contains(&form), "{place} shows {form}: {text}");
    }
}

/// The right answer to a request.
fn right(seen: &Seen) -> Json {
    let mut whole = endpoint(mark().as_str());
    whole["out_sip_password"] = json!(OUT_PASSWORD);
    whole["addresses"] = json!([{"ip": "192.0.2.1", "sip_username": SIP_USERNAME, "sip_password": SIP_PASSWORD}]);
    let line = seen.line();
    let one = match () {
        () if line.contains("whoami") => return json!({"partner_sid": crate::carrierx::PARTNER, "token": TOKEN}),
        () if line.contains("/trunks") => trunk("t1", Some(SID)),
        () if line.contains("trunk_groups") => group(mark().as_str(), &[trunk("t1", Some(SID))]),
        () if line.contains("dids") => did(crate::carrierx::NUMBER, Some(SID)),
        () => whole,
    };
    if line.contains("limit=") { list(&[one], false) } else { one }
}

#[tokio::test]
async fn what_every_answer_shows_in_clear_reaches_no_outcome_and_no_log() {
    let server = Server::start(|seen| Act::Say(answer(200, &right(seen)))).await;
    let client = client(&server.url(), PATIENT);
    for op in OPS {
        let told = run(&client, op).await;
        assert_no_canary(&format!("{op:?}"), &told.text);
        if !matches!(op, Op::Delete | Op::DeleteGroup) {
            assert_eq!(told.class, "done", "{op:?}: {}", told.text);
        }
    }
    let log = log();
    assert!(log.contains("create_endpoint"), "nothing was captured");
    assert_no_canary("the log", &log);
}

#[tokio::test]
async fn a_provider_that_repeats_our_secrets_in_an_error_reaches_no_outcome_and_no_log() {
    for status in [200, 201, 202, 301, 400, 401, 403, 404, 409, 415, 422, 429, 500] {
        let server = Server::start(move |seen| {
            // What was sent is the only place from which a password may be echoed; the token may come back anywhere.
            let echo = format!("Bearer {TOKEN} {}", seen.body);
            let quoted = match seen.body.contains(OUT_PASSWORD) {
                true => format!("{OUT_PASSWORD} is weak, {SIP_USERNAME}:{SIP_PASSWORD} too"),
                false => String::new(),
            };
            let errors = json!([{"field": TOKEN, "message": echo, "reference_sid": null}, {"field": null, "message": quoted, "reference_sid": TOKEN}]);
            Act::Say(answer(status, &json!({"message": format!("object validation error {TOKEN}"), "errors": errors})))
        })
        .await;
        let client = client(&server.url(), PATIENT);
        for op in OPS {
            let told = run(&client, op).await;
            assert_no_canary(&format!("{status}, {op:?}"), &told.text);
        }
    }
    assert_no_canary("the log", &log());
}

#[tokio::test]
async fn each_mutation_is_one_line_without_what_was_asked_for() {
    let refusal = answer(400, &json!({"message": "no", "errors": []}));
    let server = Server::start(move |_| Act::Say(refusal.clone())).await;
    let client = client(&server.url(), PATIENT);
    for op in OPS {
        run(&client, op).await;
    }
    let log = log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(" INFO ")).collect();
    let mutations = [
        ("create_endpoint", "/core/v2/endpoints".to_owned()),
        ("update_endpoint", format!("/core/v2/endpoints/{SID}")),
        ("update_endpoint", format!("/core/v2/endpoints/{SID}")),
        ("delete_endpoint", format!("/core/v2/endpoints/{SID}")),
        ("create_trunk_group", "/core/v2/trunk_groups".to_owned()),
        ("update_trunk_group", format!("/core/v2/trunk_groups/{SID}")),
        ("delete_trunk_group", format!("/core/v2/trunk_groups/{SID}")),
        ("update_number", format!("/core/v2/phonenumber/dids/{SID}")),
    ];
    assert_eq!(lines.len(), mutations.len(), "{log}");
    for (line, (op, path)) in lines.iter().zip(mutations) {
        for part in [op, "status=400", "outcome=\"refused\"", "Invalid", "duration_ms=", &path] {
            assert!(line.contains(part), "{part} is missing in {line}");
        }
        assert!(!line.contains(mark().key()) && !line.contains("192.0.2.1") && !line.contains("filter"), "{line}");
    }
}

#[tokio::test]
async fn a_password_is_compared_in_memory_with_what_an_answer_shows() {
    let table: [(Json, Json, Json, Option<bool>); 6] = [
        (json!(OUT_PASSWORD), json!(SIP_USERNAME), json!(SIP_PASSWORD), Some(true)),
        (json!("other-word"), json!(SIP_USERNAME), json!(SIP_PASSWORD), Some(false)),
        (json!(OUT_PASSWORD), json!(SIP_USERNAME), json!("other-word"), Some(false)),
        (json!(null), json!(SIP_USERNAME), json!(null), None),
        (json!("********"), json!(SIP_USERNAME), json!("********"), None),
        (json!(null), json!(null), json!(null), None),
    ];
    for (out, username, password, expected) in table {
        let mut shown = endpoint("x");
        shown["out_sip_password"] = out.clone();
        shown["addresses"] = json!([{"ip": "192.0.2.1", "sip_username": username, "sip_password": password}]);
        let bytes = answer(200, &shown);
        let server = Server::start(move |_| Act::Say(bytes.clone())).await;
        let client = client(&server.url(), PATIENT);
        let outcome = client.endpoints().get(SID).await;
        let switchboard::core::outcome::Outcome::Done(remote) = outcome else { panic!("{outcome:?}") };
        let switchboard::core::fields::Value::Secret(wanted) = crate::carrierx::logins() else { panic!("a secret") };
        assert_eq!(client.password_matches(&remote, &wanted), expected, "{out} {username} {password}");
    }
}
