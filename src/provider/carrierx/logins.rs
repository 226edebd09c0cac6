//! What an endpoint logs in with, as one opaque value: the password to `out_sip_username`, and what holds for single addresses in its place.
//! Only this module reads it. The same form serves for what is wanted and for what an answer shows.

use serde_json::{Value, json};

use super::addresses::Address;
use super::wire::{self, Object};
use crate::core::fields::Secret;

/// As many equal characters in a row are a mask, not a password.
const MASK: usize = 3;
/// As many hex digits and nothing else are a digest.
const DIGESTS: [usize; 4] = [32, 40, 64, 128];

/// All logins of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Logins {
    /// `out_sip_password`.
    pub out: Option<Secret>,
    /// Of the addresses that have one.
    pub addresses: Vec<Login>,
}

/// The login of one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Login {
    /// Which address.
    pub address: Address,
    /// `sip_username`.
    pub username: Option<Secret>,
    /// `sip_password`.
    pub password: Option<Secret>,
}

fn shown(secret: &Option<Secret>) -> Option<&str> {
    secret.as_ref().map(Secret::expose)
}

fn secret(object: &Object, name: &str) -> Option<Secret> {
    wire::text(object, name).filter(|text| !text.is_empty()).map(|text| Secret::new(text.to_owned()))
}

impl Logins {
    /// What an answer shows.
    pub(super) fn observed(endpoint: &Object) -> Self {
        let addresses = wire::objects(endpoint, "addresses").unwrap_or_default();
        Self { out: secret(endpoint, "out_sip_password"), addresses: addresses.into_iter().filter_map(Login::read).collect() }
    }

    /// There are none.
    pub(super) fn is_empty(&self) -> bool {
        self.out.is_none() && self.addresses.is_empty()
    }

    /// All of them as one opaque value.
    pub(super) fn sealed(&self) -> Secret {
        let addresses = self.addresses.iter().map(|Login { address, username, password }| {
            json!({"address": address.short(), "sip_username": shown(username), "sip_password": shown(password)})
        });
        Secret::new(json!({"out_sip_password": shown(&self.out), "addresses": addresses.collect::<Vec<_>>()}).to_string())
    }

    /// Out of the opaque value; `None` if it is another one.
    pub(super) fn unsealed(sealed: &Secret) -> Option<Self> {
        let value: Value = serde_json::from_str(sealed.expose()).ok()?;
        let object = value.as_object()?;
        let addresses = wire::objects(object, "addresses")?.into_iter().map(|login| {
            let address = Address::read(login.get("address")?.as_object()?)?;
            Some(Login { address, username: secret(login, "sip_username"), password: secret(login, "sip_password") })
        });
        Some(Self { out: secret(object, "out_sip_password"), addresses: addresses.collect::<Option<_>>()? })
    }

    /// The texts that no message may show.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let addresses = self.addresses.iter().flat_map(|login| login.username.iter().chain(&login.password));
        self.out.iter().chain(addresses)
    }
}

impl Login {
    fn read(object: &Object) -> Option<Self> {
        let login =
            Self { address: Address::read(object)?, username: secret(object, "sip_username"), password: secret(object, "sip_password") };
        (login.username.is_some() || login.password.is_some()).then_some(login)
    }
}

/// Whether what an answer shows is what is wanted. `None`: it hides it, wholly or in part, and shows nothing that contradicts it.
pub(super) fn matches(shown: &Secret, wanted: &Secret) -> Option<bool> {
    let (shown, wanted) = (Logins::unsealed(shown)?, Logins::unsealed(wanted)?);
    let mut left = shown.addresses;
    let mut found: Vec<Option<bool>> = wanted.out.iter().map(|out| same(shown.out.as_ref(), out)).collect();
    for login in &wanted.addresses {
        // An address that is not there at all differs as an address.
        let at = left.iter().position(|other| other.address == login.address);
        let other = at.map(|at| left.swap_remove(at));
        let pairs = [
            (other.as_ref().and_then(|other| other.username.as_ref()), &login.username),
            (other.as_ref().and_then(|other| other.password.as_ref()), &login.password),
        ];
        found.extend(pairs.into_iter().filter_map(|(shown, wanted)| Some(same(shown, wanted.as_ref()?))));
    }
    match found.contains(&Some(false)) {
        true => Some(false),
        false => (!found.is_empty() && !found.contains(&None)).then_some(true),
    }
}

