//! What the one pass, the one executor and the one report must know of a kind of objects that have something at a provider.

use std::fmt::Debug;

use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::refs::{AccountIdentity, AccountRef};
use crate::controller::context::Context;
use crate::controller::execute::{Pass, Step};
use crate::controller::memories::{Memories, Slot};
use crate::core::action::{Action, Finding, Release};
use crate::core::key::{Kind, ObjectKey};
use crate::core::shared::Viewed;
use crate::core::tenancy::Use;
use crate::core::time::Moment;
use crate::core::view::{Object, Thing};

/// A kind of objects that have something at a provider.
///
/// The first half is the kind's own part of the flow gather → next → execute → status; it decides nothing. The second half are places
/// where a kind has something of its own to do beside it; most have nothing.
pub trait Managed:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// Its status.
    type Status: Clone + Default + Serialize + Send + Sync;
    /// What decisions about it look at.
    type View: Viewed + Send + Sync;
    /// What this process remembers of one between two passes. Losing it costs time, never safety.
    type Memory: Default + Send + Sync + 'static;

    /// Its kind.
    const KIND: Kind;
    /// Our finalizer on it.
    const FINALIZER: &'static str;
    /// As which things of its account those of this kind are listed.
    const THING: Thing = Thing::Endpoint;
    /// What stands before the names of its fail points.
    const POINTS: &'static str = "";

    /// The account that it refers to.
    fn account_ref(&self) -> &AccountRef;
    /// What it wants of that account while it is to exist.
    fn uses(&self) -> Use<'_>;
    /// The provider's account that its status says it lives in.
    fn pinned(&self) -> Option<&AccountIdentity>;
    /// Its status as last read or written.
    fn current(&self) -> Option<&Self::Status>;
    /// Where in the object's status its own stands.
    fn placed(status: Value) -> Value {
        status
    }
    /// The memories of all objects of the kind.
    fn memories(ctx: &Context) -> &Memories<Self::Memory>;
    /// A pass begins now.
    fn begin(memory: &mut Self::Memory, now: Moment);
    /// When the pass began.
    fn pass_began(memory: &Self::Memory) -> Moment;
    /// Everything that it points at, as one value.
    fn gather(ctx: &Context, object: &Self, gone: bool, slot: &mut Slot<Self::Memory>) -> impl Future<Output = Self::View> + Send;
    /// What matters of its metadata, and the moment of the view.
    fn seen(view: &Self::View) -> (&Object, Moment);
    /// The next step. Pure.
    fn next(view: &Self::View) -> Action;
    /// The status after an action that writes what must not be forgotten. Pure.
    fn after(view: &Self::View, action: &Action) -> Option<Self::Status>;
    /// The status that says this. Pure.
    fn report(view: &Self::View, finding: &Finding) -> Self::Status;
    /// Whether the new status is worth a write. Pure.
    fn worth_writing(view: &Self::View, new: &Self::Status) -> bool;
    /// Performs an action of this kind, or has [`Pass::perform`] do it.
    fn perform(pass: &mut Pass<'_, Self>, view: &Self::View, action: &Action) -> impl Future<Output = Step> + Send;

    /// A call waits for a permit of the budget or for a renewal of the lease: until then the next pass goes on where this one stops.
    fn queued(_memory: &mut Self::Memory, _until: Moment) {}
    /// Before each action.
    fn look(_pass: &mut Pass<'_, Self>, _view: &Self::View, _action: &Action) {}
    /// What is still to be told of this pass.
    fn tell(_pass: &mut Pass<'_, Self>) -> impl Future<Output = ()> + Send {
        async {}
    }
    /// The pass has ended and the object is there: what its account is to look out for.
    fn expect(pass: &Pass<'_, Self>, view: &Self::View);
    /// The object as read or written just now, before the watch tells of it.
    fn note(_ctx: &Context, _object: &Self) {}
    /// What must not be forgotten is written.
    fn wrote(pass: &mut Pass<'_, Self>, view: &Self::View, action: &Action) -> impl Future<Output = ()> + Send;
    /// A status was written that says this.
    fn reported(pass: &mut Pass<'_, Self>, view: &Self::View, finding: &Finding) -> impl Future<Output = ()> + Send;
    /// Nothing remains to be done about an object that is well.
    fn agreed(memory: &mut Self::Memory, view: &Self::View, now: Moment);
    /// Before an object is let go.
    fn releasing(ctx: &Context, object: &Self, release: Release) -> impl Future<Output = ()> + Send;
    /// The watch says that the object is gone. What is managed beside it goes with it.
    fn vanished(_ctx: &Context, _key: &ObjectKey, _uid: &str) {}
    /// The object is gone.
    fn forgotten(_ctx: &Context, _uid: &str) {}
    /// What the next object of its name has to know of it.
    fn left(_memory: Self::Memory) -> Option<Self::Memory> {
        None
    }
}

/// The object's name in the cluster.
pub fn key<K: Managed>(object: &K) -> ObjectKey {
    ObjectKey { kind: K::KIND, namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
}

/// The account object that it refers to.
pub fn account_of<K: Managed>(object: &K) -> ObjectKey {
    ObjectKey::referred(&object.namespace().unwrap_or_default(), object.account_ref())
}
