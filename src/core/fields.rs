//! The provider-neutral middle: a remote endpoint as a set of named fields. A provider's `fields.rs` translates its own terms
//! into these, with defaults filled and synonyms folded, so that one generic [`diff`] serves all and drift can be shown by name.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};

/// A field's name in the provider's own spelling (`alias`, `app_id`).
pub type FieldName = &'static str;

/// The name of the password field, the only secret one of an endpoint.
pub const PASSWORD: FieldName = "password";

/// A secret that prints as `***` and compares in memory only.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a value; the given string is moved, or zeroed.
    pub fn new(mut value: String) -> Self {
        if value.capacity() == value.len() {
            return Self(SecretString::from(value));
        }
        // Shrinking it would leave a copy where it was.
        let exact = Self(SecretString::from(Box::<str>::from(value.as_str())));
        value.zeroize();
        exact
    }

    /// Wraps bytes; what is not text becomes text that no rule accepts.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::new(text),
            Err(error) => {
                let lossy = Self::new(String::from_utf8_lossy(error.as_bytes()).into_owned());
                error.into_bytes().zeroize();
                lossy
            }
        }
    }

    /// The value, for the one place that sends it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

/// Several nested things in no order, of which each is what its members say. What an answer leaves out of one says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Things {
    text: String,
    members: Vec<BTreeMap<&'static str, String>>,
}

impl Things {
    /// `text`: as people see them and as they are sent, the provider module's own form. `members`: of each, what is known of it.
    pub fn new(text: String, members: Vec<BTreeMap<&'static str, String>>) -> Self {
        Self { text, members }
    }

    /// Of each it is known what all of these members are.
    pub fn say(&self, names: &[&str]) -> bool {
        self.members.iter().all(|members| names.iter().all(|name| members.contains_key(name)))
    }

    /// As many as were observed, each of them one of these as far as it shows.
    fn agree(&self, observed: &Self) -> bool {
        let mut left: Vec<_> = self.members.iter().collect();
        let mut shown: Vec<_> = observed.members.iter().collect();
        // What shows most has the least choice.
        shown.sort_by_key(|members| std::cmp::Reverse(members.len()));
        let mut taken = |members: &BTreeMap<&'static str, String>| {
            let is = |one: &&BTreeMap<_, _>| members.iter().all(|(name, value)| one.get(name).is_none_or(|wanted| wanted == value));
            left.iter().position(is).map(|at| left.swap_remove(at)).is_some()
        };
        self.members.len() == observed.members.len() && shown.into_iter().all(&mut taken)
    }
}

/// The value of a field. "None" is the empty text everywhere (`app_id: ""` means: no application).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text that may be shown. Of something nested it is the provider module's own canonical form, equal if and only if the things are.
    Text(String),
    /// Named texts that may be shown, of which only those named here count: what else the provider has there is somebody else's.
    Members(BTreeMap<String, String>),
    /// Nested things that may be shown, compared one by one.
    Things(Things),
    /// Text that may not.
    Secret(Secret),
}

impl Value {
    /// The text, if it may be shown.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) | Value::Things(Things { text, .. }) => Some(text),
            Value::Members(_) | Value::Secret(_) => None,
        }
    }

    /// It may be shown and kept.
    pub fn is_plain(&self) -> bool {
        !matches!(self, Value::Secret(_))
    }

    /// What is observed is what this value wants.
    pub fn agrees(&self, observed: Option<&Value>) -> bool {
        match (self, observed) {
            (Value::Members(wanted), Some(Value::Members(all))) => wanted.iter().all(|(name, value)| all.get(name) == Some(value)),
            (Value::Things(wanted), Some(Value::Things(observed))) => wanted.agree(observed),
            (wanted, observed) => Some(wanted) == observed,
        }
    }

    /// What of an observed value counts for this one.
    pub fn named_in(&self, observed: &Value) -> Value {
        match (self, observed) {
            (Value::Members(named), Value::Members(all)) => Value::Members(
                all.iter().filter(|(name, _)| named.contains_key(*name)).map(|(name, value)| (name.clone(), value.clone())).collect(),
            ),
            _ => observed.clone(),
        }
    }

    /// What is observed after it was changed to this value.
    pub fn applied_to(&self, observed: Option<&Value>) -> Value {
        match (self, observed) {
            (Value::Members(changed), Some(Value::Members(all))) => {
                Value::Members(all.iter().chain(changed).map(|(name, value)| (name.clone(), value.clone())).collect())
            }
            (changed, _) => changed.clone(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) | Value::Things(Things { text, .. }) => write!(f, "{text:?}"),
            Value::Members(members) => write!(f, "{members:?}"),
            Value::Secret(_) => f.write_str("***"),
        }
    }
}

