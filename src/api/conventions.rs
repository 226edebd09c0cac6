//! The conventions of the API, checked over the generated definitions.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, ValidationRule,
};
use serde_json::{Value, json};

use super::crd;
use super::schema::{BESIDE, BY_THE_OPERATOR};

/// The fields of an endpoint, an application, a number and a trunk group at Plivo and CarrierX, in requests and answers: what a property
/// with an underscore may be called.
const PROVIDER_NAMES: &[&str] = &[
    "alias",
    "app_id",
    "app_name",
    "auth_required",
    "callback_method",
    "callback_url",
    "compliance_application_id",
    "container_sid",
    "dst_port",
    "endpoint_id",
    "location_sid",
    "out_sip_username",
    "sip_contact",
    "sip_expires",
    "sip_registered",
    "sip_uri",
    "sip_user_agent",
    "sub_account",
    "resource_uri",
    "trunk_group_sid",
    "username",
];

/// Whose words are the provider's own, letter for letter.
const PROVIDER_WORDS: &[&str] = &["callback_method", "transport", "type"];

/// An address that the provider is told, and calls itself. The operator never does.
const TOLD: &[&str] = &["callback_url"];

/// Where anything may stand, because only the provider knows what it takes there.
const OPEN: &[&str] = &[".spec.carrierx.transformations[]"];

/// What has to do with namespaces and is no reference: it says who may refer to the object.
const GRANTS: &[&str] = &["allowedNamespaces"];

/// One property with its surroundings.
struct Property<'a> {
    path: String,
    name: &'a str,
    schema: &'a JSONSchemaProps,
    parent: &'a JSONSchemaProps,
    in_spec: bool,
}

impl Property<'_> {
    fn required(&self) -> bool {
        self.parent.required.iter().flatten().any(|name| name == self.name)
    }
}

fn rules(schema: &JSONSchemaProps) -> &[ValidationRule] {
    schema.x_kubernetes_validations.as_deref().unwrap_or_default()
}

/// The schemas inside a schema, each with what follows its path.
fn children(schema: &JSONSchemaProps) -> Vec<(String, &JSONSchemaProps)> {
    let mut all: Vec<_> = schema.properties.iter().flatten().map(|(name, schema)| (format!(".{name}"), schema)).collect();
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
        all.push(("[]".to_owned(), item));
    }
    if let Some(JSONSchemaPropsOrBool::Schema(value)) = &schema.additional_properties {
        all.push(("[]".to_owned(), value));
    }
    all
}

fn collect<'a>(path: &str, parent: &'a JSONSchemaProps, found: &mut Vec<Property<'a>>) {
    for (name, schema) in parent.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        let in_spec = path.starts_with(".spec");
        found.push(Property { path: path.clone(), name, schema, parent, in_spec });
        collect(&path, schema, found);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &parent.items {
        collect(&format!("{path}[]"), item, found);
    }
}

fn properties(root: &JSONSchemaProps) -> Vec<Property<'_>> {
    let mut found = Vec::new();
    collect("", root, &mut found);
    found
}

fn schema(crd: &CustomResourceDefinition) -> &JSONSchemaProps {
    let validation = crd.spec.versions[0].schema.as_ref().expect("every definition has a schema");
    validation.open_api_v3_schema.as_ref().expect("every definition has a schema")
}

/// What is wrong with the bounds of a schema, its own and those inside it.
fn unbounded(path: &str, schema: &JSONSchemaProps) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut say = |what: &str| wrong.push(format!("{path}: {what}"));
    match schema.type_.as_deref() {
        Some("string") => {
            if schema.enum_.is_none() && schema.max_length.is_none() && schema.format.as_deref() != Some("date-time") {
                say("a string without bound");
            }
        }
        Some("array") => {
            if schema.max_items.is_none() {
                say("a list without bound");
            }
            if schema.items.is_none() {
                say("a list of anything");
            }
            if schema.x_kubernetes_list_type.is_none() {
                say("a list without list type");
            }
        }
        Some("object") => {
            if schema.properties.is_none() && schema.max_properties.is_none() {
                say("a map without bound");
            }
        }
        Some("integer") => {
            if !matches!(schema.format.as_deref(), Some("int32" | "int64")) {
                say("an integer of a format that the API server warns about");
            }
            if schema.minimum.is_none() || (path.starts_with(".spec") && schema.maximum.is_none()) {
                say("an integer without range");
            }
        }
        Some("boolean") => {}
        other => say(&format!("type {other:?}")),
    }
    if schema.x_kubernetes_preserve_unknown_fields.is_some() && !OPEN.contains(&path) {
        say("takes unknown fields");
    }
    if schema.nullable.is_some() {
        say("nullable: null must mean absent");
    }
    for (name, child) in children(schema) {
        wrong.extend(unbounded(&format!("{path}{name}"), child));
    }
    wrong
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| text + &word[..1].to_uppercase() + &word[1..])
}

