//! Every sample is a manifest that the API server takes, and every command in a sample does what it says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DynamicObject, Patch, PatchParams, ValidationDirective};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use switchboard::api::{ClusterProviderAccount, PhoneNumberBinding, ProviderAccount, SipEndpoint, crd};

use crate::support;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder of samples") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no samples in {}", folder.display());
    found
}

fn samples() -> Vec<(PathBuf, String)> {
    let all = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/samples"));
    all.into_iter().map(|path| (path.clone(), std::fs::read_to_string(&path).expect("a sample"))).collect()
}

fn documents(path: &Path, text: &str) -> Vec<DynamicObject> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

async fn apply(client: &Client, namespace: &str, object: &DynamicObject) -> kube::Result<DynamicObject> {
    let types = object.types.as_ref().expect("a manifest has a kind");
    let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types).expect("a kind with its version"));
    let strict = PatchParams { field_validation: Some(ValidationDirective::Strict), ..PatchParams::apply("tests") };
    // What is in no namespace would be seen by the operators of other tests: it is only tried.
    let (api, strict): (Api<DynamicObject>, _) = match types.kind.as_str() {
        "ClusterProviderAccount" => (Api::all_with(client.clone(), &resource), strict.dry_run()),
        _ => (Api::namespaced_with(client.clone(), namespace, &resource), strict),
    };
    api.patch(&object.name_any(), &strict, &Patch::Apply(object)).await
}

#[tokio::test]
async fn every_sample_is_taken_by_the_api_server_as_it_is() {
    let client = support::client().await;
    let mut kinds = BTreeSet::new();
    for (path, text) in samples() {
        let namespace = support::namespace(&client, "sample").await;
        for object in documents(&path, &text) {
            let kind = object.types.as_ref().map(|types| types.kind.clone()).unwrap_or_default();
            assert_eq!(object.metadata.namespace, None, "{}: a sample goes where it is applied", path.display());
            let stored = apply(&client, &namespace, &object).await;
            let stored = stored.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            if stored.types.as_ref().is_some_and(|types| types.api_version.starts_with("switchboard.dev/")) {
                kinds.insert(kind.clone());
                assert_eq!(stored.data["status"], json!({"observedGeneration": -1}), "{}", path.display());
            }
            let value = serde_json::to_value(&stored).expect("an object is JSON");
            let read = match kind.as_str() {
                "SipEndpoint" => serde_json::from_value(value).map(|it: SipEndpoint| it.spec.plivo.is_some() != it.spec.carrierx.is_some()),
                "PhoneNumberBinding" => serde_json::from_value(value).map(|it: PhoneNumberBinding| it.spec.number.starts_with('+')),
                "ProviderAccount" => {
                    serde_json::from_value(value).map(|it: ProviderAccount| it.spec.plivo.is_some() != it.spec.carrierx.is_some())
                }
                "ClusterProviderAccount" => {
                    serde_json::from_value(value).map(|it: ClusterProviderAccount| it.spec.plivo.is_some() != it.spec.carrierx.is_some())
                }
                _ => continue,
            };
            assert!(read.expect("our types read what the API server stores"), "{}", path.display());
        }
    }
    assert_eq!(kinds, crd::all().into_iter().map(|definition| definition.spec.names.kind).collect());
}

#[tokio::test]
async fn every_command_in_a_sample_works_and_makes_a_password_of_24_letters_and_digits() {
    let client = support::client().await;
    let plane = support::control_plane();
    let mut passwords = BTreeSet::new();
    let mut commands = 0;
    for (path, text) in samples() {
        let namespace = support::namespace(&client, "command").await;
        for command in text.lines().filter_map(|line| line.strip_prefix("#   kubectl ")) {
            let script = format!("\"$KUBECTL\" --namespace {namespace} {command}");
            let output = Command::new("sh")
                .args(["-euc", &script])
                .env("KUBECTL", plane.kubectl())
                .env("KUBECONFIG", plane.kubeconfig())
                .envs([("PLIVO_AUTH_ID", "none"), ("PLIVO_AUTH_TOKEN", "none"), ("CARRIERX_TOKEN", "none")])
                .output()
                .expect("a shell");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {command}: {errors}", path.display());
            commands += 1;
        }
        let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
        for secret in secrets.list(&Default::default()).await.expect("the Secrets") {
            for (key, value) in secret.data.unwrap_or_default() {
                if key.contains("password") {
                    let value = String::from_utf8(value.0).expect("a password is text");
                    assert!(value.len() == 24 && value.chars().all(|c| c.is_ascii_alphanumeric()), "{}", path.display());
                    assert!(passwords.insert(value), "{}: the same password twice", path.display());
                }
            }
        }
    }
    assert!(commands > passwords.len() && passwords.len() > 3, "{commands} commands, {} passwords", passwords.len());
}

#[test]
fn no_sample_holds_a_secret_value() {
    for (path, text) in samples() {
        for object in documents(&path, &text) {
            let sandbox_only = path.components().any(|part| part.as_os_str() == "sandbox");
            let secret = object.types.as_ref().is_some_and(|types| types.kind == "Secret");
            assert!(sandbox_only || !secret, "{}: make the Secret by a command", path.display());
        }
    }
}

/// The paths of all fields that a spec can have.
fn fields(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    match (&schema["properties"], &schema["items"]) {
        (Value::Object(properties), _) => properties.iter().for_each(|(name, schema)| fields(schema, &format!("{path}.{name}"), found)),
        (_, items @ Value::Object(_)) => fields(items, &format!("{path}[]"), found),
        _ => drop(found.insert(path.to_owned())),
    }
}

/// The paths of all values, and of all that holds values: of a map whose keys are free, only the map itself is a field.
fn shown(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    found.insert(path.to_owned());
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| shown(value, &format!("{path}.{name}"), found)),
        Value::Array(items) => items.iter().for_each(|item| shown(item, &format!("{path}[]"), found)),
        _ => {}
    }
}

#[test]
fn the_samples_show_every_field_that_can_be_written() {
    let mut seen = BTreeSet::new();
    for (path, text) in samples() {
        for object in documents(&path, &text) {
            let kind = object.types.as_ref().map(|types| types.kind.clone()).unwrap_or_default();
            shown(&object.data["spec"], &kind, &mut seen);
        }
    }
    let mut possible = BTreeSet::new();
    for definition in crd::all() {
        let value = serde_json::to_value(&definition).expect("a definition is JSON");
        let root = &value["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        fields(&root["properties"]["spec"], &definition.spec.names.kind, &mut possible);
    }
    assert_eq!(possible.difference(&seen).collect::<Vec<_>>(), Vec::<&String>::new());
}
