//! The brakes of all accounts: what `core::brake` is asked, under one lock for each question, and what of it is told and written.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use kube_runtime::events::EventType;
use tracing::{info, warn};

use crate::account::{Account, AccountId};
use crate::api::condition::Reason;
use crate::api::policy::{DeletionPolicy, ExternalDeletionPolicy, ManagementPolicy};
use crate::api::provider_account::{BrakeRecord, BrakeStatus};
use crate::api::sip_endpoint::SipEndpoint;
use crate::api::{ANNOTATION_ACKNOWLEDGE_BRAKE, ANNOTATION_FORCE_ORPHAN, FINALIZER_ENDPOINT};
use crate::controller::account::object::AccountObject;
use crate::controller::context::{AccountState, Context};
use crate::controller::endpoint::gather::deletion_policy;
use crate::controller::managed::{account_of, key};
use crate::controller::report::event_about;
use crate::core::account::{acknowledge, held};
use crate::core::brake::{Acknowledged, Brake, Held, Kind, Look, Stamp, Who, recreation_window};
use crate::core::key::ObjectKey;
use crate::core::time::Moment;
use crate::core::view::{self, Problem, View};
use crate::telemetry::audit::TARGET;

/// The brakes by account, and the wrong tokens that people have been told of.
#[derive(Debug, Default)]
pub struct Brakes {
    all: Mutex<BTreeMap<AccountId, Brake>>,
    told: Mutex<BTreeMap<ObjectKey, String>>,
}

/// Asks the account's brakes; what changes in them is written to its account objects.
fn ask<T>(ctx: &Context, id: &AccountId, question: impl FnOnce(&mut Brake) -> T) -> T {
    let (answer, changed) = {
        let mut all = ctx.brakes.all.lock().unwrap_or_else(PoisonError::into_inner);
        let brake = all.entry(id.clone()).or_default();
        let before = brake.revision();
        let answer = question(brake);
        (answer, brake.revision() != before)
    };
    if changed {
        ctx.accounts.owners(id).iter().for_each(|owner| ctx.wakers.wake(owner));
    }
    answer
}

fn server_now(ctx: &Context) -> Timestamp {
    ctx.clock.server_now().unwrap_or_else(Timestamp::now)
}

fn stamp(ctx: &Context) -> Stamp {
    Stamp::new(server_now(ctx), rand::random())
}

/// What the brakes say of this object. An object that is being deleted counts from here on.
pub fn of(ctx: &Context, object: &SipEndpoint, view: &View, account: &Account) -> view::Brakes {
    let none = view::Brakes::default();
    let uid = &view.object.uid;
    if view.object.gone {
        return none;
    }
    let problem = |kind, stopped: &Held| held(kind, stopped, &account_of(object));
    let id = account.id();
    let size = || account.snapshots().complete.map_or(0, |listing| listing.items.len());
    if view.object.deleting {
        ask(ctx, id, |brake| brake.seen(uid, server_now(ctx)));
        let seen = |id: &str| view.evidence.missing(id).is_none() && !view.memory.deleted.contains_key(id);
        let Some(who) = going(ctx, object, id).filter(|who| seen(&who.endpoint)) else { return none };
        let answer = ask(ctx, id, |brake| brake.deletion(&who, || all_going(ctx, account), size(), &stamp(ctx)));
        return view::Brakes { deletion: answer.err().map(|stopped| problem(Kind::Deletions, &stopped)), ..none };
    }
    let suspected = |recorded: &str| {
        let evidence = &view.evidence;
        evidence.observed(recorded).is_none() && (evidence.missing(recorded).is_some() || evidence.listings.recorded_unlisted.is_some())
    };
    let Some(who) = replaceable(object, id).filter(|who| suspected(&who.endpoint)) else {
        ask(ctx, id, |brake| brake.seen(uid, server_now(ctx)));
        return none;
    };
    let answer = ask(ctx, id, |brake| {
        brake.absent(&who, || all_absent(ctx, account), size(), &stamp(ctx));
        brake.recreation(uid, &look(ctx, view, size()), || made_anew(ctx, id), false)
    });
    let until = |stopped: &Held| match stopped {
        Held::Throttled { until, .. } => Some(*until),
        Held::Braked { .. } => None,
    };
    let recreation: Option<(Problem, Option<Moment>)> = answer.err().map(|stopped| (problem(Kind::Absences, &stopped), until(&stopped)));
    view::Brakes { recreation, ..none }
}

/// A new endpoint is about to be made in place of the recorded one. Whether it may, which then counts.
pub fn recreate(ctx: &Context, view: &View, object: &SipEndpoint) -> bool {
    let account = account_of(object);
    let Some(AccountState::Ready(account)) = ctx.account(&account) else { return false };
    let size = account.snapshots().complete.map_or(0, |listing| listing.items.len());
    let id = account.id();
    ask(ctx, id, |brake| brake.recreation(&view.object.uid, &look(ctx, view, size), || made_anew(ctx, id), true)).is_ok()
}

