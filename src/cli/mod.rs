//! The subcommands of `switchboard`, one module each.

pub mod crds;
pub mod run;

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
    /// Run the operator.
    Run(Box<run::RunArgs>),
    /// Print the CustomResourceDefinitions.
    Crds(crds::Crds),
}
