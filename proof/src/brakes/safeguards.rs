//! Every safeguard of the brakes, the world in which it is missed, and the shortest way to what goes wrong there, in a sentence.

use super::Ablation;
use crate::invariants::BrakeInvariant;

/// A safeguard, the world in which its absence shows, and what must break there.
#[derive(Clone, Copy, Debug)]
pub struct Safeguard {
    /// What is falsified.
    pub ablation: Ablation,
    /// The world.
    pub world: &'static str,
    /// This must break.
    pub breaks: BrakeInvariant,
    /// What it is.
    pub name: &'static str,
    /// What happens without it.
    pub story: &'static str,
}

const fn row(ablation: Ablation, world: &'static str, breaks: BrakeInvariant, name: &'static str, story: &'static str) -> Safeguard {
    Safeguard { ablation, world, breaks, name, story }
}

use Ablation as A;
use BrakeInvariant::{I14, I14h, I14t};

/// All of them.
pub const ALL: [Safeguard; 8] = [
    row(
        A::AskedAfter,
        "deletions",
        I14,
        "the brake is asked before an endpoint is deleted",
        "Two objects are deleted at once; both endpoints are gone when the brake engages.",
    ),
    row(
        A::PerProcess,
        "deletions",
        I14h,
        "the next process takes up the brake that is written",
        "The brake has engaged and is written; the operator restarts, and nothing is held.",
    ),
    row(
        A::ByAsking,
        "slowly",
        I14,
        "deletions are counted by deletionTimestamp",
        "Two objects are deleted within a minute, and the operator comes to the second one later: it counts as one of another minute.",
    ),
    row(
        A::AcknowledgedForEver,
        "deletions",
        I14,
        "an acknowledgement holds for what was counted, not for what comes later",
        "A mass is acknowledged; two more objects are deleted afterwards, and both endpoints go.",
    ),
    row(A::AnyToken, "deletions", I14t, "only the exact token acknowledges", "Any annotation releases the brake."),
    row(
        A::OnlyProven,
        "flapping",
        I14,
        "absences are counted when they are suspected",
        "One endpoint after the other is proven missing and made anew, although the others were suspected all the while.",
    ),
    row(
        A::FormerUnknown,
        "recreations",
        I14,
        "a restart does not begin a new window of new endpoints",
        "Three endpoints are made anew, the operator restarts, and makes the fourth.",
    ),
    row(A::NotCommitted, "recreations", I14, "a new endpoint counts when it is made", "Four endpoints are made anew in one window."),
];
