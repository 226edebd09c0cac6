//! Everything that needs the real API server: one program, one control plane.

mod api_refusals;
mod api_samples;
mod cases;
mod life;
mod listings;
mod lost_races;
mod lost_state;
mod proxy;
mod support;
mod two_operators;
mod world;
