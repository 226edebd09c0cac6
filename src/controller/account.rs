//! One reconcile of a ProviderAccount: credentials → a live account, proven by the cheapest call; and its status.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::Patch;
use kube::{Api, ResourceExt};
use kube_runtime::controller::Action as Requeue;
use kube_runtime::events::EventType;
use serde_json::json;
use tracing::{info, warn};

use crate::account::{Account, AccountId, AccountSettings, Health, Owner};
use crate::api::condition::{ConditionStatus, ConditionType, Reason, Verdict};
use crate::api::provider_account::{EndpointCounts, ProviderAccount, ProviderAccountStatus};
use crate::api::refs::AccountIdentity;
use crate::controller::context::{AccountState, Context, Credentials};
use crate::controller::deadline;
use crate::controller::endpoint::ReconcileError;
use crate::controller::gather::prefix;
use crate::controller::report::{classify, event, merge_patch, params, preconditions};
use crate::controller::secrets::Dependent;
use crate::core::key::ObjectKey;
use crate::core::mark::recognise;
use crate::core::outcome::{Outcome, RefusalKind};
use crate::core::status::merge_conditions;
use crate::core::view::Problem;
use crate::provider::{connect, credentials_secret, unknown_provider};

/// `lastSweepTime` is written at most this often.
const SWEEP_TIME: Duration = Duration::from_secs(300);
/// Proving credentials includes waiting for the budget; longer than this means that the provider does not answer.
const IDENTIFY: Duration = Duration::from_secs(60);

/// Brings the account object's live account and status up to date.
pub async fn reconcile(object: Arc<ProviderAccount>, ctx: Arc<Context>) -> Result<Requeue, ReconcileError> {
    let key = key(&object);
    let (state, again) = match establish(&ctx, &object, &key).await {
        Ok(account) => (AccountState::Ready(account), ctx.settings.sweep_period),
        Err((problem, again)) => (AccountState::NotReady(problem), again),
    };
    write_status(&ctx, &object, &state).await;
    ctx.set_account(&key, Some(state));
    // Spread a little, so that many accounts do not come back in one moment.
    Ok(Requeue::requeue(again.mul_f64(0.9 + 0.2 * rand::random::<f64>())))
}

/// The account object is gone: its objects are told, its credentials forgotten.
pub fn removed(ctx: &Context, object: &ProviderAccount) {
    let key = key(object);
    ctx.credentials.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    ctx.secrets.forget(&key.namespace, &Dependent::Account(key.name.clone()));
    ctx.accounts.detach(&owner(object, &key));
    ctx.set_account(&key, None);
}

/// The account object leads to no account for now: nothing is called on its behalf, and should it be the account's last one, no
/// listing is taken either. Credentials count as unproven when it comes back.
fn leave(ctx: &Context, object: &ProviderAccount, key: &ObjectKey) {
    ctx.credentials.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    ctx.accounts.detach(&owner(object, key));
}

/// A live account with proven credentials, or what is wrong and when to look again.
async fn establish(ctx: &Context, object: &ProviderAccount, key: &ObjectKey) -> Result<Arc<Account>, (Problem, Duration)> {
    let later = ctx.settings.sweep_period;
    let credentials = match credentials(ctx, object, key).await {
        Ok(credentials) => credentials,
        Err(problem) => {
            // Credentials that are gone, or may not be read any more, are not used from memory; an API server that did not answer
            // says nothing about them.
            if problem.reason != Reason::Progressing {
                leave(ctx, object, key);
            }
            return Err((problem, later));
        }
    };
    let connection = &credentials.connection;
    if let Some(pinned) = object.status.as_ref().and_then(|status| status.account.as_ref()).filter(|pinned| pinned.id != connection.id) {
        let message = format!(
            "the Secret's credentials are of account {}, but this ProviderAccount is pinned to {}: nothing is called in either. Put the credentials of {} back, or make a new ProviderAccount for {}",
            connection.id, pinned.id, pinned.id, connection.id
        );
        leave(ctx, object, key);
        return Err((Problem { reason: Reason::AccountMismatch, message }, later));
    }
    let settings = AccountSettings {
        budget: object.spec.budget.as_ref().and_then(|budget| u32::try_from(budget.requests_per_5_seconds).ok()),
        sweep_period: object.spec.sweep_period_seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs),
    };
    let id = AccountId { provider: connection.provider.capabilities().provider, id: connection.id.clone() };
    let (owner, provider) = (owner(object, key), Arc::clone(&connection.provider));
    let account = match credentials.proven {
        true => ctx.accounts.attach(owner, provider, id, settings),
        false => ctx.accounts.attach_unproven(owner, provider, id, settings),
    };
    let tripped = match account.health() {
        Health::Tripped { message, .. } => Some(message),
        Health::Healthy | Health::Slowed { .. } => None,
    };
    if credentials.proven && tripped.is_none() {
        return Ok(account);
    }
    let due = account.probe_due().unwrap_or_default();
    if let (true, Some(message)) = (credentials.proven && !due.is_zero(), &tripped) {
        return Err((rejected(message), due));
    }
    prove(ctx, &account, key, credentials).await?;
    Ok(account)
}

