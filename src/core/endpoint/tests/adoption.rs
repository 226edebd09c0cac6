//! The rows of the table for objects that adopt, and for what another object has a better right to.

use super::make::{Start, adopted, adopting, applied, healthy, labelled, mark, named, recorded, text, theirs};
use super::table::{Row, about_to_create, announced, foreign, stranger};
use crate::core::endpoint::next;
use crate::core::fields::Remote;
use crate::core::mark::Installation;
use crate::core::outcome::{Outcome, RefusalKind};
use crate::core::status::after;
use crate::core::tenancy::Adoptable;
use crate::core::view::TroubleKind;

fn edited_there() -> Remote {
    let mut remote = theirs("e1");
    remote.fields.insert("alias", text("hacked"));
    remote
}

/// With a mark of this installation, of an object that there may have been once.
fn orphan() -> Remote {
    named("e1", &labelled(mark("cluster-a", "carol").as_str(), "77"))
}

/// The three characters of the installation of [`foreign`].
fn other() -> String {
    Installation::new("cluster-b").part().to_owned()
}

pub fn rows() -> Vec<Row> {
    [claims(), taking(), keeping()].into_iter().flatten().collect()
}

fn claims() -> Vec<Row> {
    let seen = || adopting().got_remote(999, theirs("e1"));
    vec![
        Row("L27", "another object has it", seen().claimed("e1"), "Wait until 1150: AlreadyOwned"),
        Row("L27", "nothing is read for that", adopting().claimed("e1"), "Wait until 1150: AlreadyOwned"),
        Row("L27", "also once recorded", adopted().claimed("e1"), "Wait until 1150: AlreadyOwned"),
        Row("L27", "also by its mark", healthy().claimed("e1").edited("x"), "Wait until 1150: AlreadyOwned"),
        Row("L27", "what else is claimed does not matter", adopted().claimed("e9"), "Done: Available"),
        Row("L1", "what another object has taken is not recorded", received().claimed("e1"), "CloseEpoch (Superseded)"),
        Row("L5", "nor found", announced(998).listed(999, &["e1"]).claimed("e1"), "List Create: AwaitingEvidence"),
        Row(
            "L6",
            "nor in the way of a proof",
            announced(800).listed(951, &["e1"]).listed(955, &["e1"]).claimed("e1"),
            "CloseEpoch (NotExecuted)",
        ),
        Row("L8", "nor deleted as a double", healthy().tombstone("e2").listed(995, &["e1", "e2"]).claimed("e2"), "ClearTombstone e2"),
        Row("L14", "nor condemned as one", healthy().listed(995, &["e1", "e2"]).claimed("e2"), "Done: Available"),
        Row("L20", "nor a survivor", recorded().missing("e1", 995).listed(990, &["e2"]).listed(996, &["e2"]).claimed("e2"), "Forget"),
        Row("L23", "nor found again", applied().permit().finalizer().listed(990, &["e1"]).claimed("e1"), "WriteIntent 1 fresh"),
    ]
}

#[test]
fn what_is_announced_or_recorded_over_an_empty_ledger_of_another_installation_is_this_ones() {
    let fresh = || applied().permit().finalizer().elsewhere();
    for start in [fresh(), fresh().listed(990, &["e1"]).got("e1", 999)] {
        let mut view = start.build();
        let action = next(&view);
        let status = after(&view, &action).expect("a write of the ledger");
        let ledger = status.ledger.as_ref().expect("a ledger");
        assert_eq!(ledger.installation, view.installation.part(), "{action}");
        view.status = status;
        // Else the intent would be closed at once as another installation's, written again, and so on.
        let then = next(&view);
        assert!(!then.to_string().contains("InstallationMismatch"), "{action}, then {then}");
    }
}

fn received() -> Start {
    about_to_create().own(Some(Outcome::Done("e1")))
}

const NOT_FOUND: &str = "Wait until 1300: AdoptNotFound";

