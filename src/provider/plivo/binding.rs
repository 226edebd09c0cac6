//! A PhoneNumberBinding's spec and its resolved target → what is wanted of the number.

use crate::api::phone_number_binding::PhoneNumberBindingSpec;
use crate::core::fields::{Fields, Value};
use crate::provider::plivo::fields::{ALIAS, APP_ID, COMPLIANCE_APPLICATION_ID, SUBACCOUNT};

/// What the spec wants of a number that this application is to answer; `""` is none. What the spec leaves out is left as it is, but for
/// the application: an update that leaves it out points the number to the account's default (`contracts/plivo.md` 7).
pub fn desired(spec: &PhoneNumberBindingSpec, app_id: String) -> Fields {
    let optional = [(ALIAS, &spec.alias), (SUBACCOUNT, &spec.subaccount), (COMPLIANCE_APPLICATION_ID, &spec.compliance_application_id)];
    let optional = optional.into_iter().filter_map(|(field, value)| Some((field, value.clone()?)));
    optional.chain([(APP_ID, app_id)]).map(|(field, value)| (field, Value::Text(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_application_is_managed_unless_the_spec_says_more() {
        let spec = |alias: Option<&str>, subaccount: Option<&str>, compliance: Option<&str>| PhoneNumberBindingSpec {
            alias: alias.map(Into::into),
            subaccount: subaccount.map(Into::into),
            compliance_application_id: compliance.map(Into::into),
            ..PhoneNumberBindingSpec::default()
        };
        let table: [(PhoneNumberBindingSpec, &str, &[&str]); 3] = [
            (spec(None, None, None), "", &[r#"app_id="""#]),
            (spec(Some("desk"), None, None), "7", &[r#"alias="desk""#, r#"app_id="7""#]),
            (
                spec(Some("desk"), Some("SA1"), Some("c1")),
                "7",
                &[r#"alias="desk""#, r#"app_id="7""#, r#"compliance_application_id="c1""#, r#"subaccount="SA1""#],
            ),
        ];
        for (spec, app_id, expected) in table {
            let wanted: Vec<String> = desired(&spec, app_id.into()).iter().map(|(field, value)| format!("{field}={value}")).collect();
            assert_eq!(wanted, expected);
        }
    }
}
