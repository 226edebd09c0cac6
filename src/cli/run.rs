//! `switchboard run`: the operator.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use http::Response;
use k8s_openapi::api::core::v1::Namespace;
use kube::client::ClientBuilder;
use kube::{Api, Client, Config, ResourceExt};
use tokio::sync::watch;
use tower::util::MapResponseLayer;
use tracing::info;

use crate::account::Clock;
use crate::api::refs::ProviderKind;
use crate::controller::clock::Clocks;
use crate::controller::context::Settings;
use crate::controller::secrets::{Granter, Roles};
use crate::controller::{Start, deadline};
use crate::core::mark::Installation;
use crate::core::view::Timing;
use crate::metrics::Metrics;
use crate::provider::transport::{BaseUrl, Deadlines, TransportOptions};
use crate::provider::{Places, carrierx, plivo};
use crate::server::{self, Gates};
use crate::telemetry::{self, LogFormat};

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

    /// Where Plivo is. https, or http for a loopback address (a sandbox).
    #[arg(long, env = "SWITCHBOARD_PLIVO_URL", default_value = plivo::DEFAULT_URL, value_name = "URL")]
    pub plivo_url: String,

    /// Where CarrierX is. https, or http for a loopback address (a sandbox).
    #[arg(long, env = "SWITCHBOARD_CARRIERX_URL", default_value = carrierx::DEFAULT_URL, value_name = "URL")]
    pub carrierx_url: String,

    /// PEM file with more certificate authorities for provider addresses (a proxy that inspects TLS, a sandbox).
    #[arg(long, env = "SWITCHBOARD_PROVIDER_CA_FILE", value_name = "FILE")]
    pub provider_ca_file: Option<PathBuf>,

    /// How long an unanswered create may still take effect or stay invisible. All parts of the protocol scale with it; replicas must
    /// agree on it. Shorter than the default only against a sandbox.
    #[arg(long, env = "SWITCHBOARD_SETTLE", default_value = "150s", value_parser = duration, value_name = "DURATION")]
    pub settle: Duration,

    /// How often everything in an account is listed, unless the account says otherwise: drift and registration are seen this fast.
    #[arg(long, env = "SWITCHBOARD_SWEEP_PERIOD", default_value = "60s", value_parser = duration, value_name = "DURATION")]
    pub sweep_period: Duration,

    /// First pause after a failed call; it doubles with each failure, up to 5 minutes.
    #[arg(long, env = "SWITCHBOARD_RETRY_BASE", default_value = "1s", value_parser = duration, value_name = "DURATION")]
    pub retry_base: Duration,

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

    /// Log lines for people or for machines.
    #[arg(long, env = "SWITCHBOARD_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// What to log: a level, or a filter such as switchboard=debug,kube=info.
    #[arg(long, env = "SWITCHBOARD_LOG", default_value = "info,kube_runtime=error", value_name = "FILTER")]
    pub log: String,
}

/// A name that a namespace can have. An empty one, left over in a template, would mean the whole cluster.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    let within = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let formed = (1..=63).contains(&text.len()) && text.bytes().all(within) && !text.starts_with('-') && !text.ends_with('-');
    if formed { Ok(text.to_owned()) } else { Err(format!("{text:?} is no name of a namespace (1 to 63 of a-z, 0-9 and -)")) }
}

/// `150s`, `2m`, `300ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| format!("{text:?} is no duration; write for example 150s, 2m or 300ms"))?;
    let duration = match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        "h" => Duration::from_secs(number.saturating_mul(3600)),
        _ => return Err(format!("{text:?} has no unit; write for example 150s, 2m or 300ms")),
    };
    if duration.is_zero() { Err("must be more than zero".into()) } else { Ok(duration) }
}

