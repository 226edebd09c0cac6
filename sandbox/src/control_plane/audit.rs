//! Who asked the API server for what, and by which right it was allowed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::Deserialize;

/// How a cluster that handles Secrets well audits: whatever holds credentials as metadata only, what else ServiceAccounts write with its
/// content. The control plane's own programs are left out: they ask without end.
pub const POLICY: &str = r#"apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: None
    users: [system:apiserver, system:kube-controller-manager]
  - level: None
    userGroups: [system:serviceaccounts:kube-system]
  - level: Metadata
    resources:
      - {group: "", resources: [secrets, serviceaccounts/token]}
      - {group: authentication.k8s.io, resources: [tokenreviews]}
  - level: RequestResponse
    userGroups: [system:serviceaccounts]
    verbs: [create, update, patch, delete, deletecollection]
  - level: Request
    userGroups: [system:serviceaccounts]
  - level: Metadata
"#;

/// The log's name in the folder of logs.
pub const FILE: &str = "audit.log";

/// Megabytes after which a new file is begun.
const LARGEST: usize = 64;

/// Files that are kept beside the current one.
const KEPT: usize = 3;

/// How the API server's flags say all this.
pub fn flags(policy: &Path, log: &Path) -> [String; 4] {
    [
        format!("--audit-policy-file={}", policy.display()),
        format!("--audit-log-path={}", log.display()),
        format!("--audit-log-maxsize={LARGEST}"),
        format!("--audit-log-maxbackup={KEPT}"),
    ]
}

/// One request, when it was answered (for a watch: when it began as well).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent {
    /// The same for all stages of one request.
    #[serde(rename = "auditID")]
    pub id: String,
    /// `ResponseStarted`, `ResponseComplete` or `Panic`.
    pub stage: String,
    /// `get`, `list`, `watch`, `create`, `patch`, …; for paths that are no resources the HTTP method in lower case.
    pub verb: String,
    /// Path and query.
    #[serde(rename = "requestURI")]
    pub uri: String,
    /// Who asked.
    pub user: User,
    /// For what, if it is a resource.
    pub object_ref: Option<ObjectRef>,
    /// How it was answered.
    pub response_status: Option<ResponseStatus>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// Who asked.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct User {
    /// The user name, such as `system:serviceaccount:switchboard-system:switchboard`.
    #[serde(default)]
    pub username: String,
}

/// What was asked for. Absent members are empty.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectRef {
    /// Empty for the core group.
    pub api_group: String,
    /// In plural.
    pub resource: String,
    /// Such as `status`.
    pub subresource: String,
    /// Empty for requests of the whole cluster.
    pub namespace: String,
    /// Empty for lists and the like.
    pub name: String,
}

/// How a request was answered.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ResponseStatus {
    /// HTTP status.
    pub code: u16,
}

/// The RBAC binding that allowed a request, and the role that it gives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AllowedBy {
    /// `RoleBinding` or `ClusterRoleBinding`.
    pub binding_kind: String,
    /// Name of the binding.
    pub binding: String,
    /// Namespace of a RoleBinding.
    pub namespace: Option<String>,
    /// `Role` or `ClusterRole`.
    pub role_kind: String,
    /// Name of the role.
    pub role: String,
}

impl AuditEvent {
    /// Whether RBAC let it through.
    pub fn is_allowed(&self) -> bool {
        self.annotations.get("authorization.k8s.io/decision").is_some_and(|decision| decision == "allow")
    }

    /// The binding that allowed it; if several would, the first that the API server came across.
    pub fn allowed_by(&self) -> Option<AllowedBy> {
        AllowedBy::parse(self.annotations.get("authorization.k8s.io/reason")?)
    }
}

impl AllowedBy {
    /// Reads `RBAC: allowed by RoleBinding "reader/voice" of ClusterRole "reader" to ServiceAccount "switchboard/switchboard-system"`.
    fn parse(reason: &str) -> Option<AllowedBy> {
        let rest = reason.strip_prefix("RBAC: allowed by ")?;
        let mut parts = rest.split('"');
        let binding_kind = parts.next()?.trim_end().to_owned();
        let binding = parts.next()?;
        let role_kind = parts.next()?.strip_prefix(" of ")?.trim_end().to_owned();
        let role = parts.next()?.to_owned();
        let (binding, namespace) = match binding.split_once('/') {
            Some((name, namespace)) => (name, Some(namespace.to_owned())),
            None => (binding, None),
        };
        Some(AllowedBy { binding_kind, binding: binding.to_owned(), namespace, role_kind, role })
    }
}

