//! The Helm chart on a real API server, by the real helm: installed, upgraded, uninstalled, with an operator that has the rights and the
//! arguments of the chart and no others. Nothing runs Pods here, so they stay pending, but for that of the check before an uninstall.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use sandbox::control_plane::ControlPlane;
use sandbox::plivo::{self, Simulator};
use serde_json::{Value, json};
use switchboard::api::ProviderAccount;

use super::support;
use super::world::{Operator, World, endpoint_id, eventually};

#[path = "../chart/helm.rs"]
#[allow(dead_code, reason = "the other half is for what is rendered")]
pub(super) mod helm;

mod first;
mod pages;

const NAMESPACE: &str = helm::NAMESPACE;

/// Programs and kubeconfig of a control plane, for commands as people type them.
pub(super) struct Shell {
    pub(super) plane: ControlPlane,
    /// Where they are typed: a folder that `deploy` and `crds` can be seen from.
    folder: PathBuf,
}

impl Shell {
    /// A cluster without anything of ours.
    pub(super) async fn new(name: &str) -> Shell {
        let plane = support::own_control_plane(name).await;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-folder"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        for name in ["deploy", "crds"] {
            std::os::unix::fs::symlink(helm::checkout(name), folder.join(name)).expect("a link");
        }
        for (program, name) in [(plane.kubectl(), "kubectl"), (helm::program(), "helm")] {
            std::fs::create_dir_all(folder.join("bin")).expect("a folder");
            std::os::unix::fs::symlink(program, folder.join("bin").join(name)).expect("a link");
        }
        let shell = Shell { plane, folder };
        shell.run("kubectl delete --wait -f deploy/admission.yaml -f deploy/rbac.yaml -f crds/");
        shell
    }

    /// What is run before an uninstall is run meanwhile.
    pub(super) fn output(&self, script: &str) -> Output {
        if !script.contains("helm uninstall") {
            return self.command(script);
        }
        thread::scope(|scope| {
            let helm = scope.spawn(|| self.command(script));
            while !helm.is_finished() {
                self.run_check();
                thread::sleep(Duration::from_millis(50));
            }
            helm.join().expect("no panic")
        })
    }

    /// Does what a node does with the Pod of the check, if there is one: runs it, as the ServiceAccount that it has, and tells how it ended.
    fn run_check(&self) {
        let pods = self.command(&format!("kubectl -n {NAMESPACE} get pods -l job-name=switchboard-uninstall-check -o json"));
        let pods: Value = serde_json::from_slice(&pods.stdout).expect("a list");
        let waits = |pod: &&Value| pod["status"]["phase"] == "Pending" && pod["metadata"]["deletionTimestamp"].is_null();
        let Some(pod) = helm::list(&pods["items"]).iter().find(waits) else { return };
        let account = helm::text(&pod["spec"]["serviceAccountName"]);
        let kubeconfig = self.kubeconfig_of(account, "check.kubeconfig");
        let mut check = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        let ended =
            check.args(helm::texts(&pod["spec"]["containers"][0]["args"])).env("KUBECONFIG", kubeconfig).output().expect("the program");
        self.write("check.log", &String::from_utf8_lossy(&ended.stderr));
        let phase = if ended.status.success() { "Succeeded" } else { "Failed" };
        let name = helm::text(&pod["metadata"]["name"]);
        let status = json!({"status": {"phase": phase}});
        self.command(&format!("kubectl -n {NAMESPACE} patch pod {name} --subresource=status --type=merge -p '{status}'"));
    }

    /// A kubeconfig with a token of a ServiceAccount of the release.
    fn kubeconfig_of(&self, account: &str, name: &str) -> PathBuf {
        let token = self.run(&format!("kubectl -n {NAMESPACE} create token {account} --duration 24h"));
        let kubeconfig = std::fs::read_to_string(self.plane.operator_kubeconfig()).expect("a kubeconfig");
        let former: Value = serde_saphyr::from_str(&kubeconfig).expect("YAML");
        let former = former["users"][0]["user"]["token"].as_str().expect("a token");
        self.plane.write(name, &kubeconfig.replace(former, token.trim())).expect("a kubeconfig")
    }

    fn command(&self, script: &str) -> Output {
        let home = self.folder.join("helm");
        let path = format!("{}:{}", self.folder.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]).env("PATH", path).env("KUBECONFIG", self.plane.kubeconfig());
        for (name, folder) in [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")] {
            command.env(name, home.join(folder));
        }
        support::build_sandbox_if_missing();
        command.env("SANDBOX", Path::new(env!("CARGO_BIN_EXE_switchboard")).with_file_name("sandbox"));
        command.env("PLIVO_AUTH_ID", plivo::DEFAULT_AUTH_ID).env("PLIVO_AUTH_TOKEN", plivo::DEFAULT_AUTH_TOKEN);
        command.current_dir(&self.folder).output().expect("bash")
    }

    /// What it prints, where it succeeds.
    pub(super) fn run(&self, script: &str) -> String {
        let output = self.output(script);
        let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{script}\n{out}{error}");
        out.into_owned()
    }

    /// What it says, where it fails.
    fn refused(&self, script: &str) -> String {
        let output = self.output(script);
        assert!(!output.status.success(), "{script} succeeds: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    pub(super) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.folder.join(name), content).expect("a file");
    }

    /// `helm install` or `helm upgrade` of the release, with values.
    fn helm(&self, verb: &str, chart: &str, values: &Value) -> String {
        self.write("values.json", &values.to_string());
        self.run(&format!("helm {verb} switchboard {chart} --namespace {NAMESPACE} --values values.json"))
    }

    /// An operator as the release describes it, but for what a simulator needs: its arguments, and its rights by a token of its
    /// ServiceAccount.
    pub(super) async fn operator(&self, world: &World) -> Operator {
        self.kubeconfig_of("switchboard", "operator.kubeconfig");
        let deployments: Api<Deployment> = Api::namespaced(world.client.clone(), NAMESPACE);
        let deployment = deployments.get("switchboard").await.expect("the Deployment");
        let pod = deployment.spec.template.spec.expect("a Pod");
        let arguments = pod.containers[0].args.clone().expect("arguments");
        assert_eq!(arguments[0], "run");
        let arguments: Vec<&str> = arguments[1..].iter().map(String::as_str).collect();
        world.operator_everywhere_with(&arguments, &[]).await
    }

    /// Whether there is such an object.
    fn has(&self, object: &str) -> bool {
        let output = self.output(&format!("kubectl get {object} --ignore-not-found -o name"));
        assert!(output.status.success(), "{object}: {}", String::from_utf8_lossy(&output.stderr));
        !output.stdout.is_empty()
    }
}

