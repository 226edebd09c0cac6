//! Whose a number is when several bindings of one cluster are for it, and what passes from one to the next.

use k8s_openapi::jiff::Timestamp;

use super::view::{Rival, View};
use crate::api::phone_number_binding::{Placed, Previous};

/// So many values fit into `status.placed`.
pub const MAX_PLACED: usize = 8;

/// How a binding stands among those of the same number; the smaller one prevails. Live ones come before those on their way out, then the
/// older, then the smaller uid: of any two exactly one prevails, so that all who decide decide alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing<'a> {
    /// On its way out.
    pub deleting: bool,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Of two that were made in the same second, one has to be the older.
    pub uid: &'a str,
}

/// Whether the first of two bindings of one number owns it.
pub fn prevails(first: Standing<'_>, second: Standing<'_>) -> bool {
    first < second
}

impl Rival {
    /// Its place among the bindings of the number.
    pub fn standing(&self) -> Standing<'_> {
        Standing { deleting: self.deleting, created: self.created, uid: &self.uid }
    }

    /// It has written to the number, or may have.
    fn written(&self) -> bool {
        self.previous.is_some() || self.finalizer
    }
}

impl View {
    /// This binding's place among those of the number.
    pub fn standing(&self) -> Standing<'_> {
        Standing { deleting: self.object.deleting, created: self.created, uid: &self.object.uid }
    }

    /// The binding that owns the number instead of this one: a live one, the oldest. One that is on its way out owns nothing any more, but
    /// gives back what it put there unless a live one takes it over; it never hands over to another one on its way out. Else two that go
    /// at once could each rely on the other.
    pub fn owner(&self) -> Option<&Rival> {
        let first = self.rivals.iter().filter(|rival| !rival.deleting).min_by_key(|rival| rival.standing())?;
        prevails(first.standing(), self.standing()).then_some(first)
    }

    /// Those on their way out whose writes may still be on the number, or on their way to it.
    fn leaving(&self) -> impl Iterator<Item = &Rival> {
        self.rivals.iter().filter(|rival| rival.deleting && rival.finalizer)
    }

    /// One on its way out has put this there to answer the number.
    pub fn left_by_another(&self, id: &str) -> bool {
        self.leaving().any(|rival| rival.placed.iter().any(|placed| placed.target() == id))
    }

    /// What was there before any binding of this cluster, as another one holds it: the best right first.
    pub fn inherited(&self) -> Option<&Rival> {
        self.rivals.iter().filter(|rival| rival.previous.is_some()).min_by_key(|rival| rival.standing())
    }

    /// Another one has changed the number and has forgotten what was there before, and nobody knows it any more.
    pub fn lost_elsewhere(&self) -> bool {
        self.status.previous.is_none() && self.inherited().is_none() && self.rivals.iter().any(|rival| rival.finalizer)
    }

    /// What this binding has to hold because others have it: their `previous`, should it have none, and what those have put there from whom
    /// it takes the number over, now or one day.
    pub fn to_inherit(&self) -> (Option<Previous>, Vec<Placed>) {
        let heritage = self.inherited().filter(|_| self.status.previous.is_none());
        let previous = self.status.previous.clone().or_else(|| heritage.and_then(|rival| rival.previous.clone()));
        let mut placed: Vec<&Placed> = heritage.into_iter().flat_map(|rival| &rival.placed).collect();
        match self.owner() {
            Some(_) if self.object.deleting => {}
            Some(owner) => placed.extend(owner.written().then_some(&owner.placed).into_iter().flatten()),
            None => placed.extend(self.leaving().flat_map(|rival| &rival.placed)),
        }
        (previous, merge(&self.status.placed, &placed))
    }

    /// What stays in `placed` once the number was seen to be as wanted: what those on their way out put there is theirs to hand over; and an
    /// alias that was put there once and is not managed any more may still be there, whatever a read shows that is a little behind. While an
    /// update may still be on its way, everything stays.
    pub fn settled_placed(&self, wish: Placed) -> Vec<Placed> {
        if self.now < self.memory.settles(self.timing.settle) {
            let mut all = self.status.placed.clone();
            append(&mut all, wish);
            return all;
        }
        let managed = self.wanted().is_some_and(|wanted| wanted.contains_key("alias"));
        let older = self.status.placed.iter().filter(|placed| !managed && placed.alias.is_some() && placed.alias != wish.alias);
        let mut own: Vec<Placed> = Vec::new();
        for alias in older.map(|placed| placed.alias.clone()) {
            append(&mut own, Placed { alias, ..wish.clone() });
        }
        append(&mut own, wish);
        let leaving: Vec<&Placed> = self.leaving().flat_map(|rival| &rival.placed).collect();
        merge(&own, &leaving)
    }

    /// Whether the owner holds all that this one has for it, and cannot go without giving it back, so that this one can go.
    pub fn handed_over(&self, owner: &Rival) -> bool {
        let full = owner.placed.len() >= MAX_PLACED;
        let placed = full || self.status.placed.iter().all(|placed| owner.placed.contains(placed));
        placed && owner.finalizer && (owner.previous.is_some() || self.status.previous.is_none())
    }
}

/// Our own values with those of others before the newest one of ours.
fn merge(own: &[Placed], others: &[&Placed]) -> Vec<Placed> {
    let (newest, older) = own.split_last().map_or((None, &[][..]), |(newest, older)| (Some(newest), older));
    let mut all: Vec<Placed> = older.iter().filter(|placed| !others.contains(placed)).cloned().collect();
    for placed in others.iter().copied().chain(newest) {
        append(&mut all, placed.clone());
    }
    all
}

/// As the newest one, once; the oldest goes if there is no room.
pub fn append(all: &mut Vec<Placed>, newest: Placed) {
    all.retain(|placed| *placed != newest);
    all.push(newest);
    let surplus = all.len().saturating_sub(MAX_PLACED);
    all.drain(..surplus);
}
