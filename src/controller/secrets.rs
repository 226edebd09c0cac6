//! Secrets by consent: one metadata watch for each namespace that is referred to, values read when they are needed and kept as
//! [`Secret`] in memory only.

mod consent;
mod generate;
mod write;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::PartialObjectMeta;
use kube::{Api, Client, ResourceExt};
use kube_runtime::watcher::{self, Event};
use tokio::task::AbortHandle;
use tracing::{debug, warn};

pub use self::consent::{Consent, Granter, Roles};
pub use self::generate::password as generated;
pub use self::write::NotWritten;
use crate::api::ANNOTATION_CONNECTION;
use crate::api::condition::Reason;
use crate::api::ledger::SecretVersion;
use crate::controller::deadline;
use crate::core::key::ObjectKey;
use crate::core::view::Problem;

/// After a refused watch: consent given by then is noticed without a restart, within a minute.
const DENIED_RETRY: Duration = Duration::from_secs(20);
/// After any other failure of a watch.
const FAILED_RETRY: Duration = Duration::from_secs(2);
/// Seconds after which a watch is begun anew where it ended: rights are checked only then, so that consent withdrawn is noticed.
const WATCH_AGAIN: u32 = 60;

/// Called with whoever depends on a Secret that changed.
pub type SecretWaker = Arc<dyn Fn(&ObjectKey) + Send + Sync>;

/// A Secret's content with the version that it was read at.
#[derive(Clone)]
pub struct Content {
    /// Which version this is.
    pub version: SecretVersion,
    data: Arc<BTreeMap<String, crate::core::fields::Secret>>,
    owners: Vec<OwnerReference>,
    connection_of: Option<String>,
}

impl Content {
    /// What a Secret holds.
    pub fn of(secret: Secret) -> Self {
        let version =
            SecretVersion { uid: secret.uid().unwrap_or_default(), resource_version: secret.resource_version().unwrap_or_default() };
        // Bytes that are not text become text that no rule accepts; the value's own check names the position.
        let data = secret.data.unwrap_or_default().into_iter();
        let data = data.map(|(key, bytes)| (key, crate::core::fields::Secret::from_bytes(bytes.0)));
        Self {
            version,
            data: Arc::new(data.collect()),
            owners: secret.metadata.owner_references.unwrap_or_default(),
            connection_of: secret.metadata.annotations.and_then(|mut annotations| annotations.remove(ANNOTATION_CONNECTION)),
        }
    }

    /// The bytes of a key.
    ///
    /// # Errors
    /// [`Reason::SecretKeyMissing`] with the Secret's name, without the names of its other keys.
    pub fn key(&self, secret: &str, key: &str) -> Result<&[u8], Problem> {
        self.value(secret, key).map(|value| value.expose().as_bytes())
    }

    /// The value of a key.
    ///
    /// # Errors
    /// As [`Content::key`].
    pub fn value(&self, secret: &str, key: &str) -> Result<&crate::core::fields::Secret, Problem> {
        self.get(key).ok_or_else(|| Problem {
            reason: Reason::SecretKeyMissing,
            message: format!("Secret {secret} has no key {key:?}; add it, this goes on by itself within a second"),
        })
    }

    /// The value of a key, if there is one.
    pub fn get(&self, key: &str) -> Option<&crate::core::fields::Secret> {
        self.data.get(key)
    }

    /// The object of this uid is its controller.
    pub fn is_owned_by(&self, uid: &str) -> bool {
        self.owners.iter().any(|owner| owner.uid == uid)
    }

    /// It was put there for the object of this kind and name: it says so, and belongs to nobody else. An owner of the same kind and name is
    /// a former object of that name.
    pub fn is_meant_for(&self, kind: &str, name: &str) -> bool {
        self.connection_of.as_deref() == Some(name) && self.owners.iter().all(|owner| owner.kind == kind && owner.name == name)
    }
}

#[derive(Default)]
struct Namespace {
    /// Versions as the watch knows them; `None` while there is no list yet.
    versions: Option<HashMap<String, SecretVersion>>,
    denied: bool,
    dependents: HashMap<String, HashSet<ObjectKey>>,
    values: HashMap<String, Content>,
    task: Option<AbortHandle>,
}

/// All watched namespaces.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
    granter: Granter,
    waker: SecretWaker,
    watched: bool,
    namespaces: Arc<Mutex<HashMap<String, Namespace>>>,
}

impl Secrets {
    /// `granter`: for the command that grants consent.
    pub fn new(client: Client, granter: Granter, waker: SecretWaker) -> Self {
        Self { client, granter, waker, watched: true, namespaces: Arc::default() }
    }

