//! PhoneNumberBindings on the real API server. What was done to a number is asked of the provider's ledger, never of the operator.

mod bind;
mod drift;
mod interrupted;
mod leave;
pub mod line;
mod many;
mod owners;
mod rest;
mod trouble;
