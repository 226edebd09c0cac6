//! The Plivo simulator from the outside: over HTTP, as a client of the provider and of the admin interface sees it.

mod admin;
mod clients;
mod faults;
mod fixtures;
mod lists;
mod official;
mod program;
mod rules;
#[path = "../shared/mod.rs"]
mod shared;
mod support;
mod switches;
mod tls;
mod wire;
