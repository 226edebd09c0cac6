//! What the create protocol makes, reads, changes and deletes at a provider, for every kind of things: what its decisions
//! (`core::endpoint`) ask for is done here once.

mod announce;
mod execute;
pub mod gather;
mod monitors;

use crate::api::condition::Reason;
use crate::api::sip_endpoint::{SipEndpoint, SipEndpointStatus};
use crate::controller::context::Context;
use crate::controller::execute::Pass;
use crate::controller::managed::Managed;
use crate::controller::report::stalls;
use crate::core::action::{Action, Finding, Release};
use crate::core::expectation;
use crate::core::fields::{Difference, FieldName, Fields, PASSWORD, Value, diff};
use crate::core::memory::Learnt;
use crate::core::monitor::{Broken, Watch};
use crate::core::time::Moment;
use crate::core::trunk_group::ENDPOINT;
use crate::core::view::{Desired, View};

/// What is remembered of a thing that is made.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// What decisions may look at.
    pub learnt: Learnt,
    /// What the monitors remember. No decision looks at it.
    pub watch: Watch,
    /// What they have seen in this pass and not told yet.
    pub untold: Vec<Broken>,
    /// The endpoint to which a trunk group led when all agreed last: that it leads to the next one then is nobody's edit.
    pub led_to: Option<Value>,
}

impl Remembered {
    /// A pass begins now.
    pub fn begin(&mut self, now: Moment) {
        self.learnt.memory.pass_began = now;
    }

    /// All agrees.
    pub fn agreed(&mut self, view: &View) {
        self.learnt.agreed();
        if let Desired::Wanted(wanted) = &view.desired {
            self.leads_to(&wanted.fields);
        }
    }

    fn leads_to(&mut self, fields: &Fields) {
        self.led_to = fields.get(ENDPOINT).cloned();
    }

    /// Whether this change of a trunk group follows its endpoint, which was made anew.
    pub fn follows(&self, change: &Fields) -> bool {
        change.get(ENDPOINT).is_some_and(|now| self.led_to.as_ref().is_some_and(|before| before != now))
    }

    /// What a create whose answer was lost made may be met by the next object of that name.
    pub fn left(self) -> Option<Self> {
        self.watch.outlives().then(|| Self { watch: self.watch, ..Self::default() })
    }
}

/// A kind of things that the create protocol makes: SipEndpoints, and the trunk groups that are a part of them.
pub trait Made: Managed<View = View, Memory = Remembered> {
    /// The SipEndpoint that it is, or is a part of: what events are about.
    fn endpoint(&self) -> &SipEndpoint;
}

/// Before each action.
pub fn look<K: Made>(pass: &mut Pass<'_, K>, view: &View, action: &Action) {
    monitors::look(pass, view, action);
}

/// At the end of a pass.
pub async fn tell<K: Made>(pass: &mut Pass<'_, K>) {
    monitors::tell(pass).await;
}

/// What the account is to look out for. `known` is the status in the words of the view.
pub fn expect<K: Made>(pass: &Pass<'_, K>, view: &View, known: Option<&SipEndpointStatus>) {
    if let Some(account) = pass.account() {
        account.watch(K::THING, pass.key(), expectation::of(view, known));
    }
}

/// A write of the ledger is durable.
pub async fn wrote<K: Made>(pass: &mut Pass<'_, K>, view: &View, action: &Action) {
    announce::ledger(pass.ctx, &pass.object, view, action).await;
    monitors::wrote(pass, view, action);
    pass.slot.memory.learnt.written(view, action);
}

/// After a status write that begins a state which somebody has to end.
pub async fn reported<K: Made>(pass: &mut Pass<'_, K>, view: &View, finding: &Finding) {
    if finding.reason == Reason::Drifted && stalls(&view.status.conditions, finding).is_some() {
        drifted(view).into_iter().for_each(|field| pass.ctx.metrics.drifted(field));
    }
    announce::finding(pass.ctx, &pass.object, &view.status.conditions, finding).await;
}

/// The fields that are seen to differ from what is wanted.
fn drifted(view: &View) -> Vec<FieldName> {
    let (Desired::Wanted(wanted), Some(recorded)) = (&view.desired, view.recorded()) else { return Vec::new() };
    let Some(seen) = view.evidence.observed(recorded.id) else { return Vec::new() };
    let shown = diff(&wanted.fields, &seen.remote.fields).into_iter().filter(Difference::is_shown).map(|difference| difference.field);
    shown.chain((view.evidence.password_matches == Some(false)).then_some(PASSWORD)).collect()
}

/// Before it is let go in a way that people should know of. `known` is the status in the words of the view.
pub async fn releasing<K: Made>(ctx: &Context, object: &K, known: Option<&SipEndpointStatus>, release: Release) {
    announce::release(ctx, object, known, release).await;
}

pub use announce::recreated;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_group_that_is_led_to_the_next_endpoint_follows_and_one_that_is_led_back_was_edited() {
        let fields = |endpoint: &str| Fields::from([(ENDPOINT, Value::Text(endpoint.to_owned()))]);
        let mut memory = Remembered::default();
        assert!(!memory.follows(&fields("e1")), "nothing is known of before");
        memory.leads_to(&fields("e1"));
        assert_eq!([memory.follows(&fields("e1")), memory.follows(&fields("e2")), memory.follows(&Fields::new())], [false, true, false]);
        memory.leads_to(&fields("e2"));
        assert_eq!([memory.follows(&fields("e1")), memory.follows(&fields("e2"))], [true, false]);
    }
}
