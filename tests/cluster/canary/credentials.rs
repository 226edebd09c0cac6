//! Secrets that nobody typed, and those that are kept elsewhere: generated passwords, the credentials of accounts of several namespaces, and
//! those in escrow.

use kube::api::{Api, DeleteParams};
use sandbox::canaries;
use sandbox::control_plane::ControlPlane;
use sandbox::plivo::DEFAULT_AUTH_ID;
use serde_json::json;
use switchboard::api::ProviderAccount;

use super::{Echo, HOME, Search, TALKATIVE, breaks, end, look, own_objects, planted, refusal, settled, talkative};
use crate::escrow::escrow_of;
use crate::observe::{account_reason, event};
use crate::rbac::credentials::{home_secret, share, shared_reason, unshare};
use crate::world::{World, eventually};

/// Says everything that was in the request.
fn page(echo: &Echo) -> serde_json::Value {
    json!({"answer": {"status": 503, "body": format!("<html><body><p>{}</p></body></html>", echo.everything())}, "execute": false})
}

/// The password that is kept in a connection Secret, as soon as there is one; it is searched for from then on.
async fn kept(search: &Search, world: &World, secret: &str) -> String {
    let password = eventually("a generated password is stored", async || world.values(secret).await?.remove("password")).await;
    search.canaries(|canaries| canaries.add(&format!("generated password in {secret}"), &password));
    password
}

/// A password is generated, stored before it is sent, repeated by a provider that refuses it, told to the phone, and lost.
pub async fn generated(plane: &ControlPlane, search: &Search, number: usize) {
    const NAME: &str = "a generated password";
    let (world, mut echo) = planted(plane, search, number).await;
    world.may_write().await;
    let unsent =
        json!([{"match": {"method": "POST", "path": "/Endpoint/$"}, "answer": {"status": 503, "body": "broken"}, "execute": false}]);
    world.admin.set_faults(unsent).await.expect("a fault script");
    let operator = talkative(&world, number).await;
    let phone = |name: &str| json!({"connectionSecret": {"name": format!("{name}-phone")}});
    world.apply("alice", json!({"generatePassword": true, "alias": "first"}), phone("alice")).await;
    // Stored before it is sent, so it is known before the provider can repeat it.
    echo.password = kept(search, &world, "alice-phone").await;
    let echoed = |echo: &Echo| refusal(json!(echo.everything()));
    breaks(&world, &[("POST", "/Endpoint/$", true)], echoed, &mut echo).await;
    settled(&world, true, "again").await;
    let status = world.ready("alice").await.status.expect("a status");
    let (user, uri) = (status.username.expect("a username"), status.sip_uri.expect("a URI"));
    let realm = uri.rsplit('@').next().expect("a domain");
    search.canaries(|canaries| canaries.add_login("generated password", &user, realm, &echo.password));
    search.gather(&world, &world.namespace).await;
    breaks(&world, &[("POST", "/Endpoint/[0-9]+/$", false), ("GET", "/Endpoint/$", false)], echoed, &mut echo).await;
    world.patch("alice", json!({"spec": {"plivo": {"alias": "second"}}})).await;
    settled(&world, true, "third").await;

    world.secrets().delete("alice-phone", &DeleteParams::default()).await.expect("a Secret to delete");
    world.reason("alice", "SecretNotFound").await;
    search.place(format!("objects, {NAME}"), own_objects(plane, &world).await);
    world.delete("alice").await;
    world.gone("alice").await;
    // One that is left at the provider, to prove the search there.
    world.apply("bob", json!({"generatePassword": true}), phone("bob")).await;
    world.ready("bob").await;
    look(search, &world, operator, NAME, &echo.password).await;
}

