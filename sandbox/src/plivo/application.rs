//! Application: where calls of an endpoint or a number go (contracts/plivo.md 8).

use serde_json::{Map, Value, json};

use super::answer::{Answer, Complaints, REQUIRED};
use super::switches::{AppDeleteNumbers, UnknownKeys};
use super::world::{Act, Actor, World, flag};
use crate::simulator::Look;
use crate::simulator::store::End;

#[derive(Clone, Debug)]
pub(super) struct Application {
    pub(super) app_name: String,
    /// URLs, methods and flags that nothing here depends on, as they are shown.
    pub(super) settings: Map<String, Value>,
    pub(super) default_number_app: bool,
    pub(super) default_endpoint_app: bool,
    pub(super) sub_account: Option<String>,
}

const URLS: [&str; 4] = ["answer_url", "hangup_url", "fallback_answer_url", "message_url"];
const METHODS: [&str; 4] = ["answer_method", "hangup_method", "fallback_method", "message_method"];
/// Flags in a request and their names in an answer, which differ (contracts/plivo.md 2).
const FLAGS: [(&str, &str); 2] = [("log_incoming_messages", "log_incoming_message"), ("public_uri", "public_uri")];
const DEFAULT_FLAGS: [&str; 2] = ["default_number_app", "default_endpoint_app"];

impl Application {
    /// The object of the API without `api_id`.
    pub(super) fn shown(&self, id: &str, account: &str) -> Map<String, Value> {
        let mut shown = self.settings.clone();
        let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
        put("app_id", json!(id));
        put("app_name", json!(self.app_name));
        put("application_type", json!("XML"));
        put("default_app", json!(self.default_number_app));
        put("default_endpoint_app", json!(self.default_endpoint_app));
        put("enabled", json!(true));
        put("resource_uri", json!(format!("/v1/Account/{account}/Application/{id}/")));
        put("sip_uri", json!(format!("sip:{id}@app.plivo.com")));
        // A path here, a bare id on numbers.
        put("sub_account", self.sub_account.as_ref().map_or(Value::Null, |sub| json!(format!("/v1/Account/{sub}/"))));
        shown
    }

    pub(super) fn new(app_name: &str) -> Self {
        let mut settings = Map::new();
        for url in URLS {
            settings.insert(url.to_owned(), json!(""));
        }
        for method in METHODS {
            settings.insert(method.to_owned(), json!("POST"));
        }
        settings.insert("log_incoming_message".to_owned(), json!(true));
        settings.insert("public_uri".to_owned(), json!(false));
        Self { app_name: app_name.to_owned(), settings, default_number_app: false, default_endpoint_app: false, sub_account: None }
    }

    /// Takes over the arguments of a request that passed [`check`].
    pub(super) fn apply(&mut self, body: &Map<String, Value>) {
        for name in URLS.into_iter().chain(METHODS) {
            if let Some(text) = body.get(name).and_then(Value::as_str) {
                self.settings.insert(name.to_owned(), json!(text));
            }
        }
        for (argument, shown) in FLAGS {
            if let Some(value) = body.get(argument).and_then(flag) {
                self.settings.insert(shown.to_owned(), json!(value));
            }
        }
        if let Some(value) = body.get("default_number_app").and_then(flag) {
            self.default_number_app = value;
        }
        if let Some(value) = body.get("default_endpoint_app").and_then(flag) {
            self.default_endpoint_app = value;
        }
        if let Some(sub) = body.get("subaccount").and_then(Value::as_str) {
            self.sub_account = (!sub.is_empty()).then(|| sub.to_owned());
        }
    }
}

impl Application {
    /// An unset URL reads `""` or null in samples: the console may choose null.
    pub(super) fn unset_urls(&mut self, body: &Map<String, Value>) {
        for name in URLS.into_iter().filter(|name| body.get(*name).is_some_and(Value::is_null)) {
            self.settings.insert(name.to_owned(), Value::Null);
        }
    }
}

