//! The API server: versions, conflicts, and what people and other tools do to the object.

use switchboard::core::action::Release;
use switchboard::core::view::Thing;

use crate::ablation::Ablation;
use crate::invariants::Invariant;
use crate::lesson::Lesson;
use crate::mind::{Kind, Step, healthy};
use crate::state::{Intent, LEADERS, Leader, Ledger, Object, Phone, SLOTS, Said, State, Status, UNRESOLVED};
use crate::world::{Act, Fault, Proof, Start};

/// An object whose endpoint is the first one, and with which all is well.
pub fn healthy_object() -> Object {
    let ledger = Ledger { uid: 1, intent: Some(Intent { nonce: 0, open: false }), tombstones: 0, password: true, elsewhere: false };
    let status =
        Status { ledger: Some(ledger), recorded: Some(0), pinned: true, read: true, synced: true, said: Said::Nothing, stranger: false };
    Object { uid: 1, finalizer: true, status, ..Object::default() }
}

/// Objects with the ledger of another installation: with an endpoint recorded, with a create on its way, with nothing at the provider.
pub fn objects_from_elsewhere() -> [Object; 3] {
    [(Some(0), false), (None, true), (None, false)].map(|(recorded, open)| {
        let mut object = healthy_object();
        object.status.recorded = recorded;
        object.status.read = recorded.is_some();
        if let Some(ledger) = &mut object.status.ledger {
            *ledger = Ledger { intent: Some(Intent { nonce: 0, open }), password: recorded.is_some(), elsewhere: true, ..*ledger };
        }
        object
    })
}

/// The ledger is another installation's, and something may be at the provider for it.
pub fn is_elsewhere(object: &Object) -> bool {
    let ledger = object.status.ledger.filter(|ledger| ledger.elsewhere);
    ledger.is_some_and(|ledger| object.status.recorded.is_some() || ledger.intent.is_some_and(|intent| intent.open))
}

impl Proof {
    /// As [`healthy_object`], of this world's kind.
    pub fn healthy(&self) -> Object {
        let mut object = healthy_object();
        let looks = &self.mind.template.looks;
        object.status.read &= !looks.named();
        if let Some(ledger) = &mut object.status.ledger {
            ledger.password &= looks.password();
        }
        object
    }

    /// Whether this leader does not know the newest version.
    pub fn is_behind(&self, state: &State, leader: usize) -> bool {
        let known = &state.leaders[leader];
        match known.copy {
            None => state.object.is_some(),
            Some(_) => !known.gone && (!state.is_current(leader) || known.phone != state.phone),
        }
    }

    /// The leader reads the object, or learns that it is gone.
    pub fn watch(&self, state: &mut State, leader: usize) {
        let known = &mut state.leaders[leader];
        // What wakes the object begins a new pass.
        known.just_read = 0;
        known.just_deleted = 0;
        known.besides.begin_pass(&known.gets);
        known.phone = state.phone;
        match (known.copy, state.object) {
            (Some(copy), Some(object)) if copy.uid == object.uid => known.copy = Some(object),
            (None, object) => known.copy = object,
            (Some(_), _) => known.gone = true,
        }
        state.current |= 1 << leader;
        self.look(state, leader);
    }

    /// What the executor sees to before each decision. A process that has nothing left to do for an object that is gone forgets it.
    pub fn look(&self, state: &mut State, leader: usize) {
        if state.leaders[leader].copy.is_none() {
            return;
        }
        let known = self.mind.learn(&state.leaders[leader], Lesson::Looked);
        state.leaders[leader] = known;
        if known.gone && !state.waiting(leader) && self.mind.decide(&known).1.kind == Kind::Rest {
            let Leader { term, listings, running, .. } = known;
            state.leaders[leader] = Leader { term, listings, running, ..known.reborn() };
        }
    }

