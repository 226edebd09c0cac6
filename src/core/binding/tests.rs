//! Tests of the decisions about numbers: every row of the table, laws, and a small world with two bindings that loses answers and crashes.

mod inheritance;
mod laws;
pub(in crate::core) mod make;
mod sayings;
mod simulation;
mod table;
mod world;
