//! The scenes at the second provider: a PBX that never registers, and a number that is led to it over a trunk group.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::scene::{PATIENCE, POLL, Scene, text};
use crate::carrierx::{DEFAULT_TOKEN, PARTNER_SID};

const WAIT: &str = "--timeout=60s";
/// The number of `deploy/samples/carrierx-binding-endpoint.yaml`, as the provider writes it.
const NUMBER: &str = "493055550100";

/// An account, an endpoint and a number at CarrierX.
pub(super) async fn applied(scene: &Scene<'_>) -> Result<()> {
    scene.teller.scene(
        "A PBX at another provider, and a number that leads to it",
        "At CarrierX an endpoint is a static peer: it has an address and never registers. A number leads to a trunk group, a trunk of it to\n\
         the endpoint: the operator makes one group with one trunk for each endpoint that numbers are bound to. Somebody's own trunk group\n\
         has the number so far; it is never changed, only pointed away from.",
    );
    scene.secret("carrierx-credentials", &[("token", DEFAULT_TOKEN)]).await?;
    let group = json!({"name": "night-desk"});
    let act = scene.carrierx.create_trunk_group(group.clone());
    let group = scene.console_of("CARRIERX", ("POST", "/trunk_groups"), Some(&group), act, &["name", "trunk_group_sid"]).await?;
    let night_desk = text(&group, "trunk_group_sid").to_owned();
    let number = json!({"phonenumber": NUMBER, "trunk_group_sid": night_desk});
    let act = scene.carrierx.create_did(number.clone());
    scene.console_of("CARRIERX", ("POST", "/dids"), Some(&number), act, &["phonenumber", "trunk_group_sid"]).await?;
    let samples = ["account", "peer", "binding-endpoint"].map(|name| format!("deploy/samples/carrierx-{name}.yaml"));
    let mut args = vec!["apply"];
    args.extend(samples.iter().flat_map(|file| ["-f", file.as_str()]));
    scene.voice(&args).await?;
    scene.voice(&["wait", "--for=condition=Ready", "sipendpoint/pbx-berlin", "phonenumberbinding/berlin", WAIT]).await?;
    scene.voice(&["get", "sipendpoints,phonenumberbindings,provideraccounts"]).await?;
    let registered = r#"jsonpath={.status.conditions[?(@.type=="Registered")].reason}"#;
    scene.voice(&["get", "sipendpoint", "pbx-berlin", "-o", registered]).await?;
    scene.voice(&["wait", "--for=jsonpath={.status.gateways}", "provideraccount/carrierx", WAIT]).await?;
    scene.voice(&["get", "provideraccount", "carrierx", "-o", "jsonpath={.status.gateways}"]).await?;
    let endpoint = scene.value("sipendpoint/pbx-berlin", ".status.endpoint_id").await?;
    let leads = leads_to(scene).await?;
    ensure!(leads == [endpoint.clone()], "+{NUMBER} leads to {leads:?} and not to {endpoint}");
    let ledger = scene.carrierx.ledger().await?;
    let count = |op: &str| ledger.iter().filter(|entry| entry.actor == "api" && entry.op == op).count();
    let counts = ["create_endpoint", "create_trunk_group", "create_trunk", "update_did"].map(count);
    ensure!(counts == [1; 4], "one of each was to be executed, the provider's books say {counts:?}");
    scene.teller.holds(format!("+{NUMBER} leads to endpoint {endpoint} over one trunk group with one trunk, each made once"));
    Ok(())
}

