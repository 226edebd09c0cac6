//! The provider's world: the partner with its token, all objects, and the changes that leave a trace in the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::errors;
use super::fields::{self, Access, Field, Object};
use super::switches::{ListPartners, Switches};
use super::{OTHER_PARTNER_SID, did};
use crate::simulator::act::{self, Actor, redacted};
use crate::simulator::answer::Answer;
use crate::simulator::store::{End, Item, Store};

/// One request or console act while it is carried out.
pub(super) type Act<'a> = act::Act<'a, Switches>;

/// The kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Endpoint,
    TrunkGroup,
    Trunk,
    Did,
}

impl Kind {
    pub(super) fn fields(self) -> &'static [Field] {
        match self {
            Kind::Endpoint => fields::ENDPOINT,
            Kind::TrunkGroup => fields::TRUNK_GROUP,
            Kind::Trunk => fields::TRUNK,
            Kind::Did => fields::DID,
        }
    }

    /// The field that names the object.
    pub(super) fn sid(self) -> &'static str {
        match self {
            Kind::Endpoint => "endpoint_sid",
            Kind::TrunkGroup => "trunk_group_sid",
            Kind::Trunk => "trunk_sid",
            Kind::Did => "did_sid",
        }
    }

    /// Names of create, update and delete in the ledger.
    fn ops(self, actor: Actor) -> [&'static str; 3] {
        match (self, actor) {
            (Kind::Endpoint, _) => ["create_endpoint", "update_endpoint", "delete_endpoint"],
            (Kind::TrunkGroup, _) => ["create_trunk_group", "update_trunk_group", "delete_trunk_group"],
            (Kind::Trunk, _) => ["create_trunk", "update_trunk", "delete_trunk"],
            (Kind::Did, Actor::Api) => ["rent_did", "update_did", "release_did"],
            // What a test seeds and takes away is neither rented nor released.
            (Kind::Did, Actor::Console) => ["create_did", "update_did", "delete_did"],
        }
    }
}

/// An object with what its fields do not say.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) fields: Object,
    /// The trunk group of a trunk.
    pub(super) group: String,
    /// A number that was given back: it exists, but for nobody.
    pub(super) released: bool,
}

impl Record {
    pub(super) fn of(fields: Object) -> Self {
        Self { fields, ..Self::default() }
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The object as the ledger holds it.
    fn noted(&self) -> Value {
        let mut noted = without_secrets(&Value::Object(self.fields.clone()));
        if !self.group.is_empty() {
            noted["trunk_group_sid"] = json!(self.group);
        }
        noted
    }
}

/// Whose a token is, and what it may do.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) partner: String,
    pub(super) scopes: BTreeSet<String>,
}

/// What is there from the start, and again after a reset.
#[derive(Debug)]
pub(super) struct Seeds {
    pub(super) partner: String,
    pub(super) dids: Vec<String>,
    pub(super) seed: u64,
}

/// Everything that exists. Cloned for a dry run, when an answer is wanted without its effect.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) endpoints: Store<Record>,
    pub(super) trunk_groups: Store<Record>,
    pub(super) trunks: Store<Record>,
    pub(super) dids: Store<Record>,
    pub(super) numbers_rented: u64,
    pub(super) numbers_released: u64,
    pub(super) cents_spent: u64,
    seeds: Arc<Seeds>,
}

impl World {
    pub(super) fn new(tokens: BTreeMap<String, Token>, seeds: Arc<Seeds>) -> Self {
        let (endpoints, trunk_groups, trunks, dids) = (Store::default(), Store::default(), Store::default(), Store::default());
        let mut world =
            Self { tokens, endpoints, trunk_groups, trunks, dids, numbers_rented: 0, numbers_released: 0, cents_spent: 0, seeds };
        world.seed();
        world
    }

    /// The world of the start with the tokens of now.
    pub(super) fn emptied(&self) -> Self {
        Self::new(self.tokens.clone(), Arc::clone(&self.seeds))
    }

    /// The partner whose simulator this is.
    pub(super) fn partner(&self) -> &str {
        &self.seeds.partner
    }

    /// Whether a token may see an object: its partner's own, and those of the sub-partner where the switch says so.
    pub(super) fn reaches(&self, act: &Act<'_>, item: &Item<Record>) -> bool {
        item.account == act.account || (act.switches.list_partners == ListPartners::All && act.account == self.partner())
    }

    /// Each partner's gateway, endpoints of somebody else that are known by address alone, and the numbers asked for. Not in the ledger:
    /// nobody made them.
    fn seed(&mut self) {
        let start = Arc::clone(&self.seeds);
        let mut rng = StdRng::seed_from_u64(start.seed.wrapping_add(0x5eed));
        let seeds = [
            (start.partner.as_str(), "System Gateway", "system_gateway", true, &["203.0.113.10", "203.0.113.11"][..]),
            (OTHER_PARTNER_SID, "somebody-else-1", "third_party", false, &["198.51.100.10"][..]),
            (OTHER_PARTNER_SID, "somebody-else-2", "third_party", false, &["198.51.100.11", "198.51.100.12"][..]),
            (OTHER_PARTNER_SID, "System Gateway", "system_gateway", true, &["203.0.113.99"][..]),
        ];
        for (partner, name, kind, auth_required, ips) in seeds {
            let sid = random_sid(&mut rng);
            let mut object = fields::defaults(fields::ENDPOINT);
            let addresses: Vec<Value> = ips
                .iter()
                .map(|ip| {
                    let mut address = fields::defaults(fields::ADDRESS);
                    address.insert("ip".to_owned(), json!(ip));
                    Value::Object(address)
                })
                .collect();
            let token = (kind == "third_party").then(|| random_sid(&mut rng));
            let members = json!({
                "endpoint_sid": sid, "partner_sid": partner, "name": name, "type": kind, "auth_required": auth_required, "addresses": addresses,
                "voip_token": token,
            });
            object.extend(members.as_object().cloned().unwrap_or_default());
            self.endpoints.seed(&sid, partner, Record::of(object));
        }
        for number in &start.dids {
            let sid = random_sid(&mut rng);
            let record = Record::of(did::fresh(&sid, number, &start.partner, random_sid(&mut rng)));
            self.dids.seed(&sid, &start.partner, record);
        }
    }

