//! `docs/metrics.md` lists what is exported and what is alerted on, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::exported::{metrics, text as exported};
use crate::{alerts, read, text};

/// The cells of the table below a heading, without its head.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, rest) = page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading:?}"));
    let rows = rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn the_page_lists_every_metric_with_its_type_and_its_labels() {
    let page = read("docs/metrics.md");
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let mut listed = BTreeMap::new();
    for row in table(&page, "What is measured") {
        let [name, kind, labels, meaning] = row.as_slice() else { panic!("{row:?}") };
        assert!(meaning.len() > 15, "{name} is not explained");
        assert!(listed.insert(name.trim_matches('`').to_owned(), (kind.clone(), quoted(labels))).is_none(), "{name} is there twice");
    }
    let exported: BTreeMap<_, _> =
        metrics(&exported()).into_iter().map(|(name, (kind, labels))| (name, (kind, labels.into_keys().collect()))).collect();
    assert_eq!(listed, exported);
}

#[test]
fn the_words_that_the_page_names_are_those_of_the_labels() {
    let page = read("docs/metrics.md");
    let exported = metrics(&exported());
    let closed = [
        ("switchboard_registrations", "state"),
        ("switchboard_provider_resources", "state"),
        ("switchboard_reconciles_total", "outcome"),
        ("switchboard_actions_total", "outcome"),
        ("switchboard_provider_calls_total", "outcome"),
        ("switchboard_budget_waiting", "lane"),
        ("switchboard_sweeps_total", "outcome"),
    ];
    for (name, label) in closed {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}`"))).expect("a row");
        let missing: Vec<&String> = exported[name].1[label].iter().filter(|word| !row.contains(&format!("`{word}`"))).collect();
        assert!(missing.is_empty(), "the row of {name} does not explain {missing:?}");
    }
}

#[test]
fn the_page_lists_every_alert_with_its_severity_and_its_page() {
    let page = read("docs/metrics.md");
    let listed: BTreeSet<(String, String)> = table(&page, "Alerts").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let there: BTreeSet<(String, String)> = alerts()
        .iter()
        .map(|alert| {
            let name = text(&alert["alert"]);
            let short = name.trim_start_matches("Switchboard");
            (format!("[{name}](runbooks/{short}.md)"), text(&alert["labels"]["severity"]).to_owned())
        })
        .collect();
    assert_eq!(listed, there);
}
