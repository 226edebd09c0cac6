fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let asked = |name: &str| names.is_empty() || names.iter().any(|one| one == name);
    let worlds: Vec<_> = proof::numbers::worlds::all().into_iter().filter(|world| asked(world.name)).collect();
    for (world, searched) in proof::numbers::run::search_all(&worlds) {
        println!(
            "{}: {} states depth {} {:.1}s asked {}",
            world.name,
            searched.states,
            searched.depth,
            searched.took.as_secs_f32(),
            searched.asked
        );
        println!("  rows {:?}", searched.rows);
        for (name, way) in &searched.violations {
            println!("  {name} after {}:\n    {}", way.steps, way.lines.join("\n    "));
        }
    }
    let chosen: Vec<_> = proof::numbers::safeguards::ALL.into_iter().filter(|one| asked(&format!("{:?}", one.ablation))).collect();
    for (safeguard, searched) in proof::numbers::run::search_safeguards(&chosen, &proof::numbers::worlds::all()) {
        let way = searched.violations.get(safeguard.breaks.name());
        println!(
            "without {:?}: {} {:?} steps, {} states {:.1}s",
            safeguard.ablation,
            safeguard.breaks.name(),
            way.map(|way| way.steps),
            searched.states,
            searched.took.as_secs_f32()
        );
        if let Some(way) = way {
            println!("    {}", way.lines.join("\n    "));
        }
    }
}
