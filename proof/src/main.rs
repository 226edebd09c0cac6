//! `cargo run -p proof`: searches the worlds and prints what was found.

use std::time::Instant;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let began = Instant::now();
    let mut total = 0;
    for world in proof::worlds::small() {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == world.name) {
            continue;
        }
        let name = world.name;
        let found = proof::run::search(world);
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
