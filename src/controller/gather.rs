//! Everything an object points at → a [`View`]. Nothing later in the pass reads the cluster for input.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::api::condition::Reason;
use crate::api::policy::DeletionPolicy;
use crate::api::sip_endpoint::SipEndpoint;
use crate::api::{ANNOTATION_FORCE_ORPHAN, ANNOTATION_PAUSED, ANNOTATION_RECONCILE, FINALIZER_ENDPOINT};
use crate::controller::brakes;
use crate::controller::context::{AccountState, Context, Terms};
use crate::controller::memories::Slot;
use crate::controller::secrets::Dependent;
use crate::core::evidence::{Evidence, Listing, sightings};
use crate::core::key::ObjectKey;
use crate::core::mark::Prefix;
use crate::core::view::{AccountView, Brakes, Desired, Fresh, Object, Password, Policy, Problem, View};
use crate::provider;

/// An intent older than the settle time by this much, on the API server's clock, has settled whoever looks.
const SERVER_MARGIN: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);

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
            deletion: deletion_policy(ctx, object),
            drift: object.spec.drift_policy,
            external_deletion: object.spec.external_deletion_policy,
        },
        adopt: None,
        account: account_view(state.as_ref(), &account_key, pending, ctx.terms(&account_key)),
        brakes: Brakes::default(),
        evidence: Evidence::default(),
        memory: slot.memory.clone(),
        now: ctx.clock.now(),
        timing: ctx.settings.timing,
        fresh: fresh(ctx),
        stopping: ctx.is_stopping(),
    };
    note_intent(ctx, &view, slot);
    view.memory = slot.memory.clone();
    if let Some(AccountState::Ready(account)) = &state {
        view.evidence = evidence(&view, account, slot);
        view.brakes = brakes::of(ctx, object, &view, account);
    }
    view
}

/// What becomes of the endpoint when the object goes: what its spec says, else an adopted one stays, else what its account says.
pub fn deletion_policy(ctx: &Context, object: &SipEndpoint) -> DeletionPolicy {
    let spec = &object.spec;
    let account = || ObjectKey::new(object.namespace().unwrap_or_default(), &spec.account_ref.name);
    let adopted = spec.adopt.as_ref().map(|_| DeletionPolicy::Retain);
    spec.deletion_policy.or(adopted).or_else(|| ctx.terms(&account()).deletion_policy).unwrap_or_default()
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

fn account_view(state: Option<&AccountState>, key: &ObjectKey, pending: bool, terms: Terms) -> AccountView {
    let not_ready = |problem: &Problem| Problem {
        reason: Reason::AccountNotReady,
        message: format!("ProviderAccount {key} is not ready ({}): {}", problem.reason, problem.message),
    };
    match state {
        None if pending => AccountView::Unknown,
        None => AccountView::Missing(Problem {
            reason: Reason::AccountNotFound,
            message: format!("ProviderAccount {key} does not exist; create it, this goes on by itself within a second"),
        }),
        Some(AccountState::NotReady(problem)) => AccountView::NotReady(not_ready(problem)),
        // Our finalizer is put on it because of this object, in a moment.
        Some(AccountState::Ready(_)) if !terms.guarded && terms.deletions_only.is_none() => AccountView::Unknown,
        Some(AccountState::Ready(account)) => AccountView::Ready {
            provider: account.id().provider,
            id: account.id().id.clone(),
            listed_this_term: account.snapshots().term_complete,
            always_sent: account.capabilities().always_sent,
            suspended: terms.suspended,
            deletions_only: terms.deletions_only.as_ref().map(not_ready),
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
    let deleted: BTreeSet<&str> = slot.memory.deleted.iter().filter(|(_, deleted)| deleted.confirmed).map(|(id, _)| id.as_str()).collect();
    let recorded = view.recorded().map(|recorded| recorded.id);
    let mut evidence = Evidence {
        gets: slot.gets.clone(),
        listings: sightings(&listings, &view.prefix, recorded, &deleted, slot.memory.effect),
        password_matches: None,
    };
    if let (Some(id), Desired::Wanted(wanted)) = (recorded, &view.desired)
        && let Some(password) = &wanted.password
    {
        evidence.password_matches = evidence.observed(id).and_then(|seen| account.password_matches(seen.remote, &password.value));
    }
    evidence
}

/// Since when this process knows of the newest intent, and whether the API server's clock says that it has settled.
fn note_intent(ctx: &Context, view: &View, slot: &mut Slot) {
    let memory = &mut slot.memory;
    match view.intent() {
        Some(intent) => {
            memory.blank_since = None;
            if memory.intent_known.as_ref().is_none_or(|(nonce, _)| *nonce != intent.nonce) {
                memory.intent_known = Some((intent.nonce.clone(), view.now));
                memory.settled_by_server = None;
            }
            let age = ctx.clock.server_now().map(|now| now.duration_since(intent.issued_time.0));
            let settle = jiff::SignedDuration::try_from(view.timing.settle).unwrap_or(jiff::SignedDuration::MAX);
            let settled = age.is_some_and(|age| age > settle.saturating_add(SERVER_MARGIN));
            if settled && memory.settled_by_server.is_none() {
                memory.settled_by_server = Some(view.now);
            }
        }
        None => {
            memory.intent_known = None;
            memory.settled_by_server = None;
            if view.ledger().is_none() && view.object.finalizer {
                memory.blank_since.get_or_insert(view.now);
            }
        }
    }
}

fn fresh(ctx: &Context) -> Fresh {
    Fresh {
        nonce: uuid::Uuid::new_v4().to_string(),
        time: Time(ctx.clock.server_now().unwrap_or_else(jiff::Timestamp::now)),
        writer: ctx.writer.clone(),
        seed: rand::random(),
    }
}
