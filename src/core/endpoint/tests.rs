//! Tests of the decisions: every row of the table, laws over arbitrary views, and a small world that loses answers and crashes.

mod adoption;
mod connection;
mod deletion;
mod laws;
pub(in crate::core) mod make;
mod named;
mod phone;
pub(in crate::core) mod provider;
mod rivals;
mod simulation;
mod table;
mod world;
