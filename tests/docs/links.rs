//! Links between files lead somewhere, and every page can be found.

use std::collections::BTreeSet;

use crate::{below, checkout, pages, read};

/// Every page of the project, the ones for contributors included.
fn all() -> Vec<String> {
    let more = ["CONTRIBUTING.md", "SECURITY.md"].map(str::to_owned);
    let folders = ["deploy", "sandbox", "tools", "tests"].into_iter().flat_map(|folder| below(folder, ".md"));
    pages().into_iter().chain(more).chain(folders).collect()
}

/// The text without its code, which may look like a link.
fn prose(text: &str) -> String {
    let mut inside = false;
    let keep = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    let text = keep.collect::<Vec<_>>().join("\n");
    text.split('`').step_by(2).collect::<Vec<_>>().join("``")
}

/// Where links of this text lead.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target.to_owned()));
    targets.collect()
}

/// What a heading can be led to by, as forges make it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|one| one.is_alphanumeric() || matches!(one, ' ' | '-' | '_'));
    kept.map(|one| if one == ' ' { '-' } else { one }).collect()
}

fn anchors(page: &str) -> BTreeSet<String> {
    let text = read(page);
    let mut inside = false;
    let headings = text.lines().filter(|line| {
        inside ^= line.trim_start().starts_with("```");
        !inside && line.starts_with('#')
    });
    headings.map(anchor).collect()
}

/// What is wrong with a link from this page; `None` if it leads somewhere, or out of the project.
fn broken(page: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, fragment) = target.split_once('#').map_or((target, None), |(path, fragment)| (path, Some(fragment)));
    let mut folder: Vec<&str> = page.split('/').collect();
    folder.pop();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match part {
            ".." if folder.pop().is_none() => return Some("leads out of the checkout".into()),
            ".." => {}
            part => folder.push(part),
        }
    }
    let file = if path.is_empty() { page.to_owned() } else { folder.join("/") };
    if !checkout(&file).exists() {
        return Some(format!("there is no {file}"));
    }
    let fragment = fragment.filter(|_| file.ends_with(".md"))?;
    (!anchors(&file).contains(fragment)).then(|| format!("{file} has no heading #{fragment}"))
}

#[test]
fn every_link_between_files_leads_somewhere() {
    let mut followed = 0;
    let mut wrong = Vec::new();
    for page in all() {
        for target in links(&read(&page)) {
            followed += 1;
            wrong.extend(broken(&page, &target).map(|why| format!("{page}: ({target}): {why}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(followed > 40, "{followed}");
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let rows = [
        ("docs/install.md", "gitops.md#uninstall", None),
        ("docs/install.md", "#the-installation-id", None),
        ("docs/install.md", "../README.md", None),
        ("docs/install.md", "https://example.com/x#y", None),
        ("docs/install.md", "gitops.md#unknown", Some("docs/gitops.md has no heading #unknown")),
        ("docs/install.md", "README.txt", Some("there is no docs/README.txt")),
        ("README.md", "../x", Some("leads out of the checkout")),
    ];
    for (page, target, expected) in rows {
        assert_eq!(broken(page, target).as_deref(), expected, "{page}: {target}");
    }
    assert_eq!(links("[a](b) `[c](d)` [e](f#g)\n```\n[h](i)\n```\n"), ["b", "f#g"]);
}

#[test]
fn every_page_is_in_the_index_and_the_readme_leads_to_it() {
    let index = read("docs/README.md");
    let listed: BTreeSet<String> = links(&index).into_iter().collect();
    // A folder of pages of one kind may be listed as a whole.
    let missing: Vec<String> = below("docs", ".md")
        .into_iter()
        .filter_map(|page| page.strip_prefix("docs/").map(str::to_owned))
        .filter(|page| page != "README.md" && !listed.contains(page))
        .filter(|page| !page.split_once('/').is_some_and(|(folder, _)| listed.iter().any(|one| one.split('/').next() == Some(folder))))
        .collect();
    assert!(missing.is_empty(), "docs/README.md does not lead to {missing:?}");
    let readme = links(&read("README.md"));
    for page in ["docs/README.md", "docs/quick-start.md", "docs/install.md", "docs/gitops.md", "docs/troubleshooting.md", "SECURITY.md"] {
        assert!(readme.iter().any(|target| target == page), "README.md does not lead to {page}");
    }
}
