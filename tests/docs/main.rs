//! The documentation: its commands are run, its links lead somewhere, its lists are those of the code, and what it says of the scripts holds.
//! The commands themselves are run by `tests/cluster/docs.rs` and the tests that `commands.rs` names.

mod ci;
#[allow(dead_code, reason = "the other half is for who types them")]
mod commands;
mod events;
mod links;
mod page;
mod reasons;
mod run;
mod security;

use std::path::{Path, PathBuf};

/// A file or folder of the checkout.
fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A file of the checkout.
fn read(path: &str) -> String {
    let path = checkout(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a folder of the checkout whose names end so, as seen from the checkout.
fn below(folder: &str, end: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(checkout(folder)).unwrap_or_else(|error| panic!("{folder}: {error}")) {
        let entry = entry.expect("an entry");
        let path = format!("{folder}/{}", entry.file_name().to_str().expect("a name in UTF-8"));
        if entry.path().is_dir() {
            found.extend(below(&path, end));
        } else if path.ends_with(end) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What users read: the README and every page of `docs/`.
fn pages() -> Vec<String> {
    let pages: Vec<String> = ["README.md".to_owned()].into_iter().chain(below("docs", ".md")).collect();
    assert!(pages.len() > 5, "{pages:?}");
    pages
}
