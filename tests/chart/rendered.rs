//! What values do: which objects come and go, and what is in them.

use std::collections::BTreeSet;

use clap::Parser;
use serde_json::{Value, json};
use switchboard::cli::{Cli, Command};

use crate::helm::{KEPT, kept, key, keys, one, render, render_in, text, texts};
use crate::values::{everything, sets};

const DEPLOYMENT: &str = "Deployment switchboard-system/switchboard";
const JOB: &str = "Job switchboard-system/switchboard-uninstall-check";

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn without_values_there_is_what_the_operator_needs_and_nothing_else() {
    let expected = set(&[
        "ClusterRole switchboard",
        "ClusterRole switchboard-admin",
        "ClusterRole switchboard-edit",
        "ClusterRole switchboard-secret-reader",
        "ClusterRole switchboard-secret-writer",
        "ClusterRole switchboard-view",
        "ClusterRoleBinding switchboard",
        "ConfigMap switchboard-system/switchboard-log",
        "CustomResourceDefinition clusterprovideraccounts.switchboard.dev",
        "CustomResourceDefinition phonenumberbindings.switchboard.dev",
        "CustomResourceDefinition provideraccounts.switchboard.dev",
        "CustomResourceDefinition sipendpoints.switchboard.dev",
        DEPLOYMENT,
        JOB,
        "Role switchboard-system/switchboard",
        "Role switchboard-system/switchboard-leader",
        "RoleBinding switchboard-system/switchboard",
        "RoleBinding switchboard-system/switchboard-leader",
        "RoleBinding switchboard-system/switchboard-secret-reader",
        "Service switchboard-system/switchboard",
        "ServiceAccount switchboard-system/switchboard",
        "ValidatingAdmissionPolicy switchboard-metadata",
        "ValidatingAdmissionPolicy switchboard-status",
        "ValidatingAdmissionPolicy switchboard-warnings",
        "ValidatingAdmissionPolicyBinding switchboard-metadata",
        "ValidatingAdmissionPolicyBinding switchboard-status",
        "ValidatingAdmissionPolicyBinding switchboard-warnings",
    ]);
    assert_eq!(keys(&render(&json!({}))), expected);
    // Names of the whole cluster are the same whatever the release is called: commands in conditions and documents name them.
    let elsewhere = render_in("telephony", &json!({})).expect("the defaults");
    let moved = expected.iter().map(|key| key.replace("switchboard-system/", "telephony/")).collect::<BTreeSet<_>>();
    assert_eq!(keys(&elsewhere), moved);
    let text = Value::from(elsewhere).to_string();
    assert!(!text.contains("switchboard-system"), "the namespace of the files stands somewhere in another one");
}

