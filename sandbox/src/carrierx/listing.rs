//! Lists: paging, order, filters (contracts/carrierx.md 3).

use std::cmp::Ordering;

use http::header;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value, json};

use super::errors;
use super::fields::Object;
use super::filter::Filter;
use super::switches::{FilterSupport, ListDefaultLimit, ListTotal, Switches};
use super::world::{Act, Kind, Record, World};
use super::{did, show};
use crate::faults::ListFault;
use crate::simulator::Look;
use crate::simulator::act::{Actor, Call};
use crate::simulator::answer::Answer;
use crate::simulator::listing::{Shift, Side, View, page};
use crate::simulator::store::{End, Item, Row};

/// The largest page.
const LARGEST: usize = 1000;

/// The order of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Order {
    Creation,
    Shuffle,
    By { field: String, descending: bool },
}

/// A request for one page.
struct Asked<'a> {
    kind: Kind,
    /// The group whose trunks are listed.
    group: Option<&'a str>,
    limit: usize,
    offset: usize,
    order: Order,
    filter: Filter,
    /// The numbers of one trunk group.
    of_group: Option<String>,
    with: With,
}

/// What is shown of objects.
#[derive(Default)]
pub(super) struct With {
    pub(super) trunks: bool,
    related: bool,
    /// Only these fields.
    fields: Option<Vec<String>>,
}

fn argument<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

impl With {
    pub(super) fn of(query: &[(String, String)]) -> Self {
        let flag = |name| argument(query, name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let fields = argument(query, "includeFields").map(|fields| fields.split(',').map(str::to_owned).collect());
        Self { trunks: flag("with_trunks"), related: flag("with_related"), fields }
    }

    /// An object with what was asked for, and without the rest.
    fn dress(&self, mut shown: Object) -> Value {
        if self.related
            && let Some(partner) = shown.get("partner_sid").cloned()
        {
            shown.insert("partner".to_owned(), json!({"name": "Sandbox", "partner_sid": partner}));
        }
        if let Some(fields) = &self.fields {
            shown.retain(|name, _| fields.contains(name));
        }
        Value::Object(shown)
    }
}

impl<'a> Asked<'a> {
    fn parse(kind: Kind, group: Option<&'a str>, switches: &Switches, query: &[(String, String)]) -> Result<Self, Answer> {
        let wrong = |field: &str, why: &str| errors::bad_request(switches, field, why);
        let number = |name: &str, default: usize| match argument(query, name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| wrong(name, "an integer is needed")),
        };
        let default = if switches.list_default_limit == ListDefaultLimit::Ten { 10 } else { LARGEST };
        let (limit, offset) = (number("limit", default)?.min(LARGEST), number("offset", 0)?);
        if limit == 0 {
            return Err(wrong("limit", "1 to 1000"));
        }
        let known = |name: &str| kind.fields().iter().any(|(field, ..)| *field == name);
        let order = match argument(query, "order").map(|order| order.split_whitespace().collect::<Vec<_>>()).as_deref() {
            None => Order::Creation,
            Some(["shuffle"]) => Order::Shuffle,
            Some([field] | [field, "asc"]) if known(field) => Order::By { field: (*field).to_owned(), descending: false },
            Some([field, "desc"]) if known(field) => Order::By { field: (*field).to_owned(), descending: true },
            Some(_) => return Err(wrong("order", "a field with asc or desc is needed")),
        };
        let mut filter = Filter::default();
        for (_, text) in query.iter().filter(|(name, _)| name == "filter" && switches.filter_support != FilterSupport::Ignored) {
            let known = |name: &str| known(name) || (kind == Kind::TrunkGroup && name == "trunks");
            let term = Filter::parse(text, known).map_err(|why| wrong("filter", &why))?;
            match switches.filter_support {
                FilterSupport::Reject => return Err(wrong("filter", "filters are not supported")),
                FilterSupport::TopLevel if term.is_dotted() => return Err(wrong("filter", "nested attributes are not supported")),
                _ => filter = filter.and(term),
            }
        }
        let of_group = argument(query, "trunk_group_sid").filter(|_| kind == Kind::Did).map(str::to_owned);
        Ok(Self { kind, group, limit, offset, order, filter, of_group, with: With::of(query) })
    }

