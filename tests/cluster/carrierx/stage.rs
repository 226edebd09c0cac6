//! A world with a CarrierX and nothing else, and what can be asked of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::LocalBoxFuture;
use kube::api::{Api, ListParams};
use kube::{Resource, ResourceExt};
use sandbox::admin_client::{AdminClient, LedgerEntry, RequestEntry};
use sandbox::carrierx::Options;
use sandbox::plivo::{self, Simulator};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use switchboard::api::{PhoneNumberBinding, ProviderAccount, SipEndpoint};

use crate::cases;
use crate::observe::Told;
use crate::support;
use crate::world::{World, eventually, merged};

/// The number that most cases are about, and two more.
pub const NUMBER: &str = "15162065574";
pub const SECOND: &str = "15162065575";

/// A namespace that consents, with an account named `carrierx`.
pub struct Stage {
    pub world: World,
    pub admin: AdminClient,
}

/// One case: a stage, and an operator that is heard if it fails. It ends with a look at what numbers have cost.
pub fn case<F>(name: &'static str, run: impl FnOnce(&'static str) -> F) -> (String, LocalBoxFuture<'static, ()>)
where
    F: Future<Output = Stage> + 'static,
{
    let run = run(name);
    cases::case(name, async move { run.await.honest().await })
}

impl Stage {
    pub async fn new() -> Stage {
        Stage::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Stage {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let plane = support::control_plane();
        // A world is made around a Plivo; here nobody uses it.
        let unused = Arc::new(Simulator::start(plivo::Options::default()).await.expect("a simulator"));
        let namespace = support::namespace(&plane.client().await, "carrierx").await;
        let world = World::bare(plane, namespace, unused).await;
        world.consent(&world.namespace).await;
        let admin = world.with_carrierx(options).await;
        Stage { world, admin }
    }

    /// With these switches.
    pub async fn switched(switches: &[(&str, &str)]) -> Stage {
        let switches = switches.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Stage::with(Options { switches, ..Options::default() }).await
    }

    /// With an operator.
    pub async fn run(case: &'static str) -> (Stage, Told) {
        let stage = Stage::new().await;
        let told = stage.operator(case).await;
        (stage, told)
    }

    pub async fn operator(&self, case: &'static str) -> Told {
        Told::start(case, &self.world, &[]).await
    }

    /// A static peer of this address.
    pub async fn peer(&self, name: &str, ip: &str) -> SipEndpoint {
        self.world.carrierx_endpoint(name, json!({"addresses": [{"ip": ip}]}), json!({})).await
    }

    /// A number that the account holds, and that leads nowhere.
    pub async fn number(&self, number: &str, more: Value) {
        self.admin.create_did(merged(json!({"phonenumber": number}), more)).await.expect("a number");
    }

    /// A trunk group made by somebody else.
    pub async fn foreign_group(&self, name: &str) -> String {
        let group = self.admin.create_trunk_group(json!({"name": name})).await.expect("a trunk group");
        group["trunk_group_sid"].as_str().expect("a SID").to_owned()
    }

    /// Binds a number in the account `carrierx`.
    pub async fn bind(&self, name: &str, number: &str, target: Value) -> PhoneNumberBinding {
        self.world.binding(name, number, target, json!({"accountRef": {"name": "carrierx"}})).await
    }

    /// Binds a number to a SipEndpoint.
    pub async fn lead(&self, name: &str, number: &str, endpoint: &str) -> PhoneNumberBinding {
        self.bind(name, number, json!({"endpointRef": {"name": endpoint}})).await
    }

    /// Changes where a binding leads.
    pub async fn lead_to(&self, name: &str, endpoint: &str) {
        self.world.patch_binding(name, json!({"spec": {"target": {"endpointRef": {"name": endpoint}}}})).await;
    }

    /// The endpoints but for the carrier's own, by SID.
    pub async fn endpoints(&self) -> BTreeMap<String, Value> {
        let mut all = self.world.carrierx_living("endpoints").await;
        all.retain(|_, one| one["type"] != "system_gateway");
        all
    }

    /// The trunk groups, by SID.
    pub async fn groups(&self) -> BTreeMap<String, Value> {
        self.world.carrierx_living("trunk_groups").await
    }

    /// The number as the provider has it.
    pub async fn did(&self, number: &str) -> Value {
        let all = self.world.carrierx_living("dids").await;
        all.into_values().find(|one| one["phonenumber"] == number).unwrap_or(Value::Null)
    }

    /// The trunk group that the number leads to; empty for none.
    pub async fn group_of(&self, number: &str) -> String {
        self.did(number).await["trunk_group_sid"].as_str().unwrap_or_default().to_owned()
    }

    /// The only endpoint there is, which is the recorded one of this object.
    pub async fn only(&self, name: &str) -> Value {
        let object = self.world.endpoints().get(name).await.expect("the object");
        let recorded = object.status.and_then(|status| status.endpoint_id).expect("a recorded id");
        let mut all = self.endpoints().await;
        assert_eq!(all.keys().collect::<Vec<_>>(), [&recorded], "{all:#?}");
        all.remove(&recorded).expect("just seen")
    }

    /// The endpoint recorded for an object.
    pub async fn endpoint(&self, name: &str) -> Value {
        let object = self.world.endpoints().get(name).await.expect("the object");
        let recorded = object.status.and_then(|status| status.endpoint_id).expect("a recorded id");
        self.endpoints().await.remove(&recorded).unwrap_or(Value::Null)
    }

    /// The trunk group recorded for an object. It has exactly one trunk, which names the object's endpoint.
    pub async fn led(&self, name: &str) -> String {
        let object = self.world.endpoints().get(name).await.expect("the object");
        let status = object.status.expect("a status");
        let group = status.trunk_group.and_then(|group| group.trunk_group_sid).unwrap_or_else(|| panic!("{name} has no trunk group"));
        let groups = self.groups().await;
        let trunks = groups[&group]["trunks"].as_array().expect("trunks").clone();
        assert_eq!(trunks.len(), 1, "of {name}: {trunks:#?}");
        assert_eq!(trunks[0]["endpoint_sid"].as_str(), status.endpoint_id.as_deref(), "of {name}");
        group
    }

    /// The trunk groups whose name holds a mark: those that the operator made.
    pub async fn own_groups(&self) -> Vec<Value> {
        let made = self.effects("create_trunk_group").await;
        let made: Vec<String> = made.into_iter().map(|entry| entry.id).collect();
        self.groups().await.into_iter().filter(|(sid, _)| made.contains(sid)).map(|(_, group)| group).collect()
    }

    /// All executed effects of one kind, in order, made by the API.
    pub async fn effects(&self, op: &str) -> Vec<LedgerEntry> {
        let ledger = self.admin.ledger().await.expect("the ledger");
        ledger.into_iter().filter(|entry| entry.op == op && entry.actor == "api").collect()
    }

    /// The names of all executed effects of the API, in order.
    pub async fn ledger(&self) -> Vec<String> {
        let ledger = self.admin.ledger().await.expect("the ledger");
        ledger.into_iter().filter(|entry| entry.actor == "api").map(|entry| entry.op).collect()
    }

    /// How often each effect of the API was executed.
    pub async fn tally(&self) -> BTreeMap<String, usize> {
        let mut tally = BTreeMap::new();
        for op in self.ledger().await {
            *tally.entry(op).or_default() += 1;
        }
        tally
    }

    /// The trunk groups that executed updates of the number by the API asked for; `null` for none.
    pub async fn asked(&self, number: &str) -> Vec<Value> {
        let sid = self.did(number).await["did_sid"].as_str().expect("a number").to_owned();
        let updates = self.effects("update_did").await.into_iter().filter(|entry| entry.id == sid);
        updates.map(|entry| entry.request["trunk_group_sid"].clone()).collect()
    }

    /// Requests that change something, after number `since`: method, path and query, SIDs as `*`.
    pub async fn writes_since(&self, since: u64) -> Vec<String> {
        let requests = self.admin.requests_since(since).await.expect("the requests");
        requests.iter().filter(|request| request.method != "GET").map(said).collect()
    }

    /// Number of the newest request.
    pub async fn now(&self) -> u64 {
        self.admin.requests().await.expect("the requests").last().map_or(0, |request| request.n)
    }

    /// Waits until `more` sweeps of the endpoints began after this moment, and the one before the last was answered long enough ago that
    /// everybody whom it concerns has been woken.
    pub async fn swept(&self, more: usize) {
        self.swept_of("endpoints", more).await;
    }

    /// As [`Stage::swept`], of `endpoints`, `trunk_groups` or `phonenumber/dids`.
    pub async fn swept_of(&self, kind: &str, more: usize) {
        let since = self.now().await;
        let path = format!("/core/v2/{kind}");
        eventually(&format!("more listings of {kind}"), async || {
            let requests = self.admin.requests_since(since).await.expect("the requests");
            let page = |request: &&RequestEntry| {
                let selected = ["filter=", "trunk_group_sid="].iter().any(|text| request.query.contains(text));
                request.method == "GET" && request.path == path && request.query.contains("offset=0") && !selected
            };
            (requests.iter().filter(page).count() > more).then_some(())
        })
        .await;
    }

    /// The resourceVersions of everything of ours in the namespace.
    pub async fn versions(&self) -> BTreeMap<String, String> {
        async fn of<K>(world: &World) -> impl Iterator<Item = (String, String)>
        where
            K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
        {
            let api: Api<K> = Api::namespaced(world.client.clone(), &world.namespace);
            let all = api.list(&ListParams::default()).await.expect("the objects");
            let named = |object: K| (format!("{} {}", K::kind(&()), object.name_any()), object.resource_version().unwrap_or_default());
            all.items.into_iter().map(named)
        }
        let made = of::<SipEndpoint>(&self.world).await.chain(of::<PhoneNumberBinding>(&self.world).await);
        made.chain(of::<ProviderAccount>(&self.world).await).collect()
    }

    /// Nothing is written anywhere while three sweeps pass.
    pub async fn rests(&self, kinds: &[&str]) {
        // What the account counts follows the next listing.
        for kind in kinds {
            self.swept_of(kind, 1).await;
        }
        let (since, before) = (self.now().await, self.versions().await);
        for kind in kinds {
            self.swept_of(kind, 2).await;
        }
        let ledger = self.admin.ledger().await.expect("the ledger");
        let executed: Vec<String> =
            ledger.iter().map(|one| format!("{} ms: {} by {}: {}", one.at_ms, one.op, one.actor, one.request)).collect();
        assert_eq!(self.writes_since(since).await, Vec::<String>::new(), "at rest nothing is written at the provider: {executed:#?}");
        assert_eq!(self.versions().await, before, "at rest nothing is written to the API server");
    }

    /// Nothing of ours is left at the provider.
    pub async fn nothing_left(&self) {
        let foreign = |_: &String, one: &mut Value| one["name"].as_str().is_none_or(|name| !name.starts_with("foreign"));
        let (mut endpoints, mut groups) = (self.endpoints().await, self.groups().await);
        endpoints.retain(foreign);
        groups.retain(foreign);
        assert!(endpoints.is_empty() && groups.is_empty(), "left: {endpoints:#?} {groups:#?}");
    }

    /// No number was rented or released, and nothing was paid for.
    pub async fn honest(&self) {
        let state = self.admin.state().await.expect("the state");
        let spent = (&state["numbers_rented"], &state["numbers_released"], state["money_spent"].as_f64());
        assert_eq!(spent, (&json!(0), &json!(0), Some(0.0)));
        for request in self.admin.requests().await.expect("the requests") {
            let about_numbers = request.path.contains("/phonenumber/");
            assert!(!about_numbers || matches!(request.method.as_str(), "GET" | "PATCH"), "{} {}", request.method, request.path);
            assert!(request.method != "PUT", "{}", request.path);
        }
    }
}

/// Method, path and query of a request, SIDs as `*`.
pub fn said(request: &RequestEntry) -> String {
    let kinds = ["endpoints", "trunk_groups", "trunks", "phonenumber", "dids"];
    let parts: Vec<&str> =
        request.path.trim_start_matches("/core/v2/").split('/').map(|part| if kinds.contains(&part) { part } else { "*" }).collect();
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query.trim_start_matches('?')) };
    format!("{} {}{query}", request.method, parts.join("/"))
}