fn taking() -> Vec<Row> {
    let seen = || adopting().got_remote(999, theirs("e1"));
    let record = "Record e1 (reception131031145958)";
    vec![
        Row("L28", "it is read first", adopting(), "Get e1 Urgent"),
        Row("L28", "without any listing", adopting().not_listed_this_term(), "Get e1 Urgent"),
        Row("L28", "a listing is not enough", adopting().listed_remotes(995, true, vec![theirs("e1")]), "Get e1 Urgent"),
        Row("L28", "nor is an old read", adopting().got_remote(800, theirs("e1")), "Get e1 Urgent"),
        Row("L28", "or one that a listing has overtaken", seen().listed(1000, &[]), "Get e1 Urgent"),
        Row("L28", "a recorded id without its username proves nothing", adopting().record("e1"), "Get e1 Urgent"),
        Row("L28", "nor does another recorded id", adopted().record("e2"), "Get e1 Urgent"),
        Row("L28", "in its turn", adopting().trouble(TroubleKind::Refused(RefusalKind::Throttled), 1000, 9), "Wait until 1100: Throttled"),
        Row("L29", "there is none", adopting().missing("e1", 999), "Wait until 1299: AdoptNotFound"),
        Row("L29", "looked for again", adopting().missing("e1", 700), "Get e1 Urgent"),
        Row("L29", "it may not be adopted from here: it is not even read", adopting().allowed(Adoptable::No), NOT_FOUND),
        Row("L29", "nor recorded, had it been read", seen().allowed(Adoptable::No), NOT_FOUND),
        Row("L29", "nor told whose it is", seen().claimed("e1").allowed(Adoptable::No), NOT_FOUND),
        Row("L28", "only without a mark: it is read", adopting().allowed(Adoptable::Unmarked), "Get e1 Urgent"),
        Row("L28", "before it is said whose it is", adopting().claimed("e1").allowed(Adoptable::Unmarked), "Get e1 Urgent"),
        Row("L27", "and has none, but an object", seen().claimed("e1").allowed(Adoptable::Unmarked), "Wait until 1150: AlreadyOwned"),
        Row(
            "L29",
            "and has one of ours, and an object",
            adopting().got_remote(999, orphan()).claimed("e1").allowed(Adoptable::Unmarked),
            NOT_FOUND,
        ),
        Row("L31", "and has none", seen().allowed(Adoptable::Unmarked), record),
        Row("L29", "and has one of ours", adopting().got_remote(999, orphan()).allowed(Adoptable::Unmarked), NOT_FOUND),
        Row("L29", "or another installation's", adopting().got_remote(999, foreign("e1")).allowed(Adoptable::Unmarked), NOT_FOUND),
        Row("L28", "it appears", adopting().missing("e1", 995).listed_remotes(996, true, vec![theirs("e1")]), "Get e1 Urgent"),
        Row("L30", "another installation's", adopting().got_remote(999, foreign("e1")), "Done: AlreadyOwned"),
        Row("L30", "not the named one's", adopting().naming("zzz").got_remote(999, foreign("e1")), "Done: AlreadyOwned"),
        Row(
            "L31",
            "the named installation's",
            adopting().naming(&other()).got_remote(999, foreign("e1")),
            &*format!("Record e1 ({})", foreign("e1").username).leak(),
        ),
        Row("L31", "what carries no mark", seen(), record),
        Row("L31", "whatever the spec names", seen().naming("zzz"), record),
        Row(
            "L31",
            "a mark of ours that no object owns",
            adopting().got_remote(999, orphan()),
            &*format!("Record e1 ({})", orphan().username).leak(),
        ),
        Row("L31", "its own mark", adopting().got_remote(999, super::make::remote("e1")), "Record e1 (P1)"),
        Row("L31", "to be deleted with the object: the finalizer first", seen().delete_policy(), "AddFinalizer"),
        Row("L31", "then the record", seen().delete_policy().finalizer(), record),
        Row("L31", "observed: no finalizer", seen().delete_policy().observe(), record),
        Row("L9", "not without its Secret", seen().blocked(), "Wait for a change: SecretNotFound"),
        Row("L10", "not when paused", seen().paused(), "Done: Paused"),
        Row("L10", "not when suspended", seen().suspended(), "Done: Suspended"),
        Row("L11", "not without an account", adopting().no_account(), "Wait for a change: AccountNotFound"),
        Row("L11", "not in the other account", seen().mismatch(), "Wait for a change: AccountMismatch"),
    ]
}

