//! From numbers to the view that the shipping `next` decides on, and back. Every question and every lesson is asked of the shipping
//! code once and remembered: the same view gives the same answer.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use switchboard::api::condition::{Condition, ConditionType, Reason};
use switchboard::api::ledger::{Intent, Ledger, SecretVersion};
use switchboard::api::policy::{DriftPolicy, ExternalDeletionPolicy};
use switchboard::api::refs::{AccountIdentity, ProviderKind};
use switchboard::api::sip_endpoint::SipEndpointStatus;
use switchboard::core::endpoint::connection::{self, ConnectionSecret, Held};
use switchboard::core::evidence::{Evidence, Got, Listing};
use switchboard::core::fields::{Fields, PASSWORD, Remote, Role, Secret, Value};
use switchboard::core::mark::{Installation, Mark, Place};
use switchboard::core::memory::{Deleted, Learnt, Memory, OwnIntent, Trouble, TroubleKind, Updated};
use switchboard::core::outcome::{Doubt, DoubtKind, Outcome, Refusal, RefusalKind};
use switchboard::core::sighting::Sightings;
use switchboard::core::tenancy::Adoptable;
use switchboard::core::time::Moment;
use switchboard::core::view::{
    AccountView, Adoption, Brakes, Desired, Fresh, Object, Policy, Problem, Thing, Timing, View, Wanted, WantedPassword,
};
use switchboard::provider::plivo::CAPABILITIES;

use crate::lesson::Lesson;
use crate::state::{self, Age, Answer, FRESH, Leader, Own, SLOTS, Seen, Status, UNRESOLVED, Update};
use crate::world::{Start, World};

/// So long that every back-off ends within a tick, and short enough that what was refused for good is asked again after three.
const TICK: Duration = Duration::from_secs(10_000);
/// The settle time in ticks: one in which a create is executed at the latest, one in which it becomes visible.
pub const SETTLE: u32 = 2;
/// The present, far enough from the beginning of the process.
const NOW: u32 = 64;
const GENERATION: i64 = 2;

/// Order within a tick: requests begin, those of this pass after those of earlier ones; answers come; decisions are made.
const ASKED: u32 = 1;
const JUST_ASKED: u32 = 2;
const ANSWERED: u32 = 3;
const DECIDED: u32 = 5;

fn moment(age: Age, order: u32) -> Moment {
    Moment(TICK * (NOW - u32::from(age)) + TICK / 10 * order)
}

fn age(moment: Moment) -> Age {
    let ticks = moment.0.as_secs() / TICK.as_secs();
    u8::try_from(u64::from(NOW).saturating_sub(ticks)).unwrap_or(NOW as u8)
}

/// The name of an endpoint.
pub fn id(slot: u8) -> String {
    format!("e{slot}")
}

