//! What would happen, told without doing it: the same gather as for a reconcile, on a cluster that was read once (with manifests laid over
//! it), and the plan of `core::plan` in place of the executor. Reads at the provider go through the account and its budget; nothing is written
//! anywhere.

mod accounts;
mod cluster;
mod number;
mod reads;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{Client, Resource};

pub use self::cluster::Cluster;
use self::cluster::Stage;
use self::reads::Reader;
use crate::account::{Account, AccountId, Clock, Thing};
use crate::api::FINALIZER_ENDPOINT;
use crate::api::condition::Reason;
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::clock::Clocks;
use crate::controller::context::{AccountState, Context, Settings};
use crate::controller::made::Remembered;
use crate::controller::made::gather::intent_age;
use crate::controller::managed::account_of;
use crate::controller::memories::Slot;
use crate::controller::secrets::generated;
use crate::controller::trunk_group::{self, TrunkGroup};
use crate::controller::{binding, endpoint};
use crate::core::action::Finding;
use crate::core::endpoint::connection::{ConnectionSecret, Held};
use crate::core::fields::Remote;
use crate::core::key::{Kind, ObjectKey};
use crate::core::mark::Installation;
use crate::core::plan::{self, Ask, Change, End, MadeCourse, MadeStart, Numbers, Step, Things, fresh_version};
use crate::core::time::Moment;
use crate::core::view::View;

/// So often all objects are gone through: what one gives up another may have waited for, and that one in turn.
const ROUNDS: usize = 6;
/// So many things are read for one object before it is given up as going round in a circle.
const READS: usize = 100;

/// Everything that a plan is made with.
pub struct Begin {
    /// The API server.
    pub client: Client,
    /// Both clocks.
    pub clock: Clock,
    /// The same monotonic clock and the server's.
    pub clocks: Clocks,
    /// As the operator's.
    pub settings: Settings,
    /// Whose marks are made.
    pub installation: Installation,
    /// What there is, or will be when the manifests are applied.
    pub cluster: Cluster,
    /// Longest that all reads together may take.
    pub patience: Duration,
}

/// The plan for one object, or for the trunk group that is a part of one.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Which.
    pub key: ObjectKey,
    /// What is done, each with its turn among all steps of all objects.
    pub steps: Vec<(usize, Step)>,
    /// Every action that was unfolded.
    pub actions: Vec<String>,
    /// How it ends; or why that cannot be told.
    pub end: Result<End, String>,
}

/// Plans for these SipEndpoints (with their trunk groups) and PhoneNumberBindings, each of them once, in the order of their names; of account
/// objects it tells where they lead. Reads, and writes nothing.
pub async fn plan(begin: Begin, wanted: &BTreeSet<ObjectKey>) -> Vec<Planned> {
    let mut rehearsal = Rehearsal::new(begin);
    rehearsal.accounts(wanted).await;
    let mut open: BTreeSet<ObjectKey> = wanted.clone();
    for _ in 0..ROUNDS {
        let before = rehearsal.progress();
        for key in wanted.iter().filter(|key| key.kind == Kind::SipEndpoint) {
            if open.contains(key) {
                rehearsal.endpoint(key).await;
            }
        }
        for key in wanted.iter().filter(|key| key.kind == Kind::SipEndpoint) {
            rehearsal.trunk_group(key).await;
        }
        for key in wanted.iter().filter(|key| key.kind == Kind::PhoneNumberBinding) {
            if open.contains(key) {
                rehearsal.binding(key).await;
            }
        }
        open.retain(|key| matches!(rehearsal.planned.get(key).map(|planned| &planned.end), Some(Ok(End::Waits(_)))));
        if rehearsal.progress() == before {
            break;
        }
    }
    rehearsal.stage.ctx.accounts.all().iter().for_each(|account| account.close());
    rehearsal.planned.into_values().collect()
}

struct Rehearsal {
    stage: Stage,
    reader: Reader,
    things: BTreeMap<(AccountId, Thing), Things>,
    numbers: BTreeMap<AccountId, Numbers>,
    made: BTreeMap<ObjectKey, Remembered>,
    bound: BTreeMap<ObjectKey, binding::Remembered>,
    planned: BTreeMap<ObjectKey, Planned>,
    /// How far the plan has come.
    now: Moment,
    turns: usize,
}

impl Rehearsal {
    fn new(begin: Begin) -> Self {
        let reader = Reader::new(begin.patience);
        let stage = Stage::new(begin, reader.waker());
        let now = stage.ctx.clock.now();
        Self {
            stage,
            reader,
            things: BTreeMap::new(),
            numbers: BTreeMap::new(),
            made: BTreeMap::new(),
            bound: BTreeMap::new(),
            planned: BTreeMap::new(),
            now,
            turns: 0,
        }
    }

