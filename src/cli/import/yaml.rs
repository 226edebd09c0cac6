//! Manifests as YAML that every reader reads alike. Tools in Go follow YAML 1.1, where `on`, `1_000` and `12:30` are no texts: so whatever could
//! be taken for something else is quoted.

use serde_json::{Map, Value};

/// Longest line of a comment.
const WIDTH: usize = 110;
/// Words that some reader takes for something else than a text.
const WORDS: [&str; 14] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity", "e", "o"];

/// One document: lines of comment, and an object.
pub(super) fn document(comments: &[String], object: &Value) -> String {
    let mut text: String = comments.iter().flat_map(|comment| lines(comment)).map(|line| format!("# {line}\n")).collect();
    match object {
        Value::Object(members) => mapping(&mut text, members, 0),
        other => text.push_str(&format!("{}\n", scalar(other))),
    }
    text
}

/// A text as it can stand in a comment or in a message: one line.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if is_plain_char(c) { c } else { '\u{fffd}' }).collect()
}

fn lines(comment: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in one_line(comment).split_whitespace() {
        match lines.last_mut().filter(|line| line.chars().count() + word.chars().count() < WIDTH) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

fn mapping(text: &mut String, members: &Map<String, Value>, depth: usize) {
    for (name, value) in members {
        text.push_str(&"  ".repeat(depth));
        member(text, name, value, depth);
    }
}

fn member(text: &mut String, name: &str, value: &Value, depth: usize) {
    text.push_str(&format!("{}:", quoted_if_needed(name)));
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push('\n');
            mapping(text, members, depth + 1);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            sequence(text, items, depth);
        }
        other => text.push_str(&format!(" {}\n", scalar(other))),
    }
}

/// At the depth of its parent, as people write it.
fn sequence(text: &mut String, items: &[Value], depth: usize) {
    for item in items {
        text.push_str(&format!("{}- ", "  ".repeat(depth)));
        match item {
            Value::Object(members) if !members.is_empty() => {
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        text.push_str(&"  ".repeat(depth + 1));
                    }
                    member(text, name, value, depth + 1);
                }
            }
            // What is nested deeper stands in one line: that is YAML as well.
            other => text.push_str(&format!("{}\n", scalar(other))),
        }
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => quoted_if_needed(text),
        Value::Array(items) => format!("[{}]", items.iter().map(scalar).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{}: {}", quoted(name), scalar(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn quoted_if_needed(text: &str) -> String {
    // Nothing that begins with a letter and goes on so is a number, a time or an indicator.
    let body = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(body)
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if is_plain_char(c) => out.push(c),
            // Eight digits: every character has them.
            c => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// No control character, nothing that some reader takes for the end of a line, nothing that is not seen.
fn is_plain_char(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_reads_as_people_write_it() {
        let object = json!({
            "apiVersion": "switchboard.dev/v1alpha1", "kind": "SipEndpoint", "metadata": {"name": "pbx", "namespace": "voice"},
            "spec": {"adopt": {"endpoint_id": "14659095951490"}, "carrierx": {
                "type": "third_party", "capacity": 10, "auth_required": false, "addresses": [{"ip": "203.0.113.7", "port": 5061}, {"ip": "pbx.example"}],
                "transformations": [{"a": {"b": [1, null, "on"]}, "c": {}}], "empty": [], "alias": "on", "odd": "a: \"b\" # c\u{85}",
            }},
        });
        let expected = r#"# One.
# Two.
apiVersion: switchboard.dev/v1alpha1
kind: SipEndpoint
metadata:
  name: pbx
  namespace: voice
spec:
  adopt:
    endpoint_id: "14659095951490"
  carrierx:
    addresses:
    - ip: "203.0.113.7"
      port: 5061
    - ip: pbx.example
    alias: "on"
    auth_required: false
    capacity: 10
    empty: []
    odd: "a: \"b\" # c\U00000085"
    transformations:
    - a:
        b:
        - 1
        - null
        - "on"
      c: {}
    type: third_party
"#;
        let found = document(&["One.".to_owned(), "Two.".to_owned()], &object);
        assert_eq!(found, expected);
        assert_eq!(serde_saphyr::from_str::<Value>(&found).expect("YAML"), object);
    }

    #[test]
    fn no_comment_becomes_anything_else() {
        let comment = "an alias\nkind: Secret\u{85}kind: Secret\u{2028}kind: Secret ".repeat(3);
        let text = document(&[comment], &json!({"kind": "SipEndpoint"}));
        let (object, comments): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| !line.starts_with("# "));
        assert_eq!(object, ["kind: SipEndpoint"], "{text}");
        assert!(comments.len() > 1 && comments.iter().all(|line| line.chars().count() <= WIDTH + 2 && !line.contains('\u{85}')), "{text}");
    }

    proptest! {
        #[test]
        fn every_text_is_read_back_as_it_was(text in any::<String>(), key in "[a-zA-Z0-9_.-]{1,12}") {
            let object = json!({"spec": {key.as_str(): text, "list": [text, {"nested": [text]}]}});
            prop_assert_eq!(serde_saphyr::from_str::<Value>(&document(&[], &object)).expect("YAML"), object);
        }
    }
}
