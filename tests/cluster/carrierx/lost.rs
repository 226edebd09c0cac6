//! The answer to each call that changes something is lost, in every way there is: in the end there is exactly one of each, and none of what
//! was deleted. A duplicate that CarrierX sees is our own first attempt until the opposite is proven.

use sandbox::carrierx::{AUTH_REQUIRED_SCOPE, DEFAULT_SCOPES, Options};
use serde_json::{Value, json};

use super::stage::{NUMBER, Stage};
use crate::cases::{all, case};
use crate::numbers::line::message;
use crate::observe::Told;
use crate::world::{SETTLE, eventually, merged, reason};

/// What happens to a request, and how often it is executed.
fn faults() -> Vec<(&'static str, Value, usize)> {
    let late = u64::try_from(SETTLE.as_millis() / 2).expect("a few seconds");
    let page = |status: u16| json!({"status": status, "body": "<html><body>Bad Gateway</body></html>"});
    let conflict = json!({"status": 409, "body": {"message": "conflict error", "errors": [{"field": null, "message": "try again", "reference_sid": null}]}});
    vec![
        ("reset after the request", json!({"answer": "cut_after"}), 1),
        ("time-out, executed", json!({"answer": "hang"}), 1),
        ("time-out, not executed", json!({"answer": "hang", "execute": false}), 0),
        ("reset, executed later", json!({"answer": "cut_after", "execute_delay_ms": late}), 1),
        ("500, executed", json!({"answer": {"status": 500, "body": {"message": "internal"}}, "execute": true}), 1),
        ("500, not executed", json!({"answer": {"status": 500, "body": {"message": "internal"}}, "execute": false}), 0),
        ("502 with HTML, executed", json!({"answer": page(502), "execute": true}), 1),
        ("200 with HTML, executed", json!({"answer": page(200)}), 1),
        ("truncated", json!({"answer": "truncate"}), 1),
        ("a conflict that was executed", json!({"answer": conflict.clone(), "execute": true}), 1),
        ("a conflict that was not", json!({"answer": conflict, "execute": false}), 0),
        ("executed twice, answer lost", json!({"answer": "cut_after", "execute": 2}), 2),
    ]
}

/// The first request of this kind.
fn first(method: &str, path: &str, fault: &Value) -> Value {
    merged(json!({"match": {"method": method, "path": format!("{path}$"), "count": 1}}), fault.clone())
}

const ENDPOINT: &str = "/endpoints/[^/]+";
const GROUP: &str = "/trunk_groups/[^/]+";
const TRUNK: &str = "/trunk_groups/[^/]+/trunks/[^/]+";
const DID: &str = "/phonenumber/dids/[^/]+";

impl Stage {
    async fn break_first(&self, calls: &[(&str, &str)], fault: &Value) {
        let rules: Vec<Value> = calls.iter().map(|(method, path)| first(method, path, fault)).collect();
        self.admin.set_faults(json!(rules)).await.expect("a fault script");
    }

    /// Every rule was applied, or the case has shown nothing.
    async fn struck(&self, what: &str) {
        eventually(&format!("{what} is struck"), async || {
            let rules = self.admin.faults().await.expect("the fault script");
            rules.as_array().expect("rules").iter().all(|rule| rule["hits"] == 1).then_some(())
        })
        .await;
    }

    /// One endpoint of this object, one group, one trunk, and the number leads there.
    async fn whole(&self, what: &str) {
        self.struck(what).await;
        eventually(&format!("all is as it should be after {what}"), async || self.is_whole().await.then_some(())).await;
    }

