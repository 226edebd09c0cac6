//! What a Secret with provider credentials must hold. Judged before any call, without showing a value.

use crate::core::view::Problem;
use crate::provider::credentials::{invalid, one_line};

/// A Plivo Auth ID: `MA` or `SA` and 18 capitals or digits (`contracts/plivo.md` 1).
///
/// # Errors
/// [`Reason::SecretInvalid`](crate::api::condition::Reason::SecretInvalid), naming the Secret and the key.
pub fn auth_id(secret: &str, bytes: &[u8]) -> Result<String, Problem> {
    let text = one_line(secret, "auth_id", bytes)?.expose().to_owned();
    let (kind, rest) = text.split_at_checked(2).unwrap_or_default();
    let valid =
        matches!(kind, "MA" | "SA") && rest.len() == 18 && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if valid {
        return Ok(text);
    }
    let swapped = if text.len() == 40 { " (it looks like the token: are the two keys swapped?)" } else { "" };
    Err(invalid(secret, "auth_id", &format!("must be MA or SA and 18 capital letters or digits{swapped}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_judged_before_any_call_and_never_shown() {
        let token = "0123456789abcdef0123456789abcdef01234567";
        let table = [
            ("MASANDBOX00000000000", true),
            ("SASANDBOX00000000000\n", true),
            ("MASANDBOX0000000000", false),
            ("masandbox00000000000", false),
            ("XASANDBOX00000000000", false),
            ("", false),
            ("\n", false),
            (token, false),
        ];
        for (text, valid) in table {
            let found = auth_id("creds", text.as_bytes());
            assert_eq!(found.is_ok(), valid, "{text}");
            if let Err(problem) = found {
                assert!(problem.message.contains("Secret creds key auth_id"));
                assert!(text.trim().is_empty() || !problem.message.contains(text.trim()));
            }
        }
        assert!(auth_id("creds", token.as_bytes()).expect_err("a token").message.contains("swapped"));
    }
}
