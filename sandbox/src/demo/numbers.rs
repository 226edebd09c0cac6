//! The scenes about what is not an endpoint at the provider: a phone's login, and a phone number.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::scene::{PATIENCE, POLL, Scene, text};
use crate::plivo::{DEFAULT_AUTH_ID, md5_hex};

const WAIT: &str = "--timeout=60s";
/// The number of `deploy/samples/binding-application.yaml`, as the provider writes it.
const NUMBER: &str = "14155550100";
/// Who answers it before anybody binds it.
const NIGHT_DESK: &str = "26638156474000802";
/// The application that the sample names.
const RECEPTION: &str = "16638156474000802";

/// An endpoint whose password nobody has to invent, and the Secret that a phone is set up with.
pub(super) async fn connection(scene: &Scene<'_>) -> Result<()> {
    scene.teller.scene(
        "erin gets a password that nobody had to invent, and a Secret to set up her phone with",
        "Writing Secrets needs a second consent. The password is stored before it is sent: a crash in between loses nothing.",
    );
    scene.voice(&["apply", "-f", "deploy/samples/consent-write.yaml", "-f", "deploy/samples/endpoint-generated-password.yaml"]).await?;
    scene.voice(&["wait", "--for=condition=Ready", "sipendpoint/erin", WAIT]).await?;
    scene.voice(&["describe", "secret", "erin-phone"]).await?;
    let login = decoded(&scene.value("secret/erin-phone", ".data.username").await?)?;
    let username = scene.value("sipendpoint/erin", ".status.username").await?;
    ensure!(login == username, "the Secret says {login}, the status {username}");
    let password = decoded(&scene.value("secret/erin-phone", ".data.password").await?)?;
    let held = scene.only("erin").await?;
    ensure!(text(&held, "password") == md5_hex(&password), "the provider holds another password than the Secret");
    scene.teller.holds(format!("the provider holds the password of the Secret for {login} (compared by its MD5)"));
    Ok(())
}

/// A number is bound.
pub(super) async fn bound(scene: &Scene<'_>) -> Result<()> {
    scene.teller.scene(
        "A phone number is bound",
        "The account has rented it long ago, and the night desk answers it. What was there before is written into status before anything\n\
         is changed. Numbers cost money: the operator never rents and never releases one, and has no code to do so.",
    );
    let application = json!({"app_name": "night-desk", "app_id": NIGHT_DESK});
    let act = scene.plivo.create_application(application.clone());
    scene.console(("POST", "/applications"), Some(&application), act, &["app_id", "app_name"]).await?;
    let number = json!({"number": NUMBER, "app_id": NIGHT_DESK, "alias": "hotline"});
    let act = scene.plivo.create_number(number.clone());
    scene.console(("POST", "/numbers"), Some(&number), act, &["number", "application"]).await?;
    scene.voice(&["apply", "-f", "deploy/samples/binding-application.yaml"]).await?;
    scene.voice(&["wait", "--for=condition=Ready", "phonenumberbinding/hotline", WAIT]).await?;
    scene.voice(&["get", "phonenumberbindings"]).await?;
    scene.voice(&["get", "phonenumberbinding", "hotline", "-o", "jsonpath={.status.previous}"]).await?;
    answered_by(scene, RECEPTION).await?;
    let updates = updates(scene).await?;
    ensure!(updates == 1, "one update was to be executed for the number, the provider's books say {updates}");
    scene.teller.holds(format!("+{NUMBER} is answered by {RECEPTION}, after one update; {NIGHT_DESK} is remembered"));
    Ok(())
}

/// Somebody points it elsewhere.
pub(super) async fn drift(scene: &Scene<'_>) -> Result<()> {
    scene.teller.scene("Somebody points the number elsewhere in the provider's console", "It is put back, and an event tells.");
    let edit = json!({"app_id": NIGHT_DESK});
    let act = scene.plivo.patch_number(NUMBER, edit.clone());
    scene.console(("PATCH", &format!("/numbers/{NUMBER}")), Some(&edit), act, &["number", "application"]).await?;
    answered_by(scene, RECEPTION).await?;
    scene.event("phonenumberbinding/hotline", "DriftCorrected").await?;
    scene.teller.holds(format!("+{NUMBER} is answered by {RECEPTION} again"));
    Ok(())
}

/// Its binding is deleted.
pub(super) async fn restored(scene: &Scene<'_>) -> Result<()> {
    scene.teller.scene(
        "The binding is deleted",
        "deletionPolicy is Restore: since the number still is where the binding put it, what was there before comes back.",
    );
    scene.voice(&["delete", "phonenumberbinding", "hotline", WAIT]).await?;
    answered_by(scene, NIGHT_DESK).await?;
    let state = scene.plivo.state().await?;
    ensure!(state["numbers_rented"] == 0 && state["numbers_released"] == 0, "a number was rented or released: {state}");
    scene.teller.holds(format!("+{NUMBER} is answered by {NIGHT_DESK}, as in the beginning; no number was rented, none released"));
    Ok(())
}

/// How many updates of numbers the operator's calls have executed.
pub(super) async fn updates(scene: &Scene<'_>) -> Result<usize> {
    let ledger = scene.plivo.ledger().await.context("no ledger")?;
    Ok(ledger.iter().filter(|entry| entry.op == "update_number" && entry.actor == "api").count())
}

/// Looks at the provider until this application answers the number.
async fn answered_by(scene: &Scene<'_>, app_id: &str) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let state = scene.plivo.state().await?;
        let numbers = state["accounts"][DEFAULT_AUTH_ID]["numbers"].as_array().context("the simulator's state has no numbers")?;
        let shown = numbers.iter().find(|number| text(number, "number") == NUMBER).cloned().unwrap_or(Value::Null);
        if text(&shown, "application").contains(app_id) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{NUMBER} is never answered by {app_id}: {shown}");
        sleep(POLL).await;
    }
}

fn decoded(data: &str) -> Result<String> {
    let bytes = STANDARD.decode(data).with_context(|| "a value of a Secret is not base64")?;
    String::from_utf8(bytes).context("a value of a Secret is no text")
}
