//! The rows of the table at a provider that selects by a name which anybody can change, that tells what points to a thing, and whose fields
//! are changed in more than one request.

use super::make::{
    Start, adopted, adopting, applied, at, healthy, labelled, mark, named, password, problem, recorded, remote, text, theirs,
};
use super::table::{Row, announced, stranger};
use crate::api::condition::{Condition, Reason};
use crate::core::fields::{Address, Fields, PASSWORD, Remote, Role, Value};
use crate::core::outcome::Outcome;
use crate::core::view::{Desired, Updated};

const IN_USE: &[&str] = &["trunk t1 of trunk group g1"];

/// What is answered otherwise there than at a provider whose usernames carry the mark: row, its sentence, the answer.
const INSTEAD: &[(&str, &str, &str)] = &[
    // Which of several is in use has to be known first.
    ("L5", "the smallest suffix wins", "ReadReferences e12"),
    // A search is answered in the same pass: none is waited for.
    ("L7", "once at a time", "Find Create: AwaitingEvidence"),
    ("L21", "which is waited for", "Find Create: AwaitingEvidence"),
    ("L21", "and must be complete", "Find Create: AwaitingEvidence"),
    // What points to it is asked before anything is deleted.
    ("L8", "a condemned endpoint is deleted", "ReadReferences e2"),
    ("L8", "also while a create is unresolved", "ReadReferences e2"),
    ("D13", "not by another id", "ReadReferences e1"),
    ("D13", "nor as unresolved while one is recorded", "ReadReferences e1"),
    ("D8", "the recorded one", "ReadReferences e1"),
    ("D8", "also if the account serves nothing else", "ReadReferences e1"),
    ("D8", "a not-found is refuted by a later listing", "ReadReferences e1"),
    ("D8", "adopted, to be deleted", "ReadReferences e1"),
    ("D8", "adopted, seen just lately enough", "ReadReferences e1"),
    ("D9", "listed with our mark", "ReadReferences e2"),
    ("D9", "condemned", "ReadReferences e2"),
    // The name is not what it was: our ledger says that it is ours all the same, and an adopted one is what its id says.
    ("L13", "somebody else's", r#"Update e1 Drifted: name="P""#),
    ("L13", "also in a listing", r#"Update e1 Edited: alias="x" name="P""#),
    ("L13", "its id is another endpoint's now", "Done: Available"),
    ("L13", "be it one with this object's mark", "Done: Available"),
    ("D8", "must be ours", "ReadReferences e1"),
    ("D8", "adopted, but its id is another endpoint's now", "ReadReferences e1"),
    // What it does not show is no drift.
    ("L15", "what else differs is corrected all the same", "Done: ProviderNormalisedValue"),
    // Searches instead of listings.
    ("D10", "an open one is searched for", "Find Urgent: Deleting"),
    ("D12", "one is not enough for an open intent", "Find Urgent: Deleting"),
    ("D12", "a listing from before proves nothing", "Find Urgent: Deleting"),
    ("D12", "no listing yet", "Find Urgent: Deleting"),
    ("D16", "another object's by now, and no listing says more", "Find Urgent: Deleting"),
];

/// The rows of both providers, with the answers of this one.
pub fn instead(rows: Vec<Row>) -> Vec<Row> {
    let mut others: Vec<_> = INSTEAD.iter().collect();
    let rows = rows.into_iter().map(|Row(id, sentence, start, expected)| {
        let other = others.iter().position(|(row, what, _)| (*row, *what) == (id, sentence)).map(|at| others.remove(at).2);
        // Nothing is appended to a name, and what carries the mark is asked for in one call.
        let same = || expected.replace("(P1)", "(P)").replace("(P2)", "(P)").replace("List Create", "Find Create");
        Row(id, sentence, start, other.unwrap_or_else(|| same().leak()))
    });
    let rows = rows.collect();
    assert!(others.is_empty(), "no such row: {others:?}");
    rows
}

pub fn rows() -> Vec<Row> {
    [searching(), renamed(), roles(), condemned(), choosing(), comparing(), stale(), deleting(), groups(), maps()]
        .into_iter()
        .flatten()
        .collect()
}

fn searching() -> Vec<Row> {
    let unlisted = || applied().not_listed_this_term().permit().finalizer();
    let lost = || recorded().missing("e1", 995);
    vec![
        Row("L5", "what a search finds is read", announced(990).searched(995, &["e1"]), "Get e1 Create"),
        Row("L5", "and recorded", announced(990).searched(995, &["e1"]).got("e1", 996), "Record e1 (P)"),
        Row("L5", "also from a torn one", announced(990).searched_remotes(995, false, vec![remote("e1")]), "Get e1 Create"),
        Row(
            "L5",
            "what is found but is another account's is not",
            announced(998).searched_remotes(999, true, vec![elsewhere("e1")]),
            "Find Create: AwaitingEvidence",
        ),
        Row("L6", "two searches since it settled", announced(800).searched(951, &[]).searched(955, &[]), "CloseEpoch (NotExecuted)"),
        Row("L6", "or a listing and a search", announced(800).listed(951, &[]).searched(955, &[]), "CloseEpoch (NotExecuted)"),
        Row("L6", "not one of them", announced(800).searched(951, &[]), "Find Create: AwaitingEvidence"),
        Row("L6", "nor one that began too early", announced(800).searched(950, &[]).searched(955, &[]), "Find Create: AwaitingEvidence"),
        Row(
            "L5",
            "also if the ones before did not",
            announced(800).searched(951, &[]).searched(955, &[]).searched(960, &["e1"]),
            "Get e1 Create",
        ),
        Row(
            "L6",
            "nor of a provider that turned out not to select",
            announced(800).searched(951, &[]).searched(955, &[]).unselective(),
            "List Create: AwaitingEvidence",
        ),
        Row(
            "L7",
            "searches that prove nothing get rarer",
            announced(800).searched_remotes(994, false, vec![]),
            "Wait until 1038: AwaitingEvidence",
        ),
        Row(
            "L18",
            "a search says nothing of the recorded one",
            lost().searched(996, &[]).searched(997, &[]),
            "List Repair: AwaitingEvidence",
        ),
        Row("L18", "but shows that it is there", lost().searched(996, &["e1"]), "Done: Available"),
        Row("L20", "listings say that it is gone", lost().listed(990, &[]).listed(996, &[]).searched(997, &[]), "Forget"),
        Row("L19", "unless a search finds another", lost().listed(990, &[]).listed(996, &[]).searched(997, &["e2"]), "Get e2 Repair"),
        Row("L14", "a search shows a second one", healthy().searched(995, &["e1", "e2"]), "Get e2 Repair"),
        Row("L23", "one search of this term is enough", unlisted().searched(990, &[]), "WriteIntent 1 fresh"),
        Row(
            "L21",
            "a search of a former term is not",
            unlisted().searched(990, &[]).with(|view| view.term = at(991)),
            "Find Create: AwaitingEvidence",
        ),
        Row("L21", "nor a torn one", unlisted().searched_remotes(995, false, vec![]), "Wait until 1003: AwaitingEvidence"),
        Row("L21", "nor at a provider that does not select", unlisted().searched(990, &[]).unselective(), "List Create: AwaitingEvidence"),
        Row("L22", "what it finds is recorded", unlisted().searched(990, &["e1"]).got("e1", 995), "Record e1 (P)"),
        Row("L12", "a restart is served by one listing for all", recorded().not_listed_this_term(), "List Sweep: Progressing"),
        Row(
            "D11",
            "a search is proof enough",
            recorded().deleted("e1", 999, true).searched(990, &[]).deleting(),
            "RemoveFinalizer (Clean)",
        ),
        Row("D12", "not of the recorded one", recorded().missing("e1", 995).searched(996, &[]).deleting(), "List Urgent: Deleting"),
    ]
}

fn elsewhere(id: &str) -> Remote {
    Remote { role: Role::Elsewhere, ..remote(id) }
}

fn gateway(id: &str) -> Remote {
    Remote { role: Role::Gateway(vec![Address { ip: "203.0.113.1".into(), port: None, transport: None }]), ..named(id, "gateway") }
}

/// With the mark of another object of this installation.
fn of_another(id: &str) -> Remote {
    named(id, &labelled(mark("cluster-a", "bob").as_str(), "77"))
}

fn renamed() -> Vec<Row> {
    let put_back = r#"Update e1 Drifted: name="P""#;
    let edited = || recorded().listed_remotes(990, true, vec![stranger("e1")]);
    vec![
        Row("L16", "a name that was edited is put back", edited(), put_back),
        Row("L16", "also with another mark of another kind", recorded().got_remote(990, named("e1", "alice4cpuqv38ww92g")), put_back),
        Row("L16", "or reported", edited().report_drift(), "Done: Drifted"),
        Row("L13", "unless it carries another object's mark", recorded().got_remote(990, of_another("e1")), "Done: OwnershipLost"),
        Row("L13", "nor without a ledger of ours", edited().with(|view| view.status.ledger = None), "Done: OwnershipLost"),
        Row("L13", "another one of its account's", recorded().got_remote(990, elsewhere("e1")), "Done: OwnershipLost"),
        Row(
            "L14",
            "a second one that was renamed is let be",
            healthy().listed_remotes(995, true, vec![remote("e1"), stranger("e2")]),
            "Done: Available",
        ),
        Row("L17", "adopted: whatever its name", adopted().got_remote(995, named("e1", "renamed")), "Done: Available"),
        Row("L28", "adopted: a recorded id without its name proves nothing", adopted().label(None), "Get e1 Urgent"),
        Row("D8", "renamed, and to be deleted", edited().referenced("e1", 999, &[]).deleting(), "DeleteEndpoint e1 (Requested)"),
        Row(
            "D8",
            "not if it carries another object's mark",
            recorded().got_remote(990, of_another("e1")).deleting(),
            "Wait for a change: OwnershipLost",
        ),
    ]
}

fn roles() -> Vec<Row> {
    let gate = gateway("e1");
    vec![
        Row("L39", "the provider's own side is nobody's", adopting().got_remote(999, gate), "Done: AdoptNotFound"),
        Row(
            "L39",
            "another account's is as good as none",
            adopting().got_remote(999, Remote { role: Role::Elsewhere, ..theirs("e1") }),
            "Wait until 1299: AdoptNotFound",
        ),
        Row(
            "L23",
            "nor is it found by its mark",
            applied().permit().finalizer().listed_remotes(990, true, vec![elsewhere("e1")]),
            "WriteIntent 1 fresh",
        ),
        Row("L14", "nor a second one", healthy().listed_remotes(995, true, vec![remote("e1"), elsewhere("e2")]), "Done: Available"),
        Row(
            "D11",
            "nor left over",
            healthy().deleted("e1", 999, true).listed_remotes(995, true, vec![elsewhere("e2")]).deleting(),
            "RemoveFinalizer (Clean)",
        ),
    ]
}

fn condemned() -> Vec<Row> {
    let seen = || healthy().tombstone("e2").listed(995, &["e1", "e2"]).pass_began(998);
    let read = || seen().got("e2", 999);
    let in_use = || read().referenced("e2", 999, IN_USE);
    vec![
        Row("L37", "it must show its mark in this pass", seen(), "Get e2 Repair"),
        Row("L37", "and what points to it is asked", read(), "ReadReferences e2"),
        Row("L37", "in this pass", read().referenced("e2", 997, &[]), "ReadReferences e2"),
        Row("L37", "nothing does", read().referenced("e2", 999, &[]), "DeleteEndpoint e2 (Duplicate)"),
        Row("L37", "renamed meanwhile, it is not ours", seen().got_remote(999, stranger("e2")), "ClearTombstone e2"),
        Row("L37", "in use, it stays condemned", in_use(), "Wait until 1149: DuplicateFound"),
        Row("L37", "and the rest goes on", in_use().edited("reception"), r#"Update e1 Edited: alias="reception""#),
        Row("L37", "what else is wrong is said first", in_use().report_drift().got_remote(999, stranger("e1")), "Wait until 1149: Drifted"),
        Row("L37", "it is not asked again at once", seen().referenced("e2", 900, IN_USE), "Wait until 1050: DuplicateFound"),
        Row("L37", "but after a while", read().referenced("e2", 850, IN_USE), "ReadReferences e2"),
        Row(
            "L37",
            "or when somebody asks for it",
            read().referenced("e2", 990, IN_USE).with(|view| view.object.reconcile_requested = Some("now".into())),
            "ReadReferences e2",
        ),
        Row("L37", "a refused deletion waits longer each time", read().undeleted("e2", 999, 9, true), "Wait until 1099: DuplicateFound"),
        Row("L37", "others do not wait for it", in_use().tombstone("e3").got("e3", 999), "ReadReferences e3"),
        Row("L37", "it is kept if the recorded one is missing", in_use().missing("e1", 999), "ClearTombstone e2"),
        Row(
            "L37",
            "or none is recorded",
            announced(990).tombstone("e2").listed(995, &["e2"]).referenced("e2", 999, IN_USE),
            "ClearTombstone e2",
        ),
        Row("L37", "not while paused", in_use().paused(), "Done: Paused"),
    ]
}

fn choosing() -> Vec<Row> {
    let two = || applied().finalizer().listed(990, &["e1", "e2"]).pass_began(995);
    let asked = || two().referenced("e1", 996, &[]).referenced("e2", 996, IN_USE);
    vec![
        Row("L38", "of several it is asked which is in use", two(), "ReadReferences e1"),
        Row("L38", "of each", two().referenced("e1", 996, &[]), "ReadReferences e2"),
        Row("L38", "in this pass", two().referenced("e1", 996, &[]).referenced("e2", 994, IN_USE), "ReadReferences e2"),
        Row("L38", "that one is read", asked(), "Get e2 Create"),
        Row("L38", "and recorded", asked().got("e2", 997), "Record e2 (P)"),
        Row("L38", "else the first", two().referenced("e1", 996, &[]).referenced("e2", 996, &[]).got("e1", 997), "Record e1 (P)"),
        Row("L38", "one alone is not asked about", applied().finalizer().listed(990, &["e1"]).pass_began(995), "Get e1 Create"),
    ]
}

fn with(fields: &[(&'static str, &str)]) -> Remote {
    let mut remote = remote("e1");
    remote.fields.extend(fields.iter().map(|(field, value)| (*field, text(value))));
    remote
}

/// Something is wanted that the provider does not show.
fn unshown() -> Start {
    recorded().with(|view| {
        if let Desired::Wanted(wanted) = &mut view.desired {
            wanted.fields.insert("app_id", text("ivr"));
        }
    })
}

fn edit(start: Start) -> Start {
    start.with(|view| view.object.generation += 1)
}

fn sent(start: Start, app_id: &str) -> Start {
    start.with(|view| drop(view.memory.accepted.insert("app_id", text(app_id))))
}

fn comparing() -> Vec<Row> {
    let read = |fields: &[(&'static str, &str)]| recorded().got_remote(999, with(fields));
    vec![
        Row("L16", "what goes together first", read(&[("alias", "x"), ("addresses", "y")]), r#"Update e1 Drifted: alias="desk""#),
        Row("L16", "then the rest", read(&[("addresses", "y")]), r#"Update e1 Drifted: addresses="desk""#),
        Row("L16", "what is not shown is no drift", unshown().got("e1", 999), "Done: Available"),
        Row("L16", "it is sent after an edit", edit(unshown()).got("e1", 999), r#"Update e1 Edited: app_id="ivr""#),
        Row("L16", "after a look by id that might show it", edit(unshown()).listed(990, &["e1"]), "Get e1 Urgent"),
        Row("L16", "unless it was what was sent last", sent(edit(unshown()), "ivr").got("e1", 999), "Done: Available"),
        Row("L16", "which is something else than before", sent(edit(unshown()), "x").got("e1", 999), r#"Update e1 Edited: app_id="ivr""#),
        Row(
            "L15",
            "what was sent and is not shown is taken as kept",
            sent(edit(unshown()), "ivr").updated(&[("app_id", text("ivr"))], 900, 2).got("e1", 999),
            "Done: Available",
        ),
        Row(
            "L15",
            "what came back in another form is not sent again after another edit that goes with it",
            edit(recorded())
                .with(|view| {
                    let before = Updated { change: Fields::from([("alias", text("desk"))]), at: at(700), times: 2 };
                    view.memory.normalised.settled(&before, view.timing.visible(), at(890), &with(&[("alias", "DESK")]).fields);
                })
                .updated(&[("addresses", text("desk"))], 900, 1)
                .got_remote(999, with(&[("alias", "DESK")])),
            "Done: ProviderNormalisedValue",
        ),
        Row("L17", "peers have no address of their own, and are not read for it", recorded().got("e1", 999).unread(), "Done: Available"),
        Row("L17", "nor are those that a listing shows", recorded().unread().listed(990, &["e1"]), "Done: Available"),
        Row("L17", "a trunk group", healthy().trunk_group(), "Done: Available"),
        Row("L17", "what our create answered is read already", healthy().trunk_group().got("e1", 999), "Done: Available"),
    ]
}

fn members(pairs: &[(&str, &str)]) -> Value {
    Value::Members(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

/// The spec wants these members of a map, and the provider shows those.
fn with_members(wanted: &[(&str, &str)], shown: &[(&str, &str)]) -> Start {
    let seen = Remote { fields: with(&[]).fields.into_iter().chain([("attributes", members(shown))]).collect(), ..remote("e1") };
    recorded().got_remote(999, seen).with(|view| {
        if let Desired::Wanted(all) = &mut view.desired {
            all.fields.insert("attributes", members(wanted));
        }
    })
}

fn maps() -> Vec<Row> {
    let theirs = ("owner", "somebody");
    let sent = |pairs: &[(&str, &str)]| [("attributes", members(pairs))];
    vec![
        Row(
            "L17",
            "members that nobody named are none of ours",
            with_members(&[("site", "b")], &[("site", "b"), theirs]),
            "Done: Available",
        ),
        Row(
            "L16",
            "those that are named are",
            with_members(&[("site", "b")], &[("site", "c"), theirs]),
            r#"Update e1 Drifted: attributes={"site": "b"}"#,
        ),
        Row(
            "L15",
            "what was sent is seen beside others",
            with_members(&[("site", "b")], &[("site", "b"), theirs]).updated(&sent(&[("site", "b")]), 995, 1),
            "Done: Available",
        ),
        Row(
            "L15",
            "one that is not wanted any more is not waited for",
            with_members(&[("site", "b")], &[("site", "b")]).updated(&sent(&[("site", "b"), ("floor", "2")]), 995, 2),
            "Done: Available",
        ),
        Row(
            "L15",
            "one that comes back in another form is said",
            with_members(&[("site", "b")], &[("site", "B"), theirs]).updated(&sent(&[("site", "b")]), 900, 2),
            "Done: ProviderNormalisedValue",
        ),
    ]
}

/// Our last update was answered at this second, and showed the alias "reception".
fn changed(seconds: u64) -> Start {
    recorded().edited("reception").shown(&[("alias", text("reception"))], seconds)
}

fn stale() -> Vec<Row> {
    let again = r#"Update e1 Edited: alias="reception""#;
    vec![
        Row("L17", "a look that is behind causes no second write", changed(990).got("e1", 995), "Done: Available"),
        Row("L17", "nor a listing", changed(950).listed(999, &["e1"]), "Done: Available"),
        Row("L16", "for as long as an effect may be invisible", changed(939).got("e1", 999), again),
        Row("L16", "what it answered itself counts", changed(995).got("e1", 995), again),
        Row("L16", "another wish is another write", changed(990).edited("lobby").got("e1", 995), r#"Update e1 Edited: alias="lobby""#),
        Row(
            "L16",
            "also the one from before",
            recorded().shown(&[("alias", text("reception"))], 990).got("e1", 995),
            r#"Update e1 Drifted: alias="desk""#,
        ),
        Row(
            "L17",
            "a password is not sent again for it",
            recorded().shown(&[(PASSWORD, Value::Secret(password(1)))], 990).got_remote(995, other_password()),
            "Done: Available",
        ),
        Row(
            "L16",
            "but later",
            recorded().shown(&[(PASSWORD, Value::Secret(password(1)))], 930).got_remote(995, other_password()),
            "Update e1 Drifted: password=***",
        ),
    ]
}

/// A list that is replaced takes with it what stands beside it, under a name of its own: see the attributes at CarrierX.
#[test]
fn what_a_later_answer_shows_counts_more_than_what_an_earlier_one_did() {
    let answered = |app_id: &str| {
        let mut start = recorded().shown(&[("app_id", text("ivr"))], 990);
        let mut now = remote("e1");
        now.fields.extend([("alias", text("reception")), ("app_id", text(app_id))]);
        let change = [("alias", text("reception"))].into();
        start.teach(|learnt, view| learnt.updated(view, "e1", &change, &Outcome::Done(Some(now)), at(992), at(993)));
        let shown = start.view.memory.shown.get("app_id").expect("it was shown");
        (shown.value.clone(), shown.at)
    };
    assert_eq!(answered("ivr"), (text("ivr"), at(990)), "the same as before");
    assert_eq!(answered("lobby"), (text("lobby"), at(993)), "the update of another field has changed it");
}

fn other_password() -> Remote {
    Remote { password_digest: Some(password(3)), ..remote("e1") }
}

fn deleting() -> Vec<Row> {
    let going = || healthy().deleting().pass_began(995);
    vec![
        Row("D17", "what points to it is asked", going(), "ReadReferences e1"),
        Row("D17", "in this pass", going().referenced("e1", 994, &[]), "ReadReferences e1"),
        Row("D17", "nothing does", going().referenced("e1", 996, &[]), "DeleteEndpoint e1 (Requested)"),
        Row("D17", "something does", going().referenced("e1", 996, IN_USE), "Wait until 1146: DeletionRefused"),
        Row("D17", "it is not asked again at once", going().referenced("e1", 900, IN_USE), "Wait until 1050: DeletionRefused"),
        Row("D17", "but after a while", going().referenced("e1", 850, IN_USE), "ReadReferences e1"),
        Row("D17", "in its turn", going().trouble(super::table::SUSPICION, 1000, 9), "Wait until 1100: Deleting"),
        Row("D17", "the brake is said first", going().braked(), "Wait for a change: Braked"),
        Row("D17", "a young one that is not shown is waited for first", young(), "Wait until 1140: Deleting"),
        Row(
            "D17",
            "also what is left over",
            applied().finalizer().blank_since(990).listed(995, &["e2"]).referenced("e2", 999, IN_USE).deleting(),
            "Wait until 1149: DeletionRefused",
        ),
        Row("D3", "nobody asks what points to what is retained", healthy().retain().deleting(), "RemoveFinalizer (Retained)"),
        Row("D3", "a trunk group that nobody needs goes all the same", retained(), "ReadReferences e1"),
        Row("D3", "one to which somebody's number leads stays", retained().referenced("e1", 996, IN_USE), "RemoveFinalizer (Retained)"),
        Row("D3", "so it was long ago", retained().referenced("e1", 840, IN_USE), "ReadReferences e1"),
        Row("D3", "one that bindings need stays", retained().with(needed), "RemoveFinalizer (Retained)"),
        Row("D3", "one whose bindings go with it waits for them", retained().with(needed_for_now), "Wait for a change: DeletionRefused"),
        Row(
            "D3",
            "unless nothing can be done about it anyway",
            retained().with(needed_for_now).account_not_ready(),
            "RemoveFinalizer (Retained)",
        ),
        Row("D3", "one that could not be deleted stays", retained().undeleted("e1", 1000, 3, true), "RemoveFinalizer (Retained)"),
        Row(
            "D3",
            "one that is not ours stays",
            retained().got_remote(999, named("e1", mark("cluster-a", "bob").as_str())),
            "RemoveFinalizer (Retained)",
        ),
        Row("D3", "and where nothing can be done about it", retained().account_not_ready(), "RemoveFinalizer (Retained)"),
        Row("D3", "not before the account was looked at", retained().account_unknown(), "Wait until 1010: silently"),
        Row("D19", "that a trunk group goes is said first", leaving(Reason::Available, None), "Wait until 1002: Deleting"),
        Row(
            "D19",
            "unless something else is to be said",
            leaving(Reason::DeletionRefused, None).referenced("e1", 840, IN_USE),
            "ReadReferences e1",
        ),
        Row("D19", "and when that is over", leaving(Reason::DeletionRefused, None).referenced("e1", 996, &[]), "Wait until 1002: Deleting"),
        Row("D19", "what the last one did may not show yet", leaving(Reason::Deleting, Some(990)), "Wait until 1050: Deleting"),
        Row("D19", "then it is asked what points to it", leaving(Reason::Deleting, Some(940)), "ReadReferences e1"),
        Row("D19", "and it goes", leaving(Reason::Deleting, Some(900)).referenced("e1", 996, &[]), "DeleteEndpoint e1 (Requested)"),
        Row(
            "D14",
            "a trunk group that numbers still need",
            healthy().trunk_group().deleting().with(needed),
            "Wait for a change: DeletionRefused",
        ),
        Row(
            "D18",
            "what was just received, if it is in use already",
            received().undeleted("e1", 1000, 3, true),
            "Wait until 1003: DeletionRefused",
        ),
        Row("D2", "else it is not asked", received(), "DeleteEndpoint e1 (JustReceived)"),
        Row("D18", "refused, it waits", going().undeleted("e1", 1000, 3, true), "Wait until 1003: DeletionRefused"),
        Row("D18", "longer each time", going().undeleted("e1", 1000, 9, true), "Wait until 1100: DeletionRefused"),
        Row("D18", "then it asks again", going().undeleted("e1", 600, 20, true), "ReadReferences e1"),
        Row("D18", "not answered, it waits as well", going().undeleted("e1", 1000, 9, false), "Wait until 1100: Deleting"),
    ]
}

/// A trunk group that nobody needs, with what is said of it, and when the last one let go.
fn leaving(said: Reason, free_since: Option<u64>) -> Start {
    healthy().trunk_group().deleting().pass_began(995).with(|view| {
        let ready = Condition { type_: "Ready".into(), reason: said.as_str().into(), ..view.status.conditions[0].clone() };
        view.status.conditions.push(ready);
        view.memory.free_since = free_since.map(at);
    })
}

/// The same, of an object whose endpoint is to stay.
fn retained() -> Start {
    leaving(Reason::Deleting, Some(900)).retain()
}

fn received() -> Start {
    super::table::about_to_create().own(Some(Outcome::Done("e1"))).deleting()
}

fn young() -> Start {
    announced(990).closed().record("e1").got("e1", 991).deleted("e1", 995, false).deleting().pass_began(998)
}

fn needed(view: &mut crate::core::view::View) {
    view.brakes.deletion = Some(problem(Reason::DeletionRefused));
}

fn needed_for_now(view: &mut crate::core::view::View) {
    needed(view);
    view.brakes.passing = true;
}

fn groups() -> Vec<Row> {
    let along = |start: Start| {
        start.with(|view| {
            if let Desired::Wanted(wanted) = &mut view.desired
                && let Some(password) = &mut wanted.password
            {
                password.along = Some("addresses");
            }
        })
    };
    let twice = |field: &'static str, value: &str| [(field, text(value))];
    vec![
        Row(
            "L16",
            "a password goes along with its field",
            along(recorded().rotated(2)).got("e1", 999),
            r#"Update e1 Rotated: addresses="desk" password=***"#,
        ),
        Row(
            "L16",
            "and the field with its password",
            along(recorded()).got_remote(999, with(&[("addresses", "y")])),
            r#"Update e1 Drifted: addresses="desk" password=***"#,
        ),
        Row(
            "L16",
            "after what goes before",
            along(recorded().rotated(2)).got_remote(999, with(&[("alias", "x")])),
            r#"Update e1 Drifted: alias="desk""#,
        ),
        Row(
            "L16",
            "a reported drift goes back as it is",
            along(recorded().rotated(2)).report_drift().pass_began(995).got_remote(999, with(&[("addresses", "y")])),
            r#"Update e1 Rotated: addresses="y" password=***"#,
        ),
        Row(
            "L15",
            "what came back in another form is not sent again after other fields",
            recorded()
                .updated_before(&twice("alias", "desk"), 800, 2)
                .updated(&twice("addresses", "desk"), 900, 1)
                .got_remote(999, with(&[("alias", "DESK")])),
            "Done: ProviderNormalisedValue",
        ),
        Row(
            "L15",
            "of either kind",
            recorded()
                .updated_before(&twice("alias", "desk"), 800, 2)
                .updated(&twice("addresses", "desk"), 900, 2)
                .got_remote(999, with(&[("alias", "DESK"), ("addresses", "d")])),
            "Done: ProviderNormalisedValue",
        ),
    ]
}
