//! What is in the cluster before anybody uses it: the custom resources, the operator's rights and the admission policies.

use anyhow::{Context, Result};
use k8s_openapi::{
    api::{
        authentication::v1::{TokenRequest, TokenRequestSpec},
        core::v1::ServiceAccount,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::Rights;

/// The rights of the operator and the roles for people.
const RBAC: &str = include_str!("../../../deploy/rbac.yaml");

/// The rights of an operator that works in single namespaces, as far as they are not granted there.
const NAMESPACED: &str = include_str!("../../../deploy/namespaced/operator.yaml");

/// The admission policies and their bindings.
const ADMISSION: &str = include_str!("../../../deploy/admission.yaml");

/// The generated custom resource definitions.
const CRDS: &[&str] = &[
    include_str!("../../../crds/provideraccounts.yaml"),
    include_str!("../../../crds/clusterprovideraccounts.yaml"),
    include_str!("../../../crds/sipendpoints.yaml"),
    include_str!("../../../crds/phonenumberbindings.yaml"),
];

/// The operator's namespace and ServiceAccount, as `deploy/rbac.yaml` names them.
const OPERATOR: (&str, &str) = ("switchboard-system", "switchboard");

/// The operator's token outlives every run, in seconds: a year.
const TOKEN_SECONDS: i64 = 365 * 24 * 3600;

/// Applies everything and returns the definitions. Their resources may not be served yet ([`served`]), nor the policies be enforced
/// ([`enforced`]).
pub async fn apply(client: &Client, rights: Rights) -> Result<Vec<CustomResourceDefinition>> {
    let rights = match rights {
        Rights::Cluster => RBAC,
        Rights::Namespaces => NAMESPACED,
    };
    for text in [CRDS, &[rights, ADMISSION]].concat() {
        for object in serde_saphyr::from_multiple::<DynamicObject>(text).context("a manifest is no list of objects")? {
            apply_one(client, &object).await?;
        }
    }
    definitions()
}

/// The definitions of the custom resources.
pub fn definitions() -> Result<Vec<CustomResourceDefinition>> {
    CRDS.iter().map(|text| serde_saphyr::from_str(text).context("a definition cannot be read")).collect()
}

async fn apply_one(client: &Client, object: &DynamicObject) -> Result<()> {
    let types = object.types.as_ref().context("an object without kind")?;
    let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types)?);
    let name = object.metadata.name.as_deref().context("an object without name")?;
    let api: Api<DynamicObject> = match object.metadata.namespace.as_deref() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let parameters = PatchParams::apply("sandbox").force();
    api.patch(name, &parameters, &Patch::Apply(object)).await.with_context(|| format!("cannot apply {} {name}", types.kind))?;
    Ok(())
}

/// Whether the API server answers for all of these resources. An established definition alone does not say so.
pub async fn served(client: &Client, definitions: &[CustomResourceDefinition]) -> bool {
    for definition in definitions {
        for version in definition.spec.versions.iter().filter(|version| version.served) {
            let names = &definition.spec.names;
            let kind = GroupVersionKind::gvk(&definition.spec.group, &version.name, &names.kind);
            let resource = ApiResource::from_gvk_with_plural(&kind, &names.plural);
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
            if api.list(&ListParams::default().limit(1)).await.is_err() {
                return false;
            }
        }
    }
    true
}

/// Whether the API server enforces the admission policies; it takes them up within a second or two. Asked by a write that changes
/// nothing if it is let through, and that the policy applied last denies: policies, and bindings, are taken up in the order of their
/// versions.
pub async fn enforced(client: &Client) -> bool {
    let metadata = json!({"name": "malformed", "annotations": {"switchboard.dev/acknowledge-brake": "NO TOKEN"}});
    let spec = json!({"plivo": {"credentialsSecretRef": {"name": "none"}}});
    let account = json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": "ProviderAccount", "metadata": metadata, "spec": spec});
    let Ok(account) = serde_json::from_value::<DynamicObject>(account) else { return false };
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("switchboard.dev", "v1alpha1", "ProviderAccount"));
    let accounts: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", &resource);
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let answer = accounts.create(&dry_run, &account).await;
    matches!(answer, Err(kube::Error::Api(status)) if status.message.contains("ValidatingAdmissionPolicy 'switchboard-metadata'"))
}

/// A token of the operator's ServiceAccount.
pub async fn operator_token(client: &Client) -> Result<String> {
    let (namespace, name) = OPERATOR;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let spec = TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..TokenRequestSpec::default() };
    let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
    let answer = accounts.create_token_request(name, &PostParams::default(), &request).await;
    let status = answer.context("no token for the operator's ServiceAccount")?.status;
    status.and_then(|status| status.token).context("a token request without an answer")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::{ADMISSION, OPERATOR};

    fn objects(kind: &str) -> Vec<Value> {
        let objects = serde_saphyr::from_multiple::<Value>(ADMISSION).expect("YAML").into_iter();
        let found: Vec<Value> = objects.filter(|object| object["kind"] == kind).collect();
        assert!(!found.is_empty(), "{kind}");
        found
    }

    fn texts(value: &Value) -> BTreeSet<&str> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    #[test]
    fn each_policy_is_bound_and_skips_the_operator() {
        let policies = objects("ValidatingAdmissionPolicy");
        let (namespace, name) = OPERATOR;
        let operator = format!("request.userInfo.username != 'system:serviceaccount:{namespace}:{name}'");
        for policy in &policies {
            let spec = &policy["spec"];
            assert_eq!(spec["matchConditions"][0]["expression"], operator.as_str(), "{policy}");
            assert_eq!(policy.to_string().matches(&format!("{namespace}:{name}")).count(), 1, "one place to change it: {policy}");
            for rule in spec["matchConstraints"]["resourceRules"].as_array().expect("rules") {
                assert_eq!(texts(&rule["apiGroups"]), BTreeSet::from(["switchboard.dev"]));
            }
        }
        let mut bound: Vec<(&str, BTreeSet<&str>)> = Vec::new();
        let bindings = objects("ValidatingAdmissionPolicyBinding");
        for binding in &bindings {
            let policy = policies.iter().find(|policy| policy["metadata"]["name"] == binding["spec"]["policyName"]).expect("a policy");
            // What denies must not be got round by an error, and what warns must not stop anybody.
            let actions = texts(&binding["spec"]["validationActions"]);
            let expected = if actions.contains("Deny") { "Fail" } else { "Ignore" };
            assert_eq!(policy["spec"]["failurePolicy"], expected, "{binding}");
            bound.push((policy["metadata"]["name"].as_str().expect("a name"), actions));
        }
        let (deny, warn) = (BTreeSet::from(["Deny"]), BTreeSet::from(["Warn"]));
        assert_eq!(bound, [("switchboard-status", deny.clone()), ("switchboard-warnings", warn), ("switchboard-metadata", deny)]);
        assert_eq!(policies.len(), bound.len(), "a policy without binding does nothing");
    }
}
