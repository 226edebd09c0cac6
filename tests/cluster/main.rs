//! Everything that needs the real API server: one program, one control plane.

mod accounts;
mod api_refusals;
mod api_samples;
mod brakes;
mod budget;
#[cfg_attr(not(feature = "failpoints"), allow(dead_code, reason = "for `kills`"))]
mod cases;
#[cfg(feature = "failpoints")]
mod kills;
mod life;
mod listings;
mod lost_answers;
mod lost_races;
mod lost_state;
mod many;
mod observe;
mod policies;
mod proxy;
mod rest;
mod side_by_side;
mod support;
mod two_operators;
#[cfg_attr(not(feature = "failpoints"), allow(dead_code, reason = "for `kills`"))]
mod world;
