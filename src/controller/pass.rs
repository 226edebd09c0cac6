//! One reconcile of a managed object: gather, ask `next`, execute, until there is nothing to do now.

use std::sync::Arc;
use std::time::Duration;

use kube::{Resource, ResourceExt};
use kube_runtime::controller::Action as Requeue;
use tracing::{debug, warn};

use crate::controller::context::Context;
use crate::controller::execute::{Pass, Step};
use crate::controller::managed::{Managed, key};
use crate::controller::memories::Slot;
use crate::controller::report;
use crate::core::action::Action;
use crate::core::key::ObjectKey;
use crate::core::time::Moment;
use crate::metrics::{Acted, Reconciled};

/// Steps of one pass. A create takes five; more than this means that something goes round in a circle.
const STEPS: usize = 40;
/// Longest a reconcile waits for its pass; the pass itself goes on (a create must be recorded).
const PASS: Duration = Duration::from_secs(300);

/// So long a pass over an object that is no more waits even while the process ends.
const BRIEF: Duration = Duration::from_secs(1);

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
pub async fn reconcile<K: Managed>(object: Arc<K>, ctx: Arc<Context>) -> Result<Requeue, ReconcileError> {
    let Some(uid) = object.uid() else { return Ok(Requeue::await_change()) };
    let Some(slot) = K::memories(&ctx).take(&uid, &key(&*object)) else {
        ctx.metrics.reconciled(K::KIND, Reconciled::Busy, Duration::ZERO);
        // An abandoned pass still works on it and wakes the object when it is through.
        return Ok(Requeue::requeue(Duration::from_secs(5)));
    };
    let began = ctx.clock.now();
    // Counted before it is spawned: who waits for all passes to end waits for this one too.
    ctx.passes.send_modify(|running| *running += 1);
    let task = tokio::spawn(whole_pass(Arc::clone(&ctx), object, uid, slot));
    let ended = tokio::time::timeout(PASS, task).await;
    let outcome = match &ended {
        Ok(Ok(Some(_))) => Some(Reconciled::Waiting),
        Ok(Ok(None)) => Some(Reconciled::Settled),
        // A panic ends the process, and nobody counts any more.
        Ok(Err(_)) => None,
        Err(_) => Some(Reconciled::TooLong),
    };
    if let Some(outcome) = outcome {
        ctx.metrics.reconciled(K::KIND, outcome, ctx.clock.now().since(began));
    }
    match ended {
        Ok(Ok(until)) => Ok(match until {
            Some(until) => Requeue::requeue(until.since(ctx.clock.now()).max(Duration::from_millis(5))),
            // Nothing is known that would wake it before: a look now and then, spread so that not all come at once (trap T21).
            None => Requeue::requeue(REST.mul_f64(0.8 + 0.4 * rand::random::<f64>())),
        }),
        Ok(Err(_)) => Err(ReconcileError::Broken),
        Err(_) => Err(ReconcileError::TooLong),
    }
}

async fn whole_pass<K: Managed>(ctx: Arc<Context>, object: Arc<K>, uid: String, mut slot: Slot<K::Memory>) -> Option<Moment> {
    let key = key(&*object);
    let began = ctx.clock.now();
    let (until, gone) = pass(&ctx, object, &mut slot).await;
    match gone {
        true => forget::<K>(&ctx, &key, &uid, slot),
        false => K::memories(&ctx).put(&uid, slot),
    }
    if ctx.clock.now().since(began) > PASS {
        ctx.wakers.wake(&key);
    }
    ctx.passes.send_modify(|running| *running -= 1);
    until
}

/// The watch says that the object is gone. Not each of them ends with a pass of its own: one without our finalizer just vanishes.
pub fn removed<K: Managed>(ctx: &Context, key: &ObjectKey, uid: &str) {
    // A pass that is under way finds it out itself.
    if let Some(slot) = K::memories(ctx).take(uid, key) {
        forget::<K>(ctx, key, uid, slot);
    }
}

fn forget<K: Managed>(ctx: &Context, key: &ObjectKey, uid: &str, slot: Slot<K::Memory>) {
    K::forgotten(ctx, uid);
    ctx.refers(key, None);
    ctx.secrets.forget(&key.namespace, key);
    for account in ctx.accounts.all() {
        account.unwatch(key);
    }
    K::memories(ctx).forget(uid, key, K::left(slot.memory));
}

