//! The provider: it executes late or twice, forgets to answer, shows late, and knows nothing of marks or intents.

use switchboard::core::action::Why;
use switchboard::core::view::Thing;

use crate::ablation::Ablation;
use crate::besides::Change;
use crate::invariants::Invariant;
use crate::lesson::{Lesson, Reply};
use crate::mind::Kind;
use crate::state::{Answer, Endpoint, Flight, LEADERS, Leader, Life, Listing, Object, Own, Running, SLOTS, Said, Seen, State};
use crate::world::{Act, Fate, Fault, Look, Proof};

impl Proof {
    /// A leader sends a create. I15: with the password that it read, not one of its own.
    pub fn send(&self, state: &mut State, leader: usize) {
        let known = &state.leaders[leader];
        let copy = known.copy.unwrap_or_default();
        let durable = copy.status.ledger.and_then(|ledger| ledger.intent).filter(|intent| intent.open).map(|intent| intent.nonce);
        if durable.is_none() || durable != known.own.map(|own| own.nonce) {
            self.breaks(state, Invariant::I6);
        }
        if self.world.generates && state.leaders[leader].phone.is_none() {
            self.breaks(state, Invariant::I15);
        }
        let known = &state.leaders[leader];
        let ours_to_make = !copy.adopts && !self.observes() && !copy.status.ledger.is_some_and(|ledger| ledger.elsewhere);
        if copy.deleting || copy.paused || known.gone || known.astray || known.suspended || !ours_to_make {
            self.breaks(state, Invariant::I8);
        }
        if self.world.strict && !state.excused && state.unaccounted > 0 {
            self.breaks(state, Invariant::I5);
        }
        state.unaccounted = 1;
        state.left.take(Fault::Create);
        let flight = Flight { author: Some(leader as u8), age: 0, alias: copy.alias, again: false };
        if let Some(free) = state.flights.iter_mut().find(|flight| flight.is_none()) {
            *free = Some(flight);
        }
    }

    /// An endpoint as it is made for this wish.
    pub fn made(&self, wish: u8) -> Seen {
        Seen { alias: wish, more: if self.mind.template.looks.grouped() { wish } else { 0 }, ..Seen::default() }
    }

    /// The create in flight is executed: an endpoint appears.
    fn execute(&self, state: &mut State, index: usize, hidden: bool) -> Option<u8> {
        let flight = state.flights[index]?;
        let Some(slot) = state.free_slot() else {
            debug_assert!(false, "more endpoints than places");
            return None;
        };
        if hidden {
            state.left.take(Fault::Hidden);
        }
        let life = if hidden { Life::Hidden(0) } else { Life::Live };
        state.endpoints[slot] = Endpoint { life, ..Endpoint::live(self.made(flight.alias)) };
        state.flights[index] = flight.again.then_some(Flight { author: None, again: false, ..flight });
        if !hidden {
            appears(state, slot);
        }
        Some(slot as u8)
    }

    /// The author of a create hears of it.
    pub fn answer(&self, state: &mut State, index: usize, fate: Fate) {
        let Some(Flight { author: Some(author), alias, .. }) = state.flights[index] else { return };
        let leader = usize::from(author);
        let answer = match fate {
            Fate::Good | Fate::Hidden => self.execute(state, index, fate == Fate::Hidden).map_or(Answer::Unknown, Answer::Done),
            Fate::Refused => {
                state.left.take(Fault::Refused);
                state.flights[index] = None;
                Answer::Refused
            }
            Fate::Lost | Fate::HiddenLost => {
                state.left.take(Fault::Lost);
                self.execute(state, index, fate == Fate::HiddenLost);
                Answer::Unknown
            }
            Fate::LostBefore => {
                state.left.take(Fault::Lost);
                state.flights[index] = None;
                Answer::Unknown
            }
            _ => {
                state.left.take(Fault::Lost);
                if let Some(flight) = &mut state.flights[index] {
                    flight.author = None;
                }
                Answer::Unknown
            }
        };
        let shown = self.mind.template.looks.named().then(|| self.made(alias));
        let mut known = self.mind.learn(&state.leaders[leader], Lesson::Created(answer, shown));
        if let Answer::Done(slot) = answer {
            known.amend(slot, self.made(alias));
        }
        state.leaders[leader] = known;
        self.look(state, leader);
    }

