//! Others work in the same account: a second operator, and people in the console.

use serde_json::{Value, json};

use super::stage::{NUMBER, SECOND, Stage, case};
use crate::cases::all;
use crate::observe::Told;
use crate::world::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_does_in_the_console_is_made_good() {
    all(vec![
        case("the endpoint is deleted", |case| endpoint_deleted(case, "conflict")),
        case("the endpoint is deleted, its trunk dangling", |case| endpoint_deleted(case, "dangling")),
        case("the trunk group is deleted", |case| group_deleted(case, "conflict")),
        case("the trunk group is deleted, its number dangling", |case| group_deleted(case, "dangling")),
        case("the trunk is deleted", trunk_deleted),
        case("the trunk leads elsewhere", trunk_moved),
        case("a second trunk", second_trunk),
        case("the number leads elsewhere", number_moved),
        case("the trunk group is renamed", renamed),
        case("the trunk group is renamed while no operator runs, and everything deleted", renamed_and_gone),
        case("a copy of the trunk group", copied),
        case("a copy of the trunk group to which somebody's number leads", copied_in_use),
        case("somebody's number leads to our trunk group", borrowed),
        case("a trunk of somebody leads to our endpoint", leads_here),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_group_goes_and_stays_with_who_needs_it() {
    all(vec![
        case("a number is led again while its former trunk group goes", again),
        case("a trunk group of a former object of the name", left_over),
        case("the trunk group of a retained endpoint that nobody needs", |case| retained(case, Needed::ByNobody)),
        case("the trunk group of a retained endpoint whose binding goes with it", |case| retained(case, Needed::UntilItsBindingIsGone)),
        case("the trunk group of a retained endpoint, to which somebody's number leads", |case| retained(case, Needed::BySomebodyElse)),
        case("a trunk group of one is given the name of another's", taken_for_ours),
    ])
    .await;
}

async fn again(case: &'static str) -> Stage {
    let (stage, _operator) = led(case).await;
    let (_, former) = whole(&stage).await;
    stage.world.delete_binding("main").await;
    stage.world.binding_gone("main").await;
    eventually("the trunk group is gone", async || stage.groups().await.is_empty().then_some(())).await;
    stage.lead("next", NUMBER, "pbx").await;
    stage.world.bound("next").await;
    let (_, group) = whole(&stage).await;
    assert_eq!(stage.asked(NUMBER).await, [json!(former), Value::Null, json!(group)], "never to one that is gone");
    stage.world.delete_binding("next").await;
    stage.world.binding_gone("next").await;
    stage.world.delete("pbx").await;
    stage.world.gone("pbx").await;
    stage.nothing_left().await;
    stage
}

async fn left_over(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    stage.peer("pbx", "203.0.113.7").await;
    stage.world.ready("pbx").await;
    let endpoint = stage.endpoint("pbx").await;
    let trunk = json!({"endpoint_sid": endpoint["endpoint_sid"]});
    stage.admin.create_trunk_group(json!({"name": endpoint["name"], "trunks": [trunk]})).await.expect("a trunk group");
    stage.world.delete("pbx").await;
    stage.world.gone("pbx").await;
    stage.nothing_left().await;
    stage
}

#[derive(Clone, Copy, PartialEq)]
enum Needed {
    ByNobody,
    UntilItsBindingIsGone,
    BySomebodyElse,
}

async fn retained(case: &'static str, needed: Needed) -> Stage {
    let (stage, _operator) = led(case).await;
    let (endpoint, group) = whole(&stage).await;
    if needed == Needed::BySomebodyElse {
        stage.number(SECOND, json!({"trunk_group_sid": group})).await;
    }
    stage.world.patch("pbx", json!({"spec": {"deletionPolicy": "Retain"}})).await;
    if needed == Needed::UntilItsBindingIsGone {
        let late = json!({"match": {"method": "PATCH", "path": "/dids/[^/]+$", "count": 1}, "delay_ms": 1000});
        stage.admin.set_faults(json!([late])).await.expect("a fault script");
        stage.world.delete_binding("main").await;
        stage.world.delete("pbx").await;
        stage.world.binding_gone("main").await;
    } else {
        stage.world.delete_binding("main").await;
        stage.world.binding_gone("main").await;
        stage.world.delete("pbx").await;
    }
    stage.world.gone("pbx").await;
    assert!(stage.endpoints().await.contains_key(&endpoint));
    assert_eq!(stage.groups().await.contains_key(&group), needed == Needed::BySomebodyElse);
    stage
}

async fn taken_for_ours(case: &'static str) -> Stage {
    let (stage, _operator) = led(case).await;
    let (endpoint, group) = whole(&stage).await;
    stage.number(SECOND, json!({})).await;
    stage.peer("desk", "203.0.113.8").await;
    stage.world.ready("desk").await;
    let name = stage.endpoint("desk").await["name"].clone();
    stage.admin.patch_trunk_group(&group, json!({"name": name})).await.expect("an edit");
    stage.swept_of("trunk_groups", 2).await;
    stage.lead("second", SECOND, "desk").await;
    stage.world.bound("second").await;
    stage.swept_of("trunk_groups", 3).await;
    let groups = stage.groups().await;
    assert_eq!(groups[&group]["trunks"][0]["endpoint_sid"], json!(endpoint), "it leads where it led");
    assert_eq!((groups.len(), stage.group_of(NUMBER).await), (2, group));
    assert_eq!(stage.group_of(SECOND).await, stage.led("desk").await);
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn two_operators_make_nothing_twice() {
    all(vec![case("two operators", two)]).await;
}

async fn led(case: &'static str) -> (Stage, Told) {
    let (stage, operator) = Stage::run(case).await;
    stage.number(NUMBER, json!({})).await;
    stage.peer("pbx", "203.0.113.7").await;
    stage.lead("main", NUMBER, "pbx").await;
    stage.world.bound("main").await;
    (stage, operator)
}

/// Everything is as it should be: one endpoint, one group of ours with one trunk, the number led there.
async fn whole(stage: &Stage) -> (String, String) {
    eventually("everything is as it should be", async || {
        let object = stage.world.endpoints().get("pbx").await.expect("the object");
        let status = object.status?;
        let (endpoint, group) = (status.endpoint_id?, status.trunk_group?.trunk_group_sid?);
        let groups = stage.groups().await;
        let trunks = groups.get(&group)?["trunks"].as_array()?.clone();
        let right = trunks.len() == 1 && trunks[0]["endpoint_sid"] == json!(endpoint) && stage.group_of(NUMBER).await == group;
        let one = stage.own_groups().await.len() == 1 && stage.endpoints().await.contains_key(&endpoint);
        (right && one && groups[&group]["name"] == stage.endpoints().await[&endpoint]["name"]).then_some((endpoint, group))
    })
    .await
}

async fn ends(stage: &Stage) {
    stage.world.ready("pbx").await;
    stage.world.bound("main").await;
    stage.rests(&["endpoints", "phonenumber/dids"]).await;
    stage.world.delete_binding("main").await;
    stage.world.delete("pbx").await;
    stage.world.binding_gone("main").await;
    stage.world.gone("pbx").await;
    stage.nothing_left().await;
}

async fn endpoint_deleted(case: &'static str, dangling: &'static str) -> Stage {
    let (stage, _operator) = led(case).await;
    let (endpoint, group) = whole(&stage).await;
    stage.admin.set_switches(json!({"referenced_delete": dangling})).await.expect("a switch");
    stage.admin.delete_endpoint(&endpoint).await.expect("a deletion");
    stage
        .world
        .until("pbx", "recreated", |object| {
            object.status.as_ref().is_some_and(|status| status.endpoint_id.as_ref().is_some_and(|now| *now != endpoint))
        })
        .await;
    let (_, now) = whole(&stage).await;
    assert_eq!(now, group, "the trunk group stays, and leads to the new one");
    ends(&stage).await;
    assert_eq!((stage.tally().await["create_endpoint"], stage.tally().await["update_trunk"]), (2, 1));
    stage
}

async fn group_deleted(case: &'static str, dangling: &'static str) -> Stage {
    let (stage, _operator) = led(case).await;
    let (endpoint, group) = whole(&stage).await;
    stage.admin.set_switches(json!({"referenced_delete": dangling})).await.expect("a switch");
    stage.admin.delete_trunk_group(&group).await.expect("a deletion");
    eventually("another trunk group", async || (!stage.groups().await.is_empty()).then_some(())).await;
    let (same, now) = whole(&stage).await;
    assert_eq!(same, endpoint);
    assert_ne!(now, group);
    ends(&stage).await;
    assert_eq!((stage.tally().await["create_endpoint"], stage.tally().await["create_trunk_group"]), (1, 2));
    stage
}

async fn trunk_of(stage: &Stage, group: &str) -> String {
    stage.groups().await[group]["trunks"][0]["trunk_sid"].as_str().expect("a SID").to_owned()
}

async fn trunk_deleted(case: &'static str) -> Stage {
    let (stage, _operator) = led(case).await;
    let (_, group) = whole(&stage).await;
    stage.admin.delete_trunk(&group, &trunk_of(&stage, &group).await).await.expect("a deletion");
    whole(&stage).await;
    ends(&stage).await;
    assert_eq!((stage.tally().await["create_trunk"], stage.tally().await["create_trunk_group"]), (2, 1));
    stage
}

async fn trunk_moved(case: &'static str) -> Stage {
    let (stage, _operator) = led(case).await;
    let (_, group) = whole(&stage).await;
    let theirs = stage.admin.create_endpoint(json!({"name": "foreign"})).await.expect("an endpoint");
    let trunk = trunk_of(&stage, &group).await;
    stage.admin.patch_trunk(&group, &trunk, json!({"endpoint_sid": theirs["endpoint_sid"]})).await.expect("an edit");
    whole(&stage).await;
    assert_eq!(trunk_of(&stage, &group).await, trunk);
    ends(&stage).await;
    assert_eq!(stage.tally().await["update_trunk"], 1);
    stage
}

async fn second_trunk(case: &'static str) -> Stage {
    let (stage, _operator) = led(case).await;
    let (endpoint, group) = whole(&stage).await;
    let theirs = stage.admin.create_endpoint(json!({"name": "foreign"})).await.expect("an endpoint");
    for target in [json!(endpoint), theirs["endpoint_sid"].clone(), Value::Null] {
        stage.admin.create_trunk(&group, json!({"endpoint_sid": target, "priority": -1})).await.expect("a trunk");
    }
    whole(&stage).await;
    ends(&stage).await;
    assert_eq!((stage.tally().await["create_trunk"], stage.tally().await["delete_trunk"]), (1, 4));
    stage
}

async fn number_moved(case: &'static str) -> Stage {
    let (stage, _operator) = led(case).await;
    let (_, group) = whole(&stage).await;
    for target in [json!(stage.foreign_group("foreign").await), Value::Null] {
        stage.admin.patch_did(NUMBER, json!({"trunk_group_sid": target})).await.expect("an edit");
        eventually("it is put back", async || (stage.group_of(NUMBER).await == group).then_some(())).await;
        stage.world.bound("main").await;
    }
    ends(&stage).await;
    assert_eq!(stage.tally().await["update_did"], 4);
    stage
}

async fn renamed(case: &'static str) -> Stage {
    let (stage, _operator) = led(case).await;
    let (_, group) = whole(&stage).await;
    stage.admin.patch_trunk_group(&group, json!({"name": "somebody's"})).await.expect("an edit");
    whole(&stage).await;
    ends(&stage).await;
    let tally = stage.tally().await;
    assert_eq!((tally["update_trunk_group"], tally["create_trunk_group"], tally["delete_trunk_group"]), (1, 1, 1));
    stage
}

async fn renamed_and_gone(case: &'static str) -> Stage {
    let (stage, operator) = led(case).await;
    let (endpoint, group) = whole(&stage).await;
    operator.kill().await;
    stage.admin.patch_trunk_group(&group, json!({"name": "somebody's"})).await.expect("an edit");
    stage.admin.patch_endpoint(&endpoint, json!({"name": "somebody's too"})).await.expect("an edit");
    stage.world.delete_binding("main").await;
    stage.world.delete("pbx").await;
    let _operator = stage.operator(case).await;
    stage.world.binding_gone("main").await;
    stage.world.gone("pbx").await;
    stage.nothing_left().await;
    assert_eq!(stage.group_of(NUMBER).await, "");
    stage
}

async fn copied(case: &'static str) -> Stage {
    let (stage, _operator) = led(case).await;
    let (endpoint, group) = whole(&stage).await;
    let name = stage.groups().await[&group]["name"].clone();
    let copy = stage.admin.create_trunk_group(json!({"name": name, "trunks": [{"endpoint_sid": endpoint}]})).await.expect("a trunk group");
    let copy = copy["trunk_group_sid"].as_str().expect("a SID").to_owned();
    eventually("the copy is gone", async || (!stage.groups().await.contains_key(&copy)).then_some(())).await;
    assert_eq!(whole(&stage).await, (endpoint, group));
    ends(&stage).await;
    stage
}

async fn copied_in_use(case: &'static str) -> Stage {
    let (stage, _operator) = led(case).await;
    let (endpoint, group) = whole(&stage).await;
    let name = stage.groups().await[&group]["name"].clone();
    let copy = stage.admin.create_trunk_group(json!({"name": name, "trunks": [{"endpoint_sid": endpoint}]})).await.expect("a trunk group");
    let copy = copy["trunk_group_sid"].as_str().expect("a SID").to_owned();
    stage.number(SECOND, json!({"trunk_group_sid": copy})).await;
    stage
        .world
        .until("pbx", "held up by somebody's number", |object| {
            let told = object.status.as_ref().and_then(|status| status.trunk_group.as_ref()).and_then(|group| group.message.as_deref());
            told.is_some_and(|told| told.contains(SECOND))
        })
        .await;
    assert!(stage.groups().await.contains_key(&copy), "a number leads there");
    stage.admin.patch_did(SECOND, json!({"trunk_group_sid": group})).await.expect("an edit");
    eventually("the copy is gone", async || (!stage.groups().await.contains_key(&copy)).then_some(())).await;
    stage.admin.patch_did(SECOND, json!({"trunk_group_sid": null})).await.expect("an edit");
    stage
}

async fn borrowed(case: &'static str) -> Stage {
    let (stage, _operator) = led(case).await;
    let (_, group) = whole(&stage).await;
    stage.number(SECOND, json!({"trunk_group_sid": group})).await;
    stage.world.delete_binding("main").await;
    stage.world.binding_gone("main").await;
    let told = |object: &switchboard::api::SipEndpoint| {
        let group = object.status.as_ref().and_then(|status| status.trunk_group.as_ref());
        group.and_then(|group| group.message.as_deref()).is_some_and(|told| told.contains(SECOND))
    };
    stage.world.until("pbx", "told of somebody's number", told).await;
    stage.swept(2).await;
    assert!(stage.groups().await.contains_key(&group), "a number that nobody here looks after leads there");
    stage.admin.patch_did(SECOND, json!({"trunk_group_sid": null})).await.expect("an edit");
    eventually("the trunk group is gone", async || stage.groups().await.is_empty().then_some(())).await;
    stage
}

async fn leads_here(case: &'static str) -> Stage {
    let (stage, _operator) = led(case).await;
    let (endpoint, _) = whole(&stage).await;
    let theirs = stage.foreign_group("foreign").await;
    let trunk = stage.admin.create_trunk(&theirs, json!({"endpoint_sid": endpoint})).await.expect("a trunk");
    stage.world.delete_binding("main").await;
    stage.world.delete("pbx").await;
    let held = stage
        .world
        .until("pbx", "held up by somebody's trunk", |object| {
            let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
            conditions.iter().any(|condition| condition.type_ == "Ready" && condition.message.contains("foreign"))
        })
        .await;
    assert_eq!(crate::world::reason(&held), "DeletionRefused");
    assert!(stage.endpoints().await.contains_key(&endpoint));
    let trunk = trunk["trunk_sid"].as_str().expect("a SID");
    stage.admin.delete_trunk(&theirs, trunk).await.expect("a deletion");
    stage.world.gone("pbx").await;
    stage.nothing_left().await;
    stage
}

async fn two(case: &'static str) -> Stage {
    let (stage, _first) = Stage::run(case).await;
    let _second = Told::start(case, &stage.world, &["--no-leader-election"]).await;
    let names = ["pbx", "desk", "door"];
    for (n, name) in names.into_iter().enumerate() {
        stage.number(&format!("1516206557{n}"), json!({})).await;
        stage.peer(name, &format!("203.0.113.{n}")).await;
        stage.lead(name, &format!("1516206557{n}"), name).await;
    }
    for name in names {
        stage.world.bound(name).await;
        stage.led(name).await;
    }
    let tally = stage.tally().await;
    assert_eq!((tally["create_endpoint"], tally["create_trunk_group"], tally["create_trunk"]), (3, 3, 3), "{tally:#?}");
    for name in names {
        stage.world.patch(name, json!({"spec": {"carrierx": {"capacity": 9}}})).await;
    }
    for name in names {
        stage.world.ready(name).await;
        assert_eq!(stage.endpoint(name).await["capacity"], 9);
    }
    for name in names {
        stage.world.delete_binding(name).await;
        stage.world.delete(name).await;
    }
    for (n, name) in names.into_iter().enumerate() {
        stage.world.binding_gone(name).await;
        stage.world.gone(name).await;
        assert_eq!(stage.group_of(&format!("1516206557{n}")).await, "");
    }
    stage.nothing_left().await;
    stage
}