    /// A version-checked write of a leader. Whether it was applied; if not, the leader has read the object.
    pub fn write(&self, state: &mut State, leader: usize, kind: Kind, change: impl FnOnce(&mut Object)) -> bool {
        let known = state.leaders[leader];
        let Some(copy) = known.copy else { return false };
        let current = state.is_current(leader) && !known.gone && state.object.is_some_and(|object| object.uid == copy.uid);
        let unchecked = self.ablation.is_some_and(|ablation| ablation.unchecked(kind)) && !known.gone;
        let Some(object) = state.object.as_mut().filter(|_| current || unchecked) else {
            let known = &mut state.leaders[leader];
            match state.object.filter(|object| object.uid == copy.uid) {
                Some(object) => known.copy = Some(object),
                None => known.gone = true,
            }
            state.current |= 1 << leader;
            return false;
        };
        let before = *object;
        change(object);
        let after = *object;
        if before != after || !current {
            state.current = 1 << leader;
        }
        state.leaders[leader].copy = Some(after);
        if after.deleting && !after.finalizer {
            state.object = None;
            state.leaders[leader].gone = true;
            state.unaccounted = 0;
        }
        self.check_record(state, before.status.recorded, after.status.recorded);
        // Who read it just before its mark was taken away has recorded it; whoever looks for the mark meanwhile does not find it.
        let late = |slot: u8| kind == Kind::Record(slot) && state.endpoints[usize::from(slot)].stripped.is_some();
        state.excused |= after.status.recorded.is_some_and(late);
        true
    }

    /// I7: the recorded id changes only from nothing, or when what was recorded is truly absent.
    fn check_record(&self, state: &mut State, before: Option<u8>, after: Option<u8>) {
        if let Some(slot) = before.filter(|_| before != after)
            && state.endpoints[usize::from(slot)].made_for_us()
        {
            self.breaks(state, Invariant::I7);
        }
    }

    /// A step that writes to the API server. Whether the write was applied.
    pub fn write_step(&self, state: &mut State, leader: usize, step: &Step, answered: bool) {
        if matches!(step.kind, Kind::StorePassword | Kind::WriteConnection) {
            return self.write_phone(state, leader, step.kind == Kind::StorePassword);
        }
        let decided = state.leaders[leader];
        let status = step.status;
        self.check_write(state, leader, step.kind);
        let applied = match step.kind {
            Kind::AddFinalizer => self.write(state, leader, step.kind, |object| object.finalizer = true),
            Kind::RemoveFinalizer(release) => {
                if !matches!(release, Release::Retained | Release::Unproven | Release::Orphaned) && state.is_current(leader) {
                    self.check_release(state, decided.claims);
                }
                let grouped = self.world.thing == Thing::TrunkGroup;
                let applied = self.write(state, leader, step.kind, |object| match grouped {
                    // What lets a group go is that its object's status says nothing of it any more.
                    true => object.status = Status { pinned: object.status.pinned, ..Status::default() },
                    false => object.finalizer = false,
                });
                if applied && grouped {
                    state.unaccounted = 0;
                }
                // What is left then belongs to the next object of that name.
                state.excused |= applied && release == Release::Orphaned;
                applied
            }
            _ => status.is_some_and(|status| self.write(state, leader, step.kind, |object| object.status = status)),
        };
        // What another installation sent is not accounted for by anything that this one finds.
        if applied && !decided.copy.and_then(|copy| copy.status.ledger).is_some_and(|ledger| ledger.elsewhere) {
            match step.kind {
                Kind::CloseEpoch(_) | Kind::Forget => state.unaccounted = 0,
                _ => {}
            }
        }
        let ledger =
            matches!(step.kind, Kind::Record(_) | Kind::CloseEpoch(_) | Kind::WriteTombstone(_) | Kind::ClearTombstone(_) | Kind::Forget);
        if applied && answered && ledger {
            let learnt = self.mind.written(&decided);
            let known = &mut state.leaders[leader];
            *known = Leader { copy: known.copy, gone: known.gone, ..learnt };
        }
        if step.kind == Kind::Rest && healthy(step.reason) && (applied || status.is_none()) {
            let mut known = self.mind.learn(&state.leaders[leader], Lesson::Agreed);
            known.permit = false;
            state.leaders[leader] = known;
        }
        self.look(state, leader);
    }

    /// A leader stores the password, or writes what the phone needs: at the version of the Secret that it saw, and the former only if it
    /// knows the newest object as well. I15: no password is made for an endpoint that exists or may come to be.
    fn write_phone(&self, state: &mut State, leader: usize, makes: bool) {
        let known = state.leaders[leader];
        let newest = known.phone == state.phone && (!makes || state.is_current(leader) && !known.gone);
        if state.object.is_none() || !(newest || makes && self.lacks(Ablation::PasswordVersion)) {
            return self.watch(state, leader);
        }
        if makes && self.world.strict && !state.excused && (state.live() > 0 || state.flying() > 0) {
            self.breaks(state, Invariant::I15);
        }
        let of = if makes { None } else { known.copy.and_then(|copy| copy.status.recorded) };
        state.phone = Some(Phone { of });
        state.leaders[leader].phone = state.phone;
        self.look(state, leader);
    }

