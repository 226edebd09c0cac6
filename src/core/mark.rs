//! The ownership mark: how an endpoint at the provider is recognised as ours without any stored state.
//!
//! Where a username carries it, `username sent = base (≤ 12) + mark (13)`, and the provider appends digits. Where a name does,
//! `name sent = base (≤ 49) + "." + mark`. The mark is `installation (3) + namespace/name (9) + check letter (1)`; identity is the
//! object's *name*, not its uid, so a rebuilt cluster finds its endpoints again, and whatever a former object of the same name left
//! behind belongs to the present one.

use std::fmt;

use sha2::{Digest, Sha256};

/// Lower-case letters and digits without `0`, `o`, `1` and `l`: what people mix up when they read a username aloud.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// The letters of [`ALPHABET`] come first, so the check letter is drawn from a prefix of it.
const LETTERS: usize = 24;
const INSTALLATION: usize = 3;
const NAME: usize = 9;
/// Length of a mark in characters.
pub const MARK: usize = INSTALLATION + NAME + 1;
/// Longest base username: 25 that Plivo allows (`contracts/plivo.md` 6) less the mark.
pub const BASE: usize = 12;
/// Longest base name: 63 characters are safe (`contracts/carrierx.md` 9, ownership), less the mark and its dot.
pub const NAME_BASE: usize = 49;
/// Stands between a name and its mark.
const SEPARATOR: char = '.';

/// Which installation of Switchboard made an endpoint. Two clusters that share a provider account must differ in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Installation {
    id: String,
    part: String,
}

impl Installation {
    /// From the installation id (a flag, else the uid of the namespace kube-system).
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), part: encode(&digest(&["installation", id]), INSTALLATION) }
    }

    /// The three characters that stand in every mark; safe to show.
    pub fn part(&self) -> &str {
        &self.part
    }
}

impl fmt::Debug for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Installation({})", self.part)
    }
}

/// The nine characters that stand for `namespace/name` in a mark: known from the name alone, whatever its spec says.
pub fn name_part(installation: &Installation, namespace: &str, name: &str) -> String {
    // The installation id goes into the hash of the name: without it, names could be searched for offline.
    encode(&digest(&["name", &installation.id, namespace, name]), NAME)
}

/// Where at a provider the mark stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// At the end of the username that we ask for, before the digits that the provider appends. Nobody can change it.
    Username,
    /// At the end of a name, after a dot. Whoever has the provider's console can change it.
    Name,
}

impl Place {
    /// What carries the mark, in the provider's own spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Place::Username => "username",
            Place::Name => "name",
        }
    }

    /// Nobody can change what carries the mark: an id whose label is not ours is not ours.
    pub fn is_immutable(self) -> bool {
        self == Place::Username
    }
}

/// The mark of one object, within the label that is sent for it: a username or a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mark {
    place: Place,
    label: String,
    key: String,
}

impl Mark {
    /// The mark of the object `namespace/name`. `base` stands before it: 1 to 12 letters and digits, a letter first, of a username; 1 to
    /// [`NAME_BASE`] of letters, digits, dots, dashes and underscores of a name.
    pub fn new(place: Place, installation: &Installation, namespace: &str, name: &str, base: &str) -> Self {
        let own = format!("{}{}", installation.part, name_part(installation, namespace, name));
        match place {
            Place::Username => {
                let body = format!("{base}{own}");
                let label = format!("{body}{}", check_letter(&body));
                Self { place, key: label.to_ascii_lowercase(), label }
            }
            // The name may be changed by the spec: the check letter does not cover it, so that the mark stays the same.
            Place::Name => {
                let key = format!("{SEPARATOR}{own}{}", check_letter(&own));
                Self { place, label: format!("{base}{key}"), key }
            }
        }
    }

    /// What is sent as username or as name.
    pub fn as_str(&self) -> &str {
        &self.label
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        self.place
    }

    /// What all labels of this object have in common, in lower case: how a username begins, or how a name ends.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What this label at the provider is that of this object. A username: what we ask for, ignoring ASCII case, and only digits behind it.
    /// A name: anything that ends with the mark.
    pub fn owns(&self, label: &str) -> bool {
        match self.place {
            Place::Username => label
                .split_at_checked(self.key.len())
                .is_some_and(|(head, tail)| head.eq_ignore_ascii_case(&self.key) && tail.bytes().all(|byte| byte.is_ascii_digit())),
            Place::Name => {
                let tail = label.len().checked_sub(self.key.len()).and_then(|at| label.split_at_checked(at));
                tail.is_some_and(|(base, tail)| !base.is_empty() && tail.eq_ignore_ascii_case(&self.key))
            }
        }
    }

