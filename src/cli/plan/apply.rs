//! An apply that is not one: the API server is asked for a dry run, which fills in defaults, checks the schema and asks its admission. Nothing
//! is stored.

use std::collections::BTreeSet;

use http::{Method, Request, StatusCode, Uri, header};
use k8s_openapi::api::core::v1::Secret;
use kube::client::Body;
use kube::{Api, Client, ResourceExt};
use serde_json::{Map, Value, json};

use super::manifests::Manifest;
use crate::api::{GROUP, VERSION};
use crate::cli::shared;
use crate::controller::deadline;
use crate::core::key::Kind;

/// What `kubectl apply` keeps of the last one.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Whose annotations are notes of tools about their own doings.
const KUBECTL: &str = "kubectl.kubernetes.io";
/// Both are a map of texts, of which an apply changes its own.
const MAPS: [&str; 2] = ["annotations", "labels"];
/// What makes a request that would write a dry run.
const DRY_RUN: (&str, &str) = ("dryRun", "All");
/// Longest name of an object, in characters.
const LONGEST_NAME: usize = 253;

/// What the apply means for an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// There is none of that name yet.
    New,
    /// It says something else then, in these fields.
    Changed(Vec<String>),
    /// An account that says the same, and has other credentials.
    Renewed,
    /// It says the same.
    Same,
}

impl Fate {
    /// The operator looks at what is new in it: something may follow for other objects.
    pub fn matters(&self) -> bool {
        match self {
            Fate::New | Fate::Renewed => true,
            Fate::Changed(fields) => fields.iter().any(|field| field.starts_with("spec") || field.contains(GROUP)),
            Fate::Same => false,
        }
    }
}

/// A kind of ours by its name in manifests, and its plural.
pub fn kind_of(manifest: &Manifest) -> Option<(Kind, &'static str)> {
    let kinds = [
        (Kind::SipEndpoint, "sipendpoints"),
        (Kind::PhoneNumberBinding, "phonenumberbindings"),
        (Kind::ProviderAccount, "provideraccounts"),
        (Kind::ClusterProviderAccount, "clusterprovideraccounts"),
    ];
    kinds.into_iter().find(|(kind, _)| ours(manifest) && kind.as_str() == manifest.text("/kind"))
}

/// Of our group, in whatever version.
pub fn ours(manifest: &Manifest) -> bool {
    let group = manifest.text("/apiVersion").split('/').next();
    group == Some(GROUP)
}

/// What the manifest says of its place goes into the addresses of requests, so it must be nothing else than a place.
///
/// # Errors
/// What is wrong with it, as the API server would say it.
pub fn placed(manifest: &Manifest, namespace: &str) -> Result<(), String> {
    let (version, kind, name) = (manifest.text("/apiVersion"), manifest.text("/kind"), manifest.text("/metadata/name"));
    if ours(manifest) && (version != format!("{GROUP}/{VERSION}") || kind_of(manifest).is_none()) {
        return Err(format!("no matches for kind {kind:?} in version {version:?}"));
    }
    if !subdomain(name) {
        return Err(format!(
            "metadata.name: Invalid value: {name:?}: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
        ));
    }
    shared::namespace(namespace).map(drop).map_err(|why| format!("metadata.namespace: Invalid value: {why}"))
}

fn subdomain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let label = |label: &str| label.starts_with(plain) && label.ends_with(plain) && label.chars().all(|c| plain(c) || c == '-');
    name.len() <= LONGEST_NAME && name.split('.').all(label)
}

