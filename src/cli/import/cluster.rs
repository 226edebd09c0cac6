//! What import reads in the cluster, with the rights of whoever runs it: the account, its Secret, and the objects that are there already.

use std::fmt::Debug;

use anyhow::{Context as _, anyhow, bail};
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use kube::core::error_boundary::InvalidObject;
use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::account::{AccountId, Owner};
use crate::api::cluster_provider_account::AllowedNamespace;
use crate::api::condition::Reason;
use crate::api::provider_account::ProviderAccountSpec;
use crate::api::refs::{AccountKind, AccountRef};
use crate::api::{ClusterProviderAccount, PhoneNumberBinding, ProviderAccount, SipEndpoint};
use crate::cli::shared::list;
use crate::controller::account::object::AccountObject;
use crate::controller::deadline;
use crate::controller::secrets::Content;
use crate::core::view::Problem;
use crate::provider::{Connection, Places, connect, credentials_secret, unknown_provider};

/// An account object, as far as it matters here.
pub(super) struct AccountFound {
    /// What objects say to name it.
    pub(super) reference: AccountRef,
    pub(super) owner: Owner,
    pub(super) spec: ProviderAccountSpec,
    /// The provider's account that it is pinned to.
    pub(super) pinned: Option<AccountId>,
    /// The part of marks that stands for this installation; `None`: no operator has written it yet.
    pub(super) installation: Option<String>,
    /// Whom it serves, if it says so.
    pub(super) allowed: Option<Vec<AllowedNamespace>>,
    /// Where its Secret is.
    secrets: String,
}

/// The account object.
///
/// # Errors
/// It does not exist, or may not be read.
pub(super) async fn account(
    client: &Client,
    reference: AccountRef,
    namespace: &str,
    operator_namespace: &str,
) -> anyhow::Result<AccountFound> {
    let name = reference.name.as_str();
    let (object, allowed, secrets) = match reference.kind {
        AccountKind::ProviderAccount => {
            let object: ProviderAccount = get(&Api::namespaced(client.clone(), namespace), name, Some(namespace)).await?;
            (AccountObject::of(&object), None, namespace)
        }
        AccountKind::ClusterProviderAccount => {
            let object: ClusterProviderAccount = get(&Api::all(client.clone()), name, None).await?;
            (AccountObject::of(&object), Some(object.spec.allowed_namespaces), operator_namespace)
        }
    };
    let owner = object.owner();
    let pinned = object.pinned();
    let installation = object.status.and_then(|status| status.installation);
    Ok(AccountFound { reference, owner, spec: object.spec, pinned, installation, allowed, secrets: secrets.to_owned() })
}

/// A connection with the credentials of the account's Secret. Contacts nobody but the API server.
///
/// # Errors
/// The Secret is missing, may not be read, or holds something else.
pub(super) async fn connection(client: &Client, account: &AccountFound, places: &Places) -> anyhow::Result<Connection> {
    let name = credentials_secret(&account.spec).ok_or_else(|| anyhow!(unknown_provider().message))?;
    let namespace = &account.secrets;
    let secret: Secret = get(&Api::namespaced(client.clone(), namespace), name, Some(namespace)).await?;
    let content = Content::of(secret);
    let value = |key: &str| {
        content
            .get(key)
            .map(|value| value.expose().as_bytes())
            .ok_or_else(|| Problem { reason: Reason::SecretKeyMissing, message: format!("it has no key {key:?}; add it") })
    };
    connect(&account.spec, places, &value).map_err(|problem| anyhow!("Secret {namespace}/{name}: {}", problem.message))
}

/// The objects that are there already.
pub(super) struct Objects {
    pub(super) endpoints: Vec<SipEndpoint>,
    pub(super) bindings: Vec<PhoneNumberBinding>,
    /// Those of all namespaces.
    pub(super) everywhere: bool,
}

/// In all namespaces, or, where that is not allowed, in this one.
///
/// # Errors
/// They may not be listed even there.
pub(super) async fn objects(client: &Client, namespace: &str) -> anyhow::Result<Objects> {
    let (endpoints, all_endpoints) = known::<SipEndpoint>(client, namespace).await?;
    let (bindings, all_bindings) = known::<PhoneNumberBinding>(client, namespace).await?;
    Ok(Objects { endpoints, bindings, everywhere: all_endpoints && all_bindings })
}

