//! What the files of `deploy/` grant to the operator, and what the API server says that it used.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use sandbox::control_plane::{AuditEvent, ObjectRef};
use serde_json::Value;

/// Namespace and name of the operator's ServiceAccount.
pub const ACCOUNT: (&str, &str) = ("switchboard-system", "switchboard");

/// Roles that namespaces bind by themselves, as the comments of `deploy/rbac.yaml` say.
pub const BY_CONSENT: [&str; 2] = ["switchboard-secret-reader", "switchboard-secret-writer"];

/// Where a right holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the whole cluster, by a ClusterRoleBinding.
    Everywhere,
    /// In the operator's own namespace, by a RoleBinding.
    Own,
    /// In a namespace that lets the operator in, by a RoleBinding.
    Tenant,
}

/// One verb on one resource, by one role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    pub place: Place,
    /// Kind and name.
    pub role: String,
    pub verb: String,
    /// With its subresource, in plural, and the group.
    pub resource: String,
    /// The one object that it holds for.
    pub name: Option<String>,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            Place::Everywhere => "everywhere",
            Place::Own => "own namespace",
            Place::Tenant => "tenant namespace",
        };
        let Right { role, verb, resource, name, .. } = self;
        write!(f, "{place}, {role}: {verb} {resource}")?;
        name.iter().try_for_each(|name| write!(f, " {name}"))
    }
}

/// Each as a line.
pub fn lines(rights: &BTreeSet<Right>) -> BTreeSet<String> {
    rights.iter().map(Right::to_string).collect()
}

/// All objects of manifests of `deploy/`.
pub fn objects(files: &[&str]) -> Vec<Value> {
    let read = |file: &&str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_saphyr::from_multiple::<Value>(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let objects: Vec<Value> = files.iter().flat_map(read).filter(|object| !object.is_null()).collect();
    assert!(!objects.is_empty(), "{files:?}");
    objects
}

/// The strings of a list.
pub fn texts(value: &Value) -> BTreeSet<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A string; empty if there is none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What the manifests give to the operator: by their bindings, and in tenants' namespaces by the roles that are bound there by hand.
pub fn granted(objects: &[Value]) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for binding in objects {
        let own_subject = |subject: &Value| {
            (text(&subject["kind"]), text(&subject["namespace"]), text(&subject["name"])) == ("ServiceAccount", ACCOUNT.0, ACCOUNT.1)
        };
        if !binding["subjects"].as_array().into_iter().flatten().any(own_subject) {
            continue;
        }
        let namespace = text(&binding["metadata"]["namespace"]);
        let place = match (text(&binding["kind"]), namespace) {
            ("ClusterRoleBinding", _) => Place::Everywhere,
            ("RoleBinding", own) if own == ACCOUNT.0 => Place::Own,
            ("RoleBinding", _) => Place::Tenant,
            (other, _) => panic!("a {other} with subjects"),
        };
        let reference = &binding["roleRef"];
        let role = objects.iter().find(|role| {
            role["kind"] == reference["kind"]
                && role["metadata"]["name"] == reference["name"]
                && (role["kind"] == "ClusterRole" || text(&role["metadata"]["namespace"]) == namespace)
        });
        rights.extend(rules(role.unwrap_or_else(|| panic!("{binding} binds a role that is not there")), place));
    }
    let by_hand = |role: &&Value| role["kind"] == "ClusterRole" && BY_CONSENT.contains(&text(&role["metadata"]["name"]));
    rights.extend(objects.iter().filter(by_hand).flat_map(|role| rules(role, Place::Tenant)));
    rights
}

fn rules(role: &Value, place: Place) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().expect("a role has rules") {
        assert!(rule["nonResourceURLs"].is_null(), "{rule}");
        let names: Vec<Option<String>> = match rule["resourceNames"].as_array() {
            Some(names) => names.iter().map(|name| Some(text(name).to_owned())).collect(),
            None => vec![None],
        };
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    rights.extend(names.iter().map(|name| Right {
                        place,
                        role: format!("{} {}", text(&role["kind"]), text(&role["metadata"]["name"])),
                        verb: verb.to_owned(),
                        resource: qualified(resource, group),
                        name: name.clone(),
                    }));
                }
            }
        }
    }
    rights
}

fn qualified(resource: &str, group: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}

/// What an operator did.
#[derive(Debug, Default)]
pub struct Use {
    /// The rights that it used, and the namespaces that it used each in (empty: the whole cluster).
    pub rights: BTreeMap<Right, BTreeSet<String>>,
    /// What was not let through.
    pub denied: Vec<AuditEvent>,
    /// What was let through by something else than a role of ours, as text.
    pub foreign: BTreeSet<String>,
}