/// The object as the API server would store it.
///
/// # Errors
/// What the API server says against it, in its own words.
pub async fn dry_run(client: &Client, manifest: &Manifest, plural: &str, namespace: &str) -> anyhow::Result<(Value, Fate)> {
    let place = if namespace.is_empty() { String::new() } else { format!("namespaces/{namespace}/") };
    let all = format!("/apis/{}/{place}{plural}", manifest.text("/apiVersion"));
    let one = format!("{all}/{}", manifest.text("/metadata/name"));
    let live = match send(client, Method::GET, &one, "", &Value::Null).await? {
        (StatusCode::NOT_FOUND, _) => None,
        (status, live) if status.is_success() => Some(live),
        (_, answer) => anyhow::bail!("{}", said(&answer)),
    };
    let query = format!("?{}={}&fieldValidation=Strict&fieldManager=kubectl", DRY_RUN.0, DRY_RUN.1);
    let patch = live.as_ref().map(|live| patch(live, &manifest.object));
    let (status, answer) = match &patch {
        None => {
            let mut new = manifest.object.clone();
            if !namespace.is_empty() {
                new["metadata"]["namespace"] = json!(namespace);
            }
            if let Some(new) = new.as_object_mut() {
                new.remove("status");
            }
            send(client, Method::POST, &format!("{all}{query}"), "application/json", &new).await?
        }
        Some(patch) => send(client, Method::PATCH, &format!("{one}{query}"), "application/merge-patch+json", patch).await?,
    };
    if !status.is_success() {
        anyhow::bail!("{}", said(&answer));
    }
    let fate = match live.as_ref().zip(patch.as_ref()) {
        None => Fate::New,
        Some((live, sent)) => match changes(live, &answer, sent) {
            fields if fields.is_empty() => Fate::Same,
            fields => Fate::Changed(fields),
        },
    };
    Ok((answer, fate))
}

/// Where the object says something else, in what people write: the spec, Switchboard's annotations, and of all other annotations and labels
/// those that were `sent`. The server has filled in its defaults on both sides, and others may write what they like.
fn changes(live: &Value, new: &Value, sent: &Value) -> Vec<String> {
    let mut fields = Vec::new();
    differing("spec", &live["spec"], &new["spec"], &mut fields);
    for map in MAPS {
        let counts = |name: &str| {
            let group = name.split_once('/').map_or("", |(group, _)| group);
            group == GROUP || group != KUBECTL && sent["metadata"][map].get(name).is_some()
        };
        let counted = |object: &Value| {
            let all = object["metadata"][map].as_object().cloned().unwrap_or_default();
            Value::Object(all.into_iter().filter(|(name, _)| counts(name)).collect())
        };
        differing(&format!("metadata.{map}"), &counted(live), &counted(new), &mut fields);
    }
    fields
}

fn differing(path: &str, old: &Value, new: &Value, fields: &mut Vec<String>) {
    match (old, new) {
        _ if old == new => {}
        (Value::Object(before), Value::Object(after)) => {
            let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            keys.into_iter().for_each(|key| differing(&format!("{path}.{key}"), &old[key], &new[key], fields));
        }
        _ => fields.push(path.to_owned()),
    }
}

/// What an apply changes: the spec is the manifest's, nobody else writes there; of annotations and labels those that the last apply brought
/// and this one does not are taken away, and others stay.
fn patch(live: &Value, manifest: &Value) -> Value {
    let metadata = |of: &Value, what: &str| of["metadata"][what].as_object().cloned().unwrap_or_default();
    let last = live["metadata"]["annotations"][LAST_APPLIED].as_str().map(ToOwned::to_owned);
    let last = last_applied(last.as_ref());
    let changed = |map: &str| {
        let mut all: Map<String, Value> = metadata(manifest, map);
        for name in last.iter().flat_map(|last| metadata(last, map)).map(|(name, _)| name) {
            all.entry(name).or_insert(Value::Null);
        }
        (map.to_owned(), Value::Object(all))
    };
    json!({
        "metadata": Map::from_iter(MAPS.map(changed)),
        "spec": difference(&live["spec"], &manifest["spec"]),
    })
}

/// The merge patch that makes `old` to `new`.
fn difference(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return new.clone() };
    let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let kept = new.iter().map(|(key, value)| (key.clone(), old.get(key).map_or_else(|| value.clone(), |old| difference(old, value))));
    Value::Object(gone.chain(kept).collect())
}

/// Nothing that would write leaves here, however its address came about.
async fn send(client: &Client, method: Method, path: &str, content: &str, body: &Value) -> anyhow::Result<(StatusCode, Value)> {
    let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(body)? };
    let mut request = Request::builder().method(method).uri(path);
    if !content.is_empty() {
        request = request.header(header::CONTENT_TYPE, content);
    }
    let request = request.body(Body::from(body))?;
    anyhow::ensure!(request.method() == Method::GET || dry(request.uri()), "a request that is no dry run is not made");
    let answer = deadline(client.send(request)).await?;
    let status = answer.status();
    let body = tokio::time::timeout(std::time::Duration::from_secs(10), answer.into_body().collect_bytes()).await??;
    Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

