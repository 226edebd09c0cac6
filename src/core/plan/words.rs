//! The steps of a plan in words. Secrets are masked here and nowhere are they looked into.

use super::{Change, Step};
use crate::core::action::{Cause, Release, Why};
use crate::core::binding::answer;
use crate::core::endpoint::connection::Entries;
use crate::core::fields::{Fields, PASSWORD, Value};
use crate::core::mark::Mark;
use crate::core::view::{AccountView, Thing, View};

/// How the text of what will be known only when the step is done begins. What follows tells them apart; [`plain`] leaves it away.
const BEGINS: &str = "(known after apply: ";
/// What stands in a plan for an id that nobody has yet.
pub const AFTER_APPLY: &str = "(known after apply)";

/// The id of what will carry this mark.
pub(super) fn id_of(mark: &Mark) -> String {
    format!("{BEGINS}{mark})")
}

/// The text as people read it: what will be known only after the apply is not told apart.
pub fn plain(text: &str) -> String {
    let mut parts = text.split(BEGINS);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(AFTER_APPLY);
        plain.push_str(part.split_once(')').map_or("", |(_, rest)| rest));
    }
    plain
}

fn step(change: Change, what: String, details: Vec<String>) -> Step {
    Step { change, what: plain(&what), details: details.iter().map(|line| plain(line)).collect() }
}

/// A value, masked if it must not be shown.
fn shown(value: &Value) -> String {
    match value.text() {
        // What is nested is told in its own form.
        Some(text) if text.contains(BEGINS) || text.starts_with(['[', '{']) => plain(text),
        _ => value.to_string(),
    }
}

fn account(view: &View) -> String {
    match &view.account {
        AccountView::Ready { provider, id, .. } => format!("{provider} account {id}"),
        AccountView::Unknown | AccountView::Missing(_) | AccountView::NotReady(_) => "the account".to_owned(),
    }
}

pub(super) fn create(view: &View, fields: &Fields) -> Step {
    let (thing, place) = (view.thing.as_str(), view.mark.place().as_str());
    let what = format!("create {thing} in {}, {place} {}", account(view), label(view));
    // The label is said already.
    let own = |field: &str, value: &Value| field == place && value.text() == Some(view.mark.as_str());
    let details = fields.iter().filter(|(field, value)| !own(field, value)).map(|(field, value)| format!("{field}: {}", shown(value)));
    step(Change::Create, what, details.collect())
}

/// The label that is asked for; the provider appends digits to a username.
fn label(view: &View) -> String {
    if view.mark.place().is_immutable() { format!("{}…", view.mark) } else { view.mark.to_string() }
}

fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Edited => "the spec wants it so",
        Cause::Rotated => "the password was changed",
        Cause::Drifted => "it was changed outside Switchboard",
        Cause::Followed => "what it follows has changed",
        Cause::Restored => "that is what was there before",
        Cause::Unassigned => "nothing is to answer it any more",
    }
}

/// What changes, field by field. `password`: what becomes of that.
fn edits(change: &Fields, observed: Option<&Fields>, password: &str) -> Vec<String> {
    let line = |(field, value): (&&str, &Value)| {
        let before = observed.and_then(|observed| observed.get(*field));
        match (value, before) {
            (Value::Secret(_), _) => Some(format!("{field}: {password}")),
            (value, before) if value.agrees(before) => None,
            (value, Some(before)) => Some(format!("{field}: {} → {}", shown(&value.named_in(before)), shown(value))),
            (value, None) => Some(format!("{field}: {}", shown(value))),
        }
    };
    change.iter().filter_map(line).collect()
}

pub(super) fn update(view: &View, id: &str, change: &Fields, why: Cause, differences: &[String]) -> Step {
    let observed = view.evidence.observed(id).map(|seen| &seen.remote.fields);
    let known = view.password_version().is_some() || view.evidence.password_matches.is_some();
    let password = match differences.iter().any(|difference| difference.starts_with(PASSWORD)) {
        true if known => "changed",
        // The provider does not show which one it has.
        true => "set",
        false => "sent again with it",
    };
    let what = format!("change {} {id}: {}", view.thing.as_str(), cause(why));
    step(Change::Update, what, edits(change, observed, password))
}

