//! Views for tests: a start in one word, then small changes to it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::api::condition::{Condition, ConditionType, Reason};
use crate::api::ledger::{Intent, Ledger, SecretVersion};
use crate::api::policy::{DeletionPolicy, DriftPolicy, ExternalDeletionPolicy, ManagementPolicy};
use crate::api::refs::{AccountIdentity, ProviderKind};
use crate::api::sip_endpoint::SipEndpointStatus;
use crate::core::action::Action;
use crate::core::capabilities::{Capabilities, Together};
use crate::core::endpoint::connection::{ConnectionSecret, DOMAIN, Entries, Held, KEYS, SIP_URI, USERNAME, Unwritten};
use crate::core::evidence::{Evidence, Got, Listing, Referenced, Search};
use crate::core::fields::{Fields, PASSWORD, Registration, Remote, Role, Secret, Value};
use crate::core::mark::{Installation, Mark, Place};
use crate::core::memory::Learnt;
use crate::core::outcome::{Doubt, DoubtKind, Outcome, Refusal, RefusalKind};
use crate::core::sighting::Sightings as Endpoints;
use crate::core::tenancy::Adoptable;
use crate::core::time::Moment;
use crate::core::view::{
    AccountView, Adoption, Brakes, Deleted, Desired, Fresh, Memory, Object, OwnIntent, Policy, Problem, Shown, Thing, Timing, Trouble,
    TroubleKind, Undeleted, Updated, View, Wanted, WantedPassword,
};

pub fn at(seconds: u64) -> Moment {
    Moment(Duration::from_secs(seconds))
}

pub fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

thread_local! {
    static RECORD: Cell<Capabilities> = const { Cell::new(APPENDING) };
}

/// How the provider is in this test: [`APPENDING`], unless [`under`] says otherwise.
pub fn record() -> Capabilities {
    RECORD.get()
}

/// The same test at a provider with this record.
pub fn under<T>(capabilities: Capabilities, test: impl FnOnce() -> T) -> T {
    struct Back(Capabilities);
    impl Drop for Back {
        fn drop(&mut self) {
            RECORD.set(self.0);
        }
    }
    let _back = Back(RECORD.replace(capabilities));
    test()
}

/// The mark of an object in this installation, or another one.
pub fn mark(installation: &str, name: &str) -> Mark {
    Mark::new(record().mark, &Installation::new(installation), "voice", name, name)
}

pub fn prefix() -> Mark {
    mark("cluster-a", "alice")
}

/// What a provider makes of a label that is sent to it.
pub fn labelled(sent: &str, digits: &str) -> String {
    match record().mark {
        Place::Username => format!("{sent}{digits}"),
        Place::Name => sent.to_owned(),
    }
}

/// An endpoint of the object; the digits of its id are the provider's suffix.
pub fn remote(id: &str) -> Remote {
    let digits: String = id.chars().filter(char::is_ascii_digit).collect();
    named(id, &labelled(prefix().as_str(), &digits))
}

/// An endpoint with any label.
pub fn named(id: &str, label: &str) -> Remote {
    let registers = record().registers;
    let mut fields = Fields::from([("alias", text("desk"))]);
    fields.extend(match record().mark {
        Place::Username => vec![("app_id", text(""))],
        Place::Name => vec![("name", text(label)), ("addresses", text("desk"))],
    });
    Remote {
        id: id.to_owned(),
        username: label.to_owned(),
        sip_uri: registers.then(|| format!("sip:{label}@phone.example")),
        registration: registers.then(Registration::default),
        fields,
        password_digest: None,
        role: Role::Own,
    }
}

pub fn version(number: u32) -> SecretVersion {
    SecretVersion { uid: "secret".into(), resource_version: number.to_string() }
}

pub fn password(number: u32) -> Secret {
    Secret::new(format!("hunter2-{number}"))
}

