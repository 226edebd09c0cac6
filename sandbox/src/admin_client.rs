//! A client of the admin interface of a simulator (README.md, "Admin interface"). Every call has a deadline.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The deadline of every call: the simulator is on this machine and answers admin calls at once.
const DEADLINE: Duration = Duration::from_secs(10);

/// Asks a simulator for the truth, and plays the people in the provider's console.
#[derive(Clone, Debug)]
pub struct AdminClient {
    base: String,
    http: reqwest::Client,
}

/// An executed effect.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct LedgerEntry {
    /// Place in the ledger, from 1.
    pub seq: u64,
    /// Milliseconds since the simulator started.
    pub at_ms: u64,
    /// The account it happened in.
    pub account: String,
    /// What happened, such as `create_endpoint`.
    pub op: String,
    /// The id of the object.
    pub id: String,
    /// The request body, secrets replaced by `***`.
    pub request: Value,
    /// The object before, null for a create.
    pub before: Value,
    /// The object after, null for a delete.
    pub after: Value,
    /// `api` or `console`.
    pub actor: String,
}

/// A request to the provider's API.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct RequestEntry {
    /// Place in the log, from 1.
    pub n: u64,
    /// Milliseconds since the simulator started.
    pub at_ms: u64,
    /// HTTP method.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Query, secrets replaced by `***`; empty if there is none.
    pub query: String,
    /// The account in the path.
    pub account: Option<String>,
    /// The status that was sent; none while under way and after a cut.
    pub status: Option<u16>,
    /// Whether it had an effect.
    pub executed: bool,
    /// Whether a whole answer was sent.
    pub answered: bool,
    /// The number of its connection, from 1.
    pub connection: u64,
    /// Milliseconds until it ended; none while under way.
    pub duration_ms: Option<u64>,
    /// The id of the request, where the answer that was sent has one.
    pub api_id: Option<String>,
}

