//! One reconcile of an account object, of either kind: credentials → a live account; its finalizer, its escrow, its brakes, its status.
//! What is said and whom it serves is decided in `core::account`, who may use it in `core::tenancy`.

mod access;
pub mod object;
mod report;
mod users;

use std::sync::{Arc, PoisonError};

use kube_runtime::controller::Action as Requeue;
use tracing::warn;

use self::object::{AccountKind, AccountObject, home, key_of};
use crate::account::{Account, Owner};
use crate::api::condition::{Reason, Verdict as Kstatus};
use crate::controller::context::{AccountState, Context};
use crate::controller::pass::ReconcileError;
use crate::controller::watch::Track;
use crate::controller::{brakes, escrow};
use crate::core::account::{Access, Facts, Serves, Users, unguarded, verdict};
use crate::core::key::ObjectKey;
use crate::core::view::Problem;
use crate::metrics::Reconciled;
use crate::provider::permissions;

/// Brings the account object's live account and status up to date.
pub async fn reconcile<K: AccountKind>(object: Arc<K>, ctx: Arc<Context>) -> Result<Requeue, ReconcileError> {
    let began = ctx.clock.now();
    let again = bring_up_to_date(&AccountObject::of(&*object), &ctx).await;
    let outcome = if again == Requeue::await_change() { Reconciled::Settled } else { Reconciled::Waiting };
    ctx.metrics.reconciled(K::KIND, outcome, ctx.clock.now().since(began));
    Ok(again)
}

async fn bring_up_to_date(object: &AccountObject, ctx: &Context) -> Requeue {
    let (key, deleting) = (&object.key, object.deleting());
    // It may have been gone and be back: etcd was restored, or it could not be read for a while.
    ctx.account_is_back(key, object.uid());
    let defaults = object.spec.defaults.as_ref().and_then(|defaults| defaults.deletion_policy);
    // Before anything that takes time: who suspends an account wants it now.
    ctx.set_terms(key, |terms| (terms.suspended, terms.deletion_policy) = (object.spec.suspend, defaults));
    let users = users::users(ctx, object).await;
    if deleting && users.none() {
        return let_go(ctx, object).await;
    }
    let (access, account) = access::establish(ctx, object, !users.none()).await;
    let id = account.as_ref().map(|account| account.id().clone()).or_else(|| object.pinned());
    if let Some(id) = &id {
        brakes::account(ctx, object, id, access.speaks()).await;
    }
    let waits = ctx.settings.waits();
    let (brake, engaged) = id.as_ref().map(|id| brakes::state(ctx, id)).unwrap_or_default();
    let (guarded, refused) = report::guard(ctx, object, !deleting && !users.none()).await;
    // Before anybody is served: what is made with these credentials can be deleted with them.
    if guarded && matches!(access, Access::Proven(_)) {
        escrow::keep(ctx, object).await;
    }
    let permissions = permissions(&object.spec);
    let facts = Facts { key, access, permissions, deleting, users, suspended: object.spec.suspend, brakes: engaged, waits };
    let verdict = match refused.filter(|_| !guarded) {
        Some(error) => unguarded(&facts, &error),
        None => verdict(&facts),
    };
    if let (Some(before), Kstatus::Failed) = (&object.status, verdict.finding.reason.verdict())
        && report::ready_reason(before) != Some(verdict.finding.reason.as_str())
    {
        warn!(account = %key, reason = %verdict.finding.reason, message = verdict.finding.message, "account not ready");
    }
    let mut new = report::status(ctx, object, &facts, &verdict, account.as_deref()).await;
    if id.is_some() {
        new.brake = brake;
    }
    // A finalizer that was put on just now is a newer object, which is on its way and is reconciled anew.
    let newer = guarded && !object.has_finalizer();
    if !newer {
        report::write_status(ctx, object, &new).await;
    }
    let (state, deletions_only) = served(verdict.serves, account);
    ctx.set_terms(key, |terms| (terms.deletions_only, terms.guarded) = (deletions_only, guarded));
    ctx.set_account(key, Some(state));
    if ctx.account_is_gone(object.uid()) {
        // It went while this was under way.
        forget(ctx, &object.owner());
        return Requeue::await_change();
    }
    // Spread a little, so that many accounts do not come back in one moment.
    Requeue::requeue(verdict.again.mul_f64(0.9 + 0.2 * rand::random::<f64>()))
}