fn misnamed(property: &Property<'_>) -> Vec<String> {
    let Property { name, path, schema, .. } = property;
    let mut wrong = Vec::new();
    let mut say = |what: &str| wrong.push(format!("{path}: {what}"));
    if name.contains('_') && !PROVIDER_NAMES.contains(name) {
        say("an underscore, but no field of the provider is called so");
    }
    if PROVIDER_NAMES.iter().any(|mirror| mirror.contains('_') && camel_case(mirror) == *name) {
        say("a provider's field under another spelling");
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        say("neither camelCase nor a provider's name");
    }
    if name.to_lowercase().contains("namespace") && !GRANTS.contains(name) {
        say("a reference into another namespace");
    }
    if name.to_lowercase().ends_with("url") && !TOLD.contains(name) {
        say("an address that the operator could be made to call");
    }
    if name.ends_with("Ref") && (schema.type_.as_deref() != Some("object") || !schema.required.iter().flatten().any(|r| r == "name")) {
        say("a reference must be an object with a required name");
    }
    match schema.description.as_deref() {
        Some(text) if text.split(' ').next() == Some(name) && text.ends_with('.') && !text.contains('\n') => {}
        _ => say("the description must begin with the name of the field and be whole sentences"),
    }
    if schema.default.is_some() && property.required() {
        say("a field with a default is never required");
    }
    for word in schema.enum_.iter().flatten().filter(|_| !PROVIDER_WORDS.contains(name)) {
        if !word.0.as_str().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_uppercase())) {
            say("an enum of ours is PascalCase");
        }
    }
    wrong
}

fn watches_the_past(schema: &JSONSchemaProps) -> bool {
    rules(schema).iter().any(|rule| rule.rule.contains("oldSelf")) || children(schema).into_iter().any(|(_, child)| watches_the_past(child))
}

/// The API server skips a transition rule when the field appears or vanishes, so the parent must watch for that.
fn leaking(property: &Property<'_>) -> Option<String> {
    let name = property.name;
    let guard = format!("has(self.{name}) == has(oldSelf.{name})");
    let always_there = property.required() || property.schema.default.is_some();
    let guarded = rules(property.parent).iter().any(|rule| rule.rule == guard);
    (!always_there && watches_the_past(property.schema) && !guarded)
        .then(|| format!("{}: immutable, but it can be added and removed", property.path))
}

fn unexplained(path: &str, schema: &JSONSchemaProps) -> Vec<String> {
    let mut wrong: Vec<String> = rules(schema)
        .iter()
        .filter(|rule| !rule.message.as_ref().is_some_and(|message| message.contains(' ') && !message.contains('\n')))
        .map(|rule| format!("{path}: the rule {} has no message", rule.rule))
        .collect();
    for rule in rules(schema).iter().filter(|rule| rule.rule.contains("oldSelf")) {
        if !rule.message.as_ref().is_some_and(|message| message.contains("cannot change") && message.contains("create a new")) {
            wrong.push(format!("{path}: the rule {} does not say what to do instead", rule.rule));
        }
    }
    if let Some(pattern) = &schema.pattern
        && path.starts_with(".spec")
    {
        let literal = format!("'{}'", pattern.replace('\\', r"\\"));
        if !rules(schema).iter().any(|rule| rule.rule == format!("self.matches({literal})")) {
            wrong.push(format!("{path}: a pattern without the same rule and its message"));
        }
    }
    wrong
}

/// A text that people write: a field, an item of a list, or a value of a map.
fn of_any_kind(path: &str, schema: &JSONSchemaProps) -> Option<String> {
    let text = schema.type_.as_deref() == Some("string") && schema.enum_.is_none();
    (text && schema.pattern.is_none()).then(|| format!("{path}: a text of any kind"))
}

fn violations(root: &JSONSchemaProps) -> Vec<String> {
    let mut wrong = unexplained("", root);
    for property in properties(root) {
        if property.parent.properties.as_ref().is_some_and(|siblings| siblings.contains_key("spec")) {
            wrong.extend(unbounded(&property.path, property.schema));
        }
        wrong.extend(misnamed(&property));
        wrong.extend(leaking(&property));
        wrong.extend(unexplained(&property.path, property.schema));
        if property.in_spec {
            wrong.extend(of_any_kind(&property.path, property.schema));
        }
        for (name, inside) in children(property.schema).into_iter().filter(|(name, _)| name == "[]") {
            let path = format!("{}{name}", property.path);
            wrong.extend(unexplained(&path, inside));
            if property.in_spec {
                wrong.extend(of_any_kind(&path, inside));
            }
        }
    }
    wrong
}

