//! Life as safety: from every state, when faults stop and everybody is served in turn, all must end well and stay so.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use switchboard::api::condition::Reason;
use switchboard::core::view::Thing;

use crate::mind::{Kind, QuickHasher, hash, healthy};
use crate::server::is_elsewhere;
use crate::state::{Leader, Life, Object, SLOTS, State, Status};
use crate::world::{Act, Budget, Fate, Fault, Look, Proof, Start};

/// Longest way to rest.
const STEPS: usize = 1500;
const SHARDS: usize = 64;

/// How a state ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Well.
    Good,
    /// Not with exactly the recorded endpoint, or none for a deleted object.
    NotTheOne,
    /// Never, or not healthy.
    NoRest,
    /// At rest, but it goes on writing.
    Writes,
}

/// The states whose end is known to be good.
#[derive(Debug)]
pub struct Quiet {
    good: Vec<Mutex<HashSet<u64, BuildHasherDefault<QuickHasher>>>>,
    bad: AtomicBool,
}

impl Default for Quiet {
    fn default() -> Self {
        Self { good: (0..SHARDS).map(|_| Mutex::default()).collect(), bad: AtomicBool::new(false) }
    }
}

impl Quiet {
    /// Whether any state was found that does not end well.
    pub fn any_bad(&self) -> bool {
        self.bad.load(Ordering::Relaxed)
    }

    /// How this state ends when faults stop.
    pub fn verdict(&self, proof: &Proof, state: &State) -> Verdict {
        let mut state = calmed(state);
        let mut way: Vec<(u64, bool, bool)> = Vec::new();
        loop {
            let print = hash(&state);
            if self.is_good(print) {
                break;
            }
            let before = way.iter().position(|(before, ..)| *before == print);
            if before.is_some_and(|at| way[at..].iter().all(|(_, _, ticked)| !ticked)) {
                // Time passes while leaders that know different things contradict each other.
                proof.apply(&mut state, Act::Tick);
                state.normalise();
                way.push((print, false, true));
                continue;
            }
            if let Some(at) = before {
                match end(proof, &state, way[at..].iter().any(|(_, wrote, _)| *wrote)) {
                    Verdict::Good => break,
                    verdict => {
                        self.bad.store(true, Ordering::Relaxed);
                        return verdict;
                    }
                }
            }
            if way.len() == STEPS {
                self.bad.store(true, Ordering::Relaxed);
                return Verdict::NoRest;
            }
            let (act, wrote) = proof.calm_step(&mut state);
            way.push((print, wrote, act == Act::Tick));
        }
        for (print, ..) in way {
            self.shard(print).insert(print);
        }
        Verdict::Good
    }

