//! `switchboard run`: the operator.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;
use tracing::info;

use super::lease::LeaseArgs;
use super::shared::{ProviderArgs, client, duration, installation, lease_client, namespace};
use crate::account::{Clock, Longest, Mandate};
use crate::controller::Start;
use crate::controller::clock::Clocks;
use crate::controller::context::Settings;
use crate::controller::leader::Candidate;
use crate::controller::secrets::{Granter, Roles};
use crate::core::view::Timing;
use crate::metrics::Metrics;
use crate::provider::transport::Deadlines;
use crate::server::{self, Gates};
use crate::telemetry::{self, LogArgs};

/// The settings of the operator. Each flag is an environment variable as well.
#[derive(Args, Clone, Debug)]
// The last one counts, so that additional arguments of a deployment can override its usual ones.
#[command(args_override_self = true)]
pub struct RunArgs {
    /// Watch only this namespace (repeatable). Without it all namespaces are watched, which needs the ClusterRole. With it Roles in
    /// these namespaces are enough (deploy/namespaced), but --installation-id must be given, and ClusterProviderAccounts are not served.
    #[arg(long = "namespace", env = "SWITCHBOARD_NAMESPACE", value_delimiter = ',', value_parser = namespace, value_name = "NAME")]
    pub namespaces: Vec<String>,

    /// The namespace that the operator itself runs in: Secrets of ClusterProviderAccounts are read there, credentials are kept in escrow
    /// there, and commands that conditions show name it.
    #[arg(long, env = "SWITCHBOARD_OPERATOR_NAMESPACE", default_value = "switchboard-system", value_name = "NAME")]
    pub operator_namespace: String,

    /// The operator's ServiceAccount; used in the commands that conditions show.
    #[arg(long, env = "SWITCHBOARD_SERVICE_ACCOUNT", default_value = "switchboard", value_name = "NAME")]
    pub service_account: String,

    /// Keep no copy of credentials. Without it, what the provider accepted is kept as a Secret in the operator's namespace for as long as the
    /// ProviderAccount lives, so that a namespace that loses its Secret first can still be deleted after a restart.
    #[arg(long, env = "SWITCHBOARD_NO_ESCROW")]
    pub no_escrow: bool,

    /// The lease by which processes agree on one that works, the others stand by.
    #[command(flatten)]
    pub lease: LeaseArgs,

    /// Where the providers are.
    #[command(flatten)]
    pub providers: ProviderArgs,

    /// How long an unanswered create may still take effect or stay invisible. All parts of the protocol scale with it; replicas must
    /// agree on it. Shorter than the default only against a sandbox.
    #[arg(long, env = "SWITCHBOARD_SETTLE", default_value = "150s", value_parser = duration, value_name = "DURATION")]
    pub settle: Duration,

    /// Longest that one update or deletion at a provider may take.
    #[arg(long, env = "SWITCHBOARD_UPDATE_TIMEOUT", default_value = "20s", value_parser = duration, value_name = "DURATION")]
    pub update_timeout: Duration,

    /// How often everything in an account is listed, unless the account says otherwise: drift and registration are seen this fast.
    #[arg(long, env = "SWITCHBOARD_SWEEP_PERIOD", default_value = "60s", value_parser = duration, value_name = "DURATION")]
    pub sweep_period: Duration,

    /// First pause after a failed call; it doubles with each failure, up to 5 minutes.
    #[arg(long, env = "SWITCHBOARD_RETRY_BASE", default_value = "1s", value_parser = duration, value_name = "DURATION")]
    pub retry_base: Duration,

    /// How long the process waits, after SIGTERM, for what it has begun. What takes longer is given up, and the lease is then not let go but
    /// expires by itself. Keep it some seconds below the Pod's terminationGracePeriodSeconds.
    #[arg(long, env = "SWITCHBOARD_SHUTDOWN_TIMEOUT", default_value = "24s", value_parser = duration, value_name = "DURATION")]
    pub shutdown_timeout: Duration,

    /// Identity of this installation in the ownership mark. Pin it in Git: with the same id a rebuilt cluster finds its endpoints
    /// again. Without it the uid of the namespace kube-system is used.
    #[arg(long, env = "SWITCHBOARD_INSTALLATION_ID", value_name = "ID")]
    pub installation_id: Option<String>,

    /// How many objects of a kind are worked on at the same time.
    #[arg(long, env = "SWITCHBOARD_CONCURRENCY", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1000), value_name = "N")]
    pub concurrency: u16,

    /// Where /healthz, /readyz and /metrics are served; port 0 is a free one. They name no object, account or Secret.
    #[arg(long, env = "SWITCHBOARD_HEALTH_LISTEN", default_value = "0.0.0.0:8080", value_name = "ADDRESS")]
    pub health_listen: SocketAddr,