    /// I2: what another object has a better right to is neither recorded nor condemned, nor is anything but the endpoint that was to be
    /// adopted. I7: nothing is forgotten while the brake holds it. I4: an endpoint is left behind only if it was given up.
    fn check_write(&self, state: &mut State, leader: usize, kind: Kind) {
        let known = state.leaders[leader];
        let copy = known.copy.unwrap_or_default();
        match kind {
            Kind::Record(slot) | Kind::WriteTombstone(slot) => {
                let stranger = copy.adopts && (slot != 0 || state.endpoints[0].exists() && state.endpoints[0].seen.foreign);
                if known.claims & (1 << slot) != 0 || stranger || self.was_let_go(state, leader, slot) {
                    self.breaks(state, Invariant::I2);
                }
            }
            Kind::Forget if known.no_recreation || copy.adopts => self.breaks(state, Invariant::I7),
            Kind::RemoveFinalizer(Release::Orphaned) if copy.given_up != Some(copy.status.recorded.unwrap_or(UNRESOLVED)) => {
                self.breaks(state, Invariant::I4);
            }
            _ => {}
        }
    }

    /// Whether a rest is worth a transition: it writes a status, or lets something be forgotten.
    pub fn rest_matters(&self, state: &State, leader: usize, step: &Step) -> bool {
        let known = &state.leaders[leader];
        let forgets = || healthy(step.reason) && (known.update.is_some() || known.trouble.is_some() || known.permit);
        step.status.is_some() || forgets()
    }

    /// I4: an object that we let go leaves nothing behind, neither now nor later, but for what another object has a better right to.
    fn check_release(&self, state: &mut State, claims: u8) {
        let left = (0..SLOTS).any(|slot| state.ours(slot) && claims & (1 << slot) == 0);
        if self.world.strict && !state.excused && (left || state.flying() > 0) {
            self.breaks(state, Invariant::I4);
        }
    }

    /// What people, other tools and disasters may do now.
    pub fn events(&self, state: &State, acts: &mut Vec<Act>) {
        let left = |fault| state.left.has(fault);
        let mut with = |fault| acts.push(Act::Event(fault));
        let astray = state.leaders[0].astray;
        match &state.object {
            None => {
                if left(Fault::Apply) && !astray {
                    with(Fault::Apply);
                }
            }
            Some(object) => {
                if !object.deleting {
                    [Fault::Edit, Fault::Delete, Fault::Replace].into_iter().filter(|fault| left(*fault)).for_each(&mut with);
                }
                [Fault::Pause, Fault::Suspend, Fault::HoldDeletion, Fault::HoldRecreation]
                    .into_iter()
                    .filter(|fault| left(*fault))
                    .for_each(&mut with);
                if left(Fault::Toggle) {
                    with(Fault::Toggle);
                }
                if left(Fault::Blind) {
                    with(Fault::Blind);
                }
                if left(Fault::Orphan) && object.deleting && object.finalizer && object.given_up.is_none() {
                    with(Fault::Orphan);
                }
                if left(Fault::Force) && object.finalizer {
                    with(Fault::Force);
                }
                if left(Fault::Wipe) && object.status != Status::default() {
                    with(Fault::Wipe);
                }
                if left(Fault::Lose) && state.phone.is_some() {
                    with(Fault::Lose);
                }
                if left(Fault::Swap) && (astray || object.status.pinned) {
                    with(Fault::Swap);
                }
            }
        }
        if left(Fault::Rollback) && state.saved != Some(state.object) {
            with(Fault::Rollback);
        }
    }

