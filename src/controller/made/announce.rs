//! Events: what people want to know, and never a success of a resync. Those of a trunk group are on its SipEndpoint; they have reasons of
//! their own, because events of the same reason are counted together, with the note of the first.

use std::borrow::Cow;

use crate::api::ANNOTATION_FORCE_ORPHAN;
use crate::api::condition::Condition;
use crate::api::policy::ManagementPolicy;
use crate::api::sip_endpoint::{SipEndpoint, SipEndpointStatus};
use crate::controller::audit;
use crate::controller::context::Context;
use crate::controller::made::{Made, Remembered};
use crate::controller::managed::{account_of, key};
use crate::controller::observe::corrected;
use crate::controller::report::{event, event_about, stalls};
use crate::core::action::{Action, Cause, Finding, Release, Why};
use crate::core::view::{Memory, Thing, View};
use crate::telemetry::{self, audit::Subject};
use kube_runtime::events::EventType;

async fn tell<K: Made>(ctx: &Context, object: &K, kind: EventType, reason: &str, action: &str, note: String) {
    let reason = match K::THING {
        Thing::Endpoint => Cow::Borrowed(reason),
        Thing::TrunkGroup => Cow::Owned(format!("TrunkGroup{reason}")),
    };
    event(ctx, object.endpoint(), kind, &reason, action, note).await;
}

/// After a write of the ledger.
pub async fn ledger<K: Made>(ctx: &Context, object: &K, view: &View, action: &Action) {
    let thing = K::THING.as_str();
    match action {
        Action::Record(found) => {
            let (id, label) = (&found.id, &found.username);
            if view.memory.lost_uri.is_some() {
                // Told when the new URI is known.
            } else if view.adopt.is_some() {
                let how = if view.observes() { "is observed from now on" } else { "was adopted" };
                tell(ctx, object, EventType::Normal, "Adopted", "Record", format!("{thing} {id} ({label}) {how}")).await;
            } else if found.remote.is_some() {
                let note = format!("{thing} {id} ({label}) was found by its mark and is recorded again");
                tell(ctx, object, EventType::Normal, "Found", "Record", note).await;
            } else {
                tell(ctx, object, EventType::Normal, "Created", "Create", format!("{thing} {id} ({label})")).await;
            }
        }
        Action::Forget => {
            let id = view.recorded().map_or("", |recorded| recorded.id);
            let known = view.status.sip_uri.as_deref().or(view.label()).unwrap_or("-");
            let note = format!("{thing} {id} ({known}) was deleted outside Switchboard; a new one is created");
            tell(ctx, object, EventType::Warning, "ExternallyDeleted", "Observe", note).await;
        }
        Action::WriteTombstone(id) => {
            let note = format!("{thing} {id} is a second one with this object's mark; it is deleted, the recorded one stays");
            tell(ctx, object, EventType::Warning, "DuplicateFound", "Observe", note).await;
        }
        _ => {}
    }
}

/// After a status write that begins a state which somebody has to end. What is wrong with an endpoint as well is told of that one.
pub async fn finding<K: Made>(ctx: &Context, object: &K, before: &[Condition], finding: &Finding) {
    let Some(reason) = stalls(before, finding) else { return };
    let conditions = object.endpoint().status.iter().flat_map(|status| &status.conditions);
    let told = conditions.filter(|condition| condition.type_ == "Ready").any(|ready| ready.reason == finding.reason.as_str());
    if K::THING == Thing::Endpoint || !told {
        tell(ctx, object, EventType::Warning, reason, "Reconcile", finding.message.clone()).await;
    }
}

/// After a status write that shows the successor of an endpoint that was deleted elsewhere.
pub async fn recreated(ctx: &Context, object: &SipEndpoint, lost: &str, uri: &str) {
    let label = |status: &SipEndpointStatus| status.username.clone().or_else(|| status.name.clone());
    let login = object.status.as_ref().and_then(label).unwrap_or_else(|| "-".into());
    let note = format!("endpoint was recreated: the SIP URI was {lost} and is now {uri}; phones must log in as {login}");
    event(ctx, object, EventType::Warning, "Recreated", "Create", note).await;
    ctx.metrics.sip_uri_changed(object.metadata.namespace.as_deref().unwrap_or_default());
}

