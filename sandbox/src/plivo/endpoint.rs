//! Endpoint: a SIP user that registers (contracts/plivo.md 6).

use jiff::{SignedDuration, Timestamp};
use md5::{Digest, Md5};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Complaints, REQUIRED};
use super::switches::{
    AliasRule, EndpointDetach, EndpointOmittedApp, PasswordInGet, PasswordInList, Switches, UnknownKeys, UsernameCase, UsernameSuffix,
};
use super::world::{Act, Actor, AppArgument, World, put_application};
use crate::simulator::Look;
use crate::simulator::store::End;

#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) username: String,
    pub(super) alias: String,
    pub(super) password_md5: String,
    pub(super) app_id: Option<String>,
}

/// A phone at an endpoint.
#[derive(Clone, Debug)]
pub(super) struct Registration {
    pub(super) contact: String,
    pub(super) user_agent: String,
    pub(super) expires: Timestamp,
}

impl Endpoint {
    /// The object of the API without `api_id` and `password`.
    pub(super) fn shown(&self, id: &str, account: &str, switches: &Switches, registration: Option<&Registration>) -> Map<String, Value> {
        let mut shown = Map::new();
        let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
        put("alias", json!(self.alias));
        put("endpoint_id", json!(id));
        put("username", json!(self.username));
        put("sip_uri", json!(format!("sip:{}@{}", self.username, switches.sip_domain)));
        put("sub_account", Value::Null);
        put("resource_uri", json!(format!("/v1/Account/{account}/Endpoint/{id}/")));
        // A text, not a boolean.
        put("sip_registered", json!(registration.is_some().to_string()));
        if let Some(phone) = registration {
            put("sip_contact", json!(phone.contact));
            put("sip_expires", json!(phone.expires.strftime("%Y-%m-%d %H:%M:%S").to_string()));
            put("sip_user_agent", json!(phone.user_agent));
        }
        put_application(&mut shown, account, self.app_id.as_deref(), switches);
        shown
    }

    /// The object as the ledger holds it: without the hash, which can be looked up in a table.
    fn noted(&self, id: &str, account: &str, switches: &Switches) -> Value {
        Value::Object(self.shown(id, account, switches, None))
    }
}

