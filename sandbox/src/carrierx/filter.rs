//! `filter=<attribute> <operator> <value> [and …]` (contracts/carrierx.md 3). No `or`, no `not`, no parentheses.

use std::cmp::Ordering;

use serde_json::Value;

use super::fields::Object;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    Like,
}

impl Op {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "gt" => Self::Gt,
            "ge" => Self::Ge,
            "lt" => Self::Lt,
            "le" => Self::Le,
            "like" => Self::Like,
            _ => return None,
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Term {
    path: Vec<String>,
    op: Op,
    value: Word,
}

#[derive(Clone, Debug, PartialEq)]
struct Word {
    text: String,
    quoted: bool,
}

/// What must hold of an object; an empty filter holds of all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Filter(Vec<Term>);

impl Filter {
    /// Reads a filter over objects whose fields `known` names.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str, known: impl Fn(&str) -> bool) -> Result<Self, String> {
        let words = words(text)?;
        let mut terms = Vec::new();
        let mut rest = words.as_slice();
        while !rest.is_empty() {
            if !terms.is_empty() {
                rest = match rest {
                    [and, more @ ..] if !and.quoted && and.text == "and" => more,
                    [other, ..] => return Err(format!("{} is not and", other.text)),
                    [] => rest,
                };
            }
            let [attribute, op, value, more @ ..] = rest else { return Err("attribute, operator and value are needed".to_owned()) };
            let path: Vec<String> = attribute.text.split('.').map(str::to_owned).collect();
            if attribute.quoted || !path.first().is_some_and(|first| known(first)) {
                return Err(format!("there is no attribute {}", attribute.text));
            }
            let op = Op::parse(&op.text).ok_or_else(|| format!("there is no operator {}", op.text))?;
            terms.push(Term { path, op, value: value.clone() });
            rest = more;
        }
        Ok(Self(terms))
    }

    /// Whether it reaches inside of fields.
    pub(super) fn is_dotted(&self) -> bool {
        self.0.iter().any(|term| term.path.len() > 1)
    }

    /// Whether it looks at a field.
    pub(super) fn names(&self, field: &str) -> bool {
        self.0.iter().any(|term| term.path.first().is_some_and(|first| first == field))
    }

    /// Both.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether it holds of an object.
    pub(super) fn holds(&self, object: &Object) -> bool {
        self.0.iter().all(|term| {
            let [first, inner @ ..] = term.path.as_slice() else { return false };
            reaches(object.get(first).unwrap_or(&Value::Null), inner, &|value| compares(term, value))
        })
    }
}

/// Whether a value at the end of the path satisfies the term; one element of a list is enough.
fn reaches(value: &Value, path: &[String], term: &impl Fn(&Value) -> bool) -> bool {
    match (value, path) {
        (Value::Array(elements), _) => elements.iter().any(|element| reaches(element, path, term)),
        (Value::Object(members), [first, inner @ ..]) => members.get(first).is_some_and(|member| reaches(member, inner, term)),
        (value, []) => term(value),
        _ => false,
    }
}

fn compares(term: &Term, value: &Value) -> bool {
    let wanted = &term.value;
    let equal = match value {
        Value::Null => !wanted.quoted && wanted.text == "null",
        Value::Number(number) => number.as_f64().is_some_and(|number| wanted.text.parse() == Ok(number)),
        other => text_of(other) == wanted.text,
    };
    match term.op {
        Op::Eq => equal,
        Op::Ne => !equal,
        Op::Like => !value.is_null() && like(&text_of(value), &wanted.text),
        Op::Gt => order(value, &wanted.text) == Some(Ordering::Greater),
        Op::Ge => matches!(order(value, &wanted.text), Some(Ordering::Greater | Ordering::Equal)),
        Op::Lt => order(value, &wanted.text) == Some(Ordering::Less),
        Op::Le => matches!(order(value, &wanted.text), Some(Ordering::Less | Ordering::Equal)),
    }
}

fn order(value: &Value, wanted: &str) -> Option<Ordering> {
    match value {
        Value::Number(number) => number.as_f64()?.partial_cmp(&wanted.parse().ok()?),
        Value::String(text) => Some(text.as_str().cmp(wanted)),
        _ => None,
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `%` stands for any characters.
fn like(text: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('%');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    true
}

/// Words between blanks; quotes of either kind hold blanks together.
fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, more) = if first == '"' || first == '\'' {
            let (inside, more) = rest[1..].split_once(first).ok_or_else(|| "a quote is not closed".to_owned())?;
            (Word { text: inside.to_owned(), quoted: true }, more)
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            (Word { text: rest[..end].to_owned(), quoted: false }, &rest[end..])
        };
        words.push(word);
        rest = more.trim_start();
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_hold_of_what_they_describe() {
        let object = json!({
            "name": "a b", "capacity": 10, "auth_required": true, "codec": null,
            "addresses": [{"ip": "192.0.2.1", "port": 5060}, {"ip": "192.0.2.2", "port": 5061}], "properties": {"login": "x"},
        });
        let holds = [
            "name eq \"a b\"",
            "name eq 'a b' and capacity ge 10",
            "name like a%",
            "name like %b",
            "name like \"%a%b%\"",
            "name like \"a b\"",
            "name ne c",
            "name gt a",
            "name le \"a b\"",
            "capacity gt 9",
            "capacity eq 10",
            "capacity lt 10.5",
            "auth_required eq true",
            "codec eq null",
            "addresses.ip eq \"192.0.2.2\"",
            "addresses.port ge 5061",
            "properties.login eq x and name eq 'a b' and capacity ne 9",
            "",
        ];
        let fails = [
            "name eq a",
            "name eq 'A B'",
            "name like a",
            "name like b%",
            "capacity gt 10",
            "capacity eq ten",
            "codec eq \"null\"",
            "codec gt 1",
            "addresses.ip eq 192.0.2.3",
            "properties.password eq x",
            "name eq 'a b' and capacity lt 10",
        ];
        let known = |name: &str| object.get(name).is_some();
        for (filters, expected) in [(&holds[..], true), (&fails[..], false)] {
            for text in filters {
                let filter = Filter::parse(text, known).unwrap_or_else(|error| panic!("{text}: {error}"));
                assert_eq!(filter.holds(object.as_object().unwrap()), expected, "{text}");
            }
        }
        for wrong in
            ["name", "name eq", "name is a", "nothing eq a", "name eq 'a", "name eq a or capacity eq 1", "name eq a b", "name eq a and"]
        {
            assert!(Filter::parse(wrong, known).is_err(), "{wrong}");
        }
    }
}
