//! The connection layer: how connections really break.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use sandbox::http::{IDLE, Server};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{AUTH_ID, World};

const DEADLINE: Duration = Duration::from_secs(10);

/// Sends a request by hand and reads until the connection ends; what came, and how it ended.
async fn raw(world: &World, request: String) -> (String, std::io::Result<()>) {
    let mut stream = TcpStream::connect(world.simulator.url().trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let end = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.expect("the connection never ends").map(drop);
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

fn list_request(world: &World) -> String {
    let built = world.request(http::Method::GET, "Endpoint/").build().unwrap();
    let authorization = built.headers()["authorization"].to_str().unwrap().to_owned();
    format!("GET /v1/Account/{AUTH_ID}/Endpoint/ HTTP/1.1\r\nhost: x\r\nauthorization: {authorization}\r\n\r\n")
}

#[tokio::test]
async fn a_cut_is_a_reset_and_sends_nothing() {
    for answer in ["cut_before", "cut_after"] {
        let world = World::new().await;
        world.admin.set_faults(json!([{"answer": answer}])).await.unwrap();
        let (text, end) = raw(&world, list_request(&world)).await;
        assert_eq!(text, "", "{answer}");
        assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset, "{answer}");
    }
}

#[tokio::test]
async fn a_truncated_answer_announces_more_than_it_sends() {
    let world = World::new().await;
    let (whole, _) = raw(&world, list_request(&world).replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n")).await;
    let body = whole.split_once("\r\n\r\n").unwrap().1.len();
    world.admin.set_faults(json!([{"answer": "truncate"}])).await.unwrap();
    let (half, _) = raw(&world, list_request(&world)).await;
    let (head, sent) = half.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("content-length: {body}")), "{head}");
    assert_eq!(sent.len(), body / 2);
}

#[tokio::test]
async fn bytes_after_a_204_poison_only_their_own_connection() {
    let world = World::with(&[("delete_body", "bytes")]).await;
    let endpoint = world.endpoint("alice").await;
    assert_eq!(world.delete(&format!("Endpoint/{endpoint}/")).await.status, 204);
    let fresh = crate::support::client(DEADLINE);
    let request = fresh.get(format!("{}/v1/Account/{AUTH_ID}/", world.simulator.url())).basic_auth(AUTH_ID, Some(&world.user.1));
    assert_eq!(crate::support::reply(request).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time_and_that_is_75_seconds() {
    assert_eq!(IDLE, Duration::from_secs(75));
    let router = Router::new().route("/", get(|| async { "here" }));
    let server = Server::start("127.0.0.1:0".parse().unwrap(), router, Duration::from_millis(500)).await.unwrap();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.expect("it is never closed").unwrap();
    assert!(String::from_utf8_lossy(&bytes).ends_with("here"));
}

#[tokio::test]
async fn a_stopped_simulator_listens_no_more_and_cuts_what_is_open() {
    let world = World::new().await;
    let address = world.simulator.url().trim_start_matches("http://").to_owned();
    let mut open = TcpStream::connect(&address).await.unwrap();
    open.write_all(b"GET / HT").await.unwrap();
    world.simulator.stop().await;
    assert!(TcpStream::connect(&address).await.is_err());
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(DEADLINE, open.read_to_end(&mut rest)).await.expect("the open connection stays");
    assert!(ended.is_err() || rest.is_empty());
}
