//! What is gathered in the same way for every kind.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use crate::account::{Account, AccountId};
use crate::api::condition::Reason;
use crate::api::refs::AccountIdentity;
use crate::api::{ANNOTATION_FORCE_ORPHAN, ANNOTATION_PAUSED, ANNOTATION_RECONCILE};
use crate::controller::context::{AccountState, Context, Referrer};
use crate::controller::index::Base;
use crate::controller::managed::{Managed, account_of, key};
use crate::core::key::ObjectKey;
use crate::core::tenancy::{Refused, Use, account_not_found};
use crate::core::view::{AccountView, Fresh, Object, Problem, Thing};
use crate::provider::NamedApplication;

/// What matters of the object's metadata.
pub fn object<K: Managed>(object: &K, gone: bool) -> Object {
    Object {
        uid: object.uid().unwrap_or_default(),
        generation: object.meta().generation.unwrap_or_default(),
        deleting: object.meta().deletion_timestamp.is_some(),
        gone,
        finalizer: object.finalizers().iter().any(|finalizer| finalizer == K::FINALIZER),
        paused: object.annotations().get(ANNOTATION_PAUSED).is_some_and(|value| value == "true"),
        reconcile_requested: object.annotations().get(ANNOTATION_RECONCILE).cloned(),
        force_orphan: object.annotations().get(ANNOTATION_FORCE_ORPHAN).cloned(),
    }
}

/// Whether the account lets the object do what it is about: asked when it is looked at, and again before each call.
///
/// # Errors
/// What is refused.
pub fn entitled<K: Managed>(ctx: &Context, object: &K) -> Result<(), Refused> {
    let account = account_of(object);
    let what = match object.meta().deletion_timestamp {
        None => object.uses(),
        Some(_) => Use::Delete { pinned: lives_in(ctx, object, &account) },
    };
    ctx.may(&account, &object.namespace().unwrap_or_default(), what)
}

/// Its status says that it lives in the account that this object leads to.
fn lives_in<K: Managed>(ctx: &Context, object: &K, account: &ObjectKey) -> bool {
    let here = |pin: &AccountIdentity| ctx.leads_to(account).is_some_and(|leads| leads.id == pin.id && leads.provider == pin.provider);
    object.pinned().is_some_and(here)
}

/// The account that the object refers to, as it may see it; and the live account, if it may be called. One that does not serve the object's
/// namespace is not there for it.
///
/// `known`: what else has to be known before anything is said of the account is known.
pub fn account<K: Managed>(ctx: &Context, object: &K, known: bool) -> (AccountView, Option<AccountState>) {
    let account = account_of(object);
    // In this order: an account that becomes known in between is taken as known, never as missing.
    let (listed, pending) = (ctx.account_objects.get().is_some(), ctx.account_pending(&account));
    let refused = entitled(ctx, object) == Err(Refused::Account);
    // What is not served any more, and lives there, is still to be deleted there one day.
    let served = !refused || lives_in(ctx, object, &account);
    let referrer = Referrer { served, deleting: object.meta().deletion_timestamp.is_some() };
    ctx.refers(&key(object), Some((&account, referrer)));
    let state = ctx.account(&account).filter(|_| known);
    // Who is listed is known as soon as the account object is: whoever is not must not see from how long it takes that there is one.
    match refused && known && listed {
        true => (AccountView::Missing(account_not_found(&account)), None),
        false => (account_view(ctx, K::THING, state.as_ref(), &account, pending || !known), state),
    }
}

fn account_view(ctx: &Context, thing: Thing, state: Option<&AccountState>, key: &ObjectKey, pending: bool) -> AccountView {
    let terms = ctx.terms(key);
    let not_ready = |problem: &Problem| Problem {
        reason: Reason::AccountNotReady,
        message: format!("{} {key} is not ready ({}): {}", key.kind, problem.reason, problem.message),
    };
    match state {
        None if pending => AccountView::Unknown,
        None => AccountView::Missing(account_not_found(key)),
        Some(AccountState::NotReady(problem)) => AccountView::NotReady(not_ready(problem)),
        // Our finalizer is put on it because of this object, in a moment.
        Some(AccountState::Ready(_)) if !terms.guarded && terms.deletions_only.is_none() => AccountView::Unknown,
        Some(AccountState::Ready(account)) => AccountView::Ready {
            provider: account.id().provider,
            id: account.id().id.clone(),
            listed_this_term: account.things(thing).term_complete,
            capabilities: account.capabilities(thing),
            suspended: terms.suspended,
            deletions_only: terms.deletions_only.as_ref().map(not_ready),
        },
    }
}

/// Values that a decision cannot make itself.
pub fn fresh(ctx: &Context) -> Fresh {
    Fresh {
        nonce: uuid::Uuid::new_v4().to_string(),
        time: Time(ctx.clock.server_now().unwrap_or_else(jiff::Timestamp::now)),
        writer: ctx.writer.clone(),
        seed: rand::random(),
    }
}

/// Where an account object leads, as far as that says whose endpoints and numbers its objects could have.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Leads {
    /// To this account, with credentials that work or once did: nobody but the operator writes that into its status.
    To(AccountId),
    /// It was not looked at yet, and never was before.
    Unknown,
    /// It was looked at, and the provider has never accepted its credentials: whoever names an account does not have it.
    Unproven,
    /// There is none.
    Absent,
}

