//! Unique values that stand for secrets, and the search for them: nothing of a canary may be found where secrets have no business, in
//! none of the forms in which programs give secrets away.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use anyhow::{Result, anyhow};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use md5::{Digest, Md5};
use ring::{
    digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};

/// Characters of a canary's random part. Each half of it is searched, so that a value that was cut off is found as well.
const RANDOM: usize = 20;

/// Around the random part: characters that look different in base64 and base64url, in URLs, in JSON and in HTML.
const AROUND: (&str, &str) = ("+/&\"", "?>%~");

/// A value that nobody else has, of 28 printable characters without spaces.
///
/// # Errors
/// When the system has no randomness.
pub fn value() -> Result<String> {
    let letters = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut bytes = [0; RANDOM];
    SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow!("no randomness"))?;
    let random: String = bytes.iter().map(|byte| char::from(letters[usize::from(*byte) % letters.len()])).collect();
    Ok(format!("{}{random}{}", AROUND.0, AROUND.1))
}

/// What is searched for. Values of any origin can be added, not only those of [`value`]; they should have eight characters at least.
#[derive(Clone, Debug, Default)]
pub struct Canaries {
    /// Text to search, and what it is.
    needles: BTreeMap<String, String>,
}

/// A canary that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// Where.
    pub place: String,
    /// Which one, in which form.
    pub what: String,
    /// The line it is in, around it.
    pub line: String,
}

impl Canaries {
    /// Searches for a secret from now on: as it is and in halves; reversed; in any base64 (alone, or inside of anything longer such as
    /// a Basic header); in hex; URL-encoded, and as JSON, Rust and HTML would quote it; its MD5, SHA-1 and SHA-256 in hex and base64.
    pub fn add(&mut self, name: &str, secret: &str) {
        let random = secret.strip_prefix(AROUND.0).and_then(|rest| rest.strip_suffix(AROUND.1)).unwrap_or(secret);
        let reversed: String = secret.chars().rev().collect();
        let whole = [("itself", secret.to_owned()), ("URL-encoded", url_encoded(secret)), ("as a form", form_encoded(secret))];
        let quoted = [("quoted", format!("{secret:?}").trim_matches('"').to_owned()), ("in HTML", html(secret))];
        let mut texts: Vec<(&str, String)> = [whole.to_vec(), quoted.to_vec()].concat();
        texts.push(("in JSON", serde_json::Value::from(secret).to_string().trim_matches('"').to_owned()));
        texts.push(("reversed", reversed));
        for (form, text) in texts {
            self.needle(name, form, text);
        }
        for bytes in [secret, random].map(str::as_bytes) {
            for (form, text) in base64_anywhere(bytes).into_iter().map(|text| ("in base64", text)) {
                self.needle(name, form, text);
            }
            self.needle(name, "in hex", hex(bytes));
            self.needle(name, "in hex", hex(bytes).to_uppercase());
        }
        self.digests(name, secret);
        if secret != random {
            let (first, second) = random.split_at(random.len() / 2);
            for half in [first, second] {
                self.needle(name, "half of it", half.to_owned());
                self.needle(name, "half of it reversed", half.chars().rev().collect());
            }
        }
    }

    /// Searches for what a login makes of a password: the digest that SIP and HTTP use (MD5 of `user:realm:password`), and the Basic
    /// header. `user` and `realm` are only known when there is an endpoint.
    pub fn add_login(&mut self, name: &str, user: &str, realm: &str, password: &str) {
        self.digests(&format!("{name} as {user} at {realm}"), &format!("{user}:{realm}:{password}"));
        self.basic(name, user, password);
    }

    /// Searches for the Basic header of a user and a token.
    pub fn basic(&mut self, name: &str, user: &str, token: &str) {
        let pair = format!("{user}:{token}");
        for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
            self.needle(name, "as Basic header", engine.encode(&pair));
        }
        self.digests(&format!("{name} with its user"), &pair);
    }

    fn digests(&mut self, name: &str, text: &str) {
        let all = [
            ("MD5", Md5::digest(text).to_vec()),
            ("SHA-1", digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref().to_vec()),
            ("SHA-256", digest(&SHA256, text.as_bytes()).as_ref().to_vec()),
        ];
        for (form, bytes) in all {
            for text in [hex(&bytes), hex(&bytes).to_uppercase(), STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
                self.needle(name, form, text);
            }
        }
    }

    fn needle(&mut self, name: &str, form: &str, text: String) {
        self.needles.entry(text).or_insert_with(|| format!("{name}, {form}"));
    }

    /// How many texts are searched for.
    pub fn len(&self) -> usize {
        self.needles.len()
    }

    /// Whether nothing is searched for.
    pub fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// Everything found in a text; the same thing once for each line.
    pub fn find(&self, place: &str, text: &str) -> Vec<Hit> {
        // Logs have tens of megabytes and there are hundreds of needles, so the text is gone through once: first by two bytes, which
        // rule out nearly everything, then by six.
        let mut pairs = vec![false; 1 << 16];
        let mut starts: HashMap<&[u8], Vec<(&str, &str)>> = HashMap::new();
        let mut hits = Vec::new();
        for (needle, what) in &self.needles {
            match needle.as_bytes() {
                bytes @ [first, second, _, _, _, _, ..] => {
                    pairs[usize::from(*first) << 8 | usize::from(*second)] = true;
                    starts.entry(&bytes[..6]).or_default().push((needle, what));
                }
                _ => hits.extend(text.match_indices(needle.as_str()).map(|(at, _)| hit(place, text, at, needle, what))),
            }
        }
        for (at, window) in text.as_bytes().windows(6).enumerate() {
            if !pairs[usize::from(window[0]) << 8 | usize::from(window[1])] {
                continue;
            }
            for (needle, what) in starts.get(window).into_iter().flatten() {
                if text.as_bytes()[at..].starts_with(needle.as_bytes()) {
                    hits.push(hit(place, text, at, needle, what));
                }
            }
        }
        hits.sort();
        hits.dedup();
        hits
    }
}

