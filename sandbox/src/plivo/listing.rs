//! Lists and their pages (contracts/plivo.md 3), and what list faults do to them.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::answer::{Answer, Complaints};
use super::endpoint::{Endpoint, md5_hex};
use super::number::Number;
use super::switches::{ListOrder, ListOver20, ListTotal};
use super::world::{Act, Actor, World};
use crate::faults::ListFault;
use crate::simulator::Look;
use crate::simulator::listing::{self, Shift, Side, View};
use crate::simulator::store::{End, Item, Row, Store};

/// Page size by default and at most.
const LIMIT: usize = 20;

/// A request for one page.
struct Asked<'a> {
    limit: usize,
    offset: usize,
    path: &'a str,
    /// The other arguments as they came, to be repeated in `meta.next`.
    filters: String,
}

impl<'a> Asked<'a> {
    fn parse(act: &Act<'_>, path: &'a str, raw_query: &str, query: &[(String, String)]) -> Result<Self, Complaints> {
        let mut complaints = Complaints::default();
        let mut number = |name: &str, default: usize| {
            let Some((_, text)) = query.iter().find(|(key, text)| key == name && !text.is_empty()) else { return default };
            text.parse().unwrap_or_else(|_| {
                complaints.add(name, "A valid integer is required.");
                default
            })
        };
        let (limit, offset) = (number("limit", LIMIT), number("offset", 0));
        if limit == 0 || (limit > LIMIT && act.switches.list_over_20 == ListOver20::Reject) {
            complaints.add("limit", "1 to 20.");
        }
        if !complaints.is_empty() {
            return Err(complaints);
        }
        let kept = raw_query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("limit=") && !pair.starts_with("offset="));
        let filters = kept.map(|pair| format!("&{pair}")).collect();
        Ok(Self { limit: limit.min(LIMIT), offset, path, filters })
    }

    fn at(&self, offset: usize) -> Value {
        json!(format!("{}?limit={}&offset={offset}{}", self.path, self.limit, self.filters))
    }
}

/// The kinds of objects that have lists here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    Endpoints,
    Numbers,
    Applications,
}

