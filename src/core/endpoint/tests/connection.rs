//! The rows of the table for the connection Secret and generated passwords.

use super::make::{
    Start, adopted, applied, at, describe, healthy, password, problem, recorded, remote, right, text, theirs, version, wanted,
};
use super::table::{Row, announced, foreign};
use crate::api::condition::{ConditionType, Reason};
use crate::core::action::Action;
use crate::core::endpoint::connection::{DOMAIN, Entries, Held, PASSWORD, USERNAME};
use crate::core::endpoint::next;
use crate::core::fields::{Remote, Secret};
use crate::core::outcome::RefusalKind;
use crate::core::shared::Viewed;
use crate::core::status;
use crate::core::view::{Desired, TroubleKind};

pub fn rows() -> Vec<Row> {
    [making(), missing(), keeping(), holding(), quarrels()].into_iter().flatten().collect()
}

/// Its password is to be generated, and its Secret is gone.
fn unmade() -> Start {
    applied().generates()
}

/// Its password was generated, and is stored.
fn made() -> Start {
    applied().phone_with(right(Some(password(1)))).generates()
}

fn making() -> Vec<Row> {
    vec![
        Row("L34", "the password is stored before anything else", unmade(), "StorePassword"),
        Row("L34", "also with a permit", unmade().permit().finalizer(), "StorePassword"),
        Row("L34", "in a Secret that has lost its password", applied().phone_with(right(None)).generates(), "StorePassword"),
        Row("L34", "for a successor as well", unmade().finalizer().intent("n1", 0).closed(), "StorePassword"),
        Row("L34", "not again at once", unmade().unwritten(990), "Wait until 1010: SecretAccessDenied"),
        Row("L34", "but then", unmade().unwritten(980), "StorePassword"),
        Row("L34", "a Secret that was put there goes with the object first", made().given(), "WriteConnection "),
        Row("L23", "stored, it is used", made(), "Reserve"),
        Row("L23", "and announced", made().permit().finalizer(), "WriteIntent 1 fresh"),
        Row("L23", "another password's connection Secret waits", applied().phone(Held::Absent), "Reserve"),
        Row("L21", "nothing is made before a listing", unmade().not_listed_this_term(), "List Create: AwaitingEvidence"),
        Row("L22", "nothing is made for an endpoint that exists", unmade().listed(990, &["e1"]), "AddFinalizer"),
        Row("L22", "which is read", unmade().finalizer().listed(990, &["e1"]), "Get e1 Create"),
        Row("L22", "and recorded", unmade().finalizer().listed(990, &["e1"]).got("e1", 995), "Record e1 (P1)"),
        Row(
            "L23",
            "nor while a create that was refused waits",
            unmade().trouble(TroubleKind::Refused(RefusalKind::Unreachable), 1000, 9),
            "Wait until 1100: ProviderUnreachable",
        ),
        Row("L10", "nor when paused", unmade().paused(), "Done: Paused"),
        Row("L10", "nor when suspended", unmade().suspended(), "Done: Suspended"),
        Row("L11", "nor without an account", unmade().no_account(), "Wait for a change: AccountNotFound"),
        Row("L11", "nor in the other account", unmade().mismatch(), "Wait for a change: AccountMismatch"),
        Row("L9", "nor in somebody else's Secret", applied().phone(barred()).generates(), "Wait for a change: Conflict"),
    ]
}

fn missing() -> Vec<Row> {
    vec![
        Row("L9", "the password of an endpoint that exists is gone", healthy().generates(), "Wait for a change: SecretNotFound"),
        Row("L9", "nothing is changed", healthy().edited("x").generates(), "Wait for a change: SecretNotFound"),
        Row(
            "L9",
            "nor is it made anew where that one may be gone",
            recorded().missing("e1", 995).generates(),
            "Wait for a change: SecretNotFound",
        ),
        Row("L7", "what was sent is searched for", announced(998).generates(), "List Create: AwaitingEvidence"),
        Row(
            "L4",
            "an intent of which nothing was sent is closed",
            super::table::about_to_create().permit().generates(),
            "CloseEpoch (NotSent)",
        ),
    ]
}

fn barred() -> Held {
    Held::Barred(problem(Reason::Conflict))
}

fn with(key: &str, value: &str) -> std::collections::BTreeMap<String, Secret> {
    let mut entries = right(Some(password(1)));
    entries.insert(key.into(), Secret::new(value.into()));
    entries
}

