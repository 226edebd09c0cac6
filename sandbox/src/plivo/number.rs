//! Number: rented, or added from an own carrier (contracts/plivo.md 7).

use serde_json::{Map, Value, json};

use super::answer::{Answer, Complaints, REQUIRED};
use super::switches::{NumberAlias, NumberDetach, NumberOmittedApp, Switches};
use super::world::{Act, Actor, AppArgument, World, put_application};
use crate::simulator::Look;
use crate::simulator::admin::is_number;
use crate::simulator::store::{End, Item};

#[derive(Clone, Debug)]
pub(super) struct Number {
    pub(super) alias: Option<String>,
    pub(super) app_id: Option<String>,
    pub(super) sub_account: Option<String>,
    /// All other members, as they are shown.
    pub(super) details: Map<String, Value>,
}

impl Number {
    /// A local US number with the members of newer samples.
    pub(super) fn new(now: jiff::Timestamp) -> Self {
        let day = |days: i64| (now + jiff::SignedDuration::from_hours(24 * days)).strftime("%Y-%m-%d").to_string();
        let details = json!({
            "active": true, "added_on": day(0), "carrier": "Plivo", "city": "USA", "cnam_lookup": "disabled", "compliance_application_id": null,
            "compliance_status": null, "country": "United States", "mms_enabled": false, "mms_rate": "0.00000", "monthly_rental_rate": "0.80000",
            "number_type": "local", "region": "California, UNITED STATES", "renewal_date": day(30), "sms_enabled": true, "sms_rate": "0.00000",
            "tendlc_campaign_id": null, "tendlc_registration_status": "UNREGISTERED", "toll_free_sms_verification": null,
            "voice_enabled": true, "voice_rate": "0.00850",
        });
        let details = if let Value::Object(members) = details { members } else { Map::new() };
        Self { alias: None, app_id: None, sub_account: None, details }
    }

    /// The object of the API without `api_id`.
    pub(super) fn shown(&self, id: &str, account: &str, switches: &Switches) -> Map<String, Value> {
        let mut shown = self.details.clone();
        shown.insert("number".to_owned(), json!(id));
        shown.insert("alias".to_owned(), json!(self.alias));
        // The bare id, unlike on applications.
        shown.insert("sub_account".to_owned(), json!(self.sub_account));
        shown.insert("resource_uri".to_owned(), json!(format!("/v1/Account/{account}/Number/{id}/")));
        put_application(&mut shown, account, self.app_id.as_deref(), switches);
        shown
    }

    pub(super) fn visible_to(item: &Item<Number>, number: &Number, account: &str) -> bool {
        World::sees(account, &item.account, number.sub_account.as_deref())
    }

    /// Whether the number passes the filters of a list (contracts/plivo.md 7); arguments that are no filter are ignored.
    pub(super) fn passes(&self, id: &str, query: &[(String, String)]) -> bool {
        let text = |name: &str| self.details.get(name).and_then(Value::as_str).unwrap_or_default();
        query.iter().filter(|(_, wanted)| !wanted.is_empty()).all(|(name, wanted)| match name.as_str() {
            "type" | "number_type" => text("number_type") == wanted,
            "number_startswith" => id.starts_with(wanted.as_str()),
            "subaccount" => self.sub_account.as_deref() == Some(wanted),
            "alias" => self.alias.as_deref() == Some(wanted),
            "services" => wanted.split(',').all(|service| self.details.get(&format!("{}_enabled", service.trim())) == Some(&json!(true))),
            "cnam_lookup"
            | "tendlc_registration_status"
            | "tendlc_campaign_id"
            | "toll_free_sms_verification"
            | "toll_free_sms_verification_order_status" => text(name) == wanted,
            // Dates are YYYY-MM-DD, so their order is that of the texts.
            "renewal_date" => text("renewal_date") == wanted,
            "renewal_date__lt" => text("renewal_date") < wanted.as_str(),
            "renewal_date__lte" => text("renewal_date") <= wanted.as_str(),
            "renewal_date__gt" => text("renewal_date") > wanted.as_str(),
            "renewal_date__gte" => text("renewal_date") >= wanted.as_str(),
            _ => true,
        })
    }
}

