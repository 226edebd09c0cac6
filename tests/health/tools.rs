//! The tools, asked.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

use crate::documented::{Verdicts, file, manifests};

/// One object and what is to be said of it.
pub struct Row {
    pub name: String,
    pub object: Value,
    pub expected: Verdicts,
}

/// The folder with the tools' own code as programs; built where it is missing, which takes minutes, once.
pub static TOOLS: LazyLock<PathBuf> = LazyLock::new(|| {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/health.sh");
    let built = Command::new(script).stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("tools/health.sh");
    assert!(built.status.success(), "tools/health.sh: {}; what it said is above", built.status);
    PathBuf::from(String::from_utf8(built.stdout).expect("a path").trim())
});

/// The lines that a tool answers to these objects.
pub fn asked(test: &str, tool: &str, arguments: &[&Path], objects: &[&Value]) -> Vec<Value> {
    let questions = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{tool}.jsonl"));
    let lines = objects.iter().fold(String::new(), |mut lines, object| {
        writeln!(lines, "{object}").expect("a String takes everything");
        lines
    });
    fs::write(&questions, lines).expect("a file of questions");
    let stdin = File::open(&questions).expect("the file of questions");
    let output = Command::new(TOOLS.join(tool)).args(arguments).stdin(stdin).output().expect("the tool");
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    let answers = String::from_utf8(output.stdout).expect("lines of text");
    let answers: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(answers.len(), objects.len(), "{tool} answers each");
    answers
}

/// The documented manifests of this kind as a file.
pub fn written(test: &str, kind: &str, count: usize) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{kind}.yaml"));
    let found = manifests(&file("docs/gitops.md"), kind);
    assert_eq!(found.len(), count, "docs/gitops.md: {kind}");
    fs::write(&path, found.join("\n---\n")).expect("a file");
    path
}

/// What kstatus, Flux and Argo CD say of these objects, with the message of each.
pub fn verdicts(test: &str, objects: &[&Value]) -> Vec<(Verdicts, [String; 2])> {
    let customizations = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/argocd/argocd-cm.yaml");
    // The operator's and that of the objects; Flux' is of the objects.
    let (application, kustomization) = (written(test, "Application", 2), written(test, "Kustomization", 1));
    let flux = asked(test, "flux", &[&kustomization], objects);
    let argocd = asked(test, "argocd", &[Path::new("-strict"), &application, &customizations], objects);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let both = flux.iter().zip(&argocd);
    both.map(|(flux, argocd)| {
        let verdicts = Verdicts([text(&flux["kstatus"]), text(&flux["flux"]), text(&argocd["verdict"])]);
        (verdicts, [text(&flux["message"]), text(&argocd["message"])])
    })
    .collect()
}

/// Fails with all rows of which the tools say something else.
pub fn compare(test: &str, rows: &[Row]) {
    let objects: Vec<&Value> = rows.iter().map(|row| &row.object).collect();
    let said = verdicts(test, &objects);
    let wrong: Vec<String> = rows
        .iter()
        .zip(&said)
        .filter(|(row, (verdicts, _))| row.expected != *verdicts)
        .map(|(row, (verdicts, messages))| format!("{}: expected {:?}, said {:?} ({messages:?})", row.name, row.expected.0, verdicts.0))
        .collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}