impl Use {
    /// Attributes each request to the role that allowed it.
    pub fn of(events: &[AuditEvent], granted: &BTreeSet<Right>) -> Use {
        let mut found = Use::default();
        for event in events {
            if !event.is_allowed() {
                found.denied.push(event.clone());
                continue;
            }
            let (Some(by), Some(object)) = (event.allowed_by(), &event.object_ref) else {
                found.foreign.insert(format!("{} {}", event.verb, event.uri));
                continue;
            };
            let resource = match object.subresource.as_str() {
                "" => object.resource.clone(),
                subresource => format!("{}/{subresource}", object.resource),
            };
            let place = match &by.namespace {
                None => Place::Everywhere,
                Some(own) if own == ACCOUNT.0 => Place::Own,
                Some(_) => Place::Tenant,
            };
            let role = format!("{} {}", by.role_kind, by.role);
            // A server-side apply that makes an object needs both, and is noted as one.
            let made = event.verb == "patch" && event.response_status.as_ref().is_some_and(|status| status.code == 201);
            for verb in [Some(event.verb.as_str()), made.then_some("create")].into_iter().flatten() {
                let (role, resource) = (role.clone(), qualified(&resource, &object.api_group));
                let any = Right { place, role, verb: verb.to_owned(), resource, name: None };
                // A rule may hold for one object only.
                let named = Right { name: Some(object.name.clone()), ..any.clone() };
                let right = if granted.contains(&named) { named } else { any };
                if granted.contains(&right) {
                    found.rights.entry(right).or_default().insert(object.namespace.clone());
                } else {
                    found.foreign.insert(format!("{right} (binding {})", by.binding));
                }
            }
        }
        found
    }

    /// What was granted and not used.
    pub fn unused(&self, granted: &BTreeSet<Right>) -> BTreeSet<String> {
        lines(&granted.iter().filter(|right| !self.rights.contains_key(right)).cloned().collect())
    }

    /// Rights of the whole cluster that were used in the operator's own namespace only: a Role there would do.
    pub fn too_wide(&self) -> BTreeSet<String> {
        let own = BTreeSet::from([ACCOUNT.0.to_owned()]);
        let wide = |(right, namespaces): &(&Right, &BTreeSet<String>)| right.place == Place::Everywhere && **namespaces == own;
        self.rights.iter().filter(wide).map(|(right, _)| right.to_string()).collect()
    }
}

