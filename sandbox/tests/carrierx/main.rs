//! The CarrierX simulator from the outside: over HTTP, as a client of the provider and of the admin interface sees it.

mod admin;
mod faults;
mod fixtures;
mod lists;
mod program;
mod rules;
#[path = "../shared/mod.rs"]
mod shared;
mod support;
mod switches;
mod writes;