/// As a reconcile, for a plan: the live account is established, and nothing is written to the cluster. `users`: who refers to it. It counts as
/// guarded: our finalizer is put on it before anything is made with it.
pub(in crate::controller) async fn rehearse(ctx: &Context, object: &AccountObject, users: Vec<ObjectKey>) {
    let key = &object.key;
    let defaults = object.spec.defaults.as_ref().and_then(|defaults| defaults.deletion_policy);
    ctx.set_terms(key, |terms| (terms.suspended, terms.deletion_policy) = (object.spec.suspend, defaults));
    let (access, account) = access::establish(ctx, object, true).await;
    let id = account.as_ref().map(|account| account.id().clone()).or_else(|| object.pinned());
    if let Some(id) = &id {
        // Who acknowledges a brake is answered by the operator, with an event.
        let mut unheard = object.clone();
        unheard.meta.annotations = None;
        brakes::account(ctx, &unheard, id, access.speaks()).await;
    }
    let (_, engaged) = id.as_ref().map(|id| brakes::state(ctx, id)).unwrap_or_default();
    let facts = Facts {
        key,
        access,
        permissions: permissions(&object.spec),
        deleting: object.deleting(),
        users: Users::Known(users),
        suspended: object.spec.suspend,
        brakes: engaged,
        waits: ctx.settings.waits(),
    };
    let (state, deletions_only) = served(verdict(&facts).serves, account);
    ctx.set_terms(key, |terms| (terms.deletions_only, terms.guarded) = (deletions_only, true));
    ctx.set_account(key, Some(state));
}

/// What that means for the objects of the account.
fn served(serves: Serves, account: Option<Arc<Account>>) -> (AccountState, Option<Problem>) {
    match (serves, account) {
        (Serves::All, Some(account)) => (AccountState::Ready(account), None),
        (Serves::Deletions(problem), Some(account)) => (AccountState::Ready(account), Some(problem)),
        (Serves::Nobody(problem) | Serves::Deletions(problem), _) => (AccountState::NotReady(problem), None),
        (Serves::All, None) => (AccountState::NotReady(not_established()), None),
    }
}

/// Follows the watch of account objects, in its own time: a reconcile may be busy with the provider.
pub struct Tracker(pub Arc<Context>);

impl<K: AccountKind> Track<K> for Tracker {
    type Kept = Owner;

    fn seen(&self, object: &K) -> Owner {
        let key = key_of(object);
        if let Some(allowed) = object.allowed() {
            self.0.set_allowed(&key, allowed);
        }
        Owner { uid: object.meta().uid.clone().unwrap_or_default(), key }
    }

    /// Its objects are told, its credentials forgotten.
    fn removed(&self, owner: &Owner) {
        self.0.gone_accounts.lock().unwrap_or_else(PoisonError::into_inner).insert(owner.uid.clone());
        forget(&self.0, owner);
        self.0.escrows.look_again();
    }
}

fn forget(ctx: &Context, owner: &Owner) {
    let key = &owner.key;
    leave(ctx, owner);
    forget_proven(ctx, key);
    ctx.secrets.forget(home(ctx, key), key);
    brakes::removed(ctx, key);
    ctx.forget_terms(key);
    ctx.set_account(key, None);
}

/// The account object leads to no account for now: nothing is called on its behalf, and should it be the account's last one, no
/// listing is taken either. Credentials count as unproven when it comes back; those that were proven last are kept for deletions.
fn leave(ctx: &Context, owner: &Owner) {
    ctx.credentials.lock().unwrap_or_else(PoisonError::into_inner).remove(&owner.key);
    ctx.accounts.detach(owner);
}

/// Nothing needs the credentials that were proven last any more.
fn forget_proven(ctx: &Context, key: &ObjectKey) {
    ctx.proven.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
}

fn not_established() -> Problem {
    Problem { reason: Reason::Progressing, message: "the credentials are being checked".into() }
}

/// Nothing needs it any more.
async fn let_go(ctx: &Context, object: &AccountObject) -> Requeue {
    leave(ctx, &object.owner());
    forget_proven(ctx, &object.key);
    if !object.has_finalizer() {
        return Requeue::await_change();
    }
    let retry = Requeue::requeue(ctx.settings.timing.retry_base * 4);
    if !escrow::remove(ctx, object).await {
        return retry;
    }
    match report::write_finalizer(ctx, object, false).await {
        Ok(()) => Requeue::await_change(),
        Err(_) => retry,
    }
}