fn drifted() -> Start {
    let mut remote = remote("e1");
    remote.fields.insert("alias", text("hacked"));
    recorded().listed_remotes(990, true, vec![remote])
}

fn hashed(number: u32) -> Remote {
    Remote { password_digest: Some(password(number)), ..remote("e1") }
}

fn keeping() -> Vec<Row> {
    let all = "WriteConnection domain password sip_uri username";
    vec![
        Row("L35", "the provider agrees: the phone gets it", healthy().phone(Held::Absent), all),
        Row("L17", "once", healthy().phone_with(right(Some(password(1)))), "Done: Available"),
        Row("L17", "other keys are other people's", healthy().phone_with(with("pin", "1234")), "Done: Available"),
        Row("L35", "changed, it is put back", healthy().phone_with(with("username", "mallory")), "WriteConnection username"),
        Row("L35", "put there, it is taken over", healthy().phone_with(right(Some(password(1)))).given(), "WriteConnection "),
        Row("L35", "a password changed in it is put back", healthy().phone_with(with("password", "x")), "WriteConnection password"),
        Row("L16", "not before the provider agrees", healthy().edited("x").phone(Held::Absent), r#"Update e1 Edited: alias="x""#),
        Row(
            "L16",
            "nor before a rotation is accepted",
            healthy().rotated(2).phone(Held::Absent).got("e1", 999),
            "Update e1 Rotated: password=***",
        ),
        Row(
            "L35",
            "then it follows",
            healthy()
                .rotated(2)
                .updated(&[("password", crate::core::fields::Value::Secret(password(2)))], 995, 1)
                .got("e1", 996)
                .phone_with(right(Some(password(1)))),
            "WriteConnection password",
        ),
        Row("L35", "also where a drift is only reported", drifted().report_drift().phone(Held::Absent), all),
        Row("L17", "which is said then", drifted().report_drift().phone_with(right(Some(password(1)))), "Done: Drifted"),
        Row(
            "L35",
            "a password that the provider does not have is not written",
            recorded().report_drift().got_remote(999, hashed(3)).phone(Held::Absent),
            "WriteConnection domain sip_uri username",
        ),
        Row(
            "L17",
            "and what is there stays",
            recorded().report_drift().got_remote(999, hashed(3)).phone_with(right(Some(password(1)))),
            "Done: Drifted",
        ),
        Row("L35", "somebody else's is left alone", healthy().phone(barred()), "Wait for a change: Conflict"),
        Row("L35", "which is said after a drift", drifted().report_drift().phone(barred()), "Wait for a change: Drifted"),
        Row("L35", "refused, it waits", healthy().phone(Held::Absent).unwritten(990), "Wait until 1010: SecretAccessDenied"),
        Row("L35", "and is tried again", healthy().phone(Held::Absent).unwritten(980), all),
        Row("L17", "what is right already does not", healthy().phone_with(right(Some(password(1)))).unwritten(990), "Done: Available"),
        Row(
            "L35",
            "without a password none is in it",
            adopted().no_password().phone(Held::Absent),
            "WriteConnection domain sip_uri username",
        ),
        Row("L35", "nor is an old one left", adopted().no_password().phone_with(for_theirs(Some(password(1)))), "WriteConnection password"),
        Row("L17", "and then it is right", adopted().no_password().phone_with(for_theirs(None)), "Done: Available"),
        Row(
            "L35",
            "an observed endpoint has a phone as well",
            adopted().no_password().observe().phone(Held::Absent),
            "WriteConnection domain sip_uri username",
        ),
        Row(
            "L35",
            "a generated password is kept",
            healthy().phone_with([("password".to_owned(), password(1))].into()).generates(),
            "WriteConnection domain sip_uri username",
        ),
        Row(
            "L16",
            "and edited it is a rotation",
            healthy().rotated(2).phone_with(with("password", "hunter2-2")).generates().got("e1", 999),
            "Update e1 Rotated: password=***",
        ),
        Row("L17", "but our own write is none", generated_rewritten(), "Done: Available"),
        Row("L13", "not for what is not ours", recorded().got_remote(990, foreign("e1")).phone(Held::Absent), "Done: InstallationMismatch"),
        Row("L12", "nor for what was not seen", recorded().not_listed_this_term().phone(Held::Absent), "List Sweep: Progressing"),
    ]
}

/// The Secret with the generated password was version 1 when its password was sent, and is version 2 since we wrote it.
fn generated_rewritten() -> Start {
    let mut start = healthy().phone_with(right(Some(password(1)))).generates().rewritten(1, 2);
    if let Desired::Wanted(wanted) = &mut start.view.desired
        && let Some(password) = &mut wanted.password
    {
        password.version = version(2);
    }
    start
}

fn for_theirs(password: Option<Secret>) -> std::collections::BTreeMap<String, Secret> {
    let theirs = theirs("e1");
    let mut entries = right(password);
    entries.insert("username".into(), Secret::new(theirs.username));
    entries.insert("sip_uri".into(), Secret::new(theirs.sip_uri.unwrap_or_default()));
    entries
}

/// While nothing may be written at the provider it follows what is known.
fn holding() -> Vec<Row> {
    let all = "WriteConnection domain password sip_uri username";
    vec![
        Row("L35", "paused", healthy().paused().phone(Held::Absent), all),
        Row("L35", "suspended", healthy().suspended().phone(Held::Absent), all),
        Row("L10", "once", healthy().paused().phone_with(right(Some(password(1)))), "Done: Paused"),
        Row(
            "L35",
            "but not a password that was not sent",
            healthy().rotated(2).paused().phone(Held::Absent),
            "WriteConnection domain sip_uri username",
        ),
        Row("L10", "nor what was not seen", recorded().paused().phone(Held::Absent), "Done: Paused"),
        Row("L10", "nor what is another object's", healthy().claimed("e1").paused().phone(Held::Absent), "Done: Paused"),
        Row("L10", "nor what lives in the other account", healthy().mismatch().paused().phone(Held::Absent), "Done: Paused"),
        Row("L10", "refused, it says that it is paused", healthy().paused().phone(Held::Absent).unwritten(990), "Done: Paused"),
        Row("L10", "as it does of somebody else's", healthy().paused().phone(barred()), "Done: Paused"),
    ]
}

/// Somebody else has put his username there, whenever we had written ours: the first write and so many more.
fn undone(moments: &[u64]) -> Start {
    healthy().phone_with(with("username", "mallory")).rewrote(&ours(USERNAME), moments)
}

/// What we write under this key.
fn ours(key: &'static str) -> Entries {
    Entries::from([(key, right(Some(password(1))).remove(key))])
}

/// Others undo what was written.
fn quarrels() -> Vec<Row> {
    let rotated = |start: Start| start.updated(&[("password", crate::core::fields::Value::Secret(password(2)))], 995, 1).got("e1", 996);
    let theirs = || healthy().rotated(2).phone_with(with("password", "theirs"));
    vec![
        Row("L35", "undone twice, it is put back", undone(&[100, 200, 300]), "WriteConnection username"),
        Row("L35", "undone three times within an hour", undone(&[100, 200, 300, 400]), "Wait until 4000: Contested"),
        Row("L35", "then it is written once an hour", undone(&[100, 200, 300, 400]).now(4000), "WriteConnection username"),
        Row("L35", "and once only", undone(&[100, 200, 300, 400, 4000]).now(4001), "Wait until 7600: Contested"),
        Row("L35", "until it was well for two hours", undone(&[10, 20, 30, 40, 7300]).now(7400), "WriteConnection username"),
        Row("L35", "three times in more than an hour is no quarrel", undone(&[1, 2, 3, 3700]).now(3701), "WriteConnection username"),
        Row("L10", "paused, it says that it is paused", undone(&[100, 200, 300, 400]).paused(), "Done: Paused"),
        Row("L16", "the provider does not wait for it", undone(&[100, 200, 300, 400]).edited("x"), r#"Update e1 Edited: alias="x""#),
        Row(
            "L17",
            "what is right is right",
            healthy().phone_with(right(Some(password(1)))).rewrote(&ours(USERNAME), &[100, 200, 300, 400]),
            "Done: Available",
        ),
        Row(
            "L35",
            "another key is not held back by it",
            healthy().phone_with(with("domain", "elsewhere")).rewrote(&ours(USERNAME), &[100, 200, 300, 400]),
            "WriteConnection domain",
        ),
        Row(
            "L35",
            "nor is all of it by one key",
            healthy().phone(Held::Absent).rewrote(&ours(DOMAIN), &[100, 200, 300, 400]),
            "WriteConnection domain password sip_uri username",
        ),
        Row(
            "L35",
            "a rotation is an answer to nobody",
            rotated(theirs().rewrote(&ours(PASSWORD), &[100, 200, 300, 400])),
            "WriteConnection password",
        ),
        Row(
            "L35",
            "but then it is undone like any other",
            rotated(theirs().rewrote(&Entries::from([(PASSWORD, Some(password(2)))]), &[100, 200, 300, 400])),
            "Wait until 4000: Contested",
        ),
        Row(
            "L35",
            "deleted again and again",
            healthy().phone(Held::Absent).rewrote(&every(), &[100, 200, 300, 400]),
            "Wait until 4000: Contested",
        ),
        Row(
            "L35",
            "taken from its owner again and again",
            healthy().phone_with(right(Some(password(1)))).given().rewrote(&Entries::new(), &[100, 200, 300, 400]),
            "Wait until 4000: Contested",
        ),
        Row(
            "L34",
            "so is one with a generated password",
            made().given().rewrote(&Entries::new(), &[100, 200, 300, 400]),
            "Wait until 4000: Contested",
        ),
        Row(
            "L34",
            "a generated password that does not stay is not made for ever",
            unmade()
                .rewrote(&Entries::from([(PASSWORD, Some(password(1)))]), &[100, 200])
                .rewrote(&Entries::from([(PASSWORD, Some(password(2)))]), &[300, 400]),
            "Wait until 4000: Contested",
        ),
    ]
}

/// All that is in the Secret.
fn every() -> Entries {
    let right = right(Some(password(1)));
    crate::core::endpoint::connection::KEYS.into_iter().map(|key| (key, right.get(key).cloned())).collect()
}

#[test]
fn another_secret_has_no_quarrel_yet() {
    let mut view = undone(&[100, 200, 300, 400]).build();
    view.connection.as_mut().expect("a Secret").name = "desk-phone".into();
    assert_eq!(describe(&next(&view)), "WriteConnection username");
}

#[test]
fn a_secret_that_cannot_be_written_is_no_difference_at_the_provider() {
    let start = || healthy().phone(Held::Absent).unwritten(990);
    let mut view = start().build();
    // The spec was edited, and the provider agrees with it by now.
    view.object.generation += 1;
    let Action::Wait { finding: Some(finding), .. } = next(&view) else { panic!("{}", describe(&next(&view))) };
    let status = status::report(&view, &finding);
    let said = |kind: ConditionType| {
        let condition = status.conditions.iter().find(|condition| condition.type_ == kind.as_str()).expect("a condition");
        (condition.status.clone(), condition.reason.clone(), condition.observed_generation)
    };
    assert_eq!(said(ConditionType::Ready), ("False".into(), "SecretAccessDenied".into(), Some(2)));
    assert_eq!(said(ConditionType::Synced), ("True".into(), "Available".into(), Some(2)));
    view.status = status;
    assert!(!view.edited(), "a drift from here on is a drift");
    assert!(!status::worth_writing(&view.status, &status::report(&view, &finding)));
}

#[test]
fn a_write_of_ours_carries_the_version_of_the_generated_password_on() {
    let mut view = healthy().phone_with([("password".to_owned(), password(1))].into()).generates().build();
    for (before, after) in [(1, 2), (2, 3)] {
        let connection = view.connection.as_mut().expect("a Secret");
        if let Held::Own { version: old, .. } = &mut connection.held {
            *old = version(before);
        }
        let before = connection.clone();
        let mut start = Start { view, listings: Vec::new(), searches: Vec::new() };
        start.teach(|learnt, view| learnt.connection_written(&before, &Entries::new(), version(after), view.now));
        view = start.view;
    }
    let Desired::Wanted(mut later) = wanted("desk", 1) else { panic!() };
    if let Some(password) = &mut later.password {
        password.version = version(3);
    }
    view.desired = Desired::Wanted(later);
    assert_eq!(view.password_version(), Some(&version(3)));
    assert_eq!(view.ledger().and_then(|ledger| ledger.password_secret.clone()), Some(version(1)));
    // It is durable with the next report.
    let report = status::report(&view, &crate::core::action::Finding::new(Reason::Available, ""));
    assert_eq!(report.ledger.and_then(|ledger| ledger.password_secret), Some(version(3)));
    assert_eq!(view.now, at(1000));
}

#[test]
fn no_content_of_the_secret_is_in_what_is_said() {
    let mut said = Vec::new();
    for Row(.., start, _) in rows() {
        let view = start.build();
        let action = next(&view);
        said.push(format!("{action} {action:?} {:?}", view.connection));
    }
    let wrong: Vec<&String> = said.iter().filter(|line| line.contains("hunter2")).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
