//! Two processes and one lease: who works, who stands by, and what happens when the one who works is killed, told to end, stopped or cut
//! off. At the provider nothing is done twice, whatever happens to the lease.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::proxy::{Harm, Proxy};
use super::side_by_side::{self, Told, all_ready, apply_all, case, creates_sent, delete_all, exactly_one_each, names};
use super::support;
use super::world::{World, endpoint_id, eventually};

/// All about the lease is less than half as long as usual, and so is the longest call that it has to cover.
const BRIEF: [&str; 4] = ["--lease-duration", "12s", "--update-timeout", "2s"];
/// So long that nobody sees it expire.
const LONG: [&str; 4] = ["--lease-duration", "30m", "--update-timeout", "2s"];

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_works_and_the_other_takes_over_and_nothing_is_done_twice() {
    side_by_side::run(vec![
        case("the leader is killed", killed),
        case("the leader is told to end in the middle of its work", ended),
        case("the leader is told to end, and a call takes longer than that may", outlasting),
        case("the leader is started again under its identity", restarted),
        case("the leader is cut off from the API server", cut_off),
        case("the lease is written slowly", slow),
        case("the lease is written far too slowly", too_slow),
        case("the leader stands still before an update", |case| frozen(case, "update.before")),
        case("the leader stands still before a create", |case| frozen(case, "send.before")),
        case("a second one that asks nobody", uninvited),
        case("somebody deletes the lease", deleted),
        case("somebody gives the lease away", given_away),
        case("the lease may not be used", forbidden),
        case("the lease may be read and not written", unwritable),
    ])
    .await;
}

async fn start(case: &str, world: &World, who: &str, lease: &[&str], environment: &[(&str, &str)]) -> Told {
    let arguments = [&["--identity", who], lease].concat();
    Told::new(&format!("{case}, {who}"), world.operator_with(&arguments, environment).await)
}

/// A world, the one who leads in it, and one who stands by.
async fn pair(case: &str, lease: &[&str]) -> (World, Told, Told) {
    let world = World::new("leader").await;
    let mut first = start(case, &world, "first", lease, &[]).await;
    first.says("leading lease=").await;
    let mut second = start(case, &world, "second", lease, &[]).await;
    second.says("somebody else leads").await;
    (world, first, second)
}

fn leases(world: &World) -> Api<Lease> {
    Api::namespaced(world.client.clone(), "switchboard-system")
}

async fn lease(world: &World) -> LeaseSpec {
    leases(world).get(world.lease()).await.expect("the lease").spec.expect("what it says")
}

/// Calls at the provider in this log, with what they are: begin and end.
fn calls(log: &str, kind: &str) -> Vec<(Timestamp, Timestamp)> {
    let time = |line: &str| line.split_whitespace().next().and_then(|text| text.parse::<Timestamp>().ok());
    let lasted = |line: &str| -> Option<u64> { line.split_whitespace().find_map(|word| word.strip_prefix("duration_ms="))?.parse().ok() };
    let calls = log.lines().filter(|line| line.contains(kind) && line.contains("duration_ms="));
    calls
        .map(|line| {
            let (end, lasted) = (time(line).expect("a time"), lasted(line).expect("a duration"));
            (end - Duration::from_millis(lasted), end)
        })
        .collect()
}

/// What changes something.
fn mutations(log: &str) -> Vec<(Timestamp, Timestamp)> {
    calls(log, "provider call")
}

/// It has done nothing but to wait.
fn idle(log: &str) {
    for word in ["provider read", "provider call", "watching; the caches are filled", " next "] {
        assert!(!log.contains(word), "{word}, although it does not lead:\n{log}");
    }
}

async fn metric(operator: &Told) -> bool {
    let metrics = operator.metrics().await;
    match metrics.lines().find_map(|line| line.strip_prefix("switchboard_leader ")) {
        Some("1") => true,
        Some("0") => false,
        other => panic!("switchboard_leader is {other:?}"),
    }
}

async fn alias(world: &World, alias: &str) {
    world.patch("alice", json!({"spec": {"plivo": {"alias": alias}}})).await;
}

