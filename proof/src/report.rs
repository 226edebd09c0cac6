//! What was found, for `docs/guarantees.md`.

use crate::brakes;
use crate::run::Searched;
use crate::safeguards::Safeguard;
use crate::world::World;

/// The table of safeguards.
pub fn ablations(found: &[(Safeguard, Searched)], of_brakes: &[(brakes::safeguards::Safeguard, Searched)]) -> String {
    let mut text = String::from("\n| safeguard removed | must break | steps | what happens without it |\n| --- | --- | --- | --- |\n");
    for (safeguard, searched) in found {
        let steps = searched.violations.get(safeguard.breaks.name()).map_or("not found".to_owned(), |way| way.steps.to_string());
        text += &format!("| {} | {} | {steps} | {} |\n", safeguard.name, safeguard.breaks.name(), safeguard.story);
    }
    for (safeguard, searched) in of_brakes {
        let steps = searched.violations.get(safeguard.breaks.name()).map_or("not found".to_owned(), |way| way.steps.to_string());
        text += &format!("| {} | {} | {steps} | {} |\n", safeguard.name, safeguard.breaks.name(), safeguard.story);
    }
    text + "\n"
}

/// The table of worlds.
pub fn figures(found: &[(World, Searched)], of_brakes: &[(brakes::World, Searched)], line: &str) -> String {
    let mut text = String::from("\n| world | what may happen | states | depth |\n| --- | --- | --- | --- |\n");
    for (world, searched) in found {
        let depth = world.depth.map_or_else(|| format!("all ({})", searched.depth), |depth| depth.to_string());
        text += &format!("| {} | {} | {} | {depth} |\n", world.name, world.about, searched.states);
    }
    for (world, searched) in of_brakes {
        text += &format!("| {} | {} | {} | all ({}) |\n", world.name, world.about, searched.states, searched.depth);
    }
    text + &format!("\n`{line}`\n\n")
}

/// The text with what stands between `<!-- name -->` and `<!-- /name -->` replaced; `None` if there are no such marks.
pub fn replaced(text: &str, name: &str, with: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (head, rest) = text.split_once(&begin)?;
    let (_, tail) = rest.split_once(&end)?;
    Some(format!("{head}{begin}{with}{end}{tail}"))
}

/// What stands there.
pub fn section<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<!-- {name} -->\n"))?;
    rest.split_once(&format!("<!-- /{name} -->")).map(|(section, _)| section)
}
