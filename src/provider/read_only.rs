//! A provider that cannot be changed: reads go through and are counted, everything else is refused here and never sent.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::core::capabilities::Capabilities;
use crate::core::fields::{Application, Fields, Number, Remote, Secret};
use crate::core::mark::Mark;
use crate::core::outcome::{Outcome, Refusal, RefusalKind};
use crate::core::view::Thing;
use crate::provider::{Created, Page, Provider, Remotes, not_offered};

/// How far a listing has come.
#[derive(Debug, Default)]
pub struct Progress {
    seen: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// How many have been seen, and of how many, if the provider has said so.
    pub fn now(&self) -> (u64, Option<u64>) {
        let total = self.total.load(Ordering::Relaxed);
        (self.seen.load(Ordering::Relaxed), Some(total).filter(|total| *total > 0))
    }

    fn page<T>(&self, offset: u64, page: &Page<T>) {
        self.seen.fetch_max(offset + page.items.len() as u64, Ordering::Relaxed);
        self.total.fetch_max(page.total.unwrap_or_default(), Ordering::Relaxed);
    }
}

/// What was called.
#[derive(Debug, Default)]
pub struct Tally {
    calls: AtomicU64,
    failures: AtomicU32,
    message: Mutex<String>,
    /// The listing of endpoints.
    pub endpoints: Progress,
    /// The listing of numbers.
    pub numbers: Progress,
}

impl Tally {
    /// Calls so far. (One may be more than one request, see [`Remotes`].)
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// How many of the last calls in a row failed otherwise than by a 429, and what was said last.
    pub fn failures(&self) -> (u32, String) {
        (self.failures.load(Ordering::Relaxed), self.message.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn count<T>(&self, call: BoxFuture<'_, Outcome<T>>) -> Outcome<T> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let outcome = call.await;
        let failed = match &outcome {
            Outcome::Done(_) => None,
            Outcome::Refused(refusal) if refusal.kind == RefusalKind::Throttled => return outcome,
            Outcome::Refused(refusal) => Some(refusal.message.clone()),
            Outcome::Unknown(doubt) => Some(doubt.message.clone()),
            Outcome::NotFound { .. } => Some("the provider knows no such thing".to_owned()),
        };
        match failed {
            None => self.failures.store(0, Ordering::Relaxed),
            Some(message) => {
                *self.message.lock().unwrap_or_else(PoisonError::into_inner) = message;
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
        }
        outcome
    }
}

/// Reads, and nothing else.
pub struct ReadOnly {
    inner: Arc<dyn Provider>,
    endpoints: Things,
    trunk_groups: Things,
    tally: Arc<Tally>,
}

/// Its things of one kind.
struct Things {
    inner: Arc<dyn Provider>,
    thing: Thing,
    tally: Arc<Tally>,
}

impl ReadOnly {
    /// The same provider without what changes it. `tally`: where it is counted.
    pub fn new(inner: Arc<dyn Provider>, tally: Arc<Tally>) -> Self {
        let things = |thing| Things { inner: Arc::clone(&inner), thing, tally: Arc::clone(&tally) };
        Self { endpoints: things(Thing::Endpoint), trunk_groups: things(Thing::TrunkGroup), inner, tally }
    }
}

fn refused<'a, T: Send + 'a>() -> BoxFuture<'a, Outcome<T>> {
    let message = "nothing is changed here; nothing was sent".to_owned();
    std::future::ready(Outcome::Refused(Refusal { kind: RefusalKind::Invalid, message, retry_after: None })).boxed()
}

impl Things {
    fn remotes(&self) -> Option<&dyn Remotes> {
        match self.thing {
            Thing::Endpoint => Some(self.inner.endpoints()),
            Thing::TrunkGroup => self.inner.trunk_groups(),
        }
    }

    fn call<'a, T: Send + 'a>(&'a self, call: impl FnOnce(&'a dyn Remotes) -> BoxFuture<'a, Outcome<T>>) -> BoxFuture<'a, Outcome<T>> {
        match self.remotes() {
            Some(remotes) => self.tally.count(call(remotes)).boxed(),
            None => std::future::ready(not_offered(self.thing.as_str())).boxed(),
        }
    }
}

impl Remotes for Things {
    fn create<'a>(&'a self, _: &'a str, _: &'a Fields) -> BoxFuture<'a, Outcome<Created>> {
        refused()
    }

    fn get<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<Remote>> {
        self.call(move |remotes| remotes.get(id))
    }

    fn list(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Remote>>> {
        let page = self.call(move |remotes| remotes.list(offset, limit));
        let seen = move |outcome: Outcome<Page<Remote>>| {
            if let (Outcome::Done(page), Thing::Endpoint) = (&outcome, self.thing) {
                self.tally.endpoints.page(offset, page);
            }
            outcome
        };
        page.map(seen).boxed()
    }

    fn find<'a>(&'a self, mark: &'a Mark) -> BoxFuture<'a, Outcome<Page<Remote>>> {
        self.call(move |remotes| remotes.find(mark))
    }

    fn update<'a>(&'a self, _: &'a str, _: &'a Fields) -> BoxFuture<'a, Outcome<Option<Remote>>> {
        refused()
    }

    fn delete<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Outcome<()>> {
        refused()
    }

    fn references<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<Vec<String>>> {
        self.call(move |remotes| remotes.references(id))
    }
}

impl Provider for ReadOnly {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn identify(&self) -> BoxFuture<'_, Outcome<String>> {
        self.tally.count(self.inner.identify()).boxed()
    }

    fn endpoints(&self) -> &dyn Remotes {
        &self.endpoints
    }

    fn trunk_groups(&self) -> Option<&dyn Remotes> {
        self.inner.trunk_groups().map(|_| &self.trunk_groups as &dyn Remotes)
    }

    fn get_number<'a>(&'a self, number: &'a str, id: Option<&'a str>) -> BoxFuture<'a, Outcome<Number>> {
        self.tally.count(self.inner.get_number(number, id)).boxed()
    }

    fn list_numbers(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Number>>> {
        let seen = move |outcome: Outcome<Page<Number>>| {
            if let Outcome::Done(page) = &outcome {
                self.tally.numbers.page(offset, page);
            }
            outcome
        };
        self.tally.count(self.inner.list_numbers(offset, limit)).map(seen).boxed()
    }

    fn update_number<'a>(&'a self, _: &'a str, _: Option<&'a str>, _: &'a Fields) -> BoxFuture<'a, Outcome<()>> {
        refused()
    }

    fn list_applications(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Application>>> {
        self.tally.count(self.inner.list_applications(offset, limit)).boxed()
    }

    fn password_matches(&self, remote: &Remote, password: &Secret) -> Option<bool> {
        self.inner.password_matches(remote, password)
    }
}
