//! What `next` can answer: exactly one action, or to wait, or that all is done.

use std::fmt;

use crate::api::condition::Reason;
use crate::api::ledger::Intent;
use crate::api::phone_number_binding::{Placed, Previous};
use crate::core::budget::Lane;
use crate::core::endpoint::connection::Entries;
use crate::core::fields::{Fields, Remote};
use crate::core::time::Moment;

/// One step. Every action that changes something at the provider is preceded by the write that makes it recoverable.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Put our finalizer on, before the first intent.
    AddFinalizer,
    /// Generate the password and store it in the connection Secret, before anything is created with it.
    StorePassword,
    /// Write these entries into the connection Secret, and make it go with the object.
    WriteConnection(Entries),
    /// Reserve a create permit of the budget: no intent is written without one.
    Reserve,
    /// Make the coming create durable, version-checked.
    WriteIntent(Intent),
    /// Send the create, once.
    Create {
        /// `username` as sent.
        username: String,
        /// All fields.
        fields: Fields,
    },
    /// Write the endpoint's id into status, closing the intent.
    Record(Found),
    /// Close the intent: nothing was made under it, or what was made is condemned.
    CloseEpoch(Closed),
    /// Ask the account for a listing that begins from now on, and wait for it.
    List(Lane, Finding),
    /// Ask the provider for all that carries the object's mark, in one call: where it can select, instead of a listing of everything.
    Find(Lane, Finding),
    /// Read the endpoint, or the number.
    Get(String, Lane),
    /// Ask the provider what else there points to this, before it is deleted.
    ReadReferences(String, Lane),
    /// Change the given fields of the endpoint, or of the number.
    Update {
        /// Which one.
        id: String,
        /// What to send: the differing fields, and those that the provider resets when they are left out.
        change: Fields,
        /// Why, for the event.
        cause: Cause,
        /// The fields that differ, for people.
        differences: Vec<String>,
    },
    /// Condemn a duplicate, version-checked, before deleting it.
    WriteTombstone(String),
    /// Delete an endpoint that is ours.
    DeleteEndpoint(String, Why),
    /// The condemned endpoint is gone.
    ClearTombstone(String),
    /// The recorded endpoint is proven gone: forget its id.
    Forget,
    /// Read from the API server itself, not from a cache, which bindings of this cluster are for the same number.
    ReadRivals,
    /// Make durable what a number showed before and what is about to be written to it, version-checked.
    WritePlaced(Ahead),
    /// Let the object go.
    RemoveFinalizer(Release),
    /// Come back at `until`, or when something this object depends on changes.
    Wait {
        /// When at the latest; `None`: only on a change.
        until: Option<Moment>,
        /// What to say meanwhile; `None` leaves status as it is.
        finding: Option<Finding>,
    },
    /// Nothing to do.
    Done(Finding),
}

/// An endpoint to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The provider's id.
    pub id: String,
    /// The full username.
    pub username: String,
    /// As read back, if it was found rather than answered.
    pub remote: Option<Box<Remote>>,
}

/// What a binding's status has to hold before its number is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahead {
    /// What the number showed before any binding of this cluster changed it; absent: not known any more.
    pub previous: Option<Previous>,
    /// What was, may be, or is about to be written to it, the newest last.
    pub placed: Vec<Placed>,
    /// Where it comes from.
    pub source: Source,
}

/// Where what is written ahead comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The number was read, and no other binding had changed it.
    Observed,
    /// Another binding of the same number holds it.
    Inherited,
    /// The spec: only what is about to be written is new.
    Spec,
}

/// Why an intent is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The provider refused the create.
    Refused,
    /// Nothing was sent under it.
    NotSent,
    /// Two complete listings that began after it had settled do not show it.
    NotExecuted,
    /// Another endpoint is recorded meanwhile; the one just made is found as a duplicate by the sweep.
    Superseded,
}

/// Why a field is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The user changed the spec.
    Edited,
    /// The user changed the password's Secret.
    Rotated,
    /// Somebody changed it behind our back.
    Drifted,
    /// What the spec points at has changed, or the number came over from another binding.
    Followed,
    /// A number is given back: what was there before.
    Restored,
    /// A number is given back: no application answers it any more.
    Unassigned,
}

/// Why an endpoint is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The object is being deleted.
    Requested,
    /// It was created for an object that is being deleted, or gone.
    JustReceived,
    /// The object has another endpoint.
    Duplicate,
}