    /// What happens to a create that nobody waits for.
    pub fn flight(&self, state: &mut State, act: Act) {
        match act {
            Act::Execute(index, hidden) => {
                self.execute(state, usize::from(index), hidden);
            }
            Act::Drop(index) => state.flights[usize::from(index)] = None,
            Act::Twice(index) => {
                state.left.take(Fault::Twice);
                if let Some(flight) = &mut state.flights[usize::from(index)] {
                    flight.again = true;
                }
            }
            _ => {}
        }
    }

    /// A leader reads, changes or deletes an endpoint.
    pub fn call(&self, state: &mut State, leader: usize, kind: Kind, fate: Fate) {
        if matches!(fate, Fate::Lost | Fate::LostBefore) {
            state.left.take(Fault::Lost);
        }
        let executed = fate != Fate::LostBefore && !state.leaders[leader].astray;
        let reply = |done: bool| match fate {
            Fate::Lost | Fate::LostBefore => Reply::Unknown,
            _ if done => Reply::Done,
            _ => Reply::NotFound,
        };
        let lesson = match kind {
            Kind::Get(slot) => {
                let endpoint = &state.endpoints[usize::from(slot)];
                let found = (endpoint.life == Life::Live && executed).then_some(endpoint.seen);
                Lesson::Got(slot, (fate == Fate::Good).then_some(found))
            }
            Kind::ReadReferences(slot) => {
                let used = state.endpoints[usize::from(slot)].used.is_some() && executed;
                Lesson::Referenced(slot, (fate == Fate::Good).then_some(used))
            }
            Kind::Update { slot, change } => {
                self.check_ownership(state, leader, slot, None);
                self.check_change(state, change);
                let endpoint = &mut state.endpoints[usize::from(slot)];
                let done = endpoint.life == Life::Live && executed;
                if done {
                    let seen = &mut endpoint.seen;
                    seen.alias = change.alias.unwrap_or(seen.alias);
                    seen.more = change.more.unwrap_or(seen.more);
                    if change.name {
                        seen.bare = false;
                        endpoint.stripped = None;
                    }
                }
                let seen = endpoint.seen;
                if done && fate == Fate::Good {
                    state.leaders[leader].patch(slot, change.alias, self.mind.template.looks.named().then_some(seen));
                }
                let shown = self.mind.template.looks.named().then_some(seen);
                Lesson::Updated { slot, change, reply: reply(done), shown }
            }
            Kind::Delete(slot, why) => {
                self.check_ownership(state, leader, slot, Some(why));
                self.check_deletion(state, leader, slot, why);
                let endpoint = state.endpoints[usize::from(slot)];
                let stands_in_the_way = self.world.refuses && endpoint.used.is_some() && endpoint.life == Life::Live;
                let done = executed && fate != Fate::Unseen && endpoint.exists() && !stands_in_the_way;
                if done {
                    self.remove(state, usize::from(slot), fate == Fate::Ghost);
                    if fate != Fate::Lost {
                        state.leaders[leader].strike(slot);
                    }
                }
                let conflict = stands_in_the_way && executed && fate != Fate::Lost;
                Lesson::Deleted(slot, if conflict { Reply::Conflict } else { reply(done) })
            }
            _ => return,
        };
        let known = self.mind.learn(&state.leaders[leader], lesson);
        state.leaders[leader] = known;
        self.look(state, leader);
    }

    /// I2: nothing is written to an endpoint that is not the object's own, that is only observed, or that stays, nor in another account
    /// or for another installation. I8: nor while the object is paused or the account suspended, but for what was received too late.
    fn check_ownership(&self, state: &mut State, leader: usize, slot: u8, deletion: Option<Why>) {
        let endpoint = state.endpoints[usize::from(slot)];
        let known = &state.leaders[leader];
        let copy = known.copy.unwrap_or_default();
        let stays = copy.adopts && deletion.is_some() && !self.deletes();
        let elsewhere = copy.status.ledger.is_some_and(|ledger| ledger.elsewhere);
        let held = (copy.paused || known.suspended) && deletion != Some(Why::JustReceived);
        let not_ours = endpoint.exists() && endpoint.seen.foreign || known.claims & (1 << slot) != 0;
        let not_ours = not_ours || deletion != Some(Why::JustReceived) && self.was_let_go(state, leader, slot);
        if known.astray || not_ours || stays || elsewhere || self.observes() {
            self.breaks(state, Invariant::I2);
        }
        if held {
            self.breaks(state, Invariant::I8);
        }
    }

