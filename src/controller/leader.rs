//! The Lease at work: reads and writes what `core::lease` decides on, each under a deadline, and hands what it is worth to whoever calls
//! providers. It may stand still at any time: what was handed out says itself until when it is good.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, ResourceExt};
use tokio::sync::watch as signal;
use tracing::{debug, info, trace, warn};

use crate::account::{Clock, Mandate};
use crate::controller::stopped;
use crate::core::lease::{Elector, Event, Leadership, Loss, Record, Step, Terms, Write};
use crate::metrics::Metrics;
use crate::server::Gates;

/// What readiness waits for: the Lease can be read, and somebody leads.
const GATE: &str = "lease";
/// The Lease's name unless it is told another.
const USUAL: &str = "switchboard";
/// How often letting go is tried, should somebody else write the Lease at the same time or a try not be answered.
const RELEASES: usize = 3;
/// Calls that letting go may take as long as, all tries together: whoever ends the process does not wait for ever.
const RELEASE_CALLS: u32 = 2;

/// Where the Lease is and who asks for it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Our `holderIdentity`.
    pub identity: String,
    /// The waits.
    pub terms: Terms,
}

/// A process that leads or would like to.
pub struct Candidate {
    api: Api<Lease>,
    clock: Clock,
    settings: Settings,
    elector: Elector,
    mandate: Mandate,
    gates: Gates,
    metrics: Metrics,
    early: bool,
    stamp: i64,
    /// Failures that stand: of reads, and of writes. Each is told once.
    unread: Option<String>,
    unwritten: Option<String>,
    /// Who was last told to lead instead.
    told: String,
}

impl Candidate {
    /// `client` must not retry by itself and must not wait for ever. Leading is told to the mandate.
    pub fn new(client: Client, clock: Clock, settings: Settings, mandate: Mandate, gates: Gates, metrics: Metrics) -> Self {
        gates.add(GATE);
        metrics.leads(false);
        let elector = Elector::new(settings.identity.clone(), settings.terms);
        let api = Api::namespaced(client, &settings.namespace);
        Self {
            api,
            clock,
            settings,
            elector,
            mandate,
            gates,
            metrics,
            early: false,
            stamp: 0,
            unread: None,
            unwritten: None,
            told: String::new(),
        }
    }

