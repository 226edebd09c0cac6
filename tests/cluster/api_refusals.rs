//! What the API server refuses by our schemas, and what it says: every refusal names the place, the rule and the way out. Beside
//! them, what it takes: values at the very bounds.
//!
//! The rows are in `rows` (which explains the notation), `peers`, `peer_changes`, `bindings`, `accounts`, `cluster_accounts` and `statuses`.

use std::collections::HashMap;

use http::{Method, StatusCode};
use kube::Client;
use serde_json::{Value, json};

use crate::support;
use accounts::{ACCOUNT_CHANGES, ACCOUNT_STATUSES, BAD_ACCOUNTS, GOOD_ACCOUNTS};
use bindings::{BAD_BINDINGS, BINDING_CHANGES, BINDING_STATUSES, GOOD_BINDINGS};
use cluster_accounts::{BAD_CLUSTER_ACCOUNTS, CLUSTER_ACCOUNT_CHANGES, GOOD_CLUSTER_ACCOUNTS};
use peer_changes::{GOOD_PEERS, PEER_CHANGES};
use peers::BAD_PEERS;
use rows::{BAD_ENDPOINTS, CHANGES, GOOD_ENDPOINTS, Rows, Transitions};
use statuses::{CONDITION, INTENT, PEER_STATUSES, STATUSES};

mod accounts;
mod bindings;
mod cluster_accounts;
mod peer_changes;
mod peers;
mod rows;
mod shown;
mod statuses;
mod stored;

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

fn peer() -> Value {
    json!({
        "apiVersion": "switchboard.dev/v1alpha1",
        "kind": "SipEndpoint",
        "metadata": {"name": "pbx"},
        "spec": {
            "accountRef": {"name": "carrierx"},
            "carrierx": {"type": "third_party", "addresses": [{"ip": "203.0.113.7"}]},
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

fn cluster_account() -> Value {
    json!({
        "apiVersion": "switchboard.dev/v1alpha1",
        "kind": "ClusterProviderAccount",
        "metadata": {"name": "plivo"},
        "spec": {"plivo": {"credentialsSecretRef": {"name": "plivo-credentials"}}, "allowedNamespaces": [{"name": "voice"}]},
    })
}

fn binding() -> Value {
    json!({
        "apiVersion": "switchboard.dev/v1alpha1",
        "kind": "PhoneNumberBinding",
        "metadata": {"name": "reception"},
        "spec": {"accountRef": {"name": "plivo"}, "number": "+14155550123", "target": {"app_id": "16638156474000802"}},
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
    let group = object["apiVersion"].as_str().expect("an API version");
    match plural.as_str() {
        "clusterprovideraccounts" => format!("/apis/{group}/{plural}"),
        _ => format!("/apis/{group}/namespaces/{namespace}/{plural}"),
    }
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
async fn bad_peers_are_refused_with_place_rule_and_way_out() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "refusals").await;
    created(&client, &namespace, peer(), BAD_PEERS.iter().copied()).await;
}

#[tokio::test]
async fn a_peer_may_have_32_of_everything_at_full_length() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "bounds").await;
    // As much as the bounds allow is looked at within what the API server lets rules cost.
    let address = |n: usize, length: usize| json!({"ip": format!("{n:0>2}{}", "a".repeat(length - 2)), "direction": "b".repeat(64), "location_sid": "c".repeat(64)});
    let mut full = peer();
    full["spec"]["carrierx"]["addresses"] = (0..32).map(|n| address(n, 253)).collect();
    full["spec"]["carrierx"]["attributes"] =
        (0..32).map(|n| (format!("{n:0>64}"), json!("ü".repeat(256)))).collect::<serde_json::Map<_, _>>().into();
    full["spec"]["carrierx"]["transformations"] = (0..32).map(|n| json!({"order": n, "text": "d".repeat(256)})).collect();
    let path = collection(&full, &namespace) + DRY_STRICT;
    assert_eq!(judge("full", "", &support::send(&client, Method::POST, &path, &full).await), None);
    // The last is compared with the first.
    full["spec"]["carrierx"]["addresses"][31] = address(0, 253);
    let says = "spec.carrierx.addresses | addresses cannot have the same ip";
    assert_eq!(judge("the first again", says, &support::send(&client, Method::POST, &path, &full).await), None);
}

#[tokio::test]
async fn bad_accounts_are_refused_with_place_rule_and_way_out() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "refusals").await;
    created(&client, &namespace, account(), BAD_ACCOUNTS.iter().copied()).await;
}

#[tokio::test]
async fn bad_bindings_are_refused_with_place_rule_and_way_out() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "refusals").await;
    created(&client, &namespace, binding(), BAD_BINDINGS.iter().copied()).await;
}

