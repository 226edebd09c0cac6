//! What the API server refuses by our schemas, and what it says: every refusal names the place, the rule and the way out. Beside
//! them, what it takes: values at the very bounds.
//!
//! The rows are in `rows`, the notation is explained there.

use std::collections::HashMap;

use http::{Method, StatusCode};
use kube::Client;
use serde_json::{Value, json};

use crate::support;
use rows::{ACCOUNT_CHANGES, BAD_ACCOUNTS, BAD_ENDPOINTS, CHANGES, CONDITION, GOOD_ACCOUNTS, GOOD_ENDPOINTS, INTENT, STATUSES};

mod rows;

fn endpoint() -> Value {
    json!({
        "apiVersion": "switchboard.dev/v1alpha1",
        "kind": "SipEndpoint",
        "metadata": {"name": "alice"},
        "spec": {
            "accountRef": {"name": "plivo"},
            "plivo": {"username": "alice", "passwordSecretRef": {"name": "alice-sip"}},
        },
    })
}

fn account() -> Value {
    json!({
        "apiVersion": "switchboard.dev/v1alpha1",
        "kind": "ProviderAccount",
        "metadata": {"name": "plivo"},
        "spec": {"plivo": {"credentialsSecretRef": {"name": "plivo-credentials"}}},
    })
}

/// Writes `<x*3>` out as `xxx`.
fn expand(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let token = rest[start + 1..].split_once('>').and_then(|(inside, after)| {
            let (letter, count) = inside.split_once('*')?;
            Some((letter.repeat(count.parse().ok()?), after))
        });
        let Some((repeated, after)) = token else { break };
        out += &rest[..start];
        out += &repeated;
        rest = after;
    }
    out + rest
}

fn edited(mut object: Value, edits: &str) -> Value {
    for edit in edits.split(" && ").filter(|edit| !edit.is_empty()) {
        let (path, value) = match edit.strip_suffix(" -") {
            Some(path) => (path, None),
            None => {
                let (path, value) = edit.split_once(" = ").unwrap_or_else(|| panic!("no edit: {edit}"));
                let value = serde_json::from_str(&expand(value)).unwrap_or_else(|error| panic!("{edit}: {error}"));
                (path, Some(value))
            }
        };
        let (parents, last) = path.rsplit_once('.').unwrap_or(("", path));
        let mut at = &mut object;
        for name in parents.split('.').filter(|name| !name.is_empty()) {
            at = &mut at[name];
        }
        match value {
            Some(value) => at[last] = value,
            None => drop(at.as_object_mut().expect("a member is removed from an object").remove(last)),
        }
    }
    object
}

fn collection(object: &Value, namespace: &str) -> String {
    let plural = object["kind"].as_str().expect("a kind").to_lowercase() + "s";
    format!("/apis/switchboard.dev/v1alpha1/namespaces/{namespace}/{plural}")
}

const DRY_STRICT: &str = "?dryRun=All&fieldValidation=Strict";

/// What does not fit the row, if anything: an empty expectation is acceptance.
fn judge(row: &str, says: &str, (status, answer): &(StatusCode, Value)) -> Option<String> {
    let message = answer["message"].as_str().unwrap_or_default();
    if says.is_empty() {
        return (!status.is_success()).then(|| format!("{row}: refused: {message}"));
    }
    if ![StatusCode::UNPROCESSABLE_ENTITY, StatusCode::BAD_REQUEST].contains(status) {
        return Some(format!("{row}: {status} instead of a refusal: {message}"));
    }
    let missing: Vec<&str> = says.split(" | ").filter(|fragment| !message.contains(fragment)).collect();
    (!missing.is_empty()).then(|| format!("{row}: the message lacks {missing:?}: {message}"))
}

fn report(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

async fn created(client: &Client, namespace: &str, base: Value, rows: impl Iterator<Item = (&str, &str)>) {
    let mut wrong = Vec::new();
    for (edit, says) in rows {
        let object = edited(base.clone(), edit);
        let path = collection(&base, namespace) + DRY_STRICT;
        wrong.extend(judge(edit, says, &support::send(client, Method::POST, &path, &object).await));
    }
    report(&wrong);
}

#[tokio::test]
async fn bad_endpoints_are_refused_with_place_rule_and_way_out() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "refusals").await;
    created(&client, &namespace, endpoint(), BAD_ENDPOINTS.iter().copied()).await;
}

#[tokio::test]
async fn bad_accounts_are_refused_with_place_rule_and_way_out() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "refusals").await;
    created(&client, &namespace, account(), BAD_ACCOUNTS.iter().copied()).await;
}

#[tokio::test]
async fn values_at_the_bounds_are_accepted_and_null_is_the_same_as_absent() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "bounds").await;
    created(&client, &namespace, endpoint(), GOOD_ENDPOINTS.iter().map(|edit| (*edit, ""))).await;
    created(&client, &namespace, account(), GOOD_ACCOUNTS.iter().map(|edit| (*edit, ""))).await;
}

async fn stored(client: &Client, namespace: &str, object: &Value) -> Value {
    let path = collection(object, namespace) + "?fieldValidation=Strict";
    let (status, answer) = support::send(client, Method::POST, &path, object).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    answer
}

