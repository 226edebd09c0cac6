use serde_json::json;

use super::*;
use crate::api::refs::{AccountKind, ProviderKind};
use crate::api::{PhoneNumberBinding, SipEndpoint};
use crate::core::capabilities::Capabilities;
use crate::core::fields::Fields;
use crate::core::mark::{Installation, Mark, Place};
use crate::provider::{carrierx, plivo};

const ACCOUNT: &str = "MAXXXXXXXXXXXXXXXXXX";

fn text(text: &str) -> Field {
    Field::Text(text.to_owned())
}

fn remote(id: &str, username: &str, alias: &str) -> Remote {
    Remote {
        id: id.to_owned(),
        username: username.to_owned(),
        sip_uri: None,
        registration: None,
        fields: Fields::from([("alias", text(alias)), ("app_id", text("16638156474000802"))]),
        password_digest: None,
        role: Role::Own,
    }
}

fn number(number: &str, alias: &str, app_id: &str) -> Number {
    Number::new(number, Fields::from([("alias", text(alias)), ("app_id", text(app_id)), ("subaccount", text(""))]))
}

fn listed(endpoints: Vec<Remote>, numbers: Vec<Number>) -> Listed {
    of(plivo::CAPABILITIES, ACCOUNT, endpoints, numbers)
}

fn of(capabilities: Capabilities, id: &str, endpoints: Vec<Remote>, numbers: Vec<Number>) -> Listed {
    let account = AccountId { provider: capabilities.provider, id: id.to_owned() };
    Listed { account, capabilities, endpoints, numbers, unproven: Vec::new(), calls: 0 }
}

fn none() -> Objects {
    Objects { endpoints: Vec::new(), bindings: Vec::new(), everywhere: true }
}

fn wish() -> Wish<'static> {
    Wish {
        namespace: "voice",
        account: AccountRef { kind: AccountKind::ProviderAccount, name: "plivo".to_owned() },
        allowed: None,
        installation: None,
        from_installation: None,
        filter: None,
        unassigned: false,
    }
}

fn files(plan: &Plan) -> Vec<&str> {
    plan.documents.iter().map(|document| document.file.as_str()).collect()
}

fn marked(installation: &str, name: &str) -> String {
    format!("{}131031145958", Mark::new(Place::Username, &Installation::new(installation), "voice", name, "alice"))
}

fn object(value: Value) -> SipEndpoint {
    serde_json::from_value(value).expect("a SipEndpoint")
}

