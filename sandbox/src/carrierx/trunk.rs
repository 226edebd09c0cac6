//! Trunk groups and trunks (contracts/carrierx.md 7): the way from a number to an endpoint.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::errors::{self, Complaints};
use super::fields::Object;
use super::switches::ReferencedDelete;
use super::update::{Update, created};
use super::world::{Act, Kind, Record, World};
use crate::simulator::act::Actor;
use crate::simulator::answer::Answer;
use crate::simulator::store::End;
use crate::simulator::{Delays, Look};

/// The trunks of all groups, in order of creation.
pub(super) type Trunks = HashMap<String, Vec<Value>>;

/// A body whose empty `endpoint_sid` means none.
fn without_empty(body: &Object) -> Object {
    let mut body = body.clone();
    if body.get("endpoint_sid").is_some_and(|sid| sid == "") {
        body.insert("endpoint_sid".to_owned(), Value::Null);
    }
    body
}

impl World {
    /// The trunks by group, as they are seen now.
    pub(super) fn trunks_seen(&self, now_ms: u64, delays: Delays) -> Trunks {
        let mut trunks = Trunks::new();
        for (_, _, trunk) in self.trunks.list(now_ms, delays, |_, _, _| true) {
            trunks.entry(trunk.group.clone()).or_default().push(Value::Object(trunk.fields.clone()));
        }
        trunks
    }

    /// A group as a GET shows it.
    pub(super) fn shown_group(&self, act: &Act<'_>, fields: &Object, with_trunks: bool) -> Object {
        let mut shown = fields.clone();
        if with_trunks {
            let sid = fields.get("trunk_group_sid").and_then(Value::as_str).unwrap_or_default();
            let delays = act.switches.delays(Look::Get);
            let trunks = self.trunks.list(act.now_ms, delays, |_, _, trunk| trunk.group == sid);
            shown.insert("trunks".to_owned(), trunks.into_iter().map(|(_, _, trunk)| Value::Object(trunk.fields.clone())).collect());
        }
        shown
    }

    /// With `with_trunks`, the trunks of the body are made too; without, they are dropped without a word.
    pub(super) fn create_group(&mut self, act: &mut Act<'_>, body: &Object, with_trunks: bool) -> Answer {
        let none = Vec::new();
        let nested = match body.get("trunks").filter(|_| with_trunks) {
            None => &none,
            Some(Value::Array(trunks)) => trunks,
            Some(_) => return Complaints::one("trunks", "a list is needed").answer(act.switches),
        };
        let made = created(Kind::TrunkGroup, body, &["partner_sid"], act.switches).map_err(|complaints| complaints.answer(act.switches));
        let made = made.and_then(|group| {
            if let Some(name) = body.get("name").and_then(Value::as_str) {
                self.check_name(act, Kind::TrunkGroup, None, name)?;
            }
            let trunks: Result<Vec<Object>, Answer> = nested.iter().map(|trunk| self.new_trunk(act, trunk)).collect();
            Ok((group, trunks?))
        });
        let (mut group, trunks) = match made {
            Ok(made) => made,
            Err(refused) => return refused,
        };
        let (sid, account) = (self.new_sid(act, Kind::TrunkGroup), act.account.clone());
        group.insert("trunk_group_sid".to_owned(), json!(sid));
        group.insert("partner_sid".to_owned(), json!(account));
        let mut shown = group.clone();
        self.insert(act, Kind::TrunkGroup, &sid, &account, End::Newest, Record::of(group));
        let trunks: Vec<Value> = trunks.into_iter().map(|trunk| self.insert_trunk(act, &sid, trunk)).collect();
        if with_trunks {
            shown.insert("trunks".to_owned(), json!(trunks));
        }
        Answer::json(200, &Value::Object(shown))
    }

    pub(super) fn update_group(&mut self, act: &mut Act<'_>, sid: &str, update: Update<'_>) -> Answer {
        let updated = self.find(act, Kind::TrunkGroup, sid).and_then(|record| {
            if let Some(name) = update.body.get("name").and_then(Value::as_str) {
                self.check_name(act, Kind::TrunkGroup, Some(sid), name)?;
            }
            update.apply(Kind::TrunkGroup, &record.fields, &[], act.switches).map_err(|complaints| complaints.answer(act.switches))
        });
        match updated {
            Ok(object) => {
                let answer = Answer::json(200, &Value::Object(object.clone()));
                self.change(act, Kind::TrunkGroup, sid, Record::of(object));
                answer
            }
            Err(refused) => refused,
        }
    }