fn check(world: &World, act: &Act<'_>, body: &Map<String, Value>, create: bool) -> Complaints {
    let mut complaints = Complaints::default();
    let is_known = |name: &str| {
        URLS.contains(&name)
            || METHODS.contains(&name)
            || DEFAULT_FLAGS.contains(&name)
            || FLAGS.iter().any(|(argument, _)| *argument == name)
            || ["subaccount", "callback_url", "callback_method"].contains(&name)
            || (create && name == "app_name")
    };
    if act.switches.unknown_keys == UnknownKeys::Reject {
        for name in body.keys().filter(|name| !is_known(name)) {
            complaints.add(name, "Unknown field.");
        }
    }
    if create {
        match body.get("app_name") {
            None | Some(Value::Null) => complaints.add("app_name", REQUIRED),
            Some(Value::String(name)) if name.is_empty() => complaints.add("app_name", REQUIRED),
            Some(Value::String(name)) if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') => {}
            Some(Value::String(_)) => complaints.add("app_name", "Only letters, digits, - and _."),
            Some(_) => complaints.add("app_name", "Not a valid string."),
        }
    }
    for (name, value) in body {
        let text = value.as_str();
        let wrong = match name.as_str() {
            _ if value.is_null() => continue,
            name if URLS.contains(&name)
                && text.is_none_or(|url| !(url.is_empty() || url.starts_with("http://") || url.starts_with("https://"))) =>
            {
                "Enter a valid URL."
            }
            name if METHODS.contains(&name)
                && text.is_none_or(|method| !(method.eq_ignore_ascii_case("GET") || method.eq_ignore_ascii_case("POST"))) =>
            {
                "GET or POST."
            }
            name if (DEFAULT_FLAGS.contains(&name) || FLAGS.iter().any(|(argument, _)| *argument == name)) && flag(value).is_none() => {
                "Not a valid boolean."
            }
            "subaccount"
                if text.is_none_or(|sub| {
                    !sub.is_empty() && world.accounts.get(sub).and_then(|one| one.parent.as_ref()) != Some(&act.account)
                }) =>
            {
                "subaccount does not exist"
            }
            _ => continue,
        };
        complaints.add(name, wrong);
    }
    complaints
}

impl World {
    pub(super) fn create_application(&mut self, act: &mut Act<'_>, body: &Map<String, Value>) -> Answer {
        let complaints = check(self, act, body, true);
        if !complaints.is_empty() {
            return act.refuse(&complaints);
        }
        let mut application = Application::new(body.get("app_name").and_then(Value::as_str).unwrap_or_default());
        application.apply(body);
        if application.settings["hangup_url"] == "" {
            // Documented: the hangup URL defaults to the answer URL.
            application.settings["hangup_url"] = application.settings["answer_url"].clone();
        }
        let id = self.new_app_id(act);
        self.insert_application(act, &id, application);
        Answer::json(201, &json!({"message": "created", "app_id": id, "api_id": act.api_id}))
    }

    pub(super) fn new_app_id(&self, act: &mut Act<'_>) -> String {
        loop {
            // 18 digits: does not fit a double.
            let id = act.digits(18);
            if !self.applications.knows(&id) {
                return id;
            }
        }
    }

    pub(super) fn insert_application(&mut self, act: &mut Act<'_>, id: &str, application: Application) {
        let after = Value::Object(application.shown(id, &act.account));
        self.take_default_flags(act, id, &application);
        self.applications.insert(id, &act.account, act.actor == Actor::Console, End::Newest, application, act.now_ms);
        act.note("create_application", id, Value::Null, after);
    }

    /// At most one application holds each default flag: the others lose it.
    fn take_default_flags(&mut self, act: &mut Act<'_>, id: &str, winner: &Application) {
        let others: Vec<(String, Application)> = self
            .applications
            .all()
            .into_iter()
            .filter(|(other, item, _)| *other != id && item.account == act.account)
            .map(|(other, _, application)| (other.to_owned(), application.clone()))
            .collect();
        for (other, mut loser) in others {
            let before = loser.shown(&other, &act.account);
            loser.default_number_app &= !winner.default_number_app;
            loser.default_endpoint_app &= !winner.default_endpoint_app;
            let after = loser.shown(&other, &act.account);
            if before != after {
                self.applications.update(&other, loser, act.now_ms);
                act.note("update_application", &other, Value::Object(before), Value::Object(after));
            }
        }
    }

