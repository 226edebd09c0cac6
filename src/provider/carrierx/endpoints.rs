//! Endpoints (`contracts/carrierx.md` 4, 5). Only PATCH, never PUT, and never what a GET has shown but for what a replace may clear.

use std::sync::Arc;

use futures::future::BoxFuture;
use reqwest::Method;

use super::api::{Api, Operation, no_such_sid, paged};
use super::classify::{Target, failure, success, unreadable};
use super::{CAPABILITIES, body, fields, wire};
use crate::core::fields::{Fields, Remote, Role};
use crate::core::mark::Mark;
use crate::core::outcome::{DoubtKind, Outcome, RefusalKind};
use crate::provider::answers::{Read, is_id, refused, unknown};
use crate::provider::transport::{Answer, Call};
use crate::provider::{Created, Page, Remotes};

const READ: &str = "endpoints.manage or endpoints.read";
const CREATE: &str = "endpoints.manage or endpoints.create, and endpoints.manage_auth_required where auth_required is set";
const UPDATE: &str = "endpoints.manage or endpoints.update, and endpoints.manage_auth_required where auth_required is set";
const DELETE: &str = "endpoints.manage or endpoints.delete";
const READ_TRUNKS: &str = "trunk_groups.manage or trunk_groups.read, and trunk_groups.trunks.manage or trunk_groups.trunks.read (to see what leads to an endpoint before it is deleted)";

const KEY: &str = "endpoint_sid";
/// A page of trunk groups with their trunks, which may be many of a KiB each.
pub(super) const GROUPS: u64 = 250;
/// So many pages are looked through, after the first, where CarrierX does not select: of trunk groups 2,500.
pub(super) const PAGES: u64 = 10;

/// The endpoints of one partner.
pub(super) struct Endpoints(pub(super) Arc<Api>);

impl Endpoints {
    async fn create(&self, name: &str, wanted: &Fields) -> Outcome<Created> {
        let body = match body::create(name, wanted) {
            Ok(body) => body,
            Err(why) => return not_sent(&why),
        };
        let operation = Operation::new("create_endpoint", Call::Create, Method::POST, ["endpoints"], CREATE);
        let own = self.0.partner();
        let read = |answer: &Answer| made(answer, name, |object| fields::endpoint(object, own.as_deref()), KEY);
        self.0.call(operation.sending(body.members).hiding(body.secrets).making(KEY), read).await
    }

    async fn get(&self, sid: &str) -> Outcome<Remote> {
        if !is_id(sid) {
            return no_such_sid();
        }
        let operation = Operation::new("get_endpoint", Call::Read, Method::GET, ["endpoints", sid], READ);
        let own = self.0.partner();
        self.0.call(operation, |answer| shown(answer, sid, |object| fields::endpoint(object, own.as_deref()), KEY)).await
    }

    async fn list(&self, offset: u64, limit: u64) -> Outcome<Page<Remote>> {
        let operation = Operation::new("list_endpoints", Call::Read, Method::GET, ["endpoints"], READ);
        let own = self.0.partner();
        match paged(operation, KEY, offset, limit) {
            Ok(operation) => self.0.page(operation, |object| fields::endpoint(object, own.as_deref()), KEY).await,
            Err(outcome) => outcome,
        }
    }

    async fn find(&self, mark: &Mark) -> Outcome<Page<Remote>> {
        let operation = Operation::new("find_endpoints", Call::Read, Method::GET, ["endpoints"], READ);
        let own = self.0.partner();
        let operation = match paged(operation, KEY, 0, CAPABILITIES.page_size) {
            Ok(operation) => operation.with("filter", marked(mark)),
            Err(outcome) => return outcome,
        };
        let found = self.0.selected(operation, |object| fields::endpoint(object, own.as_deref()), KEY).await;
        hits(found, mark)
    }

    async fn update(&self, sid: &str, change: &Fields) -> Outcome<Option<Remote>> {
        if !is_id(sid) {
            return no_such_sid();
        }
        let body = match body::update(change) {
            Ok(body) => body,
            Err(why) => return not_sent(&why),
        };
        let operation = Operation::new("update_endpoint", Call::Update, Method::PATCH, ["endpoints", sid], UPDATE);
        let operation = operation.sending(body.members).hiding(body.secrets);
        let operation = if body.replace { operation.with("nested_objects", "replace") } else { operation };
        let own = self.0.partner();
        let read = |answer: &Answer| shown(answer, sid, |object| fields::endpoint(object, own.as_deref()), KEY).map(Some);
        self.0.call(operation, read).await
    }

    async fn delete(&self, sid: &str) -> Outcome<()> {
        if !is_id(sid) {
            return no_such_sid();
        }
        let operation = Operation::new("delete_endpoint", Call::Delete, Method::DELETE, ["endpoints", sid], DELETE);
        self.0.call(operation, deleted).await
    }