#[test]
fn every_definition_follows_the_conventions() {
    for crd in crd::all() {
        let wrong = violations(schema(&crd));
        assert!(wrong.is_empty(), "{}:\n{}", crd.spec.names.kind, wrong.join("\n"));
    }
}

#[test]
fn a_schema_that_breaks_the_conventions_is_noticed() {
    let field = |schema: Value| {
        json!({"type": "object", "properties": {"spec": {
        "description": "spec is it.", "type": "object", "properties": {"it": schema}}}})
    };
    let named = |name: &str| {
        json!({"type": "object", "properties": {"spec": {
        "description": "spec is it.", "type": "object", "properties": {
            name: {"description": format!("{name} is it."), "type": "boolean"}}}}})
    };
    let cases = [
        (field(json!({"description": "it is.", "type": "string", "pattern": "^a$"})), "a string without bound"),
        (field(json!({"description": "it is.", "type": "string", "maxLength": 9})), "a text of any kind"),
        (field(json!({"description": "it is.", "type": "string", "maxLength": 9, "pattern": "^a$"})), "a pattern without"),
        (field(json!({"description": "it is.", "type": "array", "items": {"type": "boolean"}})), "a list without bound"),
        (
            field(json!({"description": "it is.", "type": "array", "maxItems": 2, "x-kubernetes-list-type": "set",
            "items": {"type": "string"}})),
            "it[]: a string without bound",
        ),
        (
            field(json!({"description": "it is.", "type": "object", "maxProperties": 2, "additionalProperties": {"type": "string"}})),
            "it[]: a string without bound",
        ),
        (
            field(json!({"description": "it is.", "type": "object", "maxProperties": 2,
            "additionalProperties": {"type": "string", "maxLength": 9}})),
            "it[]: a text of any kind",
        ),
        (
            field(json!({"description": "it is.", "type": "object", "maxProperties": 2, "x-kubernetes-preserve-unknown-fields": true})),
            "takes unknown fields",
        ),
        (
            field(json!({"description": "it is.", "type": "array", "maxItems": 2, "x-kubernetes-list-type": "set",
            "items": {"type": "string", "maxLength": 9}})),
            "it[]: a text of any kind",
        ),
        (
            field(json!({"description": "it is.", "type": "array", "maxItems": 2, "x-kubernetes-list-type": "set",
            "items": {"type": "string", "maxLength": 9, "pattern": "^a$"}})),
            "it[]: a pattern without",
        ),
        (field(json!({"description": "it is.", "type": "object"})), "a map without bound"),
        (field(json!({"description": "it is.", "type": "integer", "format": "uint32", "minimum": 0, "maximum": 1})), "format"),
        (field(json!({"description": "it is.", "type": "integer", "format": "int32", "minimum": 0})), "without range"),
        (field(json!({"description": "it is.", "type": "number"})), "type Some(\"number\")"),
        (field(json!({"description": "it is.", "type": "boolean", "nullable": true})), "null must mean absent"),
        (field(json!({"description": "This is.", "type": "boolean"})), "description must begin"),
        (field(json!({"type": "boolean"})), "description must begin"),
        (field(json!({"description": "it is.", "type": "string", "enum": ["lower"]})), "PascalCase"),
        (
            field(json!({"description": "it is.", "type": "boolean", "x-kubernetes-validations": [
            {"rule": "self == oldSelf", "message": "it cannot change: create a new one"}]})),
            "added and removed",
        ),
        (
            field(json!({"description": "it is.", "type": "boolean", "x-kubernetes-validations": [
            {"rule": "self == oldSelf", "message": "it is immutable"}]})),
            "what to do instead",
        ),
        (field(json!({"description": "it is.", "type": "boolean", "x-kubernetes-validations": [{"rule": "self"}]})), "no message"),
        (named("trunk_sid"), "no field of the provider"),
        (named("sipUri"), "another spelling"),
        (named("Name"), "neither camelCase"),
        (named("secretNamespace"), "another namespace"),
        (named("namespaces"), "another namespace"),
        (named("callbackUrl"), "made to call"),
        (named("secretRef"), "a required name"),
    ];
    for (bad, expected) in cases {
        let schema: JSONSchemaProps = serde_json::from_value(bad.clone()).unwrap();
        let wrong = violations(&schema);
        assert!(wrong.iter().any(|text| text.contains(expected)), "{expected}: {bad}: {wrong:?}");
    }
    let schema = serde_json::from_value(named("sip_registered")).unwrap();
    assert_eq!(violations(&schema), Vec::<String>::new());
}