    fn shard(&self, print: u64) -> std::sync::MutexGuard<'_, HashSet<u64, BuildHasherDefault<QuickHasher>>> {
        self.good[(print >> 58) as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_good(&self, print: u64) -> bool {
        self.shard(print).contains(&print)
    }
}

/// The state without anything that may still go wrong.
pub fn calmed(state: &State) -> State {
    let mut calm = State { left: Budget::NONE, broken: 0, unaccounted: 0, saved: None, ..*state };
    calm.normalise();
    calm
}

/// Whether this state, in which the world stays, is as it should be.
fn end(proof: &Proof, state: &State, wrote: bool) -> Verdict {
    let live = (0..SLOTS).filter(|slot| state.ours(*slot));
    let live = live.fold(0_u8, |mask, slot| mask | 1 << slot);
    let Some(object) = state.object else {
        // What a deleted object has adopted is seen to when it goes (I4): before that, it is not known to be its own.
        let kept = !proof.deletes() || proof.world.start == Start::Adopting;
        return if live == 0 || kept { Verdict::Good } else { Verdict::NotTheOne };
    };
    if proof.world.lasting && (released(&state.leaders[0]).is_some() || state.endpoints.iter().any(|endpoint| endpoint.used.is_some())) {
        // What is held is not as it should be: it only has to be quiet.
        return if wrote { Verdict::Writes } else { Verdict::Good };
    }
    if proof.world.thing == Thing::TrunkGroup && object.deleting {
        let nothing = Status { pinned: object.status.pinned, ..Status::default() };
        return match () {
            () if live != 0 => Verdict::NotTheOne,
            () if object.status != nothing => Verdict::NoRest,
            () if wrote => Verdict::Writes,
            () => Verdict::Good,
        };
    }
    if is_elsewhere(&object) {
        return stays(proof, state, wrote, Reason::InstallationMismatch);
    }
    if object.adopts {
        return end_adopting(proof, state, &object, wrote);
    }
    let lost = |slot: u8| state.endpoints[usize::from(slot)].exists() && state.endpoints[usize::from(slot)].seen.foreign;
    if live == 0 && object.status.recorded.is_some_and(lost) {
        // Somebody else's endpoint under the recorded id: it is left alone, and people must look at it.
        return if wrote { Verdict::Writes } else { Verdict::Good };
    }
    let Some(slot) = object.status.recorded.filter(|slot| live == 1 << slot) else { return Verdict::NotTheOne };
    let looks = &proof.mind.template.looks;
    let agrees = state.endpoints[usize::from(slot)].seen == proof.made(object.alias);
    let status = &object.status;
    let ledger = status.ledger.is_some_and(|ledger| (ledger.password || !looks.password()) && ledger.tombstones == 0);
    let known = (status.read || looks.named()) && status.synced && status.pinned && ledger;
    let content = (0..proof.world.leaders).all(|leader| healthy(proof.mind.decide(&state.leaders[leader]).1.reason));
    let phone = !proof.world.generates || state.phone.is_some_and(|phone| phone.of == Some(slot));
    if !agrees || !known || !content || !phone || !object.finalizer || object.deleting {
        return Verdict::NoRest;
    }
    if wrote { Verdict::Writes } else { Verdict::Good }
}

/// All say this, and nobody writes.
fn stays(proof: &Proof, state: &State, wrote: bool, reason: Reason) -> Verdict {
    let told = |leader: usize| {
        let mut state = *state;
        let (_, mut step) = proof.mind.decide(&state.leaders[leader]);
        if matches!(step.kind, Kind::Get(_)) {
            // It looks again now and then.
            proof.apply(&mut state, Act::Step(leader as u8, step, Fate::Good));
            step = proof.mind.decide(&state.leaders[leader]).1;
        }
        step.reason == Some(reason)
    };
    match (0..proof.world.leaders).all(told) {
        false => Verdict::NoRest,
        true if wrote => Verdict::Writes,
        true => Verdict::Good,
    }
}

/// As [`end`], for an object that adopts: it has the endpoint that is there, or says why not, and makes no other.
fn end_adopting(proof: &Proof, state: &State, object: &Object, wrote: bool) -> Verdict {
    let endpoint = &state.endpoints[0];
    let (status, recorded) = (&object.status, object.status.recorded == Some(0));
    let looks = &proof.mind.template.looks;
    let agrees = endpoint.seen.alias == object.alias && (!looks.grouped() || endpoint.seen.more == object.alias);
    let known = (status.read || looks.named()) && status.synced && status.pinned && !status.stranger;
    let password = status.ledger.is_some_and(|ledger| ledger.password || !looks.password());
    let reason = match (recorded, endpoint.exists(), endpoint.seen.foreign) {
        (true, true, false) if !known || !(proof.observes() || agrees && password) => return Verdict::NoRest,
        (true, true, false) if agrees => Reason::Available,
        (true, true, false) => Reason::Drifted,
        (true, true, true) => Reason::OwnershipLost,
        (true, false, _) => Reason::ExternallyDeleted,
        (false, true, false) => return Verdict::NotTheOne,
        (false, true, true) => Reason::AlreadyOwned,
        (false, false, _) => Reason::AdoptNotFound,
    };
    let guarded = !recorded || object.finalizer || !proof.deletes();
    if !guarded || object.deleting && reason != Reason::OwnershipLost {
        return Verdict::NoRest;
    }
    stays(proof, state, wrote, reason)
}

impl Proof {
    /// The next step of the calm world: what is under way is completed, then each leader does what it has to, then time passes.
    /// What it was, and whether something was written.
    pub fn calm_step(&self, state: &mut State) -> (Act, bool) {
        let act = self.calm_act(state);
        let wrote = match act {
            Act::Step(_, step, _) => {
                let asks = matches!(step.kind, Kind::Get(_) | Kind::List | Kind::Find | Kind::ReadReferences(_));
                !asks && (step.kind != Kind::Rest || step.status.is_some())
            }
            Act::List(_, Some(step), _) => step.status.is_some(),
            _ => false,
        };
        self.apply(state, act);
        state.broken = 0;
        state.unaccounted = 0;
        state.normalise();
        (act, wrote)
    }

