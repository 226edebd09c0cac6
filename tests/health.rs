//! What GitOps tools make of our status: each kind with each reason in each state goes through the tools' own code (`tools/health`), and their
//! verdicts are compared with the table that people read (`docs/gitops.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use switchboard::api::condition::{ConditionStatus, ConditionType, Reason};
use switchboard::api::phone_number_binding::PhoneNumberBindingStatus;
use switchboard::api::policy::{BindingDeletionPolicy, DeletionPolicy, DriftPolicy, ExternalDeletionPolicy, ManagementPolicy};
use switchboard::api::provider_account::{BrakeRecord, ProviderAccountStatus};
use switchboard::api::sip_endpoint::SipEndpointStatus;
use switchboard::api::{crd, ledger};
use switchboard::core::account::{self, Access, Facts, NoEscrow, Users, Waits};
use switchboard::core::action::{Action, Ahead, Closed, Finding, Source};
use switchboard::core::brake;
use switchboard::core::key::ObjectKey;
use switchboard::core::mark::{Installation, Mark, Place};
use switchboard::core::status::merge_conditions;
use switchboard::core::time::Moment;
use switchboard::core::view::{self, AccountView, Brakes, Fresh, Object, Policy, Problem, Thing, Timing};
use switchboard::core::{binding, status};

const KINDS: [&str; 4] = ["SipEndpoint", "PhoneNumberBinding", "ProviderAccount", "ClusterProviderAccount"];
/// The generation that a status is about, unless a row says otherwise.
const GENERATION: i64 = 3;
/// Reasons of the condition `Registered` and of no other.
const OF_REGISTERED: [&str; 3] = ["Registered", "NotRegistered", "StaticPeer"];

/// What kstatus, Flux and Argo CD say.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Verdicts([String; 3]);

/// One object and what is to be said of it.
struct Row {
    name: String,
    object: Value,
    expected: Verdicts,
}

// What people read.

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of the tables of a Markdown file, without their heads.
fn table_rows(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").map(|cell| cell.trim_matches(['|', ' ']).to_owned()).collect()).collect()
}

/// The words between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The documented tables: by reason of `Ready`, and by state, where that decides alone.
struct Documented {
    reasons: BTreeMap<String, Verdicts>,
    unseen: Verdicts,
    outdated: Verdicts,
    deleting: Verdicts,
}

static DOCUMENTED: LazyLock<Documented> = LazyLock::new(|| {
    let rows = table_rows(&file("docs/gitops.md"));
    let mut reasons = BTreeMap::new();
    let mut states = BTreeMap::new();
    for row in rows {
        let [one, two, three, four] = <[String; 4]>::try_from(row).expect("tables of verdicts have four columns");
        if quoted(&four).next().is_some() {
            for reason in quoted(&four).filter(|word| *word != "Ready") {
                let verdicts = Verdicts([one.clone(), two.clone(), three.clone()]);
                assert_eq!(reasons.insert(reason.to_owned(), verdicts), None, "{reason} is documented twice");
            }
        } else {
            states.insert(one, Verdicts([two, three, four]));
        }
    }
    let state = |begins: &str| {
        let found = states.iter().find(|(name, _)| name.starts_with(begins));
        found.unwrap_or_else(|| panic!("no state {begins:?} in {states:?}")).1.clone()
    };
    let (unseen, outdated, deleting) = (state("not looked at yet"), state("the status is about an older"), state("being deleted"));
    Documented { reasons, unseen, outdated, deleting }
});

fn documented(reason: Reason) -> Verdicts {
    DOCUMENTED.reasons.get(reason.as_str()).cloned().unwrap_or_else(|| panic!("{reason} is not documented"))
}

/// The first block of this language in the file whose text holds `mark`.
fn block(text: &str, language: &str, mark: &str) -> String {
    let blocks = text.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix(language));
    blocks.map(ToOwned::to_owned).find(|block| block.contains(mark)).unwrap_or_else(|| panic!("no {language} block with {mark}"))
}

// What the operator writes, made by its own functions.

fn time() -> Time {
    Time(Timestamp::UNIX_EPOCH)
}

fn object(deleting: bool) -> Object {
    Object {
        uid: "u1".into(),
        generation: GENERATION,
        deleting,
        gone: false,
        finalizer: true,
        paused: false,
        reconcile_requested: None,
        force_orphan: None,
    }
}

