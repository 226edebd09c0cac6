//! The operator is killed (SIGKILL) before and after each of its side effects. The next one finds out what was done: exactly one
//! endpoint, or none if the object is deleted, whether it was meanwhile or already then.

use serde_json::{Value, json};

use super::cases::{Case, all, blind, case, first_create};
use super::world::{SETTLE, eventually};

/// What happens to the object while no operator runs.
#[derive(Clone, Copy, Debug)]
enum Meanwhile {
    Nothing,
    Deleted,
}

const BOTH: [Meanwhile; 2] = [Meanwhile::Nothing, Meanwhile::Deleted];

/// What is left after the kill and a new start.
async fn restarted(case: &mut Case, meanwhile: Meanwhile) {
    case.kill().await;
    case.world.admin.clear_faults().await.expect("no faults");
    if let Meanwhile::Deleted = meanwhile {
        case.delete().await;
    }
    case.start().await;
}

/// The ledger's count of creates after a kill at this point of a first create.
fn made(point: &str, meanwhile: Meanwhile) -> usize {
    let sent = !["finalizer.before", "finalizer.after", "intent.before", "intent.after", "create.before"].contains(&point);
    usize::from(sent || matches!(meanwhile, Meanwhile::Nothing))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_point_of_a_create_leaves_exactly_one_endpoint_or_none_for_a_deleted_object() {
    let mut cases = Vec::new();
    for point in ["finalizer", "intent", "create", "record", "get"] {
        for side in ["before", "after"] {
            for meanwhile in BOTH {
                let point = format!("{point}.{side}");
                let name = format!("killed at {point}, meanwhile: {meanwhile:?}");
                cases.push(case(name.clone(), async move {
                    let mut case = Case::new(&name, json!([])).await;
                    case.start_until(&point).await;
                    case.apply().await;
                    case.says(&format!("failpoint {point} reached")).await;
                    restarted(&mut case, meanwhile).await;
                    let made = made(&point, meanwhile);
                    match meanwhile {
                        Meanwhile::Nothing => case.one(made).await,
                        Meanwhile::Deleted => case.zero(made).await,
                    }
                    case.sends(made).await;
                }));
            }
        }
    }
    all(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_point_of_a_deletion_leaves_no_endpoint_and_no_object() {
    let cases = ["delete.before", "delete.after", "release.before", "release.after"].into_iter().map(|point| {
        case(format!("killed at {point}"), async move {
            let mut case = Case::new(point, json!([])).await;
            case.start_until(point).await;
            case.apply().await;
            case.one(1).await;
            case.delete().await.expect("kept by the finalizer");
            case.says(&format!("failpoint {point} reached")).await;
            case.kill().await;
            case.start().await;
            case.zero(1).await;
        })
    });
    all(cases.collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_an_object_is_deleted_in_the_middle_of_its_create_leaves_nothing() {
    // The create succeeds, its answer comes after the deletion: what was received is deleted before the object goes.
    let cases = ["create.before", "create.after", "delete.before", "delete.after", "release.before", "release.after"];
    let cases = cases.into_iter().map(|point| {
        case(format!("killed at {point}"), async move {
            let delay = u64::try_from(SETTLE.as_millis() / 10).expect("less than a second");
            let mut case = Case::new(point, json!([first_create(json!({"delay_ms": delay})), blind()])).await;
            case.start_until(point).await;
            case.apply().await;
            let sent = point != "create.before";
            match sent {
                true => case.sent().await,
                false => case.says("failpoint create.before reached").await,
            }
            case.delete().await.expect("kept by the finalizer");
            case.world.admin.clear_faults().await.expect("no faults");
            case.says(&format!("failpoint {point} reached")).await;
            case.kill().await;
            case.start().await;
            case.zero(usize::from(sent)).await;
            case.sends(usize::from(sent)).await;
        })
    });
    all(cases.collect()).await;
}

/// What happens to the first create, and how often it is executed.
fn lost() -> [(&'static str, Value, usize); 4] {
    let late = u64::try_from(SETTLE.as_millis() / 2).expect("a few seconds");
    [
        ("reset, executed", json!({"answer": "cut_after"}), 1),
        ("500, not executed", json!({"answer": {"status": 500, "body": {"error": "internal"}}, "execute": false}), 0),
        ("reset, executed half a settle time later", json!({"answer": "cut_after", "execute_delay_ms": late}), 1),
        ("reset, executed twice", json!({"answer": "cut_after", "execute": 2}), 2),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_after_a_lost_answer_leaves_exactly_one_endpoint_or_none_for_a_deleted_object() {
    let mut cases = Vec::new();
    for (how, fault, executed) in lost() {
        for meanwhile in BOTH {
            let (name, fault) = (format!("{how}, killed, meanwhile: {meanwhile:?}"), fault.clone());
            cases.push(case(name.clone(), async move {
                let mut case = Case::new(&name, json!([first_create(fault), blind()])).await;
                case.start().await;
                case.apply().await;
                case.says("provider call action=\"create\"").await;
                let object = case.world.endpoints().get("alice").await.expect("the object");
                Case::unresolved(&object);
                restarted(&mut case, meanwhile).await;
                match meanwhile {
                    Meanwhile::Nothing => {
                        case.one(executed.max(1)).await;
                        case.sends(if executed > 0 { 1 } else { 2 }).await;
                    }
                    Meanwhile::Deleted => {
                        case.zero(executed).await;
                        case.sends(1).await;
                    }
                }
            }));
        }
    }
    // In flight: nobody ever learns the answer.
    for meanwhile in BOTH {
        let name = format!("killed while the create is under way, meanwhile: {meanwhile:?}");
        cases.push(case(name.clone(), async move {
            let mut case = Case::new(&name, json!([first_create(json!({"answer": "hang"})), blind()])).await;
            case.start().await;
            case.apply().await;
            eventually("a create is executed", async || case.posts().await.first().is_some_and(|post| post.executed).then_some(())).await;
            restarted(&mut case, meanwhile).await;
            match meanwhile {
                Meanwhile::Nothing => case.one(1).await,
                Meanwhile::Deleted => case.zero(1).await,
            }
            case.sends(1).await;
        }));
    }
    all(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_a_create_is_given_up_or_a_duplicate_removed_leaves_exactly_one_endpoint() {
    let refused = json!({"answer": {"status": 400, "body": {"error": "try again"}}, "execute": false});
    let twice = json!({"answer": "cut_after", "execute": 2});
    let points = [
        ("close_epoch.before", &refused, 1, 2),
        ("close_epoch.after", &refused, 1, 2),
        ("tombstone.before", &twice, 2, 1),
        ("tombstone.after", &twice, 2, 1),
        ("delete.before", &twice, 2, 1),
        ("delete.after", &twice, 2, 1),
    ];
    let cases = points.into_iter().map(|(point, fault, creates, sends)| {
        let fault = fault.clone();
        case(format!("killed at {point}"), async move {
            let mut case = Case::new(point, json!([first_create(fault)])).await;
            case.start_until(point).await;
            case.apply().await;
            case.says(&format!("failpoint {point} reached")).await;
            restarted(&mut case, Meanwhile::Nothing).await;
            case.one(creates).await;
            assert_eq!(case.posts().await.len(), sends, "creates sent");
        })
    });
    all(cases.collect()).await;
}
