//! The admin interface below `/_sandbox/`: what tests ask, and what people do in the provider's console.

use std::sync::Arc;

use axum::extract::{Path, State as AxumState};
use axum::routing::{patch, post, put};
use axum::{Json, Router};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::application::Application;
use super::endpoint::{Endpoint, Registration, md5_hex};
use super::number::Number;
use super::world::{Account, World, flag};
use super::{Shared, State};
use crate::simulator::admin::{Answered, Created, Input, Refused, bad, count, following, is_number, missing, text};
use crate::simulator::store::End;

type Handle = AxumState<Arc<Shared>>;

/// The calls that only this provider has.
pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/endpoints", post(create_endpoint))
        .route("/endpoints/{id}", patch(patch_endpoint).delete(delete_endpoint))
        .route("/numbers", post(create_number))
        .route("/numbers/{id}", patch(patch_number).delete(delete_number))
        .route("/applications", post(create_application))
        .route("/applications/{id}", patch(patch_application).delete(delete_application))
        .route("/registrations/{id}", put(register).delete(unregister))
        .route("/cascade", post(cascade))
        .route("/accounts/{id}", put(put_account).delete(delete_account))
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

/// `app_id`: absent leaves it, null and `""` detach. The console does not check that the application exists.
fn app_of(body: &Map<String, Value>, present: Option<String>) -> Result<Option<String>, Refused> {
    if body.contains_key("app_id") { Ok(text(body, "app_id")?.filter(|id| !id.is_empty())) } else { Ok(present) }
}

/// Refuses members that are none of `names`; the account is always one.
fn known(body: &Map<String, Value>, names: &[&str]) -> Result<(), Refused> {
    crate::simulator::admin::known(body, &[names, &["account"]].concat())
}

fn shown_endpoint(state: &State, id: &str) -> Json<Value> {
    let shown = state.world.endpoints.get(id).map(|(item, endpoint)| {
        let mut shown = endpoint.shown(id, &item.account, &state.switches, state.world.registration(id, Timestamp::now()));
        shown.insert("password".to_owned(), json!(endpoint.password_md5));
        shown
    });
    Json(json!(shown))
}

async fn create_endpoint(AxumState(shared): Handle, Input(body): Input<Map<String, Value>>) -> Created {
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
async fn create_number(AxumState(shared): Handle, Input(mut body): Input<Map<String, Value>>) -> Created {
    let count = count(&mut body)?;
    let mut state = shared.lock();
    let account = account_of(&shared, &state, &body)?;
    let first = text(&body, "number")?.unwrap_or_default();
    let ids = following(&first, count)?;
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

async fn create_application(AxumState(shared): Handle, Input(body): Input<Map<String, Value>>) -> Created {
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
