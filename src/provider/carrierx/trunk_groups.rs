//! Trunk groups (`contracts/carrierx.md` 7): what leads a number to an endpoint, over a trunk that names it. One of ours has exactly one
//! trunk, so that the group and its trunk are one thing to the core: its field [`fields::ENDPOINT_SID`] is where that trunk leads.

use std::sync::Arc;

use futures::future::BoxFuture;
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::api::{Api, Operation, no_such_sid, paged};
use super::classify::{Target, success, unreadable};
use super::endpoints::{GROUPS, PAGES, deleted, hits, made, marked, not_sent, shown};
use super::{CAPABILITIES, fields, wire};
use crate::core::fields::{Fields, Remote, Role, Value};
use crate::core::mark::Mark;
use crate::core::outcome::{DoubtKind, Outcome};
use crate::provider::answers::{is_id, unknown};
use crate::provider::transport::{Answer, Call};
use crate::provider::{Created, Page, Remotes};

const READ: &str = "trunk_groups.manage or trunk_groups.read, and trunk_groups.trunks.manage or trunk_groups.trunks.read";
const CREATE: &str = "trunk_groups.manage or trunk_groups.create, and trunk_groups.trunks.manage or trunk_groups.trunks.create";
const UPDATE: &str = "trunk_groups.manage or trunk_groups.update";
const DELETE: &str = "trunk_groups.manage or trunk_groups.delete";
const CREATE_TRUNK: &str = "trunk_groups.trunks.manage or trunk_groups.trunks.create";
const UPDATE_TRUNK: &str = "trunk_groups.trunks.manage or trunk_groups.trunks.update";
const DELETE_TRUNK: &str = "trunk_groups.trunks.manage or trunk_groups.trunks.delete";
const READ_NUMBERS: &str = "phonenumber.manage or phonenumber.read, and partners.manage or partners.read (to see which numbers lead to a trunk group before it is deleted)";

const KEY: &str = "trunk_group_sid";
/// So many trunks that others have added are removed in one update; those that are left, by the next.
const EXTRA: usize = 4;

/// The trunk groups of one partner.
pub(super) struct TrunkGroups(pub(super) Arc<Api>);

/// A trunk as far as it matters.
struct Trunk {
    sid: String,
    endpoint: Option<String>,
}

impl TrunkGroups {
    /// With its one trunk, in one request.
    async fn create(&self, name: &str, wanted: &Fields) -> Outcome<Created> {
        let endpoint = match target(wanted) {
            Ok(Some(endpoint)) => endpoint,
            Ok(None) => return not_sent("a trunk group is made for an endpoint"),
            Err(why) => return not_sent(&why),
        };
        // Without the query argument the trunk is dropped without a word.
        let sent = json!({"name": name, "trunks": [{"endpoint_sid": endpoint}]});
        let operation = Operation::new("create_trunk_group", Call::Create, Method::POST, ["trunk_groups"], CREATE);
        let own = self.0.partner();
        let read = |answer: &Answer| made(answer, name, |object| fields::trunk_group(object, own.as_deref()), KEY);
        self.0.call(operation.with("with_trunks", "true").sending(sent).making(KEY), read).await
    }

    async fn get(&self, sid: &str) -> Outcome<Remote> {
        let own = self.0.partner();
        self.read(sid, |object| fields::trunk_group(object, own.as_deref())).await.map(|(remote, _)| remote)
    }

    /// The group and what the answer was.
    async fn read(&self, sid: &str, read: impl Fn(&wire::Object) -> Option<Remote>) -> Outcome<(Remote, wire::Object)> {
        if !is_id(sid) {
            return no_such_sid();
        }
        let operation = Operation::new("get_trunk_group", Call::Read, Method::GET, ["trunk_groups", sid], READ).with("with_trunks", "true");
        let read = |answer: &Answer| {
            let remote = shown(answer, sid, &read, KEY)?;
            Ok((remote, answer.object().cloned().unwrap_or_default()))
        };
        self.0.call(operation, read).await
    }

    async fn list(&self, offset: u64, limit: u64) -> Outcome<Page<Remote>> {
        let operation = Operation::new("list_trunk_groups", Call::Read, Method::GET, ["trunk_groups"], READ).with("with_trunks", "true");
        let own = self.0.partner();
        // A page may be shorter than was asked for, so it says whether it is the last.
        match paged(operation, KEY, offset, if limit > CAPABILITIES.page_size { limit } else { limit.min(GROUPS) }) {
            Ok(operation) => self.0.ended(operation, |object| fields::trunk_group(object, own.as_deref()), KEY).await,
            Err(outcome) => outcome,
        }
    }

