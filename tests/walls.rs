//! The walls of the floor plan, read from the source: `api ← core ← provider ← account ← controller ← cli`, an arrow meaning "may be
//! used by". What a wall keeps out is not there by convention but because this fails.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room with what it may use of this crate, and what it must not name at all.
const ROOMS: [(&str, &[&str], &[&str]); 5] = [
    ("api", &["api"], &["tokio", "reqwest", "hyper", "axum", "Instant", "SystemTime", "kube::Client", "kube::Api"]),
    (
        "core",
        &["api", "core"],
        &[
            "kube::",
            "kube_runtime",
            "tokio",
            "reqwest",
            "hyper",
            "axum",
            "std::thread",
            "std::net",
            "std::fs",
            "Instant",
            "SystemTime",
            "async fn",
            "rand::",
        ],
    ),
    ("provider", &["api", "core", "provider"], &["kube::", "kube_runtime"]),
    ("account", &["api", "core", "provider", "account"], &["kube::", "kube_runtime", "reqwest"]),
    ("controller", &["api", "core", "provider", "account", "controller", "failpoint", "server"], &["reqwest", "provider::plivo"]),
];

/// Longest file of the operator: one that outgrows it has found a second subject. Tests are not counted.
const LONGEST: usize = 450;

fn files(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).unwrap_or_else(|error| panic!("{}: {error}", below.display())) {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
            false => {}
        }
    }
    found
}

/// The lines of a file that are compiled into the operator: no comments, no tests (which stand at the end of a file, or in files of
/// their own called `tests`).
fn shipped(path: &Path) -> Vec<(usize, String)> {
    let test_file = path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
    if test_file {
        return Vec::new();
    }
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().enumerate().take_while(|(_, line)| line.trim() != "mod tests {");
    let code = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.map(|(number, line)| (number + 1, line.to_owned())).collect()
}

#[test]
fn no_room_looks_through_a_wall() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut holes = Vec::new();
    for (room, may_use, must_not_name) in ROOMS {
        for file in files(&src.join(room)) {
            for (number, line) in shipped(&file) {
                let used = line.match_indices("crate::").map(|(at, _)| &line[at + "crate::".len()..]);
                let used = used.filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next());
                let beyond = used.filter(|name| !may_use.contains(name)).map(|name| format!("uses {name}"));
                let named = must_not_name.iter().filter(|name| line.contains(**name)).map(|name| format!("names {name}"));
                holes.extend(beyond.chain(named).map(|what| format!("{}:{number} {what}", file.display())));
            }
        }
    }
    assert!(holes.is_empty(), "holes in the walls:\n{}", holes.join("\n"));
}

#[test]
fn nothing_but_the_providers_own_room_asks_which_provider_it_is() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut named = Vec::new();
    for room in ["core", "account", "controller"] {
        for file in files(&src.join(room)) {
            let lines = shipped(&file).into_iter().filter(|(_, line)| line.contains("ProviderKind::") || line.contains("spec.plivo"));
            named.extend(lines.map(|(number, line)| format!("{}:{number} {}", file.display(), line.trim())));
        }
    }
    assert!(named.is_empty(), "a provider is named in:\n{}", named.join("\n"));
}

#[test]
fn no_file_holds_two_subjects() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let long: Vec<String> = files(&src)
        .into_iter()
        .map(|file| (shipped(&file).last().map_or(0, |(number, _)| *number), file))
        .filter(|(lines, _)| *lines > LONGEST)
        .map(|(lines, file)| format!("{} has {lines} lines", file.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
