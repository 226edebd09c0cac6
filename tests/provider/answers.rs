//! Every kind of answer × every operation → exactly one class, after exactly one request.

use serde_json::{Value, json as value};

use crate::script::{Act, HTML, JSON, Server, http, json};
use crate::secrets::{assert_no_canary, log};
use crate::{AUTH_ID, Deadlines, HASTY, ID, OPS, Op, PATIENT, USERNAME, client, run};

const API_ID: &str = "1c13de4c-423d-11e3-9899-22000abfa5d5";
const PAGE: &str = "<html><body>Bad gateway</body></html>";

/// The good answer of an operation. Its username has the suffix that Plivo appends.
pub fn good(op: Op) -> (u16, Value) {
    let username = format!("{USERNAME}131031145958");
    match op {
        Op::Identify => (200, value!({"auth_id": AUTH_ID, "name": "Voice", "api_id": API_ID})),
        Op::Create => {
            (201, value!({"message": "created", "endpoint_id": ID, "username": username, "alias": "alice-desk", "api_id": API_ID}))
        }
        Op::Get => (200, value!({"endpoint_id": ID, "username": username, "alias": "alice-desk", "application": null, "api_id": API_ID})),
        Op::List => list(&value!({"endpoint_id": ID, "username": username, "alias": "alice-desk", "application": null})),
        Op::Update | Op::UpdateNumber => (202, value!({"message": "changed", "api_id": API_ID})),
        Op::Delete => (204, Value::Null),
        Op::GetNumber => (200, value!({"number": ID, "alias": "Main line", "application": null, "sub_account": null, "api_id": API_ID})),
        Op::ListNumbers => list(&value!({"number": ID, "alias": "", "application": null, "sub_account": null})),
        Op::ListApplications => list(&value!({"app_id": ID, "app_name": "ivr", "sub_account": null})),
    }
}

fn list(item: &Value) -> (u16, Value) {
    (200, value!({"api_id": API_ID, "meta": {"limit": 20, "offset": 0, "total_count": 1}, "objects": [item]}))
}

/// The good answer, its key object changed.
fn changed(op: Op, change: impl Fn(&mut serde_json::Map<String, Value>)) -> Act {
    let (status, mut body) = good(op);
    let object = match op.kind() {
        Op::List => body.pointer_mut("/objects/0"),
        _ => Some(&mut body),
    };
    if let Some(members) = object.and_then(Value::as_object_mut) {
        change(members);
    }
    Act::Say(json(status, &body))
}

/// The key of what is read back; an update has none but its message.
fn key(op: Op) -> &'static str {
    match op {
        Op::Identify => "auth_id",
        Op::Update | Op::UpdateNumber => "message",
        Op::GetNumber | Op::ListNumbers => "number",
        Op::ListApplications => "app_id",
        _ => "endpoint_id",
    }
}

pub fn good_bytes(op: Op) -> Vec<u8> {
    let (status, body) = good(op);
    match op {
        Op::Delete => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        _ => json(status, &body),
    }
}

/// What every operation is told: one column for each on accounts and endpoints, empty where the row says nothing of it. What is done with
/// numbers and applications is told what the like is told of endpoints.
pub type Row = (&'static str, Box<dyn Fn(Op) -> Act>, [&'static str; 6]);

pub fn row(name: &'static str, act: impl Fn(Op) -> Act + 'static, expected: [&'static str; 6]) -> Row {
    (name, Box::new(act), expected)
}

fn all(name: &'static str, act: impl Fn(Op) -> Act + 'static, expected: &'static str) -> Row {
    row(name, act, [expected; 6])
}

fn status(name: &'static str, status: u16, headers: &'static str, body: &'static str, expected: [&'static str; 6]) -> Row {
    row(name, move |_| Act::Say(http(status, headers, body)), expected)
}