/// What the spec amounts to, with the password of this version of the Secret.
pub fn wanted(alias: &str, secret: u32) -> Desired {
    let mut fields = Fields::from([("alias", text(alias))]);
    if record().mark == Place::Name {
        // What stands in the name is sent like any other field; the addresses only change in histories, and go alone.
        let addresses = if alias.starts_with("alias") { alias } else { "desk" };
        fields.extend([("name", text(prefix().as_str())), ("addresses", text(addresses))]);
    }
    let mut create = fields.clone();
    create.insert(PASSWORD, Value::Secret(password(secret)));
    let password = Some(WantedPassword { value: password(secret), version: version(secret), along: None });
    Desired::Wanted(Box::new(Wanted { fields, create, password }))
}

pub fn problem(reason: Reason) -> Problem {
    Problem { reason, message: "as the test wants it".into() }
}

/// A provider that appends digits to a username which nobody can change, and whose endpoints register.
pub const APPENDING: Capabilities = Capabilities {
    provider: ProviderKind::Plivo,
    mark: Place::Username,
    list_filter: false,
    registers: true,
    referenced: false,
    page_size: 20,
    updates: &[],
    number_target: "app_id",
    number_must_answer: false,
    default_budget: 150,
    provider_limit: 300,
};

/// A provider that selects by a name which anybody can change, whose endpoints are static peers and may be in use, and whose creates and
/// updates answer the whole of what they made.
pub const NAMED: Capabilities = Capabilities {
    provider: ProviderKind::CarrierX,
    mark: Place::Name,
    list_filter: true,
    registers: false,
    referenced: true,
    page_size: 1000,
    updates: &[Together { fields: &[], carried: &[] }, Together { fields: &["addresses"], carried: &[] }],
    number_target: "trunk_group_sid",
    number_must_answer: true,
    default_budget: 25,
    provider_limit: 0,
};

/// The records of all providers that there are tests for: every law holds for each.
pub const RECORDS: [Capabilities; 2] = [APPENDING, NAMED];

pub fn ready(id: &str) -> AccountView {
    AccountView::Ready {
        provider: record().provider,
        id: id.into(),
        listed_this_term: true,
        capabilities: record(),
        suspended: false,
        deletions_only: None,
    }
}

pub fn refused<T>(kind: RefusalKind) -> Outcome<T> {
    Outcome::Refused(Refusal { kind, message: "no".into(), retry_after: None })
}

pub fn unknown<T>() -> Outcome<T> {
    Outcome::Unknown(Doubt { kind: DoubtKind::TimeOut, message: "no answer in time".into() })
}

/// A listing as the account keeps it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub began: Moment,
    pub complete: bool,
    pub endpoints: Endpoints,
}

/// A view in the making, with the listings that its evidence is computed from.
#[derive(Clone, Debug)]
pub struct Start {
    pub view: View,
    pub listings: Vec<Listed>,
    pub searches: Vec<Search>,
}

/// An object that was just applied, 1000 s after the process began. The account is ready and was listed.
pub fn applied() -> Start {
    let view = View {
        object: Object {
            uid: "uid-1".into(),
            generation: 1,
            deleting: false,
            gone: false,
            finalizer: false,
            paused: false,
            reconcile_requested: None,
            force_orphan: None,
        },
        thing: Thing::Endpoint,
        status: SipEndpointStatus::default(),
        desired: wanted("desk", 1),
        mark: prefix(),
        installation: Installation::new("cluster-a"),
        policy: Policy {
            management: ManagementPolicy::Manage,
            deletion: DeletionPolicy::Delete,
            drift: DriftPolicy::Correct,
            external_deletion: ExternalDeletionPolicy::Recreate,
        },
        adopt: None,
        connection: None,
        claims: BTreeMap::new(),
        account: ready("MA1"),
        term: Moment::ZERO,
        brakes: Brakes::default(),
        evidence: Evidence::default(),
        memory: Memory::default(),
        now: at(1000),
        timing: Timing { settle: Duration::from_secs(150), retry_base: Duration::from_secs(1) },
        fresh: Fresh { nonce: "fresh".into(), time: Time(Timestamp::UNIX_EPOCH), writer: "me".into(), seed: 7 },
        stopping: false,
    };
    Start { view, listings: Vec::new(), searches: Vec::new() }
}

