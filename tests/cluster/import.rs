//! `switchboard import` against a real API server and both simulators: manifests that take over what exists and change nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::ResourceExt;
use kube::api::{Api, ListParams, ObjectMeta, PostParams};
use sandbox::admin_client::{AdminClient, RequestEntry};
use sandbox::plivo;
use serde_json::{Value, json};
use switchboard::api::{PhoneNumberBinding, SipEndpoint};
use switchboard::core::mark::{Installation, Mark, Place};
use tokio::process::Command;

use super::cases::{all, case, room};
use super::docs::page::{Block, blocks};
use super::observe::{Told, listings};
use super::support;
use super::world::{World, eventually, observed, reason};

/// So long no command takes.
const COMMAND: Duration = Duration::from_secs(300);

/// What a command ended with.
struct Said {
    code: Option<i32>,
    out: String,
    error: String,
}

impl Said {
    fn of(output: Output) -> Said {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code(), out: text(&output.stdout), error: text(&output.stderr) }
    }

    fn summary(&self) -> &str {
        self.error.lines().last().unwrap_or_default()
    }

    /// The reason told about this.
    fn about(&self, what: &str) -> &str {
        self.error.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("nothing about {what}:\n{}", self.error))
    }
}

/// A world whose provider makes up ids of its own. The accounts of all worlds have one id, and import knows the objects of all namespaces: what
/// another world has must not pass for what is here. Numbers differ for the same reason.
async fn world(seed: u64) -> World {
    World::with("import", plivo::Options { seed, ..plivo::Options::default() }).await
}

/// A folder of this test's own, not made yet.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("import-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

/// The program, as people run it: with a kubeconfig, and here with the address of a simulator.
async fn import_as(world: &World, kubeconfig: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    command.arg("import").args(arguments).env("KUBECONFIG", kubeconfig).env("SWITCHBOARD_PLIVO_URL", world.simulator.url());
    command.env("SWITCHBOARD_CARRIERX_URL", world.carrierx().await.url()).kill_on_drop(true);
    Said::of(tokio::time::timeout(COMMAND, command.output()).await.expect("in time").expect("the program"))
}

async fn import(world: &World, arguments: &[&str]) -> Said {
    let arguments = [&["--namespace", &world.namespace][..], arguments].concat();
    import_as(world, support::control_plane().kubeconfig(), &arguments).await
}