async fn killed(case: &str) {
    let (world, first, mut second) = pair(case, &BRIEF).await;
    world.endpoint("alice", json!({"alias": "desk"}), json!({})).await;
    world.ready("alice").await;
    assert!(second.readyz().await.0, "a standby is ready: {:?}", second.readyz().await);
    assert_eq!((metric(&first).await, metric(&second).await), (true, false));
    idle(&second.log());
    let before = lease(&world).await;
    assert_eq!(
        (before.holder_identity.as_deref(), before.lease_transitions, before.lease_duration_seconds),
        (Some("first"), Some(0), Some(12))
    );

    first.kill().await;
    alias(&world, "hall").await;
    second.says("leading lease=").await;
    world.ready("alice").await;
    let log = second.log();
    idle(log.split_once("leading lease=").expect("it leads").0);
    assert!(metric(&second).await);
    eventually("it is ready as the leader", async || second.readyz().await.0.then_some(())).await;
    let after = lease(&world).await;
    assert_eq!((after.holder_identity.as_deref(), after.lease_transitions), (Some("second"), Some(1)));
    assert!(after.acquire_time > before.acquire_time, "{after:?}");
    assert_eq!(world.exactly_one("alice").await["alias"], "hall");
    assert_eq!(world.ledger().await, ["create_endpoint", "update_endpoint"]);
}

async fn ended(case: &str) {
    let (world, first, mut second) = pair(case, &LONG).await;
    let names = names("last", 8);
    world.admin.set_switches(json!({"latency_ms": 200})).await.expect("a switch");
    apply_all(&world, &names).await;
    eventually("a create", async || (creates_sent(&world).await > 0).then_some(())).await;
    first.signal("TERM").await;
    let (well, log) = first.ended().await;
    assert!(well && log.contains("the lease is let go"), "{log}");
    second.says("leading lease=").await;
    all_ready(&world, &names).await;
    exactly_one_each(&world, &names).await;
    assert_eq!((world.effects("create_endpoint").await.len(), creates_sent(&world).await), (8, 8), "executed, sent");
    delete_all(&world, &names).await;
    assert_eq!(lease(&world).await.lease_transitions, Some(1));
    // Who stands by ends well, too, and takes nothing along.
    let mut third = start(case, &world, "third", &LONG, &[]).await;
    third.says("somebody else leads").await;
    third.terminate().await;
    assert_eq!(lease(&world).await.holder_identity.as_deref(), Some("second"));
    second.terminate().await;
    let free = lease(&world).await;
    assert_eq!((free.holder_identity.as_deref(), free.lease_duration_seconds), (Some(""), Some(1)));
}

/// A leader that ends while one of its calls is still on its way keeps its lease: the next one begins when that has expired.
async fn outlasting(case: &str) {
    let patient = ["--lease-duration", "12s", "--update-timeout", "8s", "--shutdown-timeout", "500ms"];
    let (world, first, mut second) = pair(case, &patient).await;
    world.endpoint("alice", json!({"alias": "desk"}), json!({})).await;
    world.ready("alice").await;
    let update = json!({"method": "POST", "path": "/Endpoint/[^/]+/$", "count": 1});
    world.admin.set_faults(json!([{"match": update, "answer": "normal", "delay_ms": 7000}])).await.expect("a fault");
    alias(&world, "hall").await;
    eventually("the update is on its way", async || {
        let requests = world.admin.requests().await.expect("the requests");
        let update = |path: &str| path.contains("/Endpoint/") && !path.ends_with("/Endpoint/");
        requests.iter().any(|request| request.method == "POST" && update(&request.path)).then_some(())
    })
    .await;
    first.signal("TERM").await;
    let (well, log) = first.ended().await;
    assert!(well && log.contains("some passes did not end") && log.contains("the lease is not let go"), "{log}");
    let kept = lease(&world).await;
    assert_eq!(kept.holder_identity.as_deref(), Some("first"), "{log}");
    second.says("leading lease=").await;
    let taken = lease(&world).await;
    let (renewed, acquired) = (kept.renew_time.expect("a time").0, taken.acquire_time.expect("a time").0);
    assert!(acquired >= renewed + Duration::from_secs(12), "renewed at {renewed}, taken at {acquired}");
    world.ready("alice").await;
    assert_eq!(world.exactly_one("alice").await["alias"], "hall");
}

async fn restarted(case: &str) {
    let (world, first, second) = pair(case, &LONG).await;
    let before = lease(&world).await;
    first.kill().await;
    let mut again = start(case, &world, "first", &LONG, &[]).await;
    again.says("leading lease=").await;
    world.endpoint("alice", json!({}), json!({})).await;
    world.ready("alice").await;
    let after = lease(&world).await;
    assert_eq!((after.holder_identity.as_deref(), after.lease_transitions), (Some("first"), Some(0)));
    assert_eq!(after.acquire_time, before.acquire_time, "it was its own all the time");
    idle(&second.log());
}

