use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::client::Body;
use serde_json::json;

use super::*;
use crate::api::condition::Reason;
use crate::core::action::Finding;
use crate::core::plan::End;

/// Keys of a Secret.
type Keys = &'static [&'static str];
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

#[tokio::test]
async fn who_brings_the_namespace_along_is_told_to_apply_it_first() {
    let (client, _) = server(404, &json!({"message": "namespaces \"new\" not found"}));
    let namespace = manifest(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new"}}));
    let object = json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": "SipEndpoint", "metadata": {"name": "alice", "namespace": "new"}, "spec": {}});
    for (manifests, expected) in [
        (vec![manifest(object.clone())], false),
        (vec![namespace.clone(), manifest(object.clone())], true),
        (vec![manifest(object), namespace], true),
    ] {
        let applied = Applied::of(&client, manifests, "voice").await.expect("an answer");
        let (_, why) = applied.refused.first().expect("it cannot be applied");
        assert!(why.starts_with("namespaces \"new\" not found"), "{why}");
        assert_eq!(why.contains("Namespace new is among the manifests"), expected, "{why}");
    }
}

#[tokio::test]
async fn a_secret_loses_the_keys_that_an_apply_takes_away() {
    let text = |keys: Keys| Value::Object(keys.iter().map(|key| ((*key).to_owned(), json!("dmFsdWU="))).collect());
    // What the Secret has, what the last apply has written to `data`, what the manifest has there: what there will be.
    let table: [(Keys, Option<Keys>, Keys, Option<Keys>); 5] = [
        (&["a", "b"], Some(&["a", "b"]), &["a"], Some(&["a"])),
        (&["a", "b", "c"], Some(&["a", "b"]), &["a"], Some(&["a", "c"])),
        (&["a", "b"], Some(&["a"]), &["a"], None),
        (&["a", "b"], None, &["a"], None),
        (&["a"], Some(&["a"]), &["b"], Some(&["b"])),
    ];
    for (live, last, new, expected) in table {
        let last = last.map(|last| json!({"data": text(last), "stringData": text(&["c"])}).to_string());
        let annotations = last.map(|last| json!({"kubectl.kubernetes.io/last-applied-configuration": last}));
        let (client, _) = server(200, &json!({"metadata": {"name": "alice-sip", "annotations": annotations}, "data": text(live)}));
        let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "alice-sip"}, "data": text(new)});
        let found = apply::secret(&client, &manifest(object), "voice").await.expect("a Secret");
        let found = found.map(|secret| secret.data.unwrap_or_default().into_keys().collect::<Vec<_>>());
        assert_eq!(
            found.as_deref(),
            expected.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>()).as_deref(),
            "{live:?} {new:?}"
        );
    }
}

#[test]
fn new_credentials_concern_their_account_of_either_kind_and_whoever_uses_it() {
    let spec = json!({"plivo": {"credentialsSecretRef": {"name": "keys"}}});
    let own = json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": "ProviderAccount", "metadata": {"name": "own", "namespace": "voice"}, "spec": spec});
    let shared = json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": "ClusterProviderAccount", "metadata": {"name": "company"}, "spec": {"plivo": spec["plivo"], "allowedNamespaces": []}});
    let endpoint = |name: &str, account: Value| {
        let object = json!({"apiVersion": "switchboard.dev/v1alpha1", "kind": "SipEndpoint", "metadata": {"name": name, "namespace": "voice"}, "spec": {"accountRef": account, "plivo": {}}});
        serde_json::from_value(object).expect("a SipEndpoint")
    };
    let cluster = Cluster {
        endpoints: vec![
            endpoint("alice", json!({"name": "own"})),
            endpoint("bob", json!({"kind": "ClusterProviderAccount", "name": "company"})),
        ],
        accounts: vec![serde_json::from_value(own).expect("a ProviderAccount")],
        shared: vec![serde_json::from_value(shared).expect("a ClusterProviderAccount")],
        ..Cluster::default()
    };
    let (own, company) = (ObjectKey::account("voice", "own"), ObjectKey::cluster_account("company"));
    for (namespace, account, user) in [("voice", own, "alice"), ("operators", company, "bob")] {
        for before in [None, Some(Fate::Same), Some(Fate::New)] {
            let secret = serde_json::from_value(json!({"metadata": {"name": "keys", "namespace": namespace}})).expect("a Secret");
            let fates = before.iter().map(|fate| (account.clone(), fate.clone())).collect();
            let mut applied = Applied { secrets: vec![secret], fates, ..Applied::default() };
            let concerned = applied.concerned(&cluster, "operators");
            assert_eq!(concerned, BTreeSet::from([account.clone(), ObjectKey::endpoint("voice", user)]));
            let expected = before.filter(|fate| *fate == Fate::New).unwrap_or(Fate::Renewed);
            assert_eq!(applied.fates.get(&account), Some(&expected));
        }
    }
}

