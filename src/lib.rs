//! Switchboard: SIP endpoints and phone numbers as Kubernetes objects.
//!
//! ```text
//! watch ─► gather ─► desired ─► observe ─► next ─► execute ─┐
//!  kube     I/O       pure       I/O       pure     I/O      │ the outcome goes into the view, `next` is asked again,
//!                                           ▲────────────────┘ until it answers Wait or Done
//!                                           └─► status (pure) ─► report (I/O, written only if it differs)
//! ```
//!
//! The modules, in the order in which they may use each other: `api ← core ← provider ← account ← controller ← cli`.

pub mod account;
pub mod api;
pub mod cli;
pub mod controller;
pub mod core;
pub mod provider;

pub mod failpoint;
pub mod metrics;
pub mod server;
pub mod telemetry;
