//! View → status of a binding. The only place where its conditions are computed.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::answer;
use super::view::View;
use crate::api::MAX_TEXT;
use crate::api::condition::{Reason, Verdict};
use crate::api::phone_number_binding::PhoneNumberBindingStatus;
use crate::api::refs::AccountIdentity;
use crate::core::action::{Action, Finding, Source};
use crate::core::shared::Viewed;
use crate::core::status::{conditions, cut};
use crate::core::view::AccountView;

/// The whole status after an action that writes ahead; `None` for actions that do not.
pub fn after(view: &View, action: &Action) -> Option<PhoneNumberBindingStatus> {
    let Action::WritePlaced(ahead) = action else { return None };
    let mut status = view.status.clone();
    status.previous = ahead.previous.clone();
    status.placed = ahead.placed.clone();
    // What others have put there is in this account.
    pin(view, &mut status);
    if ahead.source == Source::Inherited {
        // It says nothing about how this binding is: the conditions stay.
        return Some(status);
    }
    let finding = Finding::new(Reason::Progressing, format!("binding number {}", view.e164()));
    Some(said(view, status, &finding))
}

/// The whole status for a finding, with what the provider shows mirrored into it.
pub fn report(view: &View, finding: &Finding) -> PhoneNumberBindingStatus {
    let mut status = view.status.clone();
    // What another binding does with the number is not shown as if it were this one's.
    if let Some(seen) = view.evidence.observed().filter(|_| view.owner().is_none() && view.account_mismatch().is_none()) {
        let text = |value: &str| Some(cut(value, MAX_TEXT));
        let field = |name: &str| seen.number.fields.get(name).and_then(|value| value.text()).and_then(text);
        status.number = Some(cut(&seen.number.number, 64));
        answer::show(&mut status, view.target(), field(view.target()));
        status.alias = field("alias");
        status.subaccount = field("subaccount");
    }
    if finding.reason == Reason::Available {
        pin(view, &mut status);
        if let Some(wish) = view.wish() {
            status.placed = view.settled_placed(wish);
        }
    }
    if finding.reason == Reason::Available || finding.reason.verdict() != Verdict::Progressing {
        status.last_handled_reconcile_at = view.object.reconcile_requested.as_ref().map(|text| cut(text, MAX_TEXT));
    }
    said(view, status, finding)
}

/// Whether the status is worth a write: times are not.
pub fn worth_writing(old: &PhoneNumberBindingStatus, new: &PhoneNumberBindingStatus) -> bool {
    let quiet = |status: &PhoneNumberBindingStatus| {
        let mut status = status.clone();
        for condition in &mut status.conditions {
            condition.last_transition_time = Time(Timestamp::UNIX_EPOCH);
        }
        status
    };
    quiet(old) != quiet(new)
}

fn pin(view: &View, status: &mut PhoneNumberBindingStatus) {
    if let AccountView::Ready { provider, id, .. } = &view.account {
        status.account.get_or_insert_with(|| AccountIdentity { provider: *provider, id: id.clone() });
    }
}

fn said(view: &View, mut status: PhoneNumberBindingStatus, finding: &Finding) -> PhoneNumberBindingStatus {
    status.observed_generation = Some(view.object.generation);
    status.conditions = conditions(view, (finding, finding), None);
    status
}
