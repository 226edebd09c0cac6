//! What the policies of `deploy/admission.yaml` deny, warn of and let through. The tables here need no operator; how people, tools and
//! Kubernetes' own controllers get on with an operator under them is in `living`, and what annotations may say in `annotations`.

use http::Method;
use kube::Client;
use serde_json::{Value, json};
use switchboard::api::{FINALIZER_ACCOUNT, FINALIZER_BINDING, FINALIZER_ENDPOINT};

use crate::support::{self, Answer};
use crate::world::merged;

mod annotations;
mod living;

const ENDPOINTS: &str = "sipendpoints";
const BINDINGS: &str = "phonenumberbindings";
const ACCOUNTS: &str = "provideraccounts";
const CLUSTER_ACCOUNTS: &str = "clusterprovideraccounts";
const KINDS: [&str; 4] = [ENDPOINTS, BINDINGS, ACCOUNTS, CLUSTER_ACCOUNTS];
const FORCE_ORPHAN: &str = "switchboard.dev/force-orphan";
const ACKNOWLEDGE: &str = "switchboard.dev/acknowledge-brake";
/// A finalizer of somebody else, which is none of our business.
const FOREIGN: &str = "example.com/kept";

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// Ways to write.
const WAYS: [&str; 4] = ["put", "merge", "json", "apply"];

/// What a request is answered with.
#[derive(Clone, Copy, Debug)]
enum Expect {
    Quiet,
    Warns(&'static str),
    Denies(&'static str),
}
use Expect::{Denies, Quiet, Warns};

fn check(row: &str, answer: &Answer, expect: Expect) {
    let message = answer.body["message"].as_str().unwrap_or_default();
    let holds = match expect {
        Quiet => answer.status.is_success() && answer.warnings.is_empty(),
        Warns(text) => answer.status.is_success() && answer.warnings.len() == 1 && answer.warnings[0].contains(text),
        Denies(text) => {
            [403, 422].contains(&answer.status.as_u16()) && message.contains("ValidatingAdmissionPolicy") && message.contains(text)
        }
    };
    assert!(holds, "{row}: {expect:?} was to be seen, and is not: {answer:#?}");
}

/// A namespace with objects that no operator looks after.
struct Bench {
    admin: Client,
    namespace: String,
}

impl Bench {
    async fn new() -> Bench {
        let admin = support::client().await;
        let namespace = support::namespace(&admin, "admission").await;
        Bench { admin, namespace }
    }

    /// The name of an object: what is in no namespace is in the way of no other test either.
    fn name(&self, resource: &str, name: &str) -> String {
        if resource == CLUSTER_ACCOUNTS { format!("{}-{name}", self.namespace) } else { name.to_owned() }
    }

    fn path(&self, resource: &str, rest: &str) -> String {
        let group = "/apis/switchboard.dev/v1alpha1";
        match (resource, rest.strip_prefix('/')) {
            (CLUSTER_ACCOUNTS, Some(name)) => format!("{group}/{resource}/{}", self.name(resource, name)),
            (CLUSTER_ACCOUNTS, None) => format!("{group}/{resource}{rest}"),
            _ => format!("{group}/namespaces/{}/{resource}{rest}", self.namespace),
        }
    }

    async fn send(&self, client: &Client, resource: &str, rest: &str, write: (Method, &str, Value)) -> Answer {
        let (method, content_type, body) = write;
        support::exchange(client, method, &self.path(resource, rest), content_type, &body).await
    }

    async fn patch(&self, resource: &str, name: &str, patch: Value) -> Answer {
        self.send(&self.admin, resource, &format!("/{name}"), (Method::PATCH, MERGE, patch)).await
    }

    /// Applies an object, as a GitOps tool that says everything itself, its finalizers included.
    async fn stored(&self, resource: &str, name: &str, metadata: Value) -> Value {
        let object = manifest(resource, merged(json!({"name": self.name(resource, name)}), metadata));
        let answer = self.send(&self.admin, resource, &format!("/{name}?fieldManager=gitops"), (Method::PATCH, APPLY, object)).await;
        assert!(answer.status.is_success(), "{answer:#?}");
        answer.body
    }

    /// An object that is being deleted, and that these finalizers keep.
    async fn deleting(&self, resource: &str, name: &str, finalizers: &[&str]) -> Value {
        self.stored(resource, name, json!({"finalizers": finalizers})).await;
        let answer = self.send(&self.admin, resource, &format!("/{name}"), (Method::DELETE, JSON, json!({}))).await;
        assert!(answer.status.is_success() && answer.body["metadata"]["deletionTimestamp"].is_string(), "{answer:#?}");
        answer.body
    }

    /// Its finalizers now; none if it is gone.
    async fn finalizers(&self, resource: &str, name: &str) -> Option<Vec<String>> {
        let answer = self.send(&self.admin, resource, &format!("/{name}"), (Method::GET, JSON, Value::Null)).await;
        answer.status.is_success().then(|| serde_json::from_value(answer.body["metadata"]["finalizers"].clone()).unwrap_or_default())
    }
}

fn manifest(resource: &str, metadata: Value) -> Value {
    let (kind, spec) = match resource {
        ENDPOINTS => ("SipEndpoint", json!({"accountRef": {"name": "plivo"}, "plivo": {"passwordSecretRef": {"name": "sip"}}})),
        BINDINGS => ("PhoneNumberBinding", json!({"accountRef": {"name": "plivo"}, "number": "+14155550123", "target": {"app_id": ""}})),
        ACCOUNTS => ("ProviderAccount", json!({"plivo": {"credentialsSecretRef": {"name": "plivo-credentials"}}})),
        CLUSTER_ACCOUNTS => {
            ("ClusterProviderAccount", json!({"plivo": {"credentialsSecretRef": {"name": "plivo-credentials"}}, "allowedNamespaces": []}))
        }
        other => panic!("no resource: {other}"),
    };
    json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})
}

