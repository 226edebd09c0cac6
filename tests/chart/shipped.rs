//! What the chart ships is what lies in `deploy/` and `crds/`: audited there, compared here object by object.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::helm::{self, NAMESPACE, bare, checkout, difference, key, list, objects, one, read, render, render_in, text};

/// Another namespace for the operator than that of the files.
const ELSEWHERE: &str = "telephony";

/// The kinds that give rights or bear them.
const RIGHTS: [&str; 5] = ["ServiceAccount", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"];

/// With this text instead of that, in every string.
fn replaced(value: &Value, from: &str, to: &str) -> Value {
    serde_json::from_str(&value.to_string().replace(from, to)).expect("JSON stays JSON")
}

fn by_key(objects: impl IntoIterator<Item = Value>) -> BTreeMap<String, Value> {
    objects.into_iter().map(|object| (key(&object), object)).collect()
}

fn rights(objects: &[Value]) -> BTreeMap<String, Value> {
    by_key(objects.iter().filter(|object| RIGHTS.contains(&text(&object["kind"]))).map(bare))
}

/// Object by object, so that a failure names what differs.
fn assert_same(what: &str, rendered: &BTreeMap<String, Value>, audited: &BTreeMap<String, Value>) {
    assert!(audited.len() > 2, "{what}");
    for (key, object) in audited {
        let found = rendered.get(key).unwrap_or_else(|| panic!("{what}: {key} is missing in {:?}", rendered.keys()));
        assert_eq!(difference(key, found, object), None, "{what}");
    }
    let more: Vec<&String> = rendered.keys().filter(|key| !audited.contains_key(*key)).collect();
    assert!(more.is_empty(), "{what}: {more:?} is in no file");
}

#[test]
fn the_rights_are_exactly_those_of_deploy() {
    let file = objects(&read("deploy/rbac.yaml"));
    for namespace in [NAMESPACE, ELSEWHERE] {
        let rendered = render_in(namespace, &json!({})).expect("the defaults");
        let audited: Vec<Value> = file.iter().map(|object| replaced(object, NAMESPACE, namespace)).collect();
        assert_same(namespace, &rights(&rendered), &rights(&audited));
    }
}

#[test]
fn consent_is_the_binding_that_people_would_make() {
    // The sample, and the commands of deploy/rbac.yaml, make just this.
    let sample = objects(&read("deploy/samples/consent.yaml")).remove(0);
    let writer = objects(&read("deploy/samples/consent-write.yaml")).remove(0);
    let rendered = render(&json!({"namespaces": [{"name": "voice", "writeSecrets": true}]}));
    for (role, expected) in [("switchboard-secret-reader", sample), ("switchboard-secret-writer", writer)] {
        let mut expected = expected;
        expected["metadata"]["namespace"] = json!("voice");
        assert_eq!(bare(one(&rendered, &format!("RoleBinding voice/{role}"))), bare(&expected));
    }
}

#[test]
fn the_rights_in_single_namespaces_are_exactly_those_of_deploy() {
    let (operator, tenant) = (objects(&read("deploy/namespaced/operator.yaml")), objects(&read("deploy/namespaced/namespace.yaml")));
    for namespace in [NAMESPACE, ELSEWHERE] {
        let values = json!({
            "namespaceMode": true,
            "installationId": "site-a",
            "namespaces": [{"name": "voice", "writeSecrets": true}, {"name": "sales", "writeSecrets": false}],
        });
        let rendered = render_in(namespace, &values).expect("values");
        let mut audited: Vec<Value> = operator.iter().map(|object| replaced(object, NAMESPACE, namespace)).collect();
        for (name, writes) in [("voice", true), ("sales", false)] {
            let wanted = tenant.iter().filter(|object| writes || text(&object["metadata"]["name"]) != "switchboard-secret-writer");
            audited.extend(wanted.map(|object| {
                let mut object = replaced(object, NAMESPACE, namespace);
                object["metadata"]["namespace"] = json!(name);
                object
            }));
        }
        assert_same(namespace, &rights(&rendered), &rights(&audited));
    }
}

#[test]
fn the_policies_are_those_of_deploy_for_the_operator_of_this_release() {
    let account = |namespace: &str| format!("system:serviceaccount:{namespace}:switchboard");
    let file = objects(&read("deploy/admission.yaml"));
    let velero = "system:serviceaccount:velero:velero";
    for (namespace, writers) in [(NAMESPACE, json!([])), (ELSEWHERE, json!([velero])), (NAMESPACE, json!([velero, "backup@example.com"]))] {
        let rendered = render_in(namespace, &json!({"admission": {"statusWriters": writers}})).expect("values");
        let policies = rendered.iter().filter(|object| text(&object["kind"]).starts_with("ValidatingAdmissionPolicy"));
        let audited = file.iter().map(|object| {
            let mut object = replaced(object, &account(NAMESPACE), &account(namespace));
            if key(&object) == "ValidatingAdmissionPolicy switchboard-status" {
                assert_eq!(object["spec"]["variables"][0]["name"], "furtherStatusWriters");
                // A list of strings is written in the same way in JSON and in CEL.
                object["spec"]["variables"][0]["expression"] = json!(writers.to_string());
            }
            object
        });
        assert_same(namespace, &by_key(policies.map(bare)), &by_key(audited));
    }
}

#[test]
fn the_definitions_are_those_that_the_types_make_and_stay_on_uninstall_unless_told_otherwise() {
    let generated =
        by_key(switchboard::api::crd::all().iter().map(|crd| objects(&switchboard::cli::crds::yaml(crd).expect("YAML")).remove(0)));
    for (values, kept) in [(json!({}), true), (json!({"crds": {"keep": false}}), false)] {
        let rendered = render(&values);
        let definitions: Vec<&Value> = rendered.iter().filter(|object| object["kind"] == "CustomResourceDefinition").collect();
        for definition in &definitions {
            assert_eq!(helm::kept(definition), if kept { helm::KEPT.len() } else { 0 }, "{}", key(definition));
        }
        assert_same("definitions", &by_key(definitions.into_iter().map(bare)), &generated);
    }
}

#[test]
fn the_alerts_are_those_of_deploy() {
    let rendered = render(&json!({"prometheusRule": {"enabled": true, "labels": {"release": "prometheus"}}}));
    let rule = one(&rendered, "PrometheusRule switchboard-system/switchboard");
    assert_eq!(rule["spec"], objects(&read("deploy/prometheus/alerts.yaml"))[0]);
    assert!(!list(&rule["spec"]["groups"]).is_empty());
    assert_eq!(rule["metadata"]["labels"]["release"], "prometheus");
}

#[test]
fn the_dashboard_is_that_of_deploy() {
    let rendered = render(&json!({"grafanaDashboard": {"enabled": true, "labels": {"team": "voice"}}}));
    let map = one(&rendered, "ConfigMap switchboard-system/switchboard-dashboard");
    let shown: Value = serde_json::from_str(text(&map["data"]["switchboard.json"])).expect("JSON");
    assert_eq!(shown, serde_json::from_str::<Value>(&read("deploy/grafana/switchboard.json")).expect("JSON"));
    assert_eq!((text(&map["metadata"]["labels"]["grafana_dashboard"]), text(&map["metadata"]["labels"]["team"])), ("1", "voice"));
}

#[test]
fn the_chart_holds_fresh_copies_of_what_it_is_made_of() {
    let mut copies = vec![
        ("deploy/rbac.yaml".to_owned(), "rbac.yaml".to_owned()),
        ("deploy/admission.yaml".to_owned(), "admission.yaml".to_owned()),
        ("deploy/prometheus/alerts.yaml".to_owned(), "alerts.yaml".to_owned()),
        ("deploy/grafana/switchboard.json".to_owned(), "dashboard.json".to_owned()),
    ];
    for (folder, copy) in [("crds", "crds"), ("deploy/namespaced", "namespaced")] {
        for folder in [folder.to_owned(), format!("deploy/chart/files/{copy}")] {
            for file in std::fs::read_dir(checkout(&folder)).expect("a folder") {
                let name = file.expect("a file").file_name().into_string().expect("a name");
                // From both sides: none is missing, none is left over.
                copies.push((
                    if copy == "crds" { format!("crds/{name}") } else { format!("deploy/{copy}/{name}") },
                    format!("{copy}/{name}"),
                ));
            }
        }
    }
    for (source, copy) in copies {
        assert!(read(&source) == read(&format!("deploy/chart/files/{copy}")), "{copy} of the chart is out of date: run `make chart`");
    }
}

#[test]
fn the_rendered_manifest_is_up_to_date() {
    let output = Command::new(checkout("tools/chart.sh")).arg("--render").output().expect("tools/chart.sh");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (stored, rendered) = (read("deploy/switchboard.yaml"), String::from_utf8(output.stdout).expect("text"));
    assert!(stored == rendered, "deploy/switchboard.yaml is out of date: run `make chart`");
    // The chart with its defaults, and the namespace that Helm would make.
    let mut all = objects(&stored);
    let namespace = all.remove(0);
    assert_eq!(key(&namespace), "Namespace switchboard-system");
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    let is_hook = |object: &Value| !object["metadata"]["annotations"]["helm.sh/hook"].is_null();
    let mut installed = render(&json!({}));
    assert_eq!(installed.extract_if(.., |object| is_hook(object)).count(), 1, "which would run at once if it were applied");
    assert_eq!(by_key(all), by_key(installed));
}

#[test]
fn chart_and_operator_have_one_version() {
    let chart = &objects(&read("deploy/chart/Chart.yaml"))[0];
    assert_eq!((text(&chart["version"]), text(&chart["appVersion"])), (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_VERSION")));
}
