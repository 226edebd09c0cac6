//! The operator's rights: no wildcard, no Secrets but by consent, nothing that it does not use, nothing that it needs and lacks. What it
//! uses is what the API server's audit log says of it.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, StatusCode};
use sandbox::control_plane::{self, ControlPlane, Options};
use sandbox::plivo;
use serde_json::{Value, json};

use super::support;
use super::world::{World, eventually};
use grants::{BY_CONSENT, Denial, Use, assert_minimal, granted, objects, secrets_of, text, texts};

pub mod credentials;
pub mod grants;
pub mod numbers;
pub mod restarts;
pub mod scenarios;

/// The manifests of both ways to install the operator.
const CLUSTER: &[&str] = &["rbac.yaml"];
pub const NAMESPACED: &[&str] = &["namespaced/operator.yaml", "namespaced/namespace.yaml"];

/// Namespaces whose names begin so consent only later, and such as withdraw it, as namespaces do while they are being deleted
/// ([`scenarios`]).
pub const UNWILLING: &str = "unwilling";
pub const DYING: &str = "dying";

/// What the operator asks for although it may be refused, and why.
const EXPECTED_DENIALS: &[Denial] = &[
    // Either may be answered first, and then the other is not asked for again at once.
    ("a Secret is read, and the watch that notices consent lists", |event| secrets_of(event, UNWILLING, &["get", "list"])),
    ("a Secret is to be made where only reading is consented to", |event| secrets_of(event, UNWILLING, &["create"])),
    ("a Secret has changed after its namespace withdrew consent", |event| secrets_of(event, DYING, &["get", "list", "watch"])),
];

