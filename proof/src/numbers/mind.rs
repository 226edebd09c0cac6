//! The shipping decisions, asked once for each distinct question. What a process has learnt and what stands in a binding are kept here,
//! under small numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use switchboard::api::condition::Reason;
use switchboard::api::phone_number_binding::PhoneNumberBindingStatus;
use switchboard::api::policy::{BindingDeletionPolicy, DriftPolicy};
use switchboard::api::refs::{AccountIdentity, ProviderKind};
use switchboard::core::action::{Action, Ahead, Cause, Release, Source};
use switchboard::core::binding::memory::{Memory, Survey};
use switchboard::core::binding::view::{Desired, Policy, Rival, View};
use switchboard::core::binding::{Evidence, Learnt, answer, next, status};
use switchboard::core::capabilities::Capabilities;
use switchboard::core::fields::{FieldName, Fields, Number, Value};
use switchboard::core::mark::Place;
use switchboard::core::outcome::{Doubt, DoubtKind, Outcome, Refusal, RefusalKind};
use switchboard::core::shared::quarrel::Quarrel;
use switchboard::core::time::Moment;
use switchboard::core::view::{AccountView, Fresh, Object, Problem, Timing};
use switchboard::provider::plivo::CAPABILITIES;

use super::Ablation;
use super::rows;
use super::state::{APPS, CONSOLE, Id, NOWHERE};

const SETTLE: Duration = Duration::from_secs(150);
const NOW: Moment = Moment(Duration::from_secs(100_000));
const OLD: Moment = Moment(Duration::from_secs(99_500));
/// More than 6 hours before.
const LONG_AGO: Moment = Moment(Duration::from_secs(1));

/// A provider at which trunk groups answer numbers, which have ids of their own, and something has to answer each.
const GROUPS: Capabilities = Capabilities {
    provider: ProviderKind::CarrierX,
    mark: Place::Name,
    list_filter: true,
    registers: false,
    referenced: true,
    number_target: answer::TRUNK_GROUP_SID,
    number_must_answer: true,
    ..CAPABILITIES
};

/// A binding, as the API server or a process has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// Its age, and its uid.
    pub made: u8,
    /// `metadata.generation`.
    pub generation: u8,
    /// On its way out.
    pub deleting: bool,
    /// Our finalizer is on it.
    pub finalizer: bool,
    /// What it wants to answer the number; [`NOWHERE`] while that does not exist.
    pub wanted: u8,
    /// Its status, without what only ticks or tells.
    pub status: PhoneNumberBindingStatus,
}

/// What is asked of a binding in every state.
#[derive(Clone, Copy, Debug)]
pub struct Brief {
    /// See [`Content`].
    pub made: u8,
    /// See [`Content`].
    pub deleting: bool,
    /// See [`Content`].
    pub finalizer: bool,
    /// See [`Content`].
    pub wanted: u8,
    /// It has no status.
    pub blank: bool,
    /// What was there before.
    pub previous: Option<u8>,
    /// What it says.
    pub reason: Option<Reason>,
}

impl Content {
    fn brief(&self) -> Brief {
        let ready = self.status.conditions.iter().find(|condition| condition.type_ == "Ready");
        Brief {
            made: self.made,
            deleting: self.deleting,
            finalizer: self.finalizer,
            wanted: self.wanted,
            blank: self.status == PhoneNumberBindingStatus::default(),
            previous: self.status.previous.as_ref().map(|previous| app(previous.target())),
            reason: ready.and_then(|ready| ready.reason.parse().ok()),
        }
    }
}

/// A question: a binding, the other one, and what the process has learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// The binding.
    pub own: Id,
    /// The one of the other name.
    pub rival: Option<Id>,
    /// What is learnt.
    pub learnt: Id,
}

