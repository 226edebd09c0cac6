//! Searches a world of brakes, all of it, or without a safeguard up to the first violation.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use super::safeguards::Safeguard;
use super::{BrakeProof, World};
use crate::invariants::BrakeInvariant;
use crate::run::{Searched, Way};

/// Searches the whole world with all safeguards.
pub fn search(world: &World) -> Searched {
    run(BrakeProof::new(world.clone(), None, &BrakeInvariant::ALL), HasDiscoveries::AnyFailures)
}

/// Searches for what breaks without this safeguard. `None`: the safeguard names a world that there is not.
pub fn search_without(safeguard: &Safeguard, worlds: &[World]) -> Option<Searched> {
    let world = worlds.iter().find(|world| world.name == safeguard.world)?;
    let until = HasDiscoveries::AllOf([safeguard.breaks.name()].into());
    Some(run(BrakeProof::new(world.clone(), Some(safeguard.ablation), &[safeguard.breaks]), until))
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

fn run(proof: BrakeProof, until: HasDiscoveries) -> Searched {
    let began = Instant::now();
    // One thread: breadth first, so that the first way found is a shortest one, and all counts are always the same.
    let checker = proof.checker().threads(1).finish_when(until).spawn_bfs().join();
    let proof = checker.model();
    let mut violations = BTreeMap::new();
    for (name, path) in checker.discoveries() {
        let acts: Vec<String> = path.into_vec().into_iter().filter_map(|(state, act)| act.map(|act| act.tell(&state))).collect();
        violations.insert(name, Way { steps: acts.len(), lines: acts });
    }
    Searched {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        took: began.elapsed(),
        asked: u64::try_from(proof.mind.asked()).unwrap_or(u64::MAX),
        rows: BTreeMap::new(),
        violations,
    }
}
