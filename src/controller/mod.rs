//! The shell on kube-runtime: streams → Controllers → exit when any part ends.

pub mod account;
mod audit;
pub mod binding;
pub mod brakes;
pub mod census;
pub mod claims;
pub mod clock;
pub mod context;
pub mod endpoint;
pub mod escrow;
mod execute;
pub mod gather;
pub mod index;
pub mod leader;
pub mod made;
pub mod managed;
pub mod memories;
pub mod observe;
pub mod pass;
pub mod plan;
pub mod report;
mod rollback;
pub mod secrets;
pub mod trunk_group;
mod wake;
mod watch;

use std::future::Future;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures::channel::mpsc::UnboundedReceiver;
use futures::future::{BoxFuture, select_all};
use futures::{Stream, StreamExt};
use kube::core::DeserializeGuard;
use kube::{Api, Client, ResourceExt};
use kube_runtime::Controller;
use kube_runtime::controller::{Action as Requeue, Config, Error as ControllerError};
use kube_runtime::events::{Recorder, Reporter};
use kube_runtime::reflector::ObjectRef;
use tokio::sync::watch as signal;
use tracing::{debug, info, warn};

use crate::account::{Accounts, Clock, Contacts, Mandate, Settings as AccountSettings};
use crate::api::cluster_provider_account::ClusterProviderAccount;
use crate::api::phone_number_binding::PhoneNumberBinding;
use crate::api::provider_account::ProviderAccount;
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::account::object::{AccountKind, AccountStores};
use crate::controller::binding::bindings::{Bindings, Entry as BindingEntry};
use crate::controller::claims::Claims;
use crate::controller::clock::Clocks;
use crate::controller::context::{Context, Settings};
use crate::controller::index::{Shell, Tracker};
use crate::controller::managed::Managed;
use crate::controller::memories::Memories;
use crate::controller::secrets::{Granter, Secrets};
use crate::controller::trunk_group::TrunkGroup;
use crate::controller::wake::Wakers;
use crate::controller::watch::Cache;
use crate::core::key::ObjectKey;
use crate::core::mark::Installation;
use crate::metrics::Metrics;
use crate::server::Gates;

/// Longest that any one call to the API server may take.
const CALL: Duration = Duration::from_secs(10);

/// A call to the API server under its deadline.
///
/// # Errors
/// The call's own, or a time-out in the same clothes.
pub async fn deadline<T>(call: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    match tokio::time::timeout(CALL, call).await {
        Ok(answer) => answer,
        Err(_) => Err(kube::Error::Service(format!("the API server did not answer within {CALL:?}").into())),
    }
}

/// Everything the controllers are started with.
pub struct Start {
    /// The API server.
    pub client: Client,
    /// Both clocks.
    pub clock: Clock,
    /// The same monotonic clock and the server's.
    pub clocks: Clocks,
    /// Settings.
    pub settings: Settings,
    /// Whose marks we make.
    pub installation: Installation,
    /// Whom namespaces let in, and how.
    pub granter: Granter,
    /// Namespaces to watch; empty: all.
    pub namespaces: Vec<String>,
    /// Names this process in intents.
    pub writer: String,
    /// What readiness waits for.
    pub gates: Gates,
    /// What is counted.
    pub metrics: Metrics,
    /// Until when providers may be called with what changes something.
    pub mandate: Mandate,
    /// Longest that running passes may take to end after the signal to stop.
    pub drain: Duration,
}

/// How the controllers ended.
pub struct Ended {
    /// Nothing is under way any more. If not, a call may be, and nobody else may begin before that could be over.
    pub drained: bool,
    /// An error if a controller ended by itself.
    pub why: anyhow::Result<()>,
}

