//! The life of static peers and hosted applications: what is sent for each edit, and nothing else.

use sandbox::plivo::{DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN};
use serde_json::{Value, json};
use switchboard::api::SipEndpoint;

use super::stage::{Stage, case};
use crate::cases::all;
use crate::observe::account_reason;
use crate::world::{eventually, reason};

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_at_carrierx_lives_exactly_as_its_object_says() {
    all(vec![
        case("a static peer", peer),
        case("edits", edited),
        case("logins", logins),
        case("drift", drifted),
        case("deleted in the console", lost),
        case("a conference", |case| hosted(case, json!({"type": "conference", "capacity": 5}), json!({}))),
        case("a voicemail", voicemail),
        case("left as it is", unmanaged),
        case("adopted", adopted),
        case("retained", retained),
        case("in an account at another provider", misplaced),
    ])
    .await;
}

fn condition(object: &SipEndpoint, of: &str) -> Option<(String, String)> {
    let all = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    all.iter().find(|condition| condition.type_ == of).map(|condition| (condition.status.clone(), condition.reason.clone()))
}

async fn peer(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    world.carrierx_endpoint("pbx", json!({"capacity": 10, "attributes": {"team": "voice"}}), json!({})).await;
    let object = world.ready("pbx").await;
    let remote = stage.only("pbx").await;
    let status = object.status.as_ref().expect("a status");
    assert_eq!(status.name.as_deref(), remote["name"].as_str());
    assert!(status.name.as_deref().is_some_and(|name| name.starts_with("pbx.") && name.len() > 12), "{:?}", status.name);
    assert_eq!((&status.sip_uri, &status.sip_registered, &status.username), (&None, &None, &None));
    assert_eq!(condition(&object, "Registered"), Some(("Unknown".into(), "StaticPeer".into())));
    assert_eq!((&remote["type"], &remote["capacity"]), (&json!("third_party"), &json!(10)));
    assert_eq!((&remote["addresses"][0]["ip"], &remote["addresses"][0]["port"]), (&json!("203.0.113.7"), &json!(5060)));
    assert_eq!(remote["attributes"], json!({"team": "voice"}));
    assert_eq!(stage.writes_since(0).await, ["POST endpoints"]);
    eventually("the account shows where calls come from", async || {
        let account = account_reason(world, "carrierx", "Available").await;
        (account.status.expect("a status").gateways.len() == 2).then_some(())
    })
    .await;

    stage.rests(&["endpoints"]).await;
    world.delete("pbx").await;
    world.gone("pbx").await;
    stage.nothing_left().await;
    assert_eq!(stage.ledger().await, ["create_endpoint", "delete_endpoint"]);
    stage
}

async fn misplaced(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    world.account("main", DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, json!({})).await;
    let there = stage.admin.create_endpoint(json!({"name": "foreign"})).await.expect("an endpoint");
    world.carrierx_endpoint("pbx", json!({}), json!({"accountRef": {"name": "main"}})).await;
    let adopt = json!({"accountRef": {"name": "main"}, "adopt": {"endpoint_id": "1"}, "deletionPolicy": "Delete"});
    world.carrierx_endpoint("adopted", json!({}), adopt).await;
    world.endpoint("desk", json!({}), json!({"accountRef": {"name": "carrierx"}})).await;
    let adopt = json!({"accountRef": {"name": "carrierx"}, "adopt": {"endpoint_id": there["endpoint_sid"]}, "deletionPolicy": "Delete"});
    world.endpoint("taken", json!({}), adopt).await;
    for name in ["pbx", "adopted", "desk", "taken"] {
        let object = world.reason(name, "InvalidSpec").await;
        assert!(object.metadata.finalizers.is_none_or(|all| all.is_empty()), "{name}");
        assert!(object.status.is_some_and(|status| status.endpoint_id.is_none() && status.ledger.is_none()), "{name}");
        world.delete(name).await;
        world.gone(name).await;
    }
    assert_eq!(stage.writes_since(0).await, Vec::<String>::new());
    assert_eq!(stage.endpoints().await.len(), 1, "what was to be adopted is left alone");
    stage
}

