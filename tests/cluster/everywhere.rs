//! An operator that watches all namespaces, with a control plane of its own: what it says of endpoints that nobody stands for.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use switchboard::api::{EndpointCounts, ProviderAccount};
use switchboard::core::mark::{Installation, Mark, Place};

use super::support;
use super::world::{World, eventually};

fn accounts(world: &World) -> Api<ProviderAccount> {
    Api::namespaced(world.client.clone(), &world.namespace)
}

/// What the account says as soon as it says this.
async fn counts(world: &World, managed: i32, unmanaged: i32, orphaned: i32, foreign: i32) {
    let expected = EndpointCounts { managed, unmanaged, orphaned: Some(orphaned), foreign };
    eventually(&format!("{expected:?}"), async || {
        let status = accounts(world).get("plivo").await.expect("the account").status;
        (status.and_then(|status| status.endpoints) == Some(expected)).then_some(())
    })
    .await;
}

/// Deletes the object and takes every finalizer off.
async fn force_away(world: &World, name: &str) {
    world.delete(name).await;
    let patch = Patch::Merge(json!({"metadata": {"finalizers": null, "annotations": {"switchboard.dev/force-orphan": "unresolved"}}}));
    // It may be gone already.
    let _ = world.endpoints().patch(name, &PatchParams::default(), &patch).await;
    world.gone(name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_nobody_stands_for_are_counted_and_left_alone() {
    let plane = support::own_control_plane("everywhere").await;
    let world = World::on(&plane, "everywhere", sandbox::plivo::Options::default()).await;
    let carrierx = world.with_carrierx(sandbox::carrierx::Options::default()).await;
    let operator = world.operator_everywhere(&["--installation-id", "first"]).await;
    for name in ["alice", "bob", "carol"] {
        world.endpoint(name, json!({}), json!({})).await;
    }
    for name in ["alice", "bob", "carol"] {
        world.ready(name).await;
    }
    // Of trunk groups as well, where an object needs one.
    world.carrierx_endpoint("pbx", json!({}), json!({})).await;
    carrierx.create_did(json!({"phonenumber": "15162065574"})).await.expect("a number");
    let lead = json!({"endpointRef": {"name": "pbx"}});
    world.binding("main", "15162065574", lead, json!({"accountRef": {"name": "carrierx"}})).await;
    world.bound("main").await;
    let former = Mark::new(Place::Name, &Installation::new("first"), &world.namespace, "former", "desk");
    for name in [former.as_str(), "made in the console"] {
        carrierx.create_trunk_group(json!({"name": name})).await.expect("a trunk group");
    }
    let groups = EndpointCounts { managed: 1, unmanaged: 1, orphaned: Some(1), foreign: 0 };
    eventually("the trunk groups are counted", async || {
        let status = accounts(&world).get("carrierx").await.expect("the account").status;
        (status.and_then(|status| status.trunk_groups) == Some(groups)).then_some(())
    })
    .await;
    let plivo = accounts(&world).get("plivo").await.expect("the account").status.expect("a status");
    assert_eq!(plivo.trunk_groups, None, "Plivo has none");
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    world.delete("pbx").await;
    world.gone("pbx").await;
    eventually("they are not listed any more", async || {
        let status = accounts(&world).get("carrierx").await.expect("the account").status;
        status.is_some_and(|status| status.trunk_groups.is_none()).then_some(())
    })
    .await;
    assert_eq!(world.carrierx_living("trunk_groups").await.len(), 2, "what nobody stands for is left alone");

    world.admin.create_endpoint(json!({"username": "console"})).await.expect("an endpoint made in the console");
    counts(&world, 3, 1, 0, 0).await;

    // Paused, so that its endpoint is left when the finalizer is forced off.
    world.patch("alice", json!({"metadata": {"annotations": {"switchboard.dev/paused": "true"}}})).await;
    world.reason("alice", "Paused").await;
    force_away(&world, "alice").await;
    counts(&world, 2, 1, 1, 0).await;
    operator.kill().await;

    // An object that the operator cannot read, as after a downgrade: it stands for its endpoint all the same.
    let definitions: Api<CustomResourceDefinition> = Api::all(world.client.clone());
    let name = "sipendpoints.switchboard.dev";
    let mut loose = definitions.get(name).await.expect("the definition");
    let schema = loose.spec.versions[0].schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()).expect("a schema");
    let spec = schema.properties.as_mut().and_then(|all| all.get_mut("spec")).expect("spec");
    spec.properties.as_mut().and_then(|all| all.get_mut("driftPolicy")).expect("driftPolicy").enum_ = None;
    definitions.replace(name, &kube::api::PostParams::default(), &loose).await.expect("a looser definition");
    eventually("the looser definition holds", async || {
        let patch = Patch::Merge(json!({"spec": {"driftPolicy": "Ponder"}}));
        world.endpoints().patch("bob", &PatchParams::default(), &patch).await.err().and_then(|error| match error {
            // Stored, and not readable by our types: that is what is wanted.
            kube::Error::SerdeError(_) => Some(()),
            _ => None,
        })
    })
    .await;
    let operator = world.operator_everywhere(&["--installation-id", "first"]).await;
    counts(&world, 2, 1, 1, 0).await;
    operator.kill().await;

    // Another installation knows none of them, and touches none.
    let _operator = world.operator_everywhere(&["--installation-id", "second"]).await;
    counts(&world, 1, 1, 0, 2).await;
    assert_eq!(world.ledger().await, ["create_endpoint"; 3]);
    assert_eq!(world.living().await.len(), 4);
}