    /// For one look with the rights of whoever looks (a plan): each is read once, and nothing is watched.
    pub fn read_once(client: Client) -> Self {
        let granter = Granter { account: String::new(), roles: Roles::Cluster };
        Self { client, granter, waker: Arc::new(|_| ()), watched: false, namespaces: Arc::default() }
    }

    /// This is what stands under that name from now on, whatever the cluster holds. Only where each is read once.
    pub fn suppose(&self, namespace: &str, name: &str, secret: Secret) {
        let content = Content::of(secret);
        self.lock(|namespaces| namespaces.entry(namespace.to_owned()).or_default().values.insert(name.to_owned(), content));
    }

    /// The Secret's content; registers `who` to be woken when it changes, appears, or becomes readable.
    ///
    /// # Errors
    /// [`Reason::SecretNotFound`], [`Reason::SecretAccessDenied`] with the command that grants access, or
    /// [`Reason::Progressing`] when the API server did not answer.
    pub async fn get(&self, namespace: &str, name: &str, who: ObjectKey) -> Result<Content, Problem> {
        if let Some(known) = self.register(namespace, name, who.clone()) {
            return known;
        }
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        match deadline(api.get_opt(name)).await {
            Ok(Some(secret)) => Ok(self.keep(namespace, name, secret)),
            Ok(None) => Err(not_found(namespace, name)),
            Err(kube::Error::Api(status)) if status.code == 403 && !self.watched => Err(Problem {
                reason: Reason::SecretAccessDenied,
                message: format!("Secret {namespace}/{name} may not be read by whoever asks for this plan: {}", status.message),
            }),
            Err(kube::Error::Api(status)) if status.code == 403 => {
                // A watch that began while there was consent would go on and never tell of new consent.
                self.lock(|namespaces| {
                    let entry = namespaces.entry(namespace.to_owned()).or_default();
                    if let Some(task) = entry.task.replace(self.spawn(namespace, DENIED_RETRY)) {
                        task.abort();
                    }
                });
                self.lost(namespace, true);
                Err(self.granter.missing(Consent::Read, namespace))
            }
            Err(error) => {
                // The watch may be well, and then nothing else would come back for it.
                let (waker, who) = (Arc::clone(&self.waker), who);
                tokio::spawn(async move {
                    tokio::time::sleep(FAILED_RETRY).await;
                    waker(&who);
                });
                Err(Problem {
                    reason: Reason::Progressing,
                    message: format!("Secret {namespace}/{name} could not be read: {error}; it is tried again by itself"),
                })
            }
        }
    }

    /// Forgets that `who` depends on anything in the namespace; the last one to go ends its watch.
    pub fn forget(&self, namespace: &str, who: &ObjectKey) {
        self.lock(|namespaces| {
            let Some(entry) = namespaces.get_mut(namespace) else { return };
            entry.dependents.retain(|_, dependents| {
                dependents.remove(who);
                !dependents.is_empty()
            });
            if entry.dependents.is_empty()
                && let Some(gone) = namespaces.remove(namespace)
                && let Some(task) = gone.task
            {
                task.abort();
            }
        });
    }

    /// Starts the namespace's watch if need be, and answers from memory what need not be asked.
    fn register(&self, namespace: &str, name: &str, who: ObjectKey) -> Option<Result<Content, Problem>> {
        self.lock(|namespaces| {
            let entry = namespaces.entry(namespace.to_owned()).or_default();
            if !self.watched {
                return entry.values.get(name).cloned().map(Ok);
            }
            entry.dependents.entry(name.to_owned()).or_default().insert(who);
            if entry.task.is_none() {
                entry.task = Some(self.spawn(namespace, Duration::ZERO));
            }
            if entry.denied {
                return Some(Err(self.granter.missing(Consent::Read, namespace)));
            }
            let version = entry.versions.as_ref()?.get(name)?;
            entry.values.get(name).filter(|content| content.version == *version).cloned().map(Ok)
        })
    }

    fn keep(&self, namespace: &str, name: &str, secret: Secret) -> Content {
        let content = Content::of(secret);
        self.lock(|namespaces| {
            if let Some(entry) = namespaces.get_mut(namespace) {
                entry.values.insert(name.to_owned(), content.clone());
            }
        });
        content
    }

    /// The Secret is read anew by whoever asks next.
    fn distrust(&self, namespace: &str, name: &str) {
        self.lock(|namespaces| namespaces.get_mut(namespace).and_then(|entry| entry.values.remove(name)));
    }