impl World {
    pub(super) fn get_number(&self, act: &Act<'_>, id: &str) -> Answer {
        let seen = self.numbers.seen(id, act.now_ms, act.switches.delays(Look::Get));
        let Some((item, number)) = seen.filter(|(item, number)| Number::visible_to(item, number, &act.account)) else {
            return act.not_found("not found");
        };
        let mut shown = number.shown(id, &item.account, act.switches);
        shown.insert("api_id".to_owned(), json!(act.api_id));
        Answer::json(200, &Value::Object(shown))
    }

    /// Unknown keys are tolerated: official clients send the whole object (contracts/plivo.md 12).
    pub(super) fn update_number(&mut self, act: &mut Act<'_>, id: &str, body: &Map<String, Value>) -> Answer {
        let Some((item, number)) = self.numbers.get(id).filter(|(item, number)| Number::visible_to(item, number, &act.account)) else {
            return act.not_found("not found");
        };
        let (owner, mut changed) = (item.account.clone(), number.clone());
        let mut complaints = Complaints::default();
        match body.get("alias") {
            None | Some(Value::Null) => {}
            Some(Value::String(alias)) => {
                changed.alias = Some(match act.switches.number_alias {
                    NumberAlias::Keep => alias.clone(),
                    NumberAlias::Lower => alias.to_lowercase(),
                })
            }
            Some(_) => complaints.add("alias", "Not a valid string."),
        }
        match body.get("subaccount") {
            None | Some(Value::Null) => {}
            // Moving back to the main account is not described anywhere: the simulator refuses it.
            Some(Value::String(sub))
                if self.accounts.get(sub).and_then(|one| one.parent.as_ref()) == Some(&act.account) && owner == act.account =>
            {
                changed.sub_account = Some(sub.clone());
            }
            Some(_) => complaints.add("subaccount", "subaccount does not exist"),
        }
        for name in ["cnam_lookup", "cnam", "profile_uuid", "compliance_application_id"] {
            match body.get(name) {
                None | Some(Value::Null) => {}
                Some(Value::String(_)) if name == "compliance_application_id" && !changed.compliance_is_open() => {
                    complaints.add(name, "cannot be changed in this compliance status");
                }
                Some(Value::String(text)) => {
                    changed.details.insert(name.to_owned(), json!(text));
                }
                Some(_) => complaints.add(name, "Not a valid string."),
            }
        }
        let default = || self.default_application(&owner, |app| app.default_number_app);
        match AppArgument::of(body) {
            Ok(AppArgument::Id(app)) => {
                if let Err(refused) = self.check_application(act, &app) {
                    return refused;
                }
                changed.app_id = Some(app);
            }
            Ok(AppArgument::Empty) => {
                changed.app_id = match act.switches.number_detach {
                    NumberDetach::None => None,
                    NumberDetach::DefaultApp => default(),
                }
            }
            // An account without a default application has nothing to re-point to.
            Ok(AppArgument::Omitted) if act.switches.number_omitted_app == NumberOmittedApp::DefaultApp => {
                changed.app_id = default().or(changed.app_id)
            }
            // null: 202 "changed", and nothing changes.
            Ok(AppArgument::Omitted | AppArgument::Null) => {}
            Err(wrong) => complaints.add("app_id", wrong),
        }
        if !complaints.is_empty() {
            return act.refuse(&complaints);
        }
        self.change_number(act, id, changed);
        Answer::changed(&act.api_id)
    }

    /// Stores a changed number and notes it, also when nothing is different.
    pub(super) fn change_number(&mut self, act: &mut Act<'_>, id: &str, changed: Number) {
        let Some((item, old)) = self.numbers.get(id) else { return };
        let (before, after) = (old.shown(id, &item.account, act.switches), changed.shown(id, &item.account, act.switches));
        self.numbers.update(id, changed, act.now_ms);
        act.note("update_number", id, Value::Object(before), Value::Object(after));
    }

    /// `POST /Number/`: numbers of an own carrier.
    pub(super) fn add_numbers(&mut self, act: &mut Act<'_>, body: &Map<String, Value>) -> Answer {
        let mut complaints = Complaints::default();
        for name in ["numbers", "carrier", "region"] {
            if body.get(name).and_then(Value::as_str).is_none_or(str::is_empty) {
                complaints.add(name, REQUIRED);
            }
        }
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let numbers: Vec<String> = text("numbers").split(',').map(|one| one.trim().trim_start_matches('+').to_owned()).collect();
        for number in numbers.iter().filter(|number| !is_number(number) || self.numbers.get(number).is_some()) {
            complaints.add("numbers", &format!("The number {number} is not a valid number"));
        }
        if !complaints.is_empty() {
            return act.refuse(&complaints);
        }
        for id in numbers {
            let mut number = Number::new(act.now);
            number.details.insert("carrier".to_owned(), json!(text("carrier")));
            number.details.insert("region".to_owned(), json!(text("region")));
            self.insert_number(act, "add_number", &id, number);
        }
        Answer::changed(&act.api_id)
    }

