//! Decisions, and nothing else: no I/O, no async, no clock, no randomness, no kube. Time, jitter seed and attempt counts are
//! members of the view. Same view, same action.
#![deny(clippy::disallowed_methods)]

pub mod account;
pub mod action;
pub mod binding;
pub mod brake;
pub mod budget;
pub mod call;
pub mod capabilities;
pub mod census;
pub mod desired;
pub mod endpoint;
pub mod evidence;
pub mod expectation;
pub mod fields;
pub mod key;
pub mod lease;
pub mod listing;
pub mod mark;
pub mod memory;
pub mod monitor;
pub mod outcome;
pub mod ownership;
pub mod plan;
pub mod shared;
pub mod sighting;
pub mod status;
pub mod tenancy;
pub mod time;
pub mod trouble;
pub mod trunk_group;
pub mod view;
