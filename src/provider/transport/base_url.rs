//! Where a provider is. A process flag, never a field of an object, and judged before anything is contacted.

use std::fmt;

use reqwest::Url;

/// An origin that credentials may be sent to: https, or plain http to a loopback address (the sandbox).
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// Why an address is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Not a URL at all; no host is one of the reasons.
    #[error("not a URL: {0}")]
    NotAUrl(String),
    /// Another scheme than http and https.
    #[error("the scheme is {0}: use https (http for a loopback address only)")]
    Scheme(String),
    /// Plain http to something else than a loopback address. Names are refused as well: a name can move.
    #[error("plain http to {0}: use https; http is accepted for a loopback address (127.0.0.1, [::1]) only, not for a name")]
    PlainHttp(String),
    /// User or password in the URL.
    #[error("no user or password in the URL: credentials come from a Secret")]
    UserInfo,
    /// More than an origin.
    #[error("only scheme, host and port are wanted: the provider's own paths are added")]
    MoreThanOrigin,
}

impl BaseUrl {
    /// Reads an address as the URL standard does, then judges the result: `http://2130706433` is `http://127.0.0.1`.
    pub fn parse(text: &str) -> Result<Self, Rejected> {
        let url = Url::parse(text).map_err(|error| Rejected::NotAUrl(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Rejected::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Rejected::UserInfo);
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(Rejected::MoreThanOrigin);
        }
        let base = Self(url);
        if base.0.scheme() == "http" && !base.is_loopback() {
            return Err(Rejected::PlainHttp(base.0.host_str().unwrap_or_default().to_owned()));
        }
        Ok(base)
    }

    /// Whether the host is a loopback address, written as an address.
    pub fn is_loopback(&self) -> bool {
        // The URL parser has brought every spelling of an IPv4 address into the dotted form.
        let host = self.0.host_str().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

impl std::str::FromStr for BaseUrl {
    type Err = Rejected;

    fn from_str(text: &str) -> Result<Self, Rejected> {
        Self::parse(text)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_to_https_or_a_loopback_address_only() {
        let accepted = [
            ("https://api.plivo.com", "https://api.plivo.com/", false),
            ("https://api.plivo.com:8443/", "https://api.plivo.com:8443/", false),
            ("https://10.0.0.1", "https://10.0.0.1/", false),
            ("https://127.0.0.1:9", "https://127.0.0.1:9/", true),
            ("http://127.0.0.1:4010", "http://127.0.0.1:4010/", true),
            ("http://[::1]:4010", "http://[::1]:4010/", true),
            ("http://2130706433", "http://127.0.0.1/", true),
            ("http://0x7f.1", "http://127.0.0.1/", true),
        ];
        for (text, expected, loopback) in accepted {
            let base = BaseUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((base.to_string().as_str(), base.is_loopback()), (expected, loopback), "{text}");
        }
        let http = |host: &str| Rejected::PlainHttp(host.to_owned());
        let refused = [
            ("http://api.plivo.com", http("api.plivo.com")),
            ("http://localhost:4010", http("localhost")),
            ("http://127.0.0.1.evil.example", http("127.0.0.1.evil.example")),
            ("http://0.0.0.0:4010", http("0.0.0.0")),
            ("http://169.254.169.254", http("169.254.169.254")),
            ("http://[::ffff:10.0.0.1]", http("[::ffff:a00:1]")),
            ("http://[::ffff:127.0.0.1]", http("[::ffff:7f00:1]")),
            ("https://user@api.plivo.com", Rejected::UserInfo),
            ("https://user:word@api.plivo.com", Rejected::UserInfo),
            ("http://127.0.0.1@evil.example", Rejected::UserInfo),
            ("https://api.plivo.com?a=b", Rejected::MoreThanOrigin),
            ("https://api.plivo.com/#a", Rejected::MoreThanOrigin),
            ("https://api.plivo.com/v1", Rejected::MoreThanOrigin),
            ("ftp://127.0.0.1", Rejected::Scheme("ftp".to_owned())),
            ("file:///etc/passwd", Rejected::Scheme("file".to_owned())),
            ("https://", Rejected::NotAUrl("empty host".to_owned())),
            ("api.plivo.com", Rejected::NotAUrl("relative URL without a base".to_owned())),
            ("", Rejected::NotAUrl("relative URL without a base".to_owned())),
        ];
        for (text, expected) in refused {
            assert_eq!(BaseUrl::parse(text), Err(expected), "{text}");
        }
    }
}
