//! The clients and the simulators over TLS: with the authority that they are told of they meet, and a certificate that proves nothing gets
//! no request.

use std::path::{Path, PathBuf};

use sandbox::tls::{Bad, Tls};
use sandbox::{carrierx, plivo};
use switchboard::core::fields::Secret;
use switchboard::provider::Provider;
use switchboard::provider::carrierx::CarrierX;
use switchboard::provider::plivo::Plivo;
use switchboard::provider::transport::{BaseUrl, TransportOptions};

use crate::{PATIENT, USERNAME, desired, install, told};

/// The certificate that a simulator has, and what the client says then; nothing if they meet.
const TABLE: [(Option<Bad>, &str); 4] = [
    (None, ""),
    (Some(Bad::Expired), "cannot be reached: expired certificate"),
    (Some(Bad::Name), "cannot be reached: wrong host name in the certificate"),
    (Some(Bad::SelfSigned), "cannot be reached: certificate of an unknown authority"),
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// What `--provider-ca-file` says.
fn trusting(tls: &Tls) -> TransportOptions {
    TransportOptions { deadlines: PATIENT, extra_roots: Some(std::fs::read(tls.ca_file()).expect("the authority")) }
}

/// Reads, then writes; as an outcome in words, and what the client prints.
async fn outcomes(client: &dyn Provider) -> [(String, String); 2] {
    let (read, write) = (told(client.identify().await), told(client.endpoints().create(USERNAME, &desired()).await));
    [(read.class, read.text), (write.class, write.text)]
}

fn judged(what: &str, problem: &str, outcomes: &[(String, String)], requests: usize) {
    if problem.is_empty() {
        assert_eq!(outcomes[0].0, "done", "{what}: {outcomes:?}");
        assert_eq!(requests, outcomes.len(), "{what}");
        return;
    }
    for (class, text) in outcomes {
        assert_eq!(class, "refused Unreachable", "{what}: {text}");
        assert!(text.contains(problem), "{what}: {problem:?} is not in {text}");
    }
    assert_eq!(requests, 0, "{what}: nothing is sent");
}

#[tokio::test]
async fn plivo_is_reached_by_who_trusts_the_authority_and_each_wrong_certificate_is_named() {
    install();
    for (bad, problem) in TABLE {
        let tls = Tls { bad, ..Tls::new(folder("simulator-tls-plivo")) };
        let options = plivo::Options { tls: Some(tls.clone()), ..plivo::Options::default() };
        let simulator = plivo::Simulator::start(options).await.expect("a simulator");
        let credentials = switchboard::provider::plivo::Credentials {
            auth_id: plivo::DEFAULT_AUTH_ID.to_owned(),
            auth_token: Secret::new(plivo::DEFAULT_AUTH_TOKEN.to_owned()),
        };
        let url = BaseUrl::parse(simulator.url()).expect("a base URL");
        let client = Plivo::new(&url, credentials, &trusting(&tls)).expect("a client");
        let requests = async || simulator.admin().requests().await.expect("the request log").len();
        let outcomes = outcomes(&client).await;
        judged(&format!("plivo, {bad:?}"), problem, &outcomes, requests().await);
        if bad.is_none() {
            assert_eq!(outcomes[1].0, "done", "{outcomes:?}");
        }
    }
}

#[tokio::test]
async fn carrierx_is_reached_by_who_trusts_the_authority_and_each_wrong_certificate_is_named() {
    install();
    for (bad, problem) in TABLE {
        let tls = Tls { bad, ..Tls::new(folder("simulator-tls-carrierx")) };
        let options = carrierx::Options { tls: Some(tls.clone()), ..carrierx::Options::default() };
        let simulator = carrierx::Simulator::start(options).await.expect("a simulator");
        let credentials =
            switchboard::provider::carrierx::Credentials { token: Secret::new(carrierx::DEFAULT_TOKEN.to_owned()), partner_sid: None };
        let url = BaseUrl::parse(simulator.url()).expect("a base URL");
        let client = CarrierX::new(&url, credentials, &trusting(&tls)).expect("a client");
        let outcomes = [told(client.identify().await), told(client.endpoints().list(0, 10).await)].map(|told| (told.class, told.text));
        let requests = simulator.admin().requests().await.expect("the request log").len();
        judged(&format!("carrierx, {bad:?}"), problem, &outcomes, requests);
    }
}
