//! The shipping decisions, asked once for each distinct question. An ablation falsifies what they see or replaces what they answer;
//! the shipped code knows nothing of it.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use switchboard::api::condition::{Reason, Verdict};
use switchboard::core::action::{Action, Closed, Release, Why};
use switchboard::core::endpoint::next;
use switchboard::core::view::View;

use crate::ablation::Ablation;
use crate::besides::Change;
use crate::lesson::Lesson;
use crate::rows;
use crate::shown::{change_of, slot};
use crate::state::{Leader, Running, Status};
use crate::view::Template;
use crate::world::World;

/// What a leader does next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The action.
    pub kind: Kind,
    /// The status that goes with it, where it is worth a write.
    pub status: Option<Status>,
    /// What is said.
    pub reason: Option<Reason>,
}

/// The actions of `next`, with endpoints as positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `Wait` and `Done`.
    Rest,
    /// `StorePassword`.
    StorePassword,
    /// `WriteConnection`.
    WriteConnection,
    /// `AddFinalizer`.
    AddFinalizer,
    /// `RemoveFinalizer`.
    RemoveFinalizer(Release),
    /// `WriteIntent`.
    WriteIntent,
    /// `Create`.
    Create,
    /// `Record`.
    Record(u8),
    /// `CloseEpoch`.
    CloseEpoch(Closed),
    /// `List`.
    List,
    /// `Find`.
    Find,
    /// `Get`.
    Get(u8),
    /// `ReadReferences`.
    ReadReferences(u8),
    /// `Update`.
    Update {
        /// Of which endpoint.
        slot: u8,
        /// What is sent.
        change: Change,
    },
    /// `WriteTombstone`.
    WriteTombstone(u8),
    /// `DeleteEndpoint`.
    Delete(u8, Why),
    /// `ClearTombstone`.
    ClearTombstone(u8),
    /// `Forget`.
    Forget,
}

/// The decisions of one world.
#[derive(Debug)]
pub struct Mind {
    /// From numbers to views.
    pub template: Template,
    ablation: Option<Ablation>,
    decisions: Memo<Leader, (Leader, Step)>,
    lessons: Memo<(Leader, Lesson), Leader>,
    asked: AtomicU64,
    rows: Mutex<BTreeMap<&'static str, u64>>,
}

impl Mind {
    /// For the objects of this world, without this safeguard.
    pub fn new(world: &World, ablation: Option<Ablation>) -> Self {
        Self {
            template: Template::new(world),
            ablation,
            decisions: Memo::new(),
            lessons: Memo::new(),
            asked: AtomicU64::new(0),
            rows: Mutex::default(),
        }
    }

    /// How many distinct views the shipping `next` was asked about.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// How often each row of the table answered, by distinct view.
    pub fn rows(&self) -> BTreeMap<&'static str, u64> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What this leader does next, and what it is after it reserved what it needs for that.
    pub fn decide(&self, leader: &Leader) -> (Leader, Step) {
        let key = key(leader);
        let (mut after, step) = self.decisions.get_or(&key, || {
            let mut leader = key;
            let (view, mut action) = self.ask(&leader);
            let mut view = view;
            while action == Action::Reserve {
                self.count(rows::of(&view, &action));
                leader.permit = true;
                (view, action) = self.ask(&leader);
            }
            self.count(rows::of(&view, &action));
            (leader, self.step(&leader, &view, &action))
        });
        after.running = leader.running;
        (after, step)
    }