#[tokio::test]
async fn bad_cluster_accounts_are_refused_with_place_rule_and_way_out() {
    let client = support::client().await;
    created(&client, "", cluster_account(), BAD_CLUSTER_ACCOUNTS.iter().copied()).await;
}

#[tokio::test]
async fn a_cluster_account_may_list_256_namespaces_each_with_256_numbers_and_ids() {
    let client = support::client().await;
    // As many as the bounds allow, and every one is looked at within what the API server lets rules cost.
    let texts = |digits: usize, plus: &str| (100..356).map(|n| format!("{plus}{n:0<digits$}")).collect::<Vec<_>>();
    let (numbers, ids) = (texts(5, "+"), texts(6, ""));
    let namespaces: Vec<Value> = (0..256).map(|n| json!({"name": format!("voice-{n}"), "numbers": numbers, "adopt": ids})).collect();
    let mut full = cluster_account();
    full["spec"]["allowedNamespaces"] = json!(namespaces);
    let path = collection(&full, "") + DRY_STRICT;
    assert_eq!(judge("full", "", &support::send(&client, Method::POST, &path, &full).await), None);
    // The last item of the last list is looked at as the first is.
    full["spec"]["allowedNamespaces"][255]["adopt"][255] = json!("../1");
    let says = "spec.allowedNamespaces[255].adopt[255] | ids of endpoints as the provider shows them";
    assert_eq!(judge("one bad id", says, &support::send(&client, Method::POST, &path, &full).await), None);
    full["spec"]["allowedNamespaces"][255]["adopt"][255] = json!("1");
    full["spec"]["allowedNamespaces"].as_array_mut().expect("a list").push(json!({"name": "voice-256"}));
    let says = "spec.allowedNamespaces | Too many | 256";
    assert_eq!(judge("one too many", says, &support::send(&client, Method::POST, &path, &full).await), None);
}

#[tokio::test]
async fn values_at_the_bounds_are_accepted_and_null_is_the_same_as_absent() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "bounds").await;
    created(&client, &namespace, endpoint(), GOOD_ENDPOINTS.iter().map(|edit| (*edit, ""))).await;
    created(&client, &namespace, peer(), GOOD_PEERS.iter().map(|edit| (*edit, ""))).await;
    created(&client, &namespace, account(), GOOD_ACCOUNTS.iter().map(|edit| (*edit, ""))).await;
    created(&client, &namespace, binding(), GOOD_BINDINGS.iter().map(|edit| (*edit, ""))).await;
    created(&client, "", cluster_account(), GOOD_CLUSTER_ACCOUNTS.iter().map(|edit| (*edit, ""))).await;
}

async fn stored(client: &Client, namespace: &str, object: &Value) -> Value {
    let path = collection(object, namespace) + "?fieldValidation=Strict";
    let (status, answer) = support::send(client, Method::POST, &path, object).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    answer
}

/// Operators of other tests see what is in no namespace.
async fn discard(client: &Client, path: &str) {
    let (status, answer) = support::send(client, Method::DELETE, path, &json!({})).await;
    assert!(status.is_success(), "{answer}");
}

/// Changes an object as it is now, again while somebody else (an operator of another test) writes to it in between.
async fn put(client: &Client, path: &str, query: &str, change: impl Fn(Value) -> Value) -> (StatusCode, Value) {
    let mut answer = (StatusCode::CONFLICT, Value::Null);
    for _ in 0..10 {
        let (_, now) = support::send(client, Method::GET, path, &Value::Null).await;
        answer = support::send(client, Method::PUT, &format!("{path}{query}"), &change(now)).await;
        if answer.0 != StatusCode::CONFLICT {
            break;
        }
    }
    answer
}

async fn changed(client: &Client, namespace: &str, base: Value, rows: Transitions) {
    let mut wrong = Vec::new();
    let mut known: HashMap<&str, String> = HashMap::new();
    for (before, change, says) in rows {
        if !known.contains_key(before) {
            let mut object = edited(base.clone(), before);
            object["metadata"]["name"] = json!(format!("{namespace}-{}", known.len()));
            let stored = stored(client, namespace, &object).await;
            known.insert(before, format!("{}/{}", collection(&base, namespace), stored["metadata"]["name"].as_str().expect("a name")));
        }
        let answer = put(client, &known[before], DRY_STRICT, |object| edited(object, change)).await;
        wrong.extend(judge(&format!("{before} → {change}"), says, &answer));
    }
    for path in known.values() {
        discard(client, path).await;
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
async fn a_peer_keeps_its_type_and_its_provider_and_may_change_all_else() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "changes").await;
    changed(&client, &namespace, peer(), PEER_CHANGES).await;
}