    /// The label carries a valid mark of the same kind, and it is another object's or another installation's.
    pub fn contradicted_by(&self, label: &str) -> bool {
        let kind = |key: &str| key.starts_with(SEPARATOR);
        recognise(label).is_some_and(|marked| kind(&marked.key) == kind(&self.key) && marked.key != self.key)
    }

    /// What the provider added to the label: of several that are the object's, the smallest survives.
    pub fn suffix<'a>(&self, label: &'a str) -> &'a str {
        match self.place {
            Place::Username => label.get(self.key.len()..).unwrap_or_default(),
            Place::Name => "",
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

/// A label with a valid mark, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// As [`Mark::key`].
    pub key: String,
    /// The installation's three characters.
    pub installation: String,
    /// The nine characters of [`name_part`].
    pub name: String,
}

/// The mark in a username or a name, if it carries a valid one of any installation.
pub fn recognise(label: &str) -> Option<Marked> {
    let lower = label.to_ascii_lowercase();
    match lower.rsplit_once(SEPARATOR) {
        Some((base, mark)) if !base.is_empty() => marked(mark, mark, format!("{SEPARATOR}{mark}")),
        Some(_) => None,
        None => {
            let username = lower.trim_end_matches(|c: char| c.is_ascii_digit());
            let base = username.len().checked_sub(MARK).filter(|base| (1..=BASE).contains(base))?;
            let mark = username.get(base..)?;
            marked(mark, username, username.to_owned())
        }
    }
}

/// A mark whose check letter, its last, covers all of `covered` before it.
fn marked(mark: &str, covered: &str, key: String) -> Option<Marked> {
    if mark.len() != MARK || !covered.is_ascii() || !mark.bytes().all(|byte| ALPHABET.contains(&byte)) {
        return None;
    }
    let (body, check) = covered.split_at(covered.len() - 1);
    (check_letter(body).to_string() == check).then(|| Marked {
        key,
        installation: mark[..INSTALLATION].to_owned(),
        name: mark[INSTALLATION..INSTALLATION + NAME].to_owned(),
    })
}

/// The base name of an object whose spec names none: its own, cut at [`NAME_BASE`].
pub fn name_from_name(name: &str) -> String {
    name.chars().take(NAME_BASE).collect()
}

/// The base username of an object whose spec names none: letters and digits of its name, a letter first, cut at 12.
/// A name that begins with a digit (an extension, say `1001`) gets an `e` in front.
pub fn base_from_name(name: &str) -> String {
    let kept: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let lead = if kept.starts_with(|c: char| c.is_ascii_alphabetic()) { "" } else { "e" };
    format!("{lead}{kept}").chars().take(BASE).collect()
}

/// The alias of an object whose spec names none, used at create only: its name with dots as dashes, cut at 50.
pub fn alias_from_name(name: &str) -> String {
    name.replace('.', "-").chars().take(50).collect()
}

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        // Length first: no two different lists of parts are the same bytes.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// The first `length` groups of five bits.
fn encode(bytes: &[u8; 32], length: usize) -> String {
    (0..length)
        .map(|index| {
            let bit = index * 5;
            let pair = u16::from(bytes[bit / 8]) << 8 | u16::from(bytes[bit / 8 + 1]);
            let group = (pair >> (11 - bit % 8)) & 31;
            char::from(ALPHABET[usize::from(group)])
        })
        .collect()
}

