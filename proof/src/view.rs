//! From numbers to the view that the shipping `next` decides on, and back. Every question and every lesson is asked of the shipping
//! code once and remembered: the same view gives the same answer.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use switchboard::api::condition::{Condition, ConditionType, Reason};
use switchboard::api::ledger::{Intent, Ledger};
use switchboard::api::policy::{DriftPolicy, ExternalDeletionPolicy};
use switchboard::api::refs::AccountIdentity;
use switchboard::api::sip_endpoint::{SipEndpointStatus, TrunkGroupStatus};
use switchboard::core::action::{Action, Finding};
use switchboard::core::capabilities::Capabilities;
use switchboard::core::endpoint::connection::{self, ConnectionSecret, Held};
use switchboard::core::evidence::{Evidence, Got, Listing, Referenced, Search};
use switchboard::core::fields::Secret;
use switchboard::core::mark::Place;
use switchboard::core::memory::{Deleted, Learnt, Memory, OwnIntent, Trouble, TroubleKind, Undeleted, Updated};
use switchboard::core::outcome::{Outcome, RefusalKind};
use switchboard::core::shared::read_back::Normalised;
use switchboard::core::sighting::Sightings;
use switchboard::core::status;
use switchboard::core::tenancy::Adoptable;
use switchboard::core::time::Moment;
use switchboard::core::trunk_group;
use switchboard::core::view::{AccountView, Adoption, Brakes, Desired, Fresh, Object, Policy, Problem, Thing, Timing, View};

use crate::besides::Besides;
use crate::lesson::Lesson;
use crate::shown::{Looks, change_of, id, other_installation, refused, secret, slot, slots, unknown, version};
use crate::state::{self, Age, Answer, FRESH, Leader, Own, SLOTS, Said, Seen, Status, UNRESOLVED, Update};
use crate::world::World;

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

fn nonce(number: u8) -> String {
    format!("n{number}")
}

fn number(nonce: &str) -> u8 {
    nonce.strip_prefix('n').and_then(|digits| digits.parse().ok()).unwrap_or(FRESH)
}

/// The parts of a view that are the same in all of them.
#[derive(Debug)]
pub struct Template {
    /// How things look.
    pub looks: Looks,
    policy: Policy,
    generates: bool,
}

