//! `switchboard uninstall-check` against a real API server, with the rights that the operator has and no others.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use http::Method;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, DeleteParams};
use serde_json::{Value, json};

use super::support;
use super::world::eventually;

/// The program with this kubeconfig; its exit code and what it says.
fn check(kubeconfig: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    command.arg("uninstall-check").args(arguments).env("KUBECONFIG", kubeconfig).env_remove("SWITCHBOARD_NAMESPACE");
    let Output { status, stdout, stderr } = command.output().expect("the program");
    assert!(stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

/// Makes the object of a sample, under another name.
async fn make(client: &Client, namespace: Option<&str>, plural: &str, sample: &str, name: &str) {
    let text = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/samples").join(sample)).expect("a sample");
    let mut object: Value = serde_saphyr::from_str(&text).expect("YAML");
    object["metadata"]["name"] = json!(name);
    let place = namespace.map_or_else(String::new, |namespace| format!("namespaces/{namespace}/"));
    let path = format!("/apis/switchboard.dev/v1alpha1/{place}{plural}");
    let (status, answer) = support::send(client, Method::POST, &path, &object).await;
    assert!(status.is_success(), "{sample}: {answer}");
}

/// Waits until the check says this, in all of these parts.
async fn says(kubeconfig: &Path, arguments: &[&str], code: i32, parts: &[&str]) {
    let said = async || {
        let (found, said) = check(kubeconfig, arguments);
        (found == Some(code) && parts.iter().all(|part| said.contains(part))).then_some(())
    };
    eventually(&format!("exit code {code} and {parts:?}"), said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_before_an_uninstall_tells_what_is_left_and_when_it_cannot_tell() {
    let plane = support::own_control_plane("uninstall-check").await;
    let (client, operator) = (plane.client().await, plane.operator_kubeconfig());
    let (voice, sales) = (support::namespace(&client, "voice").await, support::namespace(&client, "sales").await);
    assert_eq!(check(operator, &[]), (Some(0), "No object is left that needs the operator.\n".to_owned()));

    // One object is enough, of any kind.
    make(&client, None, "clusterprovideraccounts", "cluster-account.yaml", "company").await;
    says(operator, &[], 1, &["Left are 1 ClusterProviderAccount:\n  ClusterProviderAccount company\n", "helm uninstall --no-hooks"]).await;
    // Single namespaces have none of the cluster's.
    assert_eq!(check(operator, &["--namespace", &voice]).0, Some(0));
    make(&client, Some(&sales), "phonenumberbindings", "binding-no-application.yaml", "parked").await;
    make(&client, Some(&sales), "provideraccounts", "account.yaml", "plivo").await;
    for index in 0..11 {
        make(&client, Some(&voice), "sipendpoints", "endpoint-minimal.yaml", &format!("phone-{index:02}")).await;
    }
    let (code, said) = check(operator, &[]);
    assert_eq!(code, Some(1), "{said}");
    let counts = "Left are 11 SipEndpoints, 1 PhoneNumberBinding, 1 ProviderAccount, 1 ClusterProviderAccount:\n";
    assert!(said.contains(counts) && said.contains(&format!("  SipEndpoint {voice}/phone-09\n  and 4 more\n")), "{said}");
    let (code, said) = check(operator, &["--namespace", &sales]);
    assert!(code == Some(1) && said.contains("Left are 1 PhoneNumberBinding, 1 ProviderAccount:\n"), "{said}");
    // The commands that it shows are those that clear the way.
    let commands: Vec<&str> = said.lines().filter_map(|line| line.trim().strip_prefix("kubectl ")).collect();
    assert_eq!(commands.len(), 2, "{said}");
    for command in commands {
        let output = Command::new(plane.kubectl()).args(command.split(' ')).env("KUBECONFIG", plane.kubeconfig()).output();
        assert!(output.is_ok_and(|output| output.status.success()), "{command}");
    }
    assert_eq!(check(operator, &["--namespace", &sales, "--namespace", &sales]).0, Some(0));

    // A kind that is not defined has no objects, and the others still count.
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let kinds = ["phonenumberbindings", "clusterprovideraccounts", "provideraccounts", "sipendpoints"];
    for kind in kinds {
        assert_eq!(check(operator, &[]).0, Some(1), "there are still SipEndpoints");
        definitions.delete(&format!("{kind}.switchboard.dev"), &DeleteParams::default()).await.expect("a deletion");
        let gone = async || definitions.get_opt(&format!("{kind}.switchboard.dev")).await.expect("an answer").is_none().then_some(());
        eventually("the definition is gone", gone).await;
    }
    says(operator, &[], 0, &["No object is left"]).await;

    // Without the right to look nobody can tell, and it says what was refused.
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    bindings.delete("switchboard", &DeleteParams::default()).await.expect("a deletion");
    says(operator, &[], 2, &["cannot be told", "sipendpoints.switchboard.dev is forbidden", "helm uninstall --no-hooks"]).await;
    says(operator, &["--namespace", &voice], 2, &["is forbidden", &voice]).await;

    // Nor can they without an API server.
    let nowhere = plane.write("nowhere.kubeconfig", "").expect("a file");
    says(&nowhere, &[], 2, &["cannot be told", "no way to an API server"]).await;
    let kubeconfig = std::fs::read_to_string(operator).expect("a kubeconfig");
    let closed = plane.write("closed.kubeconfig", &kubeconfig.replace(plane.server(), "https://127.0.0.1:1")).expect("a file");
    says(&closed, &[], 2, &["cannot be told", "listing sipendpoints"]).await;
    assert_eq!(check(operator, &["--namespace", "Voice"]).0, Some(2), "wrong arguments are no verdict either");
    plane.stop().await;
}