    fn spawn(&self, namespace: &str, after: Duration) -> AbortHandle {
        let (this, namespace) = (self.clone(), namespace.to_owned());
        tokio::spawn(async move { this.watch(namespace, after).await }).abort_handle()
    }

    async fn watch(&self, namespace: String, after: Duration) {
        tokio::time::sleep(after).await;
        loop {
            let api: Api<PartialObjectMeta<Secret>> = Api::namespaced(self.client.clone(), &namespace);
            // No backoff inside: how long to wait depends on whether consent is missing.
            let mut events = watcher::watcher(api, watcher::Config::default().page_size(100).timeout(WATCH_AGAIN)).boxed();
            let mut listed: HashMap<String, SecretVersion> = HashMap::new();
            let denied = loop {
                match events.try_next().await {
                    Ok(Some(Event::Init)) => listed.clear(),
                    Ok(Some(Event::InitApply(meta))) => {
                        listed.insert(meta.name_any(), version(&meta));
                    }
                    Ok(Some(Event::InitDone)) => self.relisted(&namespace, std::mem::take(&mut listed)),
                    Ok(Some(Event::Apply(meta))) => self.changed(&namespace, &meta.name_any(), Some(version(&meta))),
                    Ok(Some(Event::Delete(meta))) => self.changed(&namespace, &meta.name_any(), None),
                    Ok(None) => break false,
                    Err(error) => {
                        let denied = is_forbidden(&error);
                        debug!(%namespace, %error, "watch of Secrets interrupted");
                        break denied;
                    }
                }
            };
            self.lost(&namespace, denied);
            tokio::time::sleep(if denied { DENIED_RETRY } else { FAILED_RETRY }).await;
        }
    }

    fn relisted(&self, namespace: &str, listed: HashMap<String, SecretVersion>) {
        self.wake(namespace, |entry| {
            let before = entry.versions.replace(listed);
            let was_denied = std::mem::take(&mut entry.denied);
            let now = entry.versions.as_ref();
            let changed = |name: &str| was_denied || before.as_ref().and_then(|map| map.get(name)) != now.and_then(|map| map.get(name));
            let names: Vec<String> = entry.dependents.keys().filter(|name| changed(name)).cloned().collect();
            names
        });
    }

    fn changed(&self, namespace: &str, name: &str, version: Option<SecretVersion>) {
        self.wake(namespace, |entry| {
            let versions = entry.versions.get_or_insert_default();
            let before = match version {
                Some(version) => versions.insert(name.to_owned(), version.clone()).filter(|before| *before == version),
                None => {
                    versions.remove(name);
                    entry.values.remove(name);
                    None
                }
            };
            if before.is_some() { Vec::new() } else { vec![name.to_owned()] }
        });
    }

    /// The watch ended: nothing is answered from memory until it is back.
    fn lost(&self, namespace: &str, denied: bool) {
        self.wake(namespace, |entry| {
            entry.versions = None;
            if denied && !entry.denied {
                warn!(%namespace, "Secrets may not be read in this namespace; see the objects' conditions for the command that grants it");
                entry.denied = true;
                entry.values.clear();
                return entry.dependents.keys().cloned().collect();
            }
            Vec::new()
        });
    }

    fn wake(&self, namespace: &str, change: impl FnOnce(&mut Namespace) -> Vec<String>) {
        let dependents: Vec<ObjectKey> = self.lock(|namespaces| {
            let Some(entry) = namespaces.get_mut(namespace) else { return Vec::new() };
            let names = change(entry);
            names.iter().filter_map(|name| entry.dependents.get(name)).flatten().cloned().collect()
        });
        for dependent in &dependents {
            (self.waker)(dependent);
        }
    }

    fn lock<T>(&self, work: impl FnOnce(&mut HashMap<String, Namespace>) -> T) -> T {
        work(&mut self.namespaces.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn version(meta: &PartialObjectMeta<Secret>) -> SecretVersion {
    SecretVersion { uid: meta.uid().unwrap_or_default(), resource_version: meta.resource_version().unwrap_or_default() }
}

fn not_found(namespace: &str, name: &str) -> Problem {
    Problem {
        reason: Reason::SecretNotFound,
        message: format!(
            "Secret {namespace}/{name} does not exist; create it, this goes on by itself within a second. Nothing is created or changed at the provider until then"
        ),
    }
}

fn is_forbidden(error: &watcher::Error) -> bool {
    let code = |error: &kube::Error| matches!(error, kube::Error::Api(status) if status.code == 403);
    match error {
        watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) | watcher::Error::WatchFailed(error) => {
            code(error)
        }
        watcher::Error::WatchError(status) => status.code == 403,
        _ => false,
    }
}
