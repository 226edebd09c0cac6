//! More endpoints than the provider's rate limit lets through at once.

use futures::future::join_all;
use kube::api::ListParams;
use sandbox::plivo;
use serde_json::{Value, json};
use std::time::Duration;

use super::cases::{all, case};
use super::observe::{Call, Told, call, count};
use super::world::{World, eventually, observed, reason};

const ENDPOINTS: usize = 60;
/// Calls per five seconds that the provider allows.
const LIMIT: u32 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn sixty_endpoints_exist_once_each_under_a_low_rate_limit() {
    all(vec![
        case("a budget below the limit", async {
            let throttled = sixty("a budget below the limit", json!({"budget": {"requestsPer5Seconds": 18}})).await;
            assert_eq!(throttled, 0, "answers 429");
        }),
        case("the default budget", async {
            let throttled = sixty("the default budget", json!({})).await;
            assert!(throttled <= 40, "{throttled} answers 429");
        }),
    ])
    .await;
}

/// Makes sixty endpoints; answers how many calls the provider refused as too many.
async fn sixty(name: &'static str, account: Value) -> usize {
    let rate_limit = Some((LIMIT, Duration::from_secs(5)));
    let world = World::with("budget", plivo::Options { rate_limit, ..plivo::Options::default() }).await;
    world.account("plivo", plivo::DEFAULT_AUTH_ID, plivo::DEFAULT_AUTH_TOKEN, account).await;
    world.secret("sip", &[("password", "hunter22")]).await;
    // The periodic listing is far away: what is listed is listed because of the endpoints. A busy API server that takes longer for sixty
    // announcements than a create may be old would have them announced again and again.
    let _operator = Told::start(name, &world, &["--sweep-period", "60s", "--settle", "20s"]).await;
    join_all((0..ENDPOINTS).map(|n| {
        let world = &world;
        async move { world.apply(&format!("line{n}"), json!({"passwordSecretRef": {"name": "sip", "key": "password"}}), json!({})).await }
    }))
    .await;
    eventually("all are ready", async || {
        let all = world.endpoints().list(&ListParams::default()).await.expect("the objects");
        all.items.iter().all(|object| reason(object) == "Available" && observed(object)).then_some(())
    })
    .await;
    let requests = world.admin.requests().await.expect("the request log");
    let calls: Vec<Call> = requests.iter().map(call).collect();
    let throttled = requests.iter().filter(|request| request.status == Some(429)).count();
    let took = requests.last().map_or(0, |request| request.at_ms);
    let [creates, reads, pages] = [Call::Create, Call::Get, Call::Page].map(|kind| count(&calls, kind));
    println!("{name}: {creates} creates, {reads} reads, {pages} pages, {throttled} answers 429, last call after {took} ms");
    assert_eq!(world.ledger().await, ["create_endpoint"; ENDPOINTS]);
    assert_eq!(world.living().await.len(), ENDPOINTS);
    throttled
}
