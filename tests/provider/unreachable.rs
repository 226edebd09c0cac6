//! What fails before the first byte is Refused, and says what failed. The proxy settings are the process's, so these tests run
//! in a process of their own.

use std::process::Command;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::script::{Act, Server, http};
use crate::{AUTH_ID, Deadlines, OPS, PATIENT, client, run};

const CHILD: &str = "SWITCHBOARD_TEST_CHILD";
const PROXIES: [&str; 8] = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];

/// Runs the named test again in a process with these settings. False in that process: the test goes on there.
fn in_a_child(test: &str, settings: &[(&str, String)]) -> bool {
    if std::env::var_os(CHILD).is_some() {
        return false;
    }
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    for name in PROXIES {
        command.env_remove(name);
    }
    command.args(["--exact", test, "--nocapture"]).env(CHILD, "1").envs(settings.iter().map(|(name, value)| (name, value)));
    let output = command.output().expect("a child");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    true
}

async fn refused(base: &str, deadlines: Deadlines, reason: &str) {
    let client = client(base, deadlines);
    for op in OPS {
        let told = run(&client, op).await;
        assert_eq!(told.class, "refused Unreachable", "{op:?}: {}", told.text);
        assert!(told.text.contains(reason), "{op:?}: {}", told.text);
        assert!(!told.text.contains(AUTH_ID), "{op:?} shows a URL: {}", told.text);
    }
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    refused(&format!("http://{address}"), PATIENT, "connection refused").await;
}

#[tokio::test]
async fn a_server_that_never_finishes_the_handshake_is_refused() {
    // The kernel accepts the connection and nobody ever answers the TLS hello.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let deadlines = Deadlines { connect: Duration::from_millis(200), ..PATIENT };
    refused(&format!("https://{address}"), deadlines, "connect time-out").await;
    drop(listener);
}

#[tokio::test]
async fn a_server_that_closes_during_the_handshake_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    refused(&format!("https://{address}"), PATIENT, "Plivo cannot be reached: ").await;
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_refused() {
    if in_a_child("unreachable::a_name_that_does_not_resolve_is_refused", &[]) {
        return;
    }
    refused("https://provider.invalid", PATIENT, "name resolution failed").await;
}

#[tokio::test]
async fn a_proxy_that_wants_credentials_is_refused_and_sees_no_header_of_ours() {
    const NAME: &str = "unreachable::a_proxy_that_wants_credentials_is_refused_and_sees_no_header_of_ours";
    if std::env::var_os(CHILD).is_some() {
        return refused("https://provider.invalid", PATIENT, "the proxy wants credentials (407 to CONNECT)").await;
    }
    let proxy = Server::start(|_| Act::SayAndClose(http(407, "", ""))).await;
    let settings = [("HTTPS_PROXY", proxy.url())];
    // The child is awaited on another thread, so that the proxy can answer it.
    tokio::task::spawn_blocking(move || in_a_child(NAME, &settings)).await.expect("the child passes");
    let requests = proxy.requests();
    assert_eq!(requests.len(), OPS.len());
    for seen in requests {
        assert_eq!(seen.line(), "CONNECT provider.invalid:443");
        assert_eq!(seen.header("authorization"), None);
        assert!(!seen.head.contains(AUTH_ID), "{}", seen.head);
    }
}

#[tokio::test]
async fn a_loopback_address_bypasses_every_proxy() {
    const NAME: &str = "unreachable::a_loopback_address_bypasses_every_proxy";
    if std::env::var_os(CHILD).is_some() {
        let server = Server::start(|_| Act::Say(http(500, "", ""))).await;
        let client = client(&server.url(), PATIENT);
        for op in OPS {
            assert_eq!(run(&client, op).await.class, "unknown Status(500)", "{op:?}");
        }
        assert_eq!(server.requests().len(), OPS.len());
        return;
    }
    let proxy = Server::start(|_| Act::SayAndClose(http(407, "", ""))).await;
    let settings = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"].map(|name| (name, proxy.url()));
    tokio::task::spawn_blocking(move || in_a_child(NAME, &settings)).await.expect("the child passes");
    assert_eq!(proxy.connections(), 0);
}
