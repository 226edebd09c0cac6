//! The table of cases, row by row.

use std::collections::BTreeSet;

use super::make::{
    APPENDING, NAMED, RECORDS, Start, adopting, applied, at, describe, healthy, labelled, mark, named, password, ready, record, recorded,
    refused, remote, text, under, unknown,
};
use crate::core::capabilities::Together;
use crate::core::endpoint::next;
use crate::core::fields::{PASSWORD, Remote, Value};
use crate::core::outcome::{Outcome, RefusalKind};
use crate::core::view::{Desired, TroubleKind};

pub struct Row(pub &'static str, pub &'static str, pub Start, pub &'static str);

/// A create was announced at this second, nothing else is known.
pub fn announced(since: u64) -> Start {
    applied().finalizer().intent("n1", since)
}

/// As [`announced`] by this process, and nothing was sent yet.
pub fn about_to_create() -> Start {
    announced(995).own(None).permit()
}

fn with_alias(id: &str, alias: &str) -> Remote {
    let mut remote = remote(id);
    remote.fields.insert("alias", text(alias));
    remote
}

fn with_password(id: &str, number: u32) -> Remote {
    Remote { password_digest: Some(password(number)), ..remote(id) }
}

pub fn stranger(id: &str) -> Remote {
    named(id, "mallory77")
}

/// With the mark of another installation.
pub fn foreign(id: &str) -> Remote {
    named(id, &labelled(mark("cluster-b", "alice").as_str(), "77"))
}

pub const SUSPICION: TroubleKind = TroubleKind::Unknown;

fn creating() -> Vec<Row> {
    vec![
        Row("L1", "an answered create is recorded", about_to_create().own(Some(Outcome::Done("e1"))), "Record e1 (P1)"),
        Row("L1", "also when paused", about_to_create().own(Some(Outcome::Done("e1"))).paused(), "Record e1 (P1)"),
        Row("L1", "also when shutting down", about_to_create().own(Some(Outcome::Done("e1"))).stopping(), "Record e1 (P1)"),
        Row("L1", "also without an account", about_to_create().own(Some(Outcome::Done("e1"))).no_account(), "Record e1 (P1)"),
        Row("L1", "but not over another", about_to_create().own(Some(Outcome::Done("e1"))).record("e0"), "CloseEpoch (Superseded)"),
        Row("L1", "and not if condemned", about_to_create().own(Some(Outcome::Done("e1"))).tombstone("e1"), "CloseEpoch (Superseded)"),
        Row("L2", "a refused create is closed", about_to_create().own(Some(refused(RefusalKind::Invalid))), "CloseEpoch (Refused)"),
        Row(
            "L2",
            "also when shutting down",
            about_to_create().own(Some(refused(RefusalKind::Throttled))).stopping(),
            "CloseEpoch (Refused)",
        ),
        Row("L3", "an announced create is sent", about_to_create(), "Create P"),
        Row("L3", "up to the end of its time", announced(990).own(None).permit(), "Create P"),
        Row("L4", "too late", announced(989).own(None).permit(), "CloseEpoch (NotSent)"),
        Row("L4", "paused meanwhile", about_to_create().paused(), "CloseEpoch (NotSent)"),
        Row("L4", "shutting down", about_to_create().stopping(), "CloseEpoch (NotSent)"),
        Row("L4", "suspended meanwhile", about_to_create().suspended(), "CloseEpoch (NotSent)"),
        Row("L4", "account lost", about_to_create().account_not_ready(), "CloseEpoch (NotSent)"),
        Row("L4", "other account", about_to_create().mismatch(), "CloseEpoch (NotSent)"),
        Row("L4", "no permit", announced(995).own(None), "CloseEpoch (NotSent)"),
        Row("L4", "the password changed since", about_to_create().rotated(2), "CloseEpoch (NotSent)"),
        Row("L4", "the Secret vanished since", about_to_create().blocked(), "CloseEpoch (NotSent)"),
        Row("L4", "another one is recorded", about_to_create().record("e0"), "CloseEpoch (NotSent)"),
        Row("L4", "one appeared in a listing", about_to_create().listed(999, &["e1"]), "CloseEpoch (NotSent)"),
        Row("L4", "the finalizer vanished", about_to_create().without_finalizer(), "CloseEpoch (NotSent)"),
        Row("L4", "a new term without a listing", about_to_create().not_listed_this_term(), "CloseEpoch (NotSent)"),
    ]
}

fn searching() -> Vec<Row> {
    vec![
        Row("L5", "what is listed is read first", announced(990).listed(995, &["e1"]), "Get e1 Create"),
        Row("L5", "also from a torn listing", announced(990).torn(995, &["e1"]), "Get e1 Create"),
        Row("L5", "then recorded", announced(990).listed(995, &["e1"]).got("e1", 996), "Record e1 (P1)"),
        Row("L5", "an older read does not count", announced(990).listed(995, &["e1"]).got("e1", 994), "Get e1 Create"),
        Row("L5", "nor an earlier pass's", announced(990).listed(995, &["e1"]).got("e1", 996).pass_began(997), "Get e1 Create"),
        Row("L5", "the smallest suffix wins", announced(990).listed(995, &["e12", "e9"]), "Get e9 Create"),
        Row("L5", "also when paused", announced(990).listed(995, &["e1"]).got("e1", 996).paused(), "Record e1 (P1)"),
        Row("L5", "not what a read denies", announced(990).listed(999, &["e1"]).missing("e1", 1000), "Wait until 1006: AwaitingEvidence"),
        Row(
            "L5",
            "not what a read shows to be somebody else's",
            announced(990).listed(995, &["e1"]).got_remote(996, stranger("e1")),
            "Done: OwnershipLost",
        ),
        Row("L5", "another one is recorded already", announced(990).record("e0").listed(995, &["e1", "e0"]), "CloseEpoch (Superseded)"),
        Row("L6", "twice absent after settling", announced(800).listed(951, &[]).listed(955, &[]), "CloseEpoch (NotExecuted)"),
        Row(
            "L6",
            "settled by the server's clock",
            announced(999).settled_by_server(990).listed(991, &[]).listed(995, &[]),
            "CloseEpoch (NotExecuted)",
        ),
        Row("L6", "once is not enough", announced(800).listed(951, &[]), "List Create: AwaitingEvidence"),
        Row("L6", "the first began too early", announced(800).listed(950, &[]).listed(955, &[]), "List Create: AwaitingEvidence"),
        Row("L6", "torn listings prove nothing", announced(800).listed(951, &[]).torn(994, &[]), "Wait until 1038: AwaitingEvidence"),
        Row(
            "L6",
            "an unknown answer changes nothing",
            announced(800).own(Some(unknown())).listed(951, &[]).listed(955, &[]),
            "CloseEpoch (NotExecuted)",
        ),
        Row("L7", "the first look comes after a step", announced(999), "Wait until 1001: AwaitingEvidence"),
        Row("L7", "then it lists", announced(998), "List Create: AwaitingEvidence"),
        Row("L7", "an unknown answer is searched for", announced(995).own(Some(unknown())).permit(), "List Create: AwaitingEvidence"),
        Row("L7", "at growing distances", announced(990).listed(999, &[]), "Wait until 1006: AwaitingEvidence"),
        Row("L7", "once at a time", announced(990).listing_wanted(999), "Wait until 1149: AwaitingEvidence"),
        Row("L7", "a lost wake is made good", announced(800).listing_wanted(850), "List Create: AwaitingEvidence"),
        Row("L7", "of another process as well", announced(990).permit(), "List Create: AwaitingEvidence"),
        Row("L7", "not without an account", announced(990).account_not_ready(), "Wait for a change: AccountNotReady"),
        Row("L7", "not in the other account", announced(990).mismatch(), "Wait for a change: AccountMismatch"),
        Row("L7", "not when shutting down", announced(990).stopping(), "Wait for a change: silently"),
    ]
}

fn living() -> Vec<Row> {
    let edited_alias = || healthy().edited("reception");
    vec![
        Row("L8", "a condemned endpoint is deleted", healthy().tombstone("e2").listed(995, &["e1", "e2"]), "DeleteEndpoint e2 (Duplicate)"),
        Row("L8", "after a look at its username", healthy().tombstone("e2"), "Get e2 Repair"),
        Row("L8", "which must be ours", healthy().tombstone("e2").got_remote(996, stranger("e2")), "ClearTombstone e2"),
        Row("L8", "and seen lately", healthy().tombstone("e2").got("e2", 800).listed(801, &["e1", "e2"]), "Get e2 Repair"),
        Row("L8", "its deletion clears it", healthy().tombstone("e2").deleted("e2", 999, true), "ClearTombstone e2"),
        Row("L8", "so does its absence", healthy().tombstone("e2").missing("e2", 999), "ClearTombstone e2"),
        Row("L8", "but not what an earlier pass was told", healthy().tombstone("e2").missing("e2", 990).pass_began(995), "Get e2 Repair"),
        Row(
            "L8",
            "nor a young one's, by its own deletion",
            announced(900).closed().record("e1").listed(990, &["e1"]).tombstone("e2").deleted("e2", 990, false).pass_began(995),
            "Get e2 Repair",
        ),
        Row("L8", "the recorded one is never condemned", healthy().tombstone("e1"), "ClearTombstone e1"),
        Row(
            "L8",
            "also while a create is unresolved",
            announced(990).tombstone("e2").listed(995, &["e2"]),
            "DeleteEndpoint e2 (Duplicate)",
        ),
        Row("L8", "not when paused", healthy().tombstone("e2").paused(), "Done: Paused"),
        Row("L9", "no Secret", healthy().blocked(), "Wait for a change: SecretNotFound"),
        Row("L10", "paused", healthy().edited("x").paused(), "Done: Paused"),
        Row("L10", "paused and new", applied().paused(), "Done: Paused"),
        Row("L10", "the account is suspended", healthy().edited("x").suspended(), "Done: Suspended"),
        Row("L10", "suspended and new", applied().suspended(), "Done: Suspended"),
        Row("L10", "but what was sent is searched for", announced(998).suspended(), "List Create: AwaitingEvidence"),
        Row("L25", "another installation's endpoint", healthy().elsewhere().edited("x"), "Done: InstallationMismatch"),
        Row("L25", "another installation's create", announced(800).elsewhere(), "Done: InstallationMismatch"),
        Row("L25", "another installation's empty ledger is harmless", applied().permit().finalizer().elsewhere(), "WriteIntent 1 fresh"),
        Row("L11", "the account only serves deletions", healthy().edited("x").deletions_only(), "Wait for a change: AccountNotReady"),
        Row("L11", "no account", applied().no_account(), "Wait for a change: AccountNotFound"),
        Row("L11", "account not looked at yet", healthy().account_unknown(), "Wait until 1010: silently"),
        Row("L11", "account not ready", healthy().account_not_ready(), "Wait for a change: AccountNotReady"),
        Row("L36", "its application is not looked up yet", applied().not_looked_up(), "Wait for a change: Progressing"),
        Row("L36", "nor that of an edited one", healthy().edited("x").not_looked_up(), "Wait for a change: Progressing"),
        Row("L36", "what was compared before waits in silence", healthy().not_looked_up(), "Wait for a change: silently"),
        Row("L36", "paused is said first", healthy().not_looked_up().paused(), "Done: Paused"),
        Row("L36", "so is suspended", applied().not_looked_up().suspended(), "Done: Suspended"),
        Row(
            "L36",
            "and what is wrong with the account",
            healthy().not_looked_up().account_not_ready(),
            "Wait for a change: AccountNotReady",
        ),
        Row("L36", "or that there is none", applied().not_looked_up().no_account(), "Wait for a change: AccountNotFound"),
        Row("L36", "or that it is another one", healthy().not_looked_up().mismatch(), "Wait for a change: AccountMismatch"),
        Row("L36", "also when it adopts", adopting().not_looked_up().account_not_ready(), "Wait for a change: AccountNotReady"),
        Row("L11", "other account", healthy().mismatch(), "Wait for a change: AccountMismatch"),
        Row("L12", "read back after the record", recorded().unread(), "Get e1 Repair"),
        Row("L12", "a restart lists once for all", recorded().not_listed_this_term(), "List Sweep: Progressing"),
        Row("L12", "and waits", recorded().not_listed_this_term().listing_wanted(995), "Wait until 1145: silently"),
        Row("L12", "unless the spec changed", recorded().not_listed_this_term().edited("x"), "Get e1 Urgent"),
        Row("L12", "a listing without it is a suspicion", recorded().listed(990, &[]), "Get e1 Repair"),
        Row("L12", "a listing refutes an older read", recorded().got("e1", 980).listed(990, &[]), "Get e1 Repair"),
        Row("L12", "a read at the same moment stands", recorded().got("e1", 990).listed(990, &[]), "Done: Available"),
        Row("L12", "with its turn after a failure", recorded().trouble(SUSPICION, 1000, 9), "Wait until 1100: ProviderUnreachable"),
        Row("L13", "somebody else's", recorded().got_remote(990, stranger("e1")), "Done: OwnershipLost"),
        Row("L13", "another installation's", recorded().got_remote(990, foreign("e1")), "Done: InstallationMismatch"),
        Row("L13", "also in a listing", recorded().listed_remotes(990, true, vec![stranger("e1")]).edited("x"), "Done: OwnershipLost"),
        Row("L14", "a second one is read first", healthy().listed(995, &["e1", "e2"]), "Get e2 Repair"),
        Row("L14", "then condemned", healthy().listed(995, &["e1", "e2"]).got("e2", 996), "WriteTombstone e2"),
        Row(
            "L14",
            "an earlier pass's read does not count",
            healthy().listed(995, &["e1", "e2"]).got("e2", 996).pass_began(997),
            "Get e2 Repair",
        ),
        Row("L14", "not one that another leader has deleted", healthy().listed(995, &["e1", "e2"]).missing("e2", 996), "Done: Available"),
        Row("L14", "not while a newer listing lacks the recorded one", recorded().got("e1", 980).listed(990, &["e2"]), "Get e1 Repair"),
        Row(
            "L14",
            "not one that reads as somebody else's",
            healthy().listed(995, &["e1", "e2"]).got_remote(996, stranger("e2")),
            "Done: Available",
        ),
        Row("L14", "not one that is deleted already", healthy().listed(995, &["e1", "e2"]).deleted("e2", 996, true), "Done: Available"),
        Row("L15", "an update is read back", healthy().updated(&[("alias", text("desk"))], 995, 1), "Get e1 Urgent"),
        Row("L15", "and seen", healthy().updated(&[("alias", text("desk"))], 995, 1).got("e1", 996), "Done: Available"),
        Row(
            "L15",
            "a value that is not visible yet is waited for",
            healthy().edited("x").updated(&[("alias", text("x"))], 995, 1).got("e1", 996),
            "Wait until 1055: Progressing",
        ),
        Row(
            "L15",
            "then read again",
            recorded().edited("reception").updated(&[("alias", text("reception"))], 900, 1).got("e1", 901),
            "Get e1 Urgent",
        ),
        Row(
            "L15",
            "then sent once more",
            edited_alias().updated(&[("alias", text("reception"))], 900, 1).got("e1", 999),
            r#"Update e1 Edited: alias="reception""#,
        ),
        Row(
            "L15",
            "but not three times",
            edited_alias().updated(&[("alias", text("reception"))], 900, 2).got("e1", 999),
            "Done: ProviderNormalisedValue",
        ),
        Row(
            "L15",
            "what else differs is corrected all the same",
            recorded()
                .with(|view| {
                    if let Desired::Wanted(wanted) = &mut view.desired {
                        wanted.fields.insert("app_id", text("ivr"));
                    }
                })
                .updated(&[("alias", text("desk"))], 900, 2)
                .got_remote(999, with_alias("e1", "DESK")),
            r#"Update e1 Drifted: app_id="ivr""#,
        ),
        Row(
            "L15",
            "another wish is sent at once",
            edited_alias().updated(&[("alias", text("x"))], 995, 1).got("e1", 996),
            r#"Update e1 Edited: alias="reception""#,
        ),
    ]
}

fn comparing() -> Vec<Row> {
    let drifted = || recorded().listed_remotes(990, true, vec![with_alias("e1", "hacked")]);
    vec![
        Row("L16", "an edit", healthy().edited("reception"), r#"Update e1 Edited: alias="reception""#),
        Row("L16", "a drift is put back", drifted(), r#"Update e1 Drifted: alias="desk""#),
        Row("L16", "or reported", drifted().report_drift(), "Done: Drifted"),
        Row("L16", "an edit is no drift", healthy().edited("reception").report_drift(), r#"Update e1 Edited: alias="reception""#),
        Row("L16", "old evidence is renewed", recorded().got("e1", 800).edited("x"), "Get e1 Urgent"),
        Row("L16", "a rotated password is compared by id", healthy().rotated(2), "Get e1 Urgent"),
        Row(
            "L16",
            "and not sent again for a change of something else that was sent since",
            healthy()
                .rotated(2)
                .shown(&[(PASSWORD, Value::Secret(password(2)))], 995)
                .updated(&[("alias", text("x"))], 996, 1)
                .got_remote(999, with_alias("e1", "x")),
            r#"Update e1 Drifted: alias="desk""#,
        ),
        Row("L16", "and sent where nothing shows it", healthy().rotated(2).got("e1", 999), "Update e1 Rotated: password=***"),
        Row(
            "L16",
            "and sent if it differs",
            healthy().rotated(2).got_remote(999, with_password("e1", 1)),
            "Update e1 Rotated: password=***",
        ),
        Row(
            "L16",
            "also where drift is only reported",
            drifted().report_drift().rotated(2).got_remote(999, with_alias("e1", "hacked")),
            "Update e1 Rotated: password=***",
        ),
        Row("L16", "a password changed elsewhere", recorded().got_remote(999, with_password("e1", 3)), "Update e1 Drifted: password=***"),
        Row(
            "L16",
            "what an update resets is read in the same pass",
            drifted().updates(&[Together { fields: &[], carried: &["app_id"] }]).pass_began(995),
            "Get e1 Urgent",
        ),
        Row(
            "L16",
            "and sent back",
            drifted()
                .updates(&[Together { fields: &[], carried: &["app_id"] }])
                .pass_began(995)
                .got_remote(995, with_alias("e1", "hacked")),
            r#"Update e1 Drifted: alias="desk" app_id="""#,
        ),
        Row(
            "L16",
            "a reported drift is not corrected by the way",
            drifted()
                .report_drift()
                .rotated(2)
                .updates(&[Together { fields: &[], carried: &["alias"] }])
                .pass_began(995)
                .got_remote(999, with_alias("e1", "hacked")),
            r#"Update e1 Rotated: alias="hacked" password=***"#,
        ),
        Row(
            "L16",
            "with its turn after a failure",
            healthy().edited("x").trouble(SUSPICION, 1000, 9),
            "Wait until 1100: ProviderUnreachable",
        ),
        Row(
            "L16",
            "what was refused waits",
            healthy().edited("x").trouble(TroubleKind::Refused(RefusalKind::Invalid), 900, 1),
            "Wait until 22500: Rejected",
        ),
        Row(
            "L16",
            "for another spec",
            healthy().trouble(TroubleKind::Refused(RefusalKind::Invalid), 900, 1).edited("x"),
            r#"Update e1 Edited: alias="x""#,
        ),
        Row(
            "L16",
            "a password whose sending was not answered is sent again where nothing shows it",
            healthy().rotated(2).updated(&[(PASSWORD, Value::Secret(password(2)))], 995, 0).got("e1", 996),
            "Update e1 Rotated: password=***",
        ),
        Row("L17", "all agrees", healthy(), "Done: Available"),
        Row(
            "L17",
            "a Secret rewritten with the same value",
            healthy().rotated(2).got_remote(999, with_password("e1", 2)),
            "Done: Available",
        ),
        Row(
            "L17",
            "a password that was sent is not sent again",
            healthy().rotated(2).updated(&[(PASSWORD, Value::Secret(password(2)))], 995, 1).got("e1", 996),
            "Done: Available",
        ),
        Row("L18", "one read is a suspicion", recorded().missing("e1", 995), "List Repair: AwaitingEvidence"),
        Row("L18", "one listing is not enough", recorded().missing("e1", 995).listed(996, &[]), "List Repair: AwaitingEvidence"),
        Row("L18", "too young to be missed", recorded().intent("n2", 980).closed().missing("e1", 995), "Wait until 1010: AwaitingEvidence"),
        Row("L18", "but read again", recorded().intent("n2", 980).closed().missing("e1", 985), "Get e1 Repair"),
        Row("L18", "an old read is renewed", recorded().missing("e1", 800).listed(801, &[]).listed(802, &[]), "Get e1 Repair"),
        Row("L18", "it is back", recorded().missing("e1", 995).listed(996, &["e1"]), "Done: Available"),
        Row(
            "L18",
            "a second one alone proves nothing",
            recorded().missing("e1", 995).listed(996, &["e2"]),
            "Wait until 1004: AwaitingEvidence",
        ),
        Row("L19", "the survivor is read", recorded().missing("e1", 995).listed(990, &["e2"]).listed(996, &["e2"]), "Get e2 Repair"),
        Row(
            "L19",
            "and recorded",
            recorded().missing("e1", 995).listed(990, &["e2"]).listed(996, &["e2"]).got("e2", 997),
            "Record e2 (P2)",
        ),
        Row("L20", "absence is proven", recorded().missing("e1", 995).listed(990, &[]).listed(996, &[]), "Forget"),
        Row(
            "L20",
            "and reported",
            recorded().missing("e1", 995).listed(990, &[]).listed(996, &[]).report_deletion(),
            "Done: ExternallyDeleted",
        ),
        Row(
            "L26",
            "too many are gone",
            recorded().missing("e1", 995).listed(990, &[]).listed(996, &[]).braked(),
            "Wait for a change: Braked",
        ),
        Row(
            "L26",
            "but a survivor is recorded",
            recorded().missing("e1", 995).listed(990, &["e2"]).listed(996, &["e2"]).got("e2", 997).braked(),
            "Record e2 (P2)",
        ),
        Row(
            "L26",
            "absence is not even proven while the brake holds",
            recorded().listed(990, &[]).missing("e1", 991).braked(),
            "Wait for a change: Braked",
        ),
        Row("L26", "the brake concerns nothing else", healthy().edited("reception").braked(), r#"Update e1 Edited: alias="reception""#),
    ]
}

fn beginning() -> Vec<Row> {
    vec![
        Row("L21", "nothing is created before a listing", applied().not_listed_this_term().permit(), "List Create: AwaitingEvidence"),
        Row("L21", "which is waited for", applied().not_listed_this_term().listing_wanted(995), "Wait until 1145: AwaitingEvidence"),
        Row(
            "L21",
            "and must be complete",
            applied().not_listed_this_term().listing_wanted(990).torn(995, &[]),
            "Wait until 1003: AwaitingEvidence",
        ),
        Row(
            "L21",
            "a torn one is repeated",
            applied().not_listed_this_term().listing_wanted(980).torn(985, &[]),
            "List Create: AwaitingEvidence",
        ),
        Row("L22", "one exists already", applied().listed(990, &["e1"]), "AddFinalizer"),
        Row("L22", "then it is read", applied().finalizer().listed(990, &["e1"]), "Get e1 Create"),
        Row("L22", "then recorded", applied().finalizer().listed(990, &["e1"]).got("e1", 995), "Record e1 (P1)"),
        Row(
            "L22",
            "also where a create was refused for good: it may be the very thing that stood in its way",
            applied().finalizer().trouble(TroubleKind::Refused(RefusalKind::Invalid), 980, 1).listed(990, &["e1"]).pass_began(991),
            "Get e1 Create",
        ),
        Row(
            "L22",
            "but a read that is refused is not sent again at once",
            applied().finalizer().listed(990, &["e1"]).trouble(TroubleKind::Refused(RefusalKind::Invalid), 995, 1).pass_began(991),
            "Wait until 22595: Rejected",
        ),
        Row("L23", "a permit first", applied().listed(990, &[]), "Reserve"),
        Row("L23", "then the finalizer", applied().permit(), "AddFinalizer"),
        Row("L23", "then the intent", applied().permit().finalizer(), "WriteIntent 1 fresh"),
        Row("L23", "with the next number", applied().permit().finalizer().intent("n1", 0).closed(), "WriteIntent 2 fresh"),
        Row("L23", "in its turn", applied().trouble(TroubleKind::Refused(RefusalKind::Invalid), 990, 1), "Wait until 22590: Rejected"),
        Row("L24", "a recorded endpoint without finalizer gets it back", healthy().without_finalizer(), "AddFinalizer"),
        Row("L24", "not when paused", healthy().without_finalizer().paused(), "Done: Paused"),
    ]
}

fn rows() -> Vec<Row> {
    let common = [creating(), searching(), living(), comparing(), beginning(), super::adoption::rows(), super::deletion::rows()];
    let rows: Vec<Row> = common.into_iter().flatten().collect();
    match record() {
        // Who registers has a login, and a Secret for it.
        APPENDING => rows.into_iter().chain(super::connection::rows()).collect(),
        _ => super::named::instead(rows).into_iter().chain(super::named::rows()).collect(),
    }
}

#[test]
fn every_row_of_the_table_answers_as_it_says_at_each_provider() {
    for capabilities in RECORDS {
        under(capabilities, || {
            let wrong: Vec<String> = rows()
                .into_iter()
                .filter_map(|Row(id, sentence, start, expected)| {
                    let found = describe(&next(&start.build()));
                    (found != expected).then(|| format!("{id}, {sentence}: {found}, not {expected}"))
                })
                .collect();
            assert!(wrong.is_empty(), "{}\n{}", capabilities.provider, wrong.join("\n"));
        });
    }
}

#[test]
fn the_table_has_a_test_for_each_row_and_no_other() {
    let documented: Vec<&str> = include_str!("../mod.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | ")?.split(" |").next())
        .filter(|id| id.starts_with(['L', 'D']) && id[1..].parse::<u32>().is_ok())
        .collect();
    let unique: BTreeSet<&str> = documented.iter().copied().collect();
    assert_eq!(unique.len(), documented.len(), "a row stands twice");
    assert!(documented.len() >= 35, "the table is not where this test looks for it");
    let tested = |capabilities| under(capabilities, || rows().into_iter().map(|Row(id, ..)| id).collect::<BTreeSet<&str>>());
    assert_eq!(unique, &tested(APPENDING) | &tested(NAMED));
}

#[test]
fn the_same_view_gets_the_same_action() {
    for capabilities in RECORDS {
        for Row(_, _, start, _) in under(capabilities, rows) {
            let view = start.build();
            assert_eq!(next(&view), next(&view.clone()));
        }
    }
}

#[test]
fn a_ledger_of_another_object_is_ignored() {
    let mut start = announced(990);
    start.view.object.uid = "uid-2".into();
    assert_eq!(describe(&next(&start.permit().build())), "WriteIntent 1 fresh");
}

#[test]
fn pinning_and_readiness_are_judged_by_the_present_account() {
    let back = healthy().mismatch().account(ready("MA1"));
    assert_eq!(describe(&next(&back.build())), "Done: Available");
    assert_eq!(healthy().build().settled(), Some(at(160)));
}