/// As the API server reads the query.
fn dry(uri: &Uri) -> bool {
    uri.query().unwrap_or_default().split('&').any(|pair| pair.split_once('=') == Some(DRY_RUN))
}

/// The API server's own words. Of a field that it does not know it tells after the whole object.
fn said(answer: &Value) -> String {
    const STRICT: &str = "strict decoding error: ";
    let message = answer["message"].as_str().unwrap_or("the API server answered without saying why");
    message.rsplit_once(STRICT).map_or_else(|| message.to_owned(), |(_, rest)| format!("{STRICT}{rest}"))
}

/// What the last apply has said, if there was one.
fn last_applied(live: Option<&String>) -> Option<Value> {
    serde_json::from_str(live?).ok()
}

/// A Secret of a manifest as it will be, if that is not how it is already.
///
/// # Errors
/// It is no Secret.
pub async fn secret(client: &Client, manifest: &Manifest, namespace: &str) -> anyhow::Result<Option<Secret>> {
    // What stands in it must not be shown.
    let parsed: Result<Secret, _> = serde_json::from_value(manifest.object.clone());
    let Ok(mut secret) = parsed else {
        anyhow::bail!("{}: Secret {} cannot be read as one", manifest.source, manifest.text("/metadata/name"))
    };
    let given = secret.data.take().unwrap_or_default();
    let named: BTreeSet<String> = given.keys().cloned().collect();
    let mut data = given;
    for (key, value) in secret.string_data.take().unwrap_or_default() {
        data.insert(key, k8s_openapi::ByteString(value.into_bytes()));
    }
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    // Who may not read it is told when somebody needs it; a manifest is as good.
    let live = deadline(secrets.get_opt(&secret.name_any())).await.ok().flatten();
    if let Some(live) = &live {
        let mut all = live.data.clone().unwrap_or_default();
        let before = all.clone();
        // As an apply does it: keys that it once wrote to `data` and that are not there any more go. Of `stringData`, which no Secret keeps,
        // nothing is ever taken away.
        let last = last_applied(live.metadata.annotations.as_ref().and_then(|all| all.get(LAST_APPLIED)));
        let once = last.as_ref().and_then(|last| last["data"].as_object());
        all.retain(|key, _| named.contains(key) || !once.is_some_and(|once| once.contains_key(key)));
        all.extend(data);
        if all == before {
            return Ok(None);
        }
        data = all;
        secret.metadata.owner_references.clone_from(&live.metadata.owner_references);
    }
    secret.data = Some(data);
    secret.metadata.namespace = Some(namespace.to_owned());
    secret.metadata.uid = live.and_then(|live| live.metadata.uid).or_else(|| Some("after-apply".to_owned()));
    secret.metadata.resource_version = Some("after-apply".to_owned());
    Ok(Some(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_changed_where_it_says_something_else_and_not_by_what_an_apply_leaves_behind() {
        let spec = json!({"deletionPolicy": "Delete", "plivo": {"alias": "a", "app_id": "1"}, "adopt": [{"id": "1"}]});
        let live = json!({
            "metadata": {"annotations": {"team": "voice", LAST_APPLIED: "{}"}, "labels": {"tier": "a"}, "resourceVersion": "1", "managedFields": []},
            "spec": spec,
        });
        let metadata = |annotations: Value, labels: Value| json!({"annotations": annotations, "labels": labels});
        let stored = |metadata: &Value| json!({"metadata": metadata, "spec": spec});
        // What is stored then, what of annotations and labels was sent, where they differ, and whether the operator looks at that.
        let table = [
            (
                json!({"metadata": {"annotations": {LAST_APPLIED: "{1}"}, "managedFields": [1]}, "spec": spec, "status": {}}),
                metadata(json!({LAST_APPLIED: "{1}"}), json!({})),
                vec![],
                false,
            ),
            (
                json!({"spec": {"deletionPolicy": "Retain", "plivo": {"alias": "b"}, "adopt": [{"id": "2"}]}}),
                metadata(json!({}), json!({})),
                vec!["spec.adopt", "spec.deletionPolicy", "spec.plivo.alias", "spec.plivo.app_id"],
                true,
            ),
            (
                stored(&metadata(json!({"switchboard.dev/paused": "true"}), json!({}))),
                metadata(json!({}), json!({})),
                vec!["metadata.annotations.switchboard.dev/paused"],
                true,
            ),
            (
                stored(&metadata(json!({"team": "sales"}), json!({"tier": "b", "new": "1"}))),
                metadata(json!({"team": "sales"}), json!({"tier": "b", "new": "1"})),
                vec!["metadata.annotations.team", "metadata.labels.new", "metadata.labels.tier"],
                false,
            ),
            // The last apply brought them, and this one does not.
            (
                stored(&metadata(json!({}), json!({}))),
                metadata(json!({"team": null}), json!({"tier": null})),
                vec!["metadata.annotations.team", "metadata.labels.tier"],
                false,
            ),
            (
                stored(&metadata(json!({"team": "voice"}), json!({"tier": "a"}))),
                metadata(json!({"team": "voice"}), json!({"tier": "a"})),
                vec![],
                false,
            ),
            // Somebody else writes them on the way.
            (stored(&metadata(json!({"seen-at": "12:00"}), json!({"tier": "z"}))), metadata(json!({}), json!({})), vec![], false),
        ];
        for (new, sent, expected, matters) in table {
            let found = changes(&live, &new, &json!({"metadata": sent}));
            assert_eq!(found, expected, "{new}");
            assert_eq!(Fate::Changed(found).matters(), matters, "{new}");
        }
    }

    #[test]
    fn what_would_write_is_a_dry_run_by_its_query_and_by_nothing_else() {
        for (path, expected) in [
            ("/apis/switchboard.dev/v1alpha1/sipendpoints/alice?dryRun=All&fieldManager=kubectl", true),
            ("/apis/switchboard.dev/v1alpha1/sipendpoints/alice?fieldManager=kubectl&dryRun=All", true),
            ("/apis/switchboard.dev/v1alpha1/sipendpoints/alice?x=?dryRun=All&fieldManager=kubectl", false),
            ("/apis/switchboard.dev/v1alpha1/sipendpoints/alice#?dryRun=All&fieldManager=kubectl", false),
            ("/apis/switchboard.dev/v1alpha1/sipendpoints/dryRun=All", false),
            ("/apis/switchboard.dev/v1alpha1/sipendpoints/alice?dryRun=", false),
        ] {
            assert_eq!(dry(&path.parse().expect("an address")), expected, "{path}");
        }
    }

    #[test]
    fn of_an_unknown_field_only_the_field_is_told() {
        let table = [
            (
                json!({"message": " \"\" is invalid: patch: Invalid value: \"{…}\": strict decoding error: unknown field \"spec.colour\""}),
                "strict decoding error: unknown field \"spec.colour\"",
            ),
            (json!({"message": "spec.number: Forbidden"}), "spec.number: Forbidden"),
            (json!("hello"), "the API server answered without saying why"),
        ];
        for (answer, expected) in table {
            assert_eq!(said(&answer), expected);
        }
    }

    #[test]
    fn an_apply_takes_away_what_the_manifest_does_not_say_any_more_and_leaves_what_others_have_annotated() {
        let last = json!({"metadata": {"annotations": {"switchboard.dev/paused": "true"}, "labels": {"once": "1"}}}).to_string();
        let live = json!({
            "metadata": {"annotations": {"switchboard.dev/paused": "true", "team": "voice", LAST_APPLIED: last}, "labels": {"a": "b", "once": "1"}},
            "spec": {"accountRef": {"name": "main", "kind": "ProviderAccount"}, "plivo": {"alias": "old", "app_id": "1"}, "driftPolicy": "Report"},
        });
        let manifest = json!({"metadata": {"labels": {"c": "d"}}, "spec": {"accountRef": {"name": "main"}, "plivo": {"alias": "new"}}});
        let expected = json!({
            "metadata": {"annotations": {"switchboard.dev/paused": null}, "labels": {"c": "d", "once": null}},
            "spec": {"accountRef": {"name": "main", "kind": null}, "plivo": {"alias": "new", "app_id": null}, "driftPolicy": null},
        });
        assert_eq!(patch(&live, &manifest), expected);
    }
}
