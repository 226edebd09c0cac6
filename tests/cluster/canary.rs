//! Nothing of a secret is anywhere but in Secrets and at the provider: unique values are used as token and passwords while everything goes
//! wrong that can, with the operator at its most talkative, and then looked for in all forms in which programs give secrets away.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DynamicObject, ListParams};
use kube::discovery::{Discovery, verbs};
use sandbox::canaries::{self, Canaries, Hit};
use sandbox::control_plane::{ControlPlane, Rights};
use sandbox::plivo::{self, DEFAULT_AUTH_ID, Simulator};
use serde_json::{Value, json};

use super::observe::account_reason;
use super::rbac::audited_control_plane;
use super::support;
use super::world::{Operator, World, eventually, reason};

mod carrierx;
mod credentials;

/// The operator's own namespace.
const HOME: &str = "switchboard-system";
/// Operators besides those of [`CASES`]: one for each case that is not there, and one that is started again.
const OTHERS: usize = 5;

/// What makes it show all of an error.
const TALKATIVE: &[(&str, &str)] = &[("RUST_BACKTRACE", "full")];

/// Keys of Secrets whose values are no secrets.
const PUBLIC: [&str; 6] = ["auth_id", "username", "domain", "sip_uri", "namespace", "ca.crt"];

/// The answers of a provider that is broken, or that repeats what it was told.
type Fault = fn(&Echo) -> Value;

/// What a provider, or a proxy before it, may repeat.
struct Echo {
    token: String,
    password: String,
    /// Whether the password is in the request. What the provider stores is its MD5.
    sent: bool,
}

impl Echo {
    /// Everything that was in the request, and what the provider made of it before.
    fn everything(&self) -> String {
        let (token, stored) = (&self.token, md5_hex(&self.password));
        let password = if self.sent { self.password.as_str() } else { "***" };
        format!("password {password} of {DEFAULT_AUTH_ID}:{token}, {token}, stored as {stored}")
    }
}

/// What Plivo answers to what it refuses.
fn refusal(error: Value) -> Value {
    json!({"answer": {"status": 400, "body": {"api_id": "00000000-0000-0000-0000-000000000000", "error": error}}, "execute": false})
}

/// What goes wrong, and whether the operator takes it for a refusal, which it repeats only when something changes.
const CASES: &[(&str, bool, Fault)] = &[
    ("nothing goes wrong", false, |_| json!({"answer": "normal"})),
    ("slow", false, |_| json!({"answer": "normal", "delay_ms": 700})),
    ("pages that repeat everything", false, |echo| {
        let body = format!("<html><body><h1>503</h1><p>{}</p></body></html>", echo.everything());
        json!({"answer": {"status": 503, "body": body}, "execute": false})
    }),
    ("answers that are none", false, |echo| json!({"answer": {"status": 200, "body": [echo.everything()]}, "execute": false})),
    ("headers that repeat everything", false, |echo| {
        let headers =
            json!({"x-request": echo.everything(), "retry-after": "1", "server": echo.token, "location": format!("/{}", echo.password)});
        json!({"answer": {"status": 500, "headers": headers, "body": "oops"}, "execute": false})
    }),
    ("refusals that repeat everything", true, |echo| refusal(json!({"password": [echo.everything()], "error": echo.everything()}))),
    ("refusals in one sentence", true, |echo| refusal(json!(echo.everything()))),
    ("refusals that repeat it in HTML", true, |echo| refusal(json!(canaries::html(&echo.everything())))),
    ("refusals that repeat it as in a URL", true, |echo| refusal(json!(canaries::url_encoded(&echo.everything())))),
    ("refusals that repeat it quoted", true, |echo| refusal(json!(format!("{:?}", echo.everything())))),
    ("refusals that repeat the header", true, |echo| {
        let header = canaries::base64(&format!("{DEFAULT_AUTH_ID}:{}", echo.token));
        refusal(json!(format!("Authorization: Basic {header}")))
    }),
    ("cut before the request is read", false, |_| json!({"answer": "cut_before"})),
    ("cut after the request was read", false, |_| json!({"answer": "cut_after", "execute": true})),
    ("half an answer", false, |_| json!({"answer": "truncate", "execute": true})),
    ("redirected", false, |_| json!({"answer": "redirect"})),
];

/// What was planted, and all that came to light.
#[derive(Default)]
struct Search {
    canaries: Mutex<Canaries>,
    places: Mutex<Vec<(String, String)>>,
}

impl Search {
    /// A new secret that is searched for from now on.
    fn plant(&self, name: &str) -> String {
        let value = canaries::value().expect("randomness");
        self.canaries(|canaries| canaries.add(name, &value));
        value
    }

