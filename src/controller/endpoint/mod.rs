//! SipEndpoints: what is their own in the flow that all managed objects go through.

mod connection;
mod execute;
pub mod gather;

use crate::api::FINALIZER_ENDPOINT;
use crate::api::refs::{AccountIdentity, AccountRef};
use crate::api::sip_endpoint::{SipEndpoint, SipEndpointStatus};
use crate::controller::context::Context;
use crate::controller::execute::{Pass, Step};
use crate::controller::made::{self, Made, Remembered};
use crate::controller::managed::Managed;
use crate::controller::memories::{Memories, Slot};
use crate::controller::trunk_group::{self, TrunkGroup};
use crate::controller::{brakes, pass};
use crate::core::action::{Action, Finding, Release};
use crate::core::key::{Kind, ObjectKey};
use crate::core::tenancy::Use;
use crate::core::time::Moment;
use crate::core::view::{Object, View};
use crate::core::{endpoint, status};

impl Managed for SipEndpoint {
    type Status = SipEndpointStatus;
    type View = View;
    type Memory = Remembered;

    const KIND: Kind = Kind::SipEndpoint;
    const FINALIZER: &'static str = FINALIZER_ENDPOINT;

    fn account_ref(&self) -> &AccountRef {
        &self.spec.account_ref
    }

    fn uses(&self) -> Use<'_> {
        let Some(adopt) = &self.spec.adopt else { return Use::Endpoint };
        let status = self.status.as_ref();
        // The label is that of the recorded id, wherever it stands.
        let recorded = status.filter(|status| status.endpoint_id.as_ref() == Some(&adopt.endpoint_id));
        let label = recorded.and_then(|status| status.username.as_deref().or(status.name.as_deref()));
        Use::Adopt { id: &adopt.endpoint_id, username: label }
    }

    fn pinned(&self) -> Option<&AccountIdentity> {
        self.status.as_ref()?.account.as_ref()
    }

    fn current(&self) -> Option<&SipEndpointStatus> {
        self.status.as_ref()
    }

    fn memories(ctx: &Context) -> &Memories<Remembered> {
        &ctx.memories
    }

    fn begin(memory: &mut Remembered, now: Moment) {
        memory.begin(now);
    }

    fn pass_began(memory: &Remembered) -> Moment {
        memory.learnt.memory.pass_began
    }

    async fn gather(ctx: &Context, object: &Self, gone: bool, slot: &mut Slot<Remembered>) -> View {
        gather::view(ctx, object, gone, slot).await
    }

    fn seen(view: &View) -> (&Object, Moment) {
        (&view.object, view.now)
    }

    fn next(view: &View) -> Action {
        endpoint::next(view)
    }

    fn after(view: &View, action: &Action) -> Option<SipEndpointStatus> {
        status::after(view, action)
    }

    fn report(view: &View, finding: &Finding) -> SipEndpointStatus {
        status::report(view, finding)
    }

    fn worth_writing(view: &View, new: &SipEndpointStatus) -> bool {
        status::worth_writing(&view.status, new)
    }

    async fn perform(pass: &mut Pass<'_, Self>, view: &View, action: &Action) -> Step {
        pass.execute(view, action).await
    }

    fn look(pass: &mut Pass<'_, Self>, view: &View, action: &Action) {
        made::look(pass, view, action);
    }

    async fn tell(pass: &mut Pass<'_, Self>) {
        made::tell(pass).await;
    }

    fn expect(pass: &Pass<'_, Self>, view: &View) {
        made::expect(pass, view, pass.object.status.as_ref());
    }

    fn note(ctx: &Context, object: &Self) {
        ctx.claims.note(object).tell(&ctx.wakers, Some(ctx));
    }

    async fn wrote(pass: &mut Pass<'_, Self>, view: &View, action: &Action) {
        made::wrote(pass, view, action).await;
        pass.tell_recreated().await;
    }

    async fn reported(pass: &mut Pass<'_, Self>, view: &View, finding: &Finding) {
        made::reported(pass, view, finding).await;
        pass.tell_recreated().await;
    }

    fn agreed(memory: &mut Remembered, view: &View, _now: Moment) {
        memory.agreed(view);
    }

    async fn releasing(ctx: &Context, object: &Self, release: Release) {
        made::releasing(ctx, object, object.status.as_ref(), release).await;
    }

    fn vanished(ctx: &Context, key: &ObjectKey, uid: &str) {
        pass::removed::<TrunkGroup>(ctx, &ObjectKey::trunk_group(&key.namespace, &key.name), uid);
        trunk_group::gather::forget(ctx, uid);
    }

    fn forgotten(ctx: &Context, uid: &str) {
        brakes::gone(ctx, uid);
    }

    fn left(memory: Remembered) -> Option<Remembered> {
        memory.left()
    }
}

impl Made for SipEndpoint {
    fn endpoint(&self) -> &SipEndpoint {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_may_be_adopted_is_asked_with_the_label_of_the_recorded_endpoint_wherever_that_stands() {
        let table = [
            (json!({}), None),
            (json!({"endpoint_id": "e1", "username": "reception42"}), Some("reception42")),
            (json!({"endpoint_id": "e1", "name": "reception.mark"}), Some("reception.mark")),
            (json!({"endpoint_id": "e2", "name": "reception.mark"}), None),
        ];
        for (status, label) in table {
            let object: SipEndpoint = serde_json::from_value(json!({
                "apiVersion": "switchboard.dev/v1alpha1",
                "kind": "SipEndpoint",
                "metadata": {"name": "alice", "namespace": "voice"},
                "spec": {"accountRef": {"name": "main"}, "adopt": {"endpoint_id": "e1"}},
                "status": status,
            }))
            .expect("an object");
            assert_eq!(object.uses(), Use::Adopt { id: "e1", username: label });
        }
    }
}
