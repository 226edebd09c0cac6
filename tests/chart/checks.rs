//! No manifest that the chart renders has one of the faults in the table, and each fault of the table is found.

use serde_json::{Value, json};

use crate::faults::faults;
use crate::helm::{key, render};
use crate::values::{everything, sets};

#[test]
fn nothing_is_wrong_with_any_manifest() {
    for (name, values) in sets() {
        let found = faults(&render(&values));
        assert!(found.is_empty(), "{name}: {found:#?}");
    }
}

const DEPLOYMENT: &str = "Deployment switchboard-system/switchboard";
const POD: &str = "/spec/template/spec";
const CONTAINER: &str = "/spec/template/spec/containers/0";

/// Sets a member, or takes it away with null.
fn change(object: &mut Value, pointer: &str, value: Value) {
    let (above, member) = pointer.rsplit_once('/').expect("a pointer");
    let above = object.pointer_mut(above).unwrap_or_else(|| panic!("there is no {above}"));
    let member = member.replace("~1", "/");
    match (above, value) {
        (Value::Object(members), Value::Null) => drop(members.remove(&member).unwrap_or_else(|| panic!("{pointer} is not there"))),
        (Value::Object(members), value) => drop(members.insert(member, value)),
        (Value::Array(members), value) if member == members.len().to_string() => members.push(value),
        (Value::Array(members), value) => members[member.parse::<usize>().expect("an index")] = value,
        (other, _) => panic!("{pointer} in {other}"),
    }
}

/// A manifest that is spoilt: the object, the member, what it is instead, and what is said of it.
pub type Spoilt = (&'static str, String, Value, &'static str);

