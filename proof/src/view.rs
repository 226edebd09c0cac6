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
use switchboard::core::evidence::{Evidence, Listing};
use switchboard::core::fields::Secret;
use switchboard::core::mark::Place;
use switchboard::core::memory::Learnt;
use switchboard::core::sighting::Sightings;
use switchboard::core::status;
use switchboard::core::tenancy::Adoptable;
use switchboard::core::time::Moment;
use switchboard::core::trunk_group;
use switchboard::core::view::{AccountView, Adoption, Brakes, Desired, Fresh, Object, Policy, Problem, Thing, Timing, View};

use crate::shown::{Looks, id, other_installation, secret, slot, slots, version};
use crate::state::{self, Age, FRESH, Leader, SLOTS, Said, Seen, Status, UNRESOLVED};
use crate::world::World;

/// So long that every back-off ends within a tick, and short enough that what was refused for good is asked again after three.
pub(crate) const TICK: Duration = Duration::from_secs(10_000);
/// The settle time in ticks: one in which a create is executed at the latest, one in which it becomes visible.
pub const SETTLE: u32 = 2;
/// The present, far enough from the beginning of the process.
pub(crate) const NOW: u32 = 64;
pub(crate) const GENERATION: i64 = 2;

/// Order within a tick: requests begin, those of this pass after those of earlier ones; answers come; decisions are made.
pub(crate) const ASKED: u32 = 1;
pub(crate) const JUST_ASKED: u32 = 2;
pub(crate) const ANSWERED: u32 = 3;
pub(crate) const DECIDED: u32 = 5;

pub(crate) fn moment(age: Age, order: u32) -> Moment {
    Moment(TICK * (NOW - u32::from(age)) + TICK / 10 * order)
}

pub(crate) fn age(moment: Moment) -> Age {
    let ticks = moment.0.as_secs() / TICK.as_secs();
    u8::try_from(u64::from(NOW).saturating_sub(ticks)).unwrap_or(NOW as u8)
}

pub(crate) fn nonce(number: u8) -> String {
    format!("n{number}")
}

pub(crate) fn number(nonce: &str) -> u8 {
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
            brakes: Brakes {
                deletion: leader.no_deletion.then(braked),
                passing: false,
                recreation: leader.no_recreation.then(|| (braked(), None)),
            },
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
}

fn braked() -> Problem {
    Problem { reason: Reason::Braked, message: "the account's brake holds it".into() }
}