fn timing() -> Timing {
    Timing { settle: Duration::from_secs(150), retry_base: Duration::from_secs(1) }
}

fn fresh() -> Fresh {
    Fresh { nonce: "n1".into(), time: time(), writer: "me".into(), seed: 7 }
}

fn blocked() -> Problem {
    Problem { reason: Reason::Progressing, message: "as the test wants it".into() }
}

fn endpoint(status: SipEndpointStatus, deleting: bool) -> view::View {
    let installation = Installation::new("cluster-a");
    view::View {
        thing: Thing::Endpoint,
        object: object(deleting),
        status,
        desired: view::Desired::Blocked(blocked()),
        mark: Mark::new(Place::Username, &installation, "voice", "alice", "alice"),
        installation,
        policy: Policy {
            management: ManagementPolicy::Manage,
            deletion: DeletionPolicy::Delete,
            drift: DriftPolicy::Correct,
            external_deletion: ExternalDeletionPolicy::Recreate,
        },
        adopt: None,
        connection: None,
        claims: BTreeMap::new(),
        account: AccountView::Unknown,
        brakes: Brakes::default(),
        evidence: Default::default(),
        memory: Default::default(),
        now: Moment(Duration::from_secs(1000)),
        timing: timing(),
        fresh: fresh(),
        stopping: false,
    }
}

fn number(status: PhoneNumberBindingStatus, deleting: bool) -> binding::view::View {
    binding::view::View {
        object: object(deleting),
        created: None,
        status,
        number: "14155550100".into(),
        desired: binding::view::Desired::Blocked(blocked()),
        policy: binding::view::Policy { deletion: BindingDeletionPolicy::Restore, drift: DriftPolicy::Correct },
        rivals: Vec::new(),
        account: AccountView::Unknown,
        evidence: Default::default(),
        memory: Default::default(),
        now: Moment(Duration::from_secs(1000)),
        timing: timing(),
        fresh: fresh(),
        stopping: false,
    }
}

fn say(reason: Reason) -> Finding {
    Finding::new(reason, format!("what is wrong (\"{reason}\"), where, and what to do:\n  kubectl … — „so“"))
}

/// The status of an account as the operator writes it.
fn account_status(old: &ProviderAccountStatus, verdict: &account::Verdict, facts: &Facts<'_>) -> ProviderAccountStatus {
    ProviderAccountStatus {
        observed_generation: Some(GENERATION),
        conditions: merge_conditions(&old.conditions, account::conditions(verdict, facts), GENERATION, &time()),
        installation: Some("k3f".into()),
        ..old.clone()
    }
}

fn facts(key: &ObjectKey, access: Access) -> Facts<'_> {
    let waits = Waits { rest: Duration::from_secs(600), retry: Duration::from_secs(5) };
    Facts {
        key,
        access,
        deleting: false,
        users: Users::Known(vec![ObjectKey::endpoint("voice", "alice")]),
        suspended: false,
        brakes: Vec::new(),
        waits,
    }
}

/// What the operator says of an object of this kind for one reason after the other: each status is made from the one before.
struct Saying {
    kind: &'static str,
    deleting: bool,
    endpoint: SipEndpointStatus,
    binding: PhoneNumberBindingStatus,
    account: ProviderAccountStatus,
}

impl Saying {
    fn new(kind: &'static str, deleting: bool) -> Saying {
        Saying { kind, deleting, endpoint: Default::default(), binding: Default::default(), account: Default::default() }
    }

    fn says(&mut self, reason: Reason) -> Value {
        let status = match self.kind {
            "SipEndpoint" => {
                self.endpoint = status::report(&endpoint(self.endpoint.clone(), self.deleting), &say(reason));
                serde_json::to_value(&self.endpoint)
            }
            "PhoneNumberBinding" => {
                self.binding = binding::status::report(&number(self.binding.clone(), self.deleting), &say(reason));
                serde_json::to_value(&self.binding)
            }
            _ => {
                let key = ObjectKey::account("voice", "plivo");
                let mut facts = facts(&key, Access::Proven("Plivo/MA1".into()));
                facts.deleting = self.deleting;
                let decided = account::Verdict { finding: say(reason), ..account::verdict(&facts) };
                self.account = account_status(&self.account, &decided, &facts);
                serde_json::to_value(&self.account)
            }
        };
        manifest(self.kind, GENERATION, self.deleting, status.expect("a status is JSON"))
    }
}

