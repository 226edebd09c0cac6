//! What an operator exports, with every series that it can have.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use switchboard::api::condition::Reason;
use switchboard::api::refs::ProviderKind;
use switchboard::core::call::Subject;
use switchboard::core::key::Kind;
use switchboard::metrics::{Metrics, NO_STATUS, OTHER, Ownership, Registration, Sample};

/// The one namespace in it.
pub const NAMESPACE: &str = "voice";

/// The text.
pub fn text() -> String {
    let metrics = Metrics::default();
    metrics.may_drift(switchboard::provider::fields());
    let mut sample = Sample::default();
    for reason in Reason::ALL.iter().map(|reason| reason.as_str()).chain([NO_STATUS, OTHER]) {
        for kind in Kind::ALL {
            sample.objects(kind, NAMESPACE, reason, 1, Some(Duration::from_secs(1)));
        }
    }
    for provider in ProviderKind::ALL.iter().copied() {
        for state in Registration::ALL.iter().copied() {
            sample.registrations(provider, NAMESPACE, state, 1);
        }
        for state in Ownership::ALL.iter().copied() {
            for thing in [Subject::Endpoint, Subject::TrunkGroup] {
                sample.resources(provider, NAMESPACE, (thing, state), 1);
            }
        }
        for collection in [Subject::Endpoint, Subject::TrunkGroup, Subject::Number, Subject::Application] {
            sample.listed(provider, collection, Duration::from_secs(90), Duration::from_secs(60));
        }
        sample.budget(provider, 1, 150, [1, 1, 1, 1]);
    }
    metrics.sampled_by(move || Some(sample.clone()));
    metrics.text().expect("text")
}

/// Labels with the values that they have.
pub type Labels = BTreeMap<String, BTreeSet<String>>;

/// The labels in braces, if there are any. No value of ours has a brace, a comma or a quote in it.
pub fn labels(series: &str) -> BTreeMap<&str, &str> {
    let Some((_, inside)) = series.split_once('{') else { return BTreeMap::new() };
    let pairs = inside.trim_end_matches('}').split(',').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').map(|(name, value)| (name, value.trim_matches('"'))).expect("a label")).collect()
}

/// Each metric by its name in queries (buckets of a histogram by the name that all of them have), with its type and its labels but `le`.
pub fn metrics(text: &str) -> BTreeMap<String, (String, Labels)> {
    let mut found: BTreeMap<String, (String, Labels)> = BTreeMap::new();
    for (name, kind) in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')) {
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        found.insert(format!("{name}{suffix}"), (kind.to_owned(), Labels::new()));
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _) = line.rsplit_once(' ').expect("a series and its value");
        let name = series.split('{').next().expect("a name");
        let (_, known) = found.get_mut(family(name)).unwrap_or_else(|| panic!("{name} has no type"));
        for (label, value) in labels(series).into_iter().filter(|(label, _)| *label != "le") {
            known.entry(label.to_owned()).or_default().insert(value.to_owned());
        }
    }
    found
}

/// The metric that a name in a query is about.
pub fn family(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

#[test]
fn every_step_of_the_protocol_and_every_field_has_a_series() {
    let exported = metrics(&text());
    let action = crate::read("src/core/action.rs");
    let names = action.split("pub fn name(").nth(1).and_then(|rest| rest.split("\n    }\n").next()).expect("the names");
    let names: BTreeSet<String> = names.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(names.len() > 20);
    assert_eq!(exported["switchboard_actions_total"].1["action"], names);
    let mut fields: BTreeSet<String> = BTreeSet::from(["password".to_owned()]);
    for file in ["src/provider/plivo/fields.rs", "src/provider/carrierx/fields.rs"] {
        let code = crate::read(file);
        let declared = code.lines().filter_map(|line| line.strip_prefix("pub const ")?.split_once(": FieldName = \""));
        // That is only what an answer showed.
        let wanted = declared.filter(|(name, _)| *name != "OBSERVED_ATTRIBUTES");
        fields.extend(wanted.map(|(_, value)| value.trim_end_matches("\";").to_owned()));
    }
    assert!(fields.len() > 12);
    assert_eq!(exported["switchboard_drift_total"].1["field"], fields);
}
