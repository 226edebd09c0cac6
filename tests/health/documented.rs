//! The documented tables of verdicts, as people read them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use switchboard::api::condition::Reason;

/// What kstatus, Flux and Argo CD say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdicts(pub [String; 3]);

pub fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of the tables of a Markdown file, their heads included.
pub fn table_rows(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").map(|cell| cell.trim_matches(['|', ' ']).to_owned()).collect()).collect()
}

/// The words between backticks.
pub fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The documented tables: by reason of `Ready`, and by state, where that decides alone.
pub struct Documented {
    pub reasons: BTreeMap<String, Verdicts>,
    pub unseen: Verdicts,
    pub outdated: Verdicts,
    pub deleting: Verdicts,
}

pub static DOCUMENTED: LazyLock<Documented> = LazyLock::new(|| {
    let rows = table_rows(&file("docs/gitops.md"));
    let mut reasons = BTreeMap::new();
    let mut states = BTreeMap::new();
    for row in rows {
        let [one, two, three, four] = <[String; 4]>::try_from(row).expect("tables of verdicts have four columns");
        if quoted(&four).next().is_some() {
            for reason in quoted(&four).filter(|word| *word != "Ready") {
                let verdicts = Verdicts([one.clone(), two.clone(), three.clone()]);
                assert_eq!(reasons.insert(reason.to_owned(), verdicts), None, "{reason} is documented twice");
            }
        } else {
            states.insert(one, Verdicts([two, three, four]));
        }
    }
    let state = |begins: &str| {
        let found = states.iter().find(|(name, _)| name.starts_with(begins));
        found.unwrap_or_else(|| panic!("no state {begins:?} in {states:?}")).1.clone()
    };
    let (unseen, outdated, deleting) = (state("not looked at yet"), state("the status is about an older"), state("being deleted"));
    Documented { reasons, unseen, outdated, deleting }
});

pub fn documented(reason: Reason) -> Verdicts {
    DOCUMENTED.reasons.get(reason.as_str()).cloned().unwrap_or_else(|| panic!("{reason} is not documented"))
}

/// The blocks of YAML in the file that hold objects of this kind.
pub fn manifests(text: &str, kind: &str) -> Vec<String> {
    let blocks = text.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("yaml\n"));
    blocks.filter(|block| block.contains(&format!("\nkind: {kind}\n"))).map(|block| block.trim_end().to_owned()).collect()
}
