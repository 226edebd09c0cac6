//! The values that pages of the documentation give the chart are values that it has, and do what the page says.

use std::path::Path;

use clap::Parser;
use serde_json::{Value, json};
use switchboard::cli::{Cli, Command};

use crate::helm::{NAMESPACE, checkout, list, objects, one, read, render, text, texts};

#[path = "../docs/page.rs"]
#[allow(dead_code, reason = "the other half is for commands")]
mod page;

/// The objects in those YAML blocks of a page that hold this text.
fn yaml(path: &str, info: &str, holds: &str) -> Vec<Value> {
    let blocks = page::blocks(&read(path)).into_iter().filter(|block| block.info == info && block.text.contains(holds));
    let found: Vec<Value> = blocks.flat_map(|block| objects(&block.text)).collect();
    assert!(!found.is_empty(), "{path} has no {info} with {holds:?}");
    found
}

#[test]
fn the_values_that_write_the_audit_to_a_file_let_the_operator_write_it() {
    let values = yaml("docs/operations.md", "yaml audit.yaml", "").remove(0);
    let rendered = render(&values);
    let pod = &one(&rendered, "Deployment switchboard-system/switchboard")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let arguments = texts(&container["args"]);
    assert!(matches!(Cli::try_parse_from(["switchboard"].iter().chain(&arguments)).expect("arguments").command, Command::Run(_)));
    let file = arguments.iter().find_map(|argument| argument.strip_prefix("--audit-file=")).expect("a file");
    let folder = Path::new(file).parent().and_then(Path::to_str).expect("a folder");
    let mount = list(&container["volumeMounts"]).iter().find(|mount| mount["mountPath"] == folder).expect("its folder is mounted");
    assert_ne!(mount["readOnly"], true);
    let volume = list(&pod["volumes"]).iter().find(|volume| volume["name"] == mount["name"]).expect("its volume");
    assert!(volume["persistentVolumeClaim"]["claimName"].is_string(), "{volume}");
    // Otherwise the volume is root's.
    assert_eq!(pod["securityContext"]["fsGroup"], pod["securityContext"]["runAsGroup"]);
}

#[test]
fn argo_cd_and_flux_are_shown_how_the_chart_is_installed() {
    let all = yaml("docs/gitops.md", "yaml", "  name: switchboard\n");
    let of = |kind: &str| all.iter().find(|object| object["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"));
    // Of Argo CD's the types are compared by its own code (tests/health), of Flux' nobody's here.
    let source = &of("Application")["spec"]["source"];
    let (repository, release) = (of("GitRepository"), &of("HelmRelease")["spec"]);
    let expected = json!({
        "interval": "1h", "releaseName": "switchboard", "targetNamespace": NAMESPACE, "storageNamespace": NAMESPACE,
        "install": {"createNamespace": true},
        "chart": {"spec": {
            "chart": "./deploy/chart",
            "sourceRef": {"kind": "GitRepository", "name": repository["metadata"]["name"]},
            "reconcileStrategy": "Revision",
        }},
        "values": release["values"],
    });
    assert_eq!(*release, expected);
    assert_eq!(repository["metadata"]["namespace"], of("HelmRelease")["metadata"]["namespace"]);
    assert_eq!(of("Application")["spec"]["destination"]["namespace"], NAMESPACE);
    for path in [&source["path"], &release["chart"]["spec"]["chart"]] {
        assert!(checkout(text(path)).join("Chart.yaml").is_file(), "{path}");
    }
    for values in [&source["helm"]["valuesObject"], &release["values"]] {
        let rendered = render(values);
        one(&rendered, "Namespace voice");
        one(&rendered, "RoleBinding voice/switchboard-secret-writer");
        let deployment = one(&rendered, "Deployment switchboard-system/switchboard");
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert!(text(&container["image"]).starts_with("registry.example.com/"), "{container}");
        assert!(texts(&container["args"]).contains(&"--installation-id=site-a"), "{container}");
    }
}
