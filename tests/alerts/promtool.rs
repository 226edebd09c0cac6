//! Prometheus' own judgement: its tool reads the rules, runs them through cases, and reads what the operator exports.

use std::collections::BTreeSet;
use std::path::Path;

use crate::tool::{checked, run, said};
use crate::{alerts, checkout, exported, list, panels, read, text, yaml};

/// Cases for the rules.
const CASES: &str = "tests/alerts/rules.yaml";

#[test]
fn the_rules_are_valid_and_nothing_in_them_is_doubtful() {
    let output = run(&["check", "rules", "--lint=all", "--lint-fatal"], &checkout("deploy/prometheus/alerts.yaml"));
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn each_alert_fires_in_its_case_and_none_where_all_is_well() {
    let output = run(&["test", "rules"], &checkout(CASES));
    assert!(output.status.success(), "{}", said(&output));
    // The cases are about all of them.
    let cases = yaml(CASES);
    let mut fired = BTreeSet::new();
    for case in list(&cases["tests"]) {
        for sample in list(&case["promql_expr_test"]).iter().flat_map(|one| list(&one["exp_samples"])) {
            let labels = exported::labels(text(&sample["labels"])).into_iter();
            fired.extend(labels.filter(|(label, _)| label.trim() == "alertname").map(|(_, name)| name.to_owned()));
        }
    }
    let all: BTreeSet<String> = alerts().iter().map(|alert| text(&alert["alert"]).to_owned()).collect();
    assert_eq!(fired, all);
}

#[test]
fn the_queries_of_dashboard_and_pages_are_valid() {
    let mut queries: Vec<String> =
        panels().iter().flat_map(|panel| list(&panel["targets"])).map(|target| text(&target["expr"]).to_owned()).collect();
    let drawn = queries.len();
    let runbooks = std::fs::read_dir(checkout("docs/runbooks")).expect("the pages").map(|page| page.expect("a page").path());
    for page in runbooks.chain([checkout("docs/metrics.md")]) {
        let page = std::fs::read_to_string(page).expect("a page");
        let blocks = page.split("```promql\n").skip(1).filter_map(|rest| rest.split_once("```").map(|(block, _)| block.to_owned()));
        queries.extend(blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()));
    }
    assert!(queries.len() > drawn + 10, "the pages have queries");
    // What Grafana fills in before it asks.
    let filled = |query: &String| query.replace("$__rate_interval", "5m").replace("$namespace", ".*").replace("$provider", ".*");
    let rules: Vec<String> = queries
        .iter()
        .enumerate()
        .map(|(at, query)| format!("      - {{record: \"query:{at}\", expr: {}}}", serde_json::Value::from(filled(query))))
        .collect();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("queries.yaml");
    std::fs::write(&file, format!("groups:\n  - name: queries\n    rules:\n{}\n", rules.join("\n"))).expect("a file");
    let output = run(&["check", "rules", "--lint=none"], &file);
    assert!(output.status.success(), "{}\n{}", said(&output), std::fs::read_to_string(&file).expect("the file"));
}

/// `tests/cluster/metrics.rs` does the same with what a running operator answers.
#[test]
fn names_types_and_help_are_as_prometheus_wants_them() {
    let open = exported::text();
    let plain = switchboard::metrics::plain(&open);
    let output = checked(&plain);
    assert!(output.status.success() && said(&output).is_empty(), "{}", said(&output));
    let wrong = checked(&plain.replace("switchboard_leader", "switchboard_leader_total"));
    assert!(!wrong.status.success(), "this test would find nothing");
    assert!(read("docs/metrics.md").contains("switchboard_leader"));
}
