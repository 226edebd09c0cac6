//! What exists at a provider, as the spec of an object that takes it over and changes nothing there.
//!
//! The law: what such a spec wants (`desired`) has no difference to what it was written from. So applying it makes no call that changes
//! anything. What a spec cannot say is left out of it, and what a spec leaves out is left as it is.

use crate::api::phone_number_binding::PhoneNumberBindingSpec;
use crate::api::refs::{AccountRef, ProviderKind};
use crate::api::sip_endpoint::{Adopt, SipEndpointSpec};
use crate::core::fields::{Fields, Number, Remote, Role, Value};
use crate::provider::answers::is_id;
use crate::provider::{of_kind, unknown_provider};

/// Longest alias of a number, in characters.
const NUMBER_ALIAS: usize = 100;

/// A spec, and what it does not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written<S> {
    /// The spec.
    pub spec: S,
    /// What is left as it is on purpose, and how it is taken over: sentences for people.
    pub notes: Vec<String>,
    /// Fields with a value that no spec can hold, so they are left as they are: which, and why. Never with the value.
    pub left: Vec<String>,
}

impl<S> Written<S> {
    /// Another spec with the same remarks.
    pub fn map<T>(self, f: impl FnOnce(S) -> T) -> Written<T> {
        Written { spec: f(self.spec), notes: self.notes, left: self.left }
    }
}

/// An endpoint as a spec that adopts it. `from_installation`: whose mark it may carry.
///
/// # Errors
/// Why there is no such spec.
pub fn endpoint(
    kind: ProviderKind,
    remote: &Remote,
    account_ref: AccountRef,
    from_installation: Option<String>,
) -> Result<Written<SipEndpointSpec>, String> {
    match remote.role {
        Role::Own => {}
        Role::Gateway(_) => return Err("it is the provider's own side, from which its calls come".to_owned()),
        Role::Elsewhere => return Err("it belongs to another account of the provider; import it with an account object of that".to_owned()),
    }
    if !is_id(&remote.id) {
        return Err("its id has another form than ids have here".to_owned());
    }
    let written = of_kind(kind).ok_or_else(|| unknown_provider().message)?.describe(remote)?;
    let adopt = Adopt { endpoint_id: remote.id.clone(), from_installation };
    Ok(written.map(|spec| SipEndpointSpec { account_ref, adopt: Some(adopt), ..spec }))
}

/// A number as a binding to what answers it now.
///
/// # Errors
/// Why there is no such binding.
pub fn number(kind: ProviderKind, number: &Number, account_ref: AccountRef) -> Result<Written<PhoneNumberBindingSpec>, String> {
    if let Some(obstacle) = &number.obstacle {
        return Err(obstacle.clone());
    }
    let digits = &number.number;
    let formed = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    if !formed {
        return Err("it is no number in E.164 (7 to 15 digits, the first not 0)".to_owned());
    }
    let mut written = of_kind(kind).ok_or_else(|| unknown_provider().message)?.describe_number(number)?;
    let alias = text(&number.fields, "alias").filter(|alias| !alias.is_empty());
    let fits = |alias: &&str| is_line(alias, NUMBER_ALIAS);
    if alias.is_some() && alias.filter(fits).is_none() {
        written.left.push(format!("alias: a manifest takes 1 to {NUMBER_ALIAS} characters, none of them a control character"));
    }
    let alias = alias.filter(fits).map(str::to_owned);
    Ok(written.map(|spec| PhoneNumberBindingSpec { account_ref, number: format!("+{digits}"), alias, ..spec }))
}

/// What answers the number, by the provider's id; `""` is nothing. `None`: the answer does not say.
pub fn answered_by<'n>(number: &'n Number, target: &str) -> Option<&'n str> {
    text(&number.fields, target)
}

/// A field that is a text.
pub(super) fn text<'f>(fields: &'f Fields, field: &str) -> Option<&'f str> {
    fields.get(field).and_then(Value::text)
}

/// 1 to `longest` characters, none of them a control character.
pub(super) fn is_line(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// 1 to `longest` letters, digits and some of `more`, all ASCII.
pub(super) fn is_word(text: &str, longest: usize, more: &str) -> bool {
    (1..=longest).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_accounts_own_or_cannot_be_bound_is_refused_with_the_reason() {
        let remote = |id: &str, role: Role| Remote {
            id: id.into(),
            username: "alice1".into(),
            sip_uri: None,
            registration: None,
            fields: Fields::new(),
            password_digest: None,
            role,
        };
        let account = || AccountRef { name: "plivo".into(), ..AccountRef::default() };
        let table = [
            (remote("7", Role::Own), None),
            (remote("7", Role::Gateway(Vec::new())), Some("provider's own side")),
            (remote("7", Role::Elsewhere), Some("another account")),
            (remote("-7", Role::Own), Some("its id")),
        ];
        for (remote, refused) in table {
            let found = endpoint(ProviderKind::Plivo, &remote, account(), None);
            match refused {
                None => assert_eq!(found.map(|written| written.spec.adopt.map(|adopt| adopt.endpoint_id)), Ok(Some("7".to_owned()))),
                Some(words) => assert!(found.is_err_and(|why| why.contains(words)), "{remote:?}"),
            }
        }
        let fields = || Fields::from([("app_id", Value::Text("7".into()))]);
        let obstructed = Number { obstacle: Some("it is on its way out".into()), ..Number::new("14155550100", fields()) };
        let table = [
            (Number::new("14155550100", fields()), None),
            (obstructed, Some("on its way out")),
            (Number::new("72345", fields()), Some("E.164")),
            (Number::new("04155550100", fields()), Some("E.164")),
            (Number::new("1415555010012345", fields()), Some("E.164")),
            (Number::new("14155550100", Fields::new()), Some("does not show")),
        ];
        for (given, refused) in table {
            let found = number(ProviderKind::Plivo, &given, account());
            match refused {
                None => assert_eq!(found.map(|written| written.spec.number), Ok("+14155550100".to_owned())),
                Some(words) => assert!(found.clone().is_err_and(|why| why.contains(words)), "{found:?}"),
            }
        }
    }
}