    /// Its mark was taken away before this pass, when it was not recorded: to all that anybody can tell it is its owner's, unless this
    /// very process made it, or has recorded it.
    pub fn was_let_go(&self, state: &State, leader: usize, slot: u8) -> bool {
        let known = &state.leaders[leader];
        let recorded = |object: Option<Object>| object.is_some_and(|object| object.status.recorded == Some(slot));
        let made = matches!(known.own, Some(Own { answer: Some(Answer::Done(own)), .. }) if own == slot);
        let adopted = known.copy.is_some_and(|copy| copy.adopts);
        state.endpoints[usize::from(slot)].stripped == Some(1) && !adopted && !made && !recorded(state.object) && !recorded(known.copy)
    }

    /// I2: what others have in one group of fields is cleared by a change of another group that carries the first along.
    fn check_change(&self, state: &mut State, change: Change) {
        if self.mind.template.looks.grouped() && change.alias.is_some() && (change.more.is_some() || change.name) {
            self.breaks(state, Invariant::I2);
        }
    }

    /// I9: the recorded endpoint of a live object is never deleted by us, nor that of a deleted one while the brake holds it. I6: nor a duplicate that was not condemned before.
    fn check_deletion(&self, state: &mut State, leader: usize, slot: u8, why: Why) {
        let endpoint = state.endpoints[usize::from(slot)];
        let ours = endpoint.made_for_us();
        if endpoint.used == Some(1) && why != Why::JustReceived {
            self.breaks(state, Invariant::I21);
        }
        // A leader that saw a deletion which a restore of etcd undid does not count.
        // A trunk group is needed again at any time; what was announced to go is finished all the same.
        let grouped = self.world.thing == Thing::TrunkGroup;
        let said = state.leaders[leader].copy.map_or(Said::Nothing, |copy| copy.status.said);
        let going = grouped && said == Said::Goes;
        if grouped && said == Said::Nothing && why != Why::JustReceived {
            self.breaks(state, Invariant::I6);
        }
        let deleting = state.leaders[leader].copy.is_some_and(|copy| copy.deleting) || going;
        if ours && !deleting && state.object.is_some_and(|object| !object.deleting && object.status.recorded == Some(slot)) {
            self.breaks(state, Invariant::I9);
        }
        let known = &state.leaders[leader];
        if known.no_deletion && why == Why::Requested && known.copy.is_some_and(|copy| copy.status.recorded == Some(slot)) {
            self.breaks(state, Invariant::I9);
        }
        let condemned = state.leaders[leader].copy.and_then(|copy| copy.status.ledger).map_or(0, |ledger| ledger.tombstones);
        if why == Why::Duplicate && condemned & (1 << slot) == 0 {
            self.breaks(state, Invariant::I6);
        }
    }

    /// An endpoint is deleted, and what pointed to it leads nowhere.
    fn remove(&self, state: &mut State, slot: usize, ghost: bool) {
        (state.endpoints[slot].used, state.endpoints[slot].stripped) = (None, None);
        let reused = state.left.has(Fault::Reuse);
        state.endpoints[slot].life = match (ghost, reused) {
            (true, _) => Life::Ghost(0),
            (false, true) => Life::Dead(0),
            (false, false) => Life::None,
        };
        if ghost {
            state.left.take(Fault::Ghost);
        }
        for running in state.leaders.iter_mut().filter_map(|leader| leader.running.as_mut()) {
            let bit = running.certain & (1 << slot);
            running.certain &= !bit;
            running.possible |= bit;
        }
    }

    /// Something happens to one endpoint.
    pub fn happen(&self, state: &mut State, fault: Fault, slot: usize) {
        state.left.take(fault);
        match fault {
            Fault::Remove => self.remove(state, slot, false),
            Fault::Retouch => state.endpoints[slot].seen.alias = 2,
            Fault::Point => state.endpoints[slot].used = if state.endpoints[slot].used.is_some() { None } else { Some(0) },
            Fault::Rename => {
                state.endpoints[slot].seen.bare = true;
                state.endpoints[slot].stripped = Some(0);
            }
            Fault::Claim => state.leaders.iter_mut().for_each(|leader| leader.claims ^= 1 << slot),
            Fault::Reuse => {
                state.endpoints[slot] = Endpoint::live(Seen { foreign: true, ..Seen::default() });
                appears(state, slot);
            }
            _ => {}
        }
    }

    /// A hidden endpoint becomes visible, a deleted one is no longer listed.
    pub fn reveal(&self, state: &mut State, slot: usize) {
        state.endpoints[slot].life = match state.endpoints[slot].life {
            Life::Hidden(_) => Life::Live,
            _ => Life::None,
        };
        if state.endpoints[slot].life == Life::Live {
            appears(state, slot);
        }
    }

