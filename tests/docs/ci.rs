//! What is said of `.ci/run` and `make e2e` in `CONTRIBUTING.md` and in themselves: what could not be checked does not pass for checked.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{checkout, read};

/// A folder of a test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

/// A script, written by another process: one that this process had open could not be started everywhere.
fn script(path: &Path, text: &str) {
    let write = r#"mkdir -p "${1%/*}" && printf '#!/usr/bin/env bash\n%s\n' "$2" >"$1" && chmod +x "$1""#;
    let written = Command::new("bash").args(["-euc", write, "bash"]).arg(path).arg(text).status();
    assert!(written.expect("bash").success(), "{}", path.display());
}

/// The status of a script, and all that it says. What is in the folder's `bin` comes before all other programs.
fn ended(path: &Path, folder: &Path) -> (Option<i32>, String) {
    let programs = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap_or_default());
    let mut run = Command::new("bash");
    run.arg(path).env("PATH", programs).env("SWITCHBOARD_CACHE", folder.join("cache")).env("CARGO_TARGET_DIR", folder.join("target"));
    let output = run.output().expect("bash");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

#[test]
fn before_a_change_lands_everything_was_checked_but_for_a_node_where_there_can_be_none() {
    // Status of: cargo deny --version, cargo install, cargo deny check, tools/e2e.sh, tools/reproducible.sh. Then that of the whole, and what
    // is said.
    let rows = [
        ("the usual", [0, 1, 0, 0, 0], 0, "make test"),
        ("cargo-deny is installed first", [1, 0, 0, 0, 0], 0, "make test"),
        ("cargo-deny cannot be installed", [1, 1, 0, 0, 0], 1, "licences and sources (deny.toml) cannot be checked"),
        ("cargo-deny finds something", [0, 1, 1, 0, 0], 1, "make lint"),
        ("a scenario fails", [0, 1, 0, 1, 0], 1, "make lint"),
        ("there can be no node", [0, 1, 0, 77, 0], 0, "make e2e WAS NOT RUN"),
        ("two builds differ", [0, 1, 0, 0, 1], 1, "make lint"),
        ("there is no commit", [0, 1, 0, 0, 128], 0, "whether two builds are the same is NOT checked"),
    ];
    for (name, [there, installed, checked, e2e, reproducible], status, says) in rows {
        let folder = folder("ci-run");
        script(&folder.join("bin/make"), "echo make \"$@\"");
        let crates = "kube kube-client kube-core kube-runtime k8s-openapi schemars rustls ring";
        let cargo = format!(
            "case \"$*\" in\ntree*) for one in {crates}; do echo \"$one v1\"; done ;;\n'deny --version') exit {there} ;;\n\
             install*) exit {installed} ;;\ndeny*) exit {checked} ;;\nesac"
        );
        script(&folder.join("bin/cargo"), &cargo);
        script(&folder.join("tools/e2e.sh"), &format!("exit {e2e}"));
        script(&folder.join("tools/reproducible.sh"), &format!("exit {reproducible}"));
        script(&folder.join("bin/git"), &format!("exit {}", if reproducible == 128 { 128 } else { 0 }));
        script(&folder.join(".ci/run"), &read(".ci/run"));
        let (ended, said) = ended(&folder.join(".ci/run"), &folder);
        assert_eq!(ended, Some(status), "{name}: {said}");
        assert!(said.contains(says), "{name}: {said}");
        assert_eq!(said.contains("make test"), status == 0, "{name}: {said}");
    }
}

#[test]
fn a_node_that_is_not_made_is_no_verdict_only_where_apt_cannot_deliver() {
    for (apt, dpkg, status) in [("exit 1", "exit 0", 77), ("exit 0", "exit 3", 3)] {
        let folder = folder("ci-node");
        for (name, text) in [("apt-get", apt), ("dpkg", dpkg), ("go", "echo go")] {
            script(&folder.join("bin").join(name), text);
        }
        let (ended, said) = ended(&checkout("tools/e2e/node.sh"), &folder);
        assert_eq!(ended, Some(status), "{said}");
        assert_eq!(said.contains("apt cannot deliver"), status == 77, "{said}");
    }
}

#[test]
fn what_ails_the_node_is_the_verdict_of_the_whole() {
    for status in [77, 3] {
        let folder = folder("ci-e2e");
        script(&folder.join("bin/cargo"), "");
        script(&folder.join("tools/e2e.sh"), &read("tools/e2e.sh"));
        // Everything else is there.
        script(&folder.join("tools/e2e/able.sh"), "cannot() { exit 77; }");
        script(&folder.join("tools/build.sh"), "echo /");
        script(&folder.join("tools/e2e/node.sh"), &format!("exit {status}"));
        let (ended, said) = ended(&folder.join("tools/e2e.sh"), &folder);
        assert_eq!(ended, Some(status), "{said}");
    }
}
