//! What nobody outside CarrierX knows for certain: under every answer to it an endpoint is made, bound, edited, let go and deleted, or its
//! condition says why not; and nothing is sent again and again.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use switchboard::api::SipEndpoint;

use super::stage::{NUMBER, Stage};
use crate::cases::{all, case};
use crate::numbers::line;
use crate::observe::Told;
use crate::world::{eventually, observed, reason};

/// What differs from the way without a switch.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// It goes through to its end.
    Usual,
    /// There are no attributes.
    NoAttributes,
    /// A number is not taken back.
    Bound,
    /// A host name is shown as an address.
    Resolved,
    /// Attributes are not merged, as CarrierX's own page lets one think that they are: those of others go with an edit of ours.
    Replaced,
}

/// Values of switches that are tried together, so that each value but the default ones is tried once; what might hide each other is apart.
type Row = (&'static [(&'static str, &'static str)], Way);

const TABLE: &[Row] = &[
    (
        &[
            ("error_body", "empty"),
            ("validation_status", "400"),
            ("conflict_status", "422"),
            ("list_total", "null"),
            ("string_keys", "ignore"),
        ],
        Way::Usual,
    ),
    (
        &[
            ("error_body", "text"),
            ("validation_status", "409"),
            ("conflict_status", "400"),
            ("list_default_limit", "1000"),
            ("string_keys", "reject"),
        ],
        Way::Usual,
    ),
    (&[("error_body", "html"), ("bad_token_status", "403"), ("gateway_write", "422"), ("whoami", "off")], Way::Usual),
    (&[("nested_default", "by_key"), ("duplicate_scope", "account"), ("name_rule", "short")], Way::Usual),
    (&[("nested_default", "replace"), ("duplicate_on_update", "skip"), ("name_rule", "unique")], Way::Replaced),
    (&[("replace_reach", "all"), ("read_only_field", "reject")], Way::Usual),
    (&[("attributes_shape", "list"), ("replace_reach", "all"), ("nested_default", "replace")], Way::Replaced),
    (&[("attributes_shape", "list")], Way::Usual),
    (&[("attributes_shape", "refuse")], Way::NoAttributes),
    (&[("object_age", "older")], Way::Usual),
    (&[("password_echo", "null"), ("filter_support", "top_level")], Way::Usual),
    (&[("password_echo", "masked"), ("filter_support", "reject")], Way::Usual),
    (&[("fqdn", "resolve")], Way::Resolved),
    (&[("filter_support", "ignored"), ("list_partners", "all")], Way::Usual),
    (&[("referenced_delete", "cascade")], Way::Usual),
    (&[("referenced_delete", "dangling")], Way::Usual),
    (&[("unbind_null", "reject")], Way::Bound),
    (&[("unbind_null", "ignore")], Way::Bound),
    (&[("rate_limit", "4")], Way::Usual),
    (&[("rate_limit", "4"), ("retry_after", "seconds")], Way::Usual),
    (&[("rate_limit", "4"), ("retry_after", "date")], Way::Usual),
    (&[("stale_read_s", "1.5")], Way::Usual),
    (&[("latency_ms", "150")], Way::Usual),
];

#[tokio::test(flavor = "multi_thread")]
async fn under_every_answer_to_what_is_not_documented_it_comes_to_the_right_end() {
    let cases = TABLE.iter().map(|&(switches, way)| {
        let name: Vec<String> = switches.iter().map(|(switch, value)| format!("{switch}={value}")).collect();
        case(name.join(" "), way_through(name.join(" ").leak(), switches, way))
    });
    all(cases.collect()).await;
}

/// What the executed updates of endpoints named, but for those of one's own fields.
async fn updates(stage: &Stage) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for update in stage.effects("update_endpoint").await {
        for field in update.request.as_object().expect("an object").keys() {
            *counts.entry(field.clone()).or_default() += 1;
        }
    }
    counts
}

fn message(object: &SipEndpoint) -> String {
    let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    conditions.iter().find(|condition| condition.type_ == "Ready").map(|condition| condition.message.clone()).unwrap_or_default()
}

async fn settled(stage: &Stage, way: Way) {
    match way {
        Way::Resolved => {
            let reported = |object: &SipEndpoint| reason(object) == "ProviderNormalisedValue" && message(object).contains("addresses");
            stage.world.until("pbx", "reported once", |object| reported(object) && observed(object)).await;
        }
        _ => drop(stage.world.ready("pbx").await),
    }
}

