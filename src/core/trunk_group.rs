//! The trunk group of a SipEndpoint in the words of the create protocol. Where phone numbers cannot point to an endpoint, a group with one
//! trunk leads them there. It is made, looked after and deleted by the very same decisions as the endpoint ([`super::endpoint`]): here stands
//! only how its part of the object's status reads as a status, and back.

use crate::api::condition::{Condition, ConditionStatus, ConditionType, Reason, Verdict};
use crate::api::sip_endpoint::{SipEndpointStatus, TrunkGroupStatus};
use crate::core::action::{Action, Finding};
use crate::core::evidence::Got;
use crate::core::fields::{FieldName, Fields, Value};
use crate::core::mark::{Mark, Place};
use crate::core::status;
use crate::core::view::{Deleted, Desired, Problem, Recorded, TroubleKind, Undeleted, View, Wanted};

/// The field that holds its name, and in it the mark.
pub const NAME: FieldName = "name";
/// The field that holds the id of the endpoint to which its trunk leads.
pub const ENDPOINT: FieldName = "endpoint_sid";

/// So many bindings are named to people.
const NAMED: usize = 5;

/// What the object's status says of its group, in the words of a status of a thing of its own, whose mark stands there.
pub fn known(status: &SipEndpointStatus, place: Place) -> SipEndpointStatus {
    let account = status.account.clone();
    let Some(group) = &status.trunk_group else { return SipEndpointStatus { account, ..SipEndpointStatus::default() } };
    let label = group.name.clone();
    let (name, username) = match place {
        Place::Name => (label, None),
        Place::Username => (None, label),
    };
    SipEndpointStatus {
        account,
        endpoint_id: group.trunk_group_sid.clone(),
        name,
        username,
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
        name: known.name.clone().or_else(|| known.username.clone()),
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

/// What the object's status says of its group for a finding. Nothing of one that was let go. One that may be gone already is said to go,
/// whatever keeps it: no number is led to it any more.
pub fn report(view: &View, finding: &Finding) -> Option<TrunkGroupStatus> {
    if view.object.deleting && !view.object.finalizer {
        return None;
    }
    let mut said = told(&status::report(view, finding));
    if let Some(said) = said.as_mut().filter(|_| view.object.deleting && may_be_gone(view)) {
        said.reason = Some(Reason::Deleting.as_str().to_owned());
    }
    said
}

/// The deletion of the recorded group was sent and not refused, as far as this process knows; or its status says that it was about to be,
/// and this process has not read it since what its predecessor sent must have shown.
pub fn may_be_gone(view: &View) -> bool {
    let Some(Recorded { id }) = view.recorded() else { return false };
    let memory = &view.memory;
    let unanswered =
        |undeleted: &Undeleted| !undeleted.conflict && matches!(undeleted.trouble.kind, TroubleKind::Unknown | TroubleKind::Foreign);
    let got = view.evidence.gets.get(id).filter(|got| got.found.is_some());
    let read = |got: &Got| got.began >= view.term + view.timing.visible();
    // "Not found" of what is seen afterwards was only too early; nothing of that deletion is still to come.
    let denied = |deleted: &Deleted| deleted.confirmed || got.is_none_or(|got| got.began <= deleted.at);
    memory.deleted.get(id).is_some_and(denied)
        || memory.undeleted.get(id).is_some_and(unanswered)
        || is_said_to_go(view) && !got.is_some_and(read)
}

/// The status says that it is being deleted: bindings see that, and lead no number to it.
pub fn is_said_to_go(view: &View) -> bool {
    let mut ready = view.status.conditions.iter().filter(|condition| condition.type_ == ConditionType::Ready.as_str());
    ready.any(|ready| ready.reason == Reason::Deleting.as_str())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ledger::{Intent, Ledger};
    use crate::api::policy::DeletionPolicy;
    use crate::core::action::Release;
    use crate::core::endpoint::next;
    use crate::core::endpoint::tests::make::{NAMED, Start, applied, at, named, prefix, recorded, under, unknown};
    use crate::core::memory::{Learnt, OwnIntent};
    use crate::core::outcome::{Outcome, Refusal, RefusalKind};
    use crate::core::view::Thing;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    fn ledger() -> Ledger {
        let time = Time(Timestamp::from_second(1).expect("a valid second"));
        let intent = Intent { epoch: 1, nonce: "n1".into(), issued_time: time, writer: "w".into() };
        Ledger { uid: "uid-1".into(), installation: "4cp".into(), epoch: 1, intent: Some(intent), ..Ledger::default() }
    }

    fn whole() -> TrunkGroupStatus {
        TrunkGroupStatus {
            observed_generation: Some(3),
            trunk_group_sid: Some("g1".into()),
            name: Some("alice.mark".into()),
            ledger: Some(ledger()),
            reason: Some("Available".into()),
            message: Some("all is well".into()),
        }
    }

    /// The group of an endpoint that is recorded, with this part of the status, if bindings lead to it.
    fn group(start: Start, part: Option<TrunkGroupStatus>) -> Start {
        start.with(|view| {
            let status = SipEndpointStatus { account: view.status.account.clone(), trunk_group: part, ..SipEndpointStatus::default() };
            view.thing = Thing::TrunkGroup;
            view.status = known(&status, view.mark.place());
            view.desired = desired(&view.mark, Some("e1"));
        })
    }

    fn shown(view: &View, id: &str, endpoint: &str) -> crate::core::fields::Remote {
        let Desired::Wanted(wanted) = desired(&view.mark, Some(endpoint)) else { panic!("an endpoint is there") };
        crate::core::fields::Remote { fields: wanted.fields, sip_uri: None, registration: None, ..named(id, view.mark.as_str()) }
    }

    #[test]
    fn what_is_said_of_a_group_is_the_same_after_it_was_read_as_a_status_of_its_own() {
        let said = |reason: &str| TrunkGroupStatus { reason: Some(reason.into()), ..whole() };
        let mut table = vec![
            None,
            Some(whole()),
            Some(TrunkGroupStatus { observed_generation: None, message: None, ..whole() }),
            Some(TrunkGroupStatus { trunk_group_sid: Some("g1".into()), ..TrunkGroupStatus::default() }),
            Some(TrunkGroupStatus { ledger: Some(ledger()), ..TrunkGroupStatus::default() }),
        ];
        table.extend(Reason::ALL.iter().map(|reason| Some(said(reason.as_str()))));
        table.push(Some(said("AReasonOfALaterVersion")));
        for part in table {
            for place in [Place::Name, Place::Username] {
                let status =
                    SipEndpointStatus { trunk_group: part.clone(), endpoint_id: Some("e1".into()), ..SipEndpointStatus::default() };
                let known = known(&status, place);
                assert_eq!(told(&known), part);
                assert_eq!(known.endpoint_id, part.as_ref().and_then(|part| part.trunk_group_sid.clone()), "the endpoint is another thing");
            }
        }
    }

    #[test]
    fn nothing_is_wanted_of_a_group_while_there_is_no_endpoint_and_its_trunk_leads_to_that_one() {
        for none in [None, Some("")] {
            assert!(matches!(desired(&prefix(), none), Desired::Blocked(problem) if problem.reason == Reason::Progressing));
        }
        let Desired::Wanted(wanted) = desired(&prefix(), Some("e1")) else { panic!("all is there") };
        let texts: Vec<(&str, Option<&str>)> = wanted.fields.iter().map(|(field, value)| (*field, value.text())).collect();
        assert_eq!(texts, [("endpoint_sid", Some("e1")), ("name", Some(prefix().as_str()))]);
        assert_eq!((&wanted.create, wanted.password), (&wanted.fields, None));
    }

    #[test]
    fn a_group_goes_through_the_protocol_of_an_endpoint_with_a_ledger_of_its_own() {
        let start = group(applied().finalizer().permit(), None).build();
        let action = next(&start);
        let Action::WriteIntent(intent) = &action else { panic!("{action}") };
        let announced = after(&start, &action).expect("a ledger is written").expect("something is said");
        let open = announced.ledger.as_ref().and_then(Ledger::open_intent);
        assert_eq!((open.map(|open| &open.nonce), &announced.trunk_group_sid), (Some(&intent.nonce), &None));
        assert!(worth_writing(&start, Some(&announced)));

        let id = "g1".to_owned();
        let own = |view: &mut View| {
            let label = view.mark.to_string();
            view.memory.own = Some(OwnIntent {
                nonce: intent.nonce.clone(),
                began: at(999),
                password_version: None,
                answer: Some(Outcome::Done((id.clone(), label))),
            });
        };
        let answered = group(applied().finalizer(), Some(announced)).with(own).build();
        let action = next(&answered);
        let made = after(&answered, &action).expect("a ledger is written").expect("something is said");
        assert_eq!((made.trunk_group_sid.as_deref(), made.name.as_deref()), (Some("g1"), Some(prefix().as_str())), "{action}");
        assert_eq!(made.ledger.as_ref().and_then(Ledger::open_intent), None);

        let seen = group(applied().finalizer(), Some(made.clone())).with(|view| view.object.generation = 4);
        let remote = shown(&seen.view, "g1", "e1");
        let agrees = seen.got_remote(999, remote).build();
        let Action::Done(finding) = next(&agrees) else { panic!("{}", next(&agrees)) };
        let said = report(&agrees, &finding).expect("something is said");
        assert_eq!((said.reason.as_deref(), said.observed_generation), (Some("Available"), Some(4)));
        assert_eq!(said.ledger, made.ledger);
    }

    #[test]
    fn a_trunk_that_leads_elsewhere_is_led_back() {
        let start = group(recorded(), Some(whole()));
        let mut astray = shown(&start.view, "g1", "e9");
        astray.username = start.view.mark.to_string();
        let view = start.with(|view| view.memory.pass_began = at(999)).got_remote(999, astray).build();
        match next(&view) {
            Action::Update { id, change, .. } => {
                assert_eq!((id.as_str(), change), ("g1", Fields::from([(ENDPOINT, Value::Text("e1".into()))])));
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn the_same_is_not_said_twice_and_nothing_is_said_of_a_group_that_was_let_go() {
        let mut part = Some(whole());
        for reason in Reason::ALL {
            let finding = Finding::new(*reason, "as the test wants it");
            for again in [true, false] {
                let view = group(recorded(), part.clone()).build();
                let said = report(&view, &finding);
                assert_eq!(worth_writing(&view, said.as_ref()), again, "{reason}");
                part = said;
            }
        }
        let released = group(applied().deleting(), part).build();
        assert_eq!(report(&released, &Finding::new(Reason::Deleting, "released")), None);
        assert!(worth_writing(&released, None));
        assert!(!worth_writing(&group(applied().deleting(), None).build(), None));
    }

    #[test]
    fn a_group_that_is_still_in_use_is_not_deleted_and_says_who_uses_it() {
        let bindings: Vec<String> = (1..=7).map(|nth| format!("PhoneNumberBinding b{nth}")).collect();
        assert_eq!(in_use(&[]), None);
        let problem = in_use(&bindings[..2]).expect("it is in use");
        assert!(problem.message.contains("by PhoneNumberBinding b1, PhoneNumberBinding b2:"), "{}", problem.message);
        assert!(in_use(&bindings).is_some_and(|problem| problem.message.contains("b5 and 2 more:")));
        let view = |brake: Option<Problem>| {
            let start = group(recorded(), Some(whole())).deleting();
            let remote = shown(&start.view, "g1", "e1");
            start
                .with(|view| view.policy.deletion = DeletionPolicy::Delete)
                .with(|view| view.brakes.deletion = brake)
                .got_remote(999, remote)
                .build()
        };
        assert!(matches!(next(&view(Some(problem))), Action::Wait { finding: Some(said), .. } if said.message.contains("b2")));
        let unused = |reason: &str, free_since: Option<u64>| {
            let start = group(recorded(), Some(TrunkGroupStatus { reason: Some(reason.into()), ..whole() })).deleting();
            let remote = shown(&start.view, "g1", "e1");
            let freed = |view: &mut View| view.memory.free_since = free_since.map(at);
            next(&start.with(freed).got_remote(999, remote).build())
        };
        assert!(matches!(unused("Deleting", Some(940)), Action::DeleteEndpoint(id, _) if id == "g1"));
        let waits = |action: Action, until: u64| {
            let Action::Wait { until: Some(when), finding: Some(said) } = action else { panic!("{action}") };
            assert_eq!((when, said.reason), (at(until), Reason::Deleting));
        };
        waits(unused("Available", None), 1002);
        waits(unused("Deleting", Some(941)), 1001 + 1);
    }

    #[test]
    fn a_group_whose_deletion_was_sent_is_not_taken_for_one_that_is_there() {
        let view = |reason: &str, teach: &dyn Fn(&mut Learnt, &View)| {
            let mut start =
                group(recorded(), Some(TrunkGroupStatus { reason: Some(reason.into()), ..whole() })).with(|view| view.term = at(500));
            let remote = shown(&start.view, "g1", "e1");
            start = start.got_remote(990, remote);
            start.teach(|learnt, view| teach(learnt, view));
            start.refresh();
            start.view
        };
        let answered =
            |outcome: Outcome<()>| move |learnt: &mut Learnt, view: &View| learnt.deleted(view, "g1", &outcome, at(995), at(996));
        let too_early = |learnt: &mut Learnt, view: &View| {
            learnt.deleted(view, "g1", &Outcome::NotFound { proven: true }, at(995), at(996));
            learnt.got(view, "g1", at(997), Outcome::Done(shown(view, "g1", "e1")), at(998));
        };
        let early = |learnt: &mut Learnt, _: &View| learnt.gets.values_mut().for_each(|got| got.began = at(559));
        under(NAMED, || {
            let conflict = Outcome::Refused(Refusal { kind: RefusalKind::Invalid, message: "in use".into(), retry_after: None });
            type Teach<'a> = &'a dyn Fn(&mut Learnt, &View);
            let table: [(&str, &str, Teach<'_>, bool, bool); 8] = [
                ("nothing was sent", "Available", &|_, _| {}, false, true),
                ("its deletion was done", "Available", &answered(Outcome::Done(())), true, false),
                ("there was none", "Available", &answered(Outcome::NotFound { proven: true }), true, false),
                ("there was none yet, and then it was seen", "Available", &too_early, false, true),
                ("the answer was lost", "Available", &answered(unknown()), true, false),
                ("it was refused", "Available", &answered(conflict), false, true),
                ("it was announced, and read in this term", "Deleting", &|_, _| {}, false, true),
                ("it was announced, by a former process", "Deleting", &early, true, true),
            ];
            for (sentence, reason, teach, gone, read) in table {
                let mut view = view(reason, teach);
                assert_eq!((may_be_gone(&view), view.evidence.gets.contains_key("g1")), (gone, read), "{sentence}");
                view.object.deleting = true;
                let said = report(&view, &Finding::new(Reason::ProviderUnreachable, "as the test wants it")).and_then(|said| said.reason);
                let reason = if gone { Reason::Deleting } else { Reason::ProviderUnreachable };
                assert_eq!(said.as_deref(), Some(reason.as_str()), "{sentence}");
            }
        });
    }

    #[test]
    fn an_endpoint_says_what_its_group_waits_for_before_it_goes_itself() {
        let table = [
            (whole(), "waits for trunk group g1: all is well"),
            (TrunkGroupStatus { trunk_group_sid: None, ..whole() }, "waits for trunk group alice.mark: all is well"),
            (TrunkGroupStatus::default(), "waits for trunk group that is not known yet: it is being deleted"),
        ];
        for (part, message) in table {
            assert_eq!(in_the_way(&part), Problem { reason: Reason::Deleting, message: message.into() });
        }
    }

    #[test]
    fn a_group_that_a_former_object_may_have_left_is_looked_for_once() {
        let part = || {
            let ledger = Ledger { intent: None, epoch: 0, ..ledger() };
            let part = TrunkGroupStatus { ledger: Some(ledger), ..TrunkGroupStatus::default() };
            group(applied().finalizer().deleting(), Some(part)).pass_began(995)
        };
        under(NAMED, || {
            let left = |start: &Start, id: &str| shown(&start.view, id, "e1");
            assert!(matches!(next(&part().listed(990, &[]).build()), Action::Find(..)), "what was listed may be old");
            assert_eq!(next(&part().searched(996, &[]).build()), Action::RemoveFinalizer(Release::Clean));
            let found = part();
            let remote = left(&found, "g9");
            let found = next(&found.searched_remotes(996, true, vec![remote]).build());
            assert!(matches!(&found, Action::Wait { finding: Some(said), .. } if said.reason == Reason::Deleting), "{found}");
            assert_eq!(next(&part().account_not_ready().build()), Action::RemoveFinalizer(Release::NeverSent));
        });
    }
}
