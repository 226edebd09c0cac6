//! The admin interface below `/_sandbox/`: what tests ask, and what people do in the provider's console.

use std::sync::Arc;

use axum::extract::{FromRequest, Path, Query, Request, State as AxumState};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post, put};
use axum::{Json, Router};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::application::Application;
use super::endpoint::{Endpoint, Registration, md5_hex};
use super::number::{Number, is_number};
use super::shared::{Shared, State};
use super::store::End;
use super::world::{Account, World, flag};
use crate::faults::Faults;

/// So many numbers are made by one call at most.
const MOST_SEEDED: u64 = 100_000;
/// Fault scripts may carry bodies of megabytes.
const LARGEST_INPUT: usize = 128 << 20;

type Handle = AxumState<Arc<Shared>>;

/// An error of the admin interface: `{"error": "…"}`.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

type Answered = Result<Json<Value>, Refused>;

/// A JSON body, whatever its Content-Type says: `curl -d` is enough. No body at all is an empty object.
struct Input<T>(T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let bytes = axum::body::to_bytes(request.into_body(), LARGEST_INPUT).await.map_err(|error| bad(format!("the body: {error}")))?;
        let bytes = if bytes.is_empty() { &b"{}"[..] } else { &bytes };
        serde_json::from_slice(bytes).map(Self).map_err(|error| bad(format!("the body: {error}")))
    }
}

fn bad(why: impl Into<String>) -> Refused {
    Refused(StatusCode::BAD_REQUEST, why.into())
}

fn missing(what: &str, id: &str) -> Refused {
    Refused(StatusCode::NOT_FOUND, format!("there is no {what} {id}"))
}

pub(super) fn router() -> Router<Arc<Shared>> {
    let calls = Router::new()
        .route("/ledger", get(ledger))
        .route("/requests", get(requests))
        .route("/state", get(state))
        .route("/endpoints", post(create_endpoint))
        .route("/endpoints/{id}", patch(patch_endpoint).delete(delete_endpoint))
        .route("/numbers", post(create_number))
        .route("/numbers/{id}", patch(patch_number).delete(delete_number))
        .route("/applications", post(create_application))
        .route("/applications/{id}", patch(patch_application).delete(delete_application))
        .route("/registrations/{id}", put(register).delete(unregister))
        .route("/faults", get(faults).put(set_faults).delete(clear_faults))
        .route("/switches", get(switches).put(set_switches))
        .route("/reset", post(reset))
        .route("/cascade", post(cascade))
        .route("/accounts/{id}", put(put_account).delete(delete_account))
        .fallback(|| async { Refused(StatusCode::NOT_FOUND, "no such admin call".to_owned()) });
    Router::new().nest("/_sandbox", calls)
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    since: usize,
}

async fn ledger(AxumState(shared): Handle, Query(Since { since }): Query<Since>) -> Json<Value> {
    let state = shared.lock();
    Json(state.ledger.iter().skip(since).cloned().collect())
}

async fn requests(AxumState(shared): Handle, Query(Since { since }): Query<Since>) -> Json<Value> {
    let state = shared.lock();
    Json(state.requests.iter().enumerate().skip(since).map(|(index, row)| row.to_json(index + 1)).collect())
}

async fn state(AxumState(shared): Handle) -> Json<Value> {
    let state = shared.lock();
    Json(state.world.state(&state.switches, Timestamp::now()))
}

async fn faults(AxumState(shared): Handle) -> Json<Value> {
    Json(shared.lock().faults.to_json())
}

async fn set_faults(AxumState(shared): Handle, Input(script): Input<Value>) -> Answered {
    let parsed = Faults::parse(&script).map_err(bad)?;
    let shown = parsed.to_json();
    shared.lock().faults = parsed;
    Ok(Json(shown))
}

async fn clear_faults(AxumState(shared): Handle) -> StatusCode {
    shared.lock().faults = Faults::default();
    StatusCode::NO_CONTENT
}

async fn switches(AxumState(shared): Handle) -> Json<Value> {
    Json(shared.lock().switches.to_json())
}

/// All or nothing: one bad value leaves every switch as it was.
async fn set_switches(AxumState(shared): Handle, Input(values): Input<Map<String, Value>>) -> Answered {
    let mut state = shared.lock();
    let mut changed = state.switches.clone();
    for (name, value) in &values {
        changed.set(name, value).map_err(bad)?;
    }
    state.switches = changed;
    Ok(Json(state.switches.to_json()))
}

