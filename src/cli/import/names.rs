//! Names of objects, made from what people call things at the provider: the same account gives the same names.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::mark::{MARK, recognise};

/// Longest name that is made, before what tells it from others.
const LONGEST: usize = 50;
/// So much of an id is put behind a name that several have, if that is enough.
const TAIL: usize = 4;

/// A name out of the first of these texts that has a letter or a digit for one: lower-case letters, digits and dashes.
pub(super) fn base<'t>(texts: impl IntoIterator<Item = &'t str>) -> Option<String> {
    texts.into_iter().map(plain).find(|name| !name.is_empty())
}

/// The label without the mark of an installation, if it has one.
pub(super) fn unmarked(label: &str) -> &str {
    let Some(marked) = recognise(label) else { return label };
    // In a name the mark stands at the end, in a username digits follow it.
    let end = match marked.key.starts_with('.') {
        true => label.len().checked_sub(marked.key.len()),
        false => marked.key.len().checked_sub(MARK),
    };
    end.and_then(|end| label.get(..end)).unwrap_or(label)
}

/// Each id with a name of its own. `wanted`: id and name, which several may want; who is not alone with it, or finds it `taken`, gets the end
/// of its id behind it. So a name does not depend on the order in which the provider lists.
pub(super) fn unique(wanted: &BTreeMap<String, String>, taken: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut used: BTreeSet<String> = wanted.values().chain(taken).cloned().collect();
    let mut names = BTreeMap::new();
    let mut wanting: BTreeMap<&str, usize> = BTreeMap::new();
    for base in wanted.values() {
        *wanting.entry(base).or_default() += 1;
    }
    for (id, base) in wanted {
        let alone = wanting[base.as_str()] == 1 && !taken.contains(base);
        let name = if alone { base.clone() } else { told_apart(id, base, &used) };
        used.insert(name.clone());
        names.insert(id.clone(), name);
    }
    names
}

fn told_apart(id: &str, base: &str, used: &BTreeSet<String>) -> String {
    let id: Vec<char> = id.to_ascii_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let shortest = TAIL.min(id.len());
    let tails = (shortest..=id.len()).map(|length| id[id.len() - length..].iter().collect::<String>());
    // Ids differ, but perhaps only in what is no letter and no digit.
    let counted = (2_u64..).map(|count| format!("{}-{count}", id.iter().collect::<String>()));
    let mut names = tails.chain(counted).map(|tail| format!("{base}-{tail}"));
    names.find(|name| !used.contains(name)).unwrap_or_default()
}

/// Lower-case letters, digits and single dashes, neither first nor last; at most [`LONGEST`].
fn plain(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            'A'..='Z' => name.push(c.to_ascii_lowercase()),
            c => match latin(c) {
                Some(letters) => name.push_str(letters),
                None if name.is_empty() || name.ends_with('-') => {}
                None => name.push('-'),
            },
        }
    }
    name.truncate(LONGEST);
    name.truncate(name.trim_end_matches('-').len());
    name
}

/// Letters of western languages, as they are written without their signs.
fn latin(c: char) -> Option<&'static str> {
    Some(match c {
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' | 'ą' | 'À' | 'Á' | 'Â' | 'Ã' | 'Å' | 'Ą' => "a",
        'ä' | 'æ' | 'Ä' | 'Æ' => "ae",
        'ç' | 'ć' | 'č' | 'Ç' | 'Ć' | 'Č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ę' | 'ě' | 'È' | 'É' | 'Ê' | 'Ë' => "e",
        'ì' | 'í' | 'î' | 'ï' | 'ı' | 'İ' | 'Í' | 'Î' => "i",
        'ł' | 'Ł' => "l",
        'ñ' | 'ń' | 'ň' | 'Ñ' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ø' | 'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ø' => "o",
        'ö' | 'œ' | 'Ö' | 'Œ' => "oe",
        'ř' => "r",
        'ś' | 'š' | 'ş' | 'Ś' | 'Š' | 'Ş' => "s",
        'ß' => "ss",
        'ť' | 'ţ' => "t",
        'ù' | 'ú' | 'û' | 'ů' | 'Ú' => "u",
        'ü' | 'Ü' => "ue",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' | 'Ź' | 'Ż' | 'Ž' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::mark::{Installation, Mark, Place};

    #[test]
    fn a_name_is_what_people_call_it_as_far_as_kubernetes_takes_that() {
        let long = format!("{} x", "a".repeat(49));
        let table = [
            (vec!["alice-desk", "alice1"], Some("alice-desk")),
            (vec!["Empfang Süd (2. OG)", "x"], Some("empfang-sued-2-og")),
            (vec!["__front.desk__"], Some("front-desk")),
            (vec!["受付", "reception1234"], Some("reception1234")),
            (vec!["", "1001"], Some("1001")),
            (vec!["Łódź / Café"], Some("lodz-cafe")),
            (vec![&long], Some(&long[..49])),
            (vec!["-", "💥"], None),
        ];
        for (texts, expected) in table {
            assert_eq!(base(texts.iter().copied()).as_deref(), expected, "{texts:?}");
        }
    }

    #[test]
    fn a_mark_is_no_part_of_a_name() {
        let marked = |place, base| Mark::new(place, &Installation::new("east"), "voice", "desk", base).to_string();
        assert_eq!(unmarked(&format!("{}131031145958", marked(Place::Username, "alice"))), "alice");
        assert_eq!(unmarked(&marked(Place::Name, "pbx.berlin")), "pbx.berlin");
        assert_eq!(unmarked("alice131031145958"), "alice131031145958");
    }

    #[test]
    fn who_is_not_alone_with_a_name_is_told_from_others_by_the_end_of_its_id_whatever_the_order() {
        type Pairs<'a> = &'a [(&'a str, &'a str)];
        let table: [(Pairs<'_>, &[&str], Pairs<'_>); 5] = [
            (&[("11", "a"), ("12", "b")], &[], &[("11", "a"), ("12", "b")]),
            (&[("110001", "desk"), ("110002", "desk")], &[], &[("110001", "desk-0001"), ("110002", "desk-0002")]),
            (&[("990001", "desk"), ("980001", "desk")], &[], &[("980001", "desk-0001"), ("990001", "desk-90001")]),
            (
                &[("110001", "desk"), ("12", "desk-0001"), ("110003", "desk")],
                &[],
                &[("110001", "desk-10001"), ("110003", "desk-0003"), ("12", "desk-0001")],
            ),
            (&[("a-1", "desk"), ("a1", "desk")], &["desk-a1"], &[("a-1", "desk-a1-2"), ("a1", "desk-a1-3")]),
        ];
        for (wanted, taken, expected) in table {
            let own =
                |pairs: &[(&str, &str)]| pairs.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect::<BTreeMap<_, _>>();
            let taken = taken.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(unique(&own(wanted), &taken), own(expected));
        }
        let taken = BTreeSet::from(["desk".to_owned()]);
        let wanted = BTreeMap::from([("14659095951490".to_owned(), "desk".to_owned())]);
        assert_eq!(unique(&wanted, &taken)["14659095951490"], "desk-1490");
    }
}