fn hit(place: &str, text: &str, at: usize, needle: &str, what: &str) -> Hit {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    Hit { place: place.to_owned(), what: what.to_owned(), line: around(&text[start..end], at - start, needle.len()) }
}

/// A hundred bytes on both sides.
fn around(line: &str, at: usize, length: usize) -> String {
    let (start, end) = (at.saturating_sub(100), at + length + 100);
    line.char_indices().filter(|(index, _)| (start..end).contains(index)).map(|(_, character)| character).collect()
}

/// How the bytes look in base64, whatever comes before and after them: there are three ways, by the position in a group of three. The
/// characters at the ends that depend on the neighbours are left out, so padding does not matter.
fn base64_anywhere(bytes: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    for offset in 0..3 {
        let padded = [vec![0; offset], bytes.to_vec()].concat();
        let (first, last) = ((offset * 8).div_ceil(6), padded.len() * 8 / 6);
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            // Base64 is ASCII, so this cuts no character.
            texts.push(engine.encode(&padded)[first..last].to_owned());
        }
    }
    texts
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Standard base64, with padding.
pub fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// Everything but RFC 3986's unreserved characters as `%XX`.
pub fn url_encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}

/// As browsers send forms: `~` is encoded as well, a space is a plus.
fn form_encoded(text: &str) -> String {
    url_encoded(text).replace('~', "%7E").replace("%20", "+")
}

/// As a page shows it.
pub fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "+/&\"k3RnTz7Qp2WsX9vBhY4m?>%~";

    fn hits(text: &str) -> Vec<String> {
        let mut canaries = Canaries::default();
        canaries.add("the token", SECRET);
        canaries.add_login("the token", "alice", "phone.plivo.com", SECRET);
        canaries.find("here", text).into_iter().map(|hit| hit.what).collect()
    }

    #[test]
    fn each_form_is_found_wherever_it_stands() {
        // Made by other programs: coreutils, python.
        let planted = [
            ("raw", SECRET.to_owned()),
            ("the first half", "token=k3RnTz7Qp2...".to_owned()),
            ("the second half", "...WsX9vBhY4m".to_owned()),
            ("base64", "Ky8mImszUm5UejdRcDJXc1g5dkJoWTRtPz4lfg==".to_owned()),
            ("base64 within more", format!("x {} y", STANDARD.encode(format!("MASANDBOX:{SECRET}")))),
            ("base64 within more, further", format!("x {} y", URL_SAFE.encode(format!("{{\"password\":\"{SECRET}\"}}")))),
            ("hex", hex(format!("ab{SECRET}").as_bytes())),
            ("upper hex", hex(SECRET.as_bytes()).to_uppercase()),
            ("URL", "?password=%2B%2F%26%22k3RnTz7Qp2WsX9vBhY4m%3F%3E%25~&x=1".to_owned()),
            ("JSON", r#"{"password":"+/&\"k3RnTz7Qp2WsX9vBhY4m?>%~"}"#.to_owned()),
            ("HTML", "<p>+/&amp;&quot;k3RnTz7Qp2WsX9vBhY4m?&gt;%~</p>".to_owned()),
            ("reversed", "~%>?m4YhBv9XsW2pQ7zTnR3k\"&/+".to_owned()),
            ("MD5", "7d669729a213da3dac31b8748fea840b".to_owned()),
            ("SHA-1", "26fd2d11527a8b939fcd4e4c9794118bdd905995".to_owned()),
            ("SHA-256", "89c35d75ffadb67ba8845687086737bb3812d22dcd8cb2506cc23d32f9e90d92".to_owned()),
            ("MD5 of user, realm and password", "5141b0c1fe238890629c6afa789f9a8d".to_owned()),
            ("Basic", "Authorization: Basic YWxpY2U6Ky8mImszUm5UejdRcDJXc1g5dkJoWTRtPz4lfg==".to_owned()),
        ];
        for (name, text) in planted {
            assert!(!hits(&format!("first line\nbefore {text} after\nlast line")).is_empty(), "{name}: {text}");
        }
    }

    #[test]
    fn what_resembles_it_is_no_hit_and_a_hit_shows_its_line_only() {
        assert_eq!(hits("k3RnTz7Qp WsX9vBhY4 password token aliceMASANDBOX"), Vec::<String>::new());
        let mut canaries = Canaries::default();
        assert!(canaries.is_empty());
        canaries.add("the token", "plain-password");
        let found = canaries.find("the log", "one\ntwo plain-password two\nthree");
        assert_eq!(found.len(), 1);
        assert_eq!((&*found[0].place, &*found[0].line), ("the log", "two plain-password two"));
        assert!(canaries.len() > 10);
    }

    #[test]
    fn values_are_different_and_good_passwords() {
        let (one, other) = (value().expect("a value"), value().expect("a value"));
        assert!(one != other && one.len() == RANDOM + 8 && one.bytes().all(|byte| byte.is_ascii_graphic()), "{one}");
    }
}
