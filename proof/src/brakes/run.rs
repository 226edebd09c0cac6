//! Searches a world of brakes, all of it, or without a safeguard up to the first violation.

use std::collections::BTreeMap;

use stateright::HasDiscoveries;

use super::safeguards::Safeguard;
use super::{BrakeProof, World};
use crate::invariants::BrakeInvariant;
use crate::run::{Searched, Steps, Way, explore, two_at_a_time};

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

fn run(proof: BrakeProof, until: HasDiscoveries) -> Searched {
    let depth = None;
    let tell = |_: &BrakeProof, _: &str, path: Steps<BrakeProof>| {
        let lines: Vec<String> = path.into_iter().filter_map(|(state, act)| act.map(|act| act.tell(&state))).collect();
        Way { steps: lines.len(), lines }
    };
    explore(proof, (depth, usize::MAX), until, tell, |proof| (u64::try_from(proof.mind.asked()).unwrap_or(u64::MAX), BTreeMap::new()))
}