/// An object as the API server shows it. Its spec is of no interest to anybody who asks for its health.
fn manifest(kind: &str, generation: i64, deleting: bool, status: Value) -> Value {
    let mut metadata = json!({
        "name": "alice", "uid": "u1", "resourceVersion": "7", "generation": generation, "creationTimestamp": "2026-01-01T00:00:00Z",
        "finalizers": ["switchboard.dev/endpoint"],
    });
    if kind != "ClusterProviderAccount" {
        metadata["namespace"] = json!("voice");
    }
    if deleting {
        metadata["deletionTimestamp"] = json!("2026-01-01T00:00:01Z");
        metadata["deletionGracePeriodSeconds"] = json!(0);
    }
    json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": {}, "status": status})
}

// What the tools say.

/// The folder with the tools' own code as programs; built where it is missing, which takes minutes, once.
static TOOLS: LazyLock<PathBuf> = LazyLock::new(|| {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/health.sh");
    let built = Command::new(script).stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("tools/health.sh");
    assert!(built.status.success(), "tools/health.sh: {}; what it said is above", built.status);
    PathBuf::from(String::from_utf8(built.stdout).expect("a path").trim())
});

/// The lines that a tool answers to these objects.
fn asked(test: &str, tool: &str, arguments: &[&Path], objects: &[&Value]) -> Vec<Value> {
    let questions = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{tool}.jsonl"));
    let lines = objects.iter().fold(String::new(), |mut lines, object| {
        writeln!(lines, "{object}").expect("a String takes everything");
        lines
    });
    fs::write(&questions, lines).expect("a file of questions");
    let stdin = File::open(&questions).expect("the file of questions");
    let output = Command::new(TOOLS.join(tool)).args(arguments).stdin(stdin).output().expect("the tool");
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    let answers = String::from_utf8(output.stdout).expect("lines of text");
    let answers: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(answers.len(), objects.len(), "{tool} answers each");
    answers
}

/// A documented manifest as a file.
fn written(test: &str, kind: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{kind}.yaml"));
    fs::write(&path, block(&file("docs/gitops.md"), "yaml\n", &format!("kind: {kind}\n"))).expect("a file");
    path
}

/// What kstatus, Flux and Argo CD say of these objects, with the message of each.
fn verdicts(test: &str, objects: &[&Value]) -> Vec<(Verdicts, [String; 2])> {
    let customizations = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/argocd/argocd-cm.yaml");
    let (application, kustomization) = (written(test, "Application"), written(test, "Kustomization"));
    let flux = asked(test, "flux", &[&kustomization], objects);
    let argocd = asked(test, "argocd", &[Path::new("-strict"), &application, &customizations], objects);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let both = flux.iter().zip(&argocd);
    both.map(|(flux, argocd)| {
        let verdicts = Verdicts([text(&flux["kstatus"]), text(&flux["flux"]), text(&argocd["verdict"])]);
        (verdicts, [text(&flux["message"]), text(&argocd["message"])])
    })
    .collect()
}

