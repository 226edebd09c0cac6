//! What a binding expects the listing of the account's numbers to show; it is woken only by one that shows something else.

use super::view::View;
use crate::api::phone_number_binding::PhoneNumberBindingStatus;
use crate::core::expectation::stalled;
use crate::core::fields::{Fields, Number, diff};
use crate::core::shared::Viewed;

/// What a binding expects. Where a listing shows it, the binding has nothing to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The number as the provider writes it.
    pub number: String,
    /// The desired managed fields.
    pub fields: Fields,
    /// It waits for evidence, or for something to be mended elsewhere: every listing matters.
    pub open: bool,
}

/// After a pass over the object that ended with this status.
pub fn of(view: &View, status: Option<&PhoneNumberBindingStatus>) -> Expectation {
    Expectation {
        number: view.number.clone(),
        fields: view.wanted().cloned().unwrap_or_default(),
        open: view.object.deleting || status.is_some_and(|status| stalled(&status.conditions)) || view.listing_pending(),
    }
}

/// Whether the binding should look at a listing that shows the number so. `complete`: absence from it says something.
pub fn differs(expected: &Expectation, seen: Option<&Number>, complete: bool) -> bool {
    expected.open
        || match seen {
            // Listings may show less than a read does.
            Some(number) => diff(&expected.fields, &number.fields).iter().any(|difference| difference.observed.is_some()),
            None => complete,
        }
}
