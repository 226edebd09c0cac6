use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::client::Body;
use serde_json::json;

use super::*;

/// What was asked for, in order.
type Asked = Arc<Mutex<Vec<String>>>;

/// An API server that gives the same answer to whatever it is asked.
fn server(status: u16, answer: &Value) -> (Client, Asked) {
    let (asked, answer) = (Asked::default(), answer.to_string());
    let noted = Arc::clone(&asked);
    let service = tower::service_fn(move |request: Request<Body>| {
        noted.lock().expect("nobody panics").push(format!("{} {}", request.method(), request.uri()));
        let body = Body::from(answer.clone().into_bytes());
        std::future::ready(Ok::<_, Infallible>(Response::builder().status(status).body(body).expect("an answer")))
    });
    (Client::new(service, "voice"), asked)
}

fn manifest(object: Value) -> Manifest {
    Manifest { source: "a.yaml".to_owned(), object }
}

#[tokio::test]
async fn of_an_object_whose_place_is_no_place_nothing_is_asked() {
    let (version, invalid) = ("switchboard.dev/v1alpha1", "Invalid value");
    let mut table = Vec::new();
    for bad in ["a?b", "a#b", "a/b", "../x", "alice?x=", "Alice", "a b", "a%2fb", "-a", "a-", "a..b", ".", "\u{e4}", &"x".repeat(254)] {
        for kind in ["SipEndpoint", "PhoneNumberBinding", "ProviderAccount", "ClusterProviderAccount"] {
            table.push((version, kind, bad.to_owned(), "voice".to_owned(), invalid));
        }
        table.push(("v1", "Secret", bad.to_owned(), "voice".to_owned(), invalid));
        table.push((version, "SipEndpoint", "alice".to_owned(), bad.to_owned(), invalid));
        table.push((version, "ClusterProviderAccount", "alice".to_owned(), bad.to_owned(), invalid));
        table.push(("v1", "Secret", "alice".to_owned(), bad.to_owned(), invalid));
    }
    for bad in
        ["switchboard.dev/a?b", "switchboard.dev/a#b", "switchboard.dev/v1alpha1/../b", "switchboard.dev/V1alpha1", "switchboard.dev"]
    {
        table.push((bad, "SipEndpoint", "alice".to_owned(), "voice".to_owned(), "no matches for kind"));
    }
    table.push((version, "SipEndpint", "alice".to_owned(), "voice".to_owned(), "no matches for kind"));
    for (version, kind, name, namespace, words) in table {
        let (client, asked) = server(200, &json!({}));
        let object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": {}});
        let applied = Applied::of(&client, vec![manifest(object.clone())], "voice").await.expect("nothing that ends the plan");
        assert_eq!(*asked.lock().expect("nobody panics"), Vec::<String>::new(), "{object}");
        assert!(matches!(applied.refused.as_slice(), [(_, why)] if why.contains(words)), "{object}: {:?}", applied.refused);
        assert!(applied.secrets.is_empty() && applied.fates.is_empty(), "{object}");
        let (text, outcome) = print(&[], Some(&applied.fates), &applied.refused, false);
        assert_eq!(outcome, Outcome::Failed, "{text}");
    }
}

#[tokio::test]
async fn of_an_object_in_its_place_a_dry_run_is_asked() {
    let (client, asked) = server(200, &json!({"spec": {}}));
    let object = json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": "SipEndpoint", "metadata": {"name": "alice.desk-1"}, "spec": {}});
    let applied = Applied::of(&client, vec![manifest(object)], "voice").await.expect("an answer");
    assert_eq!(applied.refused, []);
    let one = "/apis/switchboard.dev/v1alpha1/namespaces/voice/sipendpoints/alice.desk-1";
    let expected = [format!("GET {one}"), format!("PATCH {one}?dryRun=All&fieldValidation=Strict&fieldManager=kubectl")];
    assert_eq!(*asked.lock().expect("nobody panics"), expected);
}