/// After an update.
pub async fn updated<K: Made>(ctx: &Context, object: &K, memory: &Remembered, action: &Action) {
    let Action::Update { differences, cause, change, .. } = action else { return };
    let cause = if *cause == Cause::Drifted && memory.follows(change) { &Cause::Followed } else { cause };
    let reason = match cause {
        Cause::Edited => "Updated",
        Cause::Rotated => "PasswordRotated",
        Cause::Drifted => {
            corrected(ctx, differences, change);
            "DriftCorrected"
        }
        // Numbers, and the trunk groups that lead them.
        Cause::Followed | Cause::Restored | Cause::Unassigned => "Updated",
    };
    let note = match cause {
        Cause::Rotated => "the password in the Secret changed; the provider has accepted the new one".to_owned(),
        _ => differences.join("; "),
    };
    tell(ctx, object, EventType::Normal, reason, "Update", note).await;
}

/// After a refused call.
pub async fn refused<K: Made>(ctx: &Context, object: &K, memory: &Memory) {
    let Some(trouble) = memory.trouble.as_ref().filter(|trouble| trouble.attempts == 1) else { return };
    tell(ctx, object, EventType::Warning, "Refused", "Update", trouble.message.clone()).await;
}

/// After a deletion at the provider.
pub async fn deleted<K: Made>(ctx: &Context, object: &K, id: &str, why: Why) {
    let thing = K::THING.as_str();
    let note = match why {
        Why::Requested => format!("{thing} {id} was deleted"),
        Why::JustReceived => format!("{thing} {id} was created while the object was being deleted; it was deleted again"),
        Why::Duplicate => format!("duplicate {thing} {id} was deleted"),
    };
    tell(ctx, object, EventType::Normal, "Deleted", "Delete", note).await;
}

/// Before it is let go in a way that people should know of. `known` is the status in the words of the view.
pub async fn release<K: Made>(ctx: &Context, object: &K, known: Option<&SipEndpointStatus>, release: Release) {
    let (thing, endpoint) = (K::THING.as_str(), object.endpoint());
    let id = known.and_then(|status| status.endpoint_id.as_deref());
    if let Some(why) = audit::left(release).filter(|_| id.is_some() || release != Release::Retained) {
        let subject = audit::subject(ctx, object, thing, "let_go");
        telemetry::audit::left(&Subject { id: id.map(ToOwned::to_owned), why: Some(why), ..subject });
    }
    match release {
        Release::Clean | Release::NeverSent => {}
        // Numbers only.
        Release::HandedOver
        | Release::Restored
        | Release::Unassigned
        | Release::PreviousGone
        | Release::NotOurs
        | Release::PreviousLost
        | Release::NumberGone
        | Release::NotGivenBack => {}
        Release::Retained => {
            let policy = match endpoint.spec.management_policy {
                ManagementPolicy::Manage => "deletionPolicy: Retain",
                ManagementPolicy::Observe => "managementPolicy: Observe",
            };
            let note = format!("{thing} {} stays at the provider{} ({policy})", id.unwrap_or("-"), with_group(object));
            tell(ctx, object, EventType::Normal, "Retained", "Delete", note).await;
        }
        Release::Orphaned => {
            let what = id.map_or_else(|| "whatever was created for this object".to_owned(), |id| format!("{thing} {id}"));
            let what = what + &with_group(object);
            let note =
                format!("given up by {ANNOTATION_FORCE_ORPHAN}: {what} may still be at the provider, and nothing looks after it any more");
            tell(ctx, object, EventType::Warning, "Orphaned", "Delete", note).await;
            let place = key(object);
            let id = id.unwrap_or("unresolved");
            if let Some(account) = ctx.account_object(&account_of(object)) {
                let note = format!(
                    "{thing} {id} of SipEndpoint {} was given up by {ANNOTATION_FORCE_ORPHAN}; it may still be at the provider",
                    if place.namespace == account.key.namespace { place.name } else { place.to_string() }
                );
                event_about(ctx, &account.reference, EventType::Warning, "EndpointOrphaned", "Delete", note).await;
            }
        }
        Release::Unproven => {
            let note = match &endpoint.spec.adopt {
                Some(adopt) if K::THING == Thing::Endpoint => format!(
                    "endpoint {} (spec.adopt) was never verified as this object's, or its status was lost: it is not deleted, and is still at the provider",
                    adopt.endpoint_id
                ),
                _ => format!(
                    "the object's status was lost and its account does not exist: if it ever had a{} {thing}, that one is still at the provider",
                    if K::THING == Thing::Endpoint { "n" } else { "" }
                ),
            };
            tell(ctx, object, EventType::Warning, "ReleasedUnproven", "Delete", note).await;
        }
    }
}

/// What goes the way of an endpoint that is let go with its trunk group.
fn with_group<K: Made>(object: &K) -> String {
    let group = object.endpoint().status.as_ref().filter(|_| K::THING == Thing::Endpoint).and_then(|status| status.trunk_group.as_ref());
    group.and_then(|group| group.trunk_group_sid.as_ref()).map_or_else(String::new, |id| format!(", with trunk group {id}"))
}
