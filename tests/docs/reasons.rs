//! The page on trouble has every reason of the closed set and no other, with what tools make of it.

use std::collections::BTreeMap;

use switchboard::api::condition::{ConditionType, Reason, Verdict};

use crate::read;

const PAGE: &str = "docs/troubleshooting.md";
/// ClusterProviderAccounts are told of as ProviderAccounts.
const KINDS: [&str; 3] = ["SipEndpoint", "PhoneNumberBinding", "ProviderAccount"];
/// An entry must say something.
const SHORTEST: usize = 60;

/// An entry: where the reason is found, what kstatus makes of it, and what is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    found: String,
    kstatus: String,
    text: String,
}

/// The entries of a page by reason, or what is wrong with it.
fn entries(page: &str) -> Result<BTreeMap<String, Entry>, String> {
    let mut found = BTreeMap::new();
    for section in page.split("\n### ").skip(1) {
        let (name, rest) = section.split_once('\n').ok_or("a heading and nothing else")?;
        // Up to the next part of the page.
        let rest = rest.split("\n## ").next().unwrap_or_default().trim();
        let (head, text) = rest.split_once("\n\n").ok_or(format!("{name}: no text"))?;
        let (place, kstatus) =
            head.split_once(" · kstatus `").ok_or(format!("{name}: the first line does not say what kstatus makes of it"))?;
        let kstatus = kstatus.strip_suffix('`').ok_or(format!("{name}: {kstatus}"))?;
        let entry = Entry { found: place.to_owned(), kstatus: kstatus.to_owned(), text: text.to_owned() };
        if found.insert(name.to_owned(), entry).is_some() {
            return Err(format!("{name} is there twice"));
        }
    }
    Ok(found)
}

/// In the words of kstatus; what `tests/health` has its real code say.
fn kstatus(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Healthy => "Current",
        Verdict::Progressing | Verdict::Suspended => "InProgress",
        Verdict::Failed => "Failed",
    }
}

/// What is wrong with a page, compared with the code.
fn faults(page: &str) -> Vec<String> {
    let entries = match entries(page) {
        Ok(entries) => entries,
        Err(fault) => return vec![fault],
    };
    let mut found = Vec::new();
    for reason in Reason::ALL {
        let Some(entry) = entries.get(reason.as_str()) else {
            found.push(format!("{reason} is missing"));
            continue;
        };
        if entry.kstatus != kstatus(reason.verdict()) {
            found.push(format!("{reason}: kstatus says {}, not {}", kstatus(reason.verdict()), entry.kstatus));
        }
        let (conditions, kinds) = entry.found.split_once(" of ").unwrap_or((&entry.found, ""));
        let types: Vec<&str> = conditions.split('`').skip(1).step_by(2).collect();
        if types.is_empty() || types.iter().any(|one| one.parse::<ConditionType>().is_err()) {
            found.push(format!("{reason}: {conditions:?} names no condition"));
        }
        if !KINDS.iter().any(|kind| kinds.contains(kind)) {
            found.push(format!("{reason}: {kinds:?} names no kind"));
        }
        if entry.text.len() < SHORTEST {
            found.push(format!("{reason}: {:?} is not enough", entry.text));
        }
    }
    let known = |name: &String| name.parse::<Reason>().is_ok();
    found.extend(entries.keys().filter(|name| !known(name)).map(|name| format!("{name} is no reason")));
    found
}

#[test]
fn the_page_on_trouble_has_every_reason_and_no_other_with_its_verdict() {
    assert_eq!(faults(&read(PAGE)), Vec::<String>::new());
}

#[test]
fn what_is_missing_superfluous_or_wrong_in_it_is_found() {
    let page = read(PAGE);
    let head = "`Ready` of PhoneNumberBinding · kstatus `InProgress`";
    let rows = [
        ("### Throttled\n", "### Throtled\n", &["Throttled is missing", "Throtled is no reason"][..]),
        ("### Braked\n", "### Paused\n", &["Paused is there twice"]),
        (
            "### TargetNotFound\n\n`Ready` of PhoneNumberBinding · kstatus `InProgress`",
            "### TargetNotFound\n\n`Ready` of PhoneNumberBinding · kstatus `Failed`",
            &["TargetNotFound: kstatus says InProgress, not Failed"],
        ),
        (head, "`Redy` of PhoneNumberBinding · kstatus `InProgress`", &["\"`Redy`\" names no condition"]),
        (head, "`Ready` of Phones · kstatus `InProgress`", &["\"Phones\" names no kind"]),
        (head, "nothing", &["does not say what kstatus makes of it"]),
    ];
    for (text, instead, expected) in rows {
        assert!(page.contains(text), "{text}");
        let found = faults(&page.replacen(text, instead, 1));
        for fault in expected {
            assert!(found.iter().any(|one| one.contains(fault)), "{instead}: {found:?}");
        }
    }
}
