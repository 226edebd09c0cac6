//! What a careful reviewer would find in manifests: a table of checks over everything that the chart renders.

use serde_json::{Value, json};

use crate::helm::{NAMESPACE, key, list, text, texts};

/// Kinds without a namespace.
const OF_THE_CLUSTER: [&str; 6] = [
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "Namespace",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
];
/// The kinds that there may be besides: no Secret, no Pod, no Job but for Helm, nothing unforeseen.
const IN_A_NAMESPACE: [&str; 11] = [
    "ConfigMap",
    "Deployment",
    "Job",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "PrometheusRule",
    "Role",
    "RoleBinding",
    "Service",
    "ServiceAccount",
    "ServiceMonitor",
];
const LABELS: [&str; 7] = [
    "app.kubernetes.io/name",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "app.kubernetes.io/component",
    "app.kubernetes.io/part-of",
    "app.kubernetes.io/managed-by",
    "helm.sh/chart",
];
/// Volumes that read what the cluster holds; nothing of a node, nothing that is written.
const VOLUMES: [&str; 3] = ["configMap", "projected", "secret"];

/// Whether all of these labels are on something.
fn selects(selector: &Value, labels: &Value) -> bool {
    selector.as_object().is_some_and(|selector| !selector.is_empty() && selector.iter().all(|(name, value)| labels[name] == *value))
}

/// The same for a selector of an API, which may have expressions as well; of these only `In` is known.
fn matches(selector: &Value, labels: &Value) -> bool {
    let expressions = list(&selector["matchExpressions"]);
    let among = |one: &Value| one["operator"] == "In" && list(&one["values"]).contains(&labels[text(&one["key"])]);
    (selector["matchLabels"].is_null() && !expressions.is_empty() || selects(&selector["matchLabels"], labels))
        && expressions.iter().all(among)
}

fn labels(object: &Value) -> &Value {
    &object["metadata"]["labels"]
}

fn of<'a>(objects: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

/// Everything that is wrong, as `object: what`.
pub fn faults(objects: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    for object in objects {
        let mut say = |what: &str| found.push(format!("{}: {what}", key(object)));
        named(object, &mut say);
        match text(&object["kind"]) {
            "Deployment" => deployment(object, objects, &mut say),
            "Job" => job(object, objects, &mut say),
            "Service" => service(object, objects, &mut say),
            "ServiceAccount" if object["automountServiceAccountToken"] != false => say("mounts its token anywhere"),
            "ServiceMonitor" => monitor(object, objects, &mut say),
            "NetworkPolicy" => network_policy(object, objects, &mut say),
            "PodDisruptionBudget" => {
                if !of(objects, "Deployment")
                    .any(|one| selects(&object["spec"]["selector"]["matchLabels"], labels(&one["spec"]["template"])))
                {
                    say("selects no Pod");
                }
                if object["spec"]["maxUnavailable"] != 1 || !object["spec"]["minAvailable"].is_null() {
                    say("can keep a node from being drained");
                }
            }
            "Role" | "ClusterRole" => role(object, objects, &mut say),
            "RoleBinding" | "ClusterRoleBinding" => binding(object, objects, &mut say),
            _ => {}
        }
    }
    found
}

fn named(object: &Value, say: &mut dyn FnMut(&str)) {
    let (kind, metadata) = (text(&object["kind"]), &object["metadata"]);
    if text(&object["apiVersion"]).is_empty() || text(&metadata["name"]).is_empty() {
        say("has no version or no name");
    }
    if ["alpha", "beta"].iter().any(|stage| text(&object["apiVersion"]).contains(stage)) {
        say("is of a version that may go");
    }
    match metadata["namespace"].as_str() {
        None if OF_THE_CLUSTER.contains(&kind) => {}
        Some(namespace) if IN_A_NAMESPACE.contains(&kind) && !namespace.is_empty() => {}
        _ => say("is of no known kind, or has a namespace that its kind has not, or has none"),
    }
    for label in LABELS {
        let value = text(&metadata["labels"][label]);
        if value.is_empty() || value.len() > 63 {
            say(&format!("has no proper label {label}"));
        }
    }
}