    /// Brings rows from the order of creation into the one asked for.
    fn arrange(&self, rows: &mut [Row<'_, Record>], rng: &mut StdRng) {
        match &self.order {
            Order::Creation => {}
            Order::Shuffle => rows.shuffle(rng),
            Order::By { field, descending } => rows.sort_by(|(.., one), (.., other)| {
                let order = compare(one.fields.get(field), other.fields.get(field));
                if *descending { order.reverse() } else { order }
            }),
        }
    }
}

fn compare(one: Option<&Value>, other: Option<&Value>) -> Ordering {
    let number = |value: Option<&Value>| value.and_then(Value::as_f64);
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        _ => {
            let text = |value: Option<&Value>| value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            text(one).cmp(&text(other))
        }
    }
}

impl World {
    /// Answers a list; the second value says whether the list fault did anything.
    pub(super) fn list(
        &mut self,
        act: &mut Act<'_>,
        kind: Kind,
        group: Option<&str>,
        call: &Call,
        fault: Option<ListFault>,
    ) -> (Answer, bool) {
        if let Some(Err(refused)) = group.map(|group| self.find(act, Kind::TrunkGroup, group)) {
            return (refused, false);
        }
        let asked = match Asked::parse(kind, group, act.switches, &call.query()) {
            Ok(asked) => asked,
            Err(refused) => return (refused, false),
        };
        let acted = self.somebody_else(act, &asked, fault);
        let mut rng = StdRng::seed_from_u64(act.rng.next_u64());
        let delays = act.switches.delays(Look::List);
        let view = View { now_ms: act.now_ms, delays, limit: asked.limit, offset: asked.offset, stale_total: false };
        let needs_trunks = kind == Kind::TrunkGroup && (asked.with.trunks || asked.filter.names("trunks"));
        let trunks = if needs_trunks { self.trunks_seen(act.now_ms, delays) } else { Default::default() };
        let with_trunks = |sid: &str, fields: &Object| {
            let mut object = fields.clone();
            object.insert("trunks".to_owned(), json!(trunks.get(sid).map_or(&[][..], Vec::as_slice)));
            object
        };
        let keep = |sid: &str, item: &Item<Record>, record: &Record| {
            self.belongs(act, &asked, item, record)
                && (if asked.filter.names("trunks") {
                    asked.filter.holds(&with_trunks(sid, &record.fields))
                } else {
                    asked.filter.holds(&record.fields)
                })
        };
        let page = page(self.store(kind), view, fault, &mut rng, keep, |rows, rng| asked.arrange(rows, rng));
        let items: Vec<Value> = page
            .rows
            .iter()
            .map(|(sid, _, record)| {
                asked.with.dress(match kind {
                    Kind::Endpoint => show::endpoint(&record.fields, act.switches),
                    Kind::TrunkGroup if asked.with.trunks => with_trunks(sid, &record.fields),
                    _ => record.fields.clone(),
                })
            })
            .collect();
        let total = if act.switches.list_total == ListTotal::Null { Value::Null } else { json!(page.total) };
        let pagination = page.next.map_or_else(Map::new, |next| Map::from_iter([("next".to_owned(), json!(address(call, &asked, next)))]));
        let body = json!({
            "count": items.len(), "has_more": page.next.is_some(), "items": items, "limit": asked.limit, "offset": asked.offset,
            "pagination": pagination, "total": total,
        });
        (Answer::json(200, &body), page.applied || acted)
    }

