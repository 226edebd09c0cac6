//! Phone numbers and applications (`contracts/plivo.md` 7, 8). Numbers are read and pointed to applications, nothing else: there is no
//! call here that rents, adds or releases one, and none that changes an application.

use reqwest::Method;

use super::classify::{Target, success, unreadable};
use super::fields::Unsendable;
use super::{Operation, Plivo, fields, page_query, wire};
use crate::core::fields::{Application, Fields, Number};
use crate::core::outcome::{DoubtKind, Outcome, RefusalKind};
use crate::provider::Page;
use crate::provider::answers::{encode, refused, unknown};
use crate::provider::transport::{Answer, Call};

impl Plivo {
    pub(super) async fn number(&self, number: &str) -> Outcome<Number> {
        if !wire::is_number(number) {
            return no_such_number();
        }
        let operation = Operation::new("get_number", Call::Read, Method::GET, ["Number", number]);
        let read = |answer: &Answer| {
            let body = success(answer, &[200], Target::Item)?;
            match wire::read(body).and_then(fields::number) {
                Some(found) if found.number == number => Ok(found),
                Some(_) => Err(unknown(DoubtKind::Foreign, "Plivo answered with another number".to_owned())),
                None => Err(unreadable(answer, "without number")),
            }
        };
        self.call(operation, read).await
    }

    pub(super) async fn numbers(&self, offset: u64, limit: u64) -> Outcome<Page<Number>> {
        let query = match page_query(offset, limit) {
            Ok(query) => query,
            Err(outcome) => return outcome,
        };
        let operation = Operation { query: &query, ..Operation::new("list_numbers", Call::Read, Method::GET, ["Number"]) };
        self.call(operation, |answer| super::page(answer, fields::number, "number")).await
    }

    pub(super) async fn applications(&self, offset: u64, limit: u64) -> Outcome<Page<Application>> {
        let query = match page_query(offset, limit) {
            Ok(query) => query,
            Err(outcome) => return outcome,
        };
        let operation = Operation { query: &query, ..Operation::new("list_applications", Call::Read, Method::GET, ["Application"]) };
        self.call(operation, |answer| super::page(answer, fields::application, "app_id")).await
    }

    pub(super) async fn change_number(&self, number: &str, change: &Fields) -> Outcome<()> {
        if !wire::is_number(number) {
            return no_such_number();
        }
        let change = match fields::number_change(change) {
            Ok(change) => change,
            Err(why) => return refused(RefusalKind::Invalid, format!("{}; nothing was sent", unsendable(why))),
        };
        let body = match encode(&change) {
            Ok(body) => body,
            Err(outcome) => return outcome,
        };
        let operation = Operation::new("update_number", Call::Update, Method::POST, ["Number", number]);
        self.call(Operation { body: Some(body), ..operation }, super::changed).await
    }
}

fn unsendable(why: Unsendable) -> String {
    match why {
        Unsendable::NoSuchField(field) => format!("Plivo's numbers have no field {field} of that kind"),
        Unsendable::NotEmptied(field) => format!("{field} of a number cannot be made empty"),
        Unsendable::NoAppId => "app_id must be in every update".to_owned(),
    }
}

fn no_such_number<T>() -> Outcome<T> {
    refused(RefusalKind::Invalid, "not a number: at most 20 digits, no plus; nothing was sent".to_owned())
}