/// A script with the administrator's rights, with kubectl and switchboard at hand.
async fn shell(world: &World, at: &Path, script: &str) -> Said {
    let plane = support::control_plane();
    let bin = at.join("bin");
    if !bin.exists() {
        std::fs::create_dir_all(&bin).expect("a folder");
        for (program, name) in [(plane.kubectl(), "kubectl"), (Path::new(env!("CARGO_BIN_EXE_switchboard")), "switchboard")] {
            std::os::unix::fs::symlink(program, bin.join(name)).expect("a link");
        }
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", script]).current_dir(at).env("PATH", path).env("KUBECONFIG", plane.kubeconfig());
    command.env("SWITCHBOARD_PLIVO_URL", world.simulator.url()).env("SIP_PASSWORD", "hunter22").kill_on_drop(true);
    Said::of(tokio::time::timeout(COMMAND, command.output()).await.expect("in time").expect("bash"))
}

/// As [`shell`], where it has to succeed: tried again while the API server is busy, which harms none of what is run here.
async fn run(world: &World, at: &Path, script: &str) -> String {
    eventually(&format!("{script} succeeds"), async || {
        let said = shell(world, at, script).await;
        if said.code != Some(0) {
            eprintln!("{script}: {:?}\n{}{}", said.code, said.out, said.error);
        }
        (said.code == Some(0)).then_some(said.out)
    })
    .await
}

/// The reasons of all objects in the namespace, by kind and name, as soon as the operator has looked at each.
async fn reasons(world: &World) -> BTreeMap<String, String> {
    let deadline = Instant::now() + COMMAND;
    loop {
        if let Some(reasons) = settled(world).await {
            return reasons;
        }
        assert!(Instant::now() < deadline, "not all objects have settled");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn settled(world: &World) -> Option<BTreeMap<String, String>> {
    let endpoints = world.endpoints().list(&ListParams::default()).await.ok()?.items;
    let bindings: Api<PhoneNumberBinding> = Api::namespaced(world.client.clone(), &world.namespace);
    let bindings = bindings.list(&ListParams::default()).await.ok()?.items;
    let mut reasons = BTreeMap::new();
    for endpoint in &endpoints {
        reasons.insert(format!("endpoint {}", endpoint.name_any()), observed(endpoint).then(|| reason(endpoint).to_owned())?);
    }
    for binding in &bindings {
        let status = binding.status.as_ref().filter(|status| status.observed_generation == binding.metadata.generation)?;
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready")?;
        reasons.insert(format!("number {}", binding.name_any()), ready.reason.clone());
    }
    let waiting = ["", "Progressing", "AwaitingEvidence", "AccountNotReady", "AccountNotFound", "Throttled"];
    reasons.values().all(|reason| !waiting.contains(&reason.as_str())).then_some(reasons)
}

/// Waits until CarrierX was listed so many times more, from the first page.
async fn listings_of_carrierx(admin: &AdminClient, more: usize) {
    let since = admin.requests().await.expect("the requests").last().map_or(0, |request| request.n);
    eventually("more listings", async || {
        let requests = admin.requests_since(since).await.ok()?;
        let first = |request: &&RequestEntry| {
            request.method == "GET"
                && request.path == "/core/v2/endpoints"
                && request.query.contains("offset=0")
                && !request.query.contains("filter=")
        };
        (requests.iter().filter(first).count() > more).then_some(())
    })
    .await;
}

fn not_available(reasons: &BTreeMap<String, String>) -> Vec<(&String, &String)> {
    reasons.iter().filter(|(_, reason)| *reason != "Available").collect()
}

/// What the account's status says of its installation.
async fn installation(world: &World, account: &str) -> String {
    let accounts: Api<switchboard::api::ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    eventually("the account shows its installation", async || accounts.get(account).await.ok()?.status?.installation).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_exists_becomes_objects_without_a_change_at_the_provider() {
    all(vec![
        case("everything odd at Plivo", odd_at_plivo()),
        case("everything odd at CarrierX", odd_at_carrierx(&[])),
        case("older objects at CarrierX", odd_at_carrierx(&[("object_age", "older"), ("attributes_shape", "list")])),
        case("only what may be had, and only what is asked for", allowed()),
        case("what goes wrong is told with what to do", wrong()),
        case("a missing right is told with the commands that give it", rights()),
        case("files that are there", files()),
    ])
    .await;
}

async fn odd_at_plivo() {
    let world = world(7001).await;
    let _told = Told::start("everything odd at Plivo", &world, &[]).await;
    world.endpoint("own", json!({"alias": "own"}), json!({})).await;
    world.ready("own").await;
    let own = installation(&world, "plivo").await;
    let app = world.application("ivr").await;
    let admin = &world.admin;
    let long = "x".repeat(60);
    for alias in ["desk", "desk", "Empfang Süd", "受付", "on", "1_000", "front.desk", "null", "own", "12:30", &long] {
        admin.create_endpoint(json!({"username": "alice", "alias": alias, "app_id": app})).await.expect("an endpoint");
    }
    let phone = admin.create_endpoint(json!({"username": "bob", "alias": "phone"})).await.expect("an endpoint");
    let phone = phone["endpoint_id"].as_str().expect("an id").to_owned();
    admin.register(&phone, json!({"sip_contact": "sip:bob@192.0.2.1"})).await.expect("a phone");
    let east = Installation::new("east");
    let mark = Mark::new(Place::Username, &east, "voice", "theirs", "carol");
    admin.create_endpoint(json!({"full_username": format!("{mark}131031145958"), "alias": "theirs"})).await.expect("an endpoint");
    for (n, more) in [
        json!({"app_id": app, "alias": "Main line: \"Süd\" #1"}),
        json!({"app_id": app, "alias": "Main line: \"Süd\" #1"}),
        json!({"app_id": app}),
        json!({"app_id": app, "alias": "a\u{85}b"}),
        json!({"alias": "parked"}),
    ]
    .into_iter()
    .enumerate()
    {
        world.number(&format!("1917555010{n}"), more).await;
    }
    assert_eq!(world.ledger().await, ["create_endpoint"]);

    let at = folder("plivo");
    let imported = at.join("imported");
    let dir = imported.to_str().expect("a path");
    let said = import(&world, &["--account", "plivo", "--dir", dir, "--unassigned"]).await;
    assert_eq!(said.code, Some(1), "{}", said.error);
    let expected = format!("14 endpoints, 5 numbers: 17 manifests in {dir}, 1 managed already, ");
    assert!(
        said.summary().starts_with(&expected) && said.summary().contains(", 1 left out (reasons above), 6 values left as they are"),
        "{}",
        said.error
    );
    assert!(said.about("(theirs)").contains(&format!("--from-installation {}", east.part())), "{}", said.error);
    for alias in ["(Empfang Süd)", "(受付)", "(front.desk)", "(12:30)"] {
        assert!(said.about(alias).contains("left as it is: alias: a manifest takes 1 to 50 letters"), "{}", said.error);
    }
    let again = import(&world, &["--account", "plivo", "--unassigned"]).await;
    let written: String = read(&imported).into_values().map(|text| format!("---\n{text}")).collect();
    assert_eq!(again.out, written, "the same account gives the same manifests");

    std::fs::create_dir_all(&at).expect("a folder");
    run(&world, &at, "kubectl apply -f imported").await;
    let reasons = reasons(&world).await;
    assert_eq!(reasons.len(), 18, "{reasons:#?}");
    assert_eq!(not_available(&reasons), [], "{reasons:#?}");
    listings(&world, 2).await;
    assert_eq!(world.ledger().await, ["create_endpoint"], "taking over changes nothing");

    let said = import(&world, &["--account", "plivo", "--unassigned"]).await;
    assert!(said.out.is_empty() && said.summary().contains(": 0 manifests, 18 managed already"), "{}", said.error);
    let theirs = import(&world, &["--account", "plivo", "--from-installation", east.part(), "--only", "endpoints"]).await;
    assert_eq!(
        (
            theirs.code,
            theirs.out.contains(&format!("fromInstallation: {}", east.part()))
                || theirs.out.contains(&format!("fromInstallation: \"{}\"", east.part()))
        ),
        (Some(0), true),
        "{}",
        theirs.error
    );
    std::fs::write(at.join("theirs.yaml"), &theirs.out).expect("a file");
    run(&world, &at, "kubectl apply -f theirs.yaml").await;
    world.ready("theirs").await;
    assert_ne!(own, east.part());
    assert_eq!(world.ledger().await, ["create_endpoint"], "nor does taking over from another installation");

    // From now on it is managed.
    world.patch("phone", json!({"spec": {"plivo": {"alias": "lobby"}}})).await;
    world.ready("phone").await;
    assert_eq!(world.living().await[&phone]["alias"], "lobby");
    let bindings: Api<PhoneNumberBinding> = Api::namespaced(world.client.clone(), &world.namespace);
    let target = json!({"spec": {"target": {"app_id": app}}});
    bindings.patch("parked", &Default::default(), &kube::api::Patch::Merge(&target)).await.expect("a patch");
    world.answered_by("19175550104", &app).await;
    assert_eq!(world.ledger().await, ["create_endpoint", "update_endpoint", "update_number"]);
    // An imported endpoint stays, and its number goes back to what it was imported with.
    world.delete("phone").await;
    world.gone("phone").await;
    bindings.delete("parked", &Default::default()).await.expect("a deletion");
    world.answered_by("19175550104", "").await;
    assert!(world.living().await.contains_key(&phone));
}

/// The files of a folder.
fn read(folder: &Path) -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
    files
        .map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), std::fs::read_to_string(&path).expect("text")))
        .collect()
}