/// Named fields, in a stable order.
pub type Fields = BTreeMap<FieldName, Value>;

/// A remote endpoint as the provider showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The provider's id, opaque (`contracts/plivo.md` 2: text of digits, longer than a double holds).
    pub id: String,
    /// The label that carries the mark: the full username with the provider's suffix, which a phone logs in with; or the name, where the
    /// provider's things have no usernames.
    pub username: String,
    /// As the provider shows it; never built by us.
    pub sip_uri: Option<String>,
    /// Absent for peers that never register.
    pub registration: Option<Registration>,
    /// Observed fields, canonical: `alias`, `app_id` (`""` where there is none). A field that the answer lacks is absent.
    pub fields: Fields,
    /// What the answer says of the password, if anything. Opaque, never printed; only the provider module can read it.
    pub password_digest: Option<Secret>,
    /// What it is to this account.
    pub role: Role,
}

/// What something that is listed is to the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// One of its own things, which it may change.
    #[default]
    Own,
    /// The provider's own side, from which its calls come. It cannot be changed, and is nobody's.
    Gateway(Vec<Address>),
    /// Another account's (a subordinate's, say): listed, never touched.
    Elsewhere,
}

/// An address that calls come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// IP or host name.
    pub ip: String,
    /// Port, if it is fixed.
    pub port: Option<u16>,
    /// `udp`, `tcp`, `tls`, if it is fixed.
    pub transport: Option<String>,
}

/// A phone number as the provider showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// The provider's id of it, by which it is read and changed; the number itself, where the provider has no other.
    pub id: String,
    /// As the provider writes it: digits without a plus (`contracts/plivo.md` 7, `contracts/carrierx.md` 6).
    pub number: String,
    /// Why it cannot be bound, whatever the spec says (no voice, on its way out); what to say.
    pub obstacle: Option<String>,
    /// Observed fields, canonical, each a text and `""` for none: `app_id`, `alias`, `subaccount`, `compliance_application_id`. A field
    /// that the answer lacks altogether is absent.
    pub fields: Fields,
}

impl Number {
    /// A number that is its own id, and can be bound.
    pub fn new(number: impl Into<String>, fields: Fields) -> Self {
        let number = number.into();
        Self { id: number.clone(), number, obstacle: None, fields }
    }
}

/// An application as the provider showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// The provider's id, opaque.
    pub id: String,
    /// What people call it; `""` for none.
    pub name: String,
}

/// Whether a phone is logged in.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Registration {
    /// `sip_registered`.
    pub registered: bool,
    /// `sip_contact`, only while registered; personal data (it shows the phone's address).
    pub contact: Option<String>,
    /// `sip_expires` as sent, UTC.
    pub expires: Option<String>,
    /// `sip_user_agent`.
    pub user_agent: Option<String>,
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The contact belongs into status, not into logs.
        let Self { registered, contact, expires, user_agent } = self;
        let contact = contact.as_ref().map(|_| "…");
        f.debug_struct("Registration")
            .field("registered", registered)
            .field("contact", &contact)
            .field("expires", expires)
            .field("user_agent", user_agent)
            .finish()
    }
}

