//! The binary: TLS provider, arguments, dispatch.

use std::process::ExitCode;

use switchboard::cli::{Cli, Command, run, to_its_end};

fn main() -> anyhow::Result<ExitCode> {
    // One TLS provider for both clients, before either is built: with two in the tree the default would panic (trap T1).
    rustls::crypto::ring::default_provider().install_default().map_err(|_| anyhow::anyhow!("a TLS provider was installed twice"))?;
    // A panic in a task would end only that task and leave an idle process behind (trap T8).
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::abort();
    }));
    match Cli::read().command {
        Command::Crds(crds) => crds.run(&mut std::io::stdout().lock())?,
        Command::Run(args) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            to_its_end(runtime, run::run(*args), |ended| ended)?;
        }
        Command::Plan(args) => return Ok(args.run(&mut std::io::stdout().lock())),
        // Three verdicts, three exit codes.
        Command::UninstallCheck(check) => return Ok(check.run(&mut std::io::stderr().lock())),
        Command::Import(import) => return Ok(import.run(&mut std::io::stdout().lock())),
    }
    Ok(ExitCode::SUCCESS)
}
