//! Safeguards that can be missing. The shipped code has no switch for that: what `next` sees is falsified, or what it answers is
//! replaced, or the servers of the model stop checking.

use std::time::Duration;

use switchboard::core::action::{Action, Closed, Found, Release, Why};
use switchboard::core::evidence::Got;
use switchboard::core::fields::Fields;
use switchboard::core::outcome::Outcome;
use switchboard::core::time::Moment;
use switchboard::core::view::{AccountView, View};

use crate::invariants::Invariant;
use crate::mind::Kind;
use crate::state::Answer;
use crate::view::{Lesson, Reply};

/// A safeguard that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ablation {
    /// Version check on the write of an intent.
    IntentVersion,
    /// Version check on the write of a record.
    RecordVersion,
    /// Version and uid check when the finalizer is taken off.
    ReleaseVersion,
    /// The third outcome.
    ThirdOutcome,
    /// The settle time.
    Settle,
    /// The settle time for the absence of what is recorded.
    SettleForAbsence,
    /// The settle time for deletions after a create whose answer is known.
    SettleOnDelete,
    /// The listing before an object is let go.
    ListingOnDelete,
    /// The completeness of listings.
    Completeness,
    /// The second listing.
    SecondListing,
    /// Only listings that began after the settle time count.
    ListingAfterSettle,
    /// Only listings that began after the settle time let an object go.
    SweepAfterSettle,
    /// The condemnation of a duplicate before it is deleted.
    Tombstone,
    /// What is recorded or condemned is not recorded over.
    RecordOnlyIfFree,
    /// The nonce that ties an intent to its process.
    Nonce,
    /// The intent is in status, not in an annotation.
    IntentInStatus,
    /// The intent is written before the create.
    IntentFirst,
    /// The limit between announcing a create and sending it.
    IssueTime,
    /// One complete listing in a term before anything is created.
    Amnesia,
    /// The username check.
    Username,
    /// The account pin.
    Pin,
    /// The finalizer before the first intent.
    FinalizerFirst,
    /// The finalizer is put back.
    FinalizerBack,
    /// An unknown deletion is done again.
    DeleteUntilAnswered,
    /// A young "not found" is no deletion.
    YoungNotFound,
    /// Deleted objects create nothing.
    NoCreateWhileDeleting,
    /// An endpoint that is listed is not created again.
    LookBeforeCreate,
    /// An open intent forbids the next one.
    OneAtATime,
    /// A duplicate is deleted.
    DuplicateDeleted,
    /// Proof before a record is forgotten.
    ProofOfAbsence,
    /// What is recorded or condemned was read in this pass.
    ReadNow,
}

impl Ablation {
    /// Falsifies what is seen.
    pub fn falsify(self, view: &mut View) {
        let now = view.now;
        let (open, announced) = (view.open_intent().is_some(), view.intent().is_some());
        let listings = &mut view.evidence.listings;
        match self {
            Self::Settle => view.timing.settle = Duration::from_secs(1),
            Self::SettleForAbsence if !view.object.deleting && view.status.endpoint_id.is_some() => {
                view.memory.settled_by_server = Some(Moment::ZERO);
            }
            Self::SettleOnDelete if view.object.deleting && !open && announced => {
                view.memory.settled_by_server = Some(Moment::ZERO);
            }
            Self::SecondListing => {
                listings.absent_twice = listings.absent_once;
                listings.recorded_absent = listings.recorded_unlisted;
            }
            Self::ListingAfterSettle if !view.object.deleting => {
                listings.absent_twice = listings.absent_twice.map(|_| now);
                listings.recorded_absent = listings.recorded_absent.map(|_| now);
            }
            Self::SweepAfterSettle if view.object.deleting => {
                listings.absent_once = listings.absent_once.map(|_| now);
                listings.absent_twice = listings.absent_twice.map(|_| now);
            }
            Self::Nonce => {
                let nonce = view.open_intent().map(|intent| intent.nonce.clone());
                if let (Some(own), Some(nonce)) = (&mut view.memory.own, nonce) {
                    own.nonce = nonce;
                }
            }
            Self::IssueTime => {
                if let Some(own) = &mut view.memory.own {
                    own.began = now;
                }
            }
            Self::Amnesia => {
                if let AccountView::Ready { listed_this_term, .. } = &mut view.account {
                    *listed_this_term = true;
                }
            }
            Self::Username => {
                let ours = format!("{}1", view.prefix);
                let gets = view.evidence.gets.values_mut().filter_map(|got| got.found.as_mut());
                let seen = listings.recorded.iter_mut().chain(&mut listings.others).map(|seen| &mut seen.remote);
                gets.chain(seen).filter(|remote| !view.prefix.owns(&remote.username)).for_each(|remote| remote.username.clone_from(&ours));
            }
            Self::Pin => view.status.account = None,
            Self::FinalizerFirst if !view.object.deleting => view.object.finalizer = true,
            Self::FinalizerBack if !view.object.deleting && view.status.ledger.is_some() => view.object.finalizer = true,
            Self::LookBeforeCreate if view.status.endpoint_id.is_none() && !open => listings.others.clear(),
            Self::LookBeforeCreate if view.memory.own.is_some() => listings.others.clear(),
            Self::DuplicateDeleted if !view.object.deleting => listings.others.clear(),
            Self::ReadNow => {
                for seen in &listings.others {
                    let id = seen.remote.id.clone();
                    view.evidence.gets.insert(id.clone(), Got { id, began: now, found: Some(seen.remote.clone()) });
                }
            }
            _ => {}
        }
    }

