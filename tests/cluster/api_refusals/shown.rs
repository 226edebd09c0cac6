//! What people and tools see of an object that is stored: its defaults, how it is found, what kubectl shows.

use http::Method;
use serde_json::{Value, json};

use super::statuses::CONDITION;
use super::{account, binding, cluster_account, collection, discard, edited, endpoint, peer, put, stored};
use crate::support;
use crate::world::eventually;

#[tokio::test]
async fn a_new_object_has_its_defaults_a_status_that_is_behind_and_no_other_status() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "defaults").await;
    let endpoint_spec = json!({
        "accountRef": {"kind": "ProviderAccount", "name": "plivo"},
        "plivo": {"username": "alice", "passwordSecretRef": {"name": "alice-sip", "key": "password"}, "generatePassword": false},
        "managementPolicy": "Manage",
        "driftPolicy": "Correct",
        "externalDeletionPolicy": "Recreate",
    });
    let binding_spec = json!({
        "accountRef": {"kind": "ProviderAccount", "name": "plivo"},
        "number": "+14155550123",
        "target": {"app_id": "16638156474000802"},
        "driftPolicy": "Correct",
    });
    let account_spec = json!({"plivo": {"credentialsSecretRef": {"name": "plivo-credentials"}}, "suspend": false});
    let mut cluster_spec = account_spec.clone();
    cluster_spec["allowedNamespaces"] = json!([{"name": "voice"}]);
    // What CarrierX has a default for is not the schema's to say.
    let peer_spec = json!({
        "accountRef": {"kind": "ProviderAccount", "name": "carrierx"},
        "carrierx": {"type": "third_party", "addresses": [{"ip": "203.0.113.7"}]},
        "managementPolicy": "Manage",
        "driftPolicy": "Correct",
        "externalDeletionPolicy": "Recreate",
    });
    let table = [
        (peer(), peer_spec),
        (endpoint(), endpoint_spec),
        (binding(), binding_spec),
        (account(), account_spec),
        (cluster_account(), cluster_spec),
    ];
    for (object, spec) in table {
        let mut forged = object;
        forged["metadata"]["name"] = json!(namespace);
        forged["status"] = json!({"observedGeneration": 9, "account": {"provider": "Plivo", "id": "MA00000000000000000"}});
        let stored = stored(&client, &namespace, &forged).await;
        assert_eq!(stored["status"], json!({"observedGeneration": -1}), "{}", forged["kind"]);
        let path = format!("{}/{namespace}", collection(&forged, &namespace));
        let (_, read) = support::send(&client, Method::GET, &path, &Value::Null).await;
        assert_eq!(read["spec"], spec);
        discard(&client, &path).await;
    }
}