#[test]
fn manifests_read_well_and_say_nothing_that_holds_anyway() {
    let mut bare = remote("32866729519064", "bob131031145958", "");
    bare.fields.insert("app_id", text(""));
    let all = listed(
        vec![
            remote("14659095951490", "alice131031145958", "alice-desk"),
            remote("14659095951491", "carol131031145958", "Empfang Süd\n#1"),
            bare,
        ],
        vec![number("14155550123", "Main line: \"Berlin\"", "16638156474000802")],
    );
    let plan = written(&all, &none(), &wish());
    let documents: String = plan.documents.iter().map(|document| format!("== {}\n{}", document.file, document.text)).collect();
    let expected = r#"== phonenumberbinding-main-line-berlin.yaml
# Number +14155550123 at Plivo, alias Main line: "Berlin".
apiVersion: switchboard.dev/v1alpha1
kind: PhoneNumberBinding
metadata:
  name: main-line-berlin
  namespace: voice
spec:
  accountRef:
    name: plivo
  alias: "Main line: \"Berlin\""
  number: "+14155550123"
  target:
    app_id: "16638156474000802"
== sipendpoint-alice-desk.yaml
# Endpoint 14659095951490 at Plivo: username alice131031145958, alias alice-desk. Its password is left as it is;
# plivo.passwordSecretRef names the Secret that is to hold it.
apiVersion: switchboard.dev/v1alpha1
kind: SipEndpoint
metadata:
  name: alice-desk
  namespace: voice
spec:
  accountRef:
    name: plivo
  adopt:
    endpoint_id: "14659095951490"
  plivo:
    alias: alice-desk
    app_id: "16638156474000802"
== sipendpoint-bob131031145958.yaml
# Endpoint 32866729519064 at Plivo: username bob131031145958. Its password is left as it is;
# plivo.passwordSecretRef names the Secret that is to hold it.
apiVersion: switchboard.dev/v1alpha1
kind: SipEndpoint
metadata:
  name: bob131031145958
  namespace: voice
spec:
  accountRef:
    name: plivo
  adopt:
    endpoint_id: "32866729519064"
  plivo: {}
== sipendpoint-empfang-sued-1.yaml
# Endpoint 14659095951491 at Plivo: username carol131031145958, alias Empfang Süd�#1. Its password is left as it
# is; plivo.passwordSecretRef names the Secret that is to hold it.
# Left as it is, because no manifest can say it: alias: a manifest takes 1 to 50 letters, digits, dashes and
# underscores.
apiVersion: switchboard.dev/v1alpha1
kind: SipEndpoint
metadata:
  name: empfang-sued-1
  namespace: voice
spec:
  accountRef:
    name: plivo
  adopt:
    endpoint_id: "14659095951491"
  plivo:
    app_id: "16638156474000802"
"#;
    assert_eq!(documents, expected);
    assert_eq!((plan.left_out.len(), plan.partial.len(), plan.endpoints, plan.numbers), (0, 1, 3, 1));
    assert!(
        plan.partial[0]
            .starts_with("endpoint 14659095951491 (Empfang Süd\u{fffd}#1), sipendpoint-empfang-sued-1.yaml: left as it is: alias: "),
        "{:?}",
        plan.partial
    );
    for document in &plan.documents {
        let read: Value = serde_saphyr::from_str(&document.text).expect("YAML");
        match read["kind"].as_str() {
            Some("SipEndpoint") => drop(object(read)),
            _ => drop(serde_json::from_value::<PhoneNumberBinding>(read).expect("a PhoneNumberBinding")),
        }
    }
    let again = written(&all, &none(), &wish());
    assert_eq!(again.documents, plan.documents);
}

#[test]
fn a_static_peer_is_written_with_what_is_not_the_default() {
    let mut endpoint = remote("5e1b7c7e-8f0a-4f0e-9d43-8b9c2f4a6d10", "PBX Berlin", "");
    endpoint.fields = Fields::from([
        ("name", text("PBX Berlin")),
        ("type", text("third_party")),
        ("capacity", text("30")),
        ("out_sip_username", text("trunk")),
    ]);
    let mut gateway = endpoint.clone();
    (gateway.id, gateway.role) = ("e2".into(), Role::Gateway(Vec::new()));
    let mut strange = endpoint.clone();
    (strange.id, strange.username) = ("e3".into(), "Robot".into());
    strange.fields.insert("type", text("robot"));
    let mut theirs = endpoint.clone();
    (theirs.id, theirs.role) = ("e4".into(), Role::Elsewhere);
    let all = of(carrierx::CAPABILITIES, "p1", vec![endpoint, gateway, strange, theirs], Vec::new());
    let plan = written(
        &all,
        &none(),
        &Wish { account: AccountRef { kind: AccountKind::ClusterProviderAccount, name: "carrierx".into() }, ..wish() },
    );
    let expected = r#"# Endpoint 5e1b7c7e-8f0a-4f0e-9d43-8b9c2f4a6d10 at CarrierX: name PBX Berlin. Its password is left as it is;
# carrierx.outSipPasswordSecretRef names the Secret that is to hold it.
apiVersion: switchboard.dev/v1alpha1
kind: SipEndpoint
metadata:
  name: pbx-berlin
  namespace: voice
spec:
  accountRef:
    kind: ClusterProviderAccount
    name: carrierx
  adopt:
    endpoint_id: "5e1b7c7e-8f0a-4f0e-9d43-8b9c2f4a6d10"
  carrierx:
    capacity: 30
    out_sip_username: trunk
    type: third_party
"#;
    assert_eq!(plan.documents.iter().map(|document| document.text.as_str()).collect::<Vec<_>>(), [expected]);
    assert_eq!((plan.gateways, plan.endpoints), (1, 3));
    let [strange, theirs] = plan.left_out.as_slice() else { panic!("{:?}", plan.left_out) };
    assert!(strange.starts_with("endpoint e3 (Robot): this version does not know the type robot"), "{strange}");
    assert!(theirs.starts_with("endpoint e4 (PBX Berlin): it belongs to another account"), "{theirs}");
}