async fn known<K>(client: &Client, namespace: &str) -> anyhow::Result<(Vec<K>, bool)>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    match list::<K>(&Api::all(client.clone())).await {
        Err(kube::Error::Api(status)) if status.code == 403 => {}
        found => return Ok((decoded(found.with_context(|| format!("listing {}", K::plural(&())))?)?, true)),
    }
    let listed = list::<K>(&Api::namespaced(client.clone(), namespace)).await;
    let listed = listed.map_err(|error| explained(error, "list", &of_group::<K>(), Some(namespace), None))?;
    Ok((decoded(listed)?, false))
}

/// What an object that cannot be read has already must not be imported beside it, so none may be left out.
fn decoded<K: Resource<DynamicType = ()>>(all: Vec<DeserializeGuard<K>>) -> anyhow::Result<Vec<K>> {
    all.into_iter().map(|object| object.0.map_err(|broken| undecodable(&K::kind(&()), &of_group::<K>(), &broken))).collect()
}

fn undecodable(kind: &str, resource: &str, broken: &InvalidObject) -> anyhow::Error {
    let namespace = broken.metadata.namespace.as_deref().unwrap_or_default();
    let name = broken.metadata.name.as_deref().unwrap_or_default();
    anyhow!(
        "{kind} {namespace}/{name} cannot be read: {}. What it has at the provider cannot be told apart from what is free. Mend it (`kubectl -n {namespace} edit {resource} {name}`), or use the release of switchboard that the CustomResourceDefinitions in the cluster are from",
        broken.error
    )
}

async fn get<K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug>(
    api: &Api<K>,
    name: &str,
    namespace: Option<&str>,
) -> anyhow::Result<K> {
    let found = deadline(api.get(name)).await;
    found.map_err(|error| explained(error, "get", &of_group::<K>(), namespace, Some(name)))
}

/// A resource as `kubectl create role` names it.
fn of_group<K: Resource<DynamicType = ()>>() -> String {
    match &*K::group(&()) {
        "" => K::plural(&()).into_owned(),
        group => format!("{}.{group}", K::plural(&())),
    }
}

/// What is wrong, and what to do about it: a missing right with the commands that give it.
fn explained(error: kube::Error, verb: &str, resource: &str, namespace: Option<&str>, name: Option<&str>) -> anyhow::Error {
    let singular = resource.split('.').next().unwrap_or(resource).trim_end_matches('s');
    let at = namespace.map(|namespace| format!("-n {namespace} ")).unwrap_or_default();
    match error {
        kube::Error::Api(status) if status.code == 404 && name.is_some() => {
            let name = name.unwrap_or_default();
            anyhow!(
                "there is no {singular} {name}{}; see `kubectl {at}get {resource}`",
                namespace.map(|at| format!(" in namespace {at}")).unwrap_or_default()
            )
        }
        kube::Error::Api(status) if status.code == 403 => {
            let who = subject(&status.message);
            let cluster = if namespace.is_some() { "" } else { "cluster" };
            let only = name.filter(|_| verb == "get").map(|name| format!(" --resource-name={name}")).unwrap_or_default();
            let role = format!("switchboard-import-{singular}");
            anyhow!(
                "{}\nWhoever may give that right can do it with\n  kubectl {at}create {cluster}role {role} --verb={verb} --resource={resource}{only}\n  kubectl {at}create {cluster}rolebinding {role} --{cluster}role={role} {who}",
                status.message
            )
        }
        error => anyhow::Error::new(error).context(format!("reading {resource}")),
    }
}

/// Who was refused, as an argument of `kubectl create rolebinding`.
fn subject(message: &str) -> String {
    let user = message.split_once("User \"").and_then(|(_, rest)| rest.split_once('"')).map(|(user, _)| user);
    match user.map(|user| (user, user.strip_prefix("system:serviceaccount:"))) {
        Some((_, Some(account))) => format!("--serviceaccount={account}"),
        Some((user, None)) => format!("--user='{}'", user.replace('\'', "")),
        None => "--user=YOU".to_owned(),
    }
}

