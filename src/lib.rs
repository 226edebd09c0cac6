//! Switchboard.
pub mod account;
pub mod core;
pub mod provider;