pub async fn check(rows: Vec<Row>, deadlines: Deadlines) {
    let mut wrong = Vec::new();
    // Some rows at once: those that wait for a time-out would add up otherwise.
    for rows in rows.chunks(4) {
        let mut cases = Vec::new();
        for (name, act, expected) in rows {
            let of = |op: Op| OPS.iter().zip(*expected).find(|(column, _)| **column == op.kind()).map_or("", |(_, expected)| expected);
            for (op, expected) in OPS.into_iter().map(|op| (op, of(op))).filter(|(_, expected)| !expected.is_empty()) {
                let act = act(op);
                let server = Server::start(move |_| act.clone()).await;
                // Made before the first request of any case: making it takes long enough to matter to a short deadline.
                let client = client(&server.url(), deadlines);
                cases.push(async move {
                    let told = run(&client, op).await;
                    assert_no_canary(&format!("{name}, {op:?}"), &told.text);
                    // One connection and, unless it was reset before, one request on it: nothing was sent again.
                    let sent = (server.connections(), server.requests().len());
                    let once = sent.0 == 1 && sent.1 <= 1;
                    let right = told.class == expected && once;
                    (!right).then(|| format!("{name}, {op:?}: {} instead of {expected}, sent {sent:?}: {}", told.class, told.text))
                });
            }
        }
        wrong.extend(futures::future::join_all(cases).await.into_iter().flatten());
    }
    assert_no_canary("the log", &log());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn a_good_answer_is_done() {
    check(vec![all("good", |op| Act::Say(good_bytes(op)), "done")], PATIENT).await;
}

#[tokio::test]
async fn an_answer_lost_in_transit_is_unknown() {
    let cut = |op| {
        let (status, body) = good(op);
        let status = if op == Op::Delete { 200 } else { status };
        let bytes = http(status, JSON, body.to_string());
        Act::SayAndClose(bytes[..bytes.len() - 2].to_vec())
    };
    check(
        vec![
            all("reset after a partial request", |_| Act::ResetEarly, "unknown Reset"),
            all("reset after the whole request", |_| Act::Reset, "unknown Reset"),
            all("closed after the whole request", |_| Act::SayAndClose(Vec::new()), "unknown Reset"),
            all("cut in the head", |_| Act::SayAndClose(b"HTTP/1.1 20".to_vec()), "unknown Reset"),
            row(
                "body cut",
                cut,
                ["unknown Reset", "unknown Reset", "unknown Reset", "unknown Reset", "unknown Reset", "unknown Unreadable"],
            ),
            all("not HTTP", |_| Act::SayAndClose(b"SSH-2.0-OpenSSH_9\r\n".to_vec()), "unknown Reset"),
        ],
        PATIENT,
    )
    .await;
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_unknown() {
    const BUT_DELETE: [&str; 6] = ["unknown TimeOut", "unknown TimeOut", "unknown TimeOut", "unknown TimeOut", "unknown TimeOut", ""];
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{".to_vec();
    let slowly = head.clone();
    let body_slowly = head.clone();
    check(
        vec![
            all("no answer", |_| Act::Stall, "unknown TimeOut"),
            all("head byte by byte", move |_| Act::Trickle(Vec::new(), slowly.clone()), "unknown TimeOut"),
            row("body byte by byte", move |_| Act::Trickle(body_slowly.clone(), vec![b' '; 1000]), BUT_DELETE),
            row("head, and no body", move |_| Act::Say(head.clone()), BUT_DELETE),
        ],
        HASTY,
    )
    .await;
}

const INVALID: [&str; 6] = ["refused Invalid"; 6];
const CREDENTIALS: [&str; 6] = ["refused Credentials"; 6];
const UNREADABLE: [&str; 6] = ["unknown Unreadable"; 6];
const MISSING: [&str; 6] = ["unknown Status(404)", "refused Invalid", "not found", "unknown Status(404)", "not found", "not found"];
const UNPROVEN: [&str; 6] = [
    "unknown Status(404)",
    "unknown Status(404)",
    "not found, unproven",
    "unknown Status(404)",
    "not found, unproven",
    "not found, unproven",
];
const ERROR: &str = r#"{"api_id": "1c13de4c-423d-11e3-9899-22000abfa5d5", "error": "no"}"#;
const DATES: &str = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:49 GMT\r\n";

#[tokio::test]
async fn a_definite_no_is_refused_and_a_no_from_somebody_else_is_not() {
    let fields = r#"{"api_id": "x", "error": {"username": ["is too long", "starts with a digit"]}}"#;
    check(
        vec![
            status("400", 400, JSON, ERROR, INVALID),
            status("400 with lists by field", 400, JSON, fields, INVALID),
            status("400 nested", 400, JSON, r#"{"error": {"error": "no"}}"#, INVALID),
            status("400 with a list", 400, JSON, r#"{"error": ["a", "b"]}"#, INVALID),
            status("400 HTML", 400, HTML, PAGE, UNREADABLE),
            status("400 with a JSON text", 400, JSON, "\"no\"", UNREADABLE),
            status("401 JSON", 401, JSON, r#"{"error": "no"}"#, CREDENTIALS),
            status("401 plain text", 401, HTML, "Could not verify your access level for that URL.", CREDENTIALS),
            status("401 empty", 401, "", "", CREDENTIALS),
            all("401 cut", |_| Act::SayAndClose(b"HTTP/1.1 401 X\r\nContent-Length: 9\r\n\r\nabc".to_vec()), "refused Credentials"),
            status("403", 403, JSON, ERROR, CREDENTIALS),
            status("403 HTML", 403, HTML, PAGE, UNREADABLE),
            status("404 JSON", 404, JSON, r#"{"error": "not found"}"#, MISSING),
            status("404 {}", 404, JSON, "{}", MISSING),
            status("404 HTML", 404, HTML, PAGE, UNPROVEN),
            status("404 with a JSON list", 404, JSON, "[]", UNPROVEN),
            status("404 empty", 404, "", "", UNPROVEN),
            status("405", 405, JSON, ERROR, INVALID),
            status("406", 406, JSON, ERROR, INVALID),
            status("409", 409, JSON, ERROR, ["unknown Status(409)"; 6]),
            status("415", 415, JSON, ERROR, INVALID),
            status("422", 422, JSON, ERROR, INVALID),
            status("422 HTML", 422, HTML, PAGE, UNREADABLE),
            status("429", 429, JSON, ERROR, ["refused Throttled"; 6]),
            status("429 HTML, seconds", 429, "Retry-After: 7\r\n", PAGE, ["refused Throttled 7s"; 6]),
            status("429 empty, date", 429, DATES, "", ["refused Throttled 12s"; 6]),
            status("429 text, one day", 429, "Retry-After: 86400\r\n", "slow down", ["refused Throttled 300s"; 6]),
        ],
        PATIENT,
    )
    .await;
}

#[tokio::test]
async fn an_ambiguous_status_is_unknown() {
    check(
        vec![
            status("408", 408, JSON, ERROR, ["unknown Status(408)"; 6]),
            status("500", 500, JSON, ERROR, ["unknown Status(500)"; 6]),
            status("502 HTML", 502, HTML, PAGE, ["unknown Status(502)"; 6]),
            status("503", 503, "Retry-After: 1\r\n", "", ["unknown Status(503)"; 6]),
            status("504", 504, HTML, PAGE, ["unknown Status(504)"; 6]),
            status("520", 520, HTML, PAGE, ["unknown Status(520)"; 6]),
            status("402", 402, JSON, ERROR, ["unknown Status(402)"; 6]),
            status("206", 206, JSON, ERROR, UNREADABLE),
        ],
        PATIENT,
    )
    .await;
}

#[tokio::test]
async fn a_success_counts_only_if_its_body_proves_it() {
    const UNPROVEN_BUT_DELETE: [&str; 6] =
        ["unknown Unreadable", "unknown Unreadable", "unknown Unreadable", "unknown Unreadable", "unknown Unreadable", ""];
    let says = |body: &'static str| move |op| Act::Say(http(good(op).0, JSON, body));
    let cut = |op| {
        let body = good(op).1.to_string();
        Act::Say(http(good(op).0, JSON, &body[..body.len() - 3]))
    };
    let with_key = |new: Value| move |op: Op| changed(op, |members| drop(members.insert(key(op).to_owned(), new.clone())));
    let optional = |op| {
        changed(op, |members| {
            for name in ["alias", "application", "password", "sip_uri", "sip_registered", "sip_contact", "name", "meta"] {
                members.insert(name.to_owned(), value!([{"a": 1}]));
            }
        })
    };
    let nulls = |op| {
        changed(op, |members| {
            for name in ["alias", "application", "password", "sip_uri", "sip_registered", "api_id", "error", "meta"] {
                members.insert(name.to_owned(), Value::Null);
            }
        })
    };
    check(
        vec![
            status("200 HTML", 200, HTML, PAGE, UNREADABLE),
            row("empty body", says(""), UNPROVEN_BUT_DELETE),
            row("cut JSON", cut, UNPROVEN_BUT_DELETE),
            row("{}", says("{}"), UNPROVEN_BUT_DELETE),
            row("a JSON list", says(r#"["1", "alice"]"#), UNPROVEN_BUT_DELETE),
            row("no id", |op| changed(op, |members| drop(members.remove(key(op)))), UNPROVEN_BUT_DELETE),
            row("null id", with_key(Value::Null), UNPROVEN_BUT_DELETE),
            row("empty id", with_key(value!("")), UNPROVEN_BUT_DELETE),
            row("list as id", with_key(value!(["1"])), UNPROVEN_BUT_DELETE),
            row(
                "id that leads elsewhere",
                with_key(value!("../Account")),
                ["unknown Unreadable", "unknown Unreadable", "unknown Unreadable", "unknown Unreadable", "", ""],
            ),
            row("id as inexact number", with_key(value!(1.5e30)), UNPROVEN_BUT_DELETE),
            row(
                "id as number",
                with_key(value!(32_866_729_519_064_u64)),
                ["unknown Foreign", "done", "done", "done", "unknown Unreadable", ""],
            ),
            row("another id", with_key(value!("39452475478853")), ["unknown Foreign", "done", "unknown Foreign", "done", "done", ""]),
            row(
                "no username",
                // A number and an application have none: there it is what they are called by.
                |op| changed(op, |members| ["username", "number", "app_id"].map(|name| members.remove(name)).into_iter().for_each(drop)),
                ["", "unknown Unreadable", "unknown Unreadable", "unknown Unreadable", "", ""],
            ),
            row(
                "200 for every success",
                |op| Act::Say(json(200, &good(op).1)),
                ["done", "done", "done", "done", "done", "unknown Unreadable"],
            ),
            row(
                "201 for every success",
                |op| Act::Say(json(201, &good(op).1)),
                ["unknown Unreadable", "done", "unknown Unreadable", "unknown Unreadable", "done", "unknown Unreadable"],
            ),
            status("asynchronous 202", 202, JSON, r#"{"message": "async api spawned", "api_id": "63f0761a"}"#, UNREADABLE),
            row(
                "success with an error in it",
                |op| changed(op, |members| drop(members.insert("error".into(), value!("no")))),
                ["unknown Unreadable", "unknown Unreadable", "unknown Unreadable", "", "unknown Unreadable", ""],
            ),
            row("200 with only an error", |_| Act::Say(http(200, JSON, ERROR)), UNREADABLE),
            all(
                "unknown members",
                |op| {
                    if op == Op::Delete {
                        Act::Say(good_bytes(op))
                    } else {
                        changed(op, |members| drop(members.insert("new".into(), value!({"a": [1]}))))
                    }
                },
                "done",
            ),
            row("wrong types in optional members", optional, ["done", "done", "done", "done", "done", ""]),
            row("nulls in optional members", nulls, ["done", "done", "done", "done", "done", ""]),
        ],
        PATIENT,
    )
    .await;
}

#[tokio::test]
async fn a_created_endpoint_is_ours_only_by_its_username() {
    let table = [
        (format!("{USERNAME}131031145958"), "done"),
        (format!("{USERNAME}13103114595812345678901"), "done"),
        (USERNAME.to_owned(), "done"),
        (format!("{}131031145958", USERNAME.to_uppercase()), "done"),
        ("bob131031145958".to_owned(), "unknown Foreign"),
        (format!("{USERNAME}x131031145958"), "unknown Foreign"),
        (format!("{USERNAME}1310-31145958"), "unknown Foreign"),
        (USERNAME[..USERNAME.len() - 1].to_owned(), "unknown Foreign"),
        (format!("{}é1", &USERNAME[..USERNAME.len() - 1]), "unknown Foreign"),
        (String::new(), "unknown Unreadable"),
    ];
    for (username, expected) in table {
        let act = changed(Op::Create, |members| drop(members.insert("username".into(), value!(username))));
        let server = Server::start(move |_| act.clone()).await;
        let told = run(&client(&server.url(), PATIENT), Op::Create).await;
        assert_eq!(told.class, expected, "{username:?}");
        assert_eq!(server.requests().len(), 1, "{username:?}");
    }
}
