//! Text of strangers, made fit for conditions and logs.

use md5::{Digest, Md5};

use crate::core::fields::Secret;

/// Longest text that is shown, in characters.
pub const MAX_TEXT: usize = 300;

/// Hex digits of the shortest digest, MD5.
const DIGEST: usize = 32;

/// Control characters (and the invisible ones that reorder text) become blanks; at most [`MAX_TEXT`] characters.
pub(super) fn clean(text: &str) -> String {
    let hidden = |c: char| c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let visible = text.chars().map(|c| if hidden(c) { ' ' } else { c });
    let mut cleaned: String = visible.take(MAX_TEXT + 1).collect();
    if let Some((end, _)) = cleaned.char_indices().nth(MAX_TEXT) {
        // One character makes room for the sign that something is missing.
        let cut = cleaned[..end].char_indices().next_back().map_or(0, |(last, _)| last);
        cleaned.truncate(cut);
        cleaned.push('…');
    }
    cleaned
}

/// Replaces what we sent in confidence, should a provider's text repeat it.
#[derive(Clone, Debug, Default)]
pub struct Scrubber(Vec<Secret>);

impl Scrubber {
    /// Adds a secret, as it is, as pages and forms would show it, and as the MD5 that Plivo makes of passwords.
    pub fn with(mut self, secret: &Secret) -> Self {
        // A text of one or two characters would blank out half the message and protect nothing.
        if secret.expose().len() > 2 {
            let text = secret.expose();
            let forms = [text.to_owned(), in_html(text), in_url(text), format!("{text:?}").trim_matches('"').to_owned(), md5_hex(text)];
            self.0.extend(forms.into_iter().map(Secret::new));
        }
        // Longest first, so that a secret that contains another one leaves nothing behind.
        self.0.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        self
    }

    /// The text without secrets and control characters, at most [`MAX_TEXT`] characters.
    pub fn scrub(&self, text: &str) -> String {
        // Before the cut: half a secret would not be recognised.
        let scrubbed = self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose(), "***"));
        clean(&without_digests(&scrubbed))
    }
}

/// Runs of hex digits as long as a digest become `***`: a provider may show the hash of a password that this call did not send.
fn without_digests(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        kept.push_str(if run < DIGEST { &rest[..run] } else { "***" });
        let other = rest[run..].find(|c: char| c.is_ascii_hexdigit()).map_or(rest.len(), |at| run + at);
        kept.push_str(&rest[run..other]);
        rest = &rest[other..];
    }
    kept
}

fn in_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

fn in_url(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// MD5 in lower-case hex digits: Plivo shows passwords in this form (`contracts/plivo.md` 6).
pub(in crate::provider) fn md5_hex(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_repeats_a_secret_is_not_repeated() {
        let scrubber = Scrubber::default().with(&Secret::new("hunter22".into())).with(&Secret::new("test123".into()));
        let text = "password 'hunter22' (cc03e747a6afbbcbf8be7668acfebee5) is weak\r\nset-cookie: a\u{202e}";
        assert_eq!(scrubber.scrub(text), "password '***' (***) is weak  set-cookie: a ");
        assert!(!format!("{scrubber:?}").contains("hunter22"));
    }

    #[test]
    fn a_secret_is_recognised_as_pages_and_forms_show_it_and_any_digest_by_its_length() {
        let scrubber = Scrubber::default().with(&Secret::new("a&\"b<c>".into()));
        let cases = [
            ("a&\"b<c>", "***"),
            ("a&amp;&quot;b&lt;c&gt;!", "***!"),
            ("x=a%26%22b%3Cc%3E&y=1", "x=***&y=1"),
            ("\"a&\\\"b<c>\"", "\"***\""),
            // The hash of another password, in any case; longer digests.
            ("stored as 2EB62d171ba8491db496081a8b24738a.", "stored as ***."),
            ("sha a94a8fe5ccb19ba61c4c0873d391e987982fbbd3", "sha ***"),
            // Shorter ones are ids, and stay.
            ("id 2eb62d171ba8491db496081a8b24738", "id 2eb62d171ba8491db496081a8b24738"),
            ("api_id 9f0f8fd4-b1c0-11ee-9f7c-0242ac110003", "api_id 9f0f8fd4-b1c0-11ee-9f7c-0242ac110003"),
            ("größe: 12", "größe: 12"),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(scrubber.scrub(text), expected, "{text}");
        }
    }

    #[test]
    fn a_secret_across_the_cut_leaves_no_part() {
        let scrubber = Scrubber::default().with(&Secret::new("correct-horse".into()));
        let text = format!("{}correct-horse{}", "x".repeat(MAX_TEXT - 4), "y".repeat(100));
        let scrubbed = scrubber.scrub(&text);
        assert!(!scrubbed.contains("corr"), "{scrubbed}");
        assert_eq!(scrubbed.chars().count(), MAX_TEXT);
    }

    #[test]
    fn text_is_cut_by_characters() {
        assert_eq!(clean(&"ü".repeat(300)), "ü".repeat(300));
        assert_eq!(clean(&"ü".repeat(301)), format!("{}…", "ü".repeat(299)));
    }
}
