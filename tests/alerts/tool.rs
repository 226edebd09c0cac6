//! Prometheus' tool.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

/// Where it is; built where it is missing, which takes minutes, once.
static PROMTOOL: LazyLock<PathBuf> = LazyLock::new(|| {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/promtool.sh");
    let built = Command::new(script).stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("tools/promtool.sh");
    assert!(built.status.success(), "tools/promtool.sh: {}; what it said is above", built.status);
    PathBuf::from(String::from_utf8(built.stdout).expect("a path").trim()).join("promtool")
});

/// What it printed.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What it says of a file.
pub fn run(arguments: &[&str], file: &Path) -> Output {
    Command::new(&*PROMTOOL).args(arguments).arg(file).stdin(Stdio::null()).output().expect("promtool")
}

/// What it says of metrics in the older format.
pub fn checked(text: &str) -> Output {
    let mut child = Command::new(&*PROMTOOL)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool");
    child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads");
    child.wait_with_output().expect("an answer")
}