#[tokio::test]
async fn the_namespaces_of_manifests_are_looked_at_whatever_becomes_of_the_manifests() {
    let version = "switchboard.dev/v1alpha1";
    let table = [
        (json!({"apiVersion": version, "kind": "SipEndpoint", "metadata": {"name": "alice"}, "spec": {}}), vec!["voice"]),
        (
            json!({"apiVersion": version, "kind": "SipEndpoint", "metadata": {"name": "alice", "namespace": "sales"}, "spec": {}}),
            vec!["sales"],
        ),
        (json!({"apiVersion": version, "kind": "SipEndpoint", "metadata": {"name": "Alice?"}, "spec": {}}), vec!["voice"]),
        (json!({"apiVersion": version, "kind": "SipEndpoint", "metadata": {"name": "alice", "namespace": "a?b"}, "spec": {}}), vec![]),
        (json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}}), vec!["voice"]),
        (json!({"apiVersion": version, "kind": "ClusterProviderAccount", "metadata": {"name": "company"}, "spec": {}}), vec![]),
        (json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dial-plan"}}), vec![]),
    ];
    for (object, expected) in table {
        for (status, answer) in [(200, json!({"spec": {}})), (403, json!({"message": "forbidden"}))] {
            let (client, _) = server(status, &answer);
            let applied = Applied::of(&client, vec![manifest(object.clone())], "voice").await.expect("nothing that ends the plan");
            let found: Vec<&str> = applied.spaces.iter().map(String::as_str).collect();
            assert_eq!(found, expected, "{status}: {object}");
        }
    }
}

#[test]
fn the_installation_of_an_account_counts_if_something_planned_has_to_do_with_it() {
    let account = |namespace: &str, name: &str, installation: &str| {
        let object = json!({
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"plivo": {"credentialsSecretRef": {"name": "keys"}}},
            "status": {"installation": installation},
        });
        serde_json::from_value(object).expect("a ProviderAccount")
    };
    let shared = |name: &str, installation: &str| {
        let object = json!({
            "metadata": {"name": name},
            "spec": {"plivo": {"credentialsSecretRef": {"name": "keys"}}, "allowedNamespaces": []},
            "status": {"installation": installation},
        });
        serde_json::from_value(object).expect("a ClusterProviderAccount")
    };
    let endpoint = |namespace: &str, account: Value| {
        let object = json!({"metadata": {"name": "alice", "namespace": namespace}, "spec": {"accountRef": account, "plivo": {}}});
        serde_json::from_value(object).expect("a SipEndpoint")
    };
    let binding = |namespace: &str, account: Value| {
        let spec = json!({"accountRef": account, "number": "+14155550123", "target": {"app_id": "1"}});
        let object = json!({"metadata": {"name": "main", "namespace": namespace}, "spec": spec});
        serde_json::from_value(object).expect("a PhoneNumberBinding")
    };
    let cluster = Cluster {
        accounts: vec![account("voice", "plivo", "own"), account("theirs", "plivo", "abc")],
        shared: vec![shared("company", "own"), shared("foreign", "abc")],
        endpoints: vec![
            endpoint("voice", json!({"name": "plivo"})),
            endpoint("theirs", json!({"name": "plivo"})),
            endpoint("far", json!({"kind": "ClusterProviderAccount", "name": "foreign"})),
        ],
        bindings: vec![
            binding("voice", json!({"kind": "ClusterProviderAccount", "name": "company"})),
            binding("theirs", json!({"name": "plivo"})),
        ],
        ..Cluster::default()
    };
    let (alice, main) =
        (|namespace: &str| ObjectKey::endpoint(namespace, "alice"), |namespace: &str| ObjectKey::binding(namespace, "main"));
    let table = [
        (vec![], None),
        (vec![alice("voice"), main("voice")], None),
        (vec![ObjectKey::cluster_account("company"), ObjectKey::account("voice", "plivo")], None),
        (vec![ObjectKey::account("new", "plivo")], None),
        (vec![alice("voice"), alice("theirs")], Some("ProviderAccount theirs/plivo")),
        (vec![main("theirs")], Some("ProviderAccount theirs/plivo")),
        (vec![alice("far")], Some("ClusterProviderAccount foreign")),
        (vec![ObjectKey::account("theirs", "plivo")], Some("ProviderAccount theirs/plivo")),
        (vec![ObjectKey::cluster_account("foreign")], Some("ClusterProviderAccount foreign")),
    ];
    for (wanted, expected) in table {
        let wanted: BTreeSet<ObjectKey> = wanted.into_iter().collect();
        match (same_installation(&cluster, &wanted, "own"), expected) {
            (Ok(()), None) => {}
            (Err(error), Some(named)) => {
                let said = error.to_string();
                assert!(said.contains(&format!("the operator here is installation abc, as {named} says")), "{wanted:?}: {said}");
            }
            (found, expected) => panic!("{wanted:?}: {found:?}, not {expected:?}"),
        }
    }
}

