//! View → status. The only place where conditions are computed; equality ignores what ticks.

use crate::api::MAX_TEXT;
use crate::api::condition::{Condition, ConditionStatus, ConditionType, Reason, Verdict};
use crate::api::ledger::{Intent, Ledger, MAX_TOMBSTONES};
use crate::api::refs::AccountIdentity;
use crate::api::sip_endpoint::SipEndpointStatus;
use crate::core::action::{Action, Finding, Found};
use crate::core::fields::{Remote, Value};
use crate::core::view::{AccountView, Desired, View};

/// Longest message of a condition.
const MESSAGE: usize = 1024;

/// The whole status after an action that writes the ledger; `None` for actions that do not.
pub fn after(view: &View, action: &Action) -> Option<SipEndpointStatus> {
    let mut status = view.status.clone();
    let mut ledger = view.ledger().cloned().unwrap_or_else(|| blank(view));
    let finding = match action {
        Action::WriteIntent(intent) => {
            ledger.intent = Some(Intent::clone(intent));
            if let AccountView::Ready { provider, id, .. } = &view.account {
                status.account = Some(AccountIdentity { provider: *provider, id: id.clone() });
            }
            Finding::new(Reason::Progressing, format!("creating {}…", view.prefix))
        }
        Action::Record(found) => return Some(recorded(view, status, ledger, found)),
        Action::CloseEpoch(_) => {
            ledger.epoch = ledger.intent.as_ref().map_or(ledger.epoch, |intent| intent.epoch);
            Finding::new(
                if view.object.deleting { Reason::Deleting } else { Reason::Progressing },
                "the last create made nothing; going on",
            )
        }
        Action::WriteTombstone(id) => {
            if ledger.tombstones.len() < MAX_TOMBSTONES && !ledger.tombstones.contains(id) {
                ledger.tombstones.push(id.clone());
            }
            Finding::new(
                Reason::DuplicateFound,
                format!("endpoint {id} is a second one of this object; it is deleted, the recorded one stays"),
            )
        }
        Action::ClearTombstone(id) => {
            ledger.tombstones.retain(|tombstone| tombstone != id);
            Finding::new(Reason::Progressing, format!("duplicate {id} is gone"))
        }
        Action::Forget => {
            ledger.password_secret = None;
            let id = status.endpoint_id.take().unwrap_or_default();
            status = SipEndpointStatus {
                account: status.account,
                conditions: status.conditions,
                last_handled_reconcile_at: status.last_handled_reconcile_at,
                ..SipEndpointStatus::default()
            };
            Finding::new(Reason::Progressing, format!("endpoint {id} was deleted outside Switchboard; a new one is created"))
        }
        _ => return None,
    };
    status.ledger = Some(ledger);
    Some(with_conditions(view, status, &finding, None))
}

/// The whole status for a finding, with what the provider shows mirrored into it.
pub fn report(view: &View, finding: &Finding) -> SipEndpointStatus {
    let mut status = view.status.clone();
    let observed = view.recorded().and_then(|recorded| view.evidence.observed(recorded.id)).map(|seen| seen.remote);
    if let Some(remote) = observed {
        mirror(&mut status, remote);
    }
    if let (Some(ledger), Desired::Wanted(wanted)) = (view.ledger(), &view.desired)
        && (view.evidence.password_matches == Some(true) || view.password_version() == Some(&wanted.password_version))
    {
        status.ledger = Some(Ledger { password_secret: Some(wanted.password_version.clone()), ..ledger.clone() });
    }
    if finding.reason == Reason::Available || finding.reason.verdict() != Verdict::Progressing {
        status.last_handled_reconcile_at = view.object.reconcile_requested.as_ref().map(|text| cut(text, MAX_TEXT));
    }
    with_conditions(view, status, finding, observed)
}

/// Whether the status is worth a write: times and what ticks with every re-registration are not.
pub fn worth_writing(old: &SipEndpointStatus, new: &SipEndpointStatus) -> bool {
    let quiet = |status: &SipEndpointStatus| {
        let mut status = status.clone();
        status.sip_expires = None;
        status.sip_contact = None;
        status.sip_user_agent = None;
        for condition in &mut status.conditions {
            condition.last_transition_time = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH);
        }
        status
    };
    quiet(old) != quiet(new)
}

fn blank(view: &View) -> Ledger {
    Ledger { uid: view.object.uid.clone(), installation: view.installation.part().to_owned(), ..Ledger::default() }
}

