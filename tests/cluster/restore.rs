//! Restore drills: a cluster is lost, rebuilt, restored or stood in for, and the provider's endpoints are the same as before. The truth
//! is the simulator's ledger; SIP URIs are compared before and after. (`lost_state` has what is lost of single objects.)

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use sandbox::plivo;
use serde_json::json;
use switchboard::api::{ProviderAccount, SipEndpoint};

use super::side_by_side::{self, Told, all, all_ready, apply_all, case, creates_sent, delete_all, exactly_one_each, names};
use super::support;
use super::world::{World, endpoint_id, eventually, reason};

/// The installation id that is pinned in Git, and another one.
const PINNED: [&str; 2] = ["--installation-id", "site-a"];
const OTHER: [&str; 2] = ["--installation-id", "site-b"];

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_rebuilt_elsewhere_finds_what_is_its_own_and_touches_nothing_else() {
    side_by_side::run(vec![
        case("from Git, with the same installation id", same_installation),
        case("from Git, with another installation id", other_installation),
        case("from a backup with status, with another installation id", backup_of_another),
        case("the same cluster, with another installation id", renamed),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_cluster_with_a_suspended_account_writes_nothing_until_it_takes_over() {
    side_by_side::run(vec![case("standby", standby)]).await;
}

/// What people keep in Git: names, specs and Secrets, nothing that a cluster added.
struct Git {
    endpoints: Vec<SipEndpoint>,
    accounts: Vec<ProviderAccount>,
    secrets: Vec<Secret>,
}

impl Git {
    async fn of(world: &World) -> Git {
        let everything = ListParams::default();
        let endpoints = world.endpoints().list(&everything).await.expect("the objects").items;
        let accounts = Api::<ProviderAccount>::namespaced(world.client.clone(), &world.namespace).list(&everything).await;
        let secrets = Api::<Secret>::namespaced(world.client.clone(), &world.namespace).list(&everything).await;
        let named = |name: String| ObjectMeta { name: Some(name), ..ObjectMeta::default() };
        Git {
            endpoints: endpoints.into_iter().map(|one| SipEndpoint::new(&one.name_any(), one.spec)).collect(),
            accounts: accounts
                .expect("the accounts")
                .items
                .into_iter()
                .map(|one| ProviderAccount::new(&one.name_any(), one.spec))
                .collect(),
            secrets: secrets.expect("the Secrets").items.into_iter().map(|one| Secret { metadata: named(one.name_any()), ..one }).collect(),
        }
    }

    /// Applies everything, in the most awkward order.
    async fn apply(&self, world: &World) {
        let params = PatchParams::apply("git").force();
        for object in &self.endpoints {
            world.endpoints().patch(&object.name_any(), &params, &Patch::Apply(object)).await.expect("a SipEndpoint");
        }
        for object in &self.accounts {
            let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
            accounts.patch(&object.name_any(), &params, &Patch::Apply(object)).await.expect("a ProviderAccount");
        }
        for object in &self.secrets {
            let secrets: Api<Secret> = Api::namespaced(world.client.clone(), &world.namespace);
            secrets.patch(&object.name_any(), &params, &Patch::Apply(object)).await.expect("a Secret");
        }
    }
}

/// Id and SIP URI of each, once all are ready; exactly one endpoint lives for each.
async fn endpoints_of(world: &World, names: &[String]) -> BTreeMap<String, (String, String)> {
    all_ready(world, names).await;
    let mut found = BTreeMap::new();
    for name in names {
        let object = world.endpoints().get(name).await.expect("the object");
        let uri = object.status.as_ref().and_then(|status| status.sip_uri.clone()).expect("a SIP URI");
        found.insert(name.clone(), (endpoint_id(&object), uri));
    }
    found
}

/// A cluster whose operator has the pinned id, with endpoints of these names.
async fn cluster(case: &str, names: &[String]) -> (World, Told, BTreeMap<String, (String, String)>) {
    let world = World::new("restore").await;
    let operator = Told::new(case, world.operator_with(&PINNED, &[]).await);
    apply_all(&world, names).await;
    let endpoints = endpoints_of(&world, names).await;
    exactly_one_each(&world, names).await;
    (world, operator, endpoints)
}

/// Nothing but so many creates was ever sent or done.
async fn only_creates(world: &World, count: usize) {
    assert_eq!(world.ledger().await, vec!["create_endpoint"; count]);
    assert_eq!(creates_sent(world).await, count, "sent");
}

async fn same_installation(case: &str) {
    let names = names("desk", 12);
    let (old, operator, before) = cluster(case, &names).await;
    let git = Git::of(&old).await;
    operator.kill().await;

    let new = old.elsewhere(support::second_control_plane()).await;
    let _operator = Told::new(case, new.operator_with(&PINNED, &[]).await);
    git.apply(&new).await;
    assert_eq!(endpoints_of(&new, &names).await, before, "ids and SIP URIs");
    exactly_one_each(&new, &names).await;
    only_creates(&new, names.len()).await;
    delete_all(&new, &names).await;
}

async fn other_installation(case: &str) {
    let names = names("desk", 4);
    let (old, operator, before) = cluster(case, &names).await;
    let git = Git::of(&old).await;
    operator.kill().await;

    let new = old.elsewhere(support::second_control_plane()).await;
    let operator = Told::new(case, new.operator_with(&OTHER, &[]).await);
    git.apply(&new).await;
    let after = endpoints_of(&new, &names).await;
    assert!(
        after.values().all(|(id, uri)| before.values().all(|(old_id, old_uri)| id != old_id && uri != old_uri)),
        "{after:?} {before:?}"
    );
    only_creates(&new, 8).await;
    let account = counted(&new, "the old ones are counted as foreign", |counts| counts == (4, 0, 4)).await;
    let installation = |account: &ProviderAccount| account.status.as_ref().and_then(|status| status.installation.clone());
    let former = Api::<ProviderAccount>::namespaced(old.client.clone(), &old.namespace).get("plivo").await.expect("the account");
    assert!(installation(&account).is_some() && installation(&account) != installation(&former), "{account:#?}");

    for name in &names {
        new.delete(name).await;
    }
    for name in &names {
        new.gone(name).await;
    }
    operator.lists(1).await;
    let ids = |of: &BTreeMap<String, (String, String)>| of.values().map(|(id, _)| id.clone()).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(
        new.living().await.into_keys().collect::<std::collections::BTreeSet<_>>(),
        ids(&before),
        "nothing of the old ones is touched"
    );
    assert_eq!(new.effects("update_endpoint").await.len(), 0);
    let deleted: std::collections::BTreeSet<String> = new.effects("delete_endpoint").await.into_iter().map(|entry| entry.id).collect();
    assert_eq!(deleted, ids(&after));
}

/// A tool that backs objects up with their finalizers and status makes them anew with other uids.
async fn backup_of_another(case: &str) {
    let names = names("desk", 3);
    let (old, operator, before) = cluster(case, &names).await;
    operator.kill().await;
    let git = Git::of(&old).await;
    let new = old.elsewhere(support::second_control_plane()).await;
    Git { endpoints: Vec::new(), ..git }.apply(&new).await;
    for object in old.endpoints().list(&ListParams::default()).await.expect("the objects").items {
        let metadata =
            ObjectMeta { name: Some(object.name_any()), finalizers: object.metadata.finalizers.clone(), ..ObjectMeta::default() };
        let restored = SipEndpoint { metadata, status: None, ..object.clone() };
        let restorer: Api<SipEndpoint> = Api::namespaced(new.backup_tool.clone(), &new.namespace);
        restorer.create(&PostParams::default(), &restored).await.expect("a restored object");
        new.restore_status(&object.name_any(), json!(object.status)).await;
    }
    mismatched(case, &new, &names, &before).await;
}

/// The ledger names another installation than the one that the operator has now.
async fn renamed(case: &str) {
    let names = names("desk", 3);
    let (world, operator, before) = cluster(case, &names).await;
    operator.kill().await;
    mismatched(case, &world, &names, &before).await;
}

/// With the other id nothing is written, whatever is asked for. With the right one everything goes on.
async fn mismatched(case: &str, world: &World, names: &[String], before: &BTreeMap<String, (String, String)>) {
    let operator = Told::new(case, world.operator_with(&OTHER, &[]).await);
    let mismatch = |object: &SipEndpoint| reason(object) == "InstallationMismatch";
    all(world, names, "mismatched", mismatch).await;
    world.patch(&names[0], json!({"spec": {"plivo": {"alias": "front"}}})).await;
    world.delete(&names[1]).await;
    world.until(&names[1], "waiting", |object| object.metadata.deletion_timestamp.is_some() && mismatch(object)).await;
    operator.lists(2).await;
    all(world, names, "mismatched", mismatch).await;
    only_creates(world, names.len()).await;
    for (name, (id, _)) in before {
        assert_eq!(endpoint_id(&world.endpoints().get(name).await.expect("the object")), *id, "{name}");
    }

    operator.kill().await;
    let _operator = Told::new(case, world.operator_with(&PINNED, &[]).await);
    world.gone(&names[1]).await;
    let left = [names[0].clone(), names[2].clone()];
    let mut expected = before.clone();
    expected.remove(&names[1]);
    assert_eq!(endpoints_of(world, &left).await, expected);
    assert_eq!(world.exactly_one(&names[0]).await["alias"], "front");
    let mut ledger = world.ledger().await;
    ledger.sort();
    assert_eq!(ledger, ["create_endpoint", "create_endpoint", "create_endpoint", "delete_endpoint", "update_endpoint"]);
}

async fn standby(case: &str) {
    let names = names("desk", 6);
    let (primary, operator, before) = cluster(case, &names).await;
    let standby = primary.elsewhere(support::second_control_plane()).await;
    let second = Told::new(&format!("{case}: the standby"), standby.operator_with(&PINNED, &[]).await);
    let mut git = Git::of(&primary).await;
    for account in &mut git.accounts {
        account.spec.suspend = true;
    }
    git.apply(&standby).await;
    all(&standby, &names, "suspended", |object| reason(object) == "Suspended").await;
    second.lists(2).await;
    only_creates(&primary, 6).await;

    // Life goes on, and the standby takes no part in it: what it sees is not what its manifests say.
    primary.patch(&names[0], json!({"spec": {"plivo": {"alias": "front"}}})).await;
    primary.ready(&names[0]).await;
    primary.delete(&names[5]).await;
    primary.gone(&names[5]).await;
    second.lists(3).await;
    let life = [vec!["create_endpoint"; 6], vec!["update_endpoint", "delete_endpoint"]].concat();
    assert_eq!(primary.ledger().await, life);
    assert_eq!(creates_sent(&primary).await, 6);
    standby.patch(&names[0], json!({"spec": {"plivo": {"alias": "front"}}})).await;
    standby.delete(&names[5]).await;
    standby.gone(&names[5]).await;

    operator.terminate().await;
    let accounts: Api<ProviderAccount> = Api::namespaced(standby.client.clone(), &standby.namespace);
    let resume = Patch::Merge(json!({"spec": {"suspend": false}}));
    accounts.patch("plivo", &PatchParams::default(), &resume).await.expect("an account that is not suspended");
    let mut expected = before;
    expected.remove(&names[5]);
    assert_eq!(endpoints_of(&standby, &names[..5]).await, expected, "ids and SIP URIs");
    exactly_one_each(&standby, &names[..5]).await;
    second.lists(1).await;
    assert_eq!(standby.ledger().await, life, "nothing was written to take over");
    assert_eq!(creates_sent(&standby).await, 6);
    delete_all(&standby, &names[..5]).await;
}

/// The account object as soon as it has counted (managed, orphaned, foreign) so.
async fn counted(world: &World, what: &str, done: impl Fn((i64, i64, i64)) -> bool) -> ProviderAccount {
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    eventually(what, async || {
        let account = accounts.get("plivo").await.expect("the account");
        // As people see it: a count that is not known yet is not there.
        let counts = json!(account.status.as_ref().and_then(|status| status.endpoints));
        let count = |name: &str| counts[name].as_i64();
        done((count("managed")?, count("orphaned").unwrap_or_default(), count("foreign")?)).then_some(account)
    })
    .await
}

/// One after the other on a control plane of their own: only an operator that watches all namespaces counts orphans, and etcd is
/// restored under it.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_cluster_forgot_is_counted_as_orphaned_and_belongs_to_the_next_object_of_its_name() {
    let mut plane = support::own_control_plane("restored").await;
    let world = World::on(&plane, "forgot", plivo::Options::default()).await;
    let operator = Told::new("forced off", world.operator_everywhere(&PINNED).await);
    forced_off(&world, operator).await;

    let kept = names("kept", 5);
    let mut operator = Told::new("restored while it runs", world.operator_everywhere(&PINNED).await);
    apply_all(&world, &kept).await;
    world.patch(&kept[0], json!({"spec": {"plivo": {"alias": "before"}}})).await;
    let before = endpoints_of(&world, &kept).await;
    // Its answer is lost, and the backup is made while nobody knows what became of it.
    let lost = json!([{"match": {"method": "POST", "path": "/Endpoint/$", "count": 1}, "answer": "cut_after", "execute_delay_ms": 1000}]);
    world.admin.set_faults(lost).await.expect("a fault");
    let open = names("open", 1);
    apply_all(&world, &open).await;
    world.reason(&open[0], "AwaitingEvidence").await;
    let backup = plane.back_up().await.expect("a backup");

    let late = names("late", 5);
    apply_all(&world, &late).await;
    let newer = endpoints_of(&world, &[late.clone(), open.clone()].concat()).await;
    world.patch(&kept[0], json!({"spec": {"plivo": {"alias": "later"}}})).await;
    world.ready(&kept[0]).await;
    world.delete(&kept[1]).await;
    world.gone(&kept[1]).await;
    let git = Git::of(&world).await;
    let creates = world.effects("create_endpoint").await.len();

    plane.restore(&backup).await.expect("a restored control plane");
    operator.says("history went back").await;
    counted(&world, "what came after the backup is orphaned", |(_, orphaned, _)| orphaned >= 5).await;
    // The backup knows this one, and somebody has deleted its endpoint since: that one is made anew.
    world.until(&kept[1], "made anew", |object| reason(object) == "Available" && endpoint_id(object) != before[&kept[1]].0).await;
    eventually("the spec of the backup counts", async || (world.living().await[&before[&kept[0]].0]["alias"] == "before").then_some(()))
        .await;
    git.apply(&world).await;
    let mut expected = newer.clone();
    expected.extend(before.clone());
    expected.remove(&kept[1]);
    let others: Vec<String> = expected.keys().cloned().collect();
    assert_eq!(endpoints_of(&world, &others).await, expected, "ids and SIP URIs");
    let everything = [others, vec![kept[1].clone()]].concat();
    exactly_one_each(&world, &everything).await;
    assert_eq!(world.exactly_one(&kept[0]).await["alias"], "later");
    assert_eq!(world.effects("create_endpoint").await.len(), creates + 1, "the one that was deleted since");
    assert_eq!(creates_sent(&world).await, creates + 1);
    counted(&world, "nothing is orphaned any more", |counts| counts == (11, 0, 0)).await;

    // The same while no operator runs.
    let before = endpoints_of(&world, &everything).await;
    let backup = plane.back_up().await.expect("a backup");
    let last = names("last", 3);
    apply_all(&world, &last).await;
    let mut expected = endpoints_of(&world, &last).await;
    expected.extend(before);
    let git = Git::of(&world).await;
    operator.kill().await;
    let ledger = world.ledger().await;
    plane.restore(&backup).await.expect("a restored control plane");
    let operator = Told::new("restored while none runs", world.operator_everywhere(&PINNED).await);
    counted(&world, "what came after the backup is orphaned", |(_, orphaned, _)| orphaned >= 3).await;
    git.apply(&world).await;
    let everything = [everything, last].concat();
    assert_eq!(endpoints_of(&world, &everything).await, expected, "ids and SIP URIs");
    exactly_one_each(&world, &everything).await;
    operator.lists(1).await;
    assert_eq!(world.ledger().await, ledger, "nothing was written to find them again");
    delete_all(&world, &everything).await;
    plane.stop().await;
}

/// The finalizer is taken off by force and the object goes: its endpoint is left, is counted, and is the next object's.
async fn forced_off(world: &World, operator: Told) {
    let desk = names("desk", 1);
    apply_all(world, &desk).await;
    let before = endpoints_of(world, &desk).await;
    operator.kill().await;
    world.delete(&desk[0]).await;
    let given_up = json!({"switchboard.dev/force-orphan": before[&desk[0]].0});
    world.patch(&desk[0], json!({"metadata": {"annotations": given_up, "finalizers": null}})).await;
    world.gone(&desk[0]).await;

    let operator = Told::new("forced off", world.operator_everywhere(&PINNED).await);
    counted(world, "what is left is orphaned", |(_, orphaned, _)| orphaned >= 1).await;
    operator.lists(2).await;
    only_creates(world, 1).await;
    assert!(world.living().await.contains_key(&before[&desk[0]].0), "it is counted, never deleted");
    apply_all(world, &desk).await;
    assert_eq!(endpoints_of(world, &desk).await, before, "id and SIP URI");
    only_creates(world, 1).await;
    counted(world, "nothing is orphaned any more", |counts| counts == (1, 0, 0)).await;
    delete_all(world, &desk).await;
    operator.kill().await;
}