    async fn find(&self, mark: &Mark) -> Outcome<Page<Remote>> {
        let operation = Operation::new("find_trunk_groups", Call::Read, Method::GET, ["trunk_groups"], READ).with("with_trunks", "true");
        let own = self.0.partner();
        let operation = match paged(operation, KEY, 0, GROUPS) {
            Ok(operation) => operation.with("filter", marked(mark)),
            Err(outcome) => return outcome,
        };
        let found = self.0.selected(operation, |object| fields::trunk_group(object, own.as_deref()), KEY).await;
        hits(found, mark)
    }

    async fn update(&self, sid: &str, change: &Fields) -> Outcome<Option<Remote>> {
        if !is_id(sid) {
            return no_such_sid();
        }
        let name = change.get(fields::NAME).and_then(Value::text);
        match (target(change), name) {
            (Err(why), _) => not_sent(&why),
            (Ok(Some(endpoint)), None) => self.lead(sid, endpoint).await,
            (Ok(None), Some(name)) => self.rename(sid, name).await,
            (Ok(_), _) => not_sent("the name of a trunk group and where it leads are changed one at a time"),
        }
    }

    async fn rename(&self, sid: &str, name: &str) -> Outcome<Option<Remote>> {
        let sent = json!({"name": name});
        let operation = Operation::new("update_trunk_group", Call::Update, Method::PATCH, ["trunk_groups", sid], UPDATE);
        let own = self.0.partner();
        let read = |answer: &Answer| shown(answer, sid, |object| fields::trunk_group(object, own.as_deref()), KEY);
        let renamed = self.0.call(operation.sending(sent), read).await;
        // The answer has no trunks, so it is not the whole of it.
        renamed.map(|remote| Some(remote).filter(|remote| remote.fields.contains_key(fields::ENDPOINT_SID)))
    }

    /// Brings the trunks of the group to exactly one, which names the endpoint. They are read first, and changed one after the other: a trunk
    /// is no thing of its own to the core, and all of this can be done again from wherever it was interrupted. A trunk that was made twice,
    /// because the answer to the first was lost, is an extra one the next time, and leads to the same endpoint until then.
    async fn lead(&self, sid: &str, endpoint: &str) -> Outcome<Option<Remote>> {
        let own = self.0.partner();
        let read = |object: &wire::Object| fields::trunk_group(object, own.as_deref());
        let (remote, mut group) = match self.read(sid, read).await {
            Outcome::Done(found) => found,
            other => return other.map(|_| None),
        };
        if remote.role != Role::Own {
            return not_sent(&format!("trunk group {sid} belongs to another partner of CarrierX"));
        }
        let Some(mut trunks) = trunks(&group) else {
            return unknown(DoubtKind::Unreadable, format!("CarrierX answered with trunk group {sid} without readable trunks"));
        };
        trunks.sort_by(|one, other| {
            (one.endpoint.as_deref() != Some(endpoint), &one.sid).cmp(&(other.endpoint.as_deref() != Some(endpoint), &other.sid))
        });
        let mut trunks = trunks.into_iter();
        let kept = match trunks.next() {
            None => {
                self.put_trunk(
                    Operation::new("create_trunk", Call::Create, Method::POST, ["trunk_groups", sid, "trunks"], CREATE_TRUNK),
                    endpoint,
                )
                .await
            }
            Some(trunk) if trunk.endpoint.as_deref() == Some(endpoint) => Outcome::Done(trunk),
            Some(trunk) => {
                self.put_trunk(
                    Operation::new("update_trunk", Call::Update, Method::PATCH, ["trunk_groups", sid, "trunks", &trunk.sid], UPDATE_TRUNK),
                    endpoint,
                )
                .await
            }
        };
        let kept = match kept {
            Outcome::Done(kept) => kept,
            Outcome::NotFound { .. } => {
                return unknown(DoubtKind::Foreign, format!("the trunks of trunk group {sid} are being changed by somebody else"));
            }
            other => return other.map(|_| None),
        };
        for (nth, extra) in trunks.enumerate() {
            if nth == EXTRA {
                return unknown(DoubtKind::Foreign, format!("trunk group {sid} has still more trunks than one; {EXTRA} were removed"));
            }
            let operation =
                Operation::new("delete_trunk", Call::Delete, Method::DELETE, ["trunk_groups", sid, "trunks", &extra.sid], DELETE_TRUNK);
            match self.0.call(operation, deleted).await {
                Outcome::Done(()) | Outcome::NotFound { .. } => {}
                other => return other.map(|()| None),
            }
        }
        group.insert("trunks".to_owned(), json!([{"trunk_sid": kept.sid, "endpoint_sid": kept.endpoint}]));
        Outcome::Done(read(&group))
    }

