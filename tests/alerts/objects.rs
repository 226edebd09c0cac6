//! The configuration for kube-state-metrics shows fields that objects have, and none that is nobody's business.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{list, read, text, yaml};

const FILE: &str = "deploy/prometheus/kube-state-metrics.yaml";
/// What stays out: personal data, and what somebody could log in or call with.
const PRIVATE: [&str; 9] =
    ["number", "username", "sip_uri", "sip_contact", "sip_user_agent", "endpoint_id", "alias", "id", "passwordSecretRef"];

/// The part of a schema that a path leads to; through a list, to what is in it.
fn at<'a>(schema: &'a Value, path: &[&str]) -> Option<&'a Value> {
    let schema = if schema["type"] == "array" { &schema["items"] } else { schema };
    match path {
        [] => Some(schema),
        [first, rest @ ..] => at(schema["properties"].get(first)?, rest),
    }
}

fn path(value: &Value) -> Vec<&str> {
    list(value).iter().map(text).collect()
}

/// What every object has, which definitions leave out.
fn is_metadata(path: &[&str]) -> bool {
    let known = ["name", "namespace", "generation", "creationTimestamp", "deletionTimestamp"];
    matches!(path, ["metadata", one] if known.contains(one))
}

/// What is wrong with the metrics of one kind.
fn faults(resource: &Value, schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut look = |who: &str, base: &[&str], path: Vec<&str>, plain: bool| {
        let whole: Vec<&str> = base.iter().copied().chain(path).collect();
        let shown = whole.join(".");
        if whole.iter().any(|part| PRIVATE.contains(part)) {
            found.push(format!("{who} shows {shown}"));
        }
        match at(schema, &whole) {
            _ if is_metadata(&whole) => {}
            None => found.push(format!("{who}: there is no {shown}")),
            Some(field) if plain && ["object", "array"].contains(&text(&field["type"])) => {
                found.push(format!("{who}: {shown} is no value"))
            }
            Some(_) => {}
        }
    };
    for (_, from) in resource["labelsFromPath"].as_object().into_iter().flatten() {
        look("a label", &[], path(from), true);
    }
    let mut names = BTreeSet::new();
    for metric in list(&resource["metrics"]) {
        let name = text(&metric["name"]);
        let (kind, each) = (text(&metric["each"]["type"]), &metric["each"]);
        let spec = match kind {
            "Gauge" => &each["gauge"],
            "Info" => &each["info"],
            _ => &Value::Null,
        };
        let base = path(&spec["path"]);
        for (_, from) in spec["labelsFromPath"].as_object().into_iter().flatten() {
            look(name, &base, path(from), true);
        }
        match kind {
            "Gauge" => look(name, &base, path(&spec["valueFrom"]), true),
            _ => look(name, &base, Vec::new(), false),
        }
        if !names.insert(name) || spec.is_null() || text(&metric["help"]).is_empty() {
            look(&format!("{name}, which is there twice, of no type, or without help"), &[], vec!["nowhere"], true);
        }
    }
    found
}

/// The schema of a kind, and whether its objects have namespaces.
fn definition(kind: &str) -> (Value, bool) {
    let crd = yaml(&format!("crds/{}s.yaml", kind.to_lowercase()));
    assert_eq!(crd["spec"]["names"]["kind"], kind);
    let version = list(&crd["spec"]["versions"]).iter().find(|version| version["name"] == "v1alpha1").expect("a version").clone();
    (version["schema"]["openAPIV3Schema"].clone(), crd["spec"]["scope"] == "Namespaced")
}

#[test]
fn every_path_leads_to_a_value_of_the_definition_and_nothing_private_is_shown() {
    let config = yaml(FILE);
    assert_eq!(config["kind"], "CustomResourceStateMetrics");
    let mut kinds = BTreeSet::new();
    for resource in list(&config["spec"]["resources"]) {
        let which = &resource["groupVersionKind"];
        assert_eq!((text(&which["group"]), text(&which["version"])), ("switchboard.dev", "v1alpha1"));
        let kind = text(&which["kind"]);
        let (schema, namespaced) = definition(kind);
        assert_eq!(faults(resource, &schema), Vec::<String>::new(), "{kind}");
        assert_eq!(text(&resource["metricNamePrefix"]), format!("switchboard_{}", kind.to_lowercase()));
        assert_eq!(resource["labelsFromPath"]["namespace"].is_array(), namespaced, "{kind}");
        assert!(resource["labelsFromPath"]["name"].is_array(), "{kind}");
        assert!(kinds.insert(kind.to_owned()), "{kind} is there twice, which kube-state-metrics refuses");
    }
    let all = ["ClusterProviderAccount", "PhoneNumberBinding", "ProviderAccount", "SipEndpoint"];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), all);
}

#[test]
fn a_path_that_leads_nowhere_or_shows_too_much_is_found() {
    let (schema, _) = definition("SipEndpoint");
    let gauge = |gauge: &str| -> Value {
        let text = format!("metrics: [{{name: x, help: what it is, each: {{type: Gauge, gauge: {gauge}}}}}]");
        serde_saphyr::from_str(&text).expect("YAML")
    };
    let table = [
        ("{path: [status, sip_registered]}", 0),
        ("{path: [status, conditions], valueFrom: [status], labelsFromPath: {type: [type]}}", 0),
        ("{path: [status, registered]}", 1),
        ("{path: [status, conditions], valueFrom: [state]}", 1),
        ("{path: [status, conditions]}", 1),
        ("{path: [status, sip_registered], labelsFromPath: {}}", 0),
        ("{path: [status], valueFrom: [sip_registered], labelsFromPath: {uri: [sip_uri]}}", 1),
        ("{path: [metadata, labels]}", 1),
    ];
    for (metric, expected) in table {
        let found = faults(&gauge(metric), &schema);
        assert_eq!(found.len(), expected, "{metric}: {found:?}");
    }
}

#[test]
fn the_page_names_what_the_configuration_makes() {
    let page = read("docs/metrics.md");
    let config = yaml(FILE);
    let mut made = BTreeSet::new();
    for resource in list(&config["spec"]["resources"]) {
        made.extend(list(&resource["metrics"]).iter().map(|one| format!("{}_{}", text(&resource["metricNamePrefix"]), text(&one["name"]))));
    }
    let (_, section) = page.split_once("\n## Single objects\n").expect("a section");
    let words = section.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named: BTreeSet<&str> = words.filter(|word| word.starts_with("switchboard_")).collect();
    let foreign: Vec<&&str> = named.iter().filter(|name| !made.contains(**name)).collect();
    assert!(named.len() >= 3 && foreign.is_empty(), "{foreign:?}");
}
