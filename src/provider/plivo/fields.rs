//! Canonical fields ⇄ Plivo's own terms: `app_id` goes out, `application` comes back.

use super::wire::{self, Endpoint, UpdateEndpoint, UpdateNumber};
use crate::core::fields::{Application, FieldName, Fields, Number, PASSWORD, Registration, Remote, Role, Secret, Value};
use crate::provider::transport::md5_hex;

/// The name shown in the console.
pub const ALIAS: FieldName = "alias";
/// The attached application; `""` is none.
pub const APP_ID: FieldName = "app_id";

/// The subaccount that holds a number; `""` is the account itself.
pub const SUBACCOUNT: FieldName = "subaccount";
/// The compliance application of a number; `""` is none.
pub const COMPLIANCE_APPLICATION_ID: FieldName = "compliance_application_id";

/// What a spec can manage, but for the password.
pub const ALL: &[FieldName] = &[ALIAS, APP_ID, SUBACCOUNT, COMPLIANCE_APPLICATION_ID];

/// Desired fields as a request body. `Err` names a field that Plivo does not have, or one of the wrong kind: it is never sent,
/// since one unknown key makes Plivo refuse the whole update.
pub fn change(fields: &Fields) -> Result<UpdateEndpoint<'_>, FieldName> {
    let mut body = UpdateEndpoint::default();
    for (field, value) in fields {
        match (*field, value) {
            (ALIAS, Value::Text(text)) => body.alias = Some(text),
            (APP_ID, Value::Text(text)) => body.app_id = Some(text),
            (PASSWORD, Value::Secret(secret)) => body.password = Some(secret),
            _ => return Err(field),
        }
    }
    Ok(body)
}

/// An endpoint as the core sees it; `None` without id or username.
pub fn remote(endpoint: Endpoint) -> Option<Remote> {
    let mut fields = Fields::new();
    if let Some(alias) = endpoint.alias {
        fields.insert(ALIAS, Value::Text(alias));
    }
    // "No application" reads null, "" or absent, so the field is always known.
    let app_id = endpoint.application.as_deref().map(last_segment).unwrap_or_default();
    fields.insert(APP_ID, Value::Text(app_id.to_owned()));
    let registration = endpoint.sip_registered.map(|registered| match registered {
        true => Registration {
            registered,
            contact: endpoint.sip_contact.map(|contact| contact.0),
            expires: endpoint.sip_expires,
            user_agent: endpoint.sip_user_agent,
        },
        false => Registration::default(),
    });
    Some(Remote {
        id: endpoint.endpoint_id?,
        username: endpoint.username?,
        sip_uri: endpoint.sip_uri,
        registration,
        fields,
        password_digest: endpoint.password.filter(is_md5),
        role: Role::Own,
    })
}

/// Why a change of a number is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsendable {
    /// Numbers have no such field, or not of that kind.
    NoSuchField(FieldName),
    /// The field can be changed but not emptied (`contracts/plivo.md` 7): no way back to the main account is known.
    NotEmptied(FieldName),
    /// Without `app_id` Plivo points the number to the account's default application.
    NoAppId,
}

/// The desired fields of a number as a request body.
///
/// # Errors
/// Why they must not be sent.
pub fn number_change(fields: &Fields) -> Result<UpdateNumber<'_>, Unsendable> {
    let (mut app_id, mut alias, mut subaccount, mut compliance_application_id) = (None, None, None, None);
    for (field, value) in fields {
        match (*field, value) {
            (SUBACCOUNT | COMPLIANCE_APPLICATION_ID, Value::Text(text)) if text.is_empty() => return Err(Unsendable::NotEmptied(field)),
            (APP_ID, Value::Text(text)) => app_id = Some(text.as_str()),
            (ALIAS, Value::Text(text)) => alias = Some(text.as_str()),
            (SUBACCOUNT, Value::Text(text)) => subaccount = Some(text.as_str()),
            (COMPLIANCE_APPLICATION_ID, Value::Text(text)) => compliance_application_id = Some(text.as_str()),
            _ => return Err(Unsendable::NoSuchField(field)),
        }
    }
    let app_id = app_id.ok_or(Unsendable::NoAppId)?;
    Ok(UpdateNumber { app_id, alias, subaccount, compliance_application_id })
}

/// A number as the core sees it; `None` without its digits. Null, `""` and a missing member are none; a member that cannot be read is
/// not known.
pub fn number(number: wire::Number) -> Option<Number> {
    let reference = |member: Option<String>| member.map(|uri| last_segment(&uri).to_owned());
    let fields = [
        (ALIAS, number.alias),
        (APP_ID, reference(number.application)),
        (SUBACCOUNT, reference(number.sub_account)),
        (COMPLIANCE_APPLICATION_ID, reference(number.compliance_application_id)),
    ];
    let fields = fields.into_iter().filter_map(|(field, text)| Some((field, Value::Text(text?)))).collect();
    let digits = number.number?;
    Some(Number { id: digits.clone(), number: digits, obstacle: None, fields })
}

/// An application as the core sees it; `None` without its id.
pub fn application(application: wire::Application) -> Option<Application> {
    Some(Application { id: application.app_id?, name: application.app_name.unwrap_or_default() })
}

/// Whether a remote endpoint has this password; `None` if its answer held no hash (a registered one's never does).
pub fn password_matches(remote: &Remote, password: &Secret) -> Option<bool> {
    let digest = remote.password_digest.as_ref()?;
    Some(digest.expose().eq_ignore_ascii_case(&md5_hex(password.expose())))
}

/// The id in a reference such as `/v1/Account/MA…/Application/379…/`; the segment before it need not be `Application`.
fn last_segment(uri: &str) -> &str {
    uri.rsplit('/').find(|segment| !segment.is_empty()).unwrap_or_default()
}

fn is_md5(digest: &Secret) -> bool {
    digest.expose().len() == 32 && digest.expose().bytes().all(|byte| byte.is_ascii_hexdigit())
}
