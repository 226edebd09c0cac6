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
pub fn search(world: World, most: usize) -> Searched {
    run(Proof::new(world, None, &Invariant::ALL), 2, HasDiscoveries::AnyFailures, most)
}

/// Searches the world without this safeguard, until one of these is found broken.
pub fn search_without(world: World, ablation: Ablation, breaks: &[Invariant]) -> Searched {
    // One thread: breadth first, so that the first way found is a shortest one, and always the same.
    let until = HasDiscoveries::AllOf(breaks.iter().map(|invariant| invariant.name()).collect());
    run(Proof::new(world, Some(ablation), breaks), 1, until, MOST)
}

/// A safeguard that is not missed within so many states counts as not found.
const MOST: usize = 12_000_000;

fn run(proof: Proof, threads: usize, until: HasDiscoveries, most: usize) -> Searched {
    let began = Instant::now();
    let checker = proof.checker().threads(threads).finish_when(until).target_state_count(most).spawn_bfs().join();
    let proof = checker.model();
    let mut violations = BTreeMap::new();
    for (name, path) in checker.discoveries() {
        let path = path.into_vec();
        let mut lines = trace::tell(proof, &path);
        let steps = lines.len();
        if let Some((last, _)) = path.last().filter(|_| matches!(name, "I1w" | "I3" | "I10")) {
            lines.extend(trace::tell_calm(proof, last));
        }
        violations.insert(name, Way { steps, lines });
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
