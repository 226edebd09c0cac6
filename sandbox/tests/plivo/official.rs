//! Plivo's official Python client against the simulator. It is installed once into the cache folder.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{AUTH_ID, World};

const VERSION: &str = "4.63.0";
/// Installing needs a package index; running does not.
const DEADLINE: Duration = Duration::from_secs(300);

fn cache() -> PathBuf {
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || from("HOME").expect("HOME is set").join(".cache");
    from("SWITCHBOARD_CACHE").unwrap_or_else(|| from("XDG_CACHE_HOME").unwrap_or_else(home).join("switchboard"))
}

fn run(command: &mut Command) -> Output {
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > DEADLINE {
            child.kill().unwrap();
            panic!("{command:?} did not end within {DEADLINE:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{error}", output.status);
    output
}

/// The Python of a virtual environment with the client; made under a lock, and renamed into place only when whole.
fn python() -> PathBuf {
    let cache = cache();
    std::fs::create_dir_all(&cache).unwrap();
    let folder = cache.join(format!("venv-plivo-{VERSION}"));
    let marker = folder.join("complete");
    let lock = File::create(cache.join(format!("venv-plivo-{VERSION}.lock"))).unwrap();
    lock.lock().unwrap();
    if !marker.exists() {
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        run(Command::new("python3").arg("-m").arg("venv").arg(&folder));
        run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", "--disable-pip-version-check", &format!("plivo=={VERSION}")]));
        File::create(&marker).unwrap();
    }
    folder.join("bin/python")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_client_works_against_the_simulator() {
    let found = Command::new("python3").args(["-c", "import venv, ensurepip"]).output().is_ok_and(|output| output.status.success());
    if !found {
        // A machine with Rust and Go only is enough for all other tests; where changes are judged, nothing is skipped.
        assert!(std::env::var_os("CI").is_none(), "python3 with venv is needed to drive Plivo's official client");
        // Past the test runner, which would show this of a failing test only.
        let _ = writeln!(
            std::io::stderr(),
            "\n*** SKIPPED: no python3 with venv; Plivo's official client was NOT driven against the simulator ***\n"
        );
        return;
    }
    let world = World::new().await;
    world.admin.create_number(json!({"number": "15550000001"})).await.unwrap();
    world.admin.create_endpoint(json!({"username": "somebody"})).await.unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/official_client.py");
    let (url, token) = (world.simulator.url().to_owned(), world.user.1.clone());
    let output = tokio::task::spawn_blocking(move || {
        // -E: proxies and credentials of the environment are not its business.
        let mut command = Command::new(python());
        command.arg("-E").arg(script).args([&url, AUTH_ID, &token, "15550000001"]).env("NO_PROXY", "*");
        run(&mut command)
    });
    let output = output.await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().last(), Some("done"));
    let entries = world.admin.ledger().await.unwrap();
    let count = |op: &str| entries.iter().filter(|entry| entry.actor == "api" && entry.op == op).count();
    let counts = ["create_application", "create_endpoint", "delete_endpoint", "update_number", "delete_application"].map(count);
    assert_eq!(counts, [2, 3, 3, 2, 2], "{entries:#?}");
    assert!(world.admin.requests().await.unwrap().iter().all(|request| request.answered));
}