    pub(super) fn store(&self, kind: Kind) -> &Store<Record> {
        match kind {
            Kind::Endpoint => &self.endpoints,
            Kind::TrunkGroup => &self.trunk_groups,
            Kind::Trunk => &self.trunks,
            Kind::Did => &self.dids,
        }
    }

    fn store_mut(&mut self, kind: Kind) -> &mut Store<Record> {
        match kind {
            Kind::Endpoint => &mut self.endpoints,
            Kind::TrunkGroup => &mut self.trunk_groups,
            Kind::Trunk => &mut self.trunks,
            Kind::Did => &mut self.dids,
        }
    }

    /// The object of the true present state, if the token may reach it.
    pub(super) fn find(&self, act: &Act<'_>, kind: Kind, sid: &str) -> Result<&Record, Answer> {
        let found = self.store(kind).get(sid).filter(|(item, record)| self.reaches(act, item) && !record.released);
        found.map(|(_, record)| record).ok_or_else(|| errors::not_found(act.switches))
    }

    /// A SID that no object of this kind ever had.
    pub(super) fn new_sid(&self, act: &mut Act<'_>, kind: Kind) -> String {
        loop {
            let sid = random_sid(&mut act.rng);
            if !self.store(kind).knows(&sid) {
                return sid;
            }
        }
    }

    /// Puts in an object that is complete already, and notes it.
    pub(super) fn insert(&mut self, act: &mut Act<'_>, kind: Kind, sid: &str, account: &str, end: End, record: Record) {
        let after = record.noted();
        let (foreign, now_ms) = (act.actor == Actor::Console, act.now_ms);
        self.store_mut(kind).insert(sid, account, foreign, end, record, now_ms);
        act.note_in(account, kind.ops(act.actor)[0], sid, Value::Null, after);
    }

    /// Stores a changed object and notes it, also when nothing is different.
    pub(super) fn change(&mut self, act: &mut Act<'_>, kind: Kind, sid: &str, record: Record) {
        self.change_as(act, kind, sid, record, kind.ops(act.actor)[1]);
    }

    pub(super) fn change_as(&mut self, act: &mut Act<'_>, kind: Kind, sid: &str, record: Record, op: &'static str) {
        let Some((item, old)) = self.store(kind).get(sid) else { return };
        let (account, before, after) = (item.account.clone(), old.noted(), record.noted());
        self.store_mut(kind).update(sid, record, act.now_ms);
        act.note_in(&account, op, sid, before, after);
    }

    /// Takes an object away and notes it.
    pub(super) fn remove(&mut self, act: &mut Act<'_>, kind: Kind, sid: &str) {
        let Some((item, old)) = self.store(kind).get(sid) else { return };
        let (account, before) = (item.account.clone(), old.noted());
        self.store_mut(kind).remove(sid, act.now_ms);
        act.note_in(&account, kind.ops(act.actor)[2], sid, before, Value::Null);
    }

    /// The SIDs of objects of a kind that `keep` holds of.
    pub(super) fn sids(&self, kind: Kind, keep: impl Fn(&Record) -> bool) -> Vec<String> {
        self.store(kind).all().into_iter().filter(|(_, _, record)| keep(record)).map(|(sid, ..)| sid.to_owned()).collect()
    }

    /// Clears `field` of an object that names what is deleted.
    pub(super) fn detach(&mut self, act: &mut Act<'_>, kind: Kind, sid: &str, field: &str) {
        let Some((_, record)) = self.store(kind).get(sid) else { return };
        let mut record = record.clone();
        record.fields.insert(field.to_owned(), Value::Null);
        self.change(act, kind, sid, record);
    }
}

/// A random UUID from the seeded generator.
pub(super) fn random_sid(rng: &mut StdRng) -> String {
    uuid::Builder::from_random_bytes(rng.random()).into_uuid().to_string()
}

/// An object or a body without passwords, logins and tokens. That one is not set is no secret.
pub(super) fn without_secrets(value: &Value) -> Value {
    redacted(value, &|name, value| is_secret(name) && !value.is_null())
}

/// Whether a member of this name carries a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "token", "secret"].iter().any(|word| name.contains(word)) || name == "login"
}

/// The fields that no update may write.
pub(super) fn is_read_only(kind: Kind, name: &str) -> bool {
    name == "partner" || kind.fields().iter().any(|(field, _, _, access)| *field == name && *access != Access::Write)
}
