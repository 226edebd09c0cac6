//! An account with far more numbers than bindings.

use sandbox::plivo;
use serde_json::json;

use super::line::{Line, honest, swept};
use crate::cases::room;
use crate::observe::{Call, Told, call};
use crate::world::eventually;

const NUMBERS: usize = 10_000;
const BINDINGS: usize = 50;
/// A sweep period in which 10,000 numbers can be listed under the highest budget.
const PERIOD: u64 = 15;
/// Pages of 20 that overlap by one, and a few more to prove what was seen.
const PAGES: std::ops::RangeInclusive<usize> = 500..=560;

fn number(n: usize) -> String {
    format!("1415{n:07}")
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_bindings_among_ten_thousand_numbers_cost_one_listing_in_a_sweep_period() {
    let _room = room().await;
    let switches = vec![("rate_limit".to_owned(), "0".to_owned())];
    let line = Line::with(plivo::Options { switches, ..plivo::Options::default() }).await;
    let world = &line.world;
    world.number(&number(0), json!({"app_id": line.before, "count": NUMBERS})).await;
    let spec = json!({"budget": {"requestsPer5Seconds": 300}, "sweepPeriodSeconds": PERIOD});
    world.account("plivo", plivo::DEFAULT_AUTH_ID, plivo::DEFAULT_AUTH_TOKEN, spec).await;
    let _operator = Told::start("many numbers", world, &["--sweep-period", "15s"]).await;
    let bound = |n: usize| number(n * (NUMBERS / BINDINGS));
    for n in 0..BINDINGS {
        world.binding(&format!("n{n}"), &bound(n), json!({"app_id": line.ivr}), json!({})).await;
    }
    for n in 0..BINDINGS {
        world.bound(&format!("n{n}")).await;
    }
    // What changes meanwhile is seen by the listings, and costs calls about the number only.
    swept(world, 1).await;
    for n in 0..5 {
        world.repoint(&bound(n), &line.other).await;
    }
    eventually("all are put back", async || {
        for n in 0..5 {
            if world.app_of(&bound(n)).await != line.ivr {
                return None;
            }
        }
        Some(())
    })
    .await;
    swept(world, 1).await;

    let requests = world.admin.requests().await.expect("the requests");
    let pages: Vec<_> = requests.iter().filter(|request| call(request) == Call::NumberPage).collect();
    let begun: Vec<(usize, u64)> =
        pages.iter().enumerate().filter(|(_, page)| page.query.contains("offset=0")).map(|(at, page)| (at, page.at_ms)).collect();
    assert!(begun.len() >= 3, "{begun:?}");
    for pair in begun.windows(2) {
        let pages = pair[1].0 - pair[0].0;
        assert!(PAGES.contains(&pages), "{pages} pages for one listing");
    }
    // As many as there were periods; one more, since neither end of the measurement falls on the end of a period.
    let periods = (begun[begun.len() - 1].1 - begun[0].1) / (PERIOD * 1000) + 2;
    assert!(begun.len() as u64 <= periods, "{} listings in {periods} periods: {begun:?}", begun.len());
    let of_numbers = |kind| requests.iter().filter(|request| call(request) == kind).count();
    let reads = of_numbers(Call::NumberGet);
    assert_eq!(of_numbers(Call::NumberUpdate), BINDINGS + 5, "one update for each change");
    // A change takes a few reads, and a pass that had to wait too long for the budget begins anew: still less than one listing.
    assert!(reads <= 500, "{reads} reads");
    honest(world).await;
}