/// A letter, because the provider's digits follow it and must not run into the mark.
fn check_letter(body: &str) -> char {
    let hash = digest(&["check", &body.to_ascii_lowercase()]);
    char::from(ALPHABET[usize::from(hash[0]) % LETTERS])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefix(base: &str) -> Mark {
        Mark::new(Place::Username, &Installation::new("cluster-a"), "voice", "alice", base)
    }

    fn named(base: &str) -> Mark {
        Mark::new(Place::Name, &Installation::new("cluster-a"), "voice", "alice", base)
    }

    #[test]
    fn a_prefix_stays_the_same_for_ever() {
        // Pinned: a changed mark would orphan every endpoint in the world.
        assert_eq!(prefix("alice").as_str(), "alice4cpuqv38ww92g");
        assert_eq!(prefix("alice").as_str().len(), "alice".len() + MARK);
        assert_eq!(named("pbx-berlin").as_str(), "pbx-berlin.4cpuqv38ww92j");
    }

    #[test]
    fn a_name_is_ours_by_its_end_whatever_stands_before() {
        let own = named("pbx");
        let table = [
            (own.to_string(), true),
            (own.to_string().to_uppercase(), true),
            (format!("renamed.in the console{}", own.key()), true),
            (named("other").to_string(), true),
            (format!("{own}1"), false),
            (own.key().to_owned(), false),
            (own.key()[1..].to_owned(), false),
            ("pbx".into(), false),
            (format!("é{}", &own.key()[2..]), false),
            (prefix("pbx").to_string(), false),
        ];
        for (label, owned) in table {
            assert_eq!(own.owns(&label), owned, "{label}");
        }
        assert!(!prefix("pbx").owns(own.as_str()));
        let marked = recognise(&format!("anything{}", own.key().to_uppercase())).expect("a mark of ours");
        assert_eq!((marked.key.as_str(), marked.installation.as_str()), (own.key(), Installation::new("cluster-a").part()));
        assert_eq!(recognise(own.key()), None, "nothing stands before it");
        let longest = Mark::new(Place::Name, &Installation::new("x"), "voice", "a", &name_from_name(&"x".repeat(253)));
        assert_eq!(longest.as_str().len(), 63);
    }

    #[test]
    fn a_label_is_somebody_elses_if_it_carries_another_mark_of_the_same_kind() {
        let other = |place, name| Mark::new(place, &Installation::new("cluster-a"), "voice", name, "pbx").to_string();
        let table = [
            (named("pbx").to_string(), false),
            (named("renamed").to_string().to_uppercase(), false),
            ("renamed".to_owned(), false),
            ("renamed.in the console".to_owned(), false),
            (other(Place::Name, "bob"), true),
            (Mark::new(Place::Name, &Installation::new("cluster-b"), "voice", "alice", "pbx").to_string(), true),
            (other(Place::Username, "bob"), false),
        ];
        for (label, contradicted) in table {
            assert_eq!(named("pbx").contradicted_by(&label), contradicted, "{label}");
        }
    }

    #[test]
    fn ownership_needs_the_whole_prefix_and_only_digits_behind_it() {
        let own = prefix("alice");
        let table = [
            (format!("{own}131031145958"), true),
            (format!("{own}131031145958").to_uppercase(), true),
            (own.to_string(), true),
            (format!("{own}x1"), false),
            ("alice131031145958".into(), false),
            (format!("x{own}1"), false),
            (format!("{}1", prefix("bob")), false),
            (format!("{}é", &own.as_str()[..own.as_str().len() - 1]), false),
            (String::new(), false),
        ];
        for (username, owned) in table {
            assert_eq!(own.owns(&username), owned, "{username}");
        }
    }

    #[test]
    fn names_make_usable_base_usernames_and_aliases() {
        let table = [("alice", "alice"), ("front-desk.berlin", "frontdeskber"), ("1001", "e1001"), ("a", "a"), ("0-0", "e00")];
        for (name, base) in table {
            assert_eq!(base_from_name(name), base);
        }
        assert_eq!(alias_from_name("front-desk.berlin"), "front-desk-berlin");
        assert_eq!(alias_from_name(&"x".repeat(90)).len(), 50);
    }

    proptest! {
        #[test]
        fn every_mark_is_recognised_behind_any_digits(id in "[a-z0-9-]{1,36}", ns in "[a-z0-9-]{1,63}", name in "[a-z0-9.-]{1,80}", base in "[A-Za-z][A-Za-z0-9]{0,11}", digits in "[0-9]{0,23}") {
            let installation = Installation::new(&id);
            let own = Mark::new(Place::Username, &installation, &ns, &name, &base);
            let username = format!("{own}{digits}");
            let marked = recognise(&username).expect("a mark of ours");
            prop_assert_eq!(&marked.key, own.key());
            prop_assert_eq!(marked.installation.as_str(), installation.part());
            prop_assert_eq!(marked.name, name_part(&installation, &ns, &name));
            prop_assert!(own.owns(&username));
        }

        #[test]
        fn usernames_of_other_people_do_not_carry_a_mark(username in "[a-z]{1,12}[0-9]{12}") {
            prop_assert!(recognise(&username).is_none());
        }

        #[test]
        fn a_base_from_any_name_is_a_valid_username(name in "[a-z0-9]([a-z0-9.-]{0,60}[a-z0-9])?") {
            let base = base_from_name(&name);
            prop_assert!((1..=BASE).contains(&base.len()) && base.starts_with(|c: char| c.is_ascii_alphabetic()) && base.chars().all(|c| c.is_ascii_alphanumeric()));
        }
    }
}