/// Runs until `stop` says so, then lets running creates be recorded. Ends early if any part ends.
pub async fn run(start: Start, mut stop: signal::Receiver<bool>) -> Ended {
    let scopes: Vec<Option<String>> = match start.namespaces.as_slice() {
        [] => vec![None],
        namespaces => namespaces.iter().cloned().map(Some).collect(),
    };
    let (wakers, woken) = Wakers::new(&scopes);
    let wake = || {
        let wakers = wakers.clone();
        Arc::new(move |key: &ObjectKey| wakers.wake(key))
    };
    let secrets = Secrets::new(start.client.clone(), start.granter.clone(), wake());
    let settings = AccountSettings {
        settle: start.settings.timing.settle,
        sweep_period: start.settings.sweep_period,
        retry_base: start.settings.timing.retry_base,
    };
    start.metrics.may_drift(crate::provider::fields());
    let accounts = Accounts::new(settings, start.clock, wake()).within(start.mandate.clone()).observed_by(Arc::new(start.metrics.clone()));
    let accounts = Arc::new(accounts);
    // Amnesia guard: what was created after the backup was made is at the provider, and nobody here knows of it.
    let in_new_term = Arc::clone(&accounts);
    let went_back: watch::WentBack = Arc::new(move || in_new_term.begin_term());
    let claims = Arc::new(Claims::new(scopes.len()));
    let bindings = Arc::new(Bindings::new(scopes.len()));
    let shell = Shell::default();
    let watched = |scope| {
        let installation = start.installation.clone();
        let entry = move |object: &SipEndpoint| claims::Entry::of(object, &installation);
        let tracker = Tracker::new(&claims, entry, &wakers, &shell);
        let (stream, cache) = watch::objects(api(&start.client, scope), watch::relevant_endpoint, Arc::clone(&went_back), tracker);
        let wakers = wakers.clone();
        // What is news for an endpoint is news for its trunk group.
        let group = |object: &SipEndpoint| ObjectKey::trunk_group(object.namespace().unwrap_or_default(), object.name_any());
        let beside = move |object: &SipEndpoint| wakers.wake(&group(object));
        (stream.inspect(move |event| event.iter().for_each(&beside)), cache)
    };
    let endpoint_streams: Vec<_> = scopes.iter().map(watched).collect();
    let watched = |scope| {
        let tracker = Tracker::new(&bindings, BindingEntry::of, &wakers, &shell);
        watch::objects(api(&start.client, scope), watch::relevant_binding, Arc::clone(&went_back), tracker)
    };
    let binding_streams: Vec<_> = scopes.iter().map(watched).collect();
    let caches: Vec<Cache<SipEndpoint>> = endpoint_streams.iter().map(|(_, cache)| cache.clone()).collect();
    let binding_caches: Vec<Cache<PhoneNumberBinding>> = binding_streams.iter().map(|(_, cache)| cache.clone()).collect();
    let ctx = Arc::new(Context {
        client: start.client.clone(),
        accounts,
        states: Mutex::default(),
        terms: Mutex::default(),
        gone_accounts: Mutex::default(),
        brakes: brakes::Brakes::default(),
        censuses: census::Censuses::default(),
        account_objects: OnceLock::new(),
        escrows: escrow::Escrows::default(),
        credentials: Mutex::default(),
        contacts: Contacts::new(start.clock, Arc::new(start.metrics.clone())),
        proven: Mutex::default(),
        endpoints: caches.iter().map(|cache| cache.store.clone()).collect(),
        claims,
        bindings,
        binding_memories: Memories::default(),
        referrers: Mutex::default(),
        secrets,
        memories: Memories::default(),
        group_memories: Memories::default(),
        groups_let_go: Mutex::default(),
        clock: start.clocks,
        settings: start.settings,
        installation: start.installation,
        events: Recorder::new(start.client.clone(), Reporter { controller: "switchboard".into(), instance: Some(start.writer.clone()) }),
        writer: start.writer,
        scopes: scopes.clone(),
        wakers,
        stopping: std::sync::atomic::AtomicBool::new(false),
        passes: signal::Sender::new(0),
        metrics: start.metrics,
    });
    observe::show(&ctx, binding_caches.iter().map(|cache| cache.store.clone()).collect());
    // The streams are not polled yet, so nobody has missed it.
    let _ = shell.set(Arc::clone(&ctx));
    let concurrency = Config::default().concurrency(ctx.settings.concurrency);
    let mut parts: Vec<BoxFuture<'static, &'static str>> = Vec::new();
    for ((scope, wakes), (stream, cache)) in woken.endpoints.into_iter().zip(endpoint_streams) {
        debug!(?scope, "watching SipEndpoints");
        parts.push(managed((stream, cache), wakes, concurrency.clone(), stop.clone(), Arc::clone(&ctx), "the SipEndpoint controller"));
    }
    for ((_, wakes), cache) in woken.trunk_groups.into_iter().zip(&caches) {
        parts.push(trunk_group_controller(cache.clone(), wakes, concurrency.clone(), stop.clone(), Arc::clone(&ctx)));
    }
    for ((scope, wakes), (stream, cache)) in woken.bindings.into_iter().zip(binding_streams) {
        debug!(?scope, "watching PhoneNumberBindings");
        let name = "the PhoneNumberBinding controller";
        parts.push(managed((stream, cache), wakes, concurrency.clone(), stop.clone(), Arc::clone(&ctx), name));
    }
    let (mut own, mut shared) = (Vec::new(), Vec::new());
    for (scope, wakes) in woken.accounts {
        let (part, cache) = account_controller::<ProviderAccount>(&ctx, api(&ctx.client, &scope), wakes, &went_back, stop.clone());
        own.push(cache);
        parts.push(part);
    }
    if woken.cluster_accounts.is_empty() {
        info!("only some namespaces are watched, so ClusterProviderAccounts are not served: who refers to one is told that there is none");
    }
    for (_, wakes) in woken.cluster_accounts {
        let everywhere = Api::all(ctx.client.clone());
        let (part, cache) = account_controller::<ClusterProviderAccount>(&ctx, everywhere, wakes, &went_back, stop.clone());
        shared.push(cache);
        parts.push(part);
    }
    let (tidying, stop_tidying) = (Arc::clone(&ctx), stop.clone());
    parts.push(Box::pin(async move {
        tokio::select! {
            () = escrow::tidy(&tidying) => {}
            () = stopped(stop_tidying) => {}
        }
        "the keeper of the escrow"
    }));
    let gates = start.gates;
    let listed = Arc::clone(&ctx);
    tokio::spawn(async move {
        for cache in &mut own {
            cache.listed().await;
        }
        for cache in &mut shared {
            cache.listed().await;
        }
        let stores = |own: Vec<Cache<_>>| own.into_iter().map(|cache| cache.store).collect();
        listed.accounts_listed(AccountStores { own: stores(own), shared: shared.into_iter().map(|cache| cache.store).collect() });
        for mut cache in caches {
            cache.listed().await;
        }
        for mut cache in binding_caches {
            cache.listed().await;
        }
        gates.open("caches");
        info!("watching; the caches are filled");
    });
    let ended = tokio::select! {
        (ended, _, _) = select_all(parts) => Some(ended),
        () = stopped(stop.clone()) => None,
    };
    let asked = *stop.borrow_and_update();
    ctx.stopping.store(true, Ordering::SeqCst);
    let drained = drain(&ctx, &start.mandate, start.drain).await;
    let why = match ended {
        Some(part) if !asked => Err(anyhow::anyhow!("{part} ended by itself; the process ends so that it is started anew")),
        _ => Ok(()),
    };
    Ended { drained, why }
}