async fn odd_at_carrierx(switches: &[(&str, &str)]) {
    let world = world(7002).await;
    let switches: Vec<_> = switches.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let older = !switches.is_empty();
    let prefix = if older { "1516206780" } else { "1516206790" };
    let admin =
        world.with_carrierx(sandbox::carrierx::Options { switches, seed: if older { 7102 } else { 7101 }, ..Default::default() }).await;
    let _told = Told::start("everything odd at CarrierX", &world, &[]).await;
    world.carrierx_endpoint("own", json!({}), json!({})).await;
    world.ready("own").await;
    let hosted = ["conference", "conference_v2", "conference_playback", "flexml", "mediator"];
    for of in hosted {
        let endpoint = json!({"name": format!("My {of}"), "type": of, "capacity": 7, "properties": {"login": "x", "password": "canary"}});
        admin.create_endpoint(endpoint).await.expect("an endpoint");
    }
    let peers = [
        json!({"name": "PBX Süd", "addresses": [{"ip": "PBX.example", "port": 5061, "transport": "tls", "srtp": true}, {"ip": "192.0.2.1", "priority": 3}],
            "capacity": 10, "out_sip_username": "trunk", "out_sip_password": "canary", "attributes": {"theirs": "x"}}),
        json!({"name": "logs in", "addresses": [{"ip": "192.0.2.2", "sip_username": "canary", "sip_password": "canary"}]}),
        json!({"name": "changes", "addresses": [{"ip": "192.0.2.3", "direction": "inbound", "dst_port": 5070, "location_sid": "l-1"}],
            "transformations": [{"b": 1, "a": {"d": [], "c": {}, "on": "yes", "e": [[]]}}, {"n": -7}, {}]}),
        json!({"name": "changes alone", "transformations": [{"a": true}]}),
        json!({"name": "fractions", "transformations": [{"a": 1.5, "b": null}]}),
        json!({"name": "twins", "addresses": [{"ip": "a.example"}, {"ip": "A.example", "srtp": true}]}),
        json!({"name": "twins", "addresses": [{"ip": "2001:DB8:0::1"}]}),
        json!({"name": "open", "auth_required": false, "addresses": [{"ip": "192.0.2.77", "port": 5099}]}),
        json!({"name": "odd address", "addresses": [{"ip": "under_score"}]}),
        json!({"name": "robot", "type": "robot"}),
        json!({"name": "box", "type": "voicemail", "properties": {"greeting": "Grüß Gott: \"on\"", "callback_method": "POST", "callback_url": "https://example.com:8443/v?a=b&c"}}),
        json!({"name": "odd box", "type": "voicemail", "properties": {"greeting": "a\nb", "callback_method": "PUT", "callback_url": "https://u:canary@example.com/"}}),
    ];
    for peer in &peers {
        admin.create_endpoint(peer.clone()).await.unwrap_or_else(|error| panic!("{peer}: {error:#}"));
    }
    let group = admin.create_trunk_group(json!({"name": "theirs"})).await.expect("a group")["trunk_group_sid"].clone();
    for (n, more) in [
        json!({"trunk_group_sid": group, "name": "Empfang"}),
        json!({"trunk_group_sid": group}),
        json!({}),
        json!({"trunk_group_sid": group, "status": "aging"}),
    ]
    .into_iter()
    .enumerate()
    {
        admin.create_did(super::world::merged(json!({"phonenumber": format!("{prefix}{n}")}), more)).await.expect("a number");
    }
    let ledger = async || {
        admin.ledger().await.expect("the ledger").into_iter().filter(|entry| entry.actor == "api").map(|entry| entry.op).collect::<Vec<_>>()
    };
    assert_eq!(ledger().await, ["create_endpoint"]);

    let at = folder(if older { "carrierx-older" } else { "carrierx" });
    let imported = at.join("imported");
    let dir = imported.to_str().expect("a path");
    let said = import(&world, &["--account", "carrierx", "--dir", dir]).await;
    assert_eq!(said.code, Some(1), "{}", said.error);
    let expected = format!(
        "18 endpoints, 4 numbers: 18 manifests in {dir}, 1 managed already, 1 number not answered by anything (--unassigned), 1 of the provider's own, "
    );
    assert!(said.summary().starts_with(&expected), "{}\nis not\n{expected}", said.error);
    assert!(said.about("(robot)").contains("does not know the type robot"), "{}", said.error);
    assert!(said.about(&format!("+{prefix}3")).contains("aging"), "{}", said.error);
    // Older answers show no login, and not much else.
    let why = if older { "CarrierX does not show all of each" } else { "login of their own" };
    assert!(said.about("(logs in)").contains(why), "{}", said.error);
    let written = read(&imported);
    let canaries: Vec<_> = written.iter().filter(|(_, text)| text.contains("canary")).collect();
    assert!(canaries.is_empty() && !said.error.contains("canary"), "{canaries:#?}");

    run(&world, &at, "kubectl apply -f imported").await;
    let reasons = reasons(&world).await;
    assert_eq!(reasons.len(), 19, "{reasons:#?}");
    assert_eq!(not_available(&reasons), [], "{reasons:#?}");
    listings_of_carrierx(&admin, 2).await;
    let writes = admin.ledger().await.expect("the ledger").into_iter().filter(|entry| entry.actor == "api").skip(1).collect::<Vec<_>>();
    assert!(writes.is_empty(), "taking over changes nothing: {writes:#?}");
    let said = import(&world, &["--account", "carrierx"]).await;
    assert!(said.out.is_empty() && said.summary().contains(": 0 manifests, 19 managed already"), "{}", said.error);

    world.patch("pbx-sued", json!({"spec": {"carrierx": {"capacity": 20}}})).await;
    let changed = async || (ledger().await == ["create_endpoint", "update_endpoint"]).then_some(());
    eventually("an edit takes effect", changed).await;
    world.ready("pbx-sued").await;
    let living = world.carrierx_living("endpoints").await;
    let changes = living.values().find(|one| one["name"] == "changes").expect("it is there");
    assert_eq!((&changes["addresses"][0]["direction"], &changes["transformations"][1]), (&json!("inbound"), &json!({"n": -7})));
    let pbx = living.values().find(|one| one["name"] == "PBX Süd").expect("it is there");
    let attributes = if older { json!([{"key": "theirs", "value": "x"}]) } else { json!({"theirs": "x"}) };
    assert_eq!((&pbx["capacity"], &pbx["attributes"]), (&json!(20), &attributes), "and nothing else has changed");
}

