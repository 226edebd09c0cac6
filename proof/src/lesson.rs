//! What a leader is told.

use switchboard::core::outcome::{Doubt, DoubtKind, Outcome};

use crate::besides::Change;
use crate::shown::unknown;
use crate::state::{Answer, SLOTS, Seen};

/// What a leader learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lesson {
    /// It sees a version of the object.
    Looked,
    /// It is about to write an intent.
    Announced,
    /// Its create was answered, with the whole thing where the provider shows it.
    Created(Answer, Option<Seen>),
    /// A read was answered (`None`: it was not).
    Got(u8, Option<Option<Seen>>),
    /// An update was answered.
    Updated {
        /// Of which endpoint.
        slot: u8,
        /// What was sent.
        change: Change,
        /// The answer.
        reply: Reply,
        /// The whole thing after it, where the answer shows it.
        shown: Option<Seen>,
    },
    /// A deletion was answered.
    Deleted(u8, Reply),
    /// A search by the mark was answered (`None`: it was not): what it shows, and whether that is all.
    Found(Option<([Option<Seen>; SLOTS], bool)>),
    /// The question what points to an endpoint was answered (`None`: it was not).
    Referenced(u8, Option<bool>),
    /// The status says that all agrees.
    Agreed,
    /// A write of the ledger became durable.
    Written,
}

/// An answer without content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// Executed.
    Done,
    /// There is none.
    NotFound,
    /// Lost.
    Unknown,
    /// Not executed: something stands in the way. The answer alone does not prove that.
    Conflict,
}

impl Reply {
    /// As the shipping code is told.
    pub fn outcome(self) -> Outcome<()> {
        match self {
            Reply::Done => Outcome::Done(()),
            Reply::NotFound => Outcome::NotFound { proven: true },
            Reply::Unknown => unknown(),
            Reply::Conflict => Outcome::Unknown(Doubt { kind: DoubtKind::Status(409), message: "conflict".into() }),
        }
    }
}
