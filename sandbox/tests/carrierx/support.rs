//! A simulator with a client that sends exactly what a test says.

use std::time::Duration;

use http::Method;
use sandbox::admin_client::AdminClient;
use sandbox::carrierx::{AUTH_REQUIRED_SCOPE, DEFAULT_TOKEN, Options, PARTNER_SID, Simulator};
use serde_json::{Value, json};

pub use crate::shared::{Reply, client, id, reply, until};

pub const NUMBER: &str = "15162065574";
/// What the API never made.
pub const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

pub struct World {
    pub simulator: Simulator,
    pub admin: AdminClient,
    pub http: reqwest::Client,
    pub token: String,
}

impl World {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With one number, as in most tests.
    pub async fn with(switches: &[(&str, &str)]) -> Self {
        let switches = switches.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let options = Options { switches, dids: vec![format!("+{NUMBER}")], ..Options::default() };
        let simulator = Simulator::start(options).await.unwrap();
        let admin = simulator.admin();
        Self { simulator, admin, http: client(Duration::from_secs(20)), token: DEFAULT_TOKEN.to_owned() }
    }

    /// The same simulator with a client that gives up early.
    pub fn impatient(&mut self, patience: Duration) {
        self.http = client(patience);
    }

    pub async fn switch(&self, name: &str, value: &str) {
        self.admin.set_switches(json!({name: value})).await.unwrap();
    }

    /// The token may set `auth_required` from now on.
    pub async fn may_set_auth_required(&self) {
        self.admin.set_scopes(json!({"grant": [AUTH_REQUIRED_SCOPE]})).await.unwrap();
    }

    /// `path` below `/core/v2/`.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}/core/v2/{path}", self.simulator.url())).bearer_auth(&self.token)
    }

    pub async fn try_call(&self, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<Reply> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        reply(request).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.try_call(Method::GET, path, None).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.try_call(Method::POST, path, Some(body)).await.unwrap()
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.try_call(Method::PATCH, path, Some(body)).await.unwrap()
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.try_call(Method::PUT, path, Some(body)).await.unwrap()
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.try_call(Method::DELETE, path, None).await.unwrap()
    }

    /// Makes a `third_party` endpoint over the API; its path and its SID.
    pub async fn endpoint(&self, name: &str) -> (String, String) {
        self.endpoint_of(json!({"name": name, "type": "third_party", "addresses": [{"ip": "192.0.2.5"}]})).await
    }

    /// Makes an endpoint over the API; its path and its SID.
    pub async fn endpoint_of(&self, body: Value) -> (String, String) {
        let made = made(&self.post("endpoints", body).await);
        let sid = id(&made, "endpoint_sid");
        (format!("endpoints/{sid}"), sid)
    }

    /// Makes a trunk group with one trunk over the API; their SIDs.
    pub async fn group(&self, endpoint: Option<&str>) -> (String, String) {
        let body = json!({"name": "group", "trunks": [{"name": "trunk", "endpoint_sid": endpoint}]});
        let made = made(&self.post("trunk_groups?with_trunks=true", body).await);
        (id(&made, "trunk_group_sid"), id(&made["trunks"][0], "trunk_sid"))
    }

    /// The path of the number that was there from the start.
    pub async fn did(&self) -> String {
        let list = self.get(&format!("phonenumber/dids?filter=phonenumber eq \"{NUMBER}\"")).await.json();
        format!("phonenumber/dids/{}", id(&list["items"][0], "did_sid"))
    }

    /// The names of the executed effects in order.
    pub async fn ops(&self) -> Vec<String> {
        self.admin.ledger().await.unwrap().into_iter().map(|entry| entry.op).collect()
    }

    /// What the partner has of a kind.
    pub async fn held(&self, kind: &str) -> Vec<Value> {
        self.admin.state().await.unwrap()["accounts"][PARTNER_SID][kind].as_array().unwrap().clone()
    }
}

/// The object of a success.
pub fn made(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// The members named `member` of the items of a list.
pub fn column(list: &Value, member: &str) -> Vec<Value> {
    list["items"].as_array().unwrap_or_else(|| panic!("no list: {list}")).iter().map(|item| item[member].clone()).collect()
}
