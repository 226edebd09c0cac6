//! What the create protocol takes for granted and cannot enforce, watched while it runs. Nothing here decides what is done: `next`
//! never reads a [`Watch`]. It answers when something was seen that an assumption excludes, and says so in words.
//!
//! A watch lives in the memory of one process. What happened before a restart is not known to it: an intent that its predecessor
//! closed as not executed counts as settled only a settle time after this process first saw it, so a create that takes effect before
//! that is found and healed, but not told here.

use std::time::Duration;

use crate::api::condition::words;
use crate::api::ledger::MAX_TOMBSTONES;
use crate::core::action::{Action, Closed, Release, Why};
use crate::core::outcome::Outcome;
use crate::core::time::Moment;
use crate::core::view::View;

words! {
    /// The assumptions under which an object never has two endpoints at the same instant. Where one is broken, it may have two for a
    /// moment; it ends with one all the same. `docs/design.md` has a section on them.
    pub enum Assumption {
        /// A create has taken effect when the settle time is over.
        LateExecution = "A1",
        /// A create leaves within its share of the settle time after its intent was announced.
        Freeze = "A2",
        /// What was created is visible within its share of the settle time after the answer.
        Visibility = "A3",
    }
}

/// An assumption that was seen broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which one.
    pub assumption: Assumption,
    /// What was seen, what it means, what the operator does, what a person should do.
    pub message: String,
}

/// What one look at the provider taught.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What was seen broken.
    pub broken: Option<Broken>,
    /// An endpoint of ours was seen for the first time: for how long after the answer looks did not show it. Zero if the first look
    /// did. It is a lower bound: between two looks nobody knows.
    pub lag: Option<Duration>,
}

/// What is remembered of one object's name (which is what a mark stands for, whatever objects of that name come and go).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// The present object of that name, and since when this process knows it.
    object: Option<(String, Moment)>,
    /// The nonce of the last intent that was given up as not executed, by this process.
    given_up: Option<String>,
    /// Our last answered create, until it is seen.
    answered: Option<Answered>,
    /// Endpoints that are no surprise any more, the newest last: recorded ones, and those told of.
    known: Vec<String>,
}

/// A create that the provider answered with an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answered {
    id: String,
    at: Moment,
    /// The last look that did not show it began so long after the answer.
    unseen: Duration,
    told: bool,
}

impl Watch {
    /// Our create was answered with this endpoint.
    pub fn answered(&mut self, id: &str, at: Moment) {
        self.answered = Some(Answered { id: id.to_owned(), at, unseen: Duration::ZERO, told: false });
    }

    /// Before each action: learns from what is known now, and from proofs that are about to be relied on.
    pub fn look(&mut self, view: &View, action: &Action) -> Look {
        if self.object.as_ref().is_none_or(|(uid, _)| *uid != view.object.uid) {
            self.object = Some((view.object.uid.clone(), view.now));
            self.answered = None;
        }
        if let Some(recorded) = view.recorded() {
            self.know(recorded.id);
        }
        if let (Action::CloseEpoch(Closed::NotExecuted) | Action::RemoveFinalizer(Release::Clean), Some(intent)) =
            (action, view.open_intent())
        {
            self.given_up = Some(intent.nonce.clone());
        }
        self.first_sight(view)
    }

    /// Whether something is worth keeping when the object goes: the next one of its name has the same mark.
    pub fn outlives(&self) -> bool {
        self.given_up.is_some()
    }

    /// A3, between the answer and the first look that shows the endpoint.
    fn first_sight(&mut self, view: &View) -> Look {
        let Some(answered) = &mut self.answered else { return Look::default() };
        let other = view.recorded().is_some_and(|recorded| recorded.id != answered.id);
        if other || view.memory.deleted.contains_key(&answered.id) {
            self.answered = None;
            return Look::default();
        }
        let (got, listings) = (view.evidence.gets.get(&answered.id), &view.evidence.listings);
        let listed = listings.recorded.as_ref().filter(|seen| seen.remote.id == answered.id).map(|seen| seen.began);
        let read = got.filter(|got| got.found.is_some()).map(|got| got.began);
        if [listed, read].into_iter().flatten().any(|began| began >= answered.at) {
            let lag = Some(answered.unseen);
            self.answered = None;
            return Look { broken: None, lag };
        }
        let missed = got.filter(|got| got.found.is_none()).map(|got| got.began);
        let unlisted = listings.recorded_unlisted.filter(|_| view.recorded().is_some());
        for began in [missed, unlisted].into_iter().flatten() {
            answered.unseen = answered.unseen.max(began.since(answered.at));
        }
        let limit = view.timing.visible();
        if answered.told || answered.unseen <= limit {
            return Look::default();
        }
        answered.told = true;
        let message = format!(
            "endpoint {} was created, but a look {:?} after the answer did not show it; {limit:?} are allowed for. Either the provider shows new \
             endpoints later than --settle allows for, and then the search for a lost create may give up too early and make a second one; \
             or somebody deleted it before it was ever seen, and then nothing is wrong. It is read again, and nothing is created until \
             its absence is proven. If it turns up, raise --settle on all replicas (now {:?}, of which visibility has two fifths)",
            answered.id,
            rounded(answered.unseen),
            view.timing.settle
        );
        Look { broken: Some(Broken { assumption: Assumption::Visibility, message }), lag: None }
    }

