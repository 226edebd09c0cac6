//! What was found, for `docs/guarantees.md`.

use crate::brakes;
use crate::numbers;
use crate::run::Searched;
use crate::safeguards::Safeguard;
use crate::world::World;

/// The table of safeguards.
pub fn ablations(
    found: &[(Safeguard, Searched)],
    of_brakes: &[(brakes::safeguards::Safeguard, Searched)],
    of_numbers: &[(numbers::safeguards::Safeguard, Searched)],
) -> String {
    let mut text = String::from("\n| safeguard removed | must break | steps | what happens without it |\n| --- | --- | --- | --- |\n");
    let mut row = |name: &str, breaks: &str, story: &str, searched: &Searched| {
        let steps = searched.violations.get(breaks).map_or("not found".to_owned(), |way| way.steps.to_string());
        text += &format!("| {name} | {breaks} | {steps} | {story} |\n");
    };
    found.iter().for_each(|(safeguard, searched)| row(safeguard.name, safeguard.breaks.name(), safeguard.story, searched));
    of_brakes.iter().for_each(|(safeguard, searched)| row(safeguard.name, safeguard.breaks.name(), safeguard.story, searched));
    of_numbers.iter().for_each(|(safeguard, searched)| row(safeguard.name, safeguard.breaks.name(), safeguard.story, searched));
    text + "\n"
}

/// The table of worlds.
pub fn figures(
    found: &[(World, Searched)],
    of_brakes: &[(brakes::World, Searched)],
    of_numbers: &[(numbers::World, Searched)],
    line: &str,
) -> String {
    let mut text = String::from("\n| world | what may happen | states | depth |\n| --- | --- | --- | --- |\n");
    for (world, searched) in found {
        let depth = world.depth.map_or_else(|| format!("all ({})", searched.depth), |depth| depth.to_string());
        text += &format!("| {} | {} | {} | {depth} |\n", world.name, world.about, searched.states);
    }
    for (world, searched) in of_brakes {
        text += &format!("| {} | {} | {} | all ({}) |\n", world.name, world.about, searched.states, searched.depth);
    }
    for (world, searched) in of_numbers {
        let depth = world.depth.map_or_else(|| format!("all ({})", searched.depth), |depth| depth.to_string());
        text += &format!("| {} | {} | {} | {depth} |\n", world.name, world.about, searched.states);
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
