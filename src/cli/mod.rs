//! The subcommands of `switchboard`, one module each.

pub mod crds;
pub mod import;
mod lease;
pub mod plan;
pub mod run;
mod shared;
pub mod uninstall_check;

use clap::{Parser, Subcommand};

pub use shared::to_its_end;

/// SIP endpoints and phone numbers as Kubernetes objects.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version, about, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// The arguments of the process. Who asks for a plan in the wrong way is not told that there are changes.
    pub fn read() -> Self {
        Self::try_parse().unwrap_or_else(|error| {
            let plan = std::env::args_os().nth(1).is_some_and(|command| command == "plan");
            if plan && error.use_stderr() {
                // There is nobody to tell where that fails.
                let _ = error.print();
                std::process::exit(1);
            }
            error.exit()
        })
    }
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator: make the provider agree with SipEndpoints and ProviderAccounts, and keep it so.
    ///
    /// Outside a cluster the current kubeconfig is used, inside one the ServiceAccount. Secrets are read only in namespaces that bind
    /// the ClusterRole switchboard-secret-reader to the operator's ServiceAccount; where that is missing, the objects' conditions show
    /// the command. SIGTERM: nothing new is begun, running creates are finished and recorded.
    Run(Box<run::RunArgs>),
    /// Print the CustomResourceDefinitions, ready for `kubectl apply --server-side -f -`.
    Crds(crds::Crds),
    /// Say what would happen if these manifests were applied, or what the operator is about to do with what is in the cluster. Writes nothing,
    /// neither to the cluster nor to a provider.
    ///
    /// Exit code 0: nothing. 2: something would be done, waits, or differs and is left so. 1: that cannot be told. The plan is decided by what the operator itself
    /// decides with, from the real cluster and the real provider, with the rights of whoever asks: to list our kinds, to apply the manifests
    /// (a dry run), and to read the Secrets that they name. Secrets are never shown.
    Plan(Box<plan::PlanArgs>),
    /// Say whether objects are left that only the operator can let go. The chart runs it before an uninstall.
    ///
    /// Exit code 0: none. 1: some, with counts, names and what to do. 2: it cannot be told. Needs no right but to list the operator's kinds,
    /// and ends within 30 s.
    UninstallCheck(uninstall_check::UninstallCheck),
    /// Write what an account holds already as manifests that take it over: SipEndpoints with `adopt`, and PhoneNumberBindings.
    ///
    /// Applying them changes nothing at the provider; later edits do. Reads with the rights of the kubeconfig's user: the account, its
    /// Secret, SipEndpoints and PhoneNumberBindings; and at the provider within the account's budget, nothing but lists. Passwords are left
    /// as they are, and no secret is written.
    ///
    /// Exit code 0: everything has a manifest, or an object already. 1: something was left out, or the folder has a second manifest of it, with
    /// the reason. 2: it could not be done.
    Import(Box<import::Import>),
}
