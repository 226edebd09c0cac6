//! The `sandbox` program.

use clap::{Parser, Subcommand};

/// A telephony provider on one machine
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The Plivo simulator
    Plivo(sandbox::cli_plivo::PlivoArgs),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Plivo(args) => sandbox::cli_plivo::run(args).await,
    }
}