fn deployment(object: &Value, objects: &[Value], say: &mut dyn FnMut(&str)) {
    let (spec, template) = (&object["spec"], &object["spec"]["template"]);
    if !selects(&spec["selector"]["matchLabels"], labels(template)) {
        say("does not select its own Pods");
    }
    // What is selected by cannot be changed any more, so it must not hold what changes.
    let changes = ["app.kubernetes.io/version", "helm.sh/chart"];
    if changes.iter().any(|label| !spec["selector"]["matchLabels"][*label].is_null()) {
        say("selects by what an upgrade changes");
    }
    let pod = &template["spec"];
    if !["Recreate", "RollingUpdate"].contains(&text(&spec["strategy"]["type"])) {
        say("is replaced in an unknown way");
    }
    if !["", "Always"].contains(&text(&pod["restartPolicy"])) {
        say("is not started again");
    }
    if spec["replicas"].as_i64().is_some_and(|replicas| replicas > 1) && list(&pod["topologySpreadConstraints"]).is_empty() {
        say("puts all its Pods on one node");
    }
    for one in list(&pod["containers"]) {
        serves(one, say);
    }
    self::pod(object, objects, say);
}

/// One that Helm makes and takes away again, in its time and in nobody's way.
fn job(object: &Value, objects: &[Value], say: &mut dyn FnMut(&str)) {
    let (spec, template) = (&object["spec"], &object["spec"]["template"]);
    let annotations = &object["metadata"]["annotations"];
    if annotations["helm.sh/hook"] != "pre-delete" {
        say("runs at another time than before an uninstall");
    }
    let policies: Vec<&str> = text(&annotations["helm.sh/hook-delete-policy"]).split(',').collect();
    if policies != ["before-hook-creation", "hook-succeeded"] {
        say("stays in the way of the next, or takes the reason of a failure with it");
    }
    if spec["backoffLimit"] != 0 || template["spec"]["restartPolicy"] != "Never" {
        say("asks again what has been answered");
    }
    // `helm uninstall` waits for 300 s.
    if !spec["activeDeadlineSeconds"].as_i64().is_some_and(|seconds| (60..300).contains(&seconds)) {
        say("ends too early, or later than anybody waits for it");
    }
    if spec["ttlSecondsAfterFinished"].is_null() {
        say("is left for ever by those who give up");
    }
    let selected = objects.iter().any(|one| match text(&one["kind"]) {
        "Service" => selects(&one["spec"]["selector"], labels(template)),
        "Deployment" | "PodDisruptionBudget" => matches(&one["spec"]["selector"], labels(template)),
        _ => false,
    });
    if selected {
        say("is taken for the operator");
    }
    if of(objects, "NetworkPolicy").any(|one| !matches(&one["spec"]["podSelector"], labels(template))) {
        say("is not let out to the API server");
    }
    pod(object, objects, say);
}

fn pod(object: &Value, objects: &[Value], say: &mut dyn FnMut(&str)) {
    let pod = &object["spec"]["template"]["spec"];
    let account = text(&pod["serviceAccountName"]);
    if !of(objects, "ServiceAccount")
        .any(|one| one["metadata"]["name"] == account && one["metadata"]["namespace"] == object["metadata"]["namespace"])
    {
        say("runs as a ServiceAccount that is not there");
    }
    if pod["automountServiceAccountToken"] != false {
        say("mounts the token by default");
    }
    if pod["enableServiceLinks"] != false {
        say("is told all Services of its namespace");
    }
    for member in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers", "hostAliases", "initContainers"] {
        if !pod[member].is_null() {
            say(&format!("has {member}"));
        }
    }
    let context = &pod["securityContext"];
    if context["runAsNonRoot"] != true || context["runAsUser"] == 0 || context["runAsGroup"] == 0 {
        say("may run as root");
    }
    if !context["sysctls"].is_null() {
        say("changes its kernel");
    }
    if context["seccompProfile"] != json!({"type": "RuntimeDefault"}) {
        say("has no seccomp profile");
    }
    let containers = list(&pod["containers"]);
    if containers.len() != 1 {
        say("has another number of containers than one");
    }
    for one in containers {
        container(one, pod, say);
    }
    volumes(pod, say);
}

