//! A Plivo endpoint's spec and its password → what is wanted. Parse, don't validate: everything in what comes out is true.

use crate::api::condition::Reason;
use crate::api::sip_endpoint::PlivoEndpoint;
use crate::core::fields::{Fields, PASSWORD, Secret, Value};
use crate::core::mark::alias_from_name;
use crate::core::sighting::applications::Resolution;
use crate::core::view::{Desired, Password, Problem, Wanted, WantedPassword};
use crate::provider::NamedApplication;
use crate::provider::credentials::without_newline;
use crate::provider::plivo::fields::{ALIAS, APP_ID};

/// Shortest and longest SIP password (`contracts/plivo.md` 6).
const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 5..=32;

/// What the spec wants of a Plivo endpoint.
pub fn desired(plivo: &PlivoEndpoint, name: &str, password: Password, application: NamedApplication) -> Desired {
    let parsed = password.and_then(|given| {
        given.map(|(value, version)| Ok(WantedPassword { value: parse_password(&value, plivo)?, version, along: None })).transpose()
    });
    let password = match parsed {
        Ok(password) => password,
        Err(problem) => return Desired::Blocked(problem),
    };
    // What is named and not resolved must not pass for unmanaged: an endpoint would be made without its application.
    let app_id = match (&plivo.app_id, &plivo.app_name) {
        (Some(app_id), _) => Ok(Some(app_id.clone())),
        (None, Some(app_name)) => application.unwrap_or_else(|| Resolution::NotListed.app_id(app_name)).map(Some),
        (None, None) => Ok(None),
    };
    let app_id = match app_id {
        Ok(app_id) => app_id,
        Err(problem) => return Desired::Blocked(problem),
    };
    let mut fields = Fields::new();
    if let Some(alias) = &plivo.alias {
        fields.insert(ALIAS, Value::Text(alias.clone()));
    }
    if let Some(app_id) = app_id {
        fields.insert(APP_ID, Value::Text(app_id));
    }
    let mut create = fields.clone();
    create.entry(ALIAS).or_insert_with(|| Value::Text(alias_from_name(name)));
    if let Some(password) = &password {
        create.insert(PASSWORD, Value::Secret(password.value.clone()));
    }
    Desired::Wanted(Box::new(Wanted { fields, create, password }))
}

/// 5 to 32 printable ASCII characters; one trailing newline is cut, since that is what `kubectl create secret --from-file` leaves.
fn parse_password(value: &Secret, plivo: &PlivoEndpoint) -> Result<Secret, Problem> {
    let text = value.expose();
    let text = without_newline(text);
    let bytes = text.as_bytes();
    let at = plivo.password_secret_ref.as_ref();
    let wrong = |what: String| Problem {
        reason: Reason::SecretInvalid,
        message: format!(
            "{} key {}: the password {what}; a SIP password has 5 to 32 printable ASCII characters. Nothing is sent until the Secret is mended, then this goes on by itself",
            at.map_or_else(|| "the connectionSecret's".to_owned(), |at| format!("Secret {}", at.name)),
            at.map_or("password", |at| &at.key),
        ),
    };
    if let Some(position) = bytes.iter().position(|byte| !(0x20..0x7f).contains(byte)) {
        return Err(wrong(format!("has an illegal character at position {}", position + 1)));
    }
    if bytes.len() < *PASSWORD_LENGTH.start() {
        return Err(wrong("is shorter than 5 characters".into()));
    }
    if bytes.len() > *PASSWORD_LENGTH.end() {
        return Err(wrong("is longer than 32 characters".into()));
    }
    Ok(Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ledger::SecretVersion;

    #[test]
    fn passwords_are_judged_without_being_shown() {
        let table: [(&[u8], Option<&str>); 9] = [
            (b"abcde", None),
            (b"abcde\n", None),
            (b"abcde\r\n", None),
            (b"0123456789 123456789 123456789 1", None),
            (b"abcd", Some("shorter than 5")),
            (b"", Some("shorter than 5")),
            (b"0123456789 123456789 123456789 12", Some("longer than 32")),
            (b"abc\ndef", Some("position 4")),
            ("pässword".as_bytes(), Some("position 2")),
        ];
        for (bytes, problem) in table {
            let desired =
                desired(&PlivoEndpoint::default(), "alice", Ok(Some((Secret::from_bytes(bytes.to_vec()), SecretVersion::default()))), None);
            match (desired, problem) {
                (Desired::Wanted(_), None) => {}
                (Desired::Blocked(found), Some(words)) => {
                    assert!(found.message.contains(words), "{}", found.message);
                    assert!(bytes.is_empty() || !found.message.contains(&*String::from_utf8_lossy(bytes)));
                }
                (other, _) => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn absent_means_unmanaged_but_for_the_alias_at_create() {
        let Desired::Wanted(wanted) =
            desired(&PlivoEndpoint::default(), "front.desk", Ok(Some((Secret::new("hunter22".into()), SecretVersion::default()))), None)
        else {
            panic!()
        };
        assert!(wanted.fields.is_empty());
        let names: Vec<_> = wanted.create.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(names, [r#"alias="front-desk""#, "password=***"]);
    }

    #[test]
    fn a_named_application_becomes_its_id_and_one_that_cannot_be_resolved_blocks() {
        type Case = (&'static str, Option<&'static str>, Option<&'static str>, NamedApplication, Result<Option<&'static str>, Reason>);
        let missing = || Resolution::Missing.app_id("ivr");
        let table: [Case; 7] = [
            ("neither", None, None, None, Ok(None)),
            ("an id", Some("7"), None, None, Ok(Some("7"))),
            ("explicitly none", Some(""), None, None, Ok(Some(""))),
            ("a name", None, Some("ivr"), Some(Ok("9".into())), Ok(Some("9"))),
            ("a name that stands for nothing", None, Some("ivr"), Some(missing()), Err(Reason::ApplicationMissing)),
            ("a name that nobody has looked up", None, Some("ivr"), None, Err(Reason::Progressing)),
            ("a name that is not in the spec any more", None, None, Some(missing()), Ok(None)),
        ];
        for (sentence, app_id, app_name, application, expected) in table {
            let spec =
                PlivoEndpoint { app_id: app_id.map(str::to_owned), app_name: app_name.map(str::to_owned), ..PlivoEndpoint::default() };
            let found = match desired(&spec, "alice", Ok(None), application) {
                Desired::Wanted(wanted) => {
                    assert_eq!(wanted.fields.get(APP_ID), wanted.create.get(APP_ID), "{sentence}");
                    Ok(wanted.fields.get(APP_ID).and_then(Value::text).map(str::to_owned))
                }
                Desired::Blocked(problem) | Desired::Unmade(problem) => Err(problem.reason),
            };
            assert_eq!(found, expected.map(|id| id.map(str::to_owned)), "{sentence}");
        }
    }
}
