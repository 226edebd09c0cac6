//! Queries name metrics, labels and words that there are.

use std::collections::{BTreeMap, BTreeSet};

use crate::exported::{Labels, family, metrics, text as exported};
use crate::{list, panels, rules, text};

/// What scraping adds, or Prometheus makes itself.
const ADDED: [&str; 3] = ["instance", "alertname", "alertstate"];

/// A metric that a query names, with its matchers: label, operator, value.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    name: String,
    matchers: Vec<(String, String, String)>,
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// The metrics of ours in a query.
fn named(query: &str) -> Vec<Named> {
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(at) = rest.find("switchboard") {
        let before = rest[..at].chars().next_back();
        let end = rest[at..].find(|c| !is_word(c)).map_or(rest.len(), |end| at + end);
        let name = rest[at..end].to_owned();
        let inside = rest[end..].strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let matchers = inside.map_or("", |(inside, _)| inside).split("\",").filter(|one| !one.trim().is_empty());
        let matchers = matchers.map(|one| {
            let (label, rest) = one.split_once(['=', '!']).expect("a matcher");
            let operator = if one.contains("=~") || one.contains("!~") { "~" } else { "=" };
            let value = rest.split_once('"').expect("a value").1.trim_end_matches('"');
            (label.trim().to_owned(), operator.to_owned(), value.to_owned())
        });
        if name.starts_with("switchboard_") && before != Some('"') {
            found.push(Named { name, matchers: matchers.collect() });
        }
        rest = &rest[end..];
    }
    found
}

/// All labels that a query groups by or joins on.
fn grouped(query: &str) -> BTreeSet<String> {
    let parts = ["by (", "on (", "without ("].into_iter().flat_map(|word| query.split(word).skip(1));
    let inside = parts.filter_map(|rest| rest.split_once(')').map(|(inside, _)| inside));
    inside.flat_map(|inside| inside.split(',')).map(|label| label.trim().to_owned()).filter(|label| !label.is_empty()).collect()
}

/// What is wrong with a query.
fn faults(query: &str, exported: &BTreeMap<String, (String, Labels)>) -> Vec<String> {
    let mut found = Vec::new();
    let mut known: BTreeSet<&str> = BTreeSet::from(["le"]);
    known.extend(ADDED);
    if query.contains("switchboard:registered:ratio") {
        known.extend(["provider", "namespace"]);
    }
    for Named { name, matchers } in named(query) {
        let Some((kind, labels)) = exported.get(family(&name)).or_else(|| exported.get(&name)) else {
            found.push(format!("there is no {name}"));
            continue;
        };
        if (kind == "histogram") == (family(&name) == name) {
            found.push(format!("{name} is a {kind}"));
        }
        known.extend(labels.keys().map(String::as_str));
        // Those of the Pod that is scraped, where no label of ours has such a name.
        if name == "switchboard_leader" {
            known.extend(["job", "namespace"]);
        }
        for (label, operator, value) in matchers {
            let Some(values) = labels.get(&label) else {
                found.push(format!("{name} has no label {label}"));
                continue;
            };
            // Dashboards fill in variables; namespaces are anybody's.
            let words = if operator == "~" { value.split('|').collect() } else { vec![value.as_str()] };
            let foreign = words.iter().filter(|word| !word.starts_with('$') && label != "namespace" && !values.contains(**word));
            found.extend(foreign.map(|word| format!("{label} of {name} is never {word}")));
        }
    }
    found.extend(grouped(query).iter().filter(|label| !known.contains(label.as_str())).map(|label| format!("nothing has a label {label}")));
    found
}

#[test]
fn rules_and_dashboard_ask_for_what_there_is() {
    let exported = metrics(&exported());
    let mut queries: Vec<(String, String)> =
        rules().iter().map(|rule| (format!("{}{}", text(&rule["alert"]), text(&rule["record"])), text(&rule["expr"]).to_owned())).collect();
    for panel in panels() {
        let targets = list(&panel["targets"]).iter().map(|target| text(&target["expr"]).to_owned());
        queries.extend(targets.map(|query| (text(&panel["title"]).to_owned(), query)));
    }
    let mut asked = BTreeSet::new();
    let mut wrong = Vec::new();
    for (who, query) in &queries {
        let found = faults(query, &exported);
        wrong.extend(found.iter().map(|fault| format!("{who}: {fault}: {query}")));
        let names = named(query);
        assert!(!names.is_empty() || query.contains("switchboard:"), "{who} is about nothing of ours: {query}");
        asked.extend(names.into_iter().map(|named| family(&named.name).to_owned()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What nobody looks at is there for those who look for the cause: few.
    let unasked: Vec<&String> = exported.keys().filter(|name| !asked.contains(*name)).collect();
    let for_causes = ["switchboard_reconcile_duration_seconds", "switchboard_sweep_duration_seconds", "switchboard_sweeps_total"];
    assert_eq!(unasked, for_causes);
}

#[test]
fn a_query_for_what_there_is_not_is_found() {
    let exported = metrics(&exported());
    let table = [
        ("sum by (provider) (switchboard_sweeps_total{outcome=\"complete\"})", 0),
        ("switchboard_sweeps{outcome=\"complete\"}", 1),
        ("switchboard_sweeps_total{outcome=\"whole\"}", 1),
        ("switchboard_sweeps_total{outcome=~\"complete|whole\"}", 1),
        ("switchboard_objects{reason!~\"Braked|Broken\", kind=\"SipEndpoint\"}", 1),
        ("switchboard_sweeps_total{namespace=\"voice\"}", 1),
        ("sum by (namespace) (switchboard_sweeps_total)", 1),
        ("max by (namespace) (switchboard_objects) and on (pod) switchboard_leader", 1),
        ("rate(switchboard_sweep_duration_seconds[5m])", 1),
        ("max by (job, namespace) (switchboard_leader) == 0", 0),
        ("rate(switchboard_leader_bucket[5m])", 1),
    ];
    for (query, expected) in table {
        let found = faults(query, &exported);
        assert_eq!(found.len(), expected, "{query}: {found:?}");
    }
}