    pub(super) fn insert_number(&mut self, act: &mut Act<'_>, op: &'static str, id: &str, number: Number) {
        self.insert_number_at(act, op, id, End::Newest, number);
    }

    pub(super) fn insert_number_at(&mut self, act: &mut Act<'_>, op: &'static str, id: &str, end: End, number: Number) {
        let after = Value::Object(number.shown(id, &act.account, act.switches));
        self.numbers.insert(id, &act.account, act.actor == Actor::Console, end, number, act.now_ms);
        act.note(op, id, Value::Null, after);
    }

    /// `POST /PhoneNumber/{number}/`: rents a number. Switchboard never does; the counter proves it.
    pub(super) fn rent_number(&mut self, act: &mut Act<'_>, id: &str, body: &Map<String, Value>) -> Answer {
        if !is_number(id) || self.numbers.get(id).is_some() {
            return Answer::error(400, &act.api_id, &json!(format!("The number {id} is not a valid number")));
        }
        let mut number = Number::new(act.now);
        number.app_id = match AppArgument::of(body) {
            Ok(AppArgument::Id(app)) => {
                if let Err(refused) = self.check_application(act, &app) {
                    return refused;
                }
                Some(app)
            }
            _ => self.default_application(&act.account, |app| app.default_number_app),
        };
        self.insert_number(act, "rent_number", id, number);
        self.numbers_rented += 1;
        let body =
            json!({"api_id": act.api_id, "message": "created", "numbers": [{"number": id, "status": "Success"}], "status": "fulfilled"});
        Answer::json(201, &body)
    }

    /// `DELETE /Number/{number}/`: releases a number. Switchboard never does; the counter proves it.
    pub(super) fn release_number(&mut self, act: &mut Act<'_>, id: &str) -> Answer {
        let seen = self.numbers.seen(id, act.now_ms, act.switches.delays(Look::Delete));
        if seen.is_none_or(|(item, _)| item.account != act.account) || self.numbers.get(id).is_none() {
            return act.not_found("not found");
        }
        self.remove_number(act, "release_number", id);
        self.numbers_released += 1;
        Answer::deleted(act.switches)
    }

    pub(super) fn remove_number(&mut self, act: &mut Act<'_>, op: &'static str, id: &str) {
        let Some((item, old)) = self.numbers.get(id) else { return };
        let before = Value::Object(old.shown(id, &item.account, act.switches));
        self.numbers.remove(id, act.now_ms);
        act.note(op, id, before, Value::Null);
    }

    /// `GET /PhoneNumber/`: numbers on offer, made up from the pattern asked for.
    pub(super) fn search_numbers(&self, act: &mut Act<'_>, query: &[(String, String)]) -> Answer {
        let asked = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        if asked("country_iso").is_none_or(str::is_empty) {
            return act.refuse(&Complaints::one("country_iso", REQUIRED));
        }
        let prefix: String = asked("pattern").unwrap_or("415").chars().filter(char::is_ascii_digit).take(6).collect();
        let offers: Vec<Value> = (0..3)
            .map(|_| {
                let number = format!("1{prefix}{}", act.digits(10 - prefix.len()));
                json!({
                    "country": "UNITED STATES", "lata": 722, "monthly_rental_rate": "0.80000", "number": number, "type": "fixed", "prefix": prefix,
                    "rate_center": "SNFC CNTRL", "region": "United States", "resource_uri": format!("/v1/Account/{}/PhoneNumber/{number}/", act.account),
                    "restriction": null, "restriction_text": null, "setup_rate": "0.00000", "sms_enabled": true, "sms_rate": "0.00800",
                    "voice_enabled": true, "voice_rate": "0.00500",
                })
            })
            .collect();
        let meta = json!({"limit": 20, "next": null, "offset": 0, "previous": null, "total_count": offers.len()});
        Answer::list(&json!({"api_id": act.api_id, "meta": meta, "objects": offers}))
    }
}

impl Number {
    fn compliance_is_open(&self) -> bool {
        self.details.get("compliance_status").and_then(Value::as_str).is_some_and(|status| matches!(status, "pending" | "rejected"))
    }
}
