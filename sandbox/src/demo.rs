//! `sandbox demo`: the story of some endpoints, told on a real kube-apiserver, with the real operator and a simulated provider.
//! A step that does not hold ends it with an error. Nothing is left running.

mod stage;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use stage::{SETTLE, Stage};

/// The manifests that the story applies, as they are in the repository.
const SAMPLES: [(&str, &str); 5] = [
    ("account.yaml", include_str!("../../deploy/samples/account.yaml")),
    ("consent.yaml", include_str!("../../deploy/samples/consent.yaml")),
    ("endpoint-minimal.yaml", include_str!("../../deploy/samples/endpoint-minimal.yaml")),
    ("endpoint-no-application.yaml", include_str!("../../deploy/samples/endpoint-no-application.yaml")),
    ("endpoint-retained.yaml", include_str!("../../deploy/samples/endpoint-retained.yaml")),
];

/// The columns of every table: what a person wants to see.
const TABLE: &[&str] = &["-n", "voice", "get", "sipendpoints,provideraccounts"];

/// Tells the story; with `keep` everything stays up until it is interrupted.
///
/// # Errors
/// When a step does not hold, or something does not start.
pub async fn run(keep: bool) -> Result<()> {
    let mut stage = Stage::set(&SAMPLES).await?;
    let told = tokio::select! {
        told = story(&mut stage, keep) => told,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    if told.is_err() {
        stage.show_operator_log();
    }
    stage.clear().await;
    told
}

async fn story(stage: &mut Stage, keep: bool) -> Result<()> {
    begin(stage).await?;
    register(stage).await?;
    edit(stage).await?;
    rotate(stage).await?;
    lose_an_answer(stage).await?;
    delete_behind_our_back(stage).await?;
    if keep {
        return stage.stay().await;
    }
    end(stage).await
}

/// From nothing to two endpoints.
async fn begin(stage: &mut Stage) -> Result<()> {
    stage.step("The operator starts, as its ServiceAccount, with the rights of deploy/rbac.yaml and no others");
    stage.start_operator()?;
    stage.step("A namespace lets the operator read its Secrets; an account and two endpoints are applied");
    stage.kubectl(&["create", "namespace", "voice"]).await?;
    stage.kubectl(&["-n", "voice", "apply", "-f", "deploy/samples/consent.yaml"]).await?;
    stage
        .secret("plivo-credentials", &[("auth_id", crate::plivo::DEFAULT_AUTH_ID), ("auth_token", crate::plivo::DEFAULT_AUTH_TOKEN)])
        .await?;
    for name in ["alice-sip", "door-sip", "lobby-sip"] {
        stage.secret(name, &[("password", &stage::password())]).await?;
    }
    stage
        .kubectl(&[
            "-n",
            "voice",
            "apply",
            "-f",
            "deploy/samples/account.yaml",
            "-f",
            "deploy/samples/endpoint-minimal.yaml",
            "-f",
            "deploy/samples/endpoint-no-application.yaml",
        ])
        .await?;
    stage.say("(a new operator assumes that its predecessor has just used up the account's calls, so it begins after 5 s)");
    stage.kubectl(&["-n", "voice", "wait", "--for=condition=Ready", "sipendpoint/alice", "sipendpoint/door", "--timeout=60s"]).await?;
    stage.kubectl(TABLE).await?;
    stage.ledger_is(&["create_endpoint", "create_endpoint"], "each exists once").await
}

/// A phone logs in, and the object says so.
async fn register(stage: &mut Stage) -> Result<()> {
    stage.step("A phone registers with alice's username and password");
    let id = stage.field("alice", "endpoint_id").await?;
    let phone = json!({"sip_contact": "sip:alice@198.51.100.7:5060", "sip_user_agent": "Telephone 1.6", "expires_seconds": 3600});
    stage.say(&format!("(the sandbox's stand-in for a phone: PUT /_sandbox/registrations/{id})"));
    stage.admin.register(&id, phone).await?;
    stage.until("alice shows sip_registered", async |stage: &Stage| Ok(stage.field("alice", "sip_registered").await? == "true")).await?;
    stage.kubectl(TABLE).await?;
    Ok(())
}

/// The spec is edited; then somebody edits the endpoint in the provider's console.
async fn edit(stage: &mut Stage) -> Result<()> {
    stage.step("The alias is written into the spec, and then somebody changes it in the provider's console");
    let patch = r#"{"spec":{"plivo":{"alias":"front-desk"}}}"#;
    stage.kubectl(&["-n", "voice", "patch", "sipendpoint", "alice", "--type=merge", "-p", patch]).await?;
    let id = stage.field("alice", "endpoint_id").await?;
    stage.until("the provider shows front-desk", async |stage: &Stage| Ok(stage.endpoint(&id).await?["alias"] == "front-desk")).await?;
    stage.until("alice is in agreement", async |stage: &Stage| stage.is_ready("alice").await).await?;
    stage.admin.patch_endpoint(&id, json!({"alias": "changed-in-console"})).await?;
    stage.say("in the console the alias is now \"changed-in-console\"");
    stage.until("it is put back", async |stage: &Stage| Ok(stage.endpoint(&id).await?["alias"] == "front-desk")).await?;
    stage.say("at the provider the alias is \"front-desk\" again, and an event says so:");
    stage.event("alice", "DriftCorrected").await
}

/// A new password in the Secret reaches the provider.
async fn rotate(stage: &mut Stage) -> Result<()> {
    stage.step("The password's Secret is changed");
    let id = stage.field("door", "endpoint_id").await?;
    let before = stage.endpoint(&id).await?["password"].clone();
    stage.secret("door-sip", &[("password", &stage::password())]).await?;
    stage.until("the provider has the new password", async |stage: &Stage| Ok(stage.endpoint(&id).await?["password"] != before)).await?;
    stage.event("door", "PasswordRotated").await
}

/// The provider executes a create late and its answer never arrives.
async fn lose_an_answer(stage: &mut Stage) -> Result<()> {
    stage.step("The answer to a create is lost: the connection breaks, and the provider executes it 1.5 s later all the same");
    stage.admin.set_faults(json!([{"match": {"method": "POST", "path": "/Endpoint/$", "count": 1}, "execute": true, "execute_delay_ms": 1500, "answer": "cut_after"}])).await?;
    let seen = stage.admin.ledger().await?.len();
    stage.kubectl(&["-n", "voice", "apply", "-f", "deploy/samples/endpoint-retained.yaml"]).await?;
    stage.until("lobby is AwaitingEvidence", async |stage: &Stage| Ok(stage.reason("lobby").await? == "AwaitingEvidence")).await?;
    let message = r#"-o=jsonpath={.status.conditions[?(@.type=="Ready")].message}"#;
    stage.kubectl(&["-n", "voice", "get", "sipendpoint", "lobby", message]).await?;
    stage.kubectl(&["-n", "voice", "wait", "--for=condition=Ready", "sipendpoint/lobby", "--timeout=60s"]).await?;
    stage.admin.clear_faults().await?;
    let id = stage.field("lobby", "endpoint_id").await?;
    let made: Vec<String> =
        stage.admin.ledger().await?.split_off(seen).into_iter().map(|entry| format!("{} {}", entry.op, entry.id)).collect();
    ensure!(made == [format!("create_endpoint {id}")], "exactly one create was expected, the ledger has {made:?}");
    stage.say(&format!("the provider's ledger holds exactly one: {}", made.join(", ")));
    Ok(())
}

/// Somebody deletes an endpoint in the console.
async fn delete_behind_our_back(stage: &mut Stage) -> Result<()> {
    stage.step("Somebody deletes door in the console; once its absence is proven it is made anew, with a new SIP URI");
    let id = stage.field("door", "endpoint_id").await?;
    stage.admin.delete_endpoint(&id).await?;
    stage
        .until("door has a new endpoint", async |stage: &Stage| {
            let now = stage.field("door", "endpoint_id").await?;
            Ok(!now.is_empty() && now != id && stage.is_ready("door").await?)
        })
        .await?;
    stage.event("door", "Recreated").await?;
    stage.kubectl(TABLE).await?;
    Ok(())
}

/// Everything is deleted, but for what is to be retained.
async fn end(stage: &mut Stage) -> Result<()> {
    stage.step("The objects are deleted; lobby says deletionPolicy: Retain");
    stage.kubectl(&["-n", "voice", "delete", "sipendpoints", "--all", "--wait", "--timeout=60s"]).await?;
    let left = stage.living().await?;
    let names: Vec<&str> = left.iter().filter_map(|endpoint| endpoint["alias"].as_str()).collect();
    ensure!(names == ["lobby"], "only lobby was to be retained, the provider has {names:?}");
    stage.say("at the provider lobby is left, as it was asked for");
    stage.step("lobby is applied again: it is found by its mark, nothing is created; then it is deleted for good");
    let uri = left[0]["sip_uri"].as_str().context("no sip_uri")?.to_owned();
    stage.kubectl(&["-n", "voice", "apply", "-f", "deploy/samples/endpoint-retained.yaml"]).await?;
    stage.kubectl(&["-n", "voice", "wait", "--for=condition=Ready", "sipendpoint/lobby", "--timeout=60s"]).await?;
    ensure!(stage.field("lobby", "sip_uri").await? == uri, "lobby has another SIP URI than before");
    stage.say(&format!("the same SIP URI as before: {uri}"));
    stage
        .kubectl(&["-n", "voice", "patch", "sipendpoint", "lobby", "--type=merge", "-p", r#"{"spec":{"deletionPolicy":"Delete"}}"#])
        .await?;
    stage.kubectl(&["-n", "voice", "delete", "sipendpoint", "lobby", "--wait", "--timeout=60s"]).await?;
    let left: Vec<Value> = stage.living().await?;
    ensure!(left.is_empty(), "the provider still has {left:?}");
    let ledger = stage.admin.ledger().await?;
    let count = |op: &str| ledger.iter().filter(|entry| entry.op == op && entry.actor == "api").count();
    stage.say(&format!(
        "the provider is empty. Its ledger of what the operator did: {} creates (alice, door, lobby, door anew), {} updates, {} deletes (door's first one was deleted in the console)",
        count("create_endpoint"),
        count("update_endpoint"),
        count("delete_endpoint")
    ));
    ensure!((count("create_endpoint"), count("delete_endpoint")) == (4, 3), "4 creates and 3 deletes were expected");
    stage.say(&format!(
        "(time-outs here are those of production divided by {}: --settle {SETTLE:?}; no rule is switched off)",
        Duration::from_secs(150).as_secs() / SETTLE.as_secs()
    ));
    Ok(())
}
