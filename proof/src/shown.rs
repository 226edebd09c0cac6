//! From numbers to what a provider shows and is sent, and back.

use std::collections::BTreeMap;

use switchboard::api::ledger::SecretVersion;
use switchboard::core::capabilities::Capabilities;
use switchboard::core::fields::{Fields, PASSWORD, Remote, Role, Secret, Value};
use switchboard::core::mark::{Installation, Mark, Place};
use switchboard::core::outcome::{Doubt, DoubtKind, Outcome, Refusal, RefusalKind};
use switchboard::core::trunk_group;
use switchboard::core::view::{Desired, Thing, Wanted, WantedPassword};
use switchboard::provider::carrierx::fields::{ADDRESSES, ATTRIBUTES, ENDPOINT_SID, NAME, OBSERVED_ATTRIBUTES, TRANSFORMATIONS};

use crate::besides::Change;
use crate::state::{SLOTS, Seen};
use crate::world::{Start, World};

/// The name of an endpoint.
pub fn id(slot: u8) -> String {
    format!("e{slot}")
}

/// The endpoint of a name.
pub fn slot(id: &str) -> u8 {
    id.strip_prefix('e').and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

/// The endpoints of a mask.
pub fn slots(mask: u8) -> impl Iterator<Item = u8> {
    (0..SLOTS as u8).filter(move |slot| mask & (1 << slot) != 0)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn alias(number: u8) -> String {
    format!("alias-{number}")
}

fn number(text: Option<&str>) -> Option<u8> {
    text.and_then(|text| text.strip_prefix("alias-")).and_then(|digits| digits.parse().ok())
}

/// The password.
pub fn secret() -> Secret {
    Secret::new("hunter22".into())
}

/// The version of its Secret.
pub fn version() -> SecretVersion {
    SecretVersion { uid: "secret".into(), resource_version: "1".into() }
}

/// Nobody knows.
pub fn unknown<T>() -> Outcome<T> {
    Outcome::Unknown(Doubt { kind: DoubtKind::TimeOut, message: "no answer".into() })
}

/// Certainly not.
pub fn refused<T>() -> Outcome<T> {
    Outcome::Refused(Refusal { kind: RefusalKind::Unreachable, message: "no".into(), retry_after: None })
}

/// Another installation of the operator.
pub fn other_installation() -> Installation {
    Installation::new("cluster-b")
}

/// The label of the endpoint that is adopted: no mark.
const ADOPTED: &str = "reception1";
/// What somebody makes of a name with a mark.
const RENAMED: &str = "front desk";
/// What other people call theirs.
const MALLORY: &str = "mallory";
/// Our attribute.
const TEAM: &str = "team";

/// How the things of a world look.
#[derive(Debug)]
pub struct Looks {
    /// The object's mark.
    pub mark: Mark,
    /// Whose.
    pub installation: Installation,
    /// How the provider differs from others.
    pub capabilities: Capabilities,
    /// What is made.
    pub thing: Thing,
    /// The object takes over what exists.
    pub adopts: bool,
}

impl Looks {
    /// Of the things of this world.
    pub fn new(world: &World) -> Self {
        let installation = Installation::new("cluster-a");
        Self {
            mark: Mark::new(world.capabilities.mark, &installation, "voice", "alice", "alice"),
            installation,
            capabilities: world.capabilities,
            thing: world.thing,
            adopts: world.start == Start::Adopting,
        }
    }

    /// The mark can be taken away.
    pub fn named(&self) -> bool {
        self.mark.place() == Place::Name
    }

    /// The password is a field of what is made.
    pub fn password(&self) -> bool {
        !self.named()
    }

    /// There are two fields that cannot be changed together.
    pub fn grouped(&self) -> bool {
        self.named() && self.thing == Thing::Endpoint
    }

    /// The label of an endpoint.
    pub fn label(&self, slot: u8, seen: Seen) -> String {
        let marked = |mark: &Mark| match mark.place() {
            Place::Username => format!("{mark}{}", 100 + u32::from(slot)),
            Place::Name => mark.to_string(),
        };
        let others = || Mark::new(self.mark.place(), &other_installation(), "voice", "alice", "alice");
        match (self.adopts, slot, seen.foreign) {
            (_, _, false) if seen.bare => RENAMED.to_owned(),
            (true, 0, false) => ADOPTED.to_owned(),
            (true, 0, true) => marked(&others()),
            // Whoever it was made for: its mark is none of the business of an object that adopts.
            (true, ..) | (false, _, false) => marked(&self.mark),
            (false, _, true) if self.named() && !seen.bare => marked(&others()),
            (false, _, true) => format!("{MALLORY}{slot}"),
        }
    }

    /// Whether this label is somebody else's.
    pub fn is_stranger(&self, label: &str) -> bool {
        match self.adopts {
            true => label != ADOPTED && label != RENAMED,
            false => !self.mark.owns(label) && label != RENAMED,
        }
    }

    /// What is shown of an endpoint.
    pub fn remote(&self, slot: u8, seen: Seen) -> Remote {
        let username = self.label(slot, seen);
        let fields = match (self.grouped(), self.thing) {
            (true, _) => {
                let attributes = [(TEAM.to_owned(), alias(seen.more)), ("theirs".to_owned(), "1".to_owned())];
                Fields::from([
                    (NAME, text(&username)),
                    (ADDRESSES, text(&alias(seen.alias))),
                    (TRANSFORMATIONS, text("[]")),
                    (ATTRIBUTES, Value::Members(attributes.into())),
                    (OBSERVED_ATTRIBUTES, text("{}")),
                ])
            }
            (false, Thing::TrunkGroup) => Fields::from([(NAME, text(&username)), (ENDPOINT_SID, text(&alias(seen.alias)))]),
            (false, Thing::Endpoint) => Fields::from([("alias", text(&alias(seen.alias)))]),
        };
        Remote {
            id: id(slot),
            sip_uri: (!self.named()).then(|| format!("sip:{username}@phone.example")),
            username,
            registration: None,
            fields,
            password_digest: None,
            role: Role::Own,
        }
    }

    /// The way back from [`Looks::remote`].
    pub fn seen(&self, remote: &Remote) -> Seen {
        let sent = change_of(&remote.fields);
        Seen {
            alias: sent.alias.unwrap_or_default(),
            foreign: self.is_stranger(&remote.username),
            bare: remote.username == RENAMED || self.named() && remote.username.starts_with(MALLORY),
            more: sent.more.unwrap_or_default(),
        }
    }

    /// What is sent for a change.
    pub fn fields(&self, change: Change) -> Fields {
        let mut fields = Fields::new();
        if let Some(number) = change.alias {
            match (self.grouped(), self.thing) {
                // With what goes along.
                (true, _) => {
                    fields.extend([(ADDRESSES, text(&alias(number))), (TRANSFORMATIONS, text("[]")), (OBSERVED_ATTRIBUTES, text("{}"))])
                }
                (false, Thing::TrunkGroup) => drop(fields.insert(ENDPOINT_SID, text(&alias(number)))),
                (false, Thing::Endpoint) => drop(fields.insert("alias", text(&alias(number)))),
            }
        }
        if let Some(number) = change.more {
            fields.insert(ATTRIBUTES, Value::Members(BTreeMap::from([(TEAM.to_owned(), alias(number))])));
        }
        if change.name {
            fields.insert(NAME, text(self.mark.as_str()));
        }
        if change.password {
            fields.insert(PASSWORD, Value::Secret(secret()));
        }
        fields
    }

    /// What is wanted by who wishes this.
    pub fn wanted(&self, wish: u8) -> Desired {
        if self.thing == Thing::TrunkGroup {
            return trunk_group::desired(&self.mark, Some(&alias(wish)));
        }
        let grouped = self.grouped();
        let change = Change { alias: Some(wish), more: grouped.then_some(wish), name: grouped && !self.adopts, password: false };
        let mut fields = self.fields(change);
        // These are not managed.
        fields.retain(|field, _| ![TRANSFORMATIONS, OBSERVED_ATTRIBUTES].contains(field));
        let mut create = fields.clone();
        let password = self.password().then(|| WantedPassword { value: secret(), version: version(), along: None });
        if password.is_some() {
            create.insert(PASSWORD, Value::Secret(secret()));
        }
        Desired::Wanted(Box::new(Wanted { fields, create, password }))
    }
}

/// The way back from [`Looks::fields`].
pub fn change_of(fields: &Fields) -> Change {
    let alias = ["alias", ADDRESSES, ENDPOINT_SID].into_iter().find_map(|field| number(fields.get(field).and_then(Value::text)));
    let more = match fields.get(ATTRIBUTES) {
        Some(Value::Members(members)) => number(members.get(TEAM).map(String::as_str)),
        _ => None,
    };
    Change { alias, more, name: fields.contains_key(NAME), password: fields.contains_key(PASSWORD) }
}