impl AdminClient {
    /// A client of the simulator at `url` (its origin). Sends nothing yet.
    ///
    /// # Panics
    /// If no HTTP client can be built, which needs a broken TLS set-up.
    pub fn new(url: &str) -> Self {
        // reqwest insists on a process-wide provider; that one is installed already is no error.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(DEADLINE)
            .no_proxy()
            // The certificate may be wrong on purpose, and nothing that is sent here is a secret.
            .tls_danger_accept_invalid_certs(true)
            .build()
            .expect("a client without options of its own can be built once a TLS provider is installed");
        Self { base: format!("{}/_sandbox", url.trim_end_matches('/')), http }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let what = format!("{method} /_sandbox{path}");
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.with_context(|| what.clone())?;
        let status = response.status();
        let text = response.text().await.with_context(|| what.clone())?;
        if !status.is_success() {
            bail!("{what}: {status}: {text}");
        }
        if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text).with_context(|| what) }
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let value = self.send(Method::GET, path, None).await?;
        serde_json::from_value(value).with_context(|| format!("GET /_sandbox{path}"))
    }

    /// All executed effects in order.
    ///
    /// # Errors
    /// This and all other calls fail if the simulator does not answer within 10 s, or refuses; the error carries its words.
    pub async fn ledger(&self) -> anyhow::Result<Vec<LedgerEntry>> {
        self.ledger_since(0).await
    }

    /// The effects after the entry with `seq` = `n`.
    pub async fn ledger_since(&self, n: u64) -> anyhow::Result<Vec<LedgerEntry>> {
        self.read(&format!("/ledger?since={n}")).await
    }

    /// All requests in order of arrival.
    pub async fn requests(&self) -> anyhow::Result<Vec<RequestEntry>> {
        self.requests_since(0).await
    }

    /// The requests after number `n`.
    pub async fn requests_since(&self, n: u64) -> anyhow::Result<Vec<RequestEntry>> {
        self.read(&format!("/requests?since={n}")).await
    }

    /// `{"accounts": {account: {…}}, "numbers_rented", "numbers_released"}`; at Plivo an account has `parent`, `endpoints`, `numbers` and
    /// `applications`, at CarrierX a partner has `endpoints`, `trunk_groups` and `dids`, and there is `money_spent` besides.
    pub async fn state(&self) -> anyhow::Result<Value> {
        self.read("/state").await
    }

    /// Replaces the fault script.
    pub async fn set_faults(&self, rules: Value) -> anyhow::Result<Value> {
        self.send(Method::PUT, "/faults", Some(rules)).await
    }

    /// The fault script with its counters.
    pub async fn faults(&self) -> anyhow::Result<Value> {
        self.read("/faults").await
    }

    /// Removes all fault rules.
    pub async fn clear_faults(&self) -> anyhow::Result<()> {
        self.send(Method::DELETE, "/faults", None).await.map(drop)
    }

    /// Sets switches, all or none; answers with all of them.
    pub async fn set_switches(&self, values: Value) -> anyhow::Result<Value> {
        self.send(Method::PUT, "/switches", Some(values)).await
    }

    /// All switches.
    pub async fn switches(&self) -> anyhow::Result<Value> {
        self.read("/switches").await
    }

    /// Someone makes an endpoint in the console. Plivo: `username` (digits are appended) or `full_username`, `alias`, `password`, `app_id`,
    /// `account`. CarrierX: any field, as it is given.
    pub async fn create_endpoint(&self, endpoint: Value) -> anyhow::Result<Value> {
        self.send(Method::POST, "/endpoints", Some(endpoint)).await
    }

    /// Someone edits an endpoint in the console. Plivo: `username`, `alias`, `password`, `app_id`. CarrierX: any field.
    pub async fn patch_endpoint(&self, id: &str, changes: Value) -> anyhow::Result<Value> {
        self.send(Method::PATCH, &format!("/endpoints/{id}"), Some(changes)).await
    }

    /// Someone deletes an endpoint in the console.
    pub async fn delete_endpoint(&self, id: &str) -> anyhow::Result<()> {
        self.send(Method::DELETE, &format!("/endpoints/{id}"), None).await.map(drop)
    }

    /// Seeds a number: `number`, `alias`, `app_id`, `sub_account`, `account`, and any other member, shown as given.
    pub async fn create_number(&self, number: Value) -> anyhow::Result<Value> {
        self.send(Method::POST, "/numbers", Some(number)).await
    }

    /// Seeds `count` numbers (100,000 at most) that follow one another from the given one on; members as of
    /// [`AdminClient::create_number`].
    pub async fn create_numbers(&self, mut first: Value, count: u64) -> anyhow::Result<()> {
        first["count"] = json!(count);
        self.create_number(first).await.map(drop)
    }

    /// Someone edits a number in the console.
    pub async fn patch_number(&self, number: &str, changes: Value) -> anyhow::Result<Value> {
        self.send(Method::PATCH, &format!("/numbers/{number}"), Some(changes)).await
    }

    /// Someone takes a number away.
    pub async fn delete_number(&self, number: &str) -> anyhow::Result<()> {
        self.send(Method::DELETE, &format!("/numbers/{number}"), None).await.map(drop)
    }

    /// Seeds an application: `app_name`, `app_id` (made up if missing), the arguments of the API, `account`.
    pub async fn create_application(&self, application: Value) -> anyhow::Result<Value> {
        self.send(Method::POST, "/applications", Some(application)).await
    }

    /// Someone edits an application in the console: `app_name`.
    pub async fn patch_application(&self, app_id: &str, changes: Value) -> anyhow::Result<Value> {
        self.send(Method::PATCH, &format!("/applications/{app_id}"), Some(changes)).await
    }

    /// Someone deletes an application in the console and keeps its endpoints; see [`AdminClient::cascade`].
    pub async fn delete_application(&self, app_id: &str) -> anyhow::Result<()> {
        self.send(Method::DELETE, &format!("/applications/{app_id}"), None).await.map(drop)
    }

    /// A phone registers: `sip_contact`, `sip_user_agent`, `expires_seconds` (default 3600).
    pub async fn register(&self, endpoint_id: &str, phone: Value) -> anyhow::Result<Value> {
        self.send(Method::PUT, &format!("/registrations/{endpoint_id}"), Some(phone)).await
    }

    /// The phone goes away.
    pub async fn unregister(&self, endpoint_id: &str) -> anyhow::Result<()> {
        self.send(Method::DELETE, &format!("/registrations/{endpoint_id}"), None).await.map(drop)
    }

    /// An empty world with the same credentials.
    pub async fn reset(&self) -> anyhow::Result<()> {
        self.send(Method::POST, "/reset", None).await.map(drop)
    }

    /// An application is deleted elsewhere, with its endpoints.
    pub async fn cascade(&self, app_id: &str) -> anyhow::Result<()> {
        self.send(Method::POST, "/cascade", Some(json!({"app_id": app_id}))).await.map(drop)
    }

    /// Makes an account or gives it another token: `auth_token`, `parent` (for a subaccount).
    pub async fn put_account(&self, auth_id: &str, account: Value) -> anyhow::Result<Value> {
        self.send(Method::PUT, &format!("/accounts/{auth_id}"), Some(account)).await
    }

    /// Removes an account with all its objects.
    pub async fn delete_account(&self, auth_id: &str) -> anyhow::Result<()> {
        self.send(Method::DELETE, &format!("/accounts/{auth_id}"), None).await.map(drop)
    }

    /// CarrierX: someone makes a trunk group in the console; `trunks` become its trunks.
    pub async fn create_trunk_group(&self, group: Value) -> anyhow::Result<Value> {
        self.send(Method::POST, "/trunk_groups", Some(group)).await
    }

    /// CarrierX: someone edits a trunk group in the console.
    pub async fn patch_trunk_group(&self, sid: &str, changes: Value) -> anyhow::Result<Value> {
        self.send(Method::PATCH, &format!("/trunk_groups/{sid}"), Some(changes)).await
    }

    /// CarrierX: someone deletes a trunk group with its trunks in the console.
    pub async fn delete_trunk_group(&self, sid: &str) -> anyhow::Result<()> {
        self.send(Method::DELETE, &format!("/trunk_groups/{sid}"), None).await.map(drop)
    }

    /// CarrierX: someone adds a trunk to a group in the console.
    pub async fn create_trunk(&self, group: &str, trunk: Value) -> anyhow::Result<Value> {
        self.send(Method::POST, &format!("/trunk_groups/{group}/trunks"), Some(trunk)).await
    }

    /// CarrierX: someone edits a trunk in the console.
    pub async fn patch_trunk(&self, group: &str, sid: &str, changes: Value) -> anyhow::Result<Value> {
        self.send(Method::PATCH, &format!("/trunk_groups/{group}/trunks/{sid}"), Some(changes)).await
    }

    /// CarrierX: someone deletes a trunk in the console.
    pub async fn delete_trunk(&self, group: &str, sid: &str) -> anyhow::Result<()> {
        self.send(Method::DELETE, &format!("/trunk_groups/{group}/trunks/{sid}"), None).await.map(drop)
    }

    /// CarrierX: seeds a number: `phonenumber` (with or without a plus), `count` (so many that follow one another), and any other field.
    pub async fn create_did(&self, did: Value) -> anyhow::Result<Value> {
        self.send(Method::POST, "/dids", Some(did)).await
    }

    /// CarrierX: someone edits a number in the console, given by its SID or by itself; `trunk_group_sid` points it elsewhere.
    pub async fn patch_did(&self, id: &str, changes: Value) -> anyhow::Result<Value> {
        self.send(Method::PATCH, &format!("/dids/{id}"), Some(changes)).await
    }

    /// CarrierX: someone takes a number away, given by its SID or by itself.
    pub async fn delete_did(&self, id: &str) -> anyhow::Result<()> {
        self.send(Method::DELETE, &format!("/dids/{id}"), None).await.map(drop)
    }

    /// CarrierX: an endpoint gets another `voip_token`.
    pub async fn rotate_voip_token(&self, endpoint: &str) -> anyhow::Result<Value> {
        self.send(Method::POST, &format!("/endpoints/{endpoint}/voip_token"), None).await
    }

    /// CarrierX: changes what the token may do: `scopes` (all of them), `grant`, `drop`; answers with its scopes.
    pub async fn set_scopes(&self, change: Value) -> anyhow::Result<Value> {
        self.send(Method::PUT, "/scopes", Some(change)).await
    }

    /// CarrierX: another `token`; the one before is void unless `keep` is true. It belongs to the same partner and has the same scopes,
    /// unless `partner_sid` or `scopes` say otherwise. Answers with the scopes.
    pub async fn set_token(&self, token: Value) -> anyhow::Result<Value> {
        self.send(Method::PUT, "/token", Some(token)).await
    }

    /// CarrierX: another token of the same partner with the same scopes; the one before is void.
    pub async fn rotate_token(&self, token: &str) -> anyhow::Result<Value> {
        self.set_token(json!({"token": token})).await
    }
}
