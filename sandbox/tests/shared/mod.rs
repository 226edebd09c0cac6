//! What the tests of all simulators ask over HTTP, and how.

use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;

#[path = "program.rs"]
pub mod program;

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub fn client(patience: Duration) -> reqwest::Client {
    client_trusting(patience, None)
}

/// One that trusts this authority, in PEM, and no other.
pub fn client_trusting(patience: Duration, ca: Option<&[u8]>) -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder();
    if let Some(ca) = ca {
        builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(ca).unwrap());
    }
    builder.timeout(patience).no_proxy().redirect(reqwest::redirect::Policy::none()).retry(reqwest::retry::never()).build().unwrap()
}

pub async fn reply(request: reqwest::RequestBuilder) -> reqwest::Result<Reply> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Reply { status, headers, body: response.bytes().await?.to_vec() })
}

pub fn id(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no text {member} in {value}")).to_owned()
}

/// Asks again until something holds, for 10 s at most.
pub async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "it never came true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
