//! Cases with several objects or several operators in one world, and what they ask of it again and again.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::future::{FutureExt as _, LocalBoxFuture, join_all};
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};
use switchboard::api::SipEndpoint;
use tokio::time::{Instant, sleep};

use super::cases::SLOTS;
use super::world::{Operator, PATIENCE, World, endpoint_id, observed, reason};

/// How much of an operator's log a failed case shows.
const TAIL: usize = 120;

/// A named case.
pub type Case<'a> = (&'a str, LocalBoxFuture<'a, ()>);

/// A case out of a function that is told its name.
pub fn case<'a, F: Future<Output = ()> + 'a>(name: &'a str, run: impl FnOnce(&'a str) -> F) -> Case<'a> {
    (name, run(name).boxed_local())
}

/// Runs all cases; fails at the end with the names of those that failed. What was wrong with them has been printed by then.
pub async fn run(cases: Vec<Case<'_>>) {
    let caught = cases.into_iter().map(|(name, case)| async move {
        let _place = SLOTS.acquire().await.expect("it is never closed");
        AssertUnwindSafe(case).catch_unwind().await.err().map(|_| name)
    });
    let failed: Vec<&str> = join_all(caught).await.into_iter().flatten().collect();
    assert!(failed.is_empty(), "these cases failed: {failed:?}");
}

/// An operator that shows the end of its log, under its case's name, if the case fails.
pub struct Told {
    who: String,
    operator: Option<Operator>,
}

impl Told {
    pub fn new(case: &str, operator: Operator) -> Told {
        Told { who: case.to_owned(), operator: Some(operator) }
    }

    /// SIGKILL, from outside.
    pub async fn kill(mut self) {
        self.operator.take().expect("it is taken once").kill().await;
    }

    /// SIGTERM: it must end well, within Kubernetes' grace period.
    pub async fn terminate(mut self) {
        let (well, log) = self.operator.take().expect("it is taken once").terminate().await;
        assert!(well, "{} did not end well:\n{log}", self.who);
    }

    /// Waits until it has ended by itself; answers whether it ended well, and what it said.
    pub async fn ended(mut self) -> (bool, String) {
        self.operator.take().expect("it is taken once").ended().await
    }

    /// How many listings it has finished: complete ones, others.
    pub fn listings(&self) -> (usize, usize) {
        let log = self.log();
        let all = log.lines().filter(|line| line.contains("listed account=")).count();
        let complete = log.lines().filter(|line| line.contains("listed account=") && line.contains("proof=Complete")).count();
        (complete, all - complete)
    }

    /// Waits until it has finished so many more listings, whatever they prove.
    pub async fn lists(&self, more: usize) {
        let wanted = self.listings().0 + self.listings().1 + more;
        let deadline = Instant::now() + PATIENCE;
        while self.listings().0 + self.listings().1 < wanted {
            assert!(Instant::now() < deadline, "the operator lists no more: {:?} of {wanted}", self.listings());
            sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Deref for Told {
    type Target = Operator;
    fn deref(&self) -> &Operator {
        self.operator.as_ref().expect("it is taken at the end only")
    }
}

impl DerefMut for Told {
    fn deref_mut(&mut self) -> &mut Operator {
        self.operator.as_mut().expect("it is taken at the end only")
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(operator) = self.operator.as_ref().filter(|_| std::thread::panicking()) {
            let log = operator.log();
            let lines: Vec<&str> = log.lines().filter(|line| !line.contains("op=\"list_endpoints\"")).collect();
            eprintln!("--- case {:?}, the operator's last words:\n{}\n---", self.who, lines[lines.len().saturating_sub(TAIL)..].join("\n"));
        }
    }
}

/// `base00`, `base01`, … : none is the beginning of another.
pub fn names(base: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{base}{index:02}")).collect()
}

/// Applies endpoints of these names at once.
pub async fn apply_all(world: &World, names: &[String]) {
    join_all(names.iter().map(|name| world.endpoint(name, json!({"app_id": ""}), json!({})))).await;
}

/// Waits until `done` holds for each of these objects; asks for all of them at once.
pub async fn all(world: &World, names: &[String], what: &str, done: impl Fn(&SipEndpoint) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let objects = world.endpoints().list(&ListParams::default()).await.expect("the objects").items;
        let of = |name: &String| objects.iter().find(|object| object.name_any() == **name);
        let open: Vec<_> = names.iter().filter(|name| !of(name).is_some_and(&done)).collect();
        if open.is_empty() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "never {what}: {open:?}; the first is {:#?}",
            of(open[0]).map(|object| (&object.metadata, &object.status))
        );
        sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until all are Ready for their present generation.
pub async fn all_ready(world: &World, names: &[String]) {
    all(world, names, "ready", |object| reason(object) == "Available" && observed(object)).await;
}

/// Deletes all at once, waits until they are gone, and looks whether anything with one of their names is left.
pub async fn delete_all(world: &World, names: &[String]) {
    join_all(names.iter().map(|name| world.delete(name))).await;
    all_gone(world, names).await;
}

/// Waits until all are gone, and looks whether anything with one of their names is left.
pub async fn all_gone(world: &World, names: &[String]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let objects = world.endpoints().list(&ListParams::default()).await.expect("the objects").items;
        let left: Vec<_> = objects.iter().filter(|object| names.contains(&object.name_any())).collect();
        if left.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "these do not go: {left:#?}");
        sleep(Duration::from_millis(100)).await;
    }
    let left: Vec<Value> = of_names(world, names).await.into_values().collect();
    assert!(left.is_empty(), "left at the provider: {left:#?}");
}

/// The living endpoints whose usernames begin with one of these names.
pub async fn of_names(world: &World, names: &[String]) -> BTreeMap<String, Value> {
    let mut living = world.living().await;
    living.retain(|_, one| one["username"].as_str().is_some_and(|username| names.iter().any(|name| username.starts_with(&**name))));
    living
}

/// For each of these objects exactly one endpoint lives, the recorded one. Answers its id by name.
pub async fn exactly_one_each(world: &World, names: &[String]) -> BTreeMap<String, String> {
    let mut ids = BTreeMap::new();
    for name in names {
        world.exactly_one(name).await;
        ids.insert(name.clone(), endpoint_id(&world.endpoints().get(name).await.expect("the object")));
    }
    ids
}

/// How many creates were sent to the provider, executed or not.
pub async fn creates_sent(world: &World) -> usize {
    let requests = world.admin.requests().await.expect("the requests");
    requests.iter().filter(|request| request.method == "POST" && request.path.ends_with("/Endpoint/")).count()
}

/// A console full of other people's endpoints.
pub async fn crowd(world: &World, count: usize) {
    for _ in 0..count {
        world.admin.create_endpoint(json!({"username": "somebody"})).await.expect("an endpoint made in the console");
    }
}
