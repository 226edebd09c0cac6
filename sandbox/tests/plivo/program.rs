//! `sandbox plivo` as a process.

use std::process::Stdio;
use std::time::Duration;

use sandbox::admin_client::AdminClient;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

const DEADLINE: Duration = Duration::from_secs(10);

fn program(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_sandbox"))
        .arg("plivo")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn it_prints_one_ready_line_and_ends_in_order_on_sigint_and_sigterm() {
    for signal in ["-INT", "-TERM"] {
        let mut child = program(&[
            "--rate-limit",
            "7/500ms",
            "--switch",
            "list_order=oldest_first",
            "--latency",
            "0ms",
            "--seed",
            "3",
            "--auth-id",
            "MAX",
        ]);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap().unwrap();
        let url = line.strip_prefix("ready ").unwrap_or_else(|| panic!("{line}"));
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        let admin = AdminClient::new(url);
        let switches = admin.switches().await.unwrap();
        assert_eq!(
            (&switches["rate_limit"], &switches["rate_window_s"], &switches["list_order"]),
            (&7.into(), &0.5.into(), &"oldest_first".into())
        );
        assert!(admin.state().await.unwrap()["accounts"].get("MAX").is_some());
        let pid = child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let status = tokio::time::timeout(DEADLINE, child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "{signal}: {status}");
        assert_eq!(lines.next_line().await.unwrap(), None, "one line only");
    }
}

#[tokio::test]
async fn wrong_arguments_are_refused_with_what_would_be_right() {
    let cases: [(&[&str], &str); 5] = [
        (&["--switch", "list_order=backwards"], "newest_first, oldest_first, shuffled"),
        (&["--switch", "nothing=1"], "there is no switch nothing"),
        (&["--switch", "novalue"], "name=value is needed"),
        (&["--rate-limit", "300"], "300/5s"),
        (&["--latency", "soon"], "250ms or 5s"),
    ];
    for (arguments, words) in cases {
        let mut child = program(arguments);
        let mut error = String::new();
        child.stderr.take().unwrap().read_to_string(&mut error).await.unwrap();
        let status = tokio::time::timeout(DEADLINE, child.wait()).await.unwrap().unwrap();
        assert!(!status.success() && error.contains(words), "{arguments:?}: {error}");
    }
}
