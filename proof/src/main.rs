//! `cargo run -p proof`: searches the worlds, then the worlds without each safeguard, and prints what was found.
//!
//! `-- --write FILE` writes the tables into the file; `-- --small` leaves the larger worlds out; any other word is the name of a world or
//! of an ablation, and only those are looked at.

use std::process::ExitCode;
use std::time::Instant;

use proof::run::{Searched, search_all, search_safeguards};
use proof::safeguards::{self, Safeguard};
use proof::world::World;
use proof::{report, worlds};

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

    let states: usize = found.iter().map(|(_, searched)| searched.states).sum();
    let violations: usize = found.iter().map(|(_, searched)| searched.violations.len()).sum();
    let hits = missed.iter().filter(|(safeguard, searched)| searched.violations.contains_key(safeguard.breaks.name())).count();
    let seconds = began.elapsed().as_secs();
    let line = format!("model: {states} states in {seconds} s, violations {violations}, ablations found {hits}/{}", chosen.len());
    if let Some(file) = file
        && let Err(error) = write(&file, &report::figures(&found, &line), &report::ablations(&missed))
    {
        eprintln!("{file}: {error}");
        return ExitCode::FAILURE;
    }
    println!("{line}");
    if violations == 0 && hits == chosen.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
    for (invariant, way) in &searched.violations {
        println!("  {invariant} is broken after {} steps:", way.steps);
        way.lines.iter().for_each(|line| println!("    {line}"));
    }
}

fn tell_missed(safeguard: &Safeguard, searched: &Searched) {
    let name = safeguard.breaks.name();
    match searched.violations.get(name) {
        Some(way) => {
            println!("without {} ({}): {name} breaks after {} steps", safeguard.name, safeguard.world, way.steps);
            way.lines.iter().for_each(|line| println!("    {line}"));
        }
        None => println!("without {} ({}): {name} does NOT break in {} states", safeguard.name, safeguard.world, searched.states),
    }
}

fn write(file: &str, figures: &str, ablations: &str) -> std::io::Result<()> {
    let text = std::fs::read_to_string(file)?;
    let text = report::replaced(&text, "figures", figures).and_then(|text| report::replaced(&text, "ablations", ablations));
    let text = text.ok_or_else(|| std::io::Error::other("the marks <!-- figures --> and <!-- ablations --> are missing"))?;
    std::fs::write(file, text)
}
