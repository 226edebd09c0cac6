//! One reconcile of a ProviderAccount: credentials → a live account, proven by the cheapest call; its finalizer, its brakes, its status.
//! What is said and whom it serves is decided in `core::account`.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{DynamicObject, ListParams, Patch};
use kube::discovery::ApiResource;
use kube::{Api, ResourceExt};
use kube_runtime::controller::Action as Requeue;
use kube_runtime::events::EventType;
use serde_json::json;
use tracing::{info, warn};

use crate::account::{Account, AccountId, AccountSettings, Owner, Standing};
use crate::api::FINALIZER_ACCOUNT;
use crate::api::condition::Reason;
use crate::api::provider_account::{ProviderAccount, ProviderAccountStatus};
use crate::api::refs::AccountIdentity;
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::context::{AccountState, Context, Credentials};
use crate::controller::pass::ReconcileError;
use crate::controller::report::{NotWritten, classify, event, merge_patch, params, preconditions};
use crate::controller::{brakes, census, deadline};
use crate::core::account::{Access, Facts, Serves, Verdict, Waits, conditions, unguarded, verdict};
use crate::core::key::ObjectKey;
use crate::core::outcome::{Outcome, RefusalKind};
use crate::core::status::merge_conditions;
use crate::core::view::Problem;
use crate::provider::{connect, credentials_secret, unknown_provider};

/// `lastSweepTime` is written at most this often.
const SWEEP_TIME: Duration = Duration::from_secs(300);
/// Proving credentials includes waiting for the budget; longer than this means that the provider does not answer.
const IDENTIFY: Duration = Duration::from_secs(60);
/// SipEndpoints on a page of the list that lets an account go.
const PAGE: u32 = 500;

/// Brings the account object's live account and status up to date.
pub async fn reconcile(object: Arc<ProviderAccount>, ctx: Arc<Context>) -> Result<Requeue, ReconcileError> {
    let key = key(&object);
    let deleting = object.metadata.deletion_timestamp.is_some();
    // It may have been gone and be back: etcd was restored, or it could not be read for a while.
    ctx.account_is_back(&key, &object.uid().unwrap_or_default());
    let defaults = object.spec.defaults.as_ref().and_then(|defaults| defaults.deletion_policy);
    // Before anything that takes time: who suspends an account wants it now.
    ctx.set_terms(&key, |terms| (terms.suspended, terms.deletion_policy) = (object.spec.suspend, defaults));
    let users = users(&ctx, &key, deleting).await;
    if deleting && users.is_empty() {
        return Ok(let_go(&ctx, &object, &key).await);
    }
    let (access, account) = establish(&ctx, &object, &key, !users.is_empty()).await;
    let id = match &account {
        Some(account) => Some(account.id().clone()),
        None => object.status.as_ref().and_then(|status| status.account.as_ref()).map(identity),
    };
    if let Some(id) = &id {
        brakes::account(&ctx, &object, &key, id).await;
    }
    let waits = Waits { rest: ctx.settings.sweep_period, retry: ctx.settings.timing.retry_base * 4 };
    let (brake, engaged) = id.as_ref().map(|id| brakes::state(&ctx, id)).unwrap_or_default();
    let (guarded, refused) = guard(&ctx, &object, &key, !deleting && !users.is_empty()).await;
    let facts = Facts { key: &key, access, deleting, users, suspended: object.spec.suspend, brakes: engaged, waits };
    let verdict = match refused.filter(|_| !guarded) {
        Some(error) => unguarded(&facts, &error),
        None => verdict(&facts),
    };
    if let (Some(before), true) = (&object.status, verdict.finding.reason.verdict() == crate::api::condition::Verdict::Failed)
        && ready_reason(before) != Some(verdict.finding.reason.as_str())
    {
        warn!(account = %key, reason = %verdict.finding.reason, message = verdict.finding.message, "account not ready");
    }
    let mut new = status(&ctx, &object, &facts, &verdict, account.as_deref()).await;
    if id.is_some() {
        new.brake = brake;
    }
    // A finalizer that was put on just now is a newer object, which is on its way and is reconciled anew.
    let newer = guarded && !has_finalizer(&object);
    if !newer {
        write_status(&ctx, &object, &new).await;
    }
    let (state, deletions_only) = match (verdict.serves, account) {
        (Serves::All, Some(account)) => (AccountState::Ready(account), None),
        (Serves::Deletions(problem), Some(account)) => (AccountState::Ready(account), Some(problem)),
        (Serves::Nobody(problem) | Serves::Deletions(problem), _) => (AccountState::NotReady(problem), None),
        (Serves::All, None) => (AccountState::NotReady(not_established()), None),
    };
    ctx.set_terms(&key, |terms| (terms.deletions_only, terms.guarded) = (deletions_only, guarded));
    ctx.set_account(&key, Some(state));
    if ctx.account_is_gone(&object.uid().unwrap_or_default()) {
        // It went while this was under way.
        forget(&ctx, &object, &key);
        return Ok(Requeue::await_change());
    }
    // Spread a little, so that many accounts do not come back in one moment.
    Ok(Requeue::requeue(verdict.again.mul_f64(0.9 + 0.2 * rand::random::<f64>())))
}

