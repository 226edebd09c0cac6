//! Switchboard.
pub mod core;
pub mod provider;