fn ours(resource: &str) -> &'static str {
    match resource {
        ENDPOINTS => FINALIZER_ENDPOINT,
        BINDINGS => FINALIZER_BINDING,
        _ => FINALIZER_ACCOUNT,
    }
}

/// A write of this number into the status of an object, as it was read last.
fn status_write(way: &str, object: &Value, number: i64) -> (&'static str, (Method, &'static str, Value)) {
    let status = json!({"observedGeneration": number});
    match way {
        "put" => ("", (Method::PUT, JSON, merged(object.clone(), json!({"status": status})))),
        "merge" => ("", (Method::PATCH, MERGE, json!({"status": status}))),
        "json" => ("", (Method::PATCH, JSON_PATCH, json!([{"op": "add", "path": "/status", "value": status}]))),
        "apply" => {
            let applied = json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "status": status});
            ("?fieldManager=tests&force=true", (Method::PATCH, APPLY, applied))
        }
        other => panic!("no way: {other}"),
    }
}

#[tokio::test]
async fn a_status_is_written_by_the_operator_and_by_listed_tools_and_by_nobody_else() {
    let bench = Bench::new().await;
    let (admin, tool, operator) = (&bench.admin, support::backup_tool().await, support::control_plane().operator_client().await);
    let denied = Denies("admin is not the operator. A tool that restores backups belongs into the variable furtherStatusWriters");
    // RBAC knows the operator as one who patches.
    let writers = [
        ("an administrator", admin, denied, &WAYS[..]),
        ("a listed tool", &tool, Quiet, &WAYS),
        ("the operator", &operator, Quiet, &WAYS[1..]),
    ];
    for resource in KINDS {
        bench.stored(resource, "desk", json!({})).await;
        let read = async || bench.send(admin, resource, "/desk", (Method::GET, JSON, Value::Null)).await.body;
        let mut number = -1;
        for (who, client, expect, ways) in &writers {
            for way in *ways {
                let row = format!("{resource}, {who}, {way}");
                let (query, write) = status_write(way, &read().await, number + 1);
                check(&row, &bench.send(client, resource, &format!("/desk/status{query}"), write).await, *expect);
                number += i64::from(matches!(expect, Quiet));
                assert_eq!(read().await["status"]["observedGeneration"], number, "{row}");
            }
        }
        // An exported object that is put back brings its old status along; the API server leaves that out by itself.
        let (_, exported) = status_write("put", &read().await, 1000);
        check(&format!("{resource}, an export"), &bench.send(admin, resource, "/desk", exported).await, Quiet);
        assert_eq!(read().await["status"]["observedGeneration"], number);
    }
}

/// All finalizers are taken off, and perhaps the object is annotated in the same write.
fn removal(way: &str, object: &Value, force_orphan: Option<&str>) -> (&'static str, (Method, &'static str, Value)) {
    let annotations = force_orphan.map(|value| json!({ FORCE_ORPHAN: value }));
    let mut metadata = json!({"name": object["metadata"]["name"]});
    if let Some(annotations) = &annotations {
        metadata["annotations"] = annotations.clone();
    }
    match way {
        "put" => ("", (Method::PUT, JSON, merged(object.clone(), json!({"metadata": {"finalizers": null, "annotations": annotations}})))),
        "merge" => ("", (Method::PATCH, MERGE, json!({"metadata": {"finalizers": null, "annotations": annotations}}))),
        "json" => {
            let mut patch = vec![json!({"op": "remove", "path": "/metadata/finalizers"})];
            patch.extend(annotations.map(|value| json!({"op": "add", "path": "/metadata/annotations", "value": value})));
            ("", (Method::PATCH, JSON_PATCH, json!(patch)))
        }
        // By the tool that has put them on: nobody else's apply takes anything off.
        "apply" => {
            let applied = json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": metadata, "spec": object["spec"]});
            ("?fieldManager=gitops&force=true", (Method::PATCH, APPLY, applied))
        }
        other => panic!("no way: {other}"),
    }
}