impl Leads {
    fn of(ctx: &Context, key: &ObjectKey) -> Self {
        // In this order: an account that becomes known in between is taken as known, never as missing.
        let pending = ctx.account_pending(key);
        let state = ctx.account(key);
        let pinned = ctx.account_object(key).and_then(|object| object.pinned());
        match state {
            Some(AccountState::Ready(live)) => Leads::To(live.id().clone()),
            state => Leads::from(state.is_some(), pending, pinned),
        }
    }

    /// Of one that does not work now.
    fn from(looked_at: bool, pending: bool, pinned: Option<AccountId>) -> Self {
        match pinned {
            _ if !looked_at && !pending => Leads::Absent,
            Some(pinned) => Leads::To(pinned),
            None if looked_at => Leads::Unproven,
            None => Leads::Unknown,
        }
    }

    /// Whether what an object that refers to it has, or is about to have, lives in this account.
    fn same(&self, pinned: Option<&AccountIdentity>, id: &AccountId) -> bool {
        match (pinned, self) {
            (Some(pinned), _) => pinned.id == id.id && pinned.provider == id.provider,
            (None, Leads::To(theirs)) => theirs == id,
            (None, Leads::Unknown) => true,
            (None, Leads::Unproven | Leads::Absent) => false,
        }
    }
}

/// Whether what the object has at the provider lives in this account, or it could take it there; what is not known yet counts as the same.
pub fn same_account(ctx: &Context, entry: &Base, account: &Account) -> bool {
    Leads::of(ctx, &entry.account).same(entry.pinned.as_ref(), account.id())
}

/// Whether the object certainly lives elsewhere: an account that was never proven may still turn out to be this one.
pub fn elsewhere(ctx: &Context, entry: &Base, account: &Account) -> bool {
    let leads = Leads::of(ctx, &entry.account);
    !leads.same(entry.pinned.as_ref(), account.id()) && (entry.pinned.is_some() || leads != Leads::Unproven)
}

/// Whether the object can act in this account by way of its own account object: now, or, after a start, as soon as that was looked at.
pub fn acts_in(ctx: &Context, entry: &Base, account: &Account) -> bool {
    match ctx.account(&entry.account) {
        Some(AccountState::Ready(live)) => live.id() == account.id(),
        Some(AccountState::NotReady(_)) => false,
        None => match Leads::of(ctx, &entry.account) {
            Leads::To(id) => id == *account.id(),
            Leads::Unknown => ctx.account_objects.get().is_none(),
            Leads::Unproven | Leads::Absent => false,
        },
    }
}

/// An object in words, for the status of another one: what another namespace holds is not told.
pub fn who(other: &ObjectKey, key: &ObjectKey) -> String {
    match other.namespace == key.namespace {
        true => format!("{} {}", other.kind, other.name),
        false => "an object of another namespace of this cluster".to_owned(),
    }
}

/// What the application that the object names stands for, if it names one and the account can be asked. The object is woken when that
/// changes.
pub fn application(state: Option<&AccountState>, who: &ObjectKey, name: Option<&str>) -> NamedApplication {
    let Some(AccountState::Ready(account)) = state else { return None };
    match name {
        Some(name) => Some(account.watch_application(who.clone(), name).app_id(name)),
        None => {
            account.unwatch_application(who);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::refs::ProviderKind;

    #[test]
    fn who_never_had_an_account_stands_in_nobodys_way_there() {
        let at = |id: &str| AccountId { provider: ProviderKind::Plivo, id: id.into() };
        let pin = |id: &str| AccountIdentity { provider: ProviderKind::Plivo, id: id.into() };
        let (looked, unlooked, exists, gone) = (true, false, true, false);
        // What the account object is, what it is pinned to, what the object is pinned to, and whether that is a rival in MA1.
        let table = [
            ("never proven: no Secret, a token of nobody", Leads::from(looked, gone, None), None, false),
            ("also if it was the account's own once, as the object says", Leads::from(looked, gone, None), Some("MA1"), true),
            ("proven once, and not ready now", Leads::from(looked, gone, Some(at("MA1"))), None, true),
            ("proven once, elsewhere", Leads::from(looked, gone, Some(at("MA2"))), None, false),
            ("not looked at yet", Leads::from(unlooked, exists, None), None, true),
            ("not looked at yet, pinned", Leads::from(unlooked, exists, Some(at("MA1"))), None, true),
            ("not looked at yet, pinned elsewhere", Leads::from(unlooked, exists, Some(at("MA2"))), None, false),
            ("none", Leads::from(unlooked, gone, None), None, false),
            ("none, and the object has something here", Leads::from(unlooked, gone, None), Some("MA1"), true),
            ("it works", Leads::To(at("MA1")), None, true),
            ("it works, and the object has what it has elsewhere", Leads::To(at("MA1")), Some("MA2"), false),
        ];
        for (sentence, leads, pinned, rival) in table {
            assert_eq!(leads.same(pinned.map(pin).as_ref(), &at("MA1")), rival, "{sentence}");
        }
    }
}