/// Endpoint `e1` was created long ago, recorded, and shown by a complete listing that began at 990.
pub fn healthy() -> Start {
    recorded().listed(990, &["e1"])
}

/// As [`healthy`], but nothing was seen of it in this term.
pub fn recorded() -> Start {
    let mut start = applied().finalizer().intent("n1", 10).closed().record("e1");
    start.view.status.sip_uri = remote("e1").sip_uri;
    start = start.label(Some(remote("e1").username));
    start.view.status.observed_generation = Some(1);
    start.view.status.conditions = vec![Condition {
        type_: ConditionType::Synced.as_str().into(),
        status: "True".into(),
        reason: Reason::Available.as_str().into(),
        message: String::new(),
        observed_generation: Some(1),
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    }];
    start
}

/// Its spec adopts `e1`, which somebody made in the console under [`THEIRS`] and which agrees with the spec.
pub fn adopting() -> Start {
    applied().adopt("e1").retain()
}

/// As [`adopting`], recorded long ago and listed at 990.
pub fn adopted() -> Start {
    let mut start = recorded().adopt("e1").retain().without_finalizer();
    start.ledger().intent = None;
    start.ledger().epoch = 0;
    start = start.label(Some(THEIRS.into()));
    start.listed_remotes(990, true, vec![theirs("e1")])
}

/// The name of the connection Secret.
pub const PHONE: &str = "alice-phone";

/// The connection Secret of endpoint `e1`, as it should be, with this password.
pub fn right(password: Option<Secret>) -> BTreeMap<String, Secret> {
    let remote = remote("e1");
    let uri = remote.sip_uri.unwrap_or_default();
    let all = [(USERNAME, Some(remote.username)), (DOMAIN, Some("phone.example".into())), (SIP_URI, Some(uri))];
    let mut entries: BTreeMap<String, Secret> =
        all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Secret::new(value?)))).collect();
    entries.extend(password.map(|password| (PASSWORD.to_owned(), password)));
    entries
}

/// What a write of these entries makes of a Secret.
pub fn written(mut entries: BTreeMap<String, Secret>, change: &Entries) -> BTreeMap<String, Secret> {
    for (key, value) in change {
        assert!(KEYS.contains(key), "not a key of ours: {key}");
        match value {
            Some(value) => drop(entries.insert((*key).to_owned(), value.clone())),
            None => drop(entries.remove(*key)),
        }
    }
    entries
}

/// The username of an endpoint that somebody made in the console.
pub const THEIRS: &str = "reception131031145958";

/// An endpoint that somebody made in the console.
pub fn theirs(id: &str) -> Remote {
    named(id, THEIRS)
}

impl Start {
    pub fn adopt(self, id: &str) -> Self {
        self.with(|view| {
            view.adopt = Some(Adoption { id: id.into(), from_installation: None, allowed: Adoptable::Yes });
            wish(view, view.desired.clone());
        })
    }

    /// What the status says of the label that carries the mark.
    pub fn label(self, label: Option<String>) -> Self {
        self.with(|view| match view.mark.place() {
            Place::Username => view.status.username = label,
            Place::Name => view.status.name = label,
        })
    }

    pub fn naming(self, part: &str) -> Self {
        self.with(|view| view.adopt = view.adopt.take().map(|adopt| Adoption { from_installation: Some(part.into()), ..adopt }))
    }

    /// What the account lets the object's namespace adopt.
    pub fn allowed(self, allowed: Adoptable) -> Self {
        self.with(|view| view.adopt = view.adopt.take().map(|adopt| Adoption { allowed, ..adopt }))
    }

    pub fn observe(self) -> Self {
        self.with(|view| view.policy.management = ManagementPolicy::Observe)
    }

    /// With `deletionPolicy: Delete`.
    pub fn delete_policy(self) -> Self {
        self.with(|view| view.policy.deletion = DeletionPolicy::Delete)
    }

    /// Another live object has a better right to this endpoint.
    pub fn claimed(self, id: &str) -> Self {
        self.with(|view| {
            view.claims.insert(id.into(), "SipEndpoint bob".into());
        })
    }

