//! Phone numbers (contracts/carrierx.md 6). Renting and releasing work and are counted: a client that must not do either has done it then.

use rand::RngExt;
use serde_json::{Value, json};

use super::errors::{self, Complaints};
use super::fields::{DID, Object, defaults};
use super::switches::{StringKeys, UnbindNull};
use super::update::{Update, created};
use super::world::{Act, Kind, Record, World, random_sid};
use crate::simulator::admin::is_number;
use crate::simulator::answer::Answer;
use crate::simulator::store::End;

/// What a number costs, in cents.
const PRICE_CENTS: u64 = 60;

/// A rented number with voice that points nowhere.
pub(super) fn fresh(sid: &str, number: &str, partner: &str, classification: String) -> Object {
    let mut object = defaults(DID);
    let (in_country, international) = formats(number);
    let members = json!({
        "did_sid": sid, "phonenumber": number, "partner_sid": partner, "classification_sid": classification,
        "in_country_format": in_country, "international_format": international,
    });
    object.extend(members.as_object().cloned().unwrap_or_default());
    object
}

/// Both printed forms of a number; those of other countries than the USA are kept simple.
fn formats(number: &str) -> (String, String) {
    let us = number.strip_prefix('1').filter(|rest| rest.len() == 10).and_then(|rest| {
        let (area, rest) = rest.split_at_checked(3)?;
        let (exchange, line) = rest.split_at_checked(3)?;
        Some((format!("({area}) {exchange}-{line}"), format!("+1 {area}-{exchange}-{line}")))
    });
    us.unwrap_or_else(|| (number.to_owned(), format!("+{number}")))
}

impl World {
    pub(super) fn update_did(&mut self, act: &mut Act<'_>, sid: &str, update: Update<'_>) -> Answer {
        match self.updated_did(act, sid, update) {
            Ok(record) => {
                let answer = Answer::json(200, &Value::Object(record.fields.clone()));
                self.change(act, Kind::Did, sid, record);
                answer
            }
            Err(refused) => refused,
        }
    }

    fn updated_did(&self, act: &Act<'_>, sid: &str, update: Update<'_>) -> Result<Record, Answer> {
        let record = self.find(act, Kind::Did, sid)?;
        let old = &record.fields;
        let refuse = |field: &str, why: &str| Err(Complaints::one(field, why).answer(act.switches));
        let mut ignored = Vec::new();
        for name in ["string_key_1", "string_key_2"].into_iter().filter(|name| update.writes(old, name)) {
            match act.switches.string_keys {
                StringKeys::Write => {}
                StringKeys::Ignore => ignored.push(name),
                StringKeys::Reject => return refuse(name, "field cannot be modified"),
            }
        }
        if update.writes(old, "trunk_group_sid") && update.body.get("trunk_group_sid").is_some_and(Value::is_null) {
            match act.switches.unbind_null {
                UnbindNull::Accept => {}
                UnbindNull::Ignore => ignored.push("trunk_group_sid"),
                UnbindNull::Reject => return refuse("trunk_group_sid", "field may not be null"),
            }
        }
        let object = update.apply(Kind::Did, old, &ignored, act.switches).map_err(|complaints| complaints.answer(act.switches))?;
        if update.writes(old, "trunk_group_sid") {
            self.check_group(act, &object)?;
        }
        Ok(Record { fields: object, ..record.clone() })
    }

    /// A number points at a trunk group that exists, or nowhere.
    fn check_group(&self, act: &Act<'_>, did: &Object) -> Result<(), Answer> {
        match did.get("trunk_group_sid").and_then(Value::as_str) {
            Some(group) if self.find(act, Kind::TrunkGroup, group).is_err() => {
                Err(Complaints::one("trunk_group_sid", "there is no such trunk group").answer(act.switches))
            }
            _ => Ok(()),
        }
    }

    /// Rents the number that the body names, or the first available one. Costs money.
    pub(super) fn rent_did(&mut self, act: &mut Act<'_>, body: &Object) -> Answer {
        let number = match body.get("phonenumber") {
            None => format!("1516{}", act.rng.random_range(2_000_000..10_000_000)),
            Some(number) => match number.as_str().filter(|number| is_number(number)) {
                Some(number) => number.to_owned(),
                None => return Complaints::one("phonenumber", "digits without a plus are needed").answer(act.switches),
            },
        };
        if let Some(taken) = self.number(&number) {
            return errors::conflict(act.switches, "number is not available", Some(&taken));
        }
        let mut object = match created(Kind::Did, body, &[], act.switches) {
            Ok(object) => object,
            Err(complaints) => return complaints.answer(act.switches),
        };
        if let Err(refused) = self.check_group(act, &object) {
            return refused;
        }
        let sid = self.new_sid(act, Kind::Did);
        let made = fresh(&sid, &number, &act.account, random_sid(&mut act.rng));
        let server = DID.iter().filter(|(_, _, _, access)| *access == super::fields::Access::Server);
        object.extend(server.filter_map(|(name, ..)| Some(((*name).to_owned(), made.get(*name)?.clone()))));
        let account = act.account.clone();
        self.insert(act, Kind::Did, &sid, &account, End::Newest, Record::of(object.clone()));
        self.numbers_rented += 1;
        self.cents_spent += PRICE_CENTS;
        Answer::json(200, &Value::Object(object))
    }

    /// Gives a number back: only support could fetch it again.
    pub(super) fn release_did(&mut self, act: &mut Act<'_>, sid: &str) -> Answer {
        let mut record = match self.find(act, Kind::Did, sid) {
            Ok(record) => record.clone(),
            Err(refused) => return refused,
        };
        record.fields.insert("status".to_owned(), json!("aging"));
        record.released = true;
        self.change_as(act, Kind::Did, sid, record, "release_did");
        self.numbers_released += 1;
        Answer { status: 204, ..Answer::default() }
    }

    /// The SID of a number that is held.
    pub(super) fn number(&self, number: &str) -> Option<String> {
        self.sids(Kind::Did, |did| !did.released && did.text("phonenumber") == number).into_iter().next()
    }
}
