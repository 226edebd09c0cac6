//! The CustomResourceDefinitions as they are installed: what the types say, finished for the API server.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use serde_json::{Value, json};

use super::schema::{BESIDE, BY_THE_OPERATOR};
use super::{ClusterProviderAccount, PhoneNumberBinding, ProviderAccount, SipEndpoint};

/// Every kind, in the order in which they are installed.
#[must_use]
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![provider_account(), cluster_provider_account(), sip_endpoint(), phone_number_binding()]
}

/// The definition of SipEndpoint.
#[must_use]
pub fn sip_endpoint() -> CustomResourceDefinition {
    finished(SipEndpoint::crd())
}

/// The definition of ProviderAccount.
#[must_use]
pub fn provider_account() -> CustomResourceDefinition {
    finished(ProviderAccount::crd())
}

/// The definition of ClusterProviderAccount. It has no namespace: what it refers to is the operator's.
#[must_use]
pub fn cluster_provider_account() -> CustomResourceDefinition {
    let mut crd = finished(ClusterProviderAccount::crd());
    schemas(&mut crd).for_each(|schema| everywhere(schema, &reword));
    crd
}

/// The definition of PhoneNumberBinding.
#[must_use]
pub fn phone_number_binding() -> CustomResourceDefinition {
    finished(PhoneNumberBinding::crd())
}

fn schemas(crd: &mut CustomResourceDefinition) -> impl Iterator<Item = &mut JSONSchemaProps> {
    crd.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut()?.open_api_v3_schema.as_mut())
}

fn finished(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for schema in schemas(&mut crd) {
        everywhere(schema, &tidy);
        schema.title = None;
        let status = schema.properties.as_mut().and_then(|properties| properties.get_mut("status"));
        if let Some(status) = status {
            // An object that the operator has not seen must never look healthy to a tool that compares generations.
            status.default = Some(JSON(json!({"observedGeneration": -1})));
        }
    }
    crd
}

/// Takes `nullable` away: the API server then drops a null, so that `field: null` is the same as no field, for rules
/// (`has`) and for us. Descriptions become one line each.
fn tidy(schema: &mut JSONSchemaProps) {
    if schema.nullable.take().is_some()
        && let Some(words) = &mut schema.enum_
    {
        words.retain(|word| word.0 != Value::Null);
    }
    if schema.default.as_ref().is_some_and(|default| default.0 == Value::Null) {
        schema.default = None;
    }
    if let Some(description) = &mut schema.description {
        *description = description.split_whitespace().collect::<Vec<_>>().join(" ");
    }
}

/// Says where the references of an object without a namespace lead.
fn reword(schema: &mut JSONSchemaProps) {
    let messages = schema.x_kubernetes_validations.iter_mut().flatten().filter_map(|rule| rule.message.as_mut());
    for text in schema.description.iter_mut().chain(messages) {
        *text = text.replace(BESIDE, BY_THE_OPERATOR);
    }
}