fn recorded(view: &View, mut status: SipEndpointStatus, mut ledger: Ledger, found: &Found) -> SipEndpointStatus {
    ledger.epoch = ledger.intent.as_ref().map_or(ledger.epoch, |intent| intent.epoch.max(ledger.epoch));
    // What a lost create sent is not known any more; the password is then checked, and sent again if it must be.
    ledger.password_secret = match (&found.remote, &view.memory.own) {
        (None, Some(own)) => own.password_version.clone(),
        _ => None,
    };
    ledger.tombstones.retain(|tombstone| *tombstone != found.id);
    status.endpoint_id = Some(found.id.clone());
    status.username = Some(cut(&found.username, MAX_TEXT));
    if let AccountView::Ready { provider, id, .. } = &view.account {
        status.account.get_or_insert_with(|| AccountIdentity { provider: *provider, id: id.clone() });
    }
    status.sip_uri = None;
    if let Some(remote) = &found.remote {
        mirror(&mut status, remote);
    }
    status.ledger = Some(ledger);
    let message = format!("endpoint {} exists; reading it back", found.id);
    with_conditions(view, status, &Finding::new(Reason::Progressing, message), found.remote.as_deref())
}

fn mirror(status: &mut SipEndpointStatus, remote: &Remote) {
    let text = |value: &str| Some(cut(value, MAX_TEXT));
    let field = |name: &str| remote.fields.get(name).and_then(Value::text).and_then(text);
    status.username = text(&remote.username);
    status.sip_uri = remote.sip_uri.as_deref().and_then(text);
    status.alias = field("alias");
    status.app_id = field("app_id");
    let registration = remote.registration.as_ref();
    status.sip_registered = registration.map(|registration| registration.registered);
    let registration = registration.filter(|registration| registration.registered);
    status.sip_contact = registration.and_then(|registration| registration.contact.as_deref()).and_then(text);
    status.sip_expires = registration.and_then(|registration| registration.expires.as_deref()).and_then(text);
    status.sip_user_agent = registration.and_then(|registration| registration.user_agent.as_deref()).and_then(text);
}

fn with_conditions(view: &View, mut status: SipEndpointStatus, finding: &Finding, observed: Option<&Remote>) -> SipEndpointStatus {
    status.observed_generation = Some(view.object.generation);
    let agrees = finding.reason == Reason::Available;
    let mut wanted: Vec<(ConditionType, ConditionStatus, Reason, String)> = Vec::new();
    let truth = if agrees { ConditionStatus::True } else { ConditionStatus::False };
    wanted.push((ConditionType::Ready, truth, finding.reason, finding.message.clone()));
    wanted.push((ConditionType::Synced, truth, finding.reason, finding.message.clone()));
    if observed.is_some() || status.sip_registered.is_some() {
        wanted.push(match status.sip_registered {
            Some(true) => (ConditionType::Registered, ConditionStatus::True, Reason::Registered, "a phone is registered".into()),
            _ => (ConditionType::Registered, ConditionStatus::False, Reason::NotRegistered, "no phone is registered".into()),
        });
    }
    match finding.reason.verdict() {
        Verdict::Progressing => wanted.push((ConditionType::Reconciling, ConditionStatus::True, finding.reason, finding.message.clone())),
        Verdict::Failed => wanted.push((ConditionType::Stalled, ConditionStatus::True, finding.reason, finding.message.clone())),
        Verdict::Healthy | Verdict::Suspended => {}
    }
    if finding.reason == Reason::Drifted {
        wanted.push((ConditionType::Drifted, ConditionStatus::True, finding.reason, finding.message.clone()));
    }
    status.conditions = merge(&view.status.conditions, wanted, view);
    // `Synced` is about the spec that was compared last, which [`View::edited`] asks for.
    let compared = matches!(finding.reason, Reason::Available | Reason::Drifted | Reason::ProviderNormalisedValue);
    if !compared && let Some(synced) = status.conditions.iter_mut().find(|condition| condition.type_ == ConditionType::Synced.as_str()) {
        let before = view.status.conditions.iter().find(|condition| condition.type_ == synced.type_);
        synced.observed_generation = Some(before.and_then(|condition| condition.observed_generation).unwrap_or(0));
    }
    status
}

/// New conditions in a fixed order; a transition time moves with the status only; conditions of other controllers stay.
pub fn merge(old: &[Condition], wanted: Vec<(ConditionType, ConditionStatus, Reason, String)>, view: &View) -> Vec<Condition> {
    merge_conditions(old, wanted, view.object.generation, &view.fresh.time)
}

/// As [`merge`], for any kind.
pub fn merge_conditions(
    old: &[Condition],
    wanted: Vec<(ConditionType, ConditionStatus, Reason, String)>,
    generation: i64,
    now: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Time,
) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = wanted
        .into_iter()
        .map(|(kind, status, reason, message)| {
            let before = old.iter().find(|condition| condition.type_ == kind.as_str());
            let since = before
                .filter(|condition| condition.status == status.as_str())
                .map_or_else(|| now.clone(), |condition| condition.last_transition_time.clone());
            Condition {
                type_: kind.as_str().to_owned(),
                status: status.as_str().to_owned(),
                reason: reason.as_str().to_owned(),
                message: cut(&message, MESSAGE),
                observed_generation: Some(generation),
                last_transition_time: since,
            }
        })
        .collect();
    let foreign = |condition: &&Condition| !ConditionType::ALL.iter().any(|kind| kind.as_str() == condition.type_);
    conditions.extend(old.iter().filter(foreign).cloned());
    conditions
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most.saturating_sub(1)).chain(['…']).collect() }
}