/// Why something is asked for that may be refused, and which requests these are.
pub type Denial = (&'static str, fn(&AuditEvent) -> bool);

/// A request for Secrets of a namespace whose name begins so, by one of these verbs.
pub fn secrets_of(event: &AuditEvent, namespace: &str, verbs: &[&str]) -> bool {
    let there = |object: &ObjectRef| object.resource == "secrets" && object.namespace.starts_with(namespace);
    verbs.contains(&event.verb.as_str()) && event.object_ref.as_ref().is_some_and(there)
}

/// Fails with both differences, if there are any but refusals that are part of the plan; each of these happens.
pub fn assert_minimal(found: &Use, granted: &BTreeSet<Right>, expected: &[Denial]) {
    let refused = found.denied.iter().filter(|event| !expected.iter().any(|(_, planned)| planned(event)));
    let mut lacking: BTreeSet<String> = refused.map(|event| format!("{} {} (refused)", event.verb, event.uri)).collect();
    lacking.extend(found.foreign.iter().cloned());
    let (unused, wide) = (found.unused(granted), found.too_wide());
    assert!(
        unused.is_empty() && lacking.is_empty() && wide.is_empty(),
        "granted in deploy/, and never used:\n{unused:#?}\nused or asked for, and not granted by deploy/:\n{lacking:#?}\n\
         used in the operator's own namespace only, and granted everywhere:\n{wide:#?}"
    );
    for (why, planned) in expected {
        assert!(found.denied.iter().any(planned), "never refused, so not to be expected: {why}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A ClusterRole that may patch gadgets and get one gizmo everywhere, and a Role that may get and delete gadgets in its own namespace.
    fn manifests() -> Vec<Value> {
        let subjects = json!([{"kind": "ServiceAccount", "namespace": ACCOUNT.0, "name": ACCOUNT.1}]);
        let gadgets = |verbs: Value| json!({"apiGroups": ["x.dev"], "resources": ["gadgets"], "verbs": verbs});
        let gizmo = json!({"apiGroups": [""], "resources": ["gizmos"], "resourceNames": ["one"], "verbs": ["get"]});
        let own = json!({"name": "own", "namespace": ACCOUNT.0});
        vec![
            json!({"kind": "ClusterRole", "metadata": {"name": "wide"}, "rules": [gadgets(json!(["patch"])), gizmo]}),
            json!({"kind": "ClusterRoleBinding", "metadata": {"name": "wide"}, "roleRef": {"kind": "ClusterRole", "name": "wide"}, "subjects": subjects}),
            json!({"kind": "Role", "metadata": own, "rules": [gadgets(json!(["get", "delete"]))]}),
            json!({"kind": "RoleBinding", "metadata": own, "roleRef": {"kind": "Role", "name": "own"}, "subjects": subjects}),
        ]
    }

    fn event(verb: &str, resource: &str, place: (&str, &str), by: &str) -> AuditEvent {
        let group = if resource == "gadgets" { "x.dev" } else { "" };
        let decision = if by.is_empty() { "forbid" } else { "allow" };
        let reason = format!("RBAC: allowed by {by} to ServiceAccount \"switchboard/switchboard-system\"");
        let event = json!({
            "auditID": "1", "stage": "ResponseComplete", "verb": verb, "requestURI": "/", "user": {"username": "operator"},
            "objectRef": {"apiGroup": group, "resource": resource, "namespace": place.0, "name": place.1}, "responseStatus": {"code": 200},
            "annotations": {"authorization.k8s.io/decision": decision, "authorization.k8s.io/reason": reason},
        });
        serde_json::from_value(event).expect("an event")
    }

    #[test]
    fn both_differences_are_seen_and_no_right_hides_behind_another_role() {
        let granted = granted(&manifests());
        let wide = r#"ClusterRoleBinding "wide" of ClusterRole "wide""#;
        let own = r#"RoleBinding "own/switchboard-system" of Role "own""#;
        let everything = [
            event("patch", "gadgets", ("voice", "a"), wide),
            event("get", "gizmos", ("", "one"), wide),
            event("get", "gadgets", ("switchboard-system", "a"), own),
            event("delete", "gadgets", ("switchboard-system", "a"), own),
        ];
        let judge = |events: &[AuditEvent]| {
            let found = Use::of(events, &granted);
            let unused: Vec<String> = found.unused(&granted).into_iter().collect();
            (unused, found.denied.len(), found.foreign.len(), found.too_wide().len())
        };
        assert_eq!(judge(&everything), (vec![], 0, 0, 0));
        let names = [
            "everywhere, ClusterRole wide: patch gadgets.x.dev",
            "everywhere, ClusterRole wide: get gizmos one",
            "own namespace, Role own: get gadgets.x.dev",
            "own namespace, Role own: delete gadgets.x.dev",
        ];
        for (missing, name) in names.iter().enumerate() {
            let some: Vec<AuditEvent> = (0..4).filter(|one| *one != missing).map(|one| everything[one].clone()).collect();
            assert_eq!(judge(&some), (vec![(*name).to_owned()], 0, 0, 0));
        }
        let more = |event: AuditEvent| judge(&[&everything[..], &[event]].concat());
        assert_eq!(more(event("list", "gadgets", ("voice", ""), "")), (vec![], 1, 0, 0), "refused");
        assert_eq!(more(event("get", "gizmos", ("", "two"), wide)), (vec![], 0, 1, 0), "another object than the one granted");
        let mut apply = event("patch", "gadgets", ("voice", "b"), wide);
        apply.response_status.as_mut().expect("a status").code = 201;
        assert_eq!(more(apply), (vec![], 0, 1, 0), "an apply that makes an object is a create as well");
        let discovery = r#"ClusterRoleBinding "system:discovery" of ClusterRole "system:discovery""#;
        assert_eq!(more(event("get", "gadgets", ("voice", "a"), discovery)), (vec![], 0, 1, 0), "by a role that is not ours");
        let (mut narrow, place) = (everything.clone(), (ACCOUNT.0, "a"));
        narrow[0] = event("patch", "gadgets", place, wide);
        assert_eq!(judge(&narrow), (vec![], 0, 0, 1), "a Role would do");
    }

    #[test]
    #[should_panic(expected = "list / (refused)")]
    fn a_right_that_is_lacking_fails_the_test() {
        let refused = event("list", "gadgets", ("voice", ""), "");
        assert_minimal(&Use::of(&[refused], &BTreeSet::new()), &BTreeSet::new(), &[]);
    }

    #[test]
    #[should_panic(expected = "everywhere, ClusterRole wide: patch gadgets.x.dev")]
    fn a_right_that_is_not_used_fails_the_test() {
        let granted = granted(&manifests());
        assert_minimal(&Use::of(&[], &granted), &granted, &[]);
    }

    #[test]
    #[should_panic(expected = "never refused, so not to be expected: a whim")]
    fn a_refusal_that_is_planned_and_does_not_happen_fails_the_test() {
        assert_minimal(&Use::default(), &BTreeSet::new(), &[("a whim", |event| event.verb == "list")]);
    }
}