    fn ctx(&self) -> Arc<Context> {
        Arc::clone(&self.stage.ctx)
    }

    /// How many steps there are, and which objects wait: when a round changes neither, no other one will.
    fn progress(&self) -> (usize, Vec<ObjectKey>) {
        let steps = self.planned.values().map(|planned| planned.steps.len()).sum();
        let waits = self.planned.iter().filter(|(_, planned)| matches!(planned.end, Ok(End::Waits(_))));
        (steps, waits.map(|(key, _)| key.clone()).collect())
    }

    fn live(&self, account: &ObjectKey) -> Option<Arc<Account>> {
        match self.stage.ctx.account(account) {
            Some(AccountState::Ready(account)) => Some(account),
            Some(AccountState::NotReady(_)) | None => None,
        }
    }

    /// Without its listing nothing can be said of anything in an account.
    async fn listed(&mut self, key: &ObjectKey, account: &ObjectKey, thing: Thing) -> Result<(), String> {
        self.askable(account)?;
        let Some(live) = self.live(account).filter(|live| live.has(thing)) else { return Ok(()) };
        let at = (live.id().clone(), thing);
        if self.things.contains_key(&at) {
            return Ok(());
        }
        if live.things(thing).complete.is_none() {
            live.want_listing(thing, key.clone(), crate::account::Lane::Create);
        }
        let what = format!("the {}s", thing.as_str());
        let listing = self.reader.until(&what, &live, || live.things(thing).complete).await?;
        self.things.insert(at, Things::new(listing.items.clone()));
        Ok(())
    }

    async fn endpoint(&mut self, key: &ObjectKey) {
        let Some(object) = self.stage.endpoints.get(key).cloned() else { return };
        match self.unfolded(key, &object, Thing::Endpoint).await {
            Ok(mut course) => {
                if let End::Gone(release) = course.end
                    && let Some(problem) = trunk_group::holds(&self.stage.ctx, &object, release)
                {
                    course.end = End::Waits(Some(Finding::new(problem.reason, problem.message)));
                    course.steps.retain(|step| step.change != Change::Release);
                }
                self.perform(key, object, &course);
                self.note(key, course.steps, course.actions, Ok(course.end));
            }
            Err(problem) => self.note(key, Vec::new(), Vec::new(), Err(problem)),
        }
    }

    async fn trunk_group(&mut self, endpoint: &ObjectKey) {
        let Some(object) = self.stage.endpoints.get(endpoint).cloned() else { return };
        if !trunk_group::gather::concerned(&self.stage.ctx, &object) {
            return;
        }
        let key = ObjectKey::trunk_group(&endpoint.namespace, &endpoint.name);
        match self.unfolded(&key, &object, Thing::TrunkGroup).await {
            Ok(course) => {
                let mut object = object;
                let status = object.status.get_or_insert_default();
                let gone = matches!(course.end, End::Gone(_));
                status.trunk_group = if gone { None } else { crate::core::trunk_group::told(&course.view.status) };
                let leads_to = status.endpoint_id.clone();
                if gone {
                    trunk_group::gather::let_go(&self.stage.ctx, &course.view.object.uid);
                }
                if let Some(id) = leads_to.filter(|_| course.steps.iter().any(|step| step.change == Change::Delete)) {
                    self.things_of(&account_of(&object), Thing::Endpoint, |things| things.release(&id));
                }
                self.stage.put_endpoint(object);
                // The finalizer is the endpoint's.
                let steps = course.steps.into_iter().filter(|step| step.change != Change::Release).collect();
                let end = if gone { End::Rest(Finding::new(Reason::Deleting, "")) } else { course.end };
                self.note(&key, steps, course.actions, Ok(end));
            }
            Err(problem) => self.note(&key, Vec::new(), Vec::new(), Err(problem)),
        }
    }

    fn things_of(&mut self, account: &ObjectKey, thing: Thing, change: impl FnOnce(&mut Things)) {
        let Some(live) = self.live(account) else { return };
        if let Some(things) = self.things.get_mut(&(live.id().clone(), thing)) {
            change(things);
        }
    }

