//! Tables of cases. Each case has a world of its own, and a few run at a time, since most of their time is waiting.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures::future::LocalBoxFuture;
use futures::{FutureExt, StreamExt, future, stream};
use kube::api::DeleteParams;
use sandbox::admin_client::RequestEntry;
use serde_json::{Value, json};
use switchboard::api::SipEndpoint;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::world::{Operator, SETTLE, World, eventually};

/// How many cases run at a time, in all tables together. An operator needs 10 MB, and nearly all of its time it waits, most of it for
/// the settle time.
const AT_ONCE: usize = 16;
/// How many lines of its log an operator leaves behind when its case fails.
const TAIL: usize = 300;

/// Held by each running case.
pub static SLOTS: Semaphore = Semaphore::const_new(AT_ONCE);

/// Room for a case with hundreds of objects: so many of the others wait meanwhile that the API server answers in time for all.
pub async fn room() -> SemaphorePermit<'static> {
    SLOTS.acquire_many(AT_ONCE as u32 / 2 - 1).await.expect("nobody closes it")
}

/// Runs all cases to their end; a failure names each that went wrong, and what its operators said.
pub async fn all(cases: Vec<(String, LocalBoxFuture<'static, ()>)>) {
    let total = cases.len();
    let failed: Vec<String> = stream::iter(cases)
        .map(|(name, case)| async move {
            let _slot = SLOTS.acquire().await.expect("nobody closes it");
            let ended = AssertUnwindSafe(case).catch_unwind().await;
            ended.err().map(|panic| format!("{name}: {}", message(&*panic)))
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(future::ready)
        .collect()
        .await;
    assert!(failed.is_empty(), "{} of {total} cases:\n{}", failed.len(), failed.join("\n"));
}

/// A case for [`all`].
pub fn case(name: impl Into<String>, run: impl Future<Output = ()> + 'static) -> (String, LocalBoxFuture<'static, ()>) {
    (name.into(), run.boxed_local())
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied()).unwrap_or("no message")
}

/// Every listing of endpoints after the first is refused: what a lost create made is not found until the rule goes.
pub fn blind() -> Value {
    json!({
        "match": {"method": "GET", "path": "/Endpoint/$", "nth": 2},
        "execute": false,
        "answer": {"status": 503, "body": "<html>maintenance</html>"},
    })
}

/// This fault, for the first create and no other.
pub fn first_create(mut fault: Value) -> Value {
    fault["match"] = json!({"method": "POST", "path": "/Endpoint/$", "count": 1});
    fault
}

/// One object named `alice`, and one operator after the other.
pub struct Case {
    name: String,
    pub world: World,
    operator: Option<Operator>,
    logs: Vec<String>,
}

impl Case {
    /// A world whose provider follows these fault rules from the start.
    pub async fn new(name: &str, faults: Value) -> Case {
        let world = World::new("case").await;
        world.admin.set_faults(faults).await.expect("a fault script");
        Case { name: name.to_owned(), world, operator: None, logs: Vec::new() }
    }

    /// Starts an operator that stops at this fail point.
    pub async fn start_until(&mut self, failpoint: &str) {
        self.operator = Some(self.world.operator_with(&[], &[("SWITCHBOARD_FAILPOINT", failpoint)]).await);
    }

    /// Starts an operator.
    pub async fn start(&mut self) {
        self.operator = Some(self.world.operator().await);
    }

    /// Waits until the operator has logged a line with this text.
    pub async fn says(&mut self, text: &str) {
        self.operator.as_mut().expect("a running operator").says(text).await;
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        let operator = self.operator.take().expect("a running operator");
        self.logs.push(operator.log());
        operator.kill().await;
    }

    pub async fn apply(&self) {
        self.world.endpoint("alice", json!({"alias": "desk"}), json!({})).await;
    }

    /// Deletes the object; answers what it was at that moment, if its finalizer keeps it.
    pub async fn delete(&self) -> Option<SipEndpoint> {
        self.world.endpoints().delete("alice", &DeleteParams::default()).await.expect("a deletion").left()
    }

    /// The creates that have reached the provider, executed or not.
    pub async fn posts(&self) -> Vec<RequestEntry> {
        let requests = self.world.admin.requests().await.expect("the requests");
        requests.into_iter().filter(|request| request.method == "POST" && request.path.ends_with("/Endpoint/")).collect()
    }

    /// Waits until a create has reached the provider.
    pub async fn sent(&self) {
        eventually("a create is sent", async || (!self.posts().await.is_empty()).then_some(())).await;
    }

    /// The object is in the middle of its create: announced, and neither recorded nor closed.
    pub fn unresolved(object: &SipEndpoint) {
        let status = object.status.as_ref();
        let ledger = status.and_then(|status| status.ledger.as_ref());
        let open = ledger.is_some_and(|ledger| ledger.intent.as_ref().is_some_and(|intent| intent.epoch > ledger.epoch));
        let recorded = status.is_some_and(|status| status.endpoint_id.is_some());
        assert!(open && !recorded, "no create of it is unresolved: {}", json!(status));
    }

    /// The object ends with exactly one endpoint, its own, after this many executed creates, of which all but one were deleted.
    pub async fn one(&self, creates: usize) {
        self.world.ready("alice").await;
        eventually("one endpoint is left", async || (self.world.living().await.len() == 1).then_some(())).await;
        self.world.exactly_one("alice").await;
        self.effects(creates, creates - 1).await;
    }

    /// The object goes, and with it all that was made for it.
    pub async fn zero(&self, creates: usize) {
        self.world.gone("alice").await;
        assert!(self.world.living().await.is_empty(), "the object is gone and left {:#?}", self.world.living().await);
        self.effects(creates, creates).await;
    }

    async fn effects(&self, creates: usize, deletes: usize) {
        let ledger = self.world.ledger().await;
        let expected = [vec!["create_endpoint"; creates], vec!["delete_endpoint"; deletes]].concat();
        assert_eq!(ledger, expected, "the effects at the provider");
    }

    /// This many creates were sent, and no two of them within the settle time: the first was looked for in between.
    pub async fn sends(&self, count: usize) {
        let posts = self.posts().await;
        assert_eq!(posts.len(), count, "creates sent: {posts:#?}");
        for pair in posts.windows(2) {
            // The intent is announced before its create is sent, so a part of the settle time is over by then.
            let apart = u128::from(pair[1].at_ms - pair[0].at_ms);
            assert!(apart > SETTLE.as_millis() / 2, "a create was sent {apart} ms after one whose outcome was unknown: {posts:#?}");
        }
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.logs.extend(self.operator.as_ref().map(Operator::log));
        for (number, log) in (1..).zip(&self.logs) {
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
            eprintln!("---- {}: operator {number} of {}, last lines ----\n{tail}\n", self.name, self.logs.len());
        }
    }
}
