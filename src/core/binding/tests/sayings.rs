//! What the status says, and what listings are expected to show.

use super::make::{
    APPLICATIONS, Start, TRUNK_GROUPS, applied, at, at_provider, bound, healthy, leaving, number, placed, previous, problem, ready,
    refused, rival, target, teach, text,
};
use crate::api::condition::{ConditionType, Reason, Verdict};
use crate::api::phone_number_binding::PhoneNumberBindingStatus;
use crate::core::action::{Action, Cause, Finding};
use crate::core::binding::view::{Rival, View};
use crate::core::binding::{expectation, next, status};
use crate::core::outcome::RefusalKind;
use crate::core::view::AccountView;

fn say(reason: Reason) -> Finding {
    Finding::new(reason, "as the test wants it")
}

fn said(status: &PhoneNumberBindingStatus, kind: ConditionType) -> Option<&str> {
    status.conditions.iter().find(|condition| condition.type_ == kind.as_str()).map(|condition| condition.reason.as_str())
}

/// The status that a view leads to, if it leads to rest or to a write ahead.
fn after(view: &View) -> PhoneNumberBindingStatus {
    match next(view) {
        Action::Done(finding) | Action::Wait { finding: Some(finding), .. } => status::report(view, &finding),
        action => status::after(view, &action).unwrap_or_else(|| panic!("{action} writes no status")),
    }
}

#[test]
fn every_reason_reads_the_same_for_people_and_for_kstatus() {
    let view = healthy().build();
    for reason in Reason::ALL {
        let status = status::report(&view, &say(*reason));
        assert_eq!(said(&status, ConditionType::Reconciling).is_some(), reason.verdict() == Verdict::Progressing, "{reason}");
        assert_eq!(said(&status, ConditionType::Stalled).is_some(), reason.verdict() == Verdict::Failed, "{reason}");
        assert_eq!(said(&status, ConditionType::Drifted).is_some(), *reason == Reason::Drifted, "{reason}");
        assert_eq!(said(&status, ConditionType::Registered), None, "a number is no phone");
        assert_eq!(status.observed_generation, Some(1));
    }
}

#[test]
fn available_pins_the_account_and_keeps_only_what_is_there() {
    let start = applied().finalizer().previous("app0").placed(&["app0", "app9", "app1"]).read(995, "app1");
    let status = after(&start.build());
    assert_eq!((status.account.map(|account| account.id), status.placed), (Some("MA1".into()), vec![placed("app1")]));
    assert_eq!((status.number.as_deref(), status.app_id.as_deref()), (Some("14155550123"), Some("app1")));
    assert_eq!((status.alias.as_deref(), status.subaccount.as_deref()), (Some("old"), Some("")));
}

#[test]
fn what_answers_the_number_is_shown_stored_and_said_by_the_name_that_the_provider_has_for_it() {
    for (provider, noun) in [(APPLICATIONS, "application"), (TRUNK_GROUPS, "trunk group")] {
        at_provider(provider);
        let view = applied().finalizer().previous("app0").placed(&["app1"]).read(995, "app1").build();
        let Action::Done(finding) = next(&view) else { panic!("it does not rest") };
        assert!(finding.message.contains(&format!("answered by {noun} app1")), "{}", finding.message);
        let status = status::report(&view, &finding);
        let both = |app_id: &Option<String>, sid: &Option<String>| (app_id.clone(), sid.clone());
        let alone = |id: &str| if noun == "application" { (Some(id.to_owned()), None) } else { (None, Some(id.to_owned())) };
        assert_eq!(both(&status.app_id, &status.trunk_group_sid), alone("app1"));
        assert_eq!(status.placed.iter().map(|one| both(&one.app_id, &one.trunk_group_sid)).collect::<Vec<_>>(), [alone("app1")]);
        let first = after(&applied().surveyed(994, "app9").with(|view| view.memory.reads += 1).read(995, "app9").build());
        assert_eq!(first.previous.map(|one| both(&one.app_id, &one.trunk_group_sid)), Some(alone("app9")));
        // Also while the account, which says how its provider has it, is not there.
        let away = bound().account(AccountView::NotReady(problem(Reason::AccountNotReady))).build();
        assert_eq!(away.target(), target());
        assert!(away.written_ahead());
    }
}

#[test]
fn a_number_that_cannot_be_given_back_says_which_why_and_what_to_do() {
    at_provider(TRUNK_GROUPS);
    let refuse = |start: Start, id| start.answered(id, Cause::Restored, refused(RefusalKind::Invalid), 992);
    let finding = |start: Start| match next(&start.build()) {
        Action::Wait { finding: Some(finding), until } => (finding, until),
        other => panic!("{other}"),
    };
    let (kept, until) = finding(refuse(refuse(leaving(), "app0"), "").read(995, "app1"));
    assert_eq!((kept.reason, until), (Reason::DeletionRefused, Some(at(992 + 6 * 3600))));
    let both = "\"trunk group app0\" or \"no trunk group\"";
    for words in ["+14155550123", "trunk group app1", both, "Retain", "never released", "every 6 hours"] {
        assert!(kept.message.contains(words), "{words}: {}", kept.message);
    }
    let (kept, _) = finding(leaving().previous("").updated("", 900, 2).read(995, "app1"));
    assert!(kept.message.contains("does not take \"no trunk group\" for it."), "{}", kept.message);
    let Action::Done(obstacle) = next(&applied().read(995, "").obstructed().build()) else { panic!("it does not rest") };
    for words in ["+14155550123", "it has no voice capability", "Nothing is changed at the provider"] {
        assert!(obstacle.message.contains(words), "{words}: {}", obstacle.message);
    }
}

