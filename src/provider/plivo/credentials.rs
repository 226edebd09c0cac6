//! What a Secret with provider credentials must hold. Judged before any call, without showing a value.

use crate::api::condition::Reason;
use crate::core::fields::Secret;
use crate::core::view::Problem;

/// A Plivo Auth ID: `MA` or `SA` and 18 capitals or digits (`contracts/plivo.md` 1).
///
/// # Errors
/// [`Reason::SecretInvalid`], naming the Secret and the key.
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

/// A value of one non-empty line; a trailing newline is cut.
///
/// # Errors
/// [`Reason::SecretInvalid`], naming the Secret and the key.
pub fn one_line(secret: &str, key: &str, bytes: &[u8]) -> Result<Secret, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| invalid(secret, key, "must be text"))?;
    let text = text.strip_suffix('\n').map_or(text, |cut| cut.strip_suffix('\r').unwrap_or(cut));
    if text.is_empty() || !text.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
        return Err(invalid(secret, key, "must be one non-empty line of printable ASCII without blanks"));
    }
    Ok(Secret::new(text.to_owned()))
}

fn invalid(secret: &str, key: &str, rule: &str) -> Problem {
    Problem {
        reason: Reason::SecretInvalid,
        message: format!("Secret {secret} key {key}: {rule}. Nothing is called until it is mended, then this goes on by itself"),
    }
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
        for bad in [&b"a b"[..], b"a\nb", b"\xff\xfe", b""] {
            assert!(one_line("creds", "auth_token", bad).is_err());
        }
    }
}
