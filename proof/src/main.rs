//! `cargo run -p proof`: searches the worlds, then the worlds without each safeguard, and prints what was found.
//!
//! `-- --write FILE` writes the tables into the file; `-- --small` leaves the larger worlds out; any other word is the name of a world or
//! of an ablation, and only those are looked at.

use std::process::ExitCode;
use std::time::Instant;

use proof::run::{Searched, search_all, search_safeguards};
use proof::safeguards::{self, Safeguard};
use proof::world::World;
use proof::{brakes, numbers, report, worlds};

fn main() -> ExitCode {
    let mut file = None;
    let mut small = false;
    let mut names = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--write" => file = arguments.next(),
            "--small" => small = true,
            _ => names.push(argument),
        }
    }
    let began = Instant::now();
    let asked_for = |name: &str| names.is_empty() || names.iter().any(|asked| asked == name);
    let mut all = worlds::small();
    if !small {
        all.extend(worlds::large());
    }
    all.retain(|world| asked_for(world.name));
    let order: Vec<String> = all.iter().map(|world| world.name.to_owned()).collect();
    let mut found = Vec::new();
    search_all(all, |world, searched| {
        tell(world, &searched);
        found.push((world.clone(), searched));
    });
    found.sort_by_key(|(world, _)| order.iter().position(|name| name == world.name));
    let chosen: Vec<Safeguard> = safeguards::ALL.into_iter().filter(|safeguard| asked_for(&format!("{:?}", safeguard.ablation))).collect();
    let missed = search_safeguards(&chosen, &worlds::small());
    missed.iter().for_each(|(safeguard, searched)| tell_missed(safeguard, searched));

    let (braked, unbraked) = brakes(asked_for);
    let (bound, unbound) = numbers(asked_for);

    let of_brakes = || braked.iter().map(|(_, searched)| searched);
    let of_numbers = || bound.iter().map(|(_, searched)| searched);
    let all = || found.iter().map(|(_, searched)| searched).chain(of_brakes()).chain(of_numbers());
    let states: usize = all().map(|searched| searched.states).sum();
    let violations: usize = all().map(|searched| searched.violations.len()).sum();
    let hits = missed.iter().filter(|(safeguard, searched)| searched.violations.contains_key(safeguard.breaks.name())).count();
    let hits = hits + unbraked.iter().filter(|(safeguard, searched)| searched.violations.contains_key(safeguard.breaks.name())).count();
    let hits = hits + unbound.iter().filter(|(safeguard, searched)| searched.violations.contains_key(safeguard.breaks.name())).count();
    let removed = chosen.len() + unbraked.len() + unbound.len();
    let seconds = began.elapsed().as_secs();
    let line = format!("model: {states} states in {seconds} s, violations {violations}, ablations found {hits}/{removed}");
    if let Some(file) = file
        && let Err(error) = write(&file, &report::figures(&found, &braked, &bound, &line), &report::ablations(&missed, &unbraked, &unbound))
    {
        eprintln!("{file}: {error}");
        return ExitCode::FAILURE;
    }
    println!("{line}");
    if violations == 0 && hits == removed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tell(world: &World, searched: &Searched) {
    let reach = world.depth.map_or("all of it".to_owned(), |depth| format!("to depth {depth}"));
    println!(
        "{}: {} states ({reach}, longest way {}) in {:.1} s, {} distinct views asked: {}",
        world.name,
        searched.states,
        searched.depth,
        searched.took.as_secs_f32(),
        searched.asked,
        world.about
    );
    tell_ways(searched);
}

fn tell_ways(searched: &Searched) {
    for (invariant, way) in &searched.violations {
        println!("  {invariant} is broken after {} steps:", way.steps);
        way.lines.iter().for_each(|line| println!("    {line}"));
    }
}

type Braked = (Vec<(brakes::World, Searched)>, Vec<(brakes::safeguards::Safeguard, Searched)>);

/// The same with the brakes.
fn brakes(asked_for: impl Fn(&str) -> bool) -> Braked {
    let worlds: Vec<_> = brakes::worlds::all().into_iter().filter(|world| asked_for(world.name)).collect();
    let found = brakes::run::search_all(&worlds);
    for (world, searched) in &found {
        let (states, took, asked) = (searched.states, searched.took.as_secs_f32(), searched.asked);
        let (name, depth, about) = (world.name, searched.depth, world.about);
        println!("{name}: {states} states (all of it, longest way {depth}) in {took:.1} s, {asked} distinct questions asked: {about}");
        tell_ways(searched);
    }
    let all = brakes::safeguards::ALL.into_iter();
    let chosen: Vec<_> = all.filter(|safeguard| asked_for(&format!("{:?}", safeguard.ablation))).collect();
    let missed = brakes::run::search_safeguards(&chosen, &brakes::worlds::all());
    for (safeguard, searched) in &missed {
        tell_without(safeguard.name, safeguard.world, safeguard.breaks.name(), searched);
    }
    (found, missed)
}

type Bound = (Vec<(numbers::World, Searched)>, Vec<(numbers::safeguards::Safeguard, Searched)>);

/// The same with numbers.
fn numbers(asked_for: impl Fn(&str) -> bool) -> Bound {
    let worlds: Vec<_> = numbers::worlds::all().into_iter().filter(|world| asked_for(world.name)).collect();
    let found = numbers::run::search_all(&worlds);
    for (world, searched) in &found {
        let (states, took, asked) = (searched.states, searched.took.as_secs_f32(), searched.asked);
        let (name, depth, about) = (world.name, searched.depth, world.about);
        let reach = world.depth.map_or("all of it".to_owned(), |depth| format!("to depth {depth}"));
        println!("{name}: {states} states ({reach}, longest way {depth}) in {took:.1} s, {asked} distinct questions asked: {about}");
        tell_ways(searched);
    }
    let all = numbers::safeguards::ALL.into_iter();
    let chosen: Vec<_> = all.filter(|safeguard| asked_for(&format!("{:?}", safeguard.ablation))).collect();
    let missed = numbers::run::search_safeguards(&chosen, &numbers::worlds::all());
    for (safeguard, searched) in &missed {
        tell_without(safeguard.name, safeguard.world, safeguard.breaks.name(), searched);
    }
    (found, missed)
}

fn tell_missed(safeguard: &Safeguard, searched: &Searched) {
    tell_without(safeguard.name, safeguard.world, safeguard.breaks.name(), searched);
}

fn tell_without(safeguard: &str, world: &str, name: &str, searched: &Searched) {
    match searched.violations.get(name) {
        Some(way) => {
            println!("without {safeguard} ({world}): {name} breaks after {} steps", way.steps);
            way.lines.iter().for_each(|line| println!("    {line}"));
        }
        None => println!("without {safeguard} ({world}): {name} does NOT break in {} states", searched.states),
    }
}

fn write(file: &str, figures: &str, ablations: &str) -> std::io::Result<()> {
    let text = std::fs::read_to_string(file)?;
    let text = report::replaced(&text, "figures", figures).and_then(|text| report::replaced(&text, "ablations", ablations));
    let text = text.ok_or_else(|| std::io::Error::other("the marks <!-- figures --> and <!-- ablations --> are missing"))?;
    std::fs::write(file, text)
}
