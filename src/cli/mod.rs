//! The subcommands of `switchboard`, one module each.
pub mod crds;
