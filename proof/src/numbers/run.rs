//! Searches a world of numbers, all of it, or without a safeguard up to the first violation.

use stateright::HasDiscoveries;

use super::safeguards::Safeguard;
use super::{NumberProof, World};
use crate::invariants::NumberInvariant;
use crate::run::{Searched, Steps, Way, explore, two_at_a_time};

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

fn run(proof: NumberProof, until: HasDiscoveries) -> Searched {
    let depth = proof.world.depth;
    let tell = |proof: &NumberProof, _: &str, path: Steps<NumberProof>| {
        let lines: Vec<String> = path.into_iter().filter_map(|(state, act)| act.map(|act| proof.tell(&state, act))).collect();
        Way { steps: lines.len(), lines }
    };
    explore(proof, (depth, usize::MAX), until, tell, |proof| (proof.mind.asked(), proof.mind.rows()))
}