/// The account object is gone: its objects are told, its credentials forgotten.
pub fn removed(ctx: &Context, object: &ProviderAccount) {
    ctx.gone_accounts.lock().unwrap_or_else(PoisonError::into_inner).insert(object.uid().unwrap_or_default());
    forget(ctx, object, &key(object));
}

fn forget(ctx: &Context, object: &ProviderAccount, key: &ObjectKey) {
    leave(ctx, object, key);
    ctx.secrets.forget(&key.namespace, key);
    brakes::removed(ctx, key);
    ctx.terms.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    ctx.set_account(key, None);
}

/// The account object leads to no account for now: nothing is called on its behalf, and should it be the account's last one, no
/// listing is taken either. Credentials count as unproven when it comes back.
fn leave(ctx: &Context, object: &ProviderAccount, key: &ObjectKey) {
    ctx.credentials.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    ctx.accounts.detach(&owner(object, key));
}

fn not_established() -> Problem {
    Problem { reason: Reason::Progressing, message: "the credentials are being checked".into() }
}

/// Nothing needs it any more.
async fn let_go(ctx: &Context, object: &ProviderAccount, key: &ObjectKey) -> Requeue {
    leave(ctx, object, key);
    if !has_finalizer(object) {
        return Requeue::await_change();
    }
    match write_finalizer(ctx, object, false).await {
        Ok(()) => Requeue::await_change(),
        Err(_) => Requeue::requeue(ctx.settings.timing.retry_base * 4),
    }
}

/// The SipEndpoints that refer to the account object, by name. Whether one that is being deleted may go is asked of the API server, and
/// objects that cannot be decoded count as well.
async fn users(ctx: &Context, key: &ObjectKey, live: bool) -> Vec<String> {
    let refers =
        |object: &SipEndpoint| object.spec.account_ref.name == key.name && object.namespace().as_deref() == Some(key.namespace.as_str());
    let mut cached: Vec<String> = ctx.all_endpoints().filter(|object| refers(object)).map(|object| object.name_any()).collect();
    if !live || !cached.is_empty() {
        cached.sort();
        return cached;
    }
    let api: Api<DynamicObject> = Api::namespaced_with(ctx.client.clone(), &key.namespace, &ApiResource::erase::<SipEndpoint>(&()));
    let mut params = ListParams::default().limit(PAGE);
    let mut names = Vec::new();
    loop {
        let page = match deadline(api.list(&params)).await {
            Ok(page) => page,
            Err(error) => {
                warn!(account = %key, %error, "who uses the account could not be read; it stays");
                return vec!["the API server did not say which".into()];
            }
        };
        let of = |object: &DynamicObject| object.data.pointer("/spec/accountRef/name").and_then(|name| name.as_str()) == Some(&key.name);
        names.extend(page.items.iter().filter(|object| of(object)).map(|object| object.name_any()));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return names,
        }
    }
}

/// Our finalizer is on it, put there if it is `wanted`. Where that is refused because this object is an old one, it counts as before until
/// the newer one is here.
///
/// Also answers why it is not there, if the API server refused or did not answer.
async fn guard(ctx: &Context, object: &ProviderAccount, key: &ObjectKey, wanted: bool) -> (bool, Option<String>) {
    if has_finalizer(object) || !wanted {
        return (has_finalizer(object), None);
    }
    match write_finalizer(ctx, object, true).await {
        Ok(()) => (true, None),
        Err(NotWritten::Failed(error)) => (ctx.terms(key).guarded, Some(error.to_string())),
        // Whoever was faster, the newer object is on its way.
        Err(NotWritten::Conflict | NotWritten::Gone) => (ctx.terms(key).guarded, None),
    }
}

