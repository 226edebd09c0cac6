//! Answers that lead elsewhere, do harm, or spill into the next call.

use crate::answers::{check, good, good_bytes, row};
use crate::script::{Act, FLOOD, JSON, Server, http};
use crate::{OPS, Op, PATIENT, client, run};

#[tokio::test]
async fn a_redirect_is_unknown_and_never_followed() {
    for status in [301, 302, 303, 307, 308] {
        let other = Server::start(|seen| panic!("followed to {}", seen.line())).await;
        for target in [other.url(), String::new(), other.url().replace("http:", "")] {
            for op in OPS {
                let headers = format!("Location: {target}/v1/Account/\r\n");
                let server = Server::start(move |_| Act::Say(http(status, &headers, "{}"))).await;
                let told = run(&client(&server.url(), PATIENT), op).await;
                assert_eq!(told.class, format!("unknown Status({status})"), "{op:?} to {target:?}");
                assert_eq!((server.connections(), server.requests().len()), (1, 1), "{op:?} to {target:?}");
            }
        }
        assert_eq!(other.connections(), 0, "{status}");
    }
}

#[tokio::test]
async fn a_body_that_does_harm_is_not_read_to_its_end() {
    for announced in [true, false] {
        for op in OPS {
            let server = Server::start(move |_| Act::Flood { announced }).await;
            let told = run(&client(&server.url(), PATIENT), op).await;
            assert_eq!(told.class, "unknown Unreadable", "{op:?}, announced: {announced}");
            let flooded = server.flooded().await;
            assert!(flooded < FLOOD, "{op:?}: all of it was taken");
            assert_eq!((server.connections(), server.requests().len()), (1, 1), "{op:?}");
        }
    }
}

/// `{"endpoint_id":"1","username":"alice1",…}`, packed: whoever unpacks it finds a good answer to identify, list and update.
const PACKED: &str = "1f8b0800000000000203ab564acd4b29c8cfcc2b89cf4c51b2523254d2512a2d4e2dca4bcc4d057213733293534162b9a9c5c589e920a1e48cc4bcf4d414a058626949064497af630406002ac84fca4a4d2e2956b28a8ead05000c3095fa69000000";

#[tokio::test]
async fn a_poisoned_body_is_unknown() {
    let packed: Vec<u8> = (0..PACKED.len()).step_by(2).map(|at| u8::from_str_radix(&PACKED[at..at + 2], 16).expect("hex")).collect();
    let nested = "[".repeat(10_000) + &"]".repeat(10_000);
    let in_member = |op: Op| {
        let body = good(op).1.to_string();
        let body = body.replacen('{', &format!("{{\"deep\": {}{},", "[".repeat(10_000), "]".repeat(10_000)), 1);
        Act::Say(http(good(op).0, JSON, body))
    };
    let not_utf8 = |op: Op| {
        let body = good(op).1.to_string().into_bytes();
        let body: Vec<u8> = body.iter().flat_map(|byte| if *byte == b':' { vec![b':', b' ', 0xff] } else { vec![*byte] }).collect();
        Act::Say(http(good(op).0, JSON, body))
    };
    let rest = |first: &'static str| [first, first, first, first, first, ""];
    check(
        vec![
            row("10,000 nested arrays", move |op| Act::Say(http(good(op).0, JSON, &nested)), rest("unknown Unreadable")),
            row("10,000 nested arrays in an unknown member", in_member, rest("unknown Unreadable")),
            row("invalid UTF-8", not_utf8, rest("unknown Unreadable")),
            row(
                "packed without being asked for",
                move |op| Act::Say(http(good(op).0, "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", &packed)),
                rest("unknown Unreadable"),
            ),
            row(
                "just under 1 MiB",
                |op| Act::Say(http(good(op).0, JSON, format!("{}{}", good(op).1, " ".repeat((1 << 20) - 1000)))),
                rest("done"),
            ),
            row(
                "just over 1 MiB",
                |op| Act::Say(http(good(op).0, JSON, format!("{}{}", good(op).1, " ".repeat(1 << 20)))),
                rest("unknown Unreadable"),
            ),
        ],
        PATIENT,
    )
    .await;
}

#[tokio::test]
async fn bytes_after_a_204_do_no_harm_to_this_or_the_next_call() {
    let junk = [
        b"HTTP/1.1 204 No Content\r\n\r\n{\"message\": \"deleted\"}".to_vec(),
        http(204, JSON, "{\"message\": \"deleted\"}"),
        b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}".to_vec(),
        b"HTTP/1.1 204 No Content\r\n\r\n\x00\xff\xff".to_vec(),
    ];
    for bytes in junk {
        let server = Server::start(move |seen| match seen.line().split(' ').next() {
            Some("DELETE") => Act::Say(bytes.clone()),
            Some("POST") => Act::Say(good_bytes(Op::Create)),
            _ => Act::Say(good_bytes(Op::Get)),
        })
        .await;
        let client = client(&server.url(), PATIENT);
        for op in [Op::Get, Op::Delete, Op::Get, Op::Delete, Op::Create, Op::Delete, Op::Get] {
            assert_eq!(run(&client, op).await.class, "done", "{op:?}");
        }
        assert_eq!(server.requests().len(), 7);
    }
}

#[tokio::test]
async fn creates_and_deletes_have_a_connection_of_their_own() {
    let server = Server::start(|seen| match (seen.line().split(' ').next(), seen.line().ends_with("/Endpoint/")) {
        (Some("DELETE"), _) => Act::Say(good_bytes(Op::Delete)),
        (Some("POST"), true) => Act::Say(good_bytes(Op::Create)),
        (Some("POST"), false) => Act::Say(good_bytes(Op::Update)),
        _ => Act::Say(good_bytes(Op::Get)),
    })
    .await;
    let client = client(&server.url(), PATIENT);
    for op in [Op::Get, Op::Create, Op::Create, Op::Get, Op::Delete, Op::Update, Op::Delete, Op::Create, Op::Get] {
        assert_eq!(run(&client, op).await.class, "done", "{op:?}");
    }
    let requests = server.requests();
    let alone = |connection: usize| requests.iter().filter(|seen| seen.connection == connection).count() == 1;
    for seen in &requests {
        let single = seen.line().starts_with("DELETE") || (seen.line().starts_with("POST") && seen.line().ends_with("/Endpoint/"));
        assert!(!single || alone(seen.connection), "{} shared its connection", seen.line());
    }
    assert!(server.connections() < requests.len(), "reads and updates share connections");
}