pub fn spoilt() -> Vec<Spoilt> {
    let service = "Service switchboard-system/switchboard";
    let monitor = "ServiceMonitor switchboard-system/switchboard";
    let network = "NetworkPolicy switchboard-system/switchboard";
    let budget = "PodDisruptionBudget switchboard-system/switchboard";
    let binding = "ClusterRoleBinding switchboard";
    let job = "Job switchboard-system/switchboard-uninstall-check";
    let pod = |rest: &str| format!("{POD}{rest}");
    let container = |rest: &str| format!("{CONTAINER}{rest}");
    vec![
        (service, "/metadata/labels/app.kubernetes.io~1part-of".into(), Value::Null, "has no proper label app.kubernetes.io/part-of"),
        (service, "/metadata/namespace".into(), Value::Null, "or has none"),
        (service, "/kind".into(), json!("Secret"), "is of no known kind"),
        (service, "/apiVersion".into(), Value::Null, "has no version"),
        (service, "/spec/selector/app.kubernetes.io~1name".into(), json!("other"), "selects no Pod"),
        (service, "/spec/selector".into(), json!({}), "selects no Pod"),
        (service, "/spec/ports/0/targetPort".into(), json!("metrics"), "leads to a port"),
        (service, "/spec/type".into(), json!("LoadBalancer"), "can be reached from outside"),
        (monitor, "/spec/selector/matchLabels/app.kubernetes.io~1name".into(), json!("other"), "selects no Service"),
        (monitor, "/spec/endpoints/0/port".into(), json!("metrics"), "asks at a port"),
        (monitor, "/spec/namespaceSelector".into(), json!({"any": true}), "looks into other namespaces"),
        (network, "/spec/podSelector".into(), json!({}), "selects no Pod"),
        (network, "/spec/policyTypes".into(), json!(["Ingress"]), "leaves a direction open"),
        (network, "/spec/ingress/0/from".into(), Value::Null, "lets everybody in"),
        (network, "/spec/egress/0/ports".into(), json!([]), "lets everything out"),
        (budget, "/spec/selector/matchLabels".into(), json!({}), "selects no Pod"),
        (budget, "/spec/maxUnavailable".into(), json!(0), "can keep a node from being drained"),
        (network, "/spec/podSelector/matchExpressions/0/values".into(), json!(["switchboard"]), "is not let out to the API server"),
        (job, "/metadata/annotations/helm.sh~1hook".into(), Value::Null, "runs at another time"),
        (job, "/metadata/annotations/helm.sh~1hook".into(), json!("pre-delete,pre-upgrade"), "runs at another time"),
        (job, "/metadata/annotations/helm.sh~1hook-delete-policy".into(), json!("hook-failed"), "takes the reason of a failure"),
        (job, "/spec/backoffLimit".into(), json!(6), "asks again"),
        (job, pod("/restartPolicy"), json!("OnFailure"), "asks again"),
        (job, "/spec/ttlSecondsAfterFinished".into(), Value::Null, "is left for ever"),
        (job, "/spec/activeDeadlineSeconds".into(), Value::Null, "later than anybody waits"),
        (job, "/spec/template/metadata/labels/app.kubernetes.io~1name".into(), json!("switchboard"), "is taken for the operator"),
        (job, pod("/serviceAccountName"), json!("default"), "runs as a ServiceAccount that is not there"),
        (job, pod("/securityContext/runAsNonRoot"), json!(false), "may run as root"),
        (job, container("/securityContext/readOnlyRootFilesystem"), json!(false), "has more rights"),
        (job, container("/resources/limits/memory"), Value::Null, "has no limits for memory"),
        (job, pod("/volumes/0"), json!({"name": "token", "projected": {"sources": []}}), "has no token"),
        (binding, "/roleRef/name".into(), json!("switchboard-secret-reader"), "gives in the whole cluster"),
        (binding, "/roleRef/name".into(), json!("cluster-admin"), "binds a role that is not there"),
        (binding, "/subjects/0/name".into(), json!("default"), "gives rights to others"),
        ("ClusterRole switchboard", "/rules/0/verbs".into(), json!(["*"]), "has a wildcard"),
        ("ServiceAccount switchboard-system/switchboard", "/automountServiceAccountToken".into(), Value::Null, "mounts its token anywhere"),
        (DEPLOYMENT, "/spec/template/metadata/labels/app.kubernetes.io~1instance".into(), json!("other"), "does not select its own Pods"),
        (DEPLOYMENT, "/spec/selector/matchLabels/app.kubernetes.io~1version".into(), json!("0"), "selects by what an upgrade changes"),
        (DEPLOYMENT, pod("/serviceAccountName"), json!("default"), "runs as a ServiceAccount that is not there"),
        (DEPLOYMENT, pod("/automountServiceAccountToken"), Value::Null, "mounts the token by default"),
        (DEPLOYMENT, pod("/enableServiceLinks"), Value::Null, "is told all Services"),
        (DEPLOYMENT, pod("/hostNetwork"), json!(true), "has hostNetwork"),
        (DEPLOYMENT, pod("/hostIPC"), json!(true), "has hostIPC"),
        (DEPLOYMENT, pod("/hostPID"), json!(true), "has hostPID"),
        (DEPLOYMENT, pod("/securityContext/runAsNonRoot"), json!(false), "may run as root"),
        (DEPLOYMENT, pod("/securityContext/runAsUser"), json!(0), "may run as root"),
        (DEPLOYMENT, pod("/securityContext/seccompProfile/type"), json!("Unconfined"), "has no seccomp profile"),
        (DEPLOYMENT, pod("/topologySpreadConstraints"), Value::Null, "puts all its Pods on one node"),
        (DEPLOYMENT, pod("/containers"), json!([]), "another number of containers"),
        (DEPLOYMENT, container("/image"), json!("registry.example:5000/switchboard"), "has an image of no certain version"),
        (DEPLOYMENT, container("/image"), json!("switchboard:latest"), "has an image of no certain version"),
        (DEPLOYMENT, container("/imagePullPolicy"), Value::Null, "leaves it open when the image is pulled"),
        (DEPLOYMENT, container("/resources/limits/memory"), Value::Null, "has no limits for memory"),
        (DEPLOYMENT, container("/resources/requests/cpu"), Value::Null, "has no requests for cpu"),
        (DEPLOYMENT, container("/securityContext/readOnlyRootFilesystem"), json!(false), "has more rights"),
        (DEPLOYMENT, container("/securityContext/allowPrivilegeEscalation"), Value::Null, "has more rights"),
        (DEPLOYMENT, container("/securityContext/capabilities/drop"), json!([]), "has more rights"),
        (DEPLOYMENT, container("/securityContext/privileged"), json!(true), "has more rights"),
        (DEPLOYMENT, container("/ports/0/hostPort"), json!(8080), "takes a port of its node"),
        (DEPLOYMENT, container("/readinessProbe"), Value::Null, "has no readinessProbe"),
        (DEPLOYMENT, container("/startupProbe"), Value::Null, "has no startupProbe"),
        (DEPLOYMENT, container("/livenessProbe/httpGet/port"), json!("metrics"), "has no livenessProbe, or one at a port"),
        (DEPLOYMENT, container("/livenessProbe/httpGet/path"), json!("/readyz"), "is alive only while it is ready"),
        (DEPLOYMENT, container("/env/0/valueFrom"), json!({"secretKeyRef": {"name": "a", "key": "b"}}), "has a Secret in its environment"),
        (DEPLOYMENT, container("/command"), json!(["sh"]), "runs something else"),
        (DEPLOYMENT, container("/volumeMounts/0/name"), json!("other"), "mounts [\"other\""),
        (DEPLOYMENT, container("/volumeMounts/0/readOnly"), Value::Null, "mounts something that it could write"),
        (DEPLOYMENT, pod("/volumes/0"), json!({"name": "token", "hostPath": {"path": "/"}}), "has a volume [\"hostPath\"]"),
        (DEPLOYMENT, pod("/volumes/0"), json!({"name": "token", "projected": {"sources": []}}), "has no token"),
        (
            DEPLOYMENT,
            pod("/volumes/0/projected/sources/0/serviceAccountToken/expirationSeconds"),
            json!(86400),
            "has a token that lives long",
        ),
        ("ClusterRole switchboard", "/rules/0/resources".into(), json!(["secrets"]), "reaches Secrets in the whole cluster"),
        ("ClusterRole switchboard", "/rules/0/resources".into(), json!(["pods"]), "reaches what is none of its business"),
        ("ClusterRole switchboard", "/rules/0/verbs".into(), json!(["impersonate"]), "has a power over others"),
        ("ClusterRole switchboard", "/rules/0/nonResourceURLs".into(), json!(["/metrics"]), "reaches paths of the API server"),
        (service, "/apiVersion".into(), json!("v1beta1"), "is of a version that may go"),
        (DEPLOYMENT, pod("/hostAliases"), json!([{"ip": "203.0.113.1", "hostnames": ["api.plivo.com"]}]), "has hostAliases"),
        (DEPLOYMENT, pod("/securityContext/sysctls"), json!([{"name": "kernel.msgmax", "value": "1"}]), "changes its kernel"),
        (DEPLOYMENT, container("/securityContext/procMount"), json!("Unmasked"), "has more rights"),
        (DEPLOYMENT, container("/ports/0/containerPort"), json!(80), "listens where only root may"),
        (DEPLOYMENT, container("/env/1"), json!({"name": "HTTPS_PROXY", "value": "http://other"}), "is told something twice"),
        (DEPLOYMENT, container("/env/0/name"), json!("PLIVO_AUTH_TOKEN"), "has a Secret in its environment"),
        (DEPLOYMENT, "/spec/strategy/type".into(), json!("Unknown"), "is replaced in an unknown way"),
        (DEPLOYMENT, pod("/restartPolicy"), json!("Never"), "is not started again"),
    ]
}

#[test]
fn each_fault_is_found() {
    let sound = render(&everything());
    assert_eq!(faults(&sound), Vec::<String>::new());
    for (wanted, pointer, value, expected) in spoilt() {
        let mut objects = sound.clone();
        let object = objects.iter_mut().find(|object| key(object) == wanted).unwrap_or_else(|| panic!("no {wanted}"));
        change(object, &pointer, value.clone());
        let found = faults(&objects);
        assert!(found.iter().any(|fault| fault.contains(expected)), "{wanted} {pointer} {value}: {found:#?}");
    }
}