#[tokio::test]
async fn an_account_keeps_its_provider_and_may_change_all_else() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "changes").await;
    changed(&client, &namespace, account(), ACCOUNT_CHANGES).await;
}

#[tokio::test]
async fn a_binding_keeps_its_number_and_its_account_and_may_change_all_else() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "changes").await;
    changed(&client, &namespace, binding(), BINDING_CHANGES).await;
}

#[tokio::test]
async fn a_cluster_account_keeps_its_provider_and_may_change_whom_it_serves() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "changes").await;
    changed(&client, &namespace, cluster_account(), CLUSTER_ACCOUNT_CHANGES).await;
}

#[tokio::test]
async fn a_status_is_bounded_as_the_spec_is() {
    let client = support::client().await;
    let writer = support::backup_tool().await;
    let namespace = support::namespace(&client, "statuses").await;
    let kinds: [(Value, Rows); 5] = [
        (endpoint(), STATUSES),
        (peer(), PEER_STATUSES),
        (binding(), BINDING_STATUSES),
        (account(), ACCOUNT_STATUSES),
        (cluster_account(), ACCOUNT_STATUSES),
    ];
    let mut wrong = Vec::new();
    for (number, (mut object, rows)) in kinds.into_iter().enumerate() {
        let name = format!("{namespace}-{number}");
        object["metadata"]["name"] = json!(name);
        let object = stored(&client, &namespace, &object).await;
        let path = format!("{}/{name}", collection(&object, &namespace));
        for (status, says) in rows {
            let text = expand(&status.replace("CONDITION", CONDITION).replace("INTENT", INTENT));
            let status: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{status}: {error}"));
            let change = |mut object: Value| {
                object["status"] = status.clone();
                object
            };
            // A status is a resource of its own: what is read at its path is the whole object.
            let answer = put(&writer, &format!("{path}/status"), DRY_STRICT, change).await;
            wrong.extend(judge(&format!("{}: {status}", object["kind"]), says, &answer));
        }
        discard(&client, &path).await;
    }
    report(&wrong);
}

/// Every rule inside a schema: what it says.
fn rules(schema: &Value, found: &mut Vec<String>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        found.push(rule["message"].as_str().expect("every rule has a message").to_owned());
    }
    schema["properties"].as_object().into_iter().flatten().for_each(|(_, property)| rules(property, found));
    for inside in ["items", "additionalProperties"] {
        if schema[inside].is_object() {
            rules(&schema[inside], found);
        }
    }
}

#[test]
fn every_rule_of_a_kind_has_a_row_that_it_refuses() {
    let table: [(&str, Rows, Transitions); 5] = [
        ("SipEndpoint", BAD_ENDPOINTS, CHANGES),
        ("SipEndpoint", BAD_PEERS, PEER_CHANGES),
        ("PhoneNumberBinding", BAD_BINDINGS, BINDING_CHANGES),
        ("ProviderAccount", BAD_ACCOUNTS, ACCOUNT_CHANGES),
        ("ClusterProviderAccount", BAD_CLUSTER_ACCOUNTS, CLUSTER_ACCOUNT_CHANGES),
    ];
    for definition in switchboard::api::crd::all() {
        let kind = &definition.spec.names.kind;
        let says = table
            .iter()
            .filter(|(name, ..)| name == kind)
            .flat_map(|(_, bad, changes)| bad.iter().map(|(_, says)| says).chain(changes.iter().map(|(.., says)| says)));
        let words: Vec<&str> = says.flat_map(|says| says.split(" | ")).filter(|words| words.contains(' ')).collect();
        let definition = serde_json::to_value(&definition).expect("a definition is JSON");
        let mut schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
        schema["properties"].as_object_mut().expect("properties").remove("status");
        let mut found = Vec::new();
        rules(&schema, &mut found);
        assert!(found.len() > 2, "{kind}: {found:?}");
        found.retain(|message| !words.iter().any(|words| message.contains(words)));
        assert!(found.is_empty(), "{kind}: no row for {found:#?}");
    }
}
