//! `switchboard import`: what an account holds already, as manifests that take it over and change nothing.

mod cluster;
mod leftovers;
mod listing;
mod manifests;
mod names;
mod yaml;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{ArgGroup, Args, ValueEnum};

use self::cluster::AccountFound;
use self::listing::What;
use self::manifests::{Document, Plan, Wish};
use super::shared::{ProviderArgs, client, namespace, to_its_end};
use crate::api::refs::{AccountKind, AccountRef};
use crate::provider::permissions;
use crate::provider::transport::Deadlines;

/// What of an account is written as manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Only {
    /// SipEndpoints.
    Endpoints,
    /// PhoneNumberBindings.
    Numbers,
}

/// Which account is imported, and where to.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("of").required(true).args(["account", "cluster_account"]))]
pub struct Import {
    /// The ProviderAccount whose endpoints and numbers are imported. The manifests name it.
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,

    /// The same of a ClusterProviderAccount.
    #[arg(long, value_name = "NAME")]
    pub cluster_account: Option<String>,

    /// The namespace of the manifests, and of the ProviderAccount. Without it that of the kubeconfig's context.
    #[arg(long, short, value_parser = namespace, value_name = "NAME")]
    pub namespace: Option<String>,

    /// Where the operator runs: the Secret of a ClusterProviderAccount is there.
    #[arg(long, env = "SWITCHBOARD_OPERATOR_NAMESPACE", default_value = "switchboard-system", value_parser = namespace, value_name = "NAME")]
    pub operator_namespace: String,

    /// Write one file for each object into this folder, which is made if need be. Without it all go to the standard output, as a stream.
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,

    /// Overwrite files of the folder that say something else. Without it they are kept, and told.
    #[arg(long, requires = "dir")]
    pub force: bool,

    /// Only endpoints, or only numbers.
    #[arg(long, value_enum, value_name = "KIND")]
    pub only: Option<Only>,

    /// Only what has this text in its alias, username, name or number; upper and lower case are the same.
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,

    /// Also numbers that nothing answers, as bindings that want it so (not at CarrierX, where no manifest can say that).
    #[arg(long)]
    pub unassigned: bool,

    /// Also endpoints that this other installation of Switchboard made, by the three characters that are shown for it. Only when that one has
    /// let them go: two that manage one endpoint undo each other's changes.
    #[arg(long, value_name = "MARK")]
    pub from_installation: Option<String>,

    /// Where the providers are.
    #[command(flatten)]
    pub providers: ProviderArgs,
}

/// Nothing is left to say.
const ALL: u8 = 0;
/// Something has no manifest, or one that does not say everything, or a second one in the folder.
const LEFT_OUT: u8 = 1;
/// It could not be done. Wrong arguments end so as well.
const FAILED: u8 = 2;

