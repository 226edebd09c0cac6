//! The protocol holds in every world, every safeguard is missed in one, and every row of the shipped table says why it is needed.

use std::collections::{BTreeMap, BTreeSet};

use proof::rows::{Needed, ROWS, UNREACHED, shipped};
use proof::run::{search_all, search_safeguards};
use proof::safeguards;
use proof::worlds;
use proof::{brakes, numbers, report};

/// Fewer than this prove too little.
const STATES: usize = 5_000_000;

#[test]
fn every_world_holds_is_as_large_as_it_was_and_together_they_reach_every_row() {
    let mut total = 0;
    let mut wrong = Vec::new();
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    search_all(worlds::small(), |world, searched| {
        let (states, seconds) = (searched.states, searched.took.as_secs_f32());
        println!("{}: {states} states, depth {}, {seconds:.1} s, {} distinct views asked", world.name, searched.depth, searched.asked);
        total += states;
        for (invariant, way) in &searched.violations {
            wrong.push(format!("{}: {invariant} is broken after {} steps:\n{}", world.name, way.steps, way.lines.join("\n")));
        }
        if states != world.states {
            wrong.push(format!("{}: {states} states, it was to have {}", world.name, world.states));
        }
        searched.rows.iter().for_each(|(row, times)| *rows.entry(row).or_default() += times);
    });
    println!("{total} states; rows by distinct view: {rows:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(total >= STATES, "{total} states in all");
    let unreached: BTreeSet<&str> = UNREACHED.iter().map(|(row, _)| *row).collect();
    let missing: Vec<&str> = shipped().into_iter().filter(|row| rows.contains_key(row) == unreached.contains(row)).collect();
    assert_eq!(missing, Vec::<&str>::new(), "reached without being said to be, or the other way round");
}

#[test]
fn the_brakes_hold_in_every_world_of_theirs_and_each_is_as_large_as_it_was() {
    let mut wrong = Vec::new();
    for (world, searched) in brakes::run::search_all(&brakes::worlds::all()) {
        println!("{}: {} states, depth {}, {:.1} s", world.name, searched.states, searched.depth, searched.took.as_secs_f32());
        for (invariant, way) in &searched.violations {
            wrong.push(format!("{}: {invariant} is broken after {} steps:\n{}", world.name, way.steps, way.lines.join("\n")));
        }
        if searched.states != world.states {
            wrong.push(format!("{}: {} states, it was to have {}", world.name, searched.states, world.states));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn numbers_hold_in_every_world_of_theirs_each_is_as_large_as_it_was_and_together_they_reach_every_row() {
    let mut wrong = Vec::new();
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    for (world, searched) in numbers::run::search_all(&numbers::worlds::all()) {
        println!("{}: {} states, depth {}, {:.1} s", world.name, searched.states, searched.depth, searched.took.as_secs_f32());
        for (invariant, way) in &searched.violations {
            wrong.push(format!("{}: {invariant} is broken after {} steps:\n{}", world.name, way.steps, way.lines.join("\n")));
        }
        if searched.states != world.states {
            wrong.push(format!("{}: {} states, it was to have {}", world.name, searched.states, world.states));
        }
        searched.rows.iter().for_each(|(row, times)| *rows.entry(row).or_default() += times);
    }
    println!("rows by distinct question: {rows:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let unreached: BTreeSet<&str> = numbers::rows::UNREACHED.iter().map(|(row, _)| *row).collect();
    let missing: Vec<&str> = numbers::rows::shipped().into_iter().filter(|row| rows.contains_key(row) == unreached.contains(row)).collect();
    assert_eq!(missing, Vec::<&str>::new(), "reached without being said to be, or the other way round");
}

#[test]
fn every_row_of_the_table_of_numbers_has_its_ablation_or_says_why_it_has_none() {
    let named: BTreeSet<&str> = numbers::rows::ROWS.iter().map(|(row, _)| *row).collect();
    assert_eq!(numbers::rows::shipped().into_iter().collect::<BTreeSet<_>>(), named);
    let removed: BTreeSet<_> = numbers::safeguards::ALL.iter().map(|safeguard| safeguard.ablation).collect();
    assert_eq!(removed.len(), numbers::safeguards::ALL.len(), "a safeguard twice");
    for (row, needed) in numbers::rows::ROWS {
        match needed {
            numbers::rows::Needed::By(ablations) => {
                assert!(!ablations.is_empty() && ablations.iter().all(|ablation| removed.contains(ablation)), "{row}");
            }
            numbers::rows::Needed::Not(why) => assert!(why.len() > 20, "{row}: {why}"),
        }
    }
}

#[test]
fn every_safeguard_is_missed_and_the_guarantees_tell_how() {
    let found = search_safeguards(&safeguards::ALL, &worlds::small());
    assert_eq!(found.len(), safeguards::ALL.len(), "a safeguard names a world that there is not");
    for (safeguard, searched) in &found {
        let way = searched.violations.get(safeguard.breaks.name());
        let steps = way.map_or("never".to_owned(), |way| way.steps.to_string());
        println!("without {}: {} breaks after {steps} steps ({} states)", safeguard.name, safeguard.breaks.name(), searched.states);
        assert!(way.is_some(), "nothing misses: {}", safeguard.name);
    }
    let of_brakes = brakes::run::search_safeguards(&brakes::safeguards::ALL, &brakes::worlds::all());
    assert_eq!(of_brakes.len(), brakes::safeguards::ALL.len(), "a safeguard names a world that there is not");
    for (safeguard, searched) in &of_brakes {
        assert!(searched.violations.contains_key(safeguard.breaks.name()), "nothing misses: {}", safeguard.name);
    }
    let of_numbers = numbers::run::search_safeguards(&numbers::safeguards::ALL, &numbers::worlds::all());
    assert_eq!(of_numbers.len(), numbers::safeguards::ALL.len(), "a safeguard names a world that there is not");
    for (safeguard, searched) in &of_numbers {
        assert!(searched.violations.contains_key(safeguard.breaks.name()), "nothing misses: {}", safeguard.name);
    }
    let told = include_str!("../../docs/guarantees.md");
    assert_eq!(
        report::section(told, "ablations"),
        Some(report::ablations(&found, &of_brakes, &of_numbers).as_str()),
        "`make proof` writes it anew"
    );
}

#[test]
fn every_row_of_the_shipped_table_has_its_ablation_or_says_why_it_has_none() {
    let named: BTreeSet<&str> = ROWS.iter().map(|(row, _)| *row).collect();
    assert_eq!(shipped().into_iter().collect::<BTreeSet<_>>(), named);
    let removed: BTreeSet<_> = safeguards::ALL.iter().map(|safeguard| safeguard.ablation).collect();
    assert_eq!(removed.len(), safeguards::ALL.len(), "a safeguard twice");
    for (row, needed) in ROWS {
        match needed {
            Needed::By(ablations) => {
                assert!(!ablations.is_empty() && ablations.iter().all(|ablation| removed.contains(ablation)), "{row}");
            }
            Needed::Not(why) => assert!(why.len() > 20, "{row}: {why}"),
        }
    }
}
