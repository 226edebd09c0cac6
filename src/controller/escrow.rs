//! Credentials in escrow: for each ProviderAccount that something was made with, a Secret in the operator's own namespace with what its own
//! Secret held when the provider accepted it last. A namespace that is being deleted loses its Secrets in any order; what it has at the
//! provider can be deleted all the same, also after a restart. Nothing but deletions that are due is ever done with it (`account/access.rs`).
//!
//! It is named after the account's uid, and goes before the account does; what a forced end left behind is found at the start, every hour,
//! and whenever an account goes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::{Api, ResourceExt};
use kube_runtime::events::EventType;
use tokio::sync::Notify;
use tracing::{info, warn};

use crate::api::FIELD_MANAGER;
use crate::api::ledger::SecretVersion;
use crate::api::provider_account::ProviderAccount;
use crate::controller::account::object::AccountObject;
use crate::controller::context::Context;
use crate::controller::deadline;
use crate::controller::report::event_about;
use crate::controller::secrets::Content;
use crate::core::account::NoEscrow;
use crate::core::key::{Kind, ObjectKey};
use crate::telemetry::audit::TARGET;

/// What its name begins with; the account's uid follows.
const NAME: &str = "switchboard-escrow-";
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "switchboard");
const ESCROW: (&str, &str) = ("switchboard.dev/escrow", "credentials");
const INSTALLATION: &str = "switchboard.dev/installation";
const NAMESPACE: &str = "switchboard.dev/account-namespace";
const ACCOUNT: &str = "switchboard.dev/account-name";
/// How often it is looked for what was left behind.
const TIDY: Duration = Duration::from_secs(3600);
/// Between a failure of that, or an account's end, and the next look.
const AGAIN: Duration = Duration::from_secs(2);

/// What is known of the escrow of each account, by uid.
#[derive(Debug, Default)]
pub struct Escrows {
    kept: Mutex<BTreeMap<String, Kept>>,
    /// Those that are used, which is told once.
    used: Mutex<BTreeSet<String>>,
    look: Notify,
}

#[derive(Clone, Debug)]
struct Kept {
    account: ObjectKey,
    /// Of the account's own Secret; `None` if the API server refused to keep it, which is told once.
    version: Option<SecretVersion>,
}

impl Escrows {
    /// An account is gone, perhaps by force.
    pub fn look_again(&self) {
        self.look.notify_one();
    }

