//! The table of cases, row by row.

use std::collections::BTreeSet;

use super::make::{
    APPLICATIONS, NUMBER, Start, TRUNK_GROUPS, applied, at, at_provider, bound, describe, healthy, leaving, number, placed, previous,
    problem, ready, record, refused, rival, target, teach, text, unknown,
};
use crate::api::condition::{ConditionType, Reason};
use crate::api::policy::BindingDeletionPolicy::{Retain, Unassign};
use crate::core::action::{Action, Cause};
use crate::core::binding::view::{Rival, View};
use crate::core::binding::{Got, next};
use crate::core::fields::Number;
use crate::core::outcome::{Outcome, RefusalKind};
use crate::core::view::{AccountView, TroubleKind};

struct Row(&'static str, &'static str, Start, &'static str);

/// The older one, live, which has bound the number to `app9`.
fn owner() -> Rival {
    Rival { finalizer: true, previous: Some(previous("app0")), placed: vec![placed("app9")], ..rival(1) }
}

/// The older one, on its way out.
fn leaver() -> Rival {
    Rival { deleting: true, ..owner() }
}

fn younger() -> Rival {
    rival(9)
}

/// Holds what the owner or leaver has put there.
fn heir() -> Start {
    applied().previous("app0").placed(&["app9"])
}

/// Surveyed and then read in this pass.
fn looked(start: Start, shown: &str) -> Start {
    start.surveyed(995, shown).read(996, shown)
}

/// Never written before.
fn first(shown: &str) -> Start {
    looked(applied(), shown)
}

/// What was there before is lost, and nothing else.
fn forget(view: &mut View) {
    view.status.previous = None;
}

const LOST: &str = "RemoveFinalizer (PreviousLost)";

/// "Not found", not in the provider's own words.
const PAGE: Outcome<()> = Outcome::NotFound { proven: false };

fn got(seconds: u64, app_id: &str, alias: &str) -> Got {
    Got { began: at(seconds), found: Some(number(app_id, alias)), proven: true }
}

/// The provider accepted `Desk` twice and showed `desk`, as a read told; then the number shows this.
fn normalised(shown: &str) -> Start {
    let start = healthy().wanting("alias", "Desk").updated("app1", 900, 2).with(|view| {
        view.status.placed[0].alias = Some("Desk".into());
        if let Some(update) = &mut view.memory.update {
            update.change.insert("alias", text("Desk"));
        }
        let asked = view.clone();
        teach(view, |learnt| learnt.got(&asked, at(985), Outcome::Done(number("app1", "desk")), at(986)));
    });
    start.with(|view| view.evidence.got = Some(got(990, shown, "desk")))
}

fn waiting() -> Vec<Row> {
    vec![
        Row("B1", "a younger one copies what the owner holds", applied().rival(owner()), "WritePlaced app9 after app0 (Inherited)"),
        Row("B1", "also when paused", applied().rival(owner()).paused(), "WritePlaced app9 after app0 (Inherited)"),
        Row("B1", "once", heir().rival(owner()), "Wait until 1150: Conflict"),
        Row(
            "B1",
            "and what the owner puts there later",
            heir().rival(Rival { placed: vec![placed("app8")], ..owner() }),
            "WritePlaced app8, app9 after app0 (Inherited)",
        ),
        Row("B1", "the heir takes over what a leaving one holds", applied().rival(leaver()), "WritePlaced app9 after app0 (Inherited)"),
        Row(
            "B1",
            "not what a younger live one has put there",
            healthy().rival(Rival { finalizer: true, previous: Some(previous("app0")), placed: vec![placed("app9")], ..younger() }),
            "Done: Available",
        ),
        Row(
            "B1",
            "an owner that lost its status gets back what a younger one has copied",
            bound().wiped().rival(Rival { previous: Some(previous("app0")), placed: vec![placed("app1")], ..younger() }),
            "WritePlaced app1 after app0 (Inherited)",
        ),
        Row("B1", "nothing while shutting down", applied().rival(owner()).stopping(), "Wait for a change: silently"),
        Row(
            "B2",
            "what a leaving one has forgotten is forgotten",
            applied().rival(Rival { previous: None, placed: vec![], ..leaver() }),
            "AddFinalizer",
        ),
        Row("B3", "the account was not looked at yet", heir().account(AccountView::Unknown), "Wait until 1010: silently"),
        Row("B4", "the heir cannot go any more without giving back", heir().rival(leaver()), "AddFinalizer"),
        Row("B4", "not even when paused", heir().rival(leaver()).paused(), "AddFinalizer"),
        Row("B4", "nor when the number is where that one put it", heir().listed(980, true, Some("app9")), "AddFinalizer"),
        Row("B4", "or shows what was there before", heir().listed(980, true, Some("app0")), "AddFinalizer"),
        Row(
            "B4",
            "the finalizer comes after what was there, and before the change",
            looked(applied().previous("app0").placed(&["app1"]), "app0"),
            "AddFinalizer",
        ),
        Row("B4", "our finalizer was forced off", healthy().without_finalizer(), "AddFinalizer"),
        Row("B4", "but one in conflict needs none", heir().rival(owner()), "Wait until 1150: Conflict"),
        Row("B5", "a copy that nobody else holds may be outdated; nothing looks while paused", heir().paused(), "Done: Paused"),
        Row(
            "B5",
            "a waiting one gets no finalizer when its account goes away: nobody knows who owns the number then",
            heir().listed(980, true, Some("app9")).account(AccountView::Missing(problem(Reason::AccountNotFound))),
            "Wait for a change: AccountNotFound",
        ),
        Row(
            "B5",
            "nor when the credentials lead elsewhere",
            heir().pinned().listed(980, true, Some("app9")).account(ready("MA2")),
            "Wait for a change: AccountMismatch",
        ),
        Row("B5", "paused", healthy().edited("app2").paused(), "Done: Paused"),
        Row("B5", "the account is suspended", healthy().edited("app2").suspended(), "Done: Suspended"),
        Row("B5", "the account only serves deletions", healthy().deletions_only(), "Wait for a change: AccountNotReady"),
        Row(
            "B5",
            "no account",
            applied().account(AccountView::Missing(problem(Reason::AccountNotFound))),
            "Wait for a change: AccountNotFound",
        ),
        Row("B5", "the credentials lead elsewhere", healthy().edited("app2").account(ready("MA2")), "Wait for a change: AccountMismatch"),
        Row("B6", "the older one owns it", heir().rival(owner()).edited("app2"), "Wait until 1150: Conflict"),
        Row("B6", "also if it has written nothing yet", applied().rival(rival(1)), "Wait until 1150: Conflict"),
        Row(
            "B6",
            "of two made in the same second the smaller uid",
            applied().rival(Rival { uid: "uid-4".into(), ..rival(5) }),
            "Wait until 1150: Conflict",
        ),
        Row("B6", "the younger one does not", healthy().rival(younger()), "Done: Available"),
        Row(
            "B6",
            "nor one on its way out, however old",
            healthy().finalizer().rival(Rival { deleting: true, ..rival(1) }),
            "Done: Available",
        ),
        Row("B6", "first of all", applied().rival(rival(1)).blocked(Reason::TargetNotFound), "Wait until 1150: Conflict"),
        Row("B7", "its target does not exist", applied().blocked(Reason::TargetNotFound), "Wait for a change: TargetNotFound"),
        Row(
            "B7",
            "or has no application any more",
            healthy().blocked(Reason::TargetHasNoApplication),
            "Wait for a change: TargetHasNoApplication",
        ),
        Row("B7", "or is being looked up", applied().blocked(Reason::Progressing), "Wait for a change: Progressing"),
        Row("B7", "after a restart silently", bound().blocked(Reason::Progressing), "Wait for a change: silently"),
        Row("B7", "but not after an edit", bound().edited("").blocked(Reason::Progressing), "Wait for a change: Progressing"),
    ]
}

fn looking() -> Vec<Row> {
    vec![
        Row("B8", "the account does not hold it", applied().missing(995, true), "Done: NumberNotInAccount"),
        Row("B8", "also what was bound", bound().missing(995, true), "Done: NumberNotInAccount"),
        Row("B8", "says an older read", applied().missing(900, true).listed(950, true, None), "Done: NumberNotInAccount"),
        Row("B8", "it is there again", bound().missing(900, true).listed(950, true, Some("app1")), "Done: Available"),
        Row("B8", "a page of a proxy is not enough", applied().missing(995, false), "List Repair: AwaitingEvidence"),
        Row("B8", "asked once", applied().missing(995, false).listing_wanted(998), "Wait until 1148: AwaitingEvidence"),
        Row("B8", "a listing confirms it", applied().missing(900, false).listed(950, true, None), "Done: NumberNotInAccount"),
        Row("B8", "a torn one does not", applied().missing(900, false).listed(950, false, None), "List Repair: AwaitingEvidence"),
        Row("B9", "a new binding is read", applied(), "Get Urgent"),
        Row("B9", "after a restart one listing is for all", bound(), "List Sweep: Progressing"),
        Row("B9", "asked once", bound().listing_wanted(998), "Wait until 1148: silently"),
        Row("B9", "unless it was edited", bound().edited("app2"), "Get Urgent"),
        Row("B9", "or is not listed", bound().listed(980, true, None), "Get Repair"),
        Row("B9", "a later complete listing casts doubt on a read", bound().read(970, "app1").listed(980, true, None), "Get Repair"),
        Row("B9", "a torn one does not", bound().read(970, "app1").listed(980, false, None), "Done: Available"),
        Row("B10", "an update is read back", bound().updated("app1", 995, 1), "Get Urgent"),
        Row("B10", "not by a listing", bound().updated("app1", 995, 1).listed(996, true, Some("app2")), "Get Urgent"),
        Row("B10", "nor by a read before it", bound().updated("app1", 995, 1).read(994, "app2"), "Get Urgent"),
        Row("B10", "it may take a while to show", bound().updated("app1", 995, 1).read(996, "app2"), "Wait until 1055: Progressing"),
        Row("B10", "then it is looked at again", bound().updated("app1", 930, 1).read(985, "app2"), "Get Urgent"),
        Row("B10", "twice different is enough", bound().updated("app1", 930, 2).read(995, "app2"), "Done: ProviderNormalisedValue"),
        Row("B10", "once is not", looked(bound().updated("app1", 930, 1), "app2"), r#"Update Drifted: app_id="app1""#),
        Row("B10", "once it was read so", normalised("app1"), "Done: ProviderNormalisedValue"),
        Row(
            "B10",
            "other fields are still put back",
            looked(normalised("app7"), "app7").with(|view| view.evidence.got = Some(got(999, "app7", "desk"))),
            r#"Update Drifted: alias="Desk" app_id="app1""#,
        ),
        Row(
            "B10",
            "that is not told by a listing",
            bound().updated("app1", 900, 2).read(901, "app1").listed(990, true, Some("app7")),
            "Get Urgent",
        ),
        Row(
            "B10",
            "a new wish need not wait",
            looked(bound().updated("app1", 930, 2).edited("app3"), "app2"),
            "WritePlaced app1, app3 after app0 (Spec)",
        ),
        Row("B11", "it agrees", healthy(), "Done: Available"),
        Row("B11", "an edit that changes nothing is read first", healthy().edited("app1"), "Get Urgent"),
        Row("B11", "and then agrees", healthy().edited("app1").read(995, "app1"), "Done: Available"),
        Row(
            "B11",
            "while an update may be on its way it is not said",
            healthy().with(|view| view.memory.doubt = Some((at(950), 1))),
            "Wait until 1100: Progressing",
        ),
        Row(
            "B11",
            "what was accepted before may be slow to show",
            bound().updated("app2", 995, 1).read(996, "app1"),
            "Wait until 1055: Progressing",
        ),
        Row("B11", "and is looked at then", bound().updated("app2", 930, 1).read(985, "app1"), "Get Urgent"),
        Row(
            "B11",
            "what may have arrived meanwhile is looked at when it must have",
            healthy().with(|view| view.memory.foreign = Some(at(845))),
            "Get Urgent",
        ),
        Row("B11", "then it is said", healthy().with(|view| view.memory.foreign = Some(at(845))).read(996, "app1"), "Done: Available"),
        Row("B11", "a new binding that agrees stores what is there", applied().read(995, "app1"), "ReadRivals"),
        Row("B11", "and says so then", applied().finalizer().previous("app1").placed(&["app1"]).read(995, "app1"), "Done: Available"),
        Row(
            "B11",
            "what a listing does not show is no difference",
            healthy().wanting("compliance_application_id", "c1"),
            "Done: Available",
        ),
    ]
}

fn changing() -> Vec<Row> {
    let drifted = || looked(healthy(), "console");
    vec![
        Row("B12", "drift that is only reported", healthy().report_drift().listed(995, true, Some("app7")), "Done: Drifted"),
        Row(
            "B12",
            "but an edit is carried out",
            looked(healthy().report_drift().edited("app2"), "app1"),
            "WritePlaced app1, app2 after app0 (Spec)",
        ),
        Row(
            "B12",
            "and a target is followed",
            looked(healthy().report_drift().pointing_at("app2"), "app1"),
            "WritePlaced app1, app2 after app0 (Spec)",
        ),
        Row(
            "B12",
            "also when that was interrupted",
            looked(healthy().report_drift().pointing_at("app2").placed(&["app1", "app2"]), "app1"),
            r#"Update Followed: app_id="app2""#,
        ),
        Row(
            "B12",
            "what another one left there is no target of this one",
            healthy().report_drift().placed(&["app9", "app1"]).rival(leaver()).listed(995, true, Some("app7")),
            "Done: Drifted",
        ),
        Row(
            "B12",
            "but while the number shows it, it is taken over",
            looked(healthy().report_drift().placed(&["app9", "app1"]).rival(leaver()), "app9"),
            r#"Update Followed: app_id="app1""#,
        ),
        Row(
            "B13",
            "also beside one on its way out",
            looked(healthy(), "console").placed(&["app9", "app1"]).rival(leaver()).corrected(&[100, 500, 900]),
            "Wait until 4500: Contested",
        ),
        Row("B13", "three corrections within an hour", drifted().corrected(&[100, 500, 900]), "Wait until 4500: Contested"),
        Row("B13", "two are not enough", drifted().corrected(&[500, 900]), r#"Update Drifted: app_id="app1""#),
        Row("B13", "then one an hour", drifted().contested(900), "Wait until 4500: Contested"),
        Row(
            "B13",
            "but an edit is carried out",
            looked(healthy().contested(900).edited("app2"), "console"),
            "WritePlaced app1, app2 after app0 (Spec)",
        ),
        Row(
            "B14",
            "what was refused is not sent again",
            looked(healthy().edited("app2").answered("app2", Cause::Edited, refused(RefusalKind::Invalid), 990), "app1"),
            "Wait until 22590: Rejected",
        ),
        Row(
            "B14",
            "nor if the provider says not found, and the number is there",
            healthy().edited("app2").answered("app2", Cause::Edited, Outcome::NotFound { proven: true }, 990).read(995, "app1"),
            "Wait until 22590: Rejected",
        ),
        Row(
            "B14",
            "a proxy's page is no refusal",
            looked(healthy().placed(&["app1", "app2"]).edited("app2").answered("app2", Cause::Edited, PAGE, 900), "app1"),
            r#"Update Edited: app_id="app2""#,
        ),
        Row(
            "B14",
            "until something else is wanted",
            looked(
                healthy().edited("app2").answered("app2", Cause::Edited, refused(RefusalKind::Invalid), 990).pointing_at("app3"),
                "app1",
            ),
            "WritePlaced app1, app3 after app0 (Spec)",
        ),
        Row("B15", "the bindings are read live before a change", healthy().listed(995, true, Some("app7")), "ReadRivals"),
        Row("B15", "again in each pass", healthy().read(995, "console").surveyed(985, "console"), "ReadRivals"),
        Row(
            "B15",
            "and when it has taken too long",
            healthy().with(|view| view.memory.pass_began = at(980)).surveyed(989, "console").read(990, "console"),
            "ReadRivals",
        ),
        Row("B15", "a new one as well", applied().read(995, "app0"), "ReadRivals"),
        Row("B16", "then the number", healthy().listed(995, true, Some("app7")).surveyed(996, "app7"), "Get Urgent"),
        Row("B16", "once more", applied().read(995, "app0").surveyed(996, "app0"), "Get Urgent"),
        Row("B16", "an earlier pass's read does not count", healthy().surveyed(996, "app7").read(985, "app7"), "Get Urgent"),
        Row("B16", "not from a listing", healthy().surveyed(996, "app7").read(997, "app7").listed(998, true, Some("app7")), "Get Urgent"),
        Row("B16", "for a new one all again if it has changed", applied().surveyed(995, "app9").read(997, "app0"), "ReadRivals"),
        Row(
            "B16",
            "nor is anything called after a failure before its turn",
            healthy().listed(995, true, Some("app7")).surveyed(996, "app7").trouble(TroubleKind::Unknown, 1000),
            "Wait until 1000: ProviderUnreachable",
        ),
        Row(
            "B16",
            "a page of a proxy slows the next look down",
            healthy().page(996, 1000).listed(998, true, Some("app7")).surveyed(999, "app7"),
            "Wait until 1000: ProviderUnreachable",
        ),
        Row("B16", "an outdated copy is looked at as if there were none", heir().surveyed(995, "app9").read(996, "app7"), "ReadRivals"),
        Row("B17", "and replaced by what is there", looked(heir(), "app7"), "WritePlaced app1 after app7 (Observed)"),
        Row("B17", "also if that is what is wanted", looked(heir(), "app1"), "WritePlaced app1 after app1 (Observed)"),
        Row("B4", "but not while another one holds it", looked(heir().rival(leaver()), "app7"), "AddFinalizer"),
        Row("B17", "what agrees from the start is stored as well", looked(applied(), "app1"), "WritePlaced app1 after app1 (Observed)"),
        Row(
            "B17",
            "a status that says available would hide a lost correction from the next process",
            drifted().condition(ConditionType::Ready, Reason::Available, 1),
            "WritePlaced app1 after app0 (Spec)",
        ),
        Row(
            "B18",
            "then it is corrected",
            drifted().condition(ConditionType::Ready, Reason::Progressing, 1),
            r#"Update Drifted: app_id="app1""#,
        ),
        Row("B17", "what was there and what will be is stored", first("app0"), "WritePlaced app1 after app0 (Observed)"),
        Row("B17", "our own is nothing to come back to", first("app7").own(&["app7"]), "WritePlaced app1 after none (Observed)"),
        Row("B17", "also if that is what is wanted", first("app1").own(&["app1"]), "WritePlaced app1 after none (Observed)"),
        Row(
            "B4",
            "that it still is shown then makes nothing outdated",
            looked(applied().previous("").placed(&["app1"]), "app7").own(&["app7"]),
            "AddFinalizer",
        ),
        Row("B17", "also if nothing was there", first(""), "WritePlaced app1 after none (Observed)"),
        Row("B17", "what was lost is not invented", looked(bound().wiped(), "app7"), "WritePlaced app1 after ? (Spec)"),
        Row("B17", "another target is written ahead", looked(healthy().edited("app2"), "app1"), "WritePlaced app1, app2 after app0 (Spec)"),
        Row("B17", "none as well", looked(healthy().edited(""), "app1"), "WritePlaced app1, none after app0 (Spec)"),
        Row(
            "B17",
            "also if only another field differs",
            looked(applied().wanting("alias", "new"), "app1"),
            "WritePlaced app1 after app1 (Observed)",
        ),
        Row(
            "B18",
            "the finalizer comes before the change",
            looked(bound().wiped().without_finalizer().placed(&["app1"]).pinned().previous("app0"), "app0"),
            "AddFinalizer",
        ),
        Row(
            "B18",
            "then the number is changed",
            looked(heir().finalizer().placed(&["app9", "app1"]).pinned(), "app9"),
            r#"Update Edited: app_id="app1""#,
        ),
        Row("B18", "drift is corrected", drifted(), r#"Update Drifted: app_id="app1""#),
        Row(
            "B18",
            "app_id goes with every change",
            looked(healthy().wanting("subaccount", "SA1").edited("app1"), "app1"),
            r#"Update Edited: app_id="app1" subaccount="SA1""#,
        ),
        Row(
            "B18",
            "not after a failure before its turn",
            drifted().trouble(TroubleKind::Unknown, 1000),
            "Wait until 1000: ProviderUnreachable",
        ),
    ]
}

fn going() -> Vec<Row> {
    let read = |shown| leaving().read(995, shown);
    let ready_to = |shown| looked(leaving(), shown);
    let refuse = |start: Start, app_id| start.answered(app_id, Cause::Restored, refused(RefusalKind::Invalid), 992);
    // A page of a proxy said "not found" then; on its way out since then.
    let page = |read, since| leaving().missing(read, false).with(|view| view.memory.leaving = Some(at(since)));
    let holding = || Rival { finalizer: true, previous: Some(previous("app0")), placed: vec![placed("app1")], ..younger() };
    vec![
        Row("R1", "released", leaving().without_finalizer(), "Done: Deleting"),
        Row("R1", "gone", bound().gone(), "Done: Deleting"),
        Row("R2", "given up", leaving().given_up(&format!("+{NUMBER}")), "RemoveFinalizer (Orphaned)"),
        Row("R2", "whatever it is", leaving().given_up("unresolved").account(AccountView::Unknown), "RemoveFinalizer (Orphaned)"),
        Row("R2", "not another number", leaving().given_up("+1999").paused(), "Wait for a change: Paused"),
        Row("R3", "the account was not looked at yet", leaving().account(AccountView::Unknown), "Wait until 1010: silently"),
        Row("R4", "the bindings are read live first", leaving().rival(holding()), "ReadRivals"),
        Row("R4", "the heir holds all", leaving().rival(holding()).surveyed(996, "app1"), "RemoveFinalizer (HandedOver)"),
        Row("R4", "whatever its policy", leaving().policy(Retain).rival(holding()).surveyed(996, "app1"), "RemoveFinalizer (HandedOver)"),
        Row(
            "R4",
            "an older one as well",
            leaving().rival(Rival { created: rival(1).created, ..holding() }).surveyed(996, "app1"),
            "RemoveFinalizer (HandedOver)",
        ),
        Row(
            "R4",
            "not while an update may be on its way",
            leaving().rival(holding()).surveyed(996, "app1").with(|view| view.memory.doubt = Some((at(950), 1))),
            "Wait until 1100: Deleting",
        ),
        Row("R5", "the heir holds nothing yet", leaving().rival(younger()), "Wait until 1150: Deleting"),
        Row("R5", "or could still vanish", leaving().rival(Rival { finalizer: false, ..holding() }), "Wait until 1150: Deleting"),
        Row(
            "R5",
            "but one whose account cannot be used is not waited for",
            leaving().rival(Rival { ready: false, ..younger() }),
            "Get Urgent",
        ),
        Row("R5", "nor under Retain", leaving().policy(Retain).rival(Rival { ready: false, ..younger() }), "RemoveFinalizer (Retained)"),
        Row(
            "R4",
            "unless it holds all: then the number may be its own already",
            leaving().rival(Rival { ready: false, ..holding() }).surveyed(996, "app1"),
            "RemoveFinalizer (HandedOver)",
        ),
        Row(
            "R5",
            "or does not know all that was put there",
            leaving().placed(&["app1", "app2"]).rival(holding()),
            "Wait until 1150: Deleting",
        ),
        Row(
            "R6",
            "the older of two that go takes over what the younger put there",
            leaving().rival(Rival { deleting: true, placed: vec![placed("app9")], ..holding() }),
            "WritePlaced app9, app1 after app0 (Inherited)",
        ),
        Row(
            "R6",
            "and gives it back itself",
            ready_to("app9").placed(&["app9", "app1"]).rival(Rival { deleting: true, placed: vec![placed("app9")], ..holding() }),
            r#"Update Restored: app_id="app0""#,
        ),
        Row("R7", "Retain", leaving().policy(Retain), "RemoveFinalizer (Retained)"),
        Row(
            "R7",
            "also without an account",
            leaving().policy(Retain).account(AccountView::NotReady(problem(Reason::AccountNotReady))),
            "RemoveFinalizer (Retained)",
        ),
        Row("R8", "its status is lost", leaving().wiped(), "RemoveFinalizer (PreviousLost)"),
        Row("R8", "also under Unassign", leaving().wiped().policy(Unassign), "RemoveFinalizer (PreviousLost)"),
        Row("R11", "unless it may show our own", leaving().wiped().own(&["app7"]), "Get Urgent"),
        Row("R8", "it does not", leaving().wiped().own(&["app7"]).read(995, "app1"), "RemoveFinalizer (PreviousLost)"),
        Row(
            "R8",
            "what was put there is no proof",
            bound().placed(&["app1"]).deleting().with(forget).own(&["app7"]).read(995, "app1"),
            LOST,
        ),
        Row("R14", "it does", looked(leaving().wiped(), "app7").own(&["app7"]), NONE),
        Row("R14", "also what it put there", looked(leaving().with(forget), "app1").own(&["app1"]), NONE),
        Row("R18", "it does not any more", leaving().wiped().own(&["app7"]).read(995, ""), "RemoveFinalizer (Unassigned)"),
        Row("R7", "nobody looks under Retain", leaving().wiped().own(&["app7"]).policy(Retain), "RemoveFinalizer (Retained)"),
        Row("R9", "nor while the account cannot be used", leaving().wiped().own(&["app7"]).suspended(), "Wait for a change: Suspended"),
        Row(
            "R19",
            "the account is gone, and it never wrote there",
            heir().finalizer().deleting().account(AccountView::Missing(problem(Reason::AccountNotFound))),
            "RemoveFinalizer (Unproven)",
        ),
        Row(
            "R9",
            "but one that did waits for it",
            leaving().account(AccountView::Missing(problem(Reason::AccountNotFound))),
            "Wait for a change: AccountNotFound",
        ),
        Row(
            "R9",
            "account not ready",
            leaving().account(AccountView::NotReady(problem(Reason::AccountNotReady))),
            "Wait for a change: AccountNotReady",
        ),
        Row("R9", "the credentials lead elsewhere", leaving().account(ready("MA2")), "Wait for a change: AccountMismatch"),
        Row("R9", "an account that only serves deletions serves this", leaving().deletions_only(), "Get Urgent"),
        Row("R9", "paused", leaving().paused(), "Wait for a change: Paused"),
        Row("R9", "suspended", leaving().suspended(), "Wait for a change: Suspended"),
        Row("R9", "shutting down", leaving().stopping(), "Wait for a change: silently"),
        Row("R10", "an earlier pass's answer does not count", leaving().missing(985, true), "Get Urgent"),
        Row("R10", "nor a proxy's", leaving().missing(995, false), "List Repair: Deleting"),
        Row("R10", "which the listing confirms that it asked for", page(985, 980).listed(990, true, None), "RemoveFinalizer (NumberGone)"),
        Row("R10", "not an incomplete one", page(985, 980).listed(990, false, None), "Get Urgent"),
        Row("R10", "not one from before the deletion", page(900, 960).listed(950, true, None), "Get Urgent"),
        Row(
            "R10",
            "and a listing that shows it slows the next look down",
            leaving().page(996, 1000).listed(998, true, Some("app1")),
            "Wait until 1000: Deleting",
        ),
        Row("R11", "it is read", leaving(), "Get Urgent"),
        Row("R11", "not taken from a listing", leaving().listed(995, true, Some("app1")), "Get Urgent"),
        Row("R12", "somebody has put it elsewhere", read("console"), "RemoveFinalizer (NotOurs)"),
        Row("R12", "also under Unassign", read("console").policy(Unassign), "RemoveFinalizer (NotOurs)"),
        Row("R12", "an older target of ours is ours", ready_to("app5").placed(&["app5", "app1"]), r#"Update Restored: app_id="app0""#),
        Row("R13", "the restore is read back", leaving().updated("app0", 995, 1), "Get Urgent"),
        Row("R13", "it may take a while to show", leaving().updated("app0", 993, 1).read(995, "app1"), "Wait until 1053: Deleting"),
        Row("R14", "the bindings are read live first", read("app1"), "ReadRivals"),
        Row("R14", "then the number", read("app1").surveyed(996, "app1"), "Get Urgent"),
        Row("R14", "what was there before comes back", ready_to("app1"), r#"Update Restored: app_id="app0""#),
        Row("R14", "but our own does not", ready_to("app1").own(&["app0"]), NONE),
        Row("R14", "nor if the provider refused it, as it was known then", looked(refuse(leaving(), "app0"), "app1").own(&["app0"]), NONE),
        Row("R12", "it is no proof of who put it there", read("app7").own(&["app7"]), "RemoveFinalizer (NotOurs)"),
        Row("R18", "and is gone then", read("").own(&["app0"]), "RemoveFinalizer (Unassigned)"),
        Row("R14", "also none", ready_to("app1").previous(""), r#"Update Restored: app_id="""#),
        Row("R14", "or none, under Unassign", ready_to("app1").policy(Unassign), r#"Update Unassigned: app_id="""#),
        Row(
            "R14",
            "with the alias, if it is what was put there",
            ready_to("app1").with(|view| {
                view.status.placed[0].alias = Some("desk".into());
                view.evidence.got = Some(Got { began: at(995), found: Some(number("app1", "desk")), proven: true });
            }),
            r#"Update Restored: alias="old" app_id="app0""#,
        ),
        Row(
            "R14",
            "and without, if it is not",
            ready_to("app1").with(|view| {
                view.status.placed[0].alias = Some("desk".into());
                view.evidence.got = Some(Got { began: at(995), found: Some(number("app1", "console")), proven: true });
            }),
            r#"Update Restored: app_id="app0""#,
        ),
        Row("R15", "what was there before is gone", looked(refuse(leaving(), "app0"), "app1"), r#"Update Unassigned: app_id="""#),
        Row(
            "R15",
            "or is not found",
            looked(leaving().answered("app0", Cause::Restored, Outcome::NotFound { proven: true }, 992), "app1"),
            r#"Update Unassigned: app_id="""#,
        ),
        Row(
            "R15",
            "or is accepted twice and never shown",
            looked(leaving().updated("app0", 930, 2), "app1"),
            r#"Update Unassigned: app_id="""#,
        ),
        Row("R15", "then it is told so", refuse(leaving(), "app0").read(995, ""), "RemoveFinalizer (PreviousGone)"),
        Row(
            "R16",
            "a proxy's page is no refusal",
            looked(leaving().answered("app0", Cause::Restored, PAGE, 900), "app1"),
            r#"Update Restored: app_id="app0""#,
        ),
        Row(
            "R16",
            "nor is a lost answer",
            looked(leaving().answered("app0", Cause::Restored, unknown(), 900), "app1"),
            r#"Update Restored: app_id="app0""#,
        ),
        Row(
            "R17",
            "an update may still be on its way",
            read("app0").with(|view| view.memory.doubt = Some((at(950), 1))),
            "Wait until 1100: Deleting",
        ),
        Row(
            "R17",
            "also one of another process",
            read("console").with(|view| view.memory.foreign = Some(at(950))),
            "Wait until 1100: Deleting",
        ),
        Row("R17", "then it is looked at again", read("app0").with(|view| view.memory.doubt = Some((at(846), 1))), "Get Urgent"),
        Row("R17", "what was accepted may be slow to show", read("app0").updated("app1", 994, 1), "Wait until 1054: Deleting"),
        Row("R18", "it shows what it showed before", read("app0"), "RemoveFinalizer (Restored)"),
        Row("R18", "or nothing, under Unassign", read("").policy(Unassign), "RemoveFinalizer (Unassigned)"),
    ]
}

fn obstructed() -> Vec<Row> {
    vec![
        Row("B20", "it takes no calls", applied().read(995, "").obstructed(), "Done: Rejected"),
        Row("B20", "not any more", healthy().obstructed(), "Done: Rejected"),
        Row("B20", "nor is an edit carried out", looked(healthy().edited("app2"), "app1").obstructed(), "Done: Rejected"),
        Row("B20", "or drift corrected", looked(healthy(), "console").obstructed(), "Done: Rejected"),
        Row("B20", "until that is mended", bound().read(980, "app1").obstructed().listed(990, true, Some("app1")), "Done: Available"),
        Row(
            "B1",
            "what others hold is taken over all the same",
            applied().read(995, "app9").obstructed().rival(leaver()),
            "WritePlaced app9 after app0 (Inherited)",
        ),
        Row("R14", "and what was there before comes back", looked(leaving(), "app1").obstructed(), r#"Update Restored: app_id="app0""#),
    ]
}

/// What one record's provider does and the other's does not.
fn particular() -> Vec<Row> {
    let refuse = |start: Start, id| start.answered(id, Cause::Restored, refused(RefusalKind::Invalid), 992);
    let nothing = || refuse(refuse(leaving(), "app0"), "");
    if !record().number_must_answer {
        return vec![
            Row("R10", "the number is gone", leaving().missing(995, true), "RemoveFinalizer (NumberGone)"),
            Row("R16", "the provider takes nothing", nothing().read(995, "app1"), "RemoveFinalizer (NotGivenBack)"),
            Row("B9", "a read that is not answered is tried again", applied().got(1000, unknown()), "Wait until 1000: ProviderUnreachable"),
        ];
    }
    let invalid = || refused(RefusalKind::Invalid);
    let lost = || Outcome::NotFound { proven: true };
    let ignored = || leaving().policy(Unassign).updated("", 930, 2);
    let listed = || applied().got(900, invalid()).listed(950, true, Some("app0"));
    let told = || bound().got(970, Outcome::Done(number("app1", "old")));
    vec![
        Row("B8", "it cannot be selected", applied().got(995, invalid()), "List Repair: AwaitingEvidence"),
        Row("B8", "or that is not answered", applied().got(995, unknown()), "List Repair: AwaitingEvidence"),
        Row("B8", "asked once", applied().got(995, invalid()).listing_wanted(998), "Wait until 1148: AwaitingEvidence"),
        Row("B15", "the listing shows it", listed(), "ReadRivals"),
        Row("B16", "then it is read by its id", listed().surveyed(996, "app0"), "Get Urgent"),
        Row("B8", "or does not", applied().got(900, invalid()).listed(950, true, None), "Done: NumberNotInAccount"),
        Row("B8", "a torn one tells nothing", applied().got(900, invalid()).listed(950, false, None), "List Repair: AwaitingEvidence"),
        Row("B8", "an id that it had may not be its own any more", told().got(995, lost()), "List Repair: AwaitingEvidence"),
        Row("B11", "there it is", told().got(985, lost()).listed(990, true, Some("app1")), "Done: Available"),
        Row("B8", "there it is not", told().got(985, lost()).listed(990, true, None), "Done: NumberNotInAccount"),
        Row(
            "B16",
            "what is known by its id is only read again",
            told().edited("app2").got(1000, unknown()).surveyed(996, "app1"),
            "Wait until 1000: ProviderUnreachable",
        ),
        Row("R10", "that nothing was selected proves nothing", leaving().missing(995, true), "List Repair: Deleting"),
        Row("R10", "an older listing neither", leaving().missing(995, true).listed(994, true, None), "List Repair: Deleting"),
        Row(
            "R10",
            "but with a listing after it",
            leaving().missing(985, true).with(|view| view.memory.leaving = Some(at(980))).listed(990, true, None),
            "RemoveFinalizer (NumberGone)",
        ),
        Row("R10", "it cannot be selected", leaving().got(995, unknown()), "List Repair: Deleting"),
        Row(
            "R10",
            "and the listing does not show it",
            leaving().got(985, invalid()).with(|view| view.memory.leaving = Some(at(980))).listed(990, true, None),
            "RemoveFinalizer (NumberGone)",
        ),
        Row("R20", "the provider takes nothing", nothing().read(995, "app1"), "Wait until 22592: DeletionRefused"),
        Row("R20", "as a listing shows", nothing().listed(995, true, Some("app1")), "Wait until 22592: DeletionRefused"),
        Row("R20", "nothing was there before", refuse(leaving().previous(""), "").read(995, "app1"), "Wait until 22592: DeletionRefused"),
        Row(
            "R20",
            "under Unassign",
            leaving().policy(Unassign).answered("", Cause::Unassigned, refused(RefusalKind::Invalid), 992).read(995, "app1"),
            "Wait until 22592: DeletionRefused",
        ),
        Row("R20", "or takes it twice and does not do it", ignored().read(995, "app1"), "Wait until 22530: DeletionRefused"),
        Row("R13", "which a read has to tell", ignored().read(985, "app1"), "Get Urgent"),
        Row("R11", "after 6 hours it is looked at again", nothing().read(995, "app1").at(22600), "Get Urgent"),
        Row(
            "R14",
            "and all is tried again",
            nothing().at(22600).surveyed(22595, "app1").read(22596, "app1"),
            r#"Update Restored: app_id="app0""#,
        ),
        Row("R14", "also what had no effect", ignored().at(22600).surveyed(22595, "app1").read(22596, "app1"), NONE),
        Row(
            "R15",
            "one after the other",
            nothing()
                .answered("app0", Cause::Restored, refused(RefusalKind::Invalid), 22594)
                .at(22600)
                .surveyed(22595, "app1")
                .read(22596, "app1"),
            NONE,
        ),
        Row("R12", "unless somebody leads it elsewhere", nothing().read(995, "console"), "RemoveFinalizer (NotOurs)"),
        Row("R18", "or back", nothing().read(995, "app0"), "RemoveFinalizer (Restored)"),
        Row("R7", "or lets it stay", nothing().read(995, "app1").policy(Retain), "RemoveFinalizer (Retained)"),
        Row(
            "R4",
            "or binds it anew",
            nothing().read(995, "app1").rival(Rival { placed: vec![placed("app1")], ..owner() }).surveyed(996, "app1"),
            "RemoveFinalizer (HandedOver)",
        ),
    ]
}

/// No application, or trunk group.
const NONE: &str = r#"Update Unassigned: app_id="""#;

fn rows() -> Vec<Row> {
    [waiting(), looking(), changing(), obstructed(), going(), particular()].into_iter().flatten().collect()
}

/// What is expected, in the words of the provider: fields go in the order of their names.
fn worded(expected: &str) -> String {
    match expected.split_once(": ").filter(|_| expected.starts_with("Update ")) {
        Some((update, fields)) => {
            let renamed = fields.replace("app_id=", &format!("{}=", target()));
            let mut fields: Vec<&str> = renamed.split(' ').collect();
            fields.sort_unstable();
            format!("{update}: {}", fields.join(" "))
        }
        None => expected.to_owned(),
    }
}

#[test]
fn each_row_of_the_table_answers_as_it_says_whatever_answers_numbers() {
    let mut wrong = Vec::new();
    for provider in [APPLICATIONS, TRUNK_GROUPS] {
        at_provider(provider);
        wrong.extend(rows().into_iter().filter_map(|Row(row, sentence, start, expected)| {
            let (expected, found) = (worded(expected), describe(&next(&start.build())));
            (found != expected).then(|| format!("{row} {sentence} ({}):\n  expected {expected}\n  found    {found}", target()))
        }));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_number_is_read_and_changed_by_the_id_that_it_was_seen_to_have() {
    for (provider, id) in [(APPLICATIONS, NUMBER), (TRUNK_GROUPS, "did1")] {
        at_provider(provider);
        let asked = |start: Start| match next(&start.build()) {
            Action::Get(asked, _) => asked,
            Action::Update { id, .. } => id,
            other => panic!("{other}"),
        };
        assert_eq!(asked(applied()), NUMBER, "it was never seen");
        assert_eq!(asked(applied().got(995, Outcome::Done(number("app0", "old"))).surveyed(996, "app0")), id, "a read told it");
        assert_eq!(asked(healthy().listed(980, true, Some("app7")).surveyed(996, "app7")), id, "so does a listing");
        assert_eq!(asked(looked(healthy(), "console")), id);
        assert_eq!(asked(looked(leaving(), "app1")), id);
        let sent = bound().got(980, Outcome::Done(number("app7", "old"))).answered("app1", Cause::Drifted, Outcome::Done(()), 995);
        assert_eq!(asked(sent), id, "what was read before is still what it is read by");
        let gone = bound().got(980, Outcome::Done(number("app7", "old"))).got(985, Outcome::NotFound { proven: true });
        assert_eq!(gone.build().asked(), if provider.list_filter { NUMBER } else { id }, "an id that is not there any more is forgotten");
    }
}

#[test]
fn what_was_not_taken_of_a_number_is_asked_anew_of_the_one_that_has_its_digits_now() {
    at_provider(TRUNK_GROUPS);
    let start =
        leaving().got(980, Outcome::Done(number("app1", "old"))).answered("app0", Cause::Restored, refused(RefusalKind::Invalid), 990);
    assert_eq!(start.view.memory.not_taken.len(), 1);
    let other = || Number { id: "did2".into(), ..number("app1", "old") };
    assert_eq!(start.clone().got(995, Outcome::Done(number("app1", "old"))).view.memory.not_taken.len(), 1);
    assert_eq!(start.got(995, Outcome::Done(other())).view.memory.not_taken.len(), 0);
}

#[test]
fn every_row_of_the_documented_table_is_tested() {
    let documented: BTreeSet<&str> = include_str!("../mod.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! | ")?.split(" | ").next())
        .filter(|row| row.starts_with(['B', 'R']) && row[1..].chars().all(|c| c.is_ascii_digit()))
        .collect();
    let rows = [APPLICATIONS, TRUNK_GROUPS].map(|provider| {
        at_provider(provider);
        rows()
    });
    let tested: BTreeSet<&str> = rows.iter().flatten().map(|row| row.0).collect();
    assert_eq!(documented, tested);
}

#[test]
fn a_status_that_said_contested_before_a_restart_counts_as_just_contested() {
    let mut view = looked(healthy(), "console").condition(ConditionType::Ready, Reason::Contested, 1).build();
    view.memory.newest = None;
    let asked = view.clone();
    teach(&mut view, |learnt| learnt.object_seen(&asked));
    assert_eq!(describe(&next(&view)), "Wait until 4600: Contested");
}
