//! Scenarios with phone numbers.

use serde_json::json;

use super::super::observe::event;
use super::super::world::{Operator, World};
use super::scenarios::{ahead, overtaken};

const NAMED: &str = "14155550150";
const FOLLOWING: &str = "14155550151";
const RACED: &str = "14155550152";

/// A number is bound to an application by its name, and one to that of an endpoint; both change, and both are given back.
pub async fn bound_and_given_back(world: &World) {
    let name = |part: &str| format!("{part}-{}", world.namespace);
    let (before, ivr) = (world.application(&name("before")).await, world.application(&name("ivr")).await);
    let other = world.application(&name("other")).await;
    for number in [NAMED, FOLLOWING] {
        world.number(number, json!({"app_id": before})).await;
    }
    world.endpoint("nina", json!({"app_id": ivr}), json!({})).await;
    world.binding("named", NAMED, json!({"app_name": name("ivr")}), json!({"alias": "front desk"})).await;
    world.binding("following", FOLLOWING, json!({"applicationOf": {"name": "nina"}}), json!({})).await;
    for (binding, number) in [("named", NAMED), ("following", FOLLOWING)] {
        world.bound(binding).await;
        world.answered_by(number, &ivr).await;
    }
    world.repoint(NAMED, &other).await;
    event(world, "named", "DriftCorrected").await;
    world.answered_by(NAMED, &ivr).await;
    world.patch("nina", json!({"spec": {"plivo": {"app_id": other}}})).await;
    world.answered_by(FOLLOWING, &other).await;
    for (binding, number) in [("named", NAMED), ("following", FOLLOWING)] {
        world.delete_binding(binding).await;
        world.binding_gone(binding).await;
        assert_eq!(world.app_of(number).await, before, "given back");
    }
    world.delete("nina").await;
    world.gone("nina").await;
}

/// A number that an operator which stands still at `previous.before` is about to bind, when somebody changes its object. What gives it back
/// is the application that is answered.
pub async fn raced(world: &World, operator: &mut Operator) -> (&'static str, String) {
    let name = |part: &str| format!("{part}-of-{}", world.namespace);
    let (before, ivr) = (world.application(&name("before")).await, world.application(&name("ivr")).await);
    world.number(RACED, json!({"app_id": before})).await;
    world.binding("raced", RACED, json!({"app_id": ivr}), json!({})).await;
    overtaken(operator, "previous.before", world.patch_binding("raced", ahead())).await;
    world.bound("raced").await;
    world.sent(RACED, &[&ivr]).await;
    (RACED, before)
}
