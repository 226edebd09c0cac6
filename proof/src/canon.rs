//! One form for states that differ in names only.

use crate::state::{Answer, Endpoint, FRESH, LONGEST_GAP, Leader, Life, Own, SLOTS, State};

impl State {
    /// One form for states that differ in names only: nonces by order of appearance, no memories of ids that nothing can show
    /// again, no gaps longer than matter.
    pub fn normalise(&mut self) {
        if self.object.is_none() {
            self.phone = None;
        }
        self.rename_nonces();
        self.forget_ids();
        for leader in &mut self.leaders {
            leader.close_gaps();
        }
    }

    fn rename_nonces(&mut self) {
        let mut names = [FRESH; 16];
        let mut next = 0;
        self.each_nonce(|nonce| {
            let name = &mut names[usize::from(*nonce)];
            if *name == FRESH {
                *name = next;
                next += 1;
            }
            *nonce = *name;
        });
    }

    /// A nonce that nobody uses.
    pub fn new_nonce(&self) -> u8 {
        let mut used = [false; 16];
        let mut copy = *self;
        copy.each_nonce(|nonce| used[usize::from(*nonce)] = true);
        used.iter().position(|used| !used).map_or(FRESH - 1, |nonce| nonce as u8)
    }

    fn each_nonce(&mut self, mut each: impl FnMut(&mut u8)) {
        let saved = self.saved.iter_mut().flatten();
        self.object.iter_mut().chain(saved).filter_map(|object| object.status.nonce()).for_each(&mut each);
        for leader in &mut self.leaders {
            leader.copy.as_mut().and_then(|copy| copy.status.nonce()).into_iter().for_each(&mut each);
            leader.known.iter_mut().for_each(|(nonce, _)| each(nonce));
            leader.own.iter_mut().for_each(|own| each(&mut own.nonce));
        }
    }

    fn forget_ids(&mut self) {
        let mut mentioned = 0;
        let saved = self.saved.iter().flatten();
        let copies = self.leaders.iter().filter_map(|leader| leader.copy.as_ref());
        for object in self.object.iter().chain(saved).chain(copies) {
            mentioned |= object.mentions();
        }
        for phone in self.leaders.iter().map(|leader| leader.phone).chain([self.phone]).flatten() {
            mentioned |= phone.of.map_or(0, |slot| 1 << slot);
        }
        for leader in &self.leaders {
            if let Some(Own { answer: Some(Answer::Done(slot)), .. }) = leader.own {
                mentioned |= 1 << slot;
            }
            for listing in leader.listings.iter().flatten() {
                for slot in 0..SLOTS {
                    mentioned |= u8::from(listing.seen[slot].is_some()) << slot;
                }
            }
            mentioned |= leader.besides.mentions();
            mentioned |= leader.running.map_or(0, |running| running.certain | running.possible | running.added | running.removed);
        }
        for slot in 0..SLOTS {
            if matches!(self.endpoints[slot].life, Life::None | Life::Dead(_)) && mentioned & (1 << slot) == 0 {
                self.endpoints[slot] = Endpoint::NONE;
                for leader in &mut self.leaders {
                    leader.claims &= !(1 << slot);
                    leader.deleted[slot] = None;
                    leader.gets[slot] = None;
                    leader.just_read &= !(1 << slot);
                    leader.just_deleted &= !(1 << slot);
                    leader.besides.forget(slot);
                }
            }
        }
    }
}

impl Leader {
    fn close_gaps(&mut self) {
        // What every kept listing is younger than makes none of them an amendment.
        let looks = self.listings.iter().chain(&self.besides.searches);
        let listings = looks.flatten().map(|listing| listing.age);
        let oldest = listings.chain(self.running.map(|running| running.age)).max();
        self.effect = self.effect.filter(|effect| oldest.is_some_and(|oldest| *effect <= oldest));
        let mut present = 0_u64;
        self.moments(|age| present |= 1 << *age);
        let mut names = [0_u8; 64];
        let (mut before, mut name) = (0_u8, 0_u8);
        let mut longest = 0;
        while present != 0 {
            let age = present.trailing_zeros() as u8;
            present &= present - 1;
            let gap = age - before;
            longest = longest.max(gap);
            name += gap.min(LONGEST_GAP);
            names[usize::from(age)] = name;
            before = age;
        }
        if longest > LONGEST_GAP {
            self.moments(|age| *age = names[usize::from(*age)]);
        }
    }
}
