//! Endpoint: an address, or an application that CarrierX hosts (contracts/carrierx.md 4, 5).

use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use serde_json::{Value, json};

use super::errors::{self, Complaints};
use super::fields::{Access, ENDPOINT, Object, defaults};
use super::nested::{VOICEMAIL, key};
use super::switches::{DuplicateOnUpdate, DuplicateScope, GatewayWrite, ReferencedDelete};
use super::update::{Update, created};
use super::world::{Act, Kind, Record, World, random_sid};
use super::{OTHER_PARTNER_SID, show};
use crate::simulator::act::Actor;
use crate::simulator::answer::Answer;
use crate::simulator::store::End;

/// Hosted applications whose `properties` the server fills, and the name of their API.
const HOSTED: [(&str, &str); 5] = [
    ("conference", "conference"),
    ("conference_v2", "conference"),
    ("conference_playback", "conference"),
    ("flexml", "flexml"),
    ("mediator", "mediator"),
];

/// The types that a create may name.
fn is_type(name: &str) -> bool {
    matches!(name, "third_party" | "voicemail") || HOSTED.iter().any(|(hosted, _)| *hosted == name)
}

/// The fields that an update of an endpoint of this type may write.
fn writable(of_type: &str) -> Option<&'static [&'static str]> {
    match of_type {
        "third_party" => None,
        "voicemail" => Some(&["name", "capacity", "properties"]),
        _ => Some(&["name", "capacity"]),
    }
}

/// `properties` as the server fills them.
fn properties(of_type: &str, rng: &mut StdRng) -> Value {
    let Some((_, api)) = HOSTED.iter().find(|(hosted, _)| *hosted == of_type) else { return json!({}) };
    let mut letters = |length: usize| -> String { (0..length).map(|_| char::from(b'a' + rng.random_range(0..26))).collect() };
    json!({
        "account_sid": letters(32), "api_url": format!("https://api.carrierx.com/{api}/v1"), "container_sid": "null",
        "login": format!("sandbox_{of_type}_{}", letters(6)), "password": letters(20),
    })
}

impl World {
    pub(super) fn create_endpoint(&mut self, act: &mut Act<'_>, body: &Object, may_set_auth: bool) -> Answer {
        match self.new_endpoint(act, body, may_set_auth) {
            Ok(record) => {
                let (sid, account) = (record.text("endpoint_sid").to_owned(), record.text("partner_sid").to_owned());
                let shown = show::endpoint(&record.fields, act.switches);
                self.insert(act, Kind::Endpoint, &sid, &account, End::Newest, record);
                Answer::json(200, &Value::Object(shown))
            }
            Err(refused) => refused,
        }
    }

    fn new_endpoint(&self, act: &mut Act<'_>, body: &Object, may_set_auth: bool) -> Result<Record, Answer> {
        if body.contains_key("auth_required") && !may_set_auth {
            return Err(errors::no_permission(act.switches, "auth_required"));
        }
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let of_type = text("type");
        let mut complaints = Complaints::default();
        if text("name").is_empty() {
            complaints.add("name", "field is required");
        }
        if !is_type(of_type) {
            complaints.add("type", "no endpoint of this type can be created");
        }
        if of_type != "third_party" && body.get("addresses").is_some_and(|addresses| *addresses != json!([])) {
            complaints.add("addresses", "only a third_party endpoint has addresses");
        }
        let partner = body.get("partner_sid").and_then(Value::as_str).unwrap_or(&act.account).to_owned();
        let is_parent = act.account == self.partner();
        if partner != act.account && !(is_parent && partner == OTHER_PARTNER_SID) {
            complaints.add("partner_sid", "there is no such partner");
        }
        let object = complaints.or(()).and_then(|()| created(Kind::Endpoint, body, &["properties", "partner_sid"], act.switches));
        let mut object = object.map_err(|complaints| complaints.answer(act.switches))?;
        self.check_name(act, Kind::Endpoint, None, text("name"))?;
        self.check_duplicate(act, None, &object)?;
        let token = (of_type == "third_party").then(|| random_sid(&mut act.rng));
        let members = [
            ("endpoint_sid", json!(self.new_sid(act, Kind::Endpoint))),
            ("partner_sid", json!(partner)),
            ("properties", properties(of_type, &mut act.rng)),
            ("voip_token", json!(token)),
        ];
        object.extend(members.map(|(name, value)| (name.to_owned(), value)));
        Ok(Record::of(object))
    }

    /// Refuses a second endpoint without authentication on the same address and port.
    fn check_duplicate(&self, act: &Act<'_>, sid: Option<&str>, object: &Object) -> Result<(), Answer> {
        let open = |object: &Object| object.get("auth_required") == Some(&json!(false));
        if !open(object) {
            return Ok(());
        }
        let keys =
            |object: &Object| -> Vec<_> { object.get("addresses").and_then(Value::as_array).into_iter().flatten().map(key).collect() };
        let ours = keys(object);
        let clashes = self.endpoints.all().into_iter().any(|(other, item, record)| {
            Some(other) != sid
                && (act.switches.duplicate_scope == DuplicateScope::Platform || item.account == act.account)
                && open(&record.fields)
                && keys(&record.fields).iter().any(|key| ours.contains(key))
        });
        if clashes { Err(errors::duplicate(act.switches)) } else { Ok(()) }
    }