/// An account of several namespaces, its credentials in the operator's namespace, rejected and replaced; an endpoint and a number with an
/// alias, while the provider repeats everything.
pub async fn shared(plane: &ControlPlane, search: &Search) {
    const NAME: &str = "an account of several namespaces";
    const NUMBER: &str = "14155550170";
    let (world, mut echo) = planted(plane, search, 0).await;
    let company = format!("company-{}", world.namespace);
    let by = share(&world, &company, &echo.token, NUMBER).await;
    let (before, ivr) = (world.application("before").await, world.application("ivr").await);
    world.number(NUMBER, json!({"app_id": before, "alias": "old alias"})).await;
    breaks(&world, &[("POST", "/Number/[0-9]+/$", false), ("GET", "/Number/[0-9]+/$", false)], page, &mut echo).await;
    let operator = world.operator_everywhere_with(&["--log", "trace"], TALKATIVE).await;
    world.endpoint("alice", json!({}), by.clone()).await;
    let bound = crate::world::merged(by, json!({"alias": "front desk"}));
    world.binding("main", NUMBER, json!({"app_name": "ivr"}), bound).await;
    world.ready("alice").await;
    world.bound("main").await;
    world.answered_by(NUMBER, &ivr).await;
    let header = |echo: &Echo| refusal(json!(format!("Basic {}", canaries::base64(&format!("{DEFAULT_AUTH_ID}:{}", echo.token)))));
    breaks(&world, &[("POST", "/Number/[0-9]+/$", false)], header, &mut echo).await;
    world.patch_binding("main", json!({"spec": {"alias": "reception"}})).await;
    world.binding_reason("main", "Rejected").await;
    world.patch_binding("main", json!({"spec": {"alias": "second floor"}})).await;
    world.bound("main").await;
    search.gather(&world, HOME).await;
    search.place(format!("objects, {NAME}"), own_objects(plane, &world).await);

    let token = search.plant("the new token of several namespaces");
    search.canaries(|canaries| canaries.basic("the new token of several namespaces", DEFAULT_AUTH_ID, &token));
    world.admin.put_account(DEFAULT_AUTH_ID, json!({"auth_token": token})).await.expect("another token");
    shared_reason(&world, &company, "CredentialsRejected").await;
    search.place(format!("rejected, {NAME}"), own_objects(plane, &world).await);
    home_secret(&world, &company, &token).await;
    shared_reason(&world, &company, "Available").await;
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    assert_eq!(world.app_of(NUMBER).await, before, "given back");
    world.endpoint("bob", json!({}), json!({})).await;
    world.account("plivo", DEFAULT_AUTH_ID, &token, json!({})).await;
    // One that is left at the provider, to prove the search there.
    world.secret("bob-sip", &[("password", &echo.password)]).await;
    world.ready("bob").await;
    world.delete("alice").await;
    world.gone("alice").await;
    unshare(&world, &company).await;
    look(search, &world, operator, NAME, &echo.password).await;
}

/// The Secret of the account goes while the operator is down: what is in escrow serves deletions, while the provider repeats everything.
pub async fn escrow(plane: &ControlPlane, search: &Search, number: usize) {
    const NAME: &str = "credentials in escrow";
    let (world, mut echo) = planted(plane, search, number).await;
    let operator = talkative(&world, number).await;
    world.secret("bob-sip", &[("password", &echo.password)]).await;
    for name in ["alice", "bob"] {
        world.endpoint(name, json!({}), json!({})).await;
    }
    for name in ["alice", "bob"] {
        world.ready(name).await;
    }
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    let uid = accounts.get("plivo").await.expect("the account").metadata.uid.expect("a uid");
    let secret = escrow_of(&world, &uid).await.expect("an escrow");
    assert_eq!(secret.data.expect("data")["auth_token"].0, echo.token.as_bytes(), "it holds what is searched for");
    end(search, operator, NAME).await;

    world.secrets().delete("plivo-credentials", &DeleteParams::default()).await.expect("a Secret to delete");
    breaks(&world, &[("DELETE", "/Endpoint/[0-9]+/$", false), ("GET", "/Endpoint/$", false)], page, &mut echo).await;
    let operator = talkative(&world, number + 1).await;
    account_reason(&world, "plivo", "SecretNotFound").await;
    world.delete("alice").await;
    world.gone("alice").await;
    event(&world, "plivo", "EscrowUsed").await;
    search.place(format!("objects, {NAME}"), own_objects(plane, &world).await);
    look(search, &world, operator, &format!("{NAME}, after a restart"), &echo.password).await;
}