/// Fails with all rows of which the tools say something else.
fn compare(test: &str, rows: &[Row]) {
    let objects: Vec<&Value> = rows.iter().map(|row| &row.object).collect();
    let said = verdicts(test, &objects);
    let wrong: Vec<String> = rows
        .iter()
        .zip(&said)
        .filter(|(row, (verdicts, _))| row.expected != *verdicts)
        .map(|(row, (verdicts, messages))| format!("{}: expected {:?}, said {:?} ({messages:?})", row.name, row.expected.0, verdicts.0))
        .collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// What `Ready` can say.
fn reasons() -> impl Iterator<Item = Reason> {
    Reason::ALL.iter().copied().filter(|reason| !OF_REGISTERED.contains(&reason.as_str()))
}

#[test]
fn the_documented_table_has_every_reason_and_no_other() {
    let documented: BTreeSet<&str> = DOCUMENTED.reasons.keys().map(String::as_str).collect();
    assert_eq!(documented, reasons().map(Reason::as_str).collect());
    let text = file("docs/gitops.md");
    for reason in OF_REGISTERED {
        assert!(quoted(&text).any(|word| word == reason), "{reason}");
    }
}

#[test]
fn every_reason_of_every_kind_reads_as_documented_alive_edited_and_on_its_way_out() {
    let mut rows = Vec::new();
    for kind in KINDS {
        for deleting in [false, true] {
            let mut saying = Saying::new(kind, deleting);
            for reason in reasons() {
                let object = saying.says(reason);
                let state = if deleting { "being deleted" } else { "alive" };
                let expected = if deleting { DOCUMENTED.deleting.clone() } else { documented(reason) };
                if !deleting {
                    let mut edited = object.clone();
                    edited["metadata"]["generation"] = json!(GENERATION + 1);
                    rows.push(Row { name: format!("{kind} {reason} edited"), object: edited, expected: DOCUMENTED.outdated.clone() });
                }
                rows.push(Row { name: format!("{kind} {reason} {state}"), object, expected });
            }
        }
    }
    assert_eq!(rows.len(), KINDS.len() * 3 * reasons().count());
    compare("reasons", &rows);
}

#[test]
fn an_object_that_nobody_has_looked_at_is_healthy_for_no_tool() {
    let mut rows = Vec::new();
    for definition in crd::all() {
        let schema = definition.spec.versions[0].schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()).expect("a schema");
        let status = schema.properties.as_ref().and_then(|properties| properties["status"].default.clone()).expect("a default status").0;
        let kind = definition.spec.names.kind.as_str();
        rows.push(Row { name: format!("{kind} just made"), object: manifest(kind, 1, false, status), expected: DOCUMENTED.unseen.clone() });
    }
    assert_eq!(rows.len(), KINDS.len());
    compare("unseen", &rows);

    // This is what the default is for: kstatus takes an object without any status for current.
    let bare: Vec<Value> = KINDS.iter().map(|kind| manifest(kind, 1, false, json!({}))).collect();
    for (said, _) in verdicts("bare", &bare.iter().collect::<Vec<_>>()) {
        assert_eq!(said.0, ["Current", "InProgress", "Progressing"]);
    }
}

#[test]
fn a_phone_counts_for_no_tool_registered_or_not() {
    let mut rows = Vec::new();
    for (registered, reason) in [(Some(true), "Registered"), (Some(false), "NotRegistered"), (None, "")] {
        let status = SipEndpointStatus { sip_registered: registered, ..SipEndpointStatus::default() };
        let status = status::report(&endpoint(status, false), &say(Reason::Available));
        let shown = status.conditions.iter().find(|condition| condition.type_ == ConditionType::Registered.as_str());
        assert_eq!(shown.map_or("", |condition| &condition.reason), reason);
        let mut status = serde_json::to_value(status).expect("a status is JSON");
        if registered.is_none() {
            // A static peer never registers.
            let peer = json!({
                "type": ConditionType::Registered.as_str(), "status": ConditionStatus::Unknown.as_str(), "reason": "StaticPeer", "message": "",
                "observedGeneration": GENERATION, "lastTransitionTime": "2026-01-01T00:00:00Z",
            });
            status["conditions"].as_array_mut().expect("conditions").insert(0, peer);
        }
        let object = manifest("SipEndpoint", GENERATION, false, status);
        rows.push(Row { name: format!("{reason:?}"), object, expected: documented(Reason::Available) });
    }
    compare("phones", &rows);
}

#[test]
fn what_is_written_in_the_middle_of_a_create_is_never_healthy() {
    let begun = endpoint(SipEndpointStatus::default(), false);
    let intent = ledger::Intent { epoch: 1, nonce: "n1".into(), issued_time: time(), writer: "me".into() };
    let mut rows = Vec::new();
    let actions = [
        (Action::WriteIntent(intent), Reason::Progressing),
        (Action::CloseEpoch(Closed::Refused), Reason::Progressing),
        (Action::WriteTombstone("e2".into()), Reason::DuplicateFound),
        (Action::ClearTombstone("e2".into()), Reason::Progressing),
        (Action::Forget, Reason::Progressing),
    ];
    let mut view = begun;
    for (action, reason) in actions {
        view.status = status::after(&view, &action).unwrap_or_else(|| panic!("{action} is written"));
        let object = manifest("SipEndpoint", GENERATION, false, serde_json::to_value(&view.status).expect("a status is JSON"));
        rows.push(Row { name: action.to_string(), object, expected: documented(reason) });
    }
    let ahead = Ahead { previous: None, placed: Vec::new(), source: Source::Spec };
    let status = binding::status::after(&number(PhoneNumberBindingStatus::default(), false), &Action::WritePlaced(ahead));
    let status = serde_json::to_value(status.expect("it is written")).expect("a status is JSON");
    let object = manifest("PhoneNumberBinding", GENERATION, false, status);
    rows.push(Row { name: "WritePlaced".into(), object, expected: documented(Reason::Progressing) });
    compare("middle", &rows);
}

