//! Views for tests: a start in one word, then small changes to it.

use std::cell::Cell;
use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::api::condition::{Condition, ConditionType, Reason};
use crate::api::phone_number_binding::{PhoneNumberBindingStatus, Placed, Previous};
use crate::api::policy::{BindingDeletionPolicy, DriftPolicy};
use crate::api::refs::{AccountIdentity, ProviderKind};
use crate::core::action::{Action, Cause};
use crate::core::binding::memory::{Learnt, Memory, Survey};
use crate::core::binding::view::{Desired, Policy, Rival, View};
use crate::core::binding::{Evidence, Got, Listed, answer};
use crate::core::capabilities::Capabilities;
use crate::core::endpoint::tests::make as endpoint;
pub use crate::core::endpoint::tests::make::{at, problem, refused, text, unknown};
use crate::core::fields::{FieldName, Fields, Number};
use crate::core::mark::Place;
use crate::core::outcome::Outcome;
use crate::core::shared::quarrel::Quarrel;
use crate::core::view::{AccountView, Object, Trouble, TroubleKind, Updated};

pub const NUMBER: &str = "14155550123";

/// Applications answer numbers, which are their own ids.
pub const APPLICATIONS: Capabilities = endpoint::APPENDING;

/// Trunk groups answer numbers, which have ids of their own and are selected by their digits; and something has to answer each.
pub const TRUNK_GROUPS: Capabilities = Capabilities {
    provider: ProviderKind::CarrierX,
    mark: Place::Name,
    list_filter: true,
    registers: false,
    referenced: true,
    page_size: 1000,
    number_target: answer::TRUNK_GROUP_SID,
    number_must_answer: true,
    ..APPLICATIONS
};

thread_local! {
    static RECORD: Cell<Capabilities> = const { Cell::new(APPLICATIONS) };
}

/// How the provider of everything made here differs from others.
pub fn record() -> Capabilities {
    RECORD.get()
}

/// From now on, in this test, the provider is this one.
pub fn at_provider(record: Capabilities) {
    RECORD.set(record);
}

/// The field that says what answers the number.
pub fn target() -> FieldName {
    record().number_target
}

/// The account is there.
pub fn ready(id: &str) -> AccountView {
    let Capabilities { provider, .. } = record();
    match endpoint::ready(id) {
        AccountView::Ready { id, listed_this_term, suspended, deletions_only, .. } => {
            AccountView::Ready { provider, id, listed_this_term, capabilities: record(), suspended, deletions_only }
        }
        other => other,
    }
}

/// The number with this to answer it and this alias, as the provider shows it.
pub fn number(answered_by: &str, alias: &str) -> Number {
    shown(Fields::from([(target(), text(answered_by)), ("alias", text(alias)), ("subaccount", text(""))]))
}

/// The number with these fields, as the provider shows it.
pub fn shown(fields: Fields) -> Number {
    let number = Number::new(NUMBER, fields);
    if record().list_filter { Number { id: "did1".into(), ..number } } else { number }
}

pub fn placed(id: &str) -> Placed {
    answer::placed(target(), id, None)
}

pub fn previous(id: &str) -> Previous {
    answer::previous(target(), id, "old", "")
}

pub fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a valid second")
}

/// A view in the making.
#[derive(Clone, Debug)]
pub struct Start {
    pub view: View,
}

/// A binding to `app1` that was just applied, 1000 s after the process began. The pass began at 990.
pub fn applied() -> Start {
    let view = View {
        object: Object {
            uid: "uid-5".into(),
            generation: 1,
            deleting: false,
            gone: false,
            finalizer: false,
            paused: false,
            reconcile_requested: None,
            force_orphan: None,
        },
        created: Some(second(5)),
        status: PhoneNumberBindingStatus::default(),
        number: NUMBER.into(),
        desired: Desired::Wanted(Fields::from([(target(), text("app1"))])),
        policy: Policy { deletion: BindingDeletionPolicy::Restore, drift: DriftPolicy::Correct },
        rivals: Vec::new(),
        own: BTreeSet::new(),
        account: ready("MA1"),
        evidence: Evidence::default(),
        memory: Memory { pass_began: at(990), ..Memory::default() },
        now: at(1000),
        timing: endpoint::applied().view.timing,
        fresh: endpoint::applied().view.fresh,
        stopping: false,
    };
    Start { view }
}

/// Bound to `app1` long ago, before which it showed `app0`; not seen in this term.
pub fn bound() -> Start {
    applied().finalizer().previous("app0").placed(&["app1"]).pinned().synced(1).with(|view| {
        view.status.number = Some(NUMBER.into());
        answer::show(&mut view.status, target(), Some("app1".into()));
        view.memory.newest = Some(view.status.placed.last().cloned());
    })
}

