//! View → status. The only place where conditions are computed; equality ignores what ticks.

use crate::api::MAX_TEXT;
use crate::api::condition::{Condition, ConditionStatus, ConditionType, Reason, Verdict};
use crate::api::ledger::{Intent, Ledger, MAX_TOMBSTONES};
use crate::api::refs::AccountIdentity;
use crate::api::sip_endpoint::SipEndpointStatus;
use crate::core::action::{Action, Finding, Found};
use crate::core::endpoint::connection;
use crate::core::fields::{Remote, Value};
use crate::core::mark::Place;
use crate::core::shared::Viewed;
use crate::core::view::{AccountView, Thing, View};

/// Longest message of a condition.
const MESSAGE: usize = 1024;

/// The whole status after an action that writes the ledger; `None` for actions that do not.
pub fn after(view: &View, action: &Action) -> Option<SipEndpointStatus> {
    let mut status = view.status.clone();
    let mut ledger = view.ledger().cloned().unwrap_or_else(|| blank(view));
    let thing = view.thing.as_str();
    let finding = match action {
        Action::WriteIntent(intent) => {
            take_over(view, &mut ledger);
            ledger.intent = Some(Intent::clone(intent));
            if let AccountView::Ready { provider, id, .. } = &view.account {
                status.account = Some(AccountIdentity { provider: *provider, id: id.clone() });
            }
            Finding::new(Reason::Progressing, format!("creating {}…", view.mark))
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
                format!("{thing} {id} is a second one of this object; it is deleted, the recorded one stays"),
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
                // That is another thing, with a ledger of its own.
                trunk_group: status.trunk_group,
                ..SipEndpointStatus::default()
            };
            Finding::new(Reason::Progressing, format!("{thing} {id} was deleted outside Switchboard; a new one is created"))
        }
        _ => return None,
    };
    status.ledger = Some(ledger);
    Some(with_conditions(view, status, (&finding, &finding), None))
}

/// The whole status for a finding, with what the provider shows mirrored into it.
pub fn report(view: &View, finding: &Finding) -> SipEndpointStatus {
    let mut status = view.status.clone();
    // What is not this object's is not shown as if it were: the username is what an adopted endpoint is recognised by.
    let observed =
        view.recorded().and_then(|recorded| view.evidence.observed(recorded.id)).map(|seen| seen.remote).filter(|remote| view.owns(remote));
    if let Some(remote) = observed {
        mirror(view, &mut status, remote);
    }
    if let (Some(ledger), Some(wanted)) = (view.ledger(), view.wanted_version())
        && (view.evidence.password_matches == Some(true) || view.password_version() == Some(wanted))
    {
        status.ledger = Some(Ledger { password_secret: Some(wanted.clone()), ..ledger.clone() });
    }
    if finding.reason == Reason::Available || finding.reason.verdict() != Verdict::Progressing {
        status.last_handled_reconcile_at = view.object.reconcile_requested.as_ref().map(|text| cut(text, MAX_TEXT));
    }
    // A Secret that cannot be written is no difference at the provider.
    let synced = connection::apart_from_it(view, finding);
    with_conditions(view, status, (finding, synced.as_ref().unwrap_or(finding)), observed)
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

/// A ledger of another installation under which nothing is at the provider is this one's from now on: what is announced or recorded under
/// the other's name would count as the other's.
fn take_over(view: &View, ledger: &mut Ledger) {
    view.installation.part().clone_into(&mut ledger.installation);
}

fn recorded(view: &View, mut status: SipEndpointStatus, mut ledger: Ledger, found: &Found) -> SipEndpointStatus {
    take_over(view, &mut ledger);
    ledger.epoch = ledger.intent.as_ref().map_or(ledger.epoch, |intent| intent.epoch.max(ledger.epoch));
    // What a lost create sent is not known any more; the password is then checked, and sent again if it must be.
    ledger.password_secret = match (&found.remote, &view.memory.own) {
        (None, Some(own)) => own.password_version.clone(),
        _ => None,
    };
    ledger.tombstones.retain(|tombstone| *tombstone != found.id);
    status.endpoint_id = Some(found.id.clone());
    *label(view, &mut status) = Some(cut(&found.username, MAX_TEXT));
    if let AccountView::Ready { provider, id, .. } = &view.account {
        status.account.get_or_insert_with(|| AccountIdentity { provider: *provider, id: id.clone() });
    }
    status.sip_uri = None;
    // What our own create answered may be the whole of it.
    let seen = || view.evidence.observed(&found.id).filter(|seen| seen.by_id && seen.began >= view.memory.effect);
    let answered = || seen().map(|seen| seen.remote).filter(|remote| view.owns(remote));
    let shown = found.remote.as_deref().or_else(answered);
    if let Some(remote) = shown {
        mirror(view, &mut status, remote);
    }
    status.ledger = Some(ledger);
    let then = if shown.is_some() { "comparing it with the spec" } else { "reading it back" };
    let message = format!("{} {} exists; {then}", view.thing.as_str(), found.id);
    let finding = Finding::new(Reason::Progressing, message);
    with_conditions(view, status, (&finding, &finding), shown)
}

/// Where the status keeps the label that carries the mark.
fn label<'s>(view: &View, status: &'s mut SipEndpointStatus) -> &'s mut Option<String> {
    match view.mark.place() {
        Place::Username => &mut status.username,
        Place::Name => &mut status.name,
    }
}