    /// A1, after an endpoint that nobody had answered for was recorded, condemned or deleted. The write proved that the view was
    /// the present object, so no intent is overlooked. `unlisted`: when the newest complete listing began that does not show it.
    pub fn wrote(&mut self, view: &View, action: &Action, unlisted: Option<Moment>) -> Option<Broken> {
        let (id, then) = match action {
            Action::WriteTombstone(id) => (id, "It is deleted, the recorded one stays"),
            Action::Record(found) if found.remote.is_some() => (&found.id, "It is recorded"),
            Action::DeleteEndpoint(id, Why::Requested) if view.recorded().is_none_or(|recorded| recorded.id != id) => {
                (id, "It was deleted")
            }
            _ => return None,
        };
        let seen = view.evidence.listings.others.iter().find(|seen| seen.remote.id == *id)?;
        let answered = matches!(&view.memory.own, Some(own) if matches!(&own.answer, Some(Outcome::Done((own, _))) if own == id));
        // An endpoint found for an intent that is still open is that intent's, not that of one given up before.
        let searched =
            matches!(action, Action::Record(_)) && view.open_intent().is_some_and(|open| Some(&open.nonce) != self.given_up.as_ref());
        let given_up = self.given_up.is_some() && !searched;
        let appeared = unlisted.filter(|unlisted| *unlisted < seen.began);
        let late = matches!((self.settled(view), appeared), (Some(settled), Some(unlisted)) if unlisted > settled);
        if answered || self.known.contains(id) || !(given_up || late) {
            return None;
        }
        self.know(id);
        let message = format!(
            "endpoint {id} ({}) turned up although complete listings after the settle time ({:?}) had shown that there is none. Either a \
             create took effect or became visible later than --settle allows for, or somebody else made it: a request delivered twice, \
             another tool, another cluster with this --installation-id. For a moment the object may have had two endpoints. {then}; no \
             action is needed for this object. If the provider is this late, raise --settle on all replicas",
            seen.remote.username, view.timing.settle
        );
        Some(Broken { assumption: Assumption::LateExecution, message })
    }

    fn know(&mut self, id: &str) {
        if !self.known.iter().any(|known| known == id) {
            if self.known.len() >= MAX_TOMBSTONES {
                self.known.remove(0);
            }
            self.known.push(id.to_owned());
        }
    }

    /// When every create for this name that there can have been was settled; `None`: not yet.
    fn settled(&self, view: &View) -> Option<Moment> {
        // Without an intent of its own, the object may have got what a former one of its name began shortly before.
        let since = self.object.as_ref().map(|(_, since)| *since + view.timing.settle).filter(|moment| *moment <= view.now)?;
        if view.intent().is_some() { view.settled() } else { Some(since.max(view.settled()?)) }
    }
}

/// A2: a create whose intent's write `began`, that was `handed` over then, and that `ended` with an answer or none. Not for one that
/// was refused: it made nothing, however late it left.
pub fn sent(view: &View, began: Moment, handed: Moment, ended: Moment) -> Option<Broken> {
    let (issue, whole) = (view.timing.issue(), view.timing.issue() + view.timing.create());
    let seen = match () {
        () if handed.since(began) > issue => {
            format!("the create was sent {:?} after its intent was announced, {issue:?} are allowed for", rounded(handed.since(began)))
        }
        () if ended.since(began) > whole => {
            format!(
                "the create ended {:?} after its intent was announced, and no call takes longer than {whole:?}: it may have left too late",
                rounded(ended.since(began))
            )
        }
        () => return None,
    };
    let message = format!(
        "{seen}. This process stood still in between (frozen, starved of CPU, moved). Another one may have given the intent up \
         meanwhile and created again, so for a moment the object may have two endpoints; a second one is found by its mark and \
         deleted. Look at CPU limits and at what stops or moves the Pod; if that cannot be helped, raise --settle on all replicas (now {:?})",
        view.timing.settle
    );
    Some(Broken { assumption: Assumption::Freeze, message })
}

/// For people: whole milliseconds.
fn rounded(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