/// What a ClusterProviderAccount lists, without an operator: nothing but the manifests is looked at.
async fn allowed() {
    let world = world(7003).await;
    let name = format!("import-{}", world.namespace);
    world.admin.create_endpoint(json!({"username": "alice", "alias": "desk"})).await.expect("an endpoint");
    let lobby = world.admin.create_endpoint(json!({"username": "alice", "alias": "lobby"})).await.expect("an endpoint");
    let app = world.application("ivr").await;
    for number in ["14795550100", "493012345678"] {
        world.number(number, json!({"app_id": app})).await;
    }
    let mut system = world.beside("import").await;
    system.namespace = "switchboard-system".to_owned();
    system.secret(&name, &[("auth_id", plivo::DEFAULT_AUTH_ID), ("auth_token", plivo::DEFAULT_AUTH_TOKEN)]).await;
    let listed = async |allowed: Value| {
        let object = json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": "ClusterProviderAccount", "metadata": {"name": name},
            "spec": {"plivo": {"credentialsSecretRef": {"name": name}}, "allowedNamespaces": allowed}});
        let objects: Api<switchboard::api::ClusterProviderAccount> = Api::all(world.client.clone());
        let params = kube::api::PatchParams::apply("tests").force();
        objects.patch(&name, &params, &kube::api::Patch::Apply(&object)).await.expect("an account");
    };
    listed(json!([{"name": "elsewhere"}])).await;
    let said = import(&world, &["--cluster-account", &name]).await;
    assert_eq!(said.code, Some(2));
    assert!(said.error.contains(&format!("does not list namespace {} in spec.allowedNamespaces", world.namespace)), "{}", said.error);
    listed(json!([{"name": world.namespace, "adopt": [lobby["endpoint_id"]], "numbers": ["+49"]}])).await;
    let said = import(&world, &["--cluster-account", &name]).await;
    let objects: Vec<Value> = serde_saphyr::from_multiple(&said.out).expect("YAML");
    let names: Vec<&str> = objects.iter().map(|object| object["metadata"]["name"].as_str().expect("a name")).collect();
    assert_eq!((said.code, names), (Some(1), vec!["number-493012345678", "lobby"]), "{}", said.error);
    assert!(
        objects.iter().all(|object| object["spec"]["accountRef"] == json!({"kind": "ClusterProviderAccount", "name": name})),
        "{}",
        said.out
    );
    assert!(said.about("(desk)").contains("spec.allowedNamespaces") && said.about("+14795550100").contains("spec.allowedNamespaces"));
    listed(json!([{"name": world.namespace, "adopt": ["*"], "numbers": ["*"]}])).await;
    for (arguments, expected) in [
        (&[][..], &["number-14795550100", "number-493012345678", "desk", "lobby"][..]),
        (&["--only", "numbers"], &["number-14795550100", "number-493012345678"]),
        (&["--only", "endpoints", "--filter", "LOB"], &["lobby"]),
        (&["--filter", "+1479"], &["number-14795550100"]),
        (&["--filter", "nothing"], &[]),
    ] {
        let said = import(&world, &[&["--cluster-account", &name], arguments].concat()).await;
        let objects: Vec<Value> = serde_saphyr::from_multiple(&said.out).unwrap_or_default();
        let names: Vec<&str> = objects.iter().map(|object| object["metadata"]["name"].as_str().expect("a name")).collect();
        assert_eq!((said.code, names), (Some(0), expected.to_vec()), "{arguments:?}: {}", said.error);
    }
    assert_eq!(world.ledger().await, Vec::<String>::new());
}

