//! The alert rules in `deploy/` are about series that the operator has.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use switchboard::metrics::Metrics;

/// The metrics that an expression names, each with its label matchers as written.
fn named(expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in expression.match_indices("switchboard_") {
        let rest = &expression[at..];
        let name = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let labels = if rest[name..].starts_with('{') { rest[name..].find('}').map_or(0, |end| end + 1) } else { 0 };
        found.push(rest[..name + labels].to_owned());
    }
    found
}

#[test]
fn every_alert_is_about_a_series_that_exists_from_the_start() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus/alerts.yaml");
    let rules: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).expect("the alert rules")).expect("YAML");
    let text = Metrics::default().text().expect("text");
    let series: BTreeSet<&str> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' ')).map(|(series, _)| series).collect();

    let rules: Vec<&Value> =
        rules["groups"].as_array().expect("groups").iter().flat_map(|group| group["rules"].as_array().expect("rules")).collect();
    let mut watched = BTreeSet::new();
    for rule in rules {
        let alert = rule["alert"].as_str().expect("a name");
        let named = named(rule["expr"].as_str().expect("an expression"));
        assert!(!named.is_empty(), "{alert} is about nothing of ours");
        for one in &named {
            assert!(series.contains(one.as_str()), "{alert} is about {one}, the operator has {series:#?}");
        }
        for text in ["summary", "description"] {
            assert!(rule["annotations"][text].as_str().is_some_and(|text| !text.is_empty()), "{alert} has no {text}");
        }
        watched.extend(named);
    }
    let broken: Vec<&str> = series.iter().copied().filter(|one| one.starts_with("switchboard_assumption_broken_total")).collect();
    assert_eq!(watched.iter().map(String::as_str).collect::<Vec<_>>(), broken, "each assumption has its alert");
}
