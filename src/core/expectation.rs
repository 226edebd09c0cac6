//! What an object expects the account's sweep to show; it is woken only by a listing that shows something else.

use crate::api::condition::{Condition, ConditionType};
use crate::api::sip_endpoint::SipEndpointStatus;
use crate::core::fields::Fields;
use crate::core::shared::Viewed;
use crate::core::sighting::Expectation;
use crate::core::view::{Desired, View};

/// After a pass over the object that ended with this status. One that is stalled (a drift that is only reported, an endpoint that is gone)
/// is woken by every listing, since what it expects is what would mend it; that costs no call and no write.
pub fn of(view: &View, status: Option<&SipEndpointStatus>) -> Expectation {
    let fields = match &view.desired {
        Desired::Wanted(wanted) => wanted.fields.clone(),
        Desired::Blocked(_) | Desired::Unmade(_) => Fields::new(),
    };
    let id = status.and_then(|status| status.endpoint_id.clone()).or_else(|| view.adopt.as_ref().map(|adopt| adopt.id.clone()));
    let managed = matches!(&view.desired, Desired::Wanted(wanted) if wanted.password.is_some());
    let seen = id.as_deref().filter(|_| managed).and_then(|id| view.evidence.observed(id));
    Expectation {
        password: managed.then(|| seen.and_then(|seen| seen.remote.password_digest.clone())),
        id,
        mark: view.adopt.is_none().then(|| view.mark.clone()),
        fields,
        registered: status.and_then(|status| status.sip_registered),
        open: view.object.deleting
            || view.open_intent().is_some()
            || status.is_some_and(|status| stalled(&status.conditions))
            || view.listing_pending(),
    }
}

/// Somebody has to change something, and it may be somebody at the provider.
pub(in crate::core) fn stalled(conditions: &[Condition]) -> bool {
    conditions.iter().any(|condition| condition.type_ == ConditionType::Stalled.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::action::Action;
    use crate::core::endpoint::next;
    use crate::core::endpoint::tests::make::{Start, adopted, adopting, healthy, theirs};
    use crate::core::sighting::{Sightings, differs};
    use crate::core::status;

    /// Whether an object that rests after this view is woken by a complete listing of these.
    fn woken(start: Start, ids: &[&str]) -> bool {
        let view = start.build();
        let (Action::Done(finding) | Action::Wait { finding: Some(finding), .. }) = next(&view) else { panic!("it does not rest") };
        let status = status::report(&view, &finding);
        let endpoints = ids.iter().map(|id| (id.to_string(), theirs(id))).collect();
        differs(&of(&view, Some(&status)), &Sightings::new(endpoints, None), true)
    }

    #[test]
    fn an_adopted_endpoint_is_looked_out_for_by_its_id_and_no_other_by_name() {
        let expected = of(&adopted().build(), Some(&adopted().view.status));
        assert_eq!((expected.id.as_deref(), expected.mark), (Some("e1"), None));
        assert_eq!(of(&adopting().build(), None).id.as_deref(), Some("e1"));
        assert!(of(&healthy().build(), None).mark.is_some());
    }

    #[test]
    fn what_is_wrong_with_an_endpoint_may_be_mended_elsewhere() {
        assert!(!woken(adopted(), &["e1"]), "nothing is wrong");
        assert!(woken(adopting().missing("e1", 999), &["e1"]), "it appears");
        let gone = || adopted().missing("e1", 995).listed(996, &[]).listed(998, &[]);
        assert!(woken(gone(), &["e1"]), "it is back");
        let mut hacked = theirs("e1");
        hacked.fields.insert("alias", crate::core::endpoint::tests::make::text("hacked"));
        assert!(woken(adopted().observe().got_remote(995, hacked), &["e1"]), "it agrees again");
    }
}
