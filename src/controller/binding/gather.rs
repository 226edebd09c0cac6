//! Everything a binding points at → a [`View`]. Nothing later in the pass reads the cluster for input.

use std::collections::BTreeSet;

use kube::ResourceExt;

use crate::account::{Account, Resolution};
use crate::api::condition::Reason;
use crate::api::phone_number_binding::PhoneNumberBinding;
use crate::api::policy::{BindingDeletionPolicy, DeletionPolicy};
use crate::controller::binding::Remembered;
use crate::controller::binding::bindings::{Entry, Name};
use crate::controller::binding::leading::can_lead;
use crate::controller::claims::{Entry as Claimed, Fitness};
use crate::controller::context::{AccountState, Context};
use crate::controller::gather::{self, acts_in, elsewhere, same_account, who};
use crate::controller::managed::{account_of, key};
use crate::controller::memories::Slot;
use crate::core::binding::answer;
use crate::core::binding::evidence::{Evidence, Listed};
use crate::core::binding::view::{Desired, Policy, Rival, View};
use crate::core::key::ObjectKey;
use crate::core::tenancy::{Refused, Use, number_not_found};
use crate::core::view::Problem;
use crate::provider::{self, Target};

/// Reads what the object refers to and puts it together with what is known.
pub async fn view(ctx: &Context, object: &PhoneNumberBinding, gone: bool, slot: &mut Slot<Remembered>) -> View {
    let key = key(object);
    // Until all bindings were seen, somebody else's number may look like this one's; until all endpoints were, a target may look missing.
    let (account, state) = gather::account(ctx, object, ctx.bindings.is_complete() && ctx.claims.is_complete());
    let mut view = View {
        object: gather::object(object, gone),
        created: object.creation_timestamp().map(|time| time.0),
        status: object.status.clone().unwrap_or_default(),
        number: provider::number(&object.spec).to_owned(),
        desired: desired(ctx, object, &key, gone, state.as_ref()),
        policy: Policy { deletion: deletion_policy(ctx, object), drift: object.spec.drift_policy },
        rivals: Vec::new(),
        own: BTreeSet::new(),
        account,
        evidence: Evidence::default(),
        memory: slot.memory.learnt.memory.clone(),
        now: ctx.clock.now(),
        timing: ctx.settings.timing,
        fresh: gather::fresh(ctx),
        stopping: ctx.is_stopping(),
    };
    slot.memory.learnt.object_seen(&view);
    view.memory = slot.memory.learnt.memory.clone();
    // Who may not bind the number learns nothing of it, neither that it is there nor who has it.
    let refused = !view.object.deleting && gather::entitled(ctx, object) == Err(Refused::Number);
    if refused {
        view.desired = Desired::Blocked(number_not_found(&object.spec.number));
    }
    if let Some(AccountState::Ready(account)) = state.as_ref().filter(|_| !refused) {
        view.rivals = rivals(ctx, &key, &view.object.uid, &object.spec.number, account);
        view.evidence = slot.memory.learnt.evidence(listed(account, &view.number));
    }
    led(ctx, &key, slot);
    view.own = own(ctx, &view, &account_of(object), state.as_ref());
    view
}

/// What becomes of the number when the object goes: what its spec says, else it stays if its account lets everything stay.
fn deletion_policy(ctx: &Context, object: &PhoneNumberBinding) -> BindingDeletionPolicy {
    let of_account = || match ctx.terms(&account_of(object)).deletion_policy {
        Some(DeletionPolicy::Retain) => BindingDeletionPolicy::Retain,
        Some(DeletionPolicy::Delete) | None => BindingDeletionPolicy::Restore,
    };
    object.spec.deletion_policy.unwrap_or_else(of_account)
}

fn desired(ctx: &Context, object: &PhoneNumberBinding, key: &ObjectKey, gone: bool, state: Option<&AccountState>) -> Desired {
    if gone || object.metadata.deletion_timestamp.is_some() {
        // A number is given back whatever became of what it was to be bound to: no name means anything to it any more.
        gather::application(state, key, None);
        return Desired::Blocked(Problem { reason: Reason::Deleting, message: "deleting".into() });
    }
    // Said only where nothing else is: what is wrong with the account is said first.
    let unknown = || Problem { reason: Reason::Progressing, message: "the account is not known yet".into() };
    let kind = match state {
        Some(AccountState::Ready(account)) => Some(account.id().provider),
        _ => None,
    };
    let target = kind.ok_or_else(unknown).and_then(|kind| provider::target(kind, &object.spec));
    let name = match target {
        Ok(Target::Name(name)) => Some(name),
        _ => None,
    };
    let named = gather::application(state, key, name);
    let Some(AccountState::Ready(account)) = state else { return Desired::Blocked(unknown()) };
    let application = target.and_then(|target| match target {
        Target::Id(id) => Ok(id.to_owned()),
        Target::Name(name) => named.unwrap_or_else(|| Resolution::NotListed.app_id(name)),
        Target::Of(name) => {
            endpoint(ctx, &ObjectKey::endpoint(&key.namespace, name), account, Leads::ByApplication).and_then(application_of)
        }
        Target::Endpoint(name) => {
            endpoint(ctx, &ObjectKey::endpoint(&key.namespace, name), account, Leads::Itself).and_then(trunk_group_of)
        }
    });
    provider::binding_desired(account.id().provider, &object.spec, application)
}

