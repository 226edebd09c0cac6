//! The recorded endpoint is seen: does it agree with what is wanted, and what is sent if it does not (L15 to L17, L33)?

use std::borrow::Cow;

use crate::api::condition::Reason;
use crate::api::policy::DriftPolicy;
use crate::core::action::{Action, Cause, Finding};
use crate::core::budget::Lane;
use crate::core::evidence::Observed;
use crate::core::fields::{Difference, Fields, PASSWORD, Value, diff};
use crate::core::shared::{Viewed, read_back, retry};
use crate::core::time::Moment;
use crate::core::view::{Desired, Updated, View, Wanted};

/// L15: an update that was answered has to be seen.
pub(super) fn read_back(view: &View, observed: Observed<'_>, id: &str) -> Option<read_back::Verdict> {
    let fields = current(view, observed);
    let known = match &view.desired {
        Desired::Wanted(wanted) => view.memory.normalised.still(&wanted.fields, &fields),
        Desired::Unmade(_) | Desired::Blocked(_) => Vec::new(),
    };
    let Some(update) = view.memory.update.as_ref() else {
        return (!known.is_empty()).then_some(read_back::Verdict::Normalised(known));
    };
    let by_id = observed.by_id || view.evidence.gets.get(id).is_some_and(|got| got.began >= update.at);
    // What was sent often enough before other fields, and came back in another form, is not sent again for being followed by them.
    let enough = view.memory.earlier.iter().filter(|earlier| earlier.times >= read_back::ENOUGH);
    let mut before: Vec<&'static str> = enough.flat_map(|earlier| unseen(view, earlier, &fields)).chain(known.iter().copied()).collect();
    let mut unseen = unseen(view, update, &fields);
    unseen.retain(|field| !known.contains(field));
    match read_back::judge(view, id, update, read_back::Seen { began: observed.began, by_id, unseen }) {
        Some(read_back::Verdict::Normalised(fields)) => {
            before.extend(fields);
            Some(read_back::Verdict::Normalised(before))
        }
        None if !before.is_empty() => Some(read_back::Verdict::Normalised(before)),
        verdict => verdict,
    }
}

/// What was sent and is not shown; nothing if it is not wanted any more: then a new update is due at once.
fn unseen(view: &View, update: &Updated, fields: &Fields) -> Vec<&'static str> {
    if !still_wanted(view, update) {
        return Vec::new();
    }
    // Of members that were sent only those count that are wanted now.
    let wanted = |field: &str| match &view.desired {
        Desired::Wanted(wanted) => wanted.fields.get(field),
        Desired::Blocked(_) | Desired::Unmade(_) => None,
    };
    let shown = |field: &str, value: &Value| match value {
        Value::Secret(_) => view.evidence.password_matches != Some(false),
        // What is not shown at all is taken as kept.
        value => fields.get(field).is_none_or(|shown| wanted(field).unwrap_or(value).agrees(Some(shown))),
    };
    update.change.iter().filter(|(field, value)| !shown(field, value)).map(|(field, _)| *field).collect()
}

/// What was sent is still what the spec wants.
fn still_wanted(view: &View, update: &Updated) -> bool {
    let Desired::Wanted(wanted) = &view.desired else { return true };
    update.change.iter().all(|(field, value)| match value {
        Value::Secret(secret) => wanted.password.as_ref().is_none_or(|password| *secret == password.value),
        value => wanted.fields.get(*field).is_none_or(|now| now.agrees(Some(value))),
    })
}

/// A look that began then may still show what was before our last update of this field, whose answer showed what we sent.
fn recent<'v>(view: &'v View, field: &str, began: Moment) -> Option<&'v Value> {
    let shown = view.memory.shown.get(field)?;
    (began > shown.at && began < shown.at + view.timing.visible()).then_some(&shown.value)
}

/// The fields as seen, but for what our own updates have just changed: their answers count more than a look that may be stale.
fn current<'v>(view: &View, observed: Observed<'v>) -> Cow<'v, Fields> {
    let mut fields = Cow::Borrowed(&observed.remote.fields);
    for field in view.memory.shown.keys() {
        if let Some(value) = recent(view, field, observed.began).filter(|value| value.is_plain()) {
            let value = value.applied_to(fields.get(field));
            fields.to_mut().insert(field, value);
        }
    }
    fields
}