fn container(container: &Value, pod: &Value, say: &mut dyn FnMut(&str)) {
    let image = text(&container["image"]);
    let name = image.rsplit('/').next().unwrap_or_default();
    if !name.contains(['@', ':']) || name.ends_with(":latest") || name.ends_with(':') {
        say("has an image of no certain version");
    }
    if text(&container["imagePullPolicy"]).is_empty() {
        say("leaves it open when the image is pulled");
    }
    for kind in ["requests", "limits"] {
        for resource in ["cpu", "memory"] {
            if container["resources"][kind][resource].is_null() {
                say(&format!("has no {kind} for {resource}"));
            }
        }
    }
    let context = &container["securityContext"];
    let expected = json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}});
    if *context != expected {
        say("has more rights on its node than none");
    }
    if list(&container["ports"]).iter().any(|port| !port["hostPort"].is_null()) {
        say("takes a port of its node");
    }
    if list(&container["ports"]).iter().any(|port| port["containerPort"].as_i64().is_none_or(|port| port <= 1024)) {
        say("listens where only root may");
    }
    let secret = |one: &Value| {
        let name = text(&one["name"]).to_ascii_uppercase();
        !one["valueFrom"]["secretKeyRef"].is_null() || ["TOKEN", "PASSWORD", "SECRET"].iter().any(|word| name.contains(word))
    };
    if !container["envFrom"].is_null() || list(&container["env"]).iter().any(secret) {
        say("has a Secret in its environment");
    }
    let told: Vec<&str> = list(&container["env"]).iter().map(|one| text(&one["name"])).collect();
    if told.iter().collect::<std::collections::BTreeSet<_>>().len() != told.len() {
        say("is told something twice");
    }
    if !container["lifecycle"].is_null() || !container["command"].is_null() {
        say("runs something else than its image");
    }
    let volumes: Vec<&str> = list(&pod["volumes"]).iter().map(|volume| text(&volume["name"])).collect();
    let mounts: Vec<&str> = list(&container["volumeMounts"]).iter().map(|mount| text(&mount["name"])).collect();
    if volumes != mounts {
        say(&format!("mounts {mounts:?} of {volumes:?}"));
    }
    if list(&container["volumeMounts"]).iter().any(|mount| mount["readOnly"] != true) {
        say("mounts something that it could write");
    }
}

/// What is asked over HTTP.
fn serves(container: &Value, say: &mut dyn FnMut(&str)) {
    let ports: Vec<&str> = list(&container["ports"]).iter().map(|port| text(&port["name"])).collect();
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        if !ports.contains(&text(&container[probe]["httpGet"]["port"])) {
            say(&format!("has no {probe}, or one at a port that it does not have"));
        }
    }
    if container["readinessProbe"]["httpGet"]["path"] == container["livenessProbe"]["httpGet"]["path"] {
        say("is alive only while it is ready");
    }
}

fn volumes(pod: &Value, say: &mut dyn FnMut(&str)) {
    let mut tokens = 0;
    for volume in list(&pod["volumes"]) {
        let kinds: Vec<&String> = volume.as_object().into_iter().flatten().map(|(kind, _)| kind).filter(|kind| *kind != "name").collect();
        if kinds.len() != 1 || !VOLUMES.contains(&kinds[0].as_str()) {
            say(&format!("has a volume {kinds:?}"));
        }
        for source in list(&volume["projected"]["sources"]) {
            let token = &source["serviceAccountToken"];
            if token.is_null() {
                continue;
            }
            tokens += 1;
            // 600 s is the least that Kubernetes gives.
            if !token["expirationSeconds"].as_i64().is_some_and(|seconds| (600..=3600).contains(&seconds)) {
                say("has a token that lives long");
            }
        }
    }
    if tokens != 1 {
        say("has no token, or several");
    }
}

fn service(object: &Value, objects: &[Value], say: &mut dyn FnMut(&str)) {
    let Some(selected) = of(objects, "Deployment").find(|one| selects(&object["spec"]["selector"], labels(&one["spec"]["template"])))
    else {
        return say("selects no Pod");
    };
    let ports: Vec<&Value> =
        list(&selected["spec"]["template"]["spec"]["containers"][0]["ports"]).iter().map(|port| &port["name"]).collect();
    if list(&object["spec"]["ports"]).iter().any(|port| !ports.contains(&&port["targetPort"])) {
        say("leads to a port that there is not");
    }
    if !object["spec"]["type"].is_null() && object["spec"]["type"] != "ClusterIP" {
        say("can be reached from outside");
    }
}

