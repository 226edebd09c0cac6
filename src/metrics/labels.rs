//! What stands in labels: words of closed sets, and the namespace of an object where alerts are routed by it. No object, account, number,
//! user or Secret has a name here.

use prometheus_client::encoding::EncodeLabelSet;

use crate::api::condition::words;

words! {
    /// How a reconcile ended.
    pub enum Reconciled {
        /// Nothing is left to do until something changes.
        Settled = "settled",
        /// It comes back at a certain time.
        Waiting = "waiting",
        /// A pass that was given up on still works on the object.
        Busy = "busy",
        /// It takes too long, and goes on by itself.
        TooLong = "too_long",
    }
}

words! {
    /// What became of an action.
    pub enum Acted {
        /// It was done, or there was nothing that could refuse it.
        Done = "done",
        /// The provider refused it.
        Refused = "refused",
        /// The provider has no such thing.
        NotFound = "not_found",
        /// The provider's answer was lost, or says nothing.
        Unknown = "unknown",
        /// Nothing was sent: no permit of the budget, or the account cannot be called.
        NotStarted = "not_started",
        /// Another write to the object was faster.
        Conflict = "conflict",
        /// The object is gone.
        Gone = "gone",
        /// The API server refused or did not answer.
        Failed = "failed",
    }
}

words! {
    /// Whether a phone is logged in at an endpoint.
    pub enum Registration {
        /// One is.
        Registered = "registered",
        /// None is.
        NotRegistered = "not_registered",
        /// It is a static peer, which never registers.
        StaticPeer = "static_peer",
        /// Nobody knows yet.
        Unknown = "unknown",
    }
}

words! {
    /// Whose an endpoint at a provider is.
    pub enum Ownership {
        /// An object of this cluster stands for it.
        Managed = "managed",
        /// It has no mark.
        Unmanaged = "unmanaged",
        /// It has the mark of another installation.
        Foreign = "foreign",
        /// It has this installation's mark, and no object stands for it.
        Orphaned = "orphaned",
    }
}

impl Acted {
    /// What counts until somebody says more: what a provider is asked for was not begun, all else was done.
    pub fn at_first(action: &str) -> Self {
        if possible(action).contains(&Self::NotStarted) { Self::NotStarted } else { Self::Done }
    }
}

/// What may become of an action of this name: only some can be refused, and by whom.
pub(super) fn possible(action: &str) -> &'static [Acted] {
    use Acted::{Conflict, Done, Failed, Gone, NotFound, NotStarted, Refused, Unknown};
    match action {
        "Create" | "Get" | "Find" | "ReadReferences" | "Update" | "DeleteEndpoint" => &[Done, Refused, NotFound, Unknown, NotStarted],
        _ => &[Done, Conflict, Gone, Failed],
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByAssumption {
    pub assumption: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByReconciled {
    pub kind: &'static str,
    pub outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByKind {
    pub kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByAction {
    pub action: &'static str,
    pub outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByCall {
    pub provider: &'static str,
    pub operation: &'static str,
    pub thing: &'static str,
    pub outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByOperation {
    pub provider: &'static str,
    pub operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct ByLane {
    pub provider: &'static str,
    pub lane: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct BySweep {
    pub provider: &'static str,
    pub collection: &'static str,
    pub outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct ByCollection {
    pub provider: &'static str,
    pub collection: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct ByProvider {
    pub provider: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByField {
    pub field: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct ByReason {
    pub kind: &'static str,
    pub namespace: String,
    pub reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct ByState {
    pub provider: &'static str,
    pub namespace: String,
    pub state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct ByThing {
    pub provider: &'static str,
    pub namespace: String,
    pub thing: &'static str,
    pub state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
pub(super) struct ByNamespace {
    pub namespace: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByVersion {
    pub version: &'static str,
}
