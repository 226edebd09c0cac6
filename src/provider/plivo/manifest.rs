//! A Plivo endpoint or number as it is → a spec that changes nothing. The inverse of `desired.rs` and `binding.rs`.

use crate::api::phone_number_binding::{PhoneNumberBindingSpec, Target};
use crate::api::sip_endpoint::{PlivoEndpoint, SipEndpointSpec};
use crate::core::fields::{Number, Remote};
use crate::provider::answers::is_id;
use crate::provider::manifest::{Written, is_word, text};
use crate::provider::plivo::fields::{ALIAS, APP_ID, COMPLIANCE_APPLICATION_ID, SUBACCOUNT};

/// Longest alias, in characters.
const LONGEST: usize = 50;
const PASSWORD: &str = "Its password is left as it is; plivo.passwordSecretRef names the Secret that is to hold it.";

/// Alias and application. The application by its id: names of applications may change and need not be unique.
pub(super) fn endpoint(remote: &Remote) -> Written<SipEndpointSpec> {
    let mut left = Vec::new();
    let mut keep = |field: &str, fits: fn(&str) -> bool, rule: &str| {
        let value = text(&remote.fields, field).filter(|value| !value.is_empty())?;
        if !fits(value) {
            left.push(format!("{field}: a manifest takes {rule}"));
        }
        fits(value).then(|| value.to_owned())
    };
    let alias = keep(ALIAS, |alias| is_word(alias, LONGEST, "_-"), "1 to 50 letters, digits, dashes and underscores");
    let app_id = keep(APP_ID, is_id, "ids of at most 64 letters, digits, dots, dashes and underscores");
    let plivo = PlivoEndpoint { alias, app_id, ..PlivoEndpoint::default() };
    Written { spec: SipEndpointSpec { plivo: Some(plivo), ..SipEndpointSpec::default() }, notes: vec![PASSWORD.to_owned()], left }
}

/// The application that answers. A subaccount and a compliance application are not managed: what is done to them is never undone.
pub(super) fn number(number: &Number) -> Result<Written<PhoneNumberBindingSpec>, String> {
    let app_id = text(&number.fields, APP_ID).ok_or("Plivo does not show what answers it")?;
    if !app_id.is_empty() && !is_id(app_id) {
        return Err("what answers it has an id of another form than ids have here".to_owned());
    }
    let held = |field: &str, what: &str| {
        let id = text(&number.fields, field).filter(|id| is_id(id))?;
        Some(format!("Its {what} {id} is left as it is ({field})."))
    };
    let notes = [held(SUBACCOUNT, "subaccount"), held(COMPLIANCE_APPLICATION_ID, "compliance application")];
    let target = Target { app_id: Some(app_id.to_owned()), ..Target::default() };
    let spec = PhoneNumberBindingSpec { target, ..PhoneNumberBindingSpec::default() };
    Ok(Written { spec, notes: notes.into_iter().flatten().collect(), left: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fields::{Fields, Role, Value};

    fn remote(alias: Option<&str>, app_id: &str) -> Remote {
        let text = |text: &str| Value::Text(text.to_owned());
        let alias = alias.map(|alias| (ALIAS, text(alias)));
        let fields: Fields = alias.into_iter().chain([(APP_ID, text(app_id))]).collect();
        Remote {
            id: "14659095951490".into(),
            username: "alice131031145958".into(),
            sip_uri: None,
            registration: None,
            fields,
            password_digest: None,
            role: Role::Own,
        }
    }

    #[test]
    fn only_what_a_manifest_may_say_is_written_and_the_rest_is_told_without_its_value() {
        let long = "x".repeat(51);
        type Case<'a> = (Option<&'a str>, &'a str, (Option<&'a str>, Option<&'a str>), &'a [&'a str]);
        let table: [Case<'_>; 7] = [
            (Some("alice-desk_2"), "16638156474000802", (Some("alice-desk_2"), Some("16638156474000802")), &[]),
            (None, "", (None, None), &[]),
            (Some(""), "", (None, None), &[]),
            (Some("Empfang Süd"), "7", (None, Some("7")), &["alias"]),
            (Some(&long), "7", (None, Some("7")), &["alias"]),
            (Some("on"), "a b", (Some("on"), None), &["app_id"]),
            (Some("front.desk"), "-7", (None, None), &["alias", "app_id"]),
        ];
        for (alias, app_id, expected, fields) in table {
            let Written { spec, left, .. } = endpoint(&remote(alias, app_id));
            let plivo = spec.plivo.expect("a member");
            assert_eq!((plivo.alias.as_deref(), plivo.app_id.as_deref()), expected, "{alias:?} {app_id:?}");
            let named: Vec<&str> = left.iter().filter_map(|left| left.split_once(':')).map(|(field, _)| field).collect();
            assert_eq!(named, fields, "{alias:?} {app_id:?}");
            assert!(!left.iter().any(|left| left.contains("Süd")), "{left:?}");
        }
    }
}