    /// The course of one thing, with all that had to be read for it.
    async fn unfolded(&mut self, key: &ObjectKey, object: &SipEndpoint, thing: Thing) -> Result<MadeCourse, String> {
        let (ctx, account) = (self.ctx(), account_of(object));
        self.listed(key, &account, thing).await?;
        for _ in 0..READS {
            let mut slot = Slot { memory: self.made.get(key).cloned().unwrap_or_default(), version: 0 };
            let mut view = match thing {
                Thing::Endpoint => endpoint::gather::view(&ctx, object, false, &mut slot).await,
                Thing::TrunkGroup => trunk_group::gather::view(&ctx, &TrunkGroup(object.clone()), false, &mut slot),
            };
            view.now = view.now.max(self.now);
            let live = self.live(&account);
            let at = live.as_ref().map(|live| (live.id().clone(), thing));
            let generated = match thing {
                Thing::Endpoint => {
                    let password = generated().map_err(|error| format!("no password could be generated: {error}"))?;
                    endpoint::gather::with_generated(&ctx, object, &view, (password, fresh_version()))
                }
                Thing::TrunkGroup => None,
            };
            let compare = live.clone();
            let start = MadeStart {
                intent_age: intent_age(&ctx, &view),
                view,
                learnt: slot.memory.learnt.clone(),
                things: at.as_ref().and_then(|at| self.things.get(at)).cloned().unwrap_or_default(),
                generated,
                matches: &move |remote: &Remote, password| compare.as_ref().and_then(|live| live.password_matches(remote, password)),
            };
            let ask = match plan::unfold_made(start) {
                Ok(course) => {
                    slot.memory.learnt = course.learnt.clone();
                    self.made.insert(key.clone(), slot.memory);
                    if let Some(at) = at {
                        self.things.insert(at, course.things.clone());
                    }
                    self.now = self.now.max(course.view.now);
                    return Ok(course);
                }
                Err(ask) => ask,
            };
            let Some(live) = live else { return Err("its account cannot be asked".to_owned()) };
            match ask {
                Ask::Get(id) => {
                    let found = self.reader.get(&live, thing, key, &id).await?;
                    self.things_of(&account, thing, |things| things.answer(&id, found));
                }
                Ask::References(id) => {
                    let by = self.reader.references(&live, thing, key, &id).await?;
                    self.things_of(&account, thing, |things| things.answer_references(&id, by));
                }
                Ask::Number(..) | Ask::Numbers => return Err("it asks for a number".to_owned()),
            }
        }
        Err(format!("after {READS} reads at the provider still more is to be read"))
    }

    /// What the course has made of the object is what the others see from now on.
    fn perform(&mut self, key: &ObjectKey, mut object: SipEndpoint, course: &MadeCourse) {
        if let End::Gone(_) = course.end {
            self.stage.remove_endpoint(key);
            return;
        }
        object.status = Some(course.view.status.clone());
        finalizers(&mut object.metadata, FINALIZER_ENDPOINT, course.view.object.finalizer);
        if let Some(connection) = course.view.connection.as_ref().filter(|_| course.steps.iter().any(|step| step.change == Change::Secret))
        {
            let secret = written(&object, &course.view, connection);
            self.stage.ctx.secrets.suppose(&key.namespace, &connection.name, secret);
        }
        self.stage.put_endpoint(object);
    }

    fn note(&mut self, key: &ObjectKey, steps: Vec<Step>, actions: Vec<String>, end: Result<End, String>) {
        let blank = || Planned { key: key.clone(), steps: Vec::new(), actions: Vec::new(), end: Ok(End::Waits(None)) };
        let planned = self.planned.entry(key.clone()).or_insert_with(blank);
        planned.steps.extend(steps.into_iter().map(|step| {
            self.turns += 1;
            (self.turns, step)
        }));
        planned.actions.extend(actions);
        // In each round the same is waited for.
        planned.actions.dedup();
        planned.end = match end {
            // That says something about whoever asks, and nothing about the operator.
            Ok(End::Waits(Some(finding))) if finding.reason == Reason::SecretAccessDenied => Err(finding.message),
            end => end,
        };
    }
}

fn finalizers(meta: &mut ObjectMeta, finalizer: &str, present: bool) {
    let all = meta.finalizers.get_or_insert_default();
    all.retain(|one| one != finalizer);
    if present {
        all.push(finalizer.to_owned());
    }
}

/// The connection Secret as the plan has written it.
fn written(object: &SipEndpoint, view: &View, connection: &ConnectionSecret) -> Secret {
    let Held::Own { version, entries, .. } = &connection.held else { return Secret::default() };
    let owner = OwnerReference {
        api_version: SipEndpoint::api_version(&()).into_owned(),
        kind: SipEndpoint::kind(&()).into_owned(),
        name: object.metadata.name.clone().unwrap_or_default(),
        uid: view.object.uid.clone(),
        ..OwnerReference::default()
    };
    let metadata = ObjectMeta {
        name: Some(connection.name.clone()),
        uid: Some(version.uid.clone()),
        resource_version: Some(version.resource_version.clone()),
        owner_references: Some(vec![owner]),
        ..ObjectMeta::default()
    };
    let data = entries.iter().map(|(key, value)| (key.clone(), ByteString(value.expose().as_bytes().to_vec())));
    Secret { metadata, data: Some(data.collect()), ..Secret::default() }
}