    /// Replaces what is answered.
    pub fn replace(self, view: &View, action: Action) -> Action {
        match (self, action) {
            (Self::ListingOnDelete, Action::List(..)) if view.object.deleting => Action::RemoveFinalizer(Release::Clean),
            (Self::Tombstone, Action::WriteTombstone(id)) => Action::DeleteEndpoint(id, Why::Duplicate),
            (Self::NoCreateWhileDeleting, Action::CloseEpoch(Closed::NotSent)) if view.object.deleting => create(view),
            (Self::RecordOnlyIfFree, action) if !view.object.deleting && !view.object.gone => match received(view) {
                Some((id, username)) if view.recorded().is_some_and(|recorded| recorded.id != id) => {
                    Action::Record(Found { id, username, remote: None })
                }
                _ => action,
            },
            (Self::IntentFirst, Action::WriteIntent(_)) => create(view),
            (Self::OneAtATime, Action::List(..) | Action::Wait { .. })
                if view.open_intent().is_some()
                    && !view.object.deleting
                    && view.recorded().is_none()
                    && view.account_mismatch().is_none() =>
            {
                Action::CloseEpoch(Closed::NotExecuted)
            }
            (Self::ProofOfAbsence, Action::List(..) | Action::Wait { .. } | Action::Get(..))
                if view.open_intent().is_none()
                    && !view.object.deleting
                    && view.recorded().is_some_and(|recorded| view.evidence.missing(recorded.id).is_some()) =>
            {
                Action::Forget
            }
            (_, action) => action,
        }
    }

    /// Falsifies an answer.
    pub fn mishear(self, lesson: Lesson) -> Lesson {
        match (self, lesson) {
            (Self::ThirdOutcome, Lesson::Created(Answer::Unknown)) => Lesson::Created(Answer::Refused),
            (Self::DeleteUntilAnswered, Lesson::Deleted(slot, Reply::Unknown)) => Lesson::Deleted(slot, Reply::Done),
            (Self::YoungNotFound, Lesson::Deleted(slot, Reply::NotFound)) => Lesson::Deleted(slot, Reply::Done),
            (_, lesson) => lesson,
        }
    }

    /// Whether the API server applies this write whatever the version.
    pub fn unchecked(self, kind: Kind) -> bool {
        match self {
            Self::IntentVersion => kind == Kind::WriteIntent,
            Self::RecordVersion => matches!(kind, Kind::Record(_)),
            Self::ReleaseVersion => matches!(kind, Kind::RemoveFinalizer(_)),
            _ => false,
        }
    }
}

fn create(view: &View) -> Action {
    Action::Create { username: view.prefix.as_str().to_owned(), fields: Fields::new() }
}