/// Does something to a schema and to every schema inside it.
fn everywhere(schema: &mut JSONSchemaProps, change: &dyn Fn(&mut JSONSchemaProps)) {
    change(schema);
    schema.properties.iter_mut().flat_map(|properties| properties.values_mut()).for_each(|property| everywhere(property, change));
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => everywhere(item, change),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(|item| everywhere(item, change)),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(value)) = &mut schema.additional_properties {
        everywhere(value, change);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every property of every kind, as its path, with its schema.
    fn properties() -> Vec<(String, Value)> {
        let mut found = Vec::new();
        for crd in all() {
            for version in &crd.spec.versions {
                let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref()).expect("a schema");
                collect(&crd.spec.names.kind, &serde_json::to_value(schema).expect("JSON"), &mut found);
            }
        }
        assert!(found.len() > 150, "{}", found.len());
        found
    }

    fn collect(path: &str, schema: &Value, found: &mut Vec<(String, Value)>) {
        found.push((path.to_owned(), schema.clone()));
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            collect(&format!("{path}.{name}"), property, found);
        }
        if schema["items"].is_object() {
            collect(&format!("{path}[]"), &schema["items"], found);
        }
    }

    fn name(path: &str) -> &str {
        path.rsplit('.').next().unwrap_or_default()
    }

    #[test]
    fn no_reference_of_any_kind_leads_to_another_namespace() {
        let all = properties();
        let namespaces: Vec<&str> =
            all.iter().map(|(path, _)| path.as_str()).filter(|path| name(path).to_lowercase().contains("namespace")).collect();
        let lists = ["ClusterProviderAccount.spec.allowedNamespaces", "ClusterProviderAccount.spec.allowedNamespaces[]"];
        assert_eq!(namespaces, lists, "whom an account serves is no reference");
        // What has a name of its own at the provider.
        let named = ["SipEndpoint.spec.carrierx", "SipEndpoint.status", "SipEndpoint.status.trunkGroup"];
        let references: Vec<&(String, Value)> = all
            .iter()
            .filter(|(_, schema)| schema["properties"]["name"].is_object())
            .filter(|(path, _)| !lists.contains(&path.as_str()) && !named.contains(&path.as_str()))
            .collect();
        assert!(references.len() >= 8, "{references:#?}");
        for (path, schema) in references {
            let members: Vec<&String> = schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
            assert!(members.iter().all(|member| ["kind", "name", "key"].contains(&member.as_str())), "{path}: {members:?}");
            // A slash in a name would lead elsewhere in a URL of the API server.
            let pattern = &schema["properties"]["name"];
            let closed = pattern["pattern"].is_string() || !pattern["x-kubernetes-validations"].is_null();
            assert!(closed, "{path}.name takes any text: {pattern}");
        }
    }

    #[test]
    fn no_kind_has_an_address_that_the_operator_calls_nor_a_place_to_hide_one() {
        let words = ["url", "uri", "host", "address", "domain", "proxy", "server", "port", "callback", "webhook"];
        let all = properties();
        let addresses: Vec<&str> = all
            .iter()
            .filter(|(path, schema)| {
                let (name, format) = (name(path).to_lowercase(), schema["format"].as_str().unwrap_or_default());
                words.iter().any(|word| name.contains(word)) || ["uri", "hostname", "ipv4", "ipv6"].contains(&format)
            })
            .map(|(path, _)| path.as_str())
            .collect();
        let told_to_people = [
            "ProviderAccount.status.gateways[].port",
            "ProviderAccount.status.gateways[].transport",
            "ClusterProviderAccount.status.gateways[].port",
            "ClusterProviderAccount.status.gateways[].transport",
            "SipEndpoint.status.sip_uri",
        ];
        let told_to_the_provider = [
            "SipEndpoint.spec.carrierx.addresses",
            "SipEndpoint.spec.carrierx.addresses[]",
            "SipEndpoint.spec.carrierx.addresses[].dst_port",
            "SipEndpoint.spec.carrierx.addresses[].port",
            "SipEndpoint.spec.carrierx.addresses[].transport",
            "SipEndpoint.spec.carrierx.properties.callback_method",
            "SipEndpoint.spec.carrierx.properties.callback_url",
        ];
        let known: BTreeSet<&str> = told_to_people.into_iter().chain(told_to_the_provider).collect();
        assert_eq!(addresses.into_iter().collect::<BTreeSet<_>>(), known, "never called");
        let open: Vec<&str> = all
            .iter()
            .filter(|(_, schema)| {
                ["x-kubernetes-preserve-unknown-fields", "additionalProperties"].iter().any(|word| !schema[*word].is_null())
            })
            .map(|(path, _)| path.as_str())
            .collect();
        // Both are told to the provider as they are, and read by nobody else.
        assert_eq!(open, ["SipEndpoint.spec.carrierx.attributes", "SipEndpoint.spec.carrierx.transformations[]"]);
    }
}
