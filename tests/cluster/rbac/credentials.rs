//! Scenarios with credentials: in the operator's own namespace, in escrow, and those of phones.

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use sandbox::plivo::{DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN};
use serde_json::{Value, json};
use switchboard::api::{ClusterProviderAccount, FINALIZER_ACCOUNT, ProviderAccount};

use super::super::connection::{hash, meddle};
use super::super::escrow::escrow_of;
use super::super::observe::account_reason;
use super::super::world::{World, eventually};
use super::grants::ACCOUNT;

/// The operator's own namespace.
pub const HOME: &str = ACCOUNT.0;
const NUMBER: &str = "14155550160";

/// A Secret in the operator's own namespace, and a ClusterProviderAccount of the same name that uses it for this world's namespace; what
/// objects say that refer to it.
pub async fn share(world: &World, name: &str, token: &str, number: &str) -> Value {
    home_secret(world, name, token).await;
    let account = json!({
        "apiVersion": "switchboard.dev/v1alpha1", "kind": "ClusterProviderAccount", "metadata": {"name": name},
        "spec": {
            "plivo": {"credentialsSecretRef": {"name": name}},
            "allowedNamespaces": [{"name": world.namespace, "numbers": [format!("+{number}")]}],
        },
    });
    shared(world).patch(name, &PatchParams::apply("tests").force(), &Patch::Apply(&account)).await.expect("a ClusterProviderAccount");
    json!({"accountRef": {"kind": "ClusterProviderAccount", "name": name}})
}

/// Makes or replaces the credentials of an account of several namespaces.
pub async fn home_secret(world: &World, name: &str, token: &str) {
    let values = json!({"auth_id": DEFAULT_AUTH_ID, "auth_token": token});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values});
    let secrets: Api<Secret> = Api::namespaced(world.client.clone(), HOME);
    secrets.patch(name, &PatchParams::apply("tests").force(), &Patch::Apply(&secret)).await.expect("a Secret");
}

fn shared(world: &World) -> Api<ClusterProviderAccount> {
    Api::all(world.client.clone())
}

/// The account of several namespaces as soon as its Ready condition has this reason.
pub async fn shared_reason(world: &World, name: &str, expected: &str) -> ClusterProviderAccount {
    eventually(&format!("{name} is {expected}"), async || {
        let account = shared(world).get(name).await.expect("the account");
        let conditions = account.status.as_ref().map_or(&[][..], |status| &status.conditions);
        conditions.iter().any(|one| one.type_ == "Ready" && one.reason == expected).then_some(account)
    })
    .await
}

/// Deletes an account of several namespaces that nobody uses, and waits until it is gone.
pub async fn unshare(world: &World, name: &str) {
    shared(world).delete(name, &DeleteParams::default()).await.expect("a deletion");
    shared_gone(world, name).await;
}

async fn shared_gone(world: &World, name: &str) {
    eventually("the account goes", async || shared(world).get_opt(name).await.expect("an answer").is_none().then_some(())).await;
}

/// An account of several namespaces, with an endpoint and a number of one that it lists. It is deleted, and waits for both.
pub async fn cluster_account(world: &World) {
    let name = format!("company-{}", world.namespace);
    let by = share(world, &name, DEFAULT_AUTH_TOKEN, NUMBER).await;
    let (before, ivr) = (world.application(&format!("{name}-before")).await, world.application(&format!("{name}-ivr")).await);
    world.number(NUMBER, json!({"app_id": before})).await;
    world.endpoint("ivy", json!({}), by.clone()).await;
    world.binding("main", NUMBER, json!({"app_id": ivr}), by).await;
    world.ready("ivy").await;
    world.bound("main").await;
    assert!(shared_reason(world, &name, "Available").await.finalizers().iter().any(|finalizer| finalizer == FINALIZER_ACCOUNT));
    shared(world).delete(&name, &DeleteParams::default()).await.expect("a deletion");
    shared_reason(world, &name, "DeletionRefused").await;
    world.delete("ivy").await;
    world.delete_binding("main").await;
    world.gone("ivy").await;
    world.binding_gone("main").await;
    assert_eq!(world.app_of(NUMBER).await, before, "given back");
    shared_gone(world, &name).await;
}

/// Credentials are kept in escrow, follow their rotation, serve deletions after their Secret has gone, and go with their account.
pub async fn escrow(world: &World) {
    let (id, tokens) = ("MAESCROW000000000000", ["firstfirstfirstfirstfirstfirstfirsttoken", "othersothersothersothersothersotherstoke"]);
    world.admin.put_account(id, json!({"auth_token": tokens[0]})).await.expect("another account");
    world.account("kept", id, tokens[0], json!({})).await;
    world.endpoint("gina", json!({}), json!({"accountRef": {"name": "kept"}})).await;
    world.ready("gina").await;
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    let uid = accounts.get("kept").await.expect("the account").uid().expect("a uid");
    let holds = async |token: &str| {
        eventually("the escrow is right", async || {
            let data = escrow_of(world, &uid).await?.data.unwrap_or_default();
            (data.get("auth_token")?.0 == token.as_bytes()).then_some(())
        })
        .await;
    };
    holds(tokens[0]).await;
    world.admin.put_account(id, json!({"auth_token": tokens[1]})).await.expect("another token");
    world.account("kept", id, tokens[1], json!({})).await;
    holds(tokens[1]).await;
    account_reason(world, "kept", "Available").await;
    world.secrets().delete("kept-credentials", &DeleteParams::default()).await.expect("a Secret to delete");
    account_reason(world, "kept", "SecretNotFound").await;
    world.delete("gina").await;
    world.gone("gina").await;
    accounts.delete("kept", &DeleteParams::default()).await.expect("a deletion");
    eventually("the account goes", async || accounts.get_opt("kept").await.expect("an answer").is_none().then_some(())).await;
    assert!(escrow_of(world, &uid).await.is_none(), "nothing is left in escrow");
}

/// A phone's password is made and kept, and what the phone needs is written beside it; somebody meddles with it, and it is put right.
pub async fn connection(world: &World) {
    world.apply("paula", json!({"generatePassword": true}), json!({"connectionSecret": {"name": "paula-phone"}})).await;
    world.ready("paula").await;
    let right = eventually("all of it is written", async || {
        world
            .values("paula-phone")
            .await
            .filter(|values| ["username", "password", "domain", "sip_uri"].iter().all(|key| values.contains_key(*key)))
    })
    .await;
    assert_eq!(world.exactly_one("paula").await["password"], hash(&right["password"]), "the stored password is the endpoint's");
    meddle(world, "paula-phone", json!({"stringData": {"username": "wrong"}})).await;
    eventually("it is put right", async || (world.values("paula-phone").await.as_ref() == Some(&right)).then_some(())).await;
    world.delete("paula").await;
    world.gone("paula").await;
}