    /// Everything at the provider grows older.
    pub fn grow_older(&self, state: &mut State) {
        for endpoint in &mut state.endpoints {
            endpoint.used = endpoint.used.map(|_| 1);
            endpoint.stripped = endpoint.stripped.map(|_| 1);
            endpoint.life = match endpoint.life {
                Life::Hidden(_) => Life::Hidden(1),
                Life::Ghost(_) => Life::Ghost(1),
                Life::Dead(age) => Life::Dead((age + 1).min(3)),
                life => life,
            };
        }
        for flight in state.flights.iter_mut().flatten() {
            flight.age = 1;
        }
    }

    /// The ways in which a listing may come out.
    pub fn looks(&self, state: &State, leader: usize, mut with: impl FnMut(Look)) {
        let known = &state.leaders[leader];
        let (sure, mut maybe) = match known.running {
            Some(running) => (running.certain, running.possible),
            None => (bits(state, |life| life == Life::Live), 0),
        };
        maybe |= bits(state, |life| matches!(life, Life::Ghost(_)));
        let mut besides = maybe;
        loop {
            with(Look { besides, ..Look::PLAIN });
            if besides == 0 {
                break;
            }
            besides = (besides - 1) & maybe;
        }
        for (fault, complete) in [(Fault::Torn, false), (Fault::Lying, true)] {
            if state.left.has(fault) && !known.astray && sure != 0 {
                with(Look { lacks: sure, complete, besides: 0 });
                if sure.count_ones() > 1 {
                    (0..SLOTS)
                        .map(|slot| sure & (1 << slot))
                        .filter(|bit| *bit != 0)
                        .for_each(|lacks| with(Look { lacks, complete, besides: 0 }));
                }
            }
        }
    }

    /// A listing begins.
    pub fn begin_list(&self, state: &mut State, leader: usize) {
        let certain = if state.leaders[leader].astray { 0 } else { bits(state, |life| life == Life::Live) };
        state.leaders[leader].running = Some(Running { age: 0, certain, possible: 0, added: 0, removed: 0 });
    }

    /// A listing ends and is kept.
    pub fn end_list(&self, state: &mut State, leader: usize, look: Look) {
        let Some(running) = state.leaders[leader].running.take() else { return };
        if look.lacks != 0 {
            state.left.take(if look.complete { Fault::Lying } else { Fault::Torn });
        }
        let shown = (running.certain & !look.lacks | look.besides | running.added) & !running.removed;
        let seen = std::array::from_fn(|slot| (shown & (1 << slot) != 0).then_some(state.endpoints[slot].seen));
        let complete = look.complete || self.lacks(Ablation::Completeness);
        state.leaders[leader].keep(Listing { age: running.age, complete, seen });
        self.look(state, leader);
    }
}

/// An endpoint can be seen from now on: listings that run may show it.
fn appears(state: &mut State, slot: usize) {
    for leader in 0..LEADERS {
        if let Some(running) = &mut state.leaders[leader].running {
            running.possible |= 1 << slot;
        }
    }
}

pub(crate) fn bits(state: &State, which: impl Fn(Life) -> bool) -> u8 {
    (0..SLOTS).filter(|slot| which(state.endpoints[*slot].life)).fold(0, |mask, slot| mask | 1 << slot)
}

impl Leader {
    /// A listing is published: the two newest complete ones are kept, and the newest.
    fn keep(&mut self, listing: Listing) {
        if listing.complete {
            self.listings = [self.listings[1], Some(listing), None];
            self.term = true;
        } else {
            self.listings[2] = Some(listing);
        }
    }

    /// Listings are amended by our own answered create,
    fn amend(&mut self, slot: u8, seen: Seen) {
        for listing in self.listings.iter_mut().flatten() {
            listing.seen[usize::from(slot)].get_or_insert(seen);
        }
        if let Some(running) = &mut self.running {
            running.added |= 1 << slot;
        }
    }

    /// update, of which the answer may show the whole thing,
    fn patch(&mut self, slot: u8, alias: Option<u8>, shown: Option<Seen>) {
        for seen in self.listings.iter_mut().flatten().filter_map(|listing| listing.seen[usize::from(slot)].as_mut()) {
            match (shown, alias) {
                (Some(shown), _) => *seen = shown,
                (None, Some(alias)) => seen.alias = alias,
                (None, None) => {}
            }
        }
    }

    /// and deletion.
    fn strike(&mut self, slot: u8) {
        for listing in self.listings.iter_mut().flatten() {
            listing.seen[usize::from(slot)] = None;
        }
        if let Some(running) = &mut self.running {
            running.added &= !(1 << slot);
            running.removed |= 1 << slot;
        }
    }
}
