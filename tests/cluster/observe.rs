//! What can be seen of an operator from outside: its calls, its events, its accounts, and its last words.

use std::ops::{Deref, DerefMut};

use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use sandbox::admin_client::RequestEntry;
use switchboard::api::ProviderAccount;
use tokio::time::{Instant, sleep};

use super::world::{Operator, PATIENCE, World, eventually};

/// Lines of an operator's log that a failure shows.
const TAIL: usize = 60;

/// An operator whose last words are shown if the case that holds it fails.
pub struct Told {
    case: &'static str,
    operator: Option<Operator>,
}

impl Told {
    /// Starts an operator for the world.
    pub async fn start(case: &'static str, world: &World, arguments: &[&str]) -> Told {
        Told { case, operator: Some(world.operator_with(arguments, &[]).await) }
    }

    /// SIGTERM, and whether it ended well.
    pub async fn terminate(mut self) -> (bool, String) {
        self.operator.take().expect("taken once").terminate().await
    }
}

impl Told {
    /// SIGKILL.
    pub async fn kill(mut self) {
        self.operator.take().expect("taken once").kill().await;
    }
}

impl Deref for Told {
    type Target = Operator;

    fn deref(&self) -> &Operator {
        self.operator.as_ref().expect("there until it is ended")
    }
}

impl DerefMut for Told {
    fn deref_mut(&mut self) -> &mut Operator {
        self.operator.as_mut().expect("there until it is ended")
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(operator) = self.operator.as_ref().filter(|_| std::thread::panicking()) {
            let log = operator.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("case {:?} failed; its operator said last:\n{}\n", self.case, lines[lines.len().saturating_sub(TAIL)..].join("\n"));
        }
    }
}

/// What kind of call a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The check of credentials.
    Probe,
    /// A page of a listing.
    Page,
    /// A read of one endpoint.
    Get,
    /// A create.
    Create,
    /// An update of one endpoint.
    Update,
    /// A deletion.
    Delete,
    /// A page of a listing of numbers.
    NumberPage,
    /// A read of one number.
    NumberGet,
    /// An update of one number.
    NumberUpdate,
    /// A page of a listing of applications.
    ApplicationPage,
}

/// The kind of a request of the log.
pub fn call(request: &RequestEntry) -> Call {
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').skip(3).collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", []) => Call::Probe,
        ("GET", ["Endpoint"]) => Call::Page,
        ("GET", ["Endpoint", _]) => Call::Get,
        ("POST", ["Endpoint"]) => Call::Create,
        ("POST", ["Endpoint", _]) => Call::Update,
        ("DELETE", ["Endpoint", _]) => Call::Delete,
        ("GET", ["Number"]) => Call::NumberPage,
        ("GET", ["Number", _]) => Call::NumberGet,
        ("POST", ["Number", _]) => Call::NumberUpdate,
        ("GET", ["Application"]) => Call::ApplicationPage,
        _ => panic!("the operator has no business with {} {}", request.method, request.path),
    }
}

/// The kinds of all requests after number `since`, in order of arrival.
pub async fn calls_since(world: &World, since: u64) -> Vec<Call> {
    world.admin.requests_since(since).await.expect("the request log").iter().map(call).collect()
}

/// How many of them are of this kind.
pub fn count(calls: &[Call], kind: Call) -> usize {
    calls.iter().filter(|call| **call == kind).count()
}

/// Number of the newest request.
pub async fn now(world: &World) -> u64 {
    world.admin.requests().await.expect("the request log").last().map_or(0, |request| request.n)
}

/// Waits until `more` listings began after this moment, and the one before the last was answered long enough ago that everybody whom it
/// concerns has been woken: the next one has begun since.
pub async fn listings(world: &World, more: usize) {
    listings_of(world, Call::Page, more).await;
}

/// As [`listings`], of numbers or applications.
pub async fn listings_of(world: &World, page: Call, more: usize) {
    let since = now(world).await;
    eventually("more listings", async || {
        let requests = world.admin.requests_since(since).await.expect("the request log");
        let begun = requests.iter().filter(|request| call(request) == page && request.query.contains("offset=0")).count();
        (begun > more).then_some(())
    })
    .await;
}

/// The account object as soon as its Ready condition has this reason.
pub async fn account_reason(world: &World, name: &str, expected: &str) -> ProviderAccount {
    let accounts: Api<ProviderAccount> = Api::namespaced(world.client.clone(), &world.namespace);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let account = accounts.get(name).await.expect("the account object");
        let ready = account.status.as_ref().and_then(|status| status.conditions.iter().find(|condition| condition.type_ == "Ready"));
        if ready.is_some_and(|ready| ready.reason == expected && ready.observed_generation == account.metadata.generation) {
            return account;
        }
        assert!(Instant::now() < deadline, "account {name} never became {expected}; it is {account:#?}");
        sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// The message of the account object's Ready condition.
pub fn account_message(account: &ProviderAccount) -> String {
    let conditions = account.status.as_ref().map_or(&[][..], |status| &status.conditions);
    conditions.iter().find(|condition| condition.type_ == "Ready").map(|condition| condition.message.clone()).unwrap_or_default()
}

/// Reason and note of all events about an object.
pub async fn events(world: &World, name: &str) -> Vec<(String, String)> {
    let events: Api<Event> = Api::namespaced(world.client.clone(), &world.namespace);
    let all = events.list(&ListParams::default()).await.expect("the events");
    let about =
        all.items.into_iter().filter(|event| event.regarding.as_ref().is_some_and(|regarding| regarding.name.as_deref() == Some(name)));
    about.map(|event| (event.reason.unwrap_or_default(), event.note.unwrap_or_default())).collect()
}

/// The note of the first event with this reason about an object.
pub async fn event(world: &World, name: &str, reason: &str) -> String {
    eventually(&format!("an event {reason} about {name}"), async || {
        events(world, name).await.into_iter().find(|(found, _)| found == reason).map(|(_, note)| note)
    })
    .await
}
