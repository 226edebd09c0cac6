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

#[cfg(test)]
mod tests {
    use k8s_openapi::api::rbac::v1::RoleBinding;

    use super::*;

    #[test]
    fn missing_consent_is_told_with_the_actual_service_account_as_a_command_and_as_the_same_binding() {
        for (consent, role) in [(Consent::Read, "switchboard-secret-reader"), (Consent::Write, "switchboard-secret-writer")] {
            let said = missing(consent, "ops:phones", "voice").message;
            assert!(said.len() <= 1024, "a condition cuts it: {said}");
            let command = format!("kubectl -n voice create rolebinding {role} --clusterrole={role} --serviceaccount=ops:phones;");
            assert!(said.contains(&command), "{said}");
            let (_, rest) = said.split_once("as YAML: ").expect("YAML");
            let (yaml, _) = rest.rsplit_once(". This goes on").expect("an end");
            let binding: RoleBinding = serde_saphyr::from_str(yaml).expect("a RoleBinding");
            assert_eq!(binding.metadata.namespace.as_deref(), Some("voice"));
            assert_eq!((binding.role_ref.kind.as_str(), binding.role_ref.name.as_str()), ("ClusterRole", role));
            let subject = &binding.subjects.expect("a subject")[0];
            assert_eq!((subject.name.as_str(), subject.namespace.as_deref()), ("phones", Some("ops")));
        }
    }
}
