//! The admin interface below `/_sandbox/`, as far as only CarrierX has it: what people do in the portal behind the operator's back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State as AxumState};
use axum::routing::{get, patch, post, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::fields::{ADDRESS, Object, Type, defaults};
use super::switches::{AttributesShape, NestedDefault, Switches};
use super::world::{Kind, Record, Token, World, random_sid};
use super::{Shared, State, did, nested, scopes, show};
use crate::simulator::admin::{Answered, Created, Input, Refused, bad, count, following, missing};
use crate::simulator::store::End;

type Handle = AxumState<Arc<Shared>>;
type Body = Input<Map<String, Value>>;

/// The calls that only this provider has.
pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/endpoints", post(create_endpoint))
        .route("/endpoints/{sid}", patch(patch_endpoint).delete(delete_endpoint))
        .route("/endpoints/{sid}/voip_token", post(rotate_voip_token))
        .route("/trunk_groups", post(create_group))
        .route("/trunk_groups/{sid}", patch(patch_group).delete(delete_group))
        .route("/trunk_groups/{sid}/trunks", post(create_trunk))
        .route("/trunk_groups/{sid}/trunks/{trunk}", patch(patch_trunk).delete(delete_trunk))
        .route("/dids", post(create_did))
        .route("/dids/{id}", patch(patch_did).delete(delete_did))
        .route("/scopes", get(scopes_of).put(set_scopes))
        .route("/token", put(set_token))
}

/// Everything, by partner.
pub(super) fn state(world: &World, switches: &Switches) -> Value {
    let mut accounts: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut trunks = world.trunks_seen(u64::MAX, Default::default());
    for (kind, name) in [(Kind::Endpoint, "endpoints"), (Kind::TrunkGroup, "trunk_groups"), (Kind::Did, "dids")] {
        accounts.entry(world.partner()).or_default().insert(name.to_owned(), json!([]));
        for (sid, item, record) in world.store(kind).all() {
            let mut shown = shown(kind, record, switches);
            if kind == Kind::TrunkGroup {
                shown["trunks"] = json!(trunks.remove(sid).unwrap_or_default());
            }
            let list = accounts.entry(&item.account).or_default().entry(name).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(shown);
            }
        }
    }
    let spent = if world.cents_spent == 0 { json!(0) } else { json!(world.cents_spent as f64 / 100.0) };
    json!({
        "accounts": accounts, "numbers_rented": world.numbers_rented, "numbers_released": world.numbers_released, "money_spent": spent,
    })
}

fn shown(kind: Kind, record: &Record, switches: &Switches) -> Value {
    Value::Object(if kind == Kind::Endpoint { show::endpoint(&record.fields, switches) } else { record.fields.clone() })
}

/// Takes over what a console act says: every field as it is given, also those that the API never writes.
fn edit(kind: Kind, object: &mut Object, body: &Object) -> Result<(), Refused> {
    for (name, value) in body {
        let Some((_, of, ..)) = kind.fields().iter().find(|(field, ..)| field == name) else {
            let names: Vec<&str> = kind.fields().iter().map(|(name, ..)| *name).collect();
            return Err(bad(format!("{name} is none of {}", names.join(", "))));
        };
        let value = match of {
            Type::Addresses => {
                let read = nested::read(name, *of, value, AttributesShape::Map);
                let read =
                    read.map_err(|_| bad(format!("addresses are objects with ip and what else of {} they need", address_fields())))?;
                nested::merged(*of, &json!([]), read, NestedDefault::Replace)
            }
            _ => value.clone(),
        };
        object.insert(name.clone(), value);
    }
    Ok(())
}

fn address_fields() -> String {
    ADDRESS.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ")
}

fn answer(state: &State, kind: Kind, sid: &str) -> Json<Value> {
    Json(state.world.store(kind).get(sid).map_or(Value::Null, |(_, record)| shown(kind, record, &state.switches)))
}