    /// Waits until this process leads; false if it is to stop before. `leading` is called before anybody is told so.
    pub async fn acquire(&mut self, stop: &signal::Receiver<bool>, leading: impl FnOnce()) -> bool {
        info!(lease = self.name(), identity = self.settings.identity, "waiting to lead");
        let stop = stopped(stop.clone());
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => {
                    // A write may be on its way; should it arrive, others need not wait for it.
                    if self.elector.may_hold() {
                        self.release().await;
                    }
                    return false;
                }
                () = self.step() => {}
            }
            if let Some(Leadership { epoch, .. }) = self.elector.leadership() {
                info!(lease = self.name(), identity = self.settings.identity, epoch, "leading");
                self.metrics.leads(true);
                leading();
                self.gates.open(GATE);
                return true;
            }
        }
    }

    /// Renews for as long as that goes; answers why it ended. From then on nothing begins, and what is under way ends in time.
    pub async fn hold(&mut self) -> Loss {
        while self.elector.next(self.clock.now(), self.early) != Step::Lost {
            self.step().await;
        }
        self.mandate.end();
        self.metrics.leads(false);
        let loss = self.elector.loss();
        warn!(lease = self.name(), identity = self.settings.identity, why = %loss, "leading no more");
        loss
    }

    /// Lets the Lease go if it is still ours, so that another one leads at once. Nothing may be under way any more.
    pub async fn release(&mut self) {
        self.mandate.end();
        self.metrics.leads(false);
        if tokio::time::timeout(self.settings.terms.call * RELEASE_CALLS, self.let_go()).await != Ok(true) {
            warn!(lease = self.name(), "the lease could not be let go; others take over when it expires");
        }
    }

    /// False if it may be ours still.
    async fn let_go(&mut self) -> bool {
        for _ in 0..RELEASES {
            let read = match self.call(self.api.get_opt(&self.settings.name)).await {
                Ok(Some(lease)) => read(&lease),
                Ok(None) => return true,
                Err(error) => {
                    debug!(lease = self.name(), %error, "the lease cannot be read; trying again");
                    continue;
                }
            };
            let stamp = self.stamp();
            let Some(write) = self.elector.release(&read, stamp) else { return true };
            match self.call(self.api.replace(&self.settings.name, &PostParams::default(), &self.lease(&write))).await {
                Ok(_) => {
                    info!(lease = self.name(), "the lease is let go");
                    return true;
                }
                Err(error) => debug!(lease = self.name(), %error, "the lease was not let go; reading again"),
            }
        }
        false
    }

    /// Ends without letting the Lease go, because something is still under way: others take over when it expires, and not before.
    pub fn keep(&mut self) {
        self.mandate.end();
        self.metrics.leads(false);
        warn!(lease = self.name(), "calls are still under way; the lease is not let go, others take over when it expires");
    }

    async fn step(&mut self) {
        match self.elector.next(self.clock.now(), self.early) {
            Step::Wait(until) => tokio::select! {
                () = tokio::time::sleep_until(self.clock.instant(until)) => {}
                () = self.mandate.wanted(), if !self.early => self.early = true,
            },
            Step::Read => {
                let answer = self.call(self.api.get_opt(&self.settings.name)).await;
                let event = match answer {
                    Ok(lease) => Event::Read(lease.as_ref().map(read)),
                    Err(error) => self.failed("get", &error),
                };
                let answered = event != Event::Failed;
                self.learn(event);
                if answered {
                    self.looked();
                }
            }
            Step::Write => {
                let stamp = self.stamp();
                let write = self.elector.write(self.clock.now(), stamp);
                let (lease, params) = (self.lease(&write), PostParams::default());
                let (verb, answer) = match write.over {
                    Some(_) => ("update", self.call(self.api.replace(&self.settings.name, &params, &lease)).await),
                    None => ("create", self.call(self.api.create(&params, &lease)).await),
                };
                let event = match answer {
                    Ok(lease) => {
                        self.works(true);
                        self.early = false;
                        Event::Written(read(&lease))
                    }
                    // Another version, or one where none was; gone where one was, which is no word about the namespace.
                    Err(kube::Error::Api(status)) if status.code == 409 || (status.code == 404 && write.over.is_some()) => Event::Conflict,
                    Err(error) => self.failed(verb, &error),
                };
                self.learn(event);
            }
            // Only who leads can lose; the caller looks before each step.
            Step::Lost => {}
        }
    }

    fn learn(&mut self, event: Event) {
        trace!(lease = self.name(), ?event, "lease");
        self.elector.learn(self.clock.now(), rand::random(), event);
        if let Some(leadership) = self.elector.leadership() {
            self.mandate.extend(leadership);
        }
    }

    /// The Lease was read. That somebody else renews it is all that who stands by needs; whether it can be written, only a write can tell.
    fn looked(&mut self) {
        let leader = self.elector.leader(self.clock.now()).map(str::to_owned);
        self.works(leader.is_some());
        let Some(leader) = leader else { return };
        self.gates.open(GATE);
        if leader != self.told {
            info!(
                lease = self.name(),
                holder = leader,
                "somebody else leads; it works on its own namespaces only: give operators of other namespaces a --lease-name of their own"
            );
            self.told = leader;
        }
    }

    /// The Lease could be read; `fully`: and written, or need not be.
    fn works(&mut self, fully: bool) {
        let failed = self.unread.is_some() || self.unwritten.is_some();
        self.unread = None;
        if fully {
            self.unwritten = None;
        }
        if failed && self.unwritten.is_none() {
            info!(lease = self.name(), "the lease can be used again");
        }
    }

    /// Said once for each cause, with what to do about it.
    fn failed(&mut self, verb: &str, error: &kube::Error) -> Event {
        let Settings { namespace, name, .. } = &self.settings;
        let cause = match error {
            kube::Error::Api(status) if status.code == 403 => denied(verb, namespace, name),
            kube::Error::Api(status) if status.code == 404 => {
                format!("there is no namespace {namespace} for the lease: --lease-namespace names it")
            }
            error => error.to_string(),
        };
        let told = if verb == "get" { &mut self.unread } else { &mut self.unwritten };
        if told.as_ref() != Some(&cause) {
            *told = Some(cause.clone());
            warn!(lease = self.name(), cause, "the lease cannot be used; trying again");
        }
        if self.elector.leadership().is_none() {
            self.gates.close(GATE);
        }
        Event::Failed
    }

    async fn call<T>(&self, call: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
        within(self.settings.terms.call, call).await
    }

    fn name(&self) -> String {
        format!("{}/{}", self.settings.namespace, self.settings.name)
    }

    /// The present time in microseconds, and never the same twice. It is shown to people and tells our renewals apart, nothing else.
    fn stamp(&mut self) -> i64 {
        self.stamp = Timestamp::now().as_microsecond().max(self.stamp + 1);
        self.stamp
    }

    fn lease(&self, write: &Write) -> Lease {
        let time = |micros| Timestamp::from_microsecond(micros).ok().map(MicroTime);
        Lease {
            metadata: ObjectMeta {
                name: Some(self.settings.name.clone()),
                namespace: Some(self.settings.namespace.clone()),
                resource_version: write.over.clone(),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(write.holder.clone()),
                lease_duration_seconds: Some(write.seconds),
                acquire_time: time(write.times.0),
                renew_time: time(write.times.1),
                lease_transitions: Some(write.transitions),
                ..LeaseSpec::default()
            }),
        }
    }
}

