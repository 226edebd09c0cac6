use super::*;
use crate::core::fields::{Application, Fields, Number, Value};
use crate::core::listing::{Proof, Spoiled};
use crate::core::mark::{Installation, Mark, Place};
use crate::core::outcome::{Doubt, DoubtKind, Outcome, Refusal, RefusalKind};
use crate::provider::plivo::CAPABILITIES;
use crate::provider::{Created, Page, Remotes};
use futures::future::BoxFuture;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

mod applications;
mod budget;
mod contacts;
mod credentials;
mod leadership;
mod listings;
mod numbers;
mod observed;
mod sharing;
mod trunk_groups;

/// A provider in memory: newest first, pages of 20, every call takes 100 ms of the paused clock.
#[derive(Default)]
struct Fake {
    state: Mutex<FakeState>,
    credentials_bad: AtomicBool,
    /// What its credentials may not do, though they are accepted.
    forbidden: Mutex<Option<&'static str>>,
    /// Answers nothing that could be read.
    broken: AtomicBool,
    calls: Mutex<Vec<(Instant, &'static str)>>,
    throttle: AtomicU32,
    fail_pages: AtomicU32,
    /// Not known, unless a test says so: then the window of a process before is waited for.
    provider_limit: AtomicU32,
    /// Another one, whose endpoints are this one's trunk groups.
    groups: Option<Arc<Fake>>,
    /// How it answers a search by the mark.
    finds: Mutex<Finds>,
}

/// What a provider makes of a search by the mark.
#[derive(Clone, Copy, Default)]
enum Finds {
    /// It selects.
    #[default]
    Selecting,
    /// It answers with everything, of which a page is looked at.
    Everything,
    /// It does not take it.
    Refusing,
    /// It has no such place.
    Nowhere,
    /// It does not answer.
    Silent,
}

#[derive(Default)]
struct FakeState {
    endpoints: Vec<Remote>,
    numbers: Vec<Number>,
    applications: Vec<Application>,
    made: u32,
}

fn remote(id: &str, alias: &str) -> Remote {
    Remote {
        id: id.into(),
        username: format!("user{id}"),
        sip_uri: Some("sip:x".into()),
        registration: None,
        fields: alias_of(alias),
        password_digest: None,
        role: crate::core::fields::Role::Own,
    }
}

fn alias_of(alias: &str) -> Fields {
    Fields::from([("alias", Value::Text(alias.into()))])
}

fn refused<T>(kind: RefusalKind) -> Outcome<T> {
    Outcome::Refused(Refusal { kind, message: "no".into(), retry_after: None })
}

impl Fake {
    fn with(count: u32) -> Arc<Self> {
        let fake = Self::default();
        fake.state.lock().unwrap().endpoints = (0..count).map(|number| remote(&format!("e{number:04}"), "desk")).collect();
        Arc::new(fake)
    }

    fn answer<'a, T: Send + 'a>(
        &'a self,
        name: &'static str,
        done: impl FnOnce(&mut FakeState) -> Outcome<T> + Send + 'a,
    ) -> BoxFuture<'a, Outcome<T>> {
        Box::pin(async move {
            self.calls.lock().unwrap().push((Instant::now(), name));
            tokio::time::sleep(Duration::from_millis(50)).await;
            let forbidden = *self.forbidden.lock().unwrap() == Some(name);
            let outcome = if self.credentials_bad.load(Ordering::Relaxed) || forbidden {
                refused(RefusalKind::Credentials)
            } else if self.broken.load(Ordering::Relaxed) {
                Outcome::Unknown(Doubt { kind: DoubtKind::Status(502), message: "502".into() })
            } else if self.throttle.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                refused(RefusalKind::Throttled)
            } else {
                done(&mut self.state.lock().unwrap())
            };
            tokio::time::sleep(Duration::from_millis(50)).await;
            outcome
        })
    }

    fn page<'a, T: Clone + Send + 'a>(
        &'a self,
        name: &'static str,
        offset: u64,
        limit: u64,
        all: impl FnOnce(&FakeState) -> &Vec<T> + Send + 'a,
    ) -> BoxFuture<'a, Outcome<Page<T>>> {
        let failing = self.fail_pages.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        self.answer(name, move |state| {
            if failing {
                return Outcome::Unknown(Doubt { kind: DoubtKind::Status(500), message: String::new() });
            }
            let all = all(state);
            let items = all.iter().skip(offset as usize).take(limit as usize).cloned().collect();
            Outcome::Done(Page { items, total: Some(all.len() as u64), more: None })
        })
    }

    fn count(&self, name: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|(_, call)| *call == name).count()
    }

    fn calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    fn edit(&self, change: impl FnOnce(&mut Vec<Remote>)) {
        change(&mut self.state.lock().unwrap().endpoints);
    }
}

