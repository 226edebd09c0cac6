//! The demo is a promise of the README: it holds, lost answer included, and leaves nothing running.

use std::path::PathBuf;
use std::process::Command;

#[test]
fn the_demo_tells_its_story_to_the_end() {
    // Both programs are built into one folder; `cargo test --workspace` builds both.
    let sandbox = PathBuf::from(env!("CARGO_BIN_EXE_switchboard")).with_file_name("sandbox");
    assert!(sandbox.is_file(), "{} is missing: cargo build --workspace", sandbox.display());
    let output = Command::new(sandbox).arg("demo").output().expect("the demo starts");
    let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the demo failed:\n{told}\n{said}");
    for line in [
        "the provider's ledger: create_endpoint, create_endpoint (each exists once)",
        "DriftCorrected",
        "PasswordRotated",
        "the answer to a create (lobby",
        "the provider's ledger holds exactly one: create_endpoint",
        "endpoint was recreated: the SIP URI was sip:door",
        "the same SIP URI as before: sip:lobby",
        "the provider is empty",
    ] {
        assert!(told.contains(line), "the demo never said {line:?}:\n{told}");
    }
    // The passwords and the token that it makes are nowhere in what it prints.
    assert!(!told.contains(sandbox::plivo::DEFAULT_AUTH_TOKEN), "{told}");
}