fn has_finalizer(object: &ProviderAccount) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == FINALIZER_ACCOUNT)
}

/// Puts our finalizer on, or takes it off; finalizers of others stay.
async fn write_finalizer(ctx: &Context, object: &ProviderAccount, present: bool) -> Result<(), NotWritten> {
    let mut finalizers: Vec<&str> =
        object.finalizers().iter().map(String::as_str).filter(|finalizer| *finalizer != FINALIZER_ACCOUNT).collect();
    if present {
        finalizers.push(FINALIZER_ACCOUNT);
    }
    let mut metadata = preconditions(object);
    metadata["finalizers"] = json!(finalizers);
    let api: Api<ProviderAccount> = Api::namespaced(ctx.client.clone(), &object.namespace().unwrap_or_default());
    let answer = classify(deadline(api.patch(&object.name_any(), &params(), &Patch::Merge(&json!({"metadata": metadata})))).await);
    answer.map(drop).inspect_err(|error| info!(account = %key(object), %error, "finalizer not written"))
}

/// The way into the account, and the account if it may be called.
async fn establish(ctx: &Context, object: &ProviderAccount, key: &ObjectKey, used: bool) -> (Access, Option<Arc<Account>>) {
    let (credentials, kept) = match credentials(ctx, object, key).await {
        Ok(credentials) => (credentials, None),
        Err(problem) => match keep(ctx, key, &problem, used) {
            Some(credentials) => (credentials, Some(problem)),
            None => {
                // Credentials that are gone, or may not be read any more, are not used from memory; an API server that did not answer
                // says nothing about them.
                if problem.reason != Reason::Progressing {
                    leave(ctx, object, key);
                }
                return (Access::Missing(problem), None);
            }
        },
    };
    let connection = &credentials.connection;
    if let Some(pinned) = object.status.as_ref().and_then(|status| status.account.as_ref()).filter(|pinned| pinned.id != connection.id) {
        leave(ctx, object, key);
        return (Access::Pinned { found: connection.id.clone(), pinned: pinned.id.clone() }, None);
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
    let access = match ctx.accounts.standing(key) {
        Some(Standing::Proven) => Access::Proven(account.id().to_string()),
        Some(Standing::Rejected { message, due }) if !due.is_zero() => Access::Rejected { message, due: Some(due) },
        Some(Standing::Unproven | Standing::Rejected { .. }) | None => prove(ctx, &account, key, credentials).await,
    };
    let access = match (access, kept) {
        (Access::Proven(_), Some(problem)) => Access::Kept(problem),
        (access, _) => access,
    };
    let usable = matches!(access, Access::Proven(_) | Access::Kept(_));
    (access, usable.then_some(account))
}

/// The Secret is gone, or consent was withdrawn, perhaps because the namespace is going: what was proven serves deletions as long as
/// there are objects that need it.
fn keep(ctx: &Context, key: &ObjectKey, problem: &Problem, used: bool) -> Option<Credentials> {
    let gone = matches!(problem.reason, Reason::SecretNotFound | Reason::SecretAccessDenied);
    let known = ctx.credentials.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
    known.filter(|known| gone && used && known.proven)
}

/// Asks the provider whose credentials they are.
async fn prove(ctx: &Context, account: &Arc<Account>, key: &ObjectKey, credentials: Credentials) -> Access {
    let remember = |credentials: Credentials| {
        let proven = Credentials { proven: true, ..credentials };
        ctx.credentials.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), proven);
    };
    let due = || match ctx.accounts.standing(key) {
        Some(Standing::Rejected { due, .. }) => Some(due),
        Some(Standing::Unproven | Standing::Proven) | None => None,
    };
    let access = match tokio::time::timeout(IDENTIFY, ctx.accounts.identify(key)).await {
        Ok(Outcome::Done(id)) if id == account.id().id => {
            info!(account = %key, provider_account = %account.id(), "credentials accepted");
            remember(credentials);
            return Access::Proven(account.id().to_string());
        }
        Ok(Outcome::Done(id)) => Access::Elsewhere { claimed: account.id().to_string(), found: id },
        Ok(Outcome::Refused(refusal)) if refusal.kind == RefusalKind::Credentials => {
            remember(credentials);
            Access::Rejected { message: refusal.message, due: due() }
        }
        Ok(Outcome::Refused(refusal)) => Access::Unreachable(refusal.message),
        Ok(Outcome::Unknown(doubt)) => Access::Unreachable(doubt.message),
        Ok(Outcome::NotFound { .. }) => Access::Unreachable(format!("{} was not found at the provider", account.id())),
        Err(_) => Access::Unreachable(format!("the provider did not answer within {IDENTIFY:?}")),
    };
    warn!(account = %key, ?access, "credentials not proven");
    access
}

