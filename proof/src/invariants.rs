//! What must hold, under the names of the design. Some are seen in a state, some in a step (which sets a bit that stays), some in
//! what becomes of a state when faults stop.

use stateright::Property;

use crate::brakes::BrakeProof;
use crate::numbers::{self, NumberProof};
use crate::quiet::Verdict;
use crate::state::State;
use crate::world::Proof;

/// The names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Invariant {
    /// At most one endpoint with the object's mark exists. (Under A1 to A7.)
    I1,
    /// Once faults stop: exactly one, and it is the recorded one; none for a deleted object.
    I1w,
    /// No update or deletion of an endpoint that is not the object's own, is only observed, or stays when its object goes, nor in an
    /// account that is not the pinned one. What another object has a better right to is not even recorded or condemned, nor what somebody
    /// took the mark from before it was recorded. No change clears what others have in fields that it does not name.
    I2,
    /// Once faults stop it comes to rest, healthy.
    I3,
    /// An object that is let go leaves nothing behind, not even a create in flight. (Under A1 to A7.)
    I4,
    /// A create is sent only when every earlier one is accounted for: refused, or proven not executed, or its endpoint proven gone.
    /// (Under A1 to A7.)
    I5,
    /// Every create's nonce is durable before it is sent; so is the condemnation of a duplicate before it is deleted, and
    /// that a trunk group goes.
    I6,
    /// The recorded id changes only from nothing, or when what was recorded is truly absent and no brake holds it; that of an adopted
    /// endpoint never.
    I7,
    /// No create for an object known to be deleting or gone, that adopts, observes, or is another installation's, or in another account
    /// than the pinned one; no create, update or deletion that was asked for while it is paused or its account suspended.
    I8,
    /// The recorded endpoint of a live object is never deleted by us, nor that of a deleted one while the brake holds it.
    I9,
    /// A settled object causes no write to anything.
    I10,
    /// A generated password is stored before it is sent, and none is made for an endpoint that exists or may come to be. (Under A1 to A7.)
    I15,
    /// Nothing is deleted that something at the provider has pointed to since before the pass, but what was just made.
    I21,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::I1,
        Self::I1w,
        Self::I2,
        Self::I3,
        Self::I4,
        Self::I5,
        Self::I6,
        Self::I7,
        Self::I8,
        Self::I9,
        Self::I10,
        Self::I15,
        Self::I21,
    ];

    /// As in the design.
    pub fn name(self) -> &'static str {
        ["I1", "I1w", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I15", "I21"][self as usize]
    }

    fn holds(self, proof: &Proof, state: &State) -> bool {
        match self {
            _ if !proof.wants(self) => true,
            Self::I1 => !proof.world.strict || state.excused || state.live() <= 1,
            Self::I1w => proof.quiet.verdict(proof, state) != Verdict::NotTheOne,
            Self::I3 => proof.quiet.verdict(proof, state) != Verdict::NoRest,
            Self::I10 => !proof.quiet.any_bad() || proof.quiet.verdict(proof, state) != Verdict::Writes,
            _ => state.broken & (1 << self as u16) == 0,
        }
    }
}

impl Proof {
    fn wants(&self, invariant: Invariant) -> bool {
        self.wanted & (1 << invariant as u16) != 0
    }

    /// A step breaks an invariant.
    pub fn breaks(&self, state: &mut State, invariant: Invariant) {
        if self.wants(invariant) {
            state.broken |= 1 << invariant as u16;
        }
    }
}

macro_rules! property {
    ($invariant:ident) => {
        Property::<Proof>::always(stringify!($invariant), |proof, state| {
            // Only the first, shortest way to a violation is of interest.
            Invariant::$invariant.holds(proof, state) || !proof.first(Invariant::$invariant as u16)
        })
    };
}

/// As the checker wants them.
pub fn properties() -> Vec<Property<Proof>> {
    vec![
        property!(I1),
        property!(I1w),
        property!(I2),
        property!(I3),
        property!(I4),
        property!(I5),
        property!(I6),
        property!(I7),
        property!(I8),
        property!(I9),
        property!(I10),
        property!(I15),
        property!(I21),
    ]
}

