//! A simulator's state behind its one lock: the world, the ledger, the request log, faults and switches.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Provider;
use super::act::{Act, Actor, Effect};
use super::rate::Limiter;
use crate::faults::Faults;

/// Shared by all connections. Times are milliseconds since `started`.
pub(crate) struct Shared<P: Provider> {
    pub(crate) started: Instant,
    pub(crate) default_account: String,
    state: Mutex<State<P>>,
}

pub(crate) struct State<P: Provider> {
    pub(crate) world: P::World,
    pub(crate) switches: P::Switches,
    switches_at_start: P::Switches,
    pub(crate) limiter: Limiter,
    pub(crate) faults: Faults,
    pub(crate) ledger: Vec<Value>,
    pub(crate) requests: Vec<Row>,
    pub(crate) rng: StdRng,
    seed: u64,
}

/// One request in the log.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) at_ms: u64,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) account: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) executed: bool,
    pub(crate) answered: bool,
    pub(crate) connection: u64,
    pub(crate) duration_ms: Option<u64>,
    /// The id of the request in the answer that was sent.
    pub(crate) api_id: Option<String>,
}

impl Row {
    pub(crate) fn to_json(&self, n: usize) -> Value {
        let Self { at_ms, method, path, query, account, status, executed, answered, connection, duration_ms, api_id } = self;
        json!({
            "n": n, "at_ms": at_ms, "method": method, "path": path, "query": query, "account": account, "status": status,
            "executed": executed, "answered": answered, "connection": connection, "duration_ms": duration_ms,
            "api_id": api_id,
        })
    }
}

impl<P: Provider> Shared<P> {
    pub(crate) fn new(default_account: &str, world: P::World, switches: P::Switches, seed: u64) -> Self {
        let state = State {
            world,
            switches_at_start: switches.clone(),
            switches,
            limiter: Limiter::default(),
            faults: Faults::default(),
            ledger: Vec::new(),
            requests: Vec::new(),
            rng: StdRng::seed_from_u64(seed),
            seed,
        };
        Self { started: Instant::now(), default_account: default_account.to_owned(), state: Mutex::new(state) }
    }

    /// No code panics while it holds the lock half-way through a change, so a poisoned lock still guards a whole state.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl<P: Provider> State<P> {
    /// Appends effects to the ledger.
    pub(crate) fn note(&mut self, effects: Vec<Effect>, now_ms: u64) {
        for Effect { account, op, id, request, before, after, actor } in effects {
            let seq = self.ledger.len() + 1;
            self.ledger.push(json!({
                "seq": seq, "at_ms": now_ms, "account": account, "op": op, "id": id,
                "request": request, "before": before, "after": after, "actor": actor.name(),
            }));
        }
    }

    /// Carries out what a person does in the console, and notes it.
    pub(crate) fn console<T>(
        &mut self,
        account: &str,
        now_ms: u64,
        request: &Value,
        act: impl FnOnce(&mut P::World, &mut Act<'_, P::Switches>) -> T,
    ) -> T {
        let seed = self.rng.next_u64();
        let mut context = Act {
            account: account.to_owned(),
            actor: Actor::Console,
            now_ms,
            now: Timestamp::now(),
            switches: &self.switches,
            rng: StdRng::seed_from_u64(seed),
            api_id: String::new(),
            request: P::redacted(request),
            effects: Vec::new(),
        };
        let result = act(&mut self.world, &mut context);
        let effects = context.effects;
        self.note(effects, now_ms);
        result
    }

    /// The world of the start with the credentials of now; faults, ledger, log and counters empty, switches and generator as at the start.
    pub(crate) fn reset(&mut self) {
        self.world = P::emptied(&self.world);
        self.switches = self.switches_at_start.clone();
        self.limiter.reset();
        self.faults = Faults::default();
        self.ledger.clear();
        self.requests.clear();
        self.rng = StdRng::seed_from_u64(self.seed);
    }
}
