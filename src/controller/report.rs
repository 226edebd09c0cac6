//! The only writer to the API server: version-checked merge patches, each with a deadline, and events.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use kube_runtime::events::{Event, EventType};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tracing::debug;

use crate::api::FIELD_MANAGER;
use crate::api::condition::{Condition, Reason, Verdict};
use crate::controller::context::Context;
use crate::controller::deadline;
use crate::controller::managed::Managed;
use crate::core::action::Finding;

/// Longest note of an event, in bytes.
const NOTE: usize = 1000;

/// Why a write did not happen, or is not known to have happened.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// Somebody else was faster: read again, decide again.
    #[error("another write was faster")]
    Conflict,
    /// The object, or this object of that name, is gone.
    #[error("the object is gone")]
    Gone,
    /// The API server refused or did not answer.
    #[error("{0}")]
    Failed(#[from] kube::Error),
}

/// Writes the whole status, or the part of it that is the kind's own.
///
/// # Errors
/// See [`NotWritten`]. After [`NotWritten::Failed`] the write may have happened all the same.
pub async fn write_status<K: Managed>(ctx: &Context, object: &K, status: &K::Status) -> Result<K, NotWritten> {
    let old = serde_json::to_value(object.current()).unwrap_or_default();
    let new = serde_json::to_value(status).unwrap_or_default();
    let patch = json!({"metadata": preconditions(object), "status": K::placed(merge_patch(&old, new))});
    let api: Api<K> = Api::namespaced(ctx.client.clone(), &object.namespace().unwrap_or_default());
    classify(deadline(api.patch_status(&object.name_any(), &params(), &Patch::Merge(&patch))).await)
}

/// Puts our finalizer on, or takes it off; finalizers of others stay.
///
/// # Errors
/// See [`NotWritten`].
pub async fn write_finalizer<K: Managed>(ctx: &Context, object: &K, present: bool) -> Result<K, NotWritten> {
    let mut finalizers: Vec<&str> = object.finalizers().iter().map(String::as_str).filter(|finalizer| *finalizer != K::FINALIZER).collect();
    if present {
        finalizers.push(K::FINALIZER);
    }
    let mut metadata = preconditions(object);
    metadata["finalizers"] = json!(finalizers);
    let api: Api<K> = Api::namespaced(ctx.client.clone(), &object.namespace().unwrap_or_default());
    classify(deadline(api.patch(&object.name_any(), &params(), &Patch::Merge(&json!({"metadata": metadata})))).await)
}

/// The object as it is now; `None` if there is none of this uid any more.
///
/// # Errors
/// If the API server does not answer.
pub async fn read<K: Managed>(ctx: &Context, object: &K) -> Result<Option<K>, kube::Error> {
    let api: Api<K> = Api::namespaced(ctx.client.clone(), &object.namespace().unwrap_or_default());
    let found = deadline(api.get_opt(&object.name_any())).await?;
    Ok(found.filter(|found| found.meta().uid == object.meta().uid))
}

/// Uid and resourceVersion, so that a lost race is a 409. A merge patch, because its conflict is a 409 where a JSON patch's failed
/// `test` is a 422.
pub fn preconditions(object: &impl Resource) -> Value {
    preconditions_of(object.meta())
}

/// As [`preconditions`].
pub fn preconditions_of(meta: &ObjectMeta) -> Value {
    json!({"uid": meta.uid, "resourceVersion": meta.resource_version})
}

/// `new` with an explicit null for every key of `old` that it lacks, at every depth: what a merge patch needs to remove.
pub fn merge_patch(old: &Value, new: Value) -> Value {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let mut patch: Map<String, Value> =
                old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), Value::Null)).collect();
            patch.extend(new.into_iter().map(|(key, value)| {
                let before = old.get(&key).unwrap_or(&Value::Null);
                let value = merge_patch(before, value);
                (key, value)
            }));
            Value::Object(patch)
        }
        (_, new) => new,
    }
}

/// How all our patches are sent.
pub fn params() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

/// A kube answer as what it means for a version-checked write.
pub fn classify<K>(answer: Result<K, kube::Error>) -> Result<K, NotWritten> {
    answer.map_err(|error| match &error {
        kube::Error::Api(status) if status.code == 409 => NotWritten::Conflict,
        kube::Error::Api(status) if status.code == 404 => NotWritten::Gone,
        // A uid that is not this object's any more: the name was taken over by another one.
        kube::Error::Api(status) if status.code == 422 && status.message.contains("metadata.uid") => NotWritten::Gone,
        _ => NotWritten::Failed(error),
    })
}

/// An event on the object; best effort, since a terminating namespace takes none.
pub async fn event<K>(ctx: &Context, object: &K, kind: EventType, reason: &str, action: &str, note: String)
where
    K: Resource<DynamicType = ()> + Serialize,
{
    event_about(ctx, &object.object_ref(&()), kind, reason, action, note).await;
}

/// As [`event`].
pub async fn event_about(ctx: &Context, about: &ObjectReference, kind: EventType, reason: &str, action: &str, note: String) {
    let note = note.char_indices().take_while(|(at, _)| *at < NOTE).map(|(_, c)| c).collect();
    let event = Event { type_: kind, reason: reason.to_owned(), note: Some(note), action: action.to_owned(), secondary: None };
    if let Err(error) = deadline(ctx.events.publish(&event, about)).await {
        debug!(%error, reason, "event not written");
    }
}

/// The reason of the event after a status write that begins a state which somebody has to end.
pub fn stalls(before: &[Condition], finding: &Finding) -> Option<&'static str> {
    let before = before.iter().find(|condition| condition.type_ == "Ready").map(|condition| condition.reason.as_str());
    let stalled = finding.reason.verdict() == Verdict::Failed && before != Some(finding.reason.as_str());
    stalled.then_some(if finding.reason == Reason::Rejected { "Refused" } else { finding.reason.as_str() })
}

/// That event.
pub async fn finding<K: Managed>(ctx: &Context, object: &K, before: &[Condition], finding: &Finding) {
    if let Some(reason) = stalls(before, finding) {
        event(ctx, object, EventType::Warning, reason, "Reconcile", finding.message.clone()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_patch_names_what_has_vanished() {
        let old = json!({"a": 1, "b": {"c": 2, "d": 3}, "list": [1, 2], "e": {"f": 1}});
        let new = json!({"b": {"c": 2}, "list": [2], "g": 5});
        assert_eq!(merge_patch(&old, new), json!({"a": null, "b": {"c": 2, "d": null}, "list": [2], "e": null, "g": 5}));
        assert_eq!(merge_patch(&Value::Null, json!({"a": {"b": 1}})), json!({"a": {"b": 1}}));
    }
}