async fn reset(AxumState(shared): Handle) -> StatusCode {
    shared.lock().reset();
    StatusCode::NO_CONTENT
}

async fn put_account(AxumState(shared): Handle, Path(id): Path<String>, Input(body): Input<Map<String, Value>>) -> Answered {
    let form = id.len() == 20
        && (id.starts_with("MA") || id.starts_with("SA"))
        && id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if !form {
        return Err(bad("an Auth ID is MA or SA and 18 capitals and digits"));
    }
    let Some(token) = text(&body, "auth_token")?.filter(|token| !token.is_empty()) else { return Err(bad("auth_token is needed")) };
    let parent = text(&body, "parent")?;
    let mut state = shared.lock();
    if let Some(parent) = parent.as_ref().filter(|parent| !state.world.accounts.contains_key(*parent) || **parent == id) {
        return Err(missing("account", parent));
    }
    let parent = parent.or_else(|| state.world.accounts.get(&id).and_then(|known| known.parent.clone()));
    state.world.accounts.insert(id.clone(), Account { auth_token: token, parent: parent.clone() });
    Ok(Json(json!({"auth_id": id, "parent": parent})))
}

async fn delete_account(AxumState(shared): Handle, Path(id): Path<String>) -> Result<StatusCode, Refused> {
    let World { accounts, endpoints, registrations: _, numbers, applications, .. } = &mut shared.lock().world;
    accounts.remove(&id).ok_or_else(|| missing("account", &id))?;
    endpoints.forget_account(&id);
    numbers.forget_account(&id);
    applications.forget_account(&id);
    Ok(StatusCode::NO_CONTENT)
}

/// The account that a console act is about.
fn account_of(shared: &Shared, state: &State, body: &Map<String, Value>) -> Result<String, Refused> {
    let account = text(body, "account")?.unwrap_or_else(|| shared.default_account.clone());
    if state.world.accounts.contains_key(&account) { Ok(account) } else { Err(missing("account", &account)) }
}

fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>, Refused> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(bad(format!("{name} is a text"))),
    }
}

/// `app_id`: absent leaves it, null and `""` detach. The console does not check that the application exists.
fn app_of(body: &Map<String, Value>, present: Option<String>) -> Result<Option<String>, Refused> {
    if body.contains_key("app_id") { Ok(text(body, "app_id")?.filter(|id| !id.is_empty())) } else { Ok(present) }
}

fn known(body: &Map<String, Value>, names: &[&str]) -> Result<(), Refused> {
    body.keys()
        .find(|name| *name != "account" && !names.contains(&name.as_str()))
        .map_or(Ok(()), |name| Err(bad(format!("{name} is none of {}", names.join(", ")))))
}

fn shown_endpoint(state: &State, id: &str) -> Json<Value> {
    let shown = state.world.endpoints.get(id).map(|(item, endpoint)| {
        let mut shown = endpoint.shown(id, &item.account, &state.switches, state.world.registration(id, Timestamp::now()));
        shown.insert("password".to_owned(), json!(endpoint.password_md5));
        shown
    });
    Json(json!(shown))
}

async fn create_endpoint(AxumState(shared): Handle, Input(body): Input<Map<String, Value>>) -> Result<(StatusCode, Json<Value>), Refused> {
    known(&body, &["username", "full_username", "alias", "password", "app_id"])?;
    let mut state = shared.lock();
    let account = account_of(&shared, &state, &body)?;
    let (requested, full) = (text(&body, "username")?, text(&body, "full_username")?);
    let (password, app_id) = (text(&body, "password")?.unwrap_or_else(|| "console-password".to_owned()), app_of(&body, None)?);
    let Some(base) = full.clone().or(requested) else { return Err(bad("username or full_username is needed")) };
    let alias = text(&body, "alias")?.unwrap_or_else(|| base.clone());
    let id = state.console(&account, shared.now_ms(), &Value::Object(body), |world, act| {
        let username = full.unwrap_or_else(|| world.with_suffix(act, &base));
        let id = world.new_endpoint_id(act);
        world.insert_endpoint(act, &id, Endpoint { username, alias, password_md5: md5_hex(&password), app_id }, End::Newest);
        id
    });
    Ok((StatusCode::CREATED, shown_endpoint(&state, &id)))
}

