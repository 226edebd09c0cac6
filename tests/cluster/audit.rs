//! The audit lines of an operator that is told to log errors only, beside what the providers have seen: one line for each request that was
//! sent to change something, and none without; and what is logged, changed while it runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kube::Resource;
use kube::api::{Api, Patch, PatchParams};
use sandbox::admin_client::{AdminClient, RequestEntry};
use sandbox::carrierx::Options;
use serde_json::{Value, json};
use switchboard::api::ProviderAccount;

use super::observe::{Told, account_reason, event, listings};
use super::world::{PATIENCE, World, endpoint_id, eventually, reason};

const TARGET: &str = "switchboard::audit";
/// What makes it log nothing of its own that is well.
const TACITURN: [&str; 4] = ["--log", "error", "--log-format", "json"];
const PLIVO_NUMBER: &str = "14155550100";
const CARRIERX_NUMBER: &str = "15162065574";

/// Lines of an operator's log that is JSON.
fn parsed(log: &str) -> Vec<Value> {
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn text<'a>(line: &'a Value, field: &str) -> &'a str {
    line[field].as_str().unwrap_or_default()
}

/// As the lines show it: the account cut.
fn shown(path: &str) -> String {
    let parts: Vec<String> = path
        .split('/')
        .scan("", |before, part| {
            let cut = *before == "Account";
            *before = part;
            Some(if cut { format!("{}…", &part[..4]) } else { part.to_owned() })
        })
        .collect();
    parts.join("/")
}

/// What a request and its line have in common.
fn common(request: &RequestEntry) -> String {
    // Half an answer has a status and no body.
    let status = request.status.map_or_else(String::new, |status| status.to_string());
    format!("{} {status} {}", shown(&request.path), request.api_id.clone().filter(|_| request.answered).unwrap_or_default())
}

fn common_of(line: &Value) -> String {
    let status = line["status"].as_u64().map_or_else(String::new, |status| status.to_string());
    format!("{} {status} {}", text(line, "path"), text(line, "request_id"))
}

/// The lines of one provider are those of its requests that were to change something, no more and no fewer.
async fn agrees(lines: &[Value], path: &str, admin: &AdminClient) {
    let requests = admin.requests().await.expect("the requests");
    let mut sent: Vec<String> = requests.iter().filter(|request| request.method != "GET").map(common).collect();
    let mut told: Vec<String> = lines.iter().filter(|line| text(line, "path").starts_with(path)).map(common_of).collect();
    sent.sort();
    told.sort();
    assert!(sent.len() > 5, "{sent:#?}");
    assert_eq!(told, sent, "of {path}");
    // What took effect has a line that does not deny it, and what was said to have been done was done.
    let ledger = admin.ledger().await.expect("the ledger");
    let effects: BTreeSet<(String, String)> = ledger
        .iter()
        .filter(|entry| entry.actor == "api")
        .map(|entry| (entry.op.replace("update_did", "update_number"), entry.id.clone()))
        .collect();
    let of = |line: &&Value| text(line, "path").starts_with(path) && !text(line, "op").ends_with("_trunk");
    for line in lines.iter().filter(of).filter(|line| line["outcome"] == "done") {
        let did = (text(line, "op").to_owned(), text(line, "id").to_owned());
        assert!(effects.contains(&did), "nothing like {did:?} was done: {line}");
    }
    for (op, id) in effects.iter().filter(|(op, _)| op.starts_with("create_endpoint") || op.starts_with("delete_endpoint")) {
        let tells = |line: &&Value| line["op"] == op.as_str() && (line["id"] == id.as_str() || line["outcome"] == "unknown");
        assert!(lines.iter().filter(of).any(|line| tells(&line)), "nobody tells of {op} {id}");
    }
}

