//! The subcommands of `switchboard`, one module each.

pub mod crds;
mod lease;
pub mod run;
mod shared;
pub mod uninstall_check;

use clap::{Parser, Subcommand};

/// SIP endpoints and phone numbers as Kubernetes objects.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version, about, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
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
    /// Say whether objects are left that only the operator can let go. The chart runs it before an uninstall.
    ///
    /// Exit code 0: none. 1: some, with counts, names and what to do. 2: it cannot be told. Needs no right but to list the operator's kinds,
    /// and ends within 30 s.
    UninstallCheck(uninstall_check::UninstallCheck),
}