#[test]
fn a_type_that_several_kinds_or_fields_use_has_one_schema() {
    let table = [
        ("status.conditions", "conditions", 4),
        ("status.account", "account", 4),
        ("status.observedGeneration", "observedGeneration", 4),
        ("status.lastHandledReconcileAt", "echo", 2),
        ("status.app_id", "what the provider shows", 2),
        ("status.alias", "what the provider shows", 4),
        ("accountRef.kind", "kind of account", 2),
        ("accountRef.name", "name of an account", 2),
        ("SecretRef.name", "name of a Secret", 7),
        ("connectionSecret.name", "name of a Secret", 8),
        ("plivo.app_id", "id of an application", 1),
        ("target.app_id", "id of an application", 2),
        ("app_name", "name of an application", 2),
        ("applicationOf.name", "name of an endpoint", 1),
        ("endpointRef.name", "name of an endpoint", 2),
        ("target.trunk_group_sid", "id of a trunk group", 1),
        ("status.trunk_group_sid", "what the provider shows", 6),
        ("status.name", "what the provider shows", 6),
        ("driftPolicy", "drift", 2),
        ("plivo.credentialsSecretRef", "credentials", 2),
        ("carrierx.credentialsSecretRef", "credentials", 4),
    ];
    let mut seen: BTreeMap<&str, Vec<(String, Value)>> = BTreeMap::new();
    for crd in crd::all() {
        for property in properties(schema(&crd)) {
            for (_, what, _) in table.iter().filter(|(end, ..)| property.path.ends_with(end)) {
                let mut plain = property.schema.clone();
                plain.description = None;
                // Only the place of what is named differs, where the object has no namespace.
                let text = serde_json::to_string(&plain).unwrap().replace(BY_THE_OPERATOR, BESIDE);
                let place = format!("{} {}", crd.spec.names.kind, property.path);
                seen.entry(what).or_default().push((place, serde_json::from_str(&text).unwrap()));
            }
        }
    }
    for (what, schemas) in &seen {
        let expected = table.iter().filter(|(_, name, _)| name == what).map(|(.., count)| *count).max();
        assert_eq!(Some(schemas.len()), expected, "{what}: {schemas:#?}");
        for (place, schema) in schemas {
            assert_eq!(*schema, schemas[0].1, "{what}: {place} and {}", schemas[0].0);
        }
    }
    assert_eq!(seen.keys().collect::<std::collections::BTreeSet<_>>(), table.iter().map(|(_, what, _)| what).collect());
}

#[test]
fn a_status_nobody_has_written_yet_says_so_and_conditions_merge_by_type() {
    for crd in crd::all() {
        let status = &schema(&crd).properties.as_ref().unwrap()["status"];
        assert_eq!(status.default.as_ref().unwrap().0, json!({"observedGeneration": -1}));
        let conditions = &status.properties.as_ref().unwrap()["conditions"];
        assert_eq!(conditions.x_kubernetes_list_type.as_deref(), Some("map"));
        assert_eq!(conditions.x_kubernetes_list_map_keys.as_deref(), Some(&["type".to_owned()][..]));
        assert!(crd.spec.versions[0].subresources.as_ref().unwrap().status.is_some());
    }
}

#[test]
fn kubectl_shows_the_columns_and_knows_the_short_names() {
    let table = [
        ("SipEndpoint", "sipep", "SIP URI, Registered, Ready, Reason, Age", "Username, Endpoint ID, Account, Message"),
        ("PhoneNumberBinding", "pnb", "Number, Target, Ready, Reason, Age", "Account, Message"),
        ("ProviderAccount", "pacct", "Provider, Ready, Reason, Endpoints, Orphaned, Age", "Account ID, Message"),
        ("ClusterProviderAccount", "cpacct", "Provider, Ready, Reason, Endpoints, Orphaned, Age", "Account ID, Message"),
    ];
    let all = crd::all();
    assert_eq!(all.len(), table.len());
    for (kind, short, narrow, wide) in table {
        let spec = &all.iter().find(|crd| crd.spec.names.kind == kind).unwrap().spec;
        let columns = |priority: Option<i32>| {
            let all = spec.versions[0].additional_printer_columns.iter().flatten();
            all.filter(|column| column.priority == priority).map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        assert_eq!((columns(None).as_str(), columns(Some(1)).as_str()), (narrow, wide));
        assert_eq!(spec.names.short_names.as_deref(), Some(&[short.to_owned()][..]));
        assert_eq!(spec.names.categories.as_deref(), Some(&["switchboard".to_owned()][..]));
        let scope = if kind == "ClusterProviderAccount" { "Cluster" } else { "Namespaced" };
        assert_eq!((spec.group.as_str(), spec.scope.as_str()), (super::GROUP, scope));
        assert_eq!(spec.versions[0].name, super::VERSION);
    }
}
