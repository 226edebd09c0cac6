//! `sandbox`: the command line. Every subcommand lives in the library.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use sandbox::{cli_carrierx, cli_plivo, demo, phone, process, up};

/// A telephony provider and a Kubernetes control plane on this machine; everything listens on loopback.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a control plane and simulators; print one "ready" line and stay until SIGINT or SIGTERM.
    Up {
        /// Folder for kubeconfig, operator.kubeconfig, env, logs and pid files.
        #[arg(long, default_value = ".sandbox")]
        dir: PathBuf,
        /// The providers to simulate.
        #[arg(long, value_delimiter = ',', default_value = "plivo,carrierx")]
        providers: Vec<up::Provider>,
    },
    /// Start etcd, kube-apiserver and kube-controller-manager only.
    ControlPlane {
        /// Folder for kubeconfig, operator.kubeconfig, env, logs and pid files.
        #[arg(long, default_value = ".sandbox")]
        dir: PathBuf,
    },
    /// Start the Plivo simulator only; print "ready http://…" (https with --tls) and stay until SIGINT or SIGTERM.
    Plivo(cli_plivo::PlivoArgs),
    /// Start the CarrierX simulator only; print "ready http://…" (https with --tls) and stay until SIGINT or SIGTERM.
    Carrierx(cli_carrierx::CarrierxArgs),
    /// Tell a running Plivo simulator that a phone has logged in to an endpoint.
    Phone(phone::PhoneArgs),
    /// Tell the story of some endpoints on a real control plane with the real operator; exit code 0 if every step held.
    Demo(demo::DemoArgs),
    /// Become another program that dies with its parent.
    #[command(name = process::CHILD, hide = true)]
    Child {
        parent: i32,
        program: PathBuf,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let run = match Cli::parse().command {
        // Before any thread exists: the program that takes over inherits nothing of ours.
        Command::Child { parent, program, args } => Err(process::become_child(parent, &program, &args)),
        Command::Up { dir, providers } => block_on(up::run(&dir, &providers)),
        Command::ControlPlane { dir } => block_on(up::run(&dir, &[])),
        Command::Plivo(args) => block_on(cli_plivo::run(args)),
        Command::Carrierx(args) => block_on(cli_carrierx::run(args)),
        Command::Phone(args) => block_on(phone::run(args)),
        Command::Demo(args) => block_on(demo::run(args)),
    };
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandbox: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(work)
}
