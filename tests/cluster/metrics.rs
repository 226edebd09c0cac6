//! What a running operator exports: it counts what happened, promtool can read it, the page on metrics has all of it, and nobody is named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kube::api::{Api, DeleteParams, Patch, PatchParams};
use sandbox::plivo::{DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN};
use serde_json::json;
use switchboard::api::PhoneNumberBinding;
use switchboard::api::condition::Reason;

use super::observe::{account_reason, event};
use super::world::{Operator, World, endpoint_id, eventually};

#[path = "../alerts/tool.rs"]
#[allow(dead_code, reason = "the other half is for files")]
mod tool;

/// Labels with words of closed sets, and the one with the names of namespaces.
const LABELS: [&str; 15] = [
    "action",
    "assumption",
    "collection",
    "field",
    "kind",
    "lane",
    "le",
    "namespace",
    "operation",
    "outcome",
    "provider",
    "reason",
    "state",
    "thing",
    "version",
];

/// Every series with its value.
async fn series(operator: &Operator) -> BTreeMap<String, f64> {
    let text = operator.metrics().await;
    let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').expect("a series and its value"));
    samples.map(|(series, value)| (series.to_owned(), value.parse().expect("a number"))).collect()
}

/// Waits until a series has this value.
async fn becomes(operator: &Operator, name: &str, expected: f64) {
    eventually(&format!("{name} is {expected}"), async || (series(operator).await.get(name).copied() == Some(expected)).then_some(()))
        .await;
}

/// The sum of all series of a metric whose labels hold all of this.
async fn sum(operator: &Operator, name: &str, labels: &[&str]) -> f64 {
    let all = series(operator).await;
    let of = |series: &&String| series.split('{').next() == Some(name) && labels.iter().all(|label| series.contains(label));
    all.iter().filter(|(series, _)| of(series)).map(|(_, value)| value).sum()
}

