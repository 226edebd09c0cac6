//! The accounts of a plan: established as for a reconcile, and asked.

use std::collections::{BTreeMap, BTreeSet};

use super::Rehearsal;
use crate::api::condition::Reason;
use crate::controller::account;
use crate::controller::context::AccountState;
use crate::controller::managed::account_of;
use crate::core::action::Finding;
use crate::core::key::{Kind, ObjectKey};
use crate::core::plan::{Change, End, Step};
use crate::core::view::Problem;
use crate::provider::{self, Target};

impl Rehearsal {
    /// Establishes the accounts of these objects, and has the applications listed that they name.
    pub(super) async fn accounts(&mut self, wanted: &BTreeSet<ObjectKey>) {
        let ctx = self.ctx();
        let mut users: BTreeMap<ObjectKey, Vec<ObjectKey>> = BTreeMap::new();
        for key in wanted {
            let account = match key.kind {
                Kind::SipEndpoint => self.stage.endpoints.get(key).map(account_of),
                Kind::ProviderAccount | Kind::ClusterProviderAccount => {
                    users.entry(key.clone()).or_default();
                    continue;
                }
                _ => self.stage.bindings.get(key).map(account_of),
            };
            users.entry(account.unwrap_or_else(|| key.clone())).or_default().push(key.clone());
        }
        for (key, users) in users {
            let Some(mut object) = ctx.account_object(&key) else { continue };
            // The operator works with the account meanwhile.
            if let Some(budget) = &mut object.spec.budget {
                budget.requests_per_5_seconds = (budget.requests_per_5_seconds / 2).max(1);
            }
            if self.reader.within(account::rehearse(&ctx, &object, users)).await.is_none() {
                let message = "it did not answer in time (--timeout)".to_owned();
                ctx.set_account(&key, Some(AccountState::NotReady(Problem { reason: Reason::ProviderUnreachable, message })));
            }
            if wanted.contains(&key) {
                self.account(&key);
            }
        }
        for key in wanted {
            let named = match key.kind {
                Kind::SipEndpoint => {
                    let object = self.stage.endpoints.get(key);
                    object.and_then(|object| Some((account_of(object), provider::app_name(&object.spec)?.to_owned())))
                }
                _ => self.stage.bindings.get(key).and_then(|object| {
                    let account = account_of(object);
                    let kind = self.live(&account)?.id().provider;
                    match provider::target(kind, &object.spec) {
                        Ok(Target::Name(name)) => Some((account, name.to_owned())),
                        _ => None,
                    }
                }),
            };
            let Some((account, name)) = named else { continue };
            if let Some(account) = self.live(&account) {
                account.watch_application(key.clone(), &name);
                // What cannot be listed is said by whoever needs it.
                let _ = self.reader.until("the applications", &account, || account.applications().complete.map(drop)).await;
            }
        }
    }

    /// Where an account object leads.
    fn account(&mut self, key: &ObjectKey) {
        let (steps, end) = match (self.askable(key), self.stage.ctx.account(key)) {
            (Err(problem), _) => (Vec::new(), Err(problem)),
            (Ok(()), Some(AccountState::Ready(account))) => {
                let what = format!("leads to {} account {}", account.id().provider, account.id().id);
                let step = Step { change: Change::Note, what, details: Vec::new() };
                (vec![step], Ok(End::Rest(Finding::new(Reason::Available, ""))))
            }
            (Ok(()), Some(AccountState::NotReady(problem))) => {
                (Vec::new(), Ok(End::Waits(Some(Finding::new(problem.reason, problem.message)))))
            }
            (Ok(()), None) => (Vec::new(), Ok(End::Waits(None))),
        };
        self.note(key, steps, Vec::new(), end);
    }

    /// What the operator would be told by an account that does not answer this plan is not known.
    pub(super) fn askable(&self, account: &ObjectKey) -> Result<(), String> {
        match self.stage.ctx.account(account) {
            Some(AccountState::NotReady(Problem {
                reason: Reason::ProviderUnreachable | Reason::Throttled | Reason::SecretAccessDenied | Reason::Progressing,
                message,
            })) => Err(format!("{} {account} cannot be asked: {message}", account.kind)),
            _ => Ok(()),
        }
    }
}
