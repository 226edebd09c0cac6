//! The rows of the table for objects that are being deleted.

use super::make::{applied, healthy, recorded, refused};
use super::table::{Row, SUSPICION, about_to_create, announced, stranger};
use crate::core::outcome::{Outcome, RefusalKind};

pub fn rows() -> Vec<Row> {
    let received = || about_to_create().own(Some(Outcome::Done("e1")));
    let in_time = || healthy().deleting().now(1000);
    vec![
        Row("D1", "gone", healthy().gone(), "Done: Deleting"),
        Row("D1", "no finalizer of ours", applied().deleting(), "Done: Deleting"),
        Row("D1", "gone while the create was answered", received().gone(), "DeleteEndpoint e1 (JustReceived)"),
        Row("D1", "finalizer forced off meanwhile", received().deleting().without_finalizer(), "DeleteEndpoint e1 (JustReceived)"),
        Row("D1", "that deletion is confirmed", received().gone().deleted("e1", 999, true), "Done: Deleting"),
        Row(
            "D1",
            "a young one that is not found may only be invisible",
            received().gone().deleted("e1", 999, false),
            "Wait until 1145: Deleting",
        ),
        Row("D1", "so it is tried again", received().gone().deleted("e1", 999, false).now(1145), "DeleteEndpoint e1 (JustReceived)"),
        Row("D1", "until it counts", received().gone().deleted("e1", 1146, false).now(1147), "Done: Deleting"),
        Row("D1", "not in the other account", received().gone().mismatch(), "Wait for a change: AccountMismatch"),
        Row("D2", "just received", received().deleting(), "DeleteEndpoint e1 (JustReceived)"),
        Row("D2", "also when paused", received().deleting().paused(), "DeleteEndpoint e1 (JustReceived)"),
        Row("D2", "also when shutting down", received().deleting().stopping(), "DeleteEndpoint e1 (JustReceived)"),
        Row("D2", "not in the other account", received().deleting().mismatch(), "Wait for a change: AccountMismatch"),
        Row("D3", "retained", healthy().deleting().retain(), "RemoveFinalizer (Retained)"),
        Row("D3", "retained and paused", healthy().deleting().retain().paused(), "RemoveFinalizer (Retained)"),
        Row("D3", "retained without an account", healthy().deleting().retain().no_account(), "RemoveFinalizer (Retained)"),
        Row("D4", "nothing sent", about_to_create().deleting(), "CloseEpoch (NotSent)"),
        Row("D4", "refused", about_to_create().own(Some(refused(RefusalKind::Invalid))).deleting(), "CloseEpoch (Refused)"),
        Row("D5", "never sent", applied().finalizer().empty_ledger().deleting(), "RemoveFinalizer (NeverSent)"),
        Row("D5", "but a closed intent counts as sent", announced(995).closed().deleting(), "Wait until 1145: Deleting"),
        Row(
            "D6",
            "status lost and no account",
            applied().finalizer().blank_since(990).no_account().deleting(),
            "RemoveFinalizer (Unproven)",
        ),
        Row("D7", "no account", healthy().no_account().deleting(), "Wait for a change: AccountNotFound"),
        Row(
            "D7",
            "account not ready, status lost",
            applied().finalizer().account_not_ready().deleting(),
            "Wait for a change: AccountNotReady",
        ),
        Row(
            "D7",
            "account not looked at yet, status lost",
            applied().finalizer().account_unknown().deleting(),
            "Wait until 1010: silently",
        ),
        Row("D7", "other account", healthy().mismatch().deleting(), "Wait for a change: AccountMismatch"),
        Row("D7", "paused", healthy().paused().deleting(), "Wait for a change: Paused"),
        Row("D7", "shutting down", healthy().stopping().deleting(), "Wait for a change: silently"),
        Row("D8", "the recorded one", in_time(), "DeleteEndpoint e1 (Requested)"),
        Row("D8", "is read first if not seen lately", recorded().listed(800, &["e1"]).deleting(), "Get e1 Urgent"),
        Row("D8", "is read first if never seen", recorded().deleting(), "Get e1 Urgent"),
        Row("D8", "must be ours", recorded().got_remote(999, stranger("e1")).deleting(), "Wait for a change: OwnershipLost"),
        Row("D8", "in its turn", in_time().trouble(SUSPICION, 1000, 9), "Wait until 1100: Deleting"),
        Row(
            "D8",
            "young and not found yet",
            announced(990).closed().record("e1").got("e1", 991).deleted("e1", 995, false).deleting(),
            "Wait until 1140: Deleting",
        ),
        Row(
            "D8",
            "a not-found is refuted by a later listing",
            recorded().listed(990, &["e1"]).deleted("e1", 980, false).deleting(),
            "DeleteEndpoint e1 (Requested)",
        ),
        Row(
            "D9",
            "listed with our mark",
            applied().finalizer().blank_since(990).listed(995, &["e2"]).deleting(),
            "DeleteEndpoint e2 (Requested)",
        ),
        Row("D9", "read first if not seen lately", applied().finalizer().blank_since(800).listed(801, &["e2"]).deleting(), "Get e2 Urgent"),
        Row(
            "D9",
            "condemned",
            healthy().deleted("e1", 999, true).tombstone("e2").listed(995, &["e2"]).deleting(),
            "DeleteEndpoint e2 (Requested)",
        ),
        Row("D9", "condemned and not seen", healthy().deleted("e1", 999, true).tombstone("e2").deleting(), "Get e2 Urgent"),
        Row(
            "D9",
            "condemned but somebody else's",
            healthy().deleted("e1", 995, true).tombstone("e2").got_remote(999, stranger("e2")).listed(996, &[]).deleting(),
            "RemoveFinalizer (Clean)",
        ),
        Row(
            "D10",
            "the last create is young",
            announced(990).closed().record("e1").deleted("e1", 999, true).deleting(),
            "Wait until 1140: Deleting",
        ),
        Row("D10", "an open one is searched for", announced(990).deleting(), "List Urgent: Deleting"),
        Row("D10", "on the schedule", announced(990).listed(999, &[]).deleting(), "Wait until 1006: Deleting"),
        Row(
            "D11",
            "the last sweep is proof enough",
            recorded().deleted("e1", 999, true).listed(990, &["e1"]).deleting(),
            "RemoveFinalizer (Clean)",
        ),
        Row("D11", "not found counts as well", recorded().missing("e1", 995).listed(996, &[]).deleting(), "RemoveFinalizer (Clean)"),
        Row("D11", "two for an open intent", announced(800).listed(951, &[]).listed(955, &[]).deleting(), "RemoveFinalizer (Clean)"),
        Row(
            "D11",
            "two for a lost status",
            applied().finalizer().blank_since(800).listed(951, &[]).listed(955, &[]).deleting(),
            "RemoveFinalizer (Clean)",
        ),
        Row("D12", "one is not enough for an open intent", announced(800).listed(951, &[]).deleting(), "List Urgent: Deleting"),
        Row(
            "D12",
            "a listing from before proves nothing",
            announced(800).closed().record("e1").deleted("e1", 999, true).listed(949, &[]).deleting(),
            "List Urgent: Deleting",
        ),
        Row("D12", "no listing yet", recorded().deleted("e1", 999, true).deleting(), "List Urgent: Deleting"),
        Row(
            "D12",
            "a restored record without any intent",
            applied().finalizer().empty_ledger().record("e1").missing("e1", 999).deleting(),
            "List Urgent: Deleting",
        ),
    ]
}
