//! A first installation by the notes that it prints, and namespaces that were there before the release listed them.

use serde_json::{Value, json};

use super::{NAMESPACE, Shell, helm};

/// The namespaces that the release holds.
fn held(shell: &Shell) -> Vec<String> {
    let manifest = helm::objects(&shell.run(&format!("helm get manifest switchboard --namespace {NAMESPACE}")));
    let namespaces = manifest.iter().filter(|object| object["kind"] == "Namespace");
    let mut names: Vec<String> = namespaces.map(|object| helm::text(&object["metadata"]["name"]).to_owned()).collect();
    names.sort();
    names
}

fn annotations(shell: &Shell, namespace: &str) -> Value {
    let found: Value = serde_json::from_str(&shell.run(&format!("kubectl get namespace {namespace} -o json"))).expect("JSON");
    found["metadata"]["annotations"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_notes_of_an_installation_without_values_lead_to_an_account_as_they_stand() {
    let shell = Shell::new("notes").await;
    let notes = shell.run(&format!("helm install switchboard deploy/chart --namespace {NAMESPACE} --create-namespace"));
    let uid = shell.run("kubectl get namespace kube-system -o jsonpath='{.metadata.uid}'");
    assert!(notes.contains(&format!("    installationId: {uid}\n")), "{notes}");
    let commands = notes.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| !line.starts_with("installationId: "));
    let said: Vec<String> = commands.map(|command| shell.run(command)).collect();
    assert_eq!(said.len(), 5, "{notes}");
    assert!(said[4].contains("plivo"), "{said:?}");
    assert!(shell.has("-n voice rolebinding switchboard-secret-reader") && shell.has("-n voice secret plivo-credentials"));

    // The namespace is there now.
    let notes = shell.run(&format!("helm upgrade switchboard deploy/chart --namespace {NAMESPACE}"));
    assert!(!notes.contains("kubectl create namespace"), "{notes}");
    shell.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_of_the_list_are_made_where_they_do_not_exist_and_used_as_they_are_where_they_do() {
    let shell = Shell::new("namespaces").await;
    shell.run("kubectl create namespace sales");
    let before = annotations(&shell, "sales");
    let values = json!({"createNamespaces": true, "namespaces": [{"name": "voice"}, {"name": "sales"}]});
    shell.run(&format!("kubectl create namespace {NAMESPACE}"));
    shell.helm("install", "deploy/chart", &values);
    assert_eq!(held(&shell), ["voice"]);
    assert_eq!(annotations(&shell, "sales"), before);
    for namespace in ["voice", "sales"] {
        assert!(shell.has(&format!("-n {namespace} rolebinding switchboard-secret-reader")), "{namespace}");
    }

    // An upgrade goes on with the one that is the release's, and adds one.
    let values = json!({"createNamespaces": true, "namespaces": [{"name": "voice"}, {"name": "sales"}, {"name": "branch"}]});
    shell.helm("upgrade", "deploy/chart", &values);
    shell.helm("upgrade", "deploy/chart", &values);
    assert_eq!(held(&shell), ["branch", "voice"]);
    for (name, value) in helm::KEPT {
        assert_eq!(annotations(&shell, "voice")[name], value);
    }

    // Neither without what was written on it: it is the release's still, and kept.
    let ours = ["meta.helm.sh/release-name-", "meta.helm.sh/release-namespace-", "helm.sh/resource-policy-"].join(" ");
    shell.run(&format!("kubectl annotate namespace voice {ours}"));
    shell.helm("upgrade", "deploy/chart", &values);
    assert_eq!(held(&shell), ["branch", "voice"]);
    for (name, value) in helm::KEPT {
        assert_eq!(annotations(&shell, "voice")[name], value);
    }
    assert_eq!(shell.run("kubectl get namespace voice -o jsonpath='{.metadata.deletionTimestamp}'"), "");
    assert_eq!(annotations(&shell, "sales"), before);

    // None goes with the release, and the next one finds its own.
    shell.run(&format!("helm uninstall switchboard --namespace {NAMESPACE} --no-hooks"));
    for namespace in ["voice", "sales", "branch"] {
        assert!(shell.has(&format!("namespace {namespace}")), "{namespace}");
    }
    shell.helm("install", "deploy/chart", &values);
    assert_eq!(held(&shell), ["branch", "voice"]);
    shell.plane.stop().await;
}