fn mirror(view: &View, status: &mut SipEndpointStatus, remote: &Remote) {
    let text = |value: &str| Some(cut(value, MAX_TEXT));
    let field = |name: &str| remote.fields.get(name).and_then(Value::text).and_then(text);
    *label(view, status) = text(&remote.username);
    // Where nothing registers, nothing is said of it, be the answer what it may.
    status.sip_uri = remote.sip_uri.as_deref().filter(|_| view.registers()).and_then(text);
    status.alias = field("alias");
    status.app_id = field("app_id");
    let registration = remote.registration.as_ref().filter(|_| view.registers());
    status.sip_registered = registration.map(|registration| registration.registered);
    let registration = registration.filter(|registration| registration.registered);
    status.sip_contact = registration.and_then(|registration| registration.contact.as_deref()).and_then(text);
    status.sip_expires = registration.and_then(|registration| registration.expires.as_deref()).and_then(text);
    status.sip_user_agent = registration.and_then(|registration| registration.user_agent.as_deref()).and_then(text);
}

/// With what to say of the object, and of the provider alone.
fn with_conditions(
    view: &View,
    mut status: SipEndpointStatus,
    (finding, synced): (&Finding, &Finding),
    observed: Option<&Remote>,
) -> SipEndpointStatus {
    status.observed_generation = Some(view.object.generation);
    let registered = match view.thing {
        Thing::TrunkGroup => None,
        Thing::Endpoint if is_static(view) => status.endpoint_id.is_some().then(|| {
            let message = "a static peer: calls are sent to its addresses, and it never registers";
            (ConditionType::Registered, ConditionStatus::Unknown, Reason::StaticPeer, message.into())
        }),
        Thing::Endpoint => (observed.is_some() || status.sip_registered.is_some()).then(|| match status.sip_registered {
            Some(true) => (ConditionType::Registered, ConditionStatus::True, Reason::Registered, "a phone is registered".into()),
            _ => (ConditionType::Registered, ConditionStatus::False, Reason::NotRegistered, "no phone is registered".into()),
        }),
    };
    status.conditions = conditions(view, (finding, synced), registered);
    status
}

/// It never registers. While the account cannot be used, what was known of it still holds.
fn is_static(view: &View) -> bool {
    let said =
        |condition: &Condition| condition.type_ == ConditionType::Registered.as_str() && condition.reason == Reason::StaticPeer.as_str();
    view.capabilities().map_or_else(|| view.status.conditions.iter().any(said), |capabilities| !capabilities.registers)
}

/// A condition that is wanted.
pub type Wanted = (ConditionType, ConditionStatus, Reason, String);

/// The conditions of an object of any kind: what to say of it, and of the provider alone; `more` is what only its kind has, besides what
/// all have.
pub fn conditions(view: &impl Viewed, (finding, synced): (&Finding, &Finding), more: Option<Wanted>) -> Vec<Condition> {
    let mut wanted: Vec<Wanted> = Vec::new();
    let truth = |finding: &Finding| if finding.reason == Reason::Available { ConditionStatus::True } else { ConditionStatus::False };
    wanted.push((ConditionType::Ready, truth(finding), finding.reason, finding.message.clone()));
    wanted.push((ConditionType::Synced, truth(synced), synced.reason, synced.message.clone()));
    wanted.extend(more);
    match finding.reason.verdict() {
        Verdict::Progressing => wanted.push((ConditionType::Reconciling, ConditionStatus::True, finding.reason, finding.message.clone())),
        Verdict::Failed => wanted.push((ConditionType::Stalled, ConditionStatus::True, finding.reason, finding.message.clone())),
        Verdict::Healthy | Verdict::Suspended => {}
    }
    if finding.reason == Reason::Drifted {
        wanted.push((ConditionType::Drifted, ConditionStatus::True, finding.reason, finding.message.clone()));
    }
    let mut conditions = merge_conditions(view.conditions(), wanted, view.object().generation, view.time());
    // `Synced` is about the spec that was compared last, which [`Viewed::edited`] asks for.
    let compared = matches!(synced.reason, Reason::Available | Reason::Drifted | Reason::ProviderNormalisedValue | Reason::Contested);
    if !compared && let Some(synced) = conditions.iter_mut().find(|condition| condition.type_ == ConditionType::Synced.as_str()) {
        let before = view.conditions().iter().find(|condition| condition.type_ == synced.type_);
        synced.observed_generation = Some(before.and_then(|condition| condition.observed_generation).unwrap_or(0));
    }
    conditions
}

