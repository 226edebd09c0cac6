//! `switchboard plan`: what would happen, and nothing of it.

mod apply;
mod manifests;
mod print;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use k8s_openapi::api::core::v1::Secret;
use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::apply::Fate;
use self::manifests::Manifest;
use self::print::{Fates, Outcome, print};
use super::shared::{self, ProviderArgs, client, duration, installation, namespace};
use crate::account::Clock;
use crate::api::provider_account::ProviderAccountSpec;
use crate::api::refs::AccountRef;
use crate::api::{ClusterProviderAccount, SipEndpoint};
use crate::controller::clock::Clocks;
use crate::controller::context::Settings;
use crate::controller::managed::{account_of, key};
use crate::controller::plan::{Begin, Cluster, Planned, plan};
use crate::core::key::{Kind, ObjectKey};
use crate::core::view::Timing;
use crate::provider;
use crate::provider::transport::Deadlines;

/// Which manifests, and where.
#[derive(Args, Clone, Debug)]
#[command(args_override_self = true)]
pub struct PlanArgs {
    /// A file, a folder (its .yaml, .yml and .json files) or - for the standard input (repeatable). Without it the plan is for what is in the
    /// cluster now.
    #[arg(short = 'f', long = "filename", value_name = "FILE|DIR|-")]
    pub filenames: Vec<PathBuf>,

    /// Read folders below folders as well.
    #[arg(short = 'R', long)]
    pub recursive: bool,

    /// The namespace of manifests that name none, and the one that is looked at without manifests. Without it the kubeconfig's.
    #[arg(short = 'n', long, value_parser = namespace, value_name = "NAME")]
    pub namespace: Option<String>,

    /// Without manifests: look at all namespaces.
    #[arg(short = 'A', long, conflicts_with_all = ["filenames", "namespace"])]
    pub all_namespaces: bool,

    /// Where the providers are.
    #[command(flatten)]
    pub providers: ProviderArgs,

    /// As the operator's: see `switchboard run --help`.
    #[arg(long, env = "SWITCHBOARD_INSTALLATION_ID", value_name = "ID")]
    pub installation_id: Option<String>,

    /// The namespace that the operator runs in: Secrets of ClusterProviderAccounts are there.
    #[arg(long, env = "SWITCHBOARD_OPERATOR_NAMESPACE", default_value = "switchboard-system", value_name = "NAME")]
    pub operator_namespace: String,

    /// Longest that all reads at the providers may take together.
    #[arg(long, default_value = "2m", value_parser = duration, value_name = "DURATION")]
    pub timeout: Duration,

    /// Show objects of which there is nothing to say as well, and every action of each.
    #[arg(short = 'v', long)]
    pub verbose: bool,
}

impl PlanArgs {
    /// Prints the plan. The exit code is 0 if there is nothing to do, 2 if there is, 1 if that cannot be told.
    ///
    /// # Errors
    /// No plan could be made at all.
    pub fn run(&self, out: &mut impl Write) -> ExitCode {
        let mut told = |planned: anyhow::Result<(String, Outcome)>| match planned {
            Ok((text, outcome)) => {
                // Whoever closed it is served by the exit code.
                let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
                ExitCode::from(outcome.code())
            }
            Err(error) => {
                eprintln!("no plan could be made: {error:#}");
                ExitCode::from(Outcome::Failed.code())
            }
        };
        match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => shared::to_its_end(runtime, self.plan(), told),
            Err(error) => told(Err(error.into())),
        }
    }

    async fn plan(&self) -> anyhow::Result<(String, Outcome)> {
        let manifests = manifests::read(&self.filenames, self.recursive)?;
        anyhow::ensure!(self.filenames.is_empty() || !manifests.is_empty(), "there is no object in the manifests");
        // The settle time says how long the plan waits on paper, not at the clock.
        let timing = Timing { settle: Duration::from_secs(150), retry_base: Duration::from_secs(1) };
        let places = self.providers.places(Deadlines::with_create(timing.create()))?;
        let clock = Clock::start();
        let clocks = Clocks::new(clock);
        let client = client(Some(&clocks)).await?;
        let home = self.namespace.clone().unwrap_or_else(|| client.default_namespace().to_owned());
        let mut applied = Applied::of(&client, manifests, &home).await?;
        let told = |planned: &[Planned], applied: &Applied| {
            let fates = Some(&applied.fates).filter(|_| !self.filenames.is_empty());
            let (text, outcome) = print(planned, fates, &applied.refused, self.verbose);
            (applied.notes() + &text, outcome)
        };
        // Why something cannot be applied is told without any other right.
        if !self.filenames.is_empty() && applied.objects.is_empty() && applied.secrets.is_empty() {
            return Ok(told(&[], &applied));
        }
        let mut spaces = std::mem::take(&mut applied.spaces);
        spaces.extend((!self.all_namespaces && self.filenames.is_empty()).then(|| home.clone()));
        let mut cluster = listed(&client, &spaces).await?;
        let installation = installation(&client, self.installation_id.as_deref()).await?;
        applied.lay_over(&mut cluster)?;
        let wanted = match self.filenames.is_empty() {
            true => present(&cluster, Some(&spaces).filter(|_| !self.all_namespaces)),
            false => applied.concerned(&cluster, &self.operator_namespace),
        };
        same_installation(&cluster, &wanted, installation.part())?;
        let settings = Settings {
            timing,
            // Nothing is listed twice.
            sweep_period: Duration::from_secs(3600),
            places,
            concurrency: 1,
            operator_namespace: self.operator_namespace.clone(),
            escrow: false,
        };
        let begin = Begin { client, clock, clocks, settings, installation, cluster, patience: self.timeout };
        let planned = plan(begin, &wanted).await;
        Ok(told(&planned, &applied))
    }
}