/// Where each provider is.
fn urls(args: &RunArgs) -> anyhow::Result<BTreeMap<ProviderKind, BaseUrl>> {
    let given = [(ProviderKind::Plivo, "--plivo-url", &args.plivo_url), (ProviderKind::CarrierX, "--carrierx-url", &args.carrierx_url)];
    let parsed = given.map(|(kind, flag, url)| Ok((kind, BaseUrl::parse(url).with_context(|| format!("{flag} {url}"))?)));
    parsed.into_iter().collect()
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// If a setting is wrong, the API server cannot be reached at the start, or a part of the operator ends by itself.
pub async fn run(args: RunArgs) -> anyhow::Result<()> {
    telemetry::start(args.log_format, &args.log)?;
    let urls = urls(&args)?;
    let extra_roots = match &args.provider_ca_file {
        Some(file) => Some(std::fs::read(file).with_context(|| format!("--provider-ca-file {}", file.display()))?),
        None => None,
    };
    let clock = Clock::start();
    let clocks = Clocks::new(clock);
    let gates = Gates::default();
    gates.add("caches");
    let client = client(&clocks).await?;
    let installation = installation(&client, args.installation_id.as_deref()).await?;
    // Who could read kube-system has the ClusterRole, wherever it is told to work.
    let roles = match args.namespaces.is_empty() || args.installation_id.is_none() {
        true => Roles::Cluster,
        false => Roles::Namespaces,
    };
    let timing = Timing { settle: args.settle, retry_base: args.retry_base };
    let writer = writer();
    info!(version = env!("CARGO_PKG_VERSION"), installation = installation.part(), %writer, settle = ?args.settle, sweep = ?args.sweep_period, "switchboard starts");
    let (sender, stop) = watch::channel(false);
    tokio::spawn(signals(sender));
    let metrics = Metrics::default();
    let health = server::serve(args.health_listen, gates.clone(), metrics.clone().page());
    let settings = Settings {
        timing,
        sweep_period: args.sweep_period,
        places: Places { urls, transport: TransportOptions { deadlines: Deadlines::with_create(timing.create()), extra_roots } },
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
    };
    tokio::select! {
        ended = crate::controller::run(start, stop) => ended?,
        ended = health => ended?,
    }
    info!("stopped");
    Ok(())
}

/// A client whose answers teach the API server's clock.
async fn client(clocks: &Clocks) -> anyhow::Result<Client> {
    let config = Config::infer().await.context("no way to an API server: neither a kubeconfig nor a ServiceAccount was found")?;
    let clocks = clocks.clone();
    let layer = MapResponseLayer::new(move |response: Response<_>| {
        clocks.learn(response.headers());
        response
    });
    Ok(ClientBuilder::try_from(config)?.with_layer(&layer).build())
}

async fn installation(client: &Client, id: Option<&str>) -> anyhow::Result<Installation> {
    if let Some(id) = id {
        anyhow::ensure!(!id.is_empty() && id.len() <= 253, "--installation-id must have 1 to 253 characters");
        return Ok(Installation::new(id));
    }
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = match deadline(namespaces.get("kube-system")).await {
        Ok(namespace) => namespace,
        Err(kube::Error::Api(status)) if status.code == 403 => anyhow::bail!(
            "--installation-id is missing: without it the installation id is derived from the namespace kube-system, which this \
             ServiceAccount may not read (with Roles in single namespaces it never may). Choose an id, pin it where the operator's \
             arguments are kept, and never change it: endpoints are recognised by it"
        ),
        Err(error) => return Err(error).context("the installation id could not be derived from the namespace kube-system"),
    };
    Ok(Installation::new(&namespace.uid().context("kube-system has no uid")?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_named_and_not_left_empty() {
        for good in ["voice", "a", "team-1", &"x".repeat(63)] {
            assert_eq!(namespace(good).as_deref(), Ok(good));
        }
        for bad in ["", " ", "*", "Voice", "voice ", "-voice", "voice-", "voice/x", "voice.x", "..", &"x".repeat(64)] {
            assert!(namespace(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("150s"), Ok(Duration::from_secs(150)));
        assert_eq!(duration("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for bad in ["", "5", "s", "-1s", "1.5s", "5 s", "0s", "1d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