    /// The spec names a connection Secret, which is this.
    pub fn phone(self, held: Held) -> Self {
        self.with(|view| view.connection = Some(ConnectionSecret { name: PHONE.into(), generates: false, held }))
    }

    /// The spec names a connection Secret, which belongs to the object and holds this.
    pub fn phone_with(self, entries: BTreeMap<String, Secret>) -> Self {
        self.phone(Held::Own { version: version(9), owned: true, entries })
    }

    /// The connection Secret does not go with the object yet.
    pub fn given(self) -> Self {
        self.with(|view| {
            if let Some(ConnectionSecret { held: Held::Own { owned, .. }, .. }) = &mut view.connection {
                *owned = false;
            }
        })
    }

    /// The password is generated, and lives in the connection Secret.
    pub fn generates(self) -> Self {
        self.with(|view| {
            let connection =
                view.connection.get_or_insert_with(|| ConnectionSecret { name: PHONE.into(), generates: true, held: Held::Absent });
            connection.generates = true;
            let stored = match &connection.held {
                Held::Own { entries, .. } => entries.contains_key(PASSWORD),
                Held::Absent | Held::Barred(_) => false,
            };
            match &connection.held {
                Held::Barred(problem) => view.desired = Desired::Blocked(problem.clone()),
                _ if !stored => view.desired = Desired::Unmade(problem(Reason::SecretNotFound)),
                _ => {}
            }
        })
    }

    /// A write of the connection Secret was refused.
    pub fn unwritten(self, seconds: u64) -> Self {
        self.with(|view| {
            view.memory.unwritten = Some(Unwritten { name: PHONE.into(), problem: problem(Reason::SecretAccessDenied), at: at(seconds) });
        })
    }

    /// We wrote these entries into the connection Secret as it is, each time at one of these moments.
    pub fn rewrote(self, entries: &Entries, moments: &[u64]) -> Self {
        self.with(|view| {
            let connection = view.connection.clone().expect("a connection Secret");
            for moment in moments {
                view.memory.rewrites.written(&connection, entries, at(*moment));
            }
        })
    }

    /// We wrote the Secret with the generated password.
    pub fn rewritten(self, before: u32, after: u32) -> Self {
        self.with(|view| view.memory.rewritten = Some((version(before), version(after))))
    }

    /// The spec names no password.
    pub fn no_password(self) -> Self {
        self.with(|view| {
            if let Desired::Wanted(wanted) = &mut view.desired {
                wanted.password = None;
                wanted.create.remove(PASSWORD);
            }
        })
    }

    pub fn with(mut self, change: impl FnOnce(&mut View)) -> Self {
        change(&mut self.view);
        self
    }

    fn ledger(&mut self) -> &mut Ledger {
        let uid = self.view.object.uid.clone();
        self.view.status.ledger.get_or_insert_with(|| Ledger {
            uid,
            installation: Installation::new("cluster-a").part().to_owned(),
            ..Ledger::default()
        })
    }

    pub fn finalizer(self) -> Self {
        self.with(|view| view.object.finalizer = true)
    }

    pub fn without_finalizer(self) -> Self {
        self.with(|view| view.object.finalizer = false)
    }

    pub fn deleting(self) -> Self {
        self.with(|view| {
            view.object.deleting = true;
            view.object.generation += 1;
        })
    }

    pub fn gone(self) -> Self {
        self.deleting().with(|view| view.object.gone = true)
    }

    pub fn paused(self) -> Self {
        self.with(|view| view.object.paused = true)
    }

    /// The account is suspended.
    pub fn suspended(self) -> Self {
        self.with(|view| {
            if let AccountView::Ready { suspended, .. } = &mut view.account {
                *suspended = true;
            }
        })
    }

    /// The account only serves running deletions.
    pub fn deletions_only(self) -> Self {
        self.with(|view| {
            if let AccountView::Ready { deletions_only, .. } = &mut view.account {
                *deletions_only = Some(problem(Reason::AccountNotReady));
            }
        })
    }