#[test]
fn what_differs_and_is_left_so_is_not_unchanged_unless_it_is_none_of_the_manifests_business() {
    let planned = |name: &str, reason: Reason, message: &str| Planned {
        key: ObjectKey::endpoint("voice", name),
        steps: Vec::new(),
        actions: Vec::new(),
        end: Ok(End::Rest(Finding::new(reason, message))),
    };
    let (carol, other) = (planned("carol", Reason::Drifted, "left so"), planned("other", Reason::Available, ""));
    let fates = |of: &[&str]| -> Fates { of.iter().map(|name| (ObjectKey::endpoint("voice", *name), Fate::Same)).collect() };
    let both = [carol, other];
    for (fates, outcome, summary) in [
        (None, Outcome::Changes, "1 unchanged, 1 differs and stays as it is (see above).\n"),
        (Some(fates(&["carol", "other"])), Outcome::Changes, "1 unchanged, 1 differs and stays as it is (see above).\n"),
        (Some(fates(&["other"])), Outcome::Nothing, "1 unchanged.\n"),
    ] {
        let (text, found) = print(&both, fates.as_ref(), &[], false);
        assert_eq!(found, outcome, "{text}");
        assert!(text.ends_with(summary), "{text}");
        assert_eq!(text.contains("differs and stays as it is (Drifted): left so."), outcome == Outcome::Changes, "{text}");
        // To show more says nothing else.
        let (text, found) = print(&both, fates.as_ref(), &[], true);
        assert_eq!(found, outcome, "{text}");
        assert!(text.ends_with(summary) && text.contains("(Drifted)"), "{text}");
    }
}

#[test]
fn what_only_people_look_at_changes_nothing_for_those_that_follow() {
    let object = json!({"metadata": {"name": "alice", "namespace": "voice"}, "spec": {"accountRef": {"name": "own"}, "plivo": {}}});
    let cluster = Cluster { endpoints: vec![serde_json::from_value(object).expect("a SipEndpoint")], ..Cluster::default() };
    let (account, alice) = (ObjectKey::account("voice", "own"), ObjectKey::endpoint("voice", "alice"));
    for (field, follows) in [("metadata.labels.team", false), ("metadata.annotations.switchboard.dev/paused", true), ("spec.budget", true)]
    {
        let fates = Fates::from([(account.clone(), Fate::Changed(vec![field.to_owned()]))]);
        let wanted = Applied { fates, ..Applied::default() }.concerned(&cluster, "operators");
        assert!(wanted.contains(&account), "{field}: it is told");
        assert_eq!(wanted.contains(&alice), follows, "{field}");
    }
}