    fn calm_act(&self, state: &State) -> Act {
        for (index, flight) in state.flights.iter().enumerate() {
            if let Some(flight) = flight {
                return match flight.author {
                    Some(_) => Act::Answer(index as u8, Fate::Good),
                    None => Act::Execute(index as u8, false),
                };
            }
        }
        for (slot, endpoint) in state.endpoints.iter().enumerate() {
            if matches!(endpoint.life, Life::Hidden(_) | Life::Ghost(_) | Life::Dead(_)) {
                return Act::Reveal(slot as u8);
            }
        }
        if !self.world.lasting
            && let Some(slot) = state.endpoints.iter().position(|endpoint| endpoint.used.is_some())
        {
            return Act::Happen(Fault::Point, slot as u8);
        }
        if state.leaders[0].astray {
            return Act::Event(Fault::Swap);
        }
        if state.object.is_some_and(|object| object.paused) {
            return Act::Event(Fault::Pause);
        }
        if self.world.generates
            && state.phone.is_none()
            && state.object.is_some_and(|object| object.status.recorded.is_some() && !object.deleting)
        {
            // What is lost is not made anew: somebody restores it.
            return Act::Event(Fault::Lose);
        }
        if let Some(act) = released(&state.leaders[0]).filter(|_| !self.world.lasting) {
            return act;
        }
        if state.object.is_none() && state.live() > 0 && (state.excused || !self.world.strict) {
            // What was left behind belongs to the next object of that name.
            return Act::Event(Fault::Apply);
        }
        for leader in 0..self.world.leaders {
            if let Some(act) = self.calm_leader(state, leader) {
                return act;
            }
        }
        Act::Tick
    }

    fn calm_leader(&self, state: &State, leader: usize) -> Option<Act> {
        let index = leader as u8;
        let known = &state.leaders[leader];
        if known.running.is_some() {
            return Some(Act::EndList(index, Look::PLAIN));
        }
        if self.is_behind(state, leader) {
            return Some(Act::Watch(index));
        }
        if known.copy.is_some() {
            let (_, step) = self.mind.decide(known);
            let act = match step.kind {
                Kind::Rest if !self.rest_matters(state, leader, &step) => None,
                Kind::List => Some(Act::List(index, Some(step), Look::PLAIN)),
                _ => Some(Act::Step(index, step, Fate::Good)),
            };
            // What changes nothing now may do so when time has passed.
            let changes = |act: &Act| {
                let mut after = *state;
                self.apply(&mut after, *act);
                after.normalise();
                after != *state
            };
            if let Some(act) = act.filter(changes) {
                return Some(act);
            }
        }
        let swept = known.listings[1].is_some_and(|listing| listing.age == 0);
        (!swept).then_some(Act::List(index, None, Look::PLAIN))
    }
}

/// What somebody holds is released.
fn released(known: &Leader) -> Option<Act> {
    match () {
        () if known.suspended => Some(Act::Event(Fault::Suspend)),
        () if known.no_deletion => Some(Act::Event(Fault::HoldDeletion)),
        () if known.no_recreation => Some(Act::Event(Fault::HoldRecreation)),
        () if known.claims != 0 => Some(Act::Happen(Fault::Claim, known.claims.trailing_zeros() as u8)),
        () => None,
    }
}