#[tokio::test]
async fn objects_are_found_by_their_account_and_bindings_by_their_number() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "selectable").await;
    let found = async |object: &Value, selector: &str| {
        let path = format!("{}?fieldSelector={selector}", collection(object, &namespace));
        let (_, list) = support::send(&client, Method::GET, &path, &Value::Null).await;
        let items = list["items"].as_array().unwrap_or_else(|| panic!("{selector}: {list}"));
        items.iter().map(|item| item["metadata"]["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    for object in [endpoint(), binding()] {
        for (name, account) in [("alice", "plivo"), ("bob", "other")] {
            let edit = format!(r#"metadata.name = "{name}" && spec.accountRef.name = "{account}""#);
            stored(&client, &namespace, &edited(object.clone(), &edit)).await;
        }
        assert_eq!(found(&object, "spec.accountRef.name%3Dother").await, ["bob"]);
    }
    stored(&client, &namespace, &edited(binding(), r#"metadata.name = "carol" && spec.number = "+491701234567""#)).await;
    assert_eq!(found(&binding(), "spec.number%3D%2B491701234567").await, ["carol"]);
}

/// The lines that kubectl prints, with single blanks.
fn kubectl(namespace: &str, args: &[&str]) -> Vec<String> {
    let plane = support::control_plane();
    let output = std::process::Command::new(plane.kubectl())
        .args(["--namespace", namespace])
        .args(args)
        .env("KUBECONFIG", plane.kubeconfig())
        .output()
        .expect("kubectl");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ")).collect()
}

#[tokio::test]
async fn kubectl_get_shows_what_an_object_leads_to_and_why_it_is_not_ready() {
    let client = support::client().await;
    let tool = support::backup_tool().await;
    let namespace = support::namespace(&client, "columns").await;
    let condition: Value = serde_json::from_str(&CONDITION.replace("True", "False").replace("Available", "SecretNotFound")).expect("JSON");
    let (endpoint_status, binding_status, account_status) = (
        json!({"sip_uri": "sip:alice@phone.plivo.com", "sip_registered": true, "username": "alicex1", "endpoint_id": "7"}),
        json!({"app_id": "16638156474000802"}),
        json!({"account": {"provider": "Plivo", "id": "MA00000000000000000"}, "endpoints": {"managed": 3, "orphaned": 1}}),
    );
    let (account_head, account_line) = ("NAME PROVIDER READY REASON ENDPOINTS ORPHANED AGE", "Plivo False SecretNotFound 3 1");
    let table = [
        (
            endpoint(),
            "sipep",
            endpoint_status,
            "NAME SIP URI REGISTERED READY REASON AGE",
            "sip:alice@phone.plivo.com true False SecretNotFound",
            "USERNAME ENDPOINT ID ACCOUNT MESSAGE",
        ),
        (
            binding(),
            "pnb",
            binding_status,
            "NAME NUMBER TARGET READY REASON AGE",
            "+14155550123 16638156474000802 False SecretNotFound",
            "ACCOUNT MESSAGE",
        ),
        (
            edited(binding(), r#"spec.target = {"endpointRef": {"name": "pbx"}}"#),
            "pnb",
            json!({"trunk_group_sid": "9a7c"}),
            "NAME NUMBER TARGET READY REASON AGE",
            "+14155550123 9a7c False SecretNotFound",
            "ACCOUNT MESSAGE",
        ),
        (
            peer(),
            "sipep",
            json!({"endpoint_id": "7f4d", "name": "pbx.3kf9x2mq7abhc"}),
            "NAME SIP URI REGISTERED READY REASON AGE",
            "False SecretNotFound",
            "USERNAME ENDPOINT ID ACCOUNT MESSAGE",
        ),
        (account(), "pacct", account_status.clone(), account_head, account_line, "ACCOUNT ID MESSAGE"),
        (cluster_account(), "cpacct", account_status, account_head, account_line, "ACCOUNT ID MESSAGE"),
    ];
    for (mut object, short, mut status, head, line, wide) in table {
        object["metadata"]["name"] = json!(namespace);
        status["conditions"] = json!([condition]);
        let object = stored(&client, &namespace, &object).await;
        let path = format!("{}/{namespace}/status", collection(&object, &namespace));
        let change = |mut object: Value| {
            object["status"] = status.clone();
            object
        };
        // An operator of another test may have something to say about what is in no namespace: then it is said again.
        let narrow = eventually(&format!("{short} is shown as: {line}"), async || {
            let (answered, answer) = put(&tool, &path, "", change).await;
            assert!(answered.is_success(), "{answer}");
            let narrow = kubectl(&namespace, &["get", short, &namespace]);
            narrow[1].starts_with(&format!("{namespace} {line} ")).then_some(narrow)
        })
        .await;
        assert_eq!(narrow[0], head);
        assert_eq!(kubectl(&namespace, &["get", short, &namespace, "-o", "wide"])[0], format!("{head} {wide}"));
        let kind = object["kind"].as_str().expect("a kind").to_lowercase();
        let all = kubectl(&namespace, &["get", "switchboard"]);
        assert!(all.iter().any(|shown| shown.starts_with(&format!("{kind}.switchboard.dev/{namespace} "))), "{all:?}");
        discard(&client, path.trim_end_matches("/status")).await;
    }
}
