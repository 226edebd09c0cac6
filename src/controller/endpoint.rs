//! One reconcile of a SipEndpoint: gather, ask `next`, execute, until there is nothing to do now.

use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use kube_runtime::controller::Action as Requeue;
use tracing::{debug, warn};

use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::brakes;
use crate::controller::context::{Context, wake};
use crate::controller::execute::{Pass, Step};
use crate::controller::gather::{gather, key};
use crate::controller::memories::Slot;
use crate::controller::secrets::Dependent;
use crate::controller::{monitors, report};
use crate::core::action::Action;
use crate::core::endpoint::next;
use crate::core::expectation;
use crate::core::key::ObjectKey;
use crate::core::time::Moment;

/// Steps of one pass. A create takes five; more than this means that something goes round in a circle.
const STEPS: usize = 40;
/// Longest a reconcile waits for its pass; the pass itself goes on (a create must be recorded).
const PASS: Duration = Duration::from_secs(300);

/// How often an object is looked at that nothing wakes. Costs no call and no write if nothing changed.
const REST: Duration = Duration::from_secs(6 * 3600);

/// Why a reconcile failed.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The pass takes too long; it is not cancelled.
    #[error("the pass over this object takes longer than {PASS:?}")]
    TooLong,
    /// The pass panicked.
    #[error("the pass over this object broke off")]
    Broken,
}

/// The pass runs in a task of its own, so that neither a time-out of the reconcile nor a shutdown of the controller cuts it
/// between a create and its record.
pub async fn reconcile(object: Arc<SipEndpoint>, ctx: Arc<Context>) -> Result<Requeue, ReconcileError> {
    let Some(uid) = object.uid() else { return Ok(Requeue::await_change()) };
    let Some(slot) = ctx.memories.take(&uid, &key(&object)) else {
        // An abandoned pass still works on it and wakes the object when it is through.
        return Ok(Requeue::requeue(Duration::from_secs(5)));
    };
    let task = tokio::spawn(whole_pass(Arc::clone(&ctx), object, uid, slot));
    match tokio::time::timeout(PASS, task).await {
        Ok(Ok(until)) => Ok(match until {
            Some(until) => Requeue::requeue(until.since(ctx.clock.now()).max(Duration::from_millis(5))),
            // Nothing is known that would wake it before: a look now and then, spread so that not all come at once (trap T21).
            None => Requeue::requeue(REST.mul_f64(0.8 + 0.4 * rand::random::<f64>())),
        }),
        Ok(Err(_)) => Err(ReconcileError::Broken),
        Err(_) => Err(ReconcileError::TooLong),
    }
}

async fn whole_pass(ctx: Arc<Context>, object: Arc<SipEndpoint>, uid: String, mut slot: Slot) -> Option<Moment> {
    ctx.passes.send_modify(|running| *running += 1);
    let key = key(&object);
    let began = ctx.clock.now();
    let (until, gone) = pass(&ctx, object, &mut slot).await;
    match gone {
        true => forget(&ctx, &key, &uid, slot),
        false => ctx.memories.put(&uid, slot),
    }
    if ctx.clock.now().since(began) > PASS {
        wake(&ctx.wake_endpoints, &key);
    }
    ctx.passes.send_modify(|running| *running -= 1);
    until
}

/// The watch says that the object is gone. Not each of them ends with a pass of its own: one without our finalizer just vanishes.
pub fn removed(ctx: &Context, key: &ObjectKey, uid: &str) {
    // A pass that is under way finds it out itself.
    if let Some(slot) = ctx.memories.take(uid, key) {
        forget(ctx, key, uid, slot);
    }
}

fn forget(ctx: &Context, key: &ObjectKey, uid: &str, slot: Slot) {
    brakes::gone(ctx, uid);
    ctx.refers(key, None);
    ctx.secrets.forget(&key.namespace, &Dependent::Endpoint(key.name.clone()));
    for account in ctx.accounts.all() {
        account.unwatch(key);
    }
    ctx.memories.forget(uid, key, slot);
}

/// The drawing of the architecture, turned until it stands still. Answers when to come back, and whether the object is gone.
async fn pass(ctx: &Context, object: Arc<SipEndpoint>, slot: &mut Slot) -> (Option<Moment>, bool) {
    let (object, mut gone) = match newest(ctx, object, slot).await {
        Ok(found) => found,
        Err(error) => {
            warn!(%error, "the API server cannot be read; trying again");
            return (Some(ctx.clock.now() + Duration::from_secs(1)), false);
        }
    };
    slot.learnt.memory.pass_began = ctx.clock.now();
    let mut pass = Pass { ctx, object, slot };
    let mut over = gone;
    for _ in 0..STEPS {
        let view = gather(ctx, &pass.object, gone, pass.slot).await;
        let action = next(&view);
        debug!(object = %key(&pass.object), %action, "next");
        monitors::look(&mut pass, &view, &action);
        let step = pass.execute(&view, &action).await;
        pass.slot.version = pass.slot.version.max(version(&pass.object));
        match step {
            Step::Again => {}
            Step::Gone => gone = true,
            Step::Stop(until) => {
                monitors::tell(ctx, &mut pass).await;
                if !gone {
                    expect(ctx, &pass, &view);
                }
                over = gone || view.object.deleting && !view.object.finalizer;
                // Nobody would come back for what was just received for an object that is no more.
                if over && !matches!(action, Action::Done(_)) && wait_here(ctx, pass.slot.learnt.memory.pass_began, until).await {
                    continue;
                }
                return (until, over);
            }
        }
    }
    monitors::tell(ctx, &mut pass).await;
    warn!(object = %key(&pass.object), "still not settled after {STEPS} steps; pausing");
    (Some(ctx.clock.now() + ctx.settings.timing.retry_base * 10), over)
}

/// Waits within the pass, which began then; false if that would take too long or the process is to end. What is left at the provider then
/// belongs to the next object of that name, or is counted as orphaned.
async fn wait_here(ctx: &Context, began: Moment, until: Option<Moment>) -> bool {
    let until = until.unwrap_or(ctx.clock.now() + ctx.settings.timing.issue());
    while ctx.clock.now() < until {
        if ctx.is_stopping() || until > began + PASS {
            return false;
        }
        tokio::time::sleep(until.since(ctx.clock.now()).min(Duration::from_secs(1))).await;
    }
    !ctx.is_stopping() && until <= began + PASS
}

/// The cache may be older than what this process has already seen or written (trap T6): then the object is read.
async fn newest(ctx: &Context, object: Arc<SipEndpoint>, slot: &Slot) -> Result<(SipEndpoint, bool), kube::Error> {
    if version(&object) >= slot.version {
        return Ok((Arc::unwrap_or_clone(object), false));
    }
    Ok(match report::read(ctx, &object).await? {
        Some(live) => (live, false),
        None => (Arc::unwrap_or_clone(object), true),
    })
}

/// Tells the account what the sweep has to look out for, so that it wakes this object only if something differs.
fn expect(ctx: &Context, pass: &Pass<'_>, view: &crate::core::view::View) {
    let key = key(&pass.object);
    let state = ObjectKey::referred(&key.namespace, &pass.object.spec.account_ref);
    if let Some(crate::controller::context::AccountState::Ready(account)) = ctx.account(&state) {
        account.watch(key, expectation::of(view, pass.object.status.as_ref()));
    }
}

/// Kubernetes compares resourceVersions of one kind as numbers; one that is none is treated as older than everything.
fn version(object: &SipEndpoint) -> u64 {
    object.resource_version().and_then(|text| text.parse().ok()).unwrap_or_default()
}