async fn patch_endpoint(AxumState(shared): Handle, Path(id): Path<String>, Input(body): Input<Map<String, Value>>) -> Answered {
    known(&body, &["username", "alias", "password", "app_id"])?;
    let mut state = shared.lock();
    let Some((item, endpoint)) = state.world.endpoints.get(&id) else { return Err(missing("endpoint", &id)) };
    let (account, old) = (item.account.clone(), endpoint.clone());
    let changed = Endpoint {
        username: text(&body, "username")?.unwrap_or(old.username),
        alias: text(&body, "alias")?.unwrap_or(old.alias),
        password_md5: text(&body, "password")?.map_or(old.password_md5, |password| md5_hex(&password)),
        app_id: app_of(&body, old.app_id)?,
    };
    state.console(&account, shared.now_ms(), &Value::Object(body), |world, act| world.change_endpoint(act, &id, changed));
    Ok(shown_endpoint(&state, &id))
}

async fn delete_endpoint(AxumState(shared): Handle, Path(id): Path<String>) -> Result<StatusCode, Refused> {
    let mut state = shared.lock();
    let Some((item, _)) = state.world.endpoints.get(&id) else { return Err(missing("endpoint", &id)) };
    let account = item.account.clone();
    state.console(&account, shared.now_ms(), &Value::Null, |world, act| world.remove_endpoint(act, &id));
    Ok(StatusCode::NO_CONTENT)
}

fn shown_number(state: &State, id: &str) -> Json<Value> {
    Json(json!(state.world.numbers.get(id).map(|(item, number)| number.shown(id, &item.account, &state.switches))))
}

/// Takes over what a console act says about a number; members that are not its own words are shown as given.
fn edit_number(number: &mut Number, body: &Map<String, Value>) -> Result<(), Refused> {
    if body.contains_key("alias") {
        number.alias = text(body, "alias")?;
    }
    if body.contains_key("sub_account") {
        number.sub_account = text(body, "sub_account")?;
    }
    number.app_id = app_of(body, number.app_id.take())?;
    for (name, value) in body.iter().filter(|(name, _)| {
        !matches!(name.as_str(), "account" | "number" | "alias" | "sub_account" | "app_id" | "application" | "resource_uri")
    }) {
        number.details.insert(name.clone(), value.clone());
    }
    Ok(())
}

/// With `count`, so many numbers that follow one another, all or none; answers with the first.
async fn create_number(
    AxumState(shared): Handle,
    Input(mut body): Input<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let count = body.remove("count").map_or(Some(1), |count| count.as_u64().filter(|count| (1..=MOST_SEEDED).contains(count)));
    let Some(count) = count else { return Err(bad(format!("count is 1 to {MOST_SEEDED}"))) };
    let mut state = shared.lock();
    let account = account_of(&shared, &state, &body)?;
    let Some(first) = text(&body, "number")?.filter(|id| is_number(id)) else { return Err(bad("number is 7 to 15 digits without a plus")) };
    // At most 15 digits.
    let start: u64 = first.parse().map_err(|_| bad("number is 7 to 15 digits without a plus"))?;
    let ids: Vec<String> = (0..count).map(|index| format!("{:0width$}", start + index, width = first.len())).collect();
    if let Some(id) = ids.iter().find(|id| !is_number(id) || state.world.numbers.get(id).is_some()) {
        return Err(Refused(StatusCode::CONFLICT, format!("number {id} exists or is too long")));
    }
    let mut number = Number::new(Timestamp::now());
    edit_number(&mut number, &body)?;
    state.console(&account, shared.now_ms(), &Value::Object(body), |world, act| {
        for id in &ids {
            world.insert_number(act, "create_number", id, number.clone());
        }
    });
    Ok((StatusCode::CREATED, shown_number(&state, &first)))
}

async fn patch_number(AxumState(shared): Handle, Path(id): Path<String>, Input(body): Input<Map<String, Value>>) -> Answered {
    let mut state = shared.lock();
    let Some((item, number)) = state.world.numbers.get(&id) else { return Err(missing("number", &id)) };
    let (account, mut changed) = (item.account.clone(), number.clone());
    edit_number(&mut changed, &body)?;
    state.console(&account, shared.now_ms(), &Value::Object(body), |world, act| world.change_number(act, &id, changed));
    Ok(shown_number(&state, &id))
}

async fn delete_number(AxumState(shared): Handle, Path(id): Path<String>) -> Result<StatusCode, Refused> {
    let mut state = shared.lock();
    let Some((item, _)) = state.world.numbers.get(&id) else { return Err(missing("number", &id)) };
    let account = item.account.clone();
    state.console(&account, shared.now_ms(), &Value::Null, |world, act| world.remove_number(act, "delete_number", &id));
    Ok(StatusCode::NO_CONTENT)
}