    /// Whether it is news that this one is used, or is not used any more.
    fn uses(&self, uid: &str, now: bool) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if now { used.insert(uid.to_owned()) } else { used.remove(uid) }
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Kept>) -> T) -> T {
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn secrets(ctx: &Context) -> Api<Secret> {
    Api::namespaced(ctx.client.clone(), &ctx.settings.operator_namespace)
}

fn name(uid: &str) -> String {
    format!("{NAME}{uid}")
}

/// Keeps the credentials that the provider has just accepted, if they are news. A ClusterProviderAccount needs none: its Secret is in the
/// operator's namespace already.
pub async fn keep(ctx: &Context, object: &AccountObject) {
    if !ctx.settings.escrow || object.key.kind != Kind::ProviderAccount {
        return;
    }
    let known = ctx.credentials.lock().unwrap_or_else(PoisonError::into_inner).get(&object.key).cloned();
    let Some(credentials) = known.filter(|known| known.proven) else { return };
    ctx.escrows.uses(object.uid(), false);
    let current = |kept: &Kept| kept.version.as_ref().is_none_or(|version| *version == credentials.version);
    if ctx.escrows.with(|all| all.get(object.uid()).is_some_and(current)) {
        return;
    }
    let text = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let metadata = ObjectMeta {
        name: Some(name(object.uid())),
        labels: Some([MANAGED_BY, ESCROW, (INSTALLATION, ctx.installation.part())].map(text).into()),
        annotations: Some([(NAMESPACE, object.key.namespace.as_str()), (ACCOUNT, object.key.name.as_str())].map(text).into()),
        ..ObjectMeta::default()
    };
    let data = credentials.values.iter().map(|(key, value)| (key.clone(), ByteString(value.expose().as_bytes().to_vec()))).collect();
    let secret = Secret { metadata, data: Some(data), ..Secret::default() };
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let answer = deadline(secrets(ctx).patch(&name(object.uid()), &params, &Patch::Apply(&secret))).await;
    let version = match answer {
        Ok(_) => Some(credentials.version),
        Err(kube::Error::Api(status)) if status.code == 403 => {
            let namespace = &ctx.settings.operator_namespace;
            warn!(account = %object.key, %namespace, error = status.message, "no escrow: Secrets may not be written in the operator's namespace");
            let note = format!(
                "the credentials could not be kept in escrow in {namespace} (403): if this namespace loses its Secret before its objects, deletions wait for it after a restart of the operator"
            );
            event_about(ctx, &object.reference, EventType::Warning, "NoEscrow", "Reconcile", note).await;
            None
        }
        // The next reconcile tries again.
        Err(error) => return warn!(account = %object.key, %error, "the credentials could not be kept in escrow"),
    };
    let kept = Kept { account: object.key.clone(), version };
    ctx.escrows.with(|all| all.insert(object.uid().to_owned(), kept));
}

/// What is in escrow for this account.
///
/// # Errors
/// Why there is nothing.
pub async fn read(ctx: &Context, object: &AccountObject) -> Result<Content, NoEscrow> {
    if !ctx.settings.escrow {
        return Err(NoEscrow::Off);
    }
    match deadline(secrets(ctx).get_opt(&name(object.uid()))).await {
        Ok(Some(secret)) => {
            let note = "its own Secret cannot be read; deletions that are due are served by the credentials in escrow, and nothing else is done with them";
            if ctx.escrows.uses(object.uid(), true) {
                info!(target: TARGET, action = "use_escrow", kind = %object.key.kind, account = %object.key, writer = ctx.writer, "{note}");
                event_about(ctx, &object.reference, EventType::Normal, "EscrowUsed", "Reconcile", note.to_owned()).await;
            }
            Ok(Content::of(secret))
        }
        Ok(None) => Err(NoEscrow::Absent),
        Err(error) => Err(NoEscrow::Unreadable(error.to_string())),
    }
}

/// The account is about to go. Whether it may: its escrow is gone, or was never allowed.
pub async fn remove(ctx: &Context, object: &AccountObject) -> bool {
    if !ctx.settings.escrow || object.key.kind != Kind::ProviderAccount {
        return true;
    }
    match deadline(secrets(ctx).delete(&name(object.uid()), &DeleteParams::default())).await {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(kube::Error::Api(status)) if status.code == 403 => {
            warn!(account = %object.key, error = status.message, "Secrets may not be deleted in the operator's namespace; should there be an escrow of this account, it stays");
        }
        Err(error) => {
            warn!(account = %object.key, %error, "the credentials in escrow could not be deleted; the account stays until they are");
            return false;
        }
    }
    ctx.escrows.uses(object.uid(), false);
    ctx.escrows.with(|all| all.remove(object.uid()));
    true
}

/// Removes what was left behind, now and again, for ever.
pub async fn tidy(ctx: &Context) {
    loop {
        let pause = match look(ctx).await {
            Ok(()) => TIDY,
            Err(error) => {
                info!(%error, "Secrets in escrow could not be looked through");
                // Where it is refused, it is so for long.
                if matches!(error, kube::Error::Api(_)) { TIDY } else { AGAIN }
            }
        };
        // A timeout is the usual case: nobody went.
        if tokio::time::timeout(pause, ctx.escrows.look.notified()).await.is_ok() {
            tokio::time::sleep(AGAIN).await;
        }
    }
}

async fn look(ctx: &Context) -> kube::Result<()> {
    let labels = format!("{}={},{}={},{INSTALLATION}={}", MANAGED_BY.0, MANAGED_BY.1, ESCROW.0, ESCROW.1, ctx.installation.part());
    let before = ctx.escrows.with(|all| all.clone());
    let listed = deadline(secrets(ctx).list_metadata(&ListParams::default().labels(&labels))).await?;
    for secret in &listed.items {
        if is_left_behind(ctx, secret).await {
            info!(secret = secret.name_any(), "removing the credentials in escrow of an account that is no more");
            let preconditions = Preconditions { uid: secret.uid(), resource_version: None };
            let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
            if let Err(error) = deadline(secrets(ctx).delete(&secret.name_any(), &params)).await {
                warn!(secret = secret.name_any(), %error, "it could not be removed");
            }
        }
    }
    // What somebody else has removed is put there again, and what was refused is tried again.
    let there = |uid: &str| listed.items.iter().any(|secret| secret.name_any() == name(uid));
    for (uid, kept) in before.iter().filter(|(uid, kept)| kept.version.is_none() || !there(uid)) {
        ctx.escrows.with(|all| all.remove(uid));
        ctx.wakers.wake(&kept.account);
    }
    Ok(())
}

/// Its account is proven not to exist, by a live read; or escrow was switched off. What another process looks after is left to it.
async fn is_left_behind(ctx: &Context, secret: &PartialObjectMeta<Secret>) -> bool {
    let named = |key: &str| secret.annotations().get(key).cloned().unwrap_or_default();
    let (namespace, account) = (named(NAMESPACE), named(ACCOUNT));
    let full = secret.name_any();
    let Some(uid) = full.strip_prefix(NAME) else { return false };
    if namespace.is_empty() || account.is_empty() || !ctx.wakers.watches(&namespace) {
        return false;
    }
    if !ctx.settings.escrow {
        return true;
    }
    let accounts: Api<ProviderAccount> = Api::namespaced(ctx.client.clone(), &namespace);
    match deadline(accounts.get_metadata_opt(&account)).await {
        Ok(found) => found.is_none_or(|found| found.uid().as_deref() != Some(uid)),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_commands_find_what_is_in_escrow_by_what_it_carries() {
        let page = include_str!("../../docs/credentials.md");
        let escaped = |annotation: &str| annotation.replace('.', "\\.");
        let (label, value) = ESCROW;
        for part in
            [format!("-l {label}={value}"), format!("-l {label}={value},{INSTALLATION}="), format!("labels.{}", escaped(INSTALLATION))]
        {
            assert!(page.contains(&part), "{part}");
        }
        for annotation in [NAMESPACE, ACCOUNT] {
            assert!(page.contains(&format!("annotations.{}", escaped(annotation))), "{annotation}");
        }
    }
}
