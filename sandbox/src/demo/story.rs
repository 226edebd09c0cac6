//! The scenes, in the order in which they are told. Each acts, waits for what must follow, shows it, and checks it.

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use serde_json::{Value, json};

use super::scene::{NAMESPACE, Scene, aligned, text};
use super::{numbers, peer};
use crate::plivo::{DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, md5_hex};

const LOBBY: &str = "deploy/samples/endpoint-retained.yaml";
const WAIT: &str = "--timeout=60s";
const OPERATOR: &str = "--as=system:serviceaccount:switchboard-system:switchboard";

/// Everything between the start and the end; `to_the_end`: the objects are deleted, too.
pub(super) async fn tell(scene: &Scene<'_>, to_the_end: bool) -> Result<()> {
    consent(scene).await?;
    apply(scene).await?;
    phone(scene).await?;
    drift(scene).await?;
    password(scene).await?;
    lost_answer(scene).await?;
    deleted_elsewhere(scene).await?;
    numbers::connection(scene).await?;
    numbers::bound(scene).await?;
    numbers::drift(scene).await?;
    peer::applied(scene).await?;
    peer::drift(scene).await?;
    if to_the_end {
        numbers::restored(scene).await?;
        peer::deleted(scene).await?;
        delete(scene).await?;
    }
    Ok(())
}

async fn consent(scene: &Scene<'_>) -> Result<()> {
    scene.teller.scene(
        "A team's namespace consents",
        "Provider credentials and SIP passwords are in Secrets. The operator reads them only in namespaces that say so.",
    );
    scene.kubectl(&["create", "namespace", NAMESPACE]).await?;
    let may = ["auth", "can-i", "get", "secrets", OPERATOR];
    let before = scene.voice(&may).await?;
    ensure!(before.trim() == "no", "the operator may read Secrets before anybody consented: {before}");
    let binding = [
        "create",
        "rolebinding",
        "switchboard-secret-reader",
        "--clusterrole=switchboard-secret-reader",
        "--serviceaccount=switchboard-system:switchboard",
    ];
    scene.voice(&binding).await?;
    let after = scene.voice(&may).await?;
    ensure!(after.trim() == "yes", "the operator may not read Secrets after the consent: {after}");
    scene.secret("plivo-credentials", &[("auth_id", DEFAULT_AUTH_ID), ("auth_token", DEFAULT_AUTH_TOKEN)]).await?;
    for (name, key) in [("alice-sip", "password"), ("bob-sip", "sip-password"), ("lobby-sip", "password")] {
        scene.secret(name, &[(key, &new_password())]).await?;
    }
    Ok(())
}

async fn apply(scene: &Scene<'_>) -> Result<()> {
    scene.teller.scene(
        "An account and two endpoints are applied",
        "alice says only what she must, bob everything that can be said. The operator adds a mark to the username, made of this cluster\n\
         and the object's namespace and name: by it the endpoint is recognised again without any stored state. Plivo appends digits.",
    );
    let samples = ["account", "endpoint-minimal", "endpoint-all-fields"].map(|name| format!("deploy/samples/{name}.yaml"));
    let mut args = vec!["apply"];
    args.extend(samples.iter().flat_map(|file| ["-f", file.as_str()]));
    scene.voice(&args).await?;
    scene.voice(&["wait", "--for=condition=Ready", "sipendpoint/alice", "sipendpoint/bob", WAIT]).await?;
    scene.voice(&["wait", "--for=jsonpath={.status.endpoints.managed}=2", "provideraccount/plivo", WAIT]).await?;
    scene.voice(&["get", "sipendpoints,provideraccounts"]).await?;
    let columns = "custom-columns=NAME:.metadata.name,ID:.status.endpoint_id,USERNAME:.status.username,ALIAS:.status.alias,APPLICATION:.status.app_id";
    scene.voice(&["get", "sipendpoints", "-o", columns]).await?;
    for name in ["alice", "bob"] {
        recorded(scene, name).await?;
    }
    let created = created(scene, "").await?;
    ensure!(created.len() == 2, "two endpoints were to be created, the provider's books say {created:?}");
    scene.teller.holds("the provider holds exactly these two, under these ids");
    Ok(())
}

async fn phone(scene: &Scene<'_>) -> Result<()> {
    scene.teller.scene("A phone registers as alice", "The operator sees it in its periodic listing of the account.");
    let id = recorded(scene, "alice").await?;
    let phone = json!({"sip_contact": "sip:alice@192.0.2.7:5060", "sip_user_agent": "Telephone 1.6"});
    let path = format!("/registrations/{id}");
    scene.console(("PUT", &path), Some(&phone), scene.plivo.register(&id, phone.clone()), &["username", "sip_registered"]).await?;
    scene.voice(&["wait", "--for=jsonpath={.status.sip_registered}=true", "sipendpoint/alice", WAIT]).await?;
    scene.voice(&["get", "sipendpoints"]).await?;
    let agent = scene.value("sipendpoint/alice", ".status.sip_user_agent").await?;
    ensure!(agent == "Telephone 1.6", "the status shows another phone: {agent}");
    scene.teller.holds(format!("the table shows it, and the status its user agent, {agent}"));
    Ok(())
}

