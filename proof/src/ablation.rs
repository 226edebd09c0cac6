//! Safeguards that can be missing. The shipped code has no switch for that: what `next` sees is falsified, or what it answers is
//! replaced, or the servers of the model stop checking.

use std::time::Duration;

use switchboard::api::condition::{ConditionType, Reason};
use switchboard::api::ledger::Ledger;
use switchboard::api::policy::ManagementPolicy;
use switchboard::core::action::{Action, Closed, Finding, Found, Release, Why};
use switchboard::core::capabilities::Together;
use switchboard::core::evidence::Got;
use switchboard::core::fields::Fields;
use switchboard::core::outcome::Outcome;
use switchboard::core::shared::Viewed;
use switchboard::core::time::Moment;
use switchboard::core::view::{AccountView, Desired, View};

use crate::lesson::{Lesson, Reply};
use crate::mind::Kind;
use crate::shown::{Looks, other_installation};
use crate::state::Answer;

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
    /// Pause.
    Pause,
    /// Drift is corrected, an edit is sent.
    Correct,
    /// What is left of a deleted object is deleted.
    Leftovers,
    /// What another object has a better right to is left alone.
    Claims,
    /// What is observed is not written.
    Observe,
    /// What was adopted is not made anew.
    NeverAnew,
    /// The finalizer before the record of what is adopted and goes with the object.
    AdoptedFinalizer,
    /// The username of what was adopted is compared.
    AdoptedUsername,
    /// The mark of another installation on what is to be adopted.
    MarkOfAnother,
    /// Suspension of the account.
    Suspension,
    /// The installation in the ledger.
    Installation,
    /// The brake on deletions.
    DeletionBrake,
    /// The brake on replacing what is gone.
    RecreationBrake,
    /// A generated password is stored before it is sent.
    PasswordFirst,
    /// It is made for a new endpoint only.
    PasswordOnce,
    /// Version checks when it is stored.
    PasswordVersion,
    /// The settle time, where the provider selects by the mark.
    SearchSettle,
    /// Only searches that began after the settle time count.
    SearchAfterSettle,
    /// The completeness of searches.
    SearchCompleteness,
    /// A search before anything is created.
    SearchFirst,
    /// A search before a thing is let go.
    SearchOnDelete,
    /// What a search showed is read by id in the same pass.
    HitRead,
    /// The mark of what is not recorded is seen in the same pass.
    MarkSeenNow,
    /// What our ledger recorded is ours, whatever its name.
    RenamedIsOurs,
    /// An id that no ledger of ours recorded is not ours.
    OwnLedger,
    /// What carries somebody else's mark is not ours, even if it is recorded.
    OthersMark,
    /// It is asked what points to a thing before that is deleted.
    AskBeforeDelete,
    /// A trunk group is said to go before it goes.
    SaidToGo,
    /// Fields that do not go together are changed one after the other.
    OneGroup,
}

