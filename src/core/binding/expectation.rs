//! What a binding expects the listing of the account's numbers to show; it is woken only by one that shows something else.

use super::view::View;
use crate::api::phone_number_binding::PhoneNumberBindingStatus;
use crate::core::expectation::stalled;
use crate::core::shared::Viewed;
pub use crate::core::sighting::numbers::{NumberExpectation as Expectation, contradicts as differs};

/// After a pass over the object that ended with this status.
pub fn of(view: &View, status: Option<&PhoneNumberBindingStatus>) -> Expectation {
    Expectation {
        number: view.number.clone(),
        fields: view.wanted().cloned().unwrap_or_default(),
        open: view.object.deleting || status.is_some_and(|status| stalled(&status.conditions)) || view.listing_pending(),
    }
}
