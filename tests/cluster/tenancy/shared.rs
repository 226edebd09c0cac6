//! A ClusterProviderAccount to try things with, and what the objects of its namespaces say.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use sandbox::admin_client::RequestEntry;
use serde_json::{Value, json};
use switchboard::api::{ClusterProviderAccount, Condition, PhoneNumberBinding, SipEndpoint};

use crate::observe::{Call, call, now};
use crate::world::{World, eventually, merged};

pub const TOKEN: &str = "sharedsharedsharedsharedsharedsharedtoke";
pub const HOME: &str = "switchboard-system";

/// A ClusterProviderAccount with an account of its own at the provider, its Secret in the operator's namespace.
pub struct Shared<'a> {
    pub world: &'a World,
    pub name: &'static str,
    pub id: String,
}

impl<'a> Shared<'a> {
    /// The account at the provider and the Secret, not the object.
    pub async fn new(world: &'a World, name: &'static str) -> Shared<'a> {
        let id = format!("MA{:0>18}", name.to_uppercase());
        world.admin.put_account(&id, json!({"auth_token": TOKEN})).await.expect("an account");
        let shared = Shared { world, name, id };
        shared.credentials(&shared.id, TOKEN).await;
        shared
    }

    pub async fn credentials(&self, id: &str, token: &str) {
        let name = format!("{}-credentials", self.name);
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"auth_id": id, "auth_token": token}});
        let secrets: Api<Secret> = Api::namespaced(self.world.client.clone(), HOME);
        secrets.patch(&name, &PatchParams::apply("tests").force(), &Patch::Apply(&secret)).await.expect("a Secret");
    }

    pub fn objects(&self) -> Api<ClusterProviderAccount> {
        Api::all(self.world.client.clone())
    }

    /// Lists these namespaces: name → more of its entry.
    pub async fn allow(&self, listed: &[(&World, Value)]) {
        self.allow_with(listed, json!({})).await;
    }

    pub async fn allow_with(&self, listed: &[(&World, Value)], spec: Value) {
        let listed: Vec<Value> = listed.iter().map(|(world, entry)| merged(json!({"name": world.namespace}), entry.clone())).collect();
        let credentials = json!({"credentialsSecretRef": {"name": format!("{}-credentials", self.name)}});
        let spec = merged(json!({"plivo": credentials, "allowedNamespaces": listed}), spec);
        // An empty list too: what is applied from the server's side is absent then.
        let object = json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": "ClusterProviderAccount", "metadata": {"name": self.name}, "spec": spec});
        let params = PatchParams::apply("tests").force();
        self.objects().patch(self.name, &params, &Patch::Apply(&object)).await.expect("an account");
    }

    /// The object as soon as its Ready condition has this reason.
    pub async fn reason(&self, expected: &str) -> ClusterProviderAccount {
        eventually(&format!("{} becomes {expected}", self.name), async || {
            let account = self.objects().get(self.name).await.expect("the account");
            let ready = account.status.as_ref()?.conditions.iter().find(|one| one.type_ == "Ready")?;
            (ready.reason == expected && ready.observed_generation == account.metadata.generation).then_some(account)
        })
        .await
    }

    pub async fn message(&self, expected: &str) -> String {
        let conditions = self.reason(expected).await.status.expect("a status").conditions;
        conditions.into_iter().find(|one| one.type_ == "Ready").expect("Ready").message
    }

    /// Listings of this account that began since then.
    pub async fn pages_since(&self, since: u64, page: Call) -> usize {
        let requests = self.world.admin.requests_since(since).await.expect("the request log");
        let begun =
            |request: &&RequestEntry| call(request) == page && request.path.contains(&self.id) && request.query.contains("offset=0");
        requests.iter().filter(begun).count()
    }

    /// Waits until `more` listings of its endpoints have begun.
    pub async fn swept(&self, more: usize) {
        let since = now(self.world).await;
        eventually("more listings of the account", async || (self.pages_since(since, Call::Page).await > more).then_some(())).await;
    }

    /// What an endpoint of this account has in its spec.
    pub fn spec(&self) -> Value {
        json!({"accountRef": {"kind": "ClusterProviderAccount", "name": self.name}})
    }

    pub async fn endpoint(&self, world: &World, name: &str, plivo: Value) {
        world.endpoint(name, plivo, self.spec()).await;
    }

    pub async fn adopt(&self, world: &World, name: &str, id: &str) {
        world.apply(name, json!({}), merged(self.spec(), json!({"adopt": {"endpoint_id": id}}))).await;
    }

    pub async fn binding(&self, world: &World, name: &str, number: &str) {
        bind(world, name, number, &self.spec()).await;
    }

    pub async fn number(&self, number: &str) {
        let number = json!({"account": self.id, "number": number.trim_start_matches('+'), "alias": "before"});
        self.world.admin.create_number(number).await.expect("a number");
    }

    /// Somebody makes an endpoint in the console; its id.
    pub async fn console(&self, username: &str) -> String {
        let made = self.world.admin.create_endpoint(json!({"account": self.id, "username": username, "password": "console-pass"})).await;
        made.expect("an endpoint made in the console")["endpoint_id"].as_str().expect("an id").to_owned()
    }

    pub async fn held(&self, what: &str) -> BTreeMap<String, Value> {
        let state = self.world.admin.state().await.expect("the state");
        let all = &state["accounts"][&self.id][what];
        let (list, map) = (all.as_array().cloned().unwrap_or_default(), all.as_object().cloned().unwrap_or_default());
        let key = if what == "numbers" { "number" } else { "endpoint_id" };
        let listed = list.into_iter().map(|one| (one[key].as_str().expect("an id").to_owned(), one));
        listed.chain(map).collect()
    }

    /// The aliases of its numbers.
    pub async fn alias(&self, number: &str) -> String {
        let numbers = self.held("numbers").await;
        numbers[number.trim_start_matches('+')]["alias"].as_str().expect("an alias").to_owned()
    }

    /// What was executed in its account by the API.
    pub async fn ledger(&self) -> Vec<String> {
        let ledger = self.world.admin.ledger().await.expect("the ledger");
        ledger.into_iter().filter(|one| one.account == self.id && one.actor == "api").map(|one| one.op).collect()
    }

    pub async fn calls(&self) -> usize {
        let requests = self.world.admin.requests().await.expect("the requests");
        requests.iter().filter(|one| one.account.as_deref() == Some(&self.id)).count()
    }

    pub async fn delete(&self) {
        self.objects().delete(self.name, &DeleteParams::default()).await.expect("a deletion");
    }

    pub async fn gone(&self) {
        eventually("the account is gone", async || self.objects().get_opt(self.name).await.expect("an answer").is_none().then_some(()))
            .await;
    }
}