/// A control plane of its own that notes what is asked.
pub async fn audited_control_plane(name: &str, rights: control_plane::Rights) -> ControlPlane {
    support::own_control_plane_with(name, |dir| Options { audit_log: true, rights, ..Options::new(dir) }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_uses_every_right_that_it_is_granted_and_needs_no_other() {
    let _room = super::cases::room().await;
    let plane = audited_control_plane("rbac", control_plane::Rights::Cluster).await;
    let world = World::on(&plane, "home", plivo::Options { rate_limit: None, ..plivo::Options::default() }).await;
    scenarios::run_all(&plane, &world).await;
    let events = plane.audit_events(control_plane::OPERATOR).await.expect("the audit log");
    let granted = granted(&objects(CLUSTER));
    let found = Use::of(&events, &granted);

    assert_minimal(&found, &granted, EXPECTED_DENIALS);
    // Nothing of Secrets is more than metadata in the log, so it may be shown to people.
    let log = plane.audited().await.expect("the audit log");
    for line in log.lines().filter(|line| line.contains(r#""resource":"secrets""#)) {
        let event: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!((&event["level"], &event["requestObject"], &event["responseObject"]), (&json!("Metadata"), &Value::Null, &Value::Null));
    }
    plane.stop().await;
}

/// Every role and binding of `deploy/`, with what they are called in a failure.
fn roles(files: &[&str]) -> Vec<(String, Value)> {
    let roles: Vec<(String, Value)> = objects(files)
        .into_iter()
        .filter(|object| ["Role", "ClusterRole"].contains(&text(&object["kind"])))
        .map(|role| (format!("{} {}", text(&role["kind"]), text(&role["metadata"]["name"])), role))
        .collect();
    assert!(roles.len() >= 3, "{files:?}");
    roles
}

fn rules(role: &Value) -> &Vec<Value> {
    role["rules"].as_array().expect("rules")
}

#[test]
fn no_role_has_a_wildcard_or_a_power_over_others() {
    let powers = ["bind", "escalate", "impersonate", "approve", "sign", "deletecollection", "update"];
    for (name, role) in roles(CLUSTER).into_iter().chain(roles(NAMESPACED)) {
        let people = name.ends_with("-view") || name.ends_with("-edit") || name.ends_with("-admin");
        for rule in rules(&role) {
            for member in ["apiGroups", "resources", "verbs"] {
                let values = texts(&rule[member]);
                assert!(!values.is_empty() && !values.iter().any(|value| value.contains('*')), "{name}: {rule}");
            }
            let lease = name == "Role switchboard-leader" && texts(&rule["resources"]) == BTreeSet::from(["leases"]);
            let power = |power: &&&str| texts(&rule["verbs"]).contains(**power);
            // Of all there is, the lease alone is replaced as a whole, and only the one.
            assert!(people || powers.iter().find(power).is_none_or(|power| lease && *power == "update"), "{name}: {rule}");
            assert!(
                !lease || texts(&rule["verbs"]) == BTreeSet::from(["create"]) || rule["resourceNames"] == json!(["switchboard"]),
                "{rule}"
            );
            // The kinds that there are; so no pods, no workloads, no roles, no tokens, no nodes, no certificates.
            let groups = texts(&rule["apiGroups"]);
            let known = match groups.iter().copied().collect::<Vec<_>>().as_slice() {
                ["switchboard.dev"] => true,
                ["events.k8s.io"] => texts(&rule["resources"]) == BTreeSet::from(["events"]),
                ["coordination.k8s.io"] => lease,
                [""] if texts(&rule["resources"]) == BTreeSet::from(["secrets"]) => true,
                [""] => rule["resourceNames"] == json!(["kube-system"]) && texts(&rule["verbs"]) == BTreeSet::from(["get"]),
                _ => false,
            };
            assert!(known, "{name}: {rule}");
        }
    }
}

#[test]
fn secrets_are_granted_by_namespaces_and_never_in_the_whole_cluster() {
    let all = roles(CLUSTER);
    let verbs = |name: &str| -> BTreeSet<String> {
        let (_, role) = all.iter().find(|(found, _)| found == name).unwrap_or_else(|| panic!("{name} is missing"));
        let rules = rules(role);
        assert!(rules.len() == 1 && texts(&rules[0]["resources"]) == BTreeSet::from(["secrets"]), "{name}: {role}");
        texts(&rules[0]["verbs"]).into_iter().map(str::to_owned).collect()
    };
    let set = |verbs: &[&str]| -> BTreeSet<String> { verbs.iter().map(|verb| (*verb).to_owned()).collect() };
    assert_eq!(verbs("ClusterRole switchboard-secret-reader"), set(&["get", "list", "watch"]));
    assert_eq!(verbs("ClusterRole switchboard-secret-writer"), set(&["create", "patch"]));
    assert_eq!(verbs("Role switchboard"), set(&["create", "patch", "delete"]), "escrow");
    let naming: Vec<&str> = all
        .iter()
        .filter(|(_, role)| rules(role).iter().any(|rule| texts(&rule["resources"]).iter().any(|one| one.starts_with("secrets"))))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(naming, ["ClusterRole switchboard-secret-reader", "ClusterRole switchboard-secret-writer", "Role switchboard"]);

    let bindings = |kind: &str, files: &[&str]| -> Vec<(String, String, String)> {
        let bound = objects(files).into_iter().filter(|object| object["kind"] == kind);
        let part = |value: &Value| text(value).to_owned();
        bound.map(|one| (part(&one["metadata"]["namespace"]), part(&one["roleRef"]["kind"]), part(&one["roleRef"]["name"]))).collect()
    };
    let named = |parts: &[(&str, &str, &str)]| -> Vec<_> {
        parts.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect()
    };
    let wide = bindings("ClusterRoleBinding", CLUSTER);
    assert_eq!(wide, [(String::new(), "ClusterRole".to_owned(), "switchboard".to_owned())]);
    assert!(!BY_CONSENT.contains(&wide[0].2.as_str()));
    let own = [
        ("switchboard-system", "ClusterRole", "switchboard-secret-reader"),
        ("switchboard-system", "Role", "switchboard"),
        ("switchboard-system", "Role", "switchboard-leader"),
    ];
    assert_eq!(bindings("RoleBinding", CLUSTER), named(&own));
    for kind in ["ClusterRole", "ClusterRoleBinding"] {
        assert!(!objects(NAMESPACED).iter().any(|object| object["kind"] == kind), "a {kind} in an installation for namespaces");
    }
}

#[test]
fn the_operator_neither_makes_nor_deletes_objects_of_its_own_kinds() {
    let allowed = BTreeSet::from(["get", "list", "watch", "patch"]);
    for files in [CLUSTER, NAMESPACED] {
        let mut seen = BTreeMap::new();
        for right in granted(&objects(files)).into_iter().filter(|right| right.resource.ends_with(".switchboard.dev")) {
            assert!(allowed.contains(right.verb.as_str()), "{right}");
            assert!(!right.resource.contains("/status") || right.verb == "patch", "{right}");
            seen.entry(right.resource).or_insert_with(BTreeSet::new).insert(right.verb);
        }
        // Each kind has both rules: a kind that is served can be read, worked on, and reported on.
        let kinds: Vec<&String> = seen.keys().filter(|resource| !resource.contains('/')).collect();
        assert_eq!(kinds.len(), if files == CLUSTER { 4 } else { 3 }, "{seen:#?}");
        for kind in kinds {
            let status = kind.replacen('.', "/status.", 1);
            assert!(seen[kind].len() == 4 && seen.contains_key(&status), "{kind}: {seen:#?}");
        }
    }
}

#[test]
fn people_get_what_their_role_in_the_namespace_says() {
    let all: BTreeMap<String, Value> = roles(CLUSTER).into_iter().collect();
    let resources = |name: &str| -> BTreeSet<String> {
        let role = &all[&format!("ClusterRole switchboard-{name}")];
        assert_eq!(role["metadata"]["labels"], json!({format!("rbac.authorization.k8s.io/aggregate-to-{name}"): "true"}), "{name}");
        let write = BTreeSet::from(["create", "update", "patch", "delete", "deletecollection"]);
        let verbs = if name == "view" { BTreeSet::from(["get", "list", "watch"]) } else { write };
        let named = rules(role).iter().flat_map(|rule| {
            assert!(texts(&rule["apiGroups"]) == BTreeSet::from(["switchboard.dev"]) && texts(&rule["verbs"]) == verbs, "{name}: {rule}");
            texts(&rule["resources"])
        });
        named.map(str::to_owned).collect()
    };
    let set = |kinds: &[&str]| -> BTreeSet<String> { kinds.iter().map(|kind| (*kind).to_owned()).collect() };
    assert_eq!(resources("view"), set(&["sipendpoints", "phonenumberbindings", "provideraccounts", "clusterprovideraccounts"]));
    assert_eq!(resources("edit"), set(&["sipendpoints", "phonenumberbindings"]), "no account, no status");
    assert_eq!(resources("admin"), set(&["provideraccounts"]), "no account of the whole cluster, no status");
}

/// Item by item, as the operator's own ServiceAccount on a real API server.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_closed_to_the_operator_until_a_namespace_opens_them_and_each_consent_opens_its_own_verbs() {
    let plane = support::control_plane();
    let (admin, operator) = (plane.client().await, plane.operator_client().await);
    let namespace = support::namespace(&admin, "closed").await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "phone"}, "stringData": {"password": "correct-horse"}});
    let path = format!("/api/v1/namespaces/{namespace}/secrets");
    let (status, _) = support::send(&admin, Method::POST, &path, &secret).await;
    assert_eq!(status, StatusCode::CREATED);

    let (one, other) = (format!("{path}/phone"), json!({"metadata": {"name": "other"}}));
    let patch = json!({"metadata": {"labels": {"touched": "yes"}}});
    let (list, watch) = (path.clone(), format!("{path}?watch=true&timeoutSeconds=1"));
    let everywhere = "/api/v1/secrets".to_owned();
    // Right, method, path, body, type of the body; then whether it is let through without consent, with the reader, with the writer too.
    let json_type = "application/json";
    let merge = "application/merge-patch+json";
    let table = [
        ("get", Method::GET, &one, &Value::Null, json_type, [false, true, true]),
        ("list", Method::GET, &list, &Value::Null, json_type, [false, true, true]),
        ("create", Method::POST, &path, &other, json_type, [false, false, true]),
        ("patch", Method::PATCH, &one, &patch, merge, [false, false, true]),
        ("update", Method::PUT, &one, &secret, json_type, [false, false, false]),
        ("delete", Method::DELETE, &one, &Value::Null, json_type, [false, false, false]),
        ("list everywhere", Method::GET, &everywhere, &Value::Null, json_type, [false, false, false]),
    ];
    for (step, role) in [None, Some(BY_CONSENT[0]), Some(BY_CONSENT[1])].into_iter().enumerate() {
        if let Some(role) = role {
            scenarios::command(plane, &documented(role).replace("-n voice", &format!("-n {namespace}")));
            // The writer brings create, the reader list; the table below asks for the rest.
            let probe =
                if role == BY_CONSENT[0] { (Method::GET, Value::Null) } else { (Method::POST, json!({"metadata": {"name": "probe"}})) };
            eventually("the binding counts", async || {
                let (status, _) = support::send(&operator, probe.0.clone(), &list, &probe.1).await;
                (status != StatusCode::FORBIDDEN).then_some(())
            })
            .await;
        }
        for (right, method, path, body, kind, allowed) in &table {
            let answer = support::exchange(&operator, method.clone(), path, kind, body).await;
            assert_eq!(answer.status != StatusCode::FORBIDDEN, allowed[step], "{right} with {role:?}: {answer:?}");
        }
        // What is let through is a stream, and not read here.
        let watched = scenarios::watch(&operator, &watch).await;
        assert_eq!(watched != StatusCode::FORBIDDEN, step > 0, "watch with {role:?}: {watched}");
        let watched = scenarios::watch(&operator, "/api/v1/secrets?watch=true&timeoutSeconds=1").await;
        assert_eq!(watched, StatusCode::FORBIDDEN, "watch everywhere with {role:?}");
    }
}

/// The command that the head of `deploy/rbac.yaml` gives for a role.
fn documented(role: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/rbac.yaml");
    let manifest = std::fs::read_to_string(path).expect("the manifest");
    let command =
        manifest.lines().filter_map(|line| line.strip_prefix("#   ")).find(|line| line.contains(&format!("--clusterrole={role} ")));
    command.unwrap_or_else(|| panic!("no command for {role}")).to_owned()
}
