//! Events: what people want to know, and never a success of a resync.

use kube_runtime::events::EventType;
use tracing::info;

use crate::api::ANNOTATION_FORCE_ORPHAN;
use crate::api::policy::ManagementPolicy;
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::context::Context;
use crate::controller::managed::{account_of, key};
use crate::controller::report::{event, event_about};
use crate::core::action::{Action, Cause, Release, Why};
use crate::core::view::{Memory, View};

/// After a write of the ledger.
pub async fn ledger(ctx: &Context, object: &SipEndpoint, view: &View, action: &Action) {
    match action {
        Action::Record(found) => {
            if view.memory.lost_uri.is_some() {
                // Told when the new URI is known.
            } else if view.adopt.is_some() {
                let how = if view.observes() { "is observed from now on" } else { "was adopted" };
                let note = format!("endpoint {} ({}) {how}", found.id, found.username);
                event(ctx, object, EventType::Normal, "Adopted", "Record", note).await;
            } else if found.remote.is_some() {
                let note = format!("endpoint {} ({}) was found by its mark and is recorded again", found.id, found.username);
                event(ctx, object, EventType::Normal, "Found", "Record", note).await;
            } else {
                event(ctx, object, EventType::Normal, "Created", "Create", format!("endpoint {} ({})", found.id, found.username)).await;
            }
        }
        Action::Forget => {
            let id = view.recorded().map_or("", |recorded| recorded.id);
            let note = format!(
                "endpoint {id} ({}) was deleted outside Switchboard; a new one is created",
                view.status.sip_uri.as_deref().unwrap_or("-")
            );
            event(ctx, object, EventType::Warning, "ExternallyDeleted", "Observe", note).await;
        }
        Action::WriteTombstone(id) => {
            let note = format!("endpoint {id} is a second one with this object's mark; it is deleted, the recorded one stays");
            event(ctx, object, EventType::Warning, "DuplicateFound", "Observe", note).await;
        }
        _ => {}
    }
}

/// After a status write that shows the successor of an endpoint that was deleted elsewhere.
pub async fn recreated(ctx: &Context, object: &SipEndpoint, lost: &str, uri: &str) {
    let username = object.status.as_ref().and_then(|status| status.username.as_deref()).unwrap_or("-");
    let note = format!("endpoint was recreated: the SIP URI was {lost} and is now {uri}; phones must log in as {username}");
    event(ctx, object, EventType::Warning, "Recreated", "Create", note).await;
}

/// After an update.
pub async fn updated(ctx: &Context, object: &SipEndpoint, action: &Action) {
    let Action::Update { differences, cause, .. } = action else { return };
    let reason = match cause {
        Cause::Edited => "Updated",
        Cause::Rotated => "PasswordRotated",
        Cause::Drifted => "DriftCorrected",
        // Numbers only.
        Cause::Followed | Cause::Restored | Cause::Unassigned => "Updated",
    };
    let note = match cause {
        Cause::Rotated => "the password in the Secret changed; the provider has accepted the new one".to_owned(),
        _ => differences.join("; "),
    };
    event(ctx, object, EventType::Normal, reason, "Update", note).await;
}

/// After a refused call.
pub async fn refused(ctx: &Context, object: &SipEndpoint, memory: &Memory) {
    let Some(trouble) = memory.trouble.as_ref().filter(|trouble| trouble.attempts == 1) else { return };
    event(ctx, object, EventType::Warning, "Refused", "Update", trouble.message.clone()).await;
}

/// After a deletion at the provider.
pub async fn deleted(ctx: &Context, object: &SipEndpoint, id: &str, why: Why) {
    let note = match why {
        Why::Requested => format!("endpoint {id} was deleted"),
        Why::JustReceived => format!("endpoint {id} was created while the object was being deleted; it was deleted again"),
        Why::Duplicate => format!("duplicate endpoint {id} was deleted"),
    };
    event(ctx, object, EventType::Normal, "Deleted", "Delete", note).await;
}

/// Before an object is let go in a way that people should know of.
pub async fn release(ctx: &Context, object: &SipEndpoint, release: Release) {
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
            let id = object.status.as_ref().and_then(|status| status.endpoint_id.as_deref()).unwrap_or("-");
            let policy = match object.spec.management_policy {
                ManagementPolicy::Manage => "deletionPolicy: Retain",
                ManagementPolicy::Observe => "managementPolicy: Observe",
            };
            event(ctx, object, EventType::Normal, "Retained", "Delete", format!("endpoint {id} stays at the provider ({policy})")).await;
        }
        Release::Orphaned => {
            let id =
                object.status.as_ref().and_then(|status| status.endpoint_id.as_deref()).unwrap_or("whatever was created for this object");
            let note =
                format!("given up by {ANNOTATION_FORCE_ORPHAN}: {id} may still be at the provider, and nothing looks after it any more");
            event(ctx, object, EventType::Warning, "Orphaned", "Delete", note).await;
            let place = key(object);
            let id = object.status.as_ref().and_then(|status| status.endpoint_id.as_deref()).unwrap_or("unresolved");
            info!(object = %place, account = object.spec.account_ref.name, endpoint_id = id, "audit: endpoint given up by {ANNOTATION_FORCE_ORPHAN}");
            if let Some(account) = ctx.account_object(&account_of(object)) {
                let note = format!(
                    "endpoint {id} of SipEndpoint {} was given up by {ANNOTATION_FORCE_ORPHAN}; it may still be at the provider",
                    if place.namespace == account.key.namespace { place.name } else { place.to_string() }
                );
                event_about(ctx, &account.reference, EventType::Warning, "EndpointOrphaned", "Delete", note).await;
            }
        }
        Release::Unproven => {
            let note = match &object.spec.adopt {
                Some(adopt) => format!(
                    "endpoint {} (spec.adopt) was never verified as this object's, or its status was lost: it is not deleted, and is still at the provider",
                    adopt.endpoint_id
                ),
                None => "the object's status was lost and its account does not exist: if it ever had an endpoint, that one is still at the provider".to_owned(),
            };
            event(ctx, object, EventType::Warning, "ReleasedUnproven", "Delete", note).await;
        }
    }
}