fn keeping() -> Vec<Row> {
    let edited = || adopted().edited("desk2");
    let gone = || adopted().missing("e1", 995).listed(996, &[]).listed(998, &[]);
    vec![
        Row("L17", "it agrees", adopted(), "Done: Available"),
        Row(
            "L17",
            "its own mark elsewhere is none of its business",
            adopted().listed_remotes(995, true, vec![theirs("e1"), super::make::remote("e7")]),
            "Done: Available",
        ),
        Row("L12", "after a restart it waits for a listing", adopted_unseen().not_listed_this_term(), "List Sweep: Progressing"),
        Row("L13", "its id is another endpoint's now", adopted().got_remote(995, stranger("e1")), "Done: OwnershipLost"),
        Row("L13", "be it one with this object's mark", adopted().listed(995, &["e1"]), "Done: OwnershipLost"),
        Row("L29", "it may not be adopted from here any more", edited().allowed(Adoptable::No), NOT_FOUND),
        Row("L16", "an edit", edited(), r#"Update e1 Edited: alias="desk2""#),
        Row("L16", "a drift", adopted().got_remote(995, edited_there()), r#"Update e1 Drifted: alias="desk""#),
        Row("L16", "a rotation", adopted().rotated(2).got_remote(995, theirs("e1")), "Update e1 Rotated: password=***"),
        Row("L17", "without a password none is compared", adopted().rotated(2).no_password(), "Done: Available"),
        Row("L24", "to stay: no finalizer", adopted(), "Done: Available"),
        Row("L24", "to be deleted now: the finalizer", adopted().delete_policy(), "AddFinalizer"),
        Row("L24", "not when paused", adopted().delete_policy().paused(), "Done: Paused"),
        Row("L24", "not when observed", adopted().delete_policy().observe(), "Done: Available"),
        Row("L25", "another installation's", adopted().elsewhere(), "Done: InstallationMismatch"),
        Row("L18", "not found, not proven", adopted().missing("e1", 995).listed(996, &[]), "List Repair: AwaitingEvidence"),
        Row("L32", "gone: never made anew", gone(), "Done: ExternallyDeleted"),
        Row(
            "L32",
            "nor is another one taken for it",
            adopted().missing("e1", 995).listed(996, &["e7"]).listed(998, &["e7"]),
            "Done: ExternallyDeleted",
        ),
        Row("L32", "observed and gone", gone().observe(), "Done: ExternallyDeleted"),
        Row("L17", "it is back", gone().listed_remotes(999, true, vec![theirs("e1")]), "Done: Available"),
        Row("L33", "observed: an edit", edited().observe(), "Done: Drifted"),
        Row("L33", "observed: a drift", adopted().observe().got_remote(995, edited_there()), "Done: Drifted"),
        Row("L33", "observed: another password", with_password(2), "Done: Drifted"),
        Row("L17", "observed: the same password", with_password(1), "Done: Available"),
        Row(
            "L17",
            "observed: a password that cannot be compared",
            adopted().rotated(2).observe().got_remote(995, theirs("e1")),
            "Done: Available",
        ),
        Row("L16", "observed: a password that may be shown by id", adopted().rotated(2).observe(), "Get e1 Urgent"),
        Row(
            "L17",
            "observed: an update from before is not waited for",
            adopted().observe().updated(&[("alias", text("x"))], 999, 2),
            "Done: Available",
        ),
    ]
}

/// Recorded, and nothing seen of it in this term.
fn adopted_unseen() -> Start {
    Start { listings: Vec::new(), ..adopted() }
}

fn with_password(number: u32) -> Start {
    let shown = Remote { password_digest: Some(super::make::password(number)), ..theirs("e1") };
    adopted().observe().got_remote(995, shown)
}
