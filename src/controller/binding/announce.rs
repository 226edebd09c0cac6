//! Events about numbers: what people want to know, and never a success of a resync.

use kube_runtime::events::EventType;

use crate::api::condition::{Condition, ConditionType, Reason};
use crate::api::phone_number_binding::{PhoneNumberBinding, Previous};
use crate::controller::audit;
use crate::controller::context::Context;
use crate::controller::observe::corrected;
use crate::controller::report::event;
use crate::core::action::{Action, Cause, Finding, Release, Source};
use crate::core::binding::answer;
use crate::core::binding::view::View;
use crate::core::outcome::{Refusal, RefusalKind};
use crate::core::view::Trouble;
use crate::telemetry::{self, audit::Subject};

/// After a write of what must not be forgotten.
pub async fn wrote(ctx: &Context, object: &PhoneNumberBinding, view: &View, action: &Action) {
    let Action::WritePlaced(ahead) = action else { return };
    // One that has none yet takes over; one that has, only notes what its rivals have written since.
    if ahead.source != Source::Inherited || view.status.previous.is_some() {
        return;
    }
    let named = |previous: &Previous| answer::named(view.target(), previous.target());
    let previous = ahead.previous.as_ref().map_or_else(|| "nobody knows any more what".to_owned(), named);
    let note = format!("{previous} answered {} before any binding of this cluster; that is known from another binding of it", view.e164());
    event(ctx, object, EventType::Normal, "Inherited", "Bind", note).await;
}

/// After a status write.
pub async fn reported(ctx: &Context, object: &PhoneNumberBinding, view: &View, finding: &Finding) {
    if finding.reason == Reason::Available && !compared(&view.status.conditions) {
        let shown = object.status.as_ref().and_then(answer::shown).unwrap_or_default();
        let answered = answer::named(view.target(), shown);
        event(ctx, object, EventType::Normal, "Bound", "Bind", format!("{} is answered by {answered}", view.e164())).await;
    }
}

/// After an update.
pub async fn updated(ctx: &Context, object: &PhoneNumberBinding, view: &View, action: &Action) {
    let Action::Update { differences, cause, change, .. } = action else { return };
    let reason = match cause {
        Cause::Drifted => {
            corrected(ctx, differences, change);
            "DriftCorrected"
        }
        // It is told that the number is bound when it is read back.
        Cause::Edited | Cause::Followed if !compared(&view.status.conditions) => return,
        Cause::Edited | Cause::Followed | Cause::Rotated => "Updated",
        // Told when that is read back, before the object goes.
        Cause::Restored | Cause::Unassigned => return,
    };
    event(ctx, object, EventType::Normal, reason, "Update", differences.join("; ")).await;
}

/// After a refused call.
pub async fn refused(ctx: &Context, object: &PhoneNumberBinding, view: &View, trouble: Option<&Trouble>, refusal: &Refusal) {
    if view.object.deleting && view.must_answer() && refusal.kind == RefusalKind::Invalid {
        // Else nobody would learn why the object stays.
        event(ctx, object, EventType::Warning, "Refused", "Delete", refusal.message.clone()).await;
    }
    let Some(trouble) = trouble.filter(|trouble| trouble.attempts == 1) else { return };
    event(ctx, object, EventType::Warning, "Refused", "Update", trouble.message.clone()).await;
}

/// Before an object is let go in a way that people should know of.
pub async fn release(ctx: &Context, object: &PhoneNumberBinding, release: Release) {
    let number = &object.spec.number;
    if let Some(why) = audit::left(release) {
        let subject = audit::subject(ctx, object, "number", "let_go");
        telemetry::audit::left(&Subject { id: Some(number.clone()), why: Some(why), ..subject });
    }
    let status = object.status.as_ref();
    let target = status.map_or(answer::APP_ID, answer::recorded);
    let noun = answer::noun(target);
    let previous_gone = if target == answer::TRUNK_GROUP_SID { "PreviousTrunkGroupGone" } else { "PreviousApplicationGone" };
    let previous = answer::named(target, status.and_then(|status| status.previous.as_ref()).map_or("", Previous::target));
    let shown = answer::named(target, status.and_then(answer::shown).unwrap_or_default());
    let (kind, reason, note) = match release {
        Release::Clean | Release::NeverSent => return,
        Release::Retained => (EventType::Normal, "Retained", format!("{number} stays as it is (deletionPolicy: Retain)")),
        Release::HandedOver => {
            (EventType::Normal, "HandedOver", format!("{number} belongs to another binding now, which gives it back one day"))
        }
        Release::Restored => (EventType::Normal, "Restored", format!("{number} is answered by {previous} again")),
        Release::Unassigned => (EventType::Normal, "Unassigned", format!("{number} is answered by no {noun} any more")),
        Release::PreviousGone => (
            EventType::Warning,
            previous_gone,
            format!("{previous}, which answered {number} before, was not taken by the provider any more: no {noun} answers it now"),
        ),
        Release::NotOurs => (
            EventType::Normal,
            "LeftAsItIs",
            format!("{number} is not where this binding had put it (it shows {shown}): it is left as it is"),
        ),
        Release::PreviousLost => (
            EventType::Warning,
            "PreviousLost",
            format!(
                "what answered {number} before is not known, since this object's status was lost: the number is left as it is ({shown})"
            ),
        ),
        Release::NumberGone => (
            EventType::Warning,
            "NumberNotInAccount",
            format!("the account does not hold {number} any more: there is nothing to give back"),
        ),
        Release::NotGivenBack => (
            EventType::Warning,
            "NotGivenBack",
            format!("the provider took neither {previous} nor \"no {noun}\" for {number}: it is left as it is ({shown})"),
        ),
        Release::Orphaned | Release::Unproven => (
            EventType::Warning,
            "ReleasedUnproven",
            format!("{number} was not given back: it may still be answered by {shown}, and nothing looks after it any more"),
        ),
    };
    event(ctx, object, kind, reason, "Delete", note).await;
}

/// The number was compared with a spec before.
fn compared(conditions: &[Condition]) -> bool {
    let synced = conditions.iter().find(|condition| condition.type_ == ConditionType::Synced.as_str());
    synced.and_then(|condition| condition.observed_generation).is_some_and(|generation| generation > 0)
}