/// The chart as it may have been before: another version, whose definition of SipEndpoint has a column of another name.
fn former_chart(shell: &Shell) -> &'static str {
    shell.run("cp -rL deploy/chart former && sed -i 's/^version: .*/version: 0.0.1/' former/Chart.yaml");
    shell.run("sed -i 's/name: SIP URI/name: Address/' former/files/crds/sipendpoints.yaml && grep -q 'name: Address' former/files/crds/sipendpoints.yaml");
    "./former"
}

/// The names of the columns of SipEndpoints, as the API server has them.
async fn columns(client: &Client) -> Vec<String> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition = definitions.get("sipendpoints.switchboard.dev").await.expect("the definition");
    definition.spec.versions[0].additional_printer_columns.iter().flatten().map(|column| column.name.clone()).collect()
}

/// The installation, as the account shows it.
async fn installation(world: &World) -> String {
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    let shown = async || accounts.get("plivo").await.expect("the account").status.and_then(|status| status.installation);
    eventually("the account shows its installation", shown).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_installed_upgraded_and_uninstalled_and_endpoints_do_not_notice() {
    let shell = Shell::new("chart").await;
    let client = shell.plane.client().await;
    shell.run(&format!("kubectl create namespace {NAMESPACE}"));
    shell.run(&format!("kubectl label namespace {NAMESPACE} pod-security.kubernetes.io/enforce=restricted"));

    // Installed, in an older version, without an id.
    let mut values = json!({"namespaces": [{"name": "voice", "writeSecrets": true}], "createNamespaces": true});
    let notes = shell.helm("install", former_chart(&shell), &values);
    let id = notes.lines().find_map(|line| line.trim().strip_prefix("installationId: ")).expect("the id in use").to_owned();
    assert!(columns(&client).await.contains(&"Address".to_owned()));
    allowed(&shell, &client).await;
    let simulator = Arc::new(Simulator::start(plivo::Options::default()).await.expect("a simulator"));
    let world = World::bare(&shell.plane, "voice".to_owned(), simulator).await;
    world.account("plivo", plivo::DEFAULT_AUTH_ID, plivo::DEFAULT_AUTH_TOKEN, json!({})).await;
    world.endpoint("alice", json!({}), json!({"connectionSecret": {"name": "alice-phone"}})).await;
    let operator = shell.operator(&world).await;
    let before = world.ready("alice").await;
    let part = installation(&world).await;
    assert!(world.values("alice-phone").await.is_some_and(|values| values.contains_key("username")), "both consents");
    policies(&shell).await;
    assert!(operator.terminate().await.0);

    // Upgraded, with the id in use pinned as the notes ask.
    values["installationId"] = json!(id);
    let notes = shell.helm("upgrade", "deploy/chart", &values);
    assert!(notes.contains("The installation id is pinned"), "{notes}");
    let now = columns(&client).await;
    assert!(now.contains(&"SIP URI".to_owned()) && !now.contains(&"Address".to_owned()), "{now:?}");
    let operator = shell.operator(&world).await;
    assert!(operator.given().contains("--installation-id="));
    world.patch("alice", json!({"spec": {"plivo": {"alias": "desk"}}})).await;
    let after = world.ready("alice").await;
    assert_eq!((after.uid(), endpoint_id(&after)), (before.uid(), endpoint_id(&before)));
    assert_eq!(installation(&world).await, part, "the pinned id is the one that was in use");
    assert_eq!(world.exactly_one("alice").await["alias"], "desk");

    // Taken off the list: consent is withdrawn, and nothing else.
    let mut withdrawn = values.clone();
    withdrawn["namespaces"] = json!([]);
    shell.helm("upgrade", "deploy/chart", &withdrawn);
    assert!(!shell.has("-n voice rolebinding switchboard-secret-reader") && shell.has("namespace voice"));
    super::observe::account_reason(&world, "plivo", "SecretAccessDenied").await;
    shell.helm("upgrade", "deploy/chart", &values);
    super::observe::account_reason(&world, "plivo", "Available").await;
    assert!(operator.terminate().await.0);

    // Refused while an object is left: Helm says why, and everything is as it was.
    let uninstall = format!("helm uninstall switchboard --namespace {NAMESPACE}");
    let said = shell.refused(&uninstall);
    assert!(said.contains("switchboard-uninstall-check"), "{said}");
    let log = std::fs::read_to_string(shell.folder.join("check.log")).expect("the log of the check");
    assert!(log.contains("SipEndpoint voice/alice\n") && log.contains("ProviderAccount voice/plivo\n"), "{log}");
    assert!(shell.has(&format!("-n {NAMESPACE} deployment switchboard")) && shell.has("clusterrolebinding switchboard"));
    assert!(shell.has(&format!("-n {NAMESPACE} job switchboard-uninstall-check")), "with its log, until the next attempt");
    // For Helm it is on its way out. Who has changed their mind says so, and goes on.
    assert!(shell.run(&format!("helm status switchboard --namespace {NAMESPACE}")).contains("STATUS: uninstalling"));
    shell.refused(&format!("helm upgrade switchboard deploy/chart --namespace {NAMESPACE} --values values.json"));
    let history = shell.run(&format!("helm history switchboard --namespace {NAMESPACE} --output json"));
    let history: Value = serde_json::from_str(&history).expect("JSON");
    let last = &helm::list(&history).last().expect("a revision")["revision"];
    shell.run(&format!("helm rollback switchboard {last} --namespace {NAMESPACE}"));
    shell.helm("upgrade", "deploy/chart", &values);
    shell.refused(&uninstall);

    // Uninstalled all the same: rights and Pods are gone, definitions, namespaces and objects are not.
    shell.run(&format!("{uninstall} --no-hooks"));
    gone(&shell);
    for kept in ["crd sipendpoints.switchboard.dev", "namespace voice", "-n voice sipendpoint alice", "-n voice secret alice-phone"] {
        assert!(shell.has(kept), "{kept}");
    }
    assert_eq!(world.living().await.len(), 1);

    // Installed again: it goes on where it was, and what is deleted now goes at the provider too.
    shell.helm("install", "deploy/chart", &values);
    // That of the last refusal, which would be changed and not made.
    shell.run(&format!("kubectl -n {NAMESPACE} delete job switchboard-uninstall-check"));
    strictly_valid(&shell);
    let operator = shell.operator(&world).await;
    world.patch("alice", json!({"spec": {"plivo": {"alias": "hall"}}})).await;
    assert_eq!(endpoint_id(&world.ready("alice").await), endpoint_id(&before));
    assert_eq!(world.effects("create_endpoint").await.len(), 1);
    world.delete("alice").await;
    world.gone("alice").await;
    assert!(world.living().await.is_empty());
    shell.run("kubectl -n voice delete provideraccount plivo --timeout=90s");
    assert!(operator.terminate().await.0);

    // Nothing is left: the check says so, and is gone itself.
    shell.run(&uninstall);
    let log = std::fs::read_to_string(shell.folder.join("check.log")).expect("the log of the check");
    assert!(log.contains("No object is left"), "{log}");
    assert!(!shell.has(&format!("-n {NAMESPACE} job switchboard-uninstall-check")));
    gone(&shell);

    // By the value nobody is asked.
    values["uninstall"] = json!({"force": true});
    shell.helm("install", "deploy/chart", &values);
    shell.run("kubectl -n voice apply -f deploy/samples/account.yaml");
    std::fs::remove_file(shell.folder.join("check.log")).expect("the log of the check");
    shell.run(&uninstall);
    assert!(!shell.folder.join("check.log").exists());
    gone(&shell);
    assert_eq!(shell.run("kubectl get crds -o name").lines().filter(|name| name.ends_with(".switchboard.dev")).count(), 4);
    shell.plane.stop().await;
}

/// The Pod is let in where Pod Security is *restricted*, which others are not.
async fn allowed(shell: &Shell, client: &Client) {
    let said = shell.refused(&format!("kubectl -n {NAMESPACE} run careless --image=example/image:1 --dry-run=server"));
    assert!(said.contains("violates PodSecurity"), "{said}");
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let selector = ListParams::default().labels("app.kubernetes.io/name=switchboard,app.kubernetes.io/instance=switchboard");
    let pod = eventually("there is a Pod", async || pods.list(&selector).await.expect("a list").items.pop()).await;
    let spec = pod.spec.expect("a spec");
    // Nothing was added on the way: no token by itself, no further volume.
    assert_eq!((spec.automount_service_account_token, spec.volumes.map(|volumes| volumes.len())), (Some(false), Some(2)));
}

/// The policies of the release are enforced.
async fn policies(shell: &Shell) {
    let annotate = "kubectl -n voice annotate provideraccount plivo switchboard.dev/acknowledge-brake='NO TOKEN' --dry-run=server";
    let status = r#"kubectl -n voice patch provideraccount plivo --subresource=status --type=merge -p '{"status": {"installation": "x"}}' --dry-run=server"#;
    for (script, policy) in [(annotate, "switchboard-metadata"), (status, "switchboard-status")] {
        let refused = async || String::from_utf8_lossy(&shell.output(script).stderr).contains(policy).then_some(());
        eventually(policy, refused).await;
    }
}

/// With everything switched on that this API server has the kinds for, it knows each field.
fn strictly_valid(shell: &Shell) {
    let values = json!({
        "installationId": "site-a",
        "namespaces": [{"name": "voice", "writeSecrets": true}],
        "createNamespaces": true,
        "admission": {"statusWriters": ["system:serviceaccount:velero:velero", "backup@example.com"]},
        "image": {"pullSecrets": [{"name": "registry"}]},
        "replicas": 2,
        "provider": {"ca": {"secret": "company-ca"}},
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "extraVolumes": [{"name": "audit", "persistentVolumeClaim": {"claimName": "audit"}}],
        "extraVolumeMounts": [{"name": "audit", "mountPath": "/audit", "subPathExpr": "$(POD_NAME)"}],
        "terminationGracePeriodSeconds": 120,
        "podSecurityContext": {"fsGroup": 65532},
        "networkPolicy": {"enabled": true, "extraEgress": [{"ports": [{"port": 3128, "protocol": "TCP"}]}]},
        "podDisruptionBudget": {"enabled": true},
        "podLabels": {"team": "voice"},
        "podAnnotations": {"example.com/note": "yes"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "system-cluster-critical",
    });
    shell.write("strict.json", &values.to_string());
    let apply = "kubectl apply --server-side --force-conflicts --dry-run=server --validate=strict -f -";
    let template = format!("helm template switchboard deploy/chart --namespace {NAMESPACE} --values strict.json");
    let applied = shell.run(&format!("{template} | {apply}"));
    assert!(applied.lines().count() > 25, "{applied}");
    let misspelt = shell.refused(&format!("{template} | sed 's/enableServiceLinks/enableServiceLink/' | {apply}"));
    assert!(misspelt.contains("enableServiceLink"), "{misspelt}");
}

/// Everything of the release that does not have to stay.
fn gone(shell: &Shell) {
    for object in [
        "clusterrole switchboard",
        "clusterrole switchboard-secret-reader",
        "clusterrolebinding switchboard",
        "validatingadmissionpolicy switchboard-status",
        "validatingadmissionpolicybinding switchboard-status",
        "-n voice rolebinding switchboard-secret-reader",
        "-n switchboard-system deployment switchboard",
        "-n switchboard-system serviceaccount switchboard",
        "-n switchboard-system service switchboard",
    ] {
        assert!(!shell.has(object), "{object} is left");
    }
}