async fn wrong() {
    let world = world(7004).await;
    let fails = async |arguments: &[&str], parts: &[&str]| {
        let said = import(&world, arguments).await;
        assert!(said.code == Some(2) && said.out.is_empty(), "{arguments:?}: {:?}\n{}{}", said.code, said.out, said.error);
        assert!(parts.iter().all(|part| said.error.contains(part)), "{arguments:?}: {parts:?} is not all in\n{}", said.error);
    };
    let namespace = world.namespace.as_str();
    fails(&["--account", "plivoo"], &["there is no provideraccount plivoo in namespace", "get provideraccounts.switchboard.dev"]).await;
    fails(&["--cluster-account", "nobody"], &["there is no clusterprovideraccount nobody"]).await;
    fails(&[], &["--account"]).await;
    fails(&["--account", "plivo", "--plivo-url", "http://example.com"], &["--plivo-url http://example.com"]).await;
    fails(&["--account", "plivo", "--plivo-url", "http://127.0.0.1:1"], &["listing account plivo", "Plivo cannot be reached"]).await;
    world.account("other", plivo::DEFAULT_AUTH_ID, "wrongwrongwrongwrongwrongwrongwrongtoken", json!({})).await;
    fails(&["--account", "other"], &["Plivo refuses the credentials", "Mend the Secret"]).await;
    world.secrets().delete("other-credentials", &Default::default()).await.expect("a deletion");
    world.secret("other-credentials", &[("auth_id", plivo::DEFAULT_AUTH_ID)]).await;
    fails(&["--account", "other"], &["other-credentials", "has no key \"auth_token\""]).await;
    world.secrets().delete("other-credentials", &Default::default()).await.expect("a deletion");
    fails(&["--account", "other"], &["there is no secret other-credentials in namespace", namespace]).await;
    // Calls that are refused for a while are made later, as often as the provider wants it.
    world.admin.set_faults(json!([{"match": {"method": "GET", "path": "/Endpoint/$", "count": 2}, "execute": false, "answer": {"status": 429, "headers": {"Retry-After": "1"}, "body": {"error": "slow down"}}}])).await.expect("faults");
    world.admin.create_endpoint(json!({"username": "alice", "alias": "desk"})).await.expect("an endpoint");
    let began = Instant::now();
    let said = import(&world, &["--account", "plivo"]).await;
    assert_eq!(said.code, Some(0), "{}", said.error);
    assert!(said.out.contains("name: desk") && began.elapsed() >= Duration::from_secs(1), "{}", said.error);
    world.admin.set_faults(json!([{"match": {"method": "GET", "path": "/Number/$"}, "execute": false, "answer": {"status": 503, "body": "<html>maintenance</html>"}}])).await.expect("faults");
    fails(&["--account", "plivo"], &["Plivo failed to answer", "503"]).await;
    assert_eq!(import(&world, &["--account", "plivo", "--only", "endpoints"]).await.code, Some(0));
    world.admin.clear_faults().await.expect("no faults");
    // CarrierX grants piece by piece.
    let admin = world.with_carrierx(sandbox::carrierx::Options { seed: 7103, ..Default::default() }).await;
    admin
        .set_scopes(json!({"drop": ["phonenumber.read", "phonenumber.manage", "partners.read", "partners.manage"]}))
        .await
        .expect("scopes");
    fails(&["--account", "carrierx"], &["CarrierX refuses", "phonenumber.read", "--only endpoints"]).await;
    assert_eq!(import(&world, &["--account", "carrierx", "--only", "endpoints"]).await.code, Some(0));
    assert_eq!(world.ledger().await, Vec::<String>::new());
}

