//! Counts what an account holds. The caches say who is known; where a mark of ours has no object there, the API server is asked for the
//! names of all objects, once for each listing and after it: an object that cannot be read has a name all the same.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use kube::api::ListParams;
use kube::{Api, ResourceExt};
use tracing::warn;

use crate::account::{Account, AccountId, Snapshot, Thing};
use crate::api::provider_account::{EndpointCounts, NumberCounts};
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::binding::bindings::Entry;
use crate::controller::context::Context;
use crate::controller::deadline;
use crate::controller::endpoint::gather::mark;
use crate::controller::gather::same_account;
use crate::core::census::{self, Census, Known, Orphans};
use crate::core::mark::name_part;
use crate::core::tenancy::Use;

/// Objects on a page.
const PAGE: u32 = 500;

/// What was counted in each account.
#[derive(Debug, Default)]
pub struct Censuses(Mutex<BTreeMap<(AccountId, Thing), Former>>);

#[derive(Clone, Debug, Default)]
struct Former {
    orphans: Orphans,
    /// The name parts of all objects, read after the listing of this number.
    names: Option<(u64, HashSet<String>)>,
}

/// What the newest complete listing of things of this kind shows; as `before` until there is one, and while the API server does not
/// answer. Nothing, where they are not listed.
pub async fn take(ctx: &Context, account: &Account, thing: Thing, before: Option<EndpointCounts>) -> Option<EndpointCounts> {
    // Who needs a trunk group has not said so yet when the process has just begun; its status has.
    let needs = |object: &SipEndpoint| {
        let status = object.status.as_ref().filter(|status| status.trunk_group.is_some());
        status
            .and_then(|status| status.account.as_ref())
            .is_some_and(|of| (of.provider, &of.id) == (account.id().provider, &account.id().id))
    };
    if !account.lists(thing) && !ctx.all_endpoints().any(|object| needs(&object)) {
        return None;
    }
    match account.things(thing).complete {
        Some(listing) => count(ctx, account.id(), thing, &listing).await.or(before),
        None => before,
    }
}

async fn count(ctx: &Context, account: &AccountId, thing: Thing, listing: &Snapshot) -> Option<EndpointCounts> {
    let mut known = Known::default();
    for object in ctx.all_endpoints() {
        let status = object.status.as_ref();
        let (adopted, recorded) = match thing {
            Thing::Endpoint => (
                object.spec.adopt.as_ref().map(|adopt| adopt.endpoint_id.as_str()),
                status.and_then(|status| status.endpoint_id.as_deref()),
            ),
            // The group is our own also where the endpoint is not.
            Thing::TrunkGroup => {
                (None, status.and_then(|status| status.trunk_group.as_ref()).and_then(|group| group.trunk_group_sid.as_deref()))
            }
        };
        let part = name_part(&ctx.installation, &object.namespace().unwrap_or_default(), &object.name_any());
        let own = adopted.is_none().then(|| mark(ctx, &object));
        known.add(part, own.as_ref(), adopted.into_iter().chain(recorded));
    }
    let census = Census::take(ctx.installation.part(), &listing.items, &known);
    // Elsewhere may live whoever stands for them.
    if !ctx.wakers.everywhere() {
        return Some(census.counts(listing.seq, None));
    }
    let id = (account.clone(), thing);
    let mut former = ctx.censuses.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned().unwrap_or_default();
    let census = if census.needs_names() {
        let names = match former.names.take().filter(|(seq, _)| *seq == listing.seq) {
            Some((_, names)) => names,
            None => names(ctx).await?,
        };
        let claimed = census.claim(&names);
        former.names = Some((listing.seq, names));
        claimed
    } else {
        census
    };
    let counts = census.counts(listing.seq, Some(&mut former.orphans));
    ctx.censuses.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, former);
    Some(counts)
}

/// What the newest complete listing of numbers shows; as `before` until there is one, and nothing where no binding leads to the account:
/// numbers are not listed then.
pub fn numbers(ctx: &Context, account: &Account, before: Option<NumberCounts>) -> Option<NumberCounts> {
    let entries = ctx.bindings.keys().into_iter().filter_map(|key| ctx.bindings.get(&key));
    // Who may not bind a number does not stand for it, unless it has it still.
    let stands = |entry: &Entry| {
        let base = &entry.base;
        let may = || ctx.may(&base.account, &base.key.namespace, Use::Number(&entry.number)).is_ok();
        same_account(ctx, base, account) && (!entry.placed.is_empty() || may())
    };
    // Providers write them with or without the plus.
    let digits = |number: &str| number.trim_start_matches('+').to_owned();
    let wanted: HashSet<String> = entries.filter(stands).map(|entry| digits(&entry.number)).collect();
    if wanted.is_empty() {
        return None;
    }
    let Some(listing) = account.numbers().complete else { return before };
    let numbers = listing.items.iter().map(|held| &held.number);
    let bound = numbers.filter(|number| wanted.contains(&digits(number))).cloned().collect();
    Some(census::numbers(&listing.items, &bound))
}

/// The name parts of all SipEndpoints of the cluster, read from the quorum.
async fn names(ctx: &Context) -> Option<HashSet<String>> {
    let api: Api<SipEndpoint> = Api::all(ctx.client.clone());
    let mut names = HashSet::new();
    let mut params = ListParams::default().limit(PAGE);
    loop {
        let page = deadline(api.list_metadata(&params)).await.inspect_err(|error| warn!(%error, "orphans are not counted")).ok()?;
        for object in &page.items {
            names.insert(name_part(&ctx.installation, &object.namespace().unwrap_or_default(), &object.name_any()));
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Some(names),
        }
    }
}