#[test]
fn what_an_object_has_is_left_to_it_and_its_name_is_not_given_again() {
    let all = || {
        let endpoints =
            vec![remote("1001", "a1", "desk"), remote("1002", "a2", "desk"), remote("1003", "a3", "lobby"), remote("1004", "a4", "hall")];
        listed(endpoints, vec![number("14155550100", "", "7"), number("14155550101", "", "7"), number("14155550102", "", "")])
    };
    let fresh = written(&all(), &none(), &wish());
    let expected = [
        "phonenumberbinding-number-14155550100.yaml",
        "phonenumberbinding-number-14155550101.yaml",
        "sipendpoint-desk-1001.yaml",
        "sipendpoint-desk-1002.yaml",
        "sipendpoint-hall.yaml",
        "sipendpoint-lobby.yaml",
    ];
    assert_eq!(files(&fresh), expected);
    assert_eq!((fresh.unassigned, fresh.managed), (1, 0));
    let parked = written(&all(), &none(), &Wish { unassigned: true, ..wish() });
    let parked = parked.documents.iter().find(|document| document.file.ends_with("02.yaml")).expect("a manifest");
    assert!(parked.text.contains("  target:\n    app_id: \"\"\n"), "{}", parked.text);

    let binding = |number: &str, id: &str| {
        let value = json!({"metadata": {"name": "main", "namespace": "sales"}, "spec": {"accountRef": {"name": "x"}, "number": number, "target": {"app_id": "7"}},
            "status": {"account": {"provider": "Plivo", "id": id}}});
        serde_json::from_value::<PhoneNumberBinding>(value).expect("a binding")
    };
    let objects = Objects {
        endpoints: vec![
            object(
                json!({"metadata": {"name": "desk-1001", "namespace": "voice"}, "spec": {"accountRef": {"name": "plivo"}, "adopt": {"endpoint_id": "1001"}}}),
            ),
            object(
                json!({"metadata": {"name": "other", "namespace": "sales"}, "spec": {"accountRef": {"name": "p"}}, "status": {"endpoint_id": "1003", "account": {"provider": "Plivo", "id": ACCOUNT}}}),
            ),
            // Of that name in that namespace, but with an endpoint of another account.
            object(
                json!({"metadata": {"name": "hall", "namespace": "voice"}, "spec": {"accountRef": {"name": "p"}}, "status": {"endpoint_id": "1002", "account": {"provider": "Plivo", "id": "MAOTHER"}}}),
            ),
        ],
        bindings: vec![binding("+14155550100", ACCOUNT), binding("+14155550101", "MAOTHER")],
        everywhere: true,
    };
    let again = written(&all(), &objects, &wish());
    assert_eq!(files(&again), ["phonenumberbinding-number-14155550101.yaml", "sipendpoint-desk-1002.yaml", "sipendpoint-hall-1004.yaml"]);
    assert_eq!((again.managed, again.left_out.len()), (3, 0));
}

#[test]
fn a_mark_is_respected() {
    let part = |id: &str| Installation::new(id).part().to_owned();
    let (west, east) = (part("west"), part("east"));
    let all = || listed(vec![remote("1001", &marked("west", "a"), "ours"), remote("1002", &marked("east", "b"), "theirs")], Vec::new());
    let unknown = written(&all(), &none(), &wish());
    assert!(unknown.documents.is_empty());
    assert!(unknown.left_out.iter().all(|why| why.contains("does not say yet whether that is this one")), "{:?}", unknown.left_out);

    let known = Wish { installation: Some(&west), ..wish() };
    let plan = written(&all(), &none(), &known);
    assert!(plan.documents.is_empty());
    let [ours, theirs] = plan.left_out.as_slice() else { panic!("{:?}", plan.left_out) };
    assert!(ours.contains("mark of this installation") && ours.contains("a SipEndpoint that is gone has made it"), "{ours}");
    assert!(theirs.contains(&format!("--from-installation {east}")), "{theirs}");
    let hidden = written(&all(), &Objects { everywhere: false, ..none() }, &known);
    assert!(hidden.left_out[0].contains("you may not list"), "{:?}", hidden.left_out);

    let plan = written(&all(), &none(), &Wish { installation: Some(&west), from_installation: Some(&east), ..wish() });
    assert_eq!(files(&plan), ["sipendpoint-theirs.yaml"]);
    let adopt = format!("  adopt:\n    endpoint_id: \"1002\"\n    fromInstallation: {east}\n");
    assert!(
        plan.documents[0].text.contains(&adopt) || plan.documents[0].text.contains(&adopt.replace(&east, &format!("{east:?}"))),
        "{}",
        plan.documents[0].text
    );
}

