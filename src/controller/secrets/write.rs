//! Writes of connection Secrets: created, or patched at the version that was read. Values are in the request's body and nowhere else;
//! the answer is asked for without them.

use std::collections::BTreeMap;

use http::header::{ACCEPT, HeaderValue};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Resource;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::{PartialObjectMeta, Request, Status};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Consent, Granter, Secrets, version};
use crate::api::condition::Reason;
use crate::api::ledger::SecretVersion;
use crate::api::{ANNOTATION_CONNECTION, FIELD_MANAGER};
use crate::controller::deadline;
use crate::core::endpoint::connection::{ConnectionSecret, Entries, Held};
use crate::core::view::Problem;

/// The API server answers with the metadata only.
const METADATA_ONLY: HeaderValue = HeaderValue::from_static("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");

/// Why a Secret was not written, or is not known to have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotWritten {
    /// It is another one by now: read again, decide again.
    Conflict,
    /// What to say.
    Refused(Problem),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    string_data: BTreeMap<&'a str, &'a str>,
    /// Each a null: in a merge patch that takes the key away.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    data: BTreeMap<&'a str, Option<()>>,
}

impl Secrets {
    /// Writes these entries into the object's connection Secret as it was read, and makes it go with the object.
    ///
    /// # Errors
    /// See [`NotWritten`].
    pub async fn write(
        &self,
        owner: OwnerReference,
        namespace: &str,
        secret: &ConnectionSecret,
        entries: &Entries,
    ) -> Result<SecretVersion, NotWritten> {
        let name = &secret.name;
        let request = Request::new(Secret::url_path(&(), Some(namespace)));
        let set = entries.iter().filter_map(|(key, value)| Some((*key, value.as_ref()?.expose()))).collect();
        let request = match &secret.held {
            Held::Barred(problem) => return Err(NotWritten::Refused(problem.clone())),
            Held::Absent => {
                let metadata = json!({
                    "name": name,
                    "labels": {"app.kubernetes.io/managed-by": FIELD_MANAGER},
                    "annotations": {ANNOTATION_CONNECTION: owner.name},
                    "ownerReferences": [owner],
                });
                let body =
                    Body { api_version: "v1", kind: "Secret", metadata, r#type: Some("Opaque"), string_data: set, data: BTreeMap::new() };
                let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
                serde_json::to_vec(&body).map_err(|_| ()).and_then(|body| request.create(&params, body).map_err(|_| ()))
            }
            Held::Own { version, owned, .. } => {
                let mut metadata = json!({
                    "uid": version.uid,
                    "resourceVersion": version.resource_version,
                    "annotations": {ANNOTATION_CONNECTION: owner.name},
                });
                if !owned {
                    metadata["labels"] = json!({"app.kubernetes.io/managed-by": FIELD_MANAGER});
                    metadata["ownerReferences"] = json!([owner]);
                }
                let data = entries.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| (*key, None)).collect();
                let body = Body { api_version: "v1", kind: "Secret", metadata, r#type: None, string_data: set, data };
                let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
                request.patch(name, &params, &Patch::Merge(&body)).map_err(|_| ())
            }
        };
        // An error here may quote the body.
        let mut request = request.map_err(|()| NotWritten::Refused(unwritten(namespace, name, "it could not be put into a request")))?;
        request.headers_mut().insert(ACCEPT, METADATA_ONLY);
        let answer = deadline(self.client.request::<PartialObjectMeta<Secret>>(request)).await;
        // Whatever the answer: what was read before is not true any more, or was not.
        self.distrust(namespace, name);
        answer.map(|written| version(&written)).map_err(|error| match error {
            kube::Error::Api(status) => refused(&self.granter, namespace, name, &status),
            error => NotWritten::Refused(unwritten(namespace, name, &error.to_string())),
        })
    }
}

fn refused(granter: &Granter, namespace: &str, name: &str, status: &Status) -> NotWritten {
    let dying = status.details.iter().flat_map(|details| &details.causes).any(|cause| cause.reason == "NamespaceTerminating");
    match status.code {
        // Nothing is made in a dying namespace; that is no missing consent.
        _ if dying => NotWritten::Refused(Problem {
            reason: Reason::Deleting,
            message: format!("namespace {namespace} is being deleted: Secret {name} is not written any more"),
        }),
        403 if concerns_owner(status) => NotWritten::Refused(granter.missing_delete(namespace, name)),
        403 => NotWritten::Refused(granter.missing(Consent::Write, namespace)),
        404 | 409 => NotWritten::Conflict,
        422 => NotWritten::Refused(Problem {
            reason: Reason::Conflict,
            message: format!(
                "the API server does not accept what is to be written into Secret {namespace}/{name} (it may be immutable): delete it, or name another one in connectionSecret; it is tried again by itself"
            ),
        }),
        code => NotWritten::Refused(unwritten(namespace, name, &format!("the API server answers {code} {}", status.reason))),
    }
}

/// The plugin OwnerReferencesPermissionEnforcement (on in OpenShift) lets nobody give an object that exists to an owner who may not delete it.
/// A Secret that is made with its owner passes, and RBAC's own refusals read otherwise.
fn concerns_owner(status: &Status) -> bool {
    ["cannot set an ownerRef", "cannot set blockOwnerDeletion"].iter().any(|words| status.message.contains(words))
}

fn unwritten(namespace: &str, name: &str, why: &str) -> Problem {
    Problem {
        reason: Reason::Progressing,
        message: format!("Secret {namespace}/{name} could not be written: {why}; it is tried again by itself"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::secrets::Roles;

    #[test]
    fn a_refusal_of_the_owner_reference_is_told_from_missing_consent() {
        let granter = Granter { account: "ops:sb".into(), roles: Roles::Cluster };
        let said = |message: &str| {
            let status = json!({"code": 403, "reason": "Forbidden", "message": message});
            match refused(&granter, "voice", "alice-phone", &serde_json::from_value(status).expect("a status")) {
                NotWritten::Refused(Problem { reason: Reason::SecretAccessDenied, message }) => message,
                other => panic!("{other:?}"),
            }
        };
        // As the API server words them.
        let owner = [
            r#"secrets "alice-phone" is forbidden: cannot set an ownerRef on a resource you can't delete: , <nil>"#,
            r#"secrets "alice-phone" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>"#,
        ];
        for message in owner {
            let said = said(message);
            for part in [
                "kubectl -n voice create role switchboard-alice-phone --verb=delete --resource=secrets --resource-name=alice-phone",
                "kubectl -n voice create rolebinding switchboard-alice-phone --role=switchboard-alice-phone --serviceaccount=ops:sb",
            ] {
                assert!(said.contains(part), "{part}: {said}");
            }
            assert!(!said.contains("switchboard-secret-writer"), "that one is granted already: {said}");
        }
        let consent = [
            r#"secrets "alice-phone" is forbidden: User "system:serviceaccount:ops:sb" cannot patch resource "secrets" in API group "" in the namespace "voice""#,
            "",
        ];
        for message in consent {
            assert!(said(message).contains("--clusterrole=switchboard-secret-writer"), "{message}: {}", said(message));
        }
    }

    #[test]
    fn a_refused_write_says_what_to_do_or_is_decided_anew() {
        let status = |code: u16, cause: Option<&str>| {
            let causes: Vec<Value> = cause.iter().map(|reason| json!({"reason": reason, "message": "", "field": ""})).collect();
            let status = json!({"code": code, "reason": "Some", "message": "hunter22 is wrong", "details": {"causes": causes}});
            serde_json::from_value::<Status>(status).expect("a status")
        };
        let granter = Granter { account: "ops:sb".into(), roles: Roles::Cluster };
        let table = [
            (status(403, None), Some((Reason::SecretAccessDenied, "--clusterrole=switchboard-secret-writer --serviceaccount=ops:sb"))),
            (status(403, Some("NamespaceTerminating")), Some((Reason::Deleting, "being deleted"))),
            (status(404, None), None),
            (status(409, None), None),
            (status(422, None), Some((Reason::Conflict, "immutable"))),
            (status(500, None), Some((Reason::Progressing, "500 Some"))),
        ];
        for (status, expected) in table {
            match (refused(&granter, "voice", "alice-phone", &status), expected) {
                (NotWritten::Conflict, None) => {}
                (NotWritten::Refused(problem), Some((reason, words))) => {
                    assert_eq!(problem.reason, reason, "{}", status.code);
                    assert!(problem.message.contains(words) && !problem.message.contains("hunter22"), "{}", problem.message);
                }
                (other, _) => panic!("{}: {other:?}", status.code),
            }
        }
    }

    #[test]
    fn a_body_sets_what_has_a_value_and_takes_away_what_has_none() {
        let body = Body {
            api_version: "v1",
            kind: "Secret",
            metadata: json!({"resourceVersion": "7"}),
            r#type: None,
            string_data: BTreeMap::from([("username", "alice")]),
            data: BTreeMap::from([("password", None)]),
        };
        assert_eq!(
            serde_json::to_value(&body).expect("JSON"),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"resourceVersion": "7"}, "stringData": {"username": "alice"}, "data": {"password": null}})
        );
    }
}