impl Template {
    /// For the objects of this world.
    pub fn new(world: &World) -> Self {
        let policy = Policy {
            management: world.management,
            deletion: world.deletion,
            drift: DriftPolicy::Correct,
            external_deletion: ExternalDeletionPolicy::Recreate,
        };
        Self { looks: Looks::new(world), policy, generates: world.generates }
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
            mark: self.looks.mark.clone(),
            thing: self.looks.thing,
            installation: self.looks.installation.clone(),
            policy: self.policy,
            adopt: object.adopts.then(|| Adoption { id: id(0), from_installation: None, allowed: Adoptable::Yes }),
            connection: self.connection(leader),
            claims: slots(leader.claims).map(|slot| (id(slot), "SipEndpoint bob".to_owned())).collect(),
            account: AccountView::Ready {
                provider: self.looks.capabilities.provider,
                id: if leader.astray { "MA2" } else { "MA1" }.into(),
                listed_this_term: leader.term,
                capabilities: Capabilities {
                    list_filter: self.looks.capabilities.list_filter && !leader.besides.blind,
                    ..self.looks.capabilities
                },
                suspended: leader.suspended,
                deletions_only: None,
            },
            // What was looked at in an earlier term does not count.
            term: match (self.looks.thing, leader.besides.looked) {
                (Thing::Endpoint, false) => moment(0, DECIDED + 1),
                _ => leader.besides.born.map_or(Moment::ZERO, |age| moment(age, 0)),
            },
            brakes: Brakes { deletion: leader.no_deletion.then(braked), recreation: leader.no_recreation.then(|| (braked(), None)) },
            evidence: Evidence::default(),
            memory: learnt.memory.clone(),
            now: moment(0, DECIDED),
            timing: Timing { settle: TICK * SETTLE, retry_base: Duration::from_secs(1) },
            fresh: Fresh { nonce: nonce(FRESH), time: Time(Timestamp::UNIX_EPOCH), writer: "me".into(), seed: 7 },
            stopping: false,
        };
        if self.looks.thing == Thing::TrunkGroup {
            view.evidence.gets.clone_from(&learnt.gets);
            self.gather_group(&mut view);
        }
        view.evidence = self.evidence(&view, &learnt, leader);
        (view, learnt)
    }

    /// As the operator does: a trunk group that nobody needs is deleted while its object lives, and what was begun is finished. It is guarded
    /// by what the object's status says of it, not by a finalizer.
    fn gather_group(&self, view: &mut View) {
        view.object.deleting |= trunk_group::may_be_gone(view);
        let since = view.memory.free_since.unwrap_or(view.now);
        view.memory.free_since = view.object.deleting.then_some(since);
        if view.object.deleting {
            view.object.finalizer = view.status.endpoint_id.is_some() || view.status.ledger.is_some();
            view.desired = Desired::Blocked(Problem { reason: Reason::Deleting, message: "deleting".into() });
        }
    }

    /// What is wanted, once there is a password.
    fn desired(&self, leader: &Leader) -> Desired {
        let object = leader.copy.unwrap_or_default();
        let blocked = |reason, message: &str| Problem { reason, message: message.into() };
        if object.deleting || leader.gone {
            return Desired::Blocked(blocked(Reason::Deleting, "deleting"));
        }
        match self.generates && leader.phone.is_none() {
            true => Desired::Unmade(blocked(Reason::SecretNotFound, "no password")),
            false => self.looks.wanted(object.alias),
        }
    }

    fn connection(&self, leader: &Leader) -> Option<ConnectionSecret> {
        if !self.generates || leader.gone || leader.copy.unwrap_or_default().deleting {
            return None;
        }
        let held = leader.phone.map_or(Held::Absent, |phone| {
            let shown = phone.of.map(|slot| self.looks.label(slot, Seen::default())).into_iter().flat_map(|username| {
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
                let shown = (0..SLOTS).filter_map(|slot| listing.seen[slot].map(|seen| self.looks.remote(slot as u8, seen)));
                let shown = shown.map(|remote| (remote.id.clone(), remote)).collect();
                (moment(listing.age, ASKED), listing.complete, Sightings::new(shown, None))
            })
            .collect();
        let listings: Vec<Listing<'_>> =
            endpoints.iter().map(|(began, complete, endpoints)| Listing { began: *began, complete: *complete, endpoints }).collect();
        // Nothing is shown of a password, as in Plivo's listings.
        learnt.evidence(view, &listings, |_, _| None)
    }

    fn status(&self, status: &Status) -> SipEndpointStatus {
        let ledger = status.ledger.map(|ledger| Ledger {
            uid: format!("uid-{}", ledger.uid),
            installation: if ledger.elsewhere { other_installation() } else { self.looks.installation.clone() }.part().to_owned(),
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
        let adopted = status.recorded.filter(|_| self.looks.adopts);
        let label = adopted.map(|slot| self.looks.label(slot, Seen { foreign: status.stranger, ..Seen::default() }));
        let (name, username) = match self.looks.mark.place() {
            Place::Name => (label, None),
            Place::Username => (None, label),
        };
        let condition = |type_: ConditionType, reason: Reason, generation| Condition {
            type_: type_.as_str().into(),
            status: "True".into(),
            reason: reason.as_str().into(),
            message: String::new(),
            observed_generation: Some(generation),
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
        };
        let mut conditions =
            vec![condition(ConditionType::Synced, Reason::Available, if status.synced { GENERATION } else { GENERATION - 1 })];
        if self.looks.thing == Thing::TrunkGroup && *status != (Status { pinned: status.pinned, ..Status::default() }) {
            // Without it nothing is said of a group at all.
            let reason = match status.said {
                Said::Nothing => Reason::Progressing,
                Said::Goes => Reason::Deleting,
                Said::Refused => Reason::DeletionRefused,
            };
            conditions.push(condition(ConditionType::Ready, reason, GENERATION));
        }
        let status = SipEndpointStatus {
            ledger,
            endpoint_id: status.recorded.map(id),
            name,
            username,
            account: status.pinned.then(|| AccountIdentity { provider: self.looks.capabilities.provider, id: "MA1".into() }),
            sip_uri: status.read.then(|| "sip:alice@phone.example".to_owned()),
            conditions,
            ..SipEndpointStatus::default()
        };
        self.stored(status)
    }

    /// As it is read again after it was written: of a trunk group, as a part of its object's status.
    fn stored(&self, status: SipEndpointStatus) -> SipEndpointStatus {
        match self.looks.thing {
            Thing::Endpoint => status,
            Thing::TrunkGroup => {
                let told = trunk_group::told(&status);
                let whole = SipEndpointStatus { account: status.account, trunk_group: told, ..SipEndpointStatus::default() };
                trunk_group::known(&whole, self.looks.mark.place())
            }
        }
    }

    /// What is written for a finding.
    pub fn report(&self, view: &View, finding: &Finding) -> Status {
        match self.looks.thing {
            Thing::Endpoint => self.number_status(&status::report(view, finding)),
            Thing::TrunkGroup => self.number_group(view, trunk_group::report(view, finding)),
        }
    }

    /// What is written for an action, if it writes the ledger.
    pub fn after(&self, view: &View, action: &Action) -> Option<Status> {
        match self.looks.thing {
            Thing::Endpoint => status::after(view, action).map(|status| self.number_status(&status)),
            Thing::TrunkGroup => {
                let status = status::after(view, action)?;
                let told = trunk_group::told(&status);
                Some(self.number_group(&View { status, ..view.clone() }, told))
            }
        }
    }

    fn number_group(&self, view: &View, told: Option<TrunkGroupStatus>) -> Status {
        let whole = SipEndpointStatus { account: view.status.account.clone(), trunk_group: told, ..SipEndpointStatus::default() };
        self.number_status(&trunk_group::known(&whole, self.looks.mark.place()))
    }

    /// Back from a status that the shipping code made.
    fn number_status(&self, status: &SipEndpointStatus) -> Status {
        let said = |reason: Reason| {
            let mut ready = status.conditions.iter().filter(|condition| condition.type_ == ConditionType::Ready.as_str());
            ready.any(|ready| ready.reason == reason.as_str())
        };
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
                elsewhere: ledger.installation != self.looks.installation.part(),
            }),
            recorded: status.endpoint_id.as_deref().map(slot),
            pinned: status.account.is_some(),
            read: status.sip_uri.is_some(),
            synced: synced.and_then(|condition| condition.observed_generation) == Some(GENERATION),
            said: match self.looks.thing {
                Thing::TrunkGroup if said(Reason::Deleting) => Said::Goes,
                Thing::TrunkGroup if said(Reason::DeletionRefused) => Said::Refused,
                Thing::TrunkGroup | Thing::Endpoint => Said::Nothing,
            },
            stranger: self.looks.adopts && status.username.as_deref().is_some_and(|username| self.looks.is_stranger(username)),
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
                password_version: self.looks.password().then(version),
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
            update: leader.update.map(|update| self.updated(update)),
            earlier: leader.besides.earlier.iter().flatten().map(|update| self.updated(*update)).collect(),
            undeleted: slots(leader.besides.undeleted).map(|slot| (id(slot), undeleted(&leader.besides, slot))).collect(),
            effect: leader.effect.map_or(Moment::ZERO, |age| moment(age, ANSWERED)),
            trouble: leader
                .trouble
                .map(|refused| trouble(if refused { TroubleKind::Refused(RefusalKind::Unreachable) } else { TroubleKind::Unknown })),
            listing_wanted: leader.running.map(|running| moment(running.age, ASKED)),
            permit: leader.permit,
            pass_began: moment(0, JUST_ASKED),
            lost_uri: None,
            unwritten: None,
            rewritten: None,
            rewrites: Default::default(),
            free_since: leader.besides.free.map(|age| moment(age, DECIDED)),
            // What the answer to an update showed counts more than what other looks show for less than a tick.
            ..Memory::default()
        };
        let gets = (0..SLOTS).filter_map(|slot| {
            let (age, found) = leader.gets[slot]?;
            let found = found.map(|seen| self.looks.remote(slot as u8, seen));
            let id = id(slot as u8);
            let order = match () {
                () if leader.besides.answered & (1 << slot) != 0 => ANSWERED,
                () if leader.just_read & (1 << slot) != 0 => JUST_ASKED,
                () => ASKED,
            };
            Some((id.clone(), Got { id, began: moment(age, order), found }))
        });
        let Besides { searches, just_found, references, just_asked, .. } = &leader.besides;
        let order = |mask: u8, index: usize| if mask & (1 << index) != 0 { JUST_ASKED } else { ASKED };
        let searches = searches.iter().enumerate().filter_map(|(index, search)| {
            let search = search.as_ref()?;
            let found = (0..SLOTS).filter_map(|slot| search.seen[slot].map(|seen| self.looks.remote(slot as u8, seen)));
            let began = moment(search.age, order(*just_found, index));
            Some(Search { began, complete: search.complete, found: found.collect() })
        });
        let references = (0..SLOTS).filter_map(|slot| {
            let (age, used) = references[slot]?;
            let by = if used { vec!["trunk group g1".to_owned()] } else { Vec::new() };
            Some((id(slot as u8), Referenced { began: moment(age, order(*just_asked, slot)), by, asked: (GENERATION, None) }))
        });
        Learnt { memory, gets: gets.collect(), searches: searches.collect(), references: references.collect() }
    }

    fn updated(&self, update: Update) -> Updated {
        Updated { change: self.looks.fields(update.change), at: moment(update.age, ANSWERED), times: u32::from(update.times) }
    }

    fn outcome(&self, answer: Answer) -> Outcome<(String, String)> {
        match answer {
            Answer::Done(slot) => {
                let remote = self.looks.remote(slot, Seen::default());
                Outcome::Done((remote.id, remote.username))
            }
            Answer::Refused => refused(),
            Answer::Unknown => unknown(),
        }
    }

    /// What a leader remembers after a lesson of the shipping code.
    pub fn number_learnt(&self, leader: &Leader, learnt: &Learnt) -> Leader {
        let memory = &learnt.memory;
        debug_assert_eq!(memory.normalised, Normalised::default(), "no world changes what was sent often enough");
        let Besides { looked, blind, born, .. } = leader.besides;
        let free = memory.free_since.map(|since| age(since).min(1));
        let besides = Besides { looked, blind, born, free, ..Besides::default() };
        let mut after = Leader { deleted: [None; SLOTS], gets: [None; SLOTS], just_read: 0, just_deleted: 0, besides, ..*leader };
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
        after.update = memory.update.as_ref().map(number_update);
        for (place, update) in after.besides.earlier.iter_mut().zip(&memory.earlier) {
            *place = Some(number_update(update));
        }
        after.effect = (memory.effect != Moment::ZERO).then(|| age(memory.effect));
        after.trouble = memory.trouble.as_ref().map(|trouble| matches!(trouble.kind, TroubleKind::Refused(_)));
        after.permit = memory.permit;
        for (id, got) in &learnt.gets {
            after.just_read |= u8::from(got.began >= memory.pass_began) << slot(id);
            let answered = self.looks.named() && got.began >= moment(age(got.began), ANSWERED);
            after.besides.answered |= u8::from(answered) << slot(id);
            after.gets[usize::from(slot(id))] = Some((age(got.began), got.found.as_ref().map(|remote| self.looks.seen(remote))));
        }
        self.number_besides(&mut after.besides, learnt);
        after
    }

    fn number_besides(&self, after: &mut Besides, learnt: &Learnt) {
        let just = |began: Moment| u8::from(began >= learnt.memory.pass_began);
        for search in &learnt.searches {
            let mut seen = [None; SLOTS];
            search.found.iter().for_each(|remote| seen[usize::from(slot(&remote.id))] = Some(self.looks.seen(remote)));
            let number = state::Listing { age: age(search.began), complete: search.complete, seen };
            if search.complete {
                after.searches = [after.searches[1], Some(number), None];
                after.just_found = after.just_found >> 1 & 1 | just(search.began) << 1;
            } else {
                after.searches[2] = Some(number);
                after.just_found |= just(search.began) << 2;
            }
        }
        for (id, known) in &learnt.references {
            after.references[usize::from(slot(id))] = Some((age(known.began), !known.by.is_empty()));
            after.just_asked |= just(known.began) << slot(id);
        }
        for (id, undeleted) in &learnt.memory.undeleted {
            after.undeleted |= 1 << slot(id);
            after.just_undeleted |= u8::from(age(undeleted.trouble.at) == 0) << slot(id);
            after.refused |= u8::from(undeleted.conflict) << slot(id);
        }
    }

    /// Teaches what one answer teaches.
    pub fn teach(&self, learnt: &mut Learnt, view: &View, lesson: Lesson) {
        let (began, answered, now) = (moment(0, JUST_ASKED), moment(0, ANSWERED), moment(0, DECIDED));
        match lesson {
            Lesson::Looked => {
                learnt.object_seen(view, None);
                learnt.memory.free_since = view.memory.free_since;
            }
            Lesson::Announced => learnt.intent_begun(view, &nonce(FRESH), now),
            Lesson::Created(answer, shown) => {
                let shown = match answer {
                    Answer::Done(slot) => shown.map(|seen| self.looks.remote(slot, seen)),
                    _ => None,
                };
                learnt.create_answered(view, self.outcome(answer), shown, answered);
            }
            Lesson::Got(slot, found) => {
                let outcome = match found {
                    Some(Some(seen)) => Outcome::Done(self.looks.remote(slot, seen)),
                    Some(None) => Outcome::NotFound { proven: true },
                    None => unknown(),
                };
                learnt.got(view, &id(slot), began, outcome, now);
            }
            Lesson::Updated { slot, change, reply, shown } => {
                let outcome = reply.outcome().map(|()| shown.map(|seen| self.looks.remote(slot, seen)));
                learnt.updated(view, &id(slot), &self.looks.fields(change), &outcome, began, answered);
            }
            Lesson::Deleted(slot, reply) => learnt.deleted(view, &id(slot), &reply.outcome(), began, now),
            Lesson::Found(found) => {
                let outcome = found.map_or_else(unknown, |(seen, complete)| {
                    let found = (0..SLOTS).filter_map(|slot| seen[slot].map(|seen| self.looks.remote(slot as u8, seen)));
                    Outcome::Done((found.collect(), complete))
                });
                learnt.found(view, began, outcome, now);
            }
            Lesson::Referenced(slot, used) => {
                let by = |used| if used { vec!["trunk group g1".to_owned()] } else { Vec::new() };
                let outcome = used.map_or_else(unknown, |used| Outcome::Done(by(used)));
                learnt.referenced(view, &id(slot), began, outcome, now);
            }
            Lesson::Agreed => learnt.agreed(),
            Lesson::Written => {}
        }
    }
}

fn braked() -> Problem {
    Problem { reason: Reason::Braked, message: "the account's brake holds it".into() }
}

fn trouble(kind: TroubleKind) -> Trouble {
    Trouble {
        kind,
        message: "trouble".into(),
        at: moment(0, DECIDED),
        attempts: 1,
        retry_after: None,
        generation: GENERATION,
        password_version: Some(version()),
    }
}

fn undeleted(besides: &Besides, slot: u8) -> Undeleted {
    let age = u8::from(besides.just_undeleted & (1 << slot) == 0);
    let trouble = Trouble { at: moment(age, DECIDED), ..trouble(TroubleKind::Unknown) };
    Undeleted { trouble, conflict: besides.refused & (1 << slot) != 0 }
}

fn number_update(update: &Updated) -> Update {
    Update { age: age(update.at), change: change_of(&update.change), times: update.times.min(2) as u8 }
}
