//! Phone numbers, called DIDs (`contracts/carrierx.md` 6). They are read and pointed to trunk groups, nothing else: there is no call here
//! that rents or releases one.

use reqwest::Method;
use serde_json::json;

use super::api::{Api, Operation, no_such_sid, paged};
use super::classify::{Target, success, unreadable};
use super::endpoints::not_sent;
use super::{CAPABILITIES, fields, wire};
use crate::core::fields::{Fields, Number, Value};
use crate::core::outcome::{DoubtKind, Outcome};
use crate::provider::Page;
use crate::provider::answers::{is_id, is_number, unknown};
use crate::provider::transport::{Answer, Call};

const READ: &str = "phonenumber.manage or phonenumber.read, and partners.manage or partners.read";
const UPDATE: &str = "phonenumber.manage or phonenumber.update, and partners.manage or partners.update";

const KEY: &str = "did_sid";
const NO_NUMBER: &str = "not a number: at most 20 digits, no plus";
/// Room for one that should not be there.
const FEW: u64 = 2;

impl Api {
    /// By its SID, if that is known; a number that was rented again has another one.
    pub(super) async fn number(&self, digits: &str, sid: Option<&str>) -> Outcome<Number> {
        if !is_number(digits) {
            return not_sent(NO_NUMBER);
        }
        // Where nobody knows its SID the number itself may be given for it.
        if let Some(sid) = sid.filter(|sid| *sid != digits && is_id(sid)) {
            match self.number_by_sid(sid).await {
                Outcome::Done(number) if number.number == digits => return Outcome::Done(number),
                Outcome::Done(_) | Outcome::NotFound { .. } => {}
                other => return other,
            }
        }
        self.number_by_digits(digits).await
    }

    async fn number_by_sid(&self, sid: &str) -> Outcome<Number> {
        let own = self.partner();
        let operation = Operation::new("get_number", Call::Read, Method::GET, ["phonenumber", "dids", sid], READ);
        let read = |answer: &Answer| match fields::number(success(answer, Target::Item)?, own.as_deref()) {
            Some(number) if number.id == sid => Ok(number),
            Some(_) => Err(unknown(DoubtKind::Foreign, "CarrierX answered with another number".to_owned())),
            None => Err(unreadable(answer, &format!("without {KEY}"))),
        };
        self.call(operation, read).await
    }

    async fn number_by_digits(&self, digits: &str) -> Outcome<Number> {
        let own = self.partner();
        let element = |object: &wire::Object| fields::number(object, own.as_deref());
        let all = |limit: u64| {
            let operation = Operation::new("find_number", Call::Read, Method::GET, ["phonenumber", "dids"], READ);
            paged::<Number>(operation, KEY, 0, limit)
        };
        let selected = match all(FEW) {
            Ok(operation) => self.selected(operation.with("filter", format!(r#"phonenumber eq "{digits}""#)), element, KEY).await,
            Err(outcome) => return outcome,
        };
        let found = match selected {
            Outcome::Done(Some(page)) => among(page, digits),
            // The filter is refused.
            Outcome::Done(None) => None,
            Outcome::Refused(refusal) => return Outcome::Refused(refusal),
            Outcome::NotFound { proven } => return Outcome::NotFound { proven },
            Outcome::Unknown(doubt) => return Outcome::Unknown(doubt),
        };
        if let Some(found) = found {
            return found;
        }
        // It is refused or ignored: look at as many as one page holds.
        let page = match all(CAPABILITIES.page_size) {
            Ok(operation) => self.ended(operation, element, KEY).await,
            Err(outcome) => return outcome,
        };
        match page {
            Outcome::Done(page) => among(page, digits).unwrap_or_else(|| {
                let message = format!(
                    "CarrierX does not select a number by its digits, and {digits} is not among the first {}",
                    CAPABILITIES.page_size
                );
                unknown(DoubtKind::Unreadable, message)
            }),
            Outcome::Refused(refusal) => Outcome::Refused(refusal),
            Outcome::NotFound { proven } => Outcome::NotFound { proven },
            Outcome::Unknown(doubt) => Outcome::Unknown(doubt),
        }
    }

    pub(super) async fn numbers(&self, offset: u64, limit: u64) -> Outcome<Page<Number>> {
        let own = self.partner();
        let operation = Operation::new("list_numbers", Call::Read, Method::GET, ["phonenumber", "dids"], READ);
        match paged(operation, KEY, offset, limit) {
            Ok(operation) => self.page(operation, |object| fields::number(object, own.as_deref()), KEY).await,
            Err(outcome) => outcome,
        }
    }

    /// By its SID; where that is not known, it is looked up by its digits before. What looks like digits may be a SID all the same.
    pub(super) async fn change_number(&self, digits: &str, sid: Option<&str>, change: &Fields) -> Outcome<()> {
        if !is_number(digits) {
            return not_sent(NO_NUMBER);
        }
        if sid.is_some_and(|sid| !is_id(sid)) {
            return no_such_sid();
        }
        let mut body = wire::Object::new();
        for (field, value) in change {
            match (*field, value) {
                (fields::TRUNK_GROUP_SID, Value::Text(sid)) if sid.is_empty() => body.insert("trunk_group_sid".to_owned(), json!(null)),
                (fields::TRUNK_GROUP_SID, Value::Text(sid)) if is_id(sid) => body.insert("trunk_group_sid".to_owned(), json!(sid)),
                (fields::ALIAS, Value::Text(name)) if name.is_empty() => body.insert("name".to_owned(), json!(fields::UNNAMED)),
                (fields::ALIAS, Value::Text(name)) => body.insert("name".to_owned(), json!(name)),
                _ => return not_sent(&format!("CarrierX's numbers have no field {field} of that kind")),
            };
        }
        if body.is_empty() {
            return not_sent("a change of a number changes something");
        }
        let found;
        let sid = match sid {
            Some(sid) => sid,
            None => match self.number_by_digits(digits).await {
                Outcome::Done(number) => {
                    found = number.id;
                    &found
                }
                other => return other.map(drop),
            },
        };
        let operation = Operation::new("update_number", Call::Update, Method::PATCH, ["phonenumber", "dids", sid], UPDATE);
        let read = |answer: &Answer| match wire::sid(success(answer, Target::Item)?, KEY) {
            Some(shown) if shown == sid => Ok(()),
            Some(_) => Err(unknown(DoubtKind::Foreign, "CarrierX answered with another number".to_owned())),
            None => Err(unreadable(answer, "without did_sid")),
        };
        self.call(operation.sending(body), read).await
    }
}

/// The number, if it is on the page; not found, if the page is all there is. `None`: it holds others, and there are more behind.
fn among(page: Page<Number>, digits: &str) -> Option<Outcome<Number>> {
    let ended = page.more != Some(true);
    let found = page.items.into_iter().find(|number| number.number == digits);
    match found {
        Some(number) => Some(Outcome::Done(number)),
        None => ended.then_some(Outcome::NotFound { proven: true }),
    }
}
