//! Everything a decision may look at, as one value. [`super::endpoint::next`] reads a [`View`] and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::condition::{Condition, Reason};
use crate::api::ledger::{Intent, Ledger, SecretVersion};
use crate::api::policy::{DeletionPolicy, DriftPolicy, ExternalDeletionPolicy, ManagementPolicy};
use crate::api::refs::{AccountIdentity, ProviderKind};
use crate::api::sip_endpoint::SipEndpointStatus;
use crate::core::capabilities::Capabilities;
pub use crate::core::desired::{Desired, Password, Wanted, WantedPassword};
use crate::core::endpoint::connection::ConnectionSecret;
use crate::core::evidence::Evidence;
use crate::core::fields::{PASSWORD, Value};
use crate::core::mark::{Installation, Mark, Place};
pub use crate::core::memory::{Deleted, Memory, OwnIntent, Shown, Trouble, TroubleKind, Undeleted, Updated};
use crate::core::shared::{Viewed, Words};
use crate::core::tenancy::Adoptable;
use crate::core::time::Moment;

/// What an object has at its provider. The protocol is the same for both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thing {
    /// A SIP endpoint.
    #[default]
    Endpoint,
    /// What leads numbers to an endpoint, where they cannot point to it themselves.
    TrunkGroup,
}

impl Thing {
    /// What people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Thing::Endpoint => "endpoint",
            Thing::TrunkGroup => "trunk group",
        }
    }
}

/// One SipEndpoint, what it wants, what is known of it and how it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// What this view is about. Of a trunk group the object is its SipEndpoint, and what is said of an endpoint below is said of the group.
    pub thing: Thing,
    /// The Kubernetes object.
    pub object: Object,
    /// Its status as last read or written, with the ledger in it.
    pub status: SipEndpointStatus,
    /// What the spec and everything it points at amount to.
    pub desired: Desired,
    /// The object's mark, within the username or the name that is sent for it.
    pub mark: Mark,
    /// This installation.
    pub installation: Installation,
    /// What to do with what.
    pub policy: Policy,
    /// Which existing endpoint this object takes over, if it does.
    pub adopt: Option<Adoption>,
    /// The Secret for the phone, if the spec names one and the object is to exist.
    pub connection: Option<ConnectionSecret>,
    /// Endpoints that concern this object but that another live object has a better right to: id → who, in words.
    pub claims: BTreeMap<String, String>,
    /// The provider account.
    pub account: AccountView,
    /// When the present term of the account's collection began: what was looked at before may be another cluster's past.
    pub term: Moment,
    /// What the account's brakes say of this object.
    pub brakes: Brakes,
    /// What the provider was seen to hold.
    pub evidence: Evidence,
    /// What this process remembers of its own acts.
    pub memory: Memory,
    /// The process's monotonic clock.
    pub now: Moment,
    /// The waits of the protocol.
    pub timing: Timing,
    /// Randomness and names for the next intent, should there be one.
    pub fresh: Fresh,
    /// The process is shutting down: what was begun is ended, nothing new is begun.
    pub stopping: bool,
}

/// What matters of the object's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Identity for preconditions and the ledger; never for ownership at the provider.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// `deletionTimestamp` is set.
    pub deleting: bool,
    /// A live read found no object of this uid any more.
    pub gone: bool,
    /// Our finalizer is on it.
    pub finalizer: bool,
    /// `switchboard.dev/paused: "true"`.
    pub paused: bool,
    /// `switchboard.dev/reconcile-requested-at`, to be echoed.
    pub reconcile_requested: Option<String>,
    /// `switchboard.dev/force-orphan`: the endpoint that is given up, or `unresolved`.
    pub force_orphan: Option<String>,
}

impl Object {
    /// It is no more, or will not be whatever we do: nobody wakes it again.
    pub fn over(&self) -> bool {
        self.gone || self.deleting && !self.finalizer
    }
}

/// An endpoint that exists already and is to become this object's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// Its id at the provider.
    pub id: String,
    /// The installation whose mark it may carry.
    pub from_installation: Option<String>,
    /// Whether the account lets the object's namespace adopt it.
    pub allowed: Adoptable,
}

/// What the account's brakes say of one object. They stop what looks like an accident until somebody acknowledges it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brakes {
    /// Its recorded endpoint may not be deleted now.
    pub deletion: Option<Problem>,
    /// What stands behind `deletion` is itself on its way out.
    pub passing: bool,
    /// No new endpoint may be made in place of one that was proven gone; until when, if that ends by itself.
    pub recreation: Option<(Problem, Option<Moment>)>,
}

/// A reason and a message for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// From the closed set.
    pub reason: Reason,
    /// What is wrong, where, what to do, what the operator does meanwhile.
    pub message: String,
}

