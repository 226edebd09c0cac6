//! Everything an object points at → a [`View`]. Nothing later in the pass reads the cluster for input.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::api::condition::Reason;
use crate::api::policy::DeletionPolicy;
use crate::api::sip_endpoint::SipEndpoint;
use crate::api::{ANNOTATION_FORCE_ORPHAN, ANNOTATION_PAUSED, ANNOTATION_RECONCILE, FINALIZER_ENDPOINT};
use crate::controller::context::{AccountState, Context};
use crate::controller::memories::Slot;
use crate::controller::secrets::Dependent;
use crate::core::evidence::{Evidence, Listing};
use crate::core::key::ObjectKey;
use crate::core::mark::Prefix;
use crate::core::view::{AccountView, Brakes, Desired, Fresh, Object, Password, Policy, Problem, View};
use crate::provider;

/// Reads what the object refers to and puts it together with what is known.
pub async fn gather(ctx: &Context, object: &SipEndpoint, gone: bool, slot: &mut Slot) -> View {
    let key = key(object);
    let uid = object.uid().unwrap_or_default();
    let status = object.status.clone().unwrap_or_default();
    let deleting = object.metadata.deletion_timestamp.is_some();
    let account_key = ObjectKey::new(&key.namespace, &object.spec.account_ref.name);
    ctx.refers(&key, Some(&account_key));
    // In this order: an account that becomes known in between is taken as known, never as missing.
    let pending = ctx.account_pending(&account_key);
    let state = ctx.account(&account_key);
    let prefix = prefix(ctx, object);
    let desired = match deleting || gone {
        // A deletion never needs the tenant's password.
        true => Desired::Blocked(Problem { reason: Reason::Deleting, message: "deleting".into() }),
        false => provider::desired(&object.spec, &key.name, password(ctx, object, &key).await),
    };
    let mut view = View {
        object: Object {
            uid,
            generation: object.metadata.generation.unwrap_or_default(),
            deleting,
            gone,
            finalizer: object.finalizers().iter().any(|finalizer| finalizer == FINALIZER_ENDPOINT),
            paused: object.annotations().get(ANNOTATION_PAUSED).is_some_and(|value| value == "true"),
            reconcile_requested: object.annotations().get(ANNOTATION_RECONCILE).cloned(),
            force_orphan: object.annotations().get(ANNOTATION_FORCE_ORPHAN).cloned(),
        },
        status,
        desired,
        prefix,
        installation: ctx.installation.clone(),
        policy: Policy {
            management: object.spec.management_policy,
            deletion: object.spec.deletion_policy.unwrap_or(DeletionPolicy::Delete),
            drift: object.spec.drift_policy,
            external_deletion: object.spec.external_deletion_policy,
        },
        adopt: None,
        account: account_view(state.as_ref(), &account_key, pending),
        brakes: Brakes::default(),
        evidence: Evidence::default(),
        memory: slot.learnt.memory.clone(),
        now: ctx.clock.now(),
        timing: ctx.settings.timing,
        fresh: fresh(ctx),
        stopping: ctx.is_stopping(),
    };
    slot.learnt.object_seen(&view, intent_age(ctx, &view));
    view.memory = slot.learnt.memory.clone();
    if let Some(AccountState::Ready(account)) = &state {
        view.evidence = evidence(&view, account, slot);
    }
    view
}

/// The object's name in the cluster.
pub fn key(object: &SipEndpoint) -> ObjectKey {
    ObjectKey::new(object.namespace().unwrap_or_default(), object.name_any())
}

/// What the object's username at the provider begins with.
pub fn prefix(ctx: &Context, object: &SipEndpoint) -> Prefix {
    let name = object.name_any();
    Prefix::new(&ctx.installation, &object.namespace().unwrap_or_default(), &name, &provider::base_username(&object.spec, &name))
}

async fn password(ctx: &Context, object: &SipEndpoint, key: &ObjectKey) -> Password {
    let Some(at) = provider::password_secret(&object.spec) else { return Ok(None) };
    let content = ctx.secrets.get(&key.namespace, &at.name, Dependent::Endpoint(key.name.clone())).await?;
    let bytes = content.key(&at.name, &at.key)?.to_vec();
    Ok(Some((bytes, content.version)))
}

fn account_view(state: Option<&AccountState>, key: &ObjectKey, pending: bool) -> AccountView {
    match state {
        None if pending => AccountView::Unknown,
        None => AccountView::Missing(Problem {
            reason: Reason::AccountNotFound,
            message: format!("ProviderAccount {key} does not exist; create it, this goes on by itself within a second"),
        }),
        Some(AccountState::NotReady(problem)) => AccountView::NotReady(Problem {
            reason: Reason::AccountNotReady,
            message: format!("ProviderAccount {key} is not ready ({}): {}", problem.reason, problem.message),
        }),
        Some(AccountState::Ready(account)) => AccountView::Ready {
            provider: account.id().provider,
            id: account.id().id.clone(),
            listed_this_term: account.snapshots().term_complete,
            always_sent: account.capabilities().always_sent,
            suspended: false,
            deletions_only: None,
        },
    }
}

fn evidence(view: &View, account: &crate::account::Account, slot: &Slot) -> Evidence {
    let snapshots = account.snapshots();
    let newest = snapshots.newest.as_ref().filter(|newest| !newest.is_complete());
    let listings: Vec<Listing<'_>> = [snapshots.complete_before.as_ref(), snapshots.complete.as_ref(), newest]
        .into_iter()
        .flatten()
        .map(|listing| Listing { began: listing.began, complete: listing.is_complete(), endpoints: &listing.endpoints })
        .collect();
    slot.learnt.evidence(view, &listings, |remote, password| account.password_matches(remote, password))
}

/// The intent's age on the API server's clock.
fn intent_age(ctx: &Context, view: &View) -> Option<Duration> {
    let issued = view.intent()?.issued_time.0;
    Duration::try_from(ctx.clock.server_now()?.duration_since(issued)).ok()
}

fn fresh(ctx: &Context) -> Fresh {
    Fresh {
        nonce: uuid::Uuid::new_v4().to_string(),
        time: Time(ctx.clock.server_now().unwrap_or_else(jiff::Timestamp::now)),
        writer: ctx.writer.clone(),
        seed: rand::random(),
    }
}
