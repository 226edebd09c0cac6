//! Everything that needs the real API server: one program, one control plane.

mod api_refusals;
mod api_samples;
mod cases;
#[cfg(feature = "failpoints")]
mod kills;
mod life;
mod lost_answers;
mod support;
mod world;