/// Somebody without any right is shown one command after the other, and in the end it works.
async fn rights() {
    let world = world(7005).await;
    world.admin.create_endpoint(json!({"username": "alice", "alias": "desk"})).await.expect("an endpoint");
    let accounts: Api<ServiceAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    let metadata = ObjectMeta { name: Some("importer".to_owned()), ..ObjectMeta::default() };
    accounts.create(&PostParams::default(), &ServiceAccount { metadata, ..ServiceAccount::default() }).await.expect("a ServiceAccount");
    let plane = support::control_plane();
    let at = folder("rights");
    std::fs::create_dir_all(&at).expect("a folder");
    let token = run(&world, &at, &format!("kubectl -n {} create token importer --duration 1h", world.namespace)).await;
    let kubeconfig = std::fs::read_to_string(plane.operator_kubeconfig()).expect("a kubeconfig");
    let former: Value = serde_saphyr::from_str(&kubeconfig).expect("YAML");
    let former = former["users"][0]["user"]["token"].as_str().expect("a token");
    let kubeconfig = plane.write("importer.kubeconfig", &kubeconfig.replace(former, token.trim())).expect("a kubeconfig");
    let said = eventually("it has all rights that it needs", async || {
        let said = import_as(&world, &kubeconfig, &["--namespace", &world.namespace, "--account", "plivo"]).await;
        if said.code == Some(0) {
            return Some(said);
        }
        assert!(
            said.error.contains("is forbidden: User \"system:serviceaccount:") && said.error.contains("Whoever may give that right"),
            "{}",
            said.error
        );
        for command in said.error.lines().filter_map(|line| line.strip_prefix("  kubectl ")) {
            // The API server may take a moment to know the right.
            let shown = shell(&world, &at, &format!("kubectl {command}")).await;
            assert!(shown.code == Some(0) || shown.error.contains("already exists"), "{command}: {}", shown.error);
        }
        None
    })
    .await;
    assert!(said.out.contains("name: desk"), "{}", said.error);
    for role in ["provideraccount", "sipendpoint", "phonenumberbinding", "secret"] {
        run(&world, &at, &format!("kubectl -n {} get rolebinding switchboard-import-{role}", world.namespace)).await;
    }
}

