//! The lists of `docs/security.md` are those of the manifests and the code: a right, an address or a use of Secrets that is new fails here
//! until it stands there.

use std::collections::BTreeSet;

use serde_json::Value;
use switchboard::provider::{carrierx, plivo};

use crate::{below, read};

/// The rows of the table below this heading, without its head.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, rest) = page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading:?}"));
    let rest = rest.split("\n## ").next().unwrap_or_default();
    let rows = rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    rows.skip(2).map(cells).collect()
}

fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

fn page() -> String {
    read("docs/security.md")
}

/// Role, resource, verb: each a right.
type Rights = BTreeSet<(String, String, String)>;

/// As the page has them. A role that is not named is the one above.
fn documented(page: &str) -> Rights {
    let mut found = Rights::new();
    let mut role = String::new();
    for row in table(page, "The operator's rights") {
        if !row[0].is_empty() {
            role = row[0].replace('`', "");
        }
        let resources: Vec<String> = match row[2].split_once(" (") {
            // Only the one of this name.
            Some((resource, name)) => quoted(resource).map(|one| format!("{one}/{}", quoted(name).next().unwrap_or_default())).collect(),
            None => quoted(&row[2]).collect(),
        };
        for resource in resources {
            found.extend(row[3].split(", ").map(|verb| (role.clone(), resource.clone(), verb.to_owned())));
        }
    }
    found
}

/// As the manifests give them to the operator; the roles for people are none of it.
fn granted(manifest: &str) -> Rights {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let mut found = Rights::new();
    for object in serde_saphyr::from_multiple::<Value>(manifest).expect("YAML") {
        let name = format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]));
        let people = ["-view", "-edit", "-admin"].iter().any(|end| name.ends_with(end));
        for rule in object["rules"].as_array().into_iter().flatten().filter(|_| !people) {
            let names = texts(&rule["resourceNames"]);
            for resource in texts(&rule["resources"]) {
                let only = |name: &String| format!("{resource}/{name}");
                let resources = if names.is_empty() { vec![resource.clone()] } else { names.iter().map(only).collect() };
                for resource in resources {
                    found.extend(texts(&rule["verbs"]).into_iter().map(|verb| (name.clone(), resource.clone(), verb)));
                }
            }
        }
    }
    found
}

fn differ(documented: &Rights, granted: &Rights) -> Vec<String> {
    let more = granted.difference(documented).map(|right| format!("is not in docs/security.md: {right:?}"));
    let fewer = documented.difference(granted).map(|right| format!("is in no manifest: {right:?}"));
    more.chain(fewer).collect()
}

#[test]
fn the_rights_of_the_operator_are_those_that_the_page_lists() {
    let (page, manifest) = (page(), read("deploy/rbac.yaml"));
    let granted_now = granted(&manifest);
    assert!(granted_now.len() > 20, "{granted_now:?}");
    assert_eq!(differ(&documented(&page), &granted_now), Vec::<String>::new());

    // Each side can be behind.
    let wider = manifest.replacen("verbs: [get, list, watch]", "verbs: [get, list, watch, deletecollection]", 1);
    assert!(differ(&documented(&page), &granted(&wider)).iter().any(|fault| fault.contains("deletecollection")));
    let older = page.replacen("get, list, watch, patch", "get, list, watch, patch, create", 1);
    assert!(differ(&documented(&older), &granted_now).iter().any(|fault| fault.contains("is in no manifest")));
}

/// Every `https://` and `http://` with a host in the code, but for examples and what a scheme is compared with.
fn addresses() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in below("src", ".rs").into_iter().filter(|file| !file.contains("/tests")) {
        let text = read(&file);
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for scheme in ["https://", "http://"] {
                let hosts = line.split(scheme).skip(1).map(|rest| {
                    let end = rest.find(|one: char| !(one.is_ascii_alphanumeric() || matches!(one, '.' | '-'))).unwrap_or(rest.len());
                    rest[..end].to_owned()
                });
                found.extend(hosts.filter(|host| host.contains('.') && !host.contains("example")).map(|host| format!("{scheme}{host}")));
            }
        }
    }
    found
}

#[test]
fn the_addresses_that_are_called_are_those_that_the_page_lists() {
    let listed: BTreeSet<String> =
        table(&page(), "Addresses that are called").iter().flat_map(|row| quoted(&row[0]).collect::<Vec<_>>()).collect();
    let defaults = BTreeSet::from([plivo::DEFAULT_URL.to_owned(), carrierx::DEFAULT_URL.to_owned()]);
    assert_eq!(listed, defaults);
    assert_eq!(addresses(), defaults, "an address in the code that nothing documents");
    // What each flag says of itself.
    for row in table(&page(), "Addresses that are called") {
        for flag in quoted(&row[2]) {
            let name = flag.trim_start_matches("--").replace('-', "_");
            assert!(read("src/cli/shared.rs").contains(&format!("pub {name}:")), "there is no {flag}");
        }
    }
}

#[test]
fn the_code_that_reads_or_writes_secrets_is_what_the_page_lists() {
    let listed: BTreeSet<String> =
        table(&page(), "Secrets that are used").iter().flat_map(|row| quoted(&row[3]).collect::<Vec<_>>()).collect();
    let uses = below("src", ".rs").into_iter().filter(|file| {
        let text = read(file);
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        code.contains("core::v1::Secret") || code.contains("Api<Secret>")
    });
    assert_eq!(uses.collect::<BTreeSet<_>>(), listed);
}