/// Asks the provider whose credentials they are.
async fn prove(ctx: &Context, account: &Arc<Account>, key: &ObjectKey, credentials: Credentials) -> Result<(), (Problem, Duration)> {
    let retry = ctx.settings.timing.retry_base * 4;
    let outcome = tokio::time::timeout(IDENTIFY, account.identify()).await;
    let unreachable = |message: String| {
        let message = format!("{message}. Nothing is called for its objects meanwhile; it is tried again by itself");
        (Problem { reason: Reason::ProviderUnreachable, message }, retry)
    };
    let problem = match outcome {
        Ok(Outcome::Done(id)) if id == account.id().id => {
            info!(account = %key, provider_account = %account.id(), "credentials accepted");
            let proven = Credentials { proven: true, ..credentials };
            ctx.credentials.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), proven);
            return Ok(());
        }
        Ok(Outcome::Done(id)) => {
            let message = format!("the credentials of {} lead to account {id}; nothing is called. Mend the Secret", account.id());
            (Problem { reason: Reason::AccountMismatch, message }, retry)
        }
        Ok(Outcome::Refused(refusal)) if refusal.kind == RefusalKind::Credentials => {
            let proven = Credentials { proven: true, ..credentials };
            ctx.credentials.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), proven);
            (rejected(&refusal.message), account.probe_due().unwrap_or(retry))
        }
        Ok(Outcome::Refused(refusal)) => unreachable(refusal.message),
        Ok(Outcome::Unknown(doubt)) => unreachable(doubt.message),
        Ok(Outcome::NotFound { .. }) => unreachable(format!("{} was not found at the provider", account.id())),
        Err(_) => unreachable(format!("the provider did not answer within {IDENTIFY:?}")),
    };
    warn!(account = %key, reason = %problem.0.reason, message = problem.0.message, "account not ready");
    Err(problem)
}

fn rejected(message: &str) -> Problem {
    Problem {
        reason: Reason::CredentialsRejected,
        message: format!(
            "the provider rejects the credentials ({message}). Nothing is called for the objects of this account but one probe a minute; mend the Secret and this goes on within a second"
        ),
    }
}

/// The credentials in the Secret, parsed before anything is called.
async fn credentials(ctx: &Context, object: &ProviderAccount, key: &ObjectKey) -> Result<Credentials, Problem> {
    let name = credentials_secret(&object.spec).ok_or_else(unknown_provider)?;
    let content = ctx.secrets.get(&key.namespace, name, Dependent::Account(key.name.clone())).await?;
    if let Some(known) =
        ctx.credentials.lock().unwrap_or_else(PoisonError::into_inner).get(key).filter(|known| known.version == content.version)
    {
        return Ok(known.clone());
    }
    let connection = connect(&object.spec, &ctx.settings.places, |value| content.key(name, value))?;
    let fresh = Credentials { version: content.version.clone(), connection, proven: false };
    ctx.credentials.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), fresh.clone());
    Ok(fresh)
}