async fn files() {
    let world = world(7006).await;
    for alias in ["desk", "lobby"] {
        world.admin.create_endpoint(json!({"username": "alice", "alias": alias})).await.expect("an endpoint");
    }
    let at = folder("files");
    let dir = at.to_str().expect("a path");
    let arguments = ["--account", "plivo", "--dir", dir];
    assert_eq!(import(&world, &arguments).await.code, Some(0));
    let first = read(&at);
    assert_eq!(first.keys().collect::<Vec<_>>(), ["sipendpoint-desk.yaml", "sipendpoint-lobby.yaml"]);
    let said = import(&world, &arguments).await;
    assert_eq!((said.code, read(&at)), (Some(0), first.clone()), "{}", said.error);
    let file = at.join("sipendpoint-desk.yaml");
    std::fs::write(&file, "edited").expect("a file");
    let said = import(&world, &arguments).await;
    assert_eq!((said.code, std::fs::read_to_string(&file).expect("text").as_str()), (Some(1), "edited"), "{}", said.error);
    assert!(said.about("sipendpoint-desk.yaml").contains("--force overwrites it"), "{}", said.error);
    assert_eq!(import(&world, &[&arguments[..], &["--force"]].concat()).await.code, Some(0));
    assert_eq!(read(&at), first);
    let said = import(&world, &["--account", "plivo", "--dir", file.to_str().expect("a path")]).await;
    assert!(said.code == Some(2) && said.error.contains("making the folder"), "{}", said.error);

    // Somebody makes a namesake, so that both get other names: the former file is of what another one is of now.
    world.admin.create_endpoint(json!({"username": "alice", "alias": "desk"})).await.expect("an endpoint");
    let said = import(&world, &[&arguments[..], &["--filter", "lobby"]].concat()).await;
    assert_eq!((said.code, read(&at)), (Some(0), first.clone()), "of the others nothing is known: {}", said.error);
    let said = import(&world, &arguments).await;
    let told = said.about("sipendpoint-desk.yaml");
    assert!(told.contains("an earlier import gave it another name. Delete one of the two"), "{}", said.error);
    assert!(said.summary().ends_with(", 1 file of an earlier import in the way (above)"), "{}", said.error);
    assert_eq!((said.code, read(&at).len()), (Some(1), 4), "{}", said.error);
    let adopts = |text: &str| serde_saphyr::from_str::<Value>(text).expect("YAML")["spec"]["adopt"]["endpoint_id"].clone();
    let same: Vec<String> =
        read(&at).into_iter().filter(|(_, text)| adopts(text) == adopts(&first["sipendpoint-desk.yaml"])).map(|(name, _)| name).collect();
    assert!(same.len() == 2 && same.iter().all(|name| told.contains(name.as_str())), "{same:?}: {told}");
    std::fs::remove_file(&file).expect("a file");
    let said = import(&world, &arguments).await;
    assert_eq!((said.code, read(&at).len()), (Some(0), 3), "{}", said.error);
}

