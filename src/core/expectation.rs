//! What an object expects the account's sweep to show; it is woken only by a listing that shows something else.

use crate::api::sip_endpoint::SipEndpointStatus;
use crate::core::fields::Fields;
use crate::core::sighting::Expectation;
use crate::core::view::{Desired, View};

/// After a pass over the object that ended with this status. A drift that is only reported wakes the object with every listing; that
/// costs no call and no write.
pub fn of(view: &View, status: Option<&SipEndpointStatus>) -> Expectation {
    let fields = match &view.desired {
        Desired::Wanted(wanted) => wanted.fields.clone(),
        Desired::Blocked(_) => Fields::new(),
    };
    Expectation {
        id: status.and_then(|status| status.endpoint_id.clone()).or_else(|| view.adopt.as_ref().map(|adopt| adopt.id.clone())),
        username_prefix: match &view.adopt {
            None => view.prefix.as_str().to_ascii_lowercase(),
            Some(_) => String::new(),
        },
        fields,
        registered: status.and_then(|status| status.sip_registered),
        open: view.object.deleting
            || view.open_intent().is_some()
            // What is missed may come back, and then agrees with everything.
            || view.target().is_some_and(|id| view.evidence.missing(id).is_some())
            || view.memory.listing_wanted.is_some_and(|wanted| view.evidence.listings.newest.is_none_or(|newest| newest < wanted)),
    }
}
