//! Manifests from files, folders and the standard input, as `kubectl apply -f` reads them.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

/// Endings of the files of a folder that count.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// Standard input.
const STDIN: &str = "-";
/// Longest that all manifests together may be, in bytes.
const LONGEST: u64 = 64 << 20;

/// One object of a manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The file, for messages.
    pub source: String,
    /// The object.
    pub object: Value,
}

impl Manifest {
    /// A text at this place, `""` if there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The objects of all of these, in order. Lists are taken apart.
///
/// # Errors
/// What cannot be read, or is no manifest.
pub fn read(paths: &[PathBuf], recursive: bool) -> anyhow::Result<Vec<Manifest>> {
    let mut found = Vec::new();
    for path in paths {
        match path.to_str() {
            Some(STDIN) => {
                let mut text = String::new();
                std::io::stdin().take(LONGEST).read_to_string(&mut text).context("reading the standard input")?;
                parse("standard input", &text, &mut found)?;
            }
            _ => gather(path, recursive, true, &mut found)?,
        }
    }
    Ok(found)
}

fn gather(path: &Path, recursive: bool, named: bool, found: &mut Vec<Manifest>) -> anyhow::Result<()> {
    let meta = std::fs::metadata(path).with_context(|| format!("reading {}", path.display()))?;
    if !meta.is_dir() {
        let counts = named || path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| ENDINGS.contains(&ending));
        if counts {
            anyhow::ensure!(meta.len() <= LONGEST, "{} is longer than {LONGEST} bytes", path.display());
            let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            parse(&path.display().to_string(), &text, found)?;
        }
        return Ok(());
    }
    if !named && !recursive {
        return Ok(());
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("reading {}", path.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.sort();
    paths.iter().try_for_each(|path| gather(path, recursive, false, found))
}

fn parse(source: &str, text: &str, found: &mut Vec<Manifest>) -> anyhow::Result<()> {
    // The message of a parser shows the line that it stumbles over, and a Secret may stand there.
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)
        .map_err(|_| anyhow::anyhow!("{source} cannot be read as YAML or JSON; `kubectl apply --dry-run=client -f` shows where"))?;
    for document in documents {
        take(source, document, found)?;
    }
    Ok(())
}

fn take(source: &str, object: Value, found: &mut Vec<Manifest>) -> anyhow::Result<()> {
    if object.is_null() {
        return Ok(());
    }
    let manifest = Manifest { source: source.to_owned(), object };
    if manifest.text("/kind").ends_with("List")
        && let Some(Value::Array(items)) = manifest.object.get("items")
    {
        return items.iter().try_for_each(|item| take(source, item.clone(), found));
    }
    for (pointer, what) in [("/apiVersion", "apiVersion"), ("/kind", "kind"), ("/metadata/name", "metadata.name")] {
        anyhow::ensure!(!manifest.text(pointer).is_empty(), "{source}: an object without {what}");
    }
    found.push(manifest);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        parse("a.yaml", text, &mut found).map_err(|error| error.to_string())?;
        Ok(found.iter().map(|manifest| format!("{} {}", manifest.text("/kind"), manifest.text("/metadata/name"))).collect())
    }

    #[test]
    fn objects_are_found_in_documents_lists_and_json_and_nothing_is_made_of_empty_ones() {
        let one = "apiVersion: v1\nkind: A\nmetadata: {name: a}\n";
        let two = format!("---\n{one}---\n# only a comment\n---\napiVersion: v1\nkind: B\nmetadata:\n  name: b\n");
        let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n- {apiVersion: v1, kind: B, metadata: {name: b}}\n";
        let json = r#"{"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}}"#;
        for (text, expected) in
            [(one, vec!["A a"]), (&two, vec!["A a", "B b"]), (list, vec!["A a", "B b"]), (json, vec!["A a"]), ("", vec![])]
        {
            assert_eq!(names(text), Ok(expected.into_iter().map(ToOwned::to_owned).collect()), "{text}");
        }
    }

    #[test]
    fn what_is_no_manifest_is_told_by_its_file_and_never_shown() {
        for (text, words) in [
            ("kind: A\nmetadata: {name: a}\n", "a.yaml: an object without apiVersion"),
            ("apiVersion: v1\nkind: A\n", "a.yaml: an object without metadata.name"),
            ("password: hunter22\n\t- {", "a.yaml cannot be read"),
        ] {
            let said = names(text).expect_err(text);
            assert!(said.contains(words) && !said.contains("hunter22"), "{said}");
        }
    }
}
