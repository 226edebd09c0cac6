//! `/healthz` and `/readyz`, which name gates and nothing else (no object, no account), and further pages beside them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tracing::info;

/// What must be true before the operator is ready, by name.
#[derive(Clone, Debug, Default)]
pub struct Gates(Arc<Mutex<BTreeMap<&'static str, bool>>>);

impl Gates {
    /// Names a gate that is closed until [`Gates::open`] is called.
    pub fn add(&self, gate: &'static str) {
        self.lock().entry(gate).or_insert(false);
    }

    /// The gate is passed.
    pub fn open(&self, gate: &'static str) {
        self.lock().insert(gate, true);
    }

    /// What the gate stands for holds no more.
    pub fn close(&self, gate: &'static str) {
        self.lock().insert(gate, false);
    }

    /// The gates that are still closed.
    pub fn missing(&self) -> Vec<&'static str> {
        self.lock().iter().filter(|(_, open)| !**open).map(|(gate, _)| *gate).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until the process ends. The process lives exactly as long as all its tasks do, so `/healthz` needs no state.
///
/// # Errors
/// If the address cannot be listened on.
pub async fn serve(listen: SocketAddr, gates: Gates, pages: Router) -> anyhow::Result<()> {
    let router = Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready)).with_state(gates).merge(pages);
    let listener = TcpListener::bind(listen).await.map_err(|error| anyhow::anyhow!("--health-listen {listen}: {error}"))?;
    info!(address = %listener.local_addr()?, "serving /healthz, /readyz and /metrics");
    axum::serve(listener, router).await?;
    Ok(())
}

async fn ready(State(gates): State<Gates>) -> (StatusCode, String) {
    match gates.missing().as_slice() {
        [] => (StatusCode::OK, "ok".into()),
        missing => (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for: {}", missing.join(", "))),
    }
}