/// The endpoint of a name.
pub fn slot(id: &str) -> u8 {
    id.strip_prefix('e').and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

fn nonce(number: u8) -> String {
    format!("n{number}")
}

fn number(nonce: &str) -> u8 {
    nonce.strip_prefix('n').and_then(|digits| digits.parse().ok()).unwrap_or(FRESH)
}

fn alias(number: u8) -> Value {
    Value::Text(format!("alias-{number}"))
}

fn alias_number(value: Option<&Value>) -> Option<u8> {
    value.and_then(Value::text).and_then(|text| text.strip_prefix("alias-")).and_then(|digits| digits.parse().ok())
}

fn secret() -> Secret {
    Secret::new("hunter22".into())
}

fn version() -> SecretVersion {
    SecretVersion { uid: "secret".into(), resource_version: "1".into() }
}

/// The parts of a view that are the same in all of them.
#[derive(Debug)]
pub struct Template {
    mark: Mark,
    installation: Installation,
    policy: Policy,
    adopts: bool,
    generates: bool,
}

/// The username of the endpoint that is adopted: no mark.
const ADOPTED: &str = "reception1";

/// Another installation of the operator.
pub fn other_installation() -> Installation {
    Installation::new("cluster-b")
}

impl Template {
    /// For the objects of this world.
    pub fn new(world: &World) -> Self {
        let installation = Installation::new("cluster-a");
        let policy = Policy {
            management: world.management,
            deletion: world.deletion,
            drift: DriftPolicy::Correct,
            external_deletion: ExternalDeletionPolicy::Recreate,
        };
        let adopts = world.start == Start::Adopting;
        Self {
            mark: Mark::new(Place::Username, &installation, "voice", "alice", "alice"),
            installation,
            policy,
            adopts,
            generates: world.generates,
        }
    }

    fn username(&self, slot: u8, foreign: bool) -> String {
        let marked = |mark: &Mark| format!("{mark}{}", 100 + u32::from(slot));
        match (self.adopts, slot, foreign) {
            (true, 0, false) => ADOPTED.to_owned(),
            (true, 0, true) => marked(&Mark::new(Place::Username, &other_installation(), "voice", "alice", "alice")),
            // Whoever it was made for: its mark is none of the business of an object that adopts.
            (true, ..) | (false, _, false) => marked(&self.mark),
            (false, _, true) => format!("mallory{slot}"),
        }
    }

    fn is_stranger(&self, username: &str) -> bool {
        if self.adopts { username != ADOPTED } else { !self.mark.owns(username) }
    }

    fn remote(&self, slot: u8, seen: Seen) -> Remote {
        let username = self.username(slot, seen.foreign);
        Remote {
            id: id(slot),
            sip_uri: Some(format!("sip:{username}@phone.example")),
            username,
            registration: None,
            fields: Fields::from([("alias", alias(seen.alias))]),
            password_digest: None,
            role: Role::Own,
        }
    }

    fn seen(&self, remote: &Remote) -> Seen {
        Seen { alias: alias_number(remote.fields.get("alias")).unwrap_or_default(), foreign: self.is_stranger(&remote.username) }
    }

    /// The view of a leader that knows an object; its memory apart.
    pub fn view(&self, leader: &Leader) -> (View, Learnt) {
        let object = leader.copy.unwrap_or_default();
        let learnt = self.learnt(leader);
        let mut view = View {
            object: Object {
                uid: format!("uid-{}", object.uid),
                generation: GENERATION,
                deleting: object.deleting,
                gone: leader.gone,
                finalizer: object.finalizer,
                paused: object.paused,
                reconcile_requested: None,
                force_orphan: object.given_up.map(|slot| if slot == UNRESOLVED { "unresolved".to_owned() } else { id(slot) }),
            },
            status: self.status(&object.status),
            desired: self.desired(leader),
            mark: self.mark.clone(),
            thing: Thing::Endpoint,
            installation: self.installation.clone(),
            policy: self.policy,
            adopt: object.adopts.then(|| Adoption { id: id(0), from_installation: None, allowed: Adoptable::Yes }),
            connection: self.connection(leader),
            claims: slots(leader.claims).map(|slot| (id(slot), "SipEndpoint bob".to_owned())).collect(),
            account: AccountView::Ready {
                provider: ProviderKind::Plivo,
                id: if leader.astray { "MA2" } else { "MA1" }.into(),
                listed_this_term: leader.term,
                capabilities: CAPABILITIES,
                suspended: leader.suspended,
                deletions_only: None,
            },
            term: Moment::ZERO,
            brakes: Brakes { deletion: leader.no_deletion.then(braked), recreation: leader.no_recreation.then(|| (braked(), None)) },
            evidence: Evidence::default(),
            memory: learnt.memory.clone(),
            now: moment(0, DECIDED),
            timing: Timing { settle: TICK * SETTLE, retry_base: Duration::from_secs(1) },
            fresh: Fresh { nonce: nonce(FRESH), time: Time(Timestamp::UNIX_EPOCH), writer: "me".into(), seed: 7 },
            stopping: false,
        };
        view.evidence = self.evidence(&view, &learnt, leader);
        (view, learnt)
    }

    /// What is wanted, once there is a password.
    fn desired(&self, leader: &Leader) -> Desired {
        match wanted(leader) {
            Desired::Wanted(_) if self.generates && leader.phone.is_none() => {
                Desired::Unmade(Problem { reason: Reason::SecretNotFound, message: "no password".into() })
            }
            desired => desired,
        }
    }

    fn connection(&self, leader: &Leader) -> Option<ConnectionSecret> {
        if !self.generates || leader.gone || leader.copy.unwrap_or_default().deleting {
            return None;
        }
        let held = leader.phone.map_or(Held::Absent, |phone| {
            let shown = phone.of.map(|slot| self.username(slot, false)).into_iter().flat_map(|username| {
                let uri = format!("sip:{username}@phone.example");
                [(connection::USERNAME, username), (connection::SIP_URI, uri), (connection::DOMAIN, "phone.example".to_owned())]
            });
            let mut entries: BTreeMap<String, Secret> = shown.map(|(key, value)| (key.to_owned(), Secret::new(value))).collect();
            entries.insert(connection::PASSWORD.to_owned(), secret());
            Held::Own { version: version(), owned: true, entries }
        });
        Some(ConnectionSecret { name: "alice-phone".into(), generates: true, held })
    }

    fn evidence(&self, view: &View, learnt: &Learnt, leader: &Leader) -> Evidence {
        let endpoints: Vec<(Moment, bool, Sightings)> = leader
            .listings
            .iter()
            .flatten()
            .map(|listing| {
                let shown = (0..SLOTS).filter_map(|slot| listing.seen[slot].map(|seen| self.remote(slot as u8, seen)));
                let shown = shown.map(|remote| (remote.id.clone(), remote)).collect();
                (moment(listing.age, ASKED), listing.complete, Sightings::new(shown, None))
            })
            .collect();
        let listings: Vec<Listing<'_>> =
            endpoints.iter().map(|(began, complete, endpoints)| Listing { began: *began, complete: *complete, endpoints }).collect();
        // This provider shows nothing of a password, as Plivo does in listings.
        learnt.evidence(view, &listings, |_, _| None)
    }

    fn status(&self, status: &Status) -> SipEndpointStatus {
        let ledger = status.ledger.map(|ledger| Ledger {
            uid: format!("uid-{}", ledger.uid),
            installation: if ledger.elsewhere { other_installation() } else { self.installation.clone() }.part().to_owned(),
            epoch: i64::from(ledger.intent.is_some_and(|intent| !intent.open)),
            intent: ledger.intent.map(|intent| Intent {
                epoch: 1,
                nonce: nonce(intent.nonce),
                issued_time: Time(Timestamp::UNIX_EPOCH),
                writer: "me".into(),
            }),
            tombstones: slots(ledger.tombstones).map(id).collect(),
            password_secret: ledger.password.then(version),
        });
        SipEndpointStatus {
            ledger,
            endpoint_id: status.recorded.map(id),
            username: status.recorded.filter(|_| self.adopts).map(|slot| self.username(slot, status.stranger)),
            account: status.pinned.then(|| AccountIdentity { provider: ProviderKind::Plivo, id: "MA1".into() }),
            sip_uri: status.read.then(|| "sip:alice@phone.example".to_owned()),
            conditions: vec![Condition {
                type_: ConditionType::Synced.as_str().into(),
                status: "True".into(),
                reason: Reason::Available.as_str().into(),
                message: String::new(),
                observed_generation: Some(if status.synced { GENERATION } else { GENERATION - 1 }),
                last_transition_time: Time(Timestamp::UNIX_EPOCH),
            }],
            ..SipEndpointStatus::default()
        }
    }

    /// Back from a status that the shipping code made.
    pub fn number_status(&self, status: &SipEndpointStatus) -> Status {
        let synced = status.conditions.iter().find(|condition| condition.type_ == ConditionType::Synced.as_str());
        Status {
            ledger: status.ledger.as_ref().map(|ledger| state::Ledger {
                uid: ledger.uid.strip_prefix("uid-").and_then(|digits| digits.parse().ok()).unwrap_or_default(),
                intent: ledger
                    .intent
                    .as_ref()
                    .map(|intent| state::Intent { nonce: number(&intent.nonce), open: intent.epoch > ledger.epoch }),
                tombstones: ledger.tombstones.iter().fold(0, |mask, id| mask | 1 << slot(id)),
                password: ledger.password_secret.is_some(),
                elsewhere: ledger.installation != self.installation.part(),
            }),
            recorded: status.endpoint_id.as_deref().map(slot),
            pinned: status.account.is_some(),
            read: status.sip_uri.is_some(),
            synced: synced.and_then(|condition| condition.observed_generation) == Some(GENERATION),
            stranger: self.adopts && status.username.as_deref().is_some_and(|username| self.is_stranger(username)),
        }
    }

    fn learnt(&self, leader: &Leader) -> Learnt {
        let memory = Memory {
            intent_known: leader.known.map(|(number, age)| (nonce(number), moment(age, DECIDED))),
            settled_by_server: None,
            blank_since: leader.blank.map(|age| moment(age, DECIDED)),
            own: leader.own.map(|own| OwnIntent {
                nonce: nonce(own.nonce),
                began: moment(own.age, DECIDED),
                password_version: Some(version()),
                answer: own.answer.map(|answer| self.outcome(answer)),
            }),
            deleted: (0..SLOTS)
                .filter_map(|slot| {
                    let (age, confirmed) = leader.deleted[slot]?;
                    let order = match confirmed {
                        true => DECIDED,
                        false if leader.just_deleted & (1 << slot) != 0 => JUST_ASKED,
                        false => ASKED,
                    };
                    Some((id(slot as u8), Deleted { at: moment(age, order), confirmed }))
                })
                .collect(),
            update: leader.update.map(|update| Updated {
                change: change(update.alias, update.password),
                at: moment(update.age, ANSWERED),
                times: u32::from(update.times),
            }),
            effect: leader.effect.map_or(Moment::ZERO, |age| moment(age, ANSWERED)),
            trouble: leader.trouble.map(|refused| Trouble {
                kind: if refused { TroubleKind::Refused(RefusalKind::Unreachable) } else { TroubleKind::Unknown },
                message: "trouble".into(),
                at: moment(0, DECIDED),
                attempts: 1,
                retry_after: None,
                generation: GENERATION,
                password_version: Some(version()),
            }),
            listing_wanted: leader.running.map(|running| moment(running.age, ASKED)),
            permit: leader.permit,
            pass_began: moment(0, JUST_ASKED),
            lost_uri: None,
            unwritten: None,
            rewritten: None,
            rewrites: Default::default(),
            // The endpoints of this provider are changed in one request, which does not answer them.
            ..Memory::default()
        };
        let gets = (0..SLOTS).filter_map(|slot| {
            let (age, found) = leader.gets[slot]?;
            let found = found.map(|seen| self.remote(slot as u8, seen));
            let id = id(slot as u8);
            let order = if leader.just_read & (1 << slot) != 0 { JUST_ASKED } else { ASKED };
            Some((id.clone(), Got { id, began: moment(age, order), found }))
        });
        Learnt { memory, gets: gets.collect::<BTreeMap<_, _>>(), ..Learnt::default() }
    }

    fn outcome(&self, answer: Answer) -> Outcome<(String, String)> {
        match answer {
            Answer::Done(slot) => {
                let remote = self.remote(slot, Seen { alias: 0, foreign: false });
                Outcome::Done((remote.id, remote.username))
            }
            Answer::Refused => refused(),
            Answer::Unknown => unknown(),
        }
    }

    /// What a leader remembers after a lesson of the shipping code.
    pub fn number_learnt(&self, leader: &Leader, learnt: &Learnt) -> Leader {
        let memory = &learnt.memory;
        let mut after = Leader { deleted: [None; SLOTS], gets: [None; SLOTS], just_read: 0, just_deleted: 0, ..*leader };
        after.known = memory.intent_known.as_ref().map(|(nonce, since)| (number(nonce), age(*since)));
        after.blank = memory.blank_since.map(age);
        after.own = memory.own.as_ref().map(|own| Own {
            nonce: number(&own.nonce),
            age: age(own.began).min(1),
            answer: own.answer.as_ref().map(|answer| match answer {
                Outcome::Done((id, _)) => Answer::Done(slot(id)),
                Outcome::Refused(_) => Answer::Refused,
                Outcome::NotFound { .. } | Outcome::Unknown(_) => Answer::Unknown,
            }),
        });
        for (id, deleted) in &memory.deleted {
            after.just_deleted |= u8::from(!deleted.confirmed && deleted.at >= memory.pass_began) << slot(id);
            after.deleted[usize::from(slot(id))] = Some((age(deleted.at), deleted.confirmed));
        }
        after.update = memory.update.as_ref().map(|update| Update {
            age: age(update.at),
            alias: alias_number(update.change.get("alias")),
            password: update.change.contains_key(PASSWORD),
            times: update.times.min(2) as u8,
        });
        after.effect = (memory.effect != Moment::ZERO).then(|| age(memory.effect));
        after.trouble = memory.trouble.as_ref().map(|trouble| matches!(trouble.kind, TroubleKind::Refused(_)));
        after.permit = memory.permit;
        for (id, got) in &learnt.gets {
            after.just_read |= u8::from(got.began >= memory.pass_began) << slot(id);
            after.gets[usize::from(slot(id))] = Some((age(got.began), got.found.as_ref().map(|remote| self.seen(remote))));
        }
        after
    }

    /// Teaches what one answer teaches.
    pub fn teach(&self, learnt: &mut Learnt, view: &View, lesson: Lesson) {
        let (began, answered, now) = (moment(0, JUST_ASKED), moment(0, ANSWERED), moment(0, DECIDED));
        match lesson {
            Lesson::Looked => learnt.object_seen(view, None),
            Lesson::Announced => learnt.intent_begun(view, &nonce(FRESH), now),
            Lesson::Created(answer) => learnt.create_answered(view, self.outcome(answer), None, answered),
            Lesson::Got(slot, found) => {
                let outcome = match found {
                    Some(Some(seen)) => Outcome::Done(self.remote(slot, seen)),
                    Some(None) => Outcome::NotFound { proven: true },
                    None => unknown(),
                };
                learnt.got(view, &id(slot), began, outcome, now);
            }
            Lesson::Updated { slot, alias, password, reply } => {
                learnt.updated(view, &id(slot), &change(alias, password), &reply.outcome().map(|()| None), began, answered);
            }
            Lesson::Deleted(slot, reply) => learnt.deleted(view, &id(slot), &reply.outcome(), began, now),
            Lesson::Agreed => learnt.agreed(),
        }
    }
}

fn slots(mask: u8) -> impl Iterator<Item = u8> {
    (0..SLOTS as u8).filter(move |slot| mask & (1 << slot) != 0)
}

fn braked() -> Problem {
    Problem { reason: Reason::Braked, message: "the account's brake holds it".into() }
}

fn change(number: Option<u8>, password: bool) -> Fields {
    let mut change = Fields::new();
    if let Some(number) = number {
        change.insert("alias", alias(number));
    }
    if password {
        change.insert(PASSWORD, Value::Secret(secret()));
    }
    change
}

/// What is wanted of an object without a stored password, as if there were one.
pub fn wanted_anyway() -> Desired {
    wanted(&Leader::default())
}

/// The alias and the password in a change.
pub fn number_change(change: &Fields) -> (Option<u8>, bool) {
    (alias_number(change.get("alias")), change.contains_key(PASSWORD))
}

fn wanted(leader: &Leader) -> Desired {
    let object = leader.copy.unwrap_or_default();
    if object.deleting || leader.gone {
        return Desired::Blocked(Problem { reason: Reason::Deleting, message: "deleting".into() });
    }
    let fields = Fields::from([("alias", alias(object.alias))]);
    let mut create = fields.clone();
    create.insert(PASSWORD, Value::Secret(secret()));
    let password = Some(WantedPassword { value: secret(), version: version(), along: None });
    Desired::Wanted(Box::new(Wanted { fields, create, password }))
}

fn refused<T>() -> Outcome<T> {
    Outcome::Refused(Refusal { kind: RefusalKind::Unreachable, message: "no".into(), retry_after: None })
}

/// Nobody knows.
pub fn unknown<T>() -> Outcome<T> {
    Outcome::Unknown(Doubt { kind: DoubtKind::TimeOut, message: "no answer".into() })
}
