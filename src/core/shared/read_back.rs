//! An update that was answered has to be seen: a provider that answers "changed" may show it later, in another form, or never.

use super::{Viewed, retry};
use crate::api::condition::Reason;
use crate::core::action::{Action, Finding};
use crate::core::budget::Lane;
use crate::core::time::Moment;
use crate::core::view::Updated;

/// What became of an update, as last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// When the newest look at it began.
    pub began: Moment,
    /// It, or an earlier look by id that was later than the update, was by id.
    pub by_id: bool,
    /// What was sent and is not shown. Empty also if it is not wanted any more: then a new update is due at once.
    pub unseen: Vec<&'a str>,
}

/// What an update turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Read it, or wait for it.
    Look(Action),
    /// The same values were accepted twice and are shown differently; what to say.
    Normalised(Finding),
}

/// What has to happen before anything is decided on top of this update of `id`; `None`: it is settled, go on comparing.
pub fn judge(view: &impl Viewed, id: &str, update: &Updated, seen: &Seen<'_>) -> Option<Verdict> {
    let read = || Some(Verdict::Look(retry::call(view, Action::Get(id.to_owned(), Lane::Urgent))));
    if seen.began < update.at || !seen.by_id {
        return read();
    }
    if seen.unseen.is_empty() {
        return None;
    }
    let unseen = seen.unseen.join(", ");
    let visible = update.at + view.timing().visible();
    if view.now() < visible {
        let message = format!("the provider accepted a new {unseen} but does not show it yet; it is read again before anything is sent");
        let reason = if view.object().deleting { Reason::Deleting } else { Reason::Progressing };
        return Some(Verdict::Look(Action::Wait { until: Some(visible), finding: Some(Finding::new(reason, message)) }));
    }
    if seen.began < visible {
        return read();
    }
    (update.times >= 2).then(|| {
        Verdict::Normalised(Finding::new(
            Reason::ProviderNormalisedValue,
            format!(
                "the provider accepted {unseen} twice and shows another value both times; it is not sent again. Write the value that the provider shows into the spec, or look at it in the console"
            ),
        ))
    })
}