/// What the lines of an object say: action, thing, why, outcome. Whether a create is the first is left out: on a slow machine one that was
/// announced may not be sent.
fn story(lines: &[Value], name: &str) -> Vec<String> {
    let own = lines.iter().filter(|line| line["name"] == name);
    let mut story: Vec<String> = own.map(|line| ["action", "thing", "why", "outcome"].map(|field| text(line, field)).join(" ")).collect();
    story.iter_mut().for_each(|line| *line = line.replace(" first ", " ").replace(" again ", " "));
    // How often something is tried again is another subject.
    story.dedup();
    story
}

fn once(method: &str, path: &str, fault: Value) -> Value {
    super::world::merged(json!({"match": {"method": method, "path": path, "count": 1}}), fault)
}

fn lost() -> Value {
    json!({"answer": "cut_after", "execute": true})
}

/// What is not to be shown is in it.
fn refused(body: Value) -> Value {
    json!({"answer": {"status": 400, "body": body}, "execute": false})
}

async fn alias(world: &World, alias: &str) {
    world.patch("alice", json!({"spec": {"plivo": {"alias": alias}}})).await;
}

async fn plivo(world: &World) {
    let admin = &world.admin;
    let faults = async |rules: Value| drop(admin.set_faults(rules).await.expect("a fault script"));
    let no = json!({"api_id": "7c1c5bdc-8b4a-11e9-a8ae-0242ac110002", "error": "not secret-plan"});
    faults(json!([once("POST", "/Endpoint/$", refused(no))])).await;
    world.endpoint("alice", json!({"alias": "secret-plan"}), json!({})).await;
    world.reason("alice", "Rejected").await;
    alias(world, "reception").await;
    let id = endpoint_id(&world.ready("alice").await);
    faults(json!([once("POST", "/Endpoint/[0-9]+/$", lost())])).await;
    alias(world, "front-desk").await;
    world.ready("alice").await;
    admin.patch_endpoint(&id, json!({"alias": "edited"})).await.expect("an edit in the console");
    let put_back = async || (world.exactly_one("alice").await["alias"] == "front-desk").then_some(());
    eventually("the console's edit is put back", put_back).await;
    let before = world.exactly_one("alice").await["password"].clone();
    world.secret("alice-sip", &[("password", "correct-horse")]).await;
    eventually("the password is rotated", async || (world.exactly_one("alice").await["password"] != before).then_some(())).await;
    world.ready("alice").await;

    faults(json!([once("POST", "/Endpoint/$", lost())])).await;
    world.endpoint("bob", json!({}), json!({})).await;
    world.ready("bob").await;

    let (before, ivr) = (world.application("before").await, world.application("ivr").await);
    world.number(PLIVO_NUMBER, json!({"app_id": before})).await;
    faults(json!([once("POST", "/Number/[0-9]+/$", json!({"answer": {"status": 429, "body": "slow down"}, "execute": false}))])).await;
    world.binding("main", PLIVO_NUMBER, json!({"app_id": ivr}), json!({})).await;
    world.bound("main").await;
    world.repoint(PLIVO_NUMBER, &before).await;
    world.answered_by(PLIVO_NUMBER, &ivr).await;
    world.bound("main").await;
    world.delete_binding("main").await;
    world.binding_gone("main").await;

    faults(json!([once("DELETE", "/Endpoint/[0-9]+/$", lost())])).await;
    for name in ["alice", "bob"] {
        world.delete(name).await;
        world.gone(name).await;
    }
    assert!(world.living().await.is_empty());
}

