//! Every safeguard of the bindings, the world in which it is missed, and the shortest way to what goes wrong there, in a sentence.

use super::Ablation;
use crate::invariants::NumberInvariant;

/// A safeguard, the world in which its absence shows, and what must break there.
#[derive(Clone, Copy, Debug)]
pub struct Safeguard {
    /// What is falsified.
    pub ablation: Ablation,
    /// The world.
    pub world: &'static str,
    /// This must break.
    pub breaks: NumberInvariant,
    /// What it is.
    pub name: &'static str,
    /// What happens without it.
    pub story: &'static str,
}

const fn row(ablation: Ablation, world: &'static str, breaks: NumberInvariant, name: &'static str, story: &'static str) -> Safeguard {
    Safeguard { ablation, world, breaks, name, story }
}

use Ablation as A;
use NumberInvariant::{I2n, I15, I16, I17, I18, I19, I20};

/// All of them.
pub const ALL: [Safeguard; 18] = [
    row(
        A::PreviousFirst,
        "one binding",
        I17,
        "what a number showed before is stored before it is changed",
        "A number is bound; when its binding is deleted, nobody knows any more what it showed before.",
    ),
    row(
        A::PlacedFirst,
        "one binding",
        I17,
        "what is about to be written is stored before",
        "An update is sent, the process is killed and the binding deleted; nobody knows that it was ours, and the number stays there.",
    ),
    row(
        A::FinalizerFirst,
        "one binding",
        I17,
        "the finalizer of a binding before the first change",
        "A number is bound, and its binding is deleted: it goes at once, and the number stays where it was put.",
    ),
    row(
        A::Inherit,
        "again",
        I15,
        "what a number showed before passes from one binding to the next",
        "The older binding is deleted; the younger takes what that one had put there for what was there before.",
    ),
    row(A::Owner, "hand-over", I2n, "the older binding owns the number", "Two bindings change the number in turns."),
    row(
        A::HandOver,
        "hand-over",
        I17,
        "a binding goes only when the next one holds what it held",
        "The older binding is deleted and goes at once; the younger is deleted before it took anything over, and the number stays.",
    ),
    row(
        A::Survey,
        "two processes, one binding",
        I2n,
        "the bindings are read live before a number is changed",
        "A process changes a number for a binding that another process has let go.",
    ),
    row(
        A::ReadAgain,
        "two processes, one binding",
        I17,
        "the number is read after the bindings were, before each change",
        "A process that read the number before another one bound it sends the same once more; the binding is deleted and goes, and that update is executed late.",
    ),
    row(
        A::StillOurs,
        "console and bindings",
        I18,
        "a number is given back only while it shows what was put there",
        "Somebody put the number elsewhere in the console; the deletion of the binding overwrites that.",
    ),
    row(
        A::ReadBack,
        "one binding",
        I17,
        "a restore is read back",
        "The restore is lost on the way; the binding goes, and the number stays where it was put.",
    ),
    row(
        A::Doubt,
        "one binding",
        I17,
        "an update whose answer was lost may be executed later",
        "The binding is deleted while its update is on the way; the number shows what it showed before, the binding goes, and the update is executed.",
    ),
    row(
        A::Version,
        "two processes, an edit",
        I17,
        "version check on what is stored before a change",
        "A process with an old copy of the status overwrites what another one has stored.",
    ),
    row(
        A::NotTaken,
        "gone",
        I16,
        "what the provider does not take is not tried for ever",
        "What answered before is gone; the restore is refused again and again, and the binding never goes.",
    ),
    row(
        A::Lost,
        "wiped",
        I15,
        "a status that was wiped is not that of a new binding",
        "The status is wiped; what the binding itself had put there is stored as having been there before.",
    ),
    row(
        A::Correct,
        "console and bindings",
        I16,
        "drift of a number is corrected",
        "Somebody changes the number in the console, and it stays so.",
    ),
    row(
        A::Obstacle,
        "obstacle",
        I20,
        "a number that cannot be bound is not changed",
        "The provider says that a number takes no calls; it is led to the target all the same, and its binding says that all is well.",
    ),
    row(
        A::MustAnswer,
        "to be answered",
        I19,
        "a number that cannot be given back keeps its binding",
        "What answered before is gone and the provider takes no number without an answer; the binding goes, and the number leads for ever to where it was put.",
    ),
    row(
        A::Blocked,
        "another trunk group",
        I20,
        "a target that does not exist at present leaves the number as it is",
        "The trunk group of an endpoint is made anew; until then the number leads nowhere.",
    ),
];