/// The policies of the object, defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether anything may be written at the provider.
    pub management: ManagementPolicy,
    /// What happens to the endpoint when the object goes.
    pub deletion: DeletionPolicy,
    /// What happens when somebody edits the endpoint elsewhere.
    pub drift: DriftPolicy,
    /// What happens when somebody deletes it elsewhere.
    pub external_deletion: ExternalDeletionPolicy,
}

/// The account as far as one object needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountView {
    /// This process has not looked at it yet: whether it exists is open, and nothing is said about it.
    Unknown,
    /// No account object of that name.
    Missing(Problem),
    /// It exists but cannot be used now.
    NotReady(Problem),
    /// Calls can be made.
    Ready {
        /// The provider.
        provider: ProviderKind,
        /// The account id that the credentials lead to.
        id: String,
        /// One complete listing was taken since this process began: nothing is created before that.
        listed_this_term: bool,
        /// How the provider differs from others.
        capabilities: Capabilities,
        /// `spec.suspend` of the account: nothing is written at the provider for its objects.
        suspended: bool,
        /// The account is on its way out or its Secret is gone: what was proven serves running deletions, and nothing else.
        deletions_only: Option<Problem>,
    },
}

/// The waits, all parts of one setting so that they shrink together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// After this a create that is not seen has not happened and will not happen.
    pub settle: Duration,
    /// First delay of a retry.
    pub retry_base: Duration,
}

impl Timing {
    /// From the beginning of the intent's write to handing over the create: 10 s of 150.
    pub fn issue(&self) -> Duration {
        self.settle / 15
    }

    /// Total time-out of a create, connecting included: 20 s of 150.
    pub fn create(&self) -> Duration {
        self.settle * 2 / 15
    }

    /// How long an effect may stay invisible: 60 s of 150.
    pub fn visible(&self) -> Duration {
        self.settle * 6 / 15
    }

    /// First step of the search for a lost create: 2 s of 150.
    pub fn search(&self) -> Duration {
        self.settle / 75
    }
}

/// Values that a pure function cannot make itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// Of the next intent.
    pub nonce: String,
    /// The time on the API server's clock.
    pub time: Time,
    /// Who writes.
    pub writer: String,
    /// Spreads retries.
    pub seed: u64,
}

/// What is recorded as the object's endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded<'a> {
    /// The provider's id.
    pub id: &'a str,
}

impl View {
    /// The ledger, unless it is another object's (a restored status).
    pub fn ledger(&self) -> Option<&Ledger> {
        self.status.ledger.as_ref().filter(|ledger| ledger.uid == self.object.uid)
    }

