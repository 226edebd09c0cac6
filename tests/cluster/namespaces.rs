//! A namespace goes with everything in it: account, Secrets, consent, endpoints and bindings. Whatever goes first, the provider ends up
//! empty, numbers as they were, and the namespace gone. The API server lets nobody create anything in a namespace that is being deleted, so
//! nothing of this can rest on that.

use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use switchboard::api::{PhoneNumberBinding, ProviderAccount};

use super::cases::{all, case};
use super::escrow::escrow_of;
use super::observe::Told;
use super::world::{World, eventually};

const NUMBER: &str = "14155550123";

/// What happens, one after the other.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The Secret of the account is deleted.
    Secret,
    /// Consent is withdrawn.
    Consent,
    /// The account object is deleted, which it takes note of.
    Account,
    /// The endpoints and the binding are deleted.
    Objects,
    /// The namespace is deleted, and with it whatever the namespace controller comes by.
    Namespace,
    /// No Secret and no consent is left.
    Stripped,
    /// The operator is killed.
    Down,
    /// It is started again.
    Up,
    /// The provider is broken.
    Outage,
    /// The provider is well again.
    Mended,
    /// An endpoint more is made, whose create is not answered, and which is not found.
    Intent,
}

use Step::{Account, Consent, Down, Intent, Mended, Namespace as All, Objects, Outage, Secret as Credentials, Stripped, Up};

