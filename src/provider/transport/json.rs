//! JSON from a stranger: bounded nesting, so that neither parsing nor dropping the value can exhaust the stack.

use serde_json::Value;

/// Deepest nesting that is read. The provider's own bodies have 3 levels.
const MAX_DEPTH: usize = 32;

pub(super) fn parse(body: &[u8]) -> Result<Value, &'static str> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err("empty body");
    }
    if depth(body) > MAX_DEPTH {
        return Err("body nested deeper than 32 levels");
    }
    serde_json::from_slice(body).map_err(|_| "body is not JSON")
}

/// Deepest nesting of brackets outside strings. Meaningful for JSON; for anything else the parser decides.
fn depth(body: &[u8]) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' if !in_string => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_read_to_32_levels() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(nested(32).as_bytes()).is_ok());
        assert_eq!(parse(nested(33).as_bytes()), Err("body nested deeper than 32 levels"));
        assert_eq!(parse("[".repeat(1 << 20).as_bytes()), Err("body nested deeper than 32 levels"));
    }

    #[test]
    fn brackets_in_strings_are_text() {
        let body = format!(r#"{{"error": "\"{}"}}"#, "[".repeat(100));
        assert!(parse(body.as_bytes()).is_ok());
        let flat = format!("[{}[]]", "[],".repeat(1000));
        assert!(parse(flat.as_bytes()).is_ok());
    }

    #[test]
    fn what_is_not_json_says_so() {
        assert_eq!(parse(b""), Err("empty body"));
        assert_eq!(parse(b" \r\n"), Err("empty body"));
        for body in [&b"<html></html>"[..], b"{\"a\": \"\xff\"}", b"{\"a\": 1", b"{} {}"] {
            assert_eq!(parse(body), Err("body is not JSON"));
        }
    }
}
