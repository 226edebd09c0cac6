//! The operator is killed before and after each of its side effects, and answers are lost. A number ends where its binding wants it, or
//! where it was before; what was there before is never forgotten and never mistaken.

use serde_json::{Value, json};

use super::line::{Line, NUMBER, honest};
use crate::cases::{all, case};
use crate::observe::{Told, listings};
use crate::world::{Operator, SETTLE, World};

/// What happens to the binding while no operator runs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meanwhile {
    Nothing,
    Deleted,
}

const BOTH: [Meanwhile; 2] = [Meanwhile::Nothing, Meanwhile::Deleted];

async fn until(world: &World, point: &str) -> Operator {
    world.operator_with(&[], &[("SWITCHBOARD_FAILPOINT", point)]).await
}

async fn reached(mut operator: Operator, point: &str) {
    operator.says(&format!("failpoint {point} reached")).await;
    operator.kill().await;
}

/// The binding ends as it should, having sent nothing but what it must.
async fn ends(line: &Line, meanwhile: Meanwhile, sent_before: bool) {
    let (world, ivr, before) = (&line.world, line.ivr.as_str(), line.before.as_str());
    match meanwhile {
        Meanwhile::Nothing => {
            let object = world.bound("main").await;
            let previous = object.status.and_then(|status| status.previous).expect("what was there before");
            assert_eq!((previous.target(), world.app_of(NUMBER).await.as_str()), (before, ivr));
            // it was sent once.
            world.sent(NUMBER, &[ivr]).await;
        }
        Meanwhile::Deleted => {
            world.binding_gone("main").await;
            assert_eq!(world.app_of(NUMBER).await, before);
            let expected: &[&str] = if sent_before { &[ivr, before] } else { &[] };
            assert_eq!(world.apps(NUMBER).await, expected);
        }
    }
    honest(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_point_of_a_binding_forgets_nothing() {
    let mut cases = Vec::new();
    for point in ["previous", "finalizer", "get", "update"] {
        for side in ["before", "after"] {
            for meanwhile in BOTH {
                let (point, name) = (format!("{point}.{side}"), format!("killed at {point}.{side}, meanwhile: {meanwhile:?}"));
                cases.push(case(name, async move {
                    let line = Line::new().await;
                    let operator = until(&line.world, &point).await;
                    line.world.binding("main", NUMBER, json!({"app_id": line.ivr}), json!({})).await;
                    reached(operator, &point).await;
                    if meanwhile == Meanwhile::Deleted {
                        line.world.delete_binding("main").await;
                    }
                    let _operator = Told::start("a binding, killed", &line.world, &[]).await;
                    ends(&line, meanwhile, point == "update.after").await;
                }));
            }
        }
    }
    for side in ["before", "after"] {
        for (point, meanwhile) in
            [("placed", Meanwhile::Nothing), ("update", Meanwhile::Nothing), ("placed", Meanwhile::Deleted), ("update", Meanwhile::Deleted)]
        {
            let (point, name) = (format!("{point}.{side}"), format!("killed at {point}.{side} of an edit, meanwhile: {meanwhile:?}"));
            cases.push(case(name, async move {
                let line = Line::new().await;
                let first = line.world.operator().await;
                line.world.binding("main", NUMBER, json!({"app_id": line.other}), json!({})).await;
                line.world.bound("main").await;
                first.kill().await;
                line.world.patch_binding("main", json!({"spec": {"target": {"app_id": line.ivr}}})).await;
                let operator = until(&line.world, &point).await;
                reached(operator, &point).await;
                if meanwhile == Meanwhile::Deleted {
                    line.world.delete_binding("main").await;
                }
                let _operator = Told::start("an edit, killed", &line.world, &[]).await;
                match meanwhile {
                    Meanwhile::Nothing => drop(line.world.bound("main").await),
                    Meanwhile::Deleted => line.world.binding_gone("main").await,
                }
                let edited = meanwhile == Meanwhile::Nothing || point == "update.after";
                let apps =
                    [Some(&line.other), Some(&line.ivr).filter(|_| edited), Some(&line.before).filter(|_| meanwhile == Meanwhile::Deleted)];
                assert_eq!(line.world.apps(NUMBER).await.iter().collect::<Vec<_>>(), apps.into_iter().flatten().collect::<Vec<_>>());
                honest(&line.world).await;
            }));
        }
    }
    all(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_point_of_giving_back_or_handing_over_does_it_once() {
    let mut cases = Vec::new();
    for point in ["update.before", "update.after", "get.after", "release.before", "release.after"] {
        for heir in [false, true] {
            cases.push(case(format!("killed at {point}, an heir: {heir}"), async move {
                let line = Line::new().await;
                let world = &line.world;
                let first = world.operator().await;
                world.binding("main", NUMBER, json!({"app_id": line.ivr}), json!({})).await;
                world.bound("main").await;
                if heir {
                    world.aged("main").await;
                    world.binding("next", NUMBER, json!({"app_id": line.other}), json!({})).await;
                    world.binding_reason("next", "Conflict").await;
                }
                first.kill().await;
                world.delete_binding("main").await;
                let operator = until(world, point).await;
                reached(operator, point).await;
                let _operator = Told::start("a deletion, killed", world, &[]).await;
                world.binding_gone("main").await;
                if heir {
                    world.bound("next").await;
                }
                let last = if heir { &line.other } else { &line.before };
                world.sent(NUMBER, &[&line.ivr, last]).await;
                honest(world).await;
            }));
        }
    }
    all(cases).await;
}

/// What happens to the first update, and whether it is executed.
fn lost() -> [(&'static str, Value, bool); 4] {
    let late = u64::try_from((SETTLE / 2).as_millis()).expect("a few seconds");
    [
        ("reset, executed", json!({"answer": "cut_after"}), true),
        ("500, executed", json!({"answer": {"status": 500, "body": {"error": "internal"}}, "execute": true}), true),
        ("500, not executed", json!({"answer": {"status": 500, "body": {"error": "internal"}}, "execute": false}), false),
        ("reset, executed half a settle time later", json!({"answer": "cut_after", "execute_delay_ms": late}), true),
    ]
}

fn first_update(fault: Value) -> Value {
    let matched = json!({"match": {"method": "POST", "path": "/Number/[0-9]+/$", "count": 1}});
    crate::world::merged(matched, fault)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_whose_answer_was_lost_is_looked_for_and_its_late_execution_is_waited_for() {
    let mut cases = Vec::new();
    for (how, fault, executed) in lost() {
        for meanwhile in BOTH {
            let fault = fault.clone();
            cases.push(case(format!("{how}, then: {meanwhile:?}"), async move {
                let line = Line::new().await;
                let world = &line.world;
                world.admin.set_faults(json!([first_update(fault)])).await.expect("a fault");
                let mut operator = Told::start("a lost answer", world, &[]).await;
                world.binding("main", NUMBER, json!({"app_id": line.ivr}), json!({})).await;
                match meanwhile {
                    Meanwhile::Nothing => drop(world.bound("main").await),
                    Meanwhile::Deleted => {
                        operator.says("provider call action=\"update\" thing=\"number\"").await;
                        world.delete_binding("main").await;
                        world.binding_gone("main").await;
                    }
                }
                // Whatever was on its way has arrived by now.
                listings(world, 1).await;
                let wanted = if meanwhile == Meanwhile::Nothing { &line.ivr } else { &line.before };
                assert_eq!(world.app_of(NUMBER).await, *wanted);
                let apps = world.apps(NUMBER).await;
                assert!(apps.iter().all(|app| *app == line.ivr || *app == line.before), "{apps:?}");
                if !executed && meanwhile == Meanwhile::Nothing {
                    assert_eq!(apps, [line.ivr.as_str()]);
                }
                honest(world).await;
            }));
        }
    }
    cases.push(case("the answer to giving back is lost", async {
        let line = Line::new().await;
        let world = &line.world;
        let _operator = Told::start("a lost answer", world, &[]).await;
        world.binding("main", NUMBER, json!({"app_id": line.ivr}), json!({})).await;
        world.bound("main").await;
        world.admin.set_faults(json!([first_update(json!({"answer": "cut_after"}))])).await.expect("a fault");
        world.delete_binding("main").await;
        world.binding_gone("main").await;
        world.sent(NUMBER, &[&line.ivr, &line.before]).await;
        honest(world).await;
    }));
    all(cases).await;
}