fn number(name: &str, number: &str) -> PhoneNumberBinding {
    serde_json::from_value(json!({
        "apiVersion": "switchboard.dev/v1alpha1",
        "kind": "PhoneNumberBinding",
        "metadata": {"name": name},
        "spec": {"accountRef": {"name": "plivo"}, "number": number, "target": {"app_id": ""}},
    }))
    .expect("a binding")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_tell_what_happened_and_name_nobody() {
    let world = World::new("counted").await;
    let namespace = world.namespace.as_str();
    let mut operator = world.operator().await;
    operator.says("readyz and /metrics").await;
    let of = |kind: &str, reason: &str| format!("switchboard_objects{{kind=\"{kind}\",namespace=\"{namespace}\",reason=\"{reason}\"}}");
    becomes(&operator, &of("ProviderAccount", "Available"), 1.0).await;
    becomes(&operator, "switchboard_leader", 1.0).await;

    // Two phones, one of them registered, and a number that is not there.
    for name in ["canaryalice", "canarybob"] {
        world.endpoint(name, json!({"alias": "canarydesk"}), json!({})).await;
    }
    let id = endpoint_id(&world.ready("canaryalice").await);
    world.ready("canarybob").await;
    let bindings: Api<PhoneNumberBinding> = Api::namespaced(world.client.clone(), namespace);
    let missing = number("canaryhotline", "+14155550199");
    bindings.patch("canaryhotline", &PatchParams::apply("tests").force(), &Patch::Apply(&missing)).await.expect("a binding");
    becomes(&operator, &of("SipEndpoint", "Available"), 2.0).await;
    becomes(&operator, &of("PhoneNumberBinding", "NumberNotInAccount"), 1.0).await;
    let registrations =
        |state: &str| format!("switchboard_registrations{{provider=\"Plivo\",namespace=\"{namespace}\",state=\"{state}\"}}");
    becomes(&operator, &registrations("not_registered"), 2.0).await;
    world
        .admin
        .register(&id, json!({"sip_contact": "sip:canarycontact@10.9.8.7", "sip_user_agent": "canaryphone"}))
        .await
        .expect("a registration");
    becomes(&operator, &registrations("registered"), 1.0).await;
    becomes(&operator, &registrations("not_registered"), 1.0).await;

    let created = "switchboard_provider_calls_total{provider=\"Plivo\",operation=\"create\",thing=\"endpoint\",outcome=\"done\"}";
    let acted = "switchboard_actions_total{action=\"Create\",outcome=\"done\"}";
    let now = series(&operator).await;
    assert_eq!((now[created], now[acted]), (2.0, 2.0), "the ledger has two");
    assert_eq!(world.effects("create_endpoint").await.len(), 2);
    assert_eq!(now["switchboard_time_to_ready_seconds_count{kind=\"SipEndpoint\"}"], 2.0);
    assert_eq!(now["switchboard_provider_call_duration_seconds_count{provider=\"Plivo\",operation=\"create\"}"], 2.0);
    let waited = sum(&operator, "switchboard_budget_wait_seconds_count", &["provider=\"Plivo\""]).await;
    let called = sum(&operator, "switchboard_provider_calls_total", &["provider=\"Plivo\""]).await;
    assert!(called > 5.0 && waited > 5.0, "every call has waited, be it for no time: {waited}, {called}");
    let not_ready =
        format!("switchboard_not_ready_seconds{{kind=\"PhoneNumberBinding\",namespace=\"{namespace}\",reason=\"NumberNotInAccount\"}}");
    assert!(now.contains_key(&not_ready), "{now:#?}");
    assert!(now["switchboard_sweep_age_seconds{provider=\"Plivo\",collection=\"endpoint\"}"] < 60.0);
    assert!(sum(&operator, "switchboard_sweeps_total", &["collection=\"endpoint\"", "outcome=\"complete\""]).await >= 1.0);

    // Somebody edits and deletes in the console.
    assert_eq!(now["switchboard_drift_total{field=\"alias\"}"], 0.0);
    world.admin.patch_endpoint(&id, json!({"alias": "canaryedited"})).await.expect("an edit");
    becomes(&operator, "switchboard_drift_total{field=\"alias\"}", 1.0).await;
    let changed = format!("switchboard_sip_uri_changes_total{{namespace=\"{namespace}\"}}");
    assert_eq!(series(&operator).await[&changed], 0.0);
    world.admin.delete_endpoint(&id).await.expect("a deletion");
    event(&world, "canaryalice", "Recreated").await;
    becomes(&operator, &changed, 1.0).await;
    let again = endpoint_id(&world.ready("canaryalice").await);

    // The token ends.
    world.secret("plivo-credentials", &[("auth_id", DEFAULT_AUTH_ID), ("auth_token", "canarytoken")]).await;
    account_reason(&world, "plivo", "CredentialsRejected").await;
    becomes(&operator, &of("ProviderAccount", "CredentialsRejected"), 1.0).await;
    let refused = ["operation=\"identify\"", "outcome=\"credentials\""];
    assert!(sum(&operator, "switchboard_provider_calls_total", &refused).await >= 1.0);
    world.secret("plivo-credentials", &[("auth_id", DEFAULT_AUTH_ID), ("auth_token", DEFAULT_AUTH_TOKEN)]).await;
    account_reason(&world, "plivo", "Available").await;

    let text = operator.metrics().await;
    let status = world.endpoints().get("canaryalice").await.expect("the object").status.expect("a status");
    let (username, uri) = (status.username.expect("a username"), status.sip_uri.expect("a URI"));
    let named = ["canary", "14155550199", "10.9.8.7", DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, &id, &again, &username, &uri, "hunter22"];
    for name in named {
        assert!(!text.contains(name), "{name} is named:\n{text}");
    }
    closed(&text, namespace);
    documented(&text);
    let judged = tool::checked(&operator.metrics_as("text/plain", "text/plain; version=0.0.4; charset=utf-8").await);
    assert_eq!((judged.status.success(), tool::said(&judged).as_str()), (true, ""), "promtool check metrics");

    // A namespace whose objects are gone is not told of any more.
    bindings.delete("canaryhotline", &DeleteParams::default()).await.expect("a deletion");
    for name in ["canaryalice", "canarybob"] {
        world.delete(name).await;
    }
    for name in ["canaryalice", "canarybob"] {
        world.gone(name).await;
    }
    eventually("no series of endpoints is left", async || {
        let all = series(&operator).await;
        let left = all.keys().any(|one| {
            one.contains("namespace=") && !one.contains("kind=\"ProviderAccount\"") && !one.starts_with("switchboard_provider_resources")
        });
        (!left).then_some(())
    })
    .await;
}

/// Every label is one that is known, and every value is a word, but for the one namespace.
fn closed(text: &str, namespace: &str) {
    let mut labels = BTreeMap::<&str, BTreeSet<&str>>::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').expect("a series and its value");
        let Some((_, inside)) = series.split_once('{') else { continue };
        for (label, value) in inside.trim_end_matches('}').split(',').map(|pair| pair.split_once('=').expect("a label")) {
            labels.entry(label).or_default().insert(value.trim_matches('"'));
        }
    }
    let known: BTreeSet<&str> = LABELS.into_iter().collect();
    let foreign: Vec<&&str> = labels.keys().filter(|label| !known.contains(**label)).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    assert_eq!(labels["namespace"].iter().copied().collect::<Vec<_>>(), [namespace]);
    let reasons: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).chain(["NoStatus", "Other"]).collect();
    assert!(labels["reason"].is_subset(&reasons), "{:?}", labels["reason"]);
    let word = |value: &&str| value.chars().all(|c| c.is_ascii_alphanumeric() || "_.+-".contains(c));
    assert!(labels.iter().filter(|(label, _)| **label != "namespace").all(|(_, values)| values.iter().all(word)), "{labels:?}");
}

/// What a running operator exports stands in the page, and nothing else does.
fn documented(text: &str) {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")).expect("the page");
    let listed: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `switchboard_")?.split_once('`'))
        .map(|(name, _)| format!("switchboard_{name}"))
        .collect();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let exported: BTreeSet<String> = types
        .map(|(name, kind)| match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        })
        .collect();
    assert!(exported.len() > 20);
    assert_eq!(exported, listed);
}
