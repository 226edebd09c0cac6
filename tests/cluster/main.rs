//! Everything that needs the real API server: one program, one control plane.

mod accounts;
mod api_refusals;
mod api_samples;
mod budget;
mod cases;
mod life;
mod many;
mod policies;
mod rest;
mod support;
mod world;
