//! The calls at a provider and what becomes of them, in words of closed sets: what is counted of them names no thing and no account.

use std::fmt;

use crate::api::condition::words;
use crate::core::outcome::{Outcome, RefusalKind};
use crate::core::view::Thing;

words! {
    /// What is asked of a provider.
    pub enum Verb {
        /// Which account the credentials lead to.
        Identify = "identify",
        /// Make one.
        Create = "create",
        /// Read one.
        Get = "get",
        /// A page of all.
        List = "list",
        /// All that carry a mark.
        Find = "find",
        /// What else points to one.
        References = "references",
        /// Change one.
        Update = "update",
        /// Delete one.
        Delete = "delete",
    }
}

words! {
    /// What it is asked of.
    pub enum Subject {
        /// The account itself.
        Account = "account",
        /// Endpoints.
        Endpoint = "endpoint",
        /// Trunk groups.
        TrunkGroup = "trunk_group",
        /// Phone numbers.
        Number = "number",
        /// Applications.
        Application = "application",
    }
}

impl From<Thing> for Subject {
    fn from(thing: Thing) -> Self {
        match thing {
            Thing::Endpoint => Self::Endpoint,
            Thing::TrunkGroup => Self::TrunkGroup,
        }
    }
}

words! {
    /// What an answer means, finer than the classes of [`Outcome`].
    pub enum Answer {
        /// Executed, proven.
        Done = "done",
        /// There is no such thing.
        NotFound = "not_found",
        /// Refused for what was asked.
        Refused = "refused",
        /// Refused for who asked: 401 or 403.
        Credentials = "credentials",
        /// Refused for how often was asked: 429.
        Throttled = "throttled",
        /// Nothing was sent.
        Unreachable = "unreachable",
        /// Nothing was learnt.
        Unknown = "unknown",
    }
}

impl Answer {
    /// Of an outcome.
    pub fn of<T>(outcome: &Outcome<T>) -> Self {
        match outcome {
            Outcome::Done(_) => Self::Done,
            Outcome::NotFound { .. } => Self::NotFound,
            Outcome::Unknown(_) => Self::Unknown,
            Outcome::Refused(refusal) => match refusal.kind {
                RefusalKind::Invalid => Self::Refused,
                RefusalKind::Credentials => Self::Credentials,
                RefusalKind::Throttled => Self::Throttled,
                RefusalKind::Unreachable => Self::Unreachable,
            },
        }
    }
}

/// One kind of call: what is asked, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// What is asked.
    pub verb: Verb,
    /// Of what.
    pub subject: Subject,
}

impl Call {
    /// Of a verb and what it is asked of.
    pub fn new(verb: Verb, subject: impl Into<Subject>) -> Self {
        Self { verb, subject: subject.into() }
    }

    /// Every kind of call that there is.
    pub fn all() -> impl Iterator<Item = Self> {
        let made = [Verb::Create, Verb::Get, Verb::List, Verb::Find, Verb::References, Verb::Update, Verb::Delete];
        let made = [Subject::Endpoint, Subject::TrunkGroup].into_iter().flat_map(move |subject| made.map(|verb| Self { verb, subject }));
        let numbers = [Verb::Get, Verb::List, Verb::Update].map(|verb| Self { verb, subject: Subject::Number });
        let account = Self { verb: Verb::Identify, subject: Subject::Account };
        let applications = Self { verb: Verb::List, subject: Subject::Application };
        [account].into_iter().chain(made).chain(numbers).chain([applications])
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::outcome::{Doubt, DoubtKind, Refusal};

    #[test]
    fn an_answer_says_whom_it_slows_down() {
        let refused = |kind| Outcome::Refused(Refusal { kind, message: String::new(), retry_after: None });
        let table: [(Outcome<()>, &str); 7] = [
            (Outcome::Done(()), "done"),
            (Outcome::NotFound { proven: false }, "not_found"),
            (refused(RefusalKind::Invalid), "refused"),
            (refused(RefusalKind::Credentials), "credentials"),
            (refused(RefusalKind::Throttled), "throttled"),
            (refused(RefusalKind::Unreachable), "unreachable"),
            (Outcome::Unknown(Doubt { kind: DoubtKind::TimeOut, message: String::new() }), "unknown"),
        ];
        for (outcome, word) in &table {
            assert_eq!(Answer::of(outcome).as_str(), *word);
        }
        assert_eq!(table.len(), Answer::ALL.len());
    }

    #[test]
    fn every_verb_and_every_subject_has_a_call_and_none_is_there_twice() {
        let all: Vec<String> = Call::all().map(|call| call.to_string()).collect();
        let each: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(each.len(), all.len(), "{all:?}");
        assert!(Verb::ALL.iter().all(|verb| Call::all().any(|call| call.verb == *verb)));
        assert!(Subject::ALL.iter().all(|subject| Call::all().any(|call| call.subject == *subject)));
    }
}