#[tokio::test]
async fn from_a_living_object_finalizers_go_with_a_warning() {
    let bench = Bench::new().await;
    for resource in KINDS {
        for way in WAYS {
            let object = bench.stored(resource, way, json!({"finalizers": [ours(resource), FOREIGN]})).await;
            let (query, write) = removal(way, &object, None);
            let answer = bench.send(&bench.admin, resource, &format!("/{way}{query}"), write).await;
            let text = match resource {
                ENDPOINTS => "drops the finalizer switchboard.dev/endpoint,",
                BINDINGS => "drops the finalizer switchboard.dev/binding,",
                _ => "drops the finalizer switchboard.dev/account,",
            };
            check(&format!("{resource}, {way}"), &answer, Warns(text));
            assert_eq!(bench.finalizers(resource, way).await, Some(vec![]), "{resource}, {way}");
        }
        let object = json!({"finalizers": [ours(resource), FOREIGN]});
        bench.stored(resource, "others", object).await;
        check("somebody else's", &bench.patch(resource, "others", json!({"metadata": {"finalizers": [ours(resource)]}})).await, Quiet);
    }
}

#[tokio::test]
async fn from_an_object_that_is_being_deleted_our_finalizers_go_with_force_orphan_only() {
    let bench = Bench::new().await;
    for resource in KINDS {
        let all = [ours(resource), FOREIGN];
        let (enough, not_enough): (&[&str], &[Option<&str>]) = match resource {
            ENDPOINTS => (&["14659095951490", "unresolved"], &[None, Some(""), Some("no id"), Some("+14155550123")]),
            // The plus may be forgotten here: whether it is the number of this object is for the operator to say.
            BINDINGS => (
                &["+14155550123", "14155550123", "unresolved"],
                &[None, Some(""), Some("no id"), Some("+1 415 555 0123"), Some("reception")],
            ),
            // An account has nothing of its own at the provider.
            _ => (&["unresolved"], &[None, Some(""), Some("no id"), Some("14659095951490")]),
        };
        for way in WAYS {
            for (number, enough) in enough.iter().enumerate() {
                let name = format!("{way}-{number}");
                let object = bench.deleting(resource, &name, &all).await;
                for value in not_enough {
                    let (query, write) = removal(way, &object, *value);
                    let answer = bench.send(&bench.admin, resource, &format!("/{name}{query}"), write).await;
                    check(&format!("{resource}, {way}, {value:?}"), &answer, Denies(FORCE_ORPHAN));
                    assert_eq!(bench.finalizers(resource, &name).await.as_deref(), Some(&all.map(String::from)[..]));
                }
                let (query, write) = removal(way, &object, Some(enough));
                let answer = bench.send(&bench.admin, resource, &format!("/{name}{query}"), write).await;
                check(&format!("{resource}, {way}, {enough}"), &answer, Quiet);
                assert_eq!(bench.finalizers(resource, &name).await, None, "{resource}, {way}, {enough}: gone");
            }
        }
    }
}

#[tokio::test]
async fn a_denied_removal_says_what_keeps_the_object_and_what_to_do() {
    let bench = Bench::new().await;
    let rows = [
        (
            ENDPOINTS,
            "switchboard.dev/endpoint keeps it until nothing of it is left at the provider",
            "the object's status.endpoint_id, or to unresolved",
        ),
        (
            BINDINGS,
            "switchboard.dev/binding keeps it until the number is given back",
            "force-orphan to the object's spec.number with its plus, or to unresolved, in the same write",
        ),
        (
            ACCOUNTS,
            "switchboard.dev/account keeps it until no object uses the account any more",
            "force-orphan to unresolved in the same write",
        ),
        (
            CLUSTER_ACCOUNTS,
            "switchboard.dev/account keeps it until no object uses the account any more",
            "force-orphan to unresolved in the same write",
        ),
    ];
    for (resource, why, what) in rows {
        bench.deleting(resource, "desk", &[ours(resource)]).await;
        let answer = bench.patch(resource, "desk", json!({"metadata": {"finalizers": null}})).await;
        for text in [why, "kubectl describe says what it waits for", what] {
            check(resource, &answer, Denies(text));
        }
    }
}

