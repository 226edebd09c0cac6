//! What is known of a number and how it is known. When a request began decides what its answer can prove.

use crate::core::fields::Number;
use crate::core::time::Moment;

/// An answer to a read by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// Before the request was sent.
    pub began: Moment,
    /// What came back; absent: the account does not hold it, as far as that read could tell. Answers that prove nothing are not evidence.
    pub found: Option<Number>,
    /// "Not found" came in the provider's own JSON and was said of the number, not of an id that it had once; else it counts only together
    /// with a listing.
    pub proven: bool,
}

/// What the newest listing of the account's numbers says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Before its first request was sent.
    pub began: Moment,
    /// Every number that the account held all the while is in it.
    pub complete: bool,
    /// This number in it.
    pub found: Option<Number>,
}

/// All that is known from the provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The last conclusive read.
    pub got: Option<Got>,
    /// The newest listing, of whatever proof.
    pub listed: Option<Listed>,
}

/// How the number was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed<'a> {
    /// As seen.
    pub number: &'a Number,
    /// When that request or listing began.
    pub began: Moment,
    /// By a read of its own, not in a listing.
    pub by_id: bool,
}

impl<'a> Observed<'a> {
    /// A field's text; `""` if the answer lacks it.
    pub fn text(&self, field: &str) -> &'a str {
        self.number.fields.get(field).and_then(|value| value.text()).unwrap_or_default()
    }
}

impl Evidence {
    /// The newest sight of the number, unless something newer says that it is not there.
    pub fn observed(&self) -> Option<Observed<'_>> {
        let listed = self.listed.as_ref().filter(|listed| self.got.as_ref().is_none_or(|got| listed.began > got.began));
        match (listed, &self.got) {
            (Some(Listed { began, found: Some(number), .. }), _) => Some(Observed { number, began: *began, by_id: false }),
            // A complete listing that began later and does not show it casts doubt on the older read.
            (Some(Listed { complete: true, .. }), _) => None,
            (_, Some(Got { began, found: Some(number), .. })) => Some(Observed { number, began: *began, by_id: true }),
            _ => None,
        }
    }

    /// The account does not hold the number, as far as is known: a read said so, and nothing newer shows it. Whether that is proven.
    pub fn missing(&self) -> Option<bool> {
        let got = self.got.as_ref().filter(|got| got.found.is_none())?;
        let newer = self.listed.as_ref().filter(|listed| listed.began > got.began);
        match newer {
            Some(Listed { found: Some(_), .. }) => None,
            Some(Listed { complete: true, .. }) => Some(true),
            _ => Some(got.proven),
        }
    }

    /// A read said that the account does not hold the number, and a complete listing that began later confirms it.
    pub fn confirmed_missing(&self) -> bool {
        let complete = |began| self.listed.as_ref().is_some_and(|listed| listed.complete && listed.began > began);
        self.missing() == Some(true) && self.got.as_ref().is_some_and(|got| complete(got.began))
    }
}
