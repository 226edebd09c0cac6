//! Pages of the documentation that need a release and no operator, typed from top to bottom.

use serde_json::Value;

use super::super::docs::instead;
use super::super::docs::page::{Block, blocks, commands};
use super::{NAMESPACE, Shell, helm};

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_page_on_installation_work_from_top_to_bottom() {
    let shell = Shell::new("install-page").await;
    shell.write("company-ca.pem", &helm::read("tests/fixtures/tls/root.pem"));
    let page = "docs/install.md";
    let (mut typed, mut uninstalls) = (0, false);
    for block in blocks(&helm::read(page)) {
        let Block { info, text, heading } = &block;
        if heading == "Uninstall" && !uninstalls {
            uninstalls = true;
            all_of_the_page_is_in_force(&shell);
        }
        match info.split_once(' ') {
            Some(("yaml", file)) => shell.write(file, text),
            None if info == "sh" => {
                for command in commands(&block) {
                    typed += 1;
                    shell.run(&instead(page, command));
                }
            }
            _ => panic!("```{info} is neither run nor a file"),
        }
    }
    assert!(typed > 20 && uninstalls, "{typed}");
    shell.plane.stop().await;
}

/// What the page has set up step by step is there together: no step took back what another did.
fn all_of_the_page_is_in_force(shell: &Shell) {
    let get = |object: &str| -> Value { serde_json::from_str(&shell.run(&format!("kubectl get {object} -o json"))).expect("JSON") };
    let deployment = get(&format!("-n {NAMESPACE} deployment switchboard"));
    assert_eq!(deployment["spec"]["replicas"], 2);
    let pod = &deployment["spec"]["template"]["spec"];
    let arguments = helm::texts(&pod["containers"][0]["args"]);
    for argument in ["--installation-id=site-a", "--provider-ca-file=/etc/switchboard/provider-ca/ca.crt"] {
        assert!(arguments.contains(&argument), "{arguments:?}");
    }
    assert!(helm::list(&pod["volumes"]).iter().any(|volume| volume["configMap"]["name"] == "company-ca"), "{pod}");
    let policy = get("validatingadmissionpolicy switchboard-status").to_string();
    assert!(policy.contains("system:serviceaccount:velero:velero"), "{policy}");
    for object in [
        "-n switchboard-system poddisruptionbudget switchboard",
        "-n switchboard-system networkpolicy switchboard",
        "-n voice rolebinding switchboard-secret-writer",
    ] {
        assert!(shell.has(object), "{object}");
    }
    let consent = get("-n sales rolebinding switchboard-secret-reader");
    assert_eq!(consent["metadata"]["annotations"]["meta.helm.sh/release-name"], "switchboard", "Helm's now");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_that_change_the_log_level_change_no_pod() {
    let shell = Shell::new("operations-page").await;
    shell.run(&format!("helm install switchboard deploy/chart --namespace {NAMESPACE} --create-namespace --set installationId=site-a"));
    let deployment = || shell.run(&format!("kubectl -n {NAMESPACE} get deployment switchboard -o jsonpath={{.metadata.generation}}"));
    let filter = || shell.run(&format!("kubectl -n {NAMESPACE} get configmap switchboard-log -o jsonpath={{.data.filter}}"));
    let before = deployment();
    let mut filters = vec![filter()];
    for block in blocks(&helm::read("docs/operations.md")).into_iter().filter(|block| block.info == "sh") {
        shell.run(&block.text);
        filters.push(filter());
    }
    assert_eq!(filters, ["", "info,switchboard=debug", "info,switchboard=trace", ""]);
    assert_eq!(deployment(), before, "the Deployment is as it was");
    shell.plane.stop().await;
}