/// As [`bound`], and a complete listing that began at 980 shows it.
pub fn healthy() -> Start {
    bound().listed(980, true, Some("app1"))
}

/// As [`bound`], and on its way out.
pub fn leaving() -> Start {
    bound().deleting()
}

/// Another binding, made at this second.
pub fn rival(made: i64) -> Rival {
    Rival {
        who: format!("PhoneNumberBinding other{made}"),
        uid: format!("uid-{made}"),
        created: Some(second(made)),
        ready: true,
        ..Rival::default()
    }
}

impl Start {
    pub fn with(mut self, change: impl FnOnce(&mut View)) -> Self {
        change(&mut self.view);
        self
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
            view.desired = Desired::Blocked(problem(Reason::Deleting));
        })
    }

    pub fn gone(self) -> Self {
        self.deleting().with(|view| view.object.gone = true)
    }

    pub fn paused(self) -> Self {
        self.with(|view| view.object.paused = true)
    }

    pub fn stopping(self) -> Self {
        self.with(|view| view.stopping = true)
    }

    pub fn given_up(self, what: &str) -> Self {
        self.with(|view| view.object.force_orphan = Some(what.into()))
    }

    pub fn account(self, account: AccountView) -> Self {
        self.with(|view| view.account = account)
    }

    pub fn suspended(self) -> Self {
        self.with(|view| {
            if let AccountView::Ready { suspended, .. } = &mut view.account {
                *suspended = true;
            }
        })
    }

    pub fn deletions_only(self) -> Self {
        self.with(|view| {
            if let AccountView::Ready { deletions_only, .. } = &mut view.account {
                *deletions_only = Some(problem(Reason::AccountNotReady));
            }
        })
    }

    pub fn pinned(self) -> Self {
        self.with(|view| view.status.account = Some(AccountIdentity { provider: record().provider, id: "MA1".into() }))
    }

    pub fn policy(self, deletion: BindingDeletionPolicy) -> Self {
        self.with(|view| view.policy.deletion = deletion)
    }

    pub fn report_drift(self) -> Self {
        self.with(|view| view.policy.drift = DriftPolicy::Report)
    }

    pub fn blocked(self, reason: Reason) -> Self {
        self.with(|view| view.desired = Desired::Blocked(problem(reason)))
    }

    /// The spec points at this now; nobody edited it.
    pub fn pointing_at(self, app_id: &str) -> Self {
        self.with(|view| {
            if let Desired::Wanted(wanted) = &mut view.desired {
                wanted.insert(target(), text(app_id));
            }
        })
    }

    pub fn wanting(self, field: &'static str, value: &str) -> Self {
        self.with(|view| {
            if let Desired::Wanted(wanted) = &mut view.desired {
                wanted.insert(field, text(value));
            }
        })
    }

    /// The user wants another application.
    pub fn edited(self, app_id: &str) -> Self {
        self.pointing_at(app_id).with(|view| view.object.generation += 1)
    }

    pub fn synced(self, generation: i64) -> Self {
        self.condition(ConditionType::Synced, Reason::Available, generation)
    }

    pub fn condition(self, kind: ConditionType, reason: Reason, generation: i64) -> Self {
        self.with(|view| {
            view.status.conditions.push(Condition {
                type_: kind.as_str().into(),
                status: if reason == Reason::Available { "True" } else { "False" }.into(),
                reason: reason.as_str().into(),
                message: String::new(),
                observed_generation: Some(generation),
                last_transition_time: Time(Timestamp::UNIX_EPOCH),
            });
        })
    }

    pub fn previous(self, app_id: &str) -> Self {
        self.with(|view| view.status.previous = Some(previous(app_id)))
    }

    pub fn placed(self, apps: &[&str]) -> Self {
        self.with(|view| view.status.placed = apps.iter().map(|app| placed(app)).collect())
    }

    /// The status was wiped.
    pub fn wiped(self) -> Self {
        self.with(|view| view.status = PhoneNumberBindingStatus::default())
    }

    /// These lead to endpoints of this cluster.
    pub fn own(self, ids: &[&str]) -> Self {
        self.with(|view| view.own = ids.iter().map(|id| (*id).to_owned()).collect())
    }

    pub fn rival(self, rival: Rival) -> Self {
        self.with(|view| view.rivals.push(rival))
    }

    pub fn read(self, seconds: u64, app_id: &str) -> Self {
        self.read_as(seconds, Some(number(app_id, "old")), true)
    }

    pub fn missing(self, seconds: u64, proven: bool) -> Self {
        self.read_as(seconds, None, proven)
    }

    pub fn read_as(self, seconds: u64, found: Option<Number>, proven: bool) -> Self {
        self.with(|view| {
            view.evidence.got = Some(Got { began: at(seconds), found, proven });
            view.memory.reads += 1;
        })
    }

    /// A read that began then was answered with a page that is not the provider's, at that second.
    pub fn page(self, seconds: u64, answered: u64) -> Self {
        self.with(|view| {
            let asked = view.clone();
            teach(view, |learnt| learnt.got(&asked, at(seconds), Outcome::NotFound { proven: false }, at(answered)));
        })
    }

    /// A read that began then was answered so.
    pub fn got(self, seconds: u64, outcome: Outcome<Number>) -> Self {
        self.with(|view| {
            let asked = view.clone();
            teach(view, |learnt| learnt.got(&asked, at(seconds), outcome, at(seconds)));
        })
    }

    /// What was seen of the number last says that it cannot be bound.
    pub fn obstructed(self) -> Self {
        self.with(|view| {
            let read = view.evidence.got.as_mut().and_then(|got| got.found.as_mut());
            let listed = view.evidence.listed.as_mut().and_then(|listed| listed.found.as_mut());
            read.into_iter().chain(listed).for_each(|number| number.obstacle = Some("it has no voice capability".into()));
        })
    }

    /// The same at this second, in a pass that began 10 s before.
    pub fn at(self, seconds: u64) -> Self {
        self.with(|view| {
            view.now = at(seconds);
            view.memory.pass_began = at(seconds - 10);
        })
    }

    pub fn listed(self, seconds: u64, complete: bool, app_id: Option<&str>) -> Self {
        self.with(|view| {
            view.evidence.listed = Some(Listed { began: at(seconds), complete, found: app_id.map(|app_id| number(app_id, "old")) })
        })
    }

    pub fn listing_wanted(self, seconds: u64) -> Self {
        self.with(|view| view.memory.listing_wanted = Some(at(seconds)))
    }

    /// The bindings of the number were read live, when it showed this.
    pub fn surveyed(self, seconds: u64, shown: &str) -> Self {
        self.with(|view| view.memory.survey = Some(Survey { began: at(seconds), shown: Some(shown.into()), reads: view.memory.reads }))
    }

    pub fn updated(self, app_id: &str, seconds: u64, times: u32) -> Self {
        self.with(|view| view.memory.update = Some(Updated { change: Fields::from([(target(), text(app_id))]), at: at(seconds), times }))
    }

    pub fn corrected(self, moments: &[u64]) -> Self {
        self.with(|view| moments.iter().for_each(|second| view.memory.quarrel.answered(at(*second))))
    }

    /// Contested, put back last then.
    pub fn contested(self, seconds: u64) -> Self {
        self.with(|view| view.memory.quarrel = Quarrel::going_on(at(seconds)))
    }

    pub fn trouble(self, kind: TroubleKind, seconds: u64) -> Self {
        self.with(|view| {
            let generation = view.object.generation;
            view.memory.trouble =
                Some(Trouble { kind, message: "trouble".into(), at: at(seconds), attempts: 1, generation, ..Trouble::default() });
        })
    }

    /// An update to what is wanted was answered so.
    pub fn answered(self, app_id: &str, cause: Cause, outcome: Outcome<()>, seconds: u64) -> Self {
        self.with(|view| {
            let asked = view.clone();
            let change = Fields::from([(target(), text(app_id))]);
            teach(view, |learnt| learnt.updated(&asked, &change, cause, &outcome, at(seconds)));
        })
    }

    pub fn build(self) -> View {
        self.view
    }
}

/// What is learnt through the methods that the executor uses.
pub fn teach(view: &mut View, lesson: impl FnOnce(&mut Learnt)) {
    let mut learnt = Learnt { memory: std::mem::take(&mut view.memory), got: view.evidence.got.take() };
    lesson(&mut learnt);
    view.memory = learnt.memory;
    view.evidence.got = learnt.got;
}

/// An action as one line.
pub fn describe(action: &Action) -> String {
    match action {
        Action::Update { change, cause, .. } => {
            let change: Vec<String> = change.iter().map(|(field, value)| format!("{field}={value}")).collect();
            format!("Update {cause:?}: {}", change.join(" "))
        }
        Action::Get(_, lane) => format!("Get {lane:?}"),
        other => endpoint::describe(other),
    }
}
