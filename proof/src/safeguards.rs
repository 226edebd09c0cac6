//! Every safeguard, the world in which it is missed, and the shortest way to what goes wrong there, in a sentence.

use crate::ablation::Ablation;
use crate::invariants::Invariant;

/// A safeguard, the world in which its absence shows, and what must break there.
#[derive(Clone, Copy, Debug)]
pub struct Safeguard {
    /// Which is removed.
    pub ablation: Ablation,
    /// The world.
    pub world: &'static str,
    /// This must break.
    pub breaks: Invariant,
    /// What it is.
    pub name: &'static str,
    /// What happens without it.
    pub story: &'static str,
}

const fn row(ablation: Ablation, world: &'static str, breaks: Invariant, name: &'static str, story: &'static str) -> Safeguard {
    Safeguard { ablation, world, breaks, name, story }
}

use crate::ablation::Ablation as A;
use Invariant::{I1, I1w, I2, I3, I4, I5, I6, I7, I8, I9, I15};

/// All of them.
pub const ALL: [Safeguard; 47] = [
    row(
        A::IntentVersion,
        "two",
        I1,
        "version check on the write of an intent",
        "Two leaders decide to create; the later intent overwrites the earlier one, and both creates are sent.",
    ),
    row(
        A::RecordVersion,
        "twins",
        I7,
        "version check on the write of a record",
        "A create is doubled; leader B records the twin that it sees, then leader A, which knows nothing of that, records its own over it.",
    ),
    row(
        A::ReleaseVersion,
        "leaving",
        I1w,
        "version check when the finalizer is taken off",
        "Leader B is about to let an object go that leader A has let go already; it takes the finalizer off the next object of that name, which is then deleted and leaves its endpoint behind.",
    ),
    row(
        A::ThirdOutcome,
        "alone",
        I1,
        "third outcome: a create without an answer is not taken for refused",
        "The answer to a create is lost; it counts as refused, the next one is sent, and both are executed.",
    ),
    row(
        A::Settle,
        "alone",
        I1,
        "settle time",
        "The answer to a create is lost and its endpoint is not visible yet; two early listings close the intent, and a second one is made.",
    ),
    row(
        A::SettleForAbsence,
        "alone",
        I1,
        "settle time before a \"not found\" of what was recorded is believed",
        "A recorded endpoint is not visible yet; a read and two listings lack it, so it is forgotten and made again.",
    ),
    row(
        A::SettleOnDelete,
        "young",
        I4,
        "settle time on deletion, even if the last intent is closed",
        "A recorded endpoint is not visible yet when the object is deleted; a listing lacks it, the object goes, and it appears.",
    ),
    row(
        A::ListingOnDelete,
        "alone",
        I4,
        "a listing before an object is let go",
        "The answer to a create is lost and the object is deleted; without a look it goes, and its endpoint stays.",
    ),
    row(
        A::Completeness,
        "alone",
        I4,
        "completeness of listings",
        "The recorded endpoint was not visible to a read when its object was deleted; a torn listing lacks it as well, and the object goes.",
    ),
    row(
        A::SecondListing,
        "lie",
        I1,
        "the second of two listings",
        "One listing that lacks an endpoint passes for complete; the intent is closed and a second create is sent.",
    ),
    row(
        A::ListingAfterSettle,
        "alone",
        I1,
        "only listings that began after the settle time prove absence",
        "Two listings from before a late create was executed close its intent.",
    ),
    row(
        A::SweepAfterSettle,
        "alone",
        I4,
        "only a listing that began after the settle time lets an object go",
        "A listing from before a late create was executed lets the object go.",
    ),
    row(
        A::Tombstone,
        "doubled",
        I6,
        "a duplicate is condemned before it is deleted",
        "A duplicate is deleted, and nothing durable says so: a leader that records it meanwhile loses it.",
    ),
    row(
        A::RecordOnlyIfFree,
        "twins",
        I7,
        "nothing is recorded over a record",
        "A create is doubled; leader B records the twin that it sees, and leader A, though it knows that, its own.",
    ),
    row(
        A::Nonce,
        "two",
        I1,
        "the nonce ties an intent to the process that wrote it",
        "Two leaders announce a create; the one whose write was lost to the other takes the other's intent for its own, and both send.",
    ),
    row(
        A::IntentInStatus,
        "users",
        I1,
        "the intent is in status, where a replace leaves it",
        "Another tool replaces the object before its new endpoint is recorded; the intent goes with the annotations, and leader B makes a second one.",
    ),
    row(
        A::IntentFirst,
        "alone",
        I6,
        "the intent is durable before the create is sent",
        "A create is sent, and after a crash nobody would know of it.",
    ),
    row(
        A::IssueTime,
        "stalled",
        I1,
        "a create is sent soon after its announcement, or not at all",
        "Leader A stands still between announcing and sending; leader B proves that nothing was made and creates, then A wakes up and sends.",
    ),
    row(
        A::Amnesia,
        "rebuilt",
        I1,
        "amnesia guard: one complete listing in a term before anything is created",
        "The object is applied into an empty cluster; nobody looks at the account, and a second endpoint is made.",
    ),
    row(
        A::Username,
        "reuse",
        I2,
        "the username is compared before every write",
        "The recorded endpoint is deleted by hand and its id is given to somebody else's, which is then changed.",
    ),
    row(A::Pin, "credentials", I2, "account pin", "The credentials lead to another account for a while, and the deletion is sent there."),
    row(
        A::FinalizerFirst,
        "alone",
        I1w,
        "the finalizer before the first intent",
        "A create is on the way, the user deletes the object, which goes at once, and the endpoint stays.",
    ),
    row(
        A::FinalizerBack,
        "users",
        I3,
        "the finalizer is put back after a replace",
        "After a replace the object stays without a finalizer, and a deletion would leave its endpoint behind.",
    ),
    row(
        A::DeleteUntilAnswered,
        "alone",
        I4,
        "a deletion without an answer is done again",
        "A deletion is lost on the way and counts as done; the object goes, and the endpoint stays.",
    ),
    row(
        A::YoungNotFound,
        "young",
        I4,
        "a \"not found\" of what is younger than the settle time is no deletion",
        "An endpoint that is not visible yet answers its deletion with \"not found\"; the object goes, and the endpoint appears.",
    ),
    row(
        A::NoCreateWhileDeleting,
        "alone",
        I8,
        "nothing is created for a deleted object",
        "The object is deleted between announcement and create, and the create is sent all the same.",
    ),
    row(
        A::LookBeforeCreate,
        "rebuilt",
        I1,
        "the newest listing is looked at before a create",
        "The object is applied into an empty cluster; the listing shows its endpoint, nobody cares, and a second one is made.",
    ),
    row(
        A::OneAtATime,
        "alone",
        I1,
        "while an intent is open nothing is created",
        "The answer to a create is lost; the intent is closed without a look, and the next create is sent.",
    ),
    row(A::DuplicateDeleted, "doubled", I1w, "duplicates are looked for and deleted", "Two endpoints of one object exist, and stay."),
    row(
        A::ReadNow,
        "doubled",
        I3,
        "what is recorded or condemned was read in the same pass",
        "Leader B, with an older listing, condemns a duplicate that leader A has deleted; A clears the condemnation, B writes it again, and so on.",
    ),
    row(
        A::ProofOfAbsence,
        "alone",
        I7,
        "a record is forgotten only when two listings agree with the read",
        "A young endpoint is not visible to one read and is forgotten.",
    ),
    row(A::Pause, "pause", I8, "pause", "A paused object is created."),
    row(A::Correct, "refused", I3, "an edit is sent", "The user wants another alias and never gets it."),
    row(
        A::Leftovers,
        "alone",
        I1w,
        "what a lost create left is deleted with the object",
        "The answer to a create is lost and the object is deleted; its endpoint stays, and the object as well.",
    ),
    row(
        A::Claims,
        "claimed",
        I2,
        "what another object has a better right to is left alone",
        "A create is answered, and before its endpoint is recorded another object has adopted it: two objects take it for their own.",
    ),
    row(A::Observe, "observed", I2, "`managementPolicy: Observe`", "An endpoint is observed, differs from the spec, and is changed."),
    row(
        A::NeverAnew,
        "adopted",
        I8,
        "what is adopted is never made anew",
        "The endpoint that is to be adopted is deleted in the console, and another one is created in its place.",
    ),
    row(
        A::AdoptedFinalizer,
        "adopted by another",
        I4,
        "the finalizer before the record of what is adopted and goes with its object",
        "An endpoint is adopted, the user deletes the object, which goes at once, and the endpoint stays.",
    ),
    row(
        A::AdoptedUsername,
        "adopted",
        I2,
        "the username of what was adopted is compared before every write",
        "The adopted endpoint is deleted by hand and its id is given to somebody else's, which is then changed.",
    ),
    row(
        A::MarkOfAnother,
        "adopted",
        I2,
        "an endpoint with the mark of another installation is not adopted unless the spec names it",
        "The id that is to be adopted is another installation's endpoint by now, and is taken from it.",
    ),
    row(A::Suspension, "suspended", I8, "suspension of the account", "The account is suspended, and an endpoint is created."),
    row(
        A::Installation,
        "elsewhere",
        I5,
        "the installation in the ledger is compared",
        "Another installation announced a create; this one looks for its own mark, finds nothing, and creates a second endpoint.",
    ),
    row(A::DeletionBrake, "braked", I9, "the brake on deletions", "The brake holds, and the endpoint of a deleted object is deleted."),
    row(
        A::RecreationBrake,
        "braked",
        I7,
        "the brake on replacing what is gone",
        "The brake holds, and an endpoint that disappeared is forgotten and replaced.",
    ),
    row(
        A::PasswordFirst,
        "generated",
        I15,
        "a generated password is stored before it is sent",
        "A password is made and sent, and nobody but the provider has it.",
    ),
    row(
        A::PasswordOnce,
        "generated",
        I15,
        "a generated password is made for a new endpoint only",
        "The Secret is lost; another password is made for an endpoint whose phone has the old one.",
    ),
    row(
        A::PasswordVersion,
        "generated by two",
        I15,
        "version checks on the Secret and the object when a password is stored",
        "Two leaders make one; the later overwrites the earlier, which is on its way to the provider.",
    ),
];