async fn changed(client: &Client, namespace: &str, base: Value, rows: &[(&str, &str, &str)]) {
    let mut wrong = Vec::new();
    let mut known: HashMap<&str, Value> = HashMap::new();
    for (before, change, says) in rows {
        if !known.contains_key(before) {
            let mut object = edited(base.clone(), before);
            object["metadata"]["name"] = json!(format!("before-{}", known.len()));
            known.insert(before, stored(client, namespace, &object).await);
        }
        let object = edited(known[before].clone(), change);
        let name = object["metadata"]["name"].as_str().expect("a name");
        let path = format!("{}/{name}{DRY_STRICT}", collection(&base, namespace));
        let answer = support::send(client, Method::PUT, &path, &object).await;
        wrong.extend(judge(&format!("{before} → {change}"), says, &answer));
    }
    report(&wrong);
}

#[tokio::test]
async fn what_decides_the_sip_uri_can_neither_be_set_nor_changed_nor_unset_later() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "changes").await;
    changed(&client, &namespace, endpoint(), CHANGES).await;
}

#[tokio::test]
async fn an_account_keeps_its_provider_and_may_change_all_else() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "changes").await;
    changed(&client, &namespace, account(), ACCOUNT_CHANGES).await;
}

#[tokio::test]
async fn a_status_is_bounded_as_the_spec_is() {
    let client = support::client().await;
    let writer = support::backup_tool().await;
    let namespace = support::namespace(&client, "statuses").await;
    let object = stored(&client, &namespace, &endpoint()).await;
    let path = format!("{}/alice/status{DRY_STRICT}", collection(&object, &namespace));
    let mut wrong = Vec::new();
    for (status, says) in STATUSES {
        let text = expand(&status.replace("CONDITION", CONDITION).replace("INTENT", INTENT));
        let mut object = object.clone();
        object["status"] = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{status}: {error}"));
        wrong.extend(judge(status, says, &support::send(&writer, Method::PUT, &path, &object).await));
    }
    report(&wrong);
}

#[tokio::test]
async fn a_new_object_has_its_defaults_a_status_that_is_behind_and_no_other_status() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "defaults").await;
    let forged = edited(endpoint(), r#"status = {"observedGeneration": 9, "endpoint_id": "1"}"#);
    stored(&client, &namespace, &forged).await;
    let path = format!("{}/alice", collection(&forged, &namespace));
    let (_, read) = support::send(&client, Method::GET, &path, &Value::Null).await;
    assert_eq!(read["status"], json!({"observedGeneration": -1}));
    assert_eq!(
        read["spec"],
        json!({
            "accountRef": {"kind": "ProviderAccount", "name": "plivo"},
            "plivo": {"username": "alice", "passwordSecretRef": {"name": "alice-sip", "key": "password"}},
            "managementPolicy": "Manage",
            "driftPolicy": "Correct",
            "externalDeletionPolicy": "Recreate",
        })
    );
}

#[tokio::test]
async fn endpoints_are_found_by_their_account() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "selectable").await;
    for (name, account) in [("alice", "plivo"), ("bob", "other")] {
        let edit = format!(r#"metadata.name = "{name}" && spec.accountRef.name = "{account}""#);
        stored(&client, &namespace, &edited(endpoint(), &edit)).await;
    }
    let path = collection(&endpoint(), &namespace) + "?fieldSelector=spec.accountRef.name%3Dother";
    let (_, list) = support::send(&client, Method::GET, &path, &Value::Null).await;
    let names: Vec<_> = list["items"].as_array().expect("items").iter().map(|item| &item["metadata"]["name"]).collect();
    assert_eq!(names, ["bob"]);
}

#[tokio::test]
async fn kubectl_get_shows_the_sip_uri_and_why_an_endpoint_is_not_ready() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "columns").await;
    let mut object = stored(&client, &namespace, &endpoint()).await;
    let condition: Value = serde_json::from_str(&CONDITION.replace("True", "False").replace("Available", "SecretNotFound")).expect("JSON");
    object["status"] =
        json!({"sip_uri": "sip:alice@phone.plivo.com", "sip_registered": true, "username": "alicex1", "conditions": [condition]});
    let path = format!("{}/alice/status", collection(&object, &namespace));
    let (status, answer) = support::send(&support::backup_tool().await, Method::PUT, &path, &object).await;
    assert!(status.is_success(), "{answer}");
    let plane = support::control_plane();
    let kubectl = |args: &[&str]| {
        let output = std::process::Command::new(plane.kubectl())
            .args(["--namespace", &namespace])
            .args(args)
            .env("KUBECONFIG", plane.kubeconfig())
            .output()
            .expect("kubectl");
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let narrow = kubectl(&["get", "sipep"]);
    assert_eq!(narrow[0], "NAME SIP URI REGISTERED READY REASON AGE");
    assert!(narrow[1].starts_with("alice sip:alice@phone.plivo.com true False SecretNotFound "), "{narrow:?}");
    let wide = kubectl(&["get", "sipep", "-o", "wide"]);
    assert_eq!(wide[0], "NAME SIP URI REGISTERED READY REASON AGE USERNAME ENDPOINT ID ACCOUNT MESSAGE");
    assert!(kubectl(&["get", "switchboard"]).iter().any(|line| line.contains("alice")));
}