/// Somebody in the console changes one endpoint after the other: there is always something to correct, and a leader needs no API server for
/// that.
async fn restless(world: &World, ids: impl Iterator<Item = &String>) {
    for id in ids {
        world.admin.patch_endpoint(id, json!({"alias": "elsewhere"})).await.expect("an edit");
        sleep(Duration::from_millis(400)).await;
    }
}

async fn cut_off(case: &str) {
    let world = World::new("leader").await;
    let proxy = Proxy::start(&world, Harm::None, Duration::ZERO).await;
    let brisk = [&BRIEF[..], &["--sweep-period", "300ms"]].concat();
    let mut first = start(case, &world, "first", &brisk, &[("KUBECONFIG", proxy.kubeconfig())]).await;
    first.says("leading lease=").await;
    let mut second = start(case, &world, "second", &brisk, &[]).await;
    second.says("somebody else leads").await;
    let names = names("line", 34);
    join_all(names.iter().map(|name| world.endpoint(name, json!({"alias": "desk"}), json!({})))).await;
    all_ready(&world, &names).await;
    let ids = exactly_one_each(&world, &names).await;
    let before = mutations(&first.log()).len();
    tokio::join!(restless(&world, names[4..].iter().map(|name| &ids[name])), async {
        eventually("it corrects what others do", async || (mutations(&first.log()).len() > before).then_some(())).await;
        proxy.cut();
        world.patch(&names[1], json!({"spec": {"plivo": {"alias": "hall"}}})).await;
        world.delete(&names[2]).await;
        second.says("leading lease=").await;
    });
    let (well, log) = first.ended().await;
    assert!(!well && log.contains("leads no more: it could not be renewed in time"), "{log}");
    world.gone(&names[2]).await;
    let left: Vec<String> = names.iter().filter(|name| **name != names[2]).cloned().collect();
    all_ready(&world, &left).await;
    eventually("all is as it should be", async || {
        let living = world.living().await;
        let wanted = |name: &String| if *name == names[1] { "hall" } else { "desk" };
        left.iter().all(|name| living.get(&ids[name]).is_some_and(|one| one["alias"] == wanted(name))).then_some(())
    })
    .await;
    assert_eq!(world.living().await.len(), left.len());
    assert_eq!(creates_sent(&world).await, names.len(), "one for each endpoint");
    assert_eq!(world.effects("delete_endpoint").await.len(), 1);
    let (old, new) = (mutations(&log), mutations(&second.log()));
    let (last, next) = (old.iter().map(|call| call.1).max().expect("calls"), new.iter().map(|call| call.0).min().expect("calls"));
    assert!(last < next, "the one who is cut off still called at {last}, the other already at {next}");
}

async fn slow(case: &str) {
    let world = World::new("leader").await;
    let proxy = Proxy::start(&world, Harm::None, Duration::ZERO).await;
    // A quarter of what a write may take.
    proxy.slow_lease(Duration::from_millis(500));
    let mut first = start(case, &world, "first", &BRIEF, &[("KUBECONFIG", proxy.kubeconfig())]).await;
    first.says("leading lease=").await;
    let mut second = start(case, &world, "second", &BRIEF, &[]).await;
    second.says("somebody else leads").await;
    let renewed = lease(&world).await.renew_time;
    world.endpoint("alice", json!({"alias": "desk"}), json!({})).await;
    world.ready("alice").await;
    // Several durations long, each with a change: leading goes on.
    for turn in 0..8 {
        alias(&world, &format!("desk-{turn}")).await;
        world.ready("alice").await;
        first.lists(1).await;
    }
    assert!(lease(&world).await.renew_time > renewed);
    idle(&second.log());
    assert_eq!(world.ledger().await, [vec!["create_endpoint"], vec!["update_endpoint"; 8]].concat());
    first.terminate().await;
    second.says("leading lease=").await;
}

