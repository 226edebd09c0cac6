//! Canonical fields ⇄ Plivo's own terms: `app_id` goes out, `application` comes back.

use super::wire::{Endpoint, UpdateEndpoint};
use crate::core::fields::{FieldName, Fields, PASSWORD, Registration, Remote, Secret, Value};
use crate::provider::transport::md5_hex;

/// The name shown in the console.
pub const ALIAS: FieldName = "alias";
/// The attached application; `""` is none.
pub const APP_ID: FieldName = "app_id";

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
    })
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
