//! What a trunk group depends on → a [`View`], and what depends on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use kube::{Resource, ResourceExt};

use crate::account::{Account, Thing};
use crate::api::condition::Reason;
use crate::api::policy::{DeletionPolicy, DriftPolicy, ExternalDeletionPolicy, ManagementPolicy};
use crate::api::sip_endpoint::{SipEndpoint, SipEndpointStatus, TrunkGroupStatus};
use crate::api::{ANNOTATION_FORCE_ORPHAN, FINALIZER_ENDPOINT};
use crate::controller::binding::bindings::Entry;
use crate::controller::binding::leading;
use crate::controller::context::{AccountState, Context};
use crate::controller::endpoint::gather::{deletion_policy, mark};
use crate::controller::gather::{self, who};
use crate::controller::made::Remembered;
use crate::controller::made::gather as made;
use crate::controller::managed::{account_of, key};
use crate::controller::memories::Slot;
use crate::controller::trunk_group::TrunkGroup;
use crate::core::action::Release;
use crate::core::evidence::{Evidence, Listing};
use crate::core::key::ObjectKey;
use crate::core::time::Moment;
use crate::core::trunk_group;
use crate::core::view::{Brakes, Desired, Policy, Problem, View};

/// Stands for a thing of which no id is known in `switchboard.dev/force-orphan`.
const UNRESOLVED: &str = "unresolved";

/// Whether there is anything to do about the group of this object, or may be: it has one, is to have one, or did until a moment ago.
pub fn concerned(ctx: &Context, object: &SipEndpoint) -> bool {
    let led_to = || recorded(object).is_some() && !leading::leading(ctx, &key(object)).is_empty() && offered(ctx, object);
    group(object).is_some() || object.uid().is_some_and(|uid| ctx.group_memories.knows(&uid)) || led_to() || lost(ctx, object)
}

/// What stands in the way of an endpoint that is to go with its object. A group that stays stands in nobody's way.
pub fn stands_in_the_way(ctx: &Context, object: &SipEndpoint) -> Option<Problem> {
    if object.metadata.deletion_timestamp.is_none() || keeps(ctx, object) {
        return None;
    }
    let searched = || Problem {
        reason: Reason::Deleting,
        message: "the object's status was lost: its trunk group, should it have had one, is looked for by its mark".into(),
    };
    group(object).map(trunk_group::in_the_way).or_else(|| lost(ctx, object).then(searched))
}

/// Why an object may not be let go yet in this way.
pub fn holds(ctx: &Context, object: &SipEndpoint, release: Release) -> Option<Problem> {
    stands_in_the_way(ctx, object).filter(|_| release != Release::Orphaned)
}

/// What the object's status says of the group, in the words of the view.
pub fn known(ctx: &Context, object: &TrunkGroup) -> Option<SipEndpointStatus> {
    let place = mark(ctx, &object.0).place();
    object.0.status.as_ref().map(|status| trunk_group::known(status, place))
}

/// Nothing of the group is left, or it is to be left alone.
pub fn let_go(ctx: &Context, uid: &str) {
    ctx.groups_let_go.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.to_owned());
}

/// The object is gone, or is to have a group again.
pub fn forget(ctx: &Context, uid: &str) {
    ctx.groups_let_go.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
}

/// Reads what the group depends on and puts it together with what is known.
pub fn view(ctx: &Context, object: &TrunkGroup, gone: bool, slot: &mut Slot<Remembered>) -> View {
    let endpoint = &object.0;
    let (own, group_key) = (key(endpoint), key(object));
    // Until all bindings were seen, a group may look as if nobody needed it.
    let complete = ctx.claims.is_complete() && ctx.bindings.is_complete();
    let (account, state) = gather::account(ctx, object, complete);
    let leading = leading::leading(ctx, &own);
    let mark = mark(ctx, endpoint);
    let mut view = View {
        thing: Thing::TrunkGroup,
        object: gather::object(object, gone),
        status: known(ctx, object).unwrap_or_default(),
        desired: Desired::Blocked(Problem { reason: Reason::Deleting, message: "deleting".into() }),
        mark,
        installation: ctx.installation.clone(),
        policy: Policy {
            // Whose the endpoint is says nothing of the group, which is always our own.
            management: ManagementPolicy::Manage,
            deletion: if keeps(ctx, endpoint) { DeletionPolicy::Retain } else { DeletionPolicy::Delete },
            drift: DriftPolicy::Correct,
            external_deletion: ExternalDeletionPolicy::Recreate,
        },
        adopt: None,
        connection: None,
        claims: BTreeMap::new(),
        account,
        brakes: Brakes::default(),
        evidence: Evidence::default(),
        memory: slot.memory.learnt.memory.clone(),
        now: ctx.clock.now(),
        timing: ctx.settings.timing,
        term: Moment::default(),
        fresh: gather::fresh(ctx),
        stopping: ctx.is_stopping(),
    };
    let live = match &state {
        Some(AccountState::Ready(account)) => Some(account),
        _ => None,
    };
    let possible = live.is_none_or(|account| account.has(Thing::TrunkGroup));
    if !possible {
        // Whoever wrote of one: there is none.
        view.status = SipEndpointStatus::default();
    }
    let unwanted = complete && leading.is_empty() || !possible;
    if unwanted || view.object.deleting {
        let something = view.status.endpoint_id.is_some() || view.status.ledger.is_some() || lost(ctx, endpoint);
        // While the object lives, the group does not depend on its finalizer to be deleted.
        view.object.finalizer = something && (view.object.finalizer || !view.object.deleting);
        view.object.deleting = true;
        view.object.force_orphan = given_up(endpoint);
        view.brakes.deletion = trunk_group::in_use(&in_use(ctx, &own, leading, view.status.endpoint_id.as_deref()));
    } else if !gone {
        view.desired = trunk_group::desired(&view.mark, recorded(endpoint));
    }
    made::remember(ctx, &mut view, slot);
    if let Some(account) = live.filter(|_| possible) {
        look(ctx, &mut view, (&own, &group_key), account, slot);
    }
    view
}