    pub(super) fn delete_group(&mut self, act: &mut Act<'_>, sid: &str) -> Answer {
        if let Err(refused) = self.find(act, Kind::TrunkGroup, sid) {
            return refused;
        }
        let dids = self.sids(Kind::Did, |did| !did.released && did.text("trunk_group_sid") == sid);
        if let Some(did) = dids.first().filter(|_| act.switches.referenced_delete == ReferencedDelete::Conflict) {
            return errors::conflict(act.switches, "trunk group is used by a number", Some(did));
        }
        self.remove_group(act, sid);
        Answer { status: 204, ..Answer::default() }
    }

    /// Deletes a group with its trunks whatever points at it. A person in the console unbinds the numbers first where the API would
    /// insist on it.
    pub(super) fn remove_group(&mut self, act: &mut Act<'_>, sid: &str) {
        let clears = match act.switches.referenced_delete {
            ReferencedDelete::Dangling => false,
            ReferencedDelete::Cascade => true,
            ReferencedDelete::Conflict => act.actor == Actor::Console,
        };
        self.remove(act, Kind::TrunkGroup, sid);
        for trunk in self.sids(Kind::Trunk, |trunk| trunk.group == sid) {
            self.remove(act, Kind::Trunk, &trunk);
        }
        if clears {
            for did in self.sids(Kind::Did, |did| !did.released && did.text("trunk_group_sid") == sid) {
                self.detach(act, Kind::Did, &did, "trunk_group_sid");
            }
        }
    }

    fn new_trunk(&self, act: &Act<'_>, body: &Value) -> Result<Object, Answer> {
        let Some(body) = body.as_object() else { return Err(Complaints::one("trunks", "objects are needed").answer(act.switches)) };
        let trunk = created(Kind::Trunk, &without_empty(body), &[], act.switches).map_err(|complaints| complaints.answer(act.switches))?;
        self.check_endpoint(act, &trunk)?;
        Ok(trunk)
    }

    /// A trunk leads to an endpoint that exists, or nowhere.
    fn check_endpoint(&self, act: &Act<'_>, trunk: &Object) -> Result<(), Answer> {
        match trunk.get("endpoint_sid").and_then(Value::as_str) {
            Some(sid) if self.find(act, Kind::Endpoint, sid).is_err() => {
                Err(Complaints::one("endpoint_sid", "there is no such endpoint").answer(act.switches))
            }
            _ => Ok(()),
        }
    }

    fn insert_trunk(&mut self, act: &mut Act<'_>, group: &str, mut trunk: Object) -> Value {
        let (sid, account) = (self.new_sid(act, Kind::Trunk), act.account.clone());
        trunk.insert("trunk_sid".to_owned(), json!(sid));
        let record = Record { fields: trunk.clone(), group: group.to_owned(), released: false };
        self.insert(act, Kind::Trunk, &sid, &account, End::Newest, record);
        Value::Object(trunk)
    }

    pub(super) fn create_trunk(&mut self, act: &mut Act<'_>, group: &str, body: &Object) -> Answer {
        let made = self.find(act, Kind::TrunkGroup, group).and_then(|_| self.new_trunk(act, &Value::Object(body.clone())));
        match made {
            Ok(trunk) => Answer::json(200, &self.insert_trunk(act, group, trunk)),
            Err(refused) => refused,
        }
    }

    /// A trunk by both of its SIDs.
    pub(super) fn find_trunk(&self, act: &Act<'_>, group: &str, sid: &str) -> Result<&Record, Answer> {
        self.find(act, Kind::Trunk, sid)
            .and_then(|trunk| if trunk.group == group { Ok(trunk) } else { Err(errors::not_found(act.switches)) })
    }

    pub(super) fn update_trunk(&mut self, act: &mut Act<'_>, group: &str, sid: &str, update: Update<'_>) -> Answer {
        let body = without_empty(update.body);
        let update = Update { body: &body, ..update };
        let updated = self.find_trunk(act, group, sid).and_then(|record| {
            let object =
                update.apply(Kind::Trunk, &record.fields, &[], act.switches).map_err(|complaints| complaints.answer(act.switches))?;
            if update.writes(&record.fields, "endpoint_sid") {
                self.check_endpoint(act, &object)?;
            }
            Ok(Record { fields: object, ..record.clone() })
        });
        match updated {
            Ok(record) => {
                let answer = Answer::json(200, &Value::Object(record.fields.clone()));
                self.change(act, Kind::Trunk, sid, record);
                answer
            }
            Err(refused) => refused,
        }
    }

    pub(super) fn delete_trunk(&mut self, act: &mut Act<'_>, group: &str, sid: &str) -> Answer {
        match self.find_trunk(act, group, sid) {
            Ok(_) => {
                self.remove(act, Kind::Trunk, sid);
                Answer { status: 204, ..Answer::default() }
            }
            Err(refused) => refused,
        }
    }
}