async fn too_slow(case: &str) {
    let world = World::new("leader").await;
    let proxy = Proxy::start(&world, Harm::None, Duration::ZERO).await;
    let mut first = start(case, &world, "first", &BRIEF, &[("KUBECONFIG", proxy.kubeconfig())]).await;
    first.says("leading lease=").await;
    let mut second = start(case, &world, "second", &BRIEF, &[]).await;
    second.says("somebody else leads").await;
    world.endpoint("alice", json!({"alias": "desk"}), json!({})).await;
    world.ready("alice").await;
    // So late that the other has taken over when they arrive: they name a version that is no more.
    proxy.slow_lease(Duration::from_secs(24));
    let (well, log) = first.ended().await;
    assert!(!well && log.contains("leads no more: it could not be renewed in time"), "{log}");
    second.says("leading lease=").await;
    alias(&world, "hall").await;
    world.ready("alice").await;
    eventually("the late writes have arrived", async || proxy.lease_writes().contains(&409).then_some(())).await;
    second.lists(3).await;
    let now = lease(&world).await;
    assert_eq!((now.holder_identity.as_deref(), now.lease_transitions), (Some("second"), Some(1)));
    assert_eq!(world.ledger().await, ["create_endpoint", "update_endpoint"]);
}

/// The first one stands still (SIGSTOP) between its decision and its call, the second takes over and goes on.
async fn frozen(case: &str, point: &str) {
    let world = World::new("leader").await;
    let mut first = start(case, &world, "first", &BRIEF, &[("SWITCHBOARD_FAILPOINT", &format!("{point},freeze"))]).await;
    first.says("leading lease=").await;
    let mut second = start(case, &world, "second", &BRIEF, &[]).await;
    second.says("somebody else leads").await;
    world.endpoint("alice", json!({"alias": "desk"}), json!({})).await;
    if point == "update.before" {
        world.ready("alice").await;
        alias(&world, "hall").await;
    }
    first.says(&format!("failpoint {point} reached")).await;
    eventually("it stands still", async || first.is_frozen().then_some(())).await;
    second.says("leading lease=").await;
    world.ready("alice").await;
    let id = endpoint_id(&world.endpoints().get("alice").await.expect("the object"));
    alias(&world, "lobby").await;
    world.ready("alice").await;
    // Two leases and more.
    eventually("so many renewals", async || (calls(&second.log(), "provider read").len() > 8).then_some(())).await;
    sleep(Duration::from_secs(12)).await;
    let (ledger, before) = (world.ledger().await, mutations(&first.log()).len());
    let version = world.endpoints().get("alice").await.expect("the object").metadata.resource_version;

    first.signal("CONT").await;
    let (well, log) = first.ended().await;
    assert!(!well && log.contains("this process leads no more"), "{log}");
    assert_eq!(mutations(&log).len(), before, "it still called:\n{log}");
    second.lists(2).await;
    assert_eq!(world.ledger().await, ledger);
    assert_eq!(creates_sent(&world).await, 1);
    let object = world.endpoints().get("alice").await.expect("the object");
    assert_eq!((endpoint_id(&object), object.metadata.resource_version), (id, version), "nothing of it counted in the cluster either");
    assert_eq!(world.exactly_one("alice").await["alias"], "lobby");
}

async fn uninvited(case: &str) {
    let world = World::new("leader").await;
    let first = start(case, &world, "first", &BRIEF, &[]).await;
    let second = Told::new(&format!("{case}, second"), world.operator_with(&["--no-leader-election"], &[]).await);
    let names = names("desk", 8);
    apply_all(&world, &names).await;
    all_ready(&world, &names).await;
    for name in &names {
        world.patch(name, json!({"spec": {"plivo": {"alias": format!("{name}-edited")}}})).await;
    }
    all_ready(&world, &names).await;
    exactly_one_each(&world, &names).await;
    assert_eq!((world.effects("create_endpoint").await.len(), creates_sent(&world).await), (8, 8), "executed, sent");
    assert_eq!((metric(&first).await, metric(&second).await), (true, true));
    delete_all(&world, &names).await;
    assert_eq!(world.effects("delete_endpoint").await.len(), 8, "each was deleted once");
}

async fn deleted(case: &str) {
    let (world, first, second) = pair(case, &BRIEF).await;
    let before = lease(&world).await;
    leases(&world).delete(world.lease(), &DeleteParams::default()).await.expect("a deletion");
    eventually("it is made again", async || leases(&world).get_opt(world.lease()).await.expect("an answer")).await;
    let after = lease(&world).await;
    let same = |spec: &LeaseSpec| (spec.holder_identity.clone(), spec.acquire_time.clone(), spec.lease_transitions);
    assert_eq!(same(&after), same(&before), "by the one who leads, as it was");
    world.endpoint("alice", json!({}), json!({})).await;
    world.ready("alice").await;
    idle(&second.log());
    drop(first);
}