/// What a process does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It rests; a status may have to be written first, and whether that says that all is well.
    Rest(Option<Id>, bool),
    /// Puts the finalizer on.
    AddFinalizer,
    /// Lets the binding go.
    Release(Release),
    /// Reads the bindings live.
    Survey,
    /// Writes this.
    Write(Id),
    /// Reads the number.
    Get,
    /// Changes the number.
    Update(u8, Cause),
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lesson {
    /// The number shows this, and may not be bound.
    Got(u8, bool),
    /// The bindings were read.
    Surveyed,
    /// The write is durable.
    Written,
    /// The status says that all agrees, durably.
    Agreed,
    /// The update was executed.
    Done,
    /// Hours pass.
    Hours,
    /// Its answer was lost.
    Unknown,
    /// It was refused.
    Refused,
    /// The pass has ended.
    Rested,
    /// The settle time has passed.
    Settled,
}

/// Values under small numbers.
struct Numbered<T> {
    all: Vec<T>,
    /// By the hash of what it prints as.
    ids: HashMap<u64, Vec<Id>>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { all: Vec::new(), ids: HashMap::new() }
    }
}

impl<T: fmt::Debug + PartialEq> Numbered<T> {
    fn id(&mut self, value: T) -> Id {
        let mut hasher = DefaultHasher::new();
        format!("{value:?}").hash(&mut hasher);
        let ids = self.ids.entry(hasher.finish()).or_default();
        if let Some(id) = ids.iter().find(|id| self.all[usize::from(**id)] == value) {
            return *id;
        }
        // A world with more would be too large for other reasons.
        let id = Id::try_from(self.all.len()).unwrap_or(Id::MAX);
        self.all.push(value);
        ids.push(id);
        id
    }
}

#[derive(Default)]
struct Kept {
    contents: Numbered<Content>,
    briefs: Vec<Brief>,
    learnt: Numbered<Learnt>,
    decided: HashMap<Question, (Kind, Id)>,
    lessons: HashMap<(Question, Lesson), Id>,
    rows: BTreeMap<&'static str, u64>,
}

/// The shipping decisions.
pub struct Mind {
    record: Capabilities,
    ablation: Option<Ablation>,
    kept: Mutex<Kept>,
}

fn text(app: &str) -> Value {
    Value::Text(app.to_owned())
}

fn second(made: u8) -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::from_secs(made.into())
}

/// The number of an application.
pub fn app(text: &str) -> u8 {
    APPS.iter().position(|app| *app == text).and_then(|at| u8::try_from(at).ok()).unwrap_or(CONSOLE)
}

impl Kept {
    fn content(&mut self, content: Content) -> Id {
        let brief = content.brief();
        let id = self.contents.id(content);
        if self.briefs.len() == usize::from(id) {
            self.briefs.push(brief);
        }
        id
    }

    fn learn(&mut self, mut learnt: Learnt) -> Id {
        normalise(&mut learnt);
        self.learnt.id(learnt)
    }
}

/// What differs without making a difference: how often was read, what drift was corrected when (nobody counts here), words.
fn normalise(learnt: &mut Learnt) {
    let memory = &mut learnt.memory;
    let before = memory.reads;
    memory.reads = 1;
    if let Some(survey) = &mut memory.survey {
        survey.reads = u64::from(survey.reads == before);
    }
    memory.effect = Moment::ZERO;
    // It never gets another one.
    memory.id = None;
    memory.listing_wanted = None;
    memory.pass_began = NOW;
    memory.quarrel = Quarrel::default();
    // No number is taken away here.
    memory.leaving = None;
    memory.doubt = memory.doubt.map(|(at, count)| (at, count.min(2)));
    if let Some(update) = &mut memory.update {
        update.times = update.times.min(2);
    }
    if let Some(trouble) = &mut memory.trouble {
        trouble.message.clear();
        trouble.attempts = 1;
    }
    memory.not_taken.sort_by_key(|change| format!("{change:?}"));
    memory.not_taken.dedup();
}

/// A status without what only tells: nothing is decided by it.
fn quiet(mut status: PhoneNumberBindingStatus) -> PhoneNumberBindingStatus {
    status.observed_generation = None;
    status.number = None;
    (status.app_id, status.trunk_group_sid) = (None, None);
    status.alias = None;
    status.subaccount = None;
    status.conditions.retain(|condition| condition.type_ == "Ready" || condition.type_ == "Synced");
    for condition in &mut status.conditions {
        condition.message.clear();
        condition.status = "Unknown".into();
        condition.last_transition_time = Time(Timestamp::UNIX_EPOCH);
        if condition.type_ == "Ready" {
            condition.observed_generation = None;
        } else {
            condition.reason.clear();
        }
    }
    status
}

