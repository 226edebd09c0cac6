//! What is written to account objects: the finalizer, the status, and events about what changed in it.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::Patch;
use kube_runtime::events::EventType;
use serde_json::json;
use tracing::info;

use super::object::AccountObject;
use crate::account::{Account, Thing};
use crate::api::FINALIZER_ACCOUNT;
use crate::api::condition::Reason;
use crate::api::provider_account::ProviderAccountStatus;
use crate::api::refs::AccountIdentity;
use crate::controller::context::Context;
use crate::controller::report::{NotWritten, classify, event_about, merge_patch, params, preconditions_of};
use crate::controller::{brakes, census, deadline};
use crate::core::account::{Facts, Verdict, conditions, gateways};
use crate::core::status::merge_conditions;

/// `lastSweepTime` is written at most this often.
const SWEEP_TIME: Duration = Duration::from_secs(300);

/// Our finalizer is on it, put there if it is `wanted`. Where that is refused because this object is an old one, it counts as before until
/// the newer one is here.
///
/// Also answers why it is not there, if the API server refused or did not answer.
pub async fn guard(ctx: &Context, object: &AccountObject, wanted: bool) -> (bool, Option<String>) {
    if object.has_finalizer() || !wanted {
        return (object.has_finalizer(), None);
    }
    match write_finalizer(ctx, object, true).await {
        Ok(()) => (true, None),
        Err(NotWritten::Failed(error)) => (ctx.terms(&object.key).guarded, Some(error.to_string())),
        // Whoever was faster, the newer object is on its way.
        Err(NotWritten::Conflict | NotWritten::Gone) => (ctx.terms(&object.key).guarded, None),
    }
}

/// Puts our finalizer on, or takes it off; finalizers of others stay.
pub async fn write_finalizer(ctx: &Context, object: &AccountObject, present: bool) -> Result<(), NotWritten> {
    let all = object.meta.finalizers.iter().flatten();
    let mut finalizers: Vec<&str> = all.map(String::as_str).filter(|finalizer| *finalizer != FINALIZER_ACCOUNT).collect();
    if present {
        finalizers.push(FINALIZER_ACCOUNT);
    }
    let mut metadata = preconditions_of(&object.meta);
    metadata["finalizers"] = json!(finalizers);
    let patch = Patch::Merge(json!({"metadata": metadata}));
    let answer = classify(deadline(object.api(ctx).patch(&object.key.name, &params(), &patch)).await);
    answer.map(drop).inspect_err(|error| info!(account = %object.key, %error, "finalizer not written"))
}

/// Writes the status, if it says anything else than before.
pub async fn write_status(ctx: &Context, object: &AccountObject, new: &ProviderAccountStatus) {
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
    let status = merge_patch(&before, serde_json::to_value(new).unwrap_or_default());
    let patch = Patch::Merge(json!({"metadata": preconditions_of(&object.meta), "status": status}));
    match classify(deadline(object.api(ctx).patch_status(&object.key.name, &params(), &patch)).await) {
        Ok(_) => announce(ctx, object, &old, new).await,
        // The newer object is on its way through the watch and is reconciled anew.
        Err(error) => info!(account = %object.key, %error, "account status not written"),
    }
}

/// The reason of its condition Ready.
pub fn ready_reason(status: &ProviderAccountStatus) -> Option<&str> {
    status.conditions.iter().find(|condition| condition.type_ == "Ready").map(|condition| condition.reason.as_str())
}

async fn announce(ctx: &Context, object: &AccountObject, old: &ProviderAccountStatus, new: &ProviderAccountStatus) {
    brakes::announce(ctx, object, old.brake.as_ref(), new.brake.as_ref()).await;
    let Some(now) = new.conditions.iter().find(|condition| condition.type_ == "Ready") else { return };
    // A brake has been told of already.
    if ready_reason(old) == Some(now.reason.as_str()) || now.reason == Reason::Braked.as_str() {
        return;
    }
    let kind = if now.status == "True" || now.reason == Reason::Suspended.as_str() { EventType::Normal } else { EventType::Warning };
    event_about(ctx, &object.reference, kind, &now.reason, "Reconcile", now.message.clone()).await;
}

/// The status that says this.
pub async fn status(
    ctx: &Context,
    object: &AccountObject,
    facts: &Facts<'_>,
    verdict: &Verdict,
    account: Option<&Account>,
) -> ProviderAccountStatus {
    let old = object.status.clone().unwrap_or_default();
    let now = Time(ctx.clock.server_now().unwrap_or_else(jiff::Timestamp::now));
    let generation = object.meta.generation.unwrap_or_default();
    let mut new = ProviderAccountStatus {
        observed_generation: Some(generation),
        conditions: merge_conditions(&old.conditions, conditions(verdict, facts), generation, &now),
        installation: Some(ctx.installation.part().to_owned()),
        ..old.clone()
    };
    let Some(account) = account else { return new };
    new.account = Some(AccountIdentity { provider: account.id().provider, id: account.id().id.clone() });
    if let Some(listing) = account.snapshots().complete {
        new.gateways = gateways(listing.items.iter());
        // Not now: this is written for many reasons, and the listing may be old.
        let swept = ctx.clock.server_at(listing.ended).map(Time);
        let long = jiff::SignedDuration::try_from(SWEEP_TIME).unwrap_or_default();
        let known = |then: &Time| swept.as_ref().is_none_or(|swept| swept.0.duration_since(then.0) < long);
        if !old.last_sweep_time.as_ref().is_some_and(known) {
            new.last_sweep_time = swept;
        }
    }
    new.numbers = census::numbers(ctx, account, old.numbers);
    new.endpoints = census::take(ctx, account, Thing::Endpoint, old.endpoints).await;
    new.trunk_groups = census::take(ctx, account, Thing::TrunkGroup, old.trunk_groups).await;
    new
}