pub(super) fn record(view: &View, id: &str, label: &str) -> Step {
    let (thing, place) = (view.thing.as_str(), view.mark.place().as_str());
    let what = match &view.adopt {
        Some(_) if view.observes() => format!("observe {thing} {id}, {place} {label}; nothing is ever written there"),
        Some(_) => format!("adopt {thing} {id}, {place} {label}"),
        None => format!("take over {thing} {id}, {place} {label}, which carries this object's mark"),
    };
    step(Change::Adopt, what, Vec::new())
}

pub(super) fn delete(view: &View, id: &str, why: Why) -> Step {
    let why = match why {
        Why::Requested if view.thing == Thing::TrunkGroup => "no number is led by it any more",
        Why::Requested => "its object is being deleted",
        Why::JustReceived => "it was made for an object that is going",
        Why::Duplicate => "it is a second one of this object",
    };
    step(Change::Delete, format!("delete {} {id}: {why}", view.thing.as_str()), Vec::new())
}

pub(super) fn forget(view: &View) -> Step {
    let id = view.recorded().map_or("", |recorded| recorded.id);
    step(Change::Note, format!("{} {id} was deleted outside Switchboard", view.thing.as_str()), Vec::new())
}

pub(super) fn store_password(view: &View) -> Step {
    step(Change::Secret, format!("generate a password and keep it in Secret {}", secret(view)), Vec::new())
}

pub(super) fn write_connection(view: &View, entries: &Entries) -> Step {
    let line = |(key, value): (&&str, &Option<_>)| match value {
        Some(_) => format!("{key}: ***"),
        None => format!("{key}: taken away"),
    };
    step(Change::Secret, format!("write connection Secret {}", secret(view)), entries.iter().map(line).collect())
}

fn secret(view: &View) -> &str {
    view.connection.as_ref().map_or("", |connection| &connection.name)
}

pub(super) fn release(release: Release) -> Step {
    let why = match release {
        Release::Clean => "nothing of it is left at the provider",
        Release::Retained => "what it has at the provider stays",
        Release::NeverSent => "nothing was ever made for it",
        Release::Orphaned => "what it has at the provider was given up by annotation",
        Release::Unproven => "what it has at the provider, if anything, cannot be known and stays",
        Release::HandedOver => "another binding has taken the number over",
        Release::Restored => "the number shows again what it showed before",
        Release::Unassigned => "nothing answers the number any more",
        Release::PreviousGone => "what answered the number before is gone, so nothing does",
        Release::NotOurs => "the number was led elsewhere meanwhile, and is left so",
        Release::PreviousLost => "what the number showed before is not known, so it is left as it is",
        Release::NumberGone => "the account does not hold the number any more",
        Release::NotGivenBack => "the provider takes nothing that could be given back",
    };
    step(Change::Release, format!("let the object go: {why}"), Vec::new())
}

/// A number is led elsewhere, or only described anew.
pub(super) fn number(e164: &str, target: &str, change: &Fields, before: &Fields, why: Cause) -> Step {
    let text = |fields: &Fields| fields.get(target).and_then(Value::text).map(ToOwned::to_owned);
    let (now, then) = (text(before).unwrap_or_default(), text(change).unwrap_or_default());
    let mut rest = change.clone();
    rest.remove(target);
    let details = edits(&rest, Some(before), "");
    let what = match why {
        _ if now == then => format!("change number {e164}: {}", cause(why)),
        _ if then.is_empty() => format!("take {} off number {e164}: {}", answer::named(target, &now), cause(why)),
        Cause::Restored => {
            format!("give number {e164} back to {} (now: {})", answer::named(target, &then), answer::named(target, &now))
        }
        _ => format!("point number {e164} to {} (now: {})", answer::named(target, &then), answer::named(target, &now)),
    };
    step(Change::Update, what, details)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_only_after_the_apply_reads_the_same_whatever_it_is() {
        let table = [
            ("nothing of it", "nothing of it"),
            ("to (known after apply: alice4cp), now", "to (known after apply), now"),
            ("(known after apply: a) and (known after apply: b)", "(known after apply) and (known after apply)"),
            ("cut off (known after apply: abc", "cut off (known after apply)"),
        ];
        for (raw, read) in table {
            assert_eq!(plain(raw), read);
        }
    }
}
