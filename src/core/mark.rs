//! The ownership mark: how an endpoint at the provider is recognised as ours without any stored state.
//!
//! `username sent = base (≤ 12) + mark (13)`, and Plivo appends digits. The mark is `installation (3) + namespace/name (9) +
//! check letter (1)`; identity is the *name*, not the uid, so a rebuilt cluster finds its endpoints again, and whatever a former
//! object of the same name left behind belongs to the present one.

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

/// What an object's username at the provider begins with: base and mark.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix(String);

impl Prefix {
    /// The prefix of the object `namespace/name` with this base username (1 to 12 letters and digits, a letter first).
    pub fn new(installation: &Installation, namespace: &str, name: &str, base: &str) -> Self {
        let body = format!("{base}{}{}", installation.part, name_part(installation, namespace, name));
        let check = check_letter(&body);
        Self(format!("{body}{check}"))
    }

    /// What is sent as `username`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The provider's full username belongs to this object: our prefix, ignoring ASCII case, and only digits behind it.
    pub fn owns(&self, username: &str) -> bool {
        let (head, tail) = match username.split_at_checked(self.0.len()) {
            Some(parts) => parts,
            None => return false,
        };
        head.eq_ignore_ascii_case(&self.0) && tail.bytes().all(|byte| byte.is_ascii_digit())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A username with a valid mark, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Base and mark, lower-case, without the provider's digits.
    pub prefix: String,
    /// The installation's three characters.
    pub installation: String,
    /// The nine characters of [`name_part`].
    pub name: String,
}

/// The mark in a username, if it carries a valid one of any installation.
pub fn recognise(username: &str) -> Option<Marked> {
    let lower = username.to_ascii_lowercase();
    let prefix = lower.trim_end_matches(|c: char| c.is_ascii_digit());
    let base = prefix.len().checked_sub(MARK).filter(|base| (1..=BASE).contains(base))?;
    if !prefix.is_ascii() {
        return None;
    }
    let (body, check) = prefix.split_at(prefix.len() - 1);
    let mark = &prefix[base..];
    let valid = mark.bytes().all(|byte| ALPHABET.contains(&byte)) && check_letter(body).to_string() == check;
    valid.then(|| Marked {
        prefix: prefix.to_owned(),
        installation: mark[..INSTALLATION].to_owned(),
        name: mark[INSTALLATION..INSTALLATION + NAME].to_owned(),
    })
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

    fn prefix(base: &str) -> Prefix {
        Prefix::new(&Installation::new("cluster-a"), "voice", "alice", base)
    }

    #[test]
    fn a_prefix_stays_the_same_for_ever() {
        // Pinned: a changed mark would orphan every endpoint in the world.
        assert_eq!(prefix("alice").as_str(), "alice4cpuqv38ww92g");
        assert_eq!(prefix("alice").as_str().len(), "alice".len() + MARK);
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
            let own = Prefix::new(&installation, &ns, &name, &base);
            let username = format!("{own}{digits}");
            let marked = recognise(&username).expect("a mark of ours");
            prop_assert_eq!(&marked.prefix, &own.as_str().to_ascii_lowercase());
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
