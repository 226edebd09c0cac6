//! What GitOps tools make of our status: each kind with each reason in each state goes through the tools' own code (`tools/health`), and their
//! verdicts are compared with the table that people read (`docs/gitops.md`).

mod documented;
#[path = "../chart/helm.rs"]
#[allow(dead_code, reason = "the other half is for the chart")]
mod helm;
mod objects;
mod tools;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use switchboard::api::condition::{ConditionStatus, ConditionType, Reason};
use switchboard::api::phone_number_binding::PhoneNumberBindingStatus;
use switchboard::api::provider_account::{BrakeRecord, ProviderAccountStatus};
use switchboard::api::sip_endpoint::SipEndpointStatus;
use switchboard::api::{crd, ledger};
use switchboard::core::account::{self, Access, Facts, NoEscrow};
use switchboard::core::action::{Action, Ahead, Closed, Source};
use switchboard::core::key::ObjectKey;
use switchboard::core::view::Problem;
use switchboard::core::{binding, brake, status};

use documented::{DOCUMENTED, documented, file, quoted};
use objects::{GENERATION, Saying, account_status, endpoint, facts, manifest, number, say, time};
use tools::{Row, asked, compare, verdicts};

const KINDS: [&str; 4] = ["SipEndpoint", "PhoneNumberBinding", "ProviderAccount", "ClusterProviderAccount"];
/// Reasons of the condition `Registered` and of no other.
const OF_REGISTERED: [&str; 3] = ["Registered", "NotRegistered", "StaticPeer"];

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
    type Case = (&'static str, Access, bool, Vec<(brake::Kind, BrakeRecord)>, Reason);
    let table: Vec<Case> = vec![
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
fn the_check_before_an_uninstall_is_a_hook_that_this_argo_cd_never_runs() {
    let text = file("docs/gitops.md");
    assert!(text.contains("(Argo CD 3.2,") && text.contains("**Argo CD before 3.3 ignores it**"));
    let customizations = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/argocd/argocd-cm.yaml");
    let rendered = helm::render(&json!({}));
    let check = helm::one(&rendered, "Job switchboard-system/switchboard-uninstall-check");
    let operator = helm::one(&rendered, "Deployment switchboard-system/switchboard");
    // One that it does run: it says when.
    let mut other = check.clone();
    other["metadata"]["annotations"]["helm.sh/hook"] = json!("post-install");
    let answers = asked("hooks", "argocd", &[&customizations], &[check, operator, &other]);
    let said: Vec<(&Value, &Value)> = answers.iter().map(|answer| (&answer["hook"], &answer["times"])).collect();
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(said, [(&yes, &Value::Null), (&no, &Value::Null), (&yes, &json!(["PostSync"]))]);
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

#[test]
fn without_the_script_argo_cd_knows_nothing_of_our_health() {
    let empty = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-customizations.yaml");
    std::fs::write(&empty, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm}\n").expect("a file");
    let objects = KINDS.map(|kind| Saying::new(kind, false).says(Reason::Rejected));
    for answer in asked("none", "argocd", &[&empty], &objects.iter().collect::<Vec<_>>()) {
        assert_eq!(answer["verdict"], "none");
    }
}
