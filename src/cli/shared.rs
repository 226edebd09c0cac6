//! What several subcommands need: the way to the cluster and to the providers.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use http::Response;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::client::ClientBuilder;
use kube::core::DeserializeGuard;
use kube::{Api, Client, Config, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;
use tower::util::MapResponseLayer;

use crate::api::refs::ProviderKind;
use crate::controller::clock::Clocks;
use crate::controller::deadline;
use crate::core::mark::Installation;
use crate::provider::transport::{BaseUrl, Deadlines, TransportOptions};
use crate::provider::{Places, carrierx, plivo};

/// Where the providers are and whom to trust there.
#[derive(Args, Clone, Debug)]
pub struct ProviderArgs {
    /// Where Plivo is. https, or http for a loopback address (a sandbox).
    #[arg(long, env = "SWITCHBOARD_PLIVO_URL", default_value = plivo::DEFAULT_URL, value_name = "URL")]
    pub plivo_url: String,

    /// Where CarrierX is. https, or http for a loopback address (a sandbox).
    #[arg(long, env = "SWITCHBOARD_CARRIERX_URL", default_value = carrierx::DEFAULT_URL, value_name = "URL")]
    pub carrierx_url: String,

    /// PEM file with more certificate authorities for provider addresses (a proxy that inspects TLS, a sandbox).
    #[arg(long, env = "SWITCHBOARD_PROVIDER_CA_FILE", value_name = "FILE")]
    pub provider_ca_file: Option<PathBuf>,
}

impl ProviderArgs {
    /// Judged before anything is contacted.
    ///
    /// # Errors
    /// An address that is no place for credentials, or a file that cannot be read.
    pub fn places(&self, deadlines: Deadlines) -> anyhow::Result<Places> {
        let given = [(ProviderKind::Plivo, "--plivo-url", &self.plivo_url), (ProviderKind::CarrierX, "--carrierx-url", &self.carrierx_url)];
        let parsed = given.map(|(kind, flag, url)| Ok((kind, BaseUrl::parse(url).with_context(|| format!("{flag} {url}"))?)));
        let urls = parsed.into_iter().collect::<anyhow::Result<BTreeMap<_, _>>>()?;
        let extra_roots = match &self.provider_ca_file {
            Some(file) => Some(std::fs::read(file).with_context(|| format!("--provider-ca-file {}", file.display()))?),
            None => None,
        };
        Ok(Places { urls, transport: TransportOptions { deadlines, extra_roots } })
    }
}

/// A name that a namespace can have. An empty one, left over in a template, would mean the whole cluster.
///
/// # Errors
/// What a name of a namespace looks like.
pub fn namespace(text: &str) -> Result<String, String> {
    let within = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let formed = (1..=63).contains(&text.len()) && text.bytes().all(within) && !text.starts_with('-') && !text.ends_with('-');
    if formed { Ok(text.to_owned()) } else { Err(format!("{text:?} is no name of a namespace (1 to 63 of a-z, 0-9 and -)")) }
}

/// `150s`, `2m`, `300ms`.
///
/// # Errors
/// What a duration looks like.
pub fn duration(text: &str) -> Result<Duration, String> {
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

/// A client of the API server that the kubeconfig or the ServiceAccount leads to; its answers teach the server's clock, if there is one.
///
/// # Errors
/// When neither leads anywhere.
pub async fn client(clocks: Option<&Clocks>) -> anyhow::Result<Client> {
    let config = Config::infer().await.context("no way to an API server: neither a kubeconfig nor a ServiceAccount was found")?;
    let Some(clocks) = clocks.cloned() else { return Ok(Client::try_from(config)?) };
    let layer = MapResponseLayer::new(move |response: Response<_>| {
        clocks.learn(response.headers());
        response
    });
    Ok(ClientBuilder::try_from(config)?.with_layer(&layer).build())
}

/// A client for the lease alone: it retries nothing by itself and gives up soon, connecting included.
///
/// # Errors
/// As [`client`].
pub async fn lease_client(longest: Duration) -> anyhow::Result<Client> {
    let mut config = Config::infer().await.context("no way to an API server: neither a kubeconfig nor a ServiceAccount was found")?;
    (config.connect_timeout, config.read_timeout, config.write_timeout) = (Some(longest), Some(longest), Some(longest));
    (config.reset_reader_on_write, config.default_retry) = (true, false);
    Ok(Client::try_from(config)?)
}

/// Whose marks are made: the given id, else the uid of the namespace kube-system.
///
/// # Errors
/// The id has no usable length, or there is none and the namespace may not be read.
pub async fn installation(client: &Client, id: Option<&str>) -> anyhow::Result<Installation> {
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

/// So long the end of a command waits for what blocks a thread: a name that is being resolved, a file that does not answer.
const BLOCKED: Duration = Duration::from_secs(1);

/// Does the work, then tells what came of it, and only then ends the runtime. A runtime that is dropped waits without limit for what blocks
/// a thread, and that is nobody's business any more.
pub fn to_its_end<T, R>(runtime: Runtime, work: impl Future<Output = T>, tell: impl FnOnce(T) -> R) -> R {
    let told = tell(runtime.block_on(work));
    runtime.shutdown_timeout(BLOCKED);
    told
}

/// Objects in one answer of the API server.
const PAGE: u32 = 500;

/// All objects, page by page, with those that cannot be decoded among them.
///
/// # Errors
/// The API server's, or a page that takes too long.
pub async fn list<K>(api: &Api<DeserializeGuard<K>>) -> kube::Result<Vec<DeserializeGuard<K>>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let mut params = ListParams::default().limit(PAGE);
    let mut all = Vec::new();
    loop {
        let page = deadline(api.list(&params)).await?;
        all.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{RecvTimeoutError, channel};

    use super::*;

    #[test]
    fn what_blocks_a_thread_is_neither_waited_for_by_what_is_told_nor_by_the_end() {
        for mut builder in [tokio::runtime::Builder::new_current_thread(), tokio::runtime::Builder::new_multi_thread()] {
            let (free, parked) = channel::<()>();
            let (begin, begun) = channel();
            let (give_up, given_up) = channel();
            let work = async move {
                tokio::task::spawn_blocking(move || {
                    begin.send(()).expect("somebody waits for that");
                    // Who waits for this thread fails the test, and does not hang it.
                    if parked.recv_timeout(Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {
                        give_up.send(()).expect("somebody looks for that");
                    }
                });
                begun.recv().expect("it blocks")
            };
            to_its_end(builder.build().expect("a runtime"), work, |()| assert!(given_up.try_recv().is_err(), "told too late"));
            assert!(given_up.try_recv().is_err(), "it was waited for");
            drop(free);
        }
    }

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
