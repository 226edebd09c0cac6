//! Manifests of an earlier import that this one has written under another name: who is not alone with a name any more gets another one.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use super::manifests::Document;
use crate::api::refs::AccountRef;
use crate::core::key::ObjectKey;

/// How the names of files begin that an import writes.
const BEGINNINGS: [&str; 2] = ["sipendpoint-", "phonenumberbinding-"];
/// And how they end.
const ENDING: &str = ".yaml";

/// What a manifest takes over: the account that it names, and the id there, or the number.
type Taken = (ObjectKey, String);

/// Files of the folder besides these, as far as an import may have written them.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn others(dir: &Path, documents: &[Document]) -> anyhow::Result<BTreeMap<String, io::Result<String>>> {
    let reading = || format!("reading the folder {}", dir.display());
    let mut others = BTreeMap::new();
    for entry in std::fs::read_dir(dir).with_context(reading)? {
        let name = entry.with_context(reading)?.file_name().to_string_lossy().into_owned();
        let imported = BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) && name.ends_with(ENDING);
        if imported && documents.iter().all(|document| document.file != name) {
            let text = std::fs::read_to_string(dir.join(&name));
            others.insert(name, text);
        }
    }
    Ok(others)
}

/// Those that take over what one of the documents takes over: each with what to do about it. What takes over anything else is none of this
/// import's business.
pub(super) fn told(dir: &Path, others: &BTreeMap<String, io::Result<String>>, documents: &[Document]) -> Vec<String> {
    let mut now: BTreeMap<Taken, &str> = BTreeMap::new();
    for document in documents {
        now.extend(taken(&document.text).unwrap_or_default().into_iter().map(|taken| (taken, document.file.as_str())));
    }
    let tell = |(name, text): (&String, &io::Result<String>)| {
        let path = dir.join(name);
        let Some(all) = text.as_ref().ok().and_then(|text| taken(text)) else {
            return Some(format!(
                "{}: it cannot be read as a manifest, so it is not known whether another file is of the same; look into it",
                path.display()
            ));
        };
        let (what, file) = all.iter().find_map(|taken| Some((&taken.1, now.get(taken)?)))?;
        Some(format!(
            "{}: it is of {what}, as {file} is: an earlier import gave it another name. Delete one of the two before the folder is applied, only one object can have it",
            path.display()
        ))
    };
    others.iter().filter_map(tell).collect()
}

/// What the objects of a file take over; `None`: it is no YAML.
fn taken(text: &str) -> Option<Vec<Taken>> {
    let objects: Vec<Value> = serde_saphyr::from_multiple(text).ok()?;
    let of = |object: &Value| {
        let spec = &object["spec"];
        let id = match object["kind"].as_str()? {
            "SipEndpoint" => &spec["adopt"]["endpoint_id"],
            "PhoneNumberBinding" => &spec["number"],
            _ => return None,
        };
        let account: AccountRef = serde_json::from_value(spec["accountRef"].clone()).ok()?;
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        Some((ObjectKey::referred(namespace, &account), id.as_str()?.to_owned()))
    };
    Some(objects.iter().filter_map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(namespace: &str, account: &str, id: &str) -> String {
        format!(
            "# alice\napiVersion: switchboard.dev/v1alpha1\nkind: SipEndpoint\nmetadata: {{name: a, namespace: {namespace}}}\nspec:\n  accountRef: {account}\n  adopt: {{endpoint_id: \"{id}\"}}\n"
        )
    }

    fn number(e164: &str) -> String {
        format!(
            "kind: PhoneNumberBinding\nmetadata: {{name: n, namespace: voice}}\nspec:\n  accountRef: {{name: plivo}}\n  number: \"{e164}\"\n"
        )
    }

    #[test]
    fn a_manifest_of_what_another_one_is_of_now_is_told_and_one_of_anything_else_is_not() {
        let plivo = "{name: plivo}";
        let document = |file: &str, text: String| Document { file: file.to_owned(), text };
        let documents = [
            document("sipendpoint-desk-0001.yaml", endpoint("voice", plivo, "10001")),
            document("sipendpoint-shared.yaml", endpoint("voice", "{kind: ClusterProviderAccount, name: company}", "7")),
            document("phonenumberbinding-main-0100.yaml", number("+14155550100")),
        ];
        let table = [
            (endpoint("voice", plivo, "10001"), Some("it is of 10001, as sipendpoint-desk-0001.yaml is")),
            (endpoint("voice", "{kind: ProviderAccount, name: plivo}", "10001"), Some("sipendpoint-desk-0001.yaml")),
            (format!("---\n{}---\n{}", number("+1"), number("+14155550100")), Some("phonenumberbinding-main-0100.yaml")),
            // Whichever namespace uses it, the account is the same.
            (endpoint("sales", "{kind: ClusterProviderAccount, name: company}", "7"), Some("sipendpoint-shared.yaml")),
            (endpoint("voice", plivo, "10002"), None),
            (endpoint("voice", "{name: carrierx}", "10001"), None),
            (endpoint("sales", plivo, "10001"), None),
            (number("+14155550101"), None),
            ("kind: SipEndpoint\nspec: {accountRef: {name: plivo}, plivo: {}}\n".to_owned(), None),
            (String::new(), None),
            ("a: [".to_owned(), Some("cannot be read as a manifest")),
        ];
        for (text, expected) in table {
            let others = BTreeMap::from([("sipendpoint-desk.yaml".to_owned(), Ok(text.clone()))]);
            let told = told(Path::new("imported"), &others, &documents);
            match (told.as_slice(), expected) {
                ([], None) => {}
                ([line], Some(words)) => assert!(line.starts_with("imported/sipendpoint-desk.yaml: ") && line.contains(words), "{line}"),
                (told, _) => panic!("{text}: {told:?}"),
            }
        }
    }
}
