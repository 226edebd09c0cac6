//! Switchboard: a Kubernetes operator for SIP endpoints at telephony providers.
//!
//! * [`api`] the contract with users: kinds, fields, conditions, and the schemas the API server enforces.
//! * [`cli`] one module per subcommand.
pub mod api;
pub mod cli;