/// What the manifests amount to.
#[derive(Default)]
struct Applied {
    objects: Vec<(Kind, Value)>,
    fates: Fates,
    /// Which (as people name it), and why.
    refused: Vec<(String, String)>,
    secrets: Vec<Secret>,
    /// The namespaces of all objects that are looked at, whatever becomes of them.
    spaces: BTreeSet<String>,
    /// Kinds that are none of ours, and how many of each.
    others: BTreeMap<String, usize>,
}

impl Applied {
    async fn of(client: &Client, manifests: Vec<Manifest>, home: &str) -> anyhow::Result<Self> {
        let mut applied = Self::default();
        let namespaces = manifests.iter().filter(|manifest| (manifest.text("/apiVersion"), manifest.text("/kind")) == ("v1", "Namespace"));
        let made: BTreeSet<String> = namespaces.map(|manifest| manifest.text("/metadata/name").to_owned()).collect();
        for manifest in manifests {
            let own = Some(manifest.text("/metadata/namespace")).filter(|named| !named.is_empty()).unwrap_or(home).to_owned();
            let (of_kind, name) = (apply::kind_of(&manifest), manifest.text("/metadata/name"));
            let is_secret = (manifest.text("/apiVersion"), manifest.text("/kind")) == ("v1", "Secret");
            if !is_secret && !apply::ours(&manifest) {
                *applied.others.entry(manifest.text("/kind").to_owned()).or_default() += 1;
                continue;
            }
            let namespace = if of_kind.is_some_and(|(kind, _)| kind == Kind::ClusterProviderAccount) { "" } else { own.as_str() };
            let place = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
            let called = format!("{} {place}{name}", manifest.text("/kind"));
            if !namespace.is_empty() && shared::namespace(namespace).is_ok() {
                applied.spaces.insert(own.clone());
            }
            // Before anything is asked about it.
            if let Err(why) = apply::placed(&manifest, &own) {
                applied.refused.push((called, why));
                continue;
            }
            let Some((kind, plural)) = of_kind else {
                applied.secrets.extend(apply::secret(client, &manifest, &own).await?);
                continue;
            };
            let key = ObjectKey { kind, namespace: namespace.to_owned(), name: name.to_owned() };
            match apply::dry_run(client, &manifest, plural, namespace).await {
                Ok((object, fate)) => {
                    applied.fates.insert(key, fate);
                    applied.objects.push((kind, object));
                }
                Err(error) => {
                    let mut why = format!("{error:#}");
                    if made.contains(namespace) && why.contains(&format!("namespaces {namespace:?} not found")) {
                        why.push_str("; Namespace ");
                        why.push_str(namespace);
                        why.push_str(" is among the manifests, and a dry run makes none: apply it first, then ask for the plan");
                    }
                    applied.refused.push((called, why));
                }
            }
        }
        Ok(applied)
    }

