//! Everything a decision about a phone number may look at, as one value. [`super::next`] reads a [`View`] and nothing else.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::api::condition::{Condition, ConditionType, Reason};
use crate::api::phone_number_binding::{PhoneNumberBindingStatus, Placed, Previous};
use crate::api::policy::{BindingDeletionPolicy, DriftPolicy};
use crate::api::refs::AccountIdentity;
use crate::core::binding::answer;
use crate::core::binding::evidence::{Evidence, Observed};
use crate::core::binding::memory::{Memory, Survey};
use crate::core::capabilities::Capabilities;
use crate::core::fields::{FieldName, Fields, Value};
use crate::core::shared::{Viewed, Words};
use crate::core::time::Moment;
use crate::core::view::{AccountView, Fresh, Object, Problem, Timing, Trouble};

/// One PhoneNumberBinding, what it wants, what is known of its number and how it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The Kubernetes object. Its `finalizer` is `switchboard.dev/binding`.
    pub object: Object,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its status as last read or written.
    pub status: PhoneNumberBindingStatus,
    /// The number as the provider writes it: digits without a plus.
    pub number: String,
    /// What the spec and its target amount to.
    pub desired: Desired,
    /// What to do with what.
    pub policy: Policy,
    /// The other bindings of this cluster for the same number in the same provider account, those on their way out included; not those
    /// that may not use the account or the number.
    pub rivals: Vec<Rival>,
    /// What leads to endpoints of this cluster in this account, and goes with them: trunk groups. Those that the number shows or is to show
    /// again; all of them, if nobody knows any more what is to come back of a number that is given back.
    pub own: BTreeSet<String>,
    /// The provider account.
    pub account: AccountView,
    /// What the number was seen to be.
    pub evidence: Evidence,
    /// What this process remembers of its own acts.
    pub memory: Memory,
    /// The process's monotonic clock.
    pub now: Moment,
    /// The waits of the protocol.
    pub timing: Timing,
    /// Randomness and the API server's time.
    pub fresh: Fresh,
    /// The process is shutting down: nothing new is begun.
    pub stopping: bool,
}

/// The spec and its target, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Desired {
    /// What is managed: what answers the number always ([`View::target`]), `alias`, `subaccount` and `compliance_application_id` where the spec has them. Each is a text,
    /// `""` for none.
    Wanted(Fields),
    /// Something it needs is missing or wrong (`TargetNotFound`, `TargetNotReady`, `TargetHasNoApplication`, `ApplicationMissing`,
    /// `InvalidSpec`); the number is left as it is until that is mended.
    Blocked(Problem),
}

/// The policies of the object, defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What becomes of the number when the object goes.
    pub deletion: BindingDeletionPolicy,
    /// What happens when somebody edits the number elsewhere.
    pub drift: DriftPolicy,
}

/// Another binding of the same number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rival {
    /// It in words; what another namespace holds is not told.
    pub who: String,
    /// Its uid.
    pub uid: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// `deletionTimestamp` is set.
    pub deleting: bool,
    /// Its account can be used, and is this one: it can take the number over.
    pub ready: bool,
    /// Our finalizer is on it.
    pub finalizer: bool,
    /// `status.previous`.
    pub previous: Option<Previous>,
    /// `status.placed`.
    pub placed: Vec<Placed>,
}

impl View {
    /// The number as people write it.
    pub fn e164(&self) -> String {
        format!("+{}", self.number)
    }

    /// What is wanted, unless something is in the way.
    pub fn wanted(&self) -> Option<&Fields> {
        match &self.desired {
            Desired::Wanted(fields) => Some(fields),
            Desired::Blocked(_) => None,
        }
    }

    /// What an update to the wanted state puts there. An alias that is not managed (any more) still is what was put there, by this binding or
    /// by one before it, if the number shows it.
    pub fn wish(&self) -> Option<Placed> {
        let wanted = self.wanted()?;
        let field = |name: &str| wanted.get(name).and_then(Value::text).map(ToOwned::to_owned);
        let kept = || {
            let shown = self.evidence.observed()?.text("alias").to_owned();
            self.status.placed.iter().any(|placed| placed.alias.as_ref() == Some(&shown)).then_some(shown)
        };
        Some(answer::placed(self.target(), field(self.target())?, field("alias").or_else(kept)))
    }

    /// The newest in `status.placed` is what is wanted.
    pub fn written_ahead(&self) -> bool {
        let wanted = |field: &str| self.wanted()?.get(field)?.text();
        let alias = |placed: &Placed| wanted("alias").is_none_or(|alias| placed.alias.as_deref() == Some(alias));
        self.status.placed.last().is_some_and(|placed| wanted(self.target()) == Some(placed.target()) && alias(placed))
    }