    fn canaries<T>(&self, work: impl FnOnce(&mut Canaries) -> T) -> T {
        work(&mut self.canaries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A text in which nothing may be found.
    fn place(&self, name: impl Into<String>, text: String) {
        assert!(!text.is_empty());
        self.places.lock().unwrap_or_else(PoisonError::into_inner).push((name.into(), text));
    }

    /// Every value in the Secrets of a namespace is a canary, whoever wrote it: so are generated passwords and credentials in escrow.
    /// Called whenever there may be new ones, since they may be gone in the end.
    async fn gather(&self, world: &World, namespace: &str) {
        let secrets: Api<Secret> = Api::namespaced(world.client.clone(), namespace);
        for secret in secrets.list(&ListParams::default()).await.expect("the Secrets") {
            let name = secret.metadata.name.unwrap_or_default();
            for (key, value) in secret.data.unwrap_or_default().into_iter().filter(|(key, _)| !PUBLIC.contains(&key.as_str())) {
                let value = String::from_utf8(value.0).expect("text");
                self.canaries(|canaries| canaries.add(&format!("{namespace}/{name}, {key}"), &value));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_found_anywhere_but_in_secrets() {
    let _room = super::cases::room().await;
    let (plane, search) = watched("canary").await;
    let mut cases: Vec<futures::future::LocalBoxFuture<'_, ()>> = Vec::new();
    for (number, (name, refusal, fault)) in CASES.iter().enumerate() {
        cases.push(Box::pin(case(&plane, &search, number, name, *refusal, *fault)));
    }
    cases.push(Box::pin(rejected(&plane, &search)));
    cases.push(Box::pin(credentials::generated(&plane, &search, CASES.len() + 1)));
    cases.push(Box::pin(credentials::escrow(&plane, &search, CASES.len() + 2)));
    cases.push(Box::pin(carrierx::peer(&plane, &search, CASES.len() + 3)));
    join_all(cases).await;
    nothing_is_found(plane, &search, CASES.len() + OTHERS).await;
}

/// On a control plane of its own: an operator that serves such an account works in all namespaces.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_an_account_of_several_namespaces_is_found_anywhere_but_in_secrets() {
    let (plane, search) = watched("canary-shared").await;
    credentials::shared(&plane, &search).await;
    nothing_is_found(plane, &search, 1).await;
}

/// A control plane, and a search for what opens it.
async fn watched(name: &str) -> (ControlPlane, Search) {
    let plane = audited_control_plane(name, Rights::Cluster).await;
    support::allow_leases_for_tests(&plane.client().await).await;
    let search = Search::default();
    let kubeconfig = std::fs::read_to_string(plane.operator_kubeconfig()).expect("the operator's kubeconfig");
    let (_, own) = kubeconfig.split_once("token: ").expect("a token");
    let own: String = own.chars().take_while(|one| one.is_ascii_alphanumeric() || "-_.".contains(*one)).collect();
    assert!(own.len() > 100, "a token of a ServiceAccount");
    search.canaries(|canaries| canaries.add("the operator's own token", &own));
    (plane, search)
}

/// Nothing is in what so many operators and the control plane have left behind.
async fn nothing_is_found(plane: ControlPlane, search: &Search, operators: usize) {
    search.place("the audit log", plane.audited().await.expect("the audit log"));
    for entry in std::fs::read_dir(plane.dir().join("log")).expect("the logs").flatten() {
        let text = std::fs::read(entry.path()).expect("a log");
        search.place(format!("log file {:?}", entry.file_name()), format!("{}\n", String::from_utf8_lossy(&text)));
    }
    search.place("all objects that are no Secrets", everything_but_secrets(&plane).await);

    let places = search.places.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let hits: Vec<Hit> = search.canaries(|canaries| places.iter().flat_map(|(name, text)| canaries.find(name, text)).collect());
    let mut shown = String::new();
    for Hit { place, what, line } in hits.iter().take(40) {
        // The needles are worthless once the test is over.
        let _ = writeln!(shown, "{what}\n    in {place}: {line}");
    }
    assert!(hits.is_empty(), "{} hits:\n{shown}", hits.len());
    // The right places were looked at, at the right level.
    let (talk, audit) =
        (|text: &str| text.contains("TRACE") && text.contains("alice"), |text: &str| text.contains("sipendpoints/alice/status"));
    let logs: Vec<&(String, String)> = places.iter().filter(|(name, _)| name.starts_with("operator")).collect();
    assert_eq!((logs.len(), logs.iter().filter(|(_, text)| talk(text)).count()), (operators, operators));
    let given =
        |(name, text): &&(String, String)| name.starts_with("given") && text.contains("--log\ntrace") && text.contains("KUBECONFIG=");
    assert_eq!(places.iter().filter(given).count(), operators, "environments and arguments");
    assert!(places.iter().any(|(name, text)| name == "the audit log" && audit(text)));
    plane.stop().await;
}

/// A namespace of its own with a token and passwords that nobody else has.
async fn planted(plane: &ControlPlane, search: &Search, number: usize) -> (World, Echo) {
    let (token, password) = (search.plant(&format!("token {number}")), search.plant(&format!("password {number}")));
    search.canaries(|canaries| canaries.basic(&format!("token {number}"), DEFAULT_AUTH_ID, &token));
    let switches = [("password_in_get", "always"), ("password_in_list", "always")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let options = plivo::Options { auth_token: token.clone(), switches: switches.to_vec(), ..plivo::Options::default() };
    let simulator = Arc::new(Simulator::start(options).await.expect("a simulator"));
    let namespace = support::namespace(&plane.client().await, "canary").await;
    let world = World::bare(plane, namespace, simulator).await;
    world.consent(&world.namespace).await;
    world.account("plivo", DEFAULT_AUTH_ID, &token, json!({})).await;
    world.secret("alice-sip", &[("password", &password)]).await;
    (world, Echo { token, password, sent: true })
}

/// The operator at its most talkative, for people or for machines.
async fn talkative(world: &World, number: usize) -> Operator {
    let format = if number.is_multiple_of(2) { "text" } else { "json" };
    world.operator_with(&["--log", "trace", "--log-format", format], TALKATIVE).await
}

/// What can be found of one operator.
async fn end(search: &Search, operator: Operator, name: &str) {
    search.place(format!("metrics, {name}"), operator.metrics().await);
    search.place(format!("given, {name}"), operator.given());
    let (ended, log) = operator.terminate().await;
    assert!(ended, "{name}");
    search.place(format!("operator, {name}"), log);
}

/// What can be found of one case.
async fn look(search: &Search, world: &World, operator: Operator, name: &str, password: &str) {
    search.gather(world, &world.namespace).await;
    search.gather(world, HOME).await;
    end(search, operator, name).await;
    // What the provider stores is found where it is stored.
    let state = world.admin.state().await.expect("the state").to_string();
    let stored = search.canaries(|canaries| canaries.find("the provider", &state));
    assert!(stored.iter().any(|hit| hit.what.contains("MD5")), "{name}: the search finds nothing of {password:?} in {state}");
}

async fn case(plane: &ControlPlane, search: &Search, number: usize, name: &str, refusal: bool, fault: Fault) {
    let (world, mut echo) = planted(plane, search, number).await;
    breaks(&world, &[("POST", "/Endpoint/$", true), ("GET", "/Endpoint/[0-9]+/$", false)], fault, &mut echo).await;
    let operator = talkative(&world, number).await;
    world.endpoint("alice", json!({"alias": "first"}), json!({})).await;
    settled(&world, refusal, "again").await;
    let object = world.ready("alice").await;
    let status = object.status.expect("a status");
    let (user, uri) = (status.username.expect("a username"), status.sip_uri.expect("a URI"));
    let realm = uri.rsplit('@').next().expect("a domain").to_owned();
    search.canaries(|canaries| canaries.add_login(&format!("password {number}"), &user, &realm, &echo.password));

    // The Secrets themselves hold what is searched for.
    search.gather(&world, &world.namespace).await;
    search.gather(&world, HOME).await;
    let secrets =
        Api::<Secret>::namespaced(world.client.clone(), &world.namespace).list(&ListParams::default()).await.expect("the Secrets");
    let secrets = serde_json::to_string(&secrets).expect("JSON");
    let found = search.canaries(|canaries| canaries.find("Secrets", &secrets));
    for planted in [format!("token {number}, in base64"), format!("password {number}, in base64")] {
        assert!(found.iter().any(|hit| hit.what == planted), "the search does not find {planted} in the Secrets: {found:#?}");
    }

    breaks(&world, &[("POST", "/Endpoint/[0-9]+/$", false), ("GET", "/Endpoint/$", false)], fault, &mut echo).await;
    world.patch("alice", json!({"spec": {"plivo": {"alias": "second"}}})).await;
    settled(&world, refusal, "third").await;

    let before = world.exactly_one("alice").await["password"].clone();
    echo.password = search.plant(&format!("rotated password {number}"));
    search.canaries(|canaries| canaries.add_login(&format!("rotated password {number}"), &user, &realm, &echo.password));
    breaks(&world, &[("POST", "/Endpoint/[0-9]+/$", true), ("GET", "/Endpoint/$", false)], fault, &mut echo).await;
    world.secret("alice-sip", &[("password", &echo.password)]).await;
    let tried = async || {
        let rotated = world.exactly_one("alice").await["password"] != before;
        (rotated || refusal && reason(&world.endpoints().get("alice").await.expect("the object")) == "Rejected").then_some(())
    };
    eventually("the password is sent", tried).await;
    settled(&world, refusal, "fourth").await;
    eventually("the password is rotated", async || (world.exactly_one("alice").await["password"] != before).then_some(())).await;
    search.place(format!("objects, {name}"), own_objects(plane, &world).await);

    // Something is left at the provider, to prove the search there.
    world.secret("bob-sip", &[("password", &echo.password)]).await;
    world.endpoint("bob", json!({}), json!({})).await;
    world.ready("bob").await;
    if !refusal {
        breaks(&world, &[("DELETE", "/Endpoint/[0-9]+/$", false)], fault, &mut echo).await;
    }
    world.delete("alice").await;
    world.gone("alice").await;
    look(search, &world, operator, name, &echo.password).await;
}

/// Each of these calls goes wrong once: method, path, and whether the password is sent with it.
async fn breaks(world: &World, calls: &[(&str, &str, bool)], fault: Fault, echo: &mut Echo) {
    let mut rules = Vec::new();
    for (method, path, sent) in calls {
        echo.sent = *sent;
        let mut rule = fault(echo);
        rule["match"] = json!({"method": method, "path": path, "count": 1});
        rules.push(rule);
    }
    world.admin.set_faults(json!(rules)).await.expect("a fault script");
}

/// Waits until all is well; what was refused is tried again because something else is edited.
async fn settled(world: &World, refusal: bool, alias: &str) {
    if refusal {
        world.reason("alice", "Rejected").await;
        world.admin.clear_faults().await.expect("no fault");
        world.patch("alice", json!({"spec": {"plivo": {"alias": alias}}})).await;
    }
    world.ready("alice").await;
}

/// The token stops working, another one is given.
async fn rejected(plane: &ControlPlane, search: &Search) {
    let name = "the token is rejected";
    let number = CASES.len();
    let switch = json!({"auth_error_body": "html"});
    let (world, echo) = planted(plane, search, number).await;
    world.admin.set_switches(switch).await.expect("a switch");
    let operator = talkative(&world, number).await;
    world.endpoint("alice", json!({}), json!({})).await;
    world.ready("alice").await;
    let token = search.plant("the new token");
    search.canaries(|canaries| canaries.basic("the new token", DEFAULT_AUTH_ID, &token));
    world.admin.put_account(DEFAULT_AUTH_ID, json!({"auth_token": token})).await.expect("another token");
    account_reason(&world, "plivo", "CredentialsRejected").await;
    search.place(format!("objects, {name}"), own_objects(plane, &world).await);
    world.account("plivo", DEFAULT_AUTH_ID, &token, json!({})).await;
    account_reason(&world, "plivo", "Available").await;
    world.ready("alice").await;
    look(search, &world, operator, name, &echo.password).await;
}

/// All our objects of a namespace and the events there, as they are stored, managed fields included.
async fn own_objects(plane: &ControlPlane, world: &World) -> String {
    dump(plane, |group, _| ["switchboard.dev", "events.k8s.io"].contains(&group), Some(&world.namespace)).await
}

async fn everything_but_secrets(plane: &ControlPlane) -> String {
    let text = dump(plane, |group, resource| !(group.is_empty() && resource == "secrets"), None).await;
    for part in ["\"alice\"", "managedFields", "\"ConfigMap\"", "\"Event\"", "\"RoleBinding\""] {
        assert!(text.contains(part), "{part} is not in the dump");
    }
    text
}

/// Every object of the kinds wanted, one on each line.
async fn dump(plane: &ControlPlane, wanted: impl Fn(&str, &str) -> bool, namespace: Option<&str>) -> String {
    let client = plane.client().await;
    let discovery = Discovery::new(client.clone()).run().await.expect("the kinds");
    let mut text = String::new();
    for (kind, capabilities) in discovery.groups().flat_map(|group| group.recommended_resources()) {
        if !capabilities.supports_operation(verbs::LIST) || !wanted(&kind.group, &kind.plural) {
            continue;
        }
        let namespaced = capabilities.scope == kube::discovery::Scope::Namespaced;
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) if namespaced => Api::namespaced_with(client.clone(), namespace, &kind),
            _ => Api::all_with(client.clone(), &kind),
        };
        let list = api.list(&ListParams::default()).await.unwrap_or_else(|error| panic!("{}: {error}", kind.plural));
        for mut object in list.items {
            object.types = Some(kube::core::TypeMeta { api_version: kind.api_version.clone(), kind: kind.kind.clone() });
            let _ = writeln!(text, "{}", serde_json::to_string(&object).expect("JSON"));
        }
    }
    text
}

fn md5_hex(text: &str) -> String {
    use md5::Digest;
    md5::Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
