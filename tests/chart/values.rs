//! The value sets that every check runs over, and that values are explained and typed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::helm::{command, objects, read};

/// A value set with everything switched on.
pub fn everything() -> Value {
    json!({
        "installationId": "site-a",
        "namespaces": [{"name": "voice", "writeSecrets": true}, {"name": "sales"}],
        "createNamespaces": true,
        "admission": {"statusWriters": ["system:serviceaccount:velero:velero"]},
        "image": {
            "repository": "registry.example:5000/mirror/switchboard",
            "digest": format!("sha256:{}", "0123456789abcdef".repeat(4)),
            "pullPolicy": "Always",
            "pullSecrets": [{"name": "registry"}],
        },
        "replicas": 2,
        "provider": {"ca": {"configMap": "company-ca", "key": "bundle.pem"}},
        "log": {"format": "text", "filter": "info,switchboard=debug"},
        "extraArgs": ["--settle=300s", "--no-escrow"],
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "extraVolumes": [{"name": "more", "configMap": {"name": "more"}}],
        "extraVolumeMounts": [{"name": "more", "mountPath": "/more", "readOnly": true}],
        "terminationGracePeriodSeconds": 120,
        "podSecurityContext": {"runAsUser": 65532, "fsGroup": 65532},
        "networkPolicy": {"enabled": true, "extraEgress": [{"ports": [{"port": 3128, "protocol": "TCP"}]}]},
        "podDisruptionBudget": {"enabled": true},
        "serviceMonitor": {"enabled": true, "interval": "30s", "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": true, "labels": {"release": "prometheus"}},
        "grafanaDashboard": {"enabled": true, "labels": {"grafana_dashboard": "1"}},
        "podLabels": {"team": "voice"},
        "podAnnotations": {"example.com/note": "yes"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "system-cluster-critical",
    })
}

/// Each way to install, by name.
pub fn sets() -> Vec<(&'static str, Value)> {
    let roles = json!({"namespaceMode": true, "installationId": "site-a", "namespaces": [{"name": "voice", "writeSecrets": true}]});
    let mut nothing_of_the_cluster = roles.clone();
    nothing_of_the_cluster["crds"] = json!({"enabled": false});
    nothing_of_the_cluster["admission"] = json!({"enabled": false});
    vec![
        ("the defaults", json!({})),
        ("everything", everything()),
        ("Roles only", roles),
        ("Roles only, nothing of the whole cluster", nothing_of_the_cluster),
        ("a Secret with authorities", json!({"provider": {"ca": {"secret": "company-ca"}}})),
        ("a user that the cluster assigns", json!({"podSecurityContext": {"runAsUser": null}})),
        ("no Pod", json!({"replicas": 0})),
        ("a part of a greater chart", json!({"global": {"imageRegistry": "registry.example"}})),
    ]
}

/// All members of nested objects, as paths.
fn paths(value: &Value, above: &str, down: &dyn Fn(&Value) -> Option<&Value>, found: &mut BTreeSet<String>) {
    for (name, member) in down(value).and_then(Value::as_object).into_iter().flatten() {
        let path = format!("{above}/{name}");
        paths(member, &path, down, found);
        found.insert(path);
    }
}

#[test]
fn every_value_is_typed_and_explained() {
    let defaults = &objects(&read("deploy/chart/values.yaml"))[0];
    let schema: Value = serde_json::from_str(&read("deploy/chart/values.schema.json")).expect("JSON");
    let (mut given, mut typed) = (BTreeSet::new(), BTreeSet::new());
    // Labels, quantities and the like are the user's.
    fn closed(value: &Value) -> Option<&Value> {
        value.get("properties")
    }
    paths(&schema, "", &closed, &mut typed);
    paths(defaults, "", &|value| Some(value), &mut given);
    for path in &typed {
        let pointer = path.replace('/', "/properties/");
        let one = schema.pointer(&pointer).expect("a path of the schema");
        assert!(one["description"].as_str().is_some_and(|text| text.len() > 10), "{path} is not described");
        let is_closed = one["properties"].is_null() || one["additionalProperties"] == json!(false);
        assert!(is_closed, "{path} takes in any misspelling");
        assert!(path == "/global" || defaults.pointer(path).is_some(), "{path} has no default to read about");
    }
    assert_eq!(schema["additionalProperties"], json!(false));
    for path in &given {
        let inside_free = typed.iter().any(|one| {
            let free = schema.pointer(&one.replace('/', "/properties/")).is_some_and(|one| one["properties"].is_null());
            free && path.starts_with(&format!("{one}/"))
        });
        assert!(typed.contains(path) || inside_free, "{path} has no type");
    }
    assert!(typed.len() > 40, "{typed:#?}");
}

#[test]
fn every_paragraph_of_the_values_begins_with_words() {
    for paragraph in read("deploy/chart/values.yaml").split("\n\n") {
        let lines: Vec<&str> = paragraph.lines().collect();
        let first = lines.iter().position(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
        let explained = lines.iter().position(|line| line.trim_start().starts_with("# "));
        // Before the key, or before its first member.
        assert!(explained.is_some_and(|at| first.is_none_or(|first| at <= first + 1)), "{paragraph}");
    }
}

#[test]
fn helm_lint_finds_nothing() {
    for (name, values) in sets() {
        let output = crate::helm::run(&["lint", "--strict", "deploy/chart", "--namespace", "switchboard-system", "--values", "-"], &values);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("[WARNING]") && !said.contains("[ERROR]"), "{name}: {said}");
    }
    // It does find something where there is something.
    let broken = command().args(["lint", "--strict", "deploy/chart", "--set", "replicas=many"]).output().expect("helm");
    assert!(!broken.status.success());
}
