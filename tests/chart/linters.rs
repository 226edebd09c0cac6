//! What kube-linter would look at, check by check: which fault of ours is the same (each is shown to be found in `checks.rs`), or why the
//! check is about nothing here. The linters themselves are not run: they come from no package registry.

use crate::checks::spoilt;
use crate::helm::objects;

/// What stands for a check.
enum Here {
    /// This is said of who has the fault.
    Found(&'static str),
    /// Why nothing can have it, or why it is not wanted.
    Not(&'static str),
}
use Here::{Found, Not};

/// The built-in checks of kube-linter, by name, those that are off by default included.
const CHECKS: &[(&str, Here)] = &[
    ("access-to-create-pods", Found("reaches what is none of its business")),
    ("access-to-secrets", Found("reaches Secrets in the whole cluster")),
    ("cluster-admin-role-binding", Found("binds a role that is not there")),
    ("dangling-horizontalpodautoscaler", Found("is of no known kind")),
    ("dangling-ingress", Found("is of no known kind")),
    ("dangling-networkpolicy", Found("selects no Pod")),
    ("dangling-networkpolicypeer-podselector", Not("who reads the metrics is not part of the chart")),
    ("dangling-service", Found("selects no Pod")),
    ("dangling-servicemonitor", Found("selects no Service")),
    ("default-service-account", Found("runs as a ServiceAccount that is not there")),
    ("deprecated-service-account-field", Found("runs as a ServiceAccount that is not there")),
    ("dnsconfig-options", Not("a choice of the cluster; the operator asks for two names")),
    ("docker-sock", Found("has a volume")),
    ("drop-net-raw-capability", Found("has more rights")),
    ("duplicate-env-var", Found("is told something twice")),
    ("env-value-from", Found("has a Secret in its environment")),
    ("env-var-secret", Found("has a Secret in its environment")),
    ("exposed-services", Found("can be reached from outside")),
    ("host-ipc", Found("has hostIPC")),
    ("host-network", Found("has hostNetwork")),
    ("host-pid", Found("has hostPID")),
    ("hpa-minimum-three-replicas", Found("is of no known kind")),
    ("invalid-target-ports", Found("leads to a port")),
    ("job-ttl-seconds-after-finished", Found("is left for ever")),
    ("latest-tag", Found("has an image of no certain version")),
    ("liveness-port", Found("has no livenessProbe, or one at a port")),
    ("minimum-three-replicas", Not("one works at a time; a second one takes over")),
    ("mismatching-selector", Found("does not select its own Pods")),
    ("no-anti-affinity", Found("puts all its Pods on one node")),
    ("no-extensions-v1beta", Found("is of a version that may go")),
    ("no-liveness-probe", Found("has no livenessProbe, or one at a port")),
    ("no-node-affinity", Not("a choice of the cluster: the value affinity")),
    ("no-read-only-root-fs", Found("has more rights")),
    ("no-readiness-probe", Found("has no readinessProbe")),
    ("no-rolling-update-strategy", Not("with one replica the old Pod ends first: it finishes and records the create that is under way")),
    ("non-existent-service-account", Found("runs as a ServiceAccount that is not there")),
    ("non-isolated-pod", Not("the NetworkPolicy is a switch, since it needs a network plugin that enforces it")),
    ("pdb-max-unavailable", Found("can keep a node from being drained")),
    ("pdb-min-available", Found("can keep a node from being drained")),
    ("pdb-unhealthy-pod-eviction-policy", Not("with at most one unavailable Pod no unhealthy one is in the way")),
    ("priority-class-name", Not("a choice of the cluster: the value priorityClassName")),
    ("privilege-escalation-container", Found("has more rights")),
    ("privileged-container", Found("has more rights")),
    ("privileged-ports", Found("listens where only root may")),
    ("read-secret-from-env-var", Found("has a Secret in its environment")),
    ("readiness-port", Found("has no readinessProbe")),
    ("required-annotation-email", Not("who installs it says whom to write to: the value podAnnotations")),
    ("required-label-owner", Not("who installs it says whose it is: the value podLabels")),
    ("restart-policy", Found("is not started again")),
    ("run-as-non-root", Found("may run as root")),
    ("scc-deny-privileged-container", Found("is of no known kind")),
    ("schema-validation", Not("the API server itself validates everything strictly: tests/cluster/chart.rs")),
    ("sensitive-host-mounts", Found("has a volume")),
    ("sorted-keys", Not("manifests are in the order in which they are read")),
    ("ssh-port", Found("listens where only root may")),
    ("startup-port", Found("has no startupProbe")),
    ("unsafe-proc-mount", Found("has more rights")),
    ("unsafe-sysctls", Found("changes its kernel")),
    ("unset-cpu-requirements", Found("has no requests for cpu")),
    ("unset-memory-requirements", Found("has no limits for memory")),
    ("use-namespace", Found("or has none")),
    ("wildcard-in-rules", Found("has a wildcard")),
    ("writable-host-mount", Found("mounts something that it could write")),
];

#[test]
fn every_check_of_kube_linter_is_one_of_ours_or_has_a_reason_why_not() {
    let shown: Vec<&str> = spoilt().into_iter().map(|(_, _, _, said)| said).collect();
    for (name, here) in CHECKS {
        match here {
            Found(fault) => {
                assert!(shown.iter().any(|said| said.contains(fault)), "{name}: nothing in checks.rs shows that {fault:?} is found")
            }
            Not(why) => assert!(why.len() > 20, "{name}: {why:?} is no reason"),
        }
    }
    assert!(CHECKS.is_sorted_by(|one, other| one.0 < other.0), "in order, each once");
}

#[test]
fn nothing_is_wrong_with_the_manifest_for_who_has_no_helm() {
    let mut all = objects(&crate::helm::read("deploy/switchboard.yaml"));
    // The only one that the chart does not make.
    let namespace = all.remove(0);
    assert_eq!(namespace["kind"], "Namespace");
    assert_eq!(crate::faults::faults(&all), Vec::<String>::new());
    assert!(all.len() > 20, "{}", all.len());
}
