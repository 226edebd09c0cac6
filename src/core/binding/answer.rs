//! What answers a number: an application at one provider, a trunk group at another. A decision knows only the field that says which
//! ([`Capabilities::number_target`](crate::core::capabilities::Capabilities::number_target)); that the API keeps each kind of id under its
//! own name is known here and nowhere else.

use crate::api::phone_number_binding::{PhoneNumberBindingStatus, Placed, Previous};
use crate::core::fields::FieldName;

/// The field of a number that an application answers.
pub const APP_ID: FieldName = "app_id";
/// The field of a number that leads to a trunk group.
pub const TRUNK_GROUP_SID: FieldName = "trunk_group_sid";

/// What people call what has its id in this field.
pub fn noun(field: &str) -> &'static str {
    match field {
        TRUNK_GROUP_SID => "trunk group",
        _ => "application",
    }
}

/// This one, within a sentence; `""` is none.
pub fn named(field: &str, id: &str) -> String {
    match id {
        "" => format!("no {}", noun(field)),
        id => format!("{} {id}", noun(field)),
    }
}

/// The id under its name, and nothing under the other.
fn under(field: &str, id: String) -> (Option<String>, Option<String>) {
    match field {
        TRUNK_GROUP_SID => (None, Some(id)),
        _ => (Some(id), None),
    }
}

/// What a binding writes to its number.
pub fn placed(field: &str, id: impl Into<String>, alias: Option<String>) -> Placed {
    let (app_id, trunk_group_sid) = under(field, id.into());
    Placed { app_id, trunk_group_sid, alias }
}

/// What a number showed.
pub fn previous(field: &str, id: impl Into<String>, alias: impl Into<String>, subaccount: impl Into<String>) -> Previous {
    let (app_id, trunk_group_sid) = under(field, id.into());
    Previous { app_id, trunk_group_sid, alias: alias.into(), subaccount: subaccount.into() }
}

/// Shows in the status what answers the number; absent where that was not told.
pub fn show(status: &mut PhoneNumberBindingStatus, field: &str, id: Option<String>) {
    (status.app_id, status.trunk_group_sid) = id.map_or((None, None), |id| under(field, id));
}

/// What the status shows to answer the number, if it was ever seen.
pub fn shown(status: &PhoneNumberBindingStatus) -> Option<&str> {
    status.app_id.as_deref().or(status.trunk_group_sid.as_deref())
}

/// The field that a status tells of, for as long as the provider is not known: what was there before, else what was put there, else what
/// was shown last.
pub fn recorded(status: &PhoneNumberBindingStatus) -> FieldName {
    let previous = status.previous.iter().map(|previous| previous.trunk_group_sid.is_some());
    let placed = status.placed.iter().map(|placed| placed.trunk_group_sid.is_some());
    match previous.chain(placed).next().unwrap_or(status.trunk_group_sid.is_some()) {
        true => TRUNK_GROUP_SID,
        false => APP_ID,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_stands_under_its_own_name_and_reads_back_whatever_it_is_called() {
        for (field, app_id, trunk_group_sid) in [(APP_ID, Some("7"), None), (TRUNK_GROUP_SID, None, Some("7"))] {
            let (placed, previous) = (placed(field, "7", None), previous(field, "7", "", ""));
            assert_eq!((placed.app_id.as_deref(), placed.trunk_group_sid.as_deref()), (app_id, trunk_group_sid));
            assert_eq!((previous.app_id.as_deref(), previous.trunk_group_sid.as_deref()), (app_id, trunk_group_sid));
            assert_eq!((placed.target(), previous.target()), ("7", "7"));
            let mut status = PhoneNumberBindingStatus::default();
            show(&mut status, field, Some("7".into()));
            assert_eq!((status.app_id.as_deref(), status.trunk_group_sid.as_deref(), shown(&status)), (app_id, trunk_group_sid, Some("7")));
            assert_eq!(recorded(&status), field);
            show(&mut status, field, None);
            assert_eq!(shown(&status), None);
            status.placed.push(placed.clone());
            assert_eq!(recorded(&status), field);
            status.previous = Some(previous);
            assert_eq!(recorded(&PhoneNumberBindingStatus { placed: Vec::new(), ..status }), field);
        }
        assert_eq!(recorded(&PhoneNumberBindingStatus::default()), APP_ID, "nothing tells, and nothing was done");
    }

    #[test]
    fn people_read_what_it_is_and_which() {
        assert_eq!([named(APP_ID, "7"), named(TRUNK_GROUP_SID, "7")], ["application 7", "trunk group 7"]);
        assert_eq!([named(APP_ID, ""), named(TRUNK_GROUP_SID, "")], ["no application", "no trunk group"]);
    }
}