async fn within<T>(time: Duration, call: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    match tokio::time::timeout(time, call).await {
        Ok(answer) => answer,
        Err(_) => Err(kube::Error::Service(format!("the API server did not answer within {time:?}").into())),
    }
}

fn denied(verb: &str, namespace: &str, name: &str) -> String {
    // Who may create one may create any; other rights are for the names that the Role has.
    let named = if name == USUAL || verb == "create" { "" } else { ", which must name it," };
    format!(
        "this ServiceAccount may not {verb} leases.coordination.k8s.io {name} in the namespace {namespace}: apply the Role{named} and the \
         RoleBinding switchboard-leader (deploy/rbac.yaml, deploy/namespaced/operator.yaml, or the chart), or run one process with \
         --no-leader-election"
    )
}

fn read(lease: &Lease) -> Record {
    let spec = lease.spec.clone().unwrap_or_default();
    let micros = |time: Option<MicroTime>| time.map(|time| time.0.as_microsecond());
    Record {
        version: lease.resource_version().unwrap_or_default(),
        holder: spec.holder_identity.unwrap_or_default(),
        duration: spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs),
        stamp: micros(spec.renew_time),
        acquired: micros(spec.acquire_time),
        transitions: spec.lease_transitions.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_use_the_lease_is_told_which_one_and_that_the_role_must_name_it_if_it_is_not_the_usual_one() {
        let hint = "apply the Role, which must name it, and the RoleBinding switchboard-leader";
        for (verb, name, hinted) in [("get", "switchboard", false), ("update", "other", true), ("create", "other", false)] {
            let told = denied(verb, "voice", name);
            assert!(told.contains(&format!("may not {verb} leases.coordination.k8s.io {name} in the namespace voice")), "{told}");
            assert_eq!(told.contains(hint), hinted, "{told}");
            assert_eq!(told.contains("apply the Role and the RoleBinding switchboard-leader"), !hinted, "{told}");
        }
    }
}