impl Remotes for Fake {
    fn create<'a>(&'a self, username: &'a str, fields: &'a Fields) -> BoxFuture<'a, Outcome<Created>> {
        self.answer("create", move |state| {
            state.made += 1;
            let id = format!("n{}", state.made);
            let made = Remote { username: format!("{username}{}", state.made), fields: fields.clone(), ..remote(&id, "") };
            let created = Created { id, username: made.username.clone(), remote: None };
            state.endpoints.insert(0, made);
            Outcome::Done(created)
        })
    }

    fn get<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<Remote>> {
        self.answer("get", move |state| match state.endpoints.iter().find(|remote| remote.id == id) {
            Some(found) => Outcome::Done(found.clone()),
            None => Outcome::NotFound { proven: true },
        })
    }

    fn list(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Remote>>> {
        self.page("list", offset, limit, |state| &state.endpoints)
    }

    fn update<'a>(&'a self, id: &'a str, change: &'a Fields) -> BoxFuture<'a, Outcome<Option<Remote>>> {
        self.answer("update", move |state| {
            for remote in state.endpoints.iter_mut().filter(|remote| remote.id == id) {
                remote.fields.extend(change.clone());
            }
            Outcome::Done(None)
        })
    }

    fn delete<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<()>> {
        self.answer("delete", move |state| {
            state.endpoints.retain(|remote| remote.id != id);
            Outcome::Done(())
        })
    }

    fn find<'a>(&'a self, mark: &'a Mark) -> BoxFuture<'a, Outcome<Page<Remote>>> {
        let finds = *self.finds.lock().unwrap();
        self.answer("find", move |state| {
            let ours = |remote: &&Remote| mark.owns(&remote.username);
            let page = |all: &mut dyn Iterator<Item = &Remote>, more| {
                Outcome::Done(Page { items: all.filter(ours).cloned().collect(), total: None, more: Some(more) })
            };
            match finds {
                Finds::Selecting => page(&mut state.endpoints.iter(), false),
                Finds::Everything => page(&mut state.endpoints.iter().take(20), state.endpoints.len() > 20),
                Finds::Refusing => refused(RefusalKind::Invalid),
                Finds::Nowhere => Outcome::NotFound { proven: true },
                Finds::Silent => Outcome::Unknown(Doubt { kind: DoubtKind::TimeOut, message: String::new() }),
            }
        })
    }

    fn references<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<Vec<String>>> {
        self.answer("references", move |_| Outcome::Done(vec![format!("what points to {id}")]))
    }
}

impl Provider for Fake {
    fn capabilities(&self) -> Capabilities {
        let provider_limit = self.provider_limit.load(Ordering::Relaxed);
        Capabilities { default_budget: 100, provider_limit, list_filter: self.groups.is_some(), ..CAPABILITIES }
    }

    fn identify(&self) -> BoxFuture<'_, Outcome<String>> {
        self.answer("identify", |_| Outcome::Done("MA1".into()))
    }

    fn endpoints(&self) -> &dyn Remotes {
        self
    }

    fn trunk_groups(&self) -> Option<&dyn Remotes> {
        self.groups.as_deref().map(|groups| groups as &dyn Remotes)
    }

    fn list_numbers(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Number>>> {
        self.page("list numbers", offset, limit, |state| &state.numbers)
    }

    fn list_applications(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Application>>> {
        self.page("list applications", offset, limit, |state| &state.applications)
    }

    fn get_number<'a>(&'a self, number: &'a str, _: Option<&'a str>) -> BoxFuture<'a, Outcome<Number>> {
        self.answer("get number", move |state| match state.numbers.iter().find(|one| one.number == number) {
            Some(found) => Outcome::Done(found.clone()),
            None => Outcome::NotFound { proven: true },
        })
    }

    fn update_number<'a>(&'a self, number: &'a str, _id: Option<&'a str>, change: &'a Fields) -> BoxFuture<'a, Outcome<()>> {
        self.answer("update number", move |state| {
            for one in state.numbers.iter_mut().filter(|one| one.number == number) {
                one.fields.extend(change.clone());
            }
            Outcome::Done(())
        })
    }

    fn password_matches(&self, _: &Remote, _: &Secret) -> Option<bool> {
        None
    }
}

const SETTINGS: Settings =
    Settings { settle: Duration::from_secs(150), sweep_period: Duration::from_secs(60), retry_base: Duration::from_secs(1) };

/// A registry, and all that it woke.
struct World {
    accounts: Accounts,
    woken: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn new() -> Self {
        let woken = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&woken);
        let wake: Waker = Arc::new(move |key| list.lock().unwrap().push(key.name.clone()));
        Self { accounts: Accounts::new(SETTINGS, Clock::start(), wake), woken }
    }

    fn attach(&self, owner: &str, provider: &Arc<Fake>, settings: AccountSettings) -> Arc<Account> {
        let provider: Arc<dyn Provider> = Arc::clone(provider) as Arc<dyn Provider>;
        self.accounts.attach(self.owner(owner), provider, AccountId { provider: ProviderKind::Plivo, id: "MA1".into() }, settings)
    }

    fn owner(&self, name: &str) -> Owner {
        Owner { uid: format!("uid-{name}"), key: key(name) }
    }

    fn woken(&self) -> Vec<String> {
        std::mem::take(&mut *self.woken.lock().unwrap())
    }
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::endpoint("ns", name)
}

async fn pass(seconds: u64) {
    // In small steps, so that what one timer sets off runs before the next one.
    for _ in 0..seconds * 20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn ids(snapshot: &Option<Arc<Snapshot<Sightings>>>) -> Vec<String> {
    snapshot.iter().flat_map(|snapshot| snapshot.items.iter().map(|remote| remote.id.clone())).collect()
}