const PATCH: &str = "PATCH endpoints/*";
const REPLACE: &str = "PATCH endpoints/*?nested_objects=replace";

async fn edited(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    let first = json!({"capacity": 10, "attributes": {"team": "voice"}, "out_sip_username": "trunk"});
    world.carrierx_endpoint("pbx", first, json!({})).await;
    world.ready("pbx").await;
    let two = json!([{"ip": "203.0.113.8", "port": 5070, "transport": "tcp"}, {"ip": "pbx.example.com"}]);
    let table: Vec<(Value, Value, &[&str])> = vec![
        (json!({"capacity": 20}), json!({"capacity": 20}), &[PATCH]),
        (json!({"addresses": two}), json!({}), &[REPLACE]),
        (json!({"addresses": [two[1], two[0]]}), json!({}), &[]),
        (json!({"addresses": [{"ip": "PBX.example.com", "transport": "udp"}, two[0]]}), json!({}), &[]),
        (json!({"attributes": {"team": "sales"}}), json!({"attributes": {"team": "sales"}}), &[PATCH]),
        (json!({"attributes": {"floor": "2"}}), json!({"attributes": {"team": "sales", "floor": "2"}}), &[PATCH]),
        (json!({"out_sip_username": "other"}), json!({"out_sip_username": "other"}), &[PATCH]),
        (json!({"capacity": null}), json!({"capacity": 20}), &[]),
        (json!({"addresses": []}), json!({"addresses": []}), &[REPLACE]),
        (json!({"addresses": [{"ip": "203.0.113.9"}], "capacity": 30}), json!({"capacity": 30}), &[PATCH, REPLACE]),
    ];
    for (edit, expected, sent) in table {
        let since = stage.now().await;
        world.patch("pbx", json!({"spec": {"carrierx": edit}})).await;
        world.ready("pbx").await;
        let remote = stage.only("pbx").await;
        for (field, value) in expected.as_object().expect("an object") {
            assert_eq!(&remote[field], value, "{edit}");
        }
        let mut writes = stage.writes_since(since).await;
        writes.sort();
        assert_eq!(writes, sent, "{edit}");
    }
    let name = stage.only("pbx").await["name"].clone();
    world.patch("pbx", json!({"spec": {"carrierx": {"name": "berlin"}}})).await;
    let object = world.ready("pbx").await;
    let renamed = stage.only("pbx").await["name"].as_str().expect("a name").to_owned();
    let mark = name.as_str().and_then(|name| name.strip_prefix("pbx")).expect("its first name");
    assert_eq!(renamed, format!("berlin{mark}"));
    assert_eq!(object.status.and_then(|status| status.name), Some(renamed));
    stage.rests(&["endpoints"]).await;
    stage
}

