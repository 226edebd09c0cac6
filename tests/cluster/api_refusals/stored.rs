//! Objects that were stored before a field existed, and the rules that look at it now.

use http::{Method, StatusCode};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};
use switchboard::api::crd;

use super::{DRY_STRICT, collection, edited, endpoint, judge, put, report, stored};
use crate::support;
use crate::world::eventually;

/// A group of its own: the definitions of ours are shared with other tests. It stays, as controllers of Kubernetes get out of step for a
/// while when a definition goes.
const GROUP: &str = "before.example.com";
const KIND: &str = "FormerEndpoint";

/// Our definition of SipEndpoint in that group, changed.
fn definition(change: impl FnOnce(&mut Value)) -> CustomResourceDefinition {
    let mut definition = serde_json::to_value(crd::sip_endpoint()).expect("a definition is JSON");
    definition["metadata"]["name"] = json!(format!("formerendpoints.{GROUP}"));
    definition["spec"]["group"] = json!(GROUP);
    // Whoever names ours without its group, in a test beside this one, must not be answered by this one.
    definition["spec"]["names"] = json!({"kind": KIND, "plural": "formerendpoints", "singular": "formerendpoint"});
    change(&mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]);
    serde_json::from_value(definition).expect("a definition")
}

/// As it was when there were no generated passwords.
fn without_generated_passwords(spec: &mut Value) {
    let without = |schema: &mut Value, fields: &[&str]| {
        schema.as_object_mut().expect("a schema").remove("x-kubernetes-validations");
        for field in fields {
            assert!(schema["properties"].as_object_mut().expect("properties").remove(*field).is_some(), "{field}");
        }
    };
    without(spec, &["connectionSecret"]);
    without(&mut spec["properties"]["plivo"], &["generatePassword", "app_name"]);
}

#[tokio::test]
async fn an_object_stored_before_there_were_generated_passwords_is_read_as_one_without() {
    let client = support::client().await;
    let namespace = support::namespace(&client, "before").await;
    support::define(&client, &definition(without_generated_passwords)).await;
    let object = edited(endpoint(), &format!(r#"apiVersion = "{GROUP}/v1alpha1" && kind = "{KIND}""#));
    let old = stored(&client, &namespace, &object).await;
    assert_eq!(old["spec"]["plivo"], json!({"username": "alice", "passwordSecretRef": {"name": "alice-sip", "key": "password"}}));
    let path = format!("{}/alice", collection(&object, &namespace));

    support::define(&client, &definition(|_| {})).await;
    let read = eventually("the definition of now is served", async || {
        let (status, read) = support::send(&client, Method::GET, &path, &Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{read}");
        read["spec"]["plivo"].get("generatePassword").is_some().then_some(read)
    })
    .await;
    assert_eq!(read["spec"]["plivo"]["generatePassword"], json!(false));
    assert_eq!(read["metadata"]["resourceVersion"], old["metadata"]["resourceVersion"], "nobody has written it since");

    let rows = [
        // With the words of somebody who knows nothing of the field.
        (r#"spec.plivo.alias = "desk" && spec.plivo.generatePassword -"#, ""),
        (r#"spec.plivo.alias = "desk" && spec.plivo.generatePassword = null"#, ""),
        ("spec.plivo.generatePassword - && spec.plivo.passwordSecretRef -", "spec.plivo.passwordSecretRef | a password is needed"),
        ("spec.plivo.generatePassword = true", "spec.plivo.generatePassword | either the password exists | spec.connectionSecret"),
        (r#"spec.connectionSecret = {"name": "alice-sip"}"#, "spec.connectionSecret.name | cannot be the Secret of passwordSecretRef"),
        (r#"spec.connectionSecret = {"name": "alice-phone"}"#, ""),
        (r#"spec.plivo.passwordSecretRef - && spec.plivo.generatePassword = true && spec.connectionSecret = {"name": "alice-phone"}"#, ""),
        (r#"spec.plivo.username = "bob""#, "spec.plivo.username | username cannot change"),
    ];
    let mut wrong = Vec::new();
    for (change, says) in rows {
        let answer = put(&client, &path, DRY_STRICT, |object| edited(object, change)).await;
        wrong.extend(judge(change, says, &answer));
    }
    report(&wrong);
    let alias = json!({"spec": {"plivo": {"alias": "desk"}}});
    let patched = support::exchange(&client, Method::PATCH, &path, "application/merge-patch+json", &alias).await;
    assert!(patched.status.is_success(), "{patched:?}");
}
