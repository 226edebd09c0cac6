//! What creates and updates of all kinds have in common: which fields they write, and how (contracts/carrierx.md 5).

use serde_json::Value;

use super::errors::{self, Complaints};
use super::fields::{Access, Object, Type, defaults};
use super::nested;
use super::switches::{AttributesShape, NameRule, ReadOnlyField, ReplaceReach, Switches};
use super::world::{Act, Kind, World, is_read_only};
use crate::simulator::answer::Answer;

/// The longest name that `name_rule=short` lets pass.
const LONGEST_NAME: usize = 63;

/// An update as it was asked for.
#[derive(Clone, Copy)]
pub(super) struct Update<'a> {
    pub(super) body: &'a Object,
    /// PUT: every field must be there.
    pub(super) put: bool,
    /// `nested_objects=replace`.
    pub(super) replace: bool,
}

impl Update<'_> {
    /// Whether it writes a field: names it, and with PUT names another value than the present one.
    pub(super) fn writes(&self, old: &Object, name: &str) -> bool {
        self.body.get(name).is_some_and(|value| !self.put || old.get(name) != Some(value))
    }

    /// The object after it. Fields in `ignored` stay as they are, unknown ones are not looked at.
    pub(super) fn apply(&self, kind: Kind, old: &Object, ignored: &[&str], switches: &Switches) -> Result<Object, Complaints> {
        let mut complaints = Complaints::default();
        for (name, ..) in kind.fields().iter().filter(|(name, ..)| self.put && !self.body.contains_key(*name)) {
            complaints.add(name, "field is required");
        }
        if switches.read_only_field == ReadOnlyField::Reject {
            for name in self.body.keys().filter(|name| is_read_only(kind, name) && self.writes(old, name)) {
                complaints.add(name, "field is read-only");
            }
        }
        complaints.or(())?;
        let (rule, mut new, mut complaints) = (nested::rule(switches, self.replace || self.put), old.clone(), Complaints::default());
        let everything = self.replace && switches.replace_reach == ReplaceReach::All;
        for (name, of, _, access) in kind.fields() {
            if *access != Access::Write || ignored.contains(name) {
                continue;
            }
            let is_nested = matches!(of, Type::Addresses | Type::Attributes | Type::Properties | Type::Transformations);
            let value = match self.body.get(*name) {
                Some(value) => match nested::read(name, *of, value, shape(kind, switches)) {
                    Ok(value) if is_nested => nested::merged(*of, old.get(*name).unwrap_or(&Value::Null), value, rule),
                    Ok(value) => value,
                    Err(wrong) => {
                        complaints.extend(wrong);
                        continue;
                    }
                },
                None if everything && is_nested => nested::empty(*of),
                None => continue,
            };
            new.insert((*name).to_owned(), value);
        }
        complaints.or(new)
    }
}

/// A new object: the defaults, and what the body says of the fields that are not the server's or `ignored`.
pub(super) fn created(kind: Kind, body: &Object, ignored: &[&str], switches: &Switches) -> Result<Object, Complaints> {
    let (mut object, mut complaints) = (defaults(kind.fields()), Complaints::default());
    for (name, of, _, access) in kind.fields() {
        let Some(value) = body.get(*name).filter(|_| *access != Access::Server && !ignored.contains(name)) else { continue };
        match nested::read(name, *of, value, shape(kind, switches)) {
            Ok(value) => {
                let value = nested::merged(*of, &nested::empty(*of), value, super::switches::NestedDefault::Replace);
                object.insert((*name).to_owned(), value);
            }
            Err(wrong) => complaints.extend(wrong),
        }
    }
    complaints.or(object)
}

/// The attributes of a number are free-form (contracts/carrierx.md 6); those of an endpoint are what nobody knows.
fn shape(kind: Kind, switches: &Switches) -> AttributesShape {
    if kind == Kind::Endpoint { switches.attributes_shape } else { AttributesShape::Map }
}

impl World {
    /// Refuses the name of an endpoint or of a trunk group, as the switch says. `sid` is the object itself, if it exists already.
    pub(super) fn check_name(&self, act: &Act<'_>, kind: Kind, sid: Option<&str>, name: &str) -> Result<(), Answer> {
        match act.switches.name_rule {
            NameRule::Free => Ok(()),
            NameRule::Short if name.chars().count() > LONGEST_NAME => {
                Err(Complaints::one("name", "value is longer than 63 characters").answer(act.switches))
            }
            NameRule::Short => Ok(()),
            NameRule::Unique => {
                let taken = self.sids(kind, |record| record.text("name") == name);
                match taken.iter().find(|taken| Some(taken.as_str()) != sid) {
                    Some(taken) => Err(errors::conflict(act.switches, "name is already used", Some(taken))),
                    None => Ok(()),
                }
            }
        }
    }
}
