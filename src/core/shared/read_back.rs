//! An update that was answered has to be seen: a provider that answers "changed" may show it later, in another form, or never.

use std::time::Duration;

use super::{Viewed, retry};
use crate::api::condition::Reason;
use crate::core::action::{Action, Finding};
use crate::core::budget::Lane;
use crate::core::fields::{Fields, Value};
use crate::core::time::Moment;
use crate::core::view::Updated;

/// So often the same values are sent before it is believed that the provider shows them in another form.
pub const ENOUGH: u32 = 2;

/// What became of an update, as last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When the newest look at it began.
    pub began: Moment,
    /// It, or an earlier look by id that was later than the update, was by id.
    pub by_id: bool,
    /// What was sent and is not shown. Empty also if it is not wanted any more: then a new update is due at once.
    pub unseen: Vec<&'static str>,
}

/// What an update turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Read it, or wait for it.
    Look(Action),
    /// The values of these fields were accepted twice and are shown differently: they are not sent for their own sake again.
    Normalised(Vec<&'static str>),
}

/// What has to happen before anything is decided on top of this update of `id`; `None`: it is settled, go on comparing.
pub fn judge(view: &impl Viewed, id: &str, update: &Updated, seen: Seen) -> Option<Verdict> {
    let read = || Some(Verdict::Look(retry::call(view, Action::Get(id.to_owned(), Lane::Urgent))));
    if seen.began < update.at || !seen.by_id {
        return read();
    }
    if seen.unseen.is_empty() {
        return None;
    }
    let visible = update.at + view.timing().visible();
    if view.now() < visible {
        let unseen = seen.unseen.join(", ");
        let message = format!("the provider accepted a new {unseen} but does not show it yet; it is read again before anything is sent");
        let reason = if view.object().deleting { Reason::Deleting } else { Reason::Progressing };
        return Some(Verdict::Look(Action::Wait { until: Some(visible), finding: Some(Finding::new(reason, message)) }));
    }
    if seen.began < visible {
        return read();
    }
    (update.times >= ENOUGH).then_some(Verdict::Normalised(seen.unseen))
}

/// What to say of fields that the provider shows in its own way.
pub fn normalised(fields: &[&str]) -> Finding {
    let fields = fields.join(", ");
    Finding::new(
        Reason::ProviderNormalisedValue,
        format!(
            "the provider accepted {fields} twice and shows another value both times; it is not sent again. Write the value that the provider shows into the spec, or look at it in the console"
        ),
    )
}

/// The fields of a change that are not shown.
pub fn unseen<'a>(change: &'a Fields, shown: &'a Fields) -> impl Iterator<Item = &'static str> + use<'a> {
    change.iter().filter(|(field, value)| !value.agrees(shown.get(*field))).map(|(field, _)| *field)
}

/// What was sent often enough, and came back in another form. Which fields that were is settled by the first look after the last of those
/// updates had to be visible: what differs later was changed by others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Normalised(Fields);

impl Normalised {
    /// The wanted fields among them that still are shown in another form.
    pub fn still(&self, wanted: &Fields, shown: &Fields) -> Vec<&'static str> {
        unseen(&self.0, shown).filter(|field| wanted.get(*field) == self.0.get(*field)).collect()
    }

    /// A look by id that began then shows this; true if that settles what became of the update.
    pub fn settled(&mut self, update: &Updated, visible: Duration, began: Moment, shown: &Fields) -> bool {
        if update.times < ENOUGH || began < update.at + visible {
            return false;
        }
        let before = self.0.len();
        // What is not shown, which a secret never is, did not come back at all.
        let differs = |field: &str, value: &Value| shown.get(field).is_some_and(|shown| !value.agrees(Some(shown)));
        let came_back = update.change.iter().filter(|(field, value)| differs(field, value));
        self.0.extend(came_back.map(|(field, value)| (*field, value.clone())));
        self.0.len() > before
    }

    /// Something is sent: other values of these fields are new questions.
    pub fn sending(&mut self, change: &Fields) {
        self.0.retain(|field, value| change.get(*field).is_none_or(|now| now == value));
    }
}