impl World {
    /// Answers a list; the second value says whether the list fault did anything.
    pub(super) fn list(
        &mut self,
        act: &mut Act<'_>,
        what: Listed,
        path: &str,
        raw_query: &str,
        query: &[(String, String)],
        fault: Option<ListFault>,
    ) -> (Answer, bool) {
        let asked = match Asked::parse(act, path, raw_query, query) {
            Ok(asked) => asked,
            Err(complaints) => return (act.refuse(&complaints), false),
        };
        let acted = fault.is_some_and(|fault| self.somebody_else(act, what, fault, asked.offset));
        let account = act.account.clone();
        let argument = |name: &str| query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.clone());
        let mut rng = StdRng::seed_from_u64(act.rng.next_u64());
        let (body, applied) = match what {
            Listed::Endpoints => page(
                &self.endpoints,
                act,
                &asked,
                fault,
                &mut rng,
                |_, item, _| item.account == account,
                |id, item, endpoint| self.listed_endpoint(act, id, &item.account, endpoint),
            ),
            Listed::Numbers => page(
                &self.numbers,
                act,
                &asked,
                fault,
                &mut rng,
                |id, item, number| Number::visible_to(item, number, &account) && number.passes(id, query),
                |id, item, number| Value::Object(number.shown(id, &item.account, act.switches)),
            ),
            Listed::Applications => {
                let (name, sub) = (argument("app_name"), argument("subaccount"));
                page(
                    &self.applications,
                    act,
                    &asked,
                    fault,
                    &mut rng,
                    |_, item, app| {
                        Self::sees(&account, &item.account, app.sub_account.as_deref())
                            && name.as_ref().is_none_or(|name| *name == app.app_name)
                            && sub.as_ref().is_none_or(|sub| Some(sub) == app.sub_account.as_ref())
                    },
                    |id, item, app| Value::Object(app.shown(id, &item.account)),
                )
            }
        };
        (Answer::list(&body), applied || acted)
    }

    /// Insertions and deletions by somebody else between two pages.
    fn somebody_else(&mut self, act: &mut Act<'_>, what: Listed, fault: ListFault, offset: usize) -> bool {
        if what == Listed::Applications {
            return false;
        }
        let order = act.switches.list_order;
        // Only what was made behind the API's back, and in the case of a number points nowhere, may vanish: it is nobody's whose objects
        // are under test.
        let victim = || match what {
            Listed::Numbers => {
                let account = &act.account;
                let rows = in_order(&self.numbers, act, |_, item, number| Number::visible_to(item, number, account));
                rows.iter().take(offset).find(|(_, item, number)| item.foreign && number.app_id.is_none()).map(|(id, ..)| (*id).to_owned())
            }
            Listed::Endpoints | Listed::Applications => {
                let rows = in_order(&self.endpoints, act, |_, item, _| item.account == act.account);
                rows.iter().take(offset).find(|(_, item, _)| item.foreign).map(|(id, ..)| (*id).to_owned())
            }
        };
        let Some(Shift { insert, remove }) = Shift::of(Some(fault), offset, victim) else { return false };
        let (front, back) = if order == ListOrder::OldestFirst { (End::Oldest, End::Newest) } else { (End::Newest, End::Oldest) };
        let insert_at = insert.map(|side| if side == Side::Front { front } else { back });
        act.actor = Actor::Console;
        if let Some(victim) = remove {
            match what {
                Listed::Numbers => self.remove_number(act, "delete_number", &victim),
                Listed::Endpoints | Listed::Applications => self.remove_endpoint(act, &victim),
            }
        }
        match insert_at {
            Some(end) if what == Listed::Numbers => {
                let number = format!("1999{}", act.digits(8));
                if self.numbers.get(&number).is_none() {
                    self.insert_number_at(act, "create_number", &number, end, Number::new(act.now));
                }
            }
            Some(end) => {
                let username = self.with_suffix(act, "somebodyelse");
                let endpoint =
                    Endpoint { username, alias: "somebody-else".to_owned(), password_md5: md5_hex(&act.digits(12)), app_id: None };
                let id = self.new_endpoint_id(act);
                self.insert_endpoint(act, &id, endpoint, end);
            }
            None => {}
        }
        act.actor = Actor::Api;
        true
    }
}

/// A list in the order that clients see; `shuffled` comes in order of creation here.
fn in_order<'a, T: Clone>(store: &'a Store<T>, act: &Act<'_>, keep: impl Fn(&str, &Item<T>, &T) -> bool) -> Vec<Row<'a, T>> {
    let mut rows = store.list(act.now_ms, act.switches.delays(Look::List), keep);
    if act.switches.list_order == ListOrder::NewestFirst {
        rows.reverse();
    }
    rows
}

fn page<T: Clone>(
    store: &Store<T>,
    act: &Act<'_>,
    asked: &Asked<'_>,
    fault: Option<ListFault>,
    rng: &mut StdRng,
    keep: impl Fn(&str, &Item<T>, &T) -> bool,
    render: impl Fn(&str, &Item<T>, &T) -> Value,
) -> (Value, bool) {
    let (limit, offset) = (asked.limit, asked.offset);
    let delays = act.switches.delays(Look::List);
    let view = View { now_ms: act.now_ms, delays, limit, offset, stale_total: act.switches.list_total == ListTotal::Stale };
    let page = listing::page(store, view, fault, rng, keep, |rows, rng| match act.switches.list_order {
        ListOrder::OldestFirst => {}
        ListOrder::NewestFirst => rows.reverse(),
        ListOrder::Shuffled => rows.shuffle(rng),
    });
    let next = page.next.map_or(Value::Null, |offset| asked.at(offset));
    let previous = if offset > 0 { asked.at(offset.saturating_sub(limit)) } else { Value::Null };
    let objects: Vec<Value> = page.rows.iter().map(|(id, item, value)| render(id, item, value)).collect();
    let meta = json!({"limit": limit, "next": next, "offset": offset, "previous": previous, "total_count": page.total});
    (json!({"api_id": act.api_id, "meta": meta, "objects": objects}), page.applied)
}