    fn lay_over(&mut self, cluster: &mut Cluster) -> anyhow::Result<()> {
        for (kind, object) in std::mem::take(&mut self.objects) {
            match kind {
                Kind::SipEndpoint | Kind::TrunkGroup => replace(&mut cluster.endpoints, object)?,
                Kind::PhoneNumberBinding => replace(&mut cluster.bindings, object)?,
                Kind::ProviderAccount => replace(&mut cluster.accounts, object)?,
                Kind::ClusterProviderAccount => replace(&mut cluster.shared, object)?,
            }
        }
        cluster.secrets.clone_from(&self.secrets);
        Ok(())
    }

    /// Accounts whose credentials are among the manifests, and not as they were.
    fn renewed(&self, cluster: &Cluster, operator_namespace: &str) -> Vec<ObjectKey> {
        let credentials =
            |namespace: &str, spec: &ProviderAccountSpec| provider::credentials_secret(spec).is_some_and(|name| self.has(namespace, name));
        let own = cluster.accounts.iter().map(|account| (account.namespace().unwrap_or_default(), account));
        let own = own.filter(|(namespace, account)| credentials(namespace, &account.spec));
        let own = own.map(|(namespace, account)| ObjectKey::account(namespace, account.name_any()));
        let shared = cluster.shared.iter().filter(|account| credentials(operator_namespace, &account.spec.common()));
        own.chain(shared.map(|account| ObjectKey::cluster_account(account.name_any()))).collect()
    }

    /// There is such a Secret in the manifests.
    fn has(&self, namespace: &str, name: &str) -> bool {
        self.secrets.iter().any(|secret| secret.name_any() == name && secret.namespace().as_deref() == Some(namespace))
    }

    /// The objects of the manifests, and those for which they change something.
    fn concerned(&mut self, cluster: &Cluster, operator_namespace: &str) -> BTreeSet<ObjectKey> {
        for account in self.renewed(cluster, operator_namespace) {
            let fate = self.fates.entry(account).or_insert(Fate::Renewed);
            if !fate.matters() {
                *fate = Fate::Renewed;
            }
        }
        // What only people and other tools look at changes nothing for anybody else.
        let changed = |key: &ObjectKey| self.fates.get(key).is_some_and(Fate::matters);
        let says_else = |key: &ObjectKey| self.fates.get(key).is_some_and(|fate| *fate != Fate::Same);
        let managed = |key: &&ObjectKey| matches!(key.kind, Kind::SipEndpoint | Kind::PhoneNumberBinding);
        let mut wanted: BTreeSet<ObjectKey> = self.fates.keys().filter(|key| managed(key) || says_else(key)).cloned().collect();
        let account = |namespace: &str, account: &AccountRef| changed(&ObjectKey::referred(namespace, account));
        for object in &cluster.endpoints {
            let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
            let secrets = provider::secrets(&object.spec).into_iter().map(|at| at.name);
            let mut secrets = secrets.chain(object.spec.connection_secret.iter().map(|at| at.name.clone()));
            if secrets.any(|name| self.has(&namespace, &name)) || account(&namespace, &object.spec.account_ref) {
                wanted.insert(ObjectKey::endpoint(namespace, name));
            }
        }
        for object in &cluster.bindings {
            let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
            let target = &object.spec.target;
            let targets = target.application_of.iter().chain(&target.endpoint_ref);
            let targets: Vec<ObjectKey> = targets.map(|target| ObjectKey::endpoint(namespace.clone(), &target.name)).collect();
            let key = ObjectKey::binding(namespace.clone(), name);
            let follows = targets.iter().any(&changed);
            if follows || account(&namespace, &object.spec.account_ref) {
                wanted.insert(key.clone());
            }
            if changed(&key) {
                // A trunk group may be made there because of it.
                wanted.extend(targets);
            }
        }
        wanted
    }

    fn notes(&self) -> String {
        if self.others.is_empty() {
            return String::new();
        }
        let others: Vec<String> = self.others.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        format!("Not looked at: {}.\n\n", others.join(", "))
    }
}

fn replace<K: Resource<DynamicType = ()> + DeserializeOwned>(all: &mut Vec<K>, object: Value) -> anyhow::Result<()> {
    let object: K =
        serde_json::from_value(object).with_context(|| format!("reading a {} as the API server would store it", K::kind(&())))?;
    let place = |object: &K| (object.namespace(), object.name_any());
    let new = place(&object);
    all.retain(|other| place(other) != new);
    all.push(object);
    Ok(())
}

