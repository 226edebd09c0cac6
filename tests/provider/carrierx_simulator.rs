//! An endpoint, its trunk group and its number from create to delete against the CarrierX simulator, under every value of every switch.

use sandbox::carrierx::{AUTH_REQUIRED_SCOPE, DEFAULT_TOKEN, Options, PARTNER_SID, Simulator};
use serde_json::{Value as Json, json};
use switchboard::api::ledger::SecretVersion;
use switchboard::api::refs::SecretKeyRef;
use switchboard::api::sip_endpoint::SipEndpointSpec;
use switchboard::core::fields::{FieldName, Fields, PASSWORD, Remote, Secret, Value, diff};
use switchboard::core::outcome::{Outcome, RefusalKind};
use switchboard::core::view::{Desired, Wanted};
use switchboard::provider::carrierx::{CAPABILITIES, CarrierX, Credentials};
use switchboard::provider::transport::{BaseUrl, TransportOptions};
use switchboard::provider::{self, Given, Provider};

use crate::carrierx::{NUMBER, mark, text};
use crate::simulator::done;
use crate::{PATIENT, install};

const SWITCHES: [(&str, &[&str]); 23] = [
    ("error_body", &["json", "empty", "text", "html"]),
    ("bad_token_status", &["401", "403"]),
    ("validation_status", &["422", "400", "409"]),
    ("conflict_status", &["409", "422", "400"]),
    ("duplicate_scope", &["platform", "account"]),
    ("duplicate_on_update", &["check", "skip"]),
    ("gateway_write", &["403", "422"]),
    ("read_only_field", &["ignore", "reject"]),
    ("nested_default", &["append", "by_key", "replace"]),
    ("replace_reach", &["named", "all"]),
    ("attributes_shape", &["map", "list", "refuse"]),
    ("object_age", &["current", "older"]),
    ("password_echo", &["clear", "null", "masked"]),
    ("fqdn", &["keep", "resolve"]),
    ("name_rule", &["free", "unique", "short"]),
    ("list_default_limit", &["10", "1000"]),
    ("list_total", &["exact", "null"]),
    ("filter_support", &["full", "top_level", "ignored", "reject"]),
    ("list_partners", &["own", "all"]),
    ("referenced_delete", &["conflict", "cascade", "dangling"]),
    ("unbind_null", &["accept", "reject", "ignore"]),
    ("string_keys", &["write", "ignore", "reject"]),
    ("whoami", &["on", "off"]),
];

struct World {
    simulator: Simulator,
    client: CarrierX,
    switches: Vec<(String, String)>,
}

impl World {
    async fn with(switches: &[(&str, &str)]) -> Self {
        install();
        let switches: Vec<_> = switches.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let options =
            Options { switches: switches.clone(), dids: vec![format!("+{NUMBER}"), "+15160000001".to_owned()], ..Options::default() };
        let simulator = Simulator::start(options).await.expect("a simulator");
        let client = client(&simulator, DEFAULT_TOKEN);
        let world = Self { simulator, client, switches };
        assert_eq!(done(world.client.identify().await, &world.at("identify")), PARTNER_SID);
        world
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.switches.iter().any(|(one, at)| one == name && at == value)
    }

    fn at(&self, step: &str) -> String {
        format!("{step} with {:?}", self.switches)
    }

    /// An answer that is not there: its body may not be the provider's own.
    fn gone<T>(&self) -> Outcome<T> {
        Outcome::NotFound { proven: !self.switches.iter().any(|(name, value)| name == "error_body" && value != "json") }
    }
}

fn client(simulator: &Simulator, token: &str) -> CarrierX {
    let credentials = Credentials { token: Secret::new(token.to_owned()), partner_sid: None };
    let options = TransportOptions { deadlines: PATIENT, extra_roots: None };
    CarrierX::new(&BaseUrl::parse(simulator.url()).expect("a base URL"), credentials, &options).expect("a client")
}

/// What a spec of the manifests amounts to.
fn desired(carrierx: Json) -> Wanted {
    let spec = json!({"accountRef": {"name": "carrierx"}, "carrierx": carrierx});
    let spec: SipEndpointSpec = serde_json::from_value(spec).expect("a spec");
    let mut given = Given::default();
    for (name, key, value) in [("out", "password", "out-word\n"), ("sip", "username", "bob"), ("sip", "password", "sip-word")] {
        let at = SecretKeyRef { name: name.to_owned(), key: key.to_owned() };
        given.add(at, Secret::new(value.to_owned()), SecretVersion::default());
    }
    match provider::desired(&spec, None, "pbx", &mark(), provider::password(&spec, &given), None) {
        Desired::Wanted(wanted) => *wanted,
        other => panic!("{other:?}"),
    }
}

