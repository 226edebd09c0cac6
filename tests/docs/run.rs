//! Every command of the documentation is run by a test, or stands in a list with the reason why it is not.

use std::collections::BTreeSet;

use crate::commands::{ELSEWHERE, INSTEAD, NOT_RUN, WHOLE, instead, whole};
use crate::page::{blocks, commands, in_sentences};
use crate::{checkout, pages, read};

/// The commands of a page that its own test types. Blocks that do not say `sh` are not typed.
fn typed(page: &str) -> Vec<String> {
    let typed = whole(page).is_some();
    blocks(&read(page)).iter().filter(|block| typed && block.info == "sh").flat_map(commands).collect()
}

#[test]
fn every_command_is_run_by_a_test_or_listed_with_the_reason_why_it_is_not() {
    let mut replaced: BTreeSet<(&str, &str)> = INSTEAD.iter().map(|one| (one.page, one.command)).collect();
    let mut elsewhere: BTreeSet<usize> = (0..ELSEWHERE.len()).collect();
    let mut not_run: BTreeSet<usize> = (0..NOT_RUN.len()).collect();
    let mut run = BTreeSet::new();
    for page in pages() {
        for command in typed(&page) {
            match instead(&page, &command) {
                Some(one) => drop(replaced.remove(&(one.page, one.command))),
                None => drop(run.insert(command)),
            }
        }
    }
    let (mut found, mut unknown) = (0, Vec::new());
    for page in pages() {
        let typed = typed(&page);
        let text = read(&page);
        for command in blocks(&text).iter().flat_map(commands).chain(in_sentences(&text)) {
            found += 1;
            if typed.contains(&command) {
                continue;
            }
            let by_another = ELSEWHERE.iter().position(|one| one.page == page && command.starts_with(one.begins));
            let by_none = NOT_RUN.iter().position(|one| one.page == page && command.starts_with(one.begins));
            match (by_another, by_none) {
                (Some(at), _) => drop(elsewhere.remove(&at)),
                (None, Some(at)) => drop(not_run.remove(&at)),
                // Typed on another page, letter by letter.
                (None, None) if run.contains(&command) => {}
                (None, None) => unknown.push(format!("{page}: {command}")),
            }
        }
    }
    assert!(unknown.is_empty(), "which test runs these? Say it in tests/docs/commands.rs:\n{}", unknown.join("\n"));
    assert!(found > 60, "{found}");
    let left = |what: &str, rows: BTreeSet<usize>| assert!(rows.is_empty(), "{what}: rows {rows:?} are about no command");
    assert!(replaced.is_empty(), "INSTEAD: rows are about no command: {replaced:?}");
    left("ELSEWHERE", elsewhere);
    left("NOT_RUN", not_run);
}

#[test]
fn the_tests_that_are_named_are_there_and_read_the_page() {
    for whole in WHOLE {
        let test = read(whole.file);
        assert!(test.contains(&format!("fn {}()", whole.test)), "{}: there is no {}", whole.file, whole.test);
        let reads = test.contains(&format!("\"{}\"", whole.page)) || test.contains("commands::WHOLE");
        assert!(reads, "{} does not read {}", whole.file, whole.page);
        let one = !whole.page.ends_with('/');
        assert!(!one || !typed(whole.page).is_empty(), "{} has no command that is typed", whole.page);
        assert!(one || !checkout(whole.page).is_file(), "{} is no folder", whole.page);
    }
    for one in ELSEWHERE {
        assert!(read(one.file).contains(one.says), "{}: nothing says {:?}", one.file, one.says);
    }
    for why in INSTEAD.iter().map(|one| one.why).chain(NOT_RUN.iter().map(|one| one.why)) {
        assert!(why.len() > 10, "{why:?} is no reason");
    }
}