/// New conditions in a fixed order; a transition time moves with the status only; conditions of other controllers stay.
pub fn merge_conditions(
    old: &[Condition],
    wanted: Vec<Wanted>,
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

/// A text of at most so many characters; what is cut off shows.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most.saturating_sub(1)).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    use super::*;
    use crate::core::action::Closed;
    use crate::core::endpoint::next;
    use crate::core::endpoint::tests::make::{NAMED, applied, at, healthy, recorded, remote, text, under, version};
    use crate::core::fields::Registration;
    use crate::core::outcome::Outcome;

    fn time(second: i64) -> Time {
        Time(Timestamp::from_second(second).expect("a valid second"))
    }

    fn say(reason: Reason) -> Finding {
        Finding::new(reason, "as the test wants it")
    }

    fn condition(status: &SipEndpointStatus, kind: ConditionType) -> Option<&Condition> {
        status.conditions.iter().find(|condition| condition.type_ == kind.as_str())
    }

    fn is_true(status: &SipEndpointStatus, kind: ConditionType) -> bool {
        condition(status, kind).is_some_and(|condition| condition.status == "True")
    }

    #[test]
    fn a_status_that_only_ticks_is_not_written() {
        let old = report(&healthy().build(), &say(Reason::Available));
        let ticks: [fn(&mut SipEndpointStatus); 4] = [
            |status| status.sip_expires = Some("later".into()),
            |status| status.sip_contact = Some("sip:10.0.0.9".into()),
            |status| status.sip_user_agent = Some("phone 2".into()),
            |status| status.conditions[0].last_transition_time = time(99),
        ];
        let matters: [fn(&mut SipEndpointStatus); 7] = [
            |status| status.sip_registered = Some(true),
            |status| status.sip_uri = None,
            |status| status.alias = Some("other".into()),
            |status| status.observed_generation = Some(9),
            |status| status.conditions[0].reason = "Other".into(),
            |status| status.conditions[1].observed_generation = Some(9),
            |status| status.ledger = None,
        ];
        for (changes, worth) in [(&ticks[..], false), (&matters[..], true)] {
            for (index, change) in changes.iter().enumerate() {
                let mut new = old.clone();
                change(&mut new);
                assert_eq!(worth_writing(&old, &new), worth, "change {index}");
            }
        }
    }

    #[test]
    fn a_report_of_the_same_view_is_not_written_twice_even_much_later() {
        let mut view = healthy().build();
        for reason in Reason::ALL {
            view.status = report(&view, &say(*reason));
            view.fresh.time = time(1_000_000);
            assert!(!worth_writing(&view.status, &report(&view, &say(*reason))), "{reason}");
        }
    }

    #[test]
    fn waiting_does_not_count_down_in_status() {
        for (start, later) in [
            (applied().finalizer().intent("n1", 999), 1000),
            (applied().finalizer().intent("n1", 999).deleting(), 1000),
            (applied().finalizer().intent("n1", 990).closed().record("e1").deleted("e1", 995, true).deleting(), 1100),
        ] {
            let words = |seconds| match next(&start.clone().now(seconds).build()) {
                Action::Wait { finding: Some(finding), .. } => finding.message,
                other => panic!("{other}"),
            };
            assert_eq!(words(999), words(later));
        }
    }

    #[test]
    fn a_transition_time_moves_with_the_status_only() {
        let mut view = healthy().build();
        view.status.conditions = Vec::new();
        let since = |view: &View| condition(&view.status, ConditionType::Ready).map(|ready| ready.last_transition_time.clone());
        for (second, reason, expected) in [
            (1, Reason::Progressing, 1),
            (2, Reason::AwaitingEvidence, 1),
            (3, Reason::Available, 3),
            (4, Reason::Available, 3),
            (5, Reason::Rejected, 5),
        ] {
            view.fresh.time = time(second);
            view.status = report(&view, &say(reason));
            assert_eq!(since(&view), Some(time(expected)), "{reason}");
        }
    }

    #[test]
    fn messages_and_texts_are_cut_at_whole_characters() {
        let mut view = healthy().build();
        view.object.reconcile_requested = Some("ü".repeat(5000));
        let status = report(&view, &Finding::new(Reason::Rejected, "ß".repeat(5000)));
        let message = &status.conditions[0].message;
        assert_eq!((message.chars().count(), message.chars().last()), (MESSAGE, Some('…')));
        assert_eq!(status.last_handled_reconcile_at.map(|text| text.chars().count()), Some(MAX_TEXT));
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
    }

    #[test]
    fn conditions_of_other_controllers_stay_and_ours_do_not_pile_up() {
        let mut view = healthy().build();
        let foreign = Condition { type_: "AuditPassed".into(), ..view.status.conditions[0].clone() };
        view.status.conditions.push(foreign.clone());
        for reason in Reason::ALL {
            view.status = report(&view, &say(*reason));
            let kinds: BTreeSet<&str> = view.status.conditions.iter().map(|condition| condition.type_.as_str()).collect();
            assert_eq!(kinds.len(), view.status.conditions.len(), "{reason}");
            assert_eq!(view.status.conditions.last(), Some(&foreign));
        }
    }

    #[test]
    fn every_reason_reads_the_same_for_people_and_for_kstatus() {
        let view = healthy().build();
        for reason in Reason::ALL {
            let status = report(&view, &say(*reason));
            let (reconciling, stalled) = (condition(&status, ConditionType::Reconciling), condition(&status, ConditionType::Stalled));
            assert_eq!(is_true(&status, ConditionType::Reconciling), reason.verdict() == Verdict::Progressing, "{reason}");
            assert_eq!(is_true(&status, ConditionType::Stalled), reason.verdict() == Verdict::Failed, "{reason}");
            // Present only when True.
            assert!(reconciling.into_iter().chain(stalled).all(|condition| condition.status == "True"), "{reason}");
            assert_eq!(is_true(&status, ConditionType::Ready), *reason == Reason::Available, "{reason}");
            assert_eq!(condition(&status, ConditionType::Drifted).is_some(), *reason == Reason::Drifted, "{reason}");
            assert_eq!(status.observed_generation, Some(view.object.generation));
        }
    }

    #[test]
    fn an_edit_that_has_to_wait_stays_an_edit() {
        let mut view = healthy().edited("reception").report_drift().build();
        for reason in [Reason::ProviderUnreachable, Reason::Throttled, Reason::Paused, Reason::SecretNotFound] {
            view.status = report(&view, &say(reason));
            assert!(view.edited(), "{reason}");
            assert_eq!(view.status.observed_generation, Some(2));
        }
        assert!(matches!(next(&view), Action::Update { .. }));
        view.status = report(&view, &say(Reason::Available));
        assert!(!view.edited());
    }

    #[test]
    fn the_ledger_after_each_write_is_what_the_next_process_needs() {
        let open = applied().finalizer().permit().build();
        let Action::WriteIntent(intent) = next(&open) else { panic!("an intent is due") };
        let status = after(&open, &Action::WriteIntent(intent)).expect("a status");
        let ledger = status.ledger.expect("a ledger");
        assert_eq!(
            (ledger.epoch, ledger.open_intent().map(|intent| intent.epoch), status.account.map(|account| account.id)),
            (0, Some(1), Some("MA1".into()))
        );

        let answered = applied().finalizer().intent("n1", 999).own(Some(Outcome::Done("e1"))).build();
        let status = after(&answered, &next(&answered)).expect("a status");
        let ledger = status.ledger.expect("a ledger");
        assert_eq!((ledger.epoch, ledger.open_intent(), status.endpoint_id.as_deref()), (1, None, Some("e1")));
        assert_eq!((ledger.password_secret, status.sip_uri), (Some(version(1)), None));

        let found = applied().finalizer().intent("n1", 990).listed(995, &["e1"]).got("e1", 996).build();
        let status = after(&found, &next(&found)).expect("a status");
        assert_eq!((status.ledger.and_then(|ledger| ledger.password_secret), status.sip_uri), (None, remote("e1").sip_uri));

        let closed = after(&answered, &Action::CloseEpoch(Closed::Refused)).and_then(|status| status.ledger).expect("a ledger");
        assert_eq!((closed.epoch, closed.intent.is_some()), (1, true), "a closed intent is kept: its age matters");

        let lost = healthy().build();
        let status = after(&lost, &Action::Forget).expect("a status");
        assert_eq!((status.endpoint_id, status.sip_uri, status.alias), (None, None, None));
        assert_eq!(
            (status.account.map(|account| account.id), status.ledger.and_then(|ledger| ledger.password_secret)),
            (Some("MA1".into()), None)
        );
    }

    #[test]
    fn condemning_is_idempotent_and_bounded() {
        let mut view = healthy().build();
        for id in 0..12 {
            for _ in 0..2 {
                view.status = after(&view, &Action::WriteTombstone(format!("d{id}"))).expect("a status");
            }
        }
        assert_eq!(view.tombstones().len(), MAX_TOMBSTONES);
        view.status = after(&view, &Action::ClearTombstone("d0".into())).expect("a status");
        assert_eq!(view.tombstones().first().map(String::as_str), Some("d1"));
    }

    #[test]
    fn actions_that_write_no_ledger_have_no_status_of_their_own() {
        let view = healthy().build();
        for action in
            [Action::AddFinalizer, Action::Reserve, Action::DeleteEndpoint("e1".into(), crate::core::action::Why::Requested), next(&view)]
        {
            assert_eq!(after(&view, &action), None, "{action}");
        }
    }

    #[test]
    fn a_phone_is_shown_only_while_it_is_registered() {
        let shown = |registered| {
            let registration = Registration {
                registered,
                contact: Some("sip:10.0.0.1".into()),
                expires: Some("soon".into()),
                user_agent: Some("phone".into()),
            };
            let mut seen = remote("e1");
            seen.registration = Some(registration);
            seen.fields.insert("alias", text("desk"));
            let status = report(&recorded().got_remote(990, seen).build(), &say(Reason::Available));
            let kind = condition(&status, ConditionType::Registered).map(|condition| condition.reason.clone());
            (status.sip_registered, status.sip_contact.is_some(), status.sip_user_agent.is_some(), kind)
        };
        assert_eq!(shown(true), (Some(true), true, true, Some("Registered".into())));
        assert_eq!(shown(false), (Some(false), false, false, Some("NotRegistered".into())));
        assert_eq!(recorded().build().now, at(1000));
    }

    #[test]
    fn a_static_peer_has_a_name_and_never_a_registration() {
        under(NAMED, || {
            let mut seen = remote("e1");
            seen.sip_uri = Some("sip:nobody@example".into());
            seen.registration = Some(Registration::default());
            let mut view = recorded().got_remote(990, seen).build();
            for account in [view.account.clone(), AccountView::Unknown] {
                if account == AccountView::Unknown {
                    // Then nothing is known of the provider.
                    view.evidence = Default::default();
                }
                view.account = account;
                view.status = report(&view, &say(Reason::Available));
                let status = &view.status;
                assert_eq!((status.name.as_deref(), status.username.as_deref()), (Some(remote("e1").username.as_str()), None));
                assert_eq!((&status.sip_uri, status.sip_registered), (&None, None));
                let registered = condition(status, ConditionType::Registered).expect("a condition");
                assert_eq!((registered.status.as_str(), registered.reason.as_str()), ("Unknown", "StaticPeer"));
            }
            let new = report(&applied().build(), &say(Reason::Progressing));
            assert_eq!(condition(&new, ConditionType::Registered), None, "there is no peer yet");
            let group = report(&healthy().trunk_group().build(), &say(Reason::Available));
            assert_eq!(condition(&group, ConditionType::Registered), None, "a trunk group is no peer");
        });
    }

    #[test]
    fn a_create_that_answers_the_whole_thing_needs_no_read_before_it_is_ready() {
        under(NAMED, || {
            let mut start = applied().finalizer().permit().intent("n1", 999).own(None);
            let asked = start.view.clone();
            let answer = Outcome::Done(("e1".to_owned(), remote("e1").username));
            start.teach(|learnt, _| learnt.create_answered(&asked, answer, Some(remote("e1")), at(1000)));
            start.refresh();
            let action = next(&start.view);
            assert!(matches!(&action, Action::Record(found) if found.id == "e1"), "{action}");
            start.view.status = after(&start.view, &action).expect("a status");
            assert_eq!(start.view.status.name, Some(remote("e1").username));
            let view = start.view.clone();
            start.teach(|learnt, _| learnt.written(&view, &action));
            start.refresh();
            assert_eq!(next(&start.view).to_string(), "Done: Available");
        });
    }

    #[test]
    fn an_endpoint_that_is_made_anew_leaves_its_trunk_group_where_it_is() {
        let mut view = healthy().build();
        view.status.trunk_group = Some(Default::default());
        assert!(after(&view, &Action::Forget).expect("a status").trunk_group.is_some());
    }
}
