//! The answer to a create is lost in every way there is: the object ends with exactly one endpoint all the same, and if it is
//! deleted before the outcome is known, with none.

use serde_json::{Value, json};

use super::cases::{Case, all, blind, case, first_create};
use super::world::{SETTLE, eventually};

/// What happens to the first create, and how often it is executed.
struct Lost {
    how: &'static str,
    fault: Value,
    executed: usize,
}

fn table() -> Vec<Lost> {
    let row = |how, executed, fault| Lost { how, fault, executed };
    let page = |status: u16| json!({"status": status, "body": "<html><body>Bad Gateway</body></html>"});
    vec![
        row("reset after the request", 1, json!({"answer": "cut_after"})),
        row("time-out, executed", 1, json!({"answer": "hang"})),
        row("time-out, not executed", 0, json!({"answer": "hang", "execute": false})),
        row("executed half a settle time later", 1, json!({"answer": "hang", "execute_delay_ms": late()})),
        row("reset, executed half a settle time later", 1, json!({"answer": "cut_after", "execute_delay_ms": late()})),
        row("500, executed", 1, json!({"answer": {"status": 500, "body": {"error": "internal"}}, "execute": true})),
        row("500, not executed", 0, json!({"answer": {"status": 500, "body": {"error": "internal"}}, "execute": false})),
        row("502 with HTML, executed", 1, json!({"answer": page(502), "execute": true})),
        row("502 with HTML, not executed", 0, json!({"answer": page(502), "execute": false})),
        row("201 without id", 1, json!({"answer": {"status": 201, "body": {"message": "created", "username": "{{username}}"}}})),
        row("201, truncated", 1, json!({"answer": "truncate"})),
        row("200 with HTML, executed", 1, json!({"answer": page(200)})),
        row("200 with HTML, not executed", 0, json!({"answer": page(200), "execute": false})),
        row("executed twice, answer lost", 2, json!({"answer": "cut_after", "execute": 2})),
    ]
}

fn late() -> u64 {
    u64::try_from(SETTLE.as_millis() / 2).expect("a few seconds")
}

/// The rule for the create was applied, or the case has shown nothing.
async fn struck(case: &Case) {
    let rules = case.world.admin.faults().await.expect("the fault script");
    assert_eq!(rules[0]["hits"], 1, "{rules:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_whose_answer_is_lost_ends_with_exactly_one_endpoint() {
    let cases = table().into_iter().map(|Lost { how, fault, executed }| {
        case(how, async move {
            let mut case = Case::new(how, json!([first_create(fault)])).await;
            case.start().await;
            case.apply().await;
            // What was executed is found, never made again; what was not is made once its absence is proven.
            case.one(executed.max(1)).await;
            struck(&case).await;
            case.sends(if executed > 0 { 1 } else { 2 }).await;
        })
    });
    all(cases.collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_deleted_while_its_create_is_unresolved_leaves_nothing_behind() {
    let cases = table().into_iter().map(|Lost { how, fault, executed }| {
        case(how, async move {
            let mut case = Case::new(how, json!([first_create(fault), blind()])).await;
            case.start().await;
            case.apply().await;
            case.sent().await;
            let object = case.delete().await.expect("kept by the finalizer");
            Case::unresolved(&object);
            struck(&case).await;
            case.world.admin.clear_faults().await.expect("no faults");
            case.zero(executed).await;
            case.sends(1).await;
        })
    });
    all(cases.collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_answered_after_its_object_was_deleted_is_deleted() {
    let how = "answered late";
    let answered = case(how, async move {
        // Within the time-out of a create, which is two fifteenths of the settle time.
        let delay = u64::try_from(SETTLE.as_millis() / 10).expect("less than a second");
        let mut case = Case::new(how, json!([first_create(json!({"delay_ms": delay})), blind()])).await;
        case.start().await;
        case.apply().await;
        case.sent().await;
        case.delete().await.expect("kept by the finalizer");
        struck(&case).await;
        case.world.admin.clear_faults().await.expect("no faults");
        case.zero(1).await;
        case.sends(1).await;
    });
    let how = "answered late, and the first deletion fails";
    let forced = case(how, async move {
        let delay = u64::try_from(SETTLE.as_millis() / 10).expect("less than a second");
        let unwell = json!({
            "match": {"method": "DELETE", "path": "/Endpoint/", "count": 2},
            "execute": false,
            "answer": {"status": 503, "body": "<html>maintenance</html>"},
        });
        let mut case = Case::new(how, json!([first_create(json!({"delay_ms": delay})), unwell])).await;
        case.start().await;
        case.apply().await;
        case.sent().await;
        // Gone before its create was answered: nobody but the pass that sent it knows of the endpoint.
        case.delete().await.expect("kept by the finalizer");
        let forced = json!({"metadata": {"finalizers": null, "annotations": {"switchboard.dev/force-orphan": "unresolved"}}});
        case.world.patch("alice", forced).await;
        case.world.gone("alice").await;
        struck(&case).await;
        eventually("the endpoint is gone as well", async || (case.world.effects("delete_endpoint").await.len() == 1).then_some(())).await;
        case.zero(1).await;
        case.sends(1).await;
    });
    all(vec![answered, forced]).await;
}
