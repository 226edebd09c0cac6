//! Did the request leave us? The one question about an exchange without an answer.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::text;
use crate::core::outcome::{Doubt, DoubtKind};

/// An exchange without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Certainly no byte of the request was written. Says what failed.
    NotSent(String),
    /// Bytes may have been written.
    NoAnswer(Doubt),
}

pub(super) fn not_built(error: reqwest::Error) -> Failure {
    Failure::NotSent(format!("the request cannot be built: {}", deepest(&error.without_url())))
}

/// A failed send. "Connect" covers name resolution, TCP, a proxy's CONNECT and TLS, time-outs of these included; the request is
/// handed to the connection only after that.
pub(super) fn classify(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    if error.is_connect() {
        return Failure::NotSent(unreachable(&error));
    }
    Failure::NoAnswer(doubt(&error))
}

pub(super) fn in_body(error: reqwest::Error) -> Doubt {
    doubt(&error.without_url())
}

fn doubt(error: &reqwest::Error) -> Doubt {
    if error.is_timeout() {
        return Doubt { kind: DoubtKind::TimeOut, message: "time-out".to_owned() };
    }
    Doubt { kind: DoubtKind::Reset, message: format!("the connection broke: {}", deepest(error)) }
}

/// Names what failed on the way to the provider.
fn unreachable(error: &reqwest::Error) -> String {
    if error.is_dns() {
        return format!("name resolution failed: {}", deepest(error));
    }
    if error.is_timeout() {
        return "connect time-out".to_owned();
    }
    let causes = causes(error);
    if let Some(error) = causes.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return tls(error);
    }
    // The tunnel's error type is not public. Only these words for people depend on its text, no decision does.
    if let Some(tunnel) = causes.iter().map(ToString::to_string).find(|text| text.starts_with("tunnel error")) {
        return match tunnel.contains("authorization required") {
            true => "the proxy wants credentials (407 to CONNECT)".to_owned(),
            false => format!("no connection through the proxy: {}", text::clean(&tunnel)),
        };
    }
    match causes.iter().filter_map(|cause| cause.downcast_ref::<io::Error>()).next_back().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(io::ErrorKind::UnexpectedEof) => "connection closed during the TLS handshake".to_owned(),
        _ => format!("no connection: {}", deepest(error)),
    }
}

fn tls(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(problem) = error else {
        return format!("TLS failure: {}", text::clean(&error.to_string()));
    };
    match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired certificate".to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "wrong host name in the certificate".to_owned()
        }
        CertificateError::UnknownIssuer => "certificate of an unknown authority".to_owned(),
        _ => format!("TLS failure: {}", text::clean(&error.to_string())),
    }
}

/// The last cause in words: the outer ones only say "error sending request".
pub(super) fn deepest(error: &reqwest::Error) -> String {
    causes(error).last().map(|cause| text::clean(&cause.to_string())).unwrap_or_default()
}

/// The chain of causes. An `io::Error` that wraps another error skips it in `source()`, so it is unwrapped here.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut found = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        found.push(cause);
        next = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &'a (dyn Error + 'static)),
            None => cause.source(),
        };
    }
    found
}
