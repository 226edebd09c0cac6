//! `cargo run -p proof`: searches the worlds and prints what was found.

use std::time::Instant;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let began = Instant::now();
    let mut total = 0;
    if wanted.first().is_some_and(|first| first == "without") {
        for missing in proof::ablation::ALL {
            if wanted.len() > 1 && !wanted[1..].contains(&format!("{:?}", missing.ablation)) {
                continue;
            }
            let world = proof::worlds::small().into_iter().find(|world| world.name == missing.world).unwrap();
            let found = proof::run::search_without(world, missing.ablation, missing.breaks);
            let broken: Vec<String> = found.violations.iter().map(|(name, way)| format!("{name} in {}", way.steps)).collect();
            let ok = missing.breaks.iter().all(|invariant| found.violations.contains_key(invariant.name()));
            println!(
                "{} {:?} in {}: {} ({} states, {:?})",
                if ok { "ok " } else { "NOT" },
                missing.ablation,
                missing.world,
                broken.join(", "),
                found.states,
                found.took
            );
            if wanted.len() > 1 {
                for (name, way) in &found.violations {
                    println!("  {name}");
                    for line in &way.lines {
                        println!("    {line}");
                    }
                }
            }
        }
        return;
    }
    for world in proof::worlds::small() {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == world.name) {
            continue;
        }
        let name = world.name;
        let found = proof::run::search(world, std::env::var("MOST").ok().and_then(|most| most.parse().ok()).unwrap_or(usize::MAX));
        println!("{name}: {} states, depth {}, {:?}, {} views", found.states, found.depth, found.took, found.asked);
        for (invariant, way) in &found.violations {
            println!("  {invariant} is broken:");
            for line in &way.lines {
                println!("    {line}");
            }
        }
        total += found.states;
    }
    println!("{total} states in {:?}", began.elapsed());
}
