//! Many endpoints at once, in several namespaces and accounts.

use std::collections::BTreeMap;

use futures::future::join_all;
use kube::api::{Api, Patch, PatchParams};
use sandbox::plivo;
use serde_json::json;
use switchboard::api::SipEndpoint;

use super::observe::Told;
use super::support;
use super::world::{World, endpoint_id, eventually, observed, reason};

/// The second account of the simulator.
const SECOND: (&str, &str) = ("MASECOND000000000000", "secondsecondsecondsecondsecondsecondtokn");

#[tokio::test(flavor = "multi_thread")]
async fn twenty_endpoints_at_once_in_three_namespaces_exist_once_each_in_the_account_that_they_name() {
    let mut world = World::new("many-a").await;
    world.admin.put_account(SECOND.0, json!({"auth_token": SECOND.1})).await.expect("a second account");
    let others = [support::namespace(&world.client, "many-b").await, support::namespace(&world.client, "many-c").await];
    let namespaces = [world.namespace.clone(), others[0].clone(), others[1].clone()];
    world.account("second", SECOND.0, SECOND.1, json!({})).await;
    world.secret("sip", &[("password", "hunter22")]).await;
    for other in &others {
        world.consent(other).await;
        world.namespace.clone_from(other);
        world.account("plivo", plivo::DEFAULT_AUTH_ID, plivo::DEFAULT_AUTH_TOKEN, json!({})).await;
        world.account("second", SECOND.0, SECOND.1, json!({})).await;
        world.secret("sip", &[("password", "hunter22")]).await;
    }
    world.namespace.clone_from(&namespaces[0]);
    let operator = Told::start("many", &world, &["--namespace", &others[0], "--namespace", &others[1]]).await;

    // The same names in each namespace, and in the same account: only the mark tells them apart.
    let wanted: Vec<(&String, String, &str)> =
        (0..20).map(|n| (&namespaces[n % 3], format!("line{}", n / 3), if (n / 3) % 2 == 0 { "plivo" } else { "second" })).collect();
    let applied = wanted.iter().map(|(namespace, name, account)| {
        let object = json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": "SipEndpoint", "metadata": {"name": name}, "spec": {
            "accountRef": {"name": account},
            "plivo": {"alias": format!("{namespace}_{name}"), "passwordSecretRef": {"name": "sip", "key": "password"}},
        }});
        let endpoints: Api<SipEndpoint> = Api::namespaced(world.client.clone(), namespace);
        async move { endpoints.patch(name, &PatchParams::apply("tests").force(), &Patch::Apply(&object)).await.expect("a SipEndpoint") }
    });
    join_all(applied).await;

    let mut recorded: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (namespace, name, account) in &wanted {
        let endpoints: Api<SipEndpoint> = Api::namespaced(world.client.clone(), namespace);
        let ready = eventually(&format!("{namespace}/{name} is ready; the operator said\n{}", operator.log()), async || {
            Some(endpoints.get(name).await.expect("the object")).filter(|object| reason(object) == "Available" && observed(object))
        })
        .await;
        let id = if *account == "plivo" { plivo::DEFAULT_AUTH_ID } else { SECOND.0 };
        recorded.insert(endpoint_id(&ready), (id.to_owned(), format!("{namespace}_{name}")));
    }
    assert_eq!(recorded.len(), 20, "each object has an endpoint of its own");

    let state = world.admin.state().await.expect("the state");
    let mut living: BTreeMap<String, (String, String)> = BTreeMap::new();
    for id in [plivo::DEFAULT_AUTH_ID, SECOND.0] {
        for endpoint in state["accounts"][id]["endpoints"].as_array().expect("a list") {
            let text = |name: &str| endpoint[name].as_str().expect("text").to_owned();
            living.insert(text("endpoint_id"), (id.to_owned(), text("alias")));
        }
    }
    assert_eq!(living, recorded);
    assert_eq!(world.ledger().await, ["create_endpoint"; 20]);
}