fn peer(with_attributes: bool) -> Json {
    let mut peer = json!({
        "type": "third_party", "capacity": 10, "out_sip_username": "trunk", "outSipPasswordSecretRef": {"name": "out", "key": "password"},
        "addresses": [{"ip": "203.0.113.7"}, {"ip": "203.0.113.8", "port": 5061, "transport": "tls", "sipCredentialsSecretRef": {"name": "sip"}}],
    });
    if with_attributes {
        peer["attributes"] = json!({"team": "voice"});
    }
    peer
}

/// Brings an endpoint to what is wanted as the core does: one group of fields after the other, with what goes along and what is carried.
async fn converge(world: &World, id: &str, wanted: &Wanted) -> Remote {
    for _ in 0..6 {
        let remote = done(world.client.endpoints().get(id).await, &world.at("get"));
        let differences = diff(&wanted.fields, &remote.fields);
        let group = |field: FieldName| CAPABILITIES.updates.iter().position(|group| group.fields.contains(&field));
        let Some(first) = differences.iter().map(|difference| group(difference.field)).min() else { return remote };
        let mut change: Fields =
            differences.into_iter().filter(|one| group(one.field) == first).map(|one| (one.field, one.desired)).collect();
        let carried = change.keys().filter_map(|field| CAPABILITIES.group(field)).flat_map(|group| group.carried).copied();
        for field in carried.collect::<Vec<_>>() {
            let observed = remote.fields.get(field).cloned().unwrap_or_else(|| text(""));
            change.entry(field).or_insert(observed);
        }
        if let Some(password) = wanted.password.as_ref().filter(|password| password.along.is_some_and(|along| change.contains_key(along))) {
            change.insert(PASSWORD, Value::Secret(password.value.clone()));
        }
        let shown = done(world.client.endpoints().update(id, &change).await, &world.at("update")).expect("an endpoint");
        assert_eq!(shown.id, id);
    }
    panic!("{}", world.at("it is never as wanted"));
}