fn look(ctx: &Context, view: &View, listed: usize) -> Look {
    Look { listed, now: ctx.clock.now(), time: server_now(ctx), window: recreation_window(view.timing.settle) }
}

/// When objects of this account last announced an endpoint that was not their first. (A first create that was refused, or lost, counts as
/// well: that errs to the safe side, and for one window only.)
fn made_anew(ctx: &Context, id: &AccountId) -> Vec<Timestamp> {
    let intent = |object: &SipEndpoint| {
        let status = object.status.as_ref()?;
        let here = status.account.as_ref().is_some_and(|account| account.id == id.id && account.provider == id.provider);
        let intent = status.ledger.as_ref()?.intent.as_ref()?;
        (here && intent.epoch > 1).then_some(intent.issued_time.0)
    };
    ctx.all_endpoints().filter_map(|object| intent(&object)).collect()
}

/// The object is gone from the cluster.
pub fn gone(ctx: &Context, uid: &str) {
    let ids: Vec<AccountId> = ctx.brakes.all.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
    ids.iter().for_each(|id| ask(ctx, id, |brake| brake.gone(uid, server_now(ctx))));
}

/// The recorded endpoint of an object of this account that is to be deleted with it.
fn going(ctx: &Context, object: &SipEndpoint, id: &AccountId) -> Option<Who> {
    let at = object.metadata.deletion_timestamp.as_ref()?.0;
    let guarded = object.finalizers().iter().any(|finalizer| finalizer == FINALIZER_ENDPOINT);
    let who = recorded(object, id, Some(at)).filter(|_| guarded)?;
    let given_up = object.annotations().get(ANNOTATION_FORCE_ORPHAN) == Some(&who.endpoint);
    let kept = object.spec.management_policy == ManagementPolicy::Observe || deletion_policy(ctx, object) == DeletionPolicy::Retain;
    (!given_up && !kept).then_some(who)
}

/// All of them that the caches know of.
fn all_going(ctx: &Context, account: &Account) -> Vec<Who> {
    let listing = account.snapshots().complete;
    let listed = |who: &Who| listing.as_ref().is_none_or(|listing| listing.items.get(&who.endpoint).is_some());
    ctx.all_endpoints().filter_map(|object| going(ctx, &object, account.id())).filter(listed).collect()
}

/// The recorded endpoint of an object of this account in whose place a new one is made, should it vanish.
fn replaceable(object: &SipEndpoint, id: &AccountId) -> Option<Who> {
    let spec = &object.spec;
    let recreated = spec.adopt.is_none() && spec.external_deletion_policy == ExternalDeletionPolicy::Recreate;
    let intent = object.status.as_ref().and_then(|status| status.ledger.as_ref()).and_then(|ledger| ledger.intent.as_ref());
    let born = intent.map(|intent| intent.issued_time.0);
    recorded(object, id, born).filter(|_| recreated && object.metadata.deletion_timestamp.is_none())
}

/// All of them that no listing shows.
fn all_absent(ctx: &Context, account: &Account) -> Vec<Who> {
    let snapshots = account.snapshots();
    let Some(complete) = snapshots.complete else { return Vec::new() };
    let listed = |who: &Who| {
        let newest = snapshots.newest.as_ref().and_then(|newest| newest.items.get(&who.endpoint));
        newest.or_else(|| complete.items.get(&who.endpoint)).is_some()
    };
    ctx.all_endpoints().filter_map(|object| replaceable(&object, account.id())).filter(|who| !listed(who)).collect()
}

fn recorded(object: &SipEndpoint, id: &AccountId, at: Option<Timestamp>) -> Option<Who> {
    let status = object.status.as_ref()?;
    let endpoint = status.endpoint_id.clone().filter(|id| !id.is_empty())?;
    let here = status.account.as_ref().is_none_or(|account| account.id == id.id && account.provider == id.provider);
    here.then(|| Who { uid: object.uid().unwrap_or_default(), key: key(object), endpoint, at })
}

