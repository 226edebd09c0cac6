//! Searches a world, all of it, or a world without a safeguard up to the first violation.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model};

use crate::ablation::Ablation;
use crate::invariants::Invariant;
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
    pub violations: BTreeMap<&'static str, Vec<String>>,
}

/// Searches the whole world with all safeguards.
pub fn search(world: World) -> Searched {
    run(Proof::new(world, None), 2, HasDiscoveries::AnyFailures)
}

/// Searches the world without this safeguard, until one of these is found broken.
pub fn search_without(world: World, ablation: Ablation, breaks: &[Invariant]) -> Searched {
    // One thread: breadth first, so that the first way found is a shortest one, and always the same.
    run(Proof::new(world, Some(ablation)), 1, HasDiscoveries::AnyOf(breaks.iter().map(|invariant| invariant.name()).collect()))
}

fn run(proof: Proof, threads: usize, until: HasDiscoveries) -> Searched {
    let began = Instant::now();
    let checker = proof.checker().threads(threads).finish_when(until).spawn_bfs().join();
    let proof = checker.model();
    let violations = checker.discoveries().into_iter().map(|(name, path)| (name, trace::tell(proof, path.into_vec()))).collect();
    Searched {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        took: began.elapsed(),
        asked: proof.mind.asked(),
        rows: proof.mind.rows(),
        violations,
    }
}
