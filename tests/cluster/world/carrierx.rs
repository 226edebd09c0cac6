//! The second provider of a world. It is there from when somebody first asks for it, and operators that start after that are told where.

use std::collections::BTreeMap;
use std::sync::Arc;

use sandbox::admin_client::AdminClient;
use sandbox::carrierx::{DEFAULT_TOKEN, Options, PARTNER_SID, Simulator};
use serde_json::{Value, json};
use switchboard::api::SipEndpoint;

use super::{World, merged};

impl World {
    /// Its CarrierX, with the provider's default behaviour unless it was started otherwise.
    pub async fn carrierx(&self) -> &Simulator {
        self.carrierx_with(Options::default()).await
    }

    /// Its CarrierX; the options count if nobody has asked for it before.
    pub async fn carrierx_with(&self, options: Options) -> &Simulator {
        self.carrierx.get_or_init(async || Arc::new(Simulator::start(options).await.expect("a CarrierX simulator"))).await
    }

    /// Its CarrierX, a Secret `carrierx-credentials` with its token, and a ProviderAccount `carrierx`.
    pub async fn with_carrierx(&self, options: Options) -> AdminClient {
        let admin = self.carrierx_with(options).await.admin();
        self.carrierx_account("carrierx", DEFAULT_TOKEN, json!({})).await;
        admin
    }

    /// A Secret with a token and a ProviderAccount that uses it.
    pub async fn carrierx_account(&self, name: &str, token: &str, spec: Value) {
        self.account_at("carrierx", name, &[("token", token)], spec).await;
    }

    /// Applies a SipEndpoint in the account `carrierx`. `carrierx` and `spec` are merged into what every static peer needs.
    pub async fn carrierx_endpoint(&self, name: &str, carrierx: Value, spec: Value) -> SipEndpoint {
        let peer = json!({"type": "third_party", "addresses": [{"ip": "203.0.113.7"}]});
        let spec = merged(json!({"accountRef": {"name": "carrierx"}, "carrierx": merged(peer, carrierx)}), spec);
        self.apply_spec(name, spec).await
    }

    /// The things of one kind (`endpoints`, `trunk_groups`, `dids`) that live in the partner's account, by SID.
    pub async fn carrierx_living(&self, kind: &str) -> BTreeMap<String, Value> {
        let state = self.carrierx().await.admin().state().await.expect("the state");
        let sid = match kind {
            "endpoints" => "endpoint_sid",
            "trunk_groups" => "trunk_group_sid",
            "dids" => "did_sid",
            other => panic!("no {other} in the state"),
        };
        let all = state["accounts"][PARTNER_SID][kind].as_array().expect("a list").iter();
        all.map(|one| (one[sid].as_str().expect("a SID").to_owned(), one.clone())).collect()
    }
}