fn monitor(object: &Value, objects: &[Value], say: &mut dyn FnMut(&str)) {
    let service = of(objects, "Service").find(|one| selects(&object["spec"]["selector"]["matchLabels"], labels(one)));
    let Some(service) = service else { return say("selects no Service") };
    let ports: Vec<&Value> = list(&service["spec"]["ports"]).iter().map(|port| &port["name"]).collect();
    if list(&object["spec"]["endpoints"]).iter().any(|endpoint| !ports.contains(&&endpoint["port"])) {
        say("asks at a port that there is not");
    }
    if object["spec"]["namespaceSelector"]["matchNames"] != json!([service["metadata"]["namespace"]]) {
        say("looks into other namespaces");
    }
}

fn network_policy(object: &Value, objects: &[Value], say: &mut dyn FnMut(&str)) {
    let spec = &object["spec"];
    if !of(objects, "Deployment").any(|one| matches(&spec["podSelector"], labels(&one["spec"]["template"]))) {
        say("selects no Pod");
    }
    if spec["policyTypes"] != json!(["Ingress", "Egress"]) {
        say("leaves a direction open");
    }
    // A rule without peers is for everybody, one without ports for all of them.
    if list(&spec["ingress"]).iter().any(|rule| list(&rule["from"]).is_empty() || list(&rule["ports"]).is_empty()) {
        say("lets everybody in, or anywhere");
    }
    if list(&spec["egress"]).iter().any(|rule| list(&rule["ports"]).is_empty()) {
        say("lets everything out");
    }
}

/// Kinds of others that a role may reach, by group; our own kinds besides.
const REACHED: [(&str, &str); 3] = [("", "secrets"), ("", "namespaces"), ("events.k8s.io", "events")];
const LEASES: (&str, &str) = ("coordination.k8s.io", "leases");
const POWERS: [&str; 6] = ["approve", "bind", "escalate", "impersonate", "sign", "use"];

fn role(object: &Value, objects: &[Value], say: &mut dyn FnMut(&str)) {
    let bound = |binding: &Value| binding["roleRef"]["kind"] == object["kind"] && binding["roleRef"]["name"] == object["metadata"]["name"];
    let everywhere = object["kind"] == "ClusterRole" && of(objects, "ClusterRoleBinding").any(bound);
    for rule in list(&object["rules"]) {
        if ["apiGroups", "resources", "verbs"].iter().any(|member| texts(&rule[*member]).iter().any(|one| one.contains('*'))) {
            say("has a wildcard");
        }
        if !rule["nonResourceURLs"].is_null() {
            say("reaches paths of the API server");
        }
        if texts(&rule["verbs"]).iter().any(|verb| POWERS.contains(verb)) {
            say("has a power over others");
        }
        let (groups, resources) = (texts(&rule["apiGroups"]), texts(&rule["resources"]));
        if everywhere && resources.iter().any(|resource| resource.starts_with("secrets")) {
            say("reaches Secrets in the whole cluster");
        }
        for group in groups {
            let known = |resource: &&str| REACHED.contains(&(group, resource)) || (group, *resource) == LEASES;
            let ours = ["sipendpoints", "phonenumberbindings", "provideraccounts", "clusterprovideraccounts"];
            let own = |resource: &&str| group == "switchboard.dev" && ours.contains(&resource.trim_end_matches("/status"));
            if !resources.iter().all(|resource| known(resource) || own(resource)) {
                say("reaches what is none of its business");
            }
        }
    }
}

fn binding(object: &Value, objects: &[Value], say: &mut dyn FnMut(&str)) {
    let reference = &object["roleRef"];
    let there = objects.iter().any(|role| {
        role["kind"] == reference["kind"]
            && role["metadata"]["name"] == reference["name"]
            && (role["kind"] == "ClusterRole" || role["metadata"]["namespace"] == object["metadata"]["namespace"])
    });
    if !there {
        say("binds a role that is not there");
    }
    if object["kind"] == "ClusterRoleBinding" && reference["name"] != "switchboard" {
        say("gives in the whole cluster what namespaces agree to");
    }
    if object["subjects"] != json!([{"kind": "ServiceAccount", "name": "switchboard", "namespace": NAMESPACE}]) {
        say("gives rights to others than the operator");
    }
}