#[test]
fn an_account_reads_as_what_is_decided_of_it() {
    let key = ObjectKey::account("voice", "plivo");
    let problem = |reason| Problem { reason, message: "as found".into() };
    let proven = || Access::Proven("Plivo/MA1".into());
    let record = BrakeRecord {
        token: "k3f9".into(),
        since: time(),
        until: time(),
        count: 30,
        admitted: 25,
        released_time: None,
        released_until: None,
    };
    let braked = || vec![(brake::Kind::Deletions, record.clone())];
    let table: Vec<(&str, Access, bool, Vec<(brake::Kind, BrakeRecord)>, Reason)> = vec![
        ("all is well", proven(), false, Vec::new(), Reason::Available),
        ("suspended", proven(), true, Vec::new(), Reason::Suspended),
        ("braked", proven(), false, braked(), Reason::Braked),
        ("braked and suspended", proven(), true, braked(), Reason::Braked),
        ("no Secret", Access::Missing(problem(Reason::SecretNotFound)), false, Vec::new(), Reason::SecretNotFound),
        ("no Secret any more", Access::Kept(problem(Reason::SecretAccessDenied)), false, Vec::new(), Reason::SecretAccessDenied),
        ("no Secret any more, and braked", Access::Kept(problem(Reason::SecretNotFound)), false, braked(), Reason::Braked),
        ("no Secret, and braked", Access::Missing(problem(Reason::SecretNotFound)), false, braked(), Reason::SecretNotFound),
        (
            "no Secret, no escrow",
            Access::Lost { found: problem(Reason::SecretNotFound), escrow: NoEscrow::Absent },
            false,
            Vec::new(),
            Reason::SecretNotFound,
        ),
        ("an unusable Secret", Access::Missing(problem(Reason::SecretInvalid)), false, Vec::new(), Reason::SecretInvalid),
        ("another account", Access::Pinned { found: "MA2".into(), pinned: "MA1".into() }, false, Vec::new(), Reason::AccountMismatch),
        ("refused", Access::Rejected { message: "401".into(), due: None }, false, Vec::new(), Reason::CredentialsRejected),
        ("no answer", Access::Unreachable { message: "no route".into(), attempts: 3 }, false, Vec::new(), Reason::ProviderUnreachable),
    ];
    let mut rows = Vec::new();
    for (name, access, suspended, brakes, reason) in table {
        let facts = Facts { suspended, brakes, ..facts(&key, access) };
        let verdict = account::verdict(&facts);
        assert_eq!(verdict.finding.reason, reason, "{name}");
        let status = account_status(&ProviderAccountStatus::default(), &verdict, &facts);
        let status = serde_json::to_value(status).expect("a status is JSON");
        rows.push(Row { name: name.into(), object: manifest("ProviderAccount", GENERATION, false, status), expected: documented(reason) });
    }
    compare("accounts", &rows);
}

#[test]
fn tools_show_people_what_the_condition_says() {
    let mut saying = Saying::new("SipEndpoint", false);
    let objects = [Reason::SecretNotFound, Reason::Rejected, Reason::Paused].map(|reason| (reason, saying.says(reason)));
    let said = verdicts("messages", &objects.iter().map(|(_, object)| object).collect::<Vec<_>>());
    for ((reason, _), (_, [kstatus, argocd])) in objects.iter().zip(said) {
        let message = say(*reason).message;
        assert_eq!((kstatus, argocd), (message.clone(), format!("{reason}: {message}")));
    }
}

#[test]
fn the_config_map_of_argo_cd_holds_the_script_once_for_each_kind() {
    let config: Value = serde_saphyr::from_str(&file("deploy/argocd/argocd-cm.yaml")).expect("YAML");
    let data = config["data"].as_object().expect("data");
    let kinds: BTreeSet<String> = crd::all().into_iter().map(|definition| definition.spec.names.kind).collect();
    assert_eq!(kinds, KINDS.iter().map(ToString::to_string).collect());
    let keys = kinds.iter().map(|kind| format!("resource.customizations.health.switchboard.dev_{kind}")).collect();
    assert_eq!(data.keys().cloned().collect::<BTreeSet<_>>(), keys);
    let script = file("deploy/argocd/health.lua");
    assert!(data.values().all(|value| *value == script));
}
