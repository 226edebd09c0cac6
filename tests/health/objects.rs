//! Objects as the operator leaves them: every status is made by its own functions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use switchboard::api::condition::Reason;
use switchboard::api::phone_number_binding::PhoneNumberBindingStatus;
use switchboard::api::policy::{BindingDeletionPolicy, DeletionPolicy, DriftPolicy, ExternalDeletionPolicy, ManagementPolicy};
use switchboard::api::provider_account::ProviderAccountStatus;
use switchboard::api::sip_endpoint::SipEndpointStatus;
use switchboard::core::account::{self, Access, Facts, Users, Waits};
use switchboard::core::action::Finding;
use switchboard::core::key::ObjectKey;
use switchboard::core::mark::{Installation, Mark, Place};
use switchboard::core::status::merge_conditions;
use switchboard::core::time::Moment;
use switchboard::core::view::{self, AccountView, Brakes, Fresh, Object, Policy, Problem, Thing, Timing};
use switchboard::core::{binding, status};

/// The generation that a status is about, unless a row says otherwise.
pub const GENERATION: i64 = 3;

pub fn time() -> Time {
    Time(Timestamp::UNIX_EPOCH)
}

pub fn object(deleting: bool) -> Object {
    Object {
        uid: "u1".into(),
        generation: GENERATION,
        deleting,
        gone: false,
        finalizer: true,
        paused: false,
        reconcile_requested: None,
        force_orphan: None,
    }
}

pub fn timing() -> Timing {
    Timing { settle: Duration::from_secs(150), retry_base: Duration::from_secs(1) }
}

pub fn fresh() -> Fresh {
    Fresh { nonce: "n1".into(), time: time(), writer: "me".into(), seed: 7 }
}

pub fn blocked() -> Problem {
    Problem { reason: Reason::Progressing, message: "as the test wants it".into() }
}

pub fn endpoint(status: SipEndpointStatus, deleting: bool) -> view::View {
    let installation = Installation::new("cluster-a");
    view::View {
        thing: Thing::Endpoint,
        term: Moment::ZERO,
        object: object(deleting),
        status,
        desired: view::Desired::Blocked(blocked()),
        mark: Mark::new(Place::Username, &installation, "voice", "alice", "alice"),
        installation,
        policy: Policy {
            management: ManagementPolicy::Manage,
            deletion: DeletionPolicy::Delete,
            drift: DriftPolicy::Correct,
            external_deletion: ExternalDeletionPolicy::Recreate,
        },
        adopt: None,
        connection: None,
        claims: BTreeMap::new(),
        account: AccountView::Unknown,
        brakes: Brakes::default(),
        evidence: Default::default(),
        memory: Default::default(),
        now: Moment(Duration::from_secs(1000)),
        timing: timing(),
        fresh: fresh(),
        stopping: false,
    }
}

pub fn number(status: PhoneNumberBindingStatus, deleting: bool) -> binding::view::View {
    binding::view::View {
        object: object(deleting),
        created: None,
        status,
        number: "14155550100".into(),
        desired: binding::view::Desired::Blocked(blocked()),
        policy: binding::view::Policy { deletion: BindingDeletionPolicy::Restore, drift: DriftPolicy::Correct },
        rivals: Vec::new(),
        own: BTreeSet::new(),
        account: AccountView::Unknown,
        evidence: Default::default(),
        memory: Default::default(),
        now: Moment(Duration::from_secs(1000)),
        timing: timing(),
        fresh: fresh(),
        stopping: false,
    }
}

pub fn say(reason: Reason) -> Finding {
    Finding::new(reason, format!("what is wrong (\"{reason}\"), where, and what to do:\n  kubectl … — „so“"))
}

/// The status of an account as the operator writes it.
pub fn account_status(old: &ProviderAccountStatus, verdict: &account::Verdict, facts: &Facts<'_>) -> ProviderAccountStatus {
    ProviderAccountStatus {
        observed_generation: Some(GENERATION),
        conditions: merge_conditions(&old.conditions, account::conditions(verdict, facts), GENERATION, &time()),
        installation: Some("k3f".into()),
        ..old.clone()
    }
}

pub fn facts(key: &ObjectKey, access: Access) -> Facts<'_> {
    let waits = Waits { rest: Duration::from_secs(600), retry: Duration::from_secs(5) };
    Facts {
        key,
        access,
        permissions: None,
        deleting: false,
        users: Users::Known(vec![ObjectKey::endpoint("voice", "alice")]),
        suspended: false,
        brakes: Vec::new(),
        waits,
    }
}

/// What the operator says of an object of this kind for one reason after the other: each status is made from the one before.
pub struct Saying {
    kind: &'static str,
    deleting: bool,
    endpoint: SipEndpointStatus,
    binding: PhoneNumberBindingStatus,
    account: ProviderAccountStatus,
}

impl Saying {
    pub fn new(kind: &'static str, deleting: bool) -> Saying {
        Saying { kind, deleting, endpoint: Default::default(), binding: Default::default(), account: Default::default() }
    }

    pub fn says(&mut self, reason: Reason) -> Value {
        let status = match self.kind {
            "SipEndpoint" => {
                self.endpoint = status::report(&endpoint(self.endpoint.clone(), self.deleting), &say(reason));
                serde_json::to_value(&self.endpoint)
            }
            "PhoneNumberBinding" => {
                self.binding = binding::status::report(&number(self.binding.clone(), self.deleting), &say(reason));
                serde_json::to_value(&self.binding)
            }
            _ => {
                let key = ObjectKey::account("voice", "plivo");
                let mut facts = facts(&key, Access::Proven("Plivo/MA1".into()));
                facts.deleting = self.deleting;
                let decided = account::Verdict { finding: say(reason), ..account::verdict(&facts) };
                self.account = account_status(&self.account, &decided, &facts);
                serde_json::to_value(&self.account)
            }
        };
        manifest(self.kind, GENERATION, self.deleting, status.expect("a status is JSON"))
    }
}

/// An object as the API server shows it. Its spec is of no interest to anybody who asks for its health.
pub fn manifest(kind: &str, generation: i64, deleting: bool, status: Value) -> Value {
    let mut metadata = json!({
        "name": "alice", "uid": "u1", "resourceVersion": "7", "generation": generation, "creationTimestamp": "2026-01-01T00:00:00Z",
        "finalizers": ["switchboard.dev/endpoint"],
    });
    if kind != "ClusterProviderAccount" {
        metadata["namespace"] = json!("voice");
    }
    if deleting {
        metadata["deletionTimestamp"] = json!("2026-01-01T00:00:01Z");
        metadata["deletionGracePeriodSeconds"] = json!(0);
    }
    json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": {}, "status": status})
}