    /// What is logged.
    #[command(flatten)]
    pub logs: LogArgs,
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// If a setting is wrong, the API server cannot be reached at the start, or a part of the operator ends by itself.
pub async fn run(args: RunArgs) -> anyhow::Result<()> {
    tokio::spawn(telemetry::start(&args.logs)?.follow());
    let timing = Timing { settle: args.settle, retry_base: args.retry_base };
    let deadlines = Deadlines { write: args.update_timeout, ..Deadlines::with_create(timing.create()) };
    let places = args.providers.places(deadlines)?;
    let clock = Clock::start();
    let election = args.lease.election(&args.operator_namespace, deadlines)?;
    let clocks = Clocks::new(clock);
    let gates = Gates::default();
    let client = client(Some(&clocks)).await?;
    let installation = installation(&client, args.installation_id.as_deref()).await?;
    // Who could read kube-system has the ClusterRole, wherever it is told to work.
    let roles = match args.namespaces.is_empty() || args.installation_id.is_none() {
        true => Roles::Cluster,
        false => Roles::Namespaces,
    };
    let writer = writer();
    info!(version = env!("CARGO_PKG_VERSION"), installation = installation.part(), %writer, settle = ?args.settle, sweep = ?args.sweep_period, "switchboard starts");
    let (sender, stop) = watch::channel(false);
    tokio::spawn(signals(sender));
    let metrics = Metrics::default();
    metrics.may_drift(crate::provider::fields());
    let (candidate, mandate) = match election {
        Some(settings) => {
            let longest = Longest { create: deadlines.create, write: deadlines.write, slack: settings.terms.margin };
            let mandate = Mandate::elected(clock, longest);
            let client = lease_client(settings.terms.call).await?;
            let candidate = Candidate::new(client, clock, settings, mandate.clone(), gates.clone(), metrics.clone());
            (Some(candidate), mandate)
        }
        None => {
            info!("without leader election: no other process may work on the same objects");
            metrics.leads(true);
            (None, Mandate::undisputed())
        }
    };
    let health = server::serve(args.health_listen, gates.clone(), metrics.clone().page());
    let settings = Settings {
        timing,
        sweep_period: args.sweep_period,
        places,
        concurrency: args.concurrency,
        operator_namespace: args.operator_namespace.clone(),
        escrow: !args.no_escrow,
    };
    // Each once: two watches of one namespace would work on the same objects.
    let namespaces: BTreeSet<String> = args.namespaces.into_iter().collect();
    let start = Start {
        client,
        clock,
        clocks,
        settings,
        installation,
        granter: Granter { account: format!("{}:{}", args.operator_namespace, args.service_account), roles },
        namespaces: namespaces.into_iter().collect(),
        writer,
        gates,
        metrics,
        mandate,
        drain: args.shutdown_timeout,
    };
    tokio::select! {
        ended = lead(start, candidate, stop) => ended?,
        ended = health => ended?,
    }
    info!("stopped");
    Ok(())
}

/// Stands by until this process leads, works as long as it does, and lets the lease go if all that was begun has ended.
async fn lead(start: Start, candidate: Option<Candidate>, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    // From the moment when this process leads, or would; until then it is ready without.
    let gates = start.gates.clone();
    let Some(mut candidate) = candidate else {
        gates.add("caches");
        return crate::controller::run(start, stop).await.why;
    };
    if !candidate.acquire(&stop, || gates.add("caches")).await {
        return Ok(());
    }
    let (stop_work, stopped) = watch::channel(false);
    let mut work = pin!(crate::controller::run(start, stopped));
    let ended = {
        let mut hold = pin!(candidate.hold());
        tokio::select! {
            ended = &mut work => Ok(ended),
            loss = &mut hold => Err(loss),
            _ = stop.wait_for(|stop| *stop) => {
                // What was begun is ended under the lease.
                stop_work.send_replace(true);
                tokio::select! {
                    ended = &mut work => Ok(ended),
                    loss = &mut hold => Err(loss),
                }
            }
        }
    };
    let loss = match ended {
        Ok(ended) => {
            match ended.drained {
                true => candidate.release().await,
                false => candidate.keep(),
            }
            return ended.why;
        }
        Err(loss) => loss,
    };
    stop_work.send_replace(true);
    work.await.why?;
    anyhow::bail!("this process leads no more: {loss}; it ends so that it is started anew")
}

/// Names this process in intents: the Pod, else something unique.
fn writer() -> String {
    std::env::var("HOSTNAME")
        .ok()
        .filter(|name| !name.is_empty() && name.len() <= 200)
        .map_or_else(|| uuid::Uuid::new_v4().to_string(), |name| format!("{name}-{}", std::process::id()))
}

async fn signals(sender: watch::Sender<bool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = match signal(SignalKind::terminate()) {
        Ok(term) => term,
        Err(error) => {
            tracing::error!(%error, "SIGTERM cannot be received");
            return;
        }
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    sender.send_replace(true);
    // Kept, so that a second signal does not look like the end of this one.
    sender.closed().await;
}