/// How a SipEndpoint answers a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leads {
    /// Its application does.
    ByApplication,
    /// It does itself, by a trunk group.
    Itself,
}

fn problem<T>(reason: Reason, message: String) -> Result<T, Problem> {
    Err(Problem { reason, message })
}

/// The SipEndpoint that a target names, if it is there, in the account of the number, and stays.
fn endpoint(ctx: &Context, target: &ObjectKey, account: &Account, leads: Leads) -> Result<Claimed, Problem> {
    let name = &target.name;
    let Some(endpoint) = ctx.claims.get(target) else {
        return problem(
            Reason::TargetNotFound,
            format!(
                "there is no SipEndpoint {name} in this namespace; the number is left as it is. Create it, this goes on by itself within a second"
            ),
        );
    };
    if elsewhere(ctx, &endpoint.base, account) {
        let apart = match leads {
            Leads::ByApplication => "no application is in both",
            Leads::Itself => "numbers lead only to endpoints of their own account",
        };
        return problem(
            Reason::TargetNotFound,
            format!(
                "SipEndpoint {name} lives in another account than the number, and {apart}; the number is left as it is. Name a SipEndpoint of account {}",
                account.id().id
            ),
        );
    }
    if endpoint.deleting {
        let rest = match leads {
            Leads::ByApplication => "the number is left as it is. Name another target, or create the endpoint anew",
            // What the number leads to is not taken away from under it.
            Leads::Itself => {
                "the number is left as it is, and the endpoint waits for this binding. Name another target, or delete this binding as well; the endpoint goes by itself then"
            }
        };
        return problem(Reason::TargetNotReady, format!("SipEndpoint {name} is being deleted; {rest}"));
    }
    if endpoint.recorded.is_none() {
        return not_there_yet(name);
    }
    Ok(endpoint)
}

fn not_there_yet<T>(name: &str) -> Result<T, Problem> {
    problem(
        Reason::TargetNotReady,
        format!("SipEndpoint {name} is not at the provider yet; the number is left as it is, and this goes on by itself when it is"),
    )
}

/// The application of a SipEndpoint, as the provider showed it last.
fn application_of(endpoint: Claimed) -> Result<String, Problem> {
    let name = &endpoint.base.key.name;
    match endpoint.app_id {
        Some(application) if application.is_empty() => problem(
            Reason::TargetHasNoApplication,
            format!(
                "SipEndpoint {name} has no application, and nothing else can answer a number; the number is left as it is. Give the endpoint an app_id or app_name, or name another target"
            ),
        ),
        Some(application) => Ok(application),
        None => not_there_yet(name),
    }
}

/// The trunk group that leads to a SipEndpoint.
fn trunk_group_of(endpoint: Claimed) -> Result<String, Problem> {
    let name = &endpoint.base.key.name;
    let group = endpoint.trunk_group.unwrap_or_default();
    match group.sid {
        Some(sid) if group.fitness == Fitness::Leads => Ok(sid),
        known => {
            let what = match known {
                Some(sid) if group.fitness == Fitness::Leaving => {
                    format!("trunk group {sid}, which leads to SipEndpoint {name}, is being removed")
                }
                Some(sid) => format!("it is not certain that trunk group {sid} is there and leads to SipEndpoint {name}"),
                None => format!("no trunk group leads to SipEndpoint {name} yet"),
            };
            let said = group.message.map(|message| format!(" ({})", message.trim_end_matches('.'))).unwrap_or_default();
            problem(
                Reason::TargetNotReady,
                format!(
                    "{what}{said}; the number is left as it is, and this goes on by itself when there is one. See status.trunkGroup of the endpoint"
                ),
            )
        }
    }
}

/// The other bindings of the number that lead to the same account. One that may not bind it stands in nobody's way, but what it knows of the
/// number is still to be taken over: it counts as one on its way out.
fn rivals(ctx: &Context, key: &ObjectKey, uid: &str, number: &str, account: &Account) -> Vec<Rival> {
    let may = |other: &Entry| {
        let base = &other.base;
        ctx.account_pending(&base.account) || ctx.may(&base.account, &base.key.namespace, Use::Number(number)).is_ok()
    };
    let all = ctx.bindings.named(&Name::Number(number.to_owned())).into_iter();
    let others = all.filter(|other| other.base.uid != uid && same_account(ctx, &other.base, account));
    others
        .map(|other| (may(&other), other))
        .filter(|(may, other)| *may || other.previous.is_some() || !other.placed.is_empty())
        .map(|(may, other)| Rival {
            ready: acts_in(ctx, &other.base, account),
            who: who(&other.base.key, key),
            uid: other.base.uid,
            created: other.base.created,
            deleting: other.deleting || !may,
            finalizer: other.finalizer,
            previous: other.previous,
            placed: other.placed,
        })
        .collect()
}