    pub(super) fn update_endpoint(&mut self, act: &mut Act<'_>, sid: &str, update: Update<'_>, may_set_auth: bool) -> Answer {
        match self.updated_endpoint(act, sid, update, may_set_auth) {
            Ok(record) => {
                let shown = show::endpoint(&record.fields, act.switches);
                self.change(act, Kind::Endpoint, sid, record);
                Answer::json(200, &Value::Object(shown))
            }
            Err(refused) => refused,
        }
    }

    fn updated_endpoint(&self, act: &Act<'_>, sid: &str, update: Update<'_>, may_set_auth: bool) -> Result<Record, Answer> {
        let record = self.find(act, Kind::Endpoint, sid)?;
        self.guard_gateway(act, record)?;
        if update.body.contains_key("auth_required") && !may_set_auth {
            return Err(errors::no_permission(act.switches, "auth_required"));
        }
        let (old, of_type) = (&record.fields, record.text("type"));
        let ignored: &[&str] = if of_type == "voicemail" { &[] } else { &["properties"] };
        let allowed = check_hosted(of_type, old, update);
        let object = allowed.and_then(|()| update.apply(Kind::Endpoint, old, ignored, act.switches));
        let object = object.map_err(|complaints| complaints.answer(act.switches))?;
        if update.body.contains_key("name") {
            self.check_name(act, Kind::Endpoint, Some(sid), object.get("name").and_then(Value::as_str).unwrap_or_default())?;
        }
        if act.switches.duplicate_on_update == DuplicateOnUpdate::Check {
            self.check_duplicate(act, Some(sid), &object)?;
        }
        Ok(Record::of(object))
    }

    /// The carrier's own endpoint cannot be written.
    fn guard_gateway(&self, act: &Act<'_>, record: &Record) -> Result<(), Answer> {
        if record.text("type") != "system_gateway" {
            return Ok(());
        }
        Err(match act.switches.gateway_write {
            GatewayWrite::Forbidden => errors::forbidden(act.switches),
            GatewayWrite::Unprocessable => errors::error(act.switches, 422, "object validation error", &json!([])),
        })
    }

    pub(super) fn delete_endpoint(&mut self, act: &mut Act<'_>, sid: &str) -> Answer {
        let record = match self.find(act, Kind::Endpoint, sid) {
            Ok(record) => record,
            Err(refused) => return refused,
        };
        if let Err(refused) = self.guard_gateway(act, record) {
            return refused;
        }
        let trunks = self.sids(Kind::Trunk, |trunk| trunk.text("endpoint_sid") == sid);
        if let Some(trunk) = trunks.first().filter(|_| act.switches.referenced_delete == ReferencedDelete::Conflict) {
            return errors::conflict(act.switches, "endpoint is used by a trunk", Some(trunk));
        }
        self.remove_endpoint(act, sid);
        Answer { status: 204, ..Answer::default() }
    }

    /// Deletes an endpoint whatever names it. A person in the console clears the trunks first where the API would insist on it.
    pub(super) fn remove_endpoint(&mut self, act: &mut Act<'_>, sid: &str) {
        let clears = match act.switches.referenced_delete {
            ReferencedDelete::Dangling => false,
            ReferencedDelete::Cascade => true,
            ReferencedDelete::Conflict => act.actor == Actor::Console,
        };
        self.remove(act, Kind::Endpoint, sid);
        if clears {
            for trunk in self.sids(Kind::Trunk, |trunk| trunk.text("endpoint_sid") == sid) {
                self.detach(act, Kind::Trunk, &trunk, "endpoint_sid");
            }
        }
    }

    /// An endpoint of somebody else in the account, for list faults.
    pub(super) fn stranger(act: &mut Act<'_>, sid: &str) -> Object {
        let members = [
            ("endpoint_sid", json!(sid)),
            ("partner_sid", json!(act.account)),
            ("name", json!(format!("somebody-else-{}", act.rng.next_u32()))),
            ("type", json!("third_party")),
            ("voip_token", json!(random_sid(&mut act.rng))),
        ];
        defaults(ENDPOINT).into_iter().chain(members.map(|(name, value)| (name.to_owned(), value))).collect()
    }
}

/// Hosted applications have few fields that an update may write.
fn check_hosted(of_type: &str, old: &Object, update: Update<'_>) -> Result<(), Complaints> {
    let Some(allowed) = writable(of_type) else { return Ok(()) };
    let mut complaints = Complaints::default();
    let known = Kind::Endpoint.fields().iter().filter(|(_, _, _, access)| *access == Access::Write);
    for (name, ..) in known.filter(|(name, ..)| !allowed.contains(name) && update.writes(old, name)) {
        complaints.add(name, "field cannot be modified for this type");
    }
    if let Some(properties) = update.body.get("properties").and_then(Value::as_object).filter(|_| of_type == "voicemail") {
        for name in properties.keys().filter(|name| !VOICEMAIL.contains(&name.as_str())) {
            complaints.add(&format!("properties.{name}"), "field cannot be modified for this type");
        }
    }
    complaints.or(())
}
