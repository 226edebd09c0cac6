//! Numbers and applications in a world, and the bindings of them.

use std::time::Duration;

use futures::future::LocalBoxFuture;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use sandbox::admin_client::LedgerEntry;
use sandbox::plivo;
use serde_json::{Value, json};
use switchboard::api::PhoneNumberBinding;
use tokio::time::{Instant, sleep};

use crate::cases;
use crate::observe::{Call, Told, listings_of};
use crate::world::{PATIENCE, World, eventually, merged};

/// The number that most cases are about.
pub const NUMBER: &str = "14155550100";

/// One case: a world with a number and some applications, and an operator that is heard if it fails.
pub struct Line {
    pub world: World,
    /// Answered the number before anybody bound it.
    pub before: String,
    pub ivr: String,
    pub other: String,
}

/// A case that ends with a look at what was done to the provider.
pub fn case<F>(name: &'static str, run: impl FnOnce(&'static str) -> F) -> (String, LocalBoxFuture<'static, ()>)
where
    F: Future<Output = World> + 'static,
{
    let run = run(name);
    cases::case(name, async move { honest(&run.await).await })
}

/// Waits until `more` listings of numbers have begun, and whom they concern has been woken.
pub async fn swept(world: &World, more: usize) {
    listings_of(world, Call::NumberPage, more).await;
}

/// No number was rented, added or released, and no update left the application out or to chance.
pub async fn honest(world: &World) {
    let state = world.admin.state().await.expect("the state");
    assert_eq!((&state["numbers_rented"], &state["numbers_released"]), (&json!(0), &json!(0)));
    for request in world.admin.requests().await.expect("the requests") {
        let path = request.path.as_str();
        let about_numbers = path.contains("/Number/");
        assert!(!path.contains("PhoneNumber"), "{} {path}", request.method);
        assert!(!(about_numbers && request.method == "DELETE"), "{} {path}", request.method);
        assert!(!(request.method == "POST" && path.ends_with("/Number/")), "{} {path}", request.method);
    }
    let ledger = world.admin.ledger().await.expect("the ledger");
    for entry in ledger.iter().filter(|entry| entry.actor == "api" && entry.op.contains("number")) {
        assert_eq!(entry.op, "update_number");
        assert!(entry.request["app_id"].is_string(), "{}", entry.request);
    }
}

impl Line {
    /// With the number at the first of three applications.
    pub async fn new() -> Line {
        Line::with(plivo::Options::default()).await
    }

    pub async fn with(options: plivo::Options) -> Line {
        let world = World::with("line", options).await;
        let mut made = Vec::new();
        for name in ["before", "ivr", "other"] {
            made.push(world.application(name).await);
        }
        let [before, ivr, other] = <[String; 3]>::try_from(made).expect("three");
        world.number(NUMBER, json!({"app_id": before, "alias": "old alias"})).await;
        Line { world, before, ivr, other }
    }

    /// With an operator.
    pub async fn run(case: &'static str) -> (Line, Told) {
        let line = Line::new().await;
        let told = Told::start(case, &line.world, &[]).await;
        (line, told)
    }

    /// The number is bound to `ivr` by a binding called `main`.
    pub async fn bound(case: &'static str, spec: Value) -> (Line, Told) {
        let (line, told) = Line::run(case).await;
        line.world.binding("main", NUMBER, json!({"app_id": line.ivr}), spec).await;
        line.world.bound("main").await;
        assert_eq!(line.world.app_of(NUMBER).await, line.ivr);
        (line, told)
    }
}

impl World {
    pub fn bindings(&self) -> Api<PhoneNumberBinding> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// An application made in the console.
    pub async fn application(&self, name: &str) -> String {
        let made = self.admin.create_application(json!({"app_name": name, "answer_url": "https://example.com/answer"})).await;
        made.expect("an application")["app_id"].as_str().expect("an id").to_owned()
    }

    /// A number that the account holds.
    pub async fn number(&self, number: &str, more: Value) {
        self.admin.create_number(merged(json!({"number": number}), more)).await.expect("a number");
    }

    /// Applies a PhoneNumberBinding.
    pub async fn binding(&self, name: &str, number: &str, target: Value, spec: Value) -> PhoneNumberBinding {
        let spec = merged(json!({"accountRef": {"name": "plivo"}, "number": format!("+{number}"), "target": target}), spec);
        let object =
            json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": "PhoneNumberBinding", "metadata": {"name": name}, "spec": spec});
        self.bindings().patch(name, &PatchParams::apply("tests").force(), &Patch::Apply(&object)).await.expect("a PhoneNumberBinding")
    }

    /// Waits until the second in which the binding was made is over: of two that are made in one second, the uid decides which is the older.
    pub async fn aged(&self, name: &str) {
        let object = self.bindings().get(name).await.expect("the binding");
        let made = object.metadata.creation_timestamp.expect("a time").0;
        eventually("the next second", async || (Timestamp::now().as_second() > made.as_second()).then_some(())).await;
    }

    pub async fn patch_binding(&self, name: &str, patch: Value) -> PhoneNumberBinding {
        self.bindings().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.expect("a patch")
    }

    /// Merges into the status, as a tool that restores backups may.
    pub async fn restore_binding(&self, name: &str, status: Value) {
        let bindings: Api<PhoneNumberBinding> = Api::namespaced(self.backup_tool.clone(), &self.namespace);
        let patch = Patch::Merge(json!({"status": status}));
        bindings.patch_status(name, &PatchParams::default(), &patch).await.expect("a restored status");
    }

    pub async fn delete_binding(&self, name: &str) {
        self.bindings().delete(name, &DeleteParams::default()).await.expect("a deletion");
    }

    /// The binding as soon as `done` holds for it.
    pub async fn binding_until(&self, name: &str, what: &str, done: impl Fn(&PhoneNumberBinding) -> bool) -> PhoneNumberBinding {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.bindings().get_opt(name).await.expect("an answer") {
                Some(object) if done(&object) => return object,
                seen => assert!(Instant::now() < deadline, "{name} never became {what}; it is {seen:#?}"),
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The binding as soon as it is Ready for its present generation.
    pub async fn bound(&self, name: &str) -> PhoneNumberBinding {
        self.binding_reason(name, "Available").await
    }

    /// The binding as soon as its Ready condition has this reason, for its present generation.
    pub async fn binding_reason(&self, name: &str, expected: &str) -> PhoneNumberBinding {
        let done = |object: &PhoneNumberBinding| reason(object) == expected && observed(object);
        self.binding_until(name, expected, done).await
    }

    /// Waits until the binding is gone.
    pub async fn binding_gone(&self, name: &str) {
        let deadline = Instant::now() + PATIENCE;
        while let Some(object) = self.bindings().get_opt(name).await.expect("an answer") {
            assert!(Instant::now() < deadline, "{name} does not go: {object:#?}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The number as the provider has it.
    pub async fn shown(&self, number: &str) -> Value {
        let state = self.admin.state().await.expect("the state");
        let accounts = state["accounts"].as_object().expect("accounts");
        let mut numbers = accounts.values().filter_map(|account| account["numbers"].as_array()).flatten();
        numbers.find(|one| one["number"] == number).cloned().unwrap_or(Value::Null)
    }

    /// The application that answers the number; empty for none.
    pub async fn app_of(&self, number: &str) -> String {
        let shown = self.shown(number).await;
        shown["application"].as_str().unwrap_or_default().trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
    }

    /// The executed updates of the number by the API, in order.
    pub async fn updates(&self, number: &str) -> Vec<LedgerEntry> {
        self.effects("update_number").await.into_iter().filter(|entry| entry.id == number).collect()
    }

    /// The applications that those updates asked for.
    pub async fn apps(&self, number: &str) -> Vec<String> {
        let updates = self.updates(number).await;
        updates.iter().map(|entry| entry.request["app_id"].as_str().unwrap_or("no text").to_owned()).collect()
    }

    /// The updates of the number by the API that were executed asked for these applications, and there were no others.
    pub async fn sent(&self, number: &str, expected: &[&str]) {
        let apps = self.apps(number).await;
        assert_eq!(apps, expected, "the applications that updates of {number} asked for");
    }

    /// Somebody points the number elsewhere in the console.
    pub async fn repoint(&self, number: &str, app_id: &str) {
        self.admin.patch_number(number, json!({"app_id": app_id})).await.expect("an edited number");
    }

    /// Waits until the provider shows this application for the number.
    pub async fn answered_by(&self, number: &str, app_id: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.app_of(number).await != app_id {
            assert!(Instant::now() < deadline, "{number} never came to {app_id:?}: {:#?}", self.shown(number).await);
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The reason of the Ready condition; empty if there is none.
pub fn reason(object: &PhoneNumberBinding) -> &str {
    ready(object).map_or("", |(reason, _)| reason)
}

/// The message of the Ready condition.
pub fn message(object: &PhoneNumberBinding) -> &str {
    ready(object).map_or("", |(_, message)| message)
}

fn ready(object: &PhoneNumberBinding) -> Option<(&str, &str)> {
    let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready")?;
    Some((&ready.reason, &ready.message))
}

/// The status describes the present generation.
pub fn observed(object: &PhoneNumberBinding) -> bool {
    object.status.as_ref().and_then(|status| status.observed_generation) == object.metadata.generation
}