#[test]
fn a_binding_that_agrees_from_the_start_stores_that_as_what_was_there_before() {
    let status = after(&applied().surveyed(994, "app1").with(|view| view.memory.reads += 1).read(995, "app1").build());
    assert_eq!((status.previous, status.placed), (Some(previous("app1")), vec![placed("app1")]));
}

#[test]
fn a_correction_is_announced_so_that_the_next_process_knows_that_it_may_be_on_its_way() {
    let mut view = healthy().condition(ConditionType::Ready, Reason::Available, 1).surveyed(994, "app7").read(995, "app7").build();
    view.status = after(&view);
    view.memory.newest = None;
    let asked = view.clone();
    teach(&mut view, |learnt| learnt.object_seen(&asked));
    assert_eq!(view.memory.foreign, Some(view.now));
    assert!(!crate::core::shared::Viewed::edited(&view), "it still is a correction");
}

#[test]
fn what_is_inherited_changes_nothing_that_is_said() {
    let owner = Rival { finalizer: true, previous: Some(super::make::previous("app0")), placed: vec![placed("app9")], ..rival(1) };
    let mut view = applied().rival(owner).build();
    let before = view.status.clone();
    view.status = after(&view);
    assert_eq!((view.status.conditions.clone(), view.status.observed_generation), (before.conditions, before.observed_generation));
    assert_eq!(view.status.account.as_ref().map(|account| account.id.as_str()), Some("MA1"), "where that is");
    let status = after(&view);
    assert_eq!((said(&status, ConditionType::Ready), status.app_id.as_deref()), (Some("Conflict"), None));
}

#[test]
fn another_ones_number_is_not_shown_as_if_it_were_this_ones() {
    let owner = Rival { ..rival(1) };
    assert_eq!(status::report(&applied().listed(980, true, Some("app9")).rival(owner).build(), &say(Reason::Conflict)).app_id, None);
    let elsewhere = bound().account(ready("MA2")).listed(980, true, Some("app9")).build();
    assert_eq!(status::report(&elsewhere, &say(Reason::AccountMismatch)).app_id.as_deref(), Some("app1"));
}

#[test]
fn an_edit_that_has_to_wait_stays_an_edit() {
    use crate::core::shared::Viewed;
    let mut view = healthy().edited("app2").report_drift().build();
    for reason in [Reason::ProviderUnreachable, Reason::Throttled, Reason::Paused, Reason::TargetNotReady, Reason::Conflict] {
        view.status = status::report(&view, &say(reason));
        assert!(view.edited(), "{reason}");
    }
    view.status = status::report(&view, &say(Reason::Available));
    assert!(!view.edited());
}

#[test]
fn only_times_are_not_worth_a_write() {
    let old = status::report(&healthy().build(), &say(Reason::Available));
    let mut new = old.clone();
    for condition in &mut new.conditions {
        condition.last_transition_time.0 = super::make::second(77);
    }
    assert!(!status::worth_writing(&old, &new));
    new.placed.clear();
    assert!(status::worth_writing(&old, &new));
}

/// Whether a binding that rests after this view is woken by a listing that shows the number so.
fn woken(start: Start, shown: Option<&str>, complete: bool) -> bool {
    let view = start.build();
    let (Action::Done(finding) | Action::Wait { finding: Some(finding), .. }) = next(&view) else { panic!("it does not rest") };
    let status = status::report(&view, &finding);
    let shown = shown.map(|app_id| number(app_id, "old"));
    expectation::differs(&expectation::of(&view, Some(&status)), shown.as_ref(), complete)
}

#[test]
fn a_listing_wakes_a_binding_only_if_it_shows_something_else() {
    assert!(!woken(healthy(), Some("app1"), true), "all is well");
    assert!(woken(healthy(), Some("console"), true), "it was changed");
    assert!(woken(healthy(), None, true), "it was taken away");
    assert!(!woken(healthy(), None, false), "a torn listing says nothing of that");
    assert!(!woken(healthy().wanting("compliance_application_id", "c1"), Some("app1"), true), "listings may show less");
    assert!(woken(bound().missing(995, true), Some("app1"), true), "it is back");
    assert!(woken(applied().read(995, "").obstructed(), Some(""), true), "it may take calls by now");
    assert!(woken(healthy().report_drift().listed(995, true, Some("console")), Some("app1"), true), "it agrees again");
    let blocked = healthy().blocked(Reason::TargetNotReady);
    assert!(!woken(blocked, Some("anything"), true), "nothing is known of what it should be");
    let unready = healthy().account(AccountView::NotReady(problem(Reason::AccountNotReady)));
    assert!(!woken(unready, Some("app1"), true));
}

#[test]
fn messages_name_the_number_as_people_write_it_and_what_to_do() {
    let owner = Rival { ..rival(1) };
    let starts = [
        applied().rival(owner),
        applied().missing(995, true),
        healthy().report_drift().listed(995, true, Some("console")),
        healthy().listed(995, true, Some("console")).corrected(&[700, 800, 900]),
    ];
    for start in starts {
        let view = start.build();
        let (Action::Done(finding) | Action::Wait { finding: Some(finding), .. }) = next(&view) else { panic!("it does not rest") };
        assert!(finding.message.contains("+14155550123"), "{}", finding.message);
        assert!(["delete", "Put it back", "remove"].iter().any(|what| finding.message.contains(what)), "{}", finding.message);
    }
    let none = healthy().edited("").read_as(995, Some(number("", "old")), true).build();
    assert!(matches!(next(&none), Action::Done(finding) if finding.message.contains("calls to it go nowhere")));
    assert_eq!(none.wanted().and_then(|wanted| wanted.get(target())), Some(&text("")));
}