impl Mind {
    /// With all safeguards but this one.
    pub fn new(ablation: Option<Ablation>, groups: bool) -> Self {
        let mut kept = Kept::default();
        // Nothing learnt is number 0.
        kept.learn(Learnt::default());
        Self { record: if groups { GROUPS } else { CAPABILITIES }, ablation, kept: Mutex::new(kept) }
    }

    fn target(&self) -> FieldName {
        self.record.number_target
    }

    fn number(&self, app: &str, obstacle: bool) -> Number {
        let number = Number::new("1", Fields::from([(self.target(), text(app)), ("alias", text("")), ("subaccount", text(""))]));
        let id = if self.record.list_filter { "did1".to_owned() } else { number.id };
        Number { id, obstacle: obstacle.then(|| "no voice".to_owned()), ..number }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stands in a binding.
    pub fn content(&self, id: Id) -> Content {
        self.kept().contents.all[usize::from(id)].clone()
    }

    /// A new binding.
    pub fn make(&self, made: u8, wanted: u8) -> Id {
        let status = PhoneNumberBindingStatus::default();
        self.kept().content(Content { made, generation: 1, deleting: false, finalizer: false, wanted, status })
    }

    /// As it is after a change.
    pub fn change(&self, id: Id, change: impl FnOnce(&mut Content)) -> Id {
        let mut kept = self.kept();
        let mut content = kept.contents.all[usize::from(id)].clone();
        change(&mut content);
        kept.content(content)
    }

    /// The binding in short.
    pub fn brief(&self, id: Id) -> Brief {
        self.kept().briefs[usize::from(id)]
    }

    /// The second binding with the status of the first.
    pub fn graft(&self, status: Id, onto: Id) -> Id {
        let status = self.content(status).status;
        self.change(onto, |content| content.status = status)
    }

    /// What a process does next about a binding, and what it knows by having looked at it.
    pub fn decide(&self, question: Question) -> (Kind, Id) {
        let mut kept = self.kept();
        if let Some(known) = kept.decided.get(&question) {
            return *known;
        }
        let (view, learnt) = self.view(&kept, question);
        let action = self.falsify_action(&view, next(&view));
        *kept.rows.entry(rows::of(&view, &action)).or_default() += 1;
        let own = kept.contents.all[usize::from(question.own)].clone();
        let kind = match &action {
            Action::Wait { finding: Some(finding), .. } | Action::Done(finding) => {
                let status = quiet(status::report(&view, finding));
                let healthy = finding.reason == Reason::Available;
                let changed = status != own.status;
                Kind::Rest(changed.then(|| kept.content(Content { status, ..own })), healthy)
            }
            Action::AddFinalizer => Kind::AddFinalizer,
            Action::RemoveFinalizer(release) => Kind::Release(*release),
            Action::ReadRivals => Kind::Survey,
            Action::WritePlaced(_) => match status::after(&view, &action) {
                Some(status) => Kind::Write(kept.content(Content { status: quiet(status), ..own })),
                None => Kind::Rest(None, false),
            },
            Action::Get(..) => Kind::Get,
            Action::Update { change, cause, .. } => {
                Kind::Update(change.get(self.target()).and_then(Value::text).map_or(CONSOLE, app), *cause)
            }
            _ => Kind::Rest(None, false),
        };
        let decided = (kind, kept.learn(learnt));
        kept.decided.insert(question, decided);
        decided
    }

    /// What a process knows after that.
    pub fn learn(&self, question: Question, lesson: Lesson) -> Id {
        let mut kept = self.kept();
        if let Some(known) = kept.lessons.get(&(question, lesson)) {
            return *known;
        }
        let (view, mut learnt) = self.view(&kept, question);
        let action = self.falsify_action(&view, next(&view));
        let unknown = || Doubt { kind: DoubtKind::TimeOut, message: String::new() };
        let refused = || Refusal { kind: RefusalKind::Invalid, message: String::new(), retry_after: None };
        match (lesson, &action) {
            (Lesson::Got(app, obstacle), _) => {
                learnt.got(&view, NOW, Outcome::Done(self.number(APPS[usize::from(app)], obstacle)), NOW);
            }
            (Lesson::Surveyed, _) => learnt.surveyed(&view, NOW),
            (Lesson::Written, action) => learnt.written(action, NOW),
            (Lesson::Agreed, _) => learnt.agreed(&view, NOW),
            (Lesson::Done, Action::Update { change, cause, .. }) => learnt.updated(&view, change, *cause, &Outcome::Done(()), NOW),
            (Lesson::Unknown, Action::Update { change, cause, .. }) => {
                learnt.updated(&view, change, *cause, &Outcome::Unknown(unknown()), NOW);
                // A moment passes.
                learnt.memory.trouble = None;
            }
            (Lesson::Refused, Action::Update { change, cause, .. }) => {
                learnt.updated(&view, change, *cause, &Outcome::Refused(refused()), NOW);
            }
            (Lesson::Rested, _) => {
                learnt.got = None;
                learnt.memory.survey = None;
                learnt.memory.trouble = None;
            }
            (Lesson::Hours, _) => {
                learnt.got = None;
                learnt.memory.survey = None;
                learnt.memory.turned_down = learnt.memory.turned_down.map(|_| LONG_AGO);
                if let Some(update) = &mut learnt.memory.update {
                    update.at = LONG_AGO;
                }
            }
            (Lesson::Settled, _) => {
                learnt.got = None;
                learnt.memory.survey = None;
                learnt.memory.trouble = None;
                learnt.memory.doubt = None;
                learnt.memory.foreign = None;
                if let Some(update) = &mut learnt.memory.update {
                    update.at = OLD;
                }
            }
            _ => {}
        }
        let id = kept.learn(learnt);
        kept.lessons.insert((question, lesson), id);
        id
    }

    /// What is seen, and what is known by having looked.
    fn view(&self, kept: &Kept, question: Question) -> (View, Learnt) {
        let own = &kept.contents.all[usize::from(question.own)];
        let mut learnt = kept.learnt.all[usize::from(question.learnt)].clone();
        let rival = question.rival.map(|id| &kept.contents.all[usize::from(id)]).map(|rival| Rival {
            who: "PhoneNumberBinding other".into(),
            uid: rival.made.to_string(),
            created: Some(second(rival.made)),
            deleting: rival.deleting,
            ready: true,
            finalizer: rival.finalizer,
            previous: rival.status.previous.clone(),
            placed: rival.status.placed.clone(),
        });
        let mut view = View {
            object: Object {
                uid: own.made.to_string(),
                generation: own.generation.into(),
                deleting: own.deleting,
                gone: false,
                finalizer: own.finalizer,
                paused: false,
                reconcile_requested: None,
                force_orphan: None,
            },
            created: Some(second(own.made)),
            status: own.status.clone(),
            number: "1".into(),
            desired: match (own.deleting, own.wanted) {
                (true, _) => Desired::Blocked(Problem { reason: Reason::Deleting, message: String::new() }),
                (false, NOWHERE) => Desired::Blocked(Problem { reason: Reason::TargetNotReady, message: String::new() }),
                (false, wanted) => Desired::Wanted(Fields::from([(self.target(), text(APPS[usize::from(wanted)]))])),
            },
            policy: Policy { deletion: BindingDeletionPolicy::Restore, drift: DriftPolicy::Correct },
            rivals: rival.into_iter().collect(),
            // No endpoint is deleted here.
            own: BTreeSet::new(),
            account: AccountView::Ready {
                provider: self.record.provider,
                id: "MA1".into(),
                listed_this_term: true,
                capabilities: self.record,
                suspended: false,
                deletions_only: None,
            },
            evidence: Evidence::default(),
            memory: Memory::default(),
            now: NOW,
            timing: Timing { settle: SETTLE, retry_base: Duration::from_secs(1) },
            fresh: Fresh { nonce: String::new(), time: Time(Timestamp::UNIX_EPOCH), writer: String::new(), seed: 7 },
            stopping: false,
        };
        learnt.object_seen(&view);
        view.memory = learnt.memory.clone();
        view.evidence = learnt.evidence(None);
        self.falsify(&mut view);
        (view, learnt)
    }

    fn falsify(&self, view: &mut View) {
        let shown = view.evidence.observed().map(|seen| view.answering(seen).to_owned());
        let previous = |app: &str| answer::previous(self.target(), app, "", "");
        match self.ablation {
            Some(Ablation::PreviousFirst) if view.status.previous.is_none() => {
                view.status.previous = shown.as_deref().map(previous);
            }
            Some(Ablation::PlacedFirst) => {
                if let Some(wish) = view.wish() {
                    view.status.placed = vec![wish];
                }
                view.status.conditions.retain(|condition| condition.type_ != "Ready");
                view.status.account = Some(AccountIdentity { provider: self.record.provider, id: "MA1".into() });
            }
            Some(Ablation::FinalizerFirst) => view.object.finalizer |= !view.object.deleting && view.status.previous.is_some(),
            Some(Ablation::Inherit) => {
                for rival in &mut view.rivals {
                    (rival.previous, rival.placed, rival.finalizer) = (None, Vec::new(), false);
                }
            }
            Some(Ablation::Owner) if !view.object.deleting => view.rivals.iter_mut().for_each(|rival| rival.deleting = true),
            Some(Ablation::HandOver) if view.object.deleting => {
                for rival in &mut view.rivals {
                    (rival.previous, rival.placed, rival.finalizer) = (Some(previous("")), view.status.placed.clone(), true);
                }
            }
            Some(Ablation::Survey) => {
                let shown = shown.clone();
                view.memory.survey = Some(Survey { began: NOW, shown, reads: view.memory.reads.wrapping_sub(1) });
            }
            Some(Ablation::ReadAgain) => {
                if let Some(survey) = &mut view.memory.survey {
                    survey.reads = view.memory.reads.wrapping_sub(1);
                }
            }
            Some(Ablation::StillOurs) if view.object.deleting => {
                view.status.placed.extend(shown.map(|app| answer::placed(self.target(), app, None)));
            }
            Some(Ablation::Doubt) => (view.memory.doubt, view.memory.foreign) = (None, None),
            Some(Ablation::NotTaken) => view.memory.not_taken.clear(),
            Some(Ablation::Obstacle) => {
                if let Some(number) = view.evidence.got.as_mut().and_then(|got| got.found.as_mut()) {
                    number.obstacle = None;
                }
            }
            Some(Ablation::MustAnswer) => {
                if let AccountView::Ready { capabilities, .. } = &mut view.account {
                    capabilities.number_must_answer = false;
                }
            }
            Some(Ablation::Blocked) if matches!(&view.desired, Desired::Blocked(problem) if problem.reason == Reason::TargetNotReady) => {
                view.desired = Desired::Wanted(Fields::from([(self.target(), text(""))]));
            }
            Some(Ablation::Lost) if view.status.previous.is_none() => view.object.finalizer = false,
            _ => {}
        }
    }

    fn falsify_action(&self, view: &View, action: Action) -> Action {
        match (self.ablation, &action) {
            (Some(Ablation::ReadBack), Action::Get(..)) if view.object.deleting && view.memory.update.is_some() => {
                Action::RemoveFinalizer(Release::Restored)
            }
            (Some(Ablation::PreviousFirst), Action::WritePlaced(ahead)) if ahead.source != Source::Inherited => {
                Action::WritePlaced(Ahead { previous: None, ..ahead.clone() })
            }
            (Some(Ablation::Correct), Action::Update { .. }) if !view.object.deleting => {
                Action::Done(switchboard::core::action::Finding::new(Reason::Available, "as far as anybody looks"))
            }
            _ => action,
        }
    }

    /// Distinct questions asked.
    pub fn asked(&self) -> u64 {
        u64::try_from(self.kept().decided.len()).unwrap_or(u64::MAX)
    }

    /// How often each row of the table answered.
    pub fn rows(&self) -> BTreeMap<&'static str, u64> {
        self.kept().rows.clone()
    }
}
