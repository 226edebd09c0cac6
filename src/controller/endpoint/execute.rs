//! What the executor does for SipEndpoints only: what they adopt, what brakes hold, and when they may go.

use std::time::Duration;

use kube::Api;

use crate::api::ANNOTATION_FORCE_ORPHAN;
use crate::api::cluster_provider_account::{AllowedNamespace, ClusterProviderAccount};
use crate::api::condition::Reason;
use crate::api::provider_account::ProviderAccount;
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::endpoint::gather::rivals;
use crate::controller::execute::{Pass, Step};
use crate::controller::made;
use crate::controller::managed::{Managed, account_of};
use crate::controller::{brakes, deadline, trunk_group};
use crate::core::action::{Action, Finding, Found, Release};
use crate::core::key::{Kind, ObjectKey};
use crate::core::tenancy::{Tenants, Use, may};
use crate::core::view::View;

impl Pass<'_, SipEndpoint> {
    /// Performs the action that `next` answered for this view.
    pub async fn execute(&mut self, view: &View, action: &Action) -> Step {
        if let Action::RemoveFinalizer(release) = action
            && let Some(problem) = trunk_group::holds(self.ctx, &self.object, *release)
        {
            // The object is what its trunk group is found by: that goes first, whatever became of the endpoint.
            return self.report(view, Some(&Finding { reason: problem.reason, message: problem.message }), None).await;
        }
        match action {
            Action::RemoveFinalizer(Release::Unproven) if view.adopt.is_none() && self.account_unseen() => {
                let finding = Finding::new(Reason::AccountNotFound, unseen(&account_of(&self.object)));
                self.report(view, Some(&finding), None).await
            }
            // The cache says that there is no such account; that it cannot be read, or is new, must not leak an endpoint.
            Action::RemoveFinalizer(Release::Unproven) if view.adopt.is_none() && self.account_exists().await => {
                Step::Stop(Some(view.now + Duration::from_secs(5)))
            }
            Action::StorePassword => self.store_password(view).await,
            Action::WriteConnection(entries) => self.write_connection(view, entries, "connection").await,
            // Another object was faster, in this very moment.
            Action::Record(found) if view.adopt.is_some() && !self.take(found) => Step::Again,
            // Who asked first gets through; the others see with the next look that they have to wait.
            Action::Forget if !brakes::recreate(self.ctx, view, &self.object) => Step::Again,
            Action::Forget => {
                self.slot.memory.learnt.memory.lost_uri = view.status.sip_uri.clone();
                self.make(view, action).await
            }
            _ => self.make(view, action).await,
        }
    }

    /// Whether this object may record what it adopts: nobody with a better right is about to.
    fn take(&self, found: &Found) -> bool {
        let Some(account) = self.account() else { return false };
        let (id, username) = (&found.id, Some(found.username.as_str()));
        self.ctx.claims.record(&self.key(), id, |other| rivals(self.ctx, other, &account, id, username))
    }

    /// Accounts of its kind are not watched, and may not even be read: another operator may serve it.
    fn account_unseen(&self) -> bool {
        account_of(&self.object).kind == Kind::ClusterProviderAccount && !self.ctx.scopes.contains(&None)
    }

    /// Whether the account object exists and serves this object's namespace, asked live; without an answer it counts as if it did.
    async fn account_exists(&self) -> bool {
        let (account, client) = (account_of(&self.object), self.ctx.client.clone());
        match account.kind {
            Kind::ClusterProviderAccount => {
                let accounts: Api<ClusterProviderAccount> = Api::all(client);
                let Ok(found) = deadline(accounts.get_opt(&account.name)).await else { return true };
                let serves = |all: &[AllowedNamespace]| may(Tenants::Listed(all), &self.key().namespace, Use::Endpoint).is_ok();
                found.is_some_and(|found| serves(&found.spec.allowed_namespaces) || self.object.pinned().is_some())
            }
            _ => {
                let accounts: Api<ProviderAccount> = Api::namespaced(client, &account.namespace);
                !matches!(deadline(accounts.get_metadata_opt(&account.name)).await, Ok(None))
            }
        }
    }

    /// A new SIP URI is what people with phones want to know, so it is told once it is known: a create does not answer it.
    pub(super) async fn tell_recreated(&mut self) {
        let shown = self.object.status.as_ref().filter(|status| status.endpoint_id.is_some()).and_then(|status| status.sip_uri.clone());
        if let Some(uri) = shown
            && let Some(lost) = self.slot.memory.learnt.memory.lost_uri.take_if(|lost| *lost != uri)
        {
            made::recreated(self.ctx, &self.object, &lost, &uri).await;
        }
    }
}

/// What an object says that has lost its status, and whose account this operator does not watch.
fn unseen(account: &ObjectKey) -> String {
    format!(
        "nothing is recorded of this object's endpoint, and this operator works in single namespaces: it cannot tell whether {} {account} exists. An operator that watches all namespaces can delete it; to let it go with whatever is at the provider, annotate it with {ANNOTATION_FORCE_ORPHAN}=unresolved",
        account.kind
    )
}
