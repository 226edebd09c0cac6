//! What is known of one collection of an account (its endpoints, its numbers, its applications): the newest listing, and the last two
//! that prove absence. Between listings they follow our own answered calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::core::listing::Proof;
use crate::core::sighting::{Collection, Sightings};
use crate::core::time::Moment;

/// One listing with its proof value.
#[derive(Clone, Debug)]
pub struct Snapshot<C = Sightings> {
    /// Counts up by one for each listing of the collection.
    pub seq: u64,
    /// Before its first page was asked for.
    pub began: Moment,
    /// After its last page was answered.
    pub ended: Moment,
    /// What it proves.
    pub proof: Proof,
    /// What it showed, amended by our own calls since. What a create of ours added has no SIP URI and no registration yet.
    pub items: C,
}

impl<C> Snapshot<C> {
    /// Whether absence says something.
    pub fn is_complete(&self) -> bool {
        self.proof.is_complete()
    }
}

/// The listings of a collection at one moment. Cheap to clone; to be dropped soon, since amendments copy what is still looked at.
#[derive(Clone, Debug)]
pub struct SnapshotView<C = Sightings> {
    /// Whatever it proves.
    pub newest: Option<Arc<Snapshot<C>>>,
    /// The last complete one.
    pub complete: Option<Arc<Snapshot<C>>>,
    /// The complete one before that.
    pub complete_before: Option<Arc<Snapshot<C>>>,
    /// A complete listing was taken in this term: creating is allowed (amnesia guard).
    pub term_complete: bool,
    /// When this term began.
    pub term_began: Moment,
}

/// The listings kept of a collection, newest first: the newest, and the last two complete ones.
#[derive(Debug)]
pub(super) struct History<C> {
    kept: Vec<Arc<Snapshot<C>>>,
    published: u64,
    term_began: Moment,
    term_complete: bool,
}

impl<C> Default for History<C> {
    fn default() -> Self {
        Self { kept: Vec::new(), published: 0, term_began: Moment::default(), term_complete: false }
    }
}

impl<C: Collection> History<C> {
    /// A new term: what the listings say stays, but nothing is created before a complete one that begins from now on.
    pub(super) fn begin_term(&mut self, now: Moment) {
        self.term_began = now;
        self.term_complete = false;
    }

    /// A complete listing was taken in this term.
    pub(super) fn term_complete(&self) -> bool {
        self.term_complete
    }

    /// An answered call: all kept listings began before it.
    pub(super) fn amend(&mut self, amendment: &C::Amendment) {
        for snapshot in &mut self.kept {
            Arc::make_mut(snapshot).items.amend(amendment);
        }
    }

    /// A finished listing; `since` are our calls answered since it began, in order.
    pub(super) fn publish(
        &mut self,
        (began, ended): (Moment, Moment),
        proof: Proof,
        items: BTreeMap<String, C::Entry>,
        since: &[C::Amendment],
    ) -> Arc<Snapshot<C>> {
        self.published += 1;
        let mut items = C::of(items, self.kept.first().map(|newest| &newest.items));
        for amendment in since {
            items.amend(amendment);
        }
        let snapshot = Arc::new(Snapshot { seq: self.published, began, ended, proof, items });
        self.term_complete |= proof.is_complete() && began >= self.term_began;
        let mut complete = usize::from(proof.is_complete());
        self.kept.retain(|kept| {
            complete += usize::from(kept.is_complete());
            kept.is_complete() && complete <= 2
        });
        self.kept.insert(0, Arc::clone(&snapshot));
        snapshot
    }

    /// The newest listing, whatever it proves.
    pub(super) fn newest(&self) -> Option<&Snapshot<C>> {
        self.kept.first().map(Arc::as_ref)
    }

    /// The newest complete listing.
    pub(super) fn complete(&self) -> Option<&Snapshot<C>> {
        self.kept.iter().map(Arc::as_ref).find(|kept| kept.is_complete())
    }

    pub(super) fn view(&self) -> SnapshotView<C> {
        let mut complete = self.kept.iter().filter(|kept| kept.is_complete()).cloned();
        SnapshotView {
            newest: self.kept.first().cloned(),
            complete: complete.next(),
            complete_before: complete.next(),
            term_complete: self.term_complete,
            term_began: self.term_began,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fields::{Fields, Remote, Role};
    use crate::core::listing::Spoiled;
    use crate::core::sighting::Amendment;
    use std::time::Duration;

    fn remote(id: &str) -> Remote {
        Remote {
            id: id.into(),
            username: format!("user{id}"),
            sip_uri: None,
            registration: None,
            fields: Fields::new(),
            password_digest: None,
            role: Role::Own,
        }
    }

    fn publish(history: &mut History<Sightings>, at: u64, proof: Proof, ids: &[&str], since: &[Amendment]) {
        let endpoints: BTreeMap<String, Remote> = ids.iter().map(|id| ((*id).to_owned(), remote(id))).collect();
        let at = Moment(Duration::from_secs(at));
        history.publish((at, at + Duration::from_secs(1)), proof, endpoints, since);
    }

    #[test]
    fn the_newest_and_the_last_two_complete_listings_are_kept() {
        let mut history = History::<Sightings>::default();
        let partial = Proof::PresenceOnly(Spoiled::Failed);
        publish(&mut history, 1, partial, &["1"], &[]);
        assert!(!history.view().term_complete);
        for (at, proof) in [(2, Proof::Complete), (3, Proof::Complete), (4, partial), (5, Proof::Complete), (6, partial), (7, partial)] {
            publish(&mut history, at, proof, &["1"], &[]);
        }
        let view = history.view();
        let seq = |snapshot: Option<Arc<Snapshot<Sightings>>>| snapshot.map(|snapshot| snapshot.seq);
        assert_eq!((seq(view.newest), seq(view.complete), seq(view.complete_before)), (Some(7), Some(5), Some(3)));
        assert_eq!(history.kept.len(), 3);
        assert!(view.term_complete);
        history.begin_term(Moment(Duration::from_secs(9)));
        assert!(!history.view().term_complete);
        publish(&mut history, 8, Proof::Complete, &["1"], &[]);
        assert!(!history.view().term_complete, "it began before the term");
        publish(&mut history, 9, Proof::Complete, &["1"], &[]);
        assert!(history.view().term_complete);
    }

    #[test]
    fn answered_calls_amend_all_kept_listings_and_those_that_run() {
        let mut history = History::<Sightings>::default();
        publish(&mut history, 1, Proof::Complete, &["1", "2"], &[]);
        let looked_at = history.view();
        history.amend(&Amendment::Created(remote("3")));
        history.amend(&Amendment::Deleted("1".into()));
        publish(&mut history, 2, Proof::Complete, &["1", "2"], &[Amendment::Deleted("2".into()), Amendment::Created(remote("4"))]);
        let ids = |snapshot: &Option<Arc<Snapshot<Sightings>>>| {
            snapshot.as_ref().map(|snapshot| snapshot.items.iter().map(|remote| remote.id.clone()).collect::<Vec<_>>())
        };
        let view = history.view();
        assert_eq!(ids(&view.newest), Some(vec!["1".to_owned(), "4".to_owned()]));
        assert_eq!(ids(&view.complete_before), Some(vec!["2".to_owned(), "3".to_owned()]));
        assert_eq!(ids(&looked_at.newest), Some(vec!["1".to_owned(), "2".to_owned()]), "a view does not change under its reader");
    }
}
