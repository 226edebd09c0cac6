//! What a provider shows that has no login of a phone: a bearer token, logins of addresses, and what it tells in every answer unasked.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams};
use sandbox::canaries;
use sandbox::carrierx::Options;
use sandbox::control_plane::ControlPlane;
use sandbox::plivo::{self, Simulator};
use serde_json::{Value, json};
use switchboard::api::ProviderAccount;

use super::{HOME, Search, end, own_objects, talkative};
use crate::observe::{account_message, account_reason};
use crate::support;
use crate::world::{World, eventually, reason};

const NUMBER: &str = "15162065574";

/// What CarrierX, or a proxy before it, answers once to a call: everything that was in the request.
fn page(said: &str) -> Value {
    json!({"answer": {"status": 503, "body": format!("<html><body><p>{}</p></body></html>", canaries::html(said))}, "execute": false})
}

fn refusal(said: &str) -> Value {
    let body = json!({"message": "object validation error", "errors": [{"field": said, "message": said, "reference_sid": said}]});
    json!({"answer": {"status": 422, "body": body}, "execute": false})
}

fn conflict(said: &str) -> Value {
    let body = json!({"message": format!("conflict error {said}"), "errors": [{"field": null, "message": format!("{said:?}")}]});
    json!({"answer": {"status": 409, "body": body}, "execute": false})
}

fn nonsense(said: &str) -> Value {
    json!({"answer": {"status": 200, "headers": {"server": said}, "body": [said]}, "execute": false})
}

async fn breaks(world: &World, calls: &[(&str, &str, Value)]) {
    let rules = calls.iter().map(|(method, path, fault)| {
        let mut rule = fault.clone();
        rule["match"] = json!({"method": method, "path": path, "count": 1});
        rule
    });
    world.carrierx().await.admin().set_faults(rules.collect()).await.expect("a fault script");
}

/// The only endpoint of this type.
async fn of_type(world: &World, kind: &str) -> Value {
    let all = world.carrierx_living("endpoints").await;
    all.into_values().find(|one| one["type"] == kind).unwrap_or_else(|| panic!("no {kind}"))
}

async fn capacity(world: &World, capacity: u32) {
    world.patch("alice", json!({"spec": {"carrierx": {"capacity": capacity}}})).await;
}

/// Credentials are refused, in answers that repeat them and what was sent with them: first to a change (403), then to whatever is asked with
/// the next token (401). Answers with the token that works in the end.
async fn unauthorised(plane: &ControlPlane, search: &Search, world: &World, user: &str, token: &str) -> String {
    let admin = world.carrierx().await.admin();
    let says = async |status: u16| {
        account_reason(world, "carrierx", "CredentialsRejected").await;
        let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
        let what = format!("CarrierX answered {status}");
        eventually(&what, async || account_message(&accounts.get("carrierx").await.expect("the account")).contains(&what).then_some(()))
            .await;
        search.place(format!("objects, a refusal of credentials with {status}"), own_objects(plane, world).await);
    };
    let given = async |token: &str| {
        admin.rotate_token(token).await.expect("another token");
        world.carrierx_account("carrierx", token, json!({})).await;
    };
    let (out, login) = (search.plant("out_sip_password of a 403"), search.plant("sip_password of a 403"));
    let all = format!("out_sip_password {out}, {user}:{login}, Authorization: Bearer {token}");
    let errors = json!([{"field": all, "message": format!("{all:?}"), "reference_sid": token}]);
    let forbidden = json!({"answer": {"status": 403, "body": {"message": all, "errors": errors}}, "execute": false});
    breaks(world, &[("PATCH", "/endpoints/", forbidden)]).await;
    world.secret("logins", &[("out", &out), ("username", user), ("password", &login)]).await;
    says(403).await;

    let bodies: [fn(&str) -> Value; 3] =
        [|all| json!({"message": all, "errors": []}), |all| json!(canaries::html(all)), |all| json!(canaries::url_encoded(all))];
    for (number, body) in bodies.into_iter().enumerate() {
        let token = search.plant(&format!("bearer token {number} that is answered 401"));
        let all = format!("Authorization: Bearer {token}; {token}");
        let headers = json!({"www-authenticate": format!("Bearer realm=\"{token}\""), "x-request": all});
        let answer =
            json!({"match": {"method": "GET"}, "answer": {"status": 401, "headers": headers, "body": body(&all)}, "execute": false});
        let before = admin.requests().await.expect("the requests").len() as u64;
        admin.set_faults(json!([answer])).await.expect("a fault script");
        given(&token).await;
        let asked = async || {
            let requests = admin.requests_since(before).await.expect("the requests");
            requests.iter().any(|request| request.status == Some(401)).then_some(())
        };
        eventually("the next token is tried", asked).await;
        says(401).await;
    }

    admin.clear_faults().await.expect("no faults");
    let third = search.plant("the bearer token after those");
    given(&third).await;
    account_reason(world, "carrierx", "Available").await;
    let rotated = async || (of_type(world, "third_party").await["out_sip_password"] == json!(out)).then_some(());
    eventually("the logins are rotated at last", rotated).await;
    world.ready("alice").await;
    third
}

