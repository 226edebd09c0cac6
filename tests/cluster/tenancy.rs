//! ClusterProviderAccounts: whom they serve, with what, what the others are told, and how it ends. One operator that watches all namespaces.

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use sandbox::control_plane::ControlPlane;
use sandbox::plivo::{DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN};
use serde_json::json;
use switchboard::core::key::ObjectKey;
use switchboard::core::tenancy::account_not_found;

mod shared;

use shared::{HOME, Shared, TOKEN, bind, bindings, bound, edited, gone, rebound, said};

use super::observe::{Call, Told as Watched, now};
use super::side_by_side::{self, Told, case};
use super::support;
use super::world::{World, endpoint_id, eventually, merged, reason};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_several_namespaces_serves_whom_it_lists_and_tells_the_others_nothing() {
    let plane = support::own_control_plane("tenants").await;
    let world = World::on(&plane, "tenants", sandbox::plivo::Options::default()).await;
    // First alone, because its operator stops in the middle of something.
    asked_again(&world).await;
    let _operator = Told::new("tenancy", world.operator_everywhere(&[]).await);
    let (world, plane) = (&world, &plane);
    side_by_side::run(vec![
        case("two namespaces and their numbers", |_| served(world)),
        case("nobody is listed", |_| nobody(world)),
        case("numbers", |_| numbers(world)),
        case("adoption", |_| adoption(world)),
        case("who may not have it stands in nobody's way", |_| squatters(world)),
        case("taken off the list", |_| taken_off(world)),
        case("deleted while it is used", |_| in_use(world)),
        case("its brake", |_| braked(world, plane)),
        case("credentials of nobody", |_| junk(world)),
        case("credentials of another account", |_| mismatch(world)),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_single_namespaces_are_watched_there_are_no_accounts_of_several() {
    let world = World::new("single").await;
    let mut operator = Watched::start("single namespaces", &world, &[]).await;
    operator.says("ClusterProviderAccounts are not served").await;
    world.endpoint("alice", json!({}), json!({"accountRef": {"kind": "ClusterProviderAccount", "name": "shared"}})).await;
    let object = world.reason("alice", "AccountNotFound").await;
    assert_eq!(said(&object)[0].message, account_not_found(&ObjectKey::cluster_account("shared")).message);
    let log = operator.log();
    assert_eq!(log.matches("ClusterProviderAccounts are not served").count(), 1, "{log}");
    assert!(!log.contains("clusterprovideraccounts"), "they are not even watched: {log}");
}

/// Who may use an account can change between the decision and the call: it is asked again right before.
async fn asked_again(world: &World) {
    let shared = Shared::new(world, "again").await;
    let tenant = world.beside("tenant").await;
    let (file, name) = (std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(&tenant.namespace), tenant.namespace.clone());
    let _ = std::fs::remove_file(&file);
    let point = format!("update.before,hold={}", file.display());
    let mut operator = Told::new("asked again", world.operator_everywhere_with(&[], &[("SWITCHBOARD_FAILPOINT", &point)]).await);
    shared.allow(&[(&tenant, json!({}))]).await;
    shared.endpoint(&tenant, "alice", json!({"alias": "desk"})).await;
    shared.endpoint(&tenant, "bob", json!({})).await;
    tenant.ready("alice").await;
    tenant.ready("bob").await;
    tenant.patch("alice", json!({"spec": {"plivo": {"alias": "reception"}}})).await;
    operator.says("failpoint update.before reached").await;
    shared.allow(&[]).await;
    tenant.reason("bob", "AccountNotFound").await;
    std::fs::write(&file, name).expect("a file");
    tenant.reason("alice", "AccountNotFound").await;
    assert_eq!(shared.ledger().await, ["create_endpoint"; 2], "decided before, and not sent after");
    shared.allow(&[(&tenant, json!({}))]).await;
    tenant.ready("alice").await;
    assert_eq!(shared.ledger().await, ["create_endpoint", "create_endpoint", "update_endpoint"]);
    for name in ["alice", "bob"] {
        tenant.delete(name).await;
        tenant.gone(name).await;
    }
    operator.terminate().await;
}

async fn served(world: &World) {
    let shared = Shared::new(world, "served").await;
    let (voice, desk) = (world.beside("voice").await, world.beside("desk").await);
    // What a tenant calls so is nobody's credentials.
    voice.secret("served-credentials", &[("auth_id", DEFAULT_AUTH_ID), ("auth_token", DEFAULT_AUTH_TOKEN)]).await;
    for number in ["+14155550101", "+14155550102", "+4930100100"] {
        shared.number(number).await;
    }
    shared.allow(&[(&voice, json!({"numbers": ["+1415"]})), (&desk, json!({"numbers": ["*"]}))]).await;
    shared.endpoint(&voice, "alice", json!({})).await;
    shared.endpoint(&desk, "alice", json!({})).await;
    shared.binding(&voice, "main", "+14155550101").await;
    shared.binding(&desk, "berlin", "+4930100100").await;
    let (one, other) = (endpoint_id(&voice.ready("alice").await), endpoint_id(&desk.ready("alice").await));
    assert_ne!(one, other);
    bound(&voice, "main", "Available").await;
    bound(&desk, "berlin", "Available").await;
    let living = shared.held("endpoints").await;
    assert_eq!(living.keys().collect::<std::collections::BTreeSet<_>>(), [&one, &other].into());
    assert_eq!((shared.alias("+14155550101").await, shared.alias("+4930100100").await), ("main".into(), "berlin".into()));
    assert_eq!(shared.alias("+14155550102").await, "before");
    let account = shared.reason("Available").await;
    assert!(account.finalizers().iter().any(|one| one == switchboard::api::FINALIZER_ACCOUNT), "{account:#?}");
    eventually("all is counted", async || {
        let status = shared.objects().get("served").await.expect("the account").status?;
        let (endpoints, numbers) = (status.endpoints?, status.numbers?);
        ((endpoints.managed, numbers.bound, numbers.unbound) == (2, 2, 1)).then_some(())
    })
    .await;
    let escrow: Api<Secret> = Api::namespaced(world.client.clone(), HOME);
    let kept = escrow.get_opt(&format!("switchboard-escrow-{}", account.uid().expect("a uid"))).await.expect("an answer");
    assert!(kept.is_none(), "its Secret is in the operator's namespace already");
    for (tenant, name) in [(&voice, "main"), (&desk, "berlin")] {
        tenant.delete("alice").await;
        bindings(tenant).delete(name, &DeleteParams::default()).await.expect("a deletion");
        tenant.gone("alice").await;
        gone(tenant, name).await;
    }
    assert!(shared.held("endpoints").await.is_empty());
    assert_eq!(shared.alias("+4930100100").await, "before");
    shared.delete().await;
    shared.gone().await;
}

async fn nobody(world: &World) {
    let shared = Shared::new(world, "nobody").await;
    let tenant = world.beside("tenant").await;
    shared.number("+14155550201").await;
    shared.endpoint(&tenant, "alice", json!({})).await;
    shared.binding(&tenant, "main", "+14155550201").await;
    let absent = said(&tenant.reason("alice", "AccountNotFound").await);
    let unbound = bound(&tenant, "main", "AccountNotFound").await;

    shared.allow(&[]).await;
    shared.reason("Available").await;
    assert_eq!(edited(&tenant, "alice", "AccountNotFound").await, absent, "byte for byte as if there were none");
    assert_eq!(rebound(&tenant, "main", "AccountNotFound").await, unbound);
    // Nor does what may not use it keep it.
    let account = shared.reason("Available").await;
    assert!(account.finalizers().is_empty(), "{account:#?}");
    // A lost status, and a finalizer that was put on by hand: it goes as if there were no account.
    tenant.endpoint("ghost", json!({}), json!({"accountRef": {"kind": "ClusterProviderAccount", "name": "nobody-at-all"}})).await;
    shared.endpoint(&tenant, "mallory", json!({})).await;
    for name in ["ghost", "mallory"] {
        tenant.patch(name, json!({"metadata": {"finalizers": [switchboard::api::FINALIZER_ENDPOINT]}})).await;
        tenant.delete(name).await;
        tenant.gone(name).await;
    }
    assert_eq!(shared.ledger().await, Vec::<String>::new());

    shared.allow(&[(&tenant, json!({"numbers": ["+14155550201"]}))]).await;
    tenant.ready("alice").await;
    bound(&tenant, "main", "Available").await;
}

async fn numbers(world: &World) {
    const NUMBER: &str = "+14155550301";
    let shared = Shared::new(world, "numbers").await;
    let (voice, desk) = (world.beside("voice").await, world.beside("desk").await);
    shared.allow(&[(&voice, json!({"numbers": ["+1415"]})), (&desk, json!({"numbers": ["+49"]}))]).await;
    shared.binding(&voice, "main", NUMBER).await;
    shared.binding(&desk, "main", NUMBER).await;
    let absent = bound(&voice, "main", "NumberNotInAccount").await;
    let refused = bound(&desk, "main", "NumberNotInAccount").await;
    assert_eq!(refused, absent, "byte for byte, whether it is not there or may not be bound");

    shared.number(NUMBER).await;
    bound(&voice, "main", "Available").await;
    assert_eq!(shared.alias(NUMBER).await, "main");
    assert_eq!(rebound(&desk, "main", "NumberNotInAccount").await, refused, "also once it is there, and bound by another");

    // The prefix is taken away: nothing more is written, but what was done is undone with the object.
    shared.allow(&[(&voice, json!({"numbers": ["+1212"]})), (&desk, json!({"numbers": ["+49"]}))]).await;
    assert_eq!(bound(&voice, "main", "NumberNotInAccount").await[0].message, refused[0].message);
    let ledger = shared.ledger().await;
    rebound(&voice, "main", "NumberNotInAccount").await;
    assert_eq!(shared.ledger().await, ledger);
    bindings(&voice).delete("main", &DeleteParams::default()).await.expect("a deletion");
    gone(&voice, "main").await;
    assert_eq!(shared.alias(NUMBER).await, "before");
}

async fn adoption(world: &World) {
    let shared = Shared::new(world, "adoption").await;
    let (voice, desk, any) = (world.beside("voice").await, world.beside("desk").await, world.beside("any").await);
    let (first, second) = (shared.console("reception").await, shared.console("hall").await);
    let listed = |more: &[&str]| json!({"adopt": more});
    shared.allow(&[(&voice, listed(&[&first])), (&desk, json!({})), (&any, listed(&["*"]))]).await;
    shared.adopt(&desk, "front", &first).await;
    let refused = said(&desk.reason("front", "AdoptNotFound").await);
    shared.adopt(&voice, "front", &first).await;
    assert_eq!(endpoint_id(&voice.ready("front").await), first);
    assert_eq!(edited(&desk, "front", "AdoptNotFound").await, refused, "also once another one has it");

    // Any that carries no mark: not what another namespace has made.
    shared.endpoint(&voice, "alice", json!({})).await;
    let alice = endpoint_id(&voice.ready("alice").await);
    shared.adopt(&any, "hall", &second).await;
    any.ready("hall").await;
    shared.adopt(&any, "stolen", &alice).await;
    let marked = any.reason("stolen", "AdoptNotFound").await;
    assert_eq!(said(&marked)[0].message.replace(&alice, "?"), refused[0].message.replace(&first, "?"));
    assert_eq!(shared.ledger().await, ["create_endpoint"]);

    // What is not there is said in the same words.
    voice.delete("front").await;
    voice.gone("front").await;
    world.admin.delete_endpoint(&first).await.expect("a deletion in the console");
    shared.adopt(&voice, "again", &first).await;
    assert_eq!(said(&voice.reason("again", "AdoptNotFound").await), refused, "byte for byte");
    assert_eq!(edited(&desk, "front", "AdoptNotFound").await, refused);

    // Taken off: nothing more is written for it.
    shared.allow(&[(&voice, json!({})), (&any, json!({}))]).await;
    any.reason("hall", "AdoptNotFound").await;
    edited(&any, "hall", "AdoptNotFound").await;
    assert_eq!(shared.ledger().await, ["create_endpoint"]);
    edited(&voice, "alice", "Available").await;
    assert_eq!(shared.ledger().await, ["create_endpoint", "update_endpoint"], "its own it keeps");
}

async fn squatters(world: &World) {
    const NUMBER: &str = "+14155550401";
    let shared = Shared::new(world, "squat").await;
    let (mallory, bob) = (world.beside("mallory").await, world.beside("bob").await);
    shared.number(NUMBER).await;
    let id = shared.console("reception").await;
    // The older ones, and by that the owners if they might.
    shared.adopt(&mallory, "mine", &id).await;
    shared.binding(&mallory, "mine", NUMBER).await;
    for (listed, told) in [(json!({}), "NumberNotInAccount"), (json!({"adopt": ["1"], "numbers": ["+49"]}), "NumberNotInAccount")] {
        shared.allow(&[(&mallory, listed), (&bob, json!({"adopt": [id], "numbers": [NUMBER]}))]).await;
        mallory.reason("mine", "AdoptNotFound").await;
        bound(&mallory, "mine", told).await;
    }
    shared.adopt(&bob, "front", &id).await;
    shared.binding(&bob, "front", NUMBER).await;
    bob.ready("front").await;
    bound(&bob, "front", "Available").await;
    assert_eq!(shared.alias(NUMBER).await, "front");
    mallory.reason("mine", "AdoptNotFound").await;
    // Not even while nobody else claims it.
    bob.delete("front").await;
    bob.gone("front").await;
    edited(&mallory, "mine", "AdoptNotFound").await;
    shared.adopt(&bob, "back", &id).await;
    assert_eq!(endpoint_id(&bob.ready("back").await), id);
    assert_eq!(shared.ledger().await.iter().filter(|op| *op != "update_number").count(), 0);
}

async fn taken_off(world: &World) {
    const NUMBER: &str = "+14155550501";
    let shared = Shared::new(world, "off").await;
    let (voice, desk) = (world.beside("voice").await, world.beside("desk").await);
    shared.number(NUMBER).await;
    let entry = || json!({"numbers": ["*"], "adopt": ["*"]});
    let adopted = shared.console("reception").await;
    shared.allow(&[(&voice, entry()), (&desk, json!({}))]).await;
    shared.endpoint(&voice, "alice", json!({"alias": "alice"})).await;
    shared.endpoint(&voice, "bob", json!({})).await;
    shared.endpoint(&desk, "carol", json!({})).await;
    voice.apply("front", json!({}), merged(shared.spec(), json!({"adopt": {"endpoint_id": adopted}, "deletionPolicy": "Delete"}))).await;
    shared.binding(&voice, "main", NUMBER).await;
    for name in ["alice", "bob", "front"] {
        voice.ready(name).await;
    }
    desk.ready("carol").await;
    bound(&voice, "main", "Available").await;
    let id = endpoint_id(&voice.ready("alice").await);

    shared.allow(&[(&desk, json!({}))]).await;
    let words = account_not_found(&ObjectKey::cluster_account("off")).message;
    for name in ["alice", "bob", "front"] {
        assert_eq!(said(&voice.reason(name, "AccountNotFound").await)[0].message, words);
    }
    assert_eq!(bound(&voice, "main", "AccountNotFound").await[0].message, words);
    let ledger = shared.ledger().await;
    voice.patch("alice", json!({"spec": {"plivo": {"alias": "reception"}}})).await;
    world.admin.patch_endpoint(&id, json!({"alias": "drifted"})).await.expect("an edit in the console");
    shared.endpoint(&voice, "dave", json!({})).await;
    voice.reason("alice", "AccountNotFound").await;
    voice.reason("dave", "AccountNotFound").await;
    assert_eq!(shared.ledger().await, ledger, "nothing but deletions");
    // Its endpoints are listed still; one listing of numbers that was under way may end.
    shared.swept(1).await;
    let since = now(world).await;
    shared.swept(3).await;
    assert_eq!(shared.pages_since(since, Call::NumberPage).await, 0, "nobody has a number there any more");

    for name in ["bob", "front", "dave"] {
        voice.delete(name).await;
        voice.gone(name).await;
    }
    bindings(&voice).delete("main", &DeleteParams::default()).await.expect("a deletion");
    gone(&voice, "main").await;
    assert_eq!(shared.alias(NUMBER).await, "before");
    assert!(!shared.held("endpoints").await.contains_key(&adopted));

    // What it still has there keeps the account, also when a replace takes the finalizer off.
    desk.delete("carol").await;
    desk.gone("carol").await;
    let bare = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    shared.objects().patch("off", &PatchParams::default(), &bare).await.expect("a patch");
    eventually("the finalizer is back", async || {
        let account = shared.objects().get("off").await.expect("the account");
        account.finalizers().iter().any(|one| one == switchboard::api::FINALIZER_ACCOUNT).then_some(())
    })
    .await;
    shared.delete().await;
    let told = shared.message("DeletionRefused").await;
    assert!(told.contains(&format!("SipEndpoint {}/alice uses it", voice.namespace)), "{told}");
    voice.delete("alice").await;
    voice.gone("alice").await;
    shared.gone().await;
    assert!(shared.held("endpoints").await.is_empty());
}

async fn in_use(world: &World) {
    let shared = Shared::new(world, "used").await;
    let (voice, desk, mallory) = (world.beside("voice").await, world.beside("desk").await, world.beside("mallory").await);
    shared.number("+14155550601").await;
    shared.allow(&[(&voice, json!({"numbers": ["*"]})), (&desk, json!({}))]).await;
    shared.endpoint(&voice, "alice", json!({})).await;
    shared.endpoint(&desk, "alice", json!({})).await;
    shared.binding(&voice, "main", "+14155550601").await;
    shared.endpoint(&mallory, "squatter", json!({})).await;
    voice.ready("alice").await;
    desk.ready("alice").await;
    bound(&voice, "main", "Available").await;
    mallory.reason("squatter", "AccountNotFound").await;

    shared.delete().await;
    let told = shared.message("DeletionRefused").await;
    assert!(told.contains("3 objects use it") && told.contains(&format!("SipEndpoint {}/alice", desk.namespace)), "{told}");
    voice.delete("alice").await;
    voice.gone("alice").await;
    desk.delete("alice").await;
    desk.gone("alice").await;
    assert!(shared.objects().get_opt("used").await.expect("an answer").is_some(), "a binding uses it still");
    assert!(shared.message("DeletionRefused").await.contains("PhoneNumberBinding"));
    bindings(&voice).delete("main", &DeleteParams::default()).await.expect("a deletion");
    gone(&voice, "main").await;
    // The one that it does not serve keeps nothing.
    shared.gone().await;
    mallory.reason("squatter", "AccountNotFound").await;
    assert_eq!(shared.alias("+14155550601").await, "before");
    assert!(shared.held("endpoints").await.is_empty());
}

async fn braked(world: &World, plane: &ControlPlane) {
    let shared = Shared::new(world, "braked").await;
    let (voice, desk) = (world.beside("voice").await, world.beside("desk").await);
    shared.allow_with(&[(&voice, json!({})), (&desk, json!({}))], json!({"brake": {"count": 1, "percent": 0}})).await;
    for tenant in [&voice, &desk] {
        for name in ["alice", "bob"] {
            shared.endpoint(tenant, name, json!({})).await;
        }
    }
    for tenant in [&voice, &desk] {
        for name in ["alice", "bob"] {
            tenant.ready(name).await;
        }
    }
    for tenant in [&voice, &desk] {
        for name in ["alice", "bob"] {
            tenant.delete(name).await;
        }
    }
    let told = shared.message("Braked").await;
    let from = told.find("kubectl annotate clusterprovideraccount braked ").unwrap_or_else(|| panic!("no command: {told}"));
    let command: Vec<&str> = told[from..].split_whitespace().skip(1).take_while(|word| *word != "--overwrite").collect();
    let output = tokio::process::Command::new(plane.kubectl()).args(command).env("KUBECONFIG", plane.kubeconfig()).output().await;
    let output = output.expect("kubectl");
    assert!(output.status.success(), "{told}: {output:?}");
    for tenant in [&voice, &desk] {
        for name in ["alice", "bob"] {
            tenant.gone(name).await;
        }
    }
    assert!(shared.held("endpoints").await.is_empty());
}

/// Whoever knows an account's id makes account objects for it, with tokens of nobody, a tiny budget, and claims to what others have.
async fn junk(world: &World) {
    const NUMBERS: [&str; 2] = ["+14155550701", "+14155550702"];
    let shared = Shared::new(world, "junk").await;
    let (mallory, bob) = (world.beside("mallory").await, world.beside("bob").await);
    for number in NUMBERS {
        shared.number(number).await;
    }
    let id = shared.console("reception").await;
    let spec = json!({"budget": {"requestsPer5Seconds": 1}, "sweepPeriodSeconds": 10, "brake": {"count": 1, "percent": 0}});
    mallory.account("stolen", &shared.id, "wrongwrongwrongwrongwrongwrongwrongtoken", spec).await;
    super::observe::account_reason(&mallory, "stolen", "CredentialsRejected").await;
    // The older ones, and by that the owners if they had the account.
    let stolen = json!({"accountRef": {"kind": "ProviderAccount", "name": "stolen"}});
    mallory.apply("squatter", json!({}), merged(stolen.clone(), json!({"adopt": {"endpoint_id": id}}))).await;
    bind(&mallory, "older", NUMBERS[0], &stolen).await;
    bound(&mallory, "older", "AccountNotReady").await;

    shared.allow(&[(&bob, json!({"adopt": [id], "numbers": ["*"]}))]).await;
    shared.adopt(&bob, "front", &id).await;
    for (name, number) in [("first", NUMBERS[0]), ("second", NUMBERS[1])] {
        shared.binding(&bob, name, number).await;
    }
    bob.ready("front").await;
    bound(&bob, "first", "Available").await;
    bound(&bob, "second", "Available").await;
    bind(&mallory, "younger", NUMBERS[1], &stolen).await;
    bound(&mallory, "younger", "AccountNotReady").await;

    // The tiny budget that it asks for is not the account's.
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        shared.endpoint(&bob, name, json!({})).await;
    }
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        bob.ready(name).await;
    }
    for (name, number) in [("first", NUMBERS[0]), ("second", NUMBERS[1])] {
        bindings(&bob).delete(name, &DeleteParams::default()).await.expect("a deletion");
        gone(&bob, name).await;
        assert_eq!(shared.alias(number).await, "before", "given back, to nobody");
    }
    mallory.reason("squatter", "AccountNotReady").await;
}

async fn mismatch(world: &World) {
    const OTHER: &str = "MAMISMATCHED00000000";
    let shared = Shared::new(world, "mismatch").await;
    world.admin.put_account(OTHER, json!({"auth_token": TOKEN})).await.expect("another account");
    let tenant = world.beside("tenant").await;
    shared.allow(&[(&tenant, json!({}))]).await;
    shared.endpoint(&tenant, "alice", json!({"alias": "desk"})).await;
    tenant.ready("alice").await;
    shared.credentials(OTHER, TOKEN).await;
    let told = shared.message("AccountMismatch").await;
    assert!(told.contains("this ClusterProviderAccount is pinned") && told.contains(OTHER), "{told}");
    tenant.until("alice", "told", |object| reason(object) == "AccountNotReady").await;
    let calls = shared.calls().await;
    tenant.patch("alice", json!({"spec": {"plivo": {"alias": "reception"}}})).await;
    tenant.reason("alice", "AccountNotReady").await;
    shared.endpoint(&tenant, "bob", json!({})).await;
    tenant.reason("bob", "AccountNotReady").await;
    assert_eq!(shared.calls().await, calls, "nothing is called in either account");
    let requests = world.admin.requests().await.expect("the requests");
    assert!(requests.iter().all(|one| one.account.as_deref() != Some(OTHER)));
    shared.credentials(&shared.id, TOKEN).await;
    tenant.ready("alice").await;
    tenant.ready("bob").await;
    assert_eq!(shared.ledger().await.iter().filter(|op| *op == "create_endpoint").count(), 2);
}