/// Tells the SipEndpoint that the target names when the binding can lead there, or cannot any more: its account has come to be known, or does
/// not list the number now.
fn led(ctx: &Context, key: &ObjectKey, slot: &mut Slot<Remembered>) {
    let now = ctx.bindings.get(key).and_then(|entry| Some((can_lead(ctx, &entry, entry.leads_to.as_ref()?), entry.leads_to?)));
    let now = now.map(|(can, endpoint)| (endpoint, can));
    if let Some((endpoint, _)) = now.as_ref().filter(|_| now != slot.memory.leads) {
        ctx.wakers.wake(endpoint);
    }
    slot.memory.leads = now;
}

/// The trunk groups of this cluster's endpoints in the account of the number; see [`View::own`].
fn own(ctx: &Context, view: &View, named: &ObjectKey, state: Option<&AccountState>) -> BTreeSet<String> {
    let here = |entry: &Claimed| match state {
        Some(AccountState::Ready(account)) => !elsewhere(ctx, &entry.base, account),
        // Nothing is written until it can be used; but nothing is given up until then either.
        _ => entry.base.account == *named,
    };
    let group = |entry: Claimed| Some(entry).filter(&here)?.trunk_group?.own();
    if view.object.deleting && view.forgotten() {
        return ctx.claims.keys().iter().filter_map(|key| group(ctx.claims.get(key)?)).collect();
    }
    let previous = view.status.previous.as_ref().and_then(|previous| previous.trunk_group_sid.as_deref());
    let shown = view.evidence.observed().map(|seen| seen.text(answer::TRUNK_GROUP_SID));
    let concerned = previous.into_iter().chain(shown).filter(|sid| !sid.is_empty());
    concerned.flat_map(|sid| ctx.claims.led_to(sid)).filter_map(group).collect()
}

/// What the newest listing of the account's numbers says of this one.
fn listed(account: &Account, number: &str) -> Option<Listed> {
    let newest = account.numbers().newest?;
    Some(Listed { began: newest.began, complete: newest.is_complete(), found: newest.items.get(number).cloned() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::core::mark::Installation;

    fn pbx(group: Value) -> Claimed {
        let object = json!({
            "apiVersion": "switchboard.dev/v1alpha1",
            "kind": "SipEndpoint",
            "metadata": {"name": "pbx", "namespace": "voice", "uid": "uid-pbx", "resourceVersion": "1"},
            "spec": {"accountRef": {"name": "main"}},
            "status": {"endpoint_id": "e1", "trunkGroup": group},
        });
        Claimed::of(&serde_json::from_value(object).expect("an object"), &Installation::new("cluster-a"))
    }

    #[test]
    fn a_number_is_led_to_an_endpoint_by_its_trunk_group_and_waits_for_that_with_what_is_said_of_it() {
        let uncertain = |reason: &str| json!({"trunk_group_sid": "g1", "reason": reason, "message": "as said."});
        let not_led: &[&str] = &["not certain that trunk group g1", "(as said)", "left as it is"];
        let table: [(Value, Result<&str, &[&str]>); 11] = [
            (uncertain("AwaitingEvidence"), Err(not_led)),
            (uncertain("OwnershipLost"), Err(not_led)),
            (uncertain("InstallationMismatch"), Err(not_led)),
            (uncertain("AlreadyOwned"), Err(not_led)),
            (uncertain("Braked"), Err(not_led)),
            (json!({"trunk_group_sid": "g1", "reason": "Available"}), Ok("g1")),
            (json!({"trunk_group_sid": "g1", "reason": "Drifted", "message": "changed"}), Ok("g1")),
            (
                json!({"reason": "Rejected", "message": "the name is too long."}),
                Err(&["no trunk group leads to SipEndpoint pbx yet", "(the name is too long)"]),
            ),
            (json!({"trunk_group_sid": "g1", "reason": "Deleting"}), Err(&["trunk group g1", "is being removed"])),
            (json!({"trunk_group_sid": "g1", "reason": "DeletionRefused"}), Err(&["trunk group g1", "is being removed"])),
            (json!(null), Err(&["no trunk group leads to SipEndpoint pbx yet;", "left as it is", "by itself"])),
        ];
        for (group, expected) in table {
            match (trunk_group_of(pbx(group.clone())), expected) {
                (Ok(sid), Ok(expected)) => assert_eq!(sid, expected, "{group}"),
                (Err(problem), Err(words)) => {
                    assert_eq!(problem.reason, Reason::TargetNotReady, "{group}");
                    words.iter().for_each(|words| assert!(problem.message.contains(words), "{words}: {}", problem.message));
                }
                (found, _) => panic!("{group}: {found:?}"),
            }
        }
    }
}