const MANY: usize = 500;

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_endpoints_are_imported_and_taken_over_without_a_single_change() {
    let _room = room().await;
    let world = world(7050).await;
    let app = world.application("ivr").await;
    for n in 0..MANY {
        // Every tenth shares its alias with nine others.
        let alias = if n % 10 == 0 { format!("team-{}", n / 100) } else { format!("desk-{n}") };
        world.admin.create_endpoint(json!({"username": format!("user{n}"), "alias": alias, "app_id": app})).await.expect("an endpoint");
    }
    world.admin.create_numbers(json!({"number": "18475550000", "app_id": app}), 100).await.expect("numbers");
    let at = folder("many");
    let imported = at.join("imported");
    let dir = imported.to_str().expect("a path");
    let since = world.admin.requests().await.expect("the requests").len();
    let began = Instant::now();
    let said = import(&world, &["--account", "plivo", "--dir", dir]).await;
    let took = began.elapsed();
    assert_eq!(said.code, Some(0), "{}", said.error);
    let calls = world.admin.requests().await.expect("the requests").len() - since;
    assert_eq!(said.summary(), format!("500 endpoints, 100 numbers: 600 manifests in {dir}, {calls} calls"));
    eprintln!("imported {MANY} endpoints and 100 numbers in {took:?} with {calls} calls");
    // Pages of 20 that overlap by one, the same for numbers, a probe, and a few more to prove what was seen.
    assert!((34..=40).contains(&calls), "{calls}");

    let _told = Told::start("many", &world, &[]).await;
    let began = Instant::now();
    run(&world, &at, "kubectl apply --server-side -f imported").await;
    eprintln!("applied in {:?}", began.elapsed());
    let reasons = reasons(&world).await;
    eprintln!("all have settled after {:?}", began.elapsed());
    assert_eq!((reasons.len(), not_available(&reasons)), (600, Vec::new()));
    listings(&world, 2).await;
    assert_eq!(world.ledger().await, Vec::<String>::new(), "no call changed anything");
    let said = import(&world, &["--account", "plivo"]).await;
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{}", said.error);
    assert!(said.summary().contains("0 manifests, 600 managed already"), "{}", said.error);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_page_on_import_work_from_top_to_bottom() {
    let world = world(7007).await;
    let app = world.application("ivr").await;
    for alias in ["reception", "lobby"] {
        world
            .admin
            .create_endpoint(json!({"username": "alice", "alias": alias, "password": "hunter22", "app_id": app}))
            .await
            .expect("an endpoint");
    }
    world.number("18455550100", json!({"app_id": app})).await;
    let _told = Told::start("the page on import", &world, &[]).await;
    installation(&world, "plivo").await;
    let at = folder("page");
    std::fs::create_dir_all(&at).expect("a folder");
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/import.md")).expect("the page");
    let mut commands = 0;
    for Block { info, text, .. } in blocks(&page) {
        match info.as_str() {
            "sh" => {
                for line in text.lines() {
                    let here = line.replace("-n voice", &format!("-n {}", world.namespace));
                    let here = here.replace("--namespace voice", &format!("--namespace {}", world.namespace));
                    if commands == 7 {
                        // The first edit.
                        assert!(here.contains(" patch "), "{here}");
                        listings(&world, 2).await;
                        assert_eq!(world.ledger().await, Vec::<String>::new(), "nothing was written until here");
                    }
                    commands += 1;
                    let out = run(&world, &at, &here).await;
                    if here.contains("switchboard import") && !here.contains("--dir") {
                        assert_eq!(out, "", "nothing is left to import");
                    }
                }
            }
            // An example, which the definitions take.
            "yaml" => drop(serde_saphyr::from_str::<SipEndpoint>(&text).expect("a SipEndpoint")),
            "" => assert!(text.contains("manifests in imported"), "{text}"),
            other => panic!("```{other} is neither run nor read"),
        }
    }
    assert!(commands >= 12, "{commands}");
    assert_eq!(world.ledger().await, ["update_endpoint"], "one edit, and a password that was the present one");
    assert_eq!(world.living().await.len(), 2, "what was adopted stays");
}
