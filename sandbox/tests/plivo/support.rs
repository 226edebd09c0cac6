//! A simulator with a client that sends exactly what a test says.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use sandbox::admin_client::AdminClient;
use sandbox::plivo::{DEFAULT_AUTH_ID, DEFAULT_AUTH_TOKEN, Options, Simulator};
use sandbox::tls::Tls;
use serde_json::{Value, json};

pub use crate::shared::{Reply, client, client_trusting, id, reply};

pub const AUTH_ID: &str = DEFAULT_AUTH_ID;
pub const SUB: &str = "SASUBACCOUNT00000000";
pub const SUB_TOKEN: &str = "subaccountsubaccountsubaccountsubaccount";

/// A folder of this name that is not there yet.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

pub struct World {
    pub simulator: Simulator,
    pub admin: AdminClient,
    pub http: reqwest::Client,
    pub user: (String, String),
}

impl World {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(switches: &[(&str, &str)]) -> Self {
        let switches = switches.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let simulator = Simulator::start(Options { switches, ..Options::default() }).await.unwrap();
        let admin = simulator.admin();
        Self { simulator, admin, http: client(Duration::from_secs(20)), user: (AUTH_ID.to_owned(), DEFAULT_AUTH_TOKEN.to_owned()) }
    }

    /// Over TLS, with an authority in this folder.
    pub async fn over_tls(name: &str) -> Self {
        let tls = Tls::new(folder(name));
        let simulator = Simulator::start(Options { tls: Some(tls.clone()), ..Options::default() }).await.unwrap();
        let ca = std::fs::read(tls.ca_file()).unwrap();
        let http = client_trusting(Duration::from_secs(20), Some(&ca));
        Self { admin: simulator.admin(), simulator, http, user: (AUTH_ID.to_owned(), DEFAULT_AUTH_TOKEN.to_owned()) }
    }

    /// The same simulator with a client that gives up early.
    pub fn impatient(&mut self, patience: Duration) {
        self.http = client(patience);
    }

    pub async fn switch(&self, name: &str, value: &str) {
        self.admin.set_switches(json!({name: value})).await.unwrap();
    }

    /// `path` below `/v1/Account/{auth_id}/`.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let (user, token) = &self.user;
        self.http.request(method, format!("{}/v1/Account/{user}/{path}", self.simulator.url())).basic_auth(user, Some(token))
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

    pub async fn delete(&self, path: &str) -> Reply {
        self.try_call(Method::DELETE, path, None).await.unwrap()
    }

    /// Makes an endpoint over the API; its id.
    pub async fn endpoint(&self, username: &str) -> String {
        let reply = self.post("Endpoint/", json!({"username": username, "password": "secret1", "alias": "alias"})).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        id(&reply.json(), "endpoint_id")
    }

    /// Makes an application over the API; its id.
    pub async fn application(&self, body: Value) -> String {
        let reply = self.post("Application/", body).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        id(&reply.json(), "app_id")
    }

    /// The names of the executed effects in order.
    pub async fn ops(&self) -> Vec<String> {
        self.admin.ledger().await.unwrap().into_iter().map(|entry| entry.op).collect()
    }

    /// A subaccount of the default account, and the same simulator seen with its credentials.
    pub async fn subaccount(&mut self) -> (String, String) {
        self.admin.put_account(SUB, json!({"auth_token": SUB_TOKEN, "parent": AUTH_ID})).await.unwrap();
        (SUB.to_owned(), SUB_TOKEN.to_owned())
    }
}

/// The members named `member` of the objects of a list.
pub fn column(list: &Value, member: &str) -> Vec<String> {
    list["objects"].as_array().unwrap().iter().map(|object| id(object, member)).collect()
}

/// The default account's object with `id` in the state.
pub async fn held(world: &World, kind: &str, key: &str, id: &str) -> Value {
    let state = world.admin.state().await.unwrap();
    let found = state["accounts"][AUTH_ID][kind].as_array().unwrap().iter().find(|object| object[key] == id).cloned();
    found.unwrap_or(Value::Null)
}