    /// The recorded endpoint. It counts without a ledger too: a forged or restored id meets the check of its mark. An adopted one is
    /// recorded together with its label; without, it is not recorded.
    pub fn recorded(&self) -> Option<Recorded<'_>> {
        let id = self.status.endpoint_id.as_deref().filter(|id| !id.is_empty())?;
        let adopted = self.adopt.as_ref().is_none_or(|adopt| adopt.id == id && self.label().is_some());
        adopted.then_some(Recorded { id })
    }

    /// The label of the recorded endpoint, as it was last seen.
    pub fn label(&self) -> Option<&str> {
        match self.mark.place() {
            Place::Username => self.status.username.as_deref(),
            Place::Name => self.status.name.as_deref(),
        }
    }

    /// The ledger is this installation's: what it recorded is ours.
    pub fn own_ledger(&self) -> Option<&Ledger> {
        self.ledger().filter(|ledger| ledger.installation == self.installation.part())
    }

    /// How the provider differs from others, as far as its account can be used.
    pub fn capabilities(&self) -> Option<&Capabilities> {
        match &self.account {
            AccountView::Ready { capabilities, .. } => Some(capabilities),
            AccountView::Unknown | AccountView::Missing(_) | AccountView::NotReady(_) => None,
        }
    }

    /// What carries the mark can be asked for, in one call.
    pub fn selects(&self) -> bool {
        self.adopt.is_none() && self.capabilities().is_some_and(|capabilities| capabilities.list_filter)
    }

    /// It has an address of its own and registers, as far as is known.
    pub fn registers(&self) -> bool {
        self.thing == Thing::Endpoint && self.capabilities().is_none_or(|capabilities| capabilities.registers)
    }

    /// The provider is asked what points to a thing before that is deleted.
    pub fn referenced(&self) -> bool {
        self.capabilities().is_some_and(|capabilities| capabilities.referenced)
    }

    /// Somebody has looked in this term for what there is already: all of it, or all that carries the mark.
    pub fn looked_this_term(&self) -> bool {
        let AccountView::Ready { listed_this_term, .. } = &self.account else { return false };
        *listed_this_term || self.selects() && self.evidence.listings.searched.is_some_and(|began| began >= self.term)
    }

    /// The newest intent, open or closed.
    pub fn intent(&self) -> Option<&Intent> {
        self.ledger().and_then(|ledger| ledger.intent.as_ref())
    }

    /// The intent whose create is unresolved.
    pub fn open_intent(&self) -> Option<&Intent> {
        let ledger = self.ledger()?;
        ledger.intent.as_ref().filter(|intent| intent.epoch > ledger.epoch)
    }

    /// Ids that are condemned.
    pub fn tombstones(&self) -> &[String] {
        self.ledger().map_or(&[], |ledger| &ledger.tombstones)
    }

    /// When the newest create could no longer surprise anybody: every listing that began after it tells the truth about it.
    /// `None` while that moment has not come.
    pub fn settled(&self) -> Option<Moment> {
        let own = match self.intent() {
            None if !self.blank() => Some(Moment::ZERO),
            _ => self.known_since().map(|since| since + self.timing.settle),
        };
        let own = own.filter(|instant| *instant <= self.now);
        match (own, self.memory.settled_by_server) {
            (Some(own), Some(server)) => Some(own.min(server)),
            (own, server) => own.or(server),
        }
    }

    /// When [`View::settled`] will have come, as far as this process knows.
    pub fn settles_at(&self) -> Moment {
        self.known_since().unwrap_or(self.now) + self.timing.settle
    }

    /// Our finalizer is there and no ledger: the status was wiped, and with it perhaps an intent.
    fn blank(&self) -> bool {
        self.ledger().is_none() && self.object.finalizer
    }

    /// Since when this process knows of the newest create that there may have been.
    fn known_since(&self) -> Option<Moment> {
        match self.intent() {
            Some(intent) => self.memory.intent_known.as_ref().filter(|(nonce, _)| *nonce == intent.nonce).map(|(_, since)| *since),
            None => self.memory.blank_since.filter(|_| self.blank()),
        }
    }

    /// The version of the password that the provider has, as far as is known: the one in the ledger, or the one just sent. An update
    /// whose answer was lost (`times` 0) is not known to have been executed, and not every provider shows what it has.
    pub fn password_version(&self) -> Option<&SecretVersion> {
        let wanted = match &self.desired {
            Desired::Wanted(wanted) => wanted.password.as_ref(),
            Desired::Blocked(_) | Desired::Unmade(_) => None,
        };
        let sent = |wanted: &&WantedPassword| {
            let value = Value::Secret(wanted.value.clone());
            // Also before another change was sent: the answer to it stands.
            let answered = self.memory.shown.get(PASSWORD).is_some_and(|shown| shown.value == value);
            answered || self.memory.update.as_ref().is_some_and(|last| last.times > 0 && last.change.get(PASSWORD) == Some(&value))
        };
        match wanted.filter(sent) {
            Some(wanted) => Some(&wanted.version),
            None => {
                let noted = self.ledger().and_then(|ledger| ledger.password_secret.as_ref());
                match &self.memory.rewritten {
                    Some((before, after)) if noted == Some(before) => Some(after),
                    _ => noted,
                }
            }
        }
    }

    /// The version of the password that the spec points at.
    pub fn wanted_version(&self) -> Option<&SecretVersion> {
        match &self.desired {
            Desired::Wanted(wanted) => wanted.password.as_ref().map(|password| &password.version),
            Desired::Blocked(_) | Desired::Unmade(_) => None,
        }
    }
}

impl Viewed for View {
    fn object(&self) -> &Object {
        &self.object
    }

    fn account(&self) -> &AccountView {
        &self.account
    }

    fn pinned(&self) -> Option<&AccountIdentity> {
        self.status.account.as_ref()
    }

    fn conditions(&self) -> &[Condition] {
        &self.status.conditions
    }

    fn trouble(&self) -> Option<&Trouble> {
        self.memory.trouble.as_ref()
    }

    fn asked_anew(&self, trouble: &Trouble) -> bool {
        let version = self.wanted_version();
        trouble.generation != self.object.generation || (version.is_some() && version != trouble.password_version.as_ref())
    }

    fn listing_wanted(&self) -> Option<Moment> {
        self.memory.listing_wanted
    }

    fn newest_listing(&self) -> Option<Moment> {
        self.evidence.listings.newest
    }

    fn now(&self) -> Moment {
        self.now
    }

    fn timing(&self) -> &Timing {
        &self.timing
    }

    fn seed(&self) -> u64 {
        self.fresh.seed
    }

    fn time(&self) -> &Time {
        &self.fresh.time
    }

    fn words(&self) -> Words {
        Words {
            thing: self.thing.as_str(),
            refused: " (or the password's Secret)",
            foreign: match (self.thing, self.recorded()) {
                (Thing::Endpoint, None) => "It is not recorded; the endpoint is looked for by its mark",
                (Thing::TrunkGroup, None) => "It is not recorded; the trunk group is looked for by its mark",
                (_, Some(_)) => "It is left as it is, and looked at again with growing pauses of at most 5 minutes",
            },
        }
    }
}
