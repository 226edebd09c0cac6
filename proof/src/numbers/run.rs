//! Searches a world of numbers, all of it, or without a safeguard up to the first violation.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use super::safeguards::Safeguard;
use super::{NumberProof, World};
use crate::invariants::NumberInvariant;
use crate::run::{Searched, Way};

/// Searches the whole world with all safeguards.
pub fn search(world: &World) -> Searched {
    run(NumberProof::new(world.clone(), None, &NumberInvariant::ALL), HasDiscoveries::AnyFailures)
}

/// Searches for what breaks without this safeguard. `None`: the safeguard names a world that there is not.
pub fn search_without(safeguard: &Safeguard, worlds: &[World]) -> Option<Searched> {
    let world = worlds.iter().find(|world| world.name == safeguard.world)?;
    let until = HasDiscoveries::AllOf([safeguard.breaks.name()].into());
    Some(run(NumberProof::new(world.clone(), Some(safeguard.ablation), &[safeguard.breaks]), until))
}

/// Searches worlds, two at a time.
pub fn search_all(worlds: &[World]) -> Vec<(World, Searched)> {
    two_at_a_time(worlds, |world| Some((world.clone(), search(world))))
}

/// Searches for what breaks without each safeguard, two at a time.
pub fn search_safeguards(safeguards: &[Safeguard], worlds: &[World]) -> Vec<(Safeguard, Searched)> {
    two_at_a_time(safeguards, |safeguard| Some((*safeguard, search_without(safeguard, worlds)?)))
}

fn two_at_a_time<T: Sync, R: Send>(all: &[T], search: impl Fn(&T) -> Option<R> + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
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

fn run(proof: NumberProof, until: HasDiscoveries) -> Searched {
    let began = Instant::now();
    // One thread: breadth first, so that the first way found is a shortest one, and all counts are always the same.
    let depth = proof.world.depth;
    let checker = proof.checker().threads(1).finish_when(until);
    let checker = if let Some(depth) = depth { checker.target_max_depth(depth + 1) } else { checker };
    let checker = checker.spawn_bfs().join();
    let proof = checker.model();
    let mut violations = BTreeMap::new();
    for (name, path) in checker.discoveries() {
        let acts: Vec<String> = path.into_vec().into_iter().filter_map(|(state, act)| act.map(|act| proof.tell(&state, act))).collect();
        violations.insert(name, Way { steps: acts.len(), lines: acts });
    }
    Searched {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        took: began.elapsed(),
        asked: proof.mind.asked(),
        rows: proof.mind.rows(),
        violations,
    }
}
