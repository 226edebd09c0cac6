//! Searches a world, all of it, or a world without a safeguard up to the first violation.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model};

use crate::invariants::Invariant;
use crate::safeguards::Safeguard;
use crate::trace;
use crate::world::{Proof, World};

/// What a search found.
#[derive(Debug)]
pub struct Searched {
    /// Distinct states.
    pub states: usize,
    /// Longest shortest way to one.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// Distinct views that the shipping `next` decided on.
    pub asked: u64,
    /// How often each row of the table answered.
    pub rows: BTreeMap<&'static str, u64>,
    /// Broken invariants and the shortest way there.
    pub violations: BTreeMap<&'static str, Way>,
}

/// A way to a violation.
#[derive(Clone, Debug)]
pub struct Way {
    /// Steps until then.
    pub steps: usize,
    /// In words, with what follows when faults stop.
    pub lines: Vec<String>,
}

/// Searches the whole world with all safeguards.
pub fn search(world: World) -> Searched {
    run(Proof::new(world, None, &Invariant::ALL), HasDiscoveries::AnyFailures, usize::MAX)
}

/// Searches for what breaks without each safeguard, two at a time.
pub fn search_safeguards(safeguards: &[Safeguard], worlds: &[World]) -> Vec<(Safeguard, Searched)> {
    two_at_a_time(safeguards, |safeguard| Some((*safeguard, search_without(safeguard, worlds)?)))
}

/// Searches each, two at a time; in the order given, without those that there is nothing to search for.
pub(crate) fn two_at_a_time<T: Sync, R: Send>(all: &[T], search: impl Fn(&T) -> Option<R> + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((index, one)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, all.get(at)?))) {
                    let searched = search(one);
                    found.lock().unwrap_or_else(PoisonError::into_inner).push((index, searched));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().filter_map(|(_, searched)| searched).collect()
}

/// Searches worlds, two at a time, and hands each result over as it comes.
pub fn search_all(mut worlds: Vec<World>, mut found: impl FnMut(&World, Searched)) {
    let (send, receive) = mpsc::channel();
    worlds.reverse();
    let waiting = Mutex::new(worlds);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let (send, waiting) = (send.clone(), &waiting);
            scope.spawn(move || {
                // Not in the loop's head: the lock would be held while the world is searched.
                let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
                while let Some(world) = next() {
                    let searched = search(world.clone());
                    if send.send((world, searched)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        for (world, searched) in receive {
            found(&world, searched);
        }
    });
}

/// Worlds searched at the same time, each by one thread.
const THREADS: usize = 2;

/// Searches for what breaks without this safeguard. `None`: the safeguard names a world that there is not.
pub fn search_without(safeguard: &Safeguard, worlds: &[World]) -> Option<Searched> {
    let world = worlds.iter().find(|world| world.name == safeguard.world)?;
    let world = World { depth: None, ..world.clone() };
    let until = HasDiscoveries::AllOf([safeguard.breaks.name()].into());
    Some(run(Proof::new(world, Some(safeguard.ablation), &[safeguard.breaks]), until, MOST))
}

/// A safeguard that is not missed within so many states counts as not found.
const MOST: usize = 12_000_000;

fn run(proof: Proof, until: HasDiscoveries, most: usize) -> Searched {
    let depth = proof.world.depth;
    let tell = |proof: &Proof, name: &str, path: Steps<Proof>| {
        let mut lines = trace::tell(proof, &path);
        let steps = lines.len();
        if let Some((last, _)) = path.last().filter(|_| matches!(name, "I1w" | "I3" | "I10")) {
            lines.extend(trace::tell_calm(proof, last));
        }
        Way { steps, lines }
    };
    explore(proof, (depth, most), until, tell, |proof| (proof.mind.asked(), proof.mind.rows()))
}

/// The states of a way, each with what was done in it.
pub(crate) type Steps<M> = Vec<(<M as Model>::State, Option<<M as Model>::Action>)>;

/// Searches a model within so many steps and states. `counted`: how many distinct views `next` decided on, and how often each row answered.
pub(crate) fn explore<M>(
    model: M,
    (depth, most): (Option<usize>, usize),
    until: HasDiscoveries,
    tell: impl Fn(&M, &'static str, Steps<M>) -> Way,
    counted: impl Fn(&M) -> (u64, BTreeMap<&'static str, u64>),
) -> Searched
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Hash + PartialEq + Send + Sync,
    M::Action: Clone + PartialEq,
{
    let began = Instant::now();
    // One thread: breadth first, so that the first way found is a shortest one, and all counts are always the same.
    let checker = model.checker().threads(1).finish_when(until).target_state_count(most);
    let checker = if let Some(depth) = depth { checker.target_max_depth(depth + 1) } else { checker };
    let checker = checker.spawn_bfs().join();
    let model = checker.model();
    let violations = checker.discoveries().into_iter().map(|(name, path)| (name, tell(model, name, path.into_vec()))).collect();
    let (asked, rows) = counted(model);
    Searched { states: checker.unique_state_count(), depth: checker.max_depth(), took: began.elapsed(), asked, rows, violations }
}
