//! What the Secrets with providers' credentials have in common. Judged before any call, without showing a value.

use crate::api::condition::Reason;
use crate::core::fields::Secret;
use crate::core::view::Problem;

/// A value of one non-empty line; a trailing newline is cut.
///
/// # Errors
/// [`Reason::SecretInvalid`], naming the Secret and the key.
pub(super) fn one_line(secret: &str, key: &str, bytes: &[u8]) -> Result<Secret, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| invalid(secret, key, "must be text"))?;
    let text = without_newline(text);
    if text.is_empty() || !text.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
        return Err(invalid(secret, key, "must be one non-empty line of printable ASCII without blanks"));
    }
    Ok(Secret::new(text.to_owned()))
}

/// Without the one newline at its end that `kubectl create secret --from-file` leaves.
pub(super) fn without_newline(text: &str) -> &str {
    text.strip_suffix('\n').map_or(text, |cut| cut.strip_suffix('\r').unwrap_or(cut))
}

/// What to say of a value that cannot be used.
pub(super) fn invalid(secret: &str, key: &str, rule: &str) -> Problem {
    Problem {
        reason: Reason::SecretInvalid,
        message: format!("Secret {secret} key {key}: {rule}. Nothing is called until it is mended, then this goes on by itself"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_line_of_printable_text_and_is_never_shown() {
        for (good, expected) in [(&b"token"[..], "token"), (b"token\n", "token"), (b"token\r\n", "token")] {
            assert_eq!(one_line("creds", "token", good).expect("a value").expose(), expected);
        }
        for bad in [&b"a b"[..], b"a\nb", b"a\n\n", b"\xff\xfe", b"", b"\n", "tökën".as_bytes()] {
            let problem = one_line("creds", "token", bad).expect_err("no value");
            assert_eq!(problem.reason, Reason::SecretInvalid);
            assert!(problem.message.starts_with("Secret creds key token: must be"), "{}", problem.message);
            let text = String::from_utf8_lossy(bad);
            assert!(text.trim().len() < 3 || !problem.message.contains(text.trim()));
        }
    }
}