/// Plivo's "hash of the actual password": plain MD5, no salt.
pub(crate) fn md5_hex(password: &str) -> String {
    Md5::digest(password.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A valid username as a create sends it: `^[A-Za-z][A-Za-z0-9]{0,24}$`.
fn is_username(text: &str) -> bool {
    text.len() <= 25 && text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Checks the arguments that create and update share.
fn check(body: &Map<String, Value>, known: &[&str], required: &[&str], switches: &Switches) -> Complaints {
    let mut complaints = Complaints::default();
    if switches.unknown_keys == UnknownKeys::Reject {
        for name in body.keys().filter(|name| !known.contains(&name.as_str())) {
            complaints.add(name, "Unknown field.");
        }
    }
    for name in required {
        if body.get(*name).is_none_or(|value| value.is_null() || value == "") {
            complaints.add(name, REQUIRED);
        }
    }
    for name in ["username", "password", "alias"].into_iter().filter(|name| known.contains(name)) {
        match body.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.is_empty() && required.contains(&name) => {}
            Some(Value::String(text)) => {
                let wrong = match name {
                    "username" if !is_username(text) => "Only letters and digits, starting with a letter, 1 to 25.",
                    "password" if !(5..=32).contains(&text.chars().count()) => "At least 5 and at most 32 characters.",
                    "alias" if switches.alias_rule == AliasRule::Strict && !is_strict_alias(text) => {
                        "Only letters, digits, - and _, at most 50."
                    }
                    _ => continue,
                };
                complaints.add(name, wrong);
            }
            Some(_) => complaints.add(name, "Not a valid string."),
        }
    }
    if let Err(wrong) = AppArgument::of(body) {
        complaints.add("app_id", wrong);
    }
    complaints
}

fn is_strict_alias(text: &str) -> bool {
    (1..=50).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

impl World {
    /// The phone that is registered at an endpoint now.
    pub(super) fn registration(&self, id: &str, now: Timestamp) -> Option<&Registration> {
        self.registrations.get(id).filter(|phone| phone.expires > now)
    }

    pub(super) fn create_endpoint(&mut self, act: &mut Act<'_>, body: &Map<String, Value>) -> Answer {
        let known = ["username", "password", "alias", "app_id", "callback_url", "callback_method"];
        let complaints = check(body, &known, &["username", "password", "alias"], act.switches);
        if !complaints.is_empty() {
            return act.refuse(&complaints);
        }
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let app_id = match AppArgument::of(body) {
            Ok(AppArgument::Id(id)) => {
                if let Err(refused) = self.check_application(act, &id) {
                    return refused;
                }
                Some(id)
            }
            // Only a missing application means the default one; "" is honoured as "none".
            Ok(AppArgument::Empty) => None,
            _ => self.default_application(&act.account, |app| app.default_endpoint_app),
        };
        let endpoint = Endpoint {
            username: self.with_suffix(act, &text("username")),
            alias: text("alias"),
            password_md5: md5_hex(&text("password")),
            app_id,
        };
        let (id, username, alias) = (self.new_endpoint_id(act), endpoint.username.clone(), endpoint.alias.clone());
        self.insert_endpoint(act, &id, endpoint, End::Newest);
        Answer::json(201, &json!({"username": username, "alias": alias, "message": "created", "endpoint_id": id, "api_id": act.api_id}))
    }

    /// Puts in an endpoint that is complete already, and notes it.
    pub(super) fn insert_endpoint(&mut self, act: &mut Act<'_>, id: &str, endpoint: Endpoint, end: End) {
        let after = endpoint.noted(id, &act.account, act.switches);
        self.endpoints.insert(id, &act.account, act.actor == Actor::Console, end, endpoint, act.now_ms);
        act.note("create_endpoint", id, Value::Null, after);
    }

    pub(super) fn new_endpoint_id(&self, act: &mut Act<'_>) -> String {
        loop {
            let id = act.digits(14);
            if !self.endpoints.knows(&id) {
                return id;
            }
        }
    }

    /// Appends the server's digits to a requested username.
    pub(super) fn with_suffix(&self, act: &mut Act<'_>, requested: &str) -> String {
        let requested = match act.switches.username_case {
            UsernameCase::Keep => requested.to_owned(),
            UsernameCase::Lower => requested.to_ascii_lowercase(),
        };
        let taken = |username: &str| self.endpoints.values().any(|endpoint| endpoint.username.eq_ignore_ascii_case(username));
        let mut time = act.now;
        loop {
            let suffix = match act.switches.username_suffix {
                UsernameSuffix::Time12 => time.strftime("%y%m%d%H%M%S").to_string(),
                UsernameSuffix::Digits23 => act.digits(23),
            };
            let username = format!("{requested}{suffix}");
            if !taken(&username) {
                return username;
            }
            // Two equal creates in one second make two endpoints: the second one's clock is ahead.
            time += SignedDuration::from_secs(1);
        }
    }

    pub(super) fn get_endpoint(&self, act: &Act<'_>, id: &str) -> Answer {
        let seen = self.endpoints.seen(id, act.now_ms, act.switches.delays(Look::Get));
        let Some((item, endpoint)) = seen.filter(|(item, _)| item.account == act.account) else {
            return act.not_found("not found");
        };
        let registration = self.registration(id, act.now);
        let mut shown = endpoint.shown(id, &item.account, act.switches, registration);
        if registration.is_none() {
            // The registered sample lacks it (contracts/plivo.md 6).
            shown.insert("api_id".to_owned(), json!(act.api_id));
        }
        let with_password = match act.switches.password_in_get {
            PasswordInGet::UnregisteredOnly => registration.is_none(),
            PasswordInGet::Always => true,
            PasswordInGet::Never => false,
        };
        if with_password {
            shown.insert("password".to_owned(), json!(endpoint.password_md5));
        }
        Answer::json(200, &Value::Object(shown))
    }

    /// An endpoint as an element of a list.
    pub(super) fn listed_endpoint(&self, act: &Act<'_>, id: &str, account: &str, endpoint: &Endpoint) -> Value {
        let registration = self.registration(id, act.now);
        let mut shown = endpoint.shown(id, account, act.switches, registration);
        let with_password = match act.switches.password_in_list {
            PasswordInList::UnregisteredOnly => registration.is_none(),
            PasswordInList::Always => true,
            PasswordInList::Never => false,
        };
        if with_password {
            shown.insert("password".to_owned(), json!(endpoint.password_md5));
        }
        Value::Object(shown)
    }

    pub(super) fn update_endpoint(&mut self, act: &mut Act<'_>, id: &str, body: &Map<String, Value>) -> Answer {
        let Some((_, endpoint)) = self.endpoints.get(id).filter(|(item, _)| item.account == act.account) else {
            return act.not_found("not found");
        };
        let mut changed = endpoint.clone();
        let complaints = check(body, &["password", "alias", "app_id", "callback_url", "callback_method"], &[], act.switches);
        if !complaints.is_empty() {
            return act.refuse(&complaints);
        }
        if let Some(alias) = body.get("alias").and_then(Value::as_str) {
            alias.clone_into(&mut changed.alias);
        }
        if let Some(password) = body.get("password").and_then(Value::as_str) {
            changed.password_md5 = md5_hex(password);
        }
        match AppArgument::of(body) {
            Ok(AppArgument::Id(app)) => {
                if let Err(refused) = self.check_application(act, &app) {
                    return refused;
                }
                changed.app_id = Some(app);
            }
            Ok(AppArgument::Empty) => match act.switches.endpoint_detach {
                EndpointDetach::Detach => changed.app_id = None,
                EndpointDetach::Ignore => {}
                EndpointDetach::Reject => return act.refuse(&Complaints::one("app_id", "This field may not be blank.")),
            },
            Ok(AppArgument::Omitted) if act.switches.endpoint_omitted_app == EndpointOmittedApp::Detach => changed.app_id = None,
            Ok(AppArgument::Omitted | AppArgument::Null) | Err(_) => {}
        }
        self.change_endpoint(act, id, changed);
        Answer::changed(&act.api_id)
    }

    /// Stores a changed endpoint and notes it, also when nothing is different.
    pub(super) fn change_endpoint(&mut self, act: &mut Act<'_>, id: &str, changed: Endpoint) {
        let Some((item, old)) = self.endpoints.get(id) else { return };
        let (before, after) = (old.noted(id, &item.account, act.switches), changed.noted(id, &item.account, act.switches));
        self.endpoints.update(id, changed, act.now_ms);
        act.note("update_endpoint", id, before, after);
    }

    pub(super) fn delete_endpoint(&mut self, act: &mut Act<'_>, id: &str) -> Answer {
        let seen = self.endpoints.seen(id, act.now_ms, act.switches.delays(Look::Delete));
        let exists = seen.is_some_and(|(item, _)| item.account == act.account) && self.endpoints.get(id).is_some();
        if !exists {
            return act.not_found("not found");
        }
        self.remove_endpoint(act, id);
        Answer::deleted(act.switches)
    }

    pub(super) fn remove_endpoint(&mut self, act: &mut Act<'_>, id: &str) {
        let Some((item, old)) = self.endpoints.get(id) else { return };
        let before = old.noted(id, &item.account, act.switches);
        self.endpoints.remove(id, act.now_ms);
        self.registrations.remove(id);
        act.note("delete_endpoint", id, before, Value::Null);
    }
}
