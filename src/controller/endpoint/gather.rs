//! Everything an object points at → a [`View`]. Nothing later in the pass reads the cluster for input.

use std::collections::BTreeMap;

use kube::ResourceExt;

use crate::account::Account;
use crate::api::condition::Reason;
use crate::api::ledger::SecretVersion;
use crate::api::policy::DeletionPolicy;
use crate::api::refs::{AccountIdentity, ProviderKind};
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::claims::Entry;
use crate::controller::context::{AccountState, Context};
use crate::controller::endpoint::connection;
use crate::controller::gather::{self, same_account, who};
use crate::controller::made::Remembered;
use crate::controller::made::gather::{concerned, evidence, listings, remember};
use crate::controller::managed::{account_of, key};
use crate::controller::memories::Slot;
use crate::controller::{brakes, trunk_group};
use crate::core::endpoint::connection::ConnectionSecret;
use crate::core::evidence::{Evidence, Listing};
use crate::core::fields::Secret;
use crate::core::key::ObjectKey;
use crate::core::mark::{Installation, Mark, recognise};
use crate::core::tenancy::{Use, adoptable};
use crate::core::time::Moment;
use crate::core::view::{AccountView, Adoption, Brakes, Desired, Password, Policy, Problem, Thing, View};
use crate::provider::{self, Given};

/// Reads what the object refers to and puts it together with what is known.
pub async fn view(ctx: &Context, object: &SipEndpoint, gone: bool, slot: &mut Slot<Remembered>) -> View {
    let key = key(object);
    let status = object.status.clone().unwrap_or_default();
    let deleting = object.metadata.deletion_timestamp.is_some();
    // Until all objects were seen, somebody else's endpoint may look like this one's.
    let (account, state) = gather::account(ctx, object, ctx.claims.is_complete());
    let mark = mark(ctx, object);
    let application = gather::application(state.as_ref(), &key, provider::app_name(&object.spec));
    let (connection, desired) = match deleting || gone {
        // A deletion never needs the tenant's password, nor the Secret for the phone.
        true => (None, Desired::Blocked(Problem { reason: Reason::Deleting, message: "deleting".into() })),
        false => {
            let connection = connection::secret(ctx, object, &key).await;
            let password = password(ctx, object, &key, connection.as_ref()).await;
            let at = at(&account, status.account.as_ref()).map(|at| (account_of(object), at));
            let at = at.as_ref().map(|(account, at)| (account, *at));
            let desired = provider::desired(&object.spec, at, &key.name, &mark, password.clone(), application);
            let desired = connection::unmade(connection.as_ref(), &password, desired);
            (connection, desired)
        }
    };
    let mut view = View {
        thing: Thing::Endpoint,
        object: gather::object(object, gone),
        status,
        desired,
        mark,
        installation: ctx.installation.clone(),
        policy: Policy {
            management: object.spec.management_policy,
            deletion: deletion_policy(ctx, object),
            drift: object.spec.drift_policy,
            external_deletion: object.spec.external_deletion_policy,
        },
        adopt: object.spec.adopt.as_ref().map(|adopt| Adoption {
            id: adopt.endpoint_id.clone(),
            from_installation: adopt.from_installation.clone(),
            allowed: ctx.with_tenants(&account_of(object), |tenants| adoptable(tenants, &key.namespace, &adopt.endpoint_id)),
        }),
        connection,
        claims: BTreeMap::new(),
        account,
        term: Moment::ZERO,
        brakes: Brakes::default(),
        evidence: Evidence::default(),
        memory: slot.memory.learnt.memory.clone(),
        now: ctx.clock.now(),
        timing: ctx.settings.timing,
        fresh: gather::fresh(ctx),
        stopping: ctx.is_stopping(),
    };
    remember(ctx, &mut view, slot);
    if let Some(AccountState::Ready(account)) = &state {
        look(ctx, &mut view, &key, account, slot);
        view.brakes = brakes::of(ctx, object, &view, account);
    }
    // Said before any brake: it goes on by itself, and what a brake counts is what is about to go.
    view.brakes.deletion = trunk_group::stands_in_the_way(ctx, object).or(view.brakes.deletion);
    view
}

/// Where the account is, once that is known; not of one that is not where it was, of which something else is to be said.
fn at(account: &AccountView, pinned: Option<&AccountIdentity>) -> Option<ProviderKind> {
    match account {
        AccountView::Ready { provider, .. } => Some(*provider).filter(|at| pinned.is_none_or(|pinned| pinned.provider == *at)),
        AccountView::Unknown | AccountView::Missing(_) | AccountView::NotReady(_) => None,
    }
}

/// What this view would want, were this the password in the connection Secret; `None` where none is generated. For a plan.
pub fn with_generated(ctx: &Context, object: &SipEndpoint, view: &View, password: (Secret, SecretVersion)) -> Option<Desired> {
    if !provider::generates_password(&object.spec) {
        return None;
    }
    let (key, account) = (key(object), account_of(object));
    let state = ctx.account(&account);
    let application = gather::application(state.as_ref(), &key, provider::app_name(&object.spec));
    let at = at(&view.account, view.status.account.as_ref()).map(|at| (&account, at));
    Some(provider::desired(&object.spec, at, &key.name, &view.mark, Ok(Some(password)), application))
}