    /// What was there before is not known any more: the finalizer goes on only after it was stored, so it must have been lost.
    pub fn lost(&self) -> bool {
        self.object.finalizer && self.status.previous.is_none()
    }

    /// What it holds was only taken over from another one, nobody else holds anything any more, and the number shows neither what was there
    /// before nor what was put there: others have had it since. Nothing if the number was not seen.
    pub fn outdated(&self) -> Option<bool> {
        let Some(previous) = self.status.previous.as_ref().filter(|_| !self.object.finalizer && !self.object.deleting) else {
            return Some(false);
        };
        if self.rivals.iter().any(|rival| rival.finalizer || rival.previous.is_some()) {
            return Some(false);
        }
        let seen = self.evidence.observed()?;
        let shown = self.answering(seen);
        Some(self.before(shown) != self.before(previous.target()) && !self.placed(shown))
    }

    /// The status says that the provider agrees.
    pub fn says_available(&self) -> bool {
        let ready = self.status.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str());
        ready.is_some_and(|condition| condition.reason == Reason::Available.as_str())
    }

    /// What was learnt when the bindings of this number were last read from the API server itself, if that was in this pass, not longer ago
    /// than it may take to send what is decided on it, and nothing was written to the number since.
    pub fn surveyed(&self) -> Option<&Survey> {
        let lately = |survey: &&Survey| survey.began >= self.memory.pass_began && self.now.since(survey.began) <= self.timing.issue();
        self.memory.survey.as_ref().filter(lately)
    }

    /// One of our bindings has put this there to answer the number, or may have.
    pub fn placed(&self, id: &str) -> bool {
        self.status.placed.iter().any(|placed| placed.target() == id)
    }

    /// It leads to an endpoint of this cluster.
    pub fn own(&self, id: &str) -> bool {
        self.own.contains(id)
    }

    /// What of this may be restored one day: nothing, where it leads to an endpoint of this cluster. A number that is given back to that would
    /// keep the endpoint from ever going, and lead on to it while nobody binds it.
    pub fn before<'a>(&self, id: &'a str) -> &'a str {
        if self.own(id) { "" } else { id }
    }

    /// What was there before, or what was put there, is not known any more, and the number is to be given back.
    pub fn forgotten(&self) -> bool {
        let forgotten = self.policy.deletion == BindingDeletionPolicy::Restore && self.status.previous.is_none();
        forgotten || self.status.placed.is_empty()
    }

    /// How the provider differs from others, if it is known.
    fn capabilities(&self) -> Option<&Capabilities> {
        match &self.account {
            AccountView::Ready { capabilities, .. } => Some(capabilities),
            AccountView::Unknown | AccountView::Missing(_) | AccountView::NotReady(_) => None,
        }
    }

    /// The field of the number that says what answers it; while the provider is not known, as the status tells.
    pub fn target(&self) -> FieldName {
        self.capabilities().map_or_else(|| answer::recorded(&self.status), |capabilities| capabilities.number_target)
    }

    /// What was seen to answer the number; `""` for none.
    pub fn answering<'a>(&self, seen: Observed<'a>) -> &'a str {
        seen.text(self.target())
    }

    /// The provider may refuse to leave the number without anything that answers it.
    pub fn must_answer(&self) -> bool {
        self.capabilities().is_some_and(|capabilities| capabilities.number_must_answer)
    }

    /// To read a number that is not known by an id of its own is to have the provider select it, which it may not be able to.
    pub fn selects(&self) -> bool {
        self.capabilities().is_some_and(|capabilities| capabilities.list_filter) && self.asked() == self.number
    }

    /// By what the number is read: the provider's id of it as it was seen last, else the number itself.
    pub fn asked(&self) -> &str {
        let seen = self.evidence.observed().map(|seen| seen.number.id.as_str());
        seen.or(self.memory.id.as_deref()).unwrap_or(&self.number)
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
        trouble.generation != self.object.generation || self.memory.wish.as_ref() != self.wanted()
    }

    fn listing_wanted(&self) -> Option<Moment> {
        self.memory.listing_wanted
    }

    fn newest_listing(&self) -> Option<Moment> {
        self.evidence.listed.as_ref().map(|listed| listed.began)
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
        Words { thing: "number", refused: " or its target", foreign: "What was known of the number stays as it is; it is read again" }
    }
}