/// L16, L17: the recorded endpoint is seen; does it agree?
pub(super) fn compare(view: &View, wanted: &Wanted, observed: Observed<'_>, id: &str, normalised: &[&'static str]) -> Action {
    let mut differences = diff(&wanted.fields, &current(view, observed));
    differences.retain(|difference| !normalised.contains(&difference.field));
    // What the provider does not show is like a password that cannot be read: it is sent when somebody has edited the spec, unless it was what
    // we have sent last, and never counts as a drift.
    let sent = |difference: &Difference| view.memory.accepted.get(difference.field) == Some(&difference.desired);
    let due = view.edited() && !view.observes();
    differences.retain(|difference| difference.is_shown() || due && !sent(difference));
    if !observed.by_id && differences.iter().any(|difference| !difference.is_shown()) {
        // Perhaps a read by id shows it.
        return retry::call(view, Action::Get(id.to_owned(), Lane::Urgent));
    }
    let rotated = wanted.password.as_ref().is_some_and(|password| view.password_version() != Some(&password.version));
    let sent = |value: &Value| matches!((value, &wanted.password), (Value::Secret(sent), Some(password)) if *sent == password.value);
    let matches = match view.evidence.password_matches {
        Some(false) if recent(view, PASSWORD, observed.began).is_some_and(sent) => Some(true),
        matches => matches,
    };
    if rotated && matches.is_none() && !observed.by_id {
        // Perhaps a read by id shows the hash, and the new Secret holds the old value.
        return retry::call(view, Action::Get(id.to_owned(), Lane::Urgent));
    }
    let password = !normalised.contains(&PASSWORD) && (matches == Some(false) || (rotated && matches.is_none()));
    if differences.is_empty() && (!password || view.observes() && matches.is_none()) {
        return Action::Done(if normalised.is_empty() { available(view, observed) } else { read_back::normalised(normalised) });
    }
    if view.observes() {
        return observed_drift(view.thing.as_str(), &differences, matches);
    }
    let edited = view.edited();
    let only_rotated = rotated && password;
    if !edited && view.policy.drift == DriftPolicy::Report && !(only_rotated && differences.is_empty()) {
        return if only_rotated {
            update(view, Change { differences: Vec::new(), password, cause: Cause::Rotated }, wanted, observed)
        } else {
            Action::Done(Finding::new(
                Reason::Drifted,
                format!(
                    "changed outside Switchboard and left so (driftPolicy: Report): {}. Put it back by hand, change the spec, or set driftPolicy: Correct",
                    texts(&differences, password).join("; ")
                ),
            ))
        };
    }
    // Of what does not go together, the first; the rest when that is seen.
    let rank = |field: &str| view.capabilities().and_then(|capabilities| capabilities.rank(field));
    let along = wanted.password.as_ref().and_then(|password| password.along).unwrap_or(PASSWORD);
    let ranks = differences.iter().map(|difference| rank(difference.field)).chain(password.then(|| rank(along)));
    let first = ranks.min().flatten();
    differences.retain(|difference| rank(difference.field) == first);
    let password = password && rank(along) == first;
    let cause = match () {
        () if edited => Cause::Edited,
        () if rotated && password && differences.is_empty() => Cause::Rotated,
        () => Cause::Drifted,
    };
    update(view, Change { differences, password, cause }, wanted, observed)
}

/// What differs, in words.
fn texts(differences: &[Difference], password: bool) -> Vec<String> {
    let mut texts: Vec<String> = differences.iter().map(Difference::to_string).collect();
    if password {
        texts.push("password: differs".into());
    }
    texts
}

/// What an update is for.
struct Change {
    differences: Vec<Difference>,
    /// The password differs, or may.
    password: bool,
    cause: Cause,
}

/// L33: what differs under `managementPolicy: Observe`, for whatever cause. A password that cannot be compared is no difference.
fn observed_drift(thing: &str, differences: &[Difference], password_matches: Option<bool>) -> Action {
    let texts = texts(differences, password_matches == Some(false));
    Action::Done(Finding::new(
        Reason::Drifted,
        format!(
            "the {thing} differs from the spec and is left so (managementPolicy: Observe): {}. Write the provider's values into the spec, or set managementPolicy: Manage to have them changed at the provider",
            texts.join("; ")
        ),
    ))
}

/// One update of the differing fields only; what the provider resets when it is left out goes with it.
fn update(view: &View, Change { differences, password, cause }: Change, wanted: &Wanted, observed: Observed<'_>) -> Action {
    let id = &observed.remote.id;
    let Some(capabilities) = view.capabilities() else { return Action::Wait { until: None, finding: None } };
    let texts = texts(&differences, password);
    let mut change: Fields = differences.into_iter().map(|difference| (difference.field, difference.desired)).collect();
    let secret = wanted.password.as_ref();
    let along = secret.and_then(|password| password.along);
    // What goes along with a password is sent whenever the password is, and the other way round.
    if let Some(secret) = secret.filter(|_| password || along.is_some_and(|along| change.contains_key(along))) {
        change.insert(PASSWORD, Value::Secret(secret.value.clone()));
    }
    let this_pass = observed.by_id && observed.began >= view.memory.pass_began;
    let fresh = view.now.since(observed.began) <= view.timing.settle;
    let fields = current(view, observed);
    let own = change.keys().filter(|field| **field != PASSWORD || along.is_none());
    let carried = own.filter_map(|field| capabilities.group(field)).flat_map(|group| group.carried).copied();
    let carried: Vec<&'static str> = carried.chain(along.filter(|_| change.contains_key(PASSWORD))).collect();
    for field in carried {
        if change.contains_key(field) {
            continue;
        }
        let seen = fields.get(field);
        let value = match wanted.fields.get(field) {
            Some(value) if value.agrees(seen) => value.clone(),
            // Unmanaged, or a drift that is only reported: sent back as it is, which must have been read in this very pass.
            _ if !this_pass => return retry::call(view, Action::Get(id.clone(), Lane::Urgent)),
            _ => seen.cloned().unwrap_or(Value::Text(String::new())),
        };
        change.insert(field, value);
    }
    if !fresh {
        return retry::call(view, Action::Get(id.clone(), Lane::Urgent));
    }
    retry::call(view, Action::Update { id: id.clone(), change, cause, differences: texts })
}

fn available(view: &View, observed: Observed<'_>) -> Finding {
    // Only who registers makes calls that an application answers.
    let without = view.registers() && observed.remote.fields.get("app_id").and_then(Value::text) == Some("");
    let note = if without { "; it has no application, so calls that it makes go nowhere (app_id)" } else { "" };
    let what = match &view.adopt {
        None => view.mark.to_string(),
        Some(adopt) if view.observes() => format!("{} {} is observed, nothing is ever written", view.thing.as_str(), adopt.id),
        Some(adopt) => format!("{} {} is adopted", view.thing.as_str(), adopt.id),
    };
    Finding::new(Reason::Available, format!("the provider agrees with the spec ({what}){note}"))
}