impl Import {
    /// Imports. Manifests go to `out` or into the folder, all else to the standard error. The exit code is 0 if there is a manifest for
    /// everything, 1 if something was left out or stands in the folder twice, 2 if it could not be done.
    pub fn run(&self, out: &mut impl Write) -> ExitCode {
        let mut told = |plan: anyhow::Result<Plan>| {
            let done = plan.and_then(|plan| self.write(plan, out));
            ExitCode::from(done.unwrap_or_else(|error| {
                say(&format!("{error:#}"));
                FAILED
            }))
        };
        match tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting") {
            Ok(runtime) => to_its_end(runtime, self.plan(), told),
            Err(error) => told(Err(error)),
        }
    }

    async fn plan(&self) -> anyhow::Result<Plan> {
        let places = self.providers.places(Deadlines::default())?;
        let client = client(None).await?;
        let namespace = self.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
        let account = cluster::account(&client, self.reference(), &namespace, &self.operator_namespace).await?;
        cluster::serves(&account, &namespace)?;
        let objects = cluster::objects(&client, &namespace).await?;
        let connection = cluster::connection(&client, &account, &places).await?;
        let AccountFound { reference, owner, spec, pinned, installation, allowed, .. } = account;
        let budget = spec.budget.as_ref().and_then(|budget| u32::try_from(budget.requests_per_5_seconds).ok());
        let what = What { endpoints: self.only != Some(Only::Numbers), numbers: self.only != Some(Only::Endpoints) };
        let from = listing::From { owner, pinned, budget, permissions: permissions(&spec) };
        let listed = listing::list(connection, from, what).await.with_context(|| format!("listing account {}", reference.name))?;
        let wish = Wish {
            namespace: &namespace,
            account: reference,
            allowed: allowed.as_deref(),
            installation: installation.as_deref(),
            from_installation: self.from_installation.as_deref(),
            filter: self.filter.as_deref(),
            unassigned: self.unassigned,
        };
        let mut plan = manifests::written(&listed, &objects, &wish);
        for collection in &listed.unproven {
            plan.left_out.push(format!(
                "perhaps more {collection}: the list changed while it was read, so that it could not be told whether all were seen; import again"
            ));
        }
        Ok(plan)
    }

    fn reference(&self) -> AccountRef {
        match &self.cluster_account {
            Some(name) => AccountRef { kind: AccountKind::ClusterProviderAccount, name: name.clone() },
            None => AccountRef { kind: AccountKind::ProviderAccount, name: self.account.clone().unwrap_or_default() },
        }
    }

    /// Writes the manifests and says what came of it.
    fn write(&self, mut plan: Plan, out: &mut impl Write) -> anyhow::Result<u8> {
        let mut written = 0;
        match &self.dir {
            None => {
                for document in &plan.documents {
                    write!(out, "---\n{}", document.text).context("writing manifests")?;
                }
                out.flush().context("writing manifests")?;
                written = plan.documents.len();
            }
            Some(dir) => {
                std::fs::create_dir_all(dir).with_context(|| format!("making the folder {}", dir.display()))?;
                for document in &plan.documents {
                    match keep(dir, document, self.force)? {
                        true => written += 1,
                        false => plan.left_out.push(format!(
                            "{}: the file is there and says something else, so it was kept; --force overwrites it",
                            dir.join(&document.file).display()
                        )),
                    }
                }
                plan.leftovers = leftovers::told(dir, &leftovers::others(dir, &plan.documents)?, &plan.documents);
            }
        }
        let unsaid = [&plan.left_out, &plan.partial, &plan.leftovers];
        for line in unsaid.into_iter().flatten() {
            say(line);
        }
        say(&summary(&plan, written, self.dir.as_deref()));
        Ok(if unsaid.iter().all(|lines| lines.is_empty()) { ALL } else { LEFT_OUT })
    }
}

/// Whoever closed it is served by the exit code.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Whether the file says what the document says.
fn keep(dir: &Path, document: &Document, force: bool) -> anyhow::Result<bool> {
    let path = dir.join(&document.file);
    match std::fs::read(&path) {
        Ok(there) if there == document.text.as_bytes() => return Ok(true),
        Ok(_) if !force => return Ok(false),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    }
    std::fs::write(&path, &document.text).with_context(|| format!("writing {}", path.display()))?;
    Ok(true)
}

/// One line: what was there, and what became of it.
fn summary(plan: &Plan, written: usize, dir: Option<&Path>) -> String {
    let counted = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let place = dir.map(|dir| format!(" in {}", dir.display())).unwrap_or_default();
    let mut line =
        format!("{}, {}: {}{place}", counted(plan.endpoints, "endpoint"), counted(plan.numbers, "number"), counted(written, "manifest"));
    if plan.managed > 0 {
        line.push_str(&format!(", {} managed already", plan.managed));
    }
    if plan.unassigned > 0 {
        line.push_str(&format!(", {} not answered by anything (--unassigned)", counted(plan.unassigned, "number")));
    }
    if plan.gateways > 0 {
        line.push_str(&format!(", {} of the provider's own", plan.gateways));
    }
    line.push_str(&format!(", {}", counted(usize::try_from(plan.calls).unwrap_or(usize::MAX), "call")));
    if !plan.left_out.is_empty() {
        line.push_str(&format!(", {} left out (reasons above)", plan.left_out.len()));
    }
    if !plan.partial.is_empty() {
        line.push_str(&format!(", {} left as they are (above)", counted(plan.partial.len(), "value")));
    }
    if !plan.leftovers.is_empty() {
        line.push_str(&format!(", {} of an earlier import in the way (above)", counted(plan.leftovers.len(), "file")));
    }
    line
}