/// What an account object brings: its limits, what is written in its status, what the last listing shows, and an acknowledgement.
///
/// `speaks`: with its credentials it may; see `core::account::Access::speaks`. Else it only shows what there is.
pub async fn account(ctx: &Context, object: &AccountObject, id: &AccountId, speaks: bool) {
    let (now, owner) = (server_now(ctx), &object.key);
    // Those of the others as well: after a start, whoever comes first speaks for all.
    let others: Vec<_> = ctx.account_objects().into_iter().filter(|other| other.pinned().as_ref() == Some(id)).collect();
    let listing = ctx.accounts.get(owner).and_then(|account| account.snapshots().complete);
    let mut woken = ask(ctx, id, |brake| {
        let mut woken = Vec::new();
        for other in others.iter().chain([object]) {
            let heard = if other.key == *owner { speaks } else { may_speak(ctx, &other.key) };
            brake.limit(&other.key, heard.then(|| other.spec.brake.unwrap_or_default()));
            let written = other.status.as_ref().and_then(|status| status.brake.as_ref());
            woken.extend(written.map(|written| brake.adopt(written)).unwrap_or_default());
        }
        if let Some(listing) = listing {
            // When it began, on the API server's clock.
            let age = SignedDuration::try_from(ctx.clock.now().since(listing.began)).unwrap_or(SignedDuration::MAX);
            brake.listed(&listing.items, now.checked_sub(age).unwrap_or(Timestamp::MIN), now);
        }
        woken.extend(brake.relax(now));
        woken
    });
    if let Some(token) = object.annotation(ANNOTATION_ACKNOWLEDGE_BRAKE).filter(|_| speaks) {
        let (answer, engaged) = ask(ctx, id, |brake| (brake.acknowledge(token, now), !brake.engaged().is_empty()));
        match answer {
            Acknowledged::Released(kind, held) => {
                let (brake, held_now, writer) = (format!("{kind:?}"), held.len(), &ctx.writer);
                info!(target: TARGET, action = "acknowledge", kind = %owner.kind, account = %owner, token, brake, held = held_now, writer, "brake acknowledged");
                let note = format!("{token} was acknowledged: {} objects go on", held.len());
                event_about(ctx, &object.reference, EventType::Warning, "BrakeAcknowledged", "Acknowledge", note).await;
                woken.extend(held);
            }
            Acknowledged::Wrong if engaged && news(ctx, owner, token) => {
                let (token, writer) = (token.chars().take(64).collect::<String>(), &ctx.writer);
                warn!(target: TARGET, action = "acknowledge", kind = %owner.kind, account = %owner, token, writer, "a brake was to be acknowledged with a token that is none");
                let note = format!(
                    "{token} is not the token of a brake that holds: nothing is released. The condition Braked shows the right one"
                );
                event_about(ctx, &object.reference, EventType::Warning, "WrongToken", "Acknowledge", note).await;
            }
            Acknowledged::Wrong | Acknowledged::Spent => {}
        }
    }
    woken.iter().for_each(|object| ctx.wakers.wake(object));
}

/// Whether another account object's credentials let it speak for its account, as it was seen last. One that was not looked at yet, and is
/// pinned to the account, had them.
fn may_speak(ctx: &Context, key: &ObjectKey) -> bool {
    match ctx.account(key) {
        Some(AccountState::NotReady(problem)) => {
            matches!(problem.reason, Reason::ProviderUnreachable | Reason::AccountNotReady | Reason::Progressing)
        }
        Some(AccountState::Ready(_)) | None => true,
    }
}

/// Whether people have not been told of this token yet.
fn news(ctx: &Context, owner: &ObjectKey, token: &str) -> bool {
    let mut told = ctx.brakes.told.lock().unwrap_or_else(PoisonError::into_inner);
    told.insert(owner.clone(), token.to_owned()).as_deref() != Some(token)
}

/// The account object is gone.
pub fn removed(ctx: &Context, owner: &ObjectKey) {
    ctx.brakes.told.lock().unwrap_or_else(PoisonError::into_inner).remove(owner);
    let mut all = ctx.brakes.all.lock().unwrap_or_else(PoisonError::into_inner);
    all.values_mut().for_each(|brake| brake.limit(owner, None));
}

/// What is to be written to the account objects of this account, and what holds.
pub fn state(ctx: &Context, id: &AccountId) -> (Option<BrakeStatus>, Vec<(Kind, BrakeRecord)>) {
    ask(ctx, id, |brake| (brake.status(), brake.engaged()))
}

/// After a status write: a brake that has engaged, or holds no more.
pub async fn announce(ctx: &Context, object: &AccountObject, old: Option<&BrakeStatus>, new: Option<&BrakeStatus>) {
    let pairs = [
        ("deletions", old.and_then(|brake| brake.deletions.as_ref()), new.and_then(|brake| brake.deletions.as_ref())),
        (
            "new endpoints in place of vanished ones",
            old.and_then(|brake| brake.absences.as_ref()),
            new.and_then(|brake| brake.absences.as_ref()),
        ),
    ];
    for (what, before, now) in pairs {
        let Some(now) = now else { continue };
        let known = before.filter(|before| before.token == now.token);
        if known.is_none() && now.released_time.is_none() {
            warn!(account = %object.key, token = now.token, count = now.count, what, "brake engaged");
            let note =
                format!("{} at once: {what} are held until somebody acknowledges it: {}", now.count, acknowledge(&object.key, &now.token));
            event_about(ctx, &object.reference, EventType::Warning, "BrakeEngaged", "Brake", note).await;
        }
        if known.is_some_and(|before| before.released_time.is_none()) && now.released_time.is_some() {
            info!(account = %object.key, token = now.token, what, "brake released");
            event_about(
                ctx,
                &object.reference,
                EventType::Normal,
                "BrakeReleased",
                "Brake",
                format!("{what} are held no more ({})", now.token),
            )
            .await;
        }
    }
}
