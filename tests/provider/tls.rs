//! A server that cannot prove who it is gets no request.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use switchboard::provider::transport::TransportOptions;

use crate::{AUTH_ID, OPS, Op, PATIENT, client_with, run};

fn file(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)).expect(name)
}

/// Serves one connection with this certificate; what it could read in plain text comes back.
fn serve(certificate: &str) -> (String, JoinHandle<Vec<u8>>) {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&file(certificate)).collect::<Result<_, _>>().expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(&file("server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).expect("a usable certificate"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    let served = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a connection");
        let mut tls = ServerConnection::new(config).expect("a connection");
        let mut stream = rustls::Stream::new(&mut tls, &mut socket);
        let mut seen = Vec::new();
        let mut piece = [0; 4096];
        while !seen.windows(4).any(|window| window == b"\r\n\r\n") {
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => return seen,
                Ok(read) => seen.extend_from_slice(&piece[..read]),
            }
        }
        let body = format!("{{\"auth_id\": \"{AUTH_ID}\"}}");
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        // The client may be gone already; the outcome is judged there.
        let _ = stream.write_all(answer.as_bytes());
        seen
    });
    (url, served)
}

fn trusting_the_test_root() -> TransportOptions {
    TransportOptions { deadlines: PATIENT, extra_roots: Some(file("root.pem")) }
}

#[tokio::test]
async fn an_extra_root_is_trusted() {
    let (url, served) = serve("good.pem");
    assert_eq!(run(&client_with(&url, trusting_the_test_root()), Op::Identify).await.class, "done");
    assert!(served.join().expect("served").starts_with(b"GET /v1/Account/"));
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_is_refused_and_the_server_sees_no_header() {
    let table = [
        ("expired.pem", "expired certificate"),
        ("wrong_name.pem", "wrong host name in the certificate"),
        ("self_signed.pem", "Plivo cannot be reached: "),
        ("broken_chain.pem", "certificate of an unknown authority"),
    ];
    for (certificate, reason) in table {
        for op in OPS {
            let (url, served) = serve(certificate);
            let told = run(&client_with(&url, trusting_the_test_root()), op).await;
            assert_eq!(told.class, "refused Unreachable", "{certificate}, {op:?}: {}", told.text);
            assert!(told.text.contains(reason), "{certificate}, {op:?}: {}", told.text);
            assert_eq!(served.join().expect("served"), b"", "{certificate}, {op:?}");
        }
    }
}

#[tokio::test]
async fn a_root_that_nobody_named_is_not_trusted() {
    let (url, served) = serve("good.pem");
    let told = run(&client_with(&url, TransportOptions { deadlines: PATIENT, extra_roots: None }), Op::Create).await;
    assert_eq!(told.class, "refused Unreachable");
    assert!(told.text.contains("certificate of an unknown authority"), "{}", told.text);
    assert_eq!(served.join().expect("served"), b"");
}

/// A server hello of TLS 1.1, which no library of ours would write.
const TLS_1_1: [u8; 47] = {
    let mut bytes = [0; 47];
    let head = [0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    let mut at = 0;
    while at < head.len() {
        bytes[at] = head[at];
        at += 1;
    }
    // 32 bytes of random and an empty session id are zero already; then TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, no compression.
    bytes[44] = 0xc0;
    bytes[45] = 0x13;
    bytes
};

#[tokio::test]
async fn tls_1_1_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("an address"));
    let served = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a connection");
        let mut hello = [0; 4096];
        let read = socket.read(&mut hello).expect("a hello");
        socket.write_all(&TLS_1_1).expect("sent");
        let mut rest = Vec::new();
        // The client ends with an alert; a reset instead of a close is as good.
        let _ = socket.read_to_end(&mut rest);
        [&hello[..read], &rest].concat()
    });
    let told = run(&client_with(&url, trusting_the_test_root()), Op::Create).await;
    assert_eq!(told.class, "refused Unreachable", "{}", told.text);
    assert!(told.text.contains("TLS failure"), "{}", told.text);
    let seen = served.join().expect("served");
    assert!(!seen.windows(4).any(|window| window == b"POST"));
}