async fn drift(scene: &Scene<'_>) -> Result<()> {
    scene.teller.scene(
        "Somebody edits bob's alias in the provider's console",
        "driftPolicy is Correct unless the object says otherwise: what the object says is put back, and an event tells.",
    );
    let id = recorded(scene, "bob").await?;
    let edit = json!({"alias": "edited"});
    let path = format!("/endpoints/{id}");
    let act = scene.plivo.patch_endpoint(&id, edit.clone());
    let edited = scene.console(("PATCH", &path), Some(&edit), act, &["username", "alias"]).await?;
    ensure!(text(&edited, "alias") == "edited", "the console did not take the edit: {edited}");
    let put_back = |one: &Value| text(one, "endpoint_id") == id && text(one, "alias") == "bob-desk";
    scene.until("bob's alias is put back", |all| all.iter().any(put_back)).await?;
    scene.event("sipendpoint/bob", "DriftCorrected").await?;
    scene.teller.holds("the provider has the alias bob-desk again");
    Ok(())
}

async fn password(scene: &Scene<'_>) -> Result<()> {
    scene.teller.scene(
        "alice's password is changed in its Secret",
        "Nobody touches the SipEndpoint. The new password reaches the provider, which shows an MD5 of what it holds.",
    );
    let before = scene.only("alice").await?;
    let new = new_password();
    let patch = json!({"stringData": {"password": new}}).to_string();
    scene.secretly(&["patch", "secret", "alice-sip", "--type=merge", "-p"], &patch, r#"{"stringData":{"password":"…"}}"#).await?;
    let hash = md5_hex(&new);
    scene.until("the new password is at the provider", |all| all.iter().any(|one| text(one, "password") == hash)).await?;
    scene.event("sipendpoint/alice", "PasswordRotated").await?;
    scene.teller.holds(format!("MD5 at the provider before: {}, now: {hash}", text(&before, "password")));
    Ok(())
}

async fn lost_answer(scene: &Scene<'_>) -> Result<()> {
    scene.teller.scene(
        "The answer to a create is lost",
        "The provider cuts the connection instead of answering, and executes the create a second later all the same. Creating again would\n\
         make a second endpoint; giving up would leak the first. The operator looks for it by the mark, and creates nothing meanwhile.",
    );
    let rule = json!([{
        "match": {"method": "POST", "path": "/Endpoint/$", "count": 1}, "execute": true, "execute_delay_ms": 1000, "answer": "cut_after",
    }]);
    scene.console(("PUT", "/faults"), Some(&rule), scene.plivo.set_faults(rule.clone()), &[]).await?;
    let requests = scene.plivo.requests().await?.len() as u64;
    let columns = concat!(
        "custom-columns=NAME:.metadata.name,READY:.status.conditions[?(@.type==\"Ready\")].status,",
        "REASON:.status.conditions[?(@.type==\"Ready\")].reason,ID:.status.endpoint_id",
    );
    let watch = scene.watch(&["get", "sipendpoints", "--field-selector=metadata.name=lobby", "--watch", "-o", columns])?;
    scene.voice(&["apply", "-f", LOBBY]).await?;
    scene.printed(&watch, "AwaitingEvidence").await?;
    scene.voice(&["get", "sipendpoint", "lobby", "-o", "jsonpath={.status.conditions[?(@.type==\"Ready\")].message}"]).await?;
    scene.voice(&["wait", "--for=condition=Ready", "sipendpoint/lobby", WAIT]).await?;
    let id = recorded(scene, "lobby").await?;
    let seen = scene.printed(&watch, &id).await?;
    drop(watch);
    scene.teller.say("What the watch saw:");
    scene.teller.answer(&aligned(&seen));

    let sent = scene.plivo.requests_since(requests).await?;
    let creates: Vec<_> = sent.iter().filter(|request| request.method == "POST" && request.path.ends_with("/Endpoint/")).collect();
    scene.teller.say("The provider's books:");
    for request in &creates {
        let answer = if request.answered { "answered" } else { "connection cut, no answer" };
        scene.teller.answer(&format!("POST {}  executed: {}  {answer}", request.path, request.executed));
    }
    ensure!(creates.iter().any(|request| request.executed && !request.answered), "no answer was lost: {creates:?}");
    let created = created(scene, "lobby").await?;
    ensure!(created == [id.clone()], "lobby was created as {created:?}, and {id} is recorded");
    scene.teller.holds(format!("one create was executed for lobby, one endpoint exists, and it is the recorded one: {id}"));
    Ok(())
}

async fn deleted_elsewhere(scene: &Scene<'_>) -> Result<()> {
    scene.teller.scene(
        "Somebody deletes bob's endpoint in the provider's console",
        "externalDeletionPolicy is Recreate here. One \"not found\" is no proof: two complete listings have to agree first. The new endpoint\n\
         has another SIP URI, which cannot be helped, so a Warning says it.",
    );
    let id = recorded(scene, "bob").await?;
    let old = scene.value("sipendpoint/bob", ".status.sip_uri").await?;
    let act = async { scene.plivo.delete_endpoint(&id).await.map(|()| Value::Null) };
    scene.console(("DELETE", &format!("/endpoints/{id}")), None, act, &[]).await?;
    scene.until("bob's endpoint is there again", |all| all.iter().any(|one| text(one, "username").starts_with("bob"))).await?;
    scene.voice(&["wait", "--for=condition=Ready", "sipendpoint/bob", WAIT]).await?;
    let events = scene.event("sipendpoint/bob", "Recreated").await?;
    recorded(scene, "bob").await?;
    let new = scene.value("sipendpoint/bob", ".status.sip_uri").await?;
    let username = scene.value("sipendpoint/bob", ".status.username").await?;
    ensure!(new != old && new.contains(&username), "the SIP URI was {old} and is {new}, for the username {username}");
    ensure!(events.contains(&old) && events.contains(&new), "no event names {old} and {new}:\n{events}");
    scene.teller.holds(format!("{old} became {new}"));
    Ok(())
}

async fn delete(scene: &Scene<'_>) -> Result<()> {
    scene.teller.scene(
        "The objects are deleted",
        "Each goes once its endpoint is gone at the provider. lobby's stays: its manifest says deletionPolicy: Retain.",
    );
    let uri = scene.value("sipendpoint/lobby", ".status.sip_uri").await?;
    scene.voice(&["delete", "sipendpoints", "--all", WAIT]).await?;
    let left = scene.endpoints().await?;
    ensure!(left.len() == 1 && text(&left[0], "sip_uri") == uri, "only {uri} was to be left, the provider holds {left:?}");
    scene.teller.holds(format!("one endpoint is left at the provider: {uri}"));

    scene.teller.scene(
        "The retained endpoint is found again",
        "Nothing in the cluster remembers it. An object of the same name finds it by its mark; then it is deleted for good.",
    );
    scene.voice(&["apply", "-f", LOBBY]).await?;
    scene.voice(&["wait", "--for=condition=Ready", "sipendpoint/lobby", WAIT]).await?;
    let again = scene.value("sipendpoint/lobby", ".status.sip_uri").await?;
    ensure!(again == uri && created(scene, "lobby").await?.len() == 1, "lobby was {uri} and is {again}");
    scene.teller.holds("the same SIP URI as before, and nothing was created");
    scene.voice(&["patch", "sipendpoint", "lobby", "--type=merge", "-p", r#"{"spec":{"deletionPolicy":"Delete"}}"#]).await?;
    scene.voice(&["delete", "sipendpoint", "lobby", WAIT]).await?;
    scene.voice(&["delete", "provideraccount", "plivo", WAIT]).await?;
    books(scene).await
}

/// The provider's books at the end.
async fn books(scene: &Scene<'_>) -> Result<()> {
    let left = scene.endpoints().await?;
    ensure!(left.is_empty(), "endpoints are left at the provider: {left:?}");
    let ledger = scene.plivo.ledger().await?;
    scene.teller.say("The provider's ledger, everything that was ever executed there:");
    for entry in &ledger {
        let object = if entry.after.is_null() { &entry.before } else { &entry.after };
        let what = ["username", "app_name", "number"].map(|member| text(object, member)).concat();
        scene.teller.answer(&format!("{:>2}  {:<8} {:<19} {what}", entry.seq, entry.actor, entry.op));
    }
    let count = |op: &str| ledger.iter().filter(|entry| entry.actor == "api" && entry.op == op).count();
    let counts = (count("create_endpoint"), count("update_endpoint"), count("delete_endpoint"), count("update_number"));
    ensure!(counts == (5, 2, 4, 3), "5 creates, 2 updates, 4 deletions and 3 updates of the number were to be seen, not {counts:?}");
    scene
        .teller
        .holds("no endpoint is left at the provider. The operator made 5 (bob's twice), updated 2, deleted 4; the console deleted 1");
    scene.teller.holds("the number was updated 3 times: bound, put back, restored");
    Ok(())
}

/// 24 letters and digits, as the samples tell people to make.
fn new_password() -> String {
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(24).map(char::from).collect()
}

/// The id in the object's status, after a look whether the provider holds exactly this one for it.
async fn recorded(scene: &Scene<'_>, name: &str) -> Result<String> {
    let endpoint = scene.only(name).await?;
    let id = scene.value(&format!("sipendpoint/{name}"), ".status.endpoint_id").await?;
    let living = text(&endpoint, "endpoint_id");
    ensure!(id == living, "{name} has {id:?} recorded, the provider holds {living}");
    Ok(id)
}

/// The ids of the endpoints that the operator ever created with a username that begins like this, by the provider's ledger.
async fn created(scene: &Scene<'_>, name: &str) -> Result<Vec<String>> {
    let ledger = scene.plivo.ledger().await.context("no ledger")?;
    let created = ledger.into_iter().filter(|entry| entry.op == "create_endpoint" && entry.actor == "api");
    Ok(created.filter(|entry| text(&entry.after, "username").starts_with(name)).map(|entry| entry.id).collect())
}
