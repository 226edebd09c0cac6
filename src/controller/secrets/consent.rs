//! Consent, per namespace: what is said where it is missing.

use crate::api::condition::Reason;
use crate::core::view::Problem;

/// What a namespace consents to, each by a RoleBinding to a ClusterRole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Its Secrets are read.
    Read,
    /// Connection Secrets are written in it.
    Write,
}

impl Consent {
    /// The ClusterRole to bind, and the name of the binding.
    fn role(self) -> &'static str {
        match self {
            Consent::Read => "switchboard-secret-reader",
            Consent::Write => "switchboard-secret-writer",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Consent::Read => "read",
            Consent::Write => "write",
        }
    }
}

/// It is missing in this namespace for the operator's ServiceAccount (`namespace:name`): the command that gives it, and the same as YAML.
pub fn missing(consent: Consent, account: &str, namespace: &str) -> Problem {
    let (operator, name) = account.split_once(':').unwrap_or(("switchboard-system", "switchboard"));
    let (role, verb) = (consent.role(), consent.verb());
    Problem {
        reason: Reason::SecretAccessDenied,
        message: format!(
            "ServiceAccount {name} in {operator} may not {verb} Secrets in {namespace}. Grant it with: kubectl -n {namespace} create rolebinding {role} \
             --clusterrole={role} --serviceaccount={account}; or as YAML: {{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {{name: {role}, \
             namespace: {namespace}}}, roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}, subjects: [{{kind: ServiceAccount, name: {name}, \
             namespace: {operator}}}]}}. This goes on by itself within a minute"
        ),
    }
}