/// What the provider was seen to hold, as far as it concerns this group.
fn look(ctx: &Context, view: &mut View, (own, key): (&ObjectKey, &ObjectKey), account: &Account, slot: &Slot<Remembered>) {
    let snapshots = account.things(Thing::TrunkGroup);
    view.term = snapshots.term_began;
    let listings: Vec<Listing<'_>> = made::listings(&snapshots);
    // The name has its next object: what carries the mark, and what was just received for the former one, is that one's.
    if ctx.claims.get(own).is_some_and(|present| present.base.uid != view.object.uid) {
        let next = format!("the next SipEndpoint {}", key.name);
        view.claims = made::concerned(view, &listings, slot).into_iter().map(|id| (id.to_owned(), next.clone())).collect();
    }
    view.evidence = made::evidence(view, account, &listings, slot);
}

/// The bindings whose numbers the group leads on, as far as they know, in words: also those that are to lead elsewhere, and have not yet.
fn in_use(ctx: &Context, endpoint: &ObjectKey, leading: Vec<Entry>, group: Option<&str>) -> Vec<String> {
    let all: BTreeSet<ObjectKey> = leading::holding(ctx, endpoint, leading, group).into_iter().map(|entry| entry.base.key).collect();
    all.iter().map(|binding| who(binding, endpoint)).collect()
}

fn group(object: &SipEndpoint) -> Option<&TrunkGroupStatus> {
    object.status.as_ref()?.trunk_group.as_ref()
}

fn recorded(object: &SipEndpoint) -> Option<&str> {
    object.status.as_ref()?.endpoint_id.as_deref().filter(|id| !id.is_empty())
}

/// Whether the provider of its account has trunk groups; no, while that is not known.
fn offered(ctx: &Context, object: &SipEndpoint) -> bool {
    matches!(ctx.account(&account_of(object)), Some(AccountState::Ready(account)) if account.has(Thing::TrunkGroup))
}

/// The object goes, and its group is to stay.
fn keeps(ctx: &Context, object: &SipEndpoint) -> bool {
    object.metadata.deletion_timestamp.is_some() && deletion_policy(ctx, object) == DeletionPolicy::Retain
}

/// The object goes, its status was lost, and with it perhaps the only trace of a group, which was not looked for yet.
fn lost(ctx: &Context, object: &SipEndpoint) -> bool {
    let (meta, status) = (object.meta(), object.status.as_ref());
    let ledger = status.and_then(|status| status.ledger.as_ref()).filter(|ledger| Some(&ledger.uid) == meta.uid.as_ref());
    let guarded = object.finalizers().iter().any(|finalizer| finalizer == FINALIZER_ENDPOINT);
    let searched = || {
        let all = ctx.groups_let_go.lock().unwrap_or_else(PoisonError::into_inner);
        meta.uid.as_ref().is_some_and(|uid| all.contains(uid))
    };
    meta.deletion_timestamp.is_some() && guarded && ledger.is_none() && offered(ctx, object) && !searched()
}

/// The endpoint was given up by annotation, and its group with it; or the group alone.
fn given_up(object: &SipEndpoint) -> Option<String> {
    let given_up = object.annotations().get(ANNOTATION_FORCE_ORPHAN)?;
    let with_it = given_up == recorded(object).unwrap_or(UNRESOLVED);
    let own = group(object).and_then(|group| group.trunk_group_sid.clone()).unwrap_or_else(|| UNRESOLVED.to_owned());
    Some(if with_it { own } else { given_up.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_gives_the_endpoint_up_gives_its_trunk_group_up_with_it() {
        // What the annotation says, what is recorded of the endpoint and of its group, and what of the group that gives up.
        let table = [
            (None, Some("e1"), Some("g1"), None),
            (Some("e1"), Some("e1"), Some("g1"), Some("g1")),
            (Some("e1"), Some("e1"), None, Some("unresolved")),
            (Some("unresolved"), None, Some("g1"), Some("g1")),
            (Some("g1"), Some("e1"), Some("g1"), Some("g1")),
            (Some("e9"), Some("e1"), Some("g1"), Some("e9")),
        ];
        for (annotation, endpoint, group, expected) in table {
            let annotations = annotation.map(|id| json!({ (ANNOTATION_FORCE_ORPHAN): id }));
            let object: SipEndpoint = serde_json::from_value(json!({
                "apiVersion": "switchboard.dev/v1alpha1",
                "kind": "SipEndpoint",
                "metadata": {"name": "alice", "namespace": "voice", "annotations": annotations},
                "spec": {"accountRef": {"name": "main"}},
                "status": {"endpoint_id": endpoint, "trunkGroup": {"trunk_group_sid": group}},
            }))
            .expect("an object");
            assert_eq!(given_up(&object).as_deref(), expected, "{annotation:?} of {endpoint:?} with {group:?}");
        }
    }
}
