//! What a trunk group depends on → a [`View`], and what depends on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use kube::{Resource, ResourceExt};

use crate::account::{Account, Thing};
use crate::api::condition::Reason;
use crate::api::ledger::Ledger;
use crate::api::policy::{DeletionPolicy, DriftPolicy, ExternalDeletionPolicy, ManagementPolicy};
use crate::api::sip_endpoint::{SipEndpoint, SipEndpointStatus, TrunkGroupStatus};
use crate::api::{ANNOTATION_FORCE_ORPHAN, FINALIZER_ENDPOINT};
use crate::controller::binding::{bindings, leading};
use crate::controller::claims::Entry;
use crate::controller::context::{AccountState, Context};
use crate::controller::endpoint::gather::{deletion_policy, mark};
use crate::controller::gather::{self, same_account, who};
use crate::controller::made::Remembered;
use crate::controller::made::gather as made;
use crate::controller::managed::{account_of, key};
use crate::controller::memories::Slot;
use crate::controller::trunk_group::TrunkGroup;
use crate::core::action::Release;
use crate::core::evidence::{Evidence, Listing};
use crate::core::key::ObjectKey;
use crate::core::ownership::{Claim, Right};
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

/// What stands in the way of an endpoint that is to go with its object, or to be left. Also a group that stays is let go before.
pub fn stands_in_the_way(ctx: &Context, object: &SipEndpoint) -> Option<Problem> {
    object.metadata.deletion_timestamp.as_ref()?;
    let searched = || Problem {
        reason: Reason::Deleting,
        message: "its trunk group, should there be one that its status says nothing of, is looked for by its mark".into(),
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
    if possible && lost(ctx, endpoint) && ledger(endpoint).is_some() {
        // The rest of the status is whole: this object announced no group. But a former one of its name may have left one.
        view.status.ledger =
            Some(Ledger { uid: view.object.uid.clone(), installation: ctx.installation.part().into(), ..Ledger::default() });
    }
    view.evidence.gets.clone_from(&slot.memory.learnt.gets);
    view.term = live.map(|account| account.things(Thing::TrunkGroup).term_began).unwrap_or_default();
    let group = view.status.endpoint_id.clone();
    let held = leading::holding(ctx, &own, Vec::new(), group.as_deref());
    // What was begun is finished, whoever needs a group now: a number would be led to one that is gone, or about to go. One that a number
    // is still led on by, and is not known to be gone, is read again instead.
    let confirmed = group.as_ref().and_then(|id| view.memory.deleted.get(id)).is_some_and(|deleted| deleted.confirmed);
    let finished = trunk_group::may_be_gone(&view) && (confirmed || held.is_empty());
    let unwanted = complete && (leading.is_empty() || finished) || !possible;
    let users = if finished && !view.object.deleting { held } else { leading::holding(ctx, &own, leading, group.as_deref()) };
    let free = complete && (unwanted || view.object.deleting) && users.is_empty();
    let memory = &mut slot.memory.learnt.memory;
    memory.free_since = free.then(|| memory.free_since.unwrap_or(view.now));
    if unwanted || view.object.deleting {
        let something = view.status.endpoint_id.is_some() || view.status.ledger.is_some() || lost(ctx, endpoint);
        // While the object lives, the group does not depend on its finalizer to be deleted.
        view.object.finalizer = something && (view.object.finalizer || !view.object.deleting);
        view.object.deleting = true;
        view.object.force_orphan = given_up(endpoint);
        view.brakes.deletion = trunk_group::in_use(&words(&users, &own));
        view.brakes.passing = users.iter().all(|binding| binding.deleting);
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
    } else if let Some(present) = ctx.claims.get(own) {
        let ids = made::concerned(view, &listings, slot).into_iter();
        let led = |id: &str| ctx.claims.led_to(id).into_iter().filter(|other| same_account(ctx, &other.base, account)).collect();
        view.claims = ids.filter_map(|id| Some((id.to_owned(), who(&better(&present, led(id), id)?, own)))).collect();
    }
    view.evidence = made::evidence(view, account, &listings, slot);
}

/// Who has a better right to this group than `own`, of those that have recorded it: a name can be given to any group.
fn better(own: &Entry, led: Vec<Entry>, id: &str) -> Option<ObjectKey> {
    let claim = |entry: &Entry| {
        let recorded = entry.trunk_group.as_ref().is_some_and(|group| group.sid.as_deref() == Some(id));
        Claim { right: if recorded { Right::Recorded } else { Right::Mark }, created: entry.base.created, uid: entry.base.uid.clone() }
    };
    let others = led.into_iter().filter(|other| other.base.key != own.base.key);
    others.into_iter().find(|other| claim(other).prevails_over(&claim(own))).map(|other| other.base.key)
}

/// The bindings whose numbers the group leads on, in words.
fn words(users: &[bindings::Entry], endpoint: &ObjectKey) -> Vec<String> {
    let all: BTreeSet<&ObjectKey> = users.iter().map(|entry| &entry.base.key).collect();
    all.into_iter().map(|binding| who(binding, endpoint)).collect()
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

/// The ledger of the endpoint, unless it is another object's.
fn ledger(object: &SipEndpoint) -> Option<&Ledger> {
    let ledger = object.status.as_ref()?.ledger.as_ref();
    ledger.filter(|ledger| Some(&ledger.uid) == object.meta().uid.as_ref())
}

/// The object goes, with what its endpoint has, and knows of no group. It was not looked for yet: what was written of one may be lost, or a
/// former object of that name may have left one, and it would stand in the way of the endpoint.
fn lost(ctx: &Context, object: &SipEndpoint) -> bool {
    let meta = object.meta();
    let known = group(object).is_some_and(|group| group.trunk_group_sid.is_some() || group.ledger.is_some());
    let guarded = object.finalizers().iter().any(|finalizer| finalizer == FINALIZER_ENDPOINT);
    let searched = || {
        let all = ctx.groups_let_go.lock().unwrap_or_else(PoisonError::into_inner);
        meta.uid.as_ref().is_some_and(|uid| all.contains(uid))
    };
    let goes = meta.deletion_timestamp.is_some() && guarded && !keeps(ctx, object);
    goes && !known && offered(ctx, object) && !searched()
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
    fn a_trunk_group_is_its_who_recorded_it_whatever_its_name_is_now() {
        let entry = |name: &str, created: i64, group: Option<&str>| {
            let object: SipEndpoint = serde_json::from_value(json!({
                "apiVersion": "switchboard.dev/v1alpha1",
                "kind": "SipEndpoint",
                "metadata": {
                    "name": name,
                    "namespace": "voice",
                    "uid": format!("uid-{name}"),
                    "resourceVersion": "1",
                    "creationTimestamp": jiff::Timestamp::from_second(created).expect("a time").to_string(),
                },
                "spec": {"accountRef": {"name": "main"}},
                "status": {"trunkGroup": {"trunk_group_sid": group}},
            }))
            .expect("an object");
            Entry::of(&object, &crate::core::mark::Installation::new("cluster-a"))
        };
        // What alice, made in the second second, has recorded; who else has recorded g1, and since when there is that one; who has it.
        let table = [
            (None, None, None),
            (None, Some(("bob", 1)), Some("bob")),
            (None, Some(("bob", 3)), Some("bob")),
            (Some("g2"), Some(("bob", 3)), Some("bob")),
            (Some("g1"), Some(("bob", 3)), None),
            (Some("g1"), Some(("bob", 1)), Some("bob")),
            (Some("g1"), Some(("alice", 2)), None),
        ];
        for (own, other, expected) in table {
            let led = other.map(|(name, created)| entry(name, created, Some("g1"))).into_iter().collect();
            let found = better(&entry("alice", 2, own), led, "g1").map(|key| key.name);
            assert_eq!(found.as_deref(), expected, "{own:?} beside {other:?}");
        }
    }

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