/// A static peer with all logins there are, led to by a number, and a hosted one, while everything is repeated that was sent.
pub async fn peer(plane: &ControlPlane, search: &Search, number: usize) {
    const NAME: &str = "a static peer";
    let unused = Arc::new(Simulator::start(plivo::Options::default()).await.expect("a simulator"));
    let namespace = support::namespace(&plane.client().await, "canary-carrierx").await;
    let world = World::bare(plane, namespace, unused).await;
    world.consent(&world.namespace).await;
    let [token, out, user, login] =
        ["bearer token", "out_sip_password", "sip_username", "sip_password"].map(|name| search.plant(&format!("CarrierX {name}")));
    let simulator = world.carrierx_with(Options { token: token.clone(), ..Options::default() }).await;
    let admin = simulator.admin();
    admin.create_did(json!({"phonenumber": NUMBER})).await.expect("a number");
    world.carrierx_account("carrierx", &token, json!({})).await;
    // One Secret, so that all of it is in one request.
    let logins = |out: &str, login: &str| [("out", out.to_owned()), ("username", user.clone()), ("password", login.to_owned())];
    let keep = async |out: &str, login: &str| {
        let logins = logins(out, login);
        world.secret("logins", &logins.each_ref().map(|(key, value)| (*key, value.as_str()))).await;
    };
    keep(&out, &login).await;

    let all = format!("out_sip_password {out}, {user}:{login}, Bearer {token}");
    let authorised = format!("Authorization: Bearer {token}, {token}");
    breaks(&world, &[("POST", "/endpoints$", refusal(&all)), ("GET", "/endpoints$", page(&authorised))]).await;
    let operator = talkative(&world, number).await;
    let spec = json!({
        "out_sip_username": "trunk", "outSipPasswordSecretRef": {"name": "logins", "key": "out"},
        "addresses": [{"ip": "203.0.113.7", "sipCredentialsSecretRef": {"name": "logins"}}],
    });
    world.carrierx_endpoint("alice", spec, json!({})).await;
    world.reason("alice", "Rejected").await;
    capacity(&world, 2).await;
    world.ready("alice").await;
    let voip = of_type(&world, "third_party").await["voip_token"].as_str().expect("a token").to_owned();
    search.canaries(|canaries| canaries.add("voip_token", &voip));

    // The Secrets themselves hold what is searched for.
    search.gather(&world, &world.namespace).await;
    search.gather(&world, HOME).await;
    let secrets = Api::<Secret>::namespaced(world.client.clone(), &world.namespace).list(&ListParams::default()).await;
    let secrets = serde_json::to_string(&secrets.expect("the Secrets")).expect("JSON");
    let found = search.canaries(|canaries| canaries.find("Secrets", &secrets));
    for planted in ["bearer token", "out_sip_password", "sip_username", "sip_password"] {
        let planted = format!("CarrierX {planted}, in base64");
        assert!(found.iter().any(|hit| hit.what == planted), "the search does not find {planted} in the Secrets: {found:#?}");
    }

    breaks(&world, &[("PATCH", "/endpoints/", nonsense(&authorised)), ("GET", "/endpoints/", page(&authorised))]).await;
    capacity(&world, 3).await;
    world.ready("alice").await;

    let (out, login) = (search.plant("rotated out_sip_password"), search.plant("rotated sip_password"));
    let all = format!("out_sip_password {out}, {user}:{login}, Bearer {token}");
    breaks(&world, &[("PATCH", "/endpoints/", refusal(&all)), ("GET", "/endpoints$", nonsense(&authorised))]).await;
    keep(&out, &login).await;
    let rotated = async || {
        let now = of_type(&world, "third_party").await;
        if reason(&world.endpoints().get("alice").await.expect("the object")) == "Rejected" {
            admin.clear_faults().await.expect("no faults");
            capacity(&world, 4).await;
        }
        (now["out_sip_password"] == json!(out) && now["addresses"][0]["sip_password"] == json!(login)).then_some(())
    };
    eventually("the logins are rotated", rotated).await;
    world.ready("alice").await;
    search.place(format!("objects, {NAME}"), own_objects(plane, &world).await);

    let token = unauthorised(plane, search, &world, &user, &token).await;
    let authorised = format!("Authorization: Bearer {token}, {token}");
    breaks(
        &world,
        &[
            ("POST", "/trunk_groups$", page(&authorised)),
            ("PATCH", "/dids/", conflict(&authorised)),
            ("GET", "/trunk_groups$", nonsense(&authorised)),
            ("GET", "/dids$", page(&authorised)),
        ],
    )
    .await;
    world.binding("main", NUMBER, json!({"endpointRef": {"name": "alice"}}), json!({"accountRef": {"name": "carrierx"}})).await;
    world.bound("main").await;

    // A hosted one comes with a login and a password that nobody asked for.
    world.apply_spec("hall", json!({"accountRef": {"name": "carrierx"}, "carrierx": {"type": "conference"}})).await;
    world.ready("hall").await;
    let properties = of_type(&world, "conference").await["properties"].clone();
    for name in ["login", "password"] {
        let value = properties[name].as_str().unwrap_or_else(|| panic!("no {name} in {properties}")).to_owned();
        search.canaries(|canaries| canaries.add(&format!("hosted {name}"), &value));
    }
    search.place(format!("objects, {NAME}, bound"), own_objects(plane, &world).await);

    breaks(&world, &[("DELETE", "/endpoints/", page(&authorised)), ("DELETE", "/trunk_groups/", conflict(&authorised))]).await;
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    world.delete("alice").await;
    world.gone("alice").await;

    search.gather(&world, &world.namespace).await;
    search.gather(&world, HOME).await;
    end(search, operator, NAME).await;
    // What the provider has is found where it is.
    let state = admin.state().await.expect("the state").to_string();
    let held = search.canaries(|canaries| canaries.find("the provider", &state));
    assert!(held.iter().any(|hit| hit.what.contains("hosted password")), "the search finds nothing in {state}");
}
