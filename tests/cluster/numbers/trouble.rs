//! Accounts and providers that do not work as they should.

use futures::future::join_all;
use sandbox::plivo::{self, DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN};
use serde_json::json;

use super::line::{Line, NUMBER, case, message, reason, swept};
use crate::cases::all;
use crate::observe::Told;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_number_waits_for_its_account_and_its_provider() {
    all(vec![
        case("credentials that lead elsewhere", elsewhere),
        case("an outage", outage),
        case("a provider that lets few calls through", throttled),
        case("a page instead of an answer", proxied),
    ])
    .await;
}

async fn elsewhere(case: &'static str) -> World {
    const OTHER: &str = "MAOTHEROTHEROTHEROTH";
    let (line, _operator) = Line::bound(case, json!({})).await;
    let world = line.world;
    world.admin.put_account(OTHER, json!({"auth_token": "another-token"})).await.expect("an account");
    world.account("plivo", OTHER, "another-token", json!({})).await;
    let object = world.binding_until("main", "held back", |object| reason(object) != "Available").await;
    assert!(["AccountNotReady", "AccountMismatch"].contains(&reason(&object)), "{}", reason(&object));
    world.repoint(NUMBER, &line.other).await;
    world.delete_binding("main").await;
    world.binding_until("main", "waiting", |object| message(object).contains("waiting to give the number back")).await;
    world.sent(NUMBER, &[&line.ivr]).await;
    world.repoint(NUMBER, &line.ivr).await;
    world.account("plivo", DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, json!({})).await;
    world.binding_gone("main").await;
    world.sent(NUMBER, &[&line.ivr, &line.before]).await;
    world
}

async fn outage(case: &'static str) -> World {
    let (line, _operator) = Line::run(case).await;
    let world = line.world;
    let down = json!({"match": {"path": "/Number/"}, "execute": false, "answer": {"status": 503, "body": "down for maintenance"}});
    world.admin.set_faults(json!([down])).await.expect("a fault");
    world.binding("main", NUMBER, json!({"app_id": line.ivr}), json!({})).await;
    let object = world.binding_reason("main", "ProviderUnreachable").await;
    assert!(object.metadata.finalizers.is_none(), "nothing was written that would have to be undone");
    world.admin.clear_faults().await.expect("no fault");
    world.bound("main").await;
    world.sent(NUMBER, &[&line.ivr]).await;

    world.admin.set_faults(json!([down])).await.expect("a fault");
    world.delete_binding("main").await;
    let waiting =
        |object: &switchboard::api::PhoneNumberBinding| message(object).contains("503") || reason(object) == "ProviderUnreachable";
    world.binding_until("main", "waiting for the provider", waiting).await;
    world.admin.clear_faults().await.expect("no fault");
    world.binding_gone("main").await;
    world.sent(NUMBER, &[&line.ivr, &line.before]).await;
    world
}

async fn throttled(case: &'static str) -> World {
    const COUNT: usize = 30;
    let switches = vec![("rate_limit".to_owned(), "40".to_owned())];
    let line = Line::with(plivo::Options { switches, ..plivo::Options::default() }).await;
    let world = line.world;
    let _operator = Told::start(case, &world, &[]).await;
    world.number("14155551000", json!({"app_id": line.before, "count": COUNT})).await;
    let numbers: Vec<String> = (0..COUNT).map(|n| format!("141555510{n:02}")).collect();
    join_all(numbers.iter().map(async |number| world.binding(&format!("n{number}"), number, json!({"app_id": line.ivr}), json!({})).await))
        .await;
    for number in &numbers {
        world.bound(&format!("n{number}")).await;
    }
    for number in &numbers {
        world.sent(number, &[&line.ivr]).await;
    }
    world
}

async fn proxied(case: &'static str) -> World {
    let (line, _operator) = Line::bound(case, json!({})).await;
    let world = line.world;
    // A read of the number is answered with somebody's page, which is no proof; the listings go on to show it.
    let page = json!({"match": {"method": "GET", "path": "/Number/[0-9]+/$"}, "execute": false, "answer": {"status": 404, "body": "<html>not found</html>"}});
    world.admin.set_faults(json!([page])).await.expect("a fault");
    world.patch_binding("main", json!({"spec": {"target": {"app_id": line.other}}})).await;
    swept(&world, 3).await;
    let object = world.bindings().get("main").await.expect("the binding");
    assert_ne!(reason(&object), "NumberNotInAccount", "{}", message(&object));
    world.admin.clear_faults().await.expect("no fault");
    world.bound("main").await;
    world.sent(NUMBER, &[&line.ivr, &line.other]).await;
    world
}