    pub(super) fn get_application(&self, act: &Act<'_>, id: &str) -> Answer {
        let seen = self.applications.seen(id, act.now_ms, act.switches.delays(Look::Get));
        let Some((item, application)) = seen.filter(|(item, app)| Self::sees(&act.account, &item.account, app.sub_account.as_deref()))
        else {
            return act.not_found(&format!("Application {id} not found."));
        };
        let mut shown = application.shown(id, &item.account);
        shown.insert("api_id".to_owned(), json!(act.api_id));
        Answer::json(200, &Value::Object(shown))
    }

    pub(super) fn update_application(&mut self, act: &mut Act<'_>, id: &str, body: &Map<String, Value>) -> Answer {
        let Some((_, application)) = self.application_of(&act.account, id) else {
            return act.not_found(&format!("Application {id} not found."));
        };
        let old = application.clone();
        let complaints = check(self, act, body, false);
        if !complaints.is_empty() {
            return act.refuse(&complaints);
        }
        let mut changed = old;
        changed.apply(body);
        self.take_default_flags(act, id, &changed);
        self.change_application(act, id, changed);
        Answer::changed(&act.api_id)
    }

    /// Stores a changed application and notes it.
    pub(super) fn change_application(&mut self, act: &mut Act<'_>, id: &str, changed: Application) {
        let Some((item, old)) = self.applications.get(id) else { return };
        let (before, after) = (old.shown(id, &item.account), changed.shown(id, &item.account));
        act.note("update_application", id, Value::Object(before), Value::Object(after));
        self.applications.update(id, changed, act.now_ms);
    }

    /// `arguments` come from query and body; `cascade` defaults to true, and one false is enough.
    pub(super) fn delete_application(&mut self, act: &mut Act<'_>, id: &str, arguments: &[(String, Value)]) -> Answer {
        if self.application_of(&act.account, id).is_none() {
            return act.not_found(&format!("Application {id} not found."));
        }
        let cascade = !arguments.iter().any(|(name, value)| name == "cascade" && flag(value) == Some(false));
        let moved_to =
            arguments.iter().find(|(name, value)| name == "new_endpoint_application" && value.as_str().is_some_and(|id| !id.is_empty()));
        let moved_to = moved_to.and_then(|(_, value)| value.as_str()).map(str::to_owned);
        if let Some(new) = moved_to.as_deref().filter(|_| !cascade)
            && let Err(refused) = self.check_application(act, new)
        {
            return refused;
        }
        self.remove_application(act, id, cascade, moved_to);
        Answer::deleted(act.switches)
    }

    /// Deletes an application with (`cascade`) or without its endpoints.
    pub(super) fn remove_application(&mut self, act: &mut Act<'_>, id: &str, cascade: bool, moved_to: Option<String>) {
        let Some((item, application)) = self.applications.get(id) else { return };
        let (owner, before) = (item.account.clone(), Value::Object(application.shown(id, &item.account)));
        self.applications.remove(id, act.now_ms);
        act.note("delete_application", id, before, Value::Null);
        let attached: Vec<(String, String)> = self
            .endpoints
            .all()
            .into_iter()
            .filter(|(_, item, endpoint)| endpoint.app_id.as_deref() == Some(id) && self.belongs(&item.account, &owner))
            .map(|(endpoint, item, _)| (endpoint.to_owned(), item.account.clone()))
            .collect();
        let caller = act.account.clone();
        for (endpoint, account) in attached {
            act.account = account;
            if cascade {
                self.remove_endpoint(act, &endpoint);
            } else if let Some((_, old)) = self.endpoints.get(&endpoint) {
                let mut changed = old.clone();
                changed.app_id.clone_from(&moved_to);
                self.change_endpoint(act, &endpoint, changed);
            }
        }
        if act.switches.app_delete_numbers == AppDeleteNumbers::Null {
            let attached: Vec<String> = self
                .numbers
                .all()
                .into_iter()
                .filter(|(_, item, number)| number.app_id.as_deref() == Some(id) && self.belongs(&item.account, &owner))
                .map(|(number, ..)| number.to_owned())
                .collect();
            for number in attached {
                if let Some((item, old)) = self.numbers.get(&number) {
                    act.account.clone_from(&item.account);
                    let mut changed = old.clone();
                    changed.app_id = None;
                    self.change_number(act, &number, changed);
                }
            }
        }
        act.account = caller;
    }

    fn belongs(&self, account: &str, owner: &str) -> bool {
        account == owner || self.accounts.get(account).and_then(|one| one.parent.as_deref()) == Some(owner)
    }
}
