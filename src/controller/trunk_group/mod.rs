//! Trunk groups: what leads phone numbers to an endpoint where they cannot point to it themselves. One is a part of its SipEndpoint: it has
//! no object of its own, but a part of that one's status (`status.trunkGroup`) with a ledger of its own, and goes through the very same
//! protocol. It is made with the first PhoneNumberBinding that leads to the endpoint and goes with the last one, or with the endpoint,
//! which waits for it.

pub mod gather;

use std::borrow::Cow;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::NamespaceResourceScope;
use kube_runtime::controller::Action as Requeue;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::gather::{holds, stands_in_the_way};
use crate::account::Thing;
use crate::api::FINALIZER_ENDPOINT;
use crate::api::refs::{AccountIdentity, AccountRef};
use crate::api::sip_endpoint::{SipEndpoint, TrunkGroupStatus};
use crate::controller::context::Context;
use crate::controller::execute::{Pass, Step};
use crate::controller::made::{self, Made, Remembered};
use crate::controller::managed::{Managed, key};
use crate::controller::memories::{Memories, Slot};
use crate::controller::pass::{self, ReconcileError};
use crate::controller::report;
use crate::core::action::{Action, Finding, Release};
use crate::core::key::Kind;
use crate::core::tenancy::Use;
use crate::core::time::Moment;
use crate::core::view::{Object, View};
use crate::core::{endpoint, trunk_group};
use crate::failpoint;

/// The trunk group of a SipEndpoint: the same object, seen as what leads numbers to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrunkGroup(pub SipEndpoint);

impl Resource for TrunkGroup {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind(_: &()) -> Cow<'_, str> {
        SipEndpoint::kind(&())
    }

    fn group(_: &()) -> Cow<'_, str> {
        SipEndpoint::group(&())
    }

    fn version(_: &()) -> Cow<'_, str> {
        SipEndpoint::version(&())
    }

    fn plural(_: &()) -> Cow<'_, str> {
        SipEndpoint::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.meta_mut()
    }
}

/// A look at the trunk group of an object. Most have none and never will: there it ends with the look.
///
/// # Errors
/// See [`pass::reconcile`].
pub async fn reconcile(object: Arc<SipEndpoint>, ctx: Arc<Context>) -> Result<Requeue, ReconcileError> {
    match gather::concerned(&ctx, &object) {
        true => pass::reconcile(Arc::new(TrunkGroup(SipEndpoint::clone(&object))), ctx).await,
        false => Ok(Requeue::await_change()),
    }
}

impl Managed for TrunkGroup {
    type Status = Option<TrunkGroupStatus>;
    type View = View;
    type Memory = Remembered;

    const KIND: Kind = Kind::TrunkGroup;
    const FINALIZER: &'static str = FINALIZER_ENDPOINT;
    const THING: Thing = Thing::TrunkGroup;
    const POINTS: &'static str = "group_";

    fn account_ref(&self) -> &AccountRef {
        self.0.account_ref()
    }

