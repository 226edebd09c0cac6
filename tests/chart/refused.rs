//! What is refused before anything is installed, and that helm says why.

use serde_json::{Value, json};

use crate::helm::{render, render_in};

#[test]
fn wrong_values_are_refused_with_the_reason() {
    let roles = |over: Value| {
        let mut values = json!({"namespaceMode": true, "installationId": "site-a", "namespaces": [{"name": "voice"}]});
        values.as_object_mut().expect("an object").extend(over.as_object().expect("an object").clone());
        values
    };
    let rows: Vec<(Value, &[&str])> = vec![
        // Misspelt, at each depth.
        (json!({"installationID": "a"}), &["additional properties 'installationID' not allowed"]),
        (json!({"crds": {"enable": true}}), &["/crds", "'enable' not allowed"]),
        (json!({"uninstall": {"forced": true}}), &["/uninstall", "'forced' not allowed"]),
        (json!({"uninstall": {"force": "yes"}}), &["/uninstall/force", "want boolean"]),
        (json!({"provider": {"ca": {"configmap": "x"}}}), &["/provider/ca", "'configmap' not allowed"]),
        (json!({"namespaces": [{"name": "voice", "writeSecret": true}]}), &["/namespaces/0", "'writeSecret' not allowed"]),
        (json!({"networkPolicy": {"metricsFrom": [{"pods": {}}]}}), &["/networkPolicy/metricsFrom/0", "'pods' not allowed"]),
        (json!({"extraEnv": [{"name": "A", "values": "b"}]}), &["/extraEnv/0", "'values' not allowed"]),
        (json!({"resources": {"limit": {}}}), &["/resources", "'limit' not allowed"]),
        (
            json!({"extraVolumeMounts": [{"name": "a", "mountPath": "/a", "readonly": true}]}),
            &["/extraVolumeMounts/0", "'readonly' not allowed"],
        ),
        // Of another type.
        (json!({"extraVolumes": {"name": "a"}}), &["/extraVolumes", "want array"]),
        (json!({"terminationGracePeriodSeconds": "60s"}), &["/terminationGracePeriodSeconds", "want integer"]),
        (json!({"installationId": 7}), &["/installationId", "want string"]),
        (json!({"replicas": "2"}), &["/replicas", "want integer"]),
        (json!({"replicas": -1}), &["/replicas", "minimum"]),
        (json!({"namespaces": "voice"}), &["/namespaces", "want array"]),
        (json!({"namespaces": ["voice"]}), &["/namespaces/0", "want object"]),
        (json!({"namespaceMode": "yes"}), &["/namespaceMode", "want boolean"]),
        (json!({"extraArgs": "--no-escrow"}), &["/extraArgs", "want array"]),
        (json!({"podLabels": {"a": 1}}), &["/podLabels/a", "want string"]),
        (json!({"resources": {"limits": {"memory": "lots"}}}), &["/resources/limits/memory", "pattern"]),
        // What the cluster would refuse later, or take for something else.
        (json!({"namespaces": [{"name": "Voice"}]}), &["/namespaces/0/name", "pattern"]),
        (json!({"namespaces": [{"name": ""}]}), &["/namespaces/0/name", "pattern"]),
        (json!({"namespaces": [{"writeSecrets": true}]}), &["/namespaces/0", "missing property 'name'"]),
        (json!({"namespaces": [{"name": "a"}, {"name": "a", "writeSecrets": true}]}), &["namespaces: a is listed twice"]),
        (json!({"installationId": "site a"}), &["/installationId", "pattern"]),
        (json!({"installationId": "x".repeat(254)}), &["/installationId", "maxLength"]),
        (json!({"image": {"tag": "latest"}}), &["/image/tag", "'not' failed"]),
        (json!({"image": {"tag": "a b"}}), &["/image/tag", "pattern"]),
        (json!({"image": {"repository": "switchboard:0.1.0"}}), &["/image/repository", "pattern"]),
        (json!({"image": {"repository": ""}}), &["/image/repository", "pattern"]),
        (json!({"image": {"digest": "sha256:short"}}), &["/image/digest", "pattern"]),
        (json!({"image": {"pullPolicy": "Sometimes"}}), &["/image/pullPolicy", "one of"]),
        (json!({"log": {"format": "xml"}}), &["/log/format", "one of"]),
        (json!({"extraVolumes": [{"emptyDir": {}}]}), &["/extraVolumes/0", "missing property 'name'"]),
        (json!({"extraVolumes": [{"name": "log", "emptyDir": {}}]}), &["/extraVolumes/0/name", "'not' failed"]),
        (json!({"extraVolumeMounts": [{"name": "a", "mountPath": "audit"}]}), &["/extraVolumeMounts/0/mountPath", "pattern"]),
        // Shorter than the time that the operator takes for itself.
        (json!({"terminationGracePeriodSeconds": 29}), &["/terminationGracePeriodSeconds", "minimum"]),
        (json!({"podSecurityContext": {"fsGroup": 0}}), &["/podSecurityContext/fsGroup", "minimum"]),
        (json!({"podSecurityContext": {"runAsUser": 0}}), &["/podSecurityContext/runAsUser", "minimum"]),
        (json!({"podSecurityContext": {"privileged": true}}), &["/podSecurityContext", "'privileged' not allowed"]),
        (json!({"extraArgs": ["crds"]}), &["/extraArgs/0", "pattern"]),
        (json!({"networkPolicy": {"metricsFrom": [{}]}}), &["/networkPolicy/metricsFrom/0", "minProperties"]),
        (json!({"networkPolicy": {"egressPorts": [0]}}), &["/networkPolicy/egressPorts/0", "minimum"]),
        (json!({"serviceMonitor": {"interval": "often"}}), &["/serviceMonitor/interval", "pattern"]),
        // Out of the text that they would stand in.
        (json!({"admission": {"statusWriters": ["velero'] || true || ['"]}}), &["/admission/statusWriters/0", "pattern"]),
        (json!({"admission": {"statusWriters": [""]}}), &["/admission/statusWriters/0", "pattern"]),
        (json!({"priorityClassName": "a: b"}), &["/priorityClassName", "pattern"]),
        // What does not go together.
        (json!({"provider": {"ca": {"configMap": "a", "secret": "b"}}}), &["provider.ca: configMap or secret, not both"]),
        (roles(json!({"namespaces": []})), &["namespaceMode", "list the namespaces"]),
        (roles(json!({"installationId": ""})), &["namespaceMode", "set `installationId`", "never change it"]),
        (roles(json!({"namespaces": [{"name": "switchboard-system"}]})), &["switchboard-system is the operator's own namespace"]),
    ];
    for (values, expected) in rows {
        match render_in(crate::helm::NAMESPACE, &values) {
            Ok(_) => panic!("{values} is let through"),
            Err(said) => assert!(expected.iter().all(|text| said.contains(text)), "{values}: {expected:?} is not in:\n{said}"),
        }
    }
    // The base of the rows above is not what is refused.
    render(&roles(json!({})));
}