#[test]
fn only_what_the_account_lets_the_namespace_have_and_what_was_asked_for_is_written() {
    let endpoints = || vec![remote("1001", "a1", "desk"), remote("1002", &marked("east", "b"), "theirs"), remote("1003", "c", "Büro")];
    let numbers = || vec![number("14155550100", "Büro", "7"), number("493012345678", "", "7")];
    let allowed: Vec<AllowedNamespace> =
        serde_json::from_value(json!([{"name": "voice", "numbers": ["+49"], "adopt": ["1001"]}])).expect("a list");
    let plan = written(&listed(endpoints(), numbers()), &none(), &Wish { allowed: Some(&allowed), installation: Some("aaa"), ..wish() });
    assert_eq!(files(&plan), ["phonenumberbinding-number-493012345678.yaml", "sipendpoint-desk.yaml"]);
    assert_eq!(
        plan.left_out.iter().filter(|why| why.contains("spec.allowedNamespaces of account plivo")).count(),
        2,
        "{:?}",
        plan.left_out
    );

    for (filter, expected) in [("BÜRO", 2), ("1", 2), ("+4930", 1), ("nobody", 0)] {
        let plan = written(
            &listed(endpoints(), numbers()),
            &none(),
            &Wish { filter: Some(filter), installation: Some("aaa"), from_installation: Some("aaa"), ..wish() },
        );
        assert!(plan.documents.len() >= expected && plan.documents.len() <= 3, "{filter}: {:?}", files(&plan));
        assert_eq!(plan.documents.is_empty(), expected == 0, "{filter}");
    }
}

#[test]
fn a_number_that_leads_to_an_endpoint_of_this_cluster_names_it() {
    let leading = |number: &str, group: &str| Number::new(number, Fields::from([("alias", text("")), ("trunk_group_sid", text(group))]));
    let all = of(
        carrierx::CAPABILITIES,
        "p1",
        Vec::new(),
        vec![leading("15162065574", "g1"), leading("15162065575", "g2"), leading("15162065576", "g3"), leading("15162065577", "")],
    );
    let with_group = |namespace: &str, name: &str, group: &str| {
        object(
            json!({"metadata": {"name": name, "namespace": namespace}, "spec": {"accountRef": {"name": "c"}}, "status": {"trunkGroup": {"trunk_group_sid": group}}}),
        )
    };
    let objects = Objects { endpoints: vec![with_group("voice", "pbx", "g1"), with_group("sales", "pbx", "g2")], ..none() };
    let plan = written(&all, &objects, &Wish { unassigned: true, ..wish() });
    let targets: Vec<Value> = plan
        .documents
        .iter()
        .map(|document| serde_saphyr::from_str::<Value>(&document.text).expect("YAML")["spec"]["target"].clone())
        .collect();
    assert_eq!(targets, [json!({"endpointRef": {"name": "pbx"}}), json!({"trunk_group_sid": "g3"})]);
    let [other, nowhere] = plan.left_out.as_slice() else { panic!("{:?}", plan.left_out) };
    assert!(other.contains("SipEndpoint sales/pbx") && nowhere.contains("leads to no trunk group"), "{:?}", plan.left_out);
    assert_eq!(written(&all, &objects, &wish()).unassigned, 1);
    assert_eq!(all.account.provider, ProviderKind::CarrierX);
}
