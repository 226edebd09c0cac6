//! The simulator's state behind its one lock: the world, the ledger, the request log, faults and switches.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::rate::Limiter;
use super::switches::Switches;
use super::world::{Account, Act, Actor, Effect, World, redacted};
use crate::faults::Faults;

/// Shared by all connections. Times are milliseconds since `started`.
pub(super) struct Shared {
    pub(super) started: Instant,
    pub(super) default_account: String,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) world: World,
    pub(super) switches: Switches,
    switches_at_start: Switches,
    pub(super) limiter: Limiter,
    pub(super) faults: Faults,
    pub(super) ledger: Vec<Value>,
    pub(super) requests: Vec<Row>,
    pub(super) rng: StdRng,
    seed: u64,
}

/// One request in the log.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) at_ms: u64,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) account: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) executed: bool,
    pub(super) answered: bool,
    pub(super) connection: u64,
    pub(super) duration_ms: Option<u64>,
}

impl Row {
    pub(super) fn to_json(&self, n: usize) -> Value {
        let Self { at_ms, method, path, query, account, status, executed, answered, connection, duration_ms } = self;
        json!({
            "n": n, "at_ms": at_ms, "method": method, "path": path, "query": query, "account": account, "status": status,
            "executed": executed, "answered": answered, "connection": connection, "duration_ms": duration_ms,
        })
    }
}

impl Shared {
    pub(super) fn new(auth_id: &str, auth_token: &str, switches: Switches, seed: u64) -> Self {
        let mut world = World::default();
        world.accounts.insert(auth_id.to_owned(), Account { auth_token: auth_token.to_owned(), parent: None });
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
        Self { started: Instant::now(), default_account: auth_id.to_owned(), state: Mutex::new(state) }
    }

    /// No code panics while it holds the lock half-way through a change, so a poisoned lock still guards a whole state.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl State {
    /// Appends effects to the ledger.
    pub(super) fn note(&mut self, effects: Vec<Effect>, now_ms: u64) {
        for Effect { account, op, id, request, before, after, actor } in effects {
            let seq = self.ledger.len() + 1;
            self.ledger.push(json!({
                "seq": seq, "at_ms": now_ms, "account": account, "op": op, "id": id,
                "request": request, "before": before, "after": after, "actor": actor.name(),
            }));
        }
    }

    /// Carries out what a person does in the console, and notes it.
    pub(super) fn console<T>(&mut self, account: &str, now_ms: u64, request: &Value, act: impl FnOnce(&mut World, &mut Act<'_>) -> T) -> T {
        let seed = self.rng.next_u64();
        let mut context = Act {
            account: account.to_owned(),
            actor: Actor::Console,
            now_ms,
            now: Timestamp::now(),
            switches: &self.switches,
            rng: StdRng::seed_from_u64(seed),
            api_id: String::new(),
            request: redacted(request),
            effects: Vec::new(),
        };
        let result = act(&mut self.world, &mut context);
        let effects = context.effects;
        self.note(effects, now_ms);
        result
    }

    /// An empty world with the same credentials; faults, ledger, log and counters empty, switches and generator as at the start.
    pub(super) fn reset(&mut self) {
        let accounts = std::mem::take(&mut self.world.accounts);
        self.world = World { accounts, ..World::default() };
        self.switches = self.switches_at_start.clone();
        self.limiter.reset();
        self.faults = Faults::default();
        self.ledger.clear();
        self.requests.clear();
        self.rng = StdRng::seed_from_u64(self.seed);
    }
}