#[tokio::test]
async fn an_object_that_is_being_deleted_can_be_written_in_every_other_way() {
    let bench = Bench::new().await;
    for resource in KINDS {
        // The kinds of later versions bring finalizers of their own.
        let own = [ours(resource), "switchboard.dev/later"];
        bench.deleting(resource, "desk", &[own[0], own[1], FOREIGN]).await;
        let finalizers = |left: &[&str]| json!({"metadata": {"finalizers": left}});
        let annotated = |value: Value| json!({"metadata": {"annotations": {FORCE_ORPHAN: value}}});
        let rows = [
            ("a label", json!({"metadata": {"labels": {"team": "voice"}}}), Quiet),
            ("any of ours", finalizers(&[own[0], FOREIGN]), Denies("switchboard.dev/later keeps it")),
            ("somebody else's", finalizers(&own), Quiet),
            ("force-orphan", annotated(json!("unresolved")), Quiet),
            ("force-orphan taken back", annotated(Value::Null), Quiet),
            ("none without it", finalizers(&[]), Denies(", switchboard.dev/later keeps it")),
            ("force-orphan again", annotated(json!("unresolved")), Quiet),
            ("and then all", finalizers(&[]), Quiet),
        ];
        for (row, patch, expect) in rows {
            check(&format!("{resource}, {row}"), &bench.patch(resource, "desk", patch).await, expect);
        }
        assert_eq!(bench.finalizers(resource, "desk").await, None, "gone");
    }
    let operator = support::control_plane().operator_client().await;
    for resource in KINDS {
        bench.deleting(resource, "released", &[ours(resource)]).await;
        let released = (Method::PATCH, MERGE, json!({"metadata": {"finalizers": []}}));
        check(&format!("the operator, {resource}"), &bench.send(&operator, resource, "/released", released).await, Quiet);
        assert_eq!(bench.finalizers(resource, "released").await, None, "gone");
    }
}

/// A kind that is none of ours yet, cluster-wide. It stays: controllers of Kubernetes get out of
/// step for a while when a definition goes.
#[tokio::test]
async fn kinds_of_later_versions_are_covered() {
    let admin = support::client().await;
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "laterkinds.switchboard.dev"},
        "spec": {
            "group": "switchboard.dev",
            "scope": "Cluster",
            "names": {"kind": "LaterKind", "plural": "laterkinds", "singular": "laterkind", "listKind": "LaterKindList"},
            "versions": [{
                "name": "v2",
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    });
    support::define(&admin, &serde_json::from_value(definition).expect("a definition")).await;
    let send = async |method: Method, rest: &str, body: Value| {
        let path = format!("/apis/switchboard.dev/v2/laterkinds{rest}");
        let content_type = if method == Method::PATCH { MERGE } else { JSON };
        support::exchange(&admin, method, &path, content_type, &body).await
    };
    let annotated = |value: &str| json!({"annotations": {ACKNOWLEDGE: value}});
    let made = |metadata: Value| json!({"apiVersion": "switchboard.dev/v2", "kind": "LaterKind", "metadata": metadata});
    let metadata = |metadata: Value| json!({ "metadata": metadata });
    let both = json!({"name": "desk", "finalizers": ["switchboard.dev/later", FOREIGN]});
    let rows = [
        ("made", Method::POST, "", made(both), Quiet),
        ("status", Method::PATCH, "/desk/status", json!({"status": {"any": 1}}), Denies("admin is not the operator")),
        ("annotated", Method::PATCH, "/desk", metadata(annotated("NO TOKEN")), Denies("is no token")),
        ("freed", Method::PATCH, "/desk", metadata(json!({"finalizers": [FOREIGN]})), Warns("switchboard.dev/later")),
        ("guarded", Method::PATCH, "/desk", metadata(json!({"finalizers": ["switchboard.dev/later"]})), Quiet),
        ("deleted", Method::DELETE, "/desk", json!({}), Quiet),
        ("freed while going", Method::PATCH, "/desk", metadata(json!({"finalizers": null})), Denies("switchboard.dev/later keeps it")),
    ];
    for (row, method, rest, body, expect) in rows {
        check(row, &send(method, rest, body).await, expect);
    }
    let given_up = metadata(json!({"finalizers": null, "annotations": {FORCE_ORPHAN: "unresolved"}}));
    check("given up", &send(Method::PATCH, "/desk", given_up).await, Quiet);
    assert_eq!(send(Method::GET, "/desk", Value::Null).await.status, 404);
}
