//! The trunk group of a SipEndpoint in the words of the create protocol. Where phone numbers cannot point to an endpoint, a group with one
//! trunk leads them there. It is made, looked after and deleted by the very same decisions as the endpoint ([`super::endpoint`]): here stands
//! only how its part of the object's status reads as a status, and back.

use crate::api::condition::{Condition, ConditionStatus, ConditionType, Reason, Verdict};
use crate::api::sip_endpoint::{SipEndpointStatus, TrunkGroupStatus};
use crate::core::action::{Action, Finding};
use crate::core::fields::{FieldName, Fields, Value};
use crate::core::mark::Mark;
use crate::core::status;
use crate::core::view::{Desired, Problem, View, Wanted};

/// The field that holds its name, and in it the mark.
pub const NAME: FieldName = "name";
/// The field that holds the id of the endpoint to which its trunk leads.
pub const ENDPOINT: FieldName = "endpoint_sid";

/// So many bindings are named to people.
const NAMED: usize = 5;

/// What the object's status says of its group, in the words of a status of a thing of its own.
pub fn known(status: &SipEndpointStatus) -> SipEndpointStatus {
    let account = status.account.clone();
    let Some(group) = &status.trunk_group else { return SipEndpointStatus { account, ..SipEndpointStatus::default() } };
    SipEndpointStatus {
        account,
        endpoint_id: group.trunk_group_sid.clone(),
        username: group.name.clone(),
        ledger: group.ledger.clone(),
        observed_generation: group.observed_generation,
        conditions: conditions(group),
        ..SipEndpointStatus::default()
    }
}

fn conditions(group: &TrunkGroupStatus) -> Vec<Condition> {
    let Some(reason) = &group.reason else { return Vec::new() };
    let stalled = Reason::ALL.iter().any(|one| one.as_str() == reason && one.verdict() == Verdict::Failed);
    let ready = [ConditionType::Ready, ConditionType::Synced].map(|kind| (kind, reason == Reason::Available.as_str()));
    let condition = |(kind, holds): (ConditionType, bool)| Condition {
        type_: kind.as_str().to_owned(),
        status: if holds { ConditionStatus::True } else { ConditionStatus::False }.as_str().to_owned(),
        reason: reason.clone(),
        message: group.message.clone().unwrap_or_default(),
        // The generation that was compared last: see `Viewed::edited`.
        observed_generation: Some(group.observed_generation.unwrap_or(0)),
        last_transition_time: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH),
    };
    ready.into_iter().chain(stalled.then_some((ConditionType::Stalled, true))).map(condition).collect()
}

/// The way back from [`known`].
pub fn told(known: &SipEndpointStatus) -> Option<TrunkGroupStatus> {
    let of = |kind: ConditionType| known.conditions.iter().find(|condition| condition.type_ == kind.as_str());
    let ready = of(ConditionType::Ready);
    let group = TrunkGroupStatus {
        observed_generation: of(ConditionType::Synced).and_then(|synced| synced.observed_generation).filter(|generation| *generation != 0),
        trunk_group_sid: known.endpoint_id.clone(),
        name: known.username.clone(),
        ledger: known.ledger.clone(),
        reason: ready.map(|ready| ready.reason.clone()),
        message: ready.map(|ready| ready.message.clone()).filter(|message| !message.is_empty()),
    };
    (group != TrunkGroupStatus::default()).then_some(group)
}

/// What is wanted of a group that leads to this endpoint; nothing can be, while there is none.
pub fn desired(mark: &Mark, endpoint: Option<&str>) -> Desired {
    let Some(endpoint) = endpoint.filter(|id| !id.is_empty()) else {
        return Desired::Blocked(Problem {
            reason: Reason::Progressing,
            message: "the endpoint to which the trunk group is to lead is not at the provider; this goes on by itself when it is".into(),
        });
    };
    let text = |value: &str| Value::Text(value.to_owned());
    let fields = Fields::from([(NAME, text(mark.as_str())), (ENDPOINT, text(endpoint))]);
    Desired::Wanted(Box::new(Wanted { create: fields.clone(), fields, password: None }))
}

/// What the object's status says of its group after an action that writes the ledger; `None` for actions that do not.
pub fn after(view: &View, action: &Action) -> Option<Option<TrunkGroupStatus>> {
    status::after(view, action).map(|status| told(&status))
}

/// What the object's status says of its group for a finding. Nothing of one that was let go.
pub fn report(view: &View, finding: &Finding) -> Option<TrunkGroupStatus> {
    let released = view.object.deleting && !view.object.finalizer;
    if released { None } else { told(&status::report(view, finding)) }
}

/// Whether that is worth a write.
pub fn worth_writing(view: &View, new: Option<&TrunkGroupStatus>) -> bool {
    told(&view.status).as_ref() != new
}

/// Why an object that is being deleted does not let its endpoint go yet.
pub fn in_the_way(group: &TrunkGroupStatus) -> Problem {
    let name = group.trunk_group_sid.as_deref().or(group.name.as_deref()).unwrap_or("that is not known yet");
    let message = group.message.as_deref().unwrap_or("it is being deleted");
    Problem { reason: Reason::Deleting, message: format!("waits for trunk group {name}: {message}") }
}

/// Why a group is not deleted although its endpoint is to go, or nobody leads to it any more. `bindings`: those whose numbers it still leads
/// on, in words; `None` if there is none.
pub fn in_use(bindings: &[String]) -> Option<Problem> {
    let (named, more) = bindings.split_at(bindings.len().min(NAMED));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    let message = format!(
        "phone numbers are led here by {}{more}: the trunk group, and with it the endpoint, stays until they are led elsewhere. Delete these bindings, or give them another target; this goes on by itself",
        named.join(", ")
    );
    (!bindings.is_empty()).then_some(Problem { reason: Reason::Deleting, message })
}