/// Why an object may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Nothing of it is left at the provider, proven.
    Clean,
    /// `deletionPolicy: Retain`, or `managementPolicy: Observe`.
    Retained,
    /// Nothing was ever sent for it.
    NeverSent,
    /// Somebody gave the endpoint up by annotation. Told in a Warning event.
    Orphaned,
    /// Its status was lost and its account does not exist, or what it adopts was never verified: nothing can be proven. Told in a
    /// Warning event.
    Unproven,
    /// Another binding owns the number and has all that it needs to give it back one day.
    HandedOver,
    /// The number shows again what it showed before it was bound, read back.
    Restored,
    /// No application answers the number any more, read back (`deletionPolicy: Unassign`).
    Unassigned,
    /// What answered the number before does not exist any more, or the provider did not take it: no application answers it now. Told in
    /// a Warning event.
    PreviousGone,
    /// The number is not where this binding had put it, so it was left as it is. Told in an event.
    NotOurs,
    /// What the number showed before is not known (the status was lost): it was left as it is. Told in a Warning event.
    PreviousLost,
    /// The account does not hold the number any more: there is nothing to give back.
    NumberGone,
    /// The provider did not even take "no application": the number was left as it is. Told in a Warning event.
    NotGivenBack,
}

/// What is to be said about the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// From the closed set.
    pub reason: Reason,
    /// What is wrong, where, what to do, what the operator does meanwhile.
    pub message: String,
}

impl Finding {
    /// A finding with a message.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// All that [`Action::name`] answers, in the order of the actions.
pub const NAMES: [&str; 22] = [
    "AddFinalizer",
    "StorePassword",
    "WriteConnection",
    "Reserve",
    "WriteIntent",
    "Create",
    "Record",
    "CloseEpoch",
    "List",
    "Find",
    "Get",
    "ReadReferences",
    "Update",
    "WriteTombstone",
    "DeleteEndpoint",
    "ClearTombstone",
    "Forget",
    "ReadRivals",
    "WritePlaced",
    "RemoveFinalizer",
    "Wait",
    "Done",
];

impl Action {
    /// The verb, for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Action::AddFinalizer => "AddFinalizer",
            Action::StorePassword => "StorePassword",
            Action::WriteConnection(_) => "WriteConnection",
            Action::Reserve => "Reserve",
            Action::WriteIntent(_) => "WriteIntent",
            Action::Create { .. } => "Create",
            Action::Record(_) => "Record",
            Action::CloseEpoch(_) => "CloseEpoch",
            Action::List(..) => "List",
            Action::Find(..) => "Find",
            Action::Get(..) => "Get",
            Action::ReadReferences(..) => "ReadReferences",
            Action::Update { .. } => "Update",
            Action::WriteTombstone(_) => "WriteTombstone",
            Action::DeleteEndpoint(..) => "DeleteEndpoint",
            Action::ClearTombstone(_) => "ClearTombstone",
            Action::Forget => "Forget",
            Action::ReadRivals => "ReadRivals",
            Action::WritePlaced(_) => "WritePlaced",
            Action::RemoveFinalizer(_) => "RemoveFinalizer",
            Action::Wait { .. } => "Wait",
            Action::Done(_) => "Done",
        }
    }

    /// It changes something at the provider.
    pub fn mutates_provider(&self) -> bool {
        matches!(self, Action::Create { .. } | Action::Update { .. } | Action::DeleteEndpoint(..))
    }

    /// It ends what was already begun at the provider: allowed while the process is shutting down.
    pub fn finishes(&self) -> bool {
        matches!(self, Action::Record(_) | Action::CloseEpoch(_) | Action::DeleteEndpoint(_, Why::JustReceived))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Get(id, _) | Action::ReadReferences(id, _) | Action::WriteTombstone(id) | Action::ClearTombstone(id) => {
                write!(f, "{} {id}", self.name())
            }
            Action::DeleteEndpoint(id, why) => write!(f, "DeleteEndpoint {id} ({why:?})"),
            Action::Record(found) => write!(f, "Record {} ({})", found.id, found.username),
            Action::CloseEpoch(closed) => write!(f, "CloseEpoch ({closed:?})"),
            Action::Create { username, .. } => write!(f, "Create {username}"),
            Action::Update { id, differences, .. } => write!(f, "Update {id}: {}", differences.join("; ")),
            Action::WritePlaced(ahead) => {
                let shown = |app: &str| if app.is_empty() { "none".to_owned() } else { app.to_owned() };
                let previous = ahead.previous.as_ref().map_or_else(|| "?".to_owned(), |previous| shown(previous.target()));
                let placed: Vec<String> = ahead.placed.iter().map(|placed| shown(placed.target())).collect();
                write!(f, "WritePlaced {} after {previous} ({:?})", placed.join(", "), ahead.source)
            }
            Action::RemoveFinalizer(release) => write!(f, "RemoveFinalizer ({release:?})"),
            Action::WriteConnection(entries) => {
                write!(f, "WriteConnection {}", entries.keys().copied().collect::<Vec<_>>().join(" "))
            }
            Action::Done(finding) => write!(f, "Done: {}", finding.reason),
            _ => f.write_str(self.name()),
        }
    }
}