async fn given_away(case: &str) {
    let (world, first, mut second) = pair(case, &BRIEF).await;
    let patch = json!({"spec": {"holderIdentity": "somebody"}});
    leases(&world).patch(world.lease(), &PatchParams::default(), &Patch::Merge(&patch)).await.expect("a patch");
    let (well, log) = first.ended().await;
    assert!(!well && log.contains(r#"leads no more: "somebody" holds it"#), "{log}");
    // Nobody of that name renews it.
    second.says("leading lease=").await;
    world.endpoint("alice", json!({}), json!({})).await;
    world.ready("alice").await;
}

async fn forbidden(case: &str) {
    let world = World::new("leader").await;
    let elsewhere = support::namespace(&world.client, "lease").await;
    let lease = [&BRIEF[..], &["--lease-namespace", &elsewhere, "--lease-name", "switchboard"]].concat();
    let mut operator = start(case, &world, "first", &lease, &[]).await;
    operator.says(&format!("this ServiceAccount may not get leases.coordination.k8s.io switchboard in the namespace {elsewhere}")).await;
    operator.says("switchboard-leader (deploy/rbac.yaml").await;
    assert_eq!(operator.readyz().await, (false, "waiting for: lease".to_owned()));
    world.endpoint("alice", json!({}), json!({})).await;

    // The Role that deploy/ has, there.
    let metadata = json!({"name": "switchboard-leader"});
    let of = |kind: &str| -> Value {
        let objects = super::rbac::grants::objects(&["rbac.yaml"]);
        let mut object = objects.into_iter().find(|one| one["kind"] == kind && one["metadata"]["name"] == metadata["name"]).expect(kind);
        object["metadata"] = metadata.clone();
        object
    };
    let role: Role = serde_json::from_value(of("Role")).expect("a role");
    let binding: RoleBinding = serde_json::from_value(of("RoleBinding")).expect("a binding");
    Api::namespaced(world.client.clone(), &elsewhere).create(&PostParams::default(), &role).await.expect("a role");
    Api::namespaced(world.client.clone(), &elsewhere).create(&PostParams::default(), &binding).await.expect("a binding");
    operator.says("leading lease=").await;
    world.ready("alice").await;
    eventually("it is ready", async || operator.readyz().await.0.then_some(())).await;
    let log = operator.log();
    assert_eq!(log.matches("may not get leases").count(), 1, "said once:\n{log}");
}

/// One that can only look says so once, is never ready, and does nothing.
async fn unwritable(case: &str) {
    let world = World::new("leader").await;
    let elsewhere = support::namespace(&world.client, "lease").await;
    let metadata = json!({"name": "lookers"});
    let rules = json!([{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get"]}]);
    let role: Role = serde_json::from_value(json!({"metadata": metadata, "rules": rules})).expect("a role");
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "lookers"},
        "subjects": [{"kind": "ServiceAccount", "name": "switchboard", "namespace": "switchboard-system"}],
    }))
    .expect("a binding");
    Api::namespaced(world.client.clone(), &elsewhere).create(&PostParams::default(), &role).await.expect("a role");
    Api::namespaced(world.client.clone(), &elsewhere).create(&PostParams::default(), &binding).await.expect("a binding");

    let log = "info,switchboard=debug,switchboard::controller::leader=trace";
    let lease = [&BRIEF[..], &["--lease-namespace", &elsewhere, "--lease-name", "other", "--log", log]].concat();
    let mut operator = start(case, &world, "first", &lease, &[]).await;
    operator.says("may not create leases.coordination.k8s.io other in the namespace").await;
    let attempts = || operator.log().matches("event=Failed").count();
    let some = attempts();
    eventually("several attempts", async || {
        assert_eq!(operator.readyz().await, (false, "waiting for: lease".to_owned()));
        (attempts() > some + 4).then_some(())
    })
    .await;
    let log = operator.log();
    idle(&log);
    let (_, since) = log.split_once("may not create leases").expect("it said so");
    assert!(!since.contains("may not create leases") && !since.contains("the lease cannot be used"), "said once:\n{log}");
    assert!(!since.contains("the lease can be"), "nothing has been mended:\n{log}");
}
