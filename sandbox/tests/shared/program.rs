//! The `sandbox` program as a process.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

pub const DEADLINE: Duration = Duration::from_secs(10);

fn program(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_sandbox"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// A simulator that says that it is ready; what it prints afterwards, and where it listens.
pub async fn started(arguments: &[&str]) -> (Child, Lines<BufReader<ChildStdout>>, String) {
    let mut child = program(arguments);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let url = line.strip_prefix("ready ").unwrap_or_else(|| panic!("{line}")).to_owned();
    let scheme = if arguments.contains(&"--tls") { "https" } else { "http" };
    assert!(url.starts_with(&format!("{scheme}://127.0.0.1:")), "{line}");
    (child, lines, url)
}

/// It ends in order on a signal.
pub async fn signalled(mut child: Child, signal: &str) {
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
    let status = tokio::time::timeout(DEADLINE, child.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{signal}: {status}");
}

/// It does not start, and says why.
pub async fn refused(arguments: &[&str], words: &str) {
    let mut child = program(arguments);
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).await.unwrap();
    let status = tokio::time::timeout(DEADLINE, child.wait()).await.unwrap().unwrap();
    assert!(!status.success() && error.contains(words), "{arguments:?}: {error}");
}
