//! `switchboard crds`: the CustomResourceDefinitions of this version, as YAML.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

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
                    std::fs::write(&path, text)
                        .with_context(|| format!("writing {}", path.display()))?;
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
    let body = serde_saphyr::to_string_with_options(definition, options)
        .with_context(|| format!("writing {} as YAML", definition.spec.names.kind))?;
    Ok(format!("{HEADER}{body}"))
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
            assert!(
                stored == yaml(&definition).unwrap(),
                "{} is out of date: run `make crds`",
                path.display()
            );
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