#[test]
fn each_switch_adds_and_takes_away_its_objects() {
    let before = keys(&render(&json!({})));
    let definitions: Vec<&str> = before.iter().map(String::as_str).filter(|key| key.starts_with("CustomResource")).collect();
    let policies: Vec<&str> = before.iter().map(String::as_str).filter(|key| key.starts_with("ValidatingAdmission")).collect();
    assert_eq!((definitions.len(), policies.len()), (4, 6));
    let people = ["ClusterRole switchboard-admin", "ClusterRole switchboard-edit", "ClusterRole switchboard-view"];
    let cluster: Vec<&str> = before.iter().map(String::as_str).filter(|key| key.starts_with("ClusterRole")).collect();
    let own_reader = "RoleBinding switchboard-system/switchboard-secret-reader";
    let voice =
        ["voice/switchboard", "voice/switchboard-secret-reader"].map(|name| [format!("Role {name}"), format!("RoleBinding {name}")]);
    let voice: Vec<&str> = voice.iter().flatten().map(String::as_str).collect();
    let rows: Vec<(Value, Vec<&str>, Vec<&str>)> = vec![
        (json!({"namespaces": [{"name": "voice"}]}), vec!["RoleBinding voice/switchboard-secret-reader"], vec![]),
        (
            json!({"namespaces": [{"name": "voice", "writeSecrets": true}, {"name": "sales", "writeSecrets": false}]}),
            vec![
                "RoleBinding voice/switchboard-secret-reader",
                "RoleBinding voice/switchboard-secret-writer",
                "RoleBinding sales/switchboard-secret-reader",
            ],
            vec![],
        ),
        (
            json!({"namespaces": [{"name": "voice"}], "createNamespaces": true}),
            vec!["Namespace voice", "RoleBinding voice/switchboard-secret-reader"],
            vec![],
        ),
        // The operator's own namespace is there, and has agreed to be read.
        (json!({"namespaces": [{"name": "switchboard-system"}], "createNamespaces": true}), vec![], vec![]),
        (
            json!({"namespaces": [{"name": "switchboard-system", "writeSecrets": true}]}),
            vec!["RoleBinding switchboard-system/switchboard-secret-writer"],
            vec![],
        ),
        (json!({"createNamespaces": true}), vec![], vec![]),
        (json!({"userRoles": false}), vec![], people.to_vec()),
        (json!({"uninstall": {"force": true}}), vec![], vec![JOB]),
        (json!({"crds": {"enabled": false}}), vec![], definitions.clone()),
        (json!({"admission": {"enabled": false}}), vec![], policies.clone()),
        (json!({"networkPolicy": {"enabled": true}}), vec!["NetworkPolicy switchboard-system/switchboard"], vec![]),
        (json!({"podDisruptionBudget": {"enabled": true}}), vec!["PodDisruptionBudget switchboard-system/switchboard"], vec![]),
        (json!({"serviceMonitor": {"enabled": true}}), vec!["ServiceMonitor switchboard-system/switchboard"], vec![]),
        (json!({"prometheusRule": {"enabled": true}}), vec!["PrometheusRule switchboard-system/switchboard"], vec![]),
        (json!({"grafanaDashboard": {"enabled": true}}), vec!["ConfigMap switchboard-system/switchboard-dashboard"], vec![]),
        (
            json!({"namespaceMode": true, "installationId": "site-a", "namespaces": [{"name": "voice"}]}),
            voice,
            cluster.iter().copied().chain([own_reader]).collect(),
        ),
        // What changes objects and no number of them.
        (json!({"replicas": 3, "installationId": "site-a", "provider": {"ca": {"secret": "ca"}}}), vec![], vec![]),
    ];
    for (values, more, fewer) in rows {
        let after = keys(&render(&values));
        let added: BTreeSet<String> = after.difference(&before).cloned().collect();
        let gone: BTreeSet<String> = before.difference(&after).cloned().collect();
        assert_eq!((added, gone), (set(&more), set(&fewer)), "{values}");
    }
}

#[test]
fn in_namespace_mode_nothing_of_the_whole_cluster_is_needed() {
    let (_, values) = sets().into_iter().find(|(name, _)| *name == "Roles only, nothing of the whole cluster").expect("a set");
    let rendered = render(&values);
    assert!(rendered.len() >= 8);
    for object in rendered {
        assert!(object["metadata"]["namespace"].is_string(), "{}", key(&object));
    }
}

#[test]
fn names_of_digits_stay_names() {
    let values = json!({
        "namespaces": [{"name": "77"}],
        "createNamespaces": true,
        "provider": {"ca": {"configMap": "88"}},
        "networkPolicy": {"enabled": true},
        "podDisruptionBudget": {"enabled": true},
        "serviceMonitor": {"enabled": true},
        "prometheusRule": {"enabled": true},
    });
    let output = crate::helm::run(&["template", "55", "deploy/chart", "--namespace", "66", "--values", "-"], &values);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rendered = crate::helm::objects(&String::from_utf8(output.stdout).expect("text"));
    assert!(rendered.len() > 25);
    for object in &rendered {
        let all = object.to_string();
        for number in ["55", "66", "77", "88"] {
            let bare = [format!(":{number},"), format!(":{number}}}"), format!("[{number}]")];
            assert!(!bare.iter().any(|bare| all.contains(bare)), "{}: {number} is a number", key(object));
        }
    }
    assert_eq!(one(&rendered, "Deployment 66/switchboard")["spec"]["selector"]["matchLabels"]["app.kubernetes.io/instance"], "55");
}

#[test]
fn what_would_take_data_along_stays_on_uninstall_and_when_a_tool_prunes() {
    let rendered = render(&everything());
    let holds_data = |object: &&Value| ["CustomResourceDefinition", "Namespace"].contains(&text(&object["kind"]));
    assert_eq!(rendered.iter().filter(holds_data).count(), 4 + 2);
    for object in &rendered {
        assert_eq!(kept(object), if holds_data(&object) { KEPT.len() } else { 0 }, "{}", key(object));
    }
}

fn container(rendered: &[Value]) -> &Value {
    container_of(rendered, DEPLOYMENT)
}

fn container_of<'a>(rendered: &'a [Value], wanted: &str) -> &'a Value {
    &one(rendered, wanted)["spec"]["template"]["spec"]["containers"][0]
}