/// Makes an object in the console: defaults, what the body says, and a SID.
fn create(shared: &Shared, kind: Kind, group: &str, body: Object, more: impl FnOnce(&mut Object)) -> Created {
    let mut state = shared.lock();
    let mut object = defaults(kind.fields());
    if kind.fields().iter().any(|(name, ..)| *name == "partner_sid") {
        object.insert("partner_sid".to_owned(), json!(shared.default_account));
    }
    more(&mut object);
    edit(kind, &mut object, &body)?;
    let given = body.get(kind.sid()).and_then(Value::as_str).map(str::to_owned);
    if let Some(taken) = given.as_ref().filter(|sid| state.world.store(kind).get(sid).is_some()) {
        return Err(Refused(StatusCode::CONFLICT, format!("{} {taken} exists", kind.sid())));
    }
    let account = object.get("partner_sid").and_then(Value::as_str).unwrap_or(&shared.default_account).to_owned();
    let sid = state.console(&account, shared.now_ms(), &Value::Object(body), |world, act| {
        let sid = given.unwrap_or_else(|| world.new_sid(act, kind));
        object.insert(kind.sid().to_owned(), json!(sid));
        if kind == Kind::Endpoint && object.get("type").is_some_and(|of| of == "third_party") && object["voip_token"].is_null() {
            object.insert("voip_token".to_owned(), json!(random_sid(&mut act.rng)));
        }
        let record = Record { fields: object, group: group.to_owned(), released: false };
        world.insert(act, kind, &sid, &account, End::Newest, record);
        sid
    });
    Ok((StatusCode::CREATED, answer(&state, kind, &sid)))
}

/// Edits an object in the console.
fn change(shared: &Shared, kind: Kind, sid: &str, body: Object) -> Answered {
    let mut state = shared.lock();
    let Some((item, record)) = state.world.store(kind).get(sid) else { return Err(missing(kind.sid(), sid)) };
    let (account, mut record) = (item.account.clone(), record.clone());
    edit(kind, &mut record.fields, &body)?;
    state.console(&account, shared.now_ms(), &Value::Object(body), |world, act| world.change(act, kind, sid, record));
    Ok(answer(&state, kind, sid))
}

/// Deletes an object in the console.
fn remove(shared: &Shared, kind: Kind, sid: &str) -> Result<StatusCode, Refused> {
    let mut state = shared.lock();
    let Some((item, _)) = state.world.store(kind).get(sid) else { return Err(missing(kind.sid(), sid)) };
    let account = item.account.clone();
    state.console(&account, shared.now_ms(), &Value::Null, |world, act| match kind {
        Kind::Endpoint => world.remove_endpoint(act, sid),
        Kind::TrunkGroup => world.remove_group(act, sid),
        Kind::Trunk | Kind::Did => world.remove(act, kind, sid),
    });
    Ok(StatusCode::NO_CONTENT)
}

async fn create_endpoint(AxumState(shared): Handle, Input(body): Body) -> Created {
    create(&shared, Kind::Endpoint, "", body, |object| {
        object.insert("name".to_owned(), json!("console"));
        object.insert("type".to_owned(), json!("third_party"));
    })
}

async fn patch_endpoint(AxumState(shared): Handle, Path(sid): Path<String>, Input(body): Body) -> Answered {
    change(&shared, Kind::Endpoint, &sid, body)
}

async fn delete_endpoint(AxumState(shared): Handle, Path(sid): Path<String>) -> Result<StatusCode, Refused> {
    remove(&shared, Kind::Endpoint, &sid)
}

async fn rotate_voip_token(AxumState(shared): Handle, Path(sid): Path<String>) -> Answered {
    let token = random_sid(&mut shared.lock().rng);
    change(&shared, Kind::Endpoint, &sid, Map::from_iter([("voip_token".to_owned(), json!(token))]))
}

/// A group; members of `trunks` become its trunks.
async fn create_group(AxumState(shared): Handle, Input(mut body): Body) -> Created {
    let trunks = match body.remove("trunks") {
        None => Vec::new(),
        Some(Value::Array(trunks)) if trunks.iter().all(Value::is_object) => trunks,
        Some(_) => return Err(bad("trunks is a list of objects")),
    };
    let (status, Json(mut group)) = create(&shared, Kind::TrunkGroup, "", body, |_| {})?;
    let sid = group["trunk_group_sid"].as_str().unwrap_or_default().to_owned();
    let mut made = Vec::new();
    for trunk in trunks {
        let (_, Json(trunk)) = create(&shared, Kind::Trunk, &sid, trunk.as_object().cloned().unwrap_or_default(), |_| {})?;
        made.push(trunk);
    }
    group["trunks"] = json!(made);
    Ok((status, Json(group)))
}

async fn patch_group(AxumState(shared): Handle, Path(sid): Path<String>, Input(body): Body) -> Answered {
    change(&shared, Kind::TrunkGroup, &sid, body)
}

async fn delete_group(AxumState(shared): Handle, Path(sid): Path<String>) -> Result<StatusCode, Refused> {
    remove(&shared, Kind::TrunkGroup, &sid)
}

async fn create_trunk(AxumState(shared): Handle, Path(group): Path<String>, Input(body): Body) -> Created {
    if shared.lock().world.trunk_groups.get(&group).is_none() {
        return Err(missing("trunk_group_sid", &group));
    }
    create(&shared, Kind::Trunk, &group, body, |_| {})
}