    fn ask(&self, leader: &Leader) -> (View, Action) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let (view, _) = self.template.view(leader);
        let action = match self.ablation {
            None => next(&view),
            Some(ablation) => {
                let mut doctored = view.clone();
                ablation.falsify(&mut doctored, &self.template.looks);
                ablation.replace(&doctored, next(&doctored))
            }
        };
        (view, action)
    }

    fn count(&self, row: &'static str) {
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner).entry(row).or_default() += 1;
    }

    fn step(&self, leader: &Leader, view: &View, action: &Action) -> Step {
        let before = leader.copy.unwrap_or_default().status;
        let reported = |finding| {
            let status = self.template.report(view, finding);
            (status != before && !view.object.gone).then_some(status)
        };
        let written = || self.template.after(view, action);
        let (kind, status, reason) = match action {
            Action::Wait { finding: None, .. } => (Kind::Rest, None, None),
            Action::Wait { finding: Some(finding), .. } | Action::Done(finding) => (Kind::Rest, reported(finding), Some(finding.reason)),
            Action::List(_, finding) => (Kind::List, reported(finding).filter(|_| !finding.message.is_empty()), Some(finding.reason)),
            // Reserved by `decide`.
            Action::Reserve => (Kind::Rest, None, None),
            Action::StorePassword => (Kind::StorePassword, None, None),
            Action::WriteConnection(_) => (Kind::WriteConnection, None, None),
            Action::AddFinalizer => (Kind::AddFinalizer, None, None),
            Action::RemoveFinalizer(release) => (Kind::RemoveFinalizer(*release), None, None),
            Action::WriteIntent(_) => (Kind::WriteIntent, written(), None),
            Action::Create { .. } => (Kind::Create, None, None),
            Action::Record(found) => (Kind::Record(slot(&found.id)), written(), None),
            Action::CloseEpoch(closed) => (Kind::CloseEpoch(*closed), written(), None),
            Action::Get(id, _) => (Kind::Get(slot(id)), None, None),
            Action::Update { id, change, .. } => (Kind::Update { slot: slot(id), change: change_of(change) }, None, None),
            Action::WriteTombstone(id) => (Kind::WriteTombstone(slot(id)), written(), None),
            Action::DeleteEndpoint(id, why) => (Kind::Delete(slot(id), *why), None, None),
            Action::ClearTombstone(id) => (Kind::ClearTombstone(slot(id)), written(), None),
            Action::Forget => (Kind::Forget, written(), None),
            Action::Find(_, finding) => (Kind::Find, None, Some(finding.reason)),
            Action::ReadReferences(id, _) => (Kind::ReadReferences(slot(id)), None, None),
            Action::ReadRivals | Action::WritePlaced(_) => unreachable!("an endpoint is no number"),
        };
        Step { kind, status, reason }
    }

    /// What a leader is after an answer.
    pub fn learn(&self, leader: &Leader, lesson: Lesson) -> Leader {
        let lesson = self.ablation.map_or(lesson, |ablation| ablation.mishear(lesson));
        self.lesson(leader, lesson)
    }

    /// What a leader is after its ledger write became durable. `leader` is what it was when it decided.
    pub fn written(&self, leader: &Leader) -> Leader {
        self.lesson(leader, Lesson::Written)
    }

    fn lesson(&self, leader: &Leader, lesson: Lesson) -> Leader {
        let key = key(leader);
        let mut after = self.lessons.get_or(&(key, lesson), || {
            let (view, mut learnt) = self.template.view(&key);
            match lesson {
                Lesson::Written => {
                    let (view, action) = self.ask(&key);
                    learnt.written(&view, &action);
                }
                lesson => self.template.teach(&mut learnt, &view, lesson),
            }
            self.template.number_learnt(&key, &learnt)
        });
        after.running = leader.running;
        after
    }
}

/// A leader as decisions see it: of a running listing only that it runs, and since when.
fn key(leader: &Leader) -> Leader {
    let running = leader.running.map(|running| Running { age: running.age, certain: 0, possible: 0, added: 0, removed: 0 });
    Leader { running, ..*leader }
}

/// Whether a rest with this reason is health.
pub fn healthy(reason: Option<Reason>) -> bool {
    reason.is_some_and(|reason| reason.verdict() == Verdict::Healthy)
}

const SHARDS: usize = 64;

/// A map that many threads ask and few fill.
#[derive(Debug)]
struct Memo<K, V>(Vec<RwLock<HashMap<K, V, Quick>>>);

impl<K: Hash + Eq + Copy, V: Copy> Memo<K, V> {
    fn new() -> Self {
        Self((0..SHARDS).map(|_| RwLock::default()).collect())
    }

    fn get_or(&self, key: &K, make: impl FnOnce() -> V) -> V {
        let shard = &self.0[hash(key) as usize % SHARDS];
        if let Some(value) = shard.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return *value;
        }
        let value = make();
        shard.write().unwrap_or_else(PoisonError::into_inner).insert(*key, value);
        value
    }
}

/// A quick hash of small numbers; nobody attacks it here.
pub fn hash(value: &impl Hash) -> u64 {
    let mut hasher = QuickHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

type Quick = BuildHasherDefault<QuickHasher>;

/// Multiplies and rotates.
#[derive(Clone, Copy, Debug, Default)]
pub struct QuickHasher(u64);

impl Hasher for QuickHasher {
    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        mixed ^ (mixed >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u8(*byte);
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.write_u64(u64::from(byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x51_7C_C1_B7_27_22_0A_95);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }
}
