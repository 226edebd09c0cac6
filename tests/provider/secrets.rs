//! No token and no password, in no form, in anything that can be printed.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use md5::{Digest, Md5};
use serde_json::json;

use crate::script::{Act, Server, json as answer};
use crate::{AUTH_ID, OPS, Op, PATIENT, SIP_PASSWORD, TOKEN, client, run};

pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place > group.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every form that is searched for.
fn forms() -> Vec<String> {
    let mut forms = Vec::new();
    for secret in [TOKEN, SIP_PASSWORD] {
        forms.push(secret.to_owned());
        forms.push(base64(secret.as_bytes()).trim_end_matches('=').to_owned());
        forms.push(hex(secret.as_bytes()));
        forms.push(secret.chars().rev().collect());
        forms.push(hex(&Md5::digest(secret.as_bytes())));
    }
    forms.push(base64(format!("{AUTH_ID}:{TOKEN}").as_bytes()));
    forms
}

pub fn assert_no_canary(place: &str, text: &str) {
    for form in forms() {
        assert!(!text.contains(&form), "{place} shows {form}: {text}");
    }
}

thread_local! {
    /// What the crates of this process logged on this thread: each test has one, with a runtime that uses no other.
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct ToThread;

impl io::Write for ToThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything is logged, by whatever crate, from the first client on. One subscriber for the process: one for each test would
/// race for the cache of what is worth logging.
pub fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(|| ToThread).init();
    });
}

/// What was logged on this thread so far.
pub fn log() -> String {
    LOG.with_borrow(|log| String::from_utf8_lossy(log).into_owned())
}

#[tokio::test]
async fn a_provider_that_repeats_our_secrets_reaches_no_outcome_and_no_log() {
    let md5 = |text: &str| hex(&Md5::digest(text.as_bytes()));
    let basic = base64(format!("{AUTH_ID}:{TOKEN}").as_bytes());
    for status in [200, 201, 202, 301, 400, 401, 403, 404, 409, 422, 429, 500] {
        let echo = json!({
            "api_id": TOKEN,
            "error": {
                "password": [format!("{SIP_PASSWORD} is weak"), md5(SIP_PASSWORD)],
                "authorization": format!("Basic {basic}"),
                "token": TOKEN,
            },
            "endpoint_id": "1",
            "username": SIP_PASSWORD,
            "password": md5(SIP_PASSWORD),
        });
        // What endpoints are sent is the only place where a password may be echoed; the token may come back anywhere.
        let bytes = answer(status, &echo);
        let reads = answer(status, &json!({"error": format!("{TOKEN} {basic} {}", md5(TOKEN))}));
        let server = Server::start(move |seen| {
            Act::Say(if seen.body.is_empty() || seen.line().contains("/Number/") { reads.clone() } else { bytes.clone() })
        })
        .await;
        let client = client(&server.url(), PATIENT);
        for op in OPS {
            let told = run(&client, op).await;
            assert_no_canary(&format!("{status}, {op:?}"), &told.text);
        }
    }
    let log = log();
    assert!(log.contains("create_endpoint"), "nothing was captured");
    assert_no_canary("the log", &log);
}

#[tokio::test]
async fn each_mutation_is_one_line_with_what_identifies_it() {
    let api_id = "1c13de4c-423d-11e3-9899-22000abfa5d5";
    let refusal = answer(400, &json!({"api_id": api_id, "error": "alias is required"}));
    let server = Server::start(move |_| Act::Say(refusal.clone())).await;
    let client = client(&server.url(), PATIENT);
    for op in OPS {
        run(&client, op).await;
    }
    let log = log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(" INFO ")).collect();
    assert_eq!(lines.len(), 4, "{log}");
    let mutations = [
        ("create_endpoint", "Endpoint/"),
        ("update_endpoint", "Endpoint/"),
        ("delete_endpoint", "Endpoint/"),
        ("update_number", "Number/"),
    ];
    for (line, (op, path)) in lines.iter().zip(mutations) {
        let path = format!("/v1/Account/MAXX…/{path}");
        for part in [op, api_id, "status=400", "outcome=\"refused\"", "Invalid", "duration_ms=", &path] {
            assert!(line.contains(part), "{part} is missing in {line}");
        }
    }
    assert!(!log.contains(AUTH_ID) && !log.contains("alias is required") && !log.contains("alice-desk"), "{log}");
}

#[tokio::test]
async fn an_answer_is_shown_as_words_of_at_most_300_characters() {
    let error = format!("line one\r\n\u{1b}[31mred\u{202e} {}", "x".repeat(1000));
    let bytes = answer(422, &json!({"error": {"alias": [error]}}));
    let server = Server::start(move |_| Act::Say(bytes.clone())).await;
    let told = run(&client(&server.url(), PATIENT), Op::Create).await;
    assert!(told.text.contains("Plivo answered 422: alias: line one   [31mred  xxx"), "{}", told.text);
    let message = told.text.split('"').nth(1).expect("a message");
    assert_eq!(message.chars().count(), 300);
}