#[test]
fn each_value_becomes_its_argument_and_the_operator_understands_them() {
    let usual = [
        "run",
        "--operator-namespace=switchboard-system",
        "--service-account=switchboard",
        "--log-format=json",
        "--log-file=/etc/switchboard/log/filter",
    ];
    assert_eq!(texts(&container(&render(&json!({})))["args"]), usual);
    let rows: Vec<(Value, &[&str])> = vec![
        (json!({"installationId": "site-a"}), &["--installation-id=site-a"]),
        (json!({"provider": {"ca": {"configMap": "ca"}}}), &["--provider-ca-file=/etc/switchboard/provider-ca/ca.crt"]),
        (json!({"provider": {"ca": {"secret": "ca"}}}), &["--provider-ca-file=/etc/switchboard/provider-ca/ca.crt"]),
        // Consent is not what the operator watches.
        (json!({"namespaces": [{"name": "voice"}]}), &[]),
        (
            json!({"namespaceMode": true, "installationId": "a:b", "namespaces": [{"name": "voice"}, {"name": "x"}]}),
            &["--installation-id=a:b", "--namespace=voice", "--namespace=x"],
        ),
        (json!({"extraArgs": ["--settle=300s", "--log-format=text"]}), &["--settle=300s", "--log-format=text"]),
    ];
    for (values, expected) in rows {
        let rendered = render(&values);
        assert_eq!(texts(&container(&rendered)["args"])[usual.len()..], *expected, "{values}");
    }
    for (name, values) in sets() {
        let rendered = render(&values);
        let arguments = texts(&container(&rendered)["args"]);
        let parsed = Cli::try_parse_from(["switchboard"].iter().chain(&arguments)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let Command::Run(run) = parsed.command else { panic!("{name}: {arguments:?}") };
        assert_eq!((run.operator_namespace.as_str(), run.service_account.as_str()), ("switchboard-system", "switchboard"));
        assert_eq!(run.health_listen.port(), 8080, "{name}: that of the probes");
        let grace = &one(&rendered, DEPLOYMENT)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"];
        assert!(grace.as_u64().is_some_and(|grace| grace > run.shutdown_timeout.as_secs()), "{name}: {grace} s");
    }
}

#[test]
fn another_log_level_changes_its_config_map_and_no_pod() {
    let filter = |values: &Value| {
        let mut rendered = render(values);
        let name = "ConfigMap switchboard-system/switchboard-log";
        let at = rendered.iter().position(|object| key(object) == name).expect("a ConfigMap");
        let map = rendered.remove(at);
        assert_eq!(map["data"].as_object().map(|data| data.len()), Some(1), "{map}");
        // Where the argument of the operator leads to.
        let rest = one(&rendered, DEPLOYMENT);
        let spec = &rest["spec"]["template"]["spec"];
        let volume = spec["volumes"].as_array().expect("volumes").iter().find(|volume| volume["name"] == "log").expect("a volume");
        assert_eq!(volume["configMap"], json!({"name": map["metadata"]["name"], "optional": true}));
        let mounts = container(&rendered)["volumeMounts"].as_array().expect("mounts");
        let mount = mounts.iter().find(|mount| mount["name"] == "log").expect("a mount");
        let argument = format!("--log-file={}/filter", text(&mount["mountPath"]));
        assert!(texts(&container(&rendered)["args"]).contains(&argument.as_str()), "{argument}");
        (text(&map["data"]["filter"]).to_owned(), Value::from(rendered).to_string())
    };
    let (usual, before) = filter(&json!({}));
    let (debug, after) = filter(&json!({"log": {"filter": "switchboard=debug"}}));
    assert_eq!((usual.as_str(), debug.as_str()), ("", "switchboard=debug"));
    assert_eq!(before, after, "nothing but the ConfigMap");
}

#[test]
fn the_check_before_an_uninstall_looks_where_the_operator_works_and_is_run_as_the_operator_is() {
    for (name, values) in sets() {
        let rendered = render(&values);
        let (operator, check) = (container(&rendered), container_of(&rendered, JOB));
        let arguments = texts(&check["args"]);
        let parsed = Cli::try_parse_from(["switchboard"].iter().chain(&arguments)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let Command::UninstallCheck(parsed) = parsed.command else { panic!("{name}: {arguments:?}") };
        let worked_in: Vec<&str> =
            texts(&operator["args"]).into_iter().filter_map(|argument| argument.strip_prefix("--namespace=")).collect();
        assert_eq!(parsed.namespaces, worked_in, "{name}");
        for member in ["image", "imagePullPolicy", "env", "resources", "securityContext"] {
            assert_eq!(check[member], operator[member], "{name}: {member}");
        }
        let pods = [DEPLOYMENT, JOB].map(|wanted| &one(&rendered, wanted)["spec"]["template"]["spec"]);
        for member in
            ["serviceAccountName", "securityContext", "imagePullSecrets", "priorityClassName", "nodeSelector", "tolerations", "affinity"]
        {
            assert_eq!(pods[1][member], pods[0][member], "{name}: {member}");
        }
        // Its token, and no other volume of the operator's.
        assert_eq!(pods[1]["volumes"], json!([pods[0]["volumes"][0]]), "{name}");
    }
    let rendered = render(&json!({"podLabels": {"team": "v", "app.kubernetes.io/name": "other"}, "podAnnotations": {"n": "v"}}));
    let metadata = &one(&rendered, JOB)["spec"]["template"]["metadata"];
    assert_eq!((&metadata["labels"]["team"], &metadata["annotations"]["n"]), (&json!("v"), &json!("v")));
    assert_eq!(metadata["labels"]["app.kubernetes.io/name"], "switchboard-uninstall-check", "which nothing of the operator's selects");
}

#[test]
fn values_arrive_where_they_belong() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let pod = "/spec/template/spec";
    let first = "/spec/template/spec/containers/0";
    let rows: Vec<(Value, &str, String, Value)> = vec![
        (json!({}), DEPLOYMENT, format!("{first}/image"), json!(format!("switchboard.dev/switchboard:{}", env!("CARGO_PKG_VERSION")))),
        (json!({"image": {"tag": "1.2.3"}}), DEPLOYMENT, format!("{first}/image"), json!("switchboard.dev/switchboard:1.2.3")),
        (
            json!({"image": {"repository": "r.example/s", "tag": "1.2.3", "digest": digest}}),
            DEPLOYMENT,
            format!("{first}/image"),
            json!(format!("r.example/s@{digest}")),
        ),
        (json!({"image": {"pullSecrets": [{"name": "r"}]}}), DEPLOYMENT, format!("{pod}/imagePullSecrets/0/name"), json!("r")),
        (json!({}), DEPLOYMENT, format!("{pod}/imagePullSecrets"), Value::Null),
        (json!({}), DEPLOYMENT, "/spec/strategy".into(), json!({"type": "Recreate"})),
        (json!({"replicas": 2}), DEPLOYMENT, "/spec/strategy/type".into(), json!("RollingUpdate")),
        (json!({"replicas": 2}), DEPLOYMENT, "/spec/replicas".into(), json!(2)),
        (json!({}), DEPLOYMENT, format!("{pod}/topologySpreadConstraints"), Value::Null),
        (
            json!({"replicas": 2}),
            DEPLOYMENT,
            format!("{pod}/topologySpreadConstraints/0/labelSelector/matchLabels"),
            json!({"app.kubernetes.io/name": "switchboard", "app.kubernetes.io/instance": "switchboard"}),
        ),
        (
            json!({"replicas": 2, "topologySpreadConstraints": [{"maxSkew": 7}]}),
            DEPLOYMENT,
            format!("{pod}/topologySpreadConstraints"),
            json!([{"maxSkew": 7}]),
        ),
        (json!({"podSecurityContext": {"runAsUser": 1000}}), DEPLOYMENT, format!("{pod}/securityContext/runAsUser"), json!(1000)),
        (json!({"podSecurityContext": {"runAsUser": null}}), DEPLOYMENT, format!("{pod}/securityContext/runAsUser"), Value::Null),
        (json!({"podSecurityContext": {"runAsUser": null}}), DEPLOYMENT, format!("{pod}/securityContext/runAsNonRoot"), json!(true)),
        (json!({"resources": {"limits": {"memory": "1Gi"}}}), DEPLOYMENT, format!("{first}/resources/limits/memory"), json!("1Gi")),
        (json!({"resources": {"limits": {"memory": "1Gi"}}}), DEPLOYMENT, format!("{first}/resources/requests/memory"), json!("64Mi")),
        (
            json!({"provider": {"ca": {"configMap": "1", "key": "b.pem"}}}),
            DEPLOYMENT,
            format!("{pod}/volumes/1"),
            json!({"name": "provider-ca", "configMap": {"name": "1", "items": [{"key": "b.pem", "path": "ca.crt"}]}}),
        ),
        (
            json!({"provider": {"ca": {"secret": "s"}}}),
            DEPLOYMENT,
            format!("{pod}/volumes/1"),
            json!({"name": "provider-ca", "secret": {"secretName": "s", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}),
        ),
        (
            json!({"extraEnv": [{"name": "HTTPS_PROXY", "value": "http://p:1"}]}),
            DEPLOYMENT,
            format!("{first}/env/2"),
            json!({"name": "HTTPS_PROXY", "value": "http://p:1"}),
        ),
        // A container that is started again in its Pod is the same candidate for the lease.
        (
            json!({}),
            DEPLOYMENT,
            format!("{first}/env"),
            json!([
                {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
            ]),
        ),
        (json!({}), DEPLOYMENT, format!("{pod}/terminationGracePeriodSeconds"), json!(60)),
        (json!({"terminationGracePeriodSeconds": null}), DEPLOYMENT, format!("{pod}/terminationGracePeriodSeconds"), json!(60)),
        (json!({"terminationGracePeriodSeconds": 1_000_000}), DEPLOYMENT, format!("{pod}/terminationGracePeriodSeconds"), json!(1_000_000)),
        (json!({"terminationGracePeriodSeconds": 90}), JOB, format!("{pod}/terminationGracePeriodSeconds"), Value::Null),
        (json!({}), DEPLOYMENT, format!("{pod}/securityContext/fsGroup"), Value::Null),
        (
            json!({"podSecurityContext": {"fsGroup": 1_000_680_000}}),
            DEPLOYMENT,
            format!("{pod}/securityContext/fsGroup"),
            json!(1_000_680_000),
        ),
        (
            json!({"extraVolumes": [{"name": "a", "emptyDir": {}}]}),
            DEPLOYMENT,
            format!("{pod}/volumes/2"),
            json!({"name": "a", "emptyDir": {}}),
        ),
        (
            json!({"extraVolumeMounts": [{"name": "a", "mountPath": "/a", "subPath": "b"}]}),
            DEPLOYMENT,
            format!("{first}/volumeMounts/2"),
            json!({"name": "a", "mountPath": "/a", "subPath": "b"}),
        ),
        (json!({"nodeSelector": {"a": "b"}}), DEPLOYMENT, format!("{pod}/nodeSelector"), json!({"a": "b"})),
        (json!({"tolerations": [{"key": "a"}]}), DEPLOYMENT, format!("{pod}/tolerations"), json!([{"key": "a"}])),
        (json!({"affinity": {"podAffinity": {}}}), DEPLOYMENT, format!("{pod}/affinity"), json!({"podAffinity": {}})),
        (json!({"priorityClassName": "high"}), DEPLOYMENT, format!("{pod}/priorityClassName"), json!("high")),
        (json!({"podLabels": {"team": "v"}}), DEPLOYMENT, "/spec/template/metadata/labels/team".into(), json!("v")),
        (json!({"podAnnotations": {"n": "v"}}), DEPLOYMENT, "/spec/template/metadata/annotations/n".into(), json!("v")),
        // What is selected by cannot be overridden.
        (
            json!({"podLabels": {"app.kubernetes.io/name": "other"}}),
            DEPLOYMENT,
            "/spec/template/metadata/labels/app.kubernetes.io~1name".into(),
            json!("switchboard"),
        ),
        (
            json!({"networkPolicy": {"enabled": true, "metricsFrom": []}}),
            "NetworkPolicy switchboard-system/switchboard",
            "/spec/ingress".into(),
            json!([]),
        ),
        (
            json!({"networkPolicy": {"enabled": true}}),
            "NetworkPolicy switchboard-system/switchboard",
            "/spec/ingress/0".into(),
            json!({
                "from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}}}],
                "ports": [{"port": "http", "protocol": "TCP"}],
            }),
        ),
        (
            json!({"networkPolicy": {"enabled": true, "egressPorts": [443], "extraEgress": [{"ports": [{"port": 3128}]}]}}),
            "NetworkPolicy switchboard-system/switchboard",
            "/spec/egress".into(),
            json!([
                {"ports": [
                    {"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"},
                    {"port": 5353, "protocol": "UDP"}, {"port": 5353, "protocol": "TCP"},
                ]},
                {"ports": [{"port": 443, "protocol": "TCP"}]},
                {"ports": [{"port": 3128}]},
            ]),
        ),
        (
            json!({"serviceMonitor": {"enabled": true, "interval": "30s"}}),
            "ServiceMonitor switchboard-system/switchboard",
            "/spec/endpoints".into(),
            json!([{"port": "http", "path": "/metrics", "honorLabels": true, "interval": "30s"}]),
        ),
    ];
    for (values, object, pointer, expected) in rows {
        let rendered = render(&values);
        let found = one(&rendered, object).pointer(&pointer).cloned().unwrap_or(Value::Null);
        assert_eq!(found, expected, "{values}: {pointer} of {object}");
    }
}