async fn life(switches: &[(&str, &str)]) {
    let world = World::with(switches).await;
    let (client, admin) = (&world.client, world.simulator.admin());
    let at = |step: &str| world.at(step);
    let mut spec = peer(!world.is("attributes_shape", "refuse"));
    if world.is("object_age", "older") {
        // What an older answer never shows: see below.
        drop(spec.as_object_mut().expect("an object").remove("out_sip_username"));
    }
    let wanted = desired(spec);

    // Made, found, listed.
    let created = done(client.endpoints().create(mark().as_str(), &wanted.create).await, &at("create"));
    let remote = converge(&world, &created.id, &wanted).await;
    assert_eq!(remote, done(client.endpoints().get(&created.id).await, &at("get")));
    assert_eq!(admin.ledger().await.expect("a ledger").len(), 1, "{}", at("what is made needs no update"));
    match client.endpoints().find(&mark()).await {
        Outcome::Done(page) => {
            assert_eq!(page.items.iter().map(|remote| &remote.id).collect::<Vec<_>>(), [&created.id], "{}", at("find"));
            assert_eq!(page.more, Some(false), "{}", at("find"));
        }
        Outcome::Refused(refusal) => {
            assert!(refusal.kind == RefusalKind::Invalid && world.is("filter_support", "reject"), "{}", at("find"))
        }
        other => panic!("{}: {other:?}", at("find")),
    }
    let page = done(client.endpoints().list(0, 1000).await, &at("list"));
    assert_eq!(page.more, Some(false));
    assert!(page.items.iter().any(|remote| remote.id == created.id), "{}", at("list"));
    assert!(
        page.items
            .iter()
            .any(|remote| matches!(&remote.role, switchboard::core::fields::Role::Gateway(addresses) if !addresses.is_empty()))
    );
    let password = wanted.password.as_ref().expect("a password");
    assert_ne!(client.password_matches(&remote, &password.value), Some(false), "{}", at("password"));
    let other = Secret::new(password.value.expose().replace("out-word", "other-word"));
    assert_ne!(client.password_matches(&remote, &other), Some(true), "{}", at("password"));
    if world.is("password_echo", "clear") {
        assert_eq!(
            (client.password_matches(&remote, &password.value), client.password_matches(&remote, &other)),
            (Some(true), Some(false))
        );
    }

    // Changed by somebody else, and put right without harm to what is not ours.
    let theirs = if world.is("attributes_shape", "refuse") { json!({}) } else { json!({"team": "sales", "theirs": "x"}) };
    let transformations = json!([{"find": "^00", "replace": "+"}]);
    let drift = json!({"addresses": [{"ip": "198.51.100.1"}], "capacity": 3, "attributes": theirs, "transformations": transformations});
    admin.patch_endpoint(&created.id, drift).await.expect("a drift");
    let remote = converge(&world, &created.id, &wanted).await;
    let held = admin.state().await.expect("a state")["accounts"][PARTNER_SID]["endpoints"].clone();
    let held = held.as_array().expect("a list").iter().find(|endpoint| endpoint["endpoint_sid"] == created.id.as_str()).cloned();
    let held = held.expect("the endpoint");
    assert_eq!(held["transformations"], transformations, "{}", at("what nobody manages is left as it is"));
    if !world.is("attributes_shape", "refuse") && !world.is("nested_default", "replace") {
        let list = json!([{"key": "team", "value": "voice"}, {"key": "theirs", "value": "x"}]);
        let expected = if world.is("attributes_shape", "list") { list } else { json!({"team": "voice", "theirs": "x"}) };
        assert_eq!(held["attributes"], expected, "{}", at("keys of others stay"));
    }
    assert_eq!(held["addresses"].as_array().map(Vec::len), Some(2), "{}", at("no address is left over"));
    assert_ne!(client.password_matches(&remote, &password.value), Some(false), "{}", at("logins stay with their addresses"));

    // A trunk group with one trunk, whatever others do to it.
    let groups = client.trunk_groups().expect("trunk groups");
    let leads = Fields::from([("endpoint_sid", text(&created.id))]);
    let mut make = leads.clone();
    make.insert("name", text(mark().as_str()));
    let group = done(groups.create(mark().as_str(), &make).await, &at("create group"));
    assert_eq!(group.remote.as_ref().map(|remote| &remote.fields), Some(&make), "{}", at("create group"));
    let extra = admin.create_trunk(&group.id, json!({"endpoint_sid": null})).await;
    extra.expect("a second trunk");
    let shown = done(groups.get(&group.id).await, &at("get group"));
    assert_eq!(
        shown.fields["endpoint_sid"],
        text(&{
            let mut both = [created.id.as_str(), "none"];
            both.sort_unstable();
            both.join(", ")
        })
    );
    let shown = done(groups.update(&group.id, &leads).await, &at("lead")).expect("a group");
    assert_eq!((&shown, &shown.fields), (&done(groups.get(&group.id).await, &at("get group")), &make), "{}", at("lead"));
    done(groups.update(&group.id, &Fields::from([("name", text("renamed"))])).await, &at("rename"));
    done(groups.update(&group.id, &Fields::from([("name", text(mark().as_str()))])).await, &at("rename"));
    let page = done(groups.list(0, 1000).await, &at("list groups"));
    assert!(page.items.iter().any(|remote| remote.fields == make), "{}", at("list groups"));

    // A number that leads there.
    let number = done(client.get_number(NUMBER, None).await, &at("number"));
    assert_eq!((number.obstacle.as_ref(), number.fields["trunk_group_sid"].text()), (None, Some("")), "{}", at("number"));
    assert_eq!(client.get_number("15169999999", None).await, Outcome::NotFound { proven: true }, "{}", at("a number of nobody"));
    done(
        client
            .update_number(&number.number, Some(&number.id), &Fields::from([("trunk_group_sid", text(&group.id)), ("alias", text("desk"))]))
            .await,
        &at("bind"),
    );
    let bound = done(client.get_number(NUMBER, Some(&number.id)).await, &at("number"));
    assert_eq!((bound.fields["trunk_group_sid"].text(), bound.fields["alias"].text()), (Some(group.id.as_str()), Some("desk")));
    assert_eq!(done(client.list_numbers(0, 1000).await, &at("numbers")).items.len(), 2);
    assert_eq!(done(groups.references(&group.id).await, &at("references")), [format!("number +{NUMBER}")]);
    assert_eq!(
        done(client.endpoints().references(&created.id).await, &at("references")),
        [format!("trunk group {} ({})", mark(), group.id)]
    );

    // All of it goes, from the end.
    let unbound = client.update_number(&number.number, Some(&number.id), &Fields::from([("trunk_group_sid", text(""))])).await;
    let shown = done(client.get_number(NUMBER, Some(&number.id)).await, &at("number")).fields["trunk_group_sid"].clone();
    match unbound {
        Outcome::Done(()) if world.is("unbind_null", "ignore") => assert_eq!(shown.text(), Some(group.id.as_str())),
        Outcome::Done(()) => assert_eq!(shown.text(), Some(""), "{}", at("unbind")),
        Outcome::Refused(refusal) => assert!(world.is("unbind_null", "reject") && refusal.kind == RefusalKind::Invalid, "{}", at("unbind")),
        other => panic!("{}: {other:?}", at("unbind")),
    }
    if shown.text() != Some("") {
        admin.patch_did(NUMBER, json!({"trunk_group_sid": null})).await.expect("unbound in the portal");
    }
    assert_eq!(done(groups.references(&group.id).await, &at("references")), [""; 0]);
    done(groups.delete(&group.id).await, &at("delete group"));
    assert_eq!((groups.delete(&group.id).await, groups.get(&group.id).await), (world.gone(), world.gone()), "{}", at("delete group again"));
    assert_eq!(done(client.endpoints().references(&created.id).await, &at("references")), [""; 0]);
    done(client.endpoints().delete(&created.id).await, &at("delete"));
    assert_eq!(client.endpoints().delete(&created.id).await, world.gone(), "{}", at("delete again"));
    assert_eq!(client.endpoints().get(&created.id).await, world.gone(), "{}", at("get after delete"));
    let state = admin.state().await.expect("a state");
    assert_eq!(
        (&state["numbers_rented"], &state["numbers_released"], &state["money_spent"]),
        (&json!(0), &json!(0), &json!(0)),
        "{}",
        at("money")
    );
    world.simulator.stop().await;
}

