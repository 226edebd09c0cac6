//! What is true: the number, the bindings in the API server, and what each process has in its hands.

use super::{Unbinding, World};

/// Applications: what answered first, the targets of the first and of the second name, what the console puts there, and none.
pub const APPS: [&str; 6] = ["first", "a", "a2", "b", "console", ""];
/// What answered before any binding.
pub const FIRST: u8 = 0;
/// What the console puts there.
pub const CONSOLE: u8 = 4;
/// None.
pub const NONE: u8 = 5;
/// Wanted is what does not exist at present.
pub const NOWHERE: u8 = 6;

/// Whether a binding wants this application.
pub fn ours(app: u8) -> bool {
    (1..=3).contains(&app)
}

/// An id of something that the mind keeps.
pub type Id = u16;

/// A copy of a binding in the hands of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Copy {
    /// What stands in it.
    pub content: Option<Id>,
    /// It is the newest.
    pub fresh: bool,
}

/// A process and one of the names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Desk {
    /// Its copy of the binding.
    pub copy: Copy,
    /// What it has learnt.
    pub learnt: Id,
    /// The binding owned the number when the process last read the bindings live, in this pass.
    pub owned: bool,
    /// It has read them, and has not sent or done what is decided on that.
    pub surveyed: bool,
    /// What the number showed when the process last read it, in this pass.
    pub shown: Option<u8>,
    /// And that it could not be bound.
    pub obstacle: bool,
}

/// What may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// See [`World`].
    pub applies: [u8; 2],
    /// See [`World`].
    pub deletes: u8,
    /// See [`World`].
    pub edits: u8,
    /// See [`World`].
    pub console: u8,
    /// See [`World`].
    pub lost: u8,
    /// See [`World`].
    pub crashes: u8,
    /// See [`World`].
    pub wipes: u8,
    /// See [`World`].
    pub forced: u8,
    /// See [`World`].
    pub gone: u8,
    /// See [`World`].
    pub settles: u8,
    /// See [`World`].
    pub obstacles: u8,
    /// See [`World`].
    pub recreations: u8,
}

/// Everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// What the number shows.
    pub app: u8,
    /// Updates that are on their way; the answer was given up.
    pub flights: [Option<u8>; 2],
    /// The bindings in the API server.
    pub stored: [Option<Id>; 2],
    /// Two processes, two names.
    pub desks: [[Desk; 2]; 2],
    /// The application that answered first exists no more.
    pub gone: bool,
    /// The number cannot be bound.
    pub obstacle: bool,
    /// The trunk group that was the first name's target exists no more.
    pub left_behind: bool,
    /// What becomes of an update to none.
    pub unbinding: Unbinding,
    /// Bindings made so far: the next one's age.
    pub made: u8,
    /// Values of ours that a binding left there when it went, a bit each.
    pub left: u8,
    /// Others had a hand in it: the console, a wiped status, a deleted application.
    pub disturbed: bool,
    /// What may still happen.
    pub budget: Budget,
    /// Invariants that a step has broken.
    pub broken: u16,
}

impl State {
    /// Before anything happens.
    pub fn begin(world: &World) -> Self {
        let World { applies, deletes, edits, console, lost, crashes, wipes, forced, gone, settles, obstacles, recreations, .. } = *world;
        Self {
            app: FIRST,
            flights: [None; 2],
            stored: [None; 2],
            desks: [[Desk { copy: Copy { content: None, fresh: true }, ..Desk::default() }; 2]; 2],
            gone: false,
            obstacle: false,
            left_behind: false,
            unbinding: world.groups.unwrap_or(Unbinding::Taken),
            made: 0,
            left: 0,
            disturbed: false,
            budget: Budget { applies, deletes, edits, console, lost, crashes, wipes, forced, gone, settles, obstacles, recreations },
            broken: 0,
        }
    }
}
