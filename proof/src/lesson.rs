//! What a leader is told.

use switchboard::core::outcome::Outcome;

use crate::state::{Answer, Seen};
use crate::view::unknown;

/// What a leader learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lesson {
    /// It sees a version of the object.
    Looked,
    /// It is about to write an intent.
    Announced,
    /// Its create was answered.
    Created(Answer),
    /// A read was answered (`None`: it was not).
    Got(u8, Option<Option<Seen>>),
    /// An update was answered.
    Updated {
        /// Of which endpoint.
        slot: u8,
        /// The alias in it.
        alias: Option<u8>,
        /// The password in it.
        password: bool,
        /// The answer.
        reply: Reply,
    },
    /// A deletion was answered.
    Deleted(u8, Reply),
    /// The status says that all agrees.
    Agreed,
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
}

impl Reply {
    /// As the shipping code is told.
    pub fn outcome(self) -> Outcome<()> {
        match self {
            Reply::Done => Outcome::Done(()),
            Reply::NotFound => Outcome::NotFound { proven: true },
            Reply::Unknown => unknown(),
        }
    }
}