async fn write_status(ctx: &Context, object: &ProviderAccount, state: &AccountState) {
    let old = object.status.clone().unwrap_or_default();
    let new = status(ctx, object, &old, state);
    let quiet = |status: &ProviderAccountStatus| {
        let mut status = status.clone();
        for condition in &mut status.conditions {
            condition.last_transition_time = Time(jiff::Timestamp::UNIX_EPOCH);
        }
        status
    };
    if quiet(&old) == quiet(&new) {
        return;
    }
    let before = serde_json::to_value(&old).unwrap_or_default();
    let patch = json!({"metadata": preconditions(object), "status": merge_patch(&before, serde_json::to_value(&new).unwrap_or_default())});
    let api: Api<ProviderAccount> = Api::namespaced(ctx.client.clone(), &object.namespace().unwrap_or_default());
    match classify(deadline(api.patch_status(&object.name_any(), &params(), &Patch::Merge(&patch))).await) {
        Ok(_) => announce(ctx, object, &old, &new).await,
        // The newer object is on its way through the watch and is reconciled anew.
        Err(error) => info!(account = %key(object), %error, "account status not written"),
    }
}

async fn announce(ctx: &Context, object: &ProviderAccount, old: &ProviderAccountStatus, new: &ProviderAccountStatus) {
    let ready = |status: &ProviderAccountStatus| status.conditions.iter().find(|condition| condition.type_ == "Ready").cloned();
    let (Some(now), before) = (ready(new), ready(old)) else { return };
    if before.is_some_and(|before| before.reason == now.reason) {
        return;
    }
    let kind = if now.status == "True" { EventType::Normal } else { EventType::Warning };
    event(ctx, object, kind, &now.reason, "Reconcile", now.message).await;
}

fn status(ctx: &Context, object: &ProviderAccount, old: &ProviderAccountStatus, state: &AccountState) -> ProviderAccountStatus {
    let now = Time(ctx.clock.server_now().unwrap_or_else(jiff::Timestamp::now));
    let generation = object.metadata.generation.unwrap_or_default();
    let (truth, reason, message) = match state {
        AccountState::Ready(account) => {
            (ConditionStatus::True, Reason::Available, format!("the provider accepts the credentials of {}", account.id()))
        }
        AccountState::NotReady(problem) => (ConditionStatus::False, problem.reason, problem.message.clone()),
    };
    let mut conditions = vec![(ConditionType::Ready, truth, reason, message.clone())];
    match reason.verdict() {
        Verdict::Progressing => conditions.push((ConditionType::Reconciling, ConditionStatus::True, reason, message)),
        Verdict::Failed => conditions.push((ConditionType::Stalled, ConditionStatus::True, reason, message)),
        Verdict::Healthy | Verdict::Suspended => {}
    }
    let mut new = ProviderAccountStatus {
        observed_generation: Some(generation),
        conditions: merge_conditions(&old.conditions, conditions, generation, &now),
        installation: Some(ctx.installation.part().to_owned()),
        ..old.clone()
    };
    if let AccountState::Ready(account) = state {
        new.account = Some(AccountIdentity { provider: account.id().provider, id: account.id().id.clone() });
        if let Some(listing) = account.snapshots().complete {
            new.endpoints = Some(counts(ctx, &listing.endpoints));
            let stale = old
                .last_sweep_time
                .as_ref()
                .is_none_or(|then| now.0.duration_since(then.0) >= jiff::SignedDuration::try_from(SWEEP_TIME).unwrap_or_default());
            if stale {
                new.last_sweep_time = Some(now);
            }
        }
    }
    new
}

/// What the account holds, by what it is to this installation. Orphans are only counted where all namespaces are watched.
fn counts(ctx: &Context, endpoints: &crate::core::sighting::Sightings) -> EndpointCounts {
    let live: HashSet<String> =
        ctx.endpoints.iter().flat_map(|store| store.state()).map(|object| prefix(ctx, &object).as_str().to_ascii_lowercase()).collect();
    let everywhere = ctx.wake_endpoints.contains_key(&None);
    let mut counts = EndpointCounts::default();
    for remote in endpoints.iter() {
        match recognise(&remote.username) {
            None => counts.unmanaged += 1,
            Some(marked) if marked.installation != ctx.installation.part() => counts.foreign += 1,
            Some(marked) if live.contains(&marked.prefix) => counts.managed += 1,
            Some(_) if everywhere => counts.orphaned += 1,
            Some(_) => {}
        }
    }
    counts
}

fn key(object: &ProviderAccount) -> ObjectKey {
    ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any())
}

fn owner(object: &ProviderAccount, key: &ObjectKey) -> Owner {
    Owner { uid: object.uid().unwrap_or_default(), key: key.clone() }
}