    /// Whether an object is in the list before any filter.
    fn belongs(&self, act: &Act<'_>, asked: &Asked<'_>, item: &Item<Record>, record: &Record) -> bool {
        self.reaches(act, item)
            && !record.released
            && asked.group.is_none_or(|group| record.group == group)
            && asked.of_group.as_ref().is_none_or(|group| record.text("trunk_group_sid") == group)
    }

    /// One object, as a GET shows it.
    pub(super) fn get(&self, act: &Act<'_>, kind: Kind, group: Option<&str>, sid: &str, query: &[(String, String)]) -> Answer {
        let seen = self.store(kind).seen(sid, act.now_ms, act.switches.delays(Look::Get));
        let found =
            seen.filter(|(item, record)| self.reaches(act, item) && !record.released && group.is_none_or(|group| record.group == group));
        let Some((_, record)) = found else { return errors::not_found(act.switches) };
        let with = With::of(query);
        let shown = match kind {
            Kind::Endpoint => show::endpoint(&record.fields, act.switches),
            Kind::TrunkGroup => self.shown_group(act, &record.fields, with.trunks),
            Kind::Trunk | Kind::Did => record.fields.clone(),
        };
        Answer::json(200, &with.dress(shown))
    }

    /// Insertions and deletions by somebody else between two pages. Only endpoints and numbers that were made behind the API's back and
    /// that nothing needs may vanish: they are nobody's whose objects are under test.
    fn somebody_else(&mut self, act: &mut Act<'_>, asked: &Asked<'_>, fault: Option<ListFault>) -> bool {
        if !matches!(asked.kind, Kind::Endpoint | Kind::Did) {
            return false;
        }
        let victim = || {
            let delays = act.switches.delays(Look::List);
            let keep = |_: &str, item: &Item<Record>, record: &Record| {
                self.belongs(act, asked, item, record) && asked.filter.holds(&record.fields)
            };
            let mut rows = self.store(asked.kind).list(act.now_ms, delays, keep);
            asked.arrange(&mut rows, &mut StdRng::seed_from_u64(0));
            let idle = |sid: &str, record: &Record| match asked.kind {
                Kind::Did => record.text("trunk_group_sid").is_empty(),
                _ => self.sids(Kind::Trunk, |trunk| trunk.text("endpoint_sid") == sid).is_empty(),
            };
            rows.iter().take(asked.offset).find(|(sid, item, record)| item.foreign && idle(sid, record)).map(|(sid, ..)| (*sid).to_owned())
        };
        let Some(Shift { insert, remove }) = Shift::of(fault, asked.offset, victim) else { return false };
        act.actor = Actor::Console;
        if let Some(victim) = remove {
            self.remove(act, asked.kind, &victim);
        }
        if let Some(side) = insert {
            let descending = matches!(asked.order, Order::By { descending: true, .. });
            let sid = self.new_sid(act, asked.kind);
            // First or last also where the SID decides.
            let start = if (side == Side::Front) == descending { "ffffffff" } else { "00000000" };
            let sid = format!("{start}{}", &sid[start.len()..]);
            let end = if side == Side::Front { End::Oldest } else { End::Newest };
            let account = act.account.clone();
            let object = match asked.kind {
                Kind::Did => did::fresh(&sid, &format!("1999{:07}", act.rng.next_u32() % 10_000_000), &account, sid.clone()),
                _ => World::stranger(act, &sid),
            };
            self.insert(act, asked.kind, &sid, &account, end, Record::of(object));
        }
        act.actor = Actor::Api;
        true
    }
}

/// Address of the page at `offset`.
fn address(call: &Call, asked: &Asked<'_>, offset: usize) -> String {
    let host = call.header(header::HOST).unwrap_or("localhost");
    let kept = call.uri.query().unwrap_or_default().split('&');
    let kept = kept.filter(|pair| !pair.is_empty() && !pair.starts_with("limit=") && !pair.starts_with("offset="));
    let others: String = kept.map(|pair| format!("{pair}&")).collect();
    format!("http://{host}{}?{others}limit={}&offset={offset}", call.uri.path(), asked.limit)
}
