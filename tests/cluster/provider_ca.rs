//! `--provider-ca-file`: an operator and a provider behind an authority of its own.

use std::path::{Path, PathBuf};

use sandbox::plivo;
use sandbox::tls::{Bad, Tls};
use serde_json::json;

use super::observe::{account_message, account_reason};
use super::world::World;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_authority_that_it_is_told_of_the_operator_works_over_tls_and_a_wrong_certificate_is_named_on_the_account() {
    let table = [
        (None, ""),
        (Some(Bad::Expired), "expired certificate"),
        (Some(Bad::Name), "wrong host name in the certificate"),
        (Some(Bad::SelfSigned), "certificate of an unknown authority"),
    ];
    for (bad, problem) in table {
        let tls = Tls { bad, ..Tls::new(folder("provider-ca")) };
        let world = World::with("provider-ca", plivo::Options { tls: Some(tls.clone()), ..plivo::Options::default() }).await;
        let ca = tls.ca_file();
        let operator = world.operator_with(&["--provider-ca-file", ca.to_str().expect("text")], &[]).await;
        world.endpoint("alice", json!({}), json!({})).await;
        if bad.is_none() {
            world.ready("alice").await;
            world.exactly_one("alice").await;
        } else {
            let account = account_reason(&world, "plivo", "ProviderUnreachable").await;
            let message = account_message(&account);
            assert!(message.contains(problem), "{bad:?}: {message}");
            world.reason("alice", "AccountNotReady").await;
            assert!(world.admin.requests().await.expect("the request log").is_empty(), "{bad:?}: nothing is sent");
        }
        assert!(operator.terminate().await.0);
    }
}