    pub fn braked(self) -> Self {
        self.with(|view| {
            view.brakes =
                Brakes { deletion: Some(problem(Reason::Braked)), passing: false, recreation: Some((problem(Reason::Braked), None)) };
        })
    }

    /// The ledger was written by another installation.
    pub fn elsewhere(mut self) -> Self {
        self.ledger().installation = "zzz".into();
        self
    }

    pub fn given_up(self, id: &str) -> Self {
        self.with(|view| view.object.force_orphan = Some(id.into()))
    }

    pub fn stopping(self) -> Self {
        self.with(|view| view.stopping = true)
    }

    pub fn retain(self) -> Self {
        self.with(|view| view.policy.deletion = DeletionPolicy::Retain)
    }

    pub fn report_drift(self) -> Self {
        self.with(|view| view.policy.drift = DriftPolicy::Report)
    }

    pub fn report_deletion(self) -> Self {
        self.with(|view| view.policy.external_deletion = ExternalDeletionPolicy::Report)
    }

    pub fn now(self, seconds: u64) -> Self {
        self.with(|view| view.now = at(seconds))
    }

    pub fn blocked(self) -> Self {
        self.with(|view| view.desired = Desired::Blocked(problem(Reason::SecretNotFound)))
    }

    /// The application that the spec names is not looked up yet.
    pub fn not_looked_up(self) -> Self {
        self.with(|view| view.desired = Desired::Blocked(problem(Reason::Progressing)))
    }

    pub fn account(self, account: AccountView) -> Self {
        self.with(|view| view.account = account)
    }

    pub fn no_account(self) -> Self {
        self.account(AccountView::Missing(problem(Reason::AccountNotFound)))
    }

    pub fn account_unknown(self) -> Self {
        self.account(AccountView::Unknown)
    }

    pub fn account_not_ready(self) -> Self {
        self.account(AccountView::NotReady(problem(Reason::AccountNotReady)))
    }

    /// The credentials lead to another account than the pinned one.
    pub fn mismatch(self) -> Self {
        self.account(ready("MA2")).pinned()
    }

    pub fn pinned(self) -> Self {
        self.with(|view| view.status.account = Some(AccountIdentity { provider: record().provider, id: "MA1".into() }))
    }

    pub fn not_listed_this_term(self) -> Self {
        self.with(|view| {
            if let AccountView::Ready { listed_this_term, .. } = &mut view.account {
                *listed_this_term = false;
            }
        })
    }

    pub fn updates(self, updates: &'static [Together]) -> Self {
        self.with(|view| {
            if let AccountView::Ready { capabilities, .. } = &mut view.account {
                capabilities.updates = updates;
            }
        })
    }

    /// The next intent, open, its nonce known to this process since then.
    pub fn intent(mut self, nonce: &str, since: u64) -> Self {
        let ledger = self.ledger();
        ledger.intent =
            Some(Intent { epoch: ledger.epoch + 1, nonce: nonce.into(), issued_time: Time(Timestamp::UNIX_EPOCH), writer: "me".into() });
        self.pinned().with(|view| view.memory.intent_known = Some((nonce.into(), at(since))))
    }

    pub fn closed(mut self) -> Self {
        self.ledger().epoch += 1;
        self
    }

    pub fn empty_ledger(mut self) -> Self {
        self.ledger();
        self
    }

    pub fn settled_by_server(self, seconds: u64) -> Self {
        self.with(|view| view.memory.settled_by_server = Some(at(seconds)))
    }

    pub fn blank_since(self, seconds: u64) -> Self {
        self.with(|view| view.memory.blank_since = Some(at(seconds)))
    }

    /// The newest intent is this process's own.
    pub fn own(self, answer: Option<Outcome<&str>>) -> Self {
        self.with(|view| {
            let (nonce, began) = view.memory.intent_known.clone().unwrap_or_default();
            let answer = answer.map(|outcome| outcome.map(|id| (id.to_owned(), remote(id).username)));
            view.memory.own = Some(OwnIntent { nonce, began, password_version: Some(version(1)), answer });
        })
    }

    pub fn permit(self) -> Self {
        self.with(|view| view.memory.permit = true)
    }

