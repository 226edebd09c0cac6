//! Everything that needs the real API server: one program, one control plane.

mod accounts;
mod admission;
mod adoption;
mod api_refusals;
mod api_samples;
mod audit;
mod brakes;
mod budget;
#[cfg(feature = "failpoints")]
mod canary;
#[cfg(feature = "failpoints")]
mod carrierx;
#[cfg(feature = "failpoints")]
mod carrierx_accounts;
#[cfg_attr(not(feature = "failpoints"), allow(dead_code, reason = "for tests with fail points"))]
mod cases;
mod chart;
mod connection;
mod docs;
#[cfg(feature = "failpoints")]
mod escrow;
#[cfg(feature = "failpoints")]
mod everywhere;
#[cfg(feature = "failpoints")]
mod generated;
mod gitops;
mod import;
mod kills;
#[cfg(feature = "failpoints")]
mod leader;
mod life;
mod listings;
mod lost_answers;
mod lost_races;
mod lost_state;
mod many;
mod metrics;
#[cfg(feature = "failpoints")]
mod monitors;
#[cfg(feature = "failpoints")]
mod namespaces;
mod numbers;
mod observe;
mod plan;
mod policies;
mod provider_ca;
mod proxy;
#[cfg(feature = "failpoints")]
mod rbac;
mod rest;
mod restore;
#[cfg(feature = "failpoints")]
mod role_only;
mod side_by_side;
mod support;
#[cfg(feature = "failpoints")]
mod tenancy;
mod two_operators;
mod uninstall;
#[cfg_attr(not(feature = "failpoints"), allow(dead_code, reason = "for tests with fail points"))]
mod world;