/// Its trunk group is pointed away from in the console.
pub(super) async fn drift(scene: &Scene<'_>) -> Result<()> {
    scene.teller.scene(
        "Somebody renames the PBX in the provider's console, and takes away its number",
        "Its mark stood in the name. The operator knows the endpoint by its id as well, and puts both back.",
    );
    let endpoint = scene.value("sipendpoint/pbx-berlin", ".status.endpoint_id").await?;
    let name = scene.value("sipendpoint/pbx-berlin", ".status.name").await?;
    let edit = json!({"name": "old PBX"});
    let act = scene.carrierx.patch_endpoint(&endpoint, edit.clone());
    scene.console_of("CARRIERX", ("PATCH", &format!("/endpoints/{endpoint}")), Some(&edit), act, &["endpoint_sid", "name"]).await?;
    let edit = json!({"trunk_group_sid": null});
    let act = scene.carrierx.patch_did(NUMBER, edit.clone());
    scene.console_of("CARRIERX", ("PATCH", &format!("/dids/{NUMBER}")), Some(&edit), act, &["phonenumber", "trunk_group_sid"]).await?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let held = of(scene, "endpoints", "endpoint_sid", &endpoint).await?;
        if text(&held, "name") == name && leads_to(scene).await? == [endpoint.clone()] {
            break;
        }
        ensure!(Instant::now() < deadline, "{endpoint} is never {name} again: {held}");
        sleep(POLL).await;
    }
    scene.event("sipendpoint/pbx-berlin", "DriftCorrected").await?;
    scene.teller.holds(format!("{endpoint} is {name} again, and +{NUMBER} leads to it"));
    Ok(())
}

/// All of it is deleted.
pub(super) async fn deleted(scene: &Scene<'_>) -> Result<()> {
    scene.teller.scene(
        "The PBX and its number are deleted in one breath",
        "The number goes back to the night desk, then the trunk group goes, then the endpoint. The night desk's own trunk group stays.",
    );
    scene.voice(&["delete", "phonenumberbinding/berlin", "sipendpoint/pbx-berlin", WAIT]).await?;
    let groups = all(scene, "trunk_groups").await?;
    ensure!(groups.len() == 1 && text(&groups[0], "name") == "night-desk", "only night-desk was to be left: {groups:?}");
    let number = of(scene, "dids", "phonenumber", NUMBER).await?;
    ensure!(number["trunk_group_sid"] == groups[0]["trunk_group_sid"], "+{NUMBER} is not at the night desk: {number}");
    let peers = all(scene, "endpoints").await?.into_iter().filter(|one| text(one, "type") == "third_party").count();
    ensure!(peers == 0, "{peers} endpoints are left");
    let state = scene.carrierx.state().await?;
    let money = [&state["numbers_rented"], &state["numbers_released"], &state["money_spent"]];
    ensure!(money.iter().all(|count| count.as_f64() == Some(0.0)), "a number was rented or released: {money:?}");
    scene.voice(&["delete", "provideraccount", "carrierx", WAIT]).await?;
    scene.teller.say("The ledger of the second provider:");
    for entry in scene.carrierx.ledger().await? {
        let object = if entry.after.is_null() { &entry.before } else { &entry.after };
        let what = ["name", "phonenumber"].map(|member| text(object, member)).concat();
        scene.teller.answer(&format!("{:>2}  {:<8} {:<19} {what}", entry.seq, entry.actor, entry.op));
    }
    scene.teller.holds(format!("+{NUMBER} is at the night desk, as in the beginning; nothing else is left, and no money was spent"));
    Ok(())
}

/// The endpoints that the number leads to.
async fn leads_to(scene: &Scene<'_>) -> Result<Vec<String>> {
    let number = of(scene, "dids", "phonenumber", NUMBER).await?;
    let group = of(scene, "trunk_groups", "trunk_group_sid", text(&number, "trunk_group_sid")).await?;
    let trunks = group["trunks"].as_array().cloned().unwrap_or_default();
    Ok(trunks.iter().map(|trunk| text(trunk, "endpoint_sid").to_owned()).collect())
}

/// What the provider holds of a kind.
async fn all(scene: &Scene<'_>, kind: &str) -> Result<Vec<Value>> {
    let state = scene.carrierx.state().await?;
    state["accounts"][PARTNER_SID][kind].as_array().cloned().with_context(|| format!("the simulator's state has no {kind}"))
}

/// The one of them with this member; null if there is none.
async fn of(scene: &Scene<'_>, kind: &str, member: &str, value: &str) -> Result<Value> {
    Ok(all(scene, kind).await?.into_iter().find(|one| text(one, member) == value).unwrap_or(Value::Null))
}
