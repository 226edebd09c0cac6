//! `switchboard plan` against a real API server and both simulators: what it says, that it writes nothing to say it, and that it is what happens.

mod planner;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use sandbox::carrierx;
use sandbox::control_plane::{self, Options};
use sandbox::plivo;
use serde_json::json;

use self::planner::{PASSWORD, Planner, ROTATED, account, endpoint, manifests, number, peer, secret};
use crate::support;
use crate::world::{World, endpoint_id};

/// A number at the other provider.
const NUMBER: &str = "14155550177";
const DID: &str = "15162065577";

#[tokio::test(flavor = "multi_thread")]
async fn what_the_plan_says_is_what_happens_and_to_say_it_nothing_is_written() {
    let plane = support::own_control_plane_with("plan", |dir| Options {
        audit_log: true,
        rights: control_plane::Rights::Cluster,
        ..Options::new(dir)
    })
    .await;
    let world = World::on(&plane, "plan", plivo::Options::default()).await;
    world.may_write().await;
    let [before, ivr, other] = [world.application("before").await, world.application("ivr").await, world.application("other").await];
    world.number(NUMBER, json!({"app_id": before, "alias": "old alias"})).await;
    let mut planner = Planner::new(&plane, &world).await;
    planner.called(&ivr, "1000000001");
    planner.called(&other, "1000000002");
    planner.called(&before, "1000000003");

    // Everything is new: an endpoint, a number that follows it, and an endpoint whose Secret is forgotten.
    let alice =
        |more: &str| endpoint("alice", &format!("alias: \"{more}\", app_id: \"{ivr}\", passwordSecretRef: {{name: alice-sip}}"), "");
    let carol = endpoint("carol", "alias: Carol, generatePassword: true", "driftPolicy: Report\n  connectionSecret: {name: carol-phone}");
    let reception = number("reception", NUMBER, "applicationOf: {name: alice}");
    let bob = endpoint("bob", "passwordSecretRef: {name: bob-sip}", "");
    let unrelated = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: dial-plan}\n";
    let password = secret("alice-sip", PASSWORD);
    let new = manifests(&[&password, &alice("Alice-desk"), &bob, &reception, unrelated]);
    planner.plan("new", &["-f", "-"], &new, 2).await;
    planner.plan("verbose", &["-f", "-", "-v"], &new, 2).await;
    let settled = manifests(&[&password, &alice("Alice-desk"), &reception]);
    planner.happens(&["alice"], &["reception"], &settled).await;

    // What is in Git is in the cluster, and what is in the cluster is at the provider.
    planner.plan("nothing", &["-f", "-"], &settled, 0).await;
    planner.plan("nothing", &["-n", &world.namespace], "", 0).await;

    // The alias and the password change, the number leads elsewhere, and there is one more.
    let first = endpoint_id(&world.ready("alice").await);
    planner.called(&first, "2000000001");
    let elsewhere = number("reception", NUMBER, &format!("app_id: \"{other}\""));
    let edited = manifests(&[&secret("alice-sip", ROTATED), &alice("Front-desk"), &carol, &elsewhere]);
    planner.plan("edited", &["-f", "-"], &edited, 2).await;
    planner.happens(&["alice", "carol"], &["reception"], &edited).await;
    planner.plan("settled", &["-f", "-"], &edited, 0).await;

    // What is only for later changes in the cluster, and nowhere else.
    let policy = carol.replace("driftPolicy: Report", "driftPolicy: Report\n  deletionPolicy: Retain");
    planner.plan("policy", &["-f", "-"], &policy, 2).await;
    let labelled = carol.replace("metadata: {name: carol}", "metadata: {name: carol, labels: {team: sales}, annotations: {note: by hand}}");
    planner.plan("labels", &["-f", "-"], &labelled, 2).await;

    // Somebody works in the console. One object has it corrected, the other one only reported.
    let second = endpoint_id(&world.ready("carol").await);
    planner.called(&second, "2000000002");
    let in_console = async |id: &str| {
        world.admin.patch_endpoint(id, json!({"alias": "edited"})).await.expect("an edit in the console");
    };
    in_console(second.as_str()).await;
    planner.plan("reported", &["-f", "-"], &edited, 2).await;
    in_console(first.as_str()).await;
    planner.plan("drift", &["-f", "-"], &edited, 2).await;
    world.admin.delete_endpoint(&second).await.expect("a deletion in the console");
    planner.plan("vanished", &["-n", &world.namespace], "", 2).await;
    planner.happens(&["alice", "carol"], &["reception"], &edited).await;

    // One that somebody made by hand is taken over, and nothing is changed there.
    let made = json!({"username": "lobby", "password": PASSWORD, "alias": "lobby"});
    let made = world.admin.create_endpoint(made).await.expect("an endpoint made in the console");
    let id = made["endpoint_id"].as_str().expect("an id").to_owned();
    planner.called(&id, "2000000003");
    planner.called(made["username"].as_str().expect("a username"), "lobby131031145958");
    let lobby = endpoint("lobby", "alias: lobby", &format!("adopt: {{endpoint_id: \"{id}\"}}"));
    planner.plan("adopted", &["-f", "-"], &lobby, 2).await;
    planner.happens(&["lobby"], &[], &lobby).await;

    // Account objects that nobody uses yet: one leads to the account, the other one has a token of nobody.
    let wrong = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: wrong}}\nstringData: {{auth_id: {}, auth_token: canary-7f3a19}}\n",
        plivo::DEFAULT_AUTH_ID
    );
    let accounts = manifests(&[&wrong, &account("second", "plivo-credentials"), &account("wrong", "wrong")]);
    planner.plan("accounts", &["-f", "-"], &accounts, 2).await;

    // What the API server would not take, and what is gone already while it is being deleted.
    let wrong = manifests(&[
        &number("reception", "12", "app_id: \"1\""),
        &endpoint("alice", "alias: Alice, colour: red, passwordSecretRef: {name: alice-sip}", ""),
        &endpoint("\"alice?x=\"", "alias: Alice, passwordSecretRef: {name: alice-sip}", ""),
    ]);
    planner.plan("refused", &["-f", "-"], &wrong, 1).await;
    world.delete_binding("reception").await;
    world.delete("alice").await;
    planner.plan("deleted", &["-n", &world.namespace], "", 2).await;
    planner.goes(&["alice"], &["reception"]).await;

    planner.wrote_nothing(&plane).await;
    plane.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_planned_to_an_endpoint_over_a_trunk_group_that_nobody_has_made_yet() {
    let plane = support::quiet_control_plane();
    let world = World::on(plane, "plan-peers", plivo::Options::default()).await;
    let admin = world.with_carrierx(carrierx::Options::default()).await;
    admin.create_did(json!({"phonenumber": DID})).await.expect("a number");
    let mut planner = Planner::new(plane, &world).await;
    planner.admin = Some(admin);

    let pbx = peer("pbx", "203.0.113.7");
    let main = number("main", DID, "endpointRef: {name: pbx}").replace("name: plivo", "name: carrierx");
    let new = manifests(&[&pbx, &main]);
    planner.plan("peer-new", &["-f", "-"], &new, 2).await;
    planner.happens(&["pbx"], &["main"], &new).await;
    let object = world.ready("pbx").await;
    let group = object.status.as_ref().and_then(|status| status.trunk_group.as_ref()).and_then(|group| group.trunk_group_sid.clone());
    planner.called(&endpoint_id(&object), "e0000000-0000-0000-0000-000000000001");
    planner.called(&group.expect("a trunk group"), "60000000-0000-0000-0000-000000000001");
    planner.plan("peer-nothing", &["-f", "-"], &new, 0).await;

    let moved = manifests(&[&peer("pbx", "203.0.113.8"), &main]);
    planner.plan("peer-moved", &["-f", "-"], &moved, 2).await;
    planner.happens(&["pbx"], &["main"], &moved).await;

    world.delete("pbx").await;
    world.delete_binding("main").await;
    planner.plan("peer-deleted", &["-n", &world.namespace], "", 2).await;
    planner.goes(&["pbx"], &["main"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_manifest_of_a_secret_has_no_more_is_gone_in_the_plan_if_it_goes_in_the_apply() {
    let plane = support::quiet_control_plane();
    let world = World::on(plane, "plan-keys", plivo::Options::default()).await;
    let planner = Planner::new(plane, &world).await;
    let secrets: Api<Secret> = Api::namespaced(world.client.clone(), &world.namespace);
    // Nothing is ever taken away of what came with stringData.
    for (field, goes) in [("data", true), ("stringData", false)] {
        let name = format!("{}-sip", field.to_lowercase());
        let secret = |keys: &str| format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\n{field}: {{{keys}}}\n");
        planner.apply(&secret("password: Y2FuYXJ5LTdmM2ExOQ==, pin: MTIzNA==")).await;
        let fewer = secret("pin: MTIzNA==");
        let alice = endpoint("alice", &format!("passwordSecretRef: {{name: {name}}}"), "");
        let (code, said) = planner.run(&["-f", "-"], &manifests(&[&fewer, &alice])).await;
        assert_eq!((code, said.contains("SecretKeyMissing")), (2, goes), "{field}: {said}");
        planner.apply(&fewer).await;
        let data = secrets.get(&name).await.expect("the Secret").data.unwrap_or_default();
        assert_eq!(data.contains_key("password"), !goes, "{field}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_even_say_whose_the_credentials_are_is_not_waited_for_longer_than_for_the_rest() {
    let plane = support::quiet_control_plane();
    let world = World::on(plane, "plan-silent", plivo::Options::default()).await;
    world.secret("alice-sip", &[("password", PASSWORD)]).await;
    let planner = Planner::new(plane, &world).await;
    // Connections are made, and nobody answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let alice = endpoint("alice", "passwordSecretRef: {name: alice-sip}", "");
    let (code, said) = planner.run(&["-f", "-", "--timeout", "300ms", "--plivo-url", &url], &alice).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("cannot be asked: it did not answer in time (--timeout)"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_right_the_plan_says_which_one_is_missing() {
    let plane = support::quiet_control_plane();
    let world = World::on(plane, "plan-rights", plivo::Options::default()).await;
    world.secret("alice-sip", &[("password", PASSWORD)]).await;
    let planner = Planner::with(plane, &world, &[("", &["secrets"], &["get"])]).await;
    let alice = endpoint("alice", "passwordSecretRef: {name: alice-sip}", "");
    let (code, said) = planner.run(&["-f", "-"], &alice).await;
    assert_eq!(code, 1, "{said}");
    let (wrong, _) = planner.run(&["--no-such-flag"], "").await;
    assert_eq!(wrong, 1, "what is not understood is no change");
    assert!(said.contains("alice cannot be applied: ") && said.contains("cannot get resource \"sipendpoints\""), "{said}");
    let kinds: &[&str] = &["sipendpoints", "phonenumberbindings", "provideraccounts"];
    let planner = Planner::with(plane, &world, &[("switchboard.dev", kinds, &["get", "create", "patch"])]).await;
    let (code, said) = planner.run(&["-f", "-"], &alice).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("no plan could be made: ") && said.contains("cannot list resource \"sipendpoints\""), "{said}");

    let planner = Planner::with(plane, &world, &[("switchboard.dev", kinds, &["get", "list"]), ("", &["secrets"], &["get"])]).await;
    let (code, said) = planner.run(&["-f", "-"], &alice).await;
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("SipEndpoint ") && said.contains("alice cannot be applied: ") && said.contains("cannot create resource"),
        "{said}"
    );

    let rules: &[(&str, &[&str], &[&str])] = &[("switchboard.dev", kinds, &["get", "list", "create", "patch"])];
    let planner = Planner::with(plane, &world, rules).await;
    let (code, said) = planner.run(&["-f", "-"], &alice).await;
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("plivo-credentials may not be read by whoever asks for this plan"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_rights_end_at_one_namespace_is_told_what_is_wrong_with_a_manifest_there() {
    let plane = support::quiet_control_plane();
    let world = World::on(plane, "plan-role", plivo::Options::default()).await;
    let kinds: &[&str] = &["sipendpoints", "phonenumberbindings", "provideraccounts"];
    let rules: &[(&str, &[&str], &[&str])] =
        &[("switchboard.dev", kinds, &["get", "list", "create", "patch"]), ("", &["secrets"], &["get"])];
    let planner = Planner::within(plane, &world, rules).await;
    let arguments = ["-f", "-", "--installation-id", "east"];
    let (wrong, password) = (endpoint("alice", "colour: red", ""), secret("alice-sip", PASSWORD));
    for manifests in [wrong.clone(), manifests(&[&password, &wrong])] {
        let (code, said) = planner.run(&arguments, &manifests).await;
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("alice cannot be applied: ") && said.contains("unknown field \"spec.plivo.colour\""), "{said}");
        assert!(said.ends_with("1 failed (see above).\n"), "{said}");
    }
    let (code, said) = planner.run(&arguments, &password).await;
    assert_eq!((code, said.as_str()), (0, "Plan: 0 to create, 0 to update, 0 to delete, 0 unchanged.\n"));
    // And it is enough for a whole plan.
    let alice = endpoint("alice", "passwordSecretRef: {name: alice-sip}", "");
    let (code, said) = planner.run(&arguments, &manifests(&[&password, &alice])).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.ends_with("Plan: 1 to create, 0 to update, 0 to delete, 0 unchanged.\n"), "{said}");
}

#[test]
fn the_page_about_plans_shows_what_a_plan_says() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/plan.md")).expect("docs/plan.md");
    for golden in ["new", "nothing", "drift", "policy", "labels"] {
        let text = std::fs::read_to_string(planner::golden(golden)).expect("a golden file");
        assert!(page.contains(&format!("```text\n{text}```\n")), "docs/plan.md does not show tests/fixtures/plan/{golden}.txt as it is");
    }
}
