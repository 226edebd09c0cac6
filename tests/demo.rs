//! The demo as a stranger runs it: a program that tells a story, ends well, and leaves nothing behind.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Longest that a demo is waited for: a machine may be slow, a test that would fail must end.
const PATIENCE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(50);

/// A running demo in a folder of its own.
struct Demo {
    child: Child,
    dir: PathBuf,
    lines: mpsc::Receiver<String>,
    errors: thread::JoinHandle<String>,
    printed: String,
    // One after the other: three control planes at once are too much for a small machine.
    _turn: MutexGuard<'static, ()>,
}

impl Demo {
    fn start(name: &str, args: &[&str]) -> Demo {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("demo-{name}"));
        let mut command = Command::new(sandbox());
        command.arg("demo").arg("--dir").arg(&dir).args(args);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the demo");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut stderr = child.stderr.take().expect("piped");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let errors = thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Demo { child, dir, lines, errors, printed: String::new(), _turn: turn }
    }

    /// Reads on until it has printed this.
    fn says(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.printed.contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.printed.extend([&line, "\n"]),
                Err(error) => panic!("it never said {text:?} ({error}):\n{}", self.printed),
            }
        }
    }

    /// Reads to the end: how it ended, everything it printed, and its errors.
    fn end(mut self) -> (ExitStatus, String, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.printed.extend([&line, "\n"]),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let _ = self.child.kill();
                    panic!("it does not end:\n{}", self.printed);
                }
            }
        }
        let status = self.child.wait().expect("a child");
        (status, self.printed, self.errors.join().expect("no panic while reading"))
    }
}

/// The `sandbox` program, which cargo builds into the same folder as the operator.
fn sandbox() -> PathBuf {
    let sandbox = Path::new(env!("CARGO_BIN_EXE_switchboard")).with_file_name("sandbox");
    if !sandbox.is_file() {
        let built = Command::new(env!("CARGO")).args(["build", "--quiet", "--locked", "--package", "sandbox"]).status();
        assert!(built.is_ok_and(|status| status.success()), "cargo build --package sandbox failed");
    }
    sandbox
}

/// The processes that have this folder in their arguments or environment or write into it, as every program of a demo does.
fn left(dir: &Path) -> Vec<String> {
    let text = dir.to_str().expect("a path in UTF-8");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let read = |file: &str| fs::read(entry.path().join(file)).map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
        let (command, environment) = (read("cmdline").unwrap_or_default(), read("environ").unwrap_or_default());
        let output = fs::read_link(entry.path().join("fd/1"));
        if command.contains(text) || environment.contains(text) || output.is_ok_and(|output| output.starts_with(dir)) {
            found.push(command);
        }
    }
    found
}

#[test]
fn the_demo_tells_its_story_to_the_end() {
    let demo = Demo::start("story", &[]);
    let dir = demo.dir.clone();
    let (status, printed, errors) = demo.end();
    assert!(status.success(), "{printed}\n{errors}");
    // In this order. The rest of a line is names and numbers of the day.
    let expected = [
        "Server Version: v1.",
        "kubectl apply --server-side -f crds/ -f deploy/rbac.yaml -f deploy/admission.yaml",
        "sipendpoints.switchboard.dev serverside-applied",
        "validatingadmissionpolicybinding.admissionregistration.k8s.io/switchboard-metadata serverside-applied",
        "switchboard run --plivo-url $PLIVO --carrierx-url $CARRIERX --settle 3s --sweep-period 2s",
        "auth can-i get secrets",
        "create rolebinding switchboard-secret-reader",
        "✓ the provider holds exactly these two",
        "✓ the table shows it, and the status its user agent",
        "DriftCorrected",
        "✓ the provider has the alias bob-desk again",
        "PasswordRotated",
        "✓ MD5 at the provider before",
        "the answer to a create (lobby",
        "AwaitingEvidence",
        "executed: true  connection cut, no answer",
        "✓ one create was executed for lobby, one endpoint exists, and it is the recorded one",
        "endpoint was recreated: the SIP URI was sip:bob",
        "✓ sip:bob",
        "✓ the provider holds the password of the Secret for erin",
        "✓ +14155550100 is answered by 16638156474000802, after one update",
        "DriftCorrected",
        "✓ +14155550100 is answered by 16638156474000802 again",
        "StaticPeer",
        "203.0.113.10",
        "over one trunk group with one trunk, each made once",
        "DriftCorrected",
        "again, and +493055550100 leads to it",
        "✓ +14155550100 is answered by 26638156474000802, as in the beginning",
        "✓ +493055550100 is at the night desk, as in the beginning",
        "delete sipendpoints --all",
        "✓ one endpoint is left at the provider: sip:lobby",
        "✓ the same SIP URI as before, and nothing was created",
        "✓ no endpoint is left at the provider",
        "Everything is stopped.",
    ];
    let mut rest = printed.as_str();
    for text in expected {
        rest = rest.split_once(text).unwrap_or_else(|| panic!("no {text:?} in its place:\n{printed}")).1;
    }
    assert!(!printed.contains(sandbox::plivo::DEFAULT_AUTH_TOKEN), "a token is shown:\n{printed}");
    assert!(!printed.contains('\u{1b}'), "colours are for terminals");
    assert_eq!(left(&dir), Vec::<String>::new(), "left running");
}

#[test]
fn a_demo_that_is_killed_leaves_nothing_running() {
    let mut demo = Demo::start("killed", &[]);
    demo.says("condition met");
    let running = left(&demo.dir);
    for program in ["/etcd", "/kube-apiserver", "/kube-controller-manager", "/switchboard", "/sandbox"] {
        let is_it = |command: &String| command.split(' ').next().is_some_and(|first| first.ends_with(program));
        assert!(running.iter().any(is_it), "{program} is not among {running:#?}");
    }
    demo.child.kill().expect("a killed demo");
    demo.child.wait().expect("a child");
    let deadline = Instant::now() + PATIENCE;
    while !left(&demo.dir).is_empty() {
        assert!(Instant::now() < deadline, "still running: {:#?}", left(&demo.dir));
        thread::sleep(POLL);
    }
}

#[test]
fn a_demo_that_does_not_hold_says_where_and_why() {
    // A program that is no operator.
    let sandbox = sandbox();
    let demo = Demo::start("broken", &["--operator", sandbox.to_str().expect("a path in UTF-8")]);
    let dir = demo.dir.clone();
    let (status, printed, errors) = demo.end();
    assert_eq!(status.code(), Some(1), "{printed}\n{errors}");
    assert!(errors.contains("the demo does not hold at 3. The providers and the operator start"), "{errors}");
    assert!(errors.contains("switchboard ended with") && errors.contains("unrecognized subcommand"), "{errors}");
    assert!(!printed.contains("Everything is stopped."), "{printed}");
    assert_eq!(left(&dir), Vec::<String>::new(), "left running");
}