/// The controller of one kind of account objects, in one watch.
fn account_controller<K: AccountKind>(
    ctx: &Arc<Context>,
    api: Api<DeserializeGuard<K>>,
    wakes: UnboundedReceiver<ObjectRef<K>>,
    went_back: &watch::WentBack,
    stop: signal::Receiver<bool>,
) -> (BoxFuture<'static, &'static str>, Cache<K>) {
    let tracker = account::Tracker(Arc::clone(ctx));
    let (stream, cache) = watch::objects(api, watch::relevant_account, Arc::clone(went_back), tracker);
    let controller = Controller::for_stream(stream, cache.store.clone())
        .with_config(Config::default().concurrency(ctx.settings.concurrency))
        .reconcile_on(wakes)
        .graceful_shutdown_on(stopped(stop))
        .run(account::reconcile, |_, error, _| retry(error), Arc::clone(ctx))
        .for_each(|result| async move { log(K::KIND.as_str(), result) });
    let part = async move {
        controller.await;
        "an account controller"
    };
    (Box::pin(part), cache)
}

/// The controller of one watch of a managed kind, until it ends.
fn managed<K: Managed>(
    (stream, cache): (impl Stream<Item = Result<K, kube_runtime::watcher::Error>> + Send + 'static, Cache<K>),
    wakes: UnboundedReceiver<ObjectRef<K>>,
    config: Config,
    stop: signal::Receiver<bool>,
    ctx: Arc<Context>,
    name: &'static str,
) -> BoxFuture<'static, &'static str> {
    let controller = Controller::for_stream(stream, cache.store)
        .with_config(config)
        .reconcile_on(wakes)
        .graceful_shutdown_on(stopped(stop))
        .run(pass::reconcile::<K>, |_, error, _| retry(error), ctx)
        .for_each(|result| async move { log(K::KIND.as_str(), result) });
    Box::pin(async move {
        controller.await;
        name
    })
}

/// The controller of the trunk groups of one watch of SipEndpoints, until it ends. The watch itself is that one's.
fn trunk_group_controller(
    mut cache: Cache<SipEndpoint>,
    wakes: UnboundedReceiver<ObjectRef<SipEndpoint>>,
    config: Config,
    stop: signal::Receiver<bool>,
    ctx: Arc<Context>,
) -> BoxFuture<'static, &'static str> {
    Box::pin(async move {
        // A Controller waits for its store in a way of which only one may wait at a time.
        cache.listed().await;
        let controller = Controller::for_stream(futures::stream::pending(), cache.store)
            .with_config(config)
            .reconcile_on(wakes)
            .graceful_shutdown_on(stopped(stop))
            .run(trunk_group::reconcile, |_, error, _| retry(error), ctx);
        controller.for_each(|result| async move { log(TrunkGroup::KIND.as_str(), result) }).await;
        "the trunk group controller"
    })
}

/// Waits for running passes: a create that was sent is recorded before the process ends. Who does not lead any more has no time left but
/// what was its own. Answers whether all have ended.
async fn drain(ctx: &Context, mandate: &Mandate, longest: Duration) -> bool {
    let mut passes = ctx.passes.subscribe();
    let running = *passes.borrow();
    if running > 0 {
        info!(running, "shutting down; running passes are finished");
    }
    let left = mandate.rest().map_or(longest, |rest| rest.min(longest));
    let drained = tokio::time::timeout(left, passes.wait_for(|running| *running == 0)).await.is_ok();
    if !drained {
        warn!("some passes did not end in {left:?}; their intents are durable and are resolved after the next start");
    }
    drained
}

async fn stopped(mut stop: signal::Receiver<bool>) {
    // A dropped sender means that the process is ending as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn api<K>(client: &Client, scope: &Option<String>) -> Api<K>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
{
    match scope {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

fn retry(error: &pass::ReconcileError) -> Requeue {
    warn!(%error, "reconcile failed; trying again");
    Requeue::requeue(Duration::from_secs(10))
}

fn log<K>(kind: &str, result: Result<(ObjectRef<K>, Requeue), ControllerError<pass::ReconcileError, kube_runtime::watcher::Error>>)
where
    K: kube::Resource<DynamicType = ()>,
{
    match result {
        Ok(_) => {}
        // A wake for an object that went meanwhile (trap T23).
        Err(ControllerError::ObjectNotFound(_)) => {}
        Err(error) => warn!(kind, %error, "controller"),
    }
}
