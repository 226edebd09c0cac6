//! HTTPS: what is promised about the authority, and that connections break over TLS as they do without.

use std::time::Duration;

use http::Method;
use sandbox::plivo::{Options, Simulator};
use sandbox::tls::{Bad, Tls};
use sandbox::{admin_client::AdminClient, carrierx};
use serde_json::json;

use crate::shared::program::{refused, signalled, started};
use crate::support::{World, client_trusting, folder};

const PATIENCE: Duration = Duration::from_secs(10);

/// Whether a client that trusts what is in the folder gets an answer, whatever it is; else all that it says.
async fn reaches(url: &str, ca: &[u8]) -> Result<(), String> {
    match client_trusting(PATIENCE, Some(ca)).get(url).send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{error:?}")),
    }
}

#[tokio::test]
async fn simulators_that_share_a_folder_share_the_authority_also_one_after_the_other() {
    let tls = Tls::new(folder("tls-shared").join("not/there/yet"));
    let plivo = || Simulator::start(Options { tls: Some(tls.clone()), ..Options::default() });
    let carrierx = || carrierx::Simulator::start(carrierx::Options { tls: Some(tls.clone()), ..carrierx::Options::default() });
    let (first, second) = tokio::join!(tokio::spawn(plivo()), tokio::spawn(carrierx()));
    let (first, second) = (first.unwrap().unwrap(), second.unwrap().unwrap());
    let ca = std::fs::read(tls.ca_file()).unwrap();
    for url in [first.url(), second.url()] {
        assert!(url.starts_with("https://127.0.0.1:"), "{url}");
        assert_eq!(reaches(url, &ca).await, Ok(()));
        assert_eq!(reaches(&url.replace("127.0.0.1", "localhost"), &ca).await, Ok(()));
    }
    first.stop().await;
    // Who has taken a copy need not take another one.
    assert_eq!(reaches(plivo().await.unwrap().url(), &ca).await, Ok(()));
    let files: Vec<_> = std::fs::read_dir(&tls.dir).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files.len(), 2, "the authority and its key: {files:?}");
    // Another folder, another authority.
    let other = Tls::new(folder("tls-other"));
    let other = Simulator::start(Options { tls: Some(other), ..Options::default() }).await.unwrap();
    assert!(reaches(other.url(), &ca).await.unwrap_err().contains("UnknownIssuer"));
}

#[tokio::test]
async fn each_wrong_certificate_is_wrong_in_the_one_way_that_its_name_says() {
    for (bad, problem) in [(Bad::Expired, "ExpiredContext"), (Bad::Name, "NotValidForNameContext"), (Bad::SelfSigned, "UnknownIssuer")] {
        let tls = Tls { bad: Some(bad), ..Tls::new(folder("tls-bad")) };
        let simulator = Simulator::start(Options { tls: Some(tls.clone()), ..Options::default() }).await.unwrap();
        let said = reaches(simulator.url(), &std::fs::read(tls.ca_file()).unwrap()).await.unwrap_err();
        assert!(said.contains(&format!("InvalidCertificate({problem}")), "{bad:?}: {said}");
        // The admin interface is for tests, which want to know what was sent.
        assert!(simulator.admin().requests().await.unwrap().is_empty(), "{bad:?}");
    }
}

#[tokio::test]
async fn over_tls_a_cut_is_a_reset_a_hang_lasts_and_bytes_follow_a_204() {
    let mut world = World::over_tls("tls-wire").await;
    for answer in ["cut_before", "cut_after"] {
        world.admin.set_faults(json!([{"answer": answer}])).await.unwrap();
        let error = world.try_call(Method::GET, "Endpoint/", None).await.unwrap_err();
        let reset = format!("{error:?}").contains("kind: ConnectionReset");
        assert!(reset, "{answer}: {error:?}");
    }
    world.admin.clear_faults().await.unwrap();
    world.switch("delete_body", "bytes").await;
    let endpoint = world.endpoint("alice").await;
    assert_eq!(world.delete(&format!("Endpoint/{endpoint}/")).await.status, 204);
    // Only that connection is poisoned.
    let again = async || world.try_call(Method::GET, "Endpoint/", None).await.map(|reply| reply.status);
    assert!(matches!((again().await, again().await), (Ok(200), Ok(200)) | (Err(_), Ok(200))));

    let ca = std::fs::read(folder_of("tls-wire").ca_file()).unwrap();
    world.http = client_trusting(Duration::from_millis(500), Some(&ca));
    world.admin.set_faults(json!([{"answer": "hang"}])).await.unwrap();
    assert!(world.try_call(Method::GET, "Endpoint/", None).await.unwrap_err().is_timeout());
}

/// Of a world over TLS.
fn folder_of(name: &str) -> Tls {
    Tls::new(std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
}

#[tokio::test]
async fn who_speaks_no_tls_gets_no_answer_and_is_in_nobodys_way() {
    let world = World::over_tls("tls-plain").await;
    let plain = world.simulator.url().replace("https://", "http://");
    assert!(crate::support::client(PATIENCE).get(plain).send().await.is_err());
    assert_eq!(world.get("Endpoint/").await.status, 200);
    assert_eq!(world.admin.requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_programs_say_https_and_refuse_what_is_no_certificate_of_theirs() {
    let tls = Tls::new(folder("tls-program"));
    let dir = tls.dir.to_str().unwrap();
    for provider in ["plivo", "carrierx"] {
        let (child, _, url) = started(&[provider, "--tls", dir]).await;
        assert_eq!(reaches(&url, &std::fs::read(tls.ca_file()).unwrap()).await, Ok(()), "{provider}");
        signalled(child, "-TERM").await;
        let (child, _, url) = started(&[provider, "--tls", dir, "--tls-bad", "self-signed"]).await;
        let said = reaches(&url, &std::fs::read(tls.ca_file()).unwrap()).await.unwrap_err();
        assert!(said.contains("UnknownIssuer"), "{provider}: {said}");
        assert!(AdminClient::new(&url).requests().await.unwrap().is_empty(), "{provider}");
        signalled(child, "-TERM").await;
        refused(&[provider, "--tls", dir, "--tls-bad", "old"], "expired, name, self-signed").await;
        refused(&[provider, "--tls-bad", "expired"], "--tls <DIR>").await;
        refused(&[provider, "--tls", "/proc/nowhere"], "--tls /proc/nowhere").await;
    }
    std::fs::write(tls.dir.join("ca.key"), "hello").unwrap();
    refused(&["plivo", "--tls", dir], "ca.key holds no key; remove it for a new one").await;
}