/// Whether a text that may be hidden is this one.
fn same(shown: Option<&Secret>, wanted: &Secret) -> Option<bool> {
    let shown = shown?;
    if shown == wanted {
        return Some(true);
    }
    (!hides(shown.expose())).then_some(false)
}

/// A text that stands for a password without being one: a mask, a part of it masked, a digest.
fn hides(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    let uniform = characters.windows(2).all(|pair| pair[0] == pair[1]);
    let masked = characters.windows(MASK).any(|run| matches!(run[0], '*' | '•' | '●' | '·') && run.iter().all(|c| *c == run[0]));
    let digest = DIGESTS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    uniform || masked || digest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(text: &str) -> Logins {
        Logins { out: Some(Secret::new(text.into())), addresses: Vec::new() }
    }

    fn endpoint(value: &Value) -> Secret {
        Logins::observed(value.as_object().expect("an object")).sealed()
    }

    #[test]
    fn a_password_is_compared_where_it_is_shown_and_only_there() {
        let table = [
            (json!({"out_sip_password": "hunter22"}), Some(true)),
            (json!({"out_sip_password": "hunter23"}), Some(false)),
            (json!({"out_sip_password": null}), None),
            (json!({}), None),
            (json!({"out_sip_password": ""}), None),
            (json!({"out_sip_password": "********"}), None),
            (json!({"out_sip_password": "x"}), None),
            (json!({"out_sip_password": "h***22"}), None),
            (json!({"out_sip_password": "2eb62d171ba8491db496081a8b24738a"}), None),
        ];
        for (shown, expected) in table {
            assert_eq!(matches(&endpoint(&shown), &out("hunter22").sealed()), expected, "{shown}");
        }
        assert_eq!(matches(&endpoint(&json!({"out_sip_password": "****"})), &out("****").sealed()), Some(true), "an odd password");
        assert_eq!(matches(&Secret::new("not ours".into()), &out("hunter22").sealed()), None);
    }

    #[test]
    fn each_address_has_its_own_login() {
        let login = |ip: &str, username: &str, password: &str| Login {
            address: Address::read(json!({"ip": ip}).as_object().expect("an object")).expect("an address"),
            username: Some(Secret::new(username.into())),
            password: Some(Secret::new(password.into())),
        };
        let wanted = Logins { out: None, addresses: vec![login("a", "ann", "word-one"), login("b", "bob", "word-two")] };
        let address = |ip: &str, username: Value, password: Value| json!({"ip": ip, "sip_username": username, "sip_password": password});
        let ann = || address("A", json!("ann"), json!("word-one"));
        let bob = |password: Value| address("b", json!("bob"), password);
        let table = [
            (json!([bob(json!("word-two")), ann()]), Some(true)),
            (json!([bob(json!("word-one")), ann()]), Some(false)),
            (json!([bob(json!(null)), ann()]), None),
            (json!([bob(json!(null)), address("a", json!("carl"), json!(null))]), Some(false)),
            (json!([ann()]), None),
            (json!([]), None),
        ];
        for (addresses, expected) in table {
            let shown = endpoint(&json!({"addresses": addresses}));
            assert_eq!(matches(&shown, &wanted.sealed()), expected, "{addresses}");
        }
        assert_eq!(Logins::unsealed(&wanted.sealed()), Some(wanted.clone()));
        assert!(!format!("{wanted:?} {:?}", wanted.sealed()).contains("word-"));
    }
}
