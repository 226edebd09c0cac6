//! What a change of a definition takes away from those who have objects, manifests or clients of it. A pure comparison of two definitions.

use std::collections::BTreeSet;

use serde_json::Value;

/// Members of a schema that are numbers, and whether more of it lets more through.
const BOUNDS: [(&str, bool); 8] = [
    ("maximum", true),
    ("maxLength", true),
    ("maxItems", true),
    ("maxProperties", true),
    ("minimum", false),
    ("minLength", false),
    ("minItems", false),
    ("minProperties", false),
];
/// Members that let fewer values through once they are there, and that cannot be compared further.
const LIMITS: [&str; 11] = [
    "pattern",
    "format",
    "multipleOf",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "uniqueItems",
    "not",
    "allOf",
    "anyOf",
    "oneOf",
    "x-kubernetes-embedded-resource",
];
/// Members that decide how a value is merged: objects that are applied by several managers change their meaning with them.
const MERGE: [&str; 3] = ["x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"];

/// Everything that the new definitions take away, as `name version path: what`.
pub fn lost(old: &[Value], new: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    for before in old {
        let name = text(&before["metadata"]["name"]);
        match new.iter().find(|one| one["metadata"]["name"] == before["metadata"]["name"]) {
            None => found.push(format!("{name}: the definition is gone")),
            Some(after) => definition(name, &before["spec"], &after["spec"], &mut found),
        }
    }
    found
}

fn definition(name: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    for member in ["group", "scope"] {
        if old[member] != new[member] {
            found.push(format!("{name}: {member} was {}, and is {}", old[member], new[member]));
        }
    }
    for member in ["kind", "plural", "singular", "listKind"] {
        if old["names"][member] != new["names"][member] {
            found.push(format!("{name}: {member} was {}, and is {}", old["names"][member], new["names"][member]));
        }
    }
    for member in ["shortNames", "categories"] {
        gone(&old["names"][member], &new["names"][member], |one| found.push(format!("{name}: {member} {one} is gone")));
    }
    for before in list(&old["versions"]) {
        let version = text(&before["name"]);
        let place = format!("{name} {version}");
        let Some(after) = list(&new["versions"]).iter().find(|one| one["name"] == before["name"]) else {
            found.push(format!("{place}: the version is gone"));
            continue;
        };
        if before["served"] == true && after["served"] != true {
            found.push(format!("{place}: it is not served any more"));
        }
        for member in ["status", "scale"] {
            if !before["subresources"][member].is_null() && after["subresources"][member].is_null() {
                found.push(format!("{place}: the subresource {member} is gone"));
            }
        }
        gone(&before["selectableFields"], &after["selectableFields"], |one| {
            found.push(format!("{place}: objects cannot be selected by {} any more", one["jsonPath"]));
        });
        let root = |version: &Value| version["schema"]["openAPIV3Schema"].clone();
        schema(&place, "", &root(before), &root(after), found);
    }
}

fn schema(place: &str, path: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let shown = if path.is_empty() { "the object" } else { path };
    let mut say = |what: String| found.push(format!("{place} {shown}: {what}"));
    let free = |schema: &Value| schema["x-kubernetes-preserve-unknown-fields"] == true;
    let either = |schema: &Value| schema["x-kubernetes-int-or-string"] == true;
    if old["type"] != new["type"] && !either(new) {
        say(format!("the type was {}, and is {}", old["type"], new["type"]));
    }
    if either(old) && !either(new) {
        say("it was a number or a text, and is not both any more".into());
    }
    if old["nullable"] == true && new["nullable"] != true {
        say("it could be null, and cannot any more".into());
    }
    if free(old) && !free(new) {
        say("it kept every field, and does not any more".into());
    }
    if !new["enum"].is_null() {
        match old["enum"].as_array() {
            None => say(format!("any value was taken, and now only {}", new["enum"])),
            Some(_) => gone(&old["enum"], &new["enum"], |one| say(format!("the value {one} is not taken any more"))),
        }
    }
    for (member, more) in BOUNDS {
        let narrower = match (old[member].as_f64(), new[member].as_f64()) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(before), Some(after)) => {
                if more {
                    after < before
                } else {
                    after > before
                }
            }
        };
        if narrower {
            say(format!("{member} was {}, and is {}", old[member], new[member]));
        }
    }
    for member in LIMITS {
        if old[member] != new[member] && !new[member].is_null() && new[member] != false {
            say(format!("{member} was {}, and is {}", old[member], new[member]));
        }
    }
    for member in MERGE {
        if old[member] != new[member] {
            say(format!("{member} was {}, and is {}: it is merged otherwise", old[member], new[member]));
        }
    }
    if old["default"] != new["default"] && !old["default"].is_null() {
        say(format!("the default was {}, and is {}", old["default"], new["default"]));
    }
    let required = |schema: &Value| list(&schema["required"]).iter().map(|one| text(one).to_owned()).collect::<BTreeSet<_>>();
    for member in required(new).difference(&required(old)) {
        if new["properties"][member.as_str()]["default"].is_null() {
            say(format!("{member} is required now, and has no default"));
        }
    }
    let rules =
        |schema: &Value| list(&schema["x-kubernetes-validations"]).iter().map(|one| text(&one["rule"]).to_owned()).collect::<BTreeSet<_>>();
    for rule in rules(new).difference(&rules(old)) {
        say(format!("a rule is new: {rule}"));
    }
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, before) in old["properties"].as_object().into_iter().flatten() {
        match &new["properties"][name] {
            Value::Null if free(new) => {}
            Value::Null => found.push(format!("{place} {}: the field is gone", below(name))),
            after => schema(place, &below(name), before, after, found),
        }
    }
    for (member, name) in [("items", "[]"), ("additionalProperties", "{}")] {
        match (&old[member], &new[member]) {
            // It had no items, or no keys but those of its fields.
            (Value::Null, _) => {}
            (before, Value::Null) if before.is_object() => found.push(format!("{place} {path}{name}: the field is gone")),
            (before, after) => schema(place, &format!("{path}{name}"), before, after, found),
        }
    }
}

/// Calls for each value of the one list that the other one does not have.
fn gone(old: &Value, new: &Value, say: impl FnMut(&Value)) {
    list(old).iter().filter(|one| !list(new).contains(one)).for_each(say);
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