fn received(view: &View) -> Option<(String, String)> {
    match &view.memory.own.as_ref()?.answer {
        Some(Outcome::Done(found)) => Some(found.clone()),
        _ => None,
    }
}

/// A safeguard, the world in which its absence shows, and what must break there.
#[derive(Clone, Copy, Debug)]
pub struct Missing {
    /// The safeguard.
    pub ablation: Ablation,
    /// In words.
    pub safeguard: &'static str,
    /// The world.
    pub world: &'static str,
    /// All of these must break.
    pub breaks: &'static [Invariant],
}

const fn missing(ablation: Ablation, world: &'static str, breaks: &'static [Invariant], safeguard: &'static str) -> Missing {
    Missing { ablation, safeguard, world, breaks }
}

/// Every safeguard, and where it is missed.
pub const ALL: [Missing; 31] = {
    use Ablation as A;
    use Invariant::{I1, I1w, I2, I3, I4, I6, I7, I8};
    [
        missing(A::IntentVersion, "two", &[I1], "version check on the write of an intent"),
        missing(A::RecordVersion, "twins", &[I7], "version check on the write of a record"),
        missing(A::ReleaseVersion, "leaving", &[I1w], "version check when the finalizer is taken off"),
        missing(A::ThirdOutcome, "alone", &[I1], "third outcome: a create without an answer is not taken for refused"),
        missing(A::Settle, "alone", &[I1], "settle time"),
        missing(A::SettleForAbsence, "alone", &[I1], "settle time before a \"not found\" of what was recorded is believed"),
        missing(A::SettleOnDelete, "two", &[I4], "settle time on deletion, even if the last intent is closed"),
        missing(A::ListingOnDelete, "alone", &[I4], "a listing before an object is let go"),
        missing(A::Completeness, "alone", &[I4], "completeness of listings"),
        missing(A::SecondListing, "lie", &[I1], "the second of two listings"),
        missing(A::ListingAfterSettle, "alone", &[I1], "only listings that began after the settle time prove absence"),
        missing(A::SweepAfterSettle, "alone", &[I4], "only a listing that began after the settle time lets an object go"),
        missing(A::Tombstone, "doubled", &[I6], "a duplicate is condemned before it is deleted"),
        missing(A::RecordOnlyIfFree, "twins", &[I7], "nothing is recorded over a record"),
        missing(A::Nonce, "two", &[I1], "the nonce ties an intent to the process that wrote it"),
        missing(A::IntentInStatus, "users", &[I1], "the intent is in status, where a replace leaves it"),
        missing(A::IntentFirst, "alone", &[I6], "the intent is durable before the create is sent"),
        missing(A::IssueTime, "stalled", &[I1], "a create is sent soon after its announcement, or not at all"),
        missing(A::Amnesia, "rebuilt", &[I1], "amnesia guard: one complete listing in a term before anything is created"),
        missing(A::Username, "reuse", &[I2], "the username is compared before every write"),
        missing(A::Pin, "credentials", &[I2], "account pin"),
        missing(A::FinalizerFirst, "alone", &[I1w], "the finalizer before the first intent"),
        missing(A::FinalizerBack, "users", &[I3], "the finalizer is put back after a replace"),
        missing(A::DeleteUntilAnswered, "alone", &[I4], "a deletion without an answer is done again"),
        missing(A::YoungNotFound, "young", &[I4], "a \"not found\" of what is younger than the settle time is no deletion"),
        missing(A::NoCreateWhileDeleting, "alone", &[I8], "nothing is created for a deleted object"),
        missing(A::LookBeforeCreate, "rebuilt", &[I1], "the newest listing is looked at before a create"),
        missing(A::OneAtATime, "alone", &[I1], "while an intent is open nothing is created"),
        missing(A::DuplicateDeleted, "doubled", &[I1w], "duplicates are looked for and deleted"),
        missing(A::ReadNow, "doubled", &[I3], "what is recorded or condemned was read in the same pass"),
        missing(A::ProofOfAbsence, "alone", &[I7], "a record is forgotten only when two listings agree with the read"),
    ]
};