    pub fn record(mut self, id: &str) -> Self {
        self.ledger().password_secret = Some(version(1));
        self.with(|view| view.status.endpoint_id = Some(id.into()))
    }

    /// Recorded, and never read since.
    pub fn unread(self) -> Self {
        self.with(|view| view.status.sip_uri = None)
    }

    pub fn tombstone(mut self, id: &str) -> Self {
        self.ledger().tombstones.push(id.into());
        self
    }

    pub fn deleted(self, id: &str, seconds: u64, confirmed: bool) -> Self {
        self.with(|view| {
            view.memory.deleted.insert(id.into(), Deleted { at: at(seconds), confirmed });
        })
    }

    pub fn listing_wanted(self, seconds: u64) -> Self {
        self.with(|view| view.memory.listing_wanted = Some(at(seconds)))
    }

    pub fn trouble(self, kind: TroubleKind, seconds: u64, attempts: u32) -> Self {
        self.with(|view| {
            view.memory.trouble = Some(Trouble {
                kind,
                message: "trouble".into(),
                at: at(seconds),
                attempts,
                retry_after: None,
                generation: view.object.generation,
                password_version: Some(version(1)),
            });
        })
    }

    pub fn updated(self, change: &[(&'static str, Value)], seconds: u64, times: u32) -> Self {
        self.with(|view| view.memory.update = Some(Updated { change: change.iter().cloned().collect(), at: at(seconds), times }))
    }

    pub fn pass_began(self, seconds: u64) -> Self {
        self.with(|view| view.memory.pass_began = at(seconds))
    }

    /// The user wants another alias.
    pub fn edited(self, alias: &str) -> Self {
        self.with(|view| {
            wish(view, wanted(alias, 1));
            view.object.generation += 1;
        })
    }

    /// The Secret was written again, with this password.
    pub fn rotated(self, number: u32) -> Self {
        self.with(|view| wish(view, wanted("desk", number)))
    }

    /// A read by id.
    pub fn got(self, id: &str, seconds: u64) -> Self {
        self.got_remote(seconds, remote(id))
    }

    pub fn got_remote(self, seconds: u64, remote: Remote) -> Self {
        self.with(|view| {
            let id = remote.id.clone();
            view.evidence.gets.insert(id.clone(), Got { id, began: at(seconds), found: Some(remote) });
        })
    }

    /// A read by id that found nothing.
    pub fn missing(self, id: &str, seconds: u64) -> Self {
        self.with(|view| {
            view.evidence.gets.insert(id.into(), Got { id: id.into(), began: at(seconds), found: None });
        })
    }

    /// A complete listing.
    pub fn listed(self, seconds: u64, ids: &[&str]) -> Self {
        self.listed_remotes(seconds, true, ids.iter().map(|id| remote(id)).collect())
    }

    /// A listing that was torn.
    pub fn torn(self, seconds: u64, ids: &[&str]) -> Self {
        self.listed_remotes(seconds, false, ids.iter().map(|id| remote(id)).collect())
    }

    pub fn listed_remotes(mut self, seconds: u64, complete: bool, remotes: Vec<Remote>) -> Self {
        let endpoints = Endpoints::new(remotes.into_iter().map(|remote| (remote.id.clone(), remote)).collect(), None);
        self.listings.push(Listed { began: at(seconds), complete, endpoints });
        self
    }

    /// A complete search by the mark.
    pub fn searched(self, seconds: u64, ids: &[&str]) -> Self {
        self.searched_remotes(seconds, true, ids.iter().map(|id| remote(id)).collect())
    }

    pub fn searched_remotes(mut self, seconds: u64, complete: bool, found: Vec<Remote>) -> Self {
        self.searches.push(Search { began: at(seconds), complete, found });
        self
    }

    /// It was asked what points to this, and these do.
    pub fn referenced(self, id: &str, seconds: u64, by: &[&str]) -> Self {
        self.with(|view| {
            let by = by.iter().map(|by| (*by).to_owned()).collect();
            view.evidence.references.insert(id.into(), Referenced { began: at(seconds), by, asked: (view.object.generation, None) });
        })
    }

    /// The answers to updates of these fields showed what was sent, then.
    pub fn shown(self, change: &[(&'static str, Value)], seconds: u64) -> Self {
        self.with(|view| {
            let shown = change.iter().map(|(field, value)| (*field, Shown { value: value.clone(), at: at(seconds) }));
            view.memory.shown.extend(shown);
        })
    }

    /// An update of other fields before the last one.
    pub fn updated_before(self, change: &[(&'static str, Value)], seconds: u64, times: u32) -> Self {
        self.with(|view| view.memory.earlier.push(Updated { change: change.iter().cloned().collect(), at: at(seconds), times }))
    }

    /// Its deletion was not done, so often in a row.
    pub fn undeleted(self, id: &str, seconds: u64, attempts: u32, conflict: bool) -> Self {
        self.with(|view| {
            let trouble = Trouble { message: "no".into(), at: at(seconds), attempts, ..Trouble::default() };
            view.memory.undeleted.insert(id.into(), Undeleted { trouble, conflict });
        })
    }

    /// The provider turned out not to select.
    pub fn unselective(self) -> Self {
        self.with(|view| {
            if let AccountView::Ready { capabilities, .. } = &mut view.account {
                capabilities.list_filter = false;
            }
        })
    }

    /// It is a trunk group.
    pub fn trunk_group(self) -> Self {
        self.with(|view| view.thing = Thing::TrunkGroup)
    }

    /// The view, its evidence computed from what was listed and read.
    pub fn build(mut self) -> View {
        self.refresh();
        self.view
    }

    /// Computes what follows from listings, searches and reads.
    pub fn refresh(&mut self) {
        let listings = std::mem::take(&mut self.listings);
        let all: Vec<Listing<'_>> = listings
            .iter()
            .map(|listing| Listing { began: listing.began, complete: listing.complete, endpoints: &listing.endpoints })
            .collect();
        self.teach(|learnt, view| {
            view.evidence =
                learnt.evidence(view, &all, |remote, password| remote.password_digest.as_ref().map(|digest| digest == password));
        });
        self.listings = listings;
    }

    /// What is learnt through the methods that the executor uses.
    pub fn teach(&mut self, lesson: impl FnOnce(&mut Learnt, &mut View)) {
        let view = &mut self.view;
        let mut learnt = Learnt {
            memory: std::mem::take(&mut view.memory),
            gets: std::mem::take(&mut view.evidence.gets),
            references: std::mem::take(&mut view.evidence.references),
            searches: std::mem::take(&mut self.searches),
        };
        lesson(&mut learnt, view);
        view.memory = learnt.memory;
        view.evidence.gets = learnt.gets;
        view.evidence.references = learnt.references;
        self.searches = learnt.searches;
    }
}

/// What is adopted keeps the name that it has.
fn wish(view: &mut View, mut desired: Desired) {
    if let (Some(_), Desired::Wanted(wanted)) = (&view.adopt, &mut desired) {
        wanted.fields.remove("name");
    }
    view.desired = desired;
}

/// An action as one line, with `P` for the object's prefix.
pub fn describe(action: &Action) -> String {
    let line = match action {
        Action::Wait { until, finding } => {
            let until = until.map_or_else(|| "for a change".to_owned(), |until| format!("until {}", until.0.as_secs()));
            format!("Wait {until}: {}", finding.as_ref().map_or("silently", |finding| finding.reason.as_str()))
        }
        Action::List(lane, finding) => format!("List {lane:?}: {}", finding.reason),
        Action::Find(lane, finding) => format!("Find {lane:?}: {}", finding.reason),
        Action::Get(id, lane) => format!("Get {id} {lane:?}"),
        Action::WriteIntent(intent) => format!("WriteIntent {} {}", intent.epoch, intent.nonce),
        Action::Update { id, change, cause, .. } => {
            let change: Vec<String> = change.iter().map(|(field, value)| format!("{field}={value}")).collect();
            format!("Update {id} {cause:?}: {}", change.join(" "))
        }
        other => other.to_string(),
    };
    line.replace(prefix().as_str(), "P")
}
