//! `switchboard crds`: the CustomResourceDefinitions of this version, as YAML.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use crate::api::crd;

const HEADER: &str = "# Made by `make crds` from the types in src/api; edit those.\n";

/// Print the CustomResourceDefinitions, ready for `kubectl apply --server-side -f -`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Crds {
    /// Write one file per kind into this folder instead of printing them.
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
}

impl Crds {
    /// Prints the definitions as a stream of YAML documents, or writes one file for each.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn run(&self, out: &mut impl Write) -> anyhow::Result<()> {
        for definition in crd::all() {
            let text = yaml(&definition)?;
            match &self.dir {
                None => write!(out, "---\n{text}").context("writing the definitions")?,
                Some(dir) => {
                    let path = dir.join(file_name(&definition));
                    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
                }
            }
        }
        out.flush().context("writing the definitions")
    }
}

/// One definition as a YAML document, keys in a fixed order: the same types give the same bytes.
///
/// # Errors
/// When the definition cannot be expressed as YAML, which no definition of ours is.
pub fn yaml(definition: &CustomResourceDefinition) -> anyhow::Result<String> {
    // Descriptions stay on one line: folding them would make every edit a new wrap of the paragraph.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let kind = &definition.spec.names.kind;
    let mut value = serde_json::to_value(definition).with_context(|| format!("writing {kind} as JSON"))?;
    whole_numbers(&mut value);
    let body = serde_saphyr::to_string_with_options(&value, options).with_context(|| format!("writing {kind} as YAML"))?;
    Ok(format!("{HEADER}{body}"))
}

/// The API's types keep bounds as floating point numbers; `minimum: 10` reads better than `minimum: 10.0`.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(members) => members.values_mut().for_each(whole_numbers),
        Value::Number(number) => {
            let whole = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() < 1e9);
            if let Some(whole) = whole {
                #[expect(clippy::cast_possible_truncation, reason = "whole and far below the bounds of i64, as tested above")]
                let whole = whole as i64;
                *value = whole.into();
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The file of a definition in `crds/`.
#[must_use]
pub fn file_name(definition: &CustomResourceDefinition) -> String {
    format!("{}.yaml", definition.spec.names.plural)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_crds_holds_what_the_types_say() {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("crds");
        for definition in crd::all() {
            let path = dir.join(file_name(&definition));
            let stored = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(stored == yaml(&definition).unwrap(), "{} is out of date: run `make crds`", path.display());
        }
    }

    #[test]
    fn the_printed_stream_reads_back_as_the_definitions() {
        let mut printed = Vec::new();
        Crds::default().run(&mut printed).unwrap();
        let text = String::from_utf8(printed).unwrap();
        let read: Vec<CustomResourceDefinition> = serde_saphyr::from_multiple(&text).unwrap();
        assert_eq!(read, crd::all());
    }
}
