//! Everything that needs the real API server: one program, one control plane.

mod accounts;
mod api_refusals;
mod api_samples;
mod budget;
#[cfg_attr(not(feature = "failpoints"), allow(dead_code, reason = "for `kills`"))]
mod cases;
#[cfg(feature = "failpoints")]
mod kills;
mod life;
mod lost_answers;
mod many;
mod observe;
mod policies;
mod rest;
mod support;
#[cfg_attr(not(feature = "failpoints"), allow(dead_code, reason = "for `kills`"))]
mod world;