/// The current file and those that it replaced, oldest first.
pub fn files(log: &Path) -> Result<Vec<PathBuf>> {
    let (Some(folder), Some(stem)) = (log.parent(), log.file_stem()) else { return Ok(Vec::new()) };
    let rotated = format!("{}-", stem.to_string_lossy());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&rotated)) {
            files.push(path);
        }
    }
    // The time of the replacement is in the name.
    files.sort();
    files.extend(log.exists().then(|| log.to_owned()));
    Ok(files)
}

/// Removes what an earlier run has left.
pub fn clear(log: &Path) -> Result<()> {
    if !log.parent().is_some_and(Path::is_dir) {
        return Ok(());
    }
    for file in files(log)? {
        fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    }
    Ok(())
}

/// All whole lines.
pub fn text(log: &Path) -> Result<String> {
    let mut text = String::new();
    for file in files(log)? {
        text.push_str(&fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    // The last line may be being written.
    text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
    Ok(text)
}

/// The requests of a user, each once, in order of their answers.
pub fn events(text: &str, user: &str) -> Result<Vec<AuditEvent>> {
    let mut events: Vec<AuditEvent> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for line in text.lines() {
        // Cheap, before a line of perhaps 100 kB is read.
        if !line.contains(user) {
            continue;
        }
        let event: AuditEvent = serde_json::from_str(line).context("a line of the audit log cannot be read")?;
        if event.user.username != user {
            continue;
        }
        match places.get(&event.id) {
            Some(place) => events[*place] = event,
            None => {
                places.insert(event.id.clone(), events.len());
                events.push(event);
            }
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_reason_names_binding_and_role() {
        let cases = [
            (
                r#"RBAC: allowed by ClusterRoleBinding "switchboard" of ClusterRole "switchboard" to ServiceAccount "switchboard/switchboard-system""#,
                Some(("ClusterRoleBinding", "switchboard", None, "ClusterRole", "switchboard")),
            ),
            (
                r#"RBAC: allowed by RoleBinding "reader/voice" of ClusterRole "switchboard-secret-reader" to ServiceAccount "switchboard/switchboard-system""#,
                Some(("RoleBinding", "reader", Some("voice"), "ClusterRole", "switchboard-secret-reader")),
            ),
            (
                r#"RBAC: allowed by RoleBinding "own/voice" of Role "switchboard" to Group "g""#,
                Some(("RoleBinding", "own", Some("voice"), "Role", "switchboard")),
            ),
            ("", None),
            ("RBAC: not allowed", None),
        ];
        for (reason, expected) in cases {
            let found = AllowedBy::parse(reason);
            let found = found.as_ref().map(|by| (&*by.binding_kind, &*by.binding, by.namespace.as_deref(), &*by.role_kind, &*by.role));
            assert_eq!(found, expected, "{reason}");
        }
    }

    #[test]
    fn a_request_counts_once_and_only_for_its_user() {
        let line = |id: &str, stage: &str, user: &str| {
            let reference = json!({"resource": "secrets", "namespace": "voice", "apiVersion": "v1"});
            json!({"auditID": id, "stage": stage, "verb": "watch", "requestURI": "/", "user": {"username": user, "groups": []}, "objectRef": reference})
        };
        let lines = [
            line("1", "ResponseStarted", "me"),
            line("2", "ResponseComplete", "you"),
            line("1", "ResponseComplete", "me"),
            line("3", "ResponseComplete", "me too"),
        ];
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let events = events(&text, "me").expect("events");
        assert_eq!(events.iter().map(|event| (&*event.id, &*event.stage)).collect::<Vec<_>>(), [("1", "ResponseComplete")]);
        let reference = events[0].object_ref.as_ref().expect("a resource");
        assert_eq!((&*reference.resource, &*reference.namespace, &*reference.name), ("secrets", "voice", ""));
        assert!(!events[0].is_allowed() && events[0].allowed_by().is_none());
    }
}
