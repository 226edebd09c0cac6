//! The operator is killed (SIGKILL) before and after each side effect about an endpoint at CarrierX, its trunk group and its number. The
//! next one finds out what was done.

use serde_json::{Value, json};

use super::stage::{NUMBER, Stage};
use crate::cases::{all, case};
use crate::observe::Told;
use crate::world::{Operator, eventually};

/// What happens to the objects while no operator runs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meanwhile {
    Nothing,
    /// Everything is deleted.
    Deleted,
}

const BOTH: [Meanwhile; 2] = [Meanwhile::Nothing, Meanwhile::Deleted];

async fn until(stage: &Stage, point: &str) -> Operator {
    stage.world.operator_with(&[], &[("SWITCHBOARD_FAILPOINT", point)]).await
}

async fn reached(mut operator: Operator, point: &str) {
    operator.says(&format!("failpoint {point} reached")).await;
    operator.kill().await;
}

/// An endpoint and a number that is led to it, by an operator that ends there.
async fn led() -> Stage {
    let stage = Stage::new().await;
    stage.number(NUMBER, json!({})).await;
    let operator = stage.world.operator().await;
    stage.peer("pbx", "203.0.113.7").await;
    stage.lead("main", NUMBER, "pbx").await;
    stage.world.bound("main").await;
    operator.kill().await;
    stage
}

/// Everything goes, and leaves nothing.
async fn leaves_nothing(stage: &Stage) {
    stage.world.binding_gone("main").await;
    stage.world.gone("pbx").await;
    stage.nothing_left().await;
    assert_eq!(stage.group_of(NUMBER).await, "");
    let tally = stage.tally().await;
    let of = |op: &str| tally.get(op).copied().unwrap_or_default();
    assert_eq!((of("create_endpoint"), of("create_trunk_group")), (of("delete_endpoint"), of("delete_trunk_group")), "{tally:#?}");
    assert!(of("create_endpoint") <= 1 && of("create_trunk_group") <= 1, "{tally:#?}");
    stage.honest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_on_the_way_to_a_bound_number_makes_nothing_twice() {
    let mut cases = Vec::new();
    // All others of an endpoint are the same wherever it is made (kills.rs).
    let of_endpoint = ["create"];
    let of_group = ["group_intent", "group_create", "group_record"];
    let of_number = ["previous", "update"];
    for point in of_endpoint.into_iter().chain(of_group).chain(of_number) {
        for side in ["before", "after"] {
            for meanwhile in BOTH {
                let point = format!("{point}.{side}");
                cases.push(case(format!("killed at {point}, meanwhile: {meanwhile:?}"), async move {
                    let stage = Stage::new().await;
                    stage.number(NUMBER, json!({})).await;
                    let operator = until(&stage, &point).await;
                    stage.peer("pbx", "203.0.113.7").await;
                    stage.lead("main", NUMBER, "pbx").await;
                    reached(operator, &point).await;
                    if meanwhile == Meanwhile::Deleted {
                        stage.world.delete_binding("main").await;
                        stage.world.delete("pbx").await;
                    }
                    let _operator = Told::start("killed on the way there", &stage.world, &[]).await;
                    match meanwhile {
                        Meanwhile::Deleted => leaves_nothing(&stage).await,
                        Meanwhile::Nothing => {
                            stage.world.bound("main").await;
                            stage.only("pbx").await;
                            assert_eq!(stage.group_of(NUMBER).await, stage.led("pbx").await);
                            assert_eq!(stage.groups().await.len(), 1);
                            assert_eq!(stage.ledger().await, ["create_endpoint", "create_trunk_group", "create_trunk", "update_did"]);
                            stage.honest().await;
                        }
                    }
                }));
            }
        }
    }
    all(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_on_the_way_out_leaves_nothing_behind() {
    let mut cases = Vec::new();
    for point in ["update", "group_delete", "group_release", "delete", "release"] {
        for side in ["before", "after"] {
            let point = format!("{point}.{side}");
            cases.push(case(format!("killed at {point}"), async move {
                let stage = led().await;
                stage.world.delete("pbx").await;
                stage.world.delete_binding("main").await;
                let operator = until(&stage, &point).await;
                reached(operator, &point).await;
                let _operator = Told::start("killed on the way out", &stage.world, &[]).await;
                leaves_nothing(&stage).await;
            }));
        }
    }
    all(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_an_edit_or_of_a_move_is_made_good() {
    let mut cases = Vec::new();
    for side in ["before", "after"] {
        let point = format!("update.{side}");
        cases.push(case(format!("killed at {point} of addresses"), async move {
            let stage = led().await;
            stage.world.patch("pbx", json!({"spec": {"carrierx": {"addresses": [{"ip": "203.0.113.8"}], "capacity": 5}}})).await;
            let operator = until(&stage, &point).await;
            reached(operator, &point).await;
            let _operator = Told::start("killed at an edit", &stage.world, &[]).await;
            stage.world.ready("pbx").await;
            let now = stage.only("pbx").await;
            assert_eq!((&now["addresses"][0]["ip"], &now["capacity"]), (&json!("203.0.113.8"), &json!(5)));
            assert_eq!(stage.tally().await["update_endpoint"], 2, "one request for each kind");
        }));
        let point = format!("group_update.{side}");
        cases.push(case(format!("killed at {point} of a trunk that was led elsewhere"), async move {
            let stage = led().await;
            let group = stage.led("pbx").await;
            let trunk = stage.groups().await[&group]["trunks"][0]["trunk_sid"].as_str().expect("a SID").to_owned();
            stage.admin.patch_trunk(&group, &trunk, json!({"endpoint_sid": Value::Null})).await.expect("an edit");
            let operator = until(&stage, &point).await;
            reached(operator, &point).await;
            let _operator = Told::start("killed at a trunk", &stage.world, &[]).await;
            eventually("the trunk leads back", async || {
                let trunks = stage.groups().await[&group]["trunks"].clone();
                (trunks[0]["endpoint_sid"] == stage.only("pbx").await["endpoint_sid"]).then_some(())
            })
            .await;
            assert_eq!(stage.tally().await["update_trunk"], 1);
        }));
        let point = format!("placed.{side}");
        cases.push(case(format!("killed at {point} of a move"), async move {
            let stage = led().await;
            stage.peer("desk", "203.0.113.8").await;
            stage.lead_to("main", "desk").await;
            let operator = until(&stage, &point).await;
            reached(operator, &point).await;
            let _operator = Told::start("killed at a move", &stage.world, &[]).await;
            eventually("the number is led to the other", async || {
                let object = stage.world.endpoints().get("desk").await.expect("the object");
                let group = object.status.and_then(|status| status.trunk_group).and_then(|group| group.trunk_group_sid);
                (group == Some(stage.group_of(NUMBER).await)).then_some(())
            })
            .await;
            stage.world.bound("main").await;
            eventually("the first trunk group is gone", async || (stage.groups().await.len() == 1).then_some(())).await;
            assert_eq!(stage.asked(NUMBER).await.len(), 2, "each was sent once");
        }));
    }
    all(cases).await;
}