/// What must hold of the brakes of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(non_camel_case_types, reason = "the names of the design")]
pub enum BrakeInvariant {
    /// Deletions and recreations per window never exceed the cap, unless acknowledged: deletions by `deletionTimestamp`, new endpoints by
    /// when the old one was first suspected to be missing, each within a minute; and new endpoints by when they were decided, within the
    /// window of their limit. In a minute an object counts once, however often its endpoint vanishes, and so it does in the window of the
    /// limit over a restart. After a restart as many absences as were acknowledged count as acknowledged, whichever they are. A restart before a brake has engaged (durably) forgets what was let through, so the bound is a cap for each
    /// such restart and one more; in the worlds without them it is the cap.
    I14,
    /// A brake that holds, and is written, holds over restarts, and lets nothing through that nobody acknowledged.
    I14h,
    /// A wrong token, or one that has done its work, changes nothing.
    I14t,
    /// Nothing below the cap is stopped.
    I14n,
    /// Once faults stop all is done but what waits for a token that the account shows; once that is acknowledged, all.
    I14w,
}

impl BrakeInvariant {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::I14, Self::I14h, Self::I14t, Self::I14n, Self::I14w];

    /// I14 and its parts.
    pub fn name(self) -> &'static str {
        ["I14", "I14h", "I14t", "I14n", "I14w"][self as usize]
    }
}

macro_rules! brake_property {
    ($invariant:ident) => {
        Property::<BrakeProof>::always(stringify!($invariant), |proof, state| {
            let invariant = BrakeInvariant::$invariant;
            let holds = match invariant {
                _ if !proof.wants(invariant) => true,
                BrakeInvariant::I14w => proof.quiet.ends_well(proof, state),
                _ => state.broken & (1 << invariant as u16) == 0,
            };
            holds || !proof.first(invariant)
        })
    };
}

/// As the checker wants them.
pub fn brake_properties() -> Vec<Property<BrakeProof>> {
    vec![brake_property!(I14), brake_property!(I14h), brake_property!(I14t), brake_property!(I14n), brake_property!(I14w)]
}

/// What must hold of a number and its bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(non_camel_case_types, reason = "the names of the design")]
pub enum NumberInvariant {
    /// No update for a binding that was gone, or did not own the number, when the bindings were last read before it.
    I2n,
    /// What is stored as having been there before was never put there by another binding of ours (unless that one left it there for good).
    I15,
    /// Once faults stop the number is where the oldest live binding wants it, the other one says `Conflict`, nobody hangs, and nothing is
    /// written any more; and when all are deleted then, all go.
    I16,
    /// After all bindings have gone the number shows what it showed first, unless others interfered.
    I17,
    /// What is given back is what a binding of ours put there, never what others put there.
    I18,
    /// Where something has to answer a number, no binding goes while the number leads to where a binding has put it, but to the next one.
    I19,
    /// A live binding leads its number to its target and nowhere else, and not while it saw that the number cannot be bound.
    I20,
}

impl NumberInvariant {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::I2n, Self::I15, Self::I16, Self::I17, Self::I18, Self::I19, Self::I20];

    /// Continuing the design's.
    pub fn name(self) -> &'static str {
        ["I2n", "I15", "I16", "I17", "I18", "I19", "I20"][self as usize]
    }
}

macro_rules! number_property {
    ($invariant:ident) => {
        Property::<NumberProof>::always(stringify!($invariant), |proof, state| {
            let invariant = NumberInvariant::$invariant;
            let holds = match invariant {
                _ if !proof.wants(invariant) => true,
                NumberInvariant::I16 => proof.quiet.verdict(proof, state) != numbers::quiet::Verdict::NotThere,
                NumberInvariant::I17 => proof.quiet.verdict(proof, state) != numbers::quiet::Verdict::NotBack,
                _ => state.broken & (1 << invariant as u16) == 0,
            };
            holds || !proof.first(invariant)
        })
    };
}

/// As the checker wants them.
pub fn number_properties() -> Vec<Property<NumberProof>> {
    vec![
        number_property!(I2n),
        number_property!(I15),
        number_property!(I16),
        number_property!(I17),
        number_property!(I18),
        number_property!(I19),
        number_property!(I20),
    ]
}
