//! The README's table of events has those that the operator writes, and no other.

use std::collections::BTreeSet;

use switchboard::api::condition::Reason;

use crate::{below, read};

/// Words of the same form in the code that writes events: what was being done, and parts of conditions.
const NO_EVENTS: [&str; 13] = [
    "Acknowledge",
    "Bind",
    "Brake",
    "Create",
    "Delete",
    "Observe",
    "Ready",
    "Reconcile",
    "Record",
    "Search",
    "SipEndpoint",
    "True",
    "Update",
];

/// The texts in the code of the controller that look like the reason of an event.
fn written() -> BTreeSet<String> {
    let files = below("src/controller", ".rs").into_iter().filter(|file| !file.contains("/secrets") && !file.contains("/tests"));
    let mut found = BTreeSet::new();
    for file in files {
        let text = read(&file);
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let literals = lines.flat_map(|line| line.split('"').skip(1).step_by(2));
        found.extend(literals.filter(|text| camel(text) && !NO_EVENTS.contains(text)).map(str::to_owned));
    }
    found
}

fn camel(text: &str) -> bool {
    text.len() > 3 && text.starts_with(|one: char| one.is_ascii_uppercase()) && text.chars().all(|one| one.is_ascii_alphabetic())
}

/// The words in the README's table.
fn documented() -> BTreeSet<String> {
    let readme = read("README.md");
    let (_, table) = readme.split_once("| on | Normal | Warning |").expect("the table of events");
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let words = rows.flat_map(|row| row.split('`').skip(1).step_by(2)).filter(|word| camel(word) && *word != "Ready");
    words.map(str::to_owned).collect()
}

#[test]
fn the_readme_lists_every_event_that_the_operator_writes_and_no_other() {
    let written = written();
    assert!(written.len() > 25, "{written:?}");
    let documented = documented();
    let missing: Vec<&String> = written.difference(&documented).collect();
    assert!(missing.is_empty(), "the table of events in README.md lacks {missing:?}");
    // Those of a trunk group are made of a prefix and one of an endpoint; a Warning may have the reason of a condition.
    let known = |word: &&String| {
        let base = word.strip_prefix("TrunkGroup").unwrap_or(word);
        !written.contains(base) && base.parse::<Reason>().is_err()
    };
    let more: Vec<&String> = documented.iter().filter(known).filter(|word| *word != "TrunkGroup").collect();
    assert!(more.is_empty(), "no code writes {more:?}");
}
