//! PhoneNumberBindings: what is their own in the flow that all managed objects go through. A number is never rented and never released:
//! no provider has a call for it.

mod announce;
pub mod bindings;
mod execute;
pub mod gather;
pub mod leading;

use std::sync::Arc;

use crate::account::Account;
use crate::api::FINALIZER_BINDING;
use crate::api::condition::Reason;
use crate::api::phone_number_binding::{PhoneNumberBinding, PhoneNumberBindingStatus};
use crate::api::refs::{AccountIdentity, AccountRef};
use crate::controller::context::Context;
use crate::controller::execute::{Pass, Step};
use crate::controller::managed::{Managed, account_of};
use crate::controller::memories::{Memories, Slot};
use crate::controller::{self, report};
use crate::core::action::{Action, Finding, Release};
use crate::core::binding::memory::Learnt;
use crate::core::binding::view::View;
use crate::core::binding::{self, expectation, status};
use crate::core::fields::{Difference, FieldName, diff};
use crate::core::key::{Kind, ObjectKey};
use crate::core::tenancy::Use;
use crate::core::time::Moment;
use crate::core::view::Object;

/// What is remembered of a PhoneNumberBinding.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// What decisions may look at.
    pub learnt: Learnt,
    /// A call waits for a permit: until then the next pass is the same as the last. To bind a number takes several calls, each of which
    /// rests on what the one before it showed; if each pass read everything anew, no binding of many would ever come to its update.
    pub queued: Option<Moment>,
    /// The SipEndpoint that its target names, and whether it can lead there.
    pub leads: Option<(ObjectKey, bool)>,
}

impl Managed for PhoneNumberBinding {
    type Status = PhoneNumberBindingStatus;
    type View = View;
    type Memory = Remembered;

    const KIND: Kind = Kind::PhoneNumberBinding;
    const FINALIZER: &'static str = FINALIZER_BINDING;

    fn account_ref(&self) -> &AccountRef {
        &self.spec.account_ref
    }

    fn uses(&self) -> Use<'_> {
        Use::Number(&self.spec.number)
    }

    fn pinned(&self) -> Option<&AccountIdentity> {
        self.status.as_ref()?.account.as_ref()
    }

    fn current(&self) -> Option<&PhoneNumberBindingStatus> {
        self.status.as_ref()
    }

    fn memories(ctx: &Context) -> &Memories<Remembered> {
        &ctx.binding_memories
    }

    fn begin(memory: &mut Remembered, now: Moment) {
        if memory.queued.take().is_none_or(|until| until <= now) {
            memory.learnt.memory.pass_began = now;
        }
    }

    fn queued(memory: &mut Remembered, until: Moment) {
        memory.queued = Some(until);
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
        binding::next(view)
    }

    fn after(view: &View, action: &Action) -> Option<PhoneNumberBindingStatus> {
        status::after(view, action)
    }

    fn report(view: &View, finding: &Finding) -> PhoneNumberBindingStatus {
        status::report(view, finding)
    }

    fn worth_writing(view: &View, new: &PhoneNumberBindingStatus) -> bool {
        status::worth_writing(&view.status, new)
    }

    async fn perform(pass: &mut Pass<'_, Self>, view: &View, action: &Action) -> Step {
        pass.execute(view, action).await
    }

    fn expect(pass: &Pass<'_, Self>, view: &View) {
        let key = pass.key();
        let account = pass.account();
        if let Some(account) = &account {
            account.watch_number(key.clone(), expectation::of(view, pass.object.status.as_ref()));
        }
        // One that cannot be called just now may be the same again in a moment.
        if account.is_some() || leads_nowhere(pass) {
            // Numbers are listed while anybody watches one: nobody may be left behind where he has nothing to do any more.
            let here = |other: &Arc<Account>| account.as_ref().is_some_and(|account| Arc::ptr_eq(account, other));
            pass.ctx.accounts.all().iter().filter(|other| !here(other)).for_each(|other| other.unwatch(&key));
        }
    }

    fn note(ctx: &Context, object: &Self) {
        ctx.bindings.note(object).tell(&ctx.wakers, Some(ctx));
    }

    async fn wrote(pass: &mut Pass<'_, Self>, view: &View, action: &Action) {
        announce::wrote(pass.ctx, &pass.object, view, action).await;
        let now = pass.ctx.clock.now();
        pass.slot.memory.learnt.written(action, now);
    }

    async fn reported(pass: &mut Pass<'_, Self>, view: &View, finding: &Finding) {
        if finding.reason == Reason::Drifted && report::stalls(&view.status.conditions, finding).is_some() {
            drifted(view).into_iter().for_each(|field| pass.ctx.metrics.drifted(field));
        }
        report::finding(pass.ctx, &pass.object, &view.status.conditions, finding).await;
        announce::reported(pass.ctx, &pass.object, view, finding).await;
    }

    fn agreed(memory: &mut Remembered, view: &View, now: Moment) {
        memory.learnt.agreed(view, now);
    }

    async fn releasing(ctx: &Context, object: &Self, release: Release) {
        announce::release(ctx, object, release).await;
    }
}

/// The fields that are seen to differ from what is wanted.
fn drifted(view: &View) -> Vec<FieldName> {
    let (Some(wanted), Some(seen)) = (view.wanted(), view.evidence.observed()) else { return Vec::new() };
    diff(wanted, &seen.number.fields).into_iter().filter(Difference::is_shown).map(|difference| difference.field).collect()
}

/// The object may not use the account that it refers to, or there is none.
fn leads_nowhere(pass: &Pass<'_, PhoneNumberBinding>) -> bool {
    let account = account_of(&pass.object);
    let missing = || pass.ctx.account(&account).is_none() && !pass.ctx.account_pending(&account);
    controller::gather::entitled(pass.ctx, &pass.object).is_err() || missing()
}