/// All SipEndpoints and PhoneNumberBindings, of these namespaces only if they are named.
fn present(cluster: &Cluster, namespaces: Option<&BTreeSet<String>>) -> BTreeSet<ObjectKey> {
    let within = |key: &ObjectKey| namespaces.is_none_or(|namespaces| namespaces.contains(&key.namespace));
    let endpoints = cluster.endpoints.iter().map(|object| ObjectKey::endpoint(object.namespace().unwrap_or_default(), object.name_any()));
    let bindings = cluster.bindings.iter().map(|object| ObjectKey::binding(object.namespace().unwrap_or_default(), object.name_any()));
    endpoints.chain(bindings).filter(within).collect()
}

/// Everything of our kinds; only of these namespaces, where no more may be listed.
async fn listed(client: &Client, namespaces: &BTreeSet<String>) -> anyhow::Result<Cluster> {
    let everywhere = list::<SipEndpoint>(&Api::all(client.clone())).await;
    let cluster_wide = match everywhere {
        Ok(endpoints) => Some(endpoints),
        Err(error) if forbidden(&error) && !namespaces.is_empty() => None,
        Err(error) => return Err(error).context("listing sipendpoints"),
    };
    let shared = match list::<ClusterProviderAccount>(&Api::all(client.clone())).await {
        Ok(shared) => shared,
        // Who may not see them is told that there is none, by whoever refers to one.
        Err(error) if forbidden(&error) => Vec::new(),
        Err(error) => return Err(error).context("listing clusterprovideraccounts"),
    };
    Ok(match cluster_wide {
        Some(endpoints) => Cluster {
            endpoints,
            bindings: list(&Api::all(client.clone())).await.context("listing phonenumberbindings")?,
            accounts: list(&Api::all(client.clone())).await.context("listing provideraccounts")?,
            shared,
            secrets: Vec::new(),
            scopes: vec![None],
        },
        None => Cluster {
            endpoints: within(client, namespaces).await?,
            bindings: within(client, namespaces).await?,
            accounts: within(client, namespaces).await?,
            shared,
            secrets: Vec::new(),
            scopes: namespaces.iter().cloned().map(Some).collect(),
        },
    })
}

fn forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}

async fn within<K>(client: &Client, namespaces: &BTreeSet<String>) -> anyhow::Result<Vec<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let mut found = Vec::new();
    for namespace in namespaces {
        let listed = list::<K>(&Api::namespaced(client.clone(), namespace)).await;
        found.extend(listed.with_context(|| format!("listing {} in namespace {namespace}", K::plural(&())))?);
    }
    Ok(found)
}

/// What cannot be decoded is left alone, as the operator leaves it.
async fn list<K>(api: &Api<DeserializeGuard<K>>) -> kube::Result<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    Ok(shared::list(api).await?.into_iter().filter_map(|object| object.0.ok()).collect())
}

/// A plan under another installation id than the operator's would make everything anew. Of accounts those count that are planned themselves, or
/// that something planned refers to: another operator may serve the others.
fn same_installation(cluster: &Cluster, wanted: &BTreeSet<ObjectKey>, own: &str) -> anyhow::Result<()> {
    let endpoints = cluster.endpoints.iter().filter(|object| wanted.contains(&key(*object))).map(account_of);
    let bindings = cluster.bindings.iter().filter(|object| wanted.contains(&key(*object))).map(account_of);
    let used: BTreeSet<ObjectKey> = endpoints.chain(bindings).chain(wanted.iter().cloned()).collect();
    let own_accounts = cluster.accounts.iter().map(|account| {
        let key = ObjectKey::account(account.namespace().unwrap_or_default(), account.name_any());
        (key, account.status.as_ref())
    });
    let shared = cluster.shared.iter().map(|account| (ObjectKey::cluster_account(account.name_any()), account.status.as_ref()));
    for (key, status) in own_accounts.chain(shared).filter(|(key, _)| used.contains(key)) {
        let Some(other) = status.and_then(|status| status.installation.as_deref()) else { continue };
        anyhow::ensure!(
            other == own,
            "the operator here is installation {other}, as {} {key} says, and this plan would be made for {own}: give --installation-id as the operator has it (the chart's value installationId); what several operators serve is planned one namespace at a time (-n)",
            key.kind
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