/// A binding of this number, by the account that the spec names.
pub async fn bind(world: &World, name: &str, number: &str, spec: &Value) {
    let spec = merged(spec.clone(), json!({"number": number, "target": {"app_id": ""}, "alias": name}));
    let object = json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": "PhoneNumberBinding", "metadata": {"name": name}, "spec": spec});
    bindings(world).patch(name, &PatchParams::apply("tests").force(), &Patch::Apply(&object)).await.expect("a binding");
}

pub fn bindings(world: &World) -> Api<PhoneNumberBinding> {
    Api::namespaced(world.client.clone(), &world.namespace)
}

pub async fn bound(world: &World, name: &str, expected: &str) -> Vec<Condition> {
    eventually(&format!("{name} becomes {expected}"), async || {
        let object = bindings(world).get(name).await.expect("the binding");
        let ready = object.status.as_ref()?.conditions.iter().find(|one| one.type_ == "Ready")?;
        let current = ready.reason == expected && ready.observed_generation == object.metadata.generation;
        current.then(|| timeless(&object.status.as_ref().expect("a status").conditions))
    })
    .await
}

/// Conditions without their times and generations.
pub fn timeless(conditions: &[Condition]) -> Vec<Condition> {
    let mut conditions = conditions.to_vec();
    for one in &mut conditions {
        one.last_transition_time = Time(Timestamp::UNIX_EPOCH);
        one.observed_generation = None;
    }
    conditions.sort_by(|one, other| (one.type_ != "Ready", &one.type_).cmp(&(other.type_ != "Ready", &other.type_)));
    conditions
}

/// All that the status says in words, `Ready` first.
pub fn said(object: &SipEndpoint) -> Vec<Condition> {
    timeless(&object.status.as_ref().expect("a status").conditions)
}

/// What the object says after an edit, with this reason.
pub async fn edited(world: &World, name: &str, expected: &str) -> Vec<Condition> {
    let alias = format!("edit-{}", world.endpoints().get(name).await.expect("the object").metadata.generation.expect("a generation"));
    world.patch(name, json!({"spec": {"plivo": {"alias": alias}}})).await;
    said(&world.reason(name, expected).await)
}

/// The same of a binding.
pub async fn rebound(world: &World, name: &str, expected: &str) -> Vec<Condition> {
    let alias = format!("edit {}", bindings(world).get(name).await.expect("the binding").metadata.generation.expect("a generation"));
    let patch = Patch::Merge(json!({"spec": {"alias": alias}}));
    bindings(world).patch(name, &PatchParams::default(), &patch).await.expect("a patch");
    bound(world, name, expected).await
}

pub async fn gone(world: &World, name: &str) {
    eventually("the binding is gone", async || bindings(world).get_opt(name).await.expect("an answer").is_none().then_some(())).await;
}