    fn uses(&self) -> Use<'_> {
        self.0.uses()
    }

    fn pinned(&self) -> Option<&AccountIdentity> {
        self.0.pinned()
    }

    fn current(&self) -> Option<&Option<TrunkGroupStatus>> {
        self.0.status.as_ref().map(|status| &status.trunk_group)
    }

    /// The rest of the status is the endpoint's, and is not written.
    fn placed(status: Value) -> Value {
        json!({ "trunkGroup": status })
    }

    fn memories(ctx: &Context) -> &Memories<Remembered> {
        &ctx.group_memories
    }

    fn begin(memory: &mut Remembered, now: Moment) {
        memory.begin(now);
    }

    fn pass_began(memory: &Remembered) -> Moment {
        memory.learnt.memory.pass_began
    }

    async fn gather(ctx: &Context, object: &Self, gone: bool, slot: &mut Slot<Remembered>) -> View {
        gather::view(ctx, object, gone, slot)
    }

    fn seen(view: &View) -> (&Object, Moment) {
        (&view.object, view.now)
    }

    fn next(view: &View) -> Action {
        endpoint::next(view)
    }

    fn after(view: &View, action: &Action) -> Option<Option<TrunkGroupStatus>> {
        trunk_group::after(view, action)
    }

    fn report(view: &View, finding: &Finding) -> Option<TrunkGroupStatus> {
        trunk_group::report(view, finding)
    }

    fn worth_writing(view: &View, new: &Option<TrunkGroupStatus>) -> bool {
        trunk_group::worth_writing(view, new.as_ref())
    }

    async fn perform(pass: &mut Pass<'_, Self>, view: &View, action: &Action) -> Step {
        match action {
            Action::RemoveFinalizer(release) => pass.let_go(view, *release).await,
            _ => pass.make(view, action).await,
        }
    }

    fn look(pass: &mut Pass<'_, Self>, view: &View, action: &Action) {
        if matches!(action, Action::WriteIntent(_) | Action::Record(_)) {
            gather::forget(pass.ctx, &view.object.uid);
        }
        made::look(pass, view, action);
    }

    async fn tell(pass: &mut Pass<'_, Self>) {
        made::tell(pass).await;
    }

    fn expect(pass: &Pass<'_, Self>, view: &View) {
        let known = gather::known(pass.ctx, &pass.object);
        made::expect(pass, view, known.as_ref());
    }

    fn note(ctx: &Context, object: &Self) {
        SipEndpoint::note(ctx, &object.0);
    }

    async fn wrote(pass: &mut Pass<'_, Self>, view: &View, action: &Action) {
        made::wrote(pass, view, action).await;
    }

    async fn reported(pass: &mut Pass<'_, Self>, view: &View, finding: &Finding) {
        made::reported(pass, view, finding).await;
    }

    fn agreed(memory: &mut Remembered, view: &View, _now: Moment) {
        memory.agreed(view);
    }

    async fn releasing(ctx: &Context, object: &Self, release: Release) {
        let known = gather::known(ctx, object);
        made::releasing(ctx, object, known.as_ref(), release).await;
    }

    fn left(memory: Remembered) -> Option<Remembered> {
        memory.left()
    }
}

impl Made for TrunkGroup {
    fn endpoint(&self) -> &SipEndpoint {
        &self.0
    }
}

impl Pass<'_, TrunkGroup> {
    /// The finalizer is the endpoint's: what lets a group go is that the object's status says nothing of it any more.
    async fn let_go(&mut self, view: &View, release: Release) -> Step {
        TrunkGroup::releasing(self.ctx, &self.object, release).await;
        failpoint::of(TrunkGroup::POINTS, "release", "before").await;
        let answer = report::write_status(self.ctx, &self.object, &None).await;
        failpoint::of(TrunkGroup::POINTS, "release", "after").await;
        if answer.is_ok() {
            gather::let_go(self.ctx, &view.object.uid);
            // It may have waited for that, and where nothing stood in the status no watch tells of it.
            self.ctx.wakers.wake(&key(&self.object.0));
        }
        self.written(view, answer).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::report::merge_patch;

    #[test]
    fn a_trunk_group_is_the_same_object_and_writes_its_own_part_of_the_status_only() {
        let stored = json!({
            "apiVersion": "switchboard.dev/v1alpha1",
            "kind": "SipEndpoint",
            "metadata": {"name": "alice", "namespace": "voice"},
            "spec": {"accountRef": {"name": "main"}, "managementPolicy": "Manage", "driftPolicy": "Correct", "externalDeletionPolicy": "Recreate"},
            "status": {"endpoint_id": "e1", "trunkGroup": {"trunk_group_sid": "g1", "reason": "Available"}},
        });
        let group: TrunkGroup = serde_json::from_value(stored.clone()).expect("a SipEndpoint");
        let written = serde_json::to_value(&group).expect("what can be read can be written");
        assert_eq!((&written["metadata"], &written["status"]), (&stored["metadata"], &stored["status"]));
        assert_eq!(TrunkGroup::url_path(&(), Some("voice")), SipEndpoint::url_path(&(), Some("voice")));
        let old = serde_json::to_value(group.current()).expect("a status");
        let patch = |new: Option<TrunkGroupStatus>| TrunkGroup::placed(merge_patch(&old, serde_json::to_value(new).expect("a status")));
        let moved = TrunkGroupStatus { trunk_group_sid: Some("g2".into()), ..TrunkGroupStatus::default() };
        assert_eq!(patch(Some(moved)), json!({"trunkGroup": {"trunk_group_sid": "g2", "reason": null}}));
        assert_eq!(patch(None), json!({ "trunkGroup": null }));
    }
}
