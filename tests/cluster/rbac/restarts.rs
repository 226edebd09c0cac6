//! What an operator does when it is started again.

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ObjectMeta, PostParams};
use switchboard::api::ProviderAccount;

use super::super::escrow::escrow_of;
use super::super::observe::event;
use super::super::world::{Operator, World, eventually};
use super::credentials::HOME;
use super::numbers;
use super::scenarios::{Environment, end};

/// In a world with an endpoint `raced`. Somebody gets ahead of the first operator with a number; the second one starts without the Secret of
/// the account, gives all back that there is with what is in escrow, and finds what was left behind there.
pub async fn run(world: &World, start: &impl AsyncFn(Environment) -> Operator) {
    let mut operator = start(&[("SWITCHBOARD_FAILPOINT", "previous.before,freeze")]).await;
    let (number, before) = numbers::raced(world, &mut operator).await;
    end(operator).await;

    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    let uid = accounts.get("plivo").await.expect("the account").uid().expect("a uid");
    let forgotten = leave_behind(world, &uid).await;
    world.secrets().delete("plivo-credentials", &DeleteParams::default()).await.expect("a Secret to delete");
    let operator = start(&[]).await;
    world.delete("raced").await;
    world.delete_binding("raced").await;
    world.gone("raced").await;
    world.binding_gone("raced").await;
    assert_eq!(world.app_of(number).await, before, "given back");
    event(world, "plivo", "EscrowUsed").await;
    accounts.delete("plivo", &DeleteParams::default()).await.expect("a deletion");
    eventually("the account goes", async || accounts.get_opt("plivo").await.expect("an answer").is_none().then_some(())).await;
    assert!(escrow_of(world, &uid).await.is_none(), "it goes before the account does");
    eventually("what was left behind goes", async || escrow_of(world, &forgotten).await.is_none().then_some(())).await;
    end(operator).await;
}

/// Credentials in escrow of an account of that name and another uid, which is no more.
async fn leave_behind(world: &World, uid: &str) -> String {
    let own = escrow_of(world, uid).await.expect("an escrow");
    let forgotten = format!("forgotten-{}", world.namespace);
    let metadata = ObjectMeta {
        name: Some(format!("switchboard-escrow-{forgotten}")),
        labels: own.metadata.labels,
        annotations: own.metadata.annotations,
        ..ObjectMeta::default()
    };
    let home: Api<Secret> = Api::namespaced(world.client.clone(), HOME);
    home.create(&PostParams::default(), &Secret { metadata, data: own.data, ..Secret::default() }).await.expect("an escrow");
    forgotten
}