impl Ablation {
    /// Falsifies what is seen.
    pub fn falsify(self, view: &mut View, looks: &Looks) {
        let now = view.now;
        let (selects, unrecorded) = (view.selects(), view.ledger().is_none());
        let (open, announced) = (view.open_intent().is_some(), view.intent().is_some());
        let missing = view.target().is_some_and(|id| view.evidence.missing(id).is_some());
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
                let ours = format!("{}1", view.mark);
                let gets = view.evidence.gets.values_mut().filter_map(|got| got.found.as_mut());
                let seen = listings.recorded.iter_mut().chain(&mut listings.others).map(|seen| &mut seen.remote);
                gets.chain(seen).filter(|remote| !view.mark.owns(&remote.username)).for_each(|remote| remote.username.clone_from(&ours));
            }
            Self::Pin => view.status.account = None,
            Self::FinalizerFirst if !view.object.deleting => view.object.finalizer = true,
            Self::FinalizerBack if !view.object.deleting && view.status.ledger.is_some() => view.object.finalizer = true,
            Self::LookBeforeCreate if view.status.endpoint_id.is_none() && !open => listings.others.clear(),
            Self::LookBeforeCreate if view.memory.own.is_some() => listings.others.clear(),
            Self::DuplicateDeleted if !view.object.deleting => listings.others.clear(),
            Self::Pause => view.object.paused = false,
            Self::Leftovers if view.object.deleting => listings.others.clear(),
            Self::Claims => view.claims.clear(),
            Self::Observe => view.policy.management = ManagementPolicy::Manage,
            Self::NeverAnew if missing => view.adopt = None,
            Self::AdoptedFinalizer if view.adopt.is_some() && !view.object.deleting => view.object.finalizer = true,
            Self::AdoptedUsername => {
                if let Some(known) = &view.status.username {
                    let gets = view.evidence.gets.values_mut().filter_map(|got| got.found.as_mut());
                    let seen = listings.recorded.as_mut().map(|seen| &mut seen.remote);
                    gets.chain(seen).for_each(|remote| remote.username.clone_from(known));
                }
            }
            Self::MarkOfAnother => {
                if let Some(adopt) = &mut view.adopt {
                    adopt.from_installation = Some(other_installation().part().to_owned());
                }
            }
            Self::Suspension => {
                if let AccountView::Ready { suspended, .. } = &mut view.account {
                    *suspended = false;
                }
            }
            Self::Installation => {
                if let Some(ledger) = &mut view.status.ledger {
                    view.installation.part().clone_into(&mut ledger.installation);
                }
            }
            Self::DeletionBrake => view.brakes.deletion = None,
            Self::RecreationBrake => view.brakes.recreation = None,
            Self::PasswordFirst if matches!(view.desired, Desired::Unmade(_)) => {
                view.desired = looks.wanted(0);
                view.connection = None;
            }
            Self::SearchSettle if selects => view.timing.settle = Duration::from_secs(1),
            Self::SearchAfterSettle if selects => {
                listings.absent_once = listings.absent_once.map(|_| now);
                listings.absent_twice = listings.absent_twice.map(|_| now);
            }
            Self::SearchFirst => {
                view.term = Moment::ZERO;
                listings.searched = Some(now);
            }
            Self::MarkSeenNow => {
                let ids: Vec<String> = view.tombstones().to_vec();
                for id in ids {
                    if let Some(found) = view.evidence.observed(&id).map(|seen| seen.remote.clone()) {
                        view.evidence.gets.insert(id.clone(), Got { id, began: now, found: Some(found) });
                    }
                }
            }
            Self::OwnLedger if unrecorded => {
                let installation = view.installation.part().to_owned();
                view.status.ledger = Some(Ledger { uid: view.object.uid.clone(), installation, ..Ledger::default() });
            }
            Self::OthersMark => {
                let mark = &view.mark;
                let gets = view.evidence.gets.values_mut().filter_map(|got| got.found.as_mut());
                let seen = listings.recorded.as_mut().map(|seen| &mut seen.remote);
                gets.chain(seen)
                    .filter(|remote| mark.contradicted_by(&remote.username))
                    .for_each(|remote| remote.username = "unmarked".into());
            }
            Self::AskBeforeDelete => {
                if let AccountView::Ready { capabilities, .. } = &mut view.account {
                    capabilities.referenced = false;
                }
            }
            Self::SaidToGo => {
                let ready = view.status.conditions.iter_mut().filter(|condition| condition.type_ == ConditionType::Ready.as_str());
                ready.filter(|_| view.object.deleting).for_each(|ready| ready.reason = Reason::Deleting.as_str().to_owned());
            }
            Self::OneGroup => {
                if let AccountView::Ready { capabilities, .. } = &mut view.account {
                    capabilities.updates = &[Together { fields: &[], carried: &[] }];
                }
            }
            Self::ReadNow | Self::HitRead => {
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
            (Self::SearchOnDelete, Action::Find(..)) if view.object.deleting => Action::RemoveFinalizer(Release::Clean),
            (Self::RenamedIsOurs, action) if view.adopt.is_none() && !view.object.deleting && renamed(view) => match action {
                Action::Update { .. } => Action::Done(Finding::new(Reason::OwnershipLost, "it does not carry the mark")),
                action => action,
            },
            (Self::ListingOnDelete, Action::List(..)) if view.object.deleting => Action::RemoveFinalizer(Release::Clean),
            (Self::Correct, Action::Update { .. }) => Action::Done(Finding::new(Reason::Available, "as far as anybody looks")),
            (Self::Tombstone, Action::WriteTombstone(id)) => Action::DeleteEndpoint(id, Why::Duplicate),
            (Self::NoCreateWhileDeleting, Action::CloseEpoch(Closed::NotSent)) if view.object.deleting => create(view),
            (Self::RecordOnlyIfFree, action) if !view.object.deleting && !view.object.gone => match received(view) {
                Some((id, username)) if view.recorded().is_some_and(|recorded| recorded.id != id) => {
                    Action::Record(Found { id, username, remote: None })
                }
                _ => action,
            },
            (Self::PasswordOnce, Action::Wait { .. }) if matches!(view.desired, Desired::Unmade(_)) && view.recorded().is_some() => {
                Action::StorePassword
            }
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
            (Self::ThirdOutcome, Lesson::Created(Answer::Unknown, shown)) => Lesson::Created(Answer::Refused, shown),
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

fn renamed(view: &View) -> bool {
    let seen = view.recorded().and_then(|recorded| view.evidence.observed(recorded.id));
    seen.is_some_and(|seen| !view.mark.owns(&seen.remote.username))
}

fn create(view: &View) -> Action {
    Action::Create { username: view.mark.as_str().to_owned(), fields: Fields::new() }
}

fn received(view: &View) -> Option<(String, String)> {
    match &view.memory.own.as_ref()?.answer {
        Some(Outcome::Done(found)) => Some(found.clone()),
        _ => None,
    }
}