async fn logins(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    world.secret("out", &[("password", "first-password")]).await;
    world.secret("login", &[("username", "bob"), ("password", "bobs-password")]).await;
    let spec = json!({
        "out_sip_username": "trunk", "outSipPasswordSecretRef": {"name": "out", "key": "password"},
        "addresses": [{"ip": "203.0.113.7", "sipCredentialsSecretRef": {"name": "login"}}],
    });
    world.carrierx_endpoint("pbx", spec, json!({})).await;
    world.ready("pbx").await;
    let held = async || {
        let remote = stage.only("pbx").await;
        let address = &remote["addresses"][0];
        [&remote["out_sip_password"], &address["sip_username"], &address["sip_password"]]
            .map(|text| text.as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(held().await, ["first-password", "bob", "bobs-password"]);
    assert_eq!(stage.writes_since(0).await, ["POST endpoints"]);
    for (secret, values, expected) in [
        ("out", vec![("password", "second-password")], ["second-password", "bob", "bobs-password"]),
        ("login", vec![("username", "carol"), ("password", "carols-password")], ["second-password", "carol", "carols-password"]),
    ] {
        let since = stage.now().await;
        world.secret(secret, &values).await;
        eventually("the login is rotated", async || (held().await == expected).then_some(())).await;
        world.ready("pbx").await;
        stage.swept(2).await;
        assert_eq!(stage.writes_since(since).await.len(), 1, "{:?}", stage.writes_since(since).await);
    }
    // Somebody changes it in the console: it reads in clear, so it is put back.
    let sid = stage.only("pbx").await["endpoint_sid"].as_str().expect("a SID").to_owned();
    stage.admin.patch_endpoint(&sid, json!({"out_sip_password": "somebody-elses"})).await.expect("an edit");
    eventually("it is put back", async || (held().await[0] == "second-password").then_some(())).await;
    stage.rests(&["endpoints"]).await;
    stage
}

async fn drifted(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    let spec = json!({"capacity": 10, "attributes": {"team": "voice"}, "addresses": [{"ip": "203.0.113.7"}, {"ip": "203.0.113.8"}]});
    world.carrierx_endpoint("pbx", spec, json!({})).await;
    world.ready("pbx").await;
    let before = stage.only("pbx").await;
    let sid = before["endpoint_sid"].as_str().expect("a SID").to_owned();
    let table: Vec<(&str, Value, Vec<&str>)> = vec![
        ("the name", json!({"name": "somebody's"}), vec![PATCH]),
        ("the addresses", json!({"addresses": [{"ip": "192.0.2.66"}]}), vec![REPLACE]),
        ("an attribute of ours", json!({"attributes": {"team": "theirs", "foreign": "kept"}}), vec![PATCH]),
        ("the capacity", json!({"capacity": 1}), vec![PATCH]),
    ];
    for (what, edit, sent) in table {
        let since = stage.now().await;
        stage.admin.patch_endpoint(&sid, edit).await.expect("an edit in the console");
        eventually(&format!("{what} is put back"), async || {
            let now = stage.only("pbx").await;
            let agrees = ["name", "addresses", "capacity"].iter().all(|field| now[field] == before[field]);
            (agrees && now["attributes"]["team"] == "voice").then_some(())
        })
        .await;
        stage.swept(2).await;
        assert_eq!(stage.writes_since(since).await, sent, "{what}");
    }
    assert_eq!(stage.only("pbx").await["attributes"]["foreign"], "kept");

    // What is nobody's business is left alone.
    let since = stage.now().await;
    stage
        .admin
        .patch_endpoint(&sid, json!({"attributes": {"team": "voice", "more": "kept"}, "out_sip_username": "theirs"}))
        .await
        .expect("an edit");
    stage.admin.rotate_voip_token(&sid).await.expect("another token");
    stage.swept(3).await;
    assert_eq!(stage.writes_since(since).await, Vec::<String>::new());
    // And goes with no replacement of the addresses.
    world.patch("pbx", json!({"spec": {"carrierx": {"addresses": [{"ip": "203.0.113.9"}]}}})).await;
    world.ready("pbx").await;
    assert_eq!(stage.only("pbx").await["attributes"], json!({"team": "voice", "more": "kept"}));
    stage
}

async fn lost(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    stage.peer("pbx", "203.0.113.7").await;
    stage.world.ready("pbx").await;
    let first = stage.only("pbx").await["endpoint_sid"].as_str().expect("a SID").to_owned();
    stage.admin.delete_endpoint(&first).await.expect("a deletion in the console");
    let recreated = |object: &SipEndpoint| {
        let now = object.status.as_ref().and_then(|status| status.endpoint_id.as_deref());
        reason(object) == "Available" && now.is_some_and(|now| now != first)
    };
    stage.world.until("pbx", "recreated", recreated).await;
    stage.only("pbx").await;
    assert_eq!(stage.ledger().await, ["create_endpoint", "create_endpoint"]);
    stage
}

async fn hosted(case: &'static str, carrierx: Value, more: Value) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    let spec = json!({"accountRef": {"name": "carrierx"}, "carrierx": carrierx});
    world.apply_spec("hosted", spec).await;
    world.ready("hosted").await;
    let since = stage.now().await;
    world.patch("hosted", json!({"spec": {"carrierx": {"capacity": 7, "name": "hall"}}})).await;
    let object = world.ready("hosted").await;
    let remote = stage.only("hosted").await;
    assert_eq!(
        (&remote["capacity"], object.status.and_then(|status| status.name)),
        (&json!(7), remote["name"].as_str().map(str::to_owned))
    );
    for (name, value) in more.as_object().expect("an object") {
        assert_eq!(&remote[name], value);
    }
    assert_eq!(stage.writes_since(since).await, [PATCH]);
    stage.rests(&["endpoints"]).await;
    world.delete("hosted").await;
    world.gone("hosted").await;
    stage.nothing_left().await;
    stage
}

async fn voicemail(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    let properties = json!({"callback_url": "https://example.com/voicemail", "callback_method": "POST", "greeting": "hello"});
    let spec = json!({"accountRef": {"name": "carrierx"}, "carrierx": {"type": "voicemail", "properties": properties}});
    world.apply_spec("mail", spec).await;
    world.ready("mail").await;
    let shown = stage.only("mail").await["properties"].clone();
    assert_eq!((&shown["greeting"], &shown["callback_method"]), (&json!("hello"), &json!("POST")));
    let since = stage.now().await;
    world.patch("mail", json!({"spec": {"carrierx": {"properties": {"greeting": "hello again", "callback_method": null}}}})).await;
    world.ready("mail").await;
    let shown = stage.only("mail").await["properties"].clone();
    assert_eq!(
        (&shown["greeting"], &shown["callback_method"]),
        (&json!("hello again"), &json!("POST")),
        "what is left out is left as it is"
    );
    assert_eq!(stage.writes_since(since).await, [PATCH]);
    stage.rests(&["endpoints"]).await;
    stage
}

async fn unmanaged(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    let spec = json!({"accountRef": {"name": "carrierx"}, "carrierx": {"type": "third_party"}});
    world.apply_spec("pbx", spec).await;
    world.ready("pbx").await;
    let sent = stage.effects("create_endpoint").await.remove(0).request;
    assert_eq!(sent.as_object().expect("an object").keys().collect::<Vec<_>>(), ["name", "type"], "what is not named is not sent");
    stage
}

async fn adopted(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    let made =
        json!({"name": "foreign pbx", "type": "third_party", "addresses": [{"ip": "203.0.113.7"}], "attributes": {"theirs": "kept"}});
    let made = stage.admin.create_endpoint(made).await.expect("an endpoint");
    let sid = made["endpoint_sid"].as_str().expect("a SID");
    world.carrierx_endpoint("pbx", json!({"capacity": 3}), json!({"adopt": {"endpoint_id": sid}})).await;
    world.ready("pbx").await;
    let now = stage.only("pbx").await;
    assert_eq!((&now["name"], &now["capacity"], &now["attributes"]), (&made["name"], &json!(3), &made["attributes"]));
    assert_eq!(stage.writes_since(0).await, [PATCH]);
    world.delete("pbx").await;
    world.gone("pbx").await;
    assert_eq!(stage.endpoints().await.len(), 1, "it stays");
    stage
}

async fn retained(case: &'static str) -> Stage {
    let (stage, _operator) = Stage::run(case).await;
    let world = &stage.world;
    world.carrierx_endpoint("pbx", json!({}), json!({"deletionPolicy": "Retain"})).await;
    world.ready("pbx").await;
    let first = stage.only("pbx").await;
    world.delete("pbx").await;
    world.gone("pbx").await;
    assert_eq!(stage.endpoints().await.len(), 1);
    // It belongs to the next object of its name, which finds it by its mark.
    stage.peer("pbx", "203.0.113.7").await;
    world.ready("pbx").await;
    assert_eq!(stage.only("pbx").await["endpoint_sid"], first["endpoint_sid"]);
    assert_eq!(stage.ledger().await, ["create_endpoint"]);
    stage
}