    /// The trunk groups of which a trunk names it. One request where CarrierX selects them, else page by page.
    async fn references(&self, sid: &str) -> Outcome<Vec<String>> {
        if !is_id(sid) {
            return no_such_sid();
        }
        let all = |offset: u64| {
            let operation =
                Operation::new("find_trunk_groups", Call::Read, Method::GET, ["trunk_groups"], READ_TRUNKS).with("with_trunks", "true");
            paged::<Vec<String>>(operation, "trunk_group_sid", offset, GROUPS)
        };
        let element = |object: &wire::Object| names(object, sid);
        let selected = match all(0) {
            Ok(operation) => {
                self.0.selected(operation.with("filter", format!(r#"trunks.endpoint_sid eq "{sid}""#)), element, "trunk_group_sid").await
            }
            Err(outcome) => return outcome,
        };
        let mut page = match selected {
            Outcome::Done(Some(page)) => page,
            Outcome::Done(None) => Page { items: Vec::new(), total: None, more: Some(true) },
            other => return other.map(|_| Vec::new()),
        };
        let (mut seen, mut turn) = (page.items.len() as u64, 0);
        loop {
            let found: Vec<String> = page.items.into_iter().flatten().collect();
            if !found.is_empty() || page.more != Some(true) {
                return Outcome::Done(found);
            }
            if turn == PAGES {
                let message = format!(
                    "the account has more than {seen} trunk groups, and CarrierX does not select those that lead to endpoint {sid}"
                );
                return unknown(DoubtKind::Unreadable, message);
            }
            // The filter was refused, or it was ignored: look at the others too.
            let operation = match all(seen) {
                Ok(operation) => operation,
                Err(outcome) => return outcome,
            };
            page = match self.0.ended(operation, element, "trunk_group_sid").await {
                Outcome::Done(page) => page,
                other => return other.map(|_| Vec::new()),
            };
            (seen, turn) = (seen + page.items.len() as u64, turn + 1);
        }
    }
}

impl Remotes for Endpoints {
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

/// A filter for all that carries the mark, whatever stands before it: people may have renamed it meanwhile, and so may the spec.
pub(super) fn marked(mark: &Mark) -> String {
    format!(r#"name like "%{}""#, mark.key())
}

/// What of a selected page really carries the mark and is ours. Where the filter was ignored the page holds everything, and what is not on it
/// may be behind.
pub(super) fn hits(found: Outcome<Option<Page<Remote>>>, mark: &Mark) -> Outcome<Page<Remote>> {
    match found {
        Outcome::Done(Some(mut page)) => {
            page.items.retain(|remote| mark.owns(&remote.username) && remote.role == Role::Own);
            Outcome::Done(page)
        }
        Outcome::Done(None) => refused(RefusalKind::Invalid, "CarrierX refuses to select by name".to_owned()),
        Outcome::Refused(refusal) => Outcome::Refused(refusal),
        Outcome::NotFound { proven } => Outcome::NotFound { proven },
        Outcome::Unknown(doubt) => Outcome::Unknown(doubt),
    }
}

/// What a create made: it has a SID, and the name that was asked for.
pub(super) fn made(answer: &Answer, name: &str, read: impl Fn(&wire::Object) -> Option<Remote>, key: &str) -> Read<Created> {
    let object = success(answer, Target::Create)?;
    match read(object) {
        Some(remote) if remote.username.eq_ignore_ascii_case(name) => {
            Ok(Created { id: remote.id.clone(), username: remote.username.clone(), remote: Some(Box::new(remote)) })
        }
        Some(remote) => {
            let message = format!("CarrierX answered with the name {}, which is not {name}", remote.username);
            Err(unknown(DoubtKind::Foreign, message))
        }
        None => Err(unreadable(answer, &format!("without {key}"))),
    }
}

/// The object of this SID, whole.
pub(super) fn shown(answer: &Answer, sid: &str, read: impl Fn(&wire::Object) -> Option<Remote>, key: &str) -> Read<Remote> {
    let object = success(answer, Target::Item)?;
    match read(object) {
        Some(remote) if remote.id == sid => Ok(remote),
        Some(_) => Err(unknown(DoubtKind::Foreign, "CarrierX answered with another object".to_owned())),
        None => Err(unreadable(answer, &format!("without {key}"))),
    }
}

/// The answer to a delete.
pub(super) fn deleted(answer: &Answer) -> Read<()> {
    match answer.status {
        204 => Ok(()),
        _ => Err(failure(answer, Target::Item)),
    }
}

/// A request that was not sent, because CarrierX would have done something else with it.
pub(super) fn not_sent<T>(why: &str) -> Outcome<T> {
    refused(RefusalKind::Invalid, format!("{why}; nothing was sent"))
}

/// A trunk group in words, if one of its trunks names the endpoint.
fn names(group: &wire::Object, endpoint: &str) -> Option<Option<String>> {
    let sid = wire::sid(group, "trunk_group_sid")?;
    // Without its trunks it says nothing.
    let trunks = group.contains_key("trunks").then(|| wire::objects(group, "trunks"))??;
    let named = trunks.iter().any(|trunk| wire::text(trunk, fields::ENDPOINT_SID) == Some(endpoint));
    Some(named.then(|| format!("trunk group {} ({sid})", wire::text(group, "name").unwrap_or(fields::UNNAMED))))
}