    async fn is_whole(&self) -> bool {
        let object = self.world.endpoints().get("pbx").await.expect("the object");
        let Some(status) = object.status.as_ref() else { return false };
        let Some(group) = status.trunk_group.as_ref().and_then(|group| group.trunk_group_sid.clone()) else { return false };
        let (endpoints, groups) = (self.endpoints().await, self.groups().await);
        let own = endpoints.iter().filter(|(_, one)| one["name"] != "foreign").map(|(sid, _)| Some(sid.as_str()));
        let trunks = groups.get(&group).and_then(|group| group["trunks"].as_array().cloned()).unwrap_or_default();
        reason(&object) == "Available"
            && own.eq([status.endpoint_id.as_deref()])
            && groups.keys().eq([&group])
            && trunks.len() == 1
            && trunks[0]["endpoint_sid"].as_str() == status.endpoint_id.as_deref()
            && self.group_of(NUMBER).await == group
            && Some(endpoints[status.endpoint_id.as_deref().unwrap_or_default()]["name"].as_str()) == Some(groups[&group]["name"].as_str())
    }
}

async fn journey(how: &'static str, fault: Value, executed: usize) {
    let stage = Stage::new().await;
    let (world, admin) = (&stage.world, &stage.admin);
    let foreign = admin.create_endpoint(json!({"name": "foreign", "addresses": [{"ip": "192.0.2.99"}]})).await.expect("an endpoint");
    stage.number(NUMBER, json!({})).await;
    let _operator = Told::start(how, world, &[]).await;

    stage.break_first(&[("POST", "/endpoints")], &fault).await;
    stage.peer("pbx", "203.0.113.7").await;
    stage.struck("its create").await;
    let object = world.ready("pbx").await;
    let sid = object.status.and_then(|status| status.endpoint_id).expect("a SID");
    assert_eq!(stage.tally().await["create_endpoint"], executed.max(1));

    stage.break_first(&[("POST", "/trunk_groups"), ("PATCH", DID)], &fault).await;
    stage.lead("main", NUMBER, "pbx").await;
    stage.whole("the first binding").await;
    world.bound("main").await;
    let group = stage.led("pbx").await;
    assert_eq!(stage.tally().await["create_trunk_group"], executed.max(1));

    stage.break_first(&[("PATCH", ENDPOINT)], &fault).await;
    world.patch("pbx", json!({"spec": {"carrierx": {"capacity": 20}}})).await;
    stage.struck("an edit").await;
    world.ready("pbx").await;
    assert_eq!(stage.endpoints().await[&sid]["capacity"], 20);

    let trunk = async || stage.groups().await[&group]["trunks"][0]["trunk_sid"].as_str().expect("a SID").to_owned();
    stage.break_first(&[("POST", "/trunk_groups/[^/]+/trunks")], &fault).await;
    admin.delete_trunk(&group, &trunk().await).await.expect("a deletion");
    stage.whole("a new trunk").await;
    if fault["execute_delay_ms"].is_u64() {
        // The one that comes late is one too many.
        stage.swept(4).await;
        stage.whole("a new trunk, and the one that came late").await;
    }

    stage.break_first(&[("PATCH", TRUNK)], &fault).await;
    admin.patch_trunk(&group, &trunk().await, json!({"endpoint_sid": foreign["endpoint_sid"]})).await.expect("an edit");
    stage.whole("a trunk led back").await;

    stage.break_first(&[("DELETE", TRUNK)], &fault).await;
    admin.create_trunk(&group, json!({"endpoint_sid": foreign["endpoint_sid"]})).await.expect("a trunk");
    stage.whole("a trunk too many").await;

    stage.break_first(&[("PATCH", GROUP)], &fault).await;
    admin.patch_trunk_group(&group, json!({"name": "somebody's"})).await.expect("an edit");
    stage.whole("a name put back").await;

    stage.break_first(&[("PATCH", DID), ("DELETE", GROUP)], &fault).await;
    world.delete_binding("main").await;
    world.binding_gone("main").await;
    stage.struck("giving back").await;
    eventually("the group is gone", async || stage.groups().await.is_empty().then_some(())).await;
    assert_eq!(stage.group_of(NUMBER).await, "");

    stage.break_first(&[("DELETE", ENDPOINT)], &fault).await;
    world.delete("pbx").await;
    world.gone("pbx").await;
    stage.struck("its deletion").await;
    stage.nothing_left().await;
    let tally = stage.tally().await;
    assert_eq!(
        (tally["create_endpoint"], tally["create_trunk_group"]),
        (tally["delete_endpoint"], tally["delete_trunk_group"]),
        "{tally:#?}"
    );
    assert_eq!(stage.group_of(NUMBER).await, "");
    stage.honest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_makes_nothing_twice_and_leaves_nothing_behind() {
    all(faults().into_iter().map(|(how, fault, executed)| case(how, journey(how, fault, executed))).collect()).await;
}

/// Nothing of this kind can be found until the rule goes.
fn blind(kind: &str) -> Value {
    json!({
        "match": {"method": "GET", "path": format!("/{kind}$"), "nth": 2},
        "execute": false,
        "answer": {"status": 503, "body": "<html>maintenance</html>"},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_while_its_create_is_unresolved_leaves_nothing_behind() {
    let mut cases = Vec::new();
    // What differs for this: whether it was executed, when, and how often.
    let kinds = ["reset after the request", "time-out, not executed", "reset, executed later", "executed twice, answer lost"];
    for (how, fault, executed) in faults().into_iter().filter(|(how, ..)| kinds.contains(how)) {
        let (name, sent) = (format!("endpoint: {how}"), fault.clone());
        cases.push(case(name, async move {
            let stage = Stage::new().await;
            stage.admin.set_faults(json!([first("POST", "/endpoints", &sent), blind("endpoints")])).await.expect("a fault script");
            let _operator = Told::start(how, &stage.world, &[]).await;
            stage.peer("pbx", "203.0.113.7").await;
            eventually("a create is sent", async || (!stage.writes_since(0).await.is_empty()).then_some(())).await;
            stage.world.delete("pbx").await;
            stage.admin.clear_faults().await.expect("no faults");
            stage.world.gone("pbx").await;
            stage.nothing_left().await;
            assert_eq!(stage.ledger().await, [vec!["create_endpoint"; executed], vec!["delete_endpoint"; executed]].concat());
        }));
        let name = format!("trunk group: {how}");
        cases.push(case(name, async move {
            let stage = Stage::new().await;
            stage.number(NUMBER, json!({})).await;
            let _operator = Told::start(how, &stage.world, &[]).await;
            stage.peer("pbx", "203.0.113.7").await;
            stage.world.ready("pbx").await;
            let hidden = merged(blind("trunk_groups"), json!({"match": {"nth": 1}}));
            stage.admin.set_faults(json!([first("POST", "/trunk_groups", &fault), hidden])).await.expect("a fault script");
            stage.lead("main", NUMBER, "pbx").await;
            // Without a listing of trunk groups there is no create; it may have been there before or not.
            eventually("a create is looked for or sent", async || {
                let requests = stage.admin.requests().await.expect("the requests");
                requests.iter().any(|request| request.path.ends_with("/trunk_groups")).then_some(())
            })
            .await;
            stage.world.delete_binding("main").await;
            stage.world.delete("pbx").await;
            stage.admin.set_faults(json!([first("POST", "/trunk_groups", &fault)])).await.expect("a fault script");
            stage.world.binding_gone("main").await;
            stage.world.gone("pbx").await;
            stage.nothing_left().await;
            stage.honest().await;
        }));
    }
    all(cases).await;
}

fn with_scope() -> Options {
    let scopes = DEFAULT_SCOPES.iter().chain([&AUTH_REQUIRED_SCOPE]).map(|scope| (*scope).to_owned()).collect();
    Options { scopes, ..Options::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_ip_is_our_own_first_attempt_until_the_opposite_is_proven() {
    all(vec![
        case("the first attempt is found", async {
            let stage = Stage::with(with_scope()).await;
            stage.break_first(&[("POST", "/endpoints")], &json!({"answer": "cut_after"})).await;
            let _operator = Told::start("duplicate ip, found", &stage.world, &[]).await;
            stage.world.carrierx_endpoint("pbx", json!({"auth_required": false}), json!({})).await;
            stage.world.ready("pbx").await;
            assert_eq!(stage.only("pbx").await["auth_required"], false);
            assert_eq!(stage.writes_since(0).await, ["POST endpoints"]);
        }),
        case("the first attempt is hidden for longer than it should be", async {
            let stage = Stage::with(with_scope()).await;
            stage.break_first(&[("POST", "/endpoints")], &json!({"answer": "cut_after"})).await;
            let hidden = u64::try_from(SETTLE.as_millis() * 2).expect("some seconds");
            stage.admin.set_switches(json!({"visibility_ms": {"get": hidden, "list": hidden, "after": "create"}})).await.expect("a switch");
            let _operator = Told::start("duplicate ip, hidden", &stage.world, &[]).await;
            stage.world.carrierx_endpoint("pbx", json!({"auth_required": false}), json!({})).await;
            eventually("a second attempt", async || (stage.writes_since(0).await.len() > 1).then_some(())).await;
            stage.world.ready("pbx").await;
            stage.only("pbx").await;
            assert_eq!(stage.ledger().await, ["create_endpoint"], "the second one was refused");
        }),
        case("somebody else has it", async {
            let stage = Stage::with(with_scope()).await;
            let theirs = json!({"name": "foreign", "auth_required": false, "addresses": [{"ip": "203.0.113.7"}]});
            let theirs = stage.admin.create_endpoint(theirs).await.expect("an endpoint");
            let _operator = Told::start("duplicate ip, somebody else's", &stage.world, &[]).await;
            stage.world.carrierx_endpoint("pbx", json!({"auth_required": false}), json!({})).await;
            let object = stage.world.reason("pbx", "Rejected").await;
            let text = json!(object.status).to_string();
            assert!(text.contains("duplicate ip") && text.contains("another ip or port"), "{text}");
            stage.swept(2).await;
            assert_eq!(stage.writes_since(0).await, ["POST endpoints"], "what is refused is not sent again and again");
            assert_eq!(stage.endpoints().await.len(), 1);
            stage.world.patch("pbx", json!({"spec": {"carrierx": {"addresses": [{"ip": "203.0.113.7", "port": 5061}]}}})).await;
            stage.world.ready("pbx").await;
            assert!(stage.endpoints().await.contains_key(theirs["endpoint_sid"].as_str().expect("a SID")));
            stage.world.delete("pbx").await;
            stage.world.gone("pbx").await;
            stage.nothing_left().await;
        }),
        case("without the scope", async {
            let stage = Stage::new().await;
            let _operator = Told::start("without the scope", &stage.world, &[]).await;
            stage.world.carrierx_endpoint("pbx", json!({"auth_required": false}), json!({})).await;
            let object = stage.world.reason("pbx", "Rejected").await;
            assert!(json!(object.status).to_string().contains(AUTH_REQUIRED_SCOPE));
            assert_eq!(stage.ledger().await, Vec::<String>::new());
            // What is so already needs no scope.
            stage.world.patch("pbx", json!({"spec": {"carrierx": {"auth_required": null}}})).await;
            stage.world.ready("pbx").await;
            stage.world.patch("pbx", json!({"spec": {"carrierx": {"auth_required": true}}})).await;
            stage.world.ready("pbx").await;
            assert_eq!(stage.ledger().await, ["create_endpoint"]);
        }),
        case("a number's binding says what its target waits for", async {
            let stage = Stage::new().await;
            stage.number(NUMBER, json!({})).await;
            let _operator = Told::start("a target that is refused", &stage.world, &[]).await;
            stage.world.carrierx_endpoint("pbx", json!({"auth_required": false}), json!({})).await;
            stage.world.reason("pbx", "Rejected").await;
            stage.lead("main", NUMBER, "pbx").await;
            let object = stage.world.binding_reason("main", "TargetNotReady").await;
            assert!(message(&object).contains("pbx"), "{}", message(&object));
            assert!(stage.groups().await.is_empty());
        }),
    ])
    .await;
}
