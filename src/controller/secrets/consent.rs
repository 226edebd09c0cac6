//! Consent, per namespace: what is said where it is missing.

use crate::api::condition::Reason;
use crate::core::view::Problem;

/// Where the roles are that let the operator work: they decide how a namespace consents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    /// `deploy/rbac.yaml`: ClusterRoles, which a namespace binds.
    Cluster,
    /// `deploy/namespaced`: Roles in each namespace that is worked in, and none that holds elsewhere.
    Namespaces,
}

impl Roles {
    /// The kind of role that a namespace binds.
    fn kind(self) -> &'static str {
        match self {
            Roles::Cluster => "ClusterRole",
            Roles::Namespaces => "Role",
        }
    }
}

/// What a namespace consents to, each by a RoleBinding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Its Secrets are read.
    Read,
    /// Connection Secrets are written in it.
    Write,
}

impl Consent {
    /// The role to bind, and the name of the binding.
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

/// Whom a namespace lets in, and by which roles.
#[derive(Clone, Debug)]
pub struct Granter {
    /// The operator's ServiceAccount, `namespace:name`.
    pub account: String,
    /// What is there to be bound.
    pub roles: Roles,
}

impl Granter {
    /// It is missing in this namespace: the command that gives it, and the binding as YAML.
    pub fn missing(&self, consent: Consent, namespace: &str) -> Problem {
        let Self { account, roles } = self;
        let (operator, name) = account.split_once(':').unwrap_or(("switchboard-system", "switchboard"));
        let (role, verb, kind) = (consent.role(), consent.verb(), roles.kind());
        let command = match roles {
            Roles::Cluster => format!("kubectl -n {namespace} create rolebinding {role} --clusterrole={role} --serviceaccount={account}"),
            // A Role has to be made before it can be bound.
            Roles::Namespaces => format!("kubectl -n {namespace} apply -f deploy/namespaced/namespace.yaml"),
        };
        // Roles that the chart has made are changed where it made them.
        let chart = match (roles, consent) {
            (Roles::Cluster, _) => "",
            (Roles::Namespaces, Consent::Read) => " (with the Helm chart: by its value `namespaces`)",
            (Roles::Namespaces, Consent::Write) => " (with the Helm chart: by writeSecrets in its value `namespaces`)",
        };
        Problem {
            reason: Reason::SecretAccessDenied,
            message: format!(
                "ServiceAccount {name} in {operator} may not {verb} Secrets in {namespace}. Grant it with: {command}; or as YAML: {{apiVersion: rbac.authorization.k8s.io/v1, \
                 kind: RoleBinding, metadata: {{name: {role}, namespace: {namespace}}}, roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: {role}}}, \
                 subjects: [{{kind: ServiceAccount, name: {name}, namespace: {operator}}}]}}{chart}. This goes on by itself within a minute"
            ),
        }
    }

    /// A Secret that exists cannot be given to its object: the API server asks for the right to delete it. The commands that give it, for
    /// this Secret alone.
    pub fn missing_delete(&self, namespace: &str, secret: &str) -> Problem {
        let (account, role) = (&self.account, format!("switchboard-{secret}"));
        Problem {
            reason: Reason::SecretAccessDenied,
            message: format!(
                "Secret {namespace}/{secret} cannot be given an owner reference to this object, by which it goes with the object: this API server (OwnerReferencesPermissionEnforcement) \
                 asks for the right to delete the Secret. Nothing is written into it meanwhile. Grant it, for this Secret alone, with: kubectl -n {namespace} create role {role} --verb=delete --resource=secrets --resource-name={secret}; \
                 and: kubectl -n {namespace} create rolebinding {role} --role={role} --serviceaccount={account}. This goes on by itself within a minute; the right is not needed any more then"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::rbac::v1::RoleBinding;

    use super::*;

    #[test]
    fn what_is_shown_names_the_actual_service_account_and_only_roles_that_there_are() {
        let table = [
            (
                Roles::Cluster,
                Consent::Read,
                "kubectl -n voice create rolebinding switchboard-secret-reader --clusterrole=switchboard-secret-reader --serviceaccount=ops:sip;",
                "kind: ClusterRole, name: switchboard-secret-reader}",
            ),
            (
                Roles::Cluster,
                Consent::Write,
                "kubectl -n voice create rolebinding switchboard-secret-writer --clusterrole=switchboard-secret-writer --serviceaccount=ops:sip;",
                "kind: ClusterRole, name: switchboard-secret-writer}",
            ),
            (
                Roles::Namespaces,
                Consent::Read,
                "kubectl -n voice apply -f deploy/namespaced/namespace.yaml;",
                "kind: Role, name: switchboard-secret-reader}",
            ),
            (
                Roles::Namespaces,
                Consent::Write,
                "kubectl -n voice apply -f deploy/namespaced/namespace.yaml;",
                "kind: Role, name: switchboard-secret-writer}",
            ),
        ];
        for (roles, consent, command, role) in table {
            let Problem { reason, message } = Granter { account: "ops:sip".into(), roles }.missing(consent, "voice");
            assert_eq!(reason, Reason::SecretAccessDenied);
            for part in [command, role, "subjects: [{kind: ServiceAccount, name: sip, namespace: ops}]"] {
                assert!(message.contains(part), "{part:?} is missing for {roles:?}, {consent:?}: {message}");
            }
            let cluster = message.to_lowercase().contains("clusterrole");
            assert_eq!(cluster, roles == Roles::Cluster, "{message}");
            let (value, writes) = (message.contains("value `namespaces`"), message.contains("writeSecrets"));
            let expected = (roles == Roles::Namespaces, roles == Roles::Namespaces && consent == Consent::Write);
            assert_eq!((value, writes), expected, "{message}");
            assert!(message.len() <= 1024, "a condition cuts it: {message}");
        }
    }

    #[test]
    fn missing_consent_is_told_with_the_actual_service_account_as_a_command_and_as_the_same_binding() {
        for (consent, role) in [(Consent::Read, "switchboard-secret-reader"), (Consent::Write, "switchboard-secret-writer")] {
            let said = Granter { account: "ops:phones".into(), roles: Roles::Cluster }.missing(consent, "voice").message;
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
