//! What is needed only at a provider that selects by marks, answers a create and an update with the whole thing, changes its fields in
//! groups, and tells what points to a thing.

use crate::state::{Age, Listing, SLOTS, Update};

/// A change of an endpoint, by groups of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Change {
    /// The alias, or what stands for it in this world.
    pub alias: Option<u8>,
    /// The field of another group.
    pub more: Option<u8>,
    /// The name, and in it the mark.
    pub name: bool,
    /// The password.
    pub password: bool,
}

/// What a leader knows besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Besides {
    /// Searches by the mark: the two newest complete ones, oldest first, and the newest if it is not complete.
    pub searches: [Option<Listing>; 3],
    /// Which of them belong to this pass, a bit each.
    pub just_found: u8,
    /// A complete search was made in this term.
    pub looked: bool,
    /// The provider does not select, and the account knows it.
    pub blind: bool,
    /// Which reads by id were answers to our own create or update, a bit each.
    pub answered: u8,
    /// Answers to the question what points to an endpoint: since when, and whether something does.
    pub references: [Option<(Age, bool)>; SLOTS],
    /// Which of them belong to this pass.
    pub just_asked: u8,
    /// Endpoints whose deletion failed the last time, a bit each.
    pub undeleted: u8,
    /// In this tick.
    pub just_undeleted: u8,
    /// Those of them that the provider understood and did not want.
    pub refused: u8,
    /// The updates before the last one, of other groups.
    pub earlier: [Option<Update>; 2],
    /// Since nobody needs the trunk group (0, 1 and more).
    pub free: Option<Age>,
    /// Since the process began, if it was not always there (of trunk groups only).
    pub born: Option<Age>,
}

impl Besides {
    /// Another process in the same surroundings.
    pub fn reborn(&self) -> Self {
        Self { blind: self.blind, ..Self::default() }
    }

    /// Every moment in it.
    pub fn moments(&mut self, mut each: impl FnMut(&mut Age)) {
        self.searches.iter_mut().flatten().for_each(|search| each(&mut search.age));
        self.references.iter_mut().flatten().for_each(|(age, _)| each(age));
        self.earlier.iter_mut().flatten().for_each(|update| each(&mut update.age));
        self.born.iter_mut().for_each(&mut each);
    }

    /// A tick passes: every back-off is shorter.
    pub fn grow_older(&mut self) {
        self.just_found = 0;
        self.just_asked = 0;
        self.just_undeleted = 0;
        self.free = self.free.map(|_| 1);
    }

    /// A new pass begins.
    pub fn begin_pass(&mut self, reads: &[Option<(Age, Option<crate::state::Seen>)>; SLOTS]) {
        self.just_found = 0;
        self.just_asked = 0;
        // What an earlier pass was told is told apart from what this one asks only by when.
        let now = (0..SLOTS).filter(|slot| matches!(reads[*slot], Some((0, _))));
        self.answered &= !now.fold(0, |mask, slot| mask | 1 << slot);
    }

    /// The endpoints it names, a bit each.
    pub fn mentions(&self) -> u8 {
        let seen = |search: &Listing| (0..SLOTS).filter(|slot| search.seen[*slot].is_some()).fold(0, |mask, slot| mask | 1 << slot);
        self.searches.iter().flatten().fold(0, |mask, search| mask | seen(search))
    }

    /// Nothing can show this id again.
    pub fn forget(&mut self, slot: usize) {
        self.references[slot] = None;
        let bit = !(1 << slot);
        self.answered &= bit;
        self.just_asked &= bit;
        self.undeleted &= bit;
        self.just_undeleted &= bit;
        self.refused &= bit;
    }
}