const ORDERS: [(&str, &[Step]); 13] = [
    ("outage, and a restart in it", &[Outage, All, Stripped, Down, Up, Mended]),
    ("open intent, and a restart", &[Intent, Down, All, Stripped, Up, Mended]),
    ("open intent", &[Intent, All, Stripped, Mended]),
    ("outage meanwhile", &[Outage, All, Stripped, Mended]),
    ("operator down until after", &[Down, All, Stripped, Up]),
    ("Secret and consent, then a restart", &[Credentials, Consent, Down, Up, All]),
    ("Secret, then a restart, then the objects", &[Credentials, Down, Up, Objects, All]),
    ("account, then the operator is down", &[Account, Down, Credentials, All, Stripped, Up]),
    ("all at once", &[All]),
    ("Secret first", &[Credentials, All]),
    ("consent first", &[Consent, All]),
    ("account first", &[Account, All]),
    ("objects first", &[Objects, All]),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_goes_in_any_order_and_leaves_nothing_at_the_provider() {
    all(ORDERS.into_iter().map(|(name, steps)| case(name, go(name, steps))).collect()).await;
}

fn accounts(world: &World) -> Api<ProviderAccount> {
    Api::namespaced(world.client.clone(), &world.namespace)
}

fn bindings(world: &World) -> Api<PhoneNumberBinding> {
    Api::namespaced(world.client.clone(), &world.namespace)
}

/// All numbers of the account, as the provider has them.
async fn numbers(world: &World) -> Value {
    world.admin.state().await.expect("the state")["accounts"][sandbox::plivo::DEFAULT_AUTH_ID]["numbers"].clone()
}

async fn binding(world: &World, app: &str) {
    let object = json!({
        "apiVersion": "switchboard.dev/v1alpha1", "kind": "PhoneNumberBinding", "metadata": {"name": "main"},
        "spec": {"accountRef": {"name": "plivo"}, "number": format!("+{NUMBER}"), "target": {"app_id": app}},
    });
    bindings(world).patch("main", &PatchParams::apply("tests").force(), &Patch::Apply(&object)).await.expect("a binding");
    eventually("the number is bound", async || {
        let status = bindings(world).get("main").await.expect("the binding").status?;
        status.conditions.iter().any(|one| one.type_ == "Ready" && one.reason == "Available").then_some(())
    })
    .await;
}

async fn application(world: &World, name: &str) -> String {
    let made = world.admin.create_application(json!({"app_name": name})).await.expect("an application");
    made["app_id"].as_str().expect("an id").to_owned()
}

async fn go(name: &'static str, steps: &[Step]) {
    let world = World::new("dying").await;
    let (before, after) = (application(&world, "before").await, application(&world, "after").await);
    world.admin.create_number(json!({"number": NUMBER, "app_id": before, "alias": "front"})).await.expect("a number");
    let held = numbers(&world).await;
    let mut operator = Some(Told::start(name, &world, &[]).await);
    for endpoint in ["alice", "bob"] {
        world.endpoint(endpoint, json!({}), json!({})).await;
    }
    for endpoint in ["alice", "bob"] {
        world.ready(endpoint).await;
    }
    binding(&world, &after).await;
    assert_ne!(numbers(&world).await, held, "the number points elsewhere now");
    let uid = accounts(&world).get("plivo").await.expect("the account").uid().expect("a uid");
    assert!(escrow_of(&world, &uid).await.is_some(), "what was made with them can be deleted with them");

    for step in steps {
        take(&world, name, *step, &mut operator).await;
    }
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    eventually("the namespace is gone", async || namespaces.get_opt(&world.namespace).await.expect("an answer").is_none().then_some(()))
        .await;
    assert!(world.living().await.is_empty(), "left behind: {:#?}", world.living().await);
    assert_eq!(numbers(&world).await, held, "the number is as it was");
    assert!(escrow_of(&world, &uid).await.is_none(), "nothing is left in escrow");
    let ledger = world.ledger().await;
    let count = |op: &str| ledger.iter().filter(|one| *one == op).count();
    assert_eq!(count("create_endpoint"), count("delete_endpoint"), "{ledger:?}");
    assert_eq!(count("update_number"), 2, "bound once, given back once: {ledger:?}");
    assert_eq!(ledger.len(), count("create_endpoint") * 2 + 2, "nothing else: {ledger:?}");
}

async fn take(world: &World, name: &'static str, step: Step, operator: &mut Option<Told>) {
    let now = DeleteParams::default();
    let secrets: Api<Secret> = Api::namespaced(world.client.clone(), &world.namespace);
    let consent: Api<RoleBinding> = Api::namespaced(world.client.clone(), &world.namespace);
    match step {
        Step::Secret => drop(secrets.delete("plivo-credentials", &now).await.expect("a Secret to delete")),
        Step::Consent => drop(consent.delete("switchboard-secret-reader", &now).await.expect("consent to withdraw")),
        Step::Account => {
            accounts(world).delete("plivo", &now).await.expect("a deletion");
            super::observe::account_reason(world, "plivo", "DeletionRefused").await;
        }
        Step::Objects => {
            world.delete("alice").await;
            world.delete("bob").await;
            bindings(world).delete("main", &now).await.expect("a deletion");
        }
        Step::Namespace => {
            let namespaces: Api<Namespace> = Api::all(world.client.clone());
            namespaces.delete(&world.namespace, &now).await.expect("a deletion");
        }
        Step::Stripped => {
            eventually("no Secret and no consent is left", async || {
                let all = ListParams::default();
                let left = secrets.list(&all).await.expect("a list").items.len() + consent.list(&all).await.expect("a list").items.len();
                (left == 0).then_some(())
            })
            .await;
        }
        Step::Down => operator.take().expect("it runs").kill().await,
        Step::Up => *operator = Some(Told::start(name, world, &[]).await),
        Step::Outage => {
            let broken = json!([{"execute": false, "answer": {"status": 503, "body": "<html>maintenance</html>"}}]);
            world.admin.set_faults(broken).await.expect("a fault script");
        }
        Step::Mended => world.admin.clear_faults().await.expect("no faults"),
        Step::Intent => {
            let lost = json!([
                {"match": {"method": "POST", "path": "/Endpoint/$", "count": 1}, "execute": true, "answer": "cut_after"},
                {"match": {"method": "GET", "path": "/Endpoint/$"}, "execute": false, "answer": {"status": 503, "body": "broken"}},
            ]);
            world.admin.set_faults(lost).await.expect("a fault script");
            world.endpoint("carol", json!({}), json!({})).await;
            let waits = |object: &switchboard::api::SipEndpoint| super::world::reason(object) == "AwaitingEvidence";
            world.until("carol", "looked for", waits).await;
            let made = world.living().await.len();
            assert_eq!(made, 3, "it was made, and nobody knows");
        }
    }
}
