//! Everything a decision may look at, as one value. [`super::endpoint::next`] reads a [`View`] and nothing else.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::condition::{ConditionType, Reason};
use crate::api::ledger::{Intent, Ledger, SecretVersion};
use crate::api::policy::{DeletionPolicy, DriftPolicy, ExternalDeletionPolicy};
use crate::api::refs::ProviderKind;
use crate::api::sip_endpoint::SipEndpointStatus;
use crate::core::evidence::Evidence;
use crate::core::fields::{Fields, PASSWORD, Secret, Value};
use crate::core::mark::{Installation, Prefix};
pub use crate::core::memory::{Deleted, Memory, OwnIntent, Trouble, TroubleKind, Updated};
use crate::core::time::Moment;

/// One SipEndpoint, what it wants, what is known of it and how it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The Kubernetes object.
    pub object: Object,
    /// Its status as last read or written, with the ledger in it.
    pub status: SipEndpointStatus,
    /// What the spec and everything it points at amount to.
    pub desired: Desired,
    /// What the object's username at the provider begins with.
    pub prefix: Prefix,
    /// This installation.
    pub installation: Installation,
    /// What to do with what.
    pub policy: Policy,
    /// The provider account.
    pub account: AccountView,
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
}

/// The spec and its references, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Desired {
    /// Everything in it is true.
    Wanted(Box<Wanted>),
    /// Something it needs is missing or wrong; nothing is created or changed until it is mended.
    Blocked(Problem),
}

/// A password as gathered: its bytes and the version of the Secret that they came from, or why there is none.
pub type Password = Result<(Vec<u8>, SecretVersion), Problem>;

/// A wanted endpoint in the provider's own terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Managed fields that may be shown: compared, corrected.
    pub fields: Fields,
    /// All fields of a create, the password among them.
    pub create: Fields,
    /// The password's value.
    pub password: Secret,
    /// Which version of its Secret that value came from.
    pub password_version: SecretVersion,
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
        /// Fields that an update must carry even when they are unmanaged.
        always_sent: &'static [&'static str],
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

    /// The recorded endpoint. It counts without a ledger too: a forged or restored id meets the username check.
    pub fn recorded(&self) -> Option<Recorded<'_>> {
        self.status.endpoint_id.as_deref().filter(|id| !id.is_empty()).map(|id| Recorded { id })
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

    /// The spec changed since it was last compared with the provider. Not `status.observedGeneration`: that moves with every
    /// write, and an edit that had to wait for something must not look like a drift afterwards.
    pub fn edited(&self) -> bool {
        let synced = self.status.conditions.iter().find(|condition| condition.type_ == ConditionType::Synced.as_str());
        synced.and_then(|condition| condition.observed_generation) != Some(self.object.generation)
    }

    /// The version of the password that the provider has, as far as is known: the one in the ledger, or the one just sent. An update
    /// whose answer was lost (`times` 0) is not known to have been executed, and not every provider shows what it has.
    pub fn password_version(&self) -> Option<&SecretVersion> {
        match (&self.desired, &self.memory.update) {
            (Desired::Wanted(wanted), Some(update))
                if update.times > 0 && update.change.get(PASSWORD) == Some(&Value::Secret(wanted.password.clone())) =>
            {
                Some(&wanted.password_version)
            }
            _ => self.ledger().and_then(|ledger| ledger.password_secret.as_ref()),
        }
    }

    /// The pinned account is not the one that the credentials lead to.
    pub fn account_mismatch(&self) -> Option<Problem> {
        let AccountView::Ready { provider, id, .. } = &self.account else { return None };
        let pinned = self.status.account.as_ref()?;
        (pinned.id != *id || pinned.provider != *provider).then(|| Problem {
            reason: Reason::AccountMismatch,
            message: format!(
                "this endpoint belongs to {} account {}, but the credentials lead to {} account {}; nothing is written in either. \
                 Put the credentials of {} back, or delete this object and make it anew in the other account",
                pinned.provider, pinned.id, provider, id, pinned.id
            ),
        })
    }
}