/// One differing field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which.
    pub field: FieldName,
    /// What the spec wants.
    pub desired: Value,
    /// What the provider shows; absent where the answer lacks the field.
    pub observed: Option<Value>,
}

impl Difference {
    /// The provider shows something else. What it does not show at all is not known to differ.
    pub fn is_shown(&self) -> bool {
        self.observed.is_some()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.observed {
            Some(observed) => write!(f, "{}: {} at the provider, {} wanted", self.field, self.desired.named_in(observed), self.desired),
            None => write!(f, "{}: {} wanted", self.field, self.desired),
        }
    }
}

/// The managed fields that differ. Unmanaged fields (not in `desired`) and secrets are left out: what is known of a password is
/// not its value, so it is compared elsewhere.
pub fn diff(desired: &Fields, observed: &Fields) -> Vec<Difference> {
    desired
        .iter()
        .filter(|(_, value)| value.is_plain())
        .filter(|(field, value)| !value.agrees(observed.get(*field)))
        .map(|(field, value)| Difference { field, desired: value.clone(), observed: observed.get(field).cloned() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    #[test]
    fn only_managed_fields_that_differ_are_in_the_diff() {
        let desired =
            Fields::from([("alias", text("desk")), ("app_id", text("")), (PASSWORD, Value::Secret(Secret::new("hunter22".into())))]);
        let observed = Fields::from([("alias", text("edited")), ("app_id", text("")), ("other", text("x"))]);
        let found: Vec<String> = diff(&desired, &observed).iter().map(ToString::to_string).collect();
        assert_eq!(found, [r#"alias: "edited" at the provider, "desk" wanted"#]);
    }

    #[test]
    fn of_a_map_only_the_named_members_count_and_are_shown() {
        let members =
            |pairs: &[(&str, &str)]| Value::Members(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect());
        let desired = Fields::from([("attributes", members(&[("site", "b")]))]);
        let shown =
            |pairs| diff(&desired, &Fields::from([("attributes", members(pairs))])).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(&[("site", "b"), ("owner", "somebody")]), Vec::<String>::new());
        let found = shown(&[("site", "c"), ("owner", "somebody")]);
        assert_eq!(found, [r#"attributes: {"site": "c"} at the provider, {"site": "b"} wanted"#]);
    }

    #[test]
    fn nested_things_agree_in_any_order_as_far_as_each_is_shown() {
        let things = |all: &[&[(&'static str, &str)]]| {
            let members = all.iter().map(|one| one.iter().map(|(name, value)| (*name, (*value).to_owned())).collect());
            Value::Things(Things::new(format!("{all:?}"), members.collect()))
        };
        let (a, b) = (&[("ip", "a"), ("port", "1")][..], &[("ip", "b"), ("port", "2")][..]);
        let same_ip = &[("ip", "a"), ("port", "2")][..];
        type Members<'a> = &'a [&'a [(&'static str, &'a str)]];
        let table: [(Members<'_>, Members<'_>, bool); 9] = [
            (&[a, b], &[b, a], true),
            (&[a, b], &[&[("ip", "b")], &[("ip", "a")]], true),
            (&[a, same_ip], &[&[("ip", "a")], a], true),
            (&[a, b], &[a], false),
            (&[a], &[a, a], false),
            (&[a, b], &[a, a], false),
            (&[a], &[&[("ip", "a"), ("port", "9")]], false),
            (&[a], &[&[("ip", "a"), ("unknown", "x")]], true),
            (&[], &[], true),
        ];
        for (wanted, observed, expected) in table {
            assert_eq!(things(wanted).agrees(Some(&things(observed))), expected, "{wanted:?} and {observed:?}");
        }
        assert!(!things(&[a]).agrees(None));
    }

    #[test]
    fn a_secret_never_prints() {
        let value = Value::Secret(Secret::new("hunter22".into()));
        assert_eq!(format!("{value} {value:?}"), "*** Secret(***)");
    }
}
