//! A telephony provider on one machine, for trying out Switchboard and for its tests.

pub mod admin_client;
pub mod cli_plivo;
pub mod faults;
pub mod http;
pub mod plivo;