async fn create_application(
    AxumState(shared): Handle,
    Input(body): Input<Map<String, Value>>,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let mut state = shared.lock();
    let account = account_of(&shared, &state, &body)?;
    let app_id = text(&body, "app_id")?.filter(|id| !id.is_empty());
    if let Some(id) = app_id.as_ref().filter(|id| state.world.applications.get(id).is_some()) {
        return Err(Refused(StatusCode::CONFLICT, format!("application {id} exists")));
    }
    if let Some((name, _)) = body.iter().find(|(name, value)| name.starts_with("default_") && flag(value).is_none()) {
        return Err(bad(format!("{name} is a boolean")));
    }
    let mut application = Application::new(&text(&body, "app_name")?.unwrap_or_else(|| "console".to_owned()));
    application.apply(&body);
    application.unset_urls(&body);
    let id = state.console(&account, shared.now_ms(), &Value::Object(body), |world, act| {
        let id = app_id.unwrap_or_else(|| world.new_app_id(act));
        world.insert_application(act, &id, application);
        id
    });
    let shown = state.world.applications.get(&id).map(|(item, application)| application.shown(&id, &item.account));
    Ok((StatusCode::CREATED, Json(json!(shown))))
}

/// Someone edits an application in the console: `app_name`.
async fn patch_application(AxumState(shared): Handle, Path(id): Path<String>, Input(body): Input<Map<String, Value>>) -> Answered {
    known(&body, &["app_name"])?;
    let mut state = shared.lock();
    let Some((item, application)) = state.world.applications.get(&id) else { return Err(missing("application", &id)) };
    let (account, mut changed) = (item.account.clone(), application.clone());
    changed.app_name = text(&body, "app_name")?.unwrap_or(changed.app_name);
    state.console(&account, shared.now_ms(), &Value::Object(body), |world, act| world.change_application(act, &id, changed));
    Ok(Json(json!(state.world.applications.get(&id).map(|(item, application)| application.shown(&id, &item.account)))))
}

/// Someone deletes an application in the console and keeps its endpoints.
async fn delete_application(AxumState(shared): Handle, Path(id): Path<String>) -> Result<StatusCode, Refused> {
    let mut state = shared.lock();
    let Some((item, _)) = state.world.applications.get(&id) else { return Err(missing("application", &id)) };
    let account = item.account.clone();
    state.console(&account, shared.now_ms(), &Value::Null, |world, act| world.remove_application(act, &id, false, None));
    Ok(StatusCode::NO_CONTENT)
}

async fn cascade(AxumState(shared): Handle, Input(body): Input<Map<String, Value>>) -> Result<StatusCode, Refused> {
    let mut state = shared.lock();
    let Some(id) = text(&body, "app_id")? else { return Err(bad("app_id is needed")) };
    let Some((item, _)) = state.world.applications.get(&id) else { return Err(missing("application", &id)) };
    let account = item.account.clone();
    state.console(&account, shared.now_ms(), &Value::Object(body), |world, act| world.remove_application(act, &id, true, None));
    Ok(StatusCode::NO_CONTENT)
}

async fn register(AxumState(shared): Handle, Path(id): Path<String>, Input(body): Input<Map<String, Value>>) -> Answered {
    known(&body, &["sip_contact", "sip_user_agent", "expires_seconds"])?;
    let seconds = body.get("expires_seconds").map_or(Some(3600), Value::as_i64).filter(|seconds| (0..=31_536_000).contains(seconds));
    let Some(seconds) = seconds else { return Err(bad("expires_seconds is 0 to 31536000")) };
    let mut state = shared.lock();
    let Some((_, endpoint)) = state.world.endpoints.get(&id) else { return Err(missing("endpoint", &id)) };
    let phone = Registration {
        contact: text(&body, "sip_contact")?.unwrap_or_else(|| format!("sip:{}@192.0.2.7:5060;ob", endpoint.username)),
        user_agent: text(&body, "sip_user_agent")?.unwrap_or_else(|| "Telephone 1.1.4".to_owned()),
        expires: Timestamp::now() + SignedDuration::from_secs(seconds),
    };
    state.world.registrations.insert(id.clone(), phone);
    Ok(shown_endpoint(&state, &id))
}

async fn unregister(AxumState(shared): Handle, Path(id): Path<String>) -> Result<StatusCode, Refused> {
    shared.lock().world.registrations.remove(&id).map(|_| StatusCode::NO_CONTENT).ok_or_else(|| missing("registration of", &id))
}