/// The account serves the namespace.
///
/// # Errors
/// It does not.
pub(super) fn serves(account: &AccountFound, namespace: &str) -> anyhow::Result<()> {
    let name = &account.reference.name;
    match &account.allowed {
        Some(allowed) if !allowed.iter().any(|one| one.name == namespace) => bail!(
            "ClusterProviderAccount {name} does not list namespace {namespace} in spec.allowedNamespaces: manifests there would be told that it does not exist. Add {{name: {namespace}, adopt: [\"*\"], numbers: [\"*\"]}}, or what of it the namespace is to have"
        ),
        _ => Ok(()),
    }
}

/// `namespace/name` of an object.
pub(super) fn place<K: Resource>(object: &K) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

#[cfg(test)]
mod tests {
    use kube::client::Body;
    use serde_json::json;

    use super::*;

    fn refusal(code: u16, message: &str) -> kube::Error {
        kube::Error::Api(Box::new(kube::core::Status { code, message: message.to_owned(), ..kube::core::Status::default() }))
    }

    #[tokio::test]
    async fn an_object_that_cannot_be_read_is_named_with_what_to_do_about_it() {
        let good = json!({"metadata": {"namespace": "voice", "name": "alice"}, "spec": {"accountRef": {"name": "plivo"}, "plivo": {}}});
        let broken = json!({"metadata": {"namespace": "voice", "name": "odd"}, "spec": {"accountRef": 12}});
        for (items, expected) in [
            (vec![&good], None),
            (
                vec![&good, &broken],
                Some(["SipEndpoint voice/odd cannot be read", "kubectl -n voice edit sipendpoints.switchboard.dev odd"]),
            ),
        ] {
            let page = json!({"metadata": {}, "items": items}).to_string();
            let service = tower::service_fn(move |_: http::Request<Body>| {
                let answer = http::Response::new(Body::from(page.clone().into_bytes()));
                std::future::ready(Ok::<_, std::convert::Infallible>(answer))
            });
            let found = known::<SipEndpoint>(&Client::new(service, "voice"), "voice").await;
            match (found, expected) {
                (Ok((found, everywhere)), None) => assert_eq!((found.len(), everywhere), (1, true)),
                (Err(error), Some(words)) => {
                    let said = format!("{error:#}");
                    assert!(words.iter().all(|words| said.contains(words)), "{said}");
                }
                (found, _) => panic!("{found:?}"),
            }
        }
    }

    #[test]
    fn a_missing_right_is_told_with_the_commands_that_give_it() {
        let table = [
            (
                refusal(403, r#"secrets "plivo" is forbidden: User "ann" cannot get resource "secrets""#),
                ("get", "secrets", Some("voice"), Some("plivo")),
                "kubectl -n voice create role switchboard-import-secret --verb=get --resource=secrets --resource-name=plivo\n  kubectl -n voice create rolebinding switchboard-import-secret --role=switchboard-import-secret --user='ann'",
            ),
            (
                refusal(403, r#"forbidden: User "system:serviceaccount:ci:import" cannot list"#),
                ("list", "sipendpoints.switchboard.dev", Some("voice"), None),
                "kubectl -n voice create role switchboard-import-sipendpoint --verb=list --resource=sipendpoints.switchboard.dev\n  kubectl -n voice create rolebinding switchboard-import-sipendpoint --role=switchboard-import-sipendpoint --serviceaccount=ci:import",
            ),
            (
                refusal(403, "forbidden"),
                ("get", "clusterprovideraccounts.switchboard.dev", None, Some("company")),
                "kubectl create clusterrole switchboard-import-clusterprovideraccount --verb=get --resource=clusterprovideraccounts.switchboard.dev --resource-name=company\n  kubectl create clusterrolebinding switchboard-import-clusterprovideraccount --clusterrole=switchboard-import-clusterprovideraccount --user=YOU",
            ),
            (
                refusal(404, "not found"),
                ("get", "provideraccounts.switchboard.dev", Some("voice"), Some("plivo")),
                "there is no provideraccount plivo in namespace voice; see `kubectl -n voice get provideraccounts.switchboard.dev`",
            ),
        ];
        for (error, (verb, resource, namespace, name), expected) in table {
            let said = explained(error, verb, resource, namespace, name).to_string();
            assert!(said.contains(expected), "{said}\nlacks\n{expected}");
        }
    }
}