    /// A trunk that is new, or changed, to name the endpoint.
    async fn put_trunk(&self, operation: Operation<'_>, endpoint: &str) -> Outcome<Trunk> {
        let sent = json!({"endpoint_sid": endpoint});
        let read = |answer: &Answer| {
            let object = success(answer, Target::Item)?;
            trunk(object).ok_or_else(|| unreadable(answer, "without trunk_sid"))
        };
        self.0.call(operation.sending(sent), read).await
    }

    async fn delete(&self, sid: &str) -> Outcome<()> {
        if !is_id(sid) {
            return no_such_sid();
        }
        let operation = Operation::new("delete_trunk_group", Call::Delete, Method::DELETE, ["trunk_groups", sid], DELETE);
        self.0.call(operation, deleted).await
    }

    /// The numbers that lead to it.
    async fn references(&self, sid: &str) -> Outcome<Vec<String>> {
        if !is_id(sid) {
            return no_such_sid();
        }
        let own = self.0.partner();
        let leads = |number: &&crate::core::fields::Number| number.fields.get(fields::TRUNK_GROUP_SID).and_then(Value::text) == Some(sid);
        let mut seen = 0;
        // One request where CarrierX selects them, else page by page.
        for _ in 0..=PAGES {
            let operation = Operation::new("find_numbers", Call::Read, Method::GET, ["phonenumber", "dids"], READ_NUMBERS);
            let operation = match paged(operation.with("trunk_group_sid", sid), "did_sid", seen, CAPABILITIES.page_size) {
                Ok(operation) => operation,
                Err(outcome) => return outcome,
            };
            let page = match self.0.ended(operation, |object| fields::number(object, own.as_deref()), "did_sid").await {
                Outcome::Done(page) => page,
                other => return other.map(|_| Vec::new()),
            };
            let found: Vec<String> = page.items.iter().filter(leads).map(fields::named).collect();
            if !found.is_empty() || page.more != Some(true) || page.items.is_empty() {
                return Outcome::Done(found);
            }
            seen += page.items.len() as u64;
        }
        let message = format!("CarrierX does not select the numbers that lead to trunk group {sid}, and there are more than {seen}");
        unknown(DoubtKind::Unreadable, message)
    }
}

impl Remotes for TrunkGroups {
    fn create<'a>(&'a self, label: &'a str, fields: &'a Fields) -> BoxFuture<'a, Outcome<Created>> {
        Box::pin(self.create(label, fields))
    }

    fn get<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<Remote>> {
        Box::pin(self.get(id))
    }

    fn list(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Remote>>> {
        Box::pin(self.list(offset, limit))
    }

    fn find<'a>(&'a self, mark: &'a Mark) -> BoxFuture<'a, Outcome<Page<Remote>>> {
        Box::pin(self.find(mark))
    }

    fn update<'a>(&'a self, id: &'a str, change: &'a Fields) -> BoxFuture<'a, Outcome<Option<Remote>>> {
        Box::pin(self.update(id, change))
    }

    fn delete<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<()>> {
        Box::pin(self.delete(id))
    }

    fn references<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<Vec<String>>> {
        Box::pin(self.references(id))
    }
}

/// The endpoint that a group is to lead to.
fn target(wanted: &Fields) -> Result<Option<&str>, String> {
    for (field, value) in wanted {
        match (*field, value) {
            (fields::NAME, Value::Text(_)) => {}
            (fields::ENDPOINT_SID, Value::Text(sid)) if is_id(sid) => {}
            _ => return Err(format!("CarrierX's trunk groups have no field {field} of that kind")),
        }
    }
    Ok(wanted.get(fields::ENDPOINT_SID).and_then(Value::text))
}

fn trunks(group: &wire::Object) -> Option<Vec<Trunk>> {
    group.get("trunks").and_then(Json::as_array)?.iter().map(|one| trunk(one.as_object()?)).collect()
}

fn trunk(object: &wire::Object) -> Option<Trunk> {
    Some(Trunk { sid: wire::sid(object, "trunk_sid")?, endpoint: wire::text(object, fields::ENDPOINT_SID).map(str::to_owned) })
}