    /// One of those happens.
    pub fn event(&self, state: &mut State, fault: Fault) {
        if fault != Fault::Rollback || state.saved.is_some() {
            state.left.take(fault);
        }
        state.current = match fault {
            Fault::Swap | Fault::Suspend | Fault::HoldDeletion | Fault::HoldRecreation | Fault::Lose | Fault::Blind => state.current,
            Fault::Rollback if state.saved.is_none() => state.current,
            _ => 0,
        };
        match (fault, &mut state.object) {
            (Fault::Apply, object) => {
                *object = Some(self.applied(state.next_uid));
                state.next_uid += 1;
                state.unaccounted = 0;
            }
            (Fault::Swap, _) => self.swap(state),
            (Fault::Lose, _) => state.phone = if state.phone.is_some() { None } else { Some(Phone { of: None }) },
            (Fault::Blind, _) => state.leaders.iter_mut().for_each(|leader| leader.besides.blind = !leader.besides.blind),
            (Fault::Toggle, Some(object)) => object.deleting = !object.deleting,
            (Fault::Suspend | Fault::HoldDeletion | Fault::HoldRecreation, _) => {
                for known in &mut state.leaders {
                    match fault {
                        Fault::Suspend => known.suspended = !known.suspended,
                        Fault::HoldDeletion => known.no_deletion = !known.no_deletion,
                        _ => known.no_recreation = !known.no_recreation,
                    }
                }
            }
            (Fault::Orphan, Some(object)) => object.given_up = Some(object.status.recorded.unwrap_or(UNRESOLVED)),
            (Fault::Rollback, object) => match state.saved.take() {
                None => state.saved = Some(*object),
                Some(saved) => {
                    *object = saved;
                    state.leaders.iter_mut().for_each(|leader| {
                        leader.term = false;
                        leader.besides.looked = false;
                    });
                    state.unaccounted = 0;
                }
            },
            (Fault::Edit, Some(object)) => {
                object.alias = 1 - object.alias;
                // The trunk group of an edited object leads where it led, unless the endpoint is another one, which nobody edits.
                object.status.synced &= self.world.thing == Thing::TrunkGroup;
            }
            (Fault::Delete, Some(object)) if object.finalizer => {
                object.deleting = true;
                object.status.synced = false;
            }
            (Fault::Delete, Some(object)) => {
                // Another tool took the finalizer off: what is left belongs to the next object of that name (A7).
                let lost = object.status.recorded.is_some() || object.status.ledger.is_some();
                let replaced = lost && self.world.faults.iter().any(|(fault, _)| *fault == Fault::Replace);
                state.excused |= replaced || self.world.start == Start::Rebuilt;
                let verified = object.adopts && object.status.recorded.is_some();
                state.object = None;
                state.unaccounted = 0;
                if verified && self.deletes() {
                    self.check_release(state, state.leaders[0].claims);
                }
            }
            (Fault::Pause, Some(object)) => object.paused = !object.paused,
            (Fault::Replace, Some(object)) => {
                object.finalizer = false;
                object.paused = false;
                object.given_up = None;
                if self.lacks(Ablation::IntentInStatus)
                    && let Some(ledger) = &mut object.status.ledger
                {
                    ledger.intent = None;
                }
            }
            (Fault::Force, Some(object)) => {
                object.finalizer = false;
                if object.deleting {
                    state.object = None;
                    state.unaccounted = 0;
                    state.excused = true;
                }
            }
            (Fault::Wipe, Some(object)) => object.status = Status::default(),
            _ => {}
        }
    }

    /// Other credentials: the account is another one, and nothing of it is known yet.
    pub fn swap(&self, state: &mut State) {
        for leader in 0..LEADERS {
            let known = &mut state.leaders[leader];
            known.astray = !known.astray;
            known.term = false;
            known.listings = [None; 3];
            known.running = None;
            (known.besides.searches, known.besides.just_found, known.besides.looked) = ([None; 3], 0, false);
        }
    }

    /// A leader dies and begins anew.
    pub fn crash(&self, state: &mut State, leader: usize) {
        state.leaders[leader] = state.leaders[leader].reborn();
        state.leaders[leader].besides.born = (self.world.thing == Thing::TrunkGroup).then_some(0);
        for flight in state.flights.iter_mut().flatten() {
            flight.author = flight.author.filter(|author| usize::from(*author) != leader);
        }
        self.watch(state, leader);
    }

    /// Whether an endpoint's id is known to nobody: for the traces.
    pub fn is_recorded(state: &State, slot: usize) -> bool {
        slot < SLOTS && state.object.is_some_and(|object| object.status.recorded == Some(slot as u8))
    }
}