async fn patch_trunk(AxumState(shared): Handle, Path((_, sid)): Path<(String, String)>, Input(body): Body) -> Answered {
    change(&shared, Kind::Trunk, &sid, body)
}

async fn delete_trunk(AxumState(shared): Handle, Path((_, sid)): Path<(String, String)>) -> Result<StatusCode, Refused> {
    remove(&shared, Kind::Trunk, &sid)
}

/// The SID of a number that is given by its SID or by itself.
fn did_sid(shared: &Shared, id: &str) -> String {
    shared.lock().world.number(id.strip_prefix('+').unwrap_or(id)).unwrap_or_else(|| id.to_owned())
}

/// With `count`, so many numbers that follow one another, all or none; answers with the first.
async fn create_did(AxumState(shared): Handle, Input(mut body): Body) -> Created {
    let count = count(&mut body)?;
    let number = body.remove("phonenumber");
    let number = number.as_ref().and_then(Value::as_str).ok_or_else(|| bad("phonenumber is needed"))?;
    let numbers = following(number.strip_prefix('+').unwrap_or(number), count)?;
    let taken = numbers.iter().find(|number| number.len() > 15 || (count == 1 && shared.lock().world.number(number).is_some()));
    if let Some(taken) = taken {
        return Err(Refused(StatusCode::CONFLICT, format!("number {taken} exists or is too long")));
    }
    if count > 1 {
        let held: BTreeSet<String> = shared.lock().world.dids.values().map(|did| did.text("phonenumber").to_owned()).collect();
        if let Some(taken) = numbers.iter().find(|number| held.contains(*number)) {
            return Err(Refused(StatusCode::CONFLICT, format!("number {taken} exists")));
        }
    }
    let mut first = None;
    for number in &numbers {
        let classification = random_sid(&mut shared.lock().rng);
        let made = create(&shared, Kind::Did, "", body.clone(), |object| {
            let partner = object.get("partner_sid").and_then(Value::as_str).unwrap_or_default().to_owned();
            object.extend(did::fresh("", number, &partner, classification));
        })?;
        first.get_or_insert(made);
    }
    first.ok_or_else(|| bad("count is at least 1"))
}

async fn patch_did(AxumState(shared): Handle, Path(id): Path<String>, Input(body): Body) -> Answered {
    change(&shared, Kind::Did, &did_sid(&shared, &id), body)
}

async fn delete_did(AxumState(shared): Handle, Path(id): Path<String>) -> Result<StatusCode, Refused> {
    remove(&shared, Kind::Did, &did_sid(&shared, &id))
}

/// What changes of the scopes of all tokens: first `scopes` (all of them), then `grant`, then `drop`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scopes {
    scopes: Option<BTreeSet<String>>,
    #[serde(default)]
    grant: BTreeSet<String>,
    #[serde(default)]
    drop: BTreeSet<String>,
}

async fn scopes_of(AxumState(shared): Handle) -> Json<Value> {
    Json(json!({"scopes": all_scopes(&shared.lock().world)}))
}

fn all_scopes(world: &World) -> BTreeSet<String> {
    world.tokens.values().flat_map(|token| &token.scopes).cloned().collect()
}

async fn set_scopes(AxumState(shared): Handle, Input(Scopes { scopes, grant, drop }): Input<Scopes>) -> Json<Value> {
    let mut state = shared.lock();
    for Token { scopes: held, .. } in state.world.tokens.values_mut() {
        if let Some(scopes) = &scopes {
            held.clone_from(scopes);
        }
        held.extend(grant.iter().cloned());
        for scope in &drop {
            scopes::take(held, scope);
        }
    }
    Json(json!({"scopes": all_scopes(&state.world)}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    token: String,
    /// Whose it is: the same partner's, unless said.
    partner_sid: Option<String>,
    /// The scopes of the tokens before, unless said.
    scopes: Option<BTreeSet<String>>,
    /// Whether those tokens stay good.
    #[serde(default)]
    keep: bool,
}

async fn set_token(AxumState(shared): Handle, Input(NewToken { token, partner_sid, scopes, keep }): Input<NewToken>) -> Answered {
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(bad("a token is printable characters without blanks"));
    }
    let world = &mut shared.lock().world;
    let scopes = scopes.unwrap_or_else(|| all_scopes(world));
    let partner = partner_sid.unwrap_or_else(|| shared.default_account.clone());
    if !keep {
        world.tokens.clear();
    }
    world.tokens.insert(token, Token { partner, scopes });
    Ok(Json(json!({"scopes": all_scopes(world)})))
}
