//! What audit lines say of an object and of a decision.

use kube::ResourceExt;

use crate::controller::context::Context;
use crate::controller::managed::{Managed, account_of};
use crate::core::action::{Cause, Release, Why};
use crate::core::fields::Fields;
use crate::telemetry::audit::Subject;

/// What is done for this object. A trunk group is a part of its SipEndpoint, and is told as that one's.
pub fn subject<K: Managed>(ctx: &Context, object: &K, thing: &'static str, action: &'static str) -> Subject {
    Subject {
        kind: K::kind(&()).into_owned(),
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        generation: object.meta().generation.unwrap_or_default(),
        account: account_of(object).to_string(),
        thing,
        action,
        writer: ctx.writer.clone(),
        ..Subject::default()
    }
}

/// Their names, and nothing of their values.
pub fn names(fields: &Fields) -> Option<String> {
    Some(fields.keys().copied().collect::<Vec<_>>().join(",")).filter(|names| !names.is_empty())
}

/// Why something is changed, in one word.
pub fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Edited => "edited",
        Cause::Rotated => "rotated",
        Cause::Drifted => "drift",
        Cause::Followed => "followed",
        Cause::Restored => "restored",
        Cause::Unassigned => "unassigned",
    }
}

/// Why something is deleted, in one word.
pub fn why(why: Why) -> &'static str {
    match why {
        Why::Requested => "requested",
        Why::JustReceived => "just_received",
        Why::Duplicate => "duplicate",
    }
}

/// Why an object is let go although something of it is, or may be, left at the provider, in one word; `None`: nothing is, or it is not ours.
pub fn left(release: Release) -> Option<&'static str> {
    match release {
        Release::Retained => Some("retained"),
        Release::Orphaned => Some("force_orphan"),
        Release::Unproven => Some("unproven"),
        Release::PreviousLost => Some("previous_lost"),
        Release::NotGivenBack => Some("not_given_back"),
        Release::Clean
        | Release::NeverSent
        | Release::HandedOver
        | Release::Restored
        | Release::Unassigned
        | Release::PreviousGone
        | Release::NotOurs
        | Release::NumberGone => None,
    }
}
