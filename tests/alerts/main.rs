//! What is measured, what is alerted on, what is drawn and what is documented are the same: rules, dashboard and pages name only what the
//! operator exports, with labels and words that it has, and nothing that it exports is left undocumented.

mod documented;
mod exported;
mod objects;
mod promtool;
mod queries;
mod tool;

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A file or folder of the checkout.
fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A file of the checkout.
fn read(path: &str) -> String {
    std::fs::read_to_string(checkout(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// All rules of `deploy/`: alerts, and what is recorded.
fn rules() -> Vec<Value> {
    let rules = yaml("deploy/prometheus/alerts.yaml");
    list(&rules["groups"]).iter().flat_map(|group| list(&group["rules"])).cloned().collect()
}

/// The alerts among them.
fn alerts() -> Vec<Value> {
    let alerts: Vec<Value> = rules().into_iter().filter(|rule| rule["alert"].is_string()).collect();
    assert!(alerts.len() >= 12, "{alerts:#?}");
    alerts
}

/// The panels of the dashboard that ask something.
fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/switchboard.json")).expect("JSON");
    let panels: Vec<Value> = list(&dashboard["panels"]).iter().filter(|panel| panel["type"] != "row").cloned().collect();
    assert!(panels.len() > 15);
    panels
}

#[test]
fn every_alert_says_what_to_do_and_leads_to_its_page() {
    let mut pages: Vec<String> = std::fs::read_dir(checkout("docs/runbooks"))
        .expect("the pages")
        .map(|page| page.expect("a page").file_name().into_string().expect("a name"))
        .collect();
    for alert in alerts() {
        let name = text(&alert["alert"]);
        let short = name.strip_prefix("Switchboard").unwrap_or_else(|| panic!("{name} does not say whose it is"));
        assert!(["critical", "warning"].contains(&text(&alert["labels"]["severity"])), "{name} has no severity");
        let [summary, description] = ["summary", "description"].map(|one| text(&alert["annotations"][one]).to_owned());
        assert!(summary.len() > 20 && description.len() > 100 && description.ends_with('.'), "{name}: {summary}: {description}");
        let page = format!("{short}.md");
        assert_eq!(text(&alert["annotations"]["runbook_url"]), format!("https://switchboard.dev/docs/runbooks/{page}"));
        let said = read(&format!("docs/runbooks/{page}"));
        assert!(said.starts_with(&format!("# {name}\n\nSeverity: {}. ", text(&alert["labels"]["severity"]))), "{page}");
        let headings: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        let expected = ["What it means", "What it does to phones and numbers", "How to look", "What to do", "How it ends"];
        assert_eq!(headings, expected, "{page}");
        pages.retain(|other| *other != page);
    }
    assert!(pages.is_empty(), "these pages are about no alert: {pages:?}");
}

#[test]
fn every_panel_asks_a_question_and_explains_the_answer() {
    let mut ids = std::collections::BTreeSet::new();
    for panel in panels() {
        let title = text(&panel["title"]);
        assert!(ids.insert(panel["id"].to_string()), "{title} has the id of another panel");
        assert!(title.ends_with('?') || title == "For how long, at most?", "{title}");
        assert!(text(&panel["description"]).len() > 20, "{title} is not explained");
        assert!(!list(&panel["targets"]).is_empty(), "{title} asks nothing");
        let place = &panel["gridPos"];
        assert!(place["x"].as_u64().zip(place["w"].as_u64()).is_some_and(|(x, w)| x + w <= 24), "{title} sticks out");
    }
}