/// The credentials in the Secret, parsed before anything is called.
async fn credentials(ctx: &Context, object: &ProviderAccount, key: &ObjectKey) -> Result<Credentials, Problem> {
    let name = credentials_secret(&object.spec).ok_or_else(unknown_provider)?;
    let content = ctx.secrets.get(&key.namespace, name, key.clone()).await?;
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

async fn write_status(ctx: &Context, object: &ProviderAccount, new: &ProviderAccountStatus) {
    let old = object.status.clone().unwrap_or_default();
    let quiet = |status: &ProviderAccountStatus| {
        let mut status = status.clone();
        for condition in &mut status.conditions {
            condition.last_transition_time = Time(jiff::Timestamp::UNIX_EPOCH);
        }
        status
    };
    if quiet(&old) == quiet(new) {
        return;
    }
    let before = serde_json::to_value(&old).unwrap_or_default();
    let patch = json!({"metadata": preconditions(object), "status": merge_patch(&before, serde_json::to_value(new).unwrap_or_default())});
    let api: Api<ProviderAccount> = Api::namespaced(ctx.client.clone(), &object.namespace().unwrap_or_default());
    match classify(deadline(api.patch_status(&object.name_any(), &params(), &Patch::Merge(&patch))).await) {
        Ok(_) => announce(ctx, object, &old, new).await,
        // The newer object is on its way through the watch and is reconciled anew.
        Err(error) => info!(account = %key(object), %error, "account status not written"),
    }
}

fn ready_reason(status: &ProviderAccountStatus) -> Option<&str> {
    status.conditions.iter().find(|condition| condition.type_ == "Ready").map(|condition| condition.reason.as_str())
}

async fn announce(ctx: &Context, object: &ProviderAccount, old: &ProviderAccountStatus, new: &ProviderAccountStatus) {
    brakes::announce(ctx, object, old.brake.as_ref(), new.brake.as_ref()).await;
    let Some(now) = new.conditions.iter().find(|condition| condition.type_ == "Ready") else { return };
    // A brake has been told of already.
    if ready_reason(old) == Some(now.reason.as_str()) || now.reason == Reason::Braked.as_str() {
        return;
    }
    let kind = if now.status == "True" || now.reason == Reason::Suspended.as_str() { EventType::Normal } else { EventType::Warning };
    event(ctx, object, kind, &now.reason, "Reconcile", now.message.clone()).await;
}

async fn status(
    ctx: &Context,
    object: &ProviderAccount,
    facts: &Facts<'_>,
    verdict: &Verdict,
    account: Option<&Account>,
) -> ProviderAccountStatus {
    let old = object.status.clone().unwrap_or_default();
    let now = Time(ctx.clock.server_now().unwrap_or_else(jiff::Timestamp::now));
    let generation = object.metadata.generation.unwrap_or_default();
    let mut new = ProviderAccountStatus {
        observed_generation: Some(generation),
        conditions: merge_conditions(&old.conditions, conditions(verdict, facts), generation, &now),
        installation: Some(ctx.installation.part().to_owned()),
        ..old.clone()
    };
    let Some(account) = account else { return new };
    new.account = Some(AccountIdentity { provider: account.id().provider, id: account.id().id.clone() });
    if let Some(counts) = census::take(ctx, account).await {
        new.endpoints = Some(counts);
        let stale = old
            .last_sweep_time
            .as_ref()
            .is_none_or(|then| now.0.duration_since(then.0) >= jiff::SignedDuration::try_from(SWEEP_TIME).unwrap_or_default());
        if stale {
            new.last_sweep_time = Some(now);
        }
    }
    new
}

fn identity(account: &AccountIdentity) -> AccountId {
    AccountId { provider: account.provider, id: account.id.clone() }
}

fn key(object: &ProviderAccount) -> ObjectKey {
    ObjectKey::account(object.namespace().unwrap_or_default(), object.name_any())
}

fn owner(object: &ProviderAccount, key: &ObjectKey) -> Owner {
    Owner { uid: object.uid().unwrap_or_default(), key: key.clone() }
}