/// What becomes of the endpoint when the object goes: what its spec says, else an adopted one stays, else what its account says.
pub fn deletion_policy(ctx: &Context, object: &SipEndpoint) -> DeletionPolicy {
    let spec = &object.spec;
    let adopted = spec.adopt.as_ref().map(|_| DeletionPolicy::Retain);
    spec.deletion_policy.or(adopted).or_else(|| ctx.terms(&account_of(object)).deletion_policy).unwrap_or_default()
}

/// The object's mark at its provider.
pub fn mark(ctx: &Context, object: &SipEndpoint) -> Mark {
    mark_of(&ctx.installation, object)
}

/// As [`mark`].
pub fn mark_of(installation: &Installation, object: &SipEndpoint) -> Mark {
    let name = object.name_any();
    let (place, base) = provider::label(&object.spec, &name);
    Mark::new(place, installation, &object.namespace().unwrap_or_default(), &name, &base)
}

async fn password(ctx: &Context, object: &SipEndpoint, key: &ObjectKey, connection: Option<&ConnectionSecret>) -> Password {
    if provider::generates_password(&object.spec) {
        return connection::password(connection, key);
    }
    let mut given = Given::default();
    for at in provider::secrets(&object.spec) {
        let content = ctx.secrets.get(&key.namespace, &at.name, key.clone()).await?;
        let value = content.value(&at.name, &at.key)?.clone();
        given.add(at, value, content.version);
    }
    provider::password(&object.spec, &given)
}

/// What the provider was seen to hold, as far as it concerns this object.
fn look(ctx: &Context, view: &mut View, key: &ObjectKey, account: &Account, slot: &Slot<Remembered>) {
    let snapshots = account.snapshots();
    view.term = snapshots.term_began;
    let listings = listings(&snapshots);
    view.claims = claims(ctx, view, key, account, &listings, slot);
    view.evidence = evidence(view, account, &listings, slot);
    if let Some((id, who)) = mark_of_another(ctx, view, key, account) {
        view.claims.insert(id, who);
    }
}

/// Which endpoints that concern this object another live object has a better right to.
fn claims(
    ctx: &Context,
    view: &View,
    key: &ObjectKey,
    account: &Account,
    listings: &[Listing<'_>],
    slot: &Slot<Remembered>,
) -> BTreeMap<String, String> {
    let Some(own) = ctx.claims.get(key) else { return BTreeMap::new() };
    let ids = concerned(view, listings, slot);
    if own.base.uid != view.object.uid && own.adopts.is_none() {
        // The name has its next object: what carries the mark, and what was just received for the former one, is that one's.
        return ids.into_iter().map(|id| (id.to_owned(), format!("the next SipEndpoint {}", key.name))).collect();
    }
    let username = |id: &str| {
        let listed = listings.iter().rev().find_map(|listing| listing.endpoints.get(id)).map(|remote| remote.username.clone());
        listed.or_else(|| view.label().map(str::to_owned).filter(|_| view.status.endpoint_id.as_deref() == Some(id)))
    };
    ids.into_iter()
        .filter_map(|id| {
            let (claim, username) = (own.claim(id), username(id));
            let others = ctx.claims.of(id).into_iter();
            let others = others.filter(|other| other.base.key != *key && rivals(ctx, other, account, id, username.as_deref()));
            let winner = others.into_iter().find(|other| other.claim(id).prevails_over(&claim))?;
            Some((id.to_owned(), who(&winner.base.key, key)))
        })
        .collect()
}

/// The endpoint to be adopted carries the mark of a live object that has not recorded any yet: as long as that one may still find it
/// or has a create on its way, it is left alone.
fn mark_of_another(ctx: &Context, view: &View, key: &ObjectKey, account: &Account) -> Option<(String, String)> {
    let adopt = view.adopt.as_ref().filter(|_| view.recorded().is_none())?;
    let marked = recognise(&view.evidence.observed(&adopt.id)?.remote.username)?;
    let owners = ctx.claims.marked(&marked.key).into_iter();
    let username = view.evidence.observed(&adopt.id).map(|seen| seen.remote.username.as_str());
    let owner = owners.into_iter().find(|owner| owner.recorded.is_none() && rivals(ctx, owner, account, &adopt.id, username))?;
    Some((adopt.id.clone(), who(&owner.base.key, key)))
}

/// Whether another object's claim on an endpoint of this account counts: it has recorded it, or it may have it. Who may not use the account,
/// or may not adopt that endpoint, stands in nobody's way.
pub fn rivals(ctx: &Context, other: &Entry, account: &Account, id: &str, username: Option<&str>) -> bool {
    let what = match &other.adopts {
        Some(adopts) if adopts == id => Use::Adopt { id, username },
        _ => Use::Endpoint,
    };
    let base = &other.base;
    let may = || ctx.account_pending(&base.account) || ctx.may(&base.account, &base.key.namespace, what).is_ok();
    // What is pinned may have a create on its way.
    let has = other.recorded.as_deref() == Some(id) || other.adopts.is_none() && base.pinned.is_some();
    same_account(ctx, base, account) && (has || may())
}