async fn carrierx(world: &World, admin: &AdminClient) {
    let faults = async |rules: Value| drop(admin.set_faults(rules).await.expect("a fault script"));
    let capacity = async |capacity: u32| drop(world.patch("pbx", json!({"spec": {"carrierx": {"capacity": capacity}}})).await);
    admin.create_did(json!({"phonenumber": CARRIERX_NUMBER})).await.expect("a number");
    world.carrierx_endpoint("pbx", json!({"capacity": 1}), json!({})).await;
    world.ready("pbx").await;
    let no = json!({"message": "object validation error", "errors": [{"field": "capacity", "message": "not 203.0.113.7"}]});
    faults(json!([once("PATCH", "/endpoints/", refused(no))])).await;
    capacity(2).await;
    world.reason("pbx", "Rejected").await;
    capacity(3).await;
    world.ready("pbx").await;

    faults(json!([once("PATCH", "/dids/", lost())])).await;
    world.binding("hotline", CARRIERX_NUMBER, json!({"endpointRef": {"name": "pbx"}}), json!({"accountRef": {"name": "carrierx"}})).await;
    world.bound("hotline").await;
    let groups = world.carrierx_living("trunk_groups").await;
    let (group, made) = groups.iter().next().expect("a trunk group");
    let trunk = made["trunks"][0]["trunk_sid"].as_str().expect("a trunk").to_owned();
    let trunks = async || world.carrierx_living("trunk_groups").await[group]["trunks"].as_array().cloned().unwrap_or_default();
    admin.delete_trunk(group, &trunk).await.expect("a trunk deleted in the console");
    eventually("there is a trunk again", async || (trunks().await.len() == 1).then_some(())).await;
    admin.create_trunk(group, json!({"endpoint_sid": made["trunks"][0]["endpoint_sid"]})).await.expect("a second trunk");
    eventually("there is one trunk again", async || (trunks().await.len() == 1).then_some(())).await;

    world.delete_binding("hotline").await;
    world.binding_gone("hotline").await;
    let page = json!({"answer": {"status": 503, "body": "<html>busy</html>"}, "execute": false});
    faults(json!([once("DELETE", "/endpoints/", page)])).await;
    world.delete("pbx").await;
    world.gone("pbx").await;
    let peers = world.carrierx_living("endpoints").await.into_values().filter(|one| one["type"] == "third_party").count();
    assert_eq!((peers, world.carrierx_living("trunk_groups").await.len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mutation_at_a_provider_is_one_audit_line_whatever_is_logged_and_whatever_is_answered() {
    let world = World::new("audit").await;
    let admin = world.with_carrierx(Options::default()).await;
    let operator = Told::start("audit", &world, &TACITURN).await;
    futures::future::join(plivo(&world), carrierx(&world, &admin)).await;
    let (ended, log) = operator.terminate().await;
    assert!(ended, "{log}");

    let all = parsed(&log);
    let quiet = |line: &&Value| line["target"] != TARGET && line["level"] != "ERROR";
    assert_eq!(all.iter().find(quiet), None, "nothing else is logged");
    let lines: Vec<Value> = all.into_iter().filter(|line| line["message"] == "provider call").collect();
    agrees(&lines, "/v1/", &world.admin).await;
    agrees(&lines, "/core/", &admin).await;

    for (name, expected) in [
        (
            "alice",
            vec![
                "create endpoint refused",
                "create endpoint done",
                "update endpoint edited unknown",
                "update endpoint drift done",
                "update endpoint rotated done",
                "delete endpoint requested unknown",
                "delete endpoint requested not_found",
            ],
        ),
        ("bob", vec!["create endpoint unknown", "delete endpoint requested done"]),
        (
            "main",
            vec!["update number edited refused", "update number edited done", "update number drift done", "update number restored done"],
        ),
    ] {
        assert_eq!(story(&lines, name), expected, "{name}");
    }
    let own = story(&lines, "pbx");
    for part in [
        "create endpoint done",
        "update endpoint edited refused",
        "create trunk group done",
        "update trunk group drift done",
        "delete trunk group requested done",
        "delete endpoint requested unknown",
        "delete endpoint requested done",
    ] {
        assert!(own.iter().any(|line| line == part), "{part} is not in {own:#?}");
    }
    let ops: BTreeSet<&str> = lines.iter().map(|line| text(line, "op")).collect();
    assert!(ops.contains("create_trunk") && ops.contains("delete_trunk"), "{ops:?}");

    // Who it was, and no value of what was sent.
    for line in &lines {
        let kind = if ["main", "hotline"].contains(&text(line, "name")) { "PhoneNumberBinding" } else { "SipEndpoint" };
        let account = if text(line, "path").starts_with("/v1/") { "plivo" } else { "carrierx" };
        assert_eq!([text(line, "kind"), text(line, "namespace")], [kind, &world.namespace], "{line}");
        assert_eq!(text(line, "account"), format!("{}/{account}", world.namespace), "{line}");
        assert!(text(line, "uid").len() == 36 && line["generation"].as_i64() > Some(0) && line["duration_ms"].is_u64(), "{line}");
        assert!(!text(line, "writer").is_empty(), "{line}");
        let create = line["action"] == "create";
        assert_eq!((line["nonce"].is_string(), line["epoch"].is_i64()), (create, create), "{line}");
        assert_eq!(line["fields"].is_string(), line["action"] != "delete", "{line}");
        for value in ["secret-plan", "reception", "front-desk", "hunter22", "correct-horse", "203.0.113.7"] {
            assert!(!line.to_string().contains(value), "{value} in {line}");
        }
    }
    let of = |word: &str, value: &str| lines.iter().rfind(|line| line["name"] == "alice" && line[word] == value).expect("a line");
    let create = of("action", "create");
    assert_eq!([text(create, "fields"), text(create, "why")], ["alias,password", "again"], "after a refusal");
    assert!(text(of("why", "rotated"), "fields").contains("password"));
    documented(create);
}

/// The example in the documentation is such a line.
fn documented(line: &Value) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let page = std::fs::read_to_string(page).expect("docs/operations.md");
    let example = page.lines().find(|line| line.starts_with("{\"timestamp\"")).expect("an example");
    let example: Value = serde_json::from_str(example).expect("JSON");
    let keys = |line: &Value| line.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&example), keys(line), "the example in docs/operations.md, and {line}");
    for field in ["target", "level", "message", "action", "thing", "kind", "op", "fields", "why", "status", "outcome"] {
        assert_eq!(example[field], line[field], "{field} of the example in docs/operations.md");
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

async fn annotate<K>(api: &Api<K>, name: &str, annotation: &str, value: &str)
where
    K: Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let patch = json!({"metadata": {"annotations": {format!("switchboard.dev/{annotation}"): value}}});
    api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.expect("an annotation");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_safeguard_that_somebody_switches_off_is_an_audit_line_in_a_file_of_its_own() {
    let world = World::new("audit-given-up").await;
    let spec = json!({"brake": {"count": 2, "percent": 0}});
    world.account("plivo", sandbox::plivo::DEFAULT_AUTH_ID, sandbox::plivo::DEFAULT_AUTH_TOKEN, spec).await;
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    let file = folder("audit-given-up").join("audit.log");
    let arguments = [&TACITURN[..], &["--audit-file", file.to_str().expect("a path")]].concat();
    let operator = Told::start("given up", &world, &arguments).await;
    for name in ["alice", "kept", "l1", "l2", "l3", "l4"] {
        let policy = if name == "kept" { "Retain" } else { "Delete" };
        world.endpoint(name, json!({}), json!({"deletionPolicy": policy})).await;
    }
    for name in ["alice", "kept", "l1", "l2", "l3", "l4"] {
        world.ready(name).await;
    }
    let [alice, kept] = [endpoint_id(&world.ready("alice").await), endpoint_id(&world.ready("kept").await)];
    world.delete("kept").await;
    world.gone("kept").await;
    let fault = json!({"match": {"method": "DELETE"}, "answer": {"status": 500, "body": "no"}, "execute": false});
    world.admin.set_faults(json!([fault])).await.expect("a fault");
    world.delete("alice").await;
    eventually("the deletion is tried", async || {
        let requests = world.admin.requests().await.expect("the requests");
        requests.iter().any(|request| request.method == "DELETE").then_some(())
    })
    .await;
    annotate(&world.endpoints(), "alice", "force-orphan", &alice).await;
    world.gone("alice").await;
    world.admin.clear_faults().await.expect("no fault");

    for name in ["l1", "l2", "l3", "l4"] {
        world.delete(name).await;
    }
    let account = account_reason(&world, "plivo", "Braked").await;
    let token = account.status.and_then(|status| status.brake?.deletions).expect("a record").token;
    annotate(&accounts, "plivo", "acknowledge-brake", "deletions-00000000").await;
    event(&world, "plivo", "WrongToken").await;
    annotate(&accounts, "plivo", "acknowledge-brake", &token).await;
    for name in ["l1", "l2", "l3", "l4"] {
        world.gone(name).await;
    }
    // It is acknowledged once, however often it is read.
    listings(&world, 2).await;
    let (ended, log) = operator.terminate().await;
    assert!(ended, "{log}");
    assert!(!parsed(&log).iter().any(|line| line["target"] == TARGET), "they are in the file:\n{log}");

    let lines = parsed(&std::fs::read_to_string(&file).expect("the audit lines"));
    assert!(lines.iter().all(|line| line["target"] == TARGET && !text(line, "writer").is_empty()), "{lines:#?}");
    let of = |message: &str| lines.iter().filter(|line| line["message"] == message).cloned().collect::<Vec<Value>>();
    let left: Vec<String> =
        of("left at the provider").iter().map(|line| ["name", "thing", "id", "why"].map(|field| text(line, field)).join(" ")).collect();
    assert_eq!(left, [format!("kept endpoint {kept} retained"), format!("alice endpoint {alice} force_orphan")]);
    let acknowledged = of("brake acknowledged");
    assert_eq!(acknowledged.len(), 1, "{acknowledged:#?}");
    let place = format!("{}/plivo", world.namespace);
    assert_eq!([text(&acknowledged[0], "token"), text(&acknowledged[0], "account")], [token.as_str(), place.as_str()]);
    let wrong = of("a brake was to be acknowledged with a token that is none");
    assert_eq!(wrong.iter().map(|line| text(line, "token")).collect::<Vec<_>>(), ["deletions-00000000"]);
    assert_eq!(of("provider call").iter().filter(|line| line["op"] == "create_endpoint").count(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_level_follows_a_file_without_a_restart() {
    let world = World::new("log-level").await;
    let folder = folder("log-level");
    let file = folder.join("filter");
    // As a ConfigMap is updated: another file takes the place of the former.
    let put = |text: &str| {
        let part = folder.join("part");
        std::fs::write(&part, text).expect("a file");
        std::fs::rename(&part, &file).expect("a file");
    };
    let mut operator = Told::start("the log level", &world, &["--log", "warn", "--log-file", file.to_str().expect("a path")]).await;
    let mut turn = 0;
    let mut live = async |operator: &Told| {
        turn += 1;
        let before = count(operator, "DEBUG");
        world.endpoint("alice", json!({"alias": format!("a{turn}")}), json!({})).await;
        world.ready("alice").await;
        count(operator, "DEBUG") - before
    };
    assert_eq!(live(&operator).await, 0, "without a file the flag counts");
    assert_eq!(count(&operator, "switchboard::audit: provider call"), 1, "{}", operator.log());
    put("info,switchboard=debug\n");
    operator.says("the log filter has changed").await;
    assert!(live(&operator).await > 0);
    put("info,switchboard=loud");
    operator.says("the log filter stays as it is").await;
    assert!(live(&operator).await > 0, "the former one counts");
    put("debgu");
    operator.says("\\\"debgu\\\" is no level").await;
    assert!(live(&operator).await > 0, "the former one counts");
    assert_eq!(count(&operator, "the log filter stays as it is"), 2, "each is told once");
    std::fs::remove_file(&file).expect("removed");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while live(&operator).await > 0 {
        assert!(tokio::time::Instant::now() < deadline, "without the file the flag counts again");
    }
    assert_eq!(reason(&world.endpoints().get("alice").await.expect("the object")), "Available");
    assert_eq!(count(&operator, "the log filter has changed"), 1, "that it is warn again is no warning");
}

fn count(operator: &Told, text: &str) -> usize {
    operator.log().lines().filter(|line| line.contains(text)).count()
}