#[tokio::test]
async fn an_endpoint_its_trunk_group_and_its_number_live_under_every_switch() {
    life(&[]).await;
    for (name, values) in SWITCHES {
        for value in values {
            life(&[(name, value)]).await;
        }
    }
}

#[tokio::test]
async fn the_worst_values_together_are_borne_too() {
    life(&[
        ("replace_reach", "all"),
        ("nested_default", "append"),
        ("attributes_shape", "list"),
        ("password_echo", "null"),
        ("whoami", "off"),
        ("filter_support", "ignored"),
        ("list_total", "null"),
    ])
    .await;
    life(&[
        ("replace_reach", "all"),
        ("nested_default", "by_key"),
        ("password_echo", "masked"),
        ("filter_support", "reject"),
        ("read_only_field", "reject"),
        ("name_rule", "unique"),
        ("list_partners", "all"),
    ])
    .await;
}

#[tokio::test]
async fn what_comes_back_in_another_form_or_never_differs_for_good_and_nothing_is_left_over() {
    let host = json!({"type": "third_party", "addresses": [{"ip": "pbx.example"}]});
    let login = json!({"type": "third_party", "addresses": [], "out_sip_username": "trunk"});
    for (switch, value, spec, field) in [("fqdn", "resolve", host, "addresses"), ("object_age", "older", login, "out_sip_username")] {
        let world = World::with(&[(switch, value)]).await;
        let wanted = desired(spec);
        let created = done(world.client.endpoints().create(mark().as_str(), &wanted.create).await, "create");
        let change = Fields::from([(field, wanted.fields[field].clone())]);
        for _ in 0..2 {
            let shown = done(world.client.endpoints().update(&created.id, &change).await, "update").expect("an endpoint");
            let differences: Vec<_> = diff(&wanted.fields, &shown.fields).iter().map(|difference| difference.field).collect();
            assert_eq!(differences, [field], "which is told once and left, as any value that is kept in another form");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_set_is_explained_whatever_its_status() {
    for status in ["422", "400", "409"] {
        let world = World::with(&[("validation_status", status), ("conflict_status", status)]).await;
        let (client, admin) = (&world.client, world.simulator.admin());
        let wanted = desired(json!({"type": "third_party", "addresses": [{"ip": "203.0.113.7"}], "auth_required": false}));
        let refused = |outcome: Outcome<provider::Created>, words: &str| match outcome {
            Outcome::Refused(refusal) => {
                assert_eq!(refusal.kind, RefusalKind::Invalid, "{status}");
                assert!(refusal.message.contains(words), "{status}: {}", refusal.message);
            }
            other => panic!("{status}: {other:?}"),
        };
        refused(client.endpoints().create(mark().as_str(), &wanted.create).await, "endpoints.manage_auth_required");
        admin.set_scopes(json!({"grant": [AUTH_REQUIRED_SCOPE]})).await.expect("a scope");
        done(client.endpoints().create(mark().as_str(), &wanted.create).await, "create");
        // Its own twin stands in the way, which is found by the mark.
        refused(client.endpoints().create(mark().as_str(), &wanted.create).await, "has the same ip and port");
        assert_eq!(done(client.endpoints().find(&mark()).await, "find").items.len(), 1);
    }
    for shape in ["refuse"] {
        let world = World::with(&[("attributes_shape", shape)]).await;
        let outcome = world.client.endpoints().create(mark().as_str(), &desired(peer(true)).create).await;
        assert!(matches!(&outcome, Outcome::Refused(refusal) if refusal.message.contains("unknown attribute team")), "{outcome:?}");
    }
}

#[tokio::test]
async fn what_is_hosted_lives_too_and_its_properties_are_changed_alone() {
    for kind in ["conference", "conference_v2", "conference_playback", "flexml", "mediator", "voicemail"] {
        let world = World::with(&[]).await;
        let client = &world.client;
        let mut spec = json!({"type": kind, "capacity": 5});
        if kind == "voicemail" {
            spec["properties"] = json!({"greeting": "hello", "callback_url": "https://example.com/v"});
        }
        let wanted = desired(spec);
        let created = done(client.endpoints().create(mark().as_str(), &wanted.create).await, kind);
        converge(&world, &created.id, &wanted).await;
        let admin = world.simulator.admin();
        admin.patch_endpoint(&created.id, json!({"capacity": 0, "name": "renamed"})).await.expect("a drift");
        converge(&world, &created.id, &wanted).await;
        let outcome = client.endpoints().update(&created.id, &Fields::from([("type", text("third_party"))])).await;
        assert!(matches!(&outcome, Outcome::Refused(refusal) if refusal.message.contains("fixed when it is made")), "{outcome:?}");
        done(client.endpoints().delete(&created.id).await, kind);
    }
}

#[tokio::test]
async fn what_is_still_needed_is_deleted_later() {
    for (switch, status) in [("409", 409), ("422", 422), ("400", 400)] {
        let world = World::with(&[("conflict_status", switch)]).await;
        let client = &world.client;
        let created = done(client.endpoints().create(mark().as_str(), &desired(peer(false)).create).await, "create");
        let groups = client.trunk_groups().expect("trunk groups");
        let group = done(groups.create(mark().as_str(), &Fields::from([("endpoint_sid", text(&created.id))])).await, "create group");
        let outcome = client.endpoints().delete(&created.id).await;
        let kind = switchboard::core::outcome::DoubtKind::Status(status);
        assert!(
            matches!(&outcome, Outcome::Unknown(doubt) if doubt.kind == kind && doubt.message.contains("used by a trunk")),
            "{outcome:?}"
        );
        done(groups.delete(&group.id).await, "delete group");
        done(client.endpoints().delete(&created.id).await, "delete");
    }
}

#[tokio::test]
async fn wrong_tokens_and_missing_scopes_are_told_apart_from_what_is_asked() {
    for status in ["401", "403"] {
        for body in ["json", "empty", "text", "html"] {
            let world = World::with(&[("bad_token_status", status), ("error_body", body)]).await;
            let stranger = client(&world.simulator, "another-token");
            for outcome in [stranger.identify().await, stranger.endpoints().delete("x").await.map(|()| String::new())] {
                assert!(
                    matches!(&outcome, Outcome::Refused(refusal) if refusal.kind == RefusalKind::Credentials),
                    "{status} {body}: {outcome:?}"
                );
            }
            world.simulator.admin().set_scopes(json!({"drop": ["endpoints.create"]})).await.expect("a scope");
            let outcome = world.client.endpoints().create(mark().as_str(), &desired(peer(false)).create).await;
            let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
            assert!(refusal.kind == RefusalKind::Credentials && refusal.message.contains("endpoints.create"), "{}", refusal.message);
        }
    }
}

#[tokio::test]
async fn a_rate_limit_is_throttled_and_says_when_to_come_back() {
    for (header, expected) in [("none", false), ("seconds", true), ("date", true)] {
        let world = World::with(&[("retry_after", header)]).await;
        world.simulator.admin().set_switches(json!({"rate_limit": 1})).await.expect("a limit");
        // As many as can only be over the limit, on any machine.
        let mut throttled = None;
        for _ in 0..1000 {
            if let Outcome::Refused(refusal) = world.client.identify().await {
                throttled = Some(refusal);
                break;
            }
        }
        let refusal = throttled.expect("a refusal");
        assert_eq!((refusal.kind, refusal.retry_after.is_some()), (RefusalKind::Throttled, expected), "{header}");
    }
}