/// The drawing of the architecture, turned until it stands still. Answers when to come back, and whether the object is gone.
async fn pass<K: Managed>(ctx: &Context, object: Arc<K>, slot: &mut Slot<K::Memory>) -> (Option<Moment>, bool) {
    let (object, mut gone) = match newest(ctx, object, slot).await {
        Ok(found) => found,
        Err(error) => {
            warn!(%error, "the API server cannot be read; trying again");
            return (Some(ctx.clock.now() + Duration::from_secs(1)), false);
        }
    };
    let began = ctx.clock.now();
    K::begin(&mut slot.memory, began);
    let mut pass = Pass { ctx, object, slot, acted: Acted::Done };
    let mut over = gone;
    let mut steps = 0;
    while steps < STEPS {
        steps += 1;
        let view = K::gather(ctx, &pass.object, gone, pass.slot).await;
        let action = K::next(&view);
        debug!(object = %key(&pass.object), %action, "next");
        K::look(&mut pass, &view, &action);
        pass.acted = Acted::at_first(action.name());
        let step = K::perform(&mut pass, &view, &action).await;
        ctx.metrics.acted(action.name(), pass.acted);
        pass.slot.version = pass.slot.version.max(version(&pass.object));
        match step {
            Step::Again => {}
            Step::Gone => gone = true,
            Step::Stop(until) => {
                K::tell(&mut pass).await;
                if !gone {
                    K::expect(&pass, &view);
                }
                let (object, _) = K::seen(&view);
                over = gone || object.over();
                // Nobody would come back for what was just received for an object that is no more.
                let stopped = ctx.clock.now();
                if over && !matches!(action, Action::Done(_)) && wait_here(ctx, began, until).await {
                    // Where time passes, this is no circle.
                    if ctx.clock.now().since(stopped) >= BRIEF / 2 {
                        steps = 0;
                    }
                    continue;
                }
                return (until, over);
            }
        }
    }
    K::tell(&mut pass).await;
    warn!(object = %key(&pass.object), "still not settled after {STEPS} steps; pausing");
    (Some(ctx.clock.now() + ctx.settings.timing.retry_base * 10), over)
}

/// Waits within the pass, which began then; false if that would take too long. What is left at the provider then belongs to the next object
/// of that name, or is counted as orphaned.
async fn wait_here(ctx: &Context, began: Moment, until: Option<Moment>) -> bool {
    let until = until.unwrap_or(ctx.clock.now() + ctx.settings.timing.issue());
    loop {
        let now = ctx.clock.now();
        if !worth_waiting(now, began, until, ctx.is_stopping()) {
            return false;
        }
        if now >= until {
            return true;
        }
        tokio::time::sleep(until.since(now).min(BRIEF)).await;
    }
}

/// Whether a pass that began then waits until then. While the process ends it does if that is soon, as after a renewal of the lease: what it
/// has begun may still be ended under the lease.
fn worth_waiting(now: Moment, began: Moment, until: Moment, stopping: bool) -> bool {
    until <= began + PASS && (!stopping || until <= now + BRIEF)
}

/// The cache may be older than what this process has already seen or written (trap T6): then the object is read.
async fn newest<K: Managed>(ctx: &Context, object: Arc<K>, slot: &Slot<K::Memory>) -> Result<(K, bool), kube::Error> {
    if version(&*object) >= slot.version {
        return Ok((Arc::unwrap_or_clone(object), false));
    }
    Ok(match report::read(ctx, &*object).await? {
        Some(live) => (live, false),
        None => (Arc::unwrap_or_clone(object), true),
    })
}

/// Kubernetes compares resourceVersions of one kind as numbers; one that is none is treated as older than everything.
fn version(object: &impl Resource) -> u64 {
    object.meta().resource_version.as_ref().and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_over_what_is_no_more_waits_for_a_renewal_again_and_again_also_while_the_process_ends() {
        let at = |seconds| Moment(Duration::from_secs(seconds));
        let table = [
            ("a first refusal", 10, 11, false, true),
            ("a later one", 290, 291, false, true),
            ("a settle time", 10, 160, false, true),
            ("longer than a pass may take", 10, 311, false, false),
            ("a renewal, at the end of the process", 10, 11, true, true),
            ("a settle time, at the end of the process", 10, 160, true, false),
        ];
        for (what, now, until, stopping, expected) in table {
            assert_eq!(worth_waiting(at(now), at(10), at(until), stopping), expected, "{what}");
        }
    }
}
