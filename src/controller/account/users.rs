//! Who uses an account: objects of all kinds that refer to it and may, or that have something in it.

use std::fmt::Debug;

use kube::api::{DynamicObject, ListParams};
use kube::discovery::ApiResource;
use kube::{Api, Resource, ResourceExt};
use tracing::warn;

use super::object::AccountObject;
use crate::api::phone_number_binding::PhoneNumberBinding;
use crate::api::refs::AccountKind;
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::context::Context;
use crate::controller::deadline;
use crate::core::account::Users;
use crate::core::key::{Kind, ObjectKey};
use crate::core::tenancy::Use;

/// Objects on a page of the list that lets an account go.
const PAGE: u32 = 500;

/// Those that were looked at. Whether an account that is being deleted may go is asked of the API server, and objects that cannot be
/// decoded count as well.
pub async fn users(ctx: &Context, object: &AccountObject) -> Users {
    let known = ctx.users_of(&object.key);
    if !object.deleting() || !known.is_empty() {
        return Users::Known(known);
    }
    let mut found = Vec::new();
    for listed in
        [live::<SipEndpoint>(ctx, object, Kind::SipEndpoint).await, live::<PhoneNumberBinding>(ctx, object, Kind::PhoneNumberBinding).await]
    {
        match listed {
            Ok(some) => found.extend(some),
            Err(error) => {
                warn!(account = %object.key, %error, "who uses the account could not be read; it stays");
                return Users::Unread;
            }
        }
    }
    Users::Known(found)
}

async fn live<K>(ctx: &Context, account: &AccountObject, kind: Kind) -> kube::Result<Vec<ObjectKey>>
where
    K: Resource<DynamicType = ()> + Debug,
{
    let resource = ApiResource::erase::<K>(&());
    let api: Api<DynamicObject> = match account.key.kind {
        Kind::ClusterProviderAccount => Api::all_with(ctx.client.clone(), &resource),
        _ => Api::namespaced_with(ctx.client.clone(), &account.key.namespace, &resource),
    };
    let mut params = ListParams::default().limit(PAGE);
    let mut found = Vec::new();
    loop {
        let page = deadline(api.list(&params)).await?;
        let using = page.items.iter().filter(|object| uses(ctx, &account.key, object));
        found.extend(using.map(|object| ObjectKey { kind, namespace: object.namespace().unwrap_or_default(), name: object.name_any() }));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(found),
        }
    }
}

/// It refers to the account, and may use it or has something in it: who may not must not keep it either.
fn uses(ctx: &Context, account: &ObjectKey, object: &DynamicObject) -> bool {
    let text = |path: &str| object.data.pointer(path).and_then(|value| value.as_str());
    let namespace = object.namespace().unwrap_or_default();
    // What the schema fills in stands in every stored object; one from before that default means the same.
    let kind = text("/spec/accountRef/kind").unwrap_or(AccountKind::default().as_str());
    let refers = text("/spec/accountRef/name") == Some(&account.name) && kind == account.kind.as_str();
    refers && (ctx.may(account, &namespace, Use::Endpoint).is_ok() || text("/status/account/id").is_some())
}
