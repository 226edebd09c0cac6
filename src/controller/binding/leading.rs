//! Who leads numbers to a SipEndpoint: only those that can, in its account. Else a binding that never does anything would make a trunk group,
//! and keep an endpoint from going.

use crate::api::refs::ProviderKind;
use crate::controller::binding::bindings::Entry;
use crate::controller::context::Context;
use crate::controller::index::Base;
use crate::core::key::ObjectKey;
use crate::core::tenancy::Use;

/// The bindings whose target names this SipEndpoint by `endpointRef`, live or on their way out, and which may bind their numbers in its
/// account; what is not known yet counts as yes. The endpoint is woken when that changes.
pub fn leading(ctx: &Context, endpoint: &ObjectKey) -> Vec<Entry> {
    ctx.bindings.leading_to(endpoint).into_iter().filter(|entry| can_lead(ctx, entry, endpoint)).collect()
}

/// The bindings that keep the trunk group of this SipEndpoint from being deleted: those that put their numbers to it or may have, as far as
/// they know, also if they are to lead elsewhere and have not yet; and those that are about to.
pub fn holding(ctx: &Context, endpoint: &ObjectKey, leading: Vec<Entry>, group: Option<&str>) -> Vec<Entry> {
    let held = group.map(|sid| ctx.bindings.holding(sid)).unwrap_or_default();
    let held = held.into_iter().filter(|entry| in_account_of(ctx, &entry.base, endpoint));
    leading.into_iter().filter(|entry| !entry.deleting || entry.forgot()).chain(held).collect()
}

/// Whether this binding can lead its number to the SipEndpoint.
pub fn can_lead(ctx: &Context, entry: &Entry, endpoint: &ObjectKey) -> bool {
    let base = &entry.base;
    let may = || ctx.may(&base.account, &base.key.namespace, Use::Number(&entry.number)).is_ok();
    (ctx.account_pending(&base.account) || may()) && in_account_of(ctx, base, endpoint)
}

/// Whether the numbers of this object are in the account of the SipEndpoint, as far as is known. Who never had an account has none there.
fn in_account_of(ctx: &Context, base: &Base, endpoint: &ObjectKey) -> bool {
    let Some(entry) = ctx.claims.get(endpoint) else { return true };
    same(lives(ctx, base).as_ref(), lives(ctx, &entry.base).as_ref(), ctx.account_pending(&base.account))
}

/// An account at a provider.
type Place = (ProviderKind, String);

/// Where what the object has is, or will be; `None` while nobody knows.
fn lives(ctx: &Context, base: &Base) -> Option<Place> {
    let pinned = base.pinned.as_ref().map(|pinned| (pinned.provider, pinned.id.clone()));
    pinned.or_else(|| ctx.leads_to(&base.account).map(|leads| (leads.provider, leads.id)))
}

fn same(number: Option<&Place>, endpoint: Option<&Place>, pending: bool) -> bool {
    match (number, endpoint) {
        (Some(number), Some(endpoint)) => number == endpoint,
        (Some(_), None) => true,
        (None, _) => pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_leads_to_an_endpoint_of_its_own_account_and_none_that_never_was_in_an_account_does() {
        let at = |provider, id: &str| Some((provider, id.to_owned()));
        let (plivo, peer) = (at(ProviderKind::Plivo, "MA1"), at(ProviderKind::CarrierX, "p1"));
        let table = [
            ("the same account", &peer, &peer, false, true),
            ("an account of another provider", &plivo, &peer, false, false),
            ("another account of the provider", &at(ProviderKind::CarrierX, "p2"), &peer, false, false),
            ("an endpoint that was nowhere yet", &peer, &None, false, true),
            ("an account that was not looked at yet", &None, &peer, true, true),
            ("an account that never worked", &None, &peer, false, false),
        ];
        for (sentence, number, endpoint, pending, expected) in table {
            assert_eq!(same(number.as_ref(), endpoint.as_ref(), pending), expected, "{sentence}");
        }
    }
}