async fn way_through(name: &'static str, switches: &[(&str, &str)], way: Way) {
    let stage = Stage::switched(switches).await;
    let world = &stage.world;
    stage.number(NUMBER, json!({})).await;
    let _operator = Told::start(name, world, &[]).await;
    world.secret("out", &[("password", "first-password")]).await;
    let host = if way == Way::Resolved { "pbx.example.com" } else { "203.0.113.8" };
    let addresses = json!([{"ip": "203.0.113.7"}, {"ip": host, "port": 5070, "transport": "tcp"}]);
    let spec = json!({
        "addresses": addresses, "capacity": 10, "out_sip_username": "trunk",
        "outSipPasswordSecretRef": {"name": "out", "key": "password"}, "attributes": {"team": "voice"},
    });
    world.carrierx_endpoint("pbx", spec, json!({})).await;
    if way == Way::NoAttributes {
        world.reason("pbx", "Rejected").await;
        world.patch("pbx", json!({"spec": {"carrierx": {"attributes": null}}})).await;
    }
    settled(&stage, way).await;
    assert_eq!(stage.tally().await["create_endpoint"], 1);

    stage.lead("main", NUMBER, "pbx").await;
    world.bound("main").await;
    assert_eq!(stage.group_of(NUMBER).await, stage.led("pbx").await);

    let sid = stage.only("pbx").await["endpoint_sid"].as_str().expect("a SID").to_owned();
    if way != Way::NoAttributes {
        let foreign = match switches.contains(&("attributes_shape", "list")) {
            true => json!([{"key": "team", "value": "voice"}, {"key": "theirs", "value": "kept"}]),
            false => json!({"team": "voice", "theirs": "kept"}),
        };
        stage.admin.patch_endpoint(&sid, json!({"attributes": foreign})).await.expect("an edit in the console");
    }
    // Somebody else's edit is seen before ours is sent.
    stage.swept(2).await;
    let before = updates(&stage).await;
    world.patch("pbx", json!({"spec": {"carrierx": {"capacity": 20}}})).await;
    settled(&stage, way).await;
    world.patch("pbx", json!({"spec": {"carrierx": {"addresses": [{"ip": "203.0.113.9"}]}}})).await;
    let then = if way == Way::Resolved { Way::Usual } else { way };
    settled(&stage, then).await;
    if way != Way::NoAttributes {
        world.patch("pbx", json!({"spec": {"carrierx": {"attributes": {"team": "sales"}}}})).await;
        settled(&stage, then).await;
    }
    let rotations = async || updates(&stage).await.get("out_sip_password").copied().unwrap_or_default();
    let rotated = rotations().await;
    world.secret("out", &[("password", "second-password")]).await;
    eventually("the password is rotated", async || (rotations().await > rotated).then_some(())).await;
    settled(&stage, then).await;
    stage.swept(2).await;
    let now = stage.only("pbx").await;
    assert_eq!((&now["capacity"], &now["addresses"].as_array().map(Vec::len)), (&json!(20), &Some(1)), "{now:#}");
    if way != Way::NoAttributes {
        let attributes = now["attributes"].to_string();
        let kept: &[&str] = if way == Way::Replaced { &["sales"] } else { &["sales", "theirs", "kept"] };
        assert!(kept.iter().all(|text| attributes.contains(text)), "{attributes}");
    }
    let mut sent = updates(&stage).await;
    for (field, count) in before {
        *sent.entry(field).or_default() -= count;
    }
    // Addresses carry the attributes with them, so that a replacement does not clear these.
    let attributes = sent.remove("attributes").unwrap_or_default();
    assert!(attributes <= 2, "{attributes} updates of the attributes");
    sent.retain(|field, count| *count != 0 && field != "transformations" && field != "out_sip_username");
    let expected =
        BTreeMap::from([("addresses", 1), ("capacity", 1), ("out_sip_password", 1)].map(|(field, count)| (field.to_owned(), count)));
    assert_eq!(sent, expected);
    let since = stage.now().await;
    stage.swept(2).await;
    assert_eq!(stage.writes_since(since).await, Vec::<String>::new(), "at rest nothing is written");

    world.delete_binding("main").await;
    if way == Way::Bound {
        let object = world.binding_until("main", "not taken back", |object| line::message(object).contains("cannot be given back")).await;
        assert!(object.metadata.finalizers.is_some_and(|all| !all.is_empty()));
        stage.swept(1).await;
        let asked = stage.writes_since(since).await;
        stage.swept(3).await;
        assert_eq!(stage.writes_since(since).await, asked, "it is not asked again and again");
        assert_ne!(stage.group_of(NUMBER).await, "");
        // The message says what a person can do.
        stage.admin.patch_did(NUMBER, json!({"trunk_group_sid": null})).await.expect("an edit in the console");
    }
    world.binding_gone("main").await;
    world.delete("pbx").await;
    world.gone("pbx").await;
    stage.nothing_left().await;
    assert_eq!(stage.group_of(NUMBER).await, "");
    let tally = stage.tally().await;
    let once = ["create_endpoint", "delete_endpoint", "create_trunk_group", "delete_trunk_group", "create_trunk"];
    assert!(once.iter().all(|op| tally[*op] == 1), "{tally:#?}");
    assert!(stage.endpoints().await.values().all(|one| one["name"] != Value::Null));
    stage.honest().await;
}
