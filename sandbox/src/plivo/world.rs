//! The provider's world: accounts and their objects, and the context in which one request or console act changes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::answer::{self, Answer, Complaints};
use super::application::Application;
use super::endpoint::{Endpoint, Registration};
use super::number::Number;
use super::switches::{NoApplicationAs, Switches, UnknownAppId};
use crate::simulator::act;
pub(super) use crate::simulator::act::Actor;
use crate::simulator::store::{Item, Store};

/// One request or console act while it is carried out.
pub(super) type Act<'a> = act::Act<'a, Switches>;

/// Credentials and objects belong to accounts; a subaccount knows its parent.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) auth_token: String,
    pub(super) parent: Option<String>,
}

/// Everything that exists. Cloned for a dry run, when an answer is wanted without its effect.
#[derive(Clone, Debug, Default)]
pub(super) struct World {
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) endpoints: Store<Endpoint>,
    pub(super) registrations: BTreeMap<String, Registration>,
    pub(super) numbers: Store<Number>,
    pub(super) applications: Store<Application>,
    pub(super) numbers_rented: u64,
    pub(super) numbers_released: u64,
}

impl Act<'_> {
    pub(super) fn refuse(&self, complaints: &Complaints) -> Answer {
        complaints.answer(self.switches, &self.api_id)
    }

    pub(super) fn not_found(&self, what: &str) -> Answer {
        Answer::not_found(self.switches, &self.api_id, what)
    }

    pub(super) fn digits(&mut self, length: usize) -> String {
        answer::digits(&mut self.rng, length)
    }
}

/// What a request says about the application to attach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AppArgument {
    /// The key is missing.
    Omitted,
    /// JSON null, which changes nothing (contracts/plivo.md 7).
    Null,
    /// `""`.
    Empty,
    /// A bare id.
    Id(String),
}

impl AppArgument {
    pub(super) fn of(body: &Map<String, Value>) -> Result<Self, &'static str> {
        Ok(match body.get("app_id") {
            None => Self::Omitted,
            Some(Value::Null) => Self::Null,
            Some(Value::String(id)) if id.is_empty() => Self::Empty,
            Some(Value::String(id)) => Self::Id(id.clone()),
            // A client that sends the id as a number loses digits above 2^53, but is understood.
            Some(Value::Number(id)) => Self::Id(id.to_string()),
            Some(_) => return Err("Not a valid string."),
        })
    }
}

impl World {
    /// The account whose call budget `account` uses up under `rate_scope: main_account`.
    pub(super) fn main_account<'a>(&'a self, account: &'a str) -> &'a str {
        self.accounts.get(account).and_then(|found| found.parent.as_deref()).unwrap_or(account)
    }

    /// Whether `account` may see an object of `owner` that is lent to the subaccount `lent_to`.
    pub(super) fn sees(account: &str, owner: &str, lent_to: Option<&str>) -> bool {
        owner == account || lent_to == Some(account)
    }

    pub(super) fn application_of(&self, account: &str, app_id: &str) -> Option<(&Item<Application>, &Application)> {
        self.applications.get(app_id).filter(|(item, app)| Self::sees(account, &item.account, app.sub_account.as_deref()))
    }

    /// Refuses an `app_id` that the account does not have, as the switch says.
    pub(super) fn check_application(&self, act: &Act<'_>, app_id: &str) -> Result<(), Answer> {
        if self.application_of(&act.account, app_id).is_some() {
            return Ok(());
        }
        match act.switches.unknown_app_id {
            UnknownAppId::Accept => Ok(()),
            UnknownAppId::BadRequest => Err(act.refuse(&Complaints::one("app_id", "application does not exist"))),
            UnknownAppId::NotFound => Err(act.not_found(&format!("Application {app_id} not found."))),
        }
    }

    /// The application that holds a default flag in the account.
    pub(super) fn default_application(&self, account: &str, flag: impl Fn(&Application) -> bool) -> Option<String> {
        let found = self.applications.all().into_iter().find(|(_, item, app)| item.account == account && flag(app));
        found.map(|(id, ..)| id.to_owned())
    }

    /// Everything, for people and tests.
    pub(super) fn state(&self, switches: &Switches, now: Timestamp) -> Value {
        let mut accounts = Map::new();
        for (id, account) in &self.accounts {
            let endpoints: Vec<Value> = self
                .endpoints
                .all()
                .into_iter()
                .filter(|(_, item, _)| item.account == *id)
                .map(|(key, item, endpoint)| {
                    let mut shown = endpoint.shown(key, &item.account, switches, self.registration(key, now));
                    shown.insert("password".to_owned(), json!(endpoint.password_md5));
                    Value::Object(shown)
                })
                .collect();
            let numbers: Vec<Value> = self
                .numbers
                .all()
                .into_iter()
                .filter(|(_, item, _)| item.account == *id)
                .map(|(key, item, number)| Value::Object(number.shown(key, &item.account, switches)))
                .collect();
            let applications: Vec<Value> = self
                .applications
                .all()
                .into_iter()
                .filter(|(_, item, _)| item.account == *id)
                .map(|(key, item, application)| Value::Object(application.shown(key, &item.account)))
                .collect();
            let state = json!({"parent": account.parent, "endpoints": endpoints, "numbers": numbers, "applications": applications});
            accounts.insert(id.clone(), state);
        }
        json!({"accounts": accounts, "numbers_rented": self.numbers_rented, "numbers_released": self.numbers_released})
    }
}

/// The path URI of an application (contracts/plivo.md 2).
pub(super) fn application_uri(account: &str, app_id: &str) -> String {
    format!("/v1/Account/{account}/Application/{app_id}/")
}

/// Puts `application` into an object, in the words of the switch for "none".
pub(super) fn put_application(shown: &mut Map<String, Value>, account: &str, app: Option<&str>, switches: &Switches) {
    let value = match (app, switches.no_application_as) {
        (Some(app), _) => json!(application_uri(account, app)),
        (None, NoApplicationAs::Null) => Value::Null,
        (None, NoApplicationAs::Empty) => json!(""),
        (None, NoApplicationAs::Absent) => return,
    };
    shown.insert("application".to_owned(), value);
}

/// Whether a member or a query argument of this name carries a secret.
pub(super) fn is_secret(name: &str) -> bool {
    matches!(name.to_ascii_lowercase().as_str(), "password" | "auth_token" | "new_auth_token")
}

/// A flag as text or boolean, as official clients send both (contracts/plivo.md 12).
pub(super) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}
